"""Security groups and their ingress rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    batches,
    delete_when_free,
    has_pending,
    normalise_state,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref


class SecurityGroupHandler(Handler):
    """Security groups: found by name and VPC. Name, VPC and description are for good.

    AWS lets the members of a new group reach everything. Where they are not to, those rules are taken away; where they
    are, the rules are not looked at: whoever limits them by hand keeps that.
    """

    kind = aws.SecurityGroup
    missing = frozenset({"InvalidGroup.NotFound", "InvalidGroupId.Malformed"})
    exists = frozenset({"InvalidGroup.Duplicate"})
    immutable = frozenset({"vpcId"})
    fixed = frozenset({"description"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Say of the ways out only that there are none."""
        members = super().want(resource, resolve, context)
        return {k: v for k, v in members.items() if k != _OUT or not v}

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the group's name in the VPC."""
        if has_pending(want.get("vpcId")):
            return None
        filters = {"group-name": want["groupName"], "vpc-id": want["vpcId"]}
        found = next(iter(self._read(context, filters)), None)
        if found and _OUT in want:
            return found._replace(state={**found.state, _OUT: bool(found.extra)})
        return found

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the groups with our tags; a filter cannot ask that there is no environment."""
        found = self._read(context, {f"tag:{key}": value for key, value in context.owner.tags.items()})
        return [one for one in found if context.owner.owns(one.tags or {})]

    def _read(self, context: HandlerContext, filters: Mapping[str, str]) -> list[FoundResource]:
        given = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        groups = context.account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=given)
        return [self._found(group) for group in groups]

    def _found(self, group: Json) -> FoundResource:
        tags = tags_from(group.get("Tags"))
        state = {
            "groupName": group["GroupName"],
            "vpcId": group["VpcId"],
            "description": group["Description"],
            "tags": shown_tags(tags),
        }
        return FoundResource(
            group["GroupId"],
            {"id": group["GroupId"], "name": group["GroupName"]},
            state,
            tags,
            tuple(group["IpPermissionsEgress"]),
            name=group["GroupName"],
        )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make the group; it lets nothing in yet."""
        group = context.account.client("ec2").create_security_group(
            GroupName=want["groupName"],
            Description=want["description"],
            VpcId=want["vpcId"],
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(want["tags"])}],
        )
        if _OUT in want:
            for rule in _GIVEN_OUT:
                _nothing_out(group["GroupId"], [rule], context)
        return FoundResource(
            group["GroupId"], {"id": group["GroupId"], "name": want["groupName"]}, want, want["tags"]
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the tags, and take the ways out away: nothing else can be."""
        if "tags" in changed:
            _tag_ec2(found, want, context)
        if _OUT in changed:
            _nothing_out(found.key, list(found.extra), context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete the group once nothing is in it any more."""
        ec2 = context.account.client("ec2")
        delete_when_free(self, lambda: ec2.delete_security_group(GroupId=found.key), context)


_OUT = "everythingOut"
_GIVEN_OUT: tuple[Json, ...] = (
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
)
"""What AWS gives a new group, the second in VPCs with IPv6 addresses:
https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
"""


def _nothing_out(group: str, rules: list[Json], context: HandlerContext) -> None:
    from botocore.exceptions import ClientError

    try:
        context.account.client("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    except ClientError as error:
        if error_code(error) != "InvalidPermission.NotFound":
            raise


def _tag_ec2(found: FoundResource, want: Json, context: HandlerContext) -> None:
    ec2 = context.account.client("ec2")
    keys = found.key if isinstance(found.key, list) else [found.key]
    ec2.create_tags(Resources=keys, Tags=tag_list(want["tags"]))
    surplus = surplus_tags(found, want)
    if surplus:
        ec2.delete_tags(Resources=keys, Tags=[{"Key": key} for key in surplus])


_FILTER_VALUES = 200
"""Values in one filter: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html"""
_SOURCES = ("sourceGroupId", "cidrIp", "cidrIpv6")
_PORTS = ("ipProtocol", "fromPort", "toPort")


class IngressRuleHandler(Handler):
    """Rules of our security groups: a rule is what it says, so only its description and tags can change.

    A rule for IPv4 and IPv6 addresses is two in AWS, and one here: its key has the ids of both.
    """

    kind = aws.IngressRule
    missing = frozenset(
        {"InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"}
    )
    exists = frozenset({"InvalidPermission.Duplicate"})
    immutable = frozenset({"groupId", *_PORTS})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for rules of the group that say the same."""
        if has_pending(want):
            return None
        same = [one for one in self._rules(context, [want["groupId"]]) if _says_the_same(one, want)]
        if not same:
            return None
        state: Json = {}
        for one in same:
            state = {**one.state, **state}
        if len({one.state.get("description") for one in same}) > 1:
            state["description"] = "(not the same for IPv4 and IPv6)"
        return FoundResource(
            (want["groupId"], *(one.key[1] for one in same)), {}, state, None, name=same[0].name
        )

    def parts(self, found: FoundResource) -> list[Any]:
        """Give the key of each rule."""
        return [(found.key[0], rule) for rule in found.key[1:]]

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the rules of all groups that are ours."""
        groups = [found.key for found in SecurityGroupHandler().owned(context)]
        return self._rules(context, groups) if groups else []

    def _rules(self, context: HandlerContext, groups: list[str]) -> list[FoundResource]:
        found = []
        for batch in batches(groups, _FILTER_VALUES):
            filters = [{"Name": "group-id", "Values": batch}]
            pages = context.account.pages(
                "ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=filters
            )
            found += [_found_rule(rule) for rule in pages if not rule["IsEgress"]]
        return found

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Let somebody in."""
        answer = context.account.client("ec2").authorize_security_group_ingress(
            GroupId=want["groupId"], IpPermissions=[_permission(want)], TagSpecifications=_rule_tags(want)
        )
        ids = [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", [])]
        return FoundResource((want["groupId"], *ids), {}, want, None)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Add the addresses that are missing, and change the description."""
        ec2 = context.account.client("ec2")
        added = {member: want[member] for member in _SOURCES if member in changed and member in want}
        if added:
            kept = {member: value for member, value in want.items() if member not in _SOURCES}
            ec2.authorize_security_group_ingress(
                GroupId=want["groupId"],
                IpPermissions=[_permission({**kept, **added})],
                TagSpecifications=_rule_tags(want),
            )
        if "tags" in changed:
            _tag_ec2(found._replace(key=list(found.key[1:]), tags=found.state.get("tags", {})), want, context)
        if "description" in changed:
            ec2.update_security_group_rule_descriptions_ingress(
                GroupId=want["groupId"], IpPermissions=[_permission(want)]
            )
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Let nobody in any more."""
        group, *rules = found.key
        ec2 = context.account.client("ec2")
        for rule in rules:
            delete_when_free(
                self,
                partial(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[rule]),
                context,
            )


def _says_the_same(found: FoundResource, want: Json) -> bool:
    ports = all(found.state.get(member) == want.get(member) for member in _PORTS)
    return ports and any(member in want and found.state.get(member) == want[member] for member in _SOURCES)


def _found_rule(rule: Json) -> FoundResource:
    every = rule["IpProtocol"] == "-1"
    state = normalise_state(
        {
            "groupId": rule["GroupId"],
            "ipProtocol": rule["IpProtocol"],
            "fromPort": None if every else rule.get("FromPort"),
            "toPort": None if every else rule.get("ToPort"),
            "sourceGroupId": (rule.get("ReferencedGroupInfo") or {}).get("GroupId"),
            "cidrIp": rule.get("CidrIpv4"),
            "cidrIpv6": rule.get("CidrIpv6"),
            "description": rule.get("Description"),
            "tags": shown_tags(tags_from(rule.get("Tags"))),
        }
    )
    source = next((state[member] for member in _SOURCES if member in state), "")
    name = f"{source} to {state['groupId']} {state['ipProtocol']} {state.get('fromPort', '')}".rstrip()
    return FoundResource((rule["GroupId"], rule["SecurityGroupRuleId"]), {}, state, None, name=name)


def _rule_tags(want: Json) -> list[Json]:
    return [{"ResourceType": "security-group-rule", "Tags": tag_list(want["tags"])}]


def _permission(want: Json) -> Json:
    permission: Json = {"IpProtocol": want["ipProtocol"]}
    if "fromPort" in want:
        permission.update(FromPort=want["fromPort"], ToPort=want["toPort"])
    described = {"Description": want["description"]}
    if "sourceGroupId" in want:
        permission["UserIdGroupPairs"] = [{"GroupId": want["sourceGroupId"], **described}]
    if "cidrIp" in want:
        permission["IpRanges"] = [{"CidrIp": want["cidrIp"], **described}]
    if "cidrIpv6" in want:
        permission["Ipv6Ranges"] = [{"CidrIpv6": want["cidrIpv6"], **described}]
    return permission
