"""`convert`: where the files go, what is said, and when it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose2fargate.settings import OPTIONS
from tests.conftest import Program

SILENT = ["--region", "eu-central-1", "--subnet", "subnet-1", "--security-group", "sg-1"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices:\n  web:\n    image: nginx:1.27\n    restart: unless-stopped\n"
    )
    return tmp_path


def test_files_go_to_a_folder_named_after_the_target(program: Program, project: Path) -> None:
    result = program("convert", cwd=project)
    assert result.status == 0, result.err
    assert result.out == ""
    definition = json.loads((project / "fargate" / "json" / "task-definitions" / "web.json").read_text())
    assert definition["containerDefinitions"][0]["image"] == "nginx:1.27"
    assert " files in fargate/json\n" in result.err


def test_output_dash_prints_one_json_document_and_writes_nothing(program: Program, project: Path) -> None:
    result = program("convert", "--output", "-", cwd=project)
    document = json.loads(result.out)
    assert document["task-definitions/web.json"]["containerDefinitions"][0]["image"] == "nginx:1.27"
    assert document["compose2fargate.json"]["project"] == "shop"
    assert [path.name for path in project.iterdir()] == ["compose.yaml"]


def test_output_dash_holds_what_the_files_hold(program: Program, project: Path) -> None:
    program("convert", "--output", "out", cwd=project)
    document = json.loads(program("convert", "--output", "-", cwd=project).out)
    for path in (project / "out").rglob("*.json"):
        if path.name != "compose2fargate.json":  # its paths are relative to the folder
            assert document[path.relative_to(project / "out").as_posix()] == json.loads(path.read_text())


def test_diagnostics_as_json_are_one_document_on_stderr(program: Program, project: Path) -> None:
    result = program("convert", "--diagnostics", "json", cwd=project)
    found = json.loads(result.err)
    assert {"code", "severity", "message", "path", "location", "hint", "url", "trail"} == set(found[0])


def test_diagnostics_as_json_are_so_for_errors_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {imagee: nginx}}\n")
    result = program("convert", "--diagnostics", "json", cwd=tmp_path)
    assert result.status == 2
    assert [d["severity"] for d in json.loads(result.err)] == ["error"] * len(json.loads(result.err))


def test_strict_exits_with_1_and_writes_nothing_when_there_is_a_warning(
    program: Program, project: Path
) -> None:
    (project / "compose.yaml").write_text(
        "services: {web: {image: 'nginx:1.27', security_opt: ['apparmor:x'], environment: {A: '${UNSET}'}}}\n"
    )
    result = program("convert", "--strict", cwd=project)
    assert result.status == 1
    assert "warning" in result.err
    assert not (project / "fargate").exists()
    assert program("convert", cwd=project).status == 0


def test_a_refusal_exits_with_2_and_leaves_earlier_files(program: Program, project: Path) -> None:
    program("convert", "-o", "out", cwd=project)
    before = {path: path.read_bytes() for path in (project / "out").rglob("*.json")}
    (project / "compose.yaml").write_text("services: {web: {image: nginx, privileged: true}}\n")
    result = program("convert", "-o", "out", cwd=project)
    assert result.status == 2
    assert "compose.yaml:1" in result.err
    assert {path: path.read_bytes() for path in (project / "out").rglob("*.json")} == before


def test_files_that_are_not_ours_need_force(program: Program, project: Path) -> None:
    (project / "out").mkdir()
    (project / "out" / "notes.txt").write_text("mine")
    refused = program("convert", "-o", "out", cwd=project)
    assert refused.status == 2
    assert "--force" in refused.err
    assert program("convert", "-o", "out", "--force", cwd=project).status == 0
    assert (project / "out" / "notes.txt").read_text() == "mine"


def test_every_setting_is_an_option_of_convert(program: Program, tmp_path: Path) -> None:
    shown = program("convert", "--help", cwd=tmp_path).out
    for option in OPTIONS:
        assert f" {option.flag} " in f"{shown.replace(chr(10), ' ')} "


def test_settings_reach_the_files(program: Program, project: Path) -> None:
    program(
        "convert", "-o", "out", "--image", "web=example.com/web:1", "--subnet", "subnet-1", "--subnet", "subnet-2",
        "--environment", "production", "--log-retention", "7", "--assign-public-ip", cwd=project,
    )  # fmt: skip
    definition = json.loads((project / "out" / "task-definitions" / "web.json").read_text())
    service = json.loads((project / "out" / "services" / "web.json").read_text())
    assert definition["containerDefinitions"][0]["image"] == "example.com/web:1"
    assert "production" in definition["family"]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert network["subnets"] == ["subnet-1", "subnet-2"]
    assert network["assignPublicIp"] == "ENABLED"


@pytest.mark.parametrize(
    "arguments", [["--log-retention", "many"], ["--image", "web"], ["--architecture", "Z80"]]
)
def test_a_setting_of_the_wrong_form_is_refused(
    arguments: list[str], program: Program, project: Path
) -> None:
    result = program("convert", *arguments, cwd=project)
    assert result.status == 2
    assert arguments[0] in result.err
    assert not (project / "fargate").exists()


def test_a_service_can_be_left_out(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: nginx}, odd: {image: x, privileged: true}}\n"
    )
    assert program("convert", "-o", "out", cwd=tmp_path).status == 2
    assert program("convert", "-o", "out", "--without", "odd", cwd=tmp_path).status == 0
    assert [path.name for path in (tmp_path / "out" / "task-definitions").iterdir()] == ["web.json"]


def test_quiet_says_nothing_about_a_conversion_without_errors(program: Program, project: Path) -> None:
    assert program("convert", "-q", cwd=project) == (0, "", "")
    assert (project / "fargate" / "json" / "compose2fargate.json").is_file()


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ([], "ENABLED"),
        (["--no-assign-public-ip"], "DISABLED"),
        (["--subnet", "subnet-1"], "DISABLED"),
        (["--subnet", "subnet-1", "--assign-public-ip"], "ENABLED"),
    ],
)
def test_tasks_have_a_public_address_where_no_subnets_are_given_or_as_asked(
    options: list[str], address: str, program: Program, project: Path
) -> None:
    document = json.loads(program("convert", "-o", "-", *options, cwd=project).out)
    network = document["services/web.json"]["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == address


def test_compose_files_and_the_setting_of_that_name_are_two_options(program: Program, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(
        "services: {app: {image: a, configs: [{source: c, target: /etc/app/c}]}}\nconfigs: {c: {content: x}}",
        encoding="utf-8",
    )
    result = program("convert", "-f", "other.yaml", "--files", "init", "-o", "-", cwd=tmp_path)
    assert result.status == 0
    assert "app-files" in result.out


def test_strict_does_not_let_an_approximation_pass_unless_it_is_allowed(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n"
        "  web: {image: nginx, depends_on: [db]}\n"
        "  db: {image: redis}\n"
    )  # fmt: skip
    options = (
        "convert",
        "--region",
        "eu-central-1",
        "--subnet",
        "subnet-1",
        "--security-group",
        "sg-1",
        "--strict",
    )
    result = program(*options, cwd=tmp_path)
    assert result.status == 1
    assert "--strict: C2F202; nothing is written (--allow CODE agrees to one)" in result.err
    assert not (tmp_path / "fargate").exists()
    assert program(*options, "--allow", "C2F202", cwd=tmp_path).status == 0


def test_a_price_list_that_cannot_be_read_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    for text in ("{", '{"vcpu_hour": "much"}', '{"cpu": 1}', "[]"):
        (tmp_path / "prices.json").write_text(text)
        result = program("convert", "--prices", "prices.json", cwd=tmp_path)
        assert (result.status, "C2F503" in result.err) == (2, True), text
    assert program("convert", "--prices", "none.json", cwd=tmp_path).status == 2
