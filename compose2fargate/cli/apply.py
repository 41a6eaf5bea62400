"""`compose2fargate apply`: brings a stack to AWS and waits until it runs."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import click

from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import (
    CHOICE_OPTIONS,
    EXECUTION_OPTIONS,
    TARGET_OPTIONS,
    choices_of,
    confirm,
    flags_of,
    painted,
    target_of,
    worth_saying,
)
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.push import PUSH_OPTIONS, push_images, push_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS
from compose2fargate.diagnostics import has_errors

FINDINGS = 1

_OPTIONS = (
    click.Argument(["file"], required=False, metavar="[PLAN]"),
    *EXECUTION_OPTIONS,
    *PUSH_OPTIONS,
    format_option("the plan and the result"),
    click.Option(["--verify", "verify_only"], is_flag=True, help="Only check images, secrets, roles, subnets and ports."),
    click.Option(["--push"], is_flag=True, help="Build and push images that have changed first, as push does."),
    click.Option(["--out"], metavar="FILE", help="Save the plan, and change nothing."),
)  # fmt: skip


@click.command(
    "apply",
    params=[
        *_OPTIONS,
        *CHOICE_OPTIONS,
        *TARGET_OPTIONS,
        *SETTINGS_OPTIONS,
        *COMPOSE_OPTIONS,
        *OUTPUT_OPTIONS,
    ],
)
@click.pass_context
def command(ctx: click.Context, /, file: str | None, **values: Any) -> None:
    """Bring the stack to AWS: plan, ask, create and change, wait.

    PLAN is a file that `plan --out` wrote: it is carried out without asking, if nothing has moved since.
    """
    if file:
        if values["push"]:
            raise click.UsageError("--push does not go with a saved plan: push first, then plan.")
        _apply_saved(ctx, file, values)
        return
    if values["push"]:
        push_images(ctx, flags_of(values), push_options(ctx, values))
    from compose2fargate import deploying

    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input()
    )
    Console.of(ctx).report(worth_saying(prepared.diagnostics))
    deploy(ctx, prepared, values)


def deploy(ctx: click.Context, prepared: Any, values: dict[str, Any]) -> None:
    """Check, plan, ask and carry out; ends with the exit code."""
    from compose2fargate import deploying

    console, choices = Console.of(ctx), choices_of(values)
    if values.get("verify_only") or values["verify_first"]:
        found = deploying.check_first(prepared)
        console.report(found if values.get("verify_only") else worth_saying(found))
        if has_errors(found):
            ctx.exit(FINDINGS)
    if values.get("verify_only"):
        console.say("everything that could be checked is there")
        return
    planned = deploying.plan(prepared, choices)
    console.report(planned.diagnostics)
    if values.get("out"):
        deploying.save(values["out"], prepared, planned, choices)
        console.say(f"saved: compose2fargate apply {values['out']} carries it out")
        return
    console.say(deploying.as_text(planned, paint=painted(console)).rstrip("\n"))
    if has_errors(planned.diagnostics):
        ctx.exit(FINDINGS)
    if planned.pending and not confirm("Do this?", yes=values["yes"]):
        console.say("nothing was changed")
        ctx.exit(FINDINGS)
    _carry_out(ctx, prepared, planned, values)


def _apply_saved(ctx: click.Context, file: str, values: dict[str, Any]) -> None:
    from compose2fargate import deploying
    from compose2fargate.cli.deploy_options import BANNER

    console = Console.of(ctx)
    prepared, planned, moved = deploying.prepare_saved(file, os.environ)
    if prepared.target.sandbox:
        console.say(BANNER)
    if moved is not None:
        console.report([moved])
        ctx.exit(FINDINGS)
    console.say(deploying.as_text(planned, paint=painted(console)).rstrip("\n"))
    if has_errors(planned.diagnostics):
        console.report(planned.diagnostics)
        ctx.exit(FINDINGS)
    _carry_out(ctx, prepared, planned, values)


def _carry_out(ctx: click.Context, prepared: Any, planned: Any, values: dict[str, Any]) -> None:
    from compose2fargate import deploying
    from compose2fargate.cli.progress import conclude, progress_for

    console = Console.of(ctx)
    options = deploying.Options(
        adopt=values["adopt"],
        wait=values["wait"],
        timeout=values["timeout"],
        keep_revisions=values["keep_revisions"] or 0,
    )
    stop_like_ctrl_c()
    result = deploying.apply(prepared, planned, options, progress_for(console))
    if planned.pending:
        conclude(console, result, "done")
    if values["format"] == "json":
        write(json.dumps(as_document(planned, result), indent=2, ensure_ascii=False) + "\n")
    ctx.exit(result.exit_code)


def stop_like_ctrl_c() -> None:
    """Let a polite kill (SIGTERM, as CI sends it) end a run as Ctrl-C does: nothing new begins, and it is told."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def as_document(planned: Any, result: Any) -> dict[str, Any]:
    """Give plan and result as plain JSON."""
    from compose2fargate import deploying

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
            "hint": f.diagnostic.hint,
            "details": f.details,
            "log": f.log,
        }
        for f in result.failures
    ]
    return {
        "plan": deploying.as_json(planned),
        "outcomes": outcomes,
        "failures": failures,
        "problems": [{"code": d.code, "message": d.message, "hint": d.hint} for d in result.diagnostics],
        "interrupted": result.interrupted,
        "exit_code": result.exit_code,
    }
