"""The final form of every value: what a key of the canonical tree may hold, and how it is written.

One function per type, and one table per mapping with fixed keys. The tables are in the order in which Docker
Compose prints their keys: https://github.com/compose-spec/compose-go/blob/main/types/types.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

from compose2fargate.compose.passes import Findings, Placed, Step
from compose2fargate.compose.scalars import (
    BOOLEANS,
    float32,
    parse_bytes,
    parse_duration,
    parse_integer,
    parse_single,
    write_duration,
)
from compose2fargate.compose.shellwords import split_words
from compose2fargate.compose.source import Mark, Marks
from compose2fargate.compose.syntax import go_text
from compose2fargate.diagnostics import Path


class Kept(NamedTuple):
    """A key that stays when its value is false, zero or empty, because that differs from its absence."""

    step: Step


class Always(NamedTuple):
    """A key that is printed even when no file has it."""

    step: Step
    value: Any


Field = Step | Kept | Always


def fixed(fields: Mapping[str, Field], *, extensible: bool = True) -> Step:
    """Make the step for a mapping with fixed keys; `x-` keys are kept at its end, where it is `extensible`."""
    plain = {k: (f if callable(f) else f.step, isinstance(f, (Kept, Always))) for k, f in fields.items()}
    always = {k: f.value for k, f in fields.items() if isinstance(f, Always)}

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, dict):
            return _unexpanded(value, path, findings), marks
        out: dict[str, Any] = {}
        moved: Marks = {}
        for key in [key for key in plain if key in value or key in always]:
            if key in value:
                field, kept = plain[key]
                mark = marks.get(key) if marks else None
                inside = mark[3] if mark else None
                result, result_inside = field(value[key], inside, (*path, key), findings)
                if mark is not None and result_inside is not inside:
                    moved[key] = (mark[0], mark[1], mark[2], result_inside)
                if result is not None and (kept or result):
                    out[key] = result
                    continue
                if mark is not None and key not in always:
                    findings.drop((*path, key), mark, "says no more than the default")
            if key in always:
                out[key] = always[key]
        # Extensions stay in the tree at every level: x-fargate of a service is read from it. Docker Compose prints
        # them in YAML and leaves all but the top-level ones out of its JSON, which is for render.to_json to do.
        if not value.keys() <= plain.keys():
            _others(value, plain, out if extensible else None, (marks, path, findings))
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


def _unexpanded(value: Any, path: Path, findings: Findings) -> Any:
    """Report short syntax that a variable has kept from being expanded, where variables are left as they are."""
    if value is not None:
        findings.error("C2F154", path, f"{'.'.join(map(str, path))}: {go_text(value)} cannot be read")
    return value


def _others(
    value: dict[str, Any],
    known: Mapping[str, Any],
    out: dict[str, Any] | None,
    where: tuple[Marks | None, Path, Findings],
) -> None:
    marks, path, findings = where
    for key in sorted(value.keys() - known.keys()):
        if out is not None and key.startswith("x-"):
            out[key] = value[key]
        else:
            findings.drop((*path, key), marks.get(key) if marks else None, "has no meaning in Docker Compose")


def each(item: Step) -> Step:
    """Make the step for a list."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, list):
            return value, marks
        out = []
        moved: Marks = {}
        for index, entry in enumerate(value):
            mark = marks.get(index) if marks else None
            inside = mark[3] if mark else None
            result, result_inside = item(entry, inside, (*path, index), findings)
            out.append(result)
            if mark is not None and result_inside is not inside:
                moved[index] = (mark[0], mark[1], mark[2], result_inside)
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


def named(item: Step, *, null: bool = True) -> Step:
    """Make the step for a mapping whose keys the user chose; its entries are sorted.

    Args:
        item: The step for an entry.
        null: Whether an entry without settings stays null; else it is read as an empty mapping.
    """

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, dict):
            return value, marks
        out = {}
        moved: Marks = {}
        for key in sorted(value):
            mark = marks.get(key) if marks else None
            inside = mark[3] if mark else None
            entry = {} if value[key] is None and not null else value[key]
            result, result_inside = (
                (entry, inside) if entry is None else item(entry, inside, (*path, key), findings)
            )
            out[key] = result
            if mark is not None and result_inside is not inside:
                moved[key] = (mark[0], mark[1], mark[2], result_inside)
        return out, ({**(marks or {}), **moved} if moved else marks)

    return step


# ---------------------------------------------------------------------------------------------------------
# Scalars
# ---------------------------------------------------------------------------------------------------------


def scalar(convert: Callable[[Any], Any]) -> Step:
    """Make the step for a scalar; `convert` raises ValueError for what it cannot read."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if value is None:
            return None, None
        try:
            return convert(value), None
        except ValueError as error:
            findings.error("C2F154", path, f"{'.'.join(map(str, path))}: {error}", _HINTS.get(convert, ""))
            return None, marks

    return step


def _text(value: Any) -> str:
    if type(value) is str:
        return str(value)
    if type(value) is int:
        return str(value)
    raise ValueError(f"expected text, not {go_text(value)}")


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in BOOLEANS:
        return BOOLEANS[str(value).lower()]
    raise ValueError(f"{go_text(value)} is neither true nor false")


def _integer(value: Any) -> int:
    number = value if type(value) in (int, float) else parse_integer(str(value))
    # Infinity is not in this range, and neither is what is not a number.
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{go_text(value)} is out of range")
    return int(number)


def _count(value: Any) -> int:
    if type(value) not in (int, float):
        raise ValueError(f"expected a number, not {value!r}")
    number = _integer(value)
    if number < 0:
        raise ValueError(f"{number} must not be negative")
    return number


def _number(value: Any) -> float:
    number = parse_single(value) if isinstance(value, str) else float32(float(value))
    if not isfinite(number):
        raise ValueError(f"{go_text(value)} is out of range")
    return number


def _cpus(value: Any) -> float:
    if type(value) is int and value >= 2**63:
        raise ValueError(f"{value} is out of range")
    return _number(value)


def _size(value: Any) -> str | None:
    # As in Docker Compose, a float without a unit counts as none at all.
    size = (
        parse_bytes(value) if isinstance(value, str) else 0 if isinstance(value, float) else _integer(value)
    )
    return str(size) if size else None


def _rate(value: Any) -> str:
    return _size(value) or "0"


def _duration(value: Any) -> str:
    return write_duration(parse_duration(go_text(value)))


def _delay(value: Any) -> str | None:
    nanoseconds = parse_duration(go_text(value))
    return write_duration(nanoseconds) if nanoseconds else None


def _mode(value: Any) -> str:
    if type(value) is float:
        raise ValueError(f"expected octal digits, not {go_text(value)}")
    return f"0{parse_integer(value, 8) if isinstance(value, str) else _integer(value):o}"


def _devices(value: Any) -> int:
    if isinstance(value, str) and value.lower() == "all":
        return -1
    try:
        return _integer(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is neither a number nor `all`") from error


text = scalar(_text)
flag = scalar(_flag)
integer = scalar(_integer)
count = scalar(_count)
number = scalar(_number)
cpus = scalar(_cpus)
size = scalar(_size)
rate = scalar(_rate)
duration = scalar(_duration)
delay = scalar(_delay)
mode = scalar(_mode)
device_count = scalar(_devices)

_HINTS: Mapping[Callable[[Any], Any], str] = {
    _size: "Write a number and a unit: 512m, 1.5g.",
    _rate: "Write a number and a unit: 10mb.",
    _duration: "Write numbers with units: 30s, 1m30s, 500ms.",
    _delay: "Write numbers with units: 30s, 1m30s, 500ms.",
    _flag: "Write true or false.",
    _mode: 'Write octal digits: "0440".',
}


# ---------------------------------------------------------------------------------------------------------
# Lists and mappings of text
# ---------------------------------------------------------------------------------------------------------


texts = each(text)


def text_or_texts(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a list of texts that may be a single one."""
    return ([value], None) if isinstance(value, str) else texts(value, marks, path, findings)


def any_texts(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read a list of texts and numbers."""
    return ([go_text(item) for item in value], marks) if isinstance(value, list) else ([go_text(value)], None)


def command(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Split a command line into words; a list is taken as it is, and null means what the image says."""
    if value is None:
        return None, None
    if not isinstance(value, str):
        return texts(value, marks, path, findings)
    try:
        words, rest = split_words(value)
    except ValueError as error:
        hint = 'Write it as a list: ["program", "argument"].'
        findings.error("C2F154", path, f"{'.'.join(map(str, path))}: the command line has {error}", hint)
        return [], None
    if rest:
        findings.warn(
            "C2F161",
            path,
            f"Docker Compose drops {rest!r} from this command line: it starts no shell",
            f'Write ["sh", "-c", "..."] if a shell is to run it, or quote the {rest[0]!r}.',
        )
    return words, None


def health_test(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a health check's command; a text is for the shell."""
    return (["CMD-SHELL", value], None) if isinstance(value, str) else texts(value, marks, path, findings)


def _pairs(value: Any, marks: Marks | None) -> list[tuple[str, Any, Mark | None, bool]]:
    """List key, value and mark of a mapping or of a list of `key=value`, and whether a value was given."""
    if isinstance(value, dict):
        return [(k, v, marks.get(k) if marks else None, v is not None) for k, v in value.items()]
    out = []
    for index, item in enumerate(value if isinstance(value, list) else ()):
        key, sign, rest = go_text(item).partition("=")
        out.append((key, rest, marks.get(index) if marks else None, bool(sign)))
    return out


def _mapping(value: Any, marks: Marks | None, absent: str | None) -> Placed:
    found = sorted(
        ((key, go_text(item) if given else absent, mark) for key, item, mark, given in _pairs(value, marks)),
        key=lambda entry: entry[0],
    )
    if not isinstance(value, list):
        return {key: item for key, item, _ in found}, marks
    return {key: item for key, item, _ in found}, {key: mark for key, _, mark in found if mark}


def environment(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read variables; None means that the value comes from elsewhere."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            key = go_text(item).partition("=")[0]
            if key and key[-1].isspace():
                findings.error(
                    "C2F154",
                    (*path, index),
                    f"the variable {key.rstrip()!r} has a space before the equals sign",
                    f"Write {key.rstrip()}=...",
                )
    return _mapping(value, marks, None)


def labels(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read a mapping of text; no value is the empty one."""
    return _mapping(value, marks, "")


def plain_options(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a mapping of text and whole numbers; no value is the empty one."""
    found, places = named(text)(value, marks, path, findings)
    return {key: "" if item is None else item for key, item in found.items()}, places


def many_options(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read options that may be repeated: every value becomes a list."""
    if not isinstance(value, dict):
        return value, marks
    out = {key: value[key] if isinstance(value[key], list) else [value[key]] for key in sorted(value)}
    return {key: [go_text(item) for item in items] for key, items in out.items() if items}, marks


def hosts(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read host names with addresses as a sorted list of `host=address`."""
    if not value:
        return None, None
    found: list[tuple[str, Mark | None]] = []
    entries: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in entries:
        mark = marks.get(key) if marks else None
        pairs = _host(item) if isinstance(value, list) else [(key, ip) for ip in _addresses(item)]
        for host, ip in pairs:
            if ip is None:
                findings.error(
                    "C2F154", (*path, key), f"{host!r} lacks an IP address", f'Write "{host}=192.0.2.1".'
                )
            elif not host or ":" in host or "=" in host:
                findings.error("C2F154", (*path, key), f"{host!r} is no host name")
            else:
                found.append((f"{host}={_bare(ip)}", mark))
    found.sort(key=lambda entry: entry[0])
    return [entry for entry, _ in found], {i: mark for i, (_, mark) in enumerate(found) if mark}


def _host(item: Any) -> list[tuple[str, str | None]]:
    """Read `host=address,address`, or with a colon."""
    host, sign, ips = go_text(item).partition("=")
    if not sign:
        host, sign, ips = go_text(item).partition(":")
    return [(host, ip) for ip in ips.split(",")] if sign else [(host, None)]


def _addresses(item: Any) -> list[str]:
    return [go_text(ip) for ip in item] if isinstance(item, list) else ["" if item is None else go_text(item)]


def _bare(ip: str) -> str:
    return ip[1:-1] if len(ip) > 2 and ip.startswith("[") and ip.endswith("]") else ip


def ssh_keys(value: Any, marks: Marks | None, _path: Path, _findings: Findings) -> Placed:
    """Read SSH keys as a sorted list of `id` or `id=path`."""
    if not isinstance(value, dict):
        return value, marks
    keys = sorted(value)
    out = [key if not value[key] else f"{key}={go_text(value[key])}" for key in keys]
    return out, {i: marks[key] for i, key in enumerate(keys) if marks and key in marks}


def ulimit(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Read a limit: one number, or soft and hard."""
    if isinstance(value, dict):
        return _ULIMIT(value, marks, path, findings)
    single, _ = integer(value, marks, path, findings)
    return (single or {"soft": 0, "hard": 0}), None


# ---------------------------------------------------------------------------------------------------------
# Mappings with fixed keys, in the order in which they are printed
# ---------------------------------------------------------------------------------------------------------

_ULIMIT = fixed({"soft": Always(integer, 0), "hard": Always(integer, 0)}, extensible=False)
_ENV_FILE = fixed({"path": text, "required": Kept(flag), "format": text})
_FILE_MOUNT = fixed({"source": text, "target": text, "uid": text, "gid": text, "mode": Kept(mode)})
_HOOK = fixed(
    {
        "command": Always(command, None),
        "user": text,
        "privileged": flag,
        "working_dir": text,
        "environment": environment,
    }
)
_DEVICE_REQUEST = fixed(
    {
        "capabilities": texts,
        "driver": text,
        "count": device_count,
        "device_ids": texts,
        "options": labels,
    },
    extensible=False,
)
_BUILD = fixed(
    {
        "context": text,
        "dockerfile": text,
        "dockerfile_inline": text,
        "entitlements": texts,
        "args": environment,
        "provenance": text,
        "sbom": text,
        "ssh": ssh_keys,
        "labels": labels,
        "cache_from": text_or_texts,
        "cache_to": text_or_texts,
        "no_cache": flag,
        "additional_contexts": labels,
        "pull": flag,
        "extra_hosts": Kept(hosts),
        "isolation": text,
        "network": text,
        "target": text,
        "secrets": each(_FILE_MOUNT),
        "shm_size": size,
        "tags": text_or_texts,
        "ulimits": named(ulimit),
        "platforms": text_or_texts,
        "privileged": flag,
    }
)
_TRIGGER = fixed(
    {
        "path": Kept(text),
        "action": Kept(text),
        "target": text,
        "exec": Always(_HOOK, {"command": None}),
        "include": text_or_texts,
        "ignore": text_or_texts,
        "initial_sync": flag,
    }
)
_THROTTLE = each(fixed({"path": Always(text, ""), "rate": Always(rate, "0")}))
_BLKIO = fixed(
    {
        "weight": count,
        "weight_device": each(fixed({"path": Always(text, ""), "weight": Always(count, 0)})),
        "device_read_bps": _THROTTLE,
        "device_read_iops": _THROTTLE,
        "device_write_bps": _THROTTLE,
        "device_write_iops": _THROTTLE,
    }
)
_UPDATE = fixed(
    {
        "parallelism": Kept(count),
        "delay": delay,
        "failure_action": text,
        "monitor": delay,
        "max_failure_ratio": number,
        "order": text,
    }
)
_RESOURCE = fixed(
    {
        "cpus": cpus,
        "memory": size,
        "pids": integer,
        "devices": each(_DEVICE_REQUEST),
        "generic_resources": each(
            fixed(
                {
                    "discrete_resource_spec": Kept(
                        fixed({"kind": Always(text, ""), "value": Always(integer, 0)})
                    )
                }
            )
        ),
    }
)
_DEPLOY = fixed(
    {
        "mode": text,
        "replicas": Kept(integer),
        "labels": labels,
        "update_config": Kept(_UPDATE),
        "rollback_config": Kept(_UPDATE),
        "resources": Always(fixed({"limits": Kept(_RESOURCE), "reservations": Kept(_RESOURCE)}), {}),
        "restart_policy": Kept(
            fixed(
                {
                    "condition": text,
                    "delay": Kept(duration),
                    "max_attempts": Kept(count),
                    "window": Kept(duration),
                }
            )
        ),
        "placement": Always(
            fixed(
                {
                    "constraints": texts,
                    "preferences": each(fixed({"spread": text})),
                    "max_replicas_per_node": count,
                }
            ),
            {},
        ),
        "endpoint_mode": text,
    }
)
_HEALTH_CHECK = fixed(
    {
        "test": health_test,
        "timeout": Kept(duration),
        "interval": Kept(duration),
        "retries": Kept(count),
        "start_period": Kept(duration),
        "start_interval": Kept(duration),
        "disable": flag,
    }
)
_SERVICE_NETWORK = fixed(
    {
        "aliases": texts,
        "driver_opts": labels,
        "gw_priority": integer,
        "interface_name": text,
        "ipv4_address": text,
        "ipv6_address": text,
        "link_local_ips": texts,
        "mac_address": text,
        "priority": integer,
    }
)
_PORT = fixed(
    {
        "name": text,
        "mode": text,
        "host_ip": text,
        "target": count,
        "published": text,
        "protocol": text,
        "app_protocol": text,
    }
)
_MOUNT = fixed(
    {
        "type": text,
        "source": text,
        "target": text,
        "read_only": flag,
        "consistency": text,
        "bind": Kept(
            fixed({"selinux": text, "propagation": text, "create_host_path": flag, "recursive": text})
        ),
        "volume": Kept(fixed({"labels": labels, "nocopy": flag, "subpath": text})),
        "tmpfs": Kept(fixed({"size": size, "mode": count})),
        "image": Kept(fixed({"subpath": text})),
    }
)
_SERVICE = fixed(
    {
        "profiles": texts,
        "annotations": labels,
        "attach": Kept(flag),
        "build": Kept(_BUILD),
        "develop": Kept(fixed({"watch": each(_TRIGGER)})),
        "blkio_config": Kept(_BLKIO),
        "cap_add": texts,
        "cap_drop": texts,
        "cgroup_parent": text,
        "cgroup": text,
        "cpu_count": integer,
        "cpu_percent": number,
        "cpu_period": integer,
        "cpu_quota": integer,
        "cpu_rt_period": integer,
        "cpu_rt_runtime": integer,
        "cpus": number,
        "cpuset": text,
        "cpu_shares": integer,
        "command": Always(command, None),
        "configs": each(_FILE_MOUNT),
        "container_name": text,
        "credential_spec": Kept(fixed({"config": text, "file": text, "registry": text})),
        "depends_on": named(fixed({"condition": text, "restart": flag, "required": Kept(flag)})),
        "deploy": Kept(_DEPLOY),
        "device_cgroup_rules": texts,
        "devices": each(fixed({"source": text, "target": text, "permissions": text})),
        "dns": text_or_texts,
        "dns_opt": texts,
        "dns_search": text_or_texts,
        "dockerfile": text,
        "domainname": text,
        "entrypoint": Always(command, None),
        "provider": Kept(fixed({"type": text, "options": many_options})),
        "environment": environment,
        "env_file": each(_ENV_FILE),
        "expose": any_texts,
        "extends": Kept(fixed({"file": text, "service": text})),
        "external_links": texts,
        "extra_hosts": Kept(hosts),
        "group_add": texts,
        "gpus": each(_DEVICE_REQUEST),
        "hostname": text,
        "healthcheck": Kept(_HEALTH_CHECK),
        "image": text,
        "init": Kept(flag),
        "ipc": text,
        "isolation": text,
        "labels": labels,
        "label_file": text_or_texts,
        "links": texts,
        "logging": Kept(fixed({"driver": text, "options": labels})),
        "mem_limit": size,
        "mem_reservation": size,
        "memswap_limit": size,
        "mem_swappiness": size,
        "mac_address": text,
        "models": named(fixed({"endpoint_var": text, "model_var": text})),
        "network_mode": text,
        "networks": named(_SERVICE_NETWORK),
        "oom_kill_disable": flag,
        "oom_score_adj": integer,
        "pid": text,
        "pids_limit": integer,
        "platform": text,
        "ports": each(_PORT),
        "privileged": flag,
        "pull_policy": text,
        "read_only": flag,
        "restart": text,
        "runtime": text,
        "scale": Kept(integer),
        "secrets": each(_FILE_MOUNT),
        "security_opt": texts,
        "shm_size": size,
        "stdin_open": flag,
        "stop_grace_period": Kept(duration),
        "stop_signal": text,
        "storage_opt": plain_options,
        "sysctls": labels,
        "tmpfs": text_or_texts,
        "tty": flag,
        "ulimits": named(ulimit),
        "use_api_socket": flag,
        "user": text,
        "userns_mode": text,
        "uts": text,
        "volumes": each(_MOUNT),
        "volumes_from": texts,
        "working_dir": text,
        "post_start": each(_HOOK),
        "pre_stop": each(_HOOK),
    }
)
_NETWORK = fixed(
    {
        "name": text,
        "driver": text,
        "driver_opts": labels,
        "ipam": Always(
            fixed(
                {
                    "driver": text,
                    "config": each(
                        fixed(
                            {"subnet": text, "gateway": text, "ip_range": text, "aux_addresses": labels},
                            extensible=False,
                        )
                    ),
                }
            ),
            {},
        ),
        "external": flag,
        "internal": flag,
        "attachable": flag,
        "labels": labels,
        "enable_ipv4": Kept(flag),
        "enable_ipv6": Kept(flag),
    }
)
_VOLUME = fixed({"name": text, "driver": text, "driver_opts": labels, "external": flag, "labels": labels})
_FILE_OBJECT = fixed(
    {
        "name": text,
        "file": text,
        "environment": text,
        "content": text,
        "external": flag,
        "labels": labels,
        "driver": text,
        "driver_opts": plain_options,
        "template_driver": text,
    }
)
_MODEL = fixed({"name": text, "model": text, "context_size": integer, "runtime_flags": texts})

project = fixed(
    {
        "name": text,
        "services": Always(named(_SERVICE, null=False), {}),
        "networks": named(_NETWORK, null=False),
        "volumes": named(_VOLUME, null=False),
        "secrets": named(_FILE_OBJECT, null=False),
        "configs": named(_FILE_OBJECT, null=False),
        "models": named(_MODEL, null=False),
    }
)
"""The step for the whole tree."""
