"""Fixtures as other suites see them: converted in this process, each in a folder of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from compose2fargate.__main__ import run
from tests.conftest import ROOT

FIXTURES = ROOT / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/compose.yaml"))


def convert(case: str, target: str, folder: Path, *more: str) -> Path | None:
    """Convert a fixture; None where it is refused. `folder` may hold an edited copy of it already."""
    if not folder.exists():
        shutil.copytree(FIXTURES / case, folder, ignore=shutil.ignore_patterns("expected"))
    file = folder / "arguments"
    arguments = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in dict(os.environ):
            patch.delenv(name)
        patch.setenv("HOME", str(folder))
        status = run(("convert", "--quiet", "-t", target, "-o", f"out/{target}", *arguments, *more))
    return folder / "out" / target if status == 0 else None
