"""`compose2fargate plan`: says what `apply` would do, and does nothing."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.commands import option
from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import (
    CHOICE_OPTIONS,
    TARGET_OPTIONS,
    choices_of,
    painted,
    prepare,
    report_news,
)
from compose2fargate.cli.next_commands import next_command
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.cli.verdicts import Attempt, attempting, plan_verdict, saved_plan_command, say_verdict
from compose2fargate.diagnostics import has_errors
from compose2fargate.settings import Panel


@make_command(
    "plan",
    *CHOICE_OPTIONS,
    *TARGET_OPTIONS,
    *settings_options(),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate plan",
        "compose2fargate plan --out today.plan    # then: apply today.plan",
        "compose2fargate plan --exit-code         # 1 when something is to do",
        "compose2fargate plan --sandbox           # without an AWS account",
    ),
)
def command(
    ctx: typer.Context,
    *,
    format: Annotated[str, format_option("the plan")] = "text",
    out: Annotated[str, option("--out", panel=Panel.OUTPUT, metavar="FILE",
        help="Save the plan; `apply FILE` carries it out if nothing has changed by then.")] = "",
    everything: Annotated[bool, option("--all", panel=Panel.OUTPUT, help="Name what is unchanged too.")] = False,
    exit_code: Annotated[bool, option("--exit-code", panel=Panel.OUTPUT, help="Exit with 1 when there is something to do.")] = False,
) -> None:  # fmt: skip
    """Show what apply would create, change and delete.

    Nothing is changed in AWS. Values that look like secrets are hidden.
    """
    from compose2fargate.workflows import deploying

    console, choices = Console.of(ctx), choices_of(ctx)
    document: Any = {"in_sync": None, "actions": []} if format == "json" else None
    attempt = Attempt("nothing is planned", next_command(ctx, "plan"), document)
    with attempting(ctx, attempt):
        prepared = prepare(ctx)
        report_news(ctx, prepared)
        planned = deploying.plan(prepared, choices)
    console.report(planned.diagnostics)
    verdict = plan_verdict(ctx, prepared, planned, out)
    if format == "json":
        from compose2fargate.workflows.verdict import verdict_as_json

        told = {**deploying.plan_as_json(planned), "verdict": verdict_as_json(verdict)}
        write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    else:
        write(deploying.plan_as_text(planned, unchanged=everything, paint=painted(console)))
    if out:
        deploying.save(out, prepared, planned, choices)
        console.say(f"saved: {saved_plan_command(out)} carries it out")
    if format == "text":
        say_verdict(console, verdict)
    if has_errors(planned.diagnostics) or (exit_code and planned.pending):
        ctx.exit(1)
