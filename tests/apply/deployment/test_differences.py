"""How a plan shows what differs."""

from __future__ import annotations

from compose2fargate.apply.deployment.differences import StateChange, shown_sides


def policy(principal: str) -> list[dict[str, object]]:
    allowed = {"AWS": "arn:aws:iam::123456789012:role/a-role-with-a-name-that-takes-its-room"}
    return [
        {"Effect": "Allow", "Principal": allowed, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"},
    ]


def test_long_values_are_cut_so_that_the_difference_shows() -> None:
    before, after = policy("ecs-tasks.amazonaws.com"), policy("scheduler.amazonaws.com")
    old, new = shown_sides(StateChange("trust.Statement", before, after))
    assert "ecs-tasks.amazonaws.com" in old
    assert "scheduler.amazonaws.com" in new
    assert old.startswith("…")
    assert max(len(old), len(new)) <= 90


def test_what_is_added_at_the_end_of_a_long_value_shows() -> None:
    old, new = shown_sides(StateChange("actions", "a" * 100, "a" * 100 + "END"))
    assert old != new
    assert "END" in new


def test_short_values_and_hidden_ones_are_whole() -> None:
    assert shown_sides(StateChange("cpu", "256", "512")) == ("256", "512")
    secrets = ("x" * 200 + "1", "x" * 200 + "2")
    assert shown_sides(StateChange("environment[DB_PASSWORD].value", *secrets)) == ("(hidden)", "(hidden)")
