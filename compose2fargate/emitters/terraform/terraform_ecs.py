"""The cluster, task definitions, services, jobs, schedules and scaling as Terraform blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.patching import merge_extras
from compose2fargate.aws.resources import (
    AwsvpcConfiguration,
    CapacityProviderStrategyItem,
    Cluster,
    EcsService,
    Existing,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    ServiceConnectConfiguration,
    ServiceConnectService,
    ServiceVolumeConfiguration,
    TaskDefinition,
    TaskVolume,
)
from compose2fargate.aws.rolling_deployments import percents_of_few, smallest_moving_count
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.resource_graph import PUBLIC, job_container, offered_protocols
from compose2fargate.emitters.terraform.hcl import (
    BREAK,
    HclAttribute,
    HclBlock,
    HclCall,
    HclComment,
    HclExpression,
    quoted_text,
    template_text,
)
from compose2fargate.emitters.terraform.terraform_blocks import (
    Body,
    RenderScope,
    arguments,
    depends_on_argument,
    id_list,
    job_label,
    nested_block,
    resource_block,
    second_block,
    tags_argument,
)
from compose2fargate.emitters.terraform.terraform_names import BALANCER, LISTENER


def render_cluster(scope: RenderScope, logical_id: str, cluster: Cluster) -> Iterator[HclBlock]:
    """Render the cluster."""
    yield resource_block(
        scope,
        logical_id,
        arguments({"name": cluster.cluster_name}),
        tags_argument(scope, cluster.tags),
        [nested_block("setting", {"name": s.name, "value": s.value}) for s in cluster.settings],
    )
    if cluster.capacity_providers:
        name = HclExpression(f"{scope.addresses.address(logical_id)}.name")
        providers = list(cluster.capacity_providers)
        values = {"cluster_name": name, "capacity_providers": providers}
        yield second_block(scope, logical_id, "aws_ecs_cluster_capacity_providers", arguments(values))


def container_definitions(
    scope: RenderScope, logical_id: str, definition: TaskDefinition
) -> list[dict[str, Any]]:
    """Give the containers as the API spells them, with what `x-fargate.patch` adds to them."""
    made: list[dict[str, Any]] = scope.addresses.json(definition.container_definitions)
    extra = scope.stack.extras.get(logical_id, {}).get("containerDefinitions")
    if not extra:
        return made
    merged: list[dict[str, Any]] = merge_extras({"all": made}, {"all": extra})["all"]
    return merged


def render_task_definition(
    scope: RenderScope, logical_id: str, definition: TaskDefinition
) -> Iterator[HclBlock]:
    """Render a task definition."""
    task_role = definition.task_role_arn
    values = {
        "family": definition.family,
        "cpu": _size(scope, logical_id, "cpu", definition.cpu),
        "memory": _size(scope, logical_id, "memory", definition.memory),
        "network_mode": definition.network_mode,
        "pid_mode": definition.pid_mode,
        "requires_compatibilities": list(definition.requires_compatibilities),
        "execution_role_arn": scope.addresses.role(definition.execution_role_arn),
        "task_role_arn": None if task_role is None else scope.addresses.role(task_role),
        "container_definitions": HclCall(
            "jsonencode", (container_definitions(scope, logical_id, definition),)
        ),
    }
    yield resource_block(
        scope,
        logical_id,
        arguments(values),
        _task_blocks(scope, definition),
        [
            HclComment(
                "Old revisions stay, so that a service can go back to one, and a refused update takes none away."
            ),
            HclAttribute("skip_destroy", True),
            *tags_argument(scope, definition.tags),
        ],
        _large_enough(scope, logical_id, definition),
    )


def _size(scope: RenderScope, logical_id: str, member: str, usual: str) -> HclExpression:
    """Give the CPU or the memory of a task, which a variable may choose."""
    name = quoted_text(task_name(scope.stack, logical_id))
    return HclExpression(f"try(var.task_sizes[{name}].{member}, {usual})")


def _large_enough(scope: RenderScope, logical_id: str, definition: TaskDefinition) -> Body:
    """Refuse a size in which the containers do not find what they ask for."""
    containers = definition.container_definitions
    memory = max(
        sum(container.memory_reservation or 0 for container in containers),
        *(container.memory or 0 for container in containers),
    )
    # ECS refuses containers that ask together for more CPU than their task has.
    cpu = sum(container.cpu or 0 for container in containers)
    needs = (
        ("memory", definition.memory, memory, f"{memory} MiB of memory"),
        ("cpu", definition.cpu, cpu, f"{cpu} CPU units"),
    )
    made = [
        HclBlock(
            "precondition",
            (),
            (
                HclAttribute(
                    "condition",
                    HclExpression(f"{_size(scope, logical_id, member, usual).text} >= {least}"),
                ),
                HclAttribute("error_message", f"The containers of the task ask for {said}."),
            ),
        )
        for member, usual, least, said in needs
        if least
    ]
    return [HclBlock("lifecycle", (), tuple(made))] if made else []


def task_name(stack: Stack, logical_id: str) -> str:
    """Give the name by which variables know a task: that of its service."""
    return stack.origins.get(logical_id, logical_id.rpartition("/")[2])


def _task_blocks(scope: RenderScope, definition: TaskDefinition) -> Iterator[HclBlock]:
    platform = definition.runtime_platform
    yield nested_block(
        "runtime_platform",
        {
            "cpu_architecture": platform.cpu_architecture,
            "operating_system_family": platform.operating_system_family,
        },
    )
    if definition.ephemeral_storage:
        yield nested_block("ephemeral_storage", {"size_in_gib": definition.ephemeral_storage.size_in_gib})
    yield from (_volume(scope, volume) for volume in definition.volumes)


def _volume(scope: RenderScope, volume: TaskVolume) -> HclBlock:
    nested = []
    efs = volume.efs_volume_configuration
    if efs:
        authorization = efs.authorization_config
        inner = []
        if authorization:
            point = authorization.access_point_id
            access = {
                "access_point_id": None if point is None else scope.addresses.of(point),
                "iam": authorization.iam,
            }
            inner.append(nested_block("authorization_config", access))
        values = {
            "file_system_id": scope.addresses.of(efs.file_system_id),
            "root_directory": efs.root_directory,
            "transit_encryption": efs.transit_encryption,
        }
        nested.append(nested_block("efs_volume_configuration", values, *inner))
    return nested_block(
        "volume", {"name": volume.name, "configure_at_launch": volume.configured_at_launch}, *nested
    )


def _network_block(scope: RenderScope, network: AwsvpcConfiguration) -> HclBlock:
    values = {
        "subnets": id_list(scope, network.subnets),
        "security_groups": id_list(scope, network.security_groups),
        "assign_public_ip": HclExpression(f"var.{PUBLIC}")
        if isinstance(network.assign_public_ip, Ref)
        else network.assign_public_ip == "ENABLED",
    }
    return nested_block("network_configuration", values)


def _strategy(items: tuple[CapacityProviderStrategyItem, ...]) -> list[HclBlock]:
    return [nested_block("capacity_provider_strategy", item._asdict()) for item in items]


def render_service(scope: RenderScope, logical_id: str, service: EcsService) -> Iterator[HclBlock]:
    """Render a service, and what it is made again for."""
    protocols = offered_protocols(scope.stack, service)
    if protocols:
        labels = ("terraform_data", f"{scope.addresses.labels[logical_id]}_protocols")
        body = (
            HclAttribute("for_each", protocols),
            BREAK,
            HclAttribute("input", HclExpression("each.value")),
        )
        yield HclBlock("resource", labels, body)
    values = {
        "name": service.service_name,
        "cluster": scope.addresses.of(service.cluster, "arn"),
        "task_definition": scope.addresses.of(service.task_definition, "arn"),
        "desired_count": _desired_count(scope, logical_id, service),
        "launch_type": service.launch_type,
        "platform_version": service.platform_version,
        **_percents(scope, logical_id, service),
        "availability_zone_rebalancing": service.availability_zone_rebalancing,
        "health_check_grace_period_seconds": service.health_check_grace_period_seconds,
        "enable_execute_command": service.enable_execute_command,
        "enable_ecs_managed_tags": service.enable_ecs_managed_tags,
        "propagate_tags": service.propagate_tags,
        "wait_for_steady_state": True if logical_id in scope.graph.awaited else None,
    }
    yield resource_block(
        scope,
        logical_id,
        arguments(values),
        tags_argument(scope, service.tags),
        _service_blocks(scope, service),
        _lifecycle(scope, logical_id, service),
        depends_on_argument(scope, logical_id),
    )


def _service_blocks(scope: RenderScope, service: EcsService) -> Iterator[HclBlock]:
    yield from _strategy(service.capacity_provider_strategy)
    breaker = service.deployment_configuration.deployment_circuit_breaker
    yield nested_block("deployment_circuit_breaker", breaker._asdict())
    yield _network_block(scope, service.network_configuration.awsvpc_configuration)
    yield from (_service_load_balancer(scope, balancer) for balancer in service.load_balancers)
    for registry in service.service_registries:
        arn = scope.addresses.of(registry.registry_arn)
        yield nested_block("service_registries", {"registry_arn": arn})
    yield from _service_connect(scope, service.service_connect_configuration)
    yield from (_service_volume(scope, volume) for volume in service.volume_configurations)


def _percents(scope: RenderScope, logical_id: str, service: EcsService) -> dict[str, Any]:
    """Give the percentages, which for fewer tasks than the compose file says are others: a variable chooses their number."""
    deployment = service.deployment_configuration
    enough = smallest_moving_count(deployment, service.desired_count)
    count = _desired_count(scope, logical_id, service).text
    found = {}
    for name, usual, few in (
        ("deployment_maximum_percent", deployment.maximum_percent, percents_of_few(deployment)[1]),
        (
            "deployment_minimum_healthy_percent",
            deployment.minimum_healthy_percent,
            percents_of_few(deployment)[0],
        ),
    ):
        chosen = usual == few or enough == 1 or logical_id in scope.graph.scaled
        found[name] = usual if chosen else HclExpression(f"{count} < {enough} ? {few} : {usual}")
    return found


def _desired_count(scope: RenderScope, logical_id: str, service: EcsService) -> HclExpression:
    name = scope.stack.origins.get(logical_id, service.service_name)
    return HclExpression(f"lookup(var.desired_counts, {quoted_text(name)}, {service.desired_count})")


def _lifecycle(scope: RenderScope, logical_id: str, service: EcsService) -> Body:
    body: Body = []
    if logical_id in scope.graph.scaled:
        body += [
            HclComment(
                "Application Auto Scaling writes the count; Terraform gives the number to begin with."
            ),
            HclAttribute("ignore_changes", [HclExpression("desired_count")]),
        ]
    if protocols := offered_protocols(scope.stack, service):
        label = f"{scope.addresses.labels[logical_id]}_protocols"
        ports = [HclExpression(f"terraform_data.{label}[{quoted_text(port)}]") for port in protocols]
        body += [
            HclComment("AWS changes the protocol of no port in Service Connect: the service is made again."),
            HclAttribute("replace_triggered_by", ports),
        ]
    return [HclBlock("lifecycle", (), tuple(body))] if body else []


def _service_load_balancer(scope: RenderScope, balancer: Any) -> HclBlock:
    values = {
        "target_group_arn": scope.addresses.of(balancer.target_group_arn),
        "container_name": balancer.container_name,
        "container_port": balancer.container_port,
    }
    return nested_block("load_balancer", values)


def _service_connect(scope: RenderScope, connect: ServiceConnectConfiguration | None) -> Iterator[HclBlock]:
    if connect:
        namespace = scope.addresses.of(connect.namespace, "arn")
        values = {"enabled": connect.enabled, "namespace": namespace}
        yield nested_block("service_connect_configuration", values, *map(_connect_service, connect.services))


def _connect_service(service: ServiceConnectService) -> HclBlock:
    aliases = [
        nested_block("client_alias", {"port": a.port, "dns_name": a.dns_name}) for a in service.client_aliases
    ]
    limits = service.timeout
    timeouts = [nested_block("timeout", limits._asdict())] if limits else []
    values = {"port_name": service.port_name, "discovery_name": service.discovery_name}
    return nested_block("service", values, *aliases, *timeouts)


def _service_volume(scope: RenderScope, volume: ServiceVolumeConfiguration) -> HclBlock:
    ebs = volume.managed_ebs_volume
    values = {
        "role_arn": scope.addresses.role(ebs.role_arn),
        "size_in_gb": ebs.size_in_gib,
        "volume_type": ebs.volume_type,
        "encrypted": ebs.encrypted,
        "file_system_type": ebs.filesystem_type,
    }
    return nested_block(
        "volume_configuration", {"name": volume.name}, nested_block("managed_ebs_volume", values)
    )


def render_run_task(scope: RenderScope, logical_id: str, task: RunTask) -> Iterator[HclBlock]:
    """Render the request that starts a job, and what sends it when the job's task definition is another one."""
    exact = task._replace(
        cluster=task.cluster if isinstance(task.cluster, str) else Ref(task.cluster.logical_id, "name"),
        task_definition=_exact_definition(task),
    )
    request = scope.addresses.json(exact)
    request = merge_extras(request, scope.stack.extras.get(logical_id, {}))
    yield HclBlock("locals", (), (HclAttribute(run_task_name(scope, logical_id), request),))
    if logical_id in scope.graph.jobs:
        yield _job_run(scope, logical_id, exact, job_container(scope.stack, task))


def _job_run(scope: RenderScope, logical_id: str, task: RunTask, container: str) -> HclBlock:
    """Run a job by the AWS CLI: the provider has no resource that runs a task to its end."""
    request = HclExpression(f"local.{run_task_name(scope, logical_id)}")
    environment = {
        "AWS_REGION": scope.addresses.account_value("region"),
        "AWS_DEFAULT_REGION": scope.addresses.account_value("region"),
        "CLUSTER": scope.addresses.of(task.cluster),
        "CONTAINER": container,
        "REQUEST": HclCall("jsonencode", (request,)),
    }
    body: Body = [
        HclAttribute("count", HclExpression("var.run_jobs ? 1 : 0")),
        BREAK,
        HclComment("Runs the job once for each of its task definitions, and waits until it has ended well."),
        HclAttribute("triggers_replace", [scope.addresses.of(task.task_definition)]),
        *depends_on_argument(scope, logical_id),
        nested_block(
            "provisioner",
            {
                "command": HclExpression(f'"sh \\"${{path.module}}/{JOB_SCRIPT}\\""'),
                "environment": environment,
            },
        )._replace(labels=("local-exec",)),
    ]
    return HclBlock("resource", ("terraform_data", job_label(scope, logical_id)), tuple(body))


JOB_SCRIPT = "run_job.sh"
"""The file that runs a job; it is the same for all."""


def _exact_definition(task: RunTask) -> str | Ref:
    definition = task.task_definition
    return definition if isinstance(definition, str) else Ref(definition.logical_id, "arn")


def run_task_name(scope: RenderScope, logical_id: str) -> str:
    """Name the local value that holds the input of a job's RunTask call."""
    return f"run_task_{scope.addresses.labels[logical_id]}"


def render_schedule(scope: RenderScope, logical_id: str, schedule: Schedule) -> Iterator[HclBlock]:
    """Render a schedule."""
    parameters = schedule.target.ecs_parameters
    ecs = {
        "task_definition_arn": scope.addresses.of(parameters.task_definition_arn, "arn"),
        "launch_type": parameters.launch_type,
        "task_count": parameters.task_count,
        "propagate_tags": parameters.propagate_tags,
    }
    network = _network_block(scope, parameters.network_configuration.awsvpc_configuration)
    strategy = _strategy(getattr(parameters, "capacity_provider_strategy", ()))
    target = nested_block(
        "target",
        {
            "arn": scope.addresses.of(schedule.target.arn, "arn"),
            "role_arn": scope.addresses.role(schedule.target.role_arn),
        },
        nested_block("ecs_parameters", ecs, *strategy, network),
    )
    values = {
        "name": schedule.name,
        "description": schedule.description,
        "schedule_expression": schedule.schedule_expression,
        "schedule_expression_timezone": schedule.schedule_expression_timezone,
    }
    window = nested_block("flexible_time_window", {"mode": schedule.flexible_time_window.mode})
    yield resource_block(scope, logical_id, arguments(values), [window, target])


def render_scalable_target(scope: RenderScope, logical_id: str, target: ScalableTarget) -> Iterator[HclBlock]:
    """Render a scalable target."""
    service = scope.stack.resources[target.service.logical_id]
    cluster = scope.addresses.of(service.cluster, "name") if isinstance(service, EcsService) else ""
    name = HclExpression(f"{scope.addresses.address(target.service.logical_id)}.name")
    values = {
        "service_namespace": "ecs",
        "resource_id": template_text(["service/", cluster, "/", name]),
        "scalable_dimension": "ecs:service:DesiredCount",
        "min_capacity": target.min_capacity,
        "max_capacity": target.max_capacity,
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, ()))


def render_scaling_policy(scope: RenderScope, logical_id: str, policy: ScalingPolicy) -> Iterator[HclBlock]:
    """Render a scaling policy."""
    target = scope.addresses.address(policy.scalable_target.logical_id)
    values = {
        "name": policy.policy_name,
        "policy_type": "TargetTrackingScaling",
        **{
            name: HclExpression(f"{target}.{name}")
            for name in ("service_namespace", "resource_id", "scalable_dimension")
        },
    }
    metric = {"predefined_metric_type": policy.metric, "resource_label": _resource_label(scope, policy)}
    tracking = nested_block(
        "target_tracking_scaling_policy_configuration",
        {
            "target_value": policy.target_value,
            "scale_in_cooldown": policy.scale_in_cooldown,
            "scale_out_cooldown": policy.scale_out_cooldown,
        },
        nested_block("predefined_metric_specification", metric),
    )
    yield resource_block(scope, logical_id, arguments(values), [tracking])


def _resource_label(scope: RenderScope, policy: ScalingPolicy) -> HclExpression | None:
    """Name a load balancer and a target group as CloudWatch does."""
    if policy.target_group is None:
        return None
    group = policy.target_group
    balancer = scope.graph.load_balancer_of(group.logical_id)
    if balancer is None:
        raise LookupError(f"no listener sends requests to {group.logical_id}")
    suffix = (
        _suffix_of_existing(scope.stack, balancer)
        if isinstance(balancer, str)
        else scope.addresses.of(balancer, "arn_suffix")
    )
    return template_text([suffix, "/", scope.addresses.of(group, "arn_suffix")])


def _suffix_of_existing(stack: Stack, balancer: str) -> str | HclExpression:
    """Give `app/NAME/ID` of a load balancer that a variable names, by itself or by its listener."""
    variables = {"Listener": LISTENER, "LoadBalancer": BALANCER}
    for _, existing in stack.of_type(Existing):
        if existing.kind in variables and f"{existing.identifier}/".partition("/")[2].startswith(
            f"{balancer}/"
        ):
            return HclExpression(f'join("/", slice(split("/", var.{variables[existing.kind]}), 1, 4))')
    return balancer
