"""What a rehearsal runs, read off a stack: which tasks, at which addresses, who knows whom, and which ports are open.

Everything here is a pure function of the stack, so that what is rehearsed can be tested without an engine. Each task has
an address of its own that is fixed beforehand; a task that is started again takes the address of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from compose2fargate.aws.api_values import Ref, resolve_text
from compose2fargate.aws.resources import (
    AccountIdentity,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    IngressRule,
    LoadBalancer,
    ManagedEbsVolume,
    RunTask,
    Schedule,
    SecurityGroup,
    ServiceConnectService,
    TaskDefinition,
    name_of,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.records import NamedTuple

SERVICE, JOB = "service", "job"
GATEWAY, EDGE, FIRST_TASK, LAST = 1, 2, 10, 250
"""The last byte of the addresses of a rehearsal's network: the bridge, the resolver with the load balancer, the tasks."""
MAX_REPLICAS: Final = 2
"""More tasks of one service show nothing that two do not show."""
_REGION: Final = "us-east-1"
_ACCOUNT: Final = "123456789012"
VPC_RESOLVER: Final = "169.254.169.253"
"""Where a VPC answers for its own resolver: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""


class Endpoint(NamedTuple):
    """A name and port that Service Connect offers, and the container port behind it.

    Attributes:
        alias: The name that clients use.
        port: The port that clients use.
        unit: Logical id of the service behind it.
        container_port: The port on which its container listens.
        http: Whether Service Connect speaks HTTP on it.
        idle_timeout: Seconds after which an idle connection is cut; None for Service Connect's default, 0 for never.
        request_timeout: Seconds that a request may take; None for Service Connect's default, 0 for no limit.
    """

    alias: str
    port: int
    unit: str
    container_port: int
    http: bool = False
    idle_timeout: int | None = None
    request_timeout: int | None = None


class RehearsedTarget(NamedTuple):
    """A container port that a target group of a load balancer sends requests to."""

    group: str
    container: str
    port: int


class RehearsedUnit(NamedTuple):
    """A service or job: what it runs, and where.

    Attributes:
        id: Its logical id: `service/web`, `run-task/migrate`.
        name: The compose service that it comes from.
        kind: `service` or `job`.
        definition: Its task definition, with every link in it resolved where that matters.
        addresses: The last byte of the address of each of its tasks.
        groups: Logical ids of its security groups.
        after: What has to be there before it is deployed.
        endpoints: What it offers by Service Connect.
        connected: Whether its tasks are clients of Service Connect.
        registered: The names under which the private DNS knows its tasks.
        targets: What load balancers send to it.
        ebs: The EBS volumes of its tasks, by volume.
        grace: Seconds for which the load balancer's checks do not count.
        scheduled: Whether a schedule runs it, and no deployment does.
        knows_all: Whether its deployment began when everything else was there: the second one of a service that is deployed again.
    """

    id: str
    name: str
    kind: str
    definition: TaskDefinition
    addresses: tuple[int, ...]
    groups: tuple[str, ...]
    after: tuple[DeploymentDependencies, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    connected: bool = False
    registered: tuple[str, ...] = ()
    targets: tuple[RehearsedTarget, ...] = ()
    ebs: Mapping[str, ManagedEbsVolume] = {}
    grace: int = 0
    scheduled: bool = False
    knows_all: bool = False


class RehearsalPlan(NamedTuple):
    """Everything that is run.

    Attributes:
        project: The name of the stack, by which everything on the engine is labelled.
        stack: The stack.
        units: Services and jobs by logical id, in the order of the stack.
        domain: The private DNS namespace; "" for none.
        region: The region, as containers see it.
    """

    project: str
    stack: Stack
    units: Mapping[str, RehearsedUnit]
    domain: str
    region: str

    def text(self, value: Any) -> str:
        """Give a text with its links resolved, as far as that can be done without an account."""
        return str(resolve_text(value, resolver(self.stack, self.region)))


def make_rehearsal_plan(stack: Stack, region: str = "") -> RehearsalPlan:
    """Read off a stack what a rehearsal runs."""
    account = stack.resources.get("account")
    known = account.region if isinstance(account, AccountIdentity) else ""
    scheduled = {stack.origins.get(node, "") for node, _ in stack.of_type(Schedule)}
    units: dict[str, RehearsedUnit] = {}
    address = FIRST_TASK
    for kind in (RunTask, EcsService):
        for node, resource in stack.of_type(kind):
            count = _count(resource)
            addresses = tuple(range(address, address + count))
            address += count
            units[node] = _unit(stack, node, resource, addresses, scheduled)
    units = {node: units[node] for node in stack.resources if node in units}
    namespace = next((one.name for _, one in stack.of_type(DnsNamespace)), "")
    return RehearsalPlan(stack.name, stack, units, namespace, region or known or _REGION)


def _count(resource: Any) -> int:
    wanted = resource.count if isinstance(resource, RunTask) else resource.desired_count
    return min(int(wanted), 1 if isinstance(resource, RunTask) else MAX_REPLICAS)


def _unit(
    stack: Stack, node: str, resource: Any, addresses: tuple[int, ...], scheduled: set[str]
) -> RehearsedUnit:
    name = stack.origins.get(node, node.partition("/")[2])
    network = resource.network_configuration.awsvpc_configuration
    job = isinstance(resource, RunTask)
    return RehearsedUnit(
        id=node,
        name=name,
        kind=JOB if job else SERVICE,
        definition=_definition(stack, resource),
        addresses=addresses,
        groups=tuple(_id(group) for group in network.security_groups),
        after=stack.after.get(node, ()),
        endpoints=() if job else tuple(_endpoints(stack, node, resource)),
        connected=not job and bool(getattr(resource.service_connect_configuration, "enabled", False)),
        registered=() if job else tuple(_registered(stack, resource)),
        targets=()
        if job
        else tuple(
            RehearsedTarget(_id(b.target_group_arn), b.container_name, b.container_port)
            for b in resource.load_balancers
        ),
        ebs={volume.name: volume.managed_ebs_volume for volume in resource.volume_configurations},
        grace=0 if job else resource.health_check_grace_period_seconds or 0,
        scheduled=job and name in scheduled,
    )


def _definition(stack: Stack, resource: Any) -> TaskDefinition:
    found = stack.resources[_id(resource.task_definition)]
    assert isinstance(found, TaskDefinition)  # noqa: S101 - the mapper links services to nothing else
    return found


def _id(value: Any) -> str:
    """Give the logical id behind a link, or the identifier of something that the user has."""
    return value.logical_id if isinstance(value, Ref) else str(value)


def _endpoints(stack: Stack, node: str, resource: EcsService) -> Iterator[Endpoint]:
    connect = resource.service_connect_configuration
    ports = {
        port.name: port
        for container in _definition(stack, resource).container_definitions
        for port in container.port_mappings
        if port.name
    }
    for offered in connect.services if connect and connect.enabled else ():
        port = ports.get(offered.port_name)
        if port is None:
            continue
        http = port.app_protocol in ("http", "http2", "grpc")
        idle, request = _timeouts(offered)
        for alias in offered.client_aliases:
            yield Endpoint(alias.dns_name, alias.port, node, port.container_port, http, idle, request)


def _timeouts(offered: ServiceConnectService) -> tuple[int | None, int | None]:
    limits = offered.timeout
    return (limits.idle_timeout_seconds, limits.per_request_timeout_seconds) if limits else (None, None)


def _registered(stack: Stack, resource: EcsService) -> Iterator[str]:
    for registry in resource.service_registries:
        found = stack.resources.get(_id(registry.registry_arn))
        if isinstance(found, DiscoveryService):
            yield found.name


# -- who knows whom ------------------------------------------------------------------------------------------


def _deployed_before(plan: RehearsalPlan, unit: RehearsedUnit) -> set[str]:
    """Give the logical ids of what is sure to be deployed before a unit, and the unit itself.

    Two services that nothing orders are created at the same time, or in either order. What is not sure does not count.
    """
    found: set[str] = set()
    waiting = [unit.id]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [
                after.logical_id for after in plan.units[node].after if after.logical_id in plan.units
            ]
    return found


def visible_endpoints(plan: RehearsalPlan, unit: RehearsedUnit) -> tuple[Endpoint, ...]:
    """Give the endpoints of Service Connect that the tasks of a unit know: those that existed when its deployment began.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
    """
    if not unit.connected:
        return ()
    before = set(plan.units) if unit.knows_all else _deployed_before(plan, unit)
    return tuple(e for other in plan.units.values() if other.id in before for e in other.endpoints)


def _searches(plan: RehearsalPlan, unit: RehearsedUnit) -> bool:
    """Tell whether a container of a unit's tasks adds the private DNS namespace to their search domains."""
    return bool(plan.domain) and any(
        f"search {plan.domain}" in word
        for container in unit.definition.container_definitions
        for word in container.command
    )


def looked_up(plan: RehearsalPlan, unit: RehearsedUnit, host: str) -> RehearsedUnit | None:
    """Give the unit that the private DNS finds for a name, which the tasks of a unit ask for; None where it finds none."""
    name, asked = host.lower(), f".{plan.domain}"
    short = name.removesuffix(asked) if plan.domain and name.endswith(asked) else name
    if short == name and not _searches(plan, unit):
        return None
    return next((other for other in plan.units.values() if short in other.registered), None)


def all_endpoints(plan: RehearsalPlan) -> Iterator[Endpoint]:
    """Give every endpoint of the stack."""
    for unit in plan.units.values():
        yield from unit.endpoints


def chosen_units(plan: RehearsalPlan, services: Iterable[str]) -> dict[str, RehearsedUnit]:
    """Give the units of some services, with everything that is deployed before them; scheduled ones by name only.

    Raises:
        KeyError: There is no such service.
    """
    wanted = list(services)
    if not wanted:
        return {node: unit for node, unit in plan.units.items() if not unit.scheduled}
    found: set[str] = set()
    for name in wanted:
        mine = [unit for unit in plan.units.values() if name in (unit.name, unit.id) or _runs(unit, name)]
        if not mine:
            raise KeyError(name)
        for unit in mine:
            found |= _deployed_before(plan, unit)
    return {node: unit for node, unit in plan.units.items() if node in found}


def _runs(unit: RehearsedUnit, name: str) -> bool:
    return any(container.name == name for container in unit.definition.container_definitions)


# -- security groups -----------------------------------------------------------------------------------------


class OpenPort(NamedTuple):
    """Ports that are open to some addresses; no addresses mean everybody, no ports all of them."""

    addresses: tuple[int, ...] | None
    protocol: str
    first: int | None
    last: int | None


def openings(plan: RehearsalPlan, unit: RehearsedUnit) -> tuple[OpenPort, ...]:
    """Give what the security groups of a unit let in."""
    return tuple(
        OpenPort(_sources(plan, rule), rule.ip_protocol, rule.from_port, rule.to_port)
        for _, rule in plan.stack.of_type(IngressRule)
        if _id(rule.group_id) in unit.groups
    )


def _sources(plan: RehearsalPlan, rule: IngressRule) -> tuple[int, ...] | None:
    """Give the addresses that a rule lets in. A group that the stack does not make may be that of a load balancer, too."""
    if rule.source_group_id is None:
        return None
    group = _id(rule.source_group_id)
    members = [byte for unit in plan.units.values() if group in unit.groups for byte in unit.addresses]
    balancers = {_id(one) for _, found in plan.stack.of_type(LoadBalancer) for one in found.security_groups}
    balances = group in balancers or group not in plan.stack.resources
    return tuple([*members, EDGE] if balances else members)


def may_begin(plan: RehearsalPlan, unit: RehearsedUnit) -> bool:
    """Tell whether the security groups of a unit let it open connections."""
    groups = [plan.stack.resources.get(group) for group in unit.groups]
    return any(not isinstance(group, SecurityGroup) or group.everything_out for group in groups)


# -- links ---------------------------------------------------------------------------------------------------


def resolver(stack: Stack, region: str) -> Callable[[Ref], Any]:
    """Give what a link becomes where there is no account: names as they are, invented numbers for the rest."""
    partition = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    part = next((name for prefix, name in partition.items() if region.startswith(prefix)), "aws")
    fixed = {"region": region, "id": _ACCOUNT, "partition": part}

    def resolve(ref: Ref) -> str:
        resource = stack.resources.get(ref.logical_id)
        if isinstance(resource, AccountIdentity):
            return getattr(resource, ref.attribute, "") or fixed.get(ref.attribute, "")
        name = name_of(resource) if resource is not None else ref.logical_id
        return (
            f"arn:{part}:rehearsal:{region}:{_ACCOUNT}:{name}"
            if ref.attribute == "arn"
            else name or ref.logical_id
        )

    return resolve
