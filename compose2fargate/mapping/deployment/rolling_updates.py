"""How many tasks a service has, where they run, and how one version of it follows another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import (
    CapacityProviderStrategyItem,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
)
from compose2fargate.aws.rolling_deployments import PERCENT_URL, is_frozen, percents_of_few
from compose2fargate.compose.model import Service
from compose2fargate.mapping.deployment.autoscaling import autoscaling_settings
from compose2fargate.mapping.images.image_catalogue import kind_of
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

SPOT_URL = f"{DOCS}/fargate-capacity-providers.html"
EXEC_URL = f"{DOCS}/ecs-exec.html"
ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"
MIN_GRACE = 60
"""Seconds that a load balancer's verdict is not believed at first. ECS has 0, with which a service that takes a moment to
start is replaced before it has: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html"""


class TaskCapacity(NamedTuple):
    """Where tasks run: a launch type, or a strategy of capacity providers. AWS takes one of the two."""

    launch_type: str | None
    strategy: tuple[CapacityProviderStrategyItem, ...]


def desired_count(service: Service) -> int:
    """Give the number of tasks: `scale`, `deploy.replicas`, or 1; within the bounds of autoscaling where there are any."""
    count = next((n for n in (service.scale, service.deploy.replicas) if n is not None), 1)
    bounds = autoscaling_settings(service)
    return max(min(count, int(bounds.get("max", count))), int(bounds.get("min", 0)))


def fewest_tasks(service: Service, count: int) -> int:
    """Give the smallest number of tasks that a service may have: autoscaling may go below the `count` that it starts with."""
    return min(count, int(autoscaling_settings(service).get("min", count)))


def deployment_configuration(
    service: Service, replicas: int, percents: Mapping[str, Any] = {}
) -> DeploymentConfiguration:
    """Turn `update_config` into percentages that give exactly its batch size.

    The scheduler rounds the minimum up and the maximum down: `PERCENT_URL`. `percents` are what
    `x-aws-min_percent` and `x-aws-max_percent` say, which win.
    """
    update = service.deploy.update
    rollback = update is None or update.failure_action in ("", "rollback")
    breaker = DeploymentCircuitBreaker(
        enable=rollback or (update is not None and update.failure_action == "pause"), rollback=rollback
    )
    minimum, maximum = _percents(service, replicas)
    return DeploymentConfiguration(
        breaker,
        maximum_percent=int(percents.get("max", maximum)),
        minimum_healthy_percent=int(percents.get("min", minimum)),
    )


def with_room(
    findings: TranslationFindings,
    service: Service,
    configuration: DeploymentConfiguration,
    count: int,
) -> DeploymentConfiguration:
    """Give percentages with which deployments move, and say where those that the file names would not let them."""
    minimum, maximum = configuration.minimum_healthy_percent, configuration.maximum_percent
    if not is_frozen(max(count, 1), minimum, maximum):
        return configuration
    less, more = percents_of_few(configuration)
    findings.warn(
        "C2F546",
        ("services", service.name, "deploy", "update_config"),
        f"with {max(count, 1)} task{'s' * (count > 1)}, {minimum} and {maximum} percent allow ECS neither to start nor to stop one, "
        f"so a deployment of {service.name} would never end; {less} and {more} percent are used",
        hint="set x-aws-max_percent: 200, or x-aws-min_percent: 0 if a task may stop before the next one starts",
        url=PERCENT_URL,
    )
    return configuration._replace(minimum_healthy_percent=less, maximum_percent=more)


def _percents(service: Service, replicas: int) -> tuple[int, int]:
    """The minimum and the maximum. Without `update_config` they are ECS's own: no interruption."""
    update = service.deploy.update
    if update is None:
        return 100, 200
    count = max(replicas, 1)
    batch = min(update.parallelism or count, count)
    if update.order == "start-first":
        return 100, ceil(100 * (count + batch) / count)
    return floor(100 * (count - batch) / count), 100


def grace_period(service: Service, *, behind_load_balancer: bool) -> int | None:
    """Give the seconds in which a load balancer's health checks do not count; None where there is no load balancer.

    At least the health check's `start_period`, and what its kind takes to start. It is not given without a load
    balancer: ECS then looks at the container's health check, which has its own start period.
    """
    if not behind_load_balancer:
        return None
    check = service.healthcheck
    own = ceil(check.start_period) if check and check.start_period else 0
    return max(own, kind_of(service.image or "").starts, MIN_GRACE)


def task_capacity(settings: Settings, findings: TranslationFindings, service: Service) -> TaskCapacity:
    """Give where the tasks of a service run, and say what Spot means for it."""
    chosen = options_of(service).get("capacity") or settings.capacity
    strategy = tuple(_strategy(chosen))
    if not any(item.capacity_provider == SPOT for item in strategy):
        return TaskCapacity(ON_DEMAND, ())
    findings.info(
        "C2F247",
        ("services", service.name),
        f"{service.name} runs on Fargate Spot: AWS may stop a task with two minutes' notice, and starts none while it has no capacity",
        hint="set stop_grace_period: 120s to use it; x-fargate: {capacity: {spot: 1, on_demand: 1, base: 1}} keeps one task on demand",
        url=SPOT_URL,
    )
    return TaskCapacity(None, strategy)


def uses_spot(settings: Settings, service: Service) -> bool:
    """Whether any task of the service may run on Fargate Spot."""
    chosen = options_of(service).get("capacity") or settings.capacity
    return any(item.capacity_provider == SPOT for item in _strategy(chosen))


def _strategy(chosen: Any) -> Iterator[CapacityProviderStrategyItem]:
    """`spot`, or weights: `{spot: 3, on_demand: 1, base: 1}`, where the base is on demand."""
    if chosen == "spot":
        yield CapacityProviderStrategyItem(SPOT)
    if not isinstance(chosen, Mapping):
        return
    base, weight = int(chosen.get("base", 0)), int(chosen.get("on_demand", 0))
    if base or weight:
        yield CapacityProviderStrategyItem(ON_DEMAND, weight, base)
    if chosen.get("spot", 1):
        yield CapacityProviderStrategyItem(SPOT, int(chosen.get("spot", 1)))


def exec_enabled(settings: Settings, service: Service) -> bool:
    """Whether ECS Exec is to work in the tasks of this service."""
    asked = options_of(service).get("exec")
    return bool(settings.exec if asked is None else asked)


def report_exec(settings: Settings, findings: TranslationFindings, service: Service) -> None:
    """Warn where ECS Exec is asked for and cannot work: its agent writes to the container's file system."""
    if exec_enabled(settings, service) and service.read_only:
        findings.warn(
            "C2F248",
            ("services", service.name, "read_only"),
            f"ECS Exec does not work in {service.name}: its agent must write to the root file system, which is read-only",
            hint="remove read_only, or x-fargate.exec of this service",
            url=EXEC_URL,
        )
