"""Repositories that `--allow-remote` fetches from, made to harm: what is in them is read, within limits, and does nothing."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from compose2fargate.compose.sources import git_fetch
from compose2fargate.compose.sources.remote_files import FOLDER, PROTOCOLS_VARIABLE
from compose2fargate.disk.folder import is_plain
from tests.conftest import Program, Result

ASKED = {PROTOCOLS_VARIABLE: "file"}
SERVICE = "services: {web: {image: web}}"


class Objects:
    """A repository of which every object is made by hand: a tree may hold what `git add` refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--bare")

    def git(self, *words: str, given: bytes = b"") -> str:
        made = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x", *words],
            cwd=self.folder,
            input=given,
            check=True,
            capture_output=True,
        )
        return made.stdout.decode().strip()

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=content)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        kinds = {"04": "tree", "16": "commit"}
        lines = [f"{mode} {kinds.get(mode[:2], 'blob')} {held}\t{name}\0" for mode, held, name in entries]
        return self.git("mktree", "-z", "--missing", given="".join(lines).encode())

    def commit(self, tree: str) -> None:
        self.git("update-ref", "refs/heads/main", self.git("commit-tree", tree, "-m", "x"))


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


def fetched(program: Program, objects: Objects, folder: Path) -> Result:
    folder.mkdir()
    (folder / "compose.yaml").write_text(f"include: ['file://{objects.folder}#main:compose.yaml']")
    return program("config", "--allow-remote", cwd=folder, env=ASKED)


def test_a_repository_of_some_bytes_may_list_thousands_of_millions_of_files(
    program: Program, objects: Objects, tmp_path: Path
) -> None:
    tree = objects.tree(("100644", objects.blob(SERVICE.encode()), "compose.yaml"))
    for _ in range(9):
        tree = objects.tree(*(("040000", tree, f"d{number}") for number in range(10)))
    objects.commit(tree)
    started = time.monotonic()
    done = fetched(program, objects, tmp_path / "project")
    assert (done.status, "it is too much, or damaged" in done.err) == (2, True)
    assert time.monotonic() - started < 60
    assert not (tmp_path / "project" / FOLDER).exists()


def test_git_does_not_fill_the_disk(
    program: Program, objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_fetch, "_LARGEST", 100_000)
    objects.commit(objects.tree(("100644", objects.blob(os.urandom(1_000_000)), "compose.yaml")))
    with pytest.raises(git_fetch.GitError, match="it is too much"):
        git_fetch.fetch_tree(f"file://{objects.folder}", "main", ("file",), {"PATH": os.environ["PATH"]})


@pytest.mark.parametrize("name", [".git", ".GIT", ".g\u200cit", "GIT~1", ".git ", ".git.", ".git\ufeff"])
def test_nothing_is_written_that_a_file_system_takes_for_a_repository(name: str) -> None:
    assert not is_plain(f"a/{name}/config")


def test_links_submodules_and_files_of_gits_own_are_passed_over(
    program: Program, objects: Objects, tmp_path: Path
) -> None:
    compose, hostile = objects.blob(SERVICE.encode()), objects.blob(b"/etc")
    objects.commit(
        objects.tree(
            ("100644", compose, "compose.yaml"),
            ("120000", hostile, "link"),
            ("120000", objects.blob(b"../../../compose.yaml"), ".env"),
            ("160000", "1" * 40, "module"),
            ("100644", objects.blob(b"* filter=x"), ".gitattributes"),
            ("100644", objects.blob(b"* filter=x"), ".GitAttributes"),
            ("100755", objects.blob(b"[submodule]"), ".gitmodules"),
        )
    )
    assert fetched(program, objects, tmp_path / "project").status == 0
    (commit,) = (path for path in (tmp_path / "project" / FOLDER).iterdir() if path.is_dir())
    assert [path.name for path in commit.iterdir()] == ["compose.yaml"]
