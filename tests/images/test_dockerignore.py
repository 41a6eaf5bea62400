"""Docker's rules for `.dockerignore`, rule by rule, and held against a real builder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from compose2fargate.disk.folder import Folder, Item
from compose2fargate.images.content_digest import walk_context
from compose2fargate.images.dockerignore import parse_dockerignore

FILES = (
    "Dockerfile",
    "README.md",
    "app.log",
    "docs/README.md",
    "docs/guide.txt",
    "src/app.log",
    "src/app.py",
    "src/node_modules/x/index.js",
    "src/node_modules/x/keep.js",
    "node_modules/y.js",
    "temp/a",
    "temp1",
    "a b",
    "x*y",
    "xzy",
    "secret[1]",
)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in FILES:
        file = tmp_path / "context" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return tmp_path / "context"


def left(context: Path, text: str) -> set[str]:
    return {entry.path for entry in walk_context(str(context), parse_dockerignore(text))}


def without(*names: str) -> set[str]:
    gone = {f for f in FILES for name in names if f == name or f.startswith(f"{name}/")}
    assert gone, names
    return set(FILES) - gone


CASES = {
    "nothing": ("", set(FILES)),
    "comments and blank lines": ("# *\n\n   \n", set(FILES)),
    "a comment begins in the first column": (" # README.md\n", set(FILES)),
    "a byte order mark": ("\ufeffREADME.md\n", without("README.md")),
    "windows line ends": ("README.md\r\napp.log\r\n", without("README.md", "app.log")),
    "a plain name is anchored at the root": ("README.md\n", without("README.md")),
    "a leading slash means nothing": ("/README.md\n", without("README.md")),
    "a trailing slash means nothing": ("docs/\n", without("docs")),
    "dots are cleaned away": ("./docs/../docs//README.md\n", without("docs/README.md")),
    "blanks around": ("   docs   \n", without("docs")),
    "blanks inside": ("a b\n", without("a b")),
    "a folder takes all below": ("node_modules\n", without("node_modules")),
    "a star stops at a slash": ("*.log\n", without("app.log")),
    "a star in the middle of a path": ("*/app.log\n", without("src/app.log")),
    "a star matches folders": ("*/node_modules\n", without("src/node_modules")),
    "two levels are not one": ("*/*/README.md\n", set(FILES)),
    "two stars": ("**/app.log\n", without("app.log", "src/app.log")),
    "two stars with a suffix": ("**/*.js\n", without("node_modules", "src/node_modules")),
    "two stars at a name's beginning": ("**README.md\n", without("README.md", "docs/README.md")),
    "two stars at the end": ("docs/**\n", without("docs")),
    "two stars alone": ("**\n", set()),
    "a star alone": ("*\n", set()),
    "a question mark": ("temp?\n", without("temp1")),
    "a question mark is no slash": ("docs?README.md\n", set(FILES)),
    "a bracket": ("[a-c]pp.log\n", without("app.log")),
    "a bracket that excludes": ("[^b]pp.log\n", without("app.log")),
    "an escaped star": ("x\\*y\n", without("x*y")),
    "an escaped bracket": ("secret\\[1\\]\n", without("secret[1]")),
    "a dot is a dot": ("READMEXmd\nREADME?md\n", without("README.md")),
    "taken back": ("*.md\n!README.md\n", set(FILES)),
    "blanks after the mark": ("*.md\n! README.md\n", set(FILES)),
    "the order decides": ("!README.md\n*.md\n", without("README.md")),
    "left out again": ("docs\n!docs\ndocs/*.txt\n", without("docs/guide.txt")),
    "one file of a folder": ("docs\n!docs/README.md\n", without("docs/guide.txt")),
    "all but one": ("*\n!src/app.py\n", {"src/app.py"}),
    "all but a folder": ("**\n!src/node_modules\n", {f for f in FILES if f.startswith("src/node_modules/")}),
    "deep in a folder": (
        "src\n!src/node_modules/*/keep.js\n",
        without("src") | {"src/node_modules/x/keep.js"},
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_a_pattern_leaves_in(text: str, expected: set[str], context: Path) -> None:
    assert left(context, text) == expected


@pytest.mark.parametrize("text", ["!", "[", "a[", "[]", "[a-", "[-a]", "[a-b-c]", "x\\", "ok\n\n!["])
def test_what_docker_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[!\[\\]"):
        parse_dockerignore(text)


def test_a_folder_that_is_left_out_is_not_walked(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str] = []
    real = Folder.list

    def noted(folder: Folder, path: str = "") -> list[Item]:
        walked.append(path)
        return real(folder, path)

    monkeypatch.setattr(Folder, "list", noted)
    left(context, "node_modules\nsrc/node_modules\n")
    assert walked
    assert not [path for path in walked if "node_modules" in path]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is not installed (apt-get install buildah)")
def test_a_real_builder_copies_the_same_files(context: Path, tmp_path: Path) -> None:
    # Without DOCKER_CONFIG: buildah refuses to work when the folder it names holds no config.json.
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DOCKER_CONFIG"},
        "HOME": str(tmp_path),
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
    }
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/running"\n'
    )
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY . /\n")

    def buildah(*words: str) -> str:
        done = subprocess.run(
            ["buildah", *words], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    differing = {}
    for name, (text, expected) in CASES.items():
        if expected and name not in OTHERWISE:
            (tmp_path / "ignore").write_text(text)
            where = ["--file", str(tmp_path / "Containerfile"), "--ignorefile", str(tmp_path / "ignore")]
            image = buildah("build", "--quiet", *where, str(context))
            root = Path(buildah("mount", buildah("from", image)))
            copied = {str(f.relative_to(root)) for f in root.rglob("*") if f.is_file()}
            if copied != expected:
                differing[name] = copied ^ expected
    assert differing == {}


OTHERWISE = {"blanks after the mark", "deep in a folder"}
"""Cases in which buildah differs from Docker."""
