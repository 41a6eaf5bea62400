"""Every fixture gives exactly the files and the diagnostics that stand in its `expected/` folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Program

FIXTURES = ROOT / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/compose.yaml"))
TARGETS = ("json", "terraform", "cloudformation")


def arguments(case: Path) -> list[str]:
    """The options of a case: one a line in `arguments`, where that file exists."""
    file = case / "arguments"
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []


def staged(case: str, tmp_path: Path) -> Path:
    folder = tmp_path / case
    shutil.copytree(FIXTURES / case, folder, ignore=shutil.ignore_patterns("expected"))
    return folder


def files_below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "surrogateescape")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES)
def test_a_fixture_gives_its_expected_files(
    case: str, target: str, program: Program, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = staged(case, tmp_path)
    result = program(
        "convert", "--notes", "-t", target, "-o", f"fargate/{target}", *arguments(folder), cwd=folder
    )
    made = {f"{target}/{path}": text for path, text in files_below(folder / "fargate" / target).items()}
    made[f"{target}.diagnostics.txt"] = f"exit {result.status}\n{result.err}"
    expected = FIXTURES / case / "expected"
    if request.config.getoption("--update-goldens"):
        update(expected, target, made)
        pytest.fail(
            f"expected files of {case} are written anew: read them, then run without --update-goldens"
        )
    golden = {p: t for p, t in files_below(expected).items() if p.startswith((f"{target}/", f"{target}."))}
    assert golden, f"fixtures/{case}/expected has no files for {target}"
    assert sorted(made) == sorted(golden)
    for path, text in golden.items():
        assert made[path] == text, path


def update(expected: Path, target: str, made: dict[str, str]) -> None:
    shutil.rmtree(expected / target, ignore_errors=True)
    for path, text in made.items():
        (expected / path).parent.mkdir(parents=True, exist_ok=True)
        (expected / path).write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("case", CASES)
def test_converting_twice_changes_nothing(case: str, program: Program, tmp_path: Path) -> None:
    folder = staged(case, tmp_path)
    first = program("convert", "-o", "out", *arguments(folder), cwd=folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")}
    second = program("convert", "-o", "out", *arguments(folder), cwd=folder)
    assert (first.status, first.err) == (second.status, second.err)
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")} == before
