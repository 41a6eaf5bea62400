"""Databases and caches that AWS runs: made, changed in place, kept, deleted with a last snapshot; never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two.status import read_status
from compose2fargate.apply.deployment import plan_display, planner
from compose2fargate.apply.deployment.stack_deployment import Deployment
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import STORE_TYPES
from compose2fargate.cli import status as cli_status
from compose2fargate.sample_stack import sample_stack
from tests.apply.test_faults import FAULTS, TABLES, attempt, calls_to_try, met
from tests.apply.world import CANARY, World

DB, CACHE = "db-instance/orders", "cache-replication-group/sessions"


NEEDED = (
    "account",
    "network",
    "dns-namespace",
    "security-group/default",
    "secret/password",
    "discovery-service/orders",
)


def small_stack() -> Stack:
    """The stores of the sample stack, and what they need, and nothing else."""
    every = sample_stack("shop").resources
    kept = {node: one for node, one in every.items() if node in NEEDED or isinstance(one, STORE_TYPES)}
    return Stack("shop", kept, {}, {})


@pytest.fixture
def stores(account: AwsAccount) -> World:
    return World(account, small_stack())


@pytest.fixture
def made(stores: World, sandbox: Sandbox) -> World:
    result = stores.apply()
    assert result.exit_code == 0, result.diagnostics
    sandbox.calls.clear()
    return stores


def database(world: World) -> Any:
    return world.account.client("rds").describe_db_instances(DBInstanceIdentifier="shop-orders")[
        "DBInstances"
    ][0]


def codes(planned: planner.Plan) -> list[str]:
    return [one.code for one in planned.diagnostics]


def test_stores_are_waited_for_and_then_have_a_name(stores: World) -> None:
    assert stores.apply().exit_code == 0
    waits = {node: text for node, state, text in stores.progress.told if state == "waiting"}
    assert waits[DB].startswith("for RDS: ")
    assert waits[CACHE].startswith("for ElastiCache: ")
    assert database(stores)["DBInstanceStatus"] == "available"
    found = stores.plan().found
    assert found["discovery-instance/orders"].state["target"] == database(stores)["Endpoint"]["Address"]
    assert stores.kinds() == {}


def test_the_password_reaches_rds_and_nothing_else(stores: World, tmp_path: Any, caplog: Any) -> None:
    from moto.rds.models import rds_backends

    planned = stores.plan()
    shown = plan_display.plan_as_text(planned) + json.dumps(plan_display.plan_as_json(planned))
    result = stores.apply(planned=planned)
    told = f"{shown}{planned}{result}{stores.progress.told}{caplog.text}{stores.plan()}"
    backend = rds_backends["123456789012"]["eu-central-1"]
    assert backend.databases["shop-orders"]._master_user_password == CANARY
    assert CANARY not in told


def test_a_password_that_rds_refuses_is_not_repeated(stores: World) -> None:
    bad = f"{CANARY} with blanks"
    stores.context = stores.context._replace(secret_value=lambda _: bad)
    result = stores.apply()
    (told,) = result.diagnostics
    assert "not a valid password: (hidden)" in told.message
    assert CANARY not in f"{result}{stores.progress.told}"


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "class": (DB, {"db_instance_class": "db.t4g.small"}),
    "storage": (DB, {"allocated_storage": 50, "max_allocated_storage": 200}),
    "zones": (DB, {"multi_az": False}),
    "backups and protection": (DB, {"backup_retention_period": 14, "deletion_protection": False}),
    "logs": (DB, {"enable_cloudwatch_logs_exports": ("upgrade",)}),
    "parameters": (
        "db-parameter-group/orders",
        {"parameters": {"work_mem": "16384", "max_connections": "200"}},
    ),
    "node type": (CACHE, {"cache_node_type": "cache.t4g.small"}),
    "fewer nodes": (
        CACHE,
        {"num_cache_clusters": 1, "automatic_failover_enabled": False, "multi_az_enabled": False},
    ),
    "snapshots": (CACHE, {"snapshot_retention_limit": 5}),
    "parameters of a cache": ("cache-parameter-group/sessions", {"parameters": {"timeout": "30"}}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_made_in_place_and_back(made: World, sandbox: Sandbox, what: str) -> None:
    node, members = CHANGES[what]
    changed = made.change(node, **members)
    assert changed.kinds() == {node: planner.UPDATE}
    result = changed.apply()
    assert result.exit_code == 0, result.diagnostics
    assert changed.kinds() == {}
    if what == "storage":  # what has grown does not shrink, and nobody is told each time
        assert made.change(DB, max_allocated_storage=200).kinds() == {}
        return
    assert made.apply().exit_code == 0
    assert made.kinds() == {}
    assert {call.operation for call in sandbox.calls} & {
        "DeleteDBInstance",
        "DeleteReplicationGroup",
    } == set()


@pytest.mark.parametrize("node", ["db-parameter-group/orders", "cache-parameter-group/sessions"])
def test_parameters_that_are_taken_out_leave_the_others(made: World, sandbox: Sandbox, node: str) -> None:
    more = made.change(node, parameters={"timeout": "30", "tcp-keepalive": "60"})
    fewer = made.change(node, parameters={"tcp-keepalive": "60"})
    assert more.apply().exit_code == 0
    assert more.kinds() == {}
    assert fewer.apply().exit_code == 0
    assert fewer.kinds() == {}
    assert [c.operation for c in sandbox.calls if c.operation.startswith("Reset")]


def test_a_change_that_interrupts_is_noted(made: World) -> None:
    (action,) = made.change(DB, db_instance_class="db.t4g.small").plan().pending
    assert action.note == "interrupts it for some minutes"


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "name of the first database": (DB, {"db_name": "other"}, "would be empty"),
    "administrator": (DB, {"master_username": "other"}, "would be empty"),
    "engine": (DB, {"engine": "mysql"}, "would be empty"),
    "major version": (DB, {"engine_version": "17"}, "no way back"),
    "earlier version": (DB, {"engine_version": "15"}, "does not go back"),
    "earlier version of a cache": (CACHE, {"engine_version": "7.2"}, "does not go back"),
    "port of a cache": (CACHE, {"port": 6380}, "would be empty"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_lose_data_is_refused_in_the_plan(made: World, sandbox: Sandbox, what: str) -> None:
    node, members, why = REFUSED[what]
    changed = made.change(node, **members)
    planned = changed.plan()
    assert codes(planned) == ["C2F576"]
    assert why in planned.diagnostics[0].message
    assert planned.diagnostics[0].hint
    assert {a.logical_id: a.kind for a in planned.actions if a.kind != planner.KEEP} == {
        node: planner.REFUSED
    }
    assert "1 refused" in plan_display.plan_summary(planned)
    sandbox.calls.clear()
    changed.apply(planned=planned)
    assert [
        c.operation for c in sandbox.calls if c.operation.startswith(("Modify", "Delete", "Create"))
    ] == []


def with_family(world: World, version: str) -> World:
    """Another version, with the parameter group of its family, as the mapping makes them."""
    group: Any = world.stack.resources["db-parameter-group/orders"]
    major = version.partition(".")[0]
    others = {
        "db-parameter-group/orders": group._replace(
            db_parameter_group_name=f"shop-orders-postgres{major}",
            db_parameter_group_family=f"postgres{major}",
        )
    }
    changed = world.with_resources({**world.stack.resources, **others})
    return changed.change(DB, engine_version=version, allow_major_version_upgrade=True)


def test_a_major_version_is_upgraded_where_that_is_asked_for(made: World) -> None:
    newer = with_family(made, "17")
    assert newer.kinds(prune=True)[DB] == planner.UPDATE
    result = newer.apply(prune=True)
    assert result.exit_code == 0, result.diagnostics
    assert database(made)["EngineVersion"].startswith("17")
    assert newer.kinds() == {}
    groups = made.account.client("rds").describe_db_parameter_groups()["DBParameterGroups"]
    assert [one["DBParameterGroupName"] for one in groups] == ["shop-orders-postgres17"]


def test_a_cache_is_upgraded_in_place(stores: World) -> None:
    older = stores.change(
        "cache-parameter-group/sessions",
        cache_parameter_group_name="shop-v7",
        cache_parameter_group_family="valkey7",
    ).change(CACHE, engine_version="7.2")
    assert older.apply().exit_code == 0
    assert older.kinds() == {}
    assert stores.kinds()[CACHE] == planner.UPDATE
    assert stores.apply(prune=True).exit_code == 0
    assert stores.kinds() == {}


def test_a_minor_version_of_a_cache_that_aws_has_upgraded_is_as_wanted(made: World) -> None:
    cache_in(made, "available").nodes["shop-sessions"]["EngineVersion"] = "8.1.0"
    assert made.kinds() == {}
    newer = made.change(CACHE, engine_version="8.2")
    assert newer.kinds() == {CACHE: planner.UPDATE}


def test_minor_versions_that_aws_has_upgraded_are_as_wanted(made: World) -> None:
    rds = made.account.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="shop-orders", EngineVersion="16.9", ApplyImmediately=True)
    while database(made)["EngineVersion"] != "16.9":
        pass
    assert made.kinds() == {}


def test_the_status_shows_stores_and_whether_they_serve(made: World) -> None:
    seen = read_status(Deployment(made.stack, made.context)).stores
    assert [(one.name, one.engine, one.size, one.state, one.good) for one in seen] == [
        ("shop-orders", "postgres 16.1", "db.t4g.micro", "available", True),
        ("shop-sessions", "valkey 8.0.1", "cache.t4g.micro", "available", True),
    ]
    assert seen[0].endpoint == database(made)["Endpoint"]["Address"]
    assert made.destroy().exit_code == 0
    gone = read_status(Deployment(made.stack, made.context))
    assert [(one.state, one.good) for one in gone.stores] == [("not deployed", False)] * 2
    assert not gone.good
    console: Any = SimpleNamespace(color=False)
    text = cli_status.as_text(gone, datetime.now(timezone.utc), console)
    assert ["shop-orders", "-", "-", "not", "deployed", "-"] in [line.split() for line in text.splitlines()]


def test_a_minor_version_is_upgraded_without_being_asked_twice(made: World) -> None:
    newer = made.change(DB, engine_version="16.4")
    assert newer.kinds() == {DB: planner.UPDATE}
    assert newer.apply().exit_code == 0
    assert newer.kinds() == {}


def test_more_storage_mends_a_database_whose_storage_is_full(made: World, sandbox: Sandbox) -> None:
    with_status(made, "storage-full")
    larger = made.change(DB, allocated_storage=50, max_allocated_storage=200, backup_retention_period=9)
    result = larger.apply()
    assert result.exit_code == 0, result.diagnostics
    seen = database(made)
    assert (seen["DBInstanceStatus"], seen["AllocatedStorage"]) == ("available", 50)
    assert larger.kinds() == {}


def test_a_database_whose_storage_is_full_gets_nothing_else(made: World, sandbox: Sandbox) -> None:
    with_status(made, "storage-full")
    (told,) = made.change(DB, backup_retention_period=9).apply().diagnostics
    assert (told.code, "storage-full" in told.message) == ("C2F577", True)
    assert "ModifyDBInstance" not in operations(sandbox)


@pytest.mark.parametrize(("before", "after"), [(50, 60), (50, 500), (500, 600)])
def test_storage_grows_with_the_speed_that_it_has(stores: World, before: int, after: int) -> None:
    small = stores.change(DB, allocated_storage=before, max_allocated_storage=1000)
    assert small.apply().exit_code == 0
    larger = stores.change(DB, allocated_storage=after, max_allocated_storage=1000)
    result = larger.apply()
    assert result.exit_code == 0, result.diagnostics
    seen = database(stores)
    assert (seen["AllocatedStorage"], seen["Iops"]) == (after, 12000 if after >= 400 else 3000)


# -- what stays, and what goes


def test_stores_outlive_a_destroyed_stack_with_what_they_need(made: World) -> None:
    nothing = Stack("shop", {}, {}, {})
    from compose2fargate.apply.deployment.read_state import read_state

    planned = planner.plan_destruction(
        read_state(nothing, made.context), made.context, planner.PlanOptions(secrets=True)
    )
    kept = {one.title: (one.cost, one.option) for one in plan_display.what_stays(planned)}
    assert kept["db-instance/orders shop-orders"] == ("db.t4g.micro, about 27.96 USD a month", "--stores")
    assert kept["cache-replication-group/sessions shop-sessions"] == (
        "cache.t4g.micro, about 18.69 USD a month",
        "--stores",
    )
    assert made.destroy(stores=False).exit_code == 0
    left = made.everything()
    assert (left["databases"], left["caches"], left["namespaces"]) == (1, 1, 0)
    groups = made.account.client("ec2").describe_security_groups()["SecurityGroups"]
    assert "shop-default" in {group["GroupName"] for group in groups}
    again = made.apply()
    assert again.exit_code == 0, again.diagnostics
    assert made.kinds() == {}


def test_stores_go_with_a_last_snapshot_of_a_free_name(made: World) -> None:
    before = database(made)
    name = f"shop-orders-final-{before['InstanceCreateTime']:%Y%m%d%H%M%S}"
    rds = made.account.client("rds")
    rds.create_db_snapshot(DBInstanceIdentifier="shop-orders", DBSnapshotIdentifier=name)
    result = made.destroy()
    assert result.exit_code == 0, result.diagnostics
    notes = {o.action.logical_id: o.action.note for o in result.outcomes}
    assert notes[DB] == f"leaves the snapshot {name}"
    snapshots = {one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]}
    assert snapshots == {name, f"{name}-2"}
    (of_cache,) = made.account.client("elasticache").describe_snapshots()["Snapshots"]
    assert of_cache["SnapshotName"].startswith("shop-sessions-final-")
    assert set(made.everything().values()) == set(
        World(made.account, Stack("shop", {}, {}, {})).everything().values()
    )
    assert made.apply().exit_code == 0


def test_a_store_that_left_the_file_is_kept_by_prune(made: World, sandbox: Sandbox) -> None:
    others = {k: r for k, r in made.stack.resources.items() if k in ("account", "network", "secret/password")}
    smaller = World(made.account, made.stack._replace(resources=others), made.context.owner)
    smaller.context = made.context
    planned = smaller.plan(prune=True)
    notes = {a.logical_id: a.note for a in planned.actions if a.kind == planner.LEFT}
    assert notes[DB].startswith("holds data; --stores")
    assert notes["db-subnet-group"] == "db-instance/orders uses it" or "uses it" in str(notes)
    assert smaller.apply(prune=True).exit_code == 0
    assert smaller.everything()["databases"] == 1
    assert smaller.apply(prune=True, stores=True).exit_code == 0
    assert smaller.everything()["databases"] == 0


def test_a_stack_without_stores_lists_none(account: AwsAccount, sandbox: Sandbox) -> None:
    """Who deploys one need not be allowed to see databases."""
    few = {
        k: r for k, r in small_stack().resources.items() if not k.startswith(("db-", "cache-", "discovery"))
    }
    world = World(account, Stack("shop", few, {}, {}))
    assert world.apply().exit_code == 0
    assert world.kinds() == {}
    assert {call.service for call in sandbox.calls} & {"rds", "elasticache"} == set()


# -- runs that end before they are over


def test_the_next_run_waits_for_what_is_being_made(stores: World, account: AwsAccount) -> None:
    first = stores.account
    patient = account.sleep

    def interrupt(seconds: float) -> None:
        account._stop.set()
        patient(seconds)

    stores.account.sleep = interrupt  # type: ignore[method-assign]
    try:
        result = stores.apply()
    finally:
        del first.sleep
    assert result.interrupted
    planned = stores.plan()
    found = {a.logical_id: a for a in planned.pending}
    waiting = [a for a in found.values() if [c.member for c in a.changes] == ["status"]]
    assert waiting
    assert {c.after for a in waiting for c in a.changes} == {"available"}
    assert stores.apply().exit_code == 0
    assert stores.kinds() == {}


def with_status(made: World, status: str) -> None:
    from moto.rds.models import rds_backends

    instance = rds_backends["123456789012"]["eu-central-1"].databases["shop-orders"]
    instance.status, instance.deletion_protection = status, False


def test_a_database_that_does_not_become_available_is_told(made: World) -> None:
    with_status(made, "incompatible-parameters")
    result = made.apply()
    (told,) = result.diagnostics
    assert (told.code, "incompatible-parameters" in told.message) == ("C2F577", True)
    assert "describe-events" in told.hint


def to_destroy(world: World) -> planner.Plan:
    from compose2fargate.apply.deployment.read_state import read_state

    nothing = Stack("shop", {}, {}, {})
    options = planner.PlanOptions(stores=True)
    return planner.plan_destruction(read_state(nothing, world.context), world.context, options)


def test_what_never_came_to_be_is_deleted_without_a_snapshot(made: World) -> None:
    with_status(made, "incompatible-create")
    result = made.destroy()
    assert result.exit_code == 0, result.diagnostics
    assert {o.action.note for o in result.outcomes if o.action.logical_id == DB} == {""}


@pytest.mark.parametrize("status", ["failed", "incompatible-restore", "incompatible-network"])
def test_a_plan_says_that_a_broken_database_leaves_backups_only(made: World, status: str) -> None:
    with_status(made, status)
    (action,) = (a for a in to_destroy(made).actions if a.logical_id == DB)
    assert action.note == "no last snapshot is possible; its backups go after 7 days"
    assert made.destroy().exit_code == 0
    assert made.everything()["databases"] == 0


def without_backups(made: World) -> None:
    from moto.rds.models import rds_backends

    rds_backends["123456789012"]["eu-central-1"].databases["shop-orders"].backup_retention_period = 0


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("failed", "aws rds delete-db-instance --db-instance-identifier shop-orders --skip-final-snapshot"),
        ("stopped", "aws rds start-db-instance --db-instance-identifier shop-orders"),
    ],
)
def test_what_leaves_nothing_or_cannot_be_changed_is_refused_before_anything_goes(
    made: World, sandbox: Sandbox, status: str, command: str
) -> None:
    with_status(made, status)
    without_backups(made)
    planned = to_destroy(made)
    (told,) = planned.diagnostics
    assert told.code == "C2F577"
    assert command in told.hint
    (action,) = (a for a in planned.actions if a.logical_id == DB)
    assert action.kind == planner.REFUSED
    kept = {a.logical_id for a in planned.actions if a.kind != planner.DELETE}
    assert {"db-subnet-group", "db-parameter-group/orders"} <= kept


def test_a_snapshot_that_was_promised_is_not_left_out(made: World, sandbox: Sandbox) -> None:
    from compose2fargate.apply.deployment import executor

    planned = to_destroy(made)
    with_status(made, "failed")
    result = executor.execute_plan(Stack("shop", {}, {}, {}), planned, made.context)
    (told,) = (d for d in result.diagnostics if d.code == "C2F577")
    assert "--skip-final-snapshot --no-delete-automated-backups" in told.hint
    assert made.everything()["databases"] == 1
    assert "DeleteDBInstance" not in {call.operation for call in sandbox.calls}


def test_a_stopped_database_is_told_at_once(made: World, sandbox: Sandbox) -> None:
    with_status(made, "stopped")
    result = made.change(DB, db_instance_class="db.t4g.small").apply()
    (told,) = result.diagnostics
    assert (told.code, "aws rds start-db-instance" in told.hint) == ("C2F577", True)
    assert "ModifyDBInstance" not in {call.operation for call in sandbox.calls}


def test_what_holds_data_is_not_deleted_without_a_snapshot(made: World, sandbox: Sandbox) -> None:
    with_status(made, "storage-full")
    result = made.destroy()
    assert [one.code for one in result.diagnostics] == ["C2F496"]
    assert made.everything()["databases"] == 1


# -- tags of caches that are not available


def cache_in(world: World, status: str, steps: tuple[str, ...] = ()) -> Any:
    """Put the cache into a state that passes with the looks `steps`."""
    from moto.elasticache.models import elasticache_backends

    caches = elasticache_backends["123456789012"]["eu-central-1"].sandbox_caches
    caches.groups["shop-sessions"]["Status"] = status
    caches.steps["shop-sessions"] = [(step, {}) for step in steps]
    return caches


def operations(sandbox: Sandbox) -> list[str]:
    return [call.operation for call in sandbox.calls]


@pytest.mark.parametrize("status", ["creating", "modifying", "snapshotting"])
def test_a_cache_that_is_not_available_is_known_by_its_tags(
    made: World, sandbox: Sandbox, status: str
) -> None:
    cache_in(made, status)
    planned = made.plan()
    assert codes(planned) == []
    assert {a.logical_id for a in planned.pending} == ({CACHE} if status != "snapshotting" else set())
    assert read_status(Deployment(made.stack, made.context)).stores[1].state == status


def test_whose_a_cache_is_is_waited_for_and_not_guessed(made: World, sandbox: Sandbox) -> None:
    caches = cache_in(made, "creating", ("creating", "creating", "available"))
    arn = caches.groups["shop-sessions"]["ARN"]
    tags = caches.backend.tagging_service.get_tag_dict_for_resource(arn)
    caches.backend.tagging_service.delete_all_tags_for_resource(arn)
    planned = made.plan()
    foreign = [d for d in planned.diagnostics if "shop-sessions" in d.message]
    assert foreign  # it has no tags indeed, which only an available one tells
    caches.backend.tagging_service.tag_resource(arn, [{"Key": k, "Value": v} for k, v in tags.items()])
    assert made.kinds() == {}


def test_a_cache_that_vanishes_while_its_tags_are_waited_for_is_gone(made: World) -> None:
    caches = cache_in(made, "deleting", ("deleting", ""))
    caches.backend.tagging_service.delete_all_tags_for_resource(caches.groups["shop-sessions"]["ARN"])
    planned = made.plan()
    assert codes(planned) == []
    assert made.kinds()[CACHE] == planner.CREATE


def finished(
    sandbox: Sandbox,
    account: AwsAccount,
    hasty: AwsAccount,
    fault: str,
    call: int,
    run: Callable[[World], Any],
) -> World:
    world = World(account, small_stack())
    sandbox.clear()
    sandbox.fault(operation=met(fault), skip=call, times=1, **FAULTS[fault])
    attempt(lambda: run(World(hasty, world.stack)))
    sandbox.clear()
    result = run(world)
    assert result.exit_code == 0, (fault, call, result.diagnostics)
    return world


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("table", TABLES)
def test_each_failing_call_of_stores(
    sandbox: Sandbox, one_account: AwsAccount, hasty_account: AwsAccount, table: str
) -> None:
    world = World(one_account, small_stack())
    sandbox.calls.clear()
    assert world.apply().exit_code == 0
    picture, calls = world.picture(), list(sandbox.calls)
    sandbox.calls.clear()
    assert world.destroy().exit_code == 0
    empty, calls_to_destroy = world.everything(), list(sandbox.calls)
    for call, fault in calls_to_try(calls, table):
        sandbox.reset()
        made = finished(sandbox, one_account, hasty_account, fault, call, World.apply)
        assert made.picture() == picture, (fault, call)
    for call, fault in calls_to_try(calls_to_destroy, table):
        sandbox.reset()
        assert World(one_account, small_stack()).apply().exit_code == 0
        left = finished(sandbox, one_account, hasty_account, fault, call, World.destroy)
        assert left.everything() == empty, (fault, call)
    print(f"{table}: {len(calls)} calls of apply and {len(calls_to_destroy)} of destroy")
