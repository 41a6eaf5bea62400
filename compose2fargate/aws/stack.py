"""The stack: everything that is to exist in AWS for one project and one environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from compose2fargate.aws.resources import Resource
from compose2fargate.aws.values import Ref

R = TypeVar("R")


class Stack(NamedTuple):
    """Resources by logical id, in the order in which they are to be created.

    Attributes:
        name: The name of the cluster and the prefix of every other name.
        resources: Logical id (`task-definition/web`) to resource; a resource only refers to earlier ones.
        origins: Logical id to the compose service it comes from; project-wide resources are absent.
        files: Logical id to the file name (without suffix) that an artefact about it carries.
    """

    name: str
    resources: Mapping[str, Resource]
    origins: Mapping[str, str]
    files: Mapping[str, str]

    def of_type(self, kind: type[R]) -> Iterator[tuple[str, R]]:
        """Yield logical id and resource for each resource of `kind`, in order."""
        for logical_id, resource in self.resources.items():
            if isinstance(resource, kind):
                yield logical_id, resource

    def get(self, ref: Ref) -> Resource:
        """Give the resource that `ref` points to.

        Raises:
            KeyError: There is none: a mistake in the mapper, never in the user's input.
        """
        return self.resources[ref.logical_id]
