"""Options of the commands that talk to AWS, and what they do before and after."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, Final

import click

from compose2fargate.cli.console import Console
from compose2fargate.cli.options import load_options, shared
from compose2fargate.cli.settings_options import settings_flags
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.report import RENDERERS

TARGET_OPTIONS: Final = (
    click.Option(["--aws-profile", "profile"], metavar="NAME", default="", help="Profile of the AWS configuration."),
    click.Option(["--sandbox"], is_flag=True, help="Use a fake AWS on this machine: no account, nothing runs."),
    shared(
        "diagnostics", "--diagnostics", type=click.Choice(list(RENDERERS)), default="text",
        help="Format of the diagnostics on stderr (default: text).",
    ),
)  # fmt: skip
"""Which AWS is meant."""

CHOICE_OPTIONS: Final = (
    click.Option(["--adopt"], is_flag=True, help="Take over resources of the same name that were not made for this stack."),
    click.Option(["--prune"], is_flag=True, help="Delete what was made for this stack and left the compose file."),
    click.Option(["--rerun"], multiple=True, metavar="JOB", help="Run a job again though nothing changed; repeatable."),
    click.Option(["--volumes"], is_flag=True, help="With --prune: delete file systems too, with all that is on them."),
    click.Option(["--images"], is_flag=True, help="With --prune: delete image repositories too, with their images."),
)  # fmt: skip
"""What a plan may do."""

YES_OPTION: Final = click.Option(
    ["-y", "--yes"], is_flag=True, help="Do not ask; needed where there is no terminal."
)

EXECUTION_OPTIONS: Final = (
    YES_OPTION,
    click.Option(["--wait/--no-wait"], default=True, help="Wait until services are steady (default)."),
    click.Option(["--timeout"], type=click.FloatRange(1), default=1200.0, metavar="SECONDS", help="Time for each service or job (1200)."),
    click.Option(["--keep-revisions"], type=click.IntRange(1), metavar="N", help="Keep the newest N revisions only."),
    click.Option(["--verify-first/--no-verify-first"], default=True, help="Check what the stack needs first (default)."),
)  # fmt: skip
"""How a plan is carried out."""

BANNER: Final = "SANDBOX: a fake AWS on this machine. No account is touched, nothing runs, nothing costs."


def target_of(ctx: click.Context, values: dict[str, Any]) -> Any:
    """Make the target from the options, and say so when it is the sandbox."""
    from compose2fargate.deploying import Target

    sandbox = project_folder(ctx) if values["sandbox"] else ""
    if sandbox:
        Console.of(ctx).say(BANNER)
    return Target(region=values.get("region") or "", profile=values["profile"], sandbox=sandbox)


def project_folder(ctx: click.Context) -> str:
    """Give the folder that a sandbox belongs to: the project's, as far as the options say."""
    options = load_options(ctx)
    first = next((os.path.dirname(name) for name in options.files if name != "-"), "")
    return os.path.realpath(os.path.join(options.cwd, options.project_directory or first))


def flags_of(values: dict[str, Any]) -> dict[str, Any]:
    """Pick the settings out of a command's parameters."""
    return settings_flags(values)


def choices_of(values: dict[str, Any]) -> Any:
    """Make the choices from the options."""
    from compose2fargate.deploying import Choices

    names = ("adopt", "prune", "rerun", "volumes", "images")
    return Choices(**{name: values[name] for name in names if name in values})


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal; where there is none, only `--yes` is an answer.

    Raises:
        UsageError: There is nobody to ask.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            Diagnostic(
                "C2F417",
                Severity.ERROR,
                "there is no terminal to ask on, so nothing was changed",
                hint="--yes",
            )
        )
    return click.confirm(question, err=True)


def painted(console: Console) -> Any:
    """Give the function that colours lines of a plan."""
    colors = {
        "create": "green",
        "update": "yellow",
        "replace": "magenta",
        "delete": "red",
        "run": "cyan",
        "foreign": "red",
    }

    def paint(text: str, kind: str) -> str:
        return click.style(text, fg=colors.get(kind)) if console.color else text

    return paint


def worth_saying(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Leave out what is only good to know: whoever deploys again and again has read it, and `convert` says it."""
    return [one for one in diagnostics if one.severity is not Severity.INFO]
