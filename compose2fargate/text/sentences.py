"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

MAX_LISTED = 4
"""How many names a sentence has before it only counts them."""


def listed(names: Sequence[str], most: int = MAX_LISTED) -> str:
    """Name things: `api, db and web`, or the first `most` and how many more."""
    shown = list(names) if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if shown[1:] else shown[0]
