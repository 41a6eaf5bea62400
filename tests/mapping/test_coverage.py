from __future__ import annotations

import pytest

from compose2fargate.compose.validation.schema import key_paths
from compose2fargate.diagnostics import Severity
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.mapping.coverage import DECIDED
from compose2fargate.mapping.coverage_table import ROWS, KeyOutcome
from compose2fargate.schema_files import read_schema
from tests.mapping.conftest import Translate

PATHS = {".".join(path) for path in key_paths(read_schema("compose"))}

NAMES = {
    f"{section}.*" for section in ("services", "networks", "volumes", "secrets", "configs", "models")
} | {"services.*.volumes.*", "services.*.ports.*"}
"""Rows for what the user names, or lists: the schema has no key there."""
OURS = {
    "networks.*.x-fargate",
    "networks.*.x-aws-securitygroup",
    "x-fargate",
    "services.*.x-fargate",
    "volumes.*.x-fargate",
    "secrets.*.x-fargate",
}
"""Rows for our own extension."""


def rows_of(path: str) -> list[str]:
    """The rows that fit a path as far as any does: one of them would have to win, so there must be one."""
    parts = path.split(".")
    fitting = [
        row
        for row in ROWS
        if len(own := row.split(".")) <= len(parts) and all(a in ("*", b) for a, b in zip(own, parts))  # noqa: B905
    ]
    longest = max((row.count(".") for row in fitting), default=0)
    return [row for row in fitting if row.count(".") == longest]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_key_of_the_schema_has_exactly_one_row(path: str) -> None:
    assert len(rows_of(path)) == 1


def test_every_row_answers_for_something() -> None:
    assert {row for path in PATHS | NAMES | OURS for row in rows_of(path)} == set(ROWS)


def test_every_row_is_for_a_key_of_the_schema() -> None:
    assert set(ROWS) - PATHS == NAMES | OURS


def test_every_rule_for_values_belongs_to_a_row() -> None:
    assert set(DECIDED) <= set(ROWS)


def test_what_is_said_has_a_code_and_what_is_lost_has_a_way_out() -> None:
    for path, row in ROWS.items():
        if row.severity is not None:
            assert row.code in CODES, path
        if row.outcome is KeyOutcome.REFUSED or row.severity is Severity.WARNING:
            assert row.hint, path


def test_every_code_in_use_has_a_title() -> None:
    assert all(code.startswith("C2F") and title for code, title in CODES.items())


FILE = """\
version: "3"
x-common: &common {restart: always}
services:
  web:
    <<: *common
    image: nginx
    build: ./web
    ports: ["80:80"]
    networks: {front: {aliases: [www]}}
    deploy: {resources: {limits: {pids: 5}}, labels: {a: b}}
    hostname: www
    volumes: [".:/app", "data:/data"]
    x-note: mine
networks: {front: {}}
volumes: {data: {driver: local}}
"""


def test_each_key_the_user_wrote_has_one_outcome_with_its_line(translated: Translate) -> None:
    made = translated(FILE)
    found = {
        ".".join(map(str, a.path)): (a.location and a.location.line, a.row.outcome) for a in made.accounted
    }
    assert len(found) == len(made.accounted)
    assert found["services.web.ports.0"] == (8, KeyOutcome.MAPPED)
    assert found["services.web.restart"] == (2, KeyOutcome.MAPPED)
    assert found["services.web.networks.front.aliases"] == (9, KeyOutcome.APPROXIMATED)
    assert found["services.web.deploy.resources.limits.pids"] == (10, KeyOutcome.IGNORED)
    assert found["services.web.deploy.labels"] == (10, KeyOutcome.MAPPED)
    assert found["services.web.hostname"] == (11, KeyOutcome.IGNORED)
    assert found["services.web.volumes.0"] == (12, KeyOutcome.APPROXIMATED)
    assert found["services.web.volumes.1"] == (12, KeyOutcome.MAPPED)
    assert found["services.web.x-note"] == (13, KeyOutcome.IGNORED)
    assert found["x-common"] == (2, KeyOutcome.IGNORED)
    assert found["volumes.data.driver"] == (15, KeyOutcome.MAPPED)
    assert found["version"][0] == 1


def test_defaults_that_nobody_wrote_are_not_accounted_for(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx}}")
    assert {a.path for a in made.accounted} == {("services", "web", "image")}
