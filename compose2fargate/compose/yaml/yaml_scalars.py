"""Plain and tagged YAML scalars to Python values, as go-yaml v3 decodes them.

https://github.com/yaml/go-yaml/blob/v3/resolve.go
"""

from __future__ import annotations

import base64
from typing import Any

from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern


class Timestamp(NamedTuple):
    """A plain scalar that YAML takes for a date: legal under `x-` keys only, being neither string nor number.

    Attributes:
        text: The date as RFC 3339, which is how it is printed.
    """

    text: str


TAG = "tag:yaml.org,2002:"


class PlainScalars(dict[str, Any]):
    """The value of each plain scalar met so far: most files repeat most of theirs."""

    def __missing__(self, text: str) -> Any:
        value = self[text] = text if text[0] not in "+-.0123456789" else _number(text)
        return value


WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

MINUS_ZERO: dict[str, Any] = dict.fromkeys(("-0", "-0.0"), -0.0)
"""Words of the dialects that tell minus zero from zero."""

_INTEGER = lazy_pattern(r"([-+]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[1-9][0-9]*)|0([0-7]*))")
_FLOAT = lazy_pattern(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT = lazy_pattern(r"\.[0-9]+([eE][-+]?[0-9]+)?")
_SIGN_INSIDE = lazy_pattern(r"0(?:b([-+][01]+)|o([-+][0-7]+))")
_MAX_DIGITS = 20


def _number(text: str) -> Any:
    """Resolve a plain scalar that starts like a number: to int, float, `Timestamp`, or to itself."""
    if text[0] == ".":
        return _finite(text, text) if _DOT_FLOAT.fullmatch(text) else text
    if text[4:5] == "-" and (moment := _timestamp(text)) is not None:
        return moment
    plain = text.replace("_", "")
    integer = _integer(plain)
    if integer is not None:
        return integer
    return _finite(plain, text) if _FLOAT.fullmatch(plain) else text


def _finite(plain: str, text: str) -> float | str:
    number = float(plain)
    return text if number in {float("inf"), float("-inf")} else number


def _integer(plain: str) -> int | None:
    """Read what Go's ParseInt and ParseUint read with base 0, and go-yaml's `0b` and `0o` besides."""
    match = _INTEGER.fullmatch(plain)
    if match is None:
        match = _SIGN_INSIDE.fullmatch(plain)
        if match is None:
            return None
        number = int(match[1], 2) if match[1] else int(match[2], 8)
        return number if -(2**63) <= number < 2**63 else None
    sign, digits, octal = match.groups()
    if octal is None and digits[0] != "0" and len(digits) > _MAX_DIGITS:
        return None  # Python refuses to read thousands of decimal digits
    number = int(octal or "0", 8) if digits is None else int(digits, 0)
    if sign == "-":
        return -number if number <= 2**63 else None
    return number if number < (2**63 if sign else 2**64) else None


_DATE = lazy_pattern(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?P<t>[Tt]| +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<zone>Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _timestamp(text: str) -> Timestamp | None:
    """Read the four layouts of go-yaml: date; date, space and time; date, `T` or `t`, time and zone."""
    match = _DATE.fullmatch(text)
    if match is None or (match["t"] in {"T", "t"}) != (match["zone"] is not None):
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    if not (
        1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] and hour < 24 and minute < 60 and second < 60
    ):
        return None
    if (month, day) == (2, 29) and (year % 4 or (not year % 100 and year % 400)):
        return None
    fraction = (match["fraction"] or "")[:9].rstrip("0")
    zone = match["zone"]
    if zone is not None and zone != "Z" and (int(zone[1:3]) > 24 or int(zone[4:]) > 60):
        return None
    clock = f"{hour:02}:{minute:02}:{second:02}{'.' if fraction else ''}{fraction}"
    zone = "Z" if zone is None or zone[1:] == "00:00" else zone
    return Timestamp(f"{year:04}-{month:02}-{day:02}T{clock}{zone}")


_NO_BREAKS = {ord("\r"): None, ord("\n"): None}
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "float": (float, int),
    "int": (int,),
    "null": (type(None),),
    "timestamp": (Timestamp,),
}


def read_tagged(tag: str, text: str) -> Any:
    """Read a scalar with an explicit tag; unknown tags make strings.

    Raises:
        ValueError: `text` is nothing that the tag stands for.
    """
    name = tag.removeprefix(TAG) if tag.startswith(TAG) else tag.removeprefix("!!")
    if name == "binary":
        return base64.b64decode(text.translate(_NO_BREAKS), validate=True).decode(errors="surrogateescape")
    types = _TYPES.get(name)
    if types is None:
        return text
    value = WORDS[text] if text in WORDS else _number(text)
    if type(value) not in types:
        raise ValueError(name)
    return float(value) if name == "float" else value
