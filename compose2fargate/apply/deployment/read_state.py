"""Looks at what exists in AWS: everything at once that does not need something else first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from compose2fargate.apply.aws_client.account import diagnose_error
from compose2fargate.apply.deployment import concurrent_graph
from compose2fargate.apply.handlers import DELETION_RANK, HANDLERS, handler_of
from compose2fargate.apply.handlers.handler import FoundResource, HandlerContext, Json, PendingValue
from compose2fargate.apply.handlers.service_handlers import APP_PROTOCOL, app_protocols
from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref
from compose2fargate.aws.patching import merge_extras
from compose2fargate.aws.resources import (
    EcsService,
    IngressRule,
    Listener,
    ListenerRule,
    MountTargets,
    Resource,
    RunTask,
    ScalingPolicy,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic
from compose2fargate.records import NamedTuple

READERS = 32


class ObservedState(NamedTuple):
    """What there is.

    Attributes:
        found: Logical id to what exists under the resource's name.
        owned: What carries the stack's tags, by type; also what the stack no longer has.
    """

    found: Mapping[str, FoundResource]
    owned: Mapping[type[Any], tuple[FoundResource, ...]]


def read_state(stack: Stack, context: HandlerContext, *, leftovers: bool = True) -> ObservedState:
    """Read what exists of `stack`, and what else is ours.

    Raises:
        AwsError: Something could not be read, or what the user has is not there; with every problem.
    """
    found: dict[str, FoundResource] = {}
    if leftovers:
        context.account.forget()

    def read(node: str) -> Any:
        if node.startswith(_OWNED):
            return tuple(HANDLERS[_types()[node]].owned(context))
        resource = stack.resources[node]
        want = wanted_state(stack, node, resource, lambda ref: resolve_link(found, ref), context)
        seen = handler_of(resource).find(want, context)
        if seen is not None:
            found[node] = seen
        return seen

    edges: dict[str, Iterable[str]] = {
        node: referenced_ids(resource) for node, resource in stack.resources.items()
    }
    if leftovers:
        edges.update(dict.fromkeys(_types(), ()))
    run = concurrent_graph.run_graph(edges, read, workers=READERS, stop=context.account.begin())
    if run.interrupted:
        raise KeyboardInterrupt
    if run.failed:
        raise AwsError(read_problems(run.failed))
    ordered = {node: found[node] for node in stack.resources if node in found}
    return ObservedState(
        ordered, {kind: run.done[node] for node, kind in _types().items()} if leftovers else {}
    )


_OWNED = "owned:"


def _types() -> dict[str, type[Any]]:
    return {f"{_OWNED}{kind.__name__}": kind for kind in DELETION_RANK}


def read_problems(failed: Mapping[str, BaseException]) -> list[Diagnostic]:
    """Turn what was raised for several resources into diagnostics, each thing said once; ours come out as they are.

    Raises:
        BaseException: One that nobody foresaw.
    """
    found: dict[tuple[str, str], Diagnostic] = {}
    for node, error in failed.items():
        if isinstance(error, AwsError):
            for one in error.diagnostics:
                found.setdefault((one.code, one.message), one)
            continue
        diagnostic = diagnose_error(error, node)
        if diagnostic is None:
            raise error
        about_all = diagnostic.code in ("C2F400", "C2F401", "C2F402", "C2F403")
        found.setdefault((diagnostic.code, "" if about_all else diagnostic.message), diagnostic)
    return list(found.values())


def resolve_link(found: Mapping[str, FoundResource], ref: Ref) -> Any:
    """Give what a link leads to, or a `PendingValue` where that does not exist yet."""
    seen = found.get(ref.logical_id)
    if seen is None:
        return PendingValue(*ref)
    attributes = seen.attributes
    return attributes[ref.attribute] if ref.attribute in attributes else PendingValue(*ref)


def wanted_state(
    stack: Stack, logical_id: str, resource: Resource, resolve: Callable[[Ref], Any], context: HandlerContext
) -> Json:
    """Give what is wanted of a resource, with the members that `x-fargate.patch` adds."""
    handler = handler_of(resource)
    want = handler.want(_point_to_revision(resource), resolve, context)
    extra = stack.extras.get(logical_id)
    want = handler.normalise(merge_extras(want, extra)) if extra else want
    if isinstance(resource, EcsService) and isinstance(resource.task_definition, Ref):
        node = resource.task_definition.logical_id
        definition = wanted_state(stack, node, stack.resources[node], resolve, context)
        if spoken := app_protocols(want, definition):
            want[APP_PROTOCOL] = spoken
    return want


def _point_to_revision(resource: Any) -> Any:
    """Let a service or job point to the revision of its task definition, and a task to its role's ARN.

    Names do in files that people use by hand; here the revision decides what runs, and a role can have a path.
    """
    if isinstance(resource, (EcsService, RunTask)) and isinstance(resource.task_definition, Ref):
        return resource._replace(task_definition=resource.task_definition._replace(attribute="arn"))
    role = getattr(resource, "execution_role_arn", None)
    if isinstance(role, Ref):
        resource = resource._replace(execution_role_arn=role._replace(attribute="arn"))
    role = getattr(resource, "task_role_arn", None)
    return (
        resource._replace(task_role_arn=role._replace(attribute="arn")) if isinstance(role, Ref) else resource
    )


def referenced_ids(value: Any) -> Iterator[str]:
    """Yield the logical ids that a resource refers to."""
    if isinstance(value, Ref):
        yield value.logical_id
    elif isinstance(value, JoinedText):
        for part in value.parts:
            yield from referenced_ids(part)
    elif isinstance(value, BuiltImage):
        yield value.repository.logical_id
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from referenced_ids(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from referenced_ids(item)


def creation_order(stack: Stack) -> dict[str, set[str]]:
    """Give what has to exist before each resource: what it refers to, and what AWS wants there as well.

    A service's target groups have to be used by a listener; tasks with a file system need its mount targets; and what
    tasks are to reach must let them in before they start.
    """
    edges = {
        node: {o for o in referenced_ids(r) if o in stack.resources} for node, r in stack.resources.items()
    }
    rules = {node for node, _ in stack.of_type(IngressRule)}
    forwards = [(node, edges[node]) for kind in (Listener, ListenerRule) for node, _ in stack.of_type(kind)]
    for kind in (EcsService, RunTask, ScalingPolicy):
        for node, _ in stack.of_type(kind):
            edges[node] |= {listener for listener, targets in forwards if targets & edges[node]}
    for kind in (EcsService, RunTask):
        for node, _ in stack.of_type(kind):
            behind = _behind(edges, node)
            edges[node] |= rules
            edges[node] |= {
                m for m, _ in stack.of_type(MountTargets) if edges[m] & behind & _file_systems(stack)
            }
    return edges


def _behind(edges: Mapping[str, set[str]], node: str) -> set[str]:
    """Everything that a node refers to, directly or not."""
    seen: set[str] = set()
    left = [node]
    while left:
        for other in edges[left.pop()]:
            if other not in seen:
                seen.add(other)
                left.append(other)
    return seen


def _file_systems(stack: Stack) -> set[str]:
    return {node for node in stack.resources if node.startswith("file-system")}
