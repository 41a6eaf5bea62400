"""Programs that are run: what they say, how they are stopped, and what is hidden."""

from __future__ import annotations

import os
import time
from threading import Thread

import pytest

from compose2fargate.images import builder_processes
from compose2fargate.images.builder_processes import BuilderProcesses, ProcessResult

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def shell(processes: BuilderProcesses, script: str) -> tuple[ProcessResult, list[str]]:
    lines: list[str] = []
    ended = processes.run(("sh", "-c", script), ENVIRONMENT, lines.append)
    return ended, lines


def test_the_last_lines_are_kept() -> None:
    ended, lines = shell(BuilderProcesses(), "for n in $(seq 30); do echo $n; done; echo wrong >&2; exit 3")
    assert ended.status == 3
    assert ended.tail == (*map(str, range(12, 31)), "wrong")
    assert len(lines) == 31


def test_secrets_are_masked_the_longer_ones_first() -> None:
    processes = BuilderProcesses(["hidden", "hidden-too", "abc"])
    ended, _ = shell(processes, "echo hidden-too hidden abc")
    assert ended.tail == ("******** ******** abc",)  # what is as short as a word is not looked for


def test_a_program_that_is_not_there_is_an_end_like_any_other() -> None:
    ended = BuilderProcesses().run(("/nowhere/podman",), ENVIRONMENT, print)
    assert ended.status == 127
    assert "No such file" in ended.tail[0]


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_what_runs_is_stopped_with_its_children(stubborn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder_processes, "_PATIENCE", 0.3)
    processes = BuilderProcesses()
    results: list[tuple[ProcessResult, list[str]]] = []
    script = f"{stubborn}echo begun; sleep 50 & wait; sleep 50"
    thread = Thread(target=lambda: results.append(shell(processes, script)))
    thread.start()
    while not processes._running:
        time.sleep(0.01)
    time.sleep(0.1)
    processes.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert results[0][0].status < 0
    assert shell(processes, "echo more") == (ProcessResult(130, ()), [])
