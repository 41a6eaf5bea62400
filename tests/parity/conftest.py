"""A fake AWS inside of this process, with clients that write down what they ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox import sandbox_session
from compose2fargate.apply.sandbox.server import Sandbox, attach_session
from tests.emitters.conftest import terraform
from tests.parity.calls import Recorder

__all__ = ["terraform"]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> tuple[AwsAccount, Recorder]:
    """An account of its own, and what is asked of it."""
    import boto3

    session = boto3.Session("test", "test", region_name="us-east-1")
    attach_session(Sandbox(), session)
    recorder = Recorder(session)
    account = AwsAccount(session, rates={}, pause=0.001)
    monkeypatch.setattr(sandbox_session, "open_sandbox", lambda *_: account)
    return account, recorder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")
