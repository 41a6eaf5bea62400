"""The lock file: the same bytes for the same images, and nothing but ours is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compose2fargate.aws.image_build import PushedImage
from compose2fargate.diagnostics import EmitError, LoadError
from compose2fargate.images.lock_file import lock_text, read_lock, write_lock
from tests.conftest import ROOT
from tests.test_imports import HEAVY

ONE = PushedImage("shop/web", "1", "sha256:" + "a" * 64, "linux/amd64", "sha256:" + "b" * 64)
OTHER = ONE._replace(repository="shop/api", content="")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = str(tmp_path / "compose2fargate.lock")
    assert read_lock(file) == {}
    assert write_lock(file, {"web": ONE, "api": OTHER})
    assert read_lock(file) == {"api": OTHER, "web": ONE}
    assert not write_lock(file, {"web": ONE, "api": OTHER})
    assert os.listdir(tmp_path) == ["compose2fargate.lock"]


def test_the_order_of_the_images_does_not_matter() -> None:
    assert lock_text({"a": ONE, "b": OTHER}) == lock_text({"b": OTHER, "a": ONE})
    assert lock_text({"a": ONE}).endswith("}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not JSON"),
        ("[]", "not a lock file of format 1"),
        ('{"format": 2, "images": {}}', "not a lock file of format 1"),
        ('{"format": 1}', "not a lock file of format 1"),
        ('{"format": 1, "images": {"web": {}}}', "the entry of web does not have the members"),
        (json.dumps({"format": 1, "images": {"web": {**ONE._asdict(), "tag": 1}}}), "the entry of web"),
        (json.dumps({"format": 1, "images": {"web": {**ONE._asdict(), "digest": "sha256:x"}}}), "a digest"),
        (json.dumps({"format": 1, "images": {"web": {**ONE._asdict(), "platform": "vax"}}}), "'vax'"),
    ],
)
def test_a_damaged_file_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text(text)
    with pytest.raises(LoadError, match=reason) as caught:
        read_lock(str(tmp_path / "x.lock"))
    assert caught.value.diagnostics[0].code == "C2F444"


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "compose2fargate.lock"
    write_lock(str(file), {"web": ONE})
    before = file.read_bytes()
    (tmp_path / "compose2fargate.lock.new").mkdir()  # stands in the way, as a full disk would
    with pytest.raises(EmitError, match="cannot be written"):
        write_lock(str(file), {"web": OTHER})
    assert file.read_bytes() == before


def test_converting_with_a_lock_file_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {build: .}}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    write_lock(str(tmp_path / "compose2fargate.lock"), {"web": ONE})
    program = (
        "import sys\n"
        "from compose2fargate.__main__ import run\n"
        "status = run(['convert', '-o', '-'])\n"
        "print(status, *sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    status, *modules = done.stdout.splitlines()[-1].split()
    assert status == "0"
    assert "C2F445" in done.stderr
    heavy = {*HEAVY, "concurrent.futures"}
    assert heavy & set(modules) == set()
