"""What AWS does not get ready in time is told by name, instead of going on as if it were there."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.deployment.rollout import RolloutWaiter
from compose2fargate.apply.sandbox.server import Sandbox
from tests.apply.test_interrupts import draining, end_of_draining, slow_file_system
from tests.apply.world import World


@pytest.fixture
def hurried(sandbox: Sandbox, session: Any) -> AwsAccount:
    """An account for which no time passes while it waits."""
    return AwsAccount(session, rates={}, pause=0.0, attempts=2)


def told(result: Any) -> str:
    assert result.exit_code == 3
    assert {one.code for one in result.diagnostics} == {"C2F493"}
    return "\n".join(f"{one.message} {one.hint}" for one in result.diagnostics)


def test_a_file_system_that_does_not_get_ready(
    hurried: AwsAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(hurried)
    with monkeypatch.context() as patched:
        slow_file_system(patched, sandbox)
        result = world.apply()
    text = told(result)
    assert "EFS: file system fs-" in text
    assert "is creating after five minutes, not available" in text
    assert "aws efs describe-file-systems" in text
    states = {outcome.action.logical_id: outcome.status for outcome in result.outcomes}
    assert (states["file-system"], states["mount-targets"]) == ("failed", "not done")
    assert world.apply().exit_code == 0
    assert world.kinds() == {}


def test_mount_targets_that_do_not_go(
    applied: World, hurried: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.efs.models import EFSBackend

    world = World(hurried, applied.stack)
    with monkeypatch.context() as patched:
        patched.setattr(EFSBackend, "delete_mount_target", lambda *_: None)
        text = told(world.destroy())
    assert "mount targets of fs-" in text
    assert "still exist after five minutes" in text
    assert world.everything()["file systems"] == 1
    assert world.destroy().exit_code == 0


def test_a_deleted_service_whose_tasks_do_not_end(
    applied: World, hurried: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(hurried, applied.stack)
    with monkeypatch.context() as patched:
        draining(patched)
        text = told(world.destroy())
    assert "ECS: web is deleted, but its tasks are still running after ten minutes" in text
    assert "aws ecs describe-services --cluster shop --services web" in text
    end_of_draining(world)
    assert world.destroy().exit_code == 0


def test_the_time_is_each_services_and_jobs_own(hurried: AwsAccount) -> None:
    now = [0.0]

    def ready_after_eight_looks() -> bool | None:
        now[0] += 1
        return True if now[0] % 8 == 0 else None

    waiter = RolloutWaiter(hurried, 10, threading.Event(), clock=lambda: now[0])
    assert [waiter.until(ready_after_eight_looks) for _ in range(3)] == [True, True, True]
    assert now[0] == 24


def test_a_wait_ends_when_its_time_is_over(hurried: AwsAccount) -> None:
    now = iter(range(100))
    waiter = RolloutWaiter(hurried, 10, threading.Event(), clock=lambda: float(next(now)))
    assert waiter.until(lambda: None) is None
    assert next(now) == 11
