"""Writes artefacts to a folder: all of them or none, and never over files that are somebody else's.

A folder of ours holds a manifest (`compose2fargate.json`) with the hash of every file we wrote. New files are
staged inside the folder, old ones are kept aside until all new ones stand, and the manifest comes last. A run
that dies in between is undone by the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.json_text import json_text
from compose2fargate.sync.manifest import checksum, unix_lines

MANIFEST = "compose2fargate.json"
_STAGED = ".compose2fargate.new"
_ASIDE = ".compose2fargate.old"
_CREATED = ".created"


def digest(text: str) -> str:
    """Give the sha256 of a text as it stands in a file."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def write(artifacts: Mapping[str, str], folder: str, *, force: bool = False) -> list[str]:
    """Write `artifacts`, the manifest among them, to `folder`.

    Files that an earlier run wrote and this one does not are removed; files that are not ours are left alone.

    Returns:
        The paths, relative to `folder`, that were created, changed or removed.

    Raises:
        EmitError: The folder holds files that are not ours or were edited by hand (and `force` is False), or
            it cannot be written; then everything is as it was.
    """
    try:
        _undo(folder)
        before = _owned(folder, force=force)
        present = _present(folder, {*artifacts, *before})
        wanted = {path: text.encode("utf-8", "surrogateescape") for path, text in artifacts.items()}
        if not force:
            _refuse_foreign(wanted, folder, before, present)
        changed = {path: content for path, content in wanted.items() if present.get(path) != content}
        stale = [path for path in before if path in present and path not in wanted]
        if changed or stale:
            _commit(changed, stale, present, folder)
    except OSError as error:
        raise EmitError(
            Diagnostic(
                "C2F310",
                Severity.ERROR,
                f"cannot write to {folder}: {error.strerror or error}",
                hint="nothing was changed; choose another folder with --output",
            )
        ) from error
    return sorted([*changed, *stale])


def _owned(folder: str, *, force: bool) -> Mapping[str, str]:
    """Path and hash of each file that the manifest in `folder` lists.

    Raises:
        EmitError: There are files but no manifest, or it cannot be read.
    """
    if not os.path.isdir(folder) or not os.listdir(folder):
        return {}
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            files = json.load(file)["files"]
        return {path: str(hash_) for path, hash_ in files.items() if _is_inside(path)} | {MANIFEST: ""}
    except FileNotFoundError:
        problem = f"{folder} holds files that compose2fargate did not write"
    except (ValueError, KeyError, TypeError, AttributeError):
        problem = f"{folder}/{MANIFEST} is damaged"
    if force:
        return {}
    raise EmitError(
        Diagnostic(
            "C2F311",
            Severity.ERROR,
            problem,
            hint="choose another folder with --output, or write there anyway with --force",
        )
    )


def _is_inside(path: str) -> bool:
    return not os.path.isabs(path) and ".." not in path.split("/")


def _present(folder: str, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Content of those of `paths` that stand in `folder`; a link that leads nowhere is there, and empty."""
    contents: dict[str, bytes] = {}
    for path in paths if os.path.isdir(folder) else ():
        file = os.path.join(folder, path)
        try:
            with open(file, "rb") as opened:
                contents[path] = opened.read()
        except FileNotFoundError:
            if os.path.lexists(file):
                contents[path] = b""
    return contents


def _refuse_foreign(
    wanted: Mapping[str, bytes], folder: str, before: Mapping[str, str], present: Mapping[str, bytes]
) -> None:
    """Raise when a file that is about to be replaced or removed is not as we wrote it."""
    findings = [
        Diagnostic(
            "C2F312",
            Severity.ERROR,
            f"{folder}/{path} {problem}",
            hint="move it away, or replace it with --force",
        )
        for path, problem in _foreign(wanted, before, present)
    ]
    if findings:
        raise EmitError(findings)


def _foreign(
    wanted: Mapping[str, bytes], before: Mapping[str, str], present: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    for path, content in sorted(present.items()):
        if path == MANIFEST:
            continue
        if path not in before:
            yield path, "was not written by compose2fargate"
        elif sha256(unix_lines(content)).hexdigest() != before[path] and content != wanted.get(path):
            yield path, "was edited by hand since it was written"


def _commit(
    changed: Mapping[str, bytes], stale: Iterable[str], present: Collection[str], folder: str
) -> None:
    """Stage the new files, then swap them in, the manifest last."""
    staged, aside = os.path.join(folder, _STAGED), os.path.join(folder, _ASIDE)
    try:
        _stage(changed, staged)
        order = sorted(changed, key=lambda path: path == MANIFEST)
        created = json.dumps([path for path in order if path not in present])
        _stage({_CREATED: created.encode()}, aside)
        _move([path for path in (*stale, *order) if path in present], folder, aside)
        _place(order, staged, folder)
        os.remove(os.path.join(aside, _CREATED))  # from here on the new files count
    except BaseException:
        _undo(folder)
        raise
    _discard(aside)
    _discard(staged)


def _stage(contents: Mapping[str, bytes], folder: str) -> None:
    for path, target in _targets(contents, folder):
        _save(contents[path], target)


def _save(content: bytes, file: str) -> None:
    """Write a new file. Python's file objects take as long again as the system, and there are thousands of files."""
    descriptor = os.open(file, _NEW_FILE, 0o666)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


def _place(paths: Iterable[str], staged: str, folder: str) -> None:
    """Move what is staged to where it belongs, in order; a folder that is not there yet goes as a whole."""
    inside: dict[str, list[str]] = {}
    for path in paths:
        inside.setdefault(path.partition("/")[0], []).append(path)
    for top, below in inside.items():
        if os.path.lexists(os.path.join(folder, top)):
            _move(below, staged, folder)
        else:
            os.replace(os.path.join(staged, top), os.path.join(folder, top))


def _move(paths: Iterable[str], source: str, folder: str) -> None:
    for path, target in _targets(paths, folder):
        os.replace(os.path.join(source, path), target)


def _targets(paths: Iterable[str], folder: str) -> Iterator[tuple[str, str]]:
    """Yield each path with where it goes, in a directory that exists."""
    made: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        if parent not in made:
            os.makedirs(os.path.join(folder, parent), exist_ok=True)
            made.add(parent)
        yield path, os.path.join(folder, path)


def _undo(folder: str) -> None:
    """Bring the old files back when an earlier run, or this one, did not come to its end; clear away what it left."""
    aside = os.path.join(folder, _ASIDE)
    created = _created(aside)
    if created is not None:
        for path in created:
            _take_out(path, folder)
        for parent, _, names in os.walk(aside):
            files = [os.path.relpath(os.path.join(parent, name), aside) for name in names if name != _CREATED]
            _move(files, aside, folder)
    _discard(aside)
    _discard(os.path.join(folder, _STAGED))


def _take_out(path: str, folder: str) -> None:
    """Remove a file, and the folders that are empty without it: they would be taken for somebody else's."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.remove(os.path.join(folder, path))
    with suppress(OSError):
        while path := path.rpartition("/")[0]:
            with suppress(FileNotFoundError):
                os.rmdir(os.path.join(folder, path))


def _discard(folder: str) -> None:
    """Remove a folder of ours as far as that can be done; importing shutil takes longer than all of writing."""
    for parent, _, names in os.walk(folder, topdown=False):
        with suppress(OSError):
            for name in names:
                os.remove(os.path.join(parent, name))
            os.rmdir(parent)


def _created(aside: str) -> list[str] | None:
    """The files that did not exist before the run that `aside` is left from; None when it has nothing to bring back.

    The list is written before anything is moved, and removed when all new files stand.
    """
    try:
        with open(os.path.join(aside, _CREATED), encoding="utf-8") as file:
            return [path for path in json.load(file) if _is_inside(path)]
    except FileNotFoundError:
        return None
    except ValueError:  # it died while it wrote the list
        return []


def manifest(content: Mapping[str, Any], artifacts: Mapping[str, str]) -> str:
    """Give the text of the manifest: `content`, the hash of each artefact, and a checksum of it all."""
    whole = {**content, "files": {path: digest(text) for path, text in sorted(artifacts.items())}}
    whole["checksum"] = checksum(whole)
    return json_text(whole) + "\n"
