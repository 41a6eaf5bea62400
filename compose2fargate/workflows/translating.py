"""Read a project and translate it: compose files, Dockerfiles, mounted files and settings to a stack."""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TextIO

from compose2fargate.aws.image_build import ImageBuild, PushedImage, lock_name
from compose2fargate.aws.prices import Prices
from compose2fargate.compose.loader import LoadedProject, LoadOptions, load_project
from compose2fargate.compose.model import Project
from compose2fargate.compose.project_binding import bind_project
from compose2fargate.compose.sources.source_files import (
    locate,
    read_text,
)
from compose2fargate.compose.values.utf8 import not_utf8
from compose2fargate.diagnostics import (
    Diagnostic,
    LoadError,
    Severity,
    UsageError,
    sort_key,
)
from compose2fargate.disk.reading import is_stream, parse_json
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.coverage import AccountedKey, consumed_outcome, of_these_values
from compose2fargate.mapping.extensions import check_extensions, check_settings
from compose2fargate.mapping.files.host_files import (
    project_path,
)
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation import Translation, map_project
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings, from_flags_and_environment, resolve
from compose2fargate.workflows.project_dockerfiles import ProjectDockerfiles
from compose2fargate.workflows.project_files import ProjectFiles


class Translated(NamedTuple):
    """A project read and translated, errors included."""

    loaded: LoadedProject
    project: Project
    settings: Settings
    translation: Translation
    inputs: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    chosen: Mapping[str, Any] = {}

    @property
    def accounted(self) -> tuple[AccountedKey, ...]:
        """What became of each key of the files with the value that it has, those that reading them consumed included."""
        return (
            *of_these_values(self.translation.accounted, self.diagnostics),
            *(consumed_outcome(*dropped) for dropped in self.loaded.dropped),
        )


def translate(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    *,
    stdin: TextIO | None = None,
    settings_from: Mapping[str, str] | None = None,
) -> Translated:
    """Read a project and translate it to a stack.

    Args:
        options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`; they win over the environment and `x-fargate`.
        stdin: What the file `-` reads.
        settings_from: Variables that settings are read from; those of `options` where it is None.

    Raises:
        InputError: The project cannot be read. What cannot be *translated* is among the diagnostics.
    """
    given = _given_settings(options, flags or {}, settings_from)
    loaded = load_project(options._replace(compose_version=given.get("compose_version", "")), stdin=stdin)
    project = _bind(loaded)
    known = frozenset(Settings._fields)
    in_file = {**x_aws.settings(project, known), **(project.extensions.get("x-fargate") or {})}
    settings, price_files = _with_prices(resolve(given, in_file), options.cwd, named="prices" in given)
    images = ProjectDockerfiles(loaded, options.cwd)
    disk = ProjectFiles(loaded.environment)
    configs = disk.copied(project, images.read_all(project))
    lock_file, pushed = _lock(loaded, settings)
    translation = _placed(
        map_project(project, settings, configs, disk.look(project), pushed, loaded.disabled),
        project,
        options,
    )
    changed = _changed(translation.builds, pushed, project) if pushed else ()
    found = sorted(
        (*loaded.diagnostics, *_inactive(loaded), *images.report, *translation.diagnostics, *changed),
        key=sort_key,
    )
    inputs = (*loaded.files, *images.files, *disk.files, *price_files, *lock_file)
    return Translated(loaded, project, settings, translation, inputs, tuple(found), given)


def _given_settings(
    options: LoadOptions, flags: Mapping[str, Any], settings_from: Mapping[str, str] | None
) -> dict[str, Any]:
    """Give the settings that flags and variables choose, by name."""
    release = {"compose_version": options.compose_version} if options.compose_version else {}
    variables = options.environment if settings_from is None else settings_from
    given = from_flags_and_environment({**flags, **release}, variables)
    if wrong := check_settings(given):
        raise UsageError(wrong)
    return given


def _bind(loaded: LoadedProject) -> Project:
    """Bind a project that can be translated: as text, and by the schema of `x-fargate`."""
    if wrong := not_utf8(loaded.tree, loaded.marks, loaded.environment, loaded.working_dir):
        raise LoadError([*wrong, *loaded.diagnostics])
    project = bind_project(loaded.name, loaded.working_dir, loaded.tree, loaded.marks)
    if problems := check_extensions(project):
        raise LoadError([*problems, *loaded.diagnostics])
    return project


def _placed(translation: Translation, project: Project, options: LoadOptions) -> Translation:
    """Name the files that resources come from as seen from the project: comments are the same wherever one stands."""
    stack = translation.stack
    places = {place: place.rpartition(":") for place in set(stack.sources.values())}
    files = {
        file: _from_project(file, project, options.cwd) for file in {file for file, *_ in places.values()}
    }
    shown = {place: f"{files[file]}:{line}" for place, (file, _, line) in places.items()}
    sources = {logical_id: shown[place] for logical_id, place in stack.sources.items()}
    return translation._replace(stack=stack._replace(sources=sources))


def _from_project(file: str, project: Project, cwd: str) -> str:
    path = os.path.normpath(os.path.join(os.path.abspath(cwd), file))
    return file if file == "<stdin>" else project_path(project, path) or os.path.basename(path)


def _lock(loaded: LoadedProject, settings: Settings) -> tuple[tuple[str, ...], Mapping[str, PushedImage]]:
    """Read the lock file: its path, where there is one, and what it holds."""
    file = lock_path(loaded.working_dir, settings)
    if not os.path.lexists(file):
        return (), {}
    from compose2fargate.images.lock_file import read_lock

    return (file,), read_lock(file, loaded.working_dir)


def lock_path(working_dir: str, settings: Settings) -> str:
    """Give where the lock file of a project stands."""
    own = settings.environment and not settings.shared_images
    return os.path.join(
        working_dir, settings.lock or lock_name(ecs_name(settings.environment) if own else "")
    )


def _changed(
    builds: Collection[ImageBuild], pushed: Mapping[str, PushedImage], project: Project
) -> Iterator[Diagnostic]:
    """Say which images were pushed before the files changed from which they are built."""
    from compose2fargate.images.build_order import outdated_images

    for finding in outdated_images(builds, pushed):
        yield finding._replace(location=project.at(*finding.path))


def _with_prices(settings: Settings, cwd: str, *, named: bool) -> tuple[Settings, tuple[str, ...]]:
    """Read the file of prices, where there is one: the settings hold what is in it from then on.

    It may be a stream where the user named it, and not where the compose file does.
    """
    if not isinstance(settings.prices, str):
        return settings._replace(prices=_known_prices("prices", settings.prices)), ()
    if not settings.prices:
        return settings, ()
    file = os.path.join(cwd, settings.prices)
    try:
        given = parse_json(read_text(file, stream=named).encode())
        own = {name: float(price) for name, price in given.items()}
    except (LoadError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(_bad_prices(settings.prices, f"is not a JSON object of numbers ({error})")) from None
    known = _known_prices(settings.prices, own)
    return settings._replace(prices=known), () if is_stream(file) else (file,)


_DEAREST: Final = 1e6


def _known_prices(file: str, given: Mapping[str, float]) -> Mapping[str, float]:
    unknown = sorted(set(given) - set(Prices._fields))
    if unknown:
        raise UsageError(_bad_prices(file, f"has unknown prices: {', '.join(unknown)}"))
    if not all(0 <= price < _DEAREST for price in given.values()):
        raise UsageError(_bad_prices(file, "has an invalid price"))
    return given


def _bad_prices(file: str, says: str) -> Diagnostic:
    hint = f"known: {', '.join(Prices._fields)}, each in USD an hour"
    return Diagnostic("C2F503", Severity.ERROR, f"{file} {says}", hint=hint)


def _inactive(loaded: LoadedProject) -> Iterator[Diagnostic]:
    """Say what profiles leave out, and when that is everything."""
    for name, service in loaded.disabled.items():
        profiles = service.get("profiles") or [""]
        yield Diagnostic(
            "C2F213",
            Severity.INFO,
            f"{name} is left out: none of its profiles is active ({', '.join(profiles)})",
            ("services", name),
            locate(loaded.marks, ("services", name)),
            f"include it: --profile {shlex.quote(profiles[0])}",
        )
    if not loaded.tree.get("services"):
        hint = (
            "choose profiles with --profile"
            if loaded.disabled
            else "write services: with an image or a build each"
        )
        yield Diagnostic(
            "C2F214", Severity.WARNING, "the project has no services to translate", (), None, hint
        )
