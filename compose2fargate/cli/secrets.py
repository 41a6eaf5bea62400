"""`compose2fargate secrets`: what the stack reads, and writing it. Values are never shown."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer

from compose2fargate.cli.commands import argument, command_group, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.console import Console, table, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, prepare
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.settings import Panel

FINDINGS = 1

_SHARED: Final = (
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK | {"secret_files", "secrets", "secrets_store"}),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
)


@command_group(
    "secrets",
    *_SHARED,
    invoke_without_command=True,
    examples=(
        "compose2fargate secrets",
        "compose2fargate secrets --exit-code    # 1 when one is missing",
        "compose2fargate secrets push",
    ),
)
def command(
    ctx: typer.Context,
    *,
    format: Annotated[str, format_option("the list")] = "text",
    exit_code: Annotated[
        bool,
        option(
            "--exit-code", panel=Panel.OUTPUT, help="Exit with 1 when one does not exist, or has no value."
        ),
    ] = False,
) -> None:
    """Show which secrets the stack reads, and whether they exist.

    With where their values come from: files and variables that the compose file names, or yourself. Names only, never
    values.
    """
    if ctx.invoked_subcommand is not None:
        return
    from compose2fargate.workflows import operating

    seen = operating.secrets(prepare(ctx, strict=False))
    if format == "json":
        write(json.dumps([one._asdict() for one in seen], indent=2, ensure_ascii=False) + "\n")
    elif seen:
        head = ("NAME", "STORE", "EXISTS", "VALUE HERE", "COMES FROM")
        write(table([head, *(_row(one) for one in seen)]))
    else:
        Console.of(ctx).say("the stack reads no secrets")
    if exit_code and not all(one.exists and one.has_value for one in seen):
        ctx.exit(FINDINGS)


_STORES = {"ssm": "SSM", "secretsmanager": "Secrets Manager"}
_ANSWERS = {True: "yes", False: "no"}


def _row(one: Any) -> tuple[str, ...]:
    exists = "not allowed to look" if one.exists is None else _ANSWERS[one.exists]
    if one.exists and not one.has_value:
        exists = "yes, without a value"
    if one.owner == "other":
        exists = "yes, of another stack"
    known = _ANSWERS.get(one.known, "-")
    return (one.name, _STORES[one.store], exists, known, one.source)


@make_command(
    "push",
    *_SHARED,
    examples=("compose2fargate secrets push", "compose2fargate secrets push DB_PASSWORD --overwrite"),
)
def push(
    ctx: typer.Context,
    *,
    names: Annotated[list[str] | None, argument("[NAME]...", "Names in AWS, or what they end with; none means all.")] = None,
    overwrite: Annotated[bool, option("--overwrite", panel=Panel.SECRETS, help="Overwrite existing values.")] = False,
) -> None:  # fmt: skip
    """Upload the values that the compose file names: files, and variables of your environment.

    What has a value keeps it, unless you say --overwrite. Values
    are read when they are written, and shown nowhere. Needed before Terraform, CloudFormation or the AWS CLI deploy; apply
    does it by itself.
    """
    from compose2fargate.workflows import operating

    console = Console.of(ctx)
    done = operating.push_secrets(prepare(ctx, strict=False), tuple(names or ()), overwrite=overwrite)
    for one in done:
        if one.problem is None:
            console.say(f"{one.name}: {_SAID[one.status]}")
    console.report([one.problem for one in done if one.problem is not None])
    if any(one.status == "overwritten" for one in done):
        console.say(
            "running tasks keep the old values; start new tasks to read the new ones: aws ecs update-service --force-new-deployment"
        )
    if not done:
        console.say("the compose file names no values of secrets")
    ctx.exit(FINDINGS if any(one.problem for one in done) else 0)


_SAID = {
    "created": "created",
    "filled": "existed without a value, and has one now",
    "overwritten": "overwritten",
    "kept": "has a value, and keeps it (--overwrite replaces it)",
}

command.add_command(push)
