"""`compose2fargate run`: runs a job once, shows what it writes, and ends with its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from compose2fargate.cli.apply import stop_like_ctrl_c
from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services
from compose2fargate.cli.console import Console, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, prepare
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, load_options
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import one_line

FINDINGS, REFUSED, INTERRUPTED = 1, 3, 130

_WHERE_TASKS_RUN: Final = frozenset(
    {"vpc", "subnets", "security_groups", "assign_public_ip", "capacity", "platform_version"}
)


@make_command(
    "run",
    *TARGET_OPTIONS,
    *settings_options(OF_THE_STACK | _WHERE_TASKS_RUN),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate run migrate",
        "compose2fargate run web -- bin/rails db:migrate",
        "compose2fargate run -e DEBUG=1 -d report",
    ),
)
def command(
    ctx: typer.Context,
    *,
    job: Annotated[str, argument("JOB", "A job or a service of the compose file.", autocompletion=services)],
    command: Annotated[list[str] | None, argument("[-- COMMAND...]", "What to run in place of its own command.")] = None,
    variables: Annotated[list[str] | None, option("-e", "--env", panel=Panel.DEPLOYMENT, metavar="NAME[=VALUE]",
        help="Set a variable; NAME: as here. Repeatable.")] = None,
    detach: Annotated[bool, option("-d", "--detach", panel=Panel.DEPLOYMENT, help="Do not wait; print the task's id.")] = False,
    stop_on_interrupt: Annotated[bool, option("--stop-on-interrupt", panel=Panel.DEPLOYMENT,
        help="Stop the task on Ctrl-C; otherwise it keeps running.")] = False,
    timeout: Annotated[float, option("--timeout", panel=Panel.DEPLOYMENT, min=1, metavar="SECONDS",
        help="How long to wait (default: a day).")] = 86400.0,
) -> None:  # fmt: skip
    """Run a job, or a service's task with another command, and wait until it ends.

    JOB is a job or a service of the compose file, as it is deployed: its newest revision, or the one that serves. What it
    writes goes to stdout, and its exit code is this command's: 3 when it was not started, 1 when it has no exit code.
    """
    from compose2fargate.workflows import operating

    console = Console.of(ctx)
    environment = load_options(ctx).environment
    order = operating.TaskOverrides(tuple(command or ()), _variables(variables or (), environment))
    prepared = prepare(ctx, strict=False)
    started = operating.start(prepared, job, order)
    console.say(f"{job}: task {started.id} of {started.revision}")
    if detach:
        write(f"{started.id}\n")
        return
    stop_like_ctrl_c()
    ctx.exit(_await(console, prepared, started, timeout=timeout, stop=stop_on_interrupt))


def _await(console: Console, prepared: Any, started: Any, *, timeout: float, stop: bool) -> int:
    from compose2fargate.workflows import operating

    job = started.place.service

    def show(lines: Any) -> None:
        text = "".join(f"{_prefix(line, started)}{line.text}\n" for line in lines)
        if text:
            write(text)

    try:
        ended = operating.watch(
            prepared,
            started,
            timeout=timeout,
            tell=lambda state: console.say(f"{job}: {state}"),
            show=show,
        )
    except KeyboardInterrupt:
        return _interrupted(console, prepared, started, stop=stop)
    if ended.failure is None:
        console.say(f"{job}: ended with 0")
        return 0
    for line in ended.failure.details:
        console.say(f"  {one_line(line)}")
    console.report([ended.failure.diagnostic])
    return _exit_code(ended)


def _prefix(line: Any, started: Any) -> str:
    """Tell the output of sidecars and helpers from that of the container that was asked for."""
    return "" if line.container in ("", started.place.container) else f"{line.container}  | "


def _exit_code(ended: Any) -> int:
    """Give the container's code; it has none when it never ran, or was stopped before it could end."""
    if ended.exit_code is not None:
        return int(ended.exit_code)
    return FINDINGS if ended.started else REFUSED


def _interrupted(console: Console, prepared: Any, started: Any, *, stop: bool) -> int:
    from compose2fargate.workflows import operating

    if stop:
        operating.stop(prepared, started)
        console.say(f"interrupted: task {started.id} was stopped")
    else:
        command = started.stop_command(prepared.deployment.account.region)
        console.say(f"interrupted: task {started.id} keeps running; to stop it: {command}")
    return INTERRUPTED


def _variables(given: Iterable[str], environment: Any) -> dict[str, str]:
    """Read NAME=VALUE, and NAME from the environment: a value that others should not see need not be typed."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or (not equals and name not in environment):
            raise UsageError(
                Diagnostic(
                    "C2F491",
                    Severity.ERROR,
                    f"--env {name}: the variable is not set here"
                    if name
                    else f"--env {one} names no variable",
                    hint="use --env NAME=VALUE, or --env NAME for a variable that is set",
                )
            )
        found[name] = value if equals else environment[name]
    return found
