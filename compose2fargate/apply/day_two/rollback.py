"""Goes back to an earlier revision of a service's task definition, and waits as apply does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from compose2fargate.apply.aws_client.account import translated_errors
from compose2fargate.apply.day_two.aws_names import DeployedService
from compose2fargate.apply.day_two.ecs_reads import call_all, live_services, not_deployed, short_arn
from compose2fargate.apply.deployment.differences import StateChange, state_changes
from compose2fargate.apply.deployment.rollout import (
    RolloutFailedError,
    RolloutFailure,
    RolloutWaiter,
    primary_deployment,
    wait_for_service,
)
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers.handler import FoundResource, Json
from compose2fargate.apply.handlers.service_handlers import app_protocols
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.records import NamedTuple


class RollbackStep(NamedTuple):
    """One service that goes back.

    Attributes:
        place: The service.
        now: The ARN of what serves now.
        to: The ARN of what it goes back to.
        changes: What differs in the task definition, field by field.
    """

    place: DeployedService
    now: str
    to: str
    changes: tuple[StateChange, ...] = ()

    def __str__(self) -> str:
        return f"{self.place.service}: {short_arn(self.now)} -> {short_arn(self.to)}"


class RollbackPlan(NamedTuple):
    """What is possible: the steps, and why others are not.

    Attributes:
        steps: The services that go back.
        problems: Why a service does not.
    """

    steps: tuple[RollbackStep, ...]
    problems: tuple[Diagnostic, ...]


def prepare_rollback(deployment: Deployment, places: Iterable[DeployedService], to: int = 0) -> RollbackPlan:
    """Find out what services go back to: the newest earlier revision that differs, or revision `to`.

    Raises:
        FindingError: One is not deployed.
        AwsError: AWS cannot be asked.
    """
    chosen = {place.service: place for place in places}
    with translated_errors("reading revisions"):
        live = live_services(deployment.account, chosen.values())
        for service in chosen:
            if service not in live:
                raise not_deployed(deployment.stack, service)
        found = call_all({s: partial(_step, deployment, p, live[s], to) for s, p in chosen.items()})
    results = [found[service] for service in chosen]
    steps = tuple(one for one in results if isinstance(one, RollbackStep))
    return RollbackPlan(steps, tuple(one for one in results if isinstance(one, Diagnostic)))


def _step(
    deployment: Deployment, place: DeployedService, service: Json, to: int
) -> RollbackStep | Diagnostic:
    handler, context = TaskDefinitionHandler(), deployment.context
    now = str(primary_deployment(service).get("taskDefinition", service["taskDefinition"]))
    current, serving = _revision(now), handler.read(now, context)
    registered = handler.revisions(short_arn(now).partition(":")[0], context)
    if to:
        problem = _not_there(place, now, to, [_revision(arn) for arn in registered])
        arn = f"{now.rpartition(':')[0]}:{to}"
        return problem or _checked(place, service, now, arn, serving, handler.read(arn, context))
    for arn in registered:
        if _revision(arn) >= current:
            continue
        earlier = handler.read(arn, context)
        if earlier is not None and _changes(serving, earlier):
            return _checked(place, service, now, arn, serving, earlier)
    why = f"{place.service}: {short_arn(now)} is deployed, and no earlier active revision differs from it"
    hint = "check out the older compose file (git checkout), and apply"
    return Diagnostic("C2F481", Severity.ERROR, why, hint=hint)


def _not_there(place: DeployedService, now: str, to: int, registered: list[int]) -> Diagnostic | None:
    if to == _revision(now):
        message = f"{place.service}: {short_arn(now)} is already deployed"
        return Diagnostic("C2F481", Severity.ERROR, message, hint=_there_are(place, registered))
    if to not in registered:
        message = f"{place.service}: there is no active revision {to} of {place.family}"
        return Diagnostic("C2F481", Severity.ERROR, message, hint=_there_are(place, registered))
    return None


def _checked(
    place: DeployedService,
    service: Json,
    now: str,
    to: str,
    serving: FoundResource | None,
    earlier: FoundResource | None,
) -> RollbackStep | Diagnostic:
    """Give the step, or refuse it where a Service Connect port spoke otherwise then: AWS does not take that."""
    speaks, spoke = (
        app_protocols(primary_deployment(service), one.state if one else {}) for one in (serving, earlier)
    )
    for name in sorted(speaks.keys() & spoke.keys()):
        if speaks[name] != spoke[name]:
            return Diagnostic(
                "C2F481",
                Severity.ERROR,
                f"{place.service}: port {name} speaks {spoke[name]} in {short_arn(to)} and {speaks[name]} in the deployed one,"
                " and AWS cannot change that",
                hint="check out the older compose file (git checkout), and apply: the service is deleted and recreated",
                url="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html",
            )
    return RollbackStep(place, now, to, _changes(serving, earlier))


def _there_are(place: DeployedService, registered: list[int]) -> str:
    return f"active revisions of {place.family}: {', '.join(map(str, registered[:10])) or 'none'}"


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _changes(now: FoundResource | None, then: FoundResource | None) -> tuple[StateChange, ...]:
    if now is None or then is None:
        return () if then is None else (StateChange("revision", "gone", short_arn(str(then.name))),)
    return tuple(state_changes(_compared(now), _compared(then)))


def _compared(found: FoundResource) -> dict[str, Any]:
    return {member: value for member, value in found.state.items() if member != "tags"}


def roll_back(
    deployment: Deployment,
    steps: Iterable[RollbackStep],
    *,
    timeout: float,
    report: Callable[[str, str], None],
) -> list[RolloutFailure]:
    """Go back, and wait until the services are steady; give what failed.

    Raises:
        AwsError: AWS refuses.
        KeyboardInterrupt: The user stopped the waiting; ECS goes on.
    """
    account, steps = deployment.account, list(steps)
    with translated_errors("going back"):
        for step in steps:
            account.client("ecs").update_service(
                cluster=step.place.cluster, service=step.place.name, taskDefinition=step.to
            )
            report(step.place.service, f"{short_arn(step.to)} is being deployed")
        stop = threading.Event()
        waiter = RolloutWaiter(account, timeout, stop)
        waits = {step.place.service: partial(_wait, waiter, step, report) for step in steps}
        failures = call_all(waits, stop)
    return [failure for failure in failures.values() if failure is not None]


def _wait(
    waiter: RolloutWaiter, step: RollbackStep, report: Callable[[str, str], None]
) -> RolloutFailure | None:
    try:
        wait_for_service(
            waiter, step.place.cluster, step.place.name, step.to, partial(report, step.place.service)
        )
    except RolloutFailedError as failed:
        return failed.failure
    return None
