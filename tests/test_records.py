"""The quicker `NamedTuple`: its classes are what `typing` makes of the same text."""

from __future__ import annotations

import pickle
import typing
from typing import Any, get_type_hints

import pytest

from compose2fargate import records


class Size(records.NamedTuple):
    """A task size."""

    cpu: int
    memory: int = 512

    @property
    def text(self) -> str:
        return f"{self.cpu}/{self.memory}"

    @classmethod
    def smallest(cls) -> Size:
        return cls(256)


class SizeOfTyping(typing.NamedTuple):
    """A task size."""

    cpu: int
    memory: int = 512

    @property
    def text(self) -> str:
        return f"{self.cpu}/{self.memory}"


@pytest.mark.parametrize(
    "attribute",
    ["__doc__", "_fields", "_field_defaults", "__match_args__", "__module__", "__slots__"],
)
def test_a_class_is_described_as_that_of_typing(attribute: str) -> None:
    assert getattr(Size, attribute) == getattr(SizeOfTyping, attribute)


def test_values_are_frozen_tuples_with_names() -> None:
    size: Any = Size(memory=1024, cpu=256)
    assert tuple(size) == (256, 1024)
    assert repr(size) == "Size(cpu=256, memory=1024)"
    assert size._replace(cpu=512).text == "512/1024"
    assert Size.smallest() == (256, 512)
    assert pickle.loads(pickle.dumps(size)) == size  # noqa: S301 - is our own
    with pytest.raises(AttributeError):
        size.cpu = 1
    with pytest.raises(AttributeError):
        size.other = 1


def test_what_does_not_fit_is_an_error() -> None:
    kind: Any = Size
    with pytest.raises(TypeError, match="cpu"):
        kind()
    with pytest.raises(TypeError, match="got 3"):
        kind._make((1, 2, 3))
    with pytest.raises(ValueError, match="unit"):
        kind(1)._replace(unit=2)
    assert kind._make((1, 2))._asdict() == {"cpu": 1, "memory": 2}


def test_types_are_found_by_those_who_ask() -> None:
    assert get_type_hints(Size) == {"cpu": int, "memory": int}
    assert Size.__qualname__ == "Size"
