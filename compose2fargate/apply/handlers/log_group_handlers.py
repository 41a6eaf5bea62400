"""Log groups."""

from __future__ import annotations

from collections.abc import Iterable

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    delete_when_free,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
)
from compose2fargate.apply.handlers.tagged_handler import TaggedHandler
from compose2fargate.aws import resources as aws


class LogGroupHandler(TaggedHandler):
    """Log groups: found by name."""

    kind = aws.LogGroup
    resource_type, name_member = "logs:log-group", "logGroupName"
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ResourceAlreadyExistsException"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        name = want["logGroupName"]
        pages = context.account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        group = next((one for one in pages if one["logGroupName"] == name), None)
        return self._found(group, context) if group else None

    def _found(self, group: Json, context: HandlerContext) -> FoundResource:
        name = group["logGroupName"]
        arn = str(group.get("arn", "")).removesuffix(":*")
        answer = read_or_none(
            self, lambda: context.account.client("logs").list_tags_for_resource(resourceArn=arn)
        )
        tags = dict(answer["tags"]) if answer else {}
        state = {
            "logGroupName": name,
            "retentionInDays": group.get("retentionInDays"),
            "tags": shown_tags(tags),
        }
        return FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, name=name)

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the log groups below the stack's name, and those with our tags of any other name."""
        groups = context.account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="/ecs/")
        named = {g["logGroupName"]: g for g in groups if context.owner.stack in g["logGroupName"]}
        return self.ours(named, context)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it, and set how long it keeps."""
        logs = context.account.client("logs")
        logs.create_log_group(logGroupName=want["logGroupName"], tags=want["tags"])
        logs.put_retention_policy(logGroupName=want["logGroupName"], retentionInDays=want["retentionInDays"])
        return self.finish(want, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change how long it keeps, and its tags."""
        logs = context.account.client("logs")
        if "retentionInDays" in changed:
            logs.put_retention_policy(logGroupName=found.key, retentionInDays=want["retentionInDays"])
        if "tags" in changed:
            logs.tag_resource(resourceArn=found.attributes["arn"], tags=want["tags"])
            surplus = surplus_tags(found, want)
            if surplus:
                logs.untag_resource(resourceArn=found.attributes["arn"], tagKeys=surplus)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it with what it holds."""
        logs = context.account.client("logs")
        delete_when_free(self, lambda: logs.delete_log_group(logGroupName=found.key), context)
