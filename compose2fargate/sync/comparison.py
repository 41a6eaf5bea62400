"""A folder of generated files against what is generated now: the state of each file, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from compose2fargate.credentials import MASK, is_hidden, mask_value
from compose2fargate.records import NamedTuple
from compose2fargate.sync.change_causes import Cause, CauseKind, ChangeCauses
from compose2fargate.sync.manifest import Manifest

if TYPE_CHECKING:  # what follows is loaded when something differs: most runs find nothing
    from compose2fargate.sync.structural_diff import TextDifference

_WIDTH: Final = 60
"""How much of a value a message shows."""


class FileStatus(str, Enum):
    """What became of one file."""

    IN_SYNC = "in sync"
    FORM = "differs in form only"
    OUTDATED = "out of date"
    EDITED = "edited by hand"
    MISSING = "missing"
    NEW = "not written yet"
    STALE = "no longer generated"
    FOREIGN = "not ours"


FINE: Final = frozenset({FileStatus.IN_SYNC, FileStatus.FORM})
"""The states of a file that agrees with its compose file."""


class FieldChange(NamedTuple):
    """One field that is not as it would be generated now.

    Attributes:
        service: The compose service; "" where it belongs to none.
        field: The field in ECS terms; "" for the whole file.
        old: What stood there before; None for nothing. Credentials are masked.
        new: What stands there after that; None for nothing.
        cause: Why.
        line: Its line in the file on disk.
    """

    service: str
    field: str
    old: str | None
    new: str | None
    cause: Cause
    line: int


class FileState(NamedTuple):
    """One file of the folder, and what is not as it would be generated now.

    `old` and `new` are its texts on disk and now, None where there is none.
    """

    path: str
    state: FileStatus
    changes: tuple[FieldChange, ...] = ()
    old: str | None = None
    new: str | None = None


_TIMES: Final = 4
_LINES: Final = 2000
_CHARACTERS: Final = 200_000


def compare_files(
    manifest: Manifest,
    disk: Mapping[str, str],
    made: Mapping[str, str],
    owners: Mapping[str, str],
    causes: ChangeCauses,
) -> list[FileState]:
    """Give the state of every file that was or would be generated.

    Args:
        manifest: What the manifest of the folder says.
        disk: The text of each of these files that is there.
        made: What is generated now.
        owners: Names that stand in generated files to the service they belong to.
        causes: What is different from when the files were written.
    """
    comparison = _Comparison(manifest, owners, causes)
    paths = sorted({*manifest.files, *made})
    return [comparison.file(path, disk.get(path), made.get(path)) for path in paths]


class _Comparison:
    def __init__(self, manifest: Manifest, owners: Mapping[str, str], causes: ChangeCauses) -> None:
        self._recorded = manifest.files
        self._owners = owners
        self._causes = causes

    def file(self, path: str, old: str | None, new: str | None) -> FileState:
        """Judge one file."""
        if old == new or (new is None and old is None):
            return FileState(path, FileStatus.IN_SYNC)
        if old is None:
            if path in self._recorded:
                return FileState(path, FileStatus.MISSING, (), None, new)
            return FileState(path, FileStatus.NEW, (self._whole(path),), None, new)
        if new is None:
            return FileState(path, FileStatus.STALE, (self._whole(path),), old, None)
        if path not in self._recorded:
            return FileState(path, FileStatus.FOREIGN, (), old, new)
        return self._both(path, old, new)

    def _whole(self, path: str) -> FieldChange:
        service = self._service(path, ())
        return FieldChange(service, "", None, None, self._causes.of_service(service), 1)

    def _both(self, path: str, old: str, new: str) -> FileState:
        from compose2fargate.sync.structural_diff import text_differences

        edited = _hash(old) != self._recorded[path]
        only_edited = edited and _hash(new) == self._recorded[path]
        whole, old = old, _in_proportion(old, new)
        found = text_differences(path, old, new)
        if not found and old == whole:
            return FileState(path, FileStatus.FORM, (), old, new)
        changes = tuple(
            self._change(
                path,
                difference,
                old,
                by_hand=only_edited or (edited and not self._explained(path, difference)),
            )
            for difference in found
        )
        by_hand = old != whole or any(change.cause.kind is CauseKind.EDITED for change in changes)
        return FileState(path, FileStatus.EDITED if by_hand else FileStatus.OUTDATED, changes, old, new)

    def _explained(self, path: str, difference: TextDifference) -> bool:
        return self._causes.decided_by_change(self._service(path, difference.path), difference.path)

    def _change(self, path: str, difference: TextDifference, old: str, *, by_hand: bool) -> FieldChange:
        from compose2fargate.sync.field_causes import in_ecs_terms
        from compose2fargate.sync.structural_diff import line_of

        service = self._service(path, difference.path)
        field = in_ecs_terms(difference.path, service)
        before, after = (
            shown_value_of_field(difference.old, difference.path),
            shown_value_of_field(difference.new, difference.path),
        )
        line = line_of(path, old, difference.at)
        if by_hand:
            cause = Cause(CauseKind.EDITED, "", self._causes.says(service, difference.path))
            return FieldChange(service, field, after, before, cause, line)
        return FieldChange(service, field, before, after, self._causes.of(service, difference.path), line)

    def _service(self, path: str, field: Sequence[str]) -> str:
        """Find the service that a field belongs to: by its container, else by its resource, else by its file."""
        for part in (*_containers(field), *field[:3], *_stems(path)):
            owner = self._owners.get(part) or self._owners.get(part.replace("_", "-"))
            if owner is not None:
                return owner
        return self._within(field[:2])

    def _within(self, parts: Sequence[str]) -> str:
        """Find the longest name that begins a logical id like `WebTaskDefinition`."""
        plain = [re.sub("[^a-z0-9]", "", part.lower()) for part in parts]
        names = sorted(self._owners, key=len, reverse=True)
        for name in names:
            short = re.sub("[^a-z0-9]", "", name.lower())
            if short and any(part.startswith(short) or part.endswith(short) for part in plain):
                return self._owners[name]
        return ""


def _containers(field: Sequence[str]) -> Iterator[str]:
    for before, part in pairwise(field):
        if re.sub("[^a-z]", "", before.lower()).endswith(("containerdefinitions", "jsonencode")):
            yield part


def _stems(path: str) -> Iterator[str]:
    """Yield the names that a file's name may carry: `service_web.tf` is about `web`."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    yield stem
    for separator in "_-":
        if separator in stem:
            yield stem.partition(separator)[2]


def _in_proportion(old: str, new: str) -> str:
    """Give the beginning of a file that is many times what is generated: comparing takes the product of their lengths."""
    lines = _TIMES * new.count("\n") + _LINES
    return "\n".join(old[: _TIMES * len(new) + _CHARACTERS].split("\n", lines)[:lines])


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def shown_value_of_field(value: Any, path: Sequence[str]) -> str | None:
    """Write a value as a message shows it: short, on one line, and no credential."""
    from compose2fargate.sync.structural_diff import ABSENT

    if value is ABSENT:
        return None
    if "valueFrom" not in path and any(map(is_hidden, path[-2:])):
        return MASK
    if isinstance(value, dict) and {key.lower() for key in value} == {"name", "value"}:
        value = mask_value(value)
        value = value.get("value", value.get("Value"))
    hidden = mask_value(value, path[-1] if path else "")
    text = hidden if isinstance(hidden, str) else json.dumps(hidden, ensure_ascii=False)
    text = re.sub(r"\s+", " ", text)
    return text if 0 < len(text) <= _WIDTH else (f"{text[: _WIDTH - 1]}…" if text else '""')
