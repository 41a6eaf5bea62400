"""Services, tasks and rollouts of a fake account; each takes a step when it is described."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from compose2fargate.apply.sandbox.fake_ecs_inputs import missing_input
from compose2fargate.apply.sandbox.task_behaviour import (
    BEHAVIOURS,
    TASK_NUMBERS,
    Json,
    TaskBehaviour,
    exit_code,
    new_container,
    new_task_id,
    plain_exit_code,
)
from compose2fargate.aws.rolling_deployments import is_frozen

FAILURES_TO_GIVE_UP = 3
"""Failed tasks after which the circuit breaker opens: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""


def _now() -> datetime:
    return datetime.now(timezone.utc)


def last_part(name: str) -> str:
    """Give the name that an ARN ends with; a name is one already."""
    return name.rpartition("/")[2]


class FakeEcsAccount:
    """Services and tasks of one account and region; hangs on moto's backend, so that a reset empties it."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.services: dict[str, Json] = {}
        self.tasks: dict[str, Json] = {}
        self.plans: dict[str, Json] = {}

    @classmethod
    def of(cls, backend: Any) -> FakeEcsAccount:
        """Give the account that belongs to `backend`; made on first use."""
        if "sandbox" not in backend.__dict__:
            backend.sandbox = cls(backend)
        found: FakeEcsAccount = backend.sandbox
        return found

    # -- services

    def service(self, cluster: str, name: str) -> Json | None:
        """Find a service by the last part of its cluster's and of its own name or ARN."""
        return self.services.get(f"{last_part(cluster)}/{last_part(name)}")

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
            **{m: request[m] for m in DEPLOYMENT_MEMBERS if request.get(m) is not None},
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
        carried = {m: previous[0][m] for m in DEPLOYMENT_MEMBERS if previous and m in previous[0]}
        deployment: Json = {
            **carried,
            **{member: request[member] for member in DEPLOYMENT_MEMBERS if request.get(member) is not None},
            "id": f"ecs-svc/{next(TASK_NUMBERS):019d}",
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
        percents = record["deploymentConfiguration"]
        serving = len(record["deployments"]) > 1
        if serving and is_frozen(
            record["desiredCount"], percents["minimumHealthyPercent"], percents["maximumPercent"]
        ):
            return
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

    def _fail_one(self, record: Json, deployment: Json, behaviour: TaskBehaviour) -> None:
        """Start a task of the new deployment and let it fail; after a few of them the circuit breaker opens."""
        for started in range(FAILURES_TO_GIVE_UP):  # AWS starts several while nobody looks
            task = self._start(record["taskDefinition"], record, group=f"service:{record['serviceName']}")
            task["startedBy"] = deployment["id"]
            self._break(task, behaviour, record)
            deployment["failedTasks"] += 1
            if started == 0:
                self._event(record, f"(task {last_part(task['taskArn'])}) {_EVENTS[behaviour.kind]}")
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
            "id": f"ecs-svc/{next(TASK_NUMBERS):019d}",
            "status": "PRIMARY",
            "createdAt": _now(),
            "updatedAt": _now(),
            "rolloutState": "COMPLETED",
            "rolloutStateReason": reason,
        }
        record["deployments"] = [again]

    def _event(self, record: Json, message: str) -> None:
        event = {
            "id": new_task_id(),
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
            family = last_part(task["taskDefinitionArn"]).partition(":")[0]
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
        number = next(TASK_NUMBERS)
        task_id = new_task_id()
        partition_and_rest = cluster.split(":cluster/")
        task_arn = f"{partition_and_rest[0]}:task/{partition_and_rest[1]}/{task_id}"
        address = f"172.31.{number // 250 % 250}.{number % 250 + 4}"
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
            "attachments": [_network_interface(where, number, address)],
            "enableExecuteCommand": bool(where.get("enableExecuteCommand")),
            "healthStatus": "HEALTHY"
            if any(c.get("healthCheck") for c in definition.container_definitions)
            else "UNKNOWN",
            "overrides": {},
            "containers": [
                new_container(task_arn, task_id, address, c) for c in definition.container_definitions
            ],
        }
        self.tasks[task_arn] = task
        for container in definition.container_definitions:
            self._log(
                task, container, [f"{container['name']} would start now: this is a sandbox, nothing runs"]
            )
        return task

    def _break(self, task: Json, behaviour: TaskBehaviour, where: Mapping[str, Any]) -> None:
        definition = self.backend.describe_task_definition(task["taskDefinitionArn"])
        containers = definition.container_definitions
        essential = next(c for c in containers if c.get("essential", True))
        chosen = next((c for c in containers if c["name"] == behaviour.container), essential)
        self._log(task, chosen, behaviour.log)
        stop_code, stopped_reason, container_reason, code = exit_code(behaviour, chosen, where)
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
    ) -> TaskBehaviour:
        family, _, revision = last_part(definition).partition(":")
        for key in (name, family):
            scripted = BEHAVIOURS.get(key)
            if scripted and scripted.revision in (0, int(revision)) and scripted.times:
                if scripted.times > 0 and (task is not None or scripted.kind == "run"):
                    BEHAVIOURS[key] = scripted._replace(times=scripted.times - 1)
                return scripted
        described = self.backend.describe_task_definition(definition)
        missing = missing_input(self.backend, described.container_definitions, described.volumes)
        if missing:
            return missing
        code = plain_exit_code(described, (task or {}).get("overrides") or {})
        if code is not None:
            return TaskBehaviour("exit", code, log=(f"the command ends with {code}",))
        return TaskBehaviour("exit", 0) if job else TaskBehaviour()

    def _log(self, task: Json, container: Json, lines: Any) -> None:
        """Write lines where the awslogs driver would."""
        configuration = container.get("logConfiguration") or {}
        options = configuration.get("options") or {}
        if configuration.get("logDriver") != "awslogs" or not lines:
            return
        from moto.logs.models import logs_backends

        logs = logs_backends[self.backend.account_id][options.get("awslogs-region", self.backend.region_name)]
        group = options.get("awslogs-group", "")
        stream = (
            f"{options.get('awslogs-stream-prefix', '')}/{container['name']}/{last_part(task['taskArn'])}"
        )
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
DEPLOYMENT_MEMBERS = ("serviceConnectConfiguration", "volumeConfigurations")
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
    "secret": "was unable to start a task: ResourceInitializationError.",
    "unhealthy": "is unhealthy due to (reason: Task failed container health checks).",
    "target": "(port 80) is unhealthy in (target-group) due to (reason Health checks failed).",
}


def _deployed(record: Json) -> Json:
    deployment = (record["deployments"] or [{}])[0]
    return {
        **{member: record.get(member) for member in _NEEDS_TASKS},
        **{member: deployment[member] for member in DEPLOYMENT_MEMBERS if member in deployment},
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


def _network_interface(where: Mapping[str, Any], number: int, address: str) -> Json:
    network = (where.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return {
        "id": new_task_id(),
        "type": "ElasticNetworkInterface",
        "status": "ATTACHED",
        "details": [
            {"name": "subnetId", "value": (network.get("subnets") or [""])[0]},
            {"name": "networkInterfaceId", "value": f"eni-{number:017x}"},
            {"name": "privateIPv4Address", "value": address},
        ],
    }
