"""Jobs, which run once, and the schedules that start them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from compose2fargate.apply.handlers.cluster_handlers import running_tasks
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    has_pending,
    idempotency_token,
    normalise_state,
    read_or_none,
)
from compose2fargate.apply.handlers.service_handlers import normalise_awsvpc
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler, is_own_definition
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, pascal_case, to_api
from compose2fargate.aws.ownership import ATTEMPTS_TAG, RAN_TAG

STARTED_BY = "compose2fargate"


class RunTaskHandler(Handler):
    """Jobs: a job has run when its task definition's revision says so, in a tag that is set when the job ended with 0.

    So a job runs again when its task definition changes, when it failed, and on request; never because an apply was
    repeated. A job that was under way when an apply died is found by the tag it was started with, and awaited.
    """

    kind = aws.RunTask
    taggable = False

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """A job is wanted to have run with its task definition."""
        members = to_api(resource, resolve)
        network = members["networkConfiguration"]["awsvpcConfiguration"]
        members["networkConfiguration"] = {"awsvpcConfiguration": normalise_awsvpc(network)}
        return {**normalise_state(members), "ran": True}

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Read from the tags of the task definition whether the job has run."""
        if has_pending(want["taskDefinition"]):
            return None
        found = TaskDefinitionHandler().read(want["taskDefinition"], context)
        if found is None or RAN_TAG not in (found.tags or {}):
            return None
        attributes = {"arn": found.attributes["arn"]}
        return FoundResource(
            want["taskDefinition"], attributes, dict(want), None, (found.tags or {})[RAN_TAG], found.name
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """Nothing: what has run is not there any more."""
        return ()

    def start(self, want: Json, context: HandlerContext, *, again: bool) -> list[str]:
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
            for task in running_tasks(want["cluster"], context, family=family)
            if task["taskDefinitionArn"] == definition and task.get("startedBy") == given["startedBy"]
        ]
        if ours:
            return ours
        found = TaskDefinitionHandler().read(definition, context)
        attempts = (found.tags or {}).get(ATTEMPTS_TAG, "0") if found else "0"
        ran = (found.tags or {}).get(RAN_TAG, "") if found and again else ""
        given["clientToken"] = idempotency_token(definition, attempts, ran, json.dumps(given, sort_keys=True))
        answer = ecs.run_task(**given)
        return [task["taskArn"] for task in answer["tasks"]] or _nothing_started(answer)

    def ended(self, want: Json, context: HandlerContext, *, well: bool, at: str) -> None:
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


class ScheduleHandler(Handler):
    """Schedules: found by name. They cannot be tagged: one is ours when it runs a task of ours.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_TagResource.html (schedule groups only)
    """

    kind = aws.Schedule
    taggable = False
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ConflictException"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Spell it as the scheduler does, with its defaults."""
        return _schedule(to_api(resource, resolve, pascal_case))

    def normalise(self, want: Json) -> Json:
        """Normalise again."""
        return _schedule(want)

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return self._read(want["Name"], context)

    def _read(self, name: str, context: HandlerContext) -> FoundResource | None:
        client = context.account.client("scheduler")
        answer = read_or_none(self, lambda: client.get_schedule(Name=name))
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
        ours = is_own_definition(
            state["Target"].get("EcsParameters", {}).get("TaskDefinitionArn", ""), context
        )
        return FoundResource(
            name, {"name": name, "arn": answer["Arn"]}, state, context.owner.tags if ours else {}, name=name
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the schedules whose name begins with the stack's and that run a task of ours."""
        for one in context.account.pages(
            "scheduler", "list_schedules", "Schedules", NamePrefix=context.owner.beginning
        ):
            found = self._read(one["Name"], context)
            if found and found.tags:
                yield found

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it."""
        answer = context.account.client("scheduler").create_schedule(
            **want, ClientToken=idempotency_token(want["Name"], json.dumps(want, sort_keys=True))
        )
        return FoundResource(
            want["Name"], {"name": want["Name"], "arn": answer["ScheduleArn"]}, want, context.owner.tags
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Replace the schedule's definition: the API knows no smaller change."""
        context.account.client("scheduler").update_schedule(**want)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        client = context.account.client("scheduler")
        delete_when_free(self, lambda: client.delete_schedule(Name=found.key), context)


def _schedule(members: Json) -> Json:
    filled = {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", **normalise_state(members)}
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
    return normalise_state({**filled, "Target": target})  # type: ignore[no-any-return]
