"""Collects the resources of a stack, with the service and the file that each belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.aws.resources import (
    Resource,
    Role,
    SecurityGroup,
    TargetGroup,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.compose.model import Service
from compose2fargate.mapping import names
from compose2fargate.mapping.access.iam_roles import (
    MAX_ROLE_NAME,
)
from compose2fargate.mapping.translation_input import TranslationInput


class StackBuilder:
    """Collects the resources of a stack in the order in which they are to be created."""

    def __init__(self, ctx: TranslationInput) -> None:
        self._ctx = ctx
        self._file_names = names.file_names(ctx.names)
        self.services = {name: service for service, name in ctx.names.items()}
        self.resources: dict[str, Resource] = {}
        self.origins: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def shared(self, logical_id: str, resource: Resource) -> None:
        """Add a resource of the whole project."""
        self.resources[logical_id] = resource

    def put(self, kind: str, service: Service, resource: Resource) -> str:
        """Add a resource that comes from `service`; give its logical id."""
        return self.add(f"{kind}/{self._ctx.names[service.name]}", service, resource)

    def add(self, logical_id: str, service: Service, resource: Resource) -> str:
        """Add a resource of which `service` has several; give its logical id."""
        self.resources[logical_id] = resource
        self.origins[logical_id] = service.name
        self.files[logical_id] = self._file_names[service.name]
        return logical_id

    def build(self, after: Mapping[str, tuple[DeploymentDependencies, ...]]) -> Stack:
        """Give the finished stack, in the order in which its resources are to be created."""
        places = {
            service: self._ctx.project.at("services", service) for service in set(self.origins.values())
        }
        shown = {service: f"{at.file}:{at.line}" for service, at in places.items() if at}
        sources = {
            logical_id: shown[service] for logical_id, service in self.origins.items() if service in shown
        }
        resources = dict(
            sorted(_with_distinct_names(self.resources).items(), key=lambda item: _rank(item[0]))
        )
        return Stack(self._ctx.stack, resources, self.origins, self.files, after=after, sources=sources)


_FOLDED: tuple[tuple[type, str, int], ...] = (
    (Role, "role_name", MAX_ROLE_NAME),
    (SecurityGroup, "group_name", 255),
    (TargetGroup, "name", 32),
)
"""Resources whose names AWS does not tell apart by case, with the field and its length."""


def _with_distinct_names(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Give the resources with names that stay apart where case does not count: `Web` and `web` are two services."""
    result = dict(resources)
    for kind, field, limit in _FOLDED:
        found = {key: str(getattr(made, field)) for key, made in resources.items() if type(made) is kind}
        shown = names.distinct_names(set(found.values()), limit)
        for key, name in found.items():
            if shown[name] != name:
                renamed: Any = resources[key]
                result[key] = renamed._replace(**{field: shown[name]})
    return result


_KINDS = (
    "account", "network", "cluster", "namespace", "dns-namespace", "discovery-service", "security-group", "ingress-rule",
    "log-group", "repository", "secret", "db-subnet-group", "db-parameter-group", "db-instance",
    "cache-subnet-group", "cache-parameter-group", "cache-replication-group", "discovery-instance",
    "file-system", "mount-targets", "access-point",
    "execution-role", "task-role", "infrastructure-role",
    "load-balancer", "network-load-balancer", "target-group", "listener", "listener-rule",
    "task-definition", "service", "scheduler-role", "schedule", "scalable-target", "scaling-policy",
)  # fmt: skip
_RANKS = {**{kind: rank for rank, kind in enumerate(_KINDS)}, "run-task": _KINDS.index("service")}


def _rank(logical_id: str) -> int:
    """Where a kind of resource stands, so that each refers to earlier ones only."""
    return _RANKS[logical_id.partition("/")[0]]
