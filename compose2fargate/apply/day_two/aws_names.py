"""Where the services of a compose file are in AWS: names only, taken from the stack; nothing is asked.

People say `web`; AWS has a cluster, a service, a family, a container and log streams. Day-two commands begin here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    ContainerDefinition,
    EcsService,
    Listener,
    ListenerRule,
    LoadBalancer,
    RunTask,
    Schedule,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic, Severity, UsageError
from compose2fargate.records import NamedTuple
from compose2fargate.text.nearest import nearest


class StateFindingError(Compose2FargateError):
    """Something in AWS is not as it has to be for what was asked: exit code 1."""

    exit_code = 1


class DeployedService(NamedTuple):
    """A service of the compose file that has a task definition of its own.

    Attributes:
        service: The name in the compose file.
        cluster: The cluster's name.
        name: The name of the ECS service; "" for a job.
        family: The family of its task definition.
        container: The container that the service itself became.
        job: Whether it runs to its end.
        schedule: The name of its schedule; "" for none.
        definition: Logical id of its task definition.
    """

    service: str
    cluster: str
    name: str
    family: str
    container: str
    job: bool = False
    schedule: str = ""
    definition: str = ""


class LogSource(NamedTuple):
    """Where a container of a service writes its log: streams `PREFIX/CONTAINER/TASK` of a group."""

    service: str
    group: str
    prefix: str
    container: str

    @property
    def streams(self) -> str:
        """What the names of its streams begin with."""
        return f"{self.prefix}/{self.container}/"


def deployed_services(stack: Stack) -> dict[str, DeployedService]:
    """Give the services and jobs of a stack by their compose name, in the order of the stack."""
    schedules = {stack.origins[node]: s.name for node, s in stack.of_type(Schedule) if node in stack.origins}
    found: dict[str, DeployedService] = {}
    for kind in (EcsService, RunTask):
        for node, resource in stack.of_type(kind):
            service = stack.origins.get(node, node.partition("/")[2])
            found[service] = _place(stack, service, resource, schedules.get(service, ""))
    return found


def _place(stack: Stack, service: str, resource: Any, schedule: str) -> DeployedService:
    definition = resource.task_definition
    node = definition.logical_id if isinstance(definition, Ref) else ""
    task: Any = stack.resources.get(node)
    container = _main_container(task, service).name if isinstance(task, TaskDefinition) else service
    family = name_of(stack, definition).rpartition("/")[2].partition(":")[0]
    return DeployedService(
        service,
        name_of(stack, resource.cluster),
        getattr(resource, "service_name", ""),
        family,
        container,
        isinstance(resource, RunTask),
        schedule,
        node,
    )


def _main_container(task: TaskDefinition, service: str) -> ContainerDefinition:
    """Give the container that a service became: the one that writes its log, or has its name, or is essential."""
    containers = task.container_definitions
    own = [c for c in containers if _writes_for(c) == service] + [c for c in containers if c.name == service]
    return (own or [c for c in containers if c.essential] or list(containers))[0]


def _writes_for(container: ContainerDefinition) -> str:
    group = (container.log_configuration.options if container.log_configuration else {}).get("awslogs-group")
    return group.logical_id.partition("/")[2] if isinstance(group, Ref) else ""


_NAMES = ("cluster_name", "family", "log_group_name", "name", "identifier")


def name_of(stack: Stack, value: Any) -> str:
    """Give the name behind a link to something with a name; a name is one already."""
    if not isinstance(value, Ref):
        return str(value)
    resource = stack.get(value)
    name = next(str(getattr(resource, member)) for member in _NAMES if hasattr(resource, member))
    return name.rpartition("/")[2] if hasattr(resource, "identifier") else name


def choose_services(stack: Stack, names: Iterable[str], *, jobs: bool | None = None) -> list[DeployedService]:
    """Give the places of `names`, or all of them.

    Args:
        stack: The stack.
        names: Compose names; none for all.
        jobs: Only jobs (True), or only services (False).

    Raises:
        UsageError: There is no such service.
    """
    known = {name: p for name, p in deployed_services(stack).items() if jobs is None or p.job is jobs}
    names = list(names)
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageError([no_such(name, known, stack) for name in missing])
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def no_such(name: str, known: Iterable[str], stack: Stack) -> Diagnostic:
    """Say that there is no such service, and which there are."""
    known = list(known)
    beside = [service for service in {s.service for s in log_sources(stack)} if service == name]
    if beside:
        where = next(s for s in log_sources(stack) if s.service == name)
        leaders = [p.service for p in deployed_services(stack).values() if _holds(stack, p, where.container)]
        hint = f"it is a container in the task of {leaders[0]}" if leaders else ""
        return Diagnostic("C2F480", Severity.ERROR, f"{name} is not a service or job of its own", hint=hint)
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(known) or 'none'}"
    return Diagnostic("C2F480", Severity.ERROR, f"{stack.name} has no service or job {name}", hint=hint)


def _holds(stack: Stack, place: DeployedService, container: str) -> bool:
    task: Any = stack.resources.get(place.definition)
    return any(c.name == container for c in getattr(task, "container_definitions", ()))


# -- logs


def log_sources(stack: Stack) -> list[LogSource]:
    """Give where the containers of a stack write, as far as that is CloudWatch Logs."""
    return [
        source
        for node, task in stack.of_type(TaskDefinition)
        for container in task.container_definitions
        for source in _source(stack, stack.origins.get(node, node.partition("/")[2]), container)
    ]


def _source(stack: Stack, task: str, container: ContainerDefinition) -> Iterator[LogSource]:
    configuration = container.log_configuration
    if configuration is None or configuration.log_driver != "awslogs":
        return
    options = configuration.options
    service = _writes_for(container) or (task if container.essential else container.name)
    prefix = str(options.get("awslogs-stream-prefix", ""))
    yield LogSource(service, name_of(stack, options.get("awslogs-group", "")), prefix, container.name)


def other_log_drivers(stack: Stack) -> dict[str, str]:
    """Give the containers that write elsewhere, and the log driver of each ("" for none)."""
    return {
        container.name: container.log_configuration.log_driver if container.log_configuration else ""
        for _, task in stack.of_type(TaskDefinition)
        for container in task.container_definitions
        if container.log_configuration is None or container.log_configuration.log_driver != "awslogs"
    }


# -- addresses


class ServiceAddress(NamedTuple):
    """A way from the internet, or from the VPC, to a service: `SCHEME://` a load balancer or host, and a port."""

    balancer: str
    scheme: str
    host: str
    port: int
    path: str

    def url(self, dns: str) -> str:
        """Spell it, with the load balancer's name in DNS."""
        usual = {"http": 80, "https": 443}.get(self.scheme) == self.port
        return f"{self.scheme}://{self.host or dns}{'' if usual else f':{self.port}'}{self.path}"


def service_addresses(stack: Stack, service: str) -> list[ServiceAddress]:
    """Give the addresses of a service: those of the listeners and rules that forward to it."""
    return addresses_by_service(stack).get(service, [])


def addresses_by_service(stack: Stack) -> dict[str, list[ServiceAddress]]:
    """Give the addresses of each service that a listener or rule of the stack forwards to."""
    users: dict[str, dict[str, None]] = {}
    for node, resource in stack.of_type(EcsService):
        for balancer in resource.load_balancers:
            if isinstance(balancer.target_group_arn, Ref):
                name = stack.origins.get(node, node.partition("/")[2])
                users.setdefault(balancer.target_group_arn.logical_id, {})[name] = None
    rules: dict[str, list[ListenerRule]] = {}
    for _, rule in stack.of_type(ListenerRule):
        if isinstance(rule.listener_arn, Ref):
            rules.setdefault(rule.listener_arn.logical_id, []).append(rule)
    found: dict[str, list[ServiceAddress]] = {}
    for node, listener in stack.of_type(Listener):
        ways = [(listener.default_actions, ()), *((r.actions, r.conditions) for r in rules.get(node, ()))]
        for actions, conditions in ways:
            for name in _forwarded(actions, users):
                found.setdefault(name, []).extend(_address(stack, listener, conditions))
    return found


def _forwarded(actions: Iterable[Any], users: Mapping[str, Mapping[str, None]]) -> dict[str, None]:
    """The services that actions forward to, each once."""
    groups = [action.target_group_arn for action in actions if isinstance(action.target_group_arn, Ref)]
    return {name: None for group in groups for name in users.get(group.logical_id, ())}


def _address(stack: Stack, listener: Listener, conditions: Iterable[Any]) -> Iterator[ServiceAddress]:
    if not isinstance(listener.load_balancer_arn, Ref):
        return
    balancer = stack.get(listener.load_balancer_arn)
    if not isinstance(balancer, LoadBalancer):
        return
    values = {condition.field: condition.values[0] for condition in conditions if condition.values}
    path = values.get("path-pattern", "").rstrip("*")
    host = values.get("host-header", "")
    yield ServiceAddress(
        balancer.name, listener.protocol.lower(), host, listener.port, path if path != "/" else ""
    )


def container_location(stack: Stack, name: str) -> tuple[DeployedService, str]:
    """Give where a container of the service `name` runs: its own task, or the one that it shares.

    Raises:
        UsageError: There is no such service.
    """
    known = deployed_services(stack)
    if name in known:
        return known[name], known[name].container
    containers = [source.container for source in log_sources(stack) if source.service == name] or [name]
    for place in known.values():
        if _holds(stack, place, containers[0]):
            return place, containers[0]
    raise UsageError(no_such(name, known, stack))
