"""Names for those whom Service Connect does not serve: jobs, UDP, and clients that want each task's own address.

A task that RunTask or a schedule starts cannot be part of Service Connect:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect.html. So the services that a job may look for are
also registered in a private DNS namespace, and a small container of the job's task adds that namespace to the search
domains, by which `db:5432` is found as it stands. It is somebody's else image in the user's task, so it is announced, and can
be left out.

Where all services find each other by DNS (`--names dns`), every service is registered, every task has the search domain, and no
proxy runs. ECS registers a service under one name only, so that has to be the one by which others call it:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html#ECS-CreateService-request-serviceRegistries
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    DiscoveryService,
    DnsNamespace,
    Resource,
    ServiceRegistry,
)
from compose2fargate.compose.model import Service
from compose2fargate.mapping.access.iam_roles import project_tags
from compose2fargate.mapping.containers.task_definitions import MappedTask
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.names import ecs_name, private_domain
from compose2fargate.mapping.network.names_by_dns import (
    references_by_dns,
    registered_name,
    report_names_by_dns,
    report_other_names,
)
from compose2fargate.mapping.network.security_groups import networks_of
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple

DISCOVERY_URL = f"{DOCS}/service-discovery.html"

SHOWN_NAMES = 5
"""How many names a message lists."""


class PrivateDns(NamedTuple):
    """The private DNS namespace of a project.

    Attributes:
        resources: The namespace and its services by logical id; empty where nobody needs them.
        registries: The leading service of a task to where its address is registered.
        called: The leading service of a task to its name there.
        searching: The leading services of the tasks that look names up there.
    """

    resources: Mapping[str, Resource]
    registries: Mapping[str, tuple[ServiceRegistry, ...]]
    searching: frozenset[str]
    called: Mapping[str, str] = {}


def find_private_dns(
    ctx: TranslationInput, findings: TranslationFindings, tasks: Mapping[str, MappedTask]
) -> PrivateDns:
    """Find the services that need a name in DNS, and the tasks that have to look there."""
    reach = _reach(ctx, tasks)
    near = frozenset().union(*reach.values())
    registered = frozenset(
        leader for leader, made in tasks.items() if _is_registered(ctx, leader, made, near)
    )
    if not registered:
        return PrivateDns({}, {}, frozenset())
    namespace = DnsNamespace(private_domain(ctx.stack), Ref("network", "vpc_id"), project_tags(ctx))
    resources: dict[str, Resource] = {"dns-namespace": namespace}
    registries = {}
    by_dns = ctx.settings.finds_by_dns
    asked = references_by_dns(ctx)
    called = {leader: registered_name(asked, leader) for leader in registered}
    for leader in sorted(registered):
        logical_id = f"discovery-service/{ctx.names[leader]}"
        resources[logical_id] = DiscoveryService(
            called[leader], Ref("dns-namespace", "id"), tags=project_tags(ctx)
        )
        registries[leader] = (ServiceRegistry(Ref(logical_id, "arn")),)
    searching = frozenset(tasks if by_dns else _searching(ctx.groups, tasks, reach, registered))
    with_helper = searching if ctx.settings.job_names == "init" else frozenset()
    found = PrivateDns(resources, registries, with_helper, called)
    if by_dns:
        report_names_by_dns(ctx, findings, private_domain(ctx.stack), called, asked)
    else:
        _report(ctx, findings, found)
    report_other_names(ctx, findings, called, asked)
    return found


def _is_dns_only(service: Service) -> bool:
    """Whether Service Connect cannot give clients what the file promises: UDP, or the address of each task."""
    exposed = (text.rpartition("/")[2] for text in service.expose)
    return service.deploy.endpoint_mode == "dnsrr" or "udp" in (
        *(p.protocol for p in service.ports),
        *exposed,
    )


def _reach(ctx: TranslationInput, tasks: Mapping[str, MappedTask]) -> Mapping[str, frozenset[str]]:
    """Give for each job the tasks it may look for: those on its networks, and those it depends on.

    A service that waits for the job is none of them: it does not run yet.
    """
    members: dict[str, set[str]] = {}
    for leader, made in tasks.items():
        for network in networks_of(made):
            members.setdefault(network, set()).add(leader)
    waiting = _waiting(ctx)

    @cache  # jobs are on the same networks, which have many members
    def beside(networks: tuple[str, ...]) -> frozenset[str]:
        return frozenset().union(*(members[network] for network in networks))

    reach = {}
    for leader in (name for name in tasks if name in ctx.jobs):
        near = beside(tuple(networks_of(tasks[leader])))
        further = set(_needed(ctx.groups, tasks[leader])) - near
        reach[leader] = (near | further if further else near) - (_above(leader, waiting) | {leader})
    return reach


def _needed(groups: TaskGroups, made: MappedTask) -> Iterator[str]:
    """Yield the leaders of what the services of a task say they need."""
    for service in made.services:
        names = (
            *(d.service for d in service.depends_on),
            *(link.partition(":")[0] for link in service.links),
        )
        yield from (groups.leaders[name] for name in names if name in groups.leaders)


def _waiting(ctx: TranslationInput) -> Mapping[str, set[str]]:
    """Give for each task those that wait for it."""
    waiting: dict[str, set[str]] = {}
    for name, service in ctx.project.services.items():
        for dependency in service.depends_on:
            own, other = ctx.groups.leaders.get(name), ctx.groups.leaders.get(dependency.service)
            if own and other and own != other:
                waiting.setdefault(other, set()).add(own)
    return waiting


def _above(leader: str, waiting: Mapping[str, set[str]]) -> set[str]:
    """All tasks that wait for one, directly or not."""
    found: set[str] = set()
    left = [leader]
    while left:
        new = waiting.get(left.pop(), set()) - found
        found |= new
        left.extend(new)
    return found


def _is_registered(ctx: TranslationInput, leader: str, made: MappedTask, near: frozenset[str]) -> bool:
    if leader in ctx.jobs:
        return False
    chosen = [bool(own["dns"]) for service in made.services if "dns" in (own := options_of(service))]
    if chosen:
        return any(chosen)
    if ctx.settings.finds_by_dns:
        return True
    listens = any(made.ports.values())
    # With groups of the user's own, a port that the file does not name may be open all the same.
    listens = listens or (bool(ctx.settings.security_groups) and leader in ctx.needed)
    return (leader in near and listens) or any(map(_is_dns_only, made.services))


def _searching(
    groups: TaskGroups,
    tasks: Mapping[str, MappedTask],
    reach: Mapping[str, frozenset[str]],
    registered: frozenset[str],
) -> Iterator[str]:
    """Yield the tasks that look for registered names: jobs, and services that need one beyond Service Connect."""
    apart = {leader for leader in registered if any(map(_is_dns_only, tasks[leader].services))}
    for leader, made in tasks.items():
        if leader in reach:
            if not reach[leader].isdisjoint(registered):
                yield leader
        elif apart and not apart.isdisjoint(set(_needed(groups, made)) - {leader}):
            yield leader


def _report(ctx: TranslationInput, findings: TranslationFindings, found: PrivateDns) -> None:
    domain = private_domain(ctx.stack)
    names = [*found.registries]
    shown = ", ".join(names[:SHOWN_NAMES]) + (
        f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    )
    for leader in sorted(found.searching):
        why = (
            "a job cannot use Service Connect"
            if leader in ctx.jobs
            else "Service Connect carries neither UDP nor addresses"
        )
        findings.info(
            "C2F297",
            ("services", leader),
            f"{why}: a container from {ctx.settings.init_image} runs first in the task and adds the search domain "
            f"{domain}, which has the names {shown}",
            hint="use --init-image IMAGE for another image, or --job-names none to run no such container and call the name "
            f"{found.called[names[0]]}.{domain}",
            url=DISCOVERY_URL,
        )


_SCRIPT = """\
grep -q '^search {domain}' /etc/resolv.conf && exit 0
echo "search {domain} $(sed -n 's/^search *//p' /etc/resolv.conf | tail -n 1)" >> /etc/resolv.conf"""
"""The containers of a task share /etc/resolv.conf, in which the last `search` line counts: resolv.conf(5)."""


def with_search_domain(ctx: TranslationInput, leader: str, made: MappedTask) -> MappedTask:
    """Let a container add the search domain before those of the task start."""
    definition = made.definition
    first = definition.container_definitions[0]
    taken = {container.name for container in definition.container_definitions}
    name = ecs_name(f"{leader}-names")
    while name in taken:
        name = ecs_name(f"{name}-")
    names = ContainerDefinition(
        name=name,
        image=ctx.settings.init_image,
        essential=False,
        entry_point=("/bin/sh", "-ec"),
        command=(_SCRIPT.format(domain=private_domain(ctx.stack)),),
        log_configuration=first.log_configuration,
    )
    waits = ContainerDependency(name, "SUCCESS")
    containers = tuple(
        container._replace(depends_on=(*container.depends_on, waits))
        for container in definition.container_definitions
    )
    return made._replace(definition=definition._replace(container_definitions=(*containers, names)))
