"""`compose2fargate plan`: says what `apply` would do, and does nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import (
    CHOICE_OPTIONS,
    TARGET_OPTIONS,
    choices_of,
    flags_of,
    painted,
    target_of,
    worth_saying,
)
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS
from compose2fargate.diagnostics import has_errors

_OPTIONS = (
    format_option("the plan"),
    click.Option(["--out"], metavar="FILE", help="Save the plan; `apply FILE` carries it out if nothing has moved by then."),
    click.Option(["--all", "everything"], is_flag=True, help="Name what is unchanged too."),
    click.Option(["--exit-code"], is_flag=True, help="Exit with 1 when there is something to do."),
)  # fmt: skip


@click.command(
    "plan",
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
def command(ctx: click.Context, /, **values: Any) -> None:
    """Say what apply would create, change and delete.

    Nothing is changed in AWS. Values that look like secrets are hidden.
    """
    from compose2fargate import deploying

    console, choices = Console.of(ctx), choices_of(values)
    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input()
    )
    console.report(worth_saying(prepared.diagnostics))
    planned = deploying.plan(prepared, choices)
    console.report(planned.diagnostics)
    if values["format"] == "json":
        write(json.dumps(deploying.as_json(planned), indent=2, ensure_ascii=False) + "\n")
    else:
        write(deploying.as_text(planned, unchanged=values["everything"], paint=painted(console)))
    if values["out"]:
        deploying.save(values["out"], prepared, planned, choices)
        console.say(f"saved: compose2fargate apply {values['out']} carries it out")
    if has_errors(planned.diagnostics) or (values["exit_code"] and planned.pending):
        ctx.exit(1)
