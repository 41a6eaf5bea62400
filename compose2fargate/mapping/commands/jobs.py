"""Services that run to their end: which they are, and when they run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    EcsParameters,
    FlexibleTimeWindow,
    NetworkConfiguration,
    RunTask,
    Schedule,
    ScheduleTarget,
)
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

SCHEDULE_URL = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
RUN_TASK_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html"

_AWS_EXPRESSION = lazy_pattern(r"(cron|rate|at)\(.+\)")
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def find_jobs(project: Project, groups: TaskGroups) -> Mapping[str, str]:
    """Tell which services are jobs, and why: they become a task to run, not an ECS service."""
    reasons: dict[str, str] = {}
    for service in project.services.values():
        own = options_of(service)
        if own.get("schedule"):
            reasons[service.name] = f"x-fargate.schedule: {own['schedule']}"
        elif own.get("job") is True:
            reasons[service.name] = "x-fargate.job"
        elif service.deploy.mode in ("replicated-job", "global-job"):
            reasons[service.name] = f"deploy.mode is {service.deploy.mode}"
        for dependency in service.depends_on:
            shares = groups.leaders.get(dependency.service) == groups.leaders.get(service.name)
            if dependency.condition == "service_completed_successfully" and not shares:
                reasons.setdefault(dependency.service, f"{service.name} waits until it has completed")
    return {name: reason for name, reason in reasons.items() if name in groups.leaders}


def run_task(task_definition: str, network: NetworkConfiguration) -> RunTask:
    """Give the RunTask input for the task definition with logical id `task_definition`."""
    return RunTask(Ref("cluster", "name"), Ref(task_definition, "family"), network)


def map_schedule(
    stack: str,
    findings: TranslationFindings,
    service: Service,
    task_definition: str,
    network: NetworkConfiguration,
) -> Schedule | None:
    """Give the EventBridge schedule of a service that asks for one."""
    own = options_of(service)
    text = own.get("schedule")
    if not text:
        return None
    path = ("services", service.name, "x-fargate", "schedule")
    result = schedule_expression(str(text))
    if result.problem:
        findings.refuse(
            "C2F270",
            path,
            f"{text!r} is not a schedule: {result.problem}",
            hint="write five crontab fields (30 3 * * *) or an AWS expression: cron(…), rate(…) or at(…)",
            url=SCHEDULE_URL,
        )
        return None
    return Schedule(
        name=ecs_name(f"{stack}-{service.name}", 64),
        schedule_expression=result.text,
        schedule_expression_timezone=str(own.get("timezone") or "UTC"),
        flexible_time_window=FlexibleTimeWindow("OFF"),
        target=ScheduleTarget(
            arn=Ref("cluster", "arn"),
            role_arn=Ref("scheduler-role", "arn"),
            ecs_parameters=EcsParameters(Ref(task_definition, "arn"), "FARGATE", network),
        ),
        description=f"Runs {service.name} of {stack}",
    )


class ScheduleExpression(NamedTuple):
    """A schedule expression for EventBridge, or what is wrong with the text."""

    text: str
    problem: str = ""


def schedule_expression(text: str) -> ScheduleExpression:
    """Convert a crontab line to EventBridge's cron(…); pass cron(…), rate(…) and at(…) on.

    EventBridge counts days of the week from 1 (Sunday), has a year field, and wants `?` in one of the two
    day fields: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    text = text.strip()
    if _AWS_EXPRESSION.fullmatch(text):
        problem = _problem_of_cron(text)
        return ScheduleExpression("" if problem else text, problem)
    fields = _MACROS.get(text.lower(), text).split()
    if len(fields) != 5:
        return ScheduleExpression("", f"a crontab line has five fields, not {len(fields)}")
    *values, weekday = fields
    if values[2] != "*" and weekday != "*":
        return ScheduleExpression("", "EventBridge cannot combine a day of the month with a day of the week")
    spelled = []
    for value, unit in zip(values, _UNITS, strict=True):
        made = _field(value.upper(), unit)
        if made is None:
            return ScheduleExpression(
                "",
                f"{value!r} is not a valid {unit.name}: use {unit.low}-{unit.high}, ranges, lists or steps",
            )
        spelled.append(made)
    days = _weekdays(weekday)
    if days is None:
        return ScheduleExpression("", f"{weekday!r} is not a day of the week")
    minute, hour, day, month = spelled
    return ScheduleExpression(f"cron({minute} {hour} {'?' if weekday != '*' else day} {month} {days} *)")


def _problem_of_cron(text: str) -> str:
    """Say what is wrong with the fields of cron(…), whose wildcards are EventBridge's own; "" for any other expression."""
    if not text.startswith("cron("):
        return ""
    fields = text.removeprefix("cron(").removesuffix(")").split()
    if len(fields) != 6:
        return f"cron(…) has six fields, not {len(fields)}"
    return "" if "?" in (fields[2], fields[4]) else "one of the two day fields must be ?"


class _Unit(NamedTuple):
    """A field of a crontab line: what EventBridge takes in it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_UNITS = (
    _Unit("minute", 0, 59),
    _Unit("hour", 0, 23),
    _Unit("day of the month", 1, 31),
    _Unit("month", 1, 12, _MONTHS),
)
"""Days and months begin with 1, and so do their steps: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html"""


def _field(field: str, unit: _Unit) -> str | None:
    """Spell a field as EventBridge takes it; None where that has no such value."""
    parts = [_part(part, unit) for part in field.split(",")]
    return None if None in parts else ",".join(filter(None, parts))


def _part(part: str, unit: _Unit) -> str | None:
    """Spell one item of a list. A step through a range becomes the values themselves: only a step from a value is documented."""
    match = re.fullmatch(r"(\*|[A-Z]{3}|\d{1,2})(?:-([A-Z]{3}|\d{1,2}))?(?:/(\d{1,2}))?", part)
    if match is None:
        return None
    first, last, step = match.groups()
    start = unit.low if first == "*" else _number(first, unit)
    end = unit.high if last is None else _number(last, unit)
    if start is None or end is None or start > end or (first == "*" and last) or (step and not int(step)):
        return None
    if not step:
        return part
    if not last and int(step) <= unit.high - unit.low:
        return f"{start}/{int(step)}"
    return ",".join(map(str, range(start, end + 1, int(step))))


def _number(text: str, unit: _Unit) -> int | None:
    if text.isdecimal():
        return int(text) if unit.low <= int(text) <= unit.high else None
    return unit.names.index(text) + unit.low if text in unit.names else None


def _weekdays(field: str) -> str | None:
    """Days of the week by name, which crontab and EventBridge number differently."""
    if field == "*":
        return "?"
    names: list[str] = []
    for part in field.upper().split(","):
        days = _weekday_part(part)
        if days is None:
            return None
        names.extend(day for day in days if day not in names)
    return ",".join(names)


def _weekday_part(part: str) -> list[str] | None:
    match = re.fullmatch(r"(\*|[A-Z]{3}|[0-7])(?:-([A-Z]{3}|[0-7]))?(?:/([1-7]))?", part)
    if match is None:
        return None
    first, last, step = match.groups()
    start, end = (0, 6) if first == "*" else (_weekday(first), _weekday(last or first))
    if start is None or end is None:
        return None
    # `0-7` names Sunday twice: the whole week, although both ends are the same day.
    count = 7 if last and last != first and start == end else (end - start) % 7 + 1
    return [_DAYS[(start + offset) % 7] for offset in range(0, count, int(step or 1))]


def _weekday(text: str) -> int | None:
    if text.isdecimal() and len(text) < 5:
        return int(text) % 7
    return _DAYS.index(text) if text in _DAYS else None
