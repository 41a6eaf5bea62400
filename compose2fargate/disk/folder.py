"""A folder, and what is done below it: no symbolic link is followed there, and only regular files are touched.

The path of the folder itself is its user's own choice and may lead through links. Everything below is opened from its
descriptor, one component after the other, without following links; so nothing that is exchanged in the meantime leads
elsewhere. Whatever is not a plain path of a regular file in real folders raises `UnsafeFileError`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final

from compose2fargate.disk.reading import (
    MAX_BYTES,
    UnsafeFileError,
    drain,
    is_stream,
    open_regular,
    refused_kind,
    within,
)
from compose2fargate.records import NamedTuple

_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NEW: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_ODD: Final = frozenset({"", ".", ".."})


class Item(NamedTuple):
    """One entry of a folder: its name, and the mode of what it is itself (`stat.S_ISLNK` for a link)."""

    name: str
    mode: int


class Folder:
    """An open folder; a context manager, which closes it.

    Args:
        path: Where it is.
        inside: A folder from which `path` is reached without following links, where it lies below that by its text.
        make: Whether to create it when it is not there, and the folders above it.

    Raises:
        OSError: It is not there, or is no folder.
    """

    def __init__(self, path: str, *, inside: str = "", make: bool = False) -> None:
        self.path = path
        self._parent = ""  # the folder below this one that was used last, and its descriptor
        self._parent_fd = -1
        self._fd = _opened(path, inside, make=make)

    @classmethod
    def of(cls, file: str, *, inside: str = "", make: bool = False) -> tuple[Folder, str]:
        """Open the folder that a file stands in; give it and the file's name."""
        parent, name = os.path.split(file)
        return cls(parent, inside=inside, make=make), name

    def __enter__(self) -> Folder:  # noqa: PYI034 - typing has no Self in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        os.close(self._fd)

    # -- looking -------------------------------------------------------------------------------------------

    def mode(self, path: str) -> int | None:
        """Give the mode of what is at `path` itself; None when nothing is, or no folder to hold it.

        Raises:
            UnsafeFileError: The way to it leads through a link or something else that is no folder.
        """
        found = self._stat(path)
        return None if found is None else found.st_mode

    def _stat(self, path: str) -> os.stat_result | None:
        try:
            at, name = self._open_parent(path)
            return os.stat(name, dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_regular(self, path: str) -> bool:
        """Tell whether a regular file is at `path`; False when nothing is.

        Raises:
            UnsafeFileError: Something else is there, or on the way to it.
        """
        mode = self.mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            raise self._refused(path, mode)
        return mode is not None

    def read(self, path: str, limit: int = MAX_BYTES) -> bytes:
        """Read a regular file.

        Raises:
            FileNotFoundError: There is none.
            UnsafeFileError: It is something else, or larger than `limit`, or the way to it is not of folders only.
        """
        return within(drain(self.open(path), limit), limit, self._shown(path))

    def open(self, path: str) -> int:
        """Open a regular file for reading, and give its descriptor; see `read`."""
        at, name = self._open_parent(path)
        try:
            return open_regular(name, follow=False, at=at, shown=self._shown(path))
        except IsADirectoryError:
            raise UnsafeFileError(self._shown(path), "it is a folder, not a regular file") from None

    def link(self, path: str) -> str:
        """Give where a symbolic link leads, as it says itself."""
        at, name = self._open_parent(path)
        return os.readlink(name, dir_fd=at)

    def list(self, path: str = "") -> list[Item]:
        """Give what is in a folder, by name; `path` is that of a folder below this one, "" for itself."""
        at = self._open_folder(path) if path else self._fd
        with os.scandir(at) as found:
            return sorted(Item(entry.name, _kind(entry)) for entry in found)

    def files(self, path: str) -> Iterator[str]:
        """Yield every file below a folder, as paths from this one; nothing when there is none.

        Raises:
            UnsafeFileError: There is anything else than regular files and folders.
        """
        mode = self.mode(path)
        if mode is None:
            return
        waiting = [Item(path, mode)]
        while waiting:
            at, mode = waiting.pop()
            if stat.S_ISREG(mode) and at != path:
                yield at
            elif stat.S_ISDIR(mode):
                waiting += (Item(f"{at}/{item.name}", item.mode) for item in reversed(self.list(at)))
            else:
                raise self._refused(at, mode, "a folder" if at == path else "a regular file")

    # -- changing ------------------------------------------------------------------------------------------

    def create(self, path: str, content: bytes, mode: int = 0o666) -> None:
        """Write a file that is not there yet, with the folders above it; one that cannot be written to its end is removed."""
        at, name = self._open_parent(path, make=True)
        descriptor = os.open(name, _NEW, mode, dir_fd=at)
        try:
            _write(descriptor, content)
        except BaseException:
            with suppress(OSError):
                os.unlink(name, dir_fd=at)
            raise
        finally:
            os.close(descriptor)

    def make_folder(self, path: str) -> Folder:
        """Give a folder below this one, which is created where it is not there."""
        return _Opened(self._shown(path), self.descend(path, make=True))

    def make_room(self, path: str) -> None:
        """Make the folders above `path`."""
        self._open_parent(path, make=True)

    def replace(self, path: str, content: bytes) -> None:
        """Write a file as a whole or not at all, also when the disk is full; it keeps the permissions that it had.

        Raises:
            UnsafeFileError: What is there, or beside it as `PATH.new`, is no regular file.
        """
        staged = f"{path}.new"
        before = self._stat(path)
        self.is_regular(path)
        if self.is_regular(staged):  # of a run that was killed
            self.remove(staged)
        mode = 0o666 if before is None else stat.S_IMODE(before.st_mode)
        self.create(staged, content, mode)
        try:
            at, name = self._open_parent(path)
            if before is not None:  # the process may mask permissions that the file had
                os.chmod(f"{name}.new", mode, dir_fd=at)
            os.replace(f"{name}.new", name, src_dir_fd=at, dst_dir_fd=at)
        except BaseException:
            with suppress(OSError):
                self.remove(staged)
            raise

    def move(self, path: str, other: Folder, target: str) -> None:
        """Move a regular file to a path below another folder, in place of the regular file that may be there."""
        if not self.is_regular(path):
            raise FileNotFoundError(2, os.strerror(2), self._shown(path))
        other.is_regular(target)
        into, name = other._open_parent(target, make=True)
        into = os.dup(into)  # which the next line may close, where both are the same folder
        try:
            at, own = self._open_parent(path)
            os.replace(own, name, src_dir_fd=at, dst_dir_fd=into)
        finally:
            os.close(into)

    def move_folder(self, name: str, other: Folder) -> None:
        """Move a folder directly below this one to directly below another, where nothing of its name is."""
        self._forget()
        os.replace(_plain(name)[0], name, src_dir_fd=self._fd, dst_dir_fd=other._fd)

    def remove(self, path: str) -> None:
        """Remove a regular file.

        Raises:
            FileNotFoundError: There is none.
            UnsafeFileError: It is something else.
        """
        if not self.is_regular(path):
            raise FileNotFoundError(2, os.strerror(2), self._shown(path))
        at, name = self._open_parent(path)
        os.remove(name, dir_fd=at)

    def remove_empty(self, path: str) -> bool:
        """Remove a folder that is empty; say whether it is gone."""
        self._forget()
        try:
            at, name = self._open_parent(path)
            os.rmdir(name, dir_fd=at)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def discard(self, name: str) -> None:
        """Remove a folder of ours, with all regular files in it, as far as that can be done."""
        if self.mode(name) is None:
            return
        with suppress(OSError):
            for file in list(self.files(name)):
                self.remove(file)
            self._discard_folders(name)

    def _discard_folders(self, path: str) -> None:
        for item in self.list(path):
            if stat.S_ISDIR(item.mode):
                self._discard_folders(f"{path}/{item.name}")
        self.remove_empty(path)

    # -- descriptors ---------------------------------------------------------------------------------------

    def _shown(self, path: str) -> str:
        return os.path.join(self.path, path)

    def _refused(self, path: str, mode: int, wanted: str = "a regular file") -> UnsafeFileError:
        error = refused_kind(self._shown(path), mode, wanted)
        if isinstance(error, UnsafeFileError):
            return error
        return UnsafeFileError(self._shown(path), "it is a folder, not a regular file")

    def _open_parent(self, path: str, *, make: bool = False) -> tuple[int, str]:
        """Give the descriptor of the folder that `path` is in, which stays open until the next one, and its name there."""
        parent, _, name = path.rpartition("/")
        if name in _ODD or "\0" in name or path.startswith("/"):
            _plain(path)
        return (self._open_folder(parent, make=make) if parent else self._fd), name

    def _open_folder(self, path: str, *, make: bool = False) -> int:
        if path != self._parent:
            opened = self.descend(path, make=make)
            self._forget()
            self._parent, self._parent_fd = path, opened
        return self._parent_fd

    def descend(self, path: str, *, make: bool = False) -> int:
        """Open a folder below this one, going through real folders only; give its descriptor, which the caller closes."""
        at = os.dup(self._fd)
        gone = ""
        for name in _plain(path):
            gone = f"{gone}/{name}" if gone else name
            try:
                inner = self._step(at, name, gone, make=make)
            finally:
                os.close(at)
            at = inner
        return at

    def _step(self, at: int, name: str, gone: str, *, make: bool) -> int:
        try:
            mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
        except FileNotFoundError:
            if not make:
                raise
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=at)
            mode = stat.S_IFDIR
        if not stat.S_ISDIR(mode):
            raise self._refused(gone, mode, "a folder")
        return os.open(name, _FOLDER | _NO_LINK, dir_fd=at)

    def _forget(self) -> None:
        if self._parent_fd >= 0:
            os.close(self._parent_fd)
        self._parent, self._parent_fd = "", -1


class _Opened(Folder):
    """A folder by its descriptor."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._parent, self._parent_fd = "", -1
        self._fd = descriptor


def _opened(path: str, inside: str, *, make: bool) -> int:
    below = _below(path, inside)
    if make:
        os.makedirs((inside if below else path) or ".", exist_ok=True)
    if not below:
        return os.open(path or ".", _FOLDER)
    with Folder(inside) as outer:
        return outer.descend(below, make=make)


def is_plain(path: str) -> bool:
    """Tell whether `path` can be one below a folder: names only, none of them `..`, and nothing of git's own."""
    try:
        names = _plain(path)
    except UnsafeFileError:
        return False
    return not any(_is_of_git(name) for name in names)


def _is_of_git(name: str) -> bool:
    """Tell whether a file system takes a name for `.git`: some pass over letters that nobody sees, or have short names."""
    seen = "".join(letter for letter in name if letter not in _UNSEEN).lower().rstrip(". ")
    return seen == ".git" or re.fullmatch(r"git~[0-9]", seen) is not None


_UNSEEN: Final = frozenset(
    map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))
)
"""What HFS+ passes over in names: https://github.com/git/git/blob/master/utf8.c (`next_hfs_char`)."""


def _plain(path: str) -> list[str]:
    names = path.split("/")
    if "\0" in path or any(name in _ODD for name in names):
        raise UnsafeFileError(path, "it is not a plain path below the folder")
    return names


def _below(path: str, inside: str) -> str:
    """Give `path` as seen from `inside`, by their texts; "" where it is not below it."""
    if not inside:
        return ""
    root = os.path.abspath(inside)
    whole = os.path.abspath(path)
    return whole[len(root) :].strip("/") if whole.startswith(root.rstrip("/") + "/") else ""


def _kind(entry: os.DirEntry[str]) -> int:
    """What an entry is, as a mode without permissions; the system mostly knows without another look."""
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    return entry.stat(follow_symlinks=False).st_mode


def _write(descriptor: int, content: bytes) -> None:
    """Python's file objects take as long again as the system, and there are thousands of files."""
    while content:
        content = content[os.write(descriptor, content) :]


# -- single files --------------------------------------------------------------------------------------------


def read_own(file: str, *, inside: str = "", limit: int = MAX_BYTES) -> bytes:
    """Read a file that this tool wrote: a regular one; it is no link, and nor is a folder on the way from `inside` to it.

    Raises:
        FileNotFoundError: There is none.
        OSError: It is something else (`UnsafeFileError`), or may not be read.
    """
    folder, name = Folder.of(file, inside=inside)
    with folder:
        return folder.read(name, limit)


def replace_file(file: str, content: bytes, *, inside: str = "", make: bool = False) -> None:
    """Write a file as a whole or not at all.

    Args:
        file: Where it is; what `is_stream` knows is written to as it is.
        content: What it is to hold.
        inside: The folder from which no link is followed on the way to it; its own folder where empty.
        make: Whether to create the folders above it.

    Raises:
        OSError: It cannot be written; what is there is a link, or no regular file (`UnsafeFileError`).
    """
    if is_stream(file):
        descriptor = os.open(file, os.O_WRONLY)
        try:
            _write(descriptor, content)
        finally:
            os.close(descriptor)
        return
    folder, name = Folder.of(file, inside=inside, make=make)
    with folder:
        folder.replace(name, content)


def _remove_file(file: str, *, inside: str = "") -> None:
    """Remove a regular file; it is fine when there is none. See `read_own`.

    Raises:
        UnsafeFileError: It is something else.
    """
    with suppress(FileNotFoundError):
        folder, name = Folder.of(file, inside=inside)
        with folder:
            folder.remove(name)
