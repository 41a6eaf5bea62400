"""Changes to a resource that are written in the API's own words: what `x-fargate.patch` says.

A patch is the JSON that the API would take, with just the members to change. Known members become part of the typed value, so that
every target, the checks and the comparisons see them; unknown ones (newer than this program) are kept beside it. The rules:

- an object is merged, member by member;
- `null` takes a member away, back to "not given";
- a list of things with names (containers, variables, ports, mounts) is merged by their names, and new ones are added;
  written as an object, `{web: {…}, proxy: null}`, it also takes things away;
- any other list replaces the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref, camel_case, pascal_case
from compose2fargate.records import NamedTuple

_IDENTITIES = (
    "name", "key", "container_name", "container_port", "source_volume", "source_container", "namespace", "container_path",
    "capacity_provider", "port_name", "sid", "target_group_arn",
)  # fmt: skip
"""Fields by which the items of a list are told apart, the first that a type has."""

_LINKS = (Ref, JoinedText, BuiltImage)
_PLAIN = (str, int, float, bool)


class PatchError(Exception):
    """A patch does not fit the resource; `member` is the API's path to what does not."""

    def __init__(self, member: str, says: str) -> None:
        super().__init__(f"{member} {says}".strip())
        self.member = member


class PatchedResource(NamedTuple):
    """A value with a patch applied, and the members of the patch that its type does not know."""

    value: Any
    extras: Any


def apply_patch(value: Any, patch: Mapping[str, Any]) -> PatchedResource:
    """Apply a patch to a resource.

    Raises:
        PatchError: A member gets a value of the wrong type, or is taken away although the API needs it.
    """
    return _object(type(value), value, patch, "")


def from_api(kind: Any, data: Mapping[str, Any]) -> PatchedResource:
    """Read a value of type `kind` from the JSON that the API takes or gives.

    Raises:
        PatchError: A member that the type needs is missing, or is of the wrong type.
    """
    return _object(kind, None, data, "")


def merge_extras(document: Any, extras: Mapping[str, Any]) -> Any:
    """Put what a type does not know into the document that `to_api` made of a resource, by the rules of a patch."""
    made = dict(document)
    for member, value in extras.items():
        if isinstance(value, Mapping) and isinstance(made.get(member), Mapping):
            made[member] = merge_extras(made[member], value)
        elif isinstance(value, list) and isinstance(made.get(member), list):
            made[member] = _with_items(made[member], value)
        elif value is None:
            made.pop(member, None)
        else:
            made[member] = value
    return made


def joined_extras(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Put the extras of two patches of one resource together; the later one wins."""
    both = dict(old)
    for member, value in new.items():
        before = both.get(member)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            both[member] = joined_extras(before, value)
        elif isinstance(value, list) and isinstance(before, list) and all(_name_of(item) for item in value):
            named = {_name_of(item): item for item in before}
            both[member] = [
                *(
                    {**named, **{_name_of(i): joined_extras(named.get(_name_of(i), {}), i) for i in value}}
                ).values()
            ]
        else:
            both[member] = value
    return both


def _with_items(items: list[Any], extras: list[Any]) -> list[Any]:
    """A list with the extras of its items, which carry the names that they belong to."""
    added = {_name_of(extra): extra for extra in extras if isinstance(extra, Mapping)}
    if None in added or len(added) != len(extras):  # a list of plain values, or of things without names
        return extras
    return [merge_extras(item, added[_name_of(item)]) if _name_of(item) in added else item for item in items]


def _name_of(item: Any) -> Any:
    fields = (spell(field) for field in _IDENTITIES for spell in (camel_case, pascal_case))
    return (
        next((item[field] for field in fields if field in item), None) if isinstance(item, Mapping) else None
    )


def _object(kind: Any, old: Any, patch: Mapping[str, Any], where: str) -> PatchedResource:
    if not isinstance(patch, Mapping):
        raise PatchError(where, f"needs an object, not {_what(patch)}")
    members, hints = _members(kind), _hints(kind)
    changed: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    for member, given in patch.items():
        field = members.get(str(member))
        if field is None:
            extras[str(member)] = given
            continue
        at = f"{where}.{member}".lstrip(".")
        before = getattr(old, field) if old is not None else kind._field_defaults.get(field)
        changed[field], below = _member(hints[field], before, given, at)
        if given is None:
            changed[field] = _default(kind, field, at)
        if below:
            extras[str(member)] = below
    if old is not None:
        return PatchedResource(old._replace(**changed), extras)
    missing = [f for f in kind._fields if f not in changed and f not in kind._field_defaults]
    if missing:
        raise PatchError(where, f"needs {', '.join(map(camel_case, missing))}")
    return PatchedResource(kind(**changed), extras)


def _default(kind: Any, field: str, at: str) -> Any:
    """What a field is when nothing is given."""
    if field in kind._field_defaults:
        return kind._field_defaults[field]
    if NoneType in _types(_hints(kind)[field]):
        return None
    raise PatchError(at, "cannot be removed: the API requires it")


def _member(hint: Any, old: Any, given: Any, at: str) -> PatchedResource:
    """A new value for a field of type `hint`."""
    if given is None:
        return PatchedResource(None, {})
    for kind in _types(hint):
        if _is_record(kind) and isinstance(given, Mapping):
            return _object(kind, old if isinstance(old, kind) else None, given, at)
        if get_origin(kind) is tuple and isinstance(given, (list, tuple, Mapping)):
            return _list(get_args(kind)[0], old if isinstance(old, tuple) else (), given, at)
        if _is_mapping(kind) and isinstance(given, Mapping):
            return PatchedResource(_mapping(old, given), {})
    return PatchedResource(_scalar(hint, given, at), {})


def _mapping(old: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Labels and options: their keys are the user's, and `null` takes one away."""
    merged = {**(old or {}), **{str(k): v if v is None else _text(v) for k, v in given.items()}}
    return {key: value for key, value in sorted(merged.items()) if value is not None}


def _list(item: Any, old: tuple[Any, ...], given: Any, at: str) -> PatchedResource:
    kind = next((k for k in _types(item) if _is_record(k)), None)
    identity = kind and next((f for f in _IDENTITIES if f in kind._fields), None)
    if kind is None or identity is None:
        if isinstance(given, Mapping):
            raise PatchError(at, "needs a list")
        made = [_item(item, value, f"{at}[{n}]") for n, value in enumerate(given)]
        return PatchedResource(tuple(each.value for each in made), {})
    items = {str(getattr(value, identity)): value for value in old}
    extras: list[dict[str, Any]] = []
    for name, patch in _named(kind, identity, given, at):
        if patch is None:
            items.pop(name, None)
            continue
        items[name], below = _object(kind, items.get(name), patch, f"{at}[{name}]")
        if below:
            extras.append({camel_case(identity): getattr(items[name], identity), **below})
    return PatchedResource(tuple(items.values()), extras)


def _item(hint: Any, given: Any, at: str) -> PatchedResource:
    """An item of a list without names; `null` takes members away, not items."""
    if given is None:
        raise PatchError(at, f"needs {_expected(hint)}, not nothing")
    return _member(hint, None, given, at)


def _named(kind: Any, identity: str, given: Any, at: str) -> Iterator[tuple[str, Any]]:
    """The patches of a list's items by name, from either way of writing them."""
    spelled = camel_case(identity)
    if isinstance(given, Mapping):
        hint = _hints(kind)[identity]
        for name, patch in given.items():
            if patch is not None and not isinstance(patch, Mapping):
                raise PatchError(f"{at}[{name}]", "needs a mapping, or null to remove it")
            own = (
                int(name)
                if int in _types(hint) and str(name).isdecimal() and len(str(name)) < 10
                else str(name)
            )
            yield str(name), patch if patch is None else {spelled: own, **patch}
        return
    for n, patch in enumerate(given):
        name = isinstance(patch, Mapping) and (patch.get(spelled) or patch.get(pascal_case(identity)))
        if not name:
            raise PatchError(f"{at}[{n}]", f"needs {spelled}, by which it is known")
        yield str(name), patch


def _scalar(hint: Any, given: Any, at: str) -> Any:
    """A plain value, with a number for a text and the like as the API's own clients take it."""
    types = [kind for kind in _types(hint) if kind in _PLAIN]
    if type(given) in types:
        return given
    if str in types and type(given) in (int, float, bool):
        return _text(given)
    if float in types and type(given) is int:
        return float(given)
    raise PatchError(at, f"needs {_expected(hint)}, not {_what(given)}")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _members(kind: Any) -> Mapping[str, str]:
    """Both spellings of each field, so that a patch can be pasted from either API."""
    return {spelled: field for field in kind._fields for spelled in (pascal_case(field), camel_case(field))}


def _types(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without links: nobody writes one."""
    kinds = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    return tuple(kind for kind in kinds if kind not in _LINKS)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "_fields")


def _is_mapping(kind: Any) -> bool:
    return (
        get_origin(kind) is not None
        and get_origin(kind) is not tuple
        and issubclass(get_origin(kind), Mapping)
    )


def _expected(hint: Any) -> str:
    words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    for kind in _types(hint):
        if kind in words:
            return words[kind]
        if get_origin(kind) is tuple:
            return "a list"
    return "an object"


def _what(value: Any) -> str:
    words = {
        str: "a text",
        int: "a number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        NoneType: "nothing",
    }
    return words.get(type(value), "an object")
