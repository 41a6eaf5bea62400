"""Validates a compose tree against `schemas/compose.schema.json`, with located messages.

Docker Compose validates what a file and those before it amount to, after interpolation and before it expands
short forms: https://github.com/compose-spec/compose-go/blob/main/loader/loader.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from compose2fargate.compose.schema_checks import Check, Problem, Schema, compile_schema, resolve
from compose2fargate.compose.source import Marks, locate
from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.schema_files import read_schema

_SEARCHED = 100
"""For how many problems of one run the nearest known word is searched for: each takes up to a millisecond."""

_FEW = 10
"""How many known keys a hint lists when none of them is near."""

_LONG = 40
"""How many characters of a word are compared with the known ones."""

NEWER_KEYS = frozenset({"jobs", "no_cache_filter", "pre_start", "umask", "use_service_name_alias"})
"""Keys of the specification that Docker Compose 2.40.3 is too old for, and refuses."""


def validate(tree: object, marks: Marks, *, file: str = "") -> list[Diagnostic]:
    """Find everything in `tree` that the compose schema does not allow.

    Args:
        tree: A compose file, interpolated and perhaps merged, before short forms are expanded.
        marks: Where its keys and items stand.
        file: The file to point to when `marks` know no place.

    Returns:
        One error for each problem, in the order of the tree; empty when the tree is valid.
    """
    return diagnose(_compose_check()(tree), marks, file=file)


def diagnose(problems: Sequence[Problem], marks: Marks, *, file: str = "") -> list[Diagnostic]:
    """Turn what a compiled schema found into located errors, with the nearest known word where one is wrong."""
    return [_diagnostic(problem, marks, file, search=n < _SEARCHED) for n, problem in enumerate(problems)]


def key_paths(schema: Schema) -> frozenset[tuple[str, ...]]:
    """List the path of every key that `schema` knows by name.

    The items of a list and the names that a user chooses are `*`, so that the key `target` of a port is
    `("services", "*", "ports", "*", "target")`. Extensions (`x-...`) are left out.
    """
    return frozenset(_paths_below(schema, schema, ()))


@cache
def _compose_check() -> Check:
    return compile_schema(read_schema("compose"))


def _diagnostic(problem: Problem, marks: Marks, file: str, *, search: bool) -> Diagnostic:
    subject = ".".join(map(str, problem.path)) or "the compose file"
    location = locate(marks, problem.path) or (Location(file, 1, 1) if file else None)
    hint = problem.hint or (_nearest(problem) if search and problem.known else "")
    message = f"{subject} {problem.says}"
    return Diagnostic(problem.code, Severity.ERROR, message, problem.path, location, hint)


def _nearest(problem: Problem) -> str:
    from difflib import get_close_matches

    if problem.word in NEWER_KEYS:
        return "The specification has it; Docker Compose 2.40 refuses it."
    near = get_close_matches(problem.word[:_LONG], problem.known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    listed = problem.code == "C2F141" and len(problem.known) <= _FEW
    return f"Known here: {', '.join(problem.known)}." if listed else ""


def _paths_below(schema: Schema, root: Schema, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if "$ref" in schema:
        schema = resolve(root, schema["$ref"])
    for key, value in schema.get("properties", {}).items():
        yield (*path, key)
        yield from _paths_below(value, root, (*path, key))
    for value in _unnamed(schema):
        yield from _paths_below(value, root, (*path, "*"))


def _unnamed(schema: Schema) -> Iterator[Schema]:
    """Give the schemas of list items and of values whose names the user chooses."""
    yield from (value for pattern, value in schema.get("patternProperties", {}).items() if pattern != "^x-")
    others: list[Any] = [schema.get("additionalProperties"), schema.get("items")]
    yield from (value for value in others if isinstance(value, Mapping))
