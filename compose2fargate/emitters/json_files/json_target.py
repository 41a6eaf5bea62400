"""The json target: one file per AWS call, each taken as it is by `aws … --cli-input-json file://…`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from compose2fargate.aws.api_values import Ref, Resolve, camel_case, pascal_case, to_api
from compose2fargate.aws.policies import is_empty
from compose2fargate.aws.resources import (
    AccessPoint,
    AccountIdentity,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    Existing,
    FileSystem,
    Listener,
    LoadBalancer,
    ManagedSecret,
    Resource,
    Role,
    RunTask,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
    VpcNetwork,
    name_of,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import CacheReplicationGroup, DbInstance
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.emitters.emitter import Artifacts
from compose2fargate.emitters.json_files.commands_script import commands_script
from compose2fargate.emitters.json_files.json_api import api_text
from compose2fargate.emitters.json_files.json_roles import role_documents
from compose2fargate.emitters.json_files.json_scaling import scaling_documents
from compose2fargate.emitters.placeholders import (
    ACCOUNT,
    MARKS,
    USUAL,
    WORD,
    Placeholders,
    unused_words,
)
from compose2fargate.settings import Settings
from compose2fargate.text.json_text import json_text

DEFAULT_REGION = "us-east-1"
"""Stands in the files where no region is set; the other targets leave it to who runs them."""

# Resource type to folder and to the spelling of the API that takes it.
_FILES: tuple[tuple[type[Any], str, Callable[[str], str]], ...] = (
    (TaskDefinition, "task-definitions", camel_case),
    (EcsService, "services", camel_case),
    (RunTask, "run-tasks", camel_case),
    (Schedule, "schedules", pascal_case),
    (DbInstance, "db-instances", pascal_case),
    (CacheReplicationGroup, "cache-replication-groups", pascal_case),
)


class JsonEmitter:
    """Writes the inputs of RegisterTaskDefinition, CreateService, RunTask and CreateSchedule."""

    name = "json"
    summary = (
        "inputs for aws ecs register-task-definition, create-service, run-task and scheduler create-schedule"
    )

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render each resource that one AWS call creates, and the calls themselves in `commands.sh`."""
        texts = dict(_documents(stack, literal_resolver(stack, settings, MARKS), MARKS))
        words = unused_words(texts.values())
        files = {path: MARKS.become(words, text) for path, text in sorted(texts.items())}
        resolve = literal_resolver(stack, settings, words)
        commands = commands_script(stack, resolve, files, settings.region or DEFAULT_REGION, words)
        return {**files, "commands.sh": commands}

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
        if not settings.account and any(
            WORD not in line for text in texts for line in _lines_with(ACCOUNT, text)
        ):
            yield Diagnostic(
                "C2F292",
                Severity.WARNING,
                f"no account is set: {ACCOUNT} stands in addresses and ARNs, until commands.sh fills it in",
                hint="--account 123456789012, or --registry URI",
            )
        kinds = [name for name, part in _SHOWN_PLACEHOLDERS.items() if any(part in text for text in texts)]
        if kinds:
            options = {"subnets": "--subnet subnet-…", "security groups": "--security-group sg-…"}
            given = " ".join(option for kind, option in options.items() if kind in kinds)
            yield Diagnostic(
                "C2F298",
                Severity.INFO,
                f"placeholders ({WORD}) stand for {', '.join(kinds)}: commands.sh makes or looks up each, and fills it in",
                hint=(f"give your own with {given}, " if given else "")
                + "run commands.sh, or write your own ids into the files",
            )


def _lines_with(part: str, text: str) -> Iterator[str]:
    at = text.find(part)
    while at >= 0:
        end = text.index("\n", at)
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = text.find(part, end)


def _documents(stack: Stack, resolve: Resolve, words: Placeholders) -> Iterator[tuple[str, str]]:
    """Yield each file that a call of AWS takes, by its path."""
    by_name = _naming_roles(stack, resolve)
    for kind, folder, spell in _FILES:
        for logical_id, resource in stack.of_type(kind):
            if kind is TaskDefinition:
                text = _text(stack, logical_id, _without_empty_role(stack, resource), by_name, spell)
            elif kind is DbInstance:  # what makes a database knows no upgrade of one
                made = resource._replace(allow_major_version_upgrade=None)
                text = _text(stack, logical_id, made, resolve, spell)
            else:
                text = _text(stack, logical_id, resource, resolve, spell)
            yield f"{folder}/{stack.files[logical_id]}.json", text + "\n"
    for path, extra in {**role_documents(stack, resolve), **scaling_documents(stack, words)}.items():
        yield path, json_text(extra) + "\n"


_SHOWN_PLACEHOLDERS: Mapping[str, str] = {
    "subnets": '"subnet-REPLACE_ME',
    "security groups": '"sg-REPLACE_ME',
    "target groups": ":targetgroup/REPLACE_ME",
    "names in DNS": ":servicediscovery:",
    "passwords of databases": '"REPLACE_ME-value-of-',
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


def literal_resolver(stack: Stack, settings: Settings, words: Placeholders = USUAL) -> Resolve:
    """Literals for Refs: names where the API takes names, ARNs built from region and account elsewhere."""

    @cache  # most links lead to what there is one of in a stack
    def resolve(ref: Ref) -> Any:
        if ref.logical_id in _USUAL_ROLES and isinstance(stack.get(ref), Role):
            return _literal(ref, Existing("Role", _USUAL_ROLES[ref.logical_id]), settings, words)
        return _literal(ref, stack.get(ref), settings, words)

    return resolve


def readable_resolver(stack: Stack, settings: Settings) -> Resolve:
    """Literals for people to read: a link that this target has no spelling for is shown by its logical id."""
    literal = literal_resolver(stack, settings)

    def resolve(ref: Ref) -> Any:
        try:
            return literal(ref)
        except LookupError:
            return f"{ref.logical_id}.{ref.attribute}"

    return resolve


def _literal(ref: Ref, resource: Resource, settings: Settings, words: Placeholders) -> Any:
    """Spell a link: names as they are, ARNs from region and account, and what only AWS knows as a placeholder."""
    if isinstance(resource, AccountIdentity):
        return _account(settings, words)[ref.attribute]
    if isinstance(resource, VpcNetwork):
        return _place(resource, ref.attribute, words)
    known = _known(ref.attribute, resource)
    if known:
        return known
    account = _account(settings, words)
    placeholder = PLACEHOLDERS.get((type(resource), ref.attribute))
    if placeholder:
        return placeholder.format(name=ref.logical_id.rpartition("/")[2], word=words.word, **account)
    name = name_of(resource)
    if ref.attribute == "uri":
        return _REPOSITORY.format(name=name, **account)
    if ref.attribute == "arn":
        kind = resource.kind if isinstance(resource, Existing) else type(resource).__name__
        return (_ARN + _ARNS[kind]).format(name=name, **account)
    raise LookupError(f"{type(resource).__name__} has no {ref.attribute}")


def _known(attribute: str, resource: Resource) -> str:
    """What a resource's own name tells of an attribute, or "" where that takes more."""
    name = name_of(resource)
    if attribute == "name" and name.startswith("arn:"):
        return name.rpartition("/")[2]
    is_own = attribute == "id" and isinstance(resource, Existing)
    return name if attribute in ("name", "family") or name.startswith("arn:") or is_own else ""


def _place(network: VpcNetwork, attribute: str, words: Placeholders) -> Any:
    """Give an attribute of the network; the load balancers' subnets are the tasks' where none are given."""
    if attribute == "vpc_id":
        return network.vpc_id or f"vpc-{words.word}"
    own = network.load_balancer_subnet_ids if attribute == "load_balancer_subnet_ids" else ()
    return list(own or network.subnet_ids) or [f"subnet-{words.word}"]


_BALANCING = "arn:{partition}:elasticloadbalancing:{region}:{id}"
PLACEHOLDERS: Mapping[tuple[type[Any], str], str] = {
    (
        AccessPoint,
        "arn",
    ): "arn:{partition}:elasticfilesystem:{region}:{id}:access-point/fsap-{word}-{name}",
    (AccessPoint, "id"): "fsap-{word}-{name}",
    (FileSystem, "arn"): "arn:{partition}:elasticfilesystem:{region}:{id}:file-system/fs-{word}",
    (FileSystem, "id"): "fs-{word}",
    (SecurityGroup, "id"): "sg-{word}-{name}",
    (LoadBalancer, "arn"): _BALANCING + ":loadbalancer/{word}-{name}",
    (TargetGroup, "arn"): _BALANCING + ":targetgroup/{word}-{name}",
    (Listener, "arn"): _BALANCING + ":listener/{word}-{name}",
    (DnsNamespace, "id"): "ns-{word}-{name}",
    (SecretParameter, "value"): "{word}-value-of-{name}",
    (ManagedSecret, "value"): "{word}-value-of-{name}",
    (Existing, "value"): "{word}-value-of-{name}",
    (DbInstance, "endpoint"): "{word}-endpoint-of-{name}",
    (CacheReplicationGroup, "endpoint"): "{word}-endpoint-of-{name}",
    (DiscoveryService, "id"): "srv-{word}-{name}",
    (DiscoveryService, "arn"): "arn:{partition}:servicediscovery:{region}:{id}:service/{word}-{name}",
}
"""Type and attribute of what only AWS knows to what stands for it in the files, `name` from the logical id and `word` of the stack.
AWS refuses each."""
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


def _account(settings: Settings, words: Placeholders) -> dict[str, str]:
    region = settings.region or DEFAULT_REGION
    partition = next((p for prefix, p in _PARTITIONS.items() if region.startswith(prefix)), "aws")
    suffix = ".cn" if partition == "aws-cn" else ""
    return {
        "region": region,
        "id": settings.account or words.account,
        "partition": partition,
        "suffix": suffix,
    }
