"""Writers of a stack: pure functions from a `Stack` to files as text. They know no compose word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.settings import Settings

Artifacts = Mapping[str, str]
"""Relative path (with `/`) to text, in the order in which they are best read."""

GROUP = "compose2fargate.emitters"
"""The entry point group in which other distributions register emitters."""


class Emitter(Protocol):
    """What a target is: a name, a sentence about it, and `emit`.

    An emitter may also have `notes(artifacts, settings)`, which yields the diagnostics that concern its files alone.
    """

    name: str
    summary: str

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render the stack. Pure: no disk, no network, no clock; the same stack gives the same bytes."""


class Target(NamedTuple):
    """An emitter that was found, and where it comes from."""

    name: str
    summary: str
    origin: str


BUILT_IN = ("json", "terraform", "cloudformation")


def load_emitter(name: str) -> Emitter:
    """Give the emitter called `name`.

    Raises:
        EmitError: There is none, two distributions claim the name, or it cannot be imported.
    """
    if name == "json":  # built in, so that the usual case looks up no installed distributions
        from compose2fargate.emitters.json import JsonEmitter

        return JsonEmitter()
    if name == "terraform":
        from compose2fargate.emitters.terraform import TerraformEmitter

        return TerraformEmitter()
    if name == "cloudformation":
        from compose2fargate.emitters.cloudformation import CloudFormationEmitter

        return CloudFormationEmitter()
    from compose2fargate.emitters.plugins import load_plugin

    return load_plugin(name)


def unknown(name: str, known: list[str]) -> EmitError:
    """Give the error for a target that does not exist."""
    return EmitError(
        Diagnostic(
            "C2F301", Severity.ERROR, f"there is no target {name!r}", hint=f"targets: {', '.join(known)}"
        )
    )
