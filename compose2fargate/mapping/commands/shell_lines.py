"""The part of the shell's grammar that is needed to tell which command of a line runs last.

Lists, `&&`, `||`, pipelines, `&`, quotes and redirections are read. Loops, conditions, functions, groups and
here-documents are not: whoever writes those knows what a foreground process is.
https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from compose2fargate.records import NamedTuple


class SimpleCommand(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments without quotes; variables stay as they are written.
        plain: Whether no variable, substitution or redirection takes part.
    """

    words: tuple[str, ...]
    plain: bool


class Pipeline(NamedTuple):
    """Commands connected by `|`, and the operator in front: `&&`, `||`, or nothing for the first."""

    commands: tuple[SimpleCommand, ...]
    operator: str


class CommandChain(NamedTuple):
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


@cache
def _waiting_pattern() -> re.Pattern[str]:
    piece = r"(?:(?!\b(?:do|done|exec|false)\b).){0,500}"
    return re.compile(rf"(?<![\w.-])(?:until|while\s+!)\s{piece}\bdo\b{piece}\bdone\b", re.DOTALL)


def without_waiting(text: str) -> str:
    """Give a script with `sleep 1` in place of each loop that only waits: `until nc -z db 5432; do sleep 1; done`."""
    return _waiting_pattern().sub("sleep 1", text) if "done" in text else text


def parse_script(text: str) -> tuple[CommandChain, ...]:
    """Read the chains of a shell script, in their order.

    Raises:
        TooComplexError: when the script goes beyond lists of simple commands.
    """
    parser = _ShellParser()
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


class _ShellParser:
    """Takes tokens; each kind of token has the method of its name."""

    def __init__(self) -> None:
        self.chains: list[CommandChain] = []
        self.closed = ""  # the operator that ended the chain, until `close` takes it
        self._pipelines: list[Pipeline] = []
        self._commands: list[SimpleCommand] = []
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
        self._words.append(_unquote_word(token))

    def redirect(self, _token: str) -> None:
        self._redirecting = True
        self._plain = False

    def operator(self, symbol: str) -> None:
        if self._words:
            self._commands.append(SimpleCommand(tuple(self._words), self._plain))
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
            self.chains.append(
                CommandChain(tuple(self._pipelines), self.closed == "&", text.strip(" \t\r\n;&"))
            )
        self._pipelines, self.closed = [], ""


_TAKE: Mapping[str, Callable[[_ShellParser, str], None]] = {
    "word": _ShellParser.word,
    "redirect": _ShellParser.redirect,
    "operator": _ShellParser.operator,
}


def _unquote_word(word: str) -> str:
    """Take the quotes and backslashes of one word away."""
    return re.sub(r"""\\\n|\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)\"""", _unquoted_piece, word, flags=re.DOTALL)


def _unquoted_piece(match: re.Match[str]) -> str:
    escaped, single, double = match.groups()
    return escaped or single or re.sub(r'\\([$`"\\])', r"\1", double or "")
