"""Functions fit on a screen, modules on a few, and the name of a class or a module means one thing."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "compose2fargate"
MODULES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}

FUNCTION_LINES = 40
MODULE_LINES = 500

LONG_FUNCTIONS: Mapping[str, str] = {
    "sample_stack.py: sample_stack": "a table: one value, with an example of every type of resource",
}
LONG_MODULES: Mapping[str, str] = {
    "aws/resources.py": "a table: the types of resources with their fields, and no logic",
    "credentials.py": "a fifth of it is a table: the expressions by which credentials are known",
}
SHARED_NAMES: Mapping[str, str] = {
    "__init__": "Python's",
    "__main__": "Python's",
    "listings": "cli/ prints what compose/ lists",
    "permissions": "a command's module has its name",
    "rollback": "a command's module has its name",
    "secrets": "a command's module has its name",
    "status": "a command's module has its name",
}


def long_functions() -> set[str]:
    """Find the functions that are longer than they may be.

    Decorators, and the parameters of a command, are a table: its options.
    """
    return {
        f"{module}: {node.name}"
        for module, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (node.end_lineno or 0) - first_line(module, node) >= FUNCTION_LINES
    }


def first_line(module: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Give the line at which a function begins that is no table."""
    return node.body[0].lineno if module.startswith("cli/") and node.decorator_list else node.lineno


def test_a_function_has_at_most_40_lines() -> None:
    assert long_functions() == LONG_FUNCTIONS.keys()


def test_a_module_has_at_most_500_lines() -> None:
    lengths = {module: len(text.splitlines()) for module, text in MODULES.items()}
    assert {module for module, length in lengths.items() if length > MODULE_LINES} == LONG_MODULES.keys()


def test_the_name_of_a_class_is_unique_in_the_package() -> None:
    places = defaultdict(list)
    for module, text in MODULES.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_name_of_a_module_is_unique_in_the_package() -> None:
    names = [Path(module).stem for module in MODULES]
    assert {name for name in names if names.count(name) > 1} == SHARED_NAMES.keys()


def test_what_begins_with_an_underscore_is_used_in_its_own_module_only() -> None:
    """What is public has no underscore, so one tells it from what a module has for itself."""
    taken = {
        f"{module}: {alias.name}"
        for module, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("compose2fargate")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    }
    assert taken == set()


def public_functions(text: str) -> set[str]:
    """Name the functions of a module without an underscore; what a decorator registers is called by that."""
    return {
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not node.decorator_list
    }


def test_a_function_without_an_underscore_is_used_outside_its_module() -> None:
    """The rule is Python's own; classes and constants are public by standing in what such functions take and give."""
    words = {module: set(re.findall(r"\w+", text)) for module, text in MODULES.items()}
    tests = {
        word
        for path in PACKAGE.parent.joinpath("tests").rglob("*.py")
        for word in re.findall(r"\w+", path.read_text("utf-8"))
    }
    used = Counter(word for own in words.values() for word in own)
    unused = {
        f"{module}: {name}"
        for module, text in MODULES.items()
        for name in public_functions(text)
        if used[name] == 1 and name not in tests
    }
    assert unused == set(), "begin them with an underscore"


def test_all_stands_only_where_a_module_gives_what_another_defines() -> None:
    """Of what a module defines itself, the underscore says the same."""
    superfluous = set()
    for module, text in MODULES.items():
        tree = ast.parse(text)
        imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        listed = re.search(r"^__all__ = [\[(](.*?)[\])]", text, re.MULTILINE | re.DOTALL)
        if listed and not imported & set(re.findall(r'"(\w+)"', listed[1])):
            superfluous.add(module)
    assert superfluous == set()
