"""Single changes to compose files and to generated files, and what `check` has to say about each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import yaml

from compose2fargate.sync.check_result import FolderState
from compose2fargate.sync.comparison import FieldChange


class Mutation(NamedTuple):
    """A scalar of a compose file with another value; `lines` are those of its key and of what that stands in."""

    path: tuple[str, ...]
    text: str
    line: int
    lines: frozenset[int]


def mutations(text: str) -> Iterator[Mutation]:
    """Give `text` with each of its values changed, one at a time, in each way that may be valid."""
    for node, path, lines in _scalars(yaml.compose(text, Loader=yaml.SafeLoader), (), ()):
        begin, end = node.start_mark.index, node.end_mark.index
        for value in _others(node.value):
            quoted = json.dumps(value) if node.style else value
            if node.style in ("|", ">"):
                quoted = text[begin:end].replace(node.value.split("\n")[0], value.split("\n")[0] + "x", 1)
            yield Mutation(
                path,
                text[:begin] + quoted + text[end:],
                node.start_mark.line + 1,
                frozenset((*lines, node.start_mark.line + 1)),
            )


def _scalars(
    node: Any, path: tuple[str, ...], lines: tuple[int, ...]
) -> Iterator[tuple[Any, tuple[str, ...], tuple[int, ...]]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*path, key.value), (*lines, key.start_mark.line + 1))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _scalars(item, (*path, str(index)), (*lines, item.start_mark.line + 1))
    elif node is not None:
        yield node, path, lines


def _others(value: str) -> Iterator[str]:
    if value in ("true", "false"):
        yield "false" if value == "true" else "true"
    elif re.fullmatch(r"\d+", value):
        yield str(int(value) * 2 + 1)
    elif re.fullmatch(r"\d+(\.\d+)?(ms|s|m|h|[kmgKMG][bB]?|%)?", value):
        yield re.sub(r"\d+", lambda found: str(int(found[0]) * 2 + 1), value, count=1)
    elif re.fullmatch(r"[\d.:-]+(/\w+)?", value):
        yield re.sub(r"(\d+)(?=\D*$)", lambda found: str(int(found[0]) + 1), value, count=1)
        yield re.sub(r"\d+", lambda found: str(int(found[0]) + 1), value, count=1)
    else:
        yield f"{value}x"
        yield f"x{value}"


def removals(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give `text` without each of the keys of its services, one at a time."""
    for path, begin, end in _entries(yaml.compose(text, Loader=yaml.SafeLoader), ()):
        if path[0] == "services" and len(path) > 2:
            lines = text.split("\n")
            yield path, "\n".join([*lines[:begin], *lines[end:]])


def _entries(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Yield each entry of a block mapping with its lines."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and len(node.value) > 1:
        for index, (key, _) in enumerate(node.value):
            following = node.value[index + 1][0].start_mark if index + 1 < len(node.value) else node.end_mark
            yield (*path, key.value), key.start_mark.line, following.line
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _entries(value, (*path, key.value))


Edit = Callable[[], str]
"""Makes an edited text: few of the edits of a file are tried, so the others are not made."""


def json_edits(text: str) -> Iterator[tuple[tuple[str | int, ...], Edit]]:
    """Give a JSON document with each of its values changed, and with each of its members and items removed."""
    for path, value in _leaves(json.loads(text), ()):
        yield path, partial(_changed, text, path, _other(value))
        yield path, partial(_removed, text, path)


def _changed(text: str, path: tuple[str | int, ...], value: Any) -> str:
    document = json.loads(text)
    _parent(document, path)[path[-1]] = value
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _removed(text: str, path: tuple[str | int, ...]) -> str:
    document = json.loads(text)
    del _parent(document, path)[path[-1]]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def line_edits(text: str) -> Iterator[tuple[int, Edit]]:
    """Give a text with each of its lines changed, and with each removed; comments stay."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith(("#", "//")):
            yield index + 1, partial(_with, lines, index, (f"{line.rstrip()}x",))
            yield index + 1, partial(_with, lines, index, ())


def _with(lines: list[str], index: int, instead: tuple[str, ...]) -> str:
    return "\n".join([*lines[:index], *instead, *lines[index + 1 :]])


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, (dict, list)) and item:
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key), item


def _parent(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return f"{value}x"


def all_changes(state: FolderState) -> list[FieldChange]:
    return [change for file in state.files for change in file.changes]


def reordered(text: str) -> str:
    """Turn the keys of each service around."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, services in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "services":
            for _, service in services.value:
                if isinstance(service, yaml.MappingNode):
                    service.value.reverse()
    return str(yaml.serialize(node, width=10_000))


def commented(text: str) -> str:
    """Put a comment before each line where a block scalar cannot take it for content."""
    blocks = any(re.search(r"[|>][+-]?\s*$", line) for line in text.splitlines())
    if blocks:
        return f"# one more comment\n\n{text}\n# and one at the end\n"
    lines = text.splitlines()
    return "\n".join(part for line in lines for part in (f"# about {len(line)}", "", line, "")) + "\n"
