"""Translates compose text the way the program does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import LoadOptions
from compose2fargate.aws.api_values import Link, resolve_text
from compose2fargate.emitters.json_files.json_target import literal_resolver
from compose2fargate.workflows.translating import Translated, translate

Translate = Callable[..., Translated]


def spelled(made: Translated, value: str | Link) -> str:
    """Give a text of the stack with its links resolved as the json target does."""
    return str(resolve_text(value, literal_resolver(made.translation.stack, made.settings)))


@pytest.fixture
def translated(tmp_path: Path) -> Translate:
    """Give a function from compose text, and settings, to everything the translation knows."""

    def run(text: str, env: dict[str, str] | None = None, **flags: Any) -> Translated:
        (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
        options = LoadOptions(project_name="shop", environment=env or {}, cwd=str(tmp_path))
        return translate(options, {"region": "eu-central-1", **flags})

    return run
