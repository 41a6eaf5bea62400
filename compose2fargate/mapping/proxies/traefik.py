"""The routes of a Traefik that is left out: its labels on the other services, read as rules of the load balancer.

Traefik reads the labels `traefik.http.routers.*` from the Docker engine; without it they are just text. Where a route says no more than a
listener rule can (hosts and paths), the service gets the entry of `x-fargate.ingress` that says the same. Whatever else a route asks for
(a login, another path, a rate) is not dropped in silence: such a route is not opened, and the finding says what to write. Nor are the
routes that carry no HTTP, the options that a listener rule has no word for, and routes that Traefik reads from files.

Source: https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.images.image_catalogue import find_image, reference_of
from compose2fargate.mapping.proxies.host_tools import image_name
from compose2fargate.mapping.proxies.traefik_entrypoints import (
    EntryPoint,
    entry_points,
    has_middlewares,
    is_opt_in,
    is_port,
    reads_elsewhere,
    web_doors,
)
from compose2fargate.mapping.proxies.traefik_rules import HOST, URL, RefusedRule, rule_conditions
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple

NETWORK_URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html"
TARGETS_URL = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html"
)
READ, NOT_OPENED, NOT_HTTP, LOST = "C2F508", "C2F509", "C2F510", "C2F511"

_ROUTER = re.compile(r"traefik\.(http|tcp|udp)\.routers\.([^.]+)\.(.+)", re.IGNORECASE)
_SERVICE = re.compile(r"traefik\.(http|tcp|udp)\.services\.([^.]+)\.(.+)", re.IGNORECASE)
_PORT, _SCHEME, _STICKY, _HEALTH = (
    f"loadbalancer.{option}"
    for option in ("server.port", "server.scheme", "sticky.cookie", "healthcheck.path")
)
_MIDDLEWARE = re.compile(r"traefik\.http\.middlewares\.([^.]+)\.([^.]+)", re.IGNORECASE)
_HARMLESS = frozenset(
    {"redirectscheme", "compress", "headers", "retry", "buffering", "circuitbreaker", "inflightreq"}
)
"""Middlewares without which requests still reach the same service with the same path, and nobody else's do."""

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
"""What Go reads as true: https://pkg.go.dev/strconv#ParseBool"""

Ports = Callable[[Service], Iterable[int]]


class _Proxy(NamedTuple):
    """What Traefik itself, and the labels of all services, say about every route.

    Attributes:
        entry_points: Its entry points by name, as far as its command and environment name them.
        guarded: Whether its entry points have middlewares of their own.
        middlewares: The kinds of each middleware that labels define.
        certificate: The certificate of the load balancer.
        ports: Gives the ports that the image of a service is known to listen on.
        opt_in: Whether it only looks at services with `traefik.enable=true`.
        doors: Where its ports 80 and 443 are published for everybody, for routes whose entry points are not known.
    """

    entry_points: Mapping[str, EntryPoint]
    guarded: bool
    middlewares: Mapping[str, AbstractSet[str]]
    certificate: str
    ports: Ports
    opt_in: bool
    doors: Mapping[int, int]


class _Route(NamedTuple):
    """One router, with the labels of its service that decide it."""

    service: Service
    protocol: str
    name: str
    labels: Mapping[str, str]
    servers: Mapping[str, Mapping[str, str]]
    keys: Mapping[str, str]
    """The labels as they are written, by what they say."""

    @property
    def path(self) -> Path:
        """The label with its rule, or the first one that the router has."""
        return (
            "services",
            self.service.name,
            "labels",
            self.keys.get("rule") or next(iter(self.keys.values())),
        )

    @property
    def entry_points(self) -> tuple[str, ...]:
        """The entry points that it names; without any, Traefik takes all of them."""
        return _words(self.labels.get("entrypoints", ""))


class _Closed(NamedTuple):
    """Why a route is not opened, and the entry of `x-fargate.ingress` that would open it."""

    reason: str
    entry: str
    code: str = NOT_OPENED


class _Read(NamedTuple):
    """What was read of a route: the entries of `x-fargate.ingress`."""

    entries: Sequence[Mapping[str, Any]]
    message: str


class _Lost(NamedTuple):
    """An option of a route that is opened, and that has no counterpart: what that means, and what to write."""

    label: str
    message: str
    hint: str


_Outcome = tuple[Path, _Read | _Closed | _Lost]


def with_routes(
    project: Project, kept: Project, ports: Ports, certificate: str, report: list[Diagnostic]
) -> Project:
    """Give `kept` with the routes of the proxies that `project` has and `kept` has not.

    Args:
        project: The project with everything.
        kept: The project without the services that are left out.
        ports: Gives the ports that the image of a service is known to listen on.
        certificate: The certificate of the load balancer, without which no route over TLS can be opened.
        report: Where findings go.
    """
    proxies = [
        service
        for name, service in project.services.items()
        if name not in kept.services and image_name(service) == "traefik"
    ]
    if not proxies:
        return kept
    report.extend(found for proxy in proxies for found in reads_elsewhere(project, proxy))
    known = _Proxy(
        {name: point for proxy in proxies for name, point in entry_points(proxy).items()},
        any(map(has_middlewares, proxies)),
        _middlewares(project.services.values()),
        certificate,
        ports,
        any(map(is_opt_in, proxies)),
        {target: number for proxy in proxies for target, number in web_doors(proxy).items()},
    )
    services = {
        name: _with_entries(project, service, list(_read_all(service, known)), report)
        for name, service in kept.services.items()
    }
    return kept._replace(services=services)


def _read_all(service: Service, proxy: _Proxy) -> Iterator[_Outcome]:
    """Yield what each route of a service becomes, or why it is not opened, and which options are lost."""
    labels = {key: str(value) for key, value in service.labels.items() if _is_traefiks(key)}
    if "ingress" in options_of(service) or not _is_enabled(labels, proxy):
        return  # The user has said it already, or Traefik was told not to look.
    routes = list(_routes(service, labels))
    if not routes and labels:
        yield _without_router(service, labels, proxy)
    for route in routes:
        outcome = _outcome(route, proxy)
        yield route.path, outcome
        if isinstance(outcome, _Read):
            yield from _lost(route, labels)


def _is_enabled(labels: Mapping[str, str], proxy: _Proxy) -> bool:
    """Whether Traefik looks at a service: its keys ignore case, and what is no truth to Go leaves the service out."""
    said = [value for key, value in labels.items() if key.lower() == "traefik.enable"]
    return all(value in _TRUE for value in said) if said else not proxy.opt_in


def _is_traefiks(key: str) -> bool:
    return key.lower().startswith("traefik.")


def _without_router(service: Service, labels: Mapping[str, str], proxy: _Proxy) -> _Outcome:
    """Traefik makes a router of its own for such a service, with the rule of its configuration."""
    path = ("services", service.name, "labels", next(iter(labels)))
    route = _Route(service, "http", service.name, {}, _servers(labels, "http"), {})
    return path, _closed(
        route, proxy, "its labels name no router, and the rule that Traefik gives it is not known here"
    )


_GUARDED = "Traefik's entry points have middlewares, which the load balancer would not apply"


def _outcome(route: _Route, proxy: _Proxy) -> _Read | _Closed:
    if route.protocol != "http":
        return _not_http(route, proxy)
    if proxy.guarded:
        return _closed(route, proxy, _GUARDED)
    if _is_console(route.service):
        return _closed(route, proxy, "it is for administration, which labels alone do not make public")
    try:
        return _read(route, proxy)
    except RefusedRule as refused:
        return _closed(route, proxy, str(refused))


def _is_console(service: Service) -> bool:
    """Whether it shows what is nobody else's business: databases, queues, mails that were caught."""
    image = find_image(reference_of(service, {}))
    return image.is_console or image.catches_mail


def _closed(route: _Route, proxy: _Proxy, reason: str) -> _Closed:
    host = re.search(rf"Host\(\s*[`\"]({HOST.pattern})[`\"]", route.labels.get("rule", ""))
    return _Closed(reason, f"{{port: {_shown_port(route, proxy)}, host: {host[1] if host else 'HOST'}}}")


def _shown_port(route: _Route, proxy: _Proxy) -> str:
    try:
        return str(_port(route.service, _server(route), proxy.ports, route.protocol))
    except RefusedRule:
        return "PORT"


def _not_http(route: _Route, proxy: _Proxy) -> _Closed:
    """A network load balancer opens such a port, but to everybody, and by its number alone: that is for the user to say."""
    ends_tls = _is_secured(route, proxy) and route.labels.get("tls.passthrough", "false").lower() != "true"
    protocol = "udp" if route.protocol == "udp" else "tls" if ends_tls else "tcp"
    points = [proxy.entry_points[name] for name in route.entry_points if name in proxy.entry_points]
    published = f", published: {points[0].published}" if points and points[0].published else ""
    asked = _words(route.labels.get("middlewares", ""))
    lost = f", and would not apply its middlewares ({', '.join(asked)})" if asked else ""
    return _Closed(
        f"it carries {route.protocol.upper()}, which needs a network load balancer; that one routes by port only{lost}",
        f"{{port: {_shown_port(route, proxy)}, protocol: {protocol}{published}}}",
        NOT_HTTP,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _routes(service: Service, labels: Mapping[str, str]) -> Iterator[_Route]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for key in labels:
        if match := _ROUTER.fullmatch(key):
            found.setdefault((match[1].lower(), match[2]), {})[match[3].lower()] = key
    for (protocol, name), keys in sorted(found.items()):
        own = {option: labels[key] for option, key in keys.items()}
        yield _Route(service, protocol, name, own, _servers(labels, protocol), keys)


def _servers(labels: Mapping[str, str], protocol: str) -> Mapping[str, Mapping[str, str]]:
    """Give the options of each service that labels define."""
    servers: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        match = _SERVICE.fullmatch(key)
        if match and match[1].lower() == protocol:
            servers.setdefault(match[2], {})[match[3].lower()] = value
    return servers


def _middlewares(services: Iterable[Service]) -> dict[str, set[str]]:
    """Give the kinds of each middleware that labels define; of a name with several, Traefik may take any or none."""
    found: dict[str, set[str]] = {}
    for service in services:
        for key in service.labels:
            if match := _MIDDLEWARE.match(key):
                found.setdefault(match[1].lower(), set()).add(match[2].lower())
    return found


def _read(route: _Route, proxy: _Proxy) -> _Read:
    if route.labels.get("service", "").endswith("@internal"):
        raise RefusedRule("it routes to Traefik itself")
    rule = route.labels.get("rule", "")
    if not rule:
        raise RefusedRule("it has no rule of its own, and Traefik's default one is not known here")
    asked = _words(route.labels.get("middlewares", ""))
    lost = [name for name in asked if not _is_harmless(name, proxy)]
    if lost:
        raise RefusedRule(f"its middlewares ({', '.join(lost)}) would not be applied")
    server = _server(route)
    port = _port(route.service, server, proxy.ports)
    if _is_secured(route, proxy) and not proxy.certificate:
        raise RefusedRule("it is served over TLS, which needs a certificate: --certificate arn:aws:acm:…")
    protocol = _spoken(server)
    published = _published(route, proxy)
    base = {"port": port, "protocol": protocol, "published": published, **_said_alike(server)}
    if published == 443 and _is_open_at_80(proxy):  # where Traefik redirects, or serves the same without TLS
        base["redirect"] = True
    entries = [{**base, **conditions} for conditions in rule_conditions(rule)]
    dropped = f", without {', '.join(asked)}" if asked else ""
    return _Read(
        entries,
        f"{rule} forwards to port {port} of {route.service.name}{dropped}, as a rule of the load balancer",
    )


def _is_harmless(middleware: str, proxy: _Proxy) -> bool:
    """Whether all that labels define under the name of a middleware may be left out."""
    kinds = proxy.middlewares.get(_own_name(middleware).lower(), frozenset())
    return bool(kinds) and kinds <= _HARMLESS


def _own_name(name: str) -> str:
    """Give the name that labels define, "" for what another provider does: `auth@file` is not the `auth` of the labels."""
    own, _, provider = name.partition("@")
    return own if provider in ("", "docker") else ""


def _said_alike(server: Mapping[str, str]) -> Mapping[str, Any]:
    """Give the options of a server that `x-fargate.ingress` has too."""
    found: dict[str, Any] = {}
    if any(key.startswith(_STICKY) and value.lower() != "false" for key, value in server.items()):
        found["stickiness"] = True
    if server.get(_HEALTH, "").startswith("/"):
        found["health_path"] = server[_HEALTH]
    return found


def _spoken(server: Mapping[str, str]) -> str:
    scheme = server.get(_SCHEME, "http").lower()
    if scheme not in ("http", "https"):
        raise RefusedRule(f"its server speaks {scheme}: the entry must say protocol: grpc or protocol: http2")
    return scheme


def _is_secured(route: _Route, proxy: _Proxy) -> bool:
    """Whether clients have to use TLS: the router says so, or the entry point does for all of its routers."""
    own = any(key == "tls" or key.startswith("tls.") for key in route.labels)
    if own:
        return route.labels.get("tls", "true").lower() != "false"
    used = route.entry_points or tuple(proxy.entry_points)
    return any(proxy.entry_points[name].secured for name in used if name in proxy.entry_points)


def _is_open_at_80(proxy: _Proxy) -> bool:
    points = proxy.entry_points.values()
    return not points or any(point.published == 80 for point in points)


def _published(route: _Route, proxy: _Proxy) -> int:
    """Give the port of the load balancer: the one on which Traefik's entry point is published.

    Without any named, a route is on all of them; those that stand in a file of Traefik's are not known.
    """
    usual = 443 if proxy.certificate else 80
    known = [proxy.entry_points.get(name) for name in route.entry_points or proxy.entry_points]
    open_to_all = [point.published for point in known if point and point.published]
    if not known or None in known or not (open_to_all or route.entry_points):
        number = proxy.doors.get(usual) or proxy.doors.get(80, usual)
        return usual if number in (80, 443) else number
    if not open_to_all:
        names = ", ".join(route.entry_points)
        raise RefusedRule(f"its entry point {names} is not published, so that it is not open to the outside")
    return usual if set(open_to_all) & {80, 443} else open_to_all[0]


def _server(route: _Route) -> Mapping[str, str]:
    asked = route.labels.get("service", "")
    named = _own_name(asked)
    if named in route.servers:
        return route.servers[named]
    if asked:
        raise RefusedRule(f"it routes to {asked}, which these labels do not define")
    if len(route.servers) > 1:
        raise RefusedRule("it does not say to which of the services of its labels it routes")
    return next(iter(route.servers.values()), {})


def _port(service: Service, server: Mapping[str, str], ports: Ports, protocol: str = "http") -> int:
    """Give the port: the one that is named, or the lowest that the container exposes, as Traefik takes it."""
    if given := server.get(_PORT, ""):
        if not is_port(given):
            raise RefusedRule(f"{_PORT} is not a port number")
        return int(given)
    wanted = "udp" if protocol == "udp" else "tcp"
    exposed = [p.target for p in service.ports if p.protocol == wanted]
    exposed += [int(text) for text in service.expose if is_port(text) and wanted == "tcp"]
    exposed = exposed or (list(ports(service)) if wanted == "tcp" else [])
    if not exposed:
        raise RefusedRule(
            f'the port that {service.name} listens on is not known (declare it: expose: ["8080"])'
        )
    return min(exposed)


# -- options that are lost -------------------------------------------------------------------------------------

_KEPT = re.compile(
    r"rule|entrypoints|middlewares|service|rulesyntax|tls|tls\.certresolver|tls\.domains.*|observability.*"
    r"|loadbalancer\.server\.(port|scheme)|loadbalancer\.sticky\.cookie|loadbalancer\.healthcheck\.path|loadbalancer\.responseforwarding.*",
    re.IGNORECASE,
)
"""Options that are read, that the load balancer's certificate and logs stand for, or that change nothing a client sees."""
_OPTIONS: Mapping[str, tuple[str, str]] = {
    "priority": (
        "rules are evaluated from the most specific to the least specific instead",
        "if that order differs, give the entry a priority (the lowest is evaluated first): x-fargate: {ingress: [{…, priority: 10}]}",
    ),
    "tls.options": (
        "the listener's security policy decides on versions and ciphers",
        "choose one at the top level: x-fargate: {patch: {listener/443: {SslPolicy: ELBSecurityPolicy-TLS13-1-3-2021-06}}}",
    ),
    "loadbalancer.sticky": (
        "the load balancer's own cookie (AWSALB) keeps a client with its task, for a day",
        "if the application reads it, choose another one: x-fargate: {patch: {target_group: {attributes: {…}}}} under the service",
    ),
    "loadbalancer.healthcheck": (
        "the target group takes its times from the service's healthcheck",
        "set healthcheck: {test: …, interval: 10s} under the service; x-fargate.ingress has health_port and health_codes",
    ),
    "loadbalancer.passhostheader": (
        "the load balancer passes the Host header on as the client sent it",
        "let the application accept that name",
    ),
}
"""What the loss of an option means and what to write, by how the option starts."""
_OTHER = (
    "the load balancer has no such option",
    "remove the label, or write x-fargate: {ingress: […]} with what the load balancer has",
)


def _lost(route: _Route, labels: Mapping[str, str]) -> Iterator[_Outcome]:
    """Yield each kind of option of a route that is opened without it, at its first label."""
    named = _own_name(route.labels.get("service", ""))
    options = dict(route.keys)
    for key in labels:
        match = _SERVICE.fullmatch(key)
        if match and match[1].lower() == "http" and (not named or match[2] == named):
            options[match[3].lower()] = key
    seen: set[str] = set()
    for option, label in options.items():
        start = next((start for start in _OPTIONS if option.startswith(start)), option)
        if start not in seen and not _KEPT.fullmatch(option) and not _says_the_same(option, labels[label]):
            seen.add(start)
            meaning, hint = _OPTIONS.get(start, _OTHER)
            path = ("services", route.service.name, "labels", label)
            yield path, _Lost(label, meaning, hint)


def _says_the_same(option: str, value: str) -> bool:
    """Whether the load balancer does what an option asks for anyway."""
    return option == "loadbalancer.passhostheader" and value.lower() == "true"


# -- the result ------------------------------------------------------------------------------------------------


def _with_entries(
    project: Project, service: Service, found: Sequence[_Outcome], report: list[Diagnostic]
) -> Service:
    read = [outcome for _, outcome in found if isinstance(outcome, _Read)]
    entries: list[Mapping[str, Any]] = []
    for one in read:
        entries += [entry for entry in one.entries if entry not in entries]
    for path, outcome in found:
        report.append(_finding(service, path, outcome)._replace(location=project.at(*path)))
    if not entries:
        return service
    own = {**options_of(service), "ingress": entries}
    return service._replace(extensions={**service.extensions, "x-fargate": own})


def _finding(service: Service, path: Path, outcome: _Read | _Closed | _Lost) -> Diagnostic:
    if isinstance(outcome, _Read):
        hint = "write x-fargate: {ingress: […]} under the service to replace it, or x-fargate: {ingress: false} to keep it inside"
        return Diagnostic(READ, Severity.INFO, outcome.message, path, None, hint, URL)
    if isinstance(outcome, _Lost):
        text = f"{outcome.label} of Traefik, which is left out, has no effect: {outcome.message}"
        about = TARGETS_URL if _SERVICE.fullmatch(outcome.label) else URL
        return Diagnostic(LOST, Severity.WARNING, text, path, None, outcome.hint, about)
    text = f"the route {path[-1]} of Traefik, which is left out, is not opened: {outcome.reason}"
    hint = f"to open it, write under {service.name}: x-fargate: {{ingress: [{outcome.entry}]}}"
    url = NETWORK_URL if outcome.code == NOT_HTTP else URL
    return Diagnostic(outcome.code, Severity.WARNING, text, path, None, hint, url)
