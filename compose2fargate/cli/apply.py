"""`compose2fargate apply`: brings a stack to AWS and waits until it runs."""

from __future__ import annotations

import json
import os
import signal
from typing import Annotated, Any

import click
import typer

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import (
    ALL_OPTION,
    CHOICE_OPTIONS,
    EXECUTION_OPTIONS,
    TARGET_OPTIONS,
    choices_of,
    confirm,
    execution_of,
    prepare,
    report_news,
    show_plan,
    worth_saying,
)
from compose2fargate.cli.next_commands import completed, completed_text, mean_stack_of, next_command
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    chosen,
    chosen_settings,
    format_option,
)
from compose2fargate.cli.push import PUSH_OPTIONS, push_images, push_options
from compose2fargate.cli.sandbox_notes import end_scripts, say_untried
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.cli.verdicts import (
    Attempt,
    applied_verdict,
    attempting,
    end_blocked,
    saved_plan_command,
    say_verdict,
)
from compose2fargate.diagnostics import has_errors
from compose2fargate.settings import Panel

FINDINGS = 1


@make_command(
    "apply",
    *EXECUTION_OPTIONS,
    ALL_OPTION,
    *PUSH_OPTIONS,
    *CHOICE_OPTIONS,
    *TARGET_OPTIONS,
    *settings_options(),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate apply",
        "compose2fargate apply --push --yes       # images first; for CI",
        "compose2fargate apply today.plan         # what plan --out saved",
        "compose2fargate apply --sandbox          # without an AWS account",
    ),
)
def command(
    ctx: typer.Context,
    *,
    file: Annotated[str, argument("[PLAN]", "A file that `plan --out` wrote.")] = "",
    format: Annotated[str, format_option("the plan and the result")] = "text",
    verify_only: Annotated[bool, option("--verify", panel=Panel.DEPLOYMENT,
        help="Only check images, secrets, roles, subnets and ports.")] = False,
    push: Annotated[bool, option("--push", panel=Panel.IMAGES,
        help="Build and push images that have changed first, as push does.")] = False,
    out: Annotated[str, option("--out", panel=Panel.OUTPUT, metavar="FILE", help="Save the plan, and change nothing.")] = "",
) -> None:  # fmt: skip
    """Deploy the stack to AWS: plan, ask, create and change, wait.

    PLAN is a file that `plan --out` wrote: it is carried out without asking, if nothing has moved since.
    """
    as_json = format == "json"
    if file:
        if push:
            raise click.UsageError("--push cannot be combined with a saved plan: push first, then plan.")
        _apply_saved(ctx, file, as_json=as_json)
        return
    with attempting(ctx, _attempt(ctx, as_json=as_json)):
        if push:
            push_images(ctx, chosen_settings(ctx), push_options(ctx))
        prepared = prepare(ctx)
        report_news(ctx, prepared)
    deploy(ctx, prepared, as_json=as_json, verify_only=verify_only, out=out)


def _attempt(ctx: click.Context, *, as_json: bool) -> Attempt:
    document: Any = {"plan": None, "outcomes": [], "failures": [], "interrupted": False} if as_json else None
    return Attempt("nothing was changed", next_command(ctx, "apply"), document)


def deploy(
    ctx: click.Context, prepared: Any, *, as_json: bool = False, verify_only: bool = False, out: str = ""
) -> None:
    """Check, plan, ask and carry out; ends with the exit code."""
    from compose2fargate.workflows import deploying

    console, choices = Console.of(ctx), choices_of(ctx)
    if verify_only or chosen(ctx).get("verify_first", True):
        found = deploying.check_first(prepared)
        console.report(found if verify_only else worth_saying(found))
        if has_errors(found):
            end_blocked(ctx, _attempt(ctx, as_json=as_json), found, FINDINGS)
    if verify_only:
        console.say("everything that could be checked is there")
        return
    with attempting(ctx, _attempt(ctx, as_json=as_json)):
        planned = deploying.plan(prepared, choices)
    console.report(planned.diagnostics)
    if out:
        deploying.save(out, prepared, planned, choices)
        console.say(f"saved: {saved_plan_command(out)} carries it out")
        return
    show_plan(ctx, planned)
    if has_errors(planned.diagnostics):
        end_blocked(ctx, _attempt(ctx, as_json=as_json), planned.diagnostics, FINDINGS)
    if planned.pending and not confirm(ctx, "Do this?"):
        console.say("nothing was changed")
        ctx.exit(FINDINGS)
    _carry_out(ctx, prepared, planned, as_json=as_json)


def _apply_saved(ctx: click.Context, file: str, *, as_json: bool) -> None:
    from compose2fargate.cli.deploy_options import BANNER
    from compose2fargate.workflows import deploying

    console = Console.of(ctx)
    prepared, planned, moved = deploying.prepare_saved(file, os.environ)
    mean_stack_of(ctx, prepared)
    if prepared.target.sandbox:
        console.say(BANNER)
    if moved is not None:
        console.report([moved])
        ctx.exit(FINDINGS)
    show_plan(ctx, planned)
    if has_errors(planned.diagnostics):
        console.report(planned.diagnostics)
        ctx.exit(FINDINGS)
    _carry_out(ctx, prepared, planned, as_json=as_json)


def _carry_out(ctx: click.Context, prepared: Any, planned: Any, *, as_json: bool) -> None:
    from compose2fargate.cli.progress import conclude, progress_for
    from compose2fargate.workflows import deploying

    console = Console.of(ctx)
    stop_like_ctrl_c()
    result = deploying.apply(prepared, planned, execution_of(ctx), progress_for(console))
    if planned.pending:
        conclude(console, result, "done")
    if prepared.target.sandbox:
        say_untried(console, prepared)
        if result.failures:
            end_scripts(console, prepared.target.sandbox, "has happened")
    verdict = applied_verdict(ctx, prepared, planned, result)
    if as_json:
        from compose2fargate.workflows.verdict import verdict_as_json

        document = {**as_document(ctx, planned, result), "verdict": verdict_as_json(verdict)}
        write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        say_verdict(console, verdict)
    ctx.exit(result.exit_code)


def stop_like_ctrl_c() -> None:
    """Let a polite kill (SIGTERM, as CI sends it) end a run as Ctrl-C does: nothing new begins, and it is told."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def as_document(ctx: click.Context, planned: Any, result: Any) -> dict[str, Any]:
    """Give plan and result as plain JSON."""
    from compose2fargate.workflows import deploying

    outcomes = [
        {
            "id": o.action.logical_id,
            "action": o.action.kind,
            "status": o.status,
            "note": o.note,
            "seconds": o.seconds,
        }
        for o in result.outcomes
    ]
    failures = [
        {
            "about": f.about,
            "message": f.diagnostic.message,
            "hint": completed_text(ctx, f.diagnostic.hint),
            "details": f.details,
            "log": f.log,
        }
        for f in result.failures
    ]
    return {
        "plan": deploying.plan_as_json(planned),
        "outcomes": outcomes,
        "failures": failures,
        "problems": [
            {"code": d.code, "message": d.message, "hint": d.hint} for d in completed(ctx, result.diagnostics)
        ],
        "interrupted": result.interrupted,
        "exit_code": result.exit_code,
    }
