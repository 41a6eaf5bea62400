"""Which part of the program may know which, and what must not be loaded to start it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from grimp import build_graph

from compose2fargate.cli.application import COMMANDS

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "compose2fargate"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOTS = {"__init__", "__main__"}
# Not among them: what typer itself imports (difflib, pathlib, shutil, subprocess).
HEAVY = {
    "asyncio",
    "boto3",
    "botocore",
    "dataclasses",
    "email",
    "http",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "pydantic",
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


PAGE = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")


def part_of(module: Path) -> str:
    """Name the part that a source file belongs to: the package, or the module beside the packages."""
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(source: str) -> Iterator[str]:
    """Give the dotted name of everything that `source` imports, lazy imports included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_rooms_import_only_what_their_contract_allows() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = build_graph("compose2fargate", exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises a CycleError that names the circle


def test_every_room_has_a_row_in_the_map() -> None:
    rows = set(re.findall(r"^\| `(\w+)(?:\.py|/)` \|", PAGE, re.MULTILINE))
    assert {part_of(module) for module in MODULES} - ROOTS <= rows


@pytest.mark.parametrize(
    "package", sorted({m.parent for m in MODULES} - {PACKAGE}), ids=lambda path: path.name
)
def test_the_architecture_page_names_every_module_of_a_package(package: Path) -> None:
    modules = {m.name for m in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    commands = {f"{name}.py" for name in COMMANDS} if package.name == "cli" else set()
    assert {name for name in modules - commands if not re.search(rf"[`/]{re.escape(name)}`", PAGE)} == set()


def test_the_architecture_page_names_no_module_that_is_gone() -> None:
    tests = {path.name for path in (REPOSITORY / "tests").rglob("test_*.py")}
    there = {m.name for m in MODULES} | tests
    assert {name.rpartition("/")[2] for name in re.findall(r"`([\w/]+\.py)`", PAGE)} <= there


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
