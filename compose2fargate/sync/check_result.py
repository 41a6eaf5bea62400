"""What a check of one folder found, and the same as diagnostics."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.records import NamedTuple
from compose2fargate.sync.change_causes import Cause, CauseKind
from compose2fargate.sync.comparison import FINE, FieldChange, FileState, FileStatus
from compose2fargate.sync.manifest import Manifest

IN_SYNC, OUT_OF_SYNC, BROKEN = 0, 1, 2
"""Exit codes: what a folder's state means for the run."""


class FolderState(NamedTuple):
    """One folder.

    Attributes:
        folder: Its path, as it was given or found.
        target: The emitter; "" when the manifest could not be read.
        project: The compose project.
        environment: The environment of its names; "" for none.
        version: The version that wrote it.
        files: The state of each of its files.
        problems: Why it could not be compared; or drift in the account.
        notes: What is worth knowing, and nothing to act on.
        variables: Variables that have another value here.
        fixed: Whether `--fix` brought it up to date.
        live: Whether the account was looked at, too.
        recorded: The manifest; None when it could not be read.
        made_from: The project as it is translated now, for whoever judges it; None when it cannot be.
        verdict: What there is to know of the stack, as plain values; empty where nobody judged it.
    """

    folder: str
    target: str = ""
    project: str = ""
    environment: str = ""
    version: str = ""
    files: tuple[FileState, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    notes: tuple[Diagnostic, ...] = ()
    variables: tuple[str, ...] = ()
    fixed: bool = False
    live: bool = False
    recorded: Manifest | None = None
    made_from: object = None
    verdict: Mapping[str, Any] = {}

    @property
    def different(self) -> tuple[FileState, ...]:
        """The files that do not agree with the compose file."""
        return tuple(file for file in self.files if file.state not in FINE)

    @property
    def replaces_edits(self) -> bool:
        """Whether writing the folder anew would replace what somebody else wrote, which takes `--force`."""
        return any(file.state in (FileStatus.EDITED, FileStatus.FOREIGN) for file in self.files)

    @property
    def status(self) -> int:
        """The exit code that this folder asks for."""
        if self.fixed:
            return OUT_OF_SYNC if self.problems else IN_SYNC
        if any(file.state is FileStatus.FOREIGN for file in self.files) or any(
            d.code not in DRIFT for d in self.problems
        ):
            return BROKEN
        return OUT_OF_SYNC if self.different or self.problems else IN_SYNC


DRIFT = frozenset({"C2F334", "C2F335", "C2F336"})
"""Codes of what differs in the account, which is a finding and no fault of the input."""


def check_diagnostics(state: FolderState) -> Iterator[Diagnostic]:
    """Give everything that was found in a folder, one diagnostic for each."""
    yield from state.problems
    for file in state.files:
        if file.state not in FINE:
            yield from _of_file(state, file)
    yield from state.notes


def _of_file(state: FolderState, file: FileState) -> Iterator[Diagnostic]:
    path = f"{state.folder}/{file.path}"
    if file.state is FileStatus.MISSING:
        hint = f"write it again: compose2fargate check --fix {shlex.quote(state.folder)}"
        yield Diagnostic(
            "C2F322",
            Severity.ERROR,
            f"{path} is missing",
            (),
            Location(f"{state.folder}/compose2fargate.json", 1, 1),
            hint,
        )
    elif file.state is FileStatus.FOREIGN:
        hint = f"move it away, then: compose2fargate check --fix {shlex.quote(state.folder)}"
        message = f"{path} is in the place of a generated file, and compose2fargate did not write it"
        yield Diagnostic("C2F323", Severity.ERROR, message, (), Location(path, 1, 1), hint)
    for change in file.changes:
        yield _of_change(state, file, change)


_CODES = {
    CauseKind.COMPOSE: "C2F320",
    CauseKind.EDITED: "C2F321",
    CauseKind.VERSION: "C2F324",
    CauseKind.VARIABLE: "C2F325",
    CauseKind.INPUT: "C2F326",
    CauseKind.UNKNOWN: "C2F332",
}


def _of_change(state: FolderState, file: FileState, change: FieldChange) -> Diagnostic:
    kind = change.cause.kind
    path = f"{state.folder}/{file.path}"
    in_file = Location(path, max(change.line, 1), 1)
    location = in_file if kind is CauseKind.EDITED else change.cause.location or in_file
    message = f"{what_differs(file, change)}, in {path} ({why_it_differs(change.cause, change)})"
    return Diagnostic(_CODES[kind], Severity.ERROR, message, (), location, _fix_hint(kind, state.folder))


def what_differs(file: FileState, change: FieldChange) -> str:
    """Say what differs: `web: memory 512 -> 1024`."""
    subject = f"{change.service}: " if change.service else ""
    if not change.field:
        return f"{subject}{file.path} {'is to be written' if file.state is FileStatus.NEW else 'is no longer generated'}"
    if change.old is None:
        return f"{subject}{change.field} added: {change.new}"
    if change.new is None:
        return f"{subject}{change.field} removed (was {change.old})"
    if change.old == change.new:
        return f"{subject}{change.field} changed"
    return f"{subject}{change.field} {change.old} -> {change.new}"


def why_it_differs(cause: Cause, change: FieldChange) -> str:
    """Say what made it differ, in a few words."""
    place = f"{cause.location.file}:{cause.location.line}" if cause.location else ""
    if cause.kind is CauseKind.COMPOSE:
        return place or cause.name or "compose changed"
    if cause.kind is CauseKind.EDITED:
        says = change.old if change.old is not None else "nothing of it"
        return f"edited by hand; {place} says {says}" if place else f"edited by hand; {says} is generated"
    if cause.kind is CauseKind.VARIABLE:
        names = (
            f"the variable {cause.name} has" if ", " not in cause.name else f"the variables {cause.name} have"
        )
        return f"{names} another value here than when the files were written" + (
            f", {place}" if place else ""
        )
    if cause.kind is CauseKind.INPUT:
        return f"{place or cause.name} changed"
    if cause.kind is CauseKind.VERSION:
        return f"written by compose2fargate {cause.name}"
    return "no cause found in compose file, variables or version"


def _fix_hint(kind: CauseKind, folder: str) -> str:
    """Say what to do about a cause."""
    again = f"compose2fargate check --fix {shlex.quote(folder)}"
    return {
        CauseKind.EDITED: f"move the edit to the compose file (x-fargate.patch takes any field), or undo it: {again} --force",
        CauseKind.VARIABLE: f"set it as it was when the files were written, or accept the new value: {again}",
    }.get(kind, f"generate again: {again}")
