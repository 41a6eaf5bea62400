"""Input that is wrong is refused with its place, the reason and the fix; nothing is written and nothing crashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import Program, Result

Files = dict[str, "str | bytes"]


class Bad(NamedTuple):
    """A project that is to be refused.

    Attributes:
        name: What is wrong with it.
        files: Its files; `compose.yaml` is the one that is read.
        place: `file:line` of the error, or of what led there; "" where there is no file to point into.
        words: What the error has to speak of.
    """

    name: str
    files: Files
    place: str
    words: tuple[str, ...]


def service(*lines: str) -> Files:
    """One service whose keys start in line 4 of the file."""
    return {
        "compose.yaml": "\n".join(
            ["services:", "  web:", "    image: nginx", *("    " + x for x in lines), ""]
        )
    }


CASES = (
    Bad("no compose file", {}, "", ("compose.yaml",)),
    Bad("an empty file", {"compose.yaml": ""}, "compose.yaml", ("empty",)),
    Bad("a file of comments", {"compose.yaml": "# services:\n"}, "compose.yaml", ("empty",)),
    Bad("a tab as indentation", {"compose.yaml": "services:\n\tweb:\n\t\timage: nginx\n"}, "compose.yaml:2", ("tab",)),
    Bad("text that is no YAML", {"compose.yaml": "services:\n  web: {image: nginx\n"}, "compose.yaml:", ()),
    Bad("a list at the top", {"compose.yaml": "- services\n"}, "compose.yaml:1", ("mapping",)),
    Bad("an unknown key of a service", service("enviroment: {A: b}"), "compose.yaml:4", ("enviroment", "environment")),
    Bad("an unknown key at the top", {"compose.yaml": "service:\n  web: {image: nginx}\n"}, "compose.yaml:1", ("services",)),
    Bad("an unknown key below deploy", service("deploy:", "  replica: 2"), "compose.yaml:5", ("replica", "replicas")),
    Bad("a duplicate key", service("image: httpd"), "compose.yaml:4", ("image",)),
    Bad("ports that are a mapping", service("ports:", "  web: 80"), "compose.yaml:4", ("ports",)),
    Bad("an environment that is a number", service("environment: 3"), "compose.yaml:4", ("environment",)),
    Bad("an image that is a list", {"compose.yaml": "services:\n  web:\n    image: [nginx]\n"}, "compose.yaml:3", ("image",)),
    Bad("a service that is a text", {"compose.yaml": "services:\n  web: nginx\n"}, "compose.yaml:2", ("web",)),
    Bad("a boolean that is a word", service("privileged: maybe"), "compose.yaml:4", ("privileged", "maybe")),
    Bad("a duration that is none", service("stop_grace_period: soon"), "compose.yaml:4", ("soon",)),
    Bad("a size that is none", service("mem_limit: much"), "compose.yaml:4", ("much",)),
    Bad("neither image nor build", {"compose.yaml": "services:\n  web: {command: ls}\n"}, "compose.yaml:2", ("web", "image")),
    Bad("a required variable", service("user: ${RUN_AS:?give the user}"), "compose.yaml:4", ("RUN_AS", "give the user")),
    Bad("a variable without its brace", service("user: ${RUN_AS"), "compose.yaml:4", ("${RUN_AS",)),
    Bad("a missing env_file", service("env_file: app.env"), "compose.yaml:4", ("app.env",)),
    Bad("a broken .env", {**service(), ".env": "A=1\nB 'C\n"}, ".env:2", ()),
    Bad(
        "a dependency cycle",
        {"compose.yaml": "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"},
        "compose.yaml:", ("a", "b", "cycle"),
    ),
    Bad("a dependency on nothing", service("depends_on: [wbe]"), "compose.yaml:4", ("wbe",)),
    Bad("an undefined network", service("networks: [front]"), "compose.yaml:4", ("front", "networks")),
    Bad("an undefined volume", service("volumes: ['data:/data']"), "compose.yaml:4", ("data", "volumes")),
    Bad("an undefined secret", service("secrets: [token]"), "compose.yaml:4", ("token", "secrets")),
    Bad("an undefined config", service("configs: [settings]"), "compose.yaml:4", ("settings", "configs")),
    Bad("a container port out of range", service("ports: ['80:70000']"), "compose.yaml:4", ("70000", "65535")),
    Bad("a published port out of range", service("ports:", "  - '99999:80'"), "compose.yaml:", ("99999", "65535")),
    Bad("a port that is no number", service("ports: ['http:80']"), "compose.yaml:4", ("http",)),
    Bad("a service that extends itself", service("extends: web"), "compose.yaml:4", ("web",)),
    Bad("extends from a missing file", service("extends: {file: base.yaml, service: x}"), "compose.yaml:4", ("base.yaml",)),
    Bad("a missing include", {"compose.yaml": "include: [more.yaml]\nservices: {}\n"}, "compose.yaml:1", ("more.yaml",)),
    Bad("a file that includes itself", {"compose.yaml": "include: [compose.yaml]\n"}, "compose.yaml:1", ("includ",)),
    Bad(
        "a remote include", {"compose.yaml": "include: ['https://example.com/x.git']\nservices: {}\n"},
        "compose.yaml:1", ("example.com",),
    ),
    Bad("invalid UTF-8", {"compose.yaml": b"services:\n  web:\n    image: \xff\xfe\n"}, "compose.yaml:3", ("UTF-8",)),
    Bad("UTF-16", {"compose.yaml": "services: {}".encode("utf-16-be")}, "compose.yaml:1", ()),
    Bad("a NUL byte", {"compose.yaml": "services:\n  web:\n    image: a\0b\n"}, "compose.yaml:3", ()),
    Bad("a binary file", {"compose.yaml": bytes(range(256)) * 20}, "compose.yaml", ()),
    Bad(
        "a setting of the wrong type", service("x-fargate: {job: 3}"), "compose.yaml:4", ("job",),
    ),
    Bad(
        "an unknown setting", service("x-fargate: {secretz: {}}"), "compose.yaml:4", ("secretz", "secrets"),
    ),
)  # fmt: skip


def put(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def errors(result: Result) -> list[dict[str, Any]]:
    assert result.status == 2, (result.status, result.err)
    assert result.out == ""
    assert "Traceback" not in result.err
    assert "internal error" not in result.err
    return [found for found in json.loads(result.err) if found["severity"] == "error"]


def place(found: dict[str, Any]) -> str:
    at = found["location"]
    return f"{at['file']}:{at['line']}:{at['column']}" if at else ""


def places(found: dict[str, Any]) -> list[str]:
    """Where it is, and what led there: `extended from compose.yaml:4:5`."""
    return [place(found), *(step.rsplit(" ", 1)[-1] for step in found["trail"])]


def refused(program: Program, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Convert, which must fail and write nothing; give the errors."""
    before = sorted(folder.rglob("*"))
    found = errors(program("convert", "-o", "out", "--diagnostics", "json", *arguments, cwd=folder))
    assert sorted(folder.rglob("*")) == before
    assert found
    return found


@pytest.mark.parametrize("bad", CASES, ids=[bad.name for bad in CASES])
def test_it_is_refused_with_place_reason_and_fix(bad: Bad, program: Program, tmp_path: Path) -> None:
    found = refused(program, put(tmp_path, bad.files))
    said = " ".join(str(error) for error in found)
    assert [word for word in bad.words if word not in said] == [], said
    assert [error for error in found if not any(at.startswith(bad.place) for at in places(error))] == []
    assert all(error["hint"] for error in found), said


def test_the_text_shows_the_place_the_line_and_a_caret(program: Program, tmp_path: Path) -> None:
    folder = put(tmp_path, service("enviroment: {A: b}"))
    result = program("convert", cwd=folder)
    assert result.status == 2
    assert "compose.yaml:4:5" in result.err
    assert "    enviroment: {A: b}" in result.err
    assert "    ^^^^^^^^^^" in result.err
    assert "hint:" in result.err


@pytest.mark.parametrize("command", [["config"], ["explain"], ["convert", "-o", "-"], ["convert", "--debug"]])
def test_each_command_refuses_it_alike(command: list[str], program: Program, tmp_path: Path) -> None:
    folder = put(tmp_path, service("ports: ['80:70000']"))
    result = program(*command, cwd=folder)
    assert result.status == 2
    assert result.out == ""
    assert "compose.yaml:4" in result.err
    assert "Traceback" not in result.err


def test_a_directory_instead_of_a_file_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    [found] = refused(program, tmp_path, "-f", "project")
    assert "directory" in found["message"]
    assert place(found) == "project:1:1"


def test_a_directory_of_a_compose_files_name_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").mkdir()
    [found] = refused(program, tmp_path)
    assert "directory" in found["message"]
    assert place(found) == "compose.yaml:1:1"


@pytest.mark.parametrize("option", ["-f", "--env-file"])
def test_a_named_file_that_does_not_exist_is_refused(option: str, program: Program, tmp_path: Path) -> None:
    [found] = refused(program, put(tmp_path, service()), option, "nowhere")
    assert place(found) == "nowhere:1:1"


def test_a_project_directory_that_does_not_exist_is_refused(program: Program, tmp_path: Path) -> None:
    found = refused(program, put(tmp_path, {}), "--project-directory", "nowhere")
    assert "nowhere" in " ".join(error["message"] + error["hint"] for error in found)


@pytest.mark.parametrize("name", ["Shop!", "-shop", "", "shöp", "a" * 300 + "!"])
def test_a_project_name_that_is_none_is_refused_or_ignored_when_empty(
    name: str, program: Program, tmp_path: Path
) -> None:
    folder = put(tmp_path / "shop", service())
    result = program("convert", "-o", "out", "-p", name, cwd=folder)
    assert result.status == (2 if name else 0), result.err
    assert "Traceback" not in result.err


def test_a_missing_dockerfile_is_a_warning_with_a_place(program: Program, tmp_path: Path) -> None:
    folder = put(tmp_path, {"compose.yaml": "services:\n  web:\n    build: ./nowhere\n"})
    result = program("convert", "-o", "out", "--diagnostics", "json", cwd=folder)
    assert result.status == 0
    [found] = [d for d in json.loads(result.err) if "Dockerfile" in d["message"]]
    assert (found["severity"], place(found)) == ("warning", "compose.yaml:3:5")


def test_five_mistakes_of_form_are_reported_in_one_run(program: Program, tmp_path: Path) -> None:
    folder = put(
        tmp_path,
        {
            "compose.yaml": """\
services:
  web:
    image: nginx
    prots: ["80:80"]
    environment: 3
  api:
    image: nginx
    restart: [always]
    healthcheck: {retries: many}
volumes:
  data: {drivr: local}
"""
        },
    )
    found = refused(program, folder)
    assert [error["location"]["line"] for error in found] == [4, 5, 8, 9, 11]


def test_five_mistakes_of_meaning_are_reported_in_one_run(program: Program, tmp_path: Path) -> None:
    folder = put(
        tmp_path,
        {
            "compose.yaml": """\
services:
  web:
    image: nginx
    networks: [front]
    volumes: ["data:/data"]
  api:
    image: nginx
    secrets: [token]
    configs: [settings]
    depends_on: [db]
"""
        },
    )
    found = refused(program, folder)
    assert [error["location"]["line"] for error in found] == [4, 5, 8, 9, 10]


def test_what_fargate_refuses_is_reported_in_one_run(program: Program, tmp_path: Path) -> None:
    folder = put(
        tmp_path,
        {
            "compose.yaml": """\
services:
  web:
    image: nginx
    privileged: true
    devices: ["/dev/kvm"]
  api:
    image: nginx
    cpus: 64
    cap_add: [SYS_ADMIN]
    platform: windows/amd64
"""
        },
    )
    found = refused(program, folder)
    assert [error["location"]["line"] for error in found] == [4, 5, 8, 9, 10]
