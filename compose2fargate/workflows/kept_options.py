"""The options with which a folder was made, kept for the next run in it.

Who types `--subnet` once means the folder and not the run. A manifest is written by this program and may be changed by anybody: what
it says is held to what `check` holds it to, and nothing of it is kept where that fails. What a compose file may not say for itself
(`--allow`, `--without`, `--image`) is not kept either, since the manifest comes from the same checkout.
"""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import Diagnostic, InputError, Severity, UsageError
from compose2fargate.disk.folder import read_own
from compose2fargate.records import NamedTuple
from compose2fargate.settings import OPTIONS, Option, from_flags_and_environment
from compose2fargate.sync.manifest import Manifest, parse_manifest
from compose2fargate.text.escaping import one_line
from compose2fargate.workflows.checking import CheckPaths, outside_checkout, recorded_directory
from compose2fargate.workflows.output_folder import MANIFEST


class KeptOptions(NamedTuple):
    """What a run does with what it was told, and with what the folder was made with.

    Attributes:
        options: Which files to read, and how.
        flags: Settings by name.
        project: The options of Docker Compose among what was kept, by name.
        kept: What of it was kept, as it would be typed.
        dropped: Options that have to be given each time, and were given to the last run.
        diagnostics: Why nothing was.
    """

    options: LoadOptions
    flags: Mapping[str, Any]
    project: Mapping[str, Any] = {}
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def keep_options(
    options: LoadOptions, flags: Mapping[str, Any], folder: str, *, inside: str = ""
) -> KeptOptions:
    """Add to what a run was told what the last run in a folder was told.

    Args:
        options: Which files to read, and how, as far as this run says.
        flags: Settings by name, as far as this run says.
        folder: Where the run writes, from the current directory.
        inside: As of `output_folder.write`.
    """
    file = os.path.join(folder, MANIFEST)
    try:
        text = read_own(os.path.join(options.cwd, file), inside=inside).decode("utf-8")
        recorded = parse_manifest(text, file)
        base = os.path.abspath(os.path.join(options.cwd, folder))
        home = os.path.normpath(os.path.join(base, recorded_directory(recorded)))
        place = CheckPaths(os.path.abspath(options.cwd), folder, home)
        if wrong := tuple(outside_checkout(recorded, place, text)):
            raise UsageError(wrong)
        settings = _settings(recorded, options, flags)
    except InputError as error:
        return KeptOptions(options, flags, diagnostics=tuple(map(_not_kept, error.diagnostics)))
    except (OSError, UnicodeDecodeError):  # there is none, or writing says what is in its place
        return KeptOptions(options, flags)
    here = os.path.realpath(home) == os.path.realpath(options.cwd)
    chosen = _compose_options(recorded, options, base) if here else {}
    spelled = (*_spelled_settings(settings), *_spelled_project(chosen))
    dropped = tuple(
        option.flag
        for option in OPTIONS
        if not _is_kept(option) and recorded.settings.get(option.name) and option.name not in flags
    )
    return KeptOptions(options._replace(**chosen), {**flags, **settings}, chosen, spelled, dropped)


def _is_kept(option: Option) -> bool:
    return option.in_file or option.name == "environment"


def _settings(recorded: Manifest, options: LoadOptions, flags: Mapping[str, Any]) -> dict[str, Any]:
    given = from_flags_and_environment(flags, options.environment)
    release = {"compose_version"} if options.compose_version else set()
    names = {option.name for option in OPTIONS if _is_kept(option)} - set(given) - release
    kept = {name: value for name, value in recorded.settings.items() if name in names}
    return from_flags_and_environment(kept, {})


def _compose_options(recorded: Manifest, options: LoadOptions, base: str) -> dict[str, Any]:
    """Give the options of Docker Compose that neither this run nor a variable of its own chooses."""
    variables = options.environment
    return {
        name: value
        for name, value in _recorded_project(recorded, base, options.cwd).items()
        if value and "-" not in value and not getattr(options, name) and not variables.get(_VARIABLES[name])
    }


def _recorded_project(recorded: Manifest, base: str, cwd: str) -> dict[str, Any]:
    """Give the options of Docker Compose that a folder was made with, by name, with paths as they are from `cwd`."""

    def path(file: str) -> str:
        return file if file == "-" else os.path.relpath(os.path.join(base, file), cwd)

    said = recorded.options
    return {
        "files": tuple(map(path, said.get("files", ()))),
        "profiles": tuple(said.get("profiles", ())),
        "env_files": tuple(map(path, said.get("env_files", ()))),
        "project_name": said.get("project_name"),
        "project_directory": path(said["project_directory"]) if said.get("project_directory") else None,
    }


def recorded_options(recorded: Manifest, folder: str, cwd: str) -> str:
    """Spell what a folder was made with as a command in `cwd` has to be told, with a space before each word."""
    base = os.path.abspath(os.path.join(cwd, folder))
    home = os.path.normpath(os.path.join(base, recorded_directory(recorded)))
    away = os.path.relpath(os.path.realpath(home), os.path.realpath(cwd))
    project = _recorded_project(recorded, base, cwd)
    settings = dict(recorded.settings)
    if away != ".":
        if not project["files"]:  # they are looked for where the folder was made
            project["project_directory"] = project["project_directory"] or away
        for name in ("lock", "prices"):
            if isinstance(settings.get(name), str):
                settings[name] = os.path.normpath(os.path.join(away, settings[name]))
    return spelled_options(project, settings)


def spelled_options(project: Mapping[str, Any], settings: Mapping[str, Any], *more: str) -> str:
    """Spell options as they would be typed, with a space before each: those of the project, `more`, and settings."""
    return "".join(f" {word}" for word in (*_spelled_project(project), *more, *_spelled_settings(settings)))


_VARIABLES: Mapping[str, str] = {
    "files": "COMPOSE_FILE",
    "profiles": "COMPOSE_PROFILES",
    "env_files": "COMPOSE_ENV_FILES",
    "project_name": "COMPOSE_PROJECT_NAME",
    "project_directory": "",
}
_FLAGS: Mapping[str, str] = {
    "files": "-f",
    "profiles": "--profile",
    "env_files": "--env-file",
    "project_name": "-p",
    "project_directory": "--project-directory",
    "allow_remote": "--allow-remote",
}


_FIRST: Mapping[str, int] = {"environment": 0, "region": 1}
"""Settings that are told before the others: where the stack is."""


def _spelled_settings(settings: Mapping[str, Any]) -> Iterator[str]:
    """Spell settings as they would be typed, quoted; what is secret is not spelled."""
    for option in sorted(OPTIONS, key=lambda option: _FIRST.get(option.name, len(_FIRST))):
        if option.name in settings and not option.secret:
            yield from _spelled(option, settings[option.name])


def _spelled(option: Option, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        if value or option.kind == "switch":
            yield option.flag if value else f"--no-{option.flag[2:]}"
        return
    items = [f"{name}={item}" for name, item in value.items()] if isinstance(value, Mapping) else value
    for item in items if isinstance(items, list | tuple) else (value,):
        if item not in (None, ""):
            yield f"{option.flag} {one_line(shlex.quote(str(item)))}"


def _spelled_project(chosen: Mapping[str, Any]) -> Iterator[str]:
    """Spell options of Docker Compose as they would be typed, quoted."""
    for name, flag in _FLAGS.items():
        value = chosen.get(name)
        for item in value if isinstance(value, tuple | list) else (value,):
            if item is True:
                yield flag
            elif item:
                yield f"{flag} {one_line(shlex.quote(str(item)))}"


def _not_kept(found: Diagnostic) -> Diagnostic:
    return Diagnostic(
        "C2F315",
        Severity.WARNING,
        f"no options of the last run in this folder are kept: {found.message}",
        (),
        found.location,
        found.hint,
    )
