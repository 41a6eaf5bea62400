"""What images ask of their host, and Fargate does not give."""

from __future__ import annotations

import pytest

from compose2fargate.aws.resources import IngressRule
from compose2fargate.diagnostics import Diagnostic
from tests.mapping.conftest import Translate

QUEUE = "services: {mq: {image: 'rabbitmq:3-management', %s}}\nvolumes: {mq: }"


def found(translated: Translate, text: str, *codes: str) -> list[Diagnostic]:
    return [d for d in translated(text).diagnostics if d.code in codes]


@pytest.mark.parametrize(
    ("body", "key"),
    [("hostname: mq-main", "hostname"), ("hostname: m, volumes: ['mq:/var/lib/rabbitmq']", "hostname"),
     ("volumes: ['mq:/var/lib/rabbitmq']", "volumes")],
)  # fmt: skip
def test_a_queue_whose_data_has_the_name_of_its_host_is_told_to_keep_one(
    body: str, key: str, translated: Translate
) -> None:
    (one,) = found(translated, QUEUE % body, "C2F201", "C2F279")
    assert one.path[2] == key
    assert "RABBITMQ_NODENAME: rabbit@localhost" in one.hint
    assert (
        found(translated, QUEUE % f"{body}, environment: {{RABBITMQ_NODENAME: rabbit@localhost}}", "C2F279")
        == []
    )


def test_a_queue_that_keeps_nothing_needs_no_name(translated: Translate) -> None:
    assert found(translated, QUEUE % "expose: ['5672']", "C2F201", "C2F279") == []


@pytest.mark.parametrize(
    ("body", "hint"),
    [("image: 'docker.elastic.co/elasticsearch/elasticsearch:8.13.0', environment: {discovery.seed_hosts: es02}", "node.store.allow_mmap"),
     ("image: 'sonarqube:lts'", "SONAR_SEARCH_JAVAADDITIONALOPTS"),
     ("image: elasticsearch, environment: {discovery.type: single-node}", ""),
     ("image: opensearchproject/opensearch, environment: ['node.store.allow_mmap=false']", ""), ("image: postgres", "")],
)  # fmt: skip
def test_an_image_that_checks_a_kernel_parameter_is_told_how_to_do_without(
    body: str, hint: str, translated: Translate
) -> None:
    warned = found(translated, f"services: {{web: {{{body}}}}}", "C2F244")
    assert [d.path for d in warned] == ([("services", "web", "image")] if hint else [])
    assert all(hint in d.hint for d in warned)


def test_a_parameter_that_the_file_asks_for_is_refused_once(translated: Translate) -> None:
    (one,) = found(
        translated, "services: {web: {image: elasticsearch, sysctls: {vm.max_map_count: 262144}}}", "C2F244"
    )
    assert one.path[2] == "sysctls"
    assert "node.store.allow_mmap" in one.hint


def test_a_base_image_asks_for_the_same(translated: Translate) -> None:
    text = "services: {web: {build: {context: ., dockerfile_inline: 'FROM elasticsearch:8.14.0'}}}"
    assert [d.path for d in found(translated, text, "C2F244")] == [("services", "web", "build")]


NAMED = "services: {mq: {image: %s, environment: {%s}}, web: {image: a, depends_on: [mq]}}"


@pytest.mark.parametrize(
    ("image", "variables", "said", "hint"),
    [("apache/kafka", "KAFKA_LISTENERS: 'PLAINTEXT://mq:29092,CONTROLLER://:9093'", "listens on mq", "PLAINTEXT://0.0.0.0:29092,CONTROLLER://:9093"),
     ("confluentinc/cp-kafka", "KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://localhost:9092'", "their own task", "PLAINTEXT://mq:9092"),
     ("rabbitmq:3", "RABBITMQ_NODENAME: rabbit@mq-main", "names the host mq-main", "RABBITMQ_NODENAME: rabbit@localhost"),
     ("elasticsearch:8.13.0", "network.host: mq", "listens on mq", "network.host: 0.0.0.0"),
     ("elasticsearch:8.13.0", "cluster.initial_master_nodes: 'es01,es02'", "takes its host name", "node.name: mq"),
     ("cassandra:5", "CASSANDRA_LISTEN_ADDRESS: mq", "listens on mq", "CASSANDRA_LISTEN_ADDRESS: auto")],
)  # fmt: skip
def test_a_server_that_is_called_by_a_name_its_task_has_not_is_told_the_setting_that_mends_it(
    image: str, variables: str, said: str, hint: str, translated: Translate
) -> None:
    (one,) = found(translated, NAMED % (image, variables), "C2F543")
    assert said in one.message
    assert hint in one.hint


@pytest.mark.parametrize(
    ("image", "variables"),
    [("apache/kafka", "KAFKA_LISTENERS: 'PLAINTEXT://0.0.0.0:29092', KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://mq:29092,HOST://localhost:1'"),
     ("bitnami/kafka", "KAFKA_CFG_LISTENERS: 'PLAINTEXT://:9092'"), ("rabbitmq:3", "RABBITMQ_NODENAME: rabbit@localhost"),
     ("elasticsearch:8.13.0", "cluster.initial_master_nodes: mq, node.name: mq, network.host: _site_"), ("a", "KAFKA_LISTENERS: 'P://mq:1'")],
)  # fmt: skip
def test_what_names_the_task_itself_is_right(image: str, variables: str, translated: Translate) -> None:
    assert found(translated, NAMED % (image, variables), "C2F543") == []


def test_the_port_by_which_nodes_find_each_other_is_open(translated: Translate) -> None:
    node = "{image: 'elasticsearch:8.13.0', environment: {discovery.seed_hosts: es01}}"
    text = f"services: {{es01: {node}, es02: {node}}}"
    rules = [r for _, r in translated(text).translation.stack.of_type(IngressRule)]
    assert any((r.from_port or 0) <= 9300 <= (r.to_port or 0) for r in rules)


@pytest.mark.parametrize(
    ("body", "variable"),
    [
        ("image: 'postgres:16'", "POSTGRES_PASSWORD"),
        ("image: postgres, environment: {POSTGRES_PASSWORD: ''}", "POSTGRES_PASSWORD"),
        ("image: postgres, environment: {POSTGRES_HOST_AUTH_METHOD: md5}", "POSTGRES_PASSWORD"),
        ("image: 'public.ecr.aws/docker/library/postgres:16', command: [postgres, -c, max_connections=9]", "POSTGRES_PASSWORD"),
        ("image: pgvector/pgvector:pg16, command: [-c, max_connections=9]", "POSTGRES_PASSWORD"),
        ("image: mysql, environment: {MYSQL_PASSWORD: x}", "MYSQL_ROOT_PASSWORD"),
        ("image: dpage/pgadmin4, environment: {PGADMIN_DEFAULT_PASSWORD: x}", "PGADMIN_DEFAULT_EMAIL"),
        ("image: mcr.microsoft.com/mssql/server, environment: {SA_PASSWORD: x}", "ACCEPT_EULA"),
    ],
)  # fmt: skip
def test_an_image_that_exits_without_a_variable_is_told(
    body: str, variable: str, translated: Translate
) -> None:
    (one,) = found(translated, f"services: {{db: {{{body}}}}}", "C2F580")
    assert one.message.startswith(f"{variable} of db has no value")
    assert one.path[2:] in ((), ("environment", variable))
    assert ("x-fargate: {secrets" in one.hint) == variable.endswith("PASSWORD")


@pytest.mark.parametrize(
    "body",
    [
        "image: postgres, environment: {POSTGRES_PASSWORD: x}",
        "image: postgres, environment: {POSTGRES_PASSWORD_FILE: /run/secrets/p}",
        "image: postgres, environment: {POSTGRES_HOST_AUTH_METHOD: trust}",
        "image: postgres, x-fargate: {secrets: {POSTGRES_PASSWORD: /shop/p}}",
        "image: postgres, environment: [POSTGRES_PASSWORD], x-fargate: {secrets: auto}",
        "image: postgres, command: [pg_dump, -h, db]",
        "image: postgres, entrypoint: [my-entrypoint]",
        "image: postgres, x-fargate: {managed: true}",
        "image: acme/postgres",
        "image: mariadb, environment: {MYSQL_RANDOM_ROOT_PASSWORD: 'yes'}",
        "image: mysql/mysql-server",
    ],
)
def test_an_image_that_starts_is_not_told_of_variables(body: str, translated: Translate) -> None:
    assert found(translated, f"services: {{db: {{{body}}}}}", "C2F580") == []
