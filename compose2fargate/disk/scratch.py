"""Private folders for the time of a run, and copies of the project's files in them: what builders are given."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from typing import IO, Final

from compose2fargate.disk.folder import Folder
from compose2fargate.disk.reading import open_regular

_PRIVATE: Final = 0o600


def private_folder(prefix: str, inside: str | None = None) -> str:
    """Make a new folder that only we can read."""
    return tempfile.mkdtemp(prefix=prefix, dir=inside)


def discard(folder: str) -> None:
    """Remove a private folder as far as that can be done; links in it are removed, not followed."""
    shutil.rmtree(folder, ignore_errors=True)


def unnamed_file(folder: str) -> IO[bytes]:
    """Open a new file of a private folder for writing and reading; it is gone when it is closed."""
    return tempfile.TemporaryFile(dir=folder)


def write_private(path: str, text: str) -> None:
    """Write a new file of a private folder, that nobody else can read, not even for a moment."""
    folder, name = Folder.of(path)
    with folder:
        folder.create(name, text.encode("utf-8", "surrogateescape"), _PRIVATE)


def linked_copy(source: str, target: str, without: str) -> None:
    """Make a private folder with a link to each entry of the user's own folder `source`, apart from `without`."""
    os.mkdir(target, 0o700)
    for name in os.listdir(source) if os.path.isdir(source) else ():
        if name != without:
            os.symlink(os.path.join(os.path.abspath(source), name), os.path.join(target, name))


class BuildContextFolder:
    """A new folder with files of the project, from which an image is built. Links are copied as links."""

    def __init__(self, folder: str) -> None:
        os.mkdir(folder)
        self._folder = folder

    def write(self, path: str, text: str, mode: int | None) -> None:
        """Write a text to a path of the context."""
        self._make_room(path)
        with Folder(self._folder) as folder:
            folder.create(path, text.encode("utf-8", "surrogateescape"))
        self._set_mode(path, mode)

    def copy(self, source: str, path: str, mode: int | None) -> None:
        """Copy a file, a folder with all that is in it, or a link, to a path of the context.

        Raises:
            OSError: It is something else, holds something else, or cannot be read.
        """
        found, target = os.lstat(source).st_mode, os.path.join(self._folder, path)
        self._make_room(path)
        if stat.S_ISLNK(found):
            os.symlink(os.readlink(source), target)
            return
        (_copy_folder if stat.S_ISDIR(found) else _copy_file)(source, target)
        self._set_mode(path, mode)

    def _make_room(self, path: str) -> None:
        """Make the folders above a path, none of which may be a link that was copied; a file there goes."""
        if path == ".":
            return
        with Folder(self._folder) as folder:
            folder.make_room(path)
            mode = folder.mode(path)
            if mode is not None and not stat.S_ISDIR(mode):
                os.unlink(os.path.join(self._folder, path))

    def _set_mode(self, path: str, mode: int | None) -> None:
        if mode is not None:
            os.chmod(os.path.join(self._folder, path), mode)


def _copy_folder(source: str, target: str) -> None:
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> str:
    """Copy a regular file with its mode and times, from one descriptor to the other."""
    with os.fdopen(open_regular(source, follow=False), "rb") as held:
        about = os.fstat(held.fileno())
        with suppress(FileNotFoundError):  # a file may be mounted alone, and with its folder
            os.unlink(target)
        with open(target, "xb") as made:
            shutil.copyfileobj(held, made)
            os.fchmod(made.fileno(), stat.S_IMODE(about.st_mode))
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns), follow_symlinks=False)
    return target
