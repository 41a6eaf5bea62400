r"""YAML text to nodes, through libyaml, with messages that say more than libyaml's.

What Docker Compose's parser (go-yaml) and libyaml read differently is settled here: redefined anchors,
anchors used in later documents, control characters, `%YAML 1.2`, the escape sequences `\'` and `\/`, and `a:` and `:a` in `[...]`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, NoReturn

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

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Path, Severity
from compose2fargate.text.lazy_patterns import lazy_pattern

MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 100

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
    resolve = "".format
    """Leaves the tag empty where the text has none: a function in C that takes anything, as there is one call for each value."""

    def descend_resolver(self, _parent: object, _index: object) -> None:
        """Count the depth: C code would descend until the stack overflows."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _TooDeepError

    def ascend_resolver(self) -> None:
        """Undo `descend_resolver`."""
        self.depth -= 1


_YAML_DIRECTIVE = lazy_pattern(r"^%YAML", re.MULTILINE)
_MAX_REPAIRS = 20


def compose_nodes(text: str, file: str, dialect: Dialect = CURRENT) -> list[Node]:
    """Parse `text` into the root node of each of its documents; tags that are not written are None.

    Raises:
        LoadError: The text is not YAML as go-yaml reads it, or nested more than MAX_DEPTH deep.
    """
    if len(text) > MAX_FILE_BYTES:
        raise LoadError(too_large(file))
    for repairs_left in range(_MAX_REPAIRS, -1, -1):
        try:
            roots = _compose_once(text, file)
        except yaml.MarkedYAMLError as error:  # noqa: PERF203 - the loop goes round for the error's sake
            repaired = _repair(text, error, dialect)
            if repaired is None or not repairs_left:
                raise LoadError(_syntax_error(error, text, file)) from error
            text = repaired
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            if dialect.has(Change.CONTROL_CHARACTERS) and _CONTROL.search(text):
                return _compose_around_controls(text, file, dialect)
            raise LoadError(_character_error(text, file)) from error
        else:
            if "\\/" in text:
                _refuse_escaped_slashes(roots, text, file)
            return roots
    raise AssertionError


def _compose_around_controls(text: str, file: str, dialect: Dialect) -> list[Node]:
    """Parse a text with control characters that only go-yaml takes: others that it does not have stand for them."""
    used = set(text)
    free = (chr(code) for code in range(0xF0000, 0x10FFFE) if chr(code) not in used)
    stand_ins = dict(zip(sorted(set(_CONTROL.findall(text))), free, strict=False))
    roots = compose_nodes(text.translate(str.maketrans(stand_ins)), file, dialect)
    restored = str.maketrans({stand_in: control for control, stand_in in stand_ins.items()})
    for scalar in _all_scalars(roots):
        scalar.value = scalar.value.translate(restored)
    return roots


def _compose_once(text: str, file: str) -> list[Node]:
    if "%YAML" not in text or not _YAML_DIRECTIVE.search(text):
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
        raise LoadError(too_deep(place_of(mark, file)))
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


def place_of(mark: Any, file: str) -> Location:
    """Turn a mark of PyYAML, which counts from 0, into a location."""
    return Location(file, mark.line + 1, mark.column + 1)


def yaml_error(
    code: str, message: str, place: Location | None, hint: str = "", path: Path = ()
) -> Diagnostic:
    """Make an error."""
    return Diagnostic(code, Severity.ERROR, message, path, place, hint)


def too_large(file: str) -> Diagnostic:
    """Say that a file is over MAX_FILE_BYTES."""
    message = f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB, the most that is read"
    return yaml_error(
        "C2F103", message, Location(file, 1, 1), "split it, and name the parts under `include:`"
    )


def too_deep(place: Location) -> Diagnostic:
    """Say that collections are nested more than MAX_DEPTH deep."""
    message = f"lists and mappings are nested more than {MAX_DEPTH} deep"
    return yaml_error("C2F103", message, place, "check the file for a bracket that is never closed")


def _unsupported_version(event: Any, file: str) -> Diagnostic:
    version = ".".join(map(str, event.version))
    message = (
        f"the directive `%YAML {version}` is not supported: Docker Compose reads YAML 1.1 documents only"
    )
    return yaml_error(
        "C2F104", message, place_of(event.start_mark, file), "remove the line that starts with %YAML"
    )


_STRING_ESCAPE = lazy_pattern(r"\\(.)", re.DOTALL)
_DOUBLE_QUOTED = lazy_pattern(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _repair(text: str, error: yaml.MarkedYAMLError, dialect: Dialect) -> str | None:
    """Rewrite what go-yaml reads and libyaml does not; None if that is not what `error` is about."""
    mark, start = error.problem_mark, error.context_mark
    if mark is None or start is None:
        return None
    if error.problem == "found unexpected ':'":
        if dialect.has(Change.FLOW_KEYS):  # `[a:]` is `[a: ]`
            return f"{text[: mark.index + 1]} {text[mark.index + 1 :]}"
        return _quote_scalar(text, start.index, mark.index + 1)
    if text[mark.index : mark.index + 2] == "\\'" and str(error.problem).startswith("found unknown escape"):
        return _unescape_apostrophes(text, start.index)
    if error.problem == "did not find expected node content" and dialect.has(Change.FLOW_COLONS):
        return _quote_leading_colon(text, mark.index)
    return None


_COLON_FIRST = lazy_pattern(r":(?![\s,\[\]{}])(?:(?!:[\s,\]}]|[ \t]#|[ \t]*[,\[\]{}\r\n])[^\r\n])*")


def _quote_leading_colon(text: str, start: int) -> str | None:
    """Quote a plain scalar that begins with a colon, as the item of a list: `[::1]` holds the string `::1`."""
    found = _COLON_FIRST.match(text, start)
    if found is None or text[:start].rstrip()[-1:] not in ("[", ","):
        return None
    return _quote_scalar(text, start, found.end())


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
    for scalar in _all_scalars(roots):
        if scalar.style != '"':
            continue
        for escape in _STRING_ESCAPE.finditer(text, scalar.start_mark.index, scalar.end_mark.index):
            if escape[1] == "/":
                place = _place_of_index(text, escape.start(), file)
                raise LoadError(
                    yaml_error("C2F104", "the escape sequence \\/ is unknown", place, "write / alone")
                )


def _all_scalars(roots: list[Node]) -> Iterator[Any]:
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        node = todo.pop()
        if type(node) is ScalarNode:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            todo += itertools.chain(*node.value) if type(node) is MappingNode else node.value


_LINE_BREAK = lazy_pattern("\r\n|[\r\n\x85\u2028\u2029]")


def _place_of_index(text: str, index: int, file: str) -> Location:
    line, start = 1, 0
    for found in _LINE_BREAK.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return Location(file, line, index - start + 1)


_CONTROL = lazy_pattern("[\x7f-\x84\x86-\x9f]")
_CHARACTER = lazy_pattern("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _character_error(text: str, file: str) -> Diagnostic:
    found = _CHARACTER.search(text)
    if found is None:
        return yaml_error("C2F104", "this is not YAML", Location(file, 1, 1))
    message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
    escape = f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else f"\\u{ord(found[0]):04x}"
    place = _place_of_index(text, found.start(), file)
    return yaml_error("C2F104", message, place, f"remove it, or write it as {escape} in double quotes")


_BAD_STARTS = {
    "\t": ("a tab is used for indentation", "indent with spaces"),
    "@": ("a value cannot start with @ unless it is quoted", 'put it in quotes: "@..."'),
    "`": ("a value cannot start with ` unless it is quoted", 'put it in quotes: "`..."'),
    "%": ("a value cannot start with % unless it is quoted", 'put it in quotes: "%..."'),
}
"""What stands where libyaml "found character that cannot start any token"."""

_SYNTAX = (
    ("mapping values are not allowed", "`: ` is inside a value", 'put the value in quotes: "a: b"'),
    (
        "could not find expected ':'",
        "this line is neither `key: value` nor a list item",
        "write a colon and a space",
    ),
    ("found unexpected end of stream", "the quote that opens here is never closed", "close it"),
    (
        "found unexpected document indicator",
        "the quote that opens here is never closed",
        "close it before `---`",
    ),
    ("found undefined alias", "", "define the anchor before it: `&name` in front of a value"),
    ("did not find expected alphabetic", "* and & start aliases and anchors", 'quote the value: "*.log"'),
    (
        "found unknown escape character",
        "this escape sequence is unknown",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        "did not find expected key",
        "a key was expected here",
        "check the indentation of this line and the one before",
    ),
    ("did not find expected '-'", "a list item was expected here", "check the indentation of this line"),
    (
        "did not find expected ',' or ']'",
        "the list that opens on line {line} is not closed before this",
        "write , or ]",
    ),
    (
        "did not find expected ',' or '}'",
        "the mapping that opens on line {line} is not closed before this",
        "write , or }",
    ),
    ("found a tab character", "a tab is used for indentation", "indent with spaces"),
    ("found undefined tag handle", "this tag's prefix is not defined", "remove the tag"),
)
"""A part of libyaml's message, ours (its own where empty), and the way out."""

_SHOWN_AT_START = ("found unexpected", "could not find expected ':'")
"""Problems that libyaml notices where something ends, and that lie where it starts."""


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    problem = str(error.problem)
    start = error.context_mark
    mark = error.problem_mark or start
    if problem.startswith(_SHOWN_AT_START) and start is not None:
        mark = start
    if mark is None:
        return yaml_error("C2F104", problem, Location(file, 1, 1))
    place = place_of(mark, file)
    if "nesting depth" in problem:  # newer versions of libyaml have a limit of their own
        return too_deep(place)
    if "cannot start any token" in problem and text[mark.index : mark.index + 1] in _BAD_STARTS:
        message, hint = _BAD_STARTS[text[mark.index]]
        return yaml_error("C2F104", message, place, hint)
    if "mapping values" in problem and ":" not in _line_before(text, mark.index):
        hint = "check the indentation, and for a missing colon on the line before"
        return yaml_error("C2F104", "a key cannot stand here", place, hint)
    for part, message, hint in _SYNTAX:
        if part in problem:
            line = start.line + 1 if start is not None else place.line
            return yaml_error("C2F104", message.replace("{line}", str(line)) or problem, place, hint)
    return yaml_error("C2F104", problem, place)


def _line_before(text: str, index: int) -> str:
    return text[max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1 : index]
