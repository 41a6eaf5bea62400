"""`compose2fargate run`: runs a job once, shows what it writes, and ends with its exit code."""

from __future__ import annotations

from typing import Any

import click

from compose2fargate.cli.apply import stop_like_ctrl_c
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, flags_of, target_of
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, load_options
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

FINDINGS, REFUSED, INTERRUPTED = 1, 3, 130

_OPTIONS = (
    click.Argument(["job"]),
    click.Argument(["command"], nargs=-1, metavar="[-- COMMAND...]"),
    click.Option(["-e", "--env", "variables"], multiple=True, metavar="NAME[=VALUE]", help="Set a variable; NAME: as here. Repeatable."),
    click.Option(["-d", "--detach"], is_flag=True, help="Do not wait; print the task's id."),
    click.Option(["--stop-on-interrupt"], is_flag=True, help="Stop the task on Ctrl-C; otherwise it goes on."),
    click.Option(["--timeout"], type=click.FloatRange(1), default=86400.0, metavar="SECONDS", help="How long to wait (default: a day)."),
)  # fmt: skip


@click.command(
    "run", params=[*_OPTIONS, *TARGET_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(ctx: click.Context, /, job: str, command: tuple[str, ...], **values: Any) -> None:
    """Run a job, or a service's task with another command, and wait for its end.

    JOB is a job or a service of the compose file, as it is deployed: its newest revision, or the one that serves. What it
    writes goes to stdout, and its exit code is this command's: 3 when it was not started, 1 when it has no exit code.

    compose2fargate run web -- bin/rails db:migrate
    """
    from compose2fargate import deploying, operating

    console = Console.of(ctx)
    options = load_options(ctx)
    order = operating.Order(command, _variables(values["variables"], options.environment))
    prepared = deploying.prepare(
        options, flags_of(values), target_of(ctx, values), stdin=standard_input(), strict=False
    )
    started = operating.start(prepared, job, order)
    console.say(f"{job}: task {started.id} of {started.revision}")
    if values["detach"]:
        write(f"{started.id}\n")
        return
    stop_like_ctrl_c()
    ctx.exit(_await(console, prepared, started, values))


def _await(console: Console, prepared: Any, started: Any, values: dict[str, Any]) -> int:
    from compose2fargate import operating

    job = started.place.service

    def show(lines: Any) -> None:
        text = "".join(f"{_prefix(line, started)}{line.text}\n" for line in lines)
        if text:
            write(text)

    try:
        ended = operating.watch(
            prepared,
            started,
            timeout=values["timeout"],
            tell=lambda state: console.say(f"{job}: {state}"),
            show=show,
        )
    except KeyboardInterrupt:
        return _interrupted(console, prepared, started, stop=values["stop_on_interrupt"])
    if ended.failure is None:
        console.say(f"{job}: ended with 0")
        return 0
    for line in ended.failure.details:
        console.say(f"  {line}")
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
    from compose2fargate import operating

    if stop:
        operating.stop(prepared, started)
        console.say(f"interrupted: task {started.id} was stopped")
    else:
        command = started.stop_command(prepared.deployment.account.region)
        console.say(f"interrupted: task {started.id} goes on; to stop it: {command}")
    return INTERRUPTED


def _variables(given: tuple[str, ...], environment: Any) -> dict[str, str]:
    """Read NAME=VALUE, and NAME from the environment: a value that others should not see need not be typed."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or (not equals and name not in environment):
            raise UsageError(
                Diagnostic(
                    "C2F491",
                    Severity.ERROR,
                    f"--env {name}: there is no such variable here"
                    if name
                    else f"--env {one} names no variable",
                    hint="--env NAME=VALUE, or NAME of a variable that is set",
                )
            )
        found[name] = value if equals else environment[name]
    return found
