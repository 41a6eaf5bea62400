"""`compose2fargate config`: the canonical compose model, with the options and the output of `docker compose config`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import click

from compose2fargate.cli.console import Console, standard_input, table, write
from compose2fargate.cli.options import COLOR_OPTIONS, COMPOSE_OPTIONS, load_options
from compose2fargate.compose import listings
from compose2fargate.compose.loader import Loaded, load
from compose2fargate.compose.render import escape_dollars, to_json, to_yaml
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

Values = Mapping[str, Any]


class Listing(NamedTuple):
    """An option that prints something other than the model.

    `off` names what the loader leaves out for it; `whole_project` is true where Docker Compose pays no heed to the
    services named as arguments.
    """

    name: str
    help: str
    render: Callable[[Loaded, Values], str]
    off: tuple[str, ...] = ("resolve_env",)
    whole_project: bool = False
    metavar: str | None = None


def _lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _section(name: str) -> Listing:
    return Listing(
        name,
        f"Print the {name[:-1]} names, one per line.",
        lambda loaded, _values: _lines(listings.section(loaded, name)),
        whole_project=True,
    )


def _variables(loaded: Loaded, values: Values) -> str:
    found = listings.variables(loaded)
    if values["format"] is None:
        rows = [(v.name, str(v.required).lower(), v.default, v.alternate) for v in found]
        return table([("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"), *rows], narrowest=20)
    fields = {
        v.name: {
            "Name": v.name,
            "DefaultValue": v.default,
            "PresenceValue": v.alternate,
            "Required": v.required,
        }
        for v in found
    }
    if values["format"] == "json":
        return json.dumps(fields, indent=4, ensure_ascii=False) + "\n\n"
    lowered = {name: {key.lower(): value for key, value in row.items()} for name, row in fields.items()}
    return to_yaml(lowered).replace("\n  ", "\n    ")


LISTINGS: Final = (
    Listing(
        "services",
        "Print the service names, one per line.",
        lambda loaded, _values: _lines(listings.services(loaded)),
        whole_project=True,
    ),
    _section("volumes"),
    _section("networks"),
    _section("models"),
    Listing(
        "hash",
        "Print the hash of each service's configuration, one per line; '*' stands for all.",
        lambda loaded, values: _lines(listings.hashes(loaded, values["list_hash"])),
        whole_project=True,
        metavar="SERVICE,...",
    ),
    Listing(
        "profiles",
        "Print the profile names, one per line.",
        lambda loaded, _values: _lines(listings.profiles(loaded)),
    ),
    Listing(
        "images",
        "Print the image names, one per line.",
        lambda loaded, _values: _lines(listings.images(loaded)),
    ),
    Listing("variables", "Print the variables in the files.", _variables, off=("resolve_env", "interpolate")),
    Listing(
        "environment",
        "Print the environment used for interpolation.",
        lambda loaded, _values: _lines(sorted(f"{k}={v}" for k, v in loaded.environment.items())),
        off=(),
    ),
)
"""In the order of precedence where several are given."""

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


def _options() -> Iterator[click.Parameter]:
    yield click.Argument(["services"], nargs=-1, metavar="[SERVICE]...")
    yield click.Option(["--format"], type=click.Choice(["yaml", "json"]), help="Format of the output.")
    yield click.Option(["-o", "--output"], metavar="FILE", help="Write to a file instead of stdout.")
    yield click.Option(["-q", "--quiet"], is_flag=True, help="Only validate, don't print anything.")
    for name, (flag, text) in SWITCHES.items():
        yield click.Option([f"no_{name}", flag], is_flag=True, help=text)
    for listing in LISTINGS:
        yield click.Option(
            [f"list_{listing.name}", f"--{listing.name}"],
            is_flag=listing.metavar is None,
            metavar=listing.metavar,
            help=listing.help,
        )
    for flag in _REGISTRY:
        yield click.Option(
            [flag], is_flag=True, help="Refused: it needs a registry, and this program works offline."
        )
    yield from COMPOSE_OPTIONS
    yield from COLOR_OPTIONS


@click.command("config", params=list(_options()))
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Print the canonical compose model.

    The options and the output are those of `docker compose config`.
    """
    _refuse_registry(values)
    listing = next((listing for listing in LISTINGS if values[f"list_{listing.name}"]), None)
    switches = {name: not values[f"no_{name}"] for name in SWITCHES}
    services = values["services"]
    if listing is not None:
        switches.update(dict.fromkeys(listing.off, False))
        services = () if listing.whole_project else services
    loaded = load(load_options(ctx, services=services, **switches), stdin=standard_input())
    Console.of(ctx).report(loaded.diagnostics)
    if listing is not None:
        write(listing.render(loaded, values))
    elif not values["quiet"]:
        _put(_model(loaded, values), values["output"])


def _model(loaded: Loaded, values: Values) -> str:
    text = to_json(loaded.tree) if values["format"] == "json" else to_yaml(loaded.tree)
    return text if values["no_interpolate"] else escape_dollars(text)


def _put(text: str, file: str | None) -> None:
    if file in (None, "", "-"):
        write(text)
        return
    try:
        with open(file, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(
            Diagnostic("C2F191", Severity.ERROR, f"{file} cannot be written: {error.strerror}")
        ) from None


def _refuse_registry(values: Values) -> None:
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
