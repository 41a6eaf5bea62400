"""docs/session.md is what the program prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.operations.session import CHAPTERS, blocks, record

PAGE = ROOT / "docs" / "session.md"


def test_the_page_shows_every_command() -> None:
    shown = [command for command, _ in blocks(PAGE.read_text("utf-8"))]
    assert shown == [command for chapter in CHAPTERS for command in chapter.commands]


@pytest.mark.slow
def test_the_session_can_be_repeated(tmp_path: Path) -> None:
    recorded, now = list(blocks(PAGE.read_text("utf-8"))), list(blocks(record(tmp_path)))
    for (command, before), (_, after) in zip(recorded, now, strict=True):
        assert after == before, f"{command}: make the page anew, see its head"
