"""The routes of a Traefik that is left out: its labels on the other services, read as rules of the load balancer.

Traefik reads the labels `traefik.http.routers.*` from the Docker engine; without it they are just text. Where a route says no more than a
listener rule can (hosts and paths), the service gets the entry of `x-fargate.ingress` that says the same. Whatever else a route asks for
(a login, another path, a rate) is not dropped in silence: such a route is not opened, and the finding says what to write.

Source: https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.context import options_of
from compose2fargate.mapping.host_tools import image_name

URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"
READ, NOT_OPENED = "C2F508", "C2F509"
MAX_VALUES = 5
"""Hosts and paths of one rule: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""

_ROUTER = re.compile(r"traefik\.(http|tcp|udp)\.routers\.([^.]+)\.(.+)", re.IGNORECASE)
_SERVER = re.compile(r"traefik\.http\.services\.([^.]+)\.loadbalancer\.server\.(port|scheme)", re.IGNORECASE)
_MIDDLEWARE = re.compile(r"traefik\.http\.middlewares\.([^.]+)\.([^.]+)", re.IGNORECASE)
_DEFAULTS = re.compile(r"--entrypoints\.[^.]+\.http\.middlewares", re.IGNORECASE)
_MATCHER = re.compile(r"(Host|PathPrefix|Path)\(\s*((?:[`\"][^`\"]*[`\"]\s*,?\s*)+)\)")
_QUOTED = re.compile(r"[`\"]([^`\"]*)[`\"]")
_HARMLESS = frozenset(
    {"redirectscheme", "compress", "headers", "retry", "buffering", "circuitbreaker", "inflightreq"}
)
"""Middlewares without which requests still reach the same service with the same path, and nobody else's do."""


Ports = Callable[[Service], Iterable[int]]


class _Refused(Exception):  # noqa: N818 - it is no error of the program
    """A route that no listener rule says, and why."""


class _Route(NamedTuple):
    """One router, with the labels of its service that decide it."""

    service: Service
    name: str
    labels: Mapping[str, str]
    servers: Mapping[str, Mapping[str, str]]
    middlewares: Mapping[str, str]

    @property
    def path(self) -> Path:
        """The label with its rule."""
        return ("services", self.service.name, "labels", f"traefik.http.routers.{self.name}.rule")


class _Closed(NamedTuple):
    """Why a route is not opened, and the entry of `x-fargate.ingress` that would open it."""

    reason: str
    entry: str


class _Read(NamedTuple):
    """What was read of a route: the entries of `x-fargate.ingress`."""

    entries: Sequence[Mapping[str, Any]]
    message: str


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
    guarded = any(_DEFAULTS.search(word) for proxy in proxies for word in proxy.command or ())
    shared = _middlewares(service for service in project.services.values())
    services = {
        name: _with_entries(
            project, service, list(_read_all(service, ports, certificate, shared, guarded)), report
        )
        for name, service in kept.services.items()
    }
    return kept._replace(services=services)


def _read_all(
    service: Service,
    ports: Ports,
    certificate: str,
    middlewares: Mapping[str, str],
    guarded: bool,  # noqa: FBT001
) -> Iterator[tuple[Path, _Read | _Closed]]:
    """Yield what each route of a service becomes, or why it is not opened."""
    if "ingress" in options_of(service):
        return  # The user has said it already.
    for route in _routes(service, middlewares):
        yield route.path, _closed(route, ports, _GUARDED) if guarded else _outcome(route, ports, certificate)


_GUARDED = "Traefik's entry points have middlewares, which the load balancer would not ask"


def _outcome(route: _Route, ports: Ports, certificate: str) -> _Read | _Closed:
    try:
        return _read(route, ports, certificate)
    except _Refused as refused:
        return _closed(route, ports, str(refused))


def _closed(route: _Route, ports: Ports, reason: str) -> _Closed:
    host = re.search(r"Host\(\s*[`\"]([^`\"]+)", route.labels.get("rule", ""))
    try:
        port = str(_port(route.service, _server(route), ports))
    except _Refused:
        port = "PORT"
    return _Closed(reason, f"{{port: {port}, host: {host[1] if host else 'HOST'}}}")


def _routes(service: Service, middlewares: Mapping[str, str]) -> Iterator[_Route]:
    labels = {key: str(value) for key, value in service.labels.items()}
    if labels.get("traefik.enable", "true").lower() == "false":
        return
    found: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        if (match := _ROUTER.fullmatch(key)) and match[1].lower() == "http":
            found.setdefault(match[2], {})[match[3].lower()] = value
    servers: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        if match := _SERVER.fullmatch(key):
            servers.setdefault(match[1], {})[match[2].lower()] = value
    for name, own in sorted(found.items()):
        if not own.get("service", "").endswith("@internal"):
            yield _Route(service, name, own, servers, middlewares)


def _middlewares(services: Iterator[Service]) -> dict[str, str]:
    """Give the kind of each middleware that labels define."""
    return {
        match[1].lower(): match[2].lower()
        for service in services
        for key in service.labels
        if (match := _MIDDLEWARE.match(key))
    }


def _read(route: _Route, ports: Ports, certificate: str) -> _Read:
    rule = route.labels.get("rule", "")
    if not rule:
        raise _Refused("it has no rule of its own, and Traefik's default one is not known here")
    asked = [m.strip() for m in route.labels.get("middlewares", "").split(",") if m.strip()]
    lost = [m for m in asked if route.middlewares.get(m.partition("@")[0].lower(), "") not in _HARMLESS]
    if lost:
        raise _Refused(f"its middlewares ({', '.join(lost)}) would not be asked")
    server = _server(route)
    port = _port(route.service, server, ports)
    secured = (
        any(key == "tls" or key.startswith("tls.") for key in route.labels)
        and route.labels.get("tls") != "false"
    )
    if secured and not certificate:
        raise _Refused("it is served over TLS, which takes a certificate: --certificate arn:aws:acm:…")
    base = {"port": port, "protocol": "https" if server.get("scheme") == "https" else "http"}
    entries = [{**base, **conditions} for conditions in _conditions(rule)]
    dropped = f", without {', '.join(asked)}" if asked else ""
    return _Read(
        entries,
        f"{rule} leads to port {port} of {route.service.name}{dropped}, as a rule of the load balancer",
    )


def _server(route: _Route) -> Mapping[str, str]:
    named = route.labels.get("service", "").partition("@")[0]
    if named in route.servers:
        return route.servers[named]
    if len(route.servers) > 1:
        raise _Refused("it does not say which of the services of its labels it leads to")
    return next(iter(route.servers.values()), {})


def _port(service: Service, server: Mapping[str, str], ports: Ports) -> int:
    """Give the port: the one that is named, or the lowest that the container exposes, as Traefik takes it."""
    if server.get("port", "").isdigit():
        return int(server["port"])
    exposed = [p.target for p in service.ports if p.protocol == "tcp"]
    exposed += [int(text) for text in service.expose if text.isdigit()]
    exposed = exposed or list(ports(service))
    if not exposed:
        raise _Refused(f'the port that {service.name} listens on is not known (expose: ["8080"] names it)')
    return min(exposed)


# -- the rule --------------------------------------------------------------------------------------------------


def _conditions(rule: str) -> list[dict[str, Any]]:
    """Give the conditions of a rule: one entry for each alternative, one where the alternatives are all hosts."""
    found = [_conjunction(part) for part in _split(rule, "||")]
    if all(set(each) == {"host"} for each in found):
        found = [{"host": [host for each in found for host in each["host"]]}]
    if any(len(each.get("host", ())) + len(each.get("path", ())) > MAX_VALUES for each in found):
        raise _Refused(f"a rule of a load balancer has at most {MAX_VALUES} hosts and paths")
    if any(not each for each in found):
        raise _Refused("it takes every request")
    return [{key: value[0] if len(value) == 1 else value for key, value in each.items()} for each in found]


def _conjunction(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for factor in _split(text, "&&"):
        values = [_matcher(part) for part in _split(_bare(factor), "||")]
        kinds = {kind for kind, _ in values}
        if len(kinds) > 1 or (kinds & set(found)):
            raise _Refused(f"a listener rule cannot say {text.strip()}")
        texts = [value for _, own in values for value in own]
        if texts != ["*"]:
            found[kinds.pop()] = texts
    return found


def _matcher(text: str) -> tuple[str, list[str]]:
    match = _MATCHER.fullmatch(_bare(text))
    if not match:
        raise _Refused(f"a listener rule cannot say {text.strip()}")
    values = _QUOTED.findall(match[2])
    if match[1] == "Host":
        return "host", values
    return "path", values if match[1] == "Path" else [
        "*" if value == "/" else f"{value}*" for value in values
    ]


def _bare(text: str) -> str:
    """Take the parentheses around a whole expression away."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_last(text):
        text = text[1:-1].strip()
    return text


def _closes_last(text: str) -> bool:
    depth = 0
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth:
            return index == len(text) - 1
    return False


def _split(text: str, operator: str) -> list[str]:
    """Split at an operator that stands outside of parentheses."""
    parts, depth, start, index = [], 0, 0, 0
    text = _bare(text)
    while index < len(text):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if not depth and text.startswith(operator, index):
            parts.append(text[start:index])
            index = start = index + len(operator)
        else:
            index += 1
    return [*parts, text[start:]]


# -- the result ------------------------------------------------------------------------------------------------


def _with_entries(
    project: Project,
    service: Service,
    found: Sequence[tuple[Path, _Read | _Closed]],
    report: list[Diagnostic],
) -> Service:
    entries: list[Mapping[str, Any]] = []
    for path, outcome in found:
        at = project.at(*path)
        if isinstance(outcome, _Read):
            entries += [entry for entry in outcome.entries if entry not in entries]
            hint = "x-fargate: {ingress: […]} under the service says it in other words, x-fargate: {ingress: false} keeps it inside"
            report.append(Diagnostic(READ, Severity.INFO, outcome.message, path, at, hint, URL))
        else:
            text = f"the route {path[-1]} of Traefik, which is left out, is not opened: {outcome.reason}"
            hint = f"to open it, write under {service.name}: x-fargate: {{ingress: [{outcome.entry}]}}"
            report.append(Diagnostic(NOT_OPENED, Severity.WARNING, text, path, at, hint, URL))
    if not entries:
        return service
    own = {**options_of(service), "ingress": entries}
    return service._replace(extensions={**service.extensions, "x-fargate": own})
