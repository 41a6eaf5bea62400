"""The manifest beside generated files: what reproduces them, and how a later run tells what has changed since.

Nothing in it is a value of a variable or of a credential, nor tells one; see `fingerprints`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from compose2fargate.diagnostics import Diagnostic, EmitError, Location, Severity
from compose2fargate.records import NamedTuple
from compose2fargate.sync.fingerprints import Key

FORMAT: Final = 2
"""The layout of the manifest; see docs/versions.md for what raises it."""

_LONG: Final = 16
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


class Manifest(NamedTuple):
    """What a manifest says.

    Attributes:
        version: The version of the program that wrote the files.
        format: The layout of the manifest.
        target: The emitter's name.
        project: The project's name at that time.
        options: The compose options; paths are relative to the folder.
        settings: The settings that were chosen outside the compose files.
        inputs: Fingerprint of each file that was read; `SET` where there is none to tell.
        variables: Fingerprint of each variable's value; `SET` where there is none to tell, None where it had no value.
        keys: Fingerprint of each key of the compose model; empty for layouts that had none.
        files: The sha256 of each file that was written.
    """

    version: str
    format: int
    target: str
    project: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    variables: Mapping[str, str | None]
    keys: Mapping[Key, str]
    files: Mapping[str, str]


def pack_fingerprints(keys: Mapping[Key, str]) -> dict[str, str]:
    """Write fingerprints of keys as one line for each service and each kind of resource."""
    lines: dict[Key, list[str]] = {}
    for key in sorted(keys):
        depth = _DEPTHS.get(key[0], 0)
        rest = ".".join(key[depth:])
        if " " not in rest:
            lines.setdefault(key[:depth], []).append(f"{rest}={keys[key]}")
    named = ((".".join(where), items) for where, items in lines.items())
    return {where: " ".join(items) for where, items in named if " " not in where}


_DEPTHS: Final[Mapping[str, int]] = {"services": 2, "networks": 1, "volumes": 1, "configs": 1, "secrets": 1}
"""How much of a key stands before its line."""


def unpacked(lines: Mapping[str, str]) -> dict[Key, str]:
    """Read what `packed` wrote."""
    found: dict[Key, str] = {}
    for where, items in lines.items():
        section, _, name = where.partition(".")
        prefix = tuple(filter(None, (section, name)))
        for item in items.split():
            key, _, digits = item.rpartition("=")
            parts = (key,) if section and not name else key.split(".")
            path = (*prefix, *parts)
            found[path] = digits
    return found


def checksum(content: Mapping[str, Any]) -> str:
    """Give the sum that tells a manifest that was edited from one that was written."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return sha256(_ENCODER.encode(rest).encode("utf-8", "surrogateescape")).hexdigest()[:_LONG]


_FORMS: Final[Mapping[str, tuple[type, str]]] = {
    "version": (str, "a text"),
    "format": (int, "a number"),
    "target": (str, "a text"),
    "project": (str, "a text"),
    "options": (dict, "an object"),
    "settings": (dict, "an object"),
    "inputs": (dict, "an object"),
    "variables": (dict, "an object"),
    "files": (dict, "an object"),
}
_LISTS: Final = frozenset({"files", "profiles", "env_files"})


def parse_manifest(text: str, file: str) -> Manifest:
    """Read a manifest.

    Args:
        text: Its text.
        file: Its name in messages.

    Raises:
        EmitError: It is damaged, was edited, or is not one that this version can read; with the place.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_json(error, text, file) from error
    if not isinstance(content, dict) or content.get("tool") != "compose2fargate":
        raise _refused("C2F328", f"{file} is not a manifest of compose2fargate", Location(file, 1, 1))
    layout = content.get("format")
    if isinstance(layout, int) and layout > FORMAT:
        raise _refused(
            "C2F331",
            f"{file} was written by compose2fargate {content.get('version')}, which is newer than this one",
            place_of(text, file, "format"),
            "install that version or a later one: pip install --upgrade compose2fargate",
        )
    problem = next(_wrong(content), None) or next(_unreadable(content), None)
    if problem is not None:
        raise _refused("C2F329", f"{file} is damaged: {problem[1]}", place_of(text, file, problem[0]))
    if layout != 1 and content.get("checksum") != checksum(content):
        raise _refused(
            "C2F330",
            f"{file} was edited by hand: its checksum does not match its content",
            place_of(text, file, "checksum"),
        )
    return Manifest(**{name: content[name] for name in _FORMS}, keys=unpacked(content.get("keys", {})))


def _wrong(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each thing that is not as it must be: the key, and what is wrong."""
    for key, (kind, form) in _FORMS.items():
        if key not in content:
            yield "tool", f"{key} is missing"
        elif not isinstance(content[key], kind):
            yield key, f"{key} is not {form}"
    for section in ("inputs", "files"):
        wrong = (path for path, digits in content[section].items() if not isinstance(digits, str))
        yield from ((path, f"{section}: {path} has no hash") for path in wrong)
    outside = (path for path in content["files"] if re.search(_OUTSIDE, path))
    yield from ((path, f"files: {path} is outside the folder") for path in outside)
    for key, value in content["options"].items():
        texts = value if isinstance(value, list) == (key in _LISTS) else None
        if texts is None or not all(isinstance(one, str) for one in (texts if key in _LISTS else [texts])):
            yield key, f"options: {key} has a wrong form"
    keys = content.get("keys", {})
    if not (isinstance(keys, dict) and all(isinstance(items, str) for items in keys.values())):
        yield "keys", "keys has a wrong form"


def _unreadable(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each part that holds a NUL, which no path, no variable and no argument has."""
    for key in ("options", "settings", "inputs", "variables", "files"):
        if any("\0" in text for text in _texts(content[key])):
            yield key, f"{key} holds a character that no path has"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in (*value, *value.values()):
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


_OUTSIDE: Final = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"


def _not_json(error: ValueError | RecursionError, text: str, file: str) -> EmitError:
    conflict = re.search("^<<<<<<< ", text, re.MULTILINE)
    if conflict:
        at = Location(file, text.count("\n", 0, conflict.start()) + 1, 1)
        return _refused("C2F329", f"{file} holds a merge conflict", at)
    at = Location(file, getattr(error, "lineno", 1), getattr(error, "colno", 1))
    return _refused("C2F329", f"{file} is damaged: {getattr(error, 'msg', error)}", at)


def place_of(text: str, file: str, key: str) -> Location:
    """Find the line of a key in the text of a manifest."""
    found = re.search(rf"^ *({re.escape(json.dumps(key))})\s*:", text, re.MULTILINE)
    if found is None:
        return Location(file, 1, 1)
    start = found.start(1)
    return Location(file, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def _refused(code: str, message: str, at: Location, hint: str = "") -> EmitError:
    again = (
        "restore it (git checkout), or generate the folder again: compose2fargate convert --force -o FOLDER"
    )
    return EmitError(Diagnostic(code, Severity.ERROR, message, (), at, hint or again))
