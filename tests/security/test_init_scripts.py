"""Scripts of containers that prepare volumes: a path of the project is a word of them and no code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compose2fargate.mapping.storage.volume_preparation import _copied
from tests.security.hostile import MARK, TEXTS


@pytest.mark.parametrize("text", [text for text in TEXTS if "\0" not in text], ids=repr)
def test_a_seeded_folder_is_copied_whatever_its_name(text: str, tmp_path: Path) -> None:
    source, target = tmp_path / "image" / text.lstrip("/"), tmp_path / "volume"
    source.mkdir(parents=True)
    target.mkdir()
    (source / "file").write_text("content")
    script = _copied(str(source), str(target))
    subprocess.run(["/bin/sh", "-ec", script], cwd=target, check=True, timeout=20)
    assert (target / "file").read_text() == "content"
    assert not list(tmp_path.rglob(MARK))
