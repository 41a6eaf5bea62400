"""YAML as text: mappings, lists and scalars in block style, and CloudFormation's short tags.

A text stands without quotes only where no version of YAML reads it as something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple


class Tagged(NamedTuple):
    """A value with a tag: `!Ref VpcId`."""

    tag: str
    value: Any


_PLAIN = re.compile(
    r"(?!(?:[yn]|yes|no|on|off|true|false|null)$)[A-Za-z_/][A-Za-z0-9_./:@+-]*(?<!:)", re.IGNORECASE
)
_UNSAFE = re.compile(
    '[\\\\"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]'
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def scalar(value: Any) -> str:
    """Write a text, number, bool or None."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return value
        return (
            '"' + _UNSAFE.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", value) + '"'
        )
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)


def write_yaml(value: Any, indent: str = "") -> str:
    """Write a value that stands on lines of its own, each with a line break."""
    if isinstance(value, Mapping) and value:
        return "".join([f"{indent}{scalar(key)}:{_after(item, indent, '  ')}" for key, item in value.items()])
    if isinstance(value, list | tuple) and not isinstance(value, Tagged) and value:
        return "".join([_item(item, indent) for item in value])
    return f"{indent}{_inline(value)}\n"


def _inline(value: Any) -> str:
    if isinstance(value, Tagged):
        return f"{value.tag} {_inline(value.value)}"
    if isinstance(value, list | tuple):
        return "[]" if not value else f"[{', '.join(map(_inline, value))}]"
    return "{}" if isinstance(value, Mapping) else scalar(value)


def _after(value: Any, indent: str, step: str) -> str:
    """Write what follows a key or a tag: on the same line, or below it."""
    if isinstance(value, Tagged):
        return f" {value.tag}{_after(value.value, indent, step)}"
    if isinstance(value, Mapping | list | tuple) and value:
        return "\n" + write_yaml(value, indent + step)
    return f" {_inline(value)}\n"


def _item(value: Any, indent: str) -> str:
    """Write an item of a list; a mapping begins beside its hyphen."""
    if isinstance(value, Tagged) or not (isinstance(value, Mapping | list | tuple) and value):
        return f"{indent}-{_after(value, indent, '  ')}"
    return f"{indent}- {write_yaml(value, indent + '  ')[len(indent) + 2 :]}"
