"""What moto takes too lightly about databases: they take time, keep what is pending, and refuse what RDS refuses.

A database takes a step each time that it is described, as services do in `fake_ecs_account`. What is changed is pending first, and
the database is `available` all the while: RDS begins a moment after it has answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

Json = dict[str, Any]

_CREATED: Final = (*["creating"] * 4, "backing-up", "available")
_MODIFIED: Final = ("available", "modifying", "modifying", "available")
_DELETED: Final = ("deleting", "deleting", "")
_PENDING: Final = ("DBInstanceClass", "AllocatedStorage", "MultiAZ", "EngineVersion", "StorageType")
"""What waits among the pending values; all else is done at once."""
_FULL: Final = "storage-full"
_OF_STORAGE: Final = frozenset(
    {"DBInstanceIdentifier", "ApplyImmediately", "AllocatedStorage", "MaxAllocatedStorage", "Iops", "StorageThroughput"}
)  # fmt: skip
_STRIPED: Final = 400
"""GiB from which gp3 lies on four volumes."""
_PASSWORD: Final = re.compile(r"[!-~]{8,128}")
_NOT_IN_PASSWORDS: Final = frozenset('/"@ ')
_MOST_PARAMETERS: Final = 20
_STATIC: Final = frozenset({"max_connections", "rds.force_ssl", "shared_buffers", "character_set_server"})
"""Parameters that a running server does not take; the others are dynamic."""


def patch_databases() -> None:
    """Replace what is missing in moto's RDS."""
    from moto.rds.responses import RDSResponse as Responses

    for operation, make in _OPERATIONS.items():
        setattr(Responses, operation, make(getattr(Responses, operation, None)))
    from moto.rds.models import DBInstance, DBParameterGroup

    address = DBInstance.endpoint.fget
    DBInstance.endpoint = property(
        lambda self: address(self) if getattr(self, "sandbox_endpoint", True) else None
    )
    DBInstance.pending_modified_values = property(lambda self: getattr(self, "sandbox_pending", {}))
    DBParameterGroup.db_parameter_group_family = property(lambda self: self.family)


Operation = Callable[[Any], Any]


def _refuse(code: str, message: str) -> Exception:
    from moto.rds.exceptions import RDSClientError

    error: Exception = RDSClientError(code, message)
    return error


# -- databases


def _step(backend: Any, instance: Any) -> None:
    """Take the next step of what a database is about."""
    steps = instance.__dict__.setdefault("sandbox_steps", [])
    if not steps:
        return
    instance.status = steps.pop(0)
    if instance.status == "":
        backend.databases.pop(instance.db_instance_identifier, None)
    elif instance.status in ("backing-up", "available"):
        instance.sandbox_endpoint = True
    if not steps and instance.status == "available" and getattr(instance, "sandbox_pending", None):
        backend.modify_db_instance(instance.db_instance_identifier, instance.sandbox_change)
        _give_speed(instance)
        instance.sandbox_pending = {}


def _describe(describe: Operation) -> Operation:
    def described(response: Any) -> Any:
        wanted = response.params.get("DBInstanceIdentifier")
        for name, instance in list(response.backend.databases.items()):
            if wanted in (None, name):
                _step(response.backend, instance)
        return describe(response)

    return described


def _create(create: Operation) -> Operation:
    def created(response: Any) -> Any:
        given, backend = response.params, response.backend
        if given.get("DBInstanceIdentifier") not in backend.databases:
            _check_password(given.get("MasterUserPassword"))
            _check_family(backend, given.get("DBParameterGroupName"), given["Engine"], given["EngineVersion"])
            _check_storage(given)
        answer = create(response)
        instance = backend.databases[given["DBInstanceIdentifier"]]
        instance.engine_version = _full(instance.engine, instance.engine_version)
        instance.status, instance.sandbox_endpoint = "creating", False
        _give_speed(instance)
        instance.sandbox_steps = list(_CREATED)
        return answer

    return created


def _check_password(password: str | None) -> None:
    """Refuse what is no password: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html."""
    if password is None:
        raise _refuse("InvalidParameterValue", "The parameter MasterUserPassword must be provided")
    if not _PASSWORD.fullmatch(password) or _NOT_IN_PASSWORDS & set(password):
        raise _refuse(
            "InvalidParameterValue",
            f"The parameter MasterUserPassword is not a valid password: {password}. Only printable ASCII characters besides"
            " '/', '@', '\"', ' ' may be used.",
        )


def _check_storage(given: Any) -> None:
    if int(given.get("AllocatedStorage") or 20) < 20:
        raise _refuse("InvalidParameterCombination", "Invalid storage size for storage type gp3")
    most = given.get("MaxAllocatedStorage")
    if most and int(most) <= int(given["AllocatedStorage"]):
        raise _refuse("InvalidParameterCombination", "Max storage size must be greater than storage size")


def _check_family(backend: Any, group: str | None, engine: str, version: str) -> None:
    """Refuse a parameter group of another family than the engine's."""
    found = backend.db_parameter_groups.get(group or "")
    wanted = _family(engine, version)
    if found is not None and found.family != wanted:
        raise _refuse(
            "InvalidParameterCombination",
            f"The Parameter Group {group} with DBParameterGroupFamily {found.family} cannot be used for this instance. Please use"
            f" a Parameter Group with DBParameterGroupFamily {wanted}",
        )


def _family(engine: str, version: str) -> str:
    parts = version.split(".")
    return engine + (parts[0] if engine == "postgres" else ".".join(parts[:2]))


def _major(engine: str, version: str) -> list[str]:
    return version.split(".")[: 1 if engine == "postgres" else 2]


def _full(engine: str, version: str) -> str:
    """Give the whole version, of which the last part is RDS's own choice."""
    return version if version.split(".") != _major(engine, version) else f"{version}.1"


def _modify(_: Operation) -> Operation:
    def modified(response: Any) -> Any:
        from moto.core.responses import ActionResult

        backend, given = response.backend, response.params
        instance = _changeable(backend, given)
        _check_speed(instance, given)
        version = given.get("EngineVersion") or instance.engine_version
        newer = _major(instance.engine, version) != _major(instance.engine, instance.engine_version)
        if newer and str(given.get("AllowMajorVersionUpgrade")).lower() != "true":
            raise _refuse(
                "InvalidParameterCombination",
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
            )
        group = given.get("DBParameterGroupName") or (instance.db_parameter_group_name if newer else None)
        _check_family(backend, group, instance.engine, version)
        if int(given.get("AllocatedStorage") or instance.allocated_storage) < instance.allocated_storage:
            raise _refuse(
                "InvalidParameterCombination",
                "Invalid storage size: the storage of a DB instance cannot be reduced",
            )
        given.pop("AllowMajorVersionUpgrade", None)
        given.pop("ApplyImmediately", None)
        if "EngineVersion" in given:
            given["EngineVersion"] = _full(instance.engine, version)
        instance.sandbox_change = given
        instance.sandbox_pending = {k: given[k] for k in _PENDING if k in given} or {"Port": instance.port}
        instance.sandbox_steps = list(_MODIFIED if any(k in given for k in _PENDING) else ("available",))
        if instance.status == _FULL:
            instance.sandbox_steps[0] = _FULL
        return ActionResult({"DBInstance": instance})

    return modified


def _changeable(backend: Any, given: Any) -> Any:
    """Give a database that can be changed: one whose storage is full can get more, and nothing else.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.html
    """
    name = given["DBInstanceIdentifier"]
    instance = backend.describe_db_instances(name)[0]
    grows = int(given.get("AllocatedStorage") or 0) > instance.allocated_storage
    more = grows and set(given.original_dict()) <= _OF_STORAGE
    if instance.status != "available" and not (instance.status == _FULL and more):
        raise _refuse("InvalidDBInstanceState", f"Database instance {name} is not in available state.")
    return instance


def _check_speed(instance: Any, given: Any) -> None:
    """Hold what gp3 does in a second to its size: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html."""
    before = instance.allocated_storage
    told = [name for name in ("Iops", "StorageThroughput") if name in given]
    if instance.storage_type != "gp3" or "AllocatedStorage" not in given:
        return
    if before < _STRIPED and told:
        raise _refuse(
            "InvalidParameterCombination",
            "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400.",
        )
    if before >= _STRIPED and len(told) < 2:
        raise _refuse(
            "InvalidParameterCombination",
            "You must specify IOPS and storage throughput when you increase the storage of gp3.",
        )


def _give_speed(instance: Any) -> None:
    """Give gp3 what it does in a second."""
    if instance.storage_type == "gp3":
        many = instance.allocated_storage >= _STRIPED
        instance.iops, instance._storage_throughput = (12000, 500) if many else (3000, 125)


def _delete(delete: Operation) -> Operation:
    def deleted(response: Any) -> Any:
        backend, name = response.backend, response.params["DBInstanceIdentifier"]
        instance = backend.describe_db_instances(name)[0]
        final = response.params.get("FinalDBSnapshotIdentifier")
        skips = str(response.params.get("SkipFinalSnapshot")).lower() == "true"
        if instance.status == "deleting" or (final and instance.status != "available"):
            raise _refuse(
                "InvalidDBInstanceState", f"Instance {name} is currently {instance.status}, cannot be deleted"
            )
        if not skips and not final:
            raise _refuse(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        answer = delete(response)
        backend.databases[name] = instance
        instance.status, instance.sandbox_steps = "deleting", list(_DELETED)
        return answer

    return deleted


# -- groups


def _users_of(backend: Any, kind: str, name: str) -> list[str]:
    """Name the databases that use a group."""

    def used(instance: Any) -> Any:
        return instance.db_subnet_group.name if kind == "subnet" else instance.db_parameter_group_name

    return [key for key, instance in backend.databases.items() if used(instance) == name]


def _create_subnet_group(create: Operation) -> Operation:
    def created(response: Any) -> Any:
        if response.params["DBSubnetGroupName"] in response.backend.subnet_groups:
            raise _refuse("DBSubnetGroupAlreadyExists", "The DB subnet group already exists.")
        _check_zones(response)
        return create(response)

    return created


def _check_zones(response: Any) -> None:
    from moto.ec2.models import ec2_backends

    ec2 = ec2_backends[response.current_account][response.region]
    zones = {ec2.get_subnet(subnet).availability_zone for subnet in response.params["SubnetIds"]}
    if len(zones) < 2:
        raise _refuse(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage:"
            f" {', '.join(sorted(zones))}. Add subnets to cover at least 2 AZs.",
        )


def _modify_subnet_group(modify: Operation) -> Operation:
    def modified(response: Any) -> Any:
        response.backend.describe_db_subnet_groups(response.params["DBSubnetGroupName"])
        _check_zones(response)
        return modify(response)

    return modified


def _delete_subnet_group(delete: Operation) -> Operation:
    def deleted(response: Any) -> Any:
        name = response.params["DBSubnetGroupName"]
        if users := _users_of(response.backend, "subnet", name):
            raise _refuse(
                "InvalidDBSubnetGroupStateFault",
                f"Cannot delete the subnet group '{name}' because at least one database instance: {users[0]} is still using it.",
            )
        return delete(response)

    return deleted


def _describe_parameter_groups(describe: Operation) -> Operation:
    def described(response: Any) -> Any:
        name = response.params.get("DBParameterGroupName")
        if name and name not in response.backend.db_parameter_groups:
            raise _refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
        return describe(response)

    return described


def _delete_parameter_group(delete: Operation) -> Operation:
    def deleted(response: Any) -> Any:
        name = response.params["DBParameterGroupName"]
        if _users_of(response.backend, "parameters", name):
            raise _refuse(
                "InvalidDBParameterGroupState",
                "One or more database instances are still members of this parameter group"
                f" {name}, so the group cannot be deleted",
            )
        return delete(response)

    return deleted


def _modify_parameters(modify: Operation) -> Operation:
    def modified(response: Any) -> Any:
        parameters = [one.original_dict() for one in response.params["Parameters"]]
        if len(parameters) > _MOST_PARAMETERS:
            raise _refuse("InvalidParameterValue", "At most 20 parameters can be changed with one call")
        for one in parameters:
            if one["ApplyMethod"] == "immediate" and one["ParameterName"] in _STATIC:
                raise _refuse(
                    "InvalidParameterCombination", "cannot use immediate apply method for static parameter"
                )
        return modify(response)

    return modified


def _described_parameters(group: Any, source: str | None) -> Iterator[Json]:
    for name, one in group.parameters.items():
        yield {**one, "Source": "user", "ApplyType": "static" if name in _STATIC else "dynamic"}
    if source is None:
        for name in ("log_connections", "rds.logical_replication"):
            if name not in group.parameters:
                yield {"ParameterName": name, "Source": "engine-default", "ApplyType": "dynamic"}


def _describe_parameters(_: Operation) -> Operation:
    def described(response: Any) -> Any:
        from moto.core.responses import ActionResult

        name = response.params["DBParameterGroupName"]
        group = response.backend.db_parameter_groups.get(name)
        if group is None:
            raise _refuse("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
        return ActionResult({"Parameters": list(_described_parameters(group, response.params.get("Source")))})

    return described


def _reset_parameters(_: Any) -> Operation:
    """Reset all, unless told not to: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ResetDBParameterGroup.html."""

    def reset_db_parameter_group(response: Any) -> Any:
        from moto.core.responses import ActionResult

        group = response.backend.db_parameter_groups[response.params["DBParameterGroupName"]]
        if str(response.params.get("ResetAllParameters", True)).lower() == "true":
            group.parameters.clear()  # the default, whatever is named beside it
        for one in response.params.get("Parameters") or ():
            group.parameters.pop(one["ParameterName"], None)
        return ActionResult({"DBParameterGroupName": group.name})

    return reset_db_parameter_group


_OPERATIONS: Final[dict[str, Callable[[Any], Operation]]] = {
    "describe_db_instances": _describe,
    "create_db_instance": _create,
    "modify_db_instance": _modify,
    "delete_db_instance": _delete,
    "create_db_subnet_group": _create_subnet_group,
    "modify_db_subnet_group": _modify_subnet_group,
    "delete_db_subnet_group": _delete_subnet_group,
    "describe_db_parameter_groups": _describe_parameter_groups,
    "delete_db_parameter_group": _delete_parameter_group,
    "modify_db_parameter_group": _modify_parameters,
    "describe_db_parameters": _describe_parameters,
    "reset_db_parameter_group": _reset_parameters,
}
