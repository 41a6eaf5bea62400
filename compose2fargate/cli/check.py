"""`compose2fargate check`: fails when generated files and their compose files do not agree, and says why."""

from __future__ import annotations

from typing import Any, Final

import click

from compose2fargate import api
from compose2fargate.cli.console import standard_input, write
from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, chosen, format_option, load_options

FORMATS: Final = ("text", "json", "github", "sarif", "junit", "markdown")

_OPTIONS = (
    click.Argument(["folders"], nargs=-1, metavar="[DIR]..."),
    format_option("the report on stdout", *FORMATS),
    click.Option(["--diff/--no-diff"], default=True, help="Show the differences of the files, too (default)."),
    click.Option(["--fix"], is_flag=True, help="Write anew what is out of sync; 0 when everything is in sync then."),
    click.Option(["--force"], is_flag=True, help="With --fix, replace files that were edited by hand, too."),
    click.Option(["--live"], is_flag=True, help="Compare with what is registered in AWS, too; needs credentials."),
    click.Option(["--region"], metavar="REGION", help="With --live, the region (default: the recorded one)."),
    click.Option(["--aws-profile"], metavar="NAME", help="With --live, the profile of the AWS configuration."),
)  # fmt: skip


@click.command("check", params=[*_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def command(ctx: click.Context, /, folders: tuple[str, ...], format: str, **values: Any) -> None:  # noqa: A002 - the option's name
    """Compare generated files with their compose files.

    DIR is a folder that convert wrote, or one above such folders; without it, all of them in and below the current
    directory are checked. What is needed to generate them again stands in each folder's compose2fargate.json.
    Nothing is written, except with --fix.

    Exit code: 0 in sync, 1 out of sync, 2 when a folder cannot be checked or files of it are missing.
    """
    _refuse_compose_options(ctx)
    if values["force"] and not values["fix"]:
        raise click.UsageError("--force goes with --fix.")
    if (values["region"] or values["aws_profile"]) and not values["live"]:
        raise click.UsageError("--region and --aws-profile go with --live.")
    surroundings = load_options(ctx)
    options = api.CheckOptions(
        fix=values["fix"],
        force=values["force"],
        live=values["live"],
        region=values["region"] or "",
        profile=values["aws_profile"] or "",
    )
    states = [
        api.check(
            folder,
            options,
            environment=surroundings.environment,
            cwd=surroundings.cwd,
            stdin=standard_input(),
        )
        for folder in api.find_folders(folders, surroundings.cwd)
    ]
    status = max(state.status for state in states)
    from compose2fargate.report_check import FORMATS as RENDERERS

    write(RENDERERS[format](states, diffs=values["diff"], quiet=bool(chosen(ctx).get("quiet"))))
    ctx.exit(status)


def _refuse_compose_options(ctx: click.Context) -> None:
    given = [option for option in COMPOSE_OPTIONS if option.name in chosen(ctx)]
    if given:
        flag = given[0].opts[-1]
        raise click.UsageError(
            f"{flag} does not go with check: each folder's manifest says what it was made from. "
            f"Use it with convert."
        )
