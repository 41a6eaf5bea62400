"""Compose files on disk, and YAML text to plain trees with marks.

YAML is read as Docker Compose reads it (go-yaml v3), which is neither YAML 1.1 nor 1.2: `22:22` and `yes`
are strings, `0755` and `0o755` are octal, keys are strings, duplicate keys and a second `<<` are refused.

Limits, so that no file can take the machine down. Going over one is an error with a place:

| constant        | what it bounds                                                                |
|-----------------|-------------------------------------------------------------------------------|
| MAX_FILE_BYTES  | the size of one file                                                          |
| MAX_DEPTH       | how deep collections may be nested, as written and again inside an alias      |
| MAX_ALIAS_NODES | how many values all aliases of one file may stand for                         |
"""

from __future__ import annotations

import base64
import gc
import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, TypeAlias

import yaml
from yaml.composer import ComposerError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Path, Severity

MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 100
MAX_ALIAS_NODES = 250_000

Mark: TypeAlias = "tuple[str, int, int, Marks | None]"
"""Where a value stands: file, line and column (from 1), and the marks of what is inside it."""

Marks: TypeAlias = "dict[str | int, Mark]"
"""The places of a collection's entries: keys of a mapping, first characters of a list's items."""


class Document(NamedTuple):
    """One YAML document.

    Attributes:
        tree: The top-level mapping, made of dict, list, str, int, float, bool, None and `Timestamp`.
        marks: The places of its entries, in the same shape.
        resets: Paths tagged `!reset` (already gone from `tree`) or `!override`: what to delete from the tree
            that this one is merged over. As in Docker Compose, a step into a list is the index as text (so
            that it never matches an item), `<<` is left out, and a key `*` stands for every key.
    """

    tree: dict[str, Any]
    marks: Marks
    resets: tuple[Path, ...]


class Timestamp(NamedTuple):
    """A plain scalar that YAML takes for a date: legal under `x-` keys only, being neither string nor number.

    Attributes:
        text: The date as RFC 3339, which is how it is printed.
    """

    text: str


def locate(marks: Marks, path: Path) -> Location | None:
    """Give the place of `path`, or of its nearest parent that has one.

    Returns:
        None when not even the first step of `path` has a mark.
    """
    found: Mark | None = None
    inside: Marks | None = marks
    for step in path:
        mark = inside.get(step) if inside is not None else None
        if mark is None:
            break
        found, inside = mark, mark[3]
    return None if found is None else Location(found[0], found[1], found[2])


def parse_documents(text: str, file: str) -> list[Document]:
    """Parse YAML text (JSON included) into its documents.

    Args:
        text: The file's text; a byte order mark and any line endings are fine.
        file: The file's name in marks and messages.

    Returns:
        No document at all for text without content: whether that is an error depends on the other files.

    Raises:
        LoadError: The text is not YAML as Docker Compose accepts it, a document is no mapping, or a limit
            is exceeded.
    """
    if len(text) > MAX_FILE_BYTES:
        raise LoadError(_too_large(file))
    collecting = gc.isenabled()
    # All objects of a tree under construction are alive: collecting while it grows doubles the time.
    gc.disable()
    try:
        builder = _Builder(text, file)
        return [builder.document(root) for root in _compose(text.removeprefix("\ufeff"), file)]
    finally:
        if collecting:
            gc.enable()


# ---------------------------------------------------------------------------------------------------------
# Text to nodes
# ---------------------------------------------------------------------------------------------------------

_EventParser: Any
try:
    from yaml._yaml import CParser as _EventParser
except ImportError:  # pragma: no cover - PyYAML without libyaml: the same events, some ten times slower

    class _EventParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)

        def check_node(self) -> NoReturn:
            raise ComposerError  # as if there were an anchor that PyYAML cannot compose


class _TooDeepError(Exception):
    """Collections are nested deeper than MAX_DEPTH."""


class _NodeParser(_EventParser):  # type: ignore[misc]
    """Composes nodes in C, leaving out PyYAML's tag resolution: ours differs, and comes later.

    C code calls these three methods for every node, so each does as little as it can.
    """

    depth = 0

    def resolve(self, *_: object) -> None:
        """Leave the tag None where the text has none."""

    def descend_resolver(self, *_: object) -> None:
        """Count the depth: C code would descend until the stack overflows."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _TooDeepError

    def ascend_resolver(self) -> None:
        """Undo `descend_resolver`."""
        self.depth -= 1


_YAML_DIRECTIVE = re.compile(r"^%YAML", re.MULTILINE)
_MAX_REPAIRS = 20


def _compose(text: str, file: str) -> list[Node]:
    """Give the root node of each document."""
    for repairs_left in range(_MAX_REPAIRS, -1, -1):
        try:
            roots = _compose_once(text, file)
        except yaml.MarkedYAMLError as error:  # noqa: PERF203 - the loop goes round for the error's sake
            repaired = _repair(text, error)
            if repaired is None or not repairs_left:
                raise LoadError(_syntax_error(error, text, file)) from error
            text = repaired
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            raise LoadError(_character_error(text, file)) from error
        else:
            _refuse_escaped_slashes(roots, text, file)
            return roots
    raise AssertionError


def _compose_once(text: str, file: str) -> list[Node]:
    if not _YAML_DIRECTIVE.search(text):
        try:
            return _compose_in_c(text)
        except (ComposerError, _TooDeepError):
            # An anchor defined twice or used in a later document is legal, but not to PyYAML; and what is
            # nested too deep has no place yet. The slow way decides.
            pass
    return _compose_from_events(text, file)


def _compose_in_c(text: str) -> list[Node]:
    parser = _NodeParser(text)
    roots = []
    while parser.check_node():
        roots.append(parser.get_node())
    return roots


def _compose_from_events(text: str, file: str) -> list[Node]:
    parser = _EventParser(text)
    parser.get_event()
    anchors: dict[str, Node] = {}
    roots = []
    while parser.check_event(DocumentStartEvent):
        start = parser.get_event()
        if start.version not in {None, (1, 1)}:
            raise LoadError(_unsupported_version(start, file))
        roots.append(_compose_node(parser, anchors, file, 1))
        parser.get_event()
    return roots


def _compose_node(parser: Any, anchors: dict[str, Node], file: str, depth: int) -> Node:
    event = parser.get_event()
    mark = event.start_mark
    if depth > MAX_DEPTH:
        raise LoadError(_too_deep(_place(mark, file)))
    if isinstance(event, AliasEvent):
        if event.anchor not in anchors:
            raise ComposerError(None, None, f"found undefined alias {event.anchor}", mark)
        return anchors[event.anchor]
    node = _node_of(event)
    if event.anchor is not None:
        anchors[event.anchor] = node
    if isinstance(node, CollectionNode):
        items = []
        while not parser.check_event(MappingEndEvent, SequenceEndEvent):
            items.append(_compose_node(parser, anchors, file, depth + 1))
        parser.get_event()
        node.value = (
            items if isinstance(node, SequenceNode) else list(zip(items[::2], items[1::2], strict=True))
        )
    return node


def _node_of(event: Any) -> Node:
    tag = None if event.tag == "!" else event.tag
    if isinstance(event, ScalarEvent):
        # A plain scalar's style is "" from libyaml, and None from PyYAML's own parser.
        return ScalarNode(tag, event.value, event.start_mark, event.end_mark, event.style or "")  # type: ignore[arg-type]
    kind = SequenceNode if isinstance(event, SequenceStartEvent) else MappingNode
    return kind(tag, [], event.start_mark, event.end_mark, event.flow_style)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------
# Nodes to trees
# ---------------------------------------------------------------------------------------------------------

_TAG = "tag:yaml.org,2002:"


class _Plain(dict[str, Any]):
    """The value of each plain scalar met so far: most files repeat most of theirs."""

    def __missing__(self, text: str) -> Any:
        value = self[text] = text if text[0] not in "+-.0123456789" else _number(text)
        return value


_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

_INTEGER = re.compile(r"([-+]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[1-9][0-9]*)|0([0-7]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DOT_FLOAT = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?")
_SIGN_INSIDE = re.compile(r"0(?:b([-+][01]+)|o([-+][0-7]+))")
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


_DATE = re.compile(
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


def _tagged(tag: str, text: str) -> Any:
    """Read a scalar with an explicit tag; unknown tags make strings.

    Raises:
        ValueError: `text` is nothing that the tag stands for.
    """
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag.removeprefix("!!")
    if name == "binary":
        return base64.b64decode(text.translate(_NO_BREAKS), validate=True).decode(errors="replace")
    types = _TYPES.get(name)
    if types is None:
        return text
    value = _WORDS[text] if text in _WORDS else _number(text)
    if type(value) not in types:
        raise ValueError(name)
    return float(value) if name == "float" else value


class _Merge:
    """The key `<<`, as opposed to the string."""


class _Keys(dict[str, Any]):
    """What each plain key met so far is: itself when it is a string, else the value it stands for."""

    def __init__(self, plain: _Plain) -> None:
        super().__init__({"<<": _Merge})
        self.plain = plain

    def __missing__(self, text: str) -> Any:
        key = self[text] = self.plain[text]
        return key


class _Builder:
    """Builds trees and marks from the nodes of one file in one pass.

    Anchored collections are built once, and copied for each alias: passes may change a tree in place.
    Marks are never changed in place, so aliases share them.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.plain = _Plain(_WORDS)
        self.keys = _Keys(self.plain)
        self.has_aliases = "*" in text
        self.has_resets = any(sign in text for sign in ("!reset", "!override", "!<", "%TAG"))
        self.built: dict[int, tuple[Any, Marks] | None] = {}
        self.alias_nodes = MAX_ALIAS_NODES
        self.resets = _Resets(file)
        self.findings: list[Diagnostic] = []

    def document(self, root: Node) -> Document:
        if not isinstance(root, MappingNode) or root.tag == "!reset":
            raise LoadError(_not_a_mapping(root, self.file))
        try:
            paths = self.resets.of_document(root) if self.has_resets else ()
            tree, marks = self.collection(root)
        except RecursionError as error:
            raise LoadError(_too_deep(_place(root.start_mark, self.file))) from error
        if self.findings:
            raise LoadError(self.findings)
        return Document(tree, marks, paths)

    def collection(self, node: Node) -> tuple[Any, Marks]:
        if not self.has_aliases:
            return self.mapping(node) if type(node) is MappingNode else self.sequence(node)
        key = id(node)
        if key in self.built:
            return self.alias(node, self.built[key])
        self.built[key] = None
        built = self.mapping(node) if type(node) is MappingNode else self.sequence(node)
        self.built[key] = built
        return built

    def mapping(self, node: Node) -> tuple[dict[str, Any], Marks]:
        tree: dict[str, Any] = {}
        marks: Marks = {}
        merge: tuple[Node, Node] | None = None
        file, plain = self.file, self.plain
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if type(key) is not str:
                if key is _Merge and merge is None:
                    merge = key_node, value_node
                else:
                    self.refuse_key(key, key_node, merge)
                continue
            mark = key_node.start_mark
            if key in tree:
                self.findings.append(_duplicate(key, _place(mark, file), marks[key][1]))
                continue
            child = None
            if isinstance(value_node, CollectionNode):
                tree[key], child = self.collection(value_node)
            elif value_node.tag is not None:
                tree[key] = self.tagged(value_node)
            else:
                tree[key] = value_node.value if value_node.style else plain[value_node.value]
            marks[key] = (file, mark.line + 1, mark.column + 1, child)
        if merge is not None:
            self.merge(tree, marks, merge)
        return tree, marks

    def sequence(self, node: Node) -> tuple[list[Any], Marks]:
        tree: list[Any] = []
        marks: Marks = {}
        file, plain = self.file, self.plain
        for index, item in enumerate(node.value):
            child = None
            if isinstance(item, CollectionNode):
                value, child = self.collection(item)
            elif item.tag is not None:
                value = self.tagged(item)
            else:
                value = item.value if item.style else plain[item.value]
            mark = item.start_mark
            tree.append(value)
            marks[index] = (file, mark.line + 1, mark.column + 1, child)
        return tree, marks

    def key(self, node: Any) -> Any:
        """Give a string, `_Merge`, or the value that cannot be a key (a node for a collection)."""
        if isinstance(node, CollectionNode):
            return node
        if node.tag is not None:
            return _Merge if node.tag == _TAG + "merge" and node.value == "<<" else self.tagged(node)
        return node.value if node.style else self.keys[node.value]

    def refuse_key(self, key: Any, node: Node, merge: tuple[Node, Node] | None) -> None:
        place = _place(node.start_mark, self.file)
        if key is _Merge and merge is not None:
            self.findings.append(_duplicate("<<", place, merge[0].start_mark.line + 1))
        elif key is not _REFUSED:
            self.findings.append(_not_a_string(key, node, place))

    def tagged(self, node: Any) -> Any:
        try:
            return _tagged(node.tag, node.value)
        except ValueError:
            self.findings.append(_wrong_tag(node, _place(node.start_mark, self.file)))
            return _REFUSED

    def merge(self, tree: dict[str, Any], marks: Marks, entry: tuple[Node, Node]) -> None:
        """Add what `<<` names to a mapping: its own keys come first, then those of earlier sources."""
        key_node, node = entry
        if "<<" in tree:
            self.findings.append(_duplicate("<<", _place(key_node.start_mark, self.file), marks["<<"][1]))
        for source in node.value if type(node) is SequenceNode else [node]:
            if type(source) is not MappingNode:
                self.findings.append(_wrong_merge(_place(source.start_mark, self.file)))
                continue
            more, more_marks = self.collection(source)
            for key, value in more.items():
                if key not in tree:
                    tree[key] = value
                    marks[key] = more_marks[key]

    def alias(self, node: Node, built: tuple[Any, Marks] | None) -> tuple[Any, Marks]:
        if built is None:
            raise LoadError(_endless(_place(node.start_mark, self.file)))
        tree, marks = built
        return self.copy(tree, node, 1), marks

    def copy(self, value: Any, node: Node, depth: int) -> Any:
        self.alias_nodes -= len(value) + 1
        if self.alias_nodes < 0:
            raise LoadError(_too_many_aliases(_place(node.start_mark, self.file)))
        if depth > MAX_DEPTH:
            raise LoadError(_too_deep(_place(node.start_mark, self.file)))
        if type(value) is dict:
            return {
                key: self.copy(item, node, depth + 1) if type(item) in _COLLECTIONS else item
                for key, item in value.items()
            }
        return [self.copy(item, node, depth + 1) if type(item) in _COLLECTIONS else item for item in value]


_COLLECTIONS = frozenset((dict, list))
_REFUSED = object()
"""Stands where a value was refused, in a tree that nobody will see."""


class _Resets:
    """Collects the paths of `!reset` and `!override`, and takes what is reset out of the nodes.

    This follows compose-go's ResetProcessor in what it does with anchors: what is reset inside an anchored
    collection is gone for its aliases too, and only the first place counts; an `!override` counts at each.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen: dict[int, list[Path] | None] = {}

    def of_document(self, root: Node) -> tuple[Path, ...]:
        resets, overrides = self.inside(root, keep_merge_key=True)
        return (*resets, *overrides)

    def inside(self, node: Node, *, keep_merge_key: bool = False) -> tuple[list[Path], list[Path]]:
        """Give the paths under `node` that are reset, and those that are overridden."""
        resets: list[Path] = []
        overrides: list[Path] = []
        kept = []
        is_mapping = type(node) is MappingNode
        for index, entry in enumerate(node.value):
            value = entry[1] if is_mapping else entry
            step: Path = (str(entry[0].value),) if is_mapping else (str(index),)
            if step == ("<<",) and is_mapping and not keep_merge_key:
                step = ()
            if value.tag == "!reset":
                resets.append(step)
                continue
            kept.append(entry)
            inner = self.below(value)
            resets += [step + path for path in inner[0]]
            overrides += [step + path for path in inner[1]]
        if len(kept) < len(node.value):
            self.refuse_duplicates(node, is_mapping=is_mapping)
            node.value = kept
        return resets, overrides

    def below(self, node: Node) -> tuple[list[Path], list[Path]]:
        """Give what `inside` gives, and the node itself if it is an override: as the path ()."""
        if node.tag == "!override":
            return [], [()]
        if type(node) is ScalarNode:
            return [], []
        key = id(node)
        if key in self.seen:
            seen = self.seen[key]
            if seen is None:
                raise LoadError(_endless(_place(node.start_mark, self.file)))
            return [], seen
        self.seen[key] = None
        resets, overrides = self.inside(node)
        if len(overrides) > _MAX_OVERRIDES:
            raise LoadError(_too_many_aliases(_place(node.start_mark, self.file)))
        self.seen[key] = overrides
        return resets, overrides

    def refuse_duplicates(self, node: Node, *, is_mapping: bool) -> None:
        """Compare the keys before some of them go."""
        lines: dict[str, int] = {}
        for key_node, _ in node.value if is_mapping else ():
            key = str(key_node.value)
            if key in lines:
                raise LoadError(_duplicate(key, _place(key_node.start_mark, self.file), lines[key]))
            lines[key] = key_node.start_mark.line + 1


_MAX_OVERRIDES = 10_000


# ---------------------------------------------------------------------------------------------------------
# What is wrong, in words
# ---------------------------------------------------------------------------------------------------------


def _place(mark: Any, file: str) -> Location:
    return Location(file, mark.line + 1, mark.column + 1)


def _finding(code: str, message: str, place: Location | None, hint: str = "", path: Path = ()) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, path, place, hint)


def _too_large(file: str) -> Diagnostic:
    limit = MAX_FILE_BYTES // (1024 * 1024)
    message = f"The file is larger than {limit} MiB, the most that is read."
    return _finding(
        "C2F103", message, Location(file, 1, 1), "Split the file, and name the parts under include:."
    )


def _duplicate(key: str, place: Location, first_line: int) -> Diagnostic:
    message = f"The key {key!r} is already defined on line {first_line}."
    if key == "<<":
        return _finding("C2F105", message, place, "Name all sources under one key: `<<: [*one, *two]`.")
    return _finding("C2F105", message, place, "Remove one of the two, or merge them.")


def _not_a_string(key: Any, node: Node, place: Location) -> Diagnostic:
    if isinstance(key, Node):
        return _finding("C2F106", "A list or a mapping cannot be a key.", place, "Write a string as the key.")
    names = {bool: "a boolean", int: "a number", float: "a number", Timestamp: "a date"}
    kind = names.get(type(key), "null")
    text = node.value or "~"
    return _finding(
        "C2F106", f"The key {text} is {kind}; keys are strings.", place, f'Quote the key: `"{text}":`.'
    )


def _not_a_mapping(root: Node, file: str) -> Diagnostic:
    if root.tag == "!reset":
        kind = "tagged `!reset` as a whole"
    elif type(root) is SequenceNode:
        kind = "a list"
    else:
        kind = f"the value {root.value!r}" if root.value else "empty"
    message = f"The document is {kind}; at the top level of a compose file stands a mapping."
    return _finding(
        "C2F108", message, _place(root.start_mark, file), "Start with a key, such as `services:`."
    )


def _wrong_merge(place: Location) -> Diagnostic:
    message = "The merge key `<<` takes a mapping, or a list of mappings."
    return _finding("C2F107", message, place, "Name an anchored mapping: `<<: *name`.")


def _wrong_tag(node: Node, place: Location) -> Diagnostic:
    name = str(node.tag).removeprefix(_TAG)
    message = f"{node.value!r} cannot be read as !!{name}."
    return _finding("C2F109", message, place, "Remove the tag, or write a value of its type.")


def _too_deep(place: Location) -> Diagnostic:
    message = f"Lists and mappings are nested more than {MAX_DEPTH} deep."
    return _finding("C2F103", message, place, "Check the file for a bracket that is never closed.")


def _too_many_aliases(place: Location) -> Diagnostic:
    message = (
        f"The aliases of this file stand for more than {MAX_ALIAS_NODES} values, the most that is expanded."
    )
    return _finding("C2F103", message, place, "Write less into this anchor, or use it less often.")


def _endless(place: Location) -> Diagnostic:
    return _finding("C2F104", "This anchor's value contains itself.", place, "Remove the alias inside of it.")


def _unsupported_version(event: Any, file: str) -> Diagnostic:
    version = ".".join(map(str, event.version))
    message = (
        f"The directive `%YAML {version}` is not supported: Docker Compose reads YAML 1.1 documents only."
    )
    return _finding(
        "C2F104", message, _place(event.start_mark, file), "Remove the line that starts with %YAML."
    )


_STRING_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_DOUBLE_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _repair(text: str, error: yaml.MarkedYAMLError) -> str | None:
    """Rewrite what go-yaml reads and libyaml does not; None if that is not what `error` is about."""
    mark, start = error.problem_mark, error.context_mark
    if mark is None or start is None:
        return None
    if error.problem == "found unexpected ':'":
        return _quote_scalar(text, start.index, mark.index + 1)
    if text[mark.index : mark.index + 2] == "\\'" and str(error.problem).startswith("found unknown escape"):
        return _unescape_apostrophes(text, start.index)
    return None


def _quote_scalar(text: str, start: int, end: int) -> str:
    """Quote a plain scalar that ends with a colon: `[a:, b]` holds the string `a:`."""
    quoted = text[start:end].replace("'", "''")
    return f"{text[:start]}'{quoted}'{text[end:]}"


def _unescape_apostrophes(text: str, start: int) -> str | None:
    r"""Rewrite each `\'` in the double-quoted string at `start`."""
    string = _DOUBLE_QUOTED.match(text, start)
    if string is None:
        return None
    replaced = _STRING_ESCAPE.sub(lambda match: "'" if match[1] == "'" else match[0], string[0])
    return text[:start] + replaced + text[string.end() :]


def _refuse_escaped_slashes(roots: list[Node], text: str, file: str) -> None:
    r"""Refuse `\/` in strings as go-yaml does, although JSON has it and libyaml reads it."""
    if "\\/" not in text:
        return
    for node in _all_scalars(roots):
        if node.style != '"':
            continue
        start = node.start_mark.index
        for escape in _STRING_ESCAPE.finditer(text, start, node.end_mark.index):
            if escape[1] == "/":
                place = _place_of_index(text, escape.start(), file)
                raise LoadError(
                    _finding("C2F104", "The escape sequence \\/ is unknown.", place, "Write / alone.")
                )


def _all_scalars(roots: list[Node]) -> Iterator[Any]:
    seen: set[int] = set()
    todo: list[Node] = list(roots)
    while todo:
        node = todo.pop()
        if type(node) is ScalarNode:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            todo += itertools.chain(*node.value) if type(node) is MappingNode else node.value


def _place_of_index(text: str, index: int, file: str) -> Location:
    before = text[:index].splitlines(keepends=True) or [""]
    if before[-1].endswith(("\n", "\r")):
        before.append("")
    return Location(file, len(before), len(before[-1]) + 1)


_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _character_error(text: str, file: str) -> Diagnostic:
    found = _CHARACTER.search(text)
    if found is None:
        return _finding("C2F104", "This is not YAML.", Location(file, 1, 1))
    message = f"The character U+{ord(found[0]):04X} is not allowed in YAML."
    escape = f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}"
    place = _place_of_index(text, found.start(), file)
    return _finding("C2F104", message, place, f"Remove it, or write it as {escape} in double quotes.")


_BAD_STARTS = {
    "\t": ("A tab is used for indentation.", "Indent with spaces."),
    "@": ("A value cannot start with @ unless it is quoted.", 'Put it in quotes: "@...".'),
    "`": ("A value cannot start with ` unless it is quoted.", 'Put it in quotes: "`...".'),
    "%": ("A value cannot start with % unless it is quoted.", 'Put it in quotes: "%...".'),
}
"""What stands where libyaml "found character that cannot start any token"."""

_SYNTAX = (
    ("mapping values are not allowed", "`: ` stands inside of a value.", 'Put the value in quotes: "a: b".'),
    (
        "could not find expected ':'",
        "This line is neither `key: value` nor a list item.",
        "Write a colon and a space.",
    ),
    ("found unexpected end of stream", "The quote that opens here is never closed.", "Close it."),
    (
        "found unexpected document indicator",
        "The quote that opens here is never closed.",
        "Close it before `---`.",
    ),
    ("found undefined alias", "", "Define the anchor before it: `&name` in front of a value."),
    ("did not find expected alphabetic", "* and & start aliases and anchors.", 'Quote the value: "*.log".'),
    (
        "found unknown escape character",
        "This escape sequence is unknown.",
        "Write \\\\ for a backslash, or use single quotes.",
    ),
    (
        "did not find expected key",
        "A key was expected here.",
        "Check the indentation of this line and the one before.",
    ),
    ("did not find expected '-'", "A list item was expected here.", "Check the indentation of this line."),
    ("did not find expected ',' or ']'", "The list that opens before this is not closed.", "Write , or ]."),
    (
        "did not find expected ',' or '}'",
        "The mapping that opens before this is not closed.",
        "Write , or }.",
    ),
    ("found a tab character", "A tab is used for indentation.", "Indent with spaces."),
    ("found undefined tag handle", "This tag's prefix is not defined.", "Remove the tag."),
)
"""A part of libyaml's message, ours (its own where empty), and the way out."""

_OPENERS = ("found unexpected end of stream", "found unexpected document indicator")


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    problem = str(error.problem)
    mark = error.problem_mark or error.context_mark
    if problem.startswith(_OPENERS) and error.context_mark is not None:
        mark = error.context_mark
    place = Location(file, 1, 1) if mark is None else _place(mark, file)
    if (
        mark is not None
        and "cannot start any token" in problem
        and text[mark.index : mark.index + 1] in _BAD_STARTS
    ):
        message, hint = _BAD_STARTS[text[mark.index]]
        return _finding("C2F104", message, place, hint)
    for part, message, hint in _SYNTAX:
        if part in problem:
            return _finding("C2F104", message or _sentence(problem), place, hint)
    return _finding("C2F104", _sentence(problem), place)


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:]}."
