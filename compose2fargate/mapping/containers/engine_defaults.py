"""What Docker gives every container and Fargate does not, written out: the image's HOSTNAME, and ports below 1024."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.fargate import API, DOCS
from compose2fargate.aws.resources import PortMapping, SystemControl
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Service
from compose2fargate.mapping.images.image_contents import is_unprivileged, user_of
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput

HOST_NAME = "HOSTNAME"
UNPRIVILEGED_PORTS = "net.ipv4.ip_unprivileged_port_start"
FIRST_UNPRIVILEGED = 1024


def host_name(
    images: Mapping[str, ImageConfig], findings: TranslationFindings, service: Service
) -> Iterator[KeyValue]:
    """Repeat the image's HOSTNAME, to which servers bind: Fargate sets it to the name of the task's host."""
    built = images.get(service.name)
    value = built.env.get(HOST_NAME) if built else None
    if value is None or HOST_NAME in service.environment:
        return
    findings.info(
        "C2F531",
        ("services", service.name, "build" if service.build else "image"),
        f"the Dockerfile's {HOST_NAME}={value} is repeated in environment, because Fargate sets {HOST_NAME} in every container",
        url=f"{DOCS}/fargate-task-networking.html",
    )
    yield KeyValue(HOST_NAME, value)


def low_ports(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, ports: Iterable[PortMapping]
) -> Iterator[SystemControl]:
    """Let a user other than root listen below 1024, as Docker does."""
    low = [port.container_port for port in ports if port.container_port < FIRST_UNPRIVILEGED]
    if not low or UNPRIVILEGED_PORTS in service.sysctls or not is_unprivileged(ctx, service):
        return
    findings.info(
        "C2F532",
        ("services", service.name),
        f"{service.name} runs as {user_of(ctx, service)} and listens on port {low[0]}: {UNPRIVILEGED_PORTS} is set to 0 "
        "for its whole task, as Docker does",
        hint=f"prefer a port of {FIRST_UNPRIVILEGED} or above: let {service.name} listen on {low[0] + 8000}",
        url=f"{API}/API_SystemControl.html",
    )
    yield SystemControl(UNPRIVILEGED_PORTS, "0")
