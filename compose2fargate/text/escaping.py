r"""Text of others made harmless for the place where it is shown: a terminal, the log of a CI system, Markdown.

Compose files, AWS and builders say things that nobody here wrote. `inert` is the last step of everything that is
printed: it shows as an escape what could move a cursor, turn the direction of writing, hide a word or give GitHub's
runner a command. The others prepare a text for its place on the way there: a line, a code span, running Markdown.

Escapes from U+007F on have the form `\u202e`, so that a JSON document in which they stand is the same document.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

# The expressions are compiled where they are first used, by the functions of `re`: a run may print nothing.

_CONTROLS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # the direction of writing
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u3164\ufeff\uffa0"  # takes no room
    "\u2028\u2029\ufff0-\ufffb"  # breaks of lines; marks of annotations
    "\ud800-\udfff\U000e0000-\U000e0fff"  # halves of characters; tags
)
_FORBIDDEN: Final = f"[{_CONTROLS}]"
_BREAKS: Final = f"[\t\n{_CONTROLS}]"
# GitHub's runner takes `::command::` at the beginning of a line, after blanks, and `##[command]` anywhere in it.
_COMMAND: Final = r"(?m)^([^\S\n]*):(?=:)"
_OLD_COMMAND: Final = r"#(?=#\[)"
# A sequence of our own begins with something that no text of others can hold.
_OWN: Final = f"\x1b{os.urandom(8).hex()}"


class Inert(str):
    """A text that `inert` has given: it is printed as it is."""

    __slots__ = ()


def inert(text: str, *, commands: bool = False) -> Inert:
    """Give a text as it is printed: nothing in it acts on a terminal, or on GitHub's runner.

    Args:
        text: Any text, or what `inert` gave before. What `paint` painted keeps its colours.
        commands: Whether lines that begin with `::` are meant as commands to GitHub's runner.
    """
    if isinstance(text, Inert):
        return text
    plain = re.sub(f"{_OWN}|{_FORBIDDEN}", _escaped, text)
    plain = re.sub(_OLD_COMMAND, r"\\u0023", plain)
    return Inert(plain if commands else re.sub(_COMMAND, r"\1\\u003a", plain))


def one_line(text: str) -> str:
    """Give a text as part of one line: line breaks and tabs are shown as escapes too."""
    return re.sub(_BREAKS, _escaped, text)


def paint(style: str, text: str) -> str:
    """Colour a text by the numbers of an ANSI sequence (`1;31`); `inert` puts the sequence in."""
    return f"{_OWN}[{style}m{text}{_OWN}[0m"


CLEAR: Final = f"{_OWN}[H{_OWN}[2J"
"""Moves to the top of an empty screen."""


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character == _OWN:
        return "\x1b"
    if character < "\x7f":
        return ascii(character)[1:-1]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def columns_of(text: str) -> int:
    """Count the terminal columns that `text` takes: wide characters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


# -- Markdown ------------------------------------------------------------------------------------------------

_MARKUP: Final = r"([\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"
_CODE: Final = r"(?<!`)`([^`]+)`(?!`)"
_BEGINS: Final = r"^( *)(\d*)([-+=:.)])"
_LINKED: Final = r"(@(?=\w)|#(?=\d)|\bGH-(?=\d)|\bwww(?=\.)|\b(?:https?|ftp)(?=://)|\b(?:mailto|xmpp)(?=:)|:(?=[a-z][\w+-]*:))"


def markdown(text: str) -> str:
    """Give a text as it reads in running Markdown, on one line: no markup, link, image, HTML, mention or reference.

    What stands between two backticks is code, as it is meant.
    """
    parts = re.split(_CODE, re.sub(r"\s+", " ", text))
    return "".join(code_span(part) if at % 2 else _prose(part, first=not at) for at, part in enumerate(parts))


def _prose(text: str, *, first: bool) -> str:
    text = re.sub(_MARKUP, r"\\\1", one_line(text).replace("&", "&amp;"))
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    # An empty comment parts what GitHub would link: neither a backslash nor an entity keeps it from that.
    text = re.sub(_LINKED, r"\1<!-- -->", text, flags=re.IGNORECASE)
    return re.sub(_BEGINS, r"\1\2\\\3", text) if first else text


def code_span(text: str) -> str:
    """Give a text as code in running Markdown, also in a table."""
    text = one_line(text)
    fence = _fence("`", [text])
    blank = " " if text[:1] in "` " or text[-1:] in "` " else ""
    return f"{fence}{blank}{text}{blank}{fence}".replace("|", "\\|")


def code_block(language: str, lines: Iterable[str]) -> list[str]:
    """Give lines as a fenced block."""
    shown = [re.sub(r"[\r\n]", _escaped, line) for line in lines]
    fence = _fence("```", shown)
    return [f"{fence}{language}", *shown, fence]


def link(text: str, url: str) -> str:
    """Give a link to an address of our own or of others; one that is not of the web stays text."""
    if not re.match(r"https?://[^\s<>\x00-\x20]+$", url):
        return f"{markdown(text)} ({markdown(url)})"
    safe = re.sub(r"[()\\\[\]|`@]", lambda found: f"%{ord(found[0]):02X}", url)
    return f"[{markdown(text)}]({one_line(safe)})"


def _fence(shortest: str, lines: Iterable[str]) -> str:
    runs = (len(run) for line in lines for run in re.findall("`+", line))
    return "`" * max(len(shortest), 1 + max(runs, default=0))
