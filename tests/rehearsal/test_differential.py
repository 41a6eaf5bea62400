"""What works under the real Docker Compose works in the rehearsal, or `convert` had said that it would not."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from compose2fargate.diagnostics import Severity
from compose2fargate.rehearsal.rehearsal_report import RehearsalReport
from compose2fargate.workflows.translating import translate
from tests.rehearsal.bed import Project, told
from tests.rehearsal.projects import SHAPES, Shape

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.timeout(280),
    pytest.mark.skipif(not os.environ.get("COMPOSE_ORACLE"), reason="COMPOSE_ORACLE names no Docker Compose"),
]
STEADY = 3.0


class NotAsMeantError(Exception):
    """A project does under Docker Compose what it should not: that says nothing about the rehearsal."""


def works(project: Project, shape: Shape) -> str:
    """Run a project by Docker Compose; give what does not work, or ""."""
    done = project.compose("up", "--detach", "--quiet-pull")
    try:
        if done.returncode:
            return done.stderr
        end = time.monotonic() + 60
        problem = "starting"
        steady = 0.0
        while time.monotonic() < end:
            problem = _problem(project)
            steady = (steady or time.monotonic()) if not problem else 0.0
            if problem.startswith("ended") or (steady and time.monotonic() - steady > STEADY):
                break
            time.sleep(0.3)
        for service, command in () if problem else shape.questions:
            asked = project.compose("exec", "-T", service, "sh", "-c", command)
            problem = problem or (asked.stderr or "no" if asked.returncode else "")
        return problem
    finally:
        project.compose("down", "--volumes", "--timeout", "0")


def _problem(project: Project) -> str:
    listed = project.compose("ps", "--all", "--format", "json").stdout.splitlines()
    states: list[dict[str, Any]] = [json.loads(line) for line in listed]
    for one in states:
        if one["State"] == "exited" and one["ExitCode"]:
            return f"ended: {one['Service']}"
        if one["Health"] == "unhealthy":
            return f"ended: {one['Service']} is unhealthy"
        if one["State"] not in ("running", "exited") or one["Health"] == "starting":
            return f"{one['Service']} is {one['State']} {one['Health']}"
    return "" if states else "nothing runs"


def _names(*, smoke: bool) -> list[str]:
    return [name for name, shape in SHAPES.items() if shape.smoke == smoke]


def agree(project: Project, name: str) -> None:
    shape = SHAPES[name]
    project.write(shape.compose, shape.files)
    problem = works(project, shape)
    if (not problem) != shape.works:
        raise NotAsMeantError(problem)
    errors = [d for d in translate(project.options(), {}).diagnostics if d.severity is Severity.ERROR]
    report = project.rehearse(allow_errors=True, pace=10.0, timeout=120.0)
    if problem or errors:
        assert not report.well, f"it works here, but: {problem or errors}"
    else:
        assert not unforeseen(report), told(report)


def unforeseen(report: RehearsalReport) -> list[str]:
    """Name the services that fail though the translation warned of nothing about it."""
    return [
        unit.unit.name
        for unit in report.result.units
        if not unit.well
        and not unit.skipped
        and not any(
            said.severity is not Severity.INFO
            for finding in report.findings[unit.unit.id]
            for said in finding.said
        )
    ]


@pytest.mark.smoke
@pytest.mark.parametrize("name", _names(smoke=True))
def test_docker_compose_and_the_rehearsal_agree_on_common_shapes(project: Project, name: str) -> None:
    agree(project, name)


@pytest.mark.parametrize("name", _names(smoke=False))
def test_docker_compose_and_the_rehearsal_agree(project: Project, name: str) -> None:
    agree(project, name)
