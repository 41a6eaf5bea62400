"""What moto takes too lightly about load balancers, security groups and DNS namespaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose2fargate.apply.sandbox.fake_ecs_checks import used_target_groups
from compose2fargate.apply.sandbox.moto_store_patches import groups_of_stores


def patch_network() -> None:
    """Close what concerns the network."""
    for patch in (
        _target_health,
        _load_balancers,
        _listeners,
        _matchers,
        _balancers_of_groups,
        _security_groups,
        _dns_namespaces,
        _rule_descriptions,
    ):
        patch()


def _target_health() -> None:
    """Let the tasks of a service be the targets of its target groups."""
    from moto.core.responses import ActionResult
    from moto.elbv2.responses import ELBV2Response as Responses

    def describe(response: Any) -> Any:
        arn = response._get_param("TargetGroupArn")
        response.elbv2_backend.describe_target_health(arn, [])
        health = list(_targets(response.current_account, response.region, arn))
        return ActionResult({"TargetHealthDescriptions": health})

    Responses.describe_target_health = describe


def _targets(account: str, region: str, arn: str) -> Any:
    from moto.ecs.models import ecs_backends

    from compose2fargate.apply.sandbox.fake_ecs_account import FakeEcsAccount
    from compose2fargate.apply.sandbox.task_behaviour import BEHAVIOURS

    ours = FakeEcsAccount.of(ecs_backends[account][region])
    for record in ours.services.values():
        for balancer in record["loadBalancers"]:
            if balancer.get("targetGroupArn") != arn or record["status"] != "ACTIVE":
                continue
            sick = BEHAVIOURS.get(record["serviceName"])
            wanted = {"State": "healthy"}
            if sick and sick.kind == "target":
                reason = sick.reason or "Health checks failed with these codes: [500]"
                wanted = {
                    "State": "unhealthy",
                    "Reason": "Target.ResponseCodeMismatch",
                    "Description": reason,
                }
            for task in ours.tasks_of(record["serviceName"], record["clusterArn"])[-4:]:
                if task["lastStatus"] == "RUNNING" or wanted["State"] == "unhealthy":
                    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
                    port = balancer["containerPort"]
                    yield {
                        "Target": {"Id": address, "Port": port},
                        "HealthCheckPort": str(port),
                        "TargetHealth": wanted,
                    }


def _load_balancers() -> None:
    """Names of load balancers: at most 32 characters and each once; an application load balancer has two subnets.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
    """
    from moto.core.responses import ActionResult
    from moto.elbv2.responses import ELBV2Response as Responses

    create = Responses.create_load_balancer

    def checked(response: Any) -> Any:
        name = response._get_param("Name")
        kind = response._get_param("Type") or "application"
        subnets = response._get_param("Subnets") or []
        existing = {b.name: b for b in response.elbv2_backend.load_balancers.values()}
        if len(name) > 32:
            raise _query_error(
                "ValidationError", f"The load balancer name '{name}' cannot be longer than '32' characters"
            )
        if kind == "application" and len(subnets) < 2:
            raise _query_error(
                "ValidationError",
                "At least two subnets in two different Availability Zones must be specified",
            )
        if name in existing:
            if existing[name].type != kind:
                raise _query_error(
                    "DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists"
                )
            return ActionResult({"LoadBalancers": [existing[name]]})  # the same wish twice makes one
        return create(response)

    Responses.create_load_balancer = checked


def _listeners() -> None:
    """Each port of a load balancer has one listener.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html
    """
    from moto.elbv2.responses import ELBV2Response as Responses

    listen = Responses.create_listener

    def listen_once(response: Any) -> Any:
        arn, port = response._get_param("LoadBalancerArn"), str(response._get_param("Port"))
        balancer = response.elbv2_backend.load_balancers.get(arn)
        if balancer and any(str(one.port) == port for one in balancer.listeners.values()):
            raise _query_error("DuplicateListener", "A listener already exists on this port")
        return listen(response)

    Responses.create_listener = listen_once


def _matchers() -> None:
    """Refuse codes of HTTP as the answers that a check of gRPC awaits.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html
    """
    from moto.elbv2.responses import ELBV2Response as Responses

    create = Responses.create_target_group

    def checked(response: Any) -> Any:
        grpc = response._get_param("ProtocolVersion") == "GRPC"
        if grpc and response._get_param("Matcher.HttpCode"):
            raise _query_error("ValidationError", "HTTP codes are not valid for a target group of gRPC")
        return create(response)

    Responses.create_target_group = checked


def _balancers_of_groups() -> None:
    """Let a target group know the load balancers that use it, also after a listener or a rule was changed."""
    from moto.elbv2.models import ELBv2Backend as Backend

    describe = Backend.describe_target_groups

    def described(self: Any, *arguments: Any, **named: Any) -> Any:
        used = used_target_groups(self)
        for arn, group in self.target_groups.items():
            group.load_balancer_arns = sorted(used.get(arn, ()))
        return describe(self, *arguments, **named)

    Backend.describe_target_groups = described


def _query_error(code: str, message: str) -> Exception:
    from moto.elbv2.exceptions import ELBClientError

    error: Exception = ELBClientError(code, message)
    return error


def _security_groups() -> None:
    """Refuse to delete a security group that something uses.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
    """
    from moto.ec2.models.security_groups import SecurityGroupBackend as Backend

    delete = Backend.delete_security_group

    def checked(self: Any, name: str | None = None, group_id: str | None = None) -> Any:
        from moto.ec2.exceptions import DependencyViolationError

        if group_id and any(group_id in used(self) for used in _USERS):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return delete(self, name, group_id)

    Backend.delete_security_group = checked


def _rule_descriptions() -> None:
    """Let rules from group to group have a description, as rules from addresses do."""
    from moto.ec2.models.security_groups import SecurityGroupRule as Rule

    Rule.description = property(
        lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description")
    )
    Rule.__eq__ = lambda rule, other: _meaning(rule) == _meaning(other)


def _meaning(rule: Any) -> tuple[Any, ...]:
    """What makes two rules the same; a description does not."""
    source = (rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id)
    return (rule.ip_protocol, rule.from_port, rule.to_port, *source)


def _dns_namespaces() -> None:
    """Let a VPC have several private DNS namespaces; moto refuses the second, whatever its name.

    https://docs.aws.amazon.com/cloud-map/latest/api/API_CreatePrivateDnsNamespace.html
    """
    from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend

    create = Backend.create_private_dns_namespace

    def beside_others(self: Any, name: str, *arguments: Any, **named: Any) -> str:
        others = {key: namespace for key, namespace in self.namespaces.items() if namespace.name != name}
        for key in others:
            del self.namespaces[key]
        try:
            return str(create(self, name, *arguments, **named))
        finally:
            self.namespaces.update(others)

    Backend.create_private_dns_namespace = beside_others


def _groups_of_rules(ec2: Any) -> set[str]:
    groups = [group for by_vpc in ec2.groups.values() for group in by_vpc.values()]
    return {
        rule.source_group.get("GroupId", "")
        for group in groups
        for rule in (*group.ingress_rules, *group.egress_rules)
        if rule.source_group.get("GroupId") != group.id
    }


def _groups_of_services(ec2: Any) -> set[str]:
    from moto.ecs.models import ecs_backends

    from compose2fargate.apply.sandbox.fake_ecs_account import FakeEcsAccount

    ours = FakeEcsAccount.of(ecs_backends[ec2.account_id][ec2.region_name])
    active = [r for r in ours.services.values() if r["status"] == "ACTIVE"]
    networks = [(r.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {} for r in active]
    return {group for network in networks for group in network.get("securityGroups") or []}


def _groups_of_balancers(ec2: Any) -> set[str]:
    from moto.elbv2.models import elbv2_backends

    balancers = elbv2_backends[ec2.account_id][ec2.region_name].load_balancers.values()
    return {group for balancer in balancers for group in balancer.security_groups or []}


def _groups_of_mounts(ec2: Any) -> set[str]:
    from moto.efs.models import efs_backends

    mounts = efs_backends[ec2.account_id][ec2.region_name].mount_targets_by_id.values()
    return {group for mount in mounts for group in mount.security_groups or []}


_USERS: tuple[Callable[[Any], set[str]], ...] = (
    _groups_of_rules,
    _groups_of_services,
    _groups_of_balancers,
    _groups_of_mounts,
    groups_of_stores,
)
