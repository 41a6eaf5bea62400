"""Roles: what ECS, the containers and the scheduler may do, and nothing beyond it.

The execution role is what ECS itself uses to start a task: pull its images, read its secrets, write its logs. A task role is what
the containers use; it has no permissions unless the file asks for some. Names of resources that the stack holds
are Refs, so that each target writes the ARN in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref, Tag, Text
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.ownership import ownership_tags
from compose2fargate.aws.resources import (
    Condition,
    ContainerDefinition,
    Existing,
    ManagedSecret,
    Policy,
    Resource,
    Role,
    Secret,
    Statement,
    TaskDefinition,
    Trust,
)
from compose2fargate.compose.model import Service
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.deployment.rolling_updates import exec_enabled
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, cluster_name, options_of
from compose2fargate.text.lazy_patterns import lazy_pattern

TASK_ROLE_URL = f"{DOCS}/task-iam-roles.html"
TASKS, SCHEDULER, ECS = "ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "ecs.amazonaws.com"
MAX_ROLE_NAME = 64
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""

_PARTITION, _REGION, _ACCOUNT = Ref("account", "partition"), Ref("account", "region"), Ref("account", "id")
_ECR = lazy_pattern(
    r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([a-z0-9][a-z0-9._/-]*?)(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?"
)
_RANDOM_SUFFIX = lazy_pattern(r"-[A-Za-z0-9]{6}$")

Task = tuple[Service, TaskDefinition]


def role_name(stack: str, purpose: str) -> str:
    """Give a role's name; IAM allows 64 characters, and a longer one ends in digits of its hash."""
    return ecs_name(f"{stack}-{purpose}", MAX_ROLE_NAME)


def project_tags(ctx: TranslationInput) -> tuple[Tag, ...]:
    """Give the tags of what belongs to the whole project."""
    given = ownership_tags(ctx.project.name, ctx.settings.environment)
    return tuple(Tag(key, value) for key, value in {**given, **ctx.settings.tags}.items())


def _on_behalf_of(principal: str, test: str, source: JoinedText) -> Trust:
    """Let a service of AWS take a role for this account's own resources, and not for those of somebody else who names it."""
    account = Condition("StringEquals", "aws:SourceAccount", (_ACCOUNT,))
    return Trust(principal, (account, Condition(test, "aws:SourceArn", (source,))))


def _trusting_tasks() -> Trust:
    """Give the trust that AWS documents for task roles and execution roles: a task's ARN is not known before it runs.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    return _on_behalf_of(TASKS, "ArnLike", _arn("ecs", ":*"))


# -- the execution role --------------------------------------------------------------------------------------


def execution_role(
    ctx: TranslationInput, definitions: Sequence[TaskDefinition], resources: Mapping[str, Resource]
) -> Role | Existing:
    """Give the role with which ECS starts the tasks: the user's, or one that may read what these definitions name."""
    if ctx.settings.execution_role:
        return Existing("Role", ctx.settings.execution_role)
    containers = [c for definition in definitions for c in definition.container_definitions]
    statements = [s for make in _EXECUTION for s in make(containers, resources)]
    return Role(
        role_name=role_name(ctx.stack, "execution"),
        trust=_trusting_tasks(),
        description=f"Starts the tasks of {ctx.stack}: pulls their images, reads their secrets, writes their logs",
        policies=(Policy("read-what-the-tasks-need", tuple(statements)),) if statements else (),
        tags=project_tags(ctx),
    )


def _images(containers: Sequence[ContainerDefinition], _: Mapping[str, Resource]) -> Iterator[Statement]:
    """Pulling from ECR. The token is for a whole registry: IAM knows no resource for it, the one `*` that cannot be narrower."""
    repositories = _unique(filter(None, (_repository(container.image) for container in containers)))
    if repositories:
        yield Statement("RegistryToken", ("ecr:GetAuthorizationToken",), ("*",))
        actions = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
        yield Statement("PullImages", actions, repositories)


def _repository(image: str | BuiltImage) -> Text | None:
    if isinstance(image, BuiltImage):
        return Ref(image.repository.logical_id, "arn")
    match = _ECR.fullmatch(image)
    if match is None:
        return None
    account, region, name = match.groups()
    return JoinedText(("arn:", _PARTITION, f":ecr:{region}:{account}:repository/{name}"))


def _logs(containers: Sequence[ContainerDefinition], _: Mapping[str, Resource]) -> Iterator[Statement]:
    groups, created = [], []
    for container in containers:
        log = container.log_configuration
        if log is None or log.log_driver != "awslogs":
            continue
        group = log.options["awslogs-group"]
        groups.append(_log_group(group, log.options.get("awslogs-region", _REGION)))
        if str(log.options.get("awslogs-create-group", "")).lower() == "true":
            created.append(groups[-1])
    if groups:
        yield Statement("WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), _unique(groups))
    if created:
        yield Statement("CreateLogGroups", ("logs:CreateLogGroup",), _unique(created))


def _log_group(group: Text, region: Text) -> Text:
    """The streams of a log group, which is what an ARN ending in `:*` names."""
    if isinstance(group, Ref):
        return JoinedText((Ref(group.logical_id, "arn"), ":*"))
    return _arn("logs", f":log-group:{group}:*", region)


def _arn(service: str, rest: str, region: Text = _REGION) -> JoinedText:
    place = region if isinstance(region, (str, Ref)) else _REGION
    return JoinedText(("arn:", _PARTITION, f":{service}:", place, ":", _ACCOUNT, rest))


def _secrets(
    containers: Sequence[ContainerDefinition], resources: Mapping[str, Resource]
) -> Iterator[Statement]:
    found = [_secret(secret, resources) for container in containers for secret in _read_secrets(container)]
    parameters = _unique(arn for kind, arn in found if kind == "ssm")
    managed = _unique(arn for kind, arn in found if kind == "secretsmanager")
    if parameters:
        yield Statement("ReadParameters", ("ssm:GetParameters",), parameters)
    if managed:
        yield Statement("ReadSecrets", ("secretsmanager:GetSecretValue",), managed)


def _read_secrets(container: ContainerDefinition) -> Iterator[Text]:
    log = container.log_configuration
    own: tuple[Secret, ...] = (*container.secrets, *(log.secret_options if log else ()))
    yield from (secret.value_from for secret in own)
    if container.repository_credentials:
        given = container.repository_credentials.credentials_parameter
        named = isinstance(given, str) and not given.startswith("arn:")
        # AWS adds six random characters to a name.
        yield _arn("secretsmanager", f":secret:{given}-??????") if named else given


def _secret(value: Text, resources: Mapping[str, Resource]) -> tuple[str, Text]:
    """Which service holds a secret, and its ARN. A JSON key behind the ARN is no part of the resource."""
    ref = value if isinstance(value, Ref) else _first_ref(value)
    if ref is not None and ref.logical_id != "account":
        kind = "secretsmanager" if isinstance(resources.get(ref.logical_id), ManagedSecret) else "ssm"
        return kind, Ref(ref.logical_id, "arn")
    if isinstance(value, JoinedText):
        return ("secretsmanager" if ":secretsmanager:" in map(str, value.parts) else "ssm"), value
    text = str(value)
    if not text.startswith("arn:"):
        return "ssm", _arn("ssm", f":parameter/{text.removeprefix('/')}")
    parts = text.split(":")
    if parts[2:3] != ["secretsmanager"]:
        return "ssm", text
    arn = ":".join(parts[:7])
    # AWS adds six random characters to a name; who writes the ARN without them means any of them.
    return "secretsmanager", arn if _RANDOM_SUFFIX.search(arn) else f"{arn}-??????"


def _first_ref(value: Text) -> Ref | None:
    return (
        next((part for part in value.parts if isinstance(part, Ref)), None)
        if isinstance(value, JoinedText)
        else None
    )


_EXECUTION: tuple[Callable[..., Iterator[Statement]], ...] = (_images, _logs, _secrets)


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    """Each once, in an order that does not depend on the order of the services."""
    return tuple(sorted(dict.fromkeys(items), key=repr))


# -- task roles ----------------------------------------------------------------------------------------------


def task_role(
    ctx: TranslationInput,
    findings: TranslationFindings,
    leader: Service,
    services: Sequence[Service],
    extra: Iterable[Statement] = (),
) -> Role | Existing:
    """Give the role that the containers of a task have: the user's, or one with just what the file asks for.

    `extra` are statements that other parts of the mapping need, for example to mount an EFS file system.
    """
    chosen = options_of(leader).get("task_role") or ctx.settings.task_role
    if chosen:
        return Existing("Role", str(chosen))
    statements = [*extra, *(s for service in services for s in _own_statements(findings, service))]
    if any(exec_enabled(ctx.settings, service) for service in services):
        statements.append(_EXEC)
    return Role(
        role_name=role_name(ctx.stack, f"{ctx.names[leader.name]}-task"),
        trust=_trusting_tasks(),
        description=f"What the containers of {ctx.names[leader.name]} in {ctx.stack} may do",
        policies=(Policy("what-the-containers-may-do", _numbered(statements)),) if statements else (),
        managed_policy_arns=tuple(_managed(services)),
        tags=(*project_tags(ctx), Tag("compose2fargate:service", ctx.names[leader.name])),
    )


_EXEC = Statement(
    "EcsExec",
    (
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ),
    (
        "*",
    ),  # these actions know no resources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
)


def _numbered(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Statements with ids of their own: IAM wants them unique inside a policy."""
    seen: dict[str, int] = {}
    made = []
    for statement in dict.fromkeys(statements):
        count = seen[statement.sid] = seen.get(statement.sid, 0) + 1
        made.append(statement if count == 1 else statement._replace(sid=f"{statement.sid}{count}"))
    return tuple(made)


def _managed(services: Iterable[Service]) -> Iterator[Text]:
    """Managed policies by ARN; a bare name is one of AWS's own."""
    names = [
        str(name)
        for service in services
        for name in (*(options_of(service).get("managed_policies") or ()), *x_aws.policies(service))
    ]
    for name in dict.fromkeys(names):
        yield (
            name if name.startswith("arn:") else JoinedText(("arn:", _PARTITION, f":iam::aws:policy/{name}"))
        )


def _own_statements(findings: TranslationFindings, service: Service) -> Iterator[Statement]:
    """Statements of `x-fargate.statements` and of the documents in `x-fargate.policies` and `x-aws-role`."""
    own = options_of(service)
    documents = [*(own.get("policies") or ()), x_aws.role_document(service)]
    given = [*(own.get("statements") or ())]
    for document in documents:
        listed = (document or {}).get("Statement") or ()
        given.extend([listed] if isinstance(listed, Mapping) else listed)
    for index, raw in enumerate(given):
        statement = _statement(raw, f"Own{index + 1}")
        if statement is None:
            findings.refuse(
                "C2F501",
                ("services", service.name, "x-fargate", "statements"),
                "a policy statement needs Action and Resource, and Effect: Allow; statements that deny are not supported",
                hint="statements: [{Action: [s3:GetObject], Resource: [arn:aws:s3:::BUCKET/*]}]",
                url=TASK_ROLE_URL,
            )
        else:
            yield statement


def _statement(raw: Any, sid: str) -> Statement | None:
    if not isinstance(raw, Mapping):
        return None
    get = {str(key).lower(): value for key, value in raw.items()}.get
    actions, resources = _texts(get("action")), _texts(get("resource"))
    if not actions or not resources or get("effect", "Allow") != "Allow":
        return None
    conditions = tuple(
        Condition(str(test), str(variable), _texts(values))
        for test, pairs in (get("condition") or {}).items()
        for variable, values in pairs.items()
    )
    return Statement(
        re.sub(r"[^A-Za-z0-9]", "", str(get("sid") or "")) or sid, actions, resources, conditions
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


# -- the scheduler's and ECS's own roles ---------------------------------------------------------------------


def scheduler_role(ctx: TranslationInput, scheduled: Sequence[tuple[str, TaskDefinition]]) -> Role | Existing:
    """Give the role with which EventBridge Scheduler runs the tasks of `scheduled` (logical ids and definitions), in this cluster.

    A schedule that names no group is in the group `default`, and a condition can name no less than a group:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    if ctx.settings.scheduler_role:
        return Existing("Role", ctx.settings.scheduler_role)
    families = tuple(
        _arn("ecs", f":task-definition/{definition.family}:*") for _, definition in sorted(scheduled)
    )
    in_cluster = Condition("ArnEquals", "ecs:cluster", (Ref("cluster", "arn"),))
    passed = Condition("StringEquals", "iam:PassedToService", (TASKS,))
    by_run_task = Condition("StringEquals", "ecs:CreateAction", ("RunTask",))
    roles: list[Text] = [Ref("execution-role", "arn")]
    roles += [definition.task_role_arn for _, definition in scheduled if definition.task_role_arn]
    statements = (
        Statement("RunTasks", ("ecs:RunTask",), families, (in_cluster,)),
        Statement("PassRoles", ("iam:PassRole",), _unique(roles), (passed,)),
        Statement(
            "TagTasks", ("ecs:TagResource",), (_arn("ecs", f":task/{cluster_name(ctx)}/*"),), (by_run_task,)
        ),
    )
    return Role(
        role_name=role_name(ctx.stack, "scheduler"),
        trust=_on_behalf_of(SCHEDULER, "StringEquals", _arn("scheduler", ":schedule-group/default")),
        description=f"Runs the scheduled tasks of {ctx.stack}",
        policies=(Policy("run-the-scheduled-tasks", statements),),
        tags=project_tags(ctx),
    )


def infrastructure_role(ctx: TranslationInput) -> Role | Existing:
    """Give the role with which ECS makes and attaches EBS volumes; AWS keeps the policy for it up to date itself.

    AWS documents no source for what ECS does with it, so there is no condition on who may have it taken.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html
    """
    if ctx.settings.infrastructure_role:
        return Existing("Role", ctx.settings.infrastructure_role)
    policy = JoinedText(
        ("arn:", _PARTITION, ":iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes")
    )
    return Role(
        role_name=role_name(ctx.stack, "infrastructure"),
        trust=Trust(ECS),
        description=f"Makes and attaches the EBS volumes of {ctx.stack}",
        managed_policy_arns=(policy,),
        tags=project_tags(ctx),
    )
