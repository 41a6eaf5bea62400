"""The tasks of a project, as a value: which services are in which."""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.records import NamedTuple


class TaskGroups(NamedTuple):
    """The tasks of a project.

    Attributes:
        members: The leading service of each task to all services in it, the leader first. Every service that is no
            init container is in exactly one.
        leaders: Service to the leader of its task; the init containers of one service are in its task alone.
        inits: Services that run as init containers, once in the task of each service that depends on them.
    """

    members: Mapping[str, tuple[str, ...]]
    leaders: Mapping[str, str]
    inits: frozenset[str]
