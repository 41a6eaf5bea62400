"""Services whose only purpose is the machine that Docker Compose runs on: its Docker engine, its containers, its figures.

Behind a Fargate task there is no such machine, so that such a service has nothing to do, and AWS has something in its place. It is
refused once, with all its keys that ask for the host, instead of key by key; `--without-host-tools` leaves every one of them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.host_paths import asks_for_the_host
from compose2fargate.mapping.sizing import repository

URL = f"{DOCS}/fargate-security-considerations.html"
"""What a task cannot have of its host."""
LEFT_OUT = "C2F295"


class Tool(NamedTuple):
    """What an image is for, and what takes its place on Fargate."""

    purpose: str
    instead: str


_ROUTES = Tool(
    "routes requests to the containers that it finds through the Docker engine",
    "the load balancer routes by host and path (x-fargate.ingress)",
)
_CERTIFICATES = Tool(
    "renews certificates for containers that it finds through the Docker engine",
    "AWS Certificate Manager renews the load balancer's certificate (--certificate)",
)
_SHOWS = Tool(
    "shows and manages the containers of a Docker engine",
    "the ECS console, or compose2fargate status and logs, show what runs",
)
_LOGS = Tool(
    "shows the output of the containers of a Docker engine",
    "CloudWatch Logs, or compose2fargate logs -f, show the output",
)
_SHIPS = Tool(
    "collects the output of the host's containers",
    "logging: {driver: awsfirelens} or {driver: fluentd} gives each task a log router; CloudWatch Logs take the rest",
)
_UPDATES = Tool(
    "restarts the containers of a Docker engine with newer images",
    "a deployment with a new image tag updates a service",
)
_HEALS = Tool("restarts unhealthy containers", "ECS replaces tasks whose health check fails")
_RUNS = Tool(
    "runs commands by the clock through the Docker engine", "x-fargate.schedule runs a service by the clock"
)
_MEASURES = Tool(
    "measures the host and its containers",
    "CloudWatch Container Insights measures tasks and containers (--insights enhanced)",
)
_SOCKET = Tool("passes calls on to the Docker engine", "use the ECS API with a task role")

TOOLS: Mapping[str, Tool] = {
    "traefik": _ROUTES, "nginx-proxy": _ROUTES, "docker-gen": _ROUTES, "caddy-docker-proxy": _ROUTES,
    "acme-companion": _CERTIFICATES, "letsencrypt-nginx-proxy-companion": _CERTIFICATES,
    "docker-letsencrypt-nginx-proxy-companion": _CERTIFICATES,
    "portainer": _SHOWS, "portainer-ce": _SHOWS, "portainer-ee": _SHOWS, "visualizer": _SHOWS,
    "docker-swarm-visualizer": _SHOWS, "dockge": _SHOWS, "yacht": _SHOWS, "lazydocker": _SHOWS,
    "dozzle": _LOGS,
    "promtail": _SHIPS, "fluent-bit": _SHIPS, "fluentd": _SHIPS, "vector": _SHIPS, "filebeat": _SHIPS, "logspout": _SHIPS,
    "watchtower": _UPDATES, "ouroboros": _UPDATES, "diun": _UPDATES,
    "autoheal": _HEALS, "docker-autoheal": _HEALS,
    "ofelia": _RUNS,
    "cadvisor": _MEASURES, "node-exporter": _MEASURES, "node_exporter": _MEASURES, "nodeexporter": _MEASURES, "netdata": _MEASURES,
    "glances": _MEASURES, "metricbeat": _MEASURES,
    "docker-socket-proxy": _SOCKET, "socket-proxy": _SOCKET,
}  # fmt: skip
"""By the name of the image's repository. Such a service counts only where it asks for the host, too: a Traefik with file providers,
or a Fluent Bit that listens for others, runs on Fargate as anywhere."""


def tool(project: Project, service: Service) -> Tool | None:
    """Give what a service is for, if that is the host, and the service asks for the host."""
    found = TOOLS.get(image_name(service))
    return found if found and _asks_for_the_host(project, service) else None


def image_name(service: Service) -> str:
    """Give the name of the image's repository; of an image that is built here, the service's own name where that tells more."""
    name = repository((service.image or "").lower())
    own = service.name.lower()
    return own if service.build and name not in TOOLS else name


def tools(project: Project) -> Mapping[str, Tool]:
    """Give the services that are there for the host."""
    return {name: found for name, service in project.services.items() if (found := tool(project, service))}


def _asks_for_the_host(project: Project, service: Service) -> bool:
    return service.pid == "host" or any(asks_for_the_host(project, mount) for mount in service.mounts)


def left_out(project: Project, names: Iterable[str]) -> Iterator[Diagnostic]:
    """Say of each tool that is left out what it was for, and what is in its place."""
    for name in names:
        found = TOOLS[image_name(project.services[name])]
        yield Diagnostic(
            LEFT_OUT,
            Severity.INFO,
            f"{name} is left out: it {found.purpose}, and behind a Fargate task there is no such host",
            ("services", name),
            project.at("services", name),
            found.instead,
            URL,
        )


def as_one(project: Project, report: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Put all refusals of a tool into one: what is wrong is the service on this platform, not each of its keys."""
    listed = list(report)
    found = tools(project)
    refusals: dict[str, list[Diagnostic]] = {}
    for one in listed:
        if one.severity is Severity.ERROR and one.path[:1] == ("services",) and one.path[1] in found:
            refusals.setdefault(str(one.path[1]), []).append(one)
    first = {id(ones[0]): name for name, ones in refusals.items()}
    others = {id(one) for ones in refusals.values() for one in ones[1:]}
    return [
        _together(found[first[id(one)]], refusals[first[id(one)]], first[id(one)], refusals)
        if id(one) in first
        else one
        for one in listed
        if id(one) not in others
    ]


def _together(found: Tool, refusals: list[Diagnostic], name: str, every: Collection[str]) -> Diagnostic:
    keys = ", ".join(dict.fromkeys(_key(one) for one in refusals))
    codes = " ".join(f"--allow {code}" for code in sorted({one.code for one in refusals}))
    others = (
        f", or all {len(every)} services of that kind with --without-host-tools" if len(every) > 1 else ""
    )
    return refusals[0]._replace(
        message=f"{name} {found.purpose}, and behind a Fargate task there is no such host ({keys})",
        hint=f"{found.instead}; leave it out with --without {name}{others}, or go on without these keys: {codes}",
    )


def _key(one: Diagnostic) -> str:
    return ".".join(str(part) for part in one.path[2:4])
