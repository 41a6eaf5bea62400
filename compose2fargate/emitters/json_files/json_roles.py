"""The roles of the json target: their policies as documents to review, and the calls that make them.

Task roles with permissions are written, and the role with which ECS makes EBS volumes. The execution role and the scheduler's are those
that an account usually has; a role that allows nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from compose2fargate.aws.api_values import Resolve, resolve_text
from compose2fargate.aws.policies import inline_policy_documents, is_empty, trust_document
from compose2fargate.aws.resources import Role
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.json_files.script_variables import tag_arguments
from compose2fargate.text.shell_text import json_option, option

FOLDER = "roles"


def _task_roles(stack: Stack) -> Iterator[tuple[str, Role]]:
    """Yield file name and role of each task role that allows anything."""
    for logical_id, role in stack.of_type(Role):
        if logical_id in stack.files and not is_empty(role):
            yield stack.files[logical_id], role


def _own_roles(stack: Stack) -> Iterator[tuple[str, Role]]:
    """Yield the task roles as `task_roles` does, then the role of ECS itself, which serves all and has no file name."""
    yield from _task_roles(stack)
    for logical_id, role in stack.of_type(Role):
        if logical_id == "infrastructure-role":
            yield "", role


def _trust_document_path(role: Role) -> str:
    """Give the path of the document that says who may assume a role, by the service that may: `ecs-tasks`, `ecs`."""
    return f"{FOLDER}/trust/{role.trust.principal.partition('.')[0]}.json"


def role_documents(stack: Stack, resolve: Resolve) -> dict[str, Any]:
    """Give the documents by path: who may assume the roles, and what each may do."""
    made: dict[str, Any] = {}
    for file, role in _own_roles(stack):
        made[_trust_document_path(role)] = trust_document(role, resolve)
        for document in inline_policy_documents(role, resolve).values():
            made[f"{FOLDER}/{file}.json"] = document
    return made


def role_calls(stack: Stack, resolve: Resolve, document: Callable[[str], str]) -> list[str]:
    """Give the calls of the AWS CLI that make the roles; `document` hands a file over, filled in where it has placeholders."""
    calls = []
    for file, role in _own_roles(stack):
        name = option("role-name", role.role_name)
        calls.append(
            f"once aws iam create-role {name} --assume-role-policy-document {document(_trust_document_path(role))} "
            f"{option('description', role.description)} {json_option('tags', tag_arguments(role.tags))}"
        )
        path = f"{FOLDER}/{file}.json"  # there is one where there is a policy
        calls.extend(
            f"aws iam put-role-policy {name} --policy-document {document(path)} {option('policy-name', policy.name)}"
            for policy in role.policies
        )
        calls.extend(
            f"aws iam attach-role-policy {name} {option('policy-arn', str(resolve_text(arn, resolve)))}"
            for arn in role.managed_policy_arns
        )
    return calls
