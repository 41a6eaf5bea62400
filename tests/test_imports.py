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
