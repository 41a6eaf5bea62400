"""What the program has to say about its input: values, never prints.

Every function that finds something to report returns or appends a `Diagnostic`. A function that cannot
go on raises the error of its stage, which carries *all* diagnostics found so far:

    Compose2FargateError            anything this package raises on purpose
    ├── InputError                  exit code 2: the files, the options or the settings are at fault
    │   ├── UsageError              an option or argument
    │   ├── LoadError               reading the compose files (C2F1xx)
    │   ├── MapError                translating to Fargate (C2F2xx)
    │   └── EmitError               rendering or writing the artefacts (C2F3xx)
    └── AwsError                    exit code 3: AWS refused, or could not be reached (C2F4xx)

Code ranges: C2F1xx loading, C2F2xx mapping, C2F3xx emitting, C2F4xx applying. A released number is never
reused for something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

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


class Compose2FargateError(Exception):
    """Anything this package raises on purpose; carries at least one diagnostic."""

    exit_code = 2

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__("; ".join(f"{d.location or ''} {d.message}".strip() for d in self.diagnostics))


class InputError(Compose2FargateError):
    """The files, the options or the settings are at fault: exit code 2."""


class UsageError(InputError):
    """An option or an argument is at fault."""


class LoadError(InputError):
    """The compose files cannot be read as they are."""


class MapError(InputError):
    """The project cannot be translated to Fargate as it is."""


class EmitError(InputError):
    """The artefacts cannot be rendered or written."""


class AwsError(Compose2FargateError):
    """AWS refused, or could not be reached: exit code 3."""

    exit_code = 3


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any of `diagnostics` is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


def sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """Order diagnostics as a reader meets them: by file and line; those without a place come last."""
    at = diagnostic.location
    if at is None:
        return ("\U0010ffff", 0, 0, diagnostic.code, diagnostic.message)
    return (at.file, at.line, at.column, diagnostic.code, diagnostic.message)


CODES: Mapping[str, str] = {
    # C2F100-C2F119: files and YAML (compose/source.py)
    "C2F100": "no compose file found",
    "C2F101": "file cannot be read",
    "C2F102": "file is not text",
    "C2F103": "limit exceeded",
    "C2F104": "not valid YAML",
    "C2F105": "duplicate key",
    "C2F106": "key is not a string",
    "C2F107": "merge key without a mapping",
    "C2F108": "document is not a mapping",
    "C2F109": "value does not fit its tag",
    "C2F110": "several candidate files",
    "C2F111": "invalid project name",
    "C2F112": "empty compose file",
    # C2F120-C2F139: .env files and interpolation (compose/dotenv.py, compose/interpolation.py)
    # C2F140-C2F149: the compose schema (compose/schema.py)
    "C2F140": "A value is of the wrong type",
    "C2F141": "A key is not known",
    "C2F142": "A key is missing",
    "C2F143": "A value is not allowed",
    "C2F144": "A name is not allowed",
    "C2F145": "A list repeats an item",
    # C2F150-C2F179: the compose model (compose/merge.py, compose/syntax.py, compose/loader.py)
    # C2F180-C2F189: Dockerfiles (compose/dockerfile.py)
    "C2F180": "The Dockerfile has an instruction that Docker refuses",
    "C2F181": "The Dockerfile has an unknown instruction",
    "C2F182": "The Dockerfile has no stage to build",
    "C2F183": "The Dockerfile has no stage of the target's name",
    "C2F184": "A variable in the Dockerfile cannot be substituted",
    "C2F185": "A command in the Dockerfile looks like a JSON array and is none",
    "C2F186": "A value in the Dockerfile depends on its base image",
    "C2F187": "The Dockerfile is too large",
    # C2F190-C2F199: the command line and settings (cli/, settings.py)
    # C2F200-C2F299: mapping
    # C2F300-C2F399: emitting and writing
}
"""Every code and its title. The message of a diagnostic says the particulars."""
