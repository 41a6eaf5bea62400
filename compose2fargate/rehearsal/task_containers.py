"""What the engine is told of a container, made from its definition: Fargate's rules as arguments.

Where Docker and Fargate differ, the difference is a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.aws.fargate import DEFAULT_CAPABILITIES
from compose2fargate.aws.resources import ContainerDefinition, TaskDefinition, TaskVolume
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.task_memory import MIB

NOFILE: Final = 65535
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-resource-limits"""
UNPRIVILEGED: Final = "net.ipv4.ip_unprivileged_port_start"


class TaskFolder(NamedTuple):
    """A volume of the engine that stands for one of a task.

    Attributes:
        name: Its name on the engine.
        kind: `task` (task storage), `efs` or `ebs`.
        owner: User, group and mode of a new one: `0 0 0755`.
        content: A directory that a new file system has; "" for none.
    """

    name: str
    kind: str
    owner: str = "0 0 0755"
    content: str = ""


def sysctls(definition: TaskDefinition) -> dict[str, str]:
    """Give the kernel parameters of a task's network namespace.

    Docker lets every user listen below 1024, Fargate root alone, unless the definition says so.
    """
    asked = {
        control.namespace: control.value
        for container in definition.container_definitions
        for control in container.system_controls
        if control.namespace.startswith("net.")
    }
    return {UNPRIVILEGED: "1024", **asked}


def limits(definition: TaskDefinition, container: ContainerDefinition) -> dict[str, int]:
    """Give the limits of a container: its own, and never more than the task's. There is no swap."""
    memory = min(container.memory or int(definition.memory), int(definition.memory)) * MIB
    return {
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(definition.cpu) * 1_000_000_000 // 1024,
    }


def nofile(soft: int, hard: int = 0) -> list[dict[str, Any]]:
    """Give the limit on open files, the only one that Fargate sets, as the engine takes it."""
    return [{"Name": "nofile", "Soft": soft, "Hard": hard or soft}]


def host_options(definition: TaskDefinition, container: ContainerDefinition) -> dict[str, Any]:
    """Give what the engine's host configuration says of a container, except for its mounts and network."""
    linux = container.linux_parameters
    dropped = set(linux.capabilities.drop) if linux and linux.capabilities else set()
    added = set(linux.capabilities.add) if linux and linux.capabilities else set()
    keeps = set() if "ALL" in dropped else DEFAULT_CAPABILITIES - dropped
    asked = {limit.name: (limit.soft_limit, limit.hard_limit) for limit in container.ulimits}
    others = {
        control.namespace: control.value
        for control in container.system_controls
        if not control.namespace.startswith("net.")
    }
    return {
        "cap_drop": ["ALL"],
        "cap_add": sorted(keeps | added),
        "ulimits": nofile(*asked.get("nofile", (NOFILE, NOFILE))),
        "init": bool(linux and linux.init_process_enabled),
        "read_only": bool(container.readonly_root_filesystem),
        "tmpfs": {t.container_path: ",".join([f"size={t.size}m", *t.mount_options]) for t in linux.tmpfs}
        if linux
        else {},
        "sysctls": others,
        **limits(definition, container),
    }


def platform_environment(identifier: str, container: str, host: str, region: str) -> dict[str, str]:
    """Give the variables that the platform sets; the definition's own win over them, the image's do not."""
    uri = f"http://169.254.170.2/v4/{identifier}-{container}"
    return {
        "HOSTNAME": host,
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "ECS_AGENT_URI": uri.replace("/v4/", "/api/"),
        "ECS_CONTAINER_METADATA_URI": uri.replace("/v4/", "/v3/"),
        "ECS_CONTAINER_METADATA_URI_V4": uri,
    }


def container_command(container: ContainerDefinition) -> dict[str, Any]:
    """Give entry point and command where the definition has them; the image's count otherwise."""
    found: dict[str, Any] = {}
    if container.entry_point:
        found["entrypoint"] = list(container.entry_point)
    if container.command:
        found["command"] = list(container.command)
    return found


def starts_empty(volume: TaskVolume, path: str, image: Mapping[str, Any]) -> bool:
    """Tell whether a volume hides what the image has at `path`.

    Only task storage at a path that the image declares as a volume gets the image's files, with their owner:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    stored = not volume.configured_at_launch and volume.efs_volume_configuration is None
    declared = (image.get("Config") or {}).get("Volumes") or {}
    return not (stored and path.rstrip("/") in {name.rstrip("/") for name in declared})
