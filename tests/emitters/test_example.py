"""The example emitter in `docs/`: installed from its own distribution, it is a target like any other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "example-emitter"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's distribution in it, as pip leaves it."""
    folder = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder))
    done = subprocess.run([*pip, *offline, str(EXAMPLE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def program(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, "-m", "compose2fargate", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_example_is_listed_with_its_distribution(site: Path, tmp_path: Path) -> None:
    done = program(site, tmp_path, "targets")
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("markdown ")]
    assert "compose2fargate-markdown 0.1.0" in row


@pytest.mark.slow
def test_the_example_converts(site: Path, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: hello\nservices: {web: {image: nginx, scale: 3}}\n")
    done = program(site, tmp_path, "convert", "-t", "markdown", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "fargate" / "markdown" / "stack.md").read_text()
    assert "| web | 3 |" in page
    assert "`nginx`" in page
    again = program(site, tmp_path, "convert", "-t", "markdown", "--quiet")
    assert again.returncode == 0


@pytest.mark.slow
def test_a_target_that_cannot_be_loaded_is_named_with_its_distribution(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    info = broken / "broken_target-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-target\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[compose2fargate.emitters]\nbroken = nowhere:Emitter\n")
    done = program(broken, tmp_path, "targets")
    assert done.returncode == 2
    assert "'broken' of broken-target 2.0 cannot be loaded" in done.stderr


@pytest.mark.slow
def test_two_distributions_with_one_target_are_an_error(site: Path, tmp_path: Path) -> None:
    twin = tmp_path / "site"
    info = twin / "twin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: twin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[compose2fargate.emitters]\nmarkdown = markdown_target:MarkdownEmitter\n"
    )
    environment = f"{twin}{os.pathsep}{site}"
    done = program(Path(environment), tmp_path, "targets")
    assert done.returncode == 2
    assert "two distributions provide the target 'markdown'" in done.stderr


@pytest.mark.slow
def test_the_examples_own_tests_pass(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(EXAMPLE / "tests"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
