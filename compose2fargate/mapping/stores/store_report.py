"""How findings about stores are kept until it is decided whether the store is taken: one by `--managed auto` may stay a container."""

from __future__ import annotations

from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Diagnostic, Path, Severity

STORES_URL = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Welcome.html"


class StoreReport:
    """Findings about one store."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.found: list[Diagnostic] = []

    @property
    def refusals(self) -> list[Diagnostic]:
        """What stands against it."""
        return [one for one in self.found if one.severity is Severity.ERROR]

    def _add(self, severity: Severity, code: str, path: Path, message: str, hint: str) -> None:
        self.found.append(
            Diagnostic(code, severity, message, path, self._project.at(*path), hint, STORES_URL)
        )

    def info(self, code: str, path: Path, message: str, *, hint: str = "") -> None:
        """Note something good to know."""
        self._add(Severity.INFO, code, path, message, hint)

    def warn(self, code: str, path: Path, message: str, *, hint: str = "") -> None:
        """Note something that is different or lost."""
        self._add(Severity.WARNING, code, path, message, hint)

    def refuse(self, code: str, path: Path, message: str, *, hint: str = "") -> None:
        """Note something because of which AWS cannot run the store as it is."""
        self._add(Severity.ERROR, code, path, message, hint)
