"""`x-fargate.patch`: members of the API, in its own words, merged into the resources that were generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import EcsService
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.text.nearest import nearest

CONTAINER = "container"
"""The one key of a service's patch that is no resource: its container in the task definition."""
_TARGET_GROUP = "target-group"


def apply_patches(ctx: TranslationInput, findings: TranslationFindings, stack: Stack) -> Stack:
    """Give the stack with all patches applied: those of services in the order of their names, then the project's own."""
    wanted = list(_patches(ctx, findings, stack))
    if not wanted:
        return stack
    from compose2fargate.aws.patching import (
        PatchError,
        apply_patch,
        joined_extras,
    )  # few files have one, and it reads type hints

    resources, extras = dict(stack.resources), {key: dict(value) for key, value in stack.extras.items()}
    for path, logical_id, patch in wanted:
        try:
            made = apply_patch(resources[logical_id], patch)
        except PatchError as error:
            findings.refuse("C2F257", path, f"the patch of {logical_id} does not fit: {error}", hint=_HINT)
            continue
        resources[logical_id] = made.value
        if made.extras:
            extras[logical_id] = joined_extras(extras.get(logical_id, {}), made.extras)
    return stack._replace(resources=resources, extras=extras)


_HINT = "name the members as the AWS API does, for example {task_definition: {pidMode: task}}"


def _patches(
    ctx: TranslationInput, findings: TranslationFindings, stack: Stack
) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Yield the path of each patch, the resource it is for, and its members."""
    for name, service in ctx.project.services.items():
        for key, patch in (options_of(service).get("patch") or {}).items():
            path: Path = ("services", name, "x-fargate", "patch", key)
            if key == CONTAINER:
                yield from _of_container(ctx, findings, path, name, patch)
                continue
            found = _of_service(ctx, stack, name, key.replace("_", "-"))
            if not found:
                _unknown(findings, path, f"{name} has no {key}", _kinds(ctx, stack, name))
            yield from ((path, logical_id, patch or {}) for logical_id in found)
    own = (ctx.project.extensions.get("x-fargate") or {}).get("patch") or {}
    for logical_id, patch in own.items():
        if logical_id in stack.resources:
            yield ("x-fargate", "patch", logical_id), logical_id, patch or {}
        else:
            _unknown(
                findings,
                ("x-fargate", "patch", logical_id),
                f"there is no resource {logical_id}",
                list(stack.resources),
            )


def _of_container(
    ctx: TranslationInput, findings: TranslationFindings, path: Path, name: str, patch: Any
) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    from compose2fargate.mapping.containers.container_dependencies import container_name

    leader = ctx.groups.leaders.get(name)
    if leader is None:
        _unknown(findings, path, f"{name} is an init container in other tasks", [])
        return
    container = container_name(ctx.project.services[name])
    logical_id = f"task-definition/{ctx.names[leader]}"
    yield path, logical_id, {"containerDefinitions": {container: patch or {}}}


def _of_service(ctx: TranslationInput, stack: Stack, name: str, kind: str) -> list[str]:
    """The resources of a kind that come from a service: one of its own name, or several (target groups)."""
    if kind == _TARGET_GROUP:
        return _target_groups(ctx, stack, name)
    exact = f"{kind}/{ctx.names[name]}"
    if exact in stack.resources:
        return [exact]
    return [key for key, origin in stack.origins.items() if origin == name and key.partition("/")[0] == kind]


def _target_groups(ctx: TranslationInput, stack: Stack, name: str) -> list[str]:
    """The target groups whose requests reach the container of a service; Terraform keeps them with the load balancer's."""
    from compose2fargate.mapping.containers.container_dependencies import container_name

    container = container_name(ctx.project.services[name])
    leader = stack.resources.get(f"service/{ctx.names[ctx.groups.leaders.get(name, name)]}")
    balancers = leader.load_balancers if isinstance(leader, EcsService) else ()
    arns = (one.target_group_arn for one in balancers if one.container_name == container)
    return [arn.logical_id for arn in arns if isinstance(arn, Ref)]


def _kinds(ctx: TranslationInput, stack: Stack, name: str) -> list[str]:
    """What a service can patch."""
    kinds = {
        key.partition("/")[0].replace("-", "_") for key, origin in stack.origins.items() if origin == name
    }
    kinds |= {_TARGET_GROUP.replace("-", "_")} if _target_groups(ctx, stack, name) else set()
    return [CONTAINER, *sorted(kinds)]


def _unknown(findings: TranslationFindings, path: Path, says: str, known: list[str]) -> None:
    near = nearest(str(path[-1]), known)
    hint = f"did you mean {near}?" if near else f"known: {', '.join(known[:30])}" if known else ""
    findings.refuse("C2F257", path, f"{says} that could be patched", hint=hint)
