"""Lists folders of the project: what is in them, and which links lead out of it. Nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator


def walk_folder(root: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder below `root`, as a path from there with `/` ("" for itself), with its folders and files.

    Links to folders are among the folders and are not followed; taking folders out of the list leaves them out.
    """
    for parent, folders, names in os.walk(root):
        inside = os.path.relpath(parent, root).replace(os.sep, "/")
        yield "" if inside == "." else inside, folders, names


def names_in(folder: str) -> list[str]:
    """Give the names of what is in a folder; nothing where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


class ProjectRoot:
    """A folder that paths below it are not to lead out of, through symbolic links."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._real = os.path.realpath(path)

    def resolve(self, path: str) -> str | None:
        """Give the path below the folder that `path` leads to, which is mostly itself; None when it leads out."""
        real = os.path.realpath(path)
        if real == self._real:
            return self._path
        below = os.path.join(self._real, "")
        return os.path.join(self._path, real[len(below) :]) if real.startswith(below) else None
