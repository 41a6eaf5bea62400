"""What every pass over a compose tree shares: its findings, and the walk along a table of rules.

A pass never changes the trees and marks it is given: files, anchors and extended services share them. It
copies what it changes, and hands the marks on so that each key still points at the line that was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.sources.source_files import Mark, Marks, locate
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Path, Severity, has_errors
from compose2fargate.records import NamedTuple

Tree: TypeAlias = "dict[str, Any]"

Placed: TypeAlias = "tuple[Any, Marks | None]"
"""A value, and the marks of what is inside it (None for a scalar, or when nothing was written for it)."""


class DroppedKey(NamedTuple):
    """A key that is in the files but not in the canonical tree, and why."""

    path: Path
    location: Location | None
    reason: str


class Findings:
    """What has been found so far; passes append to it and go on.

    Args:
        dialect: What the files are read as, for the passes that have to know.
    """

    __slots__ = ("diagnostics", "dialect", "dropped", "marks", "ports")

    def __init__(self, dialect: Dialect = CURRENT) -> None:
        self.dialect = dialect
        self.diagnostics: list[Diagnostic] = []
        self.dropped: list[DroppedKey] = []
        self.ports = 0
        """How many ports the passes have made: ranges of a few letters are thousands."""
        self.marks: Marks = {}
        """The marks of the tree in hand, which give the paths of findings their places."""

    def error(self, code: str, path: Path, message: str, hint: str = "") -> None:
        """Report what is wrong at `path`."""
        self.diagnostics.append(
            Diagnostic(code, Severity.ERROR, message, path, locate(self.marks, path), hint)
        )

    def warn(self, code: str, path: Path, message: str, hint: str = "") -> None:
        """Report what is doubtful at `path`."""
        self.diagnostics.append(
            Diagnostic(code, Severity.WARNING, message, path, locate(self.marks, path), hint)
        )

    def also(self, found: Iterable[Diagnostic]) -> None:
        """Report what a later pass would find, except where something has been said already."""
        said = {diagnostic.path for diagnostic in self.diagnostics}
        self.diagnostics.extend(diagnostic for diagnostic in found if diagnostic.path not in said)

    def drop(self, path: Path, mark: Mark | None, reason: str) -> None:
        """Record that the key at `path` ends here."""
        self.dropped.append(DroppedKey(path, Location(*mark[:3]) if mark else None, reason))

    def stop_on_errors(self) -> None:
        """End the run when the passes so far have found an error.

        Raises:
            LoadError: With everything that was found, warnings included.
        """
        if has_errors(self.diagnostics):
            raise LoadError(self.diagnostics)


Step = Callable[[Any, "Marks | None", Path, Findings], Placed]
"""One rule of a pass: takes the value at a path with its marks, gives what stands there afterwards."""


def by_dialect(change: Change, since: Step, before: Step) -> Step:
    """Make the step that is `since` in the dialects that have `change`, and `before` in the others."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        chosen = since if findings.dialect.has(change) else before
        return chosen(value, marks, path, findings)

    return step


def as_it_is(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Leave a value alone."""
    return value, marks


def left_out(_value: Any, _marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Remove a value."""
    return None, None


Trie: TypeAlias = "dict[str, tuple[Any, Trie]]"
"""Rules by path: key, or `*` for every key and item, to the rule for it and the rules below it."""

_NOTHING: tuple[None, Trie] = (None, {})


def compile_rules(rules: Iterable[tuple[tuple[str, ...], Any]]) -> Trie:
    """Arrange rules by path, so that a walk only enters what a rule can match."""
    root: Trie = {}
    for path, rule in rules:
        here = root
        for step in path[:-1]:
            here = here.setdefault(step, (None, {}))[1]
        here[path[-1]] = (rule, here.get(path[-1], _NOTHING)[1] or {})
    return root


def rules_at(trie: Trie, key: str) -> tuple[Any, Trie]:
    """Give the rule for `key`, and the rules below it."""
    return trie.get(key) or trie.get("*") or _NOTHING


def walk_tree(value: Any, marks: Marks | None, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Apply the steps of `trie` to everything they match in `value`, outer ones first."""
    if type(value) is list:
        everywhere = trie.get("*")
        entries: Iterable[tuple[Any, Any]] = enumerate(value) if everywhere else ()
    elif type(value) is dict:
        everywhere = trie.get("*")
        entries = value.items() if everywhere else [(k, value[k]) for k in trie if k in value]
    else:
        return value, marks
    changed: dict[Any, Placed] = {}
    for key, item in entries:
        step, below = everywhere or trie[key]
        mark = marks.get(key) if marks else None
        inside, at = mark[3] if mark else None, (*path, key)
        result, result_marks = step(item, inside, at, findings) if step else (item, inside)
        if below:
            result, result_marks = walk_tree(result, result_marks, below, at, findings)
        if result is not item or result_marks is not inside:
            changed[key] = (result, result_marks)
    return _replaced(value, marks, changed) if changed else (value, marks)


def marks_of(marks: Marks | None, key: str | int) -> Marks | None:
    """Give the marks inside the entry `key`."""
    mark = marks.get(key) if marks else None
    return mark[3] if mark else None


def _replaced(value: Any, marks: Marks | None, changed: Mapping[Any, Placed]) -> Placed:
    out = value.copy()
    out_marks: Marks = dict(marks or {})
    for key, (item, inside) in changed.items():
        out[key] = item
        mark = out_marks.get(key)
        if mark is not None and mark[3] is not inside:
            out_marks[key] = (mark[0], mark[1], mark[2], inside)
    return out, out_marks


def with_key(
    tree: Tree, marks: Marks | None, key: str, value: Any, inside: Marks | None = None
) -> tuple[Tree, Marks]:
    """Copy `tree` with `key` set; its mark stays, with `inside` as the marks below it."""
    out_marks: Marks = dict(marks or {})
    mark = out_marks.get(key)
    if mark is not None:
        out_marks[key] = (mark[0], mark[1], mark[2], inside)
    return {**tree, key: value}, out_marks
