"""Reads files: regular ones only, up to a limit, and without waiting for anybody.

A checkout can hold a named pipe or a device where a file is expected. Opening a pipe waits for a writer, and reading
a device need never end, so a file's kind is looked at before it is opened, and again on what was opened.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from typing import Any, Final

MAX_BYTES: Final = 64 * 1024 * 1024
"""The most that is read of a file which this tool wrote itself: a manifest, a lock file, a plan, an artefact."""

_STREAMS: Final = re.compile(r"/dev/(stdin|stdout|stderr|null|tty|fd/[0-9]+)|/proc/self/fd/[0-9]+")
_READ: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_CHUNK: Final = 1 << 20
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISREG, "a file"),
)


class UnsafeFileError(OSError):
    """A file, or a folder on the way to it, is not what this tool reads, writes or removes; nothing was touched.

    `strerror` says what it is, and `filename` where.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, path)


def kind_of(mode: int) -> str:
    """Name what a file is by its mode: `a named pipe`."""
    return next((name for test, name in _KINDS if test(mode)), "something else")


def refused_kind(path: str, mode: int, wanted: str = "a regular file") -> OSError:
    """Give the error that `path` is not of the kind that is wanted."""
    if stat.S_ISDIR(mode) and wanted == "a regular file":
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return UnsafeFileError(path, f"it is {kind_of(mode)}, not {wanted}")


def is_stream(path: str) -> bool:
    """Tell whether `path` is one by which a shell hands a stream to a program: `/dev/stdin`, `/dev/fd/63`."""
    return _STREAMS.fullmatch(path) is not None


def open_regular(path: str, *, follow: bool = True, at: int | None = None, shown: str = "") -> int:
    """Open a regular file for reading, and give its descriptor.

    Args:
        path: Where it is.
        follow: Whether a symbolic link is followed, which must lead to a regular file too.
        at: The descriptor of the folder that `path` starts from.
        shown: Its name in errors; `path` where empty.

    Raises:
        OSError: There is no such file, it is not regular (`UnsafeFileError`), or it may not be read.
    """
    found = os.stat(path, dir_fd=at, follow_symlinks=follow)
    if not stat.S_ISREG(found.st_mode):
        raise refused_kind(shown or path, found.st_mode)
    descriptor = os.open(path, _READ if follow else _READ | _NO_LINK, dir_fd=at)
    opened = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(opened):  # it was exchanged in the meantime
        os.close(descriptor)
        raise refused_kind(shown or path, opened)
    return descriptor


def drain(descriptor: int, limit: int) -> bytes:
    """Read an open file to its end, or one byte past `limit`, and close it."""
    try:
        chunks, left = [], limit + 1
        while left > 0 and (chunk := os.read(descriptor, min(left, _CHUNK))):
            chunks.append(chunk)
            left -= len(chunk)
    finally:
        os.close(descriptor)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def hash_open(descriptor: int) -> tuple[str, os.stat_result]:
    """Give the sha256 of an open file of any size, and what it is; close it."""
    from hashlib import sha256

    hashed = sha256()
    try:
        about = os.fstat(descriptor)
        while chunk := os.read(descriptor, _CHUNK):
            hashed.update(chunk)
    finally:
        os.close(descriptor)
    return hashed.hexdigest(), about


def within(data: bytes, limit: int, path: str) -> bytes:
    """Give `data` back.

    Raises:
        UnsafeFileError: It is more than `limit`.
    """
    if len(data) > limit:
        raise UnsafeFileError(path, f"it is larger than {limit // 1024 // 1024} MiB, the most that is read")
    return data


def read_up_to(path: str, limit: int, *, stream: bool = False) -> bytes:
    """Read a file to its end, or one byte past `limit`: the caller says what is too much.

    Args:
        path: Where it is; symbolic links are followed to a regular file.
        limit: Bytes.
        stream: Whether `path` may be a stream (`is_stream`): only where the user named it, since it may wait.
    """
    if stream and is_stream(path):
        return drain(os.open(path, os.O_RDONLY), limit)
    return drain(open_regular(path), limit)


def read_bytes(path: str, limit: int = MAX_BYTES, *, follow: bool = True, stream: bool = False) -> bytes:
    """Read a file of up to `limit` bytes; see `read_up_to`.

    Raises:
        OSError: There is no such file, it is not regular, too large (`UnsafeFileError`), or may not be read.
    """
    if stream and is_stream(path):
        return within(read_up_to(path, limit, stream=True), limit, path)
    return within(drain(open_regular(path, follow=follow), limit), limit, path)


def read_text(path: str, errors: str = "strict") -> str:
    """Read a file of UTF-8 text, with a line feed for every line end; see `read_bytes`."""
    return read_bytes(path).decode("utf-8", errors).replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str, *, stream: bool = False) -> Any:
    """Read a file of JSON.

    Raises:
        OSError: See `read_bytes`.
        ValueError: It is no JSON, or nested too deep to be read.
    """
    return parse_json(read_bytes(path, stream=stream))


def parse_json(data: bytes) -> Any:
    """Parse JSON that anybody may have written.

    Raises:
        ValueError: It is no JSON, or nested too deep to be read.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
