"""Writing a folder: all or nothing, and never over what is somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from compose2fargate.diagnostics import EmitError
from compose2fargate.workflows.output_folder import MANIFEST, manifest_text, write


def artifacts(**files: str) -> dict[str, str]:
    named = {name.replace("__", "/") + ".json": text for name, text in files.items()}
    return {**named, MANIFEST: manifest_text({"tool": "compose2fargate"}, named)}


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def tree(folder: Path) -> set[str]:
    """Everything in a folder, its folders too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "out"


def test_files_are_written_and_the_manifest_lists_them(folder: Path) -> None:
    made = artifacts(tasks__web="{}\n", tasks__api="[]\n")
    assert write(made, str(folder)) == sorted(made)
    assert content(folder) == made
    assert sorted(json.loads(made[MANIFEST])["files"]) == ["tasks/api.json", "tasks/web.json"]


def test_writing_again_changes_nothing_and_removes_what_is_gone(folder: Path) -> None:
    write(artifacts(a="1", b="2"), str(folder))
    assert write(artifacts(a="1", b="2"), str(folder)) == []
    assert write(artifacts(a="1"), str(folder)) == ["b.json", MANIFEST]
    assert content(folder) == artifacts(a="1")


def test_a_folder_with_other_files_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(EmitError, match="did not write"):
        write(artifacts(a="1"), str(folder))
    assert content(folder) == {"notes.txt": "mine"}
    write(artifacts(a="1"), str(folder), force=True)
    assert content(folder) == {"notes.txt": "mine", **artifacts(a="1")}


def test_a_file_beside_ours_is_left_alone(folder: Path) -> None:
    write(artifacts(a="1"), str(folder))
    (folder / "README.md").write_text("mine")
    write(artifacts(a="2"), str(folder))
    assert content(folder) == {"README.md": "mine", **artifacts(a="2")}


def test_a_file_edited_by_hand_is_not_replaced(folder: Path) -> None:
    write(artifacts(a="1", b="1"), str(folder))
    (folder / "a.json").write_text("edited")
    (folder / "b.json").write_text("edited too")
    before = content(folder)
    with pytest.raises(EmitError) as refused:
        write(artifacts(a="2"), str(folder))
    assert [d.message for d in refused.value.diagnostics] == [
        f"{folder}/a.json was edited by hand since it was written",
        f"{folder}/b.json was edited by hand since it was written",
    ]
    assert content(folder) == before
    write(artifacts(a="2"), str(folder), force=True)
    assert content(folder)["a.json"] == "2"


def test_a_file_of_someone_else_in_our_way_is_not_replaced(folder: Path) -> None:
    write(artifacts(a="1"), str(folder))
    (folder / "b.json").write_text("mine")
    with pytest.raises(EmitError, match=r"b\.json was not written by compose2fargate"):
        write(artifacts(a="1", b="2"), str(folder))


def test_a_damaged_manifest_is_refused(folder: Path) -> None:
    write(artifacts(a="1"), str(folder))
    (folder / MANIFEST).write_text('{"files": [')
    with pytest.raises(EmitError, match="damaged"):
        write(artifacts(a="2"), str(folder))
    assert content(folder)["a.json"] == "1"


def test_a_manifest_cannot_name_files_outside_its_folder(folder: Path) -> None:
    write(artifacts(a="1"), str(folder))
    victim = folder.parent / "victim"
    victim.write_text("keep me")
    described = json.loads((folder / MANIFEST).read_text())
    described["files"]["../victim"] = "0"
    (folder / MANIFEST).write_text(json.dumps(described))
    write(artifacts(a="1"), str(folder))
    assert victim.read_text() == "keep me"


@pytest.mark.parametrize("old", [artifacts(a="1", b="1", c="1"), artifacts(a="1", tasks__b="1"), {}])
@pytest.mark.parametrize("failing", range(12))
def test_a_write_that_fails_half_way_leaves_the_old_files(
    failing: int, old: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = folder.with_name("undisturbed")
    new = artifacts(a="2", b="2", d="2", tasks__web="2", deep__er__e="2", deep__er__f="2")
    for made in (old, new) if old else (new,):
        write(made, str(undisturbed))
    if old:
        write(old, str(folder))
    before = tree(folder)
    real, calls = os.replace, iter(range(100))

    def replace(source: str, target: str, **folders: int) -> None:
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        real(source, target, **folders)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        try:
            write(new, str(folder))
        except EmitError as error:
            assert "No space left" in error.diagnostics[0].message  # noqa: PT017 - later calls do not fail
            assert (content(folder), tree(folder)) == (old, before)
        else:
            assert content(folder) == new
    write(new, str(folder))
    assert content(folder) == new
    assert tree(folder) == tree(undisturbed)


@pytest.mark.parametrize("removed", range(5))
def test_a_run_that_died_when_all_new_files_stood_is_not_undone(
    removed: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(artifacts(a="1", tasks__b="1", services__c="1"), str(folder))
    new = artifacts(a="2", tasks__b="2", services__c="2", d="2")
    real, calls = os.remove, iter(range(100))

    def remove(path: str, **folder: int) -> None:
        if next(calls) > removed:
            raise KeyboardInterrupt
        real(path, **folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, "remove", remove)
        if removed < 4:
            with pytest.raises(KeyboardInterrupt):
                write(new, str(folder))
        else:
            write(new, str(folder))
    assert write(new, str(folder)) == []
    assert content(folder) == new
    assert write(artifacts(a="3"), str(folder)) == [
        "a.json", MANIFEST, "d.json", "services/c.json", "tasks/b.json"
    ]  # fmt: skip
    assert content(folder) == artifacts(a="3")


def test_a_run_that_died_is_undone_by_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = artifacts(a="1", b="1")
    write(old, str(folder))
    with monkeypatch.context() as patch:
        patch.setattr("compose2fargate.workflows.output_folder._undo", lambda _folder: None)
        real, calls = os.replace, iter(range(100))

        def replace(source: str, target: str, **folders: int) -> None:
            if next(calls) == 4:
                raise KeyboardInterrupt
            real(source, target, **folders)

        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            write(artifacts(a="2", b="2"), str(folder))
    assert content(folder) != old
    write(old, str(folder))
    assert content(folder) == old


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(EmitError, match="cannot write"):
        write(artifacts(a="1"), str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "a file"
