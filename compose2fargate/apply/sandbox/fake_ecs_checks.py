"""What ECS refuses: the checks of requests by which the sandbox is as strict as AWS."""

from __future__ import annotations

from typing import Any

from compose2fargate.apply.sandbox.fake_ecs_account import DEPLOYMENT_MEMBERS, FakeEcsAccount
from compose2fargate.apply.sandbox.fake_roles import may_assume
from compose2fargate.apply.sandbox.task_behaviour import Json


def refusal(message: str, code: str = "InvalidParameterException") -> Exception:
    """Give the error by which ECS refuses."""
    from moto.core.exceptions import JsonRESTError
    from moto.ecs.exceptions import EcsClientException, InvalidParameterException

    known = {"InvalidParameterException": InvalidParameterException, "ClientException": EcsClientException}
    error: Exception = known[code](message) if code in known else JsonRESTError(code, message)
    return error


def is_active(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Refuse a cluster that is not active."""
    if account.backend._get_cluster(cluster).status == "INACTIVE":
        raise refusal("The referenced cluster was inactive.", "ClusterNotFoundException")


def _is_new(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    record = account.service(cluster, name)
    if record and record["status"] == "ACTIVE":
        raise refusal("Creation of service was not idempotent.")


def is_launched_one_way(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Refuse a launch type beside a capacity provider strategy."""
    if request.get("launchType") and request.get("capacityProviderStrategy"):
        raise refusal(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )


def has_its_capacity(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Refuse a strategy with a capacity provider that the cluster does not have.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
    """
    known = account.backend._get_cluster(cluster).capacity_providers or []
    for one in request.get("capacityProviderStrategy") or []:
        if one["capacityProvider"] not in known:
            raise refusal(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the"
                " cluster. Associate the capacity provider with the cluster and try again."
            )


def has_network(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Refuse a request without a network."""
    definition = account.backend.describe_task_definition(request["taskDefinition"])
    if definition.status == "INACTIVE":
        raise refusal("TaskDefinition is inactive", "ClientException")
    if definition.network_mode == "awsvpc" and not request.get("networkConfiguration"):
        raise refusal("Network Configuration must be provided when networkMode 'awsvpc' is specified.")


def can_take_its_roles(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Refuse tasks whose roles ECS may not take for them."""
    definition = account.backend.describe_task_definition(request["taskDefinition"])
    named = (getattr(definition, name, None) for name in ("execution_role_arn", "task_role_arn"))
    for role in filter(None, named):
        if not may_assume(account.backend, role, "ecs-tasks.amazonaws.com", definition.arn):
            raise refusal(
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being"
                " passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.",
                "ClientException",
            )


def fits_its_task(account: FakeEcsAccount, cluster: str, name: str, request: Json) -> None:
    """Check what a service says about the containers of its task definition, and the target groups."""
    record = account.service(cluster, name) or {}
    definition = account.backend.describe_task_definition(
        request.get("taskDefinition") or record.get("taskDefinition")
    )
    containers = {c["name"]: c for c in definition.container_definitions}
    for balancer in request.get("loadBalancers") or []:
        container = containers.get(balancer.get("containerName"))
        if container is None:
            raise refusal(
                f"The container {balancer.get('containerName')} does not exist in the task definition."
            )
        if balancer.get("containerPort") not in [p.get("containerPort") for p in container["portMappings"]]:
            raise refusal(
                f"The container {container['name']} did not have a container port {balancer.get('containerPort')} defined."
            )
        _check_target_group(account.backend, balancer["targetGroupArn"])
    names = {port.get("name") for c in containers.values() for port in c["portMappings"]}
    connect = request.get("serviceConnectConfiguration") or {}
    for service in connect.get("services") or []:
        if service["portName"] not in names:
            raise refusal(f"portName '{service['portName']}' is not defined in the task definition.")
    if connect.get("enabled") and connect.get("namespace"):
        _check_namespace(account.backend, connect["namespace"])


def _check_target_group(backend: Any, arn: str) -> None:
    from moto.elbv2.models import elbv2_backends

    elb = elbv2_backends[backend.account_id][backend.region_name]
    if arn not in elb.target_groups:
        raise refusal(f"Unable to describe target group {arn}: One or more target groups not found")
    if arn not in used_target_groups(elb):
        raise refusal(
            f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        )


def used_target_groups(elb: Any) -> dict[str, set[str]]:
    """Give each target group that a listener or rule sends requests to, and the load balancers of these."""
    used: dict[str, set[str]] = {}
    for balancer in elb.load_balancers.values():
        for listener in balancer.listeners.values():
            for actions in (listener.default_actions, *(rule.actions for rule in listener.rules.values())):
                for action in actions:
                    used.setdefault(action.data.get("TargetGroupArn", ""), set()).add(balancer.arn)
    return used


def _check_namespace(backend: Any, name: str) -> None:
    from moto.servicediscovery.models import servicediscovery_backends

    known = servicediscovery_backends[backend.account_id][backend.region_name].namespaces.values()
    if not any(name in (one.arn, one.name) for one in known):
        raise refusal(f"The namespace {name} does not exist.", "NamespaceNotFoundException")


CREATE_CHECKS = (
    is_active,
    _is_new,
    is_launched_one_way,
    has_its_capacity,
    has_network,
    can_take_its_roles,
    fits_its_task,
)


def speaks_as_before(account: FakeEcsAccount, record: Json, request: Json) -> None:
    """Refuse another protocol of a port that is offered in Service Connect, in the words of AWS.

    https://github.com/aws/containers-roadmap/issues/2378
    """
    deployed = record["deployments"][0]
    before = _offered(account, deployed, record["taskDefinition"])
    changed = {**deployed, **{m: request[m] for m in DEPLOYMENT_MEMBERS if request.get(m) is not None}}
    after = _offered(account, changed, request.get("taskDefinition") or record["taskDefinition"])
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            old, new = (
                f"ScServiceStableConfig(applicationProtocol={spoken or 'null'}, transportProtocol=tcp,"
                f" ecsServiceArn={record['serviceArn']})"
                for spoken in (before[name], after[name])
            )
            raise refusal(
                f"The following config cannot be changed for a SC service. Previous config: {old}, current config: {new}"
            )


def _offered(account: FakeEcsAccount, deployed: Json, definition: str) -> dict[str, str]:
    containers = account.backend.describe_task_definition(definition).container_definitions
    spoken = {p.get("name"): p.get("appProtocol", "") for c in containers for p in c["portMappings"]}
    connect = deployed.get("serviceConnectConfiguration") or {}
    return {
        s.get("discoveryName") or s["portName"]: spoken[s["portName"]]
        for s in connect.get("services") or []
        if s["portName"] in spoken
    }


def check_fargate(request: Json) -> None:
    """Refuse a task definition that Fargate does not take."""
    from compose2fargate.aws.fargate import SIZES

    cpu, memory = request.get("cpu"), request.get("memory")
    if not cpu or not memory:
        raise refusal(
            "Fargate requires that 'cpu' and 'memory' be defined at the task level.", "ClientException"
        )
    if int(memory) not in dict(SIZES).get(int(cpu), ()):
        text = f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
        raise refusal(f"{text} See the Amazon ECS documentation for the valid values.", "ClientException")
    if request.get("networkMode") != "awsvpc":
        raise refusal("Fargate only supports network mode 'awsvpc'.", "ClientException")
    volumes = {volume["name"] for volume in request.get("volumes") or []}
    names = {container["name"] for container in request["containerDefinitions"]}
    for container in request["containerDefinitions"]:
        for mount in container.get("mountPoints") or []:
            if mount["sourceVolume"] not in volumes:
                raise refusal(f"Unknown volume '{mount['sourceVolume']}'.", "ClientException")
        for other in container.get("dependsOn") or []:
            if other["containerName"] not in names:
                raise refusal(
                    f"Container '{container['name']}' depends on an unknown container.", "ClientException"
                )
        needs_role = (container.get("logConfiguration") or {}).get("logDriver") == "awslogs" or container.get(
            "secrets"
        )
        if needs_role and not request.get("executionRoleArn"):
            raise refusal(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
                "ClientException",
            )
