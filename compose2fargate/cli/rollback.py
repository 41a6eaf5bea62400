"""`compose2fargate rollback`: lets an earlier revision of a service serve again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from compose2fargate.cli.apply import stop_like_ctrl_c
from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services
from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, YES_OPTION, confirm, prepare
from compose2fargate.cli.next_commands import completed, next_command
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.diagnostics import Diagnostic
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import one_line

FINDINGS, INTERRUPTED = 1, 130


@make_command(
    "rollback",
    YES_OPTION,
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate rollback web",
        "compose2fargate rollback web --to 41",
        "compose2fargate rollback --all --yes",
    ),
)
def command(
    ctx: typer.Context,
    *,
    service: Annotated[str, argument("SERVICE", "The service to roll back.", autocompletion=services)] = "",
    to: Annotated[int | None, option("--to", panel=Panel.DEPLOYMENT, min=1, metavar="REVISION",
        help="The revision (default: the previous one that differs).")] = None,
    every: Annotated[bool, option("--all", panel=Panel.DEPLOYMENT, help="All services, each to the revision before.")] = False,
    timeout: Annotated[float, option("--timeout", panel=Panel.DEPLOYMENT, min=1, metavar="SECONDS",
        help="How long each service may take (1200).")] = 1200.0,
    format: Annotated[str, format_option("the result")] = "text",
) -> None:  # fmt: skip
    """Deploy an earlier revision of a service again, and wait until it is steady.

    Without --to that is the newest earlier one that says something else. SERVICE may be left out where there is only one.
    The compose file is not touched: the next apply deploys what it says.
    """
    from compose2fargate.workflows import operating

    console = Console.of(ctx)
    prepared = prepare(ctx, strict=False)
    back = operating.plan_back(prepared, service, to or 0, every=every)
    console.say(operating.as_text(back).rstrip("\n"))
    console.report(back.problems)
    if not back.steps:
        ctx.exit(FINDINGS)
    if not confirm(ctx, "Roll back?"):
        console.say("nothing was changed")
        ctx.exit(FINDINGS)
    stop_like_ctrl_c()
    ctx.exit(_go(ctx, prepared, back, timeout=timeout, as_json=format == "json"))


def _go(ctx: typer.Context, prepared: Any, back: Any, *, timeout: float, as_json: bool) -> int:
    from compose2fargate.workflows import operating

    console, told = Console.of(ctx), dict[str, str]()

    def report(service: str, text: str) -> None:
        if told.get(service) != text:
            told[service] = text
            console.say(f"{service}: {text}")

    try:
        failures = operating.go_back(prepared, back, timeout=timeout, report=report)
    except KeyboardInterrupt:
        console.say(f"interrupted: ECS continues; {next_command(ctx, 'status')} shows the progress")
        return INTERRUPTED
    for failure in failures:
        for line in (*failure.details, *(f"log: {line}" for line in failure.log)):
            console.say(f"  {one_line(line)}")
    console.report([failure.diagnostic for failure in failures])
    failed = {failure.about for failure in failures}
    if as_json:
        write(
            json.dumps(_document(completed(ctx, back.problems), back, failed), indent=2, ensure_ascii=False)
            + "\n"
        )
    for step in back.steps:
        if step.place.name not in failed:
            console.say(
                f"{step.place.service}: {step.to.rpartition('/')[2]} is deployed; the next apply deploys the compose file"
            )
    return FINDINGS if failures or back.problems else 0


def _document(found: Iterable[Diagnostic], back: Any, failed: set[str]) -> dict[str, Any]:
    steps = [
        {
            "service": step.place.service,
            "from": step.now.rpartition("/")[2],
            "to": step.to.rpartition("/")[2],
            "changes": [change.member for change in step.changes],
            "steady": step.place.name not in failed,
        }
        for step in back.steps
    ]
    problems = [{"code": one.code, "message": one.message, "hint": one.hint} for one in found]
    return {"rollback": steps, "problems": problems}
