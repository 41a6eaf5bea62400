"""What a check of one folder found, and the same as diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.sync.causes import Cause, Kind
from compose2fargate.sync.compare import FINE, Change, FileState, State

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

    @property
    def different(self) -> tuple[FileState, ...]:
        """The files that do not agree with the compose file."""
        return tuple(file for file in self.files if file.state not in FINE)

    @property
    def status(self) -> int:
        """The exit code that this folder asks for."""
        if self.fixed:
            return OUT_OF_SYNC if self.problems else IN_SYNC
        if any(file.state in _BROKEN for file in self.files) or any(
            d.code not in DRIFT for d in self.problems
        ):
            return BROKEN
        return OUT_OF_SYNC if self.different or self.problems else IN_SYNC


DRIFT = frozenset({"C2F334", "C2F335", "C2F336"})
"""Codes of what differs in the account, which is a finding and no fault of the input."""

_BROKEN = frozenset({State.MISSING, State.FOREIGN})


def diagnostics(state: FolderState) -> Iterator[Diagnostic]:
    """Give everything that was found in a folder, one diagnostic for each."""
    yield from state.problems
    for file in state.files:
        if file.state not in FINE:
            yield from _of_file(state, file)
    yield from state.notes


def _of_file(state: FolderState, file: FileState) -> Iterator[Diagnostic]:
    path = f"{state.folder}/{file.path}"
    if file.state is State.MISSING:
        hint = f"write it again: compose2fargate check --fix {state.folder}"
        yield Diagnostic(
            "C2F322",
            Severity.ERROR,
            f"{path} is missing",
            (),
            Location(f"{state.folder}/compose2fargate.json", 1, 1),
            hint,
        )
    elif file.state is State.FOREIGN:
        hint = f"move it away, then: compose2fargate check --fix {state.folder}"
        message = f"{path} stands where a generated file belongs, and is not ours"
        yield Diagnostic("C2F323", Severity.ERROR, message, (), Location(path, 1, 1), hint)
    for change in file.changes:
        yield _of_change(state, file, change)


_CODES = {
    Kind.COMPOSE: "C2F320",
    Kind.EDITED: "C2F321",
    Kind.VERSION: "C2F324",
    Kind.VARIABLE: "C2F325",
    Kind.INPUT: "C2F326",
    Kind.UNKNOWN: "C2F332",
}


def _of_change(state: FolderState, file: FileState, change: Change) -> Diagnostic:
    kind = change.cause.kind
    path = f"{state.folder}/{file.path}"
    in_file = Location(path, max(change.line, 1), 1)
    location = in_file if kind is Kind.EDITED else change.cause.location or in_file
    message = f"{what(file, change)}, in {path} ({why(change.cause, change)})"
    return Diagnostic(_CODES[kind], Severity.ERROR, message, (), location, way_out(kind, state.folder))


def what(file: FileState, change: Change) -> str:
    """Say what differs: `web: memory 512 -> 1024`."""
    subject = f"{change.service}: " if change.service else ""
    if not change.field:
        return f"{subject}{file.path} {'is to be written' if file.state is State.NEW else 'is no longer generated'}"
    if change.old is None:
        return f"{subject}{change.field} added: {change.new}"
    if change.new is None:
        return f"{subject}{change.field} removed (was {change.old})"
    if change.old == change.new:
        return f"{subject}{change.field} changed"
    return f"{subject}{change.field} {change.old} -> {change.new}"


def why(cause: Cause, change: Change) -> str:
    """Say what made it differ, in a few words."""
    place = f"{cause.location.file}:{cause.location.line}" if cause.location else ""
    if cause.kind is Kind.COMPOSE:
        return place or cause.name or "compose changed"
    if cause.kind is Kind.EDITED:
        says = change.old if change.old is not None else "nothing of it"
        return f"edited by hand; {place} says {says}" if place else f"edited by hand; {says} is generated"
    if cause.kind is Kind.VARIABLE:
        names = (
            f"the variable {cause.name} has" if ", " not in cause.name else f"the variables {cause.name} have"
        )
        return f"{names} another value here than when the files were written" + (
            f", {place}" if place else ""
        )
    if cause.kind is Kind.INPUT:
        return f"{place or cause.name} changed"
    if cause.kind is Kind.VERSION:
        return f"written by compose2fargate {cause.name}"
    return "no cause found in compose file, variables or version"


def way_out(kind: Kind, folder: str) -> str:
    """Say what to do about a cause."""
    again = f"compose2fargate check --fix {folder}"
    return {
        Kind.EDITED: f"put it into the compose file (x-fargate.patch takes any field), or undo it: {again} --force",
        Kind.VARIABLE: f"set it as it was when the files were written, or, when it is meant to differ, take it over: {again}",
    }.get(kind, f"generate again: {again}")
