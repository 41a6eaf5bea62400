"""The part of ECS that moto leaves out: services that start tasks, rollouts, jobs that end, and what goes wrong.

moto keeps clusters and task definitions. Services and tasks are kept here, as the plain values that the API answers
with, beside moto's own objects (which tagging and autoscaling look at). Nothing runs: a task "runs" when it says so.

A rollout takes steps, one with each DescribeServices, and so does a job, with each DescribeTasks. `Behaviour` scripts
both. Without a script services get steady at once and jobs end with 0, except for commands that plainly end
otherwise: `false`, and shell lines that end with `exit N`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from itertools import count
from typing import Any, NamedTuple

Json = dict[str, Any]


class Behaviour(NamedTuple):
    """What the tasks of a service or of a family do.

    Attributes:
        kind: `run`, `exit`, `pull` (the image is not there), `unhealthy` (container check), `target` (load balancer's
            check) or `stuck` (neither up nor down).
        exit_code: The exit code, for `exit`.
        reason: The reason that the container or the task gives; "" for what AWS says in this case.
        container: The container it happens to; "" for the first essential one.
        log: Lines that the container writes before.
        settle: How many times it is described before it happens.
        revision: Only tasks of this revision of the family; 0 for all.
        times: How many tasks it happens to; -1 for all.
    """

    kind: str = "run"
    exit_code: int = 1
    reason: str = ""
    container: str = ""
    log: tuple[str, ...] = ()
    settle: int = 0
    revision: int = 0
    times: int = -1


BEHAVIOURS: dict[str, Behaviour] = {}
"""By name of the service or family."""

FAILURES_TO_GIVE_UP = 3
"""Failed tasks after which the circuit breaker opens: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""

_numbers = count(1)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _new_id() -> str:
    from uuid import uuid4

    return uuid4().hex


def _last(name: str) -> str:
    """Give the name that an ARN ends with; a name is one already."""
    return name.rpartition("/")[2]


class Account:
    """Services and tasks of one account and region; hangs on moto's backend, so that a reset empties it."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.services: dict[str, Json] = {}
        self.tasks: dict[str, Json] = {}
        self.plans: dict[str, Json] = {}

    @classmethod
    def of(cls, backend: Any) -> Account:
        """Give the account that belongs to `backend`; made on first use."""
        if "sandbox" not in backend.__dict__:
            backend.sandbox = cls(backend)
        found: Account = backend.sandbox
        return found

    # -- services

    def service(self, cluster: str, name: str) -> Json | None:
        """Find a service by the last part of its cluster's and of its own name or ARN."""
        return self.services.get(f"{_last(cluster)}/{_last(name)}")

    def create(self, service: Any, request: Json) -> Json:
        """Keep a service that moto has made, with every member of the request, and start its first deployment."""
        record = {
            **_SERVICE_DEFAULTS,
            "availabilityZoneRebalancing": "ENABLED",
            **{member: request[member] for member in _KEPT if request.get(member) is not None},
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": service.cluster_arn,
            "status": "ACTIVE",
            "taskDefinition": service.task_definition,
            "desiredCount": request.get("desiredCount") or 0,
            "createdAt": _now(),
            "events": [],
            "deployments": [],
        }
        record["deploymentConfiguration"] = _deployment_configuration({}, request)
        if not record.get("launchType") and not record.get("capacityProviderStrategy"):
            record["launchType"] = "EC2"
        _keep_grace(record)
        self.services[f"{service.cluster_name}/{service.name}"] = record
        self._deploy(record, request)
        return record

    def update(self, record: Json, request: Json) -> Json:
        """Change a service; what needs new tasks starts a deployment."""
        before = _deployed(record)
        for member in _KEPT:
            if request.get(member) is not None:
                record[member] = request[member]
        _keep_grace(record)
        if request.get("capacityProviderStrategy"):
            record.pop("launchType", None)
        elif request.get("capacityProviderStrategy") == []:
            record["launchType"] = "FARGATE"
        if request.get("taskDefinition"):
            record["taskDefinition"] = self.backend.describe_task_definition(request["taskDefinition"]).arn
        if request.get("desiredCount") is not None:
            record["desiredCount"] = request["desiredCount"]
        record["deploymentConfiguration"] = _deployment_configuration(
            record["deploymentConfiguration"], request
        )
        changed = {
            **_deployed(record),
            **{m: request[m] for m in _IN_DEPLOYMENT if request.get(m) is not None},
        }
        if request.get("forceNewDeployment") or changed != before:
            self._deploy(record, request)
        else:
            self._scale(record)
        return record

    def delete(self, record: Json) -> Json:
        """Stop a service; it stays visible, as it does in AWS."""
        for task in self._running(record):
            self._stop(task, "Scaling activity initiated by deployment", "ServiceSchedulerInitiated", {})
        record.update(status="INACTIVE", desiredCount=0, runningCount=0, pendingCount=0, deployments=[])
        return record

    def describe(self, record: Json) -> Json:
        """Let a rollout take its next step, and show the service."""
        if record["status"] == "ACTIVE" and record["deployments"]:
            self._step(record)
        return record

    def _deploy(self, record: Json, request: Mapping[str, Any], reason: str = "") -> None:
        """Start a deployment of what `record` says now; the one before goes on serving."""
        previous = record["deployments"][:1]
        carried = {m: previous[0][m] for m in _IN_DEPLOYMENT if previous and m in previous[0]}
        deployment: Json = {
            **carried,
            **{member: request[member] for member in _IN_DEPLOYMENT if request.get(member) is not None},
            "id": f"ecs-svc/{next(_numbers):019d}",
            "status": "PRIMARY",
            "taskDefinition": record["taskDefinition"],
            "desiredCount": record["desiredCount"],
            "pendingCount": record["desiredCount"],
            "runningCount": 0,
            "failedTasks": 0,
            "createdAt": _now(),
            "updatedAt": _now(),
            **{
                m: record[m]
                for m in ("launchType", "capacityProviderStrategy", "networkConfiguration")
                if m in record
            },
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "rolloutState": "IN_PROGRESS",
        }
        deployment["rolloutStateReason"] = reason or f"ECS deployment {deployment['id']} in progress."
        record["deployments"] = [
            deployment,
            *(dict(old, status="ACTIVE") for old in previous if old["runningCount"]),
        ]
        self.plans[record["serviceArn"]] = {"steps": 0}
        self._step(record, described=False)

    def _step(self, record: Json, *, described: bool = True) -> None:
        deployment = record["deployments"][0]
        if deployment["rolloutState"] != "IN_PROGRESS":
            return
        plan = self.plans[record["serviceArn"]]
        behaviour = self._behaviour(record["serviceName"], record["taskDefinition"])
        plan["steps"] += described
        if behaviour.kind in ("run", "stuck"):
            if behaviour.kind == "run" and plan["steps"] >= behaviour.settle:
                self._finish(record, deployment)
            return
        if described and plan["steps"] > behaviour.settle and deployment["desiredCount"]:
            self._fail_one(record, deployment, behaviour)

    def _finish(self, record: Json, deployment: Json) -> None:
        for task in self._running(record):
            self._stop(task, "Scaling activity initiated by deployment", "ServiceSchedulerInitiated", {})
        deployment.update(rolloutState="COMPLETED", updatedAt=_now())
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} completed."
        record["deployments"] = [deployment]
        self._scale(record)
        self._event(record, f"(deployment {deployment['id']}) deployment completed.")
        self._event(record, "has reached a steady state.")

    def _scale(self, record: Json) -> None:
        """Start or stop tasks until there are as many as wanted."""
        deployment = record["deployments"][0]
        running = self._running(record)
        for task in running[record["desiredCount"] :]:
            self._stop(task, "Scaling activity initiated by deployment", "ServiceSchedulerInitiated", {})
        for _ in range(record["desiredCount"] - len(running)):
            self._start(record["taskDefinition"], record, group=f"service:{record['serviceName']}")
        for counted in (record, deployment):
            counted.update(runningCount=record["desiredCount"], pendingCount=0)
        deployment["desiredCount"] = record["desiredCount"]

    def _fail_one(self, record: Json, deployment: Json, behaviour: Behaviour) -> None:
        """Start a task of the new deployment and let it fail; after a few of them the circuit breaker opens."""
        for started in range(FAILURES_TO_GIVE_UP):  # AWS starts several while nobody looks
            task = self._start(record["taskDefinition"], record, group=f"service:{record['serviceName']}")
            task["startedBy"] = deployment["id"]
            self._break(task, behaviour, record)
            deployment["failedTasks"] += 1
            if started == 0:
                self._event(record, f"(task {_last(task['taskArn'])}) {_EVENTS[behaviour.kind]}")
        breaker = record["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
        if breaker.get("enable"):
            self._give_up(record, deployment, rollback=breaker.get("rollback", False))

    def _give_up(self, record: Json, deployment: Json, *, rollback: bool) -> None:
        deployment.update(rolloutState="FAILED", updatedAt=_now(), pendingCount=0)
        deployment["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
        self._event(record, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
        serving = [old for old in record["deployments"][1:] if old["rolloutState"] == "COMPLETED"]
        if not rollback or not serving:
            return
        old = serving[0]
        self._event(record, f"rolling back to deployment {old['id']}.")
        record["taskDefinition"] = old["taskDefinition"]
        reason = f"ECS deployment circuit breaker: rolling back to deploymentId {old['id']}."
        again = {
            **old,
            "id": f"ecs-svc/{next(_numbers):019d}",
            "status": "PRIMARY",
            "createdAt": _now(),
            "updatedAt": _now(),
            "rolloutState": "COMPLETED",
            "rolloutStateReason": reason,
        }
        record["deployments"] = [again]

    def _event(self, record: Json, message: str) -> None:
        event = {
            "id": _new_id(),
            "createdAt": _now(),
            "message": f"(service {record['serviceName']}) {message}",
        }
        record["events"].insert(0, event)
        del record["events"][100:]

    # -- tasks

    def run(self, request: Json) -> list[Json]:
        """Start tasks that no service looks after."""
        definition = self.backend.describe_task_definition(request["taskDefinition"])
        cluster = self.backend._get_cluster(request.get("cluster") or "default")
        where = {"clusterArn": cluster.arn, **request}
        group = request.get("group") or f"family:{definition.family}"
        tasks = [self._start(definition.arn, where, group=group) for _ in range(request.get("count") or 1)]
        for task in tasks:
            task.update(
                lastStatus="PENDING", overrides=request.get("overrides") or {}, tags=request.get("tags") or []
            )
            self.plans[task["taskArn"]] = {"steps": 0}
        return tasks

    def describe_task(self, task: Json) -> Json:
        """Let a task that no service looks after take its next step, and show it."""
        plan = self.plans.get(task["taskArn"])
        if plan is not None and task["lastStatus"] != "STOPPED":
            family = _last(task["taskDefinitionArn"]).partition(":")[0]
            behaviour = self._behaviour(family, task["taskDefinitionArn"], job=True, task=task)
            plan["steps"] += 1
            task["lastStatus"] = "RUNNING"
            if behaviour.kind not in ("run", "stuck") and plan["steps"] > behaviour.settle:
                self._break(task, behaviour, task)
        return task

    def stop_task(self, task: Json, reason: str) -> Json:
        """Stop a task by hand."""
        codes = {container["name"]: 143 for container in task["containers"]}
        self._stop(task, reason, "UserInitiated", codes)
        return task

    def _start(self, arn: str, where: Mapping[str, Any], *, group: str) -> Json:
        definition = self.backend.describe_task_definition(arn)
        cluster = where["clusterArn"]
        number = next(_numbers)
        task_id = _new_id()
        partition_and_rest = cluster.split(":cluster/")
        task_arn = f"{partition_and_rest[0]}:task/{partition_and_rest[1]}/{task_id}"
        address = f"172.31.{number // 250 % 250}.{number % 250 + 4}"
        network = (where.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        task = {
            "taskArn": task_arn,
            "clusterArn": cluster,
            "taskDefinitionArn": definition.arn,
            "group": group,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "launchType": where.get("launchType") or "FARGATE",
            "platformVersion": "1.4.0",
            "cpu": definition.cpu,
            "memory": definition.memory,
            "createdAt": _now(),
            "startedAt": _now(),
            "startedBy": where.get("startedBy") or (where.get("deployments") or [{"id": ""}])[0]["id"],
            "tags": list(where.get("tags") or []) if where.get("propagateTags") == "SERVICE" else [],
            "attachments": [
                {
                    "id": _new_id(),
                    "type": "ElasticNetworkInterface",
                    "status": "ATTACHED",
                    "details": [
                        {"name": "subnetId", "value": (network.get("subnets") or [""])[0]},
                        {"name": "networkInterfaceId", "value": f"eni-{number:017x}"},
                        {"name": "privateIPv4Address", "value": address},
                    ],
                }
            ],
            "enableExecuteCommand": bool(where.get("enableExecuteCommand")),
            "healthStatus": "HEALTHY"
            if any(c.get("healthCheck") for c in definition.container_definitions)
            else "UNKNOWN",
            "overrides": {},
            "containers": [
                _container(task_arn, task_id, address, c) for c in definition.container_definitions
            ],
        }
        self.tasks[task_arn] = task
        for container in definition.container_definitions:
            self._log(
                task, container, [f"{container['name']} would start now: this is a sandbox, nothing runs"]
            )
        return task

    def _break(self, task: Json, behaviour: Behaviour, where: Mapping[str, Any]) -> None:
        definition = self.backend.describe_task_definition(task["taskDefinitionArn"])
        containers = definition.container_definitions
        essential = next(c for c in containers if c.get("essential", True))
        chosen = next((c for c in containers if c["name"] == behaviour.container), essential)
        self._log(task, chosen, behaviour.log)
        stop_code, stopped_reason, container_reason, code = _ends(behaviour, chosen, where)
        codes = {c["name"]: 0 for c in containers if not c.get("essential", True)}
        if code is not None:
            codes[chosen["name"]] = code
        self._stop(task, stopped_reason, stop_code, codes)
        for container in task["containers"]:
            if container["name"] == chosen["name"]:
                if container_reason:
                    container["reason"] = container_reason
                if behaviour.kind == "unhealthy":
                    container["healthStatus"] = task["healthStatus"] = "UNHEALTHY"

    def _stop(self, task: Json, reason: str, code: str, exits: Mapping[str, int]) -> None:
        task.update(lastStatus="STOPPED", desiredStatus="STOPPED", stoppedReason=reason, stopCode=code)
        task.update(stoppedAt=_now(), stoppingAt=_now(), executionStoppedAt=_now())
        for container in task["containers"]:
            container["lastStatus"] = "STOPPED"
            if container["name"] in exits:
                container["exitCode"] = exits[container["name"]]
        stopped = [arn for arn, one in self.tasks.items() if one["lastStatus"] == "STOPPED"]
        for arn in stopped[:-200]:
            del self.tasks[arn]

    def _running(self, record: Json) -> list[Json]:
        return [
            task
            for task in self.tasks_of(record["serviceName"], record["clusterArn"])
            if task["lastStatus"] == "RUNNING"
        ]

    def tasks_of(self, service: str, cluster: str) -> list[Json]:
        """Give all tasks of a service, stopped ones too."""
        return [
            t
            for t in self.tasks.values()
            if t["group"] == f"service:{service}" and t["clusterArn"] == cluster
        ]

    def _behaviour(
        self, name: str, definition: str, *, job: bool = False, task: Json | None = None
    ) -> Behaviour:
        family, _, revision = _last(definition).partition(":")
        for key in (name, family):
            scripted = BEHAVIOURS.get(key)
            if scripted and scripted.revision in (0, int(revision)) and scripted.times:
                if scripted.times > 0 and (task is not None or scripted.kind == "run"):
                    BEHAVIOURS[key] = scripted._replace(times=scripted.times - 1)
                return scripted
        code = _plain_exit(
            self.backend.describe_task_definition(definition), (task or {}).get("overrides") or {}
        )
        if code is not None:
            return Behaviour("exit", code, log=(f"the command ends with {code}",))
        return Behaviour("exit", 0) if job else Behaviour()

    def _log(self, task: Json, container: Json, lines: Any) -> None:
        """Write lines where the awslogs driver would."""
        configuration = container.get("logConfiguration") or {}
        options = configuration.get("options") or {}
        if configuration.get("logDriver") != "awslogs" or not lines:
            return
        from moto.logs.models import logs_backends

        logs = logs_backends[self.backend.account_id][options.get("awslogs-region", self.backend.region_name)]
        group = options.get("awslogs-group", "")
        stream = f"{options.get('awslogs-stream-prefix', '')}/{container['name']}/{_last(task['taskArn'])}"
        if group not in logs.groups:
            return
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        at = int(time.time() * 1000)
        logs.put_log_events(group, stream, [{"timestamp": at, "message": line} for line in lines])


_SERVICE_DEFAULTS: Json = {
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "platformVersion": "LATEST",
    "platformFamily": "Linux",
    "propagateTags": "NONE",
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "loadBalancers": [],
    "serviceRegistries": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "runningCount": 0,
    "pendingCount": 0,
}
_KEPT = (
    "loadBalancers", "serviceRegistries", "launchType", "capacityProviderStrategy", "platformVersion",
    "networkConfiguration", "healthCheckGracePeriodSeconds", "schedulingStrategy", "deploymentController",
    "enableECSManagedTags", "propagateTags", "enableExecuteCommand", "availabilityZoneRebalancing",
    "placementConstraints", "placementStrategy",
)  # fmt: skip
_IN_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations")
_NEEDS_TASKS = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
)
_EVENTS = {
    "exit": "has started 1 tasks and stopped.",
    "pull": "was unable to start a task: CannotPullContainerError.",
    "unhealthy": "is unhealthy due to (reason: Task failed container health checks).",
    "target": "(port 80) is unhealthy in (target-group) due to (reason Health checks failed).",
}


def _deployed(record: Json) -> Json:
    deployment = (record["deployments"] or [{}])[0]
    return {
        **{member: record.get(member) for member in _NEEDS_TASKS},
        **{member: deployment[member] for member in _IN_DEPLOYMENT if member in deployment},
    }


def _keep_grace(record: Json) -> None:
    """Keep a grace period for services behind a load balancer only; for others it is 0, whatever was asked."""
    grace = record.get("healthCheckGracePeriodSeconds", 0)
    record["healthCheckGracePeriodSeconds"] = grace if record.get("loadBalancers") else 0


def _deployment_configuration(before: Mapping[str, Any], request: Mapping[str, Any]) -> Json:
    defaults = {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    }
    return {**defaults, **before, **(request.get("deploymentConfiguration") or {})}


def _container(task_arn: str, task_id: str, address: str, definition: Json) -> Json:
    return {
        "containerArn": task_arn.replace(":task/", ":container/") + f"/{_new_id()}",
        "taskArn": task_arn,
        "name": definition["name"],
        "image": definition["image"],
        "runtimeId": f"{task_id}-{next(_numbers)}",
        "lastStatus": "RUNNING",
        "networkInterfaces": [{"privateIpv4Address": address}],
        "healthStatus": "HEALTHY" if definition.get("healthCheck") else "UNKNOWN",
        "cpu": str(definition.get("cpu") or 0),
    }


def _ends(
    behaviour: Behaviour, container: Json, where: Mapping[str, Any]
) -> tuple[str, str, str, int | None]:
    """Stop code, stopped reason, the container's reason and exit code, worded as AWS words them."""
    if behaviour.kind == "exit":
        return (
            "EssentialContainerExited",
            "Essential container in task exited",
            behaviour.reason,
            behaviour.exit_code,
        )
    if behaviour.kind == "pull":
        reason = (
            behaviour.reason
            or f"CannotPullContainerError: failed to resolve ref {container['image']}: not found"
        )
        return "TaskFailedToStart", reason, "", None
    if behaviour.kind == "unhealthy":
        return "ServiceSchedulerInitiated", behaviour.reason or "Task failed container health checks", "", 137
    groups = [balancer.get("targetGroupArn", "") for balancer in where.get("loadBalancers") or [{}]]
    return (
        "ServiceSchedulerInitiated",
        f"Task failed ELB health checks in (target-group {groups[0]})",
        "",
        143,
    )


_EXIT = re.compile(r"(?:^|;|&&|\n)\s*exit\s+(\d+)\s*$")
_MAY_NOT_GET_THERE = re.compile(r"\b(?:exec|for|if|trap|until|wait|while)\b")


def _plain_exit(definition: Any, overrides: Mapping[str, Any]) -> int | None:
    """The code that the first essential container's command plainly ends with, or None."""
    containers: list[Json] = definition.container_definitions
    container = next((c for c in containers if c.get("essential", True)), containers[0])
    words = [*(container.get("entryPoint") or []), *(container.get("command") or [])]
    for override in overrides.get("containerOverrides") or []:
        if override.get("name") == container.get("name") and override.get("command"):
            words = [*(container.get("entryPoint") or []), *override["command"]]
    if words in (["false"], ["/bin/false"]):
        return 1
    found = _EXIT.search(words[-1]) if words and not _MAY_NOT_GET_THERE.search(words[-1]) else None
    return int(found[1]) if found else None


# -- what the API answers


def patch() -> None:
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
        family = _last(task_definition_str)
        if ":" in family:
            return describe(self, task_definition_str)
        revisions = self.task_definitions.get(family, {})
        active = [number for number, one in revisions.items() if one.status == "ACTIVE"]
        return describe(self, f"{family}:{max(active)}" if active else family)

    Backend.describe_task_definition = described


def _refuse(message: str, code: str = "InvalidParameterException") -> Exception:
    from moto.core.exceptions import JsonRESTError
    from moto.ecs.exceptions import EcsClientException, InvalidParameterException

    known = {"InvalidParameterException": InvalidParameterException, "ClientException": EcsClientException}
    error: Exception = known[code](message) if code in known else JsonRESTError(code, message)
    return error


def _result(value: Json) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(value)


def _parameters(response: Any) -> Json:
    return dict(response._get_params())


def _create_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account = Account.of(backend)
    cluster, name = request.get("cluster") or "default", request["serviceName"]
    for check in _CREATE_CHECKS:
        check(account, cluster, name, request)
    for network in [(request.get("networkConfiguration") or {}).get("awsvpcConfiguration")]:
        if network is not None:
            network.setdefault("securityGroups", [])
            network.setdefault("assignPublicIp", "DISABLED")
    response.moto_create_service()
    service = backend.services[f"{_last(cluster)}:{name}"]
    return _result({"service": {**account.create(service, request), "tags": service.tags}})


def _is_active(account: Account, cluster: str, name: str, request: Json) -> None:
    if account.backend._get_cluster(cluster).status == "INACTIVE":
        raise _refuse("The referenced cluster was inactive.", "ClusterNotFoundException")


def _is_new(account: Account, cluster: str, name: str, request: Json) -> None:
    record = account.service(cluster, name)
    if record and record["status"] == "ACTIVE":
        raise _refuse("Creation of service was not idempotent.")


def _is_launched_one_way(account: Account, cluster: str, name: str, request: Json) -> None:
    if request.get("launchType") and request.get("capacityProviderStrategy"):
        raise _refuse(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )


def _has_network(account: Account, cluster: str, name: str, request: Json) -> None:
    definition = account.backend.describe_task_definition(request["taskDefinition"])
    if definition.status == "INACTIVE":
        raise _refuse("TaskDefinition is inactive", "ClientException")
    if definition.network_mode == "awsvpc" and not request.get("networkConfiguration"):
        raise _refuse("Network Configuration must be provided when networkMode 'awsvpc' is specified.")


def _fits_its_task(account: Account, cluster: str, name: str, request: Json) -> None:
    """Check what a service says about the containers of its task definition, and the target groups."""
    record = account.service(cluster, name) or {}
    definition = account.backend.describe_task_definition(
        request.get("taskDefinition") or record.get("taskDefinition")
    )
    containers = {c["name"]: c for c in definition.container_definitions}
    for balancer in request.get("loadBalancers") or []:
        container = containers.get(balancer.get("containerName"))
        if container is None:
            raise _refuse(
                f"The container {balancer.get('containerName')} does not exist in the task definition."
            )
        if balancer.get("containerPort") not in [p.get("containerPort") for p in container["portMappings"]]:
            raise _refuse(
                f"The container {container['name']} did not have a container port {balancer.get('containerPort')} defined."
            )
        _check_target_group(account.backend, balancer["targetGroupArn"])
    names = {port.get("name") for c in containers.values() for port in c["portMappings"]}
    connect = request.get("serviceConnectConfiguration") or {}
    for service in connect.get("services") or []:
        if service["portName"] not in names:
            raise _refuse(f"portName '{service['portName']}' is not defined in the task definition.")
    if connect.get("enabled") and connect.get("namespace"):
        _check_namespace(account.backend, connect["namespace"])


def _check_target_group(backend: Any, arn: str) -> None:
    from moto.elbv2.models import elbv2_backends

    from compose2fargate.apply.sandbox.gaps import used_groups

    elb = elbv2_backends[backend.account_id][backend.region_name]
    if arn not in elb.target_groups:
        raise _refuse(f"Unable to describe target group {arn}: One or more target groups not found")
    if arn not in used_groups(elb):
        raise _refuse(
            f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        )


def _check_namespace(backend: Any, name: str) -> None:
    from moto.servicediscovery.models import servicediscovery_backends

    known = servicediscovery_backends[backend.account_id][backend.region_name].namespaces.values()
    if not any(name in (one.arn, one.name) for one in known):
        raise _refuse(f"The namespace {name} does not exist.", "NamespaceNotFoundException")


_CREATE_CHECKS = (_is_active, _is_new, _is_launched_one_way, _has_network, _fits_its_task)


def _update_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = Account.of(backend), request.get("cluster") or "default"
    record = _existing(account, cluster, request["service"])
    if record["status"] != "ACTIVE":
        raise _refuse("Service was not ACTIVE.", "ServiceNotActiveException")
    _fits_its_task(account, cluster, request["service"], request)
    _speaks_as_before(account, record, request)
    account.update(record, request)
    service = backend.services[f"{_last(cluster)}:{record['serviceName']}"]
    service.task_definition, service.desired_count = record["taskDefinition"], record["desiredCount"]
    return _result({"service": {**record, "tags": service.tags}})


def _speaks_as_before(account: Account, record: Json, request: Json) -> None:
    """Refuse another protocol of a port that is offered in Service Connect, in the words of AWS.

    https://github.com/aws/containers-roadmap/issues/2378
    """
    deployed = record["deployments"][0]
    before = _offered(account, deployed, record["taskDefinition"])
    changed = {**deployed, **{m: request[m] for m in _IN_DEPLOYMENT if request.get(m) is not None}}
    after = _offered(account, changed, request.get("taskDefinition") or record["taskDefinition"])
    for name in before.keys() & after.keys():
        if before[name] != after[name]:
            old, new = (
                f"ScServiceStableConfig(applicationProtocol={spoken or 'null'}, transportProtocol=tcp,"
                f" ecsServiceArn={record['serviceArn']})"
                for spoken in (before[name], after[name])
            )
            raise _refuse(
                f"The following config cannot be changed for a SC service. Previous config: {old}, current config: {new}"
            )


def _offered(account: Account, deployed: Json, definition: str) -> dict[str, str]:
    containers = account.backend.describe_task_definition(definition).container_definitions
    spoken = {p.get("name"): p.get("appProtocol", "") for c in containers for p in c["portMappings"]}
    connect = deployed.get("serviceConnectConfiguration") or {}
    return {
        s.get("discoveryName") or s["portName"]: spoken[s["portName"]]
        for s in connect.get("services") or []
        if s["portName"] in spoken
    }


def _delete_service(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = Account.of(backend), request.get("cluster") or "default"
    record = _existing(account, cluster, request["service"])
    if record["status"] != "ACTIVE":
        raise _refuse("Service was not ACTIVE.", "ServiceNotActiveException")
    if record["desiredCount"] and not request.get("force"):
        raise _refuse("The service cannot be stopped while it is scaled above 0.")
    backend.services[f"{_last(cluster)}:{record['serviceName']}"].status = "INACTIVE"
    return _result({"service": account.delete(record)})


def _existing(account: Account, cluster: str, name: str) -> Json:
    from moto.ecs.exceptions import ServiceNotFoundException

    account.backend._get_cluster(cluster)
    record = account.service(cluster, name)
    if record is None:
        raise ServiceNotFoundException
    return record


def _describe_services(response: Any) -> Any:
    request, backend = _parameters(response), response.ecs_backend
    account, cluster = Account.of(backend), request.get("cluster") or "default"
    found, failures = [], []
    name_of_cluster = backend._get_cluster(cluster).name
    if len(request.get("services") or []) > 10:
        raise _refuse("Services cannot have more than 10 elements.")
    for name in request.get("services") or []:
        record = account.service(cluster, name)
        if record is None:
            failures.append(
                {
                    "arn": f"{_arn_prefix(backend)}:service/{name_of_cluster}/{_last(name)}",
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
    account = Account.of(response.ecs_backend)
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
    request, account = _parameters(response), Account.of(response.ecs_backend)
    cluster = request.get("cluster") or "default"
    _is_active(account, cluster, "", request)
    _is_launched_one_way(account, cluster, "", request)
    _has_network(account, cluster, "", request)
    token = request.get("clientToken")
    known = [t for t in account.tasks.values() if token and t.get("clientToken") == token]
    tasks = known or account.run(request)
    for task in tasks:
        task["clientToken"] = token
    return _result({"tasks": tasks, "failures": []})


def _describe_tasks(response: Any) -> Any:
    request, account = _parameters(response), Account.of(response.ecs_backend)
    cluster = response.ecs_backend._get_cluster(request.get("cluster") or "default")
    found, failures = [], []
    if len(request.get("tasks") or []) > 100:
        raise _refuse("Tasks cannot have more than 100 elements.")
    for name in request.get("tasks") or []:
        task = next((t for arn, t in account.tasks.items() if _last(arn) == _last(name)), None)
        if task is None or task["clusterArn"] != cluster.arn:
            failures.append({"arn": name, "reason": "MISSING"})
        else:
            found.append(account.describe_task(task))
    return _result({"tasks": found, "failures": failures})


def _list_tasks(response: Any) -> Any:
    request, account = _parameters(response), Account.of(response.ecs_backend)
    cluster = response.ecs_backend._get_cluster(request.get("cluster") or "default")
    tasks = [t for t in account.tasks.values() if t["clusterArn"] == cluster.arn]
    tests = [test(str(request[name])) for name, test in _TASK_FILTERS.items() if request.get(name)]
    if not request.get("desiredStatus"):
        tests.append(_TASK_FILTERS["desiredStatus"]("RUNNING"))
    arns = [t["taskArn"] for t in tasks if all(test(t) for test in tests)]
    return _result(_page("taskArns", arns, request, 100))


_TASK_FILTERS: Mapping[str, Callable[[str], Callable[[Json], bool]]] = {
    "serviceName": lambda name: lambda task: bool(task["group"] == f"service:{_last(name)}"),
    "family": lambda family: lambda task: bool(f":task-definition/{family}:" in task["taskDefinitionArn"]),
    "startedBy": lambda who: lambda task: bool(task["startedBy"] == who),
    "desiredStatus": lambda status: lambda task: bool(task["desiredStatus"] == status),
    "launchType": lambda kind: lambda task: bool(task["launchType"] == kind),
}


def _stop_task(response: Any) -> Any:
    request, account = _parameters(response), Account.of(response.ecs_backend)
    response.ecs_backend._get_cluster(request.get("cluster") or "default")
    for arn, task in account.tasks.items():
        if _last(arn) == _last(request["task"]):
            return _result({"task": account.stop_task(task, request.get("reason") or "")})
    raise _refuse("The referenced task was not found.")


def _delete_cluster(response: Any) -> Any:
    backend = response.ecs_backend
    cluster, account = backend._get_cluster(response._get_param("cluster")), Account.of(backend)
    if any(r["clusterArn"] == cluster.arn and r["status"] == "ACTIVE" for r in account.services.values()):
        raise _refuse(
            "The Cluster cannot be deleted while Services are active.", "ClusterContainsServicesException"
        )
    if any(t["clusterArn"] == cluster.arn and t["lastStatus"] != "STOPPED" for t in account.tasks.values()):
        raise _refuse(
            "The Cluster cannot be deleted while Tasks are active.", "ClusterContainsTasksException"
        )
    return _result({"cluster": backend.delete_cluster(cluster.name)})


def _register(response: Any) -> Any:
    """Check a Fargate task definition as AWS does, and keep what moto drops."""
    request = _parameters(response)
    if "FARGATE" in (request.get("requiresCompatibilities") or []):
        _check_fargate(request)
    answer = response.moto_register_task_definition()
    response.ecs_backend.describe_task_definition(request["family"]).enable_fault_injection = request.get(
        "enableFaultInjection"
    )
    return answer


def _check_fargate(request: Json) -> None:
    from compose2fargate.aws.fargate import SIZES

    cpu, memory = request.get("cpu"), request.get("memory")
    if not cpu or not memory:
        raise _refuse(
            "Fargate requires that 'cpu' and 'memory' be defined at the task level.", "ClientException"
        )
    if int(memory) not in dict(SIZES).get(int(cpu), ()):
        text = f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
        raise _refuse(f"{text} See the Amazon ECS documentation for the valid values.", "ClientException")
    if request.get("networkMode") != "awsvpc":
        raise _refuse("Fargate only supports network mode 'awsvpc'.", "ClientException")
    volumes = {volume["name"] for volume in request.get("volumes") or []}
    names = {container["name"] for container in request["containerDefinitions"]}
    for container in request["containerDefinitions"]:
        for mount in container.get("mountPoints") or []:
            if mount["sourceVolume"] not in volumes:
                raise _refuse(f"Unknown volume '{mount['sourceVolume']}'.", "ClientException")
        for other in container.get("dependsOn") or []:
            if other["containerName"] not in names:
                raise _refuse(
                    f"Container '{container['name']}' depends on an unknown container.", "ClientException"
                )
        needs_role = (container.get("logConfiguration") or {}).get("logDriver") == "awslogs" or container.get(
            "secrets"
        )
        if needs_role and not request.get("executionRoleArn"):
            raise _refuse(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
                "ClientException",
            )


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
