"""Ports, names between services, and where tasks are placed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import API
from compose2fargate.aws.resources import (
    AwsvpcConfiguration,
    NetworkConfiguration,
    PortMapping,
    ServiceConnectClientAlias,
    ServiceConnectConfiguration,
    ServiceConnectService,
    ServiceConnectTimeout,
)
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.images.image_catalogue import known_image, reference_of
from compose2fargate.mapping.names import dns_name, port_name, private_domain
from compose2fargate.mapping.network.unknown_ports import report_no_port
from compose2fargate.mapping.references.named_ports import (
    CONNECT_URL,
    checked_ports,
    labelled_ports,
    referred_ports,
    variable_port,
    volume_port,
)
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.lazy_patterns import lazy_pattern

PORT_URL = f"{API}/API_PortMapping.html"
PLACEMENT_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html"
MAX_EXPANDED_PORTS = 100
"""Ports of one container; far above what AWS's 64 KiB of task definition leave room for in practice."""


MAX_PORT = 65535
_PORTS = lazy_pattern(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp))?")


class _Listed(NamedTuple):
    """A port the container listens on, and the key that says so."""

    number: int
    protocol: str
    path: Path
    name: str = ""
    app_protocol: str = ""


def port_mappings(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> tuple[PortMapping, ...]:
    """Collect the ports from `ports`, `expose` and, where the image is built here, its EXPOSE.

    Fargate knows no host ports: a task has its own address, and a container port is open there when the
    security group lets it in.
    """
    by_number: dict[int, _Listed] = {}
    every = tuple(_listed(ctx, findings, service))
    every = (*every, *_named_elsewhere(ctx, findings, service, every))
    tcp = {listed.number: listed for listed in every if listed.protocol == "tcp"}
    for listed in every:
        if len(by_number) > MAX_EXPANDED_PORTS:
            return _too_many(findings, service, by_number)
        # Of two protocols TCP is the one that Service Connect carries, whichever the file names first.
        first = by_number.setdefault(listed.number, tcp.get(listed.number, listed))
        if first.protocol != listed.protocol:
            findings.warn(
                "C2F221",
                listed.path,
                f"port {listed.number} is used for tcp and udp; a task definition names a port for one protocol, here {first.protocol}",
                hint="the other one works where the security group lets it in, but has no name in Service Connect",
                url=PORT_URL,
            )
    if len(by_number) > MAX_EXPANDED_PORTS:
        return _too_many(findings, service, by_number)
    return tuple(map(_mapping, by_number.values()))


def _too_many(
    findings: TranslationFindings, service: Service, by_number: Mapping[int, _Listed]
) -> tuple[PortMapping, ...]:
    """Refuse the ports without a word on each: a range can stand for 65535 of them."""
    findings.refuse(
        "C2F222",
        ("services", service.name, "ports"),
        f"more than {MAX_EXPANDED_PORTS} ports; at most that many are mapped for one container",
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


def _listed(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> Iterator[_Listed]:
    for index, port in enumerate(service.ports):
        yield _Listed(
            port.target,
            port.protocol,
            ("services", service.name, "ports", index),
            port.name,
            port.app_protocol,
        )
    for index, text in enumerate(service.expose):
        yield from _exposed(findings, text, ("services", service.name, "expose", index))
    ingress = options_of(service).get("ingress")
    for index, entry in enumerate(ingress if isinstance(ingress, list) else ()):
        protocol = "udp" if entry.get("protocol") == "udp" else "tcp"
        if entry["port"] not in [port.target for port in service.ports]:
            yield _Listed(entry["port"], protocol, ("services", service.name, "x-fargate", "ingress", index))
    image = ctx.images.get(service.name)
    for number, protocol in image.exposed if image else ():
        yield _Listed(number, protocol, ("services", service.name, "build"))
    if not (service.ports or service.expose or (image and image.exposed)):
        yield from _known(ctx, findings, service)


def _named_elsewhere(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, listed: Sequence[_Listed]
) -> Iterator[_Listed]:
    """Yield the ports that only other services or the health check name.

    Where names are looked up in the DNS, all ports are open, and none has to be named.
    """
    if ctx.settings.finds_by_dns:
        return
    known = {one.number for one in listed}
    told = (
        ()
        if known
        else tuple(checked_ports(ctx, findings, service)) or tuple(labelled_ports(findings, service))
    )
    known.update(port.number for port in told)
    referred = tuple(referred_ports(ctx, findings, service, known))
    last = () if known or referred else tuple(variable_port(ctx, findings, service))
    for port in (*told, *referred, *last):
        yield _Listed(*port)


def _known(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> Iterator[_Listed]:
    """Yield where the image is known to listen, or the base of one that is built here."""
    opens = known_image(service, ctx.images).opens
    if not opens:
        yield from (_Listed(*port) for port in volume_port(ctx, findings, service))
        return
    path: Path = ("services", service.name, "build" if service.build else "image")
    image, listed = reference_of(service, ctx.images), [str(number) for number in opens]
    findings.info(
        "C2F227",
        path,
        f"{service.name} declares no port; {image} listens on {' and '.join(listed)}",
        hint=f"write expose: {json.dumps(listed)} to declare it in the file",
        url=CONNECT_URL,
    )
    for number, protocol in opens.items():
        yield _Listed(number, "udp" if protocol == "udp" else "tcp", path)


def image_ports(service: Service, images: Mapping[str, ImageConfig]) -> tuple[int, ...]:
    """Give the TCP ports on which the image of a service is known to listen: its Dockerfile's, or those of a well-known one or base."""
    built = images.get(service.name)
    if built and built.exposed:
        return tuple(number for number, protocol in built.exposed if protocol == "tcp")
    return tuple(
        number for number, protocol in known_image(service, images).opens.items() if protocol != "udp"
    )


def _exposed(findings: TranslationFindings, text: str, path: Path) -> Iterator[_Listed]:
    match = _PORTS.fullmatch(text)
    first = int(match[1]) if match else 0
    last = int(match[2] or first) if match else 0
    if match is None or not 1 <= first <= last <= MAX_PORT:
        findings.warn(
            "C2F223",
            path,
            f"expose {text!r} is not a port and is left out",
            hint=f"write a number from 1 to {MAX_PORT}, like 8000 or 53/udp",
        )
        return
    # One more than is allowed is enough to be refused, however wide the range is.
    for number in range(first, min(last, first + MAX_EXPANDED_PORTS) + 1):
        yield _Listed(number, match[3] or "tcp", path)


def service_connect(
    ctx: TranslationInput, findings: TranslationFindings, ports: Mapping[str, tuple[PortMapping, ...]]
) -> ServiceConnectConfiguration | None:
    """Make the services of a task reachable under their compose names, and let them reach the others under theirs.

    None where names are looked up in the DNS.
    """
    if ctx.settings.finds_by_dns:
        return None
    return ServiceConnectConfiguration(
        enabled=True,
        namespace=Ref("namespace", "name"),
        services=tuple(
            offer for name, listed in ports.items() for offer in _offers(ctx, findings, name, listed)
        ),
    )


def _offers(
    ctx: TranslationInput, findings: TranslationFindings, service: str, ports: tuple[PortMapping, ...]
) -> Iterator[ServiceConnectService]:
    """Yield what one service offers to the namespace: each TCP port under its name."""
    if not ports:
        report_no_port(ctx, findings, service)
    _report_udp(ctx, findings, service, [port.container_port for port in ports if port.protocol != "tcp"])
    tcp = [port for port in ports if port.protocol == "tcp"]
    _report_timeout(ctx.project, findings, service, tcp)
    for name in (service, *ctx.aliases.get(service, ())):
        for port in tcp:
            yield ServiceConnectService(
                port_name=port.name or "",
                discovery_name=_discovery_name(ctx, name, None if port is tcp[0] else port.container_port),
                client_aliases=(ServiceConnectClientAlias(port.container_port, dns_name(name)),),
                timeout=_timeout(ctx.project.services[service], port),
            )


def _report_udp(
    ctx: TranslationInput, findings: TranslationFindings, service: str, numbers: Sequence[int]
) -> None:
    """Say once of a service which of its ports have no name; a range can be hundreds."""
    if not numbers:
        return
    shown = _as_ranges(numbers)
    # What is published only, to the outside, nobody here calls by its name.
    called = service in ctx.needed or ctx.references.is_named(service)
    findings.add(
        Severity.WARNING if called else Severity.INFO,
        "C2F224",
        ("services", service),
        f"port{'s' if numbers[1:] else ''} {shown} cannot be reached as {service}: Service Connect carries TCP only",
        hint=f"reach it as {dns_name(service)}.{private_domain(ctx.stack)}, its private DNS name; "
        "tasks whose services depend on it find it by its short name too, and with --names dns all do",
        url=CONNECT_URL,
    )


def _as_ranges(numbers: Sequence[int]) -> str:
    """Write UDP ports as `53/udp, 20000-20046/udp`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][-1] == number - 1:
            found[-1][1:] = [number]
        else:
            found.append([number])
    return ", ".join(f"{'-'.join(map(str, one))}/udp" for one in found)


def _timeout(service: Service, port: PortMapping) -> ServiceConnectTimeout | None:
    """Give the limits of a port: a TCP connection stays open however long it is idle, as between containers.

    A pool of a database's connections would be cut after an hour otherwise.
    """
    own = options_of(service).get("service_connect") or {}
    idle = own.get("idle_timeout", None if port.app_protocol else 0)
    request = own.get("request_timeout") if port.app_protocol else None
    return None if idle is None and request is None else ServiceConnectTimeout(idle, request)


def _report_timeout(
    project: Project, findings: TranslationFindings, service: str, ports: Sequence[PortMapping]
) -> None:
    """Say how long a request may take where Service Connect reads HTTP, unless the file says it."""
    own = options_of(project.services[service]).get("service_connect") or {}
    spoken = [port for port in ports if port.app_protocol]
    if spoken and "request_timeout" not in own:
        findings.info(
            "C2F525",
            ("services", service),
            f"a request to {service} over Service Connect times out after 15 seconds at port {spoken[0].container_port}, which speaks "
            f"{spoken[0].app_protocol}",
            hint="write x-fargate: {service_connect: {request_timeout: 60}} to allow more, or 0 for no limit",
            url=f"{API}/API_TimeoutConfiguration.html",
        )


def _discovery_name(ctx: TranslationInput, name: str, port: int | None) -> str:
    """Give the name under which Cloud Map knows a port; it is unique in a namespace, so a name's first port has the plain one.

    `api` with a second port 9229 and a service called `api-9229` would meet: digits of the hash keep them apart.
    """
    if port is None:
        return port_name(name)
    plain = port_name(f"{name}-{port}")
    return port_name(f"{name}:{port}") if plain in ctx.port_names else plain


def find_aliases(
    project: Project, report: list[Diagnostic], mentioned: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Collect the further names of each service: container name, network aliases, what others link it as, and its host name.

    A host name counts where it is `mentioned`, in lower case.

    Compose knows an alias on its network, and a link's alias in one container; Service Connect knows it everywhere
    in the namespace. So a name that two services would share is refused.
    """
    owners = {dns_name(name): name for name in project.services}
    found: dict[str, list[str]] = {name: [] for name in project.services}
    for owner, alias, path in (*_aliases(project), *_host_names(project, mentioned)):
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
                    "use another name, or drop this one: --allow C2F229",
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


def _host_names(project: Project, mentioned: Collection[str]) -> Iterator[tuple[str, str, Path]]:
    """Yield the host names by which services are mentioned, unless another service is called so."""
    taken = {name.lower() for name in project.services} | {alias.lower() for _, alias, _ in _aliases(project)}
    for name in project.services:
        given = str(project.tree["services"][name].get("hostname") or "").lower()
        if given in mentioned and given not in taken:
            taken.add(given)
            yield name, given, ("services", name, "hostname")


def network_configuration(settings: Settings, groups: tuple[str | Ref, ...]) -> NetworkConfiguration:
    """Place a task in the subnets of the settings (or the default VPC's) and in its security groups."""
    return NetworkConfiguration(
        AwsvpcConfiguration(
            subnets=Ref("network", "subnet_ids"),
            security_groups=groups,
            assign_public_ip="ENABLED" if has_public_address(settings) else "DISABLED",
        )
    )


def has_public_address(settings: Settings) -> bool:
    """Whether tasks get public addresses: in the default VPC, whose subnets are public, they cannot pull images without."""
    chosen = settings.assign_public_ip
    return not settings.subnets if chosen is None else chosen


def report_placement(settings: Settings, findings: TranslationFindings) -> None:
    """Say once where tasks are placed, where the user did not."""
    if settings.subnets:
        return
    vpc = settings.vpc
    where = f"the subnets of {vpc}" if vpc else "the default VPC's subnets"
    address = (
        "with public addresses, which they need to pull their images there; their security groups let nothing in from outside"
        if has_public_address(settings)
        else "without public addresses: they need a NAT gateway or VPC endpoints to pull their images"
    )
    findings.info(
        "C2F291",
        (),
        f"no subnets are set: tasks run in {where}, {address}",
        hint="use --subnet subnet-… for private subnets with a NAT gateway, --load-balancer-subnet subnet-… for public ones",
        url=PLACEMENT_URL,
    )
