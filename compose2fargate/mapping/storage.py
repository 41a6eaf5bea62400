"""Volumes: what a task keeps, where, and for how long."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import (
    DeploymentConfiguration,
    ManagedEbsVolume,
    MountPoint,
    ServiceVolumeConfiguration,
    TaskVolume,
    Tmpfs,
)
from compose2fargate.aws.values import Ref
from compose2fargate.compose.model import Mount, Service, Volume
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.binds import is_data_path, refused_type
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.filesystem import (
    EFS_URL,
    efs_configuration,
    is_in_memory,
    kept_on_efs,
    nfs_of,
    place,
    uses,
    volume_of,
)
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.sizing import MIB, repository, size_in_bytes

TMPFS_URL = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tmpfs.html"
STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
EBS_URL = f"{DOCS}/ebs-volumes.html"
SCHEDULED_URL = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html"
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
    """Map a service's volumes and tmpfs. What becomes of files and bind mounts is planned by `files.py`."""
    volumes: dict[str, TaskVolume] = {}
    mounts: list[MountPoint] = []
    tmpfs = [
        _tmpfs(ctx, ("services", service.name, "tmpfs", index), text)
        for index, text in enumerate(service.tmpfs)
    ]
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        if refused_type(mount):
            continue
        if mount.type == "tmpfs":
            tmpfs.append(_mounted_tmpfs(ctx, path, mount))
        elif mount.type == "volume" and mount.source and is_in_memory(volume_of(ctx, mount.source)):
            tmpfs.append(_volume_in_memory(ctx, path, mount))
        else:
            volume = _task_volume(ctx, service, mount, index)
            if volume:
                volumes[volume.name] = volume
                mounts.append(MountPoint(volume.name, mount.target, mount.read_only))
                if mount.type == "volume":
                    ctx.outcomes.setdefault(path, _kept_at(mount, volume))
    for file in ctx.plans[service.name].copied:
        if file.mounted:
            name = ecs_name(f"files-{service.name}{file.target}")
            volumes[name] = TaskVolume(name)
            mounts.append(MountPoint(name, file.target, service.mounts[int(file.path[3])].read_only))
    # Docker mounts by the depth of the path, whatever the order in the file: https://docs.docker.com/engine/storage/volumes/ .
    # In an order of their own, lines that change places make no new revision.
    return Storage(
        tuple(volumes[name] for name in sorted(volumes)),
        tuple(sorted(mounts, key=lambda mount: mount.container_path)),
        tuple(sorted(tmpfs, key=lambda memory: memory.container_path)),
    )


def _kept_at(mount: Mount, volume: TaskVolume) -> Row:
    """Say where what is written to a volume is kept, and where it is seen."""
    lasting = "a directory on EFS" if volume.efs_volume_configuration else "storage of the task"
    where = "an EBS volume of the task" if volume.configured_at_launch else lasting
    named = f"{mount.source} is " if mount.source else ""
    return Row(Outcome.MAPPED, f"{named}{where}, mounted at {mount.target}")


def _options(volume: Volume) -> Any:
    return volume.extensions.get("x-fargate") or {}


def _task_volume(ctx: Context, service: Service, mount: Mount, index: int) -> TaskVolume | None:
    path: Path = ("services", service.name, "volumes", index)
    kept = kept_on_efs(ctx, service, index, mount)
    if kept:
        return _lasting(ctx, service, mount, *kept, path)
    if mount.type != "volume":
        return None
    if not mount.source:
        return _anonymous(ctx, service, mount, path)
    volume = ctx.project.volumes.get(mount.source)
    if volume is None or _options(volume).get("ephemeral"):
        return _scratch(ctx, service, mount, path)
    return _block(ctx, service, volume, path)


def _lasting(ctx: Context, service: Service, mount: Mount, key: str, subpath: str, path: Path) -> TaskVolume:
    at = place(ctx, key, subpath)
    seeded = mount.type == "volume" and mount.options.get("nocopy") is not True and not mount.read_only
    # A database fills an empty directory itself, so there is nothing to say of it.
    store = _writes_alone(ctx, service) and is_data_path(mount.target)
    if seeded and not store and isinstance(at.access_point, Ref):
        ctx.info(
            "C2F263",
            path,
            f"an EFS volume starts empty: what the image has at {mount.target} is not copied into {key}",
            hint="nothing to do where the service fills an empty directory itself; else copy the files there once",
            url=EFS_URL,
        )
    if subpath and at.access_point and not isinstance(at.access_point, Ref):
        ctx.warn(
            "C2F279",
            path,
            f"an access point shows one directory: {key} is mounted as a whole, not its {subpath}",
            hint=f"name the access point of {subpath} in a volume of its own",
            url=EFS_URL,
        )
    name = ecs_name(posixpath.join(key, subpath) if subpath else key)
    return TaskVolume(name, efs_volume_configuration=efs_configuration(ctx, key, subpath))


def _scratch(ctx: Context, service: Service, mount: Mount, path: Path) -> TaskVolume:
    """Task storage, which all containers of the task that mount it share."""
    ctx.info(
        "C2F262",
        path,
        f"volume {mount.source} is task storage: its data ends with the task",
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
        ctx.warn(
            "C2F279",
            path,
            f"{mount.source} is shared by the containers of one task only, and not with {', '.join(others)}",
            hint="take ephemeral: true out, which keeps it on EFS, or join the tasks: "
            f"under {others[0]}, x-fargate: {{sidecar_of: {leader}}}",
            url=STORAGE_URL,
        )
    return TaskVolume(ecs_name(mount.source))


def _block(ctx: Context, service: Service, volume: Volume, path: Path) -> TaskVolume | None:
    """An EBS volume: made for each task, and gone with it."""
    leader = ctx.project.services[ctx.groups.leaders.get(service.name, service.name)]
    if options_of(leader).get("schedule"):
        ctx.refuse(
            "C2F279",
            path,
            f"{volume.key} cannot be an EBS volume of a scheduled job: ECS attaches them to tasks of services and of RunTask, "
            "and EventBridge Scheduler's target for ECS has no word for them",
            hint="x-fargate: {ephemeral: true} on the volume uses the task's own storage, up to 200 GiB (x-fargate.ephemeral_storage)",
            url=SCHEDULED_URL,
        )
    ctx.warn(
        "C2F277",
        path,
        f"each task of {service.name} gets an EBS volume {volume.key} of its own, which is deleted when the task ends",
        hint="take ebs: out of the volume's x-fargate for data that has to last: it is then kept on EFS",
        url=EBS_URL,
    )
    return TaskVolume(ecs_name(volume.key), configured_at_launch=True)


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


# -- tmpfs ---------------------------------------------------------------------------------------------------


def _volume_in_memory(ctx: Context, path: Path, mount: Mount) -> Tmpfs:
    """A named volume of the local driver with `type: tmpfs`. Each container has one of its own."""
    options = str(ctx.project.volumes[mount.source].driver_opts.get("o") or "")
    return _tmpfs(ctx, path, f"{mount.target}:{options}")


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


# -- top-level volumes ---------------------------------------------------------------------------------------

# Drivers that people have, and what to write in their place.
_DRIVERS = {
    "rexray/ebs": "x-fargate: {ebs: 20} gives each task an EBS volume of 20 GiB",
    "ebs": "x-fargate: {ebs: 20} gives each task an EBS volume of 20 GiB",
    "rexray/efs": "take the driver out: volumes are kept on EFS; --volume NAME=fs-… names the file system that has the data",
    "cloudstor:aws": "take the driver out: volumes are kept on EFS; --volume NAME=fs-… names the file system that has the data",
    "efs": "take the driver out: volumes are kept on EFS; --volume NAME=fs-… names the file system that has the data",
    "vieux/sshfs": "copy the files to EFS, and take the driver out",
}
_EFS_INSTEAD = "take it out: the volume is then kept on EFS, with an access point of its own"


def judge_volumes(ctx: Context) -> None:
    """Say where each top-level volume is kept, and what of its driver means nothing here."""
    used = {use.key: use for use in uses(ctx)}
    for volume in ctx.project.volumes.values():
        _judge_driver(ctx, volume)
        if volume.key in used:
            _judge_place(ctx, volume)


def _judge_driver(ctx: Context, volume: Volume) -> None:
    options = volume.driver_opts
    if volume.driver not in ("", "local"):
        instead = _DRIVERS.get(volume.driver.split("@")[0], _EFS_INSTEAD)
        what = f"there is no volume driver {volume.driver} on Fargate"
        ctx.outcomes["volumes", volume.key, "driver"] = _no_driver(what, instead)
        return
    path: Path = ("volumes", volume.key, "driver_opts")
    kind = str(options.get("type") or "")
    if not options or kind == "tmpfs":
        return
    if kind.startswith("nfs"):
        if nfs_of(volume) is None:
            what = "a task mounts no NFS server but EFS"
            ctx.outcomes[path] = _no_driver(
                what, f"copy the data to EFS (AWS DataSync does), and {_EFS_INSTEAD}"
            )
    elif "bind" in str(options.get("o") or "").split(","):
        what = f"the host's {options.get('device')} becomes a directory on EFS, which starts empty: copy over what is there"
        ctx.outcomes[path] = Row(
            Outcome.APPROXIMATED, what, _EFS_INSTEAD, Severity.WARNING, "C2F267", EFS_URL
        )
    else:
        what = f"a task cannot mount a file system of type {kind or 'none'} from {options.get('device') or 'a device'}"
        ctx.outcomes[path] = _no_driver(what, _EFS_INSTEAD)


def _no_driver(what: str, hint: str) -> Row:
    return Row(Outcome.REFUSED, what, hint, Severity.ERROR, "C2F278", EFS_URL)


def _judge_place(ctx: Context, volume: Volume) -> None:
    at = place(ctx, volume.key)
    path: Path = ("volumes", volume.key)
    if volume.external and isinstance(at.access_point, Ref):
        ctx.warn(
            "C2F260",
            path,
            f"volume {volume.key} is external, and the file system that holds its data is not named: it starts empty",
            hint=f"--volume {volume.key}=fs-…/fsap-… (or x-fargate.file_system), or name: fs-…",
            url=EFS_URL,
        )
    elif isinstance(at.file_system, Ref):
        ctx.info(
            "C2F260",
            path,
            f"volume {volume.key} is kept on the stack's own EFS file system, encrypted, behind an access point",
            hint=f"--file-system fs-… uses one that you have, --volume {volume.key}=fs-…/fsap-… an access point too",
            url=EFS_URL,
        )
    elif not at.access_point and at.directory != "/":
        ctx.info(
            "C2F264",
            path,
            f"volume {volume.key} is the directory {at.directory} of {at.file_system}, which has to exist before the task starts",
            url=EFS_URL,
        )


# -- what the task and the service around it need ------------------------------------------------------------


def check_shared_memory(ctx: Context, services: Iterable[Service], memory: int) -> None:
    """Warn where `shm_size` is more than the task's memory in MiB, up to which /dev/shm may grow."""
    for service in services:
        asked = ceil((service.shm_size or 0) / MIB)
        if asked > memory:
            ctx.outcomes["services", service.name, "shm_size"] = Row(
                Outcome.APPROXIMATED,
                f"/dev/shm can grow to the task's memory, {memory} MiB, which is less than the {asked} MiB asked",
                f"mem_limit: {asked * 2}m gives the task more",
                Severity.WARNING,
                "C2F202",
                STORAGE_URL,
            )


def volume_configurations(
    ctx: Context, volumes: Sequence[TaskVolume]
) -> tuple[ServiceVolumeConfiguration, ...]:
    """Give the EBS volumes of a service or a job; ECS takes one."""
    wanted = {volume.name for volume in volumes if volume.configured_at_launch}
    if not wanted:
        return ()
    found = [(name, volume) for name, volume in _ebs_volumes(ctx) if name in wanted]
    for _, volume in found[1:]:
        ctx.refuse(
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


def _ebs_volumes(ctx: Context) -> Iterator[tuple[str, Volume]]:
    return (
        (ecs_name(volume.key), volume)
        for volume in ctx.project.volumes.values()
        if _options(volume).get("ebs")
    )


# -- databases -----------------------------------------------------------------------------------------------

_SINGLE_WRITERS = re.compile(
    r"arangodb3?|cassandra|clickhouse-server|cockroach|consul|couchdb|dragonfly|elasticsearch|etcd|gitea|grafana(-oss|-enterprise)?"
    r"|influxdb|jenkins|keydb|mariadb(-galera)?|meilisearch|mongo(db)?|mssql-server|mysql|neo4j|nexus3|opensearch|percona(-server)?"
    r"|pgvector|postgis|postgres(ql)?|prometheus|qdrant|questdb|rabbitmq|redis(-stack(-server)?)?|rethinkdb|server|solr|sonarqube"
    r"|timescaledb(-ha)?|valkey|victoria-metrics|weaviate|zookeeper"
)
"""Images that keep a database in their volume, which two of them at once would damage."""
_MANAGED = {
    "postgres": "Amazon RDS or Aurora", "postgresql": "Amazon RDS or Aurora", "postgis": "Amazon RDS or Aurora",
    "pgvector": "Amazon RDS or Aurora", "mysql": "Amazon RDS or Aurora", "mariadb": "Amazon RDS", "mssql-server": "Amazon RDS",
    "redis": "Amazon ElastiCache", "valkey": "Amazon ElastiCache", "mongo": "Amazon DocumentDB", "rabbitmq": "Amazon MQ",
    "elasticsearch": "Amazon OpenSearch Service", "opensearch": "Amazon OpenSearch Service", "cassandra": "Amazon Keyspaces",
}  # fmt: skip


def updated_alone(
    ctx: Context, services: Iterable[Service], deployment: DeploymentConfiguration, count: int
) -> DeploymentConfiguration:
    """Stop a database before the next one starts on the same files; leave every other service as it is."""
    found = next(
        (use for use in uses(ctx, services) if _writes_alone(ctx, use.service) and not use.mount.read_only),
        None,
    )
    if found is None:
        return deployment
    name = _base_name(ctx, found.service)
    managed = _MANAGED.get(name)
    advice = f"; {managed} has no such gap and is faster than EFS" if managed else ""
    ctx.info(
        "C2F276",
        found.path,
        f"{found.service.name} keeps a database on EFS: an update stops the old task before the new one starts, since two would damage it",
        hint=f"expect a short gap with each update, and the latency of a network file system{advice}",
        url=EFS_URL,
    )
    if count > 1:
        ctx.warn(
            "C2F276",
            found.path,
            f"{count} tasks of {found.service.name} would write to the same database files, and damage them",
            hint="set replicas: 1",
            url=EFS_URL,
        )
    return deployment._replace(maximum_percent=100, minimum_healthy_percent=0)


def _base_name(ctx: Context, service: Service) -> str:
    image = ctx.images.get(service.name)
    return repository(((image.base if image else service.image) or "").lower())


def _writes_alone(ctx: Context, service: Service) -> bool:
    image = ctx.images.get(service.name)
    reference = ((image.base if image else service.image) or "").lower()
    name = repository(reference)
    return bool(_SINGLE_WRITERS.fullmatch(name)) and (name != "server" or "mssql" in reference)
