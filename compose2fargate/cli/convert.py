"""`compose2fargate convert`: translates a compose project and writes the files of one target."""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping
from io import StringIO
from typing import Any, TextIO

import click

from compose2fargate import api
from compose2fargate.cli.console import Console, standard_input, write
from compose2fargate.cli.deploy_options import CHOICE_OPTIONS, EXECUTION_OPTIONS, TARGET_OPTIONS, target_of
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    load_options,
    shared,
)
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS, settings_flags
from compose2fargate.report import RENDERERS

FINDINGS = 1

_OPTIONS = (
    click.Option(["-t", "--target"], default="json", metavar="NAME", help="Output format; see `targets` (default: json)."),
    click.Option(["-o", "--output"], metavar="DIR", help="Folder to write (default: fargate/TARGET); - prints one JSON document."),
    click.Option(["--force"], is_flag=True, help="Replace files that were edited, or are not ours."),
    click.Option(["--strict"], is_flag=True, help="Write nothing, and exit with 1, when anything is approximated or lost."),
    click.Option(["--apply"], is_flag=True, help="Then deploy the stack, as `apply` does; --yes, --sandbox and its other options too."),
    shared(
        "diagnostics", "--diagnostics", type=click.Choice(list(RENDERERS)), default="text",
        help="Format of the diagnostics on stderr (default: text).",
    ),
)  # fmt: skip


# What `apply` takes and `convert` has not already; `--format` and `--diagnostics` mean the files here.
_DEPLOY_OPTIONS = tuple(
    option
    for option in (*TARGET_OPTIONS, *CHOICE_OPTIONS, *EXECUTION_OPTIONS)
    if option.name not in {own.name for own in _OPTIONS}
)


@click.command(
    "convert", params=[*_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *_DEPLOY_OPTIONS, *OUTPUT_OPTIONS]
)
@click.pass_context
def command(
    ctx: click.Context, /, target: str, output: str | None, *, force: bool, strict: bool, **values: Any
) -> None:
    """Translate a compose project and write the files.

    Diagnostics go to stderr. What you set here wins over COMPOSE2FARGATE_* variables, and those over x-fargate in
    the compose file.
    """
    folder = output or os.path.join("fargate", target)
    options, stdin = load_options(ctx), standard_input()
    if values["apply"] and "-" in options.files:
        stdin = StringIO(stdin.read())  # it is read once more to deploy
    conversion = api.convert(
        options,
        settings_flags(values),
        target=target,
        folder="." if folder == "-" else folder,
        stdin=stdin,
    )
    console = Console.of(ctx)
    console.report(conversion.diagnostics)
    if strict and conversion.losses:
        console.say(
            f"--strict: {', '.join(conversion.losses)}; nothing is written (--allow CODE agrees to one)"
        )
        ctx.exit(FINDINGS)
    if folder == "-":
        write(_one_document(conversion.artifacts))
    else:
        api.write(conversion.artifacts, folder, force=force)
        console.say(f"{len(conversion.artifacts)} files in {folder}")
    if values["apply"]:
        if isinstance(stdin, StringIO):
            stdin.seek(0)
        _deploy(ctx, stdin, values)


def _deploy(ctx: click.Context, stdin: TextIO, values: dict[str, Any]) -> None:
    from compose2fargate import deploying
    from compose2fargate.cli.apply import deploy

    prepared = deploying.prepare(
        load_options(ctx), settings_flags(values), target_of(ctx, values), stdin=stdin
    )
    deploy(ctx, prepared, {**values, "format": "text"})


def _one_document(artifacts: Mapping[str, str]) -> str:
    """Put all files into one JSON object by path; those that are JSON themselves as values, the others as text."""
    values = {path: json.loads(text) if path.endswith(".json") else text for path, text in artifacts.items()}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
