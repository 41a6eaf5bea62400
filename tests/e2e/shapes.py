"""What the AWS APIs accept, as botocore's own service models say it: names, types, required members, enums."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

OPERATIONS = {
    "task-definitions": ("ecs", "RegisterTaskDefinition"),
    "services": ("ecs", "CreateService"),
    "run-tasks": ("ecs", "RunTask"),
    "schedules": ("scheduler", "CreateSchedule"),
    "db-instances": ("rds", "CreateDBInstance"),
    "cache-replication-groups": ("elasticache", "CreateReplicationGroup"),
}
"""The folder of an artefact to the call whose input it is."""


@cache
def _input_shape(service: str, operation: str) -> Shape:
    shape = get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return shape


def problems(folder: str, parameters: Any) -> list[str]:
    """Say what the AWS CLI would refuse in an input from `folder`; it checks no enums itself, so that is done here."""
    shape = _input_shape(*OPERATIONS[folder])
    report = ParamValidator().validate(parameters, shape)
    named = report.generate_report().splitlines() if report.has_errors() else []
    return named or list(_bad_words(parameters, shape, folder))


def _bad_words(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for key, item in value.items():
            yield from _bad_words(item, shape.members[key], f"{path}.{key}")
    elif isinstance(shape, ListShape):
        for index, item in enumerate(value):
            yield from _bad_words(item, shape.member, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _bad_words(item, shape.value, f"{path}.{key}")
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"
