"""Members that `x-fargate.patch` adds to a resource and no type knows, as arguments and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclComment,
)

_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(name: str) -> str:
    return _SNAKE.sub("_", name).lower()


# Objects of the API that are no block of their own in Terraform: their members stand one level up.
_FLAT = frozenset({"awsvpcConfiguration", "deploymentConfiguration"})


# Members of CreateService that provider 5.100 has no argument for, and what it does in their place.
_MISSING: Mapping[str, Any] = {
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
    "lifecycleHooks": [],
    "linearConfiguration": None,
    "canaryConfiguration": None,
}


def no_argument_error(name: str, what: str) -> Diagnostic:
    """Say that the provider cannot express something that was asked for."""
    return Diagnostic(
        "C2F340",
        Severity.ERROR,
        f"Terraform's AWS provider 5.100 has no argument for {name} of {what}",
        hint="leave it out, or use -t cloudformation, which has it",
    )


def with_extra(block: HclBlock, extra: Mapping[str, Any]) -> HclBlock:
    """Add members that no type knows, in the API's spelling, by the rules of a patch: see `aws.patching`.

    Objects become nested blocks, everything else arguments.
    """
    for name, value in extra.items():
        if name in _FLAT and isinstance(value, Mapping):
            block = with_extra(block, value)
        elif name in _MISSING and value != _MISSING[name]:
            raise EmitError(no_argument_error(name, "an ECS service"))
        elif name not in _MISSING and name != "containerDefinitions":
            block = _with_member(block, _snake(name), value)
    return block


def _with_member(block: HclBlock, name: str, value: Any) -> HclBlock:
    nested = [
        item
        for item in block.body
        if isinstance(item, HclBlock) and item.type in (name, name.removesuffix("s"))
    ]
    if isinstance(value, Mapping) and nested:
        changed = {id(item): with_extra(item, _extra_of(item, value)) for item in nested}
        return block._replace(body=tuple(changed.get(id(item), item) for item in block.body))
    kept = tuple(item for item in block.body if not (isinstance(item, HclAttribute) and item.name == name))
    at = next((n for n, item in enumerate(kept) if isinstance(item, HclComment | HclBlock)), len(kept))
    return block._replace(body=(*kept[:at], *_extra(name, value), *kept[at:]))


def _extra_of(block: HclBlock, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a patch says of one block: by its name, where it has one."""
    names = [
        item.value for item in block.body if isinstance(item, HclAttribute) and item.name.endswith("name")
    ]
    found = next((value[name] for name in names if isinstance(name, str) and name in value), None)
    return value if found is None and not names else found or {}


def _extra(name: str, value: Any) -> Iterator[HclAttribute | HclBlock]:
    if isinstance(value, Mapping) and name != "tags":
        yield HclBlock(
            name, (), tuple(item for key, inner in value.items() for item in _extra(_snake(key), inner))
        )
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for inner in value:
            yield from _extra(name, inner)
    elif value is not None:
        yield HclAttribute(name, value)
