"""What the tasks of a rehearsal share."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from compose2fargate.aws.api_values import BuiltImage
from compose2fargate.aws.resources import Secret
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.engine import Engine
from compose2fargate.rehearsal.rehearsal_plan import RehearsalPlan
from compose2fargate.rehearsal.task_network import Subnet


class Supplies(NamedTuple):
    """What tasks are made from beside their definitions.

    Attributes:
        images: The engine's name of each image by that of the definitions; one that cannot be had is missing.
        secret: Gives the value of a container's secret, or None.
    """

    images: Mapping[str, str]
    secret: Callable[[Secret], str | None]


_USUAL: Final = 1.0
"""Seconds in which a machine with nothing else to do starts a helper's container."""
_SLOWEST: Final = 20.0


class Pace:
    """How long a rehearsal waits before it calls something a failure: faster than ECS on request, slower on a busy machine.

    A machine that needs longer for everything needs longer for what it is judged by, too. How much longer is seen by the
    helper's containers, which do the same thing each time.
    """

    def __init__(self, chosen: float = 1.0) -> None:
        self._chosen = chosen
        self._longest = 0.0

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Take the time in which a container of the helper's starts."""
        began = time.monotonic()
        yield
        self._longest = max(self._longest, time.monotonic() - began)

    @property
    def slowness(self) -> float:
        """By how much this machine is slower than one with nothing else to do; 1 at least."""
        return min(max(self._longest / _USUAL, 1.0), _SLOWEST)

    def wait(self, seconds: float) -> float:
        """Give the time here for what takes `seconds` on ECS until it is a failure."""
        return seconds * self.slowness / self._chosen

    def timeout(self, seconds: float) -> float:
        """Give the time that an answer may take: nothing answers faster on request."""
        return seconds * self.slowness


class RehearsalRun(NamedTuple):
    """What the tasks of a rehearsal share.

    Attributes:
        plan: The plan.
        engine: The engine.
        subnet: The network's addresses.
        helper: The helper image.
        supplies: Images and secrets.
        pace: How long is waited until something is a failure.
        stopping: Is set when everything is to end.
        pool: Runs health checks.
        states: Gives the status of every container by id, not older than a tick.
        raises_limits: Whether the engine may give containers as many open files as Fargate does.
    """

    plan: RehearsalPlan
    engine: Engine
    subnet: Subnet
    helper: str
    supplies: Supplies
    pace: Pace
    stopping: threading.Event
    pool: ThreadPoolExecutor
    states: Callable[[], Mapping[str, str]]
    raises_limits: bool = True

    def create(self, arguments: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """Create a container on the engine, unless everything is to end: whoever takes all down has looked already.

        Raises:
            InterruptedError: Everything is to end.
        """
        if self.stopping.is_set():
            raise InterruptedError("the rehearsal ended")
        return self.engine.create(arguments, host)


def image_key(plan: RehearsalPlan, image: str | BuiltImage) -> str:
    """Give the reference by which an image of a definition is looked up in `Supplies.images`."""
    return plan.text(image.repository) if isinstance(image, BuiltImage) else image


def safe(text: str) -> str:
    """Give a text as the engine takes names."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "-", text).strip("-.")
