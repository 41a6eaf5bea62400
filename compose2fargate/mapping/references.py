"""Ports that the values of a file use (`http://api:8000`), held against those that are known of the services.

Compose lets containers reach each other on any port. On Fargate a name answers on the ports that Service Connect is told, and
security groups let nothing else in: a port that only a variable names would be a connection that times out, and nothing would say why.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.networking import CONNECT_URL, MAX_PORT
from compose2fargate.mapping.secrets import is_credential
from compose2fargate.mapping.tasks import Task

UNKNOWN = "C2F515"
LOWEST = 80
"""Below it a number after a name is as often the version of an image (`postgres:16`)."""
_LOGIN = r"[^\s/@]*@|(?:(?!://)[^\s?#@])*@"
"""What follows the start of a password in a URL. Some clients take a password with a slash, so that a path with an `@` may be one too."""
_USE = re.compile(rf"(?<![\w.-])([A-Za-z0-9][\w.-]*):([0-9]{{2,5}})(?![\w.:-]|{_LOGIN})")


class _Use(NamedTuple):
    """A place that names a port of another service."""

    user: str
    target: str
    port: int
    path: Path


def report_unknown_ports(ctx: Context, tasks: Mapping[str, Task]) -> None:
    """Warn once about each port of a service that others use and that nothing tells, where it is used first."""
    names = _names(ctx)
    known = {
        name: {port.container_port for port in ports}
        for made in tasks.values()
        for name, ports in made.ports.items()
    }
    found: dict[tuple[str, int], list[_Use]] = {}
    for service in ctx.project.services.values():
        for use in _uses(service, names):
            apart = ctx.groups.leaders.get(use.user) != ctx.groups.leaders.get(use.target)
            if apart and use.port not in known.get(use.target, {use.port}):
                found.setdefault((use.target, use.port), []).append(use)
    for uses in found.values():
        _report(ctx, uses)


def _names(ctx: Context) -> Mapping[str, str]:
    """Give the service behind each name that others know, in lower case as the DNS has it."""
    names = {alias.lower(): name for name, aliases in ctx.aliases.items() for alias in aliases}
    return {**names, **{name.lower(): name for name in ctx.project.services}}


def _uses(service: Service, names: Mapping[str, str]) -> Iterator[_Use]:
    for path, text in _texts(service):
        for host, number in _USE.findall(text):
            target, port = names.get(host.lower(), ""), int(number)
            if target and target != service.name and LOWEST <= port <= MAX_PORT:
                yield _Use(service.name, target, port, path)


def _texts(service: Service) -> Iterator[tuple[Path, str]]:
    own: Path = ("services", service.name)
    for name, value in sorted(service.environment.items()):
        if not is_credential(name, "unknown"):  # `db:5432` may be a user and a password there
            yield (*own, "environment", name), str(value or "")
    for key, words in (("command", service.command), ("entrypoint", service.entrypoint)):
        yield (*own, key), "\n".join(words or ())


def _report(ctx: Context, uses: Sequence[_Use]) -> None:
    first = uses[0]
    users = list(dict.fromkeys(use.user for use in uses))
    who = f"{', '.join(users[:-1])} and {users[-1]} use" if len(users) > 1 else f"{users[0]} uses"
    ctx.warn(
        UNKNOWN,
        first.path,
        f"{who} port {first.port} of {first.target}, which is not among the ports known of it: nothing answers there",
        hint=f'write under {first.target}: expose: ["{first.port}"]',
        url=CONNECT_URL,
    )
