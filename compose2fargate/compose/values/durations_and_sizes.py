"""Reads durations, byte sizes and numbers, and writes them in their one canonical form."""

from __future__ import annotations

import math
import re
from struct import pack, unpack

from compose2fargate.text.lazy_patterns import lazy_pattern

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
_DURATION_PART = lazy_pattern(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)")
_MAX_INT64 = 2**63 - 1
_LARGE = 1e6

_SIZE = lazy_pattern(r"(.*[0-9.]) ?([^0-9. ]*)", re.DOTALL)
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
        raise ValueError(f"{text!r} is not a duration")
    total, at = 0, 0
    while at < len(body):
        part = _DURATION_PART.match(body, at)
        if part is None:
            raise ValueError(f"{text!r} is not a duration")
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
        raise ValueError(f"{text!r} is not a size")
    number, suffix = match.groups()
    if suffix.lower() not in _BYTES:
        raise ValueError(f"{text!r} has the unknown unit {suffix!r}")
    size = parse_float(number) * _BYTES[suffix.lower()]
    if not 0 <= size <= _MAX_INT64:
        raise ValueError(f"{text!r} is out of range")
    return int(size)


BOOLEANS = {
    "true": True,
    "y": True,
    "yes": True,
    "on": True,
    "false": False,
    "n": False,
    "no": False,
    "off": False,
}
"""The words of YAML 1.1, in lower case."""

_INTEGER = lazy_pattern(r"[-+]?[0-9]+")
_MAX_DIGITS = 40
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_FLOAT = lazy_pattern(
    rf"[-+]?(?:(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?|inf|infinity|nan)",
    re.IGNORECASE,
)
_HEX_FLOAT = lazy_pattern(r"[-+]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)p[-+]?[0-9]+", re.IGNORECASE)
_DECIMALS = frozenset("0123456789.")


def parse_integer(text: str, base: int = 10) -> int:
    """Read what Go's ParseInt reads.

    Raises:
        ValueError: It is no whole number, or has more than 64 bits.
    """
    if not _INTEGER.fullmatch(text) or len(text) > _MAX_DIGITS:
        raise ValueError(f"{text!r} is not a whole number")
    number = int(text, base)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{text} is out of range")
    return number


def parse_float(text: str) -> float:
    """Read what Go's ParseFloat reads.

    Raises:
        ValueError: It is no number, or too large.
    """
    if _HEX_FLOAT.fullmatch(text):
        return _hex_float(text)
    if not _FLOAT.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return _finite(float(text), text)


def parse_single(text: str) -> float:
    """Read what Go's ParseFloat reads for single precision.

    Raises:
        ValueError: It is no number, or too large.
    """
    return _finite(float32(parse_float(text)), text)


def _hex_float(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError as error:
        raise ValueError(f"{text} is out of range") from error


def _finite(number: float, text: str) -> float:
    """Refuse what has become infinite although `text` does not say so."""
    if math.isinf(number) and text[-1] in _DECIMALS:
        raise ValueError(f"{text} is out of range")
    return number


def float32(value: float) -> float:
    """Round to single precision, as the shortest decimal that has that precision; small whole numbers as int.

    What is too large for single precision is infinite.
    """
    if not math.isfinite(value) or abs(value) >= _MAX_SINGLE:
        return value if math.isnan(value) else math.copysign(math.inf, value)
    (single,) = unpack("<f", pack("<f", value))
    if single.is_integer() and abs(single) < _LARGE:
        return int(single)
    rounded = (float(f"{single:.{digits}g}") for digits in range(1, 9))
    return next((r for r in rounded if _same_single(r, single)), float(f"{single:.9g}"))


def _same_single(number: float, single: float) -> bool:
    return abs(number) < _MAX_SINGLE and unpack("<f", pack("<f", number))[0] == single


_MAX_SINGLE = float.fromhex("0x1.ffffffp127")
"""From here on numbers are rounded to infinity in single precision."""
