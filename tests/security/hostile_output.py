"""Texts that harm where they are printed as they are, and what tells that one was."""

from __future__ import annotations

import re
from typing import Final

HOSTILE: Final = {
    "escape": "x\x1b[2J\x1b]0;title\x07",
    "c1": "x\x9b31m\x85y",
    "delete": "x\x7f\x08y",
    "return": "x\rerror C2F000",
    "override": "x\u202egnp.exe\u202c",
    "isolate": "x\u2066y\u2069\u200e\u200f\u061c",
    "separators": "x\u2028::error::y\u2029z",
    "invisible": "x\u200b\u200d\u2060\ufeff\u00ady",
    "tags": "x\U000e0041\U000e0042y",
    "command": "x\n::stop-commands::tok",
    "blank command": "x\n \u00a0::add-mask::a",
    "old command": "x ##[add-mask]a\n##[error]b",
    "own colours": "x\x1b[1;31mred\x1b[0m",
    "markdown": "![i](http://e.x/a.png) [l](javascript:a) <img src=x onerror=y> @octocat #1 | `` ` `` http://e.x www.e.x",
}
"""By name; each holds something that a terminal, GitHub's runner or Markdown would act on."""

FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)
COMMAND: Final = re.compile(r"(?m)^\s*::|##\[")


def harm(text: str, *, commands: bool = False) -> list[str]:
    """List what in an output acts on a terminal or on GitHub's runner; `commands` says that lines with `::` are meant."""
    found = [ascii(one) for one in FORBIDDEN.findall(text)]
    lines = [line for line in text.split("\n") if COMMAND.search(line)]
    meant = re.compile(r"::(error|warning|notice) [a-z]+=")
    return found + [line for line in lines if not (commands and meant.match(line) and "##[" not in line)]
