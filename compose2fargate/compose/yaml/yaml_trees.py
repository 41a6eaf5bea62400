"""YAML text to plain trees with marks.

YAML is read as Docker Compose reads it (go-yaml), which is neither YAML 1.1 nor 1.2: `22:22` and `yes`
are strings, `0755` and `0o755` are octal, keys are strings, duplicate keys and a second `<<` are refused.
"""

from __future__ import annotations

import gc
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, TypeAlias

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.yaml.yaml_nodes import MAX_DEPTH, compose_nodes, place_of, too_deep, yaml_error
from compose2fargate.compose.yaml.yaml_scalars import (
    MINUS_ZERO,
    TAG,
    WORDS,
    PlainScalars,
    Timestamp,
    read_tagged,
)
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Path
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

MAX_ALIAS_NODES = 250_000
"""How many values all aliases of one file may stand for."""

MAX_NODES = 100_000
"""How many values one document may hold, an alias counting as one: Docker Compose's own limit (`Change.NODE_LIMIT`)."""

Mark: TypeAlias = "tuple[str, int, int, Marks | None]"
"""Where a value stands: file, line and column (from 1), and the marks of what is inside it."""

Marks: TypeAlias = "dict[str | int, Mark]"
"""The places of a collection's entries: keys of a mapping, first characters of a list's items."""


class YamlDocument(NamedTuple):
    """One YAML document.

    Attributes:
        tree: The top-level mapping, made of dict, list, str, int, float, bool, None and `Timestamp`.
        marks: The places of its entries, in the same shape.
        resets: Paths tagged `!reset` (already gone from `tree`) or `!override`: what to delete from the tree
            that this one is merged over. As in Docker Compose, a step into a list is the index as text (so
            that it never matches an item), `<<` is left out, and a key `*` stands for every key.
        gone: Those of `resets` that were tagged `!reset`, with their places.
    """

    tree: dict[str, Any]
    marks: Marks
    resets: tuple[Path, ...]
    gone: Mapping[Path, Location] = {}


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


def parse_documents(text: str, file: str, dialect: Dialect = CURRENT) -> list[YamlDocument]:
    """Parse YAML text (JSON included) into its documents.

    Args:
        text: The file's text; a byte order mark and any line endings are fine.
        file: The file's name in marks and messages.
        dialect: What the file is read as.

    Returns:
        No document at all for text without content: whether that is an error depends on the other files.

    Raises:
        LoadError: The text is not YAML as Docker Compose accepts it, a document is no mapping, or a limit
            is exceeded.
    """
    collecting = gc.isenabled()
    # All objects of a tree under construction are alive: collecting while it grows doubles the time.
    gc.disable()
    try:
        builder = _Builder(text, file, dialect)
        return [builder.document(root) for root in compose_nodes(text.removeprefix("\ufeff"), file, dialect)]
    finally:
        if collecting:
            gc.enable()


class _Merge:
    """The key `<<`, as opposed to the string."""


class _MappingKeys(dict[str, Any]):
    """What each plain key met so far is: itself when it is a string, else the value it stands for."""

    def __init__(self, plain: PlainScalars) -> None:
        super().__init__({"<<": _Merge})
        self.plain = plain

    def __missing__(self, text: str) -> Any:
        key = self[text] = self.plain[text]
        return key


_SCALAR: Any = ScalarNode
"""Compared with by identity, for speed; as Any, since PyYAML's types know of no node without a tag."""


class _Builder:
    """Builds trees and marks from the nodes of one file in one pass.

    Anchored collections are built once, and copied for each alias: passes may change a tree in place.
    Marks are never changed in place, so aliases share them.
    """

    def __init__(self, text: str, file: str, dialect: Dialect) -> None:
        self.file = file
        self.plain = PlainScalars(WORDS | MINUS_ZERO if dialect.has(Change.NEGATIVE_ZERO) else WORDS)
        self.keys = _MappingKeys(self.plain)
        self.has_aliases = "*" in text
        self.has_questions = "?" in text
        self.text = text.removeprefix("\ufeff")
        self.ends_at_questions = not dialect.has(Change.FLOW_QUESTIONS)
        self.has_resets = any(sign in text for sign in ("!reset", "!override", "!<", "%TAG"))
        self.refuses_infinity = dialect.has(Change.CHECKED_AS_JSON) and bool(_ENDLESS_WORDS.search(text))
        self.built: dict[int, tuple[Any, Marks] | None] = {}
        self.alias_nodes = MAX_ALIAS_NODES
        self.most_nodes = self.nodes_left = MAX_NODES if dialect.has(Change.NODE_LIMIT) else sys.maxsize
        self.resets = _Resets(file, by_alias=dialect.has(Change.RESETS_BY_ALIAS))
        self.findings: list[Diagnostic] = []

    def document(self, root: Node) -> YamlDocument:
        self.nodes_left = self.most_nodes
        if not isinstance(root, MappingNode) or root.tag == "!reset":
            raise LoadError(_not_a_mapping(root, self.file))
        try:
            gone, overrides = self.resets.of_document(root) if self.has_resets else ({}, [])
            tree, marks = self.collection(root)
        except RecursionError as error:
            raise LoadError(too_deep(place_of(root.start_mark, self.file))) from error
        if self.refuses_infinity:
            self.findings += [_no_json(locate(marks, path)) for path in _endless_numbers(tree, ())]
        if self.findings:
            raise LoadError(self.findings)
        return YamlDocument(tree, marks, (*gone, *overrides), gone)

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

    def mapping(self, node: Any) -> tuple[dict[str, Any], Marks]:
        tree: dict[str, Any] = {}
        marks: Marks = {}
        self.count(node)
        merge: tuple[Node, Node] | None = None
        file, plain, keys = self.file, self.plain, self.keys
        if self.has_questions and node.flow_style:
            self.refuse_questions(itertools.chain.from_iterable(node.value))
        for key_node, value_node in node.value:
            if type(key_node) is _SCALAR and not key_node.tag:
                key = key_node.value if key_node.style else keys[key_node.value]
            else:
                key = self.unusual_key(key_node)
            if type(key) is not str:
                if key is _Merge and merge is None:
                    merge = key_node, value_node
                else:
                    self.refuse_key(key, key_node, merge)
                continue
            mark = key_node.start_mark
            if key in tree:
                self.report(_duplicate(key, place_of(mark, file), marks[key][1]))
                continue
            child = None
            if type(value_node) is not _SCALAR:
                tree[key], child = self.collection(value_node)
            elif value_node.tag:
                tree[key] = self.tagged(value_node)
            else:
                tree[key] = value_node.value if value_node.style else plain[value_node.value]
            marks[key] = (file, mark.line + 1, mark.column + 1, child)
        if merge is not None:
            self.merge(tree, marks, merge)
        return tree, marks

    def sequence(self, node: Any) -> tuple[list[Any], Marks]:
        tree: list[Any] = []
        marks: Marks = {}
        self.count(node)
        file, plain = self.file, self.plain
        if self.has_questions and node.flow_style:
            self.refuse_questions(node.value)
        for index, item in enumerate(node.value):
            child = None
            if type(item) is not _SCALAR:
                value, child = self.collection(item)
            elif item.tag:
                value = self.tagged(item)
            else:
                value = item.value if item.style else plain[item.value]
            mark = item.start_mark
            tree.append(value)
            marks[index] = (file, mark.line + 1, mark.column + 1, child)
        return tree, marks

    def count(self, node: Any) -> None:
        """Count the values of a collection, and refuse a document that has too many."""
        self.nodes_left -= len(node.value)
        if self.nodes_left <= 0:
            raise LoadError(_too_many_nodes(place_of(node.start_mark, self.file)))

    def unusual_key(self, node: Any) -> Any:
        """Read a key with a tag: a string, `_Merge`, or a value that cannot be a key; a collection stays a node."""
        if isinstance(node, CollectionNode):
            return node
        return _Merge if node.tag == TAG + "merge" and node.value == "<<" else self.tagged(node)

    def report(self, found: Diagnostic) -> None:
        self.findings.append(found)
        if len(self.findings) >= _MAX_FINDINGS:
            raise LoadError(self.findings)

    def refuse_questions(self, nodes: Iterable[Any]) -> None:
        """Refuse `a? b` between brackets, and before `Change.FLOW_QUESTIONS` also `a?b`: the value ends there.

        It does to go-yaml, though not to libyaml.
        """
        for node in nodes:
            if type(node) is ScalarNode and not node.style and "?" in node.value[1:]:
                written = node.value + self.text[node.end_mark.index : node.end_mark.index + 1]
                if self.ends_at_questions or _QUESTION.search(written, 1):
                    self.report(_question_mark(place_of(node.start_mark, self.file)))

    def refuse_key(self, key: Any, node: Node, merge: tuple[Node, Node] | None) -> None:
        place = place_of(node.start_mark, self.file)
        if key is _Merge and merge is not None:
            self.report(_duplicate("<<", place, merge[0].start_mark.line + 1))
        elif key is not _REFUSED:
            self.report(_not_a_string(key, node, place))

    def tagged(self, node: Any) -> Any:
        try:
            return read_tagged(node.tag, node.value)
        except ValueError:
            self.report(_wrong_tag(node, place_of(node.start_mark, self.file)))
            return _REFUSED

    def merge(self, tree: dict[str, Any], marks: Marks, entry: tuple[Node, Node]) -> None:
        """Add what `<<` names to a mapping: its own keys come first, then those of earlier sources."""
        key_node, node = entry
        if "<<" in tree:
            self.report(_duplicate("<<", place_of(key_node.start_mark, self.file), marks["<<"][1]))
        for source in node.value if type(node) is SequenceNode else [node]:
            if type(source) is not MappingNode:
                self.report(_wrong_merge(place_of(source.start_mark, self.file)))
                continue
            more, more_marks = self.collection(source)
            for key, value in more.items():
                if key not in tree:
                    tree[key] = value
                    marks[key] = more_marks[key]

    def alias(self, node: Node, built: tuple[Any, Marks] | None) -> tuple[Any, Marks]:
        if built is None:
            raise LoadError(_endless(place_of(node.start_mark, self.file)))
        tree, marks = built
        return self.copy(tree, node, 1), marks

    def copy(self, value: Any, node: Node, depth: int) -> Any:
        self.alias_nodes -= len(value) + 1
        if self.alias_nodes < 0:
            raise LoadError(_too_many_aliases(place_of(node.start_mark, self.file)))
        if depth > MAX_DEPTH:
            raise LoadError(too_deep(place_of(node.start_mark, self.file)))
        if type(value) is dict:
            return {
                key: self.copy(item, node, depth + 1) if type(item) in _COLLECTIONS else item
                for key, item in value.items()
            }
        return [self.copy(item, node, depth + 1) if type(item) in _COLLECTIONS else item for item in value]


_MAX_FINDINGS = 100
"""After so many, the rest is most likely more of the same."""

_COLLECTIONS = frozenset((dict, list))
_REFUSED = object()
"""Stands where a value was refused, in a tree that nobody will see."""


class _Resets:
    """Collects the paths of `!reset` and `!override`, and takes what is reset out of the nodes.

    This follows compose-go's ResetProcessor in what it does with anchors: what is reset inside an anchored
    collection is gone for its aliases too, and an `!override` counts at each. A `!reset` counts at each of them, too,
    or only at the first place (`Change.RESETS_BY_ALIAS`).
    """

    def __init__(self, file: str, *, by_alias: bool) -> None:
        self.file = file
        self.by_alias = by_alias
        self.seen: dict[int, tuple[dict[Path, Location], list[Path]] | None] = {}

    def of_document(self, root: Node) -> tuple[dict[Path, Location], list[Path]]:
        return self.inside(root, keep_merge_key=True)

    def inside(self, node: Node, *, keep_merge_key: bool = False) -> tuple[dict[Path, Location], list[Path]]:
        """Give the paths under `node` that are reset, with their places, and those that are overridden."""
        resets: dict[Path, Location] = {}
        overrides: list[Path] = []
        kept = []
        is_mapping = type(node) is MappingNode
        for index, entry in enumerate(node.value):
            value = entry[1] if is_mapping else entry
            step: Path = (str(entry[0].value),) if is_mapping else (str(index),)
            if step == ("<<",) and is_mapping and not keep_merge_key:
                step = ()
            if value.tag == "!reset":
                at = entry[0] if is_mapping else value
                resets.setdefault(step, place_of(at.start_mark, self.file))
                continue
            kept.append(entry)
            inner = self.below(value)
            resets.update({step + path: place for path, place in inner[0].items()})
            overrides += [step + path for path in inner[1]]
        if len(kept) < len(node.value):
            self.refuse_duplicates(node, is_mapping=is_mapping)
            node.value = kept
        return resets, overrides

    def below(self, node: Node) -> tuple[dict[Path, Location], list[Path]]:
        """Give what `inside` gives, and the node itself if it is an override: as the path ()."""
        if node.tag == "!override":
            return {}, [()]
        if type(node) is ScalarNode:
            return {}, []
        key = id(node)
        if key in self.seen:
            seen = self.seen[key]
            if seen is None:
                raise LoadError(_endless(place_of(node.start_mark, self.file)))
            return (seen[0] if self.by_alias else {}), seen[1]
        self.seen[key] = None
        resets, overrides = self.inside(node)
        if len(resets) + len(overrides) > _MAX_OVERRIDES:
            raise LoadError(_too_many_aliases(place_of(node.start_mark, self.file)))
        self.seen[key] = resets, overrides
        return resets, overrides

    def refuse_duplicates(self, node: Node, *, is_mapping: bool) -> None:
        """Compare the keys before some of them go."""
        lines: dict[str, int] = {}
        for key_node, _ in node.value if is_mapping else ():
            key = str(key_node.value)
            if key in lines:
                raise LoadError(_duplicate(key, place_of(key_node.start_mark, self.file), lines[key]))
            lines[key] = key_node.start_mark.line + 1


_MAX_OVERRIDES = 10_000


_QUESTION = lazy_pattern(r"\?\s")
_ENDLESS_WORDS = lazy_pattern(r"\.(?:inf|nan)", re.IGNORECASE)


def _endless_numbers(value: Any, path: Path) -> Iterator[Path]:
    """Yield the paths of numbers that are infinite, or no numbers."""
    if type(value) is float and not isfinite(value):
        yield path
    elif type(value) in _COLLECTIONS:
        for key, item in value.items() if type(value) is dict else enumerate(value):
            yield from _endless_numbers(item, (*path, key))


def _no_json(place: Location | None) -> Diagnostic:
    message = "this number cannot be written as JSON, which Docker Compose checks files as"
    return yaml_error("C2F130", message, place, "put quotes around it, or change it")


def _duplicate(key: str, place: Location, first_line: int) -> Diagnostic:
    message = f"the key {key!r} is already defined on line {first_line}"
    if key == "<<":
        return yaml_error("C2F105", message, place, "name all sources under one key: `<<: [*one, *two]`")
    return yaml_error("C2F105", message, place, "remove one of the two, or merge them")


def _not_a_string(key: Any, node: Node, place: Location) -> Diagnostic:
    if isinstance(key, Node):
        return yaml_error("C2F106", "a list or a mapping cannot be a key", place, "write a string as the key")
    names = {bool: "a boolean", int: "a number", float: "a number", Timestamp: "a date"}
    kind = names.get(type(key), "null")
    text = node.value or "~"
    return yaml_error(
        "C2F106", f"the key {text} is {kind}; keys are strings", place, f'quote the key: `"{text}":`'
    )


def _not_a_mapping(root: Node, file: str) -> Diagnostic:
    if root.tag == "!reset":
        kind = "tagged `!reset` as a whole"
    elif type(root) is SequenceNode:
        kind = "a list"
    else:
        kind = f"the value {root.value!r}" if root.value else "empty"
    message = f"the document is {kind}; at the top level of a compose file stands a mapping"
    return yaml_error(
        "C2F108", message, place_of(root.start_mark, file), "start with a key, such as `services:`"
    )


def _question_mark(place: Location) -> Diagnostic:
    message = "the value ends at its ?, because it stands between brackets and has no quotes"
    return yaml_error("C2F104", message, place, 'put the value in quotes: "a?b"')


def _wrong_merge(place: Location) -> Diagnostic:
    message = "the merge key `<<` takes a mapping, or a list of mappings"
    return yaml_error("C2F107", message, place, "name an anchored mapping: `<<: *name`")


def _wrong_tag(node: Node, place: Location) -> Diagnostic:
    name = str(node.tag).removeprefix(TAG)
    message = f"{node.value!r} cannot be read as !!{name}"
    return yaml_error("C2F109", message, place, "remove the tag, or write a value of its type")


def _too_many_aliases(place: Location) -> Diagnostic:
    message = (
        f"the aliases of this file stand for more than {MAX_ALIAS_NODES} values, the most that is expanded"
    )
    return yaml_error("C2F103", message, place, "write less into this anchor, or use it less often")


def _too_many_nodes(place: Location) -> Diagnostic:
    message = f"this document holds more than {MAX_NODES} values, the most that Docker Compose reads"
    return yaml_error("C2F103", message, place, "split it, and name the parts under `include:`")


def _endless(place: Location) -> Diagnostic:
    return yaml_error("C2F104", "this anchor's value contains itself", place, "remove the alias inside it")
