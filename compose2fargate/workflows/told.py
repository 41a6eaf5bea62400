"""What the last run in a project's folder said already: `plan` and `apply` do not repeat it while nobody has changed it.

`convert`, `plan` and `apply` keep short hashes of what they said, in the user's own cache. Nothing in the project's folder
counts: whoever wrote a file that came with a checkout has read the warnings, and who reviews it has not. The hashes are a
convenience: where they cannot be read or written, everything is said again.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Final

from compose2fargate.diagnostics import Diagnostic
from compose2fargate.disk.private import private_cache, read_private, write_private
from compose2fargate.workflows.translating import Translated

_DIGITS: Final = 8
_MOST: Final = 500


class Told:
    """What was said before in a project's folder, and what is said now."""

    def __init__(self, translated: Translated) -> None:
        self._file = _file_of(translated)
        self._before = _read(self._file)

    def is_new(self, found: Diagnostic) -> bool:
        """Whether the last run did not say this."""
        return _hash(found) not in self._before

    def remember(self, found: Iterable[Diagnostic]) -> None:
        """Note that all of these have been said by now, and nothing else."""
        text = "".join(sorted({_hash(one) for one in found})[:_MOST])
        with suppress(OSError):
            if self._file:
                write_private(self._file, text.encode())


def _hash(found: Diagnostic) -> str:
    """Tell a finding from others, wherever its line has moved to."""
    said = (found.code, found.severity.value, found.message, *map(str, found.path), found.hint)
    return sha256("\0".join(said).encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _file_of(translated: Translated) -> str:
    stack = translated.translation.stack.name
    where = f"{os.path.realpath(translated.loaded.working_dir)}\0{stack}"
    name = sha256(where.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        return os.path.join(private_cache("told"), name)
    except OSError:
        return ""


def _read(file: str) -> set[str]:
    try:
        text = read_private(file).decode("ascii")
    except (OSError, ValueError):
        return set()
    return {text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS)}
