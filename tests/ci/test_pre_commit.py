"""The hooks in a git repository: by hand quickly, and with the real pre-commit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Program

HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
COMPOSE = "services:\n  web:\n    image: nginx\n    mem_limit: 512m\n"
SHIPPED = ("compose2fargate", "schemas", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_each_hook_calls_what_exists(hook: dict[str, Any], program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    assert program("convert", "-q", cwd=tmp_path).status == 0
    name, *arguments = hook["entry"].split()
    assert name == "compose2fargate"
    assert program(*arguments, cwd=tmp_path).status == 0


def test_converting_runs_for_what_files_are_made_from() -> None:
    (pattern,) = {hook["files"] for hook in HOOKS if "files" in hook}
    for path in (
        "compose.yaml",
        "a/compose.override.yml",
        "docker-compose.prod.yaml",
        ".env",
        "api/Dockerfile",
    ):
        assert re.search(pattern, path), path
    for path in ("README.md", "src/compose.py"):
        assert not re.search(pattern, path), path


class Repository:
    """A git repository with a project in it, and pre-commit."""

    def __init__(self, root: Path, hooks: str) -> None:
        self.root = root
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))},
            "HOME": str(root.parent),
            "PRE_COMMIT_HOME": str(root.parent / "pre-commit"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PYTHONPATH": "",
        }
        root.mkdir()
        (root / "compose.yaml").write_text(COMPOSE)
        (root / ".pre-commit-config.yaml").write_text(hooks)
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        for key, value in (("user.name", "Somebody"), ("user.email", "somebody@example.com")):
            self.run("git", "config", key, value)

    def run(self, *command: str, status: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=280
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    def program(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "-m", "compose2fargate", *arguments, status=status)

    def commit(self, *, status: int = 0) -> str:
        self.run("git", "add", "--all")
        return self.run("git", "commit", "--message", "x", status=status)


def five_cases(repository: Repository) -> None:
    """Commit in each of the cases: in sync, compose changed, edited, missing, foreign."""
    root = repository.root
    web = root / "fargate" / "json" / "services" / "web.json"
    repository.program("convert", "--quiet")
    assert "Passed" in repository.commit()

    (root / "compose.yaml").write_text(COMPOSE.replace("512m", "1g"))
    said = repository.commit(status=1)
    assert "web: memory 512 -> 1024 (compose.yaml:4)" in said
    assert "compose2fargate check --fix fargate/json" in said
    repository.program("check", "--fix")
    assert "Passed" in repository.commit()

    text = web.read_text()
    web.write_text(text.replace('"desiredCount": 1', '"desiredCount": 3'))
    assert "web: desiredCount 1 -> 3 (edited by hand; 1 is generated)" in repository.commit(status=1)

    web.unlink()
    assert "services/web.json: missing" in repository.commit(status=1)
    web.write_text(text)

    manifest = root / "fargate" / "json" / "compose2fargate.json"
    manifest.write_text('{"tool": "another"}')
    assert "is not a manifest of compose2fargate" in repository.commit(status=1)


@pytest.mark.slow
def test_a_local_hook_in_all_five_cases(tmp_path: Path) -> None:
    hook = next(hook for hook in HOOKS if hook["id"] == "compose2fargate-check")
    arguments = hook["entry"].partition(" ")[2]
    local = {**hook, "language": "system", "entry": f"{sys.executable} -m compose2fargate {arguments}"}
    repository = Repository(
        tmp_path / "repo", yaml.safe_dump({"repos": [{"repo": "local", "hooks": [local]}]})
    )
    repository.run(sys.executable, "-m", "pre_commit", "install")
    five_cases(repository)


@pytest.mark.slow
def test_the_hooks_as_pre_commit_installs_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, source / name)
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--message", "x"),
        ("tag", "v0"),
    ):
        subprocess.run(["git", *command], cwd=source, check=True, capture_output=True)
    hooks = [{"id": "compose2fargate-check"}]
    config = {"repos": [{"repo": str(source), "rev": "v0", "hooks": hooks}]}
    repository = Repository(tmp_path / "repo", yaml.safe_dump(config))
    installed = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install", "--install-hooks"],
        cwd=repository.root,
        env=repository.environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    if installed.returncode and "Could not find a version" in installed.stdout + installed.stderr:
        pytest.skip("no package index can be reached")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    five_cases(repository)
