"""A real pseudo-terminal of a given width, and what stands on it in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_HEIGHT = 50
_LONGEST = 60.0
_TOKEN = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]*)(?P<letter>[A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>]|[\r\n\b]|[^\x1b\r\n\b]+"
)


class Answer(NamedTuple):
    """What a person types when a text stands on the terminal."""

    after: str
    text: str


def run_on_terminal(
    command: str, cwd: Path, environment: Mapping[str, str], columns: int, answers: Sequence[Answer] = ()
) -> tuple[int, list[str]]:
    """Run a shell command on a terminal; give its exit code, and the lines that stand there when it has ended."""
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child
        os.chdir(cwd)
        os.execve("/bin/sh", ["sh", "-c", command], {**environment, "TERM": "xterm-256color"})  # noqa: S606 - a shell is meant
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _HEIGHT, columns, 0, 0))
    os.kill(process, signal.SIGWINCH)
    shown, open_answers, began = b"", list(answers), time.monotonic()
    while time.monotonic() - began < _LONGEST:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                more = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            shown += more
        for answer in [one for one in open_answers if one.after.encode() in shown]:
            open_answers.remove(answer)
            os.write(terminal, f"{answer.text}\n".encode())
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), screen(shown.decode("utf-8", "replace"), columns)


def screen(text: str, columns: int) -> list[str]:
    """Give the lines that a terminal of so many columns shows after it has been sent `text`, those that scrolled away too."""
    lines, row, column = [""], 0, 0
    for found in _TOKEN.finditer(text):
        token, letter = found[0], found["letter"]
        if letter == "A":
            row = max(0, row - int(found["numbers"] or 1))
        elif letter == "K":
            lines[row] = "" if found["numbers"] == "2" else lines[row][:column]
        elif letter or token.startswith("\x1b"):
            pass  # colours, and whether the cursor is seen
        elif token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\b":
            column = max(0, column - 1)
        else:
            for character in token:
                if column >= columns:
                    row, column = row + 1, 0
                    lines += [""] * (row + 1 - len(lines))
                line = lines[row].ljust(column)
                lines[row] = line[:column] + character + line[column + 1 :]
                column += 1
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]
