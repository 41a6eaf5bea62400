"""The overlay of a template, which `x-aws-cloudformation` of Docker's retired ECS integration is.

Objects are merged, `null` takes a member away, everything else is replaced. Resources go by their names here; the names that Docker's
templates had are read as ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.diagnostics import Diagnostic, Severity

URL = "https://github.com/docker-archive/compose-ecs/blob/main/docs/ecs-compose-examples.md"
SECTIONS = ("Parameters", "Conditions", "Resources", "Outputs")
"""Sections of a template that an overlay may change."""

_NAMES = (
    (r"(\w+?)TCP(\d+)TargetGroup", r"TargetGroup\1\2"),
    (r"(\w+?)TCP(\d+)Listener", r"Listener\2"),
    (r"(\w+?)TaskExecutionRole", r"ExecutionRole"),
    (r"(\w+?)TaskDefinition", r"TaskDefinition\1"),
    (r"(\w+?)TaskRole", r"TaskRole\1"),
    (r"(\w+?)Service", r"Service\1"),
    (r"(\w+?)AccessPoint", r"AccessPoint\1"),
    (r"(\w+?)Network", r"SecurityGroup\1"),
    (r"(\w+?)Filesystem", r"FileSystem"),
    (r"CloudMap", r"Namespace"),
)
"""Names in Docker's templates, and in ours."""


def with_overlay(
    template: Mapping[str, Mapping[str, Any]], overlay: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[Diagnostic]]:
    """Give the sections of a template under an overlay, and what of it means nothing."""
    resources = template["Resources"]
    made = {section: dict(content) for section, content in template.items()}
    problems = []
    for section, content in overlay.items():
        if section not in SECTIONS or not isinstance(content, Mapping):
            problems.append(_problem(section, "it may change " + ", ".join(SECTIONS)))
            continue
        for name, value in _own_names(resources, content).items():
            if problem := _refusal(section, name, value, made):
                problems.append(problem)
                continue
            merged = merge_over(made[section].get(name), _own_references(resources, value))
            if merged is None:
                made[section].pop(name, None)
            else:
                made[section][name] = merged
    return made, problems


def _refusal(
    section: str, name: str, value: Any, template: Mapping[str, Mapping[str, Any]]
) -> Diagnostic | None:
    """Say why a member of a section cannot become what an overlay makes of it: the template would be no template any more."""
    what, known = f"{section}.{name}", template[section]
    if section == "Resources" and name not in known and not _is_new(value):
        return _problem(what, "its resources are " + _some(known))
    if value is None and section == "Outputs":
        return None  # nothing refers to an output
    if value is None and name not in known:
        return None
    if value is None:
        used = any(re.search(rf"\b{re.escape(name)}\b", text) for text in _texts(template, name))
        return _unfit(what, "removes", "something else in it refers to that") if used else None
    if section != "Conditions" and not isinstance(value, Mapping):
        return _unfit(what, "replaces", "it has to stay an object")
    return None


def _texts(value: Any, without: str = "") -> Iterator[str]:
    """Yield the texts in a value, but those of a resource or parameter itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key != without:
                yield from _texts(item, without)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, without)


def merge_over(below: Any, above: Any) -> Any:
    """Put a value over another: objects are merged, `null` takes away."""
    if not isinstance(above, Mapping):
        return above
    made = dict(below) if isinstance(below, Mapping) else {}
    for key, value in above.items():
        merged = merge_over(made.get(key), value)
        if merged is None:
            made.pop(key, None)
        else:
            made[key] = merged
    return made


def _is_new(value: Any) -> bool:
    return isinstance(value, Mapping) and "Type" in value


def _own_names(resources: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    return {_own_name(resources, str(name)): value for name, value in content.items()}


def _own_name(resources: Mapping[str, Any], name: str) -> str:
    """Give the name of a resource here; a name that is no name of Docker's either stays."""
    if name in resources:
        return name
    return next((own for own in _possible(name) if own in resources), name)


def _possible(name: str) -> Iterator[str]:
    for pattern, ours in _NAMES:
        match = re.fullmatch(pattern, name)
        if match:
            yield match.expand(ours)


def _own_references(resources: Mapping[str, Any], value: Any) -> Any:
    """Give a value whose references name resources as they are called here."""
    if isinstance(value, list):
        return [_own_references(resources, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _referred(resources, key, item) for key, item in value.items()}


def _referred(resources: Mapping[str, Any], key: str, item: Any) -> Any:
    if key == "Ref" and isinstance(item, str):
        return _own_name(resources, item)
    if key == "Fn::GetAtt" and isinstance(item, str):
        name, dot, attribute = item.partition(".")
        return f"{_own_name(resources, name)}{dot}{attribute}"
    if key == "Fn::GetAtt" and isinstance(item, list) and item:
        return [_own_name(resources, str(item[0])), *item[1:]]
    return _own_references(resources, item)


def _some(names: Mapping[str, Any]) -> str:
    shown = list(names)[:12]
    return ", ".join(shown) + (" and others" if len(names) > len(shown) else "")


def _problem(what: str, instead: str) -> Diagnostic:
    return Diagnostic(
        "C2F347",
        Severity.ERROR,
        f"x-aws-cloudformation changes {what}, which this template does not have: {instead}",
        hint="use a name of the template, or give a new resource its Type; x-fargate: {patch: …} works on every target",
        url=URL,
    )


def _unfit(what: str, does: str, why: str) -> Diagnostic:
    return Diagnostic(
        "C2F347",
        Severity.ERROR,
        f"x-aws-cloudformation {does} {what}, and the template would be broken: {why}",
        hint="change its members one by one; null takes away a member or an output; x-fargate: {patch: …} works on every target",
        url=URL,
    )
