"""Files that compose puts into a container: secrets, configs, and files of the project that are bind-mounted.

Fargate mounts directories only, and has no way to hand a file to a task. There are two ways to keep the exact path.
An image that derives from the service's own and has the files copied in takes any file and leaves the directory
around it alone; it is built and pushed with the others, and is the default. With `files: init` a small container
runs first and writes small text files into a volume that both containers mount: nothing to build, but one more
container in the user's task, and a volume that hides what the image has in that directory.

A secret never goes into an image, and never into a task definition: an init container gets it from SSM Parameter
Store or Secrets Manager. It is asked for (`secret_files: init`), never added unasked.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    LogConfiguration,
    MountPoint,
    Secret,
    TaskVolume,
)
from compose2fargate.aws.values import KeyValue, Text
from compose2fargate.compose.model import FileSource, Grant, Mount, Service
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.binds import COPIED, DATA, refused_type, verdict
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.disk import MAX_TEXT, MISSING, Found, relative
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.secrets import reference

SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
COPY_URL = "https://docs.docker.com/reference/dockerfile/#copy"
MAX_BYTES = MAX_TEXT
"""What the files of one service may hold together: they stand in the task definition, which has 64 KiB."""
MAX_COPIED = 256 * 1024 * 1024
"""Bytes of a folder that are copied into an image without asking: more is data, or a build of its own."""
FULL_DIRECTORIES = frozenset(
    {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/sys"}
    | {"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/run"}
    | {"/etc/ssl", "/usr/share", "/app", "/srv"}
)  # fmt: skip
"""Directories in which an image has files of its own, so that a volume there would hide them."""

_SECRETIVE = re.compile(
    r"(^|[/._-])(secrets?|passw(or)?ds?|credentials?|tokens?|private|id_(rsa|ed25519|ecdsa)|(api|access|signing)[._-]?keys?)([/._-]|$)"
    r"|\.(pem|key|p12|pfx|jks|keystore|env)$|(^|/)\.env(\.|$)",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"\.(example|sample|template|dist|md|py|js|ts|go|java|rb|php|html|css)$", re.IGNORECASE
)
_KEY_BLOCK = "PRIVATE KEY-----"
_PUBLIC = "-----BEGIN "
"""How a certificate, a public key or other parameters begin, where no private key follows."""

_WRITTEN = Row(Outcome.APPROXIMATED, "written by an init container before the service starts")


class File(NamedTuple):
    """One file, or folder, that is to be in a container.

    Attributes:
        path: The key that asks for it.
        target: Where it goes.
        source: Its absolute path here; "" for a text, and for a secret.
        text: Its content, where that is known, short and no secret.
        value: What a secret's value is read from when the task starts.
        owner: `UID:GID`, `UID` or `:GID`; "" leaves it to root.
        mode: Octal permissions; "" keeps those of `source`.
        found: What is at `source`.
        left_out: Paths below a folder that are not taken along.
        image: The image that it is taken from, for a mount of type image; `subpath` is where in it.
        subpath: See `image`.
        mounted: Whether a volume at `target` has to show it, since one above it hides the image's own files.
    """

    path: Path
    target: str
    source: str = ""
    text: str | None = None
    value: Text | None = None
    owner: str = ""
    mode: str = ""
    found: Found = MISSING
    left_out: tuple[str, ...] = ()
    image: str = ""
    subpath: str = ""
    mounted: bool = False


class Plan(NamedTuple):
    """How the files of one service get into its container.

    Attributes:
        written: By an init container.
        copied: Into an image that derives from the service's own.
        data: Index of a bind mount to the key of the volume that it becomes, and the path in it.
    """

    written: tuple[File, ...] = ()
    copied: tuple[File, ...] = ()
    data: Mapping[int, tuple[str, str]] = {}


class Delivery(NamedTuple):
    """What brings a service's files: an init container, the volumes it fills, and where the service sees them."""

    container: ContainerDefinition
    volumes: tuple[TaskVolume, ...]
    mount_points: tuple[MountPoint, ...]

    @property
    def dependency(self) -> ContainerDependency:
        """What the service waits for."""
        return ContainerDependency(self.container.name, "SUCCESS")


# -- which way -----------------------------------------------------------------------------------------------


def plan(ctx: Context, service: Service) -> Plan:
    """Decide for each file of a service how it gets into the container, and say so."""
    data: dict[int, tuple[str, str]] = {}
    files: list[File] = []
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        refused = refused_type(mount)
        if refused:
            ctx.outcomes[path] = refused
        elif mount.type == "image":
            files.append(
                File(path, mount.target, image=mount.source, subpath=str(mount.options.get("subpath") or ""))
            )
        elif mount.type == "bind":
            judged = verdict(ctx, service, mount)
            ctx.outcomes[path] = judged.row
            if judged.fate == DATA:
                data[index] = kept_as(ctx, mount)
            elif judged.fate == COPIED:
                files.append(_bound(ctx, service, mount, path))
    files.extend(_configs(ctx, service))
    written, copied = _ways(ctx, service, sorted(files, key=_by_target))
    return Plan(
        tuple(sorted((*_secrets(ctx, service), *written), key=_by_target)),
        tuple(copied),
        data,
    )


def _by_target(file: File) -> str:
    """Where a file goes: the order in which the compose file lists them means nothing."""
    return file.target


def kept_as(ctx: Context, mount: Mount) -> tuple[str, str]:
    """Give the volume that a folder of data becomes, named after its path, and the path in it.

    A folder inside another one that is written to, by whichever service, is a path in that one's volume.
    """
    source = posixpath.normpath(mount.source)
    above = [
        root
        for service in ctx.project.services.values()
        for other in service.mounts
        if other.type == "bind"
        and not other.read_only
        and source.startswith(f"{(root := posixpath.normpath(other.source))}/")
        if verdict(ctx, service, other).fate == DATA
    ]
    root = min(above, default=source, key=len)
    shown = relative(ctx.project, root) or root
    key = ecs_name(re.sub(r"[^A-Za-z0-9_]+", "-", shown).strip("-") or "project", 64)
    return (f"{key}-bind" if key in ctx.project.volumes else key), source.removeprefix(root).strip("/")


def way(ctx: Context, service: Service) -> str:
    """Give how files get into a service: `image`, `init` or `none`."""
    return str(options_of(service).get("files") or ctx.settings.files or "image")


def _secret_way(ctx: Context, service: Service) -> str:
    own = options_of(service)
    files = own.get("files") or ctx.settings.files
    return str(
        own.get("secret_files") or ctx.settings.secret_files or ("init" if files == "init" else "none")
    )


def _ways(ctx: Context, service: Service, files: Iterable[File]) -> tuple[list[File], list[File]]:
    """Sort files by the way that they take; those that take none are reported."""
    how = way(ctx, service)
    written: list[File] = []
    copied: list[File] = []
    for file in files:
        if how == "none":
            _leave(
                ctx,
                file,
                f"{file.target} is left out, as x-fargate.files says",
                "files: image copies it in",
                "C2F289",
            )
        elif service.name in ctx.settings.images:
            row = f"{file.target} is taken to be in the image that --image names"
            _settle(ctx, file.path, Row(Outcome.IGNORED, row, "", Severity.INFO, "C2F272", COPY_URL))
        elif file.value is not None:
            written.extend([file] if _is_possible(ctx, service, file) else [])
        elif _may_be_copied(ctx, file) and not _is_hidden(ctx, service, file):
            shown = _shown(ctx, service, file)
            fits = how == "init" and _fits(ctx, written, shown) and _is_possible(ctx, service, shown)
            (written if fits else copied).append(shown)
            _explain(ctx, service, shown, written=fits)
    return written, copied


def _covering(ctx: Context, service: Service, file: File) -> Mount | None:
    """The volume or tmpfs above a file's target, which hides what an image has there."""
    for index, mount in enumerate(service.mounts):
        kept = mount.type == "tmpfs" or (mount.type == "volume" and (mount.source or service.read_only))
        inside = f"{file.target.rstrip('/')}/".startswith(f"{mount.target.rstrip('/')}/")
        if inside and (kept or (mount.type == "bind" and _is_data(ctx, service, index))):
            return mount
    return None


def _is_data(ctx: Context, service: Service, index: int) -> bool:
    return verdict(ctx, service, service.mounts[index]).fate == DATA


def _shown(ctx: Context, service: Service, file: File) -> File:
    """Give a folder inside a volume a volume of its own, which ECS fills from the image.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    whole = file.found.kind == "folder" or bool(file.image)
    return file._replace(mounted=whole and _covering(ctx, service, file) is not None)


def _is_hidden(ctx: Context, service: Service, file: File) -> bool:
    """Whether a volume hides a single file, for which there is no volume; report it."""
    covering = None if file.found.kind == "folder" or file.image else _covering(ctx, service, file)
    if covering is None:
        return False
    _leave(
        ctx,
        file,
        f"{file.target} is left out: the volume at {covering.target} hides what an image has there",
        f"mount it outside {covering.target}, or put the file into the volume",
        "C2F286",
    )
    return True


def _fits(ctx: Context, written: Iterable[File], file: File) -> bool:
    """Whether a task definition has room for the file's text beside those that are written already."""
    size = sum(len((each.text or "").encode("utf-8", "surrogatepass")) for each in (*written, file))
    if size > MAX_BYTES:
        ctx.info(
            "C2F284",
            file.path,
            f"{file.target} is copied into an image: with it the files of the service hold {size} bytes, "
            f"and {MAX_BYTES} fit into a task definition beside the rest",
        )
    return size <= MAX_BYTES


def _leave(ctx: Context, file: File, what: str, hint: str, code: str, url: str = STORAGE_URL) -> None:
    _settle(ctx, file.path, Row(Outcome.IGNORED, what, hint, Severity.WARNING, code, url))


def _settle(ctx: Context, path: Path, row: Row) -> None:
    """Say what becomes of a mount, or of one grant of a list whose key stands for all of them."""
    if path[2] == "volumes":
        ctx.outcomes[path] = row
        return
    if row.severity:
        ctx.add(row.severity, row.code, path, row.what, hint=row.hint, url=row.url)
    known = ctx.outcomes.get(path[:3])
    if known is None or known.outcome is not Outcome.IGNORED:
        ctx.outcomes[path[:3]] = row._replace(severity=None)


def _explain(ctx: Context, service: Service, file: File, *, written: bool) -> None:
    """Say which way a file takes, and what follows from it."""
    if written:
        _settle(ctx, file.path, _WRITTEN)
        return
    source = relative(ctx.project, file.source) if file.source else file.image
    shown = f"{source} is copied to {file.target}" if source else f"{file.target} is"
    what = f"{shown} in an image derived from the service's own, which has to be built and pushed"
    hint = f"images/{service.name}/Dockerfile builds it, and compose2fargate push does"
    if file.text is not None and posixpath.dirname(file.target) not in FULL_DIRECTORIES:
        hint += "; or --files init (x-fargate: {files: init}) lets an init container write it"
    if file.found.kind == "folder" and not file.mounted:
        what += ", beside what that has there"
    mount = _mount_of(service, file.path)
    severity, code = Severity.INFO, "C2F274"
    if mount and not mount.read_only and file.found.kind == "folder":
        what += "; what the service writes there ends with its task"
        hint = f"mount it with :ro to agree, or use a named volume for what has to last. {hint}"
        severity, code = Severity.WARNING, "C2F275"
    if file.text and not file.source and not file.text.endswith("\n"):
        what += ", with a line end added"
    _settle(ctx, file.path, Row(Outcome.APPROXIMATED, what, hint, severity, code, COPY_URL))


def _mount_of(service: Service, path: Path) -> Mount | None:
    return service.mounts[int(path[3])] if len(path) > 3 and path[2] == "volumes" else None


def _may_be_copied(ctx: Context, file: File) -> bool:
    """Whether a file may stand in an image: no secret, and not too much; report it where not."""
    if not file.source and not file.image and re.search(r"\s", file.target):
        _leave(
            ctx,
            file,
            f"{file.target} is left out: a Dockerfile cannot write a text to a path with a space",
            "give it a target: without one, or let an init container write it: x-fargate: {files: init}",
            "C2F273",
            COPY_URL,
        )
        return False
    if _is_secret(file) or file.source in _secret_files(ctx):
        _leave(
            ctx,
            file,
            f"{file.target} looks like a secret, which must not stand in an image or a task definition: it is left out",
            "list it under secrets:, which reads it from SSM Parameter Store",
            "C2F288",
            SECRETS_URL,
        )
        return False
    if not file.found.complete or file.found.size > MAX_COPIED:
        _leave(
            ctx,
            file,
            f"{relative(ctx.project, file.source)} is too large to be copied into an image unasked",
            "write a Dockerfile that copies what is needed, or use a named volume for data",
            "C2F273",
        )
        return False
    own = _secret_files(ctx)
    hidden = [path for path in file.left_out if _is_secretive(path) or f"{file.source}/{path}" in own]
    if file.found.entries and {entry.path for entry in file.found.entries} <= set(hidden):
        _leave(
            ctx,
            file,
            f"all files of {file.target} look like secrets, which must not stand in an image: the folder is left out",
            "list them under secrets:, which reads them from SSM Parameter Store; --certificate gives the load balancer one",
            "C2F288",
            SECRETS_URL,
        )
        return False
    if hidden:
        look = "look like secrets" if len(hidden) > 1 else "looks like a secret"
        ctx.warn(
            "C2F288",
            file.path,
            f"{', '.join(hidden[:3])}{' …' if len(hidden) > 3 else ''} of {file.target} "
            f"{look}, which must not stand in an image: {'they are' if len(hidden) > 1 else 'it is'} left out",
            hint="list it under secrets:, which reads it from SSM Parameter Store",
            url=SECRETS_URL,
        )
    return True


def _is_secret(file: File) -> bool:
    """Whether a single file looks like a secret, by its name or by its content."""
    text = file.text or ""
    if _KEY_BLOCK in text:
        return True
    if text.startswith(_PUBLIC) or file.found.kind == "folder":
        return False
    return any(map(_is_secretive, (file.target, posixpath.basename(file.source))))


def _is_secretive(path: str) -> bool:
    return bool(_SECRETIVE.search(path) and not _EXAMPLES.search(path))


def _secret_files(ctx: Context) -> frozenset[str]:
    """The files that hold the project's own secrets."""
    return frozenset(source.file for source in ctx.project.secrets.values() if source.file)


# -- what there is -------------------------------------------------------------------------------------------


def _bound(ctx: Context, service: Service, mount: Mount, path: Path) -> File:
    found = ctx.disk[mount.source]
    left_out = _left_out(ctx, service, mount, found)
    return File(path, mount.target, mount.source, found.text, found=found, left_out=left_out)


def _left_out(ctx: Context, service: Service, mount: Mount, found: Found) -> tuple[str, ...]:
    """What of a folder is not taken along: what other mounts hide, and what is or looks like a secret."""
    own = _secret_files(ctx)
    hidden = [
        other.target.removeprefix(f"{mount.target.rstrip('/')}/")
        for other in service.mounts
        if other.target.startswith(f"{mount.target.rstrip('/')}/")
    ]
    secret = [
        entry.path
        for entry in found.entries
        if _is_secretive(entry.path) or posixpath.normpath(f"{mount.source}/{entry.path}") in own
    ]
    return tuple(sorted({*hidden, *secret, *found.pruned}))


def _configs(ctx: Context, service: Service) -> Iterator[File]:
    for index, grant in enumerate(service.configs):
        path: Path = ("services", service.name, "configs", index)
        source = ctx.project.configs.get(grant.source)
        if source is None:
            continue
        target = posixpath.join("/", grant.target or grant.source)
        file = File(path, target, "", None, owner=_owner(grant), mode=grant.mode or "0444")
        if source.external:
            yield from _external(ctx, service, source, file)
        else:
            yield from _known(ctx, source, file)


def _external(ctx: Context, service: Service, source: FileSource, file: File) -> Iterator[File]:
    """A config that exists elsewhere: read from the SSM parameter of its name when the task starts."""
    if _secret_way(ctx, service) == "init":
        yield file._replace(value=source.name)
    else:
        _leave(
            ctx,
            file,
            f"the file {file.target} will not be there: config {source.key} is external, and only known to Docker Swarm",
            f"store it as the SSM parameter {source.name} and write x-fargate: {{secret_files: init}}, or give the config a file:",
            "C2F289",
        )


def _known(ctx: Context, source: FileSource, file: File) -> Iterator[File]:
    found = ctx.disk.get(source.file or f"${source.environment}", MISSING)
    if source.content is not None:
        yield file._replace(text=source.content)
    elif source.file and found.kind == "file":
        yield file._replace(source=source.file, text=found.text, found=found)
    elif found.text is not None:
        yield file._replace(text=found.text)
    else:
        origin = relative(ctx.project, source.file or "") or source.file or f"${source.environment}"
        _leave(
            ctx,
            file,
            f"the file {file.target} will not be there: {origin} of config {source.key} does not exist here",
            "create it, or take the config out",
            "C2F273",
        )


def _secrets(ctx: Context, service: Service) -> Iterator[File]:
    init = _secret_way(ctx, service) == "init"
    for index, grant in enumerate(service.secrets if init else ()):
        path: Path = ("services", service.name, "secrets", index)
        target = posixpath.join("/run/secrets", grant.target or grant.source)
        value = reference(ctx, grant.source, path)
        file = File(path, target, value=value, owner=_owner(grant), mode=grant.mode or "0444")
        if _is_possible(ctx, service, file):
            _settle(ctx, path, _WRITTEN)
            yield file
        else:
            _settle(ctx, path, Row(Outcome.IGNORED, "left out, since an init container cannot write it"))


def _owner(grant: Grant) -> str:
    return (
        ":".join(filter(None, (grant.uid, grant.gid))) if grant.uid else f":{grant.gid}" if grant.gid else ""
    )


# -- the init container --------------------------------------------------------------------------------------


def deliver(ctx: Context, service: Service, log: LogConfiguration | None) -> Delivery | None:
    """Give the init container that writes the service's files, or None where none is asked for or needed."""
    files = ctx.plans[service.name].written
    if not files:
        return None
    _report_image(ctx, service)
    folders = {folder: number for number, folder in enumerate(_roots(files))}
    volumes = {
        folder: TaskVolume(ecs_name(f"files-{service.name}-{number}")) for folder, number in folders.items()
    }
    return Delivery(
        container=ContainerDefinition(
            name=ecs_name(f"{service.name}-files"),
            image=ctx.settings.init_image,
            essential=False,
            entry_point=("/bin/sh", "-ec"),
            command=(_script(files, folders),),
            environment=tuple(
                KeyValue(f"FILE_{n}", f.text) for n, f in enumerate(files) if f.text is not None
            ),
            secrets=tuple(Secret(f"FILE_{n}", f.value) for n, f in enumerate(files) if f.value is not None),
            mount_points=tuple(
                MountPoint(volumes[f].name, f"/files/{number}") for f, number in folders.items()
            ),
            log_configuration=log,
        ),
        volumes=tuple(volumes.values()),
        mount_points=tuple(MountPoint(volumes[folder].name, folder, read_only=True) for folder in folders),
    )


_PUBLIC_REGISTRIES = ("public.ecr.aws/", "docker.io/", "quay.io/", "ghcr.io/")


def _report_image(ctx: Context, service: Service) -> None:
    """Say what a public image of the init container means for tasks without a way to the internet."""
    image = ctx.settings.init_image
    public = image.startswith(_PUBLIC_REGISTRIES) or "." not in image.partition("/")[0]
    if public and ctx.settings.subnets and not ctx.settings.assign_public_ip:
        ctx.info(
            "C2F269",
            ("services", service.name),
            f"the container that writes files runs {image}, which tasks in private subnets pull through a NAT gateway only",
            hint="--init-image names a copy in your own registry; an ECR pull-through cache keeps one",
            url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html",
        )


def _roots(files: Iterable[File]) -> list[str]:
    """The directories to mount: those of the files, but none inside another, where nothing could be mounted."""
    roots: list[str] = []
    for folder in sorted({posixpath.dirname(file.target) for file in files}):
        if not any(folder.startswith(f"{root}/") for root in roots):
            roots.append(folder)
    return roots


def _script(files: Iterable[File], folders: Mapping[str, int]) -> str:
    """A shell script that writes each file from its variable, byte for byte, and sets owner and mode."""
    lines = []
    for number, file in enumerate(files):
        root = next(r for r in folders if file.target.startswith(f"{r}/"))
        path = f"/files/{folders[root]}{file.target.removeprefix(root)}"
        if posixpath.dirname(file.target) != root:
            lines.append(f"mkdir -p {_quote(posixpath.dirname(path))}")
        lines.append(f'printf %s "$FILE_{number}" > {_quote(path)}')
        if file.owner:
            lines.append(f"chown {file.owner} {_quote(path)}")
        lines.append(f"chmod {file.mode or '0644'} {_quote(path)}")
    return "\n".join(lines)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _is_possible(ctx: Context, service: Service, file: File) -> bool:
    """Whether an init container can write the file, and a volume can stand where it goes; report it where not."""
    folder = posixpath.dirname(file.target)
    if file.text is None and file.value is None:
        return False
    if folder in FULL_DIRECTORIES or any(mount.target == folder for mount in service.mounts):
        instead = "it is left out" if file.value is not None else "it is copied into an image instead"
        ctx.add(
            Severity.WARNING if file.value is not None else Severity.INFO,
            "C2F286",
            file.path,
            f"{file.target} cannot be written by an init container, since a volume at {folder} would hide what is there: {instead}",
            hint="give it a directory of its own with target:",
            url=STORAGE_URL,
        )
        return False
    if not f"{folder}/".startswith("/run/secrets/"):
        ctx.info(
            "C2F287",
            file.path,
            f"{folder} holds just what is written there, and hides what the image has in it",
        )
    return True
