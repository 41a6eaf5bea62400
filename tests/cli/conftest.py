"""A small project, deployed to the fake AWS inside of this process, and the command line to operate it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox import sandbox_session
from compose2fargate.apply.sandbox.server import Sandbox, attach_session
from tests.conftest import Program, Result

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
    depends_on:
      migrate: {condition: service_completed_successfully}
  worker:
    image: shop/worker:1
    command: ["work"]
    x-fargate: {exec: true}
  proxy:
    image: envoyproxy/envoy:v1.31
    network_mode: service:worker
  migrate:
    image: shop/worker:1
    command: ["sh", "-c", "migrate --all"]
  nightly:
    image: shop/worker:1
    command: ["report"]
    x-fargate: {schedule: "30 3 * * *"}
"""


@pytest.fixture(scope="session")
def one_sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture(scope="session")
def one_account(one_sandbox: Sandbox) -> AwsAccount:
    import boto3

    opened = boto3.Session("test", "test", region_name="us-east-1")
    attach_session(one_sandbox, opened)
    return AwsAccount(opened, rates={}, pause=0.001)


@pytest.fixture
def sandbox(one_sandbox: Sandbox) -> Iterator[Sandbox]:
    one_sandbox.reset()
    yield one_sandbox
    one_sandbox.clear()


@pytest.fixture
def account(sandbox: Sandbox, one_account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    one_account.forget()
    monkeypatch.setattr(sandbox_session, "open_sandbox", lambda *_: one_account)
    return one_account


Operate = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


@pytest.fixture
def operate(account: AwsAccount, program: Program, folder: Path) -> Operate:
    """Run a command on the project, in the sandbox; options follow a subcommand."""

    groups = account.client("ec2").describe_security_groups()["SecurityGroups"]
    own = {"COMPOSE2FARGATE_SECURITY_GROUPS": groups[0]["GroupId"]}

    def run(command: str, *arguments: str, **environment: str) -> Result:
        words = [command, *arguments]
        at = words.index("--") if "--" in words else len(words)
        return program(*words[:at], "--sandbox", *words[at:], cwd=folder, env={**own, **environment})

    return run


@pytest.fixture
def shop(operate: Operate, sandbox: Sandbox) -> Operate:
    """The same, with the project applied."""
    done = operate("apply", "--yes", "--no-verify-first")
    assert done.status == 0, done.err
    sandbox.calls.clear()
    return operate


def change(folder: Path, before: str, after: str) -> None:
    """Edit the compose file."""
    file = folder / "compose.yaml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def definition_of(account: AwsAccount, service: str) -> Any:
    """Name the revision that a service runs."""
    services = account.client("ecs").describe_services(cluster="shop", services=[service])["services"]
    return services[0]["taskDefinition"].rpartition("/")[2]
