"""One compose service to one container, and the task definition around it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil
from operator import itemgetter

from compose2fargate.aws.api_values import KeyValue, Ref
from compose2fargate.aws.fargate import (
    API,
    CONTAINER_URL,
    DOCS,
    EPHEMERAL_GIB,
    RESTART_PERIOD,
    STOP_TIMEOUT,
    Size,
)
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    ContainerRestartPolicy,
    EphemeralStorage,
    PortMapping,
    RepositoryCredentials,
    RuntimePlatform,
    Statement,
    SystemControl,
    TaskDefinition,
    TaskVolume,
    VolumeFrom,
)
from compose2fargate.compose.dockerfile.image_config import ImageConfig, runtime_command
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.access.plain_credentials import report_plain_variable
from compose2fargate.mapping.access.secrets import secret_variables
from compose2fargate.mapping.commands.command_lifetime import entrypoint_of, judge_command, judge_image
from compose2fargate.mapping.containers.container_dependencies import (
    container_dependencies,
    container_name,
    is_essential,
)
from compose2fargate.mapping.containers.engine_defaults import host_name, low_ports
from compose2fargate.mapping.containers.health_checks import container_health_check
from compose2fargate.mapping.containers.linux_parameters import (
    container_ulimits,
    linux_parameters,
    system_controls,
)
from compose2fargate.mapping.containers.logging import ROUTER_MIB, log_configuration, log_router, needs_router
from compose2fargate.mapping.containers.pre_start import hooks_after
from compose2fargate.mapping.containers.sizing import (
    ARCHITECTURES,
    NOTHING_ASKED,
    SizeDemand,
    architecture_of,
    size_demand,
    size_task,
    storage_gib,
    task_share,
)
from compose2fargate.mapping.containers.tags import label_tags
from compose2fargate.mapping.files.file_delivery import FileDelivery, deliver_files
from compose2fargate.mapping.images.image_catalogue import reference_of
from compose2fargate.mapping.images.image_references import image_of
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.network.service_connect import port_mappings
from compose2fargate.mapping.storage.efs import efs_statements, runs_as
from compose2fargate.mapping.storage.volume_preparation import prepare_volumes
from compose2fargate.mapping.storage.volumes import ServiceStorage, check_shared_memory, map_storage
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.lazy_patterns import lazy_pattern


class MappedTask(NamedTuple):
    """A task definition, the services of its containers in order, and their ports for an ECS service around it."""

    definition: TaskDefinition
    services: tuple[Service, ...]
    ports: Mapping[str, tuple[PortMapping, ...]]
    statements: tuple[Statement, ...] = ()
    """What the containers have to be allowed beyond what the file asks for, for example to mount a file system."""


def map_task(ctx: TranslationInput, findings: TranslationFindings, leader: Service) -> MappedTask:
    """Map a service, its sidecars and the init containers they wait for to the task definition that runs them."""
    services = [ctx.project.services[name] for name in ctx.groups.members[leader.name]]
    inits = _inits(ctx, services)
    stores = {service.name: map_storage(ctx, findings, service) for service in (*inits, *services)}
    ports = {
        service.name: tuple(sorted(port_mappings(ctx, findings, service), key=itemgetter(0)))
        for service in services
    }
    is_job = leader.name in ctx.jobs
    parts = [task_share(ctx.images, service, stores[service.name].tmpfs_mib) for service in services]
    routed = needs_router(ctx.settings, services)
    size = size_task(ctx, findings, parts, connected=not is_job, extra_mib=ROUTER_MIB if routed else 0)
    made = {
        service.name: _map_container(
            ctx, findings, service, size, stores[service.name], ports.get(service.name, ())
        )
        for service in (*inits, *services)
    }
    containers, writers = _prepare_containers(ctx, findings, (*inits, *services), made, stores)
    check_shared_memory(findings, services, size.memory)
    definition = TaskDefinition(
        family=ecs_name(f"{ctx.stack}-{ctx.names[leader.name]}"),
        cpu=str(size.cpu),
        memory=str(size.memory),
        container_definitions=(
            *containers,
            *(delivery.container for delivery in writers),
            *((log_router(ctx, findings, leader),) if routed else ()),
        ),
        execution_role_arn=Ref("execution-role", "arn"),
        task_role_arn=Ref(f"task-role/{ctx.names[leader.name]}", "arn"),
        pid_mode="task" if any(service.pid.startswith("service:") for service in services) else None,
        runtime_platform=RuntimePlatform(_architecture(ctx.settings, findings, leader)),
        ephemeral_storage=_ephemeral_storage(findings, services),
        volumes=_volumes(stores.values(), writers),
        tags=label_tags(ctx, findings, leader) if is_job else ctx.tags[leader.name],
    )
    return MappedTask(definition, (*inits, *services), ports, efs_statements(ctx, (*inits, *services)))


def _prepare_containers(
    ctx: TranslationInput,
    findings: TranslationFindings,
    services: Sequence[Service],
    containers: Mapping[str, ContainerDefinition],
    stores: Mapping[str, ServiceStorage],
) -> tuple[Iterable[ContainerDefinition], Sequence[FileDelivery]]:
    """Let containers wait for those that write their files and prepare their volumes; give the latter as well."""
    waiting: list[ContainerDefinition] = []
    writers: list[FileDelivery] = []
    prepared: dict[str, tuple[ContainerDependency, ...]] = {}
    for service in services:
        made = containers[service.name]
        delivery = deliver_files(ctx, findings, service, made.log_configuration)
        preparing = list(prepare_volumes(ctx, findings, service, stores[service.name], made))
        prepared[service.name] = tuple(each.dependency for each in preparing)
        before = [*([delivery] if delivery else []), *preparing]
        waiting.append(_after(made, before))
        writers.extend(before)
    return hooks_after(ctx, services, waiting, prepared), writers


def _after(made: ContainerDefinition, before: Iterable[FileDelivery]) -> ContainerDefinition:
    """Let a container wait for those that prepare its files and volumes, and see what they write."""
    return made._replace(
        depends_on=(*made.depends_on, *(each.dependency for each in before)),
        mount_points=(*made.mount_points, *(point for each in before for point in each.mount_points)),
    )


def _inits(ctx: TranslationInput, services: Sequence[Service]) -> list[Service]:
    """The init containers that these services wait for, and those wait for, each once, in the order of their names."""
    names: set[str] = set()
    waiting = list(services)
    while waiting:
        found = {d.service for d in waiting.pop().depends_on if d.service in ctx.groups.inits} - names
        names |= found
        waiting.extend(ctx.project.services[name] for name in found)
    return [ctx.project.services[name] for name in sorted(names)]


def _volumes(stores: Iterable[ServiceStorage], writers: Iterable[FileDelivery]) -> tuple[TaskVolume, ...]:
    """All volumes of a task, each once: containers share a volume by its name."""
    shared = {volume.name: volume for store in stores for volume in store.volumes}
    return (*shared.values(), *(volume for delivery in writers for volume in delivery.volumes))


def _map_container(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    size: Size,
    mapped: ServiceStorage,
    ports: tuple[PortMapping, ...],
) -> ContainerDefinition:
    """Map one service to a container of a task of `size`."""
    secrets = secret_variables(ctx, service)
    entry_point, command = _command(ctx.images, findings, service)
    runs_on = service.name not in ctx.jobs and service.name not in ctx.groups.inits
    made = ContainerDefinition(
        name=container_name(service),
        image=image_of(ctx, findings, service),
        repository_credentials=_credentials(findings, service),
        essential=is_essential(ctx, service),
        entry_point=entry_point,
        command=command,
        working_directory=service.working_dir or None,
        user=_user(ctx.images, service, mapped),
        system_controls=_kernel(ctx, findings, service, ports),
        environment=_environment(ctx, findings, service, {secret.name for secret in secrets}),
        secrets=secrets,
        port_mappings=ports,
        mount_points=mapped.mount_points,
        volumes_from=_volumes_from(ctx.project, service),
        depends_on=tuple(container_dependencies(ctx, findings, service)),
        health_check=container_health_check(ctx, findings, service),
        log_configuration=log_configuration(ctx, findings, service),
        linux_parameters=linux_parameters(findings, service, mapped.tmpfs),
        restart_policy=_restart_policy(findings, service) if runs_on else None,
        stop_timeout=_stop_timeout(findings, service),
        ulimits=tuple(container_ulimits(findings, service)),
        docker_labels=dict(sorted((k, str(v)) for k, v in service.labels.items())),
    )
    if runs_on:
        _check_long_running(ctx.images, findings, service, made)
    return _with_flags(_within(made, size_demand(service), size), service)


def _kernel(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, ports: tuple[PortMapping, ...]
) -> tuple[SystemControl, ...]:
    """What the file asks the kernel for, and what Docker does for ports below 1024."""
    return (*system_controls(ctx.images, findings, service), *low_ports(ctx, findings, service, ports))


def _within(made: ContainerDefinition, asked: SizeDemand, size: Size) -> ContainerDefinition:
    """Never ask for more than the task has, which is less than what was asked only where that was refused."""
    if asked == NOTHING_ASKED:
        return made
    return made._replace(
        cpu=asked.cpu and min(asked.cpu, size.cpu),
        memory=asked.memory and min(asked.memory, size.memory),
        memory_reservation=asked.reservation and min(asked.reservation, size.memory),
    )


def _with_flags(made: ContainerDefinition, service: Service) -> ContainerDefinition:
    if not (service.read_only or service.stdin_open or service.tty):
        return made
    return made._replace(
        readonly_root_filesystem=True if service.read_only else None,
        interactive=True if service.stdin_open else None,
        pseudo_terminal=True if service.tty else None,
    )


def _volumes_from(project: Project, service: Service) -> tuple[VolumeFrom, ...]:
    made = []
    for text in service.volumes_from:
        parts = text.removeprefix("container:").split(":")
        other = next((s for s in project.services.values() if parts[0] in (s.name, s.container_name)), None)
        if other:
            made.append(VolumeFrom(container_name(other), parts[-1] == "ro"))
    return tuple(made)


# -- command -----------------------------------------------------------------------------------------------


def _command(
    images: Mapping[str, ImageConfig], findings: TranslationFindings, service: Service
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give entryPoint and command. Fargate reads an empty list as "not given", so a cleared one is spelled out."""
    image = images.get(service.name)
    entry_point, command = runtime_command(image, service.entrypoint, service.command)
    if service.entrypoint is not None and entry_point == () and command:
        return command, ()  # no entrypoint, and this command: as an entrypoint it says just that
    cleared = [key for key in ("entrypoint", "command") if getattr(service, key) == ()]
    if cleared and not entry_point and not command:
        findings.warn(
            "C2F232",
            ("services", service.name, cleared[0]),
            f"ECS cannot clear the {cleared[0]}: the image's own runs",
            hint="write out the entrypoint and command that are meant to run",
            url=CONTAINER_URL,
        )
    return entry_point or (), command or ()


def _check_long_running(
    images: Mapping[str, ImageConfig],
    findings: TranslationFindings,
    service: Service,
    container: ContainerDefinition,
) -> None:
    image = reference_of(service, images)
    known = () if container.entry_point else entrypoint_of(image)
    argv = (*known, *container.entry_point, *container.command)
    terminal = service.tty or service.stdin_open  # which keeps a shell waiting for input
    restart = (service.deploy.restart_condition or service.restart).partition(":")[0]
    once = restart in ("", "on-failure")  # that "no" is lost is told at its own line
    verdict = judge_command(argv, image, tty=terminal, once=once) if argv else None
    if verdict is None and not container.entry_point:
        verdict = judge_image(image)
    if verdict is None:
        return
    own = "build" if service.build else "image"
    key = "command" if service.command else "entrypoint" if service.entrypoint else own
    path: Path = ("services", service.name, key)
    tell = findings.refuse if verdict.is_certain else findings.warn
    out = f"; or leave it out: --without {shlex.quote(service.name)}; or accept this: --allow C2F240"
    tell(
        "C2F240",
        path,
        f"{verdict.reason}: ECS would restart the task forever",
        hint=f"{verdict.fix}{out if verdict.is_certain else ''}",
        url=verdict.url,
    )


# -- environment ---------------------------------------------------------------------------------------------


def _environment(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, secret: Collection[str]
) -> tuple[KeyValue, ...]:
    """Give the variables whose values stand in the task definition: all but the `secret` ones."""
    given = []
    for name, value in sorted(service.environment.items()):
        if name in secret:
            continue
        path: Path = ("services", service.name, "environment", name)
        if value is None:
            findings.info(
                "C2F233",
                path,
                f"{name} has no value here and is left out",
                hint=f"export {shlex.quote(name)} before converting, or add it to .env",
            )
            continue
        report_plain_variable(ctx, findings, service, name, str(value))
        given.append(KeyValue(name, str(value)))
    return (*given, *host_name(ctx.images, findings, service))


def _restart_policy(findings: TranslationFindings, service: Service) -> ContainerRestartPolicy | None:
    """`on-failure` restarts the container inside its task; everything else is what an ECS service does anyway."""
    condition = service.deploy.restart_condition or service.restart.partition(":")[0]
    key: tuple[str, ...] = ("deploy", "restart_policy") if service.deploy.restart_condition else ("restart",)
    path: Path = ("services", service.name, *key)
    if condition in ("no", "none"):
        findings.warn(
            "C2F235",
            path,
            f"{service.name} is a service: ECS starts a new task whenever one ends, regardless of {key[-1]}",
            hint="if it is meant to run once, add x-fargate: {job: true}",
            url=f"{DOCS}/ecs_services.html",
        )
    if condition != "on-failure":
        return None
    window = service.deploy.restart_window
    period = RESTART_PERIOD.clamp(ceil(window)) if window else None
    return ContainerRestartPolicy(enabled=True, ignored_exit_codes=(0,), restart_attempt_period=period)


def _stop_timeout(findings: TranslationFindings, service: Service) -> int | None:
    if service.stop_grace_period is None:
        return None
    asked = ceil(service.stop_grace_period)
    fitted = STOP_TIMEOUT.clamp(asked)
    if fitted != asked:
        findings.warn(
            "C2F238",
            ("services", service.name, "stop_grace_period"),
            f"stop_grace_period {asked} s becomes {fitted} s: Fargate waits 2 to 120 seconds",
            hint="make the service stop within 120 seconds",
            url=CONTAINER_URL,
        )
    return fitted


# -- the rest of the container -------------------------------------------------------------------------------


def _user(images: Mapping[str, ImageConfig], service: Service, mapped: ServiceStorage) -> str | None:
    """Give the user; ECS wants positive ids (`CONTAINER_URL`), so 0 is spelled `root`.

    The owner of an EBS volume is the user that the definition says, and not the image's, which is repeated for that: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ebs-volumes.html.
    """
    said = {"0": "root", "0:0": "root:root"}.get(service.user, service.user)
    on_ebs = any(volume.configured_at_launch for volume in mapped.volumes)
    known = runs_as(images, service) if on_ebs and not said else None
    return said or (str(known) if known else None)


def _architecture(settings: Settings, findings: TranslationFindings, service: Service) -> str:
    """Give the processor, and refuse a platform that Fargate does not have."""
    system, _, machine = service.platform.lower().partition("/")
    known = (machine or system).split("/")[0] in ARCHITECTURES
    if service.platform and (not known or (machine and system != "linux")):
        findings.refuse(
            "C2F239",
            ("services", service.name, "platform"),
            f"Fargate does not support platform {service.platform}; it supports linux/amd64 and linux/arm64",
            hint="build the image for linux/amd64 or linux/arm64",
            url=f"{API}/API_RuntimePlatform.html",
        )
    _report_constraints(findings, service)
    return architecture_of(settings, service)


def _report_constraints(findings: TranslationFindings, service: Service) -> None:
    """Say which placement constraints are lost: Fargate has no nodes to choose from, only processors."""
    for index, text in enumerate(service.deploy.constraints):
        subject = re.split("[!=]=", text, maxsplit=1)[0].strip()
        if subject.startswith("node.platform") or subject in ("node.role", "node.hostname", "node.id"):
            continue
        findings.warn(
            "C2F502",
            ("services", service.name, "deploy", "placement", "constraints", index),
            f"placement constraint {text!r} has no effect: Fargate has no nodes with labels",
            hint="choose subnets (--subnet) or the processor (x-fargate: {architecture: ARM64}) instead",
            url=f"{DOCS}/task-placement-constraints.html",
        )


def _ephemeral_storage(findings: TranslationFindings, services: Sequence[Service]) -> EphemeralStorage | None:
    asked = storage_gib(services)
    if asked is not None and asked > EPHEMERAL_GIB.high:
        findings.refuse(
            "C2F254",
            ("services", services[0].name),
            f"{services[0].name} requests {asked} GiB of task storage; Fargate provides at most {EPHEMERAL_GIB.high}",
            hint="put the data on a volume, or request less: x-fargate: {ephemeral_storage: 200}",
            url=f"{API}/API_EphemeralStorage.html",
        )
        return EphemeralStorage(EPHEMERAL_GIB.high)
    return EphemeralStorage(EPHEMERAL_GIB.clamp(asked)) if asked else None


_SECRET_OF_A_REGISTRY = lazy_pattern(
    r"arn:[^:\s]+:(?:secretsmanager|ssm):[^:\s]*:[^:\s]*:\S+|(?!arn:)[A-Za-z0-9/_+=.@-]{1,512}"
)


def _is_secret_of_a_registry(text: str) -> bool:
    """Tell whether a text can name the secret with a registry's credentials: an ARN, or a name in the same region.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html
    """
    return _SECRET_OF_A_REGISTRY.fullmatch(text) is not None


def _credentials(findings: TranslationFindings, service: Service) -> RepositoryCredentials | None:
    """The secret for a private registry; ECR needs none, since the execution role may read it."""
    named = options_of(service).get("credentials")
    own, where = (
        (named, ("x-fargate", "credentials"))
        if named
        else (x_aws.pull_credentials(service), ("x-aws-pull_credentials",))
    )
    if not own:
        return None
    if not _is_secret_of_a_registry(str(own)):
        findings.refuse(
            "C2F500",
            ("services", service.name, *where),
            f"{own!r} is neither the ARN nor the name of a secret: ECS reads the credentials of a registry from Secrets Manager",
            hint='aws secretsmanager create-secret --name NAME --secret-string \'{"username": …, "password": …}\'; then '
            "x-fargate: {credentials: NAME}",
            url=f"{DOCS}/private-auth.html",
        )
        return None
    return RepositoryCredentials(str(own))
