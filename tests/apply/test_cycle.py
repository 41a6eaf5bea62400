"""Apply, apply again, change, put right, destroy: the sample stack with every type of resource."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.apply.deployment import plan_display, planner
from compose2fargate.apply.handlers.handler import StackOwner
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.resources import ScalableTarget, ScalingPolicy
from tests.apply.world import CANARY, World


def test_the_first_plan_creates_everything(world: World) -> None:
    kinds = world.kinds()
    assert set(kinds.values()) == {planner.CREATE, planner.RUN}
    looked_up = {"account", "network"}
    assert set(kinds) == set(world.stack.resources) - looked_up


def test_the_second_plan_is_empty(applied: World, sandbox: Sandbox) -> None:
    assert applied.kinds() == {}
    assert plan_display.plan_summary(applied.plan()).startswith("nothing to do")
    changing = ("Create", "Put", "Register", "Update", "Modify", "Delete", "Tag", "Run", "Authorize", "Set")
    assert [call for call in sandbox.calls if call.operation.startswith(changing)] == []


def test_a_job_runs_once_and_before_what_waits_for_it(world: World) -> None:
    world.apply()
    ends = [node for node, state, _ in world.progress.told if state == "done"]
    assert ends.index("run-task/migrate") < ends.index("service/web")
    assert ends.index("service/db") < ends.index("service/web")
    family = world.account.client("ecs").list_tasks(
        cluster="shop", family="shop-migrate", desiredStatus="STOPPED"
    )
    assert len(family["taskArns"]) == 1
    world.apply()
    family = world.account.client("ecs").list_tasks(
        cluster="shop", family="shop-migrate", desiredStatus="STOPPED"
    )
    assert len(family["taskArns"]) == 1
    world.apply(rerun=("migrate",))
    family = world.account.client("ecs").list_tasks(
        cluster="shop", family="shop-migrate", desiredStatus="STOPPED"
    )
    assert len(family["taskArns"]) == 2


def test_everything_is_destroyed(world: World) -> None:
    before = world.everything()
    world.apply()
    result = world.destroy()
    assert result.exit_code == 0, result.diagnostics
    # Secrets wait a week for their deletion, and are no longer listed; revisions are inactive.
    assert world.everything() == before


def test_volumes_and_images_outlive_a_destroyed_stack(applied: World) -> None:
    assert applied.destroy(volumes=False, images=False).exit_code == 0
    left = applied.everything()
    assert (left["file systems"], left["repositories"], left["services"]) == (1, 1, 0)
    again = applied.apply()
    assert again.exit_code == 0, again.diagnostics
    assert applied.kinds() == {}


def test_two_environments_do_not_meet(applied: World) -> None:
    other = World(applied.account, applied.stack, StackOwner("shop", "staging", "shop"))
    planned = other.plan()
    assert {a.kind for a in planned.actions if a.type not in ("Account", "Network")} >= {planner.FOREIGN}
    assert "C2F420" in {d.code for d in planned.diagnostics}


# -- drift: one member changed outside, found and put right


def _tag(service: str, call: str, **given: Any) -> Any:
    return lambda world: getattr(world.account.client(service), call)(**given)


def _register_other(world: World) -> None:
    ecs = world.account.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition="shop-web")["taskDefinition"]
    members = (
        "family", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn", "containerDefinitions",
        "volumes", "runtimePlatform",
    )  # fmt: skip
    given = {member: definition[member] for member in members}
    given["containerDefinitions"][1]["image"] = "somebody/else:1"
    ecs.register_task_definition(**given)


DRIFTS: dict[str, tuple[str, Any]] = {
    "cluster's settings": (
        "cluster",
        lambda w: w.account.client("ecs").update_cluster(
            cluster="shop", settings=[{"name": "containerInsights", "value": "disabled"}]
        ),
    ),
    "cluster's capacity providers": (
        "cluster",
        lambda w: w.account.client("ecs").put_cluster_capacity_providers(
            cluster="shop", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
        ),
    ),
    "cluster's tags": (
        "cluster",
        lambda w: w.account.client("ecs").tag_resource(
            resourceArn=w.plan().found["cluster"].attributes["arn"], tags=[{"key": "stray", "value": "x"}]
        ),
    ),
    "namespace's tags": (
        "namespace",
        lambda w: w.account.client("servicediscovery").tag_resource(
            ResourceARN=w.plan().found["namespace"].attributes["arn"], Tags=[{"Key": "stray", "Value": "x"}]
        ),
    ),
    "name's time to live": (
        "discovery-service/db",
        lambda w: w.account.client("servicediscovery").update_service(
            Id=w.plan().found["discovery-service/db"].key,
            Service={"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 99}]}},
        ),
    ),
    "security group's tags": (
        "security-group/default",
        lambda w: w.account.client("ec2").create_tags(
            Resources=[w.plan().found["security-group/default"].key], Tags=[{"Key": "stray", "Value": "x"}]
        ),
    ),
    "a way out for a file system": (
        "security-group/file-system",
        lambda w: w.account.client("ec2").authorize_security_group_egress(
            GroupId=w.plan().found["security-group/file-system"].key,
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        ),
    ),
    "a rule that is gone": (
        "ingress-rule/web-8080",
        lambda w: w.account.client("ec2").revoke_security_group_ingress(
            GroupId=w.plan().found["ingress-rule/web-8080"].key[0],
            SecurityGroupRuleIds=[w.plan().found["ingress-rule/web-8080"].key[1]],
        ),
    ),
    "one of a rule's two families of addresses": (
        "ingress-rule/internet-80",
        lambda w: w.account.client("ec2").revoke_security_group_ingress(
            GroupId=w.plan().found["ingress-rule/internet-80"].key[0],
            SecurityGroupRuleIds=[w.plan().found["ingress-rule/internet-80"].key[2]],
        ),
    ),
    "load balancer's attributes": (
        "load-balancer",
        lambda w: w.account.client("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=w.plan().found["load-balancer"].key,
            Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "61"}],
        ),
    ),
    "load balancer's security groups": (
        "load-balancer",
        lambda w: w.account.client("elbv2").set_security_groups(
            LoadBalancerArn=w.plan().found["load-balancer"].key,
            SecurityGroups=[w.plan().found["security-group/default"].key],
        ),
    ),
    "target group's check": (
        "target-group/web-8080",
        lambda w: w.account.client("elbv2").modify_target_group(
            TargetGroupArn=w.plan().found["target-group/web-8080"].key, HealthCheckPath="/elsewhere"
        ),
    ),
    "target group's attributes": (
        "target-group/web-8080",
        lambda w: w.account.client("elbv2").modify_target_group_attributes(
            TargetGroupArn=w.plan().found["target-group/web-8080"].key,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "99"}],
        ),
    ),
    "listener's action": (
        "listener/443",
        lambda w: w.account.client("elbv2").modify_listener(
            ListenerArn=w.plan().found["listener/443"].key,
            DefaultActions=[
                {
                    "Type": "fixed-response",
                    "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"},
                }
            ],
        ),
    ),
    "a listener that is gone": (
        "listener/5432",
        lambda w: w.account.client("elbv2").delete_listener(ListenerArn=w.plan().found["listener/5432"].key),
    ),
    "rule's conditions": (
        "listener-rule/web",
        lambda w: w.account.client("elbv2").modify_rule(
            RuleArn=w.plan().found["listener-rule/web"].key,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/other"]}}],
        ),
    ),
    "log group's retention": (
        "log-group/web",
        lambda w: w.account.client("logs").put_retention_policy(
            logGroupName="/ecs/shop/web", retentionInDays=1
        ),
    ),
    "log group's tags": (
        "log-group/web",
        lambda w: w.account.client("logs").tag_resource(
            resourceArn=w.plan().found["log-group/web"].attributes["arn"], tags={"stray": "x"}
        ),
    ),
    "repository's mutability": (
        "repository/web",
        lambda w: w.account.client("ecr").put_image_tag_mutability(
            repositoryName="shop/web", imageTagMutability="IMMUTABLE"
        ),
    ),
    "repository's scanning": (
        "repository/web",
        lambda w: w.account.client("ecr").put_image_scanning_configuration(
            repositoryName="shop/web", imageScanningConfiguration={"scanOnPush": False}
        ),
    ),
    "repository's lifecycle": (
        "repository/web",
        lambda w: w.account.client("ecr").delete_lifecycle_policy(repositoryName="shop/web"),
    ),
    "parameter's tags": (
        "secret/token",
        lambda w: w.account.client("ssm").add_tags_to_resource(
            ResourceType="Parameter", ResourceId="/shop/token", Tags=[{"Key": "stray", "Value": "x"}]
        ),
    ),
    "secret's description": (
        "secret/password",
        lambda w: w.account.client("secretsmanager").update_secret(
            SecretId="shop/password", Description="other"
        ),
    ),
    "file system's throughput": (
        "file-system",
        lambda w: w.account.client("efs").update_file_system(
            FileSystemId=w.plan().found["file-system"].key, ThroughputMode="bursting"
        ),
    ),
    "file system's life cycle": (
        "file-system",
        lambda w: w.account.client("efs").put_lifecycle_configuration(
            FileSystemId=w.plan().found["file-system"].key, LifecyclePolicies=[]
        ),
    ),
    "file system's provisioned throughput": (
        "file-system",
        lambda w: w.account.client("efs").update_file_system(
            FileSystemId=w.plan().found["file-system"].key,
            ThroughputMode="provisioned",
            ProvisionedThroughputInMibps=16,
        ),
    ),
    "file system's backups": (
        "file-system",
        lambda w: w.account.client("efs").put_backup_policy(
            FileSystemId=w.plan().found["file-system"].key, BackupPolicy={"Status": "DISABLED"}
        ),
    ),
    "file system's policy": (
        "file-system",
        lambda w: w.account.client("efs").put_file_system_policy(
            FileSystemId=w.plan().found["file-system"].key,
            Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}',
        ),
    ),
    "a mount target that is gone": (
        "mount-targets",
        lambda w: w.account.client("efs").delete_mount_target(
            MountTargetId=next(iter(w.plan().found["mount-targets"].extra.values()))
        ),
    ),
    "mount targets' security groups": (
        "mount-targets",
        lambda w: w.account.client("efs").modify_mount_target_security_groups(
            MountTargetId=next(iter(w.plan().found["mount-targets"].extra.values())),
            SecurityGroups=[w.plan().found["security-group/default"].key],
        ),
    ),
    "access point's tags": (
        "access-point/data",
        lambda w: w.account.client("efs").tag_resource(
            ResourceId=w.plan().found["access-point/data"].key, Tags=[{"Key": "stray", "Value": "x"}]
        ),
    ),
    "role's policy": (
        "execution-role",
        lambda w: w.account.client("iam").put_role_policy(
            RoleName="shop-execution",
            PolicyName="execution",
            PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}',
        ),
    ),
    "a policy nobody wants": (
        "execution-role",
        lambda w: w.account.client("iam").put_role_policy(
            RoleName="shop-execution",
            PolicyName="stray",
            PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}',
        ),
    ),
    "role's managed policies": (
        "infrastructure-role",
        lambda w: w.account.client("iam").detach_role_policy(
            RoleName="shop-infrastructure",
            PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes",
        ),
    ),
    "role's trust": (
        "task-role/db",
        lambda w: w.account.client("iam").update_assume_role_policy(
            RoleName="shop-db",
            PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
        ),
    ),
    "role's description": (
        "task-role/db",
        lambda w: w.account.client("iam").update_role(RoleName="shop-db", Description="other"),
    ),
    "a revision from elsewhere": ("task-definition/web", _register_other),
    "service's count": (
        "service/db",
        lambda w: w.account.client("ecs").update_service(cluster="shop", service="db", desiredCount=3),
    ),
    "service's deployment": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop", service="web", deploymentConfiguration={"maximumPercent": 150}
        ),
    ),
    "service's grace period": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop", service="web", healthCheckGracePeriodSeconds=1
        ),
    ),
    "service's exec": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop", service="web", enableExecuteCommand=False
        ),
    ),
    "service's capacity": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop",
            service="web",
            capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        ),
    ),
    "service's network": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop",
            service="web",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": w.plan().found["network"].attributes["subnet_ids"][:1],
                    "securityGroups": [w.plan().found["security-group/default"].key],
                }
            },
        ),
    ),
    "service's connect": (
        "service/web",
        lambda w: w.account.client("ecs").update_service(
            cluster="shop", service="web", serviceConnectConfiguration={"enabled": False}
        ),
    ),
    "a service that is gone": (
        "service/db",
        lambda w: w.account.client("ecs").delete_service(cluster="shop", service="db", force=True),
    ),
    "schedule's time": ("schedule/migrate", lambda w: _reschedule(w, ScheduleExpression="rate(1 hour)")),
    "schedule's state": ("schedule/migrate", lambda w: _reschedule(w, State="DISABLED")),
    "scalable target's bounds": (
        "scalable-target/web",
        lambda w: w.account.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/shop/web",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=1,
            MaxCapacity=99,
        ),
    ),
    "a policy that is gone": (
        "scaling-policy/web-cpu",
        lambda w: w.account.client("application-autoscaling").delete_scaling_policy(
            PolicyName="shop-web-cpu",
            ServiceNamespace="ecs",
            ResourceId="service/shop/web",
            ScalableDimension="ecs:service:DesiredCount",
        ),
    ),
}


def _reschedule(world: World, **changed: Any) -> None:
    client = world.account.client("scheduler")
    there = client.get_schedule(Name="shop-migrate")
    members = (
        "Name",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "FlexibleTimeWindow",
        "Target",
        "Description",
    )
    client.update_schedule(**{**{member: there[member] for member in members}, **changed})


@pytest.fixture
def drifting(one_applied: World) -> World:
    """The applied stack, brought back to what it was if the test before has failed."""
    if one_applied.kinds():
        assert one_applied.apply(prune=True).exit_code == 0
    return one_applied


@pytest.fixture(scope="module")
def one_applied(one_sandbox: Sandbox, one_account: Any) -> World:
    """One applied stack for all of them: each puts right what it has changed."""
    one_sandbox.reset()
    world = World(one_account)
    assert world.apply().exit_code == 0
    return world


@pytest.fixture(scope="module")
def undrifted(one_applied: World) -> dict[str, Any]:
    """What the stack is before anything is changed, and after each has put its changes right."""
    return one_applied.picture()


def _rounds() -> list[list[str]]:
    """Put the drifts into rounds of at most one for each resource."""
    rounds: list[list[str]] = []
    for what, (node, _) in DRIFTS.items():
        free = next((one for one in rounds if node not in {DRIFTS[other][0] for other in one}), None)
        if free is None:
            rounds.append([what])
        else:
            free.append(what)
    return rounds


@pytest.mark.parametrize("number", range(len(_rounds())))
def test_all_that_was_changed_outside_is_put_right(
    drifting: World, undrifted: dict[str, Any], number: int
) -> None:
    drifts = [DRIFTS[what] for what in _rounds()[number]]
    for _, drift in drifts:
        drift(drifting)
    planned = drifting.plan()
    assert {node for node, _ in drifts} <= {a.logical_id for a in planned.actions if a.kind != planner.KEEP}
    result = drifting.apply(planned=planned)
    assert result.exit_code == 0, result.diagnostics
    assert drifting.kinds() == {}
    after = drifting.picture()
    after["account"]["revisions"] = undrifted["account"]["revisions"]  # a new one puts a definition right
    assert after == undrifted


@pytest.mark.slow
@pytest.mark.parametrize("what", DRIFTS)
def test_what_was_changed_outside_is_put_right(drifting: World, what: str) -> None:
    node, drift = DRIFTS[what]
    before = drifting.picture()
    drift(drifting)
    assert node in drifting.kinds()
    result = drifting.apply()
    assert result.exit_code == 0, result.diagnostics
    assert drifting.kinds() == {}
    after = drifting.picture()
    after["account"]["revisions"] = before["account"]["revisions"]  # a new one puts a definition right
    assert after == before


# -- every member of every type, changed in the stack


def _other(value: Any) -> Any:
    """Give another value of the same kind, or None where there is no telling."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and value:
        return f"{value}-2"
    return None


IN_PLACE: dict[str, tuple[str, dict[str, Any], str]] = {
    "tags of a cluster": ("cluster", {"tags": (Tag("owner", "me"),)}, planner.UPDATE),
    "settings of a cluster": ("cluster", {"settings": ()}, planner.KEEP),
    "description of a rule": ("ingress-rule/nfs", {"description": "other"}, planner.UPDATE),
    "port of a rule": ("ingress-rule/nfs", {"from_port": 2050, "to_port": 2050}, planner.CREATE),
    "type of a load balancer's addresses": ("load-balancer", {"scheme": "internal"}, planner.REPLACE),
    "attributes of a load balancer": (
        "load-balancer",
        {"attributes": {"idle_timeout.timeout_seconds": "99"}},
        planner.UPDATE,
    ),
    "port of a target group": ("target-group/web-8080", {"port": 9090}, planner.REPLACE),
    "check of a target group": (
        "target-group/web-8080",
        {"health_check_interval_seconds": 20},
        planner.UPDATE,
    ),
    "policy of a listener": ("listener/443", {"ssl_policy": "ELBSecurityPolicy-2016-08"}, planner.UPDATE),
    "priority of a rule": ("listener-rule/web", {"priority": 7}, planner.CREATE),
    "policies of a role": ("task-role/db", {"policies": ()}, planner.UPDATE),
    "retention": ("log-group/db", {"retention_in_days": 1}, planner.UPDATE),
    "images that are kept": ("repository/web", {"keep": 3}, planner.UPDATE),
    "throughput": (
        "file-system",
        {"throughput_mode": "bursting", "provisioned_throughput_in_mibps": None},
        planner.UPDATE,
    ),
    "encryption": ("file-system", {"encrypted": False}, planner.KEEP),
    "owner of an access point": ("access-point/data", {"posix_user": None}, planner.REPLACE),
    "size of a task": ("task-definition/db", {"memory": "2048"}, planner.UPDATE),
    "count of a service": ("service/db", {"desired_count": 2}, planner.UPDATE),
    "count of a scaled service": ("service/web", {"desired_count": 9}, planner.KEEP),
    "exec of a service": ("service/db", {"enable_execute_command": True}, planner.UPDATE),
    "registries of a service": ("service/db", {"service_registries": ()}, planner.UPDATE),
    "launch type of a service": (
        "service/web",
        {"launch_type": "FARGATE", "capacity_provider_strategy": ()},
        planner.UPDATE,
    ),
    "time of a schedule": ("schedule/migrate", {"schedule_expression": "rate(2 days)"}, planner.UPDATE),
    "bounds of a target": ("scalable-target/web", {"max_capacity": 20}, planner.UPDATE),
    "value of a policy": ("scaling-policy/web-cpu", {"target_value": 50.0}, planner.UPDATE),
    "time to live of a name": ("discovery-service/db", {"ttl": 30}, planner.UPDATE),
    "description of a parameter": ("secret/token", {"description": "other"}, planner.UPDATE),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", IN_PLACE)
def test_a_changed_member_leads_to_the_right_action(drifting: World, what: str) -> None:
    node, members, kind = IN_PLACE[what]
    changed = drifting.change(node, **members)
    assert changed.kinds().get(node, planner.KEEP) == kind
    result = changed.apply()
    assert result.exit_code == 0, result.diagnostics
    assert {n: k for n, k in changed.kinds().items() if k != planner.LEFT} == {}
    back = drifting.apply(prune=True)
    assert back.exit_code == 0, back.diagnostics
    assert drifting.kinds() == {}


def test_what_cannot_be_changed_is_told_and_left(drifting: World) -> None:
    planned = drifting.change("file-system", encrypted=False).plan()
    assert [d.code for d in planned.diagnostics] == ["C2F421"]
    assert not planned.pending


def test_a_grace_period_counts_behind_a_load_balancer_only(applied: World, sandbox: Sandbox) -> None:
    """AWS keeps none without one, so it is not sent, and the next plan does not ask for it again and again."""
    alone = applied.change("service/db", load_balancers=(), health_check_grace_period_seconds=90)
    assert alone.apply().exit_code == 0
    assert alone.kinds() == {}
    taken_off = applied.change("service/web", load_balancers=())
    assert taken_off.kinds()["service/web"] == planner.UPDATE
    assert taken_off.apply().exit_code == 0
    services = applied.account.client("ecs").describe_services(cluster="shop", services=["web"])["services"]
    assert (services[0]["loadBalancers"], services[0]["healthCheckGracePeriodSeconds"]) == ([], 0)
    assert taken_off.kinds() == {}
    assert applied.apply().exit_code == 0
    assert applied.kinds() == {}


# -- what is not in the file any more, and what is not ours


def test_prune_removes_what_left_the_file_and_nothing_else(applied: World) -> None:
    gone = (
        "scaling-policy/web-requests",
        "scaling-policy/web-cpu",
        "scalable-target/web",
        "service/web",
        "listener-rule/web",
    )
    smaller = applied.without(*gone)
    assert set(smaller.kinds().values()) == {planner.LEFT}
    assert smaller.apply().exit_code == 0
    assert applied.kinds() == {}
    assert smaller.apply(prune=True).exit_code == 0
    assert smaller.kinds() == {}
    assert set(applied.kinds()) == set(gone)


def test_prune_finds_log_groups_of_any_name_by_their_tags(applied: World) -> None:
    logs = applied.account.client("logs")
    logs.create_log_group(logGroupName="/elsewhere/of-others", tags={"compose2fargate:project": "other"})
    logs.create_log_group(logGroupName="/elsewhere/of-nobody")
    ours: Any = applied.stack.resources["log-group/web"]
    moved = applied.with_resources(
        {**applied.stack.resources, "log-group/extra": ours._replace(log_group_name="/elsewhere/extra")}
    )
    assert moved.apply().exit_code == 0
    assert moved.kinds() == {}
    assert applied.kinds() == {"log-group/elsewhere/extra": planner.LEFT}
    assert applied.apply(prune=True).exit_code == 0
    left = logs.describe_log_groups(logGroupNamePrefix="/elsewhere")["logGroups"]
    assert [group["logGroupName"] for group in left] == ["/elsewhere/of-nobody", "/elsewhere/of-others"]
    assert moved.apply().exit_code == 0
    assert moved.destroy().exit_code == 0
    assert len(logs.describe_log_groups()["logGroups"]) == 2


def test_what_the_tagging_api_lags_behind_with_is_not_there(applied: World, monkeypatch: Any) -> None:
    from compose2fargate.apply.handlers import tagged_handler

    gone = {
        "logs:log-group": "arn:aws:logs:us-east-1:1:log-group:/elsewhere/deleted-a-minute-ago",
        "ecr:repository": "arn:aws:ecr:us-east-1:1:repository/deleted/a-minute-ago",
    }
    monkeypatch.setattr(tagged_handler, "tagged_arns", lambda _, kind: [gone[kind]])
    assert applied.kinds() == {}


def test_somebody_elses_resources_are_left_alone(world: World) -> None:
    world.account.client("ecs").create_cluster(clusterName="shop")
    world.account.client("iam").create_role(
        RoleName="shop-execution",
        AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
    )
    planned = world.plan()
    foreign = {a.logical_id for a in planned.actions if a.kind == planner.FOREIGN}
    assert foreign == {"cluster", "execution-role"}
    assert {d.code for d in planned.diagnostics} == {"C2F420"}
    adopted = world.plan(adopt=True)
    assert {a.logical_id: a.kind for a in adopted.actions if a.logical_id in foreign} == dict.fromkeys(
        foreign, planner.UPDATE
    )
    assert world.apply(adopt=True).exit_code == 0
    assert world.kinds() == {}


def test_a_plan_hides_what_looks_like_a_secret(applied: World) -> None:
    from compose2fargate.aws.api_values import KeyValue

    definition: Any = applied.stack.resources["task-definition/web"]
    files, web = definition.container_definitions
    variables = (
        KeyValue("DB_PASSWORD", CANARY), KeyValue("URL", f"postgres://u:{CANARY}@db/x"), KeyValue("LEVEL", "debug"),
    )  # fmt: skip
    changed_web = web._replace(environment=variables, command=("serve", f"--password={CANARY}"))
    changed = applied.change("task-definition/web", container_definitions=(files, changed_web))
    planned = changed.plan()
    text = plan_display.plan_as_text(planned) + str(plan_display.plan_as_json(planned))
    assert CANARY not in text
    assert "environment[LEVEL]" in text
    assert "debug" in text
    assert changed.apply().exit_code == 0
    assert CANARY not in plan_display.plan_as_text(applied.plan())


def test_a_service_made_before_one_that_it_talks_to_is_deployed_again(world: World, sandbox: Sandbox) -> None:
    world.stack = world.stack._replace(again=("service/db",))
    assert world.apply().exit_code == 0
    calls = [call.operation for call in sandbox.calls if call.operation in ("CreateService", "UpdateService")]
    assert calls.count("UpdateService") == 1
    assert calls[-1] == "UpdateService"
    sandbox.calls.clear()
    assert world.apply().exit_code == 0
    assert "UpdateService" not in [call.operation for call in sandbox.calls]


def _without_service(world: World, name: str) -> World:
    stack = world.stack
    after = {
        n: tuple(e for e in entries if e.logical_id != name)
        for n, entries in stack.after.items()
        if n != name
    }
    resources = {node: resource for node, resource in stack.resources.items() if node != name}
    for node, target in stack.of_type(ScalableTarget):
        if target.service.logical_id == name:
            del resources[node]
    policies = [n for n, p in stack.of_type(ScalingPolicy) if p.scalable_target.logical_id not in resources]
    kept = {node: resource for node, resource in resources.items() if node not in policies}
    return World(world.account, stack._replace(resources=kept, after=after))


def test_a_service_that_is_added_later_redeploys_those_that_talk_to_it(
    world: World, sandbox: Sandbox
) -> None:
    before = _without_service(world, "service/db")
    assert before.apply().exit_code == 0
    assert before.kinds() == {}
    planned = world.plan()
    kinds = {a.logical_id: (a.kind, a.note) for a in planned.pending if a.logical_id.startswith("service/")}
    assert kinds == {
        "service/db": (planner.CREATE, ""),
        "service/web": (planner.UPDATE, "deployed again, to find db"),
    }
    sandbox.calls.clear()
    assert world.apply().exit_code == 0
    calls = [call.operation for call in sandbox.calls if call.operation in ("CreateService", "UpdateService")]
    assert calls == ["CreateService", "UpdateService"]
    assert world.kinds() == {}


def _pending_services(world: World) -> dict[str, tuple[str, str]]:
    planned = world.plan().pending
    return {a.logical_id: (a.kind, a.note) for a in planned if a.logical_id.startswith("service/")}


def test_a_run_that_ends_before_clients_are_deployed_again_is_made_good(
    world: World, sandbox: Sandbox
) -> None:
    assert _without_service(world, "service/db").apply().exit_code == 0
    sandbox.fault(service="ecs", operation="UpdateService", times=99, code="AccessDeniedException")
    assert world.apply().exit_code != 0
    sandbox.clear()
    assert _pending_services(world) == {"service/web": (planner.UPDATE, "deployed again, to find db")}
    assert world.apply().exit_code == 0
    updated = [call.operation for call in sandbox.calls if call.operation == "UpdateService"]
    assert len(updated) == 1
    assert world.kinds() == {}


def test_a_run_that_ends_before_a_circle_is_closed_is_made_good(world: World, sandbox: Sandbox) -> None:
    world.stack = world.stack._replace(again=("service/db",))
    sandbox.fault(service="ecs", operation="UpdateService", times=99, code="AccessDeniedException")
    assert world.apply().exit_code != 0
    sandbox.clear()
    assert _pending_services(world) == {"service/db": (planner.UPDATE, "deployed again, to find web")}
    assert world.apply().exit_code == 0
    assert world.kinds() == {}
    web = world.plan().found["service/web"]
    name = web.key[1]
    world.account.client("ecs").update_service(cluster="shop", service=name, forceNewDeployment=True)
    assert world.kinds() == {}  # a later deployment of the other one makes no name that was not there
