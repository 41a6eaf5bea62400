"""`compose2fargate targets`: the output formats that `convert --target` knows."""

from __future__ import annotations

import json

import click

from compose2fargate.cli.console import table, write
from compose2fargate.cli.options import OUTPUT_OPTIONS, format_option


@click.command(
    "targets",
    params=[
        format_option("the list"),
        *OUTPUT_OPTIONS,
    ],
)
def command(format: str) -> None:  # noqa: A002 - the option's name
    """List the output formats.

    Those of other installed distributions are among them.
    """
    from compose2fargate.emitters.plugins import targets

    found = targets()
    if format == "json":
        write(json.dumps([target._asdict() for target in found], indent=2, ensure_ascii=False) + "\n")
    else:
        write(table([("NAME", "ORIGIN", "WRITES"), *((t.name, t.origin, t.summary) for t in found)]))
