"""Text broken at words, as a terminal of 60 to 200 columns shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.text.escaping import inert, paint
from compose2fargate.text.wrapping import wrapped
from tests.operations.terminal import run_on_terminal

COMPOSE = """\
name: shop
services:
  api: {image: registry.example.com/a, privileged: true, environment: {A: "with a text that makes this long"}}
"""


def test_lines_go_on_below_what_they_say() -> None:
    text = (
        "  hint: write something that is long\n"
        "  --> compose.yaml:3:40 (services.api.environment.SOME_NAME); likewise web\n"
        "plain words in a line that is long enough"
    )
    assert wrapped(text, 40).split("\n") == [
        "  hint: write something that is long",
        "  --> compose.yaml:3:40",
        "      (services.api.environment.SOME_NAME);",
        "      likewise web",
        "plain words in a line that is long",
        "  enough",
    ]


def test_colours_take_no_room_and_addresses_and_commands_stay_whole() -> None:
    address = f"  see https://docs.example.com/{'x' * 60}"
    assert wrapped(address, 60) == address
    assert wrapped(f"next      {'y' * 70}", 60, hang=10) == f"next      {'y' * 70}"
    painted = inert(f"{paint('1', 'word ' * 7 + 'word')} end")
    assert wrapped(painted, 43) == painted
    command = "compose2fargate apply --sandbox --environment staging --region eu-west-1"
    assert f"\n{' ' * 10}{command}\n{' ' * 10}(a trial" in wrapped(
        f"next      then run {command} (a trial)", 50, hang=10, whole=[command]
    )


def test_no_line_becomes_a_command_to_a_runner() -> None:
    shown = wrapped(f"{'word ' * 9}::error::x and {'more ' * 9}", 40)
    assert not re.search(r"(?m)^\s*::", shown)


@given(st.lists(st.text("ab中é", min_size=1, max_size=12), min_size=1), st.integers(60, 200))
def test_every_word_is_kept_and_every_line_fits(words: list[str], columns: int) -> None:
    shown = wrapped(" ".join(words), columns)
    assert shown.split() == words
    assert all(sum(1 + (c == "中") for c in line) <= columns for line in shown.split("\n"))


@pytest.mark.parametrize("columns", [60, 110, 200])
def test_diagnostics_fit_a_real_terminal_and_are_whole_lines_elsewhere(tmp_path: Path, columns: int) -> None:
    import os
    import sys

    (tmp_path / "compose.yaml").write_text(COMPOSE)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }
    status, lines = run_on_terminal("compose2fargate convert --notes", tmp_path, environment, columns)
    assert status == 2
    # `screen` breaks what is too wide: had a line been, the next would begin in the middle of a word
    text = " ".join(" ".join(line.split()) for line in lines)
    for said in (
        "run this service on ECS with EC2 or Managed Instances",
        "privileged: Fargate does not run privileged containers",
    ):
        assert said in text
    assert all(len(line) <= columns for line in lines)
    excerpt = next(line for line in lines if "| " in line)
    assert lines[lines.index(excerpt) + 1].strip().startswith("|")
    _, piped = run_on_terminal(
        "compose2fargate convert --notes 2>&1 | cat > piped", tmp_path, environment, columns
    )
    assert piped == []
    whole = (tmp_path / "piped").read_text()
    assert any(len(line) > 140 for line in whole.splitlines())
    assert all("\x1b" not in line for line in whole.splitlines())
