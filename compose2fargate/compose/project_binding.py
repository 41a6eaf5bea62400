"""The canonical tree to a frozen project, once, at the end."""

# Annotations are evaluated, as in aws/resources.py, to start sooner.

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from compose2fargate.compose.model import (
    Build,
    Dependency,
    Deploy,
    FileSource,
    Grant,
    HealthCheck,
    Logging,
    Mount,
    Network,
    Port,
    PreStartHook,
    Project,
    Resources,
    Service,
    Ulimit,
    UpdateConfig,
    Volume,
)
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.text.lazy_patterns import lazy_pattern

T = TypeVar("T")

_DURATION = lazy_pattern(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


_STORAGE = lazy_pattern(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?")


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
    """A size in bytes; 0 and below mean "no limit" to Docker, which is what absent means."""
    size = int(value) if value is not None else 0
    return size if size > 0 else None


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
    return -int(-min(float(match[1]), 2.0**60) // factor) if match else None


def _dependency(name: str, raw: Mapping[str, Any]) -> Dependency:
    return Dependency(name, raw.get("condition") or "service_started", raw.get("required") is not False)


def _quota(raw: Mapping[str, Any]) -> float | None:
    """`cpu_quota` over `cpu_period` (100 ms unless said) is a number of CPUs."""
    quota = int(raw.get("cpu_quota") or 0)
    period = int(raw.get("cpu_period") or 100_000)
    return quota / period if quota > 0 and period > 0 else None


def _pre_start_hook(raw: Mapping[str, Any]) -> PreStartHook:
    return PreStartHook(
        command=_strings(raw.get("command")),
        image=raw.get("image") or "",
        user=str(raw.get("user") or ""),
        working_dir=raw.get("working_dir") or "",
        environment=raw.get("environment") or {},
        per_replica=bool(raw.get("per_replica")),
    )


_TEXTS = ("container_name", "network_mode", "pid", "platform", "restart", "stop_signal", "working_dir")
_LISTS = ("cap_add", "cap_drop", "links", "tmpfs", "volumes_from")
_FLAGS = ("read_only", "stdin_open", "tty")
"""Keys of a service that are attributes of the same name and type."""


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
        healthcheck=_optional(_healthcheck, get("healthcheck")),
        deploy=_deploy(get("deploy")),
        depends_on=tuple(_dependency(n, d or {}) for n, d in (get("depends_on") or {}).items()),
        networks={n: v or {} for n, v in (get("networks") or {}).items()},
        secrets=tuple(map(_grant, get("secrets") or ())),
        configs=tuple(map(_grant, get("configs") or ())),
        cpus=_cores(get("cpus")),
        cpu_shares=_optional(int, get("cpu_shares")),
        cpu_quota=_quota(raw),
        mem_limit=_size(get("mem_limit")),
        mem_reservation=_size(get("mem_reservation")),
        shm_size=_size(get("shm_size")),
        scale=_optional(int, get("scale")),
        stop_grace_period=_optional(seconds, get("stop_grace_period")),
        user=str(get("user") or ""),
        init=get("init"),
        ulimits=tuple(_ulimit(n, v) for n, v in (get("ulimits") or {}).items()),
        sysctls={n: str(v) for n, v in (get("sysctls") or {}).items()},
        labels=get("labels") or {},
        logging=Logging(logging.get("driver") or "", logging.get("options") or {}) if logging else None,
        extensions=_extensions(raw),
        storage_gib=_gib((get("storage_opt") or {}).get("size")),
        pre_start=tuple(map(_pre_start_hook, get("pre_start") or ())),
        **_plain_keys(raw),
    )


def _plain_keys(raw: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: raw.get(key) or "" for key in _TEXTS}
    for key in _LISTS:
        found[key] = tuple(raw.get(key) or ())
    for key in _FLAGS:
        found[key] = bool(raw.get(key))
    return found


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


def bind_project(name: str, working_dir: str, tree: Mapping[str, Any], marks: Marks) -> Project:
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
