"""In which order services and jobs are deployed, from `depends_on` and from who talks to whom.

ECS itself knows no order between services: it is kept while deploying, and never again. Services of one task wait for each
other as containers do, so only what crosses tasks counts here.

A task sees only those names of Service Connect that were there when its deployment began, so a service is deployed after those it
talks to. Where two talk to each other, one comes first all the same, and has to be deployed again, unless names are looked up in the DNS:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.stack import DeploymentDependencies
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.references.reference_graph import Reference, said_by
from compose2fargate.mapping.references.reference_reader import VARIABLE
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, cluster_name, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.text.sentences import listed

ORDER_URL = f"{DOCS}/ecs_services.html"
LATE_URL = f"{DOCS}/service-connect-concepts-deploy.html"
_CONDITIONS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}
_STRICTER = ("started", "healthy", "completed")


class DeploymentOrder(NamedTuple):
    """The leading services of all tasks, each after what it waits for; and what that is, with the condition."""

    leaders: tuple[Service, ...]
    waits: Mapping[str, Mapping[str, str]]
    again: tuple[str, ...] = ()
    """The leading services that have to be deployed again, since they talk to what is deployed after them."""


def find_order(ctx: TranslationInput, findings: TranslationFindings) -> DeploymentOrder:
    """Order the tasks of a project; otherwise by name.

    Services never depend on each other in a circle (the loader refuses it), but tasks can: two services in one task may be
    on both sides of a third. The wait that closes the circle is dropped, and reported.
    """
    waits = {leader: _waits(ctx, leader) for leader in ctx.groups.members}
    talks = _talks(ctx, waits)
    for user, target in talks:
        waits[user][target] = "started"
    late: dict[tuple[str, str], Reference] = {}
    ordered: dict[str, None] = {}
    for first in waits:
        waiting = {first: None}
        while waiting:
            current = next(reversed(waiting))
            circle = next((other for other in sorted(waits[current]) if other in waiting), "")
            if circle:
                _break(findings, waits, talks, late, [*waiting], circle)
                while (
                    next(reversed(waiting)) != circle
                ):  # what is left is walked again, without the broken wait
                    waiting.popitem()
                continue
            missing = next((other for other in sorted(waits[current]) if other not in ordered), "")
            if missing:
                waiting[missing] = None
            else:
                ordered.setdefault(current)
                del waiting[current]
    if ctx.settings.finds_by_dns:
        late = {}  # a name is looked up when it is used
    _report_late(ctx, findings, late)
    again = tuple(sorted({user for user, _ in late if user not in ctx.jobs}))
    return DeploymentOrder(tuple(ctx.project.services[name] for name in ordered), waits, again)


def _talks(ctx: TranslationInput, waits: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], Reference]:
    """Give the tasks that talk to others without waiting for them, with the first reference that says so.

    What an init container talks to, each task talks to that it runs in.
    """
    leaders, inits = ctx.groups.leaders, _tasks_of_inits(ctx)
    found: dict[tuple[str, str], Reference] = {}
    for user, target, reference in ctx.references.edges():
        other = leaders.get(target, "")
        if not other or target in ctx.jobs or _is_scheduled(ctx, target):
            continue
        for own in inits.get(user, (leaders.get(user, ""),)):
            known = not own or own == other or other in waits[own] or _is_scheduled(ctx, own)
            if not known and ((own, other) not in found or found[own, other].is_weak):
                found[own, other] = reference
    return found


def _tasks_of_inits(ctx: TranslationInput) -> Mapping[str, Sequence[str]]:
    """Give for each init container the leading services of the tasks that it runs in."""
    found: dict[str, list[str]] = {}
    for leader, names in ctx.groups.members.items() if ctx.groups.inits else ():
        seen: set[str] = set()
        for _ in _targets(ctx, names, seen):
            pass  # what it yields is not asked for: it collects the init containers on the way
        for name in seen:
            found.setdefault(name, []).append(leader)
    return found


def _break(
    findings: TranslationFindings,
    waits: Mapping[str, dict[str, str]],
    talks: Mapping[tuple[str, str], Reference],
    late: dict[tuple[str, str], Reference],
    waiting: list[str],
    first: str,
) -> None:
    """Take one wait out of the circle that begins and ends at `first`: rather one that `depends_on` does not ask for."""
    circle = [*waiting[waiting.index(first) :], first]
    pairs = list(pairwise(circle))
    soft = [pair for pair in pairs if pair in talks]
    weak = [pair for pair in soft if talks[pair].is_weak]
    user, target = (weak or soft or pairs)[-1]
    del waits[user][target]
    if soft:
        late[user, target] = talks[user, target]
    else:
        _report_circle(findings, user, target)


def _waits(ctx: TranslationInput, leader: str) -> dict[str, str]:
    """The other tasks that a task waits for. What an init container needs, each task needs that it runs in."""
    found: dict[str, str] = {}
    for target, condition in _targets(ctx, ctx.groups.members[leader], set()):
        if target != leader:
            found[target] = max(found.get(target, "started"), condition, key=_STRICTER.index)
    return found


def _targets(ctx: TranslationInput, names: tuple[str, ...], seen: set[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for dependency in ctx.project.services[name].depends_on:
            other = dependency.service
            if other in ctx.groups.inits and other not in seen:
                seen.add(other)
                yield from _targets(ctx, (other,), seen)
            elif other in ctx.groups.leaders and not _is_scheduled(ctx, other):
                yield ctx.groups.leaders[other], _CONDITIONS[dependency.condition]


def _is_scheduled(ctx: TranslationInput, name: str) -> bool:
    """What runs by the clock is nothing to wait for."""
    return bool(options_of(ctx.project.services[ctx.groups.leaders[name]]).get("schedule"))


def _report_circle(findings: TranslationFindings, current: str, other: str) -> None:
    findings.warn(
        "C2F506",
        ("services", current, "depends_on"),
        f"{current} does not wait for {other}: the tasks that they are part of would wait for each other",
        hint="put the services of the cycle into one task (x-fargate.sidecar_of), or remove one dependency",
        url=ORDER_URL,
    )


def _report_late(
    ctx: TranslationInput, findings: TranslationFindings, late: Mapping[tuple[str, str], Reference]
) -> None:
    """Say once of each service which of those that it talks to its first deployment does not find."""
    found: dict[str, dict[str, Reference]] = {}
    for (user, target), reference in late.items():
        if user not in ctx.jobs:
            found.setdefault(user, {})[target] = reference
    sure = _sure_pairs(ctx) if found else frozenset[tuple[str, str]]()
    for user, targets in found.items():
        reference = next(iter(targets.values()))
        mention, named = reference.mention, listed([*targets])
        why = "they wait" if len(targets) > 1 else "that waits"
        command = f"aws ecs update-service --cluster {cluster_name(ctx)} --service {ctx.names[user]} --force-new-deployment"
        findings.report.append(
            Diagnostic(
                "C2F522",
                Severity.WARNING
                if any((one.user, one.target) in sure for one in targets.values())
                else Severity.INFO,
                f"{user} talks to {named} ({said_by(reference)}), which is deployed after it because {why} for it, "
                f"directly or not: the tasks of the first deployment of {user} do not find {named}",
                mention.path,
                mention.place or ctx.project.at(*mention.path),
                f"deploy {user} again once all services exist, as commands.sh does: {command}; or resolve names when "
                "they are used: --names dns",
                LATE_URL,
            )
        )


def _sure_pairs(ctx: TranslationInput) -> frozenset[tuple[str, str]]:
    """Give users and targets of which more is known than that a variable names the target.

    A block of variables for all services says who is where, and not who talks to whom: one is known by a service that has it too, and is
    named by it itself.
    """
    named = [one for one in ctx.references.references if one.target and not one.is_weak]
    own: dict[str, set[str]] = {}
    hosts: dict[str, set[str]] = {}  # of them, those that are a name and nothing else
    for one in named:
        if one.user == one.target and one.mention.kind == VARIABLE:
            own.setdefault(one.user, set()).add(one.mention.key)
            if ctx.project.services[one.user].environment.get(one.mention.key) == one.address.host:
                hosts.setdefault(one.user, set()).add(one.mention.key)

    def is_for_all(one: Reference) -> bool:
        key, user = one.mention.key, ctx.project.services[one.user].environment
        if key not in user:
            return False
        if _shares(user, ctx.project.services[one.target].environment, key, own.get(one.user, ())):
            return True
        return any(
            _shares(user, ctx.project.services[name].environment, key, hosts.get(name, set()) - {key})
            for name in own
            if name != one.user
        )

    return frozenset((one.user, one.target) for one in named if not is_for_all(one))


def _shares(
    ours: Mapping[str, object], theirs: Mapping[str, object], key: str, others: Collection[str]
) -> bool:
    """Whether two services have the same under a key and under one of some others."""
    alike = {name for name in (key, *others) if name in ours and ours[name] == theirs.get(name)}
    return key in alike and not alike.isdisjoint(others)


def deployment_dependencies(
    ctx: TranslationInput, order: DeploymentOrder
) -> dict[str, tuple[DeploymentDependencies, ...]]:
    """Give what each service or job waits for, by logical id."""
    return {
        deployed_as(ctx, leader): tuple(
            sorted(
                DeploymentDependencies(deployed_as(ctx, other), condition)
                for other, condition in waits.items()
            )
        )
        for leader, waits in order.waits.items()
        if waits
    }


def deployed_as(ctx: TranslationInput, leader: str) -> str:
    """Give the logical id of what runs the task of a leading service."""
    return f"{'run-task' if leader in ctx.jobs else 'service'}/{ctx.names[leader]}"
