"""Trees written down as YAML, with the notations that a plain dump never shows.

A tree is made of dict, list, str, int, float, bool and None, and of the marks below, each of which stands where a
value stands. The writer is small on purpose: what it writes is input for two programs that are compared, so that
neither has to agree with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_SAFE = re.compile(r"[A-Za-z/][A-Za-z0-9_./${}=-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class Verbatim(NamedTuple):
    """A scalar as it is to stand in the file, whatever YAML makes of it."""

    text: str


class Block(NamedTuple):
    """A text as a block scalar; `style` is `|`, `|-`, `|+`, `>` and so on."""

    style: str
    text: str


class Tagged(NamedTuple):
    """A value with a tag, for example `!reset`."""

    tag: str
    value: Any


class Anchored(NamedTuple):
    """A value that an alias can refer to."""

    name: str
    value: Any


class Alias(NamedTuple):
    """A reference to an anchored value."""

    name: str


class Flow(NamedTuple):
    """A collection written in brackets."""

    value: Any


def written(tree: Any) -> str:
    """Write a document."""
    if isinstance(tree, dict) and tree:
        return "".join(f"{line}\n" for line in _mapping(tree))
    return _inline(tree) + "\n"


def _mapping(tree: dict[Any, Any]) -> Iterator[str]:
    for key, value in tree.items():
        yield from _entry(f"{key if key == '<<' else _inline(key)}:", value)


def _sequence(items: list[Any]) -> Iterator[str]:
    for item in items:
        yield from _entry("-", item)


def _entry(head: str, value: Any) -> Iterator[str]:
    while isinstance(value, (Tagged, Anchored)):
        head += f" {value.tag}" if isinstance(value, Tagged) else f" &{value.name}"
        value = value.value
    if isinstance(value, dict) and value:
        yield head
        yield from (f"  {line}" for line in _mapping(value))
    elif isinstance(value, list) and value:
        yield head
        yield from (f"  {line}" for line in _sequence(value))
    elif isinstance(value, Block):
        yield f"{head} {value.style}"
        yield from (f"  {line}" if line else "" for line in value.text.split("\n"))
    else:
        yield f"{head} {_inline(value)}".rstrip(" ")


def _inline(value: Any) -> str:  # noqa: PLR0911 - one line per kind of value
    if isinstance(value, Flow):
        value = value.value
    if isinstance(value, Verbatim):
        return value.text
    if isinstance(value, Block):
        return json.dumps(value.text, ensure_ascii=False)
    if isinstance(value, Alias):
        return f"*{value.name} "
    if isinstance(value, Tagged):
        return f"{value.tag} {_inline(value.value)}"
    if isinstance(value, Anchored):
        return f"&{value.name} {_inline(value.value)}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline(k)}: {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if (
        isinstance(value, str)
        and _SAFE.fullmatch(value)
        and value.lower() not in _WORDS
        and not {"{", "}"} & set(value)
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
