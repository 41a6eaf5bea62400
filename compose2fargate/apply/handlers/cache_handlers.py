"""ElastiCache: caches, and the subnet groups and parameter groups that they are set up by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    batches,
    delete_when_free,
    normalise_state,
    read_or_none,
    shown_tags,
    tag_list,
    tags_from,
)
from compose2fargate.apply.handlers.store_handler import (
    AVAILABLE,
    DataStoreHandler,
    StoreHandler,
    parameter_changes,
    sorted_members,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws import store_resources as stores
from compose2fargate.aws.api_values import Ref

_PARAMETERS_AT_ONCE: Final = 20
"""https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheParameterGroup.html"""


class CacheSubnetGroupHandler(StoreHandler):
    """The subnets of caches: found by name."""

    kind = stores.CacheSubnetGroup
    service, part, name_member = "elasticache", "subnetgroup", "cacheSubnetGroupName"
    missing = frozenset({"CacheSubnetGroupNotFoundFault"})
    exists = frozenset({"CacheSubnetGroupAlreadyExists"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Sort what has no order."""
        return sorted_members(super().want(resource, resolve, context), "subnetIds")

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the subnet groups."""
        return context.account.pages("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups")

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return self.named(want[self.name_member], context)

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        client = self.client(context)
        answer = read_or_none(self, lambda: client.describe_cache_subnet_groups(CacheSubnetGroupName=name))
        return self.described(answer["CacheSubnetGroups"][0], context) if answer else None

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Read it with its tags."""
        name, arn = one["CacheSubnetGroupName"], one["ARN"]
        tags = self.tags(arn, context)
        state = {
            "cacheSubnetGroupName": name,
            "cacheSubnetGroupDescription": one["CacheSubnetGroupDescription"],
            "subnetIds": sorted(subnet["SubnetIdentifier"] for subnet in one["Subnets"]),
            "tags": shown_tags(tags),
        }
        return FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, name=name)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it."""
        self.client(context).create_cache_subnet_group(
            CacheSubnetGroupName=want["cacheSubnetGroupName"],
            CacheSubnetGroupDescription=want["cacheSubnetGroupDescription"],
            SubnetIds=want["subnetIds"],
            Tags=tag_list(want["tags"]),
        )
        return self.finish(want, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the subnets, the description and the tags."""
        if changed - {"tags"}:
            self.client(context).modify_cache_subnet_group(
                CacheSubnetGroupName=found.key,
                CacheSubnetGroupDescription=want["cacheSubnetGroupDescription"],
                SubnetIds=want["subnetIds"],
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        client = self.client(context)
        delete_when_free(
            self, lambda: client.delete_cache_subnet_group(CacheSubnetGroupName=found.key), context
        )


class CacheParameterGroupHandler(StoreHandler):
    """Settings of caches: found by name, which holds the family, so that only settings and tags change."""

    kind = stores.CacheParameterGroup
    service, part, name_member = "elasticache", "parametergroup", "cacheParameterGroupName"
    missing = frozenset({"CacheParameterGroupNotFound"})
    exists = frozenset({"CacheParameterGroupAlreadyExists"})
    fixed = frozenset({"description", "cacheParameterGroupFamily"})

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the parameter groups."""
        return context.account.pages("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups")

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return self.named(want[self.name_member], context)

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        client = self.client(context)
        answer = read_or_none(
            self, lambda: client.describe_cache_parameter_groups(CacheParameterGroupName=name)
        )
        return self.described(answer["CacheParameterGroups"][0], context) if answer else None

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Read it with what is set in it, and its tags."""
        name, arn = one["CacheParameterGroupName"], one["ARN"]
        tags = self.tags(arn, context)
        own = context.account.pages(
            "elasticache",
            "describe_cache_parameters",
            "Parameters",
            CacheParameterGroupName=name,
            Source="user",
        )
        state = {
            "cacheParameterGroupName": name,
            "cacheParameterGroupFamily": one["CacheParameterGroupFamily"],
            "description": one["Description"],
            "parameters": {p["ParameterName"]: p["ParameterValue"] for p in own if "ParameterValue" in p},
            "tags": shown_tags(tags),
        }
        return FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, name=name)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it, and set what is to be set."""
        name = want["cacheParameterGroupName"]
        self.client(context).create_cache_parameter_group(
            CacheParameterGroupName=name,
            CacheParameterGroupFamily=want["cacheParameterGroupFamily"],
            Description=want["description"],
            Tags=tag_list(want["tags"]),
        )
        self._set(name, want.get("parameters", {}), context)
        return self.finish(want, context)

    def _set(self, name: str, values: dict[str, str], context: HandlerContext) -> None:
        for some in batches(values.items(), _PARAMETERS_AT_ONCE):
            self.client(context).modify_cache_parameter_group(
                CacheParameterGroupName=name,
                ParameterNameValues=[{"ParameterName": key, "ParameterValue": value} for key, value in some],
            )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Set what differs."""
        if "parameters" in changed:
            values, gone = parameter_changes(found.state.get("parameters", {}), want.get("parameters", {}))
            self._set(found.key, values, context)
            for some in batches(gone, _PARAMETERS_AT_ONCE):
                self.client(context).reset_cache_parameter_group(
                    CacheParameterGroupName=found.key,
                    ParameterNameValues=[{"ParameterName": key} for key in some],
                    ResetAllParameters=False,
                )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        client = self.client(context)
        delete_when_free(
            self, lambda: client.delete_cache_parameter_group(CacheParameterGroupName=found.key), context
        )


_NODES: Final = "numCacheClusters"
_NOT_AVAILABLE: Final = frozenset({"InvalidReplicationGroupState", "InvalidReplicationGroupStateFault"})
_TAG_POLLS: Final = 64
"""A quarter of an hour."""
_SPARE: Final = frozenset({"automaticFailoverEnabled", "multiAZEnabled"})


class CacheReplicationGroupHandler(DataStoreHandler):
    """Caches: found by name. Version, parameter group and security groups are told by their nodes only."""

    kind = stores.CacheReplicationGroup
    service, part, name_member = "elasticache", "replicationgroup", "replicationGroupId"
    title = "ElastiCache"
    look = "aws elasticache describe-events --source-type replication-group --source-identifier {name} --duration 1440"
    missing = frozenset({"ReplicationGroupNotFoundFault", "CacheClusterNotFound"})
    exists = frozenset({"ReplicationGroupAlreadyExists"})
    immutable = frozenset({"engine", "port", "cacheSubnetGroupName", "atRestEncryptionEnabled"})
    fixed = frozenset({"transitEncryptionEnabled", "transitEncryptionMode"})
    interrupting = frozenset({"cacheNodeType", "engineVersion"})
    lost = without_snapshot = never_made = frozenset({"create-failed"})
    ready = frozenset({AVAILABLE, "snapshotting"})
    snapshot_taken = "SnapshotAlreadyExistsFault"

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Sort what has no order."""
        members = super().want(resource, resolve, context)
        members["status"] = AVAILABLE
        return sorted_members(members, "securityGroupIds")

    def places(self, want: Json) -> int:
        """Give one: ElastiCache upgrades Valkey to the next minor version by itself, as 8.0 to 8.1."""
        return 1

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the caches."""
        return context.account.pages("elasticache", "describe_replication_groups", "ReplicationGroups")

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        client = self.client(context)

        def read() -> FoundResource:
            answer = client.describe_replication_groups(ReplicationGroupId=name)
            return self.described(answer["ReplicationGroups"][0], context)

        found: FoundResource | None = read_or_none(self, read)
        return found

    def tags_of(self, one: Json, context: HandlerContext) -> dict[str, str]:
        """Read the tags of a cache; those of one that is not available are in the tagging API only, which learns of them late.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ListTagsForResource.html
        """
        client, arn = self.client(context), one["ARN"]
        for poll in range(_TAG_POLLS):
            if one["Status"] == AVAILABLE:
                try:
                    return self.tags(arn, context)
                except context.account.client_error as error:
                    if error_code(error) not in _NOT_AVAILABLE:
                        raise
            # Nothing listed can mean no tags, or not yet: whose it is must not be guessed.
            listed = list(
                context.account.pages(
                    "resourcegroupstaggingapi",
                    "get_resources",
                    "ResourceTagMappingList",
                    ResourceARNList=[arn],
                )
            )
            if listed:
                return tags_from(listed[0]["Tags"])
            self.pause(one["Status"], poll, context)
            name = one["ReplicationGroupId"]
            one = client.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
        raise self.overdue(one["ReplicationGroupId"], one["Status"], "15 minutes")

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Read it with its tags and its first node."""
        name, status, tags = one["ReplicationGroupId"], one["Status"], self.tags_of(one, context)
        nodes = one.get("MemberClusters") or []
        node = self._node(nodes[0], context) if nodes else {}
        endpoint: Json = next(
            (g["PrimaryEndpoint"] for g in one.get("NodeGroups") or () if g.get("PrimaryEndpoint")), {}
        )
        state = {
            "replicationGroupId": name,
            "replicationGroupDescription": one.get("Description"),
            "engine": one.get("Engine") or node.get("Engine"),
            "engineVersion": node.get("EngineVersion"),
            "cacheNodeType": one.get("CacheNodeType"),
            _NODES: len(nodes) or None,
            "automaticFailoverEnabled": str(one.get("AutomaticFailover", "")).startswith("enabl"),
            "multiAZEnabled": one.get("MultiAZ") == "enabled",
            "cacheParameterGroupName": (node.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
            "cacheSubnetGroupName": node.get("CacheSubnetGroupName"),
            "securityGroupIds": sorted(g["SecurityGroupId"] for g in node.get("SecurityGroups") or ()),
            "port": endpoint.get("Port"),
            **{member: one.get(member[:1].upper() + member[1:]) for member in _SAME},
            "preferredMaintenanceWindow": node.get("PreferredMaintenanceWindow"),
            "status": self.shown_status(status),
            "tags": shown_tags(tags),
        }
        attributes = {"name": name, "arn": one["ARN"]}
        if endpoint.get("Address"):
            attributes["endpoint"] = endpoint["Address"]
        extra = {"status": status, "made": one.get("ReplicationGroupCreateTime")}
        return FoundResource(name, attributes, normalise_state(state), tags, extra, name)

    def _node(self, name: str, context: HandlerContext) -> Json:
        client = self.client(context)
        answer = read_or_none(self, lambda: client.describe_cache_clusters(CacheClusterId=name))
        found: Json = answer["CacheClusters"][0] if answer else {}
        return found

    def holds(self, found: FoundResource) -> Iterable[tuple[type[Any], Any]]:
        """Give what cannot go before it."""
        yield stores.CacheSubnetGroup, found.state.get("cacheSubnetGroupName")
        yield stores.CacheParameterGroup, found.state.get("cacheParameterGroupName")
        yield from ((aws.SecurityGroup, group) for group in found.state.get("securityGroupIds", ()))

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it and wait until it can be used; one of the same name that is being deleted goes first."""
        name = want["replicationGroupId"]
        self.until_gone(name, context)
        given = {m[:1].upper() + m[1:]: value for m, value in want.items() if m not in ("tags", "status")}
        self.client(context).create_replication_group(**given, Tags=tag_list(want["tags"]))
        self.settled(name, context)
        return self.finish(want, context)

    def change(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> None:
        """Change it now: nodes come before what needs two of them, and go after it."""
        client, count = self.client(context), want[_NODES]
        given = {m[:1].upper() + m[1:]: want[m] for m in sorted(changed - {_NODES}) if m in want}
        which = {"ReplicationGroupId": found.key, "ApplyImmediately": True}
        if _NODES in changed and count > found.state[_NODES]:
            client.increase_replica_count(NewReplicaCount=count - 1, **which)
            self.until_as_wanted(want, frozenset({_NODES}), context)
        if given:
            client.modify_replication_group(**which, **given)
        if _NODES in changed and count < found.state[_NODES]:
            self.until_as_wanted(want, changed & _SPARE, context)
            client.decrease_replica_count(NewReplicaCount=count - 1, **which)

    def remove(self, found: FoundResource, snapshot: str, context: HandlerContext) -> None:
        """Delete it."""
        client, kept = self.client(context), {"FinalSnapshotIdentifier": snapshot} if snapshot else {}
        read_or_none(self, lambda: client.delete_replication_group(ReplicationGroupId=found.key, **kept))


_SAME: Final = (
    "snapshotRetentionLimit", "atRestEncryptionEnabled", "transitEncryptionEnabled", "transitEncryptionMode",
    "autoMinorVersionUpgrade", "snapshotWindow",
)  # fmt: skip
"""Members that are called the same when a cache is made and when it is described."""
