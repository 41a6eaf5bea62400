"""IAM policy documents, as every target writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.resources import Policy, Role, Statement
from compose2fargate.aws.values import Resolve, Text, resolve_text

VERSION = "2012-10-17"
"""The version of the language, and not a date to renew:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""


def trust_document(role: Role) -> dict[str, Any]:
    """Give the document that says who may assume a role: one AWS service."""
    allowed = {"Effect": "Allow", "Principal": {"Service": role.principal}, "Action": "sts:AssumeRole"}
    return {"Version": VERSION, "Statement": [allowed]}


def policy_document(policy: Policy, resolve: Resolve) -> dict[str, Any]:
    """Give the document of an inline policy."""
    return {"Version": VERSION, "Statement": [dict(_statement(each, resolve)) for each in policy.statements]}


def _statement(statement: Statement, resolve: Resolve) -> Iterator[tuple[str, Any]]:
    yield "Sid", statement.sid
    yield "Effect", "Allow"
    yield "Action", list(statement.actions)
    yield "Resource", [resolve_text(resource, resolve) for resource in statement.resources]
    conditions: dict[str, dict[str, Any]] = {}
    for condition in statement.conditions:
        conditions.setdefault(condition.test, {})[condition.variable] = _values(condition.values, resolve)
    if conditions:
        yield "Condition", conditions


def _values(values: tuple[Text, ...], resolve: Resolve) -> Any:
    spelled = [resolve_text(value, resolve) for value in values]
    return spelled[0] if len(spelled) == 1 else spelled


def is_empty(role: Role) -> bool:
    """Tell whether a role allows nothing, which is what no role allows."""
    return not role.policies and not role.managed_policy_arns


def documents(role: Role, resolve: Resolve) -> Mapping[str, dict[str, Any]]:
    """Give the documents of a role's inline policies by the policy's name."""
    return {policy.name: policy_document(policy, resolve) for policy in role.policies}
