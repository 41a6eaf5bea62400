"""Fail or kill at the k-th call, then run again: the end is that of an undisturbed run. The same for destroy.

The default suite tries some of the calls; the slow one all of them: each that changes something with an answer that is lost and
with a kill, and each with one of the faults that keep a call from happening, in turn. With `make faults` each call meets each of
these, which takes four times as long.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox.server import RecordedCall, Sandbox
from tests.apply.world import World
from tests.sandbox_server import Server

FAULTS: dict[str, dict[str, Any]] = {
    "throttling": {"code": "ThrottlingException", "status": 400},
    "5xx": {"code": "InternalFailure", "status": 500},
    "access denied": {"code": "AccessDeniedException", "status": 400},
    "connection reset": {"reset": True},
    "lost answer": {"reset": True, "after": True},
}
TABLES: dict[str, tuple[str, ...]] = {
    "lost answer": ("lost answer",),
    "one of the others": tuple(kind for kind in FAULTS if kind != "lost answer"),
}
"""A call that does not happen leaves the account as it was, whatever the answer. So for what a second run meets one of those
faults is as good as another; which call is the k-th changes with every run, and with it the fault that a call meets."""
if os.environ.get("FAULTS") == "each":
    TABLES = {kind: (kind,) for kind in FAULTS}
WRITES = r"(?!BatchGet|Describe|Get|List).*"
"""The operations that change something. What is read leaves the account as it was: for a client a lost answer to it is a closed
connection, which the other table has, and a kill at it leaves what a kill before the next write leaves."""
STEP = 13
"""The default suite tries every so many calls."""


class Undisturbed:
    """What a run without faults ends in, and how many calls it takes."""

    def __init__(self, sandbox: Sandbox, account: AwsAccount) -> None:
        sandbox.reset()
        self.empty = World(account).everything()
        sandbox.calls.clear()
        world = World(account)
        sandbox.calls.clear()
        assert world.apply().exit_code == 0
        self.calls = list(sandbox.calls)
        self.picture = world.picture()
        sandbox.calls.clear()
        assert world.destroy().exit_code == 0
        self.calls_to_destroy = list(sandbox.calls)


@pytest.fixture(scope="module")
def undisturbed(one_sandbox: Sandbox, one_account: AwsAccount) -> Undisturbed:
    return Undisturbed(one_sandbox, one_account)


def met(fault: str) -> str:
    """Give a regular expression for the operations that a fault, or a table of them, is tried at."""
    return WRITES if fault == "lost answer" else ".*"


def count_of(calls: Iterable[RecordedCall], operations: str) -> int:
    return sum(bool(re.fullmatch(operations, call.operation)) for call in calls)


def calls_to_try(calls: Iterable[RecordedCall], table: str) -> list[tuple[int, str]]:
    """Give the place of each call among those that a table's faults are tried at, and a fault for it."""
    step = int(os.environ.get("FAULT_STEP", "1"))
    return list(zip(range(0, count_of(calls, met(table)), step), cycle(TABLES[table])))


def attempt(work: Callable[[], Any]) -> str:
    """Run something that may fail as AWS lets it; say how it ended."""
    from compose2fargate.diagnostics import AwsError

    try:
        result = work()
    except AwsError as error:
        return f"refused: {error.diagnostics[0].code}"
    return f"exit {result.exit_code}"


def fail_and_finish(sandbox: Sandbox, hasty: AwsAccount, patient: AwsAccount, fault: str, call: int) -> World:
    sandbox.reset()
    world = World(patient)
    first = World(hasty, world.stack)
    sandbox.clear()
    sandbox.fault(operation=met(fault), skip=call, times=1, **FAULTS[fault])
    ended = attempt(first.apply)
    assert ended in ("exit 0", "exit 3", "exit 1") or ended.startswith("refused")
    sandbox.clear()
    result = world.apply()
    assert result.exit_code == 0, result.diagnostics
    return world


@pytest.mark.parametrize("fault", FAULTS)
def test_some_failing_calls(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: AwsAccount, one_account: AwsAccount, fault: str
) -> None:
    offset = list(FAULTS).index(fault)
    for call in range(40 + offset, count_of(undisturbed.calls, met(fault)), STEP * 8):
        world = fail_and_finish(sandbox, hasty_account, one_account, fault, call)
        assert world.picture() == undisturbed.picture, (fault, call)
        assert world.kinds() == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("table", TABLES)
def test_each_failing_call(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: AwsAccount, one_account: AwsAccount, table: str
) -> None:
    tried = calls_to_try(undisturbed.calls, table)
    for call, fault in tried:
        world = fail_and_finish(sandbox, hasty_account, one_account, fault, call)
        assert world.picture() == undisturbed.picture, (fault, call)
    print(f"apply, {table}: {len(tried)} of {len(undisturbed.calls)} calls, each finished by a second run")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("table", TABLES)
def test_each_failing_call_of_destroy(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: AwsAccount, one_account: AwsAccount, table: str
) -> None:
    tried = calls_to_try(undisturbed.calls_to_destroy, table)
    for call, fault in tried:
        sandbox.reset()
        world = World(one_account)
        assert world.apply().exit_code == 0
        sandbox.clear()
        sandbox.fault(operation=met(fault), skip=call, times=1, **FAULTS[fault])
        attempt(World(hasty_account, world.stack).destroy)
        sandbox.clear()
        result = world.destroy()
        assert result.exit_code == 0, (fault, call, result.diagnostics)
        assert world.everything() == undisturbed.empty, (fault, call)
    count = len(undisturbed.calls_to_destroy)
    print(f"destroy, {table}: {len(tried)} of {count} calls, each finished by a second run")


# -- hard kills: the program in a process of its own, the fake AWS in another


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def remote_world(server: Server) -> World:
    return World(
        AwsAccount(server.session("eu-central-1"), rates={}, pause=0.01, endpoint=server.url, attempts=3)
    )


def run_and_be_killed(server: Server, call: int, *, destroy: bool) -> None:
    """Run in this process, and let the server kill it when a write has happened: no later than before the next."""
    world = remote_world(server)
    server.post("clear")
    server.post("faults", operation=WRITES, skip=call, kill=os.getpid(), after=True)
    if destroy:
        world.destroy()
    else:
        world.apply()


@pytest.fixture(scope="module")
def spawner() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.apply.test_faults", "tests.apply.with_models"])
    return context


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("destroy", [False, True])
def test_a_killed_run_is_finished_by_the_next(server: Server, spawner: Any, destroy: bool) -> None:
    step = int(os.environ.get("FAULT_STEP", "1"))
    server.post("reset")
    world = remote_world(server)
    empty = world.everything()
    server.post("clear")
    assert world.apply().exit_code == 0
    calls, picture = server.calls(), world.picture()
    if destroy:
        server.post("clear")
        assert world.destroy().exit_code == 0
        calls = server.calls()
    count = count_of(calls, WRITES)
    tried = 0
    for call in range(0, count, step):
        server.post("reset")
        world = remote_world(server)
        if destroy:
            assert world.apply().exit_code == 0
        process = spawner.Process(
            target=run_and_be_killed,
            args=(server, call),
            kwargs={"destroy": destroy},
        )
        process.start()
        process.join(120)
        assert process.exitcode in (-9, 0), call
        server.post("clear")
        result = world.destroy() if destroy else world.apply()
        assert result.exit_code == 0, (call, result.diagnostics)
        assert (world.everything() == empty) if destroy else (world.picture() == picture), call
        tried += 1
    what = "destroy" if destroy else "apply"
    print(f"{what}, killed: {tried} of {count} writes, each finished by a second run")


# -- two at once


def test_two_applies_at_once_make_everything_once(
    undisturbed: Undisturbed, sandbox: Sandbox, one_account: AwsAccount, hasty_account: AwsAccount
) -> None:
    import threading

    world = World(one_account)
    other = World(hasty_account, world.stack)
    plans = [world.plan(), other.plan()]
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda w=w, p=p: results.append(w.apply(planned=p)))
        for w, p in zip((world, other), plans, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.exit_code for result in results] == [0, 0], [result.diagnostics for result in results]
    assert world.picture() == undisturbed.picture
    assert world.kinds() == {}
    notes = {outcome.note for result in results for outcome in result.outcomes}
    assert "it was there by now" in notes
