"""Runs the program as a process of its own and measures what it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

PROGRAM = (sys.executable, "-m", "compose2fargate")

# Measured from a small process in between: Linux counts what the parent had in memory, when it started a child, into
# the child's peak, and a test run has a lot.
_LAUNCHER = """
import json, resource, subprocess, sys, time
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))  # nothing that is tested may take the machine down
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
with open(sys.argv[1], "wb") as out, open(sys.argv[2], "wb") as err:
    begin = time.perf_counter()
    status = subprocess.call(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    wall = time.perf_counter() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps([status, wall, used.ru_utime + used.ru_stime, peak]))
"""


class Measured(NamedTuple):
    """A run of a command: exit code, output, wall and processor time in seconds, peak memory in MiB."""

    status: int
    out: str
    err: str
    wall: float
    processor: float
    peak: float


def measure(
    command: Sequence[str], *, cwd: Path, scratch: Path, env: Mapping[str, str] | None = None
) -> Measured:
    """Run `command` in `cwd`; `scratch` is an existing folder that its output goes through."""
    out, err = scratch / "stdout", scratch / "stderr"
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, str(out), str(err), *command],
        cwd=cwd,
        env=plain_environment(cwd, env),
        stdout=subprocess.PIPE,
        timeout=240,
        check=True,
    )
    status, wall, processor, peak = json.loads(done.stdout)
    return Measured(status, _text(out), _text(err), wall, processor, peak)


def plain_environment(home: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give an environment in which nothing but `env` reaches the compose files."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        **(env or {}),
    }


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape")
