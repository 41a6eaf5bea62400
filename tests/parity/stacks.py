"""The stack that a fixture is translated to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compose2fargate.aws.stack import Stack
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.settings import Settings
from tests.emitters.projects import FIXTURES, convert


def stack_of(case: str, folder: Path) -> Stack:
    """Give what a fixture is translated to."""
    copy = folder / case
    shutil.copytree(FIXTURES / case, copy, ignore=shutil.ignore_patterns("expected"), dirs_exist_ok=True)
    found: list[Stack] = []
    emit = JsonEmitter.emit

    def remembered(self: JsonEmitter, stack: Stack, settings: Settings) -> Artifacts:
        found.append(stack)
        return emit(self, stack, settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JsonEmitter, "emit", remembered)
        convert(case, "json", copy)
    return found[0]
