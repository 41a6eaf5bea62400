"""The settings as options of the commands that translate; made from the table in `settings.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from compose2fargate.settings import OPTIONS, Option


def _parameter(setting: Option) -> str:
    """The parameter's name, apart from those of compose's options: `--files` and `-f/--file` are two things."""
    return f"setting_{setting.name}"


def _setting(setting: Option) -> click.Option:
    # Values stay text here: settings.py checks those of flags and of the environment alike.
    flag = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.kind == "switch" else setting.flag
    return click.Option(
        [_parameter(setting), flag],
        is_flag=setting.kind in ("flag", "switch"),
        default=None,
        multiple=setting.kind in ("list", "pairs"),
        metavar=setting.metavar or None,
        help=setting.help,
    )


SETTINGS_OPTIONS: Final = tuple(_setting(setting) for setting in OPTIONS)
"""What the user can choose about the target; made from the table of settings."""


def settings_options(*names: str) -> tuple[click.Option, ...]:
    """Give the options of some settings, for a command that the others do not concern."""
    return tuple(
        made for made, setting in zip(SETTINGS_OPTIONS, OPTIONS, strict=True) if setting.name in names
    )


def settings_flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the settings out of a command's parameters."""
    return {setting.name: values[_parameter(setting)] for setting in OPTIONS if _parameter(setting) in values}
