"""Reads a compose project exactly as Docker Compose does: files, options and variables to one canonical tree.

The passes, in order. Each file, and each document in it, goes through the first part on its own:

    parse -> interpolate -> extends -> reset what is below -> include -> merge over what is below
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
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TextIO

from compose2fargate.compose import rules, values
from compose2fargate.compose.consistency import check_consistency, check_container_names, with_replicas
from compose2fargate.compose.dotenv import parse_dotenv
from compose2fargate.compose.environment import Reader, resolve_services, with_unread_files
from compose2fargate.compose.extends import Extender, Reference, Services, extends_anything
from compose2fargate.compose.include import (
    MAX_DEPTH,
    MAX_INCLUDES,
    Include,
    import_resources,
    read_includes,
    with_values,
    without_values,
)
from compose2fargate.compose.interpolation import interpolate
from compose2fargate.compose.merge import enforce_unique, merge, reset
from compose2fargate.compose.normalise import filled, normalise
from compose2fargate.compose.passes import Dropped, Findings, Tree, compile_rules, walk
from compose2fargate.compose.paths import Resolver, clean, is_remote, joined, resolver_steps
from compose2fargate.compose.schema import validate
from compose2fargate.compose.selection import enable, select, split_by_profile, without_unused
from compose2fargate.compose.source import (
    NAME_THE_PROJECT,
    Discovered,
    Document,
    Marks,
    discover,
    locate,
    missing_variable,
    named_after_link,
    normalise_project_name,
    parse_documents,
    read_text,
)
from compose2fargate.diagnostics import Diagnostic, LoadError, Location, Path, Severity, has_errors

__all__ = ["Dropped", "LoadOptions", "Loaded", "load"]


class LoadOptions(NamedTuple):
    """What to read, and how far to take it.

    Attributes:
        files: Compose files, `-` being stdin; () for those of the environment or the directory.
        project_name: The project's name; None for the one of the environment, the files or the directory.
        project_directory: What relative paths start from; None for the directory of the first file.
        profiles: Active profiles, besides those of the environment; `*` for all.
        env_files: Instead of `.env`.
        environment: The variables of the process.
        cwd: Where relative file names start from.
        interpolate: Whether to fill in variables. Without it the tree is the merged files in long syntax.
        finish: Whether to give every value its final form without it, too; what refers to a variable stays.
        normalize: Whether to add what is implied.
        resolve_paths: Whether to make paths absolute.
        resolve_env: Whether to read the env files of services that are only active because they are selected.
        read_env_files: Whether to read the env files of services at all; Docker Compose does not where it only
            lists names or hashes.
        consistency: Whether to check that the parts fit together.
        container_names: Whether that includes that no two services share a container's name.
        all_resources: Whether to keep networks, volumes and the like that no active service uses.
        services: Restrict the project to these, and to what they depend on.
        default_name: The project's name where nothing says one; "" for that of the directory.
    """

    files: tuple[str, ...] = ()
    project_name: str | None = None
    project_directory: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    cwd: str = "."
    interpolate: bool = True
    finish: bool = False
    normalize: bool = True
    resolve_paths: bool = True
    resolve_env: bool = True
    read_env_files: bool = True
    consistency: bool = True
    container_names: bool = True
    all_resources: bool = False
    services: tuple[str, ...] = ()
    default_name: str = ""


class Loaded(NamedTuple):
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
    """

    name: str
    working_dir: str
    tree: dict[str, Any]
    marks: Marks
    files: tuple[str, ...]
    environment: Mapping[str, str]
    variables: Mapping[str, str | None]
    disabled: Mapping[str, Any]
    dropped: tuple[Dropped, ...]
    diagnostics: tuple[Diagnostic, ...]


def load(options: LoadOptions, *, stdin: TextIO | None = None) -> Loaded:
    """Read the project that `options` describe.

    Args:
        options: What to read.
        stdin: What the file `-` reads.

    Raises:
        LoadError: Docker Compose would refuse it, too; with everything that was found up to there.
    """
    run = _Run(options, stdin)
    collecting = gc.isenabled()
    # Everything that is made here lives on: looking for garbage in it only takes time.
    gc.disable()
    try:
        return run.load()
    except LoadError as error:
        seen = dict.fromkeys((*run.findings.diagnostics, *error.diagnostics))
        raise LoadError(run.with_trails(seen)) from error
    finally:
        if collecting:
            gc.enable()


class _Scope(NamedTuple):
    """Where the files of one project, or of one included project, live.

    Attributes:
        directory: Absolute; files are looked up from here.
        base: What relative paths in the files are put after: absolute for the project itself, relative to
            the including project's directory otherwise.
        environment: The variables.
        including: The files that led here.
    """

    directory: str
    base: str
    environment: Mapping[str, str]
    including: tuple[str, ...] = ()


class _Run:
    """One run: the options, what was read and found."""

    def __init__(self, options: LoadOptions, stdin: TextIO | None) -> None:
        self.options = options
        self.stdin = stdin
        self.findings = Findings()
        self.home = options.environment.get("HOME", "")
        self.files: dict[str, None] = {}
        self.trails: dict[str, tuple[str, ...]] = {}
        self.variables: dict[str, str | None] = {}
        self.parsed: dict[str, list[Document]] = {}
        self.includes = 0

    # ------------------------------------------------------------------------------------------------------
    # The whole
    # ------------------------------------------------------------------------------------------------------

    def load(self) -> Loaded:
        """Run all passes."""
        found = discover(self.options)
        self.findings.diagnostics.extend(found.diagnostics)
        for file in found.env_files:
            self.files[self.shown(file)] = None
        name = self.project_name(found)
        environment = {**found.environment, "COMPOSE_PROJECT_NAME": name}
        finished = self.options.interpolate or self.options.finish
        # Docker Compose knows no variables at all where it prints the files uninterpolated.
        scope = _Scope(found.working_dir, found.working_dir, environment if finished else {})
        tree, marks = self.model(list(found.files), scope)
        tree = without_values(tree)
        if not tree:
            file = self.shown(found.files[0])
            start = Location(file, 1, 1)
            raise LoadError(
                _problem("C2F112", f"{file} is empty", "Add `services:`.")._replace(location=start)
            )
        if self.options.normalize:
            tree, marks = normalise(tree, marks, name, self.watched(scope.environment))
        self.findings.marks = marks
        disabled: Tree = {}
        if finished:
            tree, marks, disabled = self.project({**tree, "name": name}, marks, found.profiles, environment)
        self.findings.stop_on_errors()
        return Loaded(
            name,
            found.working_dir,
            tree,
            marks,
            tuple(self.files),
            environment,
            self.variables,
            disabled,
            tuple(self.findings.dropped),
            tuple(self.with_trails(self.findings.diagnostics)),
        )

    def project(
        self, tree: Tree, marks: Marks, profiles: tuple[str, ...], environment: Mapping[str, str]
    ) -> tuple[Tree, Marks, Tree]:
        """Give every value its final form, and keep what is active, selected and used.

        Returns:
            The tree, its marks, and the services whose profiles are not active.
        """
        options, findings = self.options, self.findings
        tree, places = values.project(tree, marks, (), findings)
        marks = findings.marks = places or {}
        findings.stop_on_errors()
        tree, disabled = split_by_profile(tree, profiles)
        if options.consistency:
            check_consistency(tree, disabled, findings)
            findings.stop_on_errors()
            tree = with_replicas(tree)
        tree, marks = self.environment(tree, marks, environment)
        tree, disabled = enable(tree, disabled, options.services, profiles)
        if options.services:
            tree = select(tree, marks, options.services, findings)
            findings.stop_on_errors()
        for name in disabled:
            places_of = marks.get("services")
            mark = (places_of[3] or {}).get(name) if places_of else None
            findings.drop(("services", name), mark, "its profiles are not active")
        if not options.all_resources:
            tree = without_unused(tree, marks, findings)
        if options.resolve_env and options.read_env_files:
            tree, marks = self.environment(tree, marks, environment)
        else:
            tree = with_unread_files(tree)
        if options.consistency and options.container_names:
            check_container_names(tree, findings)
        return tree, marks, disabled

    def environment(self, tree: Tree, marks: Marks, environment: Mapping[str, str]) -> tuple[Tree, Marks]:
        """Read the env files and label files of the active services."""
        tree, marks = resolve_services(
            tree,
            marks,
            self.watched(environment),
            Reader(os.path.abspath(self.options.cwd), self.env_text, self.shown, self.came_from),
            self.findings,
            labels_only=not self.options.read_env_files,
        )
        self.findings.marks = marks
        self.findings.stop_on_errors()
        return tree, marks

    def project_name(self, found: Discovered) -> str:
        """Give the name that was asked for, the one in the files, or the directory's."""
        if found.name_is_given:
            return found.name
        scratch, marks = self.name_in_files(found)
        name = scratch["name"]
        if name and self.options.interpolate:
            interpolate(scratch, marks, found.environment.get, self.findings.diagnostics)
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

    def name_in_files(self, found: Discovered) -> tuple[Tree, Marks]:
        """Give the last name that the files say, blank when there is none, and its place."""
        name, marks = "", {}
        for file in found.files:
            self.parsed[file] = self.documents(file)
            for document in self.parsed[file]:
                said = document.tree.get("name")
                if isinstance(said, (str, int)) and not isinstance(said, bool) and said != "":
                    name, marks = str(said), document.marks
        return {"name": name}, marks

    # ------------------------------------------------------------------------------------------------------
    # The files of one project, or of one include
    # ------------------------------------------------------------------------------------------------------

    def model(self, files: list[str], scope: _Scope) -> tuple[Tree, Marks]:
        """Merge `files`, and complete what they amount to."""
        tree: Tree = {}
        marks: Marks = {}
        for file in files:
            for document in self.documents(file):
                tree, marks = self.document(document, tree, marks, file, scope)
        steps = [rules.default_rules(), rules.check_rules()]
        if self.options.resolve_paths or scope.including:
            resolver = Resolver(scope.base, self.home)
            steps.append(compile_rules(resolver_steps(resolver)))
        for trie in steps:
            self.findings.marks = marks
            tree, places = walk(tree, marks, trie, (), self.findings)
            marks = places or {}
            self.findings.stop_on_errors()
        return _passed_through(tree, self.watched(scope.environment)), marks

    def document(
        self, document: Document, base: Tree, base_marks: Marks, file: str, scope: _Scope
    ) -> tuple[Tree, Marks]:
        """Merge one document over those before it."""
        findings = self.findings
        tree, marks = self.interpolated(document, scope)
        if "services" in tree:
            tree, marks = self.extended(tree, marks, document.resets, file, scope)
        base, base_marks = reset(base, base_marks, document.resets, findings)
        if "include" in tree:
            tree, marks = self.included(tree, marks, file, scope)
        tree, marks = self.merged((base, base_marks), tree, marks)
        findings.diagnostics.extend(validate(tree, marks, file=self.shown(file)))
        findings.stop_on_errors()
        if "version" in tree:
            findings.warn(
                "C2F165",
                ("version",),
                "`version` is obsolete and has no effect",
                "Remove it, to avoid confusion.",
            )
            findings.drop(("version",), marks.get("version"), "obsolete")
            tree = {key: value for key, value in tree.items() if key != "version"}
        return self.long_syntax(tree, marks)

    def interpolated(self, document: Document, scope: _Scope) -> tuple[Tree, Marks]:
        """Fill in variables."""
        self.findings.marks = document.marks
        tree = document.tree
        for path, place in document.gone.items():
            self.findings.drop(path, (*place, None), "resets what came before")
        if self.options.interpolate:
            tree = interpolate(
                tree, document.marks, self.lookup(scope.environment), self.findings.diagnostics
            )
            if has_errors(self.findings.diagnostics):
                # The run ends here, but what is of the wrong form anyway can be told in the same run.
                self.findings.also(validate(tree, document.marks))
            self.findings.stop_on_errors()
        return tree, document.marks

    def merged(self, base: tuple[Tree, Marks], tree: Tree, marks: Marks) -> tuple[Tree, Marks]:
        """Merge over what is below, and remove duplicates."""
        if base[0]:
            self.findings.marks = marks
            tree, places = merge(base, (tree, marks), rules.merge_rules(), (), self.findings)
            marks = places or {}
            self.findings.stop_on_errors()
        self.findings.marks = marks
        tree, marks = enforce_unique(tree, marks, rules.unique_rules(), self.findings)
        self.findings.stop_on_errors()
        return tree, marks

    def long_syntax(self, tree: Tree, marks: Marks) -> tuple[Tree, Marks]:
        """Expand short syntax, which can bring duplicates to light."""
        self.findings.marks = marks
        trie = rules.expand_rules() if self.options.interpolate else rules.lenient_rules()
        tree, places = walk(tree, marks, trie, (), self.findings)
        self.findings.stop_on_errors()
        return self.merged(({}, {}), tree, places or {})

    # ------------------------------------------------------------------------------------------------------
    # Other files
    # ------------------------------------------------------------------------------------------------------

    def extended(
        self, tree: Tree, marks: Marks, resets: tuple[Path, ...], file: str, scope: _Scope
    ) -> tuple[Tree, Marks]:
        """Merge the services over those that they extend."""
        services, mark = tree["services"], marks.get("services")
        if not isinstance(services, dict):
            self.findings.error("C2F157", ("services",), "services must be a mapping")
            self.findings.stop_on_errors()
        if not extends_anything(services):
            return tree, marks
        main = Services(self.shown(file), services, (mark[3] if mark else None) or {}, resets)

        def opener(reference: Reference) -> Services | None:
            return self.extended_file(reference, scope)

        services, inside = Extender(main, opener, self.findings).resolve()
        self.findings.stop_on_errors()
        if mark is not None:
            marks = {**marks, "services": (mark[0], mark[1], mark[2], inside)}
        return {**tree, "services": services}, marks

    def extended_file(self, reference: Reference, scope: _Scope) -> Services | None:
        """Read a file that is extended: its services in long syntax, with paths as this project sees them."""
        file = joined(scope.directory, reference.file or "")
        self.came_from(file, "extended", reference.location)
        tree: Tree = {}
        marks: Marks = {}
        resets: tuple[Path, ...] = ()
        for document in self.documents(file):
            inner, inner_marks = self.interpolated(document, scope)
            tree, marks = reset(tree, marks, document.resets, self.findings)
            tree, marks = self.long_syntax(*self.merged((tree, marks), inner, inner_marks))
            resets = document.resets
        shown = self.shown(file)
        if not isinstance(tree.get("services"), dict):
            self.findings.diagnostics.append(
                _problem("C2F157", f"{shown} has no services to extend")._replace(location=reference.location)
            )
            return None
        beside = joined(scope.directory, os.path.dirname(reference.file or ""))
        resolver = Resolver(os.path.relpath(beside, scope.directory), self.home)
        tree, places = walk(tree, marks, compile_rules(resolver_steps(resolver)), (), self.findings)
        mark = (places or {}).get("services")
        return Services(shown, tree["services"], (mark[3] if mark else None) or {}, resets)

    def included(self, tree: Tree, marks: Marks, file: str, scope: _Scope) -> tuple[Tree, Marks]:
        """Take over the resources of included files."""
        findings = self.findings
        findings.marks = document_marks = marks
        for entry in read_includes(tree["include"], findings):
            if not entry.paths:
                self.include_nothing(entry, scope)
                continue
            inner = self.include_scope(entry, file, scope)
            if inner is None:
                continue
            files = [joined(scope.directory, path) for path in entry.paths]
            imported, imported_marks = self.model(files, inner)
            imported = with_values(imported, inner.environment)
            findings.marks = document_marks
            tree, marks = import_resources(tree, marks, imported, imported_marks, findings)
        findings.stop_on_errors()
        findings.drop(("include",), marks.get("include"), "its files are read")
        return {key: value for key, value in tree.items() if key != "include"}, marks

    def include_nothing(self, entry: Include, scope: _Scope) -> None:
        """Check the env files of an entry without a file, as Docker Compose does: its `.env` is that of where it runs."""
        directory = clean(os.path.join(os.path.abspath(self.options.cwd), entry.project_directory))
        self.include_environment(entry, directory, scope)

    def include_scope(self, entry: Include, file: str, scope: _Scope) -> _Scope | None:
        """Say where an included project lives; None when it cannot be read."""
        first = clean(os.path.join(scope.directory, entry.paths[0]))
        chain = (*scope.including, clean(file))
        problem, hint = "", ""
        if any(is_remote(path) for path in entry.paths):
            problem = f"{entry.paths[0]} is remote: only local files are read"
            hint = "Download it, and include the copy."
        elif first in chain:
            steps = [self.shown(step) for step in (*chain[chain.index(first) :], first)]
            problem, hint = (
                f"files include each other in a circle: {' -> '.join(steps)}",
                "Remove one `include`.",
            )
        elif len(chain) > MAX_DEPTH:
            problem = f"files include each other more than {MAX_DEPTH} deep"
        elif self.includes >= MAX_INCLUDES:
            problem = f"files are included more than {MAX_INCLUDES} times, the most that is followed"
            hint = "Include each file once."
        self.includes += 1
        if problem:
            self.findings.error("C2F163", entry.path, problem, hint)
            return None
        place = locate(self.findings.marks, entry.path)
        for path in entry.paths:
            self.came_from(joined(scope.directory, path), "included", place)
        directory = os.path.dirname(first)
        base = directory
        if entry.project_directory:
            directory = base = clean(os.path.join(scope.directory, entry.project_directory))
            if not os.path.isdir(base):
                base = joined(scope.directory, os.path.dirname(entry.project_directory))
        environment = self.include_environment(entry, directory, scope)
        if os.path.isabs(entry.project_directory):
            return _Scope(directory, entry.project_directory, environment, chain)
        return _Scope(directory, os.path.relpath(base, scope.directory), environment, chain)

    def include_environment(self, entry: Include, directory: str, scope: _Scope) -> Mapping[str, str]:
        """Add the variables of an include's env files to those of the including project."""
        files = [clean(os.path.join(scope.directory, file)) for file in entry.env_files]
        if not files:
            default = os.path.join(directory, ".env")
            files = [default] if os.path.isfile(default) else []
        found: dict[str, str] = {}
        for file in files:
            if not os.path.exists(file):
                self.findings.error(
                    "C2F164", (*entry.path, "env_file"), f"{self.shown(file)} does not exist", "Create it."
                )
                self.findings.stop_on_errors()
            shown = self.shown(file)
            parsed = parse_dotenv(self.env_text(file), shown, scope.environment.get, found)
            found.update(parsed.values)
            self.findings.diagnostics.extend(
                missing_variable(name, Location(shown, line, 1)) for name, line in parsed.missing.items()
            )
        return {**found, **scope.environment}

    # ------------------------------------------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------------------------------------------

    def documents(self, file: str) -> list[Document]:
        """Parse a file. Interpolation changes the documents, so they are good for one use."""
        kept = self.parsed.pop(file, None)
        return parse_documents(self.text(file), self.shown(file)) if kept is None else kept

    def text(self, file: str, errors: str = "strict") -> str:
        """Read a file."""
        shown = self.shown(file)
        self.files[shown] = None
        return read_text(file, shown=shown, stdin=self.stdin, errors=errors)

    def env_text(self, file: str) -> str:
        """Read a file with variables or labels, whose bytes need not be UTF-8."""
        return self.text(file, "replace")

    def shown(self, file: str) -> str:
        """Name a file as the user would: relative to the current directory if it is below it."""
        if file == "-":
            return "<stdin>"
        cwd = os.path.abspath(self.options.cwd) + os.sep
        path = clean(file)
        return path.removeprefix(cwd)

    def lookup(self, environment: Mapping[str, str]) -> Callable[[str], str | None]:
        """Look variables up, and remember which ones were."""
        used = self.variables

        def find(name: str) -> str | None:
            value = used[name] = environment.get(name)
            return value

        return find

    def watched(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Give `environment` such that what services take over from it by name alone is remembered, too."""
        return _Watched(environment, self.variables)

    def came_from(self, file: str, how: str, place: Location | None) -> None:
        """Remember how the reader got to `file`: that it was `included`, say, and where."""
        shown = self.shown(file)
        if place is not None and shown not in self.trails:
            self.trails[shown] = (f"{how} from {place}", *self.trails.get(place.file, ()))

    def with_trails(self, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Say for each diagnostic how the reader got to its file."""
        return [
            d._replace(trail=(*d.trail, *self.trails.get(d.location.file, ()))) if d.location else d
            for d in diagnostics
        ]


class _Watched(dict[str, str]):
    """Variables that note which of them were looked up."""

    def __init__(self, environment: Mapping[str, str], used: dict[str, str | None]) -> None:
        super().__init__(environment)
        self._used = used

    def get(self, name: str, default: Any = None) -> Any:
        """Look a variable up, and remember it."""
        value = super().get(name)
        self._used[name] = value
        return default if value is None else value

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None


_NAME_HINT = "Use lower-case letters, digits, `-` and `_`; the first one a letter or a digit."


def _problem(code: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, hint=hint)


def _passed_through(tree: Tree, environment: Mapping[str, str]) -> Tree:
    """Fill in the variables that a service's list only names; mappings wait for the whole project's variables."""
    services = tree.get("services")
    if not isinstance(services, dict):
        return tree
    changed = {
        name: {**service, "environment": filled(service["environment"], environment, keep=True)}
        for name, service in services.items()
        if isinstance(service, dict) and isinstance(service.get("environment"), list)
    }
    return {**tree, "services": {**services, **changed}} if changed else tree
