"""The engine of the suite, and projects on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.rehearsal.engine import LABEL, Engine, connect_engine
from tests.rehearsal.bed import HERE, IMAGES, Kept, Project, Running


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A running engine with the images of the suite."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine runs: .ci/docker-engine FOLDER starts one")
    IMAGES.mkdir(parents=True, exist_ok=True)
    # One worker makes the images, the others wait for it.
    made = subprocess.run(
        ["flock", IMAGES / "lock", HERE / "images.sh", IMAGES], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(made.stderr.strip() or "no test images")
    with closing(connect_engine(os.environ)) as opened:
        yield opened


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Iterator[Project]:
    made = Project(tmp_path, engine)
    yield made
    made.clean()
    left = engine.client.containers(all=True, filters={"label": f"{LABEL}={made.name}"})
    assert not left, "a rehearsal leaves nothing"


@pytest.fixture
def kept(project: Project) -> Kept:
    """Rehearse a project and leave it running until the test is over."""

    def rehearse(compose: str, files: Mapping[str, str] | None = None, **choices: Any) -> Running:
        report = project.write(compose, files).rehearse(keep=True, **choices)
        return Running(report, project.engine, project.name)

    return rehearse
