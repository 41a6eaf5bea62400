"""The verdict as the commands print it: what of the command line belongs into the commands that it names."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from compose2fargate.cli.console import Console, write
from compose2fargate.cli.next_commands import completed, given_options, next_command
from compose2fargate.cli.options import chosen
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic, has_errors
from compose2fargate.records import NamedTuple

if TYPE_CHECKING:
    from compose2fargate.workflows.verdict import Verdict


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
    return verdict_of(translated, completed(ctx, found), known)


def say_verdict(console: Console, verdict: Verdict) -> None:
    """Print a verdict where what was done is told."""
    from compose2fargate.workflows.verdict import SUBJECT, commands_of, verdict_as_text

    console.say(verdict_as_text(verdict), hang=SUBJECT, whole=commands_of(verdict))


class Attempt(NamedTuple):
    """What a command is about to do, for the verdict where that is kept from it.

    Attributes:
        undone: What is not done then.
        again: The command to run when that is mended.
        document: What `--format json` prints beside findings and verdict; None where it is not asked for.
    """

    undone: str
    again: str
    document: Mapping[str, Any] | None = None


@contextmanager
def attempting(ctx: click.Context, attempt: Attempt) -> Iterator[None]:
    """Let an error of what is attempted end the command with a verdict."""
    try:
        yield
    except Compose2FargateError as error:
        Console.of(ctx).report(error.diagnostics)
        end_blocked(ctx, attempt, error.diagnostics, error.exit_code)


def end_blocked(ctx: click.Context, attempt: Attempt, found: Iterable[Diagnostic], status: int) -> NoReturn:
    """End a command that did nothing: its findings, which are printed already, are judged."""
    from compose2fargate.diagnostics.text_report import as_dict
    from compose2fargate.workflows.verdict import verdict_as_json

    every = completed(ctx, found)
    verdict = _blocked(attempt.undone, ctx, every, attempt.again)
    if attempt.document is None:
        say_verdict(Console.of(ctx), verdict)
    else:
        told = {"diagnostics": [as_dict(one) for one in every], "verdict": verdict_as_json(verdict)}
        write(json.dumps({**attempt.document, **told}, indent=2, ensure_ascii=False) + "\n")
    ctx.exit(status)


def _blocked(undone: str, ctx: click.Context, found: Iterable[Diagnostic], again: str) -> Verdict:
    from compose2fargate.workflows.verdict import Step, blocked_verdict

    options = given_options(ctx, of_the_account=False)
    return blocked_verdict(undone, completed(ctx, found), (Step(again, ""),), options)


def saved_plan_command(file: str) -> str:
    """Give the command that carries out a saved plan: which stack is meant stands in it."""
    return f"compose2fargate apply {shlex.quote(file)}"


def plan_verdict(ctx: click.Context, prepared: Any, planned: Any, file: str = "") -> Verdict:
    """Judge a stack that is planned; `file` is where the plan was saved."""
    from compose2fargate.workflows import deploying

    if has_errors(planned.diagnostics):
        return _blocked("apply would change nothing", ctx, planned.diagnostics, next_command(ctx, "plan"))
    found = (*prepared.diagnostics, *planned.diagnostics)
    command = next_command(ctx, "apply" if planned.pending else "status")
    if planned.pending and file:
        command = saved_plan_command(file)
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
    return judge(
        ctx,
        prepared.translated,
        found,
        [(next_command(ctx, "status" if good else "apply"), "")],
        hosts=deploying.load_balancer_hosts(prepared),
        applies=True,
        deployed=good,
    )
