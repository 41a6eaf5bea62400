"""Which secrets exist in AWS, and writing them. A value is held while it is written, and told to nobody but AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from compose2fargate.apply.account import diagnose, error_code, translated
from compose2fargate.apply.calling import together
from compose2fargate.apply.deploy import Deployment
from compose2fargate.apply.differences import masked
from compose2fargate.apply.handlers import handler_of
from compose2fargate.apply.handlers.core import PROJECT_TAG, Context, Found, Json, NoSecretValueError
from compose2fargate.apply.observe import wanted
from compose2fargate.aws.resources import ManagedSecret
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

CREATED, OVERWRITTEN, KEPT, REFUSED = "created", "overwritten", "kept", "refused"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class Named(NamedTuple):
    """A secret that a stack reads.

    Attributes:
        name: Its name or ARN in AWS.
        store: `ssm` or `secretsmanager`.
        logical_id: The resource of the stack that holds it; "" for one that the user makes.
    """

    name: str
    store: str
    logical_id: str = ""


class There(NamedTuple):
    """What AWS knows of a secret.

    Attributes:
        exists: Whether it is there; None where that may not be asked.
        owner: `ours`, `other` (another stack's), or "" where nothing is said.
        found: What is there.
    """

    exists: bool | None
    owner: str = ""
    found: Found | None = None


def look(deployment: Deployment, secrets: Iterable[Named]) -> dict[str, There]:
    """Say of each secret whether it exists, by name.

    Raises:
        AwsError: AWS cannot be asked.
    """
    with translated("looking for secrets"):
        return together({one.name: partial(_there, deployment, one) for one in secrets})


def _there(deployment: Deployment, secret: Named) -> There:
    try:
        if secret.logical_id:
            return _own(deployment, secret)
        return There(_EXISTS[secret.store](deployment.account, secret.name))
    except deployment.account.client_error as error:
        if error_code(error) not in _DENIED:
            raise
        return There(None)


def _own(deployment: Deployment, secret: Named) -> There:
    handler, want = _handler(deployment, secret)
    found = handler.find(want, deployment.context)
    if found is None:
        return There(exists=False)
    tags = found.tags or {}
    owner = "ours" if deployment.context.owner.owns(tags) else "other" if PROJECT_TAG in tags else ""
    return There(exists=True, owner=owner, found=found)


def _handler(deployment: Deployment, secret: Named) -> tuple[Any, Json]:
    stack = deployment.stack
    resource = stack.resources[secret.logical_id]
    want = wanted(stack, secret.logical_id, resource, str, deployment.context)
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


class Pushed(NamedTuple):
    """What became of one secret.

    Attributes:
        name: Its name in AWS.
        status: created, overwritten, kept (it has a value) or refused.
        problem: Why it was refused.
    """

    name: str
    status: str
    problem: Diagnostic | None = None


def push(deployment: Deployment, secrets: Iterable[Named], *, overwrite: bool = False) -> list[Pushed]:
    """Write the values of secrets of the stack; one that has a value keeps it unless `overwrite`.

    Raises:
        AwsError: AWS refuses; the text does not hold a value.
    """
    chosen = list(secrets)
    there = look(deployment, chosen)
    return [_push(deployment, one, there[one.name], overwrite=overwrite) for one in chosen]


def _push(deployment: Deployment, secret: Named, there: There, *, overwrite: bool) -> Pushed:
    if there.owner == "other":
        message = f"{secret.name} belongs to another stack, and is left alone"
        return _refused(
            secret, "C2F489", message, "another project name or --environment gives names of its own"
        )
    if there.exists and not overwrite:
        return Pushed(secret.name, KEPT)
    try:
        value = deployment.context.secret_value(secret.name)
    except NoSecretValueError:
        return _refused(secret, "C2F488", f"the value of {secret.name} is not known here", "")
    if not value:
        return _refused(secret, "C2F488", f"the value of {secret.name} is empty, which AWS does not take", "")
    _write(deployment, secret, there, value)
    return Pushed(secret.name, OVERWRITTEN if there.exists else CREATED)


def _refused(secret: Named, code: str, message: str, hint: str) -> Pushed:
    return Pushed(secret.name, REFUSED, Diagnostic(code, Severity.ERROR, message, hint=hint))


def _write(deployment: Deployment, secret: Named, there: There, value: str) -> None:
    """Write one value, and see to it that no error quotes it: AWS's validation errors show what they were given."""
    account = deployment.account
    try:
        if there.found is not None:
            _overwrite(deployment, secret, there.found, value)
        else:
            handler, want = _handler(deployment, secret)
            context: Context = deployment.context._replace(secret_value=lambda _: value)
            made = handler.create(want, context)
            if (made.extra or {}).get("DeletedDate"):  # taken back, with the value that it had
                _overwrite(deployment, secret, made, value)
    except account.client_error as error:
        hide(error.response, value)
        diagnostic = diagnose(error, f"writing {secret.name}")
        assert diagnostic is not None  # noqa: S101 - it is an error of AWS
        raise AwsError(diagnostic) from None
    except Exception as error:
        diagnostic = diagnose(error, f"writing {secret.name}")
        if diagnostic is None:
            raise
        raise AwsError(diagnostic._replace(message=masked(diagnostic.message, value))) from None


def _overwrite(deployment: Deployment, secret: Named, found: Found, value: str) -> None:
    account = deployment.account
    if isinstance(deployment.stack.resources[secret.logical_id], ManagedSecret):
        account.client("secretsmanager").put_secret_value(
            SecretId=found.key, SecretString=value, ClientRequestToken=str(uuid4())
        )
        return
    account.client("ssm").put_parameter(Name=secret.name, Value=value, Type="SecureString", Overwrite=True)


def hide(response: Mapping[str, Any], value: str) -> None:
    """Hide a value in an answer of AWS that refuses."""
    error = response.get("Error", {})
    if "Message" in error:
        error["Message"] = masked(str(error["Message"]), value)
