"""Reads a compose project exactly as Docker Compose does: files, options and variables to one canonical tree.

The passes, in order. Each file, and each document in it, goes through the first part on its own:

    parse -> interpolate -> include -> extends -> reset what is below -> merge over what is below
          -> remove duplicates -> schema -> long syntax -> remove duplicates

and the project as a whole through the second:

    defaults -> checks of single keys -> paths -> implied resources -> final values -> profiles
             -> consistency -> env and label files -> selection -> unused resources

A file that is included goes through the first part and, with its own directory and variables, through the second
up to the paths. An error ends the run at the end of the pass that found it.
Reference: https://github.com/compose-spec/compose-go/blob/main/loader/loader.go
"""

from __future__ import annotations

import gc
import os.path
from collections.abc import Container, Iterable, Mapping
from typing import Any, TextIO

from compose2fargate.compose.dialect import CURRENT, DIALECTS, Change, Dialect
from compose2fargate.compose.file_composition import FileComposition, Scope
from compose2fargate.compose.load_options import LoadOptions
from compose2fargate.compose.passes import DroppedKey, Tree
from compose2fargate.compose.project_reader import ProjectReader
from compose2fargate.compose.selection import (
    enable_profiles,
    select_services,
    split_by_profile,
    without_unused,
)
from compose2fargate.compose.sources.environment_files import (
    EnvFileReader,
    resolve_services,
    with_unread_files,
)
from compose2fargate.compose.sources.include import (
    without_values,
)
from compose2fargate.compose.sources.remote_files import RemoteFiles
from compose2fargate.compose.sources.source_files import (
    NAME_THE_PROJECT,
    DiscoveredProject,
    Marks,
    discover_project,
    named_after_link,
    normalise_project_name,
    parse_documents,
)
from compose2fargate.compose.validation.consistency import (
    check_consistency,
    check_container_names,
    with_replicas,
)
from compose2fargate.compose.values import canonical_values
from compose2fargate.compose.values.implied_values import add_implied_values
from compose2fargate.compose.values.interpolation import interpolate
from compose2fargate.diagnostics import (
    Diagnostic,
    LoadError,
    Location,
    Severity,
    UsageError,
)
from compose2fargate.records import NamedTuple

__all__ = ["DroppedKey", "LoadOptions", "LoadedProject", "load_project"]


class LoadedProject(NamedTuple):
    """A compose project in canonical form.

    Attributes:
        name: The project's name.
        working_dir: Its directory, absolute.
        tree: The canonical tree; a literal dollar is one dollar.
        marks: Where its keys were written.
        files: Every file that was read, in order: relative to the current directory where they are below it.
        environment: The variables that interpolation could use.
        variables: Those that it used, or that services take over by name; None for those without a value.
        disabled: The services whose profiles are not active.
        dropped: Keys of the files that are not in `tree`, and why.
        diagnostics: Warnings.
        compose_version: The release of Docker Compose that the files were read as.
    """

    name: str
    working_dir: str
    tree: dict[str, Any]
    marks: Marks
    files: tuple[str, ...]
    environment: Mapping[str, str]
    variables: Mapping[str, str | None]
    disabled: Mapping[str, Any]
    dropped: tuple[DroppedKey, ...]
    diagnostics: tuple[Diagnostic, ...]
    compose_version: str


def load_project(options: LoadOptions, *, stdin: TextIO | None = None) -> LoadedProject:
    """Read the project that `options` describe.

    Args:
        options: What to read.
        stdin: What the file `-` reads.

    Raises:
        LoadError: Docker Compose would refuse it, too; with everything that was found up to there.
    """
    run = _LoadRun(options, stdin)
    collecting = gc.isenabled()
    # Everything that is made here lives on: looking for garbage in it only takes time.
    gc.disable()
    try:
        return run.load()
    except LoadError as error:
        seen = dict.fromkeys((*run.findings.diagnostics, *error.diagnostics))
        raise LoadError(run.reader.with_trails(seen)) from error
    finally:
        if collecting:
            gc.enable()


class _LoadRun:
    """One run: the options, what was read and found."""

    def __init__(self, options: LoadOptions, stdin: TextIO | None) -> None:
        self.options = options
        self.reader = ProjectReader(options, stdin, _dialect(options.compose_version))
        self.findings = self.reader.findings
        self.composition = FileComposition(self.reader)

    def load(self) -> LoadedProject:
        """Run all passes."""
        found = self.discovered()
        self.reader.remote = RemoteFiles(
            found.working_dir, self.options.environment, allow=self.options.allow_remote
        )
        self.findings.diagnostics.extend(found.diagnostics)
        name = self.project_name(found)
        environment = {**found.environment, "COMPOSE_PROJECT_NAME": name}
        finished = self.options.interpolate or self.options.finish
        # Docker Compose knows no variables at all where it prints the files uninterpolated.
        scope = Scope(found.working_dir, found.working_dir, environment if finished else {})
        tree, marks = self.composition.model(list(found.files), scope)
        tree = without_values(tree)
        if not tree:
            raise LoadError(_empty(self.reader.shown(found.files[0])))
        if self.options.normalize:
            tree, marks = add_implied_values(tree, marks, name, self.reader.watched(scope.environment))
        self.findings.marks = marks
        if self.options.services and not finished and self.reader.dialect.has(Change.UNFILTERED_WARNING):
            self.findings.diagnostics.append(_unfiltered(self.options.services))
        disabled: Tree = {}
        if finished:
            tree, marks, disabled = self.project({**tree, "name": name}, marks, found.profiles, environment)
        self.findings.stop_on_errors()
        return LoadedProject(
            name,
            found.working_dir,
            tree,
            marks,
            tuple(self.reader.files),
            environment,
            self.reader.variables,
            disabled,
            tuple(self.findings.dropped),
            tuple(self.reader.with_trails(self.findings.diagnostics)),
            self.reader.dialect.version,
        )

    def project(
        self, tree: Tree, marks: Marks, profiles: tuple[str, ...], environment: Mapping[str, str]
    ) -> tuple[Tree, Marks, Tree]:
        """Give every value its final form, and keep what is active, selected and used.

        Returns:
            The tree, its marks, and the services whose profiles are not active.
        """
        options, findings = self.options, self.findings
        tree, places = canonical_values.project(tree, marks, (), findings)
        marks = findings.marks = places or {}
        findings.stop_on_errors()
        tree, disabled = split_by_profile(tree, profiles)
        if options.consistency:
            check_consistency(tree, disabled, findings)
            findings.stop_on_errors()
            tree = with_replicas(tree)
        active, selected = options.env_files_for.whose(self.reader.dialect, resolve=options.resolve_env)
        tree, marks = self.environment(tree, marks, environment, None if active else ())
        tree, disabled = enable_profiles(tree, disabled, options.services, profiles)
        if options.services:
            tree = select_services(tree, marks, options.services, findings)
            findings.stop_on_errors()
        for name in disabled:
            places_of = marks.get("services")
            mark = (places_of[3] or {}).get(name) if places_of else None
            findings.drop(("services", name), mark, "its profiles are not active")
        if not options.all_resources:
            tree = without_unused(tree, marks, findings)
        if selected:
            tree, marks = self.environment(tree, marks, environment, options.hashed or None)
        elif not self.reader.dialect.has(Change.OPT_OUT):
            tree = with_unread_files(tree)
        if options.consistency and options.container_names:
            check_container_names(tree, findings)
        return tree, marks, disabled

    def environment(
        self, tree: Tree, marks: Marks, environment: Mapping[str, str], env_files_of: Container[str] | None
    ) -> tuple[Tree, Marks]:
        """Read the label files of the active services, and the env files of some or of all (None)."""
        tree, marks = resolve_services(
            tree,
            marks,
            self.reader.watched(environment),
            EnvFileReader(
                os.path.abspath(self.options.cwd),
                self.reader.env_text,
                self.reader.shown,
                self.reader.came_from,
            ),
            self.findings,
            env_files_of=env_files_of,
        )
        self.findings.marks = marks
        self.findings.stop_on_errors()
        return tree, marks

    def discovered(self) -> DiscoveredProject:
        """Find the files, and the release of Docker Compose that they want to be read as."""
        found = discover_project(self.options, self.reader.dialect)
        self.reader.files.update(dict.fromkeys(map(self.reader.shown, found.env_files)))
        wanted = None if self.options.compose_version else self.wanted_dialect(found)
        if wanted is None or wanted is self.reader.dialect:
            return found
        self.findings.dialect = wanted
        self.reader.parsed.clear()
        return discover_project(self.options, self.reader.dialect)

    def wanted_dialect(self, found: DiscoveredProject) -> Dialect | None:
        """Give the dialect that the last file names which names any."""
        wanted = None
        for file in found.files:
            if file not in self.reader.texts:
                self.reader.texts[file] = self.reader.text(file)
            if _DIALECT_KEY not in self.reader.texts[file]:
                continue
            self.reader.parsed[file] = parse_documents(
                self.reader.texts[file], self.reader.shown(file), self.reader.dialect
            )
            for document in self.reader.parsed[file]:
                own = document.tree.get("x-fargate")
                if isinstance(own, dict) and own.get(_DIALECT_KEY) is not None:
                    wanted = self.dialect_of(own[_DIALECT_KEY], document.marks)
        return wanted

    def dialect_of(self, version: Any, marks: Marks) -> Dialect:
        """Give the dialect that a file names."""
        if version not in DIALECTS:
            self.findings.marks = marks
            hint = f'write "{CURRENT.version}" or "{min(DIALECTS)}", with quotes'
            message = f"x-fargate.{_DIALECT_KEY} is not a supported release"
            self.findings.error("C2F143", ("x-fargate", _DIALECT_KEY), message, hint)
            self.findings.stop_on_errors()
        return DIALECTS[version]

    def project_name(self, found: DiscoveredProject) -> str:
        """Give the name that was asked for, the one in the files, or the directory's."""
        if found.name_is_given:
            return found.name
        scratch, marks = self.name_in_files(found)
        name = scratch["name"]
        if name and self.options.interpolate:
            interpolate(scratch, marks, found.environment.get, self.findings.diagnostics, self.reader.dialect)
            self.findings.stop_on_errors()
        if self.options.normalize:
            scratch["name"] = normalise_project_name(scratch["name"])
        if name and not scratch["name"]:
            self.findings.marks = marks
            self.findings.error("C2F111", ("name",), f"{name!r} leaves no name for the project", _NAME_HINT)
            self.findings.stop_on_errors()
        if scratch["name"]:
            return str(scratch["name"])
        if not found.name:
            raise LoadError(_problem("C2F111", "the project has no name", NAME_THE_PROJECT))
        self.findings.diagnostics.extend(named_after_link(found))
        return found.name

    def name_in_files(self, found: DiscoveredProject) -> tuple[Tree, Marks]:
        """Give the last name that the files say, blank when there is none, and its place."""
        name, marks = "", {}
        for file in found.files:
            self.reader.parsed[file] = self.reader.documents(file)
            for document in self.reader.parsed[file]:
                said = document.tree.get("name")
                if isinstance(said, (str, int)) and not isinstance(said, bool) and said != "":
                    name, marks = str(said), document.marks
        return {"name": name}, marks


_DIALECT_KEY = "compose_version"

_NAME_HINT = "use lower-case letters, digits, `-` and `_`; the first one a letter or a digit"


def _problem(code: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, hint=hint)


def _empty(file: str) -> Diagnostic:
    return _problem("C2F112", f"{file} is empty", "add `services:`")._replace(location=Location(file, 1, 1))


def _dialect(version: str) -> Dialect:
    if version and version not in DIALECTS:
        message = f"--compose-version: {version!r} is not one of {', '.join(DIALECTS)}"
        raise UsageError(_problem("C2F195", message, "--compose-version VERSION"))
    return DIALECTS[version] if version else CURRENT


def _unfiltered(services: Iterable[str]) -> Diagnostic:
    message = (
        f"the whole project is printed, and not {', '.join(services)} alone: the variables are not filled in"
    )
    return Diagnostic(
        "C2F166", Severity.WARNING, message, hint="leave out the services, or fill in the variables"
    )
