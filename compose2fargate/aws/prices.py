"""What Fargate costs, as a dated table: enough to compare two sizes, not to plan a budget.

Prices are public, change seldom and differ by region; nothing is asked over the network, so the table says its date and
place, and whoever has other prices gives them (`--prices FILE`, `x-fargate.prices`).
"""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.fargate import Size
from compose2fargate.records import NamedTuple

URL = "https://aws.amazon.com/fargate/pricing/"
DATE = "2026-06"
REGION = "us-east-1"
HOURS = 730
"""Hours of a month, as AWS's own calculator counts them: 365 * 24 / 12."""
FREE_STORAGE_GIB = 20
"""Storage that every task has without a charge: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html"""


KEPT_MONTH = {
    "FileSystem": f"0.30 USD a month for each GB on it (standard storage in {REGION})",
    "Repository": f"0.10 USD a month for each GB of images (in {REGION})",
    "ManagedSecret": "0.40 USD a month",
    "SecretParameter": "no charge",
}
"""What goes on costing money when a stack is gone, by type.

Sources: https://aws.amazon.com/efs/pricing/, https://aws.amazon.com/ecr/pricing/, https://aws.amazon.com/secrets-manager/pricing/,
https://aws.amazon.com/systems-manager/pricing/
"""


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


INSTANCE_HOUR: Mapping[str, float] = {
    "db.t4g.micro": 0.016, "db.t4g.small": 0.032, "db.t4g.medium": 0.065, "db.t4g.large": 0.129,
    "cache.t4g.micro": 0.0128, "cache.t4g.small": 0.0256, "cache.t4g.medium": 0.052,
}  # fmt: skip
"""USD an hour of an instance of RDS (PostgreSQL, MySQL and MariaDB cost the same in these classes) and a node of ElastiCache for Valkey, in
one zone, on demand: https://aws.amazon.com/rds/postgresql/pricing/, https://aws.amazon.com/elasticache/pricing/."""
DATABASE_STORAGE_MONTH = 0.115
"""USD a month of a GB of gp3 storage of RDS in one zone: as above."""


def store_month(size: str, instances: int, storage_gib: int = 0) -> float | None:
    """Give what a database or a cache costs a month, or None where the price of its class is not known."""
    hour = INSTANCE_HOUR.get(size)
    return None if hour is None else instances * (HOURS * hour + storage_gib * DATABASE_STORAGE_MONTH)


def task_month(prices: Prices, size: Size, architecture: str, storage_gib: int | None = None) -> float:
    """Give what one task costs when it runs for a whole month, on demand."""
    arm = architecture == "ARM64"
    vcpu, gigabyte = (prices.arm_vcpu_hour, prices.arm_gb_hour) if arm else (prices.vcpu_hour, prices.gb_hour)
    storage = max((storage_gib or 0) - FREE_STORAGE_GIB, 0) * prices.storage_gb_hour
    return HOURS * (size.cpu / 1024 * vcpu + size.memory / 1024 * gigabyte + storage)
