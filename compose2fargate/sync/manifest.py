"""The manifest beside generated files: what reproduces them, and how a later run tells what has changed since.

Nothing in it is a value of a variable or of a credential. What may be secret leaves four hexadecimal digits of a
hash: enough to notice a change, and too few to find a value by trying.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from compose2fargate.diagnostics import Diagnostic, EmitError, Location, Severity

FORMAT: Final = 2
"""The layout of the manifest; see docs/versions.md for what raises it."""

Key = tuple[str, ...]
"""`("services", "web", "image")`, `("networks", "front")` or `("name",)`: what a fingerprint is recorded of."""

_SHORT: Final = 4
_LONG: Final = 16
_OPEN_FILES: Final = r"(?i)\.ya?ml$|(^|[/.])Dockerfile([.][^/]*)?$"
_CREDENTIAL: Final = r"(?i)pass|pwd|secret|token|key|credential|auth|dsn|salt|cert|private"
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
        inputs: Fingerprint of each file that was read.
        variables: Fingerprint of each variable's value; None where it had none.
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


def unix_lines(content: bytes) -> bytes:
    """Undo what git's autocrlf does to a text file in a checkout."""
    return content.replace(b"\r\n", b"\n") if b"\r\n" in content else content


def input_fingerprint(path: str, content: bytes) -> str:
    """Give the fingerprint of an input; short where the file is no compose file and no Dockerfile."""
    digits = _LONG if may_be_open(path) else _SHORT
    return sha256(unix_lines(content)).hexdigest()[:digits]


def may_be_open(path: str) -> bool:
    """Tell whether a file is a compose file or a Dockerfile, by its name: what stands in those is no secret."""
    return re.search(_OPEN_FILES, path) is not None


def value_fingerprint(value: str | None) -> str | None:
    """Give the fingerprint of a variable's value; None when it has none."""
    return None if value is None else _digits(value)


def _digits(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_SHORT]


def key_fingerprints(tree: Mapping[str, Any], working_dir: str) -> dict[Key, str]:
    """Give the fingerprint of each key of a canonical tree; values that may be credentials do not count.

    Args:
        tree: The canonical tree.
        working_dir: The project's directory, which is not the same in another checkout and so does not count.
    """
    digits = cache(_digits)  # services say the same things: seven values of eight come again
    return {key: digits(_text(value, working_dir)) for key, value in _keys(tree)}


_DEEP: Final = frozenset({"build", "deploy", "healthcheck", "logging", "x-fargate"})
"""Keys of a service whose parts are told apart, as they decide different things."""


def _keys(tree: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    for section, value in tree.items():
        if section == "services":
            for name, service in value.items():
                yield from _keys_of_service((section, name), service)
        elif section in ("networks", "volumes", "configs", "secrets"):
            yield from (((section, name), item) for name, item in value.items())
        elif section == "name" or section.startswith(("x-fargate", "x-aws-")):
            yield from _parts((section,), value)


def _keys_of_service(path: Key, service: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    for key, value in service.items():
        if key in _DEEP:
            yield from _parts((*path, key), _harmless(key, value))
        elif value is not None:
            yield (*path, key), _harmless(key, value) if key == "environment" else value


def _parts(path: Key, value: Any) -> list[tuple[Key, Any]]:
    if type(value) is not dict or not value:
        return [(path, value)]
    found: list[tuple[Key, Any]] = []
    for key, item in value.items():
        inner = (*path, *key.split(".")) if "." in key else (*path, key)
        found += _parts(inner, item) if type(item) is dict else [(inner, item)]
    return found


def _text(value: Any, working_dir: str) -> str:
    kind = type(value)
    text = value if kind is str else str(value) if kind is int else _ENCODER.encode(value)
    return text.replace(working_dir, "") if len(working_dir) > 1 else text


def _harmless(key: str, value: Any) -> Any:
    """Take out of environment and build arguments what may be a credential; its name stays."""
    if key == "environment" and type(value) is dict:
        return {name: "" if _may_be_credential(name, item) else item for name, item in value.items()}
    if key == "build" and type(value) is dict and "args" in value:
        return {**value, "args": _harmless("environment", value["args"])}
    return value


def _may_be_credential(name: str, value: Any) -> bool:
    return _names_credential(name) or (type(value) is str and "://" in value and "@" in value)


@cache  # services have the same variables
def _names_credential(name: str) -> bool:
    return re.search(_CREDENTIAL, name) is not None


def packed(keys: Mapping[Key, str]) -> dict[str, str]:
    """Write fingerprints of keys as one line for each service and each kind of resource."""
    lines: dict[str, list[str]] = {}
    for key in sorted(keys):
        depth = _DEPTHS.get(key[0], 0)
        where, rest = ".".join(key[:depth]), ".".join(key[depth:])
        if " " not in where and " " not in rest:
            lines.setdefault(where, []).append(f"{rest}={keys[key]}")
    return {where: " ".join(items) for where, items in lines.items()}


_DEPTHS: Final[Mapping[str, int]] = {"services": 2, "networks": 1, "volumes": 1, "configs": 1, "secrets": 1}
"""How much of a key stands before its line."""


def _unpacked(lines: Mapping[str, str]) -> dict[Key, str]:
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


def parse(text: str, file: str) -> Manifest:
    """Read a manifest.

    Args:
        text: Its text.
        file: Its name in messages.

    Raises:
        EmitError: It is damaged, was edited, or is not one that this version can read; with the place.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _not_json(error, text, file) from error
    if not isinstance(content, dict) or content.get("tool") != "compose2fargate":
        raise _refused("C2F328", f"{file} is not a manifest of compose2fargate", Location(file, 1, 1))
    layout = content.get("format")
    if isinstance(layout, int) and layout > FORMAT:
        raise _refused(
            "C2F331",
            f"{file} was written by compose2fargate {content.get('version')}, which is newer than this one",
            _place(text, file, "format"),
            "install that version or a later one: pip install --upgrade compose2fargate",
        )
    problem = next(_wrong(content), None)
    if problem is not None:
        raise _refused("C2F329", f"{file} is damaged: {problem[1]}", _place(text, file, problem[0]))
    if layout != 1 and content.get("checksum") != checksum(content):
        raise _refused(
            "C2F330",
            f"{file} was edited by hand: its checksum does not fit its content",
            _place(text, file, "checksum"),
        )
    return Manifest(**{name: content[name] for name in _FORMS}, keys=_unpacked(content.get("keys", {})))


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
        if not isinstance(value, list if key in _LISTS else str):
            yield key, f"options: {key} has a wrong form"
    keys = content.get("keys", {})
    if not (isinstance(keys, dict) and all(isinstance(items, str) for items in keys.values())):
        yield "keys", "keys has a wrong form"


_OUTSIDE: Final = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"


def _not_json(error: ValueError, text: str, file: str) -> EmitError:
    conflict = re.search("^<<<<<<< ", text, re.MULTILINE)
    if conflict:
        at = Location(file, text.count("\n", 0, conflict.start()) + 1, 1)
        return _refused("C2F329", f"{file} holds a merge conflict", at)
    at = Location(file, getattr(error, "lineno", 1), getattr(error, "colno", 1))
    return _refused("C2F329", f"{file} is damaged: {getattr(error, 'msg', error)}", at)


def _place(text: str, file: str, key: str) -> Location:
    """Find the line of a key in the text of a manifest."""
    found = re.search(rf"^ *({re.escape(json.dumps(key))})\s*:", text, re.MULTILINE)
    if found is None:
        return Location(file, 1, 1)
    start = found.start(1)
    return Location(file, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def _refused(code: str, message: str, at: Location, hint: str = "") -> EmitError:
    again = "bring it back (git checkout), or generate the folder again: compose2fargate convert --force -o FOLDER"
    return EmitError(Diagnostic(code, Severity.ERROR, message, (), at, hint or again))
