"""What Fargate costs, as a dated table: enough to compare two sizes, not to plan a budget.

Prices are public, change seldom and differ by region; nothing is asked over the network, so the table says its date and
place, and whoever has other prices gives them (`--prices FILE`, `x-fargate.prices`).
"""

from __future__ import annotations

from typing import NamedTuple

from compose2fargate.aws.fargate import Size

URL = "https://aws.amazon.com/fargate/pricing/"
DATE = "2026-06"
REGION = "us-east-1"
HOURS = 730
"""Hours of a month, as AWS's own calculator counts them: 365 * 24 / 12."""
FREE_STORAGE_GIB = 20
"""Storage that every task has without a charge: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"""


class Prices(NamedTuple):
    """USD an hour: for one vCPU and one GB of memory of a Linux task, a GB of storage, a load balancer, a public address."""

    vcpu_hour: float = 0.04048
    gb_hour: float = 0.004445
    arm_vcpu_hour: float = 0.03238
    arm_gb_hour: float = 0.00356
    storage_gb_hour: float = 0.000111
    load_balancer_hour: float = 0.0225
    public_ip_hour: float = 0.005


DEFAULT = Prices()


def task_month(prices: Prices, size: Size, architecture: str, storage_gib: int | None = None) -> float:
    """Give what one task costs when it runs for a whole month, on demand."""
    arm = architecture == "ARM64"
    vcpu, gigabyte = (prices.arm_vcpu_hour, prices.arm_gb_hour) if arm else (prices.vcpu_hour, prices.gb_hour)
    storage = max((storage_gib or 0) - FREE_STORAGE_GIB, 0) * prices.storage_gb_hour
    return HOURS * (size.cpu / 1024 * vcpu + size.memory / 1024 * gigabyte + storage)
