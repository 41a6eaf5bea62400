"""Deployments that fail in the ways that are known, and what is said about each."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import diagnose_error
from compose2fargate.apply.deployment.rollout import failure_advice
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.diagnostics import AwsError
from tests.apply.world import CANARY, World

KINDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the container ends": (
        {"kind": "exit", "exit_code": 3, "log": ("cannot bind",)},
        ("ended with exit code 3", "web: cannot bind"),
    ),
    "out of memory": (
        {
            "kind": "exit",
            "exit_code": 137,
            "reason": "OutOfMemoryError: Container killed due to memory usage",
        },
        ("OutOfMemoryError", "give it more memory"),
    ),
    "the command is not there": (
        {"kind": "exit", "exit_code": 127},
        ("command was not found", "check command:"),
    ),
    "the image is not there": ({"kind": "pull"}, ("CannotPullContainerError", "push")),
    "the container's check": ({"kind": "unhealthy"}, ("container health checks", "start_period")),
    "the load balancer's check": (
        {"kind": "target"},
        ("ELB health checks", "Health checks failed with these codes: [500]"),
    ),
}


def told(result: Any) -> str:
    lines = [text for failure in result.failures for text in (*failure.details, *failure.log)]
    return "\n".join([*lines, *(f"{d.code} {d.message} {d.hint}" for d in result.diagnostics)])


@pytest.mark.parametrize("what", KINDS)
def test_a_failed_update_is_explained(applied: World, sandbox: Sandbox, what: str) -> None:
    behaviour, expected = KINDS[what]
    sandbox.behave("web", container="web", revision=2, **behaviour)
    changed = applied.change("task-definition/web", memory="1024")
    result = changed.apply()
    text = told(result)
    assert result.exit_code == 1
    assert "C2F430" in text
    assert "shop-web:2 failed, and ECS rolled back to shop-web:1" in text
    for words in expected:
        assert words in text
    # The next apply tries again: the definition is there, the service is not on it.
    assert changed.kinds() == {"service/web": "update"}


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(world: World, sandbox: Sandbox) -> None:
    sandbox.behave("web", kind="exit", exit_code=1)
    result = world.apply()
    assert result.exit_code == 1
    assert "there was nothing to roll back to" in told(result)
    # ECS starts no more tasks for it, and nothing has to be changed: without a new deployment it would stay as it is.
    again = [(a.logical_id, a.kind, a.note) for a in world.plan().pending]
    assert ("service/web", "update", "deployed again, as its last deployment failed") in again
    sandbox.behave("web", kind="run")
    assert world.apply().exit_code == 0
    assert world.kinds() == {}


def test_a_service_that_does_not_get_steady_in_time_is_told(world: World, sandbox: Sandbox) -> None:
    sandbox.behave("web", kind="stuck")
    result = world.apply(timeout=0.5)
    assert result.exit_code == 1
    assert "C2F432" in told(result)


def test_without_waiting_nothing_is_awaited_but_what_others_need(world: World, sandbox: Sandbox) -> None:
    sandbox.behave("web", kind="stuck")
    assert world.apply(wait=False, timeout=0.5).exit_code == 0


def test_a_failed_job_is_tried_again(world: World, sandbox: Sandbox) -> None:
    sandbox.behave("shop-migrate", kind="exit", exit_code=4, log=("no such table",))
    result = world.apply()
    assert result.exit_code == 1
    assert "no such table" in told(result)
    states = {outcome.action.logical_id: outcome.status for outcome in result.outcomes}
    assert states["run-task/migrate"] == "failed"
    assert states["service/web"] == "not done"
    assert states["service/db"] == "done"
    sandbox.clear()
    assert world.apply().exit_code == 0
    assert world.kinds() == {}


def test_one_refused_call_stops_only_what_needs_it(world: World, sandbox: Sandbox) -> None:
    sandbox.fault(service="ecs", operation="CreateCluster", code="AccessDeniedException", times=9)
    result = world.apply()
    assert result.exit_code == 3
    states = {outcome.action.logical_id: outcome.status for outcome in result.outcomes}
    assert states["cluster"] == "failed"
    assert states["log-group/web"] == states["task-definition/web"] == "done"
    assert states["service/web"] == "not done"
    assert "compose2fargate permissions" in told(result)


def test_values_of_secrets_are_in_no_message(world: World, sandbox: Sandbox) -> None:
    sandbox.fault(service="ssm", operation="PutParameter", code="ValidationException", times=1)
    sandbox.fault(service="secretsmanager", operation="CreateSecret", code="AccessDeniedException", times=9)
    result = world.apply()
    assert result.exit_code == 3
    assert CANARY not in told(result) + str(result) + str(world.progress.told) + str(world.plan())


def test_parameters_that_the_client_refuses_are_not_shown(world: World) -> None:
    from botocore.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError) as refused:
        world.account.client("ssm").put_parameter(Name="x", Value=[CANARY])
    diagnostic = diagnose_error(refused.value, "secret/token")
    assert diagnostic is not None
    assert CANARY not in str(diagnostic)


def test_advice_falls_back_to_the_log() -> None:
    assert failure_advice([], "web") == "see its log: compose2fargate logs web"
    assert "processor" in failure_advice(["exec /entry: exec format error"], "web")


def test_what_cannot_be_read_is_refused(world: World, sandbox: Sandbox) -> None:
    sandbox.fault(service="iam", operation="GetRole", code="AccessDenied", times=50)
    with pytest.raises(AwsError) as refused:
        world.plan()
    assert {d.code for d in refused.value.diagnostics} == {"C2F404"}


DENIED = {
    "another action than the call": (
        (
            "User: arn:aws:sts::123456789012:assumed-role/ci/me is not authorized to perform: iam:PassRole on resource:"
            " arn:aws:iam::123456789012:role/shop-web because no identity-based policy allows the iam:PassRole action"
        ),
        "grant iam:PassRole on arn:aws:iam::123456789012:role/shop-web to",
    ),
    "EC2's long message": (
        (
            "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/me is not authorized to"
            " perform: ec2:CreateSecurityGroup on resource: arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1 because no"
            f" identity-based policy allows the ec2:CreateSecurityGroup action. Encoded authorization failure message: {'aB3-' * 300}"
        ),
        "grant ec2:CreateSecurityGroup on arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1 to",
    ),
    "no resource": ("User is not authorized to perform: ecs:RunTask", "grant ecs:RunTask to"),
    "nothing": ("Access denied", "grant CreateSecurityGroup to"),
}


@pytest.mark.parametrize("what", DENIED)
def test_the_missing_action_is_named(world: World, sandbox: Sandbox, what: str) -> None:
    text, expected = DENIED[what]
    sandbox.fault(
        operation="CreateSecurityGroup", code="UnauthorizedOperation", text=text, status=403, times=9
    )
    with pytest.raises(world.account.client_error) as refused:
        world.account.client("ec2").create_security_group(GroupName="x", Description="x")
    diagnostic = diagnose_error(refused.value, "security-group/web")
    assert diagnostic is not None
    assert diagnostic.code == "C2F404"
    assert diagnostic.hint.startswith(expected)
    assert "aB3-" not in str(diagnostic)
    assert "Encoded" not in str(diagnostic)
