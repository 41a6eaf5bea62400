"""The settings of a database, as the script makes them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from compose2fargate.aws.store_resources import DbParameterGroup
from compose2fargate.emitters.json_files.script_stores import database_parameter_lines


@pytest.mark.parametrize(
    ("settings", "calls"), [(0, []), (1, [1]), (20, [20]), (21, [20, 1]), (40, [20, 20])]
)
def test_a_call_changes_at_most_as_many_settings_as_rds_takes(settings: int, calls: list[int]) -> None:
    group = DbParameterGroup("shop-db", "postgres16", "of shop", {f"s{n:02}": "1" for n in range(settings)})
    work: Any = None
    _, *changes = database_parameter_lines(work, "", group)
    assert [len(re.findall("ParameterName", change)) for change in changes] == calls
    assert re.findall(r"s\d\d", "".join(changes)) == sorted(group.parameters)
