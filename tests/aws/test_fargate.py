"""The rules of Fargate that neither the AWS CLI nor any linter checks: each finds what breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.fargate import LARGEST, SIZES, smallest_size
from compose2fargate.aws.resources import (
    AwsvpcConfiguration,
    ContainerDefinition,
    ContainerDependency,
    ContainerHealthCheck,
    ContainerRestartPolicy,
    ContainerUlimit,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    EcsService,
    EphemeralStorage,
    KernelCapabilities,
    LinuxParameters,
    LogConfiguration,
    MountPoint,
    NetworkConfiguration,
    PortMapping,
    RuntimePlatform,
    SystemControl,
    TaskDefinition,
    TaskVolume,
)
from compose2fargate.aws.task_definition_rules import service_violations, violations

AWSLOGS = {"awslogs-group": "/ecs/shop/web", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "web"}
HEALTHY = ContainerHealthCheck(("CMD", "true"), 30, 5, 3)
WEB = ContainerDefinition(
    "web",
    "nginx",
    cpu=256,
    memory=512,
    memory_reservation=256,
    port_mappings=(PortMapping(80, name="http"),),
    mount_points=(MountPoint("data", "/data"),),
    health_check=HEALTHY,
    linux_parameters=LinuxParameters(KernelCapabilities(add=("SYS_PTRACE",), drop=("NET_RAW",))),
    ulimits=(ContainerUlimit("nofile", 1024, 4096),),
    system_controls=(SystemControl("net.core.somaxconn", "1024"),),
    log_configuration=LogConfiguration("awslogs", AWSLOGS),
    restart_policy=ContainerRestartPolicy(enabled=True, restart_attempt_period=60),
    stop_timeout=30,
)
SMALL = WEB._replace(cpu=1, memory=6, memory_reservation=None, port_mappings=())
TASK = TaskDefinition(
    "shop-web",
    "256",
    "512",
    (WEB,),
    "ecsTaskExecutionRole",
    RuntimePlatform("X86_64"),
    volumes=(TaskVolume("data"),),
    ephemeral_storage=EphemeralStorage(21),
)


def members(task: TaskDefinition) -> list[str]:
    return [violation.member.rpartition("].")[2] for violation in violations(task)]


def web(**changes: Any) -> ContainerDefinition:
    return WEB._replace(**changes)


def test_a_legal_task_definition_breaks_no_rule() -> None:
    assert violations(TASK) == []


def test_a_task_without_containers_is_found() -> None:
    assert "containerDefinitions" in members(TASK._replace(container_definitions=()))


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"family": "shop.web"}, "family"),
        ({"family": "x" * 256}, "family"),
        ({"cpu": "300"}, "memory"),
        ({"memory": "1000"}, "memory"),
        ({"memory": "4096"}, "memory"),
        ({"container_definitions": tuple(SMALL._replace(name=f"w{n}") for n in range(11))}, "containerDefinitions"),
        ({"container_definitions": (WEB._replace(essential=False),)}, "containerDefinitions"),
        ({"ephemeral_storage": EphemeralStorage(20)}, "ephemeralStorage.sizeInGiB"),
        ({"ephemeral_storage": EphemeralStorage(201)}, "ephemeralStorage.sizeInGiB"),
        ({"volumes": ()}, "mountPoints"),
    ],
)  # fmt: skip
def test_a_task_definition_that_is_not_legal_is_found(change: dict[str, Any], member: str) -> None:
    assert members(TASK._replace(**change)) == [member]


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"name": "web.1"}, "name"),
        ({"cpu": 257}, "cpu"),
        ({"memory": 513}, "memory"),
        ({"memory": 5, "memory_reservation": None}, "memory"),
        ({"memory_reservation": 512}, "memoryReservation"),
        ({"port_mappings": (PortMapping(0),)}, "portMappings"),
        ({"port_mappings": (PortMapping(65536),)}, "portMappings"),
        ({"port_mappings": (PortMapping(80, name="-http"),)}, "portMappings"),
        ({"port_mappings": (PortMapping(80, name="HTTP"),)}, "portMappings"),
        ({"health_check": HEALTHY._replace(command=("true",))}, "healthCheck.command"),
        ({"health_check": HEALTHY._replace(interval=4)}, "healthCheck.interval"),
        ({"health_check": HEALTHY._replace(timeout=61)}, "healthCheck.timeout"),
        ({"health_check": HEALTHY._replace(retries=11)}, "healthCheck.retries"),
        ({"health_check": HEALTHY._replace(start_period=301)}, "healthCheck.startPeriod"),
        ({"linux_parameters": LinuxParameters(KernelCapabilities(add=("SYS_ADMIN",)))}, "linuxParameters.capabilities.add"),
        ({"ulimits": (ContainerUlimit("nproc", 1, 1),)}, "ulimits"),
        ({"ulimits": (ContainerUlimit("nofile", 2, 1),)}, "ulimits"),
        ({"ulimits": (ContainerUlimit("nofile", 1, 1_048_577),)}, "ulimits"),
        ({"system_controls": (SystemControl("vm.max_map_count", "1"),)}, "systemControls"),
        ({"log_configuration": LogConfiguration("json-file", {})}, "logConfiguration.logDriver"),
        ({"restart_policy": ContainerRestartPolicy(enabled=True, restart_attempt_period=59)}, "restartPolicy.restartAttemptPeriod"),
        ({"stop_timeout": 121}, "stopTimeout"),
        ({"start_timeout": 1}, "startTimeout"),
        ({"environment": (KeyValue("A", "x" * 65_536),)}, "containerDefinitions"),
        ({"docker_labels": {"a": "x" * 65_536}}, "containerDefinitions"),
        ({"depends_on": (ContainerDependency("nobody", "START"),)}, "dependsOn"),
    ],
)  # fmt: skip
def test_a_container_that_is_not_legal_is_found(change: dict[str, Any], member: str) -> None:
    assert members(TASK._replace(container_definitions=(web(**change),))) == [member]


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"name": "web"}, "containerDefinitions"),
        ({"port_mappings": (PortMapping(80),)}, "portMappings"),
        ({"depends_on": (ContainerDependency("web", "SUCCESS"),)}, "dependsOn"),
        ({"depends_on": (ContainerDependency("web", "HEALTHY"),)}, "dependsOn"),
    ],
)
def test_containers_that_do_not_go_together_are_found(change: dict[str, Any], member: str) -> None:
    first = web(cpu=None, memory=None, health_check=None)
    second = first._replace(**{"name": "side", "port_mappings": (), **change})
    assert members(TASK._replace(container_definitions=(first, second))) == [member]


SERVICE = EcsService(
    "shop",
    "web",
    "shop-web",
    2,
    DeploymentConfiguration(DeploymentCircuitBreaker(enable=True, rollback=True), 200, 100),
    NetworkConfiguration(AwsvpcConfiguration(("subnet-1",), ("sg-1",), "DISABLED")),
)


def test_a_legal_service_breaks_no_rule() -> None:
    assert service_violations(SERVICE) == []


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"service_name": "web.1"}, "serviceName"),
        (
            {"network_configuration": NetworkConfiguration(AwsvpcConfiguration(("s",) * 17, ("g",), "DISABLED"))},
            "networkConfiguration",
        ),
        (
            {"network_configuration": NetworkConfiguration(AwsvpcConfiguration(("s",), ("g",) * 6, "DISABLED"))},
            "networkConfiguration",
        ),
        (
            {"deployment_configuration": SERVICE.deployment_configuration._replace(maximum_percent=100)},
            "deploymentConfiguration",
        ),
    ],
)  # fmt: skip
def test_a_service_that_is_not_legal_is_found(change: dict[str, Any], member: str) -> None:
    assert [violation.member for violation in service_violations(SERVICE._replace(**change))] == [member]


def test_the_smallest_size_is_never_below_what_is_asked_and_always_legal() -> None:
    for cpu in range(0, 17_000, 97):
        for memory in range(0, 125_000, 1_009):
            size = smallest_size(cpu, memory)
            if size is None:
                assert cpu > LARGEST.cpu or memory > LARGEST.memory
            else:
                assert size.cpu >= cpu
                assert size.memory >= memory
                assert size.memory in dict(SIZES)[size.cpu]
