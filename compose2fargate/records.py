"""Frozen values: `typing.NamedTuple`, whose classes are made in a third of the time.

A run imports some 230 such classes. `typing` compiles the text of each annotation, which nobody asks for, and that takes
longer than all the rest of making them.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class _RecordType(type):
        """Makes what stands below `class Name(NamedTuple)` a class of `collections.namedtuple`, as `typing` does."""

        def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(mcs, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])  # noqa: PYI024 - is the typed one
            for key, value in body.items():
                if key not in _OF_THE_BODY_ONLY:
                    setattr(made, key, value)
            return made

    _OF_THE_BODY_ONLY = frozenset({"__module__", "__qualname__"})

    class NamedTuple(metaclass=_RecordType):
        """The base to name; no instance or subclass of it is ever made."""
