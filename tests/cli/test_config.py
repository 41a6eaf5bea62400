"""`config`: the options and the output of `docker compose config`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Program, Result

COMPOSE = """\
name: demo
services:
  web:
    image: nginx:${TAG:-1.27}
    depends_on: [db]
    environment: {A: "${FOO:?need}", B: "${BAR-x}", D: "$$x"}
    configs: [settings]
    profiles: [front]
  db:
    image: postgres
    volumes: ["data:/var/lib"]
  job:
    build: ./job
    profiles: [tools, batch]
    networks: [back]
    extra_hosts: ["a:1.2.3.4"]
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 50m}}}
    healthcheck: {test: ["CMD", "a<b&c"], interval: 90s, retries: 3}
    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
    ports: ["127.0.0.1:8080:80/udp"]
volumes: {data: , other: {}}
networks: {back: , unused: {}}
configs: {settings: {content: hi}}
"""
ENVIRONMENT = {"BAR": "b", "FOO": "1", "PATH": "/usr/bin:/bin"}
SWITCHES = (
    "--no-normalize",
    "--no-interpolate",
    "--no-path-resolution",
    "--no-env-resolution",
    "--no-consistency",
)
LISTED = ("services", "volumes", "networks", "models", "profiles", "images", "variables", "environment")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    return folder


def config(program: Program, project: Path, *arguments: str) -> Result:
    result = program("config", *arguments, cwd=project, env=ENVIRONMENT)
    assert result.status == 0, result.err
    return result


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--services", "db\n"),
        ("--services --profile front", "db\nweb\n"),
        ("--volumes", "data\n"),
        ("--networks", "default\n"),
        ("--networks --profile tools", "back\ndefault\n"),
        ("--models", ""),
        ("--images", "postgres\n"),
        ("--images --profile *", "postgres\ndemo-job\nnginx:1.27\n"),
        ("--images --profile * job", "demo-job\n"),
        ("--profiles", "batch\nfront\ntools\n"),
        ("--services --volumes", "db\n"),
        ("--volumes --images", "data\n"),
        ("--services --format json", "db\n"),
        ("--quiet", ""),
        ("--quiet --services", "db\n"),
    ],
)
def test_listings_print_one_name_a_line(
    arguments: str, expected: str, program: Program, project: Path
) -> None:
    assert config(program, project, *arguments.split()).out == expected


def test_dependencies_are_listed_before_what_needs_them(program: Program, tmp_path: Path) -> None:
    services = {"a": ["c"], "b": [], "c": ["d", "b"], "d": []}
    body = {name: {"image": "x", "depends_on": needs} for name, needs in services.items()}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": body}))
    assert program("config", "--services", cwd=tmp_path).out.split() == ["b", "d", "c", "a"]


def test_the_model_is_yaml_by_default_and_json_on_request(program: Program, project: Path) -> None:
    assert config(program, project).out.startswith("name: demo\nservices:\n  db:\n")
    model = json.loads(config(program, project, "--format", "json").out)
    assert model["name"] == "demo"
    assert list(model["services"]) == ["db"]


def test_dollars_are_doubled_so_that_the_output_can_be_read_again(program: Program, project: Path) -> None:
    arguments = ("--profile", "front", "--format", "json")
    model = json.loads(config(program, project, *arguments).out)
    assert model["services"]["web"]["environment"]["D"] == "$$x"
    raw = json.loads(config(program, project, *arguments, "--no-interpolate").out)
    assert raw["services"]["web"]["environment"]["D"] == "$$x"
    assert raw["services"]["web"]["image"] == "nginx:${TAG:-1.27}"


def test_named_services_come_with_what_they_depend_on(program: Program, project: Path) -> None:
    model = json.loads(config(program, project, "--format", "json", "web").out)
    assert sorted(model["services"]) == ["db", "web"]


def test_output_goes_to_a_file(program: Program, project: Path) -> None:
    expected = config(program, project).out
    assert config(program, project, "-o", "out.yaml").out == ""
    assert (project / "out.yaml").read_text() == expected


def test_a_file_that_cannot_be_written_is_an_error(program: Program, project: Path) -> None:
    result = program("config", "-o", "missing/out.yaml", cwd=project, env=ENVIRONMENT)
    assert result.status == 2
    assert "missing/out.yaml" in result.err


def test_variables_are_a_table(program: Program, project: Path) -> None:
    assert config(program, project, "--variables").out == (
        "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n"
        "BAR                 false               x                   \n"
        "FOO                 true                                    \n"
        "TAG                 false               1.27                \n"
    )


def test_variables_have_a_json_and_a_yaml_form(program: Program, project: Path) -> None:
    as_json = json.loads(config(program, project, "--variables", "--format", "json").out)
    assert as_json["FOO"] == {"Name": "FOO", "DefaultValue": "", "PresenceValue": "", "Required": True}
    as_yaml = config(program, project, "--variables", "--format", "yaml").out
    assert (
        'TAG:\n    name: TAG\n    defaultvalue: "1.27"\n    presencevalue: ""\n    required: false\n'
        in as_yaml
    )


def test_variables_in_defaults_are_found_and_those_in_messages_are_not(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: 'x:${A:-${B:-1}}${C:?${D}}${E+$F}$$G', command: ['$H', '${H:-2}', '${I:-1', '}']}}\n"
    )
    found = json.loads(program("config", "--variables", "--format", "json", cwd=tmp_path).out)
    assert sorted(found) == [
        "",
        "A",
        "B",
        "C",
        "E",
        "F",
        "H",
    ]  # Docker Compose has an entry for what is no reference
    assert found["A"]["DefaultValue"] == "${B:-1}"
    assert found["H"]["DefaultValue"] == "2"
    assert found["E"]["PresenceValue"] == "$F"


def test_the_environment_is_what_interpolation_uses(program: Program, project: Path) -> None:
    (project / ".env").write_text("FROM_FILE=yes\n")
    lines = config(program, project, "--environment").out.splitlines()
    assert lines == sorted(lines)
    assert {"BAR=b", "FROM_FILE=yes", "COMPOSE_PROJECT_NAME=demo"} <= set(lines)


def test_the_hash_of_an_unknown_service_is_refused(program: Program, project: Path) -> None:
    result = program("config", "--hash", "nope", cwd=project, env=ENVIRONMENT)
    assert result.status == 2
    assert "nope" in result.err


def test_hashes_do_not_depend_on_what_makes_no_difference_to_a_container(
    program: Program, project: Path
) -> None:
    before = config(program, project, "--hash", "job", "--profile", "tools").out
    text = COMPOSE.replace("replicas: 2", "replicas: 3").replace("build: ./job", "build: ./elsewhere")
    (project / "compose.yaml").write_text(text)
    assert config(program, project, "--hash", "job", "--profile", "tools").out == before
    (project / "compose.yaml").write_text(text.replace("50m", "51m"))
    assert config(program, project, "--hash", "job", "--profile", "tools").out != before


def test_listings_do_not_read_the_env_files_of_services(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx, env_file: missing.env}}\n")
    assert program("config", "--services", cwd=tmp_path).out == "web\n"


@pytest.mark.parametrize("flag", ["--resolve-image-digests", "--lock-image-digests"])
def test_what_needs_a_registry_is_refused(flag: str, program: Program, project: Path) -> None:
    result = program("config", flag, cwd=project, env=ENVIRONMENT)
    assert result.status == 2
    assert "registry" in result.err


def test_stdin_is_read_for_a_dash(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    monkeypatch.setattr("sys.stdin", StringIO("services: {web: {image: nginx}}\n"))
    assert program("-f", "-", "config", "--services", cwd=tmp_path).out == "web\n"


@pytest.mark.conformance
@pytest.mark.parametrize(
    "arguments",
    [
        *([f"--{name}"] for name in LISTED),
        *([f"--{name}", "--profile", "*"] for name in LISTED),
        *([f"--{name}", "--no-interpolate"] for name in LISTED if name not in ("services", "images")),
        *([switch] for switch in SWITCHES),
        *([switch, "--format", "json"] for switch in SWITCHES),
        ["--format", "json", "--profile", "*"],
        ["--hash", "*", "--profile", "*"],
        ["--hash", "job,db", "--profile", "tools"],
        ["--variables", "--format", "json"],
        ["--variables", "--format", "yaml"],
        ["web"],
    ],
    ids=" ".join,
)
def test_the_output_is_that_of_docker_compose(arguments: list[str], program: Program, project: Path) -> None:
    oracle = os.environ.get("COMPOSE_ORACLE")
    if not oracle:
        pytest.skip("COMPOSE_ORACLE names no Docker Compose binary")
    ours = config(program, project, *arguments).out
    done = subprocess.run(
        [oracle, *profiles_first(arguments)],
        cwd=project,
        env={"HOME": str(project), "NO_COLOR": "1", **ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if "json" in arguments:
        assert json.loads(ours) == json.loads(done.stdout)
    elif any(
        f"--{name}" in arguments for name in LISTED
    ):  # Docker Compose prints most of them in random order
        assert sorted(ours.splitlines()) == sorted(done.stdout.splitlines())
    else:
        assert ours == done.stdout


def profiles_first(arguments: list[str]) -> list[str]:
    """Docker Compose takes its project options before the command only."""
    if "--profile" not in arguments:
        return ["config", *arguments]
    at = arguments.index("--profile")
    return [*arguments[at : at + 2], "config", *arguments[:at], *arguments[at + 2 :]]
