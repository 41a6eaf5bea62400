"""Namespaces, security groups and load balancing as Terraform blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    DiscoveryService,
    DnsNamespace,
    IngressRule,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    Namespace,
    SecurityGroup,
    TargetGroup,
)
from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclComment,
    HclExpression,
)
from compose2fargate.emitters.terraform.terraform_blocks import (
    RenderScope,
    arguments,
    id_list,
    is_true,
    nested_block,
    number_or_text,
    resource_block,
    second_block,
    tags_argument,
)
from compose2fargate.emitters.terraform.terraform_names import BALANCER_GROUP, TYPES
from compose2fargate.emitters.terraform.terraform_patches import no_argument_error


def render_namespace(scope: RenderScope, logical_id: str, namespace: Namespace) -> Iterator[HclBlock]:
    """Render a namespace."""
    values = {
        "name": namespace.name,
        "description": f"Names of the services of {scope.stack.name} (Service Connect)",
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, namespace.tags))


def render_dns_namespace(scope: RenderScope, logical_id: str, namespace: DnsNamespace) -> Iterator[HclBlock]:
    """Render a DNS namespace."""
    values = {
        "name": namespace.name,
        "description": f"Names of the services of {scope.stack.name} for tasks outside Service Connect",
        "vpc": scope.addresses.of(namespace.vpc),
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, namespace.tags))


def render_discovery_service(
    scope: RenderScope, logical_id: str, service: DiscoveryService
) -> Iterator[HclBlock]:
    """Render a discovery service."""
    namespace = scope.addresses.of(service.namespace_id, "id")
    of_tasks = service.record_type == "A"
    records = nested_block("dns_records", {"type": service.record_type, "ttl": service.ttl})
    policy = "MULTIVALUE" if of_tasks else "WEIGHTED"
    config = {"namespace_id": namespace, "routing_policy": policy}
    # ECS tells Cloud Map which tasks are healthy. Provider 5 sends nothing of a block without its argument.
    health = [nested_block("health_check_custom_config", {"failure_threshold": 1})] if of_tasks else []
    yield resource_block(
        scope,
        logical_id,
        arguments({"name": service.name}),
        tags_argument(scope, service.tags),
        [nested_block("dns_config", config, records), *health],
    )


def render_security_group(scope: RenderScope, logical_id: str, group: SecurityGroup) -> Iterator[HclBlock]:
    """Render a security group."""
    values = {
        "name": group.group_name,
        "description": group.description,
        "vpc_id": scope.addresses.of(group.vpc_id),
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, group.tags))
    if not group.everything_out:
        return
    # Terraform takes away the rule that AWS gives every group: everything out.
    for suffix, member, everywhere in (("", "cidr_ipv4", "0.0.0.0/0"), ("_ipv6", "cidr_ipv6", "::/0")):
        rule = {
            "security_group_id": HclExpression(f"{scope.addresses.address(logical_id)}.id"),
            "description": "Everything out",
            "ip_protocol": "-1",
            member: everywhere,
        }
        yield second_block(
            scope,
            logical_id,
            "aws_vpc_security_group_egress_rule",
            arguments(rule),
            tags_argument(scope, ()),
            suffix=suffix,
        )


def render_ingress_rule(scope: RenderScope, logical_id: str, rule: IngressRule) -> Iterator[HclBlock]:
    """Render an ingress rule."""
    common = {
        "security_group_id": scope.addresses.of(rule.group_id),
        "description": rule.description,
        "ip_protocol": rule.ip_protocol,
        "from_port": None if rule.ip_protocol == "-1" else rule.from_port,
        "to_port": None if rule.ip_protocol == "-1" else rule.to_port,
    }
    source: Any = rule.source_group_id
    if source is not None and source == scope.settings.load_balancer_security_group:
        source = HclExpression(f"var.{BALANCER_GROUP}")
    froms = {
        "referenced_security_group_id": scope.addresses.of(source)
        if isinstance(source, str | Ref)
        else source,
        "cidr_ipv4": rule.cidr_ip,
        "cidr_ipv6": rule.cidr_ipv6,
    }
    given = [(name, value) for name, value in froms.items() if value is not None]
    for index, (name, value) in enumerate(given):
        yield second_block(
            scope,
            logical_id,
            TYPES[IngressRule],
            arguments({**common, name: value}),
            tags_argument(scope, ()),
            suffix=f"_{name.removeprefix('cidr_')}" if index else "",
        )


# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
_LOAD_BALANCER_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "deletion_protection.enabled": ("enable_deletion_protection", is_true),
    "idle_timeout.timeout_seconds": ("idle_timeout", number_or_text),
    "client_keep_alive.seconds": ("client_keep_alive", number_or_text),
    "load_balancing.cross_zone.enabled": ("enable_cross_zone_load_balancing", is_true),
    "routing.http.drop_invalid_header_fields.enabled": ("drop_invalid_header_fields", is_true),
    "routing.http.desync_mitigation_mode": ("desync_mitigation_mode", str),
    "routing.http.preserve_host_header.enabled": ("preserve_host_header", is_true),
    "routing.http.xff_client_port.enabled": ("enable_xff_client_port", is_true),
    "routing.http.xff_header_processing.mode": ("xff_header_processing_mode", str),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": (
        "enable_tls_version_and_cipher_suite_headers",
        is_true,
    ),
    "routing.http2.enabled": ("enable_http2", is_true),
    "waf.fail_open.enabled": ("enable_waf_fail_open", is_true),
    "dns_record.client_routing_policy": ("dns_record_client_routing_policy", str),
    "zonal_shift.config.enabled": ("enable_zonal_shift", is_true),
}

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
_TARGET_GROUP_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "deregistration_delay.timeout_seconds": ("deregistration_delay", number_or_text),
    "deregistration_delay.connection_termination.enabled": ("connection_termination", is_true),
    "load_balancing.algorithm.type": ("load_balancing_algorithm_type", str),
    "load_balancing.algorithm.anomaly_mitigation": ("load_balancing_anomaly_mitigation", str),
    "load_balancing.cross_zone.enabled": ("load_balancing_cross_zone_enabled", str),
    "preserve_client_ip.enabled": ("preserve_client_ip", str),
    "proxy_protocol_v2.enabled": ("proxy_protocol_v2", is_true),
    "slow_start.duration_seconds": ("slow_start", number_or_text),
}
_STICKINESS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "stickiness.enabled": ("enabled", is_true),
    "stickiness.type": ("type", str),
    "stickiness.lb_cookie.duration_seconds": ("cookie_duration", number_or_text),
    "stickiness.app_cookie.duration_seconds": ("cookie_duration", number_or_text),
    "stickiness.app_cookie.cookie_name": ("cookie_name", str),
}


def _translated(
    attributes: Mapping[str, str], table: Mapping[str, tuple[str, Callable[[str], Any]]], what: str
) -> dict[str, Any]:
    """Spell attributes that the API has by key as Terraform's arguments.

    Raises:
        EmitError: The provider has no argument for one.
    """
    unknown = [key for key in attributes if key not in table]
    if unknown:
        raise EmitError([no_argument_error(f"the attribute {key}", what) for key in unknown])
    return {table[key][0]: table[key][1](value) for key, value in attributes.items()}


def render_load_balancer(scope: RenderScope, logical_id: str, balancer: LoadBalancer) -> Iterator[HclBlock]:
    """Render a load balancer."""
    values = {
        "name": balancer.name,
        "internal": balancer.scheme == "internal",
        "load_balancer_type": balancer.type,
        "subnets": id_list(scope, balancer.subnets),
        "security_groups": id_list(scope, balancer.security_groups),
        **_translated(balancer.attributes, _LOAD_BALANCER_ATTRIBUTES, f"the load balancer {balancer.name}"),
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, balancer.tags))


def render_target_group(scope: RenderScope, logical_id: str, group: TargetGroup) -> Iterator[HclBlock]:
    """Render a target group."""
    values = {
        "name": group.name,
        "port": group.port,
        "protocol": group.protocol,
        "protocol_version": group.protocol_version,
        "target_type": group.target_type,
        "vpc_id": scope.addresses.of(group.vpc_id),
        **_translated(
            {key: value for key, value in group.attributes.items() if key not in _STICKINESS},
            _TARGET_GROUP_ATTRIBUTES,
            f"the target group {group.name}",
        ),
    }
    check = {
        "protocol": group.health_check_protocol,
        "port": group.health_check_port,
        "path": group.health_check_path,
        "interval": group.health_check_interval_seconds,
        "timeout": group.health_check_timeout_seconds,
        "healthy_threshold": group.healthy_threshold_count,
        "unhealthy_threshold": group.unhealthy_threshold_count,
        "matcher": group.matcher.http_code if group.matcher else None,
    }
    sticky = _translated(
        {key: value for key, value in group.attributes.items() if key in _STICKINESS}, _STICKINESS, group.name
    )
    nested = (
        [nested_block("health_check", check)] if any(value is not None for value in check.values()) else []
    )
    if sticky:
        nested.append(nested_block("stickiness", sticky))
    yield resource_block(
        scope, logical_id, arguments(values), tags_argument(scope, group.tags), nested, [_MADE_FIRST]
    )


_MADE_FIRST = HclBlock(
    "lifecycle",
    (),
    (
        HclComment("One that a listener uses cannot be deleted: the listener turns to the new one before."),
        HclAttribute("create_before_destroy", value=True),
    ),
)


def _action(scope: RenderScope, action: ListenerAction, name: str) -> HclBlock:
    target = action.target_group_arn
    nested = []
    if action.redirect_config:
        nested.append(nested_block("redirect", action.redirect_config._asdict()))
    if action.fixed_response_config:
        response = action.fixed_response_config
        values = {
            "content_type": response.content_type,
            "message_body": response.message_body or None,
            "status_code": response.status_code,
        }
        nested.append(nested_block("fixed_response", values))
    arn = None if target is None else scope.addresses.of(target)
    return nested_block(name, {"type": action.type, "target_group_arn": arn}, *nested)


def render_listener(scope: RenderScope, logical_id: str, listener: Listener) -> Iterator[HclBlock]:
    """Render a listener."""
    certificates = [_certificate(scope, c.certificate_arn) for c in listener.certificates]
    values = {
        "load_balancer_arn": scope.addresses.of(listener.load_balancer_arn),
        "port": listener.port,
        "protocol": listener.protocol,
        "ssl_policy": listener.ssl_policy,
        "certificate_arn": certificates[0] if certificates else None,
    }
    actions = [_action(scope, action, "default_action") for action in listener.default_actions]
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, listener.tags), actions)
    for index, certificate in enumerate(certificates[1:], 2):
        arn = HclExpression(f"{scope.addresses.address(logical_id)}.arn")
        more = arguments({"listener_arn": arn, "certificate_arn": certificate})
        yield second_block(scope, logical_id, "aws_lb_listener_certificate", more, suffix=f"_{index}")


def _certificate(scope: RenderScope, arn: Any) -> Any:
    return HclExpression("var.certificate_arn") if arn == scope.certificate else scope.addresses.text(arn)


def render_listener_rule(scope: RenderScope, logical_id: str, rule: ListenerRule) -> Iterator[HclBlock]:
    """Render a listener rule."""
    conditions = [
        HclBlock(
            "condition",
            (),
            (nested_block(condition.field.replace("-", "_"), {"values": list(condition.values)}),),
        )
        for condition in rule.conditions
    ]
    values = {"listener_arn": scope.addresses.of(rule.listener_arn), "priority": rule.priority}
    yield resource_block(
        scope,
        logical_id,
        arguments(values),
        tags_argument(scope, rule.tags),
        conditions,
        [_action(scope, action, "action") for action in rule.actions],
    )
