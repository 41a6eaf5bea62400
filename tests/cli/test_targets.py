"""`targets`: the output formats there are."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Program


def test_targets_lists_the_built_in_formats(program: Program, tmp_path: Path) -> None:
    result = program("targets", cwd=tmp_path)
    assert result.status == 0
    head, *rows = result.out.splitlines()
    assert head.split() == ["NAME", "ORIGIN", "WRITES"]
    assert any(row.startswith("json ") and "built in" in row for row in rows)


def test_targets_as_json_has_the_same_content(program: Program, tmp_path: Path) -> None:
    found = json.loads(program("targets", "--format", "json", cwd=tmp_path).out)
    assert {"name", "summary", "origin"} == set(found[0])
    assert "json" in [target["name"] for target in found]


def test_an_unknown_target_is_refused_with_the_ones_there_are(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    result = program("convert", "-t", "helm", cwd=tmp_path)
    assert result.status == 2
    assert "'helm'" in result.err
    assert "json" in result.err
    assert not (tmp_path / "fargate").exists()
