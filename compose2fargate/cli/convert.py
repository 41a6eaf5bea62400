"""`compose2fargate convert`: translates a compose project and writes the files of one target."""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping
from typing import Any

import click

from compose2fargate import api
from compose2fargate.cli.console import Console, standard_input, write
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
    shared(
        "diagnostics", "--diagnostics", type=click.Choice(list(RENDERERS)), default="text",
        help="Format of the diagnostics on stderr (default: text).",
    ),
)  # fmt: skip


@click.command("convert", params=[*_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def command(
    ctx: click.Context, /, target: str, output: str | None, *, force: bool, strict: bool, **values: Any
) -> None:
    """Translate a compose project and write the files.

    Diagnostics go to stderr. What you set here wins over COMPOSE2FARGATE_* variables, and those over x-fargate in
    the compose file.
    """
    folder = output or os.path.join("fargate", target)
    conversion = api.convert(
        load_options(ctx),
        settings_flags(values),
        target=target,
        folder="." if folder == "-" else folder,
        stdin=standard_input(),
    )
    console = Console.of(ctx)
    console.report(conversion.diagnostics)
    if strict and conversion.losses:
        console.say(f"--strict: {', '.join(conversion.losses)}; nothing is written")
        ctx.exit(FINDINGS)
    if folder == "-":
        write(_one_document(conversion.artifacts))
        return
    api.write(conversion.artifacts, folder, force=force)
    console.say(f"{len(conversion.artifacts)} files in {folder}")


def _one_document(artifacts: Mapping[str, str]) -> str:
    """Put all files into one JSON object by path; those that are JSON themselves as values, the others as text."""
    values = {path: json.loads(text) if path.endswith(".json") else text for path, text in artifacts.items()}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
