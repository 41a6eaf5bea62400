"""Volumes: what a task keeps, where, and for how long."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from compose2fargate.aws.resources import (
    EfsAuthorizationConfig,
    EfsVolumeConfiguration,
    MountPoint,
    TaskVolume,
    Tmpfs,
)
from compose2fargate.compose.model import Mount, Service, Volume
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.sizing import MIB, size_in_bytes

EFS_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/efs-volumes.html"
TMPFS_URL = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tmpfs.html"
STORAGE_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"
FILE_SYSTEM_PLACEHOLDER = "fs-REPLACE_ME"
DEFAULT_TMPFS_MIB = 64
"""Size of a tmpfs that the file gives none: ECS requires one, Docker takes up to half of the host's memory."""


class Storage(NamedTuple):
    """What a service's mounts become: the task's volumes, the container's mount points and tmpfs."""

    volumes: tuple[TaskVolume, ...]
    mount_points: tuple[MountPoint, ...]
    tmpfs: tuple[Tmpfs, ...]

    @property
    def tmpfs_mib(self) -> int:
        """Memory that the in-memory file systems may fill, in MiB."""
        return sum(entry.size for entry in self.tmpfs)


def storage(ctx: Context, service: Service) -> Storage:
    """Map a service's volumes and tmpfs. Bind mounts are reported by the coverage table, not here."""
    volumes: dict[str, TaskVolume] = {}
    mounts: list[MountPoint] = []
    tmpfs = [
        _tmpfs(ctx, ("services", service.name, "tmpfs", index), text)
        for index, text in enumerate(service.tmpfs)
    ]
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        if mount.type == "tmpfs":
            tmpfs.append(_mounted_tmpfs(ctx, path, mount))
        elif mount.type == "volume":
            volume = _task_volume(ctx, service, mount, path)
            if volume:
                volumes[volume.name] = volume
                mounts.append(MountPoint(volume.name, mount.target, mount.read_only))
    return Storage(tuple(volumes.values()), tuple(mounts), tuple(tmpfs))


def _task_volume(ctx: Context, service: Service, mount: Mount, path: Path) -> TaskVolume | None:
    if not mount.source:
        return _anonymous(ctx, service, mount, path)
    volume = ctx.project.volumes.get(mount.source)
    name = ecs_name(mount.source)
    if volume is None:
        return TaskVolume(name)
    if (volume.extensions.get("x-fargate") or {}).get("ephemeral"):
        ctx.info(
            "C2F262",
            path,
            f"volume {mount.source} is task storage: its data ends with the task",
            url=STORAGE_URL,
        )
        return TaskVolume(name)
    if mount.options.get("nocopy") is not True and not mount.read_only:
        ctx.info(
            "C2F263",
            path,
            f"an EFS volume starts empty: what the image has at {mount.target} is not copied into {mount.source}",
            hint="nothing to do for databases, which fill an empty directory themselves",
            url=EFS_URL,
        )
    return TaskVolume(name, efs_volume_configuration=_efs(ctx, volume))


def _anonymous(ctx: Context, service: Service, mount: Mount, path: Path) -> TaskVolume | None:
    """An anonymous volume is seeded from the image; a task volume would hide what the image has there."""
    if not service.read_only:
        ctx.info(
            "C2F261",
            path,
            f"{mount.target} stays part of the container's own file system, which is writable and lasts as long as the task",
            url=STORAGE_URL,
        )
        return None
    ctx.info(
        "C2F261",
        path,
        f"{mount.target} is task storage, empty at start and lost when the task ends",
        url=STORAGE_URL,
    )
    return TaskVolume(ecs_name("anonymous" + mount.target.replace("/", "-")))


def _efs(ctx: Context, volume: Volume) -> EfsVolumeConfiguration:
    own = volume.extensions.get("x-fargate") or {}
    chosen, _, access_point = ctx.settings.volumes.get(volume.key, "").partition("/")
    external = volume.name if volume.external and volume.name.startswith("fs-") else ""
    file_system = chosen or own.get("file_system") or external or ctx.settings.file_system
    access_point = access_point or own.get("access_point") or ""
    path: Path = ("volumes", volume.key)
    directory = f"/{ctx.stack}/{volume.key}"
    if not file_system:
        ctx.warn(
            "C2F260",
            path,
            f"volume {volume.key} needs an EFS file system; {FILE_SYSTEM_PLACEHOLDER} stands in its place",
            hint=f"--file-system fs-… or --volume {volume.key}=fs-…/fsap-… (or x-fargate.file_system)",
            url=EFS_URL,
        )
    if file_system and not access_point:
        ctx.info(
            "C2F264",
            path,
            f"volume {volume.key} is the directory {directory} of {file_system}, which has to exist before the task starts",
            hint=f"create an access point with that root directory and name it: --volume {volume.key}={file_system}/fsap-…",
            url=EFS_URL,
        )
    return EfsVolumeConfiguration(
        file_system_id=file_system or FILE_SYSTEM_PLACEHOLDER,
        # With an access point the root directory is the access point's own.
        root_directory=None if access_point else directory,
        authorization_config=EfsAuthorizationConfig(access_point_id=access_point) if access_point else None,
    )


def _mounted_tmpfs(ctx: Context, path: Path, mount: Mount) -> Tmpfs:
    mode = mount.options.get("mode")
    options = (f"mode={mode:o}" if isinstance(mode, int) else f"mode={mode}",) if mode else ()
    return Tmpfs(mount.target, _tmpfs_size(ctx, path, mount.options.get("size")), options)


def _tmpfs(ctx: Context, path: Path, text: str) -> Tmpfs:
    """Read the short form `/run:size=64m,mode=755`."""
    target, _, rest = text.partition(":")
    options = [option for option in rest.split(",") if option]
    size = next((o.partition("=")[2] for o in options if o.startswith("size=")), None)
    return Tmpfs(target, _tmpfs_size(ctx, path, size), tuple(o for o in options if not o.startswith("size=")))


def _tmpfs_size(ctx: Context, path: Path, size: str | int | None) -> int:
    asked = size_in_bytes(size)
    if asked:
        return ceil(asked / MIB)
    ctx.info(
        "C2F265",
        path,
        f"tmpfs gets {DEFAULT_TMPFS_MIB} MiB of the task's memory: ECS needs a size, and the file gives none",
        hint="add size=…, for example /run:size=16m",
        url=TMPFS_URL,
    )
    return DEFAULT_TMPFS_MIB
