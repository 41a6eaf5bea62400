"""Commands as typer makes them from functions, and what ours add to that.

The signature of a function declares the options that its command alone has. Options that commands share, and those that are
made from tables, are values (`options.py`, `settings_options.py`, `deploy_options.py`): a command names the groups that it
takes, and what was chosen is found in `chosen(ctx)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from copy import copy
from typing import Any, Final

import click
import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from compose2fargate.settings import Panel

_PANELS: Final = [title for name, title in vars(Panel).items() if name.isupper()]


def option(*flags: str, panel: str, help: str, **attributes: Any) -> Any:
    """Declare an option of one command, in `Annotated`; the help says the default, in words."""
    return typer.Option(*flags, rich_help_panel=panel, help=help, show_default=False, **attributes)


def argument(metavar: str, help: str, **attributes: Any) -> Any:
    """Declare an argument, in `Annotated`."""
    return typer.Argument(metavar=metavar, help=help, show_default=False, **attributes)


class _WithHelp(click.Command):
    """What commands and groups have alike: the help, which typer lays out with rich."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Give `--help`, in the last panel."""
        found = super().get_help_option(ctx)
        if found is not None:
            vars(found)["rich_help_panel"] = Panel.DISPLAY
        return found

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the help.

        Raises:
            BrokenPipeError: The reader has closed its end.
        """
        shown = copy(self)
        shown.params = [_stacked(param) for param in self.params]
        try:
            super(_WithHelp, shown).format_help(ctx, formatter)
        except SystemExit:  # rich ends the program then, with a code that means something else here
            raise BrokenPipeError from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; where a group is told no command, the help is an error, and goes to stderr."""
        if args or not self.no_args_is_help or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        with redirect_stdout(sys.stderr):
            raise click.exceptions.NoArgsIsHelpError(ctx)


class Command(_WithHelp, TyperCommand):
    """A command."""


class CommandGroup(_WithHelp, TyperGroup):
    """A command that has commands."""


def command(
    name: str, *options: click.Parameter, examples: Iterable[str] = ()
) -> Callable[[Callable[..., None]], click.Command]:
    """Make the decorated function a command.

    Args:
        name: What the user types.
        options: The shared and generated options that it takes.
        examples: Command lines that the help shows.
    """

    def make(function: Callable[..., None]) -> click.Command:
        app = typer.Typer(add_completion=False)
        app.command(name, cls=Command, help=_help(function, examples))(function)
        return _taking(get_command(app), options)

    return make


def command_group(
    name: str,
    *options: click.Parameter,
    examples: Iterable[str] = (),
    kind: type[CommandGroup] = CommandGroup,
    **attributes: Any,
) -> Callable[[Callable[..., None]], CommandGroup]:
    """Make the decorated function a command that has commands, which are added to it; see `command`.

    Args:
        name: What the user types.
        options: As of `command`; they stand before the subcommand.
        examples: As of `command`.
        kind: The class of the group.
        attributes: Those of `typer.Typer`.
    """

    def make(function: Callable[..., None]) -> CommandGroup:
        app = typer.Typer(add_completion=False)
        app.callback(cls=kind, help=_help(function, examples), **attributes)(function)
        made = _taking(get_command(app), options)
        assert isinstance(made, CommandGroup)  # noqa: S101 - typer makes what `cls` says
        made.name = name
        return made

    return make


def _taking(made: click.Command, options: Iterable[click.Parameter]) -> click.Command:
    made.params = _in_panels([*made.params, *options])
    return made


def _stacked(param: click.Parameter) -> click.Parameter:
    """Put the negative name of a switch below the other: a column of its own leaves no room for the texts."""
    if not param.secondary_opts:
        return param
    shown = copy(param)
    shown.opts, shown.secondary_opts = ["\n".join((*param.opts, *param.secondary_opts))], []
    return shown


def _in_panels(params: Iterable[click.Parameter]) -> list[click.Parameter]:
    """Sort options by the order of their panels, which is the order in which `--help` shows these."""
    return sorted(params, key=_place)


def _place(param: click.Parameter) -> int:
    title = getattr(param, "rich_help_panel", None)
    return _PANELS.index(title) if title in _PANELS else -1


def _help(function: Callable[..., None], examples: Iterable[str]) -> str:
    """Give a docstring as paragraphs of one line each, which the terminal's width wraps, and the examples below."""
    paragraphs = [" ".join(part.split()) for part in (function.__doc__ or "").split("\n\n")]
    shown = "\n".join(("Examples:", *(f"$ {line}" for line in examples))) if examples else ""
    return "\n\n".join(filter(None, (*paragraphs, shown)))
