"""What a finding may cost whoever ignores it: which warnings are told first, and what a verdict calls broken."""

from __future__ import annotations

from typing import Final

DAMAGES: Final = frozenset({"C2F276", "C2F277", "C2F544", "C2F260", "C2F268", "C2F275"})
"""As warnings: data is damaged, or ends sooner than it does on a Docker host."""

FAILS: Final = frozenset(
    {
        "C2F203", "C2F228", "C2F232", "C2F235", "C2F240", "C2F244", "C2F253", "C2F267", "C2F273", "C2F279", "C2F285",
        "C2F286", "C2F287", "C2F288", "C2F289", "C2F299", "C2F506", "C2F507", "C2F509", "C2F510", "C2F512", "C2F513",
        "C2F518", "C2F521", "C2F522", "C2F523", "C2F524", "C2F528", "C2F535", "C2F540", "C2F543", "C2F580",
    }
)  # fmt: skip
"""As warnings: something of the project does not start, does not answer or is not found."""

EXPOSES: Final = frozenset({"C2F215", "C2F230", "C2F450", "C2F529", "C2F541", "C2F542"})
"""As warnings: somebody can read or reach what they should not."""

OPEN: Final = frozenset({"C2F290", "C2F292", "C2F298", "C2F445", "C2F446", "C2F447"})
"""What is to be filled in or done before a deployment; nothing is wrong with the project."""

_RANKS: Final = (DAMAGES, FAILS, EXPOSES)


def harm_of(code: str) -> int:
    """Rank a code: a lower number does more harm."""
    rank = next((n for n, codes in enumerate(_RANKS) if code in codes), len(_RANKS))
    return rank + (code in OPEN)
