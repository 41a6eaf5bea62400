"""Checks `x-fargate` against `schemas/x-fargate.schema.json`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from compose2fargate.compose.model import Project
from compose2fargate.compose.schema import diagnose
from compose2fargate.compose.schema_checks import Check, compile_schema
from compose2fargate.diagnostics import Diagnostic, Path
from compose2fargate.schema_files import read_schema

KEY = "x-fargate"


def check_extensions(project: Project) -> list[Diagnostic]:
    """Find everything in the project's `x-fargate` mappings that the schema does not allow."""
    found: list[Diagnostic] = []
    for kind, path, value in _extensions(project):
        problems = [problem._replace(path=(*path, *problem.path)) for problem in _check(kind)(value)]
        found.extend(diagnose(problems, project.marks))
    return found


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
