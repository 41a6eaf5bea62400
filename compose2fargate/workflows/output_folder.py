"""Writes artefacts to a folder: all of them or none, and never over files that are somebody else's.

A folder of ours holds a manifest (`compose2fargate.json`) with the hash of every file we wrote. New files are
staged inside the folder, old ones are kept aside until all new ones stand, and the manifest comes last. A run
that dies in between is undone by the next one.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from compose2fargate.diagnostics import Diagnostic, EmitError, Location, Severity
from compose2fargate.disk.folder import Folder, is_plain
from compose2fargate.disk.reading import UnsafeFileError, parse_json
from compose2fargate.sync.fingerprints import unix_lines
from compose2fargate.sync.manifest import checksum
from compose2fargate.text.json_text import json_text

MANIFEST = "compose2fargate.json"
_STAGED = ".compose2fargate.new"
_ASIDE = ".compose2fargate.old"
_JOURNAL = ".created"


def text_digest(text: str) -> str:
    """Give the sha256 of a text as it stands in a file."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def write(artifacts: Mapping[str, str], folder: str, *, force: bool = False, inside: str = "") -> list[str]:
    """Write `artifacts`, the manifest among them, to `folder`.

    Files that an earlier run wrote and this one does not are removed; files that are not ours are left alone.

    Args:
        artifacts: Texts by their paths.
        folder: Where they go. Below it no link is followed, and it may be reached through links itself.
        force: Whether to replace what is not ours, or was edited.
        inside: A folder from which not even `folder` is reached through links, where it is below that.

    Returns:
        The paths, relative to `folder`, that were created, changed or removed.

    Raises:
        EmitError: The folder holds files that are not ours or were edited by hand (and `force` is False), holds links
            or special files in their place, or it cannot be written; then everything is as it was.
    """
    wanted = {path: text.encode("utf-8", "surrogateescape") for path, text in artifacts.items()}
    try:
        try:
            root = Folder(folder, inside=inside)
        except FileNotFoundError:
            root = Folder(folder, inside=inside, make=True)
        with root:
            return _written(wanted, root, force=force)
    except UnsafeFileError as error:
        raise EmitError(unsafe(error)) from error
    except OSError as error:
        raise EmitError(
            Diagnostic(
                "C2F310",
                Severity.ERROR,
                f"cannot write to {folder}: {error.strerror or error}",
                hint="nothing was changed; choose another folder with --output",
            )
        ) from error


def unsafe(error: OSError) -> Diagnostic:
    """Say that something is in the place of a file of ours that is none."""
    file = str(error.filename)
    return Diagnostic(
        "C2F313",
        Severity.ERROR,
        f"{file} is in the way: {error.strerror}",
        (),
        Location(file, 1, 1),
        f"nothing was changed; check what it is, and remove it: rm {shlex.quote(file)}",
    )


def _written(wanted: Mapping[str, bytes], root: Folder, *, force: bool) -> list[str]:
    _undo(root)
    before = _owned(root, force=force)
    present = _present(root, {*wanted, *before})
    if not force:
        _refuse_other_place(wanted, root.path, present)
        _refuse_foreign(wanted, root.path, before, present)
    changed = {path: content for path, content in wanted.items() if present.get(path) != content}
    stale = [path for path in before if path in present and path not in wanted]
    if changed or stale:
        _commit(changed, stale, present, root)
    return sorted([*changed, *stale])


def _owned(root: Folder, *, force: bool) -> Mapping[str, str]:
    """Path and hash of each file that the manifest in the folder lists.

    Raises:
        EmitError: There are files but no manifest, or it cannot be read.
    """
    if all(_is_of_an_environment(root, name) for name, _ in root.list()):
        return {}
    folder = root.path
    try:
        files = parse_json(root.read(MANIFEST))["files"]
        return {path: str(hash_) for path, hash_ in files.items() if is_plain(path)} | {MANIFEST: ""}
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


def _is_of_an_environment(root: Folder, name: str) -> bool:
    """Tell whether something in a folder is a folder of ours, as those of environments are."""
    try:
        return root.is_regular(f"{name}/{MANIFEST}")
    except OSError:
        return False


def _refuse_other_place(wanted: Mapping[str, bytes], folder: str, present: Mapping[str, bytes]) -> None:
    """Raise when the folder holds the same stack for another environment, region or account.

    What is deployed from such a folder would go on with the state of the other one.
    """
    there, here = _placed(present.get(MANIFEST)), _placed(wanted.get(MANIFEST))
    findings = [
        Diagnostic(
            "C2F314",
            Severity.ERROR,
            f"{folder} is for {_named(name, there[name])}, but this is for {_named(name, here[name])}",
            hint="choose another folder with --output, or replace that one with --force",
        )
        for name in _PLACE
        if there != here and there and here and there[name] != here[name] and _tells(name, there, here)
    ]
    if findings:
        raise EmitError(findings)


_PLACE = ("environment", "region", "account")


def _placed(manifest: bytes | None) -> Mapping[str, str]:
    """Give where a stack goes as its manifest says it; nothing where there is none that can be read."""
    try:
        settings = parse_json(manifest or b"")["settings"]
        return {name: str(settings.get(name, "")) for name in _PLACE}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _tells(name: str, there: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Tell whether both say something: without an environment is an environment, without a region is not one."""
    return name == "environment" or bool(there[name] and here[name])


def _named(name: str, value: str) -> str:
    return f"the {name} {value}" if value else f"no {name}"


def _present(root: Folder, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Content of those of `paths` that stand in the folder."""
    contents: dict[str, bytes] = {}
    for path in sorted(paths) if root.list() else ():
        with suppress(FileNotFoundError):
            contents[path] = root.read(path)
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
    changed: Mapping[str, bytes], stale: Iterable[str], present: Collection[str], root: Folder
) -> None:
    """Stage the new files, then swap them in, the manifest last."""
    try:
        with root.make_folder(_STAGED) as staged, root.make_folder(_ASIDE) as aside:
            for path in changed:
                staged.create(path, changed[path])
            order = sorted(changed, key=lambda path: path == MANIFEST)
            placed = {path: sha256(changed[path]).hexdigest() for path in order}
            aside.create(_JOURNAL, json.dumps(placed).encode())
            for path in (*stale, *order):
                if path in present:
                    root.move(path, aside, path)
            _place(order, staged, root)
            aside.remove(_JOURNAL)  # from here on the new files count
    except BaseException:
        _undo(root)
        raise
    root.discard(_ASIDE)
    root.discard(_STAGED)


def _place(paths: Iterable[str], staged: Folder, root: Folder) -> None:
    """Move what is staged to where it belongs, in order; a folder that is not there yet goes as a whole."""
    inside: dict[str, list[str]] = {}
    for path in paths:
        inside.setdefault(path.partition("/")[0], []).append(path)
    for top, below in inside.items():
        if below != [top] and root.mode(top) is None:
            staged.move_folder(top, root)
        else:
            for path in below:
                staged.move(path, root, path)


def _undo(root: Folder) -> None:
    """Bring the old files back when an earlier run, or this one, did not come to its end; clear away what it left.

    What an earlier run left may be forged: all of it is looked at before anything is touched, and a file in the folder
    gives way only if it is what the journal says that the run put there.
    """
    aside = [path.removeprefix(f"{_ASIDE}/") for path in root.files(_ASIDE)]
    for _ in root.files(_STAGED):
        pass
    placed = _journal(root)
    if placed is not None:
        old = frozenset(path for path in aside if path != _JOURNAL)
        for path in [path for path in sorted({*placed, *old}) if _gives_way(root, path, placed, old)]:
            _take_out(path, root)
        for path in sorted(old):
            root.move(f"{_ASIDE}/{path}", root, path)
    root.discard(_ASIDE)
    root.discard(_STAGED)


def _gives_way(root: Folder, path: str, placed: Mapping[str, str], old: Collection[str]) -> bool:
    """Tell whether the run that was interrupted has put a new file at `path`: that one has to go.

    Raises:
        UnsafeFileError: An old file belongs there, and another one is there now.
    """
    try:
        there = root.read(path)
    except FileNotFoundError:
        return False
    if sha256(there).hexdigest() == placed.get(path):
        return True
    if path in old:
        aside = os.path.join(root.path, _ASIDE)
        raise UnsafeFileError(aside, f"a run was interrupted, and {path} has changed since")
    return False


def _take_out(path: str, root: Folder) -> None:
    """Remove a file, and the folders that are empty without it: they would be taken for somebody else's."""
    root.remove(path)
    while (path := path.rpartition("/")[0]) and root.remove_empty(path):
        pass


def _journal(root: Folder) -> Mapping[str, str] | None:
    """What the run that was interrupted was about to put where, as hashes; None when there is nothing to bring back.

    The journal is written before anything is moved, and removed when all new files stand.
    """
    try:
        said = parse_json(root.read(f"{_ASIDE}/{_JOURNAL}"))
    except FileNotFoundError:
        return None
    except ValueError:  # it died while it wrote the journal
        return {}
    return {path: str(said[path]) for path in said if is_plain(path)} if isinstance(said, dict) else {}


def manifest_text(content: Mapping[str, Any], artifacts: Mapping[str, str]) -> str:
    """Give the text of the manifest: `content`, the hash of each artefact, and a checksum of it all."""
    whole = {**content, "files": {path: text_digest(text) for path, text in sorted(artifacts.items())}}
    whole["checksum"] = checksum(whole)
    return json_text(whole) + "\n"
