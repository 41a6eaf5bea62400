"""Whether the parts of a canonical project fit together: what Docker Compose checks before it starts anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compose2fargate.compose.passes import Findings, Tree
from compose2fargate.compose.values.durations_and_sizes import float32
from compose2fargate.diagnostics import Path
from compose2fargate.text.nearest import nearest

_SERVICE = "service:"
_TEST_WORDS = ("CMD", "CMD-SHELL", "NONE")


def check_consistency(tree: Tree, disabled: Mapping[str, Any], findings: Findings) -> None:
    """Report what does not fit in the active services, and secrets without a source."""
    for name, service in tree.get("services", {}).items():
        for check in _CHECKS:
            check(tree, disabled, name, service, findings)
    for name, secret in (tree.get("secrets") or {}).items():
        if not (secret or {}).get("external") and not secret.get("file") and not secret.get("environment"):
            findings.error(
                "C2F158",
                ("secrets", name),
                f"the secret {name!r} has no source",
                "add `file:` or `environment:`",
            )
    _check_cycles(tree, findings)


def _image_or_build(
    _tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings
) -> None:
    if "build" not in service and not service.get("image") and "provider" not in service:
        findings.error(
            "C2F158",
            ("services", name),
            f"service {name!r} has neither an image nor a build context",
            "add `image: name:tag`, or `build: .`",
        )


def _build(tree: Tree, disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings) -> None:
    build = service.get("build")
    if not build:
        return
    path: Path = ("services", name, "build")
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        findings.error(
            "C2F158",
            (*path, "dockerfile"),
            f"service {name!r} has both `dockerfile` and `dockerfile_inline`",
            "keep one of them",
        )
    platform, platforms = service.get("platform"), build.get("platforms")
    if platform and platforms and platform not in platforms:
        findings.error(
            "C2F158",
            (*path, "platforms"),
            f"service {name!r} runs on {platform!r}, which is not among the platforms it is built for",
            f"add {platform} to `build.platforms`",
        )
    for key, context in (build.get("additional_contexts") or {}).items():
        if context.startswith(_SERVICE):
            _built_service(
                tree, name, (*path, "additional_contexts", key), context[len(_SERVICE) :], findings
            )
    _references(tree, name, (*path, "secrets"), build.get("secrets"), "secrets", findings)
    _ = disabled


def _built_service(tree: Tree, name: str, path: Path, target: str, findings: Findings) -> None:
    service = tree["services"].get(target)
    if service is None:
        _undefined("service", name, path, target, tree["services"], findings)
    elif "build" not in service:
        findings.error(
            "C2F158",
            path,
            f"service {name!r} builds upon the service {target!r}, which is not built",
            "add `build:` to it",
        )


def _networks(tree: Tree, disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings) -> None:
    networks, network_mode = service.get("networks") or {}, service.get("network_mode")
    if networks and network_mode:
        findings.error(
            "C2F158",
            ("services", name, "network_mode"),
            f"service {name!r} has both `network_mode` and `networks`",
            "keep one of them",
        )
    known = tree.get("networks") or {}
    for network in networks:
        path: Path = ("services", name, "networks", network)
        if network.startswith("x-"):
            findings.error(
                "C2F158",
                path,
                f"{network!r} cannot be a network of a service: Docker Compose takes x- keys for extensions",
                "give the network another name",
            )
        elif network not in known:
            _undefined("network", name, path, network, known, findings)
    if network_mode and network_mode.startswith(_SERVICE):
        target = network_mode[len(_SERVICE) :]
        if target not in tree["services"] and target not in service.get("depends_on", {}):
            _undefined(
                "service", name, ("services", name, "network_mode"), target, tree["services"], findings
            )
    _ = disabled


def _dependencies(
    tree: Tree, disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings
) -> None:
    for target, dependency in (service.get("depends_on") or {}).items():
        if target in tree["services"]:
            continue
        path: Path = ("services", name, "depends_on", target)
        if target not in disabled:
            _undefined("service", name, path, target, tree["services"], findings)
        elif dependency.get("required", True):
            profiles = ", ".join(disabled[target].get("profiles") or ())
            findings.error(
                "C2F158",
                path,
                f"service {name!r} depends on {target!r}, whose profiles are not active",
                f"activate one of: {profiles}; or write `required: false`",
            )


def _health_check(
    _tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings
) -> None:
    test = (service.get("healthcheck") or {}).get("test")
    if test and test[0] not in _TEST_WORDS:
        findings.error(
            "C2F158",
            ("services", name, "healthcheck", "test"),
            f"the health check of service {name!r} starts with {test[0]!r}",
            f"begin the list with one of {', '.join(_TEST_WORDS)}, or write the command as text",
        )


def _mounted(tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings) -> None:
    volumes = tree.get("volumes") or {}
    path: Path = ("services", name)
    for index, mount in enumerate(service.get("volumes") or ()):
        source = mount.get("source")
        if mount.get("type") == "volume" and source and source not in volumes:
            _undefined("volume", name, (*path, "volumes", index), source, volumes, findings)
    for section in ("configs", "secrets"):
        _references(tree, name, (*path, section), service.get(section), section, findings)
    models = tree.get("models") or {}
    for model in service.get("models") or {}:
        if model not in models:
            _undefined("model", name, (*path, "models", model), model, models, findings)


def _references(tree: Tree, name: str, path: Path, items: Any, section: str, findings: Findings) -> None:
    known = tree.get(section) or {}
    for index, item in enumerate(items or ()):
        source = item.get("source", "")
        if source not in known:
            _undefined(section[:-1], name, (*path, index), source, known, findings)


def _undefined(
    kind: str, name: str, path: Path, target: str, known: Mapping[str, Any], findings: Findings
) -> None:
    near = nearest(target, map(str, known))
    hint = f"did you mean {near!r}?" if near else f"add `{target}:` below the top-level `{kind}s:`"
    findings.error("C2F158", path, f"service {name!r} refers to the undefined {kind} {target!r}", hint)


# `what it limits`: the key of the service, the key below deploy.resources
_LIMITS = (
    ("cpus", "limits", "cpus"),
    ("mem_limit", "limits", "memory"),
    ("mem_reservation", "reservations", "memory"),
    ("pids_limit", "limits", "pids"),
)


def _limits(_tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings) -> None:
    deploy = service.get("deploy")
    if deploy is None:
        return
    path: Path = ("services", name)
    resources = deploy.get("resources") or {}
    for key, section, inner in _LIMITS:
        value, group = service.get(key), resources.get(section)
        if value and group is not None and _zero(group.get(inner)) != _zero(value):
            findings.error(
                "C2F159",
                (*path, key),
                f"service {name!r} has distinct values in `{key}` and `deploy.resources.{section}.{inner}`",
                "keep one of them, or make them equal",
            )
    scale, replicas = service.get("scale"), deploy.get("replicas")
    if scale is not None and replicas is not None and scale != replicas:
        findings.error(
            "C2F159",
            (*path, "scale"),
            f"service {name!r} has distinct values in `scale` and `deploy.replicas`",
            "keep one of them",
        )


def _zero(value: Any) -> Any:
    return float32(float(value)) if isinstance(value, float) else value or 0


def _instances(
    _tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings
) -> None:
    replicas = (service.get("deploy") or {}).get("replicas")
    scale = service.get("scale", replicas)
    for path, value in ((("scale",), service.get("scale")), (("deploy", "replicas"), replicas)):
        if value is not None and value < 0:
            findings.error(
                "C2F159",
                ("services", name, *path),
                f"service {name!r} cannot have {value} instances",
                "write 0 or more",
            )
    if service.get("container_name") and scale is not None and scale > 1:
        findings.error(
            "C2F159",
            ("services", name, "container_name"),
            f"service {name!r} has a container_name, and {scale} instances that cannot share it",
            "remove `container_name`",
        )


def _watches(_tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings) -> None:
    for index, watch in enumerate((service.get("develop") or {}).get("watch") or ()):
        if not watch.get("target") and watch.get("action") not in ("rebuild", "restart"):
            findings.error(
                "C2F158",
                ("services", name, "develop", "watch", index),
                f"service {name!r} has a watch with action {watch.get('action')} and no target",
                "add `target:`",
            )


def _mount_points(
    _tree: Tree, _disabled: Mapping[str, Any], name: str, service: Tree, findings: Findings
) -> None:
    seen: dict[str, str] = {}
    targets = [("tmpfs", i, text.partition(":")[0]) for i, text in enumerate(service.get("tmpfs") or ())]
    targets += [("volumes", i, m.get("target", "")) for i, m in enumerate(service.get("volumes") or ())]
    for key, index, target in targets:
        where = f"{key}.{index}"
        if target in seen:
            findings.error(
                "C2F159",
                ("services", name, key, index),
                f"service {name!r} mounts two things at {target!r}: {seen[target]} and {where}",
                "remove one of them",
            )
        seen[target] = where


_Check = Callable[[Tree, Mapping[str, Any], str, Tree, Findings], None]

_CHECKS: tuple[_Check, ...] = (
    _image_or_build,
    _build,
    _networks,
    _dependencies,
    _health_check,
    _mounted,
    _limits,
    _instances,
    _watches,
    _mount_points,
)


def _check_cycles(tree: Tree, findings: Findings) -> None:
    """Report each cycle of dependencies once."""
    services = tree.get("services", {})
    state: dict[str, int] = {}
    for start in services:
        _follow(start, services, state, findings)


_OPEN, _CLOSED = 1, 2


def _follow(start: str, services: Mapping[str, Any], state: dict[str, int], findings: Findings) -> None:
    """Walk the dependencies of `start` in depth, without recursion: chains may be as long as the project."""
    if start in state:
        return
    trail = [start]
    pending = [iter(services[start].get("depends_on") or ())]
    state[start] = _OPEN
    while pending:
        following = next(pending[-1], None)
        if following is None:
            state[trail.pop()] = _CLOSED
            pending.pop()
        elif state.get(following) == _OPEN:
            cycle = [*trail[trail.index(following) :], following]
            findings.error(
                "C2F158",
                ("services", trail[-1], "depends_on", following),
                f"the services depend on each other in a cycle: {' -> '.join(cycle)}",
                "remove one of these dependencies",
            )
        elif following in services and following not in state:
            state[following] = _OPEN
            trail.append(following)
            pending.append(iter(services[following].get("depends_on") or ()))


def with_replicas(tree: Tree) -> Tree:
    """Copy `scale` to `deploy.replicas`, where there is `deploy`; the two have been found to agree."""
    services = tree.get("services", {})
    changed = {
        name: {**service, "deploy": _with_replicas(service["deploy"], service["scale"])}
        for name, service in services.items()
        if "scale" in service and "deploy" in service and "replicas" not in service["deploy"]
    }
    return {**tree, "services": {**services, **changed}} if changed else tree


def _with_replicas(deploy: Tree, scale: int) -> Tree:
    first = {"mode": deploy["mode"]} if "mode" in deploy else {}
    return {**first, "replicas": scale, **deploy}


def check_container_names(tree: Tree, findings: Findings) -> None:
    """Report services that want the same container name."""
    owners: dict[str, str] = {}
    for name, service in tree.get("services", {}).items():
        wanted = service.get("container_name")
        if wanted and wanted in owners:
            findings.error(
                "C2F159",
                ("services", name, "container_name"),
                f"services {owners[wanted]!r} and {name!r} have the same container_name {wanted!r}",
                "change one of them",
            )
        elif wanted:
            owners[wanted] = name
