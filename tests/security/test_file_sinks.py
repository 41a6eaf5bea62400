"""Files are opened, listed, moved and removed in one package: a new place that does it otherwise fails here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "compose2fargate"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "disk")

_OS = set(
    re.findall(
        r"\w+",
        """access chflags chmod chown fchmod fchown fdopen ftruncate fwalk lchmod lchown link
listdir listxattr makedirs mkdir mkfifo mknod open popen posix_spawn read readlink remove removedirs removexattr rename
renames replace rmdir scandir sendfile setxattr symlink truncate unlink utime walk write""",
    )
)
_SHUTIL = set(
    re.findall(
        r"\w+",
        """chown copy copy2 copyfile copyfileobj copymode copystat copytree make_archive move
rmtree unpack_archive""",
    )
)
_OPENERS = {"open", "io.open", "io.FileIO", "codecs.open", "linecache.getline", "linecache.getlines"}
CALLS = _OPENERS | {f"os.{name}" for name in _OS} | {f"shutil.{name}" for name in _SHUTIL}
METHODS = set(
    re.findall(
        r"\w+",
        """read_text read_bytes write_text write_bytes rmdir unlink mkdir touch symlink_to
hardlink_to rglob iterdir""",
    )
)
IMPORTS = {
    "tempfile",
    "pathlib",
    "glob",
    "zipfile",
    "tarfile",
    "fileinput",
    "mmap",
    "sqlite3",
    "shelve",
    "dbm",
}

ALLOWED = {
    ("__main__.py", "os.open"): "the null device, for a standard stream that the caller closed",
    ("__main__.py", "os.fdopen"): "the same",
    ("cli/console.py", "os.open"): "the null device, for what a closed stream still holds",
    ("cli/options.py", "open"): "/proc/self/environ: the kernel's own file",
    (
        "rehearsal/engine.py",
        "import tarfile",
    ): "an archive in memory, which the engine unpacks in a container",
    ("schema_files.py", "open"): "the program's own schemas, of its own package",
    (
        "testing.py",
        "import tempfile",
    ): "what authors of emitters test them with; writes to a folder of its own",
    ("testing.py", "os.listdir"): "the same",
}
"""Module and use, and why it is none of a project's files."""


LAST_WORDS = {call.rpartition(".")[2] for call in CALLS}


def uses(source: str) -> Iterator[str]:
    """Give every use of a function that touches files, by name or as a value, and every import of a module for that."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.split(".")[0] in IMPORTS)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.split(".")[0] in IMPORTS:
                yield f"import {module}"
            yield from (f"{module}.{a.name}" for a in node.names if f"{module}.{a.name}" in CALLS)
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node) if node.attr in LAST_WORDS else ""
            if name in CALLS:
                yield name
            elif node.attr in METHODS:
                yield f".{node.attr}"
        elif isinstance(node, ast.Name) and node.id == "open" and isinstance(node.ctx, ast.Load):
            yield "open"


@cache
def found() -> set[tuple[str, str]]:
    return {
        (str(module.relative_to(PACKAGE)), use)
        for module in MODULES
        for use in uses(module.read_text("utf-8"))
    }


def test_no_other_module_touches_files() -> None:
    assert found() - set(ALLOWED) == set(), "go through compose2fargate/disk/"


def test_what_is_allowed_is_still_there() -> None:
    assert set(ALLOWED) - found() == set()


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "import os\nos.replace('a', 'b')",
        "from os import unlink as u\nu('a')",
        "import shutil\nshutil.rmtree('a')",
        "import tempfile",
        "from pathlib import Path\nPath('a')",
        "p.write_text('a')",
        "read = open",
        "import os\nremove = os.remove",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert list(uses(source))
