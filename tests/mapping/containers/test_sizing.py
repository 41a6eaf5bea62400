"""What a service gets when its file says nothing about sizes."""

from __future__ import annotations

import pytest

from compose2fargate.aws.fargate import smallest_size
from compose2fargate.aws.resources import TaskDefinition
from compose2fargate.mapping.containers.sizing import heap_of
from compose2fargate.mapping.images.image_catalogue import kind_of, kinds
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import definition


def test_the_default_of_every_kind_is_a_legal_size() -> None:
    for kind in kinds().values():
        size = smallest_size(kind.cpu, kind.memory)
        assert size is not None
        assert (size.cpu, size.memory) == (kind.cpu, kind.memory), kind.name


@pytest.mark.parametrize(
    ("body", "mib"),
    [
        ("environment: {ES_JAVA_OPTS: '-Xms512m -Xmx512m'}", 512),
        ("environment: {JAVA_TOOL_OPTIONS: '-Xmx2g'}", 2048),
        ("environment: {KAFKA_HEAP_OPTS: '-Xmx1G -Xms256M'}", 1024),
        ("environment: {NODE_OPTIONS: '--max-old-space-size=900'}", 900),
        ("environment: {MSSQL_MEMORY_LIMIT_MB: 2048}", 2048),
        ("command: java -Xmx300m -jar app.jar", 300),
        ("command: redis-server --maxmemory 256mb", 256),
        ("command: postgres -c shared_buffers=256MB", 768),
        ("command: mongod --wiredTigerCacheSizeGB 1.5", 1536),
        ("command: mysqld --innodb-buffer-pool-size=1G", 1024),
        ("environment: {JAVA_OPTS: '-Xmx1g'}, command: java -Xmx3g", 3072),
        ("environment: {NOTE: '-Xmx9g'}", None),
        ("command: java -jar app.jar", None),
    ],
)
def test_what_a_service_says_about_its_own_memory_is_heeded(
    body: str, mib: int | None, translated: Translate
) -> None:
    service = translated(f"services: {{web: {{image: a, {body}}}}}").project.services["web"]
    found = heap_of(service)
    assert (found and found.mib) == mib


@pytest.mark.parametrize(
    ("image", "kind"),
    [("percona/mongodb_exporter:1", "sidecar or exporter"), ("sqshq/piggymetrics-mongodb", "database"),
     ("bitnamilegacy/valkey-cluster:8.0", "cache"), ("mongo-express", "web application"), ("shop/web", "service of unknown kind"),
     ("alpine", "service of unknown kind"), ("acme/airflow-dags:2", "large web application"),
     ("altinity/clickhouse-server:24.8", "analytical database"), ("ollama/ollama", "model server")],
)  # fmt: skip
def test_an_image_made_from_a_known_one_is_of_its_kind(image: str, kind: str) -> None:
    assert kind_of(image).name == kind


def test_a_search_engine_gets_twice_its_heap(translated: Translate) -> None:
    made = translated("services: {web: {image: elasticsearch, environment: {ES_JAVA_OPTS: -Xmx2g}}}")
    definition = made.translation.stack.resources["task-definition/web"]
    assert isinstance(definition, TaskDefinition)
    assert int(definition.memory) >= 2 * 2048
    (size,) = [d.message for d in made.diagnostics if d.code == "C2F250"]
    assert "-Xmx2g in ES_JAVA_OPTS of a search engine" in size


def test_what_is_asked_wins_over_what_a_heap_would_need(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: elasticsearch, mem_limit: 900m, environment: {ES_JAVA_OPTS: -Xmx4g}}}"
    )
    definition = made.translation.stack.resources["task-definition/web"]
    assert isinstance(definition, TaskDefinition)
    assert definition.memory == "2048"


def test_services_of_no_known_kind_are_told_once_for_all(translated: Translate) -> None:
    services = "".join(f"  s{n}: {{image: acme/s{n}}}\n" for n in range(5))
    made = translated(f"services:\n{services}  small: {{image: acme/x, mem_limit: 256m}}\n")
    assert (definition(made, "s0").cpu, definition(made, "s0").memory) == ("512", "1024")
    assert definition(made, "small").cpu == "256"  # the least that has so little memory
    sizes = [d for d in made.diagnostics if d.code == "C2F250" and "unknown kind" in d.message]
    assert len(sizes) == 5
    assert len({(d.message, d.hint) for d in sizes}) == 1  # which are shown as one
    assert "mem_limit" in sizes[0].hint
