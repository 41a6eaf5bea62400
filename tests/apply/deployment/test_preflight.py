"""What a stack needs and does not make is checked before anything is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from compose2fargate.apply.deployment.preflight import verify_prerequisites
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.resources import EcsLoadBalancer, Existing, Secret, VpcNetwork
from compose2fargate.diagnostics import AwsError, Severity
from tests.apply.world import World

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def codes(world: World) -> set[str]:
    return {
        one.code for one in verify_prerequisites(world.stack, world.context) if one.severity is Severity.ERROR
    }


def with_image(world: World, image: str) -> World:
    definition: Any = world.stack.resources["task-definition/web"]
    files, web = definition.container_definitions
    return world.change("task-definition/web", container_definitions=(files, web._replace(image=image)))


def with_secret(world: World, reference: str) -> World:
    definition: Any = world.stack.resources["task-definition/web"]
    files, web = definition.container_definitions
    changed = web._replace(secrets=(Secret("KEY", reference),))
    return world.change("task-definition/web", container_definitions=(files, changed))


def put_image(world: World, tag: str) -> None:
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {},
        "layers": [],
    }
    world.account.client("ecr").put_image(
        repositoryName="shop/web", imageManifest=json.dumps(manifest), imageTag=tag
    )


def test_an_image_without_a_repository_is_missing(world: World) -> None:
    found = [one for one in verify_prerequisites(world.stack, world.context) if one.code == "C2F470"]
    assert {one.hint for one in found} == {
        "build and push it: compose2fargate push web", "build and push it: compose2fargate push migrate",
    }  # fmt: skip


def test_an_image_that_was_pushed_is_there(applied: World) -> None:
    assert "C2F470" in codes(applied)
    put_image(applied, "v1")
    assert "C2F470" not in codes(applied)


def test_an_image_in_ecr_that_is_named_outright_is_looked_for(applied: World) -> None:
    put_image(applied, "v1")
    registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert "C2F470" not in codes(with_image(applied, f"{registry}/shop/web:v1"))
    assert "C2F470" in codes(with_image(applied, f"{registry}/shop/web:v2"))


def test_other_registries_are_a_warning(world: World) -> None:
    found = [one for one in verify_prerequisites(world.stack, world.context) if one.code == "C2F471"]
    assert [(one.severity, "postgres:16" in one.message) for one in found] == [(Severity.WARNING, True)]


SECRETS: dict[str, tuple[Callable[[Any], Any], str, bool]] = {
    "a parameter": (lambda w: w.account.client("ssm").put_parameter(Name="/own/key", Value="v", Type="SecureString"), "/own/key", True),
    "no parameter": (lambda _: None, "/own/key", False),
    "a JSON key": (lambda w: _secret(w, '{"password": "v"}'), "{arn}:password::", True),
    "no JSON key": (lambda w: _secret(w, '{"password": "v"}'), "{arn}:user::", False),
    "no JSON at all": (lambda w: _secret(w, "text"), "{arn}:user::", False),
    "no secret": (lambda _: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf", "{arn}", False),
}  # fmt: skip


def _secret(world: World, value: str) -> str:
    arn: str = world.account.client("secretsmanager").create_secret(Name="own", SecretString=value)["ARN"]
    return arn


@pytest.mark.parametrize("what", SECRETS)
def test_secrets_are_looked_for_with_their_keys(world: World, what: str) -> None:
    make, reference, there = SECRETS[what]
    arn = make(world)
    assert ("C2F472" not in codes(with_secret(world, reference.format(arn=arn)))) is there


def test_a_secret_that_may_not_be_read_is_a_warning(world: World, sandbox: Sandbox) -> None:
    arn = _secret(world, "{}")
    sandbox.fault(service="secretsmanager", operation="GetSecretValue", code="AccessDeniedException", times=9)
    other = with_secret(world, f"{arn}:user::")
    found = {one.code: one.severity for one in verify_prerequisites(other.stack, other.context)}
    assert found["C2F473"] is Severity.WARNING


def test_roles_have_to_be_there_and_to_be_assumed(world: World) -> None:
    named = world.change("task-definition/db", task_role_arn="arn:aws:iam::123456789012:role/own")
    assert "C2F474" in codes(named)
    iam = world.account.client("iam")
    iam.create_role(RoleName="own", AssumeRolePolicyDocument=json.dumps(TRUST))
    assert "C2F476" in codes(named)
    allowed = json.dumps(TRUST).replace("ec2.amazonaws.com", "ecs-tasks.amazonaws.com")
    iam.update_assume_role_policy(RoleName="own", PolicyDocument=allowed)
    assert codes(named) & {"C2F474", "C2F476"} == set()


def test_a_load_balancer_needs_two_zones(world: World) -> None:
    subnet = world.account.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    assert "C2F477" in codes(world.change("network", VpcNetwork("", (subnet,), (subnet,))))
    assert "C2F477" not in codes(world)


def test_a_database_needs_two_zones(world: World) -> None:
    subnet = world.account.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    one_zone = world.change("network", VpcNetwork(subnet_ids=(subnet,)))
    told = [d.message for d in verify_prerequisites(one_zone.stack, one_zone.context) if d.code == "C2F477"]
    assert "a database needs subnets in two availability zones, and has 1" in told


def test_a_password_that_rds_does_not_take_is_told_and_not_shown(world: World) -> None:
    assert "C2F574" not in codes(world)
    world.context = world.context._replace(secret_value=lambda _: "canary\n")
    (told,) = (d for d in verify_prerequisites(world.stack, world.context) if d.code == "C2F574")
    assert "canary" not in str(told)
    assert "no line end" in told.hint


def test_subnets_of_two_networks_are_refused(world: World) -> None:
    ec2 = world.account.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    strange = ec2.create_subnet(VpcId=other, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(AwsError) as refused:
        verify_prerequisites(world.change("network", VpcNetwork("", (subnet, strange))).stack, world.context)
    assert "C2F413" in {one.code for one in refused.value.diagnostics}


def test_a_port_that_no_container_has_is_named(world: World) -> None:
    service: Any = world.stack.resources["service/web"]
    wrong = service.load_balancers[0]._replace(container_port=1)
    assert isinstance(wrong, EcsLoadBalancer)
    assert "C2F479" in codes(world.change("service/web", load_balancers=(wrong,)))


def test_what_the_user_has_must_exist(world: World) -> None:
    with pytest.raises(AwsError) as refused:
        verify_prerequisites(world.change("cluster", Existing("Cluster", "nowhere")).stack, world.context)
    assert {one.code for one in refused.value.diagnostics} == {"C2F414"}
