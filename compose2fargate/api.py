"""The pipeline as functions: load, translate, emit, write. The one place that puts the parts together.

conversion = convert(LoadOptions(files=("compose.yaml",), environment=os.environ), {"region": "eu-central-1"})
write(conversion.artifacts, "fargate")
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from compose2fargate import __version__
from compose2fargate.aws.builds import LOCK, ImageBuild, PushedImage
from compose2fargate.aws.prices import Prices
from compose2fargate.compose.dockerfile import ImageConfig, read_dockerfile
from compose2fargate.compose.loader import Loaded, LoadOptions, load
from compose2fargate.compose.model import Build, Project, bind
from compose2fargate.compose.source import listed_files, locate, normalise_project_name, read_text
from compose2fargate.diagnostics import (
    Diagnostic,
    LoadError,
    MapError,
    Path,
    Severity,
    UsageError,
    has_errors,
    sort_key,
)
from compose2fargate.emitters import Artifacts, Emitter, load_emitter
from compose2fargate.emitters.images import dockerfiles
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.coverage import ROWS, Accounted, consumed
from compose2fargate.mapping.disk import (
    MAX_ENTRIES,
    MAX_TEXT,
    MISSING,
    SKIPPED,
    Entry,
    Found,
    relative,
    wanted,
)
from compose2fargate.mapping.extensions import check_extensions
from compose2fargate.mapping.project import Translation, map_project
from compose2fargate.output import MANIFEST, manifest, write
from compose2fargate.settings import OPTIONS, Settings, from_flags_and_environment, resolve
from compose2fargate.sync.manifest import (
    FORMAT,
    input_fingerprint,
    key_fingerprints,
    packed,
    value_fingerprint,
)

if TYPE_CHECKING:
    from compose2fargate.aws.observation import Observation
    from compose2fargate.aws.stack import Stack
    from compose2fargate.checking import Made, Place
    from compose2fargate.mapping.story import Story as Story  # noqa: PLC0414 - part of this module's interface
    from compose2fargate.sync.manifest import Key, Manifest
    from compose2fargate.sync.result import FolderState

__all__ = [
    "Accounted",
    "CheckOptions",
    "Conversion",
    "LoadOptions",
    "Translated",
    "check",
    "convert",
    "find_folders",
    "table",
    "tell",
    "translate",
    "write",
]

MANIFEST_FORMAT = FORMAT


class Translated(NamedTuple):
    """A project read and translated, errors included."""

    loaded: Loaded
    project: Project
    settings: Settings
    translation: Translation
    inputs: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    chosen: Mapping[str, Any] = {}

    @property
    def accounted(self) -> tuple[Accounted, ...]:
        """What became of each key of the files, those that reading them consumed included."""
        return (*self.translation.accounted, *(consumed(*dropped) for dropped in self.loaded.dropped))


class Conversion(NamedTuple):
    """The artefacts of one target, the manifest among them, and everything there is to say."""

    project: str
    artifacts: Artifacts
    diagnostics: tuple[Diagnostic, ...]
    losses: tuple[str, ...] = ()
    """What `--strict` does not let pass: the codes of all warnings, and of what is approximated, unless they are allowed."""


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
    loaded = load(options, stdin=stdin)
    project = bind(loaded.name, loaded.working_dir, loaded.tree, loaded.marks)
    problems = check_extensions(project)
    if problems:
        raise LoadError([*problems, *loaded.diagnostics])
    given = from_flags_and_environment(
        flags or {}, options.environment if settings_from is None else settings_from
    )
    known = frozenset(Settings._fields)
    in_file = {**x_aws.settings(project, known), **(project.extensions.get("x-fargate") or {})}
    settings, price_files = _with_prices(resolve(given, in_file), options.cwd)
    images = _Images(loaded, options.cwd)
    configs = {
        name: config
        for name, service in project.services.items()
        if service.build and (config := images.read(name, service.build, service.platform)) is not None
    }
    disk = _Disk(loaded.environment)
    lock_file, pushed = _lock(loaded, settings)
    translation = _placed(
        map_project(project, settings, configs, disk.look(project), pushed), project, options
    )
    changed = _changed(translation.builds, pushed, project) if pushed else ()
    found = sorted(
        (*loaded.diagnostics, *_inactive(loaded), *images.report, *translation.diagnostics, *changed),
        key=sort_key,
    )
    inputs = (*loaded.files, *images.files, *disk.files, *price_files, *lock_file)
    return Translated(loaded, project, settings, translation, inputs, tuple(found), given)


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
    return file if file == "<stdin>" else relative(project, path) or os.path.basename(path)


def _lock(loaded: Loaded, settings: Settings) -> tuple[tuple[str, ...], Mapping[str, PushedImage]]:
    """Read the lock file: its path, where there is one, and what it holds."""
    file = lock_path(loaded.working_dir, settings)
    if not os.path.exists(file):
        return (), {}
    from compose2fargate.images.lock import read_lock

    return (file,), read_lock(file)


def lock_path(working_dir: str, settings: Settings) -> str:
    """Give where the lock file of a project stands."""
    return os.path.join(working_dir, settings.lock or LOCK)


def _changed(
    builds: Collection[ImageBuild], pushed: Mapping[str, PushedImage], project: Project
) -> Iterator[Diagnostic]:
    """Say which images were pushed before the files changed from which they are built."""
    from compose2fargate.images.order import outdated

    for finding in outdated(builds, pushed):
        yield finding._replace(location=project.at(*finding.path))


def _with_prices(settings: Settings, cwd: str) -> tuple[Settings, tuple[str, ...]]:
    """Read the file of prices, where one is named: the settings hold what is in it from then on."""
    if not isinstance(settings.prices, str) or not settings.prices:
        return settings, ()
    file = os.path.join(cwd, settings.prices)
    try:
        given = json.loads(read_text(file))
        own = {name: float(price) for name, price in given.items()}
        unknown = sorted(set(own) - set(Prices._fields))
    except (LoadError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(_bad_prices(settings.prices, f"is no JSON object of numbers ({error})")) from None
    if unknown:
        raise UsageError(_bad_prices(settings.prices, f"has unknown prices: {', '.join(unknown)}"))
    return settings._replace(prices=own), (file,)


def _bad_prices(file: str, says: str) -> Diagnostic:
    hint = f"known: {', '.join(Prices._fields)}, each in USD an hour"
    return Diagnostic("C2F503", Severity.ERROR, f"{file} {says}", hint=hint)


def _inactive(loaded: Loaded) -> Iterator[Diagnostic]:
    """Say what profiles leave out, and when that is everything."""
    for name, service in loaded.disabled.items():
        profiles = service.get("profiles") or [""]
        yield Diagnostic(
            "C2F213",
            Severity.INFO,
            f"{name} is left out: no profile of it is active ({', '.join(profiles)})",
            ("services", name),
            locate(loaded.marks, ("services", name)),
            f"--profile {profiles[0]} takes it in",
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


def tell(translated: Translated) -> Iterator[Story]:
    """Tell the story of each key of the files: what became of it, where it shows, and why."""
    from compose2fargate.emitters.json import readable
    from compose2fargate.mapping.story import tell as tell_stories

    made = translated.translation
    resolve = readable(made.stack, translated.settings)
    return tell_stories(translated.accounted, translated.project, made.stack, translated.diagnostics, resolve)


def table() -> tuple[Accounted, ...]:
    """Give every key of the specification, with `*` for names and list items, and what becomes of it."""
    return tuple(Accounted(tuple(pattern.split(".")), None, row) for pattern, row in ROWS.items())


def convert(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    *,
    target: str = "json",
    folder: str = ".",
    stdin: TextIO | None = None,
) -> Conversion:
    """Translate a project and render it for `target`; write nothing.

    Args:
        options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`.
        target: The name of an emitter.
        folder: Where the artefacts are going to stand: the manifest's paths are relative to it.
        stdin: What the file `-` reads.

    Raises:
        InputError: The project cannot be read, or not be translated; with every finding.
    """
    emitter = load_emitter(target)
    translated = translate(options, flags, stdin=stdin)
    if has_errors(translated.diagnostics):
        raise MapError(translated.diagnostics)
    artifacts = _artifacts(emitter, translated, os.path.join(options.cwd, folder))
    text = manifest(_manifest(translated, options, target, folder), artifacts)
    notes = getattr(emitter, "notes", None)  # a target may have something of its own to say
    own = tuple(notes(artifacts, translated.settings)) if notes else ()
    diagnostics = (
        tuple(sorted((*translated.diagnostics, *own), key=sort_key)) if own else translated.diagnostics
    )
    losses = tuple(sorted({d.code for d in translated.diagnostics if _is_loss(d, translated.settings)}))
    return Conversion(translated.project.name, {**artifacts, MANIFEST: text}, diagnostics, losses)


APPROXIMATED = "C2F202"


def _is_loss(found: Diagnostic, settings: Settings) -> bool:
    """Whether a finding says that Fargate does something else than the file asks for."""
    return found.code not in settings.allow and (
        found.severity is Severity.WARNING or found.code == APPROXIMATED
    )


def _artifacts(emitter: Emitter, translated: Translated, folder: str) -> dict[str, str]:
    """Give what goes into `folder`: what the target writes, and the Dockerfiles that every target's images need."""
    translation = translated.translation
    return {
        **emitter.emit(translation.stack, translated.settings),
        **dockerfiles(translation.builds, folder),
    }


class CheckOptions(NamedTuple):
    """How far `check` goes.

    Attributes:
        fix: Whether to write anew what is out of sync.
        force: Whether that goes for files that were edited by hand, too.
        live: Whether to compare with what is registered in AWS, too; the only use of credentials.
        region: Where that is; "" for the recorded region, or that of boto3's own chain.
        profile: A profile of the AWS configuration.
    """

    fix: bool = False
    force: bool = False
    live: bool = False
    region: str = ""
    profile: str = ""


def check(
    folder: str,
    options: CheckOptions | None = None,
    *,
    environment: Mapping[str, str],
    cwd: str = ".",
    stdin: TextIO | None = None,
) -> FolderState:
    """Generate in memory what the manifest in `folder` describes, and compare; write nothing unless asked to.

    Args:
        folder: A folder that `convert` wrote.
        options: How far to go; compares with the compose files only by default.
        environment: The variables of the process; those that choose files or settings do not count.
        cwd: Where `folder` starts from.
        stdin: What the file `-` reads, where the folder was made from that.

    Raises:
        AwsError: With `live`, AWS refused or could not be reached. Everything else is in the result.
    """
    chosen = options or CheckOptions()
    from compose2fargate.checking import check_folder

    def regenerate(recorded: Manifest, place: Place) -> Made:
        return _regenerate(recorded, place, environment, stdin)

    def observe(stack: Stack, recorded: Manifest) -> Sequence[Observation]:
        from compose2fargate.apply.live import observe

        region = chosen.region or str(recorded.settings.get("region", ""))
        return observe(stack, region=region, profile=chosen.profile)

    look = observe if chosen.live else None
    return check_folder(folder, cwd, regenerate, fix=chosen.fix, force=chosen.force, observe=look)


def find_folders(paths: Sequence[str], cwd: str = ".") -> list[str]:
    """Find the folders that hold a manifest: each of `paths`, or those below it.

    Raises:
        InputError: There is none in or below one of `paths`.
    """
    from compose2fargate.checking import find

    return find(paths, cwd)


class _Images:
    """Reads the Dockerfiles of services that are built here; each file once."""

    def __init__(self, loaded: Loaded, cwd: str) -> None:
        self._loaded = loaded
        self._cwd = cwd
        self._texts: dict[str, str | None] = {}
        self.report: list[Diagnostic] = []
        self.files: list[str] = []

    def read(self, service: str, build: Build, platform: str) -> ImageConfig | None:
        """Give what the Dockerfile of `service` says, or None when it cannot be read; report why."""
        path: Path = ("services", service, "build")
        source = self._source(path, build)
        if source is None:
            return None
        try:
            config, found = read_dockerfile(
                source.text,
                file=source.file,
                target=build.target,
                args=build.args,
                platform=platform or "linux/amd64",
                first_line=source.first_line,
            )
        except LoadError as error:
            # The image may have been built long ago: what is wrong with its Dockerfile stops no translation.
            self.report.extend(
                finding._replace(path=path, severity=Severity.WARNING) for finding in error.diagnostics
            )
            return None
        self.report.extend(finding._replace(path=path) for finding in found)
        return config

    def _source(self, path: Path, build: Build) -> _Source | None:
        if build.dockerfile_inline is not None:
            at = locate(self._loaded.marks, (*path, "dockerfile_inline"))
            # The text of a block scalar begins on the line after its key.
            return _Source(
                at.file if at else "dockerfile_inline", build.dockerfile_inline, at.line + 1 if at else 1
            )
        if _is_remote(build.context):
            self._report(
                path,
                "C2F188",
                f"the Dockerfile in {build.context} is not fetched, so what it says is not known",
            )
            return None
        file = os.path.join(self._loaded.working_dir, build.context, build.dockerfile)
        text = self._text(file)
        if text is None:
            self._report(
                path,
                "C2F189",
                f"there is no readable Dockerfile at {self._shown(file)}, so what it says is not known",
            )
            return None
        return _Source(self._shown(file), text, 1)

    def _text(self, file: str) -> str | None:
        if file not in self._texts:
            try:
                self._texts[file] = read_text(file)
                self.files.append(file)
            except LoadError:
                self._texts[file] = None
        return self._texts[file]

    def _report(self, path: Path, code: str, message: str) -> None:
        self.report.append(
            Diagnostic(
                code,
                Severity.WARNING,
                message,
                path,
                locate(self._loaded.marks, path),
                "the image's own entrypoint and command run; write command: in the compose file to show them",
            )
        )

    def _shown(self, file: str) -> str:
        relative = os.path.relpath(file, self._cwd)
        return file if relative.startswith("..") else relative


class _Disk:
    """Looks at what the project mounts and reads, within limits. Secrets are measured, not read."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.files: list[str] = []

    def look(self, project: Project) -> dict[str, Found]:
        """Give what is at each path, and in each variable (`$NAME`), that the mapping wants to know about."""
        texts: dict[str, bool] = {}
        for path, text in wanted(project):
            texts[path] = texts.get(path, True) and text
        return {path: self._found(path, text=text) for path, text in texts.items()}

    def _found(self, path: str, *, text: bool) -> Found:
        if path.startswith("$"):
            value = self._environment.get(path[1:])
            return (
                MISSING
                if value is None
                else Found("variable", len(value.encode("utf-8", "surrogateescape")), value if text else None)
            )
        try:
            if os.path.isdir(path):
                return _folder(path)
            if os.path.isfile(path):
                return Found("file", os.path.getsize(path), self._text(path) if text else None)
            return Found("other") if os.path.lexists(path) else MISSING
        except (OSError, ValueError):
            return Found("other")

    def _text(self, path: str) -> str | None:
        if os.path.getsize(path) > MAX_TEXT:
            return None
        try:
            text = read_text(path)
        except LoadError:  # no text: a key store, a picture
            return None
        self.files.append(path)
        return text


def _folder(path: str) -> Found:
    """List the files of a folder in the order of their paths; a folder with more than the limit is not listed to its end."""
    entries: list[Entry] = []
    pruned: list[str] = []
    generated = False
    for folder, folders, names in os.walk(path):
        if MANIFEST in names and folder != path:  # what an earlier run wrote is no input of this one
            generated, folders[:] = True, []
            continue
        inside = os.path.relpath(folder, path).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        pruned += [f"{prefix}{name}" for name in folders if name in SKIPPED]
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        entries += [Entry(f"{prefix}{name}", _size(os.path.join(folder, name))) for name in sorted(names)]
        if len(entries) > MAX_ENTRIES:
            return Found(
                "folder", sum(e.size for e in entries), None, tuple(entries[:MAX_ENTRIES]), complete=False
            )
    return Found(
        "folder",
        sum(e.size for e in entries),
        None,
        tuple(sorted(entries)),
        True,
        tuple(sorted(pruned)),
        generated,
    )


def _size(path: str) -> int:
    return os.lstat(path).st_size


class _Source(NamedTuple):
    file: str
    text: str
    first_line: int


def _is_remote(context: str) -> bool:
    return "://" in context or context.startswith(("git@", "github.com/"))


def _manifest(
    translated: Translated,
    options: LoadOptions,
    target: str,
    folder: str,
    keys: Mapping[Key, str] | None = None,
) -> dict[str, Any]:
    """What reproduces the artefacts, and tells what changed since: inputs, options, settings, variables, keys."""
    base = os.path.join(options.cwd, folder)
    loaded = translated.loaded
    return {
        "tool": "compose2fargate",
        "version": __version__,
        "format": MANIFEST_FORMAT,
        "target": target,
        "project": translated.project.name,
        "options": _recorded_options(translated, options, base),
        "settings": {name: value for name, value in sorted(translated.chosen.items()) if name not in _SECRET},
        "inputs": _inputs(translated.inputs, options.cwd, base),
        "variables": {
            name: value_fingerprint(value)
            for name, value in sorted(loaded.variables.items())
            if name not in _OF_THE_PLACE
        },
        "keys": packed(keys or key_fingerprints(loaded.tree, loaded.working_dir)),
    }


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
        "env_files": paths(options.env_files or listed_files(said["ENV_FILES"])),
        "disable_env_file": said["DISABLE_ENV_FILE"],
        "default_name": _directory_name(translated.loaded, options),
    }
    return {key: value for key, value in chosen.items() if value}


_COMPOSE_VARIABLES = ("FILE", "PATH_SEPARATOR", "PROJECT_NAME", "PROFILES", "ENV_FILES", "DISABLE_ENV_FILE")
"""Variables of Docker Compose (with COMPOSE_ before them) that choose what is read."""


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _directory_name(loaded: Loaded, options: LoadOptions) -> str:
    """The project's name where it is that of the directory, which another checkout may call otherwise."""
    if "name" in loaded.marks or options.project_name:
        return ""
    own = normalise_project_name(os.path.basename(loaded.working_dir))
    return loaded.name if loaded.name in (own, options.default_name) else ""


def _inputs(files: tuple[str, ...], cwd: str, base: str) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for file in files:
        if file not in ("-", "<stdin>"):
            with open(os.path.join(cwd, file), "rb") as opened:
                hashes[_relative(file, cwd, base)] = input_fingerprint(file, opened.read())
    return dict(sorted(hashes.items()))


def _relative(file: str, cwd: str, base: str) -> str:
    """A path as seen from the folder of the artefacts, with `/`, so that a checkout can stand anywhere."""
    return file if file == "-" else os.path.relpath(os.path.join(cwd, file), base).replace(os.sep, "/")


def _regenerate(
    recorded: Manifest, place: Place, environment: Mapping[str, str], stdin: TextIO | None
) -> Made:
    """Do again what a manifest says was done, whatever the surroundings would choose."""
    from compose2fargate.checking import Made

    options = _options_again(recorded, place, environment)
    emitter = load_emitter(recorded.target)
    unrecorded = {name: environment[name] for name in _UNRECORDED if name in environment}
    translated = translate(options, recorded.settings, stdin=stdin, settings_from=unrecorded)
    if has_errors(translated.diagnostics):
        raise MapError(translated.diagnostics)
    stack = translated.translation.stack
    base = os.path.relpath(os.path.join(place.cwd, place.folder), place.home)
    artifacts = _artifacts(emitter, translated, os.path.join(options.cwd, base))
    keys = key_fingerprints(translated.loaded.tree, translated.loaded.working_dir)
    content = _manifest(translated, options, recorded.target, base, keys)
    return Made(
        translated.loaded,
        stack,
        {name: service.container_name or "" for name, service in translated.project.services.items()},
        content["inputs"],
        keys,
        artifacts,
        lambda: manifest(content, artifacts),
    )


_CHOOSING = frozenset(f"COMPOSE_{name}" for name in _COMPOSE_VARIABLES)
_UNRECORDED = tuple(f"COMPOSE2FARGATE_{name.upper()}" for name in sorted(_SECRET))
"""Variables of the settings that no manifest records, and that have to be there again."""


def _options_again(recorded: Manifest, place: Place, environment: Mapping[str, str]) -> LoadOptions:
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
    )
