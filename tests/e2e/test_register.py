"""What is generated is taken by the real AWS CLI as it is, and AWS gives back what was sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import LoadOptions
from compose2fargate.aws.resources import EcsService, TaskDefinition
from compose2fargate.aws.task_definition_rules import service_violations, violations
from compose2fargate.diagnostics import has_errors
from compose2fargate.workflows.translating import translate
from tests.conftest import ROOT, Program
from tests.e2e.conftest import ACCOUNT, AWS_CLI, REGION, FakeAws
from tests.e2e.shapes import OPERATIONS, problems
from tests.given import Given

FIXTURES = ROOT / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/compose.yaml"))
SAMPLE = "sample"


def arguments(case: str) -> list[str]:
    """The options of a fixture: one a line in `arguments`, where that file exists."""
    file = FIXTURES / case / "arguments"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def converted(case: str, program: Program, tmp_path: Path, *options: str) -> Path | None:
    """Convert a copy of a fixture; give the folder of the files, or None where the fixture is one to be refused."""
    shutil.copytree(FIXTURES / case, tmp_path / case)
    result = program("convert", "-o", "out", *arguments(case), *options, cwd=tmp_path / case)
    assert result.status in (0, 2), result.err
    return tmp_path / case / "out" if result.status == 0 else None


def inputs(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / kind).glob("*.json"))


def parsed(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


# -- every fixture: what can be checked without a server -----------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_botocore_accepts_every_file_of_a_fixture(case: str, program: Program, tmp_path: Path) -> None:
    folder = converted(case, program, tmp_path)
    if folder is None:
        return  # refused: its golden says why
    found = {
        f"{kind}/{file.name}": problems(kind, parsed(file))
        for kind in OPERATIONS
        for file in inputs(folder, kind)
    }
    assert found
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize("case", CASES)
def test_no_task_definition_or_service_of_a_fixture_breaks_a_rule_of_fargate(case: str) -> None:
    options = LoadOptions(environment={}, cwd=str(FIXTURES / case))
    made = translate(options)
    if has_errors(made.diagnostics):
        return  # refused: its golden says why
    stack = made.translation.stack
    definitions = [definition for _, definition in stack.of_type(TaskDefinition)]
    assert definitions
    assert [found for definition in definitions for found in violations(definition)] == []
    assert [found for _, service in stack.of_type(EcsService) for found in service_violations(service)] == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"memoryy": "512"}, "memoryy"),
        ({"cpu": 256}, "cpu"),
        ({"networkMode": "overlay"}, "overlay"),
        (
            {"containerDefinitions": [{"name": "web", "image": "nginx", "command": "nginx -g daemon"}]},
            "command",
        ),
        ({"containerDefinitions": [{"name": "w", "logConfiguration": {"logDriver": "loki"}}]}, "loki"),
    ],
)
def test_the_check_against_botocore_finds_what_is_wrong(change: dict[str, Any], complaint: str) -> None:
    good = {"family": "web", "containerDefinitions": [], "networkMode": "awsvpc"}
    assert problems("task-definitions", good) == []
    assert complaint in " ".join(problems("task-definitions", {**good, **change}))


# -- the sample: the real AWS CLI against a fake AWS ---------------------------------------------------------


def as_sent(described: Any, sent: Any) -> Any:
    """Take out of a description what moto adds of its own, and only where it was not sent."""
    if isinstance(described, list) and isinstance(sent, list) and len(described) == len(sent):
        return [as_sent(*pair) for pair in zip(described, sent, strict=True)]
    if not (isinstance(described, dict) and isinstance(sent, dict)):
        return described
    return {
        key: as_sent(value, sent.get(key))
        for key, value in described.items()
        if key in sent or (key, value) not in MOTO_DEFAULTS
    }


MOTO_DEFAULTS: tuple[tuple[str, Any], ...] = (
    ("cpu", 0),
    ("environment", []),
    ("mountPoints", []),
    ("portMappings", []),
    ("volumesFrom", []),
    ("essential", True),
    ("rootDirectory", "/"),
    ("volumes", []),
    ("placementConstraints", []),
)
MOTO_FIELDS = frozenset(
    {
        "taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy", "compatibilities",
        "requiresAttributes",
    }
)  # fmt: skip
"""What a registered task definition has and its input has not."""
MOTO_FORGETS = frozenset({"enableFaultInjection"})
"""What moto takes and does not give back: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html has it."""


def register(fake_aws: FakeAws, file: Path) -> None:
    sent = parsed(file)
    answer = fake_aws.cli(
        "ecs", "register-task-definition", "--cli-input-json", f"file://{file.name}", cwd=file.parent
    )
    assert answer["taskDefinition"]["family"] == sent["family"]
    described = fake_aws.client("ecs").describe_task_definition(
        taskDefinition=sent["family"], include=["TAGS"]
    )
    definition = {k: v for k, v in described["taskDefinition"].items() if k not in MOTO_FIELDS}
    if described.get("tags"):
        definition["tags"] = described["tags"]
    kept = {
        k: v for k, v in as_sent(definition, sent).items() if k not in MOTO_FORGETS
    }  # newer ones remember
    assert kept == {k: v for k, v in sent.items() if k not in MOTO_FORGETS}


def test_the_sample_registers_and_is_described_as_it_was_sent(
    fake_aws: FakeAws, program: Program, tmp_path: Path
) -> None:
    folder = converted(SAMPLE, program, tmp_path)
    assert folder
    files = inputs(folder, "task-definitions")
    assert [file.stem for file in files] == ["api", "cache", "db", "migrate", "web", "worker"]
    for file in files:
        register(fake_aws, file)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case != SAMPLE])
def test_a_fixture_registers_and_is_described_as_it_was_sent(
    case: str, fake_aws: FakeAws, program: Program, tmp_path: Path
) -> None:
    folder = converted(case, program, tmp_path)
    for file in inputs(folder, "task-definitions") if folder else ():
        register(fake_aws, file)


# moto's RunTask fails where a container has neither memory nor memoryReservation, which Fargate does not ask
# for; so that one call is checked by the AWS CLI alone, which then sends nothing and prints a sample answer. Its tasks
# have ended well, and services are stable at once.
_SHIM = """#!/bin/sh
case "$1 $2" in
  "ecs run-task") set -- "$@" --generate-cli-skeleton output ;;
  "ecs wait") echo "0 aws $1 $2 $3" >>"{journal}"; exit 0 ;;
  "ecs describe-tasks") echo 0; exit 0 ;;
esac
"{python}" "{aws}" "$@"
status=$?
echo "$status aws $1 $2" >>"{journal}"
exit $status
"""


def shim(folder: Path) -> tuple[Path, Path]:
    """Put an `aws` into a folder of its own that runs the real one and notes how each call ended."""
    folder.mkdir()
    journal = folder / "journal"
    aws = folder / "aws"
    aws.write_text(_SHIM.format(python=sys.executable, aws=AWS_CLI, journal=journal), encoding="utf-8")
    aws.chmod(0o755)
    return folder, journal


def run_commands(fake_aws: FakeAws, folder: Path, tmp_path: Path) -> list[str]:
    """Run commands.sh from elsewhere, with the real AWS CLI; give the calls that failed, look-ups apart."""
    bin_folder, journal = shim(tmp_path / f"bin-{len(list(tmp_path.iterdir()))}")
    environment = fake_aws.environment
    done = subprocess.run(
        ["sh", str(folder / "commands.sh")],
        cwd=tmp_path,  # not the folder of the files: the script finds them itself
        env={**environment, "PATH": f"{bin_folder}{os.pathsep}{environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    noted = journal.read_text(encoding="utf-8").splitlines()
    assert noted
    return [line for line in noted if not line.startswith("0 ") and " describe-" not in line]


def push_what_is_built(fake_aws: FakeAws, folder: Path) -> None:
    """Put the images that the task definitions name into their repositories, as `push` does."""
    texts = [path.read_text("utf-8") for path in (folder / "task-definitions").iterdir()]
    given = Given(fake_aws.client, [])
    for repository, tag in sorted(
        {found for text in texts for found in re.findall(r"amazonaws\.com/([^:\"]+):([^\"@]+)", text)}
    ):
        given.image(repository, tag)


@pytest.mark.slow
def test_the_samples_commands_make_the_whole_stack(
    fake_aws: FakeAws, program: Program, tmp_path: Path
) -> None:
    folder = converted(
        SAMPLE, program, tmp_path, "--region", REGION, "--file-system", "fs-0123456789abcdef0"
    )  # fmt: skip
    assert folder
    push_what_is_built(fake_aws, folder)
    assert run_commands(fake_aws, folder, tmp_path) == []
    ecs = fake_aws.client("ecs")
    services = ecs.list_services(cluster="shop")["serviceArns"]
    assert sorted(arn.rsplit("/", 1)[1] for arn in services) == ["api", "cache", "db", "web", "worker"]
    groups = fake_aws.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"] for group in groups} >= {"/ecs/shop/web", "/ecs/shop/migrate"}
    assert all(group["retentionInDays"] == 30 for group in groups)


NETWORKED = """\
name: shop
services:
  web:
    image: nginx:1.27-alpine
    ports: ["80:80"]
    mem_limit: 64m
    x-fargate: {ingress: [{port: 80}, {port: 80, host: [a.example.com, b.example.com], path: /api/*}]}
  db:
    image: postgres:16
    ports: ["5432:5432"]
    mem_limit: 64m
    networks: [back]
    x-fargate: {ingress: [{port: 5432, load_balancer: network, from: [203.0.113.0/24]}]}
  import: {image: a, mem_limit: 64m, networks: [back], x-fargate: {job: true}}
networks: {back: {}}
"""


@pytest.mark.slow
def test_commands_make_networks_and_load_balancers_and_can_run_again(
    fake_aws: FakeAws, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(NETWORKED)
    certificate = fake_aws.client("acm").request_certificate(DomainName="a.example.com")["CertificateArn"]
    result = program("convert", "-o", "out", "--region", REGION, "--certificate", certificate, cwd=tmp_path)
    assert result.status == 0, result.err
    assert run_commands(fake_aws, tmp_path / "out", tmp_path) == []
    first = stack_of(fake_aws)
    again = run_commands(fake_aws, tmp_path / "out", tmp_path)
    assert all("authorize-security-group-ingress" in call or "create-log-group" in call for call in again)
    assert stack_of(fake_aws) == first
    listeners = sorted((one["Protocol"], one["Port"]) for one in first["listeners"])
    assert listeners == [("HTTP", 80), ("HTTPS", 443), ("TCP", 5432)]
    assert open_to_everyone(first["groups"]) == {80, 443}
    assert {tuple(sorted(service["groups"])) for service in first["services"].values()} == {
        (first["ids"]["shop-default"],),
        (first["ids"]["shop-back"],),
    }
    assert first["services"]["db"]["registries"] == first["names"]


def stack_of(fake_aws: FakeAws) -> dict[str, Any]:
    """What stands in the fake account, as far as the network goes."""
    elb, ec2, ecs = (fake_aws.client(name) for name in ("elbv2", "ec2", "ecs"))
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    groups = [
        g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"].startswith("shop-")
    ]
    services = ecs.describe_services(cluster="shop", services=["web", "db"])["services"]
    return {
        "listeners": [
            listener
            for one in balancers
            for listener in elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]
        ],
        "targets": [group["TargetGroupName"] for group in elb.describe_target_groups()["TargetGroups"]],
        "groups": groups,
        "ids": {group["GroupName"]: group["GroupId"] for group in groups},
        "names": [s["Arn"] for s in fake_aws.client("servicediscovery").list_services()["Services"]],
        "services": {
            one["serviceName"]: {
                "groups": one["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"],
                "subnets": one["networkConfiguration"]["awsvpcConfiguration"]["subnets"],
                "targets": one["loadBalancers"],
                "registries": [registry["registryArn"] for registry in one["serviceRegistries"]],
            }
            for one in services
        },
    }


def open_to_everyone(groups: list[dict[str, Any]]) -> set[int]:
    return {
        rule["FromPort"]
        for group in groups
        for rule in group["IpPermissions"]
        if any(found["CidrIp"] == "0.0.0.0/0" for found in rule["IpRanges"])
    }


@pytest.mark.slow
def test_cluster_service_and_schedule_are_created_as_they_were_sent(
    fake_aws: FakeAws, program: Program, tmp_path: Path
) -> None:
    """Of a service moto keeps the members below, of a schedule all."""
    network = fake_aws.network()
    (tmp_path / "compose.yaml").write_text(
        "name: night\n"
        "services:\n"
        "  web: {image: nginx:1.27-alpine, ports: ['80:80'], mem_limit: 256m, scale: 2, x-fargate: {dns: false}}\n"
        "  report: {image: alpine, command: [echo, done], mem_limit: 64m, x-fargate: {schedule: '30 3 * * 1-5'}}\n"
    )
    result = program(
        "convert", "-o", "out", "--region", REGION, "--account", ACCOUNT, "--load-balancer", "none", "--job-names", "none",
        "--subnet", network.subnet, "--security-group", network.security_group, cwd=tmp_path,
    )  # fmt: skip
    assert result.status == 0, result.err
    folder = tmp_path / "out"
    for file in inputs(folder, "task-definitions"):
        register(fake_aws, file)
    fake_aws.cli("ecs", "create-cluster", "--cluster-name", "night", cwd=folder)
    created = fake_aws.cli(
        "ecs", "create-service", "--cli-input-json", "file://services/web.json", cwd=folder
    )
    sent = parsed(folder / "services" / "web.json")
    kept = ("serviceName", "desiredCount", "launchType", "networkConfiguration", "propagateTags", "tags")
    assert {key: created["service"][key] for key in kept} == {key: sent[key] for key in kept}
    ran = fake_aws.cli("ecs", "run-task", "--cli-input-json", "file://run-tasks/report.json", cwd=folder)
    assert ran["failures"] == []
    assert [task["lastStatus"] for task in ran["tasks"]] == ["RUNNING"]
    fake_aws.cli(
        "scheduler", "create-schedule", "--cli-input-json", "file://schedules/report.json", cwd=folder
    )
    schedule = parsed(folder / "schedules" / "report.json")
    kept_schedule = fake_aws.client("scheduler").get_schedule(Name=schedule["Name"])
    kept_schedule["Target"].pop("RetryPolicy", None)  # the service's default, which moto fills in as AWS does
    assert {key: kept_schedule[key] for key in schedule} == schedule
    assert schedule["ScheduleExpression"] == "cron(30 3 ? * MON,TUE,WED,THU,FRI *)"
