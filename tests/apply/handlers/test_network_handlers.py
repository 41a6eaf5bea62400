"""Which subnets of a VPC tasks are placed in, where only the VPC is given."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.handlers.handler import HandlerContext, StackOwner
from compose2fargate.apply.handlers.network_handlers import NetworkHandler
from compose2fargate.aws.resources import VpcNetwork


class Vpc:
    """A VPC with a public and a private subnet in each of two zones; the private ones have the lower addresses."""

    def __init__(self, account: AwsAccount) -> None:
        ec2 = account.client("ec2")
        self.id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        table = ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        self.subnets: dict[bool, set[str]] = {True: set(), False: set()}
        zones = [one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
        for index, (public, zone) in enumerate((p, z) for p in (False, True) for z in zones):
            given: dict[str, Any] = {"VpcId": self.id, "AvailabilityZone": zone}
            made = ec2.create_subnet(CidrBlock=f"10.0.{index}.0/24", **given)["Subnet"]["SubnetId"]
            if public:
                ec2.associate_route_table(RouteTableId=table, SubnetId=made)
            self.subnets[public].add(made)


@pytest.mark.parametrize("public", [True, False])
def test_tasks_are_placed_where_a_route_suits_their_addresses(public: bool, one_account: AwsAccount) -> None:
    """No subnet gives addresses by itself here, so that only the routes tell public from private ones."""
    vpc = Vpc(one_account)
    context = HandlerContext(one_account, StackOwner("shop", "", "shop"))
    handler = NetworkHandler()
    want = handler.want(VpcNetwork(vpc.id, is_public=public), lambda _: None, context)
    found = handler.find(want, context)
    assert set(found.attributes["subnet_ids"]) == vpc.subnets[public]
