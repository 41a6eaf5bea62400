"""`compose2fargate logs`: what the services of a stack write, interleaved by time."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Final

import click

from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of, target_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, chosen, load_options, shared
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

DEFAULT_SINCE: Final = "1h"
POLL_SECONDS: Final = 2.0

_OPTIONS = (
    click.Argument(["services"], nargs=-1, metavar="[SERVICE]..."),
    click.Option(["-f", "--follow"], is_flag=True, help="Go on with what is written from now on, until Ctrl-C."),
    click.Option(["--since"], metavar="TIME", help=f"From when on: 10m, 2h30m, 3d, or 2030-01-31T12:00:00Z (default: {DEFAULT_SINCE})."),
    click.Option(["-n", "--tail"], type=click.IntRange(0), metavar="N", help="The last N lines of each; without --since of any age."),
    click.Option(["-t", "--timestamps"], is_flag=True, help="Show when each line was written, in UTC."),
    click.Option(["--tasks"], is_flag=True, help="Show which task wrote each line."),
    click.Option(["--no-log-prefix"], is_flag=True, help="Leave out the name of the service."),
)  # fmt: skip


_COMPOSE = (
    shared("files", "--file", multiple=True, metavar="FILE", help="Compose file; - is stdin; repeatable."),
    *(option for option in COMPOSE_OPTIONS if option.name != "files"),
)
"""The compose options without `-f`, which follows a log as it does with docker compose."""


@click.command("logs", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *_COMPOSE, *OUTPUT_OPTIONS])
@click.pass_context
def command(ctx: click.Context, /, services: tuple[str, ...], **values: Any) -> None:
    """Show what services and jobs write, interleaved by time.

    SERVICE is a name of the compose file, sidecars too; none means all. As with docker compose, -f means --follow after
    `logs`, and --file before it.
    """
    from compose2fargate import deploying, operating

    console = Console.of(ctx)
    since = None if values["since"] is None else moment(values["since"], _now())
    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    log = operating.Log(prepared, services)
    begin = moment(DEFAULT_SINCE, _now()) if since is None else since
    show = Printer(log.services, values, color=_has_color(ctx))
    lines = log.poll(begin) if values["tail"] is None else log.tail(values["tail"], since or 0)
    show.lines(lines)
    if not lines and not values["follow"]:
        console.say(f"nothing was written since {_spelled(begin)}: --since 3d looks further back")
    while values["follow"]:
        time.sleep(POLL_SECONDS)
        show.lines(log.poll())


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
                f"--since {text} is no time",
                hint="--since 10m, 2h30m, 3d, or 2030-01-31T12:00:00Z",
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
    "cyan",
    "yellow",
    "green",
    "magenta",
    "blue",
    "bright_cyan",
    "bright_yellow",
    "bright_green",
)


class Printer:
    """Prints lines behind the names of their services, each service in a colour of its own."""

    def __init__(self, services: Iterable[str], values: dict[str, Any], *, color: bool) -> None:
        names = list(dict.fromkeys(services))
        self._width = max(map(len, names), default=0)
        self._colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
        self._color = color
        self._prefix = not values.get("no_log_prefix")
        self._times, self._tasks = values.get("timestamps"), values.get("tasks")

    def lines(self, lines: Iterable[Any]) -> None:
        """Print lines at once, so that those of a moment are not torn apart."""
        text = "".join(f"{self._line(line)}\n" for line in lines)
        if text:
            write(text)

    def _line(self, line: Any) -> str:
        prefix = ""
        if self._prefix:
            name = line.service + (f"/{line.task[:8]}" if self._tasks else "")
            prefix = f"{name.ljust(self._width)}  | "
            if self._color:
                prefix = click.style(prefix, fg=self._colours.get(line.service))
        when = f"{_stamp(line.at)} " if self._times else ""
        return f"{prefix}{when}{line.text}"


def _stamp(milliseconds: int) -> str:
    at = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
