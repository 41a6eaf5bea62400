"""`plan`, `apply` and `destroy` as functions: reads a project and brings its stack to AWS.

prepared = prepare(LoadOptions(files=("compose.yaml",), environment=os.environ), {}, Target(region="eu-central-1"))
planned = plan(prepared, Choices())
result = apply(prepared, planned)

The parts are put together here: the stack comes from the translation, what there is from the account, and the values
of secrets from where the compose file says, at the moment in which they are written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from compose2fargate.apply.deployment import stack_deployment
from compose2fargate.apply.deployment.execution import (
    ActionOutcome,
    ExecutionOptions,
    ExecutionResult,
    ProgressListener,
)
from compose2fargate.apply.deployment.plan_display import (
    KeptResource,
    plan_as_json,
    plan_as_text,
    plan_summary,
    what_stays,
)
from compose2fargate.apply.deployment.planner import (
    Action,
    Plan,
    PlanOptions,
)
from compose2fargate.apply.deployment.rollout import RolloutFailure
from compose2fargate.apply.deployment.stack_deployment import Deployment, DeploymentTarget, SavedPlan
from compose2fargate.apply.handlers.handler import NoSecretValueError
from compose2fargate.aws.regions import is_region
from compose2fargate.aws.resources import TargetGroup, TaskDefinition
from compose2fargate.compose.dialect import DIALECTS, Dialect
from compose2fargate.compose.loader import LoadOptions
from compose2fargate.compose.sources.source_files import at_home
from compose2fargate.diagnostics import AwsError, Diagnostic, MapError, has_errors
from compose2fargate.disk.reading import read_text
from compose2fargate.records import NamedTuple
from compose2fargate.settings import OPTIONS
from compose2fargate.workflows.translating import Translated, translate

__all__ = [
    "Action",
    "ActionOutcome",
    "DeploymentTarget",
    "ExecutionOptions",
    "ExecutionResult",
    "KeptResource",
    "Plan",
    "PlanOptions",
    "PreparedDeployment",
    "ProgressListener",
    "RolloutFailure",
    "apply",
    "check_first",
    "destroy",
    "load_balancer_hosts",
    "plan",
    "plan_as_json",
    "plan_as_text",
    "plan_destruction",
    "plan_summary",
    "prepare_deployment",
    "prepare_saved",
    "save",
    "secret_values",
    "untried_parts",
    "what_stays",
]


class PreparedDeployment(NamedTuple):
    """A project read and translated, and the account that it is deployed to."""

    translated: Translated
    deployment: Deployment
    options: LoadOptions
    target: DeploymentTarget

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What there is to say about the translation."""
        return self.translated.diagnostics


def prepare_deployment(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    target: DeploymentTarget = DeploymentTarget(),  # noqa: B008 - frozen
    *,
    stdin: TextIO | None = None,
    strict: bool = True,
) -> PreparedDeployment:
    """Read a project, translate it, and find the account.

    Args:
        options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`.
        target: Where to deploy to; an empty region is the settings', and then the one of boto3's chain.
        stdin: What the file `-` reads.
        strict: Whether errors of the translation end it; to destroy a stack they do not matter, unless they are about where it is.

    Raises:
        InputError: The project cannot be read or translated.
        AwsError: There are no credentials or no region.
    """
    flags = _with_region(dict(flags or {}), options, target)
    translated = translate(options, flags, stdin=stdin)
    region = translated.settings.region
    if has_errors(translated.diagnostics) and (strict or (region and not is_region(region))):
        raise MapError(translated.diagnostics)
    deployment = stack_deployment.open_deployment(
        translated.translation.stack,
        target._replace(region=target.region or translated.settings.region),
        project=translated.project.name,
        environment=translated.settings.environment,
        secret_value=secret_values(translated, options),
    )
    if not translated.settings.account:
        # Whose credentials these are is known by now: nothing is left open in the stack.
        flags["account"] = stack_deployment.account_id(deployment)
        translated = translate(options, flags, stdin=stdin)
        deployment = deployment._replace(stack=translated.translation.stack)
    return PreparedDeployment(translated, deployment, options, target)


def _with_region(flags: dict[str, Any], options: LoadOptions, target: DeploymentTarget) -> dict[str, Any]:
    if target.region or flags.get("region"):
        return flags
    return {**flags, "region": _region(options, target)}


def _region(options: LoadOptions, target: DeploymentTarget) -> str:
    """Find the region that names in the stack are made for, where no option and no variable gives it.

    The compose file's own, where it has one, wins by itself: an empty answer leaves the choice to it.
    """
    if any(options.environment.get(name) for name in _REGION_VARIABLES):
        return ""
    if target.sandbox:
        from compose2fargate.apply.sandbox.sandbox_session import REGION

        return REGION
    from compose2fargate.apply.aws_client.account import region_of

    return region_of(target.profile)


_REGION_VARIABLES = ("COMPOSE2FARGATE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")


def secret_values(translated: Translated, options: LoadOptions) -> Callable[[str], str]:
    """Make the function that reads a secret's value when it is written, and keeps it nowhere."""
    sources = {secret.name: secret for secret in getattr(translated.translation, "secrets", ())}

    def read(name: str) -> str:
        source = sources.get(name)
        if source is None or source.kind not in _READERS:
            raise NoSecretValueError(name)
        value = _READERS[source.kind](source.source, translated, options)
        if value is None:
            raise NoSecretValueError(name)
        return value

    return read


def _from_file(source: str, translated: Translated, _: LoadOptions) -> str | None:
    try:
        return read_text(os.path.join(translated.loaded.working_dir, source))
    except (OSError, UnicodeDecodeError):
        return None


def _from_variable(source: str, translated: Translated, _: LoadOptions) -> str | None:
    service, name = source.split(".", 1)
    # As it is deployed: a URL has the name by which a store of AWS's is reached.
    found = translated.translation.kept.services.get(service) or translated.project.services.get(service)
    value = found.environment.get(name) if found else None
    return None if value is None else str(value)


_READERS: Mapping[str, Callable[[str, Translated, LoadOptions], str | None]] = {
    "file": _from_file,
    "environment": lambda source, _, options: options.environment.get(source),
    "variable": _from_variable,
}


def untried_parts(prepared: PreparedDeployment) -> dict[str, tuple[str, ...]]:
    """Give what the sandbox takes as it is: images, secrets, and health checks by their containers."""
    stack = prepared.translated.translation.stack
    containers = [c for _, task in stack.of_type(TaskDefinition) for c in task.container_definitions]
    images = (c.image if isinstance(c.image, str) else f"the one of {c.name}" for c in containers)
    groups = (g.name for _, g in stack.of_type(TargetGroup))
    return {
        "image": tuple(dict.fromkeys(map(str, images))),
        "secret": tuple(dict.fromkeys(s.name for c in containers for s in c.secrets)),
        "health check": (*dict.fromkeys(c.name for c in containers if c.health_check), *groups),
    }


def check_first(prepared: PreparedDeployment) -> list[Diagnostic]:
    """Check images, secrets, roles, subnets and ports: what the stack needs and does not make."""
    return stack_deployment.check_first(prepared.deployment)


def plan(prepared: PreparedDeployment, choices: PlanOptions = PlanOptions()) -> Plan:  # noqa: B008 - frozen
    """Say what has to be done, doing nothing."""
    planned = stack_deployment.make_plan(prepared.deployment, choices)
    located = (
        one._replace(location=prepared.translated.project.at(*one.path)) if one.path else one
        for one in planned.diagnostics
    )
    return planned._replace(diagnostics=tuple(located))


def apply(
    prepared: PreparedDeployment,
    planned: Plan,
    options: ExecutionOptions = ExecutionOptions(),  # noqa: B008 - frozen
    progress: ProgressListener | None = None,
) -> ExecutionResult:
    """Do what a plan of the same project says."""
    return stack_deployment.carry_out(prepared.deployment, planned, options, progress)


def plan_destruction(
    prepared: PreparedDeployment,
    choices: PlanOptions = PlanOptions(),  # noqa: B008 - frozen
) -> tuple[PreparedDeployment, Plan]:
    """Say what `destroy` would delete, and give what to call it with."""
    deployment, planned = stack_deployment.plan_destruction(prepared.deployment, choices)
    return prepared._replace(deployment=deployment), planned


def destroy(
    prepared: PreparedDeployment, planned: Plan, progress: ProgressListener | None = None
) -> ExecutionResult:
    """Delete what a plan of `plan_destruction` says."""
    return stack_deployment.carry_out(prepared.deployment, planned, ExecutionOptions(), progress)


def load_balancer_hosts(prepared: PreparedDeployment) -> dict[str, str]:
    """Give the names in DNS of the load balancers that exist; none where AWS cannot be asked, as what follows is told anyway."""
    from compose2fargate.apply.aws_client.account import translated_errors
    from compose2fargate.apply.day_two import status

    deployment = prepared.deployment
    try:
        with translated_errors("reading the addresses"):
            return status.load_balancer_hosts(deployment.account, deployment.stack)
    except AwsError:
        return {}


# -- plans for later


def save(file: str, prepared: PreparedDeployment, planned: Plan, choices: PlanOptions) -> None:
    """Write a plan to a file, with what makes it again; no value of a variable or secret is in it."""
    options = prepared.options
    saved = SavedPlan(
        _recorded(options, DIALECTS[prepared.translated.loaded.compose_version]),
        _not_secret(prepared.translated.chosen),
        choices,
        prepared.target,
        planned.fingerprint,
        {},
    )
    stack_deployment.save_plan(file, planned, saved)


def _not_secret(chosen: Mapping[str, Any]) -> dict[str, Any]:
    secret = {option.name for option in OPTIONS if option.secret}
    return {name: value for name, value in chosen.items() if name not in secret}


def _recorded(options: LoadOptions, dialect: Dialect) -> dict[str, Any]:
    recorded: dict[str, Any] = {
        "files": [_absolute(name, options.cwd) for name in options.files],
        "project_name": options.project_name,
        "project_directory": options.project_directory,
        "profiles": list(options.profiles),
        "env_files": [
            _absolute(at_home(name, options.environment, dialect), options.cwd) for name in options.env_files
        ],
        "cwd": options.cwd,
    }
    return recorded


def _absolute(name: str, cwd: str) -> str:
    return name if name == "-" else os.path.join(cwd, name)


def prepare_saved(
    file: str, environment: Mapping[str, str]
) -> tuple[PreparedDeployment, Plan, Diagnostic | None]:
    """Read a saved plan, make it again, and say what moved meanwhile (None: nothing did).

    Raises:
        UsageError: The file is no plan.
        InputError: The project cannot be read any more.
    """
    saved = stack_deployment.load_plan(file)
    given: dict[str, Any] = {name: value for name, value in saved.options.items() if value}
    given |= {name: tuple(given[name]) for name in ("files", "profiles", "env_files") if name in given}
    options = LoadOptions(environment=dict(environment), **given)
    prepared = prepare_deployment(options, saved.settings, saved.target)
    planned = plan(prepared, saved.choices)
    return prepared, planned, stack_deployment.plan_drift(saved, planned)
