"""Diagnostics as text for people, and as JSON for programs.

A renderer takes the diagnostics, a function that gives the text of a source file, and whether colours are
wanted; it returns what is to be printed. `RENDERERS` names them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from compose2fargate.diagnostics import Diagnostic, Location, Severity, Told, sort_key, told_once

Sources = Callable[[str], "str | None"]
"""Gives the text of the file that a `Location` names, or None where it cannot be shown."""


class Renderer(Protocol):
    """What turns diagnostics into text to print."""

    def __call__(self, diagnostics: Iterable[Diagnostic], sources: Sources, *, color: bool = False) -> str:
        """Render `diagnostics`; `sources` supplies source lines, `color` asks for ANSI colours."""


_LABELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_STYLES: Final[Mapping[str, str]] = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;34",
    "bold": "1",
    "dim": "2",
}
_EXCERPT_WIDTH: Final = 100
_CONTEXT_WIDTH: Final = 1000
_PLACES_SHOWN: Final = 6

# The expressions are compiled where they are first used, by the functions of `re`: most runs show few diagnostics.
# The expressions are compiled on first use, by the functions of `re`: most runs print few diagnostics.

# The line breaks of YAML, by which locations count; str.splitlines() knows more of them.
_LINE_BREAK: Final = "\r\n|[\n\r\x85\u2028\u2029]"
# What could move the cursor or turn the direction of writing: compose files are not always the reader's own.
_UNPRINTABLE: Final = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_UNDERLINED: Final = r""""(?:[^"\\]|\\.)*"|'[^']*'|[\w$./@+-]+"""

_MASK: Final = "********"
_CREDENTIAL_NAME: Final = (
    r"[\w.-]*(?:passw|passphrase|secret|token|credential|api_?key|"
    r"(?<![a-z0-9])(?:pass|pwd|auth|dsn|salt)(?![a-z0-9])|(?<=[_-])key(?![a-z0-9]))[\w.-]*"
)
_CREDENTIAL: Final = (
    # `DB_PASSWORD: x`, `- DB_PASSWORD=x`, `"token": "x"`; or a flag: `--password x`, `["--requirepass", "x"]`
    rf"""(?i)(?P<name>{_CREDENTIAL_NAME}["']?\s*[:=](?!\?)|--?[\w-]*(?:pass|secret|token|key)[\w-]*["']?[,\s])\s*"""
    r"(?=(?P<value>[^\s|>].*))"
)
_HARMLESS_NAME: Final = "(?i)" r"""_FILE["']?\s*[:=]|^secrets\s*:"""
_HARMLESS_VALUE: Final = r"""["']?\$(?:\w+|\{\w+(?::?\?[^}]*)?\})["']?[\s,\]}]*(?:#.*)?$"""
_IN_URL: Final = r"(://[^\s/:@]*:)(?!\$\{\w+\}|\$\w)[^\s/@]+(?=@)"
_LONG_RUN: Final = r"(?<!sha256:)\b[A-Za-z0-9+_-]{40,}={0,2}"


def render_text(diagnostics: Iterable[Diagnostic], sources: Sources, *, color: bool = False) -> str:
    """Render `diagnostics` for people: what, where, the source line with a caret, what to do, and a summary.

    Findings that differ only in their place are told once, with all their places, and those of one place once,
    with all their services. Values of keys that look like credentials are masked.

    Returns:
        Lines that end with a newline; empty when there are no diagnostics.
    """
    told = told_once(sorted(diagnostics, key=sort_key))
    if not told:
        return ""
    paint = _paint if color else _plain
    lines_of = _LineReader(sources)
    blocks = ["\n".join(_block(group, lines_of, paint)) for group in _grouped(told)]
    counted = summary([one.diagnostic for one in told])
    return "\n\n".join([*blocks, paint("bold", counted)]) + "\n"


def render_json(
    diagnostics: Iterable[Diagnostic],
    sources: Sources,  # noqa: ARG001 - the shape of every renderer
    *,
    color: bool = False,  # noqa: ARG001 - as above
) -> str:
    """Render `diagnostics` as one JSON array of objects that all have the keys of `Diagnostic`."""
    import json

    return (
        json.dumps([as_dict(d) for d in sorted(diagnostics, key=sort_key)], indent=2, ensure_ascii=False)
        + "\n"
    )


RENDERERS: Final[Mapping[str, Renderer]] = {"text": render_text, "json": render_json}
"""The renderers by the name that the command line knows them by."""


def as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    """Turn a diagnostic into plain values: `location` is None or `{file, line, column}`, tuples are lists."""
    at = diagnostic.location
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "path": list(diagnostic.path),
        "location": None if at is None else at._asdict(),
        "hint": diagnostic.hint,
        "url": diagnostic.url,
        "trail": list(diagnostic.trail),
    }


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """Count `diagnostics` by severity: `2 errors, 1 warning, 3 notes`, leaving out what there is none of."""
    counts = (
        (label, sum(d.severity is severity for d in diagnostics)) for severity, label in _LABELS.items()
    )
    return ", ".join(f"{count} {label}{'s' * (count != 1)}" for label, count in counts if count)


def mask_credentials(line: str) -> str:
    """Hide what looks like a credential in a line of a source file; `${REFERENCES}` stay readable."""
    line = re.sub(_LONG_RUN, _MASK, re.sub(_IN_URL, rf"\1{_MASK}", line))
    for found in re.finditer(_CREDENTIAL, line):
        if not re.search(_HARMLESS_NAME, found["name"]) and not re.match(_HARMLESS_VALUE, found["value"]):
            return line[: found.start("value")] + _MASK
    return line


def _grouped(told: Iterable[Told]) -> Iterator[list[Told]]:
    """Bring diagnostics that say the same together; errors come last, nearest to the prompt."""
    groups: dict[tuple[object, ...], list[Told]] = {}
    for one in told:
        d = one.diagnostic
        groups.setdefault((d.code, d.severity, d.message, d.hint, d.url, d.trail), []).append(one)
    rank = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}
    yield from sorted(groups.values(), key=lambda group: rank[group[0].diagnostic.severity])


def _block(group: Sequence[Told], lines_of: _LineReader, paint: _Painter) -> Iterator[str]:
    first = group[0].diagnostic
    label = _LABELS[first.severity]
    yield f"{paint(label, f'{label} {first.code}')}: {paint('bold', _printable(first.message))}"
    for place, others in group[:_PLACES_SHOWN]:
        if place.location or place.path:
            likewise = f"; likewise {_listed(others)}" if others else ""
            yield f"  {paint('dim', '-->')} {_place(place)}{_printable(likewise)}"
        if place is first and place.location and first.severity is not Severity.INFO:
            yield from _excerpt(place.location, lines_of, paint)
    if len(group) > _PLACES_SHOWN:
        yield f"  {paint('dim', '-->')} and {len(group) - _PLACES_SHOWN} more places"
    yield from (f"  {paint('dim', _printable(step))}" for step in first.trail)
    if first.hint:
        yield f"  {paint('bold', 'hint:')} {_printable(first.hint).replace(chr(10), chr(10) + ' ' * 8)}"
    if first.url:
        yield f"  {paint('dim', 'see ' + _printable(first.url))}"


def _listed(names: Sequence[str]) -> str:
    """Name services: `api, db and web`, or the first few and how many more."""
    shown = (
        names
        if len(names) <= _PLACES_SHOWN
        else (*names[:_PLACES_SHOWN], f"{len(names) - _PLACES_SHOWN} more")
    )
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _place(diagnostic: Diagnostic) -> str:
    path = ".".join(map(str, diagnostic.path))
    if diagnostic.location is None:
        return _printable(path)
    return _printable(f"{diagnostic.location} ({path})" if path else str(diagnostic.location))


def _excerpt(at: Location, lines_of: _LineReader, paint: _Painter) -> Iterator[str]:
    line, column = _near(lines_of(at), at.column - 1)
    if not line.strip():
        return
    shown = mask_credentials(line)
    start = _position(line, shown, column)
    key = re.match(_UNDERLINED, shown[start:])
    begin = max(0, min(start - _EXCERPT_WIDTH // 3, len(shown) - _EXCERPT_WIDTH))
    window = re.sub(_UNPRINTABLE, " ", shown[begin : begin + _EXCERPT_WIDTH])
    yield f"{paint('dim', f'{at.line:>5} | ')}{window}"
    indent = _columns(window[: start - begin])
    underlined = window[start - begin :][: len(key[0]) if key else 1]
    yield f"{paint('dim', '      | ')}{' ' * indent}{paint('error', '^' * _columns(underlined or ' '))}"


def _near(line: str, column: int) -> tuple[str, int]:
    """Cut a line that no person wrote down to what is around `column`: what follows is quadratic in its length."""
    begin = max(0, column - _CONTEXT_WIDTH)
    return line[begin : column + _CONTEXT_WIDTH], column - begin


def _position(line: str, shown: str, column: int) -> int:
    """Find where `column` of `line` stands in `shown`; in a masked part it is where the mask begins."""
    column = max(0, min(column, len(line)))
    if line[:column] == shown[:column]:
        return column
    return next(i for i, (a, b) in enumerate(zip(line + "\0", shown + "\1", strict=False)) if a != b)


def _columns(text: str) -> int:
    """Count the terminal columns that `text` takes: wide characters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def _printable(text: str) -> str:
    return re.sub(_UNPRINTABLE, lambda found: ascii(found[0])[1:-1], text)


class _LineReader:
    """Gives single lines of source files; splits each file once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lines: dict[str, list[str]] = {}

    def __call__(self, at: Location) -> str:
        """Give the line that `at` names; empty when there is none."""
        if at.file not in self._lines:
            self._lines[at.file] = re.split(
                _LINE_BREAK, (self._sources(at.file) or "").removeprefix("\ufeff")
            )
        lines = self._lines[at.file]
        return lines[at.line - 1] if 0 < at.line <= len(lines) else ""


_Painter = Callable[[str, str], str]


def _plain(_style: str, text: str) -> str:
    return text


def _paint(style: str, text: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
