"""Mount targets in a template: one for each of the first subnets, since a template has no loop that every account may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import MountTargets
from compose2fargate.text.yaml_text import TaggedValue

MAX_MOUNT_TARGETS = 6
"""Subnets that can have a mount target: no region has more than six availability zones."""


class TemplateWithMountTargets(Protocol):
    """What this module needs of the template."""

    def api(self, value: Any) -> Any:
        """Give a value as CloudFormation spells it."""


def mount_target_resources(
    template: TemplateWithMountTargets, name: str, targets: MountTargets
) -> dict[str, dict[str, Any]]:
    """Give the mount targets by their names in the template, and what stands for all of them where some are conditional."""
    literal = _are_known(targets)
    subnets = template.api(targets.subnet_ids)
    made: dict[str, dict[str, Any]] = {}
    for number in _numbers(targets):
        content: dict[str, Any] = {"Type": "AWS::EFS::MountTarget"}
        if not literal and number > 1:
            content["Condition"] = _condition(number)
        content["Properties"] = {
            "FileSystemId": template.api(targets.file_system_id),
            "SubnetId": subnets[number - 1] if literal else TaggedValue("!Select", [number - 1, subnets]),
            "SecurityGroups": template.api(targets.security_groups),
        }
        made[f"{name}{number}"] = content
    return made if literal else {**made, f"{name}All": _all_of_them(name)}


def awaited_names(name: str, targets: MountTargets) -> Iterator[str]:
    """Yield the resources that stand for the mount targets in `DependsOn`."""
    if _are_known(targets):
        yield from (f"{name}{number}" for number in _numbers(targets))
    else:
        yield f"{name}All"


def subnet_conditions(targets: MountTargets) -> dict[str, Any]:
    """Give the conditions that so many subnets are given, where a parameter gives them."""
    return {} if _are_known(targets) else {_condition(n): _at_least(n) for n in _numbers(targets) if n > 1}


def _are_known(targets: MountTargets) -> bool:
    return not isinstance(targets.subnet_ids, Ref)


def _numbers(targets: MountTargets) -> range:
    """Give the numbers of the mount targets of a template: of subnets that a parameter gives, there may be so many."""
    count = MAX_MOUNT_TARGETS if isinstance(targets.subnet_ids, Ref) else len(targets.subnet_ids)
    return range(1, count + 1)


def _condition(number: int) -> str:
    return f"HasSubnet{number}"


def _at_least(number: int) -> dict[str, Any]:
    """Say that so many subnets are given: with something after them, there is always one of that number."""
    given = TaggedValue("!Join", [",", TaggedValue("!Ref", "SubnetIds")])
    filled = TaggedValue("!Join", [",", [given, ",".join(["none"] * MAX_MOUNT_TARGETS)]])
    found = TaggedValue("!Select", [number - 1, TaggedValue("!Split", [",", filled])])
    return {"Fn::Not": [{"Fn::Equals": [found, "none"]}]}


def _all_of_them(name: str) -> dict[str, Any]:
    """Give what services wait for: it refers to each mount target that is made, which `DependsOn` cannot say of conditional ones.

    The handle itself does nothing: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-waitconditionhandle.html
    """
    others = {
        f"Subnet{n}": TaggedValue("!If", [_condition(n), TaggedValue("!Ref", f"{name}{n}"), ""])
        for n in range(2, MAX_MOUNT_TARGETS + 1)
    }
    first = {"Subnet1": TaggedValue("!Ref", f"{name}1")}
    return {"Type": "AWS::CloudFormation::WaitConditionHandle", "Metadata": {**first, **others}}
