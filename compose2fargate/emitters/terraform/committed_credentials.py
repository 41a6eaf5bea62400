"""Credentials in the files of a module, which its README says to commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from compose2fargate.credentials import is_proposed, passwords_in_command
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.text.sentences import listed

_STRING: Final = r'"((?:[^"\\]|\\.)*)"'
_NAMED: Final = r'^\s*name\s*=\s*"((?:[^"\\]|\\.)*)"$'
_VALUE: Final = r'^\s*value\s*=\s*"'


def credential_lines(text: str) -> Iterator[int]:
    """Yield the numbers of the lines of a file in HCL that hold what looks like a credential, as `secrets: auto` would say."""
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        named = re.match(_NAMED, line)
        words = [] if named or '"' not in line else [_plain(word) for word in re.findall(_STRING, line)]
        said = name if re.match(_VALUE, line) else ""
        if any(is_proposed(said, word) for word in words) or any(passwords_in_command(words)):
            yield number
        name = named[1] if named else ""


def _plain(word: str) -> str:
    """Give a string of HCL without its escapes, or nothing where it is a reference."""
    return "" if re.search(r"(?<![$%])[$%]\{", word) else word.replace('\\"', '"').replace("\\\\", "\\")


def committed_credentials(files: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Warn of all places at once: what is to be done is the same for each."""
    places = [
        f"{path}:{number}"
        for path, text in files.items()
        if path.endswith(".tf")
        for number in credential_lines(text)
    ]
    if places:
        what = "holds" if len(places) == 1 else "hold"
        yield Diagnostic(
            "C2F348",
            Severity.WARNING,
            f"{listed(places)} {what} what looks like a credential, and README.md says to commit the folder",
            hint="keep it out of the files: --secrets auto, or x-fargate: {secrets: {NAME: /parameter}} under the service;"
            " one that was committed before is to be changed",
        )
