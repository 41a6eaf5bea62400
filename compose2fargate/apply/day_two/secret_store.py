"""Which secrets exist in AWS, and writing them. A value is held while it is written, and told to nobody but AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from compose2fargate.apply.aws_client.account import diagnose_error, error_code, translated_errors
from compose2fargate.apply.aws_client.hidden_texts import hide_in_text
from compose2fargate.apply.day_two.ecs_reads import call_all
from compose2fargate.apply.deployment.read_state import wanted_state
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers import handler_of
from compose2fargate.apply.handlers.handler import FoundResource, HandlerContext, Json, NoSecretValueError
from compose2fargate.aws.ownership import PROJECT_TAG
from compose2fargate.aws.resources import ManagedSecret
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.records import NamedTuple

CREATED, FILLED, OVERWRITTEN, KEPT, REFUSED = "created", "filled", "overwritten", "kept", "refused"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class SecretName(NamedTuple):
    """A secret that a stack reads.

    Attributes:
        name: Its name or ARN in AWS.
        store: `ssm` or `secretsmanager`.
        logical_id: The resource of the stack that holds it; "" for one that the user makes.
    """

    name: str
    store: str
    logical_id: str = ""


class StoredSecret(NamedTuple):
    """What AWS knows of a secret.

    Attributes:
        exists: Whether it is there; None where that may not be asked.
        owner: `ours`, `other` (another stack's), or "" where nothing is said.
        found: What is there.
        has_value: Whether it holds more than a placeholder; only asked of secrets of the stack.
    """

    exists: bool | None
    owner: str = ""
    found: FoundResource | None = None
    has_value: bool = True


def look_up_secrets(deployment: Deployment, secrets: Iterable[SecretName]) -> dict[str, StoredSecret]:
    """Say of each secret whether it exists, by name.

    Raises:
        AwsError: AWS cannot be asked.
    """
    with translated_errors("looking for secrets"):
        return call_all({one.name: partial(_there, deployment, one) for one in secrets})


def _there(deployment: Deployment, secret: SecretName) -> StoredSecret:
    try:
        if secret.logical_id:
            return _own(deployment, secret)
        return StoredSecret(_EXISTS[secret.store](deployment.account, secret.name))
    except deployment.account.client_error as error:
        if error_code(error) not in _DENIED:
            raise
        return StoredSecret(None)


def _own(deployment: Deployment, secret: SecretName) -> StoredSecret:
    handler, want = _handler(deployment, secret)
    found = handler.find(want, deployment.context)
    if found is None:
        return StoredSecret(exists=False)
    tags = found.tags or {}
    owner = "ours" if deployment.context.owner.owns(tags) else "other" if PROJECT_TAG in tags else ""
    return StoredSecret(True, owner, found, owner == "other" or handler.has_value(found, deployment.context))


def _handler(deployment: Deployment, secret: SecretName) -> tuple[Any, Json]:
    stack = deployment.stack
    resource = stack.resources[secret.logical_id]
    want = wanted_state(stack, secret.logical_id, resource, str, deployment.context)
    return handler_of(resource), want


def _parameter_exists(account: Any, name: str) -> bool:
    name = name.partition(":parameter")[2] or name
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    return any(account.pages("ssm", "describe_parameters", "Parameters", ParameterFilters=filters))


def _secret_exists(account: Any, name: str) -> bool:
    """Look for a secret; what follows its ARN (a JSON key, a version) is not looked at: that needs its value."""
    try:
        answer = account.client("secretsmanager").describe_secret(SecretId=":".join(name.split(":")[:7]))
    except account.client_error as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return False
    return not answer.get("DeletedDate")


_EXISTS = {"ssm": _parameter_exists, "secretsmanager": _secret_exists}


# -- writing


class PushedSecret(NamedTuple):
    """What became of one secret.

    Attributes:
        name: Its name in AWS.
        status: created, filled (it was there without a value), overwritten, kept (it has a value) or refused.
        problem: Why it was refused.
    """

    name: str
    status: str
    problem: Diagnostic | None = None


def push_secret_values(
    deployment: Deployment, secrets: Iterable[SecretName], *, overwrite: bool = False
) -> list[PushedSecret]:
    """Write the values of secrets of the stack; one that has a value keeps it unless `overwrite`. A placeholder is none.

    Raises:
        AwsError: AWS refuses; the text does not hold a value.
    """
    chosen = list(secrets)
    there = look_up_secrets(deployment, chosen)
    return [_push(deployment, one, there[one.name], overwrite=overwrite) for one in chosen]


def _push(
    deployment: Deployment, secret: SecretName, there: StoredSecret, *, overwrite: bool
) -> PushedSecret:
    if there.owner == "other":
        message = f"{secret.name} belongs to another stack and is left unchanged"
        return _refused(
            secret, "C2F489", message, "use another project name or --environment for separate names"
        )
    if there.exists and there.has_value and not overwrite:
        return PushedSecret(secret.name, KEPT)
    try:
        value = deployment.context.secret_value(secret.name)
    except NoSecretValueError:
        return _refused(secret, "C2F488", f"the value of {secret.name} is not known here", "")
    if not value:
        return _refused(
            secret, "C2F488", f"the value of {secret.name} is empty, which AWS does not accept", ""
        )
    _write(deployment, secret, there, value)
    return PushedSecret(
        secret.name, (OVERWRITTEN if there.has_value else FILLED) if there.exists else CREATED
    )


def _refused(secret: SecretName, code: str, message: str, hint: str) -> PushedSecret:
    return PushedSecret(secret.name, REFUSED, Diagnostic(code, Severity.ERROR, message, hint=hint))


def _write(deployment: Deployment, secret: SecretName, there: StoredSecret, value: str) -> None:
    """Write one value, and see to it that no error quotes it: AWS's validation errors show what they were given."""
    account = deployment.account
    try:
        if there.found is not None:
            _overwrite(deployment, secret, there.found, value)
        else:
            handler, want = _handler(deployment, secret)
            context: HandlerContext = deployment.context._replace(secret_value=lambda _: value)
            made = handler.create(want, context)
            if (made.extra or {}).get("DeletedDate"):  # taken back, with the value that it had
                _overwrite(deployment, secret, made, value)
    except account.client_error as error:
        hide_value(error.response, value)
        diagnostic = diagnose_error(error, f"writing {secret.name}")
        assert diagnostic is not None  # noqa: S101 - it is an error of AWS
        raise AwsError(diagnostic) from None
    except Exception as error:
        diagnostic = diagnose_error(error, f"writing {secret.name}")
        if diagnostic is None:
            raise
        raise AwsError(diagnostic._replace(message=hide_in_text(diagnostic.message, value))) from None


def _overwrite(deployment: Deployment, secret: SecretName, found: FoundResource, value: str) -> None:
    account = deployment.account
    if isinstance(deployment.stack.resources[secret.logical_id], ManagedSecret):
        account.client("secretsmanager").put_secret_value(
            SecretId=found.key, SecretString=value, ClientRequestToken=str(uuid4())
        )
        return
    account.client("ssm").put_parameter(Name=secret.name, Value=value, Type="SecureString", Overwrite=True)


def hide_value(response: Mapping[str, Any], value: str) -> None:
    """Hide a value in an answer of AWS that refuses."""
    error = response.get("Error", {})
    if "Message" in error:
        error["Message"] = hide_in_text(str(error["Message"]), value)
