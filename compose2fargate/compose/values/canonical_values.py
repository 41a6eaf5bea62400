"""The final form of every value: what a key of the canonical tree may hold, and how it is written.

One function per type, and one table per mapping with fixed keys. The tables are in the order in which Docker
Compose prints their keys: https://github.com/compose-spec/compose-go/blob/main/types/types.go
"""

from __future__ import annotations

from compose2fargate.compose.dialect import Change
from compose2fargate.compose.passes import by_dialect, left_out
from compose2fargate.compose.values.canonical_forms import (
    any_texts,
    command,
    environment,
    health_test,
    hosts,
    labels,
    many_options,
    plain_options,
    ssh_keys,
    text_or_texts,
    texts,
    ulimit,
)
from compose2fargate.compose.values.canonical_steps import (
    AlwaysPrinted,
    KeptWhenEmpty,
    count,
    cpus,
    delay,
    device_count,
    duration,
    each,
    fixed,
    flag,
    host_path,
    integer,
    mode,
    named,
    number,
    rate,
    required_file,
    size,
    text,
)

# ---------------------------------------------------------------------------------------------------------
# Mappings with fixed keys, in the order in which they are printed
# ---------------------------------------------------------------------------------------------------------

_ENV_FILE = fixed({"path": text, "required": KeptWhenEmpty(required_file), "format": text})
_FILE_MOUNT = fixed({"source": text, "target": text, "uid": text, "gid": text, "mode": KeptWhenEmpty(mode)})
_HOOK = fixed(
    {
        "command": AlwaysPrinted(command, None),
        "user": text,
        "privileged": flag,
        "working_dir": text,
        "environment": environment,
    }
)
_PRE_START_HOOK = fixed(
    {
        "command": AlwaysPrinted(command, None),
        "image": text,
        "user": text,
        "privileged": flag,
        "working_dir": text,
        "environment": environment,
        "per_replica": flag,
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
        "no_cache_filter": text_or_texts,
        "additional_contexts": labels,
        "pull": flag,
        "extra_hosts": KeptWhenEmpty(hosts),
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
        "path": KeptWhenEmpty(text),
        "action": KeptWhenEmpty(text),
        "target": text,
        "exec": AlwaysPrinted(_HOOK, {"command": None}),
        "include": text_or_texts,
        "ignore": text_or_texts,
        "initial_sync": flag,
    }
)
_THROTTLE = each(fixed({"path": AlwaysPrinted(text, ""), "rate": AlwaysPrinted(rate, "0")}))
_BLKIO = fixed(
    {
        "weight": count,
        "weight_device": each(fixed({"path": AlwaysPrinted(text, ""), "weight": AlwaysPrinted(count, 0)})),
        "device_read_bps": _THROTTLE,
        "device_read_iops": _THROTTLE,
        "device_write_bps": _THROTTLE,
        "device_write_iops": _THROTTLE,
    }
)
_UPDATE = fixed(
    {
        "parallelism": KeptWhenEmpty(count),
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
                    "discrete_resource_spec": KeptWhenEmpty(
                        fixed({"kind": AlwaysPrinted(text, ""), "value": AlwaysPrinted(integer, 0)})
                    )
                }
            )
        ),
    }
)
_DEPLOY = fixed(
    {
        "mode": text,
        "replicas": KeptWhenEmpty(integer),
        "labels": labels,
        "update_config": KeptWhenEmpty(_UPDATE),
        "rollback_config": KeptWhenEmpty(_UPDATE),
        "resources": AlwaysPrinted(
            fixed({"limits": KeptWhenEmpty(_RESOURCE), "reservations": KeptWhenEmpty(_RESOURCE)}), {}
        ),
        "restart_policy": KeptWhenEmpty(
            fixed(
                {
                    "condition": text,
                    "delay": KeptWhenEmpty(duration),
                    "max_attempts": KeptWhenEmpty(count),
                    "window": KeptWhenEmpty(duration),
                }
            )
        ),
        "placement": AlwaysPrinted(
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
        "timeout": KeptWhenEmpty(duration),
        "interval": KeptWhenEmpty(duration),
        "retries": KeptWhenEmpty(count),
        "start_period": KeptWhenEmpty(duration),
        "start_interval": KeptWhenEmpty(duration),
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
        "bind": KeptWhenEmpty(
            fixed(
                {
                    "selinux": text,
                    "propagation": text,
                    "create_host_path": KeptWhenEmpty(host_path),
                    "recursive": text,
                }
            )
        ),
        "volume": KeptWhenEmpty(fixed({"labels": labels, "nocopy": flag, "subpath": text})),
        "tmpfs": KeptWhenEmpty(fixed({"size": size, "mode": count})),
        "image": KeptWhenEmpty(fixed({"subpath": text})),
    }
)
_SERVICE = fixed(
    {
        "profiles": texts,
        "annotations": labels,
        "attach": KeptWhenEmpty(flag),
        "build": KeptWhenEmpty(_BUILD),
        "develop": KeptWhenEmpty(fixed({"watch": each(_TRIGGER)})),
        "blkio_config": KeptWhenEmpty(_BLKIO),
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
        "command": AlwaysPrinted(command, None),
        "configs": each(_FILE_MOUNT),
        "container_name": text,
        "credential_spec": KeptWhenEmpty(fixed({"config": text, "file": text, "registry": text})),
        "depends_on": named(fixed({"condition": text, "restart": flag, "required": KeptWhenEmpty(flag)})),
        "deploy": KeptWhenEmpty(_DEPLOY),
        "device_cgroup_rules": texts,
        "devices": each(fixed({"source": text, "target": text, "permissions": text})),
        "dns": text_or_texts,
        "dns_opt": texts,
        "dns_search": text_or_texts,
        "dockerfile": text,
        "domainname": text,
        "entrypoint": AlwaysPrinted(command, None),
        "provider": KeptWhenEmpty(fixed({"type": text, "options": many_options})),
        "environment": environment,
        "env_file": each(_ENV_FILE),
        "expose": any_texts,
        "extends": KeptWhenEmpty(fixed({"file": text, "service": text})),
        "external_links": texts,
        "extra_hosts": KeptWhenEmpty(hosts),
        "group_add": texts,
        "gpus": each(_DEVICE_REQUEST),
        "hostname": text,
        "healthcheck": KeptWhenEmpty(_HEALTH_CHECK),
        "image": text,
        "init": KeptWhenEmpty(flag),
        "ipc": text,
        "isolation": text,
        "labels": labels,
        "label_file": text_or_texts,
        "links": texts,
        "logging": KeptWhenEmpty(fixed({"driver": text, "options": labels})),
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
        "scale": KeptWhenEmpty(integer),
        "secrets": each(_FILE_MOUNT),
        "security_opt": texts,
        "shm_size": size,
        "stdin_open": flag,
        "stop_grace_period": KeptWhenEmpty(duration),
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
        "pre_start": each(_PRE_START_HOOK),
        "post_start": each(_HOOK),
        "pre_stop": each(_HOOK),
    }
)
_NETWORK = fixed(
    {
        "name": text,
        "driver": text,
        "driver_opts": labels,
        "ipam": AlwaysPrinted(
            fixed(
                {
                    "driver": text,
                    "config": each(
                        fixed(
                            {"subnet": text, "gateway": text, "ip_range": text, "aux_addresses": labels},
                            extensible=False,
                        )
                    ),
                    "options": by_dialect(Change.ADDRESS_POOL_OPTIONS, labels, left_out),
                }
            ),
            {},
        ),
        "external": flag,
        "internal": flag,
        "attachable": flag,
        "labels": labels,
        "enable_ipv4": KeptWhenEmpty(flag),
        "enable_ipv6": KeptWhenEmpty(flag),
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
        "services": AlwaysPrinted(named(_SERVICE, null=False), {}),
        "networks": named(_NETWORK, null=False),
        "volumes": named(_VOLUME, null=False),
        "secrets": named(_FILE_OBJECT, null=False),
        "configs": named(_FILE_OBJECT, null=False),
        "models": named(_MODEL, null=False),
    }
)
"""The step for the whole tree."""
