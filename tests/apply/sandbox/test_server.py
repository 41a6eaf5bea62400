from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from compose2fargate.apply.sandbox.server import Sandbox
from tests.sandbox_server import Server

ROLE = "arn:aws:iam::123456789012:role/execution"
FARGATE: dict[str, Any] = {
    "family": "web",
    "cpu": "256",
    "memory": "512",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "executionRoleArn": ROLE,
}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def container(**members: Any) -> dict[str, Any]:
    options = {"awslogs-group": "/logs", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "web"}
    return {
        "name": "web",
        "image": "nginx",
        "portMappings": [{"containerPort": 80, "name": "web"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        **members,
    }


class Account:
    """A cluster with what a service needs, in the fake AWS."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.ecs, self.ec2, self.logs = (session.client(name) for name in ("ecs", "ec2", "logs"))
        self.ecs.create_cluster(clusterName="shop")
        self.logs.create_log_group(logGroupName="/logs")
        subnets = [subnet["SubnetId"] for subnet in self.ec2.describe_subnets()["Subnets"][:2]]
        self.network = {"awsvpcConfiguration": {"subnets": subnets}}

    def register(self, **members: Any) -> str:
        given = {**FARGATE, "containerDefinitions": [container(**members)]}
        arn: str = self.ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
        return arn

    def service(self, **members: Any) -> dict[str, Any]:
        given = {
            "cluster": "shop", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2,
            "launchType": "FARGATE", "networkConfiguration": self.network, "deploymentConfiguration": BREAKER,
        }  # fmt: skip
        created: dict[str, Any] = self.ecs.create_service(**{**given, **members})["service"]
        return created

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster="shop", services=["web"])["services"][0]
        return found

    def job(self, **members: Any) -> dict[str, Any]:
        given = {
            "cluster": "shop",
            "taskDefinition": "web",
            "launchType": "FARGATE",
            "networkConfiguration": self.network,
        }
        arn = self.ecs.run_task(**{**given, **members})["tasks"][0]["taskArn"]
        self.ecs.get_waiter("tasks_stopped").wait(cluster="shop", tasks=[arn])
        task: dict[str, Any] = self.ecs.describe_tasks(cluster="shop", tasks=[arn])["tasks"][0]
        return task

    def messages(self) -> list[str]:
        streams = self.logs.describe_log_streams(logGroupName="/logs")["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in self.logs.get_log_events(
                logGroupName="/logs", logStreamName=stream["logStreamName"]
            )["events"]
        ]


@pytest.fixture
def account(session: Any) -> Account:
    return Account(session)


def code_of(error: pytest.ExceptionInfo[Any]) -> str:
    code: str = error.value.response["Error"]["Code"]
    return code


def test_a_service_gets_steady_and_has_tasks(account: Account) -> None:
    account.register()
    account.service()
    account.ecs.get_waiter("services_stable").wait(cluster="shop", services=["web"])
    assert len(account.ecs.list_tasks(cluster="shop", serviceName="web")["taskArns"]) == 2
    assert account.ecs.list_tasks(cluster="shop", serviceName="other")["taskArns"] == []


def test_a_service_keeps_every_member_it_was_created_with(account: Account) -> None:
    account.register()
    given = {
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "availabilityZoneRebalancing": "DISABLED",
        "launchType": None,
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}],
    }
    del given["launchType"]
    account.ecs.put_cluster_capacity_providers(
        cluster="shop", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    members = {"cluster": "shop", "serviceName": "web", "taskDefinition": "web", "desiredCount": 1}
    account.ecs.create_service(**members, **given, networkConfiguration=account.network)
    seen = account.seen()
    assert {key: seen[key] for key in given} == given
    assert "launchType" not in seen


def test_a_rollout_that_fails_is_rolled_back_by_the_circuit_breaker(
    account: Account, sandbox: Sandbox
) -> None:
    first = account.register()
    account.service()
    sandbox.behave("web", kind="exit", exit_code=3, log=("cannot bind",), revision=2)
    account.ecs.update_service(
        cluster="shop", service="web", taskDefinition=account.register(image="nginx:2")
    )
    seen = account.seen()
    primary = seen["deployments"][0]
    assert seen["taskDefinition"] == primary["taskDefinition"] == first
    assert "rolling back" in primary["rolloutStateReason"]
    stopped = account.ecs.list_tasks(cluster="shop", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    tasks = account.ecs.describe_tasks(cluster="shop", tasks=stopped)["tasks"]
    assert {task["containers"][0].get("exitCode") for task in tasks} == {3}
    assert "cannot bind" in account.messages()


def test_a_first_rollout_that_fails_stays_failed(account: Account, sandbox: Sandbox) -> None:
    account.register()
    sandbox.behave("web", kind="pull")
    account.service()
    primary = account.seen()["deployments"][0]
    assert (primary["rolloutState"], primary["runningCount"]) == ("FAILED", 0)


def test_a_rollout_can_take_its_time(account: Account, sandbox: Sandbox) -> None:
    account.register()
    sandbox.behave("web", settle=2)
    account.service()
    states = [account.seen()["deployments"][0]["rolloutState"] for _ in range(3)]
    assert states == ["IN_PROGRESS", "COMPLETED", "COMPLETED"]


def test_a_job_ends_with_the_code_that_its_command_says(account: Account) -> None:
    account.register(command=["sh", "-c", "echo no; exit 4"])
    assert account.job()["containers"][0]["exitCode"] == 4
    account.register(command=["migrate"])
    assert account.job()["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize(
    "script", ["./serve || exit 4", "exec ./serve; exit 4", "while true; do ./serve && break; done; exit 4"]
)
def test_a_line_that_may_not_get_to_its_exit_keeps_running(account: Account, script: str) -> None:
    account.register(command=["sh", "-c", script])
    assert account.job()["containers"][0]["exitCode"] == 0


def test_an_answer_without_tags_takes_them_from_no_other(account: Account) -> None:
    """moto writes into the class of all answers what one of them leaves out; so does a server of moto's beside ours."""
    from moto.ecs.responses import EC2ContainerServiceResponse as Responses

    tag = {"key": "team", "value": "shop"}
    account.ecs.tag_resource(
        resourceArn=account.ecs.describe_clusters(clusters=["shop"])["clusters"][0]["clusterArn"], tags=[tag]
    )
    for include, shown in ((["TAGS"], [tag]), ([], []), (["TAGS"], [tag])):
        found = account.ecs.describe_clusters(clusters=["shop"], include=include)["clusters"][0]
        assert found.get("tags", []) == shown
    assert not any(path.endswith(".tags") for path in Responses.RESPONSE_KEY_PATH_TO_TRANSFORMER)


def test_the_token_of_a_client_makes_one_task_of_two_calls(account: Account) -> None:
    account.register()
    assert account.job(clientToken="once")["taskArn"] == account.job(clientToken="once")["taskArn"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no network": ({"networkConfiguration": None}, "Network Configuration"),
    "unknown container": (
        {"loadBalancers": [{"targetGroupArn": "x", "containerName": "nobody", "containerPort": 80}]},
        "does not exist in the task definition",
    ),
    "unknown port": (
        {"loadBalancers": [{"targetGroupArn": "x", "containerName": "web", "containerPort": 81}]},
        "did not have a container port 81",
    ),
    "unknown target group": (
        {"loadBalancers": [{"targetGroupArn": "x", "containerName": "web", "containerPort": 80}]},
        "target groups not found",
    ),
    "unknown port name": (
        {"serviceConnectConfiguration": {"enabled": True, "services": [{"portName": "nothing"}]}},
        "portName 'nothing'",
    ),
    "two ways to launch": ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_aws_refuses_is_refused(account: Account, case: str) -> None:
    from botocore.exceptions import ClientError

    members, message = REFUSED[case]
    account.register()
    if members.get("networkConfiguration", 1) is None:
        account.network, members = {}, {}
    with pytest.raises(ClientError, match=message):
        account.service(**members)


def test_names_of_services_are_taken_once(account: Account) -> None:
    from botocore.exceptions import ClientError

    account.register()
    account.service()
    with pytest.raises(ClientError, match="not idempotent"):
        account.service()


def test_a_name_of_cloud_map_is_taken_once_in_each_namespace(account: Account) -> None:
    from botocore.exceptions import ClientError

    discovery = account.session.client("servicediscovery")
    for name in ("shop-staging", "shop-production"):
        discovery.create_http_namespace(Name=name)
    first, second = (one["Id"] for one in discovery.list_namespaces()["Namespaces"])
    records = [{"Type": "A", "TTL": 10}]
    discovery.create_service(Name="db", NamespaceId=first)
    discovery.create_service(Name="db", DnsConfig={"NamespaceId": second, "DnsRecords": records})
    with pytest.raises(ClientError, match="ServiceAlreadyExists"):
        discovery.create_service(Name="db", DnsConfig={"NamespaceId": first, "DnsRecords": records})


def test_things_in_use_are_not_deleted(account: Account) -> None:
    from botocore.exceptions import ClientError

    account.register()
    group = account.ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    account.network["awsvpcConfiguration"]["securityGroups"] = [group]
    account.service()
    with pytest.raises(ClientError) as refused:
        account.ecs.delete_cluster(cluster="shop")
    assert code_of(refused) == "ClusterContainsServicesException"
    with pytest.raises(ClientError) as refused:
        account.ec2.delete_security_group(GroupId=group)
    assert code_of(refused) == "DependencyViolation"
    account.ecs.delete_service(cluster="shop", service="web", force=True)
    account.ec2.delete_security_group(GroupId=group)
    account.ecs.delete_cluster(cluster="shop")


def test_faults_hit_the_calls_they_name(account: Account, sandbox: Sandbox) -> None:
    from botocore.exceptions import ClientError

    sandbox.clear()
    sandbox.fault(service="ecs", operation="ListClusters", skip=1, times=1, code="AccessDeniedException")
    account.ecs.list_clusters()
    with pytest.raises(ClientError) as refused:
        account.ecs.list_clusters()
    assert code_of(refused) == "AccessDeniedException"
    account.ecs.list_clusters()
    assert [call.faulted for call in sandbox.calls] == [False, True, False]


def test_a_lost_answer_leaves_what_was_done(account: Account, sandbox: Sandbox) -> None:
    sandbox.fault(service="ecs", operation="CreateCluster", reset=True, after=True)
    account.ecs.create_cluster(clusterName="second")
    assert [call.operation for call in sandbox.calls].count(
        "CreateCluster"
    ) == 4  # the fixture's, done, lost, again
    assert len(account.ecs.list_clusters()["clusterArns"]) == 2


def test_calls_by_path_have_names(account: Account, sandbox: Sandbox) -> None:
    account.session.client("efs").describe_file_systems()
    account.session.client("scheduler").list_schedules()
    assert [call.operation for call in sandbox.calls[-2:]] == ["DescribeFileSystems", "ListSchedules"]


# -- as a server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def test_the_aws_cli_can_call_the_server(server: Server) -> None:
    environment = {
        **os.environ, **server.env, "AWS_DEFAULT_REGION": "eu-central-1",
    }  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "awscli",
        "ecs",
        "create-cluster",
        "--cluster-name",
        "shop",
        "--query",
        "cluster.status",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == '"ACTIVE"', done.stderr


def test_the_server_can_be_told_to_fail(server: Server) -> None:
    server.post("reset")
    ecs = server.session("eu-central-1").client("ecs", endpoint_url=server.url)
    server.post("faults", service="ecs", reset=True)
    assert ecs.list_clusters()["clusterArns"] == []
    ecs.close()
    assert [(call.operation, call.faulted) for call in server.calls()] == [
        ("ListClusters", True),
        ("ListClusters", False),
    ]


_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1"
_MANIFEST = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"sha256:0"},"layers":[]}'


def test_a_task_does_not_start_without_its_image_where_that_is_demanded(
    account: Account, sandbox: Sandbox
) -> None:
    ecr = account.session.client("ecr")
    account.register(image=_IMAGE)
    sandbox.demand_inputs()
    assert "CannotPullContainerError" in account.job()["stoppedReason"]
    ecr.create_repository(repositoryName="shop/web")
    ecr.put_image(repositoryName="shop/web", imageManifest=_MANIFEST, imageTag="1")
    assert account.job()["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_a_task_does_not_start_before_its_secrets_have_values(
    store: str, account: Account, sandbox: Sandbox
) -> None:
    """A placeholder is no value: a database would be set up with it for good."""
    ssm, manager = account.session.client("ssm"), account.session.client("secretsmanager")
    name = "/shop/password"
    if store == "ssm":
        reference = name

        def write(value: str) -> Any:
            return ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    else:
        reference = manager.create_secret(Name=name)["ARN"]

        def write(value: str) -> Any:
            return manager.put_secret_value(SecretId=name, SecretString=value)

    account.register(secrets=[{"name": "PASSWORD", "valueFrom": reference}])
    sandbox.demand_inputs()
    assert "ResourceInitializationError" in account.job()["stoppedReason"]
    write("REPLACE_ME")
    assert "ResourceInitializationError" in account.job()["stoppedReason"]
    write("s3cret")
    assert account.job()["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("cron(0 3 1/2 * ? *)", True),
        ("cron(0 3 0/2 * ? *)", False),
        ("cron(0 3 1 0/3 ? *)", False),
        ("cron(0 3 * * * *)", False),
        ("rate(5 minutes)", True),
    ],
)
def test_a_schedule_has_values_that_its_fields_have(expression: str, taken: bool, account: Account) -> None:
    client = account.session.client("scheduler")
    given = {
        "Name": "s", "ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/shop", "RoleArn": ROLE},
    }  # fmt: skip
    if taken:
        client.create_schedule(**given)
        return
    with pytest.raises(client.exceptions.ValidationException):
        client.create_schedule(**given)


def test_a_deployment_that_may_neither_start_nor_stop_a_task_waits(account: Account) -> None:
    account.register()
    account.service(
        desiredCount=1, deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 100}
    )
    update = {"cluster": "shop", "service": "web"}
    account.ecs.update_service(**update, taskDefinition=account.register(image="nginx:2"))
    assert [account.seen()["deployments"][0]["rolloutState"] for _ in range(3)] == ["IN_PROGRESS"] * 3
    account.ecs.update_service(
        **update, deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100}
    )
    assert account.seen()["deployments"][0]["rolloutState"] == "COMPLETED"


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["999999999999"]}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-central-1:123456789012:*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:123456789012:*"}}, False),
    ],
)
def test_tasks_start_only_with_roles_that_trust_them(
    conditions: dict[str, Any], taken: bool, account: Account
) -> None:
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": conditions,
    }  # fmt: skip
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    account.session.client("iam").create_role(RoleName="execution", AssumeRolePolicyDocument=trust)
    account.register()
    if taken:
        account.service()
        return
    with pytest.raises(account.ecs.exceptions.ClientException, match="unable to assume the role"):
        account.service()


def test_a_schedule_s_role_trusts_the_scheduler_for_its_group(account: Account) -> None:
    client, iam = account.session.client("scheduler"), account.session.client("iam")

    def trust(group: str) -> str:
        allowed = {
            "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceArn": f"arn:aws:scheduler:eu-central-1:123456789012:schedule-group/{group}"}},
        }  # fmt: skip
        return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})

    iam.create_role(RoleName="execution", AssumeRolePolicyDocument=trust("other"))
    given = {
        "Name": "s", "ScheduleExpression": "rate(5 minutes)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/shop", "RoleArn": ROLE},
    }  # fmt: skip
    with pytest.raises(client.exceptions.ValidationException, match="must allow AWS EventBridge Scheduler"):
        client.create_schedule(**given)
    iam.update_assume_role_policy(RoleName="execution", PolicyDocument=trust("default"))
    client.create_schedule(**given)


@pytest.mark.parametrize(
    "modes",
    [
        {"PerformanceMode": "maxIO", "ThroughputMode": "elastic"},
        {"ThroughputMode": "provisioned"},
        {"ThroughputMode": "bursting", "ProvisionedThroughputInMibps": 8},
    ],
)
def test_a_file_system_has_modes_that_go_together(modes: dict[str, Any], account: Account) -> None:
    efs = account.session.client("efs")
    with pytest.raises(efs.exceptions.BadRequest):
        efs.create_file_system(CreationToken="t", **modes)


def test_spot_capacity_is_that_of_the_cluster(account: Account) -> None:
    account.register()
    spot = {
        "cluster": "shop", "taskDefinition": "web", "networkConfiguration": account.network,
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    }  # fmt: skip
    for make in (
        account.ecs.run_task,
        partial(account.ecs.create_service, serviceName="web", desiredCount=1),
    ):
        with pytest.raises(
            account.ecs.exceptions.InvalidParameterException, match="not associated with the cluster"
        ):
            make(**spot)
    account.ecs.put_cluster_capacity_providers(
        cluster="shop", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    account.ecs.run_task(**spot)


def test_a_task_does_not_start_before_its_volumes_can_be_mounted(account: Account, sandbox: Sandbox) -> None:
    efs = account.session.client("efs")
    system = efs.create_file_system(CreationToken="t")["FileSystemId"]
    volume = {"name": "data", "efsVolumeConfiguration": {"fileSystemId": system}}
    given = {**FARGATE, "containerDefinitions": [container()], "volumes": [volume]}
    account.ecs.register_task_definition(**given)
    sandbox.demand_inputs()
    assert "failed to invoke EFS utils" in account.job()["stoppedReason"]
    subnet = account.network["awsvpcConfiguration"]["subnets"][0]
    made = efs.create_mount_target(FileSystemId=system, SubnetId=subnet)
    assert made["LifeCycleState"] == "creating"
    assert "failed to invoke EFS utils" in account.job()["stoppedReason"]
    for _ in range(100):
        if (
            efs.describe_mount_targets(FileSystemId=system)["MountTargets"][0]["LifeCycleState"]
            == "available"
        ):
            break
        time.sleep(0.1)
    assert account.job()["containers"][0]["exitCode"] == 0
