"""The whole project: which services become what, in which order, with which findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from compose2fargate.aws.builds import ImageBuild, PushedImage
from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.aws.resources import (
    Account,
    Cluster,
    ClusterSetting,
    DiscoveryService,
    EcsService,
    Existing,
    LogConfiguration,
    LogGroup,
    Namespace,
    Network,
    NetworkConfiguration,
    Repository,
    Resource,
    Role,
    RunTask,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.rules import stack_violations
from compose2fargate.aws.stack import After, Stack
from compose2fargate.aws.values import Ref
from compose2fargate.compose.dockerfile import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping import filesystem, host_tools, jobs, names, secrets, x_aws
from compose2fargate.mapping.builds import image_builds
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.cost import report_cost
from compose2fargate.mapping.coverage import LEFT_OUT, Accounted, Row, account, findings
from compose2fargate.mapping.deployment import (
    ON_DEMAND,
    SPOT,
    capacity,
    deployment,
    desired_count,
    exec_enabled,
    report_exec,
    uses_spot,
)
from compose2fargate.mapping.discovery import Discovery, discover, with_search_domain
from compose2fargate.mapping.disk import Found
from compose2fargate.mapping.files import plan
from compose2fargate.mapping.grouping import find_groups
from compose2fargate.mapping.images import find_builders, find_owners, own_repository, repository_name
from compose2fargate.mapping.load_balancing import BALANCING_URL, Fronts, balance, grace_period
from compose2fargate.mapping.logs import log_group_name, retention
from compose2fargate.mapping.networking import (
    CONNECT_URL,
    find_aliases,
    image_ports,
    network_configuration,
    report_placement,
    service_connect,
)
from compose2fargate.mapping.order import after, find_order
from compose2fargate.mapping.patch import apply_patches
from compose2fargate.mapping.references import report_unknown_ports
from compose2fargate.mapping.roles import (
    MAX_ROLE_NAME,
    execution_role,
    infrastructure_role,
    project_tags,
    scheduler_role,
    task_role,
)
from compose2fargate.mapping.scaling import scaling
from compose2fargate.mapping.secrets import StackSecret, stack_secrets
from compose2fargate.mapping.security import secure
from compose2fargate.mapping.storage import judge_volumes, updated_alone, volume_configurations
from compose2fargate.mapping.tasks import Task, label_tags, tags, task
from compose2fargate.settings import Settings

ILLEGAL = "C2F294"
DEFAULT_REGION = "us-east-1"


class Translation(NamedTuple):
    """A project on Fargate.

    Attributes:
        stack: What is to be made of it.
        diagnostics: What was found.
        kept: The project without the services that are left out.
        outcomes: What the mapping made of a key, where that is not what its row says.
        left_out: The services that are left out.
        builds: Images to build.
        secrets: Secrets to store.
    """

    stack: Stack
    diagnostics: tuple[Diagnostic, ...]
    kept: Project
    outcomes: Mapping[Path, Row]
    left_out: tuple[Accounted, ...] = ()
    builds: tuple[ImageBuild, ...] = ()
    secrets: tuple[StackSecret, ...] = ()

    @property
    def accounted(self) -> tuple[Accounted, ...]:
        """What became of each key of the project; put together when asked, as converting does not need it."""
        return (*account(self.kept.tree, self.kept.marks, self.outcomes), *self.left_out)


def map_project(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, Found] | None = None,
    pushed: Mapping[str, PushedImage] | None = None,
) -> Translation:
    """Translate a project to a stack.

    Args:
        project: The project as loaded.
        settings: The user's choices.
        images: What the Dockerfiles of services built here say, by service.
        disk: What was found where `disk.wanted` asks for it.
        pushed: What the lock file says was pushed.

    Returns:
        The stack with all findings, errors included: the caller decides what an error stops.
    """
    report: list[Diagnostic] = []
    kept = _without(project, settings, report)
    if len(kept.services) < len(project.services):
        from compose2fargate.mapping.other_proxies import lost_routes
        from compose2fargate.mapping.traefik import with_routes

        report.extend(lost_routes(project, kept, lambda s: image_ports(s, images)))
        kept = with_routes(project, kept, lambda s: image_ports(s, images), settings.certificate, report)
    kept = x_aws.with_protocols(kept)
    ctx = _context(kept, settings, images, disk or {}, report)._replace(pushed=pushed or {})
    stack = _stack(ctx)
    builds = image_builds(ctx)
    report.extend(findings(kept.tree, kept.marks, ctx.outcomes))
    report = _without_echoes(report)
    left_out = (
        Accounted(("services", name), project.at("services", name), LEFT_OUT)
        for name in project.services
        if name not in kept.services
    )
    return Translation(
        stack,
        tuple(host_tools.as_one(kept, _allowed(report, settings.allow))),
        kept,
        ctx.outcomes,
        tuple(left_out),
        builds,
        stack_secrets(ctx),
    )


def _without(project: Project, settings: Settings, report: list[Diagnostic]) -> Project:
    """Take out the services that the user leaves out, from the tree as well, so that nothing speaks of them."""
    for name in settings.without:
        if name not in project.services:
            known = ", ".join(project.services) or "none"
            report.append(
                Diagnostic(
                    "C2F212",
                    Severity.ERROR,
                    f"--without {name}: there is no such service",
                    hint=f"services: {known}",
                )
            )
    left_out = {
        name
        for name, service in project.services.items()
        if name in settings.without or options_of(service).get("skip") is True
    }
    if settings.without_host_tools:
        tools = [name for name in host_tools.tools(project) if name not in left_out]
        report.extend(host_tools.left_out(project, tools))
        left_out.update(tools)
    if not left_out:
        return project
    services = {
        name: service._replace(depends_on=tuple(d for d in service.depends_on if d.service not in left_out))
        for name, service in project.services.items()
        if name not in left_out
    }
    tree = {
        **project.tree,
        "services": {n: s for n, s in project.tree["services"].items() if n not in left_out},
    }
    return project._replace(services=services, tree=tree)


def _context(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, Found],
    report: list[Diagnostic],
) -> Context:
    chosen = "" if settings.cluster.startswith("arn:") else settings.cluster
    stack = names.ecs_name(chosen or "-".join(filter(None, (project.name, settings.environment))))
    groups = find_groups(project, report)
    aliases = {name: tuple(sorted(found)) for name, found in find_aliases(project, report).items()}
    builders = find_builders(project)
    ctx = Context(
        project=project,
        settings=settings,
        stack=stack,
        region=settings.region or DEFAULT_REGION,
        names=names.unique(project.services),
        images={**images, **{name: images[other] for name, other in builders.items() if other in images}},
        jobs=jobs.find_jobs(project, groups),
        groups=groups,
        aliases=aliases,
        port_names=frozenset(map(names.port_name, chain(project.services, *aliases.values()))),
        disk=disk,
        plans={},
        outcomes={},
        needed=frozenset(
            d.service
            for name, service in project.services.items()
            for d in service.depends_on
            if groups.leaders.get(d.service) != groups.leaders.get(name)
        ),
        report=report,
        tags={},
        builders=builders,
    )
    ctx = ctx._replace(owners=find_owners(ctx))
    for service in project.services.values():
        ctx.plans[service.name] = plan(ctx, service)
        secrets.report_automatic(ctx, service)
    judge_volumes(ctx)
    _report_settings(ctx)
    x_aws.report(ctx)
    return ctx


def _report_settings(ctx: Context) -> None:
    """Say once what only the user or AWS knows, and how to supply it."""
    settings = ctx.settings
    report_placement(ctx)
    if settings.listener and settings.load_balancer:
        ctx.refuse(
            "C2F219",
            ("x-fargate", "listener"),
            "a listener belongs to a load balancer: listener and load_balancer cannot both be set",
            hint="leave one of them out",
            url=BALANCING_URL,
        )
    for name in settings.networks:
        if name not in ctx.project.networks:
            ctx.refuse(
                "C2F212",
                (),
                f"--network {name}=…: no service uses such a network",
                hint=f"networks: {', '.join(ctx.project.networks)}",
            )
    if settings.log_retention not in LOG_RETENTION_DAYS:
        allowed = ", ".join(map(str, LOG_RETENTION_DAYS))
        ctx.refuse(
            "C2F293",
            ("x-fargate", "log_retention"),
            f"CloudWatch keeps logs for {allowed} days, not {settings.log_retention}",
        )
    for name in (*settings.images, *settings.without):
        if name in settings.images and name not in ctx.project.services:
            ctx.refuse(
                "C2F212",
                (),
                f"--image {name}=…: there is no such service",
                hint=f"services: {', '.join(ctx.project.services)}",
            )


class _Builder:
    """Collects the resources of a stack in the order in which they are to be created."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._file_names = names.file_names(ctx.names)
        self.services = {name: service for service, name in ctx.names.items()}
        self.resources: dict[str, Resource] = {}
        self.origins: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def shared(self, logical_id: str, resource: Resource) -> None:
        """Add a resource of the whole project."""
        self.resources[logical_id] = resource

    def put(self, kind: str, service: Service, resource: Resource) -> str:
        """Add a resource that comes from `service`; give its logical id."""
        return self.add(f"{kind}/{self._ctx.names[service.name]}", service, resource)

    def add(self, logical_id: str, service: Service, resource: Resource) -> str:
        """Add a resource of which `service` has several; give its logical id."""
        self.resources[logical_id] = resource
        self.origins[logical_id] = service.name
        self.files[logical_id] = self._file_names[service.name]
        return logical_id

    def build(self, after: Mapping[str, tuple[After, ...]]) -> Stack:
        """Give the finished stack, in the order in which its resources are to be created."""
        places = {
            service: self._ctx.project.at("services", service) for service in set(self.origins.values())
        }
        shown = {service: f"{at.file}:{at.line}" for service, at in places.items() if at}
        sources = {
            logical_id: shown[service] for logical_id, service in self.origins.items() if service in shown
        }
        resources = dict(sorted(_apart(self.resources).items(), key=lambda item: _rank(item[0])))
        return Stack(self._ctx.stack, resources, self.origins, self.files, after=after, sources=sources)


_FOLDED: tuple[tuple[type, str, int], ...] = (
    (Role, "role_name", MAX_ROLE_NAME),
    (SecurityGroup, "group_name", 255),
    (TargetGroup, "name", 32),
)
"""Resources whose names AWS does not tell apart by case, with the field and its length."""


def _apart(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Give the resources with names that stay apart where case does not count: `Web` and `web` are two services."""
    result = dict(resources)
    for kind, field, limit in _FOLDED:
        found = {key: str(getattr(made, field)) for key, made in resources.items() if isinstance(made, kind)}
        shown = names.apart(set(found.values()), limit)
        for key, name in found.items():
            if shown[name] != name:
                renamed: Any = resources[key]
                result[key] = renamed._replace(**{field: shown[name]})
    return result


_KINDS = (
    "account", "network", "cluster", "namespace", "dns-namespace", "discovery-service", "security-group", "ingress-rule",
    "log-group", "repository", "secret", "file-system", "mount-targets", "access-point",
    "execution-role", "task-role", "infrastructure-role",
    "load-balancer", "network-load-balancer", "target-group", "listener", "listener-rule",
    "task-definition", "service", "scheduler-role", "schedule", "scalable-target", "scaling-policy",
)  # fmt: skip
_RANKS = {**{kind: rank for rank, kind in enumerate(_KINDS)}, "run-task": _KINDS.index("service")}


def _rank(logical_id: str) -> int:
    """Where a kind of resource stands, so that each refers to earlier ones only."""
    return _RANKS[logical_id.partition("/")[0]]


def _stack(ctx: Context) -> Stack:
    builder = _Builder(ctx)
    order = find_order(ctx)
    builder.shared("account", Account(ctx.settings.region, ctx.settings.account))
    builder.shared(
        "network", Network(ctx.settings.vpc, ctx.settings.subnets, ctx.settings.load_balancer_subnets)
    )
    builder.shared("cluster", _cluster(ctx, order.leaders))
    builder.shared("namespace", Namespace(ctx.settings.namespace or ctx.stack))
    for logical_id, resource in {**filesystem.resources(ctx), **secrets.resources(ctx)}.items():
        builder.shared(logical_id, resource)
    made = {service.name: task(ctx, service) for service in order.leaders}
    report_unknown_ports(ctx, made)
    fronts = balance(ctx, made)
    security = secure(ctx, made, fronts)
    discovery = discover(ctx, made)
    for resources in (security.resources, fronts.resources, discovery.resources):
        builder.resources.update(resources)
    for leader in discovery.searching:
        made[leader] = with_search_domain(ctx, leader, made[leader])
    definitions = [_task(ctx, builder, service, made[service.name]) for service in order.leaders]
    networks = {leader: network_configuration(ctx, groups) for leader, groups in security.groups.items()}
    _put_mount_targets(ctx, builder, [(made[leader], network) for leader, network in networks.items()])
    for service, definition in zip(order.leaders, definitions, strict=True):
        network = networks[service.name]
        if service.name in ctx.jobs:
            _put_job(ctx, builder, made[service.name], definition, network)
        else:
            ecs_service = _ecs_service(ctx, service, made[service.name], definition, network)
            ecs_service = _reached(ecs_service, made[service.name], service.name, fronts, discovery)
            _put_scaling(ctx, builder, service, builder.put("service", service, ecs_service), ecs_service)
    _put_roles(
        ctx,
        builder,
        [(i, made[s.name].definition) for i, s in zip(definitions, order.leaders, strict=True)],
    )
    stack = apply_patches(ctx, builder.build(after(ctx, order)))
    _validate(ctx, stack)
    _validate_names(ctx, stack)
    report_cost(ctx, stack)
    return stack


def _reached(
    service: EcsService, made: Task, leader: str, fronts: Fronts, discovery: Discovery
) -> EcsService:
    """Put a service behind its load balancers, and into the private DNS namespace."""
    targets = fronts.targets.get(leader, ())
    return service._replace(
        load_balancers=targets,
        service_registries=discovery.registries.get(leader, ()),
        health_check_grace_period_seconds=grace_period(made) if targets else None,
    )


def _put_mount_targets(
    ctx: Context, builder: _Builder, tasks: Iterable[tuple[Task, NetworkConfiguration]]
) -> None:
    """Open the stack's file system for the security groups of the tasks that mount it."""
    if "file-system" not in builder.resources:
        return
    groups = [
        group
        for made, network in tasks
        if filesystem.mounts_own(ctx, made.services)
        for group in network.awsvpc_configuration.security_groups
    ]
    for logical_id, resource in filesystem.mount_targets(ctx, groups).items():
        builder.shared(logical_id, resource)


def _cluster(ctx: Context, services: Iterable[Service]) -> Cluster | Existing:
    """The cluster: a new one, or the user's where the setting is an ARN."""
    if ctx.settings.cluster.startswith("arn:"):
        return Existing("Cluster", ctx.settings.cluster)
    spot = any(uses_spot(ctx, service) for service in services)
    insights = ctx.settings.insights
    return Cluster(
        ctx.stack,
        settings=(ClusterSetting("containerInsights", insights),) if insights else (),
        capacity_providers=(ON_DEMAND, SPOT) if spot else (),
        tags=project_tags(ctx),
    )


def _task(ctx: Context, builder: _Builder, service: Service, made: Task) -> str:
    """Add the task definition of a service, and what it needs to exist first; give its logical id."""
    for member in made.services:
        for repository in filter(None, {repository_name(ctx, member): 1, own_repository(ctx, member): 1}):
            owner = ctx.project.services[ctx.owners.get(repository, member.name)]
            builder.put("repository", owner, Repository(repository, tags=tags(ctx, owner)))
    for container in made.definition.container_definitions:
        _put_log_group(ctx, builder, container.log_configuration)
    role = task_role(
        ctx, service, [s for s in made.services if s.name in ctx.project.services], made.statements
    )
    builder.put("task-role", service, role)
    return builder.put("task-definition", service, made.definition)


def _put_log_group(ctx: Context, builder: _Builder, log: LogConfiguration | None) -> None:
    """Add the log group that a container writes to, unless it is one the user has."""
    group = log.options.get("awslogs-group") if log else None
    if isinstance(group, Ref) and group.logical_id not in builder.resources:
        member = ctx.project.services[builder.services[group.logical_id.partition("/")[2]]]
        made = LogGroup(log_group_name(ctx, member), retention(ctx, member), tags(ctx, member))
        builder.put("log-group", member, made)


def _put_job(
    ctx: Context, builder: _Builder, made: Task, definition: str, network: NetworkConfiguration
) -> None:
    service = made.services[0]
    ctx.info(
        "C2F271",
        ("services", service.name),
        f"{service.name} is a job ({ctx.jobs[service.name]}): a task to run, not a service that is kept alive",
        url=jobs.RUN_TASK_URL,
    )
    scheduled = jobs.schedule(ctx, service, definition, network)
    placed = capacity(ctx, service)
    run = jobs.run_task(definition, network)._replace(
        launch_type=placed.launch_type,
        capacity_provider_strategy=placed.strategy,
        enable_execute_command=exec_enabled(ctx, service) or None,
        volume_configurations=volume_configurations(ctx, made.definition.volumes),
    )
    builder.put("run-task", service, run)
    if scheduled:
        builder.put("schedule", service, scheduled)


def _put_scaling(
    ctx: Context, builder: _Builder, service: Service, logical_id: str, made: EcsService
) -> None:
    for scaling_id, resource in scaling(ctx, service, logical_id, made):
        builder.add(scaling_id, service, resource)


def _put_roles(ctx: Context, builder: _Builder, definitions: Sequence[tuple[str, TaskDefinition]]) -> None:
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


def _validate(ctx: Context, stack: Stack) -> None:
    """Check the result against the rules of AWS. What is found here the mapping should have refused by name, or a patch broke."""
    for logical_id, found in stack_violations(stack):
        origin = stack.origins.get(logical_id)
        ctx.refuse(
            ILLEGAL,
            ("services", origin) if origin else (),
            f"{logical_id} is not legal: {found.member}: {found.message}",
            hint=f"change the service, or leave it out: --without {origin}"
            if origin
            else "change x-fargate.patch",
            url=found.url,
        )


def _validate_names(ctx: Context, stack: Stack) -> None:
    """Refuse two services that would answer to one name: DNS does not tell upper from lower case."""
    taken: dict[tuple[str, str], str] = {}
    for where, name, origin in _offered(ctx, stack):
        first = taken.setdefault((where, name), origin)
        if first != origin:
            ctx.refuse(
                "C2F226",
                ("services", origin),
                f"{first} and {origin} would both be called {name} in {where}, which does not tell upper from lower case",
                hint=f"rename one of them, or leave it out: --without {origin}",
                url=CONNECT_URL,
            )


def _offered(ctx: Context, stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield where a name is known, the name, and the service that has it."""
    for logical_id, service in stack.of_type(EcsService):
        connect = service.service_connect_configuration
        for offered in connect.services if connect else ():
            yield "Service Connect", offered.discovery_name, stack.origins[logical_id]
    origins = {name: origin for origin, name in ctx.names.items()}
    for logical_id, registered in stack.of_type(DiscoveryService):
        yield "private DNS", registered.name, origins[logical_id.partition("/")[2]]


# -- services ------------------------------------------------------------------------------------------------


def _ecs_service(
    ctx: Context, service: Service, made: Task, definition: str, network: NetworkConfiguration
) -> EcsService:
    count = desired_count(service)
    update = updated_alone(ctx, made.services, deployment(service, count, x_aws.percents(service)), count)
    placed = capacity(ctx, service)
    report_exec(ctx, service)
    return EcsService(
        cluster=Ref("cluster", "name"),
        service_name=ctx.names[service.name],
        task_definition=Ref(definition, "family"),
        desired_count=count,
        deployment_configuration=update,
        network_configuration=network,
        service_connect_configuration=service_connect(ctx, made.ports),
        launch_type=placed.launch_type,
        capacity_provider_strategy=placed.strategy,
        platform_version=ctx.settings.platform_version or None,
        enable_execute_command=exec_enabled(ctx, service) or None,
        # Rebalancing starts a task elsewhere before it stops one, which stop-first does not allow.
        availability_zone_rebalancing="DISABLED" if update.maximum_percent <= 100 else None,
        volume_configurations=volume_configurations(ctx, made.definition.volumes),
        tags=label_tags(ctx, service),
    )


def _without_echoes(report: list[Diagnostic]) -> list[Diagnostic]:
    """Leave out what the check of the result says of a service that is refused by name anyway."""
    refused = {
        d.path[:2] for d in report if d.severity is Severity.ERROR and d.code != ILLEGAL and len(d.path) > 1
    }
    return [d for d in report if d.code != ILLEGAL or d.path[:2] not in refused]


# -- findings ------------------------------------------------------------------------------------------------


def _allowed(report: Iterable[Diagnostic], allow: tuple[str, ...]) -> Iterable[Diagnostic]:
    """What the user allows by its code is a warning: the rest is translated without the refused part."""
    for found in report:
        if found.severity is Severity.ERROR and found.code in allow:
            yield found._replace(severity=Severity.WARNING, hint=f"allowed by --allow {found.code}")
        else:
            yield found
