"""`compose2fargate convert`: translates a compose project and writes the files of one target."""

from __future__ import annotations

import json
import os.path
import shlex
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import click
import typer
from click.core import ParameterSource

from compose2fargate import api
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.commands import option
from compose2fargate.cli.completion import targets
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import CHOICE_OPTIONS, EXECUTION_OPTIONS, TARGET_OPTIONS, target_of
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    as_chosen,
    choose,
    chosen,
    chosen_settings,
    format_option,
    load_options,
)
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic
from compose2fargate.mapping.names import ecs_name
from compose2fargate.settings import Panel

if TYPE_CHECKING:
    from compose2fargate.workflows.verdict import Verdict

FINDINGS = 1


@make_command(
    "convert",
    *settings_options(),
    *COMPOSE_OPTIONS,
    *TARGET_OPTIONS,
    *CHOICE_OPTIONS,
    *EXECUTION_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate convert                              # JSON, commands.sh",
        "compose2fargate convert -t terraform -o infra",
        "compose2fargate convert -t cloudformation -o -       # to stdout",
        "compose2fargate convert --subnet subnet-1 --subnet subnet-2",
        "compose2fargate convert --strict --allow C2F249      # for CI",
    ),
)
def command(
    ctx: typer.Context,
    *,
    target: Annotated[str, option("-t", "--target", panel=Panel.OUTPUT, metavar="NAME",
        help="Output format; see `targets` (default: json).", autocompletion=targets)] = "json",
    output: Annotated[str, option("-o", "--output", panel=Panel.OUTPUT, metavar="DIR",
        help="Folder to write (default: fargate/TARGET, or fargate/TARGET/ENVIRONMENT); - prints one JSON document.")] = "",
    format: Annotated[str, format_option("what was done and of the verdict, on stdout")] = "text",
    forget: Annotated[bool, option("--forget", panel=Panel.OUTPUT, help="Do not keep the options of the last run in this folder.")] = False,
    force: Annotated[bool, option("--force", panel=Panel.OUTPUT, help="Replace files that were edited or come from elsewhere.")] = False,
    strict: Annotated[bool, option("--strict", panel=Panel.OUTPUT,
        help="Write nothing, and exit with 1, when anything is approximated or lost.")] = False,
    apply: Annotated[bool, option("--apply", panel=Panel.DEPLOYMENT,
        help="Then deploy the stack, as `apply` does; --yes, --sandbox and its other options too.")] = False,
) -> None:  # fmt: skip
    """Translate a compose project and write the files.

    Diagnostics go to stderr, and a verdict: what is public, what will not work, what comes first. What you set here
    wins over COMPOSE2FARGATE_* variables, and those over x-fargate in the compose file.
    """
    options, flags, stdin = load_options(ctx), chosen_settings(ctx), standard_input()
    folder = output or _default_folder(target, flags, options.environment)
    console = Console.of(ctx)
    if not forget and os.path.lexists(os.path.join(options.cwd, folder, api.MANIFEST)):
        options, flags = _with_kept(ctx, options, flags, folder, inside="" if output else options.cwd)
    if apply and "-" in options.files:
        stdin = StringIO(stdin.read())  # it is read once more to deploy
    as_json = format == "json" and folder != "-"
    try:
        at = "." if folder == "-" else folder
        conversion = api.convert(options, flags, target=target, folder=at, stdin=stdin)
        console.report(conversion.diagnostics)
        if not (strict and conversion.losses):
            _write(conversion.artifacts, folder, force=force, inside="" if output else options.cwd)
    except Compose2FargateError as error:
        console.report(error.diagnostics)
        _end_blocked(ctx, error.diagnostics, folder, error.exit_code, as_json=as_json)
    if strict and conversion.losses:
        console.say(
            f"--strict: {', '.join(conversion.losses)}; nothing is written (--allow CODE agrees to one)"
        )
        lost = [one for one in conversion.diagnostics if one.code in conversion.losses]
        _end_blocked(ctx, lost, folder, FINDINGS, as_json=as_json)
    _remember(console, conversion, folder)
    if not apply:
        _conclude(ctx, conversion, target, folder, as_json=as_json)
        return
    if isinstance(stdin, StringIO):
        stdin.seek(0)
    _deploy(ctx, options, flags, stdin)


def _default_folder(target: str, flags: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Give each environment a folder of its own, which the next one does not overwrite."""
    environment = flags.get("environment") or variables.get("COMPOSE2FARGATE_ENVIRONMENT", "")
    return os.path.join("fargate", target, *([ecs_name(environment)] if environment else []))


def _with_kept(
    ctx: click.Context, options: LoadOptions, flags: Mapping[str, Any], folder: str, *, inside: str
) -> tuple[LoadOptions, dict[str, Any]]:
    """Add the options of the last run in the folder, and say which."""
    made, console = api.keep_options(options, flags, folder, inside=inside), Console.of(ctx)
    console.report(made.diagnostics)
    if made.kept:
        console.say(f"kept from the last run in {folder}: {' '.join(made.kept)} (--forget leaves them out)")
    if made.dropped:
        console.say(f"not kept from the last run, to be given each time: {' '.join(made.dropped)}")
    choose(ctx, {**made.project, **as_chosen(made.flags)})  # the commands that are named next repeat them
    return made.options, dict(made.flags)


def _remember(console: Console, conversion: api.Conversion, folder: str) -> None:
    """Write down what was said, once the files are there: the next `plan` does not repeat it to the same user."""
    if conversion.translated and folder != "-" and console.format == "text" and not console.quiet:
        from compose2fargate.workflows.told import Told

        Told(conversion.translated).remember(conversion.diagnostics)


def _write(artifacts: Mapping[str, str], folder: str, *, force: bool, inside: str) -> None:
    """Write the files; the folder that nobody named must not be one of somebody else's, through a link in the checkout."""
    if folder == "-":
        write(_one_document(artifacts))
    else:
        api.write(artifacts, folder, force=force, inside=inside)


def _end_blocked(
    ctx: click.Context, found: Iterable[Diagnostic], folder: str, status: int, *, as_json: bool
) -> NoReturn:
    """End a run that wrote nothing, with the command to give again."""
    from compose2fargate.cli.next_commands import next_command
    from compose2fargate.cli.verdicts import Attempt, end_blocked

    words = []
    for name, flag in (("target", "-t"), ("output", "-o"), ("strict", "--strict"), ("force", "--force")):
        if value := ctx.get_parameter_source(name) is not ParameterSource.DEFAULT and ctx.params[name]:
            words.append(flag if value is True else f"{flag} {shlex.quote(value)}")
    document = {"folder": folder, "files": []} if as_json else None
    end_blocked(
        ctx, Attempt("nothing is written", next_command(ctx, "convert", *words), document), found, status
    )


def _conclude(
    ctx: click.Context,
    conversion: api.Conversion,
    target: str,
    folder: str,
    *,
    as_json: bool,
) -> None:
    """Say what was written, and what there is to know of it."""
    console = Console.of(ctx)
    if console.quiet and not as_json:
        return
    from compose2fargate.cli.next_commands import completed, given_options, next_command
    from compose2fargate.cli.verdicts import judge, say_verdict
    from compose2fargate.workflows.verdict import TEMPLATE, deploy_command

    assert conversion.translated is not None  # noqa: S101 - `convert` gives it
    given = given_options(ctx)
    sandbox = () if chosen(ctx).get("sandbox") else ("--sandbox",)
    then = [(next_command(ctx, "apply", *sandbox), "a trial without an account")]
    size = len(conversion.artifacts.get(TEMPLATE, "").encode("utf-8", "surrogateescape"))
    deploy = deploy_command(target, folder, conversion.translated, size) if folder != "-" else ""
    then += [(deploy, "")] if deploy else []
    verdict = judge(ctx, conversion.translated, conversion.diagnostics, then, options=given)
    if as_json:
        _write_document(completed(ctx, conversion.diagnostics), conversion.artifacts, folder, verdict)
        return
    if folder != "-":
        console.say(f"{len(conversion.artifacts)} files in {folder}")
    say_verdict(console, verdict)


def _write_document(found: Sequence[Diagnostic], files: Iterable[str], folder: str, verdict: Verdict) -> None:
    """Write as JSON what was done, what was found, and the verdict."""
    from compose2fargate.diagnostics.text_report import as_dict
    from compose2fargate.workflows.verdict import verdict_as_json

    document = {
        "folder": folder,
        "files": list(files),
        "diagnostics": [as_dict(one) for one in found],
        "verdict": verdict_as_json(verdict),
    }
    write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _deploy(ctx: click.Context, options: LoadOptions, flags: Mapping[str, Any], stdin: TextIO) -> None:
    from compose2fargate.cli.apply import deploy
    from compose2fargate.workflows import deploying

    prepared = deploying.prepare_deployment(options, flags, target_of(ctx), stdin=stdin)
    deploy(ctx, prepared)


def _one_document(artifacts: Mapping[str, str]) -> str:
    """Put all files into one JSON object by path; those that are JSON themselves as values, the others as text."""
    values = {path: json.loads(text) if path.endswith(".json") else text for path, text in artifacts.items()}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
