"""What a service says about its store, as settings of the service that AWS runs: users, parameters, what is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.files.host_files import HostFile
from compose2fargate.mapping.stores.engines import SIZED_BY_CLASS, Parameter, StoreEngine
from compose2fargate.mapping.stores.managed_store import (
    EXTERNAL,
    SECRET,
    VARIABLE,
    ManagedStore,
    StorePassword,
)
from compose2fargate.mapping.stores.store_report import StoreReport
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

LOST, LOGIN = "C2F573", "C2F574"
_SIZE = lazy_pattern(r"(?i)(\d+)\s*(b|kb|k|mb|m|gb|g|ms|s|min|h)?")
_BYTES = {"b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}
_MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}


class Login(NamedTuple):
    """Who administers a database, its first database, and where the password comes from."""

    user: str
    database: str
    password: StorePassword


def find_login(project: Project, service: Service, engine: StoreEngine, report: StoreReport) -> Login:
    """Give the administrator of a database as the image's variables say."""
    given = service.environment
    user = _first(given, engine.user)
    if user or not engine.root:
        name = user or "postgres"
        password = _password(project, service, engine.password)
    else:
        name, password = "root", _password(project, service, engine.root)
    database = _first(given, engine.database) or (name if not engine.root else "")
    path: Path = ("services", service.name, "environment")
    if not password.kind:
        report.refuse(
            LOGIN,
            path,
            f"{service.name} says no password for {name}, and {engine.service} has none without",
            hint=f"give {(engine.password if user or not engine.root else engine.root)[0]} to {service.name} and its clients",
        )
    _check_login(service, engine, name, database, password, report)
    _report_lost_variables(service, engine, report)
    return Login(name, "" if database == "postgres" else database, password)


def _report_lost_variables(service: Service, engine: StoreEngine, report: StoreReport) -> None:
    path: Path = ("services", service.name, "environment")
    for name in (f"{name}_FILE" for name in (*engine.user, *engine.database)):
        if name in service.environment:
            report.refuse(
                LOGIN,
                (*path, name),
                f"{name} of {service.name} names a file, and {engine.service} needs the name in it when it is made",
                hint=f"write it into {name.removesuffix('_FILE')}: it is no secret",
            )
    for name in ("POSTGRES_INITDB_ARGS", "POSTGRES_INITDB_WALDIR"):
        if service.environment.get(name):
            report.warn(
                LOST,
                (*path, name),
                f"{name} of {service.name} does not carry over: RDS makes databases in UTF-8 with the collation en_US.UTF-8",
                hint="CREATE DATABASE … TEMPLATE template0 LOCALE … makes one with another collation",
            )


def _first(given: Mapping[str, str | None], names: tuple[str, ...]) -> str:
    return next((str(given[name]) for name in names if given.get(name)), "")


def _password(project: Project, service: Service, names: tuple[str, ...]) -> StorePassword:
    """Find where a password comes from: a secret that is named, a variable, or a file of a secret."""
    chosen = (service.extensions.get("x-fargate") or {}).get("secrets")
    for name in names:
        if isinstance(chosen, Mapping) and name in chosen:
            return StorePassword(EXTERNAL, str(chosen[name]))
        if name in service.environment:
            return StorePassword(VARIABLE, name)
        file = service.environment.get(f"{name}_FILE")
        for grant in service.secrets if file else ():
            target = grant.target or grant.source
            if file == (target if target.startswith("/") else f"/run/secrets/{target}"):
                source = project.secrets.get(grant.source)
                if source and source.external:
                    return StorePassword(EXTERNAL, source.name)
                return StorePassword(SECRET, grant.source)
    return StorePassword()


_ARN_PARTS = 7
"""Parts of the ARN of a secret. What ECS takes after them is a key in the secret, a stage and a version:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""


def _check_login(
    service: Service,
    engine: StoreEngine,
    user: str,
    database: str,
    password: StorePassword,
    report: StoreReport,
) -> None:
    path: Path = ("services", service.name, "environment")
    if user.lower() in engine.reserved or not re.fullmatch(engine.users, user):
        report.refuse(
            LOGIN,
            path,
            f"{engine.service} takes no administrator called {user}",
            hint=f"another name in {engine.user[0]} of {service.name} and in its clients",
        )
    if database and not re.fullmatch(r"[A-Za-z]\w{0,62}", database, re.ASCII):
        report.refuse(
            LOGIN,
            path,
            f"{engine.service} takes no database called {database}: it begins with a letter, and has letters, digits and _",
            hint=f"another name in {engine.database[0]} of {service.name} and in its clients",
        )
    if password.kind == EXTERNAL and any(password.name.split(":")[_ARN_PARTS:]):
        report.refuse(
            LOGIN,
            ("services", service.name, "x-fargate", "secrets"),
            f"the password of {service.name} is one key of a secret, and {engine.service} takes a whole secret",
            hint="put the password alone into a secret of its own, and name that one",
        )
    value = service.environment.get(password.name) if password.kind == VARIABLE else None
    form, said = engine.passwords
    if value is not None and not re.fullmatch(form, str(value)):
        report.refuse(
            LOGIN,
            (*path, password.name),
            f"{engine.service} does not take the password in {password.name} of {service.name}: it takes {said}",
            hint="give another one to the service and its clients",
        )


def check_secret_size(
    project: Project,
    service: Service,
    engine: StoreEngine,
    password: StorePassword,
    disk: Mapping[str, HostFile],
    report: StoreReport,
) -> None:
    """Hold a password that is a secret to what its length says alone: secrets are measured here, and not read."""
    source = project.secrets.get(password.name) if password.kind == SECRET else None
    if source is None:
        return
    found = disk.get(source.file or f"${source.environment}")
    form, said = engine.passwords
    if (
        found is None
        or found.kind not in ("file", "variable")
        or re.fullmatch(form, "x" * min(found.size, 999))
    ):
        return
    report.refuse(
        LOGIN,
        ("secrets", password.name),
        f"{engine.service} does not take the password in the secret {password.name} of {service.name}: it takes {said}",
        hint="give another one to the service and its clients, in a file without a line end",
    )


# -- parameters ----------------------------------------------------------------------------------------------


def find_parameters(service: Service, engine: StoreEngine, report: StoreReport) -> dict[str, str]:
    """Give the settings in a service's command that carry over, as the parameter group has them; say which do not."""
    found: dict[str, str] = {}
    lost: list[str] = []
    for name, value in _settings(engine, (*(service.entrypoint or ()), *(service.command or ()))):
        known = engine.parameters.get(name)
        converted = _converted(known, value) if known else None
        if known and converted is not None:
            found[known.name] = converted
        elif name not in ("requirepass", "port", "bind", "protected-mode", "listen_addresses"):
            lost.append(name)
    path: Path = ("services", service.name, "command")
    sized = [name for name in lost if name in SIZED_BY_CLASS]
    others = [name for name in lost if name not in SIZED_BY_CLASS]
    if sized:
        report.info(LOST, path, f"{engine.service} sets {', '.join(sized)} by the memory of the class")
    if others:
        report.warn(
            LOST,
            path,
            f"{', '.join(others)} of the command of {service.name} {'do' if others[1:] else 'does'} not carry over to {engine.service}",
            hint=f"x-fargate: {{managed: {{parameters: {{NAME: value}}}}}} under {service.name} sets what its parameter group has",
        )
    return found


def _settings(engine: StoreEngine, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the settings in a command: `-c name=value` of PostgreSQL, `--name=value` of MySQL, `--name value` of Redis."""
    text = (
        " ".join(words).split()
        if len(words) == 1 or (words and words[0] in ("sh", "/bin/sh"))
        else list(words)
    )
    for at, word in enumerate(text):
        after = text[at + 1] if at + 1 < len(text) else ""
        if engine.name == "postgres":
            if word == "-c" and "=" in after:
                yield _pair(after)
            elif word.startswith("-c") and "=" in word:
                yield _pair(word[2:])
        elif word.startswith("--") and "=" in word:
            name, value = _pair(word[2:])
            yield (name if engine.is_cache else name.replace("-", "_")), value
        elif word.startswith("--"):
            plain = "" if after.startswith("--") else after
            yield (word[2:] if engine.is_cache else word[2:].replace("-", "_")), plain or "1"


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip().strip("'\"")


def _converted(parameter: Parameter, value: str) -> str | None:
    """Give a value in the unit of the parameter group, which takes plain numbers; None where it is none."""
    if not parameter.unit:
        return value or None
    found = _SIZE.fullmatch(value)
    if not found:
        return None
    unit = (found[2] or "").lower()
    if not unit:
        return found[1]
    if parameter.unit < 0:
        return str(int(found[1]) * _MILLISECONDS[unit]) if unit in _MILLISECONDS else None
    return str(int(found[1]) * _BYTES[unit] // parameter.unit) if unit in _BYTES else None


def asks_for_password(service: Service) -> bool:
    """Whether a cache of the Redis kind asks for a password."""
    words = " ".join((*(service.entrypoint or ()), *(service.command or ())))
    return "requirepass" in words or any(
        name in ("REDIS_PASSWORD", "VALKEY_PASSWORD", "REDIS_PASSWORD_FILE", "KEYDB_PASSWORD")
        for name in service.environment
    )


def report_lost_files(store: ManagedStore, report: StoreReport) -> None:
    """Say of each file that the container read, and AWS does not."""
    service, engine = store.service, store.engine
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        if engine.scripts and mount.target.startswith(engine.scripts):
            report.warn(
                LOST,
                path,
                f"{engine.service} does not run what stands in {engine.scripts}: the database begins empty",
                hint=f"run the scripts once against {store.host}, as a job (x-fargate: {{job: true}}) of an image with the client",
            )
        elif mount.type == "bind":
            report.warn(
                LOST,
                path,
                f"{engine.service} does not read {mount.target}",
                hint="set what it says by x-fargate.managed.parameters",
            )
    for index, grant in enumerate(service.configs):
        at: Path = ("services", service.name, "configs", index)
        report.warn(
            LOST,
            at,
            f"{engine.service} does not read the config {grant.source}",
            hint="set what it says by x-fargate.managed.parameters",
        )
