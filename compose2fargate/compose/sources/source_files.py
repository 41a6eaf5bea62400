"""Finds compose files and env files, and reads them.

What is found where is Docker Compose's own order: options, then the environment, then `.env`, then the
current directory and its parents. Everything takes the environment and the current directory as arguments.

Limits, so that no file can take the machine down. Going over one is an error with a place:

| constant                      | what it bounds                                                            |
|-------------------------------|---------------------------------------------------------------------------|
| `yaml_nodes.MAX_FILE_BYTES`   | the size of one file                                                      |
| `yaml_nodes.MAX_DEPTH`        | how deep collections may be nested, as written and again inside an alias  |
| `yaml_trees.MAX_ALIAS_NODES`  | how many values all aliases of one file may stand for                     |
| `interpolation.MAX_NESTING`   | how deep variables may be nested, and `MAX_BRACES` the braces in them      |
| `interpolation.MAX_EXPANSION` | how long a string may become, and `MAX_TOTAL_EXPANSION` all together       |
| `include.MAX_DEPTH`           | how deep files may include others, and `MAX_INCLUDES` how often in all    |
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TextIO

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.yaml.yaml_nodes import MAX_FILE_BYTES, too_large, yaml_error
from compose2fargate.compose.yaml.yaml_scalars import Timestamp
from compose2fargate.compose.yaml.yaml_trees import Mark, Marks, YamlDocument, locate, parse_documents
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Severity
from compose2fargate.disk.reading import is_stream, read_up_to
from compose2fargate.records import NamedTuple
from compose2fargate.text.shell_text import quote

__all__ = [
    "DiscoveredProject",
    "Mark",
    "Marks",
    "Timestamp",
    "YamlDocument",
    "discover_project",
    "locate",
    "normalise_project_name",
    "parse_documents",
    "read_text",
]

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
"""The names that Docker Compose looks for, in its order of preference."""


class SourceOptions(Protocol):
    """What `discover` has to know; see `loader.LoadOptions`."""

    @property
    def files(self) -> tuple[str, ...]: ...
    @property
    def project_name(self) -> str | None: ...
    @property
    def project_directory(self) -> str | None: ...
    @property
    def profiles(self) -> tuple[str, ...]: ...
    @property
    def env_files(self) -> tuple[str, ...]: ...
    @property
    def default_name(self) -> str: ...
    @property
    def environment(self) -> Mapping[str, str]: ...
    @property
    def cwd(self) -> str: ...


class DiscoveredProject(NamedTuple):
    """Where a project is, and what surrounds it.

    Attributes:
        files: The compose files in the order in which they are merged: absolute paths, or `-`.
        working_dir: The project's directory, absolute.
        environment: The variables: those of the process, then those of the env files.
        env_files: The env files that were read, absolute.
        origins: For each variable that an env file supplied, the line.
        name: The name that the options or the environment give, or else that of the directory, normalised:
            this can be "".
        name_is_given: Whether `name` is from the options or the environment, and wins over those in the files.
        profiles: The active profiles.
        diagnostics: Warnings.
    """

    files: tuple[str, ...]
    working_dir: str
    environment: Mapping[str, str]
    env_files: tuple[str, ...]
    origins: Mapping[str, Location]
    name: str
    name_is_given: bool
    profiles: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


def discover_project(options: SourceOptions, dialect: Dialect = CURRENT) -> DiscoveredProject:
    """Find the compose files and the env files of a project.

    Args:
        options: What the user said.
        dialect: What the files are read as.

    Raises:
        LoadError: There is no compose file, an env file is missing or wrong, or the project's name is.
    """
    return _Discovery(options, dialect).run()


def at_home(path: str, environment: Mapping[str, str], dialect: Dialect) -> str:
    """Give the env file that a leading `~` stands for: no shell has seen the one in `--env-file=~/x`."""
    home = environment.get("HOME", "")
    if home and dialect.has(Change.ENV_FILE_HOME) and (path == "~" or path.startswith("~/")):
        return os.path.join(home, path[2:])
    return path


def normalise_project_name(name: str) -> str:
    """Turn a name into a legal project name, as Docker Compose does; "" when nothing legal is left."""
    return re.sub("[^a-z0-9_-]", "", name.lower()).lstrip("_-")


class _Discovery:
    """One run of `discover`.

    The order of steps matters, and is Docker Compose's: an env file may say which compose files to use, and
    these say in which directory the next env file is.
    """

    def __init__(self, options: SourceOptions, dialect: Dialect) -> None:
        self.options = options
        self.dialect = dialect
        self.process = dict(options.environment)
        self.cwd = _logical_directory(options.cwd, self.process.get("PWD", ""))
        self.files = [self.compose_file(file) for file in options.files]
        named = options.env_files or listed_files(self.process.get("COMPOSE_ENV_FILES", ""))
        self.named_env_files = [self.absolute(at_home(file, self.process, dialect)) for file in named]
        self.streams = streams(options)
        self.streamed: dict[str, str] = {}
        self.read: dict[str, None] = {}
        self.origins: dict[str, Location] = {}
        self.diagnostics: list[Diagnostic] = []

    def run(self) -> DiscoveredProject:
        self.take_compose_variables()
        self.process.setdefault("PWD", self.cwd)
        environment = dict(self.process)
        self.add_env_files(environment)
        if not self.files:
            self.files = self.files_of_environment(environment) or self.default_files()
        self.add_env_files(environment)
        _check_limit(environment)
        working_dir = self.directory()
        name = self.options.project_name or environment.get("COMPOSE_PROJECT_NAME", "")
        if name != normalise_project_name(name):
            raise LoadError(_bad_name(name))
        return DiscoveredProject(
            files=tuple(self.files),
            working_dir=working_dir,
            environment=environment,
            env_files=tuple(self.read),
            origins=self.origins,
            name=name or self.options.default_name or normalise_project_name(os.path.basename(working_dir)),
            name_is_given=name != "",
            # Without any, the profile of no name is active: so Docker Compose splits nothing at its commas.
            profiles=self.options.profiles or _split(environment.get("COMPOSE_PROFILES", "")),
            diagnostics=tuple(self.diagnostics),
        )

    def absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.cwd, path))

    def compose_file(self, path: str) -> str:
        if path == "-":
            return path
        file = self.absolute(path)
        if is_remote(path) and not os.path.exists(file):
            raise LoadError(_remote_project(path))
        return file

    def directory(self) -> str:
        """Give the project's directory as far as it is known: the first compose file's, unless an option says it."""
        if self.options.project_directory:
            return self.absolute(self.options.project_directory)
        first = next((file for file in self.files if file != "-"), None)
        return self.cwd if first is None else os.path.dirname(first)

    # ------------------------------------------------------------------------------------------------------
    # Env files
    # ------------------------------------------------------------------------------------------------------

    def take_compose_variables(self) -> None:
        """Let the first env file set variables of Docker Compose itself, as if the process had them."""
        environment = dict(self.process)
        try:
            self.add_env_files(environment)
        except LoadError:
            if self.dialect.has(Change.ENV_FILE_FAULTS):
                raise  # otherwise reading it again says so
        for name, value in environment.items():
            if name.startswith("COMPOSE_"):
                self.process.setdefault(name, value)
        self.diagnostics.clear()
        self.read.clear()

    def add_env_files(self, environment: dict[str, str]) -> None:
        """Add what the env files say to variables that are not set yet."""
        files = self.named_env_files or self.default_env_file()
        found: dict[str, str] = {}
        for file in files:
            if file not in self.read:
                self.read_env_file(file, environment, found)
        for name, value in found.items():
            environment.setdefault(name, value)

    def default_env_file(self) -> list[str]:
        disabled = self.process.get("COMPOSE_DISABLE_ENV_FILE")
        if disabled is not None and _truth("COMPOSE_DISABLE_ENV_FILE", disabled):
            return []
        file = os.path.join(self.directory(), ".env")
        return [file] if os.path.exists(file) and not os.path.isdir(file) else []

    def read_env_file(self, file: str, environment: Mapping[str, str], found: dict[str, str]) -> None:
        from compose2fargate.compose.sources.dotenv import parse_dotenv

        shown = self.shown(file)
        text = self.env_text(file, shown)
        parsed = parse_dotenv(text, shown, environment.get, found, self.dialect)
        for name, line in parsed.missing.items():
            self.diagnostics.append(missing_variable(name, Location(shown, line, 1)))
        for name, line in parsed.lines.items():
            if name not in environment:
                self.origins[name] = Location(shown, line, 1)
        found.update(parsed.values)
        self.read[file] = None

    def env_text(self, file: str, shown: str) -> str:
        """Read an env file; a stream can be read once only, and is asked for twice."""
        if file not in self.streams:
            return read_text(file, shown, errors="surrogateescape")
        if file not in self.streamed:
            self.streamed[file] = read_text(file, shown, errors="surrogateescape", stream=True)
        return self.streamed[file]

    # ------------------------------------------------------------------------------------------------------
    # Compose files
    # ------------------------------------------------------------------------------------------------------

    def files_of_environment(self, environment: Mapping[str, str]) -> list[str]:
        named = environment.get("COMPOSE_FILE")
        if named is None:
            return []
        separator = environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        return [self.compose_file(file) for file in named.split(separator)]

    def default_files(self) -> list[str]:
        """Look for a compose file in the project's directory, then in each of its parents.

        Raises:
            LoadError: There is none.
        """
        start = self.directory()
        for directory in _with_parents(start):
            found = self.preferred(directory, DEFAULT_NAMES)
            if found:
                return found + self.preferred(directory, OVERRIDE_NAMES)
        message = f"there is no compose file in {start} or in a directory above it"
        hint = f"write {DEFAULT_NAMES[0]} there, or name a file with --file"
        raise LoadError(yaml_error("C2F100", message, None, hint))

    def preferred(self, directory: str, names: Sequence[str]) -> list[str]:
        """Give the first of `names` that is in `directory`, and warn about the others."""
        found = [path for name in names if os.path.exists(path := os.path.join(directory, name))]
        if len(found) > 1:
            self.diagnostics.append(_several_files([self.shown(file) for file in found]))
        return found[:1]

    def shown(self, file: str) -> str:
        """Name a file relative to the current directory, if it is below it."""
        prefix = os.path.join(self.cwd, "")
        return file.removeprefix(prefix)


def _logical_directory(cwd: str, pwd: str) -> str:
    """Give the current directory by the name the shell has for it: with symbolic links, as Go does."""
    cwd = os.path.abspath(cwd)
    if os.path.isabs(pwd) and pwd != cwd:
        with suppress(OSError, ValueError):  # PWD may be out of date
            if os.path.samefile(pwd, cwd):
                return os.path.normpath(pwd)
    return cwd


def _with_parents(directory: str) -> Iterator[str]:
    while True:
        yield directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return
        directory = parent


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(","))


def listed_files(names: str) -> tuple[str, ...]:
    """Read `COMPOSE_ENV_FILES`: unlike the blanks around a profile, those around a file belong to its name."""
    return tuple(filter(None, names.split(",")))


_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


def _truth(name: str, word: str) -> bool:
    """Read a word as Go's ParseBool does."""
    if word not in _TRUE | _FALSE:
        raise LoadError(
            yaml_error("C2F114", f"{name} is {word!r}, which is not a boolean", None, "set it to 1 or 0")
        )
    return word in _TRUE


def _check_limit(environment: Mapping[str, str]) -> None:
    """Refuse a limit that Docker Compose refuses, though nothing here is limited by it."""
    word = environment.get("COMPOSE_PARALLEL_LIMIT")
    if word is not None and not re.fullmatch(r"[+-]?[0-9]{1,18}", word):
        raise LoadError(
            yaml_error(
                "C2F114",
                f"COMPOSE_PARALLEL_LIMIT is {word!r}, which is not an integer",
                None,
                "set it to a number, or unset it",
            )
        )


def streams(options: SourceOptions) -> frozenset[str]:
    """Give the streams (`/dev/fd/63`) that the user names as files: no file of the project may name any."""
    variables = options.environment
    separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    named = (
        *options.files,
        *options.env_files,
        *variables.get("COMPOSE_FILE", "").split(separator),
        *listed_files(variables.get("COMPOSE_ENV_FILES", "")),
    )
    return frozenset(filter(is_stream, named))


def read_text(
    path: str,
    shown: str = "",
    *,
    stdin: TextIO | None = None,
    errors: str = "strict",
    stream: bool = False,
) -> str:
    """Read a regular file, or standard input for the path `-`.

    Args:
        path: Where the file is.
        shown: Its name in messages; `path` where empty.
        stdin: What `-` stands for; without it, `-` is a file's name.
        errors: `strict`, or `surrogateescape` to keep bytes that are no UTF-8, see `utf8`. UTF-16 with a byte order
            mark is read when strict.
        stream: Whether `path` may be a stream, which the user named: see `streams`.

    Raises:
        LoadError: There is no such file, it cannot be read, it is too large or no text; with the place of
            the first byte that is wrong.
    """
    shown = shown or path
    try:
        data = _read_bytes(path, stdin, stream=stream)
    except (OSError, ValueError) as error:
        raise LoadError(_unreadable(error, shown)) from error
    if len(data) > MAX_FILE_BYTES:
        raise LoadError(too_large(shown))
    encoding = "utf-16" if errors == "strict" and data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise LoadError(_not_text(error, shown)) from error


def _read_bytes(path: str, stdin: TextIO | None, *, stream: bool) -> bytes:
    if path != "-" or stdin is None:
        return read_up_to(path, MAX_FILE_BYTES, stream=stream)
    buffer = getattr(stdin, "buffer", None)
    if buffer is None:
        return stdin.read(MAX_FILE_BYTES + 1).encode(errors="surrogatepass")
    return bytes(buffer.read(MAX_FILE_BYTES + 1))


_REMOTE = ("oci://", "git://", "ssh://", "git@", "github.com/", "https://", "http://")


def is_remote(path: str) -> bool:
    """Tell whether `path` names a compose file in a repository or registry."""
    return path.startswith(_REMOTE)


def copy_of_artifact(path: str) -> str:
    """Say how to get a copy of the compose file in a registry."""
    return f"write it to a file: docker compose -f {quote(path)} config --no-interpolate -o app.yaml"


def _remote_project(path: str) -> Diagnostic:
    hint = f"write a compose file that says `include: [{path}]`, and use --allow-remote"
    return Diagnostic(
        "C2F101",
        Severity.ERROR,
        f"{path} is remote, but the files of a project must be on this machine",
        hint=copy_of_artifact(path) if path.startswith("oci://") else hint,
    )


def _unreadable(error: Exception, shown: str) -> Diagnostic:
    place = Location(shown, 1, 1)
    for kind, message, hint in _READ_ERRORS:
        if isinstance(error, kind):
            return yaml_error("C2F101", message, place, hint)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return yaml_error("C2F101", f"the file cannot be read: {reason}", place)


_READ_ERRORS: tuple[tuple[type[Exception], str, str], ...] = (
    (FileNotFoundError, "there is no such file", "check the path"),
    (IsADirectoryError, "this is a directory, not a file", "name a file in it"),
    (PermissionError, "the file may not be read", "check its permissions"),
)


def _not_text(error: UnicodeDecodeError, shown: str) -> Diagnostic:
    before = error.object[: error.start]
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="surrogateescape")) + 1
    place = Location(shown, before.count(b"\n") + 1, column)
    if b"\0" in error.object[:8192]:
        return yaml_error("C2F102", "this is a binary file, not text", place, "name a compose file")
    message = f"the byte 0x{error.object[error.start]:02x} is not valid in UTF-8"
    return yaml_error("C2F102", message, place, "save the file as UTF-8")


def _bad_name(name: str) -> Diagnostic:
    legal = normalise_project_name(name)
    message = (
        f"{name!r} is not a project name: lowercase letters, digits, - and _ make one, "
        "and it starts with a letter or a digit"
    )
    return yaml_error("C2F111", message, None, f"use {legal!r}" if legal else "use another name")


def _several_files(files: Iterable[str]) -> Diagnostic:
    first, *others = files
    message = f"several compose files were found: {first} is used, {' and '.join(others)} {'is' if len(others) == 1 else 'are'} not"
    hint = "remove the unused files, or name the files with --file"
    return Diagnostic("C2F110", Severity.WARNING, message, (), Location(first, 1, 1), hint)


def named_after_link(found: DiscoveredProject) -> Iterator[Diagnostic]:
    """Warn that a project is named after a symbolic link to its directory: by another path it has another name."""
    link = os.path.basename(found.working_dir)
    target = os.path.basename(os.path.realpath(found.working_dir))
    if target != link:
        message = f"the project is named {found.name!r} after a symbolic link; the directory is {target!r}"
        yield Diagnostic("C2F115", Severity.WARNING, message, hint=NAME_THE_PROJECT)


NAME_THE_PROJECT = "write `name: ...` at the top of the file, or use --project-name"


def missing_variable(name: str, place: Location) -> Diagnostic:
    """Warn that a line of an env file refers to a variable that is not set."""
    message = f"the variable {name} is not set; a blank string takes its place"
    hint = f"set {name} in the environment, or give a default: ${{{name}:-value}}"
    return Diagnostic("C2F120", Severity.WARNING, message, (), place, hint)
