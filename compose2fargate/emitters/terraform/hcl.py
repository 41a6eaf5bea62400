"""Terraform's language: values and blocks as text, spelled and aligned as `terraform fmt` leaves them.

Texts are escaped in one place, `quoted`, so that what stands in a compose file cannot become an expression.
Sources: https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences and
https://developer.hashicorp.com/terraform/language/style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compose2fargate.records import NamedTuple


class HclExpression(NamedTuple):
    """Text of the language itself: an address, a call."""

    text: str


class HclCall(NamedTuple):
    """A call of a function whose arguments are values: `jsonencode([…])`."""

    function: str
    arguments: tuple[Any, ...]


class HclComment(NamedTuple):
    """A comment of one line; it belongs to what follows."""

    text: str


BREAK = HclComment("")
"""An empty line between arguments: it sets `for_each` off from the others."""


class HclAttribute(NamedTuple):
    """An argument of a block."""

    name: str
    value: Any


class HclBlock(NamedTuple):
    """A block with its labels and what stands in it, in order."""

    type: str
    labels: tuple[str, ...]
    body: tuple[HclAttribute | HclBlock | HclComment, ...]


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Characters that would not be read as they stand, or that no reader would see: controls, line separators, formats.
_UNSAFE = re.compile(
    '[\\\\"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[$%]\\{'
)
# `terraform fmt` counts what a reader sees as one character; keys are kept to where that is one code point.
_WIDE = re.compile("[^\x00-\u02ff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 2:  # the start of a template: doubled, it is text
        return found[0] + found
    return _ESCAPES.get(found) or f"\\u{ord(found):04x}"


def _escape_text(text: str) -> str:
    """Give `text` as it stands between quotes."""
    return _UNSAFE.sub(_escape, text)


def quoted_text(text: str) -> str:
    """Give `text` as a quoted string in which nothing is an expression."""
    return f'"{_UNSAFE.sub(_escape, text)}"'


def template_text(parts: Iterable[str | HclExpression]) -> HclExpression:
    """Give a text with expressions in it: `"${aws_ecr_repository.web.repository_url}:latest"`."""
    pieces = [_escape_text(part) if isinstance(part, str) else f"${{{part.text}}}" for part in parts]
    return HclExpression('"' + "".join(pieces) + '"')


_KEYWORDS = frozenset({"for", "if", "in", "null", "true", "false"})


def _key(text: str) -> str:
    if _NAME.fullmatch(text) and text not in _KEYWORDS:
        return text
    return _WIDE.sub(_long_escape, quoted_text(text))


def _long_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def value_text(value: Any, indent: str = "") -> str:
    """Write a value: None, bool, number, text, list, mapping (by the names of its keys) or expression."""
    kind = type(value)
    if kind is str:
        return quoted_text(value)
    if kind is HclExpression:
        return str(value.text)
    if kind is dict:
        return _object(value, indent)
    if kind is list or kind is tuple:
        return _list(value, indent)
    if kind is HclCall:
        return f"{value.function}({', '.join(value_text(item, indent) for item in value.arguments)})"
    return _PLAIN[value] if value is None or kind is bool else repr(value)


_PLAIN = {None: "null", True: "true", False: "false"}


def _list(items: Sequence[Any], indent: str) -> str:
    """Write a list: on one line where its items are short and plain, else an item a line."""
    if not items:
        return "[]"
    inner = indent + "  "
    texts = [value_text(item, inner) for item in items]
    if sum(map(len, texts)) <= _LINE and not any("\n" in text for text in texts):
        return f"[{', '.join(texts)}]"
    if len(texts) == 1 and isinstance(items[0], dict):
        return f"[{value_text(items[0], indent)}]"
    return "[\n" + "".join([f"{inner}{text},\n" for text in texts]) + f"{indent}]"


_LINE = 80
"""Characters of a list's items that still go on one line."""


def _object(members: Mapping[str, Any], indent: str) -> str:
    if not members:
        return "{}"
    inner = indent + "  "
    rows = [(_key(key), value_text(item, inner)) for key, item in members.items()]
    return "{\n" + "".join(_aligned(rows, inner)) + f"{indent}}}"


def _aligned(rows: Sequence[tuple[str, str]], indent: str) -> list[str]:
    """Give lines with the `=` of neighbours in one column; a value of several lines ends a neighbourhood."""
    lines: list[str] = []
    start = 0
    for end in range(len(rows) + 1):
        if end < len(rows) and "\n" not in rows[end][1]:
            continue
        width = max((len(name) for name, _ in rows[start:end]), default=0)
        lines += [f"{indent}{name.ljust(width)} = {text}\n" for name, text in rows[start:end]]
        if end < len(rows):
            lines.append(f"{indent}{rows[end][0]} = {rows[end][1]}\n")
        start = end + 1
    return lines


def block_text(block: HclBlock, indent: str = "") -> str:
    """Write a block, without a line break at its end."""
    head = " ".join([block.type, *map(quoted_text, block.labels)])
    if not block.body:
        return f"{indent}{head} {{}}"
    return f"{indent}{head} {{\n{_body_text(block.body, indent + '  ')}{indent}}}"


def _body_text(body: Sequence[HclAttribute | HclBlock | HclComment], indent: str = "") -> str:
    """Write what stands in a block: arguments aligned, nested blocks and comments set off by an empty line."""
    chunks: list[str] = []
    rows: list[tuple[str, str]] = []
    comments = ""

    def flush() -> None:
        nonlocal comments
        if rows:
            chunks.append(comments + "".join(_aligned(rows, indent)))
            rows.clear()
            comments = ""

    for item in body:
        if isinstance(item, HclAttribute):
            rows.append((item.name, value_text(item.value, indent)))
        else:
            flush()
            if item is BREAK:
                continue
            if isinstance(item, HclComment):
                comments += f"{indent}# {item.text}\n"
            else:
                chunks.append(f"{comments}{block_text(item, indent)}\n")
                comments = ""
    flush()
    return "\n".join(chunks)
