"""When something is called a failure: on a fast machine, on a slow one, and faster on request. No engine is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.resources import ContainerHealthCheck
from compose2fargate.diagnostics import UsageError
from compose2fargate.disk.private import locked
from compose2fargate.rehearsal import rehearsal_run
from compose2fargate.rehearsal.container_health import ContainerHealth
from compose2fargate.rehearsal.engine import Engine, EngineError, Executed, Removed
from compose2fargate.rehearsal.local_load_balancer import haproxy_configuration
from compose2fargate.rehearsal.rehearsal_run import Pace
from compose2fargate.rehearsal.task_memory import MIB, TaskMemory, used_memory
from compose2fargate.rehearsal.task_network import Subnet
from compose2fargate.workflows import rehearsing
from tests.rehearsal.test_rehearsal_plan import plan_of


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def slow(clock: Clock, seconds: float, chosen: float = 1.0) -> Pace:
    """Give the pace on a machine that starts a helper's container in so many seconds."""
    pace = Pace(chosen)
    with pace.starting():
        clock.now += seconds
    return pace


def test_a_machine_as_usual_waits_as_ecs_does(clock: Clock) -> None:
    pace = slow(clock, 0.4)
    assert (pace.wait(30), pace.timeout(5)) == (30, 5)


def test_on_request_waits_are_shorter_and_answers_are_not(clock: Clock) -> None:
    pace = slow(clock, 0.4, chosen=10)
    assert (pace.wait(30), pace.timeout(5)) == (3, 5)


def test_a_slow_machine_has_longer_for_everything(clock: Clock) -> None:
    pace = slow(clock, 3, chosen=10)
    assert (pace.wait(30), pace.timeout(5)) == (9, 15)
    with pace.starting():
        clock.now += 0.1  # what was fast once does not make it fast
    assert pace.timeout(5) == 15


def test_no_machine_is_so_slow_that_nothing_ever_fails(clock: Clock) -> None:
    assert slow(clock, 1e6).timeout(1) == rehearsal_run._SLOWEST


class Check:
    """A health check of which a test says how it ends."""

    def __init__(self, clock: Clock, pace: Pace, *, start_period: int = 0) -> None:
        self.clock = clock
        self.result = Executed(1, "no")
        self.hangs = threading.Event()
        self.hangs.set()
        self.pool = ThreadPoolExecutor(32)
        check = ContainerHealthCheck(
            ("CMD", "check"), interval=10, timeout=2, retries=3, start_period=start_period
        )
        self.health = ContainerHealth(check, self.execute, self.pool, pace)

    def execute(self, _: Sequence[str]) -> Executed:
        self.hangs.wait(10)
        return self.result

    def run(self, seconds: float) -> ContainerHealth:
        """Let time go by; what was asked has ended before the next moment."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now += 0.25
            self.health.step()
            asked = self.health._future
            if asked is not None and self.hangs.is_set():
                asked.result(5)
            while self.health._future is not None and self.health._asked is None:
                time.sleep(0.001)  # until its thread runs
        return self.health

    def close(self) -> None:
        self.hangs.set()
        self.pool.shutdown()


@pytest.fixture
def checks(clock: Clock) -> Any:
    made: list[Check] = []

    def make(pace: Pace, **about: int) -> Check:
        made.append(Check(clock, pace, **about))
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., Check]


def test_a_check_counts_as_often_as_on_ecs(clock: Clock, checks: Make) -> None:
    check = checks(Pace())
    assert check.run(25).healthy is None
    assert check.run(10).healthy is False


def test_on_a_machine_three_times_slower_a_check_fails_three_times_later(clock: Clock, checks: Make) -> None:
    check = checks(slow(clock, 3))
    assert check.run(75).healthy is None
    assert check.run(30).healthy is False


def test_what_succeeds_late_on_a_slow_machine_is_healthy(clock: Clock, checks: Make) -> None:
    check = checks(slow(clock, 3))
    check.run(75)
    check.result = Executed(0, "")
    assert check.run(2).healthy is True


def test_a_check_that_hangs_is_a_failure_and_others_are_still_asked(clock: Clock, checks: Make) -> None:
    check = checks(Pace())
    check.hangs.clear()
    assert check.run(45).healthy is False
    assert "longer than its timeout of 2 s" in check.health.output


def test_a_load_balancer_waits_for_a_connection_as_long_as_its_target_group_says(tmp_path: Path) -> None:
    """HAProxy takes the interval for the time that connecting may take: half a second once, which busy machines miss."""
    plan, _ = plan_of(tmp_path, 'services: {web: {image: nginx, ports: ["80:80"]}}\n')
    (server,) = [
        line.split()
        for line in haproxy_configuration(plan, Subnet("172.31.240")).splitlines()
        if line.startswith("  server ")
    ]
    settings = dict(zip(server[4::2], server[5::2], strict=True))
    assert settings["inter"] == "5s"
    assert settings["fastinter"] == settings["downinter"] == "500ms"
    assert (settings["rise"], settings["fall"]) == ("1", "2")


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({"usage": 90, "stats": {"active_anon": 1, "inactive_anon": 2, "unevictable": 4, "file": 80}}, 7),
        ({"usage": 90, "stats": {"total_active_anon": 1, "total_inactive_anon": 2, "total_unevictable": 4, "active_anon": 0}}, 7),
        ({"usage": 90, "stats": {f"total_{n}": 3 for n in ("active_anon", "inactive_anon", "unevictable")}}, 9),
        ({"usage": 90}, 90),
        ({}, 0),
    ],
)  # fmt: skip
def test_memory_that_can_be_taken_back_does_not_count(memory: Any, expected: int) -> None:
    assert used_memory({"memory_stats": memory}) == expected


def test_the_containers_of_a_task_share_its_memory(clock: Clock) -> None:
    used = {"1": 300 * MIB, "2": 100 * MIB}
    watch = TaskMemory(512 * MIB, lambda identifier: {"memory_stats": {"usage": used[identifier]}})
    assert watch.beyond({"app": "1", "side": "2"}) is None
    used["2"] = 300 * MIB
    assert watch.beyond({"app": "1", "side": "2"}) is None  # looked at once a second
    clock.now += 1.5
    assert watch.beyond({"app": "1"}) is None
    used["1"] += MIB
    found = watch.beyond({"app": "1", "side": "2"})
    assert found is not None
    assert found[0] == "app"
    assert "more than its 512 MiB together (app 301 MiB, side 300 MiB)" in found[1]


def test_a_lock_is_held_by_one_process_and_says_by_which(tmp_path: Path) -> None:
    file = str(tmp_path / "shop")
    with locked(file, wait=False):
        with pytest.raises(BlockingIOError) as refused, locked(file, wait=False):
            pass
        assert str(refused.value).isdigit()
    with locked(file, wait=False):
        pass


class LeakyClient:
    """An engine that makes another container while its containers are removed, and cannot remove one of its volumes."""

    def __init__(self) -> None:
        self.left = ["a", "b"]
        self.late = ["c"]

    def containers(self, **_: Any) -> list[dict[str, str]]:
        return [{"Id": name} for name in self.left]

    def remove_container(self, name: str, **_: Any) -> None:
        self.left.remove(name)
        self.left += self.late
        self.late = []

    def networks(self, **_: Any) -> list[dict[str, str]]:
        return []

    def volumes(self, **_: Any) -> dict[str, list[dict[str, str]]]:
        return {"Volumes": [{"Name": "stuck"}]}

    def remove_volume(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("volume is in use")

    def close(self) -> None:
        pass


def test_what_is_made_while_all_is_taken_down_goes_too_and_what_stays_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("docker")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    client = LeakyClient()
    with closing(Engine(client)) as engine:
        assert engine.down("shop") == Removed(3, ("volume is in use",))
    assert not client.left


def test_one_project_is_rehearsed_once_at_a_time_and_others_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    engine = Engine(None)
    with rehearsing._alone(engine, "shop"), rehearsing._alone(engine, "blog"):
        with (
            pytest.raises(EngineError, match="shop is being rehearsed by process") as refused,
            rehearsing._alone(engine, "shop"),
        ):
            pass
        assert refused.value.exit_code == 3
    with rehearsing._alone(engine, "shop"):
        pass


def test_without_a_place_for_its_lock_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot keep its lock"), rehearsing._alone(Engine(None), "shop"):
        pass
