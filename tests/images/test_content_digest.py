"""What makes two images the same, and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.image_build import BuildSecret, ContextFile, ImageBuild
from compose2fargate.diagnostics import LoadError
from compose2fargate.images.content_digest import ContentReader, ImageContent


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "src" / "app.py").write_text("print()\n")
    (folder / "link").symlink_to("src/app.py")
    return folder


def image(where: Path | str | None, **changes: Any) -> ImageBuild:
    context = str(where) if where is not None else None
    return ImageBuild("web", "shop/web", "1", "linux/amd64", context)._replace(**changes)


def content(build: ImageBuild, **bases: str) -> ImageContent:
    return ContentReader().content(build, bases)


def digest(build: ImageBuild, **bases: str) -> str:
    return content(build, **bases).digest


def put(file: Path, text: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(text)


def link(file: Path, target: str) -> None:
    file.unlink()
    file.symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda c: (c / "src" / "app.py").write_text("print(1)\n"),
    "a new file": lambda c: (c / "new").write_text(""),
    "a file less": lambda c: (c / "src" / "app.py").unlink(),
    "a new name": lambda c: (c / "src" / "app.py").rename(c / "src" / "main.py"),
    "executable": lambda c: (c / "src" / "app.py").chmod(0o755),
    "another target of a link": lambda c: link(c / "link", "src"),
    "a file in place of a link": lambda c: put(c / "link", "print()\n"),
    "the Dockerfile": lambda c: (c / "Dockerfile").write_text("FROM scratch\nUSER 1\n"),
    "an ignore file": lambda c: (c / ".dockerignore").write_text("src\n"),
}
NO_CHANGES: dict[str, Callable[[Path], object]] = {
    "times": lambda c: os.utime(c / "src" / "app.py", (1, 1)),
    "other permissions": lambda c: (c / "src" / "app.py").chmod(0o600),
    "an empty folder": lambda c: (c / "empty").mkdir(),
    "the git folder": lambda c: put(c / ".git" / "HEAD", "x"),
    "our lock file": lambda c: (c / "compose2fargate.lock").write_text("{}"),
    "what convert wrote": lambda c: put(c / "out" / "compose2fargate.json", "{}"),
    "a pipe": lambda c: os.mkfifo(c / "pipe"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_context_is_seen(change: Callable[[Path], object], context: Path) -> None:
    before = digest(image(context))
    change(context)
    assert digest(image(context)) != before


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_makes_no_other_image_is_not_seen(change: Callable[[Path], object], context: Path) -> None:
    before = digest(image(context))
    change(context)
    assert digest(image(context)) == before


def test_a_checkout_elsewhere_is_the_same(context: Path, tmp_path: Path) -> None:
    import shutil

    more = tmp_path / "more"
    more.mkdir()
    (more / "x").write_text("x")
    before = digest(image(context, additional_contexts={"more": str(more)}))
    shutil.copytree(tmp_path / "web", tmp_path / "copy" / "web", symlinks=True)
    shutil.copytree(more, tmp_path / "copy" / "more")
    moved = image(tmp_path / "copy" / "web", additional_contexts={"more": str(tmp_path / "copy" / "more")})
    assert digest(moved) == before


def test_what_is_ignored_is_not_seen(context: Path) -> None:
    (context / ".dockerignore").write_text("*.log\n")
    before = digest(image(context))
    (context / "x.log").write_text("x")
    assert digest(image(context)) == before


def test_the_ignore_file_of_the_dockerfile_comes_first(context: Path) -> None:
    (context / ".dockerignore").write_text("nothing\n")
    own = context / "Dockerfile.dockerignore"
    own.write_text("src\n")
    found = content(image(context))
    assert found.ignore_file == str(own)
    assert content(image(context, dockerfile_text="FROM scratch\n")).ignore_file == str(
        context / ".dockerignore"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "prod"},
        {"platform": "linux/arm64"},
        {"args": {"A": "1"}},
        {"args": {"A": None}},
        {"labels": {"a": "1"}},
        {"network": "none"},
        {"extra_hosts": ("a=1.2.3.4",)},
        {"secrets": (BuildSecret("npm", "/x"),)},
        {"dockerfile_text": "FROM alpine\n"},
        {"additional_contexts": {"base": "docker-image://alpine"}},
    ],
    ids=str,
)
def test_a_change_of_what_the_builder_is_told_is_seen(changes: dict[str, Any], context: Path) -> None:
    assert digest(image(context, **changes)) != digest(image(context))


@pytest.mark.parametrize(
    "changes",
    [{"tag": "2"}, {"cache_from": ("x",)}, {"ssh": ("default",)}, {"tags": ("x/y",)}, {"service": "other"}],
    ids=str,
)
def test_what_only_concerns_the_run_is_not_seen(changes: dict[str, Any], context: Path) -> None:
    assert digest(image(context, **changes)) == digest(image(context))


def test_the_value_of_a_credential_is_in_no_digest(context: Path) -> None:
    one, other = (image(context, args={"API_TOKEN": value}) for value in ("a", "b"))
    assert digest(one) == digest(other)
    assert digest(one) != digest(image(context))


def test_an_image_changes_with_the_one_it_is_based_on(context: Path) -> None:
    build = image(context, additional_contexts={"base": "service:base"})
    assert digest(build, base="sha256:1") != digest(build, base="sha256:2")
    assert digest(build, base="") == ""
    derived = image(None, base="web", files=(ContextFile("", "a", "x"),), dockerfile_text="FROM x\n")
    assert digest(derived, web="sha256:1") != digest(derived, web="sha256:2")


@pytest.mark.parametrize(
    ("context", "known"),
    [
        ("https://github.com/example/app.git", False),
        ("https://github.com/example/app.git#main", False),
        ("https://github.com/example/app.git#" + "a" * 40, True),
        ("git@github.com:example/app.git#" + "a" * 40 + ":sub", True),
    ],
)
def test_an_address_is_known_by_its_commit_only(context: str, *, known: bool) -> None:
    assert bool(digest(image(context))) is known


def test_files_that_are_copied_in_are_seen(tmp_path: Path) -> None:
    file, folder = tmp_path / "nginx.conf", tmp_path / "conf.d"
    folder.mkdir()
    file.write_text("a")
    (folder / "x").write_text("b")
    files = (
        ContextFile(str(file), "nginx.conf"),
        ContextFile(str(folder), "conf.d"),
        ContextFile("", "text", "c"),
    )
    build = image(None, files=files, dockerfile_text="FROM nginx\n")
    seen = {digest(build)}
    file.write_text("changed")
    seen.add(digest(build))
    (folder / "x").write_text("changed")
    seen.add(digest(build))
    seen.add(digest(build._replace(files=(*files[:2], ContextFile("", "text", "changed")))))
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": "/nowhere"}, "the build context /nowhere is not a folder"),
        ({"dockerfile": "Nofile"}, "the Dockerfile cannot be read"),
        ({"files": (ContextFile("/nowhere", "x"),)}, "the file /nowhere cannot be read"),
        ({"additional_contexts": {"x": "/nowhere"}}, "cannot be read"),
    ],
)
def test_what_is_not_there_is_named(changes: dict[str, Any], message: str, context: Path) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        content(image(context, **changes))
    assert [d.code for d in caught.value.diagnostics] == ["C2F458"]


def test_a_pattern_that_cannot_be_read_is_named(context: Path) -> None:
    (context / ".dockerignore").write_text("ok\n[\n")
    with pytest.raises(LoadError, match=r"\.dockerignore: the pattern '\[' is not one that Docker reads"):
        content(image(context))


def test_a_context_that_is_shared_is_read_once(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    scandir = os.scandir

    def noted(path: str) -> Any:
        read.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    reader = ContentReader()
    assert reader.content(image(context)) != reader.content(image(context, target="x"))
    assert len(read) == len(set(read)) == 2
