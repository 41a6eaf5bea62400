"""`extends`: a service starts from another one, of the same file or of another.

Docker Compose resolves it in each document on its own, before files are merged:
https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extends
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose2fargate.compose.merge import merge_trees, reset
from compose2fargate.compose.passes import DroppedKey, Findings, Placed, Tree, Trie, marks_of, rules_at
from compose2fargate.compose.rules import merge_rules
from compose2fargate.compose.sources.source_files import Marks, locate
from compose2fargate.diagnostics import Location, Path
from compose2fargate.records import NamedTuple

MAX_CHAIN = 100
"""How many services may extend each other in a row."""


class ServiceSource(NamedTuple):
    """The services of one document or of one extended file.

    Attributes:
        file: The file's name in messages.
        tree: The services by name, interpolated.
        marks: The places of their keys.
        resets: What the file tags `!reset` or `!override`.
    """

    file: str
    tree: Tree
    marks: Marks
    resets: tuple[Path, ...]


class ExtendsReference(NamedTuple):
    """What one `extends` says, and where."""

    service: str
    file: str | None
    path: Path
    location: Location | None


Opener = Callable[[ExtendsReference], "ServiceSource | None"]
"""Reads the file that a reference names; None when it cannot (then it has been reported)."""


class Extender:
    """Resolves the `extends` of one document.

    Args:
        main: The document's services.
        open_file: Reads another file.
        findings: Where problems go; its marks are those of the document.
    """

    def __init__(self, main: ServiceSource, open_file: Opener, findings: Findings) -> None:
        self._main = main
        self._open = open_file
        self._findings = findings
        self._files: dict[str, ServiceSource | None] = {}
        self._done: dict[tuple[bool, str, str], Placed] = {}

    def resolve(self) -> tuple[Tree, Marks]:
        """Give the document's services, each merged over what it extends."""
        tree, marks = dict(self._main.tree), dict(self._main.marks)
        for name, service in self._main.tree.items():
            if not isinstance(service, dict) or "extends" not in service:
                continue
            tree[name], inside = self._service(self._main, name, ())
            if name in marks:
                file, line, column, _ = marks[name]
                marks[name] = (file, line, column, inside)
        return tree, marks

    def _service(self, scope: ServiceSource, name: str, chain: tuple[tuple[str, str], ...]) -> Placed:
        # A document that extends its own file by name reads it anew, whole and without what is merged over it.
        key = (scope is self._main, scope.file, name)
        if key not in self._done:
            # Set before it is known, so that a service in a cycle is reported once.
            self._done[key] = (scope.tree[name], marks_of(scope.marks, name))
            self._done[key] = self._extended(scope, name, chain)
        return self._done[key]

    def _extended(self, scope: ServiceSource, name: str, chain: tuple[tuple[str, str], ...]) -> Placed:
        service, marks = scope.tree[name], marks_of(scope.marks, name)
        if service is None:
            return None, None
        if not isinstance(service, dict):
            self._error(scope, ("services", name), f"services.{name} must be a mapping")
            return service, marks
        reference = self._reference(scope, name, service) if "extends" in service else None
        target = self._target(scope, name, reference) if reference else None
        if reference is None or target is None:
            return service, marks
        if self._endless(scope, (*chain, (scope.file, name)), (target.file, reference.service), reference):
            return service, marks
        base, base_marks = self._service(target, reference.service, (*chain, (scope.file, name)))
        if not isinstance(base, dict):
            return service, marks
        return self._merged(scope, target, name, (base, base_marks), (service, marks))

    def _merged(
        self, scope: ServiceSource, target: ServiceSource, name: str, base: Placed, service: Placed
    ) -> Placed:
        resets = (*self._main.resets, *scope.resets, *target.resets)
        base_tree, base_marks = base
        wanted = [
            path[2:] for path in dict.fromkeys(resets) if path[:1] == ("services",) and name in path[1:2]
        ]
        if wanted:
            found = Findings(self._findings.dialect)
            below = base_marks
            base_tree, base_marks = reset(base_tree, base_marks, tuple(wanted), found)
            for path, place, reason in found.dropped:
                at: Path = ("services", name, *path)
                self._findings.dropped.append(DroppedKey(at, place, reason))
                for key, inner in (marks_of(below, path[0]) or {}).items():  # which may be of several files
                    self._findings.drop((*at, key), inner, reason)
        merged, marks = merge_trees(
            (base_tree, base_marks), service, _service_rules(), ("services", name), self._findings
        )
        mark = (marks or {}).get("extends")
        self._findings.drop(("services", name, "extends"), mark, "its service is merged in")
        return (
            {key: value for key, value in merged.items() if key != "extends"},
            {key: mark for key, mark in (marks or {}).items() if key != "extends"},
        )

    def _reference(self, scope: ServiceSource, name: str, service: Tree) -> ExtendsReference | None:
        given = service["extends"]
        path: Path = ("services", name, "extends")
        at = self._place(scope, path)
        if isinstance(given, str):
            return ExtendsReference(given, None, path, at)
        if not isinstance(given, dict) or not isinstance(given.get("service"), str):
            self._error(
                scope, path, f"services.{name}.extends names no service", "write `extends: {service: other}`"
            )
            return None
        file = given.get("file")
        if file is not None and not isinstance(file, str):
            self._error(scope, (*path, "file"), f"services.{name}.extends.file must be a path")
            return None
        return ExtendsReference(given["service"], file, path if file is None else (*path, "file"), at)

    def _target(self, scope: ServiceSource, name: str, reference: ExtendsReference) -> ServiceSource | None:
        target: ServiceSource | None = scope
        if reference.file is not None:
            if reference.file not in self._files:
                self._files[reference.file] = self._open(reference)
            target = self._files[reference.file]
        if target is not None and reference.service not in target.tree:
            where = f" in {target.file}"
            hint = f"services there: {', '.join(sorted(target.tree))}" if target.tree else ""
            self._error(
                scope,
                reference.path,
                f"services.{name} extends {reference.service!r}, which is not{where}",
                hint,
            )
            return None
        return target

    def _endless(
        self,
        scope: ServiceSource,
        chain: tuple[tuple[str, str], ...],
        following: tuple[str, str],
        reference: ExtendsReference,
    ) -> bool:
        if following not in chain and len(chain) < MAX_CHAIN:
            return False
        shown = [*chain, following]
        if following in chain:
            shown = [*chain[chain.index(following) :], following]
            problem = "extends itself"
        else:
            problem = f"is at the end of more than {MAX_CHAIN} services that extend each other"
            shown = shown[-5:]
        steps = " -> ".join(f"{service} ({file})" for file, service in shown)
        self._error(
            scope, reference.path, f"services.{shown[-1][1]} {problem}: {steps}", "remove one `extends`"
        )
        return True

    def _place(self, scope: ServiceSource, path: Path) -> Location | None:
        return locate(scope.marks, path[1:])

    def _error(self, scope: ServiceSource, path: Path, message: str, hint: str = "") -> None:
        self._findings.error("C2F157", path, message, hint)
        place = self._place(scope, path)
        if place is not None:
            self._findings.diagnostics[-1] = self._findings.diagnostics[-1]._replace(location=place)


def _service_rules() -> Trie:
    return rules_at(rules_at(merge_rules(), "services")[1], "*")[1]


def extends_anything(services: Any) -> bool:
    """Tell whether any service has `extends`."""
    return any(isinstance(service, dict) and "extends" in service for service in services.values())
