"""What the manifest records to reproduce a folder, and the options that a manifest gives back."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from compose2fargate import __version__
from compose2fargate.aws.image_build import is_lock
from compose2fargate.aws.resources import TaskDefinition
from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.loader import LoadedProject, LoadOptions
from compose2fargate.compose.sources.source_files import (
    at_home,
    listed_files,
    normalise_project_name,
)
from compose2fargate.diagnostics import (
    Diagnostic,
    LoadError,
    Location,
    Severity,
)
from compose2fargate.disk.reading import is_stream, read_bytes
from compose2fargate.settings import OPTIONS
from compose2fargate.sync.fingerprints import SET, Key, Published, key_fingerprints
from compose2fargate.sync.manifest import FORMAT, pack_fingerprints

if TYPE_CHECKING:
    from compose2fargate.sync.manifest import Manifest
    from compose2fargate.workflows.checking import CheckPaths

from compose2fargate.workflows.translating import Translated


def manifest_content(
    translated: Translated,
    options: LoadOptions,
    target: str,
    folder: str,
    artifacts: Mapping[str, str],
) -> dict[str, Any]:
    """What reproduces the artefacts, and tells what changed since: inputs, options, settings, variables, keys."""
    base = os.path.join(options.cwd, folder)
    loaded = translated.loaded
    secrets = _secret_names(translated)
    published = Published(artifacts.values(), _secret_values(translated, secrets))
    return {
        "tool": "compose2fargate",
        "version": __version__,
        "format": FORMAT,
        "target": target,
        "project": translated.project.name,
        "options": _recorded_options(translated, options, base),
        "settings": {name: value for name, value in sorted(translated.chosen.items()) if name not in _SECRET},
        "inputs": _inputs(translated, options.cwd, base, published),
        "variables": {
            name: published.variable(name, value)
            for name, value in sorted(loaded.variables.items())
            if name not in _OF_THE_PLACE
        },
        "keys": pack_fingerprints(_keys(translated, published, secrets)),
    }


def _keys(translated: Translated, published: Published, secrets: set[str]) -> dict[Key, str]:
    loaded = translated.loaded
    untold = [v for name, v in loaded.variables.items() if v and published.variable(name, v) == SET]
    return key_fingerprints(loaded.tree, loaded.working_dir, untold, secrets)


def _secret_names(translated: Translated) -> set[str]:
    """The variables of containers that are filled from secrets."""
    definitions = (definition for _, definition in translated.translation.stack.of_type(TaskDefinition))
    containers = (container for made in definitions for container in made.container_definitions)
    return {secret.name for container in containers for secret in container.secrets}


def _secret_values(translated: Translated, names: set[str]) -> set[str]:
    """The values here of what becomes a secret."""
    variables = translated.loaded.variables
    project = translated.project
    own = {service.environment.get(name) for service in project.services.values() for name in names}
    sources = {secret.environment for secret in project.secrets.values() if secret.environment}
    return {value for value in (*own, *(variables.get(name) for name in sources)) if value}


_SECRET = frozenset(option.name for option in OPTIONS if option.secret)
_OF_THE_PLACE = frozenset({"PWD", "COMPOSE_PROJECT_NAME"})
"""Variables whose values come from where the project stands, and from what it is called."""


def _recorded_options(translated: Translated, options: LoadOptions, base: str) -> dict[str, Any]:
    """The compose options in effect, be they of the command line or of the process; paths start from the folder."""
    said = {name: options.environment.get(f"COMPOSE_{name}", "") for name in _COMPOSE_VARIABLES}
    separator = said["PATH_SEPARATOR"] or os.pathsep

    def paths(files: Iterable[str]) -> list[str]:
        return [_relative(file, options.cwd, base) for file in files]

    chosen = {
        "directory": _relative(".", options.cwd, base),
        "files": paths(options.files or filter(None, said["FILE"].split(separator))),
        "project_name": options.project_name or said["PROJECT_NAME"],
        "project_directory": options.project_directory
        and _relative(options.project_directory, options.cwd, base),
        "profiles": list(options.profiles or _names(said["PROFILES"])),
        "env_files": paths(
            at_home(file, options.environment, DIALECTS[translated.loaded.compose_version])
            for file in options.env_files or listed_files(said["ENV_FILES"])
        ),
        "disable_env_file": said["DISABLE_ENV_FILE"],
        "default_name": _directory_name(translated.loaded, options),
    }
    return {key: value for key, value in chosen.items() if value}


_COMPOSE_VARIABLES = ("FILE", "PATH_SEPARATOR", "PROJECT_NAME", "PROFILES", "ENV_FILES", "DISABLE_ENV_FILE")
"""Variables of Docker Compose (with COMPOSE_ before them) that choose what is read."""


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _directory_name(loaded: LoadedProject, options: LoadOptions) -> str:
    """The project's name where it is that of the directory, which another checkout may call otherwise."""
    if "name" in loaded.marks or options.project_name:
        return ""
    own = normalise_project_name(os.path.basename(loaded.working_dir))
    return loaded.name if loaded.name in (own, options.default_name) else ""


def _inputs(translated: Translated, cwd: str, base: str, published: Published) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for file in translated.inputs:
        if file not in ("-", "<stdin>") and not is_stream(file):
            source = _is_source(file, translated)
            hashes[_relative(file, cwd, base)] = published.input(_content(file, cwd), source=source)
    return dict(sorted(hashes.items()))


def _content(file: str, cwd: str) -> bytes:
    try:
        return read_bytes(os.path.join(cwd, file))
    except OSError as error:  # it was there a moment ago
        what = f"the file cannot be read: {error.strerror or error}"
        raise LoadError(Diagnostic("C2F101", Severity.ERROR, what, (), Location(file, 1, 1))) from error


def _is_source(file: str, translated: Translated) -> bool:
    """Tell whether a file is a compose file, a Dockerfile or our own lock file: what stands in those is no secret."""
    name = os.path.basename(file)
    compose = file in translated.loaded.files and name.endswith((".yaml", ".yml"))
    return compose or "dockerfile" in name.lower() or is_lock(name)


def _relative(file: str, cwd: str, base: str) -> str:
    """A path as seen from the folder of the artefacts, with `/`, so that a checkout can stand anywhere."""
    return file if file == "-" else os.path.relpath(os.path.join(cwd, file), base).replace(os.sep, "/")


_CHOOSING = frozenset(f"COMPOSE_{name}" for name in _COMPOSE_VARIABLES)
UNRECORDED = tuple(f"COMPOSE2FARGATE_{name.upper()}" for name in sorted(_SECRET))
"""Variables of the settings that no manifest records, and that have to be there again."""


def recorded_load_options(
    recorded: Manifest, place: CheckPaths, environment: Mapping[str, str]
) -> LoadOptions:
    """Give the options that read again what a manifest was made from."""
    options = recorded.options
    kept = {name: value for name, value in environment.items() if name not in _CHOOSING}
    if options.get("disable_env_file"):
        kept["COMPOSE_DISABLE_ENV_FILE"] = options["disable_env_file"]
    directory = options.get("project_directory")
    return LoadOptions(
        files=tuple(map(place.absolute, options.get("files", ()))),
        project_name=options.get("project_name"),
        project_directory=directory and place.absolute(directory),
        profiles=tuple(options.get("profiles", ())),
        env_files=tuple(map(place.absolute, options.get("env_files", ()))),
        environment={**kept, "PWD": place.home},
        cwd=place.home,
        default_name=options.get("default_name", "" if recorded.format > 1 else recorded.project),
        compose_version=recorded.settings.get("compose_version", ""),
    )
