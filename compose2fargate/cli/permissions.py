"""`compose2fargate permissions`: what whoever deploys has to be allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.commands import option
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    chosen_settings,
    format_option,
    load_options,
)
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.settings import Panel

_APPLY: Final = "apply"


@make_command(
    "permissions",
    *TARGET_OPTIONS,
    *settings_options(),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate permissions > policy.json",
        "compose2fargate permissions --include push,run,logs",
        "compose2fargate permissions --only --include status    # to look only",
    ),
)
def command(
    ctx: typer.Context,
    *,
    format: Annotated[str, format_option("the policy", "json", "terraform")] = "json",
    include: Annotated[list[str] | None, option("--include", panel=Panel.OUTPUT, metavar="COMMAND,...",
        help="Other commands to allow: push, run, status…; or all.")] = None,
    only: Annotated[bool, option("--only", panel=Panel.OUTPUT, help="Allow only what --include names, not what apply needs.")] = False,
    parts: Annotated[bool, option("--parts", panel=Panel.OUTPUT, help="Print several policies where one is too large.")] = False,
) -> None:  # fmt: skip
    """Print the least IAM policy that deploying the stack needs.

    For plan, apply and destroy of this stack, limited to its names; AWS is not asked. --region and --account limit it to one
    account; without them it is for any.
    """
    from compose2fargate.workflows import operating

    commands = _commands(include or (), operating.COMMANDS, only=only)
    made = operating.permissions(
        load_options(ctx), chosen_settings(ctx), commands, cut=parts, stdin=standard_input()
    )
    Console.of(ctx).report(made.diagnostics)
    if format == "terraform":
        write(operating.as_terraform(made))
        return
    document: Any = list(made.documents) if parts else made.documents[0]
    write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _commands(include: Iterable[str], known: tuple[str, ...], *, only: bool) -> list[str]:
    asked = [name for text in include for name in text.split(",") if name]
    wrong = [name for name in asked if name not in (*known, "all")]
    if wrong or (only and not asked):
        message = f"--include does not know {wrong[0]}" if wrong else "--only needs --include"
        raise UsageError(
            Diagnostic("C2F491", Severity.ERROR, message, hint=f"use --include {','.join(known)}, or all")
        )
    chosen = set(known) if "all" in asked else set(asked)
    return sorted(chosen - {_APPLY} if only else chosen | {_APPLY})
