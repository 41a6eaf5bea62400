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
| empty lists in `x-` keys               | `[]`                       | null                                |
| limits of zero in `ulimits`            | printed                    | left out                            |
| device limits of `blkio_config`        | `path`, `rate`, `weight`   | `Path`, `Rate`, `Weight`            |

Without interpolation it prints the merged files as they are: `raw`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from compose2fargate.compose.passes import Trie, rules_at
from compose2fargate.compose.rules import unique_rules
from compose2fargate.compose.yaml_scalars import WORDS, Plain, Timestamp
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity


def escape_dollars(text: str) -> str:
    """Double each `$`, which turns rendered text into a compose file that says the same."""
    return text.replace("$", "$$")


def to_yaml(tree: Mapping[str, Any], *, raw: bool = False) -> str:
    """Render a tree as YAML, in go-yaml's style.

    Args:
        tree: Made of dict, list, str, int, float, bool, None and `Timestamp`; fixed keys are in the order in
            which they are to be printed.
        raw: Sort the keys of all mappings, and leave nothing out.
    """
    view = _naturally_sorted(tree) if raw else _yaml_view(tree)
    if not view:
        return "{}\n"
    writer = _YamlWriter()
    writer.mapping(view, "", "")
    return "".join(writer.parts)


def to_json(tree: Mapping[str, Any], *, raw: bool = False) -> str:
    """Render a tree as JSON, in the style of Go's encoding/json.

    Args:
        tree: As for `to_yaml`.
        raw: Sort the keys of all mappings, and leave nothing out.

    Raises:
        LoadError: A number is infinite or none at all, which JSON cannot say.
    """
    from json.encoder import encode_basestring

    parts: list[str] = []
    view = _plain_json(tree, unique_rules()) if raw else _json_view(tree)
    _write_json(view, "\n", parts, encode_basestring)
    return _HTML.sub(lambda found: f"\\u{ord(found[0]):04x}", "".join(parts))


_HTML = re.compile("[<>&\u2028\u2029]")
"""What Go escapes in JSON so that it can stand in a web page."""


# ---------------------------------------------------------------------------------------------------------
# What each format shows of the tree, in its order
# ---------------------------------------------------------------------------------------------------------

_NAME_MAPS = frozenset(
    (
        "additional_contexts",
        "annotations",
        "args",
        "aux_addresses",
        "configs",
        "depends_on",
        "driver_opts",
        "environment",
        "extra_hosts",
        "labels",
        "models",
        "networks",
        "options",
        "secrets",
        "services",
        "storage_opt",
        "sysctls",
        "ulimits",
        "volumes",
    )
)
"""Keys whose value, if it is a mapping, has keys that the user chose; the keys of all others are fixed."""

_TOP_LEVEL = ("name", "services", "networks", "volumes", "secrets", "configs", "models")

_JSON_ONLY: Mapping[str, tuple[Any, ...]] = {
    "command": (None,),
    "entrypoint": (None,),
    "exec": ({}, {"command": None}),
    "ipam": ({},),
    "placement": ({},),
    "resources": ({},),
}
"""Values that only JSON shows."""

_JSON_NAMES: Mapping[str, Mapping[str, str]] = {
    "device_read_bps": {"path": "Path", "rate": "Rate"},
    "device_read_iops": {"path": "Path", "rate": "Rate"},
    "device_write_bps": {"path": "Path", "rate": "Rate"},
    "device_write_iops": {"path": "Path", "rate": "Rate"},
    "weight_device": {"path": "Path", "weight": "Weight"},
}
"""Keys that JSON calls otherwise, by the key of the list they are in."""


def _yaml_view(tree: Mapping[str, Any]) -> dict[str, Any]:
    keys = [key for key in _TOP_LEVEL if key in tree]
    keys += _natural_order(key for key in tree if key not in _TOP_LEVEL)
    return {key: _yaml_value(key, tree[key]) for key in keys}


def _yaml_value(key: str, value: Any) -> Any:
    if key.startswith("x-"):
        return _naturally_sorted(value)
    if type(value) is list:
        return [_yaml_value("", item) if type(item) in _COLLECTIONS else item for item in value]
    if type(value) is not dict:
        return value
    if key in _NAME_MAPS:
        return {name: _yaml_value("", item) for name, item in _picked(value, value).items()}
    extensions = [inner for inner in value if inner.startswith("x-")]
    if len(extensions) > 1:  # Go keeps them in a map beside the struct, which comes last
        value = {**{k: v for k, v in value.items() if k not in extensions}, **_picked(value, extensions)}
    return {
        inner: _yaml_value(inner, item) if type(item) in _COLLECTIONS else item
        for inner, item in value.items()
        if inner not in _JSON_ONLY or item not in _JSON_ONLY[inner]
    }


def _picked(value: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value[name] for name in _natural_order(names)}


def _json_view(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _plain_json(tree[key], {}) if key.startswith("x-") else _json_value(key, tree[key])
        for key in sorted(tree)
        if key != "models"
    }


def _json_value(key: str, value: Any) -> Any:
    if type(value) is list:
        names = _JSON_NAMES.get(key, {})
        return [_json_struct(item, names) if type(item) is dict else item for item in value]
    if type(value) is not dict:
        return value
    if key == "ulimits":
        return {name: _json_limit(value[name]) for name in sorted(value)}
    if key in _NAME_MAPS:
        return {name: _json_value("", value[name]) for name in sorted(value)}
    return _json_struct(value, {})


def _json_struct(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        names.get(key, key): _json_value(key, item) if type(item) in _COLLECTIONS else item
        for key, item in value.items()
        if not key.startswith("x-")
    }


def _json_limit(limit: Any) -> Any:
    return {key: number for key, number in limit.items() if number} if type(limit) is dict else limit


def _plain_json(value: Any, unique: Trie) -> Any:
    """Sort all keys, and make empty lists null: in Go only lists made anew to be without duplicates are not nil."""
    if type(value) is dict:
        return {key: _plain_json_entry(key, value[key], rules_at(unique, key)) for key in sorted(value)}
    if type(value) is list:
        return [_plain_json_entry("", item, rules_at(unique, "*")) for item in value] or None
    return value


def _plain_json_entry(key: str, value: Any, rule: tuple[Any, Trie]) -> Any:
    is_made_anew = rule[0] is not None and key not in _FILLED
    return value if value == [] and is_made_anew else _plain_json(value, rule[1])


_FILLED = frozenset(("args", "environment"))
"""Lists that are made once more, to fill in variables."""


def _naturally_sorted(value: Any) -> Any:
    if type(value) is dict:
        return {key: _naturally_sorted(value[key]) for key in _natural_order(value)}
    return [_naturally_sorted(item) for item in value] if type(value) is list else value


_COLLECTIONS = frozenset((dict, list))
_LETTERS_LAST = {
    ord(letter): 0x10000 + ord(letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
}
_NO_DIGITS = re.compile(r"[\x00-/:-\x7f]*")
_RUN = re.compile(r"[0-9]+|[^0-9]")


def _natural_order(names: Iterable[str]) -> list[str]:
    """Sort names as go-yaml does: digits by the number they make, letters after all other characters."""
    names = list(names)
    if _NO_DIGITS.fullmatch("".join(names)):
        return sorted(names, key=lambda name: name.translate(_LETTERS_LAST))
    return sorted(names, key=_natural_key)


@lru_cache(maxsize=4096)
def _natural_key(name: str) -> tuple[tuple[int, int, int], ...]:
    key = []
    after_digits = False
    for run in _RUN.findall(name):
        if "0" <= run[0] <= "9":
            key.append((1, int(run[:_MAX_DIGITS]), len(run)))
            after_digits = True
            continue
        is_last = run.isalpha() is not after_digits
        key.append((2 if is_last else 0, ord(run), 0))
        after_digits = False
    return tuple(key)


_MAX_DIGITS = 18


# ---------------------------------------------------------------------------------------------------------
# YAML
# ---------------------------------------------------------------------------------------------------------


class _YamlWriter:
    """Writes lines to `parts`. A pad is what lines begin with; the first one may have another, such as `- `."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.strings = _Strings()

    def mapping(self, tree: Mapping[str, Any], pad: str, first: str) -> None:
        write, strings = self.parts.append, self.strings
        inner = pad + "  "
        for key, value in tree.items():
            name = strings[key]
            if _is_complex(key, name):
                self.complex_key(key, value, pad, first)
            elif type(value) is str:
                text = strings[value]
                write(f"{first}{name}: {_literal(value, inner) if text is None else text}\n")
            elif type(value) not in _COLLECTIONS:
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
        if type(value) in _COLLECTIONS:
            if value:
                self.collection(value, pad, first)
            else:
                self.parts.append(f"{first}{_EMPTY[type(value)]}\n")
            return
        text = self.strings[value] if type(value) is str else _scalar(value)
        self.parts.append(f"{first}{_literal(value, pad) if text is None else text}\n")

    def complex_key(self, key: str, value: Any, pad: str, first: str) -> None:
        """Write a key that is too long, or has too many lines, to have its value beside it."""
        self.value(key, pad + "  ", first + "? ")
        self.value(value, pad + "  ", pad + ": ")


def _is_complex(key: str, written: str | None) -> bool:
    """Tell whether a key, which is `written` so if it has one line, is too long or has too many lines to be simple."""
    if written is None or (written[0] == '"' and not _BREAKS.isdisjoint(key)):
        return True
    return len(key) > _SIMPLE_KEY // 4 and len(key.encode()) > _SIMPLE_KEY


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

    def __init__(self) -> None:
        super().__init__()
        self.plain = Plain(WORDS)

    def __missing__(self, text: str) -> str | None:
        self[text] = written = self.written(text)
        return written

    def written(self, text: str) -> str | None:
        if _SIMPLE.fullmatch(text):
            return _double_quoted(text) if text in _RESERVED else text
        if "\n" in text:
            return None if _LINES.fullmatch(text) else _double_quoted(text)
        if type(self.plain[text]) is not str or text in _OLD_BOOLEANS or _BASE_60.fullmatch(text):
            return _double_quoted(text)
        if _SAFE.fullmatch(text):
            return text
        return "'" + text.replace("'", "''") + "'" if _ONE_LINE.fullmatch(text) else _double_quoted(text)


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


def _literal(text: str, pad: str) -> str:
    """Write a string as a block, without the line break at its end."""
    indent = "2" if text[0] in " \n" else ""
    body = text.removesuffix("\n")
    keep = "-" if body == text else "+" if not body or body[-1] == "\n" else ""
    lines = [pad + line if line else "" for line in body.split("\n")]
    return f"|{indent}{keep}\n" + "\n".join(lines)


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
    elif type(value) not in _COLLECTIONS:
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
            Diagnostic("C2F130", Severity.ERROR, message, hint="Print YAML, or change the number.")
        )
    return _shortest(value, -6, 21).replace("e-0", "e-")
