"""A clone by git that turns line ends into those of Windows."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from compose2fargate.emitters import BUILT_IN
from tests.conftest import ROOT, Program

GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def test_a_clone_with_autocrlf_is_in_sync(program: Program, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(ROOT / "fixtures" / "sample", first, ignore=shutil.ignore_patterns("expected"))
    for target in BUILT_IN:
        assert program("convert", "-q", "-t", target, cwd=first).status == 0
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull}
    for command in (
        ("init", "--quiet", "."),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "x"),
        ("clone", "--quiet", "--config", "core.autocrlf=true", str(first), str(second)),
    ):
        subprocess.run([*GIT, *command], cwd=first, env=environment, check=True, capture_output=True)
    assert b"\r\n" in (second / "compose.yaml").read_bytes()
    assert b"\r\n" in (second / "fargate" / "terraform" / "cluster.tf").read_bytes()
    result = program("check", cwd=second)
    assert (result.status, result.out.count("in sync (")) == (0, len(BUILT_IN))
    assert "note:" not in result.out
