"""No secret value of a fixture is in anything that is written or said: the values all contain the word canary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Program, Result
from tests.test_golden import FIXTURES, TARGETS, arguments, files_below, staged

WORD = "canary"
CASES = sorted(
    folder.name
    for folder in FIXTURES.iterdir()
    if any(WORD in text for path, text in files_below(folder).items() if not path.startswith("expected/"))
)


def test_there_are_secrets_to_look_for() -> None:
    assert {"secret-files", "secrets-auto", "binds", "derived-image", "files"} <= set(CASES)


VARIANTS = [
    (),
    ("--files", "init"),
    ("--secret-files", "init"),
    ("--diagnostics", "json"),
    ("--without-host-tools",),
]


def said(result: Result) -> str:
    return result.out + result.err


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("extra", VARIANTS, ids=" ".join)
@pytest.mark.parametrize("target", TARGETS)
def test_no_value_of_a_secret_is_written_or_said(
    case: str, target: str, extra: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    folder = staged(case, tmp_path)
    command = ("convert", "-t", target, "-o", "out", "--secrets", "auto", *arguments(folder), *extra)
    assert WORD not in said(program(*command, cwd=folder))
    assert not [path for path, text in files_below(folder / "out").items() if WORD in text]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_explain_shows_no_value_of_a_secret(case: str, form: str, program: Program, tmp_path: Path) -> None:
    folder = staged(case, tmp_path)
    assert WORD not in said(program("explain", "--format", form, cwd=folder))
    keys = json.loads(program("explain", "--format", "json", cwd=folder).out)
    for service in sorted({key["path"][1] for key in keys if key["path"][0] == "services"}):
        for key in ("environment", "secrets", "logging", "volumes", "build", "x-fargate"):
            assert WORD not in said(program("explain", f"{service}.{key}", "--format", form, cwd=folder))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_check_shows_no_value_of_a_secret(case: str, form: str, program: Program, tmp_path: Path) -> None:
    folder = staged(case, tmp_path)
    program("convert", "-o", "out", "--secrets", "auto", *arguments(folder), cwd=folder)
    if not (folder / "out").is_dir():
        pytest.skip("the fixture is refused")
    compose = folder / "compose.yaml"
    compose.write_text(compose.read_text(encoding="utf-8").replace(WORD, f"{WORD}-changed"), encoding="utf-8")
    for definition in (folder / "out" / "task-definitions").glob("*.json"):
        definition.write_text(
            definition.read_text(encoding="utf-8").replace('"cpu"', '"Cpu"'), encoding="utf-8"
        )
    result = program("check", "out", "--format", form, cwd=folder)
    assert result.status == 1
    assert WORD not in said(result)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "how", [("--print",), ("--dry-run",), ("--target", "github", "-o", "-"), ("--target", "codebuild", "-o", "-")], ids=" ".join
)  # fmt: skip
def test_push_shows_no_value_of_a_secret(
    case: str, how: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    folder = staged(case, tmp_path)
    place = ("--account", "123456789012", "--region", "eu-central-1")
    assert WORD not in said(program("push", *how, *place, cwd=folder))


def test_config_is_the_one_that_prints_what_it_reads(program: Program, tmp_path: Path) -> None:
    assert WORD in program("config", cwd=staged("secrets-auto", tmp_path)).out
