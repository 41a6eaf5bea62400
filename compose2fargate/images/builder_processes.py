"""Runs builders: keeps the end of what they say, hides what is secret in it, and can stop them all."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from threading import Lock
from typing import Final

from compose2fargate.credentials import MASK
from compose2fargate.programs import environment_of_programs
from compose2fargate.records import NamedTuple

_TAIL: Final = 20
_SHORTEST_SECRET: Final = 4
_PATIENCE: Final = 10


class ProcessResult(NamedTuple):
    """How a program ended, and the last lines it printed."""

    status: int
    tail: tuple[str, ...]


class BuilderProcesses:
    """The programs of one run, which end together when it is interrupted."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = Lock()
        self._stopped = False

    def run(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], on_line: Callable[[str], None]
    ) -> ProcessResult:
        """Run a program to its end. It has a process group of its own, so that an interrupt reaches it once: by us."""
        tail: deque[str] = deque(maxlen=_TAIL)
        try:
            process = self._start(arguments, environment)
        except OSError as error:
            return ProcessResult(127, (f"{arguments[0]}: {error.strerror or error}",))
        if process is None:
            return ProcessResult(130, ())
        with process:
            for line in process.stdout or ():
                shown = self.masked(line.rstrip())
                if shown:
                    tail.append(shown)
                    on_line(shown)
        with self._lock:
            self._running.discard(process)
        return ProcessResult(process.returncode, tuple(tail))

    def masked(self, line: str) -> str:
        """Hide the secrets of this run in a line."""
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return line

    def _start(
        self, arguments: tuple[str, ...], environment: Mapping[str, str]
    ) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(  # noqa: S603 - no shell; the builder is one of three
                arguments,
                env=environment_of_programs(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def stop(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            _wait(process)


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
