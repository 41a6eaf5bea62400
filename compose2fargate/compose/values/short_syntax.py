"""Short syntax to its long form: ports, mounts, devices, builds, dependencies and so on.

Each step takes the value of one key (see the table in `rules.py`) and gives its long form. Steps neither check
nor complete what is already long; values get their final types in `values.py`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from compose2fargate.compose.passes import Findings, Placed, Step, Tree, marks_of
from compose2fargate.compose.sources.source_files import Marks, Timestamp
from compose2fargate.diagnostics import Path


class BadSyntaxError(Exception):
    """A short form that cannot be read; `hint` says how to write it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def go_text(value: Any) -> str:
    """Write a value as Docker Compose does where it needs text: true, 1e+07, 1.5."""
    kind = type(value)
    if kind is float:
        return _go_float(value)
    if kind is dict:
        return f"map[{' '.join(f'{k}:{go_text(v)}' for k, v in sorted(value.items()))}]"
    if kind is list:
        return f"[{' '.join(map(go_text, value))}]"
    if kind is Timestamp:
        return _go_time(value.text)
    return _WORDS.get(value, str(value)) if kind is bool or value is None else str(value)


_WORDS = {True: "true", False: "false", None: "<nil>"}


def _go_time(text: str) -> str:
    """Write a date, RFC 3339 by now, as Go prints one: 2024-01-02 00:00:00 +0000 UTC."""
    day, _, clock = text.partition("T")
    if clock.endswith("Z"):
        return f"{day} {clock[:-1]} +0000 UTC"
    zone = clock[-6:].replace(":", "")
    return f"{day} {clock[:-6]} {zone} {zone}"


def _go_float(value: float) -> str:
    """Write a float as Go's shortest %g, with an exponent from a million on and below a ten-thousandth."""
    if value != value or value in (_INFINITY, -_INFINITY):  # noqa: PLR0124 - only NaN differs from itself
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    number, _, exponent = f"{value:.{_shortest(value)}e}".partition("e")
    power = int(exponent)
    if value == 0 or -4 <= power < 6:
        return repr(value).removesuffix(".0")
    return f"{number}e{power:+03d}"


_INFINITY = float("inf")


def _shortest(value: float) -> int:
    """Give how many digits after the first one `value` needs to be told from its neighbours."""
    return next(digits for digits in range(17) if float(f"{value:.{digits}e}") == value)


# ---------------------------------------------------------------------------------------------------------
# Services
# ---------------------------------------------------------------------------------------------------------


def dependency() -> Tree:
    """Give what a service's bare name in `depends_on` stands for."""
    return {"condition": "service_started", "required": True}


def keyed(items: list[Any], marks: Marks | None, default: Callable[[], Any]) -> Placed:
    """Turn a list of names into a mapping; the mark of an item becomes that of its key."""
    out_marks: Marks = {}
    for index, item in enumerate(items):
        mark = marks.get(index) if marks else None
        if mark is not None:
            out_marks[str(item)] = mark
    return {str(item): default() for item in items}, out_marks


def names(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Turn a list of networks or models into a mapping of names without settings."""
    return keyed(value, marks, _no_settings) if isinstance(value, list) else (value, marks)


def _no_settings() -> None:
    return None


def dependencies(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn `depends_on` into a mapping with a condition for each service."""
    if isinstance(value, list):
        return keyed(value, marks, dependency)
    if not isinstance(value, dict):
        return unexpected_value(value, marks, path, findings, "a list of services or a mapping")
    out = {}
    for name, settings in value.items():
        if not isinstance(settings, dict):
            return unexpected_value(settings, marks, (*path, name), findings, "a mapping with a condition")
        out[name] = (
            settings if len(settings.keys() & _COMPLETE) == len(_COMPLETE) else {**dependency(), **settings}
        )
    return out, marks


_COMPLETE = frozenset(("condition", "required"))


def one_or_more(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Turn a single text into a list of one."""
    return ([value], None) if isinstance(value, str) else (value, marks)


def without_blanks(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn a single text into a list of one, and leave blank items out."""
    items, marks = one_or_more(value, marks, path, findings)
    if not isinstance(items, list) or all(item not in (None, "") for item in items):
        return items, marks
    kept = [i for i, item in enumerate(items) if item not in (None, "")]
    return [items[i] for i in kept], {n: marks[i] for n, i in enumerate(kept) if marks and i in marks}


def env_files(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn paths into mappings that say whether the file has to be there."""
    if isinstance(value, str):
        return [{"path": value, "required": True}], None
    if not isinstance(value, list):
        return unexpected_value(value, marks, path, findings, "a path or a list of paths")
    return [_env_file(item) for item in value], marks


def _env_file(item: Any) -> Any:
    if isinstance(item, str):
        return {"path": item, "required": True}
    return {**item, "required": item.get("required", True)} if isinstance(item, dict) else item


def build(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn a build context into a mapping."""
    if isinstance(value, str):
        return {"context": value}, None
    if isinstance(value, dict):
        return value, marks
    return unexpected_value(value, marks, path, findings, "a path or a mapping")


def extends(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Turn a service's name into a mapping."""
    return ({"service": value}, None) if isinstance(value, str) else (value, marks)


def gpus(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn `all` into a request for all devices."""
    if isinstance(value, str):
        return [{"count": "all"}], None
    if isinstance(value, list):
        return value, marks
    return unexpected_value(value, marks, path, findings, "`all` or a list of devices")


def pairs(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn a list of `key=value` into a mapping."""
    if not isinstance(value, list):
        return value, marks
    for index, item in enumerate(value):
        if "=" not in str(item):
            findings.error("C2F152", (*path, index), f"{item!r} is not of the form key=value")
            return value, marks
    out, out_marks = keyed([str(item).partition("=")[0] for item in value], marks, _no_settings)
    for item in value:
        key, _, text = str(item).partition("=")
        out[key] = text
    return out, out_marks


def ssh(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn a list of keys (`default`, `id=path`) into a mapping."""
    if not isinstance(value, list):
        return value, marks
    for index, item in enumerate(value):
        if "=" not in str(item) and item != "default":
            findings.error(
                "C2F152", (*path, index), f"{item!r} is not an SSH key", "write `default`, or `id=path`"
            )
            return value, marks
    out, out_marks = keyed([str(item).partition("=")[0] for item in value], marks, _no_settings)
    for item in value:
        key, given, text = str(item).partition("=")
        out[key] = text if given else None
    return out, out_marks


def as_text(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Write a boolean as text."""
    return (go_text(value), None) if isinstance(value, bool) else (value, marks)


def file_mount(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn the name of a secret or config into a mapping."""
    if isinstance(value, str):
        return {"source": value}, None
    if isinstance(value, dict):
        return value, marks
    return unexpected_value(value, marks, path, findings, "a name or a mapping")


def device(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn `source:target:permissions` into a mapping."""
    if not isinstance(value, str):
        return value, marks
    parts = value.split(":")
    if len(parts) > 3:
        findings.error("C2F152", path, f"{value!r} has too many colons for a device", "write it as a mapping")
        return value, marks
    source, target, permissions = (*parts, *("", "", "rwm")[len(parts) :])
    return {"source": source, "target": target or source, "permissions": permissions}, None


def lenient_device(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Do as `device`, but give up on one whose variables have colons, as Docker Compose does."""
    if isinstance(value, str) and value.count(":") > 2:
        return {"source": "", "target": "", "permissions": "rwm"}, None
    return device(value, marks, path, findings)


def ulimit(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Accept a number, or soft and hard; text is one by now, where variables are filled in."""
    if type(value) in (int, dict):
        return value, marks
    return unexpected_value(value, marks, path, findings, "a number, or a mapping with soft and hard")


def mount(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn `source:target:options` into a mapping."""
    if isinstance(value, dict):
        return value, marks
    if not isinstance(value, str):
        return unexpected_value(value, marks, path, findings, "text or a mapping")
    try:
        parsed = parse_mount(value)
    except BadSyntaxError as error:
        findings.error("C2F152", path, f"{shown_path(path)}: {error}", error.hint)
        return value, marks
    parsed["target"] = _clean(parsed["target"])
    return parsed, None


def _clean(path: str) -> str:
    """Remove `.`, `..` and doubled slashes (normpath keeps two leading ones, Docker Compose does not)."""
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean


def external(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn the old `external: {name: x}` into `external: true` and a name."""
    if not isinstance(value, dict) or not isinstance(value.get("external"), dict):
        return value, marks
    old = value["external"]
    out = {**value, "external": True}
    if "name" in old:
        where = shown_path(path)
        findings.warn(
            "C2F160",
            (*path, "external"),
            f"{where}: external.name is deprecated",
            f"write `name: {old['name']}` and `external: true`",
        )
        if "name" in value and value["name"] != old["name"]:
            findings.error(
                "C2F152",
                (*path, "external", "name"),
                f"{where}: name and external.name conflict",
                "use only name",
            )
        out.setdefault("name", old["name"])
        inside = marks_of(marks, "external")
        if inside and marks and "name" in inside:
            marks = {**marks, "name": marks.get("name", inside["name"])}
    return out, marks


def unexpected_value(value: Any, marks: Marks | None, path: Path, findings: Findings, wanted: str) -> Placed:
    """Report a value of the wrong kind, and leave it as it is."""
    shown = "nothing" if value is None else go_text(value)
    findings.error("C2F152", path, f"{shown_path(path)} must be {wanted}, not {shown[:60]}")
    return value, marks


def shown_path(path: Path) -> str:
    """Show where a value stands: the keys with dots between them."""
    return ".".join(map(str, path))


# ---------------------------------------------------------------------------------------------------------
# Mounts: [source:]target[:options]
# ---------------------------------------------------------------------------------------------------------

_BIND_OPTIONS = {
    **dict.fromkeys(("rprivate", "private", "rshared", "shared", "rslave", "slave"), "propagation"),
    **dict.fromkeys(("z", "Z"), "selinux"),
}


def parse_mount(spec: str) -> Tree:
    """Read the short form of a mount.

    Raises:
        BadSyntaxError: A section is empty, or there are more than three.
    """
    if not spec:
        raise BadSyntaxError("an empty mount", "write `source:/target`, or remove the line")
    if len(spec) <= 2:
        return {"type": "volume", "target": spec}
    sections = _sections(spec)
    if "" in sections:
        raise BadSyntaxError(f"{spec!r} has an empty section between colons", "write `source:/target`")
    if len(sections) > 3:
        raise BadSyntaxError(f"{spec!r} has too many colons", "write `source:/target:options`, or a mapping")
    source, target, options = "", sections[0], ""
    if len(sections) > 1:
        source, target, options = [*sections, ""][:3]
    return _mount(source, target, options)


def _mount(source: str, target: str, options: str) -> Tree:
    is_bind = _is_file_path(source)
    out: Tree = {"type": "bind" if is_bind else "volume", "source": source, "target": target}
    bind: Tree = {}
    volume: Tree = {}
    for option in options.split(","):
        if option in ("ro", "rw"):
            out["read_only"] = option == "ro"
        elif option == "nocopy":
            volume["nocopy"] = True
        elif option in _BIND_OPTIONS:
            bind[_BIND_OPTIONS[option]] = option
    if is_bind:
        bind["create_host_path"] = True
    out["bind"] = bind
    return {key: value for key, value in out.items() if value} | (
        {} if is_bind and not volume else {"volume": volume}
    )


def _sections(spec: str) -> list[str]:
    """Split at colons, but not after a drive letter and not inside ${...}."""
    sections: list[str] = []
    current, depth = "", 0
    for index, char in enumerate(spec):
        if char == "$" and spec[index + 1 : index + 2] == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif char == ":" and not depth and not (len(current) == 1 and current.isalpha()):
            sections.append(current)
            current = ""
            continue
        current += char
    return [*sections, current]


def _is_file_path(source: str) -> bool:
    return source.startswith((".", "/", "~", "\\\\")) or (source[1:2] == ":" and source[0].isalpha())


# ---------------------------------------------------------------------------------------------------------
# Defaults
# ---------------------------------------------------------------------------------------------------------


def defaults(**values: Any) -> Step:
    """Make the step that adds `values` to a mapping that lacks them."""

    def step(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        if not isinstance(value, dict) or values.keys() <= value.keys():
            return value, marks
        return {**value, **{k: v for k, v in values.items() if k not in value}}, marks

    return step


def mount_target(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Tidy the target of a mount in long syntax; that of a short one already is."""
    target = value.get("target") if isinstance(value, dict) else None
    if not isinstance(target, str) or _clean(target) == target:
        return value, marks
    return {**value, "target": _clean(target)}, marks


def secret_target(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Mount a secret where Docker puts it."""
    if not isinstance(value, dict) or "target" in value:
        return value, marks
    return {**value, "target": f"/run/secrets/{go_text(value.get('source'))}"}, marks


def device_count(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Ask for all devices when neither their number nor their names are given."""
    if not isinstance(value, dict) or "count" in value or "device_ids" in value:
        return value, marks
    return {**value, "count": "all"}, marks
