"""Merges one tree over another by Compose's rules, and removes entries that are given twice.

The rule for each key is in `rules.py`; what the rules do is written here. Reference:
https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from compose2fargate.compose.passes import Findings, Placed, Tree, Trie, rules_at, walk_tree
from compose2fargate.compose.sources.source_files import Mark, Marks
from compose2fargate.compose.values.short_syntax import (
    BadSyntaxError,
    dependency,
    go_text,
    keyed,
    parse_mount,
)
from compose2fargate.diagnostics import Location, Path

Merger = Callable[[Placed, Placed, Trie, Path, Findings], Placed]
"""A key's own way to merge: what is below, what comes on top, and the rules for what is inside."""

Indexer = Callable[[Any], Hashable]
"""Gives what makes a list's item the same as another; raises BadSyntaxError when it has no such thing."""


def merge_trees(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge the mapping `over` into the mapping `base`."""
    tree, marks = base
    over_tree, over_marks = over[0] or {}, over[1] or {}
    out: Tree = dict(tree or {})
    out_marks: Marks = dict(marks or {})
    for key, value in over_tree.items():
        mark = over_marks.get(key)
        if key not in out:
            out[key] = value
            if mark is not None:
                out_marks[key] = mark
            continue
        below, below_mark = out[key], out_marks.get(key)
        known = len(findings.diagnostics)
        merged, inside = merge_entry(
            (below, below_mark[3] if below_mark else None),
            (value, mark[3] if mark else None),
            rules_at(trie, key),
            (*path, key),
            findings,
        )
        if below_mark is not None and known < len(findings.diagnostics):
            _say_what_is_below(findings, known, (*path, key), below_mark)
        if merged is below:
            continue
        out[key] = merged
        kept = _mark_of_merged(merged, value, below_mark, mark)
        if kept is not None:
            out_marks[key] = (kept[0], kept[1], kept[2], inside)
        if not isinstance(merged, (dict, list)) and merged != below:
            findings.drop((*path, key), below_mark, "overridden")
    return out, out_marks


def _say_what_is_below(findings: Findings, known: int, path: Path, mark: Mark) -> None:
    for index, found in enumerate(findings.diagnostics[known:], start=known):
        if found.path == path:
            trail = (f"merged with {Location(*mark[:3])}", *found.trail)
            findings.diagnostics[index] = found._replace(trail=trail)


def _mark_of_merged(merged: Any, value: Any, below: Mark | None, over: Mark | None) -> Mark | None:
    """Point a replaced value at what replaced it, and a mapping or list at where it began."""
    return (over or below) if merged is value else (below or over)


def merge_entry(
    base: Placed, over: Placed, rule: tuple[Merger | None, Trie], path: Path, findings: Findings
) -> Placed:
    """Merge what one key holds, by its own rule or by the general one."""
    special, below = rule
    if special is not None:
        return special(base, over, below, path, findings)
    if over[0] is None:
        return base
    kind = type(base[0])
    if kind is not dict and kind is not list:
        return over
    if type(over[0]) is not kind:
        return _mismatch(base, over, path, findings)
    return merge_trees(base, over, below, path, findings) if kind is dict else _joined(base, over)


def _mismatch(base: Placed, over: Placed, path: Path, findings: Findings) -> Placed:
    findings.error(
        "C2F150",
        path,
        f"a {_kind(over[0])} cannot be merged with the {_kind(base[0])} that {'.'.join(map(str, path))} already is",
        f"write a {_kind(base[0])} here, too, or `{path[-1]}: !override ...` to replace it",
    )
    return base


def _kind(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "single value"


def _joined(base: Placed, over: Placed) -> Placed:
    first, second = base[0] or [], over[0] or []
    marks: Marks = dict(base[1] or {})
    for index, mark in (over[1] or {}).items():
        if isinstance(index, int):
            marks[index + len(first)] = mark
    return first + second, marks


# ---------------------------------------------------------------------------------------------------------
# Ways to merge (named in the table of rules)
# ---------------------------------------------------------------------------------------------------------


def replace(_base: Placed, over: Placed, _trie: Trie, _path: Path, _findings: Findings) -> Placed:
    """Take what is on top, null included."""
    return over


def append(base: Placed, over: Placed, _trie: Trie, _path: Path, _findings: Findings) -> Placed:
    """Read both as lists of `key=value` and join them."""
    return _joined(_sequence(base), _sequence(over))


def append_new(base: Placed, over: Placed, _trie: Trie, _path: Path, _findings: Findings) -> Placed:
    """Join both as lists, leaving out items of the upper one that the lower one has."""
    first, (second, marks) = _sequence(base), _sequence(over)
    present = {item for item in first[0] if isinstance(item, str)}
    kept = [i for i, item in enumerate(second) if not (isinstance(item, str) and item in present)]
    kept_marks: Marks = {n: marks[i] for n, i in enumerate(kept) if marks and i in marks}
    return _joined(first, ([second[i] for i in kept], kept_marks))


def merge_build(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge mappings, a string being the context."""
    return merge_trees(*_mappings(_as_build(base), _as_build(over), path, findings), trie, path, findings)


def merge_dependencies(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge mappings, a list's items being services to wait for until they have started."""
    keyed_ones = _mappings(_keyed(base, dependency), _keyed(over, dependency), path, findings)
    return merge_trees(*keyed_ones, trie, path, findings)


def merge_names(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge mappings, a list's items being names without settings."""
    keyed_ones = _mappings(_keyed(base, _no_settings), _keyed(over, _no_settings), path, findings)
    return merge_trees(*keyed_ones, trie, path, findings)


def merge_logging(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge options when the drivers agree or one is not given; else take what is on top."""
    if not isinstance(over[0], dict) or not isinstance(base[0], dict):
        return _mismatch(({}, None) if base[0] is None else base, over, path, findings)
    if "driver" in base[0] and "driver" in over[0] and base[0]["driver"] != over[0]["driver"]:
        return over
    return merge_trees(base, over, trie, path, findings)


def merge_address_pools(base: Placed, over: Placed, trie: Trie, path: Path, findings: Findings) -> Placed:
    """Merge pools of the same subnet; others are added.

    The order is Docker Compose's: for each pool below, the upper pools of other subnets come first.
    """
    if not isinstance(base[0], list) or not isinstance(over[0], list):
        return _mismatch(base, over, path, findings)
    pools: dict[Any, Placed] = {}
    for item, mark in _items(base):
        below: Placed = (item, mark[3] if mark else None)
        for over_item, over_mark in _items(over):
            above: Placed = (over_item, over_mark[3] if over_mark else None)
            subnet = _subnet(over_item)
            if subnet != _subnet(below[0]) and subnet not in pools:
                pools[subnet] = above
                continue
            below = merge_trees(below, above, trie, path, findings)
            pools[_subnet(below[0])] = below
    marks: Marks = dict(base[1] or {})
    return [pool for pool, _ in pools.values()], {i: marks[i] for i in marks if i in range(len(pools))}


def _mappings(base: Placed, over: Placed, path: Path, findings: Findings) -> tuple[Placed, Placed]:
    """Take what is no mapping for an empty one: Docker Compose does, without a word."""
    out = []
    for value, marks in (base, over):
        readable = value is None or isinstance(value, dict)
        if not readable:
            key = ".".join(map(str, path))
            findings.warn(
                "C2F150", path, f"{key}: {go_text(value)} is ignored, being neither a list nor a mapping"
            )
        out.append((value, marks) if readable else ({}, None))
    return out[0], out[1]


def _subnet(pool: Any) -> str:
    return go_text(pool.get("subnet") if isinstance(pool, dict) else None)


def _items(placed: Placed) -> list[tuple[Any, Mark | None]]:
    marks = placed[1] or {}
    return [(item, marks.get(i)) for i, item in enumerate(placed[0])]


def _as_build(placed: Placed) -> Placed:
    return ({"context": placed[0]}, None) if isinstance(placed[0], str) else placed


def _no_settings() -> None:
    return None


def _keyed(placed: Placed, default: Callable[[], Any]) -> Placed:
    return keyed(placed[0], placed[1], default) if isinstance(placed[0], list) else placed


def _sequence(placed: Placed) -> Placed:
    """Read a mapping as a sorted list of `key=value`, and a string as a list of one."""
    value, marks = placed
    if isinstance(value, dict):
        pairs: list[tuple[str, Mark | None]] = []
        for key, item in value.items():
            mark = marks.get(key) if marks else None
            texts = [key] if item is None else [f"{key}={go_text(x)}" for x in _several(item)]
            pairs.extend((text, mark) for text in texts)
        pairs.sort(key=lambda pair: pair[0])
        return [text for text, _ in pairs], {i: m for i, (_, m) in enumerate(pairs) if m is not None}
    if isinstance(value, list):
        return placed
    return ([] if value is None else [value]), None


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------------------------------------------------
# Entries that are given twice
# ---------------------------------------------------------------------------------------------------------


def unique(by: Indexer) -> Callable[[Any, Marks | None, Path, Findings], Placed]:
    """Make the step that keeps, of a list's items with the same index, the last one in the first one's place."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, list):
            return value, marks
        places: dict[Hashable, int] = {}
        for position, item in enumerate(value):
            try:
                places[by(item)] = position
            except BadSyntaxError as error:  # noqa: PERF203 - the error needs the position
                findings.error(
                    "C2F151", (*path, position), f"{'.'.join(map(str, path))}: {error}", error.hint
                )
                return value, marks
        if len(places) == len(value):
            return value, marks
        kept = list(places.values())
        for position in sorted(set(range(len(value))).difference(kept)):
            findings.drop((*path, position), marks.get(position) if marks else None, "given again below")
        return [value[i] for i in kept], {n: marks[i] for n, i in enumerate(kept) if marks and i in marks}

    return step


def by_key(item: Any) -> Hashable:
    """Tell `key=value` items apart by their keys."""
    if isinstance(item, str):
        return item.partition("=")[0]
    if isinstance(item, dict):  # whose value may be a credential
        name = next(iter(item), "NAME")
        raise BadSyntaxError("expected text, not a mapping", f"write `- {name}=value` with an equals sign")
    raise BadSyntaxError(f"expected text, not {go_text(item)}", f'put it into quotes: "{go_text(item)}"')


def by_target(item: Any) -> Hashable:
    """Tell mounts apart by their place in the container."""
    return str(parse_mount(item)["target"]) if isinstance(item, str) else _target(item, "mount")


def by_device(item: Any) -> Hashable:
    """Tell devices apart by their place in the container."""
    return item.split(":")[:2][-1] if isinstance(item, str) else _target(item, "device")


def _target(item: Any, kind: str) -> str:
    if not isinstance(item, dict):
        return ""
    target = item.get("target")
    if isinstance(target, str):
        return target
    raise BadSyntaxError(f"a {kind} needs a target", "add `target: /path/in/the/container`")


def by_text(item: Any) -> Hashable:
    """Tell ports of `expose` apart by their text."""
    if isinstance(item, str) or type(item) is int:
        return str(item)
    raise BadSyntaxError(f"expected a port, not {go_text(item)}", "")


def by_path(item: Any) -> Hashable:
    """Tell env files apart by their paths."""
    if not isinstance(item, dict):
        return item if isinstance(item, str) else ""
    path = item.get("path")
    if isinstance(path, str):
        return path
    raise BadSyntaxError("an env file needs a path", "add `path: ./file.env`")


def by_mount_below(folder: str) -> Indexer:
    """Tell secrets or configs apart by the file they become."""

    def index(item: Any) -> Hashable:
        if isinstance(item, str):
            return f"{folder}/{item}"
        if isinstance(item, dict):
            target = item.get("target")
            return target if isinstance(target, str) else f"{folder}/{item.get('source')}"
        raise BadSyntaxError(f"expected a name or a mapping, not {go_text(item)}", "")

    return index


def by_port(item: Any) -> Hashable:
    """Tell ports apart; `"80:80"` and `{target: 80, published: "80"}` only meet in canonical form."""
    if not isinstance(item, dict):
        return str(item) if isinstance(item, str) or type(item) is int else ""
    if "target" not in item:
        raise BadSyntaxError("a port needs a target", "add `target:` with the port inside the container")
    host, protocol = item.get("host_ip", "0.0.0.0"), item.get("protocol", "tcp")  # noqa: S104 - the default
    # Docker Compose prints the values to compare them, so 80 and "80" differ.
    parts = (host, item.get("published"), item["target"], protocol)
    return tuple((type(part), go_text(part)) for part in parts)


def enforce_unique(tree: Tree, marks: Marks, trie: Trie, findings: Findings) -> tuple[Tree, Marks]:
    """Remove what is given twice in the lists whose items name something."""
    result, result_marks = walk_tree(tree, marks, trie, (), findings)
    return result, result_marks or {}


# ---------------------------------------------------------------------------------------------------------
# !reset and !override
# ---------------------------------------------------------------------------------------------------------


def reset(
    tree: Tree, marks: Marks | None, resets: tuple[Path, ...], findings: Findings
) -> tuple[Tree, Marks]:
    """Remove what is at the paths that a later file tagged `!reset` or `!override`."""
    for path in resets:
        tree, marks = _without(tree, marks or {}, path, (), findings)
    return tree, marks or {}


def _without(tree: Tree, marks: Marks, pattern: Path, path: Path, findings: Findings) -> tuple[Tree, Marks]:
    if not pattern:
        return tree, marks
    head, rest = pattern[0], pattern[1:]
    for key in [k for k in tree if head in ("*", k)]:
        if not rest:
            findings.drop((*path, key), marks.get(key), "reset by a later file")
            tree = {k: v for k, v in tree.items() if k != key}
            marks = {k: m for k, m in marks.items() if k != key}
        elif isinstance(tree[key], dict):
            mark = marks.get(key)
            inner, inside = _without(
                tree[key], (mark[3] if mark else None) or {}, rest, (*path, key), findings
            )
            if inner is not tree[key]:
                tree = {**tree, key: inner}
                marks = {**marks, key: (mark[0], mark[1], mark[2], inside)} if mark else marks
    return tree, marks
