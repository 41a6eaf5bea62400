"""`compose2fargate exec`: a command inside a running container."""

from __future__ import annotations

from typing import Any

import click

from compose2fargate.cli.console import standard_input
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of, target_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS

_OPTIONS = (
    click.Argument(["service"]),
    click.Argument(["command"], nargs=-1, required=True, metavar="-- COMMAND..."),
    click.Option(["--task"], default="", metavar="ID", help="This task, by the beginning of its id (default: the newest)."),
    click.Option(["--container"], default="", metavar="NAME", help="This container (default: the service's own)."),
)  # fmt: skip


@click.command(
    "exec", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, service: str, command: tuple[str, ...], **values: Any) -> None:
    """Execute a command in a running container, on this terminal.

    SERVICE is a service, job or sidecar of the compose file with `x-fargate: {exec: true}`. The session manager plugin has
    to be installed. The exit code is the session's: AWS does not hand on that of the command.

    compose2fargate exec web -- sh
    """
    from compose2fargate import deploying, operating

    prepared = deploying.prepare(
        load_options(ctx), flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    options = {"task": values["task"], "container": values["container"]}
    ctx.exit(operating.execute(prepared, service, command, **options))
