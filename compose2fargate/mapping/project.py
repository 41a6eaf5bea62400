"""The whole project: which services become what, in which order, with which findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, floor
from typing import NamedTuple

from compose2fargate.aws.builds import ImageBuild, PushedImage
from compose2fargate.aws.fargate import LOG_RETENTION_DAYS, service_violations, violations
from compose2fargate.aws.resources import (
    Account,
    Cluster,
    DeploymentCircuitBreaker,
    DeploymentConfiguration,
    EcsService,
    Existing,
    LogGroup,
    Namespace,
    Network,
    NetworkConfiguration,
    Repository,
    Resource,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref
from compose2fargate.compose.dockerfile import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping import jobs, names
from compose2fargate.mapping.builds import image_builds
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.coverage import LEFT_OUT, Accounted, account, findings
from compose2fargate.mapping.grouping import find_groups
from compose2fargate.mapping.images import repository_name
from compose2fargate.mapping.networking import (
    CONNECT_URL,
    find_aliases,
    network_configuration,
    service_connect,
)
from compose2fargate.mapping.tasks import Task, log_group_name, tags, task
from compose2fargate.settings import Settings

DEFAULT_REGION = "us-east-1"
MINIMUM_PERCENT_URL = (
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html"
)


class Translation(NamedTuple):
    """A project on Fargate: the stack, what was found, what became of each key, and which images it needs built."""

    stack: Stack
    diagnostics: tuple[Diagnostic, ...]
    accounted: tuple[Accounted, ...]
    builds: tuple[ImageBuild, ...] = ()


def map_project(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    texts: Mapping[str, str | None] | None = None,
    pushed: Mapping[str, PushedImage] | None = None,
) -> Translation:
    """Translate a project to a stack.

    Args:
        project: The project as loaded.
        settings: The user's choices.
        images: What the Dockerfiles of services built here say, by service.
        texts: What `files.wanted_texts` asked for; None for what is no small text.
        pushed: What the lock file says was pushed.

    Returns:
        The stack with all findings, errors included: the caller decides what an error stops.
    """
    report: list[Diagnostic] = []
    kept = _without(project, settings, report)
    ctx = _context(kept, settings, images, texts or {}, report)._replace(pushed=pushed or {})
    stack = _stack(ctx)
    builds = image_builds(ctx)
    accounted = tuple(
        key._replace(row=ctx.outcomes[key.path]) if key.path in ctx.outcomes else key
        for key in account(kept.tree, kept.marks)
    )
    report.extend(found for found in map(findings, accounted) if found)
    left_out = (
        Accounted(("services", name), project.at("services", name), LEFT_OUT)
        for name in project.services
        if name not in kept.services
    )
    return Translation(stack, tuple(_allowed(report, settings.allow)), (*accounted, *left_out), builds)


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
    texts: Mapping[str, str | None],
    report: list[Diagnostic],
) -> Context:
    stack = names.ecs_name(settings.cluster or "-".join(filter(None, (project.name, settings.environment))))
    groups = find_groups(project, report)
    ctx = Context(
        project=project,
        settings=settings,
        stack=stack,
        region=settings.region or DEFAULT_REGION,
        names=names.unique(project.services),
        images=images,
        jobs=jobs.find_jobs(project, groups),
        groups=groups,
        aliases=find_aliases(project, report),
        texts=texts,
        outcomes={},
        needed=frozenset(
            d.service
            for name, service in project.services.items()
            for d in service.depends_on
            if groups.leaders.get(d.service) != groups.leaders.get(name)
        ),
        report=report,
    )
    _report_settings(ctx)
    return ctx


def _report_settings(ctx: Context) -> None:
    """Say once what only the user or AWS knows, and how to supply it."""
    settings = ctx.settings
    if not settings.region:
        ctx.warn(
            "C2F290",
            (),
            f"no region is set: {DEFAULT_REGION} is assumed",
            hint="--region REGION, or AWS_REGION",
        )
    if not (settings.subnets and settings.security_groups):
        ctx.warn(
            "C2F291",
            (),
            "no subnets or security groups are set: placeholders stand in their place",
            hint="--subnet subnet-… --security-group sg-… (the task definitions are complete without them)",
        )
    needs_account = any(s.build for s in ctx.project.services.values()) and not settings.registry
    if not settings.account and (
        needs_account or any(options_of(s).get("schedule") for s in ctx.project.services.values())
    ):
        ctx.warn(
            "C2F292",
            (),
            "no account is set: ACCOUNT_ID stands in image addresses and ARNs",
            hint="--account 123456789012, or --registry URI",
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
        self.resources: dict[str, Resource] = {}
        self.origins: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def shared(self, logical_id: str, resource: Resource) -> None:
        """Add a resource of the whole project."""
        self.resources[logical_id] = resource

    def put(self, kind: str, service: Service, resource: Resource) -> str:
        """Add a resource that comes from `service`; give its logical id."""
        logical_id = f"{kind}/{self._ctx.names[service.name]}"
        self.resources[logical_id] = resource
        self.origins[logical_id] = service.name
        self.files[logical_id] = self._file_names[service.name]
        return logical_id

    def build(self) -> Stack:
        """Give the finished stack."""
        places = {
            logical_id: self._ctx.project.at("services", service)
            for logical_id, service in self.origins.items()
        }
        sources = {logical_id: f"{at.file}:{at.line}" for logical_id, at in places.items() if at}
        return Stack(self._ctx.stack, self.resources, self.origins, self.files, sources=sources)


def _stack(ctx: Context) -> Stack:
    builder = _Builder(ctx)
    services = [service for service in _in_order(ctx.project) if service.name in ctx.groups.members]
    builder.shared("account", Account(ctx.settings.region, ctx.settings.account))
    builder.shared("network", Network(subnet_ids=ctx.settings.subnets))
    builder.shared("cluster", Cluster(ctx.stack))
    builder.shared("namespace", Namespace(ctx.settings.namespace or ctx.stack))
    builder.shared("execution-role", Existing("Role", ctx.settings.execution_role))
    if any(options_of(service).get("schedule") for service in services):
        builder.shared("scheduler-role", Existing("Role", ctx.settings.scheduler_role))
    tasks = [(service, *_task(ctx, builder, service)) for service in services]
    network = network_configuration(ctx)
    for service, made, definition in tasks:
        if service.name in ctx.jobs:
            _put_job(ctx, builder, service, definition, network)
        else:
            ecs_service = _ecs_service(ctx, service, made, definition, network)
            _validate_service(ctx, service, ecs_service)
            builder.put("service", service, ecs_service)
    stack = builder.build()
    _validate_names(ctx, stack)
    return stack


def _task(ctx: Context, builder: _Builder, service: Service) -> tuple[Task, str]:
    """Add the task definition of a service, and what it needs to exist first."""
    made = task(ctx, service)
    _validate(ctx, service, made)
    for member, container in zip(
        made.services, made.definition.container_definitions, strict=False
    ):  # files come last
        log = container.log_configuration
        if log and isinstance(log.options.get("awslogs-group"), Ref):  # else it is one the user has
            group = LogGroup(log_group_name(ctx, member), ctx.settings.log_retention)
            builder.put("log-group", member, group)
        repository = repository_name(ctx, member)
        if repository:
            builder.put("repository", member, Repository(repository))
    return made, builder.put("task-definition", service, made.definition)


def _put_job(
    ctx: Context, builder: _Builder, service: Service, definition: str, network: NetworkConfiguration
) -> None:
    ctx.info(
        "C2F271",
        ("services", service.name),
        f"{service.name} is a job ({ctx.jobs[service.name]}): a task to run, not a service that is kept alive",
        url=jobs.RUN_TASK_URL,
    )
    scheduled = jobs.schedule(ctx, service, definition, network)
    builder.put("run-task", service, jobs.run_task(definition, network))
    if scheduled:
        builder.put("schedule", service, scheduled)


def _validate(ctx: Context, service: Service, made: Task) -> None:
    """Check the result against Fargate's rules. What is found here the mapping should have refused by name."""
    for found in violations(made.definition):
        ctx.refuse(
            "C2F294",
            ("services", service.name),
            f"the task definition of {service.name} is not legal: {found.member}: {found.message}",
            hint=f"change the service, or leave it out: --without {service.name}",
            url=found.url,
        )


def _validate_service(ctx: Context, service: Service, made: EcsService) -> None:
    for found in service_violations(made):
        ctx.refuse(
            "C2F294",
            ("services", service.name),
            f"{service.name}: {found.member}: {found.message}",
            url=found.url,
        )


def _validate_names(ctx: Context, stack: Stack) -> None:
    """Refuse two services that would answer to one name: DNS does not tell upper from lower case."""
    taken: dict[str, str] = {}
    for logical_id, service in stack.of_type(EcsService):
        origin = stack.origins[logical_id]
        connect = service.service_connect_configuration
        for offered in connect.services if connect else ():
            first = taken.setdefault(offered.discovery_name, origin)
            if first != origin:
                ctx.refuse(
                    "C2F226",
                    ("services", origin),
                    f"{first} and {origin} would both be called {offered.discovery_name} in Service Connect",
                    hint="rename one of them",
                    url=CONNECT_URL,
                )


def _in_order(project: Project) -> list[Service]:
    """Services with what they depend on first; otherwise by name. The loader has refused cycles."""
    ordered: dict[str, Service] = {}
    for first in project.services:
        waiting = [first]
        while waiting:
            service = project.services[waiting[-1]]
            missing = sorted(
                d.service
                for d in service.depends_on
                if d.service not in ordered and d.service in project.services and d.service not in waiting
            )
            if missing:
                waiting.append(missing[0])
                continue
            ordered.setdefault(waiting.pop(), service)
    return list(ordered.values())


# -- services ------------------------------------------------------------------------------------------------


def _ecs_service(
    ctx: Context, service: Service, made: Task, definition: str, network: NetworkConfiguration
) -> EcsService:
    count = _desired_count(service)
    deployment = _deployment(service, count)
    return EcsService(
        cluster=Ref("cluster", "name"),
        service_name=ctx.names[service.name],
        task_definition=Ref(definition, "family"),
        desired_count=count,
        deployment_configuration=deployment,
        network_configuration=network,
        service_connect_configuration=service_connect(ctx, made.ports),
        # Rebalancing starts a task elsewhere before it stops one, which stop-first does not allow.
        availability_zone_rebalancing="DISABLED" if deployment.maximum_percent <= 100 else None,
        tags=tags(ctx, service),
    )


def _desired_count(service: Service) -> int:
    for asked in (service.scale, service.deploy.replicas):
        if asked is not None:
            return asked
    return 1


def _deployment(service: Service, replicas: int) -> DeploymentConfiguration:
    """Turn `update_config` into percentages that give exactly its batch size.

    The scheduler rounds the minimum up and the maximum down: `MINIMUM_PERCENT_URL`.
    """
    update = service.deploy.update
    rollback = update is None or update.failure_action in ("", "rollback")
    breaker = DeploymentCircuitBreaker(
        enable=rollback or (update is not None and update.failure_action == "pause"), rollback=rollback
    )
    if update is None:
        return DeploymentConfiguration(breaker, maximum_percent=200, minimum_healthy_percent=100)
    count = max(replicas, 1)
    batch = min(update.parallelism or count, count)
    if update.order == "start-first":
        return DeploymentConfiguration(
            breaker, maximum_percent=ceil(100 * (count + batch) / count), minimum_healthy_percent=100
        )
    return DeploymentConfiguration(
        breaker, maximum_percent=100, minimum_healthy_percent=floor(100 * (count - batch) / count)
    )


# -- findings ------------------------------------------------------------------------------------------------


def _allowed(report: Iterable[Diagnostic], allow: tuple[str, ...]) -> Iterable[Diagnostic]:
    """What the user allows by its code is a warning: the rest is translated without the refused part."""
    for found in report:
        if found.severity is Severity.ERROR and found.code in allow:
            yield found._replace(severity=Severity.WARNING, hint=f"allowed by --allow {found.code}")
        else:
            yield found
