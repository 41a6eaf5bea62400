"""YAML as text: mappings, lists and scalars in block style, and CloudFormation's short tags.

A text stands without quotes only where no version of YAML reads it as something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.records import NamedTuple


class TaggedValue(NamedTuple):
    """A value with a tag: `!Ref VpcId`."""

    tag: str
    value: Any


class CodeText(NamedTuple):
    """Code of ours, which stands on lines of its own as it is; it ends in a line break."""

    text: str


_PLAIN = re.compile(
    r"(?!(?:[yn]|yes|no|on|off|true|false|null)$)[A-Za-z_/][A-Za-z0-9_./:@+-]*(?<!:)", re.IGNORECASE
)
_UNSAFE = re.compile(
    '[\\\\"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]'
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def scalar_text(value: Any) -> str:
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
        return "".join(
            [f"{indent}{scalar_text(key)}:{_after(item, indent, '  ')}" for key, item in value.items()]
        )
    if isinstance(value, list | tuple) and not isinstance(value, TaggedValue) and value:
        return "".join([_item(item, indent) for item in value])
    return f"{indent}{_inline(value)}\n"


def _inline(value: Any) -> str:
    if isinstance(value, TaggedValue):
        return f"{value.tag} {_inline(value.value)}"
    if isinstance(value, list | tuple):
        return "[]" if not value else f"[{', '.join(map(_inline, value))}]"
    return "{}" if isinstance(value, Mapping) else scalar_text(value)


def _after(value: Any, indent: str, step: str) -> str:
    """Write what follows a key or a tag: on the same line, or below it."""
    if isinstance(value, TaggedValue):
        return f" {value.tag}{_after(value.value, indent, step)}"
    if isinstance(value, CodeText):
        lines = value.text.splitlines()
        return " |\n" + "".join(f"{indent}{step}{line}\n" if line else "\n" for line in lines)
    if isinstance(value, Mapping | list | tuple) and value:
        return "\n" + write_yaml(value, indent + step)
    return f" {_inline(value)}\n"


def _item(value: Any, indent: str) -> str:
    """Write an item of a list; a mapping begins beside its hyphen."""
    if isinstance(value, TaggedValue) or not (isinstance(value, Mapping | list | tuple) and value):
        return f"{indent}-{_after(value, indent, '  ')}"
    return f"{indent}- {write_yaml(value, indent + '  ')[len(indent) + 2 :]}"


def block(text: str, first: str, indent: str) -> Iterator[str]:
    """Yield the lines of a text of several lines: as they are, or in quotes where a reader of YAML would change them.

    Args:
        text: The text; a line break at its end does not count.
        first: What stands before it, as `run: `.
        indent: What stands before each of its lines.
    """
    lines = text.removesuffix("\n").split("\n")
    changed = _UNSAFE.search(text.replace("\n", "").replace("\\", "").replace('"', ""))
    if changed or not lines[0] or lines[0][0] in " \t" or not lines[-1].strip():
        yield f"{first}{scalar_text(text)}"
        return
    yield f"{first}|-"
    for line in lines:
        yield f"{indent}{line}" if line else ""
