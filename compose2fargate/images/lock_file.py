"""The lock file: which images were pushed last, by digest, so that what was tested is what is registered.

It is JSON, sorted and indented, with one entry per image, so that a push reads as a small diff. It is meant to be
committed. Written as a whole or not at all.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

from compose2fargate.aws.image_build import PushedImage
from compose2fargate.diagnostics import Diagnostic, EmitError, LoadError, Location, Severity
from compose2fargate.disk.folder import read_own, replace_file
from compose2fargate.disk.reading import parse_json

FORMAT: Final = 1
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PLATFORMS: Final = ("linux/amd64", "linux/arm64")

Lock = Mapping[str, PushedImage]
"""Images by key: the service, or `SERVICE+files` for what is derived from a service's own image."""


def read_lock(file: str, inside: str = "") -> dict[str, PushedImage]:
    """Read a lock file; one that does not exist holds nothing.

    Args:
        file: Where it is.
        inside: The project's directory: no link is followed from there to the file.

    Raises:
        LoadError: It is not one of ours, or damaged, or no regular file.
    """
    try:
        held = parse_json(read_own(file, inside=inside))
    except FileNotFoundError:
        return {}
    except OSError as error:
        _refuse(file, error.strerror or str(error))
    except ValueError:
        _refuse(file, "it is not JSON")
    if not isinstance(held, dict) or held.get("format") != FORMAT or not isinstance(held.get("images"), dict):
        _refuse(file, f"it is not a lock file of format {FORMAT}")
    return {key: _entry(file, key, value) for key, value in held["images"].items()}


def _entry(file: str, key: str, value: Any) -> PushedImage:
    known = isinstance(value, dict) and set(value) == set(PushedImage._fields)
    if not known or not all(isinstance(item, str) for item in value.values()):
        _refuse(file, f"the entry of {key} does not have the members {', '.join(PushedImage._fields)}")
    entry = PushedImage(**value)
    if not _DIGEST.fullmatch(entry.digest) or (entry.content and not _DIGEST.fullmatch(entry.content)):
        _refuse(file, f"the entry of {key} has a digest that is not sha256 with 64 digits")
    if entry.platform not in _PLATFORMS:
        _refuse(file, f"the entry of {key} names the platform {entry.platform!r}")
    return entry


def _refuse(file: str, reason: str) -> NoReturn:
    raise LoadError(
        Diagnostic(
            "C2F444",
            Severity.ERROR,
            f"the lock file {file} cannot be used: {reason}",
            (),
            Location(file, 1, 1),
            hint=f"restore it from version control, or remove it and run: compose2fargate push (rm {shlex.quote(file)})",
        )
    )


def lock_text(lock: Lock) -> str:
    """Give the text of a lock file: the same bytes for the same images."""
    images = {key: entry._asdict() for key, entry in lock.items()}
    return (
        json.dumps({"format": FORMAT, "images": images}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )


def write_lock(file: str, lock: Lock, inside: str = "") -> bool:
    """Write a lock file in one step; leave it alone when it holds the same. Give whether it changed.

    Args:
        file: Where it goes.
        lock: What it is to hold.
        inside: See `read_lock`.

    Raises:
        EmitError: It cannot be written.
    """
    content = lock_text(lock).encode("utf-8", "surrogateescape")
    try:
        with suppress(FileNotFoundError):
            if read_own(file, inside=inside) == content:
                return False
        replace_file(file, content, inside=inside)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        raise EmitError(
            Diagnostic(
                "C2F310",
                Severity.ERROR,
                f"{file} cannot be written: {reason}",
                (),
                Location(file, 1, 1),
            )
        ) from error
    return True
