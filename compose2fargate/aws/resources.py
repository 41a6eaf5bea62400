"""The resources of a stack. Field names are the API's member names in snake case; units are the API's.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html,
API_CreateService.html and API_RunTask.html beside it,
https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html.
"""

# Annotations are evaluated: as texts, which is what `from __future__ import annotations` makes of them, NamedTuple would
# compile each of them again, at every start.

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, KeyValue, Ref, Tag, Text
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.records import NamedTuple


class PortMapping(NamedTuple):
    """A port that a container listens on; `name` is what Service Connect refers to."""

    container_port: int
    protocol: str = "tcp"
    name: str | None = None
    app_protocol: str | None = None


class ContainerHealthCheck(NamedTuple):
    """A container health check; durations in whole seconds."""

    command: tuple[str, ...]
    interval: int
    timeout: int
    retries: int
    start_period: int | None = None


class Secret(NamedTuple):
    """An environment variable filled from SSM Parameter Store or Secrets Manager when the task starts."""

    name: str
    value_from: Text


class LogConfiguration(NamedTuple):
    """Where a container's output goes."""

    log_driver: str
    options: Mapping[str, Text]
    secret_options: tuple[Secret, ...] = ()


class FirelensConfiguration(NamedTuple):
    """Makes a container the router of the other containers' logs; `type` is fluentbit or fluentd."""

    type: str
    options: Mapping[str, str] = {}


class RepositoryCredentials(NamedTuple):
    """The Secrets Manager secret with which a private registry is asked for an image."""

    credentials_parameter: Text


class ContainerUlimit(NamedTuple):
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
    image: str | BuiltImage
    repository_credentials: RepositoryCredentials | None = None
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
    health_check: ContainerHealthCheck | None = None
    log_configuration: LogConfiguration | None = None
    firelens_configuration: FirelensConfiguration | None = None
    linux_parameters: LinuxParameters | None = None
    restart_policy: ContainerRestartPolicy | None = None
    start_timeout: int | None = None
    stop_timeout: int | None = None
    readonly_root_filesystem: bool | None = None
    interactive: bool | None = None
    pseudo_terminal: bool | None = None
    ulimits: tuple[ContainerUlimit, ...] = ()
    system_controls: tuple[SystemControl, ...] = ()
    docker_labels: Mapping[str, str] = {}


class EfsAuthorizationConfig(NamedTuple):
    """How a task proves itself to EFS."""

    access_point_id: str | Ref | None = None
    iam: str | None = None


class EfsVolumeConfiguration(NamedTuple):
    """An EFS file system as a task volume."""

    file_system_id: str | Ref
    root_directory: str | None = None
    transit_encryption: str = "ENABLED"
    authorization_config: EfsAuthorizationConfig | None = None


class TaskVolume(NamedTuple):
    """A volume of a task: EFS, EBS that the service configures, or task storage that lives as long as the task."""

    name: str
    configured_at_launch: bool | None = None
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
    """Where a task's network interface is placed; a `Ref` in place of the subnets is the network's list of them.

    `assign_public_ip` is ENABLED or DISABLED, or a `Ref` where an emitter lets a variable choose.
    """

    subnets: tuple[str, ...] | Ref
    security_groups: tuple[str | Ref, ...]
    assign_public_ip: str | Ref


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


class ServiceConnectTimeout(NamedTuple):
    """Seconds after which the proxy ends a connection or request; 0 is never, None is AWS's default."""

    idle_timeout_seconds: int | None = None
    per_request_timeout_seconds: int | None = None


class ServiceConnectService(NamedTuple):
    """A named port offered to the namespace."""

    port_name: str
    discovery_name: str
    client_aliases: tuple[ServiceConnectClientAlias, ...]
    timeout: ServiceConnectTimeout | None = None


class ServiceConnectConfiguration(NamedTuple):
    """Membership in a Service Connect namespace; no `services` makes a client only."""

    enabled: bool
    namespace: str | Ref
    services: tuple[ServiceConnectService, ...] = ()


class EcsLoadBalancer(NamedTuple):
    """A container port that a target group sends requests to."""

    target_group_arn: str | Ref
    container_name: str
    container_port: int


class ServiceRegistry(NamedTuple):
    """A Cloud Map service in which the tasks of an ECS service are registered."""

    registry_arn: str | Ref


class CapacityProviderStrategyItem(NamedTuple):
    """A share of the tasks for FARGATE or FARGATE_SPOT; the first `base` tasks count before the weights do."""

    capacity_provider: str
    weight: int = 1
    base: int = 0


class ManagedEbsVolume(NamedTuple):
    """An EBS volume that is made for each task and goes with it; `size_in_gib` in GiB.

    ext4 has a `lost+found`, and databases refuse a directory that is not empty.
    """

    role_arn: str | Ref
    size_in_gib: int
    volume_type: str = "gp3"
    encrypted: bool = True
    filesystem_type: str = "xfs"


class ServiceVolumeConfiguration(NamedTuple):
    """What stands behind the task volume `name` that is configured at launch: by a service, or by RunTask, which spells it alike."""

    name: str
    managed_ebs_volume: ManagedEbsVolume


class EcsService(NamedTuple):
    """A long-running service: keeps `desired_count` tasks alive.

    Where a `ScalableTarget` points to it, `desired_count` is the number to begin with and nobody writes it again.
    """

    cluster: str | Ref
    service_name: str
    task_definition: str | Ref
    desired_count: int
    deployment_configuration: DeploymentConfiguration
    network_configuration: NetworkConfiguration
    load_balancers: tuple[EcsLoadBalancer, ...] = ()
    service_registries: tuple[ServiceRegistry, ...] = ()
    service_connect_configuration: ServiceConnectConfiguration | None = None
    launch_type: str | None = "FARGATE"
    capacity_provider_strategy: tuple[CapacityProviderStrategyItem, ...] = ()
    platform_version: str | None = None
    health_check_grace_period_seconds: int | None = None
    availability_zone_rebalancing: str | None = None
    volume_configurations: tuple[ServiceVolumeConfiguration, ...] = ()
    enable_execute_command: bool | None = None
    enable_ecs_managed_tags: bool = True
    propagate_tags: str = "SERVICE"
    tags: tuple[Tag, ...] = ()


class RunTask(NamedTuple):
    """A job: one task that runs to its end."""

    cluster: str | Ref
    task_definition: str | Ref
    network_configuration: NetworkConfiguration
    count: int = 1  # type: ignore[assignment]  # the API's name; tuple.count is of no use here
    launch_type: str | None = "FARGATE"
    capacity_provider_strategy: tuple[CapacityProviderStrategyItem, ...] = ()
    enable_execute_command: bool | None = None
    enable_ecs_managed_tags: bool = True
    propagate_tags: str = "TASK_DEFINITION"
    volume_configurations: tuple[ServiceVolumeConfiguration, ...] = ()


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


class AccountIdentity(NamedTuple):
    """Where the stack goes. Empty members are known only when it is deployed.

    Attributes of a `Ref` to it: `region`, `id`, `partition`. It is looked up, never created.
    """

    region: str = ""
    id: str = ""


class VpcNetwork(NamedTuple):
    """The VPC and the subnets that everything is placed in: the user's, or the account's default VPC where empty.

    Attributes of a `Ref` to it: `vpc_id`, and the lists `subnet_ids` and `load_balancer_subnet_ids` (the same
    as `subnet_ids` where none are given). It is looked up, never created. `is_public` is whether tasks get public addresses, which
    decides among the subnets of a zone where none are given.
    """

    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    load_balancer_subnet_ids: tuple[str, ...] = ()
    is_public: bool = True


class Existing(NamedTuple):
    """Something that the user has already, by name, id or ARN. It is looked up, never created or changed.

    `kind` is the type of resource that it stands in for: the class's name, `Cluster` or `Role`.
    """

    kind: str
    identifier: str


class ClusterSetting(NamedTuple):
    """A switch of a cluster, `containerInsights` for one."""

    name: str
    value: str


class Cluster(NamedTuple):
    """An ECS cluster: the place where services and tasks live."""

    cluster_name: str
    settings: tuple[ClusterSetting, ...] = ()
    capacity_providers: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()


class Namespace(NamedTuple):
    """A Service Connect (Cloud Map HTTP) namespace."""

    name: str
    tags: tuple[Tag, ...] = ()


class DnsNamespace(NamedTuple):
    """A Cloud Map namespace with a private DNS zone in the VPC: what tasks outside Service Connect look names up in."""

    name: str
    vpc: str | Ref
    tags: tuple[Tag, ...] = ()


class DiscoveryService(NamedTuple):
    """A name in a `DnsNamespace`; `ttl` in seconds.

    A records are those of healthy tasks, which ECS registers; a CNAME record is what a `DiscoveryInstance` says.
    """

    name: str
    namespace_id: Ref
    ttl: int = 10
    tags: tuple[Tag, ...] = ()
    record_type: str = "A"


class SecurityGroup(NamedTuple):
    """A group of network interfaces: everything out, and in only what an `IngressRule` lets in.

    Without `everything_out`, its members answer those that an `IngressRule` lets in, and begin nothing themselves:
    security groups are stateful.
    """

    group_name: str
    description: str
    vpc_id: str | Ref
    tags: tuple[Tag, ...] = ()
    everything_out: bool = True


class IngressRule(NamedTuple):
    """What may reach the members of `group_id`: from another group, or (load balancers only) from addresses.

    `ip_protocol` is tcp, udp or -1 (all, without ports).
    """

    group_id: str | Ref
    ip_protocol: str
    from_port: int | None
    to_port: int | None
    description: str
    source_group_id: str | Ref | None = None
    cidr_ip: str | None = None
    cidr_ipv6: str | None = None
    tags: tuple[Tag, ...] = ()


class LoadBalancer(NamedTuple):
    """An application or network load balancer; `attributes` by the API's keys, `routing.http.drop_invalid…`."""

    name: str
    type: str
    scheme: str
    subnets: tuple[str, ...] | Ref
    security_groups: tuple[str | Ref, ...] = ()
    attributes: Mapping[str, str] = {}
    tags: tuple[Tag, ...] = ()


class Matcher(NamedTuple):
    """The HTTP status codes of a healthy target: `200-399`."""

    http_code: str


class TargetGroup(NamedTuple):
    """Where a load balancer sends requests to: task addresses, and how it tells that they are healthy."""

    name: str
    protocol: str
    port: int
    vpc_id: str | Ref
    target_type: str = "ip"
    protocol_version: str | None = None
    health_check_protocol: str | None = None
    health_check_port: str | None = None
    health_check_path: str | None = None
    health_check_interval_seconds: int | None = None
    health_check_timeout_seconds: int | None = None
    healthy_threshold_count: int | None = None
    unhealthy_threshold_count: int | None = None
    matcher: Matcher | None = None
    attributes: Mapping[str, str] = {}
    tags: tuple[Tag, ...] = ()


class RedirectConfig(NamedTuple):
    """A redirect to another protocol or port; what is not given stays as in the request."""

    protocol: str
    port: str
    status_code: str = "HTTP_301"


class FixedResponseConfig(NamedTuple):
    """An answer of the load balancer's own."""

    status_code: str
    content_type: str = "text/plain"
    message_body: str = ""


class ListenerAction(NamedTuple):
    """What a listener does with a request; `type` is forward, redirect or fixed-response."""

    type: str
    target_group_arn: str | Ref | None = None
    redirect_config: RedirectConfig | None = None
    fixed_response_config: FixedResponseConfig | None = None


class Certificate(NamedTuple):
    """An ACM certificate."""

    certificate_arn: Text


class Listener(NamedTuple):
    """A port of a load balancer."""

    load_balancer_arn: str | Ref
    port: int
    protocol: str
    default_actions: tuple[ListenerAction, ...]
    certificates: tuple[Certificate, ...] = ()
    ssl_policy: str | None = None
    tags: tuple[Tag, ...] = ()


class RuleCondition(NamedTuple):
    """A test on a request; `field` is host-header or path-pattern."""

    field: str
    values: tuple[str, ...]


class ListenerRule(NamedTuple):
    """Sends some requests of a listener to a target group of their own; lower `priority` is asked first."""

    listener_arn: str | Ref
    priority: int
    conditions: tuple[RuleCondition, ...]
    actions: tuple[ListenerAction, ...]
    tags: tuple[Tag, ...] = ()


class Condition(NamedTuple):
    """A condition of a policy statement: `StringEquals`, `ecs:cluster`, values."""

    test: str
    variable: str
    values: tuple[Text, ...]


class Statement(NamedTuple):
    """What a policy allows; there are no statements that deny."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[Text, ...]
    conditions: tuple[Condition, ...] = ()


class Policy(NamedTuple):
    """An inline policy of a role."""

    name: str
    statements: tuple[Statement, ...]


class Trust(NamedTuple):
    """Who may assume a role: an AWS service (`ecs-tasks.amazonaws.com`), under conditions that say on whose behalf."""

    principal: str
    conditions: tuple[Condition, ...] = ()


class Role(NamedTuple):
    """An IAM role."""

    role_name: str
    trust: Trust
    description: str
    policies: tuple[Policy, ...] = ()
    managed_policy_arns: tuple[Text, ...] = ()
    tags: tuple[Tag, ...] = ()


class LogGroup(NamedTuple):
    """A CloudWatch log group."""

    log_group_name: str
    retention_in_days: int
    tags: tuple[Tag, ...] = ()


class Repository(NamedTuple):
    """An ECR repository that holds the image built for a service; `keep` is how many images its lifecycle keeps."""

    repository_name: str
    image_tag_mutability: str = "MUTABLE"
    scan_on_push: bool = True
    keep: int = 30
    tags: tuple[Tag, ...] = ()


class SecretParameter(NamedTuple):
    """A SecureString in SSM Parameter Store that containers read. Its value is never part of a stack.

    Attributes of a `Ref` to it: `name`, `arn`.
    """

    name: str
    description: str
    tags: tuple[Tag, ...] = ()


class ManagedSecret(NamedTuple):
    """A Secrets Manager secret that containers read. Its value is never part of a stack.

    Attributes of a `Ref` to it: `name`, `arn`.
    """

    name: str
    description: str
    tags: tuple[Tag, ...] = ()


class FileSystem(NamedTuple):
    """An EFS file system, found again by its creation token.

    `performance_mode` is `maxIO`, or None for what AWS advises; `transition_to_ia` says after how long a file that nobody reads is moved to
    infrequent access, `AFTER_30_DAYS`.

    `restricted` is whether its policy lets in nobody but roles that are allowed to, by TLS and through an access point.
    """

    creation_token: str
    encrypted: bool = True
    throughput_mode: str = "elastic"
    performance_mode: str | None = None
    provisioned_throughput_in_mibps: float | None = None
    transition_to_ia: str | None = None
    backup: bool = True
    restricted: bool = True
    tags: tuple[Tag, ...] = ()


class MountTargets(NamedTuple):
    """A mount target of a file system in each of the subnets."""

    file_system_id: str | Ref
    subnet_ids: tuple[str, ...] | Ref
    security_groups: tuple[str | Ref, ...]


class PosixUser(NamedTuple):
    """The user as whom everything behind an access point is done."""

    uid: int
    gid: int


class CreationInfo(NamedTuple):
    """Owner and permissions (`0755`) of an access point's directory, where EFS has to make it."""

    owner_uid: int
    owner_gid: int
    permissions: str


class RootDirectory(NamedTuple):
    """The directory that an access point shows as `/`."""

    path: str
    creation_info: CreationInfo


class AccessPoint(NamedTuple):
    """A directory of a file system, with the right owner: what a named volume is."""

    file_system_id: str | Ref
    root_directory: RootDirectory
    posix_user: PosixUser | None = None
    tags: tuple[Tag, ...] = ()


class ScalableTarget(NamedTuple):
    """Lets Application Auto Scaling write an ECS service's desired count, between two bounds."""

    service: Ref
    min_capacity: int
    max_capacity: int


class ScalingPolicy(NamedTuple):
    """Keeps a metric near a value by changing the number of tasks; cooldowns in seconds.

    `metric` is one of Application Auto Scaling's predefined ones: ECSServiceAverageCPUUtilization,
    ECSServiceAverageMemoryUtilization (both in percent) or ALBRequestCountPerTarget, which needs `target_group`.
    """

    policy_name: str
    scalable_target: Ref
    metric: str
    target_value: float
    scale_in_cooldown: int
    scale_out_cooldown: int
    target_group: Ref | None = None


Resource = (
    AccountIdentity
    | VpcNetwork
    | Existing
    | Cluster
    | Namespace
    | DnsNamespace
    | DiscoveryService
    | SecurityGroup
    | IngressRule
    | LoadBalancer
    | TargetGroup
    | Listener
    | ListenerRule
    | Role
    | LogGroup
    | Repository
    | SecretParameter
    | ManagedSecret
    | FileSystem
    | MountTargets
    | AccessPoint
    | TaskDefinition
    | EcsService
    | RunTask
    | Schedule
    | ScalableTarget
    | ScalingPolicy
    | DbSubnetGroup
    | DbParameterGroup
    | DbInstance
    | CacheSubnetGroup
    | CacheParameterGroup
    | CacheReplicationGroup
    | DiscoveryInstance
)

_NAME_FIELDS = ("family", "service_name", "name", "cluster_name", "role_name", "group_name", "log_group_name",
                "repository_name", "policy_name", "creation_token", "db_instance_identifier", "db_subnet_group_name",
                "db_parameter_group_name", "replication_group_id", "cache_subnet_group_name", "cache_parameter_group_name")  # fmt: skip


def name_of(resource: Resource) -> str:
    """Give the name that a resource has in AWS, or "" where it is known by an id or ARN only."""
    if isinstance(resource, Existing):
        return resource.identifier
    kind: Any = type(resource)
    field = _name_field(kind)
    return str(getattr(resource, field)) if field else ""


@cache
def _name_field(kind: Any) -> str:
    return next((field for field in _NAME_FIELDS if field in kind._fields), "")
