"""Ctrl-C while a handler waits for AWS: it ends at once, nothing is deleted, and the next run finishes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from compose2fargate.apply.aws_client.account import RATES, AwsAccount, CallRate, StoppedError, TokenBucket
from compose2fargate.apply.deployment import execution
from compose2fargate.apply.sandbox.server import Sandbox
from tests.apply.world import World

AT_ONCE = 5.0
"""Seconds from Ctrl-C to the end of the run: under one where nothing else runs, and the shortest of the waits takes twenty.

Calls that are under way are let end, which takes the time that a busy machine takes for them.
"""


@pytest.fixture
def waiting_account(sandbox: Sandbox, session: Any) -> AwsAccount:
    """An account that waits as long as AWS takes."""
    return AwsAccount(session, rates={}, pause=1.0, attempts=2)


class Interrupted:
    """A run that gets a Ctrl-C when `when` says so, and how long it took to end after that."""

    def __init__(self, run: Callable[[], execution.ExecutionResult], when: Callable[[], bool]) -> None:
        self.at = 0.0
        self._over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(when,))
        watcher.start()
        try:
            self.result = run()
            self.took = time.monotonic() - self.at
        finally:
            self._over.set()
            watcher.join()
        assert self.at, "it ended before it was interrupted"

    def _watch(self, when: Callable[[], bool]) -> None:
        while not self._over.wait(0.01):
            if when():
                time.sleep(0.1)
                self.at = time.monotonic()
                os.kill(os.getpid(), signal.SIGINT)
                return


def called(sandbox: Sandbox, operation: str, times: int = 1) -> Callable[[], bool]:
    """Tell whether a call was made: `CreateCluster`, or `ecs:CreateService` where two services have one of the name."""
    service, _, name = operation.rpartition(":")
    return lambda: sum(c.operation == name and service in ("", c.service) for c in sandbox.calls) >= times


def never_done(*_: Any, **__: Any) -> Any:
    import json

    return json.dumps({"Operation": {"Id": "x", "Type": "CREATE_NAMESPACE", "Status": "PENDING"}})


def slow_cloud_map(monkeypatch: pytest.MonkeyPatch, _: Sandbox) -> str:
    from moto.servicediscovery.responses import ServiceDiscoveryResponse

    monkeypatch.setattr(ServiceDiscoveryResponse, "get_operation", never_done)
    return "GetOperation"


def slow_file_system(monkeypatch: pytest.MonkeyPatch, _: Sandbox) -> str:
    from moto.efs.models import FileSystem

    monkeypatch.setattr(FileSystem, "life_cycle_state", "creating", raising=False)
    info = FileSystem.info_json
    monkeypatch.setattr(FileSystem, "info_json", lambda self: {**info(self), "LifeCycleState": "creating"})
    return "DescribeFileSystems"


def unripe_access_point(_: pytest.MonkeyPatch, sandbox: Sandbox) -> str:
    sandbox.fault(
        operation="CreateAccessPoint", code="IncorrectFileSystemLifeCycleState", times=10**6, status=409
    )
    return "CreateAccessPoint"


def unripe_role(_: pytest.MonkeyPatch, sandbox: Sandbox) -> str:
    text = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    sandbox.fault(operation="CreateSchedule", code="ValidationException", text=text, times=10**6)
    return "CreateSchedule"


def stuck_service(_: pytest.MonkeyPatch, sandbox: Sandbox) -> str:
    sandbox.behave("db", kind="stuck")
    return "ecs:CreateService"


WAITS = {
    "Cloud Map's operation": slow_cloud_map,
    "EFS's availability": slow_file_system,
    "an access point on a file system that is made": unripe_access_point,
    "a role that is not known yet": unripe_role,
    "a service that does not get steady": stuck_service,
}


@pytest.mark.parametrize("what", WAITS)
def test_ctrl_c_ends_a_wait_at_once(
    waiting_account: AwsAccount,
    account: AwsAccount,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    world = World(waiting_account)
    planned = world.plan()
    sandbox.calls.clear()
    with monkeypatch.context() as patched:
        operation = WAITS[what](patched, sandbox)
        run = Interrupted(lambda: world.apply(planned=planned), called(sandbox, operation))
        assert run.took < AT_ONCE
        assert run.result.exit_code == 130
        assert [call for call in sandbox.calls if call.operation.startswith(("Delete", "Stop"))] == []
        assert any("it was started" in outcome.note for outcome in run.result.outcomes)
    sandbox.clear()
    finished = World(account, world.stack)
    assert finished.apply().exit_code == 0
    assert finished.kinds() == {}


@pytest.mark.parametrize("calls", [20, 60, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 40, 80))])
def test_ctrl_c_at_some_moment_of_an_apply(account: AwsAccount, sandbox: Sandbox, calls: int) -> None:
    world = World(account)
    planned = world.plan()
    sandbox.clear()
    sandbox.fault(latency=0.05, times=10**9)
    run = Interrupted(lambda: world.apply(planned=planned), lambda: len(sandbox.calls) >= calls)
    assert run.took < AT_ONCE
    assert run.result.exit_code == 130
    assert [call for call in sandbox.calls if call.operation.startswith(("Delete", "Stop"))] == []
    states = {outcome.status for outcome in run.result.outcomes}
    assert "not done" in states
    assert "failed" not in states
    sandbox.clear()
    assert world.apply().exit_code == 0
    assert world.kinds() == {}


def test_ctrl_c_while_a_deleted_service_drains(
    applied: World, waiting_account: AwsAccount, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = World(waiting_account, applied.stack)
    with monkeypatch.context() as patched:
        draining(patched)
        run = Interrupted(impatient.destroy, called(sandbox, "DeleteService"))
    assert run.took < AT_ONCE
    assert run.result.exit_code == 130
    end_of_draining(applied)
    assert applied.destroy().exit_code == 0


def draining(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tasks of deleted services run on."""
    from compose2fargate.apply.sandbox.fake_ecs_account import FakeEcsAccount

    delete = FakeEcsAccount.delete

    def delete_slowly(self: FakeEcsAccount, record: dict[str, Any]) -> dict[str, Any]:
        delete(self, record)
        record["status"] = "DRAINING"
        return record

    monkeypatch.setattr(FakeEcsAccount, "delete", delete_slowly)


def end_of_draining(world: World) -> None:
    from moto.ecs.models import ecs_backends

    from compose2fargate.apply.sandbox.fake_ecs_account import FakeEcsAccount as Fake

    for record in Fake.of(ecs_backends["123456789012"][world.account.region]).services.values():
        record["status"] = "INACTIVE"


def test_ctrl_c_while_registrations_wait_for_their_turn(
    sandbox: Sandbox, session: Any, account: AwsAccount
) -> None:
    slow = AwsAccount(session, rates={"RegisterTaskDefinition": CallRate(1, 0.01)}, pause=1.0)
    world = World(slow)
    planned = world.plan()
    sandbox.calls.clear()
    run = Interrupted(lambda: world.apply(planned=planned), called(sandbox, "RegisterTaskDefinition"))
    assert run.took < AT_ONCE
    assert run.result.exit_code == 130
    assert World(account, world.stack).apply().exit_code == 0


def test_a_call_that_was_refused_is_not_tried_again_after_ctrl_c(sandbox: Sandbox, session: Any) -> None:
    account = AwsAccount(session, rates={}, attempts=8)
    client = account.client("ecs")
    sandbox.fault(operation="ListClusters", code="ThrottlingException", times=10**6)
    account.begin().set()
    with pytest.raises(account.client_error):
        client.list_clusters()
    assert len(sandbox.calls) == 1


def test_waits_of_an_account_end_when_its_run_is_stopped(sandbox: Sandbox, session: Any) -> None:
    account = AwsAccount(session, rates=RATES)
    account.begin().set()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        account.sleep(100)
    sandbox.fault(operation="ListClusters", code="Busy", times=10**6)
    with pytest.raises(StoppedError):
        account.eventually(account.client("ecs").list_clusters, frozenset({"Busy"}))
    assert time.monotonic() - began < AT_ONCE
    account.begin()
    account.sleep(0.001)


def test_a_bucket_with_tokens_lets_calls_through_after_ctrl_c() -> None:
    """What is under way may end: only who would have to wait is stopped."""

    def stopped(_: float) -> None:
        raise StoppedError

    bucket = TokenBucket(CallRate(1, 1.0), sleep=stopped)
    bucket.take()
    with pytest.raises(StoppedError):
        bucket.take()


def test_no_version_of_botocore_is_told_to_try_again(one_account: AwsAccount) -> None:
    """An answer other than None means "after so many seconds" to some: False would be at once, and without end."""

    class Answer(NamedTuple):
        status_code: int

    class Operation(NamedTuple):
        name: str = "CreateCluster"

    stop = one_account.begin()
    no_more: Callable[..., object] = one_account._no_more
    refused = (Answer(503), {"Error": {"Code": "ServiceUnavailable", "Message": "later"}})
    assert no_more(refused, None, Operation()) is None
    stop.set()
    assert no_more((Answer(200), {}), None, Operation()) is None
    with pytest.raises(ClientError, match="later"):
        no_more(refused, None, Operation())
    with pytest.raises(ConnectionError):
        no_more(None, ConnectionError(), Operation())
