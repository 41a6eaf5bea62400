"""The final form of values that can be written in several ways: commands, pairs, hosts, options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compose2fargate.compose.passes import Findings, Placed
from compose2fargate.compose.sources.source_files import Mark, Marks
from compose2fargate.compose.values.canonical_steps import (
    AlwaysPrinted,
    each,
    fixed,
    integer,
    named,
    text,
)
from compose2fargate.compose.values.shell_words import split_words
from compose2fargate.compose.values.short_syntax import go_text
from compose2fargate.diagnostics import Path

# ---------------------------------------------------------------------------------------------------------
# Lists and mappings of text
# ---------------------------------------------------------------------------------------------------------


texts = each(text)


def text_or_texts(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a list of texts that may be a single one."""
    return ([value], None) if isinstance(value, str) else texts(value, marks, path, findings)


def any_texts(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read a list of texts and numbers."""
    return ([go_text(item) for item in value], marks) if isinstance(value, list) else ([go_text(value)], None)


def command(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Split a command line into words; a list is taken as it is, and null means what the image says."""
    if value is None:
        return None, None
    if not isinstance(value, str):
        return texts(value, marks, path, findings)
    try:
        words, rest = split_words(value, findings.dialect)
    except ValueError as error:
        hint = 'write it as a list: ["program", "argument"]'
        findings.error("C2F154", path, f"{'.'.join(map(str, path))}: the command line has {error}", hint)
        return [], None
    if rest:
        findings.warn(
            "C2F161",
            path,
            f"Docker Compose drops {rest!r} from this command line: it starts no shell",
            f'write ["sh", "-c", "..."] if a shell is to run it, or quote the {rest[0]!r}',
        )
    return words, None


def health_test(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a health check's command; a text is for the shell."""
    return (["CMD-SHELL", value], None) if isinstance(value, str) else texts(value, marks, path, findings)


def _pairs(value: Any, marks: Marks | None) -> list[tuple[str, Any, Mark | None, bool]]:
    """List key, value and mark of a mapping or of a list of `key=value`, and whether a value was given."""
    if isinstance(value, dict):
        return [(k, v, marks.get(k) if marks else None, v is not None) for k, v in value.items()]
    out = []
    for index, item in enumerate(value if isinstance(value, list) else ()):
        key, sign, rest = go_text(item).partition("=")
        out.append((key, rest, marks.get(index) if marks else None, bool(sign)))
    return out


def _mapping(value: Any, marks: Marks | None, absent: str | None) -> Placed:
    found = sorted(
        ((key, go_text(item) if given else absent, mark) for key, item, mark, given in _pairs(value, marks)),
        key=lambda entry: entry[0],
    )
    if not isinstance(value, list):
        return {key: item for key, item, _ in found}, marks
    return {key: item for key, item, _ in found}, {key: mark for key, _, mark in found if mark}


def environment(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read variables; None means that the value comes from elsewhere."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            key = go_text(item).partition("=")[0]
            if key and key[-1].isspace():
                findings.error(
                    "C2F154",
                    (*path, index),
                    f"the variable {key.rstrip()!r} has a space before the equals sign",
                    f"write {key.rstrip()}=...",
                )
    return _mapping(value, marks, None)


def labels(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read a mapping of text; no value is the empty one."""
    return _mapping(value, marks, "")


def plain_options(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a mapping of text and whole numbers; no value is the empty one."""
    found, places = named(text)(value, marks, path, findings)
    return {key: "" if item is None else item for key, item in found.items()}, places


def many_options(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read options that may be repeated: every value becomes a list."""
    if not isinstance(value, dict):
        return value, marks
    out = {key: value[key] if isinstance(value[key], list) else [value[key]] for key in sorted(value)}
    return {key: [go_text(item) for item in items] for key, items in out.items() if items}, marks


def hosts(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read host names with addresses as a sorted list of `host=address`."""
    if not value:
        return None, None
    found: list[tuple[str, Mark | None]] = []
    entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        mark = marks.get(key) if marks else None
        pairs = _host(item) if isinstance(value, list) else [(key, ip) for ip in _addresses(item)]
        for host, ip in pairs:
            if ip is None:
                findings.error(
                    "C2F154", (*path, key), f"{host!r} lacks an IP address", f'write "{host}=192.0.2.1"'
                )
            elif not host or ":" in host or "=" in host:
                findings.error("C2F154", (*path, key), f"{host!r} is not a host name")
            else:
                found.append((f"{host}={_bare(ip)}", mark))
    found.sort(key=lambda entry: entry[0])
    return [entry for entry, _ in found], {i: mark for i, (_, mark) in enumerate(found) if mark}


def _host(item: Any) -> list[tuple[str, str | None]]:
    """Read `host=address,address`, or with a colon."""
    host, sign, ips = go_text(item).partition("=")
    if not sign:
        host, sign, ips = go_text(item).partition(":")
    return [(host, ip) for ip in ips.split(",")] if sign else [(host, None)]


def _addresses(item: Any) -> list[str]:
    return [go_text(ip) for ip in item] if isinstance(item, list) else ["" if item is None else go_text(item)]


def _bare(ip: str) -> str:
    return ip[1:-1] if len(ip) > 2 and ip.startswith("[") and ip.endswith("]") else ip


def ssh_keys(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read SSH keys as a sorted list of `id` or `id=path`."""
    if not isinstance(value, dict):
        return value, marks
    keys = sorted(value)
    out = [key if not value[key] else f"{key}={go_text(value[key])}" for key in keys]
    return out, {i: marks[key] for i, key in enumerate(keys) if marks and key in marks}


_ULIMIT = fixed({"soft": AlwaysPrinted(integer, 0), "hard": AlwaysPrinted(integer, 0)}, extensible=False)


def ulimit(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a limit: one number, or soft and hard."""
    if isinstance(value, dict):
        return _ULIMIT(value, marks, path, findings)
    single, _ = integer(value, marks, path, findings)
    return (single or {"soft": 0, "hard": 0}), None
