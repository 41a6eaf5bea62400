"""Commands inside running containers: ECS Exec, with the session manager plugin as the AWS CLI uses it.

ExecuteCommand opens a session; the plugin speaks its protocol. It gets the session's token in its environment where it
is new enough for that, since everybody on the machine can read command lines.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, Final

from compose2fargate.apply.aws_client.account import translated_errors
from compose2fargate.apply.day_two.aws_names import DeployedService, StateFindingError
from compose2fargate.apply.day_two.ecs_reads import live_services, not_deployed, short_arn, tasks_of
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers.handler import Json
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.programs import environment_of_programs, find_program
from compose2fargate.records import NamedTuple

PLUGIN: Final = "session-manager-plugin"
PLUGIN_URL: Final = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
EXEC_URL: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html"
_VARIABLE: Final = "AWS_SSM_START_SESSION_RESPONSE"
_LAST_WITHOUT_VARIABLE: Final = (1, 2, 497, 0)


class ExecTarget(NamedTuple):
    """A container that runs.

    Attributes:
        place: The service or job.
        task: The task's ARN.
        container: The container's name.
        runtime_id: The id that the session's target is made with.
    """

    place: DeployedService
    task: str
    container: str
    runtime_id: str


class ExecSession(NamedTuple):
    """An open session: what the plugin is told, by the names that the AWS CLI gives it; the token is a secret."""

    response: Json
    request: Json
    region: str
    endpoint: str
    profile: str = ""


def find_plugin() -> str:
    """Give the plugin's path.

    Raises:
        UsageError: It is not installed.
    """
    found = find_program(PLUGIN)
    if found is None:
        raise UsageError(
            Diagnostic(
                "C2F484",
                Severity.ERROR,
                f"ECS Exec requires {PLUGIN}, which is not installed",
                hint="install it as the link describes",
                url=PLUGIN_URL,
            )
        )
    return found


def find_exec_target(
    deployment: Deployment, place: DeployedService, container: str, task: str = ""
) -> ExecTarget:
    """Choose a running task and its container: the newest task, unless one is named.

    Args:
        deployment: Where it runs.
        place: The service or job.
        container: The container's name.
        task: What the task's id begins with; "" for any.

    Raises:
        FindingError: There is no such task, or commands cannot be executed in it.
        AwsError: AWS cannot be asked.
    """
    account = deployment.account
    with translated_errors("looking for a task"):
        if place.job:
            tasks = tasks_of(account, place.cluster, family=place.family, desiredStatus="RUNNING")
        elif place.service in live_services(account, [place]):
            tasks = tasks_of(account, place.cluster, serviceName=place.name, desiredStatus="RUNNING")
        else:
            raise not_deployed(deployment.stack, place.service)
    running = [one for one in tasks if one["lastStatus"] == "RUNNING"]
    matching = [one for one in running if short_arn(one["taskArn"]).startswith(task)]
    if not matching:
        raise StateFindingError(_no_task(place, task, running))
    newest = max(matching, key=_started_at)
    return _inside(place, newest, container)


def _started_at(task: Json) -> datetime:
    at: datetime = task.get("startedAt") or datetime.fromtimestamp(0, timezone.utc)
    return at


def _no_task(place: DeployedService, task: str, running: Sequence[Json]) -> Diagnostic:
    ids = ", ".join(short_arn(one["taskArn"]) for one in running[:10])
    message = (
        f"no task of {place.service} is running"
        if not running
        else f"no running task of {place.service} is {task}…"
    )
    hint = f"running: {ids}" if ids else f"compose2fargate status, compose2fargate logs {place.service}"
    return Diagnostic("C2F483", Severity.ERROR, message, hint=hint)


def _inside(place: DeployedService, task: Json, container: str) -> ExecTarget:
    identifier = short_arn(task["taskArn"])
    if not task.get("enableExecuteCommand"):
        raise StateFindingError(
            Diagnostic(
                "C2F483",
                Severity.ERROR,
                f"commands cannot run in task {identifier} of {place.service}: it was started without ECS Exec",
                hint=f"write x-fargate: {{exec: true}} under {place.service} in the compose file, then apply: new tasks have it",
                url=EXEC_URL,
            )
        )
    containers = {one["name"]: one for one in task["containers"]}
    found = containers.get(container)
    if found is None:
        message = f"task {identifier} has no container {container}"
        hint = f"--container NAME: {', '.join(containers)}"
        raise StateFindingError(Diagnostic("C2F483", Severity.ERROR, message, hint=hint))
    agents = {one["name"]: one.get("lastStatus") for one in found.get("managedAgents") or []}
    if agents.get("ExecuteCommandAgent", "RUNNING") != "RUNNING":
        state = str(agents["ExecuteCommandAgent"]).lower()
        raise StateFindingError(
            Diagnostic(
                "C2F483",
                Severity.ERROR,
                f"the agent that executes commands in {container} of task {identifier} is {state}",
                hint="grant its task role the four ssmmessages permissions, and give the task a route to ssmmessages",
                url=EXEC_URL,
            )
        )
    return ExecTarget(place, task["taskArn"], container, found["runtimeId"])


def open_session(
    deployment: Deployment, inside: ExecTarget, command: Sequence[str], profile: str = ""
) -> ExecSession:
    """Let ECS start the command, and give the session that leads to it.

    Raises:
        AwsError: ECS refuses.
        UsageError: It is the sandbox, where nothing runs.
    """
    from shlex import join

    if deployment.sandbox:
        message = f"the sandbox runs no containers: {join(command)} would run in {inside.container}"
        raise StateFindingError(
            Diagnostic("C2F483", Severity.ERROR, f"{message} of task {short_arn(inside.task)}")
        )
    account = deployment.account
    with translated_errors(f"executing a command in {inside.place.service}"):
        answer = account.client("ecs").execute_command(
            cluster=inside.place.cluster,
            task=inside.task,
            container=inside.container,
            command=join(command),
            interactive=True,
        )
    opened = answer["session"]
    response = {
        "SessionId": opened["sessionId"],
        "TokenValue": opened["tokenValue"],
        "StreamUrl": opened["streamUrl"],
    }
    target = f"ecs:{inside.place.cluster}_{short_arn(inside.task)}_{inside.runtime_id}"
    endpoint = str(account.client("ecs").meta.endpoint_url)
    return ExecSession(response, {"Target": target}, account.region, endpoint, profile)


def run_plugin(plugin: str, session: ExecSession) -> int:
    """Hand the terminal to the plugin until the session ends, and give its exit code."""
    environment, first = environment_of_programs(os.environ), json.dumps(session.response)
    if _takes_variable(plugin):
        environment[_VARIABLE], first = first, _VARIABLE
    command = [
        plugin,
        first,
        session.region,
        "StartSession",
        session.profile,
        json.dumps(session.request),
        session.endpoint,
    ]
    with _signals_left_to_it():
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - AWS's own program


def _takes_variable(plugin: str) -> bool:
    try:
        done = subprocess.run([plugin, "--version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.fullmatch(r"\d+(?:\.\d+){0,3}", done.stdout.strip())
    return found is not None and tuple(map(int, found[0].split("."))) > _LAST_WITHOUT_VARIABLE


@contextmanager
def _signals_left_to_it() -> Iterator[None]:
    """Let Ctrl-C and its like reach the command inside, and not end this program."""
    names = ("SIGINT",) if sys.platform == "win32" else ("SIGINT", "SIGQUIT", "SIGTSTP")
    before: dict[Any, Any] = {}
    for name in names:
        number = getattr(signal, name)
        before[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
