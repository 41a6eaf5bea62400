"""What each key of a compose file needs in each pass, as data: the one table of rules per key.

A row has a key's path (`*` for every name or item) and one function for each pass that has something to do there;
everything else merges, and stays, as it is. Each pass walks only where its own column has entries.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from compose2fargate.compose import checks, merge, syntax
from compose2fargate.compose.merge import Merger
from compose2fargate.compose.passes import Step, Trie, compile_rules


class Rule(NamedTuple):
    """One row.

    Attributes:
        merge: How to merge two values, when not by Compose's general rule.
        unique: Removes items of a list that are given twice.
        expand: Turns short syntax into its long form.
        default: Adds what is implied, after all files are merged.
        check: Refuses what the schema cannot.
    """

    merge: Merger | None = None
    unique: Step | None = None
    expand: Step | None = None
    default: Step | None = None
    check: Step | None = None


_LIST = Rule(merge=merge.append, unique=merge.unique(merge.by_key))
_NAMED = Rule(unique=merge.unique(merge.by_key))
_REPLACED = Rule(merge=merge.replace)

RULES: dict[str, Rule] = {
    "services.*.annotations": _LIST,
    "services.*.build": Rule(
        merge=merge.merge_build, expand=syntax.build, default=syntax.defaults(context=".")
    ),
    "services.*.build.additional_contexts": Rule(
        merge=merge.append, unique=merge.unique(merge.by_key), expand=syntax.pairs
    ),
    "services.*.build.args": _LIST,
    "services.*.build.extra_hosts": Rule(merge=merge.append_new),
    "services.*.build.labels": _LIST,
    "services.*.build.provenance": Rule(expand=syntax.as_text),
    "services.*.build.sbom": Rule(expand=syntax.as_text),
    "services.*.build.secrets.*": Rule(expand=syntax.file_mount),
    "services.*.build.ssh": Rule(expand=syntax.ssh),
    "services.*.build.tags": _NAMED,
    "services.*.build.ulimits.*": Rule(expand=syntax.ulimit),
    "services.*.cap_add": _NAMED,
    "services.*.cap_drop": _NAMED,
    "services.*.command": _REPLACED,
    "services.*.configs": Rule(unique=merge.unique(merge.by_mount_below(""))),
    "services.*.configs.*": Rule(expand=syntax.file_mount),
    "services.*.depends_on": Rule(merge=merge.merge_dependencies, expand=syntax.dependencies),
    "services.*.deploy.labels": _LIST,
    "services.*.deploy.resources.reservations.devices.*": Rule(
        default=syntax.device_count, check=checks.device_request
    ),
    "services.*.develop.watch.*.ignore": Rule(expand=syntax.one_or_more),
    "services.*.develop.watch.*.include": Rule(expand=syntax.one_or_more),
    "services.*.develop.watch.*.path": Rule(check=checks.not_blank),
    "services.*.devices": Rule(unique=merge.unique(merge.by_device)),
    "services.*.devices.*": Rule(expand=syntax.device),
    "services.*.dns": Rule(
        merge=merge.append, unique=merge.unique(merge.by_key), expand=syntax.without_blanks
    ),
    "services.*.dns_opt": _LIST,
    "services.*.dns_search": _LIST,
    "services.*.entrypoint": _REPLACED,
    "services.*.env_file": Rule(
        merge=merge.append, unique=merge.unique(merge.by_path), expand=syntax.env_files
    ),
    "services.*.environment": _LIST,
    "services.*.expose": Rule(unique=merge.unique(merge.by_text)),
    "services.*.extends": Rule(expand=syntax.extends),
    "services.*.extra_hosts": Rule(merge=merge.append_new),
    "services.*.gpus": Rule(expand=syntax.gpus),
    "services.*.gpus.*": Rule(default=syntax.device_count, check=checks.device_request),
    "services.*.healthcheck.test": _REPLACED,
    "services.*.label_file": Rule(merge=merge.append, expand=syntax.one_or_more),
    "services.*.labels": _LIST,
    "services.*.links": _NAMED,
    "services.*.logging": Rule(merge=merge.merge_logging),
    "services.*.models": Rule(merge=merge.merge_names, expand=syntax.names),
    "services.*.networks": Rule(merge=merge.merge_names, expand=syntax.names),
    "services.*.networks.*.aliases": _NAMED,
    "services.*.networks.*.link_local_ips": _NAMED,
    "services.*.ports": Rule(unique=merge.unique(merge.by_port), expand=syntax.ports),
    "services.*.ports.*": Rule(
        default=syntax.defaults(protocol="tcp", mode="ingress"), check=checks.port_address
    ),
    "services.*.profiles": _NAMED,
    "services.*.secrets": Rule(unique=merge.unique(merge.by_mount_below("/run/secrets"))),
    "services.*.secrets.*": Rule(expand=syntax.file_mount, default=syntax.secret_target),
    "services.*.sysctls": _LIST,
    "services.*.tmpfs": _LIST,
    "services.*.ulimits.*": Rule(merge=merge.replace, expand=syntax.ulimit),
    "services.*.volumes": Rule(unique=merge.unique(merge.by_target)),
    "services.*.volumes.*": Rule(expand=syntax.mount, default=syntax.mount_target),
    "networks.*": Rule(expand=syntax.external),
    "networks.*.ipam.config": Rule(merge=merge.merge_address_pools),
    "networks.*.ipam.options": _NAMED,
    "networks.*.labels": _LIST,
    "volumes.*": Rule(expand=syntax.external, check=checks.external_volume),
    "volumes.*.labels": Rule(merge=merge.append),
    "secrets.*": Rule(expand=syntax.external, check=checks.one_source("file", "environment")),
    "configs.*": Rule(expand=syntax.external, check=checks.one_source("file", "environment", "content")),
}
"""The table; a path's steps are joined by dots."""


@cache
def merge_rules() -> Trie:
    """Give the rules of merging."""
    return _column("merge")


@cache
def unique_rules() -> Trie:
    """Give the rules of uniqueness."""
    return _column("unique")


@cache
def expand_rules() -> Trie:
    """Give the rules of long syntax."""
    return _column("expand")


_LENIENT = {
    "services.*.devices.*": syntax.lenient_device,
    "services.*.ports": syntax.lenient_ports,
}


@cache
def lenient_rules() -> Trie:
    """Give the rules of long syntax for a tree whose variables are not filled in."""
    rows = ((path, _LENIENT.get(path, rule.expand)) for path, rule in RULES.items())
    return compile_rules((tuple(path.split(".")), step) for path, step in rows if step is not None)


@cache
def default_rules() -> Trie:
    """Give the rules of defaults."""
    return _column("default")


@cache
def check_rules() -> Trie:
    """Give the rules of checks."""
    return _column("check")


def _column(name: str) -> Trie:
    rows = ((tuple(path.split(".")), getattr(rule, name)) for path, rule in RULES.items())
    return compile_rules((path, rule) for path, rule in rows if rule is not None)
