from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.diagnostics import Severity
from tests.conftest import Program
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container, ecs_service


def names(made: object) -> list[tuple[str, str, int]]:
    connect = ecs_service(made, "db").service_connect_configuration  # type: ignore[arg-type]
    assert connect is not None
    return [
        (s.discovery_name, s.client_aliases[0].dns_name, s.client_aliases[0].port) for s in connect.services
    ]


def test_a_service_is_reached_under_its_name_and_ports(translated: Translate) -> None:
    made = translated("services: {db: {image: x, ports: ['5432'], expose: ['5433-5434']}}")
    assert [(dns, port) for _, dns, port in names(made)] == [("db", 5432), ("db", 5433), ("db", 5434)]
    assert len({discovery for discovery, _, _ in names(made)}) == 3


def test_aliases_links_and_container_names_are_names_too(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: postgres, container_name: main.db, networks: {default: {aliases: [store, db]}}},"
        " app: {image: a, links: ['db:database', db]}}"
    )
    assert sorted(dns for _, dns, _ in names(made)) == ["database", "db", "main.db", "store"]
    assert not codes(made, Severity.ERROR)


def test_a_name_of_two_services_is_refused(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: a, expose: ['1']}, other: {image: b, networks: {default: {aliases: [DB]}}}}"
    )
    assert "C2F229" in codes(made, Severity.ERROR)


def test_well_known_images_need_no_expose(translated: Translate) -> None:
    made = translated("services: {db: {image: 'bitnami/postgresql:16'}}")
    assert [p.container_port for p in container(made, "db").port_mappings] == [5432]


def test_a_service_that_others_need_without_a_known_port_is_warned_about(translated: Translate) -> None:
    made = translated("services: {db: {image: mystery}, app: {image: a, depends_on: [db]}}")
    assert "C2F228" in codes(made, Severity.WARNING)


def test_udp_has_no_name(translated: Translate) -> None:
    alone = "db: {image: dns, ports: ['53:53/udp']}"
    for user in ("depends_on: [db]", "environment: {RESOLVER_HOST: db}", "links: [db]"):
        made = translated(f"services: {{{alone}, app: {{image: a, {user}}}}}")
        assert names(made) == []
        assert "C2F224" in codes(made, Severity.WARNING)
    assert "C2F224" in codes(translated(f"services: {{{alone}}}"), Severity.INFO)


def test_an_exposed_range_is_all_its_ports(translated: Translate) -> None:
    made = translated("services: {db: {image: a, expose: ['8000-8003/tcp', '9000']}}")
    ports = [p.container_port for p in container(made, "db").port_mappings]
    assert ports == [8000, 8001, 8002, 8003, 9000]


@pytest.mark.parametrize("text", ["abc", "0", "70000", "80-70", "8000-70000", "80/sctp", "²", "9" * 5000])
def test_what_is_exposed_and_is_no_port_is_warned_about(text: str, translated: Translate) -> None:
    made = translated(f"services: {{db: {{image: a, expose: ['{text}']}}}}")
    assert "C2F223" in codes(made, Severity.WARNING)
    assert container(made, "db").port_mappings == ()


@pytest.mark.parametrize(
    "key", ["expose: ['1-65535']", "ports: ['1-65535:1-65535']", "ports: ['1-101:1-101']"]
)
def test_too_many_ports_are_refused_at_once_and_not_one_by_one(key: str, translated: Translate) -> None:
    made = translated(f"services: {{db: {{image: a, {key}}}}}")
    assert "C2F222" in codes(made, Severity.ERROR)
    assert len(container(made, "db").port_mappings) == 100
    assert len(made.diagnostics) < 20


def test_a_container_name_that_differs_in_case_only_is_no_second_name(translated: Translate) -> None:
    made = translated("services: {db: {image: postgres, container_name: Db}}")
    assert [(discovery, dns) for discovery, dns, _ in names(made)] == [("db", "db")]


def test_a_second_port_does_not_take_the_name_of_another_service(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: a, expose: ['1', '9229']}, db-9229: {image: b, expose: ['9229']}}"
    )
    other = ecs_service(made, "db-9229").service_connect_configuration
    assert other is not None
    found = [*(discovery for discovery, _, _ in names(made)), *(s.discovery_name for s in other.services)]
    assert len(set(found)) == len(found) == 3


@pytest.mark.parametrize("ports", ["['53:53/tcp', '53:53/udp']", "['53:53/udp', '53:53/tcp']"])
def test_of_two_protocols_on_a_port_tcp_is_kept(ports: str, translated: Translate) -> None:
    made = translated(f"services: {{db: {{image: a, ports: {ports}}}}}")
    assert [(p.container_port, p.protocol) for p in container(made, "db").port_mappings] == [(53, "tcp")]
    (found,) = [d for d in made.diagnostics if d.code == "C2F221"]
    assert found.path[-1] == ports.split("'")[1::2].index("53:53/udp")


def test_an_internal_network_still_reaches_the_internet_and_that_is_a_warning(translated: Translate) -> None:
    made = translated("services: {db: {image: a, networks: [back]}}\nnetworks: {back: {internal: true}}")
    assert "C2F202" in codes(made, Severity.WARNING)


# -- ports that values use -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "port"),
    [
        ("environment: {URL: 'http://db:8000/x'}", 8000), ("environment: {URL: 'p://u:pw@DB:5433/d'}", 5433),
        ("environment: ['HOSTS=a:1,db:9300']", 9300),
        ("command: [wait-for, 'db:8000']", 8000), ("entrypoint: wait db:8000", 8000), ("environment: {URL: 'http://store:8000'}", 8000),
    ],
)  # fmt: skip
def test_a_port_that_only_a_value_names_is_told(key: str, port: int, translated: Translate) -> None:
    made = translated(
        "services:\n  db: {image: a, expose: ['5432'], networks: {default: {aliases: [store]}}}\n"
        f"  app:\n    image: b\n    {key}\n"
    )
    (found,) = [d for d in made.diagnostics if d.code == "C2F519"]
    assert found.hint == f'write expose: ["{port}"] under db to declare it'
    assert (found.severity, found.location and found.location.line) == (Severity.INFO, 5)
    assert port in [p.container_port for p in container(made, "db").port_mappings]


@pytest.mark.parametrize(
    "value",
    ["db:5432", "other:8000", "my-db:8000", "db.example.com:8000", "db:16",
     "db:8000:1", "db:80000", "db:8000-bookworm", "localhost:1"]
)  # fmt: skip
def test_what_is_known_or_no_port_is_not_told(value: str, translated: Translate) -> None:
    made = translated(
        f"services: {{db: {{image: a, expose: ['5432']}}, app: {{image: b, environment: {{A: '{value}'}}}}}}"
    )
    assert "C2F519" not in codes(made)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "postgres://db:54321@db:5432/app", []), ("URL", "amqp://db:54321!hunter@db/x", [5672]),
        ("URL", "p://u:db:54321@db", []), ("URL", "p://db:54321/hunter@db:5432/x", []), ("URL", "p://db:54321?hunter@db", []),
        ("URL", "p://db:54321,a@b@db:8000/x", [8000]),
        ("URLS", "http://db:8000,amqp://u:p@mq", [8000]), ("URLS", "http://db:8000/x,amqp://u:p@mq", [8000]),
        ("URL", "http://db:8000/?mail=a@example.com", [8000]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["environment", "command"])
def test_a_password_is_no_port(
    key: str, name: str, value: str, told: list[int], translated: Translate
) -> None:
    given = f"environment: {{{name}: '{value}'}}" if key == "environment" else f"command: [run, '{value}']"
    made = translated(f"services: {{db: {{image: a, expose: ['5432']}}, app: {{image: b, {given}}}}}")
    found = [d for d in made.diagnostics if d.code == "C2F519"]
    assert [d.hint for d in found] == [f'write expose: ["{port}"] under db to declare it' for port in told]
    assert "54321" not in repr(made.diagnostics)


def test_a_variable_that_is_a_credential_names_no_port(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: a, expose: ['5432']}, app: {image: b, environment: {API_TOKEN: 'db:54321'}}}"
    )
    assert "54321" not in repr(made.diagnostics)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("value", ["postgres://db:54321@db:5432/app", "amqp://db:54321!hunter@db/x"])
def test_no_diagnostic_prints_a_password(form: str, value: str, program: Program, tmp_path: Path) -> None:
    given = f"environment: {{URL: '{value}', OTHER: 'http://db:8000'}}"
    text = f"services: {{db: {{image: a, expose: ['5432']}}, app: {{image: b, {given}}}}}"
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    result = program("convert", "-o", "out", "--notes", "--diagnostics", form, cwd=tmp_path)
    assert "C2F519" in result.out + result.err
    assert "54321" not in result.out + result.err


def test_all_who_use_an_unknown_port_are_named_once(translated: Translate) -> None:
    use = "environment: {A: 'db:8000', B: 'db:8000'}"
    made = translated(f"services: {{db: {{image: a}}, app: {{image: b, {use}}}, job: {{image: c, {use}}}}}")
    (found,) = [d for d in made.diagnostics if d.code == "C2F519"]
    assert found.message == "port 8000 of db is opened because app and job use it (A)"


def test_a_variant_that_serves_nothing_has_no_port(translated: Translate) -> None:
    made = translated("services: {db: {image: 'wordpress:cli-php8.3'}, web: {image: 'wordpress:6'}}")
    assert container(made, "db").port_mappings == ()
    assert [p.container_port for p in container(made, "web").port_mappings] == [80]
