"""What the tests of reading compose files share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.compose.loader import LoadedProject, LoadOptions, load_project

LoadFiles = Callable[..., LoadedProject]


@pytest.fixture
def load_files(tmp_path: Path) -> LoadFiles:
    """Write files and load the project: `load_files({"compose.yaml": "..."}, env={...}, services=("web",))`.

    A text is the only file, compose.yaml. Files named like o.yaml, o2.yaml ... are merged over it. The project's
    directory is `tmp_path`, its name `app`. `compose_files` says otherwise which files are compose files.
    """

    def run(
        files: Mapping[str, str] | str,
        env: Mapping[str, str] | None = None,
        compose_files: tuple[str, ...] = (),
        **options: Any,
    ) -> LoadedProject:
        every = {"compose.yaml": files} if isinstance(files, str) else files
        for name, text in every.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        overrides = (name for name in every if name.startswith("o") and "/" not in name)
        options.setdefault("project_name", "app")
        return load_project(
            LoadOptions(
                files=compose_files or ("compose.yaml", *overrides),
                environment={"HOME": "/home/user", **(env or {})},
                cwd=str(tmp_path),
                **options,
            )
        )

    return run
