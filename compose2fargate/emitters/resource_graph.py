"""What a stack says between its lines: who refers to whom, who has to wait, and to whom a resource belongs.

Templates need this as text, where an API needs it as an order of calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref
from compose2fargate.aws.resources import (
    EcsService,
    Existing,
    Listener,
    ListenerRule,
    LoadBalancer,
    ManagedSecret,
    MountTargets,
    NetworkConfiguration,
    Repository,
    Resource,
    RunTask,
    ScalableTarget,
    Schedule,
    SecretParameter,
    TaskDefinition,
    VpcNetwork,
    name_of,
)
from compose2fargate.aws.stack import DeploymentDependencies, Stack
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity

_PLAIN = frozenset({str, int, bool, float, type(None)})


def iter_refs(value: Any) -> Iterator[Ref]:
    """Yield every `Ref` inside `value`."""
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is Ref:
        yield value
    elif kind is BuiltImage:
        yield value.repository
    else:
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from iter_refs(item)


PUBLIC = "assign_public_ip"
"""What the network says, besides of where tasks are placed, where a variable chooses it."""


def with_inputs_looked_up(stack: Stack) -> Stack:
    """Let the repositories and secrets of a stack be looked up, and not made.

    Nothing starts before an image is in its repository and a secret has its value, and a template can do neither. So both are
    there before: `push` makes repositories with their images, `secrets push` secrets with their values.

    Raises:
        EmitError: A patch has members that only who makes such a resource could write.
    """
    inputs = {
        logical_id: Existing(type(resource).__name__, name_of(resource))
        for logical_id, resource in stack.resources.items()
        if isinstance(resource, INPUTS)
    }
    if patched := sorted(inputs.keys() & stack.extras.keys()):
        raise EmitError([_not_made_here(logical_id) for logical_id in patched])
    return stack._replace(resources={**stack.resources, **inputs})


INPUTS = (Repository, SecretParameter, ManagedSecret)
"""Types of resources that are there before a stack is made."""


def _not_made_here(logical_id: str) -> Diagnostic:
    return Diagnostic(
        "C2F346",
        Severity.ERROR,
        f"the patch of {logical_id} has members that no template writes: it is looked up, and made before",
        hint="leave the members out and set them with the AWS CLI, or use compose2fargate apply",
    )


def with_choice_of_addresses(stack: Stack) -> tuple[Stack, str | None]:
    """Let a variable choose whether tasks get public addresses, as one chooses their subnets: give the stack, and its default.

    The default is what most tasks have; a task that is to have something else keeps it.
    """
    placed = {i: found for i, resource in stack.resources.items() if (found := _network_of(resource))}
    networks = [i for i, _ in stack.of_type(VpcNetwork)]
    if not placed or not networks:
        return stack, None
    counted = Counter(str(n.awsvpc_configuration.assign_public_ip) for n in placed.values())
    ((usual, _),) = counted.most_common(1)
    chosen = Ref(networks[0], PUBLIC)
    changed = {
        i: _placed(
            stack.resources[i],
            network._replace(
                awsvpc_configuration=network.awsvpc_configuration._replace(assign_public_ip=chosen)
            ),
        )
        for i, network in placed.items()
        if network.awsvpc_configuration.assign_public_ip == usual
    }
    return stack._replace(resources={**stack.resources, **changed}), usual


def _network_of(resource: Resource) -> NetworkConfiguration | None:
    if isinstance(resource, Schedule):
        return resource.target.ecs_parameters.network_configuration
    return resource.network_configuration if isinstance(resource, EcsService | RunTask) else None


def _placed(resource: Resource, network: NetworkConfiguration) -> Resource:
    if isinstance(resource, Schedule):
        parameters = resource.target.ecs_parameters._replace(network_configuration=network)
        return resource._replace(target=resource.target._replace(ecs_parameters=parameters))
    return resource._replace(network_configuration=network)  # type: ignore[call-arg]


def policy_text(stack: Stack, text: Any) -> Any:
    """Let a policy speak of all revisions of a task definition: the one that is there now is replaced soon."""
    if isinstance(text, Ref) and isinstance(stack.get(text), TaskDefinition):
        return JoinedText((text._replace(attribute="arn_without_revision"), ":*"))
    if isinstance(text, JoinedText):
        parts = [
            part._replace(attribute="arn_without_revision")
            if isinstance(part, Ref) and isinstance(stack.get(part), TaskDefinition)
            else part
            for part in text.parts
        ]
        return JoinedText(tuple(parts))
    return text


def offered_protocols(stack: Stack, service: EcsService) -> dict[str, str]:
    """Give what each port that a service offers in Service Connect speaks, by the port's name.

    Neither can be changed: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
    """
    connect, link = service.service_connect_configuration, service.task_definition
    definition = stack.get(link) if isinstance(link, Ref) else None
    if connect is None or not isinstance(definition, TaskDefinition):
        return {}
    offered = {one.port_name for one in connect.services}
    return {
        port.name: port.app_protocol or port.protocol
        for container in definition.container_definitions
        for port in container.port_mappings
        if port.name and port.name in offered
    }


def _balancer_in(arn: str) -> str | None:
    """Take `app/NAME/ID` out of the ARN of a load balancer or of its listener."""
    parts = arn.partition("/")[2].split("/")
    return "/".join(parts[:3]) if len(parts) >= 3 else None


class ResourceGraph:
    """Answers questions about the links of one stack; each is worked out once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.refs = {
            logical_id: frozenset(ref.logical_id for ref in iter_refs(resource))
            for logical_id, resource in stack.resources.items()
        }
        self._forwarding = self._find_forwarding()
        self._mount_targets = tuple(logical_id for logical_id, _ in stack.of_type(MountTargets))
        self.scaled = frozenset(target.service.logical_id for _, target in stack.of_type(ScalableTarget))
        """Services whose desired count is written by Application Auto Scaling."""
        self.awaited = frozenset(
            after.logical_id
            for waits in stack.after.values()
            for after in waits
            if after.condition == "healthy"
        )
        """Services that have to be steady before others are made."""

        self.jobs = frozenset(self._find_jobs())
        """Jobs that run when the stack is deployed: those that no schedule runs, and those that something waits for."""

    def _find_jobs(self) -> Iterator[str]:
        scheduled = {
            schedule.target.ecs_parameters.task_definition_arn.logical_id
            for _, schedule in self._stack.of_type(Schedule)
            if isinstance(schedule.target.ecs_parameters.task_definition_arn, Ref)
        }
        awaited = {entry.logical_id for waits in self._stack.after.values() for entry in waits}
        for logical_id, job in self._stack.of_type(RunTask):
            definition = job.task_definition
            if isinstance(definition, Ref) and (
                definition.logical_id not in scheduled or logical_id in awaited
            ):
                yield logical_id

    def _find_forwarding(self) -> Mapping[str, tuple[str, ...]]:
        """Target group to the listeners and rules that send requests to it."""
        found: dict[str, tuple[str, ...]] = {}
        for kind in (Listener, ListenerRule):
            for logical_id, _ in self._stack.of_type(kind):
                for other in self.refs[logical_id]:
                    found[other] = (*found.get(other, ()), logical_id)
        return found

    def prerequisites(self, logical_id: str) -> Iterator[str]:
        """Yield what a service or a job needs to exist, beyond what it refers to.

        A target group that no listener uses is refused, and a task does not start where its file system has no
        mount target: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
        """
        service = self._stack.resources[logical_id]
        if not isinstance(service, EcsService | RunTask):
            return
        if isinstance(service, EcsService):
            for balancer in service.load_balancers:
                if isinstance(balancer.target_group_arn, Ref):
                    yield from self._forwarding.get(balancer.target_group_arn.logical_id, ())
        definition = service.task_definition
        if isinstance(definition, Ref) and self._uses_files(definition.logical_id):
            yield from self._mount_targets

    def _uses_files(self, task_definition: str) -> bool:
        resource = self._stack.resources[task_definition]
        return isinstance(resource, TaskDefinition) and any(
            isinstance(ref, Ref)
            for volume in resource.volumes
            if volume.efs_volume_configuration
            for ref in iter_refs(volume.efs_volume_configuration)
        )

    def waits(self, logical_id: str) -> tuple[DeploymentDependencies, ...]:
        """Give what `depends_on` of the compose file asks for."""
        return self._stack.after.get(logical_id, ())

    def load_balancer_of(self, target_group: str) -> str | Ref | None:
        """Find the load balancer whose listener sends requests to a target group.

        What is not in the stack is given as CloudWatch names it: `app/NAME/ID`, which stands in every ARN of it.
        """
        for logical_id in self._forwarding.get(target_group, ()):
            found = self._balancer(self._stack.resources[logical_id])
            if found is not None:
                return found
        return None

    def _balancer(self, resource: Resource) -> str | Ref | None:
        if isinstance(resource, ListenerRule):
            listener = resource.listener_arn
            return (
                _balancer_in(listener)
                if isinstance(listener, str)
                else self._balancer(self._stack.get(listener))
            )
        if isinstance(resource, Listener):
            balancer = resource.load_balancer_arn
            known = isinstance(balancer, Ref) and isinstance(self._stack.get(balancer), LoadBalancer)
            return balancer if known else self._balancer_named(balancer)
        return _balancer_in(resource.identifier) if isinstance(resource, Existing) else None

    def _balancer_named(self, balancer: str | Ref) -> str | Ref | None:
        resource = self._stack.get(balancer) if isinstance(balancer, Ref) else None
        name = resource.identifier if isinstance(resource, Existing) else str(balancer)
        return _balancer_in(name) if name.startswith("arn:") else balancer

    def owners(self) -> Mapping[str, str]:
        """Give, for each resource that comes from a compose service, the service whose task it belongs to.

        A sidecar has a log group and perhaps a repository of its own, but its container is in another's task.
        """
        origins = self._stack.origins
        with_task = {origins[i] for i, _ in self._stack.of_type(TaskDefinition) if i in origins}
        leaders: dict[str, str] = {}
        for logical_id, _ in self._stack.of_type(TaskDefinition):
            for other in self.refs[logical_id]:
                origin = origins.get(other)
                if origin is not None and origin not in with_task and logical_id in origins:
                    leaders.setdefault(origin, origins[logical_id])
        return {logical_id: leaders.get(origin, origin) for logical_id, origin in origins.items()}


def job_container(stack: Stack, job: RunTask) -> str:
    """Give the container whose end is the job's end."""
    definition = stack.get(job.task_definition) if isinstance(job.task_definition, Ref) else None
    containers = definition.container_definitions if isinstance(definition, TaskDefinition) else ()
    return next((container.name for container in containers if container.essential), "")


def one_line(text: str) -> str:
    """Give a text that can stand in a comment: what would end the line, or hide it on a terminal, becomes `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)
