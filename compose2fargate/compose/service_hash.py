"""The configuration hash of a service, as `docker compose config --hash` prints it.

Docker Compose hashes a service's JSON in the order in which its own types declare their fields, so that order is
part of the result. `tests/compose/test_service_hash.py` compares with recorded hashes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_DEVICE_REQUEST: Final = "capabilities driver count device_ids options"
_RESOURCE: Final = "cpus memory pids devices generic_resources"
_UPDATE: Final = "parallelism delay failure_action monitor max_failure_ratio order"
_HOOK: Final = "command user privileged working_dir environment"
_FILE_REFERENCE: Final = "source target uid gid mode"

# The fields of each type by its path in a service; `*` stands for a list's index or a map's key.
# What is not listed is a map, whose keys are sorted.
_FIELDS: Final[Mapping[str, str]] = {
    "": "annotations attach develop blkio_config cap_add cap_drop cgroup_parent cgroup cpu_count cpu_percent "
    "cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpus cpuset cpu_shares command configs container_name "
    "credential_spec deploy device_cgroup_rules devices dns dns_opt dns_search dockerfile domainname entrypoint "
    "provider environment env_file expose extends external_links extra_hosts group_add gpus hostname healthcheck "
    "image init ipc isolation labels label_file links logging log_driver log_opt mem_limit mem_reservation "
    "memswap_limit mem_swappiness mac_address models net network_mode networks oom_kill_disable oom_score_adj "
    "pid pids_limit platform ports privileged read_only restart runtime secrets security_opt shm_size stdin_open "
    "stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts "
    "volume_driver volumes volumes_from working_dir post_start pre_stop",
    "blkio_config": "weight weight_device device_read_bps device_read_iops device_write_bps device_write_iops",
    "blkio_config.weight_device.*": "Path Weight",
    "configs.*": _FILE_REFERENCE,
    "credential_spec": "config file registry",
    "deploy": "mode labels update_config rollback_config resources restart_policy placement endpoint_mode",
    "deploy.placement": "constraints preferences max_replicas_per_node",
    "deploy.placement.preferences.*": "spread",
    "deploy.resources": "limits reservations",
    "deploy.resources.limits": _RESOURCE,
    "deploy.resources.limits.devices.*": _DEVICE_REQUEST,
    "deploy.resources.reservations": _RESOURCE,
    "deploy.resources.reservations.devices.*": _DEVICE_REQUEST,
    "deploy.restart_policy": "condition delay max_attempts window",
    "deploy.rollback_config": _UPDATE,
    "deploy.update_config": _UPDATE,
    "develop": "watch",
    "develop.watch.*": "path action target exec include ignore initial_sync",
    "develop.watch.*.exec": _HOOK,
    "devices.*": "source target permissions",
    "env_file.*": "path required format",
    "extends": "file service",
    "gpus.*": _DEVICE_REQUEST,
    "healthcheck": "test timeout interval retries start_period start_interval disable",
    "logging": "driver options",
    "models.*": "endpoint_var model_var",
    "networks.*": "aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips "
    "mac_address priority",
    "ports.*": "name mode host_ip target published protocol app_protocol",
    "post_start.*": _HOOK,
    "pre_stop.*": _HOOK,
    "provider": "type options",
    "secrets.*": _FILE_REFERENCE,
    "ulimits.*": "single soft hard",
    "volumes.*": "type source target read_only consistency bind volume tmpfs image",
    "volumes.*.bind": "selinux propagation create_host_path recursive",
    "volumes.*.image": "subpath",
    "volumes.*.tmpfs": "size mode",
    "volumes.*.volume": "labels nocopy subpath",
}
# What is written even where it is empty.
_ALWAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "": {"command": None, "entrypoint": None},
    "deploy": {"resources": {}, "placement": {}},
    "develop.watch.*": {"exec": {}},
    "develop.watch.*.exec": {"command": None},
    "post_start.*": {"command": None},
    "pre_stop.*": {"command": None},
}
_RANKS: Final = {
    path: {name: rank for rank, name in enumerate(fields.split())} for path, fields in _FIELDS.items()
}
_HTML: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def service_hash(service: Mapping[str, Any]) -> str:
    """Hash a service of the canonical tree, loaded without resolving `env_file`; gives 64 hexadecimal digits.

    Build, dependencies, profiles, pull policy and the number of replicas do not change a container, and so do not
    count.
    """
    import hashlib

    text = json.dumps(_in_order(dict(service), ""), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.translate(_HTML).encode("utf-8", "surrogateescape")).hexdigest()


def _in_order(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_in_order(item, f"{path}.*") for item in value]
    if not isinstance(value, dict):
        return value
    ranks = _RANKS.get(path)
    if ranks is None:
        return {key: _in_order(value[key], f"{path}.*") for key in sorted(value)}
    value = {**_ALWAYS.get(path, {}), **value}
    prefix = f"{path}." if path else ""
    return {
        key: _in_order(value[key], prefix + key)
        for key in sorted(value.keys() & ranks, key=ranks.__getitem__)
    }
