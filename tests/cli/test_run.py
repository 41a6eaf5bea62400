"""`run`: one-off tasks, what they write, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two import task_runs
from compose2fargate.apply.deployment.rollout import RolloutWaiter
from compose2fargate.apply.sandbox.server import Sandbox
from tests.cli.conftest import Operate, change


def started(account: AwsAccount, family: str) -> list[Any]:
    """Give the tasks of a family that were run by hand."""
    ecs = account.client("ecs")
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster="shop", family=family, desiredStatus=status)["taskArns"]
    ]
    found = ecs.describe_tasks(cluster="shop", tasks=arns)["tasks"] if arns else []
    return [task for task in found if task["startedBy"] == task_runs.RUN_BY]


def test_a_job_runs_and_its_output_is_the_output(
    shop: Operate, account: AwsAccount, sandbox: Sandbox
) -> None:
    sandbox.behave("shop-migrate", kind="exit", exit_code=0, log=("moved 3 tables",))
    done = shop("run", "migrate")
    assert done.status == 0, done.err
    assert done.out.splitlines()[-1] == "moved 3 tables"
    assert "migrate: ended with 0" in done.err
    assert [task["taskDefinitionArn"].rpartition("/")[2] for task in started(account, "shop-migrate")] == [
        "shop-migrate:1"
    ]


def test_its_exit_code_is_the_commands(shop: Operate, sandbox: Sandbox) -> None:
    sandbox.behave("shop-migrate", kind="exit", exit_code=42, log=("no such table",))
    done = shop("run", "migrate")
    assert done.status == 42
    assert "no such table" in done.out
    assert "error C2F433: job migrate failed" in done.err
    assert "exit code 42" in done.err


def test_a_service_runs_another_command_beside_itself(shop: Operate, account: AwsAccount) -> None:
    assert shop("run", "worker", "--", "sh", "-c", "exit 7").status == 7
    task = started(account, "shop-worker")[0]
    assert task["overrides"]["containerOverrides"] == [{"name": "worker", "command": ["sh", "-c", "exit 7"]}]
    service = account.client("ecs").describe_services(cluster="shop", services=["worker"])["services"][0]
    assert service["runningCount"] == 1


def test_it_runs_in_the_network_of_its_service(shop: Operate, account: AwsAccount, sandbox: Sandbox) -> None:
    shop("run", "web", "--", "true")
    task = started(account, "shop-web")[0]
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    subnets = account.client("ec2").describe_subnets()["Subnets"]
    assert details["subnetId"] in {subnet["SubnetId"] for subnet in subnets}
    assert "worker" not in {c.operation for c in sandbox.calls}


def test_variables_are_set_for_one_run(shop: Operate, account: AwsAccount) -> None:
    done = shop("run", "migrate", "-e", "STEP=2", "-e", "TOKEN", TOKEN="canary-of-a-token")
    assert done.status == 0
    overrides = started(account, "shop-migrate")[0]["overrides"]["containerOverrides"][0]["environment"]
    assert overrides == [{"name": "STEP", "value": "2"}, {"name": "TOKEN", "value": "canary-of-a-token"}]
    assert "canary" not in done.out + done.err


def test_a_variable_that_is_not_set_is_named(shop: Operate) -> None:
    done = shop("run", "migrate", "-e", "NOT_SET")
    assert done.status == 2
    assert "NOT_SET" in done.err


def test_detached_prints_the_task_and_does_not_wait(shop: Operate, account: AwsAccount) -> None:
    done = shop("run", "migrate", "--detach")
    assert done.status == 0
    assert started(account, "shop-migrate")[0]["taskArn"].endswith(done.out.strip())


def test_what_cannot_start_is_exit_3(shop: Operate, sandbox: Sandbox) -> None:
    sandbox.behave("shop-migrate", kind="pull")
    done = shop("run", "migrate")
    assert done.status == 3
    assert "CannotPullContainerError" in done.err
    assert "hint" in done.err


def interrupt_when_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def until(self: Any, look: Any, report: Any = None) -> None:
        assert look() is None
        raise KeyboardInterrupt

    monkeypatch.setattr(RolloutWaiter, "until", until)


def test_an_interrupt_leaves_the_task_running_and_says_how_to_stop_it(
    shop: Operate, account: AwsAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.behave("shop-migrate", kind="stuck")
    interrupt_when_it_runs(monkeypatch)
    done = shop("run", "migrate")
    assert done.status == 130
    task = started(account, "shop-migrate")[0]
    assert task["lastStatus"] == "RUNNING"
    identifier = task["taskArn"].rpartition("/")[2]
    assert f"aws ecs stop-task --region us-east-1 --cluster shop --task {identifier}" in done.err


def test_an_interrupt_stops_the_task_when_asked(
    shop: Operate, account: AwsAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.behave("shop-migrate", kind="stuck")
    interrupt_when_it_runs(monkeypatch)
    assert shop("run", "migrate", "--stop-on-interrupt").status == 130
    assert started(account, "shop-migrate")[0]["lastStatus"] == "STOPPED"


def test_a_task_that_does_not_end_is_left_after_its_time(shop: Operate, sandbox: Sandbox) -> None:
    sandbox.behave("shop-migrate", kind="stuck")
    done = shop("run", "migrate", "--timeout", "1")
    assert done.status == 1
    assert "C2F434" in done.err
    assert "aws ecs stop-task" in done.err


def test_what_is_not_deployed_cannot_run(operate: Operate) -> None:
    done = operate("run", "migrate")
    assert done.status == 1
    assert "C2F482" in done.err
    assert operate("run", "web").status == 1


def test_unknown_names_are_usage_errors(operate: Operate) -> None:
    done = operate("run", "migrat")
    assert done.status == 2
    assert "did you mean migrate?" in done.err
    done = operate("run", "proxy")
    assert done.status == 2
    assert "the task of worker" in done.err


def test_a_service_that_was_rolled_back_runs_what_serves(
    shop: Operate, account: AwsAccount, sandbox: Sandbox, folder: Any
) -> None:
    sandbox.behave("web", kind="exit", revision=2)
    change(folder, "nginx:1.27", "nginx:1.28")
    assert shop("apply", "--yes", "--no-verify-first").status == 1
    sandbox.clear()
    assert "of shop-web:1" in shop("run", "web", "--", "true").err


def test_what_helpers_write_is_told_from_the_jobs_own_output(
    shop: Operate, folder: Any, account: AwsAccount
) -> None:
    change(folder, 'command: ["work"]', 'command: ["work"]\n    expose: ["9000"]')
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    definition = account.client("ecs").describe_task_definition(taskDefinition="shop-migrate")[
        "taskDefinition"
    ]
    helpers = {c["name"] for c in definition["containerDefinitions"]} - {"migrate"}
    assert helpers, "a job that can reach a service has a container that finds its name"
    lines = [line for line in shop("run", "migrate").out.splitlines() if "would start now" in line]
    prefixes = {line.partition("  | ")[0] for line in lines if "  | " in line}
    assert prefixes == helpers
    assert [line for line in lines if "  | " not in line] == [
        "migrate would start now: this is a sandbox, nothing runs"
    ]


def test_a_refusal_quotes_no_value(
    shop: Operate, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    def refuse(**given: Any) -> None:
        raise ClientError({"Error": {"Code": "InvalidParameterException", "Message": str(given)}}, "RunTask")

    monkeypatch.setattr(account.client("ecs"), "run_task", refuse)
    done = shop("run", "migrate", "-e", "TOKEN", "--debug", TOKEN="canary-of-a-token")
    assert done.status == 3
    assert "RunTask" in done.err
    assert "canary" not in done.out + done.err
