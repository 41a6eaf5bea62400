"""Projects that were converted, to be checked after something was changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compose2fargate import api
from compose2fargate.sync.check_result import FolderState
from tests.conftest import Program
from tests.test_golden import CASES, FIXTURES, arguments

ENVIRONMENT = {"HOME": "/home/nobody"}


class Project:
    """A copy of a fixture with its generated files in `fargate/TARGET`."""

    def __init__(self, root: Path, target: str) -> None:
        self.root = root
        self.folder = f"fargate/{target}"

    def check(self, **options: Any) -> FolderState:
        return api.check(
            self.folder, api.CheckOptions(**options), environment=ENVIRONMENT, cwd=str(self.root)
        )

    @property
    def files(self) -> dict[str, Path]:
        """The generated files but the manifest."""
        folder = self.root / self.folder
        found = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        del found["compose2fargate.json"]
        return found

    def sources(self) -> Iterator[Path]:
        """The project's compose files."""
        for path in sorted(self.root.rglob("*.y*ml")):
            if not {"fargate", "config"} & {*path.relative_to(self.root).parts}:
                yield path


Converted = Callable[[str, str], Project]


def converts(case: str) -> bool:
    recorded = FIXTURES / case / "expected" / "json.diagnostics.txt"
    return recorded.read_text(encoding="utf-8").startswith("exit 0")


CONVERTING = [case for case in CASES if converts(case)]


@pytest.fixture
def converted(tmp_path: Path, program: Program) -> Converted:
    """Convert a copy of a fixture: `converted("sample", "json")`."""

    def convert(case: str, target: str) -> Project:
        root = tmp_path / case
        shutil.copytree(FIXTURES / case, root, ignore=shutil.ignore_patterns("expected"))
        result = program(
            "convert", "-t", target, "-o", f"fargate/{target}", *arguments(root), cwd=root, env=ENVIRONMENT
        )
        if result.status != 0:
            pytest.skip(f"{case} cannot be converted to {target}")
        return Project(root, target)

    return convert
