"""Which ports a load balancer opens, under which protocol, and what AWS allows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from compose2fargate.aws.fargate import (
    DOCS,
    MAX_LISTENERS,
    MAX_RULE_VALUES,
    MAX_TARGET_GROUPS,
    MAX_TARGET_GROUPS_PER_SERVICE,
)
from compose2fargate.compose.model import Port, Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.network.port_protocols import PortProtocol, port_protocol
from compose2fargate.mapping.network.service_connect import MAX_EXPANDED_PORTS
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

BALANCING_URL = f"{DOCS}/service-load-balancing.html"
ALB_URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application"
HTTPS_URL = f"{ALB_URL}/create-https-listener.html"
RULES_URL = f"{ALB_URL}/listener-rules.html"
QUOTAS_URL = f"{ALB_URL}/load-balancer-limits.html"
NETWORK_URL = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html"
)

_NETWORK_PROTOCOLS = frozenset({"tcp", "udp", "tls"})
NEEDS_TLS = frozenset({"http2", "grpc"})
"""Protocols that an application load balancer carries behind an HTTPS listener only: `TARGETS_URL`."""


class LoadBalancerPort(NamedTuple):
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
    """Yield the first port of each entry of `expose` that is TCP; what is no port is reported by `service_connect`."""
    for text in service.expose:
        numbers, _, protocol = text.partition("/")
        first = numbers.partition("-")[0]
        if protocol in ("", "tcp") and first.isdecimal() and len(first) < 6:
            yield int(first)


# -- which ports are opened ------------------------------------------------------------------------------------


def opened_ports(
    ctx: TranslationInput, findings: TranslationFindings, leader: str, service: Service
) -> Iterator[LoadBalancerPort]:
    """Yield what is opened of a service, and report what becomes of each published port."""
    wanted = options_of(service).get("ingress")
    asked: Sequence[Mapping[str, Any]] = wanted if isinstance(wanted, list) else ()
    for index, entry in enumerate(asked):
        entrance = _asked(ctx, findings, leader, service, index, entry)
        if entrance:
            yield entrance
    named = {entry["port"] for entry in asked}
    seen: set[tuple[int, str]] = set()
    # More than can be mapped are refused as a whole, without a word on each.
    for index, port in enumerate(service.ports if len(service.ports) <= MAX_EXPANDED_PORTS else ()):
        path: Path = ("services", service.name, "ports", index)
        if port.target in named:
            findings.outcomes[path] = CoverageRow(
                KeyOutcome.MAPPED, f"port {port.target}, opened as x-fargate.ingress says"
            )
        elif wanted is False:
            findings.outcomes[path] = CoverageRow(
                KeyOutcome.MAPPED, f"port {port.target} inside the VPC: x-fargate.ingress is false"
            )
        elif (port.target, port.published) not in seen:
            seen.add((port.target, port.published))
            yield from _published(ctx, findings, leader, service, path, port)


def _published(
    ctx: TranslationInput,
    findings: TranslationFindings,
    leader: str,
    service: Service,
    path: Path,
    port: Port,
) -> Iterator[LoadBalancerPort]:
    """Yield the entrance for an entry of `ports`, where it is one that may be opened without being asked."""
    legacy = x_aws.port_protocol(ctx.project, service.name, int(path[-1]))
    numbered = port.published.strip("0")  # 0 lets Docker choose a port, as no number does
    if legacy and not numbered:
        # Docker's integration opened such a port at the load balancer, by the number that it has in the container.
        port = port._replace(published=str(port.target))
    elif not numbered:
        findings.outcomes[path] = CoverageRow(
            KeyOutcome.MAPPED, f"port {port.target} inside the VPC: it is not published on a port of its own"
        )
        return
    if is_loopback(port):
        text = f"port {port.target} is bound to {port.host_ip}: it stays inside the VPC"
        findings.info(
            "C2F225",
            path,
            text,
            hint=_how_to_open(service, port, port_protocol(ctx.images, service, port.target, port)),
            url=BALANCING_URL,
        )
        findings.outcomes[path] = CoverageRow(KeyOutcome.MAPPED, text)
        return
    said = _said(ctx, service, port, legacy)
    kept = next(_reasons_inside(ctx, leader, service, port, said), None)
    if kept:
        _stays(findings, path, port, kept)
        return
    yield LoadBalancerPort(
        leader, service, path, port.target, port.published_number, said.protocol, {}, said.reason
    )


def _said(ctx: TranslationInput, service: Service, port: Port, legacy: str) -> PortProtocol:
    """Give what a port speaks; `legacy` is its `x-aws-protocol`, which does not open a database to everybody."""
    said = port_protocol(ctx.images, service, port.target, port)
    plain = port_protocol(ctx.images, service, port.target, port._replace(app_protocol="", extensions={}))
    if legacy == "tcp" and port.protocol == "tcp" and not plain.is_private:
        return said._replace(protocol="tcp", reason="x-aws-protocol asks for a network load balancer")
    return said


class _Kept(NamedTuple):
    """Why a published port stays inside the VPC, how to open it, and the code of the finding."""

    reason: str
    hint: str
    code: str = "C2F220"
    url: str = BALANCING_URL


def _how_to_open(service: Service, port: Port, said: PortProtocol) -> str:
    """Give the line that opens a port of which a load balancer does not know what it speaks, or who may connect."""
    limited = ", from: [203.0.113.0/24]" if said.is_private else ""
    other = port.app_protocol or (said.is_private and not said.is_console)
    kind = "load_balancer: network" if other else "protocol: http"
    wanted = "" if said.protocol else f", {kind}{limited}"
    return (
        f"to open it, write under {service.name}: x-fargate: {{ingress: [{{port: {port.target}{wanted}}}]}}"
    )


def _reasons_inside(
    ctx: TranslationInput, leader: str, service: Service, port: Port, said: PortProtocol
) -> Iterator[_Kept]:
    """Yield why a port is not opened; nothing where it is."""
    to_open = f"to open it, write under {service.name}: x-fargate: {{ingress: [{{port: {port.target}"
    if leader in ctx.jobs:
        yield _Kept(f"{leader} is a job, and no load balancer serves a job", "publish ports of services only")
    if ctx.settings.load_balancer == "none":
        yield _Kept(
            "--load-balancer none keeps every port inside", "leave the option out, or name a load balancer"
        )
    if port.protocol == "udp":
        yield _Kept("it is UDP", f"{to_open}, protocol: udp}}]}}")
    if not said.protocol:
        yield _Kept(said.reason, _how_to_open(service, port, said))
    if not port.published_number:
        given = (
            "any port of a range" if "-" in port.published else f"{port.published[:20]}, which is not a port"
        )
        yield _Kept(f"it is published on {given}", f"{to_open}}}]}}")
    if _is_internal(ctx.project, service):
        yield _Kept(
            "its networks are internal",
            f"{to_open}}}]}}, or attach it to a network without internal: true",
            "C2F217",
        )
    if not chosen_certificate(ctx.settings, {}) and (said.protocol in NEEDS_TLS or port.published == "443"):
        why = said.protocol if said.protocol in NEEDS_TLS else "port 443"
        yield _Kept(
            f"{why} needs a certificate",
            "--certificate arn:aws:acm:…, or x-fargate: {certificate: …}",
            url=HTTPS_URL,
        )


def _stays(findings: TranslationFindings, path: Path, port: Port, kept: _Kept) -> None:
    text = f"published port {port.published} stays inside the VPC, at port {port.target} of each task: {kept.reason}"
    findings.warn(kept.code, path, text, hint=kept.hint, url=kept.url)
    findings.outcomes[path] = CoverageRow(KeyOutcome.APPROXIMATED, text, kept.hint, None, kept.code, kept.url)


def is_loopback(port: Port) -> bool:
    """Whether a port is published for the machine itself only."""
    return port.host_ip.startswith("127.") or port.host_ip in ("::1", "localhost")


def _is_internal(project: Project, service: Service) -> bool:
    """Whether all networks of a service are internal, so that nothing from outside reaches it in compose either."""
    networks = [project.networks[name] for name in service.networks if name in project.networks]
    return bool(networks) and all(network.internal for network in networks)


def _asked(
    ctx: TranslationInput,
    findings: TranslationFindings,
    leader: str,
    service: Service,
    index: int,
    entry: Mapping[str, Any],
) -> LoadBalancerPort | None:
    """Give the entrance for an entry of `x-fargate.ingress`, or report why there is none."""
    path: Path = ("services", service.name, "x-fargate", "ingress", index)
    number = entry["port"]
    port = next((p for p in service.ports if p.target == number), None)
    protocol = _protocol(entry, port, port_protocol(ctx.images, service, number, port))
    kind = entry.get("load_balancer") or ("network" if protocol in _NETWORK_PROTOCOLS else "application")
    if kind == "network" and protocol not in _NETWORK_PROTOCOLS:
        protocol = "tcp"
    secured = chosen_certificate(ctx.settings, entry)
    published = entry.get("published") or (port.published_number if port else 0)
    entrance = LoadBalancerPort(
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
        findings.refuse(
            "C2F219",
            path,
            f"port {number} of {service.name} cannot be opened: {problem.reason}",
            hint=problem.hint,
            url=problem.url,
        )
        return None
    return entrance


def _protocol(entry: Mapping[str, Any], port: Port | None, said: PortProtocol) -> str:
    if entry.get("protocol"):
        return str(entry["protocol"])
    if port and port.protocol == "udp":
        return "udp"
    is_http = said.is_console or not said.is_private or entry.get("load_balancer") == "application"
    if entry.get("load_balancer") == "network" or not is_http:
        return "tcp"
    return said.protocol or "http"


def _problems(ctx: TranslationInput, entrance: LoadBalancerPort, kind: str) -> Iterator[_Kept]:
    """Yield what AWS would refuse about an entrance that the user asks for."""
    asked, protocol = entrance.asked, entrance.protocol
    if entrance.leader in ctx.jobs:
        yield _Kept(f"{entrance.leader} is a job", "make it a service, or remove ingress")
    if kind == "application" and entrance.is_network:
        yield _Kept(f"an application load balancer does not carry {protocol}", "load_balancer: network")
    if (
        protocol in NEEDS_TLS or protocol == "tls" or (entrance.published == 443 and kind == "application")
    ) and not chosen_certificate(ctx.settings, asked):
        yield _Kept("it needs a certificate", "certificate: arn:aws:acm:…", url=HTTPS_URL)
    if entrance.is_network and entrance.has_conditions:
        yield _Kept(
            "a network load balancer cannot route by host or path", "remove host and path, or protocol: http"
        )
    if len((*chosen_texts(asked, "host"), *chosen_texts(asked, "path"))) > MAX_RULE_VALUES:
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


def chosen_texts(asked: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Give the hosts or paths that the user names, one or several."""
    value = asked.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(value)


def chosen_certificate(settings: Settings, asked: Mapping[str, Any]) -> str:
    """Give the certificate of a port, or that of all."""
    return str(asked.get("certificate") or settings.certificate)


# -- what AWS allows -------------------------------------------------------------------------------------------


def port_key(entrance: LoadBalancerPort) -> str:
    """What target groups are told apart by; a target group belongs to one load balancer."""
    return f"{entrance.port}-network" if entrance.is_network else str(entrance.port)


def within_limits(
    settings: Settings, findings: TranslationFindings, entrances: Iterable[LoadBalancerPort]
) -> Iterator[LoadBalancerPort]:
    """Yield the entrances that AWS's quotas leave room for, and report the others: `QUOTAS_URL`."""
    of_task: dict[str, set[tuple[str, str]]] = {}
    groups: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    listeners: dict[bool, set[int]] = {True: set(), False: set()}
    bare: dict[tuple[bool, int], LoadBalancerPort] = {}
    for entrance in entrances:
        kind, key = entrance.is_network, (entrance.service.name, port_key(entrance))
        own = of_task.setdefault(entrance.leader, set())
        port = 0 if settings.listener and not kind else entrance.published
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
            behind_listener = bool(settings.listener) and not kind
            _left_out(findings, entrance, problem, behind_listener=behind_listener)
            continue
        own.add(key)
        groups[kind].add(key)
        listeners[kind].add(port)
        if not entrance.has_conditions:
            bare[door] = entrance
        yield entrance


def _left_out(
    findings: TranslationFindings, entrance: LoadBalancerPort, problem: str, *, behind_listener: bool
) -> None:
    name = entrance.service.name
    text = f"port {entrance.port} of {name} stays inside the VPC, not opened on port {entrance.published} of a load balancer: {problem}"
    hint = (
        f"distinguish requests by host or path, for example under {name}: x-fargate: {{ingress: "
        f"[{{port: {entrance.port}, host: {name}.example.com}}]}}, or keep it inside: x-fargate: {{ingress: false}}"
    )
    if behind_listener:
        findings.refuse("C2F547", entrance.path, text, hint=hint, url=RULES_URL)
        return
    findings.warn("C2F219", entrance.path, text, hint=hint, url=QUOTAS_URL)
    findings.outcomes[entrance.path] = CoverageRow(
        KeyOutcome.APPROXIMATED, text, hint, None, "C2F219", QUOTAS_URL
    )
