"""What has to be allowed for databases and caches. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticache.html and
https://docs.aws.amazon.com/cloud-map/latest/dg/security_iam_id-based-policy-examples.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from compose2fargate.apply.permission_rules import (
    ArnScope,
    PermissionRule,
    cloud_map,
    everything,
    names_of,
    narrow,
    ours,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws import store_resources as stores


def _databases(where: ArnScope) -> list[str]:
    """Name databases with their groups and last snapshots; option groups are RDS's own."""
    names = narrow(
        (one.db_instance_identifier for _, one in where.stack.of_type(stores.DbInstance)), where.stack.name
    )
    groups = names_of(stores.DbParameterGroup, "db_parameter_group_name")(where)
    subnets = names_of(stores.DbSubnetGroup, "db_subnet_group_name")(where)
    found = [where.arn("rds", f"{kind}:{name}") for name in names for kind in ("db", "snapshot")]
    found = [f"{arn}-final-*" if ":snapshot:" in arn else arn for arn in found]
    found += [where.arn("rds", f"pg:{name}") for name in groups] + [
        where.arn("rds", f"subgrp:{name}") for name in subnets
    ]
    return [*found, where.arn("rds", "og:default:*")] if found else []


def _caches(where: ArnScope) -> list[str]:
    """Name caches with their nodes, groups and last snapshots."""
    names = narrow(
        (one.replication_group_id for _, one in where.stack.of_type(stores.CacheReplicationGroup)),
        where.stack.name,
    )
    forms = ("replicationgroup:{name}", "cluster:{name}-*", "snapshot:{name}-final-*")
    groups = names_of(stores.CacheParameterGroup, "cache_parameter_group_name")(where)
    subnets = names_of(stores.CacheSubnetGroup, "cache_subnet_group_name")(where)
    found = [where.arn("elasticache", form.format(name=name)) for name in names for form in forms]
    found += [where.arn("elasticache", f"parametergroup:{name}") for name in groups]
    return found + [where.arn("elasticache", f"subnetgroup:{name}") for name in subnets]


def _passwords(service: str) -> Callable[[ArnScope], list[str]]:
    """Give the secrets of the user's that hold passwords of databases, of one service."""

    def arns(where: ArnScope) -> list[str]:
        links = {one.master_user_password.logical_id for _, one in where.stack.of_type(stores.DbInstance)}
        given = [one for node, one in where.stack.of_type(aws.Existing) if node in links]
        kind, form = _SECRET_FORMS[service]
        names = [one.identifier for one in given if one.kind == kind]
        return sorted(
            n if n.startswith("arn:") else where.arn(service, form.format(name=n.lstrip("/"))) for n in names
        )

    return arns


_SECRET_FORMS = {
    "ssm": ("SecretParameter", "parameter/{name}"),
    "secretsmanager": ("ManagedSecret", "secret:{name}-*"),
}


STORE_RULES: Final = (
    PermissionRule("Databases", ("rds:AddTagsToResource", "rds:CreateDBInstance", "rds:CreateDBParameterGroup",
                         "rds:CreateDBSnapshot", "rds:CreateDBSubnetGroup", "rds:DeleteDBInstance", "rds:DeleteDBParameterGroup",
                         "rds:DeleteDBSubnetGroup", "rds:ModifyDBInstance", "rds:ModifyDBParameterGroup",
                         "rds:ModifyDBSubnetGroup", "rds:RemoveTagsFromResource", "rds:ResetDBParameterGroup"),
         _databases, kinds=(stores.DbInstance, stores.DbParameterGroup, stores.DbSubnetGroup)),
    PermissionRule("Caches", ("elasticache:AddTagsToResource", "elasticache:CreateCacheParameterGroup",
                      "elasticache:CreateCacheSubnetGroup", "elasticache:CreateReplicationGroup", "elasticache:CreateSnapshot",
                      "elasticache:DecreaseReplicaCount", "elasticache:DeleteCacheParameterGroup",
                      "elasticache:DeleteCacheSubnetGroup", "elasticache:DeleteReplicationGroup",
                      "elasticache:IncreaseReplicaCount", "elasticache:ModifyCacheParameterGroup",
                      "elasticache:ModifyCacheSubnetGroup", "elasticache:ModifyReplicationGroup",
                      "elasticache:RemoveTagsFromResource", "elasticache:ResetCacheParameterGroup"),
         _caches, kinds=(stores.CacheReplicationGroup, stores.CacheParameterGroup, stores.CacheSubnetGroup)),
    PermissionRule("StorePasswords", ("secretsmanager:GetSecretValue",), _passwords("secretsmanager"), kinds=(stores.DbInstance,)),
    PermissionRule("StoreParameters", ("ssm:GetParameter",), _passwords("ssm"), kinds=(stores.DbInstance,)),
    PermissionRule("StoreNames", ("servicediscovery:DeregisterInstance", "servicediscovery:RegisterInstance"),
         cloud_map("service/*"), ours, (stores.DiscoveryInstance,)),
    PermissionRule("StoreRecords", ("route53:ChangeResourceRecordSets",), everything, kinds=(stores.DiscoveryInstance,)),
)  # fmt: skip
"""To make, change and delete them."""

SEE_STORES: Final = (
    PermissionRule("SeeDatabases", ("rds:DescribeDBInstances",), everything, kinds=(stores.DbInstance,)),
    PermissionRule(
        "SeeCaches",
        (
            "elasticache:DescribeCacheClusters",
            "elasticache:DescribeReplicationGroups",
            "elasticache:ListTagsForResource",
            "tag:GetResources",
        ),
        everything,
        kinds=(stores.CacheReplicationGroup,),
    ),
)
"""To show how they are."""
