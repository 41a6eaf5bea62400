"""What resources are called on the screen: the same words in `plan`, `apply`, `destroy` and `status`.

What the compose file asks for has a logical id (`service/api`). What is only found in AWS has a name there, from which the id is made
that it had when it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.apply.handlers.handler import FoundResource
from compose2fargate.aws.ownership import SERVICE_TAG
from compose2fargate.aws.resources import EcsService, RunTask, Schedule
from compose2fargate.aws.stack import Stack

_WORDS: Final[Mapping[str, str]] = {
    "EcsService": "service",
    "ManagedSecret": "secret",
    "SecretParameter": "secret",
}
_ROLES: Final = tuple(
    (f"-{use}", f"{use}-role") for use in ("task", "execution", "scheduler", "infrastructure")
)
NAMELESS: Final = frozenset({"IngressRule", "Listener", "ListenerRule", "MountTargets"})
"""Types whose name in AWS says nothing that their id does not say better."""


def _word_of(kind: str) -> str:
    """Give the word for a type of resource: `service` for `EcsService`, `log-group` for `LogGroup`."""
    return _WORDS.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()


def titled(logical_id: str, name: str, between: str = " ") -> str:
    """Give a resource's id, and its name in AWS where that says more."""
    told = name.strip("/")
    return f"{logical_id}{between}{name}" if told and told not in logical_id else logical_id


def found_id(kind: type[Any], found: FoundResource, stack: str, groups: Mapping[str, str]) -> str:
    """Give the id of what was only found.

    Args:
        kind: Its type.
        found: What was found.
        stack: The stack's name, which names in AWS begin with.
        groups: The names of the stack's security groups by their ids.
    """
    word, name = _word_of(kind.__name__), str(found.name or found.key)
    if word == "role":
        ending, word = next(((e, w) for e, w in _ROLES if name.endswith(e)), ("", word))
        name = name.removesuffix(ending)
    if word == "ingress-rule":
        name = _rule_name(found.state, stack, groups)
    if word == "mount-targets":
        return word
    own = _own_name(name, stack)
    return f"{word}/{own}" if own else word


def _own_name(name: str, stack: str) -> str:
    """Give what of a name is not the stack's: `api` of `/ecs/shop/api` and of `shop-api`."""
    path = re.sub(r"^(?:/?ecs/|/stack-|/|port |priority )", "", name)
    return re.sub(rf"^{re.escape(stack)}(?:[-/.]|$)", "", path)


def _rule_name(state: Mapping[str, Any], stack: str, groups: Mapping[str, str]) -> str:
    def named(group: Any) -> str:
        return _own_name(groups.get(str(group), str(group)), stack)

    to, source = named(state.get("groupId")), state.get("sourceGroupId")
    port = (
        "" if state.get("ipProtocol") == "-1" else f"-{state.get('ipProtocol')}-{state.get('fromPort', '')}"
    )
    origin = f"-from-{named(source)}" if source and source != state.get("groupId") else ""
    return f"{to}{port}{origin}"


def why_left(kind: type[Any], found: FoundResource, stack: Stack) -> str:
    """Say why something of the stack is not wanted any more: its service is gone, or became something else."""
    service = (found.tags or {}).get(SERVICE_TAG, "")
    now = {type(r) for node, r in stack.resources.items() if stack.origins.get(node) == service}
    if not service or not now:
        return "no longer in the compose file"
    before = {EcsService: "service", RunTask: "job", Schedule: "scheduled job"}.get(kind)
    after = "scheduled job" if Schedule in now else "job" if RunTask in now else "service"
    if before and before != after and (EcsService in now or RunTask in now or Schedule in now):
        return f"{service}: from {before} to {after}"
    return f"{service} no longer needs it"
