"""Deploys a plan on the engine as `apply` deploys a stack: in order, restarting what ends, until all is settled.

A thread for each task watches it; the main thread waits, asks the probes, and takes everything down.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from compose2fargate.aws.resources import TargetGroup
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal import local_load_balancer, probes
from compose2fargate.rehearsal.engine import Engine, EngineError, engine_errors
from compose2fargate.rehearsal.probes import ProbeResult, TargetHealth
from compose2fargate.rehearsal.rehearsal_edge import Edge, LocalAddress
from compose2fargate.rehearsal.rehearsal_plan import JOB, RehearsalPlan, RehearsedUnit
from compose2fargate.rehearsal.rehearsal_run import Pace, RehearsalRun, Supplies
from compose2fargate.rehearsal.rehearsed_task import TICK, RehearsedTask, TaskEnd

ATTEMPTS: Final = 3
"""How many times a task is started before its ends are called a loop."""
SETTLING: Final = 3.0
"""Seconds for which a service without a health check has to keep running; more on a slow machine."""
HEALTH_WORKERS: Final = 128
"""Threads are made when they are needed; a check that hangs keeps one."""
ENDING: Final = 60
"""Seconds for which the end waits for what is just being started or stopped."""
STARTED, HEALTHY, COMPLETED = "started", "healthy", "completed"
Tell = Callable[[str, str, str], None]


class RehearsalOptions(NamedTuple):
    """How a rehearsal runs.

    Attributes:
        pace: By how much waits and health checks are faster than on ECS.
        timeout: Seconds after which what has not settled counts as failed.
        helper: The helper image; "" for our own.
        base: What our own helper image is built from; "" for Debian's.
        keep: Leave everything running at the end.
    """

    pace: float = 1.0
    timeout: float = 300.0
    helper: str = ""
    base: str = ""
    keep: bool = False


class UnitResult(NamedTuple):
    """What became of a service or job.

    Attributes:
        unit: What it is.
        started: Whether all containers of its tasks were started.
        healthy: Whether its health checks pass; None where it has none.
        ends: How its tasks ended, the first ones first.
        targets: What load balancers think of its tasks.
        reached: What its containers want to reach.
        skipped: Why it was not run; "" where it was.
        settled: Whether it was steady, or had ended with success, in time.
        log: The last lines of what runs, and does not do well.
    """

    unit: RehearsedUnit
    started: bool
    healthy: bool | None
    ends: tuple[TaskEnd, ...] = ()
    targets: tuple[TargetHealth, ...] = ()
    reached: tuple[ProbeResult, ...] = ()
    skipped: str = ""
    settled: bool = False
    log: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether it would work on Fargate, as far as can be seen here."""
        return (
            self.settled and not self.skipped and all(one.healthy for one in self.targets)
            and not any(one.problem for one in self.reached)
        )  # fmt: skip


class RehearsalResult(NamedTuple):
    """What a rehearsal found."""

    project: str
    units: tuple[UnitResult, ...]
    addresses: tuple[LocalAddress, ...]
    seconds: float

    @property
    def well(self) -> bool:
        """Whether everything would work."""
        return all(one.well for one in self.units)


class _Running:
    """A unit as it is deployed."""

    def __init__(self, unit: RehearsedUnit) -> None:
        self.unit = unit
        self.tasks: dict[int, RehearsedTask] = {}
        self.ends: list[TaskEnd] = []
        self.reached: set[str] = set()
        self.skipped = ""
        self.failed = False
        self.done = 0
        self.steady_since = 0.0
        self.targets: tuple[TargetHealth, ...] = ()
        self.began = 0.0
        self.numbers = itertools.count(1)
        self.threads: list[threading.Thread] = []
        self.replaced = threading.Event()

    @property
    def settled(self) -> bool:
        return bool(self.failed or self.skipped or {HEALTHY, COMPLETED} & self.reached)

    def end_tasks(self) -> None:
        """End its tasks, as a new deployment does."""
        self.replaced.set()
        for thread in self.threads:
            thread.join(timeout=ENDING)

    def renew(self) -> None:
        """Forget its tasks: the next ones know everything that there is."""
        self.unit = self.unit._replace(knows_all=True)
        self.replaced = threading.Event()
        self.tasks, self.ends, self.targets = {}, [], ()
        self.reached, self.failed, self.steady_since = {STARTED}, False, 0.0


class RehearsedDeployment:
    """A rehearsal that runs: `deploy` until all is settled, `probe`, `close`."""

    def __init__(
        self,
        engine: Engine,
        plan: RehearsalPlan,
        units: Mapping[str, RehearsedUnit],
        supplies: Supplies,
        choices: RehearsalOptions,
        tell: Tell,
    ) -> None:
        self._engine, self._plan, self._choices, self._tell = engine, plan, choices, tell
        self._running = {node: _Running(unit) for node, unit in units.items()}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._trouble: EngineError | None = None
        self._began = time.monotonic()
        with engine_errors("the network of the rehearsal cannot be made"):
            helper = engine.helper(choices.helper, choices.base)
            self._network, subnet = engine.network(plan.project)
        pool = ThreadPoolExecutor(HEALTH_WORKERS)
        self._run = RehearsalRun(
            plan,
            engine,
            subnet,
            helper,
            supplies,
            Pace(choices.pace),
            self._stopping,
            pool,
            _States(engine, plan.project),
        )
        self._edge = Edge(self._run)

    def open_edge(self) -> None:
        """Start the load balancers and the resolver.

        Raises:
            EngineError: The engine refuses.
        """
        self._edge.open()
        self._run = self._run._replace(raises_limits=self._edge.raises_limits)

    # -- deploying ---------------------------------------------------------------------------------------

    def deploy(self) -> None:
        """Deploy everything, and wait until all is settled or the time is over.

        Raises:
            EngineError: The engine cannot do what every task needs.
        """
        for one in self._running.values():
            thread = threading.Thread(target=self._deploy_unit, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()
        end = self._began + self._choices.timeout
        while time.monotonic() < end and not all(one.settled for one in self._running.values()):
            self._look()
            self._deploy_again()
            if self._trouble is not None:
                raise self._trouble
            with self._changed:
                self._changed.wait(TICK * 2)

    def _deploy_unit(self, one: _Running) -> None:
        try:
            if not self._wait_for(one):
                return
            one.began = time.monotonic()
            self._tell(one.unit.id, "started", "")
            self._edge.announce(one.unit)
            self._mark(one, STARTED)
            if not one.unit.addresses:
                self._mark(one, HEALTHY)
                self._tell(one.unit.id, "done", "its desired count is 0")
            self._start_tasks(one)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs in the report, not in a thread's traceback
            self._fail(one, TaskEnd("start", "", f"the engine refuses: {error}"))

    def _start_tasks(self, one: _Running) -> None:
        threads = [
            threading.Thread(target=self._keep_alive, args=(one, byte, one.replaced), daemon=True)
            for byte in one.unit.addresses
        ]
        self._threads += threads
        for thread in threads:
            thread.start()
        one.threads = threads  # last: whoever sees them may wait for them

    def _deploy_again(self) -> None:
        """Once everything is there, deploy those again that came before what they talk to: now they find it."""
        waiting = [one for one in self._running.values() if one.unit.id in self._plan.stack.again]
        over = all(one.settled or one.threads for one in self._running.values())
        for one in waiting if over else ():
            if not one.unit.knows_all and one.threads:
                self._tell(
                    one.unit.id, "waiting", "for its second deployment, which finds what was made after it"
                )
                one.end_tasks()
                one.renew()
                self._start_tasks(one)

    def _wait_for(self, one: _Running) -> bool:
        for after in one.unit.after:
            other = self._running.get(after.logical_id)
            if other is None:
                continue
            self._tell(one.unit.id, "waiting", f"for {other.unit.name} to be {after.condition}")
            with self._changed:
                while after.condition not in other.reached and not self._stopping.is_set():
                    if other.failed or other.skipped:
                        one.skipped = f"it waits for {other.unit.name}, which does not get {after.condition}"
                        self._tell(one.unit.id, "failed", one.skipped)
                        self._changed.notify_all()
                        return False
                    self._changed.wait(TICK * 5)
        return not self._stopping.is_set()

    def _keep_alive(self, one: _Running, byte: int, replaced: threading.Event) -> None:
        """Run a task of a unit, again when it ends, a few times."""
        attempts = 1 if one.unit.kind == JOB else ATTEMPTS
        for attempt in range(1, attempts + 1):
            one.tasks[byte] = task = RehearsedTask(self._run, one.unit, byte, next(one.numbers), replaced)
            try:
                end = task.run()
            except EngineError as error:
                self._trouble = error
                return
            except Exception as error:  # noqa: BLE001 - as above
                end = TaskEnd("start", "", f"the engine refuses: {error}")
            if self._stopping.is_set() or replaced.is_set():
                return
            if one.unit.kind == JOB and end.kind == "exited" and end.exit_code == 0:
                one.done += 1
                if one.done == len(one.unit.addresses):
                    self._mark(one, COMPLETED)
                    self._tell(one.unit.id, "done", "")
                return
            one.ends.append(end)
            self._tell(
                one.unit.id, "waiting", f"{end.container or 'the task'}: {end.message}, start {attempt}"
            )
            if end.kind in ("image", "secret"):
                break
        self._fail(one, None)

    def _fail(self, one: _Running, end: TaskEnd | None) -> None:
        if end is not None:
            one.ends.append(end)
        with self._changed:
            one.failed = True
            self._changed.notify_all()
        self._tell(one.unit.id, "failed", one.ends[-1].message if one.ends else "")

    def _mark(self, one: _Running, condition: str) -> None:
        with self._changed:
            one.reached.add(condition)
            self._changed.notify_all()

    def _look(self) -> None:
        """See which services have become steady, and which targets never will be healthy."""
        health = probes.target_health(self._engine, self._edge.container) if self._has_targets() else {}
        now = time.monotonic()
        for one in self._running.values():
            if one.settled or STARTED not in one.reached or one.unit.kind == JOB:
                continue
            tasks = [one.tasks.get(byte) for byte in one.unit.addresses]
            up = bool(tasks) and all(task is not None and task.healthy for task in tasks)
            one.steady_since = (one.steady_since or now) if up else 0.0
            one.targets = tuple(self._targets(one.unit, health))
            if not up:
                continue
            checked = all(task is not None and task.checked for task in tasks)
            if all(target.healthy for target in one.targets):
                if checked or one.targets or now - one.steady_since >= self._run.pace.timeout(SETTLING):
                    self._mark(one, HEALTHY)
                    self._tell(one.unit.id, "done", "")
            elif now - one.steady_since > self._patience(one):
                self._fail(one, None)

    def _has_targets(self) -> bool:
        return bool(self._edge.container) and any(
            one.unit.targets and not one.settled for one in self._running.values()
        )

    def _targets(
        self, unit: RehearsedUnit, health: Mapping[tuple[str, str], TargetHealth]
    ) -> Iterator[TargetHealth]:
        for target in unit.targets:
            group = local_load_balancer.backend_name(target.group)
            for byte in unit.addresses:
                address = f"{self._run.subnet.at(byte)}:{target.port}"
                yield health.get((group, address)) or TargetHealth(
                    group, address, healthy=False, code=0, detail="not asked yet"
                )

    def _patience(self, one: _Running) -> float:
        """Give the seconds after which a load balancer gives a target up: the grace period, then the threshold.

        No answer at all is no faster on request than the answer would have been.
        """
        found = [self._plan.stack.resources.get(target.group) for target in one.unit.targets]
        groups = [group for group in found if isinstance(group, TargetGroup)]
        counted = [
            (g.unhealthy_threshold_count or 2, g.health_check_interval_seconds or 30, _timeout_of(g))
            for g in groups
        ]
        judged = max((number * interval for number, interval, _ in counted), default=60)
        silent = max((number * timeout for number, _, timeout in counted), default=0)
        silent *= any(not target.healthy and not target.code for target in one.targets)
        pace = self._run.pace
        return max(pace.wait(one.unit.grace + judged), pace.timeout(silent))

    # -- afterwards --------------------------------------------------------------------------------------

    def probe(self) -> RehearsalResult:
        """Ask who reaches whom, and put everything together."""
        up = {node for node, one in self._running.items() if one.unit.kind != JOB and self._agent(one)}
        jobs = [
            (one, want)
            for one in self._running.values()
            if one.unit.kind != JOB
            for want in probes.wanted_probes(self._plan, one.unit)
            if not want.target or want.target in self._running  # else nobody asked for it
        ]

        def ask(job: tuple[_Running, probes.WantedProbe]) -> tuple[str, ProbeResult]:
            one, want = job
            reach = ProbeResult(
                one.unit.name,
                want.reference.host,
                want.reference.port,
                want.reference.where,
                target=want.target,
            )
            if not want.problem and (one.unit.id not in up or want.target not in up):
                down = want.target if want.target not in up else ""
                return one.unit.id, reach._replace(
                    problem=probes.TARGET_DOWN if down else "", detail="it does not run"
                )
            return one.unit.id, probes.probe(
                self._engine, self._plan, self._run.subnet, one.unit.name, self._agent(one), want
            )

        with ThreadPoolExecutor(8) as pool:
            asked = list(pool.map(ask, jobs))
        units = tuple(
            self._result(one, tuple(reach for node, reach in asked if node == one.unit.id))
            for one in self._running.values()
        )
        return RehearsalResult(
            self._plan.project, units, self._edge.addresses, time.monotonic() - self._began
        )

    def _agent(self, one: _Running) -> str:
        running = [
            task.agent
            for task in one.tasks.values()
            if (task.started and task.agent and not one.failed) or task.healthy
        ]
        return running[0] if running else ""

    def _result(self, one: _Running, reached: tuple[ProbeResult, ...]) -> UnitResult:
        tasks = list(one.tasks.values())
        # What was steady for a while and ended before all others were is in no steady state.
        lasts = one.unit.kind == JOB or all(task.healthy for task in tasks)
        settled = bool({HEALTHY, COMPLETED} & one.reached) and not one.failed and lasts
        checked = any(task.checked for task in tasks)
        return UnitResult(
            one.unit,
            started=bool(tasks) and all(task.started for task in tasks),
            healthy=all(task.healthy for task in tasks) if checked and one.unit.kind != JOB else None,
            ends=tuple(one.ends),
            targets=one.targets,
            reached=reached,
            skipped=one.skipped,
            settled=settled,
            log=() if settled or not tasks else tasks[0].log(),
        )

    def close(self) -> None:
        """End the watching. What runs, runs on."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        end = time.monotonic() + ENDING
        for thread in self._threads:
            thread.join(timeout=max(end - time.monotonic(), 0))
        self._run.pool.shutdown(wait=False, cancel_futures=True)


class _States:
    """The status of all containers, asked for once a tick, whoever wants to know."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._engine, self._project = engine, project
        self._lock = threading.Lock()
        self._states: Mapping[str, str] = {}
        self._asked = 0.0

    def __call__(self) -> Mapping[str, str]:
        with self._lock:
            if time.monotonic() - self._asked > TICK:
                self._states = self._engine.states(self._project)
                self._asked = time.monotonic()
            return self._states


def _timeout_of(group: TargetGroup) -> int:
    return group.health_check_timeout_seconds or local_load_balancer.CHECK_TIMEOUT
