"""`compose2fargate push`: builds the project's images and pushes them, or writes down how that is done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Any, Final

import click

from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, project_folder
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, load_options
from compose2fargate.cli.settings_options import settings_flags, settings_options
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic
from compose2fargate.images.builders import NAMES
from compose2fargate.images.push import Event
from compose2fargate.pushing import DEFAULT_JOBS, Pushed, PushOptions, push, put, script

_SCRIPTS: Final = ("codebuild", "github")

PUSH_OPTIONS: Final = (
    click.Option(["--builder"], type=click.Choice(NAMES), help="Who builds images (default: the first that is installed)."),
    click.Option(["--jobs"], type=click.IntRange(1), default=DEFAULT_JOBS, metavar="N", help="Images built at a time (default: 4)."),
    click.Option(["--login"], type=click.Choice(["ecr", "none"]), help="Log in to ECR, or not (default: ecr, unless --registry says)."),
    click.Option(["--insecure-registry", "insecure"], is_flag=True, help="Let the registry be without TLS; for one on your own machine."),
)  # fmt: skip
"""How images are built and pushed, here and with `apply --push`."""

_OPTIONS: Final = (
    click.Argument(["services"], nargs=-1, metavar="[SERVICE]..."),
    *PUSH_OPTIONS,
    click.Option(["--rebuild"], is_flag=True, help="Build and push everything, changed or not."),
    click.Option(["--dry-run"], is_flag=True, help="Only tell what would be built; needs no builder, registry or AWS."),
    click.Option(["--print", "show"], is_flag=True, help="Print a shell script that does the same with plain commands."),
    click.Option(["-t", "--target"], type=click.Choice(_SCRIPTS), help="Write a CodeBuild buildspec, or a GitHub workflow with OIDC."),
    click.Option(["-o", "--output"], metavar="FILE", help="Where --target writes (default: the file that it is looked for in); - prints."),
    click.Option(["--force"], is_flag=True, help="Replace the file that --target writes."),
    *TARGET_OPTIONS,
)  # fmt: skip


@click.command(
    "push",
    params=[
        *_OPTIONS,
        *settings_options(
            "region",
            "account",
            "environment",
            "registry",
            "tag",
            "lock",
            "architecture",
            "without",
            "without_host_tools",
        ),
        *COMPOSE_OPTIONS,
        *OUTPUT_OPTIONS,
    ],
)
@click.pass_context
def command(ctx: click.Context, /, services: tuple[str, ...], **values: Any) -> None:
    """Build images and push them to ECR.

    Meant are the images of SERVICE..., or of all services with `build:`. Missing repositories are created, images
    that have not changed are left alone, and the digests of what was pushed go to the lock file, which convert, check
    and apply read.
    """
    flags = settings_flags(values)
    if values["show"] or values["target"]:
        _write_script(ctx, services, flags, values)
        return
    options = push_options(ctx, values)
    push_images(
        ctx, flags, options._replace(services=services, rebuild=values["rebuild"], dry_run=values["dry_run"])
    )


def push_options(ctx: click.Context, values: Mapping[str, Any]) -> PushOptions:
    """Make the options of a push from `PUSH_OPTIONS` and `TARGET_OPTIONS`."""
    return PushOptions(
        builder=values["builder"] or "",
        login=values["login"] or "",
        jobs=values["jobs"],
        insecure=values["insecure"],
        profile=values["profile"],
        sandbox=project_folder(ctx) if values["sandbox"] else "",
    )


def push_images(ctx: click.Context, flags: Mapping[str, Any], options: PushOptions) -> Pushed:
    """Push, and print what happens: what `push` does, and `apply --push` first.

    Args:
        ctx: The command's context, for the compose and the output options.
        flags: Settings by name.
        options: How to push.
    """
    console = Console.of(ctx)
    # A person reads the findings before the builds; a program reads one document, at the end.
    held: list[Diagnostic] = []
    report = console.report if console.format == "text" else held.extend
    try:
        pushed = push(
            load_options(ctx), flags, options, stdin=standard_input(), tell=_Progress(console), report=report
        )
    except Compose2FargateError as error:
        error.diagnostics = (*held, *error.diagnostics)
        raise
    if held:
        console.report(held)
    _conclude(console, pushed, dry_run=options.dry_run)
    return pushed


class _Progress:
    """Prints what happens as it happens, a line each; several threads call it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._begun: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._console.say(self._line(event))

    def _line(self, event: Event) -> str:
        if event.what == "created":
            return f"created the repository {event.text}"
        if event.what == "building":
            self._begun[event.key] = monotonic()
        if event.what == "pushed":
            took = monotonic() - self._begun.get(event.key, monotonic())
            return f"{event.key}: pushed {event.text} ({took:.1f} s)"
        return (
            f"{event.key}: {event.text}"
            if event.what == "step"
            else f"{event.key}: {event.what} {event.text}"
        )


def _conclude(console: Console, pushed: Pushed, *, dry_run: bool) -> None:
    left = len(pushed.images) if dry_run else len(pushed.images) - len(pushed.built)
    if dry_run:
        for key in sorted(pushed.built):
            console.say(f"{key}: would be built and pushed")
        console.say(f"{len(pushed.built)} to build, {left} unchanged; nothing was done")
        return
    lock = os.path.relpath(pushed.lock_file)
    state = "written" if pushed.lock_changed else "as it was"
    console.say(f"{len(pushed.built)} built and pushed, {left} unchanged; {lock} {state}")


def _write_script(
    ctx: click.Context, services: tuple[str, ...], flags: dict[str, Any], values: dict[str, Any]
) -> None:
    """Print the shell script, or write the file of a CI system."""
    options = PushOptions(services=services, builder=values["builder"] or "docker")
    given = load_options(ctx)
    text, usual = script(given, flags, options, values["target"] or "", stdin=standard_input())
    file = values["output"] or os.path.join(given.cwd, usual)
    if values["show"] or file == "-":
        write(text)
        return
    put(text, file, force=values["force"])
    Console.of(ctx).say(f"written {os.path.relpath(file)}")
