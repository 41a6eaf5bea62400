"""The ECS cluster, and the tasks that run in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    batches,
    by_key,
    delete_when_free,
    lower_tag_list,
    normalise_state,
    read_or_none,
    shown_tags,
    tags_from,
)
from compose2fargate.apply.handlers.task_definition_handlers import EcsHandler, is_own_definition
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref

CLUSTER_NOT_FOUND = frozenset({"ClusterNotFoundException"})


class ClusterHandler(EcsHandler):
    """The cluster: found by name."""

    kind = aws.Cluster
    missing = CLUSTER_NOT_FOUND

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Sort what has no order; Container Insights is off where nothing is said."""
        members = super().want(resource, resolve, context)
        members["settings"] = sorted(members.get("settings") or [], key=by_key("name"))
        members["capacityProviders"] = sorted(members.get("capacityProviders") or [])
        return normalise_state(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name; an inactive cluster is none."""
        answer = context.account.client("ecs").describe_clusters(
            clusters=[want["clusterName"]], include=["TAGS", "SETTINGS"]
        )
        active = [cluster for cluster in answer["clusters"] if cluster["status"] == "ACTIVE"]
        return self._found(active[0], {one["name"] for one in want.get("settings", [])}) if active else None

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """Look at the cluster that has the stack's name."""
        found = self.find({"clusterName": context.owner.stack}, context)
        return [found] if found and context.owner.owns(found.tags or {}) else []

    def _found(self, cluster: Json, compared: set[str]) -> FoundResource:
        tags = tags_from(cluster.get("tags"))
        settings = [one for one in cluster.get("settings") or [] if one["name"] in compared]
        state = {
            "clusterName": cluster["clusterName"],
            "settings": sorted(settings, key=by_key("name")),
            "capacityProviders": sorted(cluster.get("capacityProviders") or []),
            "tags": shown_tags(tags),
        }
        attributes = {"name": cluster["clusterName"], "arn": cluster["clusterArn"]}
        return FoundResource(
            cluster["clusterName"], attributes, normalise_state(state), tags, name=cluster["clusterName"]
        )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it."""
        given = {key: want[key] for key in ("clusterName", "settings", "capacityProviders") if key in want}
        ecs = context.account.client("ecs")
        answer = ecs.create_cluster(**given, tags=lower_tag_list(want["tags"]))
        return self._found(answer["cluster"], set())

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
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

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Stop what jobs and schedules of ours still run in it, then delete it; tasks of others are left alone."""
        ecs = context.account.client("ecs")
        for task in read_or_none(self, partial(running_tasks, found.key, context)) or []:
            if is_own_definition(task["taskDefinitionArn"], context):
                ecs.stop_task(cluster=found.key, task=task["taskArn"], reason="the cluster is being deleted")
        delete_when_free(self, lambda: ecs.delete_cluster(cluster=found.key), context)


def running_tasks(cluster: str, context: HandlerContext, **which: str) -> list[Json]:
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
