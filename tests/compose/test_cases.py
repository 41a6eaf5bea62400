"""Projects on which this program and Docker Compose once disagreed, with what Docker Compose makes of them.

Each folder in `cases/` holds the project's files and either `expected.txt`, what `docker compose config` prints
(`case.json` may name options before and after the command, and variables), or `expected_error.txt`, why it refuses.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Program

CASES = sorted(file.parent for file in (Path(__file__).parent / "cases").glob("*/expected*.txt"))
_RECORDED = shutil.ignore_patterns("case.json", "expected.txt", "expected_error.txt")


def described(case: Path) -> Mapping[str, Any]:
    file = case / "case.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_project_is_read_as_docker_compose_reads_it(case: Path, program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(case, folder, ignore=_RECORDED)
    given = described(case)
    result = program(
        "--compose-version=2.40",  # the release that was recorded
        *given.get("arguments", ()),
        "config",
        *given.get("options", ("--format", "json")),
        cwd=folder,
        env={"HOME": "/home/user", **given.get("environment", {})},
    )
    if (case / "expected_error.txt").exists():
        assert result.status == 2, result.out
    else:
        expected = (case / "expected.txt").read_text(encoding="utf-8")
        assert result.status == 0, result.err
        assert result.out.replace(str(folder), "${PROJECT_DIR}") == expected
