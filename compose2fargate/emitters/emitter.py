"""What an emitter is: the protocol that every target follows, and the form of what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from compose2fargate.aws.stack import Stack
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

BUILT_IN = ("json", "terraform", "cloudformation")
"""The targets of this distribution, in the order in which they are listed."""

Artifacts = Mapping[str, str]
"""Relative path (with `/`) to text, in the order in which they are best read."""


class Emitter(Protocol):
    """What a target is: a name, a sentence about it, and `emit`.

    An emitter may also have `notes(artifacts, settings)`, which yields the diagnostics that concern its files alone.
    """

    name: str
    summary: str

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render the stack. Pure: no disk, no network, no clock; the same stack gives the same bytes."""


class EmitterTarget(NamedTuple):
    """An emitter that was found, and where it comes from."""

    name: str
    summary: str
    origin: str
