"""The Dockerfiles of derived images stand in every target's folder, and `check` knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Program
from tests.test_golden import arguments, staged


@pytest.mark.parametrize("target", ["json", "terraform", "cloudformation"])
def test_every_target_has_the_dockerfiles_and_check_agrees(
    target: str, program: Program, tmp_path: Path
) -> None:
    folder = staged("derived-image", tmp_path)
    assert program("convert", "-t", target, "-o", "out", *arguments(folder), cwd=folder).status == 0
    dockerfile = folder / "out" / "images" / "site" / "Dockerfile"
    assert "ARG COMPOSE2FARGATE_BASE=nginx:1.27" in dockerfile.read_text(encoding="utf-8")
    assert program("check", "out", cwd=folder).status == 0
    dockerfile.write_text("FROM scratch\n", encoding="utf-8")
    assert program("check", "out", cwd=folder).status == 1
