"""Variable substitution in Dockerfiles: quotes, escapes, `$v`, `${v:-x}` and the shell patterns.

Dockerfile words look like shell words but follow rules of their own, which this module keeps to:
https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping

from compose2fargate.records import NamedTuple

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What Docker strips and splits on. `str.strip()` without arguments also takes \\x1c to \\x1f."""

MAX_EXPANSION = 1 << 20
"""Characters that one word may grow to; Linux takes 128 KiB per variable, so nobody needs more."""

_MAX_NESTING = 100
_MAX_PATTERN_WORK = 10_000_000
_SPACE = re.compile(f"[{SPACES}]")
_NAME = re.compile(r"\d+|[@*#?\-$!]|\w+")
_PLAIN = {escape: re.compile(r"[^$'\"<}/" + re.escape(escape) + "]+") for escape in "\\`"}
_AFTER_HEREDOC = re.compile(r"[ \t\r\v\f]*")


class SubstitutionError(Exception):
    """A word cannot be substituted; the text says why."""


class VariableScope(NamedTuple):
    """The variables that a word may read.

    Attributes:
        values: Every variable with a known value.
        tainted: Names that are set, but to a value which only the base image knows.
        inheritable: Tells of a name without value whether a base image could be setting it.
    """

    values: Mapping[str, str]
    tainted: Container[str] = ()
    inheritable: Callable[[str], bool] = lambda _: False


class KeptText(NamedTuple):
    """What stays in the text as it is written; looking for heredocs must not change the line."""

    quotes: bool = False
    escapes: bool = False
    unset: bool = False


KEEP_NOTHING = KeptText()


class Expansion(NamedTuple):
    """A substituted word: as one text, split at unquoted spaces, and the names nobody here knows."""

    text: str
    words: tuple[str, ...]
    unknown: frozenset[str]


def expand_word(
    word: str, scope: VariableScope, *, escape: str = "\\", keep: KeptText = KEEP_NOTHING
) -> Expansion:
    """Substitute the variables in `word` and take its quotes and escapes away.

    Raises:
        SubstitutionError: for a malformed or refused substitution, and for one that grows too large.
    """
    lexer = _Lexer(word, scope, escape, keep)
    text, words = lexer.until("", keep_escapes=keep.escapes)
    return Expansion(text, tuple(words), frozenset(lexer.unknown))


class _Words:
    """Collects the words of a text; quoted pieces never split."""

    __slots__ = ("_current", "_done")

    def __init__(self) -> None:
        self._done: list[str] = []
        self._current: list[str] = []

    def glue(self, piece: str) -> None:
        self._current.append(piece)

    def split(self, piece: str) -> None:
        first, *others = _SPACE.split(piece)
        self._current.append(first)
        for other in others:
            self._close()
            self._current.append(other)

    def finish(self) -> list[str]:
        self._close()
        return self._done

    def _close(self) -> None:
        word = "".join(self._current)
        self._current.clear()
        if word:
            self._done.append(word)


class _Lexer:
    """One pass over one text; every method starts at `at` and leaves it behind what it took."""

    __slots__ = ("_at", "_depth", "_escape", "_keep", "_keep_escapes", "_scope", "_size", "_text", "unknown")

    def __init__(self, text: str, scope: VariableScope, escape: str, keep: KeptText) -> None:
        self._text = text
        self._at = 0
        self._scope = scope
        self._escape = escape
        self._keep = keep
        self._keep_escapes = keep.escapes
        self._depth = 0
        self._size = 0
        self.unknown: set[str] = set()

    def until(self, stop: str, *, keep_escapes: bool) -> tuple[str, list[str]]:
        """Read up to and over `stop`; the empty `stop` is the end of the text."""
        outer, self._keep_escapes = self._keep_escapes, keep_escapes
        out: list[str] = []
        words = _Words()
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == stop:
                self._at += 1
                break
            self._piece(char, out, words)
        else:
            if stop:
                raise SubstitutionError(f"the closing {stop} of ${{...}} is missing")
        self._keep_escapes = outer
        return "".join(out), words.finish()

    def _piece(self, char: str, out: list[str], words: _Words) -> None:
        special = _SPECIAL.get(char)
        if special is not None:
            piece = special(self)
            (words.split if char == "$" else words.glue)(piece)
        elif char == self._escape:
            piece = self._escaped()
            words.glue(piece)
        else:
            # `}` and `/` end an operand and are ordinary elsewhere, so that they come one at a time.
            plain = _PLAIN[self._escape].match(self._text, self._at)
            piece = plain.group() if plain else char
            self._at += len(piece)
            words.split(piece)
        out.append(piece)

    def _take(self) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += len(char)
        return char

    def _escaped(self) -> str:
        start = self._at
        self._at = min(start + 2, len(self._text))
        return self._text[start if self._keep_escapes else start + 1 : self._at]

    def heredoc_mark(self) -> str:
        """Keep `<<  EOF` together, as the name may stand apart from the mark."""
        start = self._at
        self._at += 1
        if self._text.startswith("<", self._at):
            spaces = _AFTER_HEREDOC.match(self._text, self._at + 1)
            self._at = spaces.end() if spaces else self._at + 1
        return self._text[start : self._at]

    def single_quoted(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise SubstitutionError("the closing ' is missing")
        start, self._at = self._at, end + 1
        return self._text[start : end + 1] if self._keep.quotes else self._text[start + 1 : end]

    def double_quoted(self) -> str:
        quote = '"' if self._keep.quotes else ""
        self._at += 1
        out = [quote]
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return "".join([*out, quote])
            out.append(self._inside_quotes(char))
        raise SubstitutionError('the closing " is missing')

    def _inside_quotes(self, char: str) -> str:
        if char == "$":
            return self.dollar()
        if char != self._escape:
            plain = _PLAIN[self._escape].match(self._text, self._at)
            piece = plain.group() if plain else char
            self._at += len(piece)
            return piece
        following = self._text[self._at + 1 : self._at + 2]
        kept = char if self._keep_escapes else ""
        if not following:
            self._at += 1
            return kept
        if following in ('"', "$", self._escape):
            self._at += 2
            return kept + following
        self._at += 1
        return kept + char

    def dollar(self) -> str:
        self._at += 1
        if not self._text.startswith("{", self._at):
            name = self._name()
            return self._value(name, f"${name}") if name else "$"
        self._at += 1
        if self._text[self._at : self._at + 1] in {"{", "}", ":"}:
            raise SubstitutionError("${...} has no variable name")
        name = self._name()
        operator = self._take()
        if operator == "}":
            return self._value(name, f"${{{name}}}")
        if self._depth >= _MAX_NESTING:
            raise SubstitutionError(f"${{...}} is nested more than {_MAX_NESTING} deep")
        self._depth += 1
        value = self._replaced(name) if operator == "/" else self._operated(name, operator)
        self._depth -= 1
        return value

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _operand(self, stop: str, *, pattern: bool) -> str:
        return self.until(stop, keep_escapes=pattern)[0]

    def _operated(self, name: str, operator: str) -> str:
        colon = ":" if operator == ":" else ""
        if colon:
            operator = self._take()
        apply = _OPERATORS.get(operator)
        if apply is None:
            raise SubstitutionError(self._refusal(name, colon + operator))
        word = self._operand("}", pattern=operator in "#%")
        value = self._lookup(name)
        if value is None and self._keep.unset:
            return f"${{{name}{colon}{operator}{word}}}"
        usable = value is not None and not (colon and not value)
        return self._grown(apply(self, _Operation(name, value or "", usable, word)))

    def _refusal(self, name: str, operator: str) -> str:
        if not operator.removeprefix(":"):
            return f"the closing }} of ${{{name}...}} is missing"
        return f"${{{name}{operator}...}} is not a substitution that Docker knows"

    def _replaced(self, name: str) -> str:
        every = self._text.startswith("/", self._at)
        self._at += every
        pattern = self._operand("/", pattern=True)
        replacement = self._operand("}", pattern=True)
        value = self._lookup(name)
        if value is None and self._keep.unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        self._note_unset(name)
        return self._grown(_replace(value or "", pattern, replacement, every=every))

    def _lookup(self, name: str) -> str | None:
        if name in self._scope.tainted:
            self.unknown.add(name)
        return self._scope.values.get(name)

    def _value(self, name: str, literal: str) -> str:
        value = self._lookup(name)
        if value is None and self._keep.unset:
            return literal
        self._note_unset(name)
        return self._grown(value or "")

    def _note_unset(self, name: str) -> None:
        if name not in self._scope.values and self._scope.inheritable(name):
            self.unknown.add(name)

    def _grown(self, piece: str) -> str:
        self._size += len(piece)
        if self._size > MAX_EXPANSION:
            raise SubstitutionError(f"the value grows beyond {MAX_EXPANSION} characters")
        return piece

    def default(self, operation: _Operation) -> str:
        return operation.value if operation.usable else operation.word

    def alternate(self, operation: _Operation) -> str:
        return operation.word if operation.usable else ""

    def required(self, operation: _Operation) -> str:
        if operation.usable:
            return operation.value
        if operation.name in self._scope.tainted or self._scope.inheritable(operation.name):
            self.unknown.add(operation.name)
            return ""
        raise SubstitutionError(f"{operation.name}: {operation.word or 'is not set'}")

    def trimmed_start(self, operation: _Operation) -> str:
        longest = operation.word.startswith("#")
        self._note_unset(operation.name)
        return _trim_start(operation.value, _glob(operation.word[longest:]), longest=longest)

    def trimmed_end(self, operation: _Operation) -> str:
        longest = operation.word.startswith("%")
        self._note_unset(operation.name)
        backwards = tuple(part[::-1] for part in _glob(operation.word[longest:])[::-1])
        return _trim_start(operation.value[::-1], backwards, longest=longest)[::-1]


class _Operation(NamedTuple):
    name: str
    value: str
    usable: bool
    word: str


_SPECIAL: Mapping[str, Callable[[_Lexer], str]] = {
    "$": _Lexer.dollar,
    "'": _Lexer.single_quoted,
    '"': _Lexer.double_quoted,
    "<": _Lexer.heredoc_mark,
}
_OPERATORS: Mapping[str, Callable[[_Lexer, _Operation], str]] = {
    "-": _Lexer.default,
    "+": _Lexer.alternate,
    "?": _Lexer.required,
    "#": _Lexer.trimmed_start,
    "%": _Lexer.trimmed_end,
}

# A glob is the tuple of its parts between the stars; a part is a tuple of regular expressions of one
# character each. Parts are searched one after another: a regular expression with several `.*` would
# take time that grows with a power of the text's length.
_Part = tuple[str, ...]
_Glob = tuple[_Part, ...]


def _glob(pattern: str) -> _Glob:
    parts: list[list[str]] = [[]]
    characters = iter(pattern)
    for char in characters:
        if char == "*":
            parts.append([])
        elif char == "?":
            parts[-1].append(".")
        elif char == "\\":
            parts[-1].append(_escaped_in_pattern(next(characters, "")))
        else:
            parts[-1].append(re.escape(char))
    return tuple(tuple(part) for part in parts)


def _escaped_in_pattern(char: str) -> str:
    # `}` and `/` are escaped for the sake of ${...} only; everything else must need its backslash.
    if char and char in "*?\\}/":
        return re.escape(char)
    raise SubstitutionError(f"the pattern has an escape that Docker refuses: \\{char}")


def _compiled(part: _Part, text: str) -> re.Pattern[str]:
    if len(part) * len(text) > _MAX_PATTERN_WORK:
        raise SubstitutionError("the pattern and its text are too long")
    return re.compile("".join(part))


def _end_of_match(glob: _Glob, text: str, start: int, *, longest: bool) -> int | None:
    """Give the end of the shortest or longest match of `glob` that begins at `start`."""
    first = _compiled(glob[0], text).match(text, start)
    if first is None or len(glob) == 1:
        return first.end() if first else None
    at = first.end()
    for part in glob[1:-1]:
        match = _compiled(part, text).search(text, at)
        if match is None:
            return None
        at = match.end()
    if longest:
        match = _compiled(glob[-1][::-1], text).search(text[::-1], 0, len(text) - at)
        return len(text) - match.start() if match else None
    match = _compiled(glob[-1], text).search(text, at)
    return match.end() if match else None


def _trim_start(text: str, glob: _Glob, *, longest: bool) -> str:
    end = _end_of_match(glob, text, 0, longest=longest)
    return text if end is None else text[end:]


def _replace(text: str, pattern: str, replacement: str, *, every: bool) -> str:
    glob = _glob(pattern)
    first = _compiled(glob[0], text)
    if len(glob) == 1:
        count = sum(1 for _ in first.finditer(text)) if every else 1
        if count * len(replacement) > MAX_EXPANSION:
            raise SubstitutionError(f"the value grows beyond {MAX_EXPANSION} characters")
        return first.sub(lambda _: replacement, text, count=0 if every else 1)
    # With a star the longest match leaves nothing behind it that could match again.
    start = first.search(text)
    end = _end_of_match(glob, text, start.start(), longest=True) if start else None
    if start is None or end is None:
        return text
    return text[: start.start()] + replacement + text[end:]
