"""The `x-aws-*` keys of Docker's retired ECS integration, where they mean here what they meant there.

Source: https://github.com/docker-archive/compose-ecs (`docs/` and `ecs/x.go`), which is archived since 2023. Files that were
written for it keep working; each key that is used is reported with what it became, and with the `x-fargate` key that says
the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

if TYPE_CHECKING:
    from compose2fargate.mapping.translation_input import TranslationInput

_VPC_ARN = lazy_pattern(r"arn:[^:\s]+:ec2:[^:\s]*:[^:\s]*:vpc/(vpc-[0-9a-zA-Z-]+)")
URL = "https://github.com/docker-archive/compose-ecs"


_TEXT: Mapping[str, Any] = {"type": ["string", "null"]}
_DAYS: Mapping[str, Any] = {"type": ["integer", "string", "null"], "minimum": 1, "pattern": "^[0-9]{1,5}$"}
_COUNT: Mapping[str, Any] = {
    "type": ["integer", "string"],
    "minimum": 0,
    "maximum": 5000,
    "pattern": "^[0-9]{1,4}$",
}
_PERCENT: Mapping[str, Any] = {
    "type": ["number", "string"], "minimum": 1, "maximum": 100, "pattern": "^[0-9]{1,3}([.][0-9]+)?$",
}  # fmt: skip
_SCALING: Mapping[str, Any] = {
    "type": ["object", "null"],
    "properties": {"min": _COUNT, "max": _COUNT, "cpu": _PERCENT, "memory": _PERCENT},
}
_ROLE: Mapping[str, Any] = {
    "type": ["object", "null"],
    "properties": {"Statement": {"type": ["array", "object"], "items": {"type": "object"}}},
}
_POLICIES: Mapping[str, Any] = {"type": ["array", "null"], "items": {"type": "string"}}
_ROLLING: Mapping[str, Any] = {
    "type": ["integer", "string", "null"], "minimum": 0, "maximum": 1000, "pattern": "^[0-9]{1,3}$",
}  # fmt: skip
_ANY: Mapping[str, Any] = {}


class XAwsKey(NamedTuple):
    """One key of the integration: where it stands, what it becomes, the key of ours that says the same, what its value may be."""

    place: tuple[str, ...]
    name: str
    became: str
    instead: str
    schema: Mapping[str, Any] = _TEXT
    honoured: bool = True


KEYS: tuple[XAwsKey, ...] = (
    XAwsKey((), "x-aws-cluster", "the cluster", "x-fargate: {cluster: NAME}"),
    XAwsKey((), "x-aws-vpc", "the VPC", "x-fargate: {vpc: vpc-…}"),
    XAwsKey((), "x-aws-loadbalancer", "the load balancer", "x-fargate: {load_balancer: ARN}",
        {"type": ["string", "null"]}),
    XAwsKey((), "x-aws-logs_retention", "the log groups' retention, or the next that CloudWatch has", "x-fargate: {log_retention: DAYS}",
        _DAYS),
    XAwsKey(
        (), "x-aws-cloudformation", "an overlay of the CloudFormation template, and nothing in the other targets",
        "x-fargate: {patch: {LOGICAL-ID: {…}}}, which works on every target", {"type": ["object", "null"]}, honoured=False,
    ),
    XAwsKey(("networks", "*"), "x-aws-securitygroup", "the network's security group", "external: true with name: sg-…"),
    XAwsKey(
        ("secrets", "*"), "x-aws-keys", "nothing: the secret is one value here",
        "x-fargate: {secrets: {NAME: ARN:KEY::}} of a service reads one JSON key into a variable", _ANY, honoured=False,
    ),
    XAwsKey(("services", "*"), "x-aws-pull_credentials", "repositoryCredentials", "x-fargate: {credentials: ARN or name}"),
    XAwsKey(("services", "*"), "x-aws-logs_retention", "its logs' retention (or the next there is)",
        "x-fargate: {log_retention: DAYS}", _DAYS),
    XAwsKey(("services", "*"), "x-aws-role", "an inline policy of the task role", "x-fargate: {statements: […]}", _ROLE),
    XAwsKey(("services", "*"), "x-aws-policies", "managed policies of the task role", "x-fargate: {managed_policies: […]}", _POLICIES),
    XAwsKey(("services", "*", "deploy"), "x-aws-autoscaling", "target tracking", "x-fargate: {autoscaling: {…}}", _SCALING),
    XAwsKey(("services", "*"), "x-aws-autoscaling", "target tracking", "x-fargate: {autoscaling: {…}}", _SCALING),
    XAwsKey(("services", "*", "deploy", "update_config"), "x-aws-min_percent", "minimumHealthyPercent", "parallelism and order", _ROLLING),
    XAwsKey(("services", "*", "deploy", "update_config"), "x-aws-max_percent", "maximumPercent", "parallelism and order", _ROLLING),
    XAwsKey(("services", "*", "ports", "*"), "x-aws-protocol",
        "what the port speaks; one that is published without a number is opened by its own, and tcp by a network load balancer",
        "app_protocol: http, or x-fargate: {ingress: [{port: 25, load_balancer: network}]}"),
)  # fmt: skip
"""Every key of the integration, in the order in which its documentation has them."""


def key_of(setting: str) -> str:
    """Give the top-level key that is the same as a setting; "" where there is none."""
    return next((key for key, name in _SETTINGS.items() if name == setting), "")


_SETTINGS = {"x-aws-cluster": "cluster", "x-aws-vpc": "vpc", "x-aws-loadbalancer": "load_balancer"}


def used_keys(project: Project) -> Iterator[tuple[XAwsKey, Path, Any]]:
    """Yield each key of the integration that the project has, with its path and value."""
    if not _mentioned(project):
        return
    for key in KEYS:
        for path, value in _matches(project.tree, key.place, ()):
            if isinstance(value, Mapping) and key.name in value:
                yield key, (*path, key.name), value[key.name]


def _mentioned(project: Project) -> bool:
    """Whether any key of the project could be one: most projects have none, and are not searched further."""
    tree = project.tree
    others = (entry for part in ("networks", "secrets") for entry in (tree.get(part) or {}).values())
    return (
        _has_one(project.extensions)
        or any(_has_one(entry) for entry in others if entry)
        or any(map(_service_has_one, project.services.values(), tree.get("services", {}).values()))
    )


def _service_has_one(service: Service, raw: Mapping[str, Any]) -> bool:
    deploy = service.deploy
    return (
        _has_one(service.extensions)
        or _has_one(deploy.extensions)
        or (deploy.update is not None and _has_one(deploy.update.extensions))
        or _has_one(set().union(*(raw.get("ports") or ())))
    )


def _has_one(keys: Collection[str]) -> bool:
    return bool(keys) and any(key.startswith("x-aws-") for key in keys)


def _matches(value: Any, place: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    if not place:
        yield path, value
        return
    step, rest = place[0], place[1:]
    if step != "*":
        if isinstance(value, Mapping) and step in value:
            yield from _matches(value[step], rest, (*path, step))
        return
    below = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, item in below:
        yield from _matches(item, rest, (*path, name))


def report_keys(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Say what became of each key of the integration that the project has."""
    for key, path, _ in used_keys(ctx.project):
        name = key.name
        if key.honoured and _SETTINGS.get(name, "cluster") in ctx.settings._fields:
            findings.info(
                "C2F252",
                path,
                f"{name} is honoured: {key.became}",
                hint=f"without Docker's integration: {key.instead}",
                url=URL,
            )
            findings.outcomes[path] = CoverageRow(
                KeyOutcome.MAPPED, f"{key.became}, as in Docker's ECS integration"
            )
        else:
            findings.warn("C2F253", path, f"{name} becomes {key.became}", hint=key.instead, url=URL)
            lost = KeyOutcome.IGNORED if key.name != _OVERLAY else KeyOutcome.APPROXIMATED
            findings.outcomes[path] = CoverageRow(lost, key.became, key.instead)


def settings(project: Project, known: frozenset[str]) -> dict[str, Any]:
    """Give the top-level keys that are settings, by the name of the setting; `x-fargate` wins over them."""
    given = {name: project.extensions.get(key) for key, name in _SETTINGS.items()}
    vpc = _VPC_ARN.fullmatch(str(given["vpc"]))
    given["vpc"] = vpc[1] if vpc else given["vpc"]
    days = project.extensions.get("x-aws-logs_retention")
    given["log_retention"] = _kept(int(days)) if days else None
    return {name: value for name, value in given.items() if value and name in known}


_OVERLAY = "x-aws-cloudformation"


def template_overlay(project: Project) -> Mapping[str, Any]:
    """Give what the file puts over a CloudFormation template."""
    value = project.extensions.get(_OVERLAY)
    return value if isinstance(value, Mapping) else {}


def pull_credentials(service: Service) -> str:
    """Give the Secrets Manager secret with which a private registry is asked for the service's image."""
    return str(service.extensions.get("x-aws-pull_credentials") or "")


def retention(service: Service) -> int | None:
    """Give the days that the service's log group keeps its events: the file's number, or the next that CloudWatch has."""
    value = service.extensions.get("x-aws-logs_retention")
    return _kept(int(value)) if value else None


def _kept(days: int) -> int:
    return next((choice for choice in LOG_RETENTION_DAYS if choice >= days), LOG_RETENTION_DAYS[-1])


def policies(service: Service) -> tuple[str, ...]:
    """Give the ARNs of managed policies for the service's task role."""
    value = service.extensions.get("x-aws-policies")
    return tuple(map(str, value)) if isinstance(value, list) else ()


def role_document(service: Service) -> Mapping[str, Any]:
    """Give the policy document for the service's task role."""
    value = service.extensions.get("x-aws-role")
    return value if isinstance(value, Mapping) else {}


def autoscaling(service: Service) -> Mapping[str, Any]:
    """Give `{min, max, cpu, memory}` of the service, which the integration reads below `deploy`."""
    value = service.deploy.extensions.get("x-aws-autoscaling") or service.extensions.get("x-aws-autoscaling")
    return value if isinstance(value, Mapping) else {}


def percents(service: Service) -> Mapping[str, int]:
    """Give `min` and `max` of `deploy.update_config`, as far as they are given."""
    given = service.deploy.update.extensions if service.deploy.update else {}
    pairs = (("min", given.get("x-aws-min_percent")), ("max", given.get("x-aws-max_percent")))
    return {name: int(value) for name, value in pairs if value is not None}


def with_protocols(project: Project) -> Project:
    """Give the project with `x-aws-protocol` of its ports as their application protocol, where the port has none."""
    if not any(key.name == "x-aws-protocol" for key, _, _ in used_keys(project)):
        return project
    services = {
        name: service._replace(
            ports=tuple(
                port._replace(app_protocol=port.app_protocol or port_protocol(project, name, index))
                for index, port in enumerate(service.ports)
            )
        )
        for name, service in project.services.items()
    }
    return project._replace(services=services)


def port_protocol(project: Project, service: str, index: int) -> str:
    """Give `x-aws-protocol` (`http`, `tcp`) of the port at `index` of a service's canonical `ports`."""
    ports = project.tree["services"][service].get("ports") or []
    value = ports[index].get("x-aws-protocol") if index < len(ports) else ""
    return str(value or "").lower()
