from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox.server import Sandbox, attach_session
from tests.apply.world import World


@pytest.fixture(scope="session")
def one_sandbox() -> Sandbox:
    return Sandbox()


def new_session(sandbox: Sandbox) -> Any:
    import boto3

    session = boto3.Session("test", "test", region_name="eu-central-1")
    attach_session(sandbox, session)
    return session


@pytest.fixture(scope="session")
def one_session(one_sandbox: Sandbox) -> Any:
    return new_session(one_sandbox)


@pytest.fixture(scope="session")
def one_account(one_session: Any) -> AwsAccount:
    """An account whose clients are made once: making them takes longer than a test."""
    return AwsAccount(one_session, rates={}, pause=0.01, attempts=4)


@pytest.fixture(scope="session")
def hasty_account(one_session: Any) -> AwsAccount:
    """An account that tries every call once only, so that every fault is seen."""
    return AwsAccount(one_session, rates={}, pause=0.01, attempts=1)


@pytest.fixture
def sandbox(one_sandbox: Sandbox) -> Iterator[Sandbox]:
    one_sandbox.reset()
    yield one_sandbox
    one_sandbox.clear()


@pytest.fixture
def session(sandbox: Sandbox, one_session: Any) -> Any:
    return one_session


@pytest.fixture
def account(sandbox: Sandbox, one_account: AwsAccount) -> AwsAccount:
    one_account.forget()
    return one_account


@pytest.fixture
def world(account: AwsAccount) -> World:
    return World(account)


@pytest.fixture
def applied(world: World, sandbox: Sandbox) -> World:
    """The sample stack, as it is after an apply."""
    result = world.apply()
    assert result.exit_code == 0, result.diagnostics
    sandbox.calls.clear()
    return world
