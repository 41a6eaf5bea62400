"""What `env_file` and `label_file` add to services, and values that come from the environment.

Precedence of a service's variables: `environment` wins over the env files, a later file over an earlier one. Within
a file, `$X` means the project's X, else the service's, else what the files above have set.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Container, Mapping
from enum import Enum, auto
from typing import Any

from compose2fargate.compose.dialect import Change, Dialect
from compose2fargate.compose.passes import Findings, Tree
from compose2fargate.compose.sources.dotenv import EnvFile, parse_dotenv, parse_raw
from compose2fargate.compose.sources.source_files import Mark, Marks, locate
from compose2fargate.diagnostics import LoadError, Location, Path
from compose2fargate.records import NamedTuple

_FORMATS = ("", "raw")


class EnvFilesFor(Enum):
    """What Docker Compose reads the env files of services for."""

    MODEL = auto()
    """The model: those of the services that are active, and later of those that are selected."""
    IMAGES = auto()
    """Images or profiles: those of the services that are active, since `Change.LISTED_ENV_FILES`."""
    HASHES = auto()
    """Hashes: those of the services that are hashed, since `Change.HASHED_ENV_FILES`."""
    NAMES = auto()
    """Names: none."""

    def whose(self, dialect: Dialect, *, resolve: bool) -> tuple[bool, bool]:
        """Tell whether those of the active services are read, and then whether those of the selected ones are.

        Args:
            dialect: What the files are read as.
            resolve: Whether env files are to be read.
        """
        listed = self is EnvFilesFor.IMAGES and dialect.has(Change.LISTED_ENV_FILES)
        hashed = self is EnvFilesFor.HASHES and dialect.has(Change.HASHED_ENV_FILES)
        active = (self is EnvFilesFor.MODEL or listed) and (
            resolve or not dialect.has(Change.UNREAD_ENV_FILES)
        )
        return active, resolve and (self is EnvFilesFor.MODEL or hashed)


class EnvFileReader(NamedTuple):
    """How files are read.

    Attributes:
        directory: Where paths that were not resolved start from.
        text: Gives a file's text.
        shown: Gives its name in messages.
        came_from: Is told which file is read, as what, and where it is named.
    """

    directory: str
    text: Callable[[str], str]
    shown: Callable[[str], str]
    came_from: Callable[[str, str, Location | None], None]

    def path(self, entry: Mapping[str, Any]) -> str:
        """Give the path of an entry's file."""
        return os.path.join(self.directory, entry.get("path", ""))


def resolve_services(
    tree: Tree,
    marks: Marks,
    environment: Mapping[str, str],
    reader: EnvFileReader,
    findings: Findings,
    *,
    env_files_of: Container[str] | None = None,
) -> tuple[Tree, Marks]:
    """Read the label files of all services, and the env files of some or of all (None); their keys are used up."""
    services = {}
    place = marks.get("services")
    inside: Marks = dict((place[3] if place else None) or {})
    for name, service in tree.get("services", {}).items():
        labels_only = env_files_of is not None and name not in env_files_of
        files = ("label_file",) if labels_only else ("env_file", "label_file")
        mark = inside.get(name)
        out, below = service, (mark[3] if mark else None) or {}
        for key in files:
            if key in out and key in below:
                findings.drop(("services", name, key), below[key], "read: its variables stand in the service")
        path: Path = ("services", name)
        if not labels_only and ("environment" in out or "env_file" in out):
            out, below = _with_environment(out, below, environment, reader, (path, findings))
        if "label_file" in out:
            out, below = _with_labels(out, below, reader, (path, findings))
        services[name] = out
        if mark is not None and below is not mark[3]:
            inside[name] = (mark[0], mark[1], mark[2], below)
    if place is not None:
        marks = {**marks, "services": (place[0], place[1], place[2], inside)}
    return {**tree, "services": services}, marks


def _with_environment(
    service: Tree,
    marks: Marks,
    environment: Mapping[str, str],
    reader: EnvFileReader,
    where: tuple[Path, Findings],
) -> tuple[Tree, Marks]:
    own = {k: environment.get(k) if v is None else v for k, v in service.get("environment", {}).items()}
    if "env_file" not in service:
        return {**service, "environment": own}, marks
    known = {k: v for k, v in own.items() if v is not None}
    places: Marks = {}

    def lookup(name: str) -> str | None:
        return environment.get(name, own.get(name))

    for index, entry in enumerate(service["env_file"]):
        path = (*where[0], "env_file", index)
        parsed = _read(entry, lookup, known, reader, (path, where[1]))
        if parsed is not None:
            known.update(parsed.values)
            shown = reader.shown(reader.path(entry))
            places.update({name: (shown, line, 1, None) for name, line in parsed.lines.items()})
    merged = {**known, **own}
    out = _in_place(service, "environment", "env_file", {name: merged[name] for name in sorted(merged)})
    return out, _merged_marks(marks, "environment", "env_file", places)


def _with_labels(
    service: Tree, marks: Marks, reader: EnvFileReader, where: tuple[Path, Findings]
) -> tuple[Tree, Marks]:
    labels: dict[str, str] = {}
    places: Marks = {}
    for index, file in enumerate(service["label_file"]):
        path = (*where[0], "label_file", index)
        entry = {"path": file, "required": True}
        parsed = _read(entry, labels.get, {}, reader, (path, where[1]))
        if parsed is not None:
            labels.update(parsed.values)
            shown = reader.shown(reader.path(entry))
            places.update({name: (shown, line, 1, None) for name, line in parsed.lines.items()})
    labels.update(service.get("labels") or {})
    out = _in_place(service, "labels", "label_file", {name: labels[name] for name in sorted(labels)})
    return out, _merged_marks(marks, "labels", "label_file", places)


def _in_place(service: Tree, key: str, source: str, value: Mapping[str, Any]) -> Tree:
    """Put `value` where `key` is or belongs, which is where `source` is; the order of keys is that of printing."""
    out: Tree = {}
    for name, item in service.items():
        if name not in (key, source):
            out[name] = item
        elif value:
            out[key] = value
    return out


def _merged_marks(marks: Marks, key: str, source: str, places: Marks) -> Marks:
    """Mark what came from files with its line there; what the service says itself keeps its own."""
    mark: Mark | None = marks.get(key) or marks.get(source)
    if mark is None:
        return marks
    own = (marks[key][3] if key in marks else None) or {}
    out = {k: v for k, v in marks.items() if k != source}
    out[key] = (mark[0], mark[1], mark[2], {**places, **own})
    return out


def _read(
    entry: Mapping[str, Any],
    lookup: Callable[[str], str | None],
    known: dict[str, str],
    reader: EnvFileReader,
    where: tuple[Path, Findings],
) -> EnvFile | None:
    path, findings = where
    file, kind = reader.path(entry), entry.get("format", "")
    if not os.path.exists(file) or not entry.get("path"):
        if entry.get("required", True):
            optional = ", or write `{path: ..., required: false}` if it may be missing"
            findings.error(
                "C2F164",
                path,
                f"{reader.shown(file)} does not exist",
                f"create it{optional if path[-2] == 'env_file' else ''}",
            )
        return None
    if kind not in _FORMATS:
        findings.error(
            "C2F164",
            (*path, "format"),
            f"{kind!r} is not a format of an env file",
            "write `format: raw`, or remove it",
        )
        return None
    reader.came_from(file, "read", locate(findings.marks, path))
    try:
        text, shown = reader.text(file), reader.shown(file)
        return (
            parse_raw(text, shown, lookup) if kind == "raw" else _parse(text, shown, (lookup, known), where)
        )
    except LoadError as error:
        findings.diagnostics.extend(error.diagnostics)
        return None


def _parse(
    text: str,
    shown: str,
    variables: tuple[Callable[[str], str | None], dict[str, str]],
    where: tuple[Path, Findings],
) -> EnvFile:
    path, findings = where
    parsed = parse_dotenv(text, shown, variables[0], variables[1], findings.dialect)
    for name, line in parsed.missing.items():
        findings.warn(
            "C2F120", path, f"{shown}:{line}: the variable {name} is not set; a blank string takes its place"
        )
    return parsed


def with_unread_files(tree: Tree) -> Tree:
    """Print env files that were not read as Docker Compose does: a path where the file is required."""
    services = {
        name: {**service, "env_file": [e["path"] if e["required"] else e for e in service["env_file"]]}
        for name, service in tree.get("services", {}).items()
        if "env_file" in service
    }
    return {**tree, "services": {**tree.get("services", {}), **services}} if services else tree
