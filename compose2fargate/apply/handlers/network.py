"""Network and load balancing: what the stack is placed in, security groups, load balancers and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from compose2fargate.apply.account import error_code
from compose2fargate.apply.handlers.core import (
    Context,
    Found,
    Handler,
    Json,
    absent,
    batches,
    by_key,
    gone,
    has_pending,
    normal,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.values import Ref, pascal, to_api
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity


class AccountHandler(Handler):
    """Who and where we are."""

    kind = aws.Account
    taggable = False

    def find(self, want: Json, context: Context) -> Found:
        """Ask which account the credentials belong to."""
        identity = context.account.client("sts").get_caller_identity()
        partition = identity["Arn"].split(":")[1]
        attributes = {"id": identity["Account"], "region": context.account.region, "partition": partition}
        for member, code in (("id", "C2F410"), ("region", "C2F411")):
            if want.get(member) and want[member] != attributes[member]:
                raise AwsError(_elsewhere(code, member, want[member], attributes[member]))
        return Found(identity["Account"], attributes, {}, None)

    def owned(self, context: Context) -> Iterable[Found]:
        """Nothing: it is looked up only."""
        return ()


def _elsewhere(code: str, member: str, wanted: str, found: str) -> Diagnostic:
    hint = "--aws-profile NAME chooses other credentials" if member == "id" else f"--region {wanted}"
    what = "account" if member == "id" else "region"
    return Diagnostic(
        code, Severity.ERROR, f"the stack is for {what} {wanted}, and this is {found}", hint=hint
    )


class NetworkHandler(Handler):
    """The VPC and its subnets: those that are named, or the default VPC."""

    kind = aws.Network
    taggable = False

    def find(self, want: Json, context: Context) -> Found:
        """Look up what is not given: the VPC of the subnets, the default VPC, one subnet per availability zone."""
        ec2 = context.account.client("ec2")
        given = [*want.get("subnetIds", []), *want.get("loadBalancerSubnetIds", [])]
        named = ec2.describe_subnets(SubnetIds=sorted(set(given)))["Subnets"] if given else []
        vpc = want.get("vpcId") or (named[0]["VpcId"] if named else _default_vpc(ec2))
        strangers = [subnet["SubnetId"] for subnet in named if subnet["VpcId"] != vpc]
        if strangers:
            raise AwsError(_other_vpc(strangers, vpc))
        subnets = want.get("subnetIds") or _one_per_zone(context, vpc)
        balancer = want.get("loadBalancerSubnetIds") or subnets
        attributes = {"vpc_id": vpc, "subnet_ids": subnets, "load_balancer_subnet_ids": balancer}
        return Found(vpc, attributes, {}, None, {subnet["SubnetId"]: subnet for subnet in named})

    def owned(self, context: Context) -> Iterable[Found]:
        """Nothing: it is looked up only."""
        return ()


def _default_vpc(ec2: Any) -> str:
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not vpcs:
        raise AwsError(
            Diagnostic(
                "C2F412",
                Severity.ERROR,
                "this region has no default VPC, and no subnets are named",
                hint="--subnet subnet-… twice, of two availability zones; aws ec2 describe-subnets lists them",
            )
        )
    vpc: str = vpcs[0]["VpcId"]
    return vpc


def _other_vpc(strangers: list[str], vpc: str) -> Diagnostic:
    return Diagnostic(
        "C2F413",
        Severity.ERROR,
        f"{', '.join(strangers)} {'are' if len(strangers) > 1 else 'is'} not in {vpc}",
        hint="name subnets of one VPC",
    )


def _one_per_zone(context: Context, vpc: str) -> list[str]:
    """Give a subnet of each availability zone, the default one where there is one: a load balancer takes no more."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": ["available"]}]
    found = list(context.account.pages("ec2", "describe_subnets", "Subnets", Filters=filters))
    found.sort(key=lambda subnet: (not subnet.get("DefaultForAz"), subnet["SubnetId"]))
    zones: dict[str, str] = {}
    for subnet in found:
        zones.setdefault(subnet["AvailabilityZone"], subnet["SubnetId"])
    return [zones[zone] for zone in sorted(zones)]


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

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Say of the ways out only that there are none."""
        members = super().want(resource, resolve, context)
        return {k: v for k, v in members.items() if k != _OUT or not v}

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the group's name in the VPC."""
        if has_pending(want.get("vpcId")):
            return None
        filters = {"group-name": want["groupName"], "vpc-id": want["vpcId"]}
        found = next(iter(self._read(context, filters)), None)
        if found and _OUT in want:
            return found._replace(state={**found.state, _OUT: bool(found.extra)})
        return found

    def owned(self, context: Context) -> Iterable[Found]:
        """List the groups with our tags; a filter cannot ask that there is no environment."""
        found = self._read(context, {f"tag:{key}": value for key, value in context.owner.tags.items()})
        return [one for one in found if context.owner.owns(one.tags or {})]

    def _read(self, context: Context, filters: Mapping[str, str]) -> list[Found]:
        given = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        groups = context.account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=given)
        return [self._found(group) for group in groups]

    def _found(self, group: Json) -> Found:
        tags = tags_from(group.get("Tags"))
        state = {
            "groupName": group["GroupName"],
            "vpcId": group["VpcId"],
            "description": group["Description"],
            "tags": shown_tags(tags),
        }
        return Found(
            group["GroupId"],
            {"id": group["GroupId"], "name": group["GroupName"]},
            state,
            tags,
            tuple(group["IpPermissionsEgress"]),
            name=group["GroupName"],
        )

    def create(self, want: Json, context: Context) -> Found:
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
        return Found(
            group["GroupId"], {"id": group["GroupId"], "name": want["groupName"]}, want, want["tags"]
        )

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change the tags, and take the ways out away: nothing else can be."""
        if "tags" in changed:
            _tag_ec2(found, want, context)
        if _OUT in changed:
            _nothing_out(found.key, list(found.extra), context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Delete the group once nothing is in it any more."""
        ec2 = context.account.client("ec2")
        gone(self, lambda: ec2.delete_security_group(GroupId=found.key), context)


_OUT = "everythingOut"
_GIVEN_OUT: tuple[Json, ...] = (
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
)
"""What AWS gives a new group, the second in VPCs with IPv6 addresses:
https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
"""


def _nothing_out(group: str, rules: list[Json], context: Context) -> None:
    from botocore.exceptions import ClientError

    try:
        context.account.client("ec2").revoke_security_group_egress(GroupId=group, IpPermissions=rules)
    except ClientError as error:
        if error_code(error) != "InvalidPermission.NotFound":
            raise


def _tag_ec2(found: Found, want: Json, context: Context) -> None:
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

    def find(self, want: Json, context: Context) -> Found | None:
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
        return Found((want["groupId"], *(one.key[1] for one in same)), {}, state, None, name=same[0].name)

    def parts(self, found: Found) -> list[Any]:
        """Give the key of each rule."""
        return [(found.key[0], rule) for rule in found.key[1:]]

    def owned(self, context: Context) -> Iterable[Found]:
        """List the rules of all groups that are ours."""
        groups = [found.key for found in SecurityGroupHandler().owned(context)]
        return self._rules(context, groups) if groups else []

    def _rules(self, context: Context, groups: list[str]) -> list[Found]:
        found = []
        for batch in batches(groups, _FILTER_VALUES):
            filters = [{"Name": "group-id", "Values": batch}]
            pages = context.account.pages(
                "ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=filters
            )
            found += [_found_rule(rule) for rule in pages if not rule["IsEgress"]]
        return found

    def create(self, want: Json, context: Context) -> Found:
        """Let somebody in."""
        answer = context.account.client("ec2").authorize_security_group_ingress(
            GroupId=want["groupId"], IpPermissions=[_permission(want)], TagSpecifications=_rule_tags(want)
        )
        ids = [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", [])]
        return Found((want["groupId"], *ids), {}, want, None)

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
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

    def delete(self, found: Found, context: Context) -> None:
        """Let nobody in any more."""
        group, *rules = found.key
        ec2 = context.account.client("ec2")
        for rule in rules:
            gone(
                self,
                partial(ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=[rule]),
                context,
            )


def _says_the_same(found: Found, want: Json) -> bool:
    ports = all(found.state.get(member) == want.get(member) for member in _PORTS)
    return ports and any(member in want and found.state.get(member) == want[member] for member in _SOURCES)


def _found_rule(rule: Json) -> Found:
    every = rule["IpProtocol"] == "-1"
    state = normal(
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
    return Found((rule["GroupId"], rule["SecurityGroupRuleId"]), {}, state, None, name=name)


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


class _Balancing(Handler):
    """What the types of Elastic Load Balancing have in common: members in Pascal case, tags by ARN."""

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: Context) -> Json:
        """Spell members as this API does."""
        members = {**to_api(resource, resolve, pascal), "tags": wanted_tags(resource, context.owner)}
        members.pop("Tags", None)
        return self.fill(normal(members))

    def fill(self, members: Json) -> Json:
        """Fill in what AWS assumes, and sort what has no order."""
        return members

    def tags_of(self, context: Context, arns: list[str]) -> dict[str, dict[str, str]]:
        """Read the tags of up to 20 resources at once."""
        client = context.account.client("elbv2")
        tags: dict[str, dict[str, str]] = {}
        for start in range(0, len(arns), 20):
            for one in client.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]:
                tags[one["ResourceArn"]] = tags_from(one["Tags"])
        return tags

    def retag(self, found: Found, want: Json, context: Context) -> None:
        """Bring the tags to what is wanted."""
        client = context.account.client("elbv2")
        client.add_tags(ResourceArns=[found.key], Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            client.remove_tags(ResourceArns=[found.key], TagKeys=surplus)


def _attributes(client: Any, operation: str, arn_member: str, arn: str) -> dict[str, str]:
    answer = getattr(client, operation)(**{arn_member: arn})
    return {attribute["Key"]: attribute["Value"] for attribute in answer["Attributes"]}


def _attribute_list(attributes: Mapping[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]


class LoadBalancerHandler(_Balancing):
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

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for the name."""
        client = context.account.client("elbv2")
        answer = absent(self, lambda: client.describe_load_balancers(Names=[want["Name"]]))
        if not answer or not answer["LoadBalancers"]:
            return None
        return self._found(answer["LoadBalancers"][0], context, want.get("Attributes", {}))

    def owned(self, context: Context) -> Iterable[Found]:
        """List all load balancers and keep those with our tags."""
        every = list(context.account.pages("elbv2", "describe_load_balancers", "LoadBalancers"))
        tags = self.tags_of(context, [one["LoadBalancerArn"] for one in every])
        ours = [one for one in every if context.owner.owns(tags.get(one["LoadBalancerArn"], {}))]
        return [self._found(one, context, {}) for one in ours]

    def _found(self, balancer: Json, context: Context, compared: Mapping[str, str]) -> Found:
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
            every = _attributes(client, "describe_load_balancer_attributes", "LoadBalancerArn", arn)
            state["Attributes"] = {key: every[key] for key in compared if key in every}
        attributes = {
            "arn": arn,
            "name": balancer["LoadBalancerName"],
            "dns_name": balancer.get("DNSName", ""),
            "zone_id": balancer.get("CanonicalHostedZoneId", ""),
            "full_name": arn.partition(":loadbalancer/")[2],
        }
        return Found(arn, attributes, normal(state), tags, name=balancer["LoadBalancerName"])

    def create(self, want: Json, context: Context) -> Found:
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

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
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

    def delete(self, found: Found, context: Context) -> None:
        """Delete it with its listeners, also when it is protected: whoever deletes it has been asked."""
        client = context.account.client("elbv2")

        def delete() -> None:
            off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
            client.modify_load_balancer_attributes(LoadBalancerArn=found.key, Attributes=off)
            client.delete_load_balancer(LoadBalancerArn=found.key)

        gone(self, delete, context)


_HTTP_CHECK: Json = {
    "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/", "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200"},
}  # fmt: skip
_TCP_CHECK: Json = {
    "HealthCheckProtocol": "TCP", "HealthCheckTimeoutSeconds": 10, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2,
}  # fmt: skip
"""What AWS assumes: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
_CHECKED = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
)  # fmt: skip


class TargetGroupHandler(_Balancing):
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
        defaults.update(_HTTP_CHECK if checked_by_http else _TCP_CHECK)
        if http:
            defaults["ProtocolVersion"] = "HTTP1"
        return {**defaults, **members}

    def find(self, want: Json, context: Context) -> Found | None:
        """Look for both names; the one that fits counts, the other one is left over from a replacement."""
        client = context.account.client("elbv2")
        groups: list[Json] = []
        for name in _names(want["Name"]):
            answer = absent(self, partial(client.describe_target_groups, Names=[name]))
            groups += answer["TargetGroups"] if answer else []
        if not groups:
            return None
        found = [self._found(group, want["Name"], context, want.get("Attributes", {})) for group in groups]
        found.sort(
            key=lambda one: sum(one.state.get(member) != want.get(member) for member in self.immutable)
        )
        return found[0]._replace(extra=[one for one in found[1:] if context.owner.owns(one.tags or {})])

    def owned(self, context: Context) -> Iterable[Found]:
        """List all target groups and keep those with our tags."""
        return [self._found(one, one["TargetGroupName"], context, {}) for one in self.ours(context)]

    def ours(self, context: Context) -> list[Json]:
        """Give AWS's own description of those with our tags."""
        every = list(context.account.pages("elbv2", "describe_target_groups", "TargetGroups"))
        tags = self.tags_of(context, [one["TargetGroupArn"] for one in every])
        return [one for one in every if context.owner.owns(tags.get(one["TargetGroupArn"], {}))]

    def _found(self, group: Json, name: str, context: Context, compared: Mapping[str, str]) -> Found:
        arn, client = group["TargetGroupArn"], context.account.client("elbv2")
        tags = self.tags_of(context, [arn]).get(arn, {})
        members = ("Protocol", "Port", "VpcId", "TargetType", "ProtocolVersion", *_CHECKED)
        state = {**{member: group.get(member) for member in members}, "Name": name, "tags": shown_tags(tags)}
        if state.get("HealthCheckProtocol") not in ("HTTP", "HTTPS"):
            state.update(HealthCheckPath=None, Matcher=None)
        if compared:
            every = _attributes(client, "describe_target_group_attributes", "TargetGroupArn", arn)
            state["Attributes"] = {key: every[key] for key in compared if key in every}
        attributes = {"arn": arn, "name": group["TargetGroupName"], "full_name": arn.rpartition(":")[2]}
        return Found(arn, attributes, normal(state), tags, name=group["TargetGroupName"])

    def create(self, want: Json, context: Context) -> Found:
        """Make it."""
        return self._make(want["Name"], want, context)

    def succeed(self, found: Found, want: Json, context: Context) -> Found:
        """Make the successor under the other name."""
        return self._make(next(name for name in _names(want["Name"]) if name != found.name), want, context)

    def _make(self, name: str, want: Json, context: Context) -> Found:
        client = context.account.client("elbv2")
        given = {key: value for key, value in want.items() if key not in ("Attributes", "tags", "Name")}
        answer = client.create_target_group(**given, Name=name, Tags=tag_list(want["tags"]))
        group = answer["TargetGroups"][0]
        if want.get("Attributes"):
            client.modify_target_group_attributes(
                TargetGroupArn=group["TargetGroupArn"], Attributes=_attribute_list(want["Attributes"])
            )
        arn = group["TargetGroupArn"]
        return Found(arn, {"arn": arn, "name": name, "full_name": arn.rpartition(":")[2]}, want, want["tags"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
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

    def delete(self, found: Found, context: Context) -> None:
        """Delete it once no listener uses it."""
        client = context.account.client("elbv2")
        gone(self, lambda: client.delete_target_group(TargetGroupArn=found.key), context)


def _names(name: str) -> tuple[str, str]:
    """The two names of a target group; at most 32 characters, and no hyphen at the end."""
    return name, f"{name[:30].rstrip('-')}-2"


def _actions(actions: Iterable[Json]) -> list[Json]:
    """Normalise what a listener does: fill in what redirects keep, drop the second spelling of a target group."""
    shown = []
    for action in actions:
        kept = {
            key: value
            for key, value in action.items()
            if key in ("Type", "TargetGroupArn", "RedirectConfig", "FixedResponseConfig")
        }
        if "RedirectConfig" in kept:
            kept["RedirectConfig"] = {
                "Host": "#{host}",
                "Path": "/#{path}",
                "Query": "#{query}",
                **kept["RedirectConfig"],
            }
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        if action.get("Type") == "forward" and "TargetGroupArn" not in kept and len(groups) == 1:
            kept["TargetGroupArn"] = groups[0]["TargetGroupArn"]
        elif len(groups) > 1:
            kept["ForwardConfig"] = {"TargetGroups": groups}
        shown.append(kept)
    return shown


def _balancers(context: Context) -> dict[str, bool]:
    """Give the load balancers that something of ours may hang on, and whether they are ours, too."""
    used = {arn: False for group in TargetGroupHandler().ours(context) for arn in group["LoadBalancerArns"]}
    return used | {one.key: True for one in LoadBalancerHandler().owned(context)}


class ListenerHandler(_Balancing):
    """Listeners: found by load balancer and port."""

    kind = aws.Listener
    missing = frozenset({"ListenerNotFound", "LoadBalancerNotFound"})
    exists = frozenset({"DuplicateListener"})
    immutable = frozenset({"LoadBalancerArn", "Port"})

    def fill(self, members: Json) -> Json:
        """Fill in what AWS does."""
        members["DefaultActions"] = normal(_actions(members["DefaultActions"]))
        members["Certificates"] = [
            certificate["CertificateArn"] for certificate in members.get("Certificates", [])
        ]
        if members["Certificates"] and "SslPolicy" not in members:
            members["SslPolicy"] = "ELBSecurityPolicy-2016-08"
        return normal(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: Context) -> Found | None:
        """Look among the load balancer's listeners."""
        if has_pending(want["LoadBalancerArn"]):
            return None
        listeners = self._listeners(want["LoadBalancerArn"], context)
        return next((self._found(one, context) for one in listeners if one["Port"] == want["Port"]), None)

    def _listeners(self, balancer: str, context: Context) -> list[Json]:
        pages = partial(context.account.pages, "elbv2", "describe_listeners", "Listeners")
        return absent(self, lambda: list(pages(LoadBalancerArn=balancer))) or []

    def owned(self, context: Context) -> Iterable[Found]:
        """List the listeners of our load balancers, and those with our tags of the user's."""
        for balancer, ours in _balancers(context).items():
            for listener in self._listeners(balancer, context):
                found = self._found(listener, context)
                if ours or context.owner.owns(found.tags or {}):
                    yield found

    def _found(self, listener: Json, context: Context) -> Found:
        arn = listener["ListenerArn"]
        tags = self.tags_of(context, [arn]).get(arn, {})
        certificates = [one["CertificateArn"] for one in listener.get("Certificates") or []]
        if certificates:
            extra = context.account.pages(
                "elbv2", "describe_listener_certificates", "Certificates", ListenerArn=arn
            )
            certificates += [c["CertificateArn"] for c in extra if c["CertificateArn"] not in certificates]
        state = {
            "LoadBalancerArn": listener["LoadBalancerArn"],
            "Port": listener["Port"],
            "Protocol": listener["Protocol"],
            "DefaultActions": _actions(listener["DefaultActions"]),
            "Certificates": certificates,
            "SslPolicy": listener.get("SslPolicy") if certificates else None,
            "tags": shown_tags(tags),
        }
        return Found(arn, {"arn": arn}, normal(state), tags, name=f"port {listener['Port']}")

    def create(self, want: Json, context: Context) -> Found:
        """Open the port."""
        client = context.account.client("elbv2")
        answer = client.create_listener(
            **_listener_members(want), LoadBalancerArn=want["LoadBalancerArn"], Tags=tag_list(want["tags"])
        )
        arn = answer["Listeners"][0]["ListenerArn"]
        _more_certificates(client, arn, want.get("Certificates", [])[1:], [])
        return Found(arn, {"arn": arn}, want, want["tags"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change protocol, certificates, what it does, and tags."""
        client = context.account.client("elbv2")
        if changed - {"tags"}:
            client.modify_listener(ListenerArn=found.key, **_listener_members(want))
            _more_certificates(
                client, found.key, want.get("Certificates", [])[1:], found.state.get("Certificates", [])[1:]
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Close the port."""
        client = context.account.client("elbv2")
        gone(self, lambda: client.delete_listener(ListenerArn=found.key), context)


def _listener_members(want: Json) -> Json:
    members: Json = {
        key: want[key] for key in ("Port", "Protocol", "DefaultActions", "SslPolicy") if key in want
    }
    if want.get("Certificates"):
        members["Certificates"] = [{"CertificateArn": want["Certificates"][0]}]
    return members


def _more_certificates(client: Any, arn: str, wanted: list[str], there: list[str]) -> None:
    """Certificates beyond the first are added to a listener, and removed, one call each way."""
    added = [{"CertificateArn": one} for one in wanted if one not in there]
    removed = [{"CertificateArn": one} for one in there if one not in wanted]
    if added:
        client.add_listener_certificates(ListenerArn=arn, Certificates=added)
    if removed:
        client.remove_listener_certificates(ListenerArn=arn, Certificates=removed)


class ListenerRuleHandler(_Balancing):
    """Rules of a listener: found by listener and priority."""

    kind = aws.ListenerRule
    missing = frozenset({"RuleNotFound", "ListenerNotFound"})
    exists = frozenset({"PriorityInUse"})
    immutable = frozenset({"ListenerArn", "Priority"})

    def fill(self, members: Json) -> Json:
        """Sort conditions; normalise actions."""
        members["Actions"] = normal(_actions(members["Actions"]))
        members["Conditions"] = _conditions(members["Conditions"])
        return members

    def find(self, want: Json, context: Context) -> Found | None:
        """Look among the listener's rules."""
        if has_pending(want["ListenerArn"]):
            return None
        rules = self._rules(want["ListenerArn"], context)
        priority = str(want["Priority"])
        return next(
            (self._found(r, want["ListenerArn"], context) for r in rules if r["Priority"] == priority), None
        )

    def _rules(self, listener: str, context: Context) -> list[Json]:
        pages = partial(context.account.pages, "elbv2", "describe_rules", "Rules")
        rules = absent(self, lambda: list(pages(ListenerArn=listener))) or []
        return [rule for rule in rules if not rule["IsDefault"]]

    def owned(self, context: Context) -> Iterable[Found]:
        """List the rules of our load balancers' listeners, and those with our tags of the user's."""
        listeners = ListenerHandler()
        for balancer, ours in _balancers(context).items():
            for listener in listeners._listeners(balancer, context):  # noqa: SLF001 - the same family
                arn = listener["ListenerArn"]
                rules = self._rules(arn, context)
                tags = {} if ours else self.tags_of(context, [rule["RuleArn"] for rule in rules])
                for rule in rules:
                    if ours or context.owner.owns(tags.get(rule["RuleArn"], {})):
                        yield self._found(rule, arn, context)

    def _found(self, rule: Json, listener: str, context: Context) -> Found:
        arn = rule["RuleArn"]
        tags = self.tags_of(context, [arn]).get(arn, {})
        state = {
            "ListenerArn": listener,
            "Priority": int(rule["Priority"]),
            "Conditions": _conditions(rule["Conditions"]),
            "Actions": _actions(rule["Actions"]),
            "tags": shown_tags(tags),
        }
        return Found(arn, {"arn": arn}, normal(state), tags, name=f"priority {rule['Priority']}")

    def create(self, want: Json, context: Context) -> Found:
        """Add the rule."""
        answer = context.account.client("elbv2").create_rule(
            ListenerArn=want["ListenerArn"],
            Priority=want["Priority"],
            Conditions=_condition_inputs(want["Conditions"]),
            Actions=want["Actions"],
            Tags=tag_list(want["tags"]),
        )
        arn = answer["Rules"][0]["RuleArn"]
        return Found(arn, {"arn": arn}, want, want["tags"])

    def update(self, found: Found, want: Json, changed: frozenset[str], context: Context) -> Found:
        """Change what it matches and where it sends to."""
        if changed - {"tags"}:
            context.account.client("elbv2").modify_rule(
                RuleArn=found.key, Conditions=_condition_inputs(want["Conditions"]), Actions=want["Actions"]
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: Found, context: Context) -> None:
        """Take the rule away."""
        client = context.account.client("elbv2")
        gone(self, lambda: client.delete_rule(RuleArn=found.key), context)


def _conditions(conditions: Iterable[Json]) -> list[Json]:
    """Normalise conditions: AWS answers with the values in two places."""
    shown = []
    for condition in conditions:
        values = condition.get("Values")
        for member, config in condition.items():
            if not values and member.endswith("Config"):
                values = config.get("Values")
        shown.append({"Field": condition["Field"], "Values": sorted(values or [])})
    return sorted(shown, key=by_key("Field"))


_CONFIGS = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}


def _condition_inputs(conditions: Iterable[Json]) -> list[Json]:
    """Write conditions in the spelling that takes several values."""
    return [{"Field": one["Field"], _CONFIGS[one["Field"]]: {"Values": one["Values"]}} for one in conditions]
