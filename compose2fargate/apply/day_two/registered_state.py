"""What is registered in AWS, beside what the stack describes, both in one form: the reading half of `check --live`.

AWS adds members that nobody wrote, and gives some back in another order or as ARNs. `DEFAULTS` and `UNORDERED` say
which; after `read_registered_state` has applied them, whatever differs was changed by somebody.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.aws.api_values import Ref, to_api
from compose2fargate.aws.observation import Observation
from compose2fargate.aws.resources import (
    EcsService,
    Role,
    ScalableTarget,
    TaskDefinition,
    VpcNetwork,
    name_of,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity, UsageError

_ANY: Final = "\0"
"""Stands for what only AWS knows: an id, an account."""
_PLACEHOLDERS: Final = re.compile(r"(?<![\w-])[\w-]*REPLACE_ME(?:_\d+)?|\bACCOUNT_ID(?:_\d+)?\b")
_BATCH: Final = 10
"""How many services DescribeServices takes at once."""


def read_registered_state(stack: Stack, *, region: str = "", profile: str = "") -> list[Observation]:
    """Read every task definition and service of the stack.

    Args:
        stack: What is to be there.
        region: Where; "" for the one of boto3's own chain.
        profile: A profile of the AWS configuration; "" for the default.

    Raises:
        AwsError: There are no credentials, or AWS refused or could not be reached.
        UsageError: boto3 is not installed.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise UsageError(_problem("--live needs boto3", "pip install boto3")) from error
    try:
        return list(_observed(stack, _client(region, profile)))
    except (BotoCoreError, ClientError) as error:
        hint = "test the credentials with aws sts get-caller-identity; choose others with --region and --aws-profile"
        raise AwsError(_problem(f"AWS could not be queried: {error}", hint)) from error


def _problem(message: str, hint: str) -> Diagnostic:
    return Diagnostic("C2F337", Severity.ERROR, message, hint=hint)


def _client(region: str, profile: str) -> Any:
    import boto3

    session: Any = boto3.Session(region_name=region or None, profile_name=profile or None)
    return session.client("ecs")


def _observed(stack: Stack, client: Any) -> Iterator[Observation]:
    latest: dict[str, str] = {}
    for logical_id, definition in stack.of_type(TaskDefinition):
        found = _task_definition(client, definition.family)
        desired = _settled(_wanted(stack, logical_id), found)
        name = _short(found["taskDefinitionArn"]) if found else definition.family
        latest[definition.family] = name if found else ""
        actual = found and _without_defaults(_without(found, _OF_TASK_DEFINITIONS), desired)
        yield Observation(stack.origins.get(logical_id, ""), "task definition", name, desired, actual)
    services = list(stack.of_type(EcsService))
    there = _services(client, stack, [service for _, service in services])
    for logical_id, service in services:
        yield _service(stack, logical_id, service, there.get(service.service_name), latest)


def _service(
    stack: Stack,
    logical_id: str,
    service: EcsService,
    found: Mapping[str, Any] | None,
    latest: Mapping[str, str],
) -> Observation:
    family = stack.get(service.task_definition).family if isinstance(service.task_definition, Ref) else ""  # type: ignore[union-attr]
    wanted = _without(_wanted(stack, logical_id), ("cluster", "taskDefinition", "tags"))
    if any(_points_to(target, logical_id) for _, target in stack.of_type(ScalableTarget)):
        del wanted["desiredCount"]  # autoscaling writes it
    actual = found and {**_latest_deployment(found), **found}
    desired = _settled(wanted, actual)
    # A service has many members that only AWS writes; what the stack does not state is not compared.
    shown = actual and _like(actual, desired)
    running = _short(found["taskDefinition"]) if found else ""
    return Observation(
        stack.origins.get(logical_id, ""),
        "service",
        service.service_name,
        desired,
        shown,
        latest.get(family, ""),
        running,
    )


def _points_to(target: ScalableTarget, logical_id: str) -> bool:
    return any(isinstance(part, Ref) and part.logical_id == logical_id for part in _flat(target))


def _flat(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, tuple) and not isinstance(value, Ref):
        for item in value:
            yield from _flat(item)


def _task_definition(client: Any, family: str) -> dict[str, Any] | None:
    """Give the latest active revision; None when there is none."""
    from botocore.exceptions import ClientError

    try:
        found = client.describe_task_definition(taskDefinition=family)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ClientException":
            return None  # "Unable to describe task definition."
        raise
    described: dict[str, Any] = found["taskDefinition"]
    return None if described.get("status") == "INACTIVE" else described


def _services(client: Any, stack: Stack, services: Sequence[EcsService]) -> dict[str, dict[str, Any]]:
    """Describe the services, cluster by cluster, as many at once as AWS takes."""
    clusters: dict[str, list[str]] = {}
    for service in services:
        cluster = service.cluster
        name = name_of(stack.get(cluster)) if isinstance(cluster, Ref) else str(cluster)
        clusters.setdefault(name, []).append(service.service_name)
    found: dict[str, dict[str, Any]] = {}
    for cluster, names in clusters.items():
        for begin in range(0, len(names), _BATCH):
            answer = _described(client, cluster, names[begin : begin + _BATCH])
            found.update({s["serviceName"]: s for s in answer if s.get("status") != "INACTIVE"})
    return found


def _described(client: Any, cluster: str, names: Sequence[str]) -> list[dict[str, Any]]:
    from botocore.exceptions import ClientError

    try:
        answer: list[dict[str, Any]] = client.describe_services(cluster=cluster, services=names)["services"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ClusterNotFoundException":
            return []
        raise
    return answer


def _latest_deployment(service: Mapping[str, Any]) -> dict[str, Any]:
    """Members that DescribeServices gives with the deployment only."""
    deployments = service.get("deployments") or [{}]
    return {
        key: deployments[0][key]
        for key in ("serviceConnectConfiguration", "volumeConfigurations")
        if key in deployments[0]
    }


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


# ----------------------------------------------------------------------------------------------------------
# One form for both sides
# ----------------------------------------------------------------------------------------------------------

_OF_TASK_DEFINITIONS: Final = (
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
    "deregisteredAt", "tags",
)  # fmt: skip
"""Members that RegisterTaskDefinition does not take, or gives back elsewhere."""

DEFAULTS: Final[Mapping[str, tuple[Any, ...]]] = {
    "cpu": (0,),
    "essential": (True,),
    "protocol": ("tcp",),
    "interval": (30,),
    "timeout": (5,),
    "retries": (3,),
    "rootDirectory": ("/",),
    "transitEncryption": ("DISABLED",),
    "iam": ("DISABLED",),
    "readOnly": (False,),
    "enableFaultInjection": (False,),
    "versionConsistency": ("enabled",),
    "readonlyRootFilesystem": (False,),
    "interactive": (False,),
    "pseudoTerminal": (False,),
    "privileged": (False,),
    "initProcessEnabled": (False,),
    "operatingSystemFamily": ("LINUX",),
    "networkMode": ("awsvpc",),
    "enabled": (False,),
}
"""Member to the values that it has when nobody wrote it; empty lists and objects are such values everywhere."""

_SAME_AS: Final[Mapping[str, str]] = {"hostPort": "containerPort"}
"""In awsvpc mode the one is always the other."""

UNORDERED: Final[Mapping[str, str]] = {
    "environment": "name",
    "secrets": "name",
    "portMappings": "containerPort",
    "mountPoints": "containerPath",
    "volumes": "name",
    "dependsOn": "containerName",
    "ulimits": "name",
    "systemControls": "namespace",
    "containerDefinitions": "name",
}
"""Lists whose order means nothing, and the member by which their items are known."""

_SETS: Final = frozenset({"subnets", "securityGroups", "requiresCompatibilities", "add", "drop"})


def _wanted(stack: Stack, logical_id: str) -> dict[str, Any]:
    """Spell a resource as the API does; what only AWS knows, or each target calls otherwise, is `_ANY`."""

    def resolve(ref: Ref) -> Any:
        target = stack.get(ref)
        if isinstance(target, VpcNetwork):
            return list(getattr(target, ref.attribute)) or [_ANY]
        name = "" if isinstance(target, Role) else name_of(target)
        if ref.attribute in ("name", "family") and name:
            return name
        return name if name.startswith("arn:") else f"{_ANY}{name}"

    wanted = to_api(stack.resources[logical_id], resolve)
    if logical_id in stack.extras:
        from compose2fargate.aws.patching import merge_extras

        wanted = merge_extras(wanted, stack.extras[logical_id])
    return _without(_sorted(wanted), ("tags",))


def _sorted(value: Any, member: str = "") -> Any:
    """Bring what has no order into one."""
    if isinstance(value, Mapping):
        return {key: _sorted(item, key) for key, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    items = [_sorted(item) for item in value]
    by = UNORDERED.get(member)
    if by and all(isinstance(item, dict) and by in item for item in items):
        return sorted(items, key=lambda item: str(item[by]))
    return sorted(items, key=str) if member in _SETS else items


def _without(value: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
    left_out = frozenset(members)
    return {key: item for key, item in value.items() if key not in left_out}


def _settled(desired: Any, actual: Any) -> Any:
    """Put in what AWS knows, where it fits what is desired."""
    if isinstance(desired, dict):
        other = actual if isinstance(actual, Mapping) else {}
        return {
            key: _settled(item, _sorted(other.get(key), key))
            for key, item in desired.items()
            if key in other
            or not (isinstance(item, str) and _is_any(item))  # a role that a target leaves out
        }
    if isinstance(desired, list):
        items = actual if isinstance(actual, list) else []
        if desired and all(isinstance(item, str) and _is_any(item) for item in desired):
            return items or desired  # ids that are not known here, however many
        return [_settled(item, _partner(item, items, index)) for index, item in enumerate(desired)]
    if isinstance(desired, str) and isinstance(actual, str) and _fits(desired, actual):
        return actual
    return desired


def _partner(item: Any, items: Sequence[Any], index: int) -> Any:
    """Find the item that is meant: the one of the same name, or else the one in the same place."""
    for by in dict.fromkeys(UNORDERED.values()):
        if isinstance(item, dict) and by in item:
            return next(
                (other for other in items if isinstance(other, Mapping) and other.get(by) == item[by]), None
            )
    return items[index] if index < len(items) else None


def _is_any(text: str) -> bool:
    return _PLACEHOLDERS.sub(_ANY, text) == _ANY


def _fits(desired: str, actual: str) -> bool:
    """Tell whether a text from AWS is what is desired: the same, its ARN, or with an id that only AWS knows."""
    if _has_parts(actual, _PLACEHOLDERS.sub(_ANY, desired).split(_ANY)):
        return True
    return actual.startswith("arn:") and re.search(rf"[/:]{re.escape(desired)}$", actual) is not None


def _has_parts(text: str, parts: Sequence[str]) -> bool:
    """Tell whether a text is made of parts with anything between them: an expression with many gaps tries all ways."""
    first, *between = parts
    if not between:
        return text == first
    at, end = len(first), len(text) - len(between[-1])
    if not text.startswith(first) or not text.endswith(between[-1]):
        return False
    for part in between[:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def _without_defaults(actual: Any, desired: Any, member: str = "") -> Any:
    """Leave out of `actual` what AWS adds by itself, and bring it into the same order."""
    actual = _sorted(actual, member)
    if isinstance(actual, dict):
        wanted = desired if isinstance(desired, dict) else {}
        return {
            key: _without_defaults(item, wanted.get(key), key)
            for key, item in actual.items()
            if key in wanted or not _is_default(key, item, actual)
        }
    if isinstance(actual, list):
        items = desired if isinstance(desired, list) else []
        return [_without_defaults(item, _partner(item, items, index)) for index, item in enumerate(actual)]
    return actual


def _is_default(key: str, value: Any, within: Mapping[str, Any]) -> bool:
    if value in ([], {}, None, ""):
        return True
    if key in _SAME_AS:
        return bool(value in (0, within.get(_SAME_AS[key])))
    return any(value == default and type(value) is type(default) for default in DEFAULTS.get(key, ()))


def _like(actual: Any, desired: Any) -> Any:
    """Keep the members of `actual` that `desired` states."""
    if isinstance(desired, dict) and isinstance(actual, Mapping):
        return {key: _like(_sorted(actual[key], key), item) for key, item in desired.items() if key in actual}
    if isinstance(desired, list) and isinstance(actual, list):
        return [
            _like(item, _partner(item, desired, index)) if isinstance(item, dict) else item
            for index, item in enumerate(actual)
        ]
    return actual
