"""Checks what a stack needs and does not make, before anything is changed.

What is known to be wrong is an error; what cannot be told from here is a warning.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.deployment import concurrent_graph
from compose2fargate.apply.deployment.read_state import (
    read_problems,
    read_state,
    referenced_ids,
    resolve_link,
)
from compose2fargate.apply.handlers.handler import FoundResource, HandlerContext, Json, NoSecretValueError
from compose2fargate.apply.handlers.network_handlers import default_route
from compose2fargate.apply.handlers.secret_handlers import SECRET_HANDLERS
from compose2fargate.aws.api_values import BuiltImage, Ref, resolve_text
from compose2fargate.aws.resources import (
    AccountIdentity,
    ContainerDefinition,
    EcsService,
    Existing,
    LoadBalancer,
    ManagedSecret,
    Repository,
    RunTask,
    Schedule,
    Secret,
    SecretParameter,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import PASSWORD_RULES, DbInstance, DbSubnetGroup
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

ECR_IMAGE: Final = re.compile(
    r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?"
)
_TASKS = "ecs-tasks.amazonaws.com"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def verify_prerequisites(stack: Stack, context: HandlerContext) -> list[Diagnostic]:
    """Check everything; each problem is named once.

    Raises:
        AwsError: AWS cannot be asked.
    """
    needed = _needed(stack)
    found = read_state(needed, context, leftovers=False).found
    checks = {
        "ports": lambda: list(_ports(stack)),
        "images": lambda: list(_images(stack, found, context)),
        "secrets": lambda: list(_secrets(stack, found, context)),
        "roles": lambda: list(_roles(stack, context)),
        "subnets": lambda: list(_subnets(stack, found, context)),
        "passwords": lambda: list(_passwords(stack, found, context)),
    }
    ran = concurrent_graph.run_graph(dict.fromkeys(checks, ()), lambda name: checks[name]())
    if ran.interrupted:
        raise KeyboardInterrupt
    if ran.failed:
        raise AwsError(read_problems(ran.failed))
    every = [one for name in checks for one in ran.done[name]]
    return list({(one.code, one.message): one for one in every}.values())


def _needed(stack: Stack) -> Stack:
    """Leave only what is looked up, and what decides whether images and secrets are there."""
    kinds = (AccountIdentity, VpcNetwork, Existing, Repository, SecretParameter, ManagedSecret)
    return stack._replace(
        resources={node: r for node, r in stack.resources.items() if isinstance(r, kinds)}, after={}
    )


def _containers(stack: Stack) -> Iterator[tuple[str, TaskDefinition, ContainerDefinition]]:
    for node, definition in stack.of_type(TaskDefinition):
        for container in definition.container_definitions:
            yield stack.origins.get(node, node.partition("/")[2]), definition, container


# -- images


def _images(
    stack: Stack, found: Mapping[str, FoundResource], context: HandlerContext
) -> Iterator[Diagnostic]:
    unchecked = []
    for service, _, container in _containers(stack):
        image = container.image
        text = str(resolve_text(image, lambda ref: resolve_link(found, ref)))
        if isinstance(image, BuiltImage) and image.repository.logical_id not in found:
            yield _missing_image(f"the image of {service}: its repository does not exist yet", service)
            continue
        in_ecr = ECR_IMAGE.fullmatch(text)
        if in_ecr is None:
            unchecked.append(text)
            continue
        problem = _in_ecr(in_ecr, context)
        if problem == "missing":
            built = isinstance(image, BuiltImage)
            yield _missing_image(
                f"the image {text} of {service} is not in its repository", service, built=built
            )
        elif problem:
            yield Diagnostic("C2F471", Severity.WARNING, f"the image {text} was not checked: {problem}")
    if unchecked:
        names = ", ".join(sorted(set(unchecked)))
        message = f"images outside ECR are not checked: {names}"
        yield Diagnostic(
            "C2F471",
            Severity.WARNING,
            message,
            hint="check one yourself: docker manifest inspect IMAGE",
        )


def _missing_image(message: str, service: str, *, built: bool = True) -> Diagnostic:
    other = "it is not built here: push it from where it is, or correct image: in the compose file"
    hint = f"build and push it: compose2fargate push {service}" if built else other
    return Diagnostic("C2F470", Severity.ERROR, message, hint=hint)


def _in_ecr(image: re.Match[str], context: HandlerContext) -> str:
    """Look for an image in ECR: "" it is there, "missing", or why it cannot be told."""
    registry, region, name, tag, digest = image.groups()
    if region != context.account.region:
        return f"it is in {region}"
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    try:
        context.account.client("ecr").describe_images(
            registryId=registry, repositoryName=name, imageIds=[wanted]
        )
    except context.account.client_error as error:
        code = error_code(error)
        return "missing" if code in ("ImageNotFoundException", "RepositoryNotFoundException") else code
    return ""


# -- secrets


def _secrets(
    stack: Stack, found: Mapping[str, FoundResource], context: HandlerContext
) -> Iterator[Diagnostic]:
    for node, resource in stack.resources.items():
        if not isinstance(resource, (SecretParameter, ManagedSecret)):
            continue
        if node not in found:
            yield from _is_known(resource.name, context)
        elif not SECRET_HANDLERS[type(resource)].has_value(found[node], context):
            yield Diagnostic(
                "C2F472",
                Severity.ERROR,
                f"the secret {resource.name} has no value yet: what starts now would keep a placeholder",
                hint="upload the value that the compose file names: compose2fargate secrets push",
            )
    for reference, services in _literal_secrets(stack).items():
        yield from _check_secret(reference, ", ".join(sorted(services)), context)


def _is_known(name: str, context: HandlerContext) -> Iterator[Diagnostic]:
    try:
        context.secret_value(name)
    except NoSecretValueError:
        message = f"the secret {name} does not exist, and its value is not known here"
        yield Diagnostic(
            "C2F472",
            Severity.ERROR,
            message,
            hint="run compose2fargate secrets push where the value is known",
        )


def _passwords(
    stack: Stack, found: Mapping[str, FoundResource], context: HandlerContext
) -> Iterator[Diagnostic]:
    """Hold the passwords of databases that are known here to RDS's rules; of those that are in AWS, RDS says so itself."""
    for _, store in stack.of_type(DbInstance):
        node = store.master_user_password.logical_id
        name = getattr(stack.resources.get(node), "name", "")
        if not name or node in found:
            continue
        try:
            value = context.secret_value(name)
        except NoSecretValueError:
            continue
        form, said = PASSWORD_RULES[store.engine]
        if not re.fullmatch(form, value):
            yield Diagnostic(
                "C2F574",
                Severity.ERROR,
                f"RDS does not take the password in {name} for {store.db_instance_identifier}",
                hint=f"give {store.db_instance_identifier} and its clients another one: {said}, and no line end",
            )


_BY_NAME = ":secretsmanager:"
"""What stands before the name of a secret, where only the name is given: a name without it is that of a parameter."""


def _literal_secrets(stack: Stack) -> dict[str, set[str]]:
    """Give what is named outright, and by which services."""
    named: dict[str, set[str]] = {}
    for service, _, container in _containers(stack):
        options: tuple[Secret, ...] = (
            container.log_configuration.secret_options if container.log_configuration else ()
        )
        for secret in (*container.secrets, *options):
            if isinstance(secret.value_from, str):
                named.setdefault(secret.value_from, set()).add(service)
        credentials = container.repository_credentials
        if credentials and isinstance(credentials.credentials_parameter, str):
            given = credentials.credentials_parameter
            named.setdefault(given if given.startswith("arn:") else f"{_BY_NAME}{given}", set()).add(service)
    return named


def _check_secret(reference: str, services: str, context: HandlerContext) -> Iterator[Diagnostic]:
    try:
        problem = _secret_problem(reference, context)
    except context.account.client_error as error:
        if error_code(error) not in _DENIED:
            raise
        yield Diagnostic(
            "C2F473", Severity.WARNING, f"{reference}, which {services} reads, was not checked: access denied"
        )
        return
    if problem:
        hint = f"aws ssm put-parameter --type SecureString --name {shlex.quote(reference)} --value file://…"
        if ":secretsmanager:" in reference:
            hint = "create it, or correct its ARN in the compose file"
        yield Diagnostic("C2F472", Severity.ERROR, f"{services} reads {reference}: {problem}", hint=hint)


def _secret_problem(reference: str, context: HandlerContext) -> str:
    """Say what is wrong with a parameter or secret: "" when it is there, its JSON key too."""
    if ":secretsmanager:" not in reference:
        name = reference.partition(":parameter")[2] or reference
        filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        there = context.account.pages("ssm", "describe_parameters", "Parameters", ParameterFilters=filters)
        return "" if any(there) else "there is no such parameter"
    parts = reference.split(":")
    arn, key = ":".join(parts[:7]).removeprefix(_BY_NAME), parts[7] if len(parts) > 7 else ""
    client = context.account.client("secretsmanager")
    try:
        client.describe_secret(SecretId=arn)
        if not key:
            return ""
        value = client.get_secret_value(SecretId=arn).get("SecretString", "")
    except client.exceptions.ResourceNotFoundException:
        return "there is no such secret"
    return "" if key in _json_keys(value) else f"it has no JSON key {key}"


def _json_keys(text: str) -> Iterable[str]:
    try:
        value = json.loads(text)
    except ValueError:
        return ()
    return value if isinstance(value, dict) else ()


# -- roles


def _roles(stack: Stack, context: HandlerContext) -> Iterator[Diagnostic]:
    for (role, principal), what in _used_roles(stack).items():
        name = _role_name(stack, role)
        if name is None:
            continue
        try:
            answer = context.account.client("iam").get_role(RoleName=name)["Role"]
        except context.account.client_error as error:
            code = error_code(error)
            if code == "NoSuchEntity":
                yield Diagnostic(
                    "C2F474",
                    Severity.ERROR,
                    f"there is no role {name}, which {what} needs",
                    hint="correct its name, or remove it: then one is created",
                )
            elif code in _DENIED:
                yield Diagnostic("C2F475", Severity.WARNING, f"role {name} was not checked: access denied")
            else:
                raise
            continue
        if principal not in json.dumps(answer["AssumeRolePolicyDocument"]):
            hint = f"let {principal} assume it, in its trust policy"
            yield Diagnostic(
                "C2F476",
                Severity.ERROR,
                f"role {name} cannot be assumed by {principal}, so {what} will not start",
                hint=hint,
            )


def _used_roles(stack: Stack) -> dict[tuple[Any, str], str]:
    """Give the roles that are used, who has to be able to assume each, and by what it is used."""
    used: dict[tuple[Any, str], str] = {}
    for _, definition in stack.of_type(TaskDefinition):
        for role in (definition.execution_role_arn, definition.task_role_arn):
            if role:
                used.setdefault((role, _TASKS), definition.family)
    for _, schedule in stack.of_type(Schedule):
        used.setdefault((schedule.target.role_arn, "scheduler.amazonaws.com"), schedule.name)
    return used


def _role_name(stack: Stack, role: Any) -> str | None:
    """Give the name of a role that the user has; None for one that is made here."""
    if isinstance(role, Ref):
        resource = stack.resources.get(role.logical_id)
        return resource.identifier.rpartition("/")[2] if isinstance(resource, Existing) else None
    return str(role).rpartition("/")[2] if isinstance(role, str) else None


# -- subnets


def _subnets(
    stack: Stack, found: Mapping[str, FoundResource], context: HandlerContext
) -> Iterator[Diagnostic]:
    network = found.get("network")
    if network is None:
        return
    attributes = network.attributes
    ids = sorted({*attributes["subnet_ids"], *attributes["load_balancer_subnet_ids"]})
    if not ids:
        message = f"{attributes['vpc_id']} has no subnets"
        yield Diagnostic(
            "C2F477", Severity.ERROR, message, hint="name a subnet of another VPC: --subnet subnet-…"
        )
        return
    ec2 = context.account.client("ec2")
    subnets = {one["SubnetId"]: one for one in ec2.describe_subnets(SubnetIds=ids)["Subnets"]}
    zones = {subnets[one]["AvailabilityZone"] for one in attributes["load_balancer_subnet_ids"]}
    if len(zones) < 2 and any(balancer.type == "application" for _, balancer in stack.of_type(LoadBalancer)):
        yield Diagnostic(
            "C2F477",
            Severity.ERROR,
            f"a load balancer needs subnets in two availability zones, and has {len(zones)}",
            hint="name a subnet of another zone too",
        )
    placed = {subnets[one]["AvailabilityZone"] for one in attributes["subnet_ids"] if one in subnets}
    if len(placed) < 2 and any(True for _ in stack.of_type(DbSubnetGroup)):
        yield Diagnostic(
            "C2F477",
            Severity.ERROR,
            f"a database needs subnets in two availability zones, and has {len(placed)}",
            hint="name a subnet of another zone too: --subnet subnet-…",
        )
    yield from _ways_out(stack, attributes, subnets, ec2)


def _ways_out(
    stack: Stack, network: Mapping[str, Any], subnets: Mapping[str, Json], ec2: Any
) -> Iterator[Diagnostic]:
    """Warn of tasks that could pull no image: no public IP and no NAT, or a public IP and no internet gateway."""
    vpc = network["vpc_id"]
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    tables = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    endpoints = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
    placed: list[Any] = [r for kind in (EcsService, RunTask) for _, r in stack.of_type(kind)]
    public = any(
        one.network_configuration.awsvpc_configuration.assign_public_ip == "ENABLED" for one in placed
    )
    ways = {subnet: default_route(tables, subnet) for subnet in network["subnet_ids"] if subnet in subnets}
    lost = [subnet for subnet, way in ways.items() if public and not way.startswith("igw-")]
    if lost:
        message = f"tasks get a public IP in {', '.join(lost)}, which has no route to an internet gateway: they have no outbound connection"
        hint = "name public subnets, or remove --assign-public-ip behind a NAT gateway"
        yield Diagnostic("C2F478", Severity.WARNING, message, hint=hint)
    closed = [subnet for subnet, way in ways.items() if not public and (not way or way.startswith("igw-"))]
    if closed and not endpoints:
        message = (
            f"tasks in {', '.join(closed)} have no public IP and no outbound route: they cannot pull images"
        )
        yield Diagnostic(
            "C2F478",
            Severity.WARNING,
            message,
            hint="use --assign-public-ip, a NAT gateway, or VPC endpoints",
        )


# -- ports


def _ports(stack: Stack) -> Iterator[Diagnostic]:
    """Check that load balancers and Service Connect name ports that the containers have."""
    for _, service in stack.of_type(EcsService):
        definition = _definition_of(stack, service)
        if definition is None:
            continue
        ports = {
            (c.name, p.container_port) for c in definition.container_definitions for p in c.port_mappings
        }
        for balancer in service.load_balancers:
            if (balancer.container_name, balancer.container_port) not in ports:
                where = f"container {balancer.container_name} has no port {balancer.container_port}"
                message = f"{service.service_name}: {where}, to which a target group sends requests"
                yield Diagnostic(
                    "C2F479", Severity.ERROR, message, hint="list the port under ports: or expose:"
                )


def _definition_of(stack: Stack, service: EcsService) -> TaskDefinition | None:
    for node in referenced_ids(service.task_definition):
        resource = stack.resources.get(node)
        return resource if isinstance(resource, TaskDefinition) else None
    return None
