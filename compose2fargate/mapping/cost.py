"""What the whole stack costs a month, as far as a table of prices can tell."""

from __future__ import annotations

from compose2fargate.aws import prices
from compose2fargate.aws.fargate import Size
from compose2fargate.aws.resources import EcsService, LoadBalancer, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.sizing import price_table


def report_cost(ctx: Context, stack: Stack) -> None:
    """Say what all services with all their tasks cost, and what is not counted."""
    table = price_table(ctx.settings)
    services = [service for _, service in stack.of_type(EcsService)]
    if not services:
        return
    total = sum(service_month(stack, service, table) for service in services)
    balancers = sum(1 for _ in stack.of_type(LoadBalancer))
    total += balancers * prices.HOURS * table.load_balancer_hour
    tasks = sum(service.desired_count for service in services)
    what = f"{_count(len(services), 'service')} with {_count(tasks, 'task')}"
    if balancers:
        what += f" and {_count(balancers, 'load balancer')}"
    whose = "your own prices" if ctx.settings.prices else f"prices of {prices.REGION}, {prices.DATE}"
    ctx.info(
        "C2F249",
        (),
        f"the whole stack, {what}, costs about {total:.2f} USD a month on demand ({whose}, {prices.HOURS} hours); "
        "jobs, NAT gateways, traffic, logs and file storage come on top",
        hint="--prices FILE (or x-fargate.prices) for another region or a discount",
        url=prices.URL,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def service_month(stack: Stack, service: EcsService, table: prices.Prices) -> float:
    """Give what the tasks of one service cost a month, on demand."""
    if not isinstance(service.task_definition, Ref):
        return 0.0
    definition = stack.resources[service.task_definition.logical_id]
    if not isinstance(definition, TaskDefinition):  # pragma: no cover - the mapping refers to nothing else
        return 0.0
    size = Size(int(definition.cpu), int(definition.memory))
    storage = definition.ephemeral_storage
    task = prices.task_month(
        table, size, definition.runtime_platform.cpu_architecture, storage.size_in_gib if storage else None
    )
    public = service.network_configuration.awsvpc_configuration.assign_public_ip == "ENABLED"
    return service.desired_count * (task + public * prices.HOURS * table.public_ip_hour)
