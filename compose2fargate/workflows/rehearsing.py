"""`rehearse` as functions: reads a project, builds its images, and runs its tasks on the local engine by Fargate's rules.

report = rehearse(LoadOptions(files=("compose.yaml",), environment=os.environ), {})
print(render(report, "text"))

The parts are put together here: the stack comes from the translation, images from the builders, the values of secrets
from where `secrets push` takes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from typing import Any, TextIO

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.image_build import ImageBuild
from compose2fargate.aws.resources import Secret, name_of
from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import BuildError, Diagnostic, MapError, Severity, UsageError, has_errors
from compose2fargate.disk.private import locked, private_cache
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.engine import (
    CONTAINER_LABEL,
    SERVICE_LABEL,
    Engine,
    EngineError,
    connect_engine,
)
from compose2fargate.rehearsal.rehearsal_findings import RehearsalFinding, find_problems
from compose2fargate.rehearsal.rehearsal_plan import (
    RehearsalPlan,
    RehearsedUnit,
    chosen_units,
    make_rehearsal_plan,
)
from compose2fargate.rehearsal.rehearsal_report import RehearsalReport, as_document, render_report
from compose2fargate.rehearsal.rehearsal_run import Supplies, image_key
from compose2fargate.rehearsal.rehearsed_deployment import (
    RehearsalOptions,
    RehearsalResult,
    RehearsedDeployment,
    Tell,
)
from compose2fargate.rehearsal.written_files import check_files
from compose2fargate.workflows.deploying import secret_values
from compose2fargate.workflows.translating import Translated, translate

__all__ = [
    "RehearsalOptions",
    "RehearsalOrder",
    "RehearsalReport",
    "Watch",
    "as_document",
    "down",
    "logs",
    "rehearse",
    "render_report",
]


class RehearsalOrder(NamedTuple):
    """What is to be rehearsed.

    Attributes:
        services: Those that are meant, with what is deployed before them; () for all.
        choices: How it runs.
        secrets: Values of secrets by name: that of the variable, or that in AWS.
        builder: The program that builds images; "" for the first there is.
        allow_errors: Rehearse what the translation calls an error, too, as far as there is a stack.
    """

    services: tuple[str, ...] = ()
    choices: RehearsalOptions = RehearsalOptions()
    secrets: Mapping[str, str] = {}
    builder: str = ""
    allow_errors: bool = False


class Watch(NamedTuple):
    """Who is told what happens.

    Attributes:
        tell: Called with what happens to each service and job, from several threads.
        report: Called with what the translation found.
        begin: Called with the services and jobs that are going to be run.
    """

    tell: Tell = lambda *_: None
    report: Callable[[Sequence[Diagnostic]], None] = lambda _: None
    begin: Callable[[Sequence[RehearsedUnit]], None] = lambda _: None


def rehearse(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    order: RehearsalOrder = RehearsalOrder(),  # noqa: B008 - frozen
    *,
    stdin: TextIO | None = None,
    watch: Watch = Watch(),  # noqa: B008 - frozen
) -> RehearsalReport:
    """Run a project's tasks until all is settled, and say what would fail on Fargate.

    Raises:
        InputError: The project cannot be read or translated, or a text of it cannot stand in a helper's configuration.
        EngineError: There is no engine.
        BuildError: An image cannot be built.
    """
    translated = translate(options, flags, stdin=stdin)
    if has_errors(translated.diagnostics) and not order.allow_errors:
        raise MapError(translated.diagnostics)
    watch.report(translated.diagnostics)
    plan = make_rehearsal_plan(translated.translation.stack, translated.settings.region)
    check_files(plan)
    units = _units(plan, order.services)
    watch.begin(tuple(units.values()))
    secrets = _Secrets(plan, secret_values(translated, options), order.secrets)
    building = _Building(translated, plan, units, options.environment, order.builder, watch.tell)
    kept = False
    with closing(connect_engine(options.environment)) as engine, _alone(engine, plan.project):
        engine.down(plan.project)  # what an earlier run left
        try:
            supplies = Supplies(_images(engine, building), secrets)
            result = _run(RehearsedDeployment(engine, plan, units, supplies, order.choices, watch.tell))
            kept = order.choices.keep
        finally:
            if not kept and (left := engine.down(plan.project).problems):
                watch.report([_left(plan.project, left)._replace(severity=Severity.WARNING)])
    return RehearsalReport(_hidden(result, secrets), _problems(result, plan, translated, secrets), kept)


def _located(finding: RehearsalFinding, translated: Translated) -> RehearsalFinding:
    one = finding.diagnostic
    return finding._replace(diagnostic=one._replace(location=translated.project.at(*one.path)))


def _units(plan: RehearsalPlan, services: Sequence[str]) -> dict[str, RehearsedUnit]:
    try:
        return chosen_units(plan, services)
    except KeyError as error:
        names = ", ".join(sorted(unit.name for unit in plan.units.values())) or "none"
        raise UsageError(
            Diagnostic(
                "C2F480",
                Severity.ERROR,
                f"there is no service or job {error.args[0]}",
                hint=f"there are: {names}",
            )
        ) from None


def _run(deployment: RehearsedDeployment) -> RehearsalResult:
    try:
        deployment.open_edge()
        deployment.deploy()
        return deployment.probe()
    finally:
        deployment.close()


# -- secrets -------------------------------------------------------------------------------------------------


class _Secrets:
    """Reads the values of secrets when a container starts, and hides them in what is reported."""

    def __init__(self, plan: RehearsalPlan, read: Callable[[str], str], given: Mapping[str, str]) -> None:
        self._plan, self._read, self._given = plan, read, given
        self._seen: set[str] = set()

    def __call__(self, secret: Secret) -> str | None:
        value = self._value(secret)
        if value:
            self._seen.add(value)
        return value

    def _value(self, secret: Secret) -> str | None:
        from compose2fargate.apply.handlers.handler import NoSecretValueError

        ref = secret.value_from
        name = name_of(self._plan.stack.get(ref)) if isinstance(ref, Ref) else self._plan.text(ref)
        for known in (secret.name, name):
            if known in self._given:
                return self._given[known]
        try:
            return self._read(name) or None
        except NoSecretValueError:
            return None

    def hide(self, text: str) -> str:
        """Hide every value that a container got."""
        for value in sorted(self._seen, key=len, reverse=True):
            for part in {
                value,
                value.strip(),
                *(line for line in value.splitlines() if len(line) >= _SECRET_LINE),
            }:
                if part:
                    text = text.replace(part, "********")
        return text

    def hidden(self, finding: RehearsalFinding) -> RehearsalFinding:
        """Hide them in a finding."""
        one = finding.diagnostic
        one = one._replace(message=self.hide(one.message), hint=self.hide(one.hint))
        return finding._replace(diagnostic=one, log=tuple(map(self.hide, finding.log)))


_SECRET_LINE = 8


def _problems(
    result: RehearsalResult, plan: RehearsalPlan, translated: Translated, secrets: _Secrets
) -> dict[str, tuple[RehearsalFinding, ...]]:
    """Find out why tasks failed, at the lines of the compose files."""
    return {
        unit.unit.id: tuple(
            secrets.hidden(_located(one, translated))
            for one in find_problems(unit, plan, translated.diagnostics)
        )
        for unit in result.units
    }


def _hidden(result: RehearsalResult, secrets: _Secrets) -> RehearsalResult:
    units = tuple(
        unit._replace(
            ends=tuple(
                end._replace(message=secrets.hide(end.message), log=tuple(map(secrets.hide, end.log)))
                for end in unit.ends
            )
        )
        for unit in result.units
    )
    return result._replace(units=units)


# -- images --------------------------------------------------------------------------------------------------


class _Building(NamedTuple):
    """What is needed to know which images a rehearsal runs, and to build them."""

    translated: Translated
    plan: RehearsalPlan
    units: Mapping[str, RehearsedUnit]
    environment: Mapping[str, str]
    builder: str
    tell: Tell

    def tell_of(self, service: str, text: str) -> None:
        """Tell what happens to a service before it is deployed."""
        node = next((node for node, unit in self.units.items() if unit.name == service), service)
        self.tell(node, "waiting", text)


def _images(engine: Engine, building: _Building) -> dict[str, str]:
    """Build and pull what the tasks run; give the engine's name of each image by that of the definition."""
    built = _build(building)
    found: dict[str, str] = {}
    for unit in building.units.values():
        arm = unit.definition.runtime_platform.cpu_architecture == "ARM64"
        for container in unit.definition.container_definitions:
            key = image_key(building.plan, container.image)
            name = built.get(key, key)
            if key in found:
                continue
            if engine.image(name) is None:
                building.tell_of(unit.name, f"pulling {name}")
                if engine.pull(name, f"linux/{'arm64' if arm else 'amd64'}"):
                    continue
            found[key] = name
    return found


def _build(building: _Building) -> dict[str, str]:
    """Build what the tasks need, without pushing it; give the reference of each by its repository."""
    from compose2fargate.images.builder_processes import BuilderProcesses
    from compose2fargate.images.builders import build_steps, find_builder
    from compose2fargate.images.push_images import prepare_images
    from compose2fargate.images.workspace import BuildWorkspace, missing_secrets

    builds = _needed_builds(building)
    if not builds:
        return {}
    builder = find_builder(building.builder)
    wanted = prepare_images(builds, building.translated.project.working_dir)
    variables = building.translated.loaded.environment
    missing = [one for image in wanted for one in missing_secrets(image.build, variables)]
    if missing:
        raise UsageError(missing)
    references: dict[str, str] = {}
    result: dict[str, str] = {}
    processes = BuilderProcesses(())
    with BuildWorkspace() as workspace:
        for image in wanted:
            kind = "files" if image.key.endswith("+files") else "built"
            reference = f"rehearsal/{building.plan.project}/{image.build.repository}:{kind}"
            building.tell_of(image.build.service, "building its image")
            places = workspace.place(image.build, variables, references)
            for step in build_steps(builder, image.build, (reference,), places, push=False):
                ended = processes.run(
                    step.arguments, {**building.environment, **step.environment}, lambda _: None
                )
                if ended.status:
                    failed = _not_built(image.build.service, ended.tail)
                    located = building.translated.project.at(*failed.path)
                    raise BuildError(failed._replace(location=located))
            references[image.key] = result[image.build.repository] = reference
    return result


def _needed_builds(building: _Building) -> list[ImageBuild]:
    """Give the builds of the images that the tasks run, and of those that they are based on."""
    from compose2fargate.images.build_order import bases_of

    needed = {
        image_key(building.plan, container.image)
        for unit in building.units.values()
        for container in unit.definition.container_definitions
        if not isinstance(container.image, str)
    }
    builds = {build.key: build for build in building.translated.translation.builds}
    waiting = [build.key for build in builds.values() if build.repository in needed]
    found: dict[str, ImageBuild] = {}
    while waiting:
        key = waiting.pop()
        if key in builds and key not in found:
            found[key] = builds[key]
            waiting.extend(bases_of(builds[key]))
    return list(found.values())


def _not_built(service: str, tail: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        "C2F556",
        Severity.ERROR,
        f"the image of {service} cannot be built",
        ("services", service, "build"),
        hint="fix the error in the last lines of its output",
        trail=tail,
    )


# -- what still runs -----------------------------------------------------------------------------------------


@contextmanager
def _alone(engine: Engine, project: str) -> Iterator[None]:
    """Let one process at a time rehearse a project on an engine: another one would take its containers down."""
    try:
        folder = private_cache("rehearsal")
    except OSError as error:
        message = f"the rehearsal cannot keep its lock in {error.filename}: {error.strerror}"
        hint = "set XDG_CACHE_HOME to a folder that you own"
        raise UsageError(Diagnostic("C2F557", Severity.ERROR, message, hint=hint)) from None
    name = sha256(f"{engine.identity()}\n{project}".encode()).hexdigest()[:16]
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(os.path.join(folder, name), wait=False))
        except BlockingIOError as error:
            raise EngineError(_rehearsed(project, str(error))) from None
        yield


def _rehearsed(project: str, process: str) -> Diagnostic:
    return Diagnostic(
        "C2F557",
        Severity.ERROR,
        f"{project} is being rehearsed by process {process} on this engine",
        hint="wait until it ends, end it with Ctrl-C, or rehearse under another name: --project-name NAME",
    )


def _left(project: str, problems: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        "C2F551",
        Severity.ERROR,
        f"the rehearsal of {project} could not be removed from the engine completely: {'; '.join(problems)}",
        hint="run compose2fargate rehearse down once the engine can remove it",
    )


def _project_name(options: LoadOptions, flags: Mapping[str, Any] | None, stdin: TextIO | None) -> str:
    return translate(options, flags, stdin=stdin).translation.stack.name


def down(options: LoadOptions, flags: Mapping[str, Any] | None = None, *, stdin: TextIO | None = None) -> int:
    """Remove everything that rehearsals of a project left on the engine; give how many things that were.

    Raises:
        EngineError: There is no engine, the project is being rehearsed, or something cannot be removed.
    """
    project = _project_name(options, flags, stdin)
    with closing(connect_engine(options.environment)) as engine, _alone(engine, project):
        removed = engine.down(project)
        if removed.problems:
            raise EngineError(_left(project, removed.problems))
        return removed.things


def logs(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    services: Sequence[str] = (),
    *,
    tail: int = 100,
    stdin: TextIO | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield container and line of what the containers of a kept rehearsal wrote."""
    project = _project_name(options, flags, stdin)
    with closing(connect_engine(options.environment)) as engine:
        for one in engine.listed(project):
            labels = one["Labels"]
            container = labels.get(CONTAINER_LABEL, "")
            if container and (not services or {labels.get(SERVICE_LABEL, ""), container} & set(services)):
                for line in engine.logs(one["Id"], tail):
                    yield container, line
