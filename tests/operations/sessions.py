"""Records docs/sessions/: three kinds of task, each on a terminal of 60 and of 110 columns, with the number of lines.

python -m tests.operations.sessions
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT
from tests.operations.terminal import Answer, run_on_terminal

WIDTHS = (110, 60)
PAGES = ROOT / "docs" / "sessions"


class Command(NamedTuple):
    """What is typed at the prompt, and what is answered to questions."""

    text: str
    answers: tuple[Answer, ...] = ()


class Task(NamedTuple):
    """A kind of user's task: its page, title, a sentence, and the commands."""

    page: str
    title: str
    text: str
    commands: tuple[Command, ...]


_PLACED = "--region eu-central-1 --account 123456789012 --subnet subnet-0a1 --subnet subnet-0b2"
TASKS = (
    Task(
        "beginner",
        "From a compose file to a deployment, and back",
        "Somebody who has `docker compose up` running and no AWS account: the sample project, in the sandbox.",
        (
            Command("compose2fargate convert"),
            Command("compose2fargate apply --sandbox", (Answer("Do this?", "y"),)),
            Command("compose2fargate status --sandbox"),
            Command(
                "compose2fargate destroy --sandbox",
                (Answer("Delete all of this?", "y"), Answer("to delete all of this", "shop")),
            ),
            Command("compose2fargate sandbox stop"),
        ),
    ),
    Task(
        "terraform",
        "Two environments as Terraform modules",
        "A team that reviews modules: staging and production of the sample project, and what CI says after a change.",
        (
            Command(f"compose2fargate convert -t terraform --environment staging {_PLACED}"),
            Command(f"compose2fargate convert -t terraform --environment production {_PLACED}"),
            Command("compose2fargate check"),
            Command("sed -i 's/replicas: 2/replicas: 3/' compose.yaml"),
            Command("compose2fargate check --no-diff"),
            Command("compose2fargate check --fix"),
        ),
    ),
    Task(
        "decision",
        "What a migration means",
        "Somebody who has to decide: what is lost, what is risky, what it costs, and what to do about the database.",
        (
            Command("compose2fargate explain"),
            Command("compose2fargate explain db.volumes"),
            Command("compose2fargate explain C2F276"),
        ),
    ),
)


class Shown(NamedTuple):
    """A command, and what stood on the terminal after it."""

    command: str
    status: int
    lines: list[str]


def record(task: Task, columns: int, folder: Path) -> list[Shown]:
    """Carry a task out in a copy of the sample project."""
    project = folder / "shop"
    shutil.copytree(ROOT / "fixtures" / "sample", project, ignore=shutil.ignore_patterns("expected"))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "POSTGRES_PASSWORD": "not-a-secret",
    }
    return [
        Shown(one.text, *run_on_terminal(one.text, project, environment, columns, one.answers))
        for one in task.commands
    ]


def page(task: Task, recorded: dict[int, list[Shown]]) -> str:
    """Write the page of a task."""
    widths = sorted(recorded, reverse=True)
    parts = [f"# {task.title}\n\n{task.text}\n`python -m tests.operations.sessions` makes this page anew.\n"]
    head = " | ".join(f"lines at {columns} columns" for columns in widths)
    rows = [f"| command | {head} |", f"|---|{'---|' * len(widths)}"]
    for n, one in enumerate(task.commands):
        counts = " | ".join(str(len(recorded[columns][n].lines)) for columns in widths)
        rows.append(f"| `{one.text}` | {counts} |")
    parts.append("\n".join(rows) + "\n")
    for columns in widths:
        shown = "\n".join("\n".join(_lines(one)) + "\n" for one in recorded[columns])
        parts.append(f"## {columns} columns\n\n```console\n{shown}```\n")
    return "\n".join(parts)


def _lines(shown: Shown) -> Iterator[str]:
    yield f"$ {shown.command}"
    yield from shown.lines
    if shown.status:
        yield f"(exit code {shown.status})"


def counts(text: str) -> dict[str, tuple[int, ...]]:
    """Read the table of a page: command to the numbers of lines, the widest terminal's first."""
    rows = re.findall(r"^\| `(.+?)` \| ([0-9 |]+) \|$", text, re.MULTILINE)
    return {command: tuple(map(int, numbers.split(" | "))) for command, numbers in rows}


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for each in TASKS:
        made = {}
        for width in WIDTHS:
            with tempfile.TemporaryDirectory() as temporary:
                made[width] = record(each, width, Path(temporary))
        (PAGES / f"{each.page}.md").write_text(page(each, made), encoding="utf-8")
