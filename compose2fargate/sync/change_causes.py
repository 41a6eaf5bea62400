"""What made a field differ: a line of a compose file, a variable, another input, another version, or a hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cached_property

from compose2fargate.compose.sources.source_files import Mark, Marks, locate
from compose2fargate.diagnostics import Location
from compose2fargate.records import NamedTuple
from compose2fargate.sync.field_causes import candidate_keys
from compose2fargate.sync.fingerprints import SET, Key, same_value
from compose2fargate.sync.manifest import Manifest


class CauseKind(str, Enum):
    """The kinds of causes."""

    COMPOSE = "compose changed"
    VARIABLE = "variable"
    INPUT = "input changed"
    VERSION = "other version"
    EDITED = "edited by hand"
    UNKNOWN = "unknown"


class Cause(NamedTuple):
    """Why a field differs.

    Attributes:
        kind: What kind of cause it is.
        name: The variable, the input or the version; empty otherwise.
        location: The line in a source; for what was edited by hand, the line that says otherwise.
    """

    kind: CauseKind
    name: str = ""
    location: Location | None = None


class RegeneratedInputs(NamedTuple):
    """What regenerating saw.

    Attributes:
        version: This program's version.
        keys: Fingerprints of the keys of the compose model.
        inputs: Fingerprints of the files that were read, by their path from the folder.
        compose: Those of them that are compose files.
        variables: The variables' values.
        marks: Where each key was written.
        origin: Gives the path from the folder of a file that a location names.
        shown: Gives the name, as locations have it, of a path from the folder.
        text: Gives the text of a file that a location names; None when it cannot be read.
    """

    version: str
    keys: Mapping[Key, str]
    inputs: Mapping[str, str]
    compose: frozenset[str]
    variables: Mapping[str, str | None]
    marks: Marks
    origin: Callable[[str], str]
    shown: Callable[[str], str]
    text: Callable[[str], str | None]


class ChangeCauses:
    """Compares what a manifest recorded with what is now, and finds the cause of each difference."""

    def __init__(self, manifest: Manifest, now: RegeneratedInputs) -> None:
        self._then = manifest
        self._now = now

    @cached_property
    def changed(self) -> list[Key]:
        """The keys that are not what they were; () for a manifest that does not know."""
        then, now = self._then.keys, self._now.keys
        if not then:
            return []
        return [key for key in dict.fromkeys((*now, *then)) if then.get(key) != now.get(key)]

    @cached_property
    def variables(self) -> list[str]:
        """The variables that have another value here than when the files were written."""
        now = self._now.variables
        then = self._then.variables
        return [name for name, digits in then.items() if name in now and not same_value(digits, now[name])]

    @cached_property
    def untold(self) -> list[str]:
        """The variables of which nothing is recorded but that they had a value, which may have been another."""
        return [name for name, digits in self._then.variables.items() if digits == SET]

    @cached_property
    def inputs(self) -> list[str]:
        """The files that are not what they were, gone or new."""
        then, now = self._then.inputs, self._now.inputs
        return [path for path in dict.fromkeys((*then, *now)) if not _alike(then.get(path), now.get(path))]

    @property
    def other_version(self) -> bool:
        """Whether another version of the program wrote the files."""
        return self._then.version != self._now.version

    def of(self, service: str, path: Sequence[str]) -> Cause:
        """Find what made the field at `path` of `service` differ."""
        built = None if self.decided_by_change(service, path) else self._dockerfile(service, path)
        if built is not None:
            return Cause(CauseKind.INPUT, self._now.shown(built), self._start_of(built))
        key = self._changed_key(service, path)
        if key is None and not service:
            key = self._named_variable(path)
        if key is not None:
            return self._refined(key)
        return self._without_key(service, path)

    def decided_by_change(self, service: str, path: Sequence[str]) -> bool:
        """Tell whether a key that decides the field was changed: then a hand need not have."""
        return any(self._is_changed(key) for key in candidate_keys(path, service))

    def says(self, service: str, path: Sequence[str]) -> Location | None:
        """Find the line that decides the field at `path`, whether it changed or not."""
        key = next((key for key in candidate_keys(path, service) if self._mark(key)), None)
        return self._place(key) if key else None

    def of_service(self, service: str) -> Cause:
        """Find what made a whole file of `service` come or go."""
        own = [key for key in self.changed if key[:2] == ("services", service)]
        if own:
            exists = any(key[:2] == ("services", service) for key in self._now.keys)
            existed = any(key[:2] == ("services", service) for key in self._then.keys)
            whole = ("services", service) if exists else ("services",)
            key = self._first(own) if exists and existed else whole
            return self._refined(key)
        return self.of(service, ())

    # ------------------------------------------------------------------------------------------------------

    def _changed_key(self, service: str, path: Sequence[str]) -> Key | None:
        wanted = [key for key in candidate_keys(path, service) if self._is_changed(key)]
        found = next((key for key in wanted if self._mark(key)), None) or next(iter(wanted), None)
        if found is not None or not self.changed:
            return found and self._innermost(found)
        entries = candidate_keys(path, service) if any(part.lower() == "environment" for part in path) else ()
        unhashed = next((key for key in entries if _is_entry(key) and self._mark(key)), None)
        if unhashed is not None:
            # A store that AWS runs, or runs no more, changes what its clients are told.
            stores = [key for key in self.changed if key[2:4] == ("x-fargate", "managed")]
            return self._first(stores) if stores else unhashed
        own = [key for key in self.changed if key[:2] == ("services", service)]
        others = [key for key in self.changed if key[0] == "services" and key not in own]
        related = [
            key for other in dict.fromkeys(key[1] for key in others) for key in candidate_keys(path, other)
            if self._is_changed(key) and self._mark(key)
        ]  # fmt: skip
        shared = [key for key in self.changed if key[0] != "services"]
        for group in (own, related, shared, others):
            if group:
                return self._first(group)
        return None

    def _named_variable(self, path: Sequence[str]) -> Key | None:
        """Give the variable that a line of a script names together with its service: a credential, which leaves no trace."""
        words = set(re.findall(r"[\w-]+", " ".join(path)))
        services = self._below(("services",))
        return next(
            (
                (*own, variable)
                for name in services
                if name in words
                for own in (("services", name, "environment"),)
                for variable in self._below(own)
                if variable in words
            ),
            None,
        )

    def _below(self, key: Key) -> Sequence[str]:
        mark = self._mark(key)
        return [str(name) for name in (mark[3] or {})] if mark else []

    def _dockerfile(self, service: str, path: Sequence[str]) -> str | None:
        """Give the Dockerfile that changed, where one can decide the field; that of the service if its path says so."""
        changed = [file for file in self.inputs if "dockerfile" in file.rpartition("/")[2].lower()]
        if not changed or not any(
            key[2:3] == ("build",) and self._mark(key) for key in candidate_keys(path, service)
        ):
            return None
        return next((file for file in changed if service in file.split("/")), changed[0])

    def _is_changed(self, key: Key) -> bool:
        return key in self._above or any(key[:length] in self._known for length in range(1, len(key)))

    @cached_property
    def _known(self) -> frozenset[Key]:
        return frozenset(self.changed)

    @cached_property
    def _above(self) -> frozenset[Key]:
        """The changed keys, and everything that they stand in."""
        return frozenset(key[:length] for key in self.changed for length in range(1, len(key) + 1))

    def _innermost(self, key: Key) -> Key:
        """Give the changed key below `key`, where it was written; else `key`."""
        below = [other for other in self.changed if other[: len(key)] == key]
        return self._first(below) if below else key

    def _first(self, keys: Iterable[Key]) -> Key:
        """Choose the key that was written first; defaults, which nobody wrote, come last."""
        return min(keys, key=lambda key: (self._mark(key) is None, self._place(key) or Location("", 0, 0)))

    def _without_key(self, service: str, path: Sequence[str]) -> Cause:
        """Find a cause that left no trace in the keys: a credential, an input, a variable, the version."""
        files = [file for file in self.inputs if self._is_compose(file)]
        others = [file for file in self.inputs if file not in files]
        says = self.says(service, path)
        if says is not None and self._now.origin(says.file) in self.inputs:
            kind = CauseKind.COMPOSE if self._now.origin(says.file) in files else CauseKind.INPUT
            mentioned = self._mentioned(says)
            return Cause(CauseKind.VARIABLE, mentioned, says) if mentioned else Cause(kind, says.file, says)
        if says is not None and (name := self._mentioned(says)):
            return Cause(CauseKind.VARIABLE, name, says)
        if others:
            return Cause(CauseKind.INPUT, ", ".join(map(self._now.shown, others)), self._start_of(others[0]))
        if self.variables:
            return Cause(CauseKind.VARIABLE, ", ".join(self.variables), says)
        if self.other_version:
            return Cause(CauseKind.VERSION, self._then.version)
        return Cause(CauseKind.COMPOSE, "", says) if files else self._last_resort(says)

    def _refined(self, key: Key) -> Cause:
        """Tell a line that was changed from one that reads differently here."""
        place = self._place(key)
        if place is None:
            return Cause(CauseKind.COMPOSE)
        while len(key) > 3 and not self._may_have_changed(place) and not self._mentioned(place):
            key = key[:-1]  # a line of an env file may read what a line of the compose file says
            place = self._place(key) or place
        name = self._mentioned(place)
        if name:
            return Cause(CauseKind.VARIABLE, name, place)
        file = self._now.origin(place.file)
        if self._may_have_changed(place) or file not in self._then.inputs:
            return Cause(CauseKind.COMPOSE if self._is_compose(file) else CauseKind.INPUT, place.file, place)
        if self.inputs:
            changed = self.inputs[0]
            kind = CauseKind.COMPOSE if self._is_compose(changed) else CauseKind.INPUT
            return Cause(kind, self._now.shown(changed), self._start_of(changed))
        if self.variables:
            return Cause(CauseKind.VARIABLE, ", ".join(self.variables), place)
        return (
            Cause(CauseKind.VERSION, self._then.version) if self.other_version else self._last_resort(place)
        )

    def _may_have_changed(self, place: Location) -> bool:
        """Tell whether the line of a changed key was changed itself; one that reads no variable was, if its file can have been."""
        file = self._now.origin(place.file)
        if file in self.inputs:
            return True
        untold = self._then.inputs.get(file) == SET and not self._is_compose(file)
        return untold and not any("$" in line for line in _entry(self._now.text(place.file) or "", place))

    def _is_compose(self, path: str) -> bool:
        """Tell whether a file is a compose file, or was one, as far as its name says."""
        return path in self._now.compose or (
            path not in self._now.inputs and path.endswith((".yaml", ".yml"))
        )

    def _start_of(self, path: str) -> Location | None:
        return Location(self._now.shown(path), 1, 1) if path in self._now.inputs else None

    def _mentioned(self, place: Location) -> str:
        """Give the variable with another value that the source mentions at `place`; "" when there is none."""
        return self._mentioned_of(self.variables, place)

    def _mentioned_of(self, variables: Sequence[str], place: Location) -> str:
        if not variables:
            return ""
        text = "\n".join(_entry(self._now.text(place.file) or "", place))
        return next((name for name in variables if _mentions(text, name)), "")

    def _last_resort(self, place: Location | None) -> Cause:
        """Name what may have changed at `place`, where everything of which more is recorded is as it was."""
        if place is None:
            return Cause(CauseKind.UNKNOWN)
        if name := self._mentioned_of(self.untold, place):
            return Cause(CauseKind.VARIABLE, name, place)
        file = self._now.origin(place.file)
        if self._then.inputs.get(file) == SET and not self._is_compose(file):
            return Cause(CauseKind.INPUT, place.file, place)
        return Cause(CauseKind.UNKNOWN, "", place)

    def _mark(self, key: Key) -> Mark | None:
        marks: Marks | None = self._now.marks
        mark: Mark | None = None
        for part in key:
            mark = (marks or {}).get(part)
            if mark is None:
                return None
            marks = mark[3]
        return mark

    def _place(self, key: Key) -> Location | None:
        return locate(self._now.marks, key)


def _is_entry(key: Key) -> bool:
    """Tell whether a key is a variable of a service: a credential, if nothing says that it changed."""
    return len(key) == 4 and key[2] == "environment"


def _alike(then: str | None, now: str | None) -> bool:
    """Compare fingerprints; earlier manifests hold longer ones."""
    if then is None or now is None:
        return then is now
    return SET in (then, now) or then.startswith(now)


def _mentions(text: str, name: str) -> bool:
    """Tell whether a source refers to a variable, or takes it over by its name alone: `- NAME`, `[NAME]`, `NAME:`."""
    word = re.escape(name)
    alone = rf"(?<![\w$.-]){word}[\"']?\s*:?\s*([,\]}}]|$)"
    return re.search(rf"\$\{{?{word}\b|{alone}", text, re.MULTILINE) is not None


def _entry(text: str, place: Location) -> list[str]:
    """Give the lines of the entry that begins at `place`: down to the next one that is not indented below it."""
    lines = text.splitlines()[place.line - 1 :]
    found = lines[:1]
    for line in lines[1:]:
        body = line.lstrip()
        indent = len(line) - len(body)
        if body and (indent < place.column - 1 or (indent == place.column - 1 and not body.startswith("-"))):
            break
        found.append(line)
    return found
