"""The rules that every stack is checked against: each finds what breaks it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import BuiltImage, JoinedText, KeyValue, Ref, Tag
from compose2fargate.aws.fargate import EPHEMERAL_GIB, Size
from compose2fargate.aws.prices import DEFAULT, HOURS, Prices, task_month
from compose2fargate.aws.resources import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    ContainerDefinition,
    ContainerDependency,
    ContainerHealthCheck,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    EcsLoadBalancer,
    EcsParameters,
    EcsService,
    EfsAuthorizationConfig,
    EfsVolumeConfiguration,
    EphemeralStorage,
    FlexibleTimeWindow,
    LinuxParameters,
    LogConfiguration,
    LogGroup,
    MountPoint,
    NetworkConfiguration,
    Policy,
    PortMapping,
    Resource,
    Role,
    RunTask,
    RuntimePlatform,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    ScheduleTarget,
    Secret,
    ServiceConnectClientAlias,
    ServiceConnectConfiguration,
    ServiceConnectService,
    Statement,
    TargetGroup,
    TaskDefinition,
    TaskVolume,
    Tmpfs,
    Trust,
    VolumeFrom,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.aws.stack_rules import dangling_refs, stack_violations
from compose2fargate.aws.task_definition_rules import serialized_size

NETWORK = NetworkConfiguration(AwsvpcConfiguration(("subnet-1",), ("sg-1",), "DISABLED"))
WEB = ContainerDefinition("web", "nginx", port_mappings=(PortMapping(80, name="http"),))
TASK = TaskDefinition("shop-web", "256", "512", (WEB,), "role", RuntimePlatform("X86_64"))
CONNECT = ServiceConnectConfiguration(
    enabled=True,
    namespace="shop",
    services=(ServiceConnectService("http", "web", (ServiceConnectClientAlias(80, "web"),)),),
)
SERVICE = EcsService(
    cluster=Ref("cluster", "name"),
    service_name="web",
    task_definition=Ref("task-definition/web", "family"),
    desired_count=1,
    deployment_configuration=DeploymentConfiguration(DeploymentCircuitBreaker(True, True), 200, 100),
    network_configuration=NETWORK,
    service_connect_configuration=CONNECT,
)
RUN = RunTask(Ref("cluster", "name"), Ref("task-definition/web", "family"), NETWORK)
TARGET = ScheduleTarget("arn:c", "arn:r", EcsParameters("arn:t", "FARGATE", NETWORK))
SCHEDULE = Schedule("shop-backup", "rate(5 minutes)", "UTC", FlexibleTimeWindow("OFF"), TARGET, "Backs up")
GROUP = TargetGroup("shop-web-80", "HTTP", 80, "vpc-1")
ROLE = Role(
    "shop-web",
    Trust("ecs-tasks.amazonaws.com"),
    "May read",
    (Policy("read", (Statement("A", ("s3:GetObject",), ("arn",)),)),),
)
SCALED = ScalableTarget(Ref("service/web", "name"), 1, 3)
SCALING = ScalingPolicy(
    "shop-web-cpu", Ref("scalable-target/web", "id"), "ECSServiceAverageCPUUtilization", 60, 300, 60
)
LEGAL: dict[str, Resource] = {
    "cluster": Cluster("shop"),
    "log-group/web": LogGroup("/ecs/shop/web", 30),
    "task-role/web": ROLE,
    "target-group/web-80": GROUP,
    "task-definition/web": TASK,
    "service/web": SERVICE,
    "run-task/web": RUN,
    "schedule/web": SCHEDULE,
    "scalable-target/web": SCALED,
    "scaling-policy/web-cpu": SCALING,
}


def offering(**changes: Any) -> ServiceConnectConfiguration:
    return CONNECT._replace(services=(CONNECT.services[0]._replace(**changes),))


STOP_FIRST = DeploymentConfiguration(DeploymentCircuitBreaker(enable=True, rollback=True), 100, 0)
NOWHERE = NetworkConfiguration(NETWORK.awsvpc_configuration._replace(assign_public_ip="YES"))


def awslogs(**options: str) -> LogConfiguration:
    return LogConfiguration(
        "awslogs", {**AWSLOGS, **{name.replace("_", "-"): value for name, value in options.items()}}
    )


def found(logical_id: str, resource: Resource) -> list[str]:
    made = Stack("shop", {**LEGAL, logical_id: resource}, {}, {})
    assert all(where == logical_id for where, _ in stack_violations(made))
    return [violation.member.rpartition("].")[2] for _, violation in stack_violations(made)]


def test_a_legal_stack_breaks_no_rule() -> None:
    assert list(stack_violations(Stack("shop", LEGAL, {}, {}))) == []


BALANCER = EcsLoadBalancer(Ref("target-group/web-80", "arn"), "web", 80)
SPOT = CapacityProviderStrategyItem("FARGATE_SPOT", 1)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"service_name": "web.1"}, "serviceName"),
        ({"desired_count": 5001}, "desiredCount"),
        ({"desired_count": -1}, "desiredCount"),
        ({"launch_type": None}, "capacityProviderStrategy"),
        ({"capacity_provider_strategy": (SPOT,)}, "capacityProviderStrategy"),
        ({"launch_type": None, "capacity_provider_strategy": (SPOT._replace(weight=0),)}, "capacityProviderStrategy"),
        ({"launch_type": None, "capacity_provider_strategy": (SPOT._replace(weight=1001),)}, "capacityProviderStrategy"),
        ({"launch_type": None, "capacity_provider_strategy": (SPOT._replace(capacity_provider="mine"),)}, "capacityProviderStrategy"),
        ({"launch_type": None, "capacity_provider_strategy": (SPOT._replace(base=1), SPOT._replace(base=1))}, "capacityProviderStrategy"),
        ({"health_check_grace_period_seconds": 60}, "healthCheckGracePeriodSeconds"),
        ({"load_balancers": (BALANCER,) * 6}, "loadBalancers"),
        ({"load_balancers": (BALANCER._replace(container_name="app"),)}, "loadBalancers"),
        ({"load_balancers": (BALANCER._replace(container_port=81),)}, "loadBalancers"),
        ({"service_connect_configuration": offering(port_name="tcp")}, "serviceConnectConfiguration"),
        ({"service_connect_configuration": CONNECT._replace(services=CONNECT.services * 2)}, "serviceConnectConfiguration"),
        ({"service_connect_configuration": offering(discovery_name="Web")}, "serviceConnectConfiguration"),
        ({"availability_zone_rebalancing": "ENABLED", "deployment_configuration": STOP_FIRST}, "availabilityZoneRebalancing"),
        ({"deployment_configuration": STOP_FIRST._replace(minimum_healthy_percent=50)}, "deploymentConfiguration"),
        ({"deployment_configuration": STOP_FIRST._replace(maximum_percent=150, minimum_healthy_percent=100)}, "deploymentConfiguration"),
        ({"enable_execute_command": True}, "enableExecuteCommand"),
        ({"network_configuration": NOWHERE}, "networkConfiguration"),
        ({"tags": (Tag("a", "1"), Tag("a", "2"))}, "tags"),
        ({"tags": (Tag("AWS:x", "1"),)}, "tags"),
        ({"tags": (Tag("a", "<b>"),)}, "tags"),
        ({"tags": (Tag("a", "x" * 257),)}, "tags"),
        ({"tags": tuple(Tag(str(n), "x") for n in range(51))}, "tags"),
    ],
)  # fmt: skip
def test_a_service_that_is_not_legal_is_found(change: dict[str, Any], member: str) -> None:
    assert set(found("service/web", SERVICE._replace(**change))) == {member}


@pytest.mark.parametrize(
    ("logical_id", "resource", "member"),
    [
        ("cluster", Cluster("my cluster"), "clusterName"),
        ("log-group/web", LogGroup("/ecs/shop web", 30), "logGroupName"),
        ("log-group/web", LogGroup("aws/shop", 30), "logGroupName"),
        ("log-group/web", LogGroup("/ecs/shop", 31), "retentionInDays"),
        ("task-role/web", ROLE._replace(role_name="x" * 65), "RoleName"),
        ("task-role/web", ROLE._replace(managed_policy_arns=("arn",) * 21), "ManagedPolicyArns"),
        ("task-role/web", ROLE._replace(policies=(Policy("p", (Statement("a b", ("x",), ("y",)),)),)), "PolicyDocument"),
        ("task-role/web", ROLE._replace(policies=(Policy("p", (Statement("A", ("x",), ("y",)),) * 2),)), "PolicyDocument"),
        ("target-group/web-80", GROUP._replace(name="x" * 33), "Name"),
        ("target-group/web-80", GROUP._replace(name="-web"), "Name"),
        ("target-group/web-80", GROUP._replace(health_check_interval_seconds=4), "health_check_interval_seconds"),
        ("target-group/web-80", GROUP._replace(unhealthy_threshold_count=11), "unhealthy_threshold_count"),
        ("target-group/web-80", GROUP._replace(target_type="instance"), "TargetType"),
        ("run-task/web", RUN._replace(count=11), "count"),
        ("run-task/web", RUN._replace(launch_type=None), "capacityProviderStrategy"),
        ("schedule/web", SCHEDULE._replace(name="a b"), "Name"),
        ("schedule/web", SCHEDULE._replace(schedule_expression="0 3 * * *"), "ScheduleExpression"),
        ("schedule/web", SCHEDULE._replace(schedule_expression="rate(0 minutes)"), "ScheduleExpression"),
        ("schedule/web", SCHEDULE._replace(schedule_expression="cron(0 3 * * ?)"), "ScheduleExpression"),
        ("scalable-target/web", SCALED._replace(min_capacity=4), "MinCapacity"),
        ("scalable-target/web", SCALED._replace(service=Ref("cluster", "name")), "ResourceId"),
        ("scaling-policy/web-cpu", SCALING._replace(target_value=101), "TargetValue"),
        ("scaling-policy/web-cpu", SCALING._replace(metric="ALBRequestCountPerTarget"), "ResourceLabel"),
    ],
)  # fmt: skip
def test_a_resource_that_is_not_legal_is_found(logical_id: str, resource: Resource, member: str) -> None:
    assert found(logical_id, resource) == [member]


@pytest.mark.parametrize("text", ["rate(1 hour)", "at(2026-01-01T00:00:00)", "cron(0/15 3 ? * MON-FRI *)"])
def test_a_schedule_expression_of_each_kind_is_legal(text: str) -> None:
    assert found("schedule/web", SCHEDULE._replace(schedule_expression=text)) == []


AWSLOGS = {"awslogs-group": "g", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "web"}
TOKEN = (Secret("splunk-token", "/token"),)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"image": ""}, "image"),
        ({"image": "nginx latest"}, "image"),
        ({"image": "x" * 256}, "image"),
        ({"image": "nginx@sha256:abc"}, "image"),
        ({"environment": (KeyValue("A", "1"), KeyValue("A", "2"))}, "environment"),
        ({"environment": (KeyValue("A", "1"),), "secrets": (Secret("A", "/a"),)}, "environment"),
        ({"environment": (KeyValue("", "1"),)}, "environment"),
        ({"linux_parameters": LinuxParameters(tmpfs=(Tmpfs("/run", 0),))}, "linuxParameters.tmpfs"),
        ({"linux_parameters": LinuxParameters(tmpfs=(Tmpfs("run", 1),))}, "mountPoints"),
        ({"linux_parameters": LinuxParameters(tmpfs=(Tmpfs("/run", 1), Tmpfs("/run", 1)))}, "mountPoints"),
        ({"log_configuration": awslogs(mode="sync")}, "logConfiguration.options"),
        ({"log_configuration": awslogs(mode="blocking", max_buffer_size="4m")}, "logConfiguration.options"),
        ({"log_configuration": awslogs(awslogs_datetime_format="%Y", awslogs_multiline_pattern="x")}, "logConfiguration.options"),
        ({"log_configuration": LogConfiguration("awslogs", {"awslogs-group": "g", "awslogs-region": "r"})}, "logConfiguration.options"),
        ({"log_configuration": LogConfiguration("splunk", {"splunk-url": "u"})}, "logConfiguration.secretOptions"),
        ({"log_configuration": LogConfiguration("splunk", {}, TOKEN)}, "logConfiguration.options"),
        ({"depends_on": (ContainerDependency("web", "START"),)}, "dependsOn"),
        ({"depends_on": (ContainerDependency("web", "READY"),)}, "dependsOn"),
        ({"volumes_from": (VolumeFrom("data"),)}, "volumesFrom"),
    ],
)  # fmt: skip
def test_a_container_that_is_not_legal_is_found(change: dict[str, Any], member: str) -> None:
    task = TASK._replace(container_definitions=(WEB._replace(**change),))
    assert set(found("task-definition/web", task)) == {member}


EFS = EfsVolumeConfiguration("fs-1", authorization_config=EfsAuthorizationConfig("fsap-1"))


@pytest.mark.parametrize(
    ("volumes", "member"),
    [
        ((TaskVolume("a"), TaskVolume("a")), "volumes"),
        ((TaskVolume("a b"),), "volumes"),
        ((TaskVolume("a", efs_volume_configuration=EFS._replace(root_directory="/data")),), "volumes"),
        ((TaskVolume("a", efs_volume_configuration=EFS._replace(transit_encryption="DISABLED")),), "volumes"),
    ],
)
def test_volumes_that_are_not_legal_are_found(volumes: tuple[TaskVolume, ...], member: str) -> None:
    mounts = tuple(MountPoint(volume.name, f"/{n}") for n, volume in enumerate(volumes))
    task = TASK._replace(volumes=volumes, container_definitions=(WEB._replace(mount_points=mounts),))
    assert found("task-definition/web", task) == [member]


def test_a_volume_that_a_launch_is_to_configure_and_does_not_is_found() -> None:
    task = TASK._replace(volumes=(TaskVolume("data", configured_at_launch=True),))
    made = Stack("shop", {**LEGAL, "task-definition/web": task}, {}, {})
    assert [(where, v.member) for where, v in stack_violations(made)] == [
        ("service/web", "volumeConfigurations"),
        ("run-task/web", "volumeConfigurations"),
    ]


def test_three_containers_that_wait_for_each_other_are_found_by_name() -> None:
    chain = tuple(
        ContainerDefinition(
            name, "x", essential=name == "a", depends_on=(ContainerDependency(other, "START"),)
        )
        for name, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    made = list(
        stack_violations(
            Stack("s", {"task-definition/web": TASK._replace(container_definitions=chain)}, {}, {})
        )
    )
    assert [v.message for _, v in made] == ["a, b, c wait for each other"]


def test_a_start_timeout_before_the_first_health_check_is_found() -> None:
    slow = ContainerDefinition(
        "db", "x", health_check=ContainerHealthCheck(("CMD", "true"), 60, 5, 3), start_timeout=30
    )
    waits = WEB._replace(depends_on=(ContainerDependency("db", "HEALTHY"),))
    assert found("task-definition/web", TASK._replace(container_definitions=(waits, slow))) == [
        "startTimeout"
    ]
    fast = slow._replace(start_timeout=120)
    assert found("task-definition/web", TASK._replace(container_definitions=(waits, fast))) == []


def test_64_kib_are_counted_as_bytes_of_json_with_everything_in_it() -> None:
    room = 65_536 - serialized_size(
        TASK._replace(container_definitions=(WEB._replace(environment=(KeyValue("A", ""),)),))
    )
    fits = TASK._replace(container_definitions=(WEB._replace(environment=(KeyValue("A", "x" * room),)),))
    wide = TASK._replace(
        container_definitions=(WEB._replace(environment=(KeyValue("A", "ü" * (room // 2 + 1)),)),)
    )
    assert found("task-definition/web", fits) == []
    assert found("task-definition/web", wide) == ["containerDefinitions"]


def test_task_storage_has_its_own_range() -> None:
    assert found(
        "task-definition/web", TASK._replace(ephemeral_storage=EphemeralStorage(EPHEMERAL_GIB.high + 1))
    )


def test_links_to_nothing_or_to_what_comes_later_are_found() -> None:
    image = BuiltImage(Ref("repository/web", "uri"), "web", "1")
    role = ROLE._replace(managed_policy_arns=(JoinedText(("a", Ref("account", "partition"))),))
    task = TASK._replace(
        container_definitions=(WEB._replace(image=image),), task_role_arn=Ref("task-role/web", "arn")
    )
    made = Stack(
        "shop",
        {"task-definition/web": task, "task-role/web": role},
        {},
        {},
        after={"service/web": (DeploymentDependencies("run-task/seed", "completed"),)},
    )
    assert dangling_refs(made) == [
        ("task-definition/web", "repository/web"),
        ("task-definition/web", "task-role/web"),
        ("task-role/web", "account"),
        ("service/web", "run-task/seed"),
    ]


def test_a_month_of_the_smallest_task_costs_what_aws_says() -> None:
    """0.25 vCPU and 0.5 GB in us-east-1: 0.0123425 USD an hour."""
    assert task_month(DEFAULT, Size(256, 512), "X86_64") == pytest.approx(0.0123425 * HOURS)
    assert task_month(DEFAULT, Size(256, 512), "ARM64") < task_month(DEFAULT, Size(256, 512), "X86_64")
    more = task_month(DEFAULT, Size(256, 512), "X86_64", 30) - task_month(
        DEFAULT, Size(256, 512), "X86_64", 20
    )
    assert more == pytest.approx(10 * 0.000111 * HOURS)
    assert task_month(Prices(vcpu_hour=1, gb_hour=0), Size(1024, 2048), "X86_64") == HOURS
