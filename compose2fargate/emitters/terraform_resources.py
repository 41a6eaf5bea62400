"""The resources of a stack as Terraform blocks: one function per type, found by type.

Arguments stand in the order of the provider's documentation, meta-arguments last, as Terraform's style guide has it:
https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from compose2fargate.aws.patching import merge_extras
from compose2fargate.aws.resources import (
    AccessPoint,
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    Condition,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    FileSystem,
    IngressRule,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    ManagedSecret,
    MountTargets,
    Namespace,
    Policy,
    Repository,
    Role,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecretParameter,
    SecurityGroup,
    ServiceConnectConfiguration,
    ServiceConnectService,
    ServiceVolumeConfiguration,
    Statement,
    TargetGroup,
    TaskDefinition,
    TaskVolume,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref, Tag
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters.graph import PUBLIC, Graph, policy_text
from compose2fargate.emitters.hcl import BREAK, Attribute, Block, Call, Comment, Expression, quoted, template
from compose2fargate.emitters.terraform_names import TYPES, Addresses
from compose2fargate.settings import Settings

Body = list[Attribute | Block | Comment]
Item = Attribute | Block | Comment


class Scope(NamedTuple):
    """What rendering a resource looks at besides the resource."""

    stack: Stack
    settings: Settings
    addresses: Addresses
    graph: Graph
    shared_tags: frozenset[Tag]
    certificate: Any = None


def render(scope: Scope, logical_id: str) -> tuple[Block, ...]:
    """Give the blocks of one resource, what `x-fargate.patch` adds to it included.

    Raises:
        EmitError: It has something that the provider has no argument for.
    """
    resource = scope.stack.resources[logical_id]
    blocks = tuple(RENDERERS[type(resource)](scope, logical_id, resource))
    extra = scope.stack.extras.get(logical_id)
    kind = TYPES.get(type(resource))
    if not extra or kind is None:
        return blocks
    first = next(index for index, block in enumerate(blocks) if block.labels[:1] == (kind,))
    return (*blocks[:first], _with_extra(blocks[first], extra), *blocks[first + 1 :])


# -- pieces --------------------------------------------------------------------------------------------------


def _attributes(values: Mapping[str, Any]) -> Body:
    """Arguments for what is given: None and empty lists are left out."""
    return [
        Attribute(name, value)
        for name, value in values.items()
        if value is not None and value not in ([], ())
    ]


def _block(name: str, values: Mapping[str, Any], *nested: Block) -> Block:
    return Block(name, (), (*_attributes(values), *nested))


def _resource(scope: Scope, logical_id: str, *items: Iterable[Item]) -> Block:
    kind = TYPES[type(scope.stack.resources[logical_id])]
    body = tuple(item for group in items for item in group)
    return Block("resource", (kind, scope.addresses.labels[logical_id]), body)


def _more(scope: Scope, logical_id: str, kind: str, *items: Iterable[Item], suffix: str = "") -> Block:
    """A second resource that ours becomes in Terraform, under the same name."""
    body = tuple(item for group in items for item in group)
    return Block("resource", (kind, scope.addresses.labels[logical_id] + suffix), body)


def _tags(scope: Scope, tags: tuple[Tag, ...]) -> Body:
    """The tags of the whole stack with those of one resource."""
    own = {tag.key: tag.value for tag in tags if tag not in scope.shared_tags}
    everywhere = Expression("local.tags")
    return [Attribute("tags", Call("merge", (everywhere, own)) if own else everywhere)]


def _ids(scope: Scope, values: Any) -> Any:
    """A list of ids, or the list that a `Ref` in its place is."""
    if isinstance(values, Ref):
        return scope.addresses.resolve(values)
    return [scope.addresses.of(value) for value in values]


def _depends_on(scope: Scope, logical_id: str) -> Body:
    """What has to be there first, with the reason where the compose file gives it."""
    needed = list(scope.graph.prerequisites(logical_id))
    by_condition: dict[str, list[str]] = {}
    for wait in scope.graph.waits(logical_id):
        needed.append(wait.logical_id)
        by_condition.setdefault(wait.condition, []).append(
            scope.stack.origins.get(wait.logical_id, wait.logical_id)
        )
    comments = [
        Comment(_WAITS[condition].format(names=", ".join(names))) for condition, names in by_condition.items()
    ]
    addresses = dict.fromkeys(
        (
            *_permissions(scope, logical_id),
            *(scope.addresses.address(_with_address(scope, i)) for i in needed),
        )
    )
    return [*comments, Attribute("depends_on", [Expression(a) for a in addresses])] if addresses else []


_WAITS = {
    "started": "First, by depends_on of the compose file: {names}.",
    "healthy": "First, and steady (wait_for_steady_state), by depends_on of the compose file: {names}.",
    "completed": "Jobs that have to have ended well, which Terraform does not run (output run_task_commands): {names}.",
}


def _permissions(scope: Scope, logical_id: str) -> Iterator[str]:
    """Yield the policies of the roles of a service's tasks.

    A role refers to none of them, and a task that starts before they are attached pulls no image and mounts no volume:
    the first deployment would fail. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    service = scope.stack.resources[logical_id]
    link = service.task_definition if isinstance(service, EcsService) else None
    definition = scope.stack.get(link) if isinstance(link, Ref) else None
    if not isinstance(definition, TaskDefinition):
        return
    for role in (definition.execution_role_arn, definition.task_role_arn):
        resource = scope.stack.get(role) if isinstance(role, Ref) else None
        if isinstance(role, Ref) and isinstance(resource, Role):
            label = scope.addresses.labels[role.logical_id]
            yield from (f"aws_iam_role_policy.{label}{_numbered(i)}" for i, _ in enumerate(resource.policies))
            attached = enumerate(resource.managed_policy_arns)
            yield from (f"aws_iam_role_policy_attachment.{label}{_numbered(i)}" for i, _ in attached)


def _numbered(index: int) -> str:
    return f"_{index + 1}" if index else ""


def _with_address(scope: Scope, logical_id: str) -> str:
    """A run-task is a command without an address; its task definition stands for it."""
    resource = scope.stack.resources[logical_id]
    if isinstance(resource, RunTask) and isinstance(resource.task_definition, Ref):
        return resource.task_definition.logical_id
    return logical_id


def _number(text: str) -> int | float | str:
    return int(text) if text.isdigit() else text


def _flag(text: str) -> bool:
    return text == "true"


_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(name: str) -> str:
    return _SNAKE.sub("_", name).lower()


# Objects of the API that are no block of their own in Terraform: their members stand one level up.
_FLAT = frozenset({"awsvpcConfiguration", "deploymentConfiguration"})


# Members of CreateService that provider 5.100 has no argument for, and what it does in their place.
_MISSING: Mapping[str, Any] = {
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
    "lifecycleHooks": [],
    "linearConfiguration": None,
    "canaryConfiguration": None,
}


def _no_argument(name: str, what: str) -> Diagnostic:
    return Diagnostic(
        "C2F340",
        Severity.ERROR,
        f"Terraform's AWS provider 5.100 has no argument for {name} of {what}",
        hint="leave it out, or use -t cloudformation, which has it",
    )


def _with_extra(block: Block, extra: Mapping[str, Any]) -> Block:
    """Add members that no type knows, in the API's spelling, by the rules of a patch: see `aws.patching`.

    Objects become nested blocks, everything else arguments.
    """
    for name, value in extra.items():
        if name in _FLAT and isinstance(value, Mapping):
            block = _with_extra(block, value)
        elif name in _MISSING and value != _MISSING[name]:
            raise EmitError(_no_argument(name, "an ECS service"))
        elif name not in _MISSING and name != "containerDefinitions":
            block = _with_member(block, _snake(name), value)
    return block


def _with_member(block: Block, name: str, value: Any) -> Block:
    nested = [
        item for item in block.body if isinstance(item, Block) and item.type in (name, name.removesuffix("s"))
    ]
    if isinstance(value, Mapping) and nested:
        changed = {id(item): _with_extra(item, _extra_of(item, value)) for item in nested}
        return block._replace(body=tuple(changed.get(id(item), item) for item in block.body))
    kept = tuple(item for item in block.body if not (isinstance(item, Attribute) and item.name == name))
    at = next((n for n, item in enumerate(kept) if isinstance(item, Comment | Block)), len(kept))
    return block._replace(body=(*kept[:at], *_extra(name, value), *kept[at:]))


def _extra_of(block: Block, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a patch says of one block: by its name, where it has one."""
    names = [item.value for item in block.body if isinstance(item, Attribute) and item.name.endswith("name")]
    found = next((value[name] for name in names if isinstance(name, str) and name in value), None)
    return value if found is None and not names else found or {}


def _extra(name: str, value: Any) -> Iterator[Attribute | Block]:
    if isinstance(value, Mapping) and name != "tags":
        yield Block(
            name, (), tuple(item for key, inner in value.items() for item in _extra(_snake(key), inner))
        )
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for inner in value:
            yield from _extra(name, inner)
    elif value is not None:
        yield Attribute(name, value)


# -- cluster and names ---------------------------------------------------------------------------------------


def _cluster(scope: Scope, logical_id: str, cluster: Cluster) -> Iterator[Block]:
    yield _resource(
        scope,
        logical_id,
        _attributes({"name": cluster.cluster_name}),
        _tags(scope, cluster.tags),
        [_block("setting", {"name": s.name, "value": s.value}) for s in cluster.settings],
    )
    if cluster.capacity_providers:
        name = Expression(f"{scope.addresses.address(logical_id)}.name")
        providers = list(cluster.capacity_providers)
        values = {"cluster_name": name, "capacity_providers": providers}
        yield _more(scope, logical_id, "aws_ecs_cluster_capacity_providers", _attributes(values))


def _namespace(scope: Scope, logical_id: str, namespace: Namespace) -> Iterator[Block]:
    values = {
        "name": namespace.name,
        "description": f"Names of the services of {scope.stack.name} (Service Connect)",
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, namespace.tags))


def _dns_namespace(scope: Scope, logical_id: str, namespace: DnsNamespace) -> Iterator[Block]:
    values = {
        "name": namespace.name,
        "description": f"Names of the services of {scope.stack.name} for tasks outside Service Connect",
        "vpc": scope.addresses.of(namespace.vpc),
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, namespace.tags))


def _discovery_service(scope: Scope, logical_id: str, service: DiscoveryService) -> Iterator[Block]:
    yield _resource(
        scope,
        logical_id,
        _attributes({"name": service.name}),
        _tags(scope, service.tags),
        [
            _block(
                "dns_config",
                {
                    "namespace_id": scope.addresses.of(service.namespace_id, "id"),
                    "routing_policy": "MULTIVALUE",
                },
                _block("dns_records", {"type": "A", "ttl": service.ttl}),
            ),
        ],
    )


# -- network -------------------------------------------------------------------------------------------------


def _security_group(scope: Scope, logical_id: str, group: SecurityGroup) -> Iterator[Block]:
    values = {
        "name": group.group_name,
        "description": group.description,
        "vpc_id": scope.addresses.of(group.vpc_id),
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, group.tags))
    if not group.everything_out:
        return
    # Terraform takes away the rule that AWS gives every group: everything out.
    for suffix, member, everywhere in (("", "cidr_ipv4", "0.0.0.0/0"), ("_ipv6", "cidr_ipv6", "::/0")):
        rule = {
            "security_group_id": Expression(f"{scope.addresses.address(logical_id)}.id"),
            "description": "Everything out",
            "ip_protocol": "-1",
            member: everywhere,
        }
        yield _more(
            scope,
            logical_id,
            "aws_vpc_security_group_egress_rule",
            _attributes(rule),
            _tags(scope, ()),
            suffix=suffix,
        )


def _ingress_rule(scope: Scope, logical_id: str, rule: IngressRule) -> Iterator[Block]:
    common = {
        "security_group_id": scope.addresses.of(rule.group_id),
        "description": rule.description,
        "ip_protocol": rule.ip_protocol,
        "from_port": None if rule.ip_protocol == "-1" else rule.from_port,
        "to_port": None if rule.ip_protocol == "-1" else rule.to_port,
    }
    source = rule.source_group_id
    froms = {
        "referenced_security_group_id": None if source is None else scope.addresses.of(source),
        "cidr_ipv4": rule.cidr_ip,
        "cidr_ipv6": rule.cidr_ipv6,
    }
    given = [(name, value) for name, value in froms.items() if value is not None]
    for index, (name, value) in enumerate(given):
        yield _more(
            scope,
            logical_id,
            TYPES[IngressRule],
            _attributes({**common, name: value}),
            _tags(scope, ()),
            suffix=f"_{name.removeprefix('cidr_')}" if index else "",
        )


# -- load balancers ------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
_LOAD_BALANCER_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "deletion_protection.enabled": ("enable_deletion_protection", _flag),
    "idle_timeout.timeout_seconds": ("idle_timeout", _number),
    "client_keep_alive.seconds": ("client_keep_alive", _number),
    "load_balancing.cross_zone.enabled": ("enable_cross_zone_load_balancing", _flag),
    "routing.http.drop_invalid_header_fields.enabled": ("drop_invalid_header_fields", _flag),
    "routing.http.desync_mitigation_mode": ("desync_mitigation_mode", str),
    "routing.http.preserve_host_header.enabled": ("preserve_host_header", _flag),
    "routing.http.xff_client_port.enabled": ("enable_xff_client_port", _flag),
    "routing.http.xff_header_processing.mode": ("xff_header_processing_mode", str),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": (
        "enable_tls_version_and_cipher_suite_headers",
        _flag,
    ),
    "routing.http2.enabled": ("enable_http2", _flag),
    "waf.fail_open.enabled": ("enable_waf_fail_open", _flag),
    "dns_record.client_routing_policy": ("dns_record_client_routing_policy", str),
    "zonal_shift.config.enabled": ("enable_zonal_shift", _flag),
}

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
_TARGET_GROUP_ATTRIBUTES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "deregistration_delay.timeout_seconds": ("deregistration_delay", _number),
    "deregistration_delay.connection_termination.enabled": ("connection_termination", _flag),
    "load_balancing.algorithm.type": ("load_balancing_algorithm_type", str),
    "load_balancing.algorithm.anomaly_mitigation": ("load_balancing_anomaly_mitigation", str),
    "load_balancing.cross_zone.enabled": ("load_balancing_cross_zone_enabled", str),
    "preserve_client_ip.enabled": ("preserve_client_ip", str),
    "proxy_protocol_v2.enabled": ("proxy_protocol_v2", _flag),
    "slow_start.duration_seconds": ("slow_start", _number),
}
_STICKINESS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "stickiness.enabled": ("enabled", _flag),
    "stickiness.type": ("type", str),
    "stickiness.lb_cookie.duration_seconds": ("cookie_duration", _number),
    "stickiness.app_cookie.duration_seconds": ("cookie_duration", _number),
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
        raise EmitError([_no_argument(f"the attribute {key}", what) for key in unknown])
    return {table[key][0]: table[key][1](value) for key, value in attributes.items()}


def _load_balancer(scope: Scope, logical_id: str, balancer: LoadBalancer) -> Iterator[Block]:
    values = {
        "name": balancer.name,
        "internal": balancer.scheme == "internal",
        "load_balancer_type": balancer.type,
        "subnets": _ids(scope, balancer.subnets),
        "security_groups": _ids(scope, balancer.security_groups),
        **_translated(balancer.attributes, _LOAD_BALANCER_ATTRIBUTES, f"the load balancer {balancer.name}"),
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, balancer.tags))


def _target_group(scope: Scope, logical_id: str, group: TargetGroup) -> Iterator[Block]:
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
    nested = [_block("health_check", check)] if any(value is not None for value in check.values()) else []
    if sticky:
        nested.append(_block("stickiness", sticky))
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, group.tags), nested, [_MADE_FIRST])


_MADE_FIRST = Block(
    "lifecycle",
    (),
    (
        Comment("One that a listener uses cannot be deleted: the listener turns to the new one before."),
        Attribute("create_before_destroy", value=True),
    ),
)


def _action(scope: Scope, action: ListenerAction, name: str) -> Block:
    target = action.target_group_arn
    nested = []
    if action.redirect_config:
        nested.append(_block("redirect", action.redirect_config._asdict()))
    if action.fixed_response_config:
        response = action.fixed_response_config
        values = {
            "content_type": response.content_type,
            "message_body": response.message_body or None,
            "status_code": response.status_code,
        }
        nested.append(_block("fixed_response", values))
    arn = None if target is None else scope.addresses.of(target)
    return _block(name, {"type": action.type, "target_group_arn": arn}, *nested)


def _listener(scope: Scope, logical_id: str, listener: Listener) -> Iterator[Block]:
    certificates = [_certificate(scope, c.certificate_arn) for c in listener.certificates]
    values = {
        "load_balancer_arn": scope.addresses.of(listener.load_balancer_arn),
        "port": listener.port,
        "protocol": listener.protocol,
        "ssl_policy": listener.ssl_policy,
        "certificate_arn": certificates[0] if certificates else None,
    }
    actions = [_action(scope, action, "default_action") for action in listener.default_actions]
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, listener.tags), actions)
    for index, certificate in enumerate(certificates[1:], 2):
        arn = Expression(f"{scope.addresses.address(logical_id)}.arn")
        more = _attributes({"listener_arn": arn, "certificate_arn": certificate})
        yield _more(scope, logical_id, "aws_lb_listener_certificate", more, suffix=f"_{index}")


def _certificate(scope: Scope, arn: Any) -> Any:
    return Expression("var.certificate_arn") if arn == scope.certificate else scope.addresses.text(arn)


def _listener_rule(scope: Scope, logical_id: str, rule: ListenerRule) -> Iterator[Block]:
    conditions = [
        Block(
            "condition", (), (_block(condition.field.replace("-", "_"), {"values": list(condition.values)}),)
        )
        for condition in rule.conditions
    ]
    values = {"listener_arn": scope.addresses.of(rule.listener_arn), "priority": rule.priority}
    yield _resource(
        scope,
        logical_id,
        _attributes(values),
        _tags(scope, rule.tags),
        conditions,
        [_action(scope, action, "action") for action in rule.actions],
    )


# -- access --------------------------------------------------------------------------------------------------


def assume_label(principal: str) -> str:
    """Name the trust policy of a principal: `ecs_tasks` for `ecs-tasks.amazonaws.com`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", principal.removesuffix(".amazonaws.com"))


def assume_role(principal: str) -> Block:
    """Give the document that lets an AWS service take a role."""
    principals = _block("principals", {"type": "Service", "identifiers": [principal]})
    statement = Block("statement", (), (Attribute("actions", ["sts:AssumeRole"]), principals))
    return Block("data", ("aws_iam_policy_document", f"assume_{assume_label(principal)}"), (statement,))


def _role(scope: Scope, logical_id: str, role: Role) -> Iterator[Block]:
    assume = f"data.aws_iam_policy_document.assume_{assume_label(role.principal)}.json"
    values = {
        "name": role.role_name,
        "description": role.description,
        "assume_role_policy": Expression(assume),
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, role.tags))
    name = Expression(f"{scope.addresses.address(logical_id)}.name")
    for index, policy in enumerate(role.policies):
        suffix = _numbered(index)
        document = scope.addresses.labels[logical_id] + suffix
        yield _document(scope, document, policy)
        json = Expression(f"data.aws_iam_policy_document.{document}.json")
        inline = _attributes({"name": policy.name, "role": name, "policy": json})
        yield _more(scope, logical_id, "aws_iam_role_policy", inline, suffix=suffix)
    for index, arn in enumerate(role.managed_policy_arns):
        attached = _attributes({"role": name, "policy_arn": scope.addresses.text(arn)})
        yield _more(scope, logical_id, "aws_iam_role_policy_attachment", attached, suffix=_numbered(index))


def _document(scope: Scope, name: str, policy: Policy) -> Block:
    statements = tuple(_statement(scope, statement) for statement in policy.statements)
    return Block("data", ("aws_iam_policy_document", name), statements)


def _statement(scope: Scope, statement: Statement) -> Block:
    values = {
        "sid": statement.sid or None,
        "actions": list(statement.actions),
        "resources": [_policy_text(scope, resource) for resource in statement.resources],
    }
    return _block("statement", values, *(_condition(scope, c) for c in statement.conditions))


def _policy_text(scope: Scope, text: Any) -> Any:
    return scope.addresses.text(policy_text(scope.stack, text))


def _condition(scope: Scope, condition: Condition) -> Block:
    values = [_policy_text(scope, value) for value in condition.values]
    return _block("condition", {"test": condition.test, "variable": condition.variable, "values": values})


# -- logs, images, secrets -----------------------------------------------------------------------------------


def _log_group(scope: Scope, logical_id: str, group: LogGroup) -> Iterator[Block]:
    usual = group.retention_in_days == scope.settings.log_retention
    days = Expression("var.log_retention_in_days") if usual else group.retention_in_days
    values = {"name": group.log_group_name, "retention_in_days": days}
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, group.tags))


def _repository(scope: Scope, logical_id: str, repository: Repository) -> Iterator[Block]:
    yield _resource(
        scope,
        logical_id,
        _attributes(
            {"name": repository.repository_name, "image_tag_mutability": repository.image_tag_mutability}
        ),
        _tags(scope, repository.tags),
        [
            _block("image_scanning_configuration", {"scan_on_push": repository.scan_on_push}),
            _block("encryption_configuration", {"encryption_type": "AES256"}),
        ],
    )
    policy = Call("jsonencode", (lifecycle_policy(repository.keep),))
    values = {"repository": Expression(f"{scope.addresses.address(logical_id)}.name"), "policy": policy}
    yield _more(scope, logical_id, "aws_ecr_lifecycle_policy", _attributes(values))


def lifecycle_policy(keep: int) -> dict[str, Any]:
    """Give the lifecycle policy that keeps the newest images of a repository."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Keep the newest {keep} images",
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
                "action": {"type": "expire"},
            }
        ]
    }


PLACEHOLDER = "REPLACE_ME"
"""What a new SSM parameter holds: it cannot be made without a value."""


def _secret_parameter(scope: Scope, logical_id: str, parameter: SecretParameter) -> Iterator[Block]:
    yield _resource(
        scope,
        logical_id,
        _attributes({"name": parameter.name, "description": parameter.description, "type": "SecureString"}),
        [
            Comment(
                "A placeholder, written once. The value is yours to set (output set_secret_commands), and"
            ),
            Comment(
                "Terraform neither reads it, keeps it in its state, nor writes it again: value_wo is write-only."
            ),
            Attribute("value_wo", PLACEHOLDER),
            Attribute("value_wo_version", 1),
            *_tags(scope, parameter.tags),
        ],
    )


def _managed_secret(scope: Scope, logical_id: str, secret: ManagedSecret) -> Iterator[Block]:
    yield _resource(
        scope,
        logical_id,
        [Comment("Its value is yours to set (output set_secret_commands); Terraform never sees it.")],
        _attributes({"name": secret.name, "description": secret.description}),
        _tags(scope, secret.tags),
    )


# -- storage -------------------------------------------------------------------------------------------------


def _file_system(scope: Scope, logical_id: str, files: FileSystem) -> Iterator[Block]:
    values = {
        "creation_token": files.creation_token,
        "encrypted": files.encrypted,
        "throughput_mode": files.throughput_mode,
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, files.tags))
    backup = {
        "file_system_id": Expression(f"{scope.addresses.address(logical_id)}.id"),
    }
    status = _block("backup_policy", {"status": "ENABLED" if files.backup else "DISABLED"})
    yield _more(scope, logical_id, "aws_efs_backup_policy", _attributes(backup), [status])


def _mount_targets(scope: Scope, logical_id: str, targets: MountTargets) -> Iterator[Block]:
    values = {
        "for_each": Call("toset", (_ids(scope, targets.subnet_ids),)),
    }
    arguments = {
        "file_system_id": scope.addresses.of(targets.file_system_id),
        "subnet_id": Expression("each.value"),
        "security_groups": _ids(scope, targets.security_groups),
    }
    yield _resource(scope, logical_id, _attributes(values), [BREAK], _attributes(arguments))


def _access_point(scope: Scope, logical_id: str, point: AccessPoint) -> Iterator[Block]:
    root, user = point.root_directory, point.posix_user
    info = root.creation_info
    nested = [_block("posix_user", {"uid": user.uid, "gid": user.gid})] if user else []
    creation = {"owner_uid": info.owner_uid, "owner_gid": info.owner_gid, "permissions": info.permissions}
    nested.append(_block("root_directory", {"path": root.path}, _block("creation_info", creation)))
    values = {"file_system_id": scope.addresses.of(point.file_system_id)}
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, point.tags), nested)


# -- tasks and services --------------------------------------------------------------------------------------


def containers(scope: Scope, logical_id: str, definition: TaskDefinition) -> list[dict[str, Any]]:
    """Give the containers as the API spells them, with what `x-fargate.patch` adds to them."""
    made: list[dict[str, Any]] = scope.addresses.json(definition.container_definitions)
    extra = scope.stack.extras.get(logical_id, {}).get("containerDefinitions")
    if not extra:
        return made
    merged: list[dict[str, Any]] = merge_extras({"all": made}, {"all": extra})["all"]
    return merged


def _task_definition(scope: Scope, logical_id: str, definition: TaskDefinition) -> Iterator[Block]:
    task_role = definition.task_role_arn
    values = {
        "family": definition.family,
        "cpu": definition.cpu,
        "memory": definition.memory,
        "network_mode": definition.network_mode,
        "pid_mode": definition.pid_mode,
        "requires_compatibilities": list(definition.requires_compatibilities),
        "execution_role_arn": scope.addresses.role(definition.execution_role_arn),
        "task_role_arn": None if task_role is None else scope.addresses.role(task_role),
        "container_definitions": Call("jsonencode", (containers(scope, logical_id, definition),)),
    }
    platform = definition.runtime_platform
    nested = [
        _block(
            "runtime_platform",
            {
                "cpu_architecture": platform.cpu_architecture,
                "operating_system_family": platform.operating_system_family,
            },
        )
    ]
    if definition.ephemeral_storage:
        nested.append(_block("ephemeral_storage", {"size_in_gib": definition.ephemeral_storage.size_in_gib}))
    nested += [_volume(scope, volume) for volume in definition.volumes]
    yield _resource(
        scope,
        logical_id,
        _attributes(values),
        nested,
        [
            Comment(
                "Old revisions stay, so that a service can go back to one, and a refused update takes none away."
            ),
            Attribute("skip_destroy", True),
            *_tags(scope, definition.tags),
        ],
    )


def _volume(scope: Scope, volume: TaskVolume) -> Block:
    nested = []
    efs = volume.efs_volume_configuration
    if efs:
        authorization = efs.authorization_config
        inner = []
        if authorization:
            point = authorization.access_point_id
            access = {
                "access_point_id": None if point is None else scope.addresses.of(point),
                "iam": authorization.iam,
            }
            inner.append(_block("authorization_config", access))
        values = {
            "file_system_id": scope.addresses.of(efs.file_system_id),
            "root_directory": efs.root_directory,
            "transit_encryption": efs.transit_encryption,
        }
        nested.append(_block("efs_volume_configuration", values, *inner))
    return _block(
        "volume", {"name": volume.name, "configure_at_launch": volume.configured_at_launch}, *nested
    )


def _network_block(scope: Scope, network: AwsvpcConfiguration) -> Block:
    values = {
        "subnets": _ids(scope, network.subnets),
        "security_groups": _ids(scope, network.security_groups),
        "assign_public_ip": Expression(f"var.{PUBLIC}")
        if isinstance(network.assign_public_ip, Ref)
        else network.assign_public_ip == "ENABLED",
    }
    return _block("network_configuration", values)


def _strategy(items: tuple[CapacityProviderStrategyItem, ...]) -> list[Block]:
    return [_block("capacity_provider_strategy", item._asdict()) for item in items]


def _service(scope: Scope, logical_id: str, service: EcsService) -> Iterator[Block]:
    deployment = service.deployment_configuration
    values = {
        "name": service.service_name,
        "cluster": scope.addresses.of(service.cluster, "arn"),
        "task_definition": scope.addresses.of(service.task_definition, "arn"),
        "desired_count": _desired_count(scope, logical_id, service),
        "launch_type": service.launch_type,
        "platform_version": service.platform_version,
        "deployment_maximum_percent": deployment.maximum_percent,
        "deployment_minimum_healthy_percent": deployment.minimum_healthy_percent,
        "availability_zone_rebalancing": service.availability_zone_rebalancing,
        "health_check_grace_period_seconds": service.health_check_grace_period_seconds,
        "enable_execute_command": service.enable_execute_command,
        "enable_ecs_managed_tags": service.enable_ecs_managed_tags,
        "propagate_tags": service.propagate_tags,
        "wait_for_steady_state": True if logical_id in scope.graph.awaited else None,
    }
    breaker = deployment.deployment_circuit_breaker
    nested = [
        *_strategy(service.capacity_provider_strategy),
        _block("deployment_circuit_breaker", breaker._asdict()),
        _network_block(scope, service.network_configuration.awsvpc_configuration),
        *(_service_load_balancer(scope, balancer) for balancer in service.load_balancers),
        *(
            _block("service_registries", {"registry_arn": scope.addresses.of(registry.registry_arn)})
            for registry in service.service_registries
        ),
        *_service_connect(scope, service.service_connect_configuration),
        *(_service_volume(scope, volume) for volume in service.volume_configurations),
    ]
    yield _resource(
        scope,
        logical_id,
        _attributes(values),
        _tags(scope, service.tags),
        nested,
        _lifecycle(scope, logical_id),
        _depends_on(scope, logical_id),
    )


def _desired_count(scope: Scope, logical_id: str, service: EcsService) -> Expression:
    name = scope.stack.origins.get(logical_id, service.service_name)
    return Expression(f"lookup(var.desired_counts, {quoted(name)}, {service.desired_count})")


def _lifecycle(scope: Scope, logical_id: str) -> Body:
    if logical_id not in scope.graph.scaled:
        return []
    reason = Comment("Application Auto Scaling writes the count; Terraform gives the number to begin with.")
    return [Block("lifecycle", (), (reason, Attribute("ignore_changes", [Expression("desired_count")])))]


def _service_load_balancer(scope: Scope, balancer: Any) -> Block:
    values = {
        "target_group_arn": scope.addresses.of(balancer.target_group_arn),
        "container_name": balancer.container_name,
        "container_port": balancer.container_port,
    }
    return _block("load_balancer", values)


def _service_connect(scope: Scope, connect: ServiceConnectConfiguration | None) -> Iterator[Block]:
    if connect:
        namespace = scope.addresses.of(connect.namespace, "arn")
        values = {"enabled": connect.enabled, "namespace": namespace}
        yield _block("service_connect_configuration", values, *map(_connect_service, connect.services))


def _connect_service(service: ServiceConnectService) -> Block:
    aliases = [
        _block("client_alias", {"port": a.port, "dns_name": a.dns_name}) for a in service.client_aliases
    ]
    return _block(
        "service", {"port_name": service.port_name, "discovery_name": service.discovery_name}, *aliases
    )


def _service_volume(scope: Scope, volume: ServiceVolumeConfiguration) -> Block:
    ebs = volume.managed_ebs_volume
    values = {
        "role_arn": scope.addresses.role(ebs.role_arn),
        "size_in_gb": ebs.size_in_gib,
        "volume_type": ebs.volume_type,
        "encrypted": ebs.encrypted,
        "file_system_type": ebs.filesystem_type,
    }
    return _block("volume_configuration", {"name": volume.name}, _block("managed_ebs_volume", values))


# -- jobs and scaling ----------------------------------------------------------------------------------------


def _run_task(scope: Scope, logical_id: str, task: RunTask) -> Iterator[Block]:
    """A job is a command to run: Terraform makes no tasks."""
    exact = task._replace(
        cluster=task.cluster if isinstance(task.cluster, str) else Ref(task.cluster.logical_id, "name"),
        task_definition=_exact_definition(task),
    )
    request = scope.addresses.json(exact)
    request = merge_extras(request, scope.stack.extras.get(logical_id, {}))
    yield Block("locals", (), (Attribute(run_task_name(scope, logical_id), request),))


def _exact_definition(task: RunTask) -> str | Ref:
    definition = task.task_definition
    return definition if isinstance(definition, str) else Ref(definition.logical_id, "arn")


def run_task_name(scope: Scope, logical_id: str) -> str:
    """Name the local value that holds the input of a job's RunTask call."""
    return f"run_task_{scope.addresses.labels[logical_id]}"


def _schedule(scope: Scope, logical_id: str, schedule: Schedule) -> Iterator[Block]:
    parameters = schedule.target.ecs_parameters
    ecs = {
        "task_definition_arn": scope.addresses.of(parameters.task_definition_arn, "arn"),
        "launch_type": parameters.launch_type,
        "task_count": parameters.task_count,
        "propagate_tags": parameters.propagate_tags,
    }
    network = _network_block(scope, parameters.network_configuration.awsvpc_configuration)
    strategy = _strategy(getattr(parameters, "capacity_provider_strategy", ()))
    target = _block(
        "target",
        {
            "arn": scope.addresses.of(schedule.target.arn, "arn"),
            "role_arn": scope.addresses.role(schedule.target.role_arn),
        },
        _block("ecs_parameters", ecs, *strategy, network),
    )
    values = {
        "name": schedule.name,
        "description": schedule.description,
        "schedule_expression": schedule.schedule_expression,
        "schedule_expression_timezone": schedule.schedule_expression_timezone,
    }
    window = _block("flexible_time_window", {"mode": schedule.flexible_time_window.mode})
    yield _resource(scope, logical_id, _attributes(values), [window, target])


def _scalable_target(scope: Scope, logical_id: str, target: ScalableTarget) -> Iterator[Block]:
    service = scope.stack.resources[target.service.logical_id]
    cluster = scope.addresses.of(service.cluster, "name") if isinstance(service, EcsService) else ""
    name = Expression(f"{scope.addresses.address(target.service.logical_id)}.name")
    values = {
        "service_namespace": "ecs",
        "resource_id": template(["service/", cluster, "/", name]),
        "scalable_dimension": "ecs:service:DesiredCount",
        "min_capacity": target.min_capacity,
        "max_capacity": target.max_capacity,
    }
    yield _resource(scope, logical_id, _attributes(values), _tags(scope, ()))


def _scaling_policy(scope: Scope, logical_id: str, policy: ScalingPolicy) -> Iterator[Block]:
    target = scope.addresses.address(policy.scalable_target.logical_id)
    values = {
        "name": policy.policy_name,
        "policy_type": "TargetTrackingScaling",
        **{
            name: Expression(f"{target}.{name}")
            for name in ("service_namespace", "resource_id", "scalable_dimension")
        },
    }
    metric = {"predefined_metric_type": policy.metric, "resource_label": _resource_label(scope, policy)}
    tracking = _block(
        "target_tracking_scaling_policy_configuration",
        {
            "target_value": policy.target_value,
            "scale_in_cooldown": policy.scale_in_cooldown,
            "scale_out_cooldown": policy.scale_out_cooldown,
        },
        _block("predefined_metric_specification", metric),
    )
    yield _resource(scope, logical_id, _attributes(values), [tracking])


def _resource_label(scope: Scope, policy: ScalingPolicy) -> Expression | None:
    """Name a load balancer and a target group as CloudWatch does."""
    if policy.target_group is None:
        return None
    group = policy.target_group
    balancer = scope.graph.load_balancer_of(group.logical_id)
    if balancer is None:
        raise LookupError(f"no listener sends requests to {group.logical_id}")
    suffix = scope.addresses.of(balancer, "arn_suffix")
    return template([suffix, "/", scope.addresses.of(group, "arn_suffix")])


Renderer = Callable[[Scope, str, Any], Iterable[Block]]

RENDERERS: Mapping[type[Any], Renderer] = {
    Cluster: _cluster,
    Namespace: _namespace,
    DnsNamespace: _dns_namespace,
    DiscoveryService: _discovery_service,
    SecurityGroup: _security_group,
    IngressRule: _ingress_rule,
    LoadBalancer: _load_balancer,
    TargetGroup: _target_group,
    Listener: _listener,
    ListenerRule: _listener_rule,
    Role: _role,
    LogGroup: _log_group,
    Repository: _repository,
    SecretParameter: _secret_parameter,
    ManagedSecret: _managed_secret,
    FileSystem: _file_system,
    MountTargets: _mount_targets,
    AccessPoint: _access_point,
    TaskDefinition: _task_definition,
    EcsService: _service,
    RunTask: _run_task,
    Schedule: _schedule,
    ScalableTarget: _scalable_target,
    ScalingPolicy: _scaling_policy,
}
"""How each type is written. `Account`, `Network` and `Existing` are looked up, and stand in the files' templates."""
