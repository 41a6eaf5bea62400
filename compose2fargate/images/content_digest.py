"""What an image is made from, as one digest: equal digests mean that nothing has to be built.

Counted are the files of the context that `.dockerignore` leaves in (content, path, executable bit and the target of
symbolic links), the Dockerfile, the build arguments, target, platform and whatever else the builder is told.

Not counted is what changes without a change of the image that anybody means: times and owners, empty folders (git
does not keep them), the `.git` folder, our own lock file and folders that `convert` wrote.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final

from compose2fargate.aws.image_build import MANIFEST, ImageBuild, is_lock
from compose2fargate.credentials import is_build_secret
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity
from compose2fargate.disk.folder import Folder
from compose2fargate.disk.reading import UnsafeFileError, hash_open, read_text
from compose2fargate.images.dockerignore import DockerIgnore, ignore_file_of, parse_dockerignore
from compose2fargate.records import NamedTuple

_PINNED: Final = re.compile(r"#[0-9a-f]{40}(:|$)")


class ImageContent(NamedTuple):
    """What an image is made from.

    Attributes:
        digest: `sha256:…`; empty when it cannot be told from here, as for a branch of a git repository.
        size: Bytes of the context that are sent to the builder.
        ignore_file: The `.dockerignore` that was read; None when there is none.
    """

    digest: str
    size: int = 0
    ignore_file: str | None = None


class _Entry(NamedTuple):
    path: str
    kind: str
    digest: str
    size: int


Bases = Mapping[str, str]
"""The content digests of other services' images, on which one may be based, by key."""


class ContentReader:
    """Reads what images are made from; a context that several services share is read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str | None], tuple[_Entry, ...]] = {}

    def content(self, build: ImageBuild, bases: Bases | None = None) -> ImageContent:
        """Read what `build` is made from.

        Args:
            build: The image.
            bases: The content digest of each image that it may be based on.

        Raises:
            LoadError: The context, the Dockerfile or a file to copy is not there.
        """
        bases = bases or {}
        if build.context is not None and is_remote(build.context):
            pinned = bool(_PINNED.search(build.context))
            return ImageContent(_combine(build, bases, ()) if pinned else "")
        ignore_file = find_ignore_file(build)
        own = self._context(build, ignore_file)
        size = sum(entry.size for entry in own)
        if not _is_known(build, bases):
            return ImageContent("", size, ignore_file)
        entries = [*own, *_copied_entries(build), *self._named_contexts(build)]
        return ImageContent(_combine(build, bases, entries), size, ignore_file)

    def _context(self, build: ImageBuild, ignore_file: str | None) -> tuple[_Entry, ...]:
        if build.context is None:
            return ()
        if not os.path.isdir(build.context):
            raise _missing(build, f"the build context {build.context} is not a folder")
        return self._walk(build, build.context, ignore_file)

    def _named_contexts(self, build: ImageBuild) -> Iterator[_Entry]:
        for name, value in sorted(build.additional_contexts.items()):
            if os.path.isabs(value):
                found = self._walk(build, value, _if_file(os.path.join(value, ".dockerignore")))
                yield from (entry._replace(path=f"{name}:{entry.path}") for entry in found)

    def _walk(self, build: ImageBuild, root: str, ignore_file: str | None) -> tuple[_Entry, ...]:
        if (root, ignore_file) not in self._read:
            ignore = _ignore(build, ignore_file)
            with _Reading(build, "the build context"):
                self._read[root, ignore_file] = tuple(walk_context(root, ignore))
        return self._read[root, ignore_file]


def _is_known(build: ImageBuild, bases: Bases) -> bool:
    """Whether everything that it is based on could be told."""
    used = [
        value.removeprefix("service:")
        for value in build.additional_contexts.values()
        if value.startswith("service:")
    ]
    return all(bases.get(name) != "" for name in (*used, *([build.base] if build.base else ())))


def is_remote(context: str) -> bool:
    """Tell whether a context is an address that the builder fetches."""
    return "://" in context or context.startswith(("git@", "github.com/"))


def _dockerfile_path(build: ImageBuild) -> str:
    """Give the path of the Dockerfile of a local context."""
    return os.path.join(build.context or "", build.dockerfile or "Dockerfile")


def find_ignore_file(build: ImageBuild) -> str | None:
    """Find the ignore file: the one named after the Dockerfile comes before the one of the context."""
    if build.context is None or is_remote(build.context):
        return None
    return ignore_file_of(build.context, _dockerfile_path(build) if build.dockerfile_text is None else "")


def _combine(build: ImageBuild, bases: Bases, entries: Iterable[_Entry]) -> str:
    told = {
        "dockerfile": _dockerfile_text(build),
        "target": build.target,
        "platform": build.platform,
        # A credential's value is left out: not even its digest belongs into a file that is committed.
        "args": {name: None if is_build_secret(name) else value for name, value in build.args.items()},
        "labels": dict(build.labels),
        "secrets": [secret.id for secret in build.secrets],
        "contexts": {
            name: bases.get(value.removeprefix("service:"), value)
            if value.startswith("service:")
            else _shown(value)
            for name, value in build.additional_contexts.items()
        },
        "network": build.network,
        "extra_hosts": list(build.extra_hosts),
        "base": bases.get(build.base, build.base) if build.base else "",
        "remote": build.context if build.context and is_remote(build.context) else "",
        "files": [entry[:3] for entry in sorted(entries)],
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return f"sha256:{sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _shown(value: str) -> str:
    """A local folder counts by what is in it, not by where this checkout stands."""
    return "" if os.path.isabs(value) else value


def _dockerfile_text(build: ImageBuild) -> str:
    if build.dockerfile_text is not None:
        return build.dockerfile_text
    if build.context is None or is_remote(build.context):
        return build.dockerfile or ""
    with _Reading(build, "the Dockerfile"):
        return read_text(_dockerfile_path(build), "surrogateescape")


def _ignore(build: ImageBuild, file: str | None) -> DockerIgnore:
    if file is None:
        return DockerIgnore(())
    with _Reading(build, file):
        text = read_text(file, "surrogateescape")
    try:
        return parse_dockerignore(text)
    except ValueError as error:
        raise _missing(build, f"{file}: the pattern {str(error)!r} is not one that Docker reads") from None


def _if_file(path: str) -> str | None:
    return path if os.path.isfile(path) else None


def _copied_entries(build: ImageBuild) -> Iterator[_Entry]:
    for copied in build.files:
        at = f"+{copied.path}"
        if copied.text is not None:
            content = copied.text.encode("utf-8", "surrogateescape")
            yield _Entry(at, _kind(copied.mode or 0), sha256(content).hexdigest(), len(content))
            continue
        with _Reading(build, f"the file {copied.source}"):
            if os.path.isdir(copied.source) and not os.path.islink(copied.source):
                yield from (
                    entry._replace(path=f"{at}/{entry.path}")
                    for entry in walk_context(copied.source, DockerIgnore(()))
                )
            else:
                yield _single(at, copied.source)


def walk_context(root: str, ignore: DockerIgnore) -> Iterator[_Entry]:
    """Yield every file and link below `root` that `ignore` leaves in."""
    waiting: list[tuple[str, tuple[bool, ...]]] = [("", ())]
    with Folder(root) as opened:
        while waiting:
            folder, parent = waiting.pop()
            for name, mode in opened.list(folder):
                path = f"{folder}/{name}" if folder else name
                left_out, matched = ignore.check(path, parent)
                if stat.S_ISDIR(mode):
                    if (not left_out or ignore.takes_back) and not _is_ours(name, os.path.join(root, path)):
                        waiting.append((path, matched))
                elif not left_out and not is_lock(path):
                    entry = _read(opened, path, path, mode)
                    if entry:
                        yield entry


def _is_ours(name: str, path: str) -> bool:
    return name == ".git" or os.path.isfile(os.path.join(path, MANIFEST))


def _single(path: str, source: str) -> _Entry:
    """Give a file, or a link, that is copied alone."""
    opened, name = Folder.of(source)
    with opened:
        entry = _read(opened, path, name, opened.mode(name) or stat.S_IFREG)
    if entry is None:
        raise UnsafeFileError(source, "it is not a regular file")
    return entry


def _read(opened: Folder, path: str, name: str, mode: int) -> _Entry | None:
    if stat.S_ISLNK(mode):
        return _Entry(path, "link", sha256(os.fsencode(opened.link(name))).hexdigest(), 0)
    return _file(path, opened.open(name)) if stat.S_ISREG(mode) else None


def _file(path: str, descriptor: int) -> _Entry:
    digest, about = hash_open(descriptor)
    return _Entry(path, _kind(about.st_mode), digest, about.st_size)


def _kind(mode: int) -> str:
    """The executable bit is all of the mode that git keeps, so it is all that two checkouts share."""
    return "program" if mode & stat.S_IXUSR else "file"


class _Reading:
    """Turns what the operating system complains about into a finding that names the image."""

    def __init__(self, build: ImageBuild, what: str) -> None:
        self._build = build
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            reason = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
            raise _missing(self._build, f"{self._what} cannot be read: {reason}") from error


def _missing(build: ImageBuild, message: str) -> LoadError:
    return LoadError(
        Diagnostic(
            "C2F458",
            Severity.ERROR,
            f"{build.service}: {message}",
            ("services", build.service, "build"),
            hint=f"correct build: in the compose file, or leave the service out: --without {build.service}",
        )
    )
