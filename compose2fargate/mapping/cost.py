"""What the whole stack costs a month, as far as a table of prices can tell."""

from __future__ import annotations

from compose2fargate.aws import prices
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import Size
from compose2fargate.aws.resources import EcsService, LoadBalancer, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import CacheReplicationGroup, DbInstance
from compose2fargate.aws.task_definition_rules import whole_number
from compose2fargate.mapping.containers.sizing import price_table
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings


def report_cost(settings: Settings, findings: TranslationFindings, stack: Stack) -> None:
    """Say what all services with all their tasks cost, and what is not counted."""
    table = price_table(settings)
    services = [service for _, service in stack.of_type(EcsService)]
    stores = [one.month for one in store_months(stack).values()]
    if not services and not stores:
        return
    total = stack_month(stack, table)
    balancers = sum(1 for _ in stack.of_type(LoadBalancer))
    tasks = sum(service.desired_count for service in services)
    what = f"{_count(len(services), 'service')} with {_count(tasks, 'task')}"
    more = [(balancers, "load balancer")] if balancers else []
    more += [(len(stores), "managed store")] if stores else []
    *others, last = (_count(*one) for one in more) if more else ("",)
    what += "".join(f", {one}" for one in others) + (f" and {last}" if last else "")
    what += " (of which not all prices are known)" if None in stores else ""
    whose = "your own prices" if settings.prices else f"prices of {prices.REGION}, {prices.DATE}"
    differ = _elsewhere(settings)
    findings.info(
        "C2F249",
        (),
        f"the whole stack, {what}, costs about {total:.2f} USD a month on demand ({whose}, {prices.HOURS} hours{differ}); "
        "jobs, NAT gateways, traffic, logs and file storage are extra",
        hint="use --prices FILE (or x-fargate.prices) for another region or a discount",
        url=prices.URL,
    )


def priced_by(settings: Settings) -> str:
    """Say by which prices a stack is priced."""
    whose = "your own prices" if settings.prices else f"{prices.REGION}, {prices.DATE}"
    return whose + _elsewhere(settings)


def _elsewhere(settings: Settings) -> str:
    elsewhere = settings.region not in ("", prices.REGION) and not settings.prices
    return f"; prices of {settings.region} differ" if elsewhere else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def stack_month(stack: Stack, table: prices.Prices) -> float:
    """Give what all services with all their tasks, the load balancers and the stores cost a month, on demand."""
    tasks = sum(service_month(stack, service, table) for _, service in stack.of_type(EcsService))
    balancers = sum(1 for _ in stack.of_type(LoadBalancer))
    stores = sum(one.month or 0 for one in store_months(stack).values())
    return tasks + balancers * prices.HOURS * table.load_balancer_hour + stores


class StoreMonth(NamedTuple):
    """The class of a database or cache, and what it costs a month; None where its price is not known."""

    size: str
    month: float | None


def store_months(stack: Stack) -> dict[str, StoreMonth]:
    """Give what each database and cache that AWS runs costs a month, on demand, by its logical id."""
    databases = {
        node: StoreMonth(
            made.db_instance_class,
            prices.store_month(made.db_instance_class, 1 + made.multi_az, made.allocated_storage),
        )
        for node, made in stack.of_type(DbInstance)
    }
    caches = {
        node: StoreMonth(
            made.cache_node_type, prices.store_month(made.cache_node_type, made.num_cache_clusters)
        )
        for node, made in stack.of_type(CacheReplicationGroup)
    }
    return {**databases, **caches}


def service_month(stack: Stack, service: EcsService, table: prices.Prices) -> float:
    """Give what the tasks of one service cost a month, on demand."""
    if not isinstance(service.task_definition, Ref):
        return 0.0
    definition = stack.resources[service.task_definition.logical_id]
    if not isinstance(definition, TaskDefinition):  # pragma: no cover - the mapping refers to nothing else
        return 0.0
    size = Size(whole_number(definition.cpu), whole_number(definition.memory))
    storage = definition.ephemeral_storage
    task = prices.task_month(
        table, size, definition.runtime_platform.cpu_architecture, storage.size_in_gib if storage else None
    )
    public = service.network_configuration.awsvpc_configuration.assign_public_ip == "ENABLED"
    return service.desired_count * (task + public * prices.HOURS * table.public_ip_hour)
