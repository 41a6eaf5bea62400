"""Mistakes that people make when they type, and what they are told: what was meant, before anything is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Program

SHOP = """\
name: shop
services:
  api:
    image: nginx:1.27
    ports: ["8080:80"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(SHOP)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("eu-wst-3", "eu-west-3"),
        ("ap_southeast_2", "ap-southeast-2"),
        ("us-west-2b", "us-west-2"),
        ("Ireland", "eu-west-1"),
        ("cn-north1", "cn-north-1"),
    ],
)
def test_the_region_that_was_meant_is_named(program: Program, project: Path, typed: str, meant: str) -> None:
    for result in (
        program("convert", "--region", typed, cwd=project),
        program("convert", cwd=project, env={"AWS_REGION": typed}),
    ):
        assert result.status != 0
        assert "C2F517" in result.err
        assert f"did you mean {meant}?" in result.err
    assert not (project / "fargate").exists()


def test_a_region_of_the_file_is_shown_where_it_stands(program: Program, project: Path) -> None:
    (project / "compose.yaml").write_text(SHOP + "x-fargate:\n  region: eu-north-7\n")
    result = program("convert", cwd=project)
    assert "compose.yaml:7" in result.err
    assert "did you mean eu-north-1?" in result.err


def test_a_region_that_is_younger_than_this_version_can_be_agreed_to(program: Program, project: Path) -> None:
    agreed = program("convert", "--region", "eu-north-7", "--allow", "C2F517", cwd=project)
    assert agreed.status == 0, agreed.err


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-northwest-1", "il-central-1"])
def test_regions_of_all_partitions_are_known(program: Program, project: Path, region: str) -> None:
    assert program("convert", "--region", region, cwd=project).status == 0


@pytest.mark.parametrize(
    "chosen",
    [
        ("--account", "1234-5678-9012"),
        ("--vpc", "vpc-main"),
        ("--subnet", "private-a"),
        ("--subnet", "subnet-0a1b2c3d,sg-0a1b2c3d"),
        ("--load-balancer-subnet", "subnet_0a1b"),
        ("--security-group", "default"),
        ("--load-balancer-security-group", "sg-web"),
        ("--network", "default=backend"),
        ("--file-system", "efs-12345678"),
        ("--certificate", "12345678-1234-1234-1234-123456789012"),
        ("--certificate", "arn:aws:acm:eu-west-1:12:certificate/1"),
        ("--listener", "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shared/50dc6c495c0c9188"),
        ("--load-balancer", "shared"),
        ("--task-role", "arn:aws:iam::123456789012:user/me"),
    ],
)  # fmt: skip
def test_what_has_not_the_form_of_its_kind_is_refused(
    program: Program, project: Path, chosen: tuple[str, str]
) -> None:
    result = program("convert", *chosen, cwd=project)
    assert result.status != 0
    assert re.search(f"C2F517: {chosen[0].strip('-').replace('-', '_')}|C2F195: {chosen[0]}", result.err), (
        result.err
    )
    assert "hint:" in result.err
    assert not (project / "fargate").exists()


def test_a_certificate_of_another_region_and_a_listener_of_another_account_are_refused(
    program: Program, project: Path
) -> None:
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    listener = (
        "arn:aws:elasticloadbalancing:eu-west-1:210987654321:listener/app/x/50dc6c495c0c9188/f2f7dc8efc522ab2"
    )
    elsewhere = program("convert", "--region", "eu-west-1", "--certificate", certificate, cwd=project)
    assert ("C2F196" in elsewhere.err, "us-east-1" in elsewhere.err) == (True, True)
    foreign = program("convert", "--account", "123456789012", "--listener", listener, cwd=project)
    assert ("C2F196" in foreign.err, "210987654321" in foreign.err) == (True, True)


def test_the_sandbox_scripts_services_that_there_are(program: Program, project: Path) -> None:
    result = program("sandbox", "behave", "apu", cwd=project)
    assert (result.status, "did you mean api?" in result.err) == (2, True)


def test_help_is_a_command_as_in_git(program: Program, project: Path) -> None:
    assert program("help", cwd=project).out == program("--help", cwd=project).out
    assert program("help", "plan", cwd=project).out == program("plan", "--help", cwd=project).out
    assert (
        program("help", "sandbox", "stop", cwd=project).out
        == program("sandbox", "stop", "--help", cwd=project).out
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("init", "convert"),
        ("teardown", "destroy"),
        ("ssh", "exec"),
        ("tail", "logs"),
        ("version", "--version"),
    ],
)
def test_what_other_tools_call_a_command_leads_to_ours(
    program: Program, project: Path, typed: str, meant: str
) -> None:
    assert f"Did you mean '{meant}'?" in program(typed, cwd=project).err


@pytest.mark.parametrize("typed", ["destory", "destro", "destroyed"])
def test_deleting_is_not_guessed_from_a_likeness(program: Program, project: Path, typed: str) -> None:
    assert "'destroy'" not in program(typed, cwd=project).err


def test_a_file_behind_logs_f_is_no_service(program: Program, project: Path) -> None:
    result = program("logs", "-f", "compose.prod.yml", cwd=project)
    assert (result.status, "--file compose.prod.yml" in result.err) == (2, True)


def test_tail_takes_a_number_or_all(program: Program, project: Path) -> None:
    assert "neither a number nor all" in program("logs", "--tail", "some", cwd=project).err


@pytest.mark.parametrize("command", ["destroy", "status", "plan"])
def test_a_stack_is_not_looked_for_in_a_region_that_there_is_not(
    program: Program, project: Path, command: str
) -> None:
    result = program(command, "--sandbox", "--region", "eu-wset-1", cwd=project)
    assert (result.status, "did you mean eu-west-1?" in result.err) == (2, True), result.err
