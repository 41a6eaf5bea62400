"""Finds the JSON Schemas and tables that are shipped with the program."""

from __future__ import annotations

import json
import os.path
from typing import Any

_PACKAGE = os.path.dirname(os.path.abspath(__file__))

# A wheel holds a copy inside the package; a checkout, and so an editable install, has them beside it.
_FOLDERS = (os.path.join(_PACKAGE, "schemas"), os.path.join(os.path.dirname(_PACKAGE), "schemas"))


def read_schema(name: str) -> dict[str, Any]:
    """Read the schema `name`, for example `compose`, from the installed package or from the checkout.

    Raises:
        FileNotFoundError: There is no `<name>.schema.json` in either place.
    """
    candidates = [os.path.join(folder, f"{name}.schema.json") for folder in _FOLDERS]
    path = next(filter(os.path.exists, candidates), candidates[0])
    with open(path, encoding="utf-8") as file:
        schema: dict[str, Any] = json.load(file)
    return schema


def read_data(name: str) -> dict[str, Any]:
    """Read the table `name`, for example `images`, which is part of the package."""
    with open(os.path.join(_PACKAGE, "data", f"{name}.json"), encoding="utf-8") as file:
        table: dict[str, Any] = json.load(file)
    return table
