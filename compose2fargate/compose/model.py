"""The compose project as frozen types, bound once from the canonical tree.

Nothing here is optional in spelling: the loader has already expanded short syntax, resolved paths and
merged files, so every field has one form. Durations are seconds, sizes are bytes. An absent key is `None`
or an empty collection; the few keys for which "absent" and "empty" differ (command, entrypoint) say so.
"""

# Annotations are evaluated, as in aws/resources.py, to start sooner.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.compose.sources.source_files import Marks, locate
from compose2fargate.diagnostics import Location
from compose2fargate.records import NamedTuple

_MAX_PORT = 65535
_PORT_DIGITS = 5


class Port(NamedTuple):
    """One container port; `published` is "" when the file publishes none, or "8000-8010" for a range."""

    target: int
    published: str
    protocol: str
    host_ip: str
    mode: str
    app_protocol: str
    name: str
    extensions: Mapping[str, Any] = {}

    @property
    def published_number(self) -> int:
        """The port of the machine that it is published on; 0 where that is none, any of a range, or no number of a port."""
        digits = self.published.lstrip("0")
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _PORT_DIGITS else 0
        return number if number <= _MAX_PORT else 0


class Mount(NamedTuple):
    """One entry of a service's `volumes`; `options` is the mapping named after `type`."""

    type: str
    source: str
    target: str
    read_only: bool
    options: Mapping[str, Any]


class HealthCheck(NamedTuple):
    """A health check; None means "as the image says, or Docker's default"."""

    test: tuple[str, ...]
    interval: float | None
    timeout: float | None
    retries: int | None
    start_period: float | None
    start_interval: float | None
    disable: bool


class Resources(NamedTuple):
    """`deploy.resources.limits` or `.reservations`: CPUs as a number of cores, memory in bytes."""

    cpus: float | None = None
    memory: int | None = None


class UpdateConfig(NamedTuple):
    """`deploy.update_config`; `parallelism` 0 means all at once."""

    parallelism: int
    order: str
    failure_action: str
    extensions: Mapping[str, Any] = {}


class Deploy(NamedTuple):
    """The `deploy` mapping."""

    mode: str = "replicated"
    replicas: int | None = None
    limits: Resources = Resources()
    reservations: Resources = Resources()
    update: UpdateConfig | None = None
    restart_condition: str = ""
    restart_window: float | None = None
    labels: Mapping[str, str] = {}
    constraints: tuple[str, ...] = ()
    extensions: Mapping[str, Any] = {}
    endpoint_mode: str = ""


class Dependency(NamedTuple):
    """One entry of `depends_on`."""

    service: str
    condition: str
    required: bool


class Build(NamedTuple):
    """The parts of `build` that decide the image's configuration; all of it is in `raw`."""

    context: str
    dockerfile: str
    dockerfile_inline: str | None
    args: Mapping[str, str | None]
    target: str | None
    additional_contexts: Mapping[str, str]
    raw: Mapping[str, Any]


class Logging(NamedTuple):
    """A logging driver and its options."""

    driver: str
    options: Mapping[str, str]


class Ulimit(NamedTuple):
    """One resource limit; -1 means unlimited."""

    name: str
    soft: int
    hard: int


class Grant(NamedTuple):
    """One entry of a service's `secrets` or `configs`; empty strings where the file is silent."""

    source: str
    target: str
    uid: str
    gid: str
    mode: str


class FileSource(NamedTuple):
    """A top-level secret or config: where its content comes from. Exactly one of the four says so."""

    key: str
    name: str
    external: bool
    file: str | None
    environment: str | None
    content: str | None


class PreStartHook(NamedTuple):
    """One entry of `pre_start`; `command` is None where the image's own runs, `image` "" where it is the service's."""

    command: tuple[str, ...] | None
    image: str
    user: str
    working_dir: str
    environment: Mapping[str, str | None]
    per_replica: bool


class Service(NamedTuple):
    """One service. `command` and `entrypoint` are None when absent and () when cleared by the file."""

    name: str
    image: str | None
    build: Build | None
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    environment: Mapping[str, str | None]
    ports: tuple[Port, ...]
    expose: tuple[str, ...]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    healthcheck: HealthCheck | None
    deploy: Deploy
    depends_on: tuple[Dependency, ...]
    networks: Mapping[str, Mapping[str, Any]]
    network_mode: str
    pid: str
    volumes_from: tuple[str, ...]
    links: tuple[str, ...]
    secrets: tuple[Grant, ...]
    configs: tuple[Grant, ...]
    cpus: float | None
    cpu_shares: int | None
    cpu_quota: float | None
    mem_limit: int | None
    mem_reservation: int | None
    shm_size: int | None
    scale: int | None
    restart: str
    stop_grace_period: float | None
    stop_signal: str
    user: str
    working_dir: str
    init: bool | None
    read_only: bool
    tty: bool
    stdin_open: bool
    ulimits: tuple[Ulimit, ...]
    cap_add: tuple[str, ...]
    cap_drop: tuple[str, ...]
    sysctls: Mapping[str, str]
    labels: Mapping[str, str]
    platform: str
    logging: Logging | None
    container_name: str
    extensions: Mapping[str, Any]
    storage_gib: int | None = None
    pre_start: tuple[PreStartHook, ...] = ()


class Volume(NamedTuple):
    """A top-level volume; `key` is its name in the file, `name` the one outside."""

    key: str
    name: str
    external: bool
    driver: str
    driver_opts: Mapping[str, str]
    labels: Mapping[str, str]
    extensions: Mapping[str, Any]


class Network(NamedTuple):
    """A top-level network; `key` is its name in the file, `name` the one outside."""

    key: str
    name: str
    external: bool = False
    internal: bool = False
    extensions: Mapping[str, Any] = {}


class Project(NamedTuple):
    """A whole compose project, with the tree it was bound from and the place of each key in the files."""

    name: str
    working_dir: str
    services: Mapping[str, Service]
    volumes: Mapping[str, Volume]
    secrets: Mapping[str, FileSource]
    configs: Mapping[str, FileSource]
    extensions: Mapping[str, Any]
    tree: Mapping[str, Any]
    marks: Marks
    networks: Mapping[str, Network] = {}

    def at(self, *path: str | int) -> Location | None:
        """Give the place of the key at `path`, or of its nearest parent that stands in a file."""
        return locate(self.marks, path)
