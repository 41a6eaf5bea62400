"""Volumes: what a task keeps, where, and for how long."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import (
    DeploymentConfiguration,
    ManagedEbsVolume,
    MountPoint,
    ServiceVolumeConfiguration,
    TaskVolume,
    Tmpfs,
)
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Mount, Project, Service, Volume
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.containers.sizing import MIB, size_in_bytes
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.images.image_catalogue import is_data_path, known_image
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.storage.bind_mounts import refused_type
from compose2fargate.mapping.storage.efs import (
    EFS_URL,
    efs_configuration,
    is_in_memory,
    kept_on_efs,
    nfs_of,
    volume_location,
    volume_of,
    volume_uses,
)
from compose2fargate.mapping.storage.efs_options import efs_options, judge_options
from compose2fargate.mapping.storage.single_writers import writes_alone
from compose2fargate.mapping.storage.volume_preparation import is_seeded, report_hidden
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple

TMPFS_URL = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tmpfs.html"
STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
EBS_URL = f"{DOCS}/ebs-volumes.html"
SCHEDULED_URL = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html"
DEFAULT_TMPFS_MIB = 64
"""Size of a tmpfs that the file gives none: ECS requires one, Docker takes up to half of the host's memory."""


class ServiceStorage(NamedTuple):
    """What a service's mounts become: the task's volumes, the container's mount points and tmpfs."""

    volumes: tuple[TaskVolume, ...]
    mount_points: tuple[MountPoint, ...]
    tmpfs: tuple[Tmpfs, ...]

    @property
    def tmpfs_mib(self) -> int:
        """Memory that the in-memory file systems may fill, in MiB."""
        return sum(entry.size for entry in self.tmpfs)


def map_storage(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> ServiceStorage:
    """Map a service's volumes and tmpfs. What becomes of files and bind mounts is planned by `files.py`."""
    volumes: dict[str, TaskVolume] = {}
    mounts: list[MountPoint] = []
    tmpfs = [
        _tmpfs(findings, ("services", service.name, "tmpfs", index), text)
        for index, text in enumerate(service.tmpfs)
    ]
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        if refused_type(mount):
            continue
        if mount.type == "tmpfs":
            tmpfs.append(_mounted_tmpfs(findings, path, mount))
        elif mount.type == "volume" and mount.source and is_in_memory(volume_of(ctx.project, mount.source)):
            tmpfs.append(_volume_in_memory(ctx.project, findings, path, mount))
        else:
            volume = _task_volume(ctx, findings, service, mount, index)
            if volume:
                volumes[volume.name] = volume
                mounts.append(MountPoint(volume.name, mount.target, mount.read_only))
                if mount.type == "volume":
                    findings.outcomes.setdefault(path, _kept_at(mount, volume))
    for file in ctx.plans[service.name].copied:
        if file.mounted:
            name = ecs_name(f"files-{service.name}{file.target}")
            volumes[name] = TaskVolume(name)
            mounts.append(MountPoint(name, file.target, service.mounts[int(file.path[3])].read_only))
    # Docker mounts by the depth of the path, whatever the order in the file: https://docs.docker.com/engine/storage/volumes/ .
    # In an order of their own, lines that change places make no new revision.
    return ServiceStorage(
        tuple(volumes[name] for name in sorted(volumes)),
        tuple(sorted(mounts, key=lambda mount: mount.container_path)),
        tuple(sorted(tmpfs, key=lambda memory: memory.container_path)),
    )


def _kept_at(mount: Mount, volume: TaskVolume) -> CoverageRow:
    """Say where what is written to a volume is kept, and where it is seen."""
    lasting = "a directory on EFS" if volume.efs_volume_configuration else "storage of the task"
    where = "an EBS volume of the task" if volume.configured_at_launch else lasting
    named = f"{mount.source} is " if mount.source else ""
    return CoverageRow(KeyOutcome.MAPPED, f"{named}{where}, mounted at {mount.target}")


def _options(volume: Volume) -> Any:
    return volume.extensions.get("x-fargate") or {}


def _task_volume(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, mount: Mount, index: int
) -> TaskVolume | None:
    path: Path = ("services", service.name, "volumes", index)
    kept = kept_on_efs(ctx, service, index, mount)
    if kept:
        return _lasting(ctx, findings, service, index, kept)
    if mount.type != "volume":
        return None
    if not mount.source:
        return _anonymous(findings, service, mount, path)
    volume = ctx.project.volumes.get(mount.source)
    if volume is None or _options(volume).get("ephemeral"):
        return _scratch(ctx, findings, service, mount, path)
    return _block(ctx, findings, service, volume, path)


def _lasting(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    index: int,
    kept: tuple[str, str],
) -> TaskVolume:
    (key, subpath), mount = kept, service.mounts[index]
    path: Path = ("services", service.name, "volumes", index)
    at = volume_location(ctx, key, subpath)
    seeded = mount.type == "volume" and mount.options.get("nocopy") is not True and not mount.read_only
    # A database fills an empty directory itself, so there is nothing to say of it.
    store = known_image(service, ctx.images).single_writer and is_data_path(mount.target)
    told = is_seeded(ctx, service, index, mount) or report_hidden(ctx, findings, service, index, mount)
    if seeded and not store and not told and isinstance(at.access_point, Ref):
        findings.info(
            "C2F263",
            path,
            f"an EFS volume starts empty: what the image has at {mount.target} is not copied into {key}",
            hint="copy the files there once, unless the service fills an empty directory itself",
            url=EFS_URL,
        )
    if subpath and at.access_point and not isinstance(at.access_point, Ref):
        findings.warn(
            "C2F279",
            path,
            f"an access point exposes one directory: {key} is mounted as a whole, not its {subpath}",
            hint=f"name the access point of {subpath} in a volume of its own",
            url=EFS_URL,
        )
    name = ecs_name(posixpath.join(key, subpath) if subpath else key)
    return TaskVolume(name, efs_volume_configuration=efs_configuration(ctx, key, subpath))


def _scratch(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, mount: Mount, path: Path
) -> TaskVolume:
    """Task storage, which all containers of the task that mount it share."""
    report_hidden(ctx, findings, service, int(path[3]), mount)
    findings.info(
        "C2F262",
        path,
        f"volume {mount.source} is task storage: its data is lost when the task ends",
        url=STORAGE_URL,
    )
    leader = ctx.groups.leaders.get(service.name)
    others = sorted(
        other.name
        for other in ctx.project.services.values()
        if any(m.type == "volume" and m.source == mount.source for m in other.mounts)
        and other.name not in ctx.groups.inits
        and ctx.groups.leaders.get(other.name) != leader
    )
    if others and service.name not in ctx.groups.inits:
        findings.warn(
            "C2F279",
            path,
            f"{mount.source} is shared by the containers of one task only, and not with {', '.join(others)}",
            hint="remove ephemeral: true to keep it on EFS, or join the tasks: "
            f"under {others[0]}, x-fargate: {{sidecar_of: {leader}}}",
            url=STORAGE_URL,
        )
    return TaskVolume(ecs_name(mount.source))


def _block(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, volume: Volume, path: Path
) -> TaskVolume | None:
    """An EBS volume: made for each task, and gone with it."""
    leader = ctx.project.services[ctx.groups.leaders.get(service.name, service.name)]
    if options_of(leader).get("schedule"):
        findings.refuse(
            "C2F279",
            path,
            f"{volume.key} cannot be an EBS volume of a scheduled job: ECS attaches them to tasks of services and of RunTask, "
            "and EventBridge Scheduler cannot ask ECS for them",
            hint="set x-fargate: {ephemeral: true} on the volume to use the task's storage, up to 200 GiB (x-fargate.ephemeral_storage)",
            url=SCHEDULED_URL,
        )
    findings.warn(
        "C2F277",
        path,
        f"each task of {service.name} gets an EBS volume {volume.key} of its own, which is deleted when the task ends",
        hint="remove ebs: from the volume's x-fargate for data that must last: it is then kept on EFS",
        url=EBS_URL,
    )
    return TaskVolume(ecs_name(volume.key), configured_at_launch=True)


def _anonymous(
    findings: TranslationFindings, service: Service, mount: Mount, path: Path
) -> TaskVolume | None:
    """An anonymous volume is seeded from the image; a task volume would hide what the image has there."""
    if not service.read_only:
        findings.info(
            "C2F261",
            path,
            f"{mount.target} stays part of the container's own file system, which is writable and lasts as long as the task",
            url=STORAGE_URL,
        )
        return None
    findings.info(
        "C2F261",
        path,
        f"{mount.target} is task storage, empty at start and lost when the task ends",
        url=STORAGE_URL,
    )
    return TaskVolume(ecs_name("anonymous" + mount.target.replace("/", "-")))


# -- tmpfs ---------------------------------------------------------------------------------------------------


def _volume_in_memory(project: Project, findings: TranslationFindings, path: Path, mount: Mount) -> Tmpfs:
    """A named volume of the local driver with `type: tmpfs`. Each container has one of its own."""
    options = str(project.volumes[mount.source].driver_opts.get("o") or "")
    return _tmpfs(findings, path, f"{mount.target}:{options}")


def _mounted_tmpfs(findings: TranslationFindings, path: Path, mount: Mount) -> Tmpfs:
    mode = mount.options.get("mode")
    options = (f"mode={mode:o}" if isinstance(mode, int) else f"mode={mode}",) if mode else ()
    return Tmpfs(mount.target, _tmpfs_size(findings, path, mount.options.get("size")), options)


def _tmpfs(findings: TranslationFindings, path: Path, text: str) -> Tmpfs:
    """Read the short form `/run:size=64m,mode=755`."""
    target, _, rest = text.partition(":")
    options = [option for option in rest.split(",") if option]
    size = next((o.partition("=")[2] for o in options if o.startswith("size=")), None)
    return Tmpfs(
        target, _tmpfs_size(findings, path, size), tuple(o for o in options if not o.startswith("size="))
    )


def _tmpfs_size(findings: TranslationFindings, path: Path, size: str | int | None) -> int:
    asked = size_in_bytes(size)
    if asked:
        return ceil(asked / MIB)
    findings.info(
        "C2F265",
        path,
        f"tmpfs gets {DEFAULT_TMPFS_MIB} MiB of the task's memory: ECS needs a size, and the file gives none",
        hint="add size=…, for example /run:size=16m",
        url=TMPFS_URL,
    )
    return DEFAULT_TMPFS_MIB


# -- top-level volumes ---------------------------------------------------------------------------------------

# Drivers that people have, and what to write in their place.
_DRIVERS = {
    "rexray/ebs": "write x-fargate: {ebs: 20} to give each task an EBS volume of 20 GiB",
    "ebs": "write x-fargate: {ebs: 20} to give each task an EBS volume of 20 GiB",
    "rexray/efs": "remove the driver: volumes are kept on EFS; use --volume NAME=fs-… to name the file system that has the data",
    "cloudstor:aws": "remove the driver: volumes are kept on EFS; use --volume NAME=fs-… to name the file system that has the data",
    "efs": "remove the driver: volumes are kept on EFS; use --volume NAME=fs-… to name the file system that has the data",
    "vieux/sshfs": "copy the files to EFS, and remove the driver",
}
_EFS_INSTEAD = "remove it: the volume is then kept on EFS, with an access point of its own"


def judge_volumes(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Say where each top-level volume is kept, and what of its driver means nothing here."""
    used = {use.key: use for use in volume_uses(ctx)}
    for volume in ctx.project.volumes.values():
        _judge_driver(ctx, findings, volume)
        if volume.key in used:
            _judge_place(ctx, findings, volume)


def _judge_driver(ctx: TranslationInput, findings: TranslationFindings, volume: Volume) -> None:
    options = volume.driver_opts
    if volume.driver not in ("", "local"):
        instead = _DRIVERS.get(volume.driver.split("@")[0], _EFS_INSTEAD)
        what = f"Fargate does not support the volume driver {volume.driver}"
        findings.outcomes["volumes", volume.key, "driver"] = _no_driver(what, instead)
        return
    path: Path = ("volumes", volume.key, "driver_opts")
    kind = str(options.get("type") or "")
    if not options or kind == "tmpfs":
        return
    if efs_options(volume) and not kind:
        judge_options(
            findings, volume, made_here=isinstance(volume_location(ctx, volume.key).file_system, Ref)
        )
        return
    if kind.startswith("nfs"):
        if nfs_of(volume) is None:
            what = "a task can mount no NFS server other than EFS"
            findings.outcomes[path] = _no_driver(
                what, f"copy the data to EFS (for example with AWS DataSync), and {_EFS_INSTEAD}"
            )
    elif "bind" in str(options.get("o") or "").split(","):
        what = f"the host's {options.get('device')} becomes a directory on EFS, which starts empty: copy the existing data to it"
        findings.outcomes[path] = CoverageRow(
            KeyOutcome.APPROXIMATED, what, _EFS_INSTEAD, Severity.WARNING, "C2F267", EFS_URL
        )
    else:
        what = f"a task cannot mount a file system of type {kind or 'none'} from {options.get('device') or 'a device'}"
        findings.outcomes[path] = _no_driver(what, _EFS_INSTEAD)


def _no_driver(what: str, hint: str) -> CoverageRow:
    return CoverageRow(KeyOutcome.REFUSED, what, hint, Severity.ERROR, "C2F278", EFS_URL)


def _judge_place(ctx: TranslationInput, findings: TranslationFindings, volume: Volume) -> None:
    at = volume_location(ctx, volume.key)
    path: Path = ("volumes", volume.key)
    if volume.external and isinstance(at.access_point, Ref):
        findings.warn(
            "C2F260",
            path,
            f"volume {volume.key} is external, and the file system that holds its data is not named: it starts empty",
            hint=f"name it: --volume {volume.key}=fs-…/fsap-… (or x-fargate.file_system), or name: fs-…",
            url=EFS_URL,
        )
    elif isinstance(at.file_system, Ref) and not isinstance(at.access_point, Ref):
        findings.refuse(
            "C2F260",
            path,
            f"volume {volume.key} names an access point, but not the file system that it belongs to",
            hint="write x-fargate: {file_system: fs-…, access_point: fsap-…}",
            url=EFS_URL,
        )
    elif isinstance(at.file_system, Ref):
        findings.info(
            "C2F260",
            path,
            f"volume {volume.key} is kept on the stack's own EFS file system, encrypted, behind an access point",
            hint=f"use --file-system fs-… for your own file system, --volume {volume.key}=fs-…/fsap-… for your own access point",
            url=EFS_URL,
        )
    elif not at.access_point and at.directory != "/":
        findings.info(
            "C2F264",
            path,
            f"volume {volume.key} is the directory {at.directory} of {at.file_system}, which must exist before the task starts",
            url=EFS_URL,
        )


# -- what the task and the service around it need ------------------------------------------------------------


def check_shared_memory(findings: TranslationFindings, services: Iterable[Service], memory: int) -> None:
    """Warn where `shm_size` is more than the task's memory in MiB, up to which /dev/shm may grow."""
    for service in services:
        asked = ceil((service.shm_size or 0) / MIB)
        if asked > memory:
            findings.outcomes["services", service.name, "shm_size"] = CoverageRow(
                KeyOutcome.APPROXIMATED,
                f"/dev/shm can grow to the task's memory, {memory} MiB, which is less than the {asked} MiB asked",
                f"mem_limit: {asked * 2}m gives the task more",
                Severity.WARNING,
                "C2F202",
                STORAGE_URL,
            )


def volume_configurations(
    project: Project, findings: TranslationFindings, volumes: Sequence[TaskVolume]
) -> tuple[ServiceVolumeConfiguration, ...]:
    """Give the EBS volumes of a service or a job; ECS takes one."""
    wanted = {volume.name for volume in volumes if volume.configured_at_launch}
    if not wanted:
        return ()
    found = [(name, volume) for name, volume in _ebs_volumes(project) if name in wanted]
    for _, volume in found[1:]:
        findings.refuse(
            "C2F279",
            ("volumes", volume.key, "x-fargate", "ebs"),
            f"a task has one EBS volume at most: {volume.key} would be the second",
            hint="keep one of them on EFS, or in the task's own storage with ephemeral: true",
            url=EBS_URL,
        )
    return tuple(
        ServiceVolumeConfiguration(
            name, ManagedEbsVolume(Ref("infrastructure-role", "arn"), int(_options(volume)["ebs"]))
        )
        for name, volume in found
    )


def _ebs_volumes(project: Project) -> Iterator[tuple[str, Volume]]:
    return (
        (ecs_name(volume.key), volume) for volume in project.volumes.values() if _options(volume).get("ebs")
    )


# -- databases -----------------------------------------------------------------------------------------------


def stops_before_start(
    ctx: TranslationInput,
    findings: TranslationFindings,
    services: Iterable[Service],
    deployment: DeploymentConfiguration,
    count: int,
    advice: Callable[[Service], str] = lambda _: "",
) -> DeploymentConfiguration:
    """Stop a database before the next one starts on the same files; leave every other service as it is.

    `advice` says of a database what AWS would run in its place.
    """
    found = next(
        (
            use
            for use in volume_uses(ctx, services)
            if writes_alone(ctx.images, use.service, use.mount) and not use.mount.read_only
        ),
        None,
    )
    if found is None:
        return deployment
    managed = known_image(found.service, ctx.images).managed
    instead = f"; {managed} has no such gap and is faster than EFS{advice(found.service)}" if managed else ""
    findings.info(
        "C2F276",
        found.path,
        f"{found.service.name} keeps a database on EFS: an update stops the old task first, because two tasks would damage it",
        hint=f"expect a short gap with each update, and the latency of a network file system{instead}",
        url=EFS_URL,
    )
    if count > 1:
        findings.warn(
            "C2F276",
            found.path,
            f"{count} tasks of {found.service.name} would write to the same database files, and damage them",
            hint="set replicas: 1",
            url=EFS_URL,
        )
    return deployment._replace(maximum_percent=100, minimum_healthy_percent=0)


def report_shared_stores(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Warn where the tasks of two services would write to one store at once, which damages it as two tasks of one would."""
    writers: dict[tuple[str, str], dict[str, Path]] = {}
    for use in volume_uses(ctx):
        leader = ctx.groups.leaders.get(use.service.name, use.service.name)
        runs_on = leader not in ctx.jobs and use.service.name not in ctx.groups.inits
        if runs_on and not use.mount.read_only and _serves_data(ctx.images, use.service, use.mount):
            writers.setdefault((use.key, use.subpath), {}).setdefault(leader, use.path)
    for (key, _), leaders in writers.items():
        first, *others = leaders
        for other in others:
            findings.warn(
                "C2F544",
                leaders[other],
                f"{first} and {other} both keep a database in {key}: two tasks write to the same files, and damage them",
                hint=f"give {other} a volume of its own, or mount {key} with :ro where it is only read",
                url=EFS_URL,
            )


def _serves_data(images: Mapping[str, ImageConfig], service: Service, mount: Mount) -> bool:
    """Whether a service is a server with its data in a volume, and not a helper from the server's image that prepares them."""
    alone = known_image(service, images).single_writer and is_data_path(mount.target)
    return alone and service.entrypoint is None
