"""What differs between two normalised values, member by member; and how that is shown without showing secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.apply.aws_client.hidden_texts import HIDDEN
from compose2fargate.apply.handlers.handler import PendingValue
from compose2fargate.credentials import MASK, mask_value
from compose2fargate.records import NamedTuple

_SHORT = 90
_CONTEXT = 20
_NAMES_OF_ITEMS = ("name", "key", "containerPort", "containerPath", "containerName", "Sid", "PolicyName")


class StateChange(NamedTuple):
    """One difference: where, and both values; None is "not there"."""

    member: str
    before: Any
    after: Any


def state_changes(before: Any, after: Any, member: str = "") -> Iterator[StateChange]:
    """Yield what differs; lists of things with names are compared name by name."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from state_changes(
                before.get(key), after.get(key), f"{member}.{key}" if member else str(key)
            )
        return
    names = _names(before, after)
    if names:
        old, new = ({_name(item, names): item for item in items} for items in (before, after))
        for key in dict.fromkeys([*old, *new]):
            yield from state_changes(old.get(key), new.get(key), f"{member}[{key}]")
        return
    yield StateChange(member, before, after)


def _names(before: Any, after: Any) -> str:
    """Find the member by which the items of both lists are told apart; "" when there is none."""
    if not (isinstance(before, list) and isinstance(after, list)):
        return ""
    items = [*before, *after]
    if not items or not all(isinstance(item, Mapping) for item in items):
        return ""
    for member in _NAMES_OF_ITEMS:
        if all(member in item for item in items) and all(
            len({_name(item, member) for item in side}) == len(side) for side in (before, after)
        ):
            return member
    return ""


def _name(item: Mapping[str, Any], member: str) -> str:
    return str(item[member])


def shown_sides(change: StateChange) -> tuple[str, str]:
    """Write both sides of a difference for people: on one line, nothing that looks like a secret, cut so that what differs is seen."""
    sides = _whole(change.member, change.before), _whole(change.member, change.after)
    same = next((at for at, (one, other) in enumerate(zip(*sides)) if one != other), min(map(len, sides)))  # noqa: B905 - one may be longer
    # Some of what is the same stays before what differs, to tell where it is.
    late = same >= _SHORT - _CONTEXT and max(map(len, sides)) > _SHORT and sides[0] != sides[1]
    start = same - _CONTEXT if late else 0
    first, second = (_cut(f"…{side[start:]}" if start else side) for side in sides)
    return first, second


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _whole(member: str, value: Any) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, PendingValue):
        return str(value)
    hidden = mask_value(_spelled_links(value), _subject(member))
    if hidden == MASK:
        return HIDDEN
    text: str = hidden if isinstance(hidden, str) else json.dumps(hidden, ensure_ascii=False, default=str)
    unprintable = isinstance(value, str) and not (text.isprintable() and text)
    return (json.dumps(text, ensure_ascii=False) if unprintable else text).replace(MASK, HIDDEN)


def _spelled_links(value: Any) -> Any:
    """Spell the links to what does not exist yet, wherever in a value they stand."""
    if isinstance(value, PendingValue):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _spelled_links(item) for key, item in value.items()}
    return [_spelled_links(item) for item in value] if isinstance(value, list) else value


def _subject(member: str) -> str:
    """Give the name of what a member is the value of: the variable, the option, or the member's own."""
    parts: list[str] = re.findall(r"[^.\[\]]+", member)
    return parts[-2] if len(parts) > 1 and parts[-1] == "value" else (parts or [""])[-1]
