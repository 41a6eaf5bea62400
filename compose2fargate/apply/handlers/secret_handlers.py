"""Secrets in Parameter Store and Secrets Manager."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    idempotency_token,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
)
from compose2fargate.aws import resources as aws
from compose2fargate.credentials import is_placeholder
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class _SecretHandler(Handler):
    """Secrets: found by name. Values are written by `secrets push`; here they are neither compared nor kept."""

    keeps_data = True

    def has_value(self, found: FoundResource, context: HandlerContext) -> bool:
        """Tell whether a secret that exists has a value, and not what stands for one.

        Whoever may not read it is told that it has one: that is what ECS finds out.
        """
        try:
            value = read_or_none(self, lambda: self._value(found, context))
        except context.account.client_error as error:
            if error_code(error) not in _DENIED:
                raise
            return True
        return value is not None and not is_placeholder(value)

    def _value(self, found: FoundResource, context: HandlerContext) -> str:
        raise NotImplementedError


class SecretParameterHandler(_SecretHandler):
    """SecureStrings of SSM Parameter Store; one cannot exist without a value, so it is made with its value only."""

    kind = aws.SecretParameter
    missing = frozenset({"ParameterNotFound", "InvalidResourceId"})
    exists = frozenset({"ParameterAlreadyExists"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        return next(
            iter(self._read(context, [{"Key": "Name", "Option": "Equals", "Values": [want["name"]]}])), None
        )

    def _read(self, context: HandlerContext, filters: list[Json]) -> Iterable[FoundResource]:
        ssm = context.account.client("ssm")
        for one in context.account.pages(
            "ssm", "describe_parameters", "Parameters", ParameterFilters=filters
        ):
            name = one["Name"]
            answer = read_or_none(
                self, partial(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId=name)
            )
            tags = tags_from((answer or {}).get("TagList"))
            state = {"name": name, "description": one.get("Description"), "tags": shown_tags(tags)}
            arn = one.get("ARN") or ssm.get_parameter(Name=name)["Parameter"]["ARN"]
            yield FoundResource(name, {"name": name, "arn": arn}, normalise_state(state), tags, one, name)

    def _value(self, found: FoundResource, context: HandlerContext) -> str:
        answer = context.account.client("ssm").get_parameter(Name=found.key, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the parameters with our tags."""
        filters = [{"Key": f"tag:{key}", "Values": [value]} for key, value in context.owner.tags.items()]
        return [one for one in self._read(context, filters) if context.owner.owns(one.tags or {})]

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Write the first value."""
        value = context.secret_value(want["name"])
        context.account.client("ssm").put_parameter(
            Name=want["name"],
            Description=want.get("description", ""),
            Value=value,
            Type="SecureString",
            Tags=tag_list(want["tags"]),
        )
        return self.finish(want, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the tags; a description can be written with a value only, and is then."""
        ssm = context.account.client("ssm")
        if "description" in changed:
            ssm.put_parameter(
                Name=found.key,
                Description=want.get("description", ""),
                Value=context.secret_value(want["name"]),
                Type="SecureString",
                Overwrite=True,
            )
        if "tags" in changed:
            ssm.add_tags_to_resource(
                ResourceType="Parameter", ResourceId=found.key, Tags=tag_list(want["tags"])
            )
            surplus = surplus_tags(found, want)
            if surplus:
                ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=found.key, TagKeys=surplus)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        ssm = context.account.client("ssm")
        delete_when_free(self, lambda: ssm.delete_parameter(Name=found.key), context)


class ManagedSecretHandler(_SecretHandler):
    """Secrets of Secrets Manager."""

    kind = aws.ManagedSecret
    missing = frozenset({"ResourceNotFoundException"})
    exists = frozenset({"ResourceExistsException"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name; one that is waiting for its deletion is restored when it is wanted again."""
        client = context.account.client("secretsmanager")
        answer = read_or_none(self, lambda: client.describe_secret(SecretId=want["name"]))
        return self._found(answer) if answer and not answer.get("DeletedDate") else None

    def _found(self, one: Json) -> FoundResource:
        tags = tags_from(one.get("Tags"))
        state = {"name": one["Name"], "description": one.get("Description"), "tags": shown_tags(tags)}
        return FoundResource(
            one["ARN"],
            {"name": one["Name"], "arn": one["ARN"]},
            normalise_state(state),
            tags,
            one,
            one["Name"],
        )

    def _value(self, found: FoundResource, context: HandlerContext) -> str:
        """Read the current version; AWS refuses where there is none. What is no text stands for nothing else."""
        answer = context.account.client("secretsmanager").get_secret_value(SecretId=found.key)
        return str(answer.get("SecretString", "binary"))

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the secrets with our tags."""
        keys = [{"Key": "tag-key", "Values": list(context.owner.tags)}]
        for one in context.account.pages("secretsmanager", "list_secrets", "SecretList", Filters=keys):
            if context.owner.owns(tags_from(one.get("Tags"))) and not one.get("DeletedDate"):
                yield self._found(one)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it with its first value, or take back one of the same name that was to be deleted."""
        client = context.account.client("secretsmanager")
        there = read_or_none(self, lambda: client.describe_secret(SecretId=want["name"]))
        if there and there.get("DeletedDate"):
            return self._take_back(self._found(there), want, context)
        made = client.create_secret(
            Name=want["name"],
            Description=want.get("description", ""),
            SecretString=context.secret_value(want["name"]),
            ClientRequestToken=idempotency_token("secret", want["name"], *context.owner),
            Tags=tag_list(want["tags"]),
        )
        return FoundResource(made["ARN"], {"name": want["name"], "arn": made["ARN"]}, want, want["tags"])

    def _take_back(self, found: FoundResource, want: Json, context: HandlerContext) -> FoundResource:
        """Undo a deletion: the name is not free before it ends. The secret keeps its value, and stays whose it is.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html
        """
        if not context.owner.owns(found.tags or {}):
            raise AwsError(_deleted_by_others(found.name))
        context.account.client("secretsmanager").restore_secret(SecretId=found.key)
        return self.update(found, want, frozenset({"tags", "description"}), context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the description and the tags."""
        client = context.account.client("secretsmanager")
        if "description" in changed:
            client.update_secret(SecretId=found.key, Description=want.get("description", ""))
        if "tags" in changed:
            client.tag_resource(SecretId=found.key, Tags=tag_list(want["tags"]))
            surplus = surplus_tags(found, want)
            if surplus:
                client.untag_resource(SecretId=found.key, TagKeys=surplus)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Let it be deleted in a week: until then it can be taken back."""
        client = context.account.client("secretsmanager")
        delete_when_free(
            self, lambda: client.delete_secret(SecretId=found.key, RecoveryWindowInDays=7), context
        )


SECRET_HANDLERS: Mapping[type[Any], _SecretHandler] = {
    aws.SecretParameter: SecretParameterHandler(),
    aws.ManagedSecret: ManagedSecretHandler(),
}


def _deleted_by_others(name: str) -> Diagnostic:
    return Diagnostic(
        "C2F498",
        Severity.ERROR,
        f"secret {name} belongs to another owner and is scheduled for deletion, so its name is still in use",
        hint=f"restore it: aws secretsmanager restore-secret --secret-id {shlex.quote(name)}, then apply --adopt; "
        "or use another name: --environment NAME",
        url="https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_restore-secret.html",
    )
