"""The program as a process: interrupts, closed pipes, strange surroundings."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.measured import PROGRAM, plain_environment

COMPOSE = "name: shop\nservices: {web: {image: nginx}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def test_an_interrupt_exits_with_130_and_without_a_traceback(project: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "-f", "-", "convert", "-o", "out"],
        cwd=project,
        env=plain_environment(project),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    # More than a pipe holds: once it is written, the program is known to be reading.
    process.stdin.write(b"# filler\n" * 100_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert out == b""
    assert not (project / "out").exists()


@pytest.mark.parametrize(
    "command", [["convert", "-o", "-"], ["config"], ["explain"], ["targets"], ["--help"]]
)
def test_a_closed_stdout_is_quiet(command: list[str], project: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *command],
        cwd=project,
        env=plain_environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()  # like `| head -c 0`
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 0, err
    assert b"Broken pipe" not in err
    assert b"BrokenPipe" not in err
    assert b"Traceback" not in err


def test_a_closed_stderr_does_not_stop_the_files(project: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{PROGRAM[0]} -m compose2fargate convert -o out 2>&-"],
        cwd=project,
        env=plain_environment(project),
        stdout=subprocess.PIPE,
        timeout=30,
    )
    assert done.returncode == 0
    assert (project / "out" / "compose2fargate.json").is_file()


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}]
)
def test_the_locale_does_not_matter(variables: dict[str, str], project: Path) -> None:
    (project / "compose.yaml").write_text(
        "name: shop\nservices: {web: {image: nginx, labels: {city: Zürich}, cpuset: '0'}}\n", encoding="utf-8"
    )
    done = subprocess.run(
        [*PROGRAM, "convert", "-o", "-"],
        cwd=project,
        env=plain_environment(project, variables),
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "Zürich" in done.stdout.decode("utf-8")
    assert b"Traceback" not in done.stderr


def test_variables_that_are_not_text_do_no_harm(project: Path) -> None:
    (project / "compose.yaml").write_text("name: shop\nservices: {web: {image: nginx, environment: [ODD]}}\n")
    done = subprocess.run(
        [*PROGRAM, "convert", "-o", "out"],
        cwd=project,
        env={**{k.encode(): v.encode() for k, v in plain_environment(project).items()}, b"ODD": b"\xff\xfe"},
        capture_output=True,
        timeout=30,
    )
    assert done.returncode in (0, 2), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"internal error" not in done.stderr


def test_a_current_directory_that_is_gone_does_no_harm(project: Path) -> None:
    gone = project / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", f"rmdir '{gone}'; {PROGRAM[0]} -m compose2fargate convert"],
        cwd=gone,
        env=plain_environment(project),
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
