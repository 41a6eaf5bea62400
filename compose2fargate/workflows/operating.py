"""Day two as functions: how a stack is, its logs, one-off tasks, going back, commands inside, secrets.

prepared = deploying.prepare(options, flags, target, strict=False)
for service in operating.status(prepared).services:
    print(service.service, service.running)

What is asked of AWS is in `apply/`; here it is put together with the translation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

from compose2fargate.apply import permissions as _permissions
from compose2fargate.apply import policy_documents
from compose2fargate.apply.day_two import aws_names as _places
from compose2fargate.apply.day_two import ecs_exec as _shell
from compose2fargate.apply.day_two import log_streams as _logs
from compose2fargate.apply.day_two import rollback as _rollback
from compose2fargate.apply.day_two import secret_store as _secret_store
from compose2fargate.apply.day_two import status as _status
from compose2fargate.apply.day_two import task_runs as _tasks
from compose2fargate.apply.day_two.log_streams import LogLine
from compose2fargate.apply.day_two.rollback import RollbackPlan, RollbackStep
from compose2fargate.apply.day_two.secret_store import PushedSecret
from compose2fargate.apply.day_two.status import JobStatus, ServiceStatus, StackStatus
from compose2fargate.apply.day_two.task_runs import StartedTask, TaskOverrides, TaskResult
from compose2fargate.apply.deployment.differences import shown_sides
from compose2fargate.apply.deployment.rollout import RolloutFailure
from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.emitters.terraform.hcl import HclAttribute, HclBlock, HclCall, block_text
from compose2fargate.records import NamedTuple
from compose2fargate.workflows.deploying import PreparedDeployment
from compose2fargate.workflows.translating import translate

__all__ = [
    "COMMANDS",
    "JobStatus",
    "LogLine",
    "PermissionPolicies",
    "PushedSecret",
    "RollbackPlan",
    "RollbackStep",
    "SecretState",
    "ServiceLogs",
    "ServiceStatus",
    "StackStatus",
    "StartedTask",
    "TaskOverrides",
    "TaskResult",
    "as_terraform",
    "as_text",
    "execute",
    "go_back",
    "permissions",
    "plan_back",
    "push_secrets",
    "scripted_name",
    "secrets",
    "start",
    "status",
    "stop",
    "watch",
]


def status(prepared: PreparedDeployment) -> StackStatus:
    """Read how the services, jobs and schedules of a stack are."""
    return _status.read_status(prepared.deployment)


class ServiceLogs:
    """The logs of some services, or of all; reads on from where it was."""

    def __init__(self, prepared: PreparedDeployment, services: Iterable[str] = ()) -> None:
        self._account = prepared.deployment.account
        self._sources = _logs.choose_log_sources(prepared.deployment.stack, services)
        self._follower: _logs.LogFollower | None = None

    @property
    def services(self) -> list[str]:
        """Whose logs these are."""
        return [source.service for source in self._sources]

    def tail(self, count: int, since: int = 0) -> list[LogLine]:
        """Read the last lines of each service."""
        lines = _logs.tail_lines(self._account, self._sources, count, since)
        self._follower = _logs.LogFollower(self._account, self._sources, since or int(time.time() * 1000))
        self._follower.skip(lines)
        return lines

    def poll(self, since: int = 0) -> list[LogLine]:
        """Read what is new; the first time, what was written since then (milliseconds since 1970)."""
        self._follower = self._follower or _logs.LogFollower(self._account, self._sources, since)
        return self._follower.poll()


def scripted_name(
    options: LoadOptions, flags: Mapping[str, Any], name: str, *, stdin: TextIO | None = None
) -> str:
    """Give the name by which the sandbox knows the tasks of a service or job: its ECS service's, or its family's.

    Raises:
        UsageError: There is neither a service nor a job of that name.
        InputError: The project cannot be read.
    """
    stack = translate(options, flags, stdin=stdin).translation.stack
    for place in _places.deployed_services(stack).values():
        if name in (place.service, place.name, place.family):
            return place.name or place.family
    return _places.choose_services(stack, [name])[0].name


# -- one-off tasks


def start(prepared: PreparedDeployment, service: str, order: TaskOverrides = TaskOverrides()) -> StartedTask:  # noqa: B008 - frozen
    """Start the task of a job, or of any service with another command.

    Raises:
        UsageError: There is no such service.
        FindingError: It is not deployed.
        AwsError: AWS refuses.
    """
    place = _places.choose_services(prepared.deployment.stack, [service])[0]
    return _tasks.start_task(prepared.deployment, place, order)


def watch(
    prepared: PreparedDeployment,
    started: StartedTask,
    *,
    timeout: float = 3600.0,
    tell: Callable[[str], None] = lambda _: None,
    show: Callable[[Iterable[LogLine]], None] = lambda _: None,
) -> TaskResult:
    """Wait until a task has ended; `tell` gets its state, `show` the lines that it writes."""
    return _tasks.watch_task(prepared.deployment, started, timeout=timeout, tell=tell, show=show)


def stop(prepared: PreparedDeployment, started: StartedTask) -> None:
    """Stop a task."""
    _tasks.stop_task(prepared.deployment, started)


# -- going back


def plan_back(
    prepared: PreparedDeployment, service: str = "", to: int = 0, *, every: bool = False
) -> RollbackPlan:
    """Find out what a service goes back to: its newest earlier revision that differs, or revision `to`.

    Args:
        prepared: The project.
        service: The service; "" where there is only one, or with `every`.
        to: The revision; 0 for the one before.
        every: All services, each to its revision before.

    Raises:
        UsageError: There is no such service, or several and none is named.
        FindingError: It is not deployed.
        AwsError: AWS cannot be asked.
    """
    chosen = _places.choose_services(prepared.deployment.stack, [service] if service else [], jobs=False)
    if not service and not every and len(chosen) != 1:
        names = ", ".join(place.service for place in chosen) or "none"
        message = f"the service to roll back is not named; there are: {names}"
        raise UsageError(
            Diagnostic("C2F480", Severity.ERROR, message, hint="name one, rollback SERVICE, or use --all")
        )
    return _rollback.prepare_rollback(prepared.deployment, chosen, to)


def as_text(back: RollbackPlan) -> str:
    """Write what goes back to what, and what changes with it; values that look like secrets are hidden."""
    lines = []
    for step in back.steps:
        lines.append(f"~ {step}")
        for change in step.changes:
            before, after = shown_sides(change)
            lines.append(f"      {change.member}: {before} -> {after}")
    return "".join(f"{line}\n" for line in lines)


def go_back(
    prepared: PreparedDeployment,
    back: RollbackPlan,
    *,
    timeout: float = 1200.0,
    report: Callable[[str, str], None] = lambda *_: None,
) -> list[RolloutFailure]:
    """Let the earlier revisions serve, and wait until they do; `report` gets a service and how far it is."""
    return _rollback.roll_back(prepared.deployment, back.steps, timeout=timeout, report=report)


# -- commands inside


def execute(
    prepared: PreparedDeployment, service: str, command: Sequence[str], *, task: str = "", container: str = ""
) -> int:
    """Execute a command in a running container, on this terminal, and give the exit code of the session.

    The session manager protocol does not carry the command's own exit code.

    Raises:
        UsageError: There is no such service, or no session manager plugin.
        FindingError: No task runs, or it was started without ECS Exec.
        AwsError: AWS refuses.
    """
    place, own = _places.container_location(prepared.deployment.stack, service)
    plugin = "" if prepared.deployment.sandbox else _shell.find_plugin()
    inside = _shell.find_exec_target(prepared.deployment, place, container or own, task)
    session = _shell.open_session(prepared.deployment, inside, command, prepared.target.profile)
    return _shell.run_plugin(plugin, session)


# -- secrets


class SecretState(NamedTuple):
    """A secret that the stack reads: where from, where its value comes from, and whether it is there; never its value.

    Attributes:
        name: Its name or ARN in AWS.
        store: `ssm` or `secretsmanager`.
        source: Where its value comes from, in words.
        known: Whether the value can be read here; None where the compose file does not say where it is.
        exists: Whether it is in AWS; None where that may not be asked.
        owner: `ours`, `other`, or "" where nothing is known.
        has_value: Whether one that exists holds more than a placeholder; only asked of secrets of the stack.
    """

    name: str
    store: str
    source: str
    known: bool | None
    exists: bool | None
    owner: str = ""
    has_value: bool = True


def secrets(prepared: PreparedDeployment) -> list[SecretState]:
    """Say of each secret that the stack reads where its value comes from and whether it exists.

    Raises:
        AwsError: AWS cannot be asked.
    """
    read = prepared.translated.translation.secrets
    there = _secret_store.look_up_secrets(prepared.deployment, map(_named, read))
    return [
        SecretState(
            one.name,
            one.store,
            _WORDS[one.kind].format(source=one.source),
            _KNOWN[one.kind](one.source, prepared),
            there[one.name].exists,
            there[one.name].owner,
            there[one.name].has_value,
        )
        for one in read
    ]


def _named(secret: Any) -> _secret_store.SecretName:
    return _secret_store.SecretName(secret.name, secret.store, secret.logical_id)


_WORDS: Mapping[str, str] = {
    "file": "file {source}",
    "environment": "variable {source} of your environment",
    "variable": "environment: of the compose file ({source})",
    "external": "you make it yourself",
}


def _file_is_there(source: str, prepared: PreparedDeployment) -> bool | None:
    return os.path.isfile(os.path.join(prepared.translated.loaded.working_dir, source))


def _variable_is_set(source: str, prepared: PreparedDeployment) -> bool | None:
    return source in prepared.options.environment


_KNOWN: Mapping[str, Callable[[str, PreparedDeployment], bool | None]] = {
    "file": _file_is_there,
    "environment": _variable_is_set,
    "variable": lambda _, __: True,
    "external": lambda _, __: None,
}


def push_secrets(
    prepared: PreparedDeployment, names: Iterable[str] = (), *, overwrite: bool = False
) -> list[PushedSecret]:
    """Write the values that the compose file names to AWS; what has a value keeps it unless `overwrite`.

    Args:
        prepared: The project.
        names: Names in AWS, or what they end with; none for all that the compose file names.
        overwrite: Write over what is there.

    Raises:
        UsageError: There is no such secret, or the compose file does not name its value.
        AwsError: AWS refuses; the text does not hold a value.
    """
    read = {one.name: one for one in prepared.translated.translation.secrets}
    chosen = [_secret(read, name) for name in names] or [one for one in read.values() if one.logical_id]
    return _secret_store.push_secret_values(
        prepared.deployment, map(_named, dict.fromkeys(chosen)), overwrite=overwrite
    )


def _secret(read: Mapping[str, Any], name: str) -> Any:
    matching = [one for full, one in read.items() if full == name or full.endswith(f"/{name.lstrip('/')}")]
    if len(matching) != 1:
        known = ", ".join(one.name for one in matching or read.values()) or "none"
        what = f"{name} could be several secrets" if matching else f"the stack does not read a secret {name}"
        raise UsageError(Diagnostic("C2F480", Severity.ERROR, what, hint=f"there are: {known}"))
    if not matching[0].logical_id:
        message = f"the compose file does not say where the value of {matching[0].name} is"
        hint = "write it in AWS yourself, or give it a file: or environment: under secrets:"
        raise UsageError(Diagnostic("C2F488", Severity.ERROR, message, hint=hint))
    return matching[0]


# -- permissions

COMMANDS = _permissions.COMMANDS
"""What permissions can be asked for."""


class PermissionPolicies(NamedTuple):
    """Policies that allow some commands on one stack.

    Attributes:
        name: What to call the policy.
        documents: The policy, or its parts.
        diagnostics: What there is to say about it.
    """

    name: str
    documents: tuple[dict[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]


def permissions(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    commands: Iterable[str] = ("apply",),
    *,
    cut: bool = False,
    stdin: TextIO | None = None,
) -> PermissionPolicies:
    """Give the least that whoever runs `commands` on a project has to be allowed; nothing is asked of AWS.

    Args:
        options: Which files to read, and how.
        flags: Settings by name.
        commands: Of `COMMANDS`.
        cut: Cut the policy into parts of which each can be a managed policy.
        stdin: What the file `-` reads.

    Raises:
        InputError: The project cannot be read.
    """
    made = translate(options, flags or {}, stdin=stdin)
    settings, stack = made.settings, made.translation.stack
    document = policy_documents.policy_for_commands(
        stack, made.project.name, commands, settings.region, settings.account
    )
    if cut:
        return PermissionPolicies(f"{stack.name}-deploy", tuple(policy_documents.split_policy(document)), ())
    large = policy_documents.too_large(document)
    return PermissionPolicies(f"{stack.name}-deploy", (document,), (large,) if large else ())


def as_terraform(made: PermissionPolicies) -> str:
    """Write policies as Terraform resources."""
    blocks = []
    for number, document in enumerate(made.documents, 1):
        name = made.name if len(made.documents) == 1 else f"{made.name}-{number}"
        body = (
            HclAttribute("name", name),
            HclAttribute("description", "What compose2fargate needs to deploy this stack"),
            HclAttribute("policy", HclCall("jsonencode", (document,))),
        )
        blocks.append(block_text(HclBlock("resource", ("aws_iam_policy", name), body)))
    return "\n\n".join(blocks) + "\n"
