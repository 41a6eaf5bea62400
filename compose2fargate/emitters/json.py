"""The json target: one file per AWS call, each taken as it is by `aws … --cli-input-json file://…`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from compose2fargate.aws.policies import is_empty
from compose2fargate.aws.resources import (
    AccessPoint,
    Account,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    Existing,
    FileSystem,
    Listener,
    LoadBalancer,
    Network,
    Resource,
    Role,
    RunTask,
    Schedule,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
    name_of,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref, Resolve, camel, pascal, to_api
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.commands import ACCOUNT, PLACEHOLDER, script
from compose2fargate.emitters.json_api import api_text
from compose2fargate.emitters.json_roles import role_documents
from compose2fargate.emitters.json_scaling import scaling_documents
from compose2fargate.json_text import json_text
from compose2fargate.settings import Settings

DEFAULT_REGION = "us-east-1"
"""Stands in the files where no region is set; the other targets leave it to who runs them."""

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
                    text = _text(stack, logical_id, _without_empty_role(stack, resource), by_name, spell)
                else:
                    text = _text(stack, logical_id, resource, resolve, spell)
                files[f"{folder}/{stack.files[logical_id]}.json"] = text + "\n"
        for path, extra in {**role_documents(stack, resolve), **scaling_documents(stack)}.items():
            files[path] = json_text(extra) + "\n"
        commands = script(stack, resolve, files, settings.region or DEFAULT_REGION)
        return {**dict(sorted(files.items())), "commands.sh": commands}

    def notes(self, artifacts: Artifacts, settings: Settings) -> Iterator[Diagnostic]:
        """Say what stands in the files that only the user or AWS knows, and how to supply it."""
        texts = [text for path, text in artifacts.items() if path != "commands.sh"]
        if not settings.region:
            yield Diagnostic(
                "C2F290",
                Severity.WARNING,
                f"no region is set: {DEFAULT_REGION} stands in the files",
                hint="--region REGION, or AWS_REGION",
            )
        if any(PLACEHOLDER not in line for text in texts for line in _lines_with(ACCOUNT, text)):
            yield Diagnostic(
                "C2F292",
                Severity.WARNING,
                f"no account is set: {ACCOUNT} stands in image addresses and ARNs, until commands.sh fills it in",
                hint="--account 123456789012, or --registry URI",
            )
        kinds = [name for name, part in _SHOWN_PLACEHOLDERS.items() if any(part in text for text in texts)]
        if kinds:
            options = {"subnets": "--subnet subnet-…", "security groups": "--security-group sg-…"}
            given = " ".join(option for kind, option in options.items() if kind in kinds)
            yield Diagnostic(
                "C2F298",
                Severity.INFO,
                f"placeholders ({PLACEHOLDER}) stand for {', '.join(kinds)}: commands.sh makes or looks up each, and fills it in",
                hint=(f"give your own with {given}, " if given else "")
                + "run commands.sh, or write your own ids into the files",
            )


def _lines_with(part: str, text: str) -> Iterator[str]:
    at = text.find(part)
    while at >= 0:
        end = text.index("\n", at)
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = text.find(part, end)


_SHOWN_PLACEHOLDERS: Mapping[str, str] = {
    "subnets": '"subnet-REPLACE_ME"',
    "security groups": '"sg-REPLACE_ME-',
    "target groups": ":targetgroup/REPLACE_ME-",
    "names in DNS": ":servicediscovery:",
}


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


def _text(
    stack: Stack, logical_id: str, resource: Resource, resolve: Resolve, spell: Callable[[str], str]
) -> str:
    extras = stack.extras.get(logical_id)
    if not extras:
        return api_text(resource, resolve, spell)
    from compose2fargate.aws.patching import merge_extras

    return json_text(merge_extras(to_api(resource, resolve, spell), extras))


def resolver(stack: Stack, settings: Settings) -> Resolve:
    """Literals for Refs: names where the API takes names, ARNs built from region and account elsewhere."""

    @cache  # most links lead to what there is one of in a stack
    def resolve(ref: Ref) -> Any:
        if ref.logical_id in _USUAL_ROLES and isinstance(stack.get(ref), Role):
            return _literal(ref, Existing("Role", _USUAL_ROLES[ref.logical_id]), settings)
        return _literal(ref, stack.get(ref), settings)

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


def _literal(ref: Ref, resource: Resource, settings: Settings) -> Any:
    """Spell a link: names as they are, ARNs from region and account, and what only AWS knows as a placeholder."""
    if isinstance(resource, Account):
        return _account(settings)[ref.attribute]
    if isinstance(resource, Network):
        return _place(resource, ref.attribute)
    known = _known(ref.attribute, resource)
    if known:
        return known
    placeholder = PLACEHOLDERS.get((type(resource), ref.attribute))
    if placeholder:
        return placeholder.format(name=ref.logical_id.rpartition("/")[2], **_account(settings))
    name = name_of(resource)
    if ref.attribute == "uri":
        return _REPOSITORY.format(name=name, **_account(settings))
    if ref.attribute == "arn":
        kind = resource.kind if isinstance(resource, Existing) else type(resource).__name__
        return (_ARN + _ARNS[kind]).format(name=name, **_account(settings))
    raise LookupError(f"{type(resource).__name__} has no {ref.attribute}")


def _known(attribute: str, resource: Resource) -> str:
    """What a resource's own name tells of an attribute, or "" where that takes more."""
    name = name_of(resource)
    if attribute == "name" and name.startswith("arn:"):
        return name.rpartition("/")[2]
    is_own = attribute == "id" and isinstance(resource, Existing)
    return name if attribute in ("name", "family") or name.startswith("arn:") or is_own else ""


def _place(network: Network, attribute: str) -> Any:
    """Give an attribute of the network; the load balancers' subnets are the tasks' where none are given."""
    if attribute == "vpc_id":
        return network.vpc_id or VPC_PLACEHOLDER
    own = network.load_balancer_subnet_ids if attribute == "load_balancer_subnet_ids" else ()
    return list(own or network.subnet_ids) or [SUBNET_PLACEHOLDER]


SUBNET_PLACEHOLDER = "subnet-REPLACE_ME"
VPC_PLACEHOLDER = "vpc-REPLACE_ME"
_BALANCING = "arn:{partition}:elasticloadbalancing:{region}:{id}"
PLACEHOLDERS: Mapping[tuple[type[Any], str], str] = {
    (
        AccessPoint,
        "arn",
    ): "arn:{partition}:elasticfilesystem:{region}:{id}:access-point/fsap-REPLACE_ME-{name}",
    (AccessPoint, "id"): "fsap-REPLACE_ME-{name}",
    (FileSystem, "arn"): "arn:{partition}:elasticfilesystem:{region}:{id}:file-system/fs-REPLACE_ME",
    (FileSystem, "id"): "fs-REPLACE_ME",
    (SecurityGroup, "id"): "sg-REPLACE_ME-{name}",
    (LoadBalancer, "arn"): _BALANCING + ":loadbalancer/REPLACE_ME-{name}",
    (TargetGroup, "arn"): _BALANCING + ":targetgroup/REPLACE_ME-{name}",
    (Listener, "arn"): _BALANCING + ":listener/REPLACE_ME-{name}",
    (DnsNamespace, "id"): "ns-REPLACE_ME-{name}",
    (DiscoveryService, "arn"): "arn:{partition}:servicediscovery:{region}:{id}:service/REPLACE_ME-{name}",
}
"""Type and attribute of what only AWS knows to what stands for it in the files, `name` from the logical id; AWS refuses each."""
_ARN = "arn:{partition}:"
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
    region = settings.region or DEFAULT_REGION
    partition = next((p for prefix, p in _PARTITIONS.items() if region.startswith(prefix)), "aws")
    suffix = ".cn" if partition == "aws-cn" else ""
    return {
        "region": region,
        "id": settings.account or ACCOUNT,
        "partition": partition,
        "suffix": suffix,
    }
