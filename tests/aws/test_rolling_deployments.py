"""Percentages and counts: what ECS rounds, and what is left to move."""

from __future__ import annotations

from math import ceil, floor

import pytest

from compose2fargate.aws.resources import DeploymentCircuitBreaker, DeploymentConfiguration
from compose2fargate.aws.rolling_deployments import is_frozen, percents_of_few, smallest_moving_count


def configuration(minimum: int, maximum: int) -> DeploymentConfiguration:
    breaker = DeploymentCircuitBreaker(enable=True, rollback=True)
    return DeploymentConfiguration(breaker, maximum_percent=maximum, minimum_healthy_percent=minimum)


@pytest.mark.parametrize(
    ("count", "minimum", "maximum", "frozen"),
    [(1, 100, 150, True), (2, 100, 150, False), (1, 66, 100, True), (3, 66, 100, False), (1, 0, 100, False), (0, 100, 100, False)],
)  # fmt: skip
def test_what_ecs_rounds_may_leave_no_room(count: int, minimum: int, maximum: int, frozen: bool) -> None:
    assert is_frozen(count, minimum, maximum) is frozen


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_from_the_smallest_count_on_every_deployment_moves(count: int, batch: int) -> None:
    batch = min(batch, count)
    for minimum, maximum in (
        (100, ceil(100 * (count + batch) / count)),
        (floor(100 * (count - batch) / count), 100),
    ):
        made = configuration(minimum, maximum)
        enough = smallest_moving_count(made, count)
        assert not any(is_frozen(n, minimum, maximum) for n in range(enough, count + 1))
        less, more = percents_of_few(made)
        assert not any(is_frozen(n, less, more) for n in range(1, enough))
