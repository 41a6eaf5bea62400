"""Traefik's rules for requests, as conditions of a listener rule."""

from __future__ import annotations

import re
from typing import Any

URL = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"
MAX_VALUES = 5
"""Hosts and paths of one rule: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""
_MATCHER = re.compile(r"(Host|PathPrefix|Path)\(\s*((?:[`\"][^`\"]*[`\"]\s*(?:,\s*)?)+)\)")
HOST = re.compile(r"[A-Za-z0-9.*?-]+")
_PATH = re.compile(r"/[^{}*?]*")
"""Values that mean the same to both: Traefik 2 has patterns in braces, a listener rule has `*` and `?`."""
_QUOTED = re.compile(r"[`\"]([^`\"]*)[`\"]")


class RefusedRule(Exception):  # noqa: N818 - it is no error of the program
    """A route that no listener rule says, and why."""


# -- the rule --------------------------------------------------------------------------------------------------


def rule_conditions(rule: str) -> list[dict[str, Any]]:
    """Give the conditions of a rule: one entry for each alternative, one where the alternatives are all hosts."""
    found = [_conjunction(part) for part in _split(rule, "||")]
    if all(set(each) == {"host"} for each in found):
        found = [{"host": [host for each in found for host in each["host"]]}]
    if any(len(each.get("host", ())) + len(each.get("path", ())) > MAX_VALUES for each in found):
        raise RefusedRule(f"a rule of a load balancer has at most {MAX_VALUES} hosts and paths")
    if any(not each for each in found):
        raise RefusedRule("it takes every request")
    return [{key: value[0] if len(value) == 1 else value for key, value in each.items()} for each in found]


def _conjunction(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for factor in _split(text, "&&"):
        values = [_matcher(part) for part in _split(_bare(factor), "||")]
        kinds = {kind for kind, _ in values}
        if len(kinds) > 1 or (kinds & set(found)):
            raise RefusedRule(f"a listener rule cannot express {text.strip()}")
        texts = [value for _, own in values for value in own]
        if texts != ["*"]:
            found[kinds.pop()] = texts
    return found


def _matcher(text: str) -> tuple[str, list[str]]:
    match = _MATCHER.fullmatch(_bare(text))
    if not match:
        raise RefusedRule(f"a listener rule cannot express {text.strip()}")
    values = _QUOTED.findall(match[2])
    literal = HOST if match[1] == "Host" else _PATH
    if not all(map(literal.fullmatch, values)):
        raise RefusedRule(
            f"{text.strip()} is a pattern, or not a name, and a listener rule would match it literally"
        )
    if match[1] == "Host":
        return "host", values
    return "path", values if match[1] == "Path" else [
        "*" if value == "/" else f"{value}*" for value in values
    ]


def _bare(text: str) -> str:
    """Take the parentheses around a whole expression away: the outermost pairs, all at once."""
    text = text.strip()
    pairs: dict[int, int] = {}
    open_: list[int] = []
    for index, character in enumerate(text):
        if character == "(":
            open_.append(index)
        elif character == ")" and open_:
            pairs[open_.pop()] = index
    first, last = 0, len(text)
    while first < last and pairs.get(first) == last - 1:
        first, last = first + 1, last - 1
        while first < last and text[first].isspace():
            first += 1
        while first < last and text[last - 1].isspace():
            last -= 1
    return text[first:last]


def _split(text: str, operator: str) -> list[str]:
    """Split at an operator that stands outside of parentheses."""
    parts, depth, start, index = [], 0, 0, 0
    text = _bare(text)
    while index < len(text):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if not depth and text.startswith(operator, index):
            parts.append(text[start:index])
            index = start = index + len(operator)
        else:
            index += 1
    return [*parts, text[start:]]
