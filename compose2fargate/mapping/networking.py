"""Ports, names between services, and where tasks are placed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compose2fargate.aws.fargate import API
from compose2fargate.aws.resources import (
    AwsvpcConfiguration,
    NetworkConfiguration,
    PortMapping,
    ServiceConnectClientAlias,
    ServiceConnectConfiguration,
    ServiceConnectService,
)
from compose2fargate.aws.values import Ref
from compose2fargate.compose.dockerfile import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.names import dns_name, port_name
from compose2fargate.mapping.sizing import repository

PORT_URL = f"{API}/API_PortMapping.html"
PLACEMENT_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html"
CONNECT_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html"
MAX_EXPANDED_PORTS = 100
"""Ports of one container; far above what AWS's 64 KiB of task definition leave room for in practice."""


KNOWN_PORTS: Mapping[str, int] = {
    "adminer": 8080,
    "authelia": 9091,
    "clickhouse-server": 8123,
    "cp-kafka": 9092,
    "cp-zookeeper": 2181,
    "elasticsearch": 9200,
    "ghost": 2368,
    "gitea": 3000,
    "grafana": 3000,
    "httpd": 80,
    "kafka": 9092,
    "keycloak": 8080,
    "keydb": 6379,
    "mailhog": 1025,
    "mailpit": 8025,
    "mariadb": 3306,
    "memcached": 11211,
    "minio": 9000,
    "mongo": 27017,
    "mysql": 3306,
    "n8n": 5678,
    "nats": 4222,
    "nextcloud": 80,
    "nginx": 80,
    "opensearch": 9200,
    "phpmyadmin": 80,
    "postgis": 5432,
    "postgres": 5432,
    "postgresql": 5432,
    "prometheus": 9090,
    "rabbitmq": 5672,
    "redis": 6379,
    "timescaledb": 5432,
    "uptime-kuma": 3001,
    "valkey": 6379,
    "vaultwarden": 80,
    "whoami": 80,
    "wordpress": 80,
    "zookeeper": 2181,
}
"""Where well-known images listen. Compose lets services reach each other on any port; Service Connect has to be told."""


MAX_PORT = 65535
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp))?")


class _Listed(NamedTuple):
    """A port the container listens on, and the key that says so."""

    number: int
    protocol: str
    path: Path
    name: str = ""
    app_protocol: str = ""


def port_mappings(ctx: Context, service: Service) -> tuple[PortMapping, ...]:
    """Collect the ports from `ports`, `expose` and, where the image is built here, its EXPOSE.

    Fargate knows no host ports: a task has its own address, and a container port is open there when the
    security group lets it in.
    """
    by_number: dict[int, _Listed] = {}
    every = tuple(_listed(ctx, service))
    tcp = {listed.number: listed for listed in every if listed.protocol == "tcp"}
    for listed in every:
        if len(by_number) > MAX_EXPANDED_PORTS:
            return _too_many(ctx, service, by_number)
        # Of two protocols TCP is the one that Service Connect carries, whichever the file names first.
        first = by_number.setdefault(listed.number, tcp.get(listed.number, listed))
        if first.protocol != listed.protocol:
            ctx.warn(
                "C2F221",
                listed.path,
                f"port {listed.number} is used for tcp and udp; a task definition names a port for one protocol, here {first.protocol}",
                hint="the other one works where the security group lets it in, but has no name in Service Connect",
                url=PORT_URL,
            )
    if len(by_number) > MAX_EXPANDED_PORTS:
        return _too_many(ctx, service, by_number)
    return tuple(map(_mapping, by_number.values()))


def _too_many(ctx: Context, service: Service, by_number: Mapping[int, _Listed]) -> tuple[PortMapping, ...]:
    """Refuse the ports without a word on each: a range can stand for 65535 of them."""
    ctx.refuse(
        "C2F222",
        ("services", service.name, "ports"),
        f"more than {MAX_EXPANDED_PORTS} ports; at most so many are mapped for one container",
        hint="list only the ports that other services use",
        url=PORT_URL,
    )
    return tuple(map(_mapping, by_number.values()))[:MAX_EXPANDED_PORTS]


def _mapping(listed: _Listed) -> PortMapping:
    default = f"port-{listed.number}" + ("-udp" if listed.protocol == "udp" else "")
    app = listed.app_protocol.lower()
    return PortMapping(
        container_port=listed.number,
        protocol=listed.protocol,
        name=port_name(listed.name) if listed.name else default,
        app_protocol=app if app in ("http", "http2", "grpc") else None,
    )


def _listed(ctx: Context, service: Service) -> Iterator[_Listed]:
    for index, port in enumerate(service.ports):
        yield _Listed(
            port.target,
            port.protocol,
            ("services", service.name, "ports", index),
            port.name,
            port.app_protocol,
        )
    for index, text in enumerate(service.expose):
        yield from _exposed(ctx, text, ("services", service.name, "expose", index))
    ingress = options_of(service).get("ingress")
    for index, entry in enumerate(ingress if isinstance(ingress, list) else ()):
        protocol = "udp" if entry.get("protocol") == "udp" else "tcp"
        if entry["port"] not in [port.target for port in service.ports]:
            yield _Listed(entry["port"], protocol, ("services", service.name, "x-fargate", "ingress", index))
    image = ctx.images.get(service.name)
    for number, protocol in image.exposed if image else ():
        yield _Listed(number, protocol, ("services", service.name, "build"))
    known = _known_port(service.image or "")
    if known and not (service.ports or service.expose or service.build):
        path: Path = ("services", service.name, "image")
        ctx.info(
            "C2F227",
            path,
            f"{service.name} names no port; {known} is where {service.image} listens",
            hint=f'expose: ["{known}"] says so in the file',
            url=CONNECT_URL,
        )
        yield _Listed(known, "tcp", path)


def _known_port(image: str) -> int:
    """Give the port of a well-known image, 0 where it is none or a variant that serves nothing (`wordpress:cli`)."""
    return 0 if re.search(r":cli(?![a-z])", image) else KNOWN_PORTS.get(repository(image), 0)


def image_ports(service: Service, images: Mapping[str, ImageConfig]) -> tuple[int, ...]:
    """Give the TCP ports on which the image of a service is known to listen: its Dockerfile's, or those of a well-known one."""
    built = images.get(service.name)
    if service.build:
        return tuple(number for number, protocol in built.exposed if protocol == "tcp") if built else ()
    known = _known_port(service.image or "")
    return (known,) if known else ()


def _exposed(ctx: Context, text: str, path: Path) -> Iterator[_Listed]:
    match = _PORTS.fullmatch(text)
    first = int(match[1]) if match else 0
    last = int(match[2] or first) if match else 0
    if match is None or not 1 <= first <= last <= MAX_PORT:
        ctx.warn(
            "C2F223",
            path,
            f"expose {text!r} is no port, and is left out",
            hint=f"write a number from 1 to {MAX_PORT}, like 8000 or 53/udp",
        )
        return
    # One more than is allowed is enough to be refused, however wide the range is.
    for number in range(first, min(last, first + MAX_EXPANDED_PORTS) + 1):
        yield _Listed(number, match[3] or "tcp", path)


def service_connect(
    ctx: Context, ports: Mapping[str, tuple[PortMapping, ...]]
) -> ServiceConnectConfiguration:
    """Make the services of a task reachable under their compose names, and let them reach the others under theirs."""
    return ServiceConnectConfiguration(
        enabled=True,
        namespace=Ref("namespace", "name"),
        services=tuple(offer for name, listed in ports.items() for offer in _offers(ctx, name, listed)),
    )


def _offers(ctx: Context, service: str, ports: tuple[PortMapping, ...]) -> Iterator[ServiceConnectService]:
    """Yield what one service offers to the namespace: each TCP port under its name."""
    path: Path = ("services", service)
    if not ports and service in ctx.needed:
        ctx.warn(
            "C2F228",
            path,
            f"other services depend on {service}, but no port of it is known: they cannot reach it by name",
            hint='name the port it listens on, for example expose: ["8000"]',
            url=CONNECT_URL,
        )
    for port in ports:
        if port.protocol != "tcp":
            ctx.warn(
                "C2F224",
                path,
                f"port {port.container_port}/udp cannot be reached as {service}: Service Connect carries TCP only",
                hint=f"reach it as {dns_name(service)}.{dns_name(ctx.stack)}.internal, its private DNS name; "
                "tasks whose services depend on it find it by its short name too",
                url=CONNECT_URL,
            )
    tcp = [port for port in ports if port.protocol == "tcp"]
    for name in (service, *ctx.aliases.get(service, ())):
        for port in tcp:
            yield ServiceConnectService(
                port_name=port.name or "",
                discovery_name=_discovery_name(ctx, name, None if port is tcp[0] else port.container_port),
                client_aliases=(ServiceConnectClientAlias(port.container_port, dns_name(name)),),
            )


def _discovery_name(ctx: Context, name: str, port: int | None) -> str:
    """Give the name under which Cloud Map knows a port; it is unique in a namespace, so a name's first port has the plain one.

    `api` with a second port 9229 and a service called `api-9229` would meet: digits of the hash keep them apart.
    """
    if port is None:
        return port_name(name)
    plain = port_name(f"{name}-{port}")
    return port_name(f"{name}:{port}") if plain in ctx.port_names else plain


def find_aliases(project: Project, report: list[Diagnostic]) -> Mapping[str, tuple[str, ...]]:
    """Collect the further names of each service: container name, network aliases, and what others link it as.

    Compose knows an alias on its network, and a link's alias in one container; Service Connect knows it everywhere
    in the namespace. So a name that two services would share is refused.
    """
    owners = {dns_name(name): name for name in project.services}
    found: dict[str, list[str]] = {name: [] for name in project.services}
    for owner, alias, path in _aliases(project):
        if owner not in found:
            continue
        first = owners.setdefault(dns_name(alias), owner)
        if first != owner:
            report.append(
                Diagnostic(
                    "C2F229",
                    Severity.ERROR,
                    f"{alias} would be a name of {first} and of {owner}; a name in Service Connect belongs to one service",
                    path,
                    project.at(*path),
                    "use another name, or go on without this one: --allow C2F229",
                    CONNECT_URL,
                )
            )
        elif dns_name(alias) not in map(dns_name, (owner, *found[owner])):
            found[owner].append(alias)
    return {name: tuple(aliases) for name, aliases in found.items() if aliases}


def _aliases(project: Project) -> Iterator[tuple[str, str, Path]]:
    """Yield service, alias and the key that gives it."""
    for name, service in project.services.items():
        if service.container_name:
            yield name, service.container_name, ("services", name, "container_name")
        for network, own in service.networks.items():
            for index, alias in enumerate(own.get("aliases") or ()):
                yield name, str(alias), ("services", name, "networks", network, "aliases", index)
        for index, link in enumerate(service.links):
            target, _, alias = link.partition(":")
            yield target, alias or target, ("services", name, "links", index)


def network_configuration(ctx: Context, groups: tuple[str | Ref, ...]) -> NetworkConfiguration:
    """Place a task in the subnets of the settings (or the default VPC's) and in its security groups."""
    return NetworkConfiguration(
        AwsvpcConfiguration(
            subnets=Ref("network", "subnet_ids"),
            security_groups=groups,
            assign_public_ip="ENABLED" if has_public_address(ctx) else "DISABLED",
        )
    )


def has_public_address(ctx: Context) -> bool:
    """Whether tasks get public addresses: in the default VPC, whose subnets are public, they cannot pull images without."""
    chosen = ctx.settings.assign_public_ip
    return not ctx.settings.subnets if chosen is None else chosen


def report_placement(ctx: Context) -> None:
    """Say once where tasks are placed, where the user did not."""
    if ctx.settings.subnets:
        return
    vpc = ctx.settings.vpc
    where = f"the subnets of {vpc}" if vpc else "the default VPC's subnets"
    address = (
        "with public addresses, without which they could not pull their images there; their security groups let nothing in from outside"
        if has_public_address(ctx)
        else "without public addresses: they need a NAT gateway or VPC endpoints to pull their images"
    )
    ctx.info(
        "C2F291",
        (),
        f"no subnets are set: tasks run in {where}, {address}",
        hint="--subnet subnet-… for private subnets with a NAT gateway, --load-balancer-subnet subnet-… for public ones",
        url=PLACEMENT_URL,
    )
