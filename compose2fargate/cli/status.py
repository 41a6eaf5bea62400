"""`compose2fargate status`: how the services, jobs and schedules of a stack are."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timezone
from typing import Any

import click

from compose2fargate.cli.console import Console, standard_input, table, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of, target_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS

FINDINGS = 1

_OPTIONS = (
    format_option("the status"),
    click.Option(["-w", "--watch"], is_flag=True, help="Show it again and again, until Ctrl-C."),
    click.Option(["--interval"], type=click.FloatRange(1), default=5.0, metavar="SECONDS", help="How often with --watch (5)."),
    click.Option(["--exit-code"], is_flag=True, help="Exit with 1 when a service is not as it is to be."),
)  # fmt: skip


@click.command(
    "status", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Show how services, jobs and schedules are.

    Nothing is changed. The last run of a job is what ECS remembers of it (an hour), what the last apply noted, or the
    last line of its log.
    """
    from compose2fargate import deploying, operating

    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    while True:
        seen = operating.status(prepared)
        text = as_json(seen) if values["format"] == "json" else as_text(seen, _now(), Console.of(ctx))
        write(f"{_top(values)}{text}")
        if not values["watch"]:
            break
        time.sleep(values["interval"])
    if values["exit_code"] and not seen.good:
        ctx.exit(FINDINGS)


def _top(values: dict[str, Any]) -> str:
    """On a terminal, begin at its top: what is watched is to stay in its place."""
    return "\033[H\033[2J" if values["watch"] and sys.stdout.isatty() and values["format"] == "text" else ""


def _now() -> datetime:
    return datetime.now(timezone.utc)


# -- text


def as_text(seen: Any, now: datetime, console: Console) -> str:
    """Lay a status out: a table of services, their last events and addresses, a table of jobs."""
    parts = []
    if seen.services:
        head = ("SERVICE", "DESIRED", "RUNNING", "PENDING", "REVISION", "HEALTH", "STATE", "SINCE")
        parts.append(table([head, *(_service_row(one, now) for one in seen.services)]))
    notes = [line for one in seen.services for line in _notes(one, now)]
    if notes:
        parts.append("".join(f"{line}\n" for line in notes))
    if seen.jobs:
        columns = ("JOB", "REVISION", "RUNNING", "LAST RUN", "ENDED", "SCHEDULE")
        parts.append(table([columns, *(_job_row(one, now) for one in seen.jobs)]))
    text = "\n".join(parts) or f"{seen.stack} has no services and no jobs\n"
    return _coloured(text) if console.color and sys.stdout.isatty() else text


def _service_row(one: Any, now: datetime) -> tuple[str, ...]:
    counts = (one.desired, one.running, one.pending) if one.revision else ("-", "-", "-")
    return (
        one.service,
        *map(str, counts),
        one.revision or "-",
        one.health,
        one.state,
        ago(one.since, now),
    )


def _notes(one: Any, now: datetime) -> list[str]:
    lines = []
    if one.latest:
        lines.append(f"{one.service}: {one.latest} is registered, and does not serve")
    if one.event:
        lines.append(f"{one.service}: {one.event} ({ago(one.event_at, now)} ago)")
    return lines + [f"{one.service}: {url}" for url in one.urls]


def _job_row(one: Any, now: datetime) -> tuple[str, ...]:
    schedule = f"{one.schedule} ({one.state.lower()})" if one.schedule else "-"
    last = f"{ago(one.last, now)} ago" if one.last else "-"
    return (one.service, one.revision or "-", str(one.running), last, one.outcome or "-", schedule)


def ago(at: datetime | None, now: datetime) -> str:
    """Say how long ago something was, in its largest unit: `3 h`."""
    if at is None:
        return "-"
    seconds = max(0, int((now - at).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


_COLOURS = {
    "steady": "green",
    "deploying": "yellow",
    "failed": "red",
    "not deployed": "red",
    "unhealthy": "red",
}


def _coloured(text: str) -> str:
    import re

    words = "|".join(_COLOURS)
    return re.sub(rf"(?<=   )(?:{words})\b", lambda word: click.style(word[0], fg=_COLOURS[word[0]]), text)


# -- json


def as_json(seen: Any) -> str:
    """Write a status as one JSON document; times are in UTC."""
    document = {
        "stack": seen.stack,
        "region": seen.region,
        "good": seen.good,
        "services": [_plain(one) for one in seen.services],
        "jobs": [_plain(one) for one in seen.jobs],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> dict[str, Any]:
    return {name: _spelled(member) for name, member in value._asdict().items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return list(value) if isinstance(value, tuple) else value
