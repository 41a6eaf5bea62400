"""IAM policy documents, as every target writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Resolve, Text, resolve_text
from compose2fargate.aws.resources import Condition, Policy, Role, Statement

VERSION = "2012-10-17"
"""The version of the language, and not a date to renew:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""


def trust_document(role: Role, resolve: Resolve) -> dict[str, Any]:
    """Give the document that says who may assume a role: one AWS service."""
    allowed: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": role.trust.principal},
        "Action": "sts:AssumeRole",
    }
    conditions = _conditions(role.trust.conditions, resolve)
    return {"Version": VERSION, "Statement": [allowed | ({"Condition": conditions} if conditions else {})]}


def policy_document(policy: Policy, resolve: Resolve) -> dict[str, Any]:
    """Give the document of an inline policy."""
    return {"Version": VERSION, "Statement": [dict(_statement(each, resolve)) for each in policy.statements]}


def _statement(statement: Statement, resolve: Resolve) -> Iterator[tuple[str, Any]]:
    yield "Sid", statement.sid
    yield "Effect", "Allow"
    yield "Action", list(statement.actions)
    yield "Resource", [resolve_text(resource, resolve) for resource in statement.resources]
    conditions = _conditions(statement.conditions, resolve)
    if conditions:
        yield "Condition", conditions


def _conditions(conditions: tuple[Condition, ...], resolve: Resolve) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        made.setdefault(condition.test, {})[condition.variable] = _values(condition.values, resolve)
    return made


def _values(values: tuple[Text, ...], resolve: Resolve) -> Any:
    spelled = [resolve_text(value, resolve) for value in values]
    return spelled[0] if len(spelled) == 1 else spelled


def file_system_policy_document() -> dict[str, Any]:
    """Give the policy of a file system that lets in nobody by itself.

    Without a policy EFS lets in every client that reaches a mount target. With one, only what a role allows counts, which for the roles
    of a stack is their own access points; the policy refuses the rest to roles that may do more. It names neither roles nor
    access points, as these are made after the file system.
    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    actions = ("ClientMount", "ClientWrite", "ClientRootAccess")
    refused = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": [f"elasticfilesystem:{action}" for action in actions],
    }
    not_encrypted = {"Bool": {"aws:SecureTransport": "false"}}
    no_access_point = {"Null": {"elasticfilesystem:AccessPointArn": "true"}}
    return {
        "Version": VERSION,
        "Statement": [
            {"Sid": "OnlyByTls", **refused, "Condition": not_encrypted},
            {"Sid": "OnlyThroughAccessPoints", **refused, "Condition": no_access_point},
        ],
    }


def restricts_clients(policy: str) -> bool:
    """Tell whether the policy of a file system, as EFS gives it, holds what `file_system_policy_document` says."""
    given = json.loads(policy).get("Statement", ())
    return all(
        any(own.items() <= statement.items() for statement in given)
        for own in file_system_policy_document()["Statement"]
    )


def is_empty(role: Role) -> bool:
    """Tell whether a role allows nothing, which is what no role allows."""
    return not role.policies and not role.managed_policy_arns


def inline_policy_documents(role: Role, resolve: Resolve) -> Mapping[str, dict[str, Any]]:
    """Give the documents of a role's inline policies by the policy's name."""
    return {policy.name: policy_document(policy, resolve) for policy in role.policies}


def lifecycle_policy(keep: int) -> str:
    """Write a policy that keeps the last `keep` images.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    rule = {
        "rulePriority": 1,
        "description": f"keep the last {keep} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})
