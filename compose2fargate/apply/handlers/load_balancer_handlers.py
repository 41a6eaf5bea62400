"""Load balancers and target groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref, pascal_case, to_api


class LoadBalancingHandler(Handler):
    """What the types of Elastic Load Balancing have in common: members in Pascal case, tags by ARN."""

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Spell members as this API does."""
        members = {**to_api(resource, resolve, pascal_case), "tags": wanted_tags(resource, context.owner)}
        members.pop("Tags", None)
        return self.fill(normalise_state(members))

    def fill(self, members: Json) -> Json:
        """Fill in what AWS assumes, and sort what has no order."""
        return members

    def tags_of(self, context: HandlerContext, arns: list[str]) -> dict[str, dict[str, str]]:
        """Read the tags of up to 20 resources at once."""
        client = context.account.client("elbv2")
        tags: dict[str, dict[str, str]] = {}
        for start in range(0, len(arns), 20):
            for one in client.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]:
                tags[one["ResourceArn"]] = tags_from(one["Tags"])
        return tags

    def retag(self, found: FoundResource, want: Json, context: HandlerContext) -> None:
        """Bring the tags to what is wanted."""
        client = context.account.client("elbv2")
        client.add_tags(ResourceArns=[found.key], Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            client.remove_tags(ResourceArns=[found.key], TagKeys=surplus)


def _read_attributes(client: Any, operation: str, arn_member: str, arn: str) -> dict[str, str]:
    """Read the attributes of a load balancer or target group."""
    answer = getattr(client, operation)(**{arn_member: arn})
    return {attribute["Key"]: attribute["Value"] for attribute in answer["Attributes"]}


def _attribute_list(attributes: Mapping[str, str]) -> list[Json]:
    """Write attributes as the API takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]


class LoadBalancerHandler(LoadBalancingHandler):
    """Load balancers: found by name, which is unique in a region."""

    kind = aws.LoadBalancer
    missing = frozenset({"LoadBalancerNotFound"})
    exists = frozenset({"DuplicateLoadBalancerName"})
    immutable = frozenset({"Type", "Scheme"})

    def fill(self, members: Json) -> Json:
        """Sort the lists: their order means nothing."""
        for member in ("Subnets", "SecurityGroups"):
            if isinstance(members.get(member), list):
                members[member] = sorted(members[member], key=str)
        return members

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        client = context.account.client("elbv2")
        answer = read_or_none(self, lambda: client.describe_load_balancers(Names=[want["Name"]]))
        if not answer or not answer["LoadBalancers"]:
            return None
        return self._found(answer["LoadBalancers"][0], context, want.get("Attributes", {}))

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List all load balancers and keep those with our tags."""
        every = list(context.account.pages("elbv2", "describe_load_balancers", "LoadBalancers"))
        tags = self.tags_of(context, [one["LoadBalancerArn"] for one in every])
        ours = [one for one in every if context.owner.owns(tags.get(one["LoadBalancerArn"], {}))]
        return [self._found(one, context, {}) for one in ours]

    def _found(self, balancer: Json, context: HandlerContext, compared: Mapping[str, str]) -> FoundResource:
        arn, client = balancer["LoadBalancerArn"], context.account.client("elbv2")
        tags = self.tags_of(context, [arn]).get(arn, {})
        state = {
            "Name": balancer["LoadBalancerName"],
            "Type": balancer["Type"],
            "Scheme": balancer["Scheme"],
            "Subnets": sorted(zone["SubnetId"] for zone in balancer["AvailabilityZones"]),
            "SecurityGroups": sorted(balancer.get("SecurityGroups") or []),
            "tags": shown_tags(tags),
        }
        if compared:
            every = _read_attributes(client, "describe_load_balancer_attributes", "LoadBalancerArn", arn)
            state["Attributes"] = {key: every[key] for key in compared if key in every}
        attributes = {
            "arn": arn,
            "name": balancer["LoadBalancerName"],
            "dns_name": balancer.get("DNSName", ""),
            "zone_id": balancer.get("CanonicalHostedZoneId", ""),
            "full_name": arn.partition(":loadbalancer/")[2],
        }
        return FoundResource(arn, attributes, normalise_state(state), tags, name=balancer["LoadBalancerName"])

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it. It is set up for some minutes yet, but listeners and services need not wait for that.

        A listener can be added while it is `provisioning`, and ECS wants a listener only; a service gets steady when
        its targets are healthy, and that they are not before the load balancer is `active`.
        https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html
        """
        client = context.account.client("elbv2")
        given = {
            key: want[key] for key in ("Name", "Type", "Scheme", "Subnets", "SecurityGroups") if key in want
        }
        answer = client.create_load_balancer(**given, Tags=tag_list(want["tags"]))
        arn = answer["LoadBalancers"][0]["LoadBalancerArn"]
        if want.get("Attributes"):
            client.modify_load_balancer_attributes(
                LoadBalancerArn=arn, Attributes=_attribute_list(want["Attributes"])
            )
        return self._found(answer["LoadBalancers"][0], context, {})

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change subnets, security groups, attributes and tags, each with its call."""
        client = context.account.client("elbv2")
        if "Subnets" in changed:
            client.set_subnets(LoadBalancerArn=found.key, Subnets=want["Subnets"])
        if "SecurityGroups" in changed:
            client.set_security_groups(
                LoadBalancerArn=found.key, SecurityGroups=want.get("SecurityGroups", [])
            )
        if "Attributes" in changed:
            client.modify_load_balancer_attributes(
                LoadBalancerArn=found.key, Attributes=_attribute_list(want.get("Attributes", {}))
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it with its listeners, also when it is protected: whoever deletes it has been asked."""
        client = context.account.client("elbv2")

        def delete() -> None:
            off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
            client.modify_load_balancer_attributes(LoadBalancerArn=found.key, Attributes=off)
            client.delete_load_balancer(LoadBalancerArn=found.key)

        delete_when_free(self, delete, context)


_HTTP_CHECK: Json = {
    "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/", "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200"},
}  # fmt: skip
_GRPC_CHECK: Json = {
    **_HTTP_CHECK, "HealthCheckPath": "/AWS.ALB/healthcheck", "Matcher": {"GrpcCode": "12"},
}  # fmt: skip
_TCP_CHECK: Json = {
    "HealthCheckProtocol": "TCP", "HealthCheckTimeoutSeconds": 10, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2,
}  # fmt: skip
"""What AWS assumes: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
_CHECKED = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
)  # fmt: skip


class TargetGroupHandler(LoadBalancingHandler):
    """Target groups: found by name. One that has to be replaced exists twice for a while, the other as NAME-2.

    A target group that a listener uses cannot be deleted, and names are unique: so the new one takes the free name of
    the two, listeners and services turn to it, and then the old one goes.
    """

    kind = aws.TargetGroup
    missing = frozenset({"TargetGroupNotFound"})
    exists = frozenset({"DuplicateTargetGroupName"})
    replaced_first = True
    immutable = frozenset({"Protocol", "Port", "VpcId", "TargetType", "ProtocolVersion"})

    def fill(self, members: Json) -> Json:
        """Fill in AWS's defaults."""
        http = members.get("Protocol") in ("HTTP", "HTTPS")
        checked_by_http = members.get("HealthCheckProtocol", "HTTP" if http else "TCP") in ("HTTP", "HTTPS")
        defaults = {"HealthCheckPort": "traffic-port", "HealthCheckIntervalSeconds": 30}
        by_http = _GRPC_CHECK if members.get("ProtocolVersion") == "GRPC" else _HTTP_CHECK
        defaults.update(by_http if checked_by_http else _TCP_CHECK)
        if http:
            defaults["ProtocolVersion"] = "HTTP1"
        return {**defaults, **members}

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for both names; the one that fits counts, the other one is left over from a replacement."""
        client = context.account.client("elbv2")
        groups: list[Json] = []
        for name in _names(want["Name"]):
            answer = read_or_none(self, partial(client.describe_target_groups, Names=[name]))
            groups += answer["TargetGroups"] if answer else []
        if not groups:
            return None
        found = [self._found(group, want["Name"], context, want.get("Attributes", {})) for group in groups]
        found.sort(
            key=lambda one: sum(one.state.get(member) != want.get(member) for member in self.immutable)
        )
        return found[0]._replace(extra=[one for one in found[1:] if context.owner.owns(one.tags or {})])

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List all target groups and keep those with our tags."""
        return [self._found(one, one["TargetGroupName"], context, {}) for one in self.ours(context)]

    def ours(self, context: HandlerContext) -> list[Json]:
        """Give AWS's own description of those with our tags."""
        every = list(context.account.pages("elbv2", "describe_target_groups", "TargetGroups"))
        tags = self.tags_of(context, [one["TargetGroupArn"] for one in every])
        return [one for one in every if context.owner.owns(tags.get(one["TargetGroupArn"], {}))]

    def _found(
        self, group: Json, name: str, context: HandlerContext, compared: Mapping[str, str]
    ) -> FoundResource:
        arn, client = group["TargetGroupArn"], context.account.client("elbv2")
        tags = self.tags_of(context, [arn]).get(arn, {})
        members = ("Protocol", "Port", "VpcId", "TargetType", "ProtocolVersion", *_CHECKED)
        state = {**{member: group.get(member) for member in members}, "Name": name, "tags": shown_tags(tags)}
        if state.get("HealthCheckProtocol") not in ("HTTP", "HTTPS"):
            state.update(HealthCheckPath=None, Matcher=None)
        if compared:
            every = _read_attributes(client, "describe_target_group_attributes", "TargetGroupArn", arn)
            state["Attributes"] = {key: every[key] for key in compared if key in every}
        attributes = {"arn": arn, "name": group["TargetGroupName"], "full_name": arn.rpartition(":")[2]}
        return FoundResource(arn, attributes, normalise_state(state), tags, name=group["TargetGroupName"])

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it."""
        return self._make(want["Name"], want, context)

    def succeed(self, found: FoundResource, want: Json, context: HandlerContext) -> FoundResource:
        """Make the successor under the other name."""
        return self._make(next(name for name in _names(want["Name"]) if name != found.name), want, context)

    def _make(self, name: str, want: Json, context: HandlerContext) -> FoundResource:
        client = context.account.client("elbv2")
        given = {key: value for key, value in want.items() if key not in ("Attributes", "tags", "Name")}
        answer = client.create_target_group(**given, Name=name, Tags=tag_list(want["tags"]))
        group = answer["TargetGroups"][0]
        if want.get("Attributes"):
            client.modify_target_group_attributes(
                TargetGroupArn=group["TargetGroupArn"], Attributes=_attribute_list(want["Attributes"])
            )
        arn = group["TargetGroupArn"]
        return FoundResource(
            arn, {"arn": arn, "name": name, "full_name": arn.rpartition(":")[2]}, want, want["tags"]
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the health check, attributes and tags."""
        client = context.account.client("elbv2")
        checks = {member: want[member] for member in _CHECKED if member in want}
        if changed & set(_CHECKED):
            client.modify_target_group(TargetGroupArn=found.key, **checks)
        if "Attributes" in changed:
            client.modify_target_group_attributes(
                TargetGroupArn=found.key, Attributes=_attribute_list(want.get("Attributes", {}))
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it once no listener uses it."""
        client = context.account.client("elbv2")
        delete_when_free(self, lambda: client.delete_target_group(TargetGroupArn=found.key), context)


def _names(name: str) -> tuple[str, str]:
    """The two names of a target group; at most 32 characters, and no hyphen at the end."""
    return name, f"{name[:30].rstrip('-')}-2"
