"""The table from fields of ECS back to compose keys, held against the table of what becomes of each key."""

from __future__ import annotations

from compose2fargate.mapping.coverage_table import ROWS, KeyOutcome
from compose2fargate.sync.field_causes import FIELDS

BEFORE_TRANSLATION = {"extends", "profiles", "env_file", "label_file", "scale", "deploy", "build", "develop"}
"""Keys that reading the files uses up, or whose parts stand in the table."""


def test_every_key_that_reaches_fargate_decides_some_field() -> None:
    named = {key.split(".")[0] for keys in FIELDS.values() for key in keys}
    mapped = {
        pattern.split(".")[2]
        for pattern, row in ROWS.items()
        if pattern.startswith("services.*.") and row.outcome in (KeyOutcome.MAPPED, KeyOutcome.APPROXIMATED)
    }
    assert sorted(mapped - named - BEFORE_TRANSLATION) == []


def test_every_key_in_the_table_is_one_that_compose_knows() -> None:
    known = {pattern.split(".")[2] for pattern in ROWS if pattern.startswith("services.*.")}
    named = {key.split(".")[0] for keys in FIELDS.values() for key in keys}
    assert sorted(named - known - {"name", "x-fargate"}) == []
