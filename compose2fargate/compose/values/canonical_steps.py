"""How mappings with fixed keys, lists, named entries and scalars get their final form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from compose2fargate.compose.dialect import Change
from compose2fargate.compose.passes import Findings, Placed, Step, by_dialect
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.compose.values.durations_and_sizes import (
    BOOLEANS,
    float32,
    parse_bytes,
    parse_duration,
    parse_integer,
    parse_single,
    write_duration,
)
from compose2fargate.compose.values.short_syntax import go_text
from compose2fargate.diagnostics import Path
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern


class KeptWhenEmpty(NamedTuple):
    """A key that stays when its value is false, zero or empty, because that differs from its absence."""

    step: Step


class AlwaysPrinted(NamedTuple):
    """A key that is printed even when no file has it."""

    step: Step
    value: Any


Field = Step | KeptWhenEmpty | AlwaysPrinted


def fixed(fields: Mapping[str, Field], *, extensible: bool = True) -> Step:
    """Make the step for a mapping with fixed keys; `x-` keys are kept at its end, where it is `extensible`."""
    plain = {
        k: (f if callable(f) else f.step, isinstance(f, (KeptWhenEmpty, AlwaysPrinted)))
        for k, f in fields.items()
    }
    always = {k: f.value for k, f in fields.items() if isinstance(f, AlwaysPrinted)}

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, dict):
            return _unexpanded(value, path, findings), marks
        out: dict[str, Any] = {}
        moved: Marks = {}
        given = value.keys() | always.keys() if always else value
        for key in [key for key in plain if key in given]:
            if key in value:
                field, kept = plain[key]
                mark = marks.get(key) if marks else None
                inside = mark[3] if mark else None
                result, result_inside = field(value[key], inside, (*path, key), findings)
                if mark is not None and result_inside is not inside:
                    moved[key] = (mark[0], mark[1], mark[2], result_inside)
                if result is not None and (kept or result):
                    out[key] = result
                    continue
                if mark is not None and key not in always:
                    findings.drop((*path, key), mark, "says no more than the default")
            if key in always:
                out[key] = always[key]
        # Extensions stay in the tree at every level: x-fargate of a service is read from it. Docker Compose prints
        # them in YAML and leaves all but the top-level ones out of its JSON, which is for render.to_json to do.
        if not value.keys() <= plain.keys():
            _others(value, plain, out if extensible else None, (marks, path, findings))
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


def _unexpanded(value: Any, path: Path, findings: Findings) -> Any:
    """Report short syntax that a variable has kept from being expanded, where variables are left as they are."""
    if value is not None:
        findings.error("C2F154", path, f"{'.'.join(map(str, path))}: {go_text(value)} cannot be read")
    return value


def _others(
    value: dict[str, Any],
    known: Mapping[str, Any],
    out: dict[str, Any] | None,
    where: tuple[Marks | None, Path, Findings],
) -> None:
    marks, path, findings = where
    for key in sorted(value.keys() - known.keys()):
        if out is not None and key.startswith("x-"):
            out[key] = value[key]
        else:
            findings.drop((*path, key), marks.get(key) if marks else None, "has no meaning in Docker Compose")


def each(item: Step) -> Step:
    """Make the step for a list."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, list):
            return value, marks
        out = []
        moved: Marks = {}
        for index, entry in enumerate(value):
            mark = marks.get(index) if marks else None
            inside = mark[3] if mark else None
            result, result_inside = item(entry, inside, (*path, index), findings)
            out.append(result)
            if mark is not None and result_inside is not inside:
                moved[index] = (mark[0], mark[1], mark[2], result_inside)
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


def named(item: Step, *, null: bool = True) -> Step:
    """Make the step for a mapping whose keys the user chose; its entries are sorted.

    Args:
        item: The step for an entry.
        null: Whether an entry without settings stays null; else it is read as an empty mapping.
    """

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, dict):
            return value, marks
        out = {}
        moved: Marks = {}
        for key in sorted(value):
            mark = marks.get(key) if marks else None
            inside = mark[3] if mark else None
            entry = {} if value[key] is None and not null else value[key]
            result, result_inside = (
                (entry, inside) if entry is None else item(entry, inside, (*path, key), findings)
            )
            out[key] = result
            if mark is not None and result_inside is not inside:
                moved[key] = (mark[0], mark[1], mark[2], result_inside)
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


# ---------------------------------------------------------------------------------------------------------
# Scalars
# ---------------------------------------------------------------------------------------------------------


def scalar(convert: Callable[[Any], Any]) -> Step:
    """Make the step for a scalar; `convert` raises ValueError for what it cannot read."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if value is None:
            return None, None
        try:
            return convert(value), None
        except ValueError as error:
            findings.error("C2F154", path, f"{'.'.join(map(str, path))}: {error}", _HINTS.get(convert, ""))
            return None, marks

    return step


def _text(value: Any) -> str:
    if type(value) is str:
        return str(value)
    if type(value) is int:
        return str(value)
    raise ValueError(f"expected text, not {go_text(value)}")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in BOOLEANS:
        return BOOLEANS[str(value).lower()]
    raise ValueError(f"{go_text(value)} is neither true nor false")


def _integer(value: Any) -> int:
    number = value if type(value) in (int, float) else parse_integer(str(value))
    # Infinity is not in this range, and neither is what is not a number.
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{go_text(value)} is out of range")
    return int(number)


def _count(value: Any) -> int:
    if type(value) not in (int, float):
        raise ValueError(f"expected a number, not {value!r}")
    number = _integer(value)
    if number < 0:
        raise ValueError(f"{number} must not be negative")
    return number


def _number(value: Any) -> float:
    number = parse_single(value) if isinstance(value, str) else float32(float(value))
    if not isfinite(number):
        raise ValueError(f"{go_text(value)} is out of range")
    return number


def _cpus(value: Any) -> float:
    if type(value) is int and value >= 2**63:
        raise ValueError(f"{value} is out of range")
    return _number(value)


def _size(value: Any) -> str | None:
    # As in Docker Compose, a float without a unit counts as none at all.
    size = (
        parse_bytes(value) if isinstance(value, str) else 0 if isinstance(value, float) else _integer(value)
    )
    return str(size) if size else None


def _signed_size(value: Any) -> str | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        number = parse_integer(value)
        return str(number) if number else None
    return _size(value)


_WHOLE = lazy_pattern(r"[-+]?[0-9]+")


def _rate(value: Any) -> str:
    return _size(value) or "0"


def _signed_rate(value: Any) -> str:
    return _signed_size(value) or "0"


def _duration(value: Any) -> str:
    return write_duration(parse_duration(go_text(value)))


def _delay(value: Any) -> str | None:
    nanoseconds = parse_duration(go_text(value))
    return write_duration(nanoseconds) if nanoseconds else None


def _mode(value: Any) -> str:
    if type(value) is float:
        raise ValueError(f"expected octal digits, not {go_text(value)}")
    return f"0{parse_integer(value, 8) if isinstance(value, str) else _integer(value):o}"


def _devices(value: Any) -> int:
    if isinstance(value, str) and value.lower() == "all":
        return -1
    try:
        return _integer(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is neither a number nor `all`") from error


text = scalar(_text)
flag = scalar(_flag)
integer = scalar(_integer)
count = scalar(_count)
number = scalar(_number)
cpus = scalar(_cpus)
size = by_dialect(Change.SIGNED_BYTES, scalar(_signed_size), scalar(_size))
rate = by_dialect(Change.SIGNED_BYTES, scalar(_signed_rate), scalar(_rate))
duration = scalar(_duration)
delay = scalar(_delay)
mode = scalar(_mode)
device_count = scalar(_devices)


def _only(*, wanted: bool) -> Step:
    """Make the step for a boolean that is printed when it is `wanted`."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        read, _ = flag(value, marks, path, findings)
        return (read if read is wanted else None), None

    return step


host_path = by_dialect(Change.OPT_OUT, _only(wanted=False), _only(wanted=True))
required_file = by_dialect(Change.OPT_OUT, _only(wanted=False), flag)

_HINTS: Mapping[Callable[[Any], Any], str] = {
    _size: "write a number and a unit: 512m, 1.5g",
    _signed_size: "write a number and a unit: 512m, 1.5g",
    _rate: "write a number and a unit: 10mb",
    _signed_rate: "write a number and a unit: 10mb",
    _duration: "write numbers with units: 30s, 1m30s, 500ms",
    _delay: "write numbers with units: 30s, 1m30s, 500ms",
    _flag: "write true or false",
    _mode: 'write octal digits: "0440"',
}
