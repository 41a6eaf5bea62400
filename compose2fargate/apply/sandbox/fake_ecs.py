"""The operations of ECS that the sandbox answers itself, in place of moto's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compose2fargate.apply.sandbox.fake_ecs_account import FakeEcsAccount, last_part
from compose2fargate.apply.sandbox.fake_ecs_checks import (
    CREATE_CHECKS,
    can_take_its_roles,
    check_fargate,
    fits_its_task,
    has_its_capacity,
    has_network,
    is_active,
    is_launched_one_way,
    refusal,
    speaks_as_before,
)
from compose2fargate.apply.sandbox.task_behaviour import Json


def patch_moto_ecs() -> None:
    """Put our services and tasks behind moto's ECS; once per process."""
    from moto.ecs.responses import EC2ContainerServiceResponse as Responses

    if getattr(Responses, "sandbox", False):
        return
    Responses.sandbox = True
    Responses.moto_create_service = Responses.create_service
    Responses.moto_register_task_definition = Responses.register_task_definition
    for name, function in _OPERATIONS.items():
        setattr(Responses, name, function)
    _own_answers(Responses)
    _latest_active()


def _own_answers(responses: Any) -> None:
    """Let each answer decide for itself whether it has tags: moto writes "without" into the class, for all that follow."""
    from moto.core.serialize import never_return

    def leave_out(response: Any, path: str) -> None:
        response.RESPONSE_KEY_PATH_TO_TRANSFORMER = {**shared, path: never_return}

    given = responses.RESPONSE_KEY_PATH_TO_TRANSFORMER
    shared = {path: change for path, change in given.items() if change is not never_return}
    responses.RESPONSE_KEY_PATH_TO_TRANSFORMER = shared
    responses._exclude_from_response = leave_out
    responses._include_in_response = lambda *_: None


def _latest_active() -> None:
    """Let a family's name mean its latest active revision, as it does in AWS."""
    from moto.ecs.models import EC2ContainerServiceBackend as Backend

    describe = Backend.describe_task_definition

    def described(self: Any, task_definition_str: str) -> Any:
        family = last_part(task_definition_str)
        if ":" in family:
            return describe(self, task_definition_str)
        revisions = self.task_definitions.get(family, {})
        active = [number for number, one in revisions.items() if one.status == "ACTIVE"]
        return describe(self, f"{family}:{max(active)}" if active else family)

    Backend.describe_task_definition = described


def _result(value: Json) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(value)


def _parameters(response: Any) -> Json:
    return dict(response._get_params())


def _create_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account = FakeEcsAccount.of(backend)
    cluster, name = request.get("cluster") or "default", request["serviceName"]
    for check in CREATE_CHECKS:
        check(account, cluster, name, request)
    for network in [(request.get("networkConfiguration") or {}).get("awsvpcConfiguration")]:
        if network is not None:
            network.setdefault("securityGroups", [])
            network.setdefault("assignPublicIp", "DISABLED")
    response.moto_create_service()
    service = backend.services[f"{last_part(cluster)}:{name}"]
    return _result({"service": {**account.create(service, request), "tags": service.tags}})


def _update_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = FakeEcsAccount.of(backend), request.get("cluster") or "default"
    record = _existing(account, cluster, request["service"])
    if record["status"] != "ACTIVE":
        raise refusal("Service was not ACTIVE.", "ServiceNotActiveException")
    fits_its_task(account, cluster, request["service"], request)
    speaks_as_before(account, record, request)
    account.update(record, request)
    service = backend.services[f"{last_part(cluster)}:{record['serviceName']}"]
    service.task_definition, service.desired_count = record["taskDefinition"], record["desiredCount"]
    return _result({"service": {**record, "tags": service.tags}})


def _delete_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = FakeEcsAccount.of(backend), request.get("cluster") or "default"
    record = _existing(account, cluster, request["service"])
    if record["status"] != "ACTIVE":
        raise refusal("Service was not ACTIVE.", "ServiceNotActiveException")
    if record["desiredCount"] and not request.get("force"):
        raise refusal("The service cannot be stopped while it is scaled above 0.")
    backend.services[f"{last_part(cluster)}:{record['serviceName']}"].status = "INACTIVE"
    return _result({"service": account.delete(record)})


def _existing(account: FakeEcsAccount, cluster: str, name: str) -> Json:
    from moto.ecs.exceptions import ServiceNotFoundException

    account.backend._get_cluster(cluster)
    record = account.service(cluster, name)
    if record is None:
        raise ServiceNotFoundException
    return record


def _describe_services(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = FakeEcsAccount.of(backend), request.get("cluster") or "default"
    found, failures = [], []
    name_of_cluster = backend._get_cluster(cluster).name
    if len(request.get("services") or []) > 10:
        raise refusal("Services cannot have more than 10 elements.")
    for name in request.get("services") or []:
        record = account.service(cluster, name)
        if record is None:
            failures.append(
                {
                    "arn": f"{_arn_prefix(backend)}:service/{name_of_cluster}/{last_part(name)}",
                    "reason": "MISSING",
                }
            )
            continue
        shown = dict(account.describe(record))
        if "TAGS" in (request.get("include") or []):
            shown["tags"] = backend.services[f"{name_of_cluster}:{record['serviceName']}"].tags
        found.append(shown)
    return _result({"services": found, "failures": failures})


def _arn_prefix(backend: Any) -> str:
    from moto.utilities.utils import get_partition

    return f"arn:{get_partition(backend.region_name)}:ecs:{backend.region_name}:{backend.account_id}"


def _list_services(response: Any) -> Any:
    cluster = response.ecs_backend._get_cluster(response._get_param("cluster", "default"))
    account = FakeEcsAccount.of(response.ecs_backend)
    arns = [
        r["serviceArn"]
        for r in account.services.values()
        if r["clusterArn"] == cluster.arn and r["status"] == "ACTIVE"
    ]
    return _result(_page("serviceArns", sorted(arns), _parameters(response), 10))


def _page(member: str, items: list[str], request: Json, most: int) -> Json:
    """Give a part of a list, and where the next begins.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html: 100 tasks, 10 services
    """
    begin, size = int(request.get("nextToken") or 0), int(request.get("maxResults") or most)
    more = {"nextToken": str(begin + size)} if begin + size < len(items) else {}
    return {member: items[begin : begin + size], **more}


def _run_task(response: Any) -> Any:
    request, account = _parameters(response), FakeEcsAccount.of(response.ecs_backend)
    cluster = request.get("cluster") or "default"
    is_active(account, cluster, "", request)
    is_launched_one_way(account, cluster, "", request)
    has_its_capacity(account, cluster, "", request)
    has_network(account, cluster, "", request)
    can_take_its_roles(account, cluster, "", request)
    token = request.get("clientToken")
    known = [t for t in account.tasks.values() if token and t.get("clientToken") == token]
    tasks = known or account.run(request)
    for task in tasks:
        task["clientToken"] = token
    return _result({"tasks": tasks, "failures": []})


def _describe_tasks(response: Any) -> Any:
    request, account = _parameters(response), FakeEcsAccount.of(response.ecs_backend)
    cluster = response.ecs_backend._get_cluster(request.get("cluster") or "default")
    found, failures = [], []
    if len(request.get("tasks") or []) > 100:
        raise refusal("Tasks cannot have more than 100 elements.")
    for name in request.get("tasks") or []:
        task = next((t for arn, t in account.tasks.items() if last_part(arn) == last_part(name)), None)
        if task is None or task["clusterArn"] != cluster.arn:
            failures.append({"arn": name, "reason": "MISSING"})
        else:
            found.append(account.describe_task(task))
    return _result({"tasks": found, "failures": failures})


def _list_tasks(response: Any) -> Any:
    request, account = _parameters(response), FakeEcsAccount.of(response.ecs_backend)
    cluster = response.ecs_backend._get_cluster(request.get("cluster") or "default")
    tasks = [t for t in account.tasks.values() if t["clusterArn"] == cluster.arn]
    tests = [test(str(request[name])) for name, test in _TASK_FILTERS.items() if request.get(name)]
    if not request.get("desiredStatus"):
        tests.append(_TASK_FILTERS["desiredStatus"]("RUNNING"))
    arns = [t["taskArn"] for t in tasks if all(test(t) for test in tests)]
    return _result(_page("taskArns", arns, request, 100))


_TASK_FILTERS: Mapping[str, Callable[[str], Callable[[Json], bool]]] = {
    "serviceName": lambda name: lambda task: bool(task["group"] == f"service:{last_part(name)}"),
    "family": lambda family: lambda task: bool(f":task-definition/{family}:" in task["taskDefinitionArn"]),
    "startedBy": lambda who: lambda task: bool(task["startedBy"] == who),
    "desiredStatus": lambda status: lambda task: bool(task["desiredStatus"] == status),
    "launchType": lambda kind: lambda task: bool(task["launchType"] == kind),
}


def _stop_task(response: Any) -> Any:
    request, account = _parameters(response), FakeEcsAccount.of(response.ecs_backend)
    response.ecs_backend._get_cluster(request.get("cluster") or "default")
    for arn, task in account.tasks.items():
        if last_part(arn) == last_part(request["task"]):
            return _result({"task": account.stop_task(task, request.get("reason") or "")})
    raise refusal("The referenced task was not found.")


def _delete_cluster(response: Any) -> Any:
    backend = response.ecs_backend
    cluster, account = backend._get_cluster(response._get_param("cluster")), FakeEcsAccount.of(backend)
    if any(r["clusterArn"] == cluster.arn and r["status"] == "ACTIVE" for r in account.services.values()):
        raise refusal(
            "The Cluster cannot be deleted while Services are active.", "ClusterContainsServicesException"
        )
    if any(t["clusterArn"] == cluster.arn and t["lastStatus"] != "STOPPED" for t in account.tasks.values()):
        raise refusal(
            "The Cluster cannot be deleted while Tasks are active.", "ClusterContainsTasksException"
        )
    return _result({"cluster": backend.delete_cluster(cluster.name)})


def _register(response: Any) -> Any:
    """Check a Fargate task definition as AWS does, and keep what moto drops."""
    request = _parameters(response)
    if "FARGATE" in (request.get("requiresCompatibilities") or []):
        check_fargate(request)
    answer = response.moto_register_task_definition()
    response.ecs_backend.describe_task_definition(request["family"]).enable_fault_injection = request.get(
        "enableFaultInjection"
    )
    return answer


_OPERATIONS: Mapping[str, Callable[[Any], Any]] = {
    "create_service": _create_service,
    "update_service": _update_service,
    "delete_service": _delete_service,
    "describe_services": _describe_services,
    "list_services": _list_services,
    "run_task": _run_task,
    "describe_tasks": _describe_tasks,
    "list_tasks": _list_tasks,
    "stop_task": _stop_task,
    "delete_cluster": _delete_cluster,
    "register_task_definition": _register,
}
