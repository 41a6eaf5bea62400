"""`compose2fargate rehearse`: runs the generated tasks on this machine, in real containers, by Fargate's rules."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated, Any

import click
import typer

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services as complete_services
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import worth_saying
from compose2fargate.cli.next_commands import completed, completed_text
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    chosen_settings,
    format_option,
    load_options,
)
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.disk.reading import read_text
from compose2fargate.settings import Panel

FINDINGS = 1


@make_command(
    "rehearse",
    *settings_options(),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate rehearse",
        "compose2fargate rehearse web --keep    # leave it running to look at",
        "compose2fargate rehearse logs web",
        "compose2fargate rehearse down",
    ),
)
def command(
    ctx: typer.Context,
    *,
    services: Annotated[list[str] | None, argument("[SERVICE]...", "Services to run, with what they need.",
        autocompletion=complete_services)] = None,
    keep: Annotated[bool, option("--keep", panel=Panel.OUTPUT, help="Leave it running, and print its addresses on localhost.")] = False,
    pace: Annotated[float, option("--pace", panel=Panel.DEPLOYMENT, min=1, metavar="N",
        help="Let checks fail N times as fast as on ECS (1).")] = 1.0,
    timeout: Annotated[float, option("--timeout", panel=Panel.DEPLOYMENT, min=1, metavar="SECONDS",
        help="Time for all to be steady (300).")] = 300.0,
    secrets: Annotated[list[str] | None, option("--secret", panel=Panel.SECRETS, metavar="NAME=FILE",
        help="Value of a secret not known here; repeatable.")] = None,
    builder: Annotated[str | None, option("--builder", panel=Panel.IMAGES, click_type=click.Choice(["docker", "podman", "buildah"]),
        help="The program that builds images.")] = None,
    helper_image: Annotated[str, option("--helper-image", panel=Panel.IMAGES, envvar="COMPOSE2FARGATE_HELPER_IMAGE",
        show_envvar=False, metavar="NAME", help="The helper image.")] = "",
    tail: Annotated[int, option("--tail", panel=Panel.OUTPUT, min=1, metavar="N",
        help="With logs: the last N lines of each container (100).")] = 100,
    format: Annotated[str, format_option("the report", "text", "json", "markdown", "junit")] = "text",
) -> None:  # fmt: skip
    """Run the tasks on this machine by Fargate's rules, and report what would fail there.

    `rehearse down` removes what is left of a rehearsal, `rehearse logs [SERVICE]...` prints what its containers wrote.
    Exit codes: 0 all well, 1 something would fail, 2 wrong input, 3 no container engine.
    """
    first, *others = services or ("",)
    if first == "down":
        _down(ctx, others)
        return
    if first == "logs":
        _logs(ctx, tuple(others), tail=tail)
        return
    from compose2fargate.workflows.rehearsing import RehearsalOptions, RehearsalOrder

    choices = RehearsalOptions(pace, timeout, helper_image, keep=keep)
    order = RehearsalOrder(tuple(services or ()), choices, _secrets(secrets or ()), builder or "")
    _rehearse(ctx, order, format)


def _rehearse(ctx: click.Context, order: Any, format: str) -> None:
    from compose2fargate.cli.apply import stop_like_ctrl_c
    from compose2fargate.cli.progress import progress_for
    from compose2fargate.workflows import rehearsing

    console = Console.of(ctx)
    progress: Any = progress_for(console)
    stop_like_ctrl_c()
    try:
        report = rehearsing.rehearse(
            load_options(ctx),
            chosen_settings(ctx),
            order,
            stdin=standard_input(),
            watch=rehearsing.Watch(
                progress.tell,
                report=lambda found: console.report(worth_saying(found)),
                begin=lambda units: progress.begin(tuple(units)),
            ),
        )
    finally:
        progress.end()
    text = rehearsing.render_report(_completed(ctx, report), format)
    write(completed_text(ctx, text) if format == "text" else text)
    ctx.exit(0 if report.well else FINDINGS)


def _completed(ctx: click.Context, report: Any) -> Any:
    found = {
        unit: tuple(one._replace(diagnostic=completed(ctx, [one.diagnostic])[0]) for one in findings)
        for unit, findings in report.findings.items()
    }
    return report._replace(findings=found)


def _secrets(given: Iterable[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, file = one.partition("=")
        if not equals:
            raise click.UsageError(
                "--secret takes NAME=FILE; the value itself does not belong on a command line."
            )
        try:
            found[name] = read_text(os.path.expanduser(file)).rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                Diagnostic(
                    "C2F101", Severity.ERROR, f"the value of {name} cannot be read from {file}: {error}"
                )
            ) from error
    return found


def _down(ctx: click.Context, services: list[str]) -> None:
    from compose2fargate.workflows import rehearsing

    if services:
        raise click.UsageError("rehearse down takes everything down, and no service.")
    count = rehearsing.down(load_options(ctx), chosen_settings(ctx), stdin=standard_input())
    Console.of(ctx).say(f"{count} removed" if count else "nothing was left")


def _logs(ctx: click.Context, services: tuple[str, ...], *, tail: int) -> None:
    from compose2fargate.workflows import rehearsing

    lines = list(
        rehearsing.logs(load_options(ctx), chosen_settings(ctx), services, tail=tail, stdin=standard_input())
    )
    width = max((len(name) for name, _ in lines), default=0)
    write("".join(f"{name.ljust(width)}  | {line}\n" for name, line in lines))
