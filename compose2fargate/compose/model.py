"""The compose project as frozen types, bound once from the canonical tree.

Nothing here is optional in spelling: the loader has already expanded short syntax, resolved paths and
merged files, so every field has one form. Durations are seconds, sizes are bytes. An absent key is `None`
or an empty collection; the few keys for which "absent" and "empty" differ (command, entrypoint) say so.
"""

# Annotations are evaluated, as in aws/resources.py, to start sooner.

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from compose2fargate.compose.source import Marks, locate
from compose2fargate.diagnostics import Location

T = TypeVar("T")


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


_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


_STORAGE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?")


def seconds(duration: str) -> float:
    """Convert a canonical duration such as `1m30s` to seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))


def _optional(convert: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else convert(value)


def _strings(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(map(str, value))


def _port(raw: Mapping[str, Any]) -> Port:
    return Port(
        target=int(raw.get("target", 0)),
        published=str(raw.get("published") or ""),
        protocol=raw.get("protocol") or "tcp",
        host_ip=raw.get("host_ip") or "",
        mode=raw.get("mode") or "ingress",
        app_protocol=raw.get("app_protocol") or "",
        name=raw.get("name") or "",
        extensions={k: v for k, v in raw.items() if k.startswith("x-")},
    )


def _mount(raw: Mapping[str, Any]) -> Mount:
    kind = raw["type"]
    return Mount(
        type=kind,
        source=raw.get("source") or "",
        target=raw.get("target") or "",
        read_only=bool(raw.get("read_only")),
        options=raw.get(kind) or {},
    )


def _healthcheck(raw: Mapping[str, Any]) -> HealthCheck:
    return HealthCheck(
        test=tuple(map(str, raw.get("test") or ())),
        interval=_optional(seconds, raw.get("interval")),
        timeout=_optional(seconds, raw.get("timeout")),
        retries=_optional(int, raw.get("retries")),
        start_period=_optional(seconds, raw.get("start_period")),
        start_interval=_optional(seconds, raw.get("start_interval")),
        disable=bool(raw.get("disable")),
    )


def _resources(raw: Mapping[str, Any] | None) -> Resources:
    if not raw:
        return Resources()
    return Resources(cpus=_cores(raw.get("cpus")), memory=_size(raw.get("memory")))


def _cores(value: Any) -> float | None:
    """A number of CPUs; 0 means "no limit" to Docker, which is what absent means."""
    return float(value) or None if value is not None else None


def _size(value: Any) -> int | None:
    """A size in bytes; 0 means "no limit" to Docker, which is what absent means."""
    return int(value) or None if value is not None else None


def _deploy(raw: Mapping[str, Any] | None) -> Deploy:
    if not raw:
        return Deploy()
    resources = raw.get("resources") or {}
    restart = raw.get("restart_policy") or {}
    return Deploy(
        mode=raw.get("mode") or "replicated",
        replicas=_optional(int, raw.get("replicas")),
        limits=_resources(resources.get("limits")),
        reservations=_resources(resources.get("reservations")),
        update=_optional(_update_config, raw.get("update_config")),
        restart_condition=restart.get("condition") or "",
        restart_window=_optional(seconds, restart.get("window")),
        labels=raw.get("labels") or {},
        constraints=tuple(map(str, (raw.get("placement") or {}).get("constraints") or ())),
        extensions=_extensions(raw),
        endpoint_mode=raw.get("endpoint_mode") or "",
    )


def _extensions(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key.startswith("x-")}


def _update_config(raw: Mapping[str, Any]) -> UpdateConfig:
    parallelism = raw.get("parallelism")
    return UpdateConfig(
        parallelism=1 if parallelism is None else int(parallelism),
        order=raw.get("order") or "stop-first",
        failure_action=raw.get("failure_action") or "",
        extensions=_extensions(raw),
    )


def _build(raw: Mapping[str, Any]) -> Build:
    return Build(
        context=raw.get("context") or ".",
        dockerfile=raw.get("dockerfile") or "Dockerfile",
        dockerfile_inline=raw.get("dockerfile_inline"),
        args=raw.get("args") or {},
        target=raw.get("target"),
        additional_contexts=raw.get("additional_contexts") or {},
        raw=raw,
    )


def _ulimit(name: str, raw: Any) -> Ulimit:
    if isinstance(raw, Mapping):
        # Docker Compose leaves a limit of 0 out of the mapping.
        return Ulimit(name, int(raw.get("soft", 0)), int(raw.get("hard", 0)))
    return Ulimit(name, int(raw), int(raw))


def _gib(value: Any) -> int | None:
    """`storage_opt.size`, which Docker reads as a size with units of 1024, in GiB rounded up."""
    match = _STORAGE.fullmatch(str(value or "").strip().lower())
    factor = {"": 2**30, "k": 2**20, "m": 2**10, "g": 1, "t": 1 / 2**10}[match[2]] if match else 1
    return -int(-float(match[1]) // factor) if match else None


def _dependency(name: str, raw: Mapping[str, Any]) -> Dependency:
    return Dependency(name, raw.get("condition") or "service_started", raw.get("required") is not False)


def _quota(raw: Mapping[str, Any]) -> float | None:
    """`cpu_quota` over `cpu_period` (100 ms unless said) is a number of CPUs."""
    quota = int(raw.get("cpu_quota") or 0)
    period = int(raw.get("cpu_period") or 100_000)
    return quota / period if quota > 0 and period > 0 else None


def _service(name: str, raw: Mapping[str, Any]) -> Service:
    get = raw.get
    logging = get("logging")
    return Service(
        name=name,
        image=get("image"),
        build=_optional(_build, get("build")),
        command=_strings(get("command")),
        entrypoint=_strings(get("entrypoint")),
        environment=get("environment") or {},
        ports=tuple(map(_port, get("ports") or ())),
        expose=tuple(map(str, get("expose") or ())),
        mounts=tuple(map(_mount, get("volumes") or ())),
        tmpfs=tuple(get("tmpfs") or ()),
        healthcheck=_optional(_healthcheck, get("healthcheck")),
        deploy=_deploy(get("deploy")),
        depends_on=tuple(_dependency(n, d or {}) for n, d in (get("depends_on") or {}).items()),
        networks={n: v or {} for n, v in (get("networks") or {}).items()},
        network_mode=get("network_mode") or "",
        pid=get("pid") or "",
        volumes_from=tuple(get("volumes_from") or ()),
        links=tuple(get("links") or ()),
        secrets=tuple(map(_grant, get("secrets") or ())),
        configs=tuple(map(_grant, get("configs") or ())),
        cpus=_cores(get("cpus")),
        cpu_shares=_optional(int, get("cpu_shares")),
        cpu_quota=_quota(raw),
        mem_limit=_size(get("mem_limit")),
        mem_reservation=_size(get("mem_reservation")),
        shm_size=_size(get("shm_size")),
        scale=_optional(int, get("scale")),
        restart=get("restart") or "",
        stop_grace_period=_optional(seconds, get("stop_grace_period")),
        stop_signal=get("stop_signal") or "",
        user=str(get("user") or ""),
        working_dir=get("working_dir") or "",
        init=get("init"),
        read_only=bool(get("read_only")),
        tty=bool(get("tty")),
        stdin_open=bool(get("stdin_open")),
        ulimits=tuple(_ulimit(n, v) for n, v in (get("ulimits") or {}).items()),
        cap_add=tuple(get("cap_add") or ()),
        cap_drop=tuple(get("cap_drop") or ()),
        sysctls={n: str(v) for n, v in (get("sysctls") or {}).items()},
        labels=get("labels") or {},
        platform=get("platform") or "",
        logging=Logging(logging.get("driver") or "", logging.get("options") or {}) if logging else None,
        container_name=get("container_name") or "",
        extensions=_extensions(raw),
        storage_gib=_gib((get("storage_opt") or {}).get("size")),
    )


def _volume(key: str, raw: Mapping[str, Any] | None) -> Volume:
    raw = raw or {}
    return Volume(
        key=key,
        name=raw.get("name") or key,
        external=bool(raw.get("external")),
        driver=raw.get("driver") or "",
        driver_opts=raw.get("driver_opts") or {},
        labels=raw.get("labels") or {},
        extensions={k: v for k, v in raw.items() if k.startswith("x-")},
    )


def _network(key: str, raw: Mapping[str, Any] | None) -> Network:
    raw = raw or {}
    return Network(
        key=key,
        name=raw.get("name") or key,
        external=bool(raw.get("external")),
        internal=bool(raw.get("internal")),
        extensions={k: v for k, v in raw.items() if k.startswith("x-")},
    )


def _grant(raw: Mapping[str, Any]) -> Grant:
    texts = (str(raw.get(key) or "") for key in ("source", "target", "uid", "gid", "mode"))
    return Grant(*texts)


def _sources(raw: Mapping[str, Any] | None) -> Mapping[str, FileSource]:
    return {
        key: FileSource(
            key=key,
            name=source.get("name") or key,
            external=bool(source.get("external")),
            file=source.get("file"),
            environment=source.get("environment"),
            content=source.get("content"),
        )
        for key, source in sorted((raw or {}).items())
    }


def bind(name: str, working_dir: str, tree: Mapping[str, Any], marks: Marks) -> Project:
    """Bind a canonical tree, as `loader.load` gives it, to a frozen `Project`.

    Services and volumes are in the order of their names, so that nothing downstream depends on the order
    in the file.
    """
    services = tree.get("services") or {}
    volumes = tree.get("volumes") or {}
    networks = tree.get("networks") or {}
    return Project(
        name=name,
        working_dir=working_dir,
        services={n: _service(n, services[n] or {}) for n in sorted(services)},
        volumes={n: _volume(n, volumes[n]) for n in sorted(volumes)},
        secrets=_sources(tree.get("secrets")),
        configs=_sources(tree.get("configs")),
        extensions={k: v for k, v in tree.items() if k.startswith("x-")},
        tree=tree,
        marks=marks,
        networks={n: _network(n, networks[n]) for n in sorted(networks)},
    )
