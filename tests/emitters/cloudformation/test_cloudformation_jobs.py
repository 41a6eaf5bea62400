"""Jobs of a template: the function in it, run as Lambda runs it, against the fake ECS."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import RunTask
from compose2fargate.emitters.cloudformation.cloudformation_jobs import CODE
from compose2fargate.sample_stack import sample_stack
from tests.apply.conftest import account, one_account, one_sandbox, one_session, sandbox, session
from tests.apply.sandbox.test_server import Account
from tests.emitters.cloudformation.test_cloudformation_template import template

__all__ = ["account", "one_account", "one_sandbox", "one_session", "sandbox", "session"]


class Lambda:
    """What Lambda gives to a function that stands in a template: modules, and a time by which it has to have ended."""

    def __init__(self, session: Any, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.answers: list[dict[str, Any]] = []
        response = ModuleType("cfnresponse")
        response.SUCCESS, response.FAILED = "SUCCESS", "FAILED"  # type: ignore[attr-defined]
        response.send = self.send  # type: ignore[attr-defined]
        boto3 = ModuleType("boto3")
        boto3.client = session.client  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "cfnresponse", response)
        patch.setitem(sys.modules, "boto3", boto3)
        patch.setattr("time.sleep", lambda _: None)
        self.left = 900_000
        (folder / "index.py").write_text(CODE)
        self.handler = runpy.run_path(str(folder / "index.py"))["handler"]

    def send(self, *given: Any, reason: Any = None) -> None:
        _, _, status, _, physical = given
        self.answers.append({"status": status, "reason": reason, "physical": physical})

    def __call__(self, kind: str, **properties: Any) -> dict[str, Any]:
        def remaining() -> int:
            self.left -= 10_000
            return self.left

        event = {"RequestType": kind, "LogicalResourceId": "RunTaskMigrate", "ResourceProperties": properties}
        self.handler(event, SimpleNamespace(get_remaining_time_in_millis=remaining))
        return self.answers[-1]


@pytest.fixture
def function(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    return Lambda(session, tmp_path, monkeypatch)


@pytest.fixture
def request_of(session: Any) -> Any:
    made = Account(session)

    def request(command: str) -> str:
        made.register(command=["sh", "-c", command])
        return json.dumps(
            {
                "cluster": "shop",
                "taskDefinition": "web",
                "launchType": "FARGATE",
                "networkConfiguration": made.network,
            }
        )

    return request


def test_a_job_that_ends_well_lets_the_deployment_go_on(function: Lambda, request_of: Any) -> None:
    answer = function("Create", Request=request_of("migrate"), Container="web")
    assert (answer["status"], answer["reason"]) == ("SUCCESS", None)


def test_a_job_that_fails_fails_the_deployment_and_says_why(function: Lambda, request_of: Any) -> None:
    answer = function("Update", Request=request_of("exit 4"), Container="web")
    assert answer["status"] == "FAILED"
    assert "web did not end well: [4]" in answer["reason"]


def test_a_job_that_does_not_end_is_told_before_lambda_ends_the_function(
    function: Lambda, request_of: Any, sandbox: Any
) -> None:
    """A function that is ended gives no answer, and CloudFormation would wait for one for an hour."""
    sandbox.behave("web", kind="stuck")
    answer = function("Create", Request=request_of("migrate"), Container="web")
    assert answer["status"] == "FAILED"
    assert "still runs" in answer["reason"]


def test_nothing_runs_when_the_stack_is_deleted(function: Lambda) -> None:
    """The id is always the same: with another one, each update would delete a run."""
    answer = function("Delete", Request="{}", Container="web")
    assert (answer["status"], answer["physical"]) == ("SUCCESS", "RunTaskMigrate")


def test_what_waits_for_a_job_is_made_after_its_run() -> None:
    made = template(sample_stack())["Resources"]
    run = made["RunTaskMigrate"]
    assert run["Type"] == "Custom::Job"
    _, parts = run["Properties"]["Request"]["Fn::Join"]
    request = json.loads("".join(part if isinstance(part, str) else "x" for part in parts))
    assert {"cluster", "taskDefinition", "networkConfiguration", "count"} <= set(request)
    assert run["Properties"]["Container"] == "migrate"
    assert "RunTaskMigrate" in made["ServiceWeb"]["DependsOn"]


def test_the_function_may_run_these_jobs_and_no_others() -> None:
    made = template(sample_stack())["Resources"]
    statements = made["JobRunnerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    run, see, *_ = statements
    (definition,) = run["Resource"]
    assert definition["Fn::Sub"].endswith(":task-definition/shop-migrate:*")
    assert run["Condition"] == {"ArnEquals": {"ecs:cluster": [{"Fn::GetAtt": "Cluster.Arn"}]}}
    assert see["Action"] == ["ecs:DescribeTasks", "ecs:TagResource"]


def test_a_stack_without_jobs_has_no_function() -> None:
    stack = sample_stack()
    without = {i: r for i, r in stack.resources.items() if not isinstance(r, RunTask)}
    after = {"service/web": tuple(w for w in stack.after["service/web"] if w.logical_id in without)}
    made = template(stack._replace(resources=without, after=after))["Resources"]
    assert "JobRunner" not in made


def test_a_request_is_json_whatever_a_literal_holds() -> None:
    """In the output it stands between quotes of a shell; in the custom resource it does not."""
    stack = sample_stack()
    task = stack.resources["run-task/migrate"]
    assert isinstance(task, RunTask)
    quoted = task._replace(cluster="it's", task_definition=Ref("task-definition/migrate", "family"))
    made = template(stack._replace(resources={**stack.resources, "run-task/migrate": quoted}))
    _, parts = made["Resources"]["RunTaskMigrate"]["Properties"]["Request"]["Fn::Join"]
    assert json.loads("".join(part if isinstance(part, str) else "x" for part in parts))["cluster"] == "it's"
