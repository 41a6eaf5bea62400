"""Random projects through this program and through Docker Compose: both refuse, or both print the same.

`COMPOSE_ORACLE` names the `docker-compose` binary that is the measure; without it there is nothing to compare with.
`COMPOSE_ORACLE_RELEASE` says which dialect it speaks: 2.40, unless it is said.
`COMPOSE_DIFFERENTIAL_EXAMPLES` says how many projects each test tries, `COMPOSE_DIFFERENTIAL_SEED` which ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.compose.test_cases import CASES, described
from tests.conftest import ROOT
from tests.differential.oracle import KNOWN, ORACLE, RELEASE, compare, run_theirs
from tests.differential.strategies import FOCUSED, Project, projects

EXAMPLES = int(os.environ.get("COMPOSE_DIFFERENTIAL_EXAMPLES", "150"))
SEED = int(os.environ.get("COMPOSE_DIFFERENTIAL_SEED", "0"))

against_the_binary = [
    pytest.mark.slow,
    pytest.mark.differential,
    pytest.mark.timeout(0),
    pytest.mark.skipif(not ORACLE, reason="COMPOSE_ORACLE does not name a docker-compose binary"),
]
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def disagreement(project: Project) -> str:
    with TemporaryDirectory() as scratch:
        verdict = compare(project, Path(scratch))
    return str(verdict) if verdict.disagreement else ""


@pytest.mark.parametrize("construct", [pytest.param(name, marks=against_the_binary) for name in FOCUSED])
def test_a_construct_is_read_as_docker_compose_reads_it(construct: str) -> None:
    @seed(SEED)
    @settings(many, max_examples=max(5, EXAMPLES // len(FOCUSED)))
    @given(FOCUSED[construct])
    def agrees(project: Project) -> None:
        assert disagreement(project) == ""

    agrees()


@pytest.mark.parametrize("strategy", [pytest.param(projects(), marks=against_the_binary, id="projects")])
def test_a_project_is_read_as_docker_compose_reads_it(strategy: st.SearchStrategy[Project]) -> None:
    @seed(SEED)
    @many
    @given(strategy)
    def agrees(project: Project) -> None:
        assert disagreement(project) == ""

    agrees()


@pytest.mark.skipif(RELEASE != "2.40", reason="the recordings are of 2.40")
@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=against_the_binary) for case in CASES]
)
def test_what_was_recorded_is_what_docker_compose_says(case: Path, tmp_path: Path) -> None:
    given = described(case)
    files = {
        str(file.relative_to(case)): file.read_bytes().decode("utf-8", "surrogateescape")
        for file in case.rglob("*")
        if file.is_file() and not file.name.startswith("expected") and file.name != "case.json"
    }
    project = Project(
        files,
        tuple(given.get("arguments", ())),
        given.get("environment", {}),
        tuple(given.get("options", ("--format", "json"))),
    )
    assert compare(project, tmp_path).disagreement == ""
    recorded = case / "expected.txt"
    expected = recorded.read_text(encoding="utf-8") if recorded.exists() else None
    assert any(
        listed(project, tmp_path / "case") == expected for _ in range(8)
    )  # its order is not always the same


def listed(project: Project, folder: Path) -> str | None:
    """Give what Docker Compose prints; None where it refuses."""
    theirs = run_theirs(project, folder)
    return None if theirs.status else theirs.out.replace(str(folder), "${PROJECT_DIR}")


@pytest.mark.parametrize("word", KNOWN)
def test_a_known_difference_is_documented(word: str) -> None:
    rows = (ROOT / "docs" / "compose-compatibility.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row.startswith("|") and word in row]
