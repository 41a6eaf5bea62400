"""Names and addresses of a stack in Terraform: what a `Ref` becomes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref, Resolve, to_api
from compose2fargate.aws.resources import (
    AccessPoint,
    AccountIdentity,
    Cluster,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    Existing,
    FileSystem,
    IngressRule,
    Listener,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    MountTargets,
    Namespace,
    Role,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.emitters.resource_graph import PUBLIC
from compose2fargate.emitters.terraform.hcl import HclExpression, quoted_text, template_text

TYPES: Mapping[type[Any], str] = {
    Cluster: "aws_ecs_cluster",
    Namespace: "aws_service_discovery_http_namespace",
    DnsNamespace: "aws_service_discovery_private_dns_namespace",
    DiscoveryService: "aws_service_discovery_service",
    SecurityGroup: "aws_security_group",
    IngressRule: "aws_vpc_security_group_ingress_rule",
    LoadBalancer: "aws_lb",
    TargetGroup: "aws_lb_target_group",
    Listener: "aws_lb_listener",
    ListenerRule: "aws_lb_listener_rule",
    Role: "aws_iam_role",
    LogGroup: "aws_cloudwatch_log_group",
    FileSystem: "aws_efs_file_system",
    MountTargets: "aws_efs_mount_target",
    AccessPoint: "aws_efs_access_point",
    TaskDefinition: "aws_ecs_task_definition",
    EcsService: "aws_ecs_service",
    Schedule: "aws_scheduler_schedule",
    ScalableTarget: "aws_appautoscaling_target",
    ScalingPolicy: "aws_appautoscaling_policy",
    DbSubnetGroup: "aws_db_subnet_group",
    DbParameterGroup: "aws_db_parameter_group",
    DbInstance: "aws_db_instance",
    CacheSubnetGroup: "aws_elasticache_subnet_group",
    CacheParameterGroup: "aws_elasticache_parameter_group",
    CacheReplicationGroup: "aws_elasticache_replication_group",
    DiscoveryInstance: "aws_service_discovery_instance",
}
"""The Terraform type of each resource that has an address. A `RunTask` is a command, `AccountIdentity` and `VpcNetwork` are looked up."""

# Attributes of ours that Terraform calls otherwise.
_ATTRIBUTES: Mapping[tuple[str, str], str] = {
    ("aws_ecs_service", "arn"): "id",
    ("aws_ecr_repository", "uri"): "repository_url",
    ("aws_ecr_repository", "name"): "name",
    ("aws_lb", "dns"): "dns_name",
    ("aws_db_instance", "endpoint"): "address",
    ("aws_elasticache_replication_group", "endpoint"): "primary_endpoint_address",
}

# How something that exists already is looked up: data source and the argument that takes its name.
_LOOKUPS: Mapping[str, tuple[str, str]] = {
    "Role": ("aws_iam_role", "name"),
    "Cluster": ("aws_ecs_cluster", "cluster_name"),
    "Repository": ("aws_ecr_repository", "name"),
    "LoadBalancer": ("aws_lb", "name"),
    "TargetGroup": ("aws_lb_target_group", "name"),
    "ManagedSecret": ("aws_secretsmanager_secret", "name"),
    "Namespace": ("aws_service_discovery_http_namespace", "name"),
    "LogGroup": ("aws_cloudwatch_log_group", "name"),
    "TaskDefinition": ("aws_ecs_task_definition", "task_definition"),
}
_BY_ARN = frozenset({"aws_lb", "aws_lb_target_group", "aws_secretsmanager_secret"})
_LOOKED_UP_NAMES = {"aws_ecs_cluster": "cluster_name"}

# What is known by an ARN that its name gives; a data source would bring a secret's value into the state.
_ARNS = {
    "SecretParameter": ("ssm", "parameter/"),
    "FileSystem": ("elasticfilesystem", "file-system/"),
    "AccessPoint": ("elasticfilesystem", "access-point/"),
}

# `name` of a region is deprecated in provider 6, and `region` is not in 5; `id` is the same in both.
ACCOUNT: Mapping[str, tuple[str, str]] = {
    "region": ("aws_region", "id"),
    "id": ("aws_caller_identity", "account_id"),
    "partition": ("aws_partition", "partition"),
}

LISTENER, BALANCER, BALANCER_GROUP = (
    "listener_arn",
    "load_balancer_arn",
    "load_balancer_security_group_id",
)
"""Variables for what exists already, and is another in another environment."""

_WORD = re.compile(r"[^A-Za-z0-9_]+")


def _terraform_label(text: str) -> str:
    """Spell a name as Terraform's style guide does: words in lower case, and underscores."""
    word = _WORD.sub("_", text).strip("_").lower() or "x"
    return word if not word[0].isdigit() else f"_{word}"


def image_label(name: str) -> str:
    """Give the last part of the address of a built image; a name that is no label gets digits of its hash."""
    label = _terraform_label(name)
    return label if label == name else f"{label}_{sha256(name.encode()).hexdigest()[:6]}"


def _plain_label(logical_id: str, resource: Any) -> str:
    kind, _, name = logical_id.partition("/")
    if isinstance(resource, Listener):
        return _terraform_label(f"{resource.protocol.lower()}_{resource.port}")
    if kind == "task-role":
        return _terraform_label(f"{name}_task")
    if name:
        return _terraform_label(f"{kind}_{name}" if name[0].isdigit() else name)
    for suffix in ("-role", "-load-balancer"):
        if kind.endswith(suffix):
            return _terraform_label(kind.removesuffix(suffix))
    return "main"


def terraform_labels(stack: Stack) -> Mapping[str, str]:
    """Give each resource the last part of its address; what would be one name twice gets a suffix of its own.

    The suffix follows from the logical id, so that another service does not rename this one.
    """
    plain = {
        logical_id: _plain_label(logical_id, resource) for logical_id, resource in stack.resources.items()
    }
    kinds = {i: getattr(r, "kind", type(r).__name__) for i, r in stack.resources.items()}
    taken = Counter((kinds[i], name) for i, name in plain.items())
    return {
        logical_id: name
        if taken[kinds[logical_id], name] == 1 or logical_id.endswith(f"/{name}")
        else f"{name}_{sha256(logical_id.encode()).hexdigest()[:6]}"
        for logical_id, name in plain.items()
    }


class TerraformAddresses:
    """Turns links into expressions, and remembers what has to be looked up for them."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.labels = terraform_labels(stack)
        self.account: set[str] = set()
        """Attributes of the account that some expression uses."""
        self.lookups: dict[str, tuple[str, str, str | HclExpression]] = {}
        """Logical id of what exists to its data source: type, argument, identifier."""

    def address(self, logical_id: str) -> str:
        """Give the address of a resource."""
        return f"{TYPES[type(self._stack.resources[logical_id])]}.{self.labels[logical_id]}"

    def resolve(self, ref: Ref) -> HclExpression:
        """Give the expression that a `Ref` is."""
        resource = self._stack.get(ref)
        special = self._SPECIAL.get(type(resource))
        if special:
            return special(self, ref, resource)
        kind = TYPES[type(resource)]
        return HclExpression(
            f"{kind}.{self.labels[ref.logical_id]}.{_ATTRIBUTES.get((kind, ref.attribute), ref.attribute)}"
        )

    def of(self, value: str | Ref, attribute: str = "") -> Any:
        """Give a literal as it is, and a `Ref` with `attribute` in place of its own.

        Terraform keeps ARNs where the API takes a name as well; comparing with what it reads back needs the same form.
        """
        if isinstance(value, str):
            return value
        return self.resolve(Ref(value.logical_id, attribute) if attribute else value)

    def role(self, value: str | Ref) -> Any:
        """Give a role's ARN; a literal may be its name."""
        if isinstance(value, Ref):
            return self.of(value, "arn")
        return value if value.startswith("arn:") else self.arn("iam", "role/", value)

    def arn(self, service: str, prefix: str, name: str) -> HclExpression:
        """Give an ARN of this account and region."""
        region = "" if service == "iam" else self.account_value("region")
        slash = prefix.removesuffix("/") if name.startswith("/") else prefix
        parts = (
            "arn:",
            self.account_value("partition"),
            f":{service}:",
            region,
            ":",
            self.account_value("id"),
            f":{slash}{name}",
        )
        return template_text(parts)

    def account_value(self, attribute: str) -> HclExpression:
        """Give the region, the partition or the account's id."""
        self.account.add(attribute)
        source, member = ACCOUNT[attribute]
        return HclExpression(f"data.{source}.current.{member}")

    def _account(self, ref: Ref, _: Any) -> HclExpression:
        return self.account_value(ref.attribute)

    def _network(self, ref: Ref, _: Any) -> HclExpression:
        if ref.attribute == PUBLIC:  # as the API has it; arguments of the provider are true or false
            return HclExpression(f'var.{PUBLIC} ? "ENABLED" : "DISABLED"')
        return HclExpression(f"local.{ref.attribute}")

    def _mount_targets(self, ref: Ref, _: Any) -> HclExpression:
        return HclExpression(f"{self.address(ref.logical_id)}")

    def _existing(self, ref: Ref, resource: Existing) -> HclExpression:
        name = resource.identifier
        if ref.attribute in ("id", "name") and resource.kind not in ("Role", "Cluster"):
            return HclExpression(quoted_text(name))
        if resource.kind == "Listener":
            return HclExpression(f"var.{LISTENER}")
        # A load balancer is looked up in any case, for its address.
        if name.startswith("arn:") and ref.attribute == "arn" and resource.kind != "LoadBalancer":
            return HclExpression(quoted_text(name))
        if resource.kind in _ARNS:
            return self.arn(*_ARNS[resource.kind], name)
        source, argument = _LOOKUPS[resource.kind]
        if name.startswith("arn:"):
            argument, name = ("arn", name) if source in _BY_ARN else (argument, name.rpartition("/")[2])
        given = (
            HclExpression(f"var.{BALANCER}") if (resource.kind, argument) == ("LoadBalancer", "arn") else name
        )
        self.lookups[ref.logical_id] = (source, argument, given)
        attribute = _ATTRIBUTES.get((source, ref.attribute), ref.attribute)
        if attribute == "name":
            attribute = _LOOKED_UP_NAMES.get(source, "name")
        return HclExpression(f"data.{source}.{self.labels[ref.logical_id]}.{attribute}")

    _SPECIAL: Mapping[type[Any], Callable[[TerraformAddresses, Ref, Any], HclExpression]] = {
        AccountIdentity: _account,
        VpcNetwork: _network,
        Existing: _existing,
        MountTargets: _mount_targets,
    }

    # -- values ----------------------------------------------------------------------------------------------

    def text(self, value: Any) -> Any:
        """Give a text as it is, and one with links in it as an expression."""
        return value if isinstance(value, str) else self._link(value, self.resolve)

    def json(self, value: Any) -> Any:
        """Give a value as the API spells it, with expressions where it has links."""
        return to_api(value, self.resolve, link=self._link)

    def _link(self, value: Ref | JoinedText | BuiltImage, resolve: Resolve) -> Any:
        if isinstance(value, Ref):
            return resolve(value)
        if isinstance(value, JoinedText):
            return template_text([part if isinstance(part, str) else resolve(part) for part in value.parts])
        return self._image(value)

    def _image(self, image: BuiltImage) -> HclExpression:
        """Give the address of an image that is pushed to a repository: `image_tags` chooses its tag."""
        uri = self.resolve(image.repository)
        name = quoted_text(image.name)
        if image.digest:
            return template_text(
                [
                    uri,
                    HclExpression(f'try(":${{var.image_tags[{name}]}}", {quoted_text("@" + image.digest)})'),
                ]
            )
        return template_text(
            [uri, ":", HclExpression(f"lookup(var.image_tags, {name}, {quoted_text(image.tag)})")]
        )
