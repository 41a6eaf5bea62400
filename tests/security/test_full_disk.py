"""A disk that fills leaves what was there, and no empty or half a file."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose2fargate.apply.deployment.planner import Plan, PlanOptions
from compose2fargate.apply.deployment.stack_deployment import DeploymentTarget, SavedPlan, save_plan
from compose2fargate.aws.image_build import PushedImage
from compose2fargate.diagnostics import InputError
from compose2fargate.disk.folder import replace_file
from compose2fargate.disk.reading import UnsafeFileError, read_json
from compose2fargate.images.lock_file import write_lock
from compose2fargate.workflows.output_folder import MANIFEST, manifest_text, write

LARGE = "x" * 64 * 1024
LIMIT = 16 * 1024


def put_file(folder: Path) -> None:
    replace_file(str(folder / "file.txt"), LARGE.encode())


def put_lock(folder: Path) -> None:
    digest = f"sha256:{'0' * 64}"
    lock = {f"service-{n}": PushedImage("repo", "tag", digest, "linux/amd64", digest) for n in range(300)}
    write_lock(str(folder / "file.txt"), lock)


def put_plan(folder: Path) -> None:
    planned = Plan((), {}, "1", "eu-central-1", "")
    saved = SavedPlan({"large": LARGE}, {}, PlanOptions(), DeploymentTarget(), "", {})
    save_plan(str(folder / "file.txt"), planned, saved)


def put_folder(folder: Path) -> None:
    named = {"file.txt": LARGE}
    write({**named, MANIFEST: manifest_text({"tool": "compose2fargate"}, named)}, str(folder / "out"))


WRITERS: list[Callable[[Path], None]] = [put_file, put_lock, put_plan, put_folder]


@pytest.fixture
def limited() -> Iterator[None]:
    """Let files grow to 16 KiB only: writing more fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("put", WRITERS)
@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_that_does_not_fit_is_not_begun(
    put: Callable[[Path], None], old: str | None, tmp_path: Path, limited: None
) -> None:
    if old:
        (tmp_path / "file.txt").write_text(old)
    with pytest.raises((InputError, OSError)):
        put(tmp_path)
    files = {p.name: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == ({"file.txt": old} if old else {})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("put", WRITERS)
def test_a_disk_that_is_full_keeps_what_was_there(put: Callable[[Path], None], small_disk: Path) -> None:
    (small_disk / "kept.txt").write_text("kept")
    with pytest.raises((InputError, OSError)):
        put(small_disk)
    assert {p.name for p in small_disk.rglob("*") if p.is_file()} == {"kept.txt"}


# -- single files --------------------------------------------------------------------------------------------


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("old")
    file.chmod(0o600)
    replace_file(str(file), b"new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


@pytest.mark.parametrize("at", ["file.txt", "file.txt.new"])
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_what_is_no_file_is_not_replaced(at: str, kind: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    folder = tmp_path / "folder"
    folder.mkdir()
    trap = folder / at
    if kind == "link":
        trap.symlink_to("../victim")
    elif kind == "dangling":
        trap.symlink_to("../made")
    elif kind == "pipe":
        os.mkfifo(trap)
    else:
        trap.mkdir()
    before = trap.lstat()
    with pytest.raises(UnsafeFileError, match="it is a "):
        replace_file(str(folder / "file.txt"), b"new")
    assert victim.read_text() == "keep me"
    assert not (tmp_path / "made").exists()
    assert [p.name for p in folder.iterdir()] == [at]
    assert (trap.lstat().st_ino, trap.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_a_hard_link_is_parted_from_and_not_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    for name in ("file.txt", "file.txt.new"):
        (tmp_path / name).hardlink_to(victim)
    replace_file(str(tmp_path / "file.txt"), b"new")
    assert (victim.read_text(), (tmp_path / "file.txt").read_text()) == ("keep me", "new")


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file.txt.new").write_text("half")
    replace_file(str(tmp_path / "file.txt"), b"new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"file.txt": "new"}


def test_deep_json_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="deep"):
        read_json(str(tmp_path / "deep.json"))


# -- streams that the user names -----------------------------------------------------------------------------

PROGRAM = f"{sys.executable} -I -m compose2fargate"


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        "{} -f /dev/stdin config < compose.yaml",
        "cat compose.yaml | {} -f /dev/stdin config",
        "cat compose.yaml | {} -f - config",
        "{} -f <(cat compose.yaml) config",
        "{} --env-file <(echo TAG=7) config",
        "COMPOSE_FILE=<(cat compose.yaml) {} config",
        "{} config -o /dev/stdout",
        "{} config -o >(cat) ; sleep 0.5",
        "{} -f <(cat compose.yaml) convert -o out && cat out/task-definitions/web.json",
        "cat compose.yaml | {} -f /dev/stdin convert -o out && cat out/task-definitions/web.json",
    ],
)
def test_a_stream_that_the_user_names_is_read(command: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {image: 'nginx:${TAG:-7}'}}\n")
    done = shell(command.format(PROGRAM), tmp_path)
    assert "nginx:7" in done.stdout, done.stderr


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_stream_that_the_project_names_is_not_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"name: shop\nservices: {{web: {{image: nginx, env_file: '{name}'}}}}\n"
    )
    with subprocess.Popen(
        [*PROGRAM.split(), "config"], cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        said = running.stderr.read()  # while nobody closes its stdin
        assert running.wait(timeout=30) == 2
    assert "not a regular file" in said
