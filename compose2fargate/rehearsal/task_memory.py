"""The memory of a task: on Fargate all of its containers together have it, here each has a limit of its own.

An engine limits one container at a time. So what they use together is looked at once a second, and what a kernel would kill
is killed: the container that uses the most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

MIB: Final = 1024 * 1024
_EVERY: Final = 1.0
_HELD: Final = ("active_anon", "inactive_anon", "unevictable")


def used_memory(statistics: Mapping[str, Any]) -> int:
    """Give the bytes that a container holds and a kernel cannot take back: not the cache of files.

    Args:
        statistics: What the engine says of a container; podman says no more than its usage.
    """
    memory = statistics.get("memory_stats") or {}
    parts = memory.get("stats") or {}
    held = [parts.get(f"total_{name}", parts.get(name)) for name in _HELD]
    known = [one for one in held if isinstance(one, int)]
    return sum(known) if len(known) == len(held) else int(memory.get("usage") or 0)


class TaskMemory:
    """Watches what the containers of a task use together."""

    def __init__(self, limit: int, statistics: Callable[[str], Mapping[str, Any]]) -> None:
        """Watch for more than `limit` bytes; `statistics` are the engine's of a container by id."""
        self._limit, self._statistics = limit, statistics
        self._next = 0.0

    def beyond(self, running: Mapping[str, str]) -> tuple[str, str] | None:
        """Give the container that has to go, and why; None while there is enough, or it is not yet time to look.

        Args:
            running: The engine's id of each running container by name.
        """
        now = time.monotonic()
        if len(running) < 2 or now < self._next:
            return None
        self._next = now + _EVERY
        used = {name: used_memory(self._statistics(identifier)) for name, identifier in running.items()}
        if sum(used.values()) <= self._limit:
            return None
        shares = ", ".join(f"{name} {size // MIB} MiB" for name, size in used.items())
        largest = max(used, key=lambda name: used[name])
        return (
            largest,
            f"it was killed, as the containers of the task use more than its {self._limit // MIB} MiB together ({shares})",
        )
