"""Bytes that are not UTF-8, as variables and env files may hold them.

Reading keeps each such byte as the lone surrogate that Python has for it, so that `config` can print the very bytes, as
Docker Compose does. AWS takes text only, so what is translated must have none.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from compose2fargate.compose.sources.source_files import Marks, locate
from compose2fargate.diagnostics import Diagnostic, Path, Severity

_BYTE = re.compile("[\udc80-\udcff\udd80-\uddff]")
"""The second range is that of bytes that Docker Compose has lost while it split a command into words; see `shellwords`."""
_IN_BYTES = re.compile(rb"\xed[\xb2\xb3\xb6\xb7]")
"""How both ranges begin where `marshal` writes them."""
_OF_VARIABLES = ("configs", "secrets")


def first_byte(text: str) -> int | None:
    """Give the first byte of a text that is not UTF-8."""
    found = None if text.isascii() else _BYTE.search(text)
    return found and ord(found[0]) & 0xFF


def not_utf8(
    tree: Mapping[str, Any], marks: Marks, environment: Mapping[str, str], folder: str
) -> list[Diagnostic]:
    """Find what the translation of a canonical tree would have to pass on, and is not UTF-8.

    Args:
        tree: The canonical tree.
        marks: Where its keys were written.
        environment: The variables that configs and secrets may name.
        folder: The project's folder, whose own name may be of any bytes: no part of it is passed on.
    """
    found = [
        _refused(path, byte, marks)
        for path, text in (() if _is_clean(tree) else _texts(tree))
        if not text.isascii() and (byte := first_byte(text.replace(folder, ""))) is not None
    ]
    for section in _OF_VARIABLES:
        for name, entry in (tree.get(section) or {}).items():
            value = environment.get(str((entry or {}).get("environment") or ""), "")
            if (byte := first_byte(value)) is not None:
                found.append(_refused((section, name, "environment"), byte, marks))
    return found


def _is_clean(tree: Any) -> bool:
    """Whether all of a tree is UTF-8: nearly every tree is, and looking at its bytes takes a fraction of a walk.

    Numbers may look like such a byte, and a date without quotes cannot be written as bytes: then its texts tell.
    """
    with suppress(ValueError):
        if _IN_BYTES.search(marshal.dumps(tree)) is None:
            return True
    return _has_clean_texts(tree)


def _has_clean_texts(value: Any) -> bool:
    if type(value) is str:
        return value.isascii() or _BYTE.search(value) is None
    if type(value) is dict:
        return all(map(_has_clean_texts, value)) and all(map(_has_clean_texts, value.values()))
    return type(value) is not list or all(map(_has_clean_texts, value))


def _texts(tree: Any) -> Iterator[tuple[Path, str]]:
    """Yield every text of a tree, keys included, in the order of the tree."""
    waiting: list[tuple[Path, Any]] = [((), tree)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, Mapping):
            yield from (((*path, key), key) for key in value if isinstance(key, str))
            waiting.extend(((*path, key), below) for key, below in reversed(list(value.items())))
        elif isinstance(value, list):
            waiting.extend(((*path, index), below) for index, below in reversed(list(enumerate(value))))


def _refused(path: Path, byte: int, marks: Marks) -> Diagnostic:
    where = ".".join(map(str, path)).encode(errors="replace").decode()
    return Diagnostic(
        "C2F126",
        Severity.ERROR,
        f"{where} has the byte 0x{byte:02x}, which is not UTF-8: AWS takes text only",
        path,
        locate(marks, path),
        "save the file, or set the variable, that it comes from as UTF-8",
    )
