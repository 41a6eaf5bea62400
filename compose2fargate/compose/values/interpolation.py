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

What follows the operator reaches to the brace that balances the first one, must end on the same line, and is
interpolated where it is used: `${A:-${B:?x}}` fails when neither A nor B is set. Before `Change.LAZY_OPERANDS` it
always was, and failed whatever A is.

https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.values.durations_and_sizes import (
    BOOLEANS,
    parse_float,
    parse_integer,
    parse_single,
)
from compose2fargate.compose.yaml.yaml_trees import Marks, locate
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.records import NamedTuple

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
    template: str,
    lookup: Lookup,
    missing: Callable[[str], object] = lambda _: None,
    *,
    lazy: bool = True,
    nesting: int = 0,
) -> str:
    """Replace the variables of `template`.

    Args:
        template: The text.
        lookup: Gives the values.
        missing: Called with each name that is not set and was replaced by a blank string.
        lazy: Whether what follows an operator is left alone where it is not used; see `Change.LAZY_OPERANDS`.
        nesting: How many operands `template` is inside of.

    Raises:
        TemplateError: The format is wrong, or a required variable has no value.
    """
    parts: list[str] = []
    end = size = 0
    while (match := REFERENCE.search(template, end)) is not None:
        size += len(parts[-1]) if parts else 0
        if size > MAX_EXPANSION:
            raise too_long(MAX_EXPANSION)
        parts.append(template[end : match.start()])
        end = match.end()
        if match["escaped"]:
            parts.append("$")
        elif (operator := match["operator"]) is None and match["named"] is None:
            raise _wrong_format(template, match.start())
        elif operator is None or operator == "}":
            parts.append(_plain_value(match["named"] or match["braced"], lookup, missing))
        else:
            closing = closing_brace(template, match.start())
            inner = template[end:closing]
            parts.append(_with_operand(match, inner, lookup, missing, lazy=lazy, nesting=nesting))
            end = closing + 1
    return "".join((*parts, template[end:]))


def _with_operand(
    match: re.Match[str],
    operand: str,
    lookup: Lookup,
    missing: Callable[[str], object],
    *,
    lazy: bool,
    nesting: int,
) -> str:
    """Give what stands for a variable with an operator, such as `${A:-operand}`."""
    value, operator = lookup(match["braced"]), match["operator"]
    is_used = _IS_USED[operator](value)
    text = ""
    if is_used or not lazy:
        if nesting == MAX_NESTING:
            raise TemplateError("C2F121", f"variables are nested more than {MAX_NESTING} deep", "use fewer")
        text = substitute(operand, lookup, missing, lazy=lazy, nesting=nesting + 1)
    if is_used and operator[-1] == "?":
        raise _required(match["braced"], value, text)
    return text if is_used else value or ""


def too_long(limit: int) -> TemplateError:
    """Give the error for variables whose values amount to more than `limit` characters."""
    message = f"with its variables filled in this is longer than {limit} characters"
    return TemplateError("C2F103", message, "look for variables that repeat each other")


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
            raise TemplateError("C2F121", f"braces are nested more than {MAX_BRACES} deep", "use fewer")
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
    hint = "write ${NAME}, ${NAME:-default} or ${NAME:?message} on one line; a literal $ is written as $$"
    return TemplateError("C2F121", f"{reference!r} is not a variable reference", hint)


_IS_USED: dict[str, Callable[[str | None], bool]] = {
    "-": lambda value: value is None,
    ":-": lambda value: not value,
    "+": lambda value: value is not None,
    ":+": bool,
    "?": lambda value: value is None,
    ":?": lambda value: not value,
}
"""By operator: whether what follows it takes the place of this value, or is the reason to refuse it."""


def _required(name: str, value: str | None, reason: str) -> TemplateError:
    problem = "is not set" if value is None else "is empty"
    message = f"the required variable {name} {problem}{': ' if reason else ''}{reason}"
    what = f"set {name}" if value is None else f"give {name} a value"
    return TemplateError("C2F122", message, f"{what} in the environment or in the .env file")


# ---------------------------------------------------------------------------------------------------------
# Casts: what a string must become where Compose expects a number or a boolean
# ---------------------------------------------------------------------------------------------------------


def _to_boolean(text: str) -> bool:
    return BOOLEANS[text.lower()]


class _Cast(NamedTuple):
    convert: Callable[[str], Any]
    expected: str
    hint: str


_BOOLEAN = _Cast(_to_boolean, "a boolean", "write true or false")
_INT = _Cast(parse_integer, "an integer", "write a whole number, without a unit")
_NUMBER = _Cast(parse_float, "a number", "write a number, without a unit")
_SINGLE = _Cast(parse_single, "a number", "write a number, without a unit")

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

_DEPENDENCY_CASTS: dict[tuple[str, ...], _Cast] = {
    ("services", "*", "depends_on", "*", "required"): _BOOLEAN,
    ("services", "*", "depends_on", "*", "restart"): _BOOLEAN,
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


@cache
def _casts_of(dialect: Dialect) -> _Casts:
    return _trie(_CASTS | (_DEPENDENCY_CASTS if dialect.has(Change.DEPENDENCY_CASTS) else {}))


# ---------------------------------------------------------------------------------------------------------
# Trees
# ---------------------------------------------------------------------------------------------------------


def interpolate(
    tree: dict[str, Any],
    marks: Marks,
    lookup: Lookup,
    diagnostics: list[Diagnostic],
    dialect: Dialect = CURRENT,
) -> dict[str, Any]:
    """Replace the variables in all values of a tree, in place, and cast what Compose casts; keys stay as they are.

    Args:
        tree: A document's tree, or any tree of the same shape.
        marks: Its marks.
        lookup: Gives the values of variables.
        diagnostics: Gets an error for each string that cannot be interpolated or cast, which is left as it
            was, and one warning for each variable that is not set.
        dialect: What the document is read as.

    Returns:
        `tree`.
    """
    lazy = dialect.has(Change.LAZY_OPERANDS)
    _Interpolation(marks, lookup, diagnostics, lazy=lazy).mapping(tree, _casts_of(dialect), ())
    return tree


_MAX_ERRORS = 100
"""After so many, the rest is most likely more of the same."""


class _Interpolation:
    def __init__(self, marks: Marks, lookup: Lookup, diagnostics: list[Diagnostic], *, lazy: bool) -> None:
        self.lazy = lazy
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
            value = substitute(
                template, self.lookup, lambda name: self.warn_missing(name, path), lazy=self.lazy
            )
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
            hint = f"set {name} in the environment or in the .env file, or give a default: ${{{name}:-value}}"
            self.report("C2F120", Severity.WARNING, message, path, hint)

    def warn_word(self, word: str, value: object, path: Path) -> None:
        message = f"{word!r} is not a YAML 1.2 boolean, but is read as one here"
        self.report("C2F124", Severity.WARNING, message, path, f"write {str(value).lower()}")

    def report(self, code: str, severity: Severity, message: str, path: Path, hint: str) -> None:
        self.errors += severity is Severity.ERROR
        if self.errors <= _MAX_ERRORS:
            place = locate(self.marks, path)
            self.diagnostics.append(Diagnostic(code, severity, message, path, place, hint))


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)
