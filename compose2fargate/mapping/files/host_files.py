"""What the mapping has to know about the disk and the environment: asked for here, looked up by the caller.

The mapping itself reads nothing. It says which paths and variables it wants to know about (`wanted`), the caller
looks, within the limits below, and hands in what it found. So the mapping stays a function of its arguments, and what
was looked at is known.
"""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Iterator, Mapping

from compose2fargate.compose.model import Mount, Project
from compose2fargate.mapping.references.config_files import may_hold_addresses
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

MAX_TEXT = 24 * 1024
"""Bytes of a file whose text is read: more does not fit into a task definition."""
MAX_ENTRIES = 5000
"""Files of a folder that are listed."""
SKIPPED = frozenset({".git", ".hg", ".svn"})
"""Folders that belong to the project's history, not to what runs: they are not listed and not copied."""


class FolderEntry(NamedTuple):
    """One file inside a folder: its path from there, with `/`, and its size in bytes."""

    path: str
    size: int


class HostFile(NamedTuple):
    """What is at a path, or in a variable.

    Attributes:
        kind: `missing`, `file`, `folder`, `variable`, `outside` where a symbolic link leads out of the project, or `other`
            for sockets, devices and what cannot be read.
        size: Bytes of a file or variable, or of all listed files of a folder.
        text: Content, where it was wanted, is text and is short.
        entries: The files of a folder, in the order of their paths.
        complete: Whether `entries` is all of them.
        pruned: Folders (`SKIPPED`) that are there and not listed.
        generated: Whether it holds a folder that this tool wrote, which is not listed either.
        unsafe: Links in a folder that lead out of the project, and pipes, sockets and devices: not listed either.
        real: The path that symbolic links lead to, where it is another one.
    """

    kind: str
    size: int = 0
    text: str | None = None
    entries: tuple[FolderEntry, ...] = ()
    complete: bool = True
    pruned: tuple[str, ...] = ()
    generated: bool = False
    unsafe: tuple[str, ...] = ()
    real: str = ""


class HostFileRequest(NamedTuple):
    """A path, or `$NAME` for a variable. `text` asks for the content: never where that is a secret by declaration."""

    path: str
    text: bool


MISSING = HostFile("missing")


def wanted_files(project: Project) -> Iterator[HostFileRequest]:
    """Yield everything that the mapping of `project` wants to know about, secrets without their content."""
    for source in project.configs.values():
        if source.file:
            yield HostFileRequest(source.file, text=True)
        elif source.environment:
            yield HostFileRequest(f"${source.environment}", text=True)
    for source in project.secrets.values():
        if source.file:
            yield HostFileRequest(source.file, text=False)
        elif source.environment:
            yield HostFileRequest(f"${source.environment}", text=False)
    for service in project.services.values():
        for mount in service.mounts:
            if mount.type == "bind" and _is_part_of_project(project, mount):
                yield HostFileRequest(mount.source, text=True)


def wanted_in_folders(project: Project, found: Mapping[str, HostFile]) -> Iterator[HostFileRequest]:
    """Yield the files of mounted folders that the mapping wants to read, now that these are listed."""
    for service in project.services.values():
        for mount in service.mounts:
            if mount.type == "bind" and mount.source in found:
                for entry in mounted_entries(mount, found[mount.source]):
                    yield HostFileRequest(posixpath.join(mount.source, entry), text=True)


MAX_READ = 60
"""Files of a mounted folder up to which it is one of configuration, which is read; a larger one holds a program or data."""
_KEPT_SHUT = lazy_pattern(
    r"secret|passw|credential|token|private|(?:^|/)(?:\.env|(?:docker-)?compose[\w.-]*\.ya?ml)|\.(?:pem|key|env)$",
    re.IGNORECASE,
)


def mounted_entries(mount: Mount, found: HostFile) -> Iterator[str]:
    """Yield the paths of files of a mounted folder that may say whom a service talks to, and are no secrets."""
    return entries_to_read(found, mount.target)


def entries_to_read(found: HostFile, target: str) -> Iterator[str]:
    """Yield the paths of files of a folder, which goes to `target`, that may say whom a service talks to, and are no secrets."""
    if found.kind != "folder" or not found.complete or len(found.entries) > MAX_READ:
        return
    for entry in found.entries:
        inside = posixpath.join(target, entry.path)
        if entry.size <= MAX_TEXT and may_hold_addresses(inside) and not _KEPT_SHUT.search(entry.path):
            yield entry.path


def _is_part_of_project(project: Project, mount: Mount) -> bool:
    """Tell whether a bind mount's source is part of the project: in its directory, or in one that holds both.

    A repository often has its compose files in a folder beside the files that they mount. A path up is followed,
    but not so far that the common directory is one of the machine (`/`, `/srv`, `/home/me`).
    """
    return not mount.source.endswith(".sock") and bool(project_path(project, mount.source))


def project_path(project: Project, path: str) -> str:
    """Give a path of the project as seen from its directory, with `/`; "" where it is none of the project's."""
    root = project.working_dir
    if not (path.startswith("/") and root.startswith("/")):
        return ""
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    ups = shown.split("/").count("..")
    levels = len(posixpath.normpath(root).split("/")) - 1
    return shown if not ups or levels - ups >= _SHALLOWEST else ""


_SHALLOWEST = 3
