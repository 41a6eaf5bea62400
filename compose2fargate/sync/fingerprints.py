"""Fingerprints of what generated files were made from, by which a later run notices what has changed since.

A fingerprint of a short value is as good as the value: whoever has it tries them all. So there is one only of what
everybody can read anyway, as it stands in the generated files: of the rest is recorded whether it was there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, Final

from compose2fargate.credentials import is_hidden

Key = tuple[str, ...]
"""`("services", "web", "image")`, `("networks", "front")` or `("name",)`: what a fingerprint is recorded of."""

SET: Final = "set"
"""Stands for what was there, and of which nothing more is told."""

_SHORT: Final = 4
_LONG: Final = 16
_NO_WORD: Final = 4
_GUESSED: Final = 8
"""A credential of fewer characters has no fingerprint: it may stand in a file by chance, as the number of a port does."""
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str)


class Published:
    """What stands in generated files for everybody to read."""

    def __init__(self, texts: Iterable[str], secrets: Iterable[str] = ()) -> None:
        """Take the texts of the files, and the values that are secrets, whatever the files hold."""
        self._texts = tuple(texts)
        self._secrets = tuple(secrets)

    def variable(self, name: str, value: str | None) -> str | None:
        """Give the fingerprint of a variable's value: `SET` where there is none to tell, None when it has no value."""
        if value is None:
            return None
        guessed = is_hidden(name) and len(value) < _GUESSED
        return SET if value and (guessed or not self.holds(value)) else fingerprint(value)

    def input(self, content: bytes, *, source: bool) -> str:
        """Give the fingerprint of a file; a source (compose file, Dockerfile) is read by whoever reads the generated files."""
        if source:
            return sha256(unix_lines(content)).hexdigest()[:_LONG]
        text = unix_lines(content).decode("utf-8", "replace").strip()
        return fingerprint(text) if self.holds(text) else SET

    def holds(self, value: str) -> bool:
        """Tell whether a value stands in a file, and is none that is or belongs to a secret."""
        if any(_is_part(value, secret) for secret in self._secrets):
            return False
        return any(_stands(form, text) for form in {value, _quoted(value)} for text in self._texts)


def _is_part(value: str, secret: str) -> bool:
    return (len(value) >= _NO_WORD and value in secret) or _stands(value, secret)


def _stands(value: str, text: str) -> bool:
    if value not in text:
        return False
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", text) is not None


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def unix_lines(content: bytes) -> bytes:
    """Undo what git's autocrlf does to a text file in a checkout."""
    return content.replace(b"\r\n", b"\n") if b"\r\n" in content else content


def fingerprint(text: str) -> str:
    """Give four digits of a hash: enough to notice a change."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_SHORT]


def same_value(recorded: str | None, value: str | None) -> bool:
    """Tell whether a variable has the value that a manifest recorded, as far as that can be told."""
    if recorded is None or value is None:
        return recorded is value
    return recorded in (SET, fingerprint(value))


def key_fingerprints(
    tree: Mapping[str, Any], working_dir: str, untold: Iterable[str] = (), secrets: Iterable[str] = ()
) -> dict[Key, str]:
    """Give the fingerprint of each key of a canonical tree; values that may be credentials do not count.

    Args:
        tree: The canonical tree.
        working_dir: The project's directory, which is not the same in another checkout and so does not count.
        untold: Values of variables that have no fingerprint; they do not count either.
        secrets: Names of variables of services that are read from secrets, whose values do not count.
    """
    digits = cache(fingerprint)  # services say the same things: seven values of eight come again
    left_out = frozenset(secrets)
    found = _keys(tree)
    if left_out:
        found = ((key, _open(key, value, left_out)) for key, value in found)
    texts = ((key, _text(value, working_dir)) for key, value in found)
    forms = {form for value in untold if value for form in (value, _quoted(value))}
    if not forms:
        return {key: digits(text) for key, text in texts}
    longest_first = "|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form))))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{longest_first})(?![A-Za-z0-9])")
    return {key: digits(pattern.sub("", text)) for key, text in texts}


def _open(key: Key, value: Any, secrets: frozenset[str]) -> Any:
    """Take the values of variables out that become secrets."""
    if key[2:] == ("environment",) and type(value) is dict:
        return {name: "" if name in secrets else item for name, item in value.items()}
    return value


_DEEP: Final = frozenset({"build", "deploy", "healthcheck", "logging", "x-fargate"})
"""Keys of a service whose parts are told apart, as they decide different things."""


def _keys(tree: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    for section, value in tree.items():
        if section == "services":
            for name, service in value.items():
                yield from _keys_of_service((section, name), service)
        elif section in ("networks", "volumes", "configs", "secrets"):
            yield from (((section, name), _harmless(section, item)) for name, item in value.items())
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
    """Take out what may be a credential; its name stays."""
    if type(value) is not dict:
        return value
    if key == "environment":
        return {name: "" if _may_be_credential(name, item) else item for name, item in value.items()}
    if key == "build" and "args" in value:
        return {**value, "args": _harmless("environment", value["args"])}
    if key == "secrets":
        return {name: item for name, item in value.items() if name not in ("content", "x-#value")}
    return value


def _may_be_credential(name: str, value: Any) -> bool:
    return is_hidden(name) or (type(value) is str and "://" in value and "@" in value)
