"""Compose files, env files and the project's name are found where Docker Compose finds them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.compose.loader import LoadOptions
from compose2fargate.compose.sources.source_files import (
    DiscoveredProject,
    discover_project,
    normalise_project_name,
    read_text,
)
from compose2fargate.compose.yaml.yaml_nodes import MAX_FILE_BYTES
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Severity

Find = Callable[..., DiscoveredProject]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Write files below `tmp_path/app`, and discover from there: `find({"compose.yaml": ""}, env={...}, cwd="sub")`."""

    def run(
        written: Mapping[str, str | bytes],
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        **options: Any,
    ) -> DiscoveredProject:
        for name, content in written.items():
            path = tmp_path / "app" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        directory = str(tmp_path / "app" / cwd)
        return discover_project(LoadOptions(environment=env or {}, cwd=directory, **options))

    return run


def refused(run: Callable[[], object]) -> Diagnostic:
    with pytest.raises(LoadError) as caught:
        run()
    (found,) = caught.value.diagnostics
    return found


def names(found: DiscoveredProject) -> list[str]:
    """Give the files relative to the directory above `app`."""
    above = os.path.dirname(_app(found)) + "/"
    return [file.removeprefix(above) for file in found.files]


def _app(found: DiscoveredProject) -> str:
    head, _, _ = found.environment["PWD"].partition("/app")
    return head + "/app"


# ---------------------------------------------------------------------------------------------------------
# Compose files
# ---------------------------------------------------------------------------------------------------------

DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


@pytest.mark.parametrize("best", range(4))
def test_default_files_have_an_order_of_preference(find: Find, best: int) -> None:
    found = find(dict.fromkeys((*DEFAULTS[best:], *OVERRIDES[best:]), ""))
    assert names(found) == [f"app/{DEFAULTS[best]}", f"app/{OVERRIDES[best]}"]
    assert [(each.code, each.severity) for each in found.diagnostics] == [("C2F110", Severity.WARNING)] * (
        2 * (best < 3)
    )
    if best < 3:
        assert DEFAULTS[best + 1] in found.diagnostics[0].message
        assert found.diagnostics[0].location == Location(DEFAULTS[best], 1, 1)


def test_default_files_are_looked_for_in_parent_directories(find: Find) -> None:
    found = find(
        {"compose.yml": "", "compose.override.yaml": "", "a/b/x": "", "a/compose.override.yml": ""}, cwd="a/b"
    )
    assert names(found) == ["app/compose.yml", "app/compose.override.yaml"]
    assert (found.working_dir, found.name) == (_app(found), "app")


def test_without_a_compose_file_the_names_to_use_are_told(find: Find) -> None:
    found = refused(lambda: find({"x": ""}))
    assert (found.code, found.location) == ("C2F100", None)
    assert "compose.yaml" in found.hint


def test_named_files_have_no_overrides_and_are_relative_to_the_current_directory(find: Find) -> None:
    written = {"a.yaml": "", "s/b.yaml": "", "compose.override.yaml": ""}
    found = find(written, cwd="s", files=("../a.yaml", "b.yaml"))
    assert names(found) == ["app/a.yaml", "app/s/b.yaml"]
    assert found.working_dir == _app(found)


def test_the_environment_names_files(find: Find) -> None:
    written = {"a.yaml": "", "s/b.yaml": "", "c.yaml": ""}
    assert names(find(written, {"COMPOSE_FILE": "s/b.yaml:a.yaml"})) == ["app/s/b.yaml", "app/a.yaml"]
    separated = {"COMPOSE_FILE": "a.yaml,c.yaml", "COMPOSE_PATH_SEPARATOR": ","}
    assert names(find(written, separated)) == ["app/a.yaml", "app/c.yaml"]
    assert names(find(written, {"COMPOSE_FILE": "a.yaml"}, files=("c.yaml",))) == ["app/c.yaml"]
    assert names(find({**written, ".env": "COMPOSE_FILE=s/b.yaml\n"})) == ["app/s/b.yaml"]


def test_standard_input_is_a_file_of_the_current_directory(find: Find) -> None:
    found = find({"s/x": ""}, files=("-",), cwd="s")
    assert (found.files, found.name) == (("-",), "s")
    found = find({"s/a.yaml": ""}, files=("-", "s/a.yaml"))
    assert (found.files[0], found.name) == ("-", "s")


def test_the_project_directory_can_be_given(find: Find) -> None:
    found = find(
        {"compose.yaml": "", "s/x": "", "s/.env": "A=s\n", ".env": "A=root\n"}, project_directory="s"
    )
    assert names(found) == ["app/compose.yaml"]
    assert (found.working_dir, found.name, found.environment["A"]) == (f"{_app(found)}/s", "s", "s")


def test_the_current_directory_is_known_by_the_shells_name_for_it(find: Find, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    link = str(tmp_path / "link")
    assert find({"x": ""}, {"PWD": link}, cwd="../real", files=("-",)).name == "link"
    assert find({"x": ""}, {"PWD": str(tmp_path / "gone")}, cwd="../real", files=("-",)).name == "real"


# ---------------------------------------------------------------------------------------------------------
# Env files
# ---------------------------------------------------------------------------------------------------------


def test_the_process_wins_over_env_files_even_when_empty(find: Find) -> None:
    found = find({"compose.yaml": "", ".env": "A=file\nB=$A\nC=file\nE=[$D]\n"}, {"A": "process", "C": ""})
    assert {name: found.environment[name] for name in "ABCE"} == {
        "A": "process",
        "B": "process",
        "C": "",
        "E": "[]",
    }
    assert found.env_files == (f"{_app(found)}/.env",)
    assert found.origins == {"B": Location(".env", 2, 1), "E": Location(".env", 4, 1)}
    assert [(each.code, each.location) for each in found.diagnostics] == [("C2F120", Location(".env", 4, 1))]


def test_the_env_file_is_beside_the_first_compose_file(find: Find) -> None:
    written = {"s/c.yaml": "", ".env": "A=root\nB=root\n", "s/.env": "A=s\n"}
    found = find(written, files=("s/c.yaml",))
    assert (found.environment["A"], "B" in found.environment) == ("s", False)


def test_an_env_file_that_names_the_files_is_joined_by_the_one_beside_them(find: Find) -> None:
    written = {"s/c.yaml": "", ".env": "COMPOSE_FILE=s/c.yaml\nA=root\nB=root\n", "s/.env": "A=s\nC=$A$B\n"}
    environment = find(written).environment
    assert [environment[name] for name in "ABC"] == ["root", "root", "rootroot"]


def test_env_files_of_the_current_and_the_projects_directory_are_both_read(find: Find) -> None:
    written = {"compose.yaml": "", ".env": "A=up\nB=up\n", "s/.env": "A=s\n"}
    found = find(written, cwd="s")
    assert (found.environment["A"], found.environment["B"]) == ("s", "up")
    assert [os.path.relpath(file, _app(found)) for file in found.env_files] == ["s/.env", ".env"]


def test_named_env_files_replace_the_default_and_build_on_each_other(find: Find) -> None:
    written = {"compose.yaml": "", ".env": "Z=1\n", "a": "A=1\nB=$A\n", "b": "A=2$B\nC=$A\n"}
    found = find(written, env_files=("a", "b"))
    assert {name: found.environment.get(name) for name in "ABCZ"} == {
        "A": "21",
        "B": "1",
        "C": "21",
        "Z": None,
    }
    assert find(written, {"COMPOSE_ENV_FILES": ",a,,b,"}).environment["C"] == "21"
    with pytest.raises(LoadError, match="no such file"):
        find(written, {"COMPOSE_ENV_FILES": "a, b"})
    assert find(written, {"COMPOSE_ENV_FILES": "a"}, env_files=("b",)).environment["A"] == "2"
    assert find(written, {"COMPOSE_ENV_FILES": ""}).environment["Z"] == "1"


@pytest.mark.parametrize("word", ["1", "t", "TRUE", "true"])
def test_the_env_file_can_be_disabled(find: Find, word: str) -> None:
    written = {"compose.yaml": "", ".env": "A=1\n", "b": "A=2\n"}
    found = find(written, {"COMPOSE_DISABLE_ENV_FILE": word})
    assert ("A" in found.environment, found.env_files) == (False, ())
    assert find(written, {"COMPOSE_DISABLE_ENV_FILE": word}, env_files=("b",)).environment["A"] == "2"
    assert "A" not in find({**written, ".env": f"COMPOSE_DISABLE_ENV_FILE={word}\nA=1\n"}).environment


@pytest.mark.parametrize("word", ["0", "F", "false", "False"])
def test_the_env_file_can_be_left_enabled(find: Find, word: str) -> None:
    assert (
        find({"compose.yaml": "", ".env": "A=1\n"}, {"COMPOSE_DISABLE_ENV_FILE": word}).environment["A"]
        == "1"
    )


@pytest.mark.parametrize("word", ["yes", "", "tRUE"])
def test_other_words_for_disabling_are_refused(find: Find, word: str) -> None:
    env = {"COMPOSE_DISABLE_ENV_FILE": word}
    assert refused(lambda: find({"compose.yaml": ""}, env)).code == "C2F114"


def test_env_files_that_are_missing_or_wrong_are_refused(find: Find) -> None:
    written = {"compose.yaml": "", "d/x": "", ".env": "A B=1\n"}
    assert refused(lambda: find(written, env_files=("nope",))).location == Location("nope", 1, 1)
    assert "directory" in refused(lambda: find(written, env_files=("d",))).message
    assert refused(lambda: find(written)).location == Location(".env", 1, 1)


def test_a_default_env_file_that_is_a_directory_is_passed_over(find: Find) -> None:
    assert find({"compose.yaml": "", ".env/x": ""}).env_files == ()


def test_env_files_may_hold_other_encodings(find: Find) -> None:
    found = find({"compose.yaml": "", ".env": b"# caf\xe9\nA=\xe9\nB=1\n"})
    assert (found.environment["A"], found.environment["B"]) == ("\udce9", "1")


def test_an_env_file_is_never_standard_input(find: Find) -> None:
    assert find({"compose.yaml": "", "-": "A=1\n"}, env_files=("-",)).environment["A"] == "1"


def test_the_working_directory_is_a_variable(find: Find) -> None:
    found = find({"compose.yaml": ""})
    assert found.environment["PWD"] == found.working_dir


# ---------------------------------------------------------------------------------------------------------
# Name and profiles
# ---------------------------------------------------------------------------------------------------------


def test_the_name_comes_from_the_option_the_environment_or_the_directory(find: Find) -> None:
    written = {"compose.yaml": "", "My App.dir_1/compose.yaml": ""}
    env = {"COMPOSE_PROJECT_NAME": "env"}
    assert find(written, env, project_name="flag")[5:7] == ("flag", True)
    assert find(written, env)[5:7] == ("env", True)
    assert find(written, env, project_name="")[5:7] == ("env", True)
    assert find(written, {"COMPOSE_PROJECT_NAME": ""})[5:7] == ("app", False)
    assert find({**written, ".env": "COMPOSE_PROJECT_NAME=dotenv\n"})[5:7] == ("dotenv", True)
    assert find({**written, ".env": ""}, cwd="My App.dir_1")[5:7] == ("myappdir_1", False)


@pytest.mark.parametrize("name", ["MyApp", "my.app!", "_x", "-x", "é"])
def test_a_name_that_is_given_must_be_legal(find: Find, name: str) -> None:
    for run in (
        lambda: find({"compose.yaml": ""}, project_name=name),
        lambda: find({"compose.yaml": ""}, {"COMPOSE_PROJECT_NAME": name}),
    ):
        found = refused(run)
        assert found.code == "C2F111"
        assert repr(normalise_project_name(name)) in found.hint or name == "é"


@pytest.mark.parametrize(
    ("name", "legal"),
    [("My App.dir_1", "myappdir_1"), ("_-x", "x"), ("...", ""), ("ÄÖ", ""), ("123", "123"), ("a-_", "a-_")],
)
def test_names_are_normalised(name: str, legal: str) -> None:
    assert normalise_project_name(name) == legal


def test_profiles_come_from_the_options_or_the_environment(find: Find) -> None:
    written = {"compose.yaml": ""}
    assert find(written, {"COMPOSE_PROFILES": "a, b,"}).profiles == ("a", "b", "")
    assert find(written, {"COMPOSE_PROFILES": "a"}, profiles=("c",)).profiles == ("c",)
    assert find({**written, ".env": "COMPOSE_PROFILES=d\n"}).profiles == ("d",)


# ---------------------------------------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "f"
    file.write_bytes("é: 😀\r\n".encode(encoding))
    assert read_text(str(file)).removeprefix("\ufeff") == "é: 😀\r\n"


def test_standard_input_is_read_as_bytes_where_it_has_them() -> None:
    assert read_text("-", stdin=io.TextIOWrapper(io.BytesIO("é\r\n".encode()), "ascii")) == "é\r\n"
    assert read_text("-", stdin=io.StringIO("é")) == "é"


@pytest.mark.parametrize(
    ("data", "code", "at", "said"),
    [
        (b"a: 1\n\xc3\xa9\xe9: 2\n", "C2F102", (2, 2), "0xe9"),
        (b"\x7fELF\x00\x00\xff\xfe", "C2F102", (1, 7), "binary"),
        (b"\xff\xfea\x00\x00\xd8", "C2F102", (1, 5), "binary"),
        (b"x" * (MAX_FILE_BYTES + 1), "C2F103", (1, 1), "8 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(
    tmp_path: Path, data: bytes, code: str, at: tuple[int, int], said: str
) -> None:
    (tmp_path / "f").write_bytes(data)
    found = refused(lambda: read_text(str(tmp_path / "f"), "shown"))
    assert (found.code, found.location) == (code, Location("shown", *at))
    assert said in found.message
    assert found.hint


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locked").write_text("", "utf-8")
    (tmp_path / "locked").chmod(0)
    assert "no such file" in refused(lambda: read_text(str(tmp_path / "nope"))).message
    assert "directory" in refused(lambda: read_text(str(tmp_path))).message
    assert refused(lambda: read_text("a\0b")).code == "C2F101"
    if os.geteuid() != 0:
        assert "may not be read" in refused(lambda: read_text(str(tmp_path / "locked"))).message


def test_a_large_file_within_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(read_text(str(tmp_path / "f"))) == MAX_FILE_BYTES
