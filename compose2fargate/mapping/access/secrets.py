"""Secrets: where their values are kept, and how containers read them. The values themselves are never looked at.

A secret that the compose file defines (`file:`, `environment:`) becomes a parameter of SSM Parameter Store, or a secret
of Secrets Manager where it is too large for that or where it is asked for. Either has a name that does not depend on
what else is in the project, `/<stack>/<name>`, and is part of the stack; its value is not. External secrets are read
from where their name says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref, Tag, Text
from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.ownership import ownership_tags
from compose2fargate.aws.resources import ManagedSecret, Secret, SecretParameter
from compose2fargate.aws.stack import parameter_folder
from compose2fargate.compose.model import FileSource, Service
from compose2fargate.credentials import find_known, is_proposed
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.files.host_files import MISSING
from compose2fargate.mapping.stores.managed_store import ManagedStore
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.lazy_patterns import lazy_pattern

PARAMETER_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
MANAGER_URL = f"{DOCS}/secrets-envvar-secrets-manager.html"
PARAMETER_BYTES = 4096
"""What a standard parameter holds: https://docs.aws.amazon.com/general/latest/gr/ssm.html"""
MANAGER_BYTES = 65536
"""What Secrets Manager holds: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"""


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


def chosen_secrets(service: Service) -> Mapping[str, str]:
    """Give the variables for which the file names a parameter or secret."""
    given = options_of(service).get("secrets")
    return given if isinstance(given, Mapping) else {}


def automatic_secrets(ctx: TranslationInput, service: Service) -> tuple[str, ...]:
    """Give the variables that become secrets because they look like credentials: nothing unless asked for.

    The password of a store that AWS runs is one in any case, in the store itself and wherever a client has it.
    """
    asked = "auto" in (options_of(service).get("secrets"), ctx.settings.secrets)
    if not (asked or ctx.stores):
        return ()
    named = chosen_secrets(service)
    if own := ctx.stores.get(service.name):
        return (own.password.name,) if own.password.kind == "variable" else ()
    return tuple(
        name
        for name, value in sorted(service.environment.items())
        if name not in named
        and (
            (asked and _is_secret_variable(ctx, name, value))
            or (ctx.stores and ctx.store_passwords.held_by(name, value))
        )
    )


def _is_secret_variable(ctx: TranslationInput, name: str, value: str | None) -> bool:
    """Tell whether a variable is better kept as a secret: by itself, or as it holds the password of another one."""
    text = "unknown" if value is None else str(value)
    return is_proposed(name, text) or bool(ctx.passwords and find_known(text, ctx.passwords))


def find_shared_secrets(ctx: TranslationInput) -> dict[tuple[str, str], tuple[str, str]]:
    """Give the service and variable under whose names the value of each automatic secret is kept: equal values are kept once.

    The name is that of a service which others depend on, where there is one: the password of a database is kept under
    the database's name. What a `pre_start` hook inherits is its service's.
    """
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for service in _services_with_secrets(ctx):
        for variable in automatic_secrets(ctx, service):
            value = service.environment[variable]
            # Without a value it comes from the variable of that name of whoever deploys.
            same = ("variable", variable) if value is None else ("value", str(value))
            alike.setdefault(same, []).append((service.name, variable))
    return {
        use: min(
            uses,
            key=lambda one: (one[0] in ctx.hooks, one[0] not in ctx.stores, one[0] not in ctx.needed, one),
        )
        for uses in alike.values()
        for use in uses
    }


def _services_with_secrets(ctx: TranslationInput) -> Iterator[Service]:
    """Yield every service, and the stores that AWS runs, which read a password as well."""
    yield from ctx.project.services.values()
    yield from (store.service for store in ctx.stores.values())


def store_password(ctx: TranslationInput, store: ManagedStore) -> Ref:
    """Give the link to the value of a store's password, which only the emitters know how to read."""
    kind, name = store.password
    if kind == "variable":
        return Ref(_automatic_id(ctx, store.service, name), "value")
    return Ref(f"secret/{name if kind == 'secret' else ctx.names[store.service.name] + '-password'}", "value")


def secret_variables(ctx: TranslationInput, service: Service) -> tuple[Secret, ...]:
    """Give the variables of a service that are filled from a store when its task starts."""
    named: dict[str, Text] = {name: str(value) for name, value in chosen_secrets(service).items()}
    own: dict[str, Text] = {
        name: _automatic_reference(ctx, service, name) for name in automatic_secrets(ctx, service)
    }
    return tuple(Secret(name, value) for name, value in sorted({**named, **own}.items()))


def _automatic_reference(ctx: TranslationInput, service: Service, variable: str) -> Ref:
    store = _store(ctx.settings, {}, len(service.environment[variable] or ""))
    return Ref(_automatic_id(ctx, service, variable), _ATTRIBUTE[store])


def report_automatic(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Name the parameters that variables became because they look like credentials."""
    for variable in automatic_secrets(ctx, service):
        name = _automatic_name(ctx, service, variable)
        store = _store(ctx.settings, {}, len(service.environment[variable] or ""))
        _report(findings, ("services", service.name, "environment", variable), variable, name, store)


def _automatic_id(ctx: TranslationInput, service: Service, variable: str) -> str:
    owner, kept = ctx.secrets[service.name, variable]
    name = f"{ctx.names[owner]}-{kept}"
    return f"secret/{name}-variable" if name in ctx.project.secrets else f"secret/{name}"


def _automatic_name(ctx: TranslationInput, service: Service, variable: str) -> str:
    owner, kept = ctx.secrets[service.name, variable]
    store = _store(ctx.settings, {}, len(service.environment[variable] or ""))
    return _name(ctx.stack, f"{ctx.names[owner]}/{kept}", store)


def _name(stack: str, name: str, store: str = "ssm") -> str:
    """Give a secret's name in AWS.

    Secrets Manager adds six characters to the name in an ARN. A name that ends as such an ARN does could not be told from one:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
    """
    made = f"/{parameter_folder(stack)}/{name}"
    return f"{made}-value" if store == "secretsmanager" and _LIKE_AN_ARN.search(made) else made


_LIKE_AN_ARN = lazy_pattern(r"-[A-Za-z0-9]{6}$")


# -- secrets of the compose file -----------------------------------------------------------------------------


def secret_reference(ctx: TranslationInput, findings: TranslationFindings, name: str, path: Path) -> Text:
    """Give what a container reads the compose secret `name` from; say what has to exist for that."""
    source = ctx.project.secrets.get(name)
    if source is None or source.external:
        return source.name if source else _name(ctx.stack, name)
    store = _store_of(ctx, source)
    _report(findings, path, f"secret {name}", _name(ctx.stack, name, store), store)
    return Ref(f"secret/{name}", _ATTRIBUTE[store])


def _report(findings: TranslationFindings, path: Path, what: str, name: str, store: str) -> None:
    """Say where a value is read from: AWS starts no task while it is not there."""
    where = "SSM parameter" if store == "ssm" else "Secrets Manager secret"
    put = _PUT[store].format(name=name)
    findings.info(
        "C2F285",
        path,
        f"{what} is read from the {where} {name}, which must exist",
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


def _store_of(ctx: TranslationInput, source: FileSource) -> str:
    raw = (ctx.project.tree.get("secrets") or {}).get(source.key) or {}
    size = ctx.disk.get(source.file or f"${source.environment}", MISSING).size
    return _store(ctx.settings, raw.get("x-fargate") or {}, size)


def _store(settings: Settings, own: Mapping[str, Any], size: int) -> str:
    asked = str(own.get("store") or settings.secrets_store or "ssm")
    return asked if size <= PARAMETER_BYTES else "secretsmanager"


# -- resources -----------------------------------------------------------------------------------------------


def secret_resources(ctx: TranslationInput) -> dict[str, SecretParameter | ManagedSecret]:
    """Give the stores of the secrets that this stack reads and the compose file defines, without their values."""
    made: dict[str, SecretParameter | ManagedSecret] = {}
    for secret in stack_secrets(ctx):
        if secret.logical_id:
            kind = SecretParameter if secret.store == "ssm" else ManagedSecret
            made[secret.logical_id] = kind(secret.name, _description(ctx.stack, secret), _tags(ctx))
    return made


def _description(stack: str, secret: StackSecret) -> str:
    return f"{secret.name.rsplit('/', 1)[-1]} of {stack}"


def _tags(ctx: TranslationInput) -> tuple[Tag, ...]:
    given = ownership_tags(ctx.project.name, ctx.settings.environment)
    return tuple(Tag(key, value) for key, value in given.items())


def stack_secrets(ctx: TranslationInput) -> tuple[StackSecret, ...]:
    """Give every secret that the stack reads, each once, by name."""
    found = {secret.name: secret for service in _services_with_secrets(ctx) for secret in _read(ctx, service)}
    return tuple(found[name] for name in sorted(found))


def _read(ctx: TranslationInput, service: Service) -> Iterator[StackSecret]:
    for name in automatic_secrets(ctx, service):
        value = service.environment[name]
        yield StackSecret(
            _automatic_id(ctx, service, name),
            _automatic_name(ctx, service, name),
            _store(ctx.settings, {}, len(value or "")),
            "environment" if value is None else "variable",
            name if value is None else ".".join(ctx.secrets[service.name, name]),
        )
    if store := ctx.stores.get(service.name):
        if store.password.kind == "secret":
            yield _defined(ctx, ctx.project.secrets[store.password.name])
        elif store.password.kind == "external":
            yield StackSecret("", store.password.name, _kind_of(store.password.name), "external", "")
        return
    for name in chosen_secrets(service).values():
        yield StackSecret("", str(name), _kind_of(str(name)), "external", "")
    for file in ctx.plans[service.name].written:
        if isinstance(file.value, str):
            yield StackSecret("", file.value, _kind_of(file.value), "external", "")
        elif isinstance(file.value, Ref):
            yield _defined(ctx, ctx.project.secrets[file.value.logical_id.removeprefix("secret/")])


def _kind_of(name: str) -> str:
    return "secretsmanager" if ":secretsmanager:" in name else "ssm"


def _defined(ctx: TranslationInput, source: FileSource) -> StackSecret:
    kind = "file" if source.file else "environment"
    origin = source.file or source.environment or ""
    store = _store_of(ctx, source)
    return StackSecret(f"secret/{source.key}", _name(ctx.stack, source.key, store), store, kind, origin)
