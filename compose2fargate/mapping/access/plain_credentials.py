"""Credentials that stand in plain text where no secret can take their place by itself: in commands, health checks and files.

ECS fills secrets into variables and nowhere else, and a container starts without a shell that would read them. So what stands in the words
of a command is told with the way out, and so is a password that is known from a variable and stands somewhere else again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from compose2fargate.aws.fargate import DOCS
from compose2fargate.aws.stack import parameter_folder
from compose2fargate.compose.model import Service
from compose2fargate.credentials import find_known, is_proposed, is_telling, passwords_in_command
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.files.host_files import project_path
from compose2fargate.mapping.references.reference_reader import config_files
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern

SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"


def known_passwords(services: Iterable[Service]) -> dict[str, str]:
    """Give the passwords that variables hold and that are found again by their text, to the variable: `db.POSTGRES_PASSWORD`.

    One that is the name of a user or a database as well may stand for that wherever it is.
    """
    given = [
        (f"{service.name}.{variable}", variable, str(value))
        for service in services
        for variable, value in service.environment.items()
        if value is not None and is_telling(str(value))
    ]
    names = {value for _, variable, value in given if _NAMES.search(variable)}
    return {
        value: origin
        for origin, variable, value in given
        if value not in names and is_proposed(variable, value) and not _PLACEHOLDER.search(value)
    }


_PLACEHOLDER = lazy_pattern(r"(?i)replace|change|your|example|placeholder|insert|todo|dummy|<|\.\.\.|x{4}")
"""What stands for a value that nobody has set yet: two variables that hold it have nothing in common."""
_NAMES = lazy_pattern(r"(?i)(?:user|name|db|database|login|owner|schema|id)$")


def report_plain_variable(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, name: str, value: str
) -> None:
    """Warn about a variable that stands in plain text and had better be a secret."""
    path: Path = ("services", service.name, "environment", name)
    origin = find_known(value, ctx.passwords) or _of_store(ctx, value)
    if is_proposed(name, value):
        code, what = "C2F230", f"{name} looks like a credential"
    elif origin:
        code, what = "C2F542", f"{name} contains the password of {origin}"
    else:
        return
    findings.warn(
        code,
        path,
        f"{what} and is in plain text in the task definition",
        hint=f"store it in SSM Parameter Store and write under {service.name}: "
        f"x-fargate: {{secrets: {{{name}: /{parameter_folder(ctx.stack)}/{ctx.names[service.name]}/{name}}}}}; "
        "or set secrets: auto for every variable that looks like a credential",
        url=SECRETS_URL,
    )


def _of_store(ctx: TranslationInput, text: str) -> str:
    """Give the variable whose value, the password of a store, stands anywhere in a text: `db.POSTGRES_PASSWORD`, or "".

    It is a secret of the store, so that a copy in plain text gives it away. One that may be any word is one where it stands alone.
    """
    store = ctx.store_passwords.copied_in(text) if ctx.stores else ""
    return f"{store}.{ctx.stores[store].password.name}" if store else ""


def _report_labels(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Warn about each label that holds the password of a store: labels of a task definition are in plain text."""
    for name, value in service.labels.items() if ctx.stores else ():
        if origin := _of_store(ctx, str(value)):
            findings.warn(
                "C2F542",
                ("services", service.name, "labels", name),
                f"the label {name} contains the password of {origin} and is in plain text in the task definition",
                hint="remove it from the label: whoever may read task definitions reads labels",
                url=SECRETS_URL,
            )


def report_plain_credentials(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Warn about each command, health check and label of a service that holds a password."""
    _report_labels(ctx, findings, service)
    for path, words in _commands(service):
        if not words:
            continue
        given = next(passwords_in_command(words), None)
        origin = find_known(" ".join(words), ctx.passwords)
        if given is None and not origin:
            continue
        key = str(path[2])
        same = f" (that of {origin})" if origin else ""
        findings.warn(
            "C2F541",
            path,
            f"the {_WHAT[key]} of {service.name} contains a password{same}, which is in plain text in the task definition",
            hint=f"move it to a variable, make that a secret (x-fargate.secrets or --secrets auto), and let a shell expand it: "
            f"{_HOW[key]} with $${_variable(service, given, origin)} in place of the password",
            url=SECRETS_URL,
        )


def report_passwords_in_files(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Warn about each file of a service's container that holds a password which is known from a variable.

    The line is named and not shown.
    """
    for path, shown, text in _texts(ctx, service) if ctx.passwords else ():
        origin = find_known(text, ctx.passwords)
        if not origin:
            continue
        line = next(n for n, one in enumerate(text.split("\n"), 1) if find_known(one, ctx.passwords))
        variable = origin.rpartition(".")[2]
        findings.warn(
            "C2F529",
            path,
            f"{shown}, line {line}, contains the password of {origin}: it is in plain text in the image or task definition of "
            f"{service.name}, and does not change with the secret",
            hint=f"substitute it when the container starts: write $${variable} (from x-fargate.secrets) in its place and run "
            "sed or envsubst in the entrypoint; or make the file a secret: secrets: with --secret-files init",
            url=SECRETS_URL,
        )


def _texts(ctx: TranslationInput, service: Service) -> Iterator[tuple[Path, str, str]]:
    """Yield the key, the name and the text of each file that the container of a service gets, once."""
    seen: set[str] = set()
    for index, mount in enumerate(service.mounts):
        found = ctx.disk.get(mount.source) if mount.type == "bind" else None
        if found and found.kind == "file" and found.text:
            seen.add(mount.target)
            shown = project_path(ctx.project, mount.source) or mount.source
            yield ("services", service.name, "volumes", index), shown, found.text
    for file in config_files(ctx.project, service, ctx.disk, ctx.images.get(service.name)):
        if file.target not in seen:
            seen.add(file.target)
            yield file.path, file.shown or file.target, file.text


_WHAT = {"command": "command", "entrypoint": "entrypoint", "healthcheck": "health check"}
_HOW = {
    "command": 'command: ["sh", "-c", "exec PROGRAM …"]',
    "entrypoint": 'entrypoint: ["sh", "-c", "exec PROGRAM …"]',
    "healthcheck": 'test: ["CMD-SHELL", "…"]',
}


def _commands(service: Service) -> Iterator[tuple[Path, Sequence[str]]]:
    own: Path = ("services", service.name)
    check = service.healthcheck
    yield (*own, "command"), service.command or ()
    yield (*own, "entrypoint"), service.entrypoint or ()
    yield (*own, "healthcheck", "test"), check.test if check and not check.disable else ()


def _variable(service: Service, given: str | None, origin: str) -> str:
    """Give the variable of the service that holds the password, or a name for one."""
    held: Mapping[str | None, str] = {value: name for name, value in service.environment.items()}
    return held.get(given) or origin.rpartition(".")[2] or "PASSWORD"
