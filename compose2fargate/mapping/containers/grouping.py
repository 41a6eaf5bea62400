"""Which services share one task: sidecars, and init containers.

A task's containers share its network interface and may share its process ids and volumes, so whatever asks for
that of another service joins the other's task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple

SIDECAR_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html"


class TaskMembership(NamedTuple):
    """One service asks to be in the task of another; `path` is the key that says so."""

    service: str
    target: str
    path: Path


def find_groups(project: Project, report: list[Diagnostic]) -> TaskGroups:
    """Find which services share a task, and report what cannot be."""
    inits = frozenset(name for name, s in project.services.items() if options_of(s).get("job") == "init")
    targets: dict[str, list[str]] = {name: [] for name in project.services}
    for join in _joins(project):
        problem = _problem(project, join)
        if problem:
            report.append(
                Diagnostic(
                    "C2F280",
                    Severity.ERROR,
                    problem,
                    join.path,
                    project.at(*join.path),
                    "name a service of this project that keeps running",
                    SIDECAR_URL,
                )
            )
        else:
            targets[join.service].append(join.target)
    members: dict[str, tuple[str, ...]] = {}
    for group in _connected(targets):
        services = [name for name in group if name not in inits]
        if services:
            leader = _leader(services, targets)
            members[leader] = (leader, *sorted(name for name in services if name != leader))
    leaders = {name: leader for leader, names in members.items() for name in names}
    report.extend(_own_ways(project, leaders))
    return TaskGroups(dict(sorted(members.items())), leaders, inits)


def _own_ways(project: Project, leaders: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Refuse a sidecar that is to run at times of its own: the containers of a task start with it."""
    for name, leader in leaders.items():
        own = options_of(project.services[name])
        key = next((key for key in ("schedule", "job") if own.get(key) and name != leader), None)
        if key:
            path = ("services", name, "x-fargate", key)
            yield Diagnostic(
                "C2F514",
                Severity.ERROR,
                f"{name} runs in the task of {leader} and starts with it, so it cannot have its own {key}",
                path,
                project.at(*path),
                f"let {name} mount the volumes that it needs (volumes:, which tasks share on EFS) in place of "
                f"{' and '.join(_reasons(project, name))}, or give the {key} to {leader}",
                SIDECAR_URL,
            )


def _reasons(project: Project, name: str) -> list[str]:
    """Name the keys that put a service into the task of another, or others into its own."""
    keys = {str(join.path[-1]) for join in _joins(project) if name in (join.service, join.target)}
    return sorted(keys) or ["what joins them"]


def _joins(project: Project) -> Iterator[TaskMembership]:
    containers = {s.container_name: name for name, s in project.services.items() if s.container_name}
    for name, service in project.services.items():
        for key, value in _references(service):
            kind, _, target = value.partition(":")
            if kind == "service":
                yield TaskMembership(name, target, ("services", name, key))
            elif kind == "container":
                yield TaskMembership(name, containers.get(target, target), ("services", name, key))
        owner = options_of(service).get("sidecar_of")
        if owner:
            yield TaskMembership(name, str(owner), ("services", name, "x-fargate", "sidecar_of"))


def _references(service: Service) -> Iterator[tuple[str, str]]:
    """Yield key and `service:NAME` or `container:NAME` of each key that names another service."""
    yield "network_mode", service.network_mode
    yield "pid", service.pid
    for source in service.volumes_from:
        parts = source.split(":")
        yield "volumes_from", ":".join(parts[:2]) if parts[0] == "container" else f"service:{parts[0]}"


def _problem(project: Project, join: TaskMembership) -> str:
    if join.target not in project.services:
        return f"there is no service {join.target!r} in this project whose task {join.service} could join"
    if join.target == join.service:
        return f"{join.service} cannot be a sidecar of itself"
    return ""


def _connected(targets: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Yield the sets of services that are linked by any chain of joins."""
    linked: dict[str, set[str]] = {name: set() for name in targets}
    for name, others in targets.items():
        for other in others:
            linked[name].add(other)
            linked[other].add(name)
    seen: set[str] = set()
    for name in linked:
        if name in seen:
            continue
        group, waiting = [], [name]
        seen.add(name)
        while waiting:
            current = waiting.pop()
            group.append(current)
            found = linked[current] - seen
            seen |= found
            waiting.extend(found)
        yield group


def _leader(services: Iterable[str], targets: Mapping[str, list[str]]) -> str:
    """The service that joins nobody; the first by name where there are several, or a circle."""
    return min(services, key=lambda name: (bool(targets[name]), name))
