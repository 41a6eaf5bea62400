"""Ports that a service does not name itself: those at which others talk to it, and the one its own health check asks.

Compose lets containers reach each other on any port. On Fargate a name answers on the ports that Service Connect is told, and
security groups let nothing else in, so a port that only a variable names is opened for it.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.images.image_catalogue import store_at
from compose2fargate.mapping.references.addresses import MAX_PORT
from compose2fargate.mapping.references.reference_graph import Reference, said_by
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern
from compose2fargate.text.sentences import listed

REFERRED = "C2F519"
CHECKED = "C2F520"
CONNECT_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html"


class NamedPort(NamedTuple):
    """A port, its protocol, and the key that names it."""

    number: int
    protocol: str
    path: Path


def referred_ports(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, known: Collection[int]
) -> Iterator[NamedPort]:
    """Yield the ports at which other tasks talk to a service and that it does not name, and say so."""
    if service.name in ctx.jobs or service.name in ctx.groups.inits:
        return
    for (number, protocol), references in sorted(ctx.references.ports_of(service.name).items()):
        users = [one for one in references if _is_apart(ctx.groups, one)]
        if users and number not in known:
            _report(
                ctx.project, findings, service, f"{number}/udp" if protocol == "udp" else f"{number}", users
            )
            yield NamedPort(number, protocol, users[0].mention.path)


def _is_apart(groups: TaskGroups, one: Reference) -> bool:
    """Whether a service is named from another task, or by itself."""
    leaders = groups.leaders
    return one.user == one.target or leaders.get(one.user) != leaders.get(one.target)


def _report(
    project: Project,
    findings: TranslationFindings,
    service: Service,
    number: str,
    references: Sequence[Reference],
) -> None:
    first = references[0].mention
    users = list(dict.fromkeys(one.user for one in references))
    who = f"{listed(users)} {'use' if users[1:] else 'uses'}"
    findings.report.append(
        Diagnostic(
            REFERRED,
            Severity.INFO,
            f"port {number} of {service.name} is opened because {who} it ({said_by(references[0])})",
            first.path,
            first.place or project.at(*first.path),
            f'write expose: ["{number}"] under {service.name} to declare it',
            CONNECT_URL,
        )
    )


# -- labels and variables of proxies --------------------------------------------------------------------------

_TRAEFIK = lazy_pattern(r"traefik\.(?:http|tcp)\.services\.[^.]+\.loadbalancer\.server\.port", re.IGNORECASE)
_UPSTREAMS = lazy_pattern(r"\{\{\s*upstreams\s+(?:https?\s+)?([0-9]{1,5})\s*\}\}")


def labelled_ports(findings: TranslationFindings, service: Service) -> Iterator[NamedPort]:
    """Yield the ports at which a proxy is told to find a service: Traefik and Caddy by labels, nginx-proxy by a variable."""
    own: Path = ("services", service.name)
    told = [
        ((*own, "labels", key), str(value))
        for key, value in service.labels.items()
        if _TRAEFIK.fullmatch(key)
    ]
    for key, value in service.labels.items() if not told else ():
        if key.startswith("caddy") and (found := _UPSTREAMS.search(str(value))):
            told.append(((*own, "labels", key), found[1]))
    if port := service.environment.get("VIRTUAL_PORT"):
        told.append(((*own, "environment", "VIRTUAL_PORT"), str(port)))
    ports = {int(text): path for path, text in told if text.isdecimal() and len(text) <= len("65535")}
    for number, path in ports.items():
        if 0 < number <= MAX_PORT:
            findings.info(
                REFERRED,
                path,
                f"port {number} of {service.name} is opened because a proxy is configured to use it ({path[-1]})",
                hint=f'write expose: ["{number}"] under {service.name} to declare it',
                url=CONNECT_URL,
            )
            yield NamedPort(number, "tcp", path)


_OWN_PORT = (
    "PORT",
    "SERVER_PORT",
    "HTTP_PORT",
    "APP_PORT",
    "LISTEN_PORT",
    "SERVICE_PORT",
    "NODE_PORT",
    "UVICORN_PORT",
    "FLASK_RUN_PORT",
)


def variable_port(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> Iterator[NamedPort]:
    """Yield the port that a variable tells a service to listen on, where others need the service and nothing else says one."""
    built = ctx.images.get(service.name)
    path: Path = ("services", service.name)
    if service.name in ctx.jobs or not (service.name in ctx.needed or ctx.references.is_named(service.name)):
        return
    for name in _OWN_PORT:
        own = name in service.environment
        text = (
            str(service.environment.get(name) or "")
            if own
            else str((built.env if built else {}).get(name) or "")
        )
        if text.isdecimal() and len(text) <= len("65535") and 0 < int(text) <= MAX_PORT:
            at = (*path, "environment", name) if own else (*path, "build")
            findings.info(
                REFERRED,
                at,
                f"port {int(text)} of {service.name} is opened because {name} tells it to listen there",
                hint=f'write expose: ["{int(text)}"] under {service.name} to declare it',
                url=CONNECT_URL,
            )
            yield NamedPort(int(text), "tcp", at)
            return


def volume_port(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> Iterator[NamedPort]:
    """Yield where a store of an image that is not known listens, by the volume with its data; a helper that others need not has none."""
    if service.name in ctx.jobs or not (service.name in ctx.needed or ctx.references.is_named(service.name)):
        return
    for index, mount in enumerate(service.mounts):
        store = store_at(mount.target) if not mount.read_only else None
        if store:
            number, path = next(iter(store.opens)), ("services", service.name, "volumes", index)
            findings.info(
                "C2F227",
                path,
                f"{service.name} names no port; {number} is where {store.name} listens, which keeps its data at {mount.target}",
                hint=f"expose: {json.dumps([str(number)])} says so in the file",
                url=CONNECT_URL,
            )
            yield NamedPort(number, "tcp", path)
            return


# -- health checks -------------------------------------------------------------------------------------------

_SELF = lazy_pattern(
    r"(?:(?P<scheme>https?)://)?(?<![\w.-])(?:localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|\$\(hostname\))"
    r"(?:[:\s/]\s*(?P<port>\d{2,5})(?![\w.]))?(?!:)"
)
_BARE = lazy_pattern(
    r"(?:(?<=[\s=\"'])|^):(?P<bare>\d{2,5})(?![\w.:])"
    r"|(?<![\w-])--port[=\s]\s*(?P<long>\d{2,5})(?!\w)"
    r"|\b(?:pg_isready|psql|(?:redis|valkey|keydb)-cli)\s(?:[^;&|]{0,200}\s)?-p\s*(?P<small>\d{2,5})(?!\w)"
    r"|\b(?:mysql|mariadb)(?:-?admin)?\s(?:[^;&|]{0,200}\s)?-P\s*(?P<large>\d{2,5})(?!\w)"
    r"|\bport[\"']?\s*[:=,]\s*[\"']?(?P<code>\d{2,5})(?!\w)"
)
"""A port without a host, as clients take it that ask their own machine: `-addr=:50051`, `pg_isready -p 5433`, `{port: 3000}`."""
_ELSEWHERE = lazy_pattern(
    r"(?:(?<!\S)(?:-h|--host)[=\s]\s*|\bhost[\"']?\s*[:=]\s*[\"'])(?!localhost|127\.|0\.0\.0\.0)[\w.-]+"
)
_VARIABLE = lazy_pattern(r"\$(?:\{(\w+)(?::?-([^{}$]*))?\}|(\w+))")


def checked_ports(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> Iterator[NamedPort]:
    """Yield the port that the health check of a service asks on its own host, where nothing else names one."""
    check, built = service.healthcheck, ctx.images.get(service.name)
    own = bool(check and check.test)
    test = check.test if check and own else built.healthcheck.test if built and built.healthcheck else ()
    if (check and check.disable) or not test or service.name in ctx.jobs:
        return
    path: Path = (
        ("services", service.name, "healthcheck", "test") if own else ("services", service.name, "build")
    )
    number = _asked_port(_filled(" ".join(test[1:]), service, built))
    if number:
        findings.info(
            CHECKED,
            path,
            f"{service.name} declares no port; port {number}, which its health check calls, is opened",
            hint=f'write expose: ["{number}"] to declare it',
            url=CONNECT_URL,
        )
        yield NamedPort(number, "tcp", path)


def _asked_port(text: str) -> int:
    """Give the port of its own host that a check asks first; 0 where it says none."""
    for found in _SELF.finditer(text):
        default = {"https": 443, "http": 80}.get(found["scheme"] or "", 0)
        number = int(found["port"] or default)
        if 0 < number <= MAX_PORT:
            return number
    bare = None if _ELSEWHERE.search(text) else _BARE.search(text)
    number = int(next(filter(None, bare.groups()))) if bare else 0
    return number if number <= MAX_PORT else 0


def _filled(text: str, service: Service, image: ImageConfig | None) -> str:
    """Put in the variables that a shell of the container would: `localhost:$PORT`."""
    if "$" not in text:
        return text
    known = {**(image.env if image else {}), **service.environment}
    return _VARIABLE.sub(lambda found: str(known.get(found[1] or found[3]) or found[2] or found[0]), text)
