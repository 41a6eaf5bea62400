"""The resources of a project in the order in which each can refer to earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    AccountIdentity,
    Cluster,
    ClusterSetting,
    EcsService,
    Existing,
    LogConfiguration,
    LogGroup,
    Namespace,
    NetworkConfiguration,
    Repository,
    RunTask,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.compose.model import Service
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.access import secrets
from compose2fargate.mapping.access.iam_roles import (
    execution_role,
    infrastructure_role,
    project_tags,
    scheduler_role,
    task_role,
)
from compose2fargate.mapping.assembly.stack_builder import StackBuilder
from compose2fargate.mapping.commands import jobs
from compose2fargate.mapping.containers.architectures import check_architecture
from compose2fargate.mapping.containers.logging import log_group_name, retention_days
from compose2fargate.mapping.containers.tags import label_tags
from compose2fargate.mapping.containers.task_definitions import MappedTask, map_task
from compose2fargate.mapping.deployment.autoscaling import scaling_resources
from compose2fargate.mapping.deployment.deployment_order import (
    DeploymentOrder,
    deployed_as,
    deployment_dependencies,
    find_order,
)
from compose2fargate.mapping.deployment.rolling_updates import (
    ON_DEMAND,
    SPOT,
    deployment_configuration,
    desired_count,
    exec_enabled,
    fewest_tasks,
    report_exec,
    task_capacity,
    uses_spot,
    with_room,
)
from compose2fargate.mapping.images.image_references import (
    own_repository,
    repository_name,
)
from compose2fargate.mapping.network.load_balancing import (
    LoadBalancing,
    build_load_balancers,
    grace_period,
)
from compose2fargate.mapping.network.private_dns import PrivateDns, find_private_dns, with_search_domain
from compose2fargate.mapping.network.security_groups import SecurityGroups, build_security_groups
from compose2fargate.mapping.network.service_connect import (
    has_public_address,
    network_configuration,
    service_connect,
)
from compose2fargate.mapping.patch import apply_patches
from compose2fargate.mapping.references.local_addresses import report_local_addresses
from compose2fargate.mapping.references.unreachable_hosts import report_unreachable
from compose2fargate.mapping.storage import efs
from compose2fargate.mapping.storage.volumes import (
    stops_before_start,
    volume_configurations,
)
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple


def assemble_stack(ctx: TranslationInput, findings: TranslationFindings) -> Stack:
    """Put together the stack of a project: shared resources first, then tasks, what connects them, and services."""
    builder = StackBuilder(ctx)
    order = find_order(ctx, findings)
    _put_shared(ctx, findings, builder, order.leaders)
    made = _map_tasks(ctx, findings, order.leaders)
    network = _map_network(ctx, findings, made)
    for resources in (network.security.resources, network.fronts.resources, network.discovery.resources):
        builder.resources.update(resources)
    for leader in network.discovery.searching:
        made[leader] = with_search_domain(ctx, leader, made[leader])
    if ctx.stores:
        _put_stores(ctx, findings, builder)
    definitions = {
        service.name: _put_task(ctx, findings, builder, service, made[service.name])
        for service in order.leaders
    }
    if "file-system" in builder.resources:
        for logical_id, resource in efs.mount_targets(ctx).items():
            builder.shared(logical_id, resource)
    for service in order.leaders:
        launched = _Launched(service, made[service.name], definitions[service.name])
        _put_launched(ctx, findings, builder, launched, network)
    _put_roles(ctx, builder, [(definitions[s.name], made[s.name].definition) for s in order.leaders])
    built = builder.build(_waits(ctx, order))
    built = built._replace(
        again=tuple(deployed_as(ctx, leader) for leader in order.again),
        template_overlay=x_aws.template_overlay(ctx.project),
    )
    return apply_patches(ctx, findings, built)


def _put_stores(ctx: TranslationInput, findings: TranslationFindings, builder: StackBuilder) -> None:
    """Add the stores that AWS runs, with what they need."""
    from compose2fargate.mapping.stores.store_building import report_stores, store_resources

    for logical_id, resource, store in store_resources(ctx):
        if store:
            builder.add(logical_id, store.service, resource)
        else:
            builder.resources.setdefault(logical_id, resource)
    for store in ctx.stores.values():
        secrets.report_automatic(ctx, findings, store.service)
        if store.password.kind == "secret":
            path = ("services", store.service.name, "secrets")
            secrets.secret_reference(ctx, findings, store.password.name, path)
    report_stores(ctx, findings)


def _waits(ctx: TranslationInput, order: DeploymentOrder) -> dict[str, tuple[DeploymentDependencies, ...]]:
    """Give what each service or job waits for: others by `depends_on`, and the stores that it talks to."""
    waits = deployment_dependencies(ctx, order)
    if ctx.stores:
        from compose2fargate.mapping.stores.store_building import store_waits

        deployed = {service.name: deployed_as(ctx, service.name) for service in order.leaders}
        for logical_id, stores in store_waits(ctx, deployed).items():
            waits[logical_id] = (*waits.get(logical_id, ()), *stores)
    return waits


class _Launched(NamedTuple):
    """A service that leads a task, and the task definition that it runs."""

    service: Service
    made: MappedTask
    definition: str


class _Network(NamedTuple):
    """What connects the tasks of a project with each other and with the internet."""

    fronts: LoadBalancing
    security: SecurityGroups
    discovery: PrivateDns
    configurations: Mapping[str, NetworkConfiguration]


def _put_shared(
    ctx: TranslationInput, findings: TranslationFindings, builder: StackBuilder, leaders: Sequence[Service]
) -> None:
    """Add what the whole project shares."""
    chosen = ctx.settings
    builder.shared("account", AccountIdentity(chosen.region, chosen.account))
    public = has_public_address(chosen)
    builder.shared("network", VpcNetwork(chosen.vpc, chosen.subnets, chosen.load_balancer_subnets, public))
    builder.shared("cluster", _cluster(ctx, leaders))
    builder.shared("namespace", Namespace(chosen.namespace or ctx.stack, project_tags(ctx)))
    for logical_id, resource in {**efs.efs_resources(ctx, findings), **secrets.secret_resources(ctx)}.items():
        builder.shared(logical_id, resource)


def _map_tasks(
    ctx: TranslationInput, findings: TranslationFindings, leaders: Sequence[Service]
) -> dict[str, MappedTask]:
    """Make the task of each leader, and say what its containers will miss."""
    made = {service.name: map_task(ctx, findings, service) for service in leaders}
    for service in leaders:
        check_architecture(ctx.settings, findings, service, made[service.name].services)
    report_unreachable(ctx, findings, made)
    report_local_addresses(ctx, findings, made)
    return made


def _map_network(
    ctx: TranslationInput, findings: TranslationFindings, made: Mapping[str, MappedTask]
) -> _Network:
    fronts = build_load_balancers(ctx, findings, made)
    security = build_security_groups(ctx, findings, made, fronts)
    discovery = find_private_dns(ctx, findings, made)
    return _Network(
        fronts,
        security,
        discovery,
        {leader: network_configuration(ctx.settings, groups) for leader, groups in security.groups.items()},
    )


def _put_launched(
    ctx: TranslationInput,
    findings: TranslationFindings,
    builder: StackBuilder,
    launched: _Launched,
    network: _Network,
) -> None:
    """Add what keeps a task running, or runs it once."""
    service, made = launched.service, launched.made
    efs.report_role(ctx, findings, service, made.services)
    configuration = network.configurations[service.name]
    if service.name in ctx.jobs:
        _put_job(ctx, findings, builder, launched, configuration)
        return
    ecs_service = _ecs_service(ctx, findings, launched, configuration)
    ecs_service = _reached(ecs_service, made, service.name, network.fronts, network.discovery)
    logical_id = builder.put("service", service, ecs_service)
    for scaling_id, resource in scaling_resources(ctx, findings, service, logical_id, ecs_service):
        builder.add(scaling_id, service, resource)


def _reached(
    service: EcsService, made: MappedTask, leader: str, fronts: LoadBalancing, discovery: PrivateDns
) -> EcsService:
    """Put a service behind its load balancers, and into the private DNS namespace."""
    targets = fronts.targets.get(leader, ())
    return service._replace(
        load_balancers=targets,
        service_registries=discovery.registries.get(leader, ()),
        health_check_grace_period_seconds=grace_period(made) if targets else None,
    )


def _cluster(ctx: TranslationInput, services: Iterable[Service]) -> Cluster | Existing:
    """The cluster: a new one, or the user's where the setting is an ARN."""
    if ctx.settings.cluster.startswith("arn:"):
        return Existing("Cluster", ctx.settings.cluster)
    spot = any(uses_spot(ctx.settings, service) for service in services)
    insights = ctx.settings.insights
    return Cluster(
        ctx.stack,
        settings=(ClusterSetting("containerInsights", insights),) if insights else (),
        capacity_providers=(ON_DEMAND, SPOT) if spot else (),
        tags=project_tags(ctx),
    )


def _put_task(
    ctx: TranslationInput,
    findings: TranslationFindings,
    builder: StackBuilder,
    service: Service,
    made: MappedTask,
) -> str:
    """Add the task definition of a service, and what it needs to exist first; give its logical id."""
    for member in made.services:
        for repository in filter(None, (own_repository(ctx, member), repository_name(ctx, member))):
            owner = ctx.project.services[ctx.owners.get(repository, member.name)]
            # Those that environments share belong to none of them: `push` makes them.
            shared = ctx.settings.shared_images
            made_here = Repository(repository, tags=ctx.tags[owner.name])
            builder.put("repository", owner, Existing("Repository", repository) if shared else made_here)
    for container in made.definition.container_definitions:
        _put_log_group(ctx, builder, container.log_configuration)
    role = task_role(
        ctx, findings, service, [s for s in made.services if s.name in ctx.project.services], made.statements
    )
    builder.put("task-role", service, role)
    return builder.put("task-definition", service, made.definition)


def _put_log_group(ctx: TranslationInput, builder: StackBuilder, log: LogConfiguration | None) -> None:
    """Add the log group that a container writes to, unless it is one the user has."""
    group = log.options.get("awslogs-group") if log else None
    if isinstance(group, Ref) and group.logical_id not in builder.resources:
        member = ctx.project.services[builder.services[group.logical_id.partition("/")[2]]]
        made = LogGroup(
            log_group_name(ctx, member), retention_days(ctx.settings, member), ctx.tags[member.name]
        )
        builder.put("log-group", member, made)


def _put_job(
    ctx: TranslationInput,
    findings: TranslationFindings,
    builder: StackBuilder,
    launched: _Launched,
    network: NetworkConfiguration,
) -> None:
    service, made, definition = launched
    findings.info(
        "C2F271",
        ("services", service.name),
        f"{service.name} is a job ({ctx.jobs[service.name]}): a task to run, not a service that is kept alive",
        url=jobs.RUN_TASK_URL,
    )
    scheduled = jobs.map_schedule(ctx.stack, findings, service, definition, network)
    placed = task_capacity(ctx.settings, findings, service)
    run = jobs.run_task(definition, network)._replace(
        launch_type=placed.launch_type,
        capacity_provider_strategy=placed.strategy,
        enable_execute_command=exec_enabled(ctx.settings, service) or None,
        volume_configurations=volume_configurations(ctx.project, findings, made.definition.volumes),
    )
    builder.put("run-task", service, run)
    if scheduled:
        builder.put("schedule", service, scheduled)


def _put_roles(
    ctx: TranslationInput, builder: StackBuilder, definitions: Sequence[tuple[str, TaskDefinition]]
) -> None:
    """Add the roles of the whole project, now that it is known what they have to reach."""
    own = [definition for _, definition in definitions]
    builder.shared("execution-role", execution_role(ctx, own, builder.resources))
    scheduled = {i.partition("/")[2] for i in builder.resources if i.startswith("schedule/")}
    if scheduled:
        run = [(i, definition) for i, definition in definitions if i.partition("/")[2] in scheduled]
        builder.shared("scheduler-role", scheduler_role(ctx, run))
    launched = (r for r in builder.resources.values() if isinstance(r, (EcsService, RunTask)))
    if any(one.volume_configurations for one in launched):
        builder.shared("infrastructure-role", infrastructure_role(ctx))


def _store_advice(ctx: TranslationInput, definition: TaskDefinition, service: Service) -> str:
    from compose2fargate.mapping.stores.store_advice import managed_advice

    return managed_advice(ctx, service, definition)


def _ecs_service(
    ctx: TranslationInput, findings: TranslationFindings, launched: _Launched, network: NetworkConfiguration
) -> EcsService:
    service, made, definition = launched
    count = desired_count(service)
    fewest = fewest_tasks(service, count)
    asked = deployment_configuration(service, fewest, x_aws.percents(service))
    room = with_room(findings, service, asked, fewest)
    advice = partial(_store_advice, ctx, made.definition)
    update = stops_before_start(ctx, findings, made.services, room, count, advice)
    placed = task_capacity(ctx.settings, findings, service)
    report_exec(ctx.settings, findings, service)
    return EcsService(
        cluster=Ref("cluster", "name"),
        service_name=ctx.names[service.name],
        task_definition=Ref(definition, "family"),
        desired_count=count,
        deployment_configuration=update,
        network_configuration=network,
        service_connect_configuration=service_connect(ctx, findings, made.ports),
        launch_type=placed.launch_type,
        capacity_provider_strategy=placed.strategy,
        platform_version=ctx.settings.platform_version or None,
        enable_execute_command=exec_enabled(ctx.settings, service) or None,
        # Rebalancing starts a task elsewhere before it stops one, which stop-first does not allow.
        availability_zone_rebalancing="DISABLED" if update.maximum_percent <= 100 else None,
        volume_configurations=volume_configurations(ctx.project, findings, made.definition.volumes),
        tags=label_tags(ctx, findings, service),
    )
