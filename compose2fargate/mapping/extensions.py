"""Checks `x-fargate` against `schemas/x-fargate.schema.json`, and the keys of Docker's ECS integration against their table.

What is chosen outside of the file is held to the same schema: a setting is legal or not, wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from compose2fargate.compose.model import Project
from compose2fargate.compose.validation.schema import diagnose
from compose2fargate.compose.validation.schema_checks import Check, compile_schema
from compose2fargate.compose.values.utf8 import first_byte
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping import x_aws
from compose2fargate.schema_files import read_schema
from compose2fargate.settings import OPTIONS

KEY = "x-fargate"


def check_extensions(project: Project) -> list[Diagnostic]:
    """Find everything in the project's `x-fargate` mappings and `x-aws-*` keys that their schemas do not allow."""
    found: list[Diagnostic] = []
    for kind, path, value in _extensions(project):
        problems = [problem._replace(path=(*path, *problem.path)) for problem in _check(kind)(value)]
        found.extend(diagnose(problems, project.marks))
    for key, path, value in x_aws.used_keys(project):
        problems = [
            problem._replace(path=(*path, *problem.path)) for problem in compile_schema(key.schema)(value)
        ]
        found.extend(diagnose(problems, project.marks))
    return found


def check_settings(given: Mapping[str, Any]) -> list[Diagnostic]:
    """Find what was chosen outside of the file, by option name, and could not stand in `x-fargate` either."""
    flags = {option.name: option.flag for option in OPTIONS if option.in_file}
    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if name in flags and name != "prices"
    }
    flag_of = {option.name: option.flag for option in OPTIONS}
    bytes_of = {name: first_byte(_said(value)) for name, value in given.items()}
    found = [
        Diagnostic("C2F195", Severity.ERROR, f"{flag_of[name]} has the byte 0x{byte:02x}, which is not UTF-8")
        for name, byte in bytes_of.items()
        if byte is not None
    ]
    if found or not plain:
        return found
    return [
        Diagnostic(
            "C2F195", Severity.ERROR, f"{flags[str(problem.path[0])]} {problem.says}", hint=problem.hint
        )
        for problem in _check("project")(plain)
    ]


def _extensions(project: Project) -> Iterator[tuple[str, Path, Any]]:
    """Yield kind, path and value of every `x-fargate` there is."""
    if KEY in project.extensions:
        yield "project", (KEY,), project.extensions[KEY]
    for section, kind, entries in (
        ("services", "service", project.services),
        ("volumes", "volume", project.volumes),
        ("networks", "network", project.networks),
    ):
        for name, entry in entries.items():
            if KEY in entry.extensions:
                yield kind, (section, name, KEY), entry.extensions[KEY]
    for name, raw in (project.tree.get("secrets") or {}).items():
        if KEY in (raw or {}):
            yield "secret", ("secrets", name, KEY), raw[KEY]


@cache
def _check(kind: str) -> Check:
    schema = read_schema(KEY)
    return compile_schema({"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})


def _said(value: Any) -> str:
    """Give all that a setting says, as one text."""
    if isinstance(value, Mapping):
        return " ".join(f"{key} {item}" for key, item in value.items())
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
