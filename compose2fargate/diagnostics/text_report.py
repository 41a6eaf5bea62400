"""Diagnostics as text for people, and as JSON for programs.

A renderer takes the diagnostics, a function that gives the text of a source file, and whether colours are
wanted; it returns what is to be printed. `RENDERERS` names them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from compose2fargate.credentials import LineMasker, hidden_values, mask_known
from compose2fargate.diagnostics import Diagnostic, Location, Severity, sort_key
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.diagnostics.grouping_diagnostics import GroupedDiagnostic, group_diagnostics
from compose2fargate.diagnostics.harm import harm_of
from compose2fargate.text.escaping import columns_of, inert, one_line, paint
from compose2fargate.text.sentences import listed

Sources = Callable[[str], "str | None"]
"""Gives the text of the file that a `Location` names, or None where it cannot be shown."""


class Renderer(Protocol):
    """What turns diagnostics into text to print."""

    def __call__(
        self, diagnostics: Iterable[Diagnostic], sources: Sources, *, color: bool = False, notes: bool = True
    ) -> str:
        """Render `diagnostics`; `sources` supplies source lines, `color` asks for ANSI colours, `notes` for everything."""


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
_LONGEST_LINE: Final = 20_000
_PLACES_SHOWN: Final = 6

# The expressions are compiled on first use, by the functions of `re`: most runs print few diagnostics.

# The line breaks of YAML, by which locations count; str.splitlines() knows more of them.
_LINE_BREAK: Final = "\r\n|[\n\r\x85\u2028\u2029]"
_UNDERLINED: Final = r""""(?:[^"\\]|\\.)*"|'[^']*'|[\w$./@+-]+"""


def render_text(
    diagnostics: Iterable[Diagnostic], sources: Sources, *, color: bool = False, notes: bool = True
) -> str:
    """Render `diagnostics` for people: errors, then warnings, then notes, a block for each code, the most harmful first.

    A block says what, where, what to do and where to read more, each once: findings that differ only in their place are
    told with all their places, and those of one place with all their services. Errors show their source line.
    Values of keys that look like credentials are masked. Without `notes`, notes are counted, and a block is short: of
    hints that differ from place to place it has the first.

    Returns:
        Lines that end with a newline; empty when there is nothing to show.
    """
    told = group_diagnostics(sorted(diagnostics, key=sort_key))
    shown = [one for one in told if notes or one.diagnostic.severity is not Severity.INFO]
    if not told:
        return ""
    pen = _Pen(_LineReader(sources), _paint if color else _plain, full=notes)
    blocks = ["\n".join(pen.block(messages)) for messages in _by_code(shown)]
    left = len(told) - len(shown)
    unsaid = f"{left} note{'s' * (left != 1)} left out (--notes)" if left else ""
    counted = "; ".join(filter(None, (severity_summary([one.diagnostic for one in shown]), unsaid)))
    return inert("\n\n".join([*blocks, pen.paint("bold", counted)]) + "\n")


def render_json(
    diagnostics: Iterable[Diagnostic],
    sources: Sources,  # noqa: ARG001 - the shape of every renderer
    *,
    color: bool = False,  # noqa: ARG001 - as above
    notes: bool = True,  # noqa: ARG001 - programs get everything
) -> str:
    """Render `diagnostics` as one JSON array of objects that all have the keys of `Diagnostic`."""
    import json

    found = [as_dict(d) for d in sorted(diagnostics, key=sort_key)]
    return inert(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


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


def severity_summary(diagnostics: Sequence[Diagnostic]) -> str:
    """Count `diagnostics` by severity: `2 errors, 1 warning, 3 notes`, leaving out what there is none of."""
    counts = (
        (label, sum(d.severity is severity for d in diagnostics)) for severity, label in _LABELS.items()
    )
    return ", ".join(f"{count} {label}{'s' * (count != 1)}" for label, count in counts if count)


_Message = Sequence[GroupedDiagnostic]
"""Findings that say the same: they differ in their place."""


def _by_code(told: Iterable[GroupedDiagnostic]) -> Iterator[list[_Message]]:
    """Bring the findings of a code together, as messages with their places; the most harmful codes come first."""
    codes: dict[tuple[Severity, str], dict[tuple[object, ...], list[GroupedDiagnostic]]] = {}
    for one in told:
        d = one.diagnostic
        messages = codes.setdefault((d.severity, d.code), {})
        messages.setdefault((d.message, d.hint, d.url, d.trail), []).append(one)
    for key in sorted(codes, key=_harm):
        yield list(codes[key].values())


def _harm(key: tuple[Severity, str]) -> tuple[int, int]:
    severity, code = key
    return list(_LABELS).index(severity), harm_of(code)


class _Pen:
    """Writes the blocks of a report."""

    def __init__(self, lines_of: _LineReader, paint: _Painter, *, full: bool) -> None:
        self._lines_of = lines_of
        self.paint = paint
        self._full = full

    def block(self, messages: Sequence[_Message]) -> Iterator[str]:
        """Write the block of a code: its sentence, its places, what to do, and one link."""
        first = messages[0][0].diagnostic
        label = _LABELS[first.severity]
        sentence, particulars = _sentence([message[0].diagnostic for message in messages])
        yield f"{self.paint(label, f'{label} {first.code}')}: {self.paint('bold', one_line(sentence))}"
        hints = list(dict.fromkeys(filter(None, (message[0].diagnostic.hint for message in messages))))
        each = len(hints) > 1 and (self._full or first.severity is Severity.ERROR)
        count = len(messages) if self._full or first.severity is Severity.ERROR else _PLACES_SHOWN
        for message, own in zip(messages[:count], particulars, strict=False):
            yield from self._places(message, own)
            if each:
                yield from self._hint(message[0].diagnostic.hint)
        if left := sum(map(len, messages[count:])):
            yield f"  {self.paint('dim', '-->')} and {left} more places"
        if not each:
            yield from self._hint("".join(hints[:1]))
        for url in dict.fromkeys(message[0].diagnostic.url for message in messages):
            if url:
                yield f"  {self.paint('dim', 'see ' + one_line(url))}"
                break

    def _places(self, message: _Message, own: str) -> Iterator[str]:
        first = message[0].diagnostic
        for place, others in message[:_PLACES_SHOWN]:
            likewise = f"; likewise {listed(others, _PLACES_SHOWN)}" if others else ""
            said = "" if own and own in map(str, place.path) else own
            at = ": ".join(filter(None, (_place(place), said)))
            if at:
                yield f"  {self.paint('dim', '-->')} {one_line(at + likewise)}"
            shown = first.severity is Severity.ERROR and first.code not in _WITHOUT_EXCERPT
            if place is first and place.location and shown:
                yield from _excerpt(place.location, self._lines_of, self.paint)
        if len(message) > _PLACES_SHOWN:
            yield f"  {self.paint('dim', '-->')} and {len(message) - _PLACES_SHOWN} more places"
        yield from (f"  {self.paint('dim', one_line(step))}" for step in first.trail)

    def _hint(self, hint: str) -> Iterator[str]:
        if hint:
            yield f"  {self.paint('bold', 'hint:')} {_indented(hint)}"


def _sentence(found: Sequence[Diagnostic]) -> tuple[str, list[str]]:
    """Give what findings of one code have in common as a sentence, and what each has of its own."""
    texts = [d.message for d in found]
    if len(set(texts)) == 1:
        return texts[0], [""] * len(texts)
    words = [text.split(" ") for text in texts]
    shortest = min(map(len, words))
    begin = next((n for n in range(shortest) if len({w[n] for w in words}) > 1), shortest)
    end = next((n for n in range(shortest - begin) if len({w[-1 - n] for w in words}) > 1), shortest - begin)
    own = [" ".join(w[begin : len(w) - end]) for w in words]
    if 2 * (begin + end) < max(map(len, words)) or not all(own):
        return CODES.get(found[0].code, found[0].code), texts
    return " ".join((*words[0][:begin], "…", *words[0][len(words[0]) - end :])), own


_WITHOUT_EXCERPT: Final = frozenset({"C2F541", "C2F542"})
"""Findings about a line that holds a password which nothing in the line shows to be one."""


def _place(diagnostic: Diagnostic) -> str:
    path = ".".join(map(str, diagnostic.path))
    if diagnostic.location is None:
        return one_line(path)
    return one_line(f"{diagnostic.location} ({path})" if path else str(diagnostic.location))


def _excerpt(at: Location, lines_of: _LineReader, paint: _Painter) -> Iterator[str]:
    lines = lines_of(at)
    if not (0 < at.line <= len(lines)):
        return
    line = lines[at.line - 1]
    if not line.strip() or len(line) > _LONGEST_LINE:  # one that no person wrote down
        return
    shown = lines_of.masked(at)
    start = _position(line, shown, at.column - 1)
    key = re.match(_UNDERLINED, shown[start:])
    begin = max(0, min(start - _EXCERPT_WIDTH // 3, len(shown) - _EXCERPT_WIDTH))
    window = shown[begin : begin + _EXCERPT_WIDTH].replace("\t", " ")
    yield f"{paint('dim', f'{at.line:>5} | ')}{one_line(window)}"
    indent = columns_of(one_line(window[: start - begin]))
    underlined = one_line(window[start - begin :][: len(key[0]) if key else 1])
    yield f"{paint('dim', '      | ')}{' ' * indent}{paint('error', '^' * columns_of(underlined or ' '))}"


def _position(line: str, shown: str, column: int) -> int:
    """Find where `column` of `line` stands in `shown`; in a masked part it is where the first mask begins."""
    column = max(0, min(column, len(line)))
    if line[:column] == shown[:column]:
        return column
    from_end = len(line) - column
    if from_end and shown.endswith(line[column:]):
        return len(shown) - from_end
    return next(i for i, (a, b) in enumerate(zip(line + "\0", shown + "\1", strict=False)) if a != b)


def _indented(text: str) -> str:
    """A hint of several lines, each below the first."""
    return f"\n{' ' * 8}".join(map(one_line, text.split("\n")))


class _LineReader:
    """Gives the lines of source files, and as they are shown; splits each file once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lines: dict[str, list[str]] = {}
        self._hidden: dict[str, tuple[str, ...]] = {}
        self._masked: dict[tuple[str, int], str] = {}
        self._maskers: dict[str, LineMasker] = {}

    def __call__(self, at: Location) -> Sequence[str]:
        """Give the lines of the file that `at` names."""
        if at.file not in self._lines:
            self._lines[at.file] = re.split(
                _LINE_BREAK, (self._sources(at.file) or "").removeprefix("\ufeff")
            )
        return self._lines[at.file]

    def masked(self, at: Location) -> str:
        """Give the line that `at` names, without credentials: what is one on any line of the file is hidden on all."""
        lines = self(at)
        if at.file not in self._hidden:
            self._hidden[at.file] = hidden_values("\n".join(lines))
        place = (at.file, at.line)
        if place not in self._masked:
            masker = self._maskers.setdefault(at.file, LineMasker(lines))
            self._masked[place] = mask_known(masker.line(at.line - 1), self._hidden[at.file])
        return self._masked[place]


_Painter = Callable[[str, str], str]


def _plain(_style: str, text: str) -> str:
    return text


def _paint(style: str, text: str) -> str:
    return paint(_STYLES[style], text)
