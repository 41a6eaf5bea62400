"""The part of the shell's grammar that is needed to tell which command of a line runs last.

Lists, `&&`, `||`, pipelines, `&`, quotes and redirections are read. Loops, conditions, functions, groups and
here-documents are not: whoever writes those knows what a foreground process is.
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple


class Simple(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments without quotes; variables stay as they are written.
        plain: Whether no variable, substitution or redirection takes part.
    """

    words: tuple[str, ...]
    plain: bool


class Pipeline(NamedTuple):
    """Commands connected by `|`, and the operator in front: `&&`, `||`, or nothing for the first."""

    commands: tuple[Simple, ...]
    operator: str


class Chain(NamedTuple):
    """Pipelines connected by `&&` and `||`, that end with `;`, a line or `&`."""

    pipelines: tuple[Pipeline, ...]
    background: bool
    text: str


class TooComplexError(Exception):
    """The text uses a part of the shell's grammar that is not read here."""


_RESERVED = frozenset(
    {"!", "[[", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if"}
    | {"select", "then", "until", "while", "{", "}"}
)


def parse(text: str) -> tuple[Chain, ...]:
    """Read the chains of a shell script, in their order.

    Raises:
        TooComplexError: when the script goes beyond lists of simple commands.
    """
    parser = _Parser()
    at = 0
    for kind, value, end in _tokens(text):
        _TAKE[kind](parser, value)
        if kind == "operator" and parser.closed:
            parser.close(text[at:end])
            at = end
    parser.operator(";")
    parser.close(text[at:])
    return tuple(parser.chains)


@cache
def _token_pattern() -> re.Pattern[str]:
    return re.compile(
        r"""
          (?P<blank>(?:[ \t\r]|\\\n)+|\#[^\n]*)
        | (?P<redirect>\d*(?:>>|>&|>\||<&|<>|>|<(?!<))|&>>?)
        | (?P<operator>&&|\|\||;(?!;)|[|&\n])
        | (?P<word>(?:\\.|'[^']*'|"(?:[^"\\]|\\.)*"|\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`|\$\{[^}]*\}
            |[^\s;&|<>()'"\\`$]|\$(?!\())+)
        """,
        re.VERBOSE | re.DOTALL,
    )


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    pattern = _token_pattern()
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if match is None or match.lastgroup is None:
            raise TooComplexError(text[at : at + 20])
        at = match.end()
        if match.lastgroup != "blank":
            yield match.lastgroup, match.group(), at


class _Parser:
    """Takes tokens; each kind of token has the method of its name."""

    def __init__(self) -> None:
        self.chains: list[Chain] = []
        self.closed = ""  # the operator that ended the chain, until `close` takes it
        self._pipelines: list[Pipeline] = []
        self._commands: list[Simple] = []
        self._operator = ""
        self._words: list[str] = []
        self._plain = True
        self._redirecting = False

    def word(self, token: str) -> None:
        if self._redirecting:
            self._redirecting = False
            return
        if not self._words and token in _RESERVED:
            raise TooComplexError(token)
        self._plain = self._plain and "$" not in token and "`" not in token
        self._words.append(unquoted(token))

    def redirect(self, _token: str) -> None:
        self._redirecting = True
        self._plain = False

    def operator(self, symbol: str) -> None:
        if self._words:
            self._commands.append(Simple(tuple(self._words), self._plain))
        self._words, self._plain, self._redirecting = [], True, False
        if symbol == "|":
            return
        if self._commands:
            self._pipelines.append(Pipeline(tuple(self._commands), self._operator))
        self._commands = []
        self._operator = symbol if symbol in {"&&", "||"} else ""
        # A line may end behind `&&`; the chain goes on below.
        if not self._operator and self._pipelines:
            self.closed = symbol

    def close(self, text: str) -> None:
        if self.closed:
            self.chains.append(Chain(tuple(self._pipelines), self.closed == "&", text.strip(" \t\r\n;&")))
        self._pipelines, self.closed = [], ""


_TAKE: Mapping[str, Callable[[_Parser, str], None]] = {
    "word": _Parser.word,
    "redirect": _Parser.redirect,
    "operator": _Parser.operator,
}


def unquoted(word: str) -> str:
    """Take the quotes and backslashes of one word away."""
    return re.sub(r"""\\\n|\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)\"""", _unquoted_piece, word, flags=re.DOTALL)


def _unquoted_piece(match: re.Match[str]) -> str:
    escaped, single, double = match.groups()
    return escaped or single or re.sub(r'\\([$`"\\])', r"\1", double or "")
