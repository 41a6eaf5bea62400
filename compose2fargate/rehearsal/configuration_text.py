"""What stands in the configuration of HAProxy, dnsmasq and nftables: a text of the project is one word of a line, and never a line.

What AWS would refuse anyway can stand in a stack all the same: `x-fargate.patch` writes any text into any member.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from compose2fargate.text.shell_text import refused

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@,=+-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


def word(text: str) -> str:
    """Give a text as one word of HAProxy's configuration: https://docs.haproxy.org/2.6/configuration.html#2.2."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", r"'\''") + "'"


def string(text: str) -> str:
    """Give a text of several lines as one word of HAProxy's configuration."""
    for sign, written in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("$", "\\$"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
    ):
        text = text.replace(sign, written)
    return f'"{text}"'


def format_text(text: str) -> str:
    """Give a text that is to stay as it is where HAProxy expands `%`."""
    return text.replace("%", "%%")


def configuration(lines: Iterable[str]) -> str:
    """Put lines together to a file.

    Raises:
        EmitError: One of them would be two, or hold what is not seen.
    """
    made = list(lines)
    for line in made:
        if _CONTROL.search(line):
            raise refused(line.strip(), "holds a line break or another control character")
    return "".join(f"{line}\n" for line in made)
