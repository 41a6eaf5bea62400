"""Another protocol of a Service Connect port: AWS does not change it in place, so the service is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox.server import Sandbox
from tests.cli.conftest import Operate, change, definition_of

COMPOSE = """\
name: shop
services:
  api:
    image: shop/api:1
    ports:
      - {target: 8080, app_protocol: http}
      - {target: 9090}
  web:
    image: shop/web:1
    expose: ["80"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def made(account: AwsAccount, service: str) -> Any:
    return account.client("ecs").describe_services(cluster="shop", services=[service])["services"][0]


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_another_protocol_replaces_the_service(
    shop: Operate, account: AwsAccount, sandbox: Sandbox, folder: Path, protocol: str
) -> None:
    assert "nothing to do" in shop("plan").out
    before = {name: made(account, name)["createdAt"] for name in ("api", "web")}
    change(folder, "app_protocol: http}", f"app_protocol: {protocol}}}")

    planned = shop("plan")
    assert "± replace   service/api" in planned.out
    assert f"appProtocol.api: http -> {protocol}" in planned.out
    assert "service/web" not in planned.out
    assert "C2F492" in planned.err

    done = shop("apply", "--yes", "--no-verify-first")
    assert done.status == 0, done.err
    assert made(account, "api")["createdAt"] > before["api"]
    assert made(account, "web")["createdAt"] == before["web"]
    assert definition_of(account, "api") == "shop-api:2"
    assert "nothing to do" in shop("plan").out


def test_a_protocol_where_there_was_none_replaces_it_too(shop: Operate, folder: Path) -> None:
    change(folder, "{target: 9090}", "{target: 9090, app_protocol: grpc}")
    planned = shop("plan").out
    assert "± replace   service/api" in planned
    assert "tcp -> grpc" in planned


def test_ports_that_come_and_go_are_changed_in_place(shop: Operate, folder: Path) -> None:
    change(folder, "      - {target: 9090}\n", "      - {target: 9091, app_protocol: grpc}\n")
    planned = shop("plan").out
    assert "~ update    service/api" in planned
    assert "appProtocol" not in planned.partition("service/api")[2]
    done = shop("apply", "--yes", "--no-verify-first")
    assert done.status == 0, done.err
    assert "nothing to do" in shop("plan").out


def test_the_fake_refuses_what_aws_refuses(shop: Operate, account: AwsAccount) -> None:
    ecs = account.client("ecs")
    there = ecs.describe_task_definition(taskDefinition="shop-api")["taskDefinition"]
    members = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn")
    containers = there["containerDefinitions"]
    for port in containers[-1]["portMappings"]:
        port["appProtocol"] = "http2"
    other = ecs.register_task_definition(
        **{member: there[member] for member in members}, containerDefinitions=containers
    )["taskDefinition"]["taskDefinitionArn"]
    with pytest.raises(account.client_error, match="cannot be changed for a SC service"):
        ecs.update_service(cluster="shop", service="api", taskDefinition=other)
    assert made(account, "api")["taskDefinition"] == there["taskDefinitionArn"]


def test_the_revision_that_runs_counts(shop: Operate, account: AwsAccount, folder: Path) -> None:
    """A revision that was registered and never deployed says nothing about the service."""
    change(folder, "app_protocol: http}", "app_protocol: grpc}")
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    change(folder, "app_protocol: grpc}", "app_protocol: http2}")
    again = shop("plan").out
    assert "appProtocol.api: grpc -> http2" in again


def test_scaling_comes_back_with_the_service(shop: Operate, account: AwsAccount, folder: Path) -> None:
    """Who deletes a service may lose what scales it: target and policies are written again after it."""
    change(
        folder,
        "    image: shop/api:1\n",
        "    image: shop/api:1\n    x-fargate: {autoscaling: {min: 1, max: 4, cpu: 60}}\n",
    )
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    change(folder, "app_protocol: http}", "app_protocol: grpc}")
    planned = shop("plan").out
    assert "± replace   scalable-target/api" in planned
    assert "± replace   scaling-policy/api" in planned
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    assert "nothing to do" in shop("plan").out
    scaling = account.client("application-autoscaling")
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert [policy["ResourceId"] for policy in policies] == ["service/shop/api"]


def test_rollback_does_not_begin_what_aws_refuses(shop: Operate, account: AwsAccount, folder: Path) -> None:
    change(folder, "app_protocol: http}", "app_protocol: grpc}")
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    for given in ((), ("--to", "1")):
        done = shop("rollback", "api", *given, "--yes")
        assert done.status == 1
        assert "port api speaks http in shop-api:1 and grpc in the deployed one" in done.err
        assert "deleted and recreated" in done.err
    assert definition_of(account, "api") == "shop-api:2"


def test_a_service_that_offers_nothing_speaks_nothing(shop: Operate, folder: Path) -> None:
    change(folder, "  web:\n", "  worker: {image: shop/api:1, command: [work]}\n  web:\n")
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    assert "nothing to do" in shop("plan").out
