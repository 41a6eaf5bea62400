"""One compose service to one container, and the task definition around it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from compose2fargate.aws.fargate import (
    ADDABLE_CAPABILITIES,
    API,
    CONTAINER_URL,
    DEFAULT_CAPABILITIES,
    DEFAULT_START_TIMEOUT,
    DOCS,
    EPHEMERAL_GIB,
    HEALTH_CHECK_URL,
    HEALTH_INTERVAL,
    HEALTH_RETRIES,
    HEALTH_START_PERIOD,
    HEALTH_TIMEOUT,
    MAX_TAGS,
    NOFILE_MAX,
    RESTART_PERIOD,
    STOP_TIMEOUT,
    SYSCTL,
    Range,
    Size,
    is_tag,
)
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    ContainerRestartPolicy,
    EphemeralStorage,
    HealthCheck,
    KernelCapabilities,
    LinuxParameters,
    PortMapping,
    RepositoryCredentials,
    RuntimePlatform,
    Statement,
    SystemControl,
    TaskDefinition,
    TaskVolume,
    Ulimit,
    VolumeFrom,
)
from compose2fargate.aws.values import KeyValue, Ref, Tag
from compose2fargate.compose import model
from compose2fargate.compose.dockerfile import runtime_command
from compose2fargate.compose.model import Dependency, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.files import Delivery, deliver
from compose2fargate.mapping.filesystem import efs_statements
from compose2fargate.mapping.images import image_of
from compose2fargate.mapping.logs import ROUTER_MIB, log_configuration, needs_router, router
from compose2fargate.mapping.longrunning import entrypoint_of, judge
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.networking import port_mappings
from compose2fargate.mapping.secrets import is_credential, variables
from compose2fargate.mapping.sizing import (
    ARCHITECTURES,
    architecture_of,
    demand,
    part,
    size_task,
    storage_gib,
)
from compose2fargate.mapping.storage import Storage, check_shared_memory, storage

DOCKER_HEALTH = (30.0, 30.0, 3)
"""Docker's interval, timeout and retries, where ECS would take 30, 5 and 3:
https://docs.docker.com/reference/dockerfile/#healthcheck"""


class Task(NamedTuple):
    """A task definition, the services of its containers in order, and their ports for an ECS service around it."""

    definition: TaskDefinition
    services: tuple[Service, ...]
    ports: Mapping[str, tuple[PortMapping, ...]]
    statements: tuple[Statement, ...] = ()
    """What the containers have to be allowed beyond what the file asks for, for example to mount a file system."""


def task(ctx: Context, leader: Service) -> Task:
    """Map a service, its sidecars and the init containers they wait for to the task definition that runs them."""
    services = [ctx.project.services[name] for name in ctx.groups.members[leader.name]]
    inits = _inits(ctx, services)
    stores = {service.name: storage(ctx, service) for service in (*inits, *services)}
    ports = {
        service.name: tuple(sorted(port_mappings(ctx, service), key=itemgetter(0))) for service in services
    }
    is_job = leader.name in ctx.jobs
    parts = [part(ctx, service, stores[service.name].tmpfs_mib) for service in services]
    routed = needs_router(ctx, services)
    size = size_task(ctx, parts, connected=not is_job, extra_mib=ROUTER_MIB if routed else 0)
    containers, writers = [], []
    for service in (*inits, *services):
        made = container(ctx, service, size, stores[service.name], ports.get(service.name, ()))
        delivery = deliver(ctx, service, made.log_configuration)
        containers.append(_with_files(made, delivery))
        writers.extend([delivery] if delivery else [])
    check_shared_memory(ctx, services, size.memory)
    definition = TaskDefinition(
        family=ecs_name(f"{ctx.stack}-{ctx.names[leader.name]}"),
        cpu=str(size.cpu),
        memory=str(size.memory),
        container_definitions=(
            *containers,
            *(delivery.container for delivery in writers),
            *((router(ctx, leader),) if routed else ()),
        ),
        execution_role_arn=Ref("execution-role", "arn"),
        task_role_arn=Ref(f"task-role/{ctx.names[leader.name]}", "arn"),
        pid_mode="task" if any(service.pid.startswith("service:") for service in services) else None,
        runtime_platform=RuntimePlatform(_architecture(ctx, leader)),
        ephemeral_storage=_ephemeral_storage(ctx, services),
        volumes=(
            *_volumes(stores.values()),
            *(volume for delivery in writers for volume in delivery.volumes),
        ),
        tags=label_tags(ctx, leader) if is_job else tags(ctx, leader),
    )
    return Task(definition, (*inits, *services), ports, efs_statements(ctx, (*inits, *services)))


def _with_files(made: ContainerDefinition, delivery: Delivery | None) -> ContainerDefinition:
    """Let a container wait for the one that writes its files, and see them."""
    if delivery is None:
        return made
    return made._replace(
        depends_on=(*made.depends_on, delivery.dependency),
        mount_points=(*made.mount_points, *delivery.mount_points),
    )


def _inits(ctx: Context, services: Sequence[Service]) -> list[Service]:
    """The init containers that these services wait for, each once, in the order of their names."""
    names = {d.service for service in services for d in service.depends_on if d.service in ctx.groups.inits}
    return [ctx.project.services[name] for name in sorted(names)]


def _volumes(stores: Iterable[Storage]) -> tuple[TaskVolume, ...]:
    """All volumes of a task, each once: containers share a volume by its name."""
    return tuple({volume.name: volume for store in stores for volume in store.volumes}.values())


def container(
    ctx: Context, service: Service, size: Size, mapped: Storage, ports: tuple[PortMapping, ...]
) -> ContainerDefinition:
    """Map one service to a container of a task of `size`."""
    asked, secrets = demand(service), variables(ctx, service)
    entry_point, command = _command(ctx, service)
    runs_on = service.name not in ctx.jobs and service.name not in ctx.groups.inits
    made = ContainerDefinition(
        name=container_name(service),
        image=image_of(ctx, service),
        repository_credentials=_credentials(ctx, service),
        essential=_is_essential(ctx, service),
        # Never above the task's size, which is below what was asked only where that was refused.
        cpu=asked.cpu and min(asked.cpu, size.cpu),
        memory=asked.memory and min(asked.memory, size.memory),
        memory_reservation=asked.reservation and min(asked.reservation, size.memory),
        entry_point=entry_point,
        command=command,
        working_directory=service.working_dir or None,
        user=_user(service),
        environment=_environment(ctx, service, {secret.name for secret in secrets}),
        secrets=secrets,
        port_mappings=ports,
        mount_points=mapped.mount_points,
        volumes_from=_volumes_from(ctx, service),
        depends_on=tuple(_container_dependencies(ctx, service)),
        health_check=_health_check(ctx, service),
        log_configuration=log_configuration(ctx, service),
        linux_parameters=_linux_parameters(ctx, service, mapped.tmpfs),
        restart_policy=_restart_policy(ctx, service) if runs_on else None,
        stop_timeout=_stop_timeout(ctx, service),
        readonly_root_filesystem=True if service.read_only else None,
        interactive=True if service.stdin_open else None,
        pseudo_terminal=True if service.tty else None,
        ulimits=tuple(_ulimits(ctx, service)),
        system_controls=tuple(_system_controls(ctx, service)),
        docker_labels=dict(sorted((k, str(v)) for k, v in service.labels.items())),
    )
    if runs_on:
        _check_long_running(ctx, service, made)
    return made


def container_name(service: Service) -> str:
    """Give the name of a service's container inside its task."""
    return ecs_name(service.container_name or service.name)


def _is_essential(ctx: Context, service: Service) -> bool:
    """Whether the task ends with this container. One that others of the task await must not be: `CONTAINER_URL`."""
    if service.name in ctx.groups.inits:
        return False
    members = ctx.groups.members[ctx.groups.leaders[service.name]]
    return not any(
        d.service == service.name and d.condition == "service_completed_successfully"
        for name in members
        for d in ctx.project.services[name].depends_on
    )


_CONDITIONS = {
    "service_started": "START",
    "service_healthy": "HEALTHY",
    "service_completed_successfully": "SUCCESS",
}


def _container_dependencies(ctx: Context, service: Service) -> Iterator[ContainerDependency]:
    """`depends_on` inside a task; between tasks there is no such thing."""
    leader = ctx.groups.leaders.get(service.name)
    elsewhere = False
    for dependency in sorted(service.depends_on):
        other = ctx.project.services.get(dependency.service)
        if other is None:
            continue
        if other.name in ctx.groups.inits:
            yield ContainerDependency(container_name(other), "SUCCESS")
        elif ctx.groups.leaders[other.name] == leader:
            yield ContainerDependency(container_name(other), _condition(ctx, service, other, dependency))
        else:
            elsewhere = True
    if elsewhere:
        ctx.info(
            "C2F202",
            ("services", service.name, "depends_on"),
            "depends_on: they are deployed in this order; later, ECS starts their tasks in none",
            hint="let the service retry its connections",
            url=f"{DOCS}/ecs_services.html",
        )


def _condition(ctx: Context, service: Service, other: Service, dependency: Dependency) -> str:
    """The state that `other` has to reach. ECS can only wait for a health check that it carries out itself."""
    condition = _CONDITIONS[dependency.condition]
    if condition != "HEALTHY":
        return condition
    if _has_health_check(ctx, other):
        _report_slow_start(ctx, service, other)
        return condition
    ctx.warn(
        "C2F283",
        ("services", service.name, "depends_on"),
        f"{service.name} waits until {other.name} has started, not until it is healthy: ECS sees no health check of the image",
        hint=f"repeat the image's HEALTHCHECK as healthcheck: of {other.name}",
        url=HEALTH_CHECK_URL,
    )
    return "START"


def _report_slow_start(ctx: Context, service: Service, other: Service) -> None:
    """Warn where ECS gives up waiting before Docker's own rules would."""
    seconds = ceil((other.healthcheck and other.healthcheck.start_period) or 0)
    if seconds > DEFAULT_START_TIMEOUT:
        ctx.warn(
            "C2F507",
            ("services", other.name, "healthcheck", "start_period"),
            f"{service.name} waits for {other.name} at most {DEFAULT_START_TIMEOUT} seconds, then the task is stopped; "
            f"its start_period is {seconds} seconds",
            hint=f"give {other.name} a task of its own, or make it healthy sooner",
            url=CONTAINER_URL,
        )


def _has_health_check(ctx: Context, service: Service) -> bool:
    check, image = service.healthcheck, ctx.images.get(service.name)
    if check and check.disable:
        return False
    test = (
        check.test if check and check.test else image.healthcheck.test if image and image.healthcheck else ()
    )
    return bool(test) and test[0] != "NONE"


def _volumes_from(ctx: Context, service: Service) -> tuple[VolumeFrom, ...]:
    made = []
    for text in service.volumes_from:
        parts = text.removeprefix("container:").split(":")
        other = next(
            (s for s in ctx.project.services.values() if parts[0] in (s.name, s.container_name)), None
        )
        if other:
            made.append(VolumeFrom(container_name(other), parts[-1] == "ro"))
    return tuple(made)


def tags(ctx: Context, service: Service) -> tuple[Tag, ...]:
    """Give the tags by which everything of a project, a service and an environment is found again, and the user's own."""
    known = ctx.tags.get(service.name)
    if known is not None:
        return known
    given = {
        "compose2fargate:project": ctx.project.name,
        "compose2fargate:service": ctx.names[service.name],
    }
    if ctx.settings.environment:
        given["compose2fargate:environment"] = ctx.settings.environment
    own = {**ctx.settings.tags, **(options_of(service).get("tags") or {})}
    made = ctx.tags[service.name] = tuple(Tag(key, str(value)) for key, value in {**given, **own}.items())
    return made


def label_tags(ctx: Context, service: Service) -> tuple[Tag, ...]:
    """Give `deploy.labels` as tags; which of them are none, since AWS allows fewer characters, is reported."""
    made = tags(ctx, service)
    kept = {tag.key for tag in made}
    lost = []
    for key, value in sorted(service.deploy.labels.items()):
        tag = Tag(key, str(value))
        if is_tag(tag) and key not in kept and len(made) < MAX_TAGS:
            made = (*made, tag)
        else:
            lost.append(key)
    if lost:
        ctx.warn(
            "C2F255",
            ("services", service.name, "deploy", "labels"),
            f"{', '.join(lost)} cannot be a tag: AWS allows letters, digits, spaces and _.:/=+-@, and {MAX_TAGS} tags",
            hint="write labels: (of the container) for what a proxy or a tool reads there",
            url=f"{API}/API_Tag.html",
        )
    return made


# -- command -----------------------------------------------------------------------------------------------


def _command(ctx: Context, service: Service) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give entryPoint and command. Fargate reads an empty list as "not given", so a cleared one is spelled out."""
    image = ctx.images.get(service.name)
    entry_point, command = runtime_command(image, service.entrypoint, service.command)
    if service.entrypoint is not None and entry_point == () and command:
        return command, ()  # no entrypoint, and this command: as an entrypoint it says just that
    cleared = [key for key in ("entrypoint", "command") if getattr(service, key) == ()]
    if cleared and not entry_point and not command:
        ctx.warn(
            "C2F232",
            ("services", service.name, cleared[0]),
            f"an empty {cleared[0]} cannot be expressed on ECS: the image's own one runs",
            hint="write out the entrypoint and command that are meant to run",
            url=CONTAINER_URL,
        )
    return entry_point or (), command or ()


def _check_long_running(ctx: Context, service: Service, container: ContainerDefinition) -> None:
    known = () if container.entry_point or service.build else entrypoint_of(service.image or "")
    argv = (*known, *container.entry_point, *container.command)
    terminal = service.tty or service.stdin_open  # which keeps a shell waiting for input
    verdict = judge(argv, service.image, tty=terminal) if argv else None
    if verdict is None:
        return
    own = "build" if service.build else "image"
    key = "command" if service.command else "entrypoint" if service.entrypoint else own
    path: Path = ("services", service.name, key)
    ctx.warn(
        "C2F240",
        path,
        f"{verdict.reason}: ECS would restart the task for ever",
        hint=verdict.fix,
        url=verdict.url,
    )


# -- environment ---------------------------------------------------------------------------------------------


def _environment(ctx: Context, service: Service, secret: Collection[str]) -> tuple[KeyValue, ...]:
    """Give the variables whose values stand in the task definition: all but the `secret` ones."""
    given = []
    for name, value in sorted(service.environment.items()):
        if name in secret:
            continue
        path: Path = ("services", service.name, "environment", name)
        if value is None:
            ctx.info(
                "C2F233",
                path,
                f"{name} has no value here and is left out",
                hint=f"export {name} before converting, or add it to .env",
            )
            continue
        if is_credential(name, str(value)):
            ctx.warn(
                "C2F230",
                path,
                f"{name} looks like a credential, and stands in plain text in the task definition",
                hint=f"store it in SSM Parameter Store and write under {service.name}: "
                f"x-fargate: {{secrets: {{{name}: /{ctx.stack}/{ctx.names[service.name]}/{name}}}}}; "
                "or secrets: auto, for every variable that looks like one",
                url=f"{DOCS}/secrets-envvar-ssm-paramstore.html",
            )
        given.append(KeyValue(name, str(value)))
    return tuple(given)


# -- health, restart, stop -----------------------------------------------------------------------------------


def _health_check(ctx: Context, service: Service) -> HealthCheck | None:
    """Map compose's health check, or else the one of the Dockerfile: ECS does not look at the image's."""
    check = service.healthcheck
    image = ctx.images.get(service.name)
    built = image.healthcheck if image else None
    path: Path = ("services", service.name, "healthcheck")
    test = check.test if check and check.test else built.test if built else ()
    if (check and check.disable) or (test and test[0] == "NONE"):
        return None
    if not test:
        if check:
            ctx.warn(
                "C2F236",
                path,
                "the health check has no test of its own, and ECS does not see the image's HEALTHCHECK",
                hint="add test: with the command that the image runs",
                url=HEALTH_CHECK_URL,
            )
        return None
    if not check:
        path = ("services", service.name, "build")
        ctx.info(
            "C2F237",
            path,
            "the Dockerfile's HEALTHCHECK is repeated in the task definition, where ECS looks for it",
        )
    return _fit_health(ctx, path, test, check, built if not (check and check.test) else None)


def _fit_health(
    ctx: Context, path: Path, test: tuple[str, ...], check: model.HealthCheck | None, built: object
) -> HealthCheck:
    def asked(name: str) -> float | None:
        value = getattr(check, name, None)
        return getattr(built, name, None) if value is None else value

    def fit(name: str, default: float, allowed: Range) -> int:
        value = asked(name)
        wanted = ceil(default if not value and name != "start_period" else value or 0)
        fitted = allowed.clamp(wanted)
        if fitted != wanted or (value and value != wanted):
            ctx.warn(
                "C2F234",
                (*path, name),
                f"{name} {_plain(value)} becomes {fitted}: ECS takes whole numbers from {allowed.low} to {allowed.high}",
                hint=f"write {name}: in that range",
                url=HEALTH_CHECK_URL,
            )
        return fitted

    interval, timeout, retries = DOCKER_HEALTH
    return HealthCheck(
        command=test,
        interval=fit("interval", interval, HEALTH_INTERVAL),
        timeout=fit("timeout", timeout, HEALTH_TIMEOUT),
        retries=fit("retries", retries, HEALTH_RETRIES),
        start_period=fit("start_period", 0, HEALTH_START_PERIOD) or None,
    )


def _plain(value: float | None) -> str:
    return f"{value:g}" if value is not None else "unset"


def _restart_policy(ctx: Context, service: Service) -> ContainerRestartPolicy | None:
    """`on-failure` restarts the container inside its task; everything else is what an ECS service does anyway."""
    condition = service.deploy.restart_condition or service.restart.partition(":")[0]
    key: tuple[str, ...] = ("deploy", "restart_policy") if service.deploy.restart_condition else ("restart",)
    path: Path = ("services", service.name, *key)
    if condition in ("no", "none"):
        ctx.warn(
            "C2F235",
            path,
            f"{service.name} is a service: ECS starts a new task whenever this one ends, whatever {key[-1]} says",
            hint="if it is meant to run once, add x-fargate: {job: true}",
            url=f"{DOCS}/ecs_services.html",
        )
    if condition != "on-failure":
        return None
    window = service.deploy.restart_window
    period = RESTART_PERIOD.clamp(ceil(window)) if window else None
    return ContainerRestartPolicy(enabled=True, ignored_exit_codes=(0,), restart_attempt_period=period)


def _stop_timeout(ctx: Context, service: Service) -> int | None:
    if service.stop_grace_period is None:
        return None
    asked = ceil(service.stop_grace_period)
    fitted = STOP_TIMEOUT.clamp(asked)
    if fitted != asked:
        ctx.warn(
            "C2F238",
            ("services", service.name, "stop_grace_period"),
            f"stop_grace_period {asked} s becomes {fitted} s: Fargate waits 2 to 120 seconds",
            hint="make the service stop within 120 seconds",
            url=CONTAINER_URL,
        )
    return fitted


# -- the rest of the container -------------------------------------------------------------------------------


def _user(service: Service) -> str | None:
    """Give the user; ECS wants positive ids (`CONTAINER_URL`), so 0 is spelled `root`."""
    return {"0": "root", "0:0": "root:root"}.get(service.user, service.user) or None


def _architecture(ctx: Context, service: Service) -> str:
    """Give the processor, and refuse a platform that Fargate does not have."""
    system, _, machine = service.platform.lower().partition("/")
    known = (machine or system).split("/")[0] in ARCHITECTURES
    if service.platform and (not known or (machine and system != "linux")):
        ctx.refuse(
            "C2F239",
            ("services", service.name, "platform"),
            f"platform {service.platform} does not run on Fargate; linux/amd64 and linux/arm64 do",
            hint="build the image for linux/amd64 or linux/arm64",
            url=f"{API}/API_RuntimePlatform.html",
        )
    _report_constraints(ctx, service)
    return architecture_of(ctx, service)


def _report_constraints(ctx: Context, service: Service) -> None:
    """Say which placement constraints are lost: Fargate has no nodes to choose from, only processors."""
    for index, text in enumerate(service.deploy.constraints):
        subject = re.split(r"\s*[!=]=", text)[0].strip()
        if subject.startswith("node.platform") or subject in ("node.role", "node.hostname", "node.id"):
            continue
        ctx.warn(
            "C2F502",
            ("services", service.name, "deploy", "placement", "constraints", index),
            f"placement constraint {text!r} is lost: Fargate has no nodes with labels",
            hint="choose subnets (--subnet) or the processor (x-fargate: {architecture: ARM64}) instead",
            url=f"{DOCS}/task-placement-constraints.html",
        )


def _ephemeral_storage(ctx: Context, services: Sequence[Service]) -> EphemeralStorage | None:
    asked = storage_gib(services)
    if asked is not None and asked > EPHEMERAL_GIB.high:
        ctx.refuse(
            "C2F254",
            ("services", services[0].name),
            f"{services[0].name} asks for {asked} GiB of task storage; Fargate has at most {EPHEMERAL_GIB.high}",
            hint="put the data on a volume, or ask for less: x-fargate: {ephemeral_storage: 200}",
            url=f"{API}/API_EphemeralStorage.html",
        )
        return EphemeralStorage(EPHEMERAL_GIB.high)
    return EphemeralStorage(EPHEMERAL_GIB.clamp(asked)) if asked else None


def _credentials(ctx: Context, service: Service) -> RepositoryCredentials | None:
    """The secret for a private registry; ECR needs none, since the execution role may read it."""
    own = options_of(service).get("credentials") or x_aws.pull_credentials(service)
    if not own:
        return None
    if not str(own).startswith("arn:"):
        ctx.refuse(
            "C2F500",
            ("services", service.name, "x-fargate", "credentials"),
            f"{own!r} is no ARN: ECS reads the credentials of a registry from Secrets Manager",
            hint='aws secretsmanager create-secret --name NAME --secret-string \'{"username": …, "password": …}\'; then '
            "x-fargate: {credentials: ARN}",
            url=f"{DOCS}/private-auth.html",
        )
    return RepositoryCredentials(str(own))


def _linux_parameters(ctx: Context, service: Service, tmpfs: tuple[object, ...]) -> LinuxParameters | None:
    capabilities = KernelCapabilities(add=tuple(_added(ctx, service)), drop=_dropped(service))
    given = LinuxParameters(
        capabilities=capabilities if any(capabilities) else None,
        init_process_enabled=True if service.init else None,
        tmpfs=tmpfs,  # type: ignore[arg-type]  # typed by storage
    )
    return given if any(given) else None


def _dropped(service: Service) -> tuple[str, ...]:
    """What to drop. Fargate cannot add a default capability back, so `ALL` but for some is spelled out."""
    dropped = set(map(_capability, service.cap_drop))
    kept = set(map(_capability, service.cap_add)) & DEFAULT_CAPABILITIES
    if "ALL" in dropped and kept:
        dropped = (dropped | DEFAULT_CAPABILITIES) - kept - {"ALL"}
    return tuple(sorted(dropped))


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _added(ctx: Context, service: Service) -> Iterator[str]:
    for index, text in enumerate(service.cap_add):
        name = _capability(text)
        path: Path = ("services", service.name, "cap_add", index)
        if name in ADDABLE_CAPABILITIES:
            yield name
        elif name in DEFAULT_CAPABILITIES:
            ctx.info("C2F241", path, f"{name} is a capability that a container has unless it is dropped")
        else:
            ctx.refuse(
                "C2F242",
                path,
                f"Fargate does not add the capability {name}; SYS_PTRACE is the only one it does",
                hint=f"remove it, or run without it: --allow C2F242, or leave the service out: --without {service.name}",
                url=f"{API}/API_KernelCapabilities.html",
            )


def _ulimits(ctx: Context, service: Service) -> Iterator[Ulimit]:
    for limit in service.ulimits:
        path: Path = ("services", service.name, "ulimits", limit.name)
        if limit.name != "nofile":
            ctx.warn(
                "C2F243",
                path,
                f"ulimit {limit.name} has no effect on Fargate, which takes nofile only",
                hint="remove it, or set it in the image's entrypoint",
                url=f"{API}/API_Ulimit.html",
            )
            continue
        soft, hard = (NOFILE_MAX if v < 0 else min(v, NOFILE_MAX) for v in (limit.soft, limit.hard))
        if (soft, hard) != (limit.soft, limit.hard):
            ctx.warn(
                "C2F246",
                path,
                f"nofile becomes {soft}:{hard}, the most that Fargate allows",
                url=f"{API}/API_Ulimit.html",
            )
        yield Ulimit("nofile", soft, hard)


def _system_controls(ctx: Context, service: Service) -> Iterator[SystemControl]:
    for name, value in sorted(service.sysctls.items()):
        if SYSCTL.fullmatch(name):
            yield SystemControl(name, value)
            continue
        ctx.refuse(
            "C2F244",
            ("services", service.name, "sysctls", name),
            f"Fargate does not let a task set {name}",
            hint="for Elasticsearch's vm.max_map_count set node.store.allow_mmap=false instead; otherwise --allow C2F244",
            url=f"{API}/API_SystemControl.html",
        )
