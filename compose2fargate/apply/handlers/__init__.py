"""How each resource type is found, created, updated and deleted in AWS: one table, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.apply.handlers.access_handlers import RoleHandler
from compose2fargate.apply.handlers.autoscaling_handlers import ScalableTargetHandler, ScalingPolicyHandler
from compose2fargate.apply.handlers.cache_handlers import (
    CacheParameterGroupHandler,
    CacheReplicationGroupHandler,
    CacheSubnetGroupHandler,
)
from compose2fargate.apply.handlers.cluster_handlers import ClusterHandler
from compose2fargate.apply.handlers.database_handlers import (
    DbInstanceHandler,
    DbParameterGroupHandler,
    DbSubnetGroupHandler,
)
from compose2fargate.apply.handlers.discovery_handlers import (
    DiscoveryInstanceHandler,
    DiscoveryServiceHandler,
    DnsNamespaceHandler,
    NamespaceHandler,
)
from compose2fargate.apply.handlers.efs_handlers import (
    AccessPointHandler,
    FileSystemHandler,
    MountTargetsHandler,
)
from compose2fargate.apply.handlers.existing_handlers import ExistingHandler
from compose2fargate.apply.handlers.handler import Handler
from compose2fargate.apply.handlers.job_handlers import RunTaskHandler, ScheduleHandler
from compose2fargate.apply.handlers.listener_handlers import ListenerHandler, ListenerRuleHandler
from compose2fargate.apply.handlers.load_balancer_handlers import LoadBalancerHandler, TargetGroupHandler
from compose2fargate.apply.handlers.log_group_handlers import LogGroupHandler
from compose2fargate.apply.handlers.network_handlers import AccountHandler, NetworkHandler
from compose2fargate.apply.handlers.repository_handlers import RepositoryHandler
from compose2fargate.apply.handlers.secret_handlers import ManagedSecretHandler, SecretParameterHandler
from compose2fargate.apply.handlers.security_group_handlers import IngressRuleHandler, SecurityGroupHandler
from compose2fargate.apply.handlers.service_handlers import EcsServiceHandler
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler

_DELETED_IN_ORDER: tuple[tuple[type[Handler], ...], ...] = (
    (ScheduleHandler, ScalingPolicyHandler),
    (ScalableTargetHandler,),
    (EcsServiceHandler,),
    (DiscoveryInstanceHandler,),
    (
        DbInstanceHandler,
        CacheReplicationGroupHandler,
        ListenerRuleHandler,
        DiscoveryServiceHandler,
        TaskDefinitionHandler,
        MountTargetsHandler,
        AccessPointHandler,
    ),
    (ListenerHandler, DnsNamespaceHandler, NamespaceHandler, FileSystemHandler),
    (LoadBalancerHandler, ClusterHandler),
    (
        DbParameterGroupHandler,
        DbSubnetGroupHandler,
        CacheParameterGroupHandler,
        CacheSubnetGroupHandler,
        TargetGroupHandler,
        IngressRuleHandler,
        LogGroupHandler,
        RepositoryHandler,
        SecretParameterHandler,
        ManagedSecretHandler,
    ),
    (SecurityGroupHandler, RoleHandler),
)
"""The types in the order in which they go: nothing is deleted while something of a type before it may still use it."""

HANDLERS: Final[Mapping[type[Any], Handler]] = {
    handler.kind: handler()
    for group in (
        (AccountHandler, NetworkHandler, ExistingHandler, RunTaskHandler),
        *_DELETED_IN_ORDER,
    )
    for handler in group
}
"""The handler of each resource type."""

DELETION_RANK: Final[Mapping[type[Any], int]] = {
    handler.kind: rank for rank, group in enumerate(_DELETED_IN_ORDER) for handler in group
}


def handler_of(resource: Any) -> Handler:
    """Give the handler of a resource; a type without one is a mistake of ours, and raises KeyError."""
    return HANDLERS[type(resource)]
