"""Reads what containers wrote to CloudWatch Logs: several services, by time, once or as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from compose2fargate.apply.account import Account, error_code, translated
from compose2fargate.apply.calling import together
from compose2fargate.apply.places import FindingError, Source, elsewhere, no_such, places, sources
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

LATE_MS: Final = 30_000
"""How late an event may come and still be shown: the agent sends in batches, and CloudWatch takes its time."""
STREAMS: Final = 10
"""How many of the newest streams (tasks) are looked into for the last lines of a service."""


class Line(NamedTuple):
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


def by_time(lines: Iterable[Line]) -> list[Line]:
    """Put the oldest first; lines of one moment stay as they are, for they may be of one message."""
    return sorted(lines, key=lambda line: line.at)


def choose(stack: Stack, names: Iterable[str]) -> list[Source]:
    """Give where the services `names` write; all services when none is named.

    Raises:
        UsageError: There is no such service.
        FindingError: A named service does not write to CloudWatch Logs.
    """
    known = sources(stack)
    names = list(dict.fromkeys(names))
    if not names:
        return known
    there = {source.service for source in known}
    away = [name for name in names if name not in there]
    for name in away:
        driver = _driver(stack, name)
        if driver is None:
            raise UsageError(no_such(name, sorted(there), stack))
        raise FindingError(_not_here(name, driver))
    return [source for source in known if source.service in names]


def _driver(stack: Stack, name: str) -> str | None:
    place = places(stack).get(name)
    drivers = elsewhere(stack)
    return drivers.get(place.container if place else name)


def _not_here(name: str, driver: str) -> Diagnostic:
    where = f"goes through the log driver {driver}" if driver else "is thrown away (logging.driver: none)"
    return Diagnostic(
        "C2F485",
        Severity.ERROR,
        f"what {name} writes {where}, and is not in CloudWatch Logs",
        hint="--logs awslogs sends it there" if driver else "leave logging: out in the compose file",
    )


def read(account: Account, chosen: Iterable[Source], since: int) -> list[Line]:
    """Read all lines since then (milliseconds), the oldest first.

    Raises:
        AwsError: CloudWatch refuses.
    """
    return Follower(account, chosen, since).poll()


class Follower:
    """Gives the lines that are new each time; what comes late is not left out, and nothing is given twice.

    Args:
        account: Where to look.
        chosen: What to look at.
        since: From when on, in milliseconds.
        task: Only the streams of this task; "" for all.
    """

    def __init__(self, account: Account, chosen: Iterable[Source], since: int, task: str = "") -> None:
        self._account, self._task = account, task
        self._since = dict.fromkeys(chosen, since)
        self._seen: dict[Source, dict[tuple[str, str], int]] = {source: {} for source in self._since}

    def skip(self, lines: Iterable[Line]) -> None:
        """Take lines as given already."""
        last = {(line.service, line.container): line.at + 1 for line in by_time(lines)}
        self._since = {s: max(at, last.get((s.service, s.container), at)) for s, at in self._since.items()}

    def poll(self) -> list[Line]:
        """Read what is new, the oldest first."""
        with translated("reading logs"):
            new = together(
                {str(index): partial(self._new, source) for index, source in enumerate(self._since)}
            )
        return by_time(line for lines in new.values() for line in lines)

    def _new(self, source: Source) -> list[Line]:
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


def _events(account: Account, source: Source, since: int, streams: str) -> Iterator[Any]:
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


def _lines(source: Source, event: Any, stream: str) -> list[Line]:
    task = stream.rpartition("/")[2]
    texts = str(event["message"]).rstrip("\n").split("\n")
    return [
        Line(event["timestamp"], source.service, task, text.rstrip("\r"), source.container) for text in texts
    ]


def tail(account: Account, chosen: Iterable[Source], count: int, since: int = 0) -> list[Line]:
    """Read the last `count` lines of each service, the oldest first.

    Raises:
        AwsError: CloudWatch refuses.
    """
    with translated("reading logs"):
        read = together({str(i): partial(_last, account, s, count, since) for i, s in enumerate(chosen)})
    return by_time(line for lines in read.values() for line in lines)


def _last(account: Account, source: Source, count: int, since: int) -> list[Line]:
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
    return by_time(lines)[-count:]
