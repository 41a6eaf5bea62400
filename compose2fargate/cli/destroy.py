"""`compose2fargate destroy`: deletes what was made for a stack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from compose2fargate.cli.apply import FINDINGS, as_document, stop_like_ctrl_c
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.commands import option
from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import (
    ALL_OPTION,
    TARGET_OPTIONS,
    YES_OPTION,
    confirm_by_name,
    prepare,
    show_plan,
)
from compose2fargate.cli.next_commands import next_command
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option
from compose2fargate.cli.sandbox_notes import end_scripts
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.diagnostics import has_errors
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import one_line


@make_command(
    "destroy",
    YES_OPTION,
    ALL_OPTION,
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate destroy",
        "compose2fargate destroy --environment preview-12 --yes",
        "compose2fargate destroy --volumes --images --stores    # data too",
    ),
)
def command(
    ctx: typer.Context,
    *,
    format: Annotated[str, format_option("the plan and the result")] = "text",
    volumes: Annotated[bool, option("--volumes", panel=Panel.STORAGE, help="Delete file systems too, with all that is on them.")] = False,
    images: Annotated[bool, option("--images", panel=Panel.IMAGES, help="Delete image repositories too, with their images.")] = False,
    stores: Annotated[bool, option("--stores", panel=Panel.STORAGE,
        help="Delete databases and caches too, after a last snapshot.")] = False,
    keep_secrets: Annotated[bool, option("--keep-secrets", panel=Panel.SECRETS, help="Keep the secrets.")] = False,
) -> None:  # fmt: skip
    """Delete everything that was created for the stack, in whatever state it is.

    It asks for the stack's name. File systems, databases, caches and image repositories stay unless you ask. Secrets of Secrets
    Manager can be taken back for a week.
    """
    from compose2fargate.cli.progress import conclude, progress_for
    from compose2fargate.workflows import deploying

    console = Console.of(ctx)
    choices = deploying.PlanOptions(volumes=volumes, images=images, secrets=not keep_secrets, stores=stores)
    prepared, planned = deploying.plan_destruction(prepare(ctx, strict=False), choices)
    stack = prepared.deployment.stack.name
    where = "in the sandbox" if prepared.deployment.sandbox else f"in account {planned.account}"
    show_plan(ctx, planned, f"stack {stack} {where}, region {planned.region}", counted=("delete",))
    if has_errors(planned.diagnostics):
        console.report(planned.diagnostics)
        console.say("nothing was deleted")
        ctx.exit(FINDINGS)
    if planned.pending and not confirm_by_name(ctx, stack):
        console.say("nothing was deleted")
        ctx.exit(FINDINGS)
    stop_like_ctrl_c()
    result = deploying.destroy(prepared, planned, progress_for(console))
    if planned.pending:
        conclude(console, result, "deleted")
    if prepared.target.sandbox:
        end_scripts(console, prepared.target.sandbox, "ends with the stack")
    _say_what_stays(ctx, deploying.what_stays(planned))
    if format == "json":
        write(json.dumps(as_document(ctx, planned, result), indent=2, ensure_ascii=False) + "\n")
    ctx.exit(result.exit_code)


def _say_what_stays(ctx: typer.Context, kept: Sequence[Any]) -> None:
    """Say what is left, what it costs, and how it goes too."""
    if not kept:
        return
    console = Console.of(ctx)
    console.say("what stays:")
    for one in kept:
        console.say(f"  {one_line(one.title)}: {one.cost}")
    options = dict.fromkeys(one.option for one in kept if one.option)
    if options:
        console.say(f"to delete that too: {next_command(ctx, 'destroy', *options)}")
