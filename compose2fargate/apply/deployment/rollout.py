"""Waits until services are steady and jobs have ended, and explains why they do not."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, StoppedError
from compose2fargate.apply.handlers.handler import Json
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.records import NamedTuple

LOG_LINES: Final = 20
EVENTS: Final = 5
POLL_SECONDS: Final = 5.0

Report = Callable[[str], None]
"""Called with a short text on how far it is."""


class RolloutFailure(NamedTuple):
    """Why a service did not get steady, or a job did not end with 0.

    Attributes:
        about: The service or job.
        diagnostic: The finding: what happened, and what to do.
        details: What AWS knows: tasks, exit codes, health checks, targets, events; a line each.
        log: The last lines of the container that failed.
        exit_code: The container's exit code; None where there is none.
    """

    about: str
    diagnostic: Diagnostic
    details: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    exit_code: int | None = None


class RolloutFailedError(Exception):
    """Carries a `RolloutFailure` out of a thread."""

    def __init__(self, failure: RolloutFailure) -> None:
        self.failure = failure
        super().__init__(failure.diagnostic.message)


class RolloutWaiter(NamedTuple):
    """How long is waited, and what ends it early."""

    account: AwsAccount
    seconds: float = 1200.0
    stop: threading.Event = threading.Event()
    clock: Callable[[], float] = time.monotonic

    def until(self, look: Callable[[], Any]) -> Any:
        """Call `look` again and again until it gives something; None when the time is over.

        Raises:
            StoppedError: The user interrupted.
        """
        end = self.clock() + self.seconds
        pause = 1.0
        while True:
            seen = look()
            if seen is not None:
                return seen
            if self.clock() >= end:
                return None
            if self.stop.wait(pause * self.account.pause):
                raise StoppedError
            pause = min(pause + 1, POLL_SECONDS)


# -- services


def wait_for_service(waiter: RolloutWaiter, cluster: str, name: str, definition: str, report: Report) -> None:
    """Wait until a service runs `definition` steadily.

    Raises:
        FailedError: The deployment failed, was rolled back, or takes too long.
    """
    ecs = waiter.account.client("ecs")
    last: list[Json] = [{}]

    def look() -> str | None:
        service = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
        last[0] = service
        report(_progress_of(service))
        return _rollout_verdict(service, definition)

    found = waiter.until(look)
    if found == STEADY:
        return
    raise RolloutFailedError(
        _explain_service(waiter.account, cluster, last[0], definition, found or TIMED_OUT, waiter.seconds)
    )


STEADY, FAILED, ROLLED_BACK, GIVEN_UP, TIMED_OUT = "steady", "failed", "rolled back", "given up", "timed out"
FAILURES_TO_GIVE_UP = 3


def _progress_of(service: Json) -> str:
    """Say how far a service is: `1/2 running, 1 starting`."""
    deployment = primary_deployment(service)
    text = f"{deployment.get('runningCount', 0)}/{deployment.get('desiredCount', service['desiredCount'])} running"
    if deployment.get("pendingCount"):
        text += f", {deployment['pendingCount']} starting"
    if deployment.get("failedTasks"):
        text += f", {deployment['failedTasks']} failed"
    return text


def primary_deployment(service: Json) -> Json:
    """Give the deployment that is to serve in the end."""
    return next((one for one in service.get("deployments", []) if one["status"] == "PRIMARY"), {})


def _rollout_verdict(service: Json, definition: str) -> str | None:
    """Tell what became of a deployment of `definition`; None while that is open."""
    deployment = primary_deployment(service)
    if service["status"] != "ACTIVE":
        return FAILED
    if deployment.get("taskDefinition") != definition:
        return ROLLED_BACK
    if deployment.get("rolloutState") == "FAILED":
        return FAILED
    running = deployment.get("runningCount") == deployment.get("desiredCount") == service["desiredCount"]
    settled = deployment.get("rolloutState", "COMPLETED") == "COMPLETED" and len(service["deployments"]) == 1
    if running and settled:
        return STEADY
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    hopeless = deployment.get("failedTasks", 0) >= FAILURES_TO_GIVE_UP and not deployment.get("runningCount")
    return GIVEN_UP if hopeless and not breaker.get("enable") else None


def _explain_service(
    account: AwsAccount, cluster: str, service: Json, definition: str, why: str, seconds: float
) -> RolloutFailure:
    """Collect what AWS knows about a deployment that failed."""
    name = service["serviceName"]
    tasks = _stopped_tasks(account, cluster, definition, serviceName=name)
    told = [line for task in tasks[:2] for line in _tell_task(account, task)]
    targets = _target_lines(account, service)
    events = [f"event: {event['message']}" for event in service.get("events", [])[:EVENTS]]
    reason = _reason(tasks) or next((line for line in targets), "") or (events[0] if events else "")
    serving = _revision_name(primary_deployment(service).get("taskDefinition", ""))
    message = {
        ROLLED_BACK: f"{name}: {_revision_name(definition)} failed, and ECS rolled back to {serving}",
        FAILED: f"{name}: {_revision_name(definition)} failed, and there was nothing to roll back to",
        GIVEN_UP: f"{name}: tasks of {_revision_name(definition)} keep stopping; ECS keeps starting new ones",
        TIMED_OUT: f"{name} is not steady after {seconds:.0f} seconds; ECS keeps trying",
    }[why]
    code = {ROLLED_BACK: "C2F430", FAILED: "C2F431", GIVEN_UP: "C2F431", TIMED_OUT: "C2F432"}[why]
    diagnostic = Diagnostic(
        code,
        Severity.ERROR,
        f"{message}{f': {reason}' if reason else ''}",
        hint=failure_advice([reason, *told, *targets, *events], name),
    )
    log = tuple(_log_of_failure(account, tasks))
    return RolloutFailure(
        name, diagnostic, tuple(dict.fromkeys([*told, *targets, *events])), log, _exit_code(tasks)
    )


def _revision_name(arn: str) -> str:
    """Name a task definition's revision without the account: `shop-web:3`."""
    return arn.rpartition("/")[2]


def _stopped_tasks(account: AwsAccount, cluster: str, definition: str, **which: str) -> list[Json]:
    """Give the tasks of a definition that stopped, newest first; ECS remembers them for an hour."""
    ecs = account.client("ecs")
    arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED", **which)["taskArns"][:100]
    tasks: list[Json] = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    ours = [task for task in tasks if task["taskDefinitionArn"] == definition and _is_failure(task)]
    return sorted(ours, key=_stopped_at, reverse=True)


def _is_failure(task: Json) -> bool:
    return "Scaling activity" not in task.get("stoppedReason", "")


def _stopped_at(task: Json) -> datetime:
    at: datetime = task.get("stoppedAt") or task.get("createdAt") or datetime.fromtimestamp(0, timezone.utc)
    return at


def _tell_task(account: AwsAccount, task: Json) -> list[str]:
    """Tell how a task ended: its reason, each container's exit code and reason, and the health check that failed."""
    lines = [f"task {task['taskArn'].rpartition('/')[2][:12]}: {task.get('stoppedReason') or 'stopped'}"]
    for container in task.get("containers", []):
        parts = []
        if container.get("exitCode") is not None:
            parts.append(f"exit code {container['exitCode']}{_meaning(container['exitCode'])}")
        if container.get("reason"):
            parts.append(container["reason"])
        if container.get("healthStatus") == "UNHEALTHY":
            parts.append(f"unhealthy: {_health_command(account, task, container['name'])}")
        if parts and not _ended_well(container):
            lines.append(f"container {container['name']}: {', '.join(parts)}")
    return lines


def _ended_well(container: Json) -> bool:
    return (
        container.get("exitCode") == 0
        and not container.get("reason")
        and container.get("healthStatus") != "UNHEALTHY"
    )


_EXIT_CODES: Mapping[int, str] = {
    126: " (the command cannot be executed)",
    127: " (the command was not found)",
    137: " (killed: out of memory, or it did not stop in time)",
    139: " (it crashed)",
    143: " (it was told to stop)",
}


def _meaning(code: int) -> str:
    return _EXIT_CODES.get(code, "")


def _health_command(account: AwsAccount, task: Json, container: str) -> str:
    for definition in _containers(account, task):
        if definition["name"] == container:
            return " ".join((definition.get("healthCheck") or {}).get("command", []))
    return ""


def _containers(account: AwsAccount, task: Json) -> list[Json]:
    arn = task["taskDefinitionArn"]
    ecs = account.client("ecs")
    definition = account.once(("definition", arn), lambda: ecs.describe_task_definition(taskDefinition=arn))
    containers: list[Json] = definition["taskDefinition"]["containerDefinitions"]
    return containers


def _target_lines(account: AwsAccount, service: Json) -> list[str]:
    lines = []
    for balancer in service.get("loadBalancers") or []:
        arn = balancer.get("targetGroupArn")
        if not arn:
            continue
        health = account.client("elbv2").describe_target_health(TargetGroupArn=arn)[
            "TargetHealthDescriptions"
        ]
        for one in health:
            state = one["TargetHealth"]
            if state["State"] in ("unhealthy", "unused"):
                target = f"{one['Target']['Id']}:{one['Target'].get('Port', '')}"
                why = state.get("Description") or state.get("Reason") or ""
                lines.append(f"target {target} is {state['State']}: {why}".rstrip(": "))
    return list(dict.fromkeys(lines))[:4]


def _reason(tasks: list[Json]) -> str:
    """Give the reason that says most: a container's own, its exit code, or the task's."""
    for task in tasks:
        broken = [c for c in task.get("containers", []) if not _ended_well(c)]
        for container in broken:
            if container.get("reason"):
                return f"container {container['name']}: {container['reason']}"
        specific = task.get("stoppedReason", "")
        if specific and not specific.startswith("Essential container"):
            return str(specific)
        for container in broken:
            if container.get("exitCode") is not None:
                return f"container {container['name']} ended with exit code {container['exitCode']}{_meaning(container['exitCode'])}"
        if specific:
            return str(specific)
    return ""


def _exit_code(tasks: list[Json]) -> int | None:
    for task in tasks:
        for container in task.get("containers", []):
            if container.get("exitCode") not in (None, 0):
                return int(container["exitCode"])
    return None


# -- logs


def _log_of_failure(account: AwsAccount, tasks: list[Json]) -> list[str]:
    for task in tasks[:2]:
        broken = [c["name"] for c in task.get("containers", []) if not _ended_well(c)]
        for name in broken or [c["name"] for c in task.get("containers", [])]:
            lines = _last_lines(account, task, name)
            if lines:
                return [f"{name}: {line}" for line in lines]
    return []


def _last_lines(account: AwsAccount, task: Json, container: str, limit: int = LOG_LINES) -> list[str]:
    """Read the last lines that a container wrote to CloudWatch; none when it writes elsewhere, or wrote nothing."""
    place = _log_stream(account, task, container)
    if place is None:
        return []
    group, stream = place
    logs = account.client("logs")
    try:
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream, limit=limit, startFromHead=False
        )["events"]
    except account.client_error:
        return []
    return [str(event["message"]).rstrip("\n") for event in events]


def _log_stream(account: AwsAccount, task: Json, container: str) -> tuple[str, str] | None:
    """Give the log group and stream of a task's container.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html: PREFIX/CONTAINER/TASK
    """
    for definition in _containers(account, task):
        configuration = definition.get("logConfiguration") or {}
        options = configuration.get("options") or {}
        if definition["name"] == container and configuration.get("logDriver") == "awslogs":
            prefix = options.get("awslogs-stream-prefix", "")
            return options.get(
                "awslogs-group", ""
            ), f"{prefix}/{container}/{task['taskArn'].rpartition('/')[2]}"
    return None


# -- jobs


def wait_for_job(waiter: RolloutWaiter, cluster: str, name: str, tasks: list[str], report: Report) -> None:
    """Wait until a job's tasks have stopped.

    Raises:
        FailedError: One of them did not end with 0, or they take too long.
    """
    ecs = waiter.account.client("ecs")
    last: list[Json] = []

    def look() -> bool | None:
        last[:] = ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]
        report(", ".join(sorted({task["lastStatus"].lower() for task in last})))
        return True if all(task["lastStatus"] == "STOPPED" for task in last) else None

    ended = waiter.until(look)
    failed = [task for task in last if not _job_ended_well(task)]
    if ended is None or failed:
        raise RolloutFailedError(
            explain_job(waiter.account, name, failed, ended=ended is not None, seconds=waiter.seconds)
        )


def _job_ended_well(task: Json) -> bool:
    """Tell whether all containers of a task ended with 0; one that never started ended badly."""
    codes = [container.get("exitCode") for container in task.get("containers", [])]
    if task.get("stopCode") == "TaskFailedToStart":
        return False
    return (
        task["lastStatus"] == "STOPPED"
        and bool(codes)
        and all(code == 0 for code in codes if code is not None)
        and None not in codes[-1:]
    )


def explain_job(
    account: AwsAccount, name: str, tasks: list[Json], *, ended: bool, seconds: float
) -> RolloutFailure:
    """Collect what AWS knows about a job that failed."""
    told = [line for task in tasks[:2] for line in _tell_task(account, task)]
    reason = _reason(tasks)
    if ended:
        message, code = f"job {name} failed{f': {reason}' if reason else ''}", "C2F433"
    else:
        message, code = f"job {name} is still running after {seconds:.0f} seconds", "C2F434"
    hint = (
        failure_advice([reason, *told], name)
        if ended
        else "wait longer: --timeout SECONDS; or run the command again, which waits for the same task"
    )
    diagnostic = Diagnostic(code, Severity.ERROR, message, hint=hint)
    return RolloutFailure(
        name, diagnostic, tuple(told), tuple(_log_of_failure(account, tasks)), _exit_code(tasks)
    )


# -- what to do

_ADVICE: tuple[tuple[str, str], ...] = (
    (r"CannotPullContainerError.*(no space|toomanyrequests|429)", "the registry limits anonymous pulls: copy the image to ECR, or set credentials with x-fargate.pull_credentials"),
    (r"CannotPullContainerError.*\.dkr\.ecr\..*(not found|manifest unknown|does not exist)", "push the image: compose2fargate push {name}; or correct image: in the compose file"),
    (r"CannotPullContainerError.*(not found|manifest unknown|does not exist|denied|unauthorized|authorization)",
     "the image is misspelt, or private: correct image: in the compose file, or give credentials with x-fargate.pull_credentials; docker manifest inspect IMAGE tells which"),
    (r"CannotPullContainerError.*(timeout|deadline|dial tcp|no such host)", "give the task a route to the registry: a public IP (--assign-public-ip), a NAT gateway, or VPC endpoints"),
    (r"CannotPullContainerError", "check the image's name and that the execution role may read its repository: compose2fargate apply --verify"),
    (r"ResourceInitializationError.*(secret|ssm|parameter)", "the execution role cannot read a secret, or it does not exist: compose2fargate apply --verify names it"),
    (r"ResourceInitializationError.*(log|cloudwatch)", "the log group is missing, or CloudWatch cannot be reached from the subnet"),
    (r"ResourceInitializationError.*(EFS|mount|fs-)", "the file system cannot be mounted: its mount targets must be in the task's subnets, and let port 2049 in"),
    (r"OutOfMemory|OOM|exit code 137", "give it more memory: deploy.resources.limits.memory in the compose file"),
    (r"exec format error", "the image is for another processor: build for the task's platform, or set platform: in the compose file"),
    (r"exit code 127|executable file not found|no such file", "the command is not in the image: check command: and entrypoint:"),
    (r"exit code 126|permission denied", "the command cannot be executed in the image: check its permissions and user:"),
    (r"ELB health checks|target .* is unhealthy|Target\.", "make the load balancer's check get an answer: set x-fargate.health_check_path, or a longer x-fargate.health_check_grace_period"),
    (r"container health checks|unhealthy", "the health check fails inside the container: try its command there; a slow start needs start_period"),
    (r"CapacityIsUnavailable|RESOURCE:", "there is no Fargate capacity at the moment: run it again, or name subnets of other zones"),
    (r"exit code", "see its log: compose2fargate logs {name}"),
)  # fmt: skip


def failure_advice(texts: Iterable[str], name: str) -> str:
    """Say what to do about the first of `texts` that something is known about."""
    for text in texts:
        for pattern, words in _ADVICE:
            if re.search(pattern, text, re.IGNORECASE):
                return words.format(name=name)
    return f"see its log: compose2fargate logs {name}"
