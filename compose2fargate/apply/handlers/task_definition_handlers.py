"""Task definitions: one form for what is wanted and what ECS answers, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    by_key,
    lower_tag_list,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tags_from,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, to_api


class EcsHandler(Handler):
    """What the types of ECS have in common: tags in lower case, by ARN."""

    def retag(self, found: FoundResource, want: Json, context: HandlerContext) -> None:
        """Bring the tags to what is wanted."""
        ecs = context.account.client("ecs")
        arn = found.attributes["arn"]
        ecs.tag_resource(resourceArn=arn, tags=lower_tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            ecs.untag_resource(resourceArn=arn, tagKeys=surplus)


def is_own_definition(definition: str, context: HandlerContext) -> bool:
    """Tell by its tags whether a task definition is the stack's, retired ones too: tasks and schedules carry none of ours.

    The family alone says too little: `shop-admin-job` may be a job of the project shop-admin or of shop's environment admin.
    """
    name = definition.rpartition("/")[2]
    if not name.startswith(context.owner.stack):
        return False  # without a call
    ecs = context.account.client("ecs")
    handler = TaskDefinitionHandler()
    answer = read_or_none(
        handler, lambda: ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    )
    return answer is not None and context.owner.owns(tags_from(answer.get("tags")))


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


def canonical_task_definition(definition: Json) -> Json:
    """Normalise a task definition: what AWS fills in is filled in, and lists without an order are sorted."""
    kept = {key: value for key, value in definition.items() if key not in _OUTPUT_ONLY and key != "tags"}
    kept["containerDefinitions"] = [_container(one) for one in kept.get("containerDefinitions", [])]
    kept["volumes"] = sorted((_volume(one) for one in kept.get("volumes") or []), key=by_key("name"))
    # ECS takes a role by name too, and answers with what it was given.
    return normalise_state(kept)  # type: ignore[no-any-return]


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


class TaskDefinitionHandler(EcsHandler):
    """Task definitions: found by family, the latest active revision; any difference makes a new revision."""

    kind = aws.TaskDefinition
    missing = frozenset({"ClientException", "InvalidParameterException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Normalise as the API's answer is."""
        return {
            **canonical_task_definition(to_api(resource, resolve)),
            "tags": wanted_tags(resource, context.owner),
        }

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return {**canonical_task_definition(want), "tags": want["tags"]}

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Read the latest active revision; a family is ours when one of its revisions is."""
        found = self.read(want["family"], context)
        if found is None or context.owner.owns(found.tags or {}) or not self._has_ours(found, context):
            return found
        return found._replace(tags={**(found.tags or {}), **context.owner.tags})

    def _has_ours(self, found: FoundResource, context: HandlerContext) -> bool:
        """Look whether the latest revision, which is not ours, was registered on top of one that is."""
        older = range(found.extra - 1, max(0, found.extra - 4), -1)
        reads = (self.read(f"{found.key}:{revision}", context) for revision in older)
        return any(one is not None and context.owner.owns(one.tags or {}) for one in reads)

    def read(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Read a revision by family, `family:revision` or ARN."""
        ecs = context.account.client("ecs")
        answer = read_or_none(
            self, lambda: ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
        )
        if not answer or answer["taskDefinition"].get("status") == "INACTIVE":
            return None
        definition, tags = answer["taskDefinition"], tags_from(answer.get("tags"))
        state = {**canonical_task_definition(definition), "tags": shown_tags(tags)}
        arn = definition["taskDefinitionArn"]
        attributes = {
            "arn": arn,
            "family": definition["family"],
            "name": definition["family"],
            "revision": definition["revision"],
        }
        return FoundResource(
            definition["family"], attributes, state, tags, definition["revision"], arn.rpartition("/")[2]
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the families that begin with the stack's name, and keep the ones with our tags."""
        ecs = context.account.client("ecs")
        pages = ecs.get_paginator("list_task_definition_families").paginate(
            familyPrefix=context.owner.stack, status="ACTIVE"
        )
        for family in [family for page in pages for family in page["families"]]:
            found = self.read(family, context)
            if found and context.owner.owns(found.tags or {}):
                yield found

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
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
        return FoundResource(want["family"], attributes, want, want["tags"], revision, arn.rpartition("/")[2])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Register the next revision; the ones before stay for a rollback. Tags alone need no new one."""
        if changed == {"tags"}:
            self.retag(found, want, context)
            return found
        return self.create(want, context)

    def revisions(self, family: str, context: HandlerContext) -> list[str]:
        """List the active revisions of a family, newest first."""
        pages = context.account.pages(
            "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, sort="DESC"
        )
        arns = [arn for arn in pages if arn.rpartition("/")[2].rpartition(":")[0] == family]
        return sorted(arns, key=lambda arn: -int(arn.rpartition(":")[2]))

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Deregister every revision of the family."""
        ecs = context.account.client("ecs")
        for arn in self.revisions(found.key, context):
            read_or_none(self, partial(ecs.deregister_task_definition, taskDefinition=arn))
