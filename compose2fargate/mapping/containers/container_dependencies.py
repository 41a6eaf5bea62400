"""Which containers of a task wait for which, and which of them end the task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

from compose2fargate.aws.fargate import CONTAINER_URL, DOCS, HEALTH_CHECK_URL, MAX_CONTAINERS
from compose2fargate.aws.resources import (
    ContainerDependency,
)
from compose2fargate.aws.task_definition_rules import DEFAULT_START_TIMEOUT
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Dependency, Service
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput


def container_name(service: Service) -> str:
    """Give the name of a service's container inside its task."""
    return ecs_name(service.container_name or service.name)


def is_essential(ctx: TranslationInput, service: Service) -> bool:
    """Whether the task ends with this container. One that others of the task await must not be: `CONTAINER_URL`."""
    if service.name in ctx.groups.inits:
        return False
    members = ctx.groups.members[ctx.groups.leaders[service.name]]
    if len(members) > MAX_CONTAINERS:  # which is refused, and not worth the time that all pairs of many take
        return True
    return not any(
        d.service == service.name and d.condition == "service_completed_successfully"
        for name in members
        for d in ctx.project.services[name].depends_on
    )


_CONDITIONS = {
    "service_started": "START",
    "service_healthy": "HEALTHY",
    "service_completed_successfully": "SUCCESS",
}


def container_dependencies(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> Iterator[ContainerDependency]:
    """`depends_on` inside a task; between tasks there is no such thing."""
    leader = ctx.groups.leaders.get(service.name)
    elsewhere = False
    for dependency in sorted(service.depends_on):
        other = ctx.project.services.get(dependency.service)
        if other is None:
            continue
        if other.name in ctx.groups.inits:
            yield ContainerDependency(container_name(other), "SUCCESS")
        elif ctx.groups.leaders[other.name] == leader:
            yield ContainerDependency(
                container_name(other), _condition(ctx.images, findings, service, other, dependency)
            )
        else:
            elsewhere = True
    if elsewhere:
        findings.info(
            "C2F202",
            ("services", service.name, "depends_on"),
            "depends_on applies only during deployment; ECS may later restart these tasks in any order",
            hint="let the service retry its connections",
            url=f"{DOCS}/ecs_services.html",
        )


def _condition(
    images: Mapping[str, ImageConfig],
    findings: TranslationFindings,
    service: Service,
    other: Service,
    dependency: Dependency,
) -> str:
    """The state that `other` has to reach. ECS can only wait for a health check that it carries out itself."""
    condition = _CONDITIONS[dependency.condition]
    if condition != "HEALTHY":
        return condition
    if _has_health_check(images, other):
        _report_slow_start(findings, service, other)
        return condition
    findings.warn(
        "C2F283",
        ("services", service.name, "depends_on"),
        f"{service.name} waits until {other.name} has started, not until it is healthy: ECS does not see the image's health check",
        hint=f"repeat the image's HEALTHCHECK under healthcheck: of {other.name}",
        url=HEALTH_CHECK_URL,
    )
    return "START"


def _report_slow_start(findings: TranslationFindings, service: Service, other: Service) -> None:
    """Warn where ECS gives up waiting before Docker's own rules would."""
    seconds = ceil((other.healthcheck and other.healthcheck.start_period) or 0)
    if seconds > DEFAULT_START_TIMEOUT:
        findings.warn(
            "C2F507",
            ("services", other.name, "healthcheck", "start_period"),
            f"{service.name} waits at most {DEFAULT_START_TIMEOUT} seconds for {other.name}, and then ECS stops the task; "
            f"the start_period of {other.name} is {seconds} seconds",
            hint=f"give {other.name} a task of its own, or make it healthy sooner",
            url=CONTAINER_URL,
        )


def _has_health_check(images: Mapping[str, ImageConfig], service: Service) -> bool:
    check, image = service.healthcheck, images.get(service.name)
    if check and check.disable:
        return False
    test = (
        check.test if check and check.test else image.healthcheck.test if image and image.healthcheck else ()
    )
    return bool(test) and test[0] != "NONE"
