"""What of the canonical tree is printed, in which order: as YAML, and as JSON, which Docker Compose writes differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from compose2fargate.compose.passes import Trie, rules_at

# ---------------------------------------------------------------------------------------------------------
# What each format shows of the tree, in its order
# ---------------------------------------------------------------------------------------------------------

_NAME_MAPS = frozenset(
    (
        "additional_contexts",
        "annotations",
        "args",
        "aux_addresses",
        "configs",
        "depends_on",
        "driver_opts",
        "environment",
        "extra_hosts",
        "labels",
        "models",
        "networks",
        "options",
        "secrets",
        "services",
        "storage_opt",
        "sysctls",
        "ulimits",
        "volumes",
    )
)
"""Keys whose value, if it is a mapping, has keys that the user chose; the keys of all others are fixed."""

_TOP_LEVEL = ("name", "services", "networks", "volumes", "secrets", "configs", "models")

_JSON_ONLY: Mapping[str, tuple[Any, ...]] = {
    "command": (None,),
    "entrypoint": (None,),
    "exec": ({}, {"command": None}),
    "ipam": ({},),
    "placement": ({},),
    "resources": ({},),
}
"""Values that only JSON shows."""

_JSON_NAMES: Mapping[str, Mapping[str, str]] = {
    "device_read_bps": {"path": "Path", "rate": "Rate"},
    "device_read_iops": {"path": "Path", "rate": "Rate"},
    "device_write_bps": {"path": "Path", "rate": "Rate"},
    "device_write_iops": {"path": "Path", "rate": "Rate"},
    "weight_device": {"path": "Path", "weight": "Weight"},
}
"""Keys that JSON calls otherwise, by the key of the list they are in."""


def yaml_view(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Give what YAML shows of the tree, in its order."""
    keys = [key for key in _TOP_LEVEL if key in tree]
    keys += _natural_order(key for key in tree if key not in _TOP_LEVEL)
    return {key: _yaml_value(key, tree[key]) for key in keys}


def _yaml_value(key: str, value: Any) -> Any:
    if key.startswith("x-"):
        return naturally_sorted(value)
    if type(value) is list:
        return [_yaml_value("", item) if type(item) in COLLECTIONS else item for item in value]
    if type(value) is not dict:
        return value
    if key in _NAME_MAPS:
        return {name: _yaml_value("", item) for name, item in _picked(value, value).items()}
    extensions = [inner for inner in value if inner.startswith("x-")]
    if len(extensions) > 1:  # Go keeps them in a map beside the struct, which comes last
        value = {**{k: v for k, v in value.items() if k not in extensions}, **_picked(value, extensions)}
    return {
        inner: _yaml_value(inner, item) if type(item) in COLLECTIONS else item
        for inner, item in value.items()
        if inner not in _JSON_ONLY or item not in _JSON_ONLY[inner]
    }


def _picked(value: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value[name] for name in _natural_order(names)}


def json_view(tree: Mapping[str, Any], *, keep: bool) -> dict[str, Any]:
    """Give what JSON shows of the tree, in its order."""
    return {
        key: plain_json(tree[key], {}, keep=keep) if key.startswith("x-") else _json_value(key, tree[key])
        for key in sorted(tree)
        if key != "models"
    }


def _json_value(key: str, value: Any) -> Any:
    if type(value) is list:
        names = _JSON_NAMES.get(key, {})
        return [_json_struct(item, names) if type(item) is dict else item for item in value]
    if type(value) is not dict:
        return value
    if key == "ulimits":
        return {name: _json_limit(value[name]) for name in sorted(value)}
    if key in _NAME_MAPS:
        return {name: _json_value("", value[name]) for name in sorted(value)}
    return _json_struct(value, {})


def _json_struct(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        names.get(key, key): _json_value(key, item) if type(item) in COLLECTIONS else item
        for key, item in value.items()
        if not key.startswith("x-")
    }


def _json_limit(limit: Any) -> Any:
    return {key: number for key, number in limit.items() if number} if type(limit) is dict else limit


def plain_json(value: Any, unique: Trie, *, keep: bool) -> Any:
    """Sort all keys. Unless they are to be kept, make empty lists null: only those made anew in Go are not nil."""
    if type(value) is dict:
        return {
            key: _plain_json_entry(key, value[key], rules_at(unique, key), keep=keep) for key in sorted(value)
        }
    if type(value) is list:
        rule = rules_at(unique, "*")
        return [_plain_json_entry("", item, rule, keep=keep) for item in value] or ([] if keep else None)
    return value


def _plain_json_entry(key: str, value: Any, rule: tuple[Any, Trie], *, keep: bool) -> Any:
    if value == []:
        is_made_anew = rule[0] is not None
        return None if (is_made_anew and key in _FILLED) or not (keep or is_made_anew) else value
    return plain_json(value, rule[1], keep=keep)


_FILLED = frozenset(("args", "environment"))
"""Lists that are made once more, to fill in variables."""


def naturally_sorted(value: Any) -> Any:
    """Sort mappings as YAML does: `a2` before `a10`."""
    if type(value) is dict:
        return {key: naturally_sorted(value[key]) for key in _natural_order(value)}
    return [naturally_sorted(item) for item in value] if type(value) is list else value


COLLECTIONS = frozenset((dict, list))
_LETTERS_LAST = {
    ord(letter): 0x10000 + ord(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
}
_NO_DIGITS = re.compile(r"[\x00-/:-\x7f]*")
_RUN = re.compile(r"[0-9]+|[^0-9]")


def _natural_order(names: Iterable[str]) -> list[str]:
    """Sort names as go-yaml does: digits by the number they make, letters after all other characters."""
    names = list(names)
    if _NO_DIGITS.fullmatch("".join(names)):
        return sorted(names, key=lambda name: name.translate(_LETTERS_LAST))
    return sorted(names, key=_natural_key)


@lru_cache(maxsize=4096)
def _natural_key(name: str) -> tuple[tuple[int, int, int], ...]:
    key = []
    after_digits = False
    for run in _RUN.findall(name):
        if "0" <= run[0] <= "9":
            key.append((1, int(run[:_MAX_DIGITS]), len(run)))
            after_digits = True
            continue
        is_last = run.isalpha() is not after_digits
        key.append((2 if is_last else 0, ord(run), 0))
        after_digits = False
    return tuple(key)


_MAX_DIGITS = 18
