"""How each resource type is found, created, updated and deleted in AWS: one table, by type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.apply.handlers.access import RoleHandler
from compose2fargate.apply.handlers.core import Handler
from compose2fargate.apply.handlers.discovery import (
    DiscoveryServiceHandler,
    DnsNamespaceHandler,
    NamespaceHandler,
)
from compose2fargate.apply.handlers.ecs import (
    ClusterHandler,
    EcsServiceHandler,
    RunTaskHandler,
    ScalableTargetHandler,
    ScalingPolicyHandler,
    ScheduleHandler,
    TaskDefinitionHandler,
)
from compose2fargate.apply.handlers.existing import ExistingHandler
from compose2fargate.apply.handlers.network import (
    AccountHandler,
    IngressRuleHandler,
    ListenerHandler,
    ListenerRuleHandler,
    LoadBalancerHandler,
    NetworkHandler,
    SecurityGroupHandler,
    TargetGroupHandler,
)
from compose2fargate.apply.handlers.storage import (
    AccessPointHandler,
    FileSystemHandler,
    LogGroupHandler,
    ManagedSecretHandler,
    MountTargetsHandler,
    RepositoryHandler,
    SecretParameterHandler,
)

_DELETED_IN_ORDER: tuple[tuple[type[Handler], ...], ...] = (
    (ScheduleHandler, ScalingPolicyHandler),
    (ScalableTargetHandler,),
    (EcsServiceHandler,),
    (
        ListenerRuleHandler,
        DiscoveryServiceHandler,
        TaskDefinitionHandler,
        MountTargetsHandler,
        AccessPointHandler,
    ),
    (ListenerHandler, DnsNamespaceHandler, NamespaceHandler, FileSystemHandler),
    (LoadBalancerHandler, ClusterHandler),
    (
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
