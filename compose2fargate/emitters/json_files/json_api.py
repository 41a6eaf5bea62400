"""Resources as the JSON text that an AWS API takes, in one go: there are thousands, and their plain values are needed by nobody."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from compose2fargate.aws.api_values import (
    LEFT_OUT_WHEN_EMPTY,
    LINKS,
    Resolve,
    api_members,
    camel_case,
    resolve_text,
)
from compose2fargate.text.json_text import SCALARS, json_text, text_of_string


def api_text(value: Any, resolve: Resolve, spell: Callable[[str], str] = camel_case, line: str = "\n") -> str:
    """Give `json_text(to_api(value, resolve, spell), line)`, without the values in between."""
    kind: Any = type(value)
    if kind in SCALARS:
        return SCALARS[kind](value)
    if kind in LINKS:
        return json_text(resolve_text(value, resolve), line)
    inner = line + "  "
    if kind is tuple:
        items = [
            text_of_string(item) if type(item) is str else api_text(item, resolve, spell, inner)
            for item in value
        ]
        return f"[{inner}{f',{inner}'.join(items)}{line}]" if items else "[]"
    heads = _heads(kind, spell)
    if heads is None:
        entries = [
            f"{text_of_string(key)}: {api_text(item, resolve, spell, inner)}" for key, item in value.items()
        ]
    else:
        entries = [
            f"{head}{text_of_string(item) if type(item) is str else api_text(item, resolve, spell, inner)}"
            for head, item in zip(heads, value)  # noqa: B905 - as many values as fields
            if item or type(item) not in LEFT_OUT_WHEN_EMPTY
        ]
    return f"{{{inner}{f',{inner}'.join(entries)}{line}}}" if entries else "{}"


@cache
def _heads(kind: Any, spell: Callable[[str], str]) -> tuple[str, ...] | None:
    """What stands before the value of each field of a resource type; None for mappings, whose keys are the user's."""
    names = api_members(kind, spell)
    return None if names is None else tuple(f"{text_of_string(name)}: " for name in names)
