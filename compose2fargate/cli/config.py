"""`compose2fargate config`: the canonical compose model, with the options and the output of `docker compose config`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from compose2fargate.cli.console import Console, cannot_write, standard_input, write
from compose2fargate.cli.options import COLOR_OPTIONS, COMPOSE_OPTIONS, chosen, engine_options, load_options
from compose2fargate.compose.loader import Loaded, load
from compose2fargate.compose.render import escape_dollars, to_json, to_yaml
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

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

_REGISTRY: Final = ("--resolve-image-digests", "--lock-image-digests")


class _Format(click.Choice[str]):
    """One of the formats; blank stands for none, so that a script can pass on a variable that may be empty."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the format's name, or None."""
        return super().convert(value, param, ctx) if value else None


def _options() -> Iterator[click.Parameter]:
    yield click.Argument(["services"], nargs=-1, metavar="[SERVICE]...")
    yield click.Option(
        ["--format"], type=_Format(["yaml", "json"]), help="Format of the output (default: yaml)."
    )
    yield click.Option(["-o", "--output"], metavar="FILE", help="Write to a file instead of stdout.")
    yield click.Option(["-q", "--quiet"], is_flag=True, help="Only validate, don't print anything.")
    for name, (flag, text) in SWITCHES.items():
        yield click.Option([f"no_{name}", flag], is_flag=True, help=text)
    for name, text in LISTINGS.items():
        arguments: dict[str, Any] = {"metavar": "SERVICE,..."} if name == "hash" else {"is_flag": True}
        yield click.Option([f"list_{name}", f"--{name}"], help=text, **arguments)
    for flag in _REGISTRY:
        yield click.Option(
            [flag], is_flag=True, help="Refused: it needs a registry, and this program works offline."
        )
    yield from COMPOSE_OPTIONS
    yield from engine_options(hidden=False)
    yield from COLOR_OPTIONS


@click.command("config", params=list(_options()))
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Print the canonical compose model.

    The options and the output are those of `docker compose config`.
    """
    _refuse_registry(values)
    switches = {name: not values[f"no_{name}"] for name in SWITCHES}
    switches["normalize"] &= not chosen(ctx).get("compatibility", False)
    switches["all_resources"] = chosen(ctx).get("all_resources", False)
    listing = next((name for name in LISTINGS if values[f"list_{name}"]), None)
    if listing is not None:
        from compose2fargate.cli.listings import print_listing

        print_listing(ctx, listing, switches, values)
        return
    loaded = load(load_options(ctx, services=values["services"], **switches), stdin=standard_input())
    Console.of(ctx).report(loaded.diagnostics)
    if not values["quiet"]:
        _put(_model(loaded, values), values["output"])


def _model(loaded: Loaded, values: Mapping[str, Any]) -> str:
    render = to_json if values["format"] == "json" else to_yaml
    raw: bool = values["no_interpolate"]
    text = render(loaded.tree, raw=raw)
    return text if raw else escape_dollars(text)


def _put(text: str, file: str | None) -> None:
    if file in (None, "", "-"):
        write(text)
        return
    try:
        with open(file, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise cannot_write(file, error) from error


def _refuse_registry(values: Mapping[str, Any]) -> None:
    flag = next((flag for flag in _REGISTRY if values[flag[2:].replace("-", "_")]), None)
    if flag is not None:
        raise UsageError(
            Diagnostic(
                "C2F190",
                Severity.ERROR,
                f"{flag} needs an image registry, and this program works offline",
                hint=f"docker compose config {flag}",
            )
        )
