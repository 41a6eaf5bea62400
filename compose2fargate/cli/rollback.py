"""`compose2fargate rollback`: lets an earlier revision of a service serve again."""

from __future__ import annotations

import json
from typing import Any

import click

from compose2fargate.cli.apply import stop_like_ctrl_c
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import (
    TARGET_OPTIONS,
    YES_OPTION,
    confirm,
    flags_of,
    target_of,
)
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS

FINDINGS, INTERRUPTED = 1, 130

_OPTIONS = (
    click.Argument(["service"], required=False, default=""),
    click.Option(["--to"], type=click.IntRange(1), metavar="REVISION", help="This revision (default: the one before that differs)."),
    click.Option(["--all", "every"], is_flag=True, help="All services, each to the revision before."),
    YES_OPTION,
    click.Option(["--timeout"], type=click.FloatRange(1), default=1200.0, metavar="SECONDS", help="How long each service may take (1200)."),
    format_option("the result"),
)  # fmt: skip


@click.command(
    "rollback", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, service: str, **values: Any) -> None:
    """Let an earlier revision of a service serve again, and wait until it does.

    Without --to that is the newest earlier one that says something else. SERVICE may be left out where there is only one.
    The compose file is not touched: the next apply deploys what it says.
    """
    from compose2fargate import deploying, operating

    console = Console.of(ctx)
    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    back = operating.plan_back(prepared, service, values["to"] or 0, every=values["every"])
    console.say(operating.as_text(back).rstrip("\n"))
    console.report(back.problems)
    if not back.steps:
        ctx.exit(FINDINGS)
    if not confirm("Go back?", yes=values["yes"]):
        console.say("nothing was changed")
        ctx.exit(FINDINGS)
    stop_like_ctrl_c()
    ctx.exit(_go(console, prepared, back, values))


def _go(console: Console, prepared: Any, back: Any, values: dict[str, Any]) -> int:
    from compose2fargate import operating

    told: dict[str, str] = {}

    def report(service: str, text: str) -> None:
        if told.get(service) != text:
            told[service] = text
            console.say(f"{service}: {text}")

    try:
        failures = operating.go_back(prepared, back, timeout=values["timeout"], report=report)
    except KeyboardInterrupt:
        console.say("interrupted: ECS goes on; compose2fargate status shows how far it is")
        return INTERRUPTED
    for failure in failures:
        for line in (*failure.details, *(f"log: {line}" for line in failure.log)):
            console.say(f"  {line}")
    console.report([failure.diagnostic for failure in failures])
    failed = {failure.about for failure in failures}
    if values["format"] == "json":
        write(json.dumps(_document(back, failed), indent=2, ensure_ascii=False) + "\n")
    for step in back.steps:
        if step.place.name not in failed:
            console.say(
                f"{step.place.service}: {step.to.rpartition('/')[2]} serves; the next apply deploys the compose file"
            )
    return FINDINGS if failures or back.problems else 0


def _document(back: Any, failed: set[str]) -> dict[str, Any]:
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
    problems = [{"code": one.code, "message": one.message, "hint": one.hint} for one in back.problems]
    return {"rollback": steps, "problems": problems}
