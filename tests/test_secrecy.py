"""No secret value of a fixture is in anything that is written or said: the values all contain the word canary."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Program
from tests.test_golden import FIXTURES, arguments, files_below, staged

WORD = "canary"
CASES = sorted(
    folder.name
    for folder in FIXTURES.iterdir()
    if any(WORD in text for path, text in files_below(folder).items() if not path.startswith("expected/"))
)


def test_there_are_secrets_to_look_for() -> None:
    assert {"secret-files", "secrets-auto", "binds", "derived-image", "files"} <= set(CASES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "extra", [(), ("--files", "init"), ("--secret-files", "init"), ("--diagnostics", "json")]
)
def test_no_value_of_a_secret_is_written_or_said(
    case: str, extra: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    folder = staged(case, tmp_path)
    result = program("convert", "-o", "out", "--secrets", "auto", *arguments(folder), *extra, cwd=folder)
    assert WORD not in result.out + result.err
    assert not [path for path, text in files_below(folder / "out").items() if WORD in text]
    shown = program("explain", "--format", "json", cwd=folder)
    assert WORD not in shown.out + shown.err
