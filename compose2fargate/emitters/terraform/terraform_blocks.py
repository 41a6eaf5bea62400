"""What all render functions share: the scope they look at, and blocks, tags, ids and dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref, Tag
from compose2fargate.aws.resources import (
    Cluster,
    EcsService,
    Role,
    RunTask,
    TaskDefinition,
    Trust,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.resource_graph import ResourceGraph
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclCall,
    HclComment,
    HclExpression,
)
from compose2fargate.emitters.terraform.terraform_names import TYPES, TerraformAddresses
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

Body = list[HclAttribute | HclBlock | HclComment]
Item = HclAttribute | HclBlock | HclComment


class RenderScope(NamedTuple):
    """What rendering a resource looks at besides the resource."""

    stack: Stack
    settings: Settings
    addresses: TerraformAddresses
    graph: ResourceGraph
    shared_tags: frozenset[Tag]
    certificate: Any = None
    trusts: Mapping[Trust, str] = {}
    """The trust policies of the stack's roles, and the label of the document that each is."""


def arguments(values: Mapping[str, Any]) -> Body:
    """Arguments for what is given: None and empty lists are left out."""
    return [
        HclAttribute(name, value)
        for name, value in values.items()
        if value is not None and value not in ([], ())
    ]


def nested_block(name: str, values: Mapping[str, Any], *nested: HclBlock) -> HclBlock:
    """Give a block with arguments for what is given, and blocks in it."""
    return HclBlock(name, (), (*arguments(values), *nested))


def resource_block(scope: RenderScope, logical_id: str, *items: Iterable[Item]) -> HclBlock:
    """Give the block of the resource that ours becomes."""
    kind = TYPES[type(scope.stack.resources[logical_id])]
    body = tuple(item for group in items for item in group)
    return HclBlock("resource", (kind, scope.addresses.labels[logical_id]), body)


def second_block(
    scope: RenderScope, logical_id: str, kind: str, *items: Iterable[Item], suffix: str = ""
) -> HclBlock:
    """A second resource that ours becomes in Terraform, under the same name."""
    body = tuple(item for group in items for item in group)
    return HclBlock("resource", (kind, scope.addresses.labels[logical_id] + suffix), body)


def tags_argument(scope: RenderScope, tags: tuple[Tag, ...]) -> Body:
    """The tags of the whole stack with those of one resource."""
    own = {tag.key: tag.value for tag in tags if tag not in scope.shared_tags}
    everywhere = HclExpression("local.tags")
    return [HclAttribute("tags", HclCall("merge", (everywhere, own)) if own else everywhere)]


def id_list(scope: RenderScope, values: Any) -> Any:
    """A list of ids, or the list that a `Ref` in its place is."""
    if isinstance(values, Ref):
        return scope.addresses.resolve(values)
    return [scope.addresses.of(value) for value in values]


def depends_on_argument(scope: RenderScope, logical_id: str) -> Body:
    """What has to be there first, with the reason where the compose file gives it."""
    needed = list(scope.graph.prerequisites(logical_id))
    by_condition: dict[str, list[str]] = {}
    for wait in scope.graph.waits(logical_id):
        needed.append(wait.logical_id)
        by_condition.setdefault(wait.condition, []).append(
            scope.stack.origins.get(wait.logical_id, wait.logical_id)
        )
    comments = [
        HclComment(_WAITS[condition].format(names=", ".join(names)))
        for condition, names in by_condition.items()
    ]
    addresses = dict.fromkeys(
        (
            *_permissions(scope, logical_id),
            *_capacity_providers(scope, logical_id),
            *(_address(scope, i) for i in needed),
        )
    )
    return [*comments, HclAttribute("depends_on", [HclExpression(a) for a in addresses])] if addresses else []


_WAITS = {
    "started": "First, by depends_on of the compose file: {names}.",
    "healthy": "First, and steady (wait_for_steady_state), by depends_on of the compose file: {names}.",
    "completed": "First, and ended well, by depends_on of the compose file: {names}.",
}


def _permissions(scope: RenderScope, logical_id: str) -> Iterator[str]:
    """Yield the policies of the roles of a service's or a job's tasks.

    A role refers to none of them, and a task that starts before they are attached pulls no image and mounts no volume:
    the first deployment would fail. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    service = scope.stack.resources[logical_id]
    link = service.task_definition if isinstance(service, EcsService | RunTask) else None
    definition = scope.stack.get(link) if isinstance(link, Ref) else None
    if not isinstance(definition, TaskDefinition):
        return
    for role in (definition.execution_role_arn, definition.task_role_arn):
        resource = scope.stack.get(role) if isinstance(role, Ref) else None
        if isinstance(role, Ref) and isinstance(resource, Role):
            label = scope.addresses.labels[role.logical_id]
            yield from (
                f"aws_iam_role_policy.{label}{numbered_suffix(i)}" for i, _ in enumerate(resource.policies)
            )
            attached = enumerate(resource.managed_policy_arns)
            yield from (f"aws_iam_role_policy_attachment.{label}{numbered_suffix(i)}" for i, _ in attached)


def _capacity_providers(scope: RenderScope, logical_id: str) -> Iterator[str]:
    """Yield what gives the cluster the capacity providers of a strategy: AWS refuses one that the cluster does not have.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
    """
    resource = scope.stack.resources[logical_id]
    placed = isinstance(resource, EcsService | RunTask) and resource.capacity_provider_strategy
    cluster = resource.cluster if isinstance(resource, EcsService | RunTask) else None
    if placed and isinstance(cluster, Ref) and isinstance(scope.stack.get(cluster), Cluster):
        yield f"aws_ecs_cluster_capacity_providers.{scope.addresses.labels[cluster.logical_id]}"


def numbered_suffix(index: int) -> str:
    """Tell the second of several from the first by its name: the first has no suffix."""
    return f"_{index + 1}" if index else ""


def _address(scope: RenderScope, logical_id: str) -> str:
    """Give what stands for a resource: for a job what runs it, or its task definition where a schedule does."""
    resource = scope.stack.resources[logical_id]
    if logical_id in scope.graph.jobs:
        return f"terraform_data.{job_label(scope, logical_id)}"
    if isinstance(resource, RunTask) and isinstance(resource.task_definition, Ref):
        return scope.addresses.address(resource.task_definition.logical_id)
    return scope.addresses.address(logical_id)


def job_label(scope: RenderScope, logical_id: str) -> str:
    """Give the last part of the address of what runs a job."""
    return f"run_{scope.addresses.labels[logical_id]}"


def number_or_text(text: str) -> int | float | str:
    """Read a number from an attribute of the API; other texts stay."""
    return int(text) if text.isdigit() else text


def is_true(text: str) -> bool:
    """Read a flag from an attribute of the API."""
    return text == "true"
