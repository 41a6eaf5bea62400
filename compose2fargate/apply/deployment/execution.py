"""What an execution is told, tells while it runs, and gives."""

from __future__ import annotations

from typing import Final

from compose2fargate.apply.deployment.planner import (
    Action,
)
from compose2fargate.apply.deployment.rollout import (
    RolloutFailure,
)
from compose2fargate.diagnostics import Diagnostic
from compose2fargate.records import NamedTuple

WORKERS: Final = 128


class ActionOutcome(NamedTuple):
    """What became of one action.

    Attributes:
        action: The action.
        status: done, failed or "not done".
        note: What else there is to say.
        seconds: How long it took.
    """

    action: Action
    status: str
    note: str = ""
    seconds: float = 0.0


class ExecutionResult(NamedTuple):
    """What became of a plan.

    Attributes:
        outcomes: One for each action that was to change something.
        diagnostics: Everything that went wrong.
        failures: What is known about services and jobs that failed.
        interrupted: Whether the user stopped it.
    """

    outcomes: tuple[ActionOutcome, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[RolloutFailure, ...] = ()
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 done, 1 something does not run as it should, 3 AWS refused, 130 interrupted."""
        if self.interrupted:
            return 130
        refused = [d for d in self.diagnostics if d.code not in _UNHEALTHY]
        return 3 if refused else 1 if self.diagnostics else 0


_UNHEALTHY = frozenset(
    {"C2F415", "C2F420", "C2F430", "C2F431", "C2F432", "C2F433", "C2F434", "C2F497", "C2F498", "C2F499"}
)


class ProgressListener:
    """Is told what happens while a plan is carried out; this one says nothing."""

    def begin(self, actions: tuple[Action, ...]) -> None:
        """The actions that are going to be carried out."""

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        """An action is started, waits for something (`text` says how far it is), is done or has failed."""

    def end(self) -> None:
        """Nothing more happens."""


class ExecutionOptions(NamedTuple):
    """How a plan is carried out.

    Attributes:
        adopt: Take over what is not ours.
        wait: Wait until services are steady; what others depend on is awaited in any case.
        timeout: How many seconds a service or job may take.
        keep_revisions: How many revisions of a task definition stay; 0 for all.
        workers: How many calls are under way at once.
    """

    adopt: bool = False
    wait: bool = True
    timeout: float = 1200.0
    keep_revisions: int = 0
    workers: int = WORKERS
