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
from typing import Any, NamedTuple, TextIO

from compose2fargate.api import LoadOptions, Translated, translate
from compose2fargate.apply import deploy
from compose2fargate.apply.deploy import Deployment, Saved, Target
from compose2fargate.apply.executor import Options, Outcome, Progress, Result
from compose2fargate.apply.handlers.core import NoSecretValueError
from compose2fargate.apply.planner import Action, Choices, Plan, as_json, as_text, summary
from compose2fargate.apply.waiting import Failure
from compose2fargate.diagnostics import Diagnostic, MapError, has_errors
from compose2fargate.settings import OPTIONS

__all__ = [
    "Action",
    "Choices",
    "Failure",
    "Options",
    "Outcome",
    "Plan",
    "Prepared",
    "Progress",
    "Result",
    "Target",
    "apply",
    "as_json",
    "as_text",
    "check_first",
    "destroy",
    "plan",
    "plan_destruction",
    "prepare",
    "prepare_saved",
    "save",
    "summary",
]


class Prepared(NamedTuple):
    """A project read and translated, and the account that it is deployed to."""

    translated: Translated
    deployment: Deployment
    options: LoadOptions
    target: Target

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What there is to say about the translation."""
        return self.translated.diagnostics


def prepare(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    target: Target = Target(),  # noqa: B008 - frozen
    *,
    stdin: TextIO | None = None,
    strict: bool = True,
) -> Prepared:
    """Read a project, translate it, and find the account.

    Args:
        options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`.
        target: Where to deploy to; an empty region is the settings', and then the one of boto3's chain.
        stdin: What the file `-` reads.
        strict: Whether errors of the translation end it; to destroy a stack they do not matter.

    Raises:
        InputError: The project cannot be read or translated.
        AwsError: There are no credentials or no region.
    """
    flags = dict(flags or {})
    if not target.region and not flags.get("region"):
        flags["region"] = _region(options, target)
    translated = translate(options, flags, stdin=stdin)
    if strict and has_errors(translated.diagnostics):
        raise MapError(translated.diagnostics)
    settings = translated.settings
    deployment = deploy.open_deployment(
        translated.translation.stack,
        target._replace(region=target.region or settings.region),
        project=translated.project.name,
        environment=settings.environment,
        secret_value=_secret_values(translated, options),
    )
    if not settings.account:
        # Whose credentials these are is known by now: nothing is left open in the stack.
        flags["account"] = deploy.account_id(deployment)
        translated = translate(options, flags, stdin=stdin)
        deployment = deployment._replace(stack=translated.translation.stack)
    return Prepared(translated, deployment, options, target)


def _region(options: LoadOptions, target: Target) -> str:
    """Find the region that names in the stack are made for, where no option and no variable gives it.

    The compose file's own, where it has one, wins by itself: an empty answer leaves the choice to it.
    """
    if any(options.environment.get(name) for name in _REGION_VARIABLES):
        return ""
    if target.sandbox:
        from compose2fargate.apply.sandbox.session import REGION

        return REGION
    from compose2fargate.apply.account import region_of

    return region_of(target.profile)


_REGION_VARIABLES = ("COMPOSE2FARGATE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")


def _secret_values(translated: Translated, options: LoadOptions) -> Callable[[str], str]:
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
        with open(os.path.join(translated.loaded.working_dir, source), encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return None


def _from_variable(source: str, translated: Translated, _: LoadOptions) -> str | None:
    service, name = source.split(".", 1)
    found = translated.project.services.get(service)
    value = found.environment.get(name) if found else None
    return None if value is None else str(value)


_READERS: Mapping[str, Callable[[str, Translated, LoadOptions], str | None]] = {
    "file": _from_file,
    "environment": lambda source, _, options: options.environment.get(source),
    "variable": _from_variable,
}


def check_first(prepared: Prepared) -> list[Diagnostic]:
    """Check images, secrets, roles, subnets and ports: what the stack needs and does not make."""
    return deploy.check_first(prepared.deployment)


def plan(prepared: Prepared, choices: Choices = Choices()) -> Plan:  # noqa: B008 - frozen
    """Say what has to be done, doing nothing."""
    return deploy.make_plan(prepared.deployment, choices)


def apply(
    prepared: Prepared,
    planned: Plan,
    options: Options = Options(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Result:
    """Do what a plan of the same project says."""
    return deploy.carry_out(prepared.deployment, planned, options, progress)


def plan_destruction(prepared: Prepared, choices: Choices = Choices()) -> tuple[Prepared, Plan]:  # noqa: B008 - frozen
    """Say what `destroy` would delete, and give what to call it with."""
    deployment, planned = deploy.plan_destruction(prepared.deployment, choices)
    return prepared._replace(deployment=deployment), planned


def destroy(prepared: Prepared, planned: Plan, progress: Progress | None = None) -> Result:
    """Delete what a plan of `plan_destruction` says."""
    return deploy.carry_out(prepared.deployment, planned, Options(), progress)


# -- plans for later


def save(file: str, prepared: Prepared, planned: Plan, choices: Choices) -> None:
    """Write a plan to a file, with what makes it again; no value of a variable or secret is in it."""
    options = prepared.options
    saved = Saved(
        _recorded(options),
        _not_secret(prepared.translated.chosen),
        choices,
        prepared.target,
        planned.fingerprint,
        {},
    )
    deploy.save_plan(file, planned, saved)


def _not_secret(chosen: Mapping[str, Any]) -> dict[str, Any]:
    secret = {option.name for option in OPTIONS if option.secret}
    return {name: value for name, value in chosen.items() if name not in secret}


def _recorded(options: LoadOptions) -> dict[str, Any]:
    recorded: dict[str, Any] = {
        "files": [_absolute(name, options.cwd) for name in options.files],
        "project_name": options.project_name,
        "project_directory": options.project_directory,
        "profiles": list(options.profiles),
        "env_files": [_absolute(name, options.cwd) for name in options.env_files],
        "cwd": options.cwd,
    }
    return recorded


def _absolute(name: str, cwd: str) -> str:
    return name if name == "-" else os.path.join(cwd, name)


def prepare_saved(file: str, environment: Mapping[str, str]) -> tuple[Prepared, Plan, Diagnostic | None]:
    """Read a saved plan, make it again, and say what moved meanwhile (None: nothing did).

    Raises:
        UsageError: The file is no plan.
        InputError: The project cannot be read any more.
    """
    saved = deploy.load_plan(file)
    given: dict[str, Any] = {name: value for name, value in saved.options.items() if value}
    given |= {name: tuple(given[name]) for name in ("files", "profiles", "env_files") if name in given}
    options = LoadOptions(environment=dict(environment), **given)
    prepared = prepare(options, saved.settings, saved.target)
    planned = plan(prepared, saved.choices)
    return prepared, planned, deploy.moved(saved, planned)
