"""The options of `config` that print something other than the model: names, hashes, variables, the environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import click

from compose2fargate.cli.console import Console, standard_input, table, write_exact
from compose2fargate.cli.options import load_options
from compose2fargate.compose import listings
from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.loader import LoadedProject, load_project
from compose2fargate.compose.sources.environment_files import EnvFilesFor
from compose2fargate.compose.yaml.yaml_output import to_yaml
from compose2fargate.records import NamedTuple


class Chosen(NamedTuple):
    """What was chosen for a listing: services, a format, and the services to hash (`a,b`, or `*`)."""

    services: tuple[str, ...]
    format: str | None
    hashed: str


class Listing(NamedTuple):
    """How one of the options is carried out.

    Attributes:
        render: Gives the text from the project and the command's parameters.
        off: What the loader leaves out.
        env_files_for: What it reads the env files of services for.
        finish: Whether it goes on to the final values even if variables are left as they are.
        whole_project: Whether Docker Compose pays no heed to the services named as arguments.
    """

    render: Callable[[LoadedProject, Chosen], str]
    off: tuple[str, ...] = ()
    env_files_for: EnvFilesFor = EnvFilesFor.NAMES
    finish: bool = True
    whole_project: bool = False


def print_listing(ctx: click.Context, name: str, switches: Mapping[str, bool], values: Chosen) -> None:
    """Load the project as the option `name` needs it, and print what it asks for."""
    listing = _LISTINGS[name]
    switches = {**switches, **dict.fromkeys(listing.off, False)}
    services = () if listing.whole_project else values.services
    # Docker Compose looks at the names of containers only when it prints the model.
    options = load_options(
        ctx,
        services=services,
        container_names=False,
        finish=listing.finish,
        env_files_for=listing.env_files_for,
        hashed=listings.named_services(values.hashed or "*"),
        **switches,
    )
    loaded = load_project(options, stdin=standard_input())
    Console.of(ctx).report(loaded.diagnostics)
    write_exact(listing.render(loaded, values))


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _section(name: str) -> Listing:
    return Listing(lambda loaded, _values: _lines(listings.list_section(loaded, name)), whole_project=True)


def _models(loaded: LoadedProject, _values: Chosen) -> str:
    return _lines(listings.list_models(loaded))


def _services(loaded: LoadedProject, _values: Chosen) -> str:
    return _lines(listings.list_services(loaded))


def _hashes(loaded: LoadedProject, values: Chosen) -> str:
    return _lines(listings.list_hashes(loaded, values.hashed))


def _profiles(loaded: LoadedProject, _values: Chosen) -> str:
    return _lines(listings.list_profiles(loaded))


def _images(loaded: LoadedProject, _values: Chosen) -> str:
    return _lines(listings.list_images(loaded))


def _environment(loaded: LoadedProject, _values: Chosen) -> str:
    return _lines(sorted(f"{name}={value}" for name, value in loaded.environment.items()))


def _variables(loaded: LoadedProject, values: Chosen) -> str:
    found = listings.list_variables(loaded)
    if values.format is None:
        rows = [(v.name, str(v.required).lower(), v.default, v.alternate) for v in found]
        return table([("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"), *rows], narrowest=20)
    # The spelling of the fields, the indentation and the empty last line are Docker Compose's.
    fields = {
        v.name: dict(zip(_FIELDS, (v.name, v.default, v.alternate, v.required), strict=True)) for v in found
    }
    if values.format == "json":
        return json.dumps(fields, indent=4, ensure_ascii=False) + "\n\n"
    lowered = {name: {key.lower(): value for key, value in row.items()} for name, row in fields.items()}
    return to_yaml(lowered, dialect=DIALECTS[loaded.compose_version]).replace("\n  ", "\n    ")


_FIELDS: Final = ("Name", "DefaultValue", "PresenceValue", "Required")

_LISTINGS: Final[Mapping[str, Listing]] = {
    "services": Listing(_services, finish=False, whole_project=True),
    "volumes": _section("volumes"),
    "networks": _section("networks"),
    "models": Listing(_models, whole_project=True),
    "hash": Listing(_hashes, env_files_for=EnvFilesFor.HASHES, whole_project=True),
    "profiles": Listing(_profiles, env_files_for=EnvFilesFor.IMAGES),
    "images": Listing(_images, env_files_for=EnvFilesFor.IMAGES),
    "variables": Listing(_variables, off=("interpolate",), finish=False),
    "environment": Listing(_environment, env_files_for=EnvFilesFor.MODEL),
}
