"""The whole story of a key: what became of it, the members of the API that it ended in, and every decision on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from compose2fargate.aws.api_values import Resolve, to_api
from compose2fargate.aws.resources import DiscoveryService, DnsNamespace, EcsService, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path
from compose2fargate.mapping.coverage import AccountedKey
from compose2fargate.mapping.names import dns_name, ecs_name, unique_ecs_names
from compose2fargate.mapping.references.reference_graph import Reference, ReferenceGraph
from compose2fargate.records import NamedTuple

_SIZE = ("C2F250", "C2F251", "C2F294")
_SIZED = ("task.cpu", "task.memory", "container.cpu", "container.memory", "container.memoryReservation")
_DEPLOYED = ("service.deploymentConfiguration", "service.availabilityZoneRebalancing")
_ROUTED = (
    "service.loadBalancers", "service.healthCheckGracePeriodSeconds", "target-group", "listener", "listener-rule", "ingress-rule",
)  # fmt: skip

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "build": ("container.image", "repository", "container.command", "container.entryPoint", "container.healthCheck"),
    "cap_add": ("container.linuxParameters",),
    "cap_drop": ("container.linuxParameters",),
    "command": ("container.entryPoint", "container.command"),
    "configs": ("container.mountPoints", "container.dependsOn", "task.volumes"),
    "container_name": ("container.name", "service.serviceConnectConfiguration"),
    "cpu_period": _SIZED,
    "cpu_quota": _SIZED,
    "cpus": _SIZED,
    "depends_on": ("container.dependsOn", "after"),
    "deploy.labels": ("service.tags",),
    "deploy.mode": ("service.desiredCount", "run-task"),
    "deploy.placement": ("task.runtimePlatform",),
    "deploy.replicas": ("service.desiredCount", "scalable-target"),
    "deploy.resources": _SIZED,
    "deploy.restart_policy": ("container.restartPolicy",),
    "deploy.update_config": _DEPLOYED,
    "deploy.x-aws-autoscaling": ("scalable-target", "scaling-policy"),
    "entrypoint": ("container.entryPoint", "container.command"),
    "env_file": ("container.environment",),
    "environment": ("container.environment", "container.secrets"),
    "expose": ("container.portMappings", "service.serviceConnectConfiguration", "discovery-service"),
    "healthcheck": ("container.healthCheck", "target-group", "service.healthCheckGracePeriodSeconds"),
    "image": ("container.image", "container.repositoryCredentials", "task.cpu", "task.memory"),
    "init": ("container.linuxParameters",),
    "label_file": ("container.dockerLabels",),
    "labels": ("container.dockerLabels",),
    "links": ("service.serviceConnectConfiguration",),
    "logging": ("container.logConfiguration", "log-group"),
    "mem_limit": _SIZED,
    "mem_reservation": _SIZED,
    "network_mode": ("task.networkMode",),
    "networks": ("service.networkConfiguration", "service.serviceConnectConfiguration"),
    "pid": ("task.pidMode",),
    "platform": ("task.runtimePlatform",),
    "ports": ("container.portMappings", *_ROUTED, "service.serviceConnectConfiguration", "discovery-service"),
    "read_only": ("container.readonlyRootFilesystem",),
    "restart": ("container.restartPolicy",),
    "scale": ("service.desiredCount", "scalable-target"),
    "secrets": ("container.secrets", "container.mountPoints", "container.dependsOn"),
    "stdin_open": ("container.interactive",),
    "stop_grace_period": ("container.stopTimeout",),
    "storage_opt": ("task.ephemeralStorage",),
    "sysctls": ("container.systemControls",),
    "tmpfs": ("container.linuxParameters", "task.memory"),
    "tty": ("container.pseudoTerminal",),
    "ulimits": ("container.ulimits",),
    "user": ("container.user",),
    "volumes": ("container.mountPoints", "container.linuxParameters", "task.volumes", "service.volumeConfigurations"),
    "volumes_from": ("container.volumesFrom",),
    "working_dir": ("container.workingDirectory",),
    "x-aws-autoscaling": ("scalable-target", "scaling-policy"),
    "x-aws-logs_retention": ("log-group",),
    "x-aws-policies": ("task-role",),
    "x-aws-pull_credentials": ("container.repositoryCredentials",),
    "x-aws-role": ("task-role",),
    "x-fargate": (
        "service.capacityProviderStrategy", "service.enableExecuteCommand", "task.ephemeralStorage", "task.runtimePlatform",
        "container.secrets", "container.repositoryCredentials", "scalable-target", "scaling-policy", "schedule", "task-role",
    ),
}  # fmt: skip
"""Key of a service to where it shows: a member of its container, its task definition or its ECS service, or whole resources."""

RELATED: Mapping[str, tuple[str, ...]] = {
    "build": (*_SIZE, "C2F227"),
    "cpus": _SIZE,
    "cpu_quota": _SIZE,
    "deploy.mode": ("C2F271",),
    "deploy.replicas": ("C2F256",),
    "deploy.resources": _SIZE,
    "depends_on": ("C2F271",),
    "image": _SIZE,
    "mem_limit": _SIZE,
    "mem_reservation": _SIZE,
    "scale": ("C2F256",),
    "x-fargate": ("C2F247", "C2F248", "C2F256", "C2F271"),
}
"""Key of a service to the codes of findings elsewhere in the service that are about this key too."""


class KeyExplanation(NamedTuple):
    """One key of the user's files.

    Attributes:
        accounted: What became of it.
        became: Where it shows: a resource's logical id, a member of it and the member's value as the API has it.
        decisions: Every finding about it.
        references: The services that it makes the service talk to, and how these are reached.
    """

    accounted: AccountedKey
    became: tuple[tuple[str, str, Any], ...]
    decisions: tuple[Diagnostic, ...]
    references: tuple[str, ...] = ()


def explain_keys(
    accounted: Iterable[AccountedKey],
    project: Project,
    stack: Stack,
    diagnostics: Sequence[Diagnostic],
    resolve: Resolve,
    references: ReferenceGraph,
) -> Iterator[KeyExplanation]:
    """Tell the story of each key."""
    teller = _Teller(project, stack, resolve)
    for key in accounted:
        leads = dict.fromkeys(teller.leads_to(one) for one in references.at(key.path))
        decisions = tuple(_decisions(key.path, diagnostics))
        yield KeyExplanation(key, tuple(teller.became(key.path)), decisions, tuple(leads))


def _decisions(path: Path, diagnostics: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """What was found at the key, below it, or about the whole service because of it."""
    codes = _longest(RELATED, path)
    for found in diagnostics:
        below = found.path[: len(path)] == path
        above = len(found.path) > 2 and path[: len(found.path)] == found.path
        if below or above or (found.path[:2] == path[:2] and found.code in codes):
            yield found


def _longest(table: Mapping[str, tuple[str, ...]], path: Path) -> tuple[str, ...]:
    """The entry of the longest key of a service that `path` is at or below."""
    if len(path) < 3 or path[0] != "services":
        return ()
    parts = list(map(str, path[2:]))
    return next((table[key] for n in range(len(parts), 0, -1) if (key := ".".join(parts[:n])) in table), ())


class _Teller:
    """Finds the members of the API that a key ended in; spells each resource once."""

    def __init__(self, project: Project, stack: Stack, resolve: Resolve) -> None:
        self._project = project
        self._stack = stack
        self._resolve = resolve
        self._names = unique_ecs_names(project.services)
        self._spelled: dict[str, Any] = {}

    def became(self, path: Path) -> Iterator[tuple[str, str, Any]]:
        """Yield logical id, member and value for each place where the key at `path` shows."""
        service = (
            self._project.services.get(str(path[1])) if len(path) > 2 and path[0] == "services" else None
        )
        if service is None:
            return
        variable = path[3] if path[2] == "environment" and len(path) > 3 else None
        for place in _longest(MEMBERS, path):
            for logical_id, member, value in self._place(service, place):
                own = [one for one in value if one["name"] == variable] if variable else value
                if own or not variable:
                    yield logical_id, member, own

    def leads_to(self, reference: Reference) -> str:
        """Say what a reference leads to."""
        address, target = reference.address, reference.target
        if not target:
            outside = (
                "a host outside of the project"
                if "." in address.host
                else f"no service has the name {address.host}"
            )
            return f"{address.shown}: {outside}"
        if target == reference.user:
            return f"{address.shown}: the service itself"
        at = f"port {address.port} of {target}" if address.port else target
        for _, service in self._stack.of_type(EcsService):
            connect = service.service_connect_configuration
            for offered in connect.services if connect else ():
                for alias in offered.client_aliases:
                    if alias.dns_name == dns_name(address.host) and alias.port == (
                        address.port or alias.port
                    ):
                        return f"{address.shown}: {at}, which Service Connect offers as {alias.dns_name}:{alias.port}"
        if self._finds_by_dns:
            found = self._registered(dns_name(address.host))
            return f"{address.shown}: {at}, which the private DNS " + (
                f"knows as {found}" if found else f"does not know as {address.host}"
            )
        return f"{address.shown}: {at}, which Service Connect does not offer"

    @property
    def _finds_by_dns(self) -> bool:
        services = [service for _, service in self._stack.of_type(EcsService)]
        return bool(services) and all(s.service_connect_configuration is None for s in services)

    def _registered(self, name: str) -> str:
        """Give the full name of a name in the private DNS; "" where it is none."""
        domain = next((namespace.name for _, namespace in self._stack.of_type(DnsNamespace)), "")
        known = (service.name for _, service in self._stack.of_type(DiscoveryService))
        return next((f"{one}.{domain}" for one in known if one == name), "")

    def _place(self, service: Service, place: str) -> Iterator[tuple[str, str, Any]]:
        kind, _, member = place.partition(".")
        if kind == "after":
            yield from self._after(service)
        elif kind == "container":
            yield from self._of_container(service, member)
        elif member:
            logical_id = f"{'task-definition' if kind == 'task' else kind}/{self._names[service.name]}"
            value = self._document(logical_id).get(member)
            if value is not None:
                yield logical_id, member, value
        else:
            for logical_id, origin in self._stack.origins.items():
                if origin == service.name and logical_id.partition("/")[0] == kind:
                    yield logical_id, "", self._document(logical_id)

    def _after(self, service: Service) -> Iterator[tuple[str, str, Any]]:
        for kind in ("service", "run-task"):
            logical_id = f"{kind}/{self._names[service.name]}"
            for wait in self._stack.after.get(logical_id, ()):
                yield logical_id, "after", f"{wait.logical_id} ({wait.condition})"

    def _of_container(self, service: Service, member: str) -> Iterator[tuple[str, str, Any]]:
        name = ecs_name(service.container_name or service.name)
        for logical_id in self._definitions(service, name):
            for container in self._document(logical_id)["containerDefinitions"]:
                if container["name"] == name and member in container:
                    yield logical_id, f"containerDefinitions[{name}].{member}", container[member]

    def _definitions(self, service: Service, name: str) -> list[str]:
        """The task definitions that the service's container is in: its own, its leader's, or those it initialises."""
        own = f"task-definition/{self._names[service.name]}"
        if own in self._stack.resources:
            return [own]
        return [
            logical_id
            for logical_id, definition in self._stack.of_type(TaskDefinition)
            if any(container.name == name for container in definition.container_definitions)
        ]

    def _document(self, logical_id: str) -> dict[str, Any]:
        if logical_id not in self._spelled:
            resource = self._stack.resources.get(logical_id)
            self._spelled[logical_id] = {} if resource is None else to_api(resource, self._resolve)
        document: dict[str, Any] = self._spelled[logical_id]
        return document
