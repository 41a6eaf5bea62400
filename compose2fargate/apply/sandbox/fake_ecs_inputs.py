"""What a task does not start without: its images in ECR, the values of its secrets, and mount targets for its volumes.

The sandbox of a person holds no images, and waits for nothing, so nobody is held to this who does not ask for it: `Sandbox.demand_inputs`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from compose2fargate.apply.sandbox.task_behaviour import Json, TaskBehaviour
from compose2fargate.credentials import is_placeholder

DEMANDED: set[str] = set()
"""Holds `inputs` where tasks do not start without them."""

_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)(?::([^@]+))?(?:@(sha256:.+))?")


MOUNTABLE_AFTER = 1.5
"""Seconds until a mount target can be used. In AWS it is a minute or two."""


def is_mountable(target: Any) -> bool:
    """Tell whether a mount target of EFS is there for tasks yet."""
    made = target.__dict__.setdefault("_made", time.monotonic())
    return "inputs" not in DEMANDED or time.monotonic() - made >= MOUNTABLE_AFTER


def missing_input(
    backend: Any, containers: Iterable[Json], volumes: Iterable[Json] = ()
) -> TaskBehaviour | None:
    """Give how a task fails to start for want of an image, of a secret's value or of a mount target; None where it starts.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    if "inputs" not in DEMANDED:
        return None
    for container in containers:
        for secret in container.get("secrets") or []:
            if not _has_value(backend, secret["valueFrom"]):
                reason = (
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
                    f"retrieval failed: unable to retrieve secret from {secret['valueFrom']}"
                )
                return TaskBehaviour("secret", reason=reason, container=container["name"])
        if not _is_pushed(backend, container["image"]):
            return TaskBehaviour("pull", container=container["name"])
    system = next((one for one in map(_file_system, volumes) if one and not _has_targets(backend, one)), None)
    if system:
        reason = (
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve"
            f" {system}.efs.{backend.region_name}.amazonaws.com - check that your file system ID is correct"
        )
        return TaskBehaviour("secret", reason=reason)
    return None


def _file_system(volume: Json) -> str:
    return str((volume.get("efsVolumeConfiguration") or {}).get("fileSystemId") or "")


def _has_targets(backend: Any, file_system: str) -> bool:
    from moto.efs.models import efs_backends

    targets = efs_backends[backend.account_id][backend.region_name].mount_targets_by_id.values()
    found = [is_mountable(one) for one in targets if one.file_system_id == file_system]
    return bool(found) and all(found)


def _is_pushed(backend: Any, image: str) -> bool:
    from moto.ecr.models import ecr_backends

    match = _ECR.fullmatch(image)
    if match is None or match[1] != backend.account_id:
        return True
    _, region, name, tag, digest = match.groups()
    repository = ecr_backends[backend.account_id][region].repositories.get(name)
    images = repository.images if repository else []
    if digest:
        return any(one.get_image_digest() == digest for one in images)
    return any((tag or "latest") in (one.image_tags or ()) for one in images)


def _has_value(backend: Any, reference: str) -> bool:
    """Tell whether a parameter or secret has a value. What starts with a placeholder keeps it: that is none.

    What is in another region is left to whoever keeps it there.
    """
    if reference.startswith("arn:") and reference.split(":")[3] != backend.region_name:
        return True
    found = (_secret_value if ":secretsmanager:" in reference else _parameter_value)(backend, reference)
    return found is not None and not is_placeholder(found)


def _secret_value(backend: Any, reference: str) -> str | None:
    from moto.secretsmanager.models import secretsmanager_backends

    secrets = secretsmanager_backends[backend.account_id][backend.region_name].secrets
    arn = ":".join(reference.split(":")[:7])
    # A partial ARN lacks the six characters that AWS adds to a name.
    secret = next((one for one in secrets.values() if one.arn == arn or one.arn[:-7] == arn), None)
    current = [] if secret is None or secret.is_deleted() else list(secret.versions.values())
    values = [one.get("secret_string") for one in current if "AWSCURRENT" in one["version_stages"]]
    return next((str(value) for value in values if value is not None), None)


def _parameter_value(backend: Any, reference: str) -> str | None:
    from moto.core.exceptions import ServiceException
    from moto.ssm.models import ssm_backends

    name = reference.partition(":parameter")[2] or reference
    try:
        found = ssm_backends[backend.account_id][backend.region_name].get_parameter(name)
    except ServiceException:
        return None
    return str(found.response_object(decrypt=True)["Value"]) if found else None
