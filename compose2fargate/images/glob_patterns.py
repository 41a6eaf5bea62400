"""Runs the expressions of `.dockerignore` patterns in time that grows with the path alone, whatever the pattern is.

`re` tries one way after the other: eight stars take it a quarter of a minute for a name of sixty letters. Here all ways are
followed at once, one character at a time, and each step that was worked out is kept.
"""

from __future__ import annotations

import re
from typing import Final

from compose2fargate.records import NamedTuple

FOLDERS: Final = "(?:.*/)?"
"""Any number of folders, none included."""
_PIECE: Final = re.compile(
    r"(?P<folders>\(\?:\.\*/\)\?)|(?P<one>\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|.)(?P<many>\*?)", re.DOTALL
)
_MOST_STEPS: Final = 20_000


class _Piece(NamedTuple):
    """What one character is matched by; `many` for any number of such characters, `skips` for what may be left out as a whole."""

    one: re.Pattern[str] | None
    many: bool = False
    skips: int = 0


class GlobExpression:
    """An expression made of single characters, classes of them, `*` behind one of these, and `FOLDERS`."""

    def __init__(self, text: str) -> None:
        self._pieces = _pieces(text)
        self._closures = _closures(self._pieces)
        self._steps: dict[tuple[int, str], int] = {}

    def matches(self, path: str) -> bool:
        """Whether the expression says all of `path`."""
        at = self._closures[0]
        for character in path:
            following = self._steps.get((at, character))
            at = self._step(at, character) if following is None else following
            if not at:
                return False
        return bool(at >> len(self._pieces))

    def _step(self, at: int, character: str) -> int:
        """Give the places, as bits, that are reached from those of `at` with a character."""
        reached = 0
        for place, piece in enumerate(self._pieces):
            if at >> place & 1 and piece.one is not None and piece.one.fullmatch(character):
                reached |= self._closures[place if piece.many else place + 1]
        if len(self._steps) >= _MOST_STEPS:
            self._steps.clear()
        self._steps[at, character] = reached
        return reached


def _pieces(text: str) -> tuple[_Piece, ...]:
    pieces: list[_Piece] = []
    for found in _PIECE.finditer(text):
        if found["folders"]:
            pieces += [_Piece(None, skips=3), _Piece(_compiled("."), many=True), _Piece(_compiled("/"))]
        else:
            pieces.append(_Piece(_compiled(found["one"]), many=bool(found["many"])))
    return tuple(pieces)


def _compiled(one: str) -> re.Pattern[str]:
    return re.compile(one, re.DOTALL)


def _closures(pieces: tuple[_Piece, ...]) -> tuple[int, ...]:
    """Give, for each place, the places that are reached from there without a character."""
    closures = [0] * len(pieces) + [1 << len(pieces)]
    for place in reversed(range(len(pieces))):
        piece = pieces[place]
        closures[place] = 1 << place
        if piece.many or piece.skips:
            closures[place] |= closures[place + 1]
        if piece.skips:
            closures[place] |= closures[place + piece.skips]
    return tuple(closures)
