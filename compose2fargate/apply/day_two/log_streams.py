"""Reads what containers wrote to CloudWatch Logs: several services, by time, once or as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, error_code, translated_errors
from compose2fargate.apply.day_two.aws_names import (
    LogSource,
    StateFindingError,
    deployed_services,
    log_sources,
    no_such,
    other_log_drivers,
)
from compose2fargate.apply.day_two.ecs_reads import call_all
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.records import NamedTuple

LATE_MS: Final = 30_000
"""How late an event may come and still be shown: the agent sends in batches, and CloudWatch takes its time."""
STREAMS: Final = 10
"""How many of the newest streams (tasks) are looked into for the last lines of a service."""


class LogLine(NamedTuple):
    """A line of a log.

    Attributes:
        at: When it was written, in milliseconds since 1970.
        service: The service of the compose file.
        task: The task's id.
        text: What was written.
        container: The container that wrote it; helpers of a service write to its log, too.
    """

    at: int
    service: str
    task: str
    text: str
    container: str = ""


def _by_time(lines: Iterable[LogLine]) -> list[LogLine]:
    """Put the oldest first; lines of one moment stay as they are, for they may be of one message."""
    return sorted(lines, key=lambda line: line.at)


def choose_log_sources(stack: Stack, names: Iterable[str]) -> list[LogSource]:
    """Give where the services `names` write; all services when none is named.

    Raises:
        UsageError: There is no such service.
        FindingError: A named service does not write to CloudWatch Logs.
    """
    known = log_sources(stack)
    names = list(dict.fromkeys(names))
    if not names:
        return known
    there = {source.service for source in known}
    away = [name for name in names if name not in there]
    for name in away:
        driver = _driver(stack, name)
        if driver is None:
            raise UsageError(no_such(name, sorted(there), stack))
        raise StateFindingError(_not_here(name, driver))
    return [source for source in known if source.service in names]


def _driver(stack: Stack, name: str) -> str | None:
    place = deployed_services(stack).get(name)
    drivers = other_log_drivers(stack)
    return drivers.get(place.container if place else name)


def _not_here(name: str, driver: str) -> Diagnostic:
    where = f"goes through the log driver {driver}" if driver else "is discarded (logging.driver: none)"
    return Diagnostic(
        "C2F485",
        Severity.ERROR,
        f"what {name} writes {where} and is not in CloudWatch Logs",
        hint="send it there: --logs awslogs" if driver else "remove logging: from the compose file",
    )


def _read_lines(account: AwsAccount, chosen: Iterable[LogSource], since: int) -> list[LogLine]:
    """Read all lines since then (milliseconds), the oldest first.

    Raises:
        AwsError: CloudWatch refuses.
    """
    return LogFollower(account, chosen, since).poll()


class LogFollower:
    """Gives the lines that are new each time; what comes late is not left out, and nothing is given twice.

    Args:
        account: Where to look.
        chosen: What to look at.
        since: From when on, in milliseconds.
        task: Only the streams of this task; "" for all.
    """

    def __init__(self, account: AwsAccount, chosen: Iterable[LogSource], since: int, task: str = "") -> None:
        self._account, self._task = account, task
        self._since = dict.fromkeys(chosen, since)
        self._seen: dict[LogSource, dict[tuple[str, str], int]] = {source: {} for source in self._since}

    def skip(self, lines: Iterable[LogLine]) -> None:
        """Take lines as given already."""
        last = {(line.service, line.container): line.at + 1 for line in _by_time(lines)}
        self._since = {s: max(at, last.get((s.service, s.container), at)) for s, at in self._since.items()}

    def poll(self) -> list[LogLine]:
        """Read what is new, the oldest first."""
        with translated_errors("reading logs"):
            new = call_all(
                {str(index): partial(self._new, source) for index, source in enumerate(self._since)}
            )
        return _by_time(line for lines in new.values() for line in lines)

    def _new(self, source: LogSource) -> list[LogLine]:
        seen = self._seen[source]
        begin = max(self._since[source], max(seen.values(), default=0) - LATE_MS)
        lines = []
        for event in _events(self._account, source, begin, f"{source.streams}{self._task}"):
            key = (event["logStreamName"], event["eventId"])
            if key not in seen:
                seen[key] = event["timestamp"]
                lines += _lines(source, event, event["logStreamName"])
        oldest = max(seen.values(), default=0) - 2 * LATE_MS
        self._seen[source] = {key: at for key, at in seen.items() if at >= oldest}
        return lines


def _events(account: AwsAccount, source: LogSource, since: int, streams: str) -> Iterator[Any]:
    """Give the events of all streams whose names begin with `streams`; none where there is no such group."""
    pages = account.client("logs").get_paginator("filter_log_events")
    try:
        for page in pages.paginate(
            logGroupName=source.group, logStreamNamePrefix=streams, startTime=max(0, since)
        ):
            yield from (e for e in page["events"] if e["logStreamName"].startswith(streams))
    except account.client_error as error:
        if error_code(error) != "ResourceNotFoundException":
            raise


def _lines(source: LogSource, event: Any, stream: str) -> list[LogLine]:
    task = stream.rpartition("/")[2]
    texts = str(event["message"]).rstrip("\n").split("\n")
    return [
        LogLine(event["timestamp"], source.service, task, text.rstrip("\r"), source.container)
        for text in texts
    ]


def tail_lines(account: AwsAccount, chosen: Iterable[LogSource], count: int, since: int = 0) -> list[LogLine]:
    """Read the last `count` lines of each service, the oldest first.

    Raises:
        AwsError: CloudWatch refuses.
    """
    with translated_errors("reading logs"):
        read = call_all({str(i): partial(_last, account, s, count, since) for i, s in enumerate(chosen)})
    return _by_time(line for lines in read.values() for line in lines)


def _last(account: AwsAccount, source: LogSource, count: int, since: int) -> list[LogLine]:
    if not count:
        return []
    client = account.client("logs")
    try:
        streams = client.describe_log_streams(
            logGroupName=source.group, orderBy="LastEventTime", descending=True, limit=50
        )["logStreams"]
    except account.client_error as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return []
    names = [one["logStreamName"] for one in streams if one["logStreamName"].startswith(source.streams)]
    lines = []
    for name in names[:STREAMS]:
        given = {"logGroupName": source.group, "logStreamName": name, "limit": min(count, 10_000)}
        events = client.get_log_events(**given, startFromHead=False, startTime=max(0, since))["events"]
        lines += [line for event in events for line in _lines(source, event, name)]
    return _by_time(lines)[-count:]
