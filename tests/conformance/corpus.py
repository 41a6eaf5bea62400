"""The cases of a corpus directory, and the program run on them in this process.

A corpus holds one folder per case: compose files, and `case.json` with the arguments, the environment and whether Docker
Compose accepts the project (`expect`). See the README of the corpus for the rest.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from compose2fargate.__main__ import run
from compose2fargate.compose.loader import LoadOptions
from tests.conftest import Result

_RECORDED = shutil.ignore_patterns("case.json", "expected.json", "expected_error.txt", "expected_stderr.txt")


class Case(NamedTuple):
    """One case: its folder, what `case.json` says, and the release of Docker Compose that was recorded."""

    folder: Path
    described: Mapping[str, Any]
    release: str

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def arguments(self) -> list[str]:
        """The options of Docker Compose that stand before the command."""
        project = self.described.get("project", "case")
        named = ("-p", project) if project is not None else ()
        return [f"--compose-version={self.release}", *self.described.get("args", ()), *named]


class Staged(NamedTuple):
    """A case copied to where it runs: deep enough for its `../..`, and in a folder called `case`."""

    case: Case
    root: Path

    @property
    def cwd(self) -> Path:
        """The directory to run in."""
        return Path(os.path.normpath(self.root / self.case.described.get("cwd", ".")))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the process, and no others."""
        given = {"PATH": os.environ["PATH"], "HOME": "/home/user", "PWD": str(self.cwd)}
        for name, value in self.case.described.get("env", {}).items():
            if value is None:
                given.pop(name, None)
            else:
                given[name] = value.replace("${PROJECT_DIR}", str(self.root))
        return given

    def run(self, *command: str) -> Result:
        """Run the program with the options of the case, and then `command`."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape") for _ in range(2))
        empty = io.TextIOWrapper(io.BytesIO(), "utf-8")
        with (
            self._surroundings(),
            mock.patch.multiple(sys, stdin=empty, stdout=out, stderr=err),
        ):
            status = run([*self.case.arguments, *command])
        return Result(status, *(_text(stream) for stream in (out, err)))

    def options(self) -> LoadOptions:
        """Give the loader's options that the arguments of the case stand for."""
        from compose2fargate.cli.application import application
        from compose2fargate.cli.options import load_options

        context = application.make_context("compose2fargate", [*self.case.arguments, "convert"])
        with self._surroundings():
            return load_options(context)

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        before = Path.cwd()
        os.chdir(self.cwd)
        try:
            with mock.patch.dict(os.environ, self.environment, clear=True):
                yield
        finally:
            os.chdir(before)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8", "surrogateescape")


def cases(corpus: Path, release: str) -> list[Case]:
    """Give all cases, in order of their names."""
    return [
        Case(file.parent, json.loads(file.read_text(encoding="utf-8")), release)
        for file in sorted(corpus.glob("*/case.json"))
    ]


@contextmanager
def staged(case: Case, scratch: Path) -> Iterator[Staged]:
    """Copy a case to where it can run; `scratch` is an existing folder."""
    home = scratch / "stage"
    root = home / "u3" / "u2" / "u1" / "case"
    root.parent.mkdir(parents=True)
    shutil.copytree(case.folder, root, symlinks=True, ignore=_RECORDED)
    try:
        yield Staged(case, root.resolve())
    finally:
        shutil.rmtree(home)
