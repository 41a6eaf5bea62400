"""`compose2fargate logs`: what the services of a stack write, interleaved by time."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Annotated, Any, Final

import click
import typer

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services as complete_services
from compose2fargate.cli.console import Console, write, write_exact
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, prepare
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, chosen, shared
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import paint

DEFAULT_SINCE: Final = "1h"
POLL_SECONDS: Final = 2.0

_COMPOSE: Final = (
    shared(
        "files",
        "--file",
        panel=Panel.PROJECT,
        multiple=True,
        metavar="FILE",
        help="Compose file; - is stdin; repeatable.",
    ),
    *(option for option in COMPOSE_OPTIONS if option.name != "files"),
)
"""The compose options without `-f`, which follows a log as it does with docker compose."""


class Look(NamedTuple):
    """How lines are shown."""

    prefix: bool = True
    times: bool = False
    tasks: bool = False
    raw: bool = False


@make_command(
    "logs",
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK),
    *_COMPOSE,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate logs -f web",
        "compose2fargate logs --since 2h30m --timestamps",
        "compose2fargate logs -n 20 --tasks web worker",
    ),
)
def command(
    ctx: typer.Context,
    *,
    services: Annotated[list[str] | None, argument("[SERVICE]...", "Names of the compose file.", autocompletion=complete_services)] = None,
    follow: Annotated[bool, option("-f", "--follow", panel=Panel.OUTPUT,
        help="Follow the log until Ctrl-C.")] = False,
    since: Annotated[str | None, option("--since", panel=Panel.OUTPUT, metavar="TIME",
        help=f"From when on: 10m, 2h30m, 3d, or 2030-01-31T12:00:00Z (default: {DEFAULT_SINCE}).")] = None,
    tail: Annotated[str | None, option("-n", "--tail", panel=Panel.OUTPUT, metavar="N",
        help="The last N lines of each, or all; without --since of any age.")] = None,
    timestamps: Annotated[bool, option("-t", "--timestamps", panel=Panel.DISPLAY, help="Show when each line was written, in UTC.")] = False,
    tasks: Annotated[bool, option("--tasks", panel=Panel.DISPLAY, help="Show which task wrote each line.")] = False,
    no_log_prefix: Annotated[bool, option("--no-log-prefix", panel=Panel.DISPLAY, help="Leave out the name of the service.")] = False,
    raw: Annotated[bool, option("--raw", panel=Panel.DISPLAY,
        help="Pass control characters and colours on to the terminal, as they were written.")] = False,
) -> None:  # fmt: skip
    """Show the logs of services and jobs, interleaved by time.

    SERVICE is a name of the compose file, sidecars too; none means all. As with docker compose, -f means --follow after
    `logs`, and --file before it.
    """
    from compose2fargate.workflows import operating

    console = Console.of(ctx)
    given = None if since is None else moment(since, _now())
    count = _count(tail)
    _refuse_files(services or ())
    prepared = prepare(ctx, strict=False)
    log = operating.ServiceLogs(prepared, tuple(services or ()))
    begin = moment(DEFAULT_SINCE, _now()) if given is None else given
    look = Look(prefix=not no_log_prefix, times=timestamps, tasks=tasks, raw=raw)
    show = Printer(log.services, look, color=_has_color(ctx))
    if tail == _ALL and given is None:
        begin = 0
    lines = log.poll(begin) if count is None else log.tail(count, given or 0)
    show.lines(lines)
    if not lines and not follow:
        console.say(f"nothing was written since {_spelled(begin)}: --since 3d looks further back")
    while follow:
        time.sleep(POLL_SECONDS)
        show.lines(log.poll())


_ALL: Final = "all"


def _count(tail: str | None) -> int | None:
    """Read how many lines are asked for; None for all."""
    if tail is None or tail == _ALL:
        return None
    if not re.fullmatch("[0-9]{1,9}", tail):
        raise click.BadParameter(f"{tail!r} is neither a number nor all.", param_hint="'-n' / '--tail'")
    return int(tail)


def _refuse_files(services: Iterable[str]) -> None:
    """Refuse a compose file where services are named: `-f` means another thing before the command."""
    for name in services:
        if name.endswith((".yaml", ".yml")):
            raise click.UsageError(
                f"{name} is not a service: -f after logs follows the log. The file is --file {name}, or -f {name} before logs."
            )


def _now() -> datetime:
    return datetime.now(timezone.utc)


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str, now: datetime) -> int:
    """Read a time, a span before now (`10m`, `2h30m`) or a date, as milliseconds since 1970.

    Raises:
        UsageError: It is neither.
    """
    parts = re.findall(r"(\d+)([smhdw])", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return int((now.timestamp() - sum(int(number) * _UNITS[unit] for number, unit in parts)) * 1000)
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        raise UsageError(
            Diagnostic(
                "C2F491",
                Severity.ERROR,
                f"--since {text} is not a time",
                hint="use --since 10m, 2h30m, 3d, or 2030-01-31T12:00:00Z",
            )
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def _spelled(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def _has_color(ctx: click.Context) -> bool:
    """Tell whether lines are coloured: they go to stdout, so it is stdout that has to be a terminal."""
    asked = chosen(ctx).get("color")
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return (sys.stdout.isatty() and not plain) if asked is None else bool(asked)


_COLOURS: Final = (
    "36",
    "33",
    "32",
    "35",
    "34",
    "96",
    "93",
    "92",
)


class Printer:
    """Prints lines behind the names of their services, each service in a colour of its own."""

    def __init__(self, services: Iterable[str], look: Look = Look(), *, color: bool) -> None:  # noqa: B008 - frozen
        names = list(dict.fromkeys(services))
        self._width = max(map(len, names), default=0)
        self._colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
        self._color = color
        self._look = look

    def lines(self, lines: Iterable[Any]) -> None:
        """Print lines at once, so that those of a moment are not torn apart."""
        text = "".join(f"{self._line(line)}\n" for line in lines)
        if text:
            (write_exact if self._look.raw else write)(text)

    def _line(self, line: Any) -> str:
        prefix = ""
        if self._look.prefix:
            name = line.service + (f"/{line.task[:8]}" if self._look.tasks else "")
            prefix = f"{name.ljust(self._width)}  | "
            if self._color and not self._look.raw:
                prefix = paint(self._colours.get(line.service, "0"), prefix)
        when = f"{_stamp(line.at)} " if self._look.times else ""
        return f"{prefix}{when}{line.text if self._look.raw else line.text.rstrip(chr(13))}"


def _stamp(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
