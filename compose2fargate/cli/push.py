"""`compose2fargate push`: builds the project's images and pushes them, or writes down how that is done."""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Annotated, Any, Final

import click
import typer

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services as complete_services
from compose2fargate.cli.console import Console, standard_input, write_exact
from compose2fargate.cli.deploy_options import TARGET_OPTIONS, sandbox_folder
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    chosen,
    chosen_settings,
    load_options,
    shared,
)
from compose2fargate.cli.settings_options import OF_THE_STACK, settings_options
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic
from compose2fargate.images.builders import NAMES
from compose2fargate.images.push_images import PushEvent
from compose2fargate.settings import Panel
from compose2fargate.workflows.pushing import (
    DEFAULT_JOBS,
    Pushed,
    PushOptions,
    push,
    push_script,
    write_user_file,
)

_SCRIPTS: Final = ("codebuild", "github")

PUSH_OPTIONS: Final = (
    shared(
        "builder", "--builder", panel=Panel.IMAGES, type=click.Choice(NAMES),
        help="Who builds images (default: the first that is installed).",
    ),
    shared(
        "jobs", "--jobs", panel=Panel.IMAGES, type=click.IntRange(1), metavar="N",
        help=f"Images built at a time (default: {DEFAULT_JOBS}).",
    ),
    shared(
        "login", "--login", panel=Panel.IMAGES, type=click.Choice(["ecr", "none"]),
        help="Log in to ECR, or not (default: ecr, unless --registry says).",
    ),
    shared(
        "insecure", "--insecure-registry", panel=Panel.IMAGES, is_flag=True,
        help="Allow a registry without TLS; for one on your own machine.",
    ),
)  # fmt: skip
"""How images are built and pushed, here and with `apply --push`."""


@make_command(
    "push",
    *PUSH_OPTIONS,
    *TARGET_OPTIONS,
    *settings_options(
        OF_THE_STACK - {"cluster", "allow"} | {"registry", "tag", "lock", "shared_images", "architecture"}
    ),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate push",
        "compose2fargate push --dry-run             # needs no builder and no AWS",
        "compose2fargate push -t github             # a workflow that does it",
        "compose2fargate push --print > push.sh     # plain commands",
    ),
)
def command(
    ctx: typer.Context,
    *,
    services: Annotated[list[str] | None, argument("[SERVICE]...", "Services whose images are meant.",
        autocompletion=complete_services)] = None,
    rebuild: Annotated[bool, option("--rebuild", panel=Panel.IMAGES, help="Build and push everything, changed or not.")] = False,
    dry_run: Annotated[bool, option("--dry-run", panel=Panel.OUTPUT,
        help="Only show what would be built; needs no builder, registry or AWS.")] = False,
    show: Annotated[bool, option("--print", panel=Panel.OUTPUT,
        help="Print a shell script that does the same with plain commands.")] = False,
    target: Annotated[str | None, option("-t", "--target", panel=Panel.OUTPUT, click_type=click.Choice(_SCRIPTS),
        help="Write a CodeBuild buildspec, or a GitHub workflow with OIDC.")] = None,
    output: Annotated[str, option("-o", "--output", panel=Panel.OUTPUT, metavar="FILE",
        help="Where --target writes (default: the file that it is looked for in); - prints.")] = "",
    force: Annotated[bool, option("--force", panel=Panel.OUTPUT, help="Replace the file that --target writes.")] = False,
) -> None:  # fmt: skip
    """Build images and push them to ECR.

    Meant are the images of SERVICE..., or of all services with `build:`. Missing repositories are created, images
    that have not changed are left alone, and the digests of what was pushed go to the lock file, which convert, check
    and apply read.
    """
    flags, names = chosen_settings(ctx), tuple(services or ())
    if not (show or target):
        options = push_options(ctx)._replace(services=names, rebuild=rebuild, dry_run=dry_run)
        push_images(ctx, flags, options)
        return
    given = load_options(ctx)
    script = PushOptions(services=names, builder=chosen(ctx).get("builder") or "docker")
    text, usual = push_script(given, flags, script, target or "", stdin=standard_input())
    if show or output == "-":
        write_exact(text)
        return
    file = output or os.path.join(given.cwd, usual)
    write_user_file(text, file, force=force, inside="" if output else given.cwd)
    Console.of(ctx).say(f"written {os.path.relpath(file)}")


def push_options(ctx: click.Context) -> PushOptions:
    """Make the options of a push from `PUSH_OPTIONS` and `TARGET_OPTIONS`."""
    given = chosen(ctx)
    return PushOptions(
        builder=given.get("builder", ""),
        login=given.get("login", ""),
        jobs=given.get("jobs", DEFAULT_JOBS),
        insecure=given.get("insecure", False),
        profile=given.get("profile", ""),
        sandbox=sandbox_folder(ctx),
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

    def __call__(self, event: PushEvent) -> None:
        with self._lock:
            self._console.say(self._line(event))

    def _line(self, event: PushEvent) -> str:
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
