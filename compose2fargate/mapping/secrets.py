"""Secrets: where their values are kept, and how containers read them. The values themselves are never looked at.

A secret that the compose file defines (`file:`, `environment:`) becomes a parameter of SSM Parameter Store, or a secret
of Secrets Manager where it is too large for that or where it is asked for. Either has a name that does not depend on
what else is in the project, `/<stack>/<name>`, and is part of the stack; its value is not. External secrets are read
from where their name says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.resources import ManagedSecret, Secret, SecretParameter
from compose2fargate.aws.values import Ref, Tag, Text
from compose2fargate.compose.model import FileSource, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.mapping.disk import MISSING

PARAMETER_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
MANAGER_URL = f"{DOCS}/secrets-envvar-secrets-manager.html"
PARAMETER_BYTES = 4096
"""What a standard parameter holds: https://docs.aws.amazon.com/general/latest/gr/ssm.html"""
MANAGER_BYTES = 65536
"""What Secrets Manager holds: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""

CREDENTIAL = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|SECRET|TOKEN|CREDENTIALS?|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING)_?KEY)(?:$|_)",
    re.IGNORECASE,
)
"""Names of environment variables whose values are credentials more often than not."""
_NOT_CREDENTIAL = re.compile(
    r"_(?:FILE|PATH|DIR|EXPIRY|EXPIRES|EXPIRATION|TTL|LENGTH|NAME|ENABLED|URL|TYPE)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_SWITCHES = frozenset({"true", "false", "yes", "no", "on", "off", "0", "1"})  # ALLOW_EMPTY_PASSWORD=yes


class StackSecret(NamedTuple):
    """A secret that the stack reads, and where its value comes from. The value is not part of it.

    Attributes:
        logical_id: The resource that holds it; "" for one that exists already.
        name: Its name in SSM Parameter Store or Secrets Manager, or its ARN.
        store: `ssm` or `secretsmanager`.
        kind: `file`, `environment` (of whoever deploys), `variable` (of a service, in the compose file) or `external`.
        source: The file's path, the variable's name, `SERVICE.NAME`, or "" for an external one.
    """

    logical_id: str
    name: str
    store: str
    kind: str
    source: str


# -- which variables are secrets -----------------------------------------------------------------------------


def is_credential(name: str, value: str) -> bool:
    """Tell whether a variable looks like a credential, by its name or by a password in a URL."""
    named = _names_credential(name) and value.lower() not in _SWITCHES
    return bool(value and (named or _URL_PASSWORD.match(value)))


@cache  # services have the same variables
def _names_credential(name: str) -> bool:
    return CREDENTIAL.search(name) is not None and _NOT_CREDENTIAL.search(name) is None


def chosen(service: Service) -> Mapping[str, str]:
    """Give the variables for which the file names a parameter or secret."""
    given = options_of(service).get("secrets")
    return given if isinstance(given, Mapping) else {}


def automatic(ctx: Context, service: Service) -> tuple[str, ...]:
    """Give the variables that become secrets because they look like credentials: nothing unless asked for."""
    if "auto" not in (options_of(service).get("secrets"), ctx.settings.secrets):
        return ()
    named = chosen(service)
    return tuple(
        name
        for name, value in sorted(service.environment.items())
        if name not in named and is_credential(name, "unknown" if value is None else str(value))
    )


def variables(ctx: Context, service: Service) -> tuple[Secret, ...]:
    """Give the variables of a service that are filled from a store when its task starts."""
    named: dict[str, Text] = {name: str(value) for name, value in chosen(service).items()}
    own: dict[str, Text] = {
        name: _automatic_reference(ctx, service, name) for name in automatic(ctx, service)
    }
    return tuple(Secret(name, value) for name, value in sorted({**named, **own}.items()))


def _automatic_reference(ctx: Context, service: Service, variable: str) -> Ref:
    store = _store(ctx, {}, len(service.environment[variable] or ""))
    return Ref(_automatic_id(ctx, service, variable), _ATTRIBUTE[store])


def report_automatic(ctx: Context, service: Service) -> None:
    """Name the parameters that variables became because they look like credentials."""
    for variable in automatic(ctx, service):
        name = f"/{ctx.stack}/{ctx.names[service.name]}/{variable}"
        store = _store(ctx, {}, len(service.environment[variable] or ""))
        _report(ctx, ("services", service.name, "environment", variable), variable, name, store)


def _automatic_id(ctx: Context, service: Service, variable: str) -> str:
    name = f"{ctx.names[service.name]}-{variable}"
    return f"secret/{name}-variable" if name in ctx.project.secrets else f"secret/{name}"


# -- secrets of the compose file -----------------------------------------------------------------------------


def reference(ctx: Context, name: str, path: Path) -> Text:
    """Give what a container reads the compose secret `name` from; say what has to exist for that."""
    source = ctx.project.secrets.get(name)
    if source is None or source.external:
        return source.name if source else f"/{ctx.stack}/{name}"
    store = _store_of(ctx, source)
    _report(ctx, path, f"secret {name}", f"/{ctx.stack}/{name}", store)
    return Ref(f"secret/{name}", _ATTRIBUTE[store])


def _report(ctx: Context, path: Path, what: str, name: str, store: str) -> None:
    """Say where a value is read from: AWS starts no task while it is not there."""
    where = "SSM parameter" if store == "ssm" else "Secrets Manager secret"
    put = _PUT[store].format(name=name)
    ctx.info(
        "C2F285",
        path,
        f"{what} is read from the {where} {name}, which has to exist",
        hint=put,
        url=_URLS[store],
    )


_PUT = {
    "ssm": "aws ssm put-parameter --type SecureString --name {name} --value file://…",
    "secretsmanager": "aws secretsmanager create-secret --name {name} --secret-string file://…",
}
_URLS = {"ssm": PARAMETER_URL, "secretsmanager": MANAGER_URL}
# ECS takes the name of a parameter, but the ARN of a secret.
_ATTRIBUTE = {"ssm": "name", "secretsmanager": "arn"}


def _store_of(ctx: Context, source: FileSource) -> str:
    raw = (ctx.project.tree.get("secrets") or {}).get(source.key) or {}
    size = ctx.disk.get(source.file or f"${source.environment}", MISSING).size
    return _store(ctx, raw.get("x-fargate") or {}, size)


def _store(ctx: Context, own: Mapping[str, Any], size: int) -> str:
    asked = str(own.get("store") or ctx.settings.secrets_store or "ssm")
    return asked if size <= PARAMETER_BYTES else "secretsmanager"


# -- resources -----------------------------------------------------------------------------------------------


def resources(ctx: Context) -> dict[str, SecretParameter | ManagedSecret]:
    """Give the stores of the secrets that this stack reads and the compose file defines, without their values."""
    made: dict[str, SecretParameter | ManagedSecret] = {}
    for secret in stack_secrets(ctx):
        if secret.logical_id:
            kind = SecretParameter if secret.store == "ssm" else ManagedSecret
            made[secret.logical_id] = kind(secret.name, _description(ctx, secret), _tags(ctx))
    return made


def _description(ctx: Context, secret: StackSecret) -> str:
    return f"{secret.name.rsplit('/', 1)[-1]} of {ctx.stack}"


def _tags(ctx: Context) -> tuple[Tag, ...]:
    given = [Tag("compose2fargate:project", ctx.project.name)]
    if ctx.settings.environment:
        given.append(Tag("compose2fargate:environment", ctx.settings.environment))
    return tuple(given)


def stack_secrets(ctx: Context) -> tuple[StackSecret, ...]:
    """Give every secret that the stack reads, each once, by name."""
    found = {
        secret.name: secret for service in ctx.project.services.values() for secret in _read(ctx, service)
    }
    return tuple(found[name] for name in sorted(found))


def _read(ctx: Context, service: Service) -> Iterator[StackSecret]:
    for name in automatic(ctx, service):
        value = service.environment[name]
        yield StackSecret(
            _automatic_id(ctx, service, name),
            f"/{ctx.stack}/{ctx.names[service.name]}/{name}",
            _store(ctx, {}, len(value or "")),
            "environment" if value is None else "variable",
            name if value is None else f"{service.name}.{name}",
        )
    for name in chosen(service).values():
        yield StackSecret("", str(name), _kind_of(str(name)), "external", "")
    for file in ctx.plans[service.name].written:
        if isinstance(file.value, str):
            yield StackSecret("", file.value, _kind_of(file.value), "external", "")
        elif isinstance(file.value, Ref):
            yield _defined(ctx, ctx.project.secrets[file.value.logical_id.removeprefix("secret/")])


def _kind_of(name: str) -> str:
    return "secretsmanager" if ":secretsmanager:" in name else "ssm"


def _defined(ctx: Context, source: FileSource) -> StackSecret:
    kind = "file" if source.file else "environment"
    origin = source.file or source.environment or ""
    return StackSecret(
        f"secret/{source.key}", f"/{ctx.stack}/{source.key}", _store_of(ctx, source), kind, origin
    )
