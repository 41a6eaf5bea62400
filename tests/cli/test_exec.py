"""`exec`: which container, what is missing, and how the session manager plugin is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two import ecs_exec
from compose2fargate.apply.day_two.aws_names import DeployedService, StateFindingError
from compose2fargate.apply.deployment import stack_deployment
from tests.cli.conftest import Operate
from tests.conftest import Program, Result

TOKEN = "canary-of-a-session-token"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin that writes down what it was called with; its version decides where the token is expected."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "version").write_text("1.2.764.0")
    program = folder / ecs_exec.PLUGIN
    program.write_text(
        "#!/bin/sh\n"
        f'here="{folder}"\n'
        'if [ "$1" = --version ]; then cat "$here/version"; exit 0; fi\n'
        'for word in "$@"; do printf "%s\\n" "$word" >> "$here/arguments"; done\n'
        'printf "%s" "$AWS_SSM_START_SESSION_RESPONSE" > "$here/variable"\n'
        "exit 5\n"
    )
    program.chmod(0o755)
    return folder


@pytest.fixture
def real(
    shop: Operate, account: AwsAccount, program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Operate:
    """Run commands without --sandbox, against the same fake AWS: as if it were a real one."""
    monkeypatch.setattr(stack_deployment, "open_account", lambda *_: account)

    def run(*arguments: str, **environment: str) -> Result:
        return program(*arguments, cwd=folder, env={"AWS_REGION": "us-east-1", **environment})

    return run


@pytest.fixture
def executed(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What ExecuteCommand, which moto does not know, was called with."""
    calls: list[dict[str, Any]] = []

    def execute_command(**given: Any) -> Any:
        calls.append(given)
        return {"session": {"sessionId": "s-1", "tokenValue": TOKEN, "streamUrl": "wss://stream.example.com"}}

    monkeypatch.setattr(account.client("ecs"), "execute_command", execute_command)
    return calls


def path(plugin: Path) -> str:
    return f"{plugin}:{os.environ['PATH']}"


def test_the_plugin_gets_the_session_as_the_aws_cli_hands_it_over(
    real: Operate, plugin: Path, executed: list[dict[str, Any]]
) -> None:
    done = real("exec", "worker", "--", "sh", "-c", "echo 'a b'", PATH=path(plugin))
    assert done.status == 5, done.err
    called = executed[0]
    assert (called["cluster"], called["container"], called["interactive"]) == ("shop", "worker", True)
    assert called["command"] == "sh -c 'echo '\"'\"'a b'\"'\"''"
    name, region, operation, profile, request, endpoint = (plugin / "arguments").read_text().splitlines()
    assert (name, region, operation, profile) == (
        "AWS_SSM_START_SESSION_RESPONSE",
        "us-east-1",
        "StartSession",
        "",
    )
    task = called["task"].rpartition("/")[2]
    assert json.loads(request)["Target"].startswith(f"ecs:shop_{task}_{task}-")
    assert endpoint.startswith("https://ecs.us-east-1")
    handed = json.loads((plugin / "variable").read_text())
    assert handed == {"SessionId": "s-1", "TokenValue": TOKEN, "StreamUrl": "wss://stream.example.com"}
    assert TOKEN not in done.out + done.err


def test_an_old_plugin_gets_it_as_an_argument(
    real: Operate, plugin: Path, executed: list[dict[str, Any]]
) -> None:
    (plugin / "version").write_text("1.2.331.0")
    real("exec", "worker", "--", "ls", PATH=path(plugin))
    assert json.loads((plugin / "arguments").read_text().splitlines()[0])["TokenValue"] == TOKEN
    assert (plugin / "variable").read_text() == ""


def test_without_the_plugin_nothing_is_started(
    real: Operate, executed: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = real("exec", "worker", "--", "ls", PATH=str(tmp_path / "none"))
    assert done.status == 2
    assert "C2F484" in done.err
    assert ecs_exec.PLUGIN_URL in done.err
    assert executed == []


def test_a_task_without_ecs_exec_is_refused_with_the_way_out(
    real: Operate, plugin: Path, executed: list[dict[str, Any]]
) -> None:
    done = real("exec", "web", "--", "ls", PATH=path(plugin))
    assert done.status == 1
    assert "x-fargate: {exec: true}" in done.err
    assert executed == []


def test_a_sidecar_is_a_container_of_its_leaders_task(
    real: Operate, plugin: Path, executed: list[dict[str, Any]]
) -> None:
    real("exec", "proxy", "--", "ls", PATH=path(plugin))
    real("exec", "worker", "--container", "proxy", "--", "ls", PATH=path(plugin))
    assert [call["container"] for call in executed] == ["proxy", "proxy"]
    done = real("exec", "worker", "--container", "other", "--", "ls", PATH=path(plugin))
    assert done.status == 1
    assert "worker, proxy" in done.err


def test_a_task_can_be_named(
    real: Operate, plugin: Path, executed: list[dict[str, Any]], account: AwsAccount
) -> None:
    account.client("ecs").update_service(cluster="shop", service="worker", desiredCount=2)
    arns = account.client("ecs").list_tasks(cluster="shop", serviceName="worker")["taskArns"]
    for arn in arns:
        real("exec", "worker", "--task", arn.rpartition("/")[2][:20], "--", "ls", PATH=path(plugin))
    assert [call["task"] for call in executed] == arns
    done = real("exec", "worker", "--task", "nope", "--", "ls", PATH=path(plugin))
    assert done.status == 1
    assert arns[0].rpartition("/")[2] in done.err


def test_an_agent_that_does_not_run_is_named(account: AwsAccount) -> None:
    place = DeployedService("web", "shop", "web", "shop-web", "web")
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "STOPPED"}
    container = {"name": "web", "runtimeId": "1", "managedAgents": [agent]}
    task = {"taskArn": "arn:aws:ecs:x:1:task/shop/1", "enableExecuteCommand": True, "containers": [container]}
    with pytest.raises(StateFindingError, match="is stopped"):
        ecs_exec._inside(place, task, "web")


def test_a_service_without_tasks_is_said(real: Operate, plugin: Path, account: AwsAccount) -> None:
    account.client("ecs").update_service(cluster="shop", service="worker", desiredCount=0)
    done = real("exec", "worker", "--", "ls", PATH=path(plugin))
    assert done.status == 1
    assert "no task of worker is running" in done.err


def test_the_sandbox_says_that_nothing_runs(shop: Operate) -> None:
    done = shop("exec", "worker", "--", "ls", "-l")
    assert done.status == 1
    assert "the sandbox runs no containers: ls -l would run in worker" in done.err


def test_a_command_is_needed(shop: Operate) -> None:
    assert shop("exec", "worker").status == 2
