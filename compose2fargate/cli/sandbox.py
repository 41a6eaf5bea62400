"""`compose2fargate sandbox`: looks at the fake AWS of a project, scripts failures in it, and ends it."""

from __future__ import annotations

from typing import Any

import click

from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import BANNER, project_folder
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS


def _running(ctx: click.Context, *, start: bool = False) -> Any:
    from compose2fargate.apply.sandbox import session

    folder = project_folder(ctx)
    return session.find(folder) or (session.start(folder) if start else None)


@click.group("sandbox", params=[*COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
def command() -> None:
    """Look at the fake AWS that --sandbox uses, or end it.

    It belongs to the project's folder, keeps what was made between commands, listens on this machine only, and ends by
    itself after four hours without a call.
    """


@command.command("env", params=[*COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def env(ctx: click.Context) -> None:
    """Print what makes the AWS CLI and Terraform use it: eval "$(compose2fargate sandbox env)"."""
    session = _running(ctx, start=True)
    variables = {
        "AWS_ENDPOINT_URL": session.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    write("".join(f"export {name}={value}\n" for name, value in variables.items()))


@command.command("status", params=[*COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def status(ctx: click.Context) -> None:
    """Say whether it runs, and where."""
    session = _running(ctx)
    write(
        f"{BANNER}\n{session.url} (process {session.pid})\n"
        if session
        else "no sandbox runs for this folder\n"
    )
    ctx.exit(0 if session else 1)


@command.command("stop", params=[*COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def stop(ctx: click.Context) -> None:
    """End it and forget everything in it."""
    from compose2fargate.apply.sandbox import session

    ended = session.stop(project_folder(ctx))
    Console.of(ctx).say("the sandbox has ended" if ended else "no sandbox ran for this folder")


_KINDS = ("run", "exit", "pull", "unhealthy", "target", "stuck")


@command.command(
    "behave",
    params=[
        click.Argument(["service"]),
        click.Option(
            ["--kind"], type=click.Choice(_KINDS), default="exit", help="What its tasks do (default: exit)."
        ),
        click.Option(
            ["--exit-code"],
            type=click.IntRange(0, 255),
            default=1,
            metavar="N",
            help="The exit code (default: 1).",
        ),
        click.Option(["--reason"], default="", metavar="TEXT", help="The reason that AWS would give."),
        click.Option(
            ["--container"],
            default="",
            metavar="NAME",
            help="The container it happens to (default: the first).",
        ),
        click.Option(
            ["--log"],
            multiple=True,
            metavar="LINE",
            help="A line that it writes to its log before; repeatable.",
        ),
        *COMPOSE_OPTIONS,
        *OUTPUT_OPTIONS,
    ],
)
@click.pass_context
def behave(ctx: click.Context, /, service: str, **members: Any) -> None:
    """Script what tasks of SERVICE do from now on: fail a deployment to see how that is told.

    SERVICE is the ECS service's name, or the family of a job's task definition.
    """
    from compose2fargate.apply.sandbox import session

    running = _running(ctx, start=True)
    session.call(running, "behaviour", {"name": service, **members, "log": list(members["log"])})
    Console.of(ctx).say(f"{service}: {members['kind']} from its next task on")
