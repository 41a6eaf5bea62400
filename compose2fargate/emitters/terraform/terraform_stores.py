"""Databases and caches as Terraform blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.emitters.terraform.hcl import BREAK, HclAttribute, HclBlock, HclComment
from compose2fargate.emitters.terraform.terraform_blocks import (
    Body,
    RenderScope,
    arguments,
    id_list,
    nested_block,
    resource_block,
    tags_argument,
)
from compose2fargate.emitters.terraform.terraform_inputs import password_value


def render_database_subnets(scope: RenderScope, logical_id: str, group: DbSubnetGroup) -> Iterator[HclBlock]:
    """Render the subnets of databases."""
    name, description = group.db_subnet_group_name, group.db_subnet_group_description
    yield _subnets(scope, logical_id, group, name, description)


def _subnets(
    scope: RenderScope, logical_id: str, group: DbSubnetGroup | CacheSubnetGroup, name: str, description: str
) -> HclBlock:
    values = {"name": name, "description": description, "subnet_ids": id_list(scope, group.subnet_ids)}
    return resource_block(scope, logical_id, arguments(values), tags_argument(scope, group.tags))


def render_database_parameters(
    scope: RenderScope, logical_id: str, group: DbParameterGroup
) -> Iterator[HclBlock]:
    """Render the settings of a database: static ones count when it starts the next time, and RDS takes no other way for them."""
    name, family = group.db_parameter_group_name, group.db_parameter_group_family
    yield _parameters(scope, logical_id, group, name, family, {"apply_method": "pending-reboot"})


def _parameters(
    scope: RenderScope, logical_id: str, group: DbParameterGroup | CacheParameterGroup, name: str, family: str,
    each: Mapping[str, str],
) -> HclBlock:  # fmt: skip
    """Render a group of settings; the one of another family is made first, since AWS deletes none that is in use."""
    return resource_block(
        scope,
        logical_id,
        arguments({"name": name, "family": family, "description": group.description}),
        tags_argument(scope, group.tags),
        [
            nested_block("parameter", {"name": setting, "value": value, **each})
            for setting, value in sorted(group.parameters.items())
        ],
        [nested_block("lifecycle", {"create_before_destroy": True})],
    )


def render_database(scope: RenderScope, logical_id: str, made: DbInstance) -> Iterator[HclBlock]:
    """Render a database. Its password is written and kept in no state; its data outlives the module."""
    kind = {
        "identifier": made.db_instance_identifier,
        "engine": made.engine,
        "engine_version": made.engine_version,
        "allow_major_version_upgrade": made.allow_major_version_upgrade,
        "instance_class": made.db_instance_class,
        "allocated_storage": made.allocated_storage,
        "max_allocated_storage": made.max_allocated_storage,
        "storage_type": made.storage_type,
        "storage_encrypted": made.storage_encrypted,
        "multi_az": made.multi_az,
    }
    login = {
        "db_name": made.db_name,
        "username": made.master_username,
        "password_wo": password_value(scope.stack, scope.addresses, made.master_user_password),
    }
    yield resource_block(
        scope,
        logical_id,
        arguments(kind),
        [BREAK],
        arguments(login),
        [HclComment("One more each time that the secret has got another value: Terraform does not see it.")],
        arguments({"password_wo_version": 1}),
        [BREAK],
        _placed(scope, made),
        [BREAK],
        _kept(made),
        tags_argument(scope, made.tags),
        [_stays()],
    )


def _placed(scope: RenderScope, made: DbInstance) -> Body:
    return arguments(
        {
            "db_subnet_group_name": scope.addresses.of(made.db_subnet_group_name),
            "vpc_security_group_ids": id_list(scope, made.vpc_security_group_ids),
            "parameter_group_name": scope.addresses.of(made.db_parameter_group_name),
            "port": made.port,
            "publicly_accessible": made.publicly_accessible,
        }
    )


def _kept(made: DbInstance) -> Body:
    return arguments(
        {
            "backup_retention_period": made.backup_retention_period,
            "backup_window": made.preferred_backup_window,
            "maintenance_window": made.preferred_maintenance_window,
            "auto_minor_version_upgrade": made.auto_minor_version_upgrade,
            "copy_tags_to_snapshot": made.copy_tags_to_snapshot,
            "enabled_cloudwatch_logs_exports": list(made.enable_cloudwatch_logs_exports),
            "deletion_protection": made.deletion_protection,
            "skip_final_snapshot": False,
            "final_snapshot_identifier": f"{made.db_instance_identifier}-final",
        }
    )


def _stays() -> HclBlock:
    """Keep a plan from destroying data: https://developer.hashicorp.com/terraform/language/meta-arguments/lifecycle."""
    return HclBlock(
        "lifecycle",
        (),
        (
            HclComment("A plan that would destroy it, or put another one in its place, is refused."),
            HclAttribute("prevent_destroy", True),
        ),
    )


def render_cache_subnets(scope: RenderScope, logical_id: str, group: CacheSubnetGroup) -> Iterator[HclBlock]:
    """Render the subnets of caches."""
    name, description = group.cache_subnet_group_name, group.cache_subnet_group_description
    yield _subnets(scope, logical_id, group, name, description)


def render_cache_parameters(
    scope: RenderScope, logical_id: str, group: CacheParameterGroup
) -> Iterator[HclBlock]:
    """Render the settings of a cache."""
    name, family = group.cache_parameter_group_name, group.cache_parameter_group_family
    yield _parameters(scope, logical_id, group, name, family, {})


def render_cache(scope: RenderScope, logical_id: str, made: CacheReplicationGroup) -> Iterator[HclBlock]:
    """Render a cache."""
    kind = {
        "replication_group_id": made.replication_group_id,
        "description": made.replication_group_description,
        "engine": made.engine,
        "engine_version": made.engine_version,
        "node_type": made.cache_node_type,
        "num_cache_clusters": made.num_cache_clusters,
        "automatic_failover_enabled": made.automatic_failover_enabled,
        "multi_az_enabled": made.multi_az_enabled,
    }
    placed = {
        "subnet_group_name": scope.addresses.of(made.cache_subnet_group_name),
        "security_group_ids": id_list(scope, made.security_group_ids),
        "parameter_group_name": scope.addresses.of(made.cache_parameter_group_name),
        "port": made.port,
        "at_rest_encryption_enabled": made.at_rest_encryption_enabled,
        "transit_encryption_enabled": made.transit_encryption_enabled,
        "transit_encryption_mode": made.transit_encryption_mode,
    }
    kept = {
        "snapshot_retention_limit": made.snapshot_retention_limit,
        "snapshot_window": made.snapshot_window,
        "maintenance_window": made.preferred_maintenance_window,
        "auto_minor_version_upgrade": made.auto_minor_version_upgrade,
        "final_snapshot_identifier": f"{made.replication_group_id}-final",
    }
    yield resource_block(
        scope,
        logical_id,
        arguments(kind),
        [BREAK],
        arguments(placed),
        [BREAK],
        arguments(kept),
        tags_argument(scope, made.tags),
    )


def render_discovery_instance(
    scope: RenderScope, logical_id: str, made: DiscoveryInstance
) -> Iterator[HclBlock]:
    """Render what a name of a store leads to."""
    values = {
        "instance_id": made.instance_id,
        "service_id": scope.addresses.of(made.service_id),
        "attributes": {"AWS_INSTANCE_CNAME": scope.addresses.of(made.target)},
    }
    yield resource_block(scope, logical_id, arguments(values))
