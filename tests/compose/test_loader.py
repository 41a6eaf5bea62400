from __future__ import annotations

import gc
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.compose.loader import LoadOptions, load_project
from compose2fargate.compose.sources.source_files import locate
from compose2fargate.diagnostics import LoadError, Severity
from tests.compose.conftest import LoadFiles

WEB = "services: {web: {image: nginx}}"


def problems(load_files: LoadFiles, files: dict[str, str] | str, **options: Any) -> list[Any]:
    with pytest.raises(LoadError) as caught:
        load_files(files, **options)
    return list(caught.value.diagnostics)


def test_the_smallest_project_gets_what_is_implied(load_files: LoadFiles) -> None:
    loaded = load_files(WEB)
    assert loaded.tree == {
        "name": "app",
        "services": {
            "web": {"command": None, "entrypoint": None, "image": "nginx", "networks": {"default": None}}
        },
        "networks": {"default": {"name": "app_default", "ipam": {}}},
    }
    assert loaded.files == ("compose.yaml",)
    assert loaded.diagnostics == ()


def test_a_file_is_read_from_standard_input(tmp_path: Path) -> None:
    options = LoadOptions(files=("-",), project_name="app", cwd=str(tmp_path), environment={})
    loaded = load_project(options, stdin=StringIO(WEB))
    assert loaded.tree["services"]["web"]["image"] == "nginx"
    assert loaded.working_dir == str(tmp_path)


def test_the_garbage_collector_is_left_as_it_was(load_files: LoadFiles) -> None:
    load_files(WEB)
    assert gc.isenabled()
    gc.disable()
    try:
        load_files(WEB)
        assert not gc.isenabled()
    finally:
        gc.enable()


# Merging files


def test_documents_and_files_are_merged_in_order(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: a, user: a}}\n---\nservices: {web: {user: b, labels: [x=1]}}",
            "o.yaml": "services: {web: {labels: {y: 2}, command: c}}",
            "o2.yaml": "services: {web: {command: !reset null, labels: !override [z=3]}}",
        }
    )
    web = loaded.tree["services"]["web"]
    assert (web["image"], web["user"], web["command"], web["labels"]) == ("a", "b", None, {"z": "3"})


def test_paths_of_all_files_start_from_the_first_ones_directory(load_files: LoadFiles) -> None:
    loaded = load_files(
        {"compose.yaml": WEB, "sub/o.yaml": "services: {web: {volumes: ['./x:/x']}}"},
        compose_files=("compose.yaml", "sub/o.yaml"),
    )
    assert loaded.tree["services"]["web"]["volumes"][0]["source"] == f"{loaded.working_dir}/x"


def test_the_schema_is_asked_about_each_file_with_what_is_below(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: i, depends_on: [db]}, db: {image: i}}",
            "o.yaml": "services: {web: {depends_on: {db: {restart: true}}}}",
        }
    )
    assert loaded.tree["services"]["web"]["depends_on"]["db"] == {
        "condition": "service_started",
        "restart": True,
        "required": True,
    }


def test_ports_that_only_meet_in_long_syntax_are_merged(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: i, ports: ['80-81:80-81']}}",
            "o.yaml": "services: {web: {ports: ['81:81', '82:82']}}",
        }
    )
    assert [port["target"] for port in loaded.tree["services"]["web"]["ports"]] == [80, 81, 82]


def test_all_problems_of_a_pass_are_reported(load_files: LoadFiles) -> None:
    found = problems(load_files, "services:\n  a: {image: 1}\n  b: {image: i, nope: 1}\nfoo: 1\n")
    assert [d.location.line for d in found] == [2, 3, 4]


def test_warnings_are_reported_with_the_errors(load_files: LoadFiles) -> None:
    found = problems(load_files, "services: {web: {image: '${TAG}', nope: 1}}")
    assert {d.severity for d in found} == {Severity.WARNING, Severity.ERROR}


def test_the_obsolete_version_is_a_warning(load_files: LoadFiles) -> None:
    loaded = load_files(f"version: '3'\n{WEB}")
    assert [(d.code, str(d.location)) for d in loaded.diagnostics] == [("C2F165", "compose.yaml:1:1")]
    assert "version" not in loaded.tree


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_project_is_refused(text: str, load_files: LoadFiles) -> None:
    assert [d.code for d in problems(load_files, text)] == ["C2F112"]


# Variables


def test_variables_that_were_used_are_listed(load_files: LoadFiles) -> None:
    loaded = load_files(
        {"compose.yaml": "services: {web: {image: 'a${A}${N-}'}}", ".env": "A=1\nB=2"}, env={"C": "3"}
    )
    assert loaded.variables == {"A": "1", "N": None}
    assert loaded.environment["B"] == "2"
    assert loaded.environment["COMPOSE_PROJECT_NAME"] == "app"
    assert loaded.files == (".env", "compose.yaml")


def test_env_files_are_merged_below_the_services_own_variables(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services:\n  web:\n    image: i\n    env_file: [a.env, b.env]\n"
            "    environment:\n      OWN: 1\n      UNSET:\n",
            "a.env": "A=a\nOWN=a\nUNSET=a\nFROM_OWN=${OWN}\nFROM_PROJECT=${P}",
            "b.env": "\nA=b\nFROM_A=${A}",
        },
        env={"P": "p"},
    )
    assert loaded.tree["services"]["web"]["environment"] == {
        "A": "b",
        "FROM_A": "b",
        "FROM_OWN": "1",
        "FROM_PROJECT": "p",
        "OWN": "1",
        "UNSET": None,
    }
    places = {
        key: str(locate(loaded.marks, ("services", "web", "environment", key)))
        for key in ("A", "FROM_A", "OWN")
    }
    assert places == {"A": "b.env:2:1", "FROM_A": "b.env:3:1", "OWN": "compose.yaml:6:7"}
    assert "env_file" not in loaded.tree["services"]["web"]
    assert loaded.files == ("compose.yaml", "a.env", "b.env")


def test_a_missing_env_file_is_refused_unless_it_is_optional(load_files: LoadFiles) -> None:
    optional = "services: {web: {image: i, env_file: [{path: no.env, required: false}]}}"
    assert "environment" not in load_files(optional).tree["services"]["web"]
    (found,) = problems(load_files, "services:\n  web:\n    image: i\n    env_file: no.env\n")
    assert (found.code, str(found.location)) == ("C2F164", "compose.yaml:4:5")


def test_problems_in_env_files_are_all_reported_and_say_who_reads_them(load_files: LoadFiles) -> None:
    files = {
        "compose.yaml": "services:\n  web:\n    image: i\n    env_file: [a.env, b.env, no.env]\n",
        "a.env": "A=1\nB C=1\n",
        "b.env": "D=${",
    }
    found = {str(d.location): d.trail for d in problems(load_files, files)}
    assert found == {
        "a.env:2:1": ("read from compose.yaml:4:16",),
        "b.env:1:3": ("read from compose.yaml:4:23",),
        "compose.yaml:4:30": (),
    }


def test_an_env_file_of_unknown_format_is_refused(load_files: LoadFiles) -> None:
    files = {
        "compose.yaml": "services: {web: {image: i, env_file: [{path: a.env, format: toml}]}}",
        "a.env": "",
    }
    assert [d.code for d in problems(load_files, files)] == ["C2F164"]


def test_a_raw_env_file_is_taken_literally(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: i, env_file: [{path: a.env, format: raw}]}}",
            "a.env": "A='$B' # c",
        }
    )
    assert loaded.tree["services"]["web"]["environment"] == {"A": "'$B' # c"}


def test_label_files_are_below_the_services_own_labels(load_files: LoadFiles) -> None:
    loaded = load_files(
        {
            "compose.yaml": "services: {web: {image: i, label_file: a.labels, labels: [own=1]}}",
            "a.labels": "own=2\nfile=${own}3",
        }
    )
    assert loaded.tree["services"]["web"]["labels"] == {"file": "23", "own": "1"}


def test_variables_in_an_env_file_that_are_not_set_are_warnings(load_files: LoadFiles) -> None:
    loaded = load_files(
        {"compose.yaml": "services: {web: {image: i, env_file: a.env}}", "a.env": "A=${NOPE}"}
    )
    assert [d.code for d in loaded.diagnostics] == ["C2F120"]


# The name


@pytest.mark.parametrize(
    ("text", "env", "name"),
    [
        (WEB, {}, "my-project"),
        (f"name: Said-It\n{WEB}", {}, "said-it"),
        (f"name: x${{N}}\n{WEB}", {"N": "y"}, "xy"),
        (f"name: said\n{WEB}", {"COMPOSE_PROJECT_NAME": "given"}, "given"),
        (f"name: a\n{WEB}\n---\nname: b\n", {}, "b"),
    ],
)
def test_the_name_is_given_said_or_the_directorys(
    text: str, env: dict[str, str], name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "My-Project"
    folder.mkdir()
    (folder / "compose.yaml").write_text(text)
    loaded = load_project(LoadOptions(cwd=str(folder), environment=env))
    assert (loaded.name, loaded.tree["name"]) == (name, name)


# Profiles and selection

PROFILES = (
    "services:\n"
    "  web: {image: i, depends_on: {db: {condition: service_started, required: false}}}\n"
    "  db: {image: i, profiles: [data], volumes: ['vol:/x'], depends_on: [log]}\n"
    "  log: {image: i, profiles: [data, logs]}\n"
    "volumes: {vol: , unused: }\n"
)


def test_services_whose_profiles_are_not_active_are_apart(load_files: LoadFiles) -> None:
    loaded = load_files(PROFILES)
    assert list(loaded.tree["services"]) == ["web"]
    assert list(loaded.disabled) == ["db", "log"]
    assert "volumes" not in loaded.tree
    reasons = {d.path: d.reason for d in loaded.dropped}
    assert reasons["services", "db"] == "its profiles are not active"
    assert reasons["volumes", "vol"] == "no active service uses it"


@pytest.mark.parametrize(
    "options", [{"profiles": ("data",)}, {"profiles": ("*",)}, {"env": {"COMPOSE_PROFILES": "data"}}]
)
def test_profiles_are_activated(options: dict[str, Any], load_files: LoadFiles) -> None:
    loaded = load_files(PROFILES, **options)
    assert list(loaded.tree["services"]) == ["db", "log", "web"]
    assert list(loaded.tree["volumes"]) == ["vol"]


def test_selecting_a_service_takes_its_dependencies_along(load_files: LoadFiles) -> None:
    loaded = load_files(PROFILES, services=("db",))
    assert list(loaded.tree["services"]) == ["db", "log"]


def test_dependencies_outside_the_selection_are_removed(load_files: LoadFiles) -> None:
    loaded = load_files(PROFILES, services=("web",))
    assert "depends_on" not in loaded.tree["services"]["web"]


def test_services_are_selected_by_pattern(load_files: LoadFiles) -> None:
    loaded = load_files("services: {w1: {image: i}, w2: {image: i}, v: {image: i}}", services=("w*",))
    assert list(loaded.tree["services"]) == ["w1", "w2"]


def test_an_unknown_service_cannot_be_selected(load_files: LoadFiles) -> None:
    (found,) = problems(load_files, WEB, services=("wed",))
    assert found.code == "C2F162"
    assert "web" in found.hint


# The switches


def test_without_interpolation_the_tree_is_the_merged_files_in_long_syntax(load_files: LoadFiles) -> None:
    loaded = load_files(
        "services: {web: {image: '${I}', ports: ['${P}:80'], environment: [A, B=$C], networks: [], x-a: []}}\n",
        interpolate=False,
        env={"A": "1"},
    )
    assert loaded.tree["services"]["web"] == {
        "environment": ["A", "B=$C"],
        "image": "${I}",
        "networks": {"default": None},
        "ports": ["${P}:80"],
        "x-a": [],
    }


def test_without_normalizing_nothing_is_implied(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i, build: {context: .}, network_mode: host, links: [web2]}, web2: {image: i, network_mode: host}}"
    loaded = load_files(text, normalize=False)
    assert loaded.tree["services"]["web"]["build"] == {"context": loaded.working_dir}
    assert "depends_on" not in loaded.tree["services"]["web"]
    assert "networks" not in loaded.tree


def test_without_path_resolution_paths_stay_as_they_are(load_files: LoadFiles) -> None:
    loaded = load_files("services: {web: {build: ./x, volumes: ['~/a:/a']}}", resolve_paths=False)
    web = loaded.tree["services"]["web"]
    assert (web["build"]["context"], web["volumes"][0]["source"]) == ("./x", "~/a")


def test_without_env_resolution_env_files_are_kept_and_not_even_looked_for(load_files: LoadFiles) -> None:
    text = "services: {web: {image: i, env_file: [no.env, {path: b.env, required: false, format: raw}]}}"
    loaded = load_files(text, resolve_env=False)
    here = loaded.working_dir
    assert loaded.tree["services"]["web"]["env_file"] == [
        {"path": f"{here}/no.env"},
        {"path": f"{here}/b.env", "required": False, "format": "raw"},
    ]


def test_in_2_40_without_env_resolution_services_that_are_only_selected_keep_their_env_files(
    load_files: LoadFiles,
) -> None:
    text = "services: {web: {image: i, profiles: [p], env_file: [no.env, {path: b.env, required: false}]}}"
    loaded = load_files(text, services=("web",), resolve_env=False, compose_version="2.40")
    here = loaded.working_dir
    assert loaded.tree["services"]["web"]["env_file"] == [
        f"{here}/no.env",
        {"path": f"{here}/b.env", "required": False},
    ]


def test_without_consistency_checks_parts_need_not_fit(load_files: LoadFiles) -> None:
    loaded = load_files("services: {web: {volumes: ['nope:/x'], depends_on: [web]}}", consistency=False)
    assert loaded.tree["services"]["web"]["depends_on"].keys() == {"web"}


# Paths


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ("build: .", ("build", "context"), "${DIR}"),
        ("build: {context: ../x}", ("build", "context"), "${UP}/x"),
        ("build: https://github.com/a/b.git", ("build", "context"), "https://github.com/a/b.git"),
        ("build: git@host:a/b", ("build", "context"), "git@host:a/b"),
        ("volumes: ['~/x:/y']", ("volumes", 0, "source"), "/home/user/x"),
        ("volumes: ['./a/../b:/y']", ("volumes", 0, "source"), "${DIR}/b"),
        ("volumes: ['C:\\x:/y']", ("volumes", 0, "source"), "C:\\x"),
        ("volumes: ['/a/:/y']", ("volumes", 0, "source"), "/a/"),
        ("develop: {watch: [{path: a, action: rebuild}]}", ("develop", "watch", 0, "path"), "${DIR}/a"),
    ],
)
def test_paths_become_absolute(
    body: str, path: tuple[str | int, ...], expected: str, load_files: LoadFiles
) -> None:
    loaded = load_files(f"services:\n  web:\n    image: i\n    {body}\n")
    value: Any = loaded.tree["services"]["web"]
    for step in path:
        value = value[step]
    directory = loaded.working_dir
    assert value.replace(directory, "${DIR}").replace(str(Path(directory).parent), "${UP}") == expected


def test_the_device_of_a_bind_in_disguise_is_a_path(load_files: LoadFiles) -> None:
    loaded = load_files(
        "services: {web: {image: i, volumes: ['data:/x']}}\n"
        "volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: ./d}}}\n"
    )
    assert loaded.tree["volumes"]["data"]["driver_opts"]["device"] == f"{loaded.working_dir}/d"


def test_a_watched_path_is_followed_through_its_symbolic_link(load_files: LoadFiles, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    loaded = load_files("services: {web: {image: i, develop: {watch: [{path: link/a, action: rebuild}]}}}")
    assert loaded.tree["services"]["web"]["develop"]["watch"][0]["path"] == f"{loaded.working_dir}/real/a"


# What is implied


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("links: [db]", {"condition": "service_started", "restart": True, "required": True}),
        ("links: ['db:alias']", {"condition": "service_started", "restart": True, "required": True}),
        ("network_mode: service:db", {"condition": "service_started", "restart": True, "required": True}),
        ("ipc: service:db", {"condition": "service_started", "restart": True, "required": True}),
        ("volumes_from: ['db:ro', 'container:x']", {"condition": "service_started", "required": True}),
        (
            "links: [db]\n    depends_on: {db: {condition: service_healthy}}",
            {"condition": "service_healthy", "required": True},
        ),
    ],
)
def test_dependencies_follow_from_other_keys(
    body: str, expected: dict[str, Any], load_files: LoadFiles
) -> None:
    loaded = load_files(f"services:\n  web:\n    image: i\n    {body}\n  db: {{image: i}}\n")
    assert loaded.tree["services"]["web"]["depends_on"] == {"db": expected}


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("", "app_n"),
        ("{name: x}", "x"),
        ("{external: true}", "n"),
        ("{external: true, name: y}", "y"),
        ("{external: false}", "app_n"),
    ],
)
def test_resources_are_named(definition: str, name: str, load_files: LoadFiles) -> None:
    loaded = load_files(f"services: {{web: {{image: i, networks: [n]}}}}\nnetworks: {{n: {definition}}}")
    assert loaded.tree["networks"]["n"]["name"] == name


@pytest.mark.parametrize(
    "body", ["network_mode: host", "network_mode: ''", "provider: {type: x}", "networks: [n]"]
)
def test_the_default_network_is_only_there_when_a_service_is_in_it(body: str, load_files: LoadFiles) -> None:
    loaded = load_files(f"services: {{web: {{image: i, {body}}}}}\nnetworks: {{n: }}")
    assert "default" not in loaded.tree.get("networks", {})


def test_the_old_form_of_external_names_is_read_with_a_warning(load_files: LoadFiles) -> None:
    loaded = load_files("services: {web: {image: i, networks: [n]}}\nnetworks: {n: {external: {name: old}}}")
    assert loaded.tree["networks"]["n"] == {"name": "old", "ipam": {}, "external": True}
    assert [d.code for d in loaded.diagnostics] == ["C2F160"]


def test_build_arguments_without_a_value_come_from_the_environment_or_go(load_files: LoadFiles) -> None:
    loaded = load_files("services: {web: {build: {context: ., args: [B, A, C=1]}}}", env={"A": "x"})
    assert loaded.tree["services"]["web"]["build"]["args"] == {"A": "x", "C": "1"}
    place = locate(loaded.marks, ("services", "web", "build", "args", "A"))
    assert str(place) == "compose.yaml:1:48"


def test_a_name_that_only_a_symbolic_link_gives_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    file = tmp_path / "real" / "compose.yaml"

    def codes(**options: Any) -> list[str]:
        loaded = load_project(LoadOptions(cwd=str(tmp_path), files=("link/compose.yaml",), **options))
        return [loaded.name, *(d.code for d in loaded.diagnostics)]

    file.write_text("services: {a: {image: x}}\n", encoding="utf-8")
    assert codes() == ["link", "C2F115"]
    assert codes(project_name="given") == ["given"]
    assert codes(environment={"COMPOSE_PROJECT_NAME": "given"}) == ["given"]
    assert codes(project_directory="real") == ["real"]
    file.write_text("name: said\nservices: {a: {image: x}}\n", encoding="utf-8")
    assert codes() == ["said"]


def test_resources_that_nothing_uses_can_be_kept(load_files: LoadFiles) -> None:
    text = f"{WEB}\nvolumes: {{v: {{}}}}\nsecrets: {{s: {{file: /s}}}}\n"
    assert not {"volumes", "secrets"} & load_files(text).tree.keys()
    kept = load_files(text, all_resources=True).tree
    assert (kept["volumes"], kept["secrets"]) == (
        {"v": {"name": "app_v"}},
        {"s": {"name": "app_s", "file": "/s"}},
    )
