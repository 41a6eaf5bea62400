"""Nothing of a project is imported or run: not by the action, the hooks, the commands, nor by the sandbox's server.

Each runs as a process of its own in a folder with modules and programs of the same names as those it needs. Whatever of
these is loaded leaves a mark.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose2fargate.images.image_tags import commit_tag
from compose2fargate.images.push_scripts import _ACTIONS
from compose2fargate.programs import absolute_path, find_program
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
MODULES = (
    "annotated_doc", "boto3", "botocore", "click", "codecs", "contextlib", "encodings/__init__", "flask", "gc", "hashlib",
    "http/__init__", "jinja2",
    "json", "moto/__init__", "pip/__init__", "queue", "re", "rich/__init__", "runpy", "secrets", "shellingham", "site",
    "sitecustomize", "subprocess", "threading",
    "typer/__init__", "typing", "usercustomize", "werkzeug", "yaml",
)  # fmt: skip
PACKAGE = ("compose2fargate/__init__", "compose2fargate/__main__", "compose2fargate/apply/__init__")
PROGRAMS = (
    "docker",
    "podman",
    "buildah",
    "git",
    "session-manager-plugin",
    "less",
    "more",
    "python",
    "docker-credential-x",
)
COMPOSE = "name: shop\nservices: {web: {image: nginx}, own: {build: .}}\n"
METADATA = "Metadata-Version: 2.1\nName: evil\nVersion: 1\n"
ENTRY_POINT = "[compose2fargate.emitters]\nevil = evil:Emitter\n"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


@pytest.fixture
def project(tmp_path: Path, mark: Path) -> Iterator[Path]:
    folder = tmp_path / "project"
    files = {
        f"{name}.py": f"open({str(mark)!r}, 'a').write({name!r} + '\\n')\n"
        for name in (*MODULES, *PACKAGE, "evil")
    }
    files |= {
        "compose.yaml": COMPOSE,
        "Dockerfile": 'FROM scratch\nCMD ["/x"]\n',
        "evil-1.dist-info/METADATA": METADATA,
        "evil-1.dist-info/entry_points.txt": ENTRY_POINT,
        "setup.py": f"open({str(mark)!r}, 'a').write('setup\\n')\n",
        "pyproject.toml": "[project]\nname = 'evil'\n",
        "evil.pth": f"import os; open({str(mark)!r}, 'a').write('pth')\n",
        "fargate/json/keep": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {mark}\n")
        (folder / name).chmod(0o755)
    (folder / "fargate/json/keep").unlink()
    (folder / "fargate/json").rmdir()
    yield folder
    run(folder, "compose2fargate", "sandbox", "stop")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {
        "PATH": f".:{BIN}::{os.environ['PATH']}:bin", "HOME": str(folder.parent), "NO_COLOR": "1",
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }  # fmt: skip
    program = str(BIN / command[0])  # a shell that has `.` on its PATH is lost before we begin
    return subprocess.run(
        [program, *command[1:]], cwd=folder, env={**plain, **environment}, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


LATE = (
    "annotated_doc",
    "boto3",
    "botocore",
    "click",
    "jinja2",
    "queue",
    "secrets",
    "yaml",
    "moto/__init__",
    "flask",
    "rich/__init__",
    "shellingham",
    "typer/__init__",
)


def leave_late_modules(project: Path) -> None:
    """Keep what is imported after our own first lines: what Python needs to get there, no program can look after."""
    for name in {*PACKAGE, *MODULES} - set(LATE):
        (project / f"{name}.py").unlink()


HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
COMMANDS = (
    ("convert",),
    ("check",),
    ("check", "--format", "github"),
    ("explain",),
    ("targets",),
    ("convert", "--help"),
    ("convert", "--target", "evil"),
    ("push", "--dry-run"),
    ("push", "--print"),
    *(tuple(hook["entry"].split()[1:]) for hook in HOOKS),
)


def unmarked(mark: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr, done.stderr
    assert "internal error" not in done.stderr, done.stderr
    assert not mark.exists(), mark.read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("path", [None, "", ":"])
def test_a_command_takes_nothing_from_the_project(
    command: tuple[str, ...], path: str | None, project: Path, mark: Path
) -> None:
    if path:  # an empty entry is the current directory, which Python looks in before any code of ours runs
        leave_late_modules(project)
    run(project, "compose2fargate", "convert", "-q", "-o", "fargate/json")
    done = run(project, "compose2fargate", *command, **({} if path is None else {"PYTHONPATH": path}))
    unmarked(mark, done)
    if "evil" in command:
        assert "C2F3" in done.stderr


def test_python_m_takes_nothing_but_the_package_itself(project: Path, mark: Path) -> None:
    unmarked(mark, run(project, "python", "-I", "-m", "compose2fargate", "convert"))
    leave_late_modules(project)
    for command in (("convert",), ("check",), ("targets",), ("convert", "-t", "terraform", "-o", "tf")):
        unmarked(mark, run(project, "python", "-m", "compose2fargate", *command))


def test_the_sandbox_takes_nothing_from_the_project(project: Path, mark: Path) -> None:
    done = run(project, "compose2fargate", "plan", "--sandbox", "--security-group", "sg-1", PYTHONPATH="")
    assert done.returncode == 0, done.stderr
    unmarked(mark, done)
    unmarked(mark, run(project, "compose2fargate", "sandbox", "status"))


def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


def test_the_steps_of_the_action_take_nothing_from_the_checkout(
    project: Path, mark: Path, tmp_path: Path
) -> None:
    run(project, "compose2fargate", "convert", "-q", "-o", "fargate/json")
    given = {name: str(spec["default"]) for name, spec in action()["inputs"].items()}
    source = tmp_path / "action"
    source.mkdir()
    for step in action()["runs"]["steps"]:
        if "run" not in step:
            continue
        text = step["run"].replace(
            "pip install", "pip install --dry-run --no-deps --no-build-isolation --no-index"
        )
        where = project if "working-directory" not in step else ROOT
        environment = {
            name: given.get(value.removeprefix("${{ inputs.").removesuffix(" }}"), str(ROOT))
            for name, value in step["env"].items()
        }
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=where,
            env={
                "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(project), "PYTHONSTARTUP": "click.py",
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output"), **environment,
            },
            capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        unmarked(mark, done)
    assert "in-sync=true" in (tmp_path / "output").read_text(), done.stderr


def test_python_is_started_isolated_wherever_we_start_it() -> None:
    for step in action()["runs"]["steps"]:
        for start in re.findall(r"\bpython\b.*", step.get("run", "")):
            assert start.startswith("python -I "), start
    for file in (ROOT / "compose2fargate").rglob("*.py"):
        for line in file.read_text("utf-8").splitlines():
            if "sys.executable" in line:
                assert '"-I"' in line, f"{file}: {line}"


PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "action.yml").read_text("utf-8"),
        *(file.read_text("utf-8") for file in sorted((ROOT / "docs").glob("*.md"))),
    ],
    ids=["action.yml", *(file.name for file in sorted((ROOT / "docs").glob("*.md")))],
)
def test_actions_of_others_are_pinned(text: str) -> None:
    for used in re.findall(r"uses: (.+)", text):
        assert PINNED.fullmatch(used) or used.startswith("OWNER/compose2fargate@"), used


def test_actions_in_the_workflows_that_we_write_are_pinned(project: Path) -> None:
    done = run(
        project, "compose2fargate", "push", "--print", "--target", "github", "--region", "eu-central-1"
    )
    used = re.findall(
        r"uses: (.+)", done.stdout or (project / ".github/workflows/compose2fargate.yml").read_text()
    )
    assert used
    assert all(map(PINNED.fullmatch, (*used, *(f"{name}@{commit}" for name, commit in _ACTIONS.items()))))


# -- programs


@pytest.mark.parametrize("path", [".", "", "bin:.", ":/nowhere", "./bin", "..", "/nowhere::"])
def test_programs_are_not_found_by_relative_places(
    path: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert find_program("docker", {"PATH": path}) is None
    assert all(map(os.path.isabs, filter(None, absolute_path(path).split(os.pathsep))))


def test_a_folder_that_looks_like_a_repository_runs_nothing(tmp_path: Path, mark: Path) -> None:
    outer = tmp_path / "checkout"
    bare = outer / "app"
    (bare / "objects").mkdir(parents=True)
    (bare / "refs").mkdir()
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "config").write_text(
        f'[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = {bare}\n\tfsmonitor = "touch {mark}; false"\n'
    )
    (bare / "index.txt").write_text("x")
    commit_tag(str(bare), [str(bare)], "0" * 64)
    assert not mark.exists()


def test_the_server_of_the_sandbox_has_no_credentials_of_ours(project: Path) -> None:
    if not Path("/proc").exists():
        pytest.skip("looks at /proc")
    run(
        project,
        "compose2fargate",
        "sandbox",
        "env",
        AWS_SECRET_ACCESS_KEY="canary",
        AWS_PROFILE="canary",
        OTHER="canary",
    )
    (file,) = (project.parent / "cache" / "compose2fargate" / "sandbox").glob("*.json")
    pid = json.loads(file.read_text())["pid"]
    assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert Path(f"/proc/{pid}/cwd").resolve() != project.resolve()


def test_a_program_that_the_aws_configuration_names_is_not_the_projects(
    project: Path, mark: Path, tmp_path: Path
) -> None:
    """boto3 runs `credential_process`, and looks for a bare name on the PATH of the process."""
    (project / "helper").write_text(f"#!/bin/sh\necho helper >> {mark}\necho '{{}}'\n")
    (project / "helper").chmod(0o755)
    configuration = tmp_path / "configuration"
    configuration.write_text("[default]\nregion = eu-central-1\ncredential_process = helper\n")
    given = {"AWS_CONFIG_FILE": str(configuration), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    for path in (".", "", "./", ".."):
        done = subprocess.run(
            [BIN / "compose2fargate", "plan"],
            cwd=project,
            env={
                "PATH": f"{path}:/usr/bin:/bin",
                "HOME": str(tmp_path),
                "AWS_EC2_METADATA_DISABLED": "true",
                **given,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "error C2F400" in done.stderr
        assert not mark.exists()


def test_libraries_find_no_program_in_the_current_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK of Docker looks for credential helpers on the PATH of the process."""
    from compose2fargate.rehearsal.engine import EngineError, connect_engine

    docker = pytest.importorskip("docker")

    def refuse(**_: Any) -> None:
        raise OSError

    monkeypatch.setattr(docker, "APIClient", refuse)
    monkeypatch.setenv("PATH", ".:/nowhere:")
    monkeypatch.chdir(project)
    with pytest.raises(EngineError):
        connect_engine({})
    assert os.environ["PATH"] == "/nowhere"
