"""What becomes of a bind mount: Fargate has no host whose files could be mounted.

Each mount meets the rules in `_RULES` in order; the first that knows it gives the verdict. Files of the project go
into an image that derives from the service's own, or are written by an init container (`files.py`); directories that
the service fills are data and go to EFS (`storage.py`); what the image has already needs nothing; what belongs to the
host is refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.model import Mount, Service
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.disk import MISSING, Found, relative
from compose2fargate.mapping.host_paths import CLOCKS, host_folder, is_engine
from compose2fargate.mapping.host_tools import TOOLS, image_name
from compose2fargate.mapping.names import ecs_name

STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
EFS_URL = f"{DOCS}/efs-volumes.html"
ROLE_URL = f"{DOCS}/task-iam-roles.html"

LEFT = "left"
COPIED = "copied"
DATA = "data"


class Verdict(NamedTuple):
    """What becomes of a mount: `fate` is `left` (nothing is made of it), `copied` (files of the project) or `data`."""

    fate: str
    row: Row


class Bind(NamedTuple):
    """A bind mount with all that the rules look at."""

    ctx: Context
    service: Service
    mount: Mount
    found: Found

    @property
    def shown(self) -> str:
        """The source as a reader of the file knows it."""
        return relative(self.ctx.project, self.mount.source) or self.mount.source


Rule = Callable[[Bind], Verdict | None]


def verdict(ctx: Context, service: Service, mount: Mount) -> Verdict:
    """Give what becomes of a bind mount."""
    bind = Bind(ctx, service, mount, ctx.disk.get(mount.source, MISSING))
    return next(found for rule in _RULES if (found := rule(bind)))


def _ignored(
    what: str, hint: str = "", *, loss: bool = False, code: str = "", url: str = STORAGE_URL
) -> Verdict:
    severity = Severity.WARNING if loss else Severity.INFO
    return Verdict(
        LEFT, Row(Outcome.IGNORED, what, hint, severity, code or ("C2F201" if loss else "C2F200"), url)
    )


def _refused(code: str, what: str, hint: str, url: str = STORAGE_URL) -> Verdict:
    return Verdict(LEFT, Row(Outcome.REFUSED, what, hint, Severity.ERROR, code, url))


# -- the host's own ------------------------------------------------------------------------------------------

# What to do instead, by the name of the image's repository; the host's own tools are in `host_tools.TOOLS`.
_INSTEAD = {
    "agent": "run it as a sidecar (x-fargate.sidecar_of), with the agent's own settings for ECS on Fargate",
    "datadog-agent": "run it as a sidecar (x-fargate.sidecar_of), with DD_ECS_FARGATE=true",
    "gitlab-runner": "use the runner's Fargate executor, or run it on ECS with EC2",
    "act_runner": "run it on ECS with EC2, or on AWS CodeBuild",
    "drone-runner-docker": "run it on ECS with EC2, or on AWS CodeBuild",
    "elastic-agent": "run it as a sidecar (x-fargate.sidecar_of), with the agent's own settings for ECS on Fargate",
    "localstack": "use the AWS services themselves",
}  # fmt: skip
_MEASURE = "CloudWatch Container Insights measures tasks and containers"


def _instead(bind: Bind) -> str:
    name = image_name(bind.service)
    return TOOLS[name].instead if name in TOOLS else _INSTEAD.get(name, "")


def _socket(bind: Bind) -> Verdict | None:
    """The engine's socket, or its folders."""
    if not is_engine(bind.mount):
        return None
    what = "there is no Docker engine behind a Fargate task, so its socket cannot be mounted"
    name = image_name(bind.service)
    if name in _WORKS_WITHOUT:
        row = Row(
            Outcome.IGNORED,
            f"{what}; {name} runs without it",
            _WORKS_WITHOUT[name],
            Severity.WARNING,
        )
        return Verdict(LEFT, row._replace(code="C2F211", url=ROLE_URL))
    return _refused("C2F211", what, _instead(bind) or "use the ECS API with a task role instead", ROLE_URL)


_WORKS_WITHOUT = {
    "kafka": "set the broker's advertised listeners yourself, which the image else asks Docker for",
    "jenkins": "let agents build elsewhere: the ECS plugin starts them as Fargate tasks",
    "kestra": "use task runners for AWS in place of the Docker one",
    "queue-master": "nothing: it once started a container for each order, and since then handles orders itself",
    "telegraf": "take the docker input out of its configuration; the ecs input reads a task's figures",
}
"""Images that use the socket for something beside their purpose, and what to do about that."""


def _clock(bind: Bind) -> Verdict | None:
    if bind.mount.source in CLOCKS or bind.mount.target in CLOCKS:
        return _ignored(
            "a Fargate task runs in UTC, and has no host to take another time zone from",
            "environment: {TZ: Europe/Berlin} sets it, where the image has the time zone data",
        )
    return None


_WAYS = {
    "proc": _MEASURE,
    "sys": _MEASURE,
    "": _MEASURE,
    "dev": "run this service on ECS with EC2 or Managed Instances",
    "lib": "run this service on ECS with EC2 or Managed Instances",
    "var/log": "containers write their logs to stdout, and ECS sends them to CloudWatch Logs",
    "cgroup": _MEASURE,
    "var/lib/docker": "containers write their logs to stdout, and ECS sends them to CloudWatch Logs",
    "etc": "put the files into the project, beside the compose file: they are then copied into the image; "
    "or use a named volume for what the service writes",
    "usr": "install what is needed in the image",
}  # fmt: skip


def _system(bind: Bind) -> Verdict | None:
    """A path that belongs to the operating system of the host."""
    path = bind.mount.source.strip("/")
    host = host_folder(bind.ctx.project, bind.mount.source)
    if host is None:
        return None
    if path == "dev/shm":
        return _ignored("every container has a /dev/shm of its own, which may grow to the task's memory")
    if path == "dev/null":
        return _ignored(
            "an empty file in its place is not possible on Fargate", "empty it in the image", loss=True
        )
    return _refused(
        "C2F266",
        f"there is no host behind a Fargate task whose {bind.mount.source} could be mounted",
        _instead(bind) or _WAYS.get(host, "install what is needed in the image"),
    )


# -- what the service fills ----------------------------------------------------------------------------------

_DATA_TARGETS = re.compile(
    r"/var/lib/(postgresql|mysql|mariadb|mongodb|redis|grafana|rabbitmq|influxdb2?|clickhouse|cassandra|neo4j|ghost|docker"
    r"|arangodb3|couchdb|etcd|zookeeper|kafka|gitea|cockroach|scylla|loki)(/data|/\d+/\w+)?/?$"
    r"|/(data(/db)?|prometheus|bitnami/\w+|opt/couchdb/data|rethinkdb|qdrant/storage|meili_data|var/opt/mssql(/data)?)/?$"
    r"|/usr/share/(elasticsearch|opensearch)/data/?$|/var/jenkins_home/?$|/bitnami/\w+/data/?$"
)
"""Where images that are known keep what they are asked to keep."""
_LOGS = re.compile(r"(^|/)logs?(/|$)", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9_-]{1,12}$")
_KEEPERS = frozenset({".gitkeep", ".keep", ".gitignore", ".empty", "README.md"})
"""Files that stand in a folder only so that the folder exists."""


def is_data_path(target: str) -> bool:
    """Whether a well-known image keeps its data at `target`."""
    return bool(_DATA_TARGETS.search(target))


def _is_file(bind: Bind) -> bool:
    """Whether the source is a file, or by its name would be one."""
    if bind.found.kind != "missing":
        return bind.found.kind == "file"
    last = posixpath.basename(bind.mount.source)
    return bool(_SUFFIX.search(last) and not last.startswith(".") and not last.endswith(".d"))


def _is_empty(found: Found) -> bool:
    return found.kind == "folder" and all(entry.path in _KEEPERS for entry in found.entries)


def _logs(bind: Bind) -> Verdict | None:
    """A folder for log files: nothing on Fargate reads it."""
    mount = bind.mount
    if mount.read_only or _is_file(bind) or not (bind.found.kind == "missing" or _is_empty(bind.found)):
        return None
    if not (_LOGS.search(mount.target) or mount.target.startswith("/var/log/")):
        return None
    return _ignored(
        f"{mount.target} holds log files: they stay in the container, and end with its task",
        "let the service log to stdout, which goes to CloudWatch Logs, or use a named volume to keep the files",
        loss=True,
        code="C2F268",
    )


def _data(bind: Bind) -> Verdict | None:
    """A folder that the service fills: kept as a named volume is."""
    mount, found = bind.mount, bind.found
    if _is_file(bind) or found.kind == "other":
        return None
    inside = bool(relative(bind.ctx.project, mount.source))
    image = bind.ctx.images.get(bind.service.name)
    declared = image is not None and mount.target.rstrip("/") in {v.rstrip("/") for v in image.volumes}
    known = bool(_DATA_TARGETS.search(mount.target)) or declared
    if not (known or found.kind == "missing" or _is_empty(found)):
        return None
    if mount.read_only and not known and not _is_filled_by_another(bind):
        return None
    empty = "which starts empty: copy over what is there"
    passing = mount.source.startswith("/tmp/")  # the host empties it: nothing in it would be missed
    if not (inside or known or passing) and "C2F267" not in bind.ctx.settings.allow:
        return _of_the_host(bind)
    if not inside:
        what = f"the host's {mount.source} becomes a directory on EFS, {empty}"
        return Verdict(DATA, Row(Outcome.APPROXIMATED, what, _NAMED, Severity.WARNING, "C2F267", EFS_URL))
    if found.kind == "missing" or _is_empty(found):
        what = f"{bind.shown} is a folder that is filled at run time: it becomes a directory on EFS"
    else:
        what = f"{bind.shown} holds data that the service writes: it becomes a directory on EFS, {empty}"
    return Verdict(DATA, Row(Outcome.APPROXIMATED, what, _NAMED, Severity.INFO, "C2F267", EFS_URL))


def _of_the_host(bind: Bind) -> Verdict:
    """A folder of the host that nothing shows to be the service's own store: what is in it would be missed."""
    mount = bind.mount
    name = ecs_name(posixpath.basename(posixpath.normpath(mount.source)))
    hint = (
        f"use a named volume, which is kept on EFS: volumes: [{name}:{mount.target}], and {name}: under the top-level "
        f"volumes:; or leave the service out: --without {bind.service.name}; or let the folder become a directory on EFS, "
        "which starts empty: --allow C2F267"
    )
    what = (
        f"the host's {mount.source} is not part of the project, and a Fargate task has no host to find it on"
    )
    return Verdict(DATA, Row(Outcome.REFUSED, what, hint, Severity.ERROR, "C2F267", EFS_URL))


def _is_filled_by_another(bind: Bind) -> bool:
    """Whether another mount lets a service write to the folder, or to one above it."""
    source = f"{posixpath.normpath(bind.mount.source)}/"
    return any(
        other.type == "bind"
        and not other.read_only
        and source.startswith(f"{posixpath.normpath(other.source)}/")
        for service in bind.ctx.project.services.values()
        for other in service.mounts
    )


_NAMED = (
    "a named volume says the same in the file: volumes: [NAME:/path], and NAME: under the top-level volumes:"
)


def _foreign(bind: Bind) -> Verdict | None:
    """Something of the host that is no part of the project."""
    if relative(bind.ctx.project, bind.mount.source):
        return None
    return _refused(
        "C2F266",
        f"{bind.mount.source} is not part of the project, and a Fargate task has no host to find it on",
        "put the files into the project, beside the compose file, or use a named volume for data",
    )


# -- what the image has, or gets -----------------------------------------------------------------------------


def _in_the_image(bind: Bind) -> Verdict | None:
    """Source code that is built into the image anyway: mounting it over itself is for developing."""
    build, mount = bind.service.build, bind.mount
    if build is None or "://" in build.context or (_is_file(bind) and not _at_workdir(bind)):
        return None
    context = build.context.rstrip("/")
    if not f"{mount.source}/".startswith(f"{context}/"):
        return None
    image = bind.ctx.images.get(bind.service.name)
    if image is not None:
        shown = f"{bind.shown} is already in the image, which is built from it"
        return _ignored(shown, code="C2F272") if _at_workdir(bind) else None
    if (
        bind.found.kind != "folder"
        or _is_empty(bind.found)
        or _DATA_TARGETS.search(mount.target)
        or _is_chosen(bind)
    ):
        return None
    return _ignored(
        f"{bind.shown} is in the build context, and taken to be in the image at {mount.target}",
        "x-fargate: {files: image} copies it there in any case",
        code="C2F272",
    )


def _is_chosen(bind: Bind) -> bool:
    return bool(options_of(bind.service).get("files") or bind.ctx.settings.files)


def _at_workdir(bind: Bind) -> bool:
    """Whether the Dockerfile's WORKDIR is where the build context is mounted."""
    build, image = bind.service.build, bind.ctx.images.get(bind.service.name)
    if build is None or image is None or not image.working_dir:
        return False
    inside = posixpath.relpath(bind.mount.source, build.context.rstrip("/") or "/")
    return posixpath.normpath(posixpath.join(image.working_dir, inside)) == posixpath.normpath(
        bind.mount.target
    )


def _missing(bind: Bind) -> Verdict | None:
    if bind.found.kind in ("file", "folder") and not _is_empty(bind.found):
        return None
    if bind.found.kind == "other":
        return _refused(
            "C2F266",
            f"{bind.shown} is no file and no folder, and cannot be taken along",
            "use a file of the project",
        )
    return _ignored(
        f"{bind.shown} does not exist here, so nothing is at {bind.mount.target} but what the image has",
        "create the file, or take the mount out",
        loss=True,
        code="C2F273",
    )


def _of_the_project(_bind: Bind) -> Verdict | None:
    """A file or folder of the project. `files.py` says how it gets into the container."""
    return Verdict(COPIED, Row(Outcome.APPROXIMATED, "copied into the image that the task runs"))


_RULES: tuple[Rule, ...] = (
    _socket, _clock, _system, _in_the_image, _logs, _data, _foreign, _missing, _of_the_project,
)  # fmt: skip


# -- volumes that are a bind mount in disguise, and other types ----------------------------------------------

_OTHER_TYPES = {
    "npipe": Row(
        Outcome.REFUSED, "named pipes of Windows do not exist on Fargate", "use the ECS API with a task role instead",
        Severity.ERROR, "C2F266", STORAGE_URL,
    ),
    "cluster": Row(
        Outcome.REFUSED, "cluster volumes (CSI) belong to Docker Swarm", "use a named volume, which is kept on EFS",
        Severity.ERROR, "C2F266", EFS_URL,
    ),
}  # fmt: skip
_WINDOWS = Row(
    Outcome.REFUSED, "a path of Windows does not exist in a Linux container", "write the path that the Linux image has",
    Severity.ERROR, "C2F266", STORAGE_URL,
)  # fmt: skip


def refused_type(mount: Mount) -> Row | None:
    """Give the refusal of a mount that no Linux task has, whatever its source is."""
    return _OTHER_TYPES.get(mount.type) or (None if mount.target.startswith("/") else _WINDOWS)
