"""EFS: file systems, mount targets and access points."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    has_pending,
    idempotency_token,
    is_overdue,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, to_api
from compose2fargate.aws.policies import file_system_policy_document, restricts_clients
from compose2fargate.diagnostics import AwsError

_GOING = ("deleting", "deleted")
"""Life-cycle states of what is as good as gone."""


class _Efs(Handler):
    """What the types of EFS have in common."""

    missing = frozenset({"FileSystemNotFound", "MountTargetNotFound", "AccessPointNotFound"})

    def retag(self, found: FoundResource, want: Json, context: HandlerContext) -> None:
        """Bring the tags to what is wanted."""
        efs = context.account.client("efs")
        efs.tag_resource(ResourceId=found.key, Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            efs.untag_resource(ResourceId=found.key, TagKeys=surplus)

    def available(self, read: Callable[[], Json], context: HandlerContext) -> None:
        """Wait until something is there for others to use.

        Raises:
            AwsError: It failed, or is not after five minutes.
        """
        seen: Json = {}
        for _ in range(150):
            seen = read()
            if seen.get("LifeCycleState", "available") == "available":
                return
            if seen["LifeCycleState"] == "error":
                break
            context.account.tell("for EFS")
            context.account.sleep(2)
        raise _not_available(seen)


_EFS_WORDS = {"AccessPointId": "access point", "MountTargetId": "mount target", "FileSystemId": "file system"}


def _not_available(seen: Json) -> AwsError:
    kind = next((kind for kind in _EFS_WORDS if kind in seen), "MountTargetId")
    state = seen["LifeCycleState"] + ("" if seen["LifeCycleState"] == "error" else " after five minutes")
    return is_overdue(
        f"EFS: {_EFS_WORDS[kind]} {seen.get(kind, 'that was asked for')} is {state}, not available",
        f"aws efs describe-{_EFS_WORDS[kind].replace(' ', '-')}s",
    )


class FileSystemHandler(_Efs):
    """File systems: found by creation token. What is for good is left as it is, and told: encryption, the performance mode."""

    kind = aws.FileSystem
    keeps_data = True
    exists = frozenset({"FileSystemAlreadyExists"})
    fixed = frozenset({"encrypted", "performanceMode"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the creation token."""
        efs = context.account.client("efs")
        answer = read_or_none(self, lambda: efs.describe_file_systems(CreationToken=want["creationToken"]))
        found = [
            self._found(one, context)
            for one in (answer or {}).get("FileSystems", [])
            if one["LifeCycleState"] not in _GOING
        ]
        return found[0] if found else None

    def _found(self, one: Json, context: HandlerContext) -> FoundResource:
        efs = context.account.client("efs")
        try:
            backup = efs.describe_backup_policy(FileSystemId=one["FileSystemId"])["BackupPolicy"]["Status"]
        except efs.exceptions.PolicyNotFound:
            backup = "DISABLED"
        try:
            restricted = restricts_clients(
                efs.describe_file_system_policy(FileSystemId=one["FileSystemId"])["Policy"]
            )
        except efs.exceptions.PolicyNotFound:
            restricted = False
        tags = tags_from(one.get("Tags"))
        state = {
            "creationToken": one["CreationToken"],
            "encrypted": one["Encrypted"],
            "throughputMode": one.get("ThroughputMode") or "bursting",
            "performanceMode": "maxIO" if one.get("PerformanceMode") == "maxIO" else None,
            "provisionedThroughputInMibps": one.get("ProvisionedThroughputInMibps") or None,
            "transitionToIa": _transition(
                efs.describe_lifecycle_configuration(FileSystemId=one["FileSystemId"])
            ),
            "backup": backup in ("ENABLED", "ENABLING"),
            "restricted": restricted,
            "tags": shown_tags(tags),
        }
        attributes = {
            "id": one["FileSystemId"],
            "arn": one.get("FileSystemArn", ""),
            "name": one["CreationToken"],
        }
        return FoundResource(one["FileSystemId"], attributes, state, tags, name=one["CreationToken"])

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the file systems with our tags."""
        for one in context.account.pages("efs", "describe_file_systems", "FileSystems"):
            if one["LifeCycleState"] not in _GOING and context.owner.owns(tags_from(one.get("Tags"))):
                yield self._found(one, context)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it, and wait until it can be mounted; one of the same token that is being deleted goes first."""
        efs = context.account.client("efs")
        self._until_gone(context, CreationToken=want["creationToken"])
        made = efs.create_file_system(
            CreationToken=want["creationToken"],
            Encrypted=want["encrypted"],
            **_throughput(want),
            **({"PerformanceMode": want["performanceMode"]} if want.get("performanceMode") else {}),
            Backup=want["backup"],
            Tags=tag_list(want["tags"]),
        )
        key = made["FileSystemId"]
        self.available(lambda: efs.describe_file_systems(FileSystemId=key)["FileSystems"][0], context)
        if want["backup"]:
            efs.put_backup_policy(FileSystemId=key, BackupPolicy={"Status": "ENABLED"})
        if want.get("transitionToIa"):
            _put_transition(efs, key, want)
        if want["restricted"]:
            efs.put_file_system_policy(FileSystemId=key, Policy=json.dumps(file_system_policy_document()))
        return FoundResource(
            key,
            {"id": key, "arn": made.get("FileSystemArn", ""), "name": want["creationToken"]},
            want,
            want["tags"],
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change throughput, backups, the policy and tags."""
        efs = context.account.client("efs")
        if changed & {"throughputMode", "provisionedThroughputInMibps"}:
            efs.update_file_system(FileSystemId=found.key, **_throughput(want))
        if "transitionToIa" in changed:
            _put_transition(efs, found.key, want)
        if "backup" in changed:
            status = "ENABLED" if want["backup"] else "DISABLED"
            efs.put_backup_policy(FileSystemId=found.key, BackupPolicy={"Status": status})
        if "restricted" in changed and want["restricted"]:
            efs.put_file_system_policy(
                FileSystemId=found.key, Policy=json.dumps(file_system_policy_document())
            )
        elif "restricted" in changed:
            efs.delete_file_system_policy(FileSystemId=found.key)
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it and everything on it, and wait until it is gone: its token is free only then."""
        efs = context.account.client("efs")
        delete_when_free(self, lambda: efs.delete_file_system(FileSystemId=found.key), context)
        self._until_gone(context, FileSystemId=found.key)

    def _until_gone(self, context: HandlerContext, **which: str) -> None:
        efs = context.account.client("efs")
        for _ in range(150):
            answer = read_or_none(self, lambda: efs.describe_file_systems(**which))
            if not any(one["LifeCycleState"] == "deleting" for one in (answer or {}).get("FileSystems", [])):
                return
            context.account.tell("for the file system to be gone")
            context.account.sleep(2)
        name = " ".join(which.values())
        raise is_overdue(
            f"EFS: {name} is still being deleted after five minutes", "aws efs describe-file-systems"
        )


def _throughput(want: Json) -> Json:
    amount = want.get("provisionedThroughputInMibps")
    given = {"ProvisionedThroughputInMibps": amount} if amount else {}
    return {"ThroughputMode": want["throughputMode"], **given}


def _transition(answer: Json) -> str | None:
    """Give when files are moved to infrequent access; policies about anything else are left alone."""
    policies = answer.get("LifecyclePolicies") or []
    return next((one["TransitionToIA"] for one in policies if "TransitionToIA" in one), None)


def _put_transition(efs: Any, key: str, want: Json) -> None:
    given = efs.describe_lifecycle_configuration(FileSystemId=key).get("LifecyclePolicies") or []
    others = [one for one in given if "TransitionToIA" not in one]
    moved = want.get("transitionToIa")
    efs.put_lifecycle_configuration(
        FileSystemId=key, LifecyclePolicies=[*([{"TransitionToIA": moved}] if moved else []), *others]
    )


class MountTargetsHandler(_Efs):
    """The mount targets of a file system: one in each subnet, treated as one thing."""

    kind = aws.MountTargets
    taggable = False
    immutable = frozenset({"fileSystemId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Sort what has no order."""
        members = to_api(resource, resolve)
        for member in ("subnetIds", "securityGroups"):
            if isinstance(members.get(member), list):
                members[member] = sorted(members[member], key=str)
        return normalise_state(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Read the mount targets of the file system."""
        return None if has_pending(want["fileSystemId"]) else self._read(want["fileSystemId"], context)

    def _read(self, file_system: str, context: HandlerContext) -> FoundResource | None:
        efs = context.account.client("efs")
        pages = partial(context.account.pages, "efs", "describe_mount_targets", "MountTargets")
        every = read_or_none(self, lambda: list(pages(FileSystemId=file_system))) or []
        targets = [one for one in every if one["LifeCycleState"] not in _GOING]
        if not targets:
            return None
        groups = {
            one["MountTargetId"]: sorted(
                efs.describe_mount_target_security_groups(MountTargetId=one["MountTargetId"])[
                    "SecurityGroups"
                ]
            )
            for one in targets
        }
        kinds = sorted({json.dumps(group) for group in groups.values()})
        state = {
            "fileSystemId": file_system,
            "subnetIds": sorted(one["SubnetId"] for one in targets),
            "securityGroups": json.loads(kinds[0])
            if len(kinds) == 1
            else [json.loads(kind) for kind in kinds],
        }
        by_subnet = {one["SubnetId"]: one["MountTargetId"] for one in targets}
        return FoundResource(
            file_system, {"id": file_system}, normalise_state(state), None, by_subnet, f"of {file_system}"
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List those of our file systems."""
        for one in FileSystemHandler().owned(context):
            found = self._read(one.key, context)
            if found:
                yield found

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make one in each subnet; those that are there already stay."""
        there = self._read(want["fileSystemId"], context)
        return self._bring(want, there.extra if there else {}, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Add and remove subnets, and let the right groups in everywhere."""
        return self._bring(want, found.extra, context)

    def _bring(self, want: Json, there: dict[str, str], context: HandlerContext) -> FoundResource:
        efs = context.account.client("efs")
        for subnet in [subnet for subnet in there if subnet not in want["subnetIds"]]:
            delete_when_free(self, partial(efs.delete_mount_target, MountTargetId=there[subnet]), context)
        groups = want.get("securityGroups", [])
        for subnet in want["subnetIds"]:
            if subnet in there:
                efs.modify_mount_target_security_groups(MountTargetId=there[subnet], SecurityGroups=groups)
            else:
                self._make(want["fileSystemId"], subnet, groups, context)
        for subnet in want["subnetIds"]:
            self._wait(want["fileSystemId"], subnet, context)
        return self.finish(want, context)

    def _make(self, file_system: str, subnet: str, groups: list[str], context: HandlerContext) -> None:
        efs = context.account.client("efs")
        try:
            efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet, SecurityGroups=groups)
        except (
            efs.exceptions.MountTargetConflict
        ):  # made by a call whose answer was lost, or by another apply
            return

    def _wait(self, file_system: str, subnet: str, context: HandlerContext) -> None:
        def read() -> Json:
            targets = context.account.pages(
                "efs", "describe_mount_targets", "MountTargets", FileSystemId=file_system
            )
            return next((one for one in targets if one["SubnetId"] == subnet), {"LifeCycleState": "creating"})

        self.available(read, context)

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete them, and wait until they are gone: the file system and the subnets' groups wait for that."""
        efs = context.account.client("efs")
        for target in found.extra.values():
            delete_when_free(self, partial(efs.delete_mount_target, MountTargetId=target), context)
        for _ in range(150):
            answer = read_or_none(self, lambda: efs.describe_mount_targets(FileSystemId=found.key))
            if not answer or not answer["MountTargets"]:
                return
            context.account.tell("for the mount targets to be gone")
            context.account.sleep(2)
        raise is_overdue(
            f"EFS: mount targets of {found.key} still exist after five minutes and hold their security groups",
            f"aws efs describe-mount-targets --file-system-id {found.key}",
        )


class AccessPointHandler(_Efs):
    """Access points: found by file system and directory. Nothing about one can be changed: a new one takes its place.

    The directory and what is in it stay.
    """

    kind = aws.AccessPoint
    exists = frozenset({"AccessPointAlreadyExists"})
    replaced_first = True
    immutable = frozenset({"fileSystemId", "rootDirectory", "posixUser"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the directory; of several the one that fits counts, the others are left over from a replacement."""
        if has_pending(want["fileSystemId"]):
            return None
        same = [
            f
            for f in self._read(want["fileSystemId"], context)
            if f.state["rootDirectory"]["path"] == want["rootDirectory"]["path"]
        ]
        if not same:
            return None
        same.sort(key=lambda one: (sum(one.state.get(m) != want.get(m) for m in self.immutable), one.key))
        return same[0]._replace(extra=[one for one in same[1:] if context.owner.owns(one.tags or {})])

    def _read(self, file_system: str, context: HandlerContext) -> list[FoundResource]:
        pages = partial(context.account.pages, "efs", "describe_access_points", "AccessPoints")
        every = read_or_none(self, lambda: list(pages(FileSystemId=file_system))) or []
        return [self._found(one) for one in every if one["LifeCycleState"] not in _GOING]

    def _found(self, one: Json) -> FoundResource:
        tags = tags_from(one.get("Tags"))
        user, root = one.get("PosixUser"), one["RootDirectory"]
        info = root.get("CreationInfo") or {}
        state = {
            "fileSystemId": one["FileSystemId"],
            "posixUser": {"uid": user["Uid"], "gid": user["Gid"]} if user else None,
            "rootDirectory": {
                "path": root.get("Path", "/"),
                "creationInfo": {
                    "ownerUid": info.get("OwnerUid"),
                    "ownerGid": info.get("OwnerGid"),
                    "permissions": info.get("Permissions"),
                },
            },
            "tags": shown_tags(tags),
        }
        attributes = {"id": one["AccessPointId"], "arn": one.get("AccessPointArn", "")}
        return FoundResource(
            one["AccessPointId"], attributes, normalise_state(state), tags, name=root.get("Path", "/")
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List those of our file systems and those with our tags on others."""
        for one in context.account.pages("efs", "describe_access_points", "AccessPoints"):
            if one["LifeCycleState"] not in _GOING and context.owner.owns(tags_from(one.get("Tags"))):
                yield self._found(one)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it; the token is the same for the same wish, so two calls make one."""
        root = want["rootDirectory"]
        info = root["creationInfo"]
        given: Json = {
            "FileSystemId": want["fileSystemId"],
            "ClientToken": idempotency_token({k: v for k, v in want.items() if k != "tags"}),
            "RootDirectory": {
                "Path": root["path"],
                "CreationInfo": {
                    "OwnerUid": info["ownerUid"],
                    "OwnerGid": info["ownerGid"],
                    "Permissions": info["permissions"],
                },
            },
            "Tags": tag_list(want["tags"]),
        }
        if "posixUser" in want:
            given["PosixUser"] = {"Uid": want["posixUser"]["uid"], "Gid": want["posixUser"]["gid"]}
        efs = context.account.client("efs")
        made = efs.create_access_point(**given)
        key = made["AccessPointId"]
        self.available(lambda: efs.describe_access_points(AccessPointId=key)["AccessPoints"][0], context)
        return FoundResource(key, {"id": key, "arn": made.get("AccessPointArn", "")}, want, want["tags"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the tags: nothing else can be."""
        self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete the access point; the directory stays."""
        efs = context.account.client("efs")
        delete_when_free(self, lambda: efs.delete_access_point(AccessPointId=found.key), context)
