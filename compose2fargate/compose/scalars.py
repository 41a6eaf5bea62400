"""Reads durations, byte sizes and numbers, and writes them in their one canonical form."""

from __future__ import annotations

import re
from struct import pack, unpack

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)")
_MAX_INT64 = 2**63 - 1
_LARGE = 1e15

_SIZE = re.compile(r"([0-9._eE+-]*[0-9.]) ?([^0-9. ]*)")
_BYTES = {"": 1, "b": 1} | {
    letter + suffix: 1024 ** (power + 1) for power, letter in enumerate("kmgtp") for suffix in ("", "b", "ib")
}


def parse_duration(text: str) -> int:
    """Read a duration such as `1m30s`, `500ms` or `2d`.

    Returns:
        Nanoseconds.

    Raises:
        ValueError: A unit is missing or unknown, or the number is too large.
    """
    negative = text.startswith("-")
    body = text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    if not body:
        raise ValueError(f"{text!r} is no duration")
    total, at = 0, 0
    while at < len(body):
        part = _DURATION_PART.match(body, at)
        if part is None:
            raise ValueError(f"{text!r} is no duration")
        number, unit = part.groups()
        if not unit:
            raise ValueError(f"{text!r} lacks a unit")
        if unit not in _NANOSECONDS:
            raise ValueError(f"{text!r} has the unknown unit {unit!r}")
        total += _nanoseconds(number, _NANOSECONDS[unit])
        at = part.end()
    if total > _MAX_INT64:
        raise ValueError(f"{text!r} is too long")
    return -total if negative else total


def _nanoseconds(number: str, unit: int) -> int:
    """Multiply without the errors of floats."""
    whole, _, fraction = number.partition(".")
    return int(whole or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def write_duration(nanoseconds: int) -> str:
    """Write a duration as Docker Compose prints it: `1h30m0s`, `1.5s`, `500ms`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < _NANOSECONDS["s"]:
        unit = "ms" if rest >= _NANOSECONDS["ms"] else "µs" if rest >= _NANOSECONDS["us"] else "ns"
        return sign + _decimal(rest, _NANOSECONDS[unit]) + unit
    minutes, rest = divmod(rest, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    out = _decimal(rest, _NANOSECONDS["s"]) + "s"
    if hours or minutes:
        out = f"{minutes}m{out}"
    return f"{sign}{hours}h{out}" if hours else sign + out


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{fraction}" if rest else str(whole)


def parse_bytes(text: str) -> int:
    """Read a size such as `512m`, `1.5gb` or `64KiB`; units are powers of 1024.

    Raises:
        ValueError: It is no number, or has an unknown unit.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size")
    number, suffix = match.groups()
    if suffix.lower() not in _BYTES:
        raise ValueError(f"{text!r} has the unknown unit {suffix!r}")
    size = float(number) * _BYTES[suffix.lower()]
    if not 0 <= size <= _MAX_INT64:
        raise ValueError(f"{text!r} is out of range")
    return int(size)


def float32(value: float) -> float:
    """Round to single precision, as the shortest decimal that has that precision; whole numbers as int.

    Raises:
        ValueError: It is too large for single precision, or no number.
    """
    try:
        (single,) = unpack("<f", pack("<f", value))
    except OverflowError as error:
        raise ValueError(f"{value} is too large") from error
    if single.is_integer() and abs(single) < _LARGE:
        return int(single)
    rounded = (float(f"{single:.{digits}g}") for digits in range(6, 9))
    return next((r for r in rounded if pack("<f", r) == pack("<f", single)), float(f"{single:.9g}"))
