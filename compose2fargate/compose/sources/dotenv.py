r"""The grammar of `.env` files and of `env_file`, and of its `format: raw`.

It is Docker Compose's own dialect, not a shell's:

| text                | means                                                                               |
|---------------------|-------------------------------------------------------------------------------------|
| `K=v`, `K: v`       | a value up to the end of the line or to ` #`, spaces trimmed, variables expanded     |
| `K="v"`             | may span lines; escape sequences, then variables are expanded                       |
| `K='v'`             | may span lines; nothing is expanded, but `\'` is an apostrophe                       |
| `K`                 | the value that the environment has; absent when it has none                         |
| `export K=v`        | the same as `K=v`                                                                   |
| `# comment`         | nothing; also after a quoted value                                                  |

A variable is looked up in the environment first, then among the lines above.

https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.values.interpolation import (
    MAX_EXPANSION,
    Lookup,
    TemplateError,
    substitute,
    too_long,
)
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Severity
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern


class EnvFile(NamedTuple):
    """What an env file says.

    Attributes:
        values: Name to value, in the order of the file. Names that are to be taken from the environment, and
            are not there, are absent.
        lines: Name to the line (from 1) where its value was set last.
        missing: Name to the line of the first reference to a variable that is not set.
    """

    values: dict[str, str]
    lines: dict[str, int]
    missing: dict[str, int]


def parse_dotenv(
    text: str,
    file: str,
    lookup: Lookup,
    known: Mapping[str, str] | None = None,
    dialect: Dialect = CURRENT,
) -> EnvFile:
    """Parse the text of an env file.

    Args:
        text: The file's text.
        file: Its name in messages.
        lookup: Gives the environment's variables; they win over those of the file.
        known: What the files before this one have set; looked up last.
        dialect: What the file is read as.

    Raises:
        LoadError: A line is not in the grammar, or refers to variables in a wrong way; with its place.
    """
    lazy = dialect.has(Change.LAZY_OPERANDS)
    return _DotenvParser(text.removeprefix("\ufeff"), file, lookup, known or {}, lazy=lazy).parse()


def parse_raw(text: str, file: str, lookup: Lookup) -> EnvFile:
    """Parse the text of an env file of `format: raw` as `docker run --env-file` does: nothing is expanded.

    Args:
        text: The file's text.
        file: Its name in messages.
        lookup: Gives the environment's variables, for lines that hold a name alone.

    Raises:
        LoadError: A line has no name, or a name with a space in it; it is not UTF-8, or too long.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        _check_raw(line, Location(file, number, 1))
        statement = line.removesuffix("\r").lstrip(_WHITE_SPACE)
        if not statement or statement[0] == "#":
            continue
        name, equals, value = statement.partition("=")
        if not name or " " in name or "\t" in name:
            raise LoadError(_wrong_name(name, Location(file, number, line.index(statement[0]) + 1)))
        found = value if equals else lookup(name)
        if found is not None:
            values[name] = found
            lines[name] = number
    return EnvFile(values, lines, {})


MAX_RAW_LINE = 65_536
"""Bytes of a line that Docker Compose does not read any more where the format is raw: bufio.MaxScanTokenSize."""


def _check_raw(line: str, place: Location) -> None:
    data = line.encode(errors="surrogateescape")
    if len(data) >= MAX_RAW_LINE:
        message = f"the line has {len(data)} bytes, and {MAX_RAW_LINE - 1} are the most of a raw env file"
        raise LoadError(
            Diagnostic("C2F125", Severity.ERROR, message, (), place, "remove `format: raw`, or shorten it")
        )
    try:
        data.decode()
    except UnicodeDecodeError as error:
        message = f"the byte 0x{data[error.start]:02x} is not valid in UTF-8"
        at = place._replace(column=len(data[: error.start].decode()) + 1)
        hint = "save the file as UTF-8"
        raise LoadError(Diagnostic("C2F102", Severity.ERROR, message, (), at, hint)) from None


_SPACES = "\t\v\f\r \x85\xa0"
"""What Go's parser skips inside of a line."""

_WHITE_SPACE = (
    _SPACES
    + "\n\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Go's unicode.IsSpace; Python's str.strip takes four control characters more."""

_STATEMENT = lazy_pattern(rf"[{_WHITE_SPACE}]*(?:#[^\n]*(?:\n|\Z)[{_WHITE_SPACE}]*)*")
_EXPORT = lazy_pattern(r"export[\t\n\f\r ]")
_INDENT = lazy_pattern(rf"[{_SPACES}]*")
_ESCAPE = lazy_pattern(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "$": "$$",
}
_OCTAL = lazy_pattern("[0-3][0-7]{2}")


class _DotenvParser:
    def __init__(self, text: str, file: str, lookup: Lookup, known: Mapping[str, str], *, lazy: bool) -> None:
        self.lazy = lazy
        self.text = text
        self.file = file
        self.lookup = lookup
        self.known = known
        self.values: dict[str, str] = {}
        self.lines: dict[str, int] = {}
        self.missing: dict[str, int] = {}
        self.line = 1
        self.counted = 0
        self.expanded = 0

    def parse(self) -> EnvFile:
        at = self.skip(_STATEMENT, 0)
        while at < len(self.text):
            start = at
            name, at, inherited = self.name(at)
            value = self.get(name) if inherited else None
            if not inherited:
                value, at = self.value(self.skip(_INDENT, at))
            if value is not None:
                self.values[name] = value
                self.lines[name] = self.line_of(start)
            at = self.skip(_STATEMENT, at)
        return EnvFile(self.values, self.lines, self.missing)

    def skip(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self.text, at)
        return at if match is None else match.end()

    def get(self, name: str) -> str | None:
        value = self.lookup(name)
        if value is None:
            value = self.values.get(name)
        return self.known.get(name) if value is None else value

    def name(self, start: int) -> tuple[str, int, bool]:
        """Read up to `=`, `:` or the end of the line; give the name, where to go on, and whether that was all."""
        if _EXPORT.match(self.text, start):
            start = self.skip(_INDENT, start + len("export"))
            if start == len(self.text):
                raise LoadError(_wrong_name("", self.place(start)))
        for at in range(start, len(self.text)):
            character = self.text[at]
            if character in "=:\n":
                name = self.text[start:at].rstrip(_WHITE_SPACE)
                if " " in name:
                    raise LoadError(_wrong_name(name, self.place(start)))
                return name, at + 1, character == "\n"
            if not (character in _NAME_SIGNS or character.isalpha() or character.isnumeric()):
                raise LoadError(_wrong_character(character, self.place(at)))
        # compose-go takes a name at the very end of the file for the value of a variable without a name
        return "", start, False

    def value(self, start: int) -> tuple[str, int]:
        """Read a value; give it, and where to go on."""
        quote = self.text[start : start + 1]
        if quote not in _QUOTED:
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
            plain = self.text[start:end].partition(" #")[0].rstrip(_WHITE_SPACE)
            return self.expand(plain, start), end
        quoted = _QUOTED[quote].match(self.text, start)
        if quoted is None:
            raise LoadError(_not_closed(quote, self.place(start)))
        inner = _PAIR.sub(lambda pair: quote if pair[1] == quote else pair[0], quoted[1])
        if quote == '"':
            inner = self.expand(_ESCAPE.sub(_unescape, inner), start)
        return inner, quoted.end()

    def expand(self, value: str, start: int) -> str:
        if "$" not in value:
            return value
        try:
            expanded = substitute(
                value,
                self.get,
                lambda name: self.missing.setdefault(name, self.line_of(start)),
                lazy=self.lazy,
            )
            self.expanded += len(expanded)
            if self.expanded > MAX_EXPANSION:
                raise too_long(MAX_EXPANSION)
        except TemplateError as error:
            place = self.place(start)
            raise LoadError(
                Diagnostic(error.code, Severity.ERROR, error.message, (), place, error.hint)
            ) from error
        return expanded

    def line_of(self, at: int) -> int:
        """Count on from where it was counted last: places are asked for in about their order."""
        if at >= self.counted:
            self.line += self.text.count("\n", self.counted, at)
        else:
            self.line -= self.text.count("\n", at, self.counted)
        self.counted = at
        return self.line

    def place(self, at: int) -> Location:
        return Location(self.file, self.line_of(at), at - self.text.rfind("\n", 0, at))


_NAME_SIGNS = frozenset("_.-[]" + _SPACES)
_QUOTED = {
    "'": lazy_pattern(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
    '"': lazy_pattern(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
}
_PAIR = lazy_pattern(r"\\(.)", re.DOTALL)


def _unescape(match: re.Match[str]) -> str:
    r"""Read an escape sequence as Go does; `\0` and three octal digits make a character."""
    sequence = match[0][1:]
    if sequence[0] != "0":
        return _ESCAPES.get(sequence, match[0])
    octal = sequence[1:]
    return chr(int(octal, 8)) if _OCTAL.fullmatch(octal) else "\\" + octal


def _wrong_name(name: str, place: Location) -> Diagnostic:
    message = (
        f"{name!r} is not the name of a variable: it contains a space"
        if name
        else "the name of a variable is missing"
    )
    return Diagnostic("C2F125", Severity.ERROR, message, (), place, "write NAME=value, or # before a comment")


def _wrong_character(character: str, place: Location) -> Diagnostic:
    message = f"the character {character!r} cannot stand in the name of a variable"
    return Diagnostic("C2F125", Severity.ERROR, message, (), place, "write NAME=value, or # before a comment")


def _not_closed(quote: str, place: Location) -> Diagnostic:
    message = f"the {quote} that opens here is never closed"
    return Diagnostic("C2F125", Severity.ERROR, message, (), place, f"close it with {quote}")
