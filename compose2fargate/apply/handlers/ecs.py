"""ECS, and what acts on it: cluster, task definitions, services, jobs, schedules, scaling."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.core import (
    ATTEMPTS_TAG,
    RAN_TAG,
    Context,
    Found,
    Handler,
    Json,
    Pending,
    absent,
    batches,
    by_key,
    gone,
    has_pending,
    late,
    lower_tag_list,
    normal,
    shown_tags,
    surplus_tags,
    tags_from,
    token,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.values import Ref, pascal, to_api

STARTED_BY = "compose2fargate"

_NO_CLUSTER = frozenset({"ClusterNotFoundException"})


class _Ecs(Handler):
    """What the types of ECS have in common: tags in lower case, by ARN."""

    def retag(self, found: Found, want: Json, context: Context) -> None:
        """Bring the tags to what is wanted."""
        ecs = context.account.client("ecs")
        arn = found.attributes["arn"]
        ecs.tag_resource(resourceArn=arn, tags=lower_tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            ecs.untag_resource(resourceArn=arn, tagKeys=surplus)


class ClusterHandler(_Ecs):
    """The cluster: found by name."""

    kind = aws.Cluster
    missing = _NO_CLUSTER

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Sort what has no order; Container Insights is off where nothing is said."""
        members = super().want(resource, resolve, context)
        members["settings"] = sorted(members.get("settings") or [], key=by_key("name"))
        members["capacityProviders"] = sorted(members.get("capacityProviders") or [])
        return normal(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name; an inactive cluster is none."""
        answer = context.account.client("ecs").describe_clusters(
            clusters=[want["clusterName"]], include=["TAGS", "SETTINGS"]
        )
        active = [cluster for cluster in answer["clusters"] if cluster["status"] == "ACTIVE"]
        return self._found(active[0], {one["name"] for one in want.get("settings", [])}) if active else None

    def owned(self, context: Context) -> Iterable[Found]:
        """Look at the cluster that has the stack's name."""
        found = self.find({"clusterName": context.owner.stack}, context)
        return [found] if found and context.owner.owns(found.tags or {}) else []

    def _found(self, cluster: Json, compared: set[str]) -> Found:
        tags = tags_from(cluster.get("tags"))
        settings = [one for one in cluster.get("settings") or [] if one["name"] in compared]
        state = {
            "clusterName": cluster["clusterName"],
            "settings": sorted(settings, key=by_key("name")),
            "capacityProviders": sorted(cluster.get("capacityProviders") or []),
            "tags": shown_tags(tags),
        }
        attributes = {"name": cluster["clusterName"], "arn": cluster["clusterArn"]}
        return Found(cluster["clusterName"], attributes, normal(state), tags, name=cluster["clusterName"])

    def create(self, want: Json, context: Context) -> Found:
        """Make it."""
        given = {key: want[key] for key in ("clusterName", "settings", "capacityProviders") if key in want}
        ecs = context.account.client("ecs")
        answer = ecs.create_cluster(**given, tags=lower_tag_list(want["tags"]))
        return self._found(answer["cluster"], set())

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change settings, capacity providers and tags."""
        ecs = context.account.client("ecs")
        if "settings" in changed:
            ecs.update_cluster(cluster=found.key, settings=want.get("settings", []))
        if "capacityProviders" in changed:
            ecs.put_cluster_capacity_providers(
                cluster=found.key,
                capacityProviders=want.get("capacityProviders", []),
                defaultCapacityProviderStrategy=[],
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Stop what jobs and schedules of ours still run in it, then delete it; tasks of others are left alone."""
        ecs = context.account.client("ecs")
        for task in absent(self, partial(_running, found.key, context)) or []:
            if _is_ours(task["taskDefinitionArn"], context):
                ecs.stop_task(cluster=found.key, task=task["taskArn"], reason="the cluster is being deleted")
        gone(self, lambda: ecs.delete_cluster(cluster=found.key), context)


def _running(cluster: str, context: Context, **which: str) -> list[Json]:
    """Describe the tasks that run in a cluster, a hundred in a call.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
    """
    account = context.account
    arns = account.pages("ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus="RUNNING", **which)
    ecs = account.client("ecs")
    return [
        task
        for batch in batches(arns, 100)
        for task in ecs.describe_tasks(cluster=cluster, tasks=batch)["tasks"]
    ]


def _is_ours(definition: str, context: Context) -> bool:
    """Tell by its tags whether a task definition is the stack's, retired ones too: tasks and schedules carry none of ours.

    The family alone says too little: `shop-admin-job` may be a job of the project shop-admin or of shop's environment admin.
    """
    name = definition.rpartition("/")[2]
    if not name.startswith(context.owner.stack):
        return False  # without a call
    ecs = context.account.client("ecs")
    handler = TaskDefinitionHandler()
    answer = absent(handler, lambda: ecs.describe_task_definition(taskDefinition=name, include=["TAGS"]))
    return answer is not None and context.owner.owns(tags_from(answer.get("tags")))


# -- task definitions

_OUTPUT_ONLY = frozenset(
    {"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
     "deregisteredAt", "deleteRequestedAt"}
)  # fmt: skip
_CONTAINER_LISTS: Mapping[str, tuple[str, ...]] = {
    "environment": ("name",),
    "secrets": ("name",),
    "environmentFiles": ("value",),
    "portMappings": ("containerPort", "protocol"),
    "mountPoints": ("containerPath",),
    "volumesFrom": ("sourceContainer",),
    "dependsOn": ("containerName",),
    "ulimits": ("name",),
    "systemControls": ("namespace",),
}
"""Lists of a container whose order means nothing, and what to sort them by."""


def canonical(definition: Json) -> Json:
    """Normalise a task definition: what AWS fills in is filled in, and lists without an order are sorted."""
    kept = {key: value for key, value in definition.items() if key not in _OUTPUT_ONLY and key != "tags"}
    kept["containerDefinitions"] = [_container(one) for one in kept.get("containerDefinitions", [])]
    kept["volumes"] = sorted((_volume(one) for one in kept.get("volumes") or []), key=by_key("name"))
    # ECS takes a role by name too, and answers with what it was given.
    return normal(kept)  # type: ignore[no-any-return]


def _container(container: Json) -> Json:
    filled = {"cpu": 0, "essential": True, **container}
    filled["portMappings"] = [_port(one) for one in filled.get("portMappings") or []]
    for member in ("mountPoints", "volumesFrom"):
        filled[member] = [{"readOnly": False, **one} for one in filled.get(member) or []]
    check = filled.get("healthCheck")
    if check:
        filled["healthCheck"] = {
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            **{k: v for k, v in check.items() if k != "startPeriod" or v},
        }
    for member, keys in _CONTAINER_LISTS.items():
        if filled.get(member):
            filled[member] = sorted(filled[member], key=by_key(*keys))
    return filled


def _port(port: Json) -> Json:
    """In awsvpc the host's port is the container's: AWS adds it."""
    return {"protocol": "tcp", **port, "hostPort": port.get("hostPort") or port.get("containerPort")}


def _volume(volume: Json) -> Json:
    efs = volume.get("efsVolumeConfiguration")
    if not efs:
        return {key: value for key, value in volume.items() if key != "host" or value}
    return {
        **volume,
        "efsVolumeConfiguration": {"rootDirectory": "/", "transitEncryption": "DISABLED", **efs},
    }


class TaskDefinitionHandler(_Ecs):
    """Task definitions: found by family, the latest active revision; any difference makes a new revision."""

    kind = aws.TaskDefinition
    missing = frozenset({"ClientException", "InvalidParameterException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Normalise as the API's answer is."""
        return {**canonical(to_api(resource, resolve)), "tags": wanted_tags(resource, context.owner)}

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return {**canonical(want), "tags": want["tags"]}

    def find(self, want: Json, context: Context) -> Found | None:
        """Read the latest active revision; a family is ours when one of its revisions is."""
        found = self.read(want["family"], context)
        if found is None or context.owner.owns(found.tags or {}) or not self._has_ours(found, context):
            return found
        return found._replace(tags={**(found.tags or {}), **context.owner.tags})

    def _has_ours(self, found: Found, context: Context) -> bool:
        """Look whether the latest revision, which is not ours, was registered on top of one that is."""
        older = range(found.extra - 1, max(0, found.extra - 4), -1)
        reads = (self.read(f"{found.key}:{revision}", context) for revision in older)
        return any(one is not None and context.owner.owns(one.tags or {}) for one in reads)

    def read(self, name: str, context: Context) -> Found | None:
        """Read a revision by family, `family:revision` or ARN."""
        ecs = context.account.client("ecs")
        answer = absent(self, lambda: ecs.describe_task_definition(taskDefinition=name, include=["TAGS"]))
        if not answer or answer["taskDefinition"].get("status") == "INACTIVE":
            return None
        definition, tags = answer["taskDefinition"], tags_from(answer.get("tags"))
        state = {**canonical(definition), "tags": shown_tags(tags)}
        arn = definition["taskDefinitionArn"]
        attributes = {
            "arn": arn,
            "family": definition["family"],
            "name": definition["family"],
            "revision": definition["revision"],
        }
        return Found(
            definition["family"], attributes, state, tags, definition["revision"], arn.rpartition("/")[2]
        )

    def owned(self, context: Context) -> Iterable[Found]:
        """List the families that begin with the stack's name, and keep the ones with our tags."""
        ecs = context.account.client("ecs")
        pages = ecs.get_paginator("list_task_definition_families").paginate(
            familyPrefix=context.owner.stack, status="ACTIVE"
        )
        for family in [family for page in pages for family in page["families"]]:
            found = self.read(family, context)
            if found and context.owner.owns(found.tags or {}):
                yield found

    def create(self, want: Json, context: Context) -> Found:
        """Register a revision; if the one before says the same, somebody was quicker, and that one counts.

        RegisterTaskDefinition has no idempotency token: a call whose answer was lost, and another apply at the same
        time, are both told by looking at the revision before.
        """
        given = {key: value for key, value in want.items() if key != "tags"}
        ecs = context.account.client("ecs")
        answer = ecs.register_task_definition(**given, tags=lower_tag_list(want["tags"]))["taskDefinition"]
        arn, revision = answer["taskDefinitionArn"], answer["revision"]
        before = self.read(f"{want['family']}:{revision - 1}", context) if revision > 1 else None
        if before is not None and before.state == {**want, "tags": shown_tags(want["tags"])}:
            ecs.deregister_task_definition(taskDefinition=arn)
            return before
        attributes = {"arn": arn, "family": want["family"], "name": want["family"], "revision": revision}
        return Found(want["family"], attributes, want, want["tags"], revision, arn.rpartition("/")[2])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Register the next revision; the ones before stay for a rollback. Tags alone need no new one."""
        if changed == {"tags"}:
            self.retag(found, want, context)
            return found
        return self.create(want, context)

    def revisions(self, family: str, context: Context) -> list[str]:
        """List the active revisions of a family, newest first."""
        pages = context.account.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, sort="DESC"
        )
        arns = [arn for arn in pages if arn.rpartition("/")[2].rpartition(":")[0] == family]
        return sorted(arns, key=lambda arn: -int(arn.rpartition(":")[2]))

    def delete(self, found: Found, context: Context) -> None:
        """Deregister every revision of the family."""
        ecs = context.account.client("ecs")
        for arn in self.revisions(found.key, context):
            absent(self, partial(ecs.deregister_task_definition, taskDefinition=arn))


# -- services

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
        filled["networkConfiguration"] = {"awsvpcConfiguration": _awsvpc(network)}
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
    return normal(filled)  # type: ignore[no-any-return]


def _awsvpc(network: Json) -> Json:
    sorted_lists = {
        member: sorted(network[member], key=str)
        for member in ("subnets", "securityGroups")
        if isinstance(network.get(member), (list, tuple)) and not isinstance(network[member], Pending)
    }
    return {"assignPublicIp": "DISABLED", **network, **sorted_lists}


class EcsServiceHandler(_Ecs):
    """Services: found by cluster and name. Their desired count is not written where something scales them."""

    kind = aws.EcsService
    immutable = frozenset({APP_PROTOCOL})
    missing = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Normalise; the tags are set apart."""
        members = {**to_api(resource, resolve), "tags": wanted_tags(resource, context.owner)}
        return service_state(members)

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return service_state(want)

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name in the cluster."""
        if has_pending(want["cluster"]):
            return None
        found = self.read(want["cluster"], [want["serviceName"]], context)
        if not found:
            return None
        deployment = set(want.get("deploymentConfiguration", {}))
        return _only(self._with_protocols(found[0], want, context), want, deployment)

    def _with_protocols(self, found: Found, want: Json, context: Context) -> Found:
        """Read what the revision that runs speaks; a port that is not offered yet is free to speak anything."""
        wanted = want.get(APP_PROTOCOL)
        if not wanted:
            return found
        ecs = context.account.client("ecs")
        revision = found.state["taskDefinition"]
        answer = absent(
            TaskDefinitionHandler(), lambda: ecs.describe_task_definition(taskDefinition=revision)
        )
        running = app_protocols(found.state, answer["taskDefinition"]) if answer else {}
        kept = {name: running.get(name, protocol) for name, protocol in wanted.items()}
        return found._replace(state={**found.state, APP_PROTOCOL: kept})

    def read(self, cluster: str, names: list[str], context: Context) -> list[Found]:
        """Read up to ten services of a cluster; those that were deleted are left out."""
        ecs = context.account.client("ecs")
        answer = absent(
            self, lambda: ecs.describe_services(cluster=cluster, services=names, include=["TAGS"])
        )
        services = answer["services"] if answer else []
        return [self._found(one, cluster) for one in services if one["status"] == "ACTIVE"]

    def owned(self, context: Context) -> Iterable[Found]:
        """List the services of the stack's cluster and of every other one that holds some, by tag."""
        for cluster in _clusters(context):
            arns = absent(self, partial(_service_arns, cluster, context))
            for names in batches(arns or [], 10):
                yield from (
                    one for one in self.read(cluster, names, context) if context.owner.owns(one.tags or {})
                )

    def _found(self, service: Json, cluster: str) -> Found:
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
        return Found(
            (cluster, service["serviceName"]), attributes, state, tags, service, service["serviceName"]
        )

    def is_there(self, error: Exception) -> bool:
        """Tell it from other wrong parameters by the text: AWS has no code for it."""
        return "not idempotent" in str(error)

    def create(self, want: Json, context: Context) -> Found:
        """Start it."""
        given = {key: value for key, value in want.items() if key not in _OURS}
        ecs = context.account.client("ecs")
        service = ecs.create_service(**given, tags=lower_tag_list(want["tags"]))["service"]
        return self._found({**service, "tags": lower_tag_list(want["tags"])}, want["cluster"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
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

    def delete(self, found: Found, context: Context) -> None:
        """Stop its tasks and delete it, and wait until it holds nothing any more."""
        cluster, name = found.key
        ecs = context.account.client("ecs")
        gone(self, lambda: ecs.delete_service(cluster=cluster, service=name, force=True), context)
        for _ in range(120):
            answer = absent(self, lambda: ecs.describe_services(cluster=cluster, services=[name]))
            states = [service["status"] for service in answer["services"]] if answer else []
            if "DRAINING" not in states:
                return
            context.account.sleep(5)
        raise late(
            f"ECS: {name} is deleted, and its tasks still run after ten minutes: their stop_grace_period, or a"
            " target group that drains",
            f"aws ecs describe-services --cluster {cluster} --services {name}",
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


def _service_arns(cluster: str, context: Context) -> list[str]:
    return list(context.account.pages("ecs", "list_services", "serviceArns", cluster=cluster))


_EMPTY: Json = {"loadBalancers": [], "serviceRegistries": [], "volumeConfigurations": [], "capacityProviderStrategy": [],
                "serviceConnectConfiguration": {"enabled": False}}  # fmt: skip
"""How to say that a service is no longer to have something."""


def _clusters(context: Context) -> list[str]:
    """The clusters in which the stack may have something: its own, and those that the compose file names."""
    return list(dict.fromkeys([context.owner.stack, *context.clusters]))


def _only(found: Found, want: Json, deployment: set[str]) -> Found:
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
    return found._replace(state=normal(state))


# -- jobs


class RunTaskHandler(Handler):
    """Jobs: a job has run when its task definition's revision says so, in a tag that is set when the job ended with 0.

    So a job runs again when its task definition changes, when it failed, and on request; never because an apply was
    repeated. A job that was under way when an apply died is found by the tag it was started with, and awaited.
    """

    kind = aws.RunTask
    taggable = False

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """A job is wanted to have run with its task definition."""
        members = to_api(resource, resolve)
        network = members["networkConfiguration"]["awsvpcConfiguration"]
        members["networkConfiguration"] = {"awsvpcConfiguration": _awsvpc(network)}
        return {**normal(members), "ran": True}

    def find(self, want: Json, context: Context) -> Found | None:
        """Read from the tags of the task definition whether the job has run."""
        if has_pending(want["taskDefinition"]):
            return None
        found = TaskDefinitionHandler().read(want["taskDefinition"], context)
        if found is None or RAN_TAG not in (found.tags or {}):
            return None
        attributes = {"arn": found.attributes["arn"]}
        return Found(
            want["taskDefinition"], attributes, dict(want), None, (found.tags or {})[RAN_TAG], found.name
        )

    def owned(self, context: Context) -> Iterable[Found]:
        """Nothing: what has run is not there any more."""
        return ()

    def start(self, want: Json, context: Context, *, again: bool) -> list[str]:
        """Start the job, or give the tasks of it that are under way; `again` when it has ended well before.

        The token holds the whole request: AWS refuses one that comes again with other parameters.
        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
        """
        ecs = context.account.client("ecs")
        definition = want["taskDefinition"]
        family = definition.rpartition("/")[2].rpartition(":")[0]
        given = {"startedBy": STARTED_BY, **{key: value for key, value in want.items() if key != "ran"}}
        ours = [
            task["taskArn"]
            for task in _running(want["cluster"], context, family=family)
            if task["taskDefinitionArn"] == definition and task.get("startedBy") == given["startedBy"]
        ]
        if ours:
            return ours
        found = TaskDefinitionHandler().read(definition, context)
        attempts = (found.tags or {}).get(ATTEMPTS_TAG, "0") if found else "0"
        ran = (found.tags or {}).get(RAN_TAG, "") if found and again else ""
        given["clientToken"] = token(definition, attempts, ran, json.dumps(given, sort_keys=True))
        answer = ecs.run_task(**given)
        return [task["taskArn"] for task in answer["tasks"]] or _nothing_started(answer)

    def ended(self, want: Json, context: Context, *, well: bool, at: str) -> None:
        """Write down that the job has run, or that an attempt failed."""
        ecs, arn = context.account.client("ecs"), want["taskDefinition"]
        if well:
            ecs.tag_resource(resourceArn=arn, tags=[{"key": RAN_TAG, "value": at}])
            return
        found = TaskDefinitionHandler().read(arn, context)
        attempts = int((found.tags or {}).get(ATTEMPTS_TAG, "0")) + 1 if found else 1
        ecs.tag_resource(resourceArn=arn, tags=[{"key": ATTEMPTS_TAG, "value": str(attempts)}])


def _nothing_started(answer: Json) -> list[str]:
    failures = answer.get("failures") or [{}]
    raise JobNotStartedError(str(failures[0].get("reason") or "no reason was given"))


class JobNotStartedError(Exception):
    """ECS took the call and started nothing."""


# -- schedules

MAX_SCHEDULE_NAME = 64
"""Characters: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""


class ScheduleHandler(Handler):
    """Schedules: found by name. They cannot be tagged: one is ours when it runs a task of ours.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_TagResource.html (schedule groups only)
    """

    kind = aws.Schedule
    taggable = False
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ConflictException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Spell it as the scheduler does, with its defaults."""
        return _schedule(to_api(resource, resolve, pascal))

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return _schedule(want)

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name."""
        return self._read(want["Name"], context)

    def _read(self, name: str, context: Context) -> Found | None:
        client = context.account.client("scheduler")
        answer = absent(self, lambda: client.get_schedule(Name=name))
        if not answer:
            return None
        members = (
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "FlexibleTimeWindow",
            "Target",
            "Description",
            "State",
        )
        state = _schedule({member: answer.get(member) for member in members})
        ours = _is_ours(state["Target"].get("EcsParameters", {}).get("TaskDefinitionArn", ""), context)
        return Found(
            name, {"name": name, "arn": answer["Arn"]}, state, context.owner.tags if ours else {}, name=name
        )

    def owned(self, context: Context) -> Iterable[Found]:
        """List the schedules whose name begins with the stack's and that run a task of ours."""
        for one in context.account.pages(
            "scheduler", "list_schedules", "Schedules", NamePrefix=context.owner.beginning(MAX_SCHEDULE_NAME)
        ):
            found = self._read(one["Name"], context)
            if found and found.tags:
                yield found

    def create(self, want: Json, context: Context) -> Found:
        """Make it."""
        answer = context.account.client("scheduler").create_schedule(
            **want, ClientToken=token(want["Name"], json.dumps(want, sort_keys=True))
        )
        return Found(
            want["Name"], {"name": want["Name"], "arn": answer["ScheduleArn"]}, want, context.owner.tags
        )

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Replace the schedule's definition: the API knows no smaller change."""
        context.account.client("scheduler").update_schedule(**want)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete it."""
        client = context.account.client("scheduler")
        gone(self, lambda: client.delete_schedule(Name=found.key), context)


def _schedule(members: Json) -> Json:
    filled = {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", **normal(members)}
    target = {key: value for key, value in filled["Target"].items() if key not in ("RetryPolicy", "Input")}
    parameters = dict(target.get("EcsParameters") or {})
    network = (parameters.get("NetworkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        lists = {
            m: sorted(network[m], key=str)
            for m in ("Subnets", "SecurityGroups")
            if isinstance(network.get(m), list)
        }
        vpc = {"AssignPublicIp": "DISABLED", **network, **lists}
        parameters["NetworkConfiguration"] = {"awsvpcConfiguration": vpc}
    target["EcsParameters"] = {
        key: value
        for key, value in {"TaskCount": 1, **parameters}.items()
        if key not in ("EnableECSManagedTags", "EnableExecuteCommand")
    }
    return normal({**filled, "Target": target})  # type: ignore[no-any-return]


# -- scaling

_SCALING = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


class ScalableTargetHandler(Handler):
    """Scalable targets: found by the service."""

    kind = aws.ScalableTarget
    missing = frozenset({"ObjectNotFoundException", "ResourceNotFoundException", "ValidationException"})
    immutable = frozenset({"ResourceId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Name the service as autoscaling does."""
        return {
            "ResourceId": resolve(resource.service._replace(attribute="resource_id")),
            "MinCapacity": resource.min_capacity,
            "MaxCapacity": resource.max_capacity,
            "tags": dict(context.owner.tags),
        }

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the service."""
        if has_pending(want["ResourceId"]):
            return None
        targets = self._read(context, ResourceIds=[want["ResourceId"]])
        return targets[0] if targets else None

    def _read(self, context: Context, **given: Any) -> list[Found]:
        client = context.account.client("application-autoscaling")
        pages = context.account.pages(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", **_SCALING, **given
        )
        found = []
        for one in pages:
            arn = one.get("ScalableTargetARN")
            tags = client.list_tags_for_resource(ResourceARN=arn)["Tags"] if arn else {}
            state = {member: one[member] for member in ("ResourceId", "MinCapacity", "MaxCapacity")}
            state["tags"] = shown_tags(tags)
            name = one["ResourceId"].rpartition("/")[2]
            found.append(
                Found(
                    one["ResourceId"], {"arn": arn, "resource_id": one["ResourceId"]}, state, tags, name=name
                )
            )
        return found

    def owned(self, context: Context) -> Iterable[Found]:
        """List the targets with our tags."""
        return [one for one in self._read(context) if context.owner.owns(one.tags or {})]

    def create(self, want: Json, context: Context) -> Found:
        """Let autoscaling write the service's desired count."""
        client = context.account.client("application-autoscaling")
        members = {key: value for key, value in want.items() if key != "tags"}
        answer = client.register_scalable_target(**_SCALING, **members, Tags=want["tags"])
        attributes = {"arn": answer.get("ScalableTargetARN"), "resource_id": want["ResourceId"]}
        return Found(want["ResourceId"], attributes, want, want["tags"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change the bounds, and the tags."""
        client = context.account.client("application-autoscaling")
        if changed - {"tags"}:
            client.register_scalable_target(**_SCALING, **{k: v for k, v in want.items() if k != "tags"})
        if "tags" in changed:
            client.tag_resource(ResourceARN=found.attributes["arn"], Tags=want["tags"])
            surplus = surplus_tags(found, want)
            if surplus:
                client.untag_resource(ResourceARN=found.attributes["arn"], TagKeys=surplus)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Leave the desired count to whoever writes it; the policies go too."""
        client = context.account.client("application-autoscaling")
        gone(self, lambda: client.deregister_scalable_target(**_SCALING, ResourceId=found.key), context)


class ScalingPolicyHandler(Handler):
    """Target tracking policies: found by name and service; as much ours as the target."""

    kind = aws.ScalingPolicy
    taggable = False
    missing = ScalableTargetHandler.missing
    immutable = frozenset({"ResourceId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Spell the policy as autoscaling does."""
        metric: Json = {"PredefinedMetricType": resource.metric}
        if resource.target_group is not None:
            metric["ResourceLabel"] = _resource_label(
                resolve(resource.target_group._replace(attribute="arn")), context
            )
        return {
            "PolicyName": resource.policy_name,
            "ResourceId": resolve(resource.scalable_target._replace(attribute="resource_id")),
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(resource.target_value),
                "PredefinedMetricSpecification": metric,
                "ScaleInCooldown": resource.scale_in_cooldown,
                "ScaleOutCooldown": resource.scale_out_cooldown,
            },
        }

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name among the service's policies."""
        if has_pending(want["ResourceId"]):
            return None
        policies = self._read(context, ResourceId=want["ResourceId"])
        return next((one for one in policies if one.name == want["PolicyName"]), None)

    def _read(self, context: Context, **given: Any) -> list[Found]:
        pages = context.account.pages(
            "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", **_SCALING, **given
        )
        found = []
        for one in pages:
            configuration = dict(one.get("TargetTrackingScalingPolicyConfiguration") or {})
            if configuration.get("DisableScaleIn") is False:
                del configuration["DisableScaleIn"]
            if "TargetValue" in configuration:
                configuration["TargetValue"] = float(configuration["TargetValue"])
            state = {
                "PolicyName": one["PolicyName"],
                "ResourceId": one["ResourceId"],
                "TargetTrackingScalingPolicyConfiguration": configuration,
            }
            key = (one["PolicyName"], one["ResourceId"])
            found.append(Found(key, {"arn": one["PolicyARN"]}, normal(state), None, name=one["PolicyName"]))
        return found

    def owned(self, context: Context) -> Iterable[Found]:
        """List the policies of the targets that are ours."""
        for target in ScalableTargetHandler().owned(context):
            yield from self._read(context, ResourceId=target.key)

    def create(self, want: Json, context: Context) -> Found:
        """Write the policy: the API has one call for new and changed ones."""
        client = context.account.client("application-autoscaling")
        answer = client.put_scaling_policy(**_SCALING, **want, PolicyType="TargetTrackingScaling")
        return Found((want["PolicyName"], want["ResourceId"]), {"arn": answer["PolicyARN"]}, want, None)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Write it again."""
        return self.create(want, context)

    def delete(self, found: Found, context: Context) -> None:
        """Delete it."""
        name, resource_id = found.key
        client = context.account.client("application-autoscaling")
        gone(
            self,
            lambda: client.delete_scaling_policy(**_SCALING, PolicyName=name, ResourceId=resource_id),
            context,
        )


def _resource_label(arn: Any, context: Context) -> Any:
    """Name load balancer and target group in one: known once a listener sends requests to the group.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    if isinstance(arn, Pending):
        return arn
    groups = context.account.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    balancers = groups[0]["LoadBalancerArns"]
    if not balancers:
        return Pending("load-balancer", "resource label")
    return f"{balancers[0].partition(':loadbalancer/')[2]}/{arn.rpartition(':')[2]}"
