"""The sample project, as it is and broken."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from tests.conftest import ROOT
from tests.rehearsal.bed import Project, told

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(280)]


@pytest.fixture
def sample(project: Project) -> Project:
    shutil.copytree(ROOT / "fixtures" / "sample", project.folder, dirs_exist_ok=True)
    shutil.rmtree(project.folder / "expected")
    (project.folder / ".env").write_text("POSTGRES_PASSWORD=canary-pw\n")
    # The names of containers and ports are the machine's own here, and no frontend of BuildKit can be pulled.
    (project.folder / "compose.override.yaml").unlink()
    dockerfile = project.folder / "web" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().partition("\n")[2])
    return project


def test_the_sample_would_run_and_is_found_out_in_no_more_than_three_times_of_composes_time(
    sample: Project,
) -> None:
    report = sample.rehearse(pace=1.0)
    assert report.well, told(report)
    if not os.environ.get("COMPOSE_ORACLE"):
        pytest.skip("COMPOSE_ORACLE names no Docker Compose to compare with")
    sample.compose("build")
    began = time.monotonic()
    done = sample.compose("up", "--detach", "--wait")
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    sample.compose("down", "--volumes", "--timeout", "0")
    began = time.monotonic()
    assert sample.rehearse(pace=1.0).well
    assert time.monotonic() - began <= 3 * took


@pytest.mark.parametrize(
    ("file", "before", "after", "reason"),
    [
        (
            "compose.yaml",
            "http://api:8000",
            "http://api:9000",
            "web does not reach api:9000: nothing listens there",
        ),
        ("compose.yaml", "@db:5432", "@database:5432", "database"),
        ("api/Dockerfile", "0.0.0.0:8000", "0.0.0.0:80", "make it listen above 1024"),
        (
            "compose.yaml",
            '["CMD", "python"',
            '["CMD", "curl", "-f"',
            "check with a program that the image has",
        ),
        (
            "compose.yaml",
            "command: redis-server",
            "command: redis-server --bind 127.0.0.1",
            "nothing listens there",
        ),
    ],
)
def test_broken_it_says_why(sample: Project, file: str, before: str, after: str, reason: str) -> None:
    path = sample.folder / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    report = sample.rehearse(allow_errors=True)  # of some `convert` has said so already
    assert not report.well
    assert reason in told(report)
    assert "canary-pw" not in told(report)
