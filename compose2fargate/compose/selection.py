"""Which part of a project is wanted: active profiles, selected services, and the resources that these need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from compose2fargate.compose.passes import Findings, Tree
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.text.nearest import nearest


def split_by_profile(tree: Tree, profiles: Iterable[str]) -> tuple[Tree, Tree]:
    """Separate the services whose profiles are active from the others.

    Returns:
        The tree with the active services only, and the other services.
    """
    active = set(profiles)
    services = tree.get("services", {})
    off = {
        name: service
        for name, service in services.items()
        if service.get("profiles") and "*" not in active and active.isdisjoint(service["profiles"])
    }
    return {**tree, "services": {k: v for k, v in services.items() if k not in off}}, off


def enable_profiles(
    tree: Tree, disabled: Tree, names: Iterable[str], profiles: Iterable[str]
) -> tuple[Tree, Tree]:
    """Activate the profiles of the services that are asked for by name."""
    wanted = [p for name in names if name in disabled for p in disabled[name].get("profiles") or ()]
    if not wanted:
        return tree, disabled
    every = {**tree.get("services", {}), **disabled}
    return split_by_profile({**tree, "services": {k: every[k] for k in sorted(every)}}, (*profiles, *wanted))


def select_services(tree: Tree, marks: Marks, names: tuple[str, ...], findings: Findings) -> Tree:
    """Restrict `tree` to the services that match `names`, and to what they depend on.

    A name may be a pattern (`web-*`). Dependencies on services outside are removed.
    """
    services = tree.get("services", {})
    chosen: set[str] = set()
    pending = [(name, True) for name in names]
    while pending:
        pattern, required = pending.pop()
        matching = [name for name in services if name == pattern or fnmatchcase(name, pattern)]
        if not matching and required:
            _unknown(pattern, services, findings)
        for name in matching:
            if name not in chosen:
                chosen.add(name)
                depends_on = services[name].get("depends_on") or {}
                pending.extend((key, value.get("required", True)) for key, value in depends_on.items())
    kept = {name: _within(service, chosen) for name, service in services.items() if name in chosen}
    places = marks.get("services")
    for name in services:
        if name not in chosen:
            mark = (places[3] or {}).get(name) if places else None
            findings.drop(("services", name), mark, "not among the services asked for")
    return {**tree, "services": kept}


def _unknown(name: str, services: Mapping[str, Any], findings: Findings) -> None:
    near = nearest(name, services)
    hint = f"did you mean {near!r}?" if near else f"services: {', '.join(services)}"
    findings.error("C2F162", ("services", name), f"there is no service {name!r}", hint)


def _within(service: Tree, chosen: set[str]) -> Tree:
    depends_on = service.get("depends_on") or {}
    if depends_on.keys() <= chosen:
        return service
    kept = {key: value for key, value in depends_on.items() if key in chosen}
    rest = {key: value for key, value in service.items() if key != "depends_on"}
    return {**service, "depends_on": kept} if kept else rest


def without_unused(tree: Tree, marks: Marks, findings: Findings) -> Tree:
    """Remove networks, volumes, secrets, configs and models that no active service uses."""
    used = _used(tree.get("services", {}).values())
    out = {}
    for section, value in tree.items():
        if section not in used or not isinstance(value, dict):
            out[section] = value
            continue
        kept = {name: item for name, item in value.items() if name in used[section]}
        if kept:
            out[section] = kept
        places = marks.get(section)
        for name in value.keys() - kept.keys():
            mark = (places[3] or {}).get(name) if places else None
            findings.drop((section, name), mark, "no active service uses it")
    return out


def _used(services: Iterable[Tree]) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {
        key: set() for key in ("networks", "volumes", "secrets", "configs", "models")
    }
    for service in services:
        used["networks"].update(service.get("networks") or ())
        used["models"].update(service.get("models") or ())
        for mount in service.get("volumes") or ():
            if mount.get("type") == "volume":
                used["volumes"].add(mount.get("source", ""))
        for section in ("secrets", "configs"):
            used[section].update(item.get("source", "") for item in service.get(section) or ())
        used["secrets"].update(s.get("source", "") for s in (service.get("build") or {}).get("secrets") or ())
    return used
