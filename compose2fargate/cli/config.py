"""`compose2fargate config`: the canonical compose model, with the options and the output of `docker compose config`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import click
import typer
from typer.core import TyperOption

from compose2fargate.cli.commands import argument, option
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services as complete_services
from compose2fargate.cli.console import Console, cannot_write, standard_input, write_exact
from compose2fargate.cli.options import (
    COLOR_OPTIONS,
    COMPOSE_OPTIONS,
    chosen,
    engine_options,
    load_options,
    shared,
)
from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.loader import LoadedProject, load_project
from compose2fargate.compose.yaml.yaml_output import escape_dollars, to_json, to_yaml
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.disk.folder import replace_file
from compose2fargate.settings import Panel

LISTINGS: Final = {
    "services": "Print the service names, one per line.",
    "volumes": "Print the volume names, one per line.",
    "networks": "Print the network names, one per line.",
    "models": "Print the models, one per line.",
    "hash": "Print the hash of each service's configuration, one per line; '*' stands for all services.",
    "profiles": "Print the profile names, one per line.",
    "images": "Print the image names, one per line.",
    "variables": "Print the variables in the files and their defaults.",
    "environment": "Print the environment used for interpolation.",
}
"""The options that print something other than the model, in the order of precedence where several are given."""

SWITCHES: Final = {
    "interpolate": ("--no-interpolate", "Don't interpolate environment variables."),
    "normalize": ("--no-normalize", "Don't normalize the compose model."),
    "resolve_paths": ("--no-path-resolution", "Don't resolve file paths."),
    "resolve_env": ("--no-env-resolution", "Don't resolve the services' env files."),
    "consistency": (
        "--no-consistency",
        "Don't check the model's consistency; what is printed may be invalid.",
    ),
}
"""The loader's options that the command can switch off."""

_REGISTRY: Final = {
    "resolve_image_digests": "--resolve-image-digests",
    "lock_image_digests": "--lock-image-digests",
}


class _Format(click.Choice[str]):
    """One of the formats; blank stands for none, so that a script can pass on a variable that may be empty."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the format's name, or None."""
        return super().convert(value, param, ctx) if value else None


def _options() -> Iterator[TyperOption]:
    """Yield the options of the tables above."""
    for name, (flag, text) in SWITCHES.items():
        yield shared(f"no_{name}", flag, panel=Panel.PROJECT, is_flag=True, help=text)
    for name, text in LISTINGS.items():
        how: dict[str, Any] = {"metavar": "SERVICE,..."} if name == "hash" else {"is_flag": True}
        yield shared(f"list_{name}", f"--{name}", panel=Panel.OUTPUT, help=text, **how)
    for name, flag in _REGISTRY.items():
        yield shared(
            name,
            flag,
            panel=Panel.IMAGES,
            is_flag=True,
            help="Refused: it needs a registry, and this program works offline.",
        )


@make_command(
    "config",
    *_options(),
    *COMPOSE_OPTIONS,
    *engine_options(hidden=False),
    *COLOR_OPTIONS,
    examples=(
        "compose2fargate config",
        "compose2fargate config --services",
        "compose2fargate -f compose.yaml -f prod.yaml config --format json",
    ),
)
def command(
    ctx: typer.Context,
    *,
    services: Annotated[list[str] | None, argument("[SERVICE]...", "Services to print, with what they need.",
        autocompletion=complete_services)] = None,
    format: Annotated[str | None, option("--format", panel=Panel.OUTPUT, click_type=_Format(["yaml", "json"]),
        help="Format of the output (default: yaml).")] = None,
    output: Annotated[str, option("-o", "--output", panel=Panel.OUTPUT, metavar="FILE", help="Write to a file instead of stdout.")] = "",
    quiet: Annotated[bool, option("-q", "--quiet", panel=Panel.DISPLAY, help="Only validate, don't print anything.")] = False,
) -> None:  # fmt: skip
    """Print the canonical compose model.

    The options and the output are those of `docker compose config`.
    """
    given, names = chosen(ctx), tuple(services or ())
    _refuse_registry(ctx)
    switches = {name: not given.get(f"no_{name}", False) for name in SWITCHES}
    switches["normalize"] &= not given.get("compatibility", False)
    switches["all_resources"] = given.get("all_resources", False)
    listing = next((name for name in LISTINGS if given.get(f"list_{name}")), None)
    if listing is not None:
        from compose2fargate.cli.listings import Chosen, print_listing

        print_listing(ctx, listing, switches, Chosen(names, format, given.get("list_hash", "")))
        return
    loaded = load_project(load_options(ctx, services=names, **switches), stdin=standard_input())
    Console.of(ctx).report(loaded.diagnostics)
    if not quiet:
        _put(_model(loaded, raw=not switches["interpolate"], as_json=format == "json"), output)


def _model(loaded: LoadedProject, *, raw: bool, as_json: bool) -> str:
    render = to_json if as_json else to_yaml
    text = render(loaded.tree, raw=raw, dialect=DIALECTS[loaded.compose_version])
    return text if raw else escape_dollars(text)


def _put(text: str, file: str) -> None:
    if file in ("", "-"):
        write_exact(text)
        return
    try:
        replace_file(file, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise cannot_write(file, error) from error


def _refuse_registry(ctx: click.Context) -> None:
    flag = next((flag for name, flag in _REGISTRY.items() if chosen(ctx).get(name)), None)
    if flag is not None:
        raise UsageError(
            Diagnostic(
                "C2F190",
                Severity.ERROR,
                f"{flag} needs an image registry, and this program works offline",
                hint=f"use docker compose config {flag}",
            )
        )
