"""A resource as it is described, beside the same as it is registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.records import NamedTuple


class Observation(NamedTuple):
    """One resource.

    Attributes:
        service: The compose service it comes from.
        kind: `task definition` or `service`.
        name: Its name in AWS, with the revision.
        desired: What the stack says, in the API's spelling.
        actual: What is registered, in the same form; None when there is nothing.
        latest: The latest active revision of the service's task definition; "" when there is none.
        running: The revision that the service runs; "" for a task definition.
    """

    service: str
    kind: str
    name: str
    desired: Mapping[str, Any]
    actual: Mapping[str, Any] | None
    latest: str = ""
    running: str = ""
