"""Fifty services, with 50 ms on every call: a run takes little more than its longest chain of steps."""

from __future__ import annotations

import time
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import RATES, AwsAccount, CallRate, TokenBucket
from compose2fargate.apply.deployment import execution, executor, planner
from compose2fargate.apply.deployment.read_state import creation_order, read_state
from compose2fargate.apply.handlers.handler import HandlerContext, StackOwner
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.resources import Resource, Trust
from compose2fargate.aws.stack import Stack
from compose2fargate.sample_stack import sample_stack

LATENCY = 0.05
COUNT = 50


def many(count: int) -> Stack:
    """A stack of services of one kind, each with a log group, a role, a task definition."""
    sample = sample_stack("many", stores=False).resources
    shared = ("account", "network", "cluster", "security-group/default")
    resources: dict[str, Resource] = {node: sample[node] for node in shared}
    definition: Any = sample["task-definition/web"]
    service: Any = sample["service/db"]
    log_group: Any = sample["log-group/web"]
    role: Any = sample["infrastructure-role"]
    for number in range(count):
        name = f"s{number}"
        resources[f"log-group/{name}"] = log_group._replace(log_group_name=f"/ecs/many/{name}")
        resources[f"task-role/{name}"] = role._replace(
            role_name=f"many-{name}", trust=Trust("ecs-tasks.amazonaws.com"), managed_policy_arns=()
        )
        container = definition.container_definitions[0]._replace(name="app", essential=True)
        resources[f"task-definition/{name}"] = definition._replace(
            family=f"many-{name}",
            container_definitions=(container,),
            execution_role_arn=_ref(f"task-role/{name}", "arn"),
            volumes=(),
        )
        resources[f"service/{name}"] = service._replace(
            service_name=name,
            task_definition=_ref(f"task-definition/{name}", "family"),
            load_balancers=(),
            service_registries=(),
            service_connect_configuration=None,
            volume_configurations=(),
        )
    return Stack("many", resources, {}, {})


def _ref(node: str, attribute: str) -> Any:
    from compose2fargate.aws.api_values import Ref

    return Ref(node, attribute)


def longest_chain(stack: Stack, result: execution.ExecutionResult) -> float:
    """Add up the seconds of the steps along the links; the largest sum is what no number of workers goes below."""
    seconds = {outcome.action.logical_id: outcome.seconds for outcome in result.outcomes}
    edges, sums = creation_order(stack), {}

    def total(node: str) -> float:
        if node not in sums:
            sums[node] = seconds.get(node, 0.0) + max((total(other) for other in edges[node]), default=0.0)
        return sums[node]

    return max(map(total, edges))


@pytest.mark.benchmark
def test_fifty_services_take_little_more_than_the_longest_chain(
    sandbox: Sandbox, one_account: AwsAccount
) -> None:
    stack = many(COUNT)
    context = HandlerContext(one_account, StackOwner("many", "", "many"))
    planned = planner.make_plan(stack, read_state(stack, context), context)
    sandbox.clear()
    sandbox.fault(latency=LATENCY, times=10**9)
    began = time.monotonic()
    result = executor.execute_plan(stack, planned, context)
    took = time.monotonic() - began
    calls = len(sandbox.calls)
    sandbox.clear()
    assert result.exit_code == 0, result.diagnostics
    chain = longest_chain(stack, result)
    print(
        f"\n{COUNT} services, {calls} calls of {LATENCY * 1000:.0f} ms: {took:.2f} s; one by one {calls * LATENCY:.1f} s;"
        f" longest chain {chain:.2f} s; ratio {took / chain:.2f}"
    )
    assert took <= 1.3 * chain


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    bucket = TokenBucket(CallRate(20, 1.0), clock=lambda: now[0], sleep=sleep)
    for _ in range(25):
        bucket.take()
    assert waits == pytest.approx([1.0] * 5)
    now[0] += 100
    for _ in range(20):
        bucket.take()
    assert len(waits) == 5


def throttled(sandbox: Sandbox) -> int:
    return sum(call.faulted for call in sandbox.calls)


def apply_many(sandbox: Sandbox, account: AwsAccount, count: int) -> tuple[execution.ExecutionResult, float]:
    """Apply a stack of services with the rates that are set; give the result, and the seconds it took."""
    stack, context = many(count), HandlerContext(account, StackOwner("many", "", "many"))
    account.forget()
    planned = planner.make_plan(stack, read_state(stack, context), context)
    sandbox.calls.clear()
    began = time.monotonic()
    result = executor.execute_plan(stack, planned, context, execution.ExecutionOptions(wait=False))
    return result, time.monotonic() - began


def test_the_rates_are_those_that_ecs_documents() -> None:
    assert RATES["RegisterTaskDefinition"] == CallRate(burst=20, refill=1)
    assert RATES["RegisterTaskDefinition"] is RATES["DeregisterTaskDefinition"]


def test_the_fake_throttles_what_comes_too_fast(sandbox: Sandbox, hasty_account: AwsAccount) -> None:
    sandbox.throttle("ListClusters|ListServices", burst=3, refill=0.001)
    ecs = hasty_account.client("ecs")
    for _ in range(3):
        ecs.list_clusters()
    with pytest.raises(hasty_account.client_error, match="ThrottlingException"):
        ecs.list_clusters()
    ecs.list_task_definitions()
    assert throttled(sandbox) == 1
    sandbox.clear()
    ecs.list_clusters()


def test_our_own_buckets_keep_below_the_rate(sandbox: Sandbox, session: Any) -> None:
    """Three times as fast as ECS, so that the test is; the whole thing at its real rates is below.

    Faster, a machine that stands still for the time of two calls would send them at once, which is not what is asked here.
    """
    fast = {"RegisterTaskDefinition": CallRate(5, 3.0)}
    account = AwsAccount(session, rates=fast, pause=0.01)
    sandbox.throttle("RegisterTaskDefinition", burst=5, refill=3.0)
    result, took = apply_many(sandbox, account, 15)
    assert result.exit_code == 0, result.diagnostics
    assert took >= (15 - 5) / 3.0 * 0.9
    assert throttled(sandbox) <= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_services_keep_to_the_rates_of_ecs(sandbox: Sandbox, session: Any) -> None:
    """Against a fake that throttles as ECS does: with our buckets nothing is refused, without them much is."""
    seen = {}
    for name, rates in (("with", RATES), ("without", {})):
        sandbox.reset()
        account = AwsAccount(session, rates=rates, pause=0.01)
        sandbox.throttle()
        result, took = apply_many(sandbox, account, COUNT)
        seen[name] = (result.exit_code, throttled(sandbox))
        failed = sum(outcome.status != executor.DONE for outcome in result.outcomes)
        print(
            f"\n{COUNT} services, {name} our token buckets: {len(sandbox.calls)} calls, {throttled(sandbox)} throttled,"
            f" {took:.1f} s, {failed} of {len(result.outcomes)} steps not done"
        )
    assert seen["with"][0] == 0
    assert seen["with"][1] <= 2
    assert seen["without"][1] >= 30


def test_what_is_throttled_all_the_same_is_tried_again(sandbox: Sandbox, account: AwsAccount) -> None:
    sandbox.fault(service="ecs", operation="ListClusters", code="ThrottlingException", times=2)
    assert account.client("ecs").list_clusters()["clusterArns"] == []
    assert [call.faulted for call in sandbox.calls] == [True, True, False]
