"""The tag that an image gets without being asked for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.images.image_tags import commit_tag
from compose2fargate.text.image_reference import is_image_tag
from tests.images.conftest import commit

CONTENT = "sha256:0123456789abcdef" + "0" * 48


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "app").write_text("1")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    return tmp_path


def tag(folder: Path, *paths: str) -> str:
    return commit_tag(str(folder), [str(folder / path) for path in paths or ("web",)], CONTENT)


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    made = commit(repository)
    assert tag(repository) == made
    assert len(made) == 12


def test_a_change_marks_the_tag(repository: Path) -> None:
    made = commit(repository)
    (repository / "web" / "app").write_text("2")
    assert tag(repository) == f"{made}-dirty-01234567"


def test_a_new_file_marks_the_tag(repository: Path) -> None:
    made = commit(repository)
    (repository / "web" / "new").write_text("")
    assert tag(repository) == f"{made}-dirty-01234567"


def test_a_change_elsewhere_does_not_mark_it(repository: Path) -> None:
    made = commit(repository)
    (repository / "README").write_text("")
    (repository / "web" / "x.pyc").write_text("")
    assert tag(repository) == made


def test_our_own_files_do_not_mark_it(repository: Path) -> None:
    made = commit(repository)
    (repository / "compose2fargate.lock").write_text("{}")
    (repository / "out" / "services").mkdir(parents=True)
    (repository / "out" / "compose2fargate.json").write_text("{}")
    (repository / "out" / "services" / "web.json").write_text("{}")
    assert tag(repository, ".") == made


def test_what_lies_outside_the_repository_marks_it(repository: Path) -> None:
    made = commit(repository)
    assert tag(repository, "web", "/etc") == f"{made}-dirty-01234567"


def test_without_git_it_is_the_content(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tag(repository) == "content-0123456789ab"
    commit(repository)
    monkeypatch.setenv("PATH", "/nowhere")
    assert tag(repository) == "content-0123456789ab"
    assert commit_tag(str(repository), [], "") == ""


@pytest.mark.parametrize("text", ["latest", "1.2.3", "v1_2-3", "_x", "a" * 128])
def test_legal_tags(text: str) -> None:
    assert is_image_tag(text)


@pytest.mark.parametrize("text", ["", ".x", "-x", "a/b", "a:b", "ü", "a" * 129, "a\n"])
def test_illegal_tags(text: str) -> None:
    assert not is_image_tag(text)
