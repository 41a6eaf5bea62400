"""`commands.sh`: a script that a shell can read, in which every id that is noted is made, and every file is handed over."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from compose2fargate.aws.resources import Existing
from compose2fargate.emitters.commands import PLACEHOLDER
from compose2fargate.emitters.json import JsonEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.conftest import ROOT

SCRIPTS = sorted(ROOT.glob("fixtures/*/expected/json/commands.sh"))


def name(path: Path) -> str:
    return path.parents[2].name


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_shell_can_read_it(path: Path) -> None:
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_placeholder_of_the_files_is_filled_in_before_its_file_is_used(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    noted = set(re.findall(r"^note '?([^ ']+)'? ", script, re.MULTILINE))
    for file in sorted(path.parent.rglob("*.json")):
        if file.name == "compose2fargate.json":
            continue
        found = set(re.findall(rf'"([^"]*{PLACEHOLDER}[^"]*)"', file.read_text(encoding="utf-8")))
        ours = {text for text in found if not text.startswith("fs-")}  # a file system that only the user has
        assert ours <= noted, file.name
        where = file.relative_to(path.parent).as_posix()
        if ours and where in script:
            assert f'"$(fill {where})"' in script
            used = script.index(f"fill {where}")
            assert all(script.index(f"note {quoted(text, script)}") < used for text in ours)


def quoted(text: str, script: str) -> str:
    return f"'{text}'" if f"note '{text}'" in script else text


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_variable_is_set_before_it_is_used(path: Path) -> None:
    known = {"found", "said", "1", "2", "ids", "account", "operation", "tries", "0", "@"}
    known |= {"cluster", "container", "query", "codes", "code"}  # of the function that waits for jobs
    for line in path.read_text(encoding="utf-8").splitlines():
        loops = set(re.findall(r"^for ([a-z0-9_]+) in ", line))
        if not line.startswith("#"):
            used = set(re.findall(r"\$\{?([a-z0-9_@]+)", line)) - known
            assert used <= known | loops, line
        known |= set(re.findall(r"^([a-z0-9_]+)=", line))


def test_a_load_balancer_with_a_name_is_looked_up() -> None:
    stack = sample_stack()
    named = stack._replace(resources={**stack.resources, "load-balancer": Existing("LoadBalancer", "shared")})
    script = JsonEmitter().emit(named, Settings())["commands.sh"]
    assert '--load-balancer-arn "$(aws elbv2 describe-load-balancers --names shared' in script


_AWS = """#!/bin/sh
echo "$@" >>"{journal}"
case "$1 $2" in
  "ecs describe-services") ;;
  "ecs describe-tasks") echo {code} ;;
  *) echo made ;;
esac
"""


@pytest.mark.parametrize(("code", "status"), [("0", 0), ("0 3", 1), ("", 1)])
def test_what_waits_for_a_job_is_made_when_the_job_ended_well(code: str, status: int, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    (tmp_path / "aws").write_text(_AWS.format(journal=journal, code=code), encoding="utf-8")
    (tmp_path / "aws").chmod(0o755)
    script = ROOT / "fixtures/ordering/expected/json/commands.sh"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(script)], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    calls = journal.read_text(encoding="utf-8").splitlines()
    waited = calls.index("ecs wait services-stable --cluster ordered-production --services db")
    ran = next(n for n, call in enumerate(calls) if call.startswith("ecs run-task"))
    assert waited < ran < calls.index("ecs wait tasks-stopped --cluster ordered-production --tasks made")
    assert any("services/api.json" in call for call in calls) is (status == 0)
    assert ("migrate did not end well" in done.stderr) is (status == 1)
