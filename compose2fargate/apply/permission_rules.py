"""What a rule of a policy is: actions that go together, on resources by name, under a condition. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from compose2fargate.aws import resources as aws
from compose2fargate.aws.ownership import PROJECT_TAG
from compose2fargate.aws.stack import Stack, parameter_folder
from compose2fargate.records import NamedTuple

Json = dict[str, Any]

FEW: Final = 4
"""Up to so many names are listed; more become one pattern, where they have a beginning in common that is the stack's."""


class ArnScope(NamedTuple):
    """The account that ARNs are made for; `*` where nobody said."""

    stack: Stack
    project: str
    region: str = "*"
    account: str = "*"

    def arn(self, service: str, rest: str, *, region: str | None = None) -> str:
        """Make an ARN or a pattern of one."""
        partition = next((p for begin, p in _PARTITIONS if self.region.startswith(begin)), "aws")
        place = self.region if region is None else region
        return f"arn:{partition}:{service}:{place}:{self.account}:{rest}"


_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


class PermissionRule(NamedTuple):
    """Actions that go together.

    Attributes:
        sid: What they are for.
        actions: The actions of one service, without its name, or with it.
        on: Gives the resources; none means that the rule does not apply.
        condition: Gives the condition; empty for none.
        kinds: The rule is there when the stack has a resource of one of these types; empty for always.
    """

    sid: str
    actions: tuple[str, ...]
    on: Callable[[ArnScope], list[str]]
    condition: Callable[[ArnScope], Json] = lambda _: {}
    kinds: tuple[type[Any], ...] = ()


# -- what resources are called


def everything(_: ArnScope) -> list[str]:
    """Limit a rule to no resources: what it is about supports none, or has names that AWS gives."""
    return ["*"]


def narrow(names: Iterable[str], stack: str) -> list[str]:
    """List a few names; of many give what they have in common, if that is the stack's alone."""
    names = sorted(set(names))
    if len(names) < 2:
        return names
    common = names[0]
    while not names[-1].startswith(common):  # what the first and the last share, all between them do
        common = common[:-1]
    few = (
        1 if common.endswith((f"/{stack}/", f"/{parameter_folder(stack)}/")) else FEW
    )  # a folder of its own holds nothing of `shop-production`
    return names if stack not in common or len(names) <= few else [f"{common}*"]


def names_of(kind: type[Any], member: str, *existing: str) -> Callable[[ArnScope], list[str]]:
    """Name the resources of a type, and those that the user has of some kinds."""

    def names(where: ArnScope) -> list[str]:
        own = [str(getattr(resource, member)) for _, resource in where.stack.of_type(kind)]
        others = [e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind in existing]
        return narrow(own, where.stack.name) + sorted(others)

    return names


def ours(where: ArnScope) -> Json:
    """Limit a rule to what has the project's tag."""
    return {"StringEquals": {f"aws:ResourceTag/{PROJECT_TAG}": where.project}}


def cloud_map(*forms: str) -> Callable[[ArnScope], list[str]]:
    """Make ARNs of Cloud Map."""
    return lambda where: [where.arn("servicediscovery", form) for form in forms]
