"""Reads generated folders back, and compares them with what is generated now: the effects of `check`."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate import __version__
from compose2fargate.aws.observation import Observation
from compose2fargate.aws.resources import TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.compose.loader import LoadedProject
from compose2fargate.compose.sources.source_files import DEFAULT_NAMES
from compose2fargate.diagnostics import Diagnostic, EmitError, InputError, Location, Severity
from compose2fargate.disk.folder import Folder, read_own
from compose2fargate.disk.listing import walk_folder
from compose2fargate.disk.reading import UnsafeFileError, read_text
from compose2fargate.records import NamedTuple
from compose2fargate.sync.change_causes import ChangeCauses, RegeneratedInputs
from compose2fargate.sync.check_result import BROKEN, FolderState
from compose2fargate.sync.comparison import FileState, FileStatus, compare_files, shown_value_of_field
from compose2fargate.sync.fingerprints import Key, unix_lines
from compose2fargate.sync.manifest import (
    FORMAT,
    Manifest,
    parse_manifest,
    place_of,
)
from compose2fargate.workflows.output_folder import MANIFEST, unsafe, write

_SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "vendor"})


def find_generated_folders(paths: Sequence[str], cwd: str) -> list[str]:
    """Find the folders that hold a manifest; hidden folders and those of package managers are not searched.

    Raises:
        EmitError: There is none in or below one of `paths`.
    """
    found = {path: list(_below(path, cwd)) for path in paths or (".",)}
    missing = [_nothing(path, cwd) for path, folders in found.items() if not folders]
    if missing:
        raise EmitError(missing)
    return list(dict.fromkeys(folder for folders in found.values() for folder in folders))


def _below(path: str, cwd: str) -> Iterator[str]:
    root = os.path.join(cwd, path)
    if os.path.lexists(os.path.join(root, MANIFEST)):
        yield os.path.normpath(path).replace(os.sep, "/")
        return
    for inside, folders, files in walk_folder(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        if MANIFEST in files:
            yield os.path.normpath(os.path.join(path, inside)).replace(os.sep, "/")
            # Below it are only those of its environments.
            here = os.path.join(root, inside)
            folders[:] = [name for name in folders if os.path.lexists(os.path.join(here, name, MANIFEST))]


def _nothing(path: str, cwd: str) -> Diagnostic:
    root = os.path.join(cwd, path)
    if not os.path.isdir(root):
        what = f"{path} is not a folder" if os.path.exists(root) else f"there is no folder {path}"
        return Diagnostic("C2F328", Severity.ERROR, what, hint="name it: compose2fargate check FOLDER")
    if path == ".":
        message = f"compose2fargate wrote no folder in {root if root != './.' else 'this directory'}"
    else:
        message = f"{path} was not written by compose2fargate: there is no {MANIFEST} in or below it"
    return Diagnostic("C2F328", Severity.ERROR, message, hint="write one: compose2fargate convert")


def _drift(state: FolderState, seen: Observation) -> Iterator[Diagnostic]:
    """Say what is not in the account as it would be generated, apart from what the repository itself does not agree on."""
    from compose2fargate.sync.field_causes import in_ecs_terms
    from compose2fargate.sync.structural_diff import value_differences

    subject = f"{seen.service}: " if seen.service else ""
    if seen.actual is None:
        yield _in_account("C2F335", f"{subject}there is no {seen.kind} {seen.name} in the account")
        return
    pending = {(change.service, change.field) for file in state.files for change in file.changes}
    for difference in value_differences(seen.desired, seen.actual):
        field = in_ecs_terms(difference.path, seen.service)
        if (seen.service, field) not in pending:
            wanted, there = (
                (shown_value_of_field(difference.old, difference.path) or "").replace(_ONLY_AWS_KNOWS, "…"),
                shown_value_of_field(difference.new, difference.path),
            )
            said = f"{subject}{field} is {there or 'not set'} in the account, and {wanted or 'not set'} here"
            yield _in_account("C2F334", f"{said} ({seen.kind} {seen.name})")
    if seen.running and seen.latest and seen.running != seen.latest:
        said = f"{subject}the service runs {seen.running}, and the latest revision is {seen.latest}"
        yield _in_account("C2F336", said)


_ONLY_AWS_KNOWS: Final = "\\u0000"
"""What stands in a desired value for an id that AWS chooses, as JSON spells it."""


def _in_account(code: str, message: str) -> Diagnostic:
    hint = "deploy the files, or copy the change to the compose file: the account was changed, or this was not deployed"
    return Diagnostic(code, Severity.ERROR, message, hint=hint)


class RegeneratedFiles(NamedTuple):
    """What the pipeline makes now of what a manifest records.

    Attributes:
        loaded: The compose project.
        stack: What it was translated to.
        containers: The compose services' names, and their containers' where they say one.
        inputs: Fingerprints of the files that were read, by their path from the folder.
        keys: Fingerprints of the keys of the compose model.
        artifacts: The files.
        manifest: Gives the text of their manifest.
    """

    loaded: LoadedProject
    stack: Stack
    containers: Mapping[str, str]
    inputs: Mapping[str, str]
    keys: Mapping[Key, str]
    artifacts: Mapping[str, str]
    manifest: Callable[[], str]


class CheckPaths(NamedTuple):
    """Where things are: the user, the folder, and the directory in which it was generated."""

    cwd: str
    folder: str
    home: str

    def absolute(self, path: str) -> str:
        """Give a path of the manifest as it is on this machine."""
        return path if path == "-" else os.path.normpath(os.path.join(self.cwd, self.folder, path))

    def here(self, file: str) -> str:
        """Name a file as the user sees it who named it from where the folder was generated."""
        return os.path.relpath(os.path.join(self.home, file), self.cwd).replace(os.sep, "/")

    def from_folder(self, file: str) -> str:
        """Name a file from the folder, as the manifest does."""
        base = os.path.join(self.cwd, self.folder)
        return os.path.relpath(os.path.join(self.home, file), base).replace(os.sep, "/")

    def from_home(self, path: str) -> str:
        """Name a file of the manifest as locations do."""
        file = os.path.normpath(os.path.join(self.cwd, self.folder, path))
        inside = os.path.join(self.home, "")
        return file.removeprefix(inside)


def check_folder(
    folder: str,
    cwd: str,
    regenerate: Callable[[Manifest, CheckPaths], RegeneratedFiles],
    *,
    fix: bool = False,
    force: bool = False,
    observe: Callable[[Stack, Manifest], Sequence[Observation]] | None = None,
) -> FolderState:
    """Check one folder; `regenerate` runs the pipeline as the manifest says. See `api.check`."""
    cwd = os.path.abspath(cwd)
    base = os.path.join(cwd, folder)
    try:
        text = _manifest_text(base, folder)
        recorded = parse_manifest(text, f"{folder}/{MANIFEST}")
    except InputError as error:
        return FolderState(folder, problems=error.diagnostics)
    home = os.path.normpath(os.path.join(base, recorded_directory(recorded)))
    place = CheckPaths(cwd, folder, home)
    outside = tuple(outside_checkout(recorded, place, text))
    if outside:
        return FolderState(folder, problems=outside)
    state = FolderState(
        folder,
        recorded.target,
        recorded.project,
        str(recorded.settings.get("environment", "")),
        recorded.version,
        recorded=recorded,
    )
    try:
        made = regenerate(recorded, place)
        state = _judged(state, recorded, made, place, fix=fix, force=force)
    except InputError as error:
        errors = [d for d in error.diagnostics if d.severity is Severity.ERROR]
        return state._replace(problems=tuple(_relocated(d, place) for d in errors or error.diagnostics))
    if observe is None:
        return state
    drift = [d for observation in observe(made.stack, recorded) for d in _drift(state, observation)]
    return state._replace(problems=tuple(drift), live=True)


def outside_checkout(recorded: Manifest, place: CheckPaths, text: str) -> Iterator[Diagnostic]:
    """Refuse what a manifest says was read outside the checkout: whoever wrote it may not be whoever reads the report.

    The checkout is the folder of the git repository that the manifest is in (without one, of a folder `fargate/TARGET`
    the folder that holds `fargate`), and the directory in which this program runs.
    """
    base = os.path.join(place.cwd, place.folder)
    top = _top_level(base) or _project_of(base)
    tops = (os.path.realpath(root) for root in (top, place.cwd) if root)
    roots = tuple(os.path.join(top, "") for top in tops if top != os.path.dirname(top))
    for key, origin, path in _recorded_paths(recorded, base, place.home):
        real = os.path.join(os.path.realpath(os.path.join(origin, path)), "")
        if path != "-" and not real.startswith(roots):
            yield Diagnostic(
                "C2F339",
                Severity.ERROR,
                f"{key} names {path}, which is outside the checkout",
                (),
                place_of(text, f"{place.folder}/{MANIFEST}", key),
                "generate the folder again from files of the checkout, or run this in a directory that holds them all",
            )


def _recorded_paths(recorded: Manifest, base: str, home: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is read again: the key that names it, the directory that its path begins in, and its path."""
    options, settings = recorded.options, recorded.settings
    yield "directory", base, recorded_directory(recorded)
    for key in ("files", "env_files"):
        yield from ((key, base, str(path)) for path in options.get(key, ()))
    if options.get("project_directory"):
        yield "project_directory", base, options["project_directory"]
    yield from ((key, home, path) for key in ("lock", "prices") if isinstance(path := settings.get(key), str))


def _top_level(folder: str) -> str:
    """Give the top level of the git repository that a folder is in; "" where it is in none."""
    here = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(here, ".git")):
        here, below = os.path.dirname(here), here
        if here == below:
            return ""
    return here


def _project_of(folder: str) -> str:
    """Give the project's folder of a folder in the default place; "" for one that is elsewhere."""
    parent = os.path.dirname(os.path.realpath(folder))
    above = os.path.dirname(parent)  # `fargate/TARGET/ENVIRONMENT`
    return next((os.path.dirname(one) for one in (parent, above) if os.path.basename(one) == "fargate"), "")


def _judged(
    state: FolderState,
    recorded: Manifest,
    made: RegeneratedFiles,
    place: CheckPaths,
    *,
    fix: bool,
    force: bool,
) -> FolderState:
    base = os.path.join(place.cwd, place.folder)
    disk = _read(base, place.folder, {*recorded.files, *made.artifacts})
    causes = ChangeCauses(recorded, _now(recorded, made, place))
    owners = _owners(made, recorded)
    files = [
        _with_places(file, place) for file in compare_files(recorded, disk, made.artifacts, owners, causes)
    ]
    state = state._replace(files=tuple(files), variables=tuple(causes.variables))
    notes = (*_notes(state, recorded), *_strangers(base, state))
    state = state._replace(notes=notes)
    upgrade = recorded.version != __version__ or recorded.format != FORMAT
    if fix and (upgrade or any(file.state is not FileStatus.IN_SYNC for file in files)):
        return _fixed(state, made, base, force=force)
    return state


def _fixed(state: FolderState, made: RegeneratedFiles, base: str, *, force: bool) -> FolderState:
    """Write what was made, unless that would replace what somebody else wrote."""
    theirs = [file.path for file in state.files if file.state in (FileStatus.EDITED, FileStatus.FOREIGN)]
    if theirs and not force:
        note = Diagnostic(
            "C2F333",
            Severity.INFO,
            f"nothing was written to {state.folder}: {', '.join(theirs)} would be replaced",
            hint=f"compose2fargate check --fix --force {shlex.quote(state.folder)}",
        )
        return state._replace(notes=(*state.notes, note))
    write({**made.artifacts, MANIFEST: made.manifest()}, base, force=True)
    return state._replace(fixed=True)


def recorded_directory(recorded: Manifest) -> str:
    """Where the folder was generated; manifests of format 1 tell by the compose file that was found there."""
    if "directory" in recorded.options:
        return str(recorded.options["directory"])
    names = [path for path in recorded.inputs if path.rpartition("/")[2] in DEFAULT_NAMES]
    return os.path.dirname(min(names, key=len)) if names else "."


def _manifest_text(base: str, folder: str) -> str:
    try:
        return read_own(os.path.join(base, MANIFEST)).decode("utf-8")
    except FileNotFoundError:
        raise EmitError(_nothing(folder, os.path.dirname(base) or ".")) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise EmitError(
            Diagnostic(
                "C2F329",
                Severity.ERROR,
                f"{folder}/{MANIFEST} cannot be read: {reason}",
                (),
                Location(f"{folder}/{MANIFEST}", 1, 1),
            )
        ) from error


def _read(base: str, folder: str, paths: set[str]) -> dict[str, str]:
    """Give the text of those of `paths` that are there, with the line ends that we write."""
    with Folder(base) as opened:
        texts = {path: _text(opened, folder, path) for path in sorted(paths)}
    return {path: text for path, text in texts.items() if text is not None}


def _text(opened: Folder, folder: str, path: str) -> str | None:
    try:
        return unix_lines(opened.read(path)).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except UnsafeFileError as error:
        found = error.filename.replace(os.path.join(opened.path, ""), f"{folder}/", 1)
        raise EmitError(unsafe(UnsafeFileError(found, str(error.strerror)))) from error
    except OSError as error:
        raise EmitError(
            Diagnostic("C2F329", Severity.ERROR, f"{path} cannot be read: {error.strerror}")
        ) from error


def _now(recorded: Manifest, made: RegeneratedFiles, place: CheckPaths) -> RegeneratedInputs:
    loaded = made.loaded
    compose = (place.from_folder(file) for file in loaded.files if file.endswith((".yaml", ".yml")))
    return RegeneratedInputs(
        __version__,
        made.keys,
        made.inputs,
        frozenset((*compose, *recorded.options.get("files", ()))),
        loaded.variables,
        loaded.marks,
        place.from_folder,
        place.from_home,
        lambda file: _source(os.path.join(place.home, file)),
    )


def _source(file: str) -> str | None:
    try:
        return read_text(file, "replace")
    except OSError:
        return None


def _owners(made: RegeneratedFiles, recorded: Manifest) -> dict[str, str]:
    """Names that stand in generated files, to the compose service that they belong to."""
    stack = made.stack
    owners = {key[1]: key[1] for key in recorded.keys if key[0] == "services"}
    owners.update({container: name for name, container in made.containers.items() if container})
    owners.update({name: name for name in made.containers})
    for logical_id, service_name in stack.origins.items():
        if logical_id in stack.files:
            owners[stack.files[logical_id]] = service_name
    for logical_id, definition in stack.of_type(TaskDefinition):
        names = [container.name for container in definition.container_definitions]
        if len(names) == 1 and logical_id in stack.origins:
            owners.setdefault(names[0], stack.origins[logical_id])
    return owners


def _notes(state: FolderState, recorded: Manifest) -> Iterator[Diagnostic]:
    form = [file.path for file in state.files if file.state is FileStatus.FORM]
    if form:
        yield Diagnostic(
            "C2F327",
            Severity.INFO,
            f"{state.folder}: {_listed(form)} {'differs' if len(form) == 1 else 'differ'} in comments or white space only",
            hint=f"ignore this, or write it again: compose2fargate check --fix {shlex.quote(state.folder)}",
        )
    if recorded.version != __version__ and state.status != BROKEN:
        yield Diagnostic(
            "C2F324",
            Severity.INFO,
            f"{state.folder} was written by compose2fargate {recorded.version}; this is {__version__}",
            hint=f"update the files: compose2fargate check --fix {shlex.quote(state.folder)}",
        )


def _strangers(base: str, state: FolderState) -> Iterator[Diagnostic]:
    """Name files that stand among generated ones in a folder that only those are for (`task-definitions/`)."""
    ours = {file.path for file in state.files}
    folders = sorted({os.path.dirname(path) for path in ours} - {""})
    with Folder(base) as opened:
        found = [
            f"{folder}/{name}"
            for folder in folders
            if opened.mode(folder) is not None
            for name, mode in opened.list(folder)
            if f"{folder}/{name}" not in ours and stat.S_ISREG(mode) and name[0] != "."
        ]
    if found:
        yield Diagnostic(
            "C2F338",
            Severity.INFO,
            f"{state.folder}: compose2fargate did not create {_listed(found)}; leaving {'it' if len(found) == 1 else 'them'} unchanged",
        )


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more files"


def _with_places(file: FileState, place: CheckPaths) -> FileState:
    """Name sources in the causes as the user sees them."""
    changes = tuple(
        change._replace(
            cause=change.cause._replace(
                location=change.cause.location
                and change.cause.location._replace(file=place.here(change.cause.location.file))
            )
        )
        for change in file.changes
    )
    return file._replace(changes=changes) if changes else file


def _relocated(finding: Diagnostic, place: CheckPaths) -> Diagnostic:
    at: Any = finding.location
    return finding._replace(location=at._replace(file=place.here(at.file))) if at else finding
