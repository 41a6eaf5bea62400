"""`compose2fargate status`: how the services, jobs, schedules and stores of a stack are."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timezone
from typing import Annotated, Any

import typer

from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.commands import option
from compose2fargate.cli.console import Console, table, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, prepare
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option
from compose2fargate.cli.sandbox_notes import scripted_lines
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import CLEAR, one_line, paint

FINDINGS = 1


@make_command(
    "status",
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate status",
        "compose2fargate status --watch",
        "compose2fargate status --exit-code --format json",
    ),
)
def command(
    ctx: typer.Context,
    *,
    format: Annotated[str, format_option("the status")] = "text",
    watch: Annotated[bool, option("-w", "--watch", panel=Panel.OUTPUT, help="Repeat until Ctrl-C.")] = False,
    interval: Annotated[float, option("--interval", panel=Panel.OUTPUT, min=1, metavar="SECONDS",
        help="How often with --watch (5).")] = 5.0,
    exit_code: Annotated[bool, option("--exit-code", panel=Panel.OUTPUT, help="Exit with 1 when a service is not as wanted.")] = False,
) -> None:  # fmt: skip
    """Show the state of services, jobs and schedules.

    Databases and caches that AWS runs have a table of their own. Nothing is changed. The last run of a job is what ECS
    remembers of it (an hour), what the last apply noted, or the last line of its log.
    """
    from compose2fargate.workflows import operating

    prepared = prepare(ctx, strict=False)
    # On a terminal, what is watched stays in its place.
    top = CLEAR if watch and sys.stdout.isatty() and format == "text" else ""
    while True:
        seen = operating.status(prepared)
        text = as_json(seen) if format == "json" else as_text(seen, _now(), Console.of(ctx))
        notes = (
            scripted_lines(prepared.target.sandbox) if prepared.target.sandbox and format == "text" else []
        )
        write(f"{top}{text}" + "".join(f"{line}\n" for line in notes))
        if not watch:
            break
        time.sleep(interval)
    if exit_code and not seen.good:
        ctx.exit(FINDINGS)


def _now() -> datetime:
    return datetime.now(timezone.utc)


# -- text


def as_text(seen: Any, now: datetime, console: Console) -> str:
    """Lay a status out: a table of services, their last events and addresses, tables of jobs and of stores."""
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
    if seen.stores:
        titles = ("STORE", "ENGINE", "CLASS", "STATE", "ENDPOINT")
        parts.append(table([titles, *(_store_row(one) for one in seen.stores)]))
        waiting = [f"{one.service}: settings that wait for a restart" for one in seen.stores if one.pending]
        parts += ["".join(f"{one_line(line)}\n" for line in waiting)] if waiting else []
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
        lines.append(f"{one.service}: {one.latest} is registered but not deployed")
    if one.event:
        lines.append(f"{one.service}: {one.event} ({ago(one.event_at, now)} ago)")
    return [one_line(line) for line in lines + [f"{one.service}: {url}" for url in one.urls]]


def _job_row(one: Any, now: datetime) -> tuple[str, ...]:
    schedule = f"{one.schedule} ({one.state.lower()})" if one.schedule else "-"
    last = f"{ago(one.last, now)} ago" if one.last else "-"
    return (one.service, one.revision or "-", str(one.running), last, one.outcome or "-", schedule)


def _store_row(one: Any) -> tuple[str, ...]:
    return (one.service, one.engine or "-", one.size or "-", one.state, one.endpoint or "-")


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
    "steady": "32",
    "deploying": "33",
    "failed": "31",
    "not deployed": "31",
    "unhealthy": "31",
    "available": "32",
}


def _coloured(text: str) -> str:
    import re

    words = "|".join(_COLOURS)
    return re.sub(rf"(?<=   )(?:{words})\b", lambda word: paint(_COLOURS[word[0]], word[0]), text)


# -- json


def as_json(seen: Any) -> str:
    """Write a status as one JSON document; times are in UTC."""
    document = {
        "stack": seen.stack,
        "region": seen.region,
        "good": seen.good,
        "services": [_plain(one) for one in seen.services],
        "jobs": [_plain(one) for one in seen.jobs],
        "stores": [_plain(one) for one in seen.stores],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> dict[str, Any]:
    return {name: _spelled(member) for name, member in value._asdict().items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return list(value) if isinstance(value, tuple) else value
