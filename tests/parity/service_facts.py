"""What a target states, in one form for all: the API's members, and `LINK` where only AWS or the user knows the value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from compose2fargate.apply.handlers.service_handlers import service_state
from compose2fargate.apply.handlers.task_definition_handlers import canonical_task_definition
from tests.parity.calls import Call

LINK = "<link>"
_UNKNOWN = re.compile(r"REPLACE_ME|ACCOUNT_ID|^arn:")


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield where two documents state something else; a `LINK` is whatever the other side says."""
    if LINK in (one, other) or [LINK] in (one, other):
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            if key not in one or key not in other:
                yield f"{path}.{key}: {one.get(key)!r} != {other.get(key)!r}"
            else:
                yield from differences(one[key], other[key], f"{path}.{key}")
    elif path.endswith(("securityGroups", "subnets")) and isinstance(one, list) and isinstance(other, list):
        if LINK not in {*one, *other} and sorted(one) != sorted(other):
            yield f"{path}: {one!r} != {other!r}"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{number}]")
    elif one != other:
        yield f"{path}: {one!r} != {other!r}"


def masked(value: Any) -> Any:
    """Put `LINK` where a text is a placeholder or an ARN, and for lists that hold nothing else."""
    if isinstance(value, str):
        return LINK if _UNKNOWN.search(value) else value
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


TASK = ("family", "cpu", "memory", "networkMode", "pidMode", "requiresCompatibilities", "runtimePlatform",
        "ephemeralStorage", "containerDefinitions", "volumes", "tags")  # fmt: skip
SERVICE = ("serviceName", "desiredCount", "launchType", "capacityProviderStrategy", "platformVersion",
           "deploymentConfiguration", "availabilityZoneRebalancing", "healthCheckGracePeriodSeconds",
           "enableExecuteCommand", "enableECSManagedTags", "propagateTags", "networkConfiguration", "loadBalancers",
           "serviceConnectConfiguration", "volumeConfigurations", "tags")  # fmt: skip
Facts = dict[str, dict[str, Any]]


def facts(tasks: Iterator[Mapping[str, Any]], services: Iterator[Mapping[str, Any]]) -> Facts:
    """Collect what is compared, by name."""
    found: Facts = {}
    for task in tasks:
        found[f"task {task['family']}"] = {key: ordered(task[key]) for key in TASK if key in task}
    for service in services:
        found[f"service {service['serviceName']}"] = {
            key: ordered(service[key]) for key in SERVICE if key in service
        }
    return found


def ordered(value: Any) -> Any:
    """Sort lists of things with names, whose order means nothing to AWS."""
    for name in ("key", "capacityProvider", "containerPort"):
        if isinstance(value, list) and value and all(isinstance(i, Mapping) and name in i for i in value):
            return sorted(value, key=itemgetter(name))
    if isinstance(value, list) and all(isinstance(i, Mapping) and set(i) <= _OF_VOLUMES for i in value):
        return sorted(map(_without_usual_root, value), key=itemgetter("name"))
    return value


_OF_VOLUMES = {"name", "efsVolumeConfiguration", "configuredAtLaunch", "host"}


def _without_usual_root(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out `/`, which is what a volume has when nothing is given."""
    efs = volume.get("efsVolumeConfiguration", {})
    if efs.get("rootDirectory") != "/":
        return volume
    return {**volume, "efsVolumeConfiguration": {k: v for k, v in efs.items() if k != "rootDirectory"}}


def of_json(folder: Path) -> Facts:
    def read(name: str) -> Iterator[Any]:
        for path in sorted((folder / name).glob("*.json")):
            yield masked(json.loads(path.read_text("utf-8")))

    return facts(read("task-definitions"), read("services"))


# -- apply ---------------------------------------------------------------------------------------------------


def of_calls(calls: list[Call]) -> Facts:
    """Read what ECS was asked for."""

    def asked(operation: str, member: str) -> Iterator[Any]:
        found = (call.given for call in calls if call.operation == operation and member in call.given)
        return ({k: masked(_without_ids(v)) for k, v in one.items()} for one in found)

    return facts(asked("RegisterTaskDefinition", "family"), asked("CreateService", "serviceName"))


_ID = re.compile(r"(subnet|sg|fs|fsap)-[0-9a-f]+")


def _without_ids(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_ids(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    return LINK if isinstance(value, str) and _ID.fullmatch(value) else value


def filled(found: Facts) -> Facts:
    """Fill in what AWS takes where nothing is said."""
    return {
        name: {
            **(canonical_task_definition(one) if name.startswith("task ") else service_state(one)),
            "tags": ordered(one.get("tags", [])),
        }
        for name, one in found.items()
    }


# -- CloudFormation ------------------------------------------------------------------------------------------

_CAMEL = {"EFSVolumeConfiguration": "efsVolumeConfiguration", "FilesystemId": "fileSystemId", "IAM": "iam",
          "ManagedEBSVolume": "managedEBSVolume", "EnableECSManagedTags": "enableECSManagedTags"}  # fmt: skip
_MAPS = {"DockerLabels", "Options"}


def of_cloudformation(template: Mapping[str, Any]) -> Facts:
    defaults = {name: parameter.get("Default", LINK) for name, parameter in template["Parameters"].items()}

    def made(kind: str) -> Iterator[Any]:
        for resource in template["Resources"].values():
            if resource["Type"] == kind:
                yield masked(_camel(resource["Properties"], defaults))

    # A count that Application Auto Scaling writes is left out of a template.
    services = ({"desiredCount": LINK, **service} for service in made("AWS::ECS::Service"))
    return facts(made("AWS::ECS::TaskDefinition"), services)


def _camel(value: Any, defaults: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        (first, *_) = [*value, ""]
        if first.startswith("Fn::") or first == "Ref":
            name = value.get("Ref")
            default = defaults.get(str(name))
            return default if isinstance(default, int) or default in ("ENABLED", "DISABLED") else LINK
        return {
            _CAMEL.get(key, key[0].lower() + key[1:]): {k: _camel(v, defaults) for k, v in item.items()}
            if key in _MAPS
            else _camel(item, defaults)
            for key, item in value.items()
        }
    return [_camel(item, defaults) for item in value] if isinstance(value, list) else value


# -- Terraform -----------------------------------------------------------------------------------------------


def of_terraform(resources: list[Mapping[str, Any]], computed: frozenset[str]) -> Facts:
    """Read the state of a module as `terraform show -json` has it; `computed` are values the mock made up."""
    tasks = (_task(r["values"]) for r in resources if r["type"] == "aws_ecs_task_definition")
    services = (_service(r["values"]) for r in resources if r["type"] == "aws_ecs_service")
    return facts((_mock(t, computed) for t in tasks), (_mock(s, computed) for s in services))


def _mock(value: Any, computed: frozenset[str]) -> Any:
    if isinstance(value, str):
        return LINK if _UNKNOWN.search(value) or any(text in value for text in computed) else value
    if isinstance(value, Mapping):
        return {key: _mock(item, computed) for key, item in value.items()}
    return [_mock(item, computed) for item in value] if isinstance(value, list) else value


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _only(items: list[Any]) -> Any:
    return items[0] if items else None


def _tags(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted((values.get("tags") or {}).items())]


def _task(values: Mapping[str, Any]) -> dict[str, Any]:
    platform, storage = _only(values["runtime_platform"]), _only(values["ephemeral_storage"])
    return _given(
        {
            "family": values["family"],
            "cpu": values["cpu"],
            "memory": values["memory"],
            "networkMode": values["network_mode"],
            "pidMode": values["pid_mode"],
            "requiresCompatibilities": values["requires_compatibilities"],
            "containerDefinitions": json.loads(values["container_definitions"]),
            "volumes": [_volume(volume) for volume in sorted(values["volume"], key=lambda v: str(v["name"]))],
            "runtimePlatform": {
                "cpuArchitecture": platform["cpu_architecture"],
                "operatingSystemFamily": platform["operating_system_family"],
            },
            "ephemeralStorage": {"sizeInGiB": storage["size_in_gib"]} if storage else None,
            "tags": _tags(values),
        }
    )


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    efs = _only(volume["efs_volume_configuration"])
    made: dict[str, Any] = {
        "name": volume["name"],
        "configuredAtLaunch": volume["configure_at_launch"] or None,
    }
    if efs:
        access = _only(efs["authorization_config"])
        authorization = {"accessPointId": access["access_point_id"], "iam": access["iam"]} if access else {}
        made["efsVolumeConfiguration"] = _given(
            {
                "fileSystemId": efs["file_system_id"],
                "rootDirectory": efs["root_directory"],
                "transitEncryption": efs["transit_encryption"],
                "authorizationConfig": _given(authorization),
            }
        )
    return _given(made)


def _service(values: Mapping[str, Any]) -> dict[str, Any]:
    breaker, network = _only(values["deployment_circuit_breaker"]), _only(values["network_configuration"])
    made = {
        "serviceName": values["name"],
        "desiredCount": values["desired_count"],
        "launchType": values["launch_type"] if values["launch_type"] == "FARGATE" else None,
        "platformVersion": _version(values["platform_version"]),
        "capacityProviderStrategy": [
            {"capacityProvider": i["capacity_provider"], "weight": i["weight"], "base": i["base"] or 0}
            for i in values["capacity_provider_strategy"]
        ],
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": breaker["enable"], "rollback": breaker["rollback"]},
            "maximumPercent": values["deployment_maximum_percent"],
            "minimumHealthyPercent": values["deployment_minimum_healthy_percent"],
        },
        "availabilityZoneRebalancing": values["availability_zone_rebalancing"],
        "healthCheckGracePeriodSeconds": values["health_check_grace_period_seconds"],
        "enableExecuteCommand": values["enable_execute_command"],
        "enableECSManagedTags": values["enable_ecs_managed_tags"],
        "propagateTags": values["propagate_tags"],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": network["subnets"],
                "securityGroups": network["security_groups"],
                "assignPublicIp": "ENABLED" if network["assign_public_ip"] else "DISABLED",
            }
        },
        "loadBalancers": [
            {
                "targetGroupArn": b["target_group_arn"],
                "containerName": b["container_name"],
                "containerPort": b["container_port"],
            }
            for b in values["load_balancer"]
        ],
        "serviceConnectConfiguration": _connect(_only(values["service_connect_configuration"])),
        "volumeConfigurations": [_service_volume(volume) for volume in values["volume_configuration"]],
        "tags": _tags(values),
    }
    return _given(made)


def _version(version: str) -> str | None:
    """A platform version that is given; the mock makes one up where none is."""
    return version if version == "LATEST" or (version[:1].isdigit() and "." in version) else None


def _connect(connect: Mapping[str, Any] | None) -> Any:
    if connect is None:
        return None
    services = [
        {
            "portName": service["port_name"],
            "discoveryName": service["discovery_name"],
            "clientAliases": [{"port": a["port"], "dnsName": a["dns_name"]} for a in service["client_alias"]],
            **_timeout(_only(service["timeout"])),
        }
        for service in connect["service"]
    ]
    return _given({"enabled": connect["enabled"], "namespace": LINK, "services": services})


def _timeout(limits: Mapping[str, Any] | None) -> dict[str, Any]:
    names = {
        "idle_timeout_seconds": "idleTimeoutSeconds",
        "per_request_timeout_seconds": "perRequestTimeoutSeconds",
    }
    found = {names[name]: value for name, value in (limits or {}).items() if value is not None}
    return {"timeout": found} if found else {}


def _service_volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    ebs = _only(volume["managed_ebs_volume"])
    managed = {
        "roleArn": ebs["role_arn"],
        "sizeInGiB": ebs["size_in_gb"],
        "volumeType": ebs["volume_type"],
        "encrypted": ebs["encrypted"],
        "filesystemType": ebs["file_system_type"],
    }
    return {"name": volume["name"], "managedEBSVolume": managed}
