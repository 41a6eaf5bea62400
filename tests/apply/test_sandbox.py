from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from compose2fargate.apply.sandbox.wire import Sandbox

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
def server() -> Iterator[str]:
    command = [sys.executable, "-m", "compose2fargate.apply.sandbox", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def post(address: str, **body: Any) -> Any:
    with urlopen(Request(address, json.dumps(body).encode()), timeout=20) as answer:  # noqa: S310 - our own server
        return json.load(answer)


def test_the_aws_cli_can_call_the_server(server: str) -> None:
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
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


def test_the_server_can_be_told_to_fail(server: str) -> None:
    import boto3

    post(f"{server}/_sandbox/reset")
    ecs = boto3.client(
        "ecs",
        endpoint_url=server,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    post(f"{server}/_sandbox/faults", service="ecs", reset=True)
    assert ecs.list_clusters()["clusterArns"] == []
    ecs.close()
    with urlopen(f"{server}/_sandbox/calls", timeout=20) as answer:  # noqa: S310 - our own server
        assert [(call["operation"], call["faulted"]) for call in json.load(answer)] == [
            ("ListClusters", True),
            ("ListClusters", False),
        ]
