"""Validates a compose tree against `schemas/compose.schema.json`, with located messages.

Docker Compose validates what a file and those before it amount to, after interpolation and before it expands
short forms: https://github.com/compose-spec/compose-go/blob/main/loader/loader.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from compose2fargate.compose.dialect import CURRENT, KEYS, UNRELEASED, Change, Dialect
from compose2fargate.compose.sources.source_files import Marks, locate
from compose2fargate.compose.validation.schema_checks import Check, Problem, Schema, compile_schema, resolve
from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.schema_files import read_schema
from compose2fargate.text.nearest import nearest

_SEARCHED = 100
"""For how many problems of one run the nearest known word is searched for: each takes up to a millisecond."""

_FEW = 10
"""How many known keys a hint lists when none of them is near."""


def validate(tree: object, marks: Marks, *, file: str = "", dialect: Dialect = CURRENT) -> list[Diagnostic]:
    """Find everything in `tree` that the compose schema does not allow.

    Args:
        tree: A compose file, interpolated and perhaps merged, before short forms are expanded.
        marks: Where its keys and items stand.
        file: The file to point to when `marks` know no place.
        dialect: What the file is read as.

    Returns:
        One error for each problem, in the order of the tree; empty when the tree is valid.
    """
    problems = _compose_check(dialect)(tree)
    return diagnose([_with_release(problem, dialect) for problem in problems], marks, file=file)


def diagnose(problems: Sequence[Problem], marks: Marks, *, file: str = "") -> list[Diagnostic]:
    """Turn what a compiled schema found into located errors, with the nearest known word where one is wrong."""
    return [_diagnostic(problem, marks, file, search=n < _SEARCHED) for n, problem in enumerate(problems)]


def _with_release(problem: Problem, dialect: Dialect) -> Problem:
    """Say of a key that is not known which release has it, where that is the reason."""
    if problem.code != "C2F141":
        return problem
    if problem.word in UNRELEASED:
        hint = "the specification has it, but no release of Docker Compose does: remove it"
        return problem._replace(hint=hint)
    for path, change in KEYS.items():
        if path[-1] == problem.word and len(path) == len(problem.path) and not dialect.has(change):
            hint = (
                f"Docker Compose has it from {change.since} on; leave out --compose-version {dialect.version}"
            )
            return problem._replace(hint=hint)
    return problem


def key_paths(schema: Schema) -> frozenset[tuple[str, ...]]:
    """List the path of every key that `schema` knows by name.

    The items of a list and the names that a user chooses are `*`, so that the key `target` of a port is
    `("services", "*", "ports", "*", "target")`. Extensions (`x-...`) are left out.
    """
    return frozenset(_paths_below(schema, schema, ()))


@cache
def _compose_check(dialect: Dialect) -> Check:
    schema: Schema = read_schema("compose")
    for path, change in KEYS.items():
        if not dialect.has(change):
            schema = _without(schema, schema, path)
    return compile_schema(schema, dates_are_texts=dialect.has(Change.CHECKED_AS_JSON))


def _without(schema: Schema, root: Schema, path: tuple[str, ...]) -> Schema:
    """Copy `schema` without the key at `path`, whose steps are those of `key_paths`."""
    if "$ref" in schema:
        schema = resolve(root, schema["$ref"])
    step, *rest = path
    if step == "*":
        values = {
            key: _without(value, root, tuple(rest))
            for key, value in schema["patternProperties"].items()
            if key != "^x-"
        }
        return {**schema, "patternProperties": {**schema["patternProperties"], **values}}
    properties = {key: value for key, value in schema["properties"].items() if rest or key != step}
    if rest:
        properties[step] = _without(properties[step], root, tuple(rest))
    return {**schema, "properties": properties}


def _diagnostic(problem: Problem, marks: Marks, file: str, *, search: bool) -> Diagnostic:
    subject = ".".join(map(str, problem.path)) or "the compose file"
    location = locate(marks, problem.path) or (Location(file, 1, 1) if file else None)
    hint = problem.hint or (_nearest(problem) if search and problem.known else "")
    message = f"{subject} {problem.says}"
    return Diagnostic(problem.code, Severity.ERROR, message, problem.path, location, hint)


def _nearest(problem: Problem) -> str:
    near = nearest(problem.word, problem.known)
    if near:
        return f"did you mean '{near}'?"
    listed = problem.code == "C2F141" and len(problem.known) <= _FEW
    return f"known here: {', '.join(problem.known)}" if listed else ""


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
