"""The `x-aws-*` keys of Docker's retired ECS integration, where they mean here what they meant there.

Source: https://github.com/docker-archive/compose-ecs (`docs/` and `ecs/x.go`), which is archived since 2023. Files that were
written for it keep working; each key that is used is reported with what it became, and with the `x-fargate` key that says
the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.coverage import Outcome, Row

if TYPE_CHECKING:
    from compose2fargate.mapping.context import Context

URL = "https://github.com/docker-archive/compose-ecs"


class Key(NamedTuple):
    """One key of the integration: where it stands, what it becomes, and the key of ours that says the same."""

    place: tuple[str, ...]
    name: str
    became: str
    instead: str
    honoured: bool = True


KEYS: tuple[Key, ...] = (
    Key((), "x-aws-cluster", "the cluster", "x-fargate: {cluster: NAME}"),
    Key((), "x-aws-vpc", "the VPC", "x-fargate: {vpc: vpc-…}"),
    Key((), "x-aws-loadbalancer", "the load balancer", "x-fargate: {load_balancer: ARN}"),
    Key((), "x-aws-logs_retention", "the log groups' retention, or the next that CloudWatch has", "x-fargate: {log_retention: DAYS}"),
    Key(
        (), "x-aws-cloudformation", "nothing: it changes a template whose resources have other names here",
        "x-fargate: {patch: {LOGICAL-ID: {…}}}, which works on every target", honoured=False,
    ),
    Key(("networks", "*"), "x-aws-securitygroup", "the network's security group", "external: true with name: sg-…"),
    Key(
        ("secrets", "*"), "x-aws-keys", "nothing: the secret is one value here",
        "x-fargate: {secrets: {NAME: ARN:KEY::}} of a service reads one JSON key into a variable", honoured=False,
    ),
    Key(("services", "*"), "x-aws-pull_credentials", "repositoryCredentials", "x-fargate: {credentials: ARN}"),
    Key(("services", "*"), "x-aws-logs_retention", "its logs' retention (or the next there is)", "x-fargate: {log_retention: DAYS}"),
    Key(("services", "*"), "x-aws-role", "an inline policy of the task role", "x-fargate: {statements: […]}"),
    Key(("services", "*"), "x-aws-policies", "managed policies of the task role", "x-fargate: {managed_policies: […]}"),
    Key(("services", "*", "deploy"), "x-aws-autoscaling", "target tracking", "x-fargate: {autoscaling: {…}}"),
    Key(("services", "*"), "x-aws-autoscaling", "target tracking", "x-fargate: {autoscaling: {…}}"),
    Key(("services", "*", "deploy", "update_config"), "x-aws-min_percent", "minimumHealthyPercent", "parallelism and order"),
    Key(("services", "*", "deploy", "update_config"), "x-aws-max_percent", "maximumPercent", "parallelism and order"),
    Key(("services", "*", "ports", "*"), "x-aws-protocol", "the port's application protocol", "app_protocol: http"),
)  # fmt: skip
"""Every key of the integration, in the order in which its documentation has them."""

_SETTINGS = {"x-aws-cluster": "cluster", "x-aws-vpc": "vpc", "x-aws-loadbalancer": "load_balancer"}


def used(project: Project) -> Iterator[tuple[Key, Path, Any]]:
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
        or any(_has_one(port) for port in raw.get("ports") or ())
    )


def _has_one(mapping: Mapping[str, Any]) -> bool:
    return bool(mapping) and any(key.startswith("x-aws-") for key in mapping)


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


def report(ctx: Context) -> None:
    """Say what became of each key of the integration that the project has."""
    for key, path, _ in used(ctx.project):
        name = key.name
        if key.honoured and _SETTINGS.get(name, "cluster") in ctx.settings._fields:
            ctx.info(
                "C2F252",
                path,
                f"{name} is honoured: {key.became}",
                hint=f"without Docker's integration: {key.instead}",
                url=URL,
            )
            ctx.outcomes[path] = Row(Outcome.MAPPED, f"{key.became}, as in Docker's ECS integration")
        else:
            ctx.warn("C2F253", path, f"{name} becomes {key.became}", hint=key.instead, url=URL)
            ctx.outcomes[path] = Row(Outcome.IGNORED, key.became, key.instead)


def settings(project: Project, known: frozenset[str]) -> dict[str, Any]:
    """Give the top-level keys that are settings, by the name of the setting; `x-fargate` wins over them."""
    given = {name: project.extensions.get(key) for key, name in _SETTINGS.items()}
    retention = project.extensions.get("x-aws-logs_retention")
    given["log_retention"] = _kept(retention) if isinstance(retention, int) else None
    return {name: value for name, value in given.items() if value and name in known}


def pull_credentials(service: Service) -> str:
    """Give the Secrets Manager secret with which a private registry is asked for the service's image."""
    return str(service.extensions.get("x-aws-pull_credentials") or "")


def retention(service: Service) -> int | None:
    """Give the days that the service's log group keeps its events: the file's number, or the next that CloudWatch has."""
    value = service.extensions.get("x-aws-logs_retention")
    return _kept(value) if isinstance(value, int) else None


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
    return {name: value for name, value in pairs if isinstance(value, int)}


def with_protocols(project: Project) -> Project:
    """Give the project with `x-aws-protocol` of its ports as their application protocol, where the port has none."""
    if not any(key.name == "x-aws-protocol" for key, _, _ in used(project)):
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
    """Give `http`, `http2` or `grpc` of the port at `index` of a service's canonical `ports`."""
    ports = project.tree["services"][service].get("ports") or []
    value = ports[index].get("x-aws-protocol") if index < len(ports) else ""
    return str(value or "").lower()
