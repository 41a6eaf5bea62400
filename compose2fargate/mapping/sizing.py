"""How big a task is: the smallest legal Fargate size that is never below what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from compose2fargate.aws.fargate import LARGEST, MIN_MEMORY, TASK_SIZE_URL, Size, smallest_size
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context, options_of

MIB = 1024 * 1024
SERVICE_CONNECT_MIB = 64
"""Memory that the Service Connect proxy needs on top of the containers:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"""


class Kind(NamedTuple):
    """A kind of service, and the size it gets when the file asks for none: CPU units and MiB."""

    name: str
    images: frozenset[str]
    cpu: int
    memory: int


# What each kind needs to start and serve a little: the vendors' own minimum, or the default heap plus the
# process around it, rounded up to a Fargate size.
KINDS: tuple[Kind, ...] = (
    Kind(
        "search engine or JVM store",
        frozenset({"elasticsearch", "opensearch", "solr", "cassandra", "neo4j", "kibana", "logstash", "sonarqube"}),
        1024, 4096,
    ),
    Kind(
        "JVM broker or server",
        frozenset({
            "kafka", "cp-kafka", "cp-zookeeper", "cp-schema-registry", "cp-server", "zookeeper", "activemq", "tomcat",
            "jenkins", "keycloak", "debezium", "connect", "nexus3", "openjdk", "eclipse-temurin", "amazoncorretto", "pulsar",
        }),
        512, 2048,
    ),
    Kind(
        "database",
        frozenset({
            "postgres", "postgresql", "postgis", "timescaledb", "mysql", "mariadb", "mongo", "mongodb", "percona", "couchdb",
            "cockroach", "clickhouse-server", "influxdb", "rabbitmq", "minio", "arangodb", "rethinkdb",
        }),
        512, 1024,
    ),
    Kind("large database", frozenset({"mssql/server", "mssql-server", "oracle-xe", "database/free"}), 1024, 2048),
    Kind("cache", frozenset({"redis", "valkey", "memcached", "keydb", "dragonfly"}), 256, 512),
    Kind("web server", frozenset({"nginx", "httpd", "caddy", "traefik", "haproxy", "envoy"}), 256, 512),
)  # fmt: skip
OTHER = Kind("service of no known kind", frozenset(), 256, 512)
SIDECAR = Kind("sidecar", frozenset(), 0, 128)

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024 * 1024 * MIB}


class Demand(NamedTuple):
    """What one container asks for: CPU units and MiB; None where the file is silent."""

    cpu: int | None
    memory: int | None
    reservation: int | None

    @property
    def has_memory(self) -> bool:
        """Whether there is any figure about memory."""
        return bool(self.memory or self.reservation)


def kind_of(service: Service, base: str | None) -> Kind:
    """Tell what kind of service this is by the end of its image's name (or its Dockerfile's base)."""
    reference = ((base if service.build else service.image) or "").lower()
    *_, folder, _ = ("", *reference.split("/"))
    name = repository(reference)
    return next((kind for kind in KINDS if {name, f"{folder}/{name}"} & kind.images), OTHER)


def repository(image: str) -> str:
    """Give the last part of an image's name, without registry, tag and digest."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].split(":", maxsplit=1)[0]


def demand(service: Service) -> Demand:
    """Collect what the service asks for under all the keys that can say it.

    Limits and reservations count alike for the task, so that it is never below what was asked.
    `memory` and `reservation` are what the container itself gets as hard and soft limit.
    """
    deploy = service.deploy
    own = options_of(service)
    cores = [
        value
        for value in (
            own.get("cpu"),
            service.cpus,
            deploy.limits.cpus,
            deploy.reservations.cpus,
            service.cpu_quota,
        )
        if value
    ]
    limit = _largest((size_in_bytes(own.get("memory")), service.mem_limit, deploy.limits.memory))
    soft = _largest((service.mem_reservation, deploy.reservations.memory))
    if limit and soft and soft >= limit:  # ECS wants the reservation strictly below the limit
        limit, soft = max(limit, soft), None
    return Demand(ceil(max(cores) * 1024 - 1e-6) if cores else None, limit, soft)


class Part(NamedTuple):
    """One container's share of a task: what it asks for, its kind, and the memory that its tmpfs may fill in MiB."""

    service: Service
    asked: Demand
    kind: Kind
    tmpfs_mib: int


def part(ctx: Context, service: Service, tmpfs_mib: int) -> Part:
    """Collect what one container adds to the size of its task."""
    image = ctx.images.get(service.name)
    return Part(service, demand(service), kind_of(service, image.base if image else None), tmpfs_mib)


def size_task(ctx: Context, parts: Sequence[Part], *, connected: bool) -> Size:
    """Pick the task's size and say what decided it.

    Args:
        ctx: The translation.
        parts: The containers that run side by side, the leading service's first.
        connected: Whether a Service Connect proxy runs in the task.
    """
    leader = parts[0].service
    needs = [_need(each, alone=len(parts) == 1) for each in parts]
    proxy = SERVICE_CONNECT_MIB if connected and any(each.asked.has_memory for each in parts) else 0
    cpu = sum(need.cpu for need in needs)
    memory = sum(need.memory for need in needs) + proxy
    said = "; ".join(
        need.said if len(parts) == 1 else f"{each.service.name}: {need.said}"
        for each, need in zip(parts, needs, strict=True)
    )
    if proxy:
        said += f"; {proxy} MiB more for the Service Connect proxy"
    size = smallest_size(cpu, memory)
    if size is None:
        ctx.refuse(
            "C2F251",
            _sizing_path(leader),
            f"{leader.name} asks for {cpu / 1024:g} vCPU and {memory / 1024:g} GB; a Fargate task has at most {LARGEST}",
            hint="ask for less, or run this service on ECS with EC2 or Managed Instances and leave it out here: "
            f"--without {leader.name}",
            url=TASK_SIZE_URL,
        )
        return LARGEST
    ctx.info("C2F250", ("services", leader.name), f"runs and is billed as {size} ({said})", url=TASK_SIZE_URL)
    return size


class _Need(NamedTuple):
    cpu: int
    memory: int
    said: str


def _need(each: Part, *, alone: bool) -> _Need:
    """What one container needs. A sidecar of no known kind that asks for nothing gets a little memory, and no CPU of its own."""
    asked, kind = each.asked, each.kind
    default = kind if alone or kind.images else SIDECAR
    memory = asked.memory or asked.reservation or default.memory
    said = [f"{asked.cpu / 1024:g} vCPU asked"] if asked.cpu else []
    if asked.has_memory:
        said.append(f"{memory} MiB asked")
    if not said:
        said.append(f"nothing asked, default for a {default.name}")
    # A hard limit includes the container's tmpfs already; a default has room for a small one.
    if not asked.memory and each.tmpfs_mib and (asked.has_memory or each.tmpfs_mib > default.memory // 4):
        memory += each.tmpfs_mib
        said.append(f"{each.tmpfs_mib} MiB more for tmpfs")
    return _Need(asked.cpu or default.cpu, memory, "; ".join(said))


def _sizing_path(service: Service) -> Path:
    if service.deploy.limits != (None, None):
        return ("services", service.name, "deploy", "resources", "limits")
    return ("services", service.name, "mem_limit" if service.mem_limit else "cpus")


def _largest(values: Iterable[int | None]) -> int | None:
    """The largest of some byte counts, in MiB rounded up, or None."""
    given = [value for value in values if value]
    return max(MIN_MEMORY, ceil(max(given) / MIB)) if given else None


def size_in_bytes(value: str | int | None) -> int | None:
    """Read a size such as `512m` or `1.5gb`, in units of 1024; None for none, or for what is no size."""
    match = _SIZE.fullmatch(str(value).strip()) if value is not None else None
    return int(float(match[1]) * _FACTORS[match[2].lower()]) if match else None
