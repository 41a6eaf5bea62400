"""Diagnostics for CI systems: GitHub's workflow commands, and SARIF for code scanning.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from compose2fargate import __version__
from compose2fargate.diagnostics import Diagnostic, Severity, sort_key
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.diagnostics.grouping_diagnostics import GroupedDiagnostic, group_diagnostics
from compose2fargate.text.escaping import inert

_COMMANDS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}
_LEVELS: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}


def github_annotations(diagnostics: Iterable[Diagnostic]) -> str:
    """Write each diagnostic as a workflow command, which GitHub shows at its line; one for each place, whatever it means for others."""
    return "".join(f"{_command(*told)}\n" for told in group_diagnostics(sorted(diagnostics, key=sort_key)))


def _command(diagnostic: Diagnostic, others: Sequence[str]) -> str:
    properties = {"title": f"{diagnostic.code} {CODES.get(diagnostic.code, '')}".strip()}
    at = diagnostic.location
    if at is not None:
        properties = {"file": at.file, "line": str(at.line), "col": str(at.column), **properties}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return inert(
        f"::{_COMMANDS[diagnostic.severity]} {said}::{_data(_sentences(diagnostic, others))}", commands=True
    )


def _sentences(diagnostic: Diagnostic, others: Sequence[str] = ()) -> str:
    likewise = f" (likewise {', '.join(others)})" if others else ""
    return diagnostic.message + likewise + (f"\n{diagnostic.hint}" if diagnostic.hint else "")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif_log(diagnostics: Iterable[Diagnostic]) -> str:
    """Write the diagnostics as one SARIF log."""
    ordered = group_diagnostics(sorted(diagnostics, key=sort_key))
    codes = sorted({d.code for d, _ in ordered})
    driver = {
        "name": "compose2fargate",
        "version": __version__,
        "rules": [{"id": code, "shortDescription": {"text": CODES.get(code, code)}} for code in codes],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": list(_results(ordered, codes))}],
    }
    return inert(json.dumps(log, indent=2, ensure_ascii=False) + "\n")


def _results(told: Iterable[GroupedDiagnostic], codes: list[str]) -> Iterator[dict[str, Any]]:
    for d, others in told:
        result: dict[str, Any] = {
            "ruleId": d.code,
            "ruleIndex": codes.index(d.code),
            "level": _LEVELS[d.severity],
            "message": {"text": _sentences(d, others)},
        }
        if d.location is not None:
            place = {
                "artifactLocation": {"uri": quote(d.location.file, errors="surrogateescape")},
                "region": {"startLine": d.location.line, "startColumn": d.location.column},
            }
            result["locations"] = [{"physicalLocation": place}]
        yield result
