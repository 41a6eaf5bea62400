"""Security groups: who may reach whom, and on which ports.

A compose network becomes a security group. Its members may reach each other on the ports that are known of them, and on
no others. So two services meet where they share a network, as in compose. What comes from outside comes through a
load balancer, which has a group of its own.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import MAX_GROUP_RULES, MAX_SECURITY_GROUPS
from compose2fargate.aws.resources import IngressRule, LoadBalancer, Resource, SecurityGroup
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Network, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.access.iam_roles import project_tags
from compose2fargate.mapping.containers.task_definitions import MappedTask
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.network.load_balancer_ports import LoadBalancerPort
from compose2fargate.mapping.network.load_balancing import LoadBalancing
from compose2fargate.mapping.storage.efs import CLIENTS, mounts_own
from compose2fargate.mapping.stores.managed_store import STORE_CLIENTS, client_leaders
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

GROUPS_URL = "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html"
RULES_URL = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"

_BALANCERS = ("load-balancer", "network-load-balancer")
_RESERVED = frozenset({*_BALANCERS, "file-system", "file-system-clients", "store-clients"})
"""Names of groups that are no network's."""

Group = str | Ref
Open = tuple[str, int]
"""A protocol and a port."""
_ALL = "-1"
_EVERYTHING: set[Open] = {(_ALL, 0)}
"""All ports of all protocols: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html"""


class SecurityGroups(NamedTuple):
    """Security groups and their rules by logical id, and the leading service of a task to the groups it is in."""

    resources: Mapping[str, Resource]
    groups: Mapping[str, tuple[Group, ...]]


def build_security_groups(
    ctx: TranslationInput,
    findings: TranslationFindings,
    tasks: Mapping[str, MappedTask],
    fronts: LoadBalancing,
) -> SecurityGroups:
    """Give the groups and rules under which the tasks of a project reach each other, and load balancers reach them."""
    plan = _SecurityGroupPlan(ctx, findings, tasks)
    if ctx.settings.security_groups:
        _leave_to_user(ctx.settings, findings, fronts)
        plan.use(ctx.settings.security_groups)
    else:
        plan.separate()
    plan.let_in(fronts)
    plan.add_file_system_clients()
    plan.add_store_clients()
    return SecurityGroups({**plan.groups, **plan.rules}, plan.of_task)


def networks_of(made: MappedTask) -> tuple[str, ...]:
    """Give the networks that a task is attached to: those of all its services, or the default one where there are none."""
    names = {name for service in made.services for name in service.networks}
    return tuple(sorted(names)) or ("default",)


class _SecurityGroupPlan:
    """Collects groups and rules."""

    def __init__(
        self, ctx: TranslationInput, findings: TranslationFindings, tasks: Mapping[str, MappedTask]
    ) -> None:
        self._ctx = ctx
        self._findings = findings
        self._tasks = tasks
        self._networks = {leader: networks_of(made) for leader, made in tasks.items()}
        self._mounting = frozenset(n for n, made in tasks.items() if mounts_own(ctx, made.services))
        self._using = client_leaders(ctx) if ctx.stores else frozenset[str]()
        self._merged = frozenset(n for n, networks in self._networks.items() if len(networks) > self._room(n))
        self.groups: dict[str, Resource] = {}
        self.rules: dict[str, Resource] = {}
        self.of_task: dict[str, tuple[Group, ...]] = {}
        self._internal: set[Group] = set()

    def _room(self, leader: str) -> int:
        """How many groups a task may be in, besides those of the clients of the file system and of stores."""
        return MAX_SECURITY_GROUPS - (leader in self._mounting) - (leader in self._using)

    def use(self, groups: tuple[str, ...]) -> None:
        """Put every task into the user's groups."""
        self.of_task = dict.fromkeys(self._tasks, groups)

    def separate(self) -> None:
        """Make a group for each network that tasks are attached to, and one for each task with too many networks."""
        members: dict[str, list[str]] = {}
        for leader, networks in self._networks.items():
            for network in networks:
                members.setdefault(network, []).append(leader)
        groups = {
            network: self._network_group(network)
            for network in sorted(members)
            if self._is_used(members[network])
        }
        for leader, networks in self._networks.items():
            if leader in self._merged:
                self.of_task[leader] = (self._own_group(leader, networks),)
            else:
                self.of_task[leader] = tuple(dict.fromkeys(groups[network] for network in networks))
        for network, leaders in sorted(members.items()):
            self._open_network(network, groups.get(network), leaders)

    def _is_used(self, leaders: Iterable[str]) -> bool:
        return any(leader not in self._merged for leader in leaders)

    def _network_group(self, name: str) -> Group:
        """Give the group of a network: the one it stands for, or a new one."""
        network = self._ctx.project.networks.get(name, Network(name, name))
        given = self._given(network)
        if given:
            return given
        made = self._make(name, f"Members of the network {name} of {self._ctx.stack}")
        if network.internal:
            self._internal.add(made)
        return made

    def _given(self, network: Network) -> str:
        """The id of the group that the user has for a network."""
        ctx, own = self._ctx, network.extensions.get("x-fargate") or {}
        path: Path = ("networks", network.key)
        named = network.name if network.external and network.name.startswith("sg-") else ""
        extension = str(network.extensions.get("x-aws-securitygroup") or "")
        given = ctx.settings.networks.get(network.key) or own.get("security_group") or extension or named
        if given:
            self._findings.info(
                "C2F216",
                path,
                f"network {network.key} is the security group {given}: no rules are added to it",
                hint="allow its members to reach each other on their ports",
                url=GROUPS_URL,
            )
        elif network.external:
            self._findings.warn(
                "C2F216",
                path,
                f"network {network.key} belongs to another project: here it becomes a new security group, in which "
                "services of that project are not",
                hint=f"name the security group that both use: --network {network.key}=sg-…",
                url=GROUPS_URL,
            )
        return str(given)

    def _make(self, name: str, description: str) -> Ref:
        if name in _RESERVED:
            name = f"network-{name}"
        while (
            logical_id := f"security-group/{name}"
        ) in self.groups:  # a network called service-web, for one
            name = f"{name}-group"
        self.groups[logical_id] = SecurityGroup(
            group_name=_group_name(f"{self._ctx.stack}-{name}"),
            description=_described(description),
            vpc_id=Ref("network", "vpc_id"),
            tags=project_tags(self._ctx),
        )
        return Ref(logical_id, "id")

    def _own_group(self, leader: str, networks: tuple[str, ...]) -> Ref:
        self._findings.warn(
            "C2F296",
            ("services", leader, "networks"),
            f"{leader} has {len(networks)} networks, and a task at most {MAX_SECURITY_GROUPS} security groups"
            f"{', one of them for the file system' if leader in self._mounting else ''}: it gets one "
            "group of its own, which allows traffic from and to all of its networks",
            hint=f"attach it to at most {self._room(leader)} networks",
            url=RULES_URL,
        )
        return self._make(f"service-{self._ctx.names[leader]}", f"The tasks of {leader} of {self._ctx.stack}")

    # -- rules -------------------------------------------------------------------------------------------------

    def _open_network(self, network: str, group: Group | None, leaders: list[str]) -> None:
        """Let the members of a network in at each other's ports: one rule for each run of ports, however many members.

        Where names are looked up in the DNS they are let in at all ports, as in compose.
        """
        listening = {leader: set(self._listening(leader, network)) for leader in leaders}
        apart = [leader for leader in leaders if leader in self._merged]
        together = {port for leader in leaders if leader not in self._merged for port in listening[leader]}
        if self._ctx.settings.finds_by_dns:
            listening, together = dict.fromkeys(leaders, _EVERYTHING), _EVERYTHING
        if group is not None:
            self._allow(group, group, together, f"members of {network}")
        for leader in apart:
            own = self.of_task[leader][0]
            sources = [(group, f"members of {network}")] if group is not None else []
            sources += [(self.of_task[other][0], other) for other in apart if other != leader]
            for source, said in sources:
                self._allow(own, source, listening[leader], said)
            if group is not None:
                self._allow(group, own, together, leader)

    def _listening(self, leader: str, network: str) -> Iterator[Open]:
        """The ports on which a task listens for a network: those of its services there, and of those without networks."""
        made = self._tasks[leader]
        for service in made.services:
            if service.name in made.ports and (network in service.networks or not service.networks):
                yield from _ports(self._ctx.images, service, made)

    def let_in(self, fronts: LoadBalancing) -> None:
        """Make the groups of the load balancers, open their listeners, and let them in at the tasks."""
        given, used = self._ctx.settings.load_balancer_security_group, False
        for is_network, logical_id in enumerate(_BALANCERS):
            entrances = [e for e in fronts.entrances if e.is_network == bool(is_network)]
            if not entrances:
                continue
            source = (
                self._balancer_group(logical_id, fronts) or self._ctx.settings.load_balancer_security_group
            )
            if self._ctx.settings.security_groups:
                continue
            used |= source == given
            if not source:
                _report_unknown_source(self._findings, entrances)
                continue
            ports: dict[Group, set[Open]] = {}
            for entrance in entrances:
                ports.setdefault(self._entry_group(entrance), set()).update(_opened(entrance))
            for group, opened in ports.items():
                self._allow(group, source, opened, "the load balancer")
        if given and not used:
            _report_unused_source(self._findings, given, self._ctx.settings)

    def _balancer_group(self, logical_id: str, fronts: LoadBalancing) -> Ref | None:
        if not isinstance(fronts.resources.get(logical_id), LoadBalancer):
            return None
        is_network = logical_id == _BALANCERS[1]
        self.groups[f"security-group/{logical_id}"] = SecurityGroup(
            group_name=_group_name(f"{self._ctx.stack}-{logical_id}"),
            description=_described(f"The {logical_id.replace('-', ' ')} of {self._ctx.stack}"),
            vpc_id=Ref("network", "vpc_id"),
            tags=project_tags(self._ctx),
        )
        ref = Ref(f"security-group/{logical_id}", "id")
        for kind, protocol, port, ranges in fronts.listening:
            for number, cidr in enumerate(ranges if kind == is_network else (), 1):
                name = f"ingress-rule/{logical_id}-{protocol}-{port}" + (f"-{number}" if number > 1 else "")
                rule = IngressRule(
                    ref,
                    protocol,
                    port,
                    port,
                    _described(f"Clients of port {port}"),
                    tags=project_tags(self._ctx),
                )
                self.rules[name] = (
                    rule._replace(cidr_ipv6=cidr) if ":" in cidr else rule._replace(cidr_ip=cidr)
                )
        return ref

    def _entry_group(self, entrance: LoadBalancerPort) -> Group:
        """The group in which a task lets a load balancer in: one of ours, rather not an internal network's, or a new one."""
        mine = self.of_task[entrance.leader]
        ours = min((g for g in mine if isinstance(g, Ref)), key=lambda g: g in self._internal, default=None)
        if ours is None:
            name = f"service-{self._ctx.names[entrance.leader]}"
            ours = self._make(name, f"The tasks of {entrance.leader} of {self._ctx.stack}")
            self.of_task[entrance.leader] = (*mine[: self._room(entrance.leader) - 1], ours)
        return ours

    def add_file_system_clients(self) -> None:
        """Put the tasks that mount the stack's own file system into a group which alone it lets in."""
        if not self._mounting:
            return
        name = CLIENTS.logical_id.partition("/")[2]
        self.groups[CLIENTS.logical_id] = SecurityGroup(
            group_name=_group_name(f"{self._ctx.stack}-{name}"),
            description=_described(f"Tasks of {self._ctx.stack} that mount its file system"),
            vpc_id=Ref("network", "vpc_id"),
            tags=project_tags(self._ctx),
        )
        for leader in sorted(self._mounting):
            self.of_task[leader] = (*self.of_task[leader][: self._room(leader)], CLIENTS)
            self._report_left_out(leader)

    def add_store_clients(self) -> None:
        """Put the tasks that talk to a store of AWS's into a group which alone those let in."""
        if not self._ctx.stores:
            return
        self.groups[STORE_CLIENTS.logical_id] = SecurityGroup(
            group_name=_group_name(f"{self._ctx.stack}-store-clients"),
            description=_described(f"Tasks of {self._ctx.stack} that talk to its databases and caches"),
            vpc_id=Ref("network", "vpc_id"),
            tags=project_tags(self._ctx),
        )
        for leader in sorted(self._using):
            mine = self.of_task[leader]
            self.of_task[leader] = (*mine[: MAX_SECURITY_GROUPS - 1], STORE_CLIENTS)

    def _report_left_out(self, leader: str) -> None:
        """Say which group of the user's a task is not in, where all places are taken."""
        for group in self._ctx.settings.security_groups[self._room(leader) :]:
            self._findings.warn(
                "C2F296",
                ("services", leader),
                f"{leader} is not in the security group {group}: a task has at most {MAX_SECURITY_GROUPS}, and one of them is "
                "that of the clients of the file system",
                hint=f"use --security-group at most {self._room(leader)} times, or --file-system fs-… for your own file system",
                url=RULES_URL,
            )

    def _allow(self, group: Group, source: Group, ports: Iterable[Open], said: str) -> None:
        """Add a rule for each run of ports to a group of ours."""
        if not isinstance(group, Ref):
            return
        name = _short(group)
        runs = _runs(ports)
        if len(runs) > MAX_GROUP_RULES // 2:
            runs = _widened(runs)
            self._findings.info(
                "C2F296",
                (),
                f"{name} has more ports than a security group has rules: one rule covers every port from the lowest to the highest",
                url=RULES_URL,
            )
        origin = "" if source == group else f"-from-{_short(source)}"
        for protocol, first, last in runs:
            every = protocol == _ALL
            shown = f"{first}" if first == last else f"{first}-{last}"
            text = f"Everything from {said}" if every else f"{protocol.upper()} {shown} from {said}"
            short = "all" if every else f"{protocol}-{shown}"
            self.rules[f"ingress-rule/{name}-{short}{origin}"] = IngressRule(
                group,
                protocol,
                None if every else first,
                None if every else last,
                _described(text),
                source_group_id=source,
                tags=project_tags(self._ctx),
            )


def _leave_to_user(settings: Settings, findings: TranslationFindings, fronts: LoadBalancing) -> None:
    """Say what the user's own groups have to let in."""
    ports = _all_opened(fronts.entrances)
    if not ports:
        return
    shown = _shown(ports)
    findings.warn(
        "C2F299",
        (),
        f"no rules are added to your own security groups: they must allow traffic from the load balancer at {shown}",
        hint=f"aws ec2 authorize-security-group-ingress --group-id {shlex.quote(settings.security_groups[0])} --protocol {ports[0][0]} "
        f"--port {ports[0][1]} --source-group SECURITY_GROUP_OF_THE_LOAD_BALANCER",
        url=GROUPS_URL,
    )


def _ports(images: Mapping[str, ImageConfig], service: Service, made: MappedTask) -> Iterator[Open]:
    """The ports of a service, those for a second protocol included, which a task definition cannot name."""
    for mapping in made.ports[service.name]:
        yield mapping.protocol, mapping.container_port
    built = images.get(service.name)
    also = [(port.protocol, port.target) for port in service.ports]
    also += [(protocol, number) for number, protocol in (built.exposed if built else ())]
    yield from (opened for opened in also if opened[0] in ("tcp", "udp"))


def _report_unknown_source(findings: TranslationFindings, entrances: Iterable[LoadBalancerPort]) -> None:
    """Say that only the user knows from which group an existing load balancer sends its requests."""
    findings.warn(
        "C2F299",
        (),
        "the security group of the existing load balancer is not known: no rule allows it to reach the tasks at "
        f"{_shown(_all_opened(entrances))}",
        hint="name it: --load-balancer-security-group sg-…",
        url=GROUPS_URL,
    )


def _report_unused_source(findings: TranslationFindings, given: str, settings: Settings) -> None:
    """Say that nothing is let in from the group that the user names: it belongs to a load balancer or listener that exists."""
    if settings.security_groups:
        why = "the tasks are in security groups of yours, to which no rule is added"
        hint = f"let {given} in there yourself, or leave --security-group out"
    elif settings.load_balancer == "none" or not (settings.load_balancer or settings.listener):
        why = "it is that of a load balancer that exists, and none is named"
        hint = "name it: --load-balancer ARN or --listener ARN; or leave the security group out"
    else:
        why = "no port is opened by the load balancer that exists"
        hint = "publish a port that speaks HTTP, or leave the security group out"
    findings.warn(
        "C2F538",
        ("x-fargate", "load_balancer_security_group"),
        f"the load balancer's security group {given} is not used: {why}",
        hint=hint,
        url=GROUPS_URL,
    )


def _all_opened(entrances: Iterable[LoadBalancerPort]) -> list[Open]:
    return sorted({port for entrance in entrances for port in _opened(entrance)})


def _shown(ports: Iterable[Open]) -> str:
    return ", ".join(f"{protocol} {port}" for protocol, port in ports)


def _opened(entrance: LoadBalancerPort) -> Iterator[Open]:
    """The port that requests go to, and that of the health check, where it is another one."""
    own = ("udp" if entrance.protocol == "udp" else "tcp", entrance.port)
    yield own
    if entrance.health_port is not None and ("tcp", entrance.health_port) != own:
        yield "tcp", entrance.health_port


def _runs(ports: Iterable[Open]) -> list[tuple[str, int, int]]:
    """Put neighbouring ports together: a rule takes a range."""
    runs: list[tuple[str, int, int]] = []
    for protocol, port in sorted(set(ports)):
        if runs and runs[-1][0] == protocol and runs[-1][2] == port - 1:
            runs[-1] = (protocol, runs[-1][1], port)
        else:
            runs.append((protocol, port, port))
    return runs


def _widened(runs: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    ends: dict[str, tuple[int, int]] = {}
    for protocol, first, last in runs:
        low, high = ends.get(protocol, (first, last))
        ends[protocol] = (min(low, first), max(high, last))
    return [(protocol, low, high) for protocol, (low, high) in ends.items()]


def _short(group: Group) -> str:
    return group.logical_id.partition("/")[2] if isinstance(group, Ref) else group


def _group_name(text: str) -> str:
    """A group's name may not begin with `sg-`, which is for ids."""
    name = ecs_name(text)
    return f"group-{name}"[:255] if name.startswith("sg-") else name


def _described(text: str) -> str:
    """A description in the characters that EC2 takes: `GROUPS_URL`."""
    return re.sub(r"[^A-Za-z0-9. _:/()#,@\[\]+=&;{}!$*-]", "-", text)[:255]
