"""Options of the commands that talk to AWS, and what they do before and after."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import click
from typer.core import TyperOption

from compose2fargate.cli.completion import services
from compose2fargate.cli.console import Console, complain, standard_input
from compose2fargate.cli.options import chosen, chosen_settings, load_options, shared
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.settings import Panel
from compose2fargate.text.escaping import inert, paint

DIAGNOSTIC_FORMATS: Final = ("text", "json")
"""The keys of `diagnostics.text_report.RENDERERS`, which is imported where there is something to say."""

DIAGNOSTICS_OPTION: Final = shared(
    "diagnostics", "--diagnostics", panel=Panel.DISPLAY, type=click.Choice(DIAGNOSTIC_FORMATS), default="text",
    help="Format of the diagnostics on stderr (default: text).",
)  # fmt: skip


def _deployment(name: str, *flags: str, **attributes: Any) -> TyperOption:
    return shared(name, *flags, panel=Panel.DEPLOYMENT, **attributes)


TARGET_OPTIONS: Final = (
    _deployment("profile", "--aws-profile", metavar="NAME", help="Profile of the AWS configuration."),
    _deployment("sandbox", "--sandbox", is_flag=True, help="Use a fake AWS on this machine: no account, nothing runs."),
    DIAGNOSTICS_OPTION,
)  # fmt: skip
"""Which AWS is meant."""

CHOICE_OPTIONS: Final = (
    _deployment("adopt", "--adopt", is_flag=True, help="Take over resources of the same name that were not created for this stack."),
    _deployment("prune", "--prune", is_flag=True, help="Delete what was created for this stack and is no longer in the compose file."),
    _deployment("rerun", "--rerun", multiple=True, metavar="JOB", autocompletion=services,
                help="Run a job again though nothing changed; repeatable."),
    _deployment("volumes", "--volumes", is_flag=True, help="With --prune: delete file systems too, with all that is on them."),
    _deployment("images", "--images", is_flag=True, help="With --prune: delete image repositories too, with their images."),
    _deployment("stores", "--stores", is_flag=True, help="With --prune: delete databases and caches too, after a last snapshot."),
)  # fmt: skip
"""What a plan may do."""

YES_OPTION: Final = _deployment(
    "yes", "-y", "--yes", is_flag=True, help="Do not ask; needed where there is no terminal."
)

EXECUTION_OPTIONS: Final = (
    YES_OPTION,
    _deployment("wait", "--wait/--no-wait", default=True, help="Wait until services are steady (default)."),
    _deployment("timeout", "--timeout", type=click.FloatRange(1), metavar="SECONDS", help="Time for each service or job (1200)."),
    _deployment("keep_revisions", "--keep-revisions", type=click.IntRange(1), metavar="N", help="Keep the newest N revisions only."),
    _deployment("verify_first", "--verify-first/--no-verify-first", default=True, help="Check what the stack needs first (default)."),
)  # fmt: skip
"""How a plan is carried out."""

BANNER: Final = "SANDBOX: a fake AWS on this machine. No account is touched, nothing runs, nothing costs."


def target_of(ctx: click.Context) -> Any:
    """Make the target from the options, and say so when it is the sandbox."""
    from compose2fargate.workflows.deploying import DeploymentTarget

    sandbox = sandbox_folder(ctx)
    if sandbox:
        Console.of(ctx).say(BANNER)
    return DeploymentTarget(profile=chosen(ctx).get("profile", ""), sandbox=sandbox)


def sandbox_folder(ctx: click.Context) -> str:
    """Give the folder whose sandbox is meant; "" where AWS itself is."""
    return project_folder(ctx) if chosen(ctx).get("sandbox") else ""


def project_folder(ctx: click.Context) -> str:
    """Give the folder that a sandbox belongs to: the project's, as far as the options say."""
    options = load_options(ctx)
    first = next((os.path.dirname(name) for name in options.files if name != "-"), "")
    return os.path.realpath(os.path.join(options.cwd, options.project_directory or first))


def prepare(ctx: click.Context, *, strict: bool = True) -> Any:
    """Read and translate the project, and find the account, as the options say; see `prepare_deployment`."""
    from compose2fargate.workflows.deploying import prepare_deployment

    return prepare_deployment(
        load_options(ctx), chosen_settings(ctx), target_of(ctx), stdin=standard_input(), strict=strict
    )


def choices_of(ctx: click.Context) -> Any:
    """Make what a plan may do from `CHOICE_OPTIONS`."""
    from compose2fargate.workflows.deploying import PlanOptions

    names = ("adopt", "prune", "rerun", "volumes", "images", "stores")
    return PlanOptions(**{name: value for name, value in chosen(ctx).items() if name in names})


def execution_of(ctx: click.Context) -> Any:
    """Make how a plan is carried out from `EXECUTION_OPTIONS`."""
    from compose2fargate.workflows.deploying import ExecutionOptions

    names = ("adopt", "wait", "timeout", "keep_revisions")
    return ExecutionOptions(**{name: value for name, value in chosen(ctx).items() if name in names})


def confirm(ctx: click.Context, question: str) -> bool:
    """Ask on a terminal; where there is none, only `--yes` is an answer.

    Raises:
        UsageError: There is nobody to ask.
    """
    return _has_agreed(ctx) or _asked(lambda: click.confirm(inert(question), err=True))


def confirm_by_name(ctx: click.Context, name: str) -> bool:
    """Ask for a name to be typed before something goes for good; as `confirm` otherwise.

    Raises:
        UsageError: There is nobody to ask.
    """
    if _has_agreed(ctx):
        return True
    question = inert(f"Type {name} to delete all of this")
    typed = _asked(lambda: click.prompt(question, err=True, default="", show_default=False))
    return str(typed).strip() == name


def _has_agreed(ctx: click.Context) -> bool:
    if chosen(ctx).get("yes"):
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
    return False


def _asked(ask: Callable[[], Any]) -> Any:
    """Ask; Ctrl-C and Ctrl-D are an answer too: the line is ended, and nothing is done."""
    try:
        return ask()
    except (click.Abort, KeyboardInterrupt):  # an interrupt while the question is written is none of click's
        complain("\n")
        return False


ALL_OPTION: Final = shared(
    "every_resource", "--all", panel=Panel.OUTPUT, is_flag=True, help="Name each resource, where many are counted."
)  # fmt: skip
"""Which plan is shown before a question."""


def show_plan(
    ctx: click.Context, planned: Any, title: str = "", *, counted: tuple[str, ...] = ("create",)
) -> None:
    """Print a plan as somebody needs it who decides: what is changed in full, of kinds that are `counted` how many.

    With `--quiet` it is printed only where a question about it follows.
    """
    from compose2fargate.workflows.deploying import plan_as_text

    console = Console.of(ctx)
    if chosen(ctx).get("every_resource"):
        counted = ()
    names_all = "`plan`" if ctx.info_name == "convert" else "--all"
    text = plan_as_text(planned, counted=counted, names_all=names_all, paint=painted(console))
    shown = f"{title}\n{text}" if title else text
    if console.quiet and planned.pending and not chosen(ctx).get("yes") and sys.stderr.isatty():
        complain(shown)
    else:
        console.say(shown.rstrip("\n"))


def painted(console: Console) -> Any:
    """Give the function that colours lines of a plan."""
    return lambda text, kind: paint(COLORS[kind], text) if console.color and kind in COLORS else text


COLORS: Final = {
    "create": "32",
    "update": "33",
    "replace": "35",
    "delete": "31",
    "run": "36",
    "foreign": "31",
    "refused": "31",
}
"""The ANSI colours of what a plan does."""


def worth_saying(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Leave out what is only good to know, where a report is made of several."""
    return [one for one in diagnostics if one.severity is not Severity.INFO]


def report_news(ctx: click.Context, prepared: Any) -> None:
    """Print what was found in the project, without what the last run in its folder said and nobody changed."""
    console = Console.of(ctx)
    found = prepared.diagnostics
    if console.format != "text" or console.quiet or console.notes:
        console.report(found)
        return
    from compose2fargate.diagnostics.grouping_diagnostics import group_diagnostics
    from compose2fargate.workflows.told import Told

    told = Told(prepared.translated)
    news = [one for one in found if told.is_new(one) or one.severity is Severity.ERROR]
    console.report(news)
    before = [one for one in found if one.severity is Severity.WARNING and not told.is_new(one)]
    if known := len(group_diagnostics(before)):
        console.say(f"{known} warning{'s' * (known != 1)} as before (--notes)")
    told.remember(found)
