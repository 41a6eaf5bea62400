"""What differs between two normalised values, member by member; and how that is shown without showing secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from compose2fargate.apply.handlers.core import Pending

HIDDEN: Final = "(hidden)"
_SHORT = 90
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|pwd|secret|token|api_?key|private_?key|access_?key|credential|auth|dsn|salt|signing",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{12,}")
_NAMES_OF_ITEMS = ("name", "key", "containerPort", "containerPath", "containerName", "Sid", "PolicyName")
_TEXT_LISTS = frozenset({"command", "entryPoint"})


class Change(NamedTuple):
    """One difference: where, and both values; None is "not there"."""

    member: str
    before: Any
    after: Any


def differences(before: Any, after: Any, member: str = "") -> Iterator[Change]:
    """Yield what differs; lists of things with names are compared name by name."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from differences(before.get(key), after.get(key), f"{member}.{key}" if member else str(key))
        return
    names = _names(before, after)
    if names:
        old, new = ({_name(item, names): item for item in items} for items in (before, after))
        for key in dict.fromkeys([*old, *new]):
            yield from differences(old.get(key), new.get(key), f"{member}[{key}]")
        return
    yield Change(member, before, after)


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


def shown(member: str, value: Any) -> str:
    """Write one side of a difference for people: short, on one line, and nothing that looks like a secret."""
    if value is None:
        return "(not set)"
    if isinstance(value, Pending):
        return str(value)
    text = (
        value
        if isinstance(value, str)
        else json.dumps(_masked(member, value), ensure_ascii=False, default=str)
    )
    if _is_secret(member, text):
        return HIDDEN
    text = (
        json.dumps(text, ensure_ascii=False)
        if isinstance(value, str) and not (text.isprintable() and text)
        else text
    )
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _is_secret(member: str, text: str) -> bool:
    inside = re.search(r"environment\[([^\]]*)\]|dockerLabels\.(.*)|options\.(.*)", member)
    name = next((group for group in inside.groups() if group), "") if inside else ""
    if name and _SECRET_NAME.search(name):
        return True
    if any(f".{part}" in member or member.startswith(part) for part in _TEXT_LISTS) and _SECRET_NAME.search(
        text
    ):
        return True
    return bool(_SECRET_VALUE.search(text))


def _masked(member: str, value: Any) -> Any:
    """Hide, inside a larger value, the values of variables that look like secrets, and of commands that hold some."""
    if isinstance(value, Mapping):
        if "name" in value and isinstance(value.get("value"), str):
            secret = _SECRET_NAME.search(str(value["name"])) or _SECRET_VALUE.search(value["value"])
            return {**value, "value": HIDDEN if secret else value["value"]}
        return {key: _masked_member(key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, Pending):
        return [_masked(member, item) for item in value]
    return value


def _masked_member(key: str, item: Any) -> Any:
    if isinstance(item, str) and (_SECRET_NAME.search(key) or _SECRET_VALUE.search(item)):
        return HIDDEN if key not in _NOT_SECRET else item
    if key in _TEXT_LISTS and _SECRET_NAME.search(json.dumps(item, default=str)):
        return HIDDEN
    return _masked(key, item)


_NOT_SECRET = frozenset({"credentialsParameter", "valueFrom", "authorizationConfig"})
"""Members whose name sounds like a secret, and that only say where one is."""


def masked(text: str, value: str) -> str:
    """Hide a value in a text, as it is and as JSON or XML would quote it, each of its lines as well."""
    from html import escape

    lines = [line for line in value.splitlines() if len(line.strip()) > 3]
    forms = {
        form for one in (value, value.strip(), *lines) for form in (one, json.dumps(one)[1:-1], escape(one))
    }
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text
