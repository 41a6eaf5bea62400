"""Frozen values: `typing.NamedTuple`, whose classes are made in a tenth of the time.

A run imports some 230 such classes. `typing` compiles the text of each annotation, which nobody asks for, and
`collections.namedtuple` a constructor for each class. Here the constructor of a named tuple of as many fields is taken
again, with other names for its parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple
    from collections.abc import Callable, Iterable, Mapping
    from functools import cache
    from types import FunctionType

    class _Record(tuple):
        """What `namedtuple` gives each class anew."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Iterable[Any]) -> _Record:
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                msg = f"Expected {len(cls._fields)} arguments, got {len(made)}"
                raise TypeError(msg)
            return made

        def _replace(self, /, **changes: Any) -> _Record:
            made = tuple.__new__(type(self), map(changes.pop, self._fields, self))
            if changes:
                msg = f"Got unexpected field names: {list(changes)!r}"
                raise ValueError(msg)
            return made

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self) -> str:
            values = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({values})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

    class _RecordType(type):
        """Makes what stands below `class Name(NamedTuple)` a tuple with names."""

        def __new__(mcs, name: str, bases: tuple[type, ...], body: Mapping[str, Any]) -> type:
            if not bases:
                return super().__new__(mcs, name, bases, body)
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            getters, constructor = _parts(len(fields))
            code = constructor.__code__.replace(co_varnames=("_cls", *fields))
            made = FunctionType(code, constructor.__globals__, "__new__", tuple(defaults.values()))
            # Defaults give way to the getters of their fields.
            return type(
                name,
                (_Record,),
                {
                    "__doc__": None,
                    **body,
                    **dict(zip(fields, getters, strict=True)),
                    "__new__": made,
                    "__slots__": (),
                    "__match_args__": fields,
                    "_fields": fields,
                    "_field_defaults": defaults,
                },
            )

    @cache
    def _parts(count: int) -> tuple[tuple[Any, ...], Callable[..., Any]]:
        """The getters and the constructor of a named tuple of so many fields; neither knows its class."""
        model = namedtuple("_Model", [f"field{number}" for number in range(count)])  # noqa: PYI024 - of no class
        return tuple(vars(model)[field] for field in model._fields), model.__new__

    class NamedTuple(metaclass=_RecordType):
        """The base to name; no instance or subclass of it is ever made."""
