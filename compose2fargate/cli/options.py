"""Options that several commands share, and what was chosen with them.

The compose options and the output options work before and after the command's name. Each shared option keeps its
value in `ctx.meta`, which click shares between the group and the command: lists are joined, single values are
replaced by the later one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

if TYPE_CHECKING:
    from compose2fargate.compose.loader import LoadOptions

_CHOSEN: Final = "compose2fargate.chosen"


def chosen(ctx: click.Context) -> Mapping[str, Any]:
    """Give the values of the shared options that the user has set, by parameter name."""
    values: dict[str, Any] = ctx.meta.setdefault(_CHOSEN, {})
    return values


def _choose(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    assert option.name is not None  # noqa: S101 - click names every parameter when it is made
    if ctx.get_parameter_source(option.name) is ParameterSource.DEFAULT:
        return
    values: dict[str, Any] = ctx.meta.setdefault(_CHOSEN, {})
    values[option.name] = (*values.get(option.name, ()), *value) if option.multiple else value


def shared(*declarations: str, **attributes: Any) -> click.Option:
    """Make an option whose value is found in `chosen(ctx)`; the arguments are those of `click.Option`."""
    return click.Option(declarations, callback=_choose, expose_value=False, **attributes)


COMPOSE_OPTIONS: Final = (
    shared(
        "files", "-f", "--file", multiple=True, metavar="FILE", help="Compose file; - is stdin; repeatable."
    ),
    shared("project_name", "-p", "--project-name", metavar="NAME", help="Project name."),
    shared(
        "project_directory", "--project-directory", metavar="DIR", help="Directory that paths start from."
    ),
    shared("profiles", "--profile", multiple=True, metavar="NAME", help="Profile to enable; repeatable."),
    shared("env_files", "--env-file", multiple=True, metavar="FILE", help="Environment file; repeatable."),
)
"""Which compose project is meant, as in Docker Compose."""

COLOR_OPTIONS: Final = (
    shared("color", "--color/--no-color", default=None, help="Colour diagnostics (default: on a terminal)."),
    shared("debug", "--debug", is_flag=True, help="Show the traceback of an internal error."),
)
OUTPUT_OPTIONS: Final = (
    shared("quiet", "-q", "--quiet", is_flag=True, help="Print errors only."),
    *COLOR_OPTIONS,
)
"""How diagnostics are printed."""


def load_options(ctx: click.Context, **attributes: Any) -> LoadOptions:
    """Make the loader's options from the compose options, the process's surroundings and `attributes`."""
    from compose2fargate.compose.loader import LoadOptions

    names = [option.name for option in COMPOSE_OPTIONS]
    given = {name: value for name, value in chosen(ctx).items() if name in names}
    return LoadOptions(environment=_environment(), cwd=_current_directory(), **given, **attributes)


def _environment() -> dict[str, str]:
    """Copy the environment as it was given: in the C locale Python adds LC_CTYPE to it (PEP 538)."""
    environment = dict(os.environ)
    if environment.get("LC_CTYPE") in {"C.UTF-8", "C.utf8", "UTF-8"}:
        try:
            with open("/proc/self/environ", "rb") as file:
                given = b"\0LC_CTYPE=" in b"\0" + file.read()
        except OSError:
            given = True
        if not given:
            del environment["LC_CTYPE"]
    return environment


def _current_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError(
            Diagnostic(
                "C2F194",
                Severity.ERROR,
                "the current directory does not exist any more",
                hint="cd to another one",
            )
        ) from None
