"""The check that every stack passes before it is written: what AWS refuses, and no linter finds.

`task_definition_rules.violations` looks at one task definition; here are the rules about services, jobs and schedules, about names and
tags, and about links: a service that names a container, a port or a target group which is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref
from compose2fargate.aws.fargate import (
    API,
    DOCS,
    LOG_RETENTION_DAYS,
    MAX_TAGS,
    MAX_TARGET_GROUPS_PER_SERVICE,
    NAME,
    TARGET_INTERVAL,
    TARGET_THRESHOLD,
    TARGET_TIMEOUT,
    Range,
    is_tag,
)
from compose2fargate.aws.resources import (
    Cluster,
    EcsService,
    LogGroup,
    NetworkConfiguration,
    Resource,
    Role,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.rolling_deployments import PERCENT_URL, is_frozen
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.task_definition_rules import Violation, service_violations, violations
from compose2fargate.text.lazy_patterns import lazy_pattern

SCHEDULE_URL = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"
ROLE_URL = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"
LOG_GROUP_URL = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"
TARGET_GROUP_URL = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"
)
SCALING_URL = (
    "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html"
)

DESIRED_COUNT = Range(0, 5000)
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""
GRACE_PERIOD = Range(0, 2_147_483_647)
RUN_TASK_COUNT = Range(1, 10)
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html"""
CAPACITY_WEIGHT, CAPACITY_BASE = Range(0, 1000), Range(0, 100_000)
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html"""
_SCHEDULE_NAME = lazy_pattern(r"[0-9a-zA-Z_.-]{1,64}")
_EXPRESSION = lazy_pattern(
    r"rate\([1-9][0-9]* (minutes?|hours?|days?)\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)|cron\((\S+ ){5}\S+\)"
)
_ROLE_NAME = lazy_pattern(r"[\w+=,.@-]{1,64}")
_LOG_GROUP = lazy_pattern(r"[.\-_/#A-Za-z0-9]{1,512}")
_TARGET_GROUP_NAME = lazy_pattern(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
_PERCENT = ("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization")


def stack_violations(stack: Stack) -> Iterator[tuple[str, Violation]]:
    """Yield the logical id and the rule for everything in a stack that AWS would refuse."""
    for logical_id, resource in stack.resources.items():
        for rule in _RULES.get(type(resource), ()):
            for found in rule(stack, resource):
                yield logical_id, found
        own_tags = getattr(resource, "tags", ())
        if own_tags:
            for found in _tags(own_tags):
                yield logical_id, found


def _task_definition(stack: Stack, definition: TaskDefinition) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    yield from violations(definition)


@lru_cache(maxsize=4096)  # all resources of a service have the same tags
def _tags(tags: tuple[Any, ...]) -> tuple[Violation, ...]:
    return tuple(_tag_rules(tags))


def _tag_rules(tags: tuple[Any, ...]) -> Iterator[Violation]:
    url = f"{API}/API_Tag.html"
    if len(tags) > MAX_TAGS:
        yield Violation("tags", f"{len(tags)} tags; {MAX_TAGS} are allowed", url)
    keys = [tag.key for tag in tags]
    if len(keys) != len(set(keys)):
        yield Violation("tags", "two tags have the same key", url)
    for tag in tags:
        if not is_tag(tag):
            yield Violation("tags", f"{tag.key} = {tag.value} is not a valid tag", url)


# -- services and jobs ---------------------------------------------------------------------------------------


def _service(stack: Stack, service: EcsService) -> Iterator[Violation]:
    url = f"{API}/API_CreateService.html"
    yield from service_violations(service)
    yield from _placement(service.launch_type, service.capacity_provider_strategy, url)
    if service.desired_count != DESIRED_COUNT.clamp(service.desired_count):
        yield Violation("desiredCount", "must be 0 to 5000", url)
    grace = service.health_check_grace_period_seconds
    if grace is not None and grace != GRACE_PERIOD.clamp(grace):
        yield Violation("healthCheckGracePeriodSeconds", "must be 0 to 2147483647", url)
    if grace is not None and not service.load_balancers:
        yield Violation("healthCheckGracePeriodSeconds", "applies only behind a load balancer", url)
    if len(service.load_balancers) > MAX_TARGET_GROUPS_PER_SERVICE:
        yield Violation(
            "loadBalancers",
            f"{len(service.load_balancers)} target groups; {MAX_TARGET_GROUPS_PER_SERVICE} are allowed",
            f"{DOCS}/service-quotas.html",
        )
    percent = service.deployment_configuration
    if service.availability_zone_rebalancing == "ENABLED" and percent.maximum_percent <= 100:
        yield Violation(
            "availabilityZoneRebalancing",
            "needs a maximumPercent above 100",
            f"{DOCS}/service-rebalancing.html",
        )
    yield from _moves(stack, service, service.desired_count)
    definition = _linked(stack, service.task_definition)
    if isinstance(definition, TaskDefinition):
        yield from _links_into(service, definition)
        yield from _exec(service, definition)
    yield from _network(service.network_configuration, url)


def _moves(stack: Stack, service: EcsService, count: int) -> Iterator[Violation]:
    """Percentages with which ECS never replaces a task; other strategies (a patch may name one) do not use them."""
    percents = service.deployment_configuration
    minimum, maximum = percents.minimum_healthy_percent, percents.maximum_percent
    extras = (more for key, more in stack.extras.items() if stack.resources.get(key) is service)
    patched = next(extras, {}).get("deploymentConfiguration") or {}
    if is_frozen(count, minimum, maximum) and patched.get("strategy", "ROLLING") == "ROLLING":
        yield Violation(
            "deploymentConfiguration",
            f"with {count} task{'s' * (count > 1)}, {minimum} and {maximum} percent allow ECS neither to start nor to stop one, "
            "so a deployment would never end",
            PERCENT_URL,
        )


def _placement(launch_type: str | None, strategy: tuple[Any, ...], url: str) -> Iterator[Violation]:
    if bool(launch_type) == bool(strategy):
        yield Violation(
            "capacityProviderStrategy", "either a launch type or capacity providers are needed, not both", url
        )
    if strategy and not any(item.weight for item in strategy):
        yield Violation("capacityProviderStrategy", "one weight must be above 0", url)
    if sum(1 for item in strategy if item.base) > 1:
        yield Violation("capacityProviderStrategy", "one capacity provider can have a base", url)
    for item in strategy:
        if item.weight != CAPACITY_WEIGHT.clamp(item.weight) or item.base != CAPACITY_BASE.clamp(item.base):
            yield Violation("capacityProviderStrategy", "weights are 0 to 1000, a base 0 to 100000", url)
        if item.capacity_provider not in ("FARGATE", "FARGATE_SPOT"):
            yield Violation("capacityProviderStrategy", f"{item.capacity_provider} is not Fargate", url)


def _links_into(service: EcsService, definition: TaskDefinition) -> Iterator[Violation]:
    """Names by which a service points into its task definition."""
    url = f"{API}/API_CreateService.html"
    ports = {(c.name, p.container_port) for c in definition.container_definitions for p in c.port_mappings}
    names = {p.name for c in definition.container_definitions for p in c.port_mappings}
    for balancer in service.load_balancers:
        if (balancer.container_name, balancer.container_port) not in ports:
            where = f"{balancer.container_name}:{balancer.container_port}"
            yield Violation("loadBalancers", f"no container maps the port {where}", url)
    connect = service.service_connect_configuration
    for offered in connect.services if connect else ():
        if offered.port_name not in names:
            message = f"no port is called {offered.port_name!r}"
            yield Violation("serviceConnectConfiguration", message, f"{API}/API_ServiceConnectService.html")
    yield from _discovery_names(service)
    yield from _volumes(definition, service, f"{API}/API_ServiceVolumeConfiguration.html")


def _volumes(definition: TaskDefinition, launched: EcsService | RunTask, url: str) -> Iterator[Violation]:
    configured = {v.name for v in definition.volumes if v.configured_at_launch}
    given = {v.name for v in launched.volume_configurations}
    if configured != given:
        message = (
            f"the task definition leaves {sorted(configured)} to the launch, which configures {sorted(given)}"
        )
        yield Violation("volumeConfigurations", message, url)


def _discovery_names(service: EcsService) -> Iterator[Violation]:
    connect = service.service_connect_configuration
    offered = [s.discovery_name for s in connect.services] if connect else []
    if len(offered) != len(set(offered)):
        yield Violation(
            "serviceConnectConfiguration",
            "two entries have the same discoveryName",
            f"{API}/API_ServiceConnectService.html",
        )
    for name in offered:
        if not re.fullmatch(r"[a-z0-9_.][a-z0-9_.-]{0,63}", name):
            yield Violation(
                "serviceConnectConfiguration",
                f"{name!r} is not a valid name",
                f"{API}/API_ServiceConnectService.html",
            )


def _exec(service: EcsService, definition: TaskDefinition) -> Iterator[Violation]:
    if service.enable_execute_command and definition.task_role_arn is None:
        yield Violation("enableExecuteCommand", "needs a task role", f"{DOCS}/ecs-exec.html")


def _network(network: NetworkConfiguration, url: str) -> Iterator[Violation]:
    placed = network.awsvpc_configuration
    if len(placed.security_groups) > 5:
        yield Violation("networkConfiguration", "at most 5 security groups", url)
    if placed.assign_public_ip not in ("ENABLED", "DISABLED"):
        yield Violation("networkConfiguration", "assignPublicIp is ENABLED or DISABLED", url)


def _run_task(stack: Stack, run: RunTask) -> Iterator[Violation]:
    url = f"{API}/API_RunTask.html"
    definition = stack.get(run.task_definition) if isinstance(run.task_definition, Ref) else None
    if isinstance(definition, TaskDefinition):
        yield from _volumes(definition, run, f"{API}/API_TaskVolumeConfiguration.html")
    yield from _placement(run.launch_type, run.capacity_provider_strategy, url)
    yield from _network(run.network_configuration, url)
    number = run.count
    if number != RUN_TASK_COUNT.clamp(number):
        yield Violation("count", "1 to 10 tasks can be run at once", url)


def _schedule(stack: Stack, schedule: Schedule) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if not _SCHEDULE_NAME.fullmatch(schedule.name):
        yield Violation("Name", f"{schedule.name!r} is not a valid schedule name", SCHEDULE_URL)
    if not _EXPRESSION.fullmatch(schedule.schedule_expression):
        yield Violation(
            "ScheduleExpression", f"{schedule.schedule_expression!r} is no schedule expression", SCHEDULE_URL
        )


# -- the rest ------------------------------------------------------------------------------------------------


def _cluster(stack: Stack, cluster: Cluster) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if not NAME.fullmatch(cluster.cluster_name):
        yield Violation(
            "clusterName",
            f"{cluster.cluster_name!r} is not a valid cluster name",
            f"{API}/API_CreateCluster.html",
        )


def _role(stack: Stack, role: Role) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if not _ROLE_NAME.fullmatch(role.role_name):
        yield Violation(
            "RoleName", f"{role.role_name!r} is not a valid role name of at most 64 characters", ROLE_URL
        )
    if len(role.managed_policy_arns) > 20:
        yield Violation("ManagedPolicyArns", "at most 20 managed policies", ROLE_URL)
    for policy in role.policies:
        ids = [statement.sid for statement in policy.statements]
        if len(ids) != len(set(ids)) or not all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in ids):
            yield Violation("PolicyDocument", "statement ids are letters and digits, each once", ROLE_URL)


def _log_group(stack: Stack, group: LogGroup) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if not _LOG_GROUP.fullmatch(group.log_group_name) or group.log_group_name.startswith("aws/"):
        yield Violation(
            "logGroupName", f"{group.log_group_name!r} is not a valid log group name", LOG_GROUP_URL
        )
    if group.retention_in_days not in LOG_RETENTION_DAYS:
        yield Violation(
            "retentionInDays",
            f"{group.retention_in_days} days are not among CloudWatch's choices",
            LOG_GROUP_URL,
        )


_TARGET_GROUP_RANGES = (
    ("health_check_interval_seconds", TARGET_INTERVAL),
    ("health_check_timeout_seconds", TARGET_TIMEOUT),
    ("healthy_threshold_count", TARGET_THRESHOLD),
    ("unhealthy_threshold_count", TARGET_THRESHOLD),
    ("port", Range(1, 65535)),
)


def _target_group(stack: Stack, group: TargetGroup) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if not _TARGET_GROUP_NAME.fullmatch(group.name):
        yield Violation(
            "Name",
            f"{group.name!r} is not a valid target group name of at most 32 characters",
            TARGET_GROUP_URL,
        )
    for member, allowed in _TARGET_GROUP_RANGES:
        value = getattr(group, member)
        if value is not None and value != allowed.clamp(value):
            yield Violation(member, f"must be {allowed.low} to {allowed.high}", TARGET_GROUP_URL)
    if group.target_type != "ip":
        yield Violation("TargetType", "tasks on Fargate are targets of type ip", TARGET_GROUP_URL)


def _scalable(stack: Stack, target: ScalableTarget) -> Iterator[Violation]:
    if not 0 <= target.min_capacity <= target.max_capacity:
        yield Violation("MinCapacity", "must be 0 or more, and no larger than MaxCapacity", SCALING_URL)
    service = _linked(stack, target.service)
    if not isinstance(service, EcsService):
        yield Violation("ResourceId", "names no service of the stack", SCALING_URL)
    elif target.min_capacity < service.desired_count:
        yield from _moves(stack, service, target.min_capacity)


def _policy(stack: Stack, policy: ScalingPolicy) -> Iterator[Violation]:  # noqa: ARG001 - the shape of a rule
    if policy.metric in _PERCENT and not 0 < policy.target_value <= 100:
        yield Violation("TargetValue", "is a percentage", SCALING_URL)
    if policy.target_value <= 0:
        yield Violation("TargetValue", "must be above 0", SCALING_URL)
    if (policy.metric == "ALBRequestCountPerTarget") != isinstance(policy.target_group, Ref):
        yield Violation(
            "ResourceLabel", "a target group goes with ALBRequestCountPerTarget only", SCALING_URL
        )


def _linked(stack: Stack, value: Any) -> Resource | None:
    return stack.resources.get(value.logical_id) if isinstance(value, Ref) else None


_RULES: Mapping[type[Any], tuple[Callable[[Stack, Any], Iterator[Violation]], ...]] = {
    TaskDefinition: (_task_definition,),
    EcsService: (_service,),
    RunTask: (_run_task,),
    Schedule: (_schedule,),
    Cluster: (_cluster,),
    Role: (_role,),
    LogGroup: (_log_group,),
    TargetGroup: (_target_group,),
    ScalableTarget: (_scalable,),
    ScalingPolicy: (_policy,),
}


def dangling_refs(stack: Stack) -> list[tuple[str, str]]:
    """Find links to what is not in the stack, or stands after what refers to it: a mistake in the mapping, never in the input."""
    seen: set[str] = set()
    found = []
    for logical_id, resource in stack.resources.items():
        found += [(logical_id, ref.logical_id) for ref in _refs_in(resource) if ref.logical_id not in seen]
        seen.add(logical_id)
    for logical_id, waits in stack.after.items():
        found += [(logical_id, wait.logical_id) for wait in waits if wait.logical_id not in stack.resources]
    return found


def _refs_in(value: Any) -> Iterator[Ref]:
    """Yield every link in a value."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (JoinedText, BuiltImage)):
        for part in value:
            yield from _refs_in(part)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _refs_in(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _refs_in(item)
