"""The EFS file system of a stack: a directory with an access point for each volume, and who may mount it.

There is one encrypted file system per stack. An access point makes a volume's directory with the right owner, where a
plain root directory would have to exist already, and is what a task's role is limited to. File systems and access
points that the user has are taken as they are.
https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from compose2fargate.aws.api_values import JoinedText, Ref, Tag
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.ownership import ownership_tags
from compose2fargate.aws.resources import (
    AccessPoint,
    CreationInfo,
    EfsAuthorizationConfig,
    EfsVolumeConfiguration,
    FileSystem,
    IngressRule,
    MountTargets,
    PosixUser,
    Resource,
    RootDirectory,
    SecurityGroup,
    Statement,
)
from compose2fargate.aws.resources import Condition as PolicyCondition
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Mount, Project, Service, Volume
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.images.image_catalogue import known_image
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.storage.bind_mounts import refused_type
from compose2fargate.mapping.storage.efs_options import (
    MAX_LEVELS,
    MAX_PATH,
    chosen_directory,
    chosen_owner,
    chosen_permissions,
    shaped_file_system,
)
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

EFS_URL = f"{DOCS}/efs-volumes.html"
POLICY_URL = "https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html"
ACCESS_POINT_URL = "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html"
NFS_PORT = 2049
CLIENTS = Ref("security-group/file-system-clients", "id")
"""The group of the tasks that mount the stack's own file system."""


class VolumeLocation(NamedTuple):
    """Where a volume is: the file system, and the access point or the directory in it."""

    file_system: str | Ref
    access_point: str | Ref = ""
    directory: str = "/"


class VolumeUse(NamedTuple):
    """One mount of a volume that lasts, by one service."""

    service: Service
    mount: Mount
    key: str
    subpath: str
    path: Path


def volume_uses(ctx: TranslationInput, services: Iterable[Service] | None = None) -> Iterator[VolumeUse]:
    """Yield every mount that is kept on EFS, of some services or of all."""
    for service in ctx.project.services.values() if services is None else services:
        for index, mount in enumerate(service.mounts):
            kept = kept_on_efs(ctx, service, index, mount)
            if kept:
                yield VolumeUse(service, mount, *kept, ("services", service.name, "volumes", index))


def kept_on_efs(ctx: TranslationInput, service: Service, index: int, mount: Mount) -> tuple[str, str] | None:
    """Give the key of the volume that a mount keeps on EFS, and the path in it; None where it keeps nothing there."""
    if refused_type(mount):
        return None
    if mount.type == "bind":
        return ctx.plans[service.name].data.get(index)
    volume = ctx.project.volumes.get(mount.source) if mount.type == "volume" and mount.source else None
    own = volume.extensions.get("x-fargate") or {} if volume else {}
    if volume is None or own.get("ephemeral") or own.get("ebs") or is_in_memory(volume):
        return None
    return volume.key, str(mount.options.get("subpath") or "").strip("/")


def is_in_memory(volume: Volume) -> bool:
    """Whether a volume is a tmpfs of the local driver."""
    return volume.driver in ("", "local") and volume.driver_opts.get("type") == "tmpfs"


def volume_of(project: Project, key: str) -> Volume:
    """Give the top-level volume, or the one that a bind-mounted folder of data stands for."""
    return project.volumes.get(key) or Volume(key, key, False, "", {}, {}, {})


def volume_location(ctx: TranslationInput, key: str, subpath: str = "") -> VolumeLocation:
    """Give where a volume is kept: as the settings say, as the file says, or on the stack's own file system."""
    volume = volume_of(ctx.project, key)
    own = volume.extensions.get("x-fargate") or {}
    given = _parts(ctx.settings.volumes.get(key, ""))
    named = _parts(volume.name) if volume.external else VolumeLocation("")
    nfs = nfs_of(volume)
    file_system = (
        given.file_system or own.get("file_system") or named.file_system or (nfs and nfs.file_system)
    )
    access_point = given.access_point or own.get("access_point") or named.access_point or ""
    known = file_system or ctx.settings.file_system or Ref("file-system", "id")
    if access_point:
        return VolumeLocation(known, access_point)
    if file_system and (volume.external or nfs) and not own.get("file_system"):
        return VolumeLocation(
            known, "", posixpath.normpath(posixpath.join("/", nfs.directory if nfs else "/", subpath))
        )
    return VolumeLocation(known, Ref(_access_point_id(key, subpath), "id"))


def _parts(text: str) -> VolumeLocation:
    """Read `fs-…`, `fs-…/fsap-…` or `fsap-…`; anything else is no id."""
    parts = text.split("/")
    file_system = next((part for part in parts if part.startswith("fs-")), "")
    return VolumeLocation(file_system, next((part for part in parts if part.startswith("fsap-")), ""))


_EFS_ADDRESS = lazy_pattern(r"\b(fs-[0-9a-f]{8,40})\b")


def nfs_of(volume: Volume) -> VolumeLocation | None:
    """Read `driver_opts` that mount an EFS file system by NFS; None where they do not."""
    options = volume.driver_opts
    if not str(options.get("type") or "").startswith("nfs"):
        return None
    device = str(options.get("device") or "")
    match = _EFS_ADDRESS.search(f"{options.get('o') or ''} {device}")
    return VolumeLocation(match[1], "", posixpath.join("/", device.rpartition(":")[2])) if match else None


def _access_point_id(key: str, subpath: str) -> str:
    # With a path in the volume the name ends in digits of its hash, so that no other volume has it.
    return f"access-point/{ecs_name(posixpath.join(key, subpath)) if subpath else key}"


def efs_configuration(ctx: TranslationInput, key: str, subpath: str = "") -> EfsVolumeConfiguration:
    """Give the volume of a task definition: encrypted in transit, and by the task's role where that is ours to give."""
    at = volume_location(ctx, key, subpath)
    if not at.access_point:
        return EfsVolumeConfiguration(at.file_system, at.directory)
    ours = isinstance(at.access_point, Ref)
    # With an access point the root directory is the access point's own.
    return EfsVolumeConfiguration(
        at.file_system,
        authorization_config=EfsAuthorizationConfig(at.access_point, "ENABLED" if ours else None),
    )


# -- resources -----------------------------------------------------------------------------------------------


def efs_resources(ctx: TranslationInput, findings: TranslationFindings) -> dict[str, Resource]:
    """Give the file system, if one is needed, and the access points."""
    points: dict[str, tuple[VolumeLocation, list[VolumeUse]]] = {}
    for use in volume_uses(ctx):
        at = volume_location(ctx, use.key, use.subpath)
        if isinstance(at.access_point, Ref):
            points.setdefault(at.access_point.logical_id, (at, []))[1].append(use)
    made: dict[str, Resource] = {}
    if any(isinstance(at.file_system, Ref) for at, _ in points.values()):
        keys = dict.fromkeys(users[0].key for at, users in points.values() if isinstance(at.file_system, Ref))
        plain = FileSystem(ctx.stack, tags=_tags(ctx, ctx.stack))
        made["file-system"] = shaped_file_system(
            findings, plain, [volume_of(ctx.project, key) for key in sorted(keys)]
        )
    for logical_id in sorted(points):
        made[logical_id] = _access_point(ctx, findings, *points[logical_id])
    return made


def _access_point(
    ctx: TranslationInput, findings: TranslationFindings, at: VolumeLocation, users: list[VolumeUse]
) -> AccessPoint:
    first = users[0]
    volume = volume_of(ctx.project, first.key)
    user, directory_owner = chosen_owner(volume) or _owner_of_users(ctx, volume, users)
    directory = chosen_directory(volume, first.subpath) or _directory(ctx.stack, first.key, first.subpath)
    return AccessPoint(
        at.file_system,
        RootDirectory(directory, directory_owner),
        posix_user=user,
        tags=(*_tags(ctx, f"{ctx.stack}-{first.key}"), *_labels(ctx.project, findings, first.key)),
    )


def _owner_of_users(
    ctx: TranslationInput, volume: Volume, users: list[VolumeUse]
) -> tuple[PosixUser | None, CreationInfo]:
    owner = _owner(ctx.images, [use.service for use in users])
    made = CreationInfo(owner.uid, owner.gid, chosen_permissions(volume) or owner.permissions)
    return (PosixUser(owner.uid, owner.gid) if owner.enforced else None), made


def _directory(stack: str, key: str, subpath: str) -> str:
    """The directory of a volume; one that EFS would not take is shortened to a name that is as stable."""
    directory = posixpath.normpath(posixpath.join("/", stack, key, subpath))
    if len(directory) <= MAX_PATH and directory.count("/") <= MAX_LEVELS:
        return directory
    return f"/{ecs_name(directory.strip('/').replace('/', '-') + '/', MAX_PATH - 1)}"


class _Owner(NamedTuple):
    uid: int
    gid: int
    permissions: str
    enforced: bool


_NUMERIC = lazy_pattern(r"(\d+)(?::(\d+))?")


def _owner(images: Mapping[str, ImageConfig], services: list[Service]) -> _Owner:
    """Whose a volume's directory is.

    A user with a number in the compose file is enforced. Otherwise the directory belongs to whom the image runs as;
    an image of which nothing is known may run as anybody, whom only open permissions let write.
    """
    users = {service.user for service in services}
    match = _NUMERIC.fullmatch(next(iter(users))) if len(users) == 1 else None
    if match:
        return _Owner(int(match[1]), int(match[2] or match[1]), "0755", enforced=True)
    known = {runs_as(images, service) for service in services}
    uid = known.pop() if len(known) == 1 else None
    return _Owner(uid or 0, uid or 0, "0777" if uid is None else "0755", enforced=False)


def runs_as(images: Mapping[str, ImageConfig], service: Service) -> int | None:
    """Give the number of the user as whom a service's data is written: 0 for root; None where it is not known."""
    built = images.get(service.name)
    user = service.user or (built.user if built else None) or ""
    match = _NUMERIC.fullmatch(user)
    if match:
        return int(match[1])
    if user:
        return 0 if user == "root" else None
    return known_image(service, images).user


def _tags(ctx: TranslationInput, name: str) -> tuple[Tag, ...]:
    given = {"Name": name, **ownership_tags(ctx.project.name, ctx.settings.environment)}
    return tuple(Tag(key, value) for key, value in given.items())


_TAG_KEY = lazy_pattern(r"(?!aws:)[\w\s.:/=+\-@]{1,128}", re.IGNORECASE)
_TAG_VALUE = lazy_pattern(r"[\w\s.:/=+\-@]{0,256}")


def _labels(project: Project, findings: TranslationFindings, key: str) -> Iterator[Tag]:
    """Labels that AWS takes as tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html."""
    for name, value in sorted(volume_of(project, key).labels.items()):
        path: Path = ("volumes", key, "labels")
        if _TAG_KEY.fullmatch(name) and _TAG_VALUE.fullmatch(str(value)):
            yield Tag(name, str(value))
        else:
            what = f"label {name} is not a valid AWS tag and is left out"
            findings.outcomes[path] = CoverageRow(
                KeyOutcome.APPROXIMATED, what, "use letters, digits and _.:/=+-@", Severity.INFO, "C2F202"
            )


def mount_targets(ctx: TranslationInput) -> dict[str, Resource]:
    """Give the mount targets of the stack's own file system, open for the group of the tasks that mount it and nothing else."""
    made: dict[str, Resource] = {}
    own = Ref("security-group/file-system", "id")
    made[own.logical_id] = SecurityGroup(
        f"{ctx.stack}-file-system",
        f"Mount targets of the file system of {ctx.stack}",
        Ref("network", "vpc_id"),
        _tags(ctx, f"{ctx.stack}-file-system"),
        everything_out=False,  # a mount target only answers
    )
    made["ingress-rule/file-system-from-clients"] = IngressRule(
        own, "tcp", NFS_PORT, NFS_PORT, "NFS from the tasks that mount volumes", source_group_id=CLIENTS
    )
    made["mount-targets"] = MountTargets(Ref("file-system", "id"), Ref("network", "subnet_ids"), (own,))
    return made


def mounts_own(ctx: TranslationInput, services: Iterable[Service]) -> bool:
    """Whether any of these services mounts the stack's own file system."""
    return any(
        isinstance(volume_location(ctx, use.key, use.subpath).file_system, Ref)
        for use in volume_uses(ctx, services)
    )


def report_role(
    ctx: TranslationInput, findings: TranslationFindings, leader: Service, services: Iterable[Service]
) -> None:
    """Say what a task role of the user's has to allow: the file system lets in nobody else."""
    chosen = options_of(leader).get("task_role") or ctx.settings.task_role
    if chosen and efs_statements(ctx, services):
        findings.warn(
            "C2F540",
            ("services", leader.name),
            f"the task role {chosen} is your own, and the file system admits only roles with permission to mount it: "
            f"without that permission no task of {leader.name} starts",
            hint="grant the role elasticfilesystem:ClientMount, ClientWrite and ClientRootAccess on the access points, "
            "or remove task_role, so that a role with these permissions is created",
            url=POLICY_URL,
        )


def efs_statements(ctx: TranslationInput, services: Iterable[Service]) -> tuple[Statement, ...]:
    """Give what the role of a task needs to mount the volumes of its services: each through its access point only."""
    places = {volume_location(ctx, use.key, use.subpath) for use in volume_uses(ctx, services)}
    ours = [at for at in places if isinstance(at.access_point, Ref)]
    made: list[Statement] = []
    for file_system in sorted({at.file_system for at in ours}, key=str):
        points = sorted(str(at.access_point[0]) for at in ours if at.file_system == file_system)
        made.append(
            Statement(
                f"MountVolumes{len(made) or ''}",
                (
                    "elasticfilesystem:ClientMount",
                    "elasticfilesystem:ClientWrite",
                    "elasticfilesystem:ClientRootAccess",
                ),
                (_file_system_arn(file_system),),
                (
                    PolicyCondition(
                        "StringEquals",
                        "elasticfilesystem:AccessPointArn",
                        tuple(Ref(point, "arn") for point in points),
                    ),
                ),
            )
        )
    return tuple(made)


def _file_system_arn(file_system: str | Ref) -> Ref | JoinedText:
    if isinstance(file_system, Ref):
        return Ref(file_system.logical_id, "arn")
    region, account = Ref("account", "region"), Ref("account", "id")
    start = ("arn:", Ref("account", "partition"), ":elasticfilesystem:", region, ":", account)
    return JoinedText((*start, f":file-system/{file_system}"))
