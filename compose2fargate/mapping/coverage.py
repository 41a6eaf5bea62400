"""What becomes of every key of a compose file: the table, and the accounting that uses it.

A row stands for its key and everything below it, unless a longer row says more. A row whose outcome
depends on the value has a rule in `DECIDED`. The rows that the mapping modules carry out have no message
here: those modules report the particulars themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.diagnostics import Diagnostic, Location, Path, Severity
from compose2fargate.diagnostics.harm import EXPOSES
from compose2fargate.mapping.coverage_table import (
    ELSEWHERE,
    EXTENSION,
    ROWS,
    CoverageRow,
    KeyOutcome,
    lost,
    mapped,
    near,
    refused,
)
from compose2fargate.records import NamedTuple


class AccountedKey(NamedTuple):
    """One key of the user's files, and what became of it."""

    path: Path
    location: Location | None
    row: CoverageRow


_FINE = mapped("what Fargate does anyway")


def _only(*harmless: object) -> Callable[[Any, CoverageRow], CoverageRow]:
    """The row does not apply to the values that ask for nothing special."""
    return lambda value, row: _FINE if value in harmless else row


def _network_mode(value: Any, row: CoverageRow) -> CoverageRow:
    if value in ("bridge", "default"):
        return _FINE
    if value == "none":
        return refused(
            "C2F281", "a Fargate task always has a network interface", "close its security group instead"
        )
    if value == "host":
        return lost(
            "all ports of the container are on the task's own address; no other service is at localhost",
            "reach other services by their names",
            f"{DOCS}/task-networking-awsvpc.html",
        )
    return row


def _mode(value: Any, row: CoverageRow) -> CoverageRow:
    if value == "global":
        return near(
            "runs one task, not one on each node: Fargate has no nodes",
            "write deploy: {replicas: N}, or run what each node needs as a sidecar (x-fargate.sidecar_of)",
            say=Severity.WARNING,
            url=f"{DOCS}/service-types-fargate.html",
        )
    return row


def _restart(value: Any, row: CoverageRow) -> CoverageRow:
    if value in ("always", "unless-stopped", "any"):
        return mapped("an ECS service replaces every task that ends")
    return row


def _pid(value: Any, row: CoverageRow) -> CoverageRow:
    if value == "host":
        return refused("C2F282", "a container cannot see the processes of its host", ELSEWHERE)
    return row


def _network_driver(value: Any, row: CoverageRow) -> CoverageRow:
    """`host` and `none` are no networks that a group could stand for; macvlan and ipvlan promise addresses outside."""
    if value in ("macvlan", "ipvlan"):
        return lost(
            f"a task has an address of its subnet, not one in a {value} network",
            "choose the subnets with --subnet subnet-…",
            f"{DOCS}/fargate-task-networking.html",
        )
    return row


def _extra_hosts(value: Any, row: CoverageRow) -> CoverageRow:
    """Docker's name for the machine it runs on has no counterpart; a list item is `name=address` here."""
    hosts = [str(item) for item in value] if isinstance(value, list) else list(value or ())
    if any("host-gateway" in host or host.startswith("host.docker.internal") for host in hosts):
        return lost(
            "a Fargate task has no host whose address host-gateway could be",
            "call what runs there by its name in the VPC, or run it as a sidecar and use localhost",
        )
    return row


DECIDED: Mapping[str, Callable[[Any, CoverageRow], CoverageRow]] = {
    "services.*.cap_add": _only([]),
    "networks.*.driver": _network_driver,
    "networks.*.enable_ipv6": _only(False),
    "networks.*.external": _only(False),
    "networks.*.internal": _only(False),
    "services.*.extra_hosts": _extra_hosts,
    "services.*.ipc": _only("private", "none", ""),
    "services.*.network_mode": _network_mode,
    "services.*.pid": _pid,
    "services.*.pre_start.*.privileged": _only(False),
    "services.*.privileged": _only(False),
    "services.*.deploy.mode": _mode,
    "services.*.restart": _restart,
    "services.*.deploy.restart_policy.condition": _restart,
    "services.*.runtime": _only("runc", ""),
    "services.*.security_opt": _only([]),
    "services.*.stop_signal": _only("SIGTERM", "TERM", "15"),
    "services.*.use_api_socket": _only(False),
    "services.*.oom_kill_disable": _only(False),
    "volumes.*.driver": _only("local"),
}


class _Node(NamedTuple):
    """A step of the patterns of `ROWS`: the row and the rule of the pattern that ends here, and the steps below.

    `silent` are the steps of which nothing is to be said, nor of what is below them.
    """

    row: CoverageRow | None
    decide: Callable[[Any, CoverageRow], CoverageRow] | None
    takes_any: bool
    children: Mapping[str | int, _Node]
    silent: frozenset[str | int]

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say, here or below."""
        says = self.decide is not None or (self.row is not None and self.row.severity is not None)
        return not says and len(self.silent) == len(self.children)


@lru_cache(maxsize=1)
def _trie() -> _Node:
    tree: dict[str, Any] = {}
    for pattern in ROWS:
        node = tree
        for part in pattern.split("."):
            node = node.setdefault(part, {})
    return _node("", tree)


def _node(pattern: str, below: Mapping[str, Any]) -> _Node:
    prefix = f"{pattern}." if pattern else ""
    children: dict[str | int, _Node] = {part: _node(prefix + part, inner) for part, inner in below.items()}
    silent = frozenset(part for part, child in children.items() if child.row is not None and child.is_silent)
    return _Node(ROWS.get(pattern), DECIDED.get(pattern), pattern.endswith("*"), children, silent)


def account_for_keys(
    tree: Mapping[str, Any], marks: Marks, outcomes: Mapping[Path, CoverageRow]
) -> list[AccountedKey]:
    """Give what becomes of each key that the user wrote, in the order of the canonical tree.

    Only keys with a mark of their own count: the rest are defaults that the loader filled in, or parts of
    a short form that its key answers for.

    Args:
        tree: The canonical tree.
        marks: Where its keys were written.
        outcomes: What became of a key, where that is not what its row says.
    """
    walk = _Walk(outcomes, complete=True)
    walk.account(tree, marks, _trie(), None, (), {})
    return walk.found


def coverage_findings(
    tree: Mapping[str, Any], marks: Marks, outcomes: Mapping[Path, CoverageRow]
) -> Iterator[Diagnostic]:
    """Yield the diagnostics about what `account` gives; what has nothing to say is not even looked at."""
    walk = _Walk(outcomes, complete=False)
    decided: dict[str | int, Any] = {}
    for path in outcomes:
        inside = decided
        for step in path:
            inside = inside.setdefault(step, {})
    walk.account(tree, marks, _trie(), None, (), decided)
    return (diagnostic for diagnostic in map(_finding, walk.found) if diagnostic)


class _Walk:
    """One walk over a tree: whether it takes in what has nothing to say, and what it found."""

    def __init__(self, outcomes: Mapping[Path, CoverageRow], *, complete: bool) -> None:
        self.outcomes = outcomes
        self.complete = complete
        self.found: list[AccountedKey] = []

    def account(
        self,
        value: Any,
        marks: Marks,
        node: _Node,
        row: CoverageRow | None,
        path: Path,
        decided: Mapping[str | int, Any],
    ) -> bool:
        """Account for what is in `value`; tell whether there was anything to account for.

        `decided` are the steps below which there are outcomes.
        """
        before = len(self.found)
        is_skipped = False
        silent, children = () if self.complete else node.silent, node.children
        items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
        for key, item in items:
            mark = marks.get(key)
            if mark is None:
                continue
            if key in silent and key not in decided:
                is_skipped = True
                continue
            child = children.get(key) or children.get("*")
            own = _row(child, item, row)
            if (child is None or child.takes_any) and _is_extension(key):
                own, child = EXTENSION, None
            at, inside = (*path, key), mark[3]
            below = child if inside and child and child.children else None
            if below and self.account(item, inside or {}, below, own, at, decided.get(key, {})):
                continue
            if own is not None:
                place = Location(mark[0], mark[1], mark[2])
                self.found.append(AccountedKey(at, place, self.outcomes.get(at, own)))
        return is_skipped or len(self.found) > before


def _row(node: _Node | None, value: Any, inherited: CoverageRow | None) -> CoverageRow | None:
    if node is None:
        return inherited
    row = node.row or inherited
    return node.decide(value, row) if node.decide and row else row


def _is_extension(key: str | int) -> bool:
    return isinstance(key, str) and key.startswith("x-")


_READ = frozenset({"include", "extends", "env_file", "label_file"})
"""Keys that the loader carries out itself, and that are gone from the canonical tree for that reason."""


def consumed_outcome(path: Path, location: Location | None, reason: str) -> AccountedKey:
    """Say what became of a key that reading the files used up, overrode or left out."""
    key = str(path[-1])
    row = ROWS.get(key if len(path) == 1 else f"services.*.{key}") if key in _READ else None
    return AccountedKey(path, location, row or CoverageRow(KeyOutcome.IGNORED, reason))


def _finding(accounted: AccountedKey) -> Diagnostic | None:
    """Give the diagnostic about an accounted key, or None where there is nothing to say."""
    row = accounted.row
    if row.severity is None:
        return None
    return Diagnostic(
        row.code,
        row.severity,
        f"{_key(accounted.path)}: {row.what}",
        accounted.path,
        accounted.location,
        _ways_out(accounted.path, row),
        row.url,
    )


def _ways_out(path: Path, row: CoverageRow) -> str:
    """What to do, and for a refusal always how to go on without it."""
    if row.outcome is not KeyOutcome.REFUSED or "--allow" in row.hint:
        return row.hint
    without = f"; or leave the service out: --without {path[1]}" if path[0] == "services" else ""
    return f"{row.hint}{without}; or ignore this key: --allow {row.code}"


def _key(path: Path) -> str:
    """The key as a reader names it: `deploy.rollback_config`, `volumes[2]`, `networks.front.aliases`."""
    parts = path[2:] if path[0] == "services" else path
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def of_these_values(
    accounted: Iterable[AccountedKey], diagnostics: Iterable[Diagnostic]
) -> Iterator[AccountedKey]:
    """Say of each key what became of the value that it has here, where a finding is about just that.

    A warning about a key makes it approximated, unless it says that somebody may read or reach it: `interval: 2s` is not
    2 seconds on ECS, and a password in plain text is there as it was written.
    """
    found: dict[Path, Diagnostic] = {}
    for one in diagnostics:
        counts = one.severity is not Severity.INFO or one.code in _ABOUT_DATA
        if one.path and counts and one.code not in EXPOSES:
            found.setdefault(one.path, one)
    for key in accounted:
        about = found.get(key.path)
        yield key if about is None else key._replace(row=_row_of(key.row, about))


_ABOUT_DATA = frozenset({"C2F276", "C2F277"})
"""Notes that say of a volume what its data is in for."""


def _row_of(row: CoverageRow, found: Diagnostic) -> CoverageRow:
    if found.code in _ABOUT_DATA:
        return row._replace(
            what=f"{row.what}; {found.message}", hint=found.hint, code=found.code, url=found.url
        )
    if row.outcome is not KeyOutcome.MAPPED:
        return row
    outcome = KeyOutcome.REFUSED if found.severity is Severity.ERROR else KeyOutcome.APPROXIMATED
    return CoverageRow(outcome, found.message, found.hint, None, found.code, found.url)
