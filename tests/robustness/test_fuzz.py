"""Damaged compose files: whatever the bytes are, only located errors come out, and soon.

The explicit examples were found by a coverage-guided fuzzer on the same function.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compose2fargate.compose.listings import list_hashes, list_variables
from compose2fargate.compose.loader import LoadOptions, load_project
from compose2fargate.compose.project_binding import bind_project
from compose2fargate.compose.yaml.yaml_output import to_json, to_yaml
from compose2fargate.diagnostics import LoadError
from tests.conftest import ROOT

NAMES = ("compose.yaml", "compose.override.yaml", ".env", "other.yaml", "a.env")
ENVIRONMENT = {"HOME": "/home/user", "SET": "set-value", "EMPTY": ""}
LONGEST = 2.0
"""Seconds of processor time."""

SOURCES = sorted(
    file.read_bytes()
    for folder in (ROOT / "fixtures", ROOT / "tests" / "compose" / "cases")
    for file in folder.rglob("*.yaml")
    if "expected" not in file.parts and file.stat().st_size < 4000
)
TOKENS = (
    b"${", b"}", b":-", b"$$", b"!reset ", b"!override ", b"&a ", b"*a", b"<<: *a\n", b"- ", b": ", b"\n", b"  ", b"x-",
    b"{", b"[", b"]", b",", b"'", b'"', b"|-\n", b"? ", b"#", b"\t", b"\xff", b"\x00", b"\xef\xbb\xbf", b"\xe2\x80\xa8",
    b"null", b"~", b"0", b"-1", b".inf", b".nan", b"1e999", b"!!binary ", b"\n---\n", b"%YAML 1.2\n", b"\r\n",
    b"include: [other.yaml]\n", b"extends: web", b"env_file: a.env", b"\xf0\x9f\x98\x80",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of this repository with a few cuts, repetitions and insertions."""
    data = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        kind = draw(st.integers(0, 3))
        new = draw(st.sampled_from(TOKENS)) if kind else draw(st.binary(max_size=4))
        data = data[:start] + (data[start:end] * 2 if kind == 3 else new) + data[end:]
    return data


def read(files: dict[str, bytes]) -> None:
    """Load the files with and without interpolation, and print what they are."""
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        for interpolated in (True, False):
            options = LoadOptions(environment=ENVIRONMENT, cwd=folder, interpolate=interpolated)
            with suppress(LoadError):
                loaded = load_project(options)
                to_yaml(loaded.tree, raw=not interpolated)
                to_json(loaded.tree, raw=not interpolated)
                list_variables(loaded)
                if interpolated:
                    bind_project(loaded.name, loaded.working_dir, loaded.tree, loaded.marks)
                    list_hashes(loaded, "*")


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@example([b"services: {a: {image: x, pids_limit: -.inf}}"])
@example([b"services: {a: {build: ., depends_on: [b]}}", b"services: {a: {depends_on: b, build: 3}}"])
@example([b"services: {a: {image: x, ports: [{target: -0}]}}"])
@given(st.lists(damaged(), min_size=1, max_size=len(NAMES)))
def test_damaged_files_are_refused_or_read(contents: list[bytes]) -> None:
    started = time.process_time()
    read(dict(zip(NAMES, contents, strict=False)))
    assert time.process_time() - started < LONGEST
