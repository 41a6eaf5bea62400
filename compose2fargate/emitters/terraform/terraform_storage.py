"""Log groups and file systems as Terraform blocks."""

from __future__ import annotations

from collections.abc import Iterator

from compose2fargate.aws.policies import file_system_policy_document
from compose2fargate.aws.resources import (
    AccessPoint,
    FileSystem,
    LogGroup,
    MountTargets,
)
from compose2fargate.emitters.terraform.hcl import (
    BREAK,
    HclBlock,
    HclCall,
    HclExpression,
)
from compose2fargate.emitters.terraform.terraform_blocks import (
    RenderScope,
    arguments,
    id_list,
    nested_block,
    resource_block,
    second_block,
    tags_argument,
)


def render_log_group(scope: RenderScope, logical_id: str, group: LogGroup) -> Iterator[HclBlock]:
    """Render a log group."""
    usual = group.retention_in_days == scope.settings.log_retention
    days = HclExpression("var.log_retention_in_days") if usual else group.retention_in_days
    values = {"name": group.log_group_name, "retention_in_days": days}
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, group.tags))


def render_file_system(scope: RenderScope, logical_id: str, files: FileSystem) -> Iterator[HclBlock]:
    """Render a file system."""
    values = {
        "creation_token": files.creation_token,
        "encrypted": files.encrypted,
        "performance_mode": files.performance_mode,
        "throughput_mode": files.throughput_mode,
        "provisioned_throughput_in_mibps": files.provisioned_throughput_in_mibps,
    }
    moved = {"transition_to_ia": files.transition_to_ia}
    moving = [nested_block("lifecycle_policy", moved)] if files.transition_to_ia else []
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, files.tags), moving)
    own = {"file_system_id": HclExpression(f"{scope.addresses.address(logical_id)}.id")}
    status = nested_block("backup_policy", {"status": "ENABLED" if files.backup else "DISABLED"})
    yield second_block(scope, logical_id, "aws_efs_backup_policy", arguments(own), [status])
    if files.restricted:
        policy = {**own, "policy": HclCall("jsonencode", (file_system_policy_document(),))}
        yield second_block(scope, logical_id, "aws_efs_file_system_policy", arguments(policy))


def render_mount_targets(scope: RenderScope, logical_id: str, targets: MountTargets) -> Iterator[HclBlock]:
    """Render mount targets."""
    values = {
        "for_each": HclCall("toset", (id_list(scope, targets.subnet_ids),)),
    }
    given = {
        "file_system_id": scope.addresses.of(targets.file_system_id),
        "subnet_id": HclExpression("each.value"),
        "security_groups": id_list(scope, targets.security_groups),
    }
    yield resource_block(scope, logical_id, arguments(values), [BREAK], arguments(given))


def render_access_point(scope: RenderScope, logical_id: str, point: AccessPoint) -> Iterator[HclBlock]:
    """Render an access point."""
    root, user = point.root_directory, point.posix_user
    info = root.creation_info
    nested = [nested_block("posix_user", {"uid": user.uid, "gid": user.gid})] if user else []
    creation = {"owner_uid": info.owner_uid, "owner_gid": info.owner_gid, "permissions": info.permissions}
    nested.append(
        nested_block("root_directory", {"path": root.path}, nested_block("creation_info", creation))
    )
    values = {"file_system_id": scope.addresses.of(point.file_system_id)}
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, point.tags), nested)
