"""What the author of a target tests it with: what any emitter has to keep to, on a stack of every type of resource.

from compose2fargate.testing import check_emitter

def test_my_target():
    check_emitter(MyEmitter())
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

from compose2fargate.aws.resources import Resource
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters import Artifacts, Emitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from compose2fargate.workflows.output_folder import MANIFEST

__all__ = ["check_emitter", "resource_types", "sample_stack"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_SEGMENT = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]+")


def resource_types() -> tuple[type[Any], ...]:
    """Give every type of resource that a stack may hold."""
    return get_args(Resource)


def check_emitter(
    emitter: Emitter, stack: Stack | None = None, settings: Settings | None = None
) -> Artifacts:
    """Check that an emitter keeps to what compose2fargate relies on.

    It has a name and a summary; it renders a stack of every type of resource; it gives text under relative paths;
    and it is pure: the same stack gives the same bytes wherever and whenever it is rendered, and nothing is written.

    Args:
        emitter: What is checked.
        stack: The stack that is rendered; by default `sample_stack()`, which has everything.
        settings: The settings; by default those of a user who sets nothing.

    Returns:
        What it gave for the stack, to look at further.

    Raises:
        AssertionError: It does not; the message says what to change.
    """
    stack = sample_stack() if stack is None else stack
    settings = Settings() if settings is None else settings
    _check_name(emitter)
    before = repr(stack)
    artifacts = emitter.emit(stack, settings)
    _check_artifacts(artifacts)
    _require(repr(stack) == before, "emit changed the stack: build new values instead")
    with _elsewhere() as folder:
        again = emitter.emit(stack, settings)
        left = os.listdir(folder)
        _require(not left, f"emit wrote to the disk: {left}; return the text instead")
    _require(
        list(artifacts.items()) == list(again.items()),
        "emit gave something else the second time: it must not depend on the clock, on chance, on the environment "
        "or on where it runs",
    )
    fresh = type(emitter)().emit(stack, settings)
    _require(
        list(artifacts.items()) == list(fresh.items()), "another instance of the emitter gives something else"
    )
    return artifacts


def _require(holds: bool, message: str) -> None:  # noqa: FBT001 - an assertion reads so
    if not holds:
        raise AssertionError(message)


def _check_name(emitter: Emitter) -> None:
    name, summary = getattr(emitter, "name", None), getattr(emitter, "summary", None)
    _require(
        isinstance(name, str) and bool(_NAME.fullmatch(name)),
        f"name is {name!r}; it has to be lower-case letters, digits and hyphens, as people type it after --target",
    )
    _require(
        isinstance(summary, str) and bool(summary.strip()) and "\n" not in summary,
        f"summary is {summary!r}; it has to be one line on what the target writes",
    )


def _check_artifacts(artifacts: Any) -> None:
    _require(
        isinstance(artifacts, Mapping), f"emit gave a {type(artifacts).__name__}; it has to be path to text"
    )
    _require(bool(artifacts), "emit gave no files for a stack that has everything")
    for path, text in artifacts.items():
        _check_path(path)
        _check_text(path, text)
    folded = [path.casefold() for path in artifacts]
    twice = {path for path in artifacts if folded.count(path.casefold()) > 1}
    _require(not twice, f"paths that some systems cannot tell apart: {sorted(twice)}")


def _check_path(path: Any) -> None:
    _require(isinstance(path, str), f"the path {path!r} is no text")
    segments = path.split("/")
    legal = all(_SEGMENT.fullmatch(s) and s not in (".", "..") and s == s.strip() for s in segments)
    _require(legal, f"the path {path!r} is not relative with forward slashes, or not legal on every system")
    _require(path != MANIFEST, f"{MANIFEST} is the manifest's name")


def _check_text(path: str, text: Any) -> None:
    _require(isinstance(text, str), f"{path} is {type(text).__name__}; artefacts are text")
    _require("\r\n" not in text, f"{path} has line ends of Windows; write \\n")
    _require(not text or text.endswith("\n"), f"{path} does not end with a line break")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise AssertionError(f"{path} cannot be written as UTF-8: {error}") from error


@contextmanager
def _elsewhere() -> Iterator[str]:
    """Run in an empty folder, with another environment and other random numbers."""
    here, environment, state = os.getcwd(), dict(os.environ), random.getstate()
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(folder)
            os.environ.update(
                {"TZ": "Pacific/Chatham", "LANG": "tr_TR.UTF-8", "HOME": folder, "AWS_REGION": "xx-nowhere-1"}
            )
            random.seed(0)
            yield folder
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(environment)
            random.setstate(state)
