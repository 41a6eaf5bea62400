"""Services that run to their end: which they are, and when they run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from compose2fargate.aws.resources import (
    EcsParameters,
    FlexibleTimeWindow,
    NetworkConfiguration,
    RunTask,
    Schedule,
    ScheduleTarget,
)
from compose2fargate.aws.values import Ref
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.grouping import Groups
from compose2fargate.mapping.names import ecs_name

SCHEDULE_URL = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"
RUN_TASK_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/standalone-tasks.html"

_AWS_EXPRESSION = re.compile(r"(cron|rate|at)\(.+\)")
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


def find_jobs(project: Project, groups: Groups) -> Mapping[str, str]:
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


def schedule(
    ctx: Context, service: Service, task_definition: str, network: NetworkConfiguration
) -> Schedule | None:
    """Give the EventBridge schedule of a service that asks for one."""
    own = options_of(service)
    text = own.get("schedule")
    if not text:
        return None
    path = ("services", service.name, "x-fargate", "schedule")
    result = expression(str(text))
    if result.problem:
        ctx.refuse(
            "C2F270",
            path,
            f"{text!r} is no schedule: {result.problem}",
            hint="write five crontab fields (30 3 * * *), or cron(…), rate(…), at(…) as AWS does",
            url=SCHEDULE_URL,
        )
        return None
    return Schedule(
        name=ecs_name(f"{ctx.stack}-{service.name}", 64),
        schedule_expression=result.text,
        schedule_expression_timezone=str(own.get("timezone") or "UTC"),
        flexible_time_window=FlexibleTimeWindow("OFF"),
        target=ScheduleTarget(
            arn=Ref("cluster", "arn"),
            role_arn=Ref("scheduler-role", "arn"),
            ecs_parameters=EcsParameters(Ref(task_definition, "arn"), "FARGATE", network),
        ),
        description=f"Runs {service.name} of {ctx.stack}",
    )


class Expression(NamedTuple):
    """A schedule expression for EventBridge, or what is wrong with the text."""

    text: str
    problem: str = ""


def expression(text: str) -> Expression:
    """Convert a crontab line to EventBridge's cron(…); pass cron(…), rate(…) and at(…) on.

    EventBridge counts days of the week from 1 (Sunday), has a year field, and wants `?` in one of the two
    day fields: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    text = text.strip()
    if _AWS_EXPRESSION.fullmatch(text):
        return Expression(text)
    fields = _MACROS.get(text.lower(), text).split()
    if len(fields) != 5:
        return Expression("", f"a crontab line has five fields, this has {len(fields)}")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        return Expression("", "EventBridge cannot combine a day of the month with a day of the week")
    for value, low, high in ((minute, 0, 59), (hour, 0, 23), (day, 1, 31)):
        if not _numbers_within(value, low, high):
            return Expression("", f"{value!r} is outside {low}-{high}")
    days = _weekdays(weekday)
    if days is None:
        return Expression("", f"{weekday!r} is no day of the week")
    day = "?" if weekday != "*" else day
    return Expression(f"cron({_step(minute)} {_step(hour)} {_step(day)} {_step(month.upper())} {days} *)")


def _numbers_within(field: str, low: int, high: int) -> bool:
    """Whether a field is made of numbers in range, lists, ranges, steps and stars."""
    pattern = r"(\*|\d+(-\d+)?)(/\d+)?"
    parts = field.split(",")
    if not all(re.fullmatch(pattern, part) for part in parts):
        return False
    return all(low <= int(n) <= high for part in parts for n in re.findall(r"\d+", part.split("/")[0]))


def _step(field: str) -> str:
    """`*/15` is `0/15` to EventBridge."""
    return re.sub(r"\*/", "0/", field)


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
    if text.isdigit():
        return int(text) % 7
    return _DAYS.index(text) if text in _DAYS else None
