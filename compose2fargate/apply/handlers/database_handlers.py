"""RDS: databases, and the subnet groups and parameter groups that they are set up by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, Final

from compose2fargate.apply.aws_client.hidden_texts import without_value
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
    POLLS,
    DataStoreHandler,
    StoreHandler,
    parameter_changes,
    sorted_members,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws import store_resources as stores
from compose2fargate.aws.api_values import Ref, pascal_case

_PARAMETERS_AT_ONCE: Final = 20
"""https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html"""


class DbSubnetGroupHandler(StoreHandler):
    """The subnets of databases: found by name."""

    kind = stores.DbSubnetGroup
    service, part, name_member = "rds", "subgrp", "dBSubnetGroupName"
    missing = frozenset({"DBSubnetGroupNotFoundFault"})
    exists = frozenset({"DBSubnetGroupAlreadyExists"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Sort what has no order."""
        return sorted_members(super().want(resource, resolve, context), "subnetIds")

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the subnet groups."""
        return context.account.pages("rds", "describe_db_subnet_groups", "DBSubnetGroups")

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return self.named(want[self.name_member], context)

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        rds = self.client(context)
        answer = read_or_none(self, lambda: rds.describe_db_subnet_groups(DBSubnetGroupName=name))
        return self.described(answer["DBSubnetGroups"][0], context) if answer else None

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Read it with its tags."""
        name, arn = one["DBSubnetGroupName"], one["DBSubnetGroupArn"]
        tags = self.tags(arn, context)
        state = {
            "dBSubnetGroupName": name,
            "dBSubnetGroupDescription": one["DBSubnetGroupDescription"],
            "subnetIds": sorted(subnet["SubnetIdentifier"] for subnet in one["Subnets"]),
            "tags": shown_tags(tags),
        }
        return FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, name=name)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it."""
        self.client(context).create_db_subnet_group(
            DBSubnetGroupName=want["dBSubnetGroupName"],
            DBSubnetGroupDescription=want["dBSubnetGroupDescription"],
            SubnetIds=want["subnetIds"],
            Tags=tag_list(want["tags"]),
        )
        return self.finish(want, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the subnets, the description and the tags."""
        if changed - {"tags"}:
            self.client(context).modify_db_subnet_group(
                DBSubnetGroupName=found.key,
                DBSubnetGroupDescription=want["dBSubnetGroupDescription"],
                SubnetIds=want["subnetIds"],
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        rds = self.client(context)
        delete_when_free(self, lambda: rds.delete_db_subnet_group(DBSubnetGroupName=found.key), context)


class DbParameterGroupHandler(StoreHandler):
    """Settings of databases: found by name, which holds the family, so that only settings and tags change."""

    kind = stores.DbParameterGroup
    service, part, name_member = "rds", "pg", "dBParameterGroupName"
    missing = frozenset({"DBParameterGroupNotFound"})
    exists = frozenset({"DBParameterGroupAlreadyExists"})
    fixed = frozenset({"description", "dBParameterGroupFamily"})

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the parameter groups."""
        return context.account.pages("rds", "describe_db_parameter_groups", "DBParameterGroups")

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return self.named(want[self.name_member], context)

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        rds = self.client(context)
        answer = read_or_none(self, lambda: rds.describe_db_parameter_groups(DBParameterGroupName=name))
        return self.described(answer["DBParameterGroups"][0], context) if answer else None

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Read it with what is set in it, and its tags."""
        name, arn = one["DBParameterGroupName"], one["DBParameterGroupArn"]
        tags = self.tags(arn, context)
        state = {
            "dBParameterGroupName": name,
            "dBParameterGroupFamily": one["DBParameterGroupFamily"],
            "description": one["Description"],
            "parameters": {
                p["ParameterName"]: p["ParameterValue"]
                for p in self._parameters(name, context, Source="user")
                if "ParameterValue" in p
            },
            "tags": shown_tags(tags),
        }
        return FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, name=name)

    def _parameters(self, name: str, context: HandlerContext, **which: str) -> Iterable[Json]:
        return context.account.pages(
            "rds", "describe_db_parameters", "Parameters", DBParameterGroupName=name, **which
        )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it, and set what is to be set: nothing uses it yet."""
        name = want["dBParameterGroupName"]
        self.client(context).create_db_parameter_group(
            DBParameterGroupName=name,
            DBParameterGroupFamily=want["dBParameterGroupFamily"],
            Description=want["description"],
            Tags=tag_list(want["tags"]),
        )
        self._set(name, want.get("parameters", {}), {}, context)
        return self.finish(want, context)

    def _set(self, name: str, values: dict[str, str], types: dict[str, str], context: HandlerContext) -> None:
        for some in batches(values.items(), _PARAMETERS_AT_ONCE):
            parameters = [
                {"ParameterName": key, "ParameterValue": value, "ApplyMethod": _method(types.get(key))}
                for key, value in some
            ]
            self.client(context).modify_db_parameter_group(DBParameterGroupName=name, Parameters=parameters)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Set what differs: at once what a server takes while it runs, the rest with its next restart."""
        if "parameters" in changed:
            types = {p["ParameterName"]: p.get("ApplyType", "") for p in self._parameters(found.key, context)}
            values, gone = parameter_changes(found.state.get("parameters", {}), want.get("parameters", {}))
            self._set(found.key, values, types, context)
            for some in batches(gone, _PARAMETERS_AT_ONCE):
                parameters = [{"ParameterName": key, "ApplyMethod": _method(types.get(key))} for key in some]
                self.client(context).reset_db_parameter_group(
                    DBParameterGroupName=found.key, Parameters=parameters, ResetAllParameters=False
                )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        rds = self.client(context)
        delete_when_free(self, lambda: rds.delete_db_parameter_group(DBParameterGroupName=found.key), context)


def _method(kind: str | None) -> str:
    return "immediate" if kind == "dynamic" else "pending-reboot"


_MODIFIED_AS: Final = {"port": "DBPortNumber"}
_LOGS: Final = "enableCloudwatchLogsExports"
_PASSWORD: Final = "masterUserPassword"  # noqa: S105 - the member's name
_STORAGE: Final = "allocatedStorage"
_SPEEDS: Final = ("Iops", "StorageThroughput")
_STRIPED: Final = 400
"""GiB from which gp3 has more of both, which can be chosen then, and have to be said when it grows.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html"""
_UPGRADES: Final = "allowMajorVersionUpgrade"


class DbInstanceHandler(DataStoreHandler):
    """Databases: found by name. What would need another one is refused by a plan, since that would be empty.

    The password is read when a database is made, and is in nothing that is compared, shown or kept.
    """

    kind = stores.DbInstance
    service, part, name_member = "rds", "db", "dBInstanceIdentifier"
    title = "RDS"
    look = "aws rds describe-events --source-type db-instance --source-identifier {name} --duration 1440"
    missing = frozenset({"DBInstanceNotFound"})
    exists = frozenset({"DBInstanceAlreadyExists"})
    immutable = frozenset({"engine", "dBName", "masterUsername", "storageEncrypted", "dBSubnetGroupName"})
    inputs = frozenset({_PASSWORD, _UPGRADES})
    interrupting = frozenset({"dBInstanceClass", "engineVersion", "port"})
    lost = frozenset(
        {"failed", "inaccessible-encryption-credentials", "incompatible-create", "incompatible-network",
         "incompatible-option-group", "incompatible-parameters", "incompatible-restore", "insufficient-capacity", "restore-error",
         "storage-full"}
    )  # fmt: skip
    without_snapshot = frozenset(
        {"failed", "incompatible-create", "incompatible-network", "incompatible-restore"}
    )
    never_made = frozenset({"incompatible-create"})
    remedies = MappingProxyType({"storage-full": (_STORAGE, "maxAllocatedStorage")})
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    paused = MappingProxyType({"stopped": "aws rds start-db-instance --db-instance-identifier {name}"})
    deletion = "aws rds delete-db-instance --db-instance-identifier {name} --skip-final-snapshot"
    ready = frozenset({AVAILABLE, "backing-up", "storage-config-upgrade", "storage-optimization", "stopped"})
    changeable = frozenset({AVAILABLE, "storage-optimization"})
    snapshot_taken = "DBSnapshotAlreadyExists"

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Give the members; of the password only where it is kept."""
        secret: Ref = resource.master_user_password

        def resolved(ref: Ref) -> Any:
            if ref != secret:
                return resolve(ref)
            return {member: resolve(ref._replace(attribute=member)) for member in ("arn", "name")}

        members = super().want(resource, resolved, context)
        members["status"] = AVAILABLE
        return sorted_members(members, "vpcSecurityGroupIds", _LOGS)

    def places(self, want: Json) -> int:
        """Versions of PostgreSQL have one number, those of MySQL and MariaDB two."""
        return 1 if want["engine"] == "postgres" else 2

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List the databases."""
        return context.account.pages("rds", "describe_db_instances", "DBInstances")

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name."""
        rds = self.client(context)
        answer = read_or_none(self, lambda: rds.describe_db_instances(DBInstanceIdentifier=name))
        return self.described(answer["DBInstances"][0], context) if answer else None

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Give it as described; its endpoint comes with it, its tags too."""
        name, status, tags = (
            one["DBInstanceIdentifier"],
            one["DBInstanceStatus"],
            tags_from(one.get("TagList")),
        )
        endpoint = one.get("Endpoint") or {}
        members = (pascal_case(member) for member in _SAME)
        state = {
            **{member: one.get(spelled) for member, spelled in zip(_SAME_API, members, strict=True)},
            "port": endpoint.get("Port"),
            "dBSubnetGroupName": (one.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
            "vpcSecurityGroupIds": sorted(
                g["VpcSecurityGroupId"] for g in one.get("VpcSecurityGroups") or ()
            ),
            "dBParameterGroupName": next(
                (g["DBParameterGroupName"] for g in one.get("DBParameterGroups") or ()), None
            ),
            _LOGS: sorted(one.get("EnabledCloudwatchLogsExports") or ()),
            "status": self.shown_status(status),
            "tags": shown_tags(tags),
        }
        attributes = {"name": name, "arn": one["DBInstanceArn"]}
        if endpoint.get("Address"):
            attributes["endpoint"] = endpoint["Address"]
        applied = [g.get("ParameterApplyStatus") for g in one.get("DBParameterGroups") or ()]
        extra = {
            "status": status,
            "made": one.get("InstanceCreateTime"),
            "pending": "pending-reboot" in applied,
            "speeds": {name: one.get(name) for name in _SPEEDS},
        }
        return FoundResource(name, attributes, normalise_state(state), tags, extra, name)

    def holds(self, found: FoundResource) -> Iterable[tuple[type[Any], Any]]:
        """Give what cannot go before it."""
        yield stores.DbSubnetGroup, found.state.get("dBSubnetGroupName")
        yield stores.DbParameterGroup, found.state.get("dBParameterGroupName")
        yield from ((aws.SecurityGroup, group) for group in found.state.get("vpcSecurityGroupIds", ()))

    def as_wanted(self, state: Json, want: Json) -> Json:
        """Take storage that has grown for what is wanted: it never shrinks."""
        grown = max(state.get("allocatedStorage", 0), want["allocatedStorage"])
        if state.get("allocatedStorage") == grown:
            state["allocatedStorage"] = want["allocatedStorage"]
        return state

    def refused_upgrade(self, want: Json, before: str, after: str) -> tuple[str, str]:
        """Refuse another major version that nobody asked for by the option: there is no way back from it."""
        if want.get(_UPGRADES):
            return "", ""
        why = f"from {before} to {after} is a major version, and RDS has no way back"
        return why, (
            "try it on a snapshot, then ask for it: managed: {allow_major_version_upgrade: true}; "
            f"or keep managed: {{version: '{before}'}}"
        )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it and wait until it can be used; one of the same name that is being deleted goes first."""
        name = want["dBInstanceIdentifier"]
        self.until_gone(name, context)
        skipped = self.inputs | {"tags", "status"}
        given = {_api(member): value for member, value in want.items() if member not in skipped}
        password = _read_password(want[_PASSWORD], context)
        try:
            self.client(context).create_db_instance(
                **given, MasterUserPassword=password, Tags=tag_list(want["tags"])
            )
        except context.account.client_error as error:
            raise without_value(error, password) from None
        self.settled(name, context)
        return self.finish(want, context)

    def change(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> None:
        """Change it now and not in its maintenance window: whoever applies has decided when."""
        given = {_MODIFIED_AS.get(m, _api(m)): want[m] for m in sorted(changed) if m in want and m != _LOGS}
        if "engineVersion" in changed:
            given["AllowMajorVersionUpgrade"] = bool(want.get(_UPGRADES))
        if "maxAllocatedStorage" in changed and "maxAllocatedStorage" not in want:
            given["MaxAllocatedStorage"] = want["allocatedStorage"]
        speeds = found.extra["speeds"]
        if _STORAGE in changed and found.state[_STORAGE] >= _STRIPED and found.state["storageType"] == "gp3":
            given |= {name: value for name, value in speeds.items() if value}
        if _LOGS in changed:
            before, after = set(found.state.get(_LOGS, ())), set(want.get(_LOGS, ()))
            given["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(after - before),
                "DisableLogTypes": sorted(before - after),
            }
        self.client(context).modify_db_instance(
            DBInstanceIdentifier=found.key, ApplyImmediately=True, **given
        )

    def unprotect(self, found: FoundResource, context: HandlerContext) -> None:
        """Take the protection against deletion off, and wait until it is off."""
        if not found.state.get("deletionProtection"):
            return
        self.client(context).modify_db_instance(
            DBInstanceIdentifier=found.key, DeletionProtection=False, ApplyImmediately=True
        )
        for poll in range(POLLS):
            if not self.settled(found.key, context, also=self.lost).state.get("deletionProtection"):
                return
            self.pause("protected", poll, context)

    def backup_days(self, found: FoundResource) -> int:
        """Give how long automated backups outlive it."""
        return int(found.state.get("backupRetentionPeriod") or 0)

    def remove(self, found: FoundResource, snapshot: str, context: HandlerContext) -> None:
        """Delete it."""
        kept: Json = {"FinalDBSnapshotIdentifier": snapshot}
        if (
            not snapshot
        ):  # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
            kept = {"SkipFinalSnapshot": True, "DeleteAutomatedBackups": False}
        rds = self.client(context)
        read_or_none(self, lambda: rds.delete_db_instance(DBInstanceIdentifier=found.key, **kept))


_SAME: Final = (
    "db_instance_identifier", "db_instance_class", "engine", "engine_version", "allocated_storage", "max_allocated_storage",
    "db_name", "master_username", "multi_az", "backup_retention_period", "deletion_protection", "storage_type",
    "storage_encrypted", "publicly_accessible", "auto_minor_version_upgrade", "copy_tags_to_snapshot", "preferred_backup_window",
    "preferred_maintenance_window",
)  # fmt: skip
"""Members that are called the same when a database is made and when it is described."""
_SAME_API: Final = tuple(pascal_case(name)[:1].lower() + pascal_case(name)[1:] for name in _SAME)


def _api(member: str) -> str:
    return member[:1].upper() + member[1:]


def _read_password(secret: Json, context: HandlerContext) -> str:
    """Read a password where it is kept, in the moment in which it is needed."""
    arn, name = str(secret.get("arn", "")), str(secret["name"])
    if ":secretsmanager:" in arn:
        answer = context.account.client("secretsmanager").get_secret_value(SecretId=arn)
        return str(answer["SecretString"])
    answer = context.account.client("ssm").get_parameter(Name=name, WithDecryption=True)
    return str(answer["Parameter"]["Value"])
