"""How each resource type is written as Terraform blocks: the table of render functions, by type.

Arguments stand in the order of the provider's documentation, meta-arguments last, as Terraform's style guide has it:
https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compose2fargate.aws.resources import (
    AccessPoint,
    Cluster,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    FileSystem,
    IngressRule,
    Listener,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    MountTargets,
    Namespace,
    Role,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.emitters.terraform.hcl import (
    HclBlock,
)
from compose2fargate.emitters.terraform.terraform_access import render_role
from compose2fargate.emitters.terraform.terraform_blocks import RenderScope
from compose2fargate.emitters.terraform.terraform_ecs import (
    render_cluster,
    render_run_task,
    render_scalable_target,
    render_scaling_policy,
    render_schedule,
    render_service,
    render_task_definition,
)
from compose2fargate.emitters.terraform.terraform_names import TYPES
from compose2fargate.emitters.terraform.terraform_network import (
    render_discovery_service,
    render_dns_namespace,
    render_ingress_rule,
    render_listener,
    render_listener_rule,
    render_load_balancer,
    render_namespace,
    render_security_group,
    render_target_group,
)
from compose2fargate.emitters.terraform.terraform_patches import with_extra
from compose2fargate.emitters.terraform.terraform_storage import (
    render_access_point,
    render_file_system,
    render_log_group,
    render_mount_targets,
)
from compose2fargate.emitters.terraform.terraform_stores import (
    render_cache,
    render_cache_parameters,
    render_cache_subnets,
    render_database,
    render_database_parameters,
    render_database_subnets,
    render_discovery_instance,
)


def render_resource(scope: RenderScope, logical_id: str) -> tuple[HclBlock, ...]:
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
    return (*blocks[:first], with_extra(blocks[first], extra), *blocks[first + 1 :])


Renderer = Callable[[RenderScope, str, Any], Iterable[HclBlock]]

RENDERERS: Mapping[type[Any], Renderer] = {
    Cluster: render_cluster,
    Namespace: render_namespace,
    DnsNamespace: render_dns_namespace,
    DiscoveryService: render_discovery_service,
    SecurityGroup: render_security_group,
    IngressRule: render_ingress_rule,
    LoadBalancer: render_load_balancer,
    TargetGroup: render_target_group,
    Listener: render_listener,
    ListenerRule: render_listener_rule,
    Role: render_role,
    LogGroup: render_log_group,
    FileSystem: render_file_system,
    MountTargets: render_mount_targets,
    AccessPoint: render_access_point,
    TaskDefinition: render_task_definition,
    EcsService: render_service,
    RunTask: render_run_task,
    Schedule: render_schedule,
    ScalableTarget: render_scalable_target,
    ScalingPolicy: render_scaling_policy,
    DbSubnetGroup: render_database_subnets,
    DbParameterGroup: render_database_parameters,
    DbInstance: render_database,
    CacheSubnetGroup: render_cache_subnets,
    CacheParameterGroup: render_cache_parameters,
    CacheReplicationGroup: render_cache,
    DiscoveryInstance: render_discovery_instance,
}
"""How each type is written. `AccountIdentity`, `VpcNetwork` and `Existing` are looked up, and stand in the files' templates."""
