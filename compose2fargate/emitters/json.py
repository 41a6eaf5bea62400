"""The json target: one file per AWS call, each taken as it is by `aws … --cli-input-json file://…`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

from compose2fargate.aws.policies import is_empty
from compose2fargate.aws.resources import (
    AccessPoint,
    Account,
    Cluster,
    EcsService,
    Existing,
    FileSystem,
    LogGroup,
    ManagedSecret,
    MountTargets,
    Namespace,
    Network,
    Repository,
    Resource,
    Role,
    RunTask,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TaskDefinition,
    name_of,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref, Resolve, camel, pascal, to_api
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.json_roles import role_calls, role_documents
from compose2fargate.emitters.json_scaling import scaling_calls, scaling_documents
from compose2fargate.settings import Settings

# Resource type to folder and to the spelling of the API that takes it.
_FILES: tuple[tuple[type[Any], str, Callable[[str], str]], ...] = (
    (TaskDefinition, "task-definitions", camel),
    (EcsService, "services", camel),
    (RunTask, "run-tasks", camel),
    (Schedule, "schedules", pascal),
)


class JsonEmitter:
    """Writes the inputs of RegisterTaskDefinition, CreateService, RunTask and CreateSchedule."""

    name = "json"
    summary = (
        "inputs for aws ecs register-task-definition, create-service, run-task and scheduler create-schedule"
    )

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render each resource that one AWS call creates, and the calls themselves in `commands.sh`."""
        resolve = resolver(stack, settings)
        by_name = _naming_roles(stack, resolve)
        files: dict[str, str] = {}
        for kind, folder, spell in _FILES:
            for logical_id, resource in stack.of_type(kind):
                if kind is TaskDefinition:
                    document = to_api(_without_empty_role(stack, resource), by_name, spell)
                else:
                    document = to_api(resource, resolve, spell)
                if logical_id in stack.extras:
                    document = _with_extras(document, stack.extras[logical_id])
                text = _text(document) + "\n"
                files[f"{folder}/{stack.files[logical_id]}.json"] = text
        for path, document in {**role_documents(stack, resolve), **scaling_documents(stack)}.items():
            files[path] = _text(document) + "\n"
        return {**dict(sorted(files.items())), "commands.sh": _commands(stack, settings)}


EXECUTION_ROLE, SCHEDULER_ROLE = "ecsTaskExecutionRole", "ecsSchedulerRole"
"""What AWS's own guides call these roles. This target makes no roles, so it names those that an account has already:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"""
_USUAL_ROLES = {"execution-role": EXECUTION_ROLE, "scheduler-role": SCHEDULER_ROLE}


def _naming_roles(stack: Stack, resolve: Resolve) -> Resolve:
    """RegisterTaskDefinition takes the name of a role as well as its ARN, and a name needs no account."""

    def by_name(ref: Ref) -> Any:
        resource = stack.get(ref)
        if isinstance(resource, Role) or (isinstance(resource, Existing) and resource.kind == "Role"):
            return (
                _USUAL_ROLES.get(ref.logical_id)
                if isinstance(resource, Role) and ref.logical_id in _USUAL_ROLES
                else name_of(resource)
            )
        return resolve(ref)

    return by_name


def _without_empty_role(stack: Stack, definition: TaskDefinition) -> TaskDefinition:
    """A role without permissions lets containers do nothing, which is what they may do without one."""
    ref = definition.task_role_arn
    role = stack.resources.get(ref.logical_id) if isinstance(ref, Ref) else None
    return (
        definition._replace(task_role_arn=None) if isinstance(role, Role) and is_empty(role) else definition
    )


def _with_extras(document: Any, extras: Mapping[str, Any]) -> Any:
    from compose2fargate.aws.patching import merge_extras

    return merge_extras(document, extras)


def _text(value: Any, line: str = "\n") -> str:
    """Write `value` as `json.dumps(value, indent=2, ensure_ascii=False)` does, in a third of its time.

    `line` is a line break and the indentation of what `value` stands in.
    """
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is dict and value:
        inner = line + "  "
        items = [f"{inner}{encode_basestring(key)}: {_text(item, inner)}" for key, item in value.items()]
        return f"{{{','.join(items)}{line}}}"
    if kind is list and value:
        inner = line + "  "
        return f"[{','.join([inner + _text(item, inner) for item in value])}{line}]"
    return json.dumps(value)


def resolver(stack: Stack, settings: Settings) -> Resolve:
    """Literals for Refs: names where the API takes names, ARNs built from region and account elsewhere."""

    def resolve(ref: Ref) -> Any:
        if ref.logical_id in _USUAL_ROLES and isinstance(stack.get(ref), Role):
            return _literal(Existing("Role", _USUAL_ROLES[ref.logical_id]), ref.attribute, settings)
        resource = stack.get(ref)
        placeholder = _PLACEHOLDERS.get((type(resource), ref.attribute))
        if placeholder:
            return placeholder.format(name=_volume(ref.logical_id))
        return _literal(resource, ref.attribute, settings)

    return resolve


def readable(stack: Stack, settings: Settings) -> Resolve:
    """Literals for people to read: a link that this target has no spelling for is shown by its logical id."""
    literal = resolver(stack, settings)

    def resolve(ref: Ref) -> Any:
        try:
            return literal(ref)
        except LookupError:
            return f"{ref.logical_id}.{ref.attribute}"

    return resolve


def _literal(resource: Resource, attribute: str, settings: Settings) -> Any:
    """Spell a link: names as they are, ARNs from region and account, and what only AWS knows as a placeholder."""
    if isinstance(resource, Account):
        return _account(settings)[attribute]
    if isinstance(resource, Network):
        return list(getattr(resource, attribute)) or [SUBNET_PLACEHOLDER]
    name = name_of(resource)
    if attribute == "name" and name.startswith("arn:"):
        return name.rpartition("/")[2]
    if attribute in ("name", "family") or name.startswith("arn:"):
        return name
    if attribute == "uri":
        return _REPOSITORY.format(name=name, **_account(settings))
    if attribute == "arn":
        kind = resource.kind if isinstance(resource, Existing) else type(resource).__name__
        return "arn:{partition}:".format(**_account(settings)) + _ARNS[kind].format(
            name=name, **_account(settings)
        )
    raise LookupError(f"{type(resource).__name__} has no {attribute}")


# What only AWS knows, until it is created. Access points have one each, so that they can be told apart.
_PLACEHOLDERS: dict[tuple[type[Any], str], str] = {
    (AccessPoint, "id"): "fsap-REPLACE_ME-{name}",
    (AccessPoint, "arn"): "fsap-REPLACE_ME-{name}",
    (FileSystem, "id"): "fs-REPLACE_ME",
    (FileSystem, "arn"): "fs-REPLACE_ME",
    (SecurityGroup, "id"): "sg-REPLACE_ME",
}
SUBNET_PLACEHOLDER = "subnet-REPLACE_ME"
_REPOSITORY = "{id}.dkr.ecr.{region}.amazonaws.com{suffix}/{name}"
_ARNS = {
    "Cluster": "ecs:{region}:{id}:cluster/{name}",
    "TaskDefinition": "ecs:{region}:{id}:task-definition/{name}",
    "FileSystem": "elasticfilesystem:{region}:{id}:file-system/{name}",
    "LogGroup": "logs:{region}:{id}:log-group:{name}",
    "ManagedSecret": "secretsmanager:{region}:{id}:secret:{name}",
    "Repository": "ecr:{region}:{id}:repository/{name}",
    "Role": "iam::{id}:role/{name}",
    "SecretParameter": "ssm:{region}:{id}:parameter{name}",
}
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def _account(settings: Settings) -> dict[str, str]:
    region = settings.region or "us-east-1"
    partition = next((p for prefix, p in _PARTITIONS.items() if region.startswith(prefix)), "aws")
    suffix = ".cn" if partition == "aws-cn" else ""
    return {
        "region": region,
        "id": settings.account or "ACCOUNT_ID",
        "partition": partition,
        "suffix": suffix,
    }


def _commands(stack: Stack, settings: Settings) -> str:
    """The calls in order, as a shell script to read, to copy from, or to run."""
    region = settings.region or "us-east-1"
    lines = [
        "#!/bin/sh",
        "# The AWS calls that use the files in this folder, in order. Read them first; run what you need.",
        "# Creating something that exists already is an error that changes nothing.",
        'cd "$(dirname "$0")" || exit 1',
        # Version 1 of the AWS CLI reads the second name only.
        f"export AWS_REGION={_quote(region)} AWS_DEFAULT_REGION={_quote(region)}",
    ]
    for title, calls in _sections(stack, resolver(stack, settings)):
        if calls:
            lines += ["", f"# {title}", *calls]
    return "\n".join(lines) + "\n"


def _sections(stack: Stack, resolve: Resolve) -> Iterator[tuple[str, list[str]]]:
    """Yield each section's title and calls."""
    namespace = next(r.name for _, r in stack.of_type(Namespace))
    yield (
        "the cluster, with the namespace in which services find each other",
        [_create_cluster(cluster, namespace) for _, cluster in stack.of_type(Cluster)],
    )
    yield (
        "repositories for the images built here",
        [
            f"aws ecr create-repository --repository-name {_quote(r.repository_name)} --image-scanning-configuration scanOnPush=true"
            for _, r in stack.of_type(Repository)
        ],
    )
    yield (
        "secrets: SECRETS names a folder with a file for each, without a line end after its value",
        [*_secrets(stack)],
    )
    yield (
        "the file system of the volumes: its ids belong where REPLACE_ME stands, or into --file-system and --volume",
        [*_file_system(stack)],
    )
    yield (
        "log groups",
        [
            call
            for _, group in stack.of_type(LogGroup)
            for name in (_quote(group.log_group_name),)
            for call in (
                f"aws logs create-log-group --log-group-name {name}",
                f"aws logs put-retention-policy --log-group-name {name} --retention-in-days {group.retention_in_days}",
            )
        ],
    )
    yield "roles: what the containers of a task may do", role_calls(stack, resolve)
    yield (
        "task definitions: each call registers a new revision",
        _calls(stack, TaskDefinition, "ecs register-task-definition", "task-definitions"),
    )
    yield (
        "jobs: each call runs one",
        _calls(stack, RunTask, "ecs run-task", "run-tasks", skip=_scheduled(stack)),
    )
    yield "services", _calls(stack, EcsService, "ecs create-service", "services")
    yield "autoscaling", scaling_calls(stack, resolve)
    yield "schedules", _calls(stack, Schedule, "scheduler create-schedule", "schedules")


def _create_cluster(cluster: Cluster, namespace: str) -> str:
    options = [f"--cluster-name {_quote(cluster.cluster_name)}"]
    options += [f"--settings name={each.name},value={each.value}" for each in cluster.settings]
    if cluster.capacity_providers:
        options.append(f"--capacity-providers {' '.join(cluster.capacity_providers)}")
    options.append(f"--service-connect-defaults namespace={_quote(namespace)}")
    return f"aws ecs create-cluster {' '.join(options)}"


def _secrets(stack: Stack) -> Iterator[str]:
    """Put each secret's value, from a file of the user's: never from the command line, where others can see it."""
    prefix = f"/{stack.name}/"
    for _, secret in stack.of_type(SecretParameter):
        file = f'"file://${{SECRETS:?}}/{secret.name.removeprefix(prefix)}"'
        yield f"aws ssm put-parameter --type SecureString --name {_quote(secret.name)} --value {file}"
    for _, managed in stack.of_type(ManagedSecret):
        file = f'"file://${{SECRETS:?}}/{managed.name.removeprefix(prefix)}"'
        yield f"aws secretsmanager create-secret --name {_quote(managed.name)} --secret-string {file}"


def _file_system(stack: Stack) -> Iterator[str]:
    """The file system, an access point for each volume, and a mount target in each subnet."""
    for _, system in stack.of_type(FileSystem):
        yield (
            f"FILE_SYSTEM=$(aws efs create-file-system --creation-token {_quote(system.creation_token)} --encrypted --backup "
            f"--throughput-mode {system.throughput_mode} --query FileSystemId --output text)"
        )
    for logical_id, point in stack.of_type(AccessPoint):
        system_id = point.file_system_id if isinstance(point.file_system_id, str) else '"$FILE_SYSTEM"'
        yield (
            f"aws efs create-access-point --file-system-id {system_id} --client-token {_quote(f'{stack.name}-{_volume(logical_id)}')} "
            f"{_access_point_options(point)} --query AccessPointId --output text  # {_volume(logical_id)}"
        )
    for _, targets in stack.of_type(MountTargets):
        subnets = stack.get(targets.subnet_ids) if isinstance(targets.subnet_ids, Ref) else None
        listed = subnets.subnet_ids if isinstance(subnets, Network) else targets.subnet_ids
        for subnet in listed or (SUBNET_PLACEHOLDER,):
            yield (
                f'aws efs create-mount-target --file-system-id "$FILE_SYSTEM" --subnet-id {subnet} '
                f"--security-groups {_PLACEHOLDERS[SecurityGroup, 'id']}"
            )


def _access_point_options(point: AccessPoint) -> str:
    """Root directory and user as JSON, which takes any path."""
    made = point.root_directory.creation_info
    root = {
        "Path": point.root_directory.path,
        "CreationInfo": {
            "OwnerUid": made.owner_uid,
            "OwnerGid": made.owner_gid,
            "Permissions": made.permissions,
        },
    }
    options = [f"--root-directory {_quote(json.dumps(root))}"]
    if point.posix_user:
        options.append(f"--posix-user Uid={point.posix_user.uid},Gid={point.posix_user.gid}")
    return " ".join(options)


def _volume(logical_id: str) -> str:
    return logical_id.partition("/")[2]


def _scheduled(stack: Stack) -> frozenset[str]:
    """Files of the jobs that run by a schedule: nobody runs them by hand when deploying."""
    return frozenset(stack.files[logical_id] for logical_id, _ in stack.of_type(Schedule))


def _calls(
    stack: Stack, kind: type[Any], call: str, folder: str, skip: frozenset[str] = frozenset()
) -> list[str]:
    return [
        f"aws {call} --cli-input-json file://{folder}/{stack.files[logical_id]}.json"
        for logical_id, _ in stack.of_type(kind)
        if stack.files[logical_id] not in skip
    ]


def _quote(text: str) -> str:
    """Quote for a POSIX shell where that is needed."""
    plain = text.replace("-", "").replace("_", "").replace("/", "").replace(".", "").isalnum()
    return text if plain and text.isascii() else "'" + text.replace("'", "'\\''") + "'"
