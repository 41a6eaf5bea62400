"""The verdict as the commands print it: what of the command line belongs into the commands that it names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from compose2fargate.cli.console import Console
from compose2fargate.cli.options import chosen
from compose2fargate.cli.settings_options import chosen_settings

if TYPE_CHECKING:
    from compose2fargate.diagnostics import Diagnostic
    from compose2fargate.workflows.verdict import Verdict


def given_options(ctx: click.Context) -> str:
    """Give the options of this run that say which stack is meant and what belongs to it, for another command.

    Those of a folder's last run are among them where `convert` kept them; how things are printed and written is not.
    """
    from compose2fargate.workflows.kept_options import spelled_options

    values, settings = dict(chosen(ctx)), chosen_settings(ctx)
    values.setdefault("project_directory", values.get("workdir"))
    if version := values.get("compose_version"):
        settings["compose_version"] = version
    profile = values.get("profile")
    account = (f"--aws-profile {shlex.quote(profile)}",) if profile else ()
    return f"{spelled_options(values, settings, *account)}{' --sandbox' if values.get('sandbox') else ''}"


def _apply_options(ctx: click.Context) -> str:
    """Give what `apply` is to be told: `given_options`, and what the plan may do."""
    values = chosen(ctx)
    flags = [f"--{name}" for name in ("adopt", "prune", "volumes", "images") if values.get(name)]
    words = (*flags, *(f"--rerun {shlex.quote(job)}" for job in values.get("rerun", ())))
    return "".join((given_options(ctx), *(f" {word}" for word in words)))


def judge(
    ctx: click.Context,
    translated: Any,
    found: Iterable[Diagnostic],
    then: Iterable[tuple[str, str]],
    *,
    hosts: Mapping[str, str] | None = None,
    applies: bool = False,
    deployed: bool = False,
    options: str | None = None,
) -> Verdict:
    """Make the verdict that ends a command; see `workflows.verdict`."""
    from compose2fargate.workflows.verdict import Known, Step, verdict_of

    steps = tuple(Step(*one) for one in then)
    pretends = bool(chosen(ctx).get("sandbox"))  # there, images and values are not needed
    given = given_options(ctx) if options is None else options
    known = Known(steps, given, hosts or {}, applies, deployed or pretends)
    return verdict_of(translated, found, known)


def say_verdict(console: Console, verdict: Verdict) -> None:
    """Print a verdict where what was done is told."""
    from compose2fargate.workflows.verdict import verdict_as_text

    console.say(verdict_as_text(verdict))


def plan_verdict(ctx: click.Context, prepared: Any, planned: Any, file: str = "") -> Verdict:
    """Judge a stack that is planned; `file` is where the plan was saved."""
    from compose2fargate.workflows import deploying

    found = (*prepared.diagnostics, *planned.diagnostics)
    if planned.pending:
        command = f"compose2fargate apply{f' {shlex.quote(file)}' if file else _apply_options(ctx)}"
    else:
        command = f"compose2fargate status{given_options(ctx)}"
    hosts = deploying.load_balancer_hosts(prepared)
    then = [(command, "")]
    return judge(
        ctx, prepared.translated, found, then, hosts=hosts, applies=True, deployed=not planned.pending
    )


def applied_verdict(ctx: click.Context, prepared: Any, planned: Any, result: Any) -> Verdict:
    """Judge a stack that was applied, with the addresses at which it answers by now."""
    from compose2fargate.workflows import deploying

    found = (*prepared.diagnostics, *planned.diagnostics, *result.diagnostics)
    good = result.exit_code == 0
    again = f"status{given_options(ctx)}" if good else f"apply{_apply_options(ctx)}"
    return judge(
        ctx,
        prepared.translated,
        found,
        [(f"compose2fargate {again}", "")],
        hosts=deploying.load_balancer_hosts(prepared),
        applies=True,
        deployed=good,
    )
