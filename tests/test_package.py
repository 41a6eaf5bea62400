"""What others build on: names, version, codes, and what a wheel holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import compose2fargate
from compose2fargate.diagnostics.codes import CODES

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "compose2fargate"


def run(*command: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_every_public_name_exists() -> None:
    assert compose2fargate.__all__ == sorted(set(compose2fargate.__all__))
    for name in compose2fargate.__all__:
        assert getattr(compose2fargate, name) is not None


def test_the_version_is_one_that_packages_may_have() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", compose2fargate.__version__)


def test_importing_the_package_does_not_read_compose_files_or_yaml() -> None:
    done = run(
        sys.executable,
        "-c",
        "import sys, compose2fargate; print('yaml' in sys.modules, 'click' in sys.modules)",
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_it_runs_as_a_module() -> None:
    done = run(sys.executable, "-m", "compose2fargate", "--version")
    assert done.stdout == f"compose2fargate {compose2fargate.__version__}\n"
    assert done.returncode == 0


def test_every_code_that_the_program_uses_has_a_title_and_every_title_a_use() -> None:
    used: set[str] = set()
    for module in PACKAGE.rglob("*.py"):
        if module.parent.name != "diagnostics" or module.name not in {"__init__.py", "codes.py"}:
            used |= set(re.findall(r"\bC2F\d{3}\b", module.read_text("utf-8")))
    assert used == set(CODES)


def test_the_changelog_has_a_section_for_this_version_or_what_comes() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert re.search(
        r"^## \[(?:Unreleased|" + re.escape(compose2fargate.__version__) + r")\]", changelog, re.MULTILINE
    )


@pytest.mark.slow
def test_an_installed_wheel_is_whole_and_runs_away_from_the_checkout(tmp_path: Path) -> None:
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist"))
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "compose2fargate/py.typed" in names
    for schema in (REPOSITORY / "schemas").glob("*.json"):
        assert f"compose2fargate/schemas/{schema.name}" in names
    assert not [name for name in names if not name.startswith(("compose2fargate/", "compose2fargate-"))]
    assert any(name.endswith("/licenses/LICENSE") for name in names)

    site = tmp_path / "site"
    installed = run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)
    )
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "compose2fargate", "convert", "--output", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "task-definitions" / "web.json").is_file()


@pytest.mark.slow
def test_the_source_archive_holds_what_its_own_tests_need(tmp_path: Path) -> None:
    import tarfile

    built = run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for needed in (
        "compose2fargate/__main__.py",
        "schemas/compose.schema.json",
        "tests/test_package.py",
        "LICENSE",
    ):
        assert needed in names


def test_the_action_is_one_that_github_accepts() -> None:
    done = run(
        sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_ends_with_a_command_that_a_checkout_can_run() -> None:
    """The command is in .venv/bin alone, and what make installs has no sandbox."""
    shown = run("make", "-n", "demo").stdout
    assert ".venv/bin/pip install -e '.[sandbox]'" in shown
    assert ".venv/bin/compose2fargate apply --project-directory fixtures/sample --sandbox" in shown


def test_without_the_sandbox_it_says_how_to_get_it_in_a_checkout_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compose2fargate.apply.sandbox import sandbox_session
    from compose2fargate.diagnostics import UsageError

    monkeypatch.setattr(sandbox_session, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as refused:
        sandbox_session.start_sandbox(str(tmp_path))
    (found,) = refused.value.diagnostics
    assert found.code == "C2F416"
    for command in ("pip install 'compose2fargate[sandbox]'", ".venv/bin/pip install -e '.[sandbox]'"):
        assert command in found.hint
