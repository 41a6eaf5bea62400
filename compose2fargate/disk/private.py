"""Small files of our own that nobody else may read or write: addresses and tokens of servers on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

_LONGEST: Final = 4096
_NOT_FOLLOWED: Final = getattr(os, "O_NOFOLLOW", 0)


def _make_private_folder(folder: str) -> None:
    """Make a folder, or take one that is ours, so that nobody else can look into it.

    Raises:
        OSError: It cannot be made, is a link, or belongs to somebody else.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or not _is_own(found):
        raise OSError("it is a link, or belongs to somebody else")
    os.chmod(folder, 0o700)


def private_cache(name: str) -> str:
    """Give the folder of our own in the user's cache.

    Raises:
        OSError: It cannot be made, is a link, or belongs to somebody else; `filename` is the folder.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "compose2fargate", name)
    try:
        _make_private_folder(folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), folder) from None
    return folder


def read_private(file: str) -> bytes:
    """Read a file that is ours alone.

    Raises:
        OSError: There is none, it is a link or no regular file, or others may read or write it.
    """
    descriptor = os.open(file, os.O_RDONLY | _NOT_FOLLOWED | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        if not _is_private(os.fstat(descriptor), stat.S_ISREG):
            raise OSError("others may use it")
        return stream.read(_LONGEST)


def write_private(file: str, content: bytes) -> None:
    """Write a file as a whole, for nobody else to read."""
    beside = f"{file}.{os.getpid()}"
    remove_private(beside)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_FOLLOWED, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(beside, file)


def remove_private(file: str) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(file)


@contextmanager
def locked(file: str, *, wait: bool = True) -> Iterator[None]:
    """Let one process at a time into the block: the one that holds the lock of `file`, which ends with its process.

    Raises:
        BlockingIOError: Another process is in the block, and `wait` is false. Its text is that process's number.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        yield
        return
    descriptor = os.open(f"{file}.lock", os.O_RDWR | os.O_CREAT | _NOT_FOLLOWED, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(os.read(descriptor, _LONGEST).decode("ascii", "replace")) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_own(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()


def _is_private(found: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    others = stat.S_IRWXG | stat.S_IRWXO if hasattr(os, "geteuid") else 0
    return is_kind(found.st_mode) and _is_own(found) and not found.st_mode & others
