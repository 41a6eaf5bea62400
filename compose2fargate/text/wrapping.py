"""Text broken at words, for a terminal of so many columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from compose2fargate.text.escaping import Inert, columns_of, inert

NARROWEST: Final = 40
WIDEST: Final = 200
"""Beyond that, lines are hard to read."""

_SEQUENCE: Final = r"\x1b\[[0-9;]*m"
_EXCERPT: Final = rf"(?:{_SEQUENCE})* *\d* \| "
"""How a line of somebody's file begins, which is cut off and not broken."""
_LABEL: Final = rf"(?:{_SEQUENCE}| )*(?:(?:-->|hint:|see)(?:{_SEQUENCE})? )?"
_HELD: Final = "\x1f"
"""Stands for a blank at which no line is broken; `inert` lets none through."""


def wrapped(text: str, columns: int, *, hang: int = 0, whole: Iterable[str] = ()) -> Inert:
    """Break the lines of a text at blanks; a word that is wider than the terminal, such as an address, stays whole.

    Args:
        text: What is to be printed; it is made inert.
        columns: How wide the terminal is.
        hang: How far lines that continue another are indented; 0 for as far as the label of that one, or two more than it.
        whole: Phrases that are not broken: commands are copied from where they stand.
    """
    shown, width = str(inert(text)), max(NARROWEST, min(columns, WIDEST))
    for phrase in map(inert, whole):
        shown = shown.replace(phrase, phrase.replace(" ", _HELD))
    lines = [part for line in shown.split("\n") for part in _parts(line, width, hang)]
    return Inert("\n".join(lines).replace(_HELD, " "))


def _parts(line: str, width: int, hang: int) -> Iterator[str]:
    if _visible(line) <= width:
        yield line
    elif re.match(_EXCERPT, line):
        yield _cut(line, width)
    else:
        label = re.match(_LABEL, line)
        indent = hang or _visible(label[0] if label else "") or 2
        yield from _broken(line, width, " " * min(indent, width // 3))


def _broken(line: str, width: int, indent: str) -> Iterator[str]:
    begin = re.match(rf"(?:{_SEQUENCE}| )*", line)
    start = begin[0] if begin else ""
    words = line[len(start) :].split(" ")
    now = start + words[0]
    for word in words[1:]:
        fits = _visible(now) + 1 + _visible(word) <= width
        # A break that close to the indent gains nothing; a line that begins with two colons would command GitHub's runner.
        if fits or not word or word.startswith("::") or _visible(now) < len(indent):
            now = f"{now} {word}"
        else:
            yield now.rstrip(" ")
            now = indent + word
    yield now


def _cut(line: str, width: int) -> str:
    """Leave out what is beyond the width, but no change of colour."""
    parts, left = [], width
    for part in re.findall(rf"{_SEQUENCE}|[^\x1b]", line):
        if not part.startswith("\x1b"):
            left -= columns_of(part)
            if left < 0:
                continue
        parts.append(part)
    return "".join(parts)


def _visible(text: str) -> int:
    return columns_of(re.sub(_SEQUENCE, "", text))
