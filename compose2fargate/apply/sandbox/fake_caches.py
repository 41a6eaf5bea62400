"""What moto lacks of ElastiCache: replication groups that take time, their nodes, and the groups that they are set up by.

A replication group takes a step each time that it is described; what is changed shows in the end. Its nodes know what the group does
not tell: version, parameter group, subnet group and security groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any, Final

Json = dict[str, Any]

_CREATED: Final = (*["creating"] * 4, "available")
_MODIFIED: Final = ("available", "modifying", "available")
_DELETED: Final = ("deleting", "deleting", "")
_AT_ONCE: Final = frozenset({"ReplicationGroupDescription", "SnapshotRetentionLimit", "SnapshotWindow"})


def patch_caches() -> None:
    """Replace what is missing in moto's ElastiCache."""
    from moto.elasticache.responses import ElastiCacheResponse as Responses

    for operation, answer in _OPERATIONS.items():
        setattr(Responses, operation, _answered(answer))
    Responses.create_cache_subnet_group = _with_known_subnets(Responses.create_cache_subnet_group)


Answer = Callable[["FakeCaches", Json], Json]


def _answered(answer: Answer) -> Callable[[Any], Any]:
    def operation(response: Any) -> Any:
        from moto.core.responses import ActionResult

        return ActionResult(answer(FakeCaches.of(response), response.params))

    return operation


def _refuse(code: str, message: str) -> Exception:
    from moto.elasticache.exceptions import ElastiCacheException

    error: Exception = ElastiCacheException(code, message)
    return error


def _with_known_subnets(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Refuse subnets that are not there, for which moto makes others up."""

    def created(response: Any) -> Any:
        from moto.ec2.models import ec2_backends

        ec2 = ec2_backends[response.current_account][response.region]
        for subnet in response.params.get("SubnetIds") or []:
            ec2.get_subnet(subnet)
        return create(response)

    return created


class FakeCaches:
    """The caches of one account and region: records as the API describes them, and the members that only nodes have."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.groups: dict[str, Json] = {}
        self.nodes: dict[str, Json] = {}
        self.parameters: dict[str, Json] = {}
        self.steps: dict[str, list[tuple[str, Json]]] = {}
        self.snapshots: list[str] = []

    @classmethod
    def of(cls, response: Any) -> FakeCaches:
        """Give the caches of an account and region."""
        backend = response.elasticache_backend
        found: FakeCaches = backend.__dict__.setdefault("sandbox_caches", cls(backend))
        return found

    def arn(self, kind: str, name: str) -> str:
        """Make an ARN."""
        return f"arn:aws:elasticache:{self.backend.region_name}:{self.backend.account_id}:{kind}:{name}"

    def found(self, name: str) -> Json:
        """Give a replication group by its name."""
        if name not in self.groups:
            raise _refuse("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
        return self.groups[name]

    def available(self, name: str) -> Json:
        """Give a replication group that can be changed."""
        group = self.found(name)
        if group["Status"] != "available":
            raise _refuse(
                "InvalidReplicationGroupState", f"Replication group must be in available state: {name}"
            )
        return group

    def taggable(self, arn: str) -> str:
        """Refuse an ARN of a replication group that is not available, also where its tags are only read.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ListTagsForResource.html
        """
        *_, kind, name = arn.split(":")
        if kind == "replicationgroup":
            self.available(name)
        return arn

    def step(self, name: str) -> None:
        """Take the next step of what a replication group is about."""
        if not self.steps.get(name):
            return
        status, change = self.steps[name].pop(0)
        group = self.groups[name]
        group["Status"] = status
        if not status:
            self.backend.tagging_service.delete_all_tags_for_resource(group["ARN"])
            del self.groups[name], self.nodes[name]
            return
        self.nodes[name].update(change.pop("nodes", {}))
        group.update(change)
        if "MemberClusters" in change or status == "available":
            group["NodeGroups"] = [self.endpoint(group)]

    def endpoint(self, group: Json) -> Json:
        """Make the one node group, whose primary has a name in the DNS."""
        name = group["ReplicationGroupId"]
        address = f"master.{name}.abc123.use1.cache.amazonaws.com"
        members = [
            {"CacheClusterId": one, "CacheNodeId": "0001", "CurrentRole": "replica" if at else "primary"}
            for at, one in enumerate(group["MemberClusters"])
        ]
        port = self.nodes[name]["Port"]
        primary = {"Address": address, "Port": port}
        return {
            "NodeGroupId": "0001",
            "Status": "available",
            "PrimaryEndpoint": primary,
            "NodeGroupMembers": members,
        }


def _members(name: str, count: int) -> list[str]:
    return [f"{name}-{number:03}" for number in range(1, count + 1)]


def _on(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _switch(value: Any) -> str:
    return "enabled" if _on(value) else "disabled"


def _create(caches: FakeCaches, given: Json) -> Json:
    name, count = given["ReplicationGroupId"], int(given.get("NumCacheClusters") or 1)
    if name in caches.groups:
        raise _refuse("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    caches.backend.describe_cache_subnet_groups(given["CacheSubnetGroupName"])
    _check_parameters(caches, given["CacheParameterGroupName"], given["Engine"], given["EngineVersion"])
    if _on(given.get("AutomaticFailoverEnabled")) and count < 2:
        raise _refuse(
            "InvalidParameterCombination",
            "When using automatic failover, there must be at least 2 cache clusters in the replication group.",
        )
    if given.get("AuthToken") and not _on(given.get("TransitEncryptionEnabled")):
        raise _refuse("InvalidParameterCombination", "AUTH tokens require encryption in transit.")
    caches.nodes[name] = {
        "EngineVersion": _full(given["EngineVersion"]),
        "CacheParameterGroupName": given["CacheParameterGroupName"],
        "CacheSubnetGroupName": given["CacheSubnetGroupName"],
        "SecurityGroupIds": list(given.get("SecurityGroupIds") or []),
        "PreferredMaintenanceWindow": given.get("PreferredMaintenanceWindow"),
        "Port": int(given.get("Port") or 6379),
    }
    arn = caches.arn("replicationgroup", name)
    caches.groups[name] = {
        "ReplicationGroupId": name, "Description": given["ReplicationGroupDescription"], "Status": "creating",
        "PendingModifiedValues": {}, "MemberClusters": _members(name, count), "NodeGroups": [],
        "AutomaticFailover": _switch(given.get("AutomaticFailoverEnabled")), "MultiAZ": _switch(given.get("MultiAZEnabled")),
        "SnapshotRetentionLimit": int(given.get("SnapshotRetentionLimit") or 0),
        "SnapshotWindow": given.get("SnapshotWindow"), "ClusterEnabled": False, "CacheNodeType": given["CacheNodeType"],
        "AuthTokenEnabled": False, "TransitEncryptionEnabled": _on(given.get("TransitEncryptionEnabled")),
        "AtRestEncryptionEnabled": _on(given.get("AtRestEncryptionEnabled")), "ARN": arn,
        "ReplicationGroupCreateTime": datetime.now(timezone.utc), "Engine": given["Engine"],
        "AutoMinorVersionUpgrade": _on(given.get("AutoMinorVersionUpgrade", True)),
        "TransitEncryptionMode": given.get("TransitEncryptionMode"), "ClusterMode": "disabled",
    }  # fmt: skip
    caches.backend.tagging_service.tag_resource(arn, given.get("Tags") or [])
    caches.steps[name] = [(status, {}) for status in _CREATED]
    return {"ReplicationGroup": caches.groups[name]}


def _full(version: str) -> str:
    """Give the whole version, of which the last part is ElastiCache's own choice."""
    return version if version.count(".") > 1 else f"{version}.1"


def _check_parameters(caches: FakeCaches, name: str, engine: str, version: str) -> None:
    if name not in caches.parameters:
        raise _refuse("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    family, wanted = caches.parameters[name]["CacheParameterGroupFamily"], engine + version.partition(".")[0]
    if family != wanted:
        raise _refuse(
            "InvalidParameterCombination",
            f"Expected a parameter group of family {wanted} but found one of family {family}",
        )


def _describe(caches: FakeCaches, given: Json) -> Json:
    name = given.get("ReplicationGroupId")
    for one in [name] if name else list(caches.groups):
        if one in caches.groups:
            caches.step(one)
    return {"ReplicationGroups": [caches.found(name)] if name else list(caches.groups.values())}


def _describe_nodes(caches: FakeCaches, given: Json) -> Json:
    wanted, found = given.get("CacheClusterId"), []
    for name, group in caches.groups.items():
        node = caches.nodes[name]
        found += [
            {
                **{k: node[k] for k in ("EngineVersion", "CacheSubnetGroupName", "PreferredMaintenanceWindow")},
                "CacheClusterId": member, "CacheClusterStatus": group["Status"], "CacheNodeType": group["CacheNodeType"],
                "CacheParameterGroup": {"CacheParameterGroupName": node["CacheParameterGroupName"], "ParameterApplyStatus": "in-sync"},
                "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"} for one in node["SecurityGroupIds"]],
                "Engine": group["Engine"], "NumCacheNodes": 1, "ReplicationGroupId": name,
                "ARN": caches.arn("cluster", member), "AutoMinorVersionUpgrade": group["AutoMinorVersionUpgrade"],
            }
            for member in group["MemberClusters"]
        ]  # fmt: skip
    found = [one for one in found if wanted in (None, one["CacheClusterId"])]
    if wanted and not found:
        raise _refuse("CacheClusterNotFound", f"Cache cluster {wanted} not found.")
    return {"CacheClusters": found}


_OF_GROUPS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "ReplicationGroupDescription": ("Description", str),
    "SnapshotRetentionLimit": ("SnapshotRetentionLimit", int),
    "SnapshotWindow": ("SnapshotWindow", str),
    "CacheNodeType": ("CacheNodeType", str),
    "AutomaticFailoverEnabled": ("AutomaticFailover", _switch),
    "MultiAZEnabled": ("MultiAZ", _switch),
    "AutoMinorVersionUpgrade": ("AutoMinorVersionUpgrade", _on),
}
_OF_NODES: Final[dict[str, Callable[[Any], Any]]] = {
    "EngineVersion": _full,
    "CacheParameterGroupName": str,
    "SecurityGroupIds": list,
    "PreferredMaintenanceWindow": str,
}


def _modify(caches: FakeCaches, given: Json) -> Json:
    name = given["ReplicationGroupId"]
    group, node = caches.available(name), caches.nodes[name]
    version = given.get("EngineVersion") or node["EngineVersion"]
    if version < node["EngineVersion"].rpartition(".")[0]:
        raise _refuse("InvalidParameterValue", f"Engine version cannot be downgraded to {version}")
    _check_parameters(
        caches,
        given.get("CacheParameterGroupName") or node["CacheParameterGroupName"],
        group["Engine"],
        version,
    )
    if _on(given.get("AutomaticFailoverEnabled")) and len(group["MemberClusters"]) < 2:
        raise _refuse(
            "InvalidParameterCombination",
            "Automatic failover cannot be enabled with fewer than 2 cache clusters.",
        )
    changed: Json = {own: read(given[k]) for k, (own, read) in _OF_GROUPS.items() if k in given}
    changed["nodes"] = {k: read(given[k]) for k, read in _OF_NODES.items() if k in given}
    if set(given) - {"ReplicationGroupId", "ApplyImmediately"} <= _AT_ONCE:
        group.update({k: v for k, v in changed.items() if k != "nodes"})
    else:
        _begin(caches, name, changed)
    return {"ReplicationGroup": group}


def _begin(caches: FakeCaches, name: str, changed: Json) -> None:
    *before, last = _MODIFIED
    caches.steps[name] = [*((status, {}) for status in before), (last, changed)]


def _count(caches: FakeCaches, given: Json) -> Json:
    name, count = given["ReplicationGroupId"], int(given["NewReplicaCount"]) + 1
    group = caches.available(name)
    if count < 2 and group["AutomaticFailover"] == "enabled":
        raise _refuse(
            "InvalidParameterCombination",
            "At least 2 cache clusters are needed while automatic failover is enabled.",
        )
    if count == len(group["MemberClusters"]):
        raise _refuse("NoOperationFault", "The operation would not make any changes.")
    _begin(caches, name, {"MemberClusters": _members(name, count)})
    return {"ReplicationGroup": group}


def _delete(caches: FakeCaches, given: Json) -> Json:
    name, final = given["ReplicationGroupId"], given.get("FinalSnapshotIdentifier")
    group = caches.available(name)
    if final in caches.snapshots:
        raise _refuse("SnapshotAlreadyExistsFault", f"Snapshot with name {final} already exists.")
    if final:
        caches.snapshots.append(final)
    group["Status"], caches.steps[name] = "deleting", [(status, {}) for status in _DELETED]
    return {"ReplicationGroup": group}


def _describe_snapshots(caches: FakeCaches, _: Json) -> Json:
    return {"Snapshots": [{"SnapshotName": name, "SnapshotStatus": "available"} for name in caches.snapshots]}


# -- groups


def _users_of(caches: FakeCaches, member: str, name: str) -> Iterable[str]:
    return [one for one, node in caches.nodes.items() if node[member] == name]


def _delete_subnet_group(caches: FakeCaches, given: Json) -> Json:
    name = given["CacheSubnetGroupName"]
    caches.backend.describe_cache_subnet_groups(name)
    if _users_of(caches, "CacheSubnetGroupName", name):
        raise _refuse(
            "CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster."
        )
    group = caches.backend.cache_subnet_groups.pop(name)
    caches.backend.tagging_service.delete_all_tags_for_resource(group.arn)
    return {}


def _modify_subnet_group(caches: FakeCaches, given: Json) -> Json:
    from moto.elasticache.models import CacheSubnetGroup

    name = given["CacheSubnetGroupName"]
    (group,) = caches.backend.describe_cache_subnet_groups(name)
    changed = CacheSubnetGroup(
        caches.backend.account_id,
        caches.backend.region_name,
        name,
        given.get("CacheSubnetGroupDescription") or group.cache_subnet_group_description,
        given.get("SubnetIds") or group.subnet_ids,
        group.tags,
    )
    caches.backend.cache_subnet_groups[name] = changed
    return {"CacheSubnetGroup": changed}


def _parameter_group(caches: FakeCaches, given: Json) -> Json:
    name = given["CacheParameterGroupName"]
    if name not in caches.parameters:
        raise _refuse("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    return caches.parameters[name]


def _create_parameter_group(caches: FakeCaches, given: Json) -> Json:
    name = given["CacheParameterGroupName"]
    if name in caches.parameters:
        raise _refuse("CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists.")
    arn = caches.arn("parametergroup", name)
    caches.parameters[name] = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": given["CacheParameterGroupFamily"],
        "Description": given["Description"],
        "IsGlobal": False,
        "ARN": arn,
        "values": {},
    }
    caches.backend.tagging_service.tag_resource(arn, given.get("Tags") or [])
    return {"CacheParameterGroup": caches.parameters[name]}


def _describe_parameter_groups(caches: FakeCaches, given: Json) -> Json:
    found = (
        [_parameter_group(caches, given)]
        if given.get("CacheParameterGroupName")
        else caches.parameters.values()
    )
    return {"CacheParameterGroups": list(found)}


def _describe_parameters(caches: FakeCaches, given: Json) -> Json:
    values = _parameter_group(caches, given)["values"]
    own = [
        {"ParameterName": name, "ParameterValue": value, "Source": "user"} for name, value in values.items()
    ]
    rest = [{"ParameterName": "timeout", "ParameterValue": "0", "Source": "system"}]
    return {"Parameters": own if given.get("Source") == "user" else own + rest}


def _modify_parameters(caches: FakeCaches, given: Json) -> Json:
    group = _parameter_group(caches, given)
    group["values"].update(
        {one["ParameterName"]: one["ParameterValue"] for one in given["ParameterNameValues"]}
    )
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


def _reset_parameters(caches: FakeCaches, given: Json) -> Json:
    group = _parameter_group(caches, given)
    if _on(given.get("ResetAllParameters", True)):
        group["values"].clear()
    for one in given.get("ParameterNameValues") or ():
        group["values"].pop(one["ParameterName"], None)
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


def _delete_parameter_group(caches: FakeCaches, given: Json) -> Json:
    name = _parameter_group(caches, given)["CacheParameterGroupName"]
    if _users_of(caches, "CacheParameterGroupName", name):
        raise _refuse(
            "InvalidCacheParameterGroupState",
            f"One or more cache clusters are still members of this parameter group {name}.",
        )
    caches.backend.tagging_service.delete_all_tags_for_resource(caches.parameters.pop(name)["ARN"])
    return {}


def _tags(caches: FakeCaches, given: Json) -> Json:
    arn = caches.taggable(given["ResourceName"])
    tags: Json = caches.backend.tagging_service.list_tags_for_resource(arn)
    return {"TagList": tags["Tags"]}


def _tag(caches: FakeCaches, given: Json) -> Json:
    caches.backend.tagging_service.tag_resource(caches.taggable(given["ResourceName"]), given["Tags"])
    return _tags(caches, given)


def _untag(caches: FakeCaches, given: Json) -> Json:
    arn = caches.taggable(given["ResourceName"])
    caches.backend.tagging_service.untag_resource_using_names(arn, given["TagKeys"])
    return _tags(caches, given)


_OPERATIONS: Final[dict[str, Answer]] = {
    "list_tags_for_resource": _tags,
    "add_tags_to_resource": _tag,
    "remove_tags_from_resource": _untag,
    "create_replication_group": _create,
    "describe_replication_groups": _describe,
    "describe_cache_clusters": _describe_nodes,
    "modify_replication_group": _modify,
    "increase_replica_count": _count,
    "decrease_replica_count": _count,
    "delete_replication_group": _delete,
    "describe_snapshots": _describe_snapshots,
    "delete_cache_subnet_group": _delete_subnet_group,
    "modify_cache_subnet_group": _modify_subnet_group,
    "create_cache_parameter_group": _create_parameter_group,
    "describe_cache_parameter_groups": _describe_parameter_groups,
    "describe_cache_parameters": _describe_parameters,
    "modify_cache_parameter_group": _modify_parameters,
    "reset_cache_parameter_group": _reset_parameters,
    "delete_cache_parameter_group": _delete_parameter_group,
}
