"""The EFS file system of a stack: a directory with an access point for each volume, and who may mount it.

There is one encrypted file system per stack. An access point makes a volume's directory with the right owner, where a
plain root directory would have to exist already, and is what a task's role is limited to. File systems and access
points that the user has are taken as they are.
https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compose2fargate.aws.fargate import DOCS
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
from compose2fargate.aws.values import Join, Ref, Tag
from compose2fargate.compose.model import Mount, Service, Volume
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.binds import refused_type
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.sizing import repository

EFS_URL = f"{DOCS}/efs-volumes.html"
ACCESS_POINT_URL = "https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html"
NFS_PORT = 2049
MAX_PATH = 100
"""Characters of an access point's root directory, which has at most four levels: `ACCESS_POINT_URL`."""
MAX_LEVELS = 4

# Users that images run as, where that is not root and where the image does not say so in the compose file: their
# directory has to be theirs. From the images' own Dockerfiles.
_OWNERS = {
    "alertmanager": 65534, "elasticsearch": 1000, "grafana": 472, "grafana-enterprise": 472, "grafana-oss": 472,
    "jenkins": 1000, "kafka": 1000, "keycloak": 1000, "kibana": 1000, "logstash": 1000, "loki": 10001, "mimir": 10001,
    "mssql-server": 10001, "n8n": 1000, "neo4j": 7474, "nexus3": 200, "node-red": 1000, "opensearch": 1000, "pgadmin4": 5050,
    "prometheus": 65534, "solr": 8983, "sonarqube": 1000, "tempo": 10001, "vault": 100, "consul": 100,
}  # fmt: skip
_STARTED_BY_ROOT = frozenset(
    {"adminer", "cassandra", "clickhouse-server", "cockroach", "couchdb", "drupal", "etcd", "ghost", "gitea", "httpd", "influxdb"}
    | {"joomla", "mariadb", "memcached", "minio", "mongo", "mysql", "nextcloud", "nginx", "percona", "percona-server", "pgvector"}
    | {"postgis", "postgres", "rabbitmq", "redis", "registry", "timescaledb", "traefik", "valkey", "wordpress", "zookeeper"}
)  # fmt: skip
"""Images whose entrypoint is root and gives the directory to the right user itself."""


class Place(NamedTuple):
    """Where a volume is: the file system, and the access point or the directory in it."""

    file_system: str | Ref
    access_point: str | Ref = ""
    directory: str = "/"


class Use(NamedTuple):
    """One mount of a volume that lasts, by one service."""

    service: Service
    mount: Mount
    key: str
    subpath: str
    path: Path


def uses(ctx: Context, services: Iterable[Service] | None = None) -> Iterator[Use]:
    """Yield every mount that is kept on EFS, of some services or of all."""
    for service in ctx.project.services.values() if services is None else services:
        for index, mount in enumerate(service.mounts):
            kept = kept_on_efs(ctx, service, index, mount)
            if kept:
                yield Use(service, mount, *kept, ("services", service.name, "volumes", index))


def kept_on_efs(ctx: Context, service: Service, index: int, mount: Mount) -> tuple[str, str] | None:
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


def volume_of(ctx: Context, key: str) -> Volume:
    """Give the top-level volume, or the one that a bind-mounted folder of data stands for."""
    return ctx.project.volumes.get(key) or Volume(key, key, False, "", {}, {}, {})


def place(ctx: Context, key: str, subpath: str = "") -> Place:
    """Give where a volume is kept: as the settings say, as the file says, or on the stack's own file system."""
    volume = volume_of(ctx, key)
    own = volume.extensions.get("x-fargate") or {}
    given = _parts(ctx.settings.volumes.get(key, ""))
    named = _parts(volume.name) if volume.external else Place("")
    nfs = nfs_of(volume)
    file_system = (
        given.file_system or own.get("file_system") or named.file_system or (nfs and nfs.file_system)
    )
    access_point = given.access_point or own.get("access_point") or named.access_point or ""
    known = file_system or ctx.settings.file_system or Ref("file-system", "id")
    if access_point:
        return Place(known, access_point)
    if file_system and (volume.external or nfs) and not own.get("file_system"):
        return Place(
            known, "", posixpath.normpath(posixpath.join("/", nfs.directory if nfs else "/", subpath))
        )
    return Place(known, Ref(_access_point_id(key, subpath), "id"))


def _parts(text: str) -> Place:
    """Read `fs-…`, `fs-…/fsap-…` or `fsap-…`; anything else is no id."""
    parts = text.split("/")
    file_system = next((part for part in parts if part.startswith("fs-")), "")
    return Place(file_system, next((part for part in parts if part.startswith("fsap-")), ""))


_EFS_ADDRESS = re.compile(r"\b(fs-[0-9a-f]{8,40})\b")


def nfs_of(volume: Volume) -> Place | None:
    """Read `driver_opts` that mount an EFS file system by NFS; None where they do not."""
    options = volume.driver_opts
    if not str(options.get("type") or "").startswith("nfs"):
        return None
    device = str(options.get("device") or "")
    match = _EFS_ADDRESS.search(f"{options.get('o') or ''} {device}")
    return Place(match[1], "", posixpath.join("/", device.rpartition(":")[2])) if match else None


def _access_point_id(key: str, subpath: str) -> str:
    # With a path in the volume the name ends in digits of its hash, so that no other volume has it.
    return f"access-point/{ecs_name(posixpath.join(key, subpath)) if subpath else key}"


def efs_configuration(ctx: Context, key: str, subpath: str = "") -> EfsVolumeConfiguration:
    """Give the volume of a task definition: encrypted in transit, and by the task's role where that is ours to give."""
    at = place(ctx, key, subpath)
    if not at.access_point:
        return EfsVolumeConfiguration(at.file_system, at.directory)
    ours = isinstance(at.access_point, Ref)
    # With an access point the root directory is the access point's own.
    return EfsVolumeConfiguration(
        at.file_system,
        authorization_config=EfsAuthorizationConfig(at.access_point, "ENABLED" if ours else None),
    )


# -- resources -----------------------------------------------------------------------------------------------


def resources(ctx: Context) -> dict[str, Resource]:
    """Give the file system, if one is needed, and the access points."""
    points: dict[str, tuple[Place, list[Use]]] = {}
    for use in uses(ctx):
        at = place(ctx, use.key, use.subpath)
        if isinstance(at.access_point, Ref):
            points.setdefault(at.access_point.logical_id, (at, []))[1].append(use)
    made: dict[str, Resource] = {}
    if any(isinstance(at.file_system, Ref) for at, _ in points.values()):
        made["file-system"] = FileSystem(ctx.stack, tags=_tags(ctx, ctx.stack))
    for logical_id in sorted(points):
        made[logical_id] = _access_point(ctx, *points[logical_id])
    return made


def _access_point(ctx: Context, at: Place, users: list[Use]) -> AccessPoint:
    first = users[0]
    owner = _owner(ctx, [use.service for use in users])
    return AccessPoint(
        at.file_system,
        RootDirectory(
            _directory(ctx, first.key, first.subpath), CreationInfo(owner.uid, owner.gid, owner.permissions)
        ),
        posix_user=PosixUser(owner.uid, owner.gid) if owner.enforced else None,
        tags=(*_tags(ctx, f"{ctx.stack}-{first.key}"), *_labels(ctx, first.key)),
    )


def _directory(ctx: Context, key: str, subpath: str) -> str:
    """The directory of a volume; one that EFS would not take is shortened to a name that is as stable."""
    directory = posixpath.normpath(posixpath.join("/", ctx.stack, key, subpath))
    if len(directory) <= MAX_PATH and directory.count("/") <= MAX_LEVELS:
        return directory
    return f"/{ecs_name(directory.strip('/').replace('/', '-') + '/', MAX_PATH - 1)}"


class _Owner(NamedTuple):
    uid: int
    gid: int
    permissions: str
    enforced: bool


_NUMERIC = re.compile(r"(\d+)(?::(\d+))?")


def _owner(ctx: Context, services: list[Service]) -> _Owner:
    """Whose a volume's directory is.

    A user with a number in the compose file is enforced. Otherwise the directory belongs to whom the image runs as;
    an image of which nothing is known may run as anybody, whom only open permissions let write.
    """
    users = {service.user for service in services}
    match = _NUMERIC.fullmatch(next(iter(users))) if len(users) == 1 else None
    if match:
        return _Owner(int(match[1]), int(match[2] or match[1]), "0755", enforced=True)
    known = {_runs_as(ctx, service) for service in services}
    uid = known.pop() if len(known) == 1 else None
    return _Owner(uid or 0, uid or 0, "0777" if uid is None else "0755", enforced=False)


def _runs_as(ctx: Context, service: Service) -> int | None:
    built = ctx.images.get(service.name)
    user = service.user or (built.user if built else None) or ""
    match = _NUMERIC.fullmatch(user)
    if match:
        return int(match[1])
    if user:
        return 0 if user == "root" else None
    image = (built.base if built else service.image) or ""
    name = repository(image.lower())
    if "bitnami" in image:
        return 1001
    return 0 if name in _STARTED_BY_ROOT else _OWNERS.get(name)


def _tags(ctx: Context, name: str) -> tuple[Tag, ...]:
    given = [Tag("Name", name), Tag("compose2fargate:project", ctx.project.name)]
    if ctx.settings.environment:
        given.append(Tag("compose2fargate:environment", ctx.settings.environment))
    return tuple(given)


_TAG_KEY = re.compile(r"(?!aws:)[\w\s.:/=+\-@]{1,128}", re.IGNORECASE)
_TAG_VALUE = re.compile(r"[\w\s.:/=+\-@]{0,256}")


def _labels(ctx: Context, key: str) -> Iterator[Tag]:
    """Labels that AWS takes as tags: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html."""
    for name, value in sorted(volume_of(ctx, key).labels.items()):
        path: Path = ("volumes", key, "labels")
        if _TAG_KEY.fullmatch(name) and _TAG_VALUE.fullmatch(str(value)):
            yield Tag(name, str(value))
        else:
            what = f"label {name} is no tag that AWS takes, and is left out"
            ctx.outcomes[path] = Row(
                Outcome.APPROXIMATED, what, "use letters, digits and _.:/=+-@", Severity.INFO, "C2F202"
            )


def mount_targets(ctx: Context, groups: Iterable[str | Ref]) -> dict[str, Resource]:
    """Give the mount targets of the stack's own file system, open for the tasks' security groups and nothing else."""
    made: dict[str, Resource] = {}
    own = Ref("security-group/file-system", "id")
    made[own.logical_id] = SecurityGroup(
        f"{ctx.stack}-file-system",
        f"Mount targets of the file system of {ctx.stack}",
        Ref("network", "vpc_id"),
        _tags(ctx, f"{ctx.stack}-file-system"),
        everything_out=False,  # a mount target only answers
    )
    for group in dict.fromkeys(groups):
        name = group if isinstance(group, str) else group.logical_id.removeprefix("security-group/")
        made[f"ingress-rule/file-system-from-{name}"] = IngressRule(
            own, "tcp", NFS_PORT, NFS_PORT, f"NFS from {name}", source_group_id=group
        )
    made["mount-targets"] = MountTargets(Ref("file-system", "id"), Ref("network", "subnet_ids"), (own,))
    return made


def mounts_own(ctx: Context, services: Iterable[Service]) -> bool:
    """Whether any of these services mounts the stack's own file system."""
    return any(isinstance(place(ctx, use.key, use.subpath).file_system, Ref) for use in uses(ctx, services))


def efs_statements(ctx: Context, services: Iterable[Service]) -> tuple[Statement, ...]:
    """Give what the role of a task needs to mount the volumes of its services: each through its access point only."""
    places = {place(ctx, use.key, use.subpath) for use in uses(ctx, services)}
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


def _file_system_arn(file_system: str | Ref) -> Ref | Join:
    if isinstance(file_system, Ref):
        return Ref(file_system.logical_id, "arn")
    region, account = Ref("account", "region"), Ref("account", "id")
    start = ("arn:", Ref("account", "partition"), ":elasticfilesystem:", region, ":", account)
    return Join((*start, f":file-system/{file_system}"))
