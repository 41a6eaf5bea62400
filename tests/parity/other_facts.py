"""What a target states of all else: cluster, names, logs, roles, files, scaling, schedules and jobs, with the tags of the network.

A fact is the name of a thing, and the members that AWS is given, in one spelling: lower case, lists of one as what they hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.parity.calls import Call
from tests.parity.service_facts import LINK, Facts

_LINK = re.compile(
    r"REPLACE_ME|ACCOUNT_ID|^arn:|^found$|^(vpc|subnet|sg|fs|fsap|ns|srv)-\w+$|^shop-file-system-clients$"
)
_TAGS = frozenset({"tags", "filesystemtags", "accesspointtags"})
_TOKENS = frozenset({"creatorrequestid", "clienttoken", "effect", "version"})
"""What names no property of the thing: tokens against making it twice, and what policies say by default."""


def canonical(value: Any, key: str = "") -> Any:
    """Spell members as they are compared."""
    if key in _TAGS:
        pairs = value.items() if isinstance(value, Mapping) else map(_pair, value or ())
        return dict(sorted(pairs))
    if isinstance(value, Mapping):
        made = {_key(k): canonical(v, _key(k)) for k, v in value.items()}
        return {k: v for k, v in made.items() if v not in (None, "", {}, []) and k not in _TOKENS}
    if isinstance(value, list | tuple):
        items = [canonical(one) for one in value]
        if all(isinstance(one, str) for one in items):
            items.sort()
        return items[0] if len(items) == 1 else items
    if isinstance(value, str):
        return LINK if _LINK.search(value) else value
    return value


def _pair(tag: Mapping[str, str]) -> tuple[str, str]:
    return tag.get("Key") or tag["key"], tag.get("Value") or tag["value"]


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _fact(kind: str, name: Any, members: Mapping[str, Any]) -> tuple[str, Any]:
    found = canonical(members)
    for key in found.keys() & _TAGS:
        found["tags"] = found.pop(key)
    return f"{kind} {name}", found


def _policies(documents: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document["Statement"] for name, document in documents.items()}


# -- commands.sh and apply -----------------------------------------------------------------------------------

_SIMPLE = {
    "CreateSecurityGroup": ("tags of security group", "GroupName"),
    "CreateLoadBalancer": ("tags of load balancer", "Name"),
    "CreateTargetGroup": ("tags of target group", "Name"),
    "CreateListener": ("tags of listener", "Port"),
    "CreateRule": ("tags of rule", "Priority"),
    "CreateHttpNamespace": ("namespace", "Name"),
    "CreatePrivateDnsNamespace": ("DNS namespace", "Name"),
    "PutScalingPolicy": ("scaling policy", "PolicyName"),
    "CreateSchedule": ("schedule", "Name"),
}


def of_calls(calls: list[Call]) -> Facts:
    return dict(_of_calls(calls))


def _of_calls(calls: list[Call]) -> Iterator[tuple[str, Any]]:
    for operation, members, *_ in calls:
        given = dict(members)
        if operation in _SIMPLE:
            kind, name = _SIMPLE[operation]
            if kind.startswith("tags"):
                specified = given.get("TagSpecifications") or [{"Tags": given.get("Tags", [])}]
                yield _fact(kind, given[name], {"tags": specified[0]["Tags"]})
            else:
                yield _fact(kind, given[name], {k: v for k, v in given.items() if (k, v) != _USUAL})
        elif operation == "CreateService" and "DnsConfig" in given:
            dns = {**given["DnsConfig"], "NamespaceId": given.pop("NamespaceId", LINK)}
            yield _fact("name", given["Name"], {**given, "DnsConfig": dns})
        elif operation == "CreateCluster":
            given.pop("serviceConnectDefaults", None)
            yield _fact("cluster", given["clusterName"], given)
        elif operation == "CreateLogGroup":
            kept = _of(calls, "PutRetentionPolicy", "logGroupName", given["logGroupName"])
            yield _fact("log group", given["logGroupName"], {**given, **kept[0]})
        elif operation == "CreateRole":
            yield _role(calls, given)
        elif operation in ("CreateFileSystem", "CreateAccessPoint", "CreateMountTarget"):
            yield _files(calls, operation, given)
        elif operation == "RegisterScalableTarget":
            yield _fact("scalable target", given["ResourceId"].rpartition("/")[2], given)
        elif operation == "RunTask":
            yield _job(given)


_USUAL = ("State", "ENABLED")
"""What a schedule is where nothing is said."""


def _of(calls: list[Call], operation: str, member: str, value: Any) -> list[Mapping[str, Any]]:
    return [one.given for one in calls if one.operation == operation and one.given[member] == value]


def _role(calls: list[Call], given: Mapping[str, Any]) -> tuple[str, Any]:
    name = given["RoleName"]
    inline = {
        one["PolicyName"]: json.loads(one["PolicyDocument"])
        for one in _of(calls, "PutRolePolicy", "RoleName", name)
    }
    attached = [one["PolicyArn"] for one in _of(calls, "AttachRolePolicy", "RoleName", name)]
    trust = json.loads(given["AssumeRolePolicyDocument"])["Statement"]
    members = {"description": given.get("Description"), "trust": trust, "tags": given.get("Tags", [])}
    return _fact("role", name, {**members, "policies": _policies(inline), "attached": attached})


def _files(calls: list[Call], operation: str, given: Mapping[str, Any]) -> tuple[str, Any]:
    if operation == "CreateAccessPoint":
        return _fact("access point", given["RootDirectory"]["Path"], {**given, "FileSystemId": LINK})
    if operation == "CreateMountTarget":
        return _fact("mount target", "", {"SecurityGroups": LINK, "FileSystemId": LINK})
    token = given["CreationToken"]
    policy = _of(calls, "PutFileSystemPolicy", "FileSystemId", token)
    cycle = _of(calls, "PutLifecycleConfiguration", "FileSystemId", token)
    more = {
        "policy": json.loads(policy[0]["Policy"])["Statement"] if policy else None,
        "lifecycle": cycle[0]["LifecyclePolicies"] if cycle else None,
    }
    return _fact(
        "file system", "", {**given, **more, "Backup": given.get("Backup") or None, "CreationToken": None}
    )


def _job(given: Mapping[str, Any]) -> tuple[str, Any]:
    family = given["taskDefinition"].rpartition("/")[2].partition(":")[0]
    kept = {key: value for key, value in given.items() if key not in ("startedBy", "clientToken")}
    return _fact("job", family, {**kept, "taskDefinition": LINK, "cluster": LINK})


# -- CloudFormation ------------------------------------------------------------------------------------------

_OF_TEMPLATE = {
    "AWS::EC2::SecurityGroup": ("tags of security group", "GroupName"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("tags of load balancer", "Name"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("tags of target group", "Name"),
    "AWS::ElasticLoadBalancingV2::Listener": ("tags of listener", "Port"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("tags of rule", "Priority"),
    "AWS::ServiceDiscovery::HttpNamespace": ("namespace", "Name"),
    "AWS::ServiceDiscovery::PrivateDnsNamespace": ("DNS namespace", "Name"),
    "AWS::ServiceDiscovery::Service": ("name", "Name"),
    "AWS::ECS::Cluster": ("cluster", "ClusterName"),
    "AWS::Logs::LogGroup": ("log group", "LogGroupName"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("scaling policy", "PolicyName"),
    "AWS::Scheduler::Schedule": ("schedule", "Name"),
}


def of_template(template: Mapping[str, Any]) -> Facts:
    return dict(_of_template(template))


def _of_template(template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    defaults = {
        name: one.get("Default") for name, one in template["Parameters"].items() if "List" not in one["Type"]
    }
    resources = template["Resources"]
    for resource in resources.values():
        kind, given = resource["Type"], _without_functions(resource.get("Properties", {}), defaults)
        if kind in _OF_TEMPLATE:
            said, name = _OF_TEMPLATE[kind]
            given["Settings"] = given.pop("ClusterSettings", None)
            if kind.endswith("ScalingPolicy"):
                target = resources[resource["Properties"]["ScalingTargetId"]["Ref"]]["Properties"]
                given |= {name: target[name] for name in ("ServiceNamespace", "ScalableDimension")}
                given |= {"ResourceId": given.pop("ScalingTargetId")}
            yield _fact(
                said, given[name], {"tags": given.get("Tags", [])} if said.startswith("tags") else given
            )
        elif kind == "AWS::IAM::Role":
            inline = {one["PolicyName"]: one["PolicyDocument"] for one in given.get("Policies", ())}
            members = {
                "description": given.get("Description"),
                "trust": given["AssumeRolePolicyDocument"]["Statement"],
                "policies": _policies(inline),
                "attached": given.get("ManagedPolicyArns"),
                "tags": given.get("Tags", []),
            }
            yield _fact("role", given.get("RoleName", "of the job runner"), members)
        elif kind == "AWS::EFS::FileSystem":
            policy = given.pop("FileSystemPolicy", None)
            backup = given.pop("BackupPolicy", {}).get("Status") == "ENABLED"
            more = {"backup": backup or None, "lifecycle": given.pop("LifecyclePolicies", None)}
            yield _fact(
                "file system", "", {**given, **more, "policy": policy["Statement"] if policy else None}
            )
        elif kind == "AWS::EFS::AccessPoint":
            yield _fact("access point", given["RootDirectory"]["Path"], given)
        elif kind == "AWS::EFS::MountTarget":
            yield _fact("mount target", "", {key: LINK for key in given if key != "SubnetId"})
        elif kind == "AWS::ApplicationAutoScaling::ScalableTarget":
            (scaled,) = re.findall(r"\$\{(\w+)\.Name\}", json.dumps(resource["Properties"]["ResourceId"]))
            yield _fact("scalable target", resources[scaled]["Properties"]["ServiceName"], given)
        elif kind == "Custom::Job":
            yield _custom_job(resource["Properties"]["Request"], resources, defaults)


def _custom_job(request: Any, resources: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[str, Any]:
    """Read the request of a job: a text of JSON with functions in it."""
    parts = request["Fn::Join"][1] if isinstance(request, Mapping) else [request]
    named = [one["Ref"] for one in parts if isinstance(one, Mapping) and "Ref" in one]
    (family,) = (
        resources[name]["Properties"]["Family"]
        for name in named
        if resources.get(name, {}).get("Type") == "AWS::ECS::TaskDefinition"
    )
    text = "".join(part if isinstance(part, str) else _without_functions(part, defaults) for part in parts)
    return _job({**json.loads(text), "taskDefinition": family})


def _without_functions(value: Any, defaults: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        (first, *_) = [*value, ""]
        if first == "Ref":
            return LINK if defaults.get(value["Ref"]) in (None, "") else defaults[value["Ref"]]
        if first.startswith("Fn::"):
            return LINK
        return {key: _without_functions(item, defaults) for key, item in value.items()}
    return [_without_functions(item, defaults) for item in value] if isinstance(value, list) else value


# -- Terraform -----------------------------------------------------------------------------------------------

_OF_MODULE = {
    "aws_security_group": ("tags of security group", {}),
    "aws_lb": ("tags of load balancer", {}),
    "aws_lb_target_group": ("tags of target group", {}),
    "aws_lb_listener": ("tags of listener", {}),
    "aws_lb_listener_rule": ("tags of rule", {}),
    "aws_ecs_cluster": ("cluster", {"name": "clustername", "setting": "settings"}),
    "aws_service_discovery_http_namespace": ("namespace", {}),
    "aws_service_discovery_private_dns_namespace": ("DNS namespace", {}),
    "aws_service_discovery_service": ("name", {}),
    "aws_cloudwatch_log_group": ("log group", {"name": "loggroupname"}),
    "aws_appautoscaling_target": ("scalable target", {}),
    "aws_appautoscaling_policy": ("scaling policy", {"name": "policyname"}),
    "aws_scheduler_schedule": ("schedule", {}),
    "aws_efs_access_point": ("access point", {}),
}
_BLOCK = re.compile(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_STATED = re.compile(r"^ +(\w+)(?: +=| \{)", re.MULTILINE)
_STATED_AT_THE_TOP = re.compile(r"^  (\w+)(?: +=| \{)", re.MULTILINE)
_DOCUMENT = re.compile(r"= data\.aws_iam_policy_document\.(\w+)\.json")
_OF_ROLE = re.compile(r"^ +role +=.*aws_iam_role\.(\w+)\.", re.MULTILINE)
_NAMED_BY = {"aws_lb_listener": "port", "aws_lb_listener_rule": "priority"}


def of_module(made: Path, resources: list[Mapping[str, Any]]) -> Facts:
    """Take values from the evaluated state, and which of them the module states from its text."""
    texts = "\n".join(path.read_text("utf-8") for path in sorted(made.glob("*.tf")))
    blocks = {(kind, label): body for kind, label, body in _BLOCK.findall(texts)}
    values = {(r["type"], r["name"]): r["values"] for r in resources if r["mode"] == "managed"}
    documents = {
        r["name"]: {"Statement": [_statement(one) for one in r["values"]["statement"]]}
        for r in resources
        if r["mode"] == "data" and r["type"] == "aws_iam_policy_document"
    }
    return {**dict(_of_module(blocks, values, documents)), **dict(_jobs(texts, values))}


def _of_module(
    blocks: Mapping[tuple[str, str], str],
    values: Mapping[tuple[str, str], Mapping[str, Any]],
    documents: Mapping[str, Any],
) -> Iterator[tuple[str, Any]]:
    for (kind, label), body in blocks.items():
        known = values.get((kind, label), {})
        given = {name: known[name] for name in _STATED_AT_THE_TOP.findall(body) if name in known}
        given = {
            k: v if k == "tags" else _stated(v, frozenset(_STATED.findall(body))) for k, v in given.items()
        }
        if kind == "aws_iam_role":
            yield _terraform_role(label, given, body, blocks, documents)
        elif kind == "aws_efs_file_system":
            yield _terraform_files(given, blocks, values)
        elif kind == "aws_efs_mount_target":
            yield _fact("mount target", "", {"SecurityGroups": LINK, "FileSystemId": LINK})
        elif kind in _OF_MODULE:
            said, renamed = _OF_MODULE[kind]
            if kind == "aws_ecs_cluster":
                others = values.get(("aws_ecs_cluster_capacity_providers", label), {})
                given = {**given, "capacityProviders": sorted(others.get("capacity_providers", ()))}
            name = given.get(_NAMED_BY.get(kind, "name")) or given.get("resource_id", "").rpartition("/")[2]
            if kind == "aws_efs_access_point":
                name = given["root_directory"][0]["path"]
            if kind == "aws_scheduler_schedule":
                given = _schedule(given)
            if said.startswith("tags"):
                given = {"tags": given.get("tags")}
            yield _fact(said, name, {renamed.get(key, key): value for key, value in given.items()})


def _schedule(given: Mapping[str, Any]) -> dict[str, Any]:
    """Put the network where the API has it."""
    (target,) = given["target"]
    (parameters,) = target["ecs_parameters"]
    (network,) = parameters["network_configuration"]
    public = "ENABLED" if network["assign_public_ip"] else "DISABLED"
    placed = {"awsvpcConfiguration": {**network, "assign_public_ip": public}}
    ecs = {**parameters, "network_configuration": placed}
    return {**given, "target": {**target, "ecs_parameters": ecs}}


_REQUEST = re.compile(r"^locals \{\n  run_task_(\w+) = (\{.*?^  \})$", re.MULTILINE | re.DOTALL)


def _jobs(text: str, values: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Read the requests of jobs, which are local values: what stands in no state."""
    for label, body in _REQUEST.findall(text):
        if ("terraform_data", f"run_{label}") not in values and f'"run_{label}"' not in text:
            continue  # a schedule runs it
        spelled = re.sub(r"(\w+) += (.+)$", _member, body, flags=re.MULTILINE)
        request = yaml.safe_load(re.sub(r"(?<=[}\]])$", ",", spelled, flags=re.MULTILINE).rstrip(","))
        yield _job({**request, "taskDefinition": values["aws_ecs_task_definition", label]["family"]})


def _member(found: re.Match[str]) -> str:
    value = found[2]
    if value in ("{", "[", "[{"):
        return f"{found[1]}: {value}"
    plain = re.fullmatch(r'"[^"$]*"|\d+|true|false', value)
    listed = re.fullmatch(r"\[(.*)\]", value)
    if listed:
        items = [one if one.startswith('"') else f'"{LINK}"' for one in listed[1].split(", ")]
        value = f"[{', '.join(items)}]"
    return f"{found[1]}: {value if plain or listed else LINK},"


def _stated(values: Any, names: frozenset[str]) -> Any:
    if isinstance(values, Mapping):
        return {
            key: value if key == "tags" else _stated(value, names)
            for key, value in values.items()
            if key in names
        }
    return [_stated(one, names) for one in values] if isinstance(values, list) else values


def _terraform_role(
    label: str,
    given: Mapping[str, Any],
    body: str,
    blocks: Mapping[tuple[str, str], str],
    documents: Mapping[str, Any],
) -> tuple[str, Any]:
    of_it = [(kind, text) for (kind, _), text in blocks.items() if label in _OF_ROLE.findall(text)]
    inline = {
        re.findall(r'^ +name +=(?: each\.key| "(.*)")$', text, re.MULTILINE)[0]: documents[_document(text)]
        for kind, text in of_it
        if kind == "aws_iam_role_policy"
    }
    members = {
        "description": given["description"],
        "trust": documents[_document(body)]["Statement"],
        "policies": _policies(inline),
        "attached": [LINK for kind, _ in of_it if kind == "aws_iam_role_policy_attachment"],
        "tags": given["tags"],
    }
    return _fact("role", given["name"], members)


def _document(text: str) -> str:
    found = _DOCUMENT.search(text)
    assert found, text
    return found[1]


def _statement(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Sid": one["sid"],
        "Principal": {"Service": [i for p in one["principals"] or () for i in p["identifiers"]]},
        "Action": one["actions"],
        "Resource": one["resources"],
        "Condition": {c["test"]: {c["variable"]: c["values"]} for c in one["condition"] or ()},
    }


def _terraform_files(
    given: Mapping[str, Any],
    blocks: Mapping[tuple[str, str], str],
    values: Mapping[tuple[str, str], Mapping[str, Any]],
) -> tuple[str, Any]:
    backup = '"ENABLED"' in blocks.get(("aws_efs_backup_policy", "main"), "")
    policy = values.get(("aws_efs_file_system_policy", "main"))
    more = {
        "backup": backup or None,
        "policy": json.loads(policy["policy"])["Statement"] if policy else None,
        "lifecycle": given.get("lifecycle_policy"),
        "lifecycle_policy": None,
        "creation_token": None,
    }
    return _fact("file system", "", {**given, **more})
