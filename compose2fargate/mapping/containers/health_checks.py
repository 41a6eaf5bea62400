"""The health check of a container, within what ECS allows."""

from __future__ import annotations

from math import ceil

from compose2fargate.aws.fargate import (
    HEALTH_CHECK_URL,
    HEALTH_INTERVAL,
    HEALTH_RETRIES,
    HEALTH_START_PERIOD,
    HEALTH_TIMEOUT,
    Range,
)
from compose2fargate.aws.resources import (
    ContainerHealthCheck,
)
from compose2fargate.compose import model
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.containers.health_programs import check_health_programs
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput

DOCKER_HEALTH = (30.0, 30.0, 3)
"""Docker's interval, timeout and retries, where ECS would take 30, 5 and 3:
https://docs.docker.com/reference/dockerfile/#healthcheck"""


# -- health, restart, stop -----------------------------------------------------------------------------------


def container_health_check(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> ContainerHealthCheck | None:
    """Map compose's health check, or else the one of the Dockerfile: ECS does not look at the image's."""
    check = service.healthcheck
    image = ctx.images.get(service.name)
    built = image.healthcheck if image else None
    path: Path = ("services", service.name, "healthcheck")
    test = check.test if check and check.test else built.test if built else ()
    if (check and check.disable) or (test and test[0] == "NONE"):
        return None
    if not test:
        if check:
            findings.warn(
                "C2F236",
                path,
                "the health check has no test, and ECS does not see the image's HEALTHCHECK",
                hint="add test: with the command that the image runs",
                url=HEALTH_CHECK_URL,
            )
        return None
    if not check:
        path = ("services", service.name, "build")
        findings.info(
            "C2F237",
            path,
            "the Dockerfile's HEALTHCHECK is repeated in the task definition, where ECS looks for it",
        )
    check_health_programs(ctx, findings, service, path, test)
    return _fit_health(findings, path, test, check, built if not (check and check.test) else None)


def _fit_health(
    findings: TranslationFindings,
    path: Path,
    test: tuple[str, ...],
    check: model.HealthCheck | None,
    built: object,
) -> ContainerHealthCheck:
    def asked(name: str) -> float | None:
        value = getattr(check, name, None)
        return getattr(built, name, None) if value is None else value

    def fit(name: str, default: float, allowed: Range) -> int:
        value = asked(name)
        wanted = ceil(default if not value and name != "start_period" else value or 0)
        fitted = allowed.clamp(wanted)
        if fitted != wanted or (value and value != wanted):
            findings.warn(
                "C2F234",
                (*path, name),
                f"{name} {_plain(value)} becomes {fitted}: ECS accepts whole numbers from {allowed.low} to {allowed.high}",
                hint=f"set {name}: within that range",
                url=HEALTH_CHECK_URL,
            )
        return fitted

    interval, timeout, retries = DOCKER_HEALTH
    return ContainerHealthCheck(
        command=test,
        interval=fit("interval", interval, HEALTH_INTERVAL),
        timeout=fit("timeout", timeout, HEALTH_TIMEOUT),
        retries=fit("retries", retries, HEALTH_RETRIES),
        start_period=fit("start_period", 0, HEALTH_START_PERIOD) or None,
    )


def _plain(value: float | None) -> str:
    return f"{value:g}" if value is not None else "unset"
