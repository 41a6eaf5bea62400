"""What is looked up and never created: the account, the VPC and its subnets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
)
from compose2fargate.aws import resources as aws
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity


class AccountHandler(Handler):
    """Who and where we are."""

    kind = aws.AccountIdentity
    taggable = False

    def find(self, want: Json, context: HandlerContext) -> FoundResource:
        """Ask which account the credentials belong to."""
        identity = context.account.client("sts").get_caller_identity()
        partition = identity["Arn"].split(":")[1]
        attributes = {"id": identity["Account"], "region": context.account.region, "partition": partition}
        for member, code in (("id", "C2F410"), ("region", "C2F411")):
            if want.get(member) and want[member] != attributes[member]:
                raise AwsError(_elsewhere(code, member, want[member], attributes[member]))
        return FoundResource(identity["Account"], attributes, {}, None)

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """Nothing: it is looked up only."""
        return ()


def _elsewhere(code: str, member: str, wanted: str, found: str) -> Diagnostic:
    hint = "choose other credentials: --aws-profile NAME" if member == "id" else f"--region {wanted}"
    what = "account" if member == "id" else "region"
    return Diagnostic(
        code, Severity.ERROR, f"the stack is for {what} {wanted}, but this is {found}", hint=hint
    )


class NetworkHandler(Handler):
    """The VPC and its subnets: those that are named, or the default VPC."""

    kind = aws.VpcNetwork
    taggable = False

    def find(self, want: Json, context: HandlerContext) -> FoundResource:
        """Look up what is not given: the VPC of the subnets, the default VPC, one subnet per availability zone."""
        ec2 = context.account.client("ec2")
        given = [*want.get("subnetIds", []), *want.get("loadBalancerSubnetIds", [])]
        named = ec2.describe_subnets(SubnetIds=sorted(set(given)))["Subnets"] if given else []
        vpc = want.get("vpcId") or (named[0]["VpcId"] if named else _default_vpc(ec2))
        strangers = [subnet["SubnetId"] for subnet in named if subnet["VpcId"] != vpc]
        if strangers:
            raise AwsError(_other_vpc(strangers, vpc))
        subnets = want.get("subnetIds") or _one_per_zone(context, want, vpc)
        balancer = want.get("loadBalancerSubnetIds") or subnets
        attributes = {"vpc_id": vpc, "subnet_ids": subnets, "load_balancer_subnet_ids": balancer}
        return FoundResource(vpc, attributes, {}, None, {subnet["SubnetId"]: subnet for subnet in named})

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
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
                hint="name two subnets in different availability zones: --subnet subnet-…, twice; aws ec2 describe-subnets lists them",
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


def _one_per_zone(context: HandlerContext, want: Json, vpc: str) -> list[str]:
    """Give a subnet of each availability zone, since a load balancer takes no more.

    In the default VPC it is AWS's own; in another one it is one whose way out suits the tasks: to an internet gateway where they
    have public addresses, and not to one where they have none.
    """
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": ["available"]}]
    found = list(context.account.pages("ec2", "describe_subnets", "Subnets", Filters=filters))
    public = bool(want.get("isPublic"))
    ways: dict[str, bool] = {}
    if want.get("vpcId"):
        ec2 = context.account.client("ec2")
        tables = ec2.describe_route_tables(Filters=filters[:1])["RouteTables"]
        ways = {one["SubnetId"]: default_route(tables, one["SubnetId"]).startswith("igw-") for one in found}
    found.sort(
        key=lambda subnet: (
            ways.get(subnet["SubnetId"], public) != public,
            bool(ways) and subnet.get("MapPublicIpOnLaunch", public) != public,
            not subnet.get("DefaultForAz"),
            subnet["SubnetId"],
        )
    )
    zones: dict[str, str] = {}
    for subnet in found:
        zones.setdefault(subnet["AvailabilityZone"], subnet["SubnetId"])
    return [zones[zone] for zone in sorted(zones)]


def default_route(tables: Iterable[Json], subnet: str) -> str:
    """Give what the default route of a subnet leads to; "" when there is none."""
    tables = list(tables)
    own = [t for t in tables if any(a.get("SubnetId") == subnet for a in t.get("Associations", []))]
    main = [t for t in tables if any(a.get("Main") for a in t.get("Associations", []))]
    for table in (own or main)[:1]:
        for route in table["Routes"]:
            if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                return str(
                    route.get("GatewayId")
                    or route.get("NatGatewayId")
                    or route.get("TransitGatewayId")
                    or "other"
                )
    return ""
