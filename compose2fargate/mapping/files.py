"""Files that compose puts into a container: secrets, configs, and small files of the project.

Fargate mounts directories only, and has no way to hand a file to a task. With `files: init` a small container runs
first and writes the files into a volume that both containers mount. It is asked for, never added unasked: it is one
more container in the user's task, and the volume hides what the image has in that directory.
"""

from __future__ import annotations

import os.path
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
from compose2fargate.aws.values import KeyValue
from compose2fargate.compose.model import FileSource, Grant, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import Outcome, Row
from compose2fargate.mapping.names import ecs_name

SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
MAX_BYTES = 24 * 1024
"""What the files of one service may hold together: they stand in the task definition, which has 64 KiB."""
FULL_DIRECTORIES = frozenset(
    {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/sys"}
    | {"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/run"}
    | {"/etc/ssl", "/usr/share", "/app", "/srv"}
)  # fmt: skip
"""Directories in which an image has files of its own, so that a volume there would hide them."""

_SECRETIVE = re.compile(
    r"(^|[/._-])(secrets?|passw(or)?ds?|credentials?|tokens?|private|id_(rsa|ed25519|ecdsa))([/._-]|$)|\.(pem|key|p12|pfx|jks|env)$",
    re.IGNORECASE,
)
_KEY_BLOCK = "PRIVATE KEY-----"

_WRITTEN = Row(Outcome.APPROXIMATED, "written by an init container before the service starts")


class Delivery(NamedTuple):
    """What brings a service's files: an init container, the volumes it fills, and where the service sees them."""

    container: ContainerDefinition
    volumes: tuple[TaskVolume, ...]
    mount_points: tuple[MountPoint, ...]

    @property
    def dependency(self) -> ContainerDependency:
        """What the service waits for."""
        return ContainerDependency(self.container.name, "SUCCESS")


class _File(NamedTuple):
    """One file to write. `text` is None for a secret, whose value only the task sees, from `parameter`."""

    path: Path
    target: str
    text: str | None
    parameter: str
    owner: str
    mode: str


def deliver(ctx: Context, service: Service, log: LogConfiguration | None) -> Delivery | None:
    """Give the init container that writes the service's files, or None where none is asked for or needed."""
    if (options_of(service).get("files") or ctx.settings.files) != "init":
        return None
    files = [file for file in _files(ctx, service) if _is_possible(ctx, service, file)]
    size = sum(len(file.text or "") for file in files)
    if size > MAX_BYTES:
        ctx.refuse(
            "C2F284",
            ("services", service.name),
            f"the files of {service.name} hold {size} bytes; {MAX_BYTES} fit into a task definition beside the rest",
            hint="copy the large ones into the image",
        )
    if not files:
        return None
    folders = {folder: number for number, folder in enumerate(_roots(files))}
    for path in {file.path for file in files}:
        ctx.outcomes[path] = _WRITTEN
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
            secrets=tuple(Secret(f"FILE_{n}", f.parameter) for n, f in enumerate(files) if f.text is None),
            mount_points=tuple(
                MountPoint(volumes[f].name, f"/files/{number}") for f, number in folders.items()
            ),
            log_configuration=log,
        ),
        volumes=tuple(volumes.values()),
        mount_points=tuple(MountPoint(volumes[folder].name, folder, read_only=True) for folder in folders),
    )


def _roots(files: Iterable[_File]) -> list[str]:
    """The directories to mount: those of the files, but none inside another, where nothing could be mounted."""
    roots: list[str] = []
    for folder in sorted({posixpath.dirname(file.target) for file in files}):
        if not any(folder.startswith(f"{root}/") for root in roots):
            roots.append(folder)
    return roots


def _script(files: Iterable[_File], folders: Mapping[str, int]) -> str:
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
        lines.append(f"chmod {file.mode} {_quote(path)}")
    return "\n".join(lines)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _files(ctx: Context, service: Service) -> Iterator[_File]:
    for grant in service.secrets:
        yield _secret(ctx, service, grant)
    for grant in service.configs:
        path: Path = ("services", service.name, "configs")
        source = ctx.project.configs.get(grant.source)
        text = _text_of(ctx, source) if source else None
        if text is not None:
            target = posixpath.join("/", grant.target or grant.source)
            yield _File(path, target, text, "", _owner(grant), grant.mode or "0444")
    for index, mount in enumerate(service.mounts):
        if mount.type == "bind" and ctx.texts.get(mount.source) is not None:
            yield _File(
                ("services", service.name, "volumes", index),
                mount.target,
                ctx.texts[mount.source],
                "",
                "",
                "0644",
            )


def _secret(ctx: Context, service: Service, grant: Grant) -> _File:
    source = ctx.project.secrets.get(grant.source)
    external = source is not None and source.external
    parameter = source.name if source and external else f"/{ctx.stack}/{grant.source}"
    path: Path = ("services", service.name, "secrets")
    if not external:
        ctx.info(
            "C2F285",
            path,
            f"secret {grant.source} is read from the SSM parameter {parameter}, which has to exist",
            hint=f"aws ssm put-parameter --type SecureString --name {parameter} --value file://…",
            url=SECRETS_URL,
        )
    target = posixpath.join("/run/secrets", grant.target or grant.source)
    return _File(path, target, None, parameter, _owner(grant), grant.mode or "0444")


def _owner(grant: Grant) -> str:
    return (
        ":".join(filter(None, (grant.uid, grant.gid))) if grant.uid else f":{grant.gid}" if grant.gid else ""
    )


def _text_of(ctx: Context, source: FileSource) -> str | None:
    if source.content is not None:
        return source.content
    if source.environment is not None:
        return ctx.texts.get(f"${source.environment}")
    return ctx.texts.get(source.file) if source.file else None


def _is_possible(ctx: Context, service: Service, file: _File) -> bool:
    """Whether the file may be written, and a volume can stand where it goes; report it where not."""
    folder = posixpath.dirname(file.target)
    if file.text is not None and (_SECRETIVE.search(file.target) or _KEY_BLOCK in file.text):
        ctx.warn(
            "C2F288",
            file.path,
            f"{file.target} looks like a secret, and would stand in plain text in the task definition: it is left out",
            hint="list it under secrets:, which reads it from SSM Parameter Store",
            url=SECRETS_URL,
        )
        return False
    if folder in FULL_DIRECTORIES or any(mount.target == folder for mount in service.mounts):
        ctx.warn(
            "C2F286",
            file.path,
            f"{file.target} cannot be written by an init container: a volume at {folder} would hide what is there",
            hint="give it a directory of its own with target:, or copy the file into the image",
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


def wanted_texts(service: Service, configs: Mapping[str, FileSource]) -> Iterator[str]:
    """Yield the paths of the files, and `$NAME` of the variables, whose content `deliver` would need."""
    for grant in service.configs:
        source = configs.get(grant.source)
        if source and source.file:
            yield source.file
        elif source and source.environment:
            yield f"${source.environment}"
    for mount in service.mounts:
        if mount.type == "bind" and not os.path.basename(mount.source).endswith(".sock"):
            yield mount.source
