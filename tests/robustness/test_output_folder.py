"""The output folder: written as a whole or not at all, and never over what is somebody else's."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.measured import PROGRAM, plain_environment

OLD = "name: shop\nservices:\n  web: {image: 'nginx:1'}\n  gone: {image: 'redis:7'}\n"
NEW = "name: shop\nservices:\n  web: {image: 'nginx:2'}\n  added: {image: 'redis:7'}\n"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(program: Program, tmp_path: Path) -> Path:
    """A project that was converted to `out`, and whose compose file was changed since."""
    (tmp_path / "compose.yaml").write_text(OLD)
    assert program("convert", "-o", "out", cwd=tmp_path).status == 0
    (tmp_path / "compose.yaml").write_text(NEW)
    return tmp_path


@pytest.fixture
def fresh(program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What converting the changed project gives where there was nothing."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "compose.yaml").write_text(NEW)
    assert program("convert", "-o", "out", cwd=folder).status == 0
    return content(folder / "out")


@pytest.mark.parametrize("output", ["compose.yaml", "compose.yaml/out", "/proc/nowhere/out", "/dev/null/out"])
def test_a_folder_that_cannot_be_written_is_refused(output: str, program: Program, project: Path) -> None:
    result = program("convert", "-o", output, cwd=project)
    assert result.status == 2
    assert f"cannot write to {output}" in result.err
    assert "--output" in result.err
    assert "Traceback" not in result.err
    assert (project / "compose.yaml").read_text() == NEW


def test_a_folder_with_files_of_others_needs_force(program: Program, project: Path) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "notes.txt").write_text("mine")
    refused = program("convert", "-o", "mine", cwd=project)
    assert refused.status == 2
    assert "--force" in refused.err
    assert content(project / "mine") == {"notes.txt": b"mine"}
    assert program("convert", "-o", "mine", "--force", cwd=project).status == 0
    assert content(project / "mine")["notes.txt"] == b"mine"


def test_the_projects_own_folder_is_not_taken_for_an_output_folder(program: Program, project: Path) -> None:
    refused = program("convert", "-o", ".", cwd=project)
    assert refused.status == 2
    assert "--force" in refused.err


def test_a_file_edited_by_hand_needs_force(program: Program, project: Path, fresh: dict[str, bytes]) -> None:
    edited = project / "out" / "task-definitions" / "web.json"
    edited.write_text(edited.read_text() + "\n")
    before = content(project / "out")
    refused = program("convert", "-o", "out", cwd=project)
    assert refused.status == 2
    assert "task-definitions/web.json was edited by hand" in refused.err
    assert "--force" in refused.err
    assert content(project / "out") == before
    assert program("convert", "-o", "out", "--force", cwd=project).status == 0
    assert content(project / "out") == fresh


def test_a_file_edited_by_hand_that_is_to_be_removed_needs_force(program: Program, project: Path) -> None:
    (project / "out" / "services" / "gone.json").write_text("{}")
    refused = program("convert", "-o", "out", cwd=project)
    assert refused.status == 2
    assert "services/gone.json was edited by hand" in refused.err


def test_a_move_that_fails_leaves_the_old_files_whichever_it_is(
    program: Program, project: Path, fresh: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = content(project / "out")
    real = os.replace
    for failing in range(1, 100):
        calls = iter(range(1, 1000))

        def replace(
            source: str, target: str, calls: object = calls, failing: int = failing, **folders: int
        ) -> None:
            if next(calls) == failing:  # type: ignore[call-overload]
                raise OSError(5, "Input/output error")
            real(source, target, **folders)

        monkeypatch.setattr(os, "replace", replace)
        result = program("convert", "-o", "out", cwd=project)
        monkeypatch.undo()
        if result.status == 0:
            break
        assert result.status == 2
        assert "Input/output error" in result.err
        assert content(project / "out") == old, failing
    assert failing > 5  # each new file was moved, and each old one out of its way
    assert content(project / "out") == fresh


@pytest.mark.parametrize("room", [0, 200, 1000])
def test_a_disk_that_fills_up_leaves_the_old_files(room: int, project: Path) -> None:
    old = content(project / "out")
    done = subprocess.run(
        [*PROGRAM, "convert", "-o", "out"],
        cwd=project,
        env={**plain_environment(project), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write to out: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert content(project / "out") == old


_DYING = """
import os, sys
from compose2fargate.__main__ import run
real, left = os.replace, int(sys.argv[1])
def replace(source, target, **folders):
    global left
    left -= 1
    if left < 0:
        os._exit(9)
    real(source, target, **folders)
os.replace = replace
sys.exit(run(["convert", "-o", "out"]))
"""


def test_a_run_that_died_is_undone_by_the_next_wherever_it_died(
    program: Program, project: Path, fresh: dict[str, bytes]
) -> None:
    died = 0
    for moves in range(0, 40, 3):
        done = subprocess.run(
            [sys.executable, "-c", _DYING, str(moves)],
            cwd=project,
            env=plain_environment(project),
            stderr=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            break
        assert done.returncode == 9
        died += 1
        for text in (OLD, NEW):
            (project / "compose.yaml").write_text(text)
            result = program("convert", "-o", "out", cwd=project)
            assert result.status == 0, (moves, result.err)
            if text == NEW:
                assert content(project / "out") == fresh
        (project / "compose.yaml").write_text(OLD)
        program("convert", "-o", "out", cwd=project)
        (project / "compose.yaml").write_text(NEW)
    assert died > 2
    assert content(project / "out") == fresh


def test_a_refused_project_leaves_the_old_files(program: Program, project: Path) -> None:
    old = content(project / "out")
    (project / "compose.yaml").write_text(OLD + "  bad: {image: x, privileged: true}\n")
    assert program("convert", "-o", "out", cwd=project).status == 2
    assert content(project / "out") == old


def test_nothing_that_is_written_lists_the_machines_folders(program: Program, project: Path) -> None:
    program("convert", "-o", "out", cwd=project)
    assert [name for name, text in content(project / "out").items() if str(project).encode() in text] == []
    listed = json.loads(content(project / "out")["compose2fargate.json"])
    assert listed["inputs"].keys() == {"../compose.yaml"}
