"""Small helpers for calls of the day-two commands: many at once, and services in groups of ten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compose2fargate.apply.aws_client.account import AwsAccount, error_code
from compose2fargate.apply.day_two.aws_names import DeployedService, StateFindingError
from compose2fargate.apply.deployment import concurrent_graph
from compose2fargate.apply.deployment.read_state import read_problems
from compose2fargate.apply.handlers.handler import Json, batches
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

READERS = 16


def call_all(works: Mapping[str, Callable[[], Any]], stop: threading.Event | None = None) -> dict[str, Any]:
    """Call everything at once and give the results by name; `stop` is set on an interrupt.

    Raises:
        AwsError: Something was refused; with every problem.
        KeyboardInterrupt: The user stopped it.
    """
    run = concurrent_graph.run_graph(
        dict.fromkeys(works, ()), lambda name: works[name](), workers=READERS, stop=stop
    )
    if run.interrupted:
        raise KeyboardInterrupt
    if run.failed:
        raise AwsError(read_problems(run.failed))
    return run.done


_NOT_THERE = frozenset({"ClusterNotFoundException", "ServiceNotFoundException"})


def live_services(account: AwsAccount, places: Iterable[DeployedService]) -> dict[str, Json]:
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


def _describe(account: AwsAccount, cluster: str, names: list[str]) -> list[Json]:
    try:
        services: list[Json] = account.client("ecs").describe_services(cluster=cluster, services=names)[
            "services"
        ]
    except account.client_error as error:
        if error_code(error) in _NOT_THERE:
            return []
        raise
    return services


def tasks_of(account: AwsAccount, cluster: str, **which: str) -> list[Json]:
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


def not_deployed(stack: Stack, service: str) -> StateFindingError:
    """Say that a service is not there yet."""
    return StateFindingError(
        Diagnostic(
            "C2F482",
            Severity.ERROR,
            f"{service} of {stack.name} is not deployed here",
            hint="deploy it: compose2fargate apply; or look elsewhere: --environment, --region, --aws-profile",
        )
    )


def short_arn(arn: str) -> str:
    """Give what an ARN ends with: a task's id, `family:revision`."""
    return arn.rpartition("/")[2]
