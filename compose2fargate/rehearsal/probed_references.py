"""Which names and ports the containers of a task definition are told: `http://api:8000`, `DB_HOST` beside `DB_PORT`.

What a rehearsal probes is what the task definitions themselves say, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from compose2fargate.aws.resources import ContainerDefinition
from compose2fargate.records import NamedTuple

_URL: Final = re.compile(
    r"(?<![\w+.-])([a-z][a-z0-9+.-]{0,30})://(?:[^\s/@]*@)?([A-Za-z0-9_.-]+)(?::(\d{1,5}))?", re.IGNORECASE
)
_PAIR: Final = re.compile(r"(?<![\w.@/-])([A-Za-z][\w.-]*):(\d{2,5})(?![\w.:-]|[^\s,]{0,300}@)")
_DEFAULT_PORTS: Final[Mapping[str, int]] = {
    "amqp": 5672, "amqps": 5671, "grpc": 80, "http": 80, "https": 443, "mongodb": 27017, "mysql": 3306, "nats": 4222,
    "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379, "ws": 80,
}  # fmt: skip
_HOST_NAMES: Final = re.compile(r"(.*?)_?(HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$", re.IGNORECASE)
_LOCAL: Final = frozenset({"localhost", "0.0.0.0", "127.0.0.1", "host.docker.internal"})  # noqa: S104 - binds nothing
LOWEST: Final = 80
"""Below it a number after a name is as often the version of an image (`postgres:16`)."""


class ProbedReference(NamedTuple):
    """A name that a container is told, with the port where one is told.

    Attributes:
        container: The container.
        host: The name.
        port: The port; 0 where none is told.
        where: What tells it: `environment.API_URL`, `command`.
        certain: Whether it can be nothing but the name of a host.
    """

    container: str
    host: str
    port: int
    where: str
    certain: bool


def references(container: ContainerDefinition, names: frozenset[str]) -> Iterator[ProbedReference]:
    """Give the names that a container is told, each with its port once.

    Args:
        container: The container.
        names: The names of the project's services and of their endpoints, in lower case.
    """
    seen: set[tuple[str, int]] = set()
    for where, text in _texts(container):
        for host, port, certain in _hosts(text, names):
            if (host, port) not in seen:
                seen.add((host, port))
                yield ProbedReference(container.name, host, port, where, certain)
    for where, host, port in _variables(container, names):
        if (host, port) not in seen and not (port == 0 and any(known == host for known, _ in seen)):
            seen.add((host, port))
            yield ProbedReference(container.name, host, port, where, certain=True)


def _texts(container: ContainerDefinition) -> Iterator[tuple[str, str]]:
    for variable in container.environment:
        if isinstance(variable.value, str):
            yield f"environment.{variable.name}", variable.value
    for key, words in (("command", container.command), ("entryPoint", container.entry_point)):
        yield key, "\n".join(words)


def _hosts(text: str, names: frozenset[str]) -> Iterator[tuple[str, int, bool]]:
    """Names in URLs count unless they are local or full domain names; bare pairs only when the name is known."""
    for scheme, host, port in _URL.findall(text):
        local = host.lower() in _LOCAL or host[:1].isdigit()
        if not local and ("." not in host or host.lower() in names):
            yield host, int(port or _DEFAULT_PORTS.get(scheme.lower(), 0)), True
    for host, port in _PAIR.findall(text):
        if host.lower() in names and int(port) >= LOWEST:
            yield host, int(port), False


def _variables(container: ContainerDefinition, names: frozenset[str]) -> Iterator[tuple[str, str, int]]:
    values: dict[str, Any] = {variable.name: variable.value for variable in container.environment}
    for name, value in values.items():
        told = _HOST_NAMES.fullmatch(name)
        if told and isinstance(value, str) and value.lower() in names:
            port = str(values.get(f"{told[1]}_PORT", values.get(f"{told[1]}PORT", "")))
            yield f"environment.{name}", value, int(port) if port.isdigit() else 0
    for index, word in enumerate(container.command[1:], 1):
        # `redis-cli -h cache`, `wait-for db`: a word of its own is a name only when it is one.
        if container.command[index - 1] in ("-h", "--host") and word.lower() in names:
            yield "command", word, 0
