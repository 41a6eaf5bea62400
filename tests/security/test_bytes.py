"""Bytes that are not UTF-8: refused at their place by what translates, printed as they are by `config`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.differential.oracle import RELEASE

BYTE = b"caf\xe9"
PLACES: dict[str, tuple[dict[str, bytes], str]] = {
    "env_file": ({"compose.yaml": b"services: {web: {image: nginx, env_file: a.env}}\n", "a.env": b"B=1\nA=" + BYTE + b"\n"}, "a.env:2"),
    "quoted": ({"compose.yaml": b"services: {web: {image: nginx, env_file: a.env}}\n", "a.env": b'A="x\n' + BYTE + b'"\n'}, "a.env:1"),
    "label_file": ({"compose.yaml": b"services: {web: {image: nginx, label_file: a.env}}\n", "a.env": b"A=" + BYTE}, "a.env:1"),
    ".env": ({"compose.yaml": b"services: {web: {image: nginx, command: '${P}'}}\n", ".env": b"P=" + BYTE}, "compose.yaml:1"),
    "variable": ({"compose.yaml": b"services: {web: {image: nginx, labels: {a: '$Z'}}}\n"}, "compose.yaml:1"),
    "taken over": ({"compose.yaml": b"services: {web: {image: nginx, environment: [Z]}}\n"}, "compose.yaml:1"),
    "build argument": (
        {"compose.yaml": b"services: {web: {build: {context: ., args: [Z]}}}\n", "Dockerfile": b"FROM scratch\n"}, "compose.yaml:1"),
    "config": ({"compose.yaml": b"services: {web: {image: nginx, configs: [c]}}\nconfigs: {c: {environment: Z}}\n"}, "compose.yaml:2"),
    "secret": ({"compose.yaml": b"services: {web: {image: nginx, secrets: [c]}}\nsecrets: {c: {environment: Z}}\n"}, "compose.yaml:2"),
    "tag": ({"compose.yaml": b"services: {web: {image: nginx, user: !!binary 6Q==}}\n"}, "compose.yaml:1"),
    "extension": ({"compose.yaml": b"services: {web: {image: nginx, x-fargate: {task_role: '$Z'}}}\n"}, "compose.yaml:1"),
    "beside a date": ({"compose.yaml": b"services: {web: {image: nginx, environment: [Z]}}\nx-since: 2020-01-01\n"}, "compose.yaml:1"),
}  # fmt: skip


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment: dict[bytes, bytes] = {
        b"PATH": os.environb[b"PATH"], b"HOME": os.fsencode(folder), b"NO_COLOR": b"1", b"Z": b"z\xe9",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-I", "-m", "compose2fargate", *arguments], cwd=folder, env=environment, capture_output=True, timeout=60,
    )  # fmt: skip


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "command", [("convert", "-t", "json"), ("convert", "-t", "terraform"), ("explain",), ("push", "--print")]
)
def test_what_translates_refuses_it_at_its_place(
    place: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    files, where = PLACES[place]
    put(tmp_path, files)
    done = run(tmp_path, *command)
    assert done.returncode == 2, done.stderr
    assert b"C2F126" in done.stderr
    assert where.encode() in done.stderr
    assert not (tmp_path / "fargate").exists()


def test_a_date_is_converted_like_other_values_that_nobody_reads(tmp_path: Path) -> None:
    put(tmp_path, {"compose.yaml": b"services: {web: {image: nginx, x-since: 2020-01-01}}\n"})
    done = run(tmp_path, "convert")
    assert done.returncode == 0, done.stderr
    assert run(tmp_path, "check").returncode == 0


def test_check_refuses_it(tmp_path: Path) -> None:
    files, where = PLACES["env_file"]
    put(tmp_path, {**files, "a.env": b"A=1\n"})
    assert run(tmp_path, "convert").returncode == 0
    put(tmp_path, files)
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert where.encode() in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["cluster", "tags", "lock"])
def test_a_setting_is_refused(name: str, tmp_path: Path) -> None:
    put(tmp_path, {"compose.yaml": b"services: {web: {image: nginx}}\n"})
    environment = {**os.environb, f"COMPOSE2FARGATE_{name.upper()}".encode(): b"a=\xe9"}
    command = [sys.executable, "-I", "-m", "compose2fargate", "convert"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert (done.returncode, b"C2F195" in done.stderr) == (2, True), done.stderr


def test_config_prints_the_bytes_as_docker_compose_does(tmp_path: Path) -> None:
    put(tmp_path, PLACES["env_file"][0])
    assert b"A: !!binary Y2Fm6Q==\n" in run(tmp_path, "config").stdout
    assert b'"A": "caf\\ufffd"' in run(tmp_path, "config", "--format", "json").stdout
    (tmp_path / "a.env").write_bytes(b"A=" + b"x" * 80 + b"\xe9\n")
    assert b"A: !!binary |\n        eHh4" in run(tmp_path, "config").stdout
    assert b"Z=z\xe9\n" in run(tmp_path, "config", "--environment").stdout


@pytest.mark.skipif("COMPOSE_ORACLE" not in os.environ, reason="needs a docker-compose binary")
@pytest.mark.parametrize(
    "place", ["env_file", "quoted", "label_file", ".env", "variable", "taken over", "build argument", "tag"]
)
@pytest.mark.parametrize("command", [("config",), ("config", "--format", "json"), ("config", "--hash", "*")])
def test_config_is_that_of_docker_compose(place: str, command: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path, PLACES[place][0])
    environment = {b"PATH": os.environb[b"PATH"], b"HOME": os.fsencode(tmp_path), b"Z": b"z\xe9"}
    theirs = subprocess.run(
        [os.environ["COMPOSE_ORACLE"], *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert run(tmp_path, "--compose-version", RELEASE, *command).stdout == theirs.stdout


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"B=1\nA=" + BYTE + b"\n", b"r.env:2:6"),
        (b"# " + BYTE + b"\n", b"C2F102"),
        (b"A=" + b"x" * 65534, b"65535 are the most"),
        (b"A=" + b"x" * 65533 + b"\n", b""),
        (b"A=caf\xc3\xa9\n", b""),
    ],
)
def test_a_raw_file_is_refused_where_docker_compose_does(data: bytes, says: bytes, tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "compose.yaml": b"services: {web: {image: nginx, env_file: [{path: r.env, format: raw}]}}\n",
            "r.env": data,
        },
    )
    done = run(tmp_path, "config", "-q")
    assert (done.returncode, says in done.stderr) == (2 if says else 0, True), done.stderr[-300:]


@pytest.mark.parametrize(("key", "offered"), [("env_file", True), ("label_file", False)])
def test_a_missing_file_can_be_optional_where_there_is_a_way_to_say_so(
    key: str, offered: bool, tmp_path: Path
) -> None:
    put(tmp_path, {"compose.yaml": f"services: {{web: {{image: nginx, {key}: no.env}}}}\n".encode()})
    done = run(tmp_path, "config")
    assert b"C2F164" in done.stderr
    assert (b"required: false" in done.stderr) is offered
