"""The GitHub action, its steps run as the shell scripts they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import ROOT, Program

COMPOSE = "services: {web: {image: nginx, mem_limit: 512m}}\n"


class Job(NamedTuple):
    """What a run of the action's last step gave."""

    status: int
    log: str
    summary: str
    outputs: dict[str, str]


@pytest.fixture(scope="module")
def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


@pytest.fixture
def checkout(tmp_path: Path, program: Program) -> Path:
    root = tmp_path / "checkout"
    for name in ("shop", "blog"):
        (root / name).mkdir(parents=True)
        (root / name / "compose.yaml").write_text(COMPOSE)
        assert program("convert", "-q", cwd=root / name).status == 0
    return root


def run_check(action: Any, checkout: Path, **inputs: str) -> Job:
    step = action["runs"]["steps"][-1]
    given = {name: str(spec["default"]) for name, spec in action["inputs"].items()} | inputs
    environment = {
        name: given[value.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, value in step["env"].items()
    }
    files = {name: checkout.parent / name.lower() for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    tools = checkout.parent / "tools"
    tools.mkdir(exist_ok=True)
    if not (tools / "python").exists():  # the step calls the Python that the first step has set up
        (tools / "python").symlink_to(sys.executable)
    done = subprocess.run(
        # What GitHub makes of `shell: bash`.
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=checkout,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **environment,
            **{name: str(file) for name, file in files.items()},
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Job(done.returncode, done.stdout + done.stderr, files["GITHUB_STEP_SUMMARY"].read_text(), outputs)


def test_in_sync(action: Any, checkout: Path) -> None:
    job = run_check(action, checkout)
    assert (job.status, job.outputs) == (0, {"exit-code": "0", "in-sync": "true"})
    assert "### `shop/fargate/json`: in sync" in job.summary
    assert "::error" not in job.log


def test_out_of_sync(action: Any, checkout: Path) -> None:
    (checkout / "shop" / "compose.yaml").write_text(COMPOSE.replace("512m", "1g"))
    job = run_check(action, checkout)
    assert (job.status, job.outputs) == (1, {"exit-code": "1", "in-sync": "false"})
    assert "::error file=shop/compose.yaml,line=1,col=32,title=C2F320 " in job.log
    assert "web: memory 512 -&gt; 1024 | shop/compose.yaml:1 |" in job.summary
    assert "### `blog/fargate/json`: in sync" in job.summary


def test_inputs_narrow_it(action: Any, checkout: Path) -> None:
    (checkout / "shop" / "compose.yaml").write_text(COMPOSE.replace("512m", "1g"))
    assert run_check(action, checkout, folders="blog").status == 0
    assert run_check(action, checkout, **{"working-directory": "blog"}).status == 0
    job = run_check(
        action, checkout, folders="fargate", **{"working-directory": "shop"}, arguments="--no-diff"
    )
    assert job.status == 1
    assert "::error file=shop/compose.yaml," in job.log
    assert "@@" not in job.log


def test_a_folder_that_cannot_be_checked(action: Any, checkout: Path) -> None:
    assert run_check(action, checkout, folders="none").outputs["exit-code"] == "2"


def test_the_install_step_installs_what_is_there(action: Any) -> None:
    (install,) = [step for step in action["runs"]["steps"] if step.get("name") == "Install"]
    assert install["env"] == {"ACTION_PATH": "${{ github.action_path }}"}
    assert install["run"].endswith('"$ACTION_PATH"')
