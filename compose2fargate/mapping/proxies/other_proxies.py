"""The routes of a proxy that is left out and is no Traefik: what nginx-proxy and Caddy read from the engine, named and not lost.

They are few enough words to be written as `x-fargate.ingress`, and each proxy has settings beside them that are not known here. So they
are not opened, and the finding says what to write.

Sources: https://github.com/nginx-proxy/nginx-proxy/tree/main/docs, https://github.com/lucaslorentz/caddy-docker-proxy
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.proxies.host_tools import image_name
from compose2fargate.mapping.proxies.traefik_entrypoints import is_port
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"
NOT_OPENED = "C2F513"

_NGINX = frozenset({"nginx-proxy", "docker-gen"})
_CADDY = frozenset({"caddy-docker-proxy"})
_SITE = lazy_pattern(r"caddy(_[0-9]+)?")
_UPSTREAM = lazy_pattern(r"\{\{\s*upstreams\s+(?:https?\s+)?([0-9]{1,5})\s*\}\}")
DEFAULT_PORT = 80
"""Where both look for a container that names no other port."""

Ports = Callable[[Service], Iterable[int]]


class _ProxyRoute(NamedTuple):
    """What a proxy reads: the key and the name that say so, and what it leads to."""

    key: str
    name: str
    hosts: tuple[str, ...]
    port: int
    path: str = ""


def lost_routes(project: Project, kept: Project, ports: Ports) -> Iterator[Diagnostic]:
    """Yield a finding for each route that only a proxy which is left out would have opened."""
    gone = {image_name(s): name for name, s in project.services.items() if name not in kept.services}
    readers = ((_NGINX, _of_nginx), (_CADDY, _of_caddy))
    for images, read in readers:
        proxy = next((gone[image] for image in sorted(images & set(gone))), None)
        for service in kept.services.values() if proxy else ():
            if "ingress" not in options_of(service):
                yield from (_finding(project, service, str(proxy), route) for route in read(service, ports))


def _of_nginx(service: Service, ports: Ports) -> Iterator[_ProxyRoute]:
    given = service.environment
    hosts = tuple(host.strip() for host in (given.get("VIRTUAL_HOST") or "").split(",") if host.strip())
    if hosts:
        port = given.get("VIRTUAL_PORT") or ""
        path = (given.get("VIRTUAL_PATH") or "").rstrip("/")
        number = int(port) if is_port(port) else _only_port(service, ports)
        yield _ProxyRoute("environment", "VIRTUAL_HOST", hosts, number, path)


def _of_caddy(service: Service, _ports: Ports) -> Iterator[_ProxyRoute]:
    for label, value in service.labels.items():
        if _SITE.fullmatch(label):
            words = re.split(r"[\s,]+", str(value).strip())
            hosts = tuple(re.sub(r"^https?://|[:/].*$", "", word) for word in words)
            upstream = str(service.labels.get(f"{label}.reverse_proxy", ""))
            named = _UPSTREAM.search(upstream)
            yield _ProxyRoute("labels", label, hosts, int(named[1]) if named else DEFAULT_PORT)


def _only_port(service: Service, ports: Ports) -> int:
    """Give the port of a container that exposes one; nginx-proxy takes 80 where there are several or none."""
    exposed = {p.target for p in service.ports} | {int(text) for text in service.expose if is_port(text)}
    known = exposed or set(ports(service))
    return known.pop() if len(known) == 1 else DEFAULT_PORT


def _finding(project: Project, service: Service, proxy: str, route: _ProxyRoute) -> Diagnostic:
    hosts = route.hosts[0] if len(route.hosts) == 1 else f"[{', '.join(route.hosts)}]"
    path = f", path: {route.path}/*" if route.path else ""
    at = ("services", service.name, route.key, route.name)
    return Diagnostic(
        NOT_OPENED,
        Severity.WARNING,
        f"{route.name} is read by {proxy}, which is left out: {', '.join(route.hosts)} is not opened",
        at,
        project.at(*at),
        f"to open it, write under {service.name}: x-fargate: {{ingress: [{{port: {route.port}, host: {hosts}{path}}}]}}",
        URL,
    )
