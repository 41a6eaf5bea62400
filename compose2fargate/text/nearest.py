"""The name that was probably meant: `Did you mean …?`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64
_MOST: Final = 30
_COMPARED: Final = 8


def nearest(word: str, names: Iterable[str]) -> str:
    """Give the name that is most like a word; "" where none is.

    Of many names only those are compared that begin or end as the word does, and are about as long: comparing is slow,
    and a file can have thousands of wrong names among thousands of right ones.
    """
    from difflib import get_close_matches

    word = word[:_LONGEST]
    known = [name for name in names if len(name) <= _LONGEST]
    if len(known) > _MOST:
        start, end = word[:3], word[-3:]
        alike = [name for name in known if name.startswith(start) or name.endswith(end)]
        known = sorted(alike, key=lambda name: (abs(len(name) - len(word)), name))[:_COMPARED]
    return next(iter(get_close_matches(word, known, n=1)), "")
