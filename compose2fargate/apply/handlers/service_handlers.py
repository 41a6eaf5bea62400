"""ECS services: their comparable state, and how they are changed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    PendingValue,
    batches,
    by_key,
    delete_when_free,
    has_pending,
    is_overdue,
    lower_tag_list,
    normalise_state,
    read_or_none,
    shown_tags,
    tags_from,
    wanted_tags,
)
from compose2fargate.apply.handlers.task_definition_handlers import EcsHandler, TaskDefinitionHandler
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, to_api

_SERVICE_DEFAULTS: Json = {
    "schedulingStrategy": "REPLICA",
    "platformVersion": "LATEST",
    "enableExecuteCommand": False,
    "enableECSManagedTags": False,
    "propagateTags": "NONE",
    "healthCheckGracePeriodSeconds": 0,
}
APP_PROTOCOL = "appProtocol"
"""Our own member of a service: what the ports that it offers in Service Connect speak, by discovery name.

It is the task definition's, and AWS keeps it for as long as the service is there:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
"""
_OURS = frozenset({"tags", APP_PROTOCOL})
_NOT_ON_UPDATE = frozenset({"serviceName", "cluster", "launchType", "schedulingStrategy"}) | _OURS
_FROM_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations")


def service_state(members: Json) -> Json:
    """Normalise a service, wanted or described."""
    filled = {**_SERVICE_DEFAULTS, **members}
    network = (filled.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        filled["networkConfiguration"] = {"awsvpcConfiguration": normalise_awsvpc(network)}
    filled["loadBalancers"] = sorted(
        filled.get("loadBalancers") or [], key=by_key("targetGroupArn", "containerPort")
    )
    connect = filled.get("serviceConnectConfiguration")
    if connect:
        services = [{"discoveryName": one.get("portName"), **one} for one in connect.get("services") or []]
        filled["serviceConnectConfiguration"] = {
            **connect,
            "services": sorted(services, key=by_key("portName")),
        }
    if not filled["loadBalancers"] and not filled.get("vpcLatticeConfigurations"):
        del filled[
            "healthCheckGracePeriodSeconds"
        ]  # AWS keeps none where there is nothing that checks from outside
    if filled.get("capacityProviderStrategy"):
        items = [{"base": 0, "weight": 0, **one} for one in filled["capacityProviderStrategy"]]
        filled["capacityProviderStrategy"] = sorted(items, key=by_key("capacityProvider"))
        filled.pop("launchType", None)
    return normalise_state(filled)  # type: ignore[no-any-return]


def normalise_awsvpc(network: Json) -> Json:
    """Fill in what AWS assumes of a network configuration, and sort its lists."""
    sorted_lists = {
        member: sorted(network[member], key=str)
        for member in ("subnets", "securityGroups")
        if isinstance(network.get(member), (list, tuple)) and not isinstance(network[member], PendingValue)
    }
    return {"assignPublicIp": "DISABLED", **network, **sorted_lists}


class EcsServiceHandler(EcsHandler):
    """Services: found by cluster and name. Their desired count is not written where something scales them."""

    kind = aws.EcsService
    immutable = frozenset({APP_PROTOCOL})
    missing = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Normalise; the tags are set apart."""
        members = {**to_api(resource, resolve), "tags": wanted_tags(resource, context.owner)}
        return service_state(members)

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return service_state(want)

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name in the cluster."""
        if has_pending(want["cluster"]):
            return None
        found = self.read(want["cluster"], [want["serviceName"]], context)
        if not found:
            return None
        deployment = set(want.get("deploymentConfiguration", {}))
        return _only(self._with_protocols(found[0], want, context), want, deployment)

    def _with_protocols(self, found: FoundResource, want: Json, context: HandlerContext) -> FoundResource:
        """Read what the revision that runs speaks; a port that is not offered yet is free to speak anything."""
        wanted = want.get(APP_PROTOCOL)
        if not wanted:
            return found
        ecs = context.account.client("ecs")
        revision = found.state["taskDefinition"]
        answer = read_or_none(
            TaskDefinitionHandler(), lambda: ecs.describe_task_definition(taskDefinition=revision)
        )
        running = app_protocols(found.state, answer["taskDefinition"]) if answer else {}
        kept = {name: running.get(name, protocol) for name, protocol in wanted.items()}
        return found._replace(state={**found.state, APP_PROTOCOL: kept})

    def read(self, cluster: str, names: list[str], context: HandlerContext) -> list[FoundResource]:
        """Read up to ten services of a cluster; those that were deleted are left out."""
        ecs = context.account.client("ecs")
        answer = read_or_none(
            self, lambda: ecs.describe_services(cluster=cluster, services=names, include=["TAGS"])
        )
        services = answer["services"] if answer else []
        return [self._found(one, cluster) for one in services if one["status"] == "ACTIVE"]

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the services of the stack's cluster and of every other one that holds some, by tag."""
        for cluster in _clusters(context):
            arns = read_or_none(self, partial(_service_arns, cluster, context))
            for names in batches(arns or [], 10):
                yield from (
                    one for one in self.read(cluster, names, context) if context.owner.owns(one.tags or {})
                )

    def _found(self, service: Json, cluster: str) -> FoundResource:
        tags = tags_from(service.get("tags"))
        members = {
            member: service.get(member)
            for member in (
                "taskDefinition", "desiredCount", "deploymentConfiguration", "networkConfiguration", "loadBalancers",
                "serviceRegistries", "launchType", "capacityProviderStrategy", "platformVersion",
                "healthCheckGracePeriodSeconds", "availabilityZoneRebalancing", "enableExecuteCommand",
                "enableECSManagedTags", "propagateTags", "serviceName", "schedulingStrategy",
            )
        }  # fmt: skip
        deployment: Json = next((one for one in service["deployments"] if one["status"] == "PRIMARY"), {})
        members.update({member: deployment.get(member) for member in _FROM_DEPLOYMENT})
        state = service_state(
            {
                **{k: v for k, v in members.items() if v is not None},
                "cluster": cluster,
                "tags": shown_tags(tags),
            }
        )
        resource_id = f"service/{cluster.rpartition('/')[2]}/{service['serviceName']}"
        attributes = {
            "arn": service["serviceArn"],
            "name": service["serviceName"],
            "resource_id": resource_id,
        }
        return FoundResource(
            (cluster, service["serviceName"]), attributes, state, tags, service, service["serviceName"]
        )

    def is_there(self, error: Exception) -> bool:
        """Tell it from other wrong parameters by the text: AWS has no code for it."""
        return "not idempotent" in str(error)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Start it."""
        given = {key: value for key, value in want.items() if key not in _OURS}
        ecs = context.account.client("ecs")
        service = ecs.create_service(**given, tags=lower_tag_list(want["tags"]))["service"]
        return self._found({**service, "tags": lower_tag_list(want["tags"])}, want["cluster"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change what is different, and nothing else: a member that is the same starts no deployment."""
        if "tags" in changed:
            self.retag(found, want, context)
        given = {member: want.get(member, _EMPTY.get(member)) for member in changed - _NOT_ON_UPDATE}
        given = {member: value for member, value in given.items() if value is not None}
        if "launchType" in changed and "capacityProviderStrategy" not in changed:
            given["capacityProviderStrategy"] = []
        if not given:
            return found
        if "capacityProviderStrategy" in given:  # ECS refuses to change it otherwise
            given["forceNewDeployment"] = True
        cluster, name = found.key
        answer = context.account.client("ecs").update_service(cluster=cluster, service=name, **given)
        return self._found({**answer["service"], "tags": lower_tag_list(want["tags"])}, cluster)

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Stop its tasks and delete it, and wait until it holds nothing any more."""
        cluster, name = found.key
        ecs = context.account.client("ecs")
        delete_when_free(self, lambda: ecs.delete_service(cluster=cluster, service=name, force=True), context)
        for _ in range(120):
            answer = read_or_none(self, lambda: ecs.describe_services(cluster=cluster, services=[name]))
            states = [service["status"] for service in answer["services"]] if answer else []
            if "DRAINING" not in states:
                return
            context.account.sleep(5)
        raise is_overdue(
            f"ECS: {name} is deleted, but its tasks are still running after ten minutes: their stop_grace_period, or a"
            " target group that drains",
            shlex.join(("aws", "ecs", "describe-services", "--cluster", cluster, "--services", name)),
        )


def app_protocols(service: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, str]:
    """Give what each port speaks that a service offers in Service Connect; a port that does not say speaks TCP."""
    connect = service.get("serviceConnectConfiguration") or {}
    containers = definition.get("containerDefinitions") or []
    ports = {port.get("name"): port for one in containers for port in one.get("portMappings") or []}
    return {
        one.get("discoveryName") or one["portName"]: ports[one["portName"]].get("appProtocol") or "tcp"
        for one in connect.get("services") or []
        if one["portName"] in ports
    }


def _service_arns(cluster: str, context: HandlerContext) -> list[str]:
    return list(context.account.pages("ecs", "list_services", "serviceArns", cluster=cluster))


_EMPTY: Json = {"loadBalancers": [], "serviceRegistries": [], "volumeConfigurations": [], "capacityProviderStrategy": [],
                "serviceConnectConfiguration": {"enabled": False}}  # fmt: skip
"""How to say that a service is no longer to have something."""


def _clusters(context: HandlerContext) -> list[str]:
    """The clusters in which the stack may have something: its own, and those that the compose file names."""
    return list(dict.fromkeys([context.owner.stack, *context.clusters]))


def _only(found: FoundResource, want: Json, deployment: set[str]) -> FoundResource:
    """Compare of a service what is wanted: AWS chooses the rest."""
    state = dict(found.state)
    if "availabilityZoneRebalancing" not in want:
        state.pop("availabilityZoneRebalancing", None)
    configuration = state.get("deploymentConfiguration") or {}
    state["deploymentConfiguration"] = {
        key: value for key, value in configuration.items() if key in deployment
    }
    connect = state.get("serviceConnectConfiguration")
    if connect and "serviceConnectConfiguration" not in want and not connect.get("enabled"):
        state.pop("serviceConnectConfiguration")
    return found._replace(state=normalise_state(state))
