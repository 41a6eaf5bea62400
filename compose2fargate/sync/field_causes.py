"""Which compose keys decide a field of ECS: the way back from a difference to the line that caused it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from compose2fargate.sync.fingerprints import Key

_SIZE: Final = ("x-fargate.cpu", "x-fargate.memory", "x-fargate.size", "x-fargate")

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("image", "build.context", "build", "x-fargate"),
    "cpu": ("cpus", "deploy.resources.limits.cpus", "deploy.resources.reservations.cpus", "cpu_quota", "cpu_period", *_SIZE),
    "memory": ("mem_limit", "deploy.resources.limits.memory", "deploy.resources.reservations.memory", "mem_reservation", "tmpfs", *_SIZE),
    "memoryreservation": ("mem_reservation", "deploy.resources.reservations.memory"),
    "entrypoint": ("entrypoint", "build.target", "build"),
    "command": ("command", "entrypoint", "build.target", "build", "volumes", "secrets", "configs", "x-fargate"),
    "workingdirectory": ("working_dir", "build"),
    "user": ("user", "build"),
    "environment": ("environment", "env_file", "x-fargate.secrets"),
    "secrets": ("x-fargate.secrets", "secrets", "environment"),
    "portmappings": ("ports", "expose", "build", "x-fargate"),
    "mountpoints": ("volumes", "volumes_from", "tmpfs", "secrets", "configs"),
    "volumesfrom": ("volumes_from",),
    "dependson": ("depends_on", "pre_start", "links", "volumes_from", "network_mode", "secrets", "configs", "volumes"),
    "healthcheck": ("healthcheck", "build"),
    "logconfiguration": ("logging", "name", "x-fargate"),
    "capabilities": ("cap_add", "cap_drop"),
    "initprocessenabled": ("init",),
    "tmpfs": ("tmpfs", "volumes"),
    "linuxparameters": ("cap_add", "cap_drop", "init", "tmpfs", "volumes", "shm_size"),
    "restartpolicy": ("restart", "deploy.restart_policy.condition", "deploy.restart_policy.window", "deploy.restart_policy"),
    "stoptimeout": ("stop_grace_period",),
    "starttimeout": ("depends_on", "healthcheck"),
    "essential": ("depends_on", "restart", "network_mode", "x-fargate"),
    "readonlyrootfilesystem": ("read_only",),
    "interactive": ("stdin_open",),
    "pseudoterminal": ("tty",),
    "ulimits": ("ulimits",),
    "systemcontrols": ("sysctls",),
    "dockerlabels": ("labels", "label_file"),
    "runtimeplatform": ("platform", "x-fargate"),
    "cpuarchitecture": ("platform", "x-fargate"),
    "pidmode": ("pid",),
    "volumes": ("volumes", "volumes_from", "tmpfs", "secrets", "configs"),
    "ephemeralstorage": ("storage_opt", "x-fargate"),
    "family": ("name", "container_name"),
    "name": ("container_name", "name", "hostname"),
    "desiredcount": ("scale", "deploy.replicas", "deploy.mode", "x-fargate"),
    "deploymentconfiguration": (
        "deploy.update_config.parallelism", "deploy.update_config.order", "deploy.update_config.failure_action",
        "deploy.update_config", "deploy.replicas", "scale",
    ),
    "deploymentcircuitbreaker": ("deploy.update_config.failure_action", "deploy.update_config"),
    "healthcheckgraceperiodseconds": ("healthcheck.start_period", "healthcheck"),
    "networkconfiguration": ("networks", "x-fargate"),
    "securitygroups": ("networks", "x-fargate"),
    "serviceconnectconfiguration": ("ports", "expose", "networks", "links", "container_name", "network_mode", "x-fargate", "build"),
    "serviceregistries": ("ports", "expose", "networks", "x-fargate"),
    "loadbalancers": ("ports", "healthcheck", "x-fargate"),
    "targetgroup": ("ports", "healthcheck", "x-fargate"),
    "listener": ("ports", "x-fargate"),
    "ingress": ("ports", "networks", "x-fargate"),
    "tags": ("deploy.labels", "labels", "x-fargate"),
    "scheduleexpression": ("x-fargate.schedule", "x-fargate"),
    "containerdefinitions": ("network_mode", "pid", "volumes_from", "depends_on", "secrets", "configs", "volumes", "x-fargate"),
}  # fmt: skip
"""Member of an ECS resource, lower case without separators, to the keys of a service that decide it, likeliest first."""


def candidate_keys(path: Sequence[str], service: str) -> Iterator[Key]:
    """Yield the compose keys that may decide the field at `path`, from the innermost part of it outwards."""
    for depth in range(len(path) - 1, -1, -1):
        for key in FIELDS.get(_plain(path[depth]), ()):
            yield ("services", service, *key.split("."), *path[depth + 1 : depth + 2])
            yield ("services", service, *key.split("."))
            if key in ("name", "x-fargate"):
                yield (key,)


def _plain(part: str) -> str:
    return re.sub("[^a-z0-9]", "", part.lower())


def in_ecs_terms(path: Sequence[str], service: str) -> str:
    """Write a path as a reader of ECS's documentation names it, without what only places it: `environment.LOG_LEVEL`."""
    parts = [
        part if before in _OWN_NAMES else _camel(part)
        for before, part in zip(("", *path), path, strict=False)
    ]
    parts = _without_place(parts)
    for outer in ("containerDefinitions", "jsonencode"):
        if outer in parts[:-1]:
            parts = parts[len(parts) - 1 - parts[::-1].index(outer) + 1 :]
    if len(parts) > 1 and _plain(parts[0]) == _plain(service):
        parts = parts[1:]
    if len(parts) > 2 and parts[-1] == "value":
        parts = parts[:-1]
    of_task = parts[-1:] in (["cpu"], ["memory"]) and not any(_plain(part) in _INNER for part in path)
    return f"{'task ' if of_task else ''}{'.'.join(parts)}"


def _without_place(parts: list[str]) -> list[str]:
    """Take off where CloudFormation and Terraform keep a member; its resource stays where that is not ECS's own."""
    if len(parts) > 3 and parts[2] == "properties":
        own = re.match("(taskDefinition|service)(?![a-z])", parts[1])
        return parts[3:] if own else [parts[1], *parts[3:]]
    if len(parts) > 1 and (found := re.fullmatch(r"resource (aws_\w+ .*)", parts[0])):
        own = re.match("aws_ecs_(task_definition|service) ", found[1])
        return parts[1:] if own else [found[1], *parts[1:]]
    return parts


_INNER: Final = frozenset({"containerdefinitions", "jsonencode"})
_OWN_NAMES: Final = frozenset(
    {"environment", "Environment", "secrets", "Secrets", "dockerLabels", "docker_labels", "DockerLabels"}
)
"""Members whose parts have names of the user's choice."""


def _camel(part: str) -> str:
    """Spell `memory_reservation` and `MemoryReservation` as the ECS API does; names of the user's stay as they are."""
    if re.fullmatch("[a-z]+(_[a-z]+)+", part):
        first, *rest = part.split("_")
        return first + "".join(word.capitalize() for word in rest)
    if re.fullmatch("([A-Z][a-z]+)+", part):
        return part[0].lower() + part[1:]
    return part
