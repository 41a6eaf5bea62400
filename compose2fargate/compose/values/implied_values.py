"""What a project has without saying so: the default network, names, and dependencies that follow from other keys.

It works on trees whose variables may be left as they are, so it takes nothing for granted about types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.compose.passes import Tree
from compose2fargate.compose.sources.source_files import Marks

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
_NAMED_SECTIONS = ("networks", "volumes", "configs", "secrets")
_SERVICE = "service:"


def add_implied_values(
    tree: Tree, marks: Marks, name: str, environment: Mapping[str, str]
) -> tuple[Tree, Marks]:
    """Complete `tree`, whose project is called `name`; `environment` fills variables without a value."""
    out: Tree = {"name": name, **{k: v for k, v in tree.items() if k != "name"}}
    services = tree.get("services")
    if isinstance(services, dict):
        completed = {}
        places = marks.get("services")
        inside: Marks = dict(places[3] or {}) if places else {}
        for key, service in services.items():
            completed[key] = service
            if isinstance(service, dict):
                mark = inside.get(key)
                completed[key], below = _service(service, (mark[3] if mark else None) or {}, environment)
                if mark:
                    inside[key] = (mark[0], mark[1], mark[2], below)
        out["services"] = completed
        if places:
            marks = {**marks, "services": (places[0], places[1], places[2], inside)}
        _default_network(out, completed)
    for section in _NAMED_SECTIONS:
        if isinstance(out.get(section), dict):
            out[section] = {key: _named(name, key, value) for key, value in out[section].items()}
    return out, marks


def _default_network(tree: Tree, services: Tree) -> None:
    used = any(
        "default" in _as_dict(service.get("networks"))
        for service in services.values()
        if isinstance(service, dict) and "network_mode" not in service
    )
    networks = tree.get("networks") or {}
    if used and "default" not in networks:
        tree["networks"] = {**networks, "default": None}


def _as_dict(value: Any) -> Tree:
    return value if isinstance(value, dict) else {}


def _service(service: Tree, marks: Marks, environment: Mapping[str, str]) -> tuple[Tree, Marks]:
    out = dict(service)
    if "network_mode" not in out and "provider" not in out and not out.get("networks"):
        out["networks"] = {"default": None}
    if out.get("pull_policy") == "if_not_present":
        out["pull_policy"] = "missing"
    if isinstance(out.get("build"), dict):
        out["build"], marks = _build(out["build"], marks, environment)
    if "environment" in out:
        out["environment"] = fill_variables(out["environment"], environment, keep=True)
    if isinstance(out.get("image"), str) and out["image"] and isinstance(out.get("pre_start"), list):
        out["pre_start"] = [
            {**hook, "image": hook.get("image", out["image"])} if isinstance(hook, dict) else hook
            for hook in out["pre_start"]
        ]
    depends_on, places = _dependencies(out, marks)
    if depends_on:
        out["depends_on"] = depends_on
        if places:
            marks = {**marks, "depends_on": places}
    return out, marks


def _build(build: Tree, marks: Marks, environment: Mapping[str, str]) -> tuple[Tree, Marks]:
    out = dict(build)
    if out.get("context") is None:
        out["context"] = "."
    if out.get("dockerfile") is None and out.get("dockerfile_inline") is None:
        out["dockerfile"] = "Dockerfile"
    given = out.get("args")
    if "args" in out:
        out["args"] = fill_variables(given, environment, keep=False)
    if isinstance(given, list) and len(out["args"] or ()) < len(given):
        marks = _without_unset(given, marks, environment)
    return out, marks


def _without_unset(args: list[Any], marks: Marks, environment: Mapping[str, str]) -> Marks:
    """Renumber the marks of build arguments, of which those without any value are left out."""
    build = marks.get("build")
    places = (build[3] or {}).get("args") if build else None
    if build is None or places is None:
        return marks
    kept = [i for i, arg in enumerate(args) if fill_variables([arg], environment, keep=False)]
    items: Marks = {n: places[3][i] for n, i in enumerate(kept) if places[3] and i in places[3]}
    inside: Marks = {**(build[3] or {}), "args": (places[0], places[1], places[2], items)}
    return {**marks, "build": (build[0], build[1], build[2], inside)}


def fill_variables(value: Any, environment: Mapping[str, str], *, keep: bool) -> Any:
    """Give variables without a value the one of the environment.

    Args:
        value: A mapping, or a list of `KEY=value` and `KEY`.
        environment: Where the values come from.
        keep: Whether to keep a variable that has none there either.
    """
    if isinstance(value, dict):
        found = {k: environment.get(k) if v is None else v for k, v in value.items()}
        return {k: v for k, v in found.items() if keep or v is not None}
    if not isinstance(value, list):
        return value
    out = []
    for item in value:
        if not isinstance(item, str) or "=" in item:
            out.append(item)
        elif item in environment:
            out.append(f"{item}={environment[item]}")
        elif keep:
            out.append(item)
    return out


def _dependencies(service: Tree, marks: Marks) -> tuple[Tree, Any]:
    """Give `depends_on` with the services that other keys refer to, and its mark."""
    out: Tree = dict(_as_dict(service.get("depends_on")))
    place = marks.get("depends_on")
    inside: Marks = dict((place[3] if place else None) or {})
    for name, restart, key, index in _implied(service):
        if name in out:
            continue
        out[name] = {"condition": "service_started", "restart": restart, "required": True}
        mark = marks.get(key)
        if mark is not None and index is not None and mark[3]:
            mark = mark[3].get(index, mark)
        if mark is not None:
            inside[name] = (mark[0], mark[1], mark[2], None)
            place = place or mark
    return out, ((place[0], place[1], place[2], inside) if place else None)


def _implied(service: Tree) -> list[tuple[str, bool, str, int | None]]:
    """List what a service depends on by other keys: name, restart, the key, and the item of its list."""
    found: list[tuple[str, bool, str, int | None]] = []
    for index, link in enumerate(_strings(service.get("links"))):
        parts = link.split(":")
        found.append((parts[0] if len(parts) == 2 else link, True, "links", index))
    for key in _NAMESPACES:
        value = service.get(key)
        if isinstance(value, str) and value.startswith(_SERVICE):
            found.append((value[len(_SERVICE) :], True, key, None))
    for index, source in enumerate(_strings(service.get("volumes_from"))):
        if not source.startswith("container:"):
            found.append((source.split(":")[0], False, "volumes_from", index))
    return found


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _named(project: str, key: str, value: Any) -> Any:
    resource = {} if value is None else value
    if not isinstance(resource, dict) or resource.get("name") is not None:
        return resource
    external = resource.get("external")
    is_external = external is True or (
        isinstance(external, str) and external in ("true", "1", "t", "T", "True", "TRUE")
    )
    return {**resource, "name": key if is_external else f"{project}_{key}"}
