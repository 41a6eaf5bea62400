"""What `check` found, in every format that it prints."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.credentials import mask_lines
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.sync.change_causes import CauseKind
from compose2fargate.sync.check_result import (
    IN_SYNC,
    FolderState,
    check_diagnostics,
    what_differs,
    why_it_differs,
)
from compose2fargate.sync.comparison import FINE, FileState, FileStatus
from compose2fargate.text.escaping import code_block, code_span, inert, markdown, one_line

_DIFF_LINES: Final = 60
"""How many lines of a file's diff are shown; the rest is counted."""

_FILES: Final = 20
_CHANGES: Final = 12
_REFUSED: Final = "C2F333"
"""The note that `--fix` wrote nothing: an error of that command."""


def as_text(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:
    """Write for people: a line for each folder and file, what changed and why, then the differences."""
    blocks = ["\n".join(_folder(state, quiet=quiet)) for state in states]
    blocks = [block for block in blocks if block]
    if diffs:
        blocks += ["\n".join(lines) for state in states if not state.fixed for lines in _diffs(state)]
    blocks += ["\n".join(lines) for lines in (_advice(states),) if lines]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def _folder(state: FolderState, *, quiet: bool) -> Iterator[str]:
    made = one_line(
        ", ".join(
            filter(
                None, (state.target, f"project {state.project}" if state.project else "", state.environment)
            )
        )
    )
    if state.problems:
        yield f"{state.folder}: {'the account differs' if state.live else 'cannot be checked'}{f' ({made})' if made else ''}"
        for problem in state.problems:
            place = f" ({problem.location})" if problem.location else ""
            yield f"  {problem.code}: {one_line(problem.message + place)}"
            if problem.hint:
                yield from (f"    {one_line(line)}" for line in problem.hint.split("\n"))
    if state.fixed:
        if not quiet:
            yield f"{state.folder}: brought up to date ({_count(len(state.different), 'file')} differed; {made})"
    elif state.status == IN_SYNC:
        if not quiet:
            account = ", and with the account" if state.live else ""
            yield f"{state.folder}: in sync{account} ({_in_all(state)}; {made})"
    elif state.different:
        yield f"{state.folder}: out of sync ({len(state.different)} of {_in_all(state)}; {made})"
    if not state.fixed:
        yield from _files(state)
        said = (note for note in state.notes if not quiet or note.code == _REFUSED)
        yield from (f"  note: {one_line(note.message)}" for note in said)


def _in_all(state: FolderState) -> str:
    """Count the files of a folder as `convert` does: with the manifest, which the others are checked against."""
    return _count(len(state.files) + 1, "file")


def _files(state: FolderState) -> Iterator[str]:
    for file in state.different[:_FILES]:
        yield f"  {one_line(file.path)}: {file.state.value}"
        for change in file.changes[:_CHANGES]:
            yield f"    {one_line(f'{what_differs(file, change)} ({why_it_differs(change.cause, change)})')}"
        if len(file.changes) > _CHANGES:
            yield f"    and {len(file.changes) - _CHANGES} more fields"
    if len(state.different) > _FILES:
        yield f"  and {len(state.different) - _FILES} more files"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _diffs(state: FolderState) -> Iterator[list[str]]:
    for file in state.different[:_FILES]:
        if file.state in (FileStatus.OUTDATED, FileStatus.EDITED):
            lines = diff(file, state.folder)
            more = len(lines) - _DIFF_LINES
            yield lines if more <= 0 else [*lines[:_DIFF_LINES], f"… {more} more lines"]


def diff(file: FileState, folder: str) -> list[str]:
    """Give the unified diff from the file on disk to what is generated now; credentials are masked."""
    from difflib import SequenceMatcher

    path = f"{folder}/{file.path}"
    old, new = (file.old or "").split("\n"), (file.new or "").split("\n")
    before, after = list(mask_lines(old)), list(mask_lines(new))  # what is masked is compared as it is
    lines = [f"--- {path}", f"+++ {path} (generated now)"]
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes():
        begin, end = group[0], group[-1]
        lines.append(f"@@ -{_range(begin[1], end[2])} +{_range(begin[3], end[4])} @@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in before[i1:i2]]
            else:
                lines += [f"-{line}" for line in before[i1:i2]] + [f"+{line}" for line in after[j1:j2]]
    return lines


def _range(start: int, stop: int) -> str:
    """A range of lines as unified diffs write it."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + (length > 0)},{length}"


def _advice(states: Sequence[FolderState]) -> list[str]:
    stale = [state.folder for state in states if not state.fixed and state.different]
    if not stale:
        return []
    again = f"compose2fargate check --fix {shlex.join(stale)}"
    files = [file for state in states if not state.fixed for file in state.different]
    causes = [change.cause for file in files for change in file.changes]
    if (
        causes
        and all(cause.kind is CauseKind.VARIABLE for cause in causes)
        and all(file.changes for file in files)
    ):
        names = ", ".join(dict.fromkeys(cause.name for cause in causes))
        return [f"Set {names} as when the files were written, or accept the new value: {again}"]
    if any(state.replaces_edits for state in states if not state.fixed):
        keep = "To keep an edit, move it to the compose file: x-fargate.patch takes any field."
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
    from compose2fargate.diagnostics.text_report import as_dict

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
        "diagnostics": [as_dict(d) for d in check_diagnostics(state)],
        "verdict": dict(state.verdict),
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
        {"diff": diff(file, state.folder)}
        if diffs and file.state in (FileStatus.OUTDATED, FileStatus.EDITED)
        else {}
    )
    return {"path": file.path, "state": file.state.value, "changes": changes, **shown}


def _as_github(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:
    """Write annotations for GitHub, and the text below them for the log."""
    from compose2fargate.diagnostics.ci_report import github_annotations

    said = github_annotations(_all(states)) + inert(as_text(states, diffs=diffs, quiet=quiet))
    return inert(said, commands=True)


def _as_sarif(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write one SARIF log."""
    from compose2fargate.diagnostics.ci_report import sarif_log

    return sarif_log(_all(states))


def _all(states: Sequence[FolderState]) -> list[Diagnostic]:
    return [d for state in states if not state.fixed for d in check_diagnostics(state)]


def _as_junit(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write a JUnit report: a suite for each folder, a case for each file."""
    suites = "".join(_suite(state, diffs=diffs) for state in states)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="compose2fargate check">\n'
    return inert(f"{head}{suites}</testsuites>\n")


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
    said = [
        f"{what_differs(file, change)} ({why_it_differs(change.cause, change)})" for change in file.changes
    ]
    shown = (
        diff(file, state.folder) if diffs and file.state in (FileStatus.OUTDATED, FileStatus.EDITED) else []
    )
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
    text = re.sub(
        "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", lambda found: one_line(found[0]), text
    )
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return '"' + _escaped(text).replace('"', "&quot;").replace("\n", "&#10;") + '"'


def as_markdown(states: Sequence[FolderState], *, diffs: bool = True, quiet: bool = False) -> str:  # noqa: ARG001 - as above
    """Write a summary for a job's page."""
    return inert("\n".join(line for state in states for line in _markdown(state, diffs=diffs)) + "\n")


def _markdown(state: FolderState, *, diffs: bool) -> Iterator[str]:
    word = (
        "brought up to date" if state.fixed else {0: "in sync", 1: "out of sync", 2: "broken"}[state.status]
    )
    yield from (f"### {code_span(state.folder)}: {word}", "")
    for problem in state.problems:
        yield from (f"- **{problem.code}** {markdown(problem.message)}  ", f"  {markdown(problem.hint)}")
    rows = [(file, change) for file in state.different for change in file.changes]
    missing = [file for file in state.different if not file.changes]
    if (rows or missing) and not state.fixed:
        yield from ("| file | what | why |", "|---|---|---|")
        yield from (
            f"| {code_span(file.path)} | {markdown(what_differs(file, change))} | {markdown(why_it_differs(change.cause, change))} |"
            for file, change in rows[:50]
        )
        yield from (f"| {code_span(file.path)} | {file.state.value} | |" for file in missing)
        yield ""
        for file in state.different if diffs else ():
            if file.state in (FileStatus.OUTDATED, FileStatus.EDITED):
                lines = diff(file, state.folder)[:_DIFF_LINES]
                yield from (
                    f"<details><summary><code>{_escaped(one_line(file.path))}</code></summary>",
                    "",
                    *code_block("diff", lines),
                    "",
                    "</details>",
                    "",
                )
    yield from (f"- {markdown(note.message)}" for note in state.notes if note.severity is Severity.INFO)
    yield ""


FORMATS: Final[Mapping[str, Callable[..., str]]] = {
    "text": as_text,
    "json": as_json,
    "github": _as_github,
    "sarif": _as_sarif,
    "junit": _as_junit,
    "markdown": as_markdown,
}
"""The formats of `check` by name."""
