"""What each key of a compose file needs in each pass, as data: the one table of rules per key.

A row has a key's path (`*` for every name or item) and one function for each pass that has something to do there;
everything else merges, and stays, as it is. Each pass walks only where its own column has entries.
"""

from __future__ import annotations

from functools import cache

from compose2fargate.compose import merge
from compose2fargate.compose.dialect import Change
from compose2fargate.compose.merge import Merger
from compose2fargate.compose.passes import Step, Trie, as_it_is, by_dialect, compile_rules
from compose2fargate.compose.validation import value_checks
from compose2fargate.compose.values import port_syntax, short_syntax
from compose2fargate.records import NamedTuple


class KeyRule(NamedTuple):
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


_LIST = KeyRule(merge=merge.append, unique=merge.unique(merge.by_key))
_NAMED = KeyRule(unique=merge.unique(merge.by_key))
_REPLACED = KeyRule(merge=merge.replace)

RULES: dict[str, KeyRule] = {
    "services.*.annotations": _LIST,
    "services.*.build": KeyRule(
        merge=merge.merge_build, expand=short_syntax.build, default=short_syntax.defaults(context=".")
    ),
    "services.*.build.additional_contexts": KeyRule(
        merge=merge.append, unique=merge.unique(merge.by_key), expand=short_syntax.pairs
    ),
    "services.*.build.args": _LIST,
    "services.*.build.extra_hosts": KeyRule(merge=merge.append_new),
    "services.*.build.labels": _LIST,
    "services.*.build.provenance": KeyRule(expand=short_syntax.as_text),
    "services.*.build.sbom": KeyRule(expand=short_syntax.as_text),
    "services.*.build.secrets.*": KeyRule(expand=short_syntax.file_mount),
    "services.*.build.ssh": KeyRule(expand=short_syntax.ssh),
    "services.*.build.tags": _NAMED,
    "services.*.build.ulimits.*": KeyRule(expand=short_syntax.ulimit),
    "services.*.cap_add": _NAMED,
    "services.*.cap_drop": _NAMED,
    "services.*.command": _REPLACED,
    "services.*.configs": KeyRule(unique=merge.unique(merge.by_mount_below(""))),
    "services.*.configs.*": KeyRule(expand=short_syntax.file_mount),
    "services.*.depends_on": KeyRule(merge=merge.merge_dependencies, expand=short_syntax.dependencies),
    "services.*.deploy.labels": _LIST,
    "services.*.deploy.resources.reservations.devices.*": KeyRule(
        default=short_syntax.device_count, check=value_checks.device_request
    ),
    "services.*.develop.watch.*.ignore": KeyRule(expand=short_syntax.one_or_more),
    "services.*.develop.watch.*.include": KeyRule(expand=short_syntax.one_or_more),
    "services.*.develop.watch.*.path": KeyRule(check=value_checks.not_blank),
    "services.*.devices": KeyRule(unique=merge.unique(merge.by_device)),
    "services.*.devices.*": KeyRule(expand=short_syntax.device),
    "services.*.dns": KeyRule(
        merge=merge.append, unique=merge.unique(merge.by_key), expand=short_syntax.without_blanks
    ),
    "services.*.dns_opt": _LIST,
    "services.*.dns_search": _LIST,
    "services.*.entrypoint": _REPLACED,
    "services.*.env_file": KeyRule(
        merge=merge.append, unique=merge.unique(merge.by_path), expand=short_syntax.env_files
    ),
    "services.*.environment": _LIST,
    "services.*.expose": KeyRule(unique=merge.unique(merge.by_text)),
    "services.*.extends": KeyRule(expand=short_syntax.extends),
    "services.*.extra_hosts": KeyRule(merge=merge.append_new),
    "services.*.gpus": KeyRule(expand=short_syntax.gpus),
    "services.*.gpus.*": KeyRule(default=short_syntax.device_count, check=value_checks.device_request),
    "services.*.healthcheck.test": _REPLACED,
    "services.*.label_file": KeyRule(merge=merge.append, expand=short_syntax.one_or_more),
    "services.*.labels": _LIST,
    "services.*.links": _NAMED,
    "services.*.logging": KeyRule(merge=merge.merge_logging),
    "services.*.models": KeyRule(merge=merge.merge_names, expand=short_syntax.names),
    "services.*.networks": KeyRule(merge=merge.merge_names, expand=short_syntax.names),
    "services.*.networks.*.aliases": _NAMED,
    "services.*.networks.*.link_local_ips": _NAMED,
    "services.*.ports": KeyRule(unique=merge.unique(merge.by_port), expand=port_syntax.ports),
    "services.*.ports.*": KeyRule(
        default=short_syntax.defaults(protocol="tcp", mode="ingress"), check=value_checks.port_address
    ),
    "services.*.profiles": _NAMED,
    "services.*.secrets": KeyRule(unique=merge.unique(merge.by_mount_below("/run/secrets"))),
    "services.*.secrets.*": KeyRule(expand=short_syntax.file_mount, default=short_syntax.secret_target),
    "services.*.sysctls": _LIST,
    "services.*.tmpfs": _LIST,
    "services.*.ulimits.*": KeyRule(merge=merge.replace, expand=short_syntax.ulimit),
    "services.*.volumes": KeyRule(unique=merge.unique(merge.by_target)),
    "services.*.volumes.*": KeyRule(expand=short_syntax.mount, default=short_syntax.mount_target),
    "services.*.volumes.*.bind": KeyRule(
        default=by_dialect(Change.HOST_PATH_DEFAULT, short_syntax.defaults(create_host_path=True), as_it_is)
    ),
    "networks.*": KeyRule(expand=short_syntax.external),
    "networks.*.ipam.config": KeyRule(merge=merge.merge_address_pools),
    "networks.*.ipam.options": _NAMED,
    "networks.*.labels": _LIST,
    "volumes.*": KeyRule(expand=short_syntax.external, check=value_checks.external_volume),
    "volumes.*.labels": KeyRule(merge=merge.append),
    "secrets.*": KeyRule(expand=short_syntax.external, check=value_checks.one_source("file", "environment")),
    "configs.*": KeyRule(
        expand=short_syntax.external, check=value_checks.one_source("file", "environment", "content")
    ),
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
    "services.*.devices.*": short_syntax.lenient_device,
    "services.*.ports": port_syntax.lenient_ports,
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
