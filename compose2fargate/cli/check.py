"""`compose2fargate check`: fails when generated files and their compose files do not agree, and says why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import click
import typer
from click.core import ParameterSource

from compose2fargate import api
from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import regions
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, chosen, format_option, load_options
from compose2fargate.cli.verdicts import judge, say_verdict
from compose2fargate.settings import Panel

if TYPE_CHECKING:
    from compose2fargate.sync.check_result import FolderState
    from compose2fargate.workflows.verdict import Verdict

FORMATS: Final = ("text", "json", "github", "sarif", "junit", "markdown")


@make_command(
    "check",
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate check                      # every folder below this one",
        "compose2fargate check fargate/json --fix",
        "compose2fargate check --format github      # for a workflow",
        "compose2fargate check --live               # AWS, too",
    ),
)
def command(
    ctx: typer.Context,
    *,
    folders: Annotated[list[str] | None, argument("[DIR]...", "Folders that convert wrote, or above such folders.")] = None,
    format: Annotated[str, format_option("the report on stdout", *FORMATS)] = FORMATS[0],
    diff: Annotated[bool, option("--diff/--no-diff", panel=Panel.OUTPUT,
        help="Show the differences of the files, too (default, but with --quiet).")] = True,
    fix: Annotated[bool, option("--fix", panel=Panel.OUTPUT,
        help="Rewrite what is out of sync; exit with 0 when everything is in sync then.")] = False,
    force: Annotated[bool, option("--force", panel=Panel.OUTPUT, help="With --fix, replace files that were edited by hand, too.")] = False,
    live: Annotated[bool, option("--live", panel=Panel.DEPLOYMENT,
        help="Compare with what is registered in AWS, too; needs credentials.")] = False,
    region: Annotated[str, option("--region", panel=Panel.DEPLOYMENT, metavar="REGION",
        help="With --live, the region (default: the recorded one).", autocompletion=regions)] = "",
    aws_profile: Annotated[str, option("--aws-profile", panel=Panel.DEPLOYMENT, metavar="NAME",
        help="With --live, the profile of the AWS configuration.")] = "",
) -> None:  # fmt: skip
    """Compare generated files with their compose files.

    DIR is a folder that convert wrote, or one above such folders; without it, all of them in and below the current
    directory are checked. What is needed to generate them again stands in each folder's compose2fargate.json.
    Nothing is written, except with --fix.

    Exit code: 0 in sync, 1 out of sync (a file that is missing, too), 2 when a folder cannot be judged.
    """
    _refuse_compose_options(ctx)
    if force and not fix:
        raise click.UsageError("--force requires --fix.")
    if (region or aws_profile) and not live:
        raise click.UsageError("--region and --aws-profile require --live.")
    options = api.CheckOptions(fix=fix, force=force, live=live, region=region, profile=aws_profile)
    states = _states(ctx, tuple(folders or ()), options)
    status = max(state.status for state in states)
    from compose2fargate.diagnostics.check_report import FORMATS as RENDERERS

    quiet = bool(chosen(ctx).get("quiet"))
    verdicts = {} if quiet else {s.folder: _verdict(ctx, s) for s in states if s.made_from is not None}
    if format == "json":
        from compose2fargate.workflows.verdict import verdict_as_json

        judged = {folder: verdict_as_json(verdict) for folder, verdict in verdicts.items()}
        states = [state._replace(verdict=judged.get(state.folder, {})) for state in states]
    # A report for people and for logs shows no diff with --quiet, unless somebody asks for both.
    by_default = ctx.get_parameter_source("diff") is ParameterSource.DEFAULT
    hushed = quiet and by_default and format in ("text", "github")
    write(RENDERERS[format](states, diffs=diff and not hushed, quiet=quiet))
    if format == FORMATS[0]:
        _say(ctx, states, verdicts)
    ctx.exit(status)


def _say(ctx: click.Context, states: Sequence[FolderState], verdicts: Mapping[str, Verdict]) -> None:
    """Print the verdict of a folder, or one verdict of several."""
    console = Console.of(ctx)
    if console.quiet:
        return
    if len(states) == 1:
        for verdict in verdicts.values():  # of what cannot be judged, the report says all there is
            say_verdict(console, verdict)
        return
    from compose2fargate.workflows.verdict import SUBJECT, JudgedFolder, folders_as_text

    judged = [JudgedFolder(s.folder, _state_of(s), verdicts.get(s.folder)) for s in states]
    stale = [s for s in states if not _is_good(s) and not s.problems]
    force = any(s.replaces_edits for s in stale)
    fix = _fix([s.folder for s in stale], force=force) if stale else ""
    steps = (step.command for verdict in verdicts.values() for step in verdict.then)
    console.say(folders_as_text(judged, fix), hang=SUBJECT, whole=(fix, *steps))


def _is_good(state: FolderState) -> bool:
    return (state.fixed or not state.different) and not state.problems


def _state_of(state: FolderState) -> str:
    if state.problems:
        return "differs" if state.live and state.made_from is not None else "unjudged"
    return "in sync" if _is_good(state) else "changed"


def _fix(folders: Sequence[str], *, force: bool) -> str:
    return f"compose2fargate check --fix {shlex.join(folders)}{' --force' if force else ''}"


def _verdict(ctx: click.Context, state: FolderState) -> Verdict:
    """Judge the stack of a folder: what is there to do next is to write its files anew, or to deploy them."""
    import os

    from compose2fargate.workflows.kept_options import recorded_options
    from compose2fargate.workflows.verdict import TEMPLATE, deploy_command

    translated: Any = state.made_from
    fix, good = _fix([state.folder], force=state.replaces_edits), _is_good(state)
    template = os.path.join(state.folder, TEMPLATE)
    size = os.path.getsize(template) if os.path.isfile(template) else 0
    then = deploy_command(state.target, state.folder, translated, size) if good else fix
    options = recorded_options(state.recorded, state.folder, os.getcwd()) if state.recorded else ""
    found = (*translated.diagnostics, *state.problems)
    return judge(ctx, translated, found, [(then, "")] if then else [], options=options)


def _states(ctx: click.Context, folders: tuple[str, ...], options: api.CheckOptions) -> list[FolderState]:
    around = load_options(ctx)
    return [
        api.check(folder, options, environment=around.environment, cwd=around.cwd, stdin=standard_input())
        for folder in api.find_folders(folders, around.cwd)
    ]


def _refuse_compose_options(ctx: click.Context) -> None:
    given = [option for option in COMPOSE_OPTIONS if option.name in chosen(ctx)]
    if given:
        flag = given[0].opts[-1]
        raise click.UsageError(
            f"{flag} cannot be used with check: each folder's manifest records what it was made from. "
            f"Use it with convert."
        )
