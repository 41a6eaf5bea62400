"""Emitters of other distributions, found by entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters.emitter import BUILT_IN, Emitter, EmitterTarget

GROUP = "compose2fargate.emitters"
"""The entry point group in which other distributions register emitters."""


def plugin_targets() -> list[EmitterTarget]:
    """List the targets of other distributions.

    Raises:
        EmitError: A plugin cannot be loaded, or two have the same name; it is named with its distribution.
    """
    return [
        EmitterTarget(name, _load(point).summary, _distribution(point))
        for name, point in sorted(_plugins().items())
    ]


def load_plugin(name: str) -> Emitter:
    """Give the emitter that a plugin registers under `name`.

    Raises:
        EmitError: There is none, or it cannot be loaded.
    """
    plugins = _plugins()
    if name not in plugins:
        raise _unknown_target_error(name, [*BUILT_IN, *sorted(plugins)])
    return _load(plugins[name])


def _plugins() -> dict[str, EntryPoint]:
    plugins: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.value.startswith("compose2fargate."):
            continue  # our own registration of a built-in target
        if point.name in plugins or point.name in BUILT_IN:
            first = _distribution(plugins[point.name]) if point.name in plugins else "compose2fargate"
            raise EmitError(
                Diagnostic(
                    "C2F302",
                    Severity.ERROR,
                    f"two distributions provide the target {point.name!r}: {first} and {_distribution(point)}",
                    hint="uninstall one of them",
                )
            )
        plugins[point.name] = point
    return plugins


def _load(point: EntryPoint) -> Emitter:
    try:
        emitter: Emitter = point.load()()
    except Exception as error:
        raise EmitError(
            Diagnostic(
                "C2F303",
                Severity.ERROR,
                f"the target {point.name!r} of {_distribution(point)} cannot be loaded: {type(error).__name__}: {error}",
                hint=f"reinstall or remove {_distribution(point)}",
            )
        ) from error
    return emitter


def _unknown_target_error(name: str, known: list[str]) -> EmitError:
    """Give the error for a target that does not exist."""
    return EmitError(
        Diagnostic(
            "C2F301", Severity.ERROR, f"there is no target {name!r}", hint=f"targets: {', '.join(known)}"
        )
    )


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
