"""`compose2fargate permissions`: what whoever deploys has to be allowed."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

_OPTIONS = (
    format_option("the policy", "json", "terraform"),
    click.Option(["--include"], multiple=True, metavar="COMMAND,...", help="Other commands to allow: push, run, status…; or all."),
    click.Option(["--only"], is_flag=True, help="Allow what --include names, and not what apply needs."),
    click.Option(["--parts"], is_flag=True, help="Print several policies where one is too large."),
)  # fmt: skip
_APPLY: Final = "apply"


@click.command(
    "permissions", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Print the least IAM policy that deploying the stack needs.

    For plan, apply and destroy of this stack, limited to its names; AWS is not asked. --region and --account limit it to one
    account; without them it is for any.
    """
    from compose2fargate import operating

    commands = _commands(values, operating.COMMANDS)
    made = operating.permissions(
        load_options(ctx), flags_of(values), commands, cut=values["parts"], stdin=standard_input()
    )
    Console.of(ctx).report(made.diagnostics)
    if values["format"] == "terraform":
        write(operating.as_terraform(made))
        return
    document: Any = list(made.documents) if values["parts"] else made.documents[0]
    write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _commands(values: dict[str, Any], known: tuple[str, ...]) -> list[str]:
    asked = [name for text in values["include"] for name in text.split(",") if name]
    wrong = [name for name in asked if name not in (*known, "all")]
    if wrong or (values["only"] and not asked):
        message = f"--include knows no {wrong[0]}" if wrong else "--only needs --include"
        raise UsageError(
            Diagnostic("C2F491", Severity.ERROR, message, hint=f"--include {','.join(known)}, or all")
        )
    chosen = set(known) if "all" in asked else set(asked)
    return sorted(chosen - {_APPLY} if values["only"] else chosen | {_APPLY})
