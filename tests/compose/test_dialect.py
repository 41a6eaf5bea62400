"""What differs between the releases of Docker Compose that files can be read as, and how one of them is chosen."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import convert
from compose2fargate.compose.dialect import CURRENT, DIALECTS, KEYS, UNRELEASED, Change
from compose2fargate.compose.loader import LoadedProject, LoadOptions, load_project
from compose2fargate.compose.yaml.yaml_output import to_json
from compose2fargate.diagnostics import LoadError, UsageError
from compose2fargate.schema_files import read_schema
from compose2fargate.settings import OPTIONS
from tests.compose.conftest import LoadFiles
from tests.conftest import ROOT, Program

Files = Mapping[str, str]


def at(loaded: LoadedProject, path: str) -> Any:
    """Give what stands at a path of the canonical tree, its steps joined by slashes."""
    value: Any = loaded.tree
    for step in path.split("/"):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


# What releases of 5 read, and 2.40 refuses ------------------------------------------------------------------

INCLUDED = "services: {db: {image: 'db:1', ports: ['1:1'], volumes: ['./data:/d'], networks: [n]}}\nnetworks: {n: {}}\n"

READ: dict[str, tuple[Files, str, Any]] = {
    "an included service is overridden": (
        {
            "compose.yaml": "include: [sub/i.yaml]\nservices: {db: {ports: ['2:2'], labels: {a: b}}}",
            "sub/i.yaml": INCLUDED,
        },
        "services/db/ports",
        [
            {"mode": "ingress", "target": 1, "published": "1", "protocol": "tcp"},
            {"mode": "ingress", "target": 2, "published": "2", "protocol": "tcp"},
        ],
    ),
    "an included network is overridden": (
        {
            "compose.yaml": "include: [i.yaml]\nnetworks: {n: {driver: bridge}}",
            "i.yaml": INCLUDED.replace("n: {}", "n: {internal: true}"),
        },
        "networks/n",
        {"name": "app_n", "driver": "bridge", "ipam": {}, "internal": True},
    ),
    "an included volume is overridden": (
        {
            "compose.yaml": "include: [i.yaml]\nvolumes: {data: {driver_opts: {b: '2'}}}",
            "i.yaml": "services: {db: {image: i, volumes: ['data:/v']}}\nvolumes: {data: {driver_opts: {a: '1'}}}",
        },
        "volumes/data/driver_opts",
        {"a": "1", "b": "2"},
    ),
    "an included service is extended": (
        {
            "compose.yaml": "include: [sub/i.yaml]\nservices: {web: {extends: db, command: [x]}}",
            "sub/i.yaml": INCLUDED,
        },
        "services/web/volumes/0/source",
        "${HERE}/sub/data",
    ),
    "a required variable is not used": (
        {"compose.yaml": 'services: {web: {image: "${A:-${B:?nobody asks}}${E:+${B?}}"}}'},
        "services/web/image",
        "a",
    ),
    "a dependency is required by a variable": (
        {
            "compose.yaml": "services:\n  web:\n    image: i\n    depends_on:\n      db: {condition: service_started,"
            " required: '${YES}', restart: '${NO}'}\n  db: {image: i}"
        },
        "services/web/depends_on/db",
        {"condition": "service_started", "required": True},
    ),
    "swap is not limited": (
        {"compose.yaml": "services: {web: {image: i, mem_limit: 1g, memswap_limit: '-1'}}"},
        "services/web/memswap_limit",
        "-1",
    ),
    "stages are built anew": (
        {"compose.yaml": "services: {web: {build: {context: ., no_cache_filter: base}}}"},
        "services/web/build/no_cache_filter",
        ["base"],
    ),
    "something runs before the start": (
        {"compose.yaml": "services: {web: {image: i, pre_start: [{command: migrate --up, per_replica: true}]}}"},
        "services/web/pre_start",
        [{"command": ["migrate", "--up"], "image": "i", "per_replica": True}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_releases_of_5_read_is_read_and_refused_in_2_40(name: str, load_files: LoadFiles) -> None:
    files, path, expected = READ[name]
    environment = {"A": "a", "E": "", "YES": "true", "NO": "off"}
    loaded = load_files(files, env=environment, compose_files=("compose.yaml",))
    assert loaded.compose_version == "5.5"
    found = at(loaded, path)
    assert found == (
        expected.replace("${HERE}", loaded.working_dir) if isinstance(expected, str) else expected
    )
    with pytest.raises(LoadError):
        load_files(files, env=environment, compose_files=("compose.yaml",), compose_version="2.40")


def test_an_env_file_may_be_in_the_home_directory(program: Program, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x.env").write_text("TAG=7", "utf-8")
    (tmp_path / "compose.yaml").write_text("services: {web: {image: 'i:${TAG}'}}", "utf-8")
    env = {"HOME": str(tmp_path / "home")}
    for chosen in (("--env-file", "~/x.env"), ()):
        again = env if chosen else {**env, "COMPOSE_ENV_FILES": "~/x.env"}
        done = program(*chosen, "config", "--images", cwd=tmp_path, env=again)
        assert (done.status, done.out) == (0, "i:7\n")
        assert program(*chosen, "--compose-version", "2.40", "config", cwd=tmp_path, env=again).status == 2


# What is printed otherwise ----------------------------------------------------------------------------------

PRINTED: dict[str, tuple[str, str, Any, Any]] = {
    "short mount": ("volumes: ['./d:/d']", "volumes/0/bind", {}, {"create_host_path": True}),
    "long mount": ("volumes: [{type: bind, source: ./d, target: /d, bind: {propagation: rslave}}]",
                   "volumes/0/bind", {"propagation": "rslave"}, {"propagation": "rslave"}),
    "host path": ("volumes: [{type: bind, source: ./d, target: /d, bind: {create_host_path: false}}]",
                  "volumes/0/bind", {"create_host_path": False}, {}),
    "tab and line break": (r"command: a\tb c\nd", "command", ["a\tb", "c\nd"], ["atb", "cnd"]),
    "minus zero": ("labels: {z: -0}", "labels", {"z": "-0"}, {"z": "0"}),
    "closed": ("command: [a b, c:d]", "command", ["a b", "c:d"], ["a b", "c:d"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_otherwise(name: str, load_files: LoadFiles) -> None:
    keys, path, now, before = PRINTED[name]
    text = f"services:\n  web:\n    image: i\n    {keys}\n"
    assert at(load_files(text), f"services/web/{path}") == now
    assert at(load_files(text, compose_version="2.40"), f"services/web/{path}") == before


def test_options_of_address_pools_are_kept(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i}}\nnetworks: {default: {ipam: {options: {a: 1}}}}"
    with pytest.raises(LoadError):
        load_files(text)
    text = text.replace("1", "'1'")
    assert at(load_files(text), "networks/default/ipam") == {"options": {"a": "1"}}
    older = load_files(text, compose_version="2.40")
    assert at(older, "networks/default/ipam") == {}
    assert ("networks", "default", "ipam", "options") in [dropped.path for dropped in older.dropped]


@pytest.mark.parametrize("keys", ["environment: {D: 2024-01-02}", "labels: {D: 2024-01-02 10:00:00.5}"])
def test_a_date_is_printed_as_go_prints_it(keys: str, load_files: LoadFiles) -> None:
    text = f"services: {{web: {{image: i, {keys}}}}}"
    key = keys.partition(":")[0]
    clock = "10:00:00.5" if "10" in keys else "00:00:00"
    assert at(load_files(text), f"services/web/{key}/D") == f"2024-01-02 {clock} +0000 UTC"
    with pytest.raises(LoadError):
        load_files(text, compose_version="2.40")


def test_an_unquoted_parenthesis_that_closes_nothing_is_refused(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i, command: 'echo a) b)'}}"
    with pytest.raises(LoadError, match="a parenthesis"):
        load_files(text)
    assert at(load_files(text, compose_version="2.40"), "services/web/command") == ["echo", "a) b)"]


def test_of_two_includes_the_first_one_wins(load_files: LoadFiles) -> None:
    files = {
        "compose.yaml": "include: [a.yaml, b.yaml]",
        "a.yaml": "services: {db: {image: a}}",
        "b.yaml": "services: {db: {image: b, user: 'b'}}",
    }
    loaded = load_files(files)
    assert at(loaded, "services/db/image") == "a"
    assert at(loaded, "services/db/user") == "b"
    assert str(load_files(files).marks["services"][3]["db"][3]["user"][0]) == "b.yaml"  # type: ignore[index]


def test_tags_of_the_including_file_count_inside_of_an_included_service(load_files: LoadFiles) -> None:
    files = {
        "compose.yaml": "include: [a.yaml]\nservices:\n  db: {ports: !reset [], environment: !override {B: '2'}}\n"
        "  whole: !override {user: x}",
        "a.yaml": "services:\n  db: {image: a, ports: ['1:1'], environment: {A: '1'}}\n  whole: {image: w}",
    }
    loaded = load_files(files)
    assert at(loaded, "services/db/environment") == {"B": "2"}
    assert "ports" not in at(loaded, "services/db")
    assert at(loaded, "services/whole/image") == "w"


def test_a_document_with_too_many_values_is_refused_with_its_place(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i}}\nx-many: [" + "1," * 100_000 + "]"
    with pytest.raises(LoadError, match="more than 100000 values"):
        load_files(text)
    assert load_files(text, compose_version="2.40")


@pytest.mark.parametrize("raw", [True, False])
def test_an_empty_list_is_one_in_json(raw: bool, load_files: LoadFiles) -> None:
    text = "services: {web: {image: i, environment: [], x-a: []}}\nx-b: {c: [[]]}"
    for version, empty in (("5.5", []), ("2.40", None)):
        loaded = load_files(text, interpolate=not raw, compose_version=version)
        printed = json.loads(to_json(loaded.tree, raw=raw, dialect=DIALECTS[version]))
        assert printed["x-b"] == {"c": [empty]}
        if raw:
            assert printed["services"]["web"]["x-a"] == empty
            assert printed["services"]["web"]["environment"] is None


def test_services_that_are_ignored_without_interpolation_are_warned_about(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i}, db: {image: i}}"
    loaded = load_files(text, interpolate=False, services=("web",))
    assert [found.code for found in loaded.diagnostics] == ["C2F166"]
    assert loaded.tree["services"].keys() == {"web", "db"}
    assert not load_files(text, interpolate=False, services=("web",), compose_version="2.40").diagnostics


CONTROLS = "\x7f\x80\x84\x92\x9f"


def test_control_characters_above_ascii_are_text(load_files: LoadFiles) -> None:
    text = f"services:\n  web:\n    image: i\n    # it\x92s\n    labels: {{a{CONTROLS}: '{CONTROLS}\U000f0000', b: c}}\n"
    found = at(load_files(text), "services/web/labels")
    assert found == {f"a{CONTROLS}": f"{CONTROLS}\U000f0000", "b": "c"}
    with pytest.raises(LoadError, match=r"U\+0092"):
        load_files(text, compose_version="2.40")
    with pytest.raises(LoadError, match=r"U\+0007"):
        load_files(text + "x-a: '\x07'")
    with pytest.raises(LoadError) as caught:
        load_files(text + "bad\n")
    assert caught.value.diagnostics[0].location is not None
    assert caught.value.diagnostics[0].location.line == 6


# What is listed ---------------------------------------------------------------------------------------------

LISTED = """\
services:
  web:
    image: app
    env_file: [web.env]
    pre_start: [{command: a}, {command: b, image: tools}, {command: c, image: app}]
  built: {build: ., pre_start: [{command: a}]}
  odd: {image: odd, profiles: [p], env_file: [missing.env]}
"""


def listed(program: Program, folder: Path, version: str, *options: str) -> tuple[int, str]:
    done = program("--compose-version", version, "config", *options, cwd=folder)
    return done.status, done.out


@pytest.fixture
def listed_project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(f"name: app\n{LISTED}", "utf-8")
    (tmp_path / "web.env").write_text("A=1\n", "utf-8")
    return tmp_path


def test_the_images_of_hooks_are_listed(program: Program, listed_project: Path) -> None:
    assert listed(program, listed_project, "5.5", "--images") == (0, "app-built\napp\ntools\n")
    without = LISTED.replace("pre_start", "x-pre_start")
    (listed_project / "compose.yaml").write_text(f"name: app\n{without}", "utf-8")
    assert listed(program, listed_project, "2.40", "--images") == (0, "app-built\napp\n")


@pytest.mark.parametrize("option", ["--images", "--profiles"])
def test_a_listing_of_images_or_profiles_reads_the_env_files_of_active_services(
    option: str, program: Program, listed_project: Path
) -> None:
    assert listed(program, listed_project, "5.5", option)[0] == 0
    (listed_project / "web.env").unlink()
    assert listed(program, listed_project, "5.5", option)[0] == 2
    assert listed(program, listed_project, "5.5", option, "--no-env-resolution")[0] == 0
    assert listed(program, listed_project, "5.5", "--services")[0] == 0
    text = (listed_project / "compose.yaml").read_text("utf-8").replace("pre_start", "x-pre_start")
    (listed_project / "compose.yaml").write_text(text, "utf-8")
    assert listed(program, listed_project, "2.40", option)[0] == 0


def test_a_hash_is_that_of_a_service_with_its_env_files(program: Program, listed_project: Path) -> None:
    text = "services: {web: {image: i, env_file: [web.env]}, odd: {image: i, env_file: [missing.env]}}"
    (listed_project / "compose.yaml").write_text(text, "utf-8")
    status, with_file = listed(program, listed_project, "5.5", "--hash", "web,web")
    assert status == 0
    assert with_file.count("\n") == 1
    assert listed(program, listed_project, "5.5", "--hash", "*")[0] == 2
    assert listed(program, listed_project, "5.5", "--hash", "*", "--no-env-resolution")[0] == 0
    assert listed(program, listed_project, "2.40", "--hash", "*")[0] == 0
    (listed_project / "compose.yaml").write_text(
        "services: {web: {image: i, environment: {A: '1'}}}", "utf-8"
    )
    assert listed(program, listed_project, "5.5", "--hash", "web") == (0, with_file)


# The table --------------------------------------------------------------------------------------------------


def test_each_change_is_in_the_newer_dialect_only_and_consulted_by_a_pass() -> None:
    assert DIALECTS["2.40"].changes == frozenset()
    assert CURRENT.changes == frozenset(Change)
    consulted = set()
    for file in (ROOT / "compose2fargate").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Change"
            ):
                consulted.add(node.attr)
    assert consulted == {change.name for change in Change}


def test_no_code_asks_for_a_version() -> None:
    for file in (ROOT / "compose2fargate" / "compose").glob("*.py"):
        if file.name != "dialect.py":
            assert ".version ==" not in file.read_text("utf-8"), file


def test_the_dialects_are_the_same_in_the_table_the_setting_and_the_schema() -> None:
    (option,) = (option for option in OPTIONS if option.name == "compose_version")
    schema = read_schema("x-fargate")["definitions"]["project"]["properties"]["compose_version"]
    assert list(option.choices) == schema["enum"] == list(DIALECTS)
    assert not UNRELEASED & {path[-1] for path in KEYS}


# How one is chosen ------------------------------------------------------------------------------------------

LAZY = "services: {web: {image: 'i${A-${B?}}'}}\n"


@pytest.mark.parametrize("before", [("--compose-version", "2.40"), ()])
def test_a_flag_or_a_variable_chooses(before: tuple[str, ...], program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(LAZY, "utf-8")
    environment = {"A": "", **({} if before else {"COMPOSE2FARGATE_COMPOSE_VERSION": "2.40"})}
    assert program("config", cwd=tmp_path, env={"A": ""}).status == 0
    for command in (("config",), ("convert", "--output", "-")):
        assert program(*before, *command, cwd=tmp_path, env=environment).status == 2
        assert program(*command, *before, cwd=tmp_path, env=environment).status == 2
    assert program("config", "--compose-version=5.5", cwd=tmp_path, env=environment).status == 0


def test_the_file_chooses_unless_a_flag_does(load_files: LoadFiles) -> None:
    text = LAZY + "x-fargate: {compose_version: '2.40'}\n"
    with pytest.raises(LoadError, match="required variable B"):
        load_files(text, env={"A": ""})
    assert load_files(text, env={"A": ""}, compose_version="5.5").compose_version == "5.5"
    assert load_files(text, env={"A": "", "B": ""}).compose_version == "2.40"
    two = {"compose.yaml": text, "o.yaml": "x-fargate: {compose_version: '5.5'}"}
    assert load_files(two, env={"A": ""}).compose_version == "5.5"


def test_a_file_from_standard_input_chooses_too(tmp_path: Path) -> None:
    text = "name: app\nx-fargate: {compose_version: '2.40'}\nservices: {web: {image: i, labels: {a: -0}}}\n"
    loaded = load_project(LoadOptions(files=("-",), cwd=str(tmp_path)), stdin=StringIO(text))
    assert loaded.compose_version == "2.40"
    assert at(loaded, "services/web/labels") == {"a": "0"}


def test_a_release_that_is_not_known_is_refused(load_files: LoadFiles) -> None:
    with pytest.raises(UsageError, match=r"'5\.1' is not one of 5\.5, 2\.40"):
        load_files(LAZY, compose_version="5.1")
    with pytest.raises(LoadError) as caught:
        load_files(LAZY + "x-fargate:\n  compose_version: 2.40\n")
    (found,) = caught.value.diagnostics
    assert (found.code, str(found.location)) == ("C2F143", "compose.yaml:3:3")
    assert "quotes" in found.hint


@pytest.mark.parametrize("chosen", ["", "2.40"])
def test_the_manifest_records_what_was_chosen(chosen: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: i}}", "utf-8")
    options = LoadOptions(files=("compose.yaml",), cwd=str(tmp_path), compose_version=chosen)
    made = convert(options, {"region": "eu-central-1"})
    manifest = made.artifacts["compose2fargate.json"]
    assert ('"compose_version": "2.40"' in manifest) is bool(chosen)


def test_the_manifest_names_the_env_file_in_the_home_directory_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x.env").write_text("TAG=7", "utf-8")
    (tmp_path / "compose.yaml").write_text("services: {web: {image: 'i:${TAG}'}}", "utf-8")
    home = {"HOME": str(tmp_path / "home")}
    options = LoadOptions(
        files=("compose.yaml",), env_files=("~/x.env",), cwd=str(tmp_path), environment=home
    )
    manifest = json.loads(convert(options, {"region": "eu-central-1"}).artifacts["compose2fargate.json"])
    assert [file.removeprefix("../") for file in manifest["options"]["env_files"]] == ["home/x.env"]
