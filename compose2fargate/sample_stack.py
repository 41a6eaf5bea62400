"""A stack made by hand with every type of resource, legal in every reference: what emitters are tried on."""

from __future__ import annotations

from compose2fargate.aws.api_values import BuiltImage, JoinedText, KeyValue, Ref, Tag, Text
from compose2fargate.aws.resources import (
    AccessPoint,
    AccountIdentity,
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Certificate,
    Cluster,
    ClusterSetting,
    Condition,
    ContainerDefinition,
    ContainerDependency,
    ContainerHealthCheck,
    CreationInfo,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    DiscoveryService,
    DnsNamespace,
    EcsLoadBalancer,
    EcsParameters,
    EcsService,
    EfsAuthorizationConfig,
    EfsVolumeConfiguration,
    EphemeralStorage,
    FileSystem,
    FixedResponseConfig,
    FlexibleTimeWindow,
    IngressRule,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    LogConfiguration,
    LogGroup,
    ManagedEbsVolume,
    ManagedSecret,
    Matcher,
    MountPoint,
    MountTargets,
    Namespace,
    NetworkConfiguration,
    Policy,
    PortMapping,
    PosixUser,
    RedirectConfig,
    Repository,
    Resource,
    Role,
    RootDirectory,
    RuleCondition,
    RunTask,
    RuntimePlatform,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    ScheduleTarget,
    Secret,
    SecretParameter,
    SecurityGroup,
    ServiceConnectClientAlias,
    ServiceConnectConfiguration,
    ServiceConnectService,
    ServiceRegistry,
    ServiceVolumeConfiguration,
    Statement,
    TargetGroup,
    TaskDefinition,
    TaskVolume,
    Trust,
    VpcNetwork,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)

LINUX = RuntimePlatform("X86_64")
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
AWKWARD = (
    'a "quoted" ${HOME} %{if} \\n\\ $${x} <<EOT \t tab\nnext line\r é 日本 \U0001f600 \x01\x7f\x85\u2028 '
    "'single' `back` $(x) # // /* EOT\n"
)
"""A text with all that some language reads as something else. It is in Unicode's composed form, see docs/terraform.md."""


def _sample_tags(stack: str, service: str = "") -> tuple[Tag, ...]:
    """Tags of the stack, and of one service in it."""
    shared = (Tag("compose2fargate:stack", stack),)
    return (*shared, Tag("compose2fargate:service", service)) if service else shared


def _sample_logs(service: str) -> LogConfiguration:
    """The log configuration of a container."""
    options: dict[str, Text] = {
        "awslogs-group": Ref(f"log-group/{service}", "name"),
        "awslogs-region": Ref("account", "region"),
        "awslogs-stream-prefix": service,
    }
    return LogConfiguration("awslogs", options)


def sample_network(*groups: str) -> NetworkConfiguration:
    """Where tasks are placed, with the security groups of some networks."""
    return NetworkConfiguration(
        AwsvpcConfiguration(
            Ref("network", "subnet_ids"),
            tuple(Ref(f"security-group/{group}", "id") for group in groups),
            "ENABLED",
        )
    )


ROLLING = DeploymentConfiguration(DeploymentCircuitBreaker(enable=True, rollback=True), 200, 100)


def _sample_service_connect(*services: ServiceConnectService) -> ServiceConnectConfiguration:
    """Membership in the namespace, with what a service offers there."""
    return ServiceConnectConfiguration(enabled=True, namespace=Ref("namespace", "name"), services=services)


def _sample_statement(sid: str, actions: tuple[str, ...], *resources: str | Ref | JoinedText) -> Statement:
    """A statement without conditions."""
    return Statement(sid, actions, resources)


def _ecr_and_logs(*services: str) -> Policy:
    """What the execution role may do."""
    groups = tuple(JoinedText((Ref(f"log-group/{service}", "arn"), ":*")) for service in services)
    return Policy(
        "execution",
        (
            _sample_statement("Login", ("ecr:GetAuthorizationToken",), "*"),
            _sample_statement(
                "Pull", ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), Ref("repository/web", "arn")
            ),
            _sample_statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), *groups),
            _sample_statement("Parameters", ("ssm:GetParameters",), Ref("secret/token", "arn")),
            _sample_statement("Secrets", ("secretsmanager:GetSecretValue",), Ref("secret/password", "arn")),
        ),
    )


def _sample_forward(target_group: str) -> ListenerAction:
    """An action that forwards to a target group."""
    return ListenerAction("forward", target_group_arn=Ref(target_group, "arn"))


def target_group(stack: str, service: str, port: int, protocol: str = "HTTP") -> TargetGroup:
    """A target group of a service."""
    http = protocol == "HTTP"
    return TargetGroup(
        name=f"{stack}-{service}-{port}",
        protocol=protocol,
        port=port,
        vpc_id=Ref("network", "vpc_id"),
        protocol_version="HTTP1" if http else None,
        health_check_protocol=protocol,
        health_check_path="/healthz" if http else None,
        health_check_interval_seconds=15,
        health_check_timeout_seconds=5,
        healthy_threshold_count=2,
        unhealthy_threshold_count=3,
        matcher=Matcher("200-399") if http else None,
        attributes={"deregistration_delay.timeout_seconds": "30"}
        | ({"stickiness.enabled": "true", "stickiness.type": "lb_cookie"} if http else {}),
        tags=_sample_tags(stack, service),
    )


def sample_stack(stack: str = "shop", *, stores: bool = True) -> Stack:
    """Every type of resource at least once, and most of their members; without `stores` those that a fake AWS of moto alone has."""
    task = "ecs-tasks.amazonaws.com"
    resources: dict[str, Resource] = {
        "account": AccountIdentity(),
        "network": VpcNetwork(),
        "cluster": Cluster(
            stack, (ClusterSetting("containerInsights", "enabled"),), ("FARGATE", "FARGATE_SPOT"), _sample_tags(stack)
        ),
        "namespace": Namespace(stack, _sample_tags(stack)),
        "dns-namespace": DnsNamespace(f"{stack}.internal", Ref("network", "vpc_id"), _sample_tags(stack)),
        "discovery-service/db": DiscoveryService("db", Ref("dns-namespace", "id"), tags=_sample_tags(stack, "db")),
        "security-group/load-balancer": SecurityGroup(
            f"{stack}-load-balancer", "The load balancer", Ref("network", "vpc_id"), _sample_tags(stack)
        ),
        "security-group/default": SecurityGroup(
            f"{stack}-default", "Network default", Ref("network", "vpc_id"), _sample_tags(stack)
        ),
        "security-group/file-system": SecurityGroup(
            f"{stack}-file-system", "The file system", Ref("network", "vpc_id"), _sample_tags(stack), everything_out=False
        ),
        "ingress-rule/internet-80": IngressRule(
            Ref("security-group/load-balancer", "id"), "tcp", 80, 80, "HTTP from everywhere", None, "0.0.0.0/0", "::/0"
        ),
        "ingress-rule/internet-443": IngressRule(
            Ref("security-group/load-balancer", "id"), "tcp", 443, 443, "HTTPS from everywhere", None, "0.0.0.0/0"
        ),
        "ingress-rule/web-8080": IngressRule(
            Ref("security-group/default", "id"), "tcp", 8080, 8080, "web from the load balancer",
            Ref("security-group/load-balancer", "id"),
        ),
        "ingress-rule/default": IngressRule(
            Ref("security-group/default", "id"), "-1", None, None, "Members of the network",
            Ref("security-group/default", "id"),
        ),
        "ingress-rule/nfs": IngressRule(
            Ref("security-group/file-system", "id"), "tcp", 2049, 2049, "NFS from the tasks",
            Ref("security-group/default", "id"),
        ),
        "load-balancer": LoadBalancer(
            stack, "application", "internet-facing", Ref("network", "load_balancer_subnet_ids"),
            (Ref("security-group/load-balancer", "id"),),
            {"routing.http.drop_invalid_header_fields.enabled": "true", "idle_timeout.timeout_seconds": "120"},
            _sample_tags(stack),
        ),
        "network-load-balancer": LoadBalancer(
            f"{stack}-network", "network", "internal", Ref("network", "load_balancer_subnet_ids"),
            (Ref("security-group/load-balancer", "id"),),
            {"load_balancing.cross_zone.enabled": "true"},
            _sample_tags(stack),
        ),
        "target-group/web-8080": target_group(stack, "web", 8080),
        "target-group/db-5432": target_group(stack, "db", 5432, "TCP"),
        "listener/80": Listener(
            Ref("load-balancer", "arn"), 80, "HTTP",
            (ListenerAction("redirect", redirect_config=RedirectConfig("HTTPS", "443")),), tags=_sample_tags(stack),
        ),
        "listener/443": Listener(
            Ref("load-balancer", "arn"), 443, "HTTPS",
            (ListenerAction("fixed-response", fixed_response_config=FixedResponseConfig("404")),),
            (Certificate(CERTIFICATE),), "ELBSecurityPolicy-TLS13-1-2-2021-06", _sample_tags(stack),
        ),
        "listener-rule/web": ListenerRule(
            Ref("listener/443", "arn"), 100,
            (RuleCondition("host-header", ("example.com",)), RuleCondition("path-pattern", ("/*", "/api/*"))),
            (_sample_forward("target-group/web-8080"),), _sample_tags(stack, "web"),
        ),
        "listener/5432": Listener(
            Ref("network-load-balancer", "arn"), 5432, "TCP", (_sample_forward("target-group/db-5432"),), tags=_sample_tags(stack)
        ),
        "log-group/web": LogGroup(f"/ecs/{stack}/web", 30, _sample_tags(stack, "web")),
        "log-group/db": LogGroup(f"/ecs/{stack}/db", 90, _sample_tags(stack, "db")),
        "log-group/migrate": LogGroup(f"/ecs/{stack}/migrate", 30, _sample_tags(stack, "migrate")),
        "repository/web": Repository(f"{stack}/web", tags=_sample_tags(stack, "web")),
        "secret/token": SecretParameter(f"/{stack}/token", "token of web", _sample_tags(stack)),
        "secret/password": ManagedSecret(f"{stack}/password", "Password of db", _sample_tags(stack)),
        "file-system": FileSystem(
            f"{stack}-volumes", throughput_mode="provisioned", provisioned_throughput_in_mibps=8,
            transition_to_ia="AFTER_30_DAYS", tags=_sample_tags(stack),
        ),
        "mount-targets": MountTargets(
            Ref("file-system", "id"), Ref("network", "subnet_ids"), (Ref("security-group/file-system", "id"),)
        ),
        "access-point/data": AccessPoint(
            Ref("file-system", "id"), RootDirectory("/data", CreationInfo(999, 999, "0755")), PosixUser(999, 999),
            _sample_tags(stack),
        ),
        "execution-role": Role(
            f"{stack}-execution",
            Trust(task, (Condition("StringEquals", "aws:SourceAccount", (Ref("account", "id"),)),)),
            "Starts the tasks", (_ecr_and_logs("web", "db", "migrate"),), (), _sample_tags(stack),
        ),
        "task-role/db": Role(
            f"{stack}-db", Trust(task), "What db may do",
            (
                Policy(
                    "files",
                    (
                        Statement(
                            "Files", ("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"),
                            (Ref("file-system", "arn"),),
                            (
                                Condition(
                                    "StringEquals", "elasticfilesystem:AccessPointArn",
                                    (Ref("access-point/data", "arn"),),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
            tags=_sample_tags(stack, "db"),
        ),
        "infrastructure-role": Role(
            f"{stack}-infrastructure", Trust("ecs.amazonaws.com"), "Makes EBS volumes", (),
            (
                JoinedText(
                    ("arn:", Ref("account", "partition"), ":iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes")
                ),
            ),
            _sample_tags(stack),
        ),
        "scheduler-role": Role(
            f"{stack}-scheduler", Trust("scheduler.amazonaws.com"), "Runs scheduled tasks",
            (
                Policy(
                    "run",
                    (
                        Statement(
                            "Run", ("ecs:RunTask",), (Ref("task-definition/migrate", "arn"),),
                            (Condition("ArnEquals", "ecs:cluster", (Ref("cluster", "arn"),)),),
                        ),
                        Statement(
                            "Pass", ("iam:PassRole",), (Ref("execution-role", "arn"),),
                            (Condition("StringEquals", "iam:PassedToService", (task,)),),
                        ),
                    ),
                ),
            ),
            tags=_sample_tags(stack),
        ),
        "task-definition/migrate": TaskDefinition(
            family=f"{stack}-migrate", cpu="256", memory="512",
            container_definitions=(
                ContainerDefinition(
                    "migrate", BuiltImage(Ref("repository/web", "uri"), "migrate", "v1"), command=("migrate", "--all"),
                    environment=(KeyValue("AWKWARD", AWKWARD),), log_configuration=_sample_logs("migrate"),
                ),
            ),
            execution_role_arn=Ref("execution-role", "name"), runtime_platform=LINUX, tags=_sample_tags(stack, "migrate"),
        ),
        "task-definition/db": TaskDefinition(
            family=f"{stack}-db", cpu="512", memory="1024",
            container_definitions=(
                ContainerDefinition(
                    "db", "postgres:16", user="999:999",
                    secrets=(Secret("POSTGRES_PASSWORD", Ref("secret/password", "arn")),),
                    port_mappings=(PortMapping(5432, name="port-5432"),),
                    mount_points=(MountPoint("data", "/var/lib/postgresql/data"), MountPoint("fast", "/fast")),
                    health_check=ContainerHealthCheck(("CMD-SHELL", "pg_isready -U $POSTGRES_USER"), 30, 5, 3, 10),
                    log_configuration=_sample_logs("db"), stop_timeout=60,
                ),
            ),
            execution_role_arn=Ref("execution-role", "name"), task_role_arn=Ref("task-role/db", "name"),
            runtime_platform=LINUX, ephemeral_storage=EphemeralStorage(30),
            volumes=(
                TaskVolume(
                    "data",
                    efs_volume_configuration=EfsVolumeConfiguration(
                        Ref("file-system", "id"), None, "ENABLED",
                        EfsAuthorizationConfig(Ref("access-point/data", "id"), "ENABLED"),
                    ),
                ),
                TaskVolume("fast", configured_at_launch=True),
            ),
            tags=_sample_tags(stack, "db"),
        ),
        "task-definition/web": TaskDefinition(
            family=f"{stack}-web", cpu="256", memory="512",
            container_definitions=(
                ContainerDefinition("files", "busybox:1.37", essential=False, command=("true",)),
                ContainerDefinition(
                    "web", BuiltImage(Ref("repository/web", "uri"), "web", "v1"), entry_point=("/entry", AWKWARD),
                    environment=(KeyValue("AWKWARD", AWKWARD), KeyValue("EMPTY", ""), KeyValue("DB", "db:5432")),
                    secrets=(Secret("TOKEN", Ref("secret/token", "arn")),),
                    port_mappings=(PortMapping(8080, name="http", app_protocol="http"),),
                    depends_on=(ContainerDependency("files", "SUCCESS"),), mount_points=(MountPoint("scratch", "/s"),),
                    log_configuration=_sample_logs("web"), readonly_root_filesystem=True,
                    docker_labels={"plain": "a", "for": "b", "e\u00e9 \u65e5": AWKWARD},
                ),
            ),
            execution_role_arn=Ref("execution-role", "name"), runtime_platform=LINUX, volumes=(TaskVolume("scratch"),),
            tags=_sample_tags(stack, "web"),
        ),
        "run-task/migrate": RunTask(Ref("cluster", "name"), Ref("task-definition/migrate", "family"), sample_network("default")),
        "service/db": EcsService(
            cluster=Ref("cluster", "name"), service_name="db", task_definition=Ref("task-definition/db", "family"),
            desired_count=1,
            deployment_configuration=DeploymentConfiguration(
                DeploymentCircuitBreaker(enable=True, rollback=False), 100, 0
            ),
            network_configuration=sample_network("default"),
            load_balancers=(EcsLoadBalancer(Ref("target-group/db-5432", "arn"), "db", 5432),),
            service_registries=(ServiceRegistry(Ref("discovery-service/db", "arn")),),
            service_connect_configuration=_sample_service_connect(
                ServiceConnectService("port-5432", "db", (ServiceConnectClientAlias(5432, "db"),))
            ),
            availability_zone_rebalancing="DISABLED",
            volume_configurations=(
                ServiceVolumeConfiguration("fast", ManagedEbsVolume(Ref("infrastructure-role", "arn"), 10)),
            ),
            tags=_sample_tags(stack, "db"),
        ),
        "service/web": EcsService(
            cluster=Ref("cluster", "name"), service_name="web", task_definition=Ref("task-definition/web", "family"),
            desired_count=2, deployment_configuration=ROLLING, network_configuration=sample_network("default"),
            load_balancers=(EcsLoadBalancer(Ref("target-group/web-8080", "arn"), "web", 8080),),
            service_connect_configuration=_sample_service_connect(
                ServiceConnectService("http", "web", (ServiceConnectClientAlias(80, "web"),))
            ),
            launch_type=None,
            capacity_provider_strategy=(
                CapacityProviderStrategyItem("FARGATE", 1, 1), CapacityProviderStrategyItem("FARGATE_SPOT", 3),
            ),
            health_check_grace_period_seconds=60, enable_execute_command=True, platform_version="LATEST",
            tags=_sample_tags(stack, "web"),
        ),
        "schedule/migrate": Schedule(
            f"{stack}-migrate", "cron(0 3 * * ? *)", "Europe/Berlin", FlexibleTimeWindow("OFF"),
            ScheduleTarget(
                Ref("cluster", "arn"), Ref("scheduler-role", "arn"),
                EcsParameters(Ref("task-definition/migrate", "arn"), "FARGATE", sample_network("default")),
            ),
            "Runs migrate",
        ),
        "scalable-target/web": ScalableTarget(Ref("service/web", "name"), 2, 10),
        "scaling-policy/web-cpu": ScalingPolicy(
            f"{stack}-web-cpu", Ref("scalable-target/web", "id"), "ECSServiceAverageCPUUtilization", 60.0, 300, 60
        ),
        "scaling-policy/web-requests": ScalingPolicy(
            f"{stack}-web-requests", Ref("scalable-target/web", "id"), "ALBRequestCountPerTarget", 500, 300, 60,
            Ref("target-group/web-8080", "arn"),
        ),
    }  # fmt: skip
    return with_origins(
        stack,
        {**resources, **(_sample_stores(stack) if stores else {})},
        {"web": 3, "db": 12, "migrate": 30, "orders": 40, "sessions": 50},
        after={
            "service/web": (
                DeploymentDependencies("service/db", "healthy"),
                DeploymentDependencies("run-task/migrate", "completed"),
            ),
        },
        extras={
            "task-definition/web": {
                "enableFaultInjection": False,
                "containerDefinitions": [{"name": "web", "versionConsistency": "disabled"}],
            },
        },
    )


def _sample_stores(stack: str) -> dict[str, Resource]:
    """Make a database and a cache that AWS runs, with their names in the sample's private DNS."""
    tags = _sample_tags(stack)
    subnets, group = Ref("network", "subnet_ids"), (Ref("security-group/default", "id"),)
    return {
        "db-subnet-group": DbSubnetGroup(stack, f"Subnets of the databases of {stack}", subnets, tags),
        "db-parameter-group/orders": DbParameterGroup(
            f"{stack}-orders", "postgres16", f"Settings of orders of {stack}", {"rds.force_ssl": "0"}, tags
        ),
        "db-instance/orders": DbInstance(
            f"{stack}-orders", "db.t4g.micro", "postgres", "16", 20, 100, "orders", "app",
            Ref("secret/password", "value"), 5432, Ref("db-subnet-group", "name"), group,
            Ref("db-parameter-group/orders", "name"), multi_az=True, backup_retention_period=7,
            enable_cloudwatch_logs_exports=("postgresql",), tags=tags,
        ),
        "cache-subnet-group": CacheSubnetGroup(stack, f"Subnets of the caches of {stack}", subnets, tags),
        "cache-parameter-group/sessions": CacheParameterGroup(
            f"{stack}-sessions", "valkey8", f"Settings of sessions of {stack}", {"maxmemory-policy": "allkeys-lru"}, tags
        ),
        "cache-replication-group/sessions": CacheReplicationGroup(
            f"{stack}-sessions", f"The cache sessions of {stack}", "valkey", "8.0", "cache.t4g.micro", 2,
            automatic_failover_enabled=True, multi_az_enabled=True,
            cache_parameter_group_name=Ref("cache-parameter-group/sessions", "name"),
            cache_subnet_group_name=Ref("cache-subnet-group", "name"), security_group_ids=group, port=6379,
            snapshot_retention_limit=1, tags=tags,
        ),
        "discovery-service/orders": DiscoveryService(
            "orders", Ref("dns-namespace", "id"), 60, _sample_tags(stack, "orders"), "CNAME"
        ),
        "discovery-instance/orders": DiscoveryInstance(
            "endpoint", Ref("discovery-service/orders", "id"), Ref("db-instance/orders", "endpoint")
        ),
    }  # fmt: skip


def with_origins(
    name: str,
    resources: dict[str, Resource],
    lines: dict[str, int],
    after: dict[str, tuple[DeploymentDependencies, ...]] | None = None,
    extras: dict[str, dict[str, object]] | None = None,
) -> Stack:
    """Say of each resource which service it comes from: the one that its logical id ends with."""
    origins = {}
    for logical_id in resources:
        last = logical_id.rpartition("/")[2]
        found = [service for service in lines if last == service or last.startswith(f"{service}-")]
        if (
            "/" in logical_id
            and found
            and not logical_id.startswith(("security-group", "listener/", "access-point"))
        ):
            origins[logical_id] = found[0]
    sources = {logical_id: f"compose.yaml:{lines[service]}" for logical_id, service in origins.items()}
    if "access-point/data" in resources:
        sources["access-point/data"] = "compose.yaml:99"
    return Stack(name, resources, origins, dict(origins), after or {}, sources, extras or {})
