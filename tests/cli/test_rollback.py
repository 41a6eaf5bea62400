"""`rollback`: which revision, what is shown, and what happens when that one fails too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two import rollback
from compose2fargate.apply.sandbox.server import Sandbox
from tests.cli.conftest import Operate, change, definition_of


@pytest.fixture
def twice(shop: Operate, folder: Path, sandbox: Sandbox) -> Operate:
    """The project, applied a second time with another image of `web`."""
    change(folder, "nginx:1.27", "nginx:1.28")
    assert shop("apply", "--yes", "--no-verify-first").status == 0
    sandbox.calls.clear()
    return shop


def test_a_service_goes_back_to_the_revision_before(twice: Operate, account: AwsAccount) -> None:
    assert definition_of(account, "web") == "shop-web:2"
    done = twice("rollback", "web", "--yes")
    assert done.status == 0, done.err
    assert definition_of(account, "web") == "shop-web:1"
    assert "~ web: shop-web:2 -> shop-web:1" in done.err
    assert "containerDefinitions[web].image: nginx:1.28 -> nginx:1.27" in done.err
    assert "web: shop-web:1 is deployed" in done.err


def test_the_next_apply_deploys_the_compose_file_again(twice: Operate, account: AwsAccount) -> None:
    twice("rollback", "web", "--yes")
    assert twice("apply", "--yes", "--no-verify-first").status == 0
    assert definition_of(account, "web") == "shop-web:2"


def test_revisions_that_say_the_same_are_passed_over(
    twice: Operate, account: AwsAccount, folder: Path
) -> None:
    ecs = account.client("ecs")
    same = ecs.describe_task_definition(taskDefinition="shop-web:2")["taskDefinition"]
    known = ("family", "networkMode", "containerDefinitions", "volumes", "cpu", "memory", "executionRoleArn",
             "requiresCompatibilities", "runtimePlatform", "taskRoleArn")  # fmt: skip
    ecs.register_task_definition(**{member: same[member] for member in known if same.get(member)})
    ecs.update_service(cluster="shop", service="web", taskDefinition="shop-web:3")
    assert twice("rollback", "web", "--yes").status == 0
    assert definition_of(account, "web") == "shop-web:1"


def test_a_revision_can_be_named(twice: Operate, account: AwsAccount, folder: Path) -> None:
    change(folder, "nginx:1.28", "nginx:1.29")
    twice("apply", "--yes", "--no-verify-first")
    assert twice("rollback", "web", "--to", "1", "--yes").status == 0
    assert definition_of(account, "web") == "shop-web:1"
    forward = twice("rollback", "web", "--to", "3", "--yes", "--format", "json")
    assert json.loads(forward.out)["rollback"][0]["steady"] is True
    assert definition_of(account, "web") == "shop-web:3"


@pytest.mark.parametrize(("revision", "said"), [("9", "no active revision 9"), ("2", "is already deployed")])
def test_a_revision_that_will_not_do_is_refused(
    twice: Operate, account: AwsAccount, revision: str, said: str
) -> None:
    done = twice("rollback", "web", "--to", revision, "--yes")
    assert done.status == 1
    assert said in done.err
    assert "active revisions of shop-web: 2, 1" in done.err
    assert definition_of(account, "web") == "shop-web:2"


def test_a_deregistered_revision_is_not_gone_back_to(twice: Operate, account: AwsAccount) -> None:
    account.client("ecs").deregister_task_definition(taskDefinition="shop-web:1")
    done = twice("rollback", "web", "--yes")
    assert done.status == 1
    assert "C2F481" in done.err
    assert definition_of(account, "web") == "shop-web:2"


def test_nothing_happens_without_an_answer(twice: Operate, account: AwsAccount, sandbox: Sandbox) -> None:
    done = twice("rollback", "web")
    assert done.status == 2
    assert "C2F417" in done.err
    assert definition_of(account, "web") == "shop-web:2"
    assert "UpdateService" not in {call.operation for call in sandbox.calls}


def test_a_rollback_that_fails_says_why_and_what_serves(
    twice: Operate, sandbox: Sandbox, account: AwsAccount
) -> None:
    sandbox.behave("web", kind="exit", exit_code=3, revision=1, log=("no config",))
    done = twice("rollback", "web", "--yes")
    assert done.status == 1
    assert "shop-web:1 failed, and ECS rolled back to shop-web:2" in done.err
    assert "log: web: no config" in done.err
    assert "shop-web:1 is deployed;" not in done.err


def test_several_services_have_to_be_named_or_all(twice: Operate, account: AwsAccount) -> None:
    done = twice("rollback", "--yes")
    assert done.status == 2
    assert "web, worker" in done.err
    done = twice("rollback", "--all", "--yes")
    assert done.status == 1
    assert "worker: shop-worker:1 is deployed, and no earlier active revision differs" in done.err
    assert definition_of(account, "web") == "shop-web:1"


def test_a_job_cannot_go_back(twice: Operate) -> None:
    assert twice("rollback", "migrate", "--yes").status == 2


def test_an_interrupt_leaves_it_to_ecs(
    twice: Operate, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rollback, "_wait", interrupted)
    done = twice("rollback", "web", "--yes")
    assert done.status == 130
    assert "ECS continues" in done.err
    assert definition_of(account, "web") == "shop-web:1"


def test_refusals_are_exit_3(twice: Operate, sandbox: Sandbox) -> None:
    sandbox.fault(service="ecs", operation="UpdateService", code="AccessDeniedException")
    assert twice("rollback", "web", "--yes").status == 3
