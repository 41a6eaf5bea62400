"""The stack: everything that is to exist in AWS for one project and one environment.

Logical ids are `kind` for what there is one of in a stack (`cluster`, `execution-role`) and `kind/name` for the rest:

    account, network                    looked up
    cluster, namespace, dns-namespace   discovery-service/SERVICE
    security-group/NETWORK, security-group/load-balancer, security-group/file-system, ingress-rule/NAME
    load-balancer, network-load-balancer, listener/PORT, listener-rule/NAME, target-group/SERVICE-PORT
    execution-role, scheduler-role, infrastructure-role, task-role/SERVICE
    log-group/SERVICE, repository/SERVICE, secret/NAME
    file-system, mount-targets, access-point/VOLUME
    task-definition/SERVICE, service/SERVICE, run-task/SERVICE, schedule/SERVICE
    scalable-target/SERVICE, scaling-policy/SERVICE-METRIC
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.resources import Resource, TaskDefinition
from compose2fargate.aws.store_resources import STORE_TYPES
from compose2fargate.records import NamedTuple

R = TypeVar("R")


class DeploymentDependencies(NamedTuple):
    """What a service or job waits for when the stack is deployed; nothing waits once it runs.

    `condition` is `started` (it exists), `healthy` (its service is steady) or `completed` (the job ended with 0).
    """

    logical_id: str
    condition: str


def parameter_folder(stack: str) -> str:
    """Give the first part of the names of a stack's parameters and secrets.

    SSM refuses names that begin with `aws` or `ssm`, in upper or lower case, with or without a slash before them:
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
    """
    return f"stack-{stack}" if stack.lower().startswith(("aws", "ssm")) else stack


class Stack(NamedTuple):
    """Resources by logical id, in the order in which they are to be created.

    Attributes:
        name: The name of the cluster and the prefix of every other name.
        resources: Logical id (`task-definition/web`) to resource; a resource only refers to earlier ones.
        origins: Logical id to the compose service it comes from; project-wide resources are absent.
        files: Logical id to the file name (without suffix) that an artefact about it carries.
        after: Logical id of a service or job to what is to be there first, beyond what its Refs say.
        sources: Logical id to `file:line` of the compose key that a resource comes from, for comments;
            as seen from the project's directory.
        again: Logical ids of services that are deployed before one that they talk to, and so have to be deployed again.
        template_overlay: What is put over a CloudFormation template; other targets have no such thing.
        extras: Logical id to members (API spelling) that `x-fargate.patch` adds and no field here knows.
    """

    name: str
    resources: Mapping[str, Resource]
    origins: Mapping[str, str]
    files: Mapping[str, str]
    after: Mapping[str, tuple[DeploymentDependencies, ...]] = {}
    sources: Mapping[str, str] = {}
    extras: Mapping[str, Mapping[str, Any]] = {}
    again: tuple[str, ...] = ()
    template_overlay: Mapping[str, Any] = {}

    @property
    def has_stores(self) -> bool:
        """Whether AWS runs a database or cache of it."""
        return any(isinstance(resource, STORE_TYPES) for resource in self.resources.values())

    def of_type(self, kind: type[R]) -> Iterator[tuple[str, R]]:
        """Give logical id and resource of each resource of `kind`, in order."""
        found: Any = [item for item in self.resources.items() if type(item[1]) is kind]
        return iter(found)

    def built_images(self) -> Iterator[BuiltImage]:
        """Give the images of all containers that are pushed to a repository of the stack."""
        for _, definition in self.of_type(TaskDefinition):
            for container in definition.container_definitions:
                if isinstance(container.image, BuiltImage):
                    yield container.image

    def get(self, ref: Ref) -> Resource:
        """Give the resource that `ref` points to.

        Raises:
            KeyError: There is none: a mistake in the mapper, never in the user's input.
        """
        return self.resources[ref.logical_id]
