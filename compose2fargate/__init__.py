"""Compile docker-compose files to AWS ECS on Fargate.

The command line is `compose2fargate`; the same pipeline as functions:

    import os
    import compose2fargate as c2f

    conversion = c2f.convert(c2f.LoadOptions(environment=os.environ), {"region": "eu-central-1"})
    c2f.write(conversion.artifacts, "fargate")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compose2fargate.api import CheckOptions, Conversion, LoadOptions, check, convert, write
    from compose2fargate.diagnostics import (
        AwsError,
        BuildError,
        Compose2FargateError,
        Diagnostic,
        EmitError,
        InputError,
        LoadError,
        Location,
        MapError,
        Severity,
        UsageError,
    )
    from compose2fargate.workflows.pushing import Pushed, PushOptions, push
    from compose2fargate.workflows.translating import Translated, translate

__version__ = "0.1.0"

__all__ = [
    "AwsError",
    "BuildError",
    "CheckOptions",
    "Compose2FargateError",
    "Conversion",
    "Diagnostic",
    "EmitError",
    "InputError",
    "LoadError",
    "LoadOptions",
    "Location",
    "MapError",
    "PushOptions",
    "Pushed",
    "Severity",
    "Translated",
    "UsageError",
    "check",
    "convert",
    "push",
    "translate",
    "write",
]

_FROM_API = frozenset(
    {"CheckOptions", "Conversion", "LoadOptions", "Translated", "check", "convert", "translate", "write"}
)

_FROM_PUSHING = frozenset({"PushOptions", "Pushed", "push"})


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `compose2fargate --help` needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = "api" if name in _FROM_API else "workflows.pushing" if name in _FROM_PUSHING else "diagnostics"
    return getattr(import_module(f"{__name__}.{module}"), name)
