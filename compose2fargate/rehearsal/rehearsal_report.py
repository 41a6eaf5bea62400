"""The report of a rehearsal: text for people, JSON, Markdown for pull requests, JUnit for CI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.rehearsal_findings import RehearsalFinding, findings_summary
from compose2fargate.rehearsal.rehearsed_deployment import RehearsalResult, UnitResult


class RehearsalReport(NamedTuple):
    """What a rehearsal found, and why; `kept` tells whether it still runs."""

    result: RehearsalResult
    findings: Mapping[str, tuple[RehearsalFinding, ...]]
    kept: bool = False

    @property
    def well(self) -> bool:
        """Whether everything would work."""
        return self.result.well


def render_report(report: RehearsalReport, form: str) -> str:
    """Write a report as `text`, `json`, `markdown` or `junit`."""
    return _FORMS[form](report)


def _rows(report: RehearsalReport) -> Iterator[tuple[str, str, str, str, str, str]]:
    for unit in report.result.units:
        reached = ", ".join(f"{r.host}:{r.port}" for r in unit.reached if not r.problem)
        missed = ", ".join(f"{r.host}:{r.port}" for r in unit.reached if r.problem)
        yield (
            unit.unit.name,
            unit.unit.kind,
            findings_summary(unit),
            _healthy(unit),
            reached or "-",
            missed or "-",
        )


def _healthy(unit: UnitResult) -> str:
    checks = [*([unit.healthy] if unit.healthy is not None else []), *(one.healthy for one in unit.targets)]
    return "-" if not checks else "yes" if all(checks) else "no"


_HEAD: Final = ("SERVICE", "KIND", "STATE", "HEALTHY", "REACHES", "DOES NOT REACH")


def _text(report: RehearsalReport) -> str:
    rows = [_HEAD, *_rows(report)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    for found in report.findings.values():
        for finding in found:
            lines += ["", *_finding_lines(finding)]
    lines += ["", _verdict(report)]
    if report.kept:
        lines += [f"{address.url}  ({address.listener})" for address in report.result.addresses]
        lines += ["it is still running: compose2fargate rehearse down ends it"]
    return "\n".join(lines) + "\n"


def _finding_lines(finding: RehearsalFinding) -> Iterator[str]:
    one = finding.diagnostic
    yield f"{one.location or ''}{': ' if one.location else ''}{one.code} {one.message}"
    if one.hint:
        yield f"  fix: {one.hint}"
    for said in finding.said[:2]:
        yield f"  convert says: {said.location or ''}{': ' if said.location else ''}{said.code} {said.message}"
    if finding.log:
        yield "  last lines:"
        yield from (f"    {line}" for line in finding.log)


def _verdict(report: RehearsalReport) -> str:
    bad = [unit.unit.name for unit in report.result.units if not unit.well]
    count = len(report.result.units)
    took = f"{report.result.seconds:.0f} s"
    if not bad:
        return f"all {count} services and jobs would run on Fargate, as far as can be seen here ({took})"
    return f"{len(bad)} of {count} would fail on Fargate: {', '.join(bad)} ({took})"


def _as_json(report: RehearsalReport) -> str:
    return json.dumps(as_document(report), indent=2, ensure_ascii=False) + "\n"


def as_document(report: RehearsalReport) -> dict[str, Any]:
    """Give a report as plain JSON."""
    return {
        "project": report.result.project,
        "ok": report.well,
        "seconds": round(report.result.seconds, 1),
        "services": [
            _unit_document(unit, report.findings.get(unit.unit.id, ())) for unit in report.result.units
        ],
        "addresses": [address._asdict() for address in report.result.addresses],
        "kept": report.kept,
    }


def _unit_document(unit: UnitResult, found: tuple[RehearsalFinding, ...]) -> dict[str, Any]:
    return {
        "name": unit.unit.name,
        "kind": unit.unit.kind,
        "ok": unit.well,
        "state": findings_summary(unit),
        "started": unit.started,
        "healthy": unit.healthy,
        "tasks_ended": [{**end._asdict(), "log": list(end.log)} for end in unit.ends],
        "targets": [target._asdict() for target in unit.targets],
        "reaches": [{**reach._asdict(), "reached": not reach.problem} for reach in unit.reached],
        "findings": [_finding_document(finding) for finding in found],
    }


def _finding_document(finding: RehearsalFinding) -> dict[str, Any]:
    one = finding.diagnostic
    return {
        "code": one.code,
        "message": one.message,
        "hint": one.hint,
        "path": list(one.path),
        "location": str(one.location) if one.location else None,
        "said": [
            {
                "code": s.code,
                "message": s.message,
                "hint": s.hint,
                "location": str(s.location) if s.location else None,
            }
            for s in finding.said
        ],
        "log": list(finding.log),
    }


def _markdown(report: RehearsalReport) -> str:
    lines = [f"### Rehearsal of {report.result.project}", "", _verdict(report), ""]
    lines += ["| " + " | ".join(_HEAD).lower() + " |", "|" + "---|" * len(_HEAD)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in _rows(report)]
    for found in report.findings.values():
        for finding in found:
            one = finding.diagnostic
            lines += [
                "",
                f"- **{one.code}** {one.message}" + (f" (`{one.location}`)" if one.location else ""),
            ]
            lines += [f"  - fix: `{one.hint}`"] if one.hint else []
            lines += [f"  - `{s.code}` at {s.location}: {s.message}" for s in finding.said[:2]]
            if finding.log:
                lines += ["", "  ```", *(f"  {line}" for line in finding.log), "  ```"]
    return "\n".join(lines) + "\n"


def _junit(report: RehearsalReport) -> str:
    from xml.sax.saxutils import escape, quoteattr

    units = report.result.units
    bad = sum(not unit.well for unit in units)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    attributes = f'tests="{len(units)}" failures="{bad}" time="{report.result.seconds:.1f}"'
    lines.append(f"<testsuite name={quoteattr('rehearsal of ' + report.result.project)} {attributes}>")
    for unit in units:
        case = f"  <testcase classname={quoteattr(report.result.project)} name={quoteattr(unit.unit.name)}"
        if unit.well:
            lines.append(f"{case}/>")
            continue
        found = report.findings.get(unit.unit.id, ())
        message = "; ".join(finding.diagnostic.message for finding in found) or findings_summary(unit)
        details = "\n".join(line for finding in found for line in _finding_lines(finding))
        lines += [
            f"{case}>",
            f"    <failure message={quoteattr(_printable(message))}>{escape(_printable(details))}</failure>",
        ]
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def _printable(text: str) -> str:
    """Leave out what XML cannot hold, such as the colours of a log."""
    return "".join(character for character in text if character in "\t\n" or character >= " ")


_FORMS: Final[Mapping[str, Callable[[RehearsalReport], str]]] = {
    "text": _text,
    "json": _as_json,
    "markdown": _markdown,
    "junit": _junit,
}
