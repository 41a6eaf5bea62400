"""Goes back to an earlier revision of a service's task definition, and waits as apply does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from compose2fargate.apply.account import translated
from compose2fargate.apply.calling import live_services, not_deployed, short, together
from compose2fargate.apply.deploy import Deployment
from compose2fargate.apply.differences import Change, differences
from compose2fargate.apply.handlers.core import Found
from compose2fargate.apply.handlers.ecs import TaskDefinitionHandler, app_protocols
from compose2fargate.apply.places import Place
from compose2fargate.apply.waiting import FailedError, Failure, Waiter, primary, wait_for_service
from compose2fargate.diagnostics import Diagnostic, Severity


class Step(NamedTuple):
    """One service that goes back.

    Attributes:
        place: The service.
        now: The ARN of what serves now.
        to: The ARN of what it goes back to.
        changes: What differs in the task definition, field by field.
        revisions: Both task definitions, as read.
    """

    place: Place
    now: str
    to: str
    changes: tuple[Change, ...] = ()
    revisions: tuple[Found | None, Found | None] = (None, None)

    def __str__(self) -> str:
        return f"{self.place.service}: {short(self.now)} -> {short(self.to)}"


class Back(NamedTuple):
    """What is possible: the steps, and why others are not.

    Attributes:
        steps: The services that go back.
        problems: Why a service does not.
    """

    steps: tuple[Step, ...]
    problems: tuple[Diagnostic, ...]


def prepare(deployment: Deployment, places: Iterable[Place], to: int = 0) -> Back:
    """Find out what services go back to: the newest earlier revision that differs, or revision `to`.

    Raises:
        FindingError: One is not deployed.
        AwsError: AWS cannot be asked.
    """
    chosen = {place.service: place for place in places}
    with translated("reading revisions"):
        live = live_services(deployment.account, chosen.values())
        for service in chosen:
            if service not in live:
                raise not_deployed(deployment.stack, service)
        serving = {
            s: str(primary(one).get("taskDefinition", one["taskDefinition"])) for s, one in live.items()
        }
        works = {s: partial(_step, deployment, p, serving[s], to) for s, p in chosen.items()}
        found = {s: _as_spoken(step, live[s]) for s, step in together(works).items()}
    results = [found[service] for service in chosen]
    steps = tuple(one for one in results if isinstance(one, Step))
    return Back(steps, tuple(one for one in results if isinstance(one, Diagnostic)))


def _step(deployment: Deployment, place: Place, now: str, to: int) -> Step | Diagnostic:
    handler, context = TaskDefinitionHandler(), deployment.context
    current = _revision(now)
    serving = handler.read(now, context)
    registered = handler.revisions(short(now).partition(":")[0], context)
    if to:
        return _named(deployment, place, now, to, [_revision(arn) for arn in registered])
    for arn in registered:
        if _revision(arn) >= current:
            continue
        earlier = handler.read(arn, context)
        changes = _changes(serving, earlier)
        if earlier is not None and changes:
            return Step(place, now, arn, changes, (serving, earlier))
    why = f"{place.service}: {short(now)} serves, and no earlier active revision differs from it"
    hint = "git checkout the older compose file, and apply"
    return Diagnostic("C2F481", Severity.ERROR, why, hint=hint)


def _named(
    deployment: Deployment, place: Place, now: str, to: int, registered: list[int]
) -> Step | Diagnostic:
    if to == _revision(now):
        message = f"{place.service}: {short(now)} serves already"
        return Diagnostic("C2F481", Severity.ERROR, message, hint=_there_are(place, registered))
    if to not in registered:
        message = f"{place.service}: there is no active revision {to} of {place.family}"
        return Diagnostic("C2F481", Severity.ERROR, message, hint=_there_are(place, registered))
    handler, arn = TaskDefinitionHandler(), f"{now.rpartition(':')[0]}:{to}"
    revisions = handler.read(now, deployment.context), handler.read(arn, deployment.context)
    return Step(place, now, arn, _changes(*revisions), revisions)


def _as_spoken(step: Step | Diagnostic, service: dict[str, Any]) -> Step | Diagnostic:
    """Refuse a revision whose Service Connect ports speak otherwise than the service's: AWS does not take it."""
    if isinstance(step, Diagnostic):
        return step
    now, then = (app_protocols(primary(service), one.state if one else {}) for one in step.revisions)
    for name in sorted(now.keys() & then.keys()):
        if now[name] != then[name]:
            return Diagnostic(
                "C2F481",
                Severity.ERROR,
                f"{step.place.service}: port {name} speaks {then[name]} in {short(step.to)} and {now[name]} in what serves,"
                " which AWS does not change of a service",
                hint="git checkout the older compose file, and apply: the service is deleted and made anew",
                url="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html",
            )
    return step


def _there_are(place: Place, registered: list[int]) -> str:
    return f"active revisions of {place.family}: {', '.join(map(str, registered[:10])) or 'none'}"


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _changes(now: Found | None, then: Found | None) -> tuple[Change, ...]:
    if now is None or then is None:
        return () if then is None else (Change("revision", "gone", short(str(then.name))),)
    return tuple(differences(_compared(now), _compared(then)))


def _compared(found: Found) -> dict[str, Any]:
    return {member: value for member, value in found.state.items() if member != "tags"}


def go(
    deployment: Deployment,
    steps: Iterable[Step],
    *,
    timeout: float,
    report: Callable[[str, str], None],
) -> list[Failure]:
    """Go back, and wait until the services are steady; give what failed.

    Raises:
        AwsError: AWS refuses.
        KeyboardInterrupt: The user stopped the waiting; ECS goes on.
    """
    account, steps = deployment.account, list(steps)
    with translated("going back"):
        for step in steps:
            account.client("ecs").update_service(
                cluster=step.place.cluster, service=step.place.name, taskDefinition=step.to
            )
            report(step.place.service, f"{short(step.to)} is to serve")
        stop = threading.Event()
        waiter = Waiter(account, timeout, stop)
        waits = {step.place.service: partial(_wait, waiter, step, report) for step in steps}
        failures = together(waits, stop)
    return [failure for failure in failures.values() if failure is not None]


def _wait(waiter: Waiter, step: Step, report: Callable[[str, str], None]) -> Failure | None:
    try:
        wait_for_service(
            waiter, step.place.cluster, step.place.name, step.to, partial(report, step.place.service)
        )
    except FailedError as failed:
        return failed.failure
    return None
