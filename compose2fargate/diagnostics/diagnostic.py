"""A finding as a value: its code, severity, place, message and hint."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from compose2fargate.records import NamedTuple

Path = tuple[str | int, ...]
"""Where a value stands in the compose model: `("services", "web", "ports", 0)`."""


class Severity(str, Enum):
    """How much a diagnostic matters: an error stops the run, a warning changes behaviour, an info informs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Location(NamedTuple):
    """A place in a source file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(NamedTuple):
    """One thing to know about the input.

    Attributes:
        code: A key of `CODES`, for example `C2F103`. It never changes its meaning.
        severity: Error, warning or info.
        message: One sentence (no trailing newline) on what is wrong, or on what happens on Fargate.
        path: The key's path in the compose model; empty when the finding is about no key.
        location: Where in which file; None when there is no file to point to.
        hint: What to do, with the exact text to write; empty when there is nothing to do.
        url: A documentation link; empty when there is none.
        trail: How the reader got to `location`: `included from compose.yaml:3:5`, innermost first.
    """

    code: str
    severity: Severity
    message: str
    path: Path = ()
    location: Location | None = None
    hint: str = ""
    url: str = ""
    trail: tuple[str, ...] = ()


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any of `diagnostics` is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """Order diagnostics as a reader meets them: by file and line; those without a place come last."""
    at = diagnostic.location
    if at is None:
        return ("\U0010ffff", 0, 0, diagnostic.code, diagnostic.message)
    return (at.file, at.line, at.column, diagnostic.code, diagnostic.message)
