"""The canonical tree as the YAML or the JSON that `docker compose config` prints, to the byte.

Docker Compose prints its own types, and the two formats differ in more than syntax:

|                                        | YAML                       | JSON                                |
|----------------------------------------|----------------------------|-------------------------------------|
| top-level keys                         | services first, `x-` last  | sorted                              |
| names that users choose                | sorted as people would     | sorted                              |
| `x-` keys below the top level          | printed                    | left out                            |
| `models`                               | printed                    | left out                            |
| a missing command or entrypoint        | left out                   | null                                |
| empty `ipam`, `placement`, `resources` | left out                   | `{}`                                |
| empty lists in `x-` keys               | `[]`                       | as in YAML, null in older dialects  |
| limits of zero in `ulimits`            | printed                    | left out                            |
| device limits of `blkio_config`        | `path`, `rate`, `weight`   | `Path`, `Rate`, `Weight`            |

Without interpolation it prints the merged files as they are: `raw`.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.rules import unique_rules
from compose2fargate.compose.yaml.printed_views import (
    COLLECTIONS,
    json_view,
    naturally_sorted,
    plain_json,
    yaml_view,
)
from compose2fargate.compose.yaml.yaml_scalars import WORDS, PlainScalars, Timestamp
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity


def escape_dollars(text: str) -> str:
    """Double each `$`, which turns rendered text into a compose file that says the same."""
    return text.replace("$", "$$")


def to_yaml(tree: Mapping[str, Any], *, raw: bool = False, dialect: Dialect = CURRENT) -> str:
    """Render a tree as YAML, in go-yaml's style.

    Args:
        tree: Made of dict, list, str, int, float, bool, None and `Timestamp`; fixed keys are in the order in
            which they are to be printed.
        raw: Sort the keys of all mappings, and leave nothing out.
        dialect: What the files were read as.
    """
    view = naturally_sorted(tree) if raw else yaml_view(tree)
    if not view:
        return "{}\n"
    writer = _YamlWriter(dialect)
    writer.mapping(view, "", "")
    return "".join(writer.parts)


def to_json(tree: Mapping[str, Any], *, raw: bool = False, dialect: Dialect = CURRENT) -> str:
    """Render a tree as JSON, in the style of Go's encoding/json.

    Args:
        tree: As for `to_yaml`.
        raw: Sort the keys of all mappings, and leave nothing out.
        dialect: What the files were read as.

    Raises:
        LoadError: A number is infinite or none at all, which JSON cannot say.
    """
    from json.encoder import encode_basestring

    parts: list[str] = []
    keep = dialect.has(Change.KEPT_EMPTY_LISTS)
    view = plain_json(tree, unique_rules(), keep=keep) if raw else json_view(tree, keep=keep)
    _write_json(view, "\n", parts, encode_basestring)
    return _HTML.sub(_escaped_by_go, _lost_replaced("".join(parts)))


_HTML = re.compile("[<>&\u2028\u2029\udc80-\udcff]")
"""What Go escapes in JSON: so that it can stand in a web page, or since it is not UTF-8."""


def _escaped_by_go(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\\ufffd" if code >= 0xDC80 else f"\\u{code:04x}"


# ---------------------------------------------------------------------------------------------------------
# YAML
# ---------------------------------------------------------------------------------------------------------


class _YamlWriter:
    """Writes lines to `parts`. A pad is what lines begin with; the first one may have another, such as `- `."""

    def __init__(self, dialect: Dialect) -> None:
        self.parts: list[str] = []
        self.strings = _Strings(dialect)

    def mapping(self, tree: Mapping[str, Any], pad: str, first: str) -> None:
        write, strings = self.parts.append, self.strings
        inner = pad + "  "
        for key, value in tree.items():
            name = strings[key]
            if _is_complex(key, name):
                self.complex_key(key, value, pad, first)
            elif type(value) is str:
                text, lead = strings[value], f"{first}{name}: "
                if text is None:
                    text = strings.block(value, inner)
                elif len(lead) + len(text) > _WIDTH:
                    text = self.folded(text, len(lead), inner)
                write(f"{lead}{text}\n")
            elif type(value) not in COLLECTIONS:
                write(f"{first}{name}: {_scalar(value)}\n")
            elif not value:
                write(f"{first}{name}: {_EMPTY[type(value)]}\n")
            else:
                write(f"{first}{name}:\n")
                self.collection(value, inner, inner)
            first = pad

    def collection(self, value: Any, pad: str, first: str) -> None:
        if type(value) is dict:
            self.mapping(value, pad, first)
            return
        inner = pad + "  "
        for item in value:
            self.value(item, inner, first + "- ")
            first = pad

    def value(self, value: Any, pad: str, first: str) -> None:
        """Write a value whose first line has begun."""
        if type(value) in COLLECTIONS:
            if value:
                self.collection(value, pad, first)
            else:
                self.parts.append(f"{first}{_EMPTY[type(value)]}\n")
            return
        written = self.strings[value] if type(value) is str else _scalar(value)
        text = self.strings.block(value, pad) if written is None else self.folded(written, len(first), pad)
        self.parts.append(f"{first}{text}\n")

    def folded(self, written: str, column: int, pad: str) -> str:
        """Break a string that is `written` from `column` on at spaces, where the line gets too long."""
        if not self.strings.is_yaml_4 or column + len(written) <= _WIDTH or written.startswith("!!"):
            return written
        quote = written[0] if written[0] in "'\"" else ""
        ends = (1, len(written) - 2) if quote else ()
        lines, start = "", 0
        for found in _SPACES.finditer(written):
            at, end = found.span()
            if column + at - start <= _WIDTH or at in ends or (end - at > 1 and quote != '"'):
                continue
            lines += f"{written[start:at]}\n{pad}"
            start, column = at + 1, len(pad)
            if end > start:  # the spaces that are left begin the line, where only an escape keeps them
                lines += "\\"
                column += 1
        return lines + written[start:]

    def complex_key(self, key: str, value: Any, pad: str, first: str) -> None:
        """Write a key that is too long, or has too many lines, to have its value beside it."""
        self.value(key, pad + "  ", first + "? ")
        self.value(value, pad + "  ", pad + ": ")


def _is_complex(key: str, written: str | None) -> bool:
    """Tell whether a key, which is `written` so if it has one line, is too long or has too many lines to be simple."""
    if written is None or (written[0] == '"' and not _BREAKS.isdisjoint(key)):
        return True
    return len(key) > _SIMPLE_KEY // 4 and len(key.encode()) > _SIMPLE_KEY


_WIDTH = 80
"""The column after which go-yaml 4 breaks a line, at the next space."""
_SPACES = re.compile(" +")

_BREAKS = frozenset("\n\r\x85\u2028\u2029")
_EMPTY: Mapping[type, str] = {dict: "{}", list: "[]"}
_SIMPLE_KEY = 128
"""How many bytes long a key may be to have its value on its line."""

_OLD_BOOLEANS = frozenset(
    ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"]
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_PRINTABLE = "\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
_SAFE = re.compile(
    r"(?!---|\.\.\.|[-?:](?:[ ]|\Z)|[#,\[\]{}&*!|>'\"%@` ])"
    rf"(?:(?![:# ])[{_PRINTABLE}]|:(?![ ]|\Z)|(?<! )#| )+(?<! )"
)
"""Strings that need no quotes to be told from other YAML."""

_SIMPLE = re.compile("[A-Za-z/_$][A-Za-z0-9/_$.=@+,~-]*(?::[A-Za-z0-9/_$.=@+,~-]+)*")
"""Most of them, found sooner; those among them that are words of YAML are _RESERVED."""

_RESERVED = frozenset(WORDS) | _OLD_BOOLEANS

_NO_UTF8 = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8, see `utf8`: go-yaml writes a string with one as base64, encoding/json a replacement."""
_BINARY_LINE = 70
_LOST = re.compile("[\udd80-\uddff]")


def _lost_replaced(text: str) -> str:
    """Print what Docker Compose loses, too, as the replacement character that it has there."""
    return text if text.isascii() else _LOST.sub("\ufffd", text)


_ONE_LINE = re.compile(f"[{_PRINTABLE}]+")
_LINES = re.compile(rf"(?:(?! \n)[{_PRINTABLE}\t\n])+(?<! )")
"""Strings that can be written as a block: no line ends with a space."""

_ESCAPED = re.compile(rf'["\\]|[^{_PRINTABLE}]')
_EACH = re.compile(".", re.DOTALL)
_ESCAPES = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", "\x1b": "\\e",
    '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip


class _Strings(dict[str, "str | None"]):
    """How each string met so far is written; None for a block, which depends on the indentation."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.plain = PlainScalars(WORDS)
        self.is_yaml_4 = dialect.has(Change.GO_YAML_4_STYLE)

    def __missing__(self, text: str) -> str | None:
        self[text] = written = self.written(text)
        return written

    def written(self, text: str) -> str | None:
        if _SIMPLE.fullmatch(text):
            return self.quoted(text) if text in _RESERVED else text
        text = _lost_replaced(text)
        if not text.isascii() and _NO_UTF8.search(text):
            encoded = b64encode(text.encode(errors="surrogateescape")).decode()
            return f"!!binary {encoded}" if len(encoded) < _BINARY_LINE else None
        if "\n" in text:
            blank = self.is_yaml_4 and text.isspace()
            return None if _LINES.fullmatch(text) and not blank else _double_quoted(text)
        if type(self.plain[text]) is not str or _BASE_60.fullmatch(text):
            return self.quoted(text)
        if _SAFE.fullmatch(text) and not (self.is_yaml_4 and text == "<<"):
            return text
        return _single_quoted(text) if _ONE_LINE.fullmatch(text) else _double_quoted(text)

    def block(self, text: str, pad: str) -> str:
        """Write a string as a block, without the line break at its end."""
        text = _lost_replaced(text)
        if not text.isascii() and _NO_UTF8.search(text):
            encoded = b64encode(text.encode(errors="surrogateescape")).decode()
            ends = range(0, len(encoded), _BINARY_LINE)
            return "!!binary " + self.block("".join(f"{encoded[n : n + _BINARY_LINE]}\n" for n in ends), pad)
        # go-yaml 4 forgets that a line break may be followed by spaces, which would be lost.
        begins = text.lstrip("\n") if self.is_yaml_4 else text
        indent = "2" if begins[0] in " \n" else ""
        body = text.removesuffix("\n")
        keep = "-" if body == text else "+" if not body or body[-1] == "\n" else ""
        lines = [pad + line if line else "" for line in body.split("\n")]
        return f"|{indent}{keep}\n" + "\n".join(lines)

    def quoted(self, text: str) -> str:
        """Put a string in the quotes that tell it from what YAML, or YAML 1.1, makes of it."""
        is_of_yaml_1_1 = text in _OLD_BOOLEANS or _BASE_60.fullmatch(text)
        return _single_quoted(text) if self.is_yaml_4 and is_of_yaml_1_1 else _double_quoted(text)


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double_quoted(text: str) -> str:
    """Write a string in quotes; go-yaml takes each character for the byte order mark that the string begins with."""
    escaped = _EACH if text.startswith("\ufeff") else _ESCAPED
    return f'"{escaped.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    short = _ESCAPES.get(found[0])
    if short is not None:
        return short
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return _YAML_SPECIAL.get(str(value)) or _shortest(value, -4, 6)
    return value.text if isinstance(value, Timestamp) else str(value)


_YAML_SPECIAL = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}


def _shortest(number: float, low: int, high: int) -> str:
    """Write a number with the fewest digits that tell it apart; with an exponent below `low`, or from `high` on."""
    sign = "-" if math.copysign(1, number) < 0 else ""
    mantissa, _, power = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(power or 0) - len(whole + fraction) + len(digits) if digits else 1
    digits = digits.rstrip("0") or "0"
    exponent = point - 1
    if exponent < low or exponent >= high:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{exponent:+03}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"


# ---------------------------------------------------------------------------------------------------------
# JSON
# ---------------------------------------------------------------------------------------------------------


def _write_json(value: Any, pad: str, parts: list[str], quote: Callable[[str], str]) -> None:
    """Append the text of `value` to `parts`; `pad` is a line break and the indentation of the line."""
    if type(value) is str:
        parts.append(quote(value))
    elif type(value) not in COLLECTIONS:
        parts.append(_json_scalar(value, quote))
    elif not value:
        parts.append(_EMPTY[type(value)])
    elif type(value) is dict:
        inner = pad + "  "
        lead = "{" + inner
        for key, item in value.items():
            parts.append(f"{lead}{quote(key)}: ")
            _write_json(item, inner, parts, quote)
            lead = "," + inner
        parts.append(pad + "}")
    else:
        inner = pad + "  "
        lead = "[" + inner
        for item in value:
            parts.append(lead)
            _write_json(item, inner, parts, quote)
            lead = "," + inner
        parts.append(pad + "]")


def _json_scalar(value: Any, quote: Callable[[str], str]) -> str:
    if isinstance(value, Timestamp):
        return quote(value.text)
    if not isinstance(value, float):
        return _scalar(value)
    if not math.isfinite(value):
        message = f"the number {_YAML_SPECIAL[str(value)]} cannot be written as JSON"
        raise LoadError(
            Diagnostic("C2F130", Severity.ERROR, message, hint="print YAML, or change the number")
        )
    return _shortest(value, -6, 21).replace("e-0", "e-")
