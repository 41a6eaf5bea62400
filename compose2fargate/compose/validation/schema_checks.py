"""Compiles the JSON Schemas of this project to functions that find every problem in a value.

Importing a general validator takes longer than reading a small compose file altogether. Here a schema
becomes nested functions, and the part for a key is built when that key first turns up. What is understood is
the part of JSON Schema (draft 7) that our schemas are written in:

- a schema is empty (anything goes), or a `$ref` to a definition, or it names its `type`;
- `enum` and `pattern`; `minimum` and `maximum`; `items` and `uniqueItems`; `required`, `properties`,
  `patternProperties` (the first that matches counts) and `additionalProperties` ask something of values of
  their own type only.

Alternatives of different types are one schema with several types. So the type of a value decides which of
them was meant, and a message can speak of that one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from compose2fargate.compose.sources.source_files import Timestamp
from compose2fargate.diagnostics import Path
from compose2fargate.records import NamedTuple

Schema = Mapping[str, Any]


class Problem(NamedTuple):
    """A finding, as seen from the value that was checked.

    Attributes:
        path: Where it is, below that value.
        code: The code of the diagnostic that it becomes.
        says: The message without its subject: "must be a list, but is a mapping".
        hint: What to do; empty when there is nothing to say beyond `known`.
        word: The word that is none of `known`.
        known: The words that are possible.
    """

    path: Path
    code: str
    says: str
    hint: str = ""
    word: str = ""
    known: tuple[str, ...] = ()


Problems = Sequence[Problem]
Check = Callable[[Any], Problems]

_NONE: Problems = ()

_SHOWN = 60
"""How many characters of a text a message shows."""

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}

_WORDS = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}

_AS_LIST = "write it as a list: each item on a line of its own, after '- '"
_AS_MAPPING = "write it as a mapping: 'name: value' on each line, without '- '"

_ADVICE: Mapping[tuple[type, str], str] = {
    (int, "boolean"): "write true or false",
    (float, "integer"): "write a whole number",
    (int, "string"): 'put quotes around it: "{}"',
    (bool, "string"): 'put quotes around it: "{}"',
    (float, "string"): "put quotes around it",
    (Timestamp, "string"): "put quotes around it",
    (str, "integer"): "write the number without quotes",
    (str, "number"): "write the number without quotes",
    (str, "boolean"): "write true or false without quotes",
    (str, "array"): _AS_LIST,
    (dict, "array"): _AS_LIST,
    (str, "object"): _AS_MAPPING,
    (list, "object"): _AS_MAPPING,
}
"""What to do with a value of this type where that one was wanted."""

_FORMS = {
    "object": _AS_MAPPING,
    "array": _AS_LIST,
    "string": "write one text there, without '- ' and without keys",
    "boolean": "write true or false there",
    "integer": "write one number there",
    "number": "write one number there",
}
"""How each type is written, where the value says nothing about what was meant."""

_FOUND: Mapping[type, str] = {str: "a string", list: "a list", dict: "a mapping", Timestamp: "a date"}

_NAME_RULES = {
    "^[a-zA-Z0-9._-]+$": "use only letters, digits, '.', '_' and '-' in it",
    ".": "a name cannot be empty",
}


def compile_schema(schema: Schema, *, dates_are_texts: bool = False) -> Check:
    """Turn `schema` into the function that finds the problems of a value, in the order of the value.

    Args:
        schema: The schema.
        dates_are_texts: Whether a date is a text, as in JSON.
    """
    return _Compiler(schema, dates_are_texts=dates_are_texts).compile(schema)


def resolve(root: Schema, reference: str) -> Schema:
    """Find the part of `root` that `reference` (`#/definitions/service`) names."""
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    schema: Schema = found
    return schema


class _Compiler:
    """Turns the schemas inside `root` into functions, and each definition only once."""

    def __init__(self, root: Schema, *, dates_are_texts: bool) -> None:
        self._root = root
        self._dates_are_texts = dates_are_texts
        self._definitions: dict[str, Check] = {}

    def compile(self, schema: Schema) -> Check:
        if "$ref" in schema:
            return self._definition(schema["$ref"])
        if "type" not in schema:
            return _accept
        names = (schema["type"],) if isinstance(schema["type"], str) else tuple(schema["type"])
        by_type = {kind: self._beyond_type(name, schema) for name in names for kind in _PYTHON_TYPES[name]}
        if self._dates_are_texts and str in by_type:
            by_type[Timestamp] = _of_date(by_type[str])
        other = _other_type(names, by_type)
        if all(check is _accept for check in by_type.values()):
            return _typed(frozenset(by_type), other)
        return _dispatching(by_type, other)

    def _definition(self, reference: str) -> Check:
        if reference not in self._definitions:
            self._definitions[reference] = self.compile(resolve(self._root, reference))
        return self._definitions[reference]

    def _beyond_type(self, name: str, schema: Schema) -> Check:
        keywords, make = _BEYOND_TYPE.get(name, ((), None))
        return _accept if make is None or schema.keys().isdisjoint(keywords) else make(self, schema)


class _Keys(dict[str, Check]):
    """The check of each key's value; that of a property is compiled when the key first turns up."""

    def __init__(self, compiler: _Compiler, schema: Schema) -> None:
        super().__init__()
        self._compile = compiler.compile
        self._properties: Schema = schema.get("properties", {})
        patterns: Schema = schema.get("patternProperties", {})
        self._patterns = [(_search(pattern), self._compile(value)) for pattern, value in patterns.items()]
        self._other = self._check_of_others(schema.get("additionalProperties", True), patterns)

    def __missing__(self, key: str) -> Check:
        if key in self._properties:
            check = self[key] = self._compile(self._properties[key])
            return check
        # The checks of names that users choose are not kept: there is no end to such names.
        for matches, check in self._patterns:
            if matches(key):
                return check
        return self._other(key)

    def _check_of_others(self, schema: Any, patterns: Schema) -> Callable[[str], Check]:
        if schema is not False:
            check = _accept if schema is True else self._compile(schema)
            return lambda _key: check
        return _unknown_key(tuple(self._properties)) if self._properties else _bad_name(next(iter(patterns)))


def _mapping_check(compiler: _Compiler, schema: Schema) -> Check:
    checks = _Keys(compiler, schema)
    required = schema.get("required", ())

    def check(value: dict[str, object]) -> Problems:
        problems = [Problem((), "C2F142", f"lacks the key '{key}'") for key in required if key not in value]
        for key, item in value.items():
            found = checks[key](item)
            if found:
                problems += _below(key, found)
        return problems

    return check


def _list_check(compiler: _Compiler, schema: Schema) -> Check:
    check_item = compiler.compile(schema.get("items", {}))
    unique = schema.get("uniqueItems", False)

    def check(value: list[object]) -> Problems:
        problems: list[Problem] = []
        for index, item in enumerate(value):
            found = check_item(item)
            if found:
                problems += _below(index, found)
        if unique:
            problems += _repeated(value)
        return problems

    return check


def _text_check(_compiler: _Compiler, schema: Schema) -> Check:
    words = tuple(schema.get("enum", ()))
    matches = _search(schema.get("pattern", ""))
    hint = schema.get("description", "")

    def check(value: str) -> Problems:
        if words and value not in words:
            says = f"must be {_either(map(_quoted, words))}, but is {_quoted(value)}"
            known = tuple(word for word in words if isinstance(word, str))
            return [Problem((), "C2F143", says, word=value, known=known)]
        if not matches(value):
            return [Problem((), "C2F143", f"cannot be {_quoted(value)}", hint)]
        return _NONE

    return check


def _range_check(_compiler: _Compiler, schema: Schema) -> Check:
    low = schema.get("minimum", float("-inf"))
    high = schema.get("maximum", float("inf"))

    def check(value: float) -> Problems:
        if value < low:
            return [Problem((), "C2F143", f"must be at least {low}, but is {value}")]
        if value > high:
            return [Problem((), "C2F143", f"must be at most {high}, but is {value}")]
        return _NONE

    return check


_BEYOND_TYPE: Mapping[str, tuple[tuple[str, ...], Callable[[_Compiler, Schema], Check]]] = {
    "string": (("enum", "pattern"), _text_check),
    "integer": (("minimum", "maximum"), _range_check),
    "number": (("minimum", "maximum"), _range_check),
    "array": (("items", "uniqueItems"), _list_check),
    "object": (("required", "properties", "patternProperties", "additionalProperties"), _mapping_check),
}
"""By type: the keywords that ask something of its values, and what makes the check out of them."""


def _of_date(check: Check) -> Check:
    return check if check is _accept else lambda value: check(value.text)


def _accept(_value: object) -> Problems:
    return _NONE


def _typed(kinds: frozenset[type], other: Check) -> Check:
    return lambda value: _NONE if type(value) in kinds else other(value)


def _dispatching(by_type: Mapping[type, Check], other: Check) -> Check:
    return lambda value: by_type.get(type(value), other)(value)


def _other_type(names: Sequence[str], by_type: Mapping[type, Check]) -> Check:
    wanted = _either(_WORDS[name] for name in names)

    def check(value: object) -> Problems:
        # In JSON Schema a number without a fraction, 2.0, is an integer.
        if isinstance(value, float) and value.is_integer() and int in by_type:
            return by_type[int](value)
        return [Problem((), "C2F140", f"must be {wanted}, but is {_what(value)}", _advice(value, names))]

    return check


def _what(value: object) -> str:
    """Say what `value` is; texts, lists and mappings may be long or secret, and are not shown."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return _FOUND.get(type(value), type(value).__name__)


def _quoted(text: object) -> str:
    """Show a word; a list of words may hold `true`, too."""
    if not isinstance(text, str):
        return json.dumps(text)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _advice(value: object, names: Sequence[str]) -> str:
    if value is None:
        return "give it a value, or remove it"
    advice = next(filter(None, (_ADVICE.get((type(value), name)) for name in names)), None)
    if advice is None:  # the value is of no kin to any of them
        advice = next((_FORMS[name] for name in names if name in _FORMS), "")
    return advice.format(json.dumps(value)) if "{}" in advice else advice


def _unknown_key(known: tuple[str, ...]) -> Callable[[str], Check]:
    """Give what makes, for a key that is none of `known`, the check that refuses whatever its value is."""
    return lambda key: lambda _: [Problem((), "C2F141", "is not a known key", word=key, known=known)]


def _bad_name(pattern: str) -> Callable[[str], Check]:
    hint = _NAME_RULES.get(pattern, f"it must match {pattern}")
    return lambda _key: lambda _: [Problem((), "C2F144", "is not a valid name", hint)]


def _below(step: str | int, problems: Problems) -> list[Problem]:
    """Give `problems` as they are seen from the value that has the checked one at `step`."""
    return [problem._replace(path=(step, *problem.path)) for problem in problems]


def _repeated(items: list[Any]) -> Problems:
    """Find the items that equal an earlier one; 1 equals 1.0, and does not equal true.

    In Docker Compose a whole number also equals an earlier text that says the same.
    """
    try:
        # What Python holds to be different is different to JSON Schema too, among values of one type.
        if len(set(items)) == len(items) and len(set(map(type, items))) <= 1:
            return _NONE
    except TypeError:
        pass  # mappings cannot be in a set
    first: dict[Hashable, int] = {}
    earlier = []
    for index, item in enumerate(items):
        place = first.setdefault(_frozen(item), index)
        earlier.append(first.get(str(item), place) if type(item) is int else place)
    return [
        Problem((index,), "C2F145", f"is the same as item {place}", "remove one of them")
        for index, place in enumerate(earlier)
        if place != index
    ]


def _frozen(value: object) -> Hashable:
    if isinstance(value, dict):
        return "mapping", frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, list):
        return "list", tuple(map(_frozen, value))
    return ("boolean", value) if isinstance(value, bool) else value


def _search(pattern: str) -> Callable[[str], object]:
    # Python's `$` also matches before a last line feed; that of JSON Schema and of Go does not.
    return re.compile(re.sub(r"\$$", r"\\Z", pattern)).search


def _either(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
