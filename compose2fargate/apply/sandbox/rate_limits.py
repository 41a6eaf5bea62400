"""AWS's rates: a token bucket per group of operations, and a refusal for what comes faster.

Unlike the client's own buckets (`account.Bucket`) these never wait: a call that finds no token is throttled.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping

from compose2fargate.apply.aws_client.account import RATES, CallRate


class Allowance:
    """A token bucket that says no when it is empty."""

    def __init__(self, rate: CallRate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._tokens, self._at = float(rate.burst), clock()

    def take(self) -> bool:
        """Take a token, if there is one."""
        now = self._clock()
        self._tokens = min(self._rate.burst, self._tokens + (now - self._at) * self._rate.refill)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimits:
    """The allowances of services; without any, everything is let through."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._allowances: list[tuple[str, re.Pattern[str], Allowance]] = []

    def clear(self) -> None:
        """Let everything through again."""
        with self._guard:
            self._allowances.clear()

    def add(self, rate: CallRate, operation: str, service: str = "ecs") -> None:
        """Let the operations that match `operation` share a bucket of `rate`."""
        with self._guard:
            self._allowances.append((service, re.compile(operation), Allowance(rate)))

    def add_all(self, rates: Mapping[str, CallRate] = RATES) -> None:
        """Limit what ECS limits; operations with the same rate object share a bucket."""
        for rate in {id(rate): rate for rate in rates.values()}.values():
            self.add(rate, "|".join(operation for operation, its in rates.items() if its is rate))

    def allow(self, service: str, operation: str) -> bool:
        """Tell whether a call may come now; it takes its tokens."""
        with self._guard:
            ours = [a for name, what, a in self._allowances if name == service and what.fullmatch(operation)]
            return all(allowance.take() for allowance in ours)
