"""Two texts of a generated file compared by what they mean: which fields differ, or whether it is only their form.

JSON and YAML are compared by structure. Terraform's language, shell scripts and anything else are compared line by
line; comments and white space do not count where the language says so, and the fields that differ are found by the
indentation that our emitters write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.records import NamedTuple


class AbsentValue:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = AbsentValue()

Step = str | int


class TextDifference(NamedTuple):
    """One field that two texts do not agree on.

    Attributes:
        path: How a reader names the field: items of lists stand by their name where they have one.
        old: What the first text says, or `ABSENT`.
        new: What the second says, or `ABSENT`.
        at: Where it is in the first text: keys and indexes, or the number of the line.
        to: Where it is in the second.
    """

    path: tuple[str, ...]
    old: Any
    new: Any
    at: tuple[Step, ...] | int = ()
    to: tuple[Step, ...] | int = ()


def text_differences(path: str, old: str, new: str) -> list[TextDifference]:
    """Give the fields in which two texts of the file `path` differ; none where only their form does."""
    parse = _PARSERS.get(_suffix(path))
    if parse is not None:
        try:
            first, second = parse(old), parse(new)
        except ValueError:  # edited such that it is no JSON or YAML any more
            return list(_lines_differ(path, old, new))
        return list(_values_differ(first, second, (), (), ()))
    return list(_lines_differ(path, old, new))


def value_differences(old: Any, new: Any) -> list[TextDifference]:
    """Give the fields in which two plain values differ."""
    return list(_values_differ(old, new, (), (), ()))


def line_of(path: str, text: str, at: tuple[Step, ...] | int) -> int:
    """Give the line of `text`, from 1, on which a difference stands."""
    if isinstance(at, int):
        return at
    return _node_line(text, at) if _suffix(path) in _PARSERS else 1


def _suffix(path: str) -> str:
    return path[path.rfind(".") :].lower() if "." in path else ""


# ----------------------------------------------------------------------------------------------------------
# By structure
# ----------------------------------------------------------------------------------------------------------


_DEEPEST: Final = 200
"""How deep values may be nested: deeper than whatever is generated, and not too deep to be walked through."""


def _json(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [item for one in level for item in _items(one)]
        if not level:
            return value
    raise ValueError("nested too deep")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _yaml(text: str) -> Any:
    import yaml

    fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(fast):  # type: ignore[misc]  # libyaml's where it is there
        """Keeps the short forms of CloudFormation (`!Ref x`) as mappings of one key."""

    def tagged(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        kinds = {yaml.ScalarNode: "scalar", yaml.SequenceNode: "sequence", yaml.MappingNode: "mapping"}
        build = getattr(loader, f"construct_{kinds[type(node)]}")
        return {f"!{suffix}": build(node) if isinstance(node, yaml.ScalarNode) else build(node, deep=True)}

    Loader.add_multi_constructor("!", tagged)
    try:
        _refuse_bombs(yaml.parse(text, Loader=fast))
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _refuse_bombs(events: Iterable[Any]) -> None:
    """Refuse what no generated file has, and what makes much of a little: aliases, and deep nesting."""
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST or isinstance(event, yaml.AliasEvent):
            raise ValueError("nested too deep, or with an alias")


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".template": _yaml,
}

_NAMES: Final = (
    "name",
    "key",
    "containerName",
    "sourceVolume",
    "containerPort",
    "portName",
    "dnsName",
    "namespace",
    "Ref",
)
"""Members by which an item of a list is known, in either spelling; the first that all items have, each once."""


def _values_differ(
    old: Any, new: Any, path: tuple[str, ...], at: tuple[Step, ...], to: tuple[Step, ...]
) -> Iterator[TextDifference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            step = str(key)
            yield from _member(
                old.get(key, ABSENT), new.get(key, ABSENT), (*path, step), (*at, key), (*to, key)
            )
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists_differ(old, new, path, at, to)
    elif old != new or isinstance(old, bool) is not isinstance(new, bool):
        yield TextDifference(path, old, new, at, to)


def _member(
    old: Any, new: Any, path: tuple[str, ...], at: tuple[Step, ...], to: tuple[Step, ...]
) -> Iterator[TextDifference]:
    if old is ABSENT or new is ABSENT:
        yield TextDifference(
            path, old, new, at if old is not ABSENT else at[:-1], to if new is not ABSENT else to[:-1]
        )
    else:
        yield from _values_differ(old, new, path, at, to)


def _lists_differ(
    old: list[Any], new: list[Any], path: tuple[str, ...], at: tuple[Step, ...], to: tuple[Step, ...]
) -> Iterator[TextDifference]:
    name = _identity([*old, *new])
    if name is not None:
        first, second = _by_name(old, name), _by_name(new, name)
        if len(first) == len(old) and len(second) == len(new):
            for label in dict.fromkeys((*first, *second)):
                i, j = first.get(label), second.get(label)
                yield from _member(
                    ABSENT if i is None else old[i],
                    ABSENT if j is None else new[j],
                    (*path, label),
                    (*at, i if i is not None else 0),
                    (*to, j if j is not None else 0),
                )
            if first.keys() == second.keys() and [*first] != [*second]:
                yield TextDifference((*path, "order"), [*first], [*second], at, to)
            return
    if len(old) == len(new) and any(isinstance(item, (dict, list)) for item in old):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _values_differ(one, other, (*path, str(index)), (*at, index), (*to, index))
    elif old != new:
        yield TextDifference(path, old, new, at, to)


def _identity(items: Sequence[Any]) -> str | None:
    """Choose the member by which these items of a list are known."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for name in _NAMES:
        for spelled in (name, name[0].upper() + name[1:]):
            if all(isinstance(item.get(spelled), (str, int)) for item in items):
                return spelled
    return None


def _by_name(items: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    return {str(item[name]): index for index, item in enumerate(items)}


def _node_line(text: str, at: Sequence[Step]) -> int:
    """Find the line of a field in JSON or YAML; that of what it stands in where it is not there."""
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return 1
    line = 1
    for step in at:
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, step: Step) -> tuple[int, Any] | None:
    if (
        isinstance(step, int)
        and isinstance(node.value, list)
        and step < len(node.value)
        and node.id == "sequence"
    ):
        return node.value[step].start_mark.line + 1, node.value[step]
    if node.id == "mapping":
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    return None


# ----------------------------------------------------------------------------------------------------------
# By lines
# ----------------------------------------------------------------------------------------------------------


class TextLine(NamedTuple):
    """A line that means something: its number, its indentation, and its text with white space evened out."""

    number: int
    indent: int
    text: str


_COMMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    ".tf": ("#", "//"),
    ".tfvars": ("#", "//"),
    ".hcl": ("#", "//"),
    ".sh": ("#",),
    ".yaml": ("#",),
    ".yml": ("#",),
}
_FREE: Final = frozenset({".tf", ".tfvars", ".hcl"})
"""Languages in which the amount of white space means nothing."""

_FIELD: Final = re.compile(
    r"""^(?:-\s+)?["']?(?P<key>[\w.$/:-]+?)["']?\s*(?:=(?!=)|:(?=\s|$))\s*(?P<value>.*?),?$"""
)
_TOKENS: Final = re.compile(r'"(?:\\.|[^"\\])*(?:"|$)|#|//')
"""The strings of a line, and what begins a comment outside of them."""

_HEREDOC: Final = re.compile(r"<<-?\s*\"?(\w+)\"?\s*$")


def _lines_differ(path: str, old: str, new: str) -> Iterator[TextDifference]:
    from difflib import SequenceMatcher

    first, second = _meaningful(path, old), _meaningful(path, new)
    before, after = [line.text for line in first], [line.text for line in second]
    if before == after:
        return
    paths = _paths(first), _paths(second)
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from _block_differs((first, second), paths, range(a, b), range(c, d))


def _block_differs(
    lines: tuple[list[TextLine], list[TextLine]],
    paths: tuple[list[_Path], list[_Path]],
    removed: range,
    added: range,
) -> Iterator[TextDifference]:
    """Pair the lines that speak of the same field, then those that name none; what is left was removed or added."""
    pairs = _pairs(lines, paths, removed, added)
    for i in removed:
        if i not in pairs:
            to = lines[1][added.start - 1].number if added.start else 1
            yield TextDifference(paths[0][i], _value(lines[0][i]), ABSENT, lines[0][i].number, to)
    for i, j in pairs.items():
        old, new = lines[0][i], lines[1][j]
        yield TextDifference(paths[0][i], _value(old), _value(new), old.number, new.number)
    for j in added:
        if j not in pairs.values():
            at = lines[0][removed.start - 1].number if removed.start else 1
            yield TextDifference(paths[1][j], ABSENT, _value(lines[1][j]), at, lines[1][j].number)


def _pairs(
    lines: tuple[list[TextLine], list[TextLine]],
    paths: tuple[list[_Path], list[_Path]],
    removed: range,
    added: range,
) -> dict[int, int]:
    partners = {paths[1][j]: j for j in reversed(added)}
    pairs: dict[int, int] = {}
    for i in removed:
        j = partners.pop(paths[0][i], None)
        if j is not None:
            pairs[i] = j
    bare = [i for i in removed if i not in pairs and not _FIELD.match(lines[0][i].text)]
    others = [j for j in added if j not in pairs.values() and not _FIELD.match(lines[1][j].text)]
    return pairs | dict(zip(bare, others, strict=False))


_Path = tuple[str, ...]


def _value(line: TextLine) -> str:
    field = _FIELD.match(line.text)
    return (field["value"] if field else line.text).strip("\"'")


def _paths(lines: Sequence[TextLine]) -> list[_Path]:
    """Name each line by the blocks it stands in, and the items of lists by the name that they give first."""
    found: list[_Path] = []
    stack: list[tuple[int, _Path]] = []
    named: dict[int, _Path] = {}  # the name that the block at each depth said last
    for line in lines:
        while stack and stack[-1][0] >= line.indent:
            stack.pop()
        field = _FIELD.match(line.text)
        key = field["key"] if field else " ".join(re.findall(r"[\w.-]+", line.text))
        own = (*named.get(line.indent, ()), *filter(None, (key,)))
        found.append((*(part for _, parts in stack for part in parts), *own))
        stack.append((line.indent, own))
        for depth in [depth for depth in named if depth > line.indent]:
            del named[depth]
        if field and field["key"].lower() == "name":
            named[line.indent] = (field["value"].strip("\"',"),)
        elif line.text in {"}", "},", "{", "})"}:
            named.pop(line.indent, None)
    return found


def _meaningful(path: str, text: str) -> list[TextLine]:
    suffix = _suffix(path)
    marks, free = _COMMENTS.get(suffix, ()), suffix in _FREE
    found: list[TextLine] = []
    until = ""
    for number, raw in enumerate(text.split("\n"), start=1):
        if until:  # inside a heredoc every character counts
            found.append(TextLine(number, 0, raw))
            until = "" if raw.strip() == until else until
            continue
        line = raw.rstrip()
        if marks and not (number == 1 and line.startswith("#!")):
            line = _without_comment(line, marks, whole=not free)
        body = line.lstrip()
        if body:
            found.append(TextLine(number, len(line) - len(body), _even(body) if free else line))
        heredoc = _HEREDOC.search(body) if free else None
        until = heredoc[1] if heredoc else ""
    return found


def _without_comment(line: str, marks: tuple[str, ...], *, whole: bool) -> str:
    """Take a comment off a line; where quotes are nested (`"${f("x")}"`), only one that is the whole line."""
    if line.lstrip().startswith(marks):
        return ""
    if whole or "${" in line or "%{" in line:
        return line
    for token in _TOKENS.finditer(line):
        if token[0] in marks:
            return line[: token.start()].rstrip()
    return line


def _even(body: str) -> str:
    """Even out white space outside quotes."""
    parts = re.split(r'("(?:\\.|[^"\\])*")', body)
    return "".join(part if i % 2 else re.sub(r"\s+", " ", part) for i, part in enumerate(parts))
