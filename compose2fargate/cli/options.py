"""Options that several commands share, and what was chosen with them.

The compose options and the output options work before and after the command's name. Each shared option keeps its
value in `ctx.meta`, which click shares between the group and the command: lists are joined, single values are
replaced by the later one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource
from typer.core import TyperOption

from compose2fargate.cli.commands import option
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.settings import OPTIONS, Option, Panel
from compose2fargate.text.lazy_patterns import lazy_pattern

if TYPE_CHECKING:
    from compose2fargate.compose.loader import LoadOptions

_CHOSEN: Final = "compose2fargate.chosen"
_TAKEN_BACK: Final = "compose2fargate.taken_back"


def format_option(what: str, *choices: str) -> Any:
    """Declare `--format` for `what` a command prints, in `Annotated`; the first of `choices` is the default."""
    given = choices or ("text", "json")
    return option(
        "--format",
        panel=Panel.OUTPUT,
        help=f"Format of {what} (default: {given[0]}).",
        click_type=click.Choice(given),
    )


def chosen(ctx: click.Context) -> Mapping[str, Any]:
    """Give the values of the shared options that the user has set, by parameter name."""
    return _values(ctx)


def choose(ctx: click.Context, values: Mapping[str, Any]) -> None:
    """Let shared options have values, by parameter name, as if they had been typed."""
    _values(ctx).update(values)


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


def shared(name: str, *flags: str, panel: str, **attributes: Any) -> TyperOption:
    """Make an option whose value is found in `chosen(ctx)` under `name`; the attributes are those of `TyperOption`."""
    return TyperOption(
        param_decls=[name, *flags], callback=_choose, expose_value=False, rich_help_panel=panel, **attributes
    )


def _of_compose(name: str, *flags: str, **attributes: Any) -> TyperOption:
    return shared(name, *flags, panel=Panel.PROJECT, **attributes)


COMPOSE_OPTIONS: Final = (
    _of_compose("files", "-f", "--file", multiple=True, metavar="FILE", help="Compose file; - is stdin; repeatable."),
    _of_compose("project_name", "-p", "--project-name", metavar="NAME", help="Project name."),
    _of_compose("project_directory", "--project-directory", metavar="DIR", help="Directory that paths start from."),
    _of_compose("workdir", "--workdir", hidden=True, metavar="DIR", help="The old name of --project-directory."),
    _of_compose("profiles", "--profile", multiple=True, metavar="NAME", help="Profile to enable; repeatable."),
    _of_compose("env_files", "--env-file", multiple=True, metavar="FILE", help="Environment file; repeatable."),
    _of_compose(
        "compose_version", "--compose-version", metavar="VERSION",
        help="Read files as this Docker Compose does: 5.5 (the default) or 2.40.",
    ),
    _of_compose(
        "allow_remote", "--allow-remote", is_flag=True,
        help="Fetch included and extended files of git repositories, once, and keep copies.",
    ),
)  # fmt: skip
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
_INTEGER: Final = lazy_pattern(
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
        yield shared(name, flag, panel=Panel.OUTPUT, is_flag=True, hidden=hidden, help=text)
    yield _unused(
        "--ansi", callback=_ansi, metavar="WHEN", help="never and always are --no-color and --color."
    )
    yield _unused("--no-ansi", is_flag=True, help="Accepted.")
    yield _unused("--progress", type=click.Choice(_PROGRESS), envvar="COMPOSE_PROGRESS", help="Accepted.")
    yield _unused("--parallel", callback=_go_integers, multiple=True, metavar="NUMBER", help="Accepted.")
    yield _unused("--verbose", is_flag=True, help="Accepted.")


def _unused(flag: str, **attributes: Any) -> TyperOption:
    return TyperOption(param_decls=[flag], hidden=True, expose_value=False, **attributes)


COLOR_OPTIONS: Final = (
    shared(
        "color",
        "--color/--no-color",
        panel=Panel.DISPLAY,
        help="Colour diagnostics (default: on a terminal).",
    ),
    shared(
        "debug",
        "--debug",
        panel=Panel.DISPLAY,
        is_flag=True,
        help="Show the traceback of an internal error.",
    ),
)
OUTPUT_OPTIONS: Final = (
    shared("quiet", "-q", "--quiet", panel=Panel.DISPLAY, is_flag=True, help="Print errors only."),
    shared("notes", "--notes", panel=Panel.DISPLAY, is_flag=True, help="Print notes and all hints, too."),
    *COLOR_OPTIONS,
)
"""How diagnostics are printed."""


def settings_parameter(setting: Option) -> str:
    """The parameter's name, apart from those of compose's options: `--files` and `-f/--file` are two things."""
    return f"setting_{setting.name}"


def chosen_settings(ctx: click.Context) -> dict[str, Any]:
    """Give the settings that were chosen by options, by name."""
    return settings_flags(chosen(ctx))


def settings_flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the settings out of the values of options."""
    return {
        setting.name: values[settings_parameter(setting)]
        for setting in OPTIONS
        if settings_parameter(setting) in values
    }


def as_chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings by the parameter names of their options: the reverse of `settings_flags`."""
    return {
        settings_parameter(setting): settings[setting.name] for setting in OPTIONS if setting.name in settings
    }


def load_options(ctx: click.Context, **attributes: Any) -> LoadOptions:
    """Make the loader's options from the compose options, the process's surroundings and `attributes`."""
    from compose2fargate.compose.loader import LoadOptions

    names = [option.name for option in COMPOSE_OPTIONS]
    given = {name: value for name, value in chosen(ctx).items() if name in names}
    if old := given.pop("workdir", ""):
        if given.get("project_directory"):
            raise click.UsageError("--workdir is the old name of --project-directory: use only the latter")
        given["project_directory"] = old
    environment = _environment()
    given.setdefault("compose_version", environment.get(_VERSION_VARIABLE, ""))
    return LoadOptions(environment=environment, cwd=_current_directory(), **given, **attributes)


_VERSION_VARIABLE: Final = "COMPOSE2FARGATE_COMPOSE_VERSION"


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
                "the current directory no longer exists",
                hint="cd to another one",
            )
        ) from None
