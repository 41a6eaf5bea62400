"""How a stack is: its services, jobs and schedules, read from AWS at once; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from compose2fargate.apply.aws_client.account import AwsAccount, error_code, translated_errors
from compose2fargate.apply.day_two.aws_names import (
    DeployedService,
    LogSource,
    deployed_services,
    log_sources,
    service_addresses,
)
from compose2fargate.apply.day_two.ecs_reads import call_all, live_services, short_arn, tasks_of
from compose2fargate.apply.deployment.rollout import primary_deployment
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.handlers.cache_handlers import CacheReplicationGroupHandler
from compose2fargate.apply.handlers.database_handlers import DbInstanceHandler
from compose2fargate.apply.handlers.handler import HandlerContext, Json
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler
from compose2fargate.aws.ownership import RAN_TAG
from compose2fargate.aws.resources import LoadBalancer
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import CacheReplicationGroup, DbInstance
from compose2fargate.records import NamedTuple

MISSING = "not deployed"


class ServiceStatus(NamedTuple):
    """One ECS service.

    Attributes:
        service: The compose name.
        name: The name in ECS.
        desired: How many tasks there are to be.
        running: How many run, of all revisions.
        pending: How many are starting.
        revision: What serves, `family:revision`; "" when it is not deployed.
        latest: The newest registered revision, when that is another one.
        health: healthy, unhealthy (with how many), starting, or - where nothing is checked.
        state: steady, deploying, failed, "not deployed".
        since: Since when this revision is the one to serve.
        event: The last thing that ECS said, without the service's name.
        event_at: When it said so.
        urls: Where it can be reached from outside.
    """

    service: str
    name: str
    desired: int = 0
    running: int = 0
    pending: int = 0
    revision: str = ""
    latest: str = ""
    health: str = "-"
    state: str = MISSING
    since: datetime | None = None
    event: str = ""
    event_at: datetime | None = None
    urls: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it runs as it is to."""
        enough = self.running == self.desired and not self.pending
        return self.state == "steady" and enough and not self.health.endswith("unhealthy")


class JobStatus(NamedTuple):
    """One job, and its schedule if it has one.

    Attributes:
        service: The compose name.
        revision: The newest revision; "" when it is not deployed.
        running: How many tasks of it run.
        last: When it ran last, as far as ECS, our tag or its log can tell.
        outcome: "exit 0", "exit 3", "running", "did not start"; "" where it is not known any more.
        schedule: The schedule's expression; "" for none.
        state: The schedule's state: ENABLED, DISABLED; "" where there is no schedule in AWS.
    """

    service: str
    revision: str = ""
    running: int = 0
    last: datetime | None = None
    outcome: str = ""
    schedule: str = ""
    state: str = ""


class StoreStatus(NamedTuple):
    """One database or cache that AWS runs.

    Attributes:
        service: The compose name.
        name: The name in RDS or ElastiCache.
        engine: Engine and version, `postgres 16.4`; "" when it is not deployed.
        size: The class of its instances.
        state: What AWS says: available, creating, modifying; "not deployed".
        endpoint: Its name in the DNS; "" until it has one.
        pending: Whether a setting takes effect with the next restart only.
    """

    service: str
    name: str
    engine: str = ""
    size: str = ""
    state: str = MISSING
    endpoint: str = ""
    pending: bool = False

    @property
    def good(self) -> bool:
        """Whether clients reach it."""
        return self.state in GOOD_STATES


GOOD_STATES = DbInstanceHandler.ready - {"stopped"} | CacheReplicationGroupHandler.ready
"""States in which a store serves."""


class StackStatus(NamedTuple):
    """A whole stack."""

    stack: str
    region: str
    services: tuple[ServiceStatus, ...]
    jobs: tuple[JobStatus, ...]
    stores: tuple[StoreStatus, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every service and every store runs as it is to."""
        return all(service.good for service in self.services) and all(store.good for store in self.stores)


def read_status(deployment: Deployment) -> StackStatus:
    """Read how the stack is.

    Raises:
        AwsError: AWS cannot be asked.
    """
    stack, account = deployment.stack, deployment.account
    every = deployed_services(stack)
    with translated_errors("reading the status"):
        live = live_services(account, every.values())
        works: dict[str, Any] = {"dns": partial(load_balancer_hosts, account, stack)}
        for place in every.values():
            works[f"latest {place.service}"] = partial(
                TaskDefinitionHandler().read, place.family, deployment.context
            )
            works[f"tasks {place.service}"] = partial(_tasks, account, place, live)
            if place.schedule:
                works[f"schedule {place.service}"] = partial(_schedule, account, place.schedule)
        for node, store in _stores(stack):
            works[f"store {node}"] = partial(_store, stack.origins.get(node, ""), store, deployment.context)
        read = call_all(works)
        services = [
            _service(stack, place, live.get(place.service), read) for place in every.values() if not place.job
        ]
        logs = {source.service: source for source in log_sources(stack)}
        jobs = [
            _job(place, read, logs.get(place.service), deployment.context)
            for place in every.values()
            if place.job
        ]
    stores = tuple(read[f"store {node}"] for node, _ in _stores(stack))
    return StackStatus(stack.name, account.region, tuple(services), tuple(jobs), stores)


def load_balancer_hosts(account: AwsAccount, stack: Stack) -> dict[str, str]:
    """Give the names in DNS of the stack's load balancers, by their own names; those that exist."""
    found: dict[str, str] = {}
    for _, balancer in stack.of_type(LoadBalancer):
        try:
            answer = account.client("elbv2").describe_load_balancers(Names=[balancer.name])
        except account.client_error as error:
            if error_code(error) != "LoadBalancerNotFound":
                raise
            continue
        found |= {one["LoadBalancerName"]: one["DNSName"] for one in answer["LoadBalancers"]}
    return found


def _tasks(account: AwsAccount, place: DeployedService, live: Mapping[str, Json]) -> list[Json]:
    if not place.job:
        if place.service not in live:
            return []
        return tasks_of(account, place.cluster, serviceName=place.name, desiredStatus="RUNNING")
    both = (
        tasks_of(account, place.cluster, family=place.family, desiredStatus=status)
        for status in ("RUNNING", "STOPPED")
    )
    return [task for tasks in both for task in tasks]


def _schedule(account: AwsAccount, name: str) -> Json:
    try:
        answer: Json = account.client("scheduler").get_schedule(Name=name)
    except account.client_error as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return {}
    return answer


# -- stores


def _stores(stack: Stack) -> Iterator[tuple[str, DbInstance | CacheReplicationGroup]]:
    yield from stack.of_type(DbInstance)
    yield from stack.of_type(CacheReplicationGroup)


def _store(service: str, store: DbInstance | CacheReplicationGroup, context: HandlerContext) -> StoreStatus:
    name = store.db_instance_identifier if isinstance(store, DbInstance) else store.replication_group_id
    handler = DbInstanceHandler() if isinstance(store, DbInstance) else CacheReplicationGroupHandler()
    found = handler.named(name, context)
    if found is None:
        return StoreStatus(service or name, name)
    state = found.state
    return StoreStatus(
        service or name,
        name,
        f"{state.get('engine', '')} {state.get('engineVersion', '')}".strip(),
        str(state.get("dBInstanceClass") or state.get("cacheNodeType") or ""),
        str(found.extra["status"]),
        str(found.attributes.get("endpoint", "")),
        bool(found.extra.get("pending")),
    )


# -- services


def _service(
    stack: Stack, place: DeployedService, live: Json | None, read: Mapping[str, Any]
) -> ServiceStatus:
    if live is None:
        return ServiceStatus(place.service, place.name)
    deployment = primary_deployment(live)
    revision = short_arn(str(deployment.get("taskDefinition", live["taskDefinition"])))
    latest = read[f"latest {place.service}"]
    newest = latest.name if latest else revision
    events = live.get("events") or [{}]
    dns: Mapping[str, str] = read["dns"]
    return ServiceStatus(
        place.service,
        place.name,
        live["desiredCount"],
        live.get("runningCount", 0),
        live.get("pendingCount", 0),
        revision,
        newest if newest != revision else "",
        health_of(read[f"tasks {place.service}"]),
        state_of(live),
        deployment.get("createdAt"),
        events[0].get("message", "").replace(f"(service {place.name}) ", ""),
        events[0].get("createdAt"),
        tuple(
            one.url(dns[one.balancer])
            for one in service_addresses(stack, place.service)
            if one.balancer in dns
        ),
    )


def state_of(service: Json) -> str:
    """Say in a word how the latest deployment is."""
    deployment = primary_deployment(service)
    rollout = deployment.get("rolloutState", "COMPLETED")
    if rollout == "FAILED":
        return "failed"
    return "steady" if rollout == "COMPLETED" and len(service.get("deployments", [])) <= 1 else "deploying"


def health_of(tasks: Iterable[Json]) -> str:
    """Say how the container health checks of tasks are: the worst that there is."""
    states = [task.get("healthStatus", "UNKNOWN") for task in tasks]
    sick = states.count("UNHEALTHY")
    if sick:
        return f"{sick} of {len(states)} unhealthy"
    checked = [state for state in states if state != "UNKNOWN"]
    return "healthy" if checked and len(checked) == len(states) else "starting" if checked else "-"


# -- jobs


def _job(
    place: DeployedService, read: Mapping[str, Any], source: LogSource | None, context: HandlerContext
) -> JobStatus:
    found, tasks = read[f"latest {place.service}"], read[f"tasks {place.service}"]
    schedule = read.get(f"schedule {place.service}") or {}
    last, outcome = _last_run(place, tasks)
    if last is None and found is not None:
        last, outcome = _remembered(found.tags or {}, source, context.account)
    return JobStatus(
        place.service,
        found.name if found else "",
        sum(task["lastStatus"] != "STOPPED" for task in tasks),
        last,
        outcome,
        schedule.get("ScheduleExpression", ""),
        schedule.get("State", ""),
    )


def _last_run(place: DeployedService, tasks: list[Json]) -> tuple[datetime | None, str]:
    """Give when the newest of the tasks that ECS remembers began, and how it ended."""
    if not tasks:
        return None, ""
    newest = max(tasks, key=lambda task: task.get("createdAt") or datetime.fromtimestamp(0, timezone.utc))
    at = newest.get("startedAt") or newest.get("createdAt")
    if newest["lastStatus"] != "STOPPED":
        return at, newest["lastStatus"].lower()
    code = next(
        (c.get("exitCode") for c in newest.get("containers", []) if c["name"] == place.container), None
    )
    return at, "did not start" if code is None else f"exit {code}"


def _remembered(
    tags: Mapping[str, str], source: LogSource | None, account: AwsAccount
) -> tuple[datetime | None, str]:
    """Give the last run that ECS has forgotten: our tag remembers those of `apply`, the log those of schedules."""
    at = _time(tags.get(RAN_TAG, ""))
    logged = _last_written(account, source) if source else None
    if logged and (at is None or logged > at):
        return logged, ""
    return at, "exit 0" if at else ""


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _last_written(account: AwsAccount, source: LogSource) -> datetime | None:
    try:
        streams = account.client("logs").describe_log_streams(
            logGroupName=source.group, orderBy="LastEventTime", descending=True, limit=1
        )["logStreams"]
    except account.client_error as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return None
    at = streams[0].get("lastEventTimestamp") or streams[0].get("creationTime") if streams else None
    return datetime.fromtimestamp(at / 1000, timezone.utc) if at else None
