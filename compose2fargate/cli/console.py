"""What goes to the terminal: data to stdout, diagnostics to stderr.

Everything that is printed passes through `write`, `write_exact` or `complain`; a test holds all other modules to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import Final, TextIO

import click

from compose2fargate.cli.options import chosen
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.disk.reading import read_bytes
from compose2fargate.records import NamedTuple
from compose2fargate.text.escaping import inert, one_line

_LARGEST_SOURCE: Final = 16_000_000


class Console(NamedTuple):
    """How diagnostics are printed; made from the options of a run."""

    color: bool
    quiet: bool
    format: str
    notes: bool = False
    context: click.Context | None = None

    @classmethod
    def of(cls, ctx: click.Context) -> Console:
        """Read the output options that were chosen so far."""
        options = chosen(ctx)
        color = options.get("color")
        return cls(
            color=_terminal_has_color() if color is None else color,
            quiet=options.get("quiet", False),
            format=options.get("diagnostics", "text"),
            notes=options.get("notes", False),
            context=ctx,
        )

    def report(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Print `diagnostics` to stderr; notes with `--notes` only, and with `--quiet` nothing but errors."""
        shown = [d for d in diagnostics if not self.quiet or d.severity is Severity.ERROR]
        if not shown and self.format == "text":
            return
        if self.context:
            from compose2fargate.cli.next_commands import completed

            shown = list(completed(self.context, shown))
        from compose2fargate.diagnostics.text_report import RENDERERS

        text = RENDERERS[self.format](shown, _read_source, color=self.color, notes=self.notes)
        complain(fitted(text) if self.format == "text" else text)

    def say(self, line: str, *, hang: int = 0, whole: Iterable[str] = ()) -> None:
        """Print a line about what was done; nothing with `--quiet`, or where stderr is to hold one JSON document.

        For `hang` and `whole` see `text.wrapping.wrapped`.
        """
        if not self.quiet and self.format == "text":
            complain(fitted(f"{line}\n", hang=hang, whole=whole))


def fitted(text: str, *, hang: int = 0, whole: Iterable[str] = ()) -> str:
    """Break lines at words where stderr is a terminal; elsewhere a line stays one, whatever its length."""
    if not sys.stderr.isatty():
        return text
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return text
    if not columns:  # a terminal that does not know
        return text
    from compose2fargate.text.wrapping import wrapped

    return wrapped(text, columns, hang=hang, whole=whole)


def write(text: str) -> None:
    """Write text or JSON to stdout, inert: see `escaping.inert`."""
    write_exact(inert(text))


def write_exact(text: str) -> None:
    """Write to stdout what has to arrive as it is: the same UTF-8 bytes on every platform and in every locale.

    That is what a program reads (the model of `config`, a script), and what somebody asks for unchanged.

    Raises:
        BrokenPipeError: The reader has closed its end.
        UsageError: It cannot be written for another reason.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        raise cannot_write("stdout", error) from error


def cannot_write(file: str, error: OSError) -> UsageError:
    """Give the error for a file that the user asked for and that cannot be written."""
    return UsageError(
        Diagnostic("C2F191", Severity.ERROR, f"{file} cannot be written: {error.strerror or error}")
    )


def silence(stream: TextIO) -> None:
    """Send what `stream` still holds nowhere: Python flushes once more when it exits, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(text: str) -> None:
    """Write to stderr, inert."""
    try:
        sys.stderr.write(inert(text))
        sys.stderr.flush()
    except BrokenPipeError:  # `2>&1 | head`: what is asked for is done all the same
        silence(sys.stderr)


def table(rows: Sequence[Sequence[str]], *, narrowest: int = 0) -> str:
    """Lay `rows` out in columns, three blanks apart and at least `narrowest` wide; the last is as wide as it is.

    A row is a line whatever its cells hold.
    """
    rows = [tuple(map(one_line, row)) for row in rows]
    widths = [max(narrowest, 3 + max(map(len, column))) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    return "".join("".join(map(str.ljust, row, widths)) + "\n" for row in rows)


def standard_input() -> TextIO:
    """Give stdin as the UTF-8 text that compose files are, whatever the locale says."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="strict", newline="")
    return sys.stdin


def _read_source(file: str) -> str | None:
    """Read a source file to show a line of it; None for what is no regular file.

    A pipe can be read once only, and a finding about a link is not to show where that leads.
    """
    try:
        return read_bytes(file, _LARGEST_SOURCE, follow=False).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def _terminal_has_color() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and sys.stderr.isatty()
