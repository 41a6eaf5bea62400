"""Relative paths to absolute ones: against the project's directory, or that of an included or extended file."""

from __future__ import annotations

import os.path
import posixpath
import re
from typing import Any

from compose2fargate.compose.passes import Findings, Placed, Step, with_key
from compose2fargate.compose.sources.source_files import Marks, is_remote
from compose2fargate.diagnostics import Path

_REMOTE_CONTEXTS = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_WINDOWS_ABSOLUTE = re.compile(r"(?:[\x00-\x7f]:[\\/]|\\\\)")


def clean_path(path: str) -> str:
    """Remove `.`, `..` and doubled slashes; normpath would keep two leading slashes."""
    tidy = posixpath.normpath(path)
    return tidy[1:] if tidy.startswith("//") else tidy


def join_path(directory: str, path: str) -> str:
    """Find a file as Docker Compose does: a relative path is tidied, so that `no/../a` is `a`, an absolute one is not."""
    return path if os.path.isabs(path) else clean_path(f"{directory}/{path}")


class PathResolver:
    """The steps that make paths absolute, for one directory.

    Args:
        directory: What relative paths are relative to; may itself be relative.
        home: What a leading `~` stands for; "" when there is no home directory.
    """

    def __init__(self, directory: str, home: str) -> None:
        self.directory = directory
        self.home = home

    def join(self, path: str) -> str:
        """Make `path` absolute; "" stays as it is."""
        expanded = self._expand(path)
        if not expanded or expanded.startswith("/"):
            return expanded
        return clean_path(f"{self.directory}/{expanded}")

    def _expand(self, path: str) -> str:
        return clean_path(f"{self.home}/{path[1:]}") if path.startswith("~") and self.home else path

    def either(self, path: str) -> str:
        """Make `path` absolute unless it is absolute on Unix or Windows."""
        expanded = self._expand(path)
        if expanded.startswith("/") or _WINDOWS_ABSOLUTE.match(expanded):
            return expanded
        return clean_path(f"{self.directory}/{expanded}")

    # Steps (named in the table of rules)

    def any_path(self, value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        """Resolve a path."""
        return (self.join(value) if isinstance(value, str) else value), marks

    def unix_or_windows_path(
        self, value: Any, marks: Marks | None, _path: Path, _findings: Findings
    ) -> Placed:
        """Resolve a path that may be one of Windows."""
        return (self.either(value) if isinstance(value, str) else value), marks

    def link(self, value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        """Resolve a path, and the first symbolic link in it."""
        if not isinstance(value, str):
            return value, marks
        path = self.join(value)
        steps = path.split("/") if path.startswith("/") else ()
        for count in range(2, len(steps) + 1):
            prefix = "/".join(steps[:count])
            if os.path.islink(prefix):
                return os.path.realpath(prefix) + path.removeprefix(prefix), marks
        return path, marks

    def context(self, value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        """Resolve a build context, which may also be a URL or a service."""
        if not isinstance(value, str) or "://" in value or value.startswith(("service:", *_REMOTE_CONTEXTS)):
            return value, marks
        return self.join(value), marks

    def extended_file(self, value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        """Resolve the path of an extended file, unless it is remote."""
        return (self.join(value) if isinstance(value, str) and not is_remote(value) else value), marks

    def mount(self, value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        """Resolve the source of a bind mount."""
        if not isinstance(value, dict) or value.get("type") != "bind":
            return value, marks
        if not isinstance(value.get("source"), str):
            findings.error(
                "C2F155",
                path,
                f"{'.'.join(map(str, path))}: a mount of type bind needs a source",
                "add `source: ./path/on/the/host`",
            )
            return value, marks
        return with_key(value, marks, "source", self.either(value["source"]))

    def volume(self, value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
        """Resolve the device of a volume that is a bind mount in disguise."""
        options = value.get("driver_opts") if isinstance(value, dict) else None
        if not isinstance(options, dict) or value.get("driver") != "local" or options.get("o") != "bind":
            return value, marks
        if not isinstance(options.get("device"), str):
            return value, marks
        inside = marks.get("driver_opts") if marks else None
        changed = {**options, "device": self.either(options["device"])}
        return with_key(value, marks, "driver_opts", changed, inside[3] if inside else None)


def resolver_steps(resolver: PathResolver) -> tuple[tuple[tuple[str, ...], Step], ...]:
    """List which keys hold paths, and how each is resolved."""
    return (
        (("services", "*", "build", "context"), resolver.context),
        (("services", "*", "build", "additional_contexts", "*"), resolver.context),
        (("services", "*", "build", "ssh", "*"), resolver.unix_or_windows_path),
        (("services", "*", "env_file", "*", "path"), resolver.any_path),
        (("services", "*", "label_file", "*"), resolver.any_path),
        (("services", "*", "extends", "file"), resolver.extended_file),
        (("services", "*", "develop", "watch", "*", "path"), resolver.link),
        (("services", "*", "volumes", "*"), resolver.mount),
        (("configs", "*", "file"), resolver.unix_or_windows_path),
        (("secrets", "*", "file"), resolver.unix_or_windows_path),
        (("volumes", "*"), resolver.volume),
    )
