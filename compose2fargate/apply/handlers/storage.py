"""What keeps data: file systems, log groups, image repositories, secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.core import (
    Context,
    Found,
    Handler,
    Json,
    absent,
    gone,
    has_pending,
    late,
    normal,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
    token,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.values import Ref, to_api
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

# -- EFS

_GOING = ("deleting", "deleted")
"""Life-cycle states of what is as good as gone."""


class _Efs(Handler):
    """What the types of EFS have in common."""

    missing = frozenset({"FileSystemNotFound", "MountTargetNotFound", "AccessPointNotFound"})

    def retag(self, found: Found, want: Json, context: Context) -> None:
        """Bring the tags to what is wanted."""
        efs = context.account.client("efs")
        efs.tag_resource(ResourceId=found.key, Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            efs.untag_resource(ResourceId=found.key, TagKeys=surplus)

    def available(self, read: Callable[[], Json], context: Context) -> None:
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
    return late(
        f"EFS: {_EFS_WORDS[kind]} {seen.get(kind, 'that was asked for')} is {state}, not available",
        f"aws efs describe-{_EFS_WORDS[kind].replace(' ', '-')}s",
    )


class FileSystemHandler(_Efs):
    """File systems: found by creation token. Encryption is for good: a changed one is left as it is, and told."""

    kind = aws.FileSystem
    keeps_data = True
    exists = frozenset({"FileSystemAlreadyExists"})
    fixed = frozenset({"encrypted"})

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the creation token."""
        efs = context.account.client("efs")
        answer = absent(self, lambda: efs.describe_file_systems(CreationToken=want["creationToken"]))
        found = [
            self._found(one, context)
            for one in (answer or {}).get("FileSystems", [])
            if one["LifeCycleState"] not in _GOING
        ]
        return found[0] if found else None

    def _found(self, one: Json, context: Context) -> Found:
        efs = context.account.client("efs")
        try:
            backup = efs.describe_backup_policy(FileSystemId=one["FileSystemId"])["BackupPolicy"]["Status"]
        except efs.exceptions.PolicyNotFound:
            backup = "DISABLED"
        tags = tags_from(one.get("Tags"))
        state = {
            "creationToken": one["CreationToken"],
            "encrypted": one["Encrypted"],
            "throughputMode": one.get("ThroughputMode") or "bursting",
            "backup": backup in ("ENABLED", "ENABLING"),
            "tags": shown_tags(tags),
        }
        attributes = {
            "id": one["FileSystemId"],
            "arn": one.get("FileSystemArn", ""),
            "name": one["CreationToken"],
        }
        return Found(one["FileSystemId"], attributes, state, tags, name=one["CreationToken"])

    def owned(self, context: Context) -> Iterable[Found]:
        """List the file systems with our tags."""
        for one in context.account.pages("efs", "describe_file_systems", "FileSystems"):
            if one["LifeCycleState"] not in _GOING and context.owner.owns(tags_from(one.get("Tags"))):
                yield self._found(one, context)

    def create(self, want: Json, context: Context) -> Found:
        """Make it, and wait until it can be mounted; one of the same token that is being deleted goes first."""
        efs = context.account.client("efs")
        self._until_gone(context, CreationToken=want["creationToken"])
        made = efs.create_file_system(
            CreationToken=want["creationToken"],
            Encrypted=want["encrypted"],
            ThroughputMode=want["throughputMode"],
            Backup=want["backup"],
            Tags=tag_list(want["tags"]),
        )
        key = made["FileSystemId"]
        self.available(lambda: efs.describe_file_systems(FileSystemId=key)["FileSystems"][0], context)
        if want["backup"]:
            efs.put_backup_policy(FileSystemId=key, BackupPolicy={"Status": "ENABLED"})
        return Found(
            key,
            {"id": key, "arn": made.get("FileSystemArn", ""), "name": want["creationToken"]},
            want,
            want["tags"],
        )

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change throughput, backups and tags."""
        efs = context.account.client("efs")
        if "throughputMode" in changed:
            efs.update_file_system(FileSystemId=found.key, ThroughputMode=want["throughputMode"])
        if "backup" in changed:
            status = "ENABLED" if want["backup"] else "DISABLED"
            efs.put_backup_policy(FileSystemId=found.key, BackupPolicy={"Status": status})
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete it and everything on it, and wait until it is gone: its token is free only then."""
        efs = context.account.client("efs")
        gone(self, lambda: efs.delete_file_system(FileSystemId=found.key), context)
        self._until_gone(context, FileSystemId=found.key)

    def _until_gone(self, context: Context, **which: str) -> None:
        efs = context.account.client("efs")
        for _ in range(150):
            answer = absent(self, lambda: efs.describe_file_systems(**which))
            if not any(one["LifeCycleState"] == "deleting" for one in (answer or {}).get("FileSystems", [])):
                return
            context.account.tell("for the file system to be gone")
            context.account.sleep(2)
        name = " ".join(which.values())
        raise late(f"EFS: {name} is still being deleted after five minutes", "aws efs describe-file-systems")


class MountTargetsHandler(_Efs):
    """The mount targets of a file system: one in each subnet, treated as one thing."""

    kind = aws.MountTargets
    taggable = False
    immutable = frozenset({"fileSystemId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Sort what has no order."""
        members = to_api(resource, resolve)
        for member in ("subnetIds", "securityGroups"):
            if isinstance(members.get(member), list):
                members[member] = sorted(members[member], key=str)
        return normal(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: Context) -> Found | None:
        """Read the mount targets of the file system."""
        return None if has_pending(want["fileSystemId"]) else self._read(want["fileSystemId"], context)

    def _read(self, file_system: str, context: Context) -> Found | None:
        efs = context.account.client("efs")
        pages = partial(context.account.pages, "efs", "describe_mount_targets", "MountTargets")
        every = absent(self, lambda: list(pages(FileSystemId=file_system))) or []
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
        return Found(file_system, {"id": file_system}, normal(state), None, by_subnet, f"of {file_system}")

    def owned(self, context: Context) -> Iterable[Found]:
        """List those of our file systems."""
        for one in FileSystemHandler().owned(context):
            found = self._read(one.key, context)
            if found:
                yield found

    def create(self, want: Json, context: Context) -> Found:
        """Make one in each subnet; those that are there already stay."""
        there = self._read(want["fileSystemId"], context)
        return self._bring(want, there.extra if there else {}, context)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Add and remove subnets, and let the right groups in everywhere."""
        return self._bring(want, found.extra, context)

    def _bring(self, want: Json, there: dict[str, str], context: Context) -> Found:
        efs = context.account.client("efs")
        for subnet in [subnet for subnet in there if subnet not in want["subnetIds"]]:
            gone(self, partial(efs.delete_mount_target, MountTargetId=there[subnet]), context)
        groups = want.get("securityGroups", [])
        for subnet in want["subnetIds"]:
            if subnet in there:
                efs.modify_mount_target_security_groups(MountTargetId=there[subnet], SecurityGroups=groups)
            else:
                self._make(want["fileSystemId"], subnet, groups, context)
        for subnet in want["subnetIds"]:
            self._wait(want["fileSystemId"], subnet, context)
        return self.finish(want, context)

    def _make(self, file_system: str, subnet: str, groups: list[str], context: Context) -> None:
        efs = context.account.client("efs")
        try:
            efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet, SecurityGroups=groups)
        except (
            efs.exceptions.MountTargetConflict
        ):  # made by a call whose answer was lost, or by another apply
            return

    def _wait(self, file_system: str, subnet: str, context: Context) -> None:
        def read() -> Json:
            targets = context.account.pages(
                "efs", "describe_mount_targets", "MountTargets", FileSystemId=file_system
            )
            return next((one for one in targets if one["SubnetId"] == subnet), {"LifeCycleState": "creating"})

        self.available(read, context)

    def delete(self, found: Found, context: Context) -> None:
        """Delete them, and wait until they are gone: the file system and the subnets' groups wait for that."""
        efs = context.account.client("efs")
        for target in found.extra.values():
            gone(self, partial(efs.delete_mount_target, MountTargetId=target), context)
        for _ in range(150):
            answer = absent(self, lambda: efs.describe_mount_targets(FileSystemId=found.key))
            if not answer or not answer["MountTargets"]:
                return
            context.account.tell("for the mount targets to be gone")
            context.account.sleep(2)
        raise late(
            f"EFS: mount targets of {found.key} are still there after five minutes, and hold their security groups",
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

    def find(self, want: Json, context: Context) -> Found | None:
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

    def _read(self, file_system: str, context: Context) -> list[Found]:
        pages = partial(context.account.pages, "efs", "describe_access_points", "AccessPoints")
        every = absent(self, lambda: list(pages(FileSystemId=file_system))) or []
        return [self._found(one) for one in every if one["LifeCycleState"] not in _GOING]

    def _found(self, one: Json) -> Found:
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
        return Found(one["AccessPointId"], attributes, normal(state), tags, name=root.get("Path", "/"))

    def owned(self, context: Context) -> Iterable[Found]:
        """List those of our file systems and those with our tags on others."""
        for one in context.account.pages("efs", "describe_access_points", "AccessPoints"):
            if one["LifeCycleState"] not in _GOING and context.owner.owns(tags_from(one.get("Tags"))):
                yield self._found(one)

    def create(self, want: Json, context: Context) -> Found:
        """Make it; the token is the same for the same wish, so two calls make one."""
        root = want["rootDirectory"]
        info = root["creationInfo"]
        given: Json = {
            "FileSystemId": want["fileSystemId"],
            "ClientToken": token({k: v for k, v in want.items() if k != "tags"}),
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
        return Found(key, {"id": key, "arn": made.get("AccessPointArn", "")}, want, want["tags"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change the tags: nothing else can be."""
        self.retag(found, want, context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete the access point; the directory stays."""
        efs = context.account.client("efs")
        gone(self, lambda: efs.delete_access_point(AccessPointId=found.key), context)


# -- logs


def _tagged(context: Context, kind: str) -> Iterable[str]:
    """Ask the tagging API, in one call for the whole account, for ARNs; it may lag behind, so what it says is looked up.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    filters = [{"Key": key, "Values": [value]} for key, value in context.owner.tags.items()]
    for one in context.account.pages(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        ResourceTypeFilters=[kind],
        TagFilters=filters,
    ):
        yield one["ResourceARN"]


class LogGroupHandler(Handler):
    """Log groups: found by name."""

    kind = aws.LogGroup
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ResourceAlreadyExistsException"})

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name."""
        name = want["logGroupName"]
        pages = context.account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        group = next((one for one in pages if one["logGroupName"] == name), None)
        return self._found(group, context) if group else None

    def _found(self, group: Json, context: Context) -> Found:
        name = group["logGroupName"]
        arn = str(group.get("arn", "")).removesuffix(":*")
        answer = absent(self, lambda: context.account.client("logs").list_tags_for_resource(resourceArn=arn))
        tags = dict(answer["tags"]) if answer else {}
        state = {
            "logGroupName": name,
            "retentionInDays": group.get("retentionInDays"),
            "tags": shown_tags(tags),
        }
        return Found(name, {"name": name, "arn": arn}, normal(state), tags, name=name)

    def owned(self, context: Context) -> Iterable[Found]:
        """List the log groups below the stack's name, and those with our tags of any other name."""
        groups = context.account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix="/ecs/")
        named = {g["logGroupName"]: g for g in groups if context.owner.stack in g["logGroupName"]}
        reads = [self._found(group, context) for group in named.values()]
        for arn in _tagged(context, "logs:log-group"):
            name = arn.partition(":log-group:")[2].removesuffix(":*")
            found = None if name in named else self.find({"logGroupName": name}, context)
            reads += [found] if found else []
        return [found for found in reads if context.owner.owns(found.tags or {})]

    def create(self, want: Json, context: Context) -> Found:
        """Make it, and set how long it keeps."""
        logs = context.account.client("logs")
        logs.create_log_group(logGroupName=want["logGroupName"], tags=want["tags"])
        logs.put_retention_policy(logGroupName=want["logGroupName"], retentionInDays=want["retentionInDays"])
        return self.finish(want, context)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change how long it keeps, and its tags."""
        logs = context.account.client("logs")
        if "retentionInDays" in changed:
            logs.put_retention_policy(logGroupName=found.key, retentionInDays=want["retentionInDays"])
        if "tags" in changed:
            logs.tag_resource(resourceArn=found.attributes["arn"], tags=want["tags"])
            surplus = surplus_tags(found, want)
            if surplus:
                logs.untag_resource(resourceArn=found.attributes["arn"], tagKeys=surplus)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete it with what it holds."""
        logs = context.account.client("logs")
        gone(self, lambda: logs.delete_log_group(logGroupName=found.key), context)


# -- images


class RepositoryHandler(Handler):
    """ECR repositories: found by name; how many images are kept is a lifecycle policy."""

    kind = aws.Repository
    keeps_data = True
    missing = frozenset({"RepositoryNotFoundException", "LifecyclePolicyNotFoundException"})
    exists = frozenset({"RepositoryAlreadyExistsException"})

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name."""
        ecr = context.account.client("ecr")
        answer = absent(self, lambda: ecr.describe_repositories(repositoryNames=[want["repositoryName"]]))
        return self._found(answer["repositories"][0], context) if answer else None

    def _found(self, one: Json, context: Context) -> Found:
        ecr = context.account.client("ecr")
        arn, name = one["repositoryArn"], one["repositoryName"]
        tags = tags_from(ecr.list_tags_for_resource(resourceArn=arn)["tags"])
        policy = absent(self, lambda: ecr.get_lifecycle_policy(repositoryName=name))
        state = {
            "repositoryName": name,
            "imageTagMutability": one.get("imageTagMutability"),
            "scanOnPush": (one.get("imageScanningConfiguration") or {}).get("scanOnPush", False),
            "keep": _kept(policy["lifecyclePolicyText"]) if policy else None,
            "tags": shown_tags(tags),
        }
        return Found(
            name, {"name": name, "arn": arn, "uri": one["repositoryUri"]}, normal(state), tags, name=name
        )

    def owned(self, context: Context) -> Iterable[Found]:
        """List the repositories whose name holds the project's or the stack's, and those with our tags of any other name."""
        every = context.account.pages("ecr", "describe_repositories", "repositories")
        names = (context.owner.project, context.owner.stack)
        named = {r["repositoryName"]: r for r in every if any(name in r["repositoryName"] for name in names)}
        reads = [self._found(one, context) for one in named.values()]
        for arn in _tagged(context, "ecr:repository"):
            name = arn.partition(":repository/")[2]
            found = None if name in named else self.find({"repositoryName": name}, context)
            reads += [found] if found else []
        return [found for found in reads if context.owner.owns(found.tags or {})]

    def create(self, want: Json, context: Context) -> Found:
        """Make it, with its lifecycle policy."""
        ecr = context.account.client("ecr")
        made = ecr.create_repository(
            repositoryName=want["repositoryName"],
            imageTagMutability=want["imageTagMutability"],
            imageScanningConfiguration={"scanOnPush": want["scanOnPush"]},
            tags=tag_list(want["tags"]),
        )["repository"]
        self._keep(want, context)
        attributes = {
            "name": want["repositoryName"],
            "arn": made["repositoryArn"],
            "uri": made["repositoryUri"],
        }
        return Found(want["repositoryName"], attributes, want, want["tags"])

    def _keep(self, want: Json, context: Context) -> None:
        context.account.client("ecr").put_lifecycle_policy(
            repositoryName=want["repositoryName"], lifecyclePolicyText=lifecycle_policy(want["keep"])
        )

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change each setting with its call."""
        ecr, name = context.account.client("ecr"), found.key
        if "imageTagMutability" in changed:
            ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=want["imageTagMutability"])
        if "scanOnPush" in changed:
            scanning = {"scanOnPush": want["scanOnPush"]}
            ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)
        if "keep" in changed:
            self._keep(want, context)
        if "tags" in changed:
            ecr.tag_resource(resourceArn=found.attributes["arn"], tags=tag_list(want["tags"]))
            surplus = surplus_tags(found, want)
            if surplus:
                ecr.untag_resource(resourceArn=found.attributes["arn"], tagKeys=surplus)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete it with its images."""
        ecr = context.account.client("ecr")
        gone(self, lambda: ecr.delete_repository(repositoryName=found.key, force=True), context)


def lifecycle_policy(keep: int) -> str:
    """Write a policy that keeps the last `keep` images.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    rule = {
        "rulePriority": 1,
        "description": f"keep the last {keep} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})


def _kept(policy: str) -> Any:
    """Read back how many images a policy keeps; the policy itself, where it is another one."""
    try:
        keep = json.loads(policy)["rules"][0]["selection"]["countNumber"]
    except (ValueError, KeyError, IndexError, TypeError):
        return policy
    return keep if json.loads(lifecycle_policy(keep)) == json.loads(policy) else policy


# -- secrets


class _SecretHandler(Handler):
    """Secrets: found by name. Values are written by `secrets push`; here they are neither read nor compared."""

    keeps_data = True


class SecretParameterHandler(_SecretHandler):
    """SecureStrings of SSM Parameter Store; one cannot exist without a value, so it is made with its value only."""

    kind = aws.SecretParameter
    missing = frozenset({"ParameterNotFound", "InvalidResourceId"})
    exists = frozenset({"ParameterAlreadyExists"})

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name."""
        return next(
            iter(self._read(context, [{"Key": "Name", "Option": "Equals", "Values": [want["name"]]}])), None
        )

    def _read(self, context: Context, filters: list[Json]) -> Iterable[Found]:
        ssm = context.account.client("ssm")
        for one in context.account.pages(
            "ssm", "describe_parameters", "Parameters", ParameterFilters=filters
        ):
            name = one["Name"]
            answer = absent(
                self, partial(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId=name)
            )
            tags = tags_from((answer or {}).get("TagList"))
            state = {"name": name, "description": one.get("Description"), "tags": shown_tags(tags)}
            arn = one.get("ARN") or ssm.get_parameter(Name=name)["Parameter"]["ARN"]
            yield Found(name, {"name": name, "arn": arn}, normal(state), tags, one, name)

    def owned(self, context: Context) -> Iterable[Found]:
        """List the parameters with our tags."""
        filters = [{"Key": f"tag:{key}", "Values": [value]} for key, value in context.owner.tags.items()]
        return [one for one in self._read(context, filters) if context.owner.owns(one.tags or {})]

    def create(self, want: Json, context: Context) -> Found:
        """Write the first value."""
        value = context.secret_value(want["name"])
        context.account.client("ssm").put_parameter(
            Name=want["name"],
            Description=want.get("description", ""),
            Value=value,
            Type="SecureString",
            Tags=tag_list(want["tags"]),
        )
        return self.finish(want, context)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change the tags; a description can be written with a value only, and is then."""
        ssm = context.account.client("ssm")
        if "description" in changed:
            ssm.put_parameter(
                Name=found.key,
                Description=want.get("description", ""),
                Value=context.secret_value(want["name"]),
                Type="SecureString",
                Overwrite=True,
            )
        if "tags" in changed:
            ssm.add_tags_to_resource(
                ResourceType="Parameter", ResourceId=found.key, Tags=tag_list(want["tags"])
            )
            surplus = surplus_tags(found, want)
            if surplus:
                ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=found.key, TagKeys=surplus)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete it."""
        ssm = context.account.client("ssm")
        gone(self, lambda: ssm.delete_parameter(Name=found.key), context)


class ManagedSecretHandler(_SecretHandler):
    """Secrets of Secrets Manager."""

    kind = aws.ManagedSecret
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ResourceExistsException"})

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name; one that is waiting for its deletion is restored when it is wanted again."""
        client = context.account.client("secretsmanager")
        answer = absent(self, lambda: client.describe_secret(SecretId=want["name"]))
        return self._found(answer) if answer and not answer.get("DeletedDate") else None

    def _found(self, one: Json) -> Found:
        tags = tags_from(one.get("Tags"))
        state = {"name": one["Name"], "description": one.get("Description"), "tags": shown_tags(tags)}
        return Found(
            one["ARN"], {"name": one["Name"], "arn": one["ARN"]}, normal(state), tags, one, one["Name"]
        )

    def owned(self, context: Context) -> Iterable[Found]:
        """List the secrets with our tags."""
        keys = [{"Key": "tag-key", "Values": list(context.owner.tags)}]
        for one in context.account.pages("secretsmanager", "list_secrets", "SecretList", Filters=keys):
            if context.owner.owns(tags_from(one.get("Tags"))) and not one.get("DeletedDate"):
                yield self._found(one)

    def create(self, want: Json, context: Context) -> Found:
        """Make it with its first value, or take back one of the same name that was to be deleted."""
        client = context.account.client("secretsmanager")
        there = absent(self, lambda: client.describe_secret(SecretId=want["name"]))
        if there and there.get("DeletedDate"):
            return self._take_back(self._found(there), want, context)
        made = client.create_secret(
            Name=want["name"],
            Description=want.get("description", ""),
            SecretString=context.secret_value(want["name"]),
            ClientRequestToken=token("secret", want["name"], *context.owner),
            Tags=tag_list(want["tags"]),
        )
        return Found(made["ARN"], {"name": want["name"], "arn": made["ARN"]}, want, want["tags"])

    def _take_back(self, found: Found, want: Json, context: Context) -> Found:
        """Undo a deletion: the name is not free before it ends. The secret keeps its value, and stays whose it is.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
        """
        if not context.owner.owns(found.tags or {}):
            raise AwsError(_deleted_by_others(found.name))
        context.account.client("secretsmanager").restore_secret(SecretId=found.key)
        return self.update(found, want, frozenset({"tags", "description"}), context)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change the description and the tags."""
        client = context.account.client("secretsmanager")
        if "description" in changed:
            client.update_secret(SecretId=found.key, Description=want.get("description", ""))
        if "tags" in changed:
            client.tag_resource(SecretId=found.key, Tags=tag_list(want["tags"]))
            surplus = surplus_tags(found, want)
            if surplus:
                client.untag_resource(SecretId=found.key, TagKeys=surplus)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Let it be deleted in a week: until then it can be taken back."""
        client = context.account.client("secretsmanager")
        gone(self, lambda: client.delete_secret(SecretId=found.key, RecoveryWindowInDays=7), context)


def _deleted_by_others(name: str) -> Diagnostic:
    return Diagnostic(
        "C2F498",
        Severity.ERROR,
        f"secret {name} was not made for this stack and waits for its deletion, so its name is not free",
        hint=f"aws secretsmanager restore-secret --secret-id {name}, then apply --adopt; "
        "or another name, with --environment NAME",
        url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_restore-secret.html",
    )
