"""What the mapping has to know about the disk and the environment: asked for here, looked up by the caller.

The mapping itself reads nothing. It says which paths and variables it wants to know about (`wanted`), the caller
looks, within the limits below, and hands in what it found. So the mapping stays a function of its arguments, and what
was looked at is known.
"""

from __future__ import annotations

import os.path
import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from compose2fargate.compose.model import Mount, Project

MAX_TEXT = 24 * 1024
"""Bytes of a file whose text is read: more does not fit into a task definition."""
MAX_ENTRIES = 5000
"""Files of a folder that are listed."""
SKIPPED = frozenset({".git", ".hg", ".svn"})
"""Folders that belong to the project's history, not to what runs: they are not listed and not copied."""


class Entry(NamedTuple):
    """One file inside a folder: its path from there, with `/`, and its size in bytes."""

    path: str
    size: int


class Found(NamedTuple):
    """What is at a path, or in a variable.

    Attributes:
        kind: `missing`, `file`, `folder`, `variable`, or `other` for sockets, devices and what cannot be read.
        size: Bytes of a file or variable, or of all listed files of a folder.
        text: Content, where it was wanted, is text and is short.
        entries: The files of a folder, in the order of their paths.
        complete: Whether `entries` is all of them.
        pruned: Folders (`SKIPPED`) that are there and not listed.
        generated: Whether it holds a folder that this tool wrote, which is not listed either.
    """

    kind: str
    size: int = 0
    text: str | None = None
    entries: tuple[Entry, ...] = ()
    complete: bool = True
    pruned: tuple[str, ...] = ()
    generated: bool = False


class Wanted(NamedTuple):
    """A path, or `$NAME` for a variable. `text` asks for the content: never where that is a secret by declaration."""

    path: str
    text: bool


MISSING = Found("missing")


def wanted(project: Project) -> Iterator[Wanted]:
    """Yield everything that the mapping of `project` wants to know about, secrets without their content."""
    for source in project.configs.values():
        if source.file:
            yield Wanted(source.file, text=True)
        elif source.environment:
            yield Wanted(f"${source.environment}", text=True)
    for source in project.secrets.values():
        if source.file:
            yield Wanted(source.file, text=False)
        elif source.environment:
            yield Wanted(f"${source.environment}", text=False)
    for service in project.services.values():
        for mount in service.mounts:
            if mount.type == "bind" and belongs(project, mount):
                yield Wanted(mount.source, text=True)


def belongs(project: Project, mount: Mount) -> bool:
    """Tell whether a bind mount's source is part of the project: in its directory, or in one that holds both.

    A repository often has its compose files in a folder beside the files that they mount. A path up is followed,
    but not so far that the common directory is one of the machine (`/`, `/srv`, `/home/me`).
    """
    return not mount.source.endswith(".sock") and bool(relative(project, mount.source))


def relative(project: Project, path: str) -> str:
    """Give a path of the project as seen from its directory, with `/`; "" where it is none of the project's."""
    root = project.working_dir
    if not (path.startswith("/") and root.startswith("/")):
        return ""
    shown = os.path.relpath(path, root).replace(os.sep, "/")
    ups = shown.split("/").count("..")
    levels = len(posixpath.normpath(root).split("/")) - 1
    return shown if not ups or levels - ups >= _SHALLOWEST else ""


_SHALLOWEST = 3
