"""The options of `config` that print something other than the model: names, hashes, variables, the environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import click

from compose2fargate.cli.console import Console, standard_input, table, write
from compose2fargate.cli.options import load_options
from compose2fargate.compose import listings
from compose2fargate.compose.loader import Loaded, load
from compose2fargate.compose.render import to_yaml

Values = Mapping[str, Any]


class Listing(NamedTuple):
    """How one of the options is carried out.

    Attributes:
        render: Gives the text from the project and the command's parameters.
        off: What the loader leaves out.
        finish: Whether it goes on to the final values even if variables are left as they are.
        whole_project: Whether Docker Compose pays no heed to the services named as arguments.
    """

    render: Callable[[Loaded, Values], str]
    off: tuple[str, ...] = ("read_env_files",)
    finish: bool = True
    whole_project: bool = False


def print_listing(ctx: click.Context, name: str, switches: Mapping[str, bool], values: Values) -> None:
    """Load the project as the option `name` needs it, and print what it asks for."""
    listing = _LISTINGS[name]
    switches = {**switches, **dict.fromkeys(listing.off, False)}
    services = () if listing.whole_project else values["services"]
    # Docker Compose looks at the names of containers only when it prints the model.
    options = load_options(ctx, services=services, container_names=False, finish=listing.finish, **switches)
    loaded = load(options, stdin=standard_input())
    Console.of(ctx).report(loaded.diagnostics)
    write(listing.render(loaded, values))


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _section(name: str) -> Listing:
    return Listing(lambda loaded, _values: _lines(listings.section(loaded, name)), whole_project=True)


def _models(loaded: Loaded, _values: Values) -> str:
    return _lines(listings.models(loaded))


def _services(loaded: Loaded, _values: Values) -> str:
    return _lines(listings.services(loaded))


def _hashes(loaded: Loaded, values: Values) -> str:
    return _lines(listings.hashes(loaded, values["list_hash"]))


def _profiles(loaded: Loaded, _values: Values) -> str:
    return _lines(listings.profiles(loaded))


def _images(loaded: Loaded, _values: Values) -> str:
    return _lines(listings.images(loaded))


def _environment(loaded: Loaded, _values: Values) -> str:
    return _lines(sorted(f"{name}={value}" for name, value in loaded.environment.items()))


def _variables(loaded: Loaded, values: Values) -> str:
    found = listings.variables(loaded)
    if values["format"] is None:
        rows = [(v.name, str(v.required).lower(), v.default, v.alternate) for v in found]
        return table([("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"), *rows], narrowest=20)
    # The spelling of the fields, the indentation and the empty last line are Docker Compose's.
    fields = {
        v.name: dict(zip(_FIELDS, (v.name, v.default, v.alternate, v.required), strict=True)) for v in found
    }
    if values["format"] == "json":
        return json.dumps(fields, indent=4, ensure_ascii=False) + "\n\n"
    lowered = {name: {key.lower(): value for key, value in row.items()} for name, row in fields.items()}
    return to_yaml(lowered).replace("\n  ", "\n    ")


_FIELDS: Final = ("Name", "DefaultValue", "PresenceValue", "Required")

_LISTINGS: Final[Mapping[str, Listing]] = {
    "services": Listing(_services, finish=False, whole_project=True),
    "volumes": _section("volumes"),
    "networks": _section("networks"),
    "models": Listing(_models, whole_project=True),
    "hash": Listing(_hashes, whole_project=True),
    "profiles": Listing(_profiles),
    "images": Listing(_images),
    "variables": Listing(_variables, off=("read_env_files", "interpolate"), finish=False),
    "environment": Listing(_environment, off=()),
}
