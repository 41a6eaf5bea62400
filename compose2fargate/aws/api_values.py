"""Values that resources are made of, and how they are spelled in an AWS API.

A resource is a `NamedTuple` whose field names are the API's member names in snake case; `to_api` gives the
API's own spelling back. So a new member is one line in `resources.py` and nothing anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from compose2fargate.records import NamedTuple


class Ref(NamedTuple):
    """A link from one resource to an attribute (`name`, `arn`, `id`) of another: the only kind there is."""

    logical_id: str
    attribute: str


class JoinedText(NamedTuple):
    """A text with links in it, for example an ARN: its parts one after the other."""

    parts: tuple[str | Ref, ...]


class BuiltImage(NamedTuple):
    """An image that is built here and pushed to a repository of the stack.

    Attributes:
        repository: The `Repository`, whose attribute `uri` is the address without a tag.
        name: The service that runs it, by which name a variable may choose its tag.
        tag: The tag that the image is pushed with.
        digest: `sha256:…` of what was pushed last, which then counts instead of the tag; empty when not known.
    """

    repository: Ref
    name: str
    tag: str
    digest: str = ""


Text = str | Ref | JoinedText
"""A text, or what becomes one when the links in it are resolved."""


class KeyValue(NamedTuple):
    """One environment variable."""

    name: str
    value: Text


class Tag(NamedTuple):
    """One tag, as ECS spells it."""

    key: str
    value: str


Resolve = Callable[[Ref], Any]
"""What a link becomes: a literal, an expression of the target's language, or what AWS gave a resource."""

Link = Ref | JoinedText | BuiltImage


def resolve_text(value: str | Link, resolve: Resolve) -> Any:
    """Give a text, or what `resolve` makes of a link; texts with links in them are put together as strings."""
    if isinstance(value, Ref):
        return resolve(value)
    if isinstance(value, JoinedText):
        return "".join(part if isinstance(part, str) else str(resolve(part)) for part in value.parts)
    if isinstance(value, BuiltImage):
        uri = resolve(value.repository)
        return f"{uri}@{value.digest}" if value.digest else f"{uri}:{value.tag}"
    return value


# Members whose API spelling is not the plain camel case of ours.
_SPELLINGS = {
    "enable_ecs_managed_tags": "enableECSManagedTags",
    "size_in_gib": "sizeInGiB",
    "managed_ebs_volume": "managedEBSVolume",
    "db_instance_identifier": "dBInstanceIdentifier",
    "db_instance_class": "dBInstanceClass",
    "db_name": "dBName",
    "db_subnet_group_name": "dBSubnetGroupName",
    "db_subnet_group_description": "dBSubnetGroupDescription",
    "db_parameter_group_name": "dBParameterGroupName",
    "db_parameter_group_family": "dBParameterGroupFamily",
    "multi_az": "multiAZ",
    "multi_az_enabled": "multiAZEnabled",
}


@cache
def camel_case(name: str) -> str:
    """Spell `port_mappings` as the API does: `portMappings`."""
    if name in _SPELLINGS:
        return _SPELLINGS[name]
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@cache
def pascal_case(name: str) -> str:
    """Spell `port_mappings` as EventBridge Scheduler and CloudFormation do: `PortMappings`."""
    spelled = camel_case(name)
    # The one member that AWS itself leaves in camel case inside a Pascal-case API:
    # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_NetworkConfiguration.html
    return spelled if spelled == "awsvpcConfiguration" else spelled[0].upper() + spelled[1:]


# Types of plain values, which are most of them: told first, without a call.
_PLAIN = frozenset({str, int, bool, float, type(None)})
LINKS = frozenset({Ref, JoinedText, BuiltImage})
LEFT_OUT_WHEN_EMPTY = frozenset({tuple, dict, type(None)})


def to_api(
    value: Any,
    resolve: Resolve,
    spell: Callable[[str], str] = camel_case,
    link: Callable[[Any, Resolve], Any] = resolve_text,
) -> Any:
    """Turn a value of `resources.py` into the plain JSON that an AWS API takes.

    Members that are None and empty collections are left out, since AWS reads both as "not given"; empty
    strings and zeros stay. `resolve` says what a `Ref` becomes; `link` puts texts with links in them together,
    for targets whose texts are expressions. Keys of mappings (labels, log options) are the user's and keep
    their spelling.
    """
    kind: Any = type(value)
    if kind in _PLAIN:
        return value
    if kind in LINKS:
        return link(value, resolve)
    if kind is tuple:
        return [item if type(item) in _PLAIN else to_api(item, resolve, spell, link) for item in value]
    names = api_members(kind, spell)
    if names is None:
        return {
            key: item if type(item) in _PLAIN else to_api(item, resolve, spell, link)
            for key, item in value.items()
        }
    return {
        spelled: item if type(item) in _PLAIN else to_api(item, resolve, spell, link)
        for spelled, item in zip(names, value)  # noqa: B905 - as many values as fields
        if item or type(item) not in LEFT_OUT_WHEN_EMPTY
    }


@cache
def api_members(kind: Any, spell: Callable[[str], str]) -> tuple[str, ...] | None:
    """The fields of a resource type as the API spells them; None for mappings."""
    fields = getattr(kind, "_fields", None)
    return None if fields is None else tuple(map(spell, fields))
