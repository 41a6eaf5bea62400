"""Container health checks of task definitions, with ECS's timing.

What succeeds is found out early: the check runs more often than the definition says until it succeeds for the first time.
What fails counts as often as on ECS: once an interval, and not before the start period is over. `pace` shortens both.
A check that has no answer in time goes on in its container, as the engine's API ends no command; the next one does not wait for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from compose2fargate.aws.resources import ContainerHealthCheck
from compose2fargate.rehearsal.engine import STARTING, Executed
from compose2fargate.rehearsal.rehearsal_run import Pace

_EAGER: Final = 0.5
_MISSING: Final = re.compile(
    r"executable file not found|exec: \"[^\"]*\": (?:stat \S+: )?no such file"
    r"|(?:sh|bash|ash)(?:: line \d+|: \d+)?: (?:\S+: )?(?:command )?not found",
    re.IGNORECASE,
)


def health_words(check: ContainerHealthCheck) -> tuple[str, ...]:
    """Give the command that a health check runs in its container."""
    kind, *rest = check.command
    if kind == "CMD-SHELL":
        return ("/bin/sh", "-c", " ".join(rest))
    return tuple(rest) if kind == "CMD" else tuple(check.command)


def is_missing(result: Executed) -> bool:
    """Tell whether a check can never succeed, because its program or its shell is not in the image."""
    return result.exit_code != 0 and bool(_MISSING.search(result.output))


class ContainerHealth:
    """The health of one running container."""

    def __init__(
        self,
        check: ContainerHealthCheck,
        execute: Callable[[Sequence[str]], Executed],
        pool: ThreadPoolExecutor,
        pace: Pace,
    ) -> None:
        self._check, self._execute, self._pool, self._pace = check, execute, pool, pace
        self._started = time.monotonic()
        self._next = self._started + min(_EAGER, pace.wait(check.interval))
        self._counted = self._started
        self._asked: float | None = None
        self._future: Future[Executed] | None = None
        self._failures = 0
        self.healthy: bool | None = None
        self.missing = False
        self.output = ""

    def step(self) -> None:
        """Begin a check when it is time, and take note of one that has ended."""
        now = time.monotonic()
        if self._future is None:
            if now >= self._next:
                self._asked = None
                self._future = self._pool.submit(self._ask)
            return
        if self._future.done():
            self._note(self._future.result(), now)
        elif self._asked is not None and now - self._asked > self._pace.timeout(self._check.timeout):
            self._note(Executed(1, f"the check took longer than its timeout of {self._check.timeout} s"), now)

    def _ask(self) -> Executed:
        self._asked = time.monotonic()  # waiting for a free thread is no part of the check
        return self._execute(health_words(self._check))

    def _note(self, result: Executed, now: float) -> None:
        self._future = None
        interval = self._pace.wait(self._check.interval)
        if result.exit_code == 0:
            self.healthy, self._failures, self._counted = True, 0, now
            self._next = now + interval
            return
        self.output = result.output.rpartition(STARTING)[2].strip()[-2000:] or f"exit code {result.exit_code}"
        self._next = now + min(interval, _EAGER)
        start_period = self._pace.wait(self._check.start_period or 0)
        starting = now < self._started + start_period and self.healthy is None
        if is_missing(result):
            self.healthy, self.missing = False, True
        elif not starting and now - self._counted >= interval * 0.95:
            self._failures, self._counted = self._failures + 1, now
            if self._failures >= self._check.retries:
                self.healthy = False
