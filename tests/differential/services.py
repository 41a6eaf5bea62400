"""Strategies for services: every key of the specification, in its short and its long syntax."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.differential.syntax import (
    BLOCKS,
    BOOLEANS,
    COMMANDS,
    CONFIGS,
    COUNTS,
    DRIVER_OPTIONS,
    DURATIONS,
    ENVIRONMENT,
    EXTENSION,
    GPUS,
    HOSTS,
    LABELS,
    MODELS,
    MOUNT,
    NETWORKS,
    NUMBERS,
    PORT,
    PROFILES,
    SECRETS,
    SERVICES,
    SIZES,
    TEXT_SETTINGS,
    TEXTS,
    ULIMITS,
    WORDS,
    Strategy,
    granted,
    in_flow,
    pick,
    rarely,
    seldom,
    several,
    table,
    tame,
)
from tests.differential.yaml_text import Verbatim


def one_or_more(strategy: Strategy) -> Strategy:
    """One value, or a list of them."""
    return st.one_of(strategy, several(strategy))


ENV_FILES = pick("a.env", "b.env", "sub/c.env", "./a.env")
NO_FILE = pick("missing.env", "", "sub", "~/x.env")

ENV_FILE = tame(
    one_or_more(
        st.one_of(
            tame(ENV_FILES, NO_FILE, 20),
            table({"required": BOOLEANS, "format": pick("raw", "raw", "bogus", "")}, needed={"path": ENV_FILES}),
            table({"format": pick("raw")}, needed={"path": st.one_of(ENV_FILES, NO_FILE), "required": pick(False, "false")}),
        )
    ),
    pick(None, {"path": "a.env"}, [None]),
    30,
)  # fmt: skip

SSH = st.one_of(
    several(pick("default", "id=./key", "id", "a=~/x", "other=/abs"), 0, 2), pick({"default": None}, {"id": "./k"})
)  # fmt: skip

BUILD = st.one_of(
    pick(".", "./sub", "../up", "/abs", "~/x", "https://github.com/a/b.git", "git@github.com:a/b.git#main:sub", "sub", "", "http://x/y", "ssh://git@x/y", "github.com/a/b", "git://x", "x.git", "service:web", "docker-image://alpine"),
    table(
        {
            "context": pick(".", "./sub", "/abs/x/..", "https://github.com/a/b.git#main", "~", "", "sub/../x"),
            "dockerfile": pick("Dockerfile", "docker/Dockerfile.dev", "/abs/Dockerfile", "../D", ""),
            "dockerfile_inline": st.one_of(BLOCKS, pick("FROM scratch")),
            "args": ENVIRONMENT,
            "labels": LABELS,
            "ssh": SSH,
            "cache_from": several(pick("type=local,src=./c", "app:cache", "")),
            "cache_to": several(pick("type=inline")),
            "target": TEXTS,
            "network": pick("host", "none"),
            "no_cache": BOOLEANS,
            "pull": BOOLEANS,
            "privileged": BOOLEANS,
            "shm_size": SIZES,
            "tags": several(pick("a:1", "b", "a:1")),
            "platforms": several(pick("linux/amd64", "linux/arm64")),
            "isolation": pick("default"),
            "extra_hosts": HOSTS,
            "secrets": granted(SECRETS),
            "ulimits": ULIMITS,
            "additional_contexts": st.one_of(
                several(pick("a=./x", "b=https://x/y.git", "c=docker-image://alpine", "d=service:db", "e=..", "f"), 0, 2),
                st.dictionaries(pick("a", "base"), pick("./x", "~", "/abs", "docker-image://x", "service:db", "oci-layout://./x"), max_size=2),
            ),
            "entitlements": several(pick("network.host", "security.insecure")),
            "provenance": pick(True, False, "true", "mode=max", "", 1),
            "sbom": pick(True, "false", "generator=x"),
            "x-b": EXTENSION,
        },
        most=5,
    ),
)  # fmt: skip

HEALTHCHECK = table(
    {
        "interval": DURATIONS,
        "timeout": DURATIONS,
        "start_period": DURATIONS,
        "start_interval": DURATIONS,
        "retries": COUNTS,
        "disable": BOOLEANS,
        "test": st.one_of(
            pick("curl -f http://localhost", "", ["CMD", "true"], ["CMD-SHELL", "a || b"], ["NONE"], [], ["bogus", "x"], ["CMD"], [""]),
            WORDS,
            several(TEXTS),
        ),
        "x-h": EXTENSION,
    },
)  # fmt: skip

UPDATE_CONFIG = table(
    {
        "parallelism": COUNTS,
        "delay": DURATIONS,
        "failure_action": pick("rollback", "pause", "x", ""),
        "monitor": DURATIONS,
        "max_failure_ratio": NUMBERS,
        "order": tame(pick("start-first", "stop-first"), pick("x", ""), 10),
    }
)

DEPLOY = table(
    {
        "mode": pick("replicated", "global", "replicated-job", "global-job", "x"),
        "endpoint_mode": pick("vip", "dnsrr"),
        "replicas": COUNTS,
        "labels": LABELS,
        "update_config": UPDATE_CONFIG,
        "rollback_config": UPDATE_CONFIG,
        "resources": table(
            {
                "limits": table({"cpus": NUMBERS, "memory": SIZES, "pids": COUNTS}),
                "reservations": table(
                    {
                        "cpus": NUMBERS,
                        "memory": SIZES,
                        "generic_resources": several(
                            st.just({}) | table({}, needed={"discrete_resource_spec": table({"kind": pick("gpu"), "value": NUMBERS})})
                        ),
                        "devices": several(GPUS),
                    }
                ),
            }
        ),
        "restart_policy": table({"condition": pick("on-failure", "none", "any", "x"), "delay": DURATIONS, "max_attempts": COUNTS, "window": DURATIONS}),
        "placement": table(
            {
                "constraints": several(pick("node.role == manager", "a==b")),
                "preferences": several(pick({}, {"spread": "node.labels.x"})),
                "max_replicas_per_node": COUNTS,
            }
        ),
        "x-d": EXTENSION,
    }
)  # fmt: skip

HOOKS = several(
    table(
        {"user": TEXTS, "privileged": BOOLEANS, "working_dir": TEXTS, "environment": ENVIRONMENT},
        needed={"command": COMMANDS},
    ),
    0,
    2,
)

WATCH = table(
    {
        "target": pick("/app", "rel", ""),
        "ignore": one_or_more(pick("node_modules/", "*.pyc", "/x", "")),
        "include": one_or_more(pick("*.py", "src")),
        "initial_sync": pick(True, False, "true"),
        "exec": table({"user": TEXTS, "working_dir": TEXTS, "privileged": BOOLEANS, "environment": ENVIRONMENT}, needed={"command": COMMANDS}),
        "x-w": EXTENSION,
    },
    needed={
        "path": pick(".", "./src", "../x", "/abs", "~/x", ""),
        "action": tame(pick("sync", "rebuild", "restart", "sync+restart", "sync+exec"), pick("x"), 20),
    },
)  # fmt: skip

DEPENDENCY = table(
    {"restart": BOOLEANS, "required": tame(pick(True, False), pick("true"), 20), "x-dep": EXTENSION},
    needed={"condition": tame(pick("service_started", "service_healthy", "service_completed_successfully"), pick("x", ""), 30)},
)  # fmt: skip

ATTACHMENT = seldom(
    table(
        {
            "aliases": several(pick("x", "y", "web"), 0, 2),
            "ipv4_address": pick("172.16.238.10", "", "x", "${EMPTY:-10.1.1.1}"),
            "ipv6_address": pick("2001:3984:3989::10"),
            "link_local_ips": several(pick("57.123.22.11"), 0, 2),
            "mac_address": pick("02:42:ac:11:65:43", "x"),
            "driver_opts": DRIVER_OPTIONS,
            "priority": tame(st.integers(-5, 1000), NUMBERS, 5),
            "gw_priority": tame(st.integers(-5, 10), NUMBERS, 5),
            "interface_name": pick("eth0"),
            "x-n": EXTENSION,
        }
    ),
    st.none(),
    3,
)

RATES = several(table({"rate": st.one_of(SIZES, COUNTS)}, needed={"path": pick("/dev/sda", "/dev/b")}), 0, 2)
COUNTED_RATES = several(table({"rate": COUNTS}, needed={"path": pick("/dev/sda")}), 0, 2)

MODEL_BINDING = seldom(table({"endpoint_var": pick("URL", ""), "model_var": pick("MODEL"), "x-m": EXTENSION}), st.none(), 3)  # fmt: skip

PROVIDER = table(
    {"options": st.dictionaries(pick("a", "size"), st.one_of(WORDS, pick(1, 1.5, True), several(st.one_of(WORDS, pick(1, False)), 0, 2)), max_size=3)},
    needed={"type": pick("cloud", "model")},
)  # fmt: skip

# Keys that are about the service alone.
OWN_KEYS: dict[str, Strategy] = {
    "image": tame(pick("nginx", "nginx:1.25", "ghcr.io/a/b@sha256:" + "0" * 64, "redis:${TAG:-7}", "localhost:5000/x:y"), pick("", "A B", "${IMAGE}"), 4),
    "build": BUILD,
    "annotations": LABELS,
    "attach": BOOLEANS,
    "blkio_config": table({"weight": COUNTS, "weight_device": several(table({"weight": COUNTS}, needed={"path": pick("/dev/sda")}), 0, 2), "device_read_bps": RATES, "device_write_bps": RATES, "device_read_iops": COUNTED_RATES, "device_write_iops": COUNTED_RATES}),
    "cap_add": several(pick("ALL", "NET_ADMIN", "ALL")),
    "cap_drop": several(pick("ALL", "SYS_ADMIN")),
    "cgroup": tame(pick("host", "private"), pick("x"), 20),
    "cgroup_parent": TEXTS,
    "command": COMMANDS,
    "container_name": tame(pick("one", "two", "a_b-c.d"), pick("-bad", "web", ""), 5),
    "cpu_count": COUNTS,
    "cpu_percent": tame(st.integers(0, 100), NUMBERS, 5),
    "cpu_shares": tame(COUNTS, NUMBERS, 3),
    "cpu_period": tame(COUNTS, DURATIONS, 5),
    "cpu_quota": tame(COUNTS, DURATIONS, 5),
    "cpu_rt_period": tame(COUNTS, DURATIONS, 3),
    "cpu_rt_runtime": tame(COUNTS, DURATIONS, 3),
    "cpus": NUMBERS,
    "cpuset": pick("0-3", "0,1", ""),
    "credential_spec": tame(pick({"file": "x.json"}, {"registry": "r"}), pick({"config": "conf"}, {"file": "a", "registry": "b"}, {}), 3),
    "deploy": seldom(DEPLOY, st.none(), 20),
    "develop": seldom(table({"watch": several(WATCH, 0, 2), "x-dev": EXTENSION}), st.none(), 15),
    "device_cgroup_rules": several(tame(pick("c 1:3 mr", "a 7:* rmw"), pick("x", ""), 5), 0, 2),
    "devices": several(st.one_of(pick("/dev/a:/dev/b", "/dev/a", "/dev/a:/dev/b:rw", "./x:/y", "vendor.com/class=dev", "${UNSET:-/dev/z}"), tame(pick("/dev/c"), pick("a:b:c:d", "", "/dev/a:/dev/b:", ":", "/dev/a::r"), 1), table({"target": pick("/dev/b"), "permissions": pick("r", "rwm")}, needed={"source": pick("/dev/a", "./rel", "vendor.com/class=dev")}))),
    "dns": one_or_more(tame(pick("8.8.8.8", "1.1.1.1"), pick("", "x"), 4)),
    "dns_opt": several(pick("ndots:1", "use-vc")),
    "dns_search": one_or_more(tame(pick("example.com", "a.b"), pick(""), 4)),
    "domainname": TEXTS,
    "entrypoint": COMMANDS,
    "env_file": ENV_FILE,
    "environment": ENVIRONMENT,
    "expose": several(tame(pick(3000, "3000", "8000-8010", "53/udp", "3000/tcp"), pick("abc", 1.5, "", 3000.0, Verbatim("0080")), 4)),
    "external_links": several(pick("redis", "c:alias", "a:b:c")),
    "extra_hosts": HOSTS,
    "gpus": st.one_of(pick("all", "none", ""), several(GPUS, 0, 1), several(table({"count": pick(1, "all", "2"), "driver": pick("x"), "options": LABELS, "device_ids": pick(["0"]), "x-any": EXTENSION}), 0, 2)),
    "group_add": several(tame(pick("mail", 100, "100"), pick(1.5, ""), 5)),
    "healthcheck": HEALTHCHECK,
    "hostname": TEXTS,
    "init": BOOLEANS,
    "isolation": TEXTS,
    "label_file": tame(one_or_more(pick("l.labels", "sub/m.labels", "a.env")), pick("missing.labels", "sub", ""), 30),
    "labels": LABELS,
    "logging": table({"driver": pick("json-file", "none", "syslog"), "options": st.dictionaries(pick("max-size", "max-file", "tag"), pick("10m", 3, "x", None, 1.5, ""), max_size=3), "x-l": EXTENSION}),
    "mac_address": pick("02:42:ac:11:65:43", "x", ""),
    "mem_limit": SIZES,
    "mem_reservation": SIZES,
    "mem_swappiness": COUNTS,
    "memswap_limit": SIZES,
    "oom_kill_disable": BOOLEANS,
    "oom_score_adj": tame(st.integers(-1000, 1000), pick("-500", 1001, "x", -1001), 5),
    "pids_limit": COUNTS,
    "platform": pick("linux/amd64", "windows", ""),
    "ports": in_flow(several(PORT, 0, 4)),
    "post_start": HOOKS,
    "pre_stop": HOOKS,
    "privileged": BOOLEANS,
    "profiles": tame(several(pick(*PROFILES), 0, 2), pick([""], ["bad name"], ["*"], "dev"), 20),
    "pull_policy": tame(pick("always", "never", "missing", "if_not_present", "build", "daily", "weekly", "every_12h", "every_30s", "every_1w"), pick("every_1d2h", "every_x", "refresh", "x", "every_"), 3),
    "pull_refresh_after": pick("24h", "x"),
    "read_only": BOOLEANS,
    "restart": tame(pick("no", "always", "unless-stopped", "on-failure", "on-failure:3", Verbatim("no")), pick("bogus", "", False, "on-failure:x"), 4),
    "runtime": TEXTS,
    "scale": COUNTS,
    "security_opt": several(pick("no-new-privileges:true", "seccomp:./x.json", "label=a", "seccomp=unconfined", "apparmor=~/x")),
    "shm_size": SIZES,
    "stdin_open": BOOLEANS,
    "stop_grace_period": DURATIONS,
    "stop_signal": TEXTS,
    "storage_opt": st.dictionaries(pick("size"), pick("1G", 5, None, True), max_size=1),
    "sysctls": TEXT_SETTINGS,
    "tmpfs": one_or_more(pick("/run", "/tmp:mode=755,uid=1", "", "rel")),
    "tty": BOOLEANS,
    "ulimits": ULIMITS,
    "use_api_socket": tame(pick(True, False), pick("true"), 10),
    "user": TEXTS,
    "userns_mode": pick("host", "", "x"),
    "uts": pick("host", "", "x"),
    "volumes": in_flow(several(MOUNT, 0, 4)),
    "working_dir": pick("/app", "rel", "", "${UNSET:-/x}"),
    "x-own": EXTENSION,
    "x-null": st.none(),
}  # fmt: skip

# Keys that mention other services or top-level resources.
SHARED_KEYS: dict[str, Strategy] = {
    "configs": granted(CONFIGS),
    "secrets": granted(SECRETS),
    "depends_on": st.one_of(
        several(pick(*SERVICES), 0, 2), st.dictionaries(pick(*SERVICES), DEPENDENCY, max_size=2)
    ),
    "ipc": pick("host", "shareable", "private", "none", "service:db", "service:api", "container:x", ""),
    "links": several(tame(pick("db", "db:x", "api:a"), pick("api:a:b", "nope", ""), 5), 0, 2),
    "models": st.one_of(
        several(pick(*MODELS), 0, 2), st.dictionaries(pick(*MODELS), MODEL_BINDING, max_size=2)
    ),
    "network_mode": pick("host", "none", "bridge", "service:db", "container:x", "service:api", ""),
    "networks": st.one_of(
        several(pick(*NETWORKS), 0, 2), st.dictionaries(pick(*NETWORKS), ATTACHMENT, max_size=3)
    ),
    "pid": pick("host", "service:db", "container:x", "", None),
    "provider": PROVIDER,
    "volumes_from": several(
        tame(pick("db", "db:ro", "container:x", "container:x:ro"), pick("nope"), 8), 0, 2
    ),
}
SERVICE_KEYS = {**OWN_KEYS, **SHARED_KEYS}


@st.composite
def services(draw: st.DrawFn, most: int = 6) -> dict[str, Any]:
    """A service; nearly always one with an image or something to build."""
    service: dict[str, Any] = draw(table(SERVICE_KEYS, most=draw(st.integers(0, most))))
    if not {"image", "build", "provider"} & service.keys() and not rarely(draw, 40):
        service["image"] = "alpine"
    return service
