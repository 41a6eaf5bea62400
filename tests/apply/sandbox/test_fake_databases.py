"""The fake RDS and ElastiCache: they take time, and refuse what AWS refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from compose2fargate.apply.sandbox.server import Sandbox

PASSWORD = "canary-Passw0rd-1"


class Stores:
    """Clients, and what a database and a cache need."""

    def __init__(self, session: Any) -> None:
        self.rds, self.elasticache, ec2 = (session.client(name) for name in ("rds", "elasticache", "ec2"))
        every = ec2.describe_subnets()["Subnets"]
        self.subnets = [subnet["SubnetId"] for subnet in every[:2]]
        self.group = ec2.create_security_group(GroupName="stores", Description="stores")["GroupId"]
        self.ec2 = ec2

    def groups(self) -> Stores:
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="shop", DBSubnetGroupDescription="d", SubnetIds=self.subnets
        )
        self.rds.create_db_parameter_group(
            DBParameterGroupName="shop-pg16", DBParameterGroupFamily="postgres16", Description="d"
        )
        self.elasticache.create_cache_subnet_group(
            CacheSubnetGroupName="shop", CacheSubnetGroupDescription="d", SubnetIds=self.subnets
        )
        self.elasticache.create_cache_parameter_group(
            CacheParameterGroupName="shop-v7", CacheParameterGroupFamily="valkey7", Description="d"
        )
        return self

    def database(self, **members: Any) -> Any:
        given = {
            "DBInstanceIdentifier": "shop-db", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "EngineVersion": "16",
            "AllocatedStorage": 20, "MasterUsername": "app", "MasterUserPassword": PASSWORD, "DBSubnetGroupName": "shop",
            "DBParameterGroupName": "shop-pg16", "VpcSecurityGroupIds": [self.group], "DeletionProtection": True,
        }  # fmt: skip
        return self.rds.create_db_instance(**{**given, **members})

    def cache(self, **members: Any) -> Any:
        given = {
            "ReplicationGroupId": "shop-cache", "ReplicationGroupDescription": "d", "Engine": "valkey", "EngineVersion": "7.2",
            "CacheNodeType": "cache.t4g.micro", "NumCacheClusters": 1, "AutomaticFailoverEnabled": False,
            "CacheParameterGroupName": "shop-v7", "CacheSubnetGroupName": "shop", "SecurityGroupIds": [self.group],
        }  # fmt: skip
        return self.elasticache.create_replication_group(**{**given, **members})

    def seen(self) -> Any:
        return self.rds.describe_db_instances(DBInstanceIdentifier="shop-db")["DBInstances"][0]

    def seen_cache(self) -> Any:
        return self.elasticache.describe_replication_groups(ReplicationGroupId="shop-cache")[
            "ReplicationGroups"
        ][0]

    def settle(self) -> None:
        while self.seen()["DBInstanceStatus"] != "available" or self.seen()["PendingModifiedValues"]:
            pass


@pytest.fixture
def stores(sandbox: Sandbox, session: Any) -> Stores:
    return Stores(session)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def test_a_database_comes_after_a_while_and_has_an_endpoint_then(stores: Stores) -> None:
    stores.groups().database()
    first = stores.seen()
    assert (first["DBInstanceStatus"], "Endpoint" in first) == ("creating", False)
    states = [stores.seen()["DBInstanceStatus"] for _ in range(6)]
    assert states == [*["creating"] * 3, "backing-up", "available", "available"]
    assert stores.seen()["Endpoint"]["Address"].startswith("shop-db.")


def test_a_change_is_pending_while_the_database_seems_available(stores: Stores) -> None:
    stores.groups().database()
    stores.settle()
    stores.rds.modify_db_instance(
        DBInstanceIdentifier="shop-db", DBInstanceClass="db.t4g.small", ApplyImmediately=True
    )
    first = stores.seen()
    assert (first["DBInstanceStatus"], first["DBInstanceClass"]) == ("available", "db.t4g.micro")
    assert first["PendingModifiedValues"] == {"DBInstanceClass": "db.t4g.small"}
    assert stores.seen()["DBInstanceStatus"] == "modifying"
    stores.settle()
    assert stores.seen()["DBInstanceClass"] == "db.t4g.small"


def test_a_protected_database_is_not_deleted_and_a_snapshot_has_a_name_of_its_own(stores: Stores) -> None:
    stores.groups().database()
    stores.settle()
    stores.rds.create_db_snapshot(DBInstanceIdentifier="shop-db", DBSnapshotIdentifier="taken")

    def delete(snapshot: str) -> Any:
        return stores.rds.delete_db_instance(
            DBInstanceIdentifier="shop-db", FinalDBSnapshotIdentifier=snapshot
        )

    assert refused(lambda: delete("free")) == "InvalidParameterCombination"
    stores.rds.modify_db_instance(
        DBInstanceIdentifier="shop-db", DeletionProtection=False, ApplyImmediately=True
    )
    assert stores.seen()["DeletionProtection"] is False
    assert refused(lambda: delete("taken")) == "DBSnapshotAlreadyExists"
    delete("free")
    assert refused(lambda: stores.rds.delete_db_parameter_group(DBParameterGroupName="shop-pg16")) == (
        "InvalidDBParameterGroupState"
    )
    assert refused(lambda: stores.rds.delete_db_subnet_group(DBSubnetGroupName="shop")) == (
        "InvalidDBSubnetGroupStateFault"
    )
    assert refused(lambda: stores.ec2.delete_security_group(GroupId=stores.group)) == "DependencyViolation"
    assert [stores.seen()["DBInstanceStatus"] for _ in range(2)] == ["deleting", "deleting"]
    assert refused(stores.seen) == "DBInstanceNotFound"
    stores.rds.delete_db_parameter_group(DBParameterGroupName="shop-pg16")
    stores.rds.delete_db_subnet_group(DBSubnetGroupName="shop")
    snapshots = stores.rds.describe_db_snapshots()["DBSnapshots"]
    assert {one["DBSnapshotIdentifier"] for one in snapshots} == {"taken", "free"}


@pytest.mark.parametrize(
    "password", ["short", "with/slash1", 'with"quote', "with@sign1", "with blank", "x" * 129, "newline1\n"]
)
def test_what_is_no_password_is_refused(stores: Stores, password: str) -> None:
    stores.groups()
    assert refused(lambda: stores.database(MasterUserPassword=password)) == "InvalidParameterValue"


def test_a_subnet_group_needs_two_zones(stores: Stores) -> None:
    given = {"DBSubnetGroupName": "one", "DBSubnetGroupDescription": "d", "SubnetIds": stores.subnets[:1]}
    assert refused(lambda: stores.rds.create_db_subnet_group(**given)) == "DBSubnetGroupDoesNotCoverEnoughAZs"


def test_a_major_version_needs_the_flag_and_the_family(stores: Stores) -> None:
    stores.groups().database()
    stores.settle()
    stores.rds.create_db_parameter_group(
        DBParameterGroupName="shop-pg17", DBParameterGroupFamily="postgres17", Description="d"
    )

    def upgrade(**members: Any) -> Any:
        return stores.rds.modify_db_instance(DBInstanceIdentifier="shop-db", EngineVersion="17", **members)

    assert refused(upgrade) == "InvalidParameterCombination"
    assert refused(lambda: upgrade(AllowMajorVersionUpgrade=True)) == "InvalidParameterCombination"
    upgrade(AllowMajorVersionUpgrade=True, DBParameterGroupName="shop-pg17", ApplyImmediately=True)
    stores.settle()
    assert stores.seen()["EngineVersion"].startswith("17")
    assert stores.seen()["DBParameterGroups"][0]["DBParameterGroupName"] == "shop-pg17"


def test_storage_never_shrinks(stores: Stores) -> None:
    stores.groups().database(AllocatedStorage=50)
    stores.settle()
    given = {"DBInstanceIdentifier": "shop-db", "AllocatedStorage": 20}
    assert refused(lambda: stores.rds.modify_db_instance(**given)) == "InvalidParameterCombination"


def test_parameters_are_read_by_source_and_reset(stores: Stores) -> None:
    rds = stores.groups().rds
    group = {"DBParameterGroupName": "shop-pg16"}
    one = {"ParameterName": "max_connections", "ParameterValue": "200"}
    static = {**group, "Parameters": [{**one, "ApplyMethod": "immediate"}]}
    assert refused(lambda: rds.modify_db_parameter_group(**static)) == "InvalidParameterCombination"
    rds.modify_db_parameter_group(**group, Parameters=[{**one, "ApplyMethod": "pending-reboot"}])
    own = rds.describe_db_parameters(**group, Source="user")["Parameters"]
    assert [(p["ParameterName"], p["ParameterValue"], p["ApplyType"]) for p in own] == [
        ("max_connections", "200", "static")
    ]
    assert len(rds.describe_db_parameters(**group)["Parameters"]) > 1
    other = {"ParameterName": "work_mem", "ParameterValue": "16384", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(**group, Parameters=[other])
    named = {
        **group,
        "Parameters": [{"ParameterName": "max_connections", "ApplyMethod": "pending-reboot"}],
    }
    rds.reset_db_parameter_group(**named, ResetAllParameters=False)
    own = rds.describe_db_parameters(**group, Source="user")["Parameters"]
    assert [p["ParameterName"] for p in own] == ["work_mem"]
    rds.reset_db_parameter_group(**named)
    assert rds.describe_db_parameters(**group, Source="user")["Parameters"] == []


def test_tags_of_a_cache_that_is_not_available_are_in_the_tagging_api_only(
    stores: Stores, session: Any
) -> None:
    stores.groups().cache(Tags=[{"Key": "a", "Value": "b"}])
    arn = stores.seen_cache()["ARN"]
    for call in (
        lambda: stores.elasticache.list_tags_for_resource(ResourceName=arn),
        lambda: stores.elasticache.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "c", "Value": "d"}]),
        lambda: stores.elasticache.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"]),
    ):
        assert refused(call) == "InvalidReplicationGroupState"
    listed = session.client("resourcegroupstaggingapi").get_resources(ResourceARNList=[arn])
    assert [(one["ResourceARN"], one["Tags"]) for one in listed["ResourceTagMappingList"]] == [
        (arn, [{"Key": "a", "Value": "b"}])
    ]
    while stores.seen_cache()["Status"] != "available":
        pass
    assert stores.elasticache.list_tags_for_resource(ResourceName=arn)["TagList"]


def test_parameters_of_a_cache_are_all_reset_unless_told_otherwise(stores: Stores) -> None:
    cache, group = stores.groups().elasticache, {"CacheParameterGroupName": "shop-v7"}
    values = [{"ParameterName": name, "ParameterValue": "1"} for name in ("timeout", "tcp-keepalive")]
    cache.modify_cache_parameter_group(**group, ParameterNameValues=values)
    named = {**group, "ParameterNameValues": [{"ParameterName": "timeout"}]}

    def own() -> list[str]:
        answer = cache.describe_cache_parameters(**group, Source="user")
        return [one["ParameterName"] for one in answer["Parameters"]]

    cache.reset_cache_parameter_group(**named, ResetAllParameters=False)
    assert own() == ["tcp-keepalive"]
    cache.reset_cache_parameter_group(**named)
    assert own() == []


def test_a_cache_comes_is_changed_and_goes(stores: Stores) -> None:
    cache = stores.groups().elasticache
    stores.cache()
    first = stores.seen_cache()
    assert (first["Status"], first["NodeGroups"]) == ("creating", [])
    while stores.seen_cache()["Status"] != "available":
        pass
    assert stores.seen_cache()["NodeGroups"][0]["PrimaryEndpoint"]["Port"] == 6379
    assert refused(
        lambda: cache.modify_replication_group(ReplicationGroupId="shop-cache", EngineVersion="8.0")
    ) == ("InvalidParameterCombination")
    cache.modify_replication_group(
        ReplicationGroupId="shop-cache", CacheNodeType="cache.t4g.small", ApplyImmediately=True
    )
    assert stores.seen_cache()["CacheNodeType"] == "cache.t4g.micro"
    while stores.seen_cache()["CacheNodeType"] != "cache.t4g.small":
        pass
    (node,) = cache.describe_cache_clusters(CacheClusterId="shop-cache-001")["CacheClusters"]
    assert (node["EngineVersion"], node["CacheParameterGroup"]["CacheParameterGroupName"]) == (
        "7.2.1",
        "shop-v7",
    )
    assert refused(lambda: cache.delete_cache_parameter_group(CacheParameterGroupName="shop-v7")) == (
        "InvalidCacheParameterGroupState"
    )
    assert (
        refused(lambda: cache.delete_cache_subnet_group(CacheSubnetGroupName="shop"))
        == "CacheSubnetGroupInUse"
    )
    cache.delete_replication_group(ReplicationGroupId="shop-cache", FinalSnapshotIdentifier="last")
    assert [stores.seen_cache()["Status"] for _ in range(2)] == ["deleting", "deleting"]
    assert refused(stores.seen_cache) == "ReplicationGroupNotFoundFault"
    stores.cache()
    while stores.seen_cache()["Status"] != "available":
        pass
    again = {"ReplicationGroupId": "shop-cache", "FinalSnapshotIdentifier": "last"}
    assert refused(lambda: cache.delete_replication_group(**again)) == "SnapshotAlreadyExistsFault"
