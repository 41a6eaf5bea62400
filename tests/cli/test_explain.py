"""`explain`: every key and its outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Program

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1.27
    stdin_open: true
  web-admin:
    image: adminer
    privileged: true
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def test_every_key_of_the_file_has_a_line_with_place_and_outcome(program: Program, project: Path) -> None:
    result = program("explain", cwd=project)
    assert result.status == 0, result.err
    rows = {line.split()[0]: line for line in result.out.splitlines()}
    assert "compose.yaml:4:5" in rows["services.web.image"]
    assert "mapped" in rows["services.web.image"]
    assert "refused" in rows["services.web-admin.privileged"]


def test_a_service_narrows_the_list_to_its_own_keys(program: Program, project: Path) -> None:
    keys = [row["path"] for row in json.loads(program("explain", "web", "--format", "json", cwd=project).out)]
    assert ["services", "web", "image"] in keys
    assert all(path[1] == "web" for path in keys)


def test_a_key_narrows_the_list_to_itself(program: Program, project: Path) -> None:
    (row,) = json.loads(program("explain", "web.image", "--format", "json", cwd=project).out)
    assert row["path"] == ["services", "web", "image"]
    assert row["location"] == {"file": "compose.yaml", "line": 4, "column": 5}
    assert row["outcome"] == "mapped"


def test_markdown_is_a_table(program: Program, project: Path) -> None:
    lines = program("explain", "web", "--format", "markdown", cwd=project).out.splitlines()
    assert lines[0] == "| key | outcome | on Fargate | what to do |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert all(line.count(" | ") == 3 for line in lines)


def test_an_unknown_service_is_refused_with_the_nearest(program: Program, project: Path) -> None:
    result = program("explain", "wep", cwd=project)
    assert result.status == 2
    assert "compose2fargate explain web" in result.err
