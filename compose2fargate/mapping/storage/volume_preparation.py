"""Containers that prepare volumes before a service starts: who may write there, and which files of the image are there.

A volume of Fargate is empty, and belongs to root. Docker copies what the image has at that place into a new named volume,
with the owner that it has there.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import ContainerDefinition, MountPoint, TaskVolume
from compose2fargate.compose.model import Mount, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.files.file_delivery import FileDelivery, report_init_image
from compose2fargate.mapping.images.image_catalogue import is_data_path, known_image
from compose2fargate.mapping.images.image_contents import files_at, is_unprivileged, lacks_program, user_of
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.storage.efs import kept_on_efs, volume_location
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.shell_text import quote

if TYPE_CHECKING:
    from compose2fargate.mapping.storage.volumes import ServiceStorage

VOLUMES_URL = f"{DOCS}/bind-mounts.html"
_OWNED = "/volumes"
_SEEDED = "/seeds"


def prepare_volumes(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    storage: ServiceStorage,
    made: ContainerDefinition,
) -> list[FileDelivery]:
    """Give the containers that have to end before `made`, the service's own, may start."""
    seeded = [each for each in _mounted(service, storage) if is_seeded(ctx, service, each[0], each[1])]
    owned = [
        each
        for each in _mounted(service, storage)
        if each not in seeded and _has_wrong_owner(ctx, service, each[1], each[3])
    ]
    containers = []
    if owned:
        containers.append(_owner(ctx, findings, service, owned, made))
    if seeded:
        containers.append(_seeder(ctx, findings, service, seeded, made))
    return [FileDelivery(container, (), ()) for container in containers]


_Mounted = tuple[int, Mount, MountPoint, TaskVolume]


def _mounted(service: Service, storage: ServiceStorage) -> Iterator[_Mounted]:
    """Yield the volumes that the service writes to, with their mounts and their places in the file."""
    volumes = {volume.name: volume for volume in storage.volumes}
    points = {point.container_path: point for point in storage.mount_points}
    for index, mount in enumerate(service.mounts):
        point = points.get(mount.target)
        if mount.type == "volume" and point and not mount.read_only:
            yield index, mount, point, volumes[point.source_volume]


# -- owners ----------------------------------------------------------------------------------------------------


def _has_wrong_owner(ctx: TranslationInput, service: Service, mount: Mount, volume: TaskVolume) -> bool:
    """Whether a volume is storage of the task, which is root's, and the service runs as somebody else."""
    built = ctx.images.get(service.name)
    declared = built is not None and mount.target.rstrip("/") in {path.rstrip("/") for path in built.volumes}
    in_task = not (volume.efs_volume_configuration or volume.configured_at_launch)
    return in_task and not declared and is_unprivileged(ctx, service)


def _owner(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    owned: Sequence[_Mounted],
    made: ContainerDefinition,
) -> ContainerDefinition:
    report_init_image(ctx.settings, findings, service)
    for index, mount, _, _ in owned:
        findings.info(
            "C2F536",
            _path(service, index),
            f"task storage belongs to root: a container gives {mount.target} to {user_of(ctx, service)} before {service.name} starts",
            url=VOLUMES_URL,
        )
    lines = [_given_away(ctx, service, mount, f"{_OWNED}/{n}") for n, (_, mount, _, _) in enumerate(owned)]
    return ContainerDefinition(
        name=ecs_name(f"{service.name}-owner"),
        image=ctx.settings.init_image,
        essential=False,
        entry_point=("/bin/sh", "-ec"),
        command=("\n".join(lines),),
        mount_points=tuple(
            MountPoint(p.source_volume, f"{_OWNED}/{n}") for n, (_, _, p, _) in enumerate(owned)
        ),
        log_configuration=made.log_configuration,
    )


def _given_away(ctx: TranslationInput, service: Service, mount: Mount, path: str) -> str:
    """A command that lets the service's user write: as the owner where its number is known and nobody else mounts the volume."""
    user = user_of(ctx, service)
    others = {
        user_of(ctx, other)
        for other in ctx.project.services.values()
        if mount.source and any(m.type == "volume" and m.source == mount.source for m in other.mounts)
    }
    if others - {user} or not user.replace(":", "").isdecimal():
        return f"chmod 0777 {path}"
    return f"chown {quote(user)} {path}"


# -- seeds -----------------------------------------------------------------------------------------------------


def is_seeded(ctx: TranslationInput, service: Service, index: int, mount: Mount) -> bool:
    """Whether a new named volume gets the files that the service's image is known to have there, as with Docker."""
    return bool(_hidden(ctx, service, index, mount)) and not lacks_program(ctx, service, "sh")


def _hidden(ctx: TranslationInput, service: Service, index: int, mount: Mount) -> str:
    """What of the image a volume hides; "" where nothing is known, or Docker would hide it too."""
    if mount.type != "volume" or not mount.source or mount.read_only or mount.options.get("nocopy") is True:
        return ""
    volume = ctx.project.volumes.get(mount.source)
    own = (volume.extensions.get("x-fargate") or {}) if volume else {}
    kept = kept_on_efs(ctx, service, index, mount)
    if own.get("ebs") or mount.options.get("subpath"):
        return ""
    if kept and not isinstance(volume_location(ctx, *kept).access_point, Ref):
        return ""  # the user's own, which has its files
    if known_image(service, ctx.images).single_writer and is_data_path(mount.target):
        return ""  # a database fills an empty folder itself
    return files_at(ctx, service, mount.target)


def report_hidden(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, index: int, mount: Mount
) -> bool:
    """Warn of files that a volume hides and nothing can bring back, since the image has no shell; tell whether it did."""
    hidden = _hidden(ctx, service, index, mount)
    if not hidden or is_seeded(ctx, service, index, mount):
        return False
    findings.warn(
        "C2F287",
        _path(service, index),
        f"the volume {mount.source} hides {hidden}: a volume starts empty, and the image has no shell to copy it with",
        hint=f"remove the volume, or copy the files to it once: compose2fargate exec, or a job that mounts {mount.source}",
        url=VOLUMES_URL,
    )
    return True


def _seeder(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    seeded: Sequence[_Mounted],
    made: ContainerDefinition,
) -> ContainerDefinition:
    lines = []
    for n, (index, mount, _, volume) in enumerate(seeded):
        findings.info(
            "C2F537",
            _path(service, index),
            f"while {mount.source} is empty, a container copies {_hidden(ctx, service, index, mount)} into it before {service.name} "
            "starts, as Docker does",
            hint="write volumes: [{type: volume, volume: {nocopy: true}, …}] to leave it empty",
            url=VOLUMES_URL,
        )
        lines.append(_copied(posixpath.normpath(mount.target), f"{_SEEDED}/{n}"))
        if _has_wrong_owner(ctx, service, mount, volume):
            lines.append(_given_away(ctx, service, mount, f"{_SEEDED}/{n}"))
    return ContainerDefinition(
        name=ecs_name(f"{service.name}-seed"),
        image=made.image,
        repository_credentials=made.repository_credentials,
        essential=False,
        entry_point=("/bin/sh", "-ec"),
        command=("\n".join(lines),),
        user="root",
        mount_points=tuple(
            MountPoint(p.source_volume, f"{_SEEDED}/{n}") for n, (_, _, p, _) in enumerate(seeded)
        ),
        log_configuration=made.log_configuration,
    )


def _copied(source: str, target: str) -> str:
    """Copy a folder into an empty one; an access point with a user of its own keeps no owners."""
    folder = f"{quote(source)}/."
    return (
        f'if [ -d {quote(source)} ] && [ -z "$(ls -A {target})" ]; then '
        f"cp -a {folder} {target}/ 2>/dev/null || cp -R {folder} {target}/; fi"
    )


def _path(service: Service, index: int) -> Path:
    return ("services", service.name, "volumes", index)
