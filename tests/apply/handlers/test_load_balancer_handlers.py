"""Target groups of gRPC: what AWS assumes of their health checks is not what it assumes of HTTP."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.handlers.handler import HandlerContext, StackOwner
from compose2fargate.apply.handlers.load_balancer_handlers import TargetGroupHandler
from compose2fargate.aws.resources import TargetGroup

GRPC = TargetGroup("rpc", "HTTP", 50051, "", protocol_version="GRPC", health_check_protocol="HTTP")


def test_codes_of_grpc_are_awaited_of_grpc(one_account: AwsAccount) -> None:
    vpc = one_account.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    context = HandlerContext(one_account, StackOwner("shop", "", "shop"))
    handler = TargetGroupHandler()
    want = handler.want(GRPC._replace(vpc_id=vpc), lambda _: None, context)
    assert want["Matcher"] == {"GrpcCode": "12"}
    assert want["HealthCheckPath"] == "/AWS.ALB/healthcheck"
    handler.create(want, context)
    found = handler.find(want, context)
    assert found
    assert found.state == want
    with pytest.raises(ClientError, match="HTTP codes are not valid"):
        one_account.client("elbv2").create_target_group(
            Name="other",
            Protocol="HTTP",
            ProtocolVersion="GRPC",
            Port=1,
            VpcId=vpc,
            Matcher={"HttpCode": "200"},
        )
