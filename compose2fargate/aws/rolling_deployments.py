"""Whether a service's percentages let its deployments move: with few tasks, rounding can leave no room.

ECS rounds the minimum up and the maximum down. With one task, 150 percent are one task and 100 percent are one task, so no task can be
started and none stopped, and a deployment waits for ever.
"""

from __future__ import annotations

from compose2fargate.aws.resources import DeploymentConfiguration

PERCENT_URL = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html"
"""How ECS rounds."""


def is_frozen(count: int, minimum: int, maximum: int) -> bool:
    """Tell whether a service with `count` tasks can neither start one more nor stop one."""
    return count > 0 and count * maximum // 100 <= count and -(-count * minimum // 100) >= count


def smallest_moving_count(configuration: DeploymentConfiguration, count: int) -> int:
    """Give the smallest number of tasks from which on, up to `count`, deployments move; 1 where that is any."""
    minimum, maximum = configuration.minimum_healthy_percent, configuration.maximum_percent
    frozen = [n for n in range(1, count) if is_frozen(n, minimum, maximum)]
    return frozen[-1] + 1 if frozen else 1


def percents_of_few(configuration: DeploymentConfiguration) -> tuple[int, int]:
    """Give the minimum and the maximum with which even one task is replaced in the same order."""
    starts_first = configuration.maximum_percent > 100
    return (
        (configuration.minimum_healthy_percent, 200) if starts_first else (0, configuration.maximum_percent)
    )
