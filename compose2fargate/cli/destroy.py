"""`compose2fargate destroy`: deletes what was made for a stack."""

from __future__ import annotations

import json
from typing import Any

import click

from compose2fargate.cli.apply import FINDINGS, as_document, stop_like_ctrl_c
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import (
    TARGET_OPTIONS,
    YES_OPTION,
    confirm,
    flags_of,
    painted,
    target_of,
)
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS

_OPTIONS = (
    YES_OPTION,
    format_option("the plan and the result"),
    click.Option(["--volumes"], is_flag=True, help="Delete file systems too, with all that is on them."),
    click.Option(["--images"], is_flag=True, help="Delete image repositories too, with their images."),
    click.Option(["--keep-secrets"], is_flag=True, help="Keep the secrets."),
)  # fmt: skip


@click.command(
    "destroy", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Delete everything that was made for the stack, in whatever state it is.

    File systems and image repositories stay unless you ask. Secrets of Secrets Manager can be taken back for a week.
    """
    from compose2fargate import deploying
    from compose2fargate.cli.progress import conclude, progress_for

    console = Console.of(ctx)
    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    choices = deploying.Choices(
        volumes=values["volumes"], images=values["images"], secrets=not values["keep_secrets"]
    )
    prepared, planned = deploying.plan_destruction(prepared, choices)
    console.say(deploying.as_text(planned, paint=painted(console)).rstrip("\n"))
    if planned.pending and not confirm("Delete all of this?", yes=values["yes"]):
        console.say("nothing was deleted")
        ctx.exit(FINDINGS)
    stop_like_ctrl_c()
    result = deploying.destroy(prepared, planned, progress_for(console))
    if planned.pending:
        conclude(console, result, "deleted")
    if values["format"] == "json":
        write(json.dumps(as_document(planned, result), indent=2, ensure_ascii=False) + "\n")
    ctx.exit(result.exit_code)
