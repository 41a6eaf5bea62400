"""Roles and their policies as Terraform blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from compose2fargate.aws.resources import (
    Condition,
    Policy,
    Role,
    Statement,
    Trust,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.resource_graph import policy_text
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclExpression,
)
from compose2fargate.emitters.terraform.terraform_blocks import (
    RenderScope,
    arguments,
    nested_block,
    numbered_suffix,
    resource_block,
    second_block,
    tags_argument,
)


def trust_labels(stack: Stack) -> dict[Trust, str]:
    """Name the documents that say who may take roles, by what they say: `assume_ecs_tasks` for `ecs-tasks.amazonaws.com`."""
    made: dict[Trust, str] = {}
    counted: Counter[str] = Counter()
    for _, role in stack.of_type(Role):
        if role.trust not in made:
            service = re.sub(r"[^A-Za-z0-9]+", "_", role.trust.principal.removesuffix(".amazonaws.com"))
            made[role.trust] = f"assume_{service}{numbered_suffix(counted[service])}"
            counted[service] += 1
    return made


def assume_roles(scope: RenderScope) -> Iterator[HclBlock]:
    """Give the documents that let services of AWS take roles."""
    for (principal, conditions), label in scope.trusts.items():
        principals = nested_block("principals", {"type": "Service", "identifiers": [principal]})
        items = (principals, *(_condition(scope, condition) for condition in conditions))
        statement = HclBlock("statement", (), (HclAttribute("actions", ["sts:AssumeRole"]), *items))
        yield HclBlock("data", ("aws_iam_policy_document", label), (statement,))


def render_role(scope: RenderScope, logical_id: str, role: Role) -> Iterator[HclBlock]:
    """Render a role."""
    label = scope.trusts[role.trust]
    assume = f"data.aws_iam_policy_document.{label}.json"
    values = {
        "name": role.role_name,
        "description": role.description,
        "assume_role_policy": HclExpression(assume),
    }
    yield resource_block(scope, logical_id, arguments(values), tags_argument(scope, role.tags))
    name = HclExpression(f"{scope.addresses.address(logical_id)}.name")
    for index, policy in enumerate(role.policies):
        suffix = numbered_suffix(index)
        document = scope.addresses.labels[logical_id] + suffix
        yield _document(scope, document, policy)
        json = HclExpression(f"data.aws_iam_policy_document.{document}.json")
        inline = arguments({"name": policy.name, "role": name, "policy": json})
        yield second_block(scope, logical_id, "aws_iam_role_policy", inline, suffix=suffix)
    for index, arn in enumerate(role.managed_policy_arns):
        attached = arguments({"role": name, "policy_arn": scope.addresses.text(arn)})
        yield second_block(
            scope, logical_id, "aws_iam_role_policy_attachment", attached, suffix=numbered_suffix(index)
        )


def _document(scope: RenderScope, name: str, policy: Policy) -> HclBlock:
    statements = tuple(_statement(scope, statement) for statement in policy.statements)
    return HclBlock("data", ("aws_iam_policy_document", name), statements)


def _statement(scope: RenderScope, statement: Statement) -> HclBlock:
    values = {
        "sid": statement.sid or None,
        "actions": list(statement.actions),
        "resources": [_policy_text(scope, resource) for resource in statement.resources],
    }
    return nested_block("statement", values, *(_condition(scope, c) for c in statement.conditions))


def _policy_text(scope: RenderScope, text: Any) -> Any:
    return scope.addresses.text(policy_text(scope.stack, text))


def _condition(scope: RenderScope, condition: Condition) -> HclBlock:
    values = [_policy_text(scope, value) for value in condition.values]
    return nested_block(
        "condition", {"test": condition.test, "variable": condition.variable, "values": values}
    )
