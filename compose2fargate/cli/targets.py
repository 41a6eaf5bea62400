"""`compose2fargate targets`: the output formats that `convert --target` knows."""

from __future__ import annotations

import json
from typing import Annotated

from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.console import table, write
from compose2fargate.cli.options import OUTPUT_OPTIONS, format_option


@make_command("targets", *OUTPUT_OPTIONS, examples=("compose2fargate targets --format json",))
def command(
    *,
    format: Annotated[str, format_option("the list")] = "text",
) -> None:  # fmt: skip
    """List the output formats.

    Those of other installed distributions are among them.
    """
    from compose2fargate.emitters import list_targets

    found = list_targets()
    if format == "json":
        write(json.dumps([target._asdict() for target in found], indent=2, ensure_ascii=False) + "\n")
    else:
        write(table([("NAME", "ORIGIN", "WRITES"), *((t.name, t.origin, t.summary) for t in found)]))
