"""A plan as it is shown before a question: what a person decides on in full, the rest counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.apply.deployment.differences import StateChange
from compose2fargate.apply.deployment.plan_display import plan_as_text
from compose2fargate.apply.deployment.planner import Action, Plan
from tests.conftest import Program


def plan(*actions: Action) -> Plan:
    return Plan(actions, {}, "123456789012", "eu-west-1", "x")


def many(kind: str) -> list[Action]:
    return [
        *(Action(kind, f"log-group/s{n}", "LogGroup", f"/ecs/shop/s{n}") for n in range(6)),
        *(Action(kind, f"repository/s{n}", "Repository", f"shop/s{n}") for n in range(6)),
        Action(kind, "cluster", "Cluster", "shop"),
        *(Action(kind, f"service/s{n}", "EcsService", f"s{n}") for n in range(2)),
    ]


def test_creations_are_counted_and_services_and_changes_are_not() -> None:
    changed = Action("update", "task-definition/s0", "TaskDefinition", "s0", (StateChange("cpu", 256, 512),))
    noted = Action("create", "file-system", "FileSystem", "shop", (), "it is empty")
    shown = plan_as_text(
        plan(*many("create"), changed, noted), counted=("create",), names_all="--all"
    ).splitlines()
    assert shown == [
        "+ create    service/s0",
        "+ create    service/s1",
        "~ update    task-definition/s0",
        "      cpu: 256 -> 512",
        "+ create    file-system  shop  (it is empty)",
        "+ create    13 more: 6 log-groups, 6 repositories, cluster (--all names each)",
        "16 to create, 1 to update",
    ]


def test_what_holds_data_is_named_before_it_is_deleted() -> None:
    shown = plan_as_text(plan(*many("delete"), *many("delete")[:6]), counted=("delete",))
    assert shown.count("- delete    repository/") == 6
    assert "13 more: 12 log-groups, cluster\n" in shown


def test_deletions_are_named_where_only_creations_are_counted_and_all_where_few() -> None:
    assert plan_as_text(plan(*many("delete")), counted=("create",)).count("\n- delete") == 14
    assert "more" not in plan_as_text(plan(*many("create")[:8]), counted=("create",))
    assert "more" not in plan_as_text(plan(*many("create")))


def test_apply_and_destroy_count_and_name_all_when_they_are_told(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("moto")
    services = "".join(f"  s{n}: {{image: 'nginx:1.27', expose: ['80']}}\n" for n in range(3))
    (tmp_path / "compose.yaml").write_text(f"name: shop\nservices:\n{services}")
    try:
        planned = program("plan", "--sandbox", cwd=tmp_path).out
        applied = program("apply", "--sandbox", "--yes", cwd=tmp_path).err
        everything = program("destroy", "--sandbox", "--all", "--yes", cwd=tmp_path).err
        program("apply", "--sandbox", "--yes", cwd=tmp_path)
        destroyed = program("destroy", "--sandbox", "--yes", cwd=tmp_path).err
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    assert planned.count("+ create") > 12
    assert applied.count("+ create") == 4
    assert "3 log-groups" in applied
    assert "(--all names each)" in applied
    assert planned.splitlines()[-1] in applied
    assert everything.count("- delete") > 12
    assert destroyed.count("- delete") == 4
