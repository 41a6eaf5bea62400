"""One-off tasks: starts the task of a job, or of any service with another command, and stays until it has ended."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, translated_errors
from compose2fargate.apply.day_two.aws_names import DeployedService, StateFindingError, log_sources
from compose2fargate.apply.day_two.ecs_reads import live_services, not_deployed, short_arn
from compose2fargate.apply.day_two.log_streams import LogFollower, LogLine
from compose2fargate.apply.day_two.secret_store import hide_value
from compose2fargate.apply.deployment.read_state import read_state, referenced_ids, resolve_link, wanted_state
from compose2fargate.apply.deployment.rollout import (
    RolloutFailure,
    RolloutWaiter,
    explain_job,
    failure_advice,
)
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers.handler import Json, has_pending
from compose2fargate.apply.handlers.job_handlers import STARTED_BY
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler
from compose2fargate.aws.resources import EcsService, RunTask
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.records import NamedTuple

RUN_BY: Final = f"{STARTED_BY}/run"
"""What marks tasks that somebody started by hand; those of `apply` are awaited by a later apply, these are not."""
LAST_LOOKS: Final = 4
"""How often the log is read after the end: what a task writes last takes some seconds to arrive."""


class StartedTask(NamedTuple):
    """A task that was started.

    Attributes:
        place: The job or service that it is of.
        arn: The task's ARN.
        revision: What it runs, `family:revision`.
    """

    place: DeployedService
    arn: str
    revision: str

    @property
    def id(self) -> str:
        """The task's id."""
        return short_arn(self.arn)

    def stop_command(self, region: str) -> str:
        """Give the command that stops it."""
        return f"aws ecs stop-task --region {shlex.quote(region)} --cluster {shlex.quote(self.place.cluster)} --task {self.id}"


class TaskResult(NamedTuple):
    """How a task ended.

    Attributes:
        exit_code: The exit code of the container; None when it has none.
        failure: What is known, where it did not end with 0.
        started: Whether its containers began to run.
    """

    exit_code: int | None
    failure: RolloutFailure | None = None
    started: bool = True


class TaskOverrides(NamedTuple):
    """What to run otherwise than the compose file says.

    Attributes:
        command: Another command; empty for the one of the task definition.
        environment: Variables to add or replace.
    """

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}


def start_task(deployment: Deployment, place: DeployedService, order: TaskOverrides) -> StartedTask:
    """Start a task in the network of its service or job.

    A job runs its newest revision; a service's task the revision that serves, so that it is what the service is.

    Raises:
        FindingError: It is not deployed.
        AwsError: AWS refuses to start it.
    """
    account = deployment.account
    with translated_errors(f"starting {place.service}"):
        revision = _revision(deployment, place)
        request = _request(deployment, place)
        overrides = _overrides(place, order)
        if overrides:
            request["overrides"] = {"containerOverrides": [overrides]}
        request |= {"taskDefinition": revision, "startedBy": RUN_BY, "count": 1}
        answer = _unquoted(account, lambda: account.client("ecs").run_task(**request), order)
    if not answer["tasks"]:
        reason = str((answer.get("failures") or [{}])[0].get("reason") or "no reason was given")
        raise AwsError(
            Diagnostic(
                "C2F486",
                Severity.ERROR,
                f"{place.service} was not started: {reason}",
                hint=failure_advice([reason], place.service),
            )
        )
    return StartedTask(place, answer["tasks"][0]["taskArn"], short_arn(revision))


def _unquoted(account: AwsAccount, call: Callable[[], Any], order: TaskOverrides) -> Any:
    """Call, and see to it that a refusal quotes no value of a variable: it may be a secret."""
    try:
        return call()
    except account.client_error as error:
        for value in order.environment.values():
            hide_value(error.response, value)
        raise


def _revision(deployment: Deployment, place: DeployedService) -> str:
    if not place.job:
        live = live_services(deployment.account, [place]).get(place.service)
        if live is None:
            raise not_deployed(deployment.stack, place.service)
        return str(live["taskDefinition"])
    found = TaskDefinitionHandler().read(place.family, deployment.context)
    if found is None:
        raise not_deployed(deployment.stack, place.service)
    return str(found.attributes["arn"])


def _request(deployment: Deployment, place: DeployedService) -> Json:
    """Give the RunTask input: its own for a job, made from the service for everything else."""
    stack, context = deployment.stack, deployment.context
    job = _job(stack, place)
    found = read_state(_needed(stack, job), context, leftovers=False).found
    want = wanted_state(
        stack, _node(stack, place, RunTask), job, lambda ref: resolve_link(found, ref), context
    )
    if has_pending(want):
        raise not_deployed(stack, place.service)
    return {key: value for key, value in want.items() if key in _GIVEN}


_GIVEN = frozenset(
    {"cluster", "networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion",
     "enableExecuteCommand", "enableECSManagedTags", "propagateTags", "volumeConfigurations"}
)  # fmt: skip


def _node(stack: Stack, place: DeployedService, kind: type[Any]) -> str:
    for node, _ in stack.of_type(kind):
        if stack.origins.get(node, node.partition("/")[2]) == place.service:
            return node
    return ""


def _job(stack: Stack, place: DeployedService) -> RunTask:
    node = _node(stack, place, RunTask)
    if node:
        job: Any = stack.resources[node]
        return job._replace(task_definition=place.family)  # type: ignore[no-any-return]
    service: Any = stack.resources[_node(stack, place, EcsService)]
    return RunTask(
        service.cluster,
        place.family,
        service.network_configuration,
        launch_type=service.launch_type,
        capacity_provider_strategy=service.capacity_provider_strategy,
        enable_execute_command=service.enable_execute_command,
        volume_configurations=service.volume_configurations,
    )


def _needed(stack: Stack, job: RunTask) -> Stack:
    """Leave what a job's network and cluster are found with; nothing else has to be read."""
    seen: dict[str, Any] = {}
    left = list(referenced_ids(job))
    while left:
        node = left.pop()
        if node in stack.resources and node not in seen:
            seen[node] = stack.resources[node]
            left += referenced_ids(stack.resources[node])
    resources = {node: r for node, r in stack.resources.items() if node in seen}
    return stack._replace(resources=resources, after={})


def _overrides(place: DeployedService, order: TaskOverrides) -> Json:
    changed: Json = {}
    if order.command:
        changed["command"] = list(order.command)
    if order.environment:
        changed["environment"] = [{"name": n, "value": v} for n, v in order.environment.items()]
    return {"name": place.container, **changed} if changed else {}


# -- watching


def watch_task(
    deployment: Deployment,
    started: StartedTask,
    *,
    timeout: float,
    tell: Callable[[str], None],
    show: Callable[[Iterable[LogLine]], None],
) -> TaskResult:
    """Wait until a task has ended, handing on what it does and what its containers write.

    Args:
        deployment: Where it runs.
        started: The task.
        timeout: For how many seconds.
        tell: Is called with its state when that changes.
        show: Is called with new lines of its log.

    Raises:
        FindingError: It takes too long.
        AwsError: AWS cannot be asked.
    """
    account, place = deployment.account, started.place
    follower = LogFollower(account, _own(deployment.stack, place), 0, started.id)
    state = [""]

    def look() -> Json | None:
        tasks = account.client("ecs").describe_tasks(cluster=place.cluster, tasks=[started.arn])["tasks"]
        task: Json = tasks[0] if tasks else {"lastStatus": "STOPPED", "stoppedReason": "ECS has forgotten it"}
        if task["lastStatus"] != state[0]:
            state[0] = task["lastStatus"]
            tell(state[0].lower())
        show(follower.poll())
        return task if task["lastStatus"] == "STOPPED" else None

    with translated_errors(f"watching {place.service}"):
        task = RolloutWaiter(account, timeout).until(look)
        if task is None:
            raise StateFindingError(_too_long(started, timeout, account.region))
        _rest(account, follower, show)
        return _ended(account, started, task)


def _own(stack: Stack, place: DeployedService) -> list[Any]:
    task: Any = stack.resources.get(place.definition)
    names = {container.name for container in getattr(task, "container_definitions", ())}
    group = {source.container: source for source in log_sources(stack) if source.container in names}
    return list(group.values())


def _rest(account: AwsAccount, follower: LogFollower, show: Callable[[Iterable[LogLine]], None]) -> None:
    """Read what arrives after the end: the log is sent in batches."""
    for _ in range(LAST_LOOKS):
        account.sleep(1.5)
        show(follower.poll())


def _ended(account: AwsAccount, started: StartedTask, task: Json) -> TaskResult:
    containers = {one["name"]: one for one in task.get("containers", [])}
    code = containers.get(started.place.container, {}).get("exitCode")
    if code == 0:
        return TaskResult(0)
    failure = explain_job(account, started.place.service, [task], ended=True, seconds=0)
    return TaskResult(code, failure, started=task.get("stopCode") != "TaskFailedToStart" and code is not None)


def _too_long(started: StartedTask, timeout: float, region: str) -> Diagnostic:
    return Diagnostic(
        "C2F434",
        Severity.ERROR,
        f"{started.place.service} is still running after {timeout:.0f} seconds; it has not been stopped",
        hint=f"wait longer: --timeout SECONDS; or stop it: {started.stop_command(region)}",
    )


def stop_task(deployment: Deployment, started: StartedTask) -> None:
    """Stop a task."""
    with translated_errors(f"stopping {started.id}"):
        deployment.account.client("ecs").stop_task(
            cluster=started.place.cluster, task=started.arn, reason="stopped by compose2fargate run"
        )
