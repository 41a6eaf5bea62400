"""The settings as options of the commands that translate; made from the table in `settings.py`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from typer.core import TyperOption

from compose2fargate.cli.completion import COMPLETIONS
from compose2fargate.cli.options import settings_parameter, shared
from compose2fargate.settings import OPTIONS, Option

_OFFERED: Final = tuple(setting for setting in OPTIONS if not setting.of_compose)
OF_THE_STACK: Final = frozenset(
    {"region", "account", "environment", "cluster", "without", "without_host_tools", "allow"}
)
"""The settings that say which stack is meant: what a command needs that works with what is deployed."""


def _setting(setting: Option, *, hidden: bool) -> TyperOption:
    # Values stay text here: settings.py checks those of flags and of the environment alike.
    flag = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.kind == "switch" else setting.flag
    return shared(
        settings_parameter(setting),
        flag,
        panel=setting.panel,
        is_flag=setting.kind in ("flag", "switch"),
        multiple=setting.kind in ("list", "pairs"),
        metavar=setting.metavar or None,
        help=setting.help,
        hidden=hidden,
        autocompletion=COMPLETIONS.get(setting.name) or _completed_by(setting.choices),
    )


def _completed_by(choices: tuple[str, ...]) -> Any:
    return (lambda *_: list(choices)) if choices else None


def settings_options(shown: Collection[str] = ()) -> tuple[TyperOption, ...]:
    """Make the options of all settings.

    Args:
        shown: The names of those that the help shows, where not all: what a command does not use it takes all the same, so
            that the same options may stand behind every command.
    """
    return tuple(_setting(setting, hidden=bool(shown) and setting.name not in shown) for setting in _OFFERED)
