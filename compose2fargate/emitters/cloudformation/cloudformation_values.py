"""Ids, parameters and texts as CloudFormation spells them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from compose2fargate.text.yaml_text import TaggedValue

DYNAMIC_URL = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"


def parameter_with_default(parameter: dict[str, Any], default: str) -> dict[str, Any]:
    """Give a parameter with a default."""
    return {**parameter, "Default": default} if default else parameter


def string_parameter(prefix: str, name: str, kind: str) -> str:
    """Give a parameter that holds a text."""
    return prefix + name.removeprefix(kind)


def any_of(value: Any, numbers: Iterable[int]) -> dict[str, Any]:
    """Give the condition that a number is one of several: there is no other comparison, and `Fn::Or` takes ten at most."""
    conditions: list[dict[str, Any]] = [{"Fn::Equals": [value, str(number)]} for number in numbers]
    while len(conditions) > 1:
        conditions = [
            {"Fn::Or": part} if len(part := conditions[at : at + 10]) > 1 else part[0]
            for at in range(0, len(conditions), 10)
        ]
    return conditions[0]


def _plain_id(logical_id: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", logical_id)
    return "".join(word[:1].upper() + word[1:] for word in words)[:200] or "X"


def cloudformation_ids(texts: Iterable[str]) -> Mapping[str, str]:
    """Give each text (a logical id) its name in the template: letters and digits; what would be one twice gets a suffix."""
    plain = {text: _plain_id(text) for text in texts}
    count = Counter(plain.values())
    return {
        text: name if count[name] == 1 else name + sha256(text.encode()).hexdigest()[:6]
        for text, name in plain.items()
    }


def literal_text(text: str) -> str:
    """Give a text as it stands inside `Fn::Sub`."""
    return text.replace("${", "${!")


def sub_function(parts: Iterable[Any]) -> Any:
    """Put texts and functions together: `Fn::Sub` where functions are plain, else `Fn::Join`."""
    parts = [part for part in parts if part != ""]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    if all(isinstance(part, str) or part.tag in ("!Ref", "!GetAtt", "!Sub") for part in parts):
        return TaggedValue("!Sub", "".join(map(_in_sub, parts)))
    return TaggedValue("!Join", ["", joined_text(parts)])


def _in_sub(part: Any) -> str:
    if isinstance(part, str):
        return literal_text(part)
    return str(part.value) if part.tag == "!Sub" else f"${{{part.value}}}"


def joined_text(parts: Iterable[Any]) -> list[Any]:
    """Put neighbouring texts into one."""
    joined: list[Any] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def json_parts(value: Any) -> Iterator[Any]:
    """Write JSON as a list of texts and functions."""
    if isinstance(value, TaggedValue):
        listed = value.tag == "!If" or value.value == "SubnetIds"
        yield from ('["', TaggedValue("!Join", ['","', value]), '"]') if listed else ('"', value, '"')
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield f'{"," if index else "{"}"{key}":'
            yield from json_parts(item)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield "," if index else ""
            yield from json_parts(item)
        yield "]"
    else:
        yield json.dumps(value)


# Members whose keys are the user's own.
_MAPS = frozenset({"dockerLabels", "options", "tags"})


def pascal_case_members(value: Any) -> Any:
    """Spell the members of an object in Pascal case, at every depth."""
    if isinstance(value, Mapping):
        return {
            key[:1].upper() + key[1:]: item if key in _MAPS else pascal_case_members(item)
            for key, item in value.items()
        }
    return [pascal_case_members(item) for item in value] if isinstance(value, list) else value
