"""`compose2fargate exec`: a command inside a running container."""

from __future__ import annotations

from typing import Annotated

import typer

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, prepare
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.settings import Panel


@make_command(
    "exec",
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate exec web -- sh",
        "compose2fargate exec web --task 4f1c -- cat /proc/1/status",
    ),
)
def command(
    ctx: typer.Context,
    *,
    service: Annotated[str, argument("SERVICE", "A service, job or sidecar of the compose file.", autocompletion=services)],
    command: Annotated[list[str], argument("-- COMMAND...", "The command, with its arguments.")],
    task: Annotated[str, option("--task", panel=Panel.DEPLOYMENT, metavar="ID",
        help="The task, by the beginning of its id (default: the newest).")] = "",
    container: Annotated[str, option("--container", panel=Panel.DEPLOYMENT, metavar="NAME",
        help="The container (default: the service's own).")] = "",
) -> None:  # fmt: skip
    """Run a command in a running container, on this terminal.

    SERVICE is a service, job or sidecar of the compose file with `x-fargate: {exec: true}`. The session manager plugin has
    to be installed. The exit code is the session's: AWS does not hand on that of the command.
    """
    from compose2fargate.workflows import operating

    ctx.exit(
        operating.execute(prepare(ctx, strict=False), service, tuple(command), task=task, container=container)
    )
