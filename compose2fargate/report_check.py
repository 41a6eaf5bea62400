"""What `check` found, in every format that it prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.sync.causes import Kind
from compose2fargate.sync.compare import FINE, MASK, FileState, State, is_credential
from compose2fargate.sync.result import IN_SYNC, FolderState, diagnostics, what, why

_DIFF_LINES: Final = 60
"""How many lines of a file's diff are shown; the rest is counted."""

_FILES: Final = 20
_CHANGES: Final = 12


def as_text(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:
    """Write for people: a line for each folder and file, what changed and why, then the differences."""
    blocks = ["\n".join(_folder(state, quiet=quiet)) for state in states]
    blocks = [block for block in blocks if block]
    if diffs:
        blocks += ["\n".join(lines) for state in states if not state.fixed for lines in _diffs(state)]
    blocks += ["\n".join(lines) for lines in (_advice(states),) if lines]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _folder(state: FolderState, *, quiet: bool) -> Iterator[str]:
    made = ", ".join(
        filter(None, (state.target, f"project {state.project}" if state.project else "", state.environment))
    )
    if state.problems:
        yield f"{state.folder}: {'the account differs' if state.live else 'cannot be checked'}{f' ({made})' if made else ''}"
        for problem in state.problems:
            yield f"  {problem.code}: {problem.message}" + (
                f" ({problem.location})" if problem.location else ""
            )
            if problem.hint:
                yield from (f"    {line}" for line in problem.hint.splitlines())
    if state.fixed:
        yield f"{state.folder}: brought up to date ({_count(len(state.different), 'file')} differed; {made})"
    elif state.status == IN_SYNC:
        if not quiet:
            account = ", and with the account" if state.live else ""
            yield f"{state.folder}: in sync{account} ({_count(len(state.files), 'file')}; {made})"
    elif state.different:
        yield f"{state.folder}: out of sync ({len(state.different)} of {_count(len(state.files), 'file')}; {made})"
    if not state.fixed:
        yield from _files(state)
        if not quiet or state.status != IN_SYNC:
            yield from (f"  note: {note.message}" for note in state.notes)


def _files(state: FolderState) -> Iterator[str]:
    for file in state.different[:_FILES]:
        yield f"  {file.path}: {file.state.value}"
        for change in file.changes[:_CHANGES]:
            yield f"    {what(file, change)} ({why(change.cause, change)})"
        if len(file.changes) > _CHANGES:
            yield f"    and {len(file.changes) - _CHANGES} more fields"
    if len(state.different) > _FILES:
        yield f"  and {len(state.different) - _FILES} more files"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _diffs(state: FolderState) -> Iterator[list[str]]:
    for file in state.different[:_FILES]:
        if file.state in (State.OUTDATED, State.EDITED):
            lines = diff(file, state.folder)
            more = len(lines) - _DIFF_LINES
            yield lines if more <= 0 else [*lines[:_DIFF_LINES], f"… {more} more lines"]


def diff(file: FileState, folder: str) -> list[str]:
    """Give the unified diff from the file on disk to what is generated now; credentials are masked."""
    from difflib import unified_diff

    path = f"{folder}/{file.path}"
    old, new = (file.old or "").split("\n"), (file.new or "").split("\n")
    return list(_without_credentials(unified_diff(old, new, path, f"{path} (generated now)", lineterm="")))


_NAME: Final = r"""(?i)["']?\bname["']?\s*[:=]\s*["']?(?P<name>[\w.-]+)"""
_VALUE: Final = r"""(?i)(?P<before>["']?\bvalue["']?\s*[:=]\s*)(?P<value>.+?)(?P<after>["'\s,}\]]*)$"""
_PAIR: Final = r"""^(?P<before>[ +-]\s*(?:-\s)?["']?(?P<name>[\w.-]+)["']?\s*[:=]\s*)(?P<value>["']?[^\s{\[].*?)(?P<after>,?)$"""
_URL: Final = r"(://[^\s/:@]*:)[^\s/@]+(?=@)"


def _without_credentials(lines: Iterator[str]) -> Iterator[str]:
    """Mask the values of credentials; a value is one when the name before it, or on its line, says so."""
    named = ""
    for line in lines:
        name = re.search(_NAME, line)
        named = name["name"] if name else named
        masked = line
        value = re.search(_VALUE, line)
        pair = re.match(_PAIR, line)
        if value and is_credential(named):
            masked = f"{line[: value.start()]}{value['before']}{MASK}"
        elif pair and is_credential(pair["name"]):
            masked = f"{pair['before']}{MASK}{pair['after']}"
        yield re.sub(_URL, rf"\1{MASK}", masked)


def _advice(states: Sequence[FolderState]) -> list[str]:
    stale = [state.folder for state in states if not state.fixed and state.different]
    if not stale:
        return []
    again = f"compose2fargate check --fix {' '.join(stale)}"
    files = [file for state in states if not state.fixed for file in state.different]
    causes = [change.cause for file in files for change in file.changes]
    if (
        causes
        and all(cause.kind is Kind.VARIABLE for cause in causes)
        and all(file.changes for file in files)
    ):
        names = ", ".join(dict.fromkeys(cause.name for cause in causes))
        return [f"Set {names} as when the files were written, or take the new value over: {again}"]
    if any(file.state in (State.EDITED, State.FOREIGN) for file in files):
        keep = "To keep an edit, put it into the compose file: x-fargate.patch takes any field."
        return [keep, f"To undo it, generate again with: {again} --force"]
    return [f"Generate again with: {again}"]


def as_json(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - one shape
    """Write everything that was found as one JSON document."""
    document = {
        "in_sync": all(state.status == IN_SYNC for state in states),
        "folders": [_as_dict(state, diffs=diffs) for state in states],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_dict(state: FolderState, *, diffs: bool) -> dict[str, Any]:
    from compose2fargate.report import as_dict

    return {
        "folder": state.folder,
        "status": _STATUS[state.status],
        "fixed": state.fixed,
        "target": state.target,
        "project": state.project,
        "environment": state.environment,
        "version": state.version,
        "variables": list(state.variables),
        "files": [_file_as_dict(state, file, diffs=diffs) for file in state.files],
        "diagnostics": [as_dict(d) for d in diagnostics(state)],
    }


_STATUS: Final[Mapping[int, str]] = {0: "in sync", 1: "out of sync", 2: "broken"}


def _file_as_dict(state: FolderState, file: FileState, *, diffs: bool) -> dict[str, Any]:
    changes = [
        {
            "service": change.service,
            "field": change.field,
            "old": change.old,
            "new": change.new,
            "line": change.line,
            "cause": change.cause.kind.value,
            "name": change.cause.name,
            "location": change.cause.location and change.cause.location._asdict(),
        }
        for change in file.changes
    ]
    shown = (
        {"diff": diff(file, state.folder)} if diffs and file.state in (State.OUTDATED, State.EDITED) else {}
    )
    return {"path": file.path, "state": file.state.value, "changes": changes, **shown}


def as_github(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:
    """Write annotations for GitHub, and the text below them for the log."""
    from compose2fargate.report_ci import github

    return github(_all(states)) + as_text(states, diffs=diffs, quiet=quiet)


def as_sarif(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write one SARIF log."""
    from compose2fargate.report_ci import sarif

    return sarif(_all(states))


def _all(states: Sequence[FolderState]) -> list[Diagnostic]:
    return [d for state in states if not state.fixed for d in diagnostics(state)]


def as_junit(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write a JUnit report: a suite for each folder, a case for each file."""
    suites = "".join(_suite(state, diffs=diffs) for state in states)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="compose2fargate check">\n{suites}</testsuites>\n'


def _suite(state: FolderState, *, diffs: bool) -> str:
    cases = [_case(state, file, diffs=diffs) for file in state.files]
    cases += [_problem_case(state, problem) for problem in state.problems]
    failures = 0 if state.fixed else len(state.different)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{len(state.problems)}"'
    return f"  <testsuite name={_attribute(state.folder)} {counts}>\n{''.join(cases)}  </testsuite>\n"


def _case(state: FolderState, file: FileState, *, diffs: bool) -> str:
    head = f"    <testcase classname={_attribute(state.folder)} name={_attribute(file.path)}"
    if file.state in FINE or state.fixed:
        return f"{head}/>\n"
    said = [f"{what(file, change)} ({why(change.cause, change)})" for change in file.changes]
    shown = diff(file, state.folder) if diffs and file.state in (State.OUTDATED, State.EDITED) else []
    message = said[0] if said else f"{file.path} is {file.state.value}"
    body = _escaped("\n".join([*said, "", *shown]))
    failure = f"<failure type={_attribute(file.state.value)} message={_attribute(message)}>{body}</failure>"
    return f"{head}>\n      {failure}\n    </testcase>\n"


def _problem_case(state: FolderState, problem: Diagnostic) -> str:
    said = _escaped(f"{problem.location or ''} {problem.message}\n{problem.hint}".strip())
    error = f"<error type={_attribute(problem.code)} message={_attribute(problem.message)}>{said}</error>"
    return (
        f"    <testcase classname={_attribute(state.folder)} name={_attribute(problem.code)}>\n"
        f"      {error}\n    </testcase>\n"
    )


def _escaped(text: str) -> str:
    text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return '"' + _escaped(text).replace('"', "&quot;").replace("\n", "&#10;") + '"'


def as_markdown(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write a summary for a job's page."""
    return "\n".join(line for state in states for line in _markdown(state, diffs=diffs)) + "\n"


def _markdown(state: FolderState, *, diffs: bool) -> Iterator[str]:
    word = (
        "brought up to date" if state.fixed else {0: "in sync", 1: "out of sync", 2: "broken"}[state.status]
    )
    yield from (f"### {_code(state.folder)}: {word}", "")
    for problem in state.problems:
        yield from (f"- **{problem.code}** {_cell(problem.message)}  ", f"  {_cell(problem.hint)}")
    rows = [(file, change) for file in state.different for change in file.changes]
    missing = [file for file in state.different if not file.changes]
    if (rows or missing) and not state.fixed:
        yield from ("| file | what | why |", "|---|---|---|")
        yield from (
            f"| {_code(file.path)} | {_cell(what(file, change))} | {_cell(why(change.cause, change))} |"
            for file, change in rows[:50]
        )
        yield from (f"| {_code(file.path)} | {file.state.value} | |" for file in missing)
        yield ""
        for file in state.different if diffs else ():
            if file.state in (State.OUTDATED, State.EDITED):
                lines = diff(file, state.folder)[:_DIFF_LINES]
                yield from (
                    f"<details><summary>{_escaped(file.path)}</summary>",
                    "",
                    "````diff",
                    *lines,
                    "````",
                    "",
                    "</details>",
                    "",
                )
    yield from (f"- {_cell(note.message)}" for note in state.notes if note.severity is Severity.INFO)
    yield ""


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", _escaped(text)).replace("|", "\\|")


FORMATS: Final[Mapping[str, Callable[..., str]]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
    "junit": as_junit,
    "markdown": as_markdown,
}
"""The formats of `check` by name."""
