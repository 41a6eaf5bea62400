"""The files of one project, or of one include, composed to one tree: each document merged over those before it."""

from __future__ import annotations

import os.path
from collections.abc import Mapping

from compose2fargate.compose import rules
from compose2fargate.compose.dialect import Change
from compose2fargate.compose.merge import enforce_unique, merge_trees, reset
from compose2fargate.compose.passes import Tree, compile_rules, walk_tree
from compose2fargate.compose.project_reader import ProjectReader
from compose2fargate.compose.sources.dotenv import parse_dotenv
from compose2fargate.compose.sources.extends import (
    Extender,
    ExtendsReference,
    ServiceSource,
    extends_anything,
)
from compose2fargate.compose.sources.include import (
    MAX_DEPTH,
    MAX_INCLUDES,
    IncludeEntry,
    import_resources,
    read_includes,
    with_values,
)
from compose2fargate.compose.sources.relative_paths import (
    PathResolver,
    clean_path,
    join_path,
    resolver_steps,
)
from compose2fargate.compose.sources.source_files import (
    Marks,
    YamlDocument,
    locate,
    missing_variable,
)
from compose2fargate.compose.validation.schema import validate
from compose2fargate.compose.values.implied_values import fill_variables
from compose2fargate.compose.values.interpolation import interpolate
from compose2fargate.diagnostics import (
    Diagnostic,
    Location,
    Path,
    Severity,
    has_errors,
)
from compose2fargate.records import NamedTuple


class Scope(NamedTuple):
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


class FileComposition:
    """Merges the documents of files, with those that they include and extend."""

    def __init__(self, reader: ProjectReader) -> None:
        self.reader = reader
        self.options = reader.options
        self.findings = reader.findings
        self.includes = 0

    def model(self, files: list[str], scope: Scope) -> tuple[Tree, Marks]:
        """Merge `files`, and complete what they amount to."""
        tree: Tree = {}
        marks: Marks = {}
        for file in files:
            for document in self.reader.documents(file):
                tree, marks = self.document(document, tree, marks, file, scope)
        steps = [rules.default_rules(), rules.check_rules()]
        if self.options.resolve_paths or scope.including:
            resolver = PathResolver(scope.base, self.reader.home)
            steps.append(compile_rules(resolver_steps(resolver)))
        for trie in steps:
            self.findings.marks = marks
            tree, places = walk_tree(tree, marks, trie, (), self.findings)
            marks = places or {}
            self.findings.stop_on_errors()
        return _passed_through(tree, self.reader.watched(scope.environment)), marks

    def document(
        self, document: YamlDocument, base: Tree, base_marks: Marks, file: str, scope: Scope
    ) -> tuple[Tree, Marks]:
        """Merge one document over those before it."""
        findings = self.findings
        tree, marks = self.interpolated(document, scope)
        includes_first = self.reader.dialect.has(Change.INCLUDES_FIRST)
        if includes_first and "include" in tree:
            tree, marks = self.included(tree, marks, document.resets, file, scope)
        if "services" in tree:
            tree, marks = self.extended(tree, marks, document.resets, file, scope)
        base, base_marks = reset(base, base_marks, document.resets, findings)
        if not includes_first and "include" in tree:
            tree, marks = self.included(tree, marks, document.resets, file, scope)
        tree, marks = self.merged((base, base_marks), tree, marks)
        findings.diagnostics.extend(
            validate(tree, marks, file=self.reader.shown(file), dialect=self.reader.dialect)
        )
        findings.stop_on_errors()
        if "version" in tree:
            findings.warn(
                "C2F165",
                ("version",),
                "`version` is obsolete and has no effect",
                "remove it, to avoid confusion",
            )
            findings.drop(("version",), marks.get("version"), "obsolete")
            tree = {key: value for key, value in tree.items() if key != "version"}
        return self.long_syntax(tree, marks)

    def interpolated(self, document: YamlDocument, scope: Scope) -> tuple[Tree, Marks]:
        """Fill in variables."""
        self.findings.marks = document.marks
        tree = document.tree
        for path, place in document.gone.items():
            self.findings.drop(path, (*place, None), "resets what came before")
        if self.options.interpolate:
            tree = interpolate(
                tree,
                document.marks,
                self.reader.lookup(scope.environment),
                self.findings.diagnostics,
                self.reader.dialect,
            )
            if has_errors(self.findings.diagnostics):
                # The run ends here, but what is of the wrong form anyway can be told in the same run.
                self.findings.also(validate(tree, document.marks, dialect=self.reader.dialect))
            self.findings.stop_on_errors()
        return tree, document.marks

    def merged(self, base: tuple[Tree, Marks], tree: Tree, marks: Marks) -> tuple[Tree, Marks]:
        """Merge over what is below, and remove duplicates."""
        if base[0]:
            self.findings.marks = marks
            tree, places = merge_trees(base, (tree, marks), rules.merge_rules(), (), self.findings)
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
        tree, places = walk_tree(tree, marks, trie, (), self.findings)
        self.findings.stop_on_errors()
        return self.merged(({}, {}), tree, places or {})

    # -- other files -------------------------------------------------------------------------------------------

    def extended(
        self, tree: Tree, marks: Marks, resets: tuple[Path, ...], file: str, scope: Scope
    ) -> tuple[Tree, Marks]:
        """Merge the services over those that they extend."""
        services, mark = tree["services"], marks.get("services")
        if not isinstance(services, dict):
            self.findings.error("C2F157", ("services",), "services must be a mapping")
            self.findings.stop_on_errors()
        if not extends_anything(services):
            return tree, marks
        main = ServiceSource(self.reader.shown(file), services, (mark[3] if mark else None) or {}, resets)

        def opener(reference: ExtendsReference) -> ServiceSource | None:
            local = self.reader.local_file(reference.file or "", "C2F157", reference.path, reference.location)
            if local is None:
                return None
            top = self.reader.remote.top(reference.file or "")
            return self.extended_file(reference._replace(file=local), scope, top)

        services, inside = Extender(main, opener, self.findings).resolve()
        self.findings.stop_on_errors()
        if mark is not None:
            marks = {**marks, "services": (mark[0], mark[1], mark[2], inside)}
        return {**tree, "services": services}, marks

    def extended_file(
        self, reference: ExtendsReference, scope: Scope, top: str | None
    ) -> ServiceSource | None:
        """Read a file that is extended: its services in long syntax, with paths as this project sees them.

        They start from the folder of the file, and from the `top` folder of its repository where it is remote.
        """
        file = join_path(scope.directory, reference.file or "")
        self.reader.came_from(file, "extended", reference.location)
        tree: Tree = {}
        marks: Marks = {}
        resets: tuple[Path, ...] = ()
        for document in self.reader.documents(file):
            inner, inner_marks = self.interpolated(document, scope)
            tree, marks = reset(tree, marks, document.resets, self.findings)
            tree, marks = self.long_syntax(*self.merged((tree, marks), inner, inner_marks))
            resets = document.resets
        shown = self.reader.shown(file)
        if not isinstance(tree.get("services"), dict):
            self.findings.diagnostics.append(
                _problem("C2F157", f"{shown} has no services to extend")._replace(location=reference.location)
            )
            return None
        beside = top or join_path(scope.directory, os.path.dirname(reference.file or ""))
        resolver = PathResolver(os.path.relpath(beside, scope.directory), self.reader.home)
        tree, places = walk_tree(tree, marks, compile_rules(resolver_steps(resolver)), (), self.findings)
        mark = (places or {}).get("services")
        return ServiceSource(shown, tree["services"], (mark[3] if mark else None) or {}, resets)

    def included(
        self, tree: Tree, marks: Marks, resets: tuple[Path, ...], file: str, scope: Scope
    ) -> tuple[Tree, Marks]:
        """Take over the resources of included files."""
        findings = self.findings
        findings.marks = document_marks = marks
        for given in read_includes(tree["include"], findings):
            if not given.paths:
                self.include_nothing(given, scope)
                continue
            entry = self.reader.with_local_files(given)
            if entry is None:
                continue
            inner = self.include_scope(entry, file, scope)
            if inner is None:
                continue
            files = [join_path(scope.directory, path) for path in entry.paths]
            imported, imported_marks = self.model(files, inner)
            imported = with_values(imported, inner.environment)
            findings.marks = document_marks
            tree, marks = import_resources((tree, marks), (imported, imported_marks), resets, findings)
        findings.stop_on_errors()
        findings.drop(("include",), marks.get("include"), "its files are read")
        return {key: value for key, value in tree.items() if key != "include"}, marks

    def include_nothing(self, entry: IncludeEntry, scope: Scope) -> None:
        """Check the env files of an entry without a file, as Docker Compose does: its `.env` is that of where it runs."""
        directory = clean_path(os.path.join(os.path.abspath(self.options.cwd), entry.project_directory))
        self.include_environment(entry, directory, scope)

    def include_scope(self, entry: IncludeEntry, file: str, scope: Scope) -> Scope | None:
        """Say where an included project lives; None when it cannot be read."""
        first = clean_path(os.path.join(scope.directory, entry.paths[0]))
        chain = (*scope.including, clean_path(file))
        problem, hint = "", ""
        if first in chain:
            steps = [self.reader.shown(step) for step in (*chain[chain.index(first) :], first)]
            problem, hint = (
                f"files include each other in a cycle: {' -> '.join(steps)}",
                "remove one `include`",
            )
        elif len(chain) > MAX_DEPTH:
            problem = f"files include each other more than {MAX_DEPTH} deep"
        elif self.includes >= MAX_INCLUDES:
            problem = f"files are included more than {MAX_INCLUDES} times, the most that is followed"
            hint = "include each file once"
        self.includes += 1
        if problem:
            self.findings.error("C2F163", entry.path, problem, hint)
            return None
        place = locate(self.findings.marks, entry.path)
        for path in entry.paths:
            self.reader.came_from(join_path(scope.directory, path), "included", place)
        directory = os.path.dirname(first)
        base = directory
        if entry.project_directory:
            directory = base = clean_path(os.path.join(scope.directory, entry.project_directory))
            if not os.path.isdir(base):
                base = join_path(scope.directory, os.path.dirname(entry.project_directory))
        environment = self.include_environment(entry, directory, scope)
        if os.path.isabs(entry.project_directory):
            return Scope(directory, entry.project_directory, environment, chain)
        return Scope(directory, os.path.relpath(base, scope.directory), environment, chain)

    def include_environment(self, entry: IncludeEntry, directory: str, scope: Scope) -> Mapping[str, str]:
        """Add the variables of an include's env files to those of the including project."""
        files = [clean_path(os.path.join(scope.directory, file)) for file in entry.env_files]
        if not files:
            default = os.path.join(directory, ".env")
            files = [default] if os.path.exists(default) and not os.path.isdir(default) else []
        found: dict[str, str] = {}
        for file in files:
            if (
                file == os.devnull
            ):  # how an include says that it takes no variables, beside its own `.env` either
                continue
            if not os.path.exists(file):
                self.findings.error(
                    "C2F164",
                    (*entry.path, "env_file"),
                    f"{self.reader.shown(file)} does not exist",
                    "Create it.",
                )
                self.findings.stop_on_errors()
            shown = self.reader.shown(file)
            parsed = parse_dotenv(
                self.reader.env_text(file), shown, scope.environment.get, found, self.reader.dialect
            )
            found.update(parsed.values)
            self.findings.diagnostics.extend(
                missing_variable(name, Location(shown, line, 1)) for name, line in parsed.missing.items()
            )
        return {**found, **scope.environment}


def _problem(code: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, message, hint=hint)


def _passed_through(tree: Tree, environment: Mapping[str, str]) -> Tree:
    """Fill in the variables that a service's list only names; mappings wait for the whole project's variables."""
    services = tree.get("services")
    if not isinstance(services, dict):
        return tree
    changed = {
        name: {**service, "environment": fill_variables(service["environment"], environment, keep=True)}
        for name, service in services.items()
        if isinstance(service, dict) and isinstance(service.get("environment"), list)
    }
    return {**tree, "services": {**services, **changed}} if changed else tree
