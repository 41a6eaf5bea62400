"""The same facts in other words: two settings for one address, ports that a check or a variable says, other ways to Docker's DNS."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.references.test_references import found, ports


@pytest.mark.parametrize(
    ("target", "text", "port"),
    [
        ("/app/app.toml", '[upstream]\nhost = "app"\nport = 8101\n', 8101),
        ("/app/app.ini", "[database]\nport=8102\nhost=app\n", 8102),
        ("/app/app.yaml", "database:\n  host: app\n  name: x\n  port: 8103\n", 8103),
        ("/app/app.yaml", "services:\n- name: a\n  host: app\n  port: 8104\n", 8104),
        ("/app/app.json", '{"db": {"host": "app", "port": 8105}}', 8105),
        ("/app/app.json", '{\n  "hostname": "app",\n  "port": 8106\n}', 8106),
        ("/app/app.properties", "spring.redis.host=app\nspring.redis.port=8107\n", 8107),
        ("/app/app.conf", "DB_HOST=app\nDB_PORT=8108\n", 8108),
        (
            "/etc/nginx/conf.d/default.conf",
            "server { set $up app; location / { proxy_pass http://$up:8109; } }",
            8109,
        ),
        ("/etc/caddy/Caddyfile", ":80 {\n  reverse_proxy {\n    dynamic a app 8110\n  }\n}", 8110),
    ],
)
def test_files_name_a_host_and_its_port_in_two_settings(
    target: str, text: str, port: int, translated: Translate, tmp_path: Path
) -> None:
    name = Path(target).name
    (tmp_path / name).write_text(text, encoding="utf-8")
    made = translated(
        f"services: {{gw: {{image: i/g, volumes: ['./{name}:{target}:ro']}}, app: {{image: i/a}}}}"
    )
    assert ports(made, "app") == [port]


@pytest.mark.parametrize(
    "text",
    [
        "server:\n  host: other\ndatabase:\n  port: 8101\n",  # of no service
        "a:\n  host: app\nb:\n    port: 8101\n",  # at another depth
        "db_host: app\nhttp_port: 8101\n",  # of something else
        "host: app\n" + "x: y\n" * 9 + "port: 8101\n",  # far away
    ],
)
def test_settings_that_do_not_belong_together_are_no_address(
    text: str, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    made = translated("services: {gw: {image: i/g, volumes: ['./c.yaml:/c.yaml:ro']}, app: {image: i/a}}")
    assert ports(made, "app") == []


@pytest.mark.parametrize(
    ("test", "port"),
    [
        ("[CMD, /bin/grpc_health_probe, '-addr=:50051']", 50051),
        ("[CMD, node, -e, \"require('http').get({host: 'localhost', port: 3000})\"]", 3000),
        ("[CMD, pg_isready, -h, localhost, -p, '5433']", 5433),
        ("redis-cli -p 6380 ping", 6380),
        ("mysqladmin ping -P 3307", 3307),
        ("./check --port 9000", 9000),
        ("curl -f http://localhost:$$PORT/up", 4000),
        ("'curl -f http://localhost:$${WEB_PORT:-4100}/up'", 4100),
        ("curl -f http://localhost:$$UNKNOWN/up", 0),
        ("[CMD, pg_isready, -h, other, -p, '5433']", 0),
        ("mysqladmin ping -p1234", 0),
    ],
)
def test_a_health_check_says_its_port_in_many_ways(test: str, port: int, translated: Translate) -> None:
    made = translated(
        f"services: {{api: {{image: i/a, environment: {{PORT: 4000}}, healthcheck: {{test: {test}}}}}}}"
    )
    assert ports(made, "api") == ([port] if port else [])


def test_the_only_port_of_a_beginning_belongs_to_the_host(translated: Translate) -> None:
    text = (
        "services: {a: {image: i/a, environment: {GATE_HOST: b, GATE_START_PORT: 7001%s}}, b: {image: i/b}}"
    )
    assert ports(translated(text % ""), "b") == [7001]
    assert ports(translated(text % ", GATE_END_PORT: 7002"), "b") == []
    assert ports(translated(text % ", GATE_PORT: 7003"), "b") == [7003]


@pytest.mark.parametrize(
    "says",
    [
        "labels: ['traefik.http.services.b.loadbalancer.server.port=7010']",
        "labels: {caddy: b.example.org, caddy.reverse_proxy: '{{upstreams 7010}}'}",
        "environment: {VIRTUAL_HOST: b.example.org, VIRTUAL_PORT: 7010}",
        "environment: {PORT: 7010}",
        'build: {dockerfile_inline: "FROM acme/base\\nENV PORT=7010\\n"}',
    ],
)
def test_labels_and_variables_say_where_a_service_listens(says: str, translated: Translate) -> None:
    image = "" if "build" in says else "image: i/b, "
    made = translated(
        f"services: {{a: {{image: i/a, expose: ['80'], depends_on: [b]}}, b: {{{image}{says}}}}}"
    )
    assert ports(made, "b") == [7010]
    assert not found(made, "C2F228")
    assert "7010" in found(made, "C2F519")[0].message


@pytest.mark.parametrize("port", ["0", "70000", "9" * 5000, "eighty"])
def test_what_is_no_port_opens_none(port: str, translated: Translate) -> None:
    labels = f"labels: ['traefik.http.services.b.loadbalancer.server.port={port}'], environment: {{PORT: '{port}'}}"
    made = translated(f"services: {{a: {{image: i/a, depends_on: [b]}}, b: {{image: i/b, {labels}}}}}")
    assert ports(made, "b") == []


@pytest.mark.parametrize(
    ("name", "image", "told"),
    [
        ("worker", "acme/app", False),
        ("orders-consumer2", "acme/app", False),
        ("job", "acme/queue-worker:3", False),
        ("producer-perf-test", "acme/app", False),
        ("config-bootstrapper", "acme/app", False),
        ("worker-api", "acme/app", True),
        ("tower", "acme/app", True),
    ],
)
def test_a_name_says_that_a_service_is_a_worker(
    name: str, image: str, told: bool, translated: Translate
) -> None:
    text = f"services: {{web: {{image: acme/w%s, expose: ['80'], depends_on: [{name}]}}, {name}: {{image: '{image}'}}}}"
    assert bool(found(translated(text % ""), "C2F228")) is told


def test_a_worker_that_is_called_by_its_name_is_none(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, depends_on: [worker], environment: {JOBS: 'worker:7'}}, worker: {image: acme/x}}"
    made = translated(text.replace("'worker:7'", "'http://worker'"))
    assert ports(made, "worker") == [80]


@pytest.mark.parametrize("shares", ["ipc: 'service:b'", "volumes_from: [b]"])
def test_what_only_lends_its_namespace_or_volumes_needs_no_port(shares: str, translated: Translate) -> None:
    made = translated(f"services: {{a: {{image: i/a, {shares}}}, b: {{image: i/b}}}}")
    assert Severity.WARNING not in {d.severity for d in found(made, "C2F228")}


def test_udp_ports_of_a_service_are_told_once(translated: Translate) -> None:
    made = translated("services: {rtp: {image: i/r, expose: ['5060/udp', '20000-20010/udp']}}")
    (told,) = found(made, "C2F224")
    assert told.message.startswith("ports 5060/udp, 20000-20010/udp cannot be reached as rtp")


def test_a_block_that_names_one_who_has_it_is_no_sure_reference(translated: Translate) -> None:
    """As for all services: `gate` has it, and is named by it."""
    block = "environment: {GATE_HOST: gate, GATE_PORT: '9', KEEPER_HOST: keeper, KEEPER_PORT: '7000'}"
    plain = "environment: {KEEPER_HOST: keeper, KEEPER_PORT: '7000'}"
    text = (
        "services: {keeper: {image: i/k, depends_on: [store, gate]}, store: {image: i/s, expose: ['1'], %s}, "
        "gate: {image: i/g, expose: ['9'], %s}}"
    )

    def of_store(*blocks: str) -> Severity:
        (told,) = [d for d in found(translated(text % blocks), "C2F522") if d.message.startswith("store ")]
        return told.severity

    assert of_store(block, plain) is Severity.WARNING
    assert of_store(plain, plain) is Severity.WARNING
    assert of_store(block, block) is Severity.INFO


def test_a_file_of_variables_is_as_sure_as_the_compose_file(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("DATABASE_URL=postgres://db2:5432/x\n", encoding="utf-8")
    made = translated("services: {web: {image: i/w, env_file: web.env}, db: {image: 'postgres:16'}}")
    (told,) = found(made, "C2F521")
    assert told.severity is Severity.ERROR
    assert told.hint.startswith("write db")


# -- the machine's own address, and Docker's DNS ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "hint"),
    [
        ("environment: {DB_HOST: localhost, DB_PORT: 5432}", "write db"),
        ("environment: {POSTGRES_HOST: 127.0.0.1}", "write db"),
        ("command: ['--dsn', 'postgres://localhost:5432/x']", "write postgres://db:5432"),
        ("command: ['--api=http://host.docker.internal:5432']", "write http://db:5432"),
    ],
)
def test_ways_to_name_the_machine(says: str, hint: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: i/w, {says}}}, db: {{image: 'postgres:16', ports: ['5432:5432']}}}}"
    )
    (told,) = found(made, "C2F524")
    assert told.hint.partition(",")[0] == hint


def test_an_image_and_a_file_name_the_machine(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: 1\nredis: redis://host.docker.internal:6379\n", encoding="utf-8")
    (tmp_path / "Dockerfile").write_text("FROM acme/x\nENV CACHE=redis://localhost:6379\n", encoding="utf-8")
    made = translated(
        "services: {a: {build: .}, b: {image: i/b, volumes: ['./c.yaml:/c.yaml:ro']}, redis: {image: 'redis:7', ports: ['6379:6379']}}"
    )
    of_image, of_file = sorted(found(made, "C2F524"), key=lambda d: d.message)
    assert of_image.message.startswith("CACHE of a is redis://localhost:6379")
    assert of_file.location
    assert (of_file.location.file, of_file.location.line) == ("c.yaml", 2)


@pytest.mark.parametrize(
    "says",
    [
        "environment: {DB_HOST: localhost}",
        "environment: {HOST: localhost, PORT: 5432}",
        "command: [serve, 'http://localhost:5432']",
    ],
)
def test_what_a_service_may_mean_itself_by_is_not_told(says: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: i/w, {says}}}, db: {{image: 'postgres:16', ports: ['5432:5432']}}}}"
    )
    assert not found(made, "C2F524")


@pytest.mark.parametrize(
    ("target", "text", "line", "said"),
    [
        ("/etc/haproxy/haproxy.cfg", "resolvers d\n  nameserver d1 127.0.0.11:53\n", 2, "HAProxy"),
        ("/etc/caddy/Caddyfile", ":80 {\n  reverse_proxy {\n    resolvers 127.0.0.11\n  }\n}", 3, "Caddy"),
        (
            "/etc/nginx/conf.d/a.conf",
            "resolver local=on;\nset $u api;\nproxy_pass http://$u:7000;",
            1,
            "local=on",
        ),
    ],
)
def test_other_ways_to_ask_dockers_dns(
    target: str, text: str, line: int, said: str, translated: Translate, tmp_path: Path
) -> None:
    name = Path(target).name
    (tmp_path / name).write_text(text, encoding="utf-8")
    compose = f"services: {{gw: {{image: i/g, volumes: ['./{name}:{target}:ro']}}, api: {{image: i/a}}}}"
    for names in ("service-connect", "dns"):
        (told,) = found(translated(compose, names=names), "C2F523")
        assert said in told.message
        assert told.location
        assert told.location.line == line


@pytest.mark.parametrize(
    "says", ["environment: {DNS: '127.0.0.11:53'}", "command: ['--resolver', '127.0.0.11']"]
)
def test_variables_and_commands_that_name_dockers_dns_are_told(says: str, translated: Translate) -> None:
    (told,) = found(translated(f"services: {{gw: {{image: i/g, {says}}}}}"), "C2F523")
    assert "169.254.169.253" in told.hint


def test_a_store_that_only_a_file_names_is_told(translated: Translate, tmp_path: Path) -> None:
    text = (
        "url: jdbc:postgresql://postgres:5432/x\nhome: http://portal:8080\nother: redis://cache.example.org\n"
    )
    (tmp_path / "app.yml").write_text(text, encoding="utf-8")
    made = translated(
        "services: {web: {image: i/w, volumes: ['./app.yml:/app/app.yml:ro']}, db: {image: 'postgres:16'}}"
    )
    (told,) = found(made, "C2F521")
    assert told.severity is Severity.WARNING
    assert told.location
    assert (told.location.file, told.location.line) == ("app.yml", 1)


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: '0@kafka:9093'", "0@localhost:9093"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS: '1@kafka:9093,2@other:9093'", "1@localhost:9093,2@other:9093"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093'", ""),
    ],
)
def test_a_kafka_that_votes_for_itself_by_name_is_told(
    variable: str, hint: str, translated: Translate
) -> None:
    made = translated(
        f"services: {{kafka: {{image: 'apache/kafka:4.0.0', environment: {{{variable}}}}}, other: {{image: i/o}}}}"
    )
    assert [d.hint for d in found(made, "C2F543")] == (
        [f"write {variable.partition(':')[0]}: {hint}"] if hint else []
    )


@pytest.mark.parametrize("host", ["external_ip", "ip", "host-ip", "ip_address"])
def test_what_stands_for_an_address_is_no_host(host: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: i/w, environment: {{GRAFANA_URL: 'http://{host}:3000'}}}}}}"
    )
    assert not found(made, "C2F521")
