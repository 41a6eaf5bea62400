"""`compose2fargate explain`: every key of the compose files, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import click

from compose2fargate import api
from compose2fargate.cli.console import standard_input, table, write
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    load_options,
)
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS, settings_flags
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity, UsageError

NO_COMPOSE_FILE = "C2F100"

Row = tuple[str, str, str, str]
"""Key, place, outcome, and what happens on Fargate."""


def _text(accounted: Sequence[api.Accounted]) -> str:
    return table([("KEY", "PLACE", "OUTCOME", "ON FARGATE"), *map(_row, accounted)])


def _markdown(accounted: Sequence[api.Accounted]) -> str:
    rows = [("key", "outcome", "on Fargate", "what to do"), ("---",) * 4, *map(_markdown_row, accounted)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def _markdown_row(key: api.Accounted) -> Row:
    place = f" ({key.location})" if key.location else ""
    link = f"[documentation]({key.row.url})" if key.row.url else ""
    said = f"{key.row.outcome.value} (`{key.row.code}`)" if key.row.code else key.row.outcome.value
    return (f"`{_dotted(key)}`{place}", said, key.row.what, " ".join(filter(None, (key.row.hint, link))))


def _json(accounted: Sequence[api.Accounted]) -> str:
    return json.dumps([_as_dict(key) for key in accounted], indent=2, ensure_ascii=False) + "\n"


FORMATS: Final[Mapping[str, Callable[[Sequence[api.Accounted]], str]]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
}

_OPTIONS = (
    click.Argument(["selection"], required=False, metavar="[SERVICE[.KEY]]"),
    click.Option(
        ["--format"], type=click.Choice(list(FORMATS)), default="text", help="Format (default: text)."
    ),
)


@click.command("explain", params=[*_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def command(ctx: click.Context, /, selection: str | None, format: str, **values: Any) -> None:  # noqa: A002 - the option's name
    """Say what becomes of each key of a compose file.

    Each key is mapped, approximated, ignored or refused. The argument narrows the list to a service, or a key of it.
    Where there is no compose file, every key there is.
    """
    write(FORMATS[format](_selected(_accounted(ctx, values), selection)))


def _accounted(ctx: click.Context, values: Mapping[str, Any]) -> Sequence[api.Accounted]:
    try:
        return api.translate(load_options(ctx), settings_flags(values), stdin=standard_input()).accounted
    except LoadError as error:
        if any(found.code == NO_COMPOSE_FILE for found in error.diagnostics):
            return api.table()
        raise


def _selected(accounted: Iterable[api.Accounted], selection: str | None) -> list[api.Accounted]:
    keys = sorted(accounted, key=lambda key: (key.location or ("",), _dotted(key)))
    if not selection:
        return keys
    starts = (f"services.{selection}.", f"{selection}.")
    selected = [key for key in keys if f"{_dotted(key)}.".startswith(starts)]
    if not selected:
        raise UsageError(_unknown(selection, keys))
    return selected


def _unknown(selection: str, keys: Iterable[api.Accounted]) -> Diagnostic:
    from difflib import get_close_matches

    known = [_dotted(key).removeprefix("services.") for key in keys]
    services = [name.partition(".")[0] for name in known]
    near = get_close_matches(selection, dict.fromkeys([*services, *known]), n=1)
    return Diagnostic(
        "C2F192",
        Severity.ERROR,
        f"the compose files have no service or key {selection!r}",
        hint=f"compose2fargate explain {near[0]}" if near else "compose2fargate explain lists every key",
    )


def _dotted(key: api.Accounted) -> str:
    return ".".join(map(str, key.path))


def _row(key: api.Accounted) -> Row:
    return (_dotted(key), str(key.location or ""), key.row.outcome.value, key.row.what)


def _as_dict(key: api.Accounted) -> dict[str, Any]:
    return {
        "path": list(key.path),
        "location": key.location and key.location._asdict(),
        "outcome": key.row.outcome.value,
        "what": key.row.what,
        "hint": key.row.hint,
        "url": key.row.url,
    }
