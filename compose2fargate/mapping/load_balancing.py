"""Load balancers: which ports they open, and how requests reach the tasks.

A published HTTP port is opened by the project's one application load balancer, on the port that it is published on. Whatever
else is published stays inside the VPC unless `x-fargate.ingress` asks for it: the database port of a development file is
published for the developer's own tools, and not for the internet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from math import ceil
from typing import Any, NamedTuple

from compose2fargate.aws import prices
from compose2fargate.aws.fargate import (
    DOCS,
    MAX_LISTENERS,
    MAX_RULE_VALUES,
    MAX_TARGET_GROUPS,
    MAX_TARGET_GROUPS_PER_SERVICE,
    TARGET_INTERVAL,
    TARGET_THRESHOLD,
    TARGET_TIMEOUT,
)
from compose2fargate.aws.resources import (
    Certificate,
    EcsLoadBalancer,
    Existing,
    FixedResponseConfig,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    Matcher,
    RedirectConfig,
    Resource,
    RuleCondition,
    TargetGroup,
)
from compose2fargate.aws.values import Ref
from compose2fargate.compose.model import Port, Service
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.names import load_balancing_name
from compose2fargate.mapping.networking import MAX_EXPANDED_PORTS
from compose2fargate.mapping.protocols import Spoken, health_url, spoken
from compose2fargate.mapping.roles import project_tags
from compose2fargate.mapping.sizing import price_table
from compose2fargate.mapping.tasks import Task, container_name

BALANCING_URL = f"{DOCS}/service-load-balancing.html"
ALB_URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application"
HTTPS_URL = f"{ALB_URL}/create-https-listener.html"
RULES_URL = f"{ALB_URL}/listener-rules.html"
QUOTAS_URL = f"{ALB_URL}/load-balancer-limits.html"
TARGETS_URL = f"{ALB_URL}/load-balancer-target-groups.html"
NETWORK_URL = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html"
)

SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3 and 1.2: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"""
GRACE_SECONDS = 60
"""Below this, a task that starts slowly is replaced before it ever answers."""
DRAIN_SECONDS = 30
"""How long open requests may go on where nothing says it: what ECS waits before it kills a container."""

_NETWORK_PROTOCOLS = frozenset({"tcp", "udp", "tls"})
_NEEDS_TLS = frozenset({"http2", "grpc"})
"""Protocols that an application load balancer carries behind an HTTPS listener only: `TARGETS_URL`."""


class Entrance(NamedTuple):
    """A port of a service that a load balancer opens.

    Attributes:
        leader: The service whose task it is in.
        service: The service that listens.
        path: The key that asks for it.
        port: The container's port.
        published: The load balancer's port.
        protocol: http, https, http2 or grpc behind an application load balancer; tcp, udp or tls behind a network one.
        asked: The entry of `x-fargate.ingress`; empty for a published port.
        reason: Why it is opened, and how.
    """

    leader: str
    service: Service
    path: Path
    port: int
    published: int
    protocol: str
    asked: Mapping[str, Any]
    reason: str

    @property
    def is_network(self) -> bool:
        """Whether a network load balancer opens it."""
        return self.protocol in _NETWORK_PROTOCOLS

    @property
    def has_conditions(self) -> bool:
        """Whether it takes just some of the requests."""
        return bool(self.asked.get("host") or self.asked.get("path"))

    @property
    def health_port(self) -> int | None:
        """The port that the health check asks: the entrance's own unless said, and a TCP one where that is UDP."""
        chosen = self.asked.get("health_port")
        if chosen:
            return int(chosen)
        if self.protocol != "udp":
            return self.port
        published = (p.target for p in self.service.ports if p.protocol == "tcp")
        return next(iter((*published, *_exposed_tcp(self.service))), None)


def _exposed_tcp(service: Service) -> Iterator[int]:
    """Yield the first port of each entry of `expose` that is TCP; what is no port is reported by `networking.py`."""
    for text in service.expose:
        numbers, _, protocol = text.partition("/")
        first = numbers.partition("-")[0]
        if protocol in ("", "tcp") and first.isdecimal():
            yield int(first)


class Fronts(NamedTuple):
    """The load balancers of a project.

    Attributes:
        resources: Load balancers, target groups, listeners and rules by logical id, in the order of creation.
        targets: The leading service of a task to what stands in front of it.
        entrances: What is opened, for the security groups.
        listening: Ports of the application and of the network load balancer, as `(is_network, protocol, port, address ranges)`.
    """

    resources: Mapping[str, Resource]
    targets: Mapping[str, tuple[EcsLoadBalancer, ...]]
    entrances: tuple[Entrance, ...]
    listening: tuple[tuple[bool, str, int, tuple[str, ...]], ...]


def balance(ctx: Context, tasks: Mapping[str, Task]) -> Fronts:
    """Give the load balancers that the project's ports need, and say of each port what becomes of it."""
    found = [
        entrance
        for leader, made in tasks.items()
        for service in made.services
        if service.name in made.ports
        for entrance in _entrances(ctx, leader, service)
    ]
    found.sort(key=lambda e: (e.service.name, e.published, e.port))
    entrances = list(_within_limits(ctx, found))
    plan = _Plan(ctx)
    plan.application([e for e in entrances if not e.is_network])
    plan.network([e for e in entrances if e.is_network])
    return plan.fronts()


def grace_period(made: Task) -> int:
    """How long failing health checks of a new task behind a load balancer count for nothing."""
    starts = (s.healthcheck.start_period or 0 for s in made.services if s.healthcheck)
    return max(GRACE_SECONDS, *map(ceil, starts), 0)


# -- which ports are opened ------------------------------------------------------------------------------------


def _entrances(ctx: Context, leader: str, service: Service) -> Iterator[Entrance]:
    """Yield what is opened of a service, and report what becomes of each published port."""
    wanted = options_of(service).get("ingress")
    asked: Sequence[Mapping[str, Any]] = wanted if isinstance(wanted, list) else ()
    for index, entry in enumerate(asked):
        entrance = _asked(ctx, leader, service, index, entry)
        if entrance:
            yield entrance
    named = {entry["port"] for entry in asked}
    seen: set[tuple[int, str]] = set()
    # More than can be mapped are refused as a whole, without a word on each.
    for index, port in enumerate(service.ports if len(service.ports) <= MAX_EXPANDED_PORTS else ()):
        path: Path = ("services", service.name, "ports", index)
        if port.target in named:
            ctx.outcomes[path] = Row(Outcome.MAPPED, f"port {port.target}, opened as x-fargate.ingress says")
        elif wanted is False:
            ctx.outcomes[path] = Row(
                Outcome.MAPPED, f"port {port.target} inside the VPC: x-fargate.ingress is false"
            )
        elif (port.target, port.published) not in seen:
            seen.add((port.target, port.published))
            yield from _published(ctx, leader, service, path, port)


def _published(ctx: Context, leader: str, service: Service, path: Path, port: Port) -> Iterator[Entrance]:
    """Yield the entrance for an entry of `ports`, where it is one that may be opened without being asked."""
    if not port.published.strip("0"):  # 0 lets Docker choose a port, as no number does
        ctx.outcomes[path] = Row(
            Outcome.MAPPED, f"port {port.target} inside the VPC: it is not published on a port of its own"
        )
        return
    if is_loopback(port):
        text = f"port {port.target} is bound to {port.host_ip}: it stays inside the VPC"
        ctx.info("C2F225", path, text)
        ctx.outcomes[path] = Row(Outcome.MAPPED, text)
        return
    said = spoken(ctx, service, port.target, port)
    kept = next(_reasons_inside(ctx, leader, service, port, said), None)
    if kept:
        _stays(ctx, path, port, kept)
        return
    yield Entrance(leader, service, path, port.target, int(port.published), said.protocol, {}, said.reason)


class _Kept(NamedTuple):
    """Why a published port stays inside the VPC, how to open it, and the code of the finding."""

    reason: str
    hint: str
    code: str = "C2F220"
    url: str = BALANCING_URL


def _reasons_inside(ctx: Context, leader: str, service: Service, port: Port, said: Spoken) -> Iterator[_Kept]:
    """Yield why a port is not opened; nothing where it is."""
    to_open = f"to open it, write under {service.name}: x-fargate: {{ingress: [{{port: {port.target}"
    if leader in ctx.jobs:
        yield _Kept(
            f"{leader} is a job, and no load balancer waits for one", "publish ports of services only"
        )
    if ctx.settings.load_balancer == "none":
        yield _Kept(
            "--load-balancer none keeps every port inside", "leave the option out, or name a load balancer"
        )
    if port.protocol == "udp":
        yield _Kept("it is UDP", f"{to_open}, protocol: udp}}]}}")
    if not said.protocol:
        limited = ", from: [203.0.113.0/24]" if said.is_private else ""
        kind = "load_balancer: network" if said.is_private and not said.is_console else "protocol: http"
        yield _Kept(said.reason, f"{to_open}, {kind}{limited}}}]}}")
    if not port.published.isdigit():
        yield _Kept("it is published on any port of a range", f"{to_open}}}]}}")
    if _is_internal(ctx, service):
        yield _Kept(
            "its networks are internal",
            f"{to_open}}}]}}, or attach it to a network without internal: true",
            "C2F217",
        )
    if not _certificate(ctx, {}) and (said.protocol in _NEEDS_TLS or port.published == "443"):
        why = said.protocol if said.protocol in _NEEDS_TLS else "port 443"
        yield _Kept(
            f"{why} needs a certificate",
            "--certificate arn:aws:acm:…, or x-fargate: {certificate: …}",
            url=HTTPS_URL,
        )


def _stays(ctx: Context, path: Path, port: Port, kept: _Kept) -> None:
    text = (
        f"published port {port.published} becomes port {port.target} of the task's own address, "
        f"inside the VPC: {kept.reason}"
    )
    ctx.warn(kept.code, path, text, hint=kept.hint, url=kept.url)
    ctx.outcomes[path] = Row(Outcome.APPROXIMATED, text, kept.hint, None, kept.code, kept.url)


def is_loopback(port: Port) -> bool:
    """Whether a port is published for the machine itself only."""
    return port.host_ip.startswith("127.") or port.host_ip in ("::1", "localhost")


def _is_internal(ctx: Context, service: Service) -> bool:
    """Whether all networks of a service are internal, so that nothing from outside reaches it in compose either."""
    networks = [ctx.project.networks[name] for name in service.networks if name in ctx.project.networks]
    return bool(networks) and all(network.internal for network in networks)


def _asked(
    ctx: Context, leader: str, service: Service, index: int, entry: Mapping[str, Any]
) -> Entrance | None:
    """Give the entrance for an entry of `x-fargate.ingress`, or report why there is none."""
    path: Path = ("services", service.name, "x-fargate", "ingress", index)
    number = entry["port"]
    port = next((p for p in service.ports if p.target == number), None)
    protocol = _protocol(entry, port, spoken(ctx, service, number, port))
    kind = entry.get("load_balancer") or ("network" if protocol in _NETWORK_PROTOCOLS else "application")
    if kind == "network" and protocol not in _NETWORK_PROTOCOLS:
        protocol = "tcp"
    secured = _certificate(ctx, entry)
    published = entry.get("published") or (int(port.published) if port and port.published.isdigit() else 0)
    entrance = Entrance(
        leader,
        service,
        path,
        number,
        published or (number if kind == "network" else 443 if secured else 80),
        protocol,
        entry,
        "x-fargate.ingress asks for it",
    )
    problem = next(_problems(ctx, entrance, kind), None)
    if problem:
        ctx.refuse(
            "C2F219",
            path,
            f"port {number} of {service.name} cannot be opened: {problem.reason}",
            hint=problem.hint,
            url=problem.url,
        )
        return None
    return entrance


def _protocol(entry: Mapping[str, Any], port: Port | None, said: Spoken) -> str:
    if entry.get("protocol"):
        return str(entry["protocol"])
    if port and port.protocol == "udp":
        return "udp"
    is_http = said.is_console or not said.is_private or entry.get("load_balancer") == "application"
    if entry.get("load_balancer") == "network" or not is_http:
        return "tcp"
    return said.protocol or "http"


def _problems(ctx: Context, entrance: Entrance, kind: str) -> Iterator[_Kept]:
    """Yield what AWS would refuse about an entrance that the user asks for."""
    asked, protocol = entrance.asked, entrance.protocol
    if entrance.leader in ctx.jobs:
        yield _Kept(f"{entrance.leader} is a job", "make it a service, or remove ingress")
    if kind == "application" and entrance.is_network:
        yield _Kept(f"an application load balancer carries no {protocol}", "load_balancer: network")
    if (
        protocol in _NEEDS_TLS or protocol == "tls" or (entrance.published == 443 and kind == "application")
    ) and not _certificate(ctx, asked):
        yield _Kept("it needs a certificate", "certificate: arn:aws:acm:…", url=HTTPS_URL)
    if entrance.is_network and entrance.has_conditions:
        yield _Kept(
            "a network load balancer sees neither host nor path", "remove host and path, or protocol: http"
        )
    if len((*_texts(asked, "host"), *_texts(asked, "path"))) > MAX_RULE_VALUES:
        yield _Kept(
            f"a rule has at most {MAX_RULE_VALUES} hosts and paths",
            "split it into several entries",
            url=QUOTAS_URL,
        )
    if protocol == "udp" and entrance.health_port is None:
        yield _Kept(
            "a health check cannot be UDP, and no TCP port of the service is known",
            f"name one: {{port: {entrance.port}, protocol: udp, health_port: 8080}}",
            url=NETWORK_URL,
        )


def _texts(asked: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = asked.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(value)


def _certificate(ctx: Context, asked: Mapping[str, Any]) -> str:
    return str(asked.get("certificate") or ctx.settings.certificate)


# -- what AWS allows -------------------------------------------------------------------------------------------


def _key(entrance: Entrance) -> str:
    """What target groups are told apart by; a target group belongs to one load balancer."""
    return f"{entrance.port}-network" if entrance.is_network else str(entrance.port)


def _within_limits(ctx: Context, entrances: Iterable[Entrance]) -> Iterator[Entrance]:
    """Yield the entrances that AWS's quotas leave room for, and report the others: `QUOTAS_URL`."""
    of_task: dict[str, set[tuple[str, str]]] = {}
    groups: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    listeners: dict[bool, set[int]] = {True: set(), False: set()}
    bare: dict[tuple[bool, int], Entrance] = {}
    for entrance in entrances:
        kind, key = entrance.is_network, (entrance.service.name, _key(entrance))
        own = of_task.setdefault(entrance.leader, set())
        port = 0 if ctx.settings.listener and not kind else entrance.published
        door = (kind, port)
        problem = ""
        if len(own | {key}) > MAX_TARGET_GROUPS_PER_SERVICE:
            problem = f"a task has at most {MAX_TARGET_GROUPS_PER_SERVICE} target groups"
        elif len(groups[kind]) >= MAX_TARGET_GROUPS and key not in groups[kind]:
            problem = f"a load balancer has at most {MAX_TARGET_GROUPS} target groups"
        elif len(listeners[kind]) >= MAX_LISTENERS and port not in listeners[kind]:
            problem = f"a load balancer has at most {MAX_LISTENERS} listeners"
        elif not entrance.has_conditions and door in bare:
            first = bare[door]
            problem = (
                f"{first.service.name} has that port already"
                if port
                else f"{first.service.name} takes every request"
            )
        if problem:
            _left_out(ctx, entrance, problem)
            continue
        own.add(key)
        groups[kind].add(key)
        listeners[kind].add(port)
        if not entrance.has_conditions:
            bare[door] = entrance
        yield entrance


def _left_out(ctx: Context, entrance: Entrance, problem: str) -> None:
    name = entrance.service.name
    text = f"port {entrance.port} of {name} stays inside the VPC, and not on port {entrance.published} of a load balancer: {problem}"
    hint = (
        f"tell requests apart by host or path, for example under {name}: x-fargate: {{ingress: "
        f"[{{port: {entrance.port}, host: {name}.example.com}}]}}, or keep it inside: x-fargate: {{ingress: false}}"
    )
    ctx.warn("C2F219", entrance.path, text, hint=hint, url=QUOTAS_URL)
    ctx.outcomes[entrance.path] = Row(Outcome.APPROXIMATED, text, hint, None, "C2F219", QUOTAS_URL)


# -- load balancers, listeners and rules -----------------------------------------------------------------------


class _Plan:
    """Collects the parts of the load balancers in the order of their creation."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._balancers: dict[str, Resource] = {}
        self._groups: dict[str, TargetGroup] = {}
        self._listeners: dict[str, Resource] = {}
        self._rules: dict[str, ListenerRule] = {}
        self._targets: dict[str, dict[str, EcsLoadBalancer]] = {}
        self._opened: list[Entrance] = []
        self._listening: list[tuple[bool, str, int, tuple[str, ...]]] = []

    def fronts(self) -> Fronts:
        """Give what was collected."""
        return Fronts(
            {**self._balancers, **self._groups, **self._listeners, **self._rules},
            {leader: tuple(found.values()) for leader, found in self._targets.items()},
            tuple(self._opened),
            tuple(self._listening),
        )

    def application(self, entrances: Sequence[Entrance]) -> None:
        """Put HTTP ports behind the application load balancer, or behind what the settings name in its place."""
        if not entrances:
            return
        if self._ctx.settings.listener:
            self._on_listener(entrances)
            return
        self._balancer("load-balancer", "application", entrances)
        by_port: dict[int, list[Entrance]] = {}
        doors, redirects = _doors(self._ctx, entrances)
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
            self._listening.append((False, "tcp", 80, _everyone(self._ctx, redirects)))
        for entrance in redirects:
            if entrance not in self._opened:
                _say_opened(self._ctx, entrance, "port 80 of the load balancer redirects to port 443")

    def network(self, entrances: Sequence[Entrance]) -> None:
        """Put TCP, UDP and TLS ports behind a network load balancer."""
        if not entrances:
            return
        self._balancer("network-load-balancer", "network", entrances)
        for entrance in entrances:
            protocol = entrance.protocol.upper()
            transport = "udp" if protocol == "UDP" else "tcp"
            certificate = _certificate(self._ctx, entrance.asked) if protocol == "TLS" else ""
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
            self._listening.append((True, transport, entrance.published, _everyone(self._ctx, [entrance])))
            self._open(
                entrance,
                f"port {entrance.published} of the network load balancer leads to port {entrance.port}",
            )

    def _balancer(self, logical_id: str, kind: str, entrances: Sequence[Entrance]) -> None:
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
        ctx.info(
            "C2F218",
            entrances[0].path,
            f"one {kind} load balancer ({ctx.settings.load_balancer_scheme}) for {names}: "
            f"about {month:.2f} USD a month, and what its traffic costs",
            hint="x-fargate: {ingress: false} under a service keeps it inside the VPC, --load-balancer none all of them",
            url=BALANCING_URL,
        )

    def _application_listener(self, port: int, members: Sequence[Entrance]) -> None:
        certificates = tuple(dict.fromkeys(c for e in members if (c := _certificate(self._ctx, e.asked))))
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
        self._listening.append((False, "tcp", port, _everyone(self._ctx, members)))
        for entrance in members:
            if entrance is not bare:
                self._rule(logical_id, entrance)
            shown = "port" if not secured else "HTTPS on port"
            self._open(entrance, f"{shown} {port} of the load balancer leads to port {entrance.port}")

    def _on_listener(self, entrances: Sequence[Entrance]) -> None:
        self._listeners["listener/existing"] = Existing("Listener", self._ctx.settings.listener)
        for entrance in entrances:
            self._rule("listener/existing", entrance)
            self._open(entrance, f"a rule of the existing listener leads to port {entrance.port}")

    def _rule(self, listener: str, entrance: Entrance) -> None:
        hosts, paths = _texts(entrance.asked, "host"), _texts(entrance.asked, "path")
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

    def _forward(self, entrance: Entrance) -> ListenerAction:
        """Give the action that sends requests to an entrance's target group, which is made where it is the first."""
        service = self._ctx.names[entrance.service.name]
        logical_id = f"target-group/{service}-{_key(entrance)}"
        self._groups.setdefault(logical_id, _target_group(self._ctx, entrance))
        target = EcsLoadBalancer(Ref(logical_id, "arn"), container_name(entrance.service), entrance.port)
        self._targets.setdefault(entrance.leader, {}).setdefault(logical_id, target)
        return ListenerAction("forward", target_group_arn=Ref(logical_id, "arn"))

    def _open(self, entrance: Entrance, story: str) -> None:
        self._opened.append(entrance)
        _say_opened(self._ctx, entrance, story)


def _say_opened(ctx: Context, entrance: Entrance, story: str) -> None:
    """Say which port is open to whom, and why. One that is known to be private is a warning, although it was asked for."""
    conditions = [
        f"{key} {', '.join(_texts(entrance.asked, key))}"
        for key in ("host", "path")
        if entrance.asked.get(key)
    ]
    ranges = _everyone(ctx, [entrance])
    text = "; ".join([f"{story} of {entrance.service.name}: {entrance.reason}", *conditions])
    private = spoken(ctx, entrance.service, entrance.port).is_private and "0.0.0.0/0" in ranges
    ctx.add(
        Severity.WARNING if private else Severity.INFO,
        "C2F215",
        entrance.path,
        text + ("; everyone may connect" if private else ""),
        hint="limit who may connect, for example from: [203.0.113.0/24]" if private else "",
        url=BALANCING_URL,
    )
    ctx.outcomes[entrance.path] = Row(Outcome.MAPPED, text, "", None, "C2F215", BALANCING_URL)


def _doors(ctx: Context, entrances: Sequence[Entrance]) -> tuple[list[tuple[Entrance, int]], list[Entrance]]:
    """Give each entrance with its listener's port, and the entrances for which port 80 redirects to 443.

    With a certificate, what is published on port 80 is served on 443, and port 80 redirects there. A service that publishes
    both keeps its own port 443; where another service has port 443, port 80 stays as it is.
    """
    owners = {e.service.name for e in entrances if e.published == 443}
    doors: list[tuple[Entrance, int]] = []
    redirects: list[Entrance] = []
    for entrance in entrances:
        moves = entrance.published == 80 and bool(_certificate(ctx, entrance.asked))
        if moves and (not owners or entrance.service.name in owners):
            redirects.append(entrance)
            if not owners or entrance.has_conditions:
                doors.append((entrance, 443))
        else:
            doors.append((entrance, entrance.published))
    if any(port == 80 for _, port in doors):
        doors.extend((entrance, 80) for entrance in redirects if entrance not in [e for e, _ in doors])
        return doors, []
    return doors, redirects


def _everyone(ctx: Context, entrances: Iterable[Entrance]) -> tuple[str, ...]:
    """The address ranges that may connect: everyone, or the private ones where the load balancer is internal."""
    own = [tuple(map(str, e.asked.get("from") or ())) for e in entrances]
    if own and all(own):
        return tuple(dict.fromkeys(r for ranges in own for r in ranges))
    if ctx.settings.load_balancer_scheme == "internal":
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


# -- target groups ---------------------------------------------------------------------------------------------


def _target_group(ctx: Context, entrance: Entrance) -> TargetGroup:
    """Make the group of a service's tasks behind one port.

    AWS changes the protocol of none. One that speaks another is another group, with a name of its own, so that it can be
    made before a listener turns to it and lets the old one go.
    """
    service = entrance.service
    spoken = "" if entrance.protocol in _USUAL else f"-{entrance.protocol}"
    group = TargetGroup(
        name=load_balancing_name(
            f"{ctx.stack}-{ctx.names[service.name]}-{_key(entrance).replace('network', 'n')}{spoken}"
        ),
        protocol=_target_protocol(entrance.protocol),
        port=entrance.port,
        vpc_id=Ref("network", "vpc_id"),
        protocol_version=entrance.protocol.upper() if entrance.protocol in _NEEDS_TLS else None,
        attributes=_attributes(entrance),
        tags=project_tags(ctx),
    )
    return _with_health(ctx, entrance, group)


_USUAL = frozenset({"http", "tcp", "tls"})
"""What needs no mention in a name: HTTP behind an application load balancer, TCP behind a network load balancer."""


def _target_protocol(protocol: str) -> str:
    """What the load balancer speaks to the tasks; it ends TLS itself."""
    return {"https": "HTTPS", "tcp": "TCP", "tls": "TCP", "udp": "UDP"}.get(protocol, "HTTP")


def _attributes(entrance: Entrance) -> Mapping[str, str]:
    grace = entrance.service.stop_grace_period
    given = {
        "deregistration_delay.timeout_seconds": str(
            min(ceil(DRAIN_SECONDS if grace is None else grace), 3600)
        )
    }
    if entrance.asked.get("stickiness"):
        given["stickiness.enabled"] = "true"
        given["stickiness.type"] = "source_ip" if entrance.is_network else "lb_cookie"
    return given


def _with_health(ctx: Context, entrance: Entrance, group: TargetGroup) -> TargetGroup:
    """Let the load balancer ask what the container's own health check asks, as often as that does."""
    asked, check = entrance.asked, entrance.service.healthcheck
    port = entrance.health_port
    url = health_url(ctx, entrance.service, port or entrance.port)
    path = asked.get("health_path") or (url.path if url else None)
    interval = TARGET_INTERVAL.clamp(ceil((check and check.interval) or 30))
    timeout = TARGET_TIMEOUT.clamp(min(ceil((check and check.timeout) or 5), interval - 1))
    group = group._replace(
        health_check_port=None if port in (None, entrance.port) else str(port),
        health_check_interval_seconds=interval,
        health_check_timeout_seconds=timeout,
        healthy_threshold_count=2,
        unhealthy_threshold_count=TARGET_THRESHOLD.clamp((check and check.retries) or 3),
    )
    if entrance.protocol == "grpc":  # the default asks any method, and takes "unimplemented" for an answer
        return group._replace(health_check_protocol="HTTP", health_check_path=asked.get("health_path"))
    if entrance.is_network and not path:
        return group._replace(health_check_protocol="TCP")
    # Nothing tells which path answers with success: then any answer but an error of the server's own is healthy.
    codes = asked.get("health_codes") or ("200-399" if path else "200-499")
    scheme = url.scheme.upper() if url else "HTTPS" if entrance.protocol == "https" else "HTTP"
    return group._replace(health_check_protocol=scheme, health_check_path=path or "/", matcher=Matcher(codes))
