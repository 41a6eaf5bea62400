"""docs/sessions/ is what stands on a terminal, and no longer than it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operations.sessions import PAGES, TASKS, WIDTHS, Task, counts, record
from tests.operations.terminal import screen

NAMES = [task.page for task in TASKS]
LIVE = ("apply", "destroy", "status")
"""Commands that say more or less as AWS, or the fake one, is faster or slower."""


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_a_page_counts_the_lines_of_every_command(task: Task) -> None:
    recorded = counts((PAGES / f"{task.page}.md").read_text("utf-8"))
    assert list(recorded) == [command.text for command in task.commands]
    assert all(len(lines) == len(WIDTHS) for lines in recorded.values())


def test_the_sample_takes_twenty_five_lines() -> None:
    recorded = counts((PAGES / "beginner.md").read_text("utf-8"))
    assert recorded["compose2fargate convert"][0] <= 25


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_a_session_can_be_repeated(task: Task, columns: int, tmp_path: Path) -> None:
    recorded = counts((PAGES / f"{task.page}.md").read_text("utf-8"))
    for shown in record(task, columns, tmp_path):
        if not any(f" {name} " in f"{shown.command} " for name in LIVE):
            assert len(shown.lines) == recorded[shown.command][WIDTHS.index(columns)], shown.command


def test_a_screen_shows_what_is_left_of_what_was_drawn() -> None:
    drawn = "one\r\n\x1b[1mtwo\x1b[0m\r\nthree\x1b[2K\r\x1b[1A\x1b[2Kdone\r\n"
    assert screen(drawn, 80) == ["one", "done"]
    assert screen("abcdef", 4) == ["abcd", "ef"]
