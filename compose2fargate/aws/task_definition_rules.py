"""What ECS and Fargate refuse in a task definition and in a service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from compose2fargate.aws.api_values import BuiltImage, Ref, to_api
from compose2fargate.aws.fargate import (
    ADDABLE_CAPABILITIES,
    API,
    CONTAINER_URL,
    DOCS,
    EPHEMERAL_GIB,
    HEALTH_CHECK_URL,
    HEALTH_INTERVAL,
    HEALTH_RETRIES,
    HEALTH_START_PERIOD,
    HEALTH_TIMEOUT,
    LOG_DRIVERS,
    MAX_CONTAINERS,
    MAX_SECURITY_GROUPS,
    MAX_SUBNETS,
    MAX_TASK_DEFINITION_BYTES,
    MEMORY,
    MIN_MEMORY,
    NAME,
    NOFILE_MAX,
    PORT_NAME,
    RESTART_PERIOD,
    STOP_TIMEOUT,
    SYSCTL,
    TASK_SIZE_URL,
    Range,
)
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    ContainerHealthCheck,
    EcsService,
    LogConfiguration,
    TaskDefinition,
    TaskVolume,
)
from compose2fargate.records import NamedTuple
from compose2fargate.text.image_reference import is_digest, is_image_tag, is_reference


class Violation(NamedTuple):
    """A rule of Fargate that a resource breaks; `member` is the API's path to the value."""

    member: str
    message: str
    url: str


def violations(definition: TaskDefinition) -> list[Violation]:
    """Check a task definition against the rules that neither linters nor the AWS CLI check.

    An empty list means that Fargate would run it, as far as can be told without an account.
    """
    return [
        *_task_rules(definition),
        *(
            violation._replace(member=f"containerDefinitions[{index}].{violation.member}")
            for index, container in enumerate(definition.container_definitions)
            for rule in _CONTAINER_RULES
            for violation in rule(container)
        ),
        *_reference_rules(definition),
    ]


def _task_rules(definition: TaskDefinition) -> Iterator[Violation]:
    if not NAME.fullmatch(definition.family):
        yield Violation("family", f"{definition.family!r} is not a valid family name", CONTAINER_URL)
    if whole_number(definition.memory) not in MEMORY.get(whole_number(definition.cpu), ()):
        yield Violation(
            "memory", f"cpu {definition.cpu} cannot be combined with {definition.memory} MiB", TASK_SIZE_URL
        )
    containers = definition.container_definitions
    if not 1 <= len(containers) <= MAX_CONTAINERS:
        yield Violation(
            "containerDefinitions", f"{len(containers)} containers; 1 to 10 are allowed", CONTAINER_URL
        )
    if not any(c.essential for c in containers):
        yield Violation("containerDefinitions", "no container is essential", CONTAINER_URL)
    for member, total, limit in (
        ("cpu", sum(c.cpu or 0 for c in containers), whole_number(definition.cpu)),
        (
            "memory",
            sum(c.memory or c.memory_reservation or 0 for c in containers),
            whole_number(definition.memory),
        ),
    ):
        if total > limit:
            yield Violation(member, f"the containers request {total} of {limit}", TASK_SIZE_URL)
    storage = definition.ephemeral_storage
    if storage and storage.size_in_gib != EPHEMERAL_GIB.clamp(storage.size_in_gib):
        yield Violation("ephemeralStorage.sizeInGiB", "must be 21 to 200", f"{API}/API_EphemeralStorage.html")
    yield from _mode_rules(definition)
    if sum(map(_text_size, containers)) > MAX_TASK_DEFINITION_BYTES // 4:  # else it is far below
        size = serialized_size(definition)
        if size > MAX_TASK_DEFINITION_BYTES:
            message = f"{size} bytes as JSON; {MAX_TASK_DEFINITION_BYTES} are allowed, environment, labels and commands included"
            yield Violation("containerDefinitions", message, f"{DOCS}/service-quotas.html")
    yield from _volume_rules(definition)


def _mode_rules(definition: TaskDefinition) -> Iterator[Violation]:
    if definition.network_mode != "awsvpc" or definition.requires_compatibilities != ("FARGATE",):
        yield Violation(
            "networkMode", "Fargate needs awsvpc and FARGATE", f"{DOCS}/fargate-tasks-services.html"
        )
    if definition.pid_mode not in (None, "task"):
        yield Violation(
            "pidMode", "task is the only one on Fargate", f"{API}/API_RegisterTaskDefinition.html"
        )


def serialized_size(definition: TaskDefinition) -> int:
    """Give the bytes that a task definition takes as compact JSON; a link counts as a long ARN."""
    import json

    text = json.dumps(to_api(definition, lambda _: "x" * 100), separators=(",", ":"), ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))


def _volume_rules(definition: TaskDefinition) -> Iterator[Violation]:
    url = f"{API}/API_Volume.html"
    names = [volume.name for volume in definition.volumes]
    if len(names) != len(set(names)):
        yield Violation("volumes", "two volumes have the same name", url)
    for volume in definition.volumes:
        if not NAME.fullmatch(volume.name):
            yield Violation("volumes", f"{volume.name!r} is not a valid volume name", url)
        yield from _efs_rules(volume)
    if sum(1 for volume in definition.volumes if volume.configured_at_launch) > 1:
        yield Violation("volumes", "one volume can be configured at launch", url)


def _efs_rules(volume: TaskVolume) -> Iterator[Violation]:
    """What goes together in an EFS volume: API_EFSVolumeConfiguration."""
    efs = volume.efs_volume_configuration
    if efs is None:
        return
    url = f"{API}/API_EFSVolumeConfiguration.html"
    authorized = efs.authorization_config
    if authorized and authorized.access_point_id and efs.root_directory not in (None, "/"):
        yield Violation("volumes", f"{volume.name}: an access point cannot have a root directory", url)
    if authorized and efs.transit_encryption != "ENABLED":
        yield Violation("volumes", f"{volume.name}: an access point and IAM require transit encryption", url)


def whole_number(text: str) -> int:
    """Read a size; what a patch made something else of is no size that there is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _text_size(container: ContainerDefinition) -> int:
    """The characters that the user's own texts take: without them a task definition is far below the limit."""
    pairs = (*container.environment, *container.docker_labels.items())
    words = (*container.entry_point, *container.command)
    return sum(len(name) + len(str(value)) for name, value in pairs) + sum(map(len, words))


def _names(container: ContainerDefinition) -> Iterator[Violation]:
    if not NAME.fullmatch(container.name):
        yield Violation("name", f"{container.name!r} is not a valid container name", CONTAINER_URL)
    for port in container.port_mappings:
        if port.name is not None and not PORT_NAME.fullmatch(port.name):
            yield Violation(
                "portMappings", f"{port.name!r} is not a valid port name", f"{API}/API_PortMapping.html"
            )


def _memory(container: ContainerDefinition) -> Iterator[Violation]:
    for member, value in (("memory", container.memory), ("memoryReservation", container.memory_reservation)):
        if value is not None and value < MIN_MEMORY:
            yield Violation(
                member, f"{value} MiB is less than Docker's minimum of {MIN_MEMORY}", CONTAINER_URL
            )
    if container.memory and container.memory_reservation and container.memory <= container.memory_reservation:
        yield Violation("memoryReservation", "must be less than memory", CONTAINER_URL)


def _ports(container: ContainerDefinition) -> Iterator[Violation]:
    url = f"{API}/API_PortMapping.html"
    seen: set[int] = set()
    for port in container.port_mappings:
        if not 1 <= port.container_port <= 65535:
            yield Violation("portMappings", f"{port.container_port} is not a port", url)
        if port.container_port in seen:
            yield Violation("portMappings", f"port {port.container_port} is exposed twice", url)
        seen.add(port.container_port)


def _health(container: ContainerDefinition) -> Iterator[Violation]:
    check = container.health_check
    if check is None:
        return
    if not check.command or check.command[0] not in ("CMD", "CMD-SHELL"):
        yield Violation("healthCheck.command", "must start with CMD or CMD-SHELL", HEALTH_CHECK_URL)
    for member, value, allowed in _health_ranges(check):
        if value is not None and value != allowed.clamp(value):
            yield Violation(
                f"healthCheck.{member}", f"must be {allowed.low} to {allowed.high}", HEALTH_CHECK_URL
            )


def _health_ranges(check: ContainerHealthCheck) -> tuple[tuple[str, int | None, Range], ...]:
    return (
        ("interval", check.interval, HEALTH_INTERVAL),
        ("timeout", check.timeout, HEALTH_TIMEOUT),
        ("retries", check.retries, HEALTH_RETRIES),
        ("startPeriod", check.start_period, HEALTH_START_PERIOD),
    )


def _linux(container: ContainerDefinition) -> Iterator[Violation]:
    linux = container.linux_parameters
    if linux and linux.capabilities:
        for name in set(linux.capabilities.add) - ADDABLE_CAPABILITIES:
            yield Violation("linuxParameters.capabilities.add", f"{name} cannot be added", CONTAINER_URL)
    for limit in container.ulimits:
        if limit.name != "nofile" or not 0 <= limit.soft_limit <= limit.hard_limit <= NOFILE_MAX:
            yield Violation("ulimits", f"{limit.name} {limit.soft_limit}:{limit.hard_limit}", CONTAINER_URL)
    for control in container.system_controls:
        if not SYSCTL.fullmatch(control.namespace):
            yield Violation(
                "systemControls", f"{control.namespace} cannot be set", f"{API}/API_SystemControl.html"
            )


def _lifecycle(container: ContainerDefinition) -> Iterator[Violation]:
    for member, value in (("stopTimeout", container.stop_timeout), ("startTimeout", container.start_timeout)):
        if value is not None and value != STOP_TIMEOUT.clamp(value):
            yield Violation(member, "must be 2 to 120 seconds", CONTAINER_URL)
    policy = container.restart_policy
    period = policy.restart_attempt_period if policy else None
    if period is not None and period != RESTART_PERIOD.clamp(period):
        yield Violation("restartPolicy.restartAttemptPeriod", "must be 60 to 1800 seconds", CONTAINER_URL)
    log = container.log_configuration
    if log:
        yield from _log(log)


LOG_URL = f"{API}/API_LogConfiguration.html"
_LOG_OPTIONS = {
    "awslogs": ("awslogs-group", "awslogs-region", "awslogs-stream-prefix"),
    "splunk": ("splunk-url",),
}
"""What a driver cannot do without; on Fargate the stream prefix is one of them: `LOG_URL`."""


def _log(log: LogConfiguration) -> Iterator[Violation]:
    if log.log_driver not in LOG_DRIVERS:
        yield Violation("logConfiguration.logDriver", f"Fargate does not support {log.log_driver}", LOG_URL)
    for name in _LOG_OPTIONS.get(log.log_driver, ()):
        if name not in log.options:
            yield Violation("logConfiguration.options", f"{log.log_driver} needs {name}", LOG_URL)
    if log.log_driver == "splunk" and "splunk-token" not in {s.name for s in log.secret_options}:
        yield Violation("logConfiguration.secretOptions", "splunk requires splunk-token", LOG_URL)
    if log.options.get("mode", "non-blocking") not in ("blocking", "non-blocking"):
        yield Violation("logConfiguration.options", "mode is blocking or non-blocking", LOG_URL)
    if {"awslogs-datetime-format", "awslogs-multiline-pattern"} <= set(log.options):
        yield Violation(
            "logConfiguration.options",
            "a datetime format and a multiline pattern are mutually exclusive",
            LOG_URL,
        )
    if log.options.get("mode") == "blocking" and "max-buffer-size" in log.options:
        yield Violation("logConfiguration.options", "max-buffer-size requires mode non-blocking", LOG_URL)


def _image(container: ContainerDefinition) -> Iterator[Violation]:
    image = container.image
    if isinstance(image, BuiltImage):
        if not is_image_tag(image.tag) or (image.digest and not is_digest(image.digest)):
            yield Violation(
                "image", f"{image.tag!r} is not a tag, or {image.digest!r} is not a digest", CONTAINER_URL
            )
    elif not is_reference(str(image)):
        yield Violation("image", f"{image!r} is not an image reference", CONTAINER_URL)


def _variables(container: ContainerDefinition) -> Iterator[Violation]:
    names = [pair.name for pair in container.environment] + [secret.name for secret in container.secrets]
    if len(names) != len(set(names)):
        twice = sorted({name for name in names if names.count(name) > 1})
        yield Violation("environment", f"{', '.join(twice)} is given twice", CONTAINER_URL)
    if not all(names):
        yield Violation("environment", "a variable has no name", CONTAINER_URL)


def _mounts(container: ContainerDefinition) -> Iterator[Violation]:
    linux = container.linux_parameters
    paths = [mount.container_path for mount in container.mount_points]
    paths += [tmpfs.container_path for tmpfs in (linux.tmpfs if linux else ())]
    for path in paths:
        if not path.startswith("/"):
            yield Violation("mountPoints", f"{path!r} is not an absolute path", f"{API}/API_MountPoint.html")
    if len(paths) != len(set(paths)):
        yield Violation(
            "mountPoints", "two volumes are mounted at the same path", f"{API}/API_MountPoint.html"
        )
    for tmpfs in linux.tmpfs if linux else ():
        if tmpfs.size < 1:
            yield Violation(
                "linuxParameters.tmpfs", "a size of at least 1 MiB is needed", f"{API}/API_Tmpfs.html"
            )


MAX_IGNORED_EXIT_CODES = 50
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html"""


def _restarts(container: ContainerDefinition) -> Iterator[Violation]:
    policy = container.restart_policy
    if policy and len(policy.ignored_exit_codes) > MAX_IGNORED_EXIT_CODES:
        url = f"{API}/API_ContainerRestartPolicy.html"
        yield Violation("restartPolicy.ignoredExitCodes", "at most 50 exit codes", url)


_CONTAINER_RULES: tuple[Callable[[ContainerDefinition], Iterable[Violation]], ...] = (
    _names, _memory, _ports, _health, _linux, _lifecycle, _image, _variables, _mounts, _restarts,
)  # fmt: skip


def _reference_rules(definition: TaskDefinition) -> Iterator[Violation]:
    """Names inside a task definition that point to nothing: AWS refuses them, no linter does."""
    volumes = {volume.name for volume in definition.volumes}
    containers = {container.name: container for container in definition.container_definitions}
    if len(containers) != len(definition.container_definitions):
        yield Violation("containerDefinitions", "two containers have the same name", CONTAINER_URL)
    for container in definition.container_definitions:
        for mount in container.mount_points:
            if mount.source_volume not in volumes:
                yield Violation("mountPoints", f"there is no volume {mount.source_volume!r}", CONTAINER_URL)
        for dependency in container.depends_on:
            yield from _dependency(dependency, containers.get(dependency.container_name))
    if len(containers) <= MAX_CONTAINERS:
        yield from _circles(containers)
    ports = [p.container_port for c in definition.container_definitions for p in c.port_mappings]
    if len(ports) != len(set(ports)):
        yield Violation("portMappings", "two containers of a task listen on the same port", CONTAINER_URL)


def _dependency(dependency: ContainerDependency, target: ContainerDefinition | None) -> Iterator[Violation]:
    if target is None:
        yield Violation("dependsOn", f"there is no container {dependency.container_name!r}", CONTAINER_URL)
    elif dependency.condition in ("COMPLETE", "SUCCESS") and target.essential:
        yield Violation("dependsOn", f"{target.name} is essential and cannot be awaited", CONTAINER_URL)
    elif dependency.condition == "HEALTHY" and target.health_check is None:
        yield Violation("dependsOn", f"{target.name} has no health check", CONTAINER_URL)
    elif dependency.condition == "HEALTHY" and _is_too_slow(target):
        yield Violation("startTimeout", f"{target.name} gives up before it can be healthy", CONTAINER_URL)


DEFAULT_START_TIMEOUT = 180
"""Seconds that ECS waits for an awaited container which has no startTimeout:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_dependson"""


def _is_too_slow(target: ContainerDefinition) -> bool:
    """Whether a container's first health check comes after those who wait for it have given up."""
    check, limit = target.health_check, target.start_timeout
    return check is not None and limit is not None and check.interval > limit


_STATES = frozenset({"START", "COMPLETE", "SUCCESS", "HEALTHY"})


def _circles(containers: Mapping[str, ContainerDefinition]) -> Iterator[Violation]:
    """Names and circles in what containers wait for: API_ContainerDependency."""
    waits = {
        name: {d.container_name for d in container.depends_on if d.container_name in containers}
        for name, container in containers.items()
    }
    for container in containers.values():
        for source in container.volumes_from:
            if source.source_container not in containers:
                yield Violation(
                    "volumesFrom", f"there is no container {source.source_container!r}", CONTAINER_URL
                )
        for dependency in container.depends_on:
            if dependency.condition not in _STATES:
                yield Violation("dependsOn", f"{dependency.condition} is not a condition", CONTAINER_URL)
    while free := [name for name, others in waits.items() if not others & set(waits)]:
        for name in free:
            del waits[name]
    if waits:
        yield Violation("dependsOn", f"{', '.join(sorted(waits))} wait for each other", CONTAINER_URL)


def service_violations(service: EcsService) -> list[Violation]:
    """Check a service against the rules of CreateService that depend on no other resource."""
    url = f"{API}/API_CreateService.html"
    network = service.network_configuration.awsvpc_configuration
    found = []
    if not NAME.fullmatch(service.service_name):
        found.append(Violation("serviceName", f"{service.service_name!r} is not a valid service name", url))
    subnets = () if isinstance(network.subnets, Ref) else network.subnets
    if len(subnets) > MAX_SUBNETS or len(network.security_groups) > MAX_SECURITY_GROUPS:
        found.append(Violation("networkConfiguration", "at most 16 subnets and 5 security groups", url))
    percent = service.deployment_configuration
    if percent.maximum_percent == percent.minimum_healthy_percent == 100:
        found.append(
            Violation("deploymentConfiguration", "100 and 100 percent leave no room for a deployment", url)
        )
    return found
