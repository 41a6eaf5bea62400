"""Load balancers: which ports they open, and how requests reach the tasks.

A published HTTP port is opened by the project's one application load balancer, on the port that it is published on. Whatever
else is published stays inside the VPC unless `x-fargate.ingress` asks for it: the database port of a development file is
published for the developer's own tools, and not for the internet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from math import ceil

from compose2fargate.aws import prices
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    Certificate,
    EcsLoadBalancer,
    Existing,
    FixedResponseConfig,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    RedirectConfig,
    Resource,
    RuleCondition,
    TargetGroup,
)
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.access.iam_roles import project_tags
from compose2fargate.mapping.containers.container_dependencies import container_name
from compose2fargate.mapping.containers.sizing import price_table
from compose2fargate.mapping.containers.task_definitions import MappedTask
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.names import load_balancing_name
from compose2fargate.mapping.network.load_balancer_ports import (
    BALANCING_URL,
    RULES_URL,
    LoadBalancerPort,
    chosen_certificate,
    chosen_texts,
    opened_ports,
    port_key,
    within_limits,
)
from compose2fargate.mapping.network.port_protocols import port_protocol
from compose2fargate.mapping.network.target_groups import target_group
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3 and 1.2: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""
GRACE_SECONDS = 60
"""Below this, a task that starts slowly is replaced before it ever answers."""


class LoadBalancing(NamedTuple):
    """The load balancers of a project.

    Attributes:
        resources: Load balancers, target groups, listeners and rules by logical id, in the order of creation.
        targets: The leading service of a task to what stands in front of it.
        entrances: What is opened, for the security groups.
        listening: Ports of the application and of the network load balancer, as `(is_network, protocol, port, address ranges)`.
    """

    resources: Mapping[str, Resource]
    targets: Mapping[str, tuple[EcsLoadBalancer, ...]]
    entrances: tuple[LoadBalancerPort, ...]
    listening: tuple[tuple[bool, str, int, tuple[str, ...]], ...]


def build_load_balancers(
    ctx: TranslationInput, findings: TranslationFindings, tasks: Mapping[str, MappedTask]
) -> LoadBalancing:
    """Give the load balancers that the project's ports need, and say of each port what becomes of it."""
    found = [
        entrance
        for leader, made in tasks.items()
        for service in made.services
        if service.name in made.ports
        for entrance in opened_ports(ctx, findings, leader, service)
    ]
    found.sort(key=lambda e: (e.service.name, e.published, e.port))
    entrances = list(within_limits(ctx.settings, findings, found))
    plan = _LoadBalancerPlan(ctx, findings)
    plan.application([e for e in entrances if not e.is_network])
    plan.network([e for e in entrances if e.is_network])
    return plan.fronts()


def grace_period(made: MappedTask) -> int:
    """How long failing health checks of a new task behind a load balancer count for nothing."""
    starts = (s.healthcheck.start_period or 0 for s in made.services if s.healthcheck)
    return max(GRACE_SECONDS, *map(ceil, starts), 0)


# -- load balancers, listeners and rules -----------------------------------------------------------------------


class _LoadBalancerPlan:
    """Collects the parts of the load balancers in the order of their creation."""

    def __init__(self, ctx: TranslationInput, findings: TranslationFindings) -> None:
        self._ctx = ctx
        self._findings = findings
        self._balancers: dict[str, Resource] = {}
        self._groups: dict[str, TargetGroup] = {}
        self._listeners: dict[str, Resource] = {}
        self._rules: dict[str, ListenerRule] = {}
        self._targets: dict[str, dict[str, EcsLoadBalancer]] = {}
        self._opened: list[LoadBalancerPort] = []
        self._listening: list[tuple[bool, str, int, tuple[str, ...]]] = []

    def fronts(self) -> LoadBalancing:
        """Give what was collected."""
        return LoadBalancing(
            {**self._balancers, **self._groups, **self._listeners, **self._rules},
            {leader: tuple(found.values()) for leader, found in self._targets.items()},
            tuple(self._opened),
            tuple(self._listening),
        )

    def application(self, entrances: Sequence[LoadBalancerPort]) -> None:
        """Put HTTP ports behind the application load balancer, or behind what the settings name in its place."""
        if self._ctx.settings.listener:
            self._on_listener(entrances)
            return
        if not entrances:
            return
        self._balancer("load-balancer", "application", entrances)
        by_port: dict[int, list[LoadBalancerPort]] = {}
        doors, redirects = _listener_ports(self._ctx.settings, entrances)
        for entrance, port in doors:
            by_port.setdefault(port, []).append(entrance)
        for port, members in sorted(by_port.items()):
            self._application_listener(port, members)
        if redirects:
            action = ListenerAction("redirect", redirect_config=RedirectConfig("HTTPS", "443"))
            ref = Ref("load-balancer", "arn")
            self._listeners["listener/80"] = Listener(
                ref, 80, "HTTP", (action,), tags=project_tags(self._ctx)
            )
            self._listening.append((False, "tcp", 80, _allowed_cidrs(self._ctx.settings, redirects)))
        for entrance in redirects:
            if entrance not in self._opened:
                _say_opened(
                    self._ctx, self._findings, entrance, "port 80 of the load balancer redirects to port 443"
                )

    def network(self, entrances: Sequence[LoadBalancerPort]) -> None:
        """Put TCP, UDP and TLS ports behind a network load balancer."""
        if not entrances:
            return
        self._balancer("network-load-balancer", "network", entrances)
        for entrance in entrances:
            protocol = entrance.protocol.upper()
            transport = "udp" if protocol == "UDP" else "tcp"
            certificate = chosen_certificate(self._ctx.settings, entrance.asked) if protocol == "TLS" else ""
            suffix = "-udp" if transport == "udp" else ""
            self._listeners[f"listener/network-{entrance.published}{suffix}"] = Listener(
                Ref("network-load-balancer", "arn"),
                entrance.published,
                protocol,
                (self._forward(entrance),),
                certificates=(Certificate(certificate),) if certificate else (),
                ssl_policy=SSL_POLICY if certificate else None,
                tags=project_tags(self._ctx),
            )
            self._listening.append(
                (True, transport, entrance.published, _allowed_cidrs(self._ctx.settings, [entrance]))
            )
            self._open(
                entrance,
                f"port {entrance.published} of the network load balancer forwards to port {entrance.port}",
            )

    def _balancer(self, logical_id: str, kind: str, entrances: Sequence[LoadBalancerPort]) -> None:
        ctx = self._ctx
        if kind == "application" and ctx.settings.load_balancer:
            self._balancers[logical_id] = Existing("LoadBalancer", ctx.settings.load_balancer)
            return
        attributes = {
            "application": {"routing.http.drop_invalid_header_fields.enabled": "true"},
            "network": {"load_balancing.cross_zone.enabled": "true"},
        }
        self._balancers[logical_id] = LoadBalancer(
            name=load_balancing_name(ctx.stack if kind == "application" else f"{ctx.stack}-network"),
            type=kind,
            scheme=ctx.settings.load_balancer_scheme,
            subnets=Ref("network", "load_balancer_subnet_ids"),
            security_groups=(Ref(f"security-group/{logical_id}", "id"),),
            attributes=attributes[kind],
            tags=project_tags(ctx),
        )
        names = ", ".join(sorted({e.service.name for e in entrances}))
        month = prices.HOURS * price_table(ctx.settings).load_balancer_hour
        self._findings.info(
            "C2F218",
            entrances[0].path,
            f"one {kind} load balancer ({ctx.settings.load_balancer_scheme}) for {names}: "
            f"about {month:.2f} USD a month, plus its traffic",
            hint="write x-fargate: {ingress: false} under a service to keep it inside the VPC, or use --load-balancer none for all",
            url=BALANCING_URL,
        )

    def _application_listener(self, port: int, members: Sequence[LoadBalancerPort]) -> None:
        certificates = tuple(
            dict.fromkeys(c for e in members if (c := chosen_certificate(self._ctx.settings, e.asked)))
        )
        secured = bool(certificates) and (port != 80 or any(e.published != 80 for e in members))
        bare = next((e for e in members if not e.has_conditions), None)
        nothing = ListenerAction("fixed-response", fixed_response_config=FixedResponseConfig("404"))
        logical_id = f"listener/{port}"
        self._listeners[logical_id] = Listener(
            Ref("load-balancer", "arn"),
            port,
            "HTTPS" if secured else "HTTP",
            (self._forward(bare) if bare else nothing,),
            certificates=tuple(map(Certificate, certificates)) if secured else (),
            ssl_policy=SSL_POLICY if secured else None,
            tags=project_tags(self._ctx),
        )
        self._listening.append((False, "tcp", port, _allowed_cidrs(self._ctx.settings, members)))
        for entrance in members:
            if entrance is not bare:
                self._rule(logical_id, entrance)
            shown = "port" if not secured else "HTTPS on port"
            self._open(entrance, f"{shown} {port} of the load balancer forwards to port {entrance.port}")

    def _on_listener(self, entrances: Sequence[LoadBalancerPort]) -> None:
        if not entrances:
            says = "no rule is added to the listener: no service has a public port that speaks HTTP"
            hint = "publish one: ports: ['8080:80'], or x-fargate: {ingress: [{port: 80, host: www.example.com}]}"
            self._findings.refuse("C2F547", ("x-fargate", "listener"), says, hint=hint, url=RULES_URL)
            return
        self._listeners["listener/existing"] = Existing("Listener", self._ctx.settings.listener)
        for entrance in entrances:
            if not entrance.has_conditions:
                self._refuse_everything(entrance)
            self._rule("listener/existing", entrance)
            self._open(entrance, f"a rule of the existing listener forwards to port {entrance.port}")

    def _refuse_everything(self, entrance: LoadBalancerPort) -> None:
        """Refuse a rule that would take the requests of all others who share the listener."""
        name = entrance.service.name
        says = f"port {entrance.port} of {name} would take every request that reaches the listener and that no other rule takes before"
        hint = (
            f"say which are its own: under {name}, x-fargate: {{ingress: [{{port: {entrance.port}, "
            f"host: {name}.example.com}}]}}, or a path:; --allow C2F547 if it is to take all"
        )
        self._findings.refuse("C2F547", entrance.path, says, hint=hint, url=RULES_URL)

    def _rule(self, listener: str, entrance: LoadBalancerPort) -> None:
        hosts, paths = chosen_texts(entrance.asked, "host"), chosen_texts(entrance.asked, "path")
        conditions = [RuleCondition("host-header", hosts)] if hosts else []
        if paths or not hosts:
            conditions.append(RuleCondition("path-pattern", paths or ("/*",)))
        taken = {rule.priority for rule in self._rules.values() if rule.listener_arn == Ref(listener, "arn")}
        key = f"{self._ctx.stack}/{entrance.service.name}/{entrance.port}/{hosts}/{paths}"
        name = f"listener-rule/{self._ctx.names[entrance.service.name]}-{entrance.port}"
        number = 1
        while (unique := name if number == 1 else f"{name}-{number}") in self._rules:
            number += 1
        self._rules[unique] = ListenerRule(
            Ref(listener, "arn"),
            entrance.asked.get("priority") or _priority(key, hosts, paths, taken),
            tuple(conditions),
            (self._forward(entrance),),
            tags=project_tags(self._ctx),
        )

    def _forward(self, entrance: LoadBalancerPort) -> ListenerAction:
        """Give the action that sends requests to an entrance's target group, which is made where it is the first."""
        service = self._ctx.names[entrance.service.name]
        logical_id = f"target-group/{service}-{port_key(entrance)}"
        if logical_id not in self._groups:
            self._groups[logical_id] = target_group(self._ctx, self._findings, entrance)
        target = EcsLoadBalancer(Ref(logical_id, "arn"), container_name(entrance.service), entrance.port)
        self._targets.setdefault(entrance.leader, {}).setdefault(logical_id, target)
        return ListenerAction("forward", target_group_arn=Ref(logical_id, "arn"))

    def _open(self, entrance: LoadBalancerPort, story: str) -> None:
        self._opened.append(entrance)
        _say_opened(self._ctx, self._findings, entrance, story)


def _say_opened(
    ctx: TranslationInput, findings: TranslationFindings, entrance: LoadBalancerPort, story: str
) -> None:
    """Say which port is open to whom, and why. One that is known to be private is a warning, although it was asked for."""
    conditions = [
        f"{key} {', '.join(chosen_texts(entrance.asked, key))}"
        for key in ("host", "path")
        if entrance.asked.get(key)
    ]
    ranges = _allowed_cidrs(ctx.settings, [entrance])
    text = "; ".join([f"{story} of {entrance.service.name}: {entrance.reason}", *conditions])
    private = port_protocol(ctx.images, entrance.service, entrance.port).is_private and "0.0.0.0/0" in ranges
    findings.add(
        Severity.WARNING if private else Severity.INFO,
        "C2F215",
        entrance.path,
        text + ("; anyone can connect" if private else ""),
        hint="limit who may connect, for example from: [203.0.113.0/24]" if private else "",
        url=BALANCING_URL,
    )
    findings.outcomes[entrance.path] = CoverageRow(KeyOutcome.MAPPED, text, "", None, "C2F215", BALANCING_URL)


def _listener_ports(
    settings: Settings, entrances: Sequence[LoadBalancerPort]
) -> tuple[list[tuple[LoadBalancerPort, int]], list[LoadBalancerPort]]:
    """Give each entrance with its listener's port, and the entrances for which port 80 redirects to 443.

    With a certificate, what is published on port 80 is served on 443, and port 80 redirects there. A service that publishes
    both keeps its own port 443; where another service has port 443, port 80 stays as it is. What is published on 443 may ask
    for a redirect of its own.
    """
    owners = {e.service.name for e in entrances if e.published == 443}
    doors: list[tuple[LoadBalancerPort, int]] = []
    redirects: list[LoadBalancerPort] = []
    for entrance in entrances:
        moves = entrance.published == 80 and bool(chosen_certificate(settings, entrance.asked))
        if moves and (not owners or entrance.service.name in owners):
            redirects.append(entrance)
            if not owners or entrance.has_conditions:
                doors.append((entrance, 443))
        else:
            doors.append((entrance, entrance.published))
    taken = any(port == 80 for _, port in doors)
    if not taken and not redirects:
        redirects = [e for e, port in doors if port == 443 and e.asked.get("redirect")]
    if taken:
        doors.extend((entrance, 80) for entrance in redirects if entrance not in [e for e, _ in doors])
        return doors, []
    return doors, redirects


def _allowed_cidrs(settings: Settings, entrances: Iterable[LoadBalancerPort]) -> tuple[str, ...]:
    """The address ranges that may connect: everyone, or the private ones where the load balancer is internal."""
    own = [tuple(map(str, e.asked.get("from") or ())) for e in entrances]
    if own and all(own):
        return tuple(dict.fromkeys(r for ranges in own for r in ranges))
    if settings.load_balancer_scheme == "internal":
        return ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
    return ("0.0.0.0/0",)


def _priority(key: str, hosts: Sequence[str], paths: Sequence[str], taken: set[int]) -> int:
    """Give a rule a priority that other rules do not change: host and path first, then host, then the longest path.

    AWS takes 1 to 50000, each once in a listener: `RULES_URL`.
    """
    digest = int(sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16)
    if hosts and not paths:
        first, width = 16_001, 16_000
    else:
        length = min(max(map(len, paths or ("/*",))), 63)
        first, width = (1 if hosts else 32_001) + (63 - length) * 250, 250
    priority = first + digest % width
    while priority in taken:
        priority += 1
    return priority
