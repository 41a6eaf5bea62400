"""`check --live` against a fake AWS: what AWS adds is no difference, what somebody changed is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from compose2fargate.apply.day_two.registered_state import _fits, _without_defaults
from tests.conftest import Program

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
COMPOSE = """\
services:
  web:
    image: nginx:1
    environment: {B: "2", A: "1", DB_PASSWORD: hunter2}
    expose: ["80"]
    volumes: [data:/data]
    mem_limit: 512m
    healthcheck: {test: [CMD, "true"]}
    ulimits: {nofile: 1024}
    deploy: {replicas: 2}
  job:
    image: busybox
    command: ["true"]
    x-fargate: {job: true}
volumes: {data: {}}
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        make: Any = boto3.client
        yield make("ecs", region_name="eu-central-1")


@pytest.fixture
def deployed(aws: Any, tmp_path: Path, program: Program) -> Path:
    """A project whose files are registered as they are."""
    import json

    (tmp_path / "compose.yaml").write_text(COMPOSE)
    network = boto3.client("ec2", region_name="eu-central-1").describe_subnets()["Subnets"][0]["SubnetId"]
    result = program(
        "convert",
        "-q",
        "--account",
        "123456789012",
        "--subnet",
        network,
        "--file-system",
        "fs-12345678",
        cwd=tmp_path,
        env=CREDENTIALS,
    )
    assert result.status == 0, result.err
    folder = tmp_path / "fargate" / "json"
    services = sorted(folder.glob("services/*.json"))
    for path in folder.glob("task-definitions/*.json"):
        aws.register_task_definition(**json.loads(path.read_text()))
    for path in services:
        asked = json.loads(path.read_text())
        aws.create_cluster(clusterName=asked["cluster"])
        namespace = asked["serviceConnectConfiguration"]["namespace"].rpartition("/")[2]
        boto3.client("servicediscovery", region_name="eu-central-1").create_http_namespace(Name=namespace)
        asked["networkConfiguration"]["awsvpcConfiguration"].pop("securityGroups", None)
        asked["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] = []
        aws.create_service(**asked)
    return tmp_path


def live(program: Program, project: Path) -> tuple[int, str]:
    result = program("check", "--live", "--no-diff", cwd=project, env=CREDENTIALS)
    assert result.err.startswith("public ")  # the verdict, and no error before it
    return result.status, result.out


def again(aws: Any, family: str, change: Any) -> None:
    """Register another revision by hand."""
    found = aws.describe_task_definition(taskDefinition=family)["taskDefinition"]
    taken = {
        "family",
        "cpu",
        "memory",
        "containerDefinitions",
        "executionRoleArn",
        "networkMode",
        "requiresCompatibilities",
        "volumes",
        "runtimePlatform",
    }
    asked = {key: value for key, value in found.items() if key in taken}
    change(asked)
    aws.register_task_definition(**asked)


def test_what_was_registered_as_it_is_does_not_differ(deployed: Path, program: Program) -> None:
    status, out = live(program, deployed)
    drift = [line for line in out.splitlines() if "C2F33" in line and "deploymentConfiguration" not in line]
    # The fake forgets these members of a service; it says so by leaving them out.
    assert [line for line in drift if "service " not in line.rpartition("(")[2]] == []
    assert "out of sync" not in out
    assert status in (0, 1)


def test_a_revision_registered_by_hand_is_named(deployed: Path, program: Program, aws: Any) -> None:
    def change(asked: dict[str, Any]) -> None:
        asked["containerDefinitions"][0]["image"] = "nginx:2"
        asked["containerDefinitions"][0]["environment"].append({"name": "API_TOKEN", "value": "canary"})

    family = aws.list_task_definition_families()["families"]
    again(aws, next(name for name in family if name.endswith("web")), change)
    status, out = live(program, deployed)
    assert status == 1
    assert "web: image is nginx:2 in the account, and nginx:1 here" in out
    assert "environment.API_TOKEN is ******** in the account, and not set here" in out
    assert "canary" not in out
    assert "hunter2" not in out
    assert "C2F336: web: the service runs " in out


def test_what_the_repository_has_not_deployed_is_no_drift_in_the_account(
    deployed: Path, program: Program
) -> None:
    file = deployed / "compose.yaml"
    file.write_text(COMPOSE.replace("nginx:1", "nginx:3"))
    status, out = live(program, deployed)
    assert status == 1
    assert "web: image nginx:1 -> nginx:3 (compose.yaml:3)" in out
    assert "image is" not in out


def test_what_is_not_there_is_said(program: Program, tmp_path: Path, aws: Any) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    assert program("convert", "-q", cwd=tmp_path, env=CREDENTIALS).status == 0
    status, out = live(program, tmp_path)
    assert status == 1
    assert "C2F335: web: there is no task definition" in out
    assert "C2F335: web: there is no service" in out


def test_without_credentials_it_says_so_and_exits_with_3(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    env = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "eu-central-1"}
    assert program("convert", "-q", cwd=tmp_path).status == 0
    assert program("check", "-q", cwd=tmp_path).status == 0
    result = program("check", "--live", cwd=tmp_path, env=env)
    assert result.status == 3
    assert "C2F337" in result.err
    assert "credentials" in result.err


def test_ids_and_arns_fit_what_only_aws_knows() -> None:
    assert _fits("ecsTaskExecutionRole", "arn:aws:iam::123456789012:role/ecsTaskExecutionRole")
    assert _fits("arn:aws:iam::ACCOUNT_ID:role/x", "arn:aws:iam::123456789012:role/x")
    assert _fits("sg-REPLACE_ME", "sg-0abc")
    assert not _fits("nginx:1", "nginx:2")
    assert not _fits("Role", "arn:aws:iam::123456789012:role/OtherRole")


def test_a_default_that_the_stack_states_is_compared() -> None:
    actual = {
        "cpu": 0,
        "essential": True,
        "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
    }
    assert _without_defaults(actual, {}) == {"portMappings": [{"containerPort": 80}]}
    assert _without_defaults(actual, {"cpu": 256})["cpu"] == 0
