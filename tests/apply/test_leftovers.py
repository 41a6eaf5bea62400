"""What the real AWS leaves behind, lists in pages, or has under way already."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two.secret_store import CREATED, SecretName, push_secret_values
from compose2fargate.apply.deployment import planner
from compose2fargate.apply.deployment.read_state import read_state
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers.discovery_handlers import BY_ECS, NamespaceHandler
from compose2fargate.apply.handlers.efs_handlers import FileSystemHandler
from compose2fargate.apply.handlers.handler import FoundResource, HandlerContext, Json
from compose2fargate.apply.handlers.job_handlers import RunTaskHandler
from compose2fargate.apply.handlers.secret_handlers import ManagedSecretHandler
from compose2fargate.apply.sandbox.server import ACCOUNT, Sandbox, attach_session
from compose2fargate.aws.api_values import JoinedText, Ref
from compose2fargate.aws.resources import Condition, Trust
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Severity
from tests.apply.world import World
from tests.conftest import ROOT

# -- tasks


def start_tasks(world: World, family: str, count: int = 1) -> None:
    """Start tasks that run on and on, as a job does that hangs."""
    ecs = world.account.client("ecs")
    for begin in range(0, count, 10):
        ecs.run_task(
            cluster="shop",
            taskDefinition=family,
            count=min(10, count - begin),
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet(world)]}},
        )


def subnet(world: World) -> str:
    return str(world.account.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"])


def running(world: World) -> int:
    pages = world.account.pages("ecs", "list_tasks", "taskArns", cluster="shop", desiredStatus="RUNNING")
    return len(list(pages))


def test_tasks_of_jobs_are_stopped_before_their_cluster_is_deleted(applied: World, sandbox: Sandbox) -> None:
    sandbox.behave("shop-migrate", kind="run")
    start_tasks(applied, "shop-migrate", 120)
    assert running(applied) > 100  # more than one page, and more than one call describes
    result = applied.destroy()
    assert result.exit_code == 0, result.diagnostics
    assert sum(call.operation == "StopTask" for call in sandbox.calls) >= 120


def test_tasks_of_others_keep_the_cluster_and_are_named(applied: World, sandbox: Sandbox) -> None:
    applied.account.client("ecs").register_task_definition(
        family="shopping", containerDefinitions=[{"name": "a", "image": "a"}], cpu="256", memory="512",
        networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
    )  # fmt: skip
    sandbox.behave("shopping", kind="stuck")
    start_tasks(applied, "shopping")
    result = applied.destroy()
    assert result.exit_code == 3
    (told,) = result.diagnostics
    assert told.code == "C2F496"
    assert "waited 300 seconds for the cluster's services and tasks to end" in told.message
    assert "aws ecs list-tasks --cluster" in told.hint
    assert running(applied) == 1


@contextmanager
def requests(account: AwsAccount, operation: str) -> Iterator[list[Json]]:
    """Collect what is asked in calls of ECS."""
    seen: list[Json] = []

    def note(params: Json, **_: Any) -> None:
        seen.append(dict(params))

    events = account.client("ecs").meta.events
    events.register(f"provide-client-params.ecs.{operation}", note)
    try:
        yield seen
    finally:
        events.unregister(f"provide-client-params.ecs.{operation}", note)


def test_a_changed_job_is_no_repetition_of_the_one_before(applied: World) -> None:
    handler = RunTaskHandler()
    arn = applied.account.client("ecs").describe_task_definition(taskDefinition="shop-migrate")
    want: Json = {
        "cluster": "shop",
        "taskDefinition": arn["taskDefinition"]["taskDefinitionArn"],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet(applied)]}},
        "launchType": "FARGATE",
        "ran": True,
    }
    with requests(applied.account, "RunTask") as seen:
        for changes in ({}, {}, {"enableExecuteCommand": True}):
            for task in handler.start({**want, **changes}, applied.context, again=True):
                applied.account.client("ecs").stop_task(cluster="shop", task=task)
    first, same, other = (request["clientToken"] for request in seen)
    assert first == same != other


# -- Cloud Map


def name_in(world: World, namespace: str, name: str, **tags: str) -> None:
    world.account.client("servicediscovery").create_service(
        Name=name, NamespaceId=namespace, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )


def names(world: World) -> set[str]:
    return {one["Name"] for one in world.account.pages("servicediscovery", "list_services", "Services")}


def namespace(world: World) -> FoundResource:
    return next(iter(NamespaceHandler().owned(world.context)))


IN_USE: Json = {
    "operation": "DeleteNamespace",
    "code": "ResourceInUse",
    "text": "Namespace has associated services",
}


def test_names_that_service_connect_left_go_with_their_namespace(applied: World, sandbox: Sandbox) -> None:
    name_in(applied, namespace(applied).key, "left", **{BY_ECS: "true"})
    sandbox.fault(**IN_USE)
    result = applied.destroy()
    assert result.exit_code == 0, result.diagnostics
    assert names(applied) == set()


def test_names_of_others_stay_and_are_named(applied: World, sandbox: Sandbox) -> None:
    found = namespace(applied)
    name_in(applied, found.key, "left", **{BY_ECS: "true"})
    name_in(applied, found.key, "theirs")
    sandbox.fault(**IN_USE, times=99)
    with pytest.raises(AwsError) as refused:
        NamespaceHandler().delete(found, applied.context)
    (told,) = refused.value.diagnostics
    assert told.code == "C2F497"
    assert told.message.endswith("names of other owners: theirs")
    assert {"theirs"} <= names(applied)
    assert "left" not in names(applied)


def test_an_operation_under_way_is_awaited(world: World, sandbox: Sandbox) -> None:
    client, handler = world.account.client("servicediscovery"), NamespaceHandler()
    want: Json = {"name": "shop", "tags": world.context.owner.tags}
    under_way = handler.request(want, world.context)["OperationId"]
    sandbox.fault(
        operation="CreateHttpNamespace", code="DuplicateRequest", text="The operation is already in progress.",
        members={"DuplicateOperationId": under_way},
    )  # fmt: skip
    with noted(client, "GetOperation") as asked:
        assert handler.create(want, world.context).name == "shop"
    assert asked == [{"OperationId": under_way}]


@contextmanager
def noted(client: Any, operation: str) -> Iterator[list[Json]]:
    seen: list[Json] = []

    def note(params: Json, **_: Any) -> None:
        seen.append(dict(params))

    event = f"provide-client-params.servicediscovery.{operation}"
    client.meta.events.register(event, note)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, note)


# -- EFS


def backend() -> Any:
    from moto.efs.models import efs_backends

    return efs_backends[ACCOUNT]["eu-central-1"]


def file_systems() -> Json:
    systems: Json = backend().file_systems_by_id
    return systems


class Sleepy(AwsAccount):
    """An account that does something when it is asked to wait."""

    on_sleep: Callable[[], None] = staticmethod(lambda: None)

    def sleep(self, _seconds: float) -> None:
        self.on_sleep()


@pytest.fixture
def sleepy(sandbox: Sandbox, one_session: Any) -> Sleepy:
    return Sleepy(one_session, rates={}, pause=0)


def test_a_file_system_that_is_being_deleted_counts_as_gone(world: World, sleepy: Sleepy) -> None:
    handler, context = FileSystemHandler(), HandlerContext(sleepy, world.context.owner)
    want: Json = {
        "creationToken": "shop", "encrypted": True, "throughputMode": "bursting", "backup": False, "restricted": False,
        "tags": world.context.owner.tags,
    }  # fmt: skip
    old = handler.create(want, context)
    file_systems()[old.key].life_cycle_state = "deleting"
    assert handler.find(want, context) is None
    assert list(handler.owned(context)) == []
    sleepy.on_sleep = lambda: backend().delete_file_system(old.key)
    new = handler.create(want, context)
    assert new.key != old.key
    assert [one.key for one in handler.owned(context)] == [new.key]


def test_the_deletion_of_a_file_system_is_awaited(
    world: World, sleepy: Sleepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.efs.models import EFSBackend

    def later(_: Any, file_system_id: str) -> None:
        file_systems()[file_system_id].life_cycle_state = "deleting"

    monkeypatch.setattr(EFSBackend, "delete_file_system", later)
    handler, context = FileSystemHandler(), HandlerContext(sleepy, world.context.owner)
    want: Json = {
        "creationToken": "shop", "encrypted": True, "throughputMode": "bursting", "backup": False, "restricted": False,
        "tags": world.context.owner.tags,
    }  # fmt: skip
    found = handler.create(want, context)
    sleepy.on_sleep = file_systems().clear
    handler.delete(found, context)
    assert file_systems() == {}


# -- secrets


def deleted_secret(world: World, **tags: str) -> Json:
    client = world.account.client("secretsmanager")
    client.create_secret(
        Name="shop/token", SecretString="before", Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
    )
    client.delete_secret(SecretId="shop/token", RecoveryWindowInDays=7)
    return {"name": "shop/token", "tags": world.context.owner.tags}


def test_a_deleted_secret_of_ours_is_taken_back(world: World) -> None:
    want = deleted_secret(world, **world.context.owner.tags)
    ManagedSecretHandler().create(want, world.context)
    value = world.account.client("secretsmanager").get_secret_value(SecretId="shop/token")
    assert value["SecretString"] == "before"


def test_a_deleted_secret_of_others_is_left_alone(world: World) -> None:
    want = deleted_secret(world, team="billing")
    with pytest.raises(AwsError) as refused:
        ManagedSecretHandler().create(want, world.context)
    assert refused.value.diagnostics[0].code == "C2F498"
    there = world.account.client("secretsmanager").describe_secret(SecretId="shop/token")
    assert there["DeletedDate"]
    assert there["Tags"] == [{"Key": "team", "Value": "billing"}]


# -- pages

NAMED = {
    "describe_file_systems", "describe_load_balancers", "describe_repositories", "describe_security_groups",
    "describe_subnets", "describe_target_groups", "describe_vpcs", "describe_access_points", "describe_mount_targets",
    "describe_images", "describe_route_tables", "describe_vpc_endpoints", "describe_services", "describe_task_definition",
    "describe_tags", "get_log_events", "filter_log_events", "describe_log_streams",
}  # fmt: skip
"""Lists that are asked for what has a name or an id, or for a part on purpose."""
A_HUNDRED_DO = {("ecs_reads.py", "list_tasks"), ("rollout.py", "list_tasks")}
"""Lists of which the first page is enough: tasks that are shown to people."""


def test_lists_are_read_to_their_end(one_account: AwsAccount) -> None:
    """A list that AWS gives in pages is read with `Account.pages`."""
    clients = [
        one_account.client(name)
        for name in ("application-autoscaling", "ec2", "ecr", "ecs", "efs", "elbv2", "iam", "logs", "scheduler",
                     "secretsmanager", "servicediscovery", "ssm")
    ]  # fmt: skip
    for file in (ROOT / "compose2fargate" / "apply").rglob("*.py"):
        if "sandbox" in file.parts:
            continue
        for word in (
            set(re.findall(r"\.((?:describe|list|get)_\w+)\(", file.read_text("utf-8")))
            - NAMED
            - {"get_paginator"}
        ):
            paged = [
                c.meta.service_model.service_name
                for c in clients
                if hasattr(c, word) and c.can_paginate(word)
            ]
            assert not paged or (file.name, word) in A_HUNDRED_DO, (
                f"{file.name}: {word} of {paged} comes in pages"
            )


# -- roles


def test_a_role_in_an_instance_profile_stays_and_is_told(applied: World) -> None:
    iam = applied.account.client("iam")
    name = next(one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("shop"))
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=name)
    result = applied.destroy()
    assert result.exit_code == 1
    (told,) = result.diagnostics
    assert told.code == "C2F499"
    assert f"--role-name {name} --instance-profile-name NAME" in told.hint


def test_a_role_with_many_policies_is_deleted(applied: World) -> None:
    iam = applied.account.client("iam")
    name = next(one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("shop"))
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for number in range(110):
        iam.put_role_policy(RoleName=name, PolicyName=f"by-hand-{number}", PolicyDocument=document)
    assert applied.destroy().exit_code == 0
    assert name not in {one["RoleName"] for one in applied.account.pages("iam", "list_roles", "Roles")}


def test_a_mount_target_that_fails_is_told(world: World, sleepy: Sleepy) -> None:
    handler = FileSystemHandler()
    with pytest.raises(AwsError) as refused:
        handler.available(lambda: {"LifeCycleState": "error"}, HandlerContext(sleepy, world.context.owner))
    (told,) = refused.value.diagnostics
    assert (told.code, told.message) == (
        "C2F493",
        "EFS: mount target that was asked for is error, not available; it may still complete",
    )


# -- pushing the value of a secret that waits for its deletion


def test_a_pushed_value_reaches_a_secret_that_is_taken_back(applied: World) -> None:
    client = applied.account.client("secretsmanager")
    client.delete_secret(SecretId="shop/password", RecoveryWindowInDays=7)
    context = applied.context._replace(secret_value=lambda _: "after")
    named = SecretName("shop/password", "secretsmanager", "secret/password")
    (pushed,) = push_secret_values(Deployment(applied.stack, context), [named])
    assert pushed.status == CREATED
    assert client.get_secret_value(SecretId="shop/password")["SecretString"] == "after"


# -- the order of a plan


def test_a_destruction_is_planned_alike_in_whatever_order_aws_lists(applied: World) -> None:
    """AWS lists in the order of creation, which is another in each concurrent deployment."""
    nothing = Stack(applied.stack.name, {}, {}, {})
    observed = read_state(nothing, applied.context)
    backwards = observed._replace(owned={kind: found[::-1] for kind, found in observed.owned.items()})
    choices = planner.PlanOptions(volumes=True, images=True, stores=True)
    forwards_plan, backwards_plan = (
        planner.plan_destruction(state, applied.context, choices) for state in (observed, backwards)
    )
    assert backwards_plan.actions == forwards_plan.actions
    assert len({action.type for action in forwards_plan.actions}) < len(forwards_plan.actions)


# -- other environments


def test_what_another_environment_has_is_not_ours(applied: World) -> None:
    """A stack without an environment owns nothing of `shop-prod`, whose names begin with its own."""
    tags = {"compose2fargate:project": "shop", "compose2fargate:environment": "prod"}
    account = applied.account
    ec2, ecs, scheduler = (account.client(name) for name in ("ec2", "ecs", "scheduler"))
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(
        GroupName="shop-prod-default", Description="theirs", VpcId=vpc,
        TagSpecifications=[
            {"ResourceType": "security-group", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
        ],
    )["GroupId"]  # fmt: skip
    definition = ecs.register_task_definition(
        family="shop-prod-job", containerDefinitions=[{"name": "job", "image": "x", "memory": 512}],
        tags=[{"key": k, "value": v} for k, v in tags.items()],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    scheduler.create_schedule(
        Name="shop-prod-job", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/shop-prod", "RoleArn": "arn:aws:iam::123456789012:role/r",
                "EcsParameters": {"TaskDefinitionArn": definition}},
    )  # fmt: skip
    assert applied.kinds(prune=True) == {}
    assert applied.destroy().exit_code == 0
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert [one["Name"] for one in scheduler.list_schedules()["Schedules"]] == ["shop-prod-job"]


# -- other regions


def in_region(account: AwsAccount, sandbox: Sandbox, region: str) -> World:
    """The sample stack as the mapping trusts its roles: for the ECS of one region; the one for EBS volumes names none."""
    import boto3

    session = boto3.Session("test", "test", region_name=region)
    attach_session(sandbox, session)
    there = World(AwsAccount(session, rates={}, pause=0.01, attempts=4))
    source = JoinedText(("arn:aws:ecs:", Ref("account", "region"), ":", Ref("account", "id"), ":*"))
    trust = Trust("ecs-tasks.amazonaws.com", (Condition("ArnLike", "aws:SourceArn", (source,)),))
    return there.change("execution-role", trust=trust)


def test_a_stack_in_a_second_region_leaves_the_roles_of_the_first_alone(
    account: AwsAccount, sandbox: Sandbox
) -> None:
    first, second = (in_region(account, sandbox, region) for region in ("us-east-1", "eu-central-1"))
    assert first.apply().exit_code == 0
    iam = first.account.client("iam")
    roles = {one["RoleName"]: one for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("shop")}
    for adopt in (False, True):
        planned = second.plan(adopt=adopt)
        assert {a.logical_id for a in planned.actions if a.kind == planner.FOREIGN} >= {"execution-role"}
        (told,) = [d for d in planned.diagnostics if d.severity is Severity.ERROR]
        assert (told.code, told.path) == ("C2F422", ("name",))
        assert told.message.startswith("the stack shop runs in us-east-1 already")
        assert "--environment NAME or -p NAME" in told.hint
    assert second.destroy().exit_code == 0
    left = {one["RoleName"]: one for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("shop")}
    assert left == roles
    assert first.kinds(prune=True) == {}
    assert first.destroy().exit_code == 0
    assert not [one for one in iam.list_roles()["Roles"] if one["RoleName"] in roles]
