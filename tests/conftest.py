"""What several suites share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

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
