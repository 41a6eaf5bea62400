"""IAM roles with their inline policies."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

from compose2fargate.apply.aws_client.account import error_text
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, resolve_text
from compose2fargate.aws.policies import inline_policy_documents, trust_document
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.text.lazy_patterns import lazy_pattern

_REGION = lazy_pattern(r"\barn:[a-z-]+:(?:ecs|scheduler):([a-z0-9-]+):")


class RoleHandler(Handler):
    """Roles: found by name; policies are compared as a whole, each by its name."""

    kind = aws.Role
    missing = frozenset({"NoSuchEntity"})
    exists = frozenset({"EntityAlreadyExists"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Write policies as IAM does."""
        members = {
            "roleName": resource.role_name,
            "description": resource.description,
            "trust": _sorted_policy(trust_document(resource, resolve)),
            "policies": {
                name: _sorted_policy(text)
                for name, text in inline_policy_documents(resource, resolve).items()
            },
            "managedPolicies": sorted(
                (resolve_text(arn, resolve) for arn in resource.managed_policy_arns), key=str
            ),
            "tags": wanted_tags(resource, context.owner),
        }
        return normalise_state(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        iam = context.account.client("iam")
        answer = read_or_none(self, lambda: iam.get_role(RoleName=want["roleName"]))
        return self._found(answer["Role"], context) if answer else None

    def _found(self, role: Json, context: HandlerContext) -> FoundResource:
        iam, name = context.account.client("iam"), role["RoleName"]
        tags = tags_from(role.get("Tags"))
        names = list(context.account.pages("iam", "list_role_policies", "PolicyNames", RoleName=name))
        attached = list(
            context.account.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        )
        policies = {
            one: _sorted_policy(
                _document(iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"])
            )
            for one in names
        }
        state = {
            "roleName": name,
            "description": role.get("Description"),
            "trust": _sorted_policy(_document(role["AssumeRolePolicyDocument"])),
            "policies": policies,
            "managedPolicies": sorted(one["PolicyArn"] for one in attached),
            "tags": shown_tags(tags),
        }
        return FoundResource(
            name, {"name": name, "arn": role["Arn"]}, normalise_state(state), tags, name=name
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the roles whose name begins with the stack's, and keep those with our tags and of this region.

        A role that names no region, as ECS' own for EBS volumes, is of the region that the others name.
        """
        ours = []
        for role in context.account.pages("iam", "list_roles", "Roles"):
            if role["RoleName"].startswith(context.owner.beginning):
                found = self.find({"roleName": role["RoleName"]}, context)
                if found and context.owner.owns(found.tags or {}):
                    ours.append(found)
        here, named = context.account.region, {self.region_of(found) for found in ours} - {""}
        meant = {here} if not named or here in named else set()
        yield from (found for found in ours if (self.region_of(found) or next(iter(meant), "")) == here)

    def region_of(self, found: FoundResource) -> str:
        """Read it in the trust policy: roles are the account's, and only for resources of one region may they be assumed."""
        in_trust = _REGION.search(json.dumps(found.state.get("trust", {})))
        return in_trust[1] if in_trust else ""

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it with its policies."""
        iam, name = context.account.client("iam"), want["roleName"]
        made = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(want["trust"]),
            Description=want.get("description", ""),
            Tags=tag_list(want["tags"]),
        )["Role"]
        found = FoundResource(name, {"name": name, "arn": made["Arn"]}, {}, want["tags"])
        return self.update(found, want, frozenset({"policies", "managedPolicies"}), context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Bring each part to what is wanted."""
        for member in sorted(changed):
            _PARTS[member](context.account.client("iam"), found, want)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Take its policies away, then the role."""
        account, name = context.account, found.key
        iam = account.client("iam")

        def delete() -> None:
            for policy in list(account.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)):
                read_or_none(self, partial(iam.delete_role_policy, RoleName=name, PolicyName=policy))
            for one in list(
                account.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
            ):
                read_or_none(self, partial(iam.detach_role_policy, RoleName=name, PolicyArn=one["PolicyArn"]))
            iam.delete_role(RoleName=name)

        try:
            delete_when_free(self, delete, context)
        except account.client_error as error:
            if "instance profile" in error_text(error):
                raise AwsError(_in_profile(name)) from None
            raise


def _in_profile(name: str) -> Diagnostic:
    return Diagnostic(
        "C2F499",
        Severity.ERROR,
        f"role {name} cannot be deleted because it is in an instance profile; its policies were removed",
        hint=f"aws iam list-instance-profiles-for-role --role-name {shlex.quote(name)} finds it; aws iam "
        f"remove-role-from-instance-profile --role-name {shlex.quote(name)} --instance-profile-name NAME, then run it again",
        url="https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html",
    )


def _policies(iam: Any, found: FoundResource, want: Json) -> None:
    there: Mapping[str, Any] = found.state.get("policies", {})
    for name, text in want.get("policies", {}).items():
        if there.get(name) != text:
            iam.put_role_policy(RoleName=found.key, PolicyName=name, PolicyDocument=json.dumps(text))
    for name in there:
        if name not in want.get("policies", {}):
            iam.delete_role_policy(RoleName=found.key, PolicyName=name)


def _managed(iam: Any, found: FoundResource, want: Json) -> None:
    there, wanted = found.state.get("managedPolicies", []), want.get("managedPolicies", [])
    for arn in wanted:
        if arn not in there:
            iam.attach_role_policy(RoleName=found.key, PolicyArn=arn)
    for arn in there:
        if arn not in wanted:
            iam.detach_role_policy(RoleName=found.key, PolicyArn=arn)


def _tags(iam: Any, found: FoundResource, want: Json) -> None:
    iam.tag_role(RoleName=found.key, Tags=tag_list(want["tags"]))
    surplus = surplus_tags(found, want)
    if surplus:
        iam.untag_role(RoleName=found.key, TagKeys=surplus)


_PARTS: Mapping[str, Callable[[Any, FoundResource, Json], Any]] = {
    "policies": _policies,
    "managedPolicies": _managed,
    "tags": _tags,
    "trust": lambda iam, found, want: iam.update_assume_role_policy(
        RoleName=found.key, PolicyDocument=json.dumps(want["trust"])
    ),
    "description": lambda iam, found, want: iam.update_role(
        RoleName=found.key, Description=want.get("description", "")
    ),
}


def _document(text: Any) -> Json:
    """Read a policy as boto3 gives it: decoded, or as the text in a URL that the API answers with."""
    read: Json = json.loads(unquote(text)) if isinstance(text, str) else dict(text)
    return read


def _sorted_policy(policy: Json) -> Json:
    """Normalise: one or several, in any order, mean the same."""
    return {**policy, "Statement": [_sorted_statement(one) for one in policy.get("Statement", [])]}


def _sorted_statement(statement: Json) -> Json:
    shown = dict(statement)
    for member in ("Action", "Resource"):
        if member in shown:
            value = shown[member]
            shown[member] = sorted(
                [value] if isinstance(value, str) or not isinstance(value, (list, tuple)) else value, key=str
            )
    conditions = shown.get("Condition")
    if conditions:
        shown["Condition"] = {
            test: {
                name: sorted([v] if isinstance(v, str) or not isinstance(v, list) else v, key=str)
                for name, v in tests.items()
            }
            for test, tests in conditions.items()
        }
    return shown
