"""In which order services and jobs are deployed, from `depends_on`.

ECS itself knows no order between services: it is kept while deploying, and never again. Services of one task wait for each
other as containers do, so only what crosses tasks counts here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.stack import After
from compose2fargate.compose.model import Service
from compose2fargate.mapping.context import Context, options_of

ORDER_URL = f"{DOCS}/ecs_services.html"
_CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}
_STRICTER = ("started", "healthy", "completed")


class Order(NamedTuple):
    """The leading services of all tasks, each after what it waits for; and what that is, with the condition."""

    leaders: tuple[Service, ...]
    waits: Mapping[str, Mapping[str, str]]


def find_order(ctx: Context) -> Order:
    """Order the tasks of a project; otherwise by name.

    Services never depend on each other in a circle (the loader refuses it), but tasks can: two services in one task may be
    on both sides of a third. The wait that closes the circle is dropped, and reported.
    """
    waits = {leader: _waits(ctx, leader) for leader in ctx.groups.members}
    ordered: dict[str, None] = {}
    for first in waits:
        waiting = {first: None}
        while waiting:
            current = next(reversed(waiting))
            for other in sorted(set(waits[current]) & set(waiting)):
                del waits[current][other]
                _report_circle(ctx, current, other)
            missing = sorted(other for other in waits[current] if other not in ordered)
            if missing:
                waiting[missing[0]] = None
            else:
                ordered.setdefault(current)
                del waiting[current]
    return Order(tuple(ctx.project.services[name] for name in ordered), waits)


def _waits(ctx: Context, leader: str) -> dict[str, str]:
    """The other tasks that a task waits for. What an init container needs, each task needs that it runs in."""
    found: dict[str, str] = {}
    for target, condition in _targets(ctx, ctx.groups.members[leader], set()):
        if target != leader:
            found[target] = max(found.get(target, "started"), condition, key=_STRICTER.index)
    return found


def _targets(ctx: Context, names: tuple[str, ...], seen: set[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for dependency in ctx.project.services[name].depends_on:
            other = dependency.service
            if other in ctx.groups.inits and other not in seen:
                seen.add(other)
                yield from _targets(ctx, (other,), seen)
            elif other in ctx.groups.leaders and not _is_scheduled(ctx, other):
                yield ctx.groups.leaders[other], _CONDITIONS[dependency.condition]


def _is_scheduled(ctx: Context, name: str) -> bool:
    """What runs by the clock is nothing to wait for."""
    return bool(options_of(ctx.project.services[ctx.groups.leaders[name]]).get("schedule"))


def _report_circle(ctx: Context, current: str, other: str) -> None:
    ctx.warn(
        "C2F506",
        ("services", current, "depends_on"),
        f"{current} does not wait for {other}: the tasks that they are part of would wait for each other",
        hint="put the services of the circle into one task (x-fargate.sidecar_of), or remove one dependency",
        url=ORDER_URL,
    )


def after(ctx: Context, order: Order) -> dict[str, tuple[After, ...]]:
    """Give what each service or job waits for, by logical id."""
    return {
        logical_id(ctx, leader): tuple(
            sorted(After(logical_id(ctx, other), condition) for other, condition in waits.items())
        )
        for leader, waits in order.waits.items()
        if waits
    }


def logical_id(ctx: Context, leader: str) -> str:
    """Give the logical id of what runs the task of a leading service."""
    return f"{'run-task' if leader in ctx.jobs else 'service'}/{ctx.names[leader]}"
