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
from typing import Final, NamedTuple

from compose2fargate.aws.builds import LOCK, MANIFEST, ImageBuild
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity
from compose2fargate.images.ignore import Ignore, parse

_CHUNK: Final = 1 << 20
_PINNED: Final = re.compile(r"#[0-9a-f]{40}(:|$)")
_CREDENTIAL: Final = re.compile(
    r"(?i)passw|passphrase|secret|token|credential|api_?key|private_?key|(^|_)(pass|pwd|auth|key|pat)(_|$)"
)


class Content(NamedTuple):
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


class Reader:
    """Reads what images are made from; a context that several services share is read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str | None], tuple[_Entry, ...]] = {}

    def content(self, build: ImageBuild, bases: Bases | None = None) -> Content:
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
            return Content(_combine(build, bases, ()) if pinned else "")
        ignore_file = find_ignore_file(build)
        own = self._context(build, ignore_file)
        size = sum(entry.size for entry in own)
        if not _is_known(build, bases):
            return Content("", size, ignore_file)
        entries = [*own, *_copied_entries(build), *self._named_contexts(build)]
        return Content(_combine(build, bases, entries), size, ignore_file)

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
                self._read[root, ignore_file] = tuple(walk(root, ignore))
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


def looks_secret(name: str) -> bool:
    """Tell whether a build argument is called like a credential."""
    return bool(_CREDENTIAL.search(name))


def dockerfile_path(build: ImageBuild) -> str:
    """Give the path of the Dockerfile of a local context."""
    return os.path.join(build.context or "", build.dockerfile or "Dockerfile")


def find_ignore_file(build: ImageBuild) -> str | None:
    """Find the ignore file: the one named after the Dockerfile comes before the one of the context."""
    if build.context is None or is_remote(build.context):
        return None
    candidates = [os.path.join(build.context, ".dockerignore")]
    if build.dockerfile_text is None:
        candidates.insert(0, f"{dockerfile_path(build)}.dockerignore")
    return next(filter(os.path.isfile, candidates), None)


def _combine(build: ImageBuild, bases: Bases, entries: Iterable[_Entry]) -> str:
    told = {
        "dockerfile": _dockerfile_text(build),
        "target": build.target,
        "platform": build.platform,
        # A credential's value is left out: not even its digest belongs into a file that is committed.
        "args": {name: None if looks_secret(name) else value for name, value in build.args.items()},
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
    with (
        _Reading(build, "the Dockerfile"),
        open(dockerfile_path(build), encoding="utf-8", errors="surrogateescape") as file,
    ):
        return file.read()


def _ignore(build: ImageBuild, file: str | None) -> Ignore:
    if file is None:
        return Ignore(())
    with _Reading(build, file), open(file, encoding="utf-8", errors="surrogateescape") as opened:
        text = opened.read()
    try:
        return parse(text)
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
            if os.path.isdir(copied.source):
                yield from (
                    entry._replace(path=f"{at}/{entry.path}") for entry in walk(copied.source, Ignore(()))
                )
            else:
                yield _file(at, copied.source, os.stat(copied.source))


def walk(root: str, ignore: Ignore) -> Iterator[_Entry]:
    """Yield every file and link below `root` that `ignore` leaves in."""
    waiting: list[tuple[str, tuple[bool, ...]]] = [("", ())]
    while waiting:
        folder, parent = waiting.pop()
        with os.scandir(os.path.join(root, folder)) as found:
            for item in found:
                path = f"{folder}/{item.name}" if folder else item.name
                left_out, matched = ignore.check(path, parent)
                if item.is_dir(follow_symlinks=False):
                    if (not left_out or ignore.takes_back) and not _is_ours(item.name, item.path):
                        waiting.append((path, matched))
                elif not left_out and path != LOCK:
                    entry = _read(path, item)
                    if entry:
                        yield entry


def _is_ours(name: str, path: str) -> bool:
    return name == ".git" or os.path.isfile(os.path.join(path, MANIFEST))


def _read(path: str, item: os.DirEntry[str]) -> _Entry | None:
    if item.is_symlink():
        return _Entry(path, "link", sha256(os.fsencode(os.readlink(item.path))).hexdigest(), 0)
    about = item.stat()
    return _file(path, item.path, about) if stat.S_ISREG(about.st_mode) else None


def _file(path: str, source: str, about: os.stat_result) -> _Entry:
    hashed = sha256()
    with open(source, "rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return _Entry(path, _kind(about.st_mode), hashed.hexdigest(), about.st_size)


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
