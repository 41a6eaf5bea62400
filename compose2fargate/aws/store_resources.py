"""Databases and caches as AWS runs them, with what they are placed in and set up by. Names and units are the API's.

Sources: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html,
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html and
https://docs.aws.amazon.com/cloud-map/latest/api/API_RegisterInstance.html.
"""

# Annotations are evaluated, as in resources.py, to start sooner.

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.api_values import Ref, Tag
from compose2fargate.records import NamedTuple


class DbSubnetGroup(NamedTuple):
    """The subnets in which RDS places a database: of at least two availability zones."""

    db_subnet_group_name: str
    db_subnet_group_description: str
    subnet_ids: tuple[str, ...] | Ref
    tags: tuple[Tag, ...] = ()


class DbParameterGroup(NamedTuple):
    """Settings of a database engine; values are texts in the units of the engine."""

    db_parameter_group_name: str
    db_parameter_group_family: str
    description: str
    parameters: Mapping[str, str] = {}
    tags: tuple[Tag, ...] = ()


class DbInstance(NamedTuple):
    """A database that RDS runs. Storage in GiB, backups in days.

    `allow_major_version_upgrade` is about changes only: whether another major version of the engine is an upgrade, or an error.
    `master_user_password` leads to the secret that holds the password, which is never part of a stack. Attributes of a `Ref` to it:
    `name` and `endpoint`, a name in the DNS.
    """

    db_instance_identifier: str
    db_instance_class: str
    engine: str
    engine_version: str
    allocated_storage: int
    max_allocated_storage: int | None
    db_name: str | None
    master_username: str
    master_user_password: Ref
    port: int
    db_subnet_group_name: Ref
    vpc_security_group_ids: tuple[str | Ref, ...]
    db_parameter_group_name: Ref
    multi_az: bool
    backup_retention_period: int
    enable_cloudwatch_logs_exports: tuple[str, ...] = ()
    deletion_protection: bool = True
    storage_type: str = "gp3"
    storage_encrypted: bool = True
    publicly_accessible: bool = False
    auto_minor_version_upgrade: bool = True
    copy_tags_to_snapshot: bool = True
    preferred_backup_window: str = "03:00-04:00"
    preferred_maintenance_window: str = "sun:04:30-sun:05:30"
    allow_major_version_upgrade: bool | None = None
    tags: tuple[Tag, ...] = ()


class CacheSubnetGroup(NamedTuple):
    """The subnets in which ElastiCache places its nodes."""

    cache_subnet_group_name: str
    cache_subnet_group_description: str
    subnet_ids: tuple[str, ...] | Ref
    tags: tuple[Tag, ...] = ()


class CacheParameterGroup(NamedTuple):
    """Settings of a cache engine."""

    cache_parameter_group_name: str
    cache_parameter_group_family: str
    description: str
    parameters: Mapping[str, str] = {}
    tags: tuple[Tag, ...] = ()


class CacheReplicationGroup(NamedTuple):
    """A cache that ElastiCache runs: one primary node, and replicas beside it. Snapshots are kept for days.

    Attributes of a `Ref` to it: `name` and `endpoint`, the primary's name in the DNS. With the mode `preferred` it takes
    connections with TLS and without.
    """

    replication_group_id: str
    replication_group_description: str
    engine: str
    engine_version: str
    cache_node_type: str
    num_cache_clusters: int
    automatic_failover_enabled: bool
    multi_az_enabled: bool
    cache_parameter_group_name: Ref
    cache_subnet_group_name: Ref
    security_group_ids: tuple[str | Ref, ...]
    port: int
    snapshot_retention_limit: int
    at_rest_encryption_enabled: bool = True
    transit_encryption_enabled: bool = True
    transit_encryption_mode: str = "preferred"
    auto_minor_version_upgrade: bool = True
    snapshot_window: str = "03:00-04:00"
    preferred_maintenance_window: str = "sun:04:30-sun:05:30"
    tags: tuple[Tag, ...] = ()


class DiscoveryInstance(NamedTuple):
    """What a name of a `DiscoveryService` with CNAME records leads to: the endpoint of a store."""

    instance_id: str
    service_id: Ref
    target: Ref


def _passwords(most: int) -> tuple[str, str]:
    return rf"[!#-.0-?A-~]{{8,{most}}}", f'8 to {most} printable ASCII characters without /, ", @ and blanks'


PASSWORD_RULES: Mapping[str, tuple[str, str]] = {
    "postgres": _passwords(128),
    "mysql": _passwords(41),
    "mariadb": _passwords(41),
}
"""The passwords that an engine takes in RDS, and how that is said:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html."""

Store = DbInstance | CacheReplicationGroup
"""What keeps data."""
STORE_TYPES = (
    DbSubnetGroup, DbParameterGroup, DbInstance, CacheSubnetGroup, CacheParameterGroup, CacheReplicationGroup, DiscoveryInstance,
)  # fmt: skip
"""The types of this module."""
