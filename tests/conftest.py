"""What several suites share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from hypothesis import settings

from compose2fargate.__main__ import run

ROOT = Path(__file__).parent.parent

# How long one example takes is the machine's business: a busy one would fail tests of what is right.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_configure() -> None:
    """Take Ctrl-C as a terminal's programs do: a shell that starts `make test &` lets its children ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the expected files of fixtures/ anew; the tests fail nevertheless, so that somebody reads them",
    )


class Result(NamedTuple):
    """What a run of the program gave."""

    status: int
    out: str
    err: str


Program = Callable[..., Result]


class Processes:
    """Runs the program, in this process where that is enough, in a folder with a sandbox of its own.

    The sandbox is a real one, in a process of its own: it is started once for all tests of a module, and emptied for each.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder.parent),
            "XDG_CACHE_HOME": str(folder.parent / "cache"), **environment,
        }  # fmt: skip
        folder.mkdir()
        lines = self.process("sandbox", "env").stdout.splitlines()
        self.variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        self._program: Program | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "compose2fargate", *arguments]

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        assert self._program is not None
        done = self._program(*arguments, cwd=self.folder, env={**self.environment, **environment})
        return subprocess.CompletedProcess(arguments, done.status, done.out, done.err)

    def begin(self, program: Program, compose: str) -> None:
        """Leave a compose file in the folder and nothing in the sandbox."""
        self._program = program
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        (self.folder / "compose.yaml").write_text(compose, "utf-8")
        token = self.variables["AWS_ACCESS_KEY_ID"]
        address = f"{self.variables['AWS_ENDPOINT_URL']}/_sandbox/reset"
        request = Request(address, b"{}", {"X-Sandbox-Token": token})  # noqa: S310 - our own server
        with build_opener(ProxyHandler({})).open(request) as answer:
            answer.read()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run the program in this process: `program("convert", "-o", "-", cwd=folder, env={...})`."""

    def run_program(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
        monkeypatch.chdir(cwd)
        with monkeypatch.context() as patch:
            for name in dict(__import__("os").environ):
                patch.delenv(name)
            for name, value in {"HOME": str(cwd), "NO_COLOR": "1", **(env or {})}.items():
                patch.setenv(name, value)
            status = run(arguments)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run_program
