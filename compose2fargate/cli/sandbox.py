"""`compose2fargate sandbox`: looks at the fake AWS of a project, scripts failures in it, and ends it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import click
import typer

from compose2fargate.cli.commands import argument, command_group, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import BANNER, project_folder
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, chosen_settings, load_options
from compose2fargate.cli.sandbox_notes import scripted_lines
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.settings import Panel

_SHARED: Final = (*COMPOSE_OPTIONS, *OUTPUT_OPTIONS)


def _running(ctx: click.Context, *, start: bool = False) -> Any:
    from compose2fargate.apply.sandbox import sandbox_session

    folder = project_folder(ctx)
    return sandbox_session.start_sandbox(folder) if start else sandbox_session.find_sandbox(folder)


@command_group(
    "sandbox",
    *_SHARED,
    no_args_is_help=True,
    examples=(
        "compose2fargate sandbox status",
        'eval "$(compose2fargate sandbox env)"',
        "compose2fargate sandbox stop",
    ),
)
def command() -> None:
    """Show the fake AWS that --sandbox uses, or end it.

    It belongs to the project's folder, keeps what was made between commands, listens on this machine only, and ends by
    itself after four hours without a call.
    """


@make_command("env", *_SHARED, examples=('eval "$(compose2fargate sandbox env)"',))
def env(ctx: typer.Context) -> None:
    """Print what makes the AWS CLI and Terraform use it."""
    from compose2fargate.apply.sandbox.sandbox_session import REGION
    from compose2fargate.apply.sandbox.sandbox_state import variables

    sandbox_session = _running(ctx, start=True)
    write(variables(sandbox_session.url, sandbox_session.token, REGION))


@make_command("status", *_SHARED)
def status(ctx: typer.Context) -> None:
    """Say whether it runs, and where."""
    sandbox_session = _running(ctx)
    lines = scripted_lines(project_folder(ctx)) if sandbox_session else []
    write(
        f"{BANNER}\n{sandbox_session.url} (process {sandbox_session.pid})\n"
        + "".join(f"{line}\n" for line in lines)
        if sandbox_session
        else "no sandbox runs for this folder\n"
    )
    ctx.exit(0 if sandbox_session else 1)


@make_command("stop", *_SHARED)
def stop(ctx: typer.Context) -> None:
    """End it and forget everything in it."""
    from compose2fargate.apply.sandbox import sandbox_session

    ended = sandbox_session.stop_sandbox(project_folder(ctx))
    Console.of(ctx).say("the sandbox has ended" if ended else "no sandbox ran for this folder")


_KINDS = ("run", "exit", "pull", "unhealthy", "target", "stuck")


def _name_in_ecs(ctx: click.Context, name: str) -> str:
    """Give the ECS service, or the family of a job, that a name of the compose file or of ECS means.

    Raises:
        InputError: There is none of that name, or the project cannot be read.
    """
    from compose2fargate.workflows.operating import scripted_name

    return scripted_name(load_options(ctx), chosen_settings(ctx), name, stdin=standard_input())


@make_command(
    "behave",
    *settings_options(OF_THE_STACK),
    *_SHARED,
    examples=(
        "compose2fargate sandbox behave web --exit-code 137 --log 'out of memory'",
        "compose2fargate sandbox behave web --kind unhealthy",
    ),
)
def behave(
    ctx: typer.Context,
    *,
    service: Annotated[str, argument("SERVICE", "A service or a job of the compose file.", autocompletion=services)],
    kind: Annotated[str, option("--kind", panel=Panel.DEPLOYMENT, click_type=click.Choice(_KINDS),
        help="What its tasks do (default: exit).")] = "exit",
    exit_code: Annotated[int, option("--exit-code", panel=Panel.DEPLOYMENT, min=0, max=255, metavar="N",
        help="The exit code (default: 1).")] = 1,
    reason: Annotated[str, option("--reason", panel=Panel.DEPLOYMENT, metavar="TEXT", help="The reason that AWS would give.")] = "",
    container: Annotated[str, option("--container", panel=Panel.DEPLOYMENT, metavar="NAME",
        help="The container it happens to (default: the first).")] = "",
    log: Annotated[list[str] | None, option("--log", panel=Panel.DEPLOYMENT, metavar="LINE",
        help="A line that it writes to its log before; repeatable.")] = None,
) -> None:  # fmt: skip
    """Script what tasks of SERVICE do from now on: fail a deployment to see how that is told."""
    from compose2fargate.apply.sandbox import sandbox_session

    name = _name_in_ecs(ctx, service)
    running = _running(ctx, start=True)
    behaviour = {
        "name": name,
        "kind": kind,
        "exit_code": exit_code,
        "reason": reason,
        "container": container,
        "log": log or [],
    }
    sandbox_session.call_sandbox(running, "behaviour", behaviour)
    Console.of(ctx).say(f"{service}: {kind} from its next task on")


for _command in (env, status, stop, behave):
    command.add_command(_command)
