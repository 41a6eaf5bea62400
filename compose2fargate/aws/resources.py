"""The resources of a stack. Field names are the API's member names in snake case; units are the API's.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html,
API_CreateService.html and API_RunTask.html beside it,
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from compose2fargate.aws.values import KeyValue, Ref, Tag


class PortMapping(NamedTuple):
    """A port that a container listens on; `name` is what Service Connect refers to."""

    container_port: int
    protocol: str = "tcp"
    name: str | None = None
    app_protocol: str | None = None


class HealthCheck(NamedTuple):
    """A container health check; durations in whole seconds."""

    command: tuple[str, ...]
    interval: int
    timeout: int
    retries: int
    start_period: int | None = None


class Secret(NamedTuple):
    """An environment variable filled from SSM Parameter Store or Secrets Manager when the task starts."""

    name: str
    value_from: str


class LogConfiguration(NamedTuple):
    """Where a container's output goes."""

    log_driver: str
    options: Mapping[str, str]


class Ulimit(NamedTuple):
    """A resource limit; Fargate honours `nofile` only."""

    name: str
    soft_limit: int
    hard_limit: int


class SystemControl(NamedTuple):
    """A kernel parameter."""

    namespace: str
    value: str


class KernelCapabilities(NamedTuple):
    """Linux capabilities without their `CAP_` prefix."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Tmpfs(NamedTuple):
    """An in-memory file system; `size` in MiB."""

    container_path: str
    size: int
    mount_options: tuple[str, ...] = ()


class LinuxParameters(NamedTuple):
    """Linux options of a container."""

    capabilities: KernelCapabilities | None = None
    init_process_enabled: bool | None = None
    tmpfs: tuple[Tmpfs, ...] = ()


class MountPoint(NamedTuple):
    """Where a container sees a task volume."""

    source_volume: str
    container_path: str
    read_only: bool = False


class VolumeFrom(NamedTuple):
    """All mounts of another container of the task."""

    source_container: str
    read_only: bool = False


class ContainerDependency(NamedTuple):
    """A container of the same task that must reach `condition` first."""

    container_name: str
    condition: str


class ContainerRestartPolicy(NamedTuple):
    """Restart a container inside its task."""

    enabled: bool
    ignored_exit_codes: tuple[int, ...] = ()
    restart_attempt_period: int | None = None


class ContainerDefinition(NamedTuple):
    """One container. `cpu` in CPU units (1024 = one vCPU), memory in MiB, `stop_timeout` in seconds."""

    name: str
    image: str
    essential: bool = True
    cpu: int | None = None
    memory: int | None = None
    memory_reservation: int | None = None
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str | None = None
    user: str | None = None
    environment: tuple[KeyValue, ...] = ()
    secrets: tuple[Secret, ...] = ()
    port_mappings: tuple[PortMapping, ...] = ()
    mount_points: tuple[MountPoint, ...] = ()
    volumes_from: tuple[VolumeFrom, ...] = ()
    depends_on: tuple[ContainerDependency, ...] = ()
    health_check: HealthCheck | None = None
    log_configuration: LogConfiguration | None = None
    linux_parameters: LinuxParameters | None = None
    restart_policy: ContainerRestartPolicy | None = None
    start_timeout: int | None = None
    stop_timeout: int | None = None
    readonly_root_filesystem: bool | None = None
    interactive: bool | None = None
    pseudo_terminal: bool | None = None
    ulimits: tuple[Ulimit, ...] = ()
    system_controls: tuple[SystemControl, ...] = ()
    docker_labels: Mapping[str, str] = {}


class EfsAuthorizationConfig(NamedTuple):
    """How a task proves itself to EFS."""

    access_point_id: str | None = None
    iam: str | None = None


class EfsVolumeConfiguration(NamedTuple):
    """An EFS file system as a task volume."""

    file_system_id: str | Ref
    root_directory: str | None = None
    transit_encryption: str = "ENABLED"
    authorization_config: EfsAuthorizationConfig | None = None


class TaskVolume(NamedTuple):
    """A volume of a task: EFS, or task storage that lives as long as the task."""

    name: str
    efs_volume_configuration: EfsVolumeConfiguration | None = None


class RuntimePlatform(NamedTuple):
    """Processor and operating system."""

    cpu_architecture: str
    operating_system_family: str = "LINUX"


class EphemeralStorage(NamedTuple):
    """Task storage beyond the 20 GiB that every task has."""

    size_in_gib: int


class TaskDefinition(NamedTuple):
    """What one task runs; `cpu` and `memory` are strings, as the API wants them at task level."""

    family: str
    cpu: str
    memory: str
    container_definitions: tuple[ContainerDefinition, ...]
    execution_role_arn: str | Ref
    runtime_platform: RuntimePlatform
    task_role_arn: str | Ref | None = None
    network_mode: str = "awsvpc"
    pid_mode: str | None = None
    requires_compatibilities: tuple[str, ...] = ("FARGATE",)
    volumes: tuple[TaskVolume, ...] = ()
    ephemeral_storage: EphemeralStorage | None = None
    tags: tuple[Tag, ...] = ()


class AwsvpcConfiguration(NamedTuple):
    """Where a task's network interface is placed."""

    subnets: tuple[str | Ref, ...]
    security_groups: tuple[str | Ref, ...]
    assign_public_ip: str


class NetworkConfiguration(NamedTuple):
    """The one kind of network configuration that Fargate has."""

    awsvpc_configuration: AwsvpcConfiguration


class DeploymentCircuitBreaker(NamedTuple):
    """Whether a deployment that does not get healthy is stopped, and rolled back."""

    enable: bool
    rollback: bool


class DeploymentConfiguration(NamedTuple):
    """How a service is updated; percentages of the desired count."""

    deployment_circuit_breaker: DeploymentCircuitBreaker
    maximum_percent: int
    minimum_healthy_percent: int


class ServiceConnectClientAlias(NamedTuple):
    """The name and port under which other services reach this one."""

    port: int
    dns_name: str


class ServiceConnectService(NamedTuple):
    """A named port offered to the namespace."""

    port_name: str
    discovery_name: str
    client_aliases: tuple[ServiceConnectClientAlias, ...]


class ServiceConnectConfiguration(NamedTuple):
    """Membership in a Service Connect namespace; no `services` makes a client only."""

    enabled: bool
    namespace: str | Ref
    services: tuple[ServiceConnectService, ...] = ()


class EcsService(NamedTuple):
    """A long-running service: keeps `desired_count` tasks alive."""

    cluster: str | Ref
    service_name: str
    task_definition: str | Ref
    desired_count: int
    deployment_configuration: DeploymentConfiguration
    network_configuration: NetworkConfiguration
    service_connect_configuration: ServiceConnectConfiguration | None = None
    launch_type: str = "FARGATE"
    availability_zone_rebalancing: str | None = None
    enable_ecs_managed_tags: bool = True
    propagate_tags: str = "SERVICE"
    tags: tuple[Tag, ...] = ()


class RunTask(NamedTuple):
    """A job: one task that runs to its end."""

    cluster: str | Ref
    task_definition: str | Ref
    network_configuration: NetworkConfiguration
    count: int = 1  # type: ignore[assignment]  # the API's name; tuple.count is of no use here
    launch_type: str = "FARGATE"
    enable_ecs_managed_tags: bool = True
    propagate_tags: str = "TASK_DEFINITION"


class FlexibleTimeWindow(NamedTuple):
    """Whether a schedule may start late; `OFF` means at its time."""

    mode: str


class EcsParameters(NamedTuple):
    """The task that a schedule runs."""

    task_definition_arn: str | Ref
    launch_type: str
    network_configuration: NetworkConfiguration
    task_count: int = 1
    propagate_tags: str = "TASK_DEFINITION"


class ScheduleTarget(NamedTuple):
    """Where and as whom a schedule runs its task."""

    arn: str | Ref
    role_arn: str | Ref
    ecs_parameters: EcsParameters


class Schedule(NamedTuple):
    """An EventBridge Scheduler schedule."""

    name: str
    schedule_expression: str
    schedule_expression_timezone: str
    flexible_time_window: FlexibleTimeWindow
    target: ScheduleTarget
    description: str


class Cluster(NamedTuple):
    """An ECS cluster: the place where services and tasks live."""

    name: str


class Namespace(NamedTuple):
    """A Service Connect (Cloud Map HTTP) namespace."""

    name: str


class ExecutionRole(NamedTuple):
    """The role ECS itself uses to pull images and write logs: a name or an ARN the user already has."""

    name: str


class SchedulerRole(NamedTuple):
    """The role EventBridge Scheduler assumes to run tasks: a name or an ARN."""

    name: str


class LogGroup(NamedTuple):
    """A CloudWatch log group."""

    name: str
    retention_in_days: int


class Repository(NamedTuple):
    """An ECR repository that holds the image built for a service."""

    name: str


class FileSystem(NamedTuple):
    """An EFS file system that exists already, by id."""

    file_system_id: str


Resource = (
    Cluster
    | Namespace
    | ExecutionRole
    | SchedulerRole
    | LogGroup
    | Repository
    | FileSystem
    | TaskDefinition
    | EcsService
    | RunTask
    | Schedule
)
