"""What the mapping finds and decides while it translates: the diagnostics, and what became of single keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Diagnostic, Path, Severity

if TYPE_CHECKING:
    from compose2fargate.mapping.coverage_table import CoverageRow


class TranslationFindings:
    """Collects the findings of one translation; a mapping function that takes it may add some.

    Attributes:
        report: TranslationFindings so far.
        outcomes: What a mapping function made of a key, where that is not what its row says.
    """

    def __init__(self, project: Project, report: list[Diagnostic]) -> None:
        """Append to `report`; places of keys are looked up in `project`."""
        self._project = project
        self.report = report
        self.outcomes: dict[Path, CoverageRow] = {}

    def add(
        self, severity: Severity, code: str, path: Path, message: str, *, hint: str = "", url: str = ""
    ) -> None:
        """Report a finding about the key at `path`."""
        self.report.append(Diagnostic(code, severity, message, path, self._project.at(*path), hint, url))

    def info(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report something good to know that changes nothing the user relies on."""
        self.add(Severity.INFO, code, path, message, hint=hint, url=url)

    def warn(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report that something behaves differently on Fargate."""
        self.add(Severity.WARNING, code, path, message, hint=hint, url=url)

    def refuse(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report that something cannot run on Fargate as it is."""
        self.add(Severity.ERROR, code, path, message, hint=hint, url=url)
