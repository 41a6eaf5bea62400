"""Runs one project through both programs, and says where they disagree."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from compose2fargate.__main__ import run
from tests.conftest import Result
from tests.differential.strategies import Project

ORACLE = os.environ.get("COMPOSE_ORACLE", "")
RELEASE = os.environ.get("COMPOSE_ORACLE_RELEASE", "2.40")
"""The dialect that the binary speaks."""
HOME = "/home/user"
_UNSORTED = frozenset(("--variables", "--models", "--images", "--volumes", "--networks"))
_UNDEFINED = re.compile(r'The \\?"([^"\\]*)\\?" variable is not set')


_VARIABLES = re.compile(r'NAME +REQUIRED|\{\s*(?:\}|"[^\n]*": \{\s*"Name")')

CRASHED = "ours crashed"

KNOWN: Mapping[str, Callable[[Result, Result], bool]] = {
    "panics": lambda theirs, _: "panic: " in theirs.err or "goroutine " in theirs.err,
    "#extensions": lambda theirs, _: (
        "#extensions" in theirs.out + theirs.err or "map[string]interface {} for extra_hosts" in theirs.err
    ),
    "build.ssh": lambda theirs, _: (
        "MarshalJSON for type types.SSHKey" in theirs.err
        or bool(re.search(r"ssh:\n(?: +- .+\n)* +- '.*: ", theirs.out))
    ),
    "2^63": lambda theirs, ours: theirs.status == 0 and "is out of range" in ours.err,
    "U+2028": lambda theirs, _: "\u2028" in theirs.out or "\u2029" in theirs.out,
    "--variables": lambda theirs, ours: (
        RELEASE != "2.40" and ours.status == 2 and bool(_VARIABLES.match(theirs.out))
    ),
    "`<<` without quotes": lambda theirs, ours: (
        RELEASE != "2.40" and "<<" in ours.out + ours.err and "<<" not in theirs.out
    ),
    "begins with a line break": lambda theirs, _: (
        RELEASE != "2.40" and bool(re.search(r"\|[-+]?\n\n+ ", theirs.out))
    ),
    "`é: 3`": lambda theirs, ours: theirs.status == 0 and "must be a mapping or null" in ours.err,
}
"""The differences that are meant to be, by a word that docs/compose-compatibility.md has in its row on each."""


def known(theirs: Result, ours: Result) -> str | None:
    """Name the known difference that two runs show."""
    return next((word for word, shows in KNOWN.items() if shows(theirs, ours)), None)


class Verdict(NamedTuple):
    """What both programs made of a project; `disagreement` is empty where it is the same."""

    disagreement: str
    theirs: Result
    ours: Result

    def __str__(self) -> str:
        theirs, ours = self.theirs, self.ours
        return f"{self.disagreement}\n--- Docker Compose ({theirs.status})\n{theirs.out}{theirs.err}\n--- ours ({ours.status})\n{ours.out}{ours.err}"  # fmt: skip


def compare(project: Project, scratch: Path) -> Verdict:
    """Run `project` in `scratch/case`, which is made for it, through both programs."""
    folder = scratch / "case"
    lay_out(project, folder)
    theirs = run_theirs(project, folder)
    ours = run_ours(project, folder)
    found = difference(project, theirs, ours)
    if found and found != CRASHED:
        found = (
            found
            if not is_meant(project, folder, theirs, ours) and is_settled(project, folder, theirs)
            else ""
        )
    return Verdict(found, theirs, ours)


def is_meant(project: Project, folder: Path, theirs: Result, ours: Result) -> bool:
    """Tell whether two runs differ as they should; a hash does not show why it differs, so the model is looked at."""
    if known(theirs, ours) is None and "--hash" in project.options:
        theirs = run_theirs(project._replace(options=()), folder)
    return known(theirs, ours) is not None


def is_settled(project: Project, folder: Path, theirs: Result) -> bool:
    """Tell whether Docker Compose always says the same: what depends on the order of Go's maps does not."""
    return all(run_theirs(project, folder)[:2] == theirs[:2] for _ in range(8))


def lay_out(project: Project, folder: Path) -> None:
    """Write the project's files."""
    folder.mkdir(parents=True)
    for name, text in project.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))


def surroundings(project: Project, folder: Path) -> dict[str, str]:
    """Give the variables of the process, and no others."""
    return {"PATH": os.environ["PATH"], "HOME": HOME, "PWD": str(folder), **project.environment}


def run_theirs(project: Project, folder: Path) -> Result:
    """Run Docker Compose."""
    done = subprocess.run(
        [ORACLE, *project.arguments, "config", *project.options],
        cwd=folder,
        env=surroundings(project, folder),
        input=project.stdin.encode("utf-8", "surrogatepass"),
        capture_output=True,
        timeout=60,
    )
    return Result(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def run_ours(project: Project, folder: Path) -> Result:
    """Run the program in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape", newline="") for _ in range(2))
    stdin = io.TextIOWrapper(io.BytesIO(project.stdin.encode("utf-8", "surrogatepass")), "utf-8")
    with (
        _inside(folder, surroundings(project, folder)),
        mock.patch.multiple(sys, stdin=stdin, stdout=out, stderr=err),
    ):
        status = run(
            ["--compose-version", RELEASE, *project.arguments, "config", "--debug", *project.options]
        )
    return Result(status, *(_text(stream) for stream in (out, err)))


@contextmanager
def _inside(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        with mock.patch.dict(os.environ, environment, clear=True):
            yield
    finally:
        os.chdir(before)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "replace")


def difference(project: Project, theirs: Result, ours: Result) -> str:
    """Say in a few words how two runs differ; nothing where they agree."""
    if ours.status not in (0, 2) or "Traceback" in ours.err:
        return CRASHED
    if (theirs.status == 0) != (ours.status == 0):
        return "only ours accepts" if ours.status == 0 else "only Docker Compose accepts"
    if theirs.status:
        return ""
    if _lines(project, theirs.out) != _lines(project, ours.out):
        return "the output differs" + ("" if _tree(theirs.out) != _tree(ours.out) else " in its form")
    if set(_UNDEFINED.findall(theirs.err)) != _undefined(ours.err):
        return "the undefined variables differ"
    return ""


def _undefined(text: str) -> set[str]:
    """Give the variables that we say are not set: in a message each, or after the places of one for several."""
    found = set(re.findall(r"variable (\S+) is not set", text))
    if "…" in found:
        block = text[text.index("variable … is not set") :].partition("\n\n")[0]
        found |= set(re.findall(r"^  --> .*\): (\S+)$", block, re.MULTILINE))
    return found - {"…"}


def _lines(project: Project, text: str) -> list[str]:
    """Split an output into lines; those that come in the order of a Go map are sorted."""
    lines = text.split("\n")
    names = "--services" in project.options and "--no-interpolate" in project.options
    return sorted(lines) if names or not _UNSORTED.isdisjoint(project.options) else lines


def _tree(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
