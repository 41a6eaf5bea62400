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

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Build, Mount, Service
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.files.host_files import MISSING, HostFile, project_path
from compose2fargate.mapping.images.image_catalogue import find_image, is_data_path
from compose2fargate.mapping.images.image_contents import copies_path
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.proxies.host_tools import image_name
from compose2fargate.mapping.storage.host_paths import CLOCKS, host_folder, is_engine
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
EFS_URL = f"{DOCS}/efs-volumes.html"
ROLE_URL = f"{DOCS}/task-iam-roles.html"

LEFT = "left"
COPIED = "copied"
DATA = "data"


class MountVerdict(NamedTuple):
    """What becomes of a mount: `fate` is `left` (nothing is made of it), `copied` (files of the project) or `data`."""

    fate: str
    row: CoverageRow


class BindMount(NamedTuple):
    """A bind mount with all that the rules look at."""

    ctx: TranslationInput
    service: Service
    mount: Mount
    found: HostFile

    @property
    def shown(self) -> str:
        """The source as a reader of the file knows it."""
        return project_path(self.ctx.project, self.mount.source) or self.mount.source


Rule = Callable[[BindMount], MountVerdict | None]


def mount_verdict(ctx: TranslationInput, service: Service, mount: Mount) -> MountVerdict:
    """Give what becomes of a bind mount."""
    bind = BindMount(ctx, service, mount, ctx.disk.get(mount.source, MISSING))
    return next(found for rule in _RULES if (found := rule(bind)))


def _ignored(
    what: str, hint: str = "", *, loss: bool = False, code: str = "", url: str = STORAGE_URL
) -> MountVerdict:
    severity = Severity.WARNING if loss else Severity.INFO
    return MountVerdict(
        LEFT,
        CoverageRow(KeyOutcome.IGNORED, what, hint, severity, code or ("C2F201" if loss else "C2F200"), url),
    )


def _refused(code: str, what: str, hint: str, url: str = STORAGE_URL) -> MountVerdict:
    return MountVerdict(LEFT, CoverageRow(KeyOutcome.REFUSED, what, hint, Severity.ERROR, code, url))


# -- the host's own ------------------------------------------------------------------------------------------

_MEASURE = "CloudWatch Container Insights measures tasks and containers"


def _instead(bind: BindMount) -> str:
    image = find_image(image_name(bind.service))
    return image.tool.instead if image.tool else image.instead


def _socket(bind: BindMount) -> MountVerdict | None:
    """The engine's socket, or its folders."""
    if not is_engine(bind.mount):
        return None
    what = "there is no Docker engine behind a Fargate task, so its socket cannot be mounted"
    image = find_image(image_name(bind.service))
    if image.without_engine:
        row = CoverageRow(
            KeyOutcome.IGNORED,
            f"{what}; {image.name} runs without it",
            image.without_engine,
            Severity.WARNING,
        )
        return MountVerdict(LEFT, row._replace(code="C2F211", url=ROLE_URL))
    return _refused("C2F211", what, _instead(bind) or "use the ECS API with a task role instead", ROLE_URL)


def _clock(bind: BindMount) -> MountVerdict | None:
    if bind.mount.source in CLOCKS or bind.mount.target in CLOCKS:
        return _ignored(
            "a Fargate task runs in UTC and has no host to take another time zone from",
            "set environment: {TZ: Europe/Berlin} if the image has the time zone data",
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


def _system(bind: BindMount) -> MountVerdict | None:
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
        f"a Fargate task has no host whose {bind.mount.source} could be mounted",
        _instead(bind) or _WAYS.get(host, "install what is needed in the image"),
    )


# -- what the service fills ----------------------------------------------------------------------------------

_LOGS = lazy_pattern(r"(^|/)logs?(/|$)", re.IGNORECASE)
_SUFFIX = lazy_pattern(r"\.[A-Za-z0-9_-]{1,12}$")
_KEEPERS = frozenset({".gitkeep", ".keep", ".gitignore", ".empty", "README.md"})
"""Files that stand in a folder only so that the folder exists."""


def _is_file(bind: BindMount) -> bool:
    """Whether the source is a file, or by its name would be one."""
    if bind.found.kind != "missing":
        return bind.found.kind == "file"
    last = posixpath.basename(bind.mount.source)
    return bool(_SUFFIX.search(last) and not last.startswith(".") and not last.endswith(".d"))


def _is_empty(found: HostFile) -> bool:
    return (
        found.kind == "folder" and not found.unsafe and all(entry.path in _KEEPERS for entry in found.entries)
    )


def _logs(bind: BindMount) -> MountVerdict | None:
    """A folder for log files: nothing on Fargate reads it."""
    mount = bind.mount
    if mount.read_only or _is_file(bind) or not (bind.found.kind == "missing" or _is_empty(bind.found)):
        return None
    if not (_LOGS.search(mount.target) or mount.target.startswith("/var/log/")):
        return None
    return _ignored(
        f"{mount.target} contains log files: they stay in the container and are lost with its task",
        "let the service log to stdout, which goes to CloudWatch Logs, or use a named volume to keep the files",
        loss=True,
        code="C2F268",
    )


def _data(bind: BindMount) -> MountVerdict | None:
    """A folder that the service fills: kept as a named volume is."""
    mount, found = bind.mount, bind.found
    if _is_file(bind) or found.kind == "other":
        return None
    inside = bool(project_path(bind.ctx.project, mount.source))
    image = bind.ctx.images.get(bind.service.name)
    declared = image is not None and mount.target.rstrip("/") in {v.rstrip("/") for v in image.volumes}
    known = is_data_path(mount.target) or declared
    if not (known or found.kind == "missing" or _is_empty(found)):
        return None
    if mount.read_only and not known and not _is_filled_by_another(bind):
        return None
    empty = "which starts empty: copy the existing data to it"
    passing = mount.source.startswith("/tmp/")  # the host empties it: nothing in it would be missed
    if not (inside or known or passing) and "C2F267" not in bind.ctx.settings.allow:
        return _of_the_host(bind)
    if not inside:
        what = f"the host's {mount.source} becomes a directory on EFS, {empty}"
        return MountVerdict(
            DATA, CoverageRow(KeyOutcome.APPROXIMATED, what, _NAMED, Severity.WARNING, "C2F267", EFS_URL)
        )
    if found.kind == "missing" or _is_empty(found):
        what = f"{bind.shown} is a folder that is filled at run time: it becomes a directory on EFS"
    else:
        what = f"{bind.shown} holds data that the service writes: it becomes a directory on EFS, {empty}"
    return MountVerdict(
        DATA, CoverageRow(KeyOutcome.APPROXIMATED, what, _NAMED, Severity.INFO, "C2F267", EFS_URL)
    )


def _of_the_host(bind: BindMount) -> MountVerdict:
    """A folder of the host that nothing shows to be the service's own store: what is in it would be missed."""
    mount = bind.mount
    name = ecs_name(posixpath.basename(posixpath.normpath(mount.source)))
    hint = (
        f"use a named volume, which is kept on EFS: volumes: [{name}:{mount.target}], and {name}: under the top-level "
        f"volumes:; or leave the service out: --without {bind.service.name}; or let the folder become a directory on EFS, "
        "which starts empty: --allow C2F267"
    )
    what = f"the host's {mount.source} is outside the project, and a Fargate task has no host to read it from"
    return MountVerdict(DATA, CoverageRow(KeyOutcome.REFUSED, what, hint, Severity.ERROR, "C2F267", EFS_URL))


def _is_filled_by_another(bind: BindMount) -> bool:
    """Whether another mount lets a service write to the folder, or to one above it."""
    source = f"{posixpath.normpath(bind.mount.source)}/"
    return any(
        other.type == "bind"
        and not other.read_only
        and source.startswith(f"{posixpath.normpath(other.source)}/")
        for service in bind.ctx.project.services.values()
        for other in service.mounts
    )


_NAMED = "use a named volume to say the same in the file: volumes: [NAME:/path], and NAME: under the top-level volumes:"


def _foreign(bind: BindMount) -> MountVerdict | None:
    """Something of the host that is no part of the project."""
    if project_path(bind.ctx.project, bind.mount.source):
        return None
    return _refused(
        "C2F266",
        f"{bind.mount.source} is outside the project, and a Fargate task has no host to read it from",
        "put the files into the project, beside the compose file, or use a named volume for data",
    )


# -- what the image has, or gets -----------------------------------------------------------------------------


def _in_the_image(bind: BindMount) -> MountVerdict | None:
    """Source code that is built into the image anyway: mounting it over itself is for developing."""
    build, mount = _build_of(bind), bind.mount
    if build is None or "://" in build.context:
        return None
    context = build.context.rstrip("/")
    if not f"{mount.source}/".startswith(f"{context}/"):
        return None
    image = bind.ctx.images.get(bind.service.name)
    return _taken_to_be_in_the_image(bind) if image is None else _copied_by_dockerfile(bind, build, image)


def _copied_by_dockerfile(bind: BindMount, build: Build, image: ImageConfig) -> MountVerdict | None:
    inside = posixpath.relpath(bind.mount.source, build.context.rstrip("/") or "/")
    says_nothing = not (image.copies or image.runs)
    if copies_path(image, inside, bind.mount.target) or (says_nothing and _at_workdir(bind, build)):
        return _ignored(f"{bind.shown} is already in the image, which is built from it", code="C2F272")
    return None


def _taken_to_be_in_the_image(bind: BindMount) -> MountVerdict | None:
    """Judge a folder of the build context whose Dockerfile cannot be read."""
    if bind.found.kind != "folder" or _is_empty(bind.found) or bind.service.build is None:
        return None
    if is_data_path(bind.mount.target) or _is_chosen(bind):
        return None
    return _ignored(
        f"{bind.shown} is in the build context and assumed to be in the image at {bind.mount.target}",
        "write x-fargate: {files: image} to copy it there in any case",
        code="C2F272",
    )


def _build_of(bind: BindMount) -> Build | None:
    """The section that builds the image: the service's own, or that of the service which gives the image its name."""
    builder = bind.ctx.builders.get(bind.service.name)
    return bind.service.build or (bind.ctx.project.services[builder].build if builder else None)


def _is_chosen(bind: BindMount) -> bool:
    return bool(options_of(bind.service).get("files") or bind.ctx.settings.files)


def _at_workdir(bind: BindMount, build: Build) -> bool:
    """Whether the WORKDIR of a Dockerfile of which nothing else is known is where the build context is mounted."""
    image = bind.ctx.images.get(bind.service.name)
    if image is None or not image.working_dir:
        return False
    inside = posixpath.relpath(bind.mount.source, build.context.rstrip("/") or "/")
    return posixpath.normpath(posixpath.join(image.working_dir, inside)) == posixpath.normpath(
        bind.mount.target
    )


def _missing(bind: BindMount) -> MountVerdict | None:
    if bind.found.kind in ("file", "folder") and not _is_empty(bind.found):
        return None
    if bind.found.kind == "outside":
        return _refused(
            "C2F518",
            f"{bind.shown} leads out of the project through a symbolic link, which is not followed",
            "put the files themselves into the project, or use a named volume for data",
        )
    if bind.found.kind == "other":
        return _refused(
            "C2F266",
            f"{bind.shown} is neither a file nor a folder and cannot be copied",
            "use a file of the project",
        )
    return _ignored(
        f"{bind.shown} does not exist here, so {bind.mount.target} exists only if the image has it",
        "create the file, or remove the mount",
        loss=True,
        code="C2F273",
    )


def _of_the_project(_bind: BindMount) -> MountVerdict | None:
    """A file or folder of the project. `files.py` says how it gets into the container."""
    return MountVerdict(
        COPIED, CoverageRow(KeyOutcome.APPROXIMATED, "copied into the image that the task runs")
    )


_RULES: tuple[Rule, ...] = (
    _socket, _clock, _system, _in_the_image, _logs, _data, _foreign, _missing, _of_the_project,
)  # fmt: skip


# -- volumes that are a bind mount in disguise, and other types ----------------------------------------------

_OTHER_TYPES = {
    "npipe": CoverageRow(
        KeyOutcome.REFUSED, "Windows named pipes do not exist on Fargate", "use the ECS API with a task role instead",
        Severity.ERROR, "C2F266", STORAGE_URL,
    ),
    "cluster": CoverageRow(
        KeyOutcome.REFUSED, "cluster volumes (CSI) belong to Docker Swarm", "use a named volume, which is kept on EFS",
        Severity.ERROR, "C2F266", EFS_URL,
    ),
}  # fmt: skip
_DRIVE = lazy_pattern(r"[A-Za-z]:")
_DRIVE_AND_PATH = lazy_pattern(r"([A-Za-z]):(/.*)")


def _of_windows(target: str) -> CoverageRow:
    """Refuse a path of Windows, and say where it may have been meant as a volume of one letter and a path."""
    what, hint = (
        "a Windows path does not exist in a Linux container",
        "write the path that the Linux image has",
    )
    found = _DRIVE_AND_PATH.fullmatch(target)
    if found:
        what = f"Compose reads {target} as a Windows path, not as a volume {found[1]} at {found[2]}: {what}"
        hint = (
            f"if you mean a volume, give it a name of two letters or more, or write {{type: volume, source: {found[1]}, "
            f"target: {found[2]}}}; otherwise {hint}"
        )
    return CoverageRow(KeyOutcome.REFUSED, what, hint, Severity.ERROR, "C2F266", STORAGE_URL)


def refused_type(mount: Mount) -> CoverageRow | None:
    """Give the refusal of a mount that no Linux task has, whatever its source is."""
    if mount.type in _OTHER_TYPES or mount.target.startswith("/"):
        return _OTHER_TYPES.get(mount.type)
    if "\\" in mount.target or _DRIVE.match(mount.target):
        return _of_windows(mount.target)
    return CoverageRow(
        KeyOutcome.REFUSED,
        f"{mount.target} is a place in the container, and not one that begins at the root: ECS mounts at absolute paths only",
        f"write where the container has it: {mount.target}:/PATH for a volume {mount.target}, or /{mount.target}",
        Severity.ERROR, "C2F266", STORAGE_URL,
    )  # fmt: skip
