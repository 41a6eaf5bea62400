"""Fail or kill at the k-th call, then run again: the end is that of an undisturbed run. The same for destroy.

The default suite tries some of the calls; the slow one all of them, each with every kind of fault.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from compose2fargate.apply.account import Account
from compose2fargate.apply.sandbox.wire import Sandbox
from tests.apply.world import World

FAULTS: dict[str, dict[str, Any]] = {
    "throttling": {"code": "ThrottlingException", "status": 400},
    "5xx": {"code": "InternalFailure", "status": 500},
    "access denied": {"code": "AccessDeniedException", "status": 400},
    "connection reset": {"reset": True},
    "lost answer": {"reset": True, "after": True},
}
STEP = 13
"""The default suite tries every so many calls."""


class Undisturbed:
    """What a run without faults ends in, and how many calls it takes."""

    def __init__(self, sandbox: Sandbox, account: Account) -> None:
        sandbox.reset()
        self.empty = World(account).everything()
        sandbox.calls.clear()
        world = World(account)
        sandbox.calls.clear()
        assert world.apply().exit_code == 0
        self.calls = len(sandbox.calls)
        self.picture = world.picture()
        sandbox.calls.clear()
        assert world.destroy().exit_code == 0
        self.calls_to_destroy = len(sandbox.calls)


@pytest.fixture(scope="module")
def undisturbed(one_sandbox: Sandbox, one_account: Account) -> Undisturbed:
    return Undisturbed(one_sandbox, one_account)


def attempt(work: Callable[[], Any]) -> str:
    """Run something that may fail as AWS lets it; say how it ended."""
    from compose2fargate.diagnostics import AwsError

    try:
        result = work()
    except AwsError as error:
        return f"refused: {error.diagnostics[0].code}"
    return f"exit {result.exit_code}"


def fail_and_finish(sandbox: Sandbox, hasty: Account, patient: Account, fault: str, call: int) -> World:
    sandbox.reset()
    world = World(patient)
    first = World(hasty, world.stack)
    sandbox.clear()
    sandbox.fault(skip=call, times=1, **FAULTS[fault])
    ended = attempt(first.apply)
    assert ended in ("exit 0", "exit 3", "exit 1") or ended.startswith("refused")
    sandbox.clear()
    result = world.apply()
    assert result.exit_code == 0, result.diagnostics
    return world


def without_revisions(picture: dict[str, Any]) -> dict[str, Any]:
    return picture


@pytest.mark.parametrize("fault", FAULTS)
def test_some_failing_calls(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: Account, one_account: Account, fault: str
) -> None:
    offset = list(FAULTS).index(fault)
    for call in range(40 + offset, undisturbed.calls, STEP * 4):
        world = fail_and_finish(sandbox, hasty_account, one_account, fault, call)
        assert world.picture() == undisturbed.picture, (fault, call)
        assert world.kinds() == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_failing_call(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: Account, one_account: Account, fault: str
) -> None:
    step = int(os.environ.get("FAULT_STEP", "1"))
    tried = 0
    for call in range(0, undisturbed.calls, step):
        world = fail_and_finish(sandbox, hasty_account, one_account, fault, call)
        assert world.picture() == undisturbed.picture, (fault, call)
        tried += 1
    print(f"apply, {fault}: {tried} of {undisturbed.calls} calls, each finished by a second run")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_failing_call_of_destroy(
    undisturbed: Undisturbed, sandbox: Sandbox, hasty_account: Account, one_account: Account, fault: str
) -> None:
    step = int(os.environ.get("FAULT_STEP", "1"))
    tried = 0
    for call in range(0, undisturbed.calls_to_destroy, step):
        sandbox.reset()
        world = World(one_account)
        assert world.apply().exit_code == 0
        sandbox.clear()
        sandbox.fault(skip=call, times=1, **FAULTS[fault])
        attempt(World(hasty_account, world.stack).destroy)
        sandbox.clear()
        result = world.destroy()
        assert result.exit_code == 0, (fault, call, result.diagnostics)
        assert world.everything() == undisturbed.empty, (fault, call)
        tried += 1
    print(f"destroy, {fault}: {tried} of {undisturbed.calls_to_destroy} calls, each finished by a second run")


# -- hard kills: the program in a process of its own, the fake AWS in another


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import subprocess

    command = [sys.executable, "-m", "compose2fargate.apply.sandbox", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def post(server: str, what: str, **body: Any) -> Any:
    with urlopen(Request(f"{server}/_sandbox/{what}", json.dumps(body).encode()), timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def calls(server: str) -> int:
    with urlopen(f"{server}/_sandbox/calls", timeout=30) as answer:  # noqa: S310
        return len(json.load(answer))


def remote_world(server: str) -> World:
    import boto3

    session = boto3.Session("test", "test", region_name="eu-central-1")
    return World(Account(session, rates={}, pause=0.01, endpoint=server, attempts=3))


def run_and_be_killed(server: str, call: int, *, after: bool, destroy: bool) -> None:
    """Run in this process, and let the server kill it at a call."""
    world = remote_world(server)
    post(server, "clear")
    post(server, "faults", skip=call, kill=os.getpid(), after=after)
    if destroy:
        world.destroy()
    else:
        world.apply()


@pytest.fixture(scope="module")
def spawner() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["boto3", "tests.apply.test_faults"])
    return context


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("destroy", [False, True])
def test_a_killed_run_is_finished_by_the_next(server: str, spawner: Any, destroy: bool) -> None:
    step = int(os.environ.get("FAULT_STEP", "1"))
    post(server, "reset")
    world = remote_world(server)
    empty = world.everything()
    post(server, "clear")
    assert world.apply().exit_code == 0
    count, picture = calls(server), world.picture()
    if destroy:
        post(server, "clear")
        assert world.destroy().exit_code == 0
        count = calls(server)
    tried = 0
    for call in range(0, count, step):
        post(server, "reset")
        world = remote_world(server)
        if destroy:
            assert world.apply().exit_code == 0
        process = spawner.Process(
            target=run_and_be_killed,
            args=(server, call),
            kwargs={"after": bool(call % 2), "destroy": destroy},
        )
        process.start()
        process.join(120)
        assert process.exitcode in (-9, 0), call
        post(server, "clear")
        result = world.destroy() if destroy else world.apply()
        assert result.exit_code == 0, (call, result.diagnostics)
        assert (world.everything() == empty) if destroy else (world.picture() == picture), call
        tried += 1
    what = "destroy" if destroy else "apply"
    print(f"{what}, killed: {tried} of {count} calls, each finished by a second run")


# -- two at once


def test_two_applies_at_once_make_everything_once(
    undisturbed: Undisturbed, sandbox: Sandbox, one_account: Account, hasty_account: Account
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
