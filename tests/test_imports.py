"""Which part of the program may know which, and what must not be loaded to start it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose2fargate.cli.application import COMMANDS

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "compose2fargate"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOTS = {"__init__", "__main__"}
HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "dataclasses",
    "difflib",
    "email",
    "http",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "pathlib",
    "rich",
    "tempfile",
    "unittest",
}

PURE = {"mapping", "aws", "emitters", "sync"}
IMPURE = {"datetime", "pathlib", "random", "shutil", "socket", "subprocess", "tempfile", "time", "uuid"}

OF_TEXTS_ONLY = {"os.path", "os.sep"} | {
    f"os.path.{name}"
    for name in ("basename", "commonpath", "dirname", "isabs", "join", "normpath", "relpath", "splitext")
}


def part_of(module: Path) -> str:
    """Name the part that a source file belongs to: the package, or the module beside the packages."""
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def allowed_imports() -> dict[str, set[str]]:
    """Read the table of the architecture page: each part, and the parts that it may import."""
    allowed: dict[str, set[str]] = {}
    for line in (REPOSITORY / "docs" / "architecture.md").read_text("utf-8").splitlines():
        row = re.fullmatch(r"\| `(\w+)(?:\.py|/)` \|.*\| (.+?) \|", line)
        if row:
            part, imports = row.groups()
            names = set(allowed) if imports == "all of the above" else set(re.findall(r"`(\w+)`", imports))
            allowed.setdefault(part, names)
    return allowed


def imported_names(source: str) -> Iterator[str]:
    """Give the dotted name of everything that `source` imports, lazy imports included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


ALLOWED = allowed_imports()


def test_every_part_of_the_program_has_a_row_in_the_table() -> None:
    assert {part_of(module) for module in MODULES} - ROOTS == set(ALLOWED)


@pytest.mark.parametrize(
    "package", sorted({m.parent for m in MODULES} - {PACKAGE}), ids=lambda path: path.name
)
def test_the_architecture_page_names_every_module_of_a_package(package: Path) -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    modules = {m.name for m in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    commands = {f"{name}.py" for name in COMMANDS} if package.name == "cli" else set()
    assert {name for name in modules - commands if not re.search(rf"[`/]{re.escape(name)}`", page)} == set()


def test_the_architecture_page_names_no_module_that_is_gone() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    there = {m.name for m in MODULES} | {"test_imports.py"}
    assert {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+\.py)`", page)} <= there


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_part_may_know(module: Path) -> None:
    part = part_of(module)
    if part in ROOTS:
        return
    known = {part, *ALLOWED[part]}
    for name in imported_names(module.read_text("utf-8")):
        package, *inside = name.split(".")
        if package == "compose2fargate" and inside != ["__version__"]:
            assert inside[0] in known, f"{part} must not import {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_apply_talks_to_aws_and_only_the_entry_knows_the_command_line(module: Path) -> None:
    names = list(imported_names(module.read_text("utf-8")))
    if part_of(module) != "apply":
        assert not [name for name in names if name.split(".")[0] in {"boto3", "botocore"}]
    if part_of(module) not in {"cli", "__main__"}:
        assert not [name for name in names if name.startswith(("compose2fargate.cli", "click"))]


@pytest.mark.parametrize(
    "module", [m for m in MODULES if part_of(m) in PURE], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_what_decides_and_writes_down_sees_no_disk_clock_or_environment(module: Path) -> None:
    text = module.read_text("utf-8")
    assert not {name.split(".")[0] for name in imported_names(text)} & IMPURE
    nodes = list(ast.walk(ast.parse(text)))
    assert "open" not in {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    used = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    assert {name for name in used if re.fullmatch(r"os[.\w]+", name)} <= OF_TEXTS_ONLY


@pytest.mark.parametrize("command", ["config", "convert"])
def test_a_command_starts_without_loading_anything_heavy(command: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    output = [] if command == "config" else ["--output", "-"]
    program = (
        "import sys\n"
        "from compose2fargate.__main__ import run\n"
        f"status = run({[command, *output]!r})\n"
        "print(status, *sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    status, *modules = done.stdout.splitlines()[-1].split()
    assert status == "0", done.stderr
    assert HEAVY & set(modules) == set()
