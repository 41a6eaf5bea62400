"""In which order a target makes what it makes: `before[a]` is all that is there when `a` is begun.

Everything goes by its logical id in the stack. `apply` executes `creation_order` with what `depends_on` asks for, so that this is
what the others are held to; `commands.sh` and a run of `apply` are sequences, a template and a module are graphs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from compose2fargate.apply.deployment.read_state import creation_order
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    AccessPoint,
    AccountIdentity,
    EcsService,
    Existing,
    IngressRule,
    Listener,
    ListenerRule,
    ManagedSecret,
    MountTargets,
    Repository,
    RunTask,
    ScalableTarget,
    SecretParameter,
    TaskDefinition,
    VpcNetwork,
    name_of,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.cloudformation.cloudformation_values import cloudformation_ids
from compose2fargate.emitters.terraform.terraform_names import TYPES, TerraformAddresses
from tests.parity.calls import Call

Order = Mapping[str, frozenset[str]]
_LOOKED_UP = (AccountIdentity, VpcNetwork, Existing)
_INPUTS = (Repository, SecretParameter, ManagedSecret)
"""There before a template or a module is applied."""


def of_stack(stack: Stack) -> Order:
    edges = {node: set(others) for node, others in creation_order(stack).items()}
    for node, entries in stack.after.items():
        edges[node] |= {entry.logical_id for entry in entries}
    return _closed(edges, lambda node: not isinstance(stack.resources[node], _LOOKED_UP + _INPUTS))


def _closed(edges: Mapping[str, set[str]], kept: Callable[[str], bool]) -> Order:
    """Follow links to their ends, over what is not kept."""
    found: dict[str, frozenset[str]] = {}
    for node in edges:
        seen: set[str] = set()
        left = [node]
        while left:
            for other in edges.get(left.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    left.append(other)
        if kept(node):
            found[node] = frozenset(one for one in seen - {node} if kept(one))
    return found


def missing(required: Order, made: Order) -> Iterator[str]:
    """Yield what a target does not wait for, where it makes both."""
    for node, before in required.items():
        if node in made:
            yield from (
                f"{node} does not wait for {other}" for other in sorted(before - made[node]) if other in made
            )


# -- commands.sh and apply -----------------------------------------------------------------------------------


def of_calls(stack: Stack, calls: list[Call]) -> Order:
    names = {_name(stack, node): node for node in stack.resources}
    # What is made for several subnets is there when the last is.
    ends: dict[str, int] = {}
    begins: dict[str, int] = {}
    for call in calls:
        node = names.get(_called(call))
        if node is not None:
            ends[node] = max(ends.get(node, 0), call.ended)
            begins.setdefault(node, call.began)
    return {node: frozenset(one for one in ends if ends[one] < begins[node]) for node in begins}


_CALLED = {
    "CreateCluster": ("Cluster", "clusterName"),
    "CreatePrivateDnsNamespace": ("DnsNamespace", "Name"),
    "CreateSecurityGroup": ("SecurityGroup", "GroupName"),
    "CreateLoadBalancer": ("LoadBalancer", "Name"),
    "CreateTargetGroup": ("TargetGroup", "Name"),
    "CreateListener": ("Listener", "Port"),
    "CreateRule": ("ListenerRule", "Priority"),
    "CreateRole": ("Role", "RoleName"),
    "CreateLogGroup": ("LogGroup", "logGroupName"),
    "CreateFileSystem": ("FileSystem", "CreationToken"),
    "RegisterTaskDefinition": ("TaskDefinition", "family"),
    "CreateSchedule": ("Schedule", "Name"),
    "RegisterScalableTarget": ("ScalableTarget", "ResourceId"),
    "CreateAccessPoint": ("AccessPoint", "RootDirectory"),
    "PutScalingPolicy": ("ScalingPolicy", "PolicyName"),
}


def _called(call: Call) -> tuple[str, str]:
    given = call.given
    if call.operation in _CALLED:
        kind, member = _CALLED[call.operation]
        value = given[member]["Path"] if member == "RootDirectory" else str(given[member])
        return kind, value.rpartition("/")[2] if member == "ResourceId" else value
    if call.operation == "CreateService":
        return (
            ("EcsService", given["serviceName"])
            if "serviceName" in given
            else ("DiscoveryService", given["Name"])
        )
    if call.operation == "RunTask":
        return "RunTask", given["taskDefinition"].rpartition("/")[2].partition(":")[0]
    if call.operation == "AuthorizeSecurityGroupIngress":
        rule = given["IpPermissions"][0]
        members = ("UserIdGroupPairs", "IpRanges", "Ipv6Ranges")
        source = next(one for member in members for one in rule.get(member, ()))
        return "IngressRule", f"{given['GroupId']} {source['Description']}"
    return ("MountTargets", "") if call.operation == "CreateMountTarget" else ("", call.operation)


def _name(stack: Stack, node: str) -> tuple[str, str]:
    resource = stack.resources[node]
    kind = type(resource).__name__
    if isinstance(resource, RunTask | ScalableTarget):
        link = resource.task_definition if isinstance(resource, RunTask) else resource.service
        linked = stack.resources[link.logical_id] if isinstance(link, Ref) else None
        assert isinstance(linked, TaskDefinition | EcsService)
        return kind, linked.family if isinstance(linked, TaskDefinition) else linked.service_name
    if isinstance(resource, IngressRule):
        group = resource.group_id
        named = name_of(stack.get(group)) if isinstance(group, Ref) else group
        return kind, f"{named} {resource.description}"
    special = {Listener: "port", ListenerRule: "priority", AccessPoint: "root_directory"}.get(type(resource))
    if special == "root_directory":
        assert isinstance(resource, AccessPoint)
        return kind, resource.root_directory.path
    if isinstance(resource, MountTargets):
        return kind, ""
    return kind, str(getattr(resource, special)) if special else name_of(resource)


# -- CloudFormation ------------------------------------------------------------------------------------------


def of_template(stack: Stack, template: Mapping[str, Any]) -> Order:
    resources = template["Resources"]
    edges = {name: set(_named(resource, resources)) for name, resource in resources.items()}
    named = {name: node for node, name in cloudformation_ids(stack.resources).items()}
    # All of them have one name in the stack, and are waited for by one of the template.
    named |= {"MountTargets1": "mount-targets"}
    return _renamed(_closed(edges, lambda name: name in named), named)


def _renamed(order: Order, named: Mapping[str, str]) -> Order:
    return {named[name]: frozenset(named[one] for one in before) for name, before in order.items()}


_SUBSTITUTED = re.compile(r"\$\{(\w+)[.}]")


def _named(value: Any, resources: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(item, resources)
            words = item if isinstance(item, list) else [item]
            if key in ("Ref", "DependsOn", "Fn::GetAtt"):
                yield from (
                    str(word).partition(".")[0] for word in words if str(word).partition(".")[0] in resources
                )
            elif key == "Fn::Sub":
                yield from (name for name in _SUBSTITUTED.findall(json.dumps(item)) if name in resources)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, resources)


# -- Terraform -----------------------------------------------------------------------------------------------

_BLOCK = re.compile(r'^(resource|data|ephemeral) "(\w+)" "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_LOCALS = re.compile(r"^locals \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_LOCAL = re.compile(r"^  (\w+) = (.*?)(?=^  \w+ = |\Z)", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"\b(?:data\.|ephemeral\.)?(?:aws_\w+|terraform_data)\.\w+|\blocal\.\w+")
_OF_ROLE = re.compile(r"aws_iam_role_policy(?:_attachment)?\.")


def of_module(stack: Stack, made: Path) -> Order:
    text = "\n".join(path.read_text("utf-8") for path in sorted(made.glob("*.tf")))
    text = re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE)
    edges: dict[str, set[str]] = {}
    for form, kind, label, body in _BLOCK.findall(text):
        address = f"{kind}.{label}" if form == "resource" else f"{form}.{kind}.{label}"
        edges[address] = set(_ADDRESS.findall(body))
    for body in _LOCALS.findall(text):
        for name, value in _LOCAL.findall(body):
            edges[f"local.{name}"] = set(_ADDRESS.findall(value))
    addresses = TerraformAddresses(stack)
    named = {
        addresses.address(node): node
        for node, resource in stack.resources.items()
        if type(resource) in TYPES and not isinstance(resource, _INPUTS + _LOOKED_UP)
    }
    named |= {f"terraform_data.run_{addresses.labels[node]}": node for node, _ in stack.of_type(RunTask)}
    return _renamed(_closed(edges, lambda address: address in named and address in edges), named)
