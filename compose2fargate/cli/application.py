"""The `compose2fargate` command: finds the subcommand, and ends it with the exit code of what it raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Final

import click
import typer

from compose2fargate import __version__
from compose2fargate.cli.commands import Command, CommandGroup, command_group, option
from compose2fargate.cli.completion import SHELL_OPTIONS
from compose2fargate.cli.console import Console, write
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
from compose2fargate.settings import Panel
from compose2fargate.text.nearest import nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

TRANSLATE: Final = "Translate"
DEPLOY: Final = "Deploy"
OPERATE: Final = "Operate"
TRY: Final = "Try out"

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "config": ("compose2fargate.cli.config:command", "Print the canonical compose model.", TRANSLATE),
    "convert": (
        "compose2fargate.cli.convert:command",
        "Translate a compose project and write the files.",
        TRANSLATE,
    ),
    "check": (
        "compose2fargate.cli.check:command",
        "Compare generated files with their compose files.",
        TRANSLATE,
    ),
    "explain": (
        "compose2fargate.cli.explain:command",
        "Say what a project becomes: what to decide, what is lost, risks and cost, then each key.",
        TRANSLATE,
    ),
    "push": ("compose2fargate.cli.push:command", "Build images and push them to ECR.", DEPLOY),
    "plan": ("compose2fargate.cli.plan:command", "Show what apply would create, change and delete.", DEPLOY),
    "apply": (
        "compose2fargate.cli.apply:command",
        "Deploy the stack to AWS: plan, ask, create and change, wait.",
        DEPLOY,
    ),
    "destroy": (
        "compose2fargate.cli.destroy:command",
        "Delete everything that was created for the stack, in whatever state it is.",
        DEPLOY,
    ),
    "rehearse": (
        "compose2fargate.cli.rehearse:command",
        "Run the tasks on this machine by Fargate's rules, and report what would fail there.",
        TRY,
    ),
    "run": (
        "compose2fargate.cli.run:command",
        "Run a job, or a service's task with another command, and wait until it ends.",
        OPERATE,
    ),
    "secrets": (
        "compose2fargate.cli.secrets:command",
        "Show which secrets the stack reads, and whether they exist.",
        DEPLOY,
    ),
    "permissions": (
        "compose2fargate.cli.permissions:command",
        "Print the least IAM policy that deploying the stack needs.",
        DEPLOY,
    ),
    "exec": (
        "compose2fargate.cli.exec:command",
        "Run a command in a running container, on this terminal.",
        OPERATE,
    ),
    "rollback": (
        "compose2fargate.cli.rollback:command",
        "Deploy an earlier revision of a service again, and wait until it is steady.",
        OPERATE,
    ),
    "status": (
        "compose2fargate.cli.status:command",
        "Show the state of services, jobs and schedules.",
        OPERATE,
    ),
    "logs": (
        "compose2fargate.cli.logs:command",
        "Show the logs of services and jobs, interleaved by time.",
        OPERATE,
    ),
    "sandbox": (
        "compose2fargate.cli.sandbox:command",
        "Show the fake AWS that --sandbox uses, or end it.",
        TRY,
    ),
    "targets": ("compose2fargate.cli.targets:command", "List the output formats.", TRANSLATE),
}
"""Each command's object, which is imported when the command runs; its line in the help, and the panel of that."""


_MEANT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("deploy", "up", "create", "start"), "apply"),
    **dict.fromkeys(("down", "delete", "remove", "rm", "teardown", "undeploy"), "destroy"),
    **dict.fromkeys(("ps", "ls", "list", "events"), "status"),
    **dict.fromkeys(("init", "generate", "compile", "translate", "synth"), "convert"),
    **dict.fromkeys(("ssh", "shell"), "exec"),
    "build": "push",
    "diff": "plan",
    "validate": "check",
    "undo": "rollback",
    "tail": "logs",
    "version": "--version",
}
"""What other tools call a command, to what it is called here."""
_NEVER_GUESSED: Final = frozenset({"destroy"})


class Application(CommandGroup):
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
        if rest[:1] == ["help"]:  # as git has it: `help`, `help convert`
            rest = [*rest[1:], "--help"]
        return super().parse_args(ctx, [*options, *rest])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with, or fail with the one that may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            guessed = [known for known in COMMANDS if known not in _NEVER_GUESSED]
            near = _MEANT.get(name) or nearest(name, guessed)
            ctx.fail(f"No such command '{name}'." + (f" Did you mean '{near}'?" if near else ""))
        found, command, rest = super().resolve_command(ctx, args)
        if command is None:
            return found, command, rest
        _refuse_model_switches(ctx, name)
        return found, command, _respelled(ctx, command, rest)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the help from the table, importing no command."""
        self._listed().format_help(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands' names from the table, and options."""
        return self._listed().shell_complete(ctx, incomplete)

    def _listed(self) -> CommandGroup:
        """Give the group as it is listed: its commands have names and lines, and do nothing."""
        commands = [
            Command(name, help=line, rich_help_panel=panel) for name, (_, line, panel) in COMMANDS.items()
        ]
        return CommandGroup(
            name=self.name,
            commands=commands,
            params=self.params,
            help=self.help,
            epilog=self.epilog,
            context_settings=self.context_settings,
        )

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


def _version(ctx: typer.Context, *, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        write(f"compose2fargate {__version__}\n")
        ctx.exit()


@command_group(
    "compose2fargate",
    *COMPOSE_OPTIONS,
    *engine_options(hidden=True),
    *OUTPUT_OPTIONS,
    *SHELL_OPTIONS,
    kind=Application,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options that say which compose project is meant may also follow the command.",
    examples=(
        "compose2fargate convert                 # JSON and commands.sh",
        "compose2fargate convert -t terraform    # a Terraform module",
        "compose2fargate apply                   # plan, ask, deploy, wait",
        "compose2fargate --install-completion    # once, for this shell",
    ),
)
def application(
    *,
    version: Annotated[bool, option("--version", panel=Panel.DISPLAY, help="Show the version.", is_eager=True, callback=_version)] = False,
) -> None:  # fmt: skip
    """Compile docker-compose files to AWS ECS on Fargate."""
