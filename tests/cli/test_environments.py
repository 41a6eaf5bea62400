"""Environments and the options of a folder: what was said once stays said, and nothing goes over something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose2fargate.sync.manifest import checksum
from tests.conftest import Program

SHOP = "name: shop\nservices:\n  web:\n    image: nginx:1.27\n  extra:\n    image: redis:7\n    profiles: [more]\n"
MANIFEST = "compose2fargate.json"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(SHOP)
    return tmp_path


def manifest(folder: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((folder / MANIFEST).read_text())
    return read


@pytest.mark.parametrize("target", ["json", "terraform", "cloudformation"])
def test_each_environment_has_a_folder_of_its_own(program: Program, project: Path, target: str) -> None:
    for name in ("blue", "green"):
        done = program("convert", "-t", target, "--environment", name, cwd=project)
        assert done.status == 0, done.err
    by_variable = program("convert", "-t", target, cwd=project, env={"COMPOSE2FARGATE_ENVIRONMENT": "red"})
    assert by_variable.status == 0, by_variable.err
    assert program("convert", "-t", target, cwd=project).status == 0
    below = project / "fargate" / target
    assert [p.parent.name for p in sorted(below.glob(f"*/{MANIFEST}"))] == ["blue", "green", "red"]
    assert manifest(below)["settings"] == {}
    checked = program("check", cwd=project)
    assert (checked.status, checked.out.count("in sync")) == (0, 4)


def test_a_name_of_an_environment_leads_nowhere_else(program: Program, project: Path) -> None:
    assert program("convert", "--environment", "../../out", cwd=project).status == 0
    assert [p.name for p in project.iterdir()] == ["compose.yaml", "fargate"] or not (
        project / "out"
    ).exists()
    assert len(list((project / "fargate" / "json").iterdir())) == 1


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (("--environment", "blue"), ("--environment", "green"), "for the environment blue"),
        ((), ("--environment", "green"), "for no environment"),
        (("--region", "eu-west-1"), ("--region", "eu-west-2"), "for the region eu-west-1"),
        (("--account", "111122223333"), ("--account", "444455556666"), "for the account 111122223333"),
    ],
)
def test_one_place_does_not_go_over_another(
    program: Program, project: Path, first: tuple[str, ...], then: tuple[str, ...], told: str
) -> None:
    assert program("convert", "-o", "infra", *first, cwd=project).status == 0
    before = {path: path.read_bytes() for path in (project / "infra").rglob("*") if path.is_file()}
    refused = program("convert", "-o", "infra", *then, cwd=project)
    assert (refused.status, "C2F314" in refused.err, told in refused.err) == (2, True, True), refused.err
    assert {path: path.read_bytes() for path in (project / "infra").rglob("*") if path.is_file()} == before
    assert program("convert", "-o", "infra", *then, "--force", cwd=project).status == 0


def test_options_of_a_folder_are_kept_and_said(program: Program, project: Path) -> None:
    said = (
        "--region",
        "eu-west-3",
        "--subnet",
        "subnet-a1",
        "--subnet",
        "subnet-b2",
        "--exec",
        "--resource-tag",
        "team=a b",
    )
    assert program("--profile", "more", "convert", *said, cwd=project).status == 0
    folder = project / "fargate" / "json"
    once = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = program("convert", cwd=project)
    line = next(line for line in again.err.splitlines() if line.startswith("kept from the last run"))
    for word in (
        "--region eu-west-3",
        "--subnet subnet-a1 --subnet subnet-b2",
        "--exec",
        "--resource-tag 'team=a b'",
        "--profile more",
    ):
        assert word in line
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == once
    other = program("convert", "--subnet", "subnet-c3", cwd=project)
    assert "subnet-a1" not in other.err
    assert "--region eu-west-3" in other.err
    assert program("convert", "--forget", cwd=project).status == 0
    assert manifest(folder)["settings"] == {}  # fmt: skip


def test_what_is_chosen_now_wins_over_what_is_kept(program: Program, project: Path) -> None:
    assert program("convert", "--log-retention", "7", cwd=project).status == 0
    by_variable = program("convert", cwd=project, env={"COMPOSE2FARGATE_LOG_RETENTION": "14"})
    assert "--log-retention" not in by_variable.err
    assert manifest(project / "fargate" / "json")["settings"] == {"log_retention": 14}


def test_a_forged_manifest_gives_no_options(program: Program, project: Path) -> None:
    assert program("convert", "--region", "eu-west-3", cwd=project).status == 0
    file = project / "fargate" / "json" / MANIFEST
    edited = manifest(file.parent)
    edited["settings"] = {"task_role": "arn:aws:iam::123456789012:role/Admin"}
    file.write_text(json.dumps(edited))
    done = program("convert", cwd=project)
    assert "C2F315" in done.err
    assert "Admin" not in json.dumps(manifest(file.parent))


@pytest.mark.parametrize(
    ("section", "forged"),
    [
        ("options", {"files": ["../../../outside.yaml"]}),
        ("options", {"env_files": ["/etc/hostname"]}),
        ("settings", {"lock": "../outside.lock"}),
        ("settings", {"prices": "/dev/zero"}),
        ("settings", {"region": ["eu-west-1"]}),
        ("settings", {"subnets": {"a": 1}}),
    ],
)
def test_a_manifest_with_a_right_checksum_leads_nowhere_else_either(
    program: Program, project: Path, section: str, forged: dict[str, object]
) -> None:
    (project.parent / "outside.yaml").write_text("services: {evil: {image: evil}}\n")
    assert program("convert", cwd=project).status == 0
    file = project / "fargate" / "json" / MANIFEST
    edited = manifest(file.parent)
    edited[section] = {**edited[section], **forged}  # type: ignore[dict-item]
    edited["checksum"] = checksum(edited)
    file.write_text(json.dumps(edited))
    done = program("convert", cwd=project)
    assert (done.status, "C2F315" in done.err) == (0, True), done.err
    assert "evil" not in json.dumps(manifest(file.parent))


def test_environments_are_completed(program: Program, project: Path) -> None:
    assert program("convert", "--environment", "blue", cwd=project).status == 0
    (project / "compose2fargate.red.lock").write_text("{}")
    (project / "fargate" / "json" / "$(touch x)").mkdir()
    asked = {
        "_COMPOSE2FARGATE_COMPLETE": "bash_complete",
        "COMP_WORDS": "compose2fargate plan --environment ",
        "COMP_CWORD": "3",
    }
    assert program(cwd=project, env=asked).out.split() == ["plain,blue", "plain,red"]


def test_what_a_compose_file_may_not_say_is_not_kept_either(program: Program, project: Path) -> None:
    """A manifest stands in the checkout, where a stranger may have put it: it neither allows nor leaves out."""
    service = next(iter(json.loads(program("config", "--format", "json", cwd=project).out)["services"]))
    said = ("--allow", "C2F292", "--image", f"{service}=registry.example.com/other:1")
    assert program("convert", *said, cwd=project).status == 0
    recorded = manifest(project / "fargate" / "json")["settings"]
    assert json.dumps(recorded).count("C2F292") == 1
    again = program("convert", cwd=project)
    assert manifest(project / "fargate" / "json")["settings"] == {}
    assert "not kept from the last run, to be given each time: --image --allow" in again.err
    assert "registry.example.com/other" not in again.err
