r"""Splits a command line into words as Docker Compose does, which is not quite as a shell does.

Quotes and backslashes work as in a shell, except that a backslash also escapes within double quotes, and that `\t`
and `\n` are a tab and a line break (`Change.COMMAND_ESCAPES`). An unquoted `;`, `&`, `|`, `<` or `>` ends the command:
what follows is dropped without a word.
https://github.com/mattn/go-shellwords
"""

from __future__ import annotations

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

_SPACES = " \t\r\n"
_ENDS = ";&|<>"
_BYTE = lazy_pattern("[\udc80-\udcff]")
"""A byte that is not UTF-8; moved up by 256 it is one that is lost, see `utf8`."""


class SplitCommand(NamedTuple):
    """The words of a command line, and what an unquoted operator cut off."""

    words: list[str]
    rest: str


class _Splitter:
    """The state between two characters."""

    __slots__ = ("escaped", "escapes", "inside", "opens", "started", "word", "words")

    def __init__(self, dialect: Dialect) -> None:
        self.escapes = _ESCAPES if dialect.has(Change.COMMAND_ESCAPES) else {}
        self.opens = "(" if dialect.has(Change.BARE_PARENTHESIS) else "()"
        """Which parentheses may begin `$(...)`: a closing one did, too."""
        self.words: list[str] = []
        self.word = ""
        self.started = False
        self.escaped = False
        self.inside: set[str] = set()
        """The quotes that are open: `'`, `"`, a backtick, and `(` for a command in $(...)."""

    def take(self, char: str) -> bool:
        """Read one character; False when the command ends before it."""
        if self.escaped:
            self._add(self.escapes.get(char, char))
            self.escaped = False
        elif char == "\\" and "'" not in self.inside:
            self.escaped = True
        elif char in _SPACES:
            self._space(char)
        elif char in _ENDS and not self.inside:
            if char == ">" and self.word[:1].isdigit():
                self.started = False
            return False
        elif not self._quote(char):
            self._add(char)
        return True

    def _add(self, char: str) -> None:
        self.word += char
        self.started = True

    def _space(self, char: str) -> None:
        if self.inside:
            self.word += char
        elif self.started:
            self.finish()

    def finish(self) -> None:
        """End the current word."""
        self.words.append(self.word)
        self.word, self.started = "", False

    def _quote(self, char: str) -> bool:
        """Open or close a quote; True when `char` is not part of the word."""
        opened = _BLOCKED_BY.get(char)
        if opened is None or not self.inside.isdisjoint(opened):
            return False
        if char == "(" and ("(" in self.inside or not self.word.endswith("$")):
            raise ValueError("a parenthesis that is not quoted")
        kind = "(" if char == ")" else char
        if kind == "(" and "(" not in self.inside and char not in self.opens:
            raise ValueError("a parenthesis that is not quoted")
        self.started = self.started or kind in self.inside
        self.inside ^= {kind}
        return char in "'\""


_ESCAPES = {"t": "\t", "n": "\n"}
_BLOCKED_BY = {"'": '"(', '"': "'(", "`": "'\"(", "(": "'\"`", ")": "'\"`"}
"""Which open quotes make a quote an ordinary character. Quotes within backticks are removed, too."""


def split_words(line: str, dialect: Dialect = CURRENT) -> SplitCommand:
    """Split `line` into words.

    Raises:
        ValueError: A quote is not closed, a backslash ends the line, or a parenthesis is not quoted.
    """
    if (
        not line.isascii()
    ):  # go-shellwords reads characters, and takes each byte that is in none for a replacement
        line = _BYTE.sub(lambda found: chr(ord(found[0]) + 0x100), line)
    splitter = _Splitter(dialect)
    rest = ""
    for index, char in enumerate(line):
        if not splitter.take(char):
            rest = line[index:]
            break
    if splitter.started:
        splitter.finish()
    if splitter.inside:
        raise ValueError(f"{' '.join(sorted(splitter.inside))} is not closed")
    if splitter.escaped:
        raise ValueError("a backslash at the end")
    return SplitCommand(splitter.words, rest)
