"""One-off tasks: starts the task of a job, or of any service with another command, and stays until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from compose2fargate.apply.account import Account, translated
from compose2fargate.apply.calling import live_services, not_deployed, short
from compose2fargate.apply.deploy import Deployment
from compose2fargate.apply.handlers.core import Json, has_pending
from compose2fargate.apply.handlers.ecs import STARTED_BY, TaskDefinitionHandler
from compose2fargate.apply.logs import Follower, Line
from compose2fargate.apply.observe import known, observe, references, wanted
from compose2fargate.apply.places import FindingError, Place, sources
from compose2fargate.apply.secret_store import hide
from compose2fargate.apply.waiting import Failure, Waiter, advice, explain_job
from compose2fargate.aws.resources import EcsService, RunTask
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

RUN_BY: Final = f"{STARTED_BY}/run"
"""What marks tasks that somebody started by hand; those of `apply` are awaited by a later apply, these are not."""
LAST_LOOKS: Final = 4
"""How often the log is read after the end: what a task writes last takes some seconds to arrive."""


class Started(NamedTuple):
    """A task that was started.

    Attributes:
        place: The job or service that it is of.
        arn: The task's ARN.
        revision: What it runs, `family:revision`.
    """

    place: Place
    arn: str
    revision: str

    @property
    def id(self) -> str:
        """The task's id."""
        return short(self.arn)

    def stop_command(self, region: str) -> str:
        """Give the command that stops it."""
        return f"aws ecs stop-task --region {region} --cluster {self.place.cluster} --task {self.id}"


class Ended(NamedTuple):
    """How a task ended.

    Attributes:
        exit_code: The exit code of the container; None when it has none.
        failure: What is known, where it did not end with 0.
        started: Whether its containers began to run.
    """

    exit_code: int | None
    failure: Failure | None = None
    started: bool = True


class Order(NamedTuple):
    """What to run otherwise than the compose file says.

    Attributes:
        command: Another command; empty for the one of the task definition.
        environment: Variables to add or replace.
    """

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}


def start(deployment: Deployment, place: Place, order: Order) -> Started:
    """Start a task in the network of its service or job.

    A job runs its newest revision; a service's task the revision that serves, so that it is what the service is.

    Raises:
        FindingError: It is not deployed.
        AwsError: AWS refuses to start it.
    """
    account = deployment.account
    with translated(f"starting {place.service}"):
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
                hint=advice([reason], place.service),
            )
        )
    return Started(place, answer["tasks"][0]["taskArn"], short(revision))


def _unquoted(account: Account, call: Callable[[], Any], order: Order) -> Any:
    """Call, and see to it that a refusal quotes no value of a variable: it may be a secret."""
    try:
        return call()
    except account.client_error as error:
        for value in order.environment.values():
            hide(error.response, value)
        raise


def _revision(deployment: Deployment, place: Place) -> str:
    if not place.job:
        live = live_services(deployment.account, [place]).get(place.service)
        if live is None:
            raise not_deployed(deployment.stack, place.service)
        return str(live["taskDefinition"])
    found = TaskDefinitionHandler().read(place.family, deployment.context)
    if found is None:
        raise not_deployed(deployment.stack, place.service)
    return str(found.attributes["arn"])


def _request(deployment: Deployment, place: Place) -> Json:
    """Give the RunTask input: its own for a job, made from the service for everything else."""
    stack, context = deployment.stack, deployment.context
    job = _job(stack, place)
    found = observe(_needed(stack, job), context, leftovers=False).found
    want = wanted(stack, _node(stack, place, RunTask), job, lambda ref: known(found, ref), context)
    if has_pending(want):
        raise not_deployed(stack, place.service)
    return {key: value for key, value in want.items() if key in _GIVEN}


_GIVEN = frozenset(
    {"cluster", "networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion",
     "enableExecuteCommand", "enableECSManagedTags", "propagateTags", "volumeConfigurations"}
)  # fmt: skip


def _node(stack: Stack, place: Place, kind: type[Any]) -> str:
    for node, _ in stack.of_type(kind):
        if stack.origins.get(node, node.partition("/")[2]) == place.service:
            return node
    return ""


def _job(stack: Stack, place: Place) -> RunTask:
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
    left = list(references(job))
    while left:
        node = left.pop()
        if node in stack.resources and node not in seen:
            seen[node] = stack.resources[node]
            left += references(stack.resources[node])
    resources = {node: r for node, r in stack.resources.items() if node in seen}
    return stack._replace(resources=resources, after={})


def _overrides(place: Place, order: Order) -> Json:
    changed: Json = {}
    if order.command:
        changed["command"] = list(order.command)
    if order.environment:
        changed["environment"] = [{"name": n, "value": v} for n, v in order.environment.items()]
    return {"name": place.container, **changed} if changed else {}


# -- watching


def watch(
    deployment: Deployment,
    started: Started,
    *,
    timeout: float,
    tell: Callable[[str], None],
    show: Callable[[Iterable[Line]], None],
) -> Ended:
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
    follower = Follower(account, _own(deployment.stack, place), 0, started.id)
    state = [""]
    last: list[Json] = [{}]

    def look() -> Json | None:
        tasks = account.client("ecs").describe_tasks(cluster=place.cluster, tasks=[started.arn])["tasks"]
        task: Json = tasks[0] if tasks else {"lastStatus": "STOPPED", "stoppedReason": "ECS has forgotten it"}
        last[0] = task
        if task["lastStatus"] != state[0]:
            state[0] = task["lastStatus"]
            tell(state[0].lower())
        show(follower.poll())
        return task if task["lastStatus"] == "STOPPED" else None

    with translated(f"watching {place.service}"):
        task = Waiter(account, timeout).until(look)
        if task is None:
            raise FindingError(_too_long(started, timeout, account.region))
        _rest(account, follower, show)
        return _ended(account, started, task)


def _own(stack: Stack, place: Place) -> list[Any]:
    task: Any = stack.resources.get(place.definition)
    names = {container.name for container in getattr(task, "container_definitions", ())}
    group = {source.container: source for source in sources(stack) if source.container in names}
    return list(group.values())


def _rest(account: Account, follower: Follower, show: Callable[[Iterable[Line]], None]) -> None:
    """Read what arrives after the end: the log is sent in batches."""
    for _ in range(LAST_LOOKS):
        account.sleep(1.5)
        show(follower.poll())


def _ended(account: Account, started: Started, task: Json) -> Ended:
    containers = {one["name"]: one for one in task.get("containers", [])}
    code = containers.get(started.place.container, {}).get("exitCode")
    if code == 0:
        return Ended(0)
    failure = explain_job(account, started.place.service, [task], ended=True, seconds=0)
    return Ended(code, failure, started=task.get("stopCode") != "TaskFailedToStart" and code is not None)


def _too_long(started: Started, timeout: float, region: str) -> Diagnostic:
    return Diagnostic(
        "C2F434",
        Severity.ERROR,
        f"{started.place.service} still runs after {timeout:.0f} seconds, and goes on",
        hint=f"--timeout SECONDS waits longer; {started.stop_command(region)} stops it",
    )


def stop(deployment: Deployment, started: Started) -> None:
    """Stop a task."""
    with translated(f"stopping {started.id}"):
        deployment.account.client("ecs").stop_task(
            cluster=started.place.cluster, task=started.arn, reason="stopped by compose2fargate run"
        )
