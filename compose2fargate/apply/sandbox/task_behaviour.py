"""How the containers of a fake task behave: when they end, and with what exit code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any

from compose2fargate.records import NamedTuple

Json = dict[str, Any]


class TaskBehaviour(NamedTuple):
    """What the tasks of a service or of a family do.

    Attributes:
        kind: `run`, `exit`, `pull` (the image is not there), `secret` (a secret has no value), `unhealthy` (container
            check), `target` (load balancer's check) or `stuck` (neither up nor down).
        exit_code: The exit code, for `exit`.
        reason: The reason that the container or the task gives; "" for what AWS says in this case.
        container: The container it happens to; "" for the first essential one.
        log: Lines that the container writes before.
        settle: How many times it is described before it happens.
        revision: Only tasks of this revision of the family; 0 for all.
        times: How many tasks it happens to; -1 for all.
    """

    kind: str = "run"
    exit_code: int = 1
    reason: str = ""
    container: str = ""
    log: tuple[str, ...] = ()
    settle: int = 0
    revision: int = 0
    times: int = -1


BEHAVIOURS: dict[str, TaskBehaviour] = {}
"""By name of the service or family."""

TASK_NUMBERS = count(1)


def new_task_id() -> str:
    """Give the id of a new task."""
    from uuid import uuid4

    return uuid4().hex


def new_container(task_arn: str, task_id: str, address: str, definition: Json) -> Json:
    """Give a container of a task as ECS describes it."""
    return {
        "containerArn": task_arn.replace(":task/", ":container/") + f"/{new_task_id()}",
        "taskArn": task_arn,
        "name": definition["name"],
        "image": definition["image"],
        "runtimeId": f"{task_id}-{next(TASK_NUMBERS)}",
        "lastStatus": "RUNNING",
        "networkInterfaces": [{"privateIpv4Address": address}],
        "healthStatus": "HEALTHY" if definition.get("healthCheck") else "UNKNOWN",
        "cpu": str(definition.get("cpu") or 0),
    }


def exit_code(
    behaviour: TaskBehaviour, container: Json, where: Mapping[str, Any]
) -> tuple[str, str, str, int | None]:
    """Stop code, stopped reason, the container's reason and exit code, worded as AWS words them."""
    if behaviour.kind == "exit":
        return (
            "EssentialContainerExited",
            "Essential container in task exited",
            behaviour.reason,
            behaviour.exit_code,
        )
    if behaviour.kind == "pull":
        reason = (
            behaviour.reason
            or f"CannotPullContainerError: failed to resolve ref {container['image']}: not found"
        )
        return "TaskFailedToStart", reason, "", None
    if behaviour.kind == "secret":
        return "TaskFailedToStart", behaviour.reason or "ResourceInitializationError", "", None
    if behaviour.kind == "unhealthy":
        return "ServiceSchedulerInitiated", behaviour.reason or "Task failed container health checks", "", 137
    groups = [balancer.get("targetGroupArn", "") for balancer in where.get("loadBalancers") or [{}]]
    return (
        "ServiceSchedulerInitiated",
        f"Task failed ELB health checks in (target-group {groups[0]})",
        "",
        143,
    )


_EXIT = re.compile(r"(?:^|;|&&|\n)[^\S\n]*exit[^\S\n]+(\d+)\Z")
_MAY_NOT_GET_THERE = re.compile(r"\b(?:exec|for|if|trap|until|wait|while)\b")


def plain_exit_code(definition: Any, overrides: Mapping[str, Any]) -> int | None:
    """The code that the first essential container's command plainly ends with, or None."""
    containers: list[Json] = definition.container_definitions
    container = next((c for c in containers if c.get("essential", True)), containers[0])
    words = [*(container.get("entryPoint") or []), *(container.get("command") or [])]
    for override in overrides.get("containerOverrides") or []:
        if override.get("name") == container.get("name") and override.get("command"):
            words = [*(container.get("entryPoint") or []), *override["command"]]
    if words in (["false"], ["/bin/false"]):
        return 1
    found = _EXIT.search(words[-1].rstrip()) if words and not _MAY_NOT_GET_THERE.search(words[-1]) else None
    return int(found[1]) if found else None
