"""One task: its network namespace, its volumes, its containers in the order of `dependsOn`, until it ends.

The rules are those of ECS: an essential container that ends takes the task with it, one that is unhealthy too; restart
policies restart inside the task; what waits longer than its start timeout for another container fails the task.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from compose2fargate.aws.resources import ContainerDefinition
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal import task_containers
from compose2fargate.rehearsal.container_health import ContainerHealth
from compose2fargate.rehearsal.engine import ContainerState, EngineError, explanation
from compose2fargate.rehearsal.provisioning import Provision
from compose2fargate.rehearsal.rehearsal_plan import RehearsedUnit
from compose2fargate.rehearsal.rehearsal_run import RehearsalRun, image_key
from compose2fargate.rehearsal.task_memory import MIB, TaskMemory

START_TIMEOUT: Final = 180
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeout"""
STOP_TIMEOUT: Final = 30
PATIENCE: Final = 10
"""Seconds that a rehearsal waits at most for what does not stop by itself."""
RESTART_PERIOD: Final = 300
TICK: Final = 0.1
LOG_LINES: Final = 15
_ENDED: Final = frozenset({"exited", "dead"})


class TaskEnd(NamedTuple):
    """How and why a task ended.

    Attributes:
        kind: `exited`, `memory`, `unhealthy`, `program` (that of the health check is missing), `dependency`, `start`,
            `image`, `secret` or `stopped`.
        container: Whose end it was.
        message: What happened, in a sentence.
        exit_code: The exit code of that container.
        log: The last lines that it wrote.
    """

    kind: str
    container: str
    message: str
    exit_code: int = 0
    log: tuple[str, ...] = ()


class _Container:
    """A container of a task, as it is."""

    def __init__(self, definition: ContainerDefinition) -> None:
        self.definition = definition
        self.id = ""
        self.started = 0.0
        self.state: ContainerState | None = None
        self.health: ContainerHealth | None = None
        self.killed = ""  # why its memory was the one that the task needed

    @property
    def running(self) -> bool:
        return bool(self.id) and self.state is None

    def has(self, condition: str) -> bool:
        """Tell whether a condition of `dependsOn` is met."""
        if condition == "START":
            return bool(self.id)
        if condition == "HEALTHY":
            return self.running and self.health is not None and self.health.healthy is True
        return self.state is not None and (condition == "COMPLETE" or self.state.exit_code == 0)

    def never(self, condition: str) -> bool:
        """Tell whether a condition cannot be met any more."""
        if condition == "HEALTHY":
            return self.state is not None or self.definition.health_check is None
        return condition == "SUCCESS" and self.state is not None and self.state.exit_code != 0


class RehearsedTask:
    """A task that runs once."""

    def __init__(
        self, run: RehearsalRun, unit: RehearsedUnit, byte: int, attempt: int, replaced: threading.Event
    ) -> None:
        self._run, self.unit, self._replaced = run, unit, replaced
        self._made = Provision(run, unit, byte, attempt)
        self._containers = {c.name: _Container(c) for c in unit.definition.container_definitions}
        self._order: list[_Container] = []
        self._memory = TaskMemory(int(unit.definition.memory) * MIB, run.engine.statistics)
        self._began = time.monotonic()

    # -- how it is ---------------------------------------------------------------------------------------

    @property
    def agent(self) -> str:
        """The container that owns its network; "" where there is none."""
        return self._made.agent

    @property
    def started(self) -> bool:
        """Whether all of its containers have been started."""
        return all(one.id for one in self._containers.values())

    @property
    def healthy(self) -> bool:
        """Whether all of its containers with a health check have passed it, and the essential ones run."""
        return self.started and all(
            (one.running or not one.definition.essential)
            and (one.health is None or one.health.healthy is True or not one.running)
            for one in self._containers.values()
        )

    @property
    def checked(self) -> bool:
        """Whether any container has a health check."""
        return any(one.definition.health_check for one in self._containers.values())

    def log(self) -> tuple[str, ...]:
        """Give the last lines of its first essential container."""
        return next((self._log(one) for one in self._containers.values() if one.definition.essential), ())

    # -- what it does ------------------------------------------------------------------------------------

    def run(self) -> TaskEnd:
        """Run until it ends, is replaced, or everything is to end: then what runs is left to whoever takes all down."""
        end = self._begin()
        while end is None:
            if self._run.stopping.wait(TICK):
                return TaskEnd("stopped", "", "the rehearsal ended")
            end = TaskEnd("stopped", "", "it was replaced") if self._replaced.is_set() else self._step()
        self._stop()
        return end

    def _begin(self) -> TaskEnd | None:
        for one in self._containers.values():
            if image_key(self._run.plan, one.definition.image) not in self._run.supplies.images:
                return TaskEnd(
                    "image", one.definition.name, f"its image {one.definition.image} is not available"
                )
            for secret in one.definition.secrets:
                if self._run.supplies.secret(secret) is None:
                    return TaskEnd(
                        "secret",
                        one.definition.name,
                        f"the value of its secret {secret.name} is not known here",
                    )
        try:
            self._made.make_agent()
        except EngineError:
            raise
        except Exception as error:  # noqa: BLE001 - the engine's client lets errors of several libraries through
            return TaskEnd("start", "", f"the task's network could not be made: {explanation(error)}")
        return None

    def _step(self) -> TaskEnd | None:
        self._look()
        end = self._judge()
        if end is not None:
            return end
        for one in self._containers.values():
            if not one.id:
                end = self._try_to_start(one)
                if end is not None:
                    return end
        return None

    def _look(self) -> None:
        states = self._run.states()
        for one in self._containers.values():
            if not one.running:
                continue
            if states.get(one.id) in _ENDED:
                state = self._run.engine.state(one.id)
                if state.status in _ENDED:  # what all were asked for may be older than a restart
                    one.state = state
                    self._restart(one)
            elif one.health is not None:
                one.health.step()
        self._watch_memory()

    def _watch_memory(self) -> None:
        running = {name: one.id for name, one in self._containers.items() if one.running}
        beyond = self._memory.beyond(running)
        if beyond is not None:
            name, why = beyond
            self._containers[name].killed = why
            self._run.engine.kill(running[name])

    def _restart(self, one: _Container) -> None:
        """Restart a container in its task, if its policy says so: not before it has run for a while."""
        policy = one.definition.restart_policy
        if policy is None or not policy.enabled or one.state is None:
            return
        ran = time.monotonic() - one.started
        period = self._run.pace.wait(policy.restart_attempt_period or RESTART_PERIOD)
        if one.state.exit_code not in policy.ignored_exit_codes and ran >= period:
            self._run.engine.start(one.id)
            self._note_start(one, one.id)

    def _judge(self) -> TaskEnd | None:
        """Tell whether the task is at its end."""
        for one in self._containers.values():
            if one.state is not None and one.definition.essential:
                return self._end_of(one)
            unhealthy = one.running and one.health is not None and one.health.healthy is False
            if unhealthy and one.definition.essential:
                check = one.health.output.splitlines() if one.health else []
                message = f"its health check fails: {check[-1] if check else ''}"
                kind = "program" if one.health and one.health.missing else "unhealthy"
                return TaskEnd(kind, one.definition.name, message, 0, self._log(one))
        ended = [one for one in self._containers.values() if one.state is not None]
        return self._end_of(ended[-1]) if len(ended) == len(self._containers) else None

    def _end_of(self, one: _Container) -> TaskEnd:
        state = one.state
        assert state is not None  # noqa: S101 - whoever asks has looked
        name = one.definition.name
        if one.killed or state.out_of_memory:
            limit = task_containers.limits(self.unit.definition, one.definition)["mem_limit"]
            why = one.killed or f"it was killed for using more than its {limit // MIB} MiB"
            return TaskEnd("memory", name, why, state.exit_code, self._log(one))
        return TaskEnd(
            "exited", name, f"it ended with exit code {state.exit_code}", state.exit_code, self._log(one)
        )

    def _log(self, one: _Container) -> tuple[str, ...]:
        return self._run.engine.logs(one.id, LOG_LINES) if one.id else ()

    def _try_to_start(self, one: _Container) -> TaskEnd | None:
        for dependency in one.definition.depends_on:
            other = self._containers.get(dependency.container_name)
            if other is None or other.has(dependency.condition):
                continue
            return self._waiting(one, other, dependency.condition)
        try:
            created = self._made.create(
                one.definition, {name: other.id for name, other in self._containers.items()}
            )
            self._run.engine.start(created)
        except Exception as error:  # noqa: BLE001 - as above
            return TaskEnd("start", one.definition.name, f"it could not be started: {explanation(error)}")
        self._note_start(one, created)
        self._order.append(one)
        return None

    def _waiting(self, one: _Container, other: _Container, condition: str) -> TaskEnd | None:
        name, awaited = one.definition.name, other.definition.name
        if other.never(condition):
            code = other.state.exit_code if other.state else 0
            message = (
                f"{name} waits for {awaited} to be {condition}, which can no longer happen (exit code {code})"
            )
            return TaskEnd("dependency", awaited, message, code, self._log(other))
        if other.health is not None and other.health.healthy is False:
            message = f"{name} waits for {awaited} to be HEALTHY, and its check fails: {other.health.output}"
            return TaskEnd("dependency", awaited, message, 0, self._log(other))
        since = other.started or self._began
        timeout = other.definition.start_timeout or START_TIMEOUT
        if time.monotonic() - since > self._run.pace.wait(timeout):
            message = f"{name} waited {timeout} s for {awaited} to be {condition}"
            return TaskEnd("dependency", awaited, message, 0, self._log(other))
        return None

    def _note_start(self, one: _Container, identifier: str) -> None:
        check = one.definition.health_check
        if check is not None:
            one.health = ContainerHealth(
                check, partial(self._run.engine.execute, identifier), self._run.pool, self._run.pace
            )
        one.started, one.state, one.killed = time.monotonic(), None, ""
        one.id = identifier  # last: others look at it to know that all the rest is there

    def _stop(self) -> None:
        """Stop what still runs, each in its own time, in the reverse of the order in which it was started."""
        for one in reversed(self._order):
            if one.state is None:
                seconds = min(self._run.pace.wait(one.definition.stop_timeout or STOP_TIMEOUT), PATIENCE)
                self._run.engine.stop(one.id, max(round(seconds), 1))
        if self.agent:
            self._run.engine.remove(self.agent)
