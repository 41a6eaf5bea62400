"""Small helpers for calls of the day-two commands: many at once, and services in groups of ten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compose2fargate.apply import graph
from compose2fargate.apply.account import Account, error_code
from compose2fargate.apply.handlers.core import Json, batches
from compose2fargate.apply.observe import problems
from compose2fargate.apply.places import FindingError, Place
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

READERS = 16


def together(works: Mapping[str, Callable[[], Any]], stop: threading.Event | None = None) -> dict[str, Any]:
    """Call everything at once and give the results by name; `stop` is set on an interrupt.

    Raises:
        AwsError: Something was refused; with every problem.
        KeyboardInterrupt: The user stopped it.
    """
    run = graph.run(dict.fromkeys(works, ()), lambda name: works[name](), workers=READERS, stop=stop)
    if run.interrupted:
        raise KeyboardInterrupt
    if run.failed:
        raise AwsError(problems(run.failed))
    return run.done


_NOT_THERE = frozenset({"ClusterNotFoundException", "ServiceNotFoundException"})


def live_services(account: Account, places: Iterable[Place]) -> dict[str, Json]:
    """Read the services that run, by compose name; those that are not there are left out."""
    found: dict[str, Json] = {}
    clusters: dict[str, dict[str, str]] = {}
    for place in places:
        if place.name:
            clusters.setdefault(place.cluster, {})[place.name] = place.service
    for cluster, names in clusters.items():
        for batch in batches(names, 10):
            for service in _describe(account, cluster, batch):
                if service["status"] == "ACTIVE":
                    found[names[service["serviceName"]]] = service
    return found


def _describe(account: Account, cluster: str, names: list[str]) -> list[Json]:
    try:
        services: list[Json] = account.client("ecs").describe_services(cluster=cluster, services=names)[
            "services"
        ]
    except account.client_error as error:
        if error_code(error) in _NOT_THERE:
            return []
        raise
    return services


def tasks_of(account: Account, cluster: str, **which: str) -> list[Json]:
    """Give up to 100 tasks, described; none where there is no such cluster or service."""
    ecs = account.client("ecs")
    try:
        arns = ecs.list_tasks(cluster=cluster, **which)["taskArns"][:100]
    except account.client_error as error:
        if error_code(error) in _NOT_THERE:
            return []
        raise
    tasks: list[Json] = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return tasks


def not_deployed(stack: Stack, service: str) -> FindingError:
    """Say that a service is not there yet."""
    return FindingError(
        Diagnostic(
            "C2F482",
            Severity.ERROR,
            f"{service} of {stack.name} is not deployed here",
            hint="compose2fargate apply; --environment, --region and --aws-profile say where to look",
        )
    )


def short(arn: str) -> str:
    """Give what an ARN ends with: a task's id, `family:revision`."""
    return arn.rpartition("/")[2]
