"""`${...}` in strings and trees, with the casts that follow from a key's type.

The grammar is Docker Compose's, which is narrower than a shell's and has corners of its own:

| text                         | becomes                                                                   |
|------------------------------|---------------------------------------------------------------------------|
| `$V`, `${V}`                 | the value; a blank string and a warning when V is not set                 |
| `${V-x}`, `${V:-x}`          | x when V is not set, with `:` also when it is empty                       |
| `${V+x}`, `${V:+x}`          | x when V is set, with `:` only when it is not empty                       |
| `${V?x}`, `${V:?x}`          | an error saying x when V is not set, with `:` also when it is empty       |
| `$$`                         | a literal `$`                                                             |
| `$1`, `$(c)`, `$` at the end | themselves                                                                |
| any other `${`               | an error                                                                  |

What follows the operator reaches to the brace that balances the first one, must end on the same line, and
is always interpolated, even where it is not used: `${A:-${B:?x}}` fails when B is not set, whatever A is.

https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from compose2fargate.compose.scalars import BOOLEANS, parse_float, parse_integer, parse_single
from compose2fargate.compose.yaml_trees import Marks, locate
from compose2fargate.diagnostics import Diagnostic, Path, Severity

Lookup = Callable[[str], "str | None"]
"""Gives a variable's value, None when it is not set."""

MAX_NESTING = 20

MAX_BRACES = 200
"""How deep braces may be nested in one reference, those of its text included."""

MAX_EXPANSION = 8 * 1024 * 1024
"""How many characters one string may become, and all strings of an env file together."""

MAX_TOTAL_EXPANSION = 4 * MAX_EXPANSION
"""How many characters the strings with variables of one document may become together."""

_NAME = "[_a-zA-Z\u017f\u212a][_a-zA-Z0-9\u017f\u212a]*"
# Go folds the case of [a-z] to the long s and the Kelvin sign too.
REFERENCE = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<named>{_NAME})|\{{(?:(?P<braced>{_NAME})(?P<operator>\}}|:?[-+?]))?)"
)
_BRACE = re.compile(r"[{}]")


class TemplateError(Exception):
    """A string that cannot be interpolated.

    Attributes:
        code: C2F121 for a format that is wrong, C2F122 for a required variable without a value.
        message: One sentence on what is wrong.
        hint: What to write instead.
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def substitute(
    template: str, lookup: Lookup, missing: Callable[[str], object] = lambda _: None, *, nesting: int = 0
) -> str:
    """Replace the variables of `template`.

    Args:
        template: The text.
        lookup: Gives the values.
        missing: Called with each name that is not set and was replaced by a blank string.
        nesting: How many operands `template` is inside of.

    Raises:
        TemplateError: The format is wrong, or a required variable has no value.
    """
    if nesting > MAX_NESTING:
        raise TemplateError("C2F121", f"variables are nested more than {MAX_NESTING} deep", "Use fewer.")
    parts: list[str] = []
    end = size = 0
    while (match := REFERENCE.search(template, end)) is not None:
        size += len(parts[-1]) if parts else 0
        if size > MAX_EXPANSION:
            raise too_long(MAX_EXPANSION)
        parts.append(template[end : match.start()])
        end = match.end()
        operator = match["operator"]
        if match["escaped"]:
            parts.append("$")
        elif operator is None and match["named"] is None:
            raise _wrong_format(template, match.start())
        elif operator is None or operator == "}":
            parts.append(_plain_value(match["named"] or match["braced"], lookup, missing))
        else:
            closing = closing_brace(template, match.start())
            operand = substitute(template[end:closing], lookup, missing, nesting=nesting + 1)
            parts.append(_OPERATORS[operator](match["braced"], lookup(match["braced"]), operand))
            end = closing + 1
    parts.append(template[end:])
    return "".join(parts)


def too_long(limit: int) -> TemplateError:
    """Give the error for variables whose values amount to more than `limit` characters."""
    message = f"with its variables filled in this is longer than {limit} characters"
    return TemplateError("C2F103", message, "Look for variables that repeat each other.")


def _plain_value(name: str, lookup: Lookup, missing: Callable[[str], object]) -> str:
    value = lookup(name)
    if value is None:
        missing(name)
        return ""
    return value


def closing_brace(template: str, start: int) -> int:
    """Find the brace that ends the reference at `start`.

    Braces are counted as compose-go counts them: what follows an opening one is skipped. When they do not
    balance, the last one on the line ends the reference.

    Raises:
        TemplateError: There is none on the line.
    """
    depth = 0
    last = skipped = -1
    seen = start
    for brace in _BRACE.finditer(template, start):
        at = brace.start()
        if template.find("\n", seen, at) >= 0:
            break
        seen = at
        if brace[0] == "}":
            last = at
        if at == skipped:
            continue
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return at
        if depth > MAX_BRACES:
            raise TemplateError("C2F121", f"braces are nested more than {MAX_BRACES} deep", "Use fewer.")
        if brace[0] == "{":
            skipped = at + 1
    if last < 0:
        raise _wrong_format(template, start)
    return last


def _wrong_format(template: str, start: int) -> TemplateError:
    begun = REFERENCE.match(template, start)
    # What follows an operator may be a credential; without one, it is the name that is wrong.
    reference = (
        f"{begun[0]}..." if begun and begun["operator"] else template[start : start + 40].split("\n", 1)[0]
    )
    hint = "Write ${NAME}, ${NAME:-default} or ${NAME:?message} on one line; a literal $ is written as $$."
    return TemplateError("C2F121", f"{reference!r} is no variable reference", hint)


def _default_when_unset(_: str, value: str | None, operand: str) -> str:
    return operand if value is None else value


def _default_when_empty(_: str, value: str | None, operand: str) -> str:
    return value or operand


def _alternate_when_set(_: str, value: str | None, operand: str) -> str:
    return "" if value is None else operand


def _alternate_when_not_empty(_: str, value: str | None, operand: str) -> str:
    return operand if value else ""


def _required(name: str, value: str | None, operand: str) -> str:
    if value is None:
        reason = f": {operand}" if operand else ""
        message = f"the required variable {name} is not set{reason}"
        raise TemplateError("C2F122", message, f"Set {name} in the environment or in the .env file.")
    return value


def _required_not_empty(name: str, value: str | None, operand: str) -> str:
    if value == "":
        reason = f": {operand}" if operand else ""
        message = f"the required variable {name} is empty{reason}"
        raise TemplateError("C2F122", message, f"Give {name} a value in the environment or in the .env file.")
    return _required(name, value, operand)


_OPERATORS: dict[str, Callable[[str, str | None, str], str]] = {
    "-": _default_when_unset,
    ":-": _default_when_empty,
    "+": _alternate_when_set,
    ":+": _alternate_when_not_empty,
    "?": _required,
    ":?": _required_not_empty,
}


# ---------------------------------------------------------------------------------------------------------
# Casts: what a string must become where Compose expects a number or a boolean
# ---------------------------------------------------------------------------------------------------------


def _to_boolean(text: str) -> bool:
    return BOOLEANS[text.lower()]


class _Cast(NamedTuple):
    convert: Callable[[str], Any]
    expected: str
    hint: str


_BOOLEAN = _Cast(_to_boolean, "a boolean", "Write true or false.")
_INT = _Cast(parse_integer, "an integer", "Write a whole number, without a unit.")
_NUMBER = _Cast(parse_float, "a number", "Write a number, without a unit.")
_SINGLE = _Cast(parse_single, "a number", "Write a number, without a unit.")

_SERVICE_CASTS: dict[tuple[str, ...], _Cast] = {
    ("cpu_count",): _INT,
    ("cpu_percent",): _NUMBER,
    ("cpu_period",): _INT,
    ("cpu_quota",): _INT,
    ("cpu_rt_period",): _INT,
    ("cpu_rt_runtime",): _INT,
    ("cpu_shares",): _INT,
    ("cpus",): _SINGLE,
    ("deploy", "placement", "max_replicas_per_node"): _INT,
    ("deploy", "replicas"): _INT,
    ("deploy", "restart_policy", "max_attempts"): _INT,
    ("deploy", "rollback_config", "max_failure_ratio"): _NUMBER,
    ("deploy", "rollback_config", "parallelism"): _INT,
    ("deploy", "update_config", "max_failure_ratio"): _NUMBER,
    ("deploy", "update_config", "parallelism"): _INT,
    ("healthcheck", "disable"): _BOOLEAN,
    ("healthcheck", "retries"): _INT,
    ("init",): _BOOLEAN,
    ("oom_kill_disable",): _BOOLEAN,
    ("oom_score_adj",): _INT,
    ("pids_limit",): _INT,
    ("ports", "[]", "target"): _INT,
    ("privileged",): _BOOLEAN,
    ("read_only",): _BOOLEAN,
    ("scale",): _INT,
    ("stdin_open",): _BOOLEAN,
    ("tty",): _BOOLEAN,
    ("ulimits", "*"): _INT,
    ("ulimits", "*", "hard"): _INT,
    ("ulimits", "*", "soft"): _INT,
    ("volumes", "[]", "read_only"): _BOOLEAN,
    ("volumes", "[]", "volume", "nocopy"): _BOOLEAN,
}

_CASTS: dict[tuple[str, ...], _Cast] = {
    ("configs", "*", "external"): _BOOLEAN,
    ("networks", "*", "attachable"): _BOOLEAN,
    ("networks", "*", "enable_ipv4"): _BOOLEAN,
    ("networks", "*", "enable_ipv6"): _BOOLEAN,
    ("networks", "*", "external"): _BOOLEAN,
    ("networks", "*", "internal"): _BOOLEAN,
    ("secrets", "*", "external"): _BOOLEAN,
    ("volumes", "*", "external"): _BOOLEAN,
    **{("services", "*", *path): cast for path, cast in _SERVICE_CASTS.items()},
}
"""Where strings are cast, whether or not they hold a variable; `[]` stands for a list's items, `*` for any key."""


def _trie(table: Mapping[tuple[str, ...], _Cast]) -> _Casts:
    root: _Casts = {}
    for path, cast in table.items():
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node[None] = cast
    return root


_Casts = dict["str | None", Any]
"""Casts below a key: the next step of the path to the same again, None to the cast of the key itself."""

_NO_CASTS: _Casts = {}
_CAST_TRIE = _trie(_CASTS)


# ---------------------------------------------------------------------------------------------------------
# Trees
# ---------------------------------------------------------------------------------------------------------


def interpolate(
    tree: dict[str, Any], marks: Marks, lookup: Lookup, diagnostics: list[Diagnostic]
) -> dict[str, Any]:
    """Replace the variables in all values of a tree, in place, and cast what Compose casts; keys stay as they are.

    Args:
        tree: A document's tree, or any tree of the same shape.
        marks: Its marks.
        lookup: Gives the values of variables.
        diagnostics: Gets an error for each string that cannot be interpolated or cast, which is left as it
            was, and one warning for each variable that is not set.

    Returns:
        `tree`.
    """
    _Interpolation(marks, lookup, diagnostics).mapping(tree, _CAST_TRIE, ())
    return tree


_MAX_ERRORS = 100
"""After so many, the rest is most likely more of the same."""


class _Interpolation:
    def __init__(self, marks: Marks, lookup: Lookup, diagnostics: list[Diagnostic]) -> None:
        self.marks = marks
        self.lookup = lookup
        self.diagnostics = diagnostics
        self.errors = 0
        self.expanded = 0
        self.warned = {found.message for found in diagnostics if found.code == "C2F120"}

    def mapping(self, tree: dict[str, Any], casts: _Casts, path: Path) -> None:
        any_key: _Casts = casts.get("*", _NO_CASTS)
        for key, value in tree.items():
            inner: _Casts = casts.get(key, any_key)
            kind = type(value)
            if kind is str:
                cast = inner.get(None)
                if "$" in value or cast is not None:
                    tree[key] = self.text(value, cast, (*path, key))
            elif kind is dict:
                self.mapping(value, inner, (*path, key))
            elif kind is list:
                self.sequence(value, inner, (*path, key))

    def sequence(self, items: list[Any], casts: _Casts, path: Path) -> None:
        inner: _Casts = casts.get("[]") or casts.get("*") or _NO_CASTS
        cast = inner.get(None)
        for index, value in enumerate(items):
            kind = type(value)
            if kind is str:
                if "$" in value or cast is not None:
                    items[index] = self.text(value, cast, (*path, index))
            elif kind is dict:
                self.mapping(value, inner, (*path, index))
            elif kind is list:
                self.sequence(value, inner, (*path, index))

    def text(self, template: str, cast: _Cast | None, path: Path) -> Any:
        try:
            value = substitute(template, self.lookup, lambda name: self.warn_missing(name, path))
            self.expanded += len(value)
            if self.expanded > MAX_TOTAL_EXPANSION:
                raise too_long(MAX_TOTAL_EXPANSION)
        except TemplateError as error:
            self.report(error.code, Severity.ERROR, error.message, path, error.hint)
            return template
        if cast is None:
            return value
        try:
            converted = cast.convert(value)
        except (ValueError, KeyError):
            given = f"{template!r} gives {value!r}" if value != template else f"this is {value!r}"
            message = f"the key {_dotted(path)} takes {cast.expected}; {given}"
            self.report("C2F123", Severity.ERROR, message, path, cast.hint)
            return template
        if cast is _BOOLEAN and value.lower() not in {"true", "false"}:
            self.warn_word(value, converted, path)
        return converted

    def warn_missing(self, name: str, path: Path) -> None:
        message = f"the variable {name} is not set; a blank string takes its place"
        if message not in self.warned:
            self.warned.add(message)
            hint = (
                f"Set {name} in the environment or in the .env file, or give a default: ${{{name}:-value}}."
            )
            self.report("C2F120", Severity.WARNING, message, path, hint)

    def warn_word(self, word: str, value: object, path: Path) -> None:
        message = f"{word!r} is no boolean of YAML 1.2, but is read as one here"
        self.report("C2F124", Severity.WARNING, message, path, f"Write {str(value).lower()}.")

    def report(self, code: str, severity: Severity, message: str, path: Path, hint: str) -> None:
        self.errors += severity is Severity.ERROR
        if self.errors <= _MAX_ERRORS:
            place = locate(self.marks, path)
            self.diagnostics.append(Diagnostic(code, severity, message, path, place, hint))


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)
