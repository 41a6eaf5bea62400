from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compose2fargate.apply.sandbox.wire import Sandbox, attach


@pytest.fixture(scope="session")
def one_sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def sandbox(one_sandbox: Sandbox) -> Iterator[Sandbox]:
    one_sandbox.reset()
    yield one_sandbox
    one_sandbox.clear()


@pytest.fixture
def session(sandbox: Sandbox) -> Any:
    import boto3

    session = boto3.Session("test", "test", region_name="eu-central-1")
    attach(sandbox, session)
    return session
