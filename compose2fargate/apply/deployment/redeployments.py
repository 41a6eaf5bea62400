"""Which services have to be deployed again: a service that they talk to is made after their last deployment, or that failed.

A task sees the names of Service Connect that were there when its deployment began:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from compose2fargate.apply.handlers.handler import FoundResource
from compose2fargate.aws.resources import EcsService
from compose2fargate.aws.stack import Stack
from compose2fargate.records import NamedTuple

_DEPLOYING: Final = frozenset({
    "taskDefinition", "networkConfiguration", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration",
    "volumeConfigurations", "platformVersion", "launchType", "capacityProviderStrategy", "enableExecuteCommand",
})  # fmt: skip
"""Members of a service whose change starts a deployment."""


def starts_a_deployment(members: Iterable[str]) -> bool:
    """Tell whether a change of these members of a service starts a deployment."""
    return not _DEPLOYING.isdisjoint(members)


class _Life(NamedTuple):
    """When a service was made, and when its last deployment began."""

    made: datetime
    deployed: datetime


def find_redeployments(
    stack: Stack, made: Collection[str], staying: Collection[str], found: Mapping[str, FoundResource]
) -> Mapping[str, tuple[str, ...]]:
    """Give the services that do not see others which are made now or were made since, and talk to them, with these.

    What was made before is told by its dates, so that a run that was interrupted is made good by the next one. A service whose last
    deployment failed has none with it: ECS starts no more tasks for that one, though nothing has to be changed.

    Args:
        stack: What is wanted.
        made: Logical ids of what is made now.
        staying: Logical ids of what is there, and has no deployment of its own now.
        found: What is there.
    """
    services = tuple(stack.of_type(EcsService))
    new = {node for node, _ in services if node in made}
    lives = {
        node: life
        for node, _ in services
        if node not in new and node in found and (life := _life(found[node].extra))
    }
    late: dict[str, tuple[str, ...]] = {}
    for node, service in services:
        if node in staying and node in found and _has_failed(found[node].extra):
            late[node] = ()
        if node not in staying or service.service_connect_configuration is None:
            continue
        after = {entry.logical_id for entry in stack.after.get(node, ())}
        unseen = new | (_made_since(lives, lives[node].deployed) if node in lives else set())
        unseen = (unseen if node in stack.again else unseen & after) - {node}
        if unseen:
            late[node] = tuple(sorted(unseen))
    return late


def _made_since(lives: Mapping[str, _Life], deployed: datetime) -> set[str]:
    return {node for node, life in lives.items() if life.made > deployed}


def _primary(described: Any) -> Mapping[str, Any]:
    """Give the deployment that is to serve, of a service as ECS describes it."""
    deployments = described.get("deployments") if isinstance(described, Mapping) else None
    return next((one for one in deployments or () if one.get("status") == "PRIMARY"), {})


def _has_failed(described: Any) -> bool:
    return _primary(described).get("rolloutState") == "FAILED"


def _life(described: Any) -> _Life | None:
    """Read the dates of a service as ECS describes it."""
    service: Mapping[str, Any] = described if isinstance(described, Mapping) else {}
    made, deployed = service.get("createdAt"), (_primary(described) or service).get("createdAt")
    return _Life(made, deployed) if isinstance(made, datetime) and isinstance(deployed, datetime) else None
