"""Options that several commands share, and what was chosen with them.

The compose options and the output options work before and after the command's name. Each shared option keeps its
value in `ctx.meta`, which click shares between the group and the command: lists are joined, single values are
replaced by the later one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

if TYPE_CHECKING:
    from compose2fargate.compose.loader import LoadOptions

_CHOSEN: Final = "compose2fargate.chosen"
_TAKEN_BACK: Final = "compose2fargate.taken_back"


def format_option(what: str, *choices: str) -> click.Option:
    """Give `--format` for `what` a command prints; the first of `choices` is the default."""
    given = choices or ("text", "json")
    return click.Option(
        ["--format"],
        type=click.Choice(given),
        default=given[0],
        help=f"Format of {what} (default: {given[0]}).",
    )


def chosen(ctx: click.Context) -> Mapping[str, Any]:
    """Give the values of the shared options that the user has set, by parameter name."""
    return _values(ctx)


def _values(ctx: click.Context) -> dict[str, Any]:
    values: dict[str, Any] = ctx.meta.setdefault(_CHOSEN, {})
    return values


def _choose(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    assert option.name is not None  # noqa: S101 - click names every parameter when it is made
    values = _values(ctx)
    if ctx.get_parameter_source(option.name) is ParameterSource.DEFAULT:
        if option.name in _taken_back(ctx).get(ctx.command, ()):
            values.pop(option.name, None)
        return
    values[option.name] = (*values.get(option.name, ()), *value) if option.multiple else value


def _taken_back(ctx: click.Context) -> dict[click.Command, Collection[str]]:
    names: dict[click.Command, Collection[str]] = ctx.meta.setdefault(_TAKEN_BACK, {})
    return names


def take_back(ctx: click.Context, command: click.Command, names: Collection[str]) -> None:
    """Let `command` forget these shared options, which may stand before its name: it was told `--name=false`."""
    _taken_back(ctx)[command] = names


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
    shared(
        "workdir",
        "--workdir",
        hidden=True,
        metavar="DIR",
        help="The old name of --project-directory.",
    ),
    shared("profiles", "--profile", multiple=True, metavar="NAME", help="Profile to enable; repeatable."),
    shared("env_files", "--env-file", multiple=True, metavar="FILE", help="Environment file; repeatable."),
)
"""Which compose project is meant, as in Docker Compose."""


def _go_integers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> None:
    """Refuse what Go's ParseInt refuses, wherever it stands; the number itself says nothing to this program."""
    for value in values:
        if not _INTEGER.fullmatch(value):
            raise click.BadParameter(f"{value!r} is not a valid integer.")


def _ansi(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value in _ANSI:
        _values(ctx)["color"] = _ANSI[value]


_ANSI: Final = {"never": False, "always": True}
_INTEGER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,18}|[1-9][0-9_]{0,17}|0[xX][0-9a-fA-F]{1,15}|0[bB][01]{1,62}|0[oO][0-7]{1,20})"
)
_PROGRESS: Final = ("auto", "tty", "plain", "json", "quiet", "none", "")
MODEL_SWITCHES: Final = {
    "all_resources": ("--all-resources", "Keep resources that no service uses."),
    "compatibility": ("--compatibility", "The same as --no-normalize."),
    "dry_run": ("--dry-run", "Accepted; this command changes nothing anyway."),
}
"""What Docker Compose has for all its commands, and `config` alone has here."""


def engine_options(*, hidden: bool) -> Iterator[click.Option]:
    """Yield the options that Docker Compose has for all its commands, and that say nothing about the model or only to `config`."""
    for name, (flag, text) in MODEL_SWITCHES.items():
        yield shared(name, flag, is_flag=True, hidden=hidden, help=text)
    unused: dict[str, Any] = {"hidden": True, "expose_value": False}
    yield click.Option(
        ["--ansi"],
        callback=_ansi,
        metavar="WHEN",
        help="never and always are --no-color and --color.",
        **unused,
    )
    yield click.Option(["--no-ansi"], is_flag=True, help="Accepted.", **unused)
    yield click.Option(
        ["--progress"], type=click.Choice(_PROGRESS), envvar="COMPOSE_PROGRESS", help="Accepted.", **unused
    )
    yield click.Option(
        ["--parallel"], callback=_go_integers, multiple=True, metavar="NUMBER", help="Accepted.", **unused
    )
    yield click.Option(["--verbose"], is_flag=True, help="Accepted.", **unused)


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
    if old := given.pop("workdir", ""):
        if given.get("project_directory"):
            raise click.UsageError("--workdir is the old name of --project-directory: give the latter alone")
        given["project_directory"] = old
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
