"""The `compose2fargate` command: finds the subcommand, and ends it with the exit code of what it raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

import click

from compose2fargate import __version__
from compose2fargate.cli.console import Console
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    MODEL_SWITCHES,
    OUTPUT_OPTIONS,
    chosen,
    engine_options,
    take_back,
)
from compose2fargate.cli.spelling import as_click
from compose2fargate.diagnostics import Compose2FargateError

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "config": ("compose2fargate.cli.config:command", "Print the canonical compose model."),
    "convert": ("compose2fargate.cli.convert:command", "Translate a compose project and write the files."),
    "check": ("compose2fargate.cli.check:command", "Compare generated files with their compose files."),
    "explain": ("compose2fargate.cli.explain:command", "Say what becomes of each key of a compose file."),
    "push": ("compose2fargate.cli.push:command", "Build images and push them to ECR."),
    "plan": ("compose2fargate.cli.plan:command", "Say what apply would create, change and delete."),
    "apply": (
        "compose2fargate.cli.apply:command",
        "Bring the stack to AWS: plan, ask, create and change, wait.",
    ),
    "destroy": (
        "compose2fargate.cli.destroy:command",
        "Delete everything that was made for the stack, in whatever state it is.",
    ),
    "run": (
        "compose2fargate.cli.run:command",
        "Run a job, or a service's task with another command, and wait for its end.",
    ),
    "secrets": (
        "compose2fargate.cli.secrets:command",
        "Show which secrets the stack reads, and whether they exist.",
    ),
    "permissions": (
        "compose2fargate.cli.permissions:command",
        "Print the least IAM policy that deploying the stack needs.",
    ),
    "exec": (
        "compose2fargate.cli.exec:command",
        "Execute a command in a running container, on this terminal.",
    ),
    "rollback": (
        "compose2fargate.cli.rollback:command",
        "Let an earlier revision of a service serve again, and wait until it does.",
    ),
    "status": ("compose2fargate.cli.status:command", "Show how services, jobs and schedules are."),
    "logs": (
        "compose2fargate.cli.logs:command",
        "Show what services and jobs write, interleaved by time.",
    ),
    "sandbox": (
        "compose2fargate.cli.sandbox:command",
        "Look at the fake AWS that --sandbox uses, or end it.",
    ),
    "targets": ("compose2fargate.cli.targets:command", "List the output formats."),
}
"""Each command's object, which is imported when the command runs, and its line in the help."""


class Application(click.Group):
    """A group whose commands are imported when they are called: starting must not cost what is not used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import the command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the command's name, in Docker Compose's spelling too."""
        options, rest, _ = as_click(self.get_params(ctx), args, interspersed=False)
        return super().parse_args(ctx, [*options, *rest])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with, or fail with the one that may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"No such command '{name}'." + (f" Did you mean '{near[0]}'?" if near else ""))
        found, command, rest = super().resolve_command(ctx, args)
        if command is None:
            return found, command, rest
        _refuse_model_switches(ctx, name)
        return found, command, _respelled(ctx, command, rest)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the commands' lines of the help from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; an error of ours is printed and becomes its exit code."""
        try:
            super().invoke(ctx)
        except Compose2FargateError as error:
            Console.of(ctx).report(error.diagnostics)
            ctx.exit(error.exit_code)


def _respelled(ctx: click.Context, command: click.Command, args: Sequence[str]) -> list[str]:
    """Give a command's arguments in click's spelling, those of its own subcommand included."""
    interspersed = command.context_settings.get("allow_interspersed_args", command.allow_interspersed_args)
    options, rest, off = as_click(command.get_params(ctx), args, interspersed=interspersed)
    take_back(ctx, command, off)
    at = int(rest[:1] == ["--"])
    below = command.get_command(ctx, rest[at]) if isinstance(command, click.Group) and rest[at:] else None
    if below is None:
        return [*options, *rest]
    return [*options, *rest[: at + 1], *_respelled(ctx, below, rest[at + 1 :])]


def _refuse_model_switches(ctx: click.Context, command: str) -> None:
    """Refuse options that would be lost: other commands than `config` have no dry run of this name, nor that other model."""
    flags = [flag for name, (flag, _) in MODEL_SWITCHES.items() if name in chosen(ctx)]
    if flags and command != "config":
        instead = " (plan says what apply would do)" if command == "apply" else ""
        ctx.fail(f"{flags[0]} stands before config only, and {command} does not have it there{instead}.")


application = Application(
    name="compose2fargate",
    params=[*COMPOSE_OPTIONS, *engine_options(hidden=True), *OUTPUT_OPTIONS],
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compile docker-compose files to AWS ECS on Fargate.",
    epilog="Options that say which compose project is meant may also follow the command.",
)
click.version_option(__version__, prog_name="compose2fargate", message="%(prog)s %(version)s")(application)
