"""What is behind a listener: the target group of a port, with its health check."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import (
    TARGET_INTERVAL,
    TARGET_THRESHOLD,
    TARGET_TIMEOUT,
)
from compose2fargate.aws.resources import (
    Matcher,
    TargetGroup,
)
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.mapping.access.iam_roles import project_tags
from compose2fargate.mapping.names import load_balancing_name
from compose2fargate.mapping.network.load_balancer_ports import (
    ALB_URL,
    NEEDS_TLS,
    LoadBalancerPort,
    port_key,
)
from compose2fargate.mapping.network.plain_requests import healthy_codes
from compose2fargate.mapping.network.port_protocols import health_url
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput

TARGETS_URL = f"{ALB_URL}/load-balancer-target-groups.html"
DRAIN_SECONDS = 30
"""How long open requests may go on where nothing says it: what ECS waits before it kills a container."""


# -- target groups ---------------------------------------------------------------------------------------------


def target_group(
    ctx: TranslationInput, findings: TranslationFindings, entrance: LoadBalancerPort
) -> TargetGroup:
    """Make the group of a service's tasks behind one port.

    AWS changes the protocol of none. One that speaks another is another group, with a name of its own, so that it can be
    made before a listener turns to it and lets the old one go.
    """
    service = entrance.service
    spoken = "" if entrance.protocol in _USUAL else f"-{entrance.protocol}"
    group = TargetGroup(
        name=load_balancing_name(
            f"{ctx.stack}-{ctx.names[service.name]}-{port_key(entrance).replace('network', 'n')}{spoken}"
        ),
        protocol=_target_protocol(entrance.protocol),
        port=entrance.port,
        vpc_id=Ref("network", "vpc_id"),
        protocol_version=entrance.protocol.upper() if entrance.protocol in NEEDS_TLS else None,
        attributes=_attributes(entrance),
        tags=project_tags(ctx),
    )
    return _with_health(ctx.images, findings, entrance, group)


_USUAL = frozenset({"http", "tcp", "tls"})
"""What needs no mention in a name: HTTP behind an application load balancer, TCP behind a network load balancer."""


def _target_protocol(protocol: str) -> str:
    """What the load balancer speaks to the tasks; it ends TLS itself."""
    return {"https": "HTTPS", "tcp": "TCP", "tls": "TCP", "udp": "UDP"}.get(protocol, "HTTP")


def _attributes(entrance: LoadBalancerPort) -> Mapping[str, str]:
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


def _with_health(
    images: Mapping[str, ImageConfig],
    findings: TranslationFindings,
    entrance: LoadBalancerPort,
    group: TargetGroup,
) -> TargetGroup:
    """Let the load balancer ask what the container's own health check asks, as often as that does."""
    asked, check = entrance.asked, entrance.service.healthcheck
    port = entrance.health_port
    url = health_url(images, entrance.service, port or entrance.port)
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
    chosen = bool(asked.get("health_path"))
    codes = asked.get("health_codes") or healthy_codes(
        images, findings, entrance.service, entrance.port, path or "", chosen=chosen
    )
    scheme = url.scheme.upper() if url else "HTTPS" if entrance.protocol == "https" else "HTTP"
    return group._replace(health_check_protocol=scheme, health_check_path=path or "/", matcher=Matcher(codes))
