from __future__ import annotations

import pytest

from compose2fargate.aws.resources import TargetGroup
from compose2fargate.mapping.coverage_table import CoverageRow
from tests.mapping.conftest import Translate


def opened(made: object) -> list[str]:
    return [logical_id for logical_id, _ in made.translation.stack.of_type(TargetGroup)]  # type: ignore[attr-defined]


def published(image: str, port: int, more: str = "") -> str:
    return f"services: {{s: {{image: '{image}', ports: ['{port}:{port}'] {more}}}}}"


@pytest.mark.parametrize("port", [80, 3000, 5000, 8000, 8080, 8888])
def test_the_ports_of_web_servers_are_http(port: int, translated: Translate) -> None:
    assert opened(translated(published("app", port))) == [f"target-group/s-{port}"]


@pytest.mark.parametrize(
    ("image", "port"),
    [
        ("postgres:16", 5432), ("mysql", 3306), ("redis", 6379), ("mongo", 27017), ("rabbitmq", 5672), ("app", 22), ("app", 25),
        ("app", 5432), ("elasticsearch:8", 9200), ("app", 9200), ("clickhouse/clickhouse-server", 8123), ("app", 9000),
        ("adminer", 8080), ("phpmyadmin/phpmyadmin", 80), ("mailhog/mailhog", 8025), ("docker.io/bitnami/postgresql:15", 8080),
        ("prom/prometheus", 9090), ("traefik:v3", 8080), ("debezium/connect:2", 8083), ("app", 12345),
    ],
)  # fmt: skip
def test_what_is_known_for_something_else_or_not_known_stays_inside(
    image: str, port: int, translated: Translate
) -> None:
    made = translated(published(image, port))
    assert opened(made) == []
    assert [d.code for d in made.diagnostics if d.path == ("services", "s", "ports", 0)] == ["C2F220"]


@pytest.mark.parametrize(
    "test",
    [
        "curl -f http://localhost:9000/up",
        "wget -qO- http://127.0.0.1:9000 || exit 1",
        "['CMD', 'curl', '-f', 'http://s:9000/']",
        "['CMD', 'wget', '--spider', 'localhost:9000/ping']",
    ],
)
def test_a_health_check_that_speaks_http_to_the_port_says_so(test: str, translated: Translate) -> None:
    made = translated(published("app", 9000, f", healthcheck: {{test: {quoted(test)}}}"))
    assert opened(made) == ["target-group/s-9000"]


def quoted(test: str) -> str:
    return test if test.startswith("[") else f'"{test}"'


@pytest.mark.parametrize(
    "test",
    [
        "nc -z localhost 9000",
        "curl -f http://other:9000/",
        "curl http://localhost:9001/",
        "pg_isready -h localhost",
    ],
)
def test_a_health_check_of_something_else_says_nothing(test: str, translated: Translate) -> None:
    assert opened(translated(published("app", 9000, f', healthcheck: {{test: "{test}"}}'))) == []


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ("app_protocol: http", True),
        ("app_protocol: tcp", False),
        ("app_protocol: mysql", False),
        ("x-aws-protocol: http", True),
    ],
)
def test_what_the_port_says_counts_first(said: str, is_open: bool, translated: Translate) -> None:
    made = translated(f"services: {{s: {{image: app, ports: [{{target: 7, published: '7', {said}}}]}}}}")
    assert bool(opened(made)) is is_open


def test_a_data_store_is_private_whatever_its_port(translated: Translate) -> None:
    assert opened(translated(published("postgres", 80))) == []


def test_the_base_of_a_dockerfile_counts_as_the_image(translated: Translate) -> None:
    made = translated(
        "services: {s: {build: {context: ., dockerfile_inline: 'FROM postgres:16'}, ports: ['8080:8080']}}"
    )
    assert opened(made) == []


def test_explain_tells_the_story_of_each_port(translated: Translate) -> None:
    made = translated("services: {s: {image: nginx, ports: ['80:80', '127.0.0.1:81:81', '22:22', '82']}}")
    rows: dict[object, CoverageRow] = {a.path[-1]: a.row for a in made.accounted if "ports" in a.path}
    assert rows[0].what.startswith("port 80 of the load balancer forwards to port 80 of s")
    assert "bound to 127.0.0.1" in rows[1].what
    assert "port 22 is known for SSH" in rows[2].what
    assert "not published" in rows[3].what


def test_the_console_of_a_broker_is_opened_as_http(translated: Translate) -> None:
    made = translated(published("rabbitmq:3-management", 15672))
    (found,) = [d for d in made.diagnostics if d.code == "C2F220"]
    assert "{port: 15672, protocol: http," in found.hint
