"""The files of a project as they are read: once each, under the names that the user sees, with the way to each."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from compose2fargate.compose.dialect import Dialect
from compose2fargate.compose.load_options import LoadOptions
from compose2fargate.compose.passes import Findings
from compose2fargate.compose.sources.include import (
    IncludeEntry,
)
from compose2fargate.compose.sources.relative_paths import (
    clean_path,
)
from compose2fargate.compose.sources.remote_files import FOLDER, RemoteFileError, RemoteFiles
from compose2fargate.compose.sources.source_files import (
    YamlDocument,
    locate,
    parse_documents,
    read_text,
    streams,
)
from compose2fargate.diagnostics import (
    Diagnostic,
    Location,
    Path,
    Severity,
)


class ProjectReader:
    """Reads files for one run, and remembers what was read and looked up."""

    def __init__(self, options: LoadOptions, stdin: TextIO | None, dialect: Dialect) -> None:
        self.options = options
        self.stdin = stdin
        self.streams = streams(options)
        self.findings = Findings(dialect)
        self.home = options.environment.get("HOME", "")
        self.files: dict[str, None] = {}
        self.trails: dict[str, tuple[str, ...]] = {}
        self.variables: dict[str, str | None] = {}
        self.parsed: dict[str, list[YamlDocument]] = {}
        self.texts: dict[str, str] = {}
        self.remote = RemoteFiles("", {}, allow=False)

    @property
    def dialect(self) -> Dialect:
        """The release of Docker Compose that the files are read as."""
        return self.findings.dialect

    def documents(self, file: str) -> list[YamlDocument]:
        """Parse a file. Interpolation changes the documents, so they are good for one use."""
        kept = self.parsed.pop(file, None)
        if kept is not None:
            return kept
        text = self.texts.pop(file, None)
        return parse_documents(self.text(file) if text is None else text, self.shown(file), self.dialect)

    def text(self, file: str, errors: str = "strict") -> str:
        """Read a file."""
        shown = self.shown(file)
        self.files[shown] = None
        return read_text(file, shown=shown, stdin=self.stdin, errors=errors, stream=file in self.streams)

    def env_text(self, file: str) -> str:
        """Read a file with variables or labels, whose bytes need not be UTF-8."""
        return self.text(file, "surrogateescape")

    def shown(self, file: str) -> str:
        """Name a file as the user would: relative to the current directory if it is below it."""
        if file == "-":
            return "<stdin>"
        cwd = os.path.abspath(self.options.cwd) + os.sep
        path = clean_path(file)
        return path.removeprefix(cwd)

    def lookup(self, environment: Mapping[str, str]) -> Callable[[str], str | None]:
        """Look variables up, and remember which ones were."""
        used = self.variables

        def find(name: str) -> str | None:
            value = used[name] = environment.get(name)
            return value

        return find

    def watched(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Give `environment` such that what services take over from it by name alone is remembered, too."""
        return _Watched(environment, self.variables)

    def came_from(self, file: str, how: str, place: Location | None) -> None:
        """Remember how the reader got to `file`: that it was `included`, say, and where."""
        shown = self.shown(file)
        if place is not None and shown not in self.trails:
            self.trails[shown] = (f"{how} from {place}", *self.trails.get(place.file, ()))

    def with_trails(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Say for each diagnostic how the reader got to its file."""
        return [
            d._replace(trail=(*d.trail, *self.trails.get(d.location.file, ()))) if d.location else d
            for d in diagnostics
        ]

    def with_local_files(self, entry: IncludeEntry) -> IncludeEntry | None:
        """Give an entry of `include` with the copies of remote files in their place; None where there is none."""
        place = locate(self.findings.marks, entry.path)
        paths = [self.local_file(path, "C2F163", entry.path, place) for path in entry.paths]
        kept = tuple(path for path in paths if path is not None)
        return entry._replace(paths=kept) if len(kept) == len(paths) else None

    def local_file(self, path: str, code: str, at: Path, place: Location | None) -> str | None:
        """Give the file to read where `path` may be remote; None, and a finding, where it cannot be read."""
        try:
            if not self.remote.names(path):
                return path
            found = self.remote.local(path)
        except RemoteFileError as error:
            self.findings.diagnostics.append(
                Diagnostic(error.code or code, Severity.ERROR, error.message, at, place, error.hint)
            )
            return None
        self.files[self.shown(self.remote.lock_file)] = None
        while self.remote.fetched:
            message = f"fetched {self.remote.fetched.pop()}"
            hint = f"commit {FOLDER}: its copies are read from now on, and nothing is fetched"
            self.findings.diagnostics.append(Diagnostic("C2F167", Severity.INFO, message, at, place, hint))
        return found


class _Watched(dict[str, str]):
    """Variables that note which of them were looked up."""

    def __init__(self, environment: Mapping[str, str], used: dict[str, str | None]) -> None:
        super().__init__(environment)
        self._used = used

    def get(self, name: str, default: Any = None) -> Any:
        """Look a variable up, and remember it."""
        value = super().get(name)
        self._used[name] = value
        return default if value is None else value

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None
