"""A database in a volume is known by more than its image."""

from __future__ import annotations

import pytest

from compose2fargate.aws.resources import TaskDefinition
from tests.mapping.conftest import Translate


@pytest.mark.parametrize(
    ("says", "target", "alone"),
    [
        ("command: redis-server --appendonly yes", "/data", True),
        ("command: ['sh', '-c', 'exec mongod --dbpath /srv']", "/srv", True),
        ("entrypoint: [/usr/sbin/mysqld, --datadir=/srv]", "/srv", True),
        ("environment: {PGDATA: /srv/pg/data}", "/srv/pg", True),
        ("environment: {DATABASE_URL: 'sqlite:////data/app.db'}", "/data", True),
        ("environment: {DATABASE_URL: 'sqlite+aiosqlite:////data/app.db?timeout=5'}", "/data", True),
        ("environment: {DATABASE_URL: 'file:/data/app.db'}", "/data", True),
        ("environment: {APP_DB_FILE: /data/app.sqlite3}", "/data", True),
        ("environment: {STATE: /data/state.db}", "/data", True),
        ("environment: {DATABASE_URL: 'sqlite:////other/app.db'}", "/data", False),
        ("environment: {PGDATA: /database}", "/data", False),
        ("environment: {UPLOAD_DIR: /data/uploads}", "/data", False),
        ("command: [serve, --store, redis]", "/data", False),
    ],
)
def test_a_database_is_known_by_command_and_variables(
    says: str, target: str, alone: bool, translated: Translate
) -> None:
    made = translated(
        f"services: {{a: {{image: i/a, {says}, volumes: ['keep:{target}']}}}}\nvolumes: {{keep: }}"
    )
    assert any(d.code == "C2F276" for d in made.diagnostics) is alone


def test_what_only_reads_damages_nothing(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: i/a, environment: {DB_FILE: /data/a.db}, volumes: ['keep:/data:ro']}}\nvolumes: {keep: }"
    )
    assert not any(d.code == "C2F276" for d in made.diagnostics)


@pytest.mark.parametrize(
    ("target", "port"),
    [
        ("/var/lib/postgresql/data", 5432),
        ("/var/lib/mysql", 3306),
        ("/data/db", 27017),
        ("/data", 0),
        ("/var/lib/mysql:ro", 0),
    ],
)
def test_the_volume_of_a_store_says_where_an_unknown_image_listens(
    target: str, port: int, translated: Translate
) -> None:
    made = translated(
        f"services: {{a: {{image: i/a, volumes: ['keep:{target}']}}, b: {{image: i/b, depends_on: [a]}}}}\nvolumes: {{keep: }}"
    )
    definition = made.translation.stack.resources["task-definition/a"]
    assert isinstance(definition, TaskDefinition)
    found = [p.container_port for p in definition.container_definitions[-1].port_mappings]
    assert found == ([port] if port else [])


def test_a_helper_that_nobody_needs_has_no_port(translated: Translate) -> None:
    made = translated("services: {a: {image: i/a, volumes: ['keep:/var/lib/mysql']}}\nvolumes: {keep: }")
    assert not any(d.code == "C2F227" for d in made.diagnostics)
