"""Which files that a Dockerfile copies may say whom a service talks to: nginx.conf, Caddyfile, *.env, YAML."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from compose2fargate.compose.dockerfile.image_config import ImageConfig, ImageCopy
from compose2fargate.mapping.files.host_files import FolderEntry, HostFile, entries_to_read
from compose2fargate.mapping.references.config_files import may_hold_addresses
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

MAX_COPIES = 40
"""Sources of COPY and ADD that are looked at for one image."""
_CONFIGURES = lazy_pattern(
    r"^/(?:usr/local/)?etc(?:/|$)|/(?:conf|config|nginx|caddy|haproxy|envoy|templates)(?:[./]|$)",
    re.IGNORECASE,
)
"""Where a folder that is copied is one of configuration, and no program."""
_GLOB = lazy_pattern(r"[*?\[\\]")


class CopiedSource(NamedTuple):
    """A source of COPY in the build context, as a path from there, and the place that it goes to.

    Attributes:
        path: A file or folder, with `/`; that of the folder where `pattern` is one.
        target: Absolute; ends in `/` where the source goes into it under its own name.
        pattern: What the names of files have to match; "" for all.
    """

    path: str
    target: str
    pattern: str = ""


def copied_sources(config: ImageConfig) -> Iterator[CopiedSource]:
    """Yield what an image copies from its build context and may be configuration, up to a limit."""
    copies = [copy for copy in config.copies if not copy.stage]
    found = [source for copy in copies for source in _sources(copy)]
    yield from found[-MAX_COPIES:]


def _sources(copy: ImageCopy) -> Iterator[CopiedSource]:
    into = copy.target if copy.target.endswith("/") or not copy.sources[1:] else f"{copy.target}/"
    for source in copy.sources:
        path = posixpath.normpath(source.lstrip("/") or ".")
        if "://" in source or source.startswith(("<<", "git@")) or path.startswith("..") or "\0" in path:
            continue
        folder, name = posixpath.split(path)
        if not _GLOB.search(path):
            yield CopiedSource(path, into)
        elif not _GLOB.search(folder):
            yield CopiedSource(folder or ".", f"{into.rstrip('/')}/", name)


def files_of(source: CopiedSource, found: HostFile) -> Iterator[tuple[str, str]]:
    """Yield the files of a source that are worth reading: path in the build context, and path in the container."""
    if found.kind == "file" and not source.pattern:
        target = (
            source.target + posixpath.basename(source.path) if source.target.endswith("/") else source.target
        )
        if may_hold_addresses(target):
            yield source.path, target
    elif found.kind == "folder" and (source.pattern or _CONFIGURES.search(source.target)):
        for entry in entries_to_read(_matching(source, found), source.target):
            yield posixpath.normpath(posixpath.join(source.path, entry)), posixpath.join(source.target, entry)


def _matching(source: CopiedSource, found: HostFile) -> HostFile:
    if not source.pattern:
        return found
    own: Iterable[FolderEntry] = (e for e in found.entries if "/" not in e.path)
    return found._replace(entries=tuple(e for e in own if fnmatchcase(e.path, source.pattern)))


def is_program_configuration(target: str) -> bool:
    """Tell whether a program of the image is sure to read a file: one of its own folder of configuration."""
    return target.startswith(("/etc/", "/usr/local/etc/"))


def hidden_by(targets: Iterable[str], path: str) -> bool:
    """Tell whether a mount hides a path of the image."""
    return any(path == at or path.startswith(f"{at.rstrip('/')}/") for at in targets)
