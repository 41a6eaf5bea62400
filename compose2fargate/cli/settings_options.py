"""The settings as options of the commands that translate; made from the table in `settings.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from compose2fargate.settings import OPTIONS, Option


def _setting(setting: Option) -> click.Option:
    # Values stay text here: settings.py checks those of flags and of the environment alike.
    return click.Option(
        [setting.name, setting.flag],
        is_flag=setting.kind == "flag",
        multiple=setting.kind in ("list", "pairs"),
        metavar=setting.metavar or None,
        help=setting.help,
    )


SETTINGS_OPTIONS: Final = tuple(_setting(setting) for setting in OPTIONS)
"""What the user can choose about the target; made from the table of settings."""


def settings_flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the settings out of a command's parameters."""
    return {setting.name: values[setting.name] for setting in OPTIONS}
