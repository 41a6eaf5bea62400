"""`include`: the resources of other compose files, each read as a project of its own.

Every included file has its own directory for relative paths and its own variables:
https://github.com/compose-spec/compose-spec/blob/main/14-include.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.compose.dialect import Change
from compose2fargate.compose.merge import merge_entry, reset
from compose2fargate.compose.passes import Findings, Placed, Tree, marks_of, rules_at
from compose2fargate.compose.rules import merge_rules
from compose2fargate.compose.sources.source_files import Mark, Marks
from compose2fargate.diagnostics import Path
from compose2fargate.records import NamedTuple

MAX_DEPTH = 50
"""How deep included files may include others."""

MAX_INCLUDES = 1000
"""How many includes of one project are followed; a file counts as often as there are ways to it."""

SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
"""What is taken over from an included file; its name and extensions are not."""


class IncludeEntry(NamedTuple):
    """One entry of `include`.

    Attributes:
        paths: The files; those after the first are merged over it. Of none, only the variables are read.
        project_directory: What relative paths start from; "" for the directory of the first file.
        env_files: Where its variables come from; () for the `.env` of its directory.
        path: The entry's path.
    """

    paths: tuple[str, ...]
    project_directory: str
    env_files: tuple[str, ...]
    path: Path


def read_includes(value: Any, findings: Findings) -> list[IncludeEntry]:
    """Read the list below `include`; what is wrong with it is reported."""
    if value is None:
        return []
    if not isinstance(value, list):
        findings.error("C2F163", ("include",), "include must be a list", "write `include: [other.yaml]`")
        return []
    entries = [_read_include(item, ("include", index), findings) for index, item in enumerate(value)]
    return [entry for entry in entries if entry is not None]


def _read_include(item: Any, path: Path, findings: Findings) -> IncludeEntry | None:
    entry = {"path": item} if isinstance(item, str) else {} if item is None else item
    if not isinstance(entry, dict):
        findings.error("C2F163", path, "an entry of include must be a path or a mapping with a path")
        return None
    paths = _texts(entry.get("path"), (*path, "path"), findings)
    env_files = _texts(entry.get("env_file"), (*path, "env_file"), findings)
    directory = entry.get("project_directory") or ""
    if not isinstance(directory, str):
        findings.error("C2F163", (*path, "project_directory"), "project_directory must be a path")
        return None
    return IncludeEntry(paths, directory, env_files, path)


def _texts(value: Any, path: Path, findings: Findings) -> tuple[str, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        findings.error("C2F163", path, f"{path[-1]} must be a path or a list of paths")
        return ()
    return tuple(items)


_VALUES = {"configs": "content", "secrets": "x-#value"}
"""The key that holds what a variable says, as Docker Compose calls it."""


def with_values(tree: Tree, environment: Mapping[str, str]) -> Tree:
    """Give the configs and secrets of an included project the values of the variables that they come from.

    For Docker Compose, these make them differ from what the including project calls by the same name, and a config
    so has both `environment` and `content`, which it then refuses.
    """
    out = dict(tree)
    for section, key in _VALUES.items():
        if isinstance(tree.get(section), dict):
            out[section] = {n: _with_value(entry, key, environment) for n, entry in tree[section].items()}
    return out


def _with_value(entry: Any, key: str, environment: Mapping[str, str]) -> Any:
    name = entry.get("environment") if isinstance(entry, dict) else None
    return {**entry, key: environment[name]} if isinstance(name, str) and name in environment else entry


def without_values(tree: Tree) -> Tree:
    """Remove the values of secrets again: nothing else may see them."""
    key = _VALUES["secrets"]
    secrets = tree.get("secrets")
    if not isinstance(secrets, dict) or not any(isinstance(s, dict) and key in s for s in secrets.values()):
        return tree
    kept = {
        n: {k: v for k, v in s.items() if k != key} if isinstance(s, dict) else s for n, s in secrets.items()
    }
    return {**tree, "secrets": kept}


def import_resources(
    own: tuple[Tree, Marks], imported: tuple[Tree, Marks], resets: tuple[Path, ...], findings: Findings
) -> tuple[Tree, Marks]:
    """Add the resources of an included project.

    What both define is merged, the including file over the included one and the first included file over the
    others; before `Change.INCLUDES_MERGE` it has to mean the same in both.

    Args:
        own: The tree of the including file, and its marks.
        imported: The tree of the included project, and its marks.
        resets: What the including file tags `!reset` or `!override`.
        findings: Where problems go.
    """
    (tree, marks), (theirs, their_marks) = own, imported
    out, out_marks = dict(tree), dict(marks)
    for key in theirs:
        if key not in SECTIONS and key in their_marks:
            findings.drop(
                (key,), their_marks[key], "counts in the file that includes, not in an included one"
            )
    for section in SECTIONS:
        incoming = theirs.get(section)
        if incoming is None:
            continue
        mark = their_marks.get(section)
        if not isinstance(out.get(section, {}), dict):
            findings.error("C2F163", (section,), f"{section} must be a mapping for files to be included")
            continue
        out[section], inside = _section(
            section, (out.get(section), out_marks.get(section)), (incoming, mark), resets, findings
        )
        place = out_marks.get(section) or mark
        if place is not None:
            out_marks[section] = (place[0], place[1], place[2], inside)
    return out, out_marks


def _reset_below(
    path: Path, value: Any, marks: Marks | None, resets: tuple[Path, ...], findings: Findings
) -> Placed:
    """Remove from an included resource what the including file resets or overrides inside of it."""
    inner = tuple(at[2:] for at in resets if len(at) > 2 and _matches(at[:2], path))
    return reset(value, marks, inner, findings) if inner and isinstance(value, dict) else (value, marks)


def _matches(pattern: Path, path: Path) -> bool:
    return all(step in ("*", found) for step, found in zip(pattern, path, strict=True))


def _section(
    section: str,
    own: tuple[Any, Mark | None],
    incoming: tuple[Any, Mark | None],
    resets: tuple[Path, ...],
    findings: Findings,
) -> tuple[Any, Marks]:
    entries: Tree = dict(own[0] or {})
    marks: Marks = dict((own[1][3] if own[1] else None) or {})
    theirs = (incoming[1][3] if incoming[1] else None) or {}
    for name, value in (incoming[0] or {}).items():
        if name in entries and findings.dialect.has(Change.INCLUDES_MERGE):
            mark = marks.get(name)
            below = _reset_below((section, name), value, marks_of(theirs, name), resets, findings)
            rule = rules_at(rules_at(merge_rules(), section)[1], name)
            over = entries[name], mark[3] if mark else None
            entries[name], inside = merge_entry(below, over, rule, (section, name), findings)
            kept = mark or theirs.get(name)
            if kept is not None:
                marks[name] = (kept[0], kept[1], kept[2], inside)
            continue
        if name in entries:
            if entries[name] != value:
                place = theirs.get(name)
                where = f", {place[0]}:{place[1]}:{place[2]}" if place else ""
                findings.error(
                    "C2F163",
                    (section, name),
                    f"{section}.{name} is defined differently in an included file{where}",
                    "rename one of them, or merge the files with -f instead of including one",
                )
            findings.drop((section, name), theirs.get(name), "given again by another included file")
            continue
        entries[name] = value
        if name in theirs:
            marks[name] = theirs[name]
    return entries, marks
