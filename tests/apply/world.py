"""The sample stack in the fake AWS: applied, changed, looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.deployment import execution, executor, planner
from compose2fargate.apply.deployment.read_state import read_state
from compose2fargate.apply.handlers.handler import FoundResource, HandlerContext, StackOwner
from compose2fargate.aws.resources import Certificate, Resource
from compose2fargate.aws.stack import Stack
from compose2fargate.sample_stack import sample_stack

CANARY = "canary-value-of-a-secret"


class Recorder(execution.ProgressListener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        self.told.append((logical_id, state, text))


class World:
    """A stack and an account."""

    def __init__(
        self, account: AwsAccount, stack: Stack | None = None, owner: StackOwner | None = None
    ) -> None:
        self.account = account
        if stack is None:
            certificate = account.client("acm").request_certificate(DomainName="example.com")[
                "CertificateArn"
            ]
            stack = with_certificate(sample_stack(), certificate)
        self.stack = stack
        self.context = HandlerContext(
            account,
            owner or StackOwner("shop", "", "shop"),
            secret_value=lambda _: CANARY,
            stores=self.stack.has_stores,
        )
        self.progress = Recorder()

    def plan(self, **choices: Any) -> planner.Plan:
        return planner.make_plan(
            self.stack, read_state(self.stack, self.context), self.context, planner.PlanOptions(**choices)
        )

    def apply(
        self, *, planned: planner.Plan | None = None, wait: bool = True, timeout: float = 30, **choices: Any
    ) -> execution.ExecutionResult:
        self.progress = Recorder()
        planned = planned or self.plan(**choices)
        options = execution.ExecutionOptions(adopt=choices.get("adopt", False), wait=wait, timeout=timeout)
        return executor.execute_plan(self.stack, planned, self.context, options, self.progress)

    def destroy(self, **choices: Any) -> execution.ExecutionResult:
        nothing = Stack(self.stack.name, {}, {}, {})
        chosen = planner.PlanOptions(**{"volumes": True, "images": True, "stores": True, **choices})
        planned = planner.plan_destruction(read_state(nothing, self.context), self.context, chosen)
        return executor.execute_plan(nothing, planned, self.context)

    def change(self, logical_id: str, resource: Resource | None = None, **members: Any) -> World:
        """Give a world with another resource, or with other members of it."""
        changed = resource or self.stack.resources[logical_id]._replace(**members)
        return self.with_resources({**self.stack.resources, logical_id: changed})

    def without(self, *logical_ids: str) -> World:
        return self.with_resources({k: r for k, r in self.stack.resources.items() if k not in logical_ids})

    def with_resources(self, resources: Mapping[str, Resource]) -> World:
        return World(self.account, self.stack._replace(resources=resources), self.context.owner)

    def kinds(self, **choices: Any) -> dict[str, str]:
        """Give what a plan does, by logical id; what stays is left out."""
        return {a.logical_id: a.kind for a in self.plan(**choices).actions if a.kind != planner.KEEP}

    def picture(self) -> dict[str, Any]:
        """Describe everything there is, with names in place of ids: equal worlds have equal pictures."""
        found = read_state(self.stack, self.context).found
        return {"stack": _with_names(found), "account": self.everything()}

    def everything(self) -> dict[str, int]:
        """Count what there is in the account, tagged or not."""
        return {name: count(self.account) for name, count in COUNTS.items()}


def with_certificate(stack: Stack, arn: str) -> Stack:
    listener: Any = stack.resources["listener/443"]
    changed = listener._replace(certificates=(Certificate(arn),))
    return stack._replace(resources={**stack.resources, "listener/443": changed})


def _with_names(found: Mapping[str, FoundResource]) -> dict[str, Any]:
    given = [
        (value, f"<{node}.{name}>")
        for node, one in found.items()
        for name, attribute in one.attributes.items()
        for value in (attribute if isinstance(attribute, list) else [attribute])
    ]
    values = {value: name for value, name in given if isinstance(value, str) and len(value) > 8}
    pictures = {}
    for node, one in found.items():
        text = json.dumps(one.state, sort_keys=True, default=str)
        for value in sorted(values, key=len, reverse=True):
            text = text.replace(value, values[value])
        text = re.sub(r"certificate/[0-9a-f-]+", "certificate", text)
        pictures[node] = json.loads(text)
    return pictures


def _count(service: str, operation: str, key: str, **arguments: Any) -> Any:
    return lambda account: len(list(account.pages(service, operation, key, **arguments)))


def _listeners(account: AwsAccount) -> int:
    balancers = account.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return sum(
        len(account.client("elbv2").describe_listeners(LoadBalancerArn=b["LoadBalancerArn"])["Listeners"])
        for b in balancers
    )


def _services(account: AwsAccount) -> int:
    clusters = account.client("ecs").list_clusters()["clusterArns"]
    return sum(len(account.client("ecs").list_services(cluster=c)["serviceArns"]) for c in clusters)


def _active_clusters(account: AwsAccount) -> int:
    ecs = account.client("ecs")
    arns = ecs.list_clusters()["clusterArns"]
    return (
        sum(c["status"] == "ACTIVE" for c in ecs.describe_clusters(clusters=arns)["clusters"]) if arns else 0
    )


_SCALING = {"ServiceNamespace": "ecs"}
COUNTS = {
    "security groups": _count("ec2", "describe_security_groups", "SecurityGroups"),
    "rules": _count("ec2", "describe_security_group_rules", "SecurityGroupRules"),
    "load balancers": _count("elbv2", "describe_load_balancers", "LoadBalancers"),
    "target groups": _count("elbv2", "describe_target_groups", "TargetGroups"),
    "listeners": _listeners,
    "roles": _count("iam", "list_roles", "Roles"),
    "log groups": _count("logs", "describe_log_groups", "logGroups"),
    "repositories": _count("ecr", "describe_repositories", "repositories"),
    "file systems": _count("efs", "describe_file_systems", "FileSystems"),
    "access points": _count("efs", "describe_access_points", "AccessPoints"),
    "namespaces": _count("servicediscovery", "list_namespaces", "Namespaces"),
    "names": _count("servicediscovery", "list_services", "Services"),
    "clusters": _active_clusters,
    "services": _services,
    "revisions": _count("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"),
    "schedules": _count("scheduler", "list_schedules", "Schedules"),
    "scalable targets": _count(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", **_SCALING
    ),
    "scaling policies": _count(
        "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", **_SCALING
    ),
    "databases": _count("rds", "describe_db_instances", "DBInstances"),
    "subnet groups of databases": _count("rds", "describe_db_subnet_groups", "DBSubnetGroups"),
    "parameter groups of databases": _count("rds", "describe_db_parameter_groups", "DBParameterGroups"),
    "caches": _count("elasticache", "describe_replication_groups", "ReplicationGroups"),
    "subnet groups of caches": _count("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups"),
    "parameter groups of caches": _count(
        "elasticache", "describe_cache_parameter_groups", "CacheParameterGroups"
    ),
    "parameters": _count("ssm", "describe_parameters", "Parameters"),
    "secrets": _count("secretsmanager", "list_secrets", "SecretList"),
}
