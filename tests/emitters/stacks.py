"""Stacks made by hand where no fixture says it."""

from __future__ import annotations

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    AccountIdentity,
    ContainerDefinition,
    EcsService,
    EfsAuthorizationConfig,
    EfsVolumeConfiguration,
    Existing,
    MountPoint,
    NetworkConfiguration,
    Resource,
    Secret,
    TaskDefinition,
    TaskVolume,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.sample_stack import LINUX, ROLLING, sample_network, sample_stack, with_origins


def one_without_an_address() -> Stack:
    """The sample, with one service whose tasks have no public address, as a patch may say it."""
    stack = sample_stack()
    service = stack.resources["service/db"]
    assert isinstance(service, EcsService)
    placed = service.network_configuration.awsvpc_configuration._replace(assign_public_ip="DISABLED")
    changed = service._replace(network_configuration=NetworkConfiguration(placed))
    return stack._replace(resources={**stack.resources, "service/db": changed})


def with_what_exists() -> Stack:
    """A stack that makes little: cluster, roles, file system and secrets are the user's."""
    stack = "guest"
    resources: dict[str, Resource] = {
        "account": AccountIdentity("eu-central-1", "123456789012"),
        "network": VpcNetwork("vpc-12345678", ("subnet-11111111", "subnet-22222222")),
        "cluster": Existing("Cluster", "shared"),
        "execution-role": Existing("Role", "ecsTaskExecutionRole"),
        "security-group/default": Existing("SecurityGroup", "sg-12345678"),
        "secret/token": Existing("SecretParameter", "/shared/token"),
        "secret/other": Existing("ManagedSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:o-AbCdEf"),
        "file-system": Existing("FileSystem", "fs-12345678"),
        "access-point/data": Existing("AccessPoint", "fsap-12345678"),
        "task-definition/a-b": TaskDefinition(
            f"{stack}-a-b", "256", "512",
            (
                ContainerDefinition(
                    "app", "nginx", mount_points=(MountPoint("data", "/data"),),
                    secrets=(
                        Secret("TOKEN", Ref("secret/token", "arn")), Secret("OTHER", Ref("secret/other", "arn")),
                    ),
                ),
            ),
            Ref("execution-role", "name"), LINUX, task_role_arn="arn:aws:iam::123456789012:role/app",
            volumes=(
                TaskVolume(
                    "data",
                    efs_volume_configuration=EfsVolumeConfiguration(
                        Ref("file-system", "id"),
                        authorization_config=EfsAuthorizationConfig(Ref("access-point/data", "id")),
                    ),
                ),
            ),
        ),
        "task-definition/a_b": TaskDefinition(
            f"{stack}-a_b", "256", "512", (ContainerDefinition("app", "nginx"),), "ecsTaskExecutionRole", LINUX
        ),
        "service/a-b": EcsService(
            Ref("cluster", "name"), "a-b", Ref("task-definition/a-b", "family"), 1, ROLLING, sample_network("default")
        ),
    }  # fmt: skip
    return with_origins(stack, resources, {"a-b": 1, "a_b": 9})
