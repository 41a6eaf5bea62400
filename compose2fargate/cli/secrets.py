"""`compose2fargate secrets`: what the stack reads, and writing it. Values are never shown."""

from __future__ import annotations

import json
from typing import Any

import click

from compose2fargate.cli.console import Console, standard_input, table, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of, target_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, format_option, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS

FINDINGS = 1

_SHARED = (*TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS)
_LIST_OPTIONS = (
    format_option("the list"),
    click.Option(["--exit-code"], is_flag=True, help="Exit with 1 when one does not exist."),
)
_PUSH_OPTIONS = (
    click.Argument(["names"], nargs=-1, metavar="[NAME]..."),
    click.Option(["--overwrite"], is_flag=True, help="Write over values that are there."),
)


@click.group("secrets", params=[*_LIST_OPTIONS, *_SHARED], invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Show which secrets the stack reads, and whether they exist.

    With where their values come from: files and variables that the compose file names, or yourself. Names only, never
    values.
    """
    if ctx.invoked_subcommand is not None:
        return
    from compose2fargate import operating

    seen = operating.secrets(_prepare(ctx, values))
    if values["format"] == "json":
        write(json.dumps([one._asdict() for one in seen], indent=2, ensure_ascii=False) + "\n")
    elif seen:
        head = ("NAME", "STORE", "EXISTS", "VALUE HERE", "COMES FROM")
        write(table([head, *(_row(one) for one in seen)]))
    else:
        Console.of(ctx).say("the stack reads no secrets")
    if values["exit_code"] and not all(one.exists for one in seen):
        ctx.exit(FINDINGS)


def _prepare(ctx: click.Context, values: dict[str, Any]) -> Any:
    from compose2fargate import deploying

    return deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )


_STORES = {"ssm": "SSM", "secretsmanager": "Secrets Manager"}
_ANSWERS = {True: "yes", False: "no"}


def _row(one: Any) -> tuple[str, ...]:
    exists = "not allowed to look" if one.exists is None else _ANSWERS[one.exists]
    if one.owner == "other":
        exists = "yes, of another stack"
    known = _ANSWERS.get(one.known, "-")
    return (one.name, _STORES[one.store], exists, known, one.source)


@command.command("push", params=[*_PUSH_OPTIONS, *_SHARED])
@click.pass_context
def push(ctx: click.Context, /, names: tuple[str, ...], **values: Any) -> None:
    """Upload the values that the compose file names: files, and variables of your environment.

    NAME is a name in AWS, or what it ends with; none means all. What has a value keeps it, unless you say --overwrite. Values
    are read when they are written, and shown nowhere. Needed before Terraform, CloudFormation or the AWS CLI deploy; apply
    does it by itself.
    """
    from compose2fargate import operating

    assert ctx.parent is not None  # noqa: S101 - it is a command of the group
    before = ctx.parent.params
    given = {
        name: before.get(name, value)
        if ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT
        else value
        for name, value in values.items()
    }
    console = Console.of(ctx)
    done = operating.push_secrets(_prepare(ctx, given), names, overwrite=values["overwrite"])
    for one in done:
        if one.problem is None:
            console.say(f"{one.name}: {_SAID[one.status]}")
    console.report([one.problem for one in done if one.problem is not None])
    if any(one.status == "overwritten" for one in done):
        console.say(
            "running tasks keep the old values: new ones read the new, aws ecs update-service --force-new-deployment"
        )
    if not done:
        console.say("the compose file names no values of secrets")
    ctx.exit(FINDINGS if any(one.problem for one in done) else 0)


_SAID = {
    "created": "created",
    "overwritten": "overwritten",
    "kept": "has a value, and keeps it (--overwrite replaces it)",
}
