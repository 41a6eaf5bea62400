"""Who talks to whom, and what follows: ports, order, unreachable names, time limits, processors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import Translated
from compose2fargate.aws.resources import EcsService, IngressRule, ServiceConnectTimeout, TaskDefinition
from compose2fargate.diagnostics import Diagnostic, Severity
from tests.conftest import Program
from tests.mapping.conftest import Translate


def found(made: Translated, code: str) -> list[Diagnostic]:
    return [d for d in made.diagnostics if d.code == code]


def ports(made: Translated, name: str) -> list[int]:
    definition = made.translation.stack.resources[f"task-definition/{name}"]
    assert isinstance(definition, TaskDefinition)
    return [port.container_port for port in definition.container_definitions[0].port_mappings]


def offered(made: Translated, name: str) -> list[tuple[str, int]]:
    service = made.translation.stack.resources[f"service/{name}"]
    assert isinstance(service, EcsService)
    assert service.service_connect_configuration
    return [
        (a.dns_name, a.port) for s in service.service_connect_configuration.services for a in s.client_aliases
    ]


def waits(made: Translated, name: str, kind: str = "service") -> list[str]:
    return [after.logical_id for after in made.translation.stack.after.get(f"{kind}/{name}", ())]


def project(text: str, **services: str) -> str:
    return "services:\n" + "".join(f"  {name}: {value}\n" for name, value in services.items()) + text


# -- order ---------------------------------------------------------------------------------------------------


def test_a_service_is_deployed_after_those_it_talks_to(translated: Translate) -> None:
    made = translated(
        "services: {gw: {image: 'nginx:1.27', environment: {UP: 'http://orders:7000'}}, orders: {image: a/o, expose: ['7000']}}"
    )
    assert waits(made, "gw") == ["service/orders"]
    order = [i for i in made.translation.stack.resources if i.startswith("service/")]
    assert order == ["service/orders", "service/gw"]


def test_a_host_without_a_port_decides_no_order_against_one_with_a_port(translated: Translate) -> None:
    text = (
        "services: {{a: {{image: acme/a, environment: {{{a}}}}}, b: {{image: acme/b, environment: {{{b}}}}}}}"
    )
    made = translated(text.format(a="B_URL: 'http://b:7000'", b="A_HOST: a"))
    assert (waits(made, "a"), waits(made, "b")) == (["service/b"], [])
    assert [d.severity for d in found(made, "C2F522")] == [Severity.INFO]
    made = translated(text.format(a="B_HOST: b", b="A_URL: 'http://a:7000'"))
    assert (waits(made, "a"), waits(made, "b")) == ([], ["service/a"])
    made = translated(text.format(a="B_URL: 'http://b:7000'", b="REDIS_HOST: a"))
    assert [d.severity for d in found(made, "C2F522")] == [Severity.WARNING]


def test_a_task_is_deployed_after_what_its_init_container_talks_to(translated: Translate) -> None:
    made = translated(
        "services: {app: {image: acme/app, depends_on: [prep]}, prep: {image: acme/p, command: [load], environment: "
        "{SEED_URL: 'http://seed:9000'}, x-fargate: {job: init}}, seed: {image: acme/s}}"
    )
    assert waits(made, "app") == ["service/seed"]


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("X: 'db2:5432'", [Severity.WARNING]),
        ("X: 'redis-cache:6379'", [Severity.WARNING]),
        ("X: 'db2:1234'", []),
        ("X: 'label:5432'", []),
        ("X: 'see db2:5432 there'", []),
        ("DB_PASSWORD: 'db2:5432'", []),
        ("X: 'db:5432'", []),
        ("SMTP_ADDRESS: mailhog, SMTP_PORT: 1025", [Severity.WARNING]),
        ("SMTP_ADDRESS: mail.example.org, SMTP_PORT: 25", []),
        ("SMTP_ADDRESS: mailhog", []),
    ],
)
def test_a_value_that_can_be_nothing_but_a_store_is_told(
    translated: Translate, variable: str, told: list[Severity]
) -> None:
    made = translated(
        f"services: {{web: {{image: acme/w, environment: {{{variable}}}}}, db: {{image: postgres}}}}"
    )
    assert [d.severity for d in found(made, "C2F521")] == told


def test_a_job_waits_for_what_it_talks_to(translated: Translate) -> None:
    made = translated(
        "services: {job: {image: a/j, command: [load, 'http://api:8000'], x-fargate: {job: true}}, api: {image: a/a}}"
    )
    assert waits(made, "job", "run-task") == ["service/api"]


def test_a_circle_is_told_and_one_is_deployed_again(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: i/a, environment: {B: 'http://b:8002'}}, b: {image: i/b, environment: {A: 'http://a:8001'}}}"
    )
    (told,) = found(made, "C2F522")
    assert told.severity is Severity.WARNING
    (again,) = made.translation.stack.again
    name = again.partition("/")[2]
    assert f"aws ecs update-service --cluster shop --service {name} --force-new-deployment" in told.hint
    assert sorted([waits(made, "a"), waits(made, "b")]) == [[], [f"service/{name}"]]


def test_depends_on_wins_over_who_talks_to_whom(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: i/a, depends_on: [api]}, api: {image: i/b, expose: ['1'], environment: {W: 'http://web:8001'}}}"
    )
    assert waits(made, "web") == ["service/api"]
    assert made.translation.stack.again == ("service/api",)
    assert not found(made, "C2F506")


@pytest.mark.parametrize("key", ["CORS_ORIGIN", "ALLOWED_ORIGINS", "FRONTEND_PUBLIC_URL"])
def test_who_may_ask_a_service_is_no_dependency(key: str, translated: Translate) -> None:
    made = translated(
        f"services: {{api: {{image: i/a, environment: {{{key}: 'http://web:3000'}}}}, web: {{image: i/b, expose: ['80']}}}}"
    )
    assert waits(made, "api") == []
    assert ports(made, "web") == [80]


# -- ports ---------------------------------------------------------------------------------------------------


def test_a_port_that_another_service_names_is_opened_everywhere(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: i/w, environment: {API_URL: 'http://api:8000'}, depends_on: [api]}, api: {image: acme/api}}"
    )
    assert ports(made, "api") == [8000]
    assert offered(made, "api") == [("api", 8000)]
    assert [r.from_port for _, r in made.translation.stack.of_type(IngressRule)] == [8000]
    assert [d.severity for d in found(made, "C2F519")] == [Severity.INFO]
    assert not [d for d in found(made, "C2F228") if d.path[1] == "api"]


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ("environment: {DB_HOST: api, DB_PORT: '7001'}", 7001),
        ("environment: {DB: 'jdbc:postgresql://api:7002/x'}", 7002),
        ("environment: {U: 'http://api/'}", 80),
        ("environment: {M: 'mongodb://u:p@api:7003,other:7004/x?r=1'}", 7003),
        ("entrypoint: [wait-for, 'api:7005']", 7005),
        ("command: ['--upstream=http://api:7006']", 7006),
        ("healthcheck: {test: 'curl -f http://api:7007/up'}", 7007),
        ("environment: {U: 'http://backend:7008'}", 7008),
    ],
)
def test_where_a_port_may_stand(given: str, port: int, translated: Translate) -> None:
    made = translated(
        f"services:\n  api: {{image: i/a, hostname: backend}}\n  web:\n    image: i/w\n    {given}\n"
    )
    assert ports(made, "api") == [port]


def test_a_host_name_that_is_used_is_a_name(translated: Translate) -> None:
    made = translated(
        "services: {api: {image: i/a, hostname: backend}, web: {image: i/w, environment: {U: 'http://backend:7008'}}}"
    )
    assert offered(made, "api") == [("api", 7008), ("backend", 7008)]


@pytest.mark.parametrize(
    "given",
    [
        "environment: {IMAGE: 'api:8000'}",
        "environment: {X: 'registry.example.com/acme/api:8000'}",
        "environment: {WORKER_LIMITS: 'api:100,web:200'}",
        "environment: {JSON: '{api:8000}'}",
        "environment: {WHEN: '12:3000', PATH_: 'D:8000', RATIO: '16:9000'}",
        "command: [chown, 'api:1000', /data]",
        "command: sh -c 'chown -R api:1000 /data'",
        "command: [sh, -c, 'su-exec api:1000 run']",
        "environment: {X: 'api:8000/tcp'}",
        "environment: {API_TOKEN: 'api:8000'}",
    ],
)
def test_what_only_looks_like_an_address_opens_nothing(given: str, translated: Translate) -> None:
    made = translated(f"services:\n  api: {{image: i/a}}\n  web:\n    image: i/w\n    {given}\n")
    assert ports(made, "api") == []
    assert not found(made, "C2F521")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("curl -f http://127.0.0.1:3000/up", [3000]),
        ("wget -qO- http://localhost/ || exit 1", [80]),
        ("nc -z localhost 9000", [9000]),
        ("pg_isready", []),
        ("curl -f http://example.com:3000/", []),
    ],
)
def test_a_health_check_names_the_port_of_its_service(
    test: str, expected: list[int], translated: Translate
) -> None:
    made = translated(f"services: {{api: {{image: i/a, healthcheck: {{test: '{test}'}}}}}}")
    assert ports(made, "api") == expected
    assert len(found(made, "C2F520")) == len(expected)


def test_a_known_port_is_not_doubted_by_a_health_check(translated: Translate) -> None:
    made = translated(
        "services: {api: {image: i/a, expose: ['80'], healthcheck: {test: 'curl http://localhost:9999/'}}}"
    )
    assert ports(made, "api") == [80]


def test_udp_is_opened_as_udp(translated: Translate) -> None:
    made = translated(
        "services: {api: {image: i/a}, web: {image: i/w, environment: {STATSD: 'api:8125', LOGS: 'udp://api:5555'}}}"
    )
    definition = made.translation.stack.resources["task-definition/api"]
    assert isinstance(definition, TaskDefinition)
    opened = {p.container_port: p.protocol for p in definition.container_definitions[0].port_mappings}
    assert opened == {8125: "udp", 5555: "udp"}
    assert 'expose: ["8125/udp"]' in " ".join(d.hint for d in found(made, "C2F519"))


# -- files ---------------------------------------------------------------------------------------------------

NGINX = "/etc/nginx/conf.d/default.conf"


@pytest.mark.parametrize(
    ("target", "text", "port"),
    [
        (NGINX, "location ~ \\.php$ {\n  fastcgi_pass app:9000;\n}", 9000),
        (NGINX, "upstream x { server app:8001 weight=2; }\nlocation / { proxy_pass http://x; }", 8001),
        (NGINX, "location / { proxy_pass http://app; }", 80),
        (NGINX, "location / { uwsgi_pass app:3031; }", 3031),
        (NGINX, "location / { grpc_pass grpc://app:50051; }", 50051),
        (NGINX, "set $u http://app:8002; proxy_pass $u;", 8002),
        ("/etc/caddy/Caddyfile", "shop.example.com {\n  reverse_proxy app:8003\n}", 8003),
        ("/etc/caddy/Caddyfile", "shop.example.com {\n  reverse_proxy /api/* app:8004\n}", 8004),
        ("/usr/local/etc/haproxy/haproxy.cfg", "backend b\n  server one app:8005 check", 8005),
        (
            "/etc/envoy/envoy.yaml",
            "socket_address:\n  address: app\n  port_value: 8006\n",
            8006,
        ),
        ("/etc/prometheus/prometheus.yml", "static_configs:\n  - targets: ['app:8007']", 8007),
        ("/app/config.toml", 'url = "http://app:8008/x"', 8008),
        ("/app/app.env", "API=http://app:8009", 8009),
    ],
)
@pytest.mark.parametrize("way", ["file", "folder", "config"])
def test_files_name_ports(
    way: str, target: str, text: str, port: int, translated: Translate, tmp_path: Path
) -> None:
    name = Path(target).name
    if way == "folder" and name.endswith(".env"):
        pytest.skip("a file of variables in a folder may hold secrets")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / name).write_text(text, encoding="utf-8")
    source = {"file": f"volumes: ['./conf/{name}:{target}:ro']",
              "folder": f"volumes: ['./conf:{Path(target).parent}:ro']",
              "config": f"configs: [{{source: c, target: {target}}}]"}[way]  # fmt: skip
    configs = f"configs: {{c: {{file: ./conf/{name}}}}}\n" if way == "config" else ""
    made = translated(f"services:\n  proxy: {{image: i/p, {source}}}\n  app: {{image: i/a}}\n{configs}")
    assert ports(made, "app") == [port]
    assert waits(made, "proxy") == ["service/app"]
    (note,) = found(made, "C2F519")
    assert note.location
    assert note.location.file == f"conf/{name}"


def test_comments_and_names_of_upstreams_are_no_addresses(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "n.conf").write_text(
        "# proxy_pass http://app:1111;\nupstream app { server 10.0.0.1:80; }\nlocation / { proxy_pass http://app; }",
        encoding="utf-8",
    )
    made = translated(
        f"services: {{proxy: {{image: i/p, volumes: ['./n.conf:{NGINX}:ro']}}, app: {{image: i/a}}}}"
    )
    assert ports(made, "app") == []


def test_php_fpm_is_reached_through_nginx(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "n.conf").write_text("fastcgi_pass php-fpm:9000;", encoding="utf-8")
    made = translated(
        f"services: {{nginx: {{image: 'nginx:alpine', volumes: ['./n.conf:{NGINX}:ro']}}, php-fpm: {{image: 'php:8.3-fpm'}}}}"
    )
    assert offered(made, "php-fpm") == [("php-fpm", 9000)]
    assert waits(made, "nginx") == ["service/php-fpm"]


def test_the_variables_of_an_image_are_read(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM node:20\nENV API_URL=http://api:8000\n", encoding="utf-8")
    made = translated("services: {web: {build: .}, api: {image: i/a}}")
    assert ports(made, "api") == [8000]


def test_dockers_resolver_is_told_at_its_line(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "n.conf").write_text(
        "server {\n  resolver 127.0.0.11;\n  set $u http://api:7000;\n  proxy_pass $u;\n}", encoding="utf-8"
    )
    made = translated(
        f"services: {{nginx: {{image: 'nginx:alpine', volumes: ['./n.conf:{NGINX}:ro']}}, api: {{image: i/a}}}}"
    )
    (told,) = found(made, "C2F523")
    assert (told.severity, str(told.location)) == (Severity.WARNING, "n.conf:2:1")
    assert "proxy_pass http://api:7000;" in told.hint


# -- what cannot be reached ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("environment: {DB: 'postgres://db2:5432/x'}", "db2:5432"),
        ("environment: {REDIS_URL: 'redis://:pw@cache/0'}", "cache:6379"),
        ("environment: {POSTGRES_HOST: pgsql}", "pgsql"),
        ("environment: {KAFKA_BROKERS: 'kafka:9092'}", "kafka:9092"),
        ("command: ['--api=http://backend:8000']", "backend:8000"),
    ],
)
def test_a_name_that_no_service_has_is_an_error(given: str, host: str, translated: Translate) -> None:
    text = f"services:\n  db: {{image: 'postgres:16'}}\n  web:\n    image: i/w\n    {given}\n"
    (told,) = found(translated(text), "C2F521")
    assert told.severity is Severity.ERROR
    assert f"web talks to {host} " in told.message
    assert "--allow C2F521" in told.hint
    assert found(translated(text, allow=("C2F521",)), "C2F521")[0].severity is Severity.WARNING


def test_the_name_that_may_be_meant_is_told(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: 'postgres:16'}, web: {image: i/w, environment: {DB: 'postgres://db2:5432/x'}}}"
    )
    assert found(made, "C2F521")[0].hint.startswith("write db if that is what you mean")


@pytest.mark.parametrize(
    "given",
    [
        "environment: {DB: 'postgres://db.example.com:5432/x'}",
        "environment: {DB: 'postgres://localhost:5432/x'}",
        "environment: {DB: 'postgres://your-host:5432/x'}",
        "environment: {DB: 'postgres://legacy:5432/x'}\n    extra_hosts: ['legacy:10.0.0.5']",
        "environment: {HOST: web, APP_NAME: shop, HOST_HEADER: other}",
        "environment: {CORS_ORIGIN: 'http://frontend:3000'}",
        "environment: {CACHE: 'file://cache/x', KEY: 'urn:8000', MODE: 'fast:100'}",
        "environment: {TIME: '10:30', IMAGE: 'redis:7', WEIGHTS: 'blue:90,green:100'}",
        "environment: {LISTEN: 'http://self:8000'}",
        "command: [run, 'redis:7000']",
    ],
)
def test_what_is_outside_or_no_host_is_no_error(given: str, translated: Translate) -> None:
    made = translated(f"services:\n  web:\n    image: i/w\n    {given}\n")
    assert not found(made, "C2F521")


def test_a_network_of_another_project_may_have_the_name(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: i/w, networks: [shared], environment: {DB: 'postgres://db2:5432/x'}}}\n"
        "networks: {shared: {external: true}}"
    )
    assert [d.severity for d in found(made, "C2F521")] == [Severity.WARNING]


def test_services_of_inactive_profiles_are_left_out(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: i/w, environment: {C: 'redis://cache:6379'}}, cache: {image: redis, profiles: [x]}}"
    )
    (told,) = found(made, "C2F521")
    assert (told.severity, "cache is left out" in told.message) == (Severity.WARNING, True)


def test_a_store_without_a_port_is_an_error(translated: Translate) -> None:
    made = translated("services: {db: {image: acme/db}, web: {image: i/w, environment: {DB_HOST: db}}}")
    (told,) = found(made, "C2F521")
    assert (told.severity, 'expose: ["8000"]' in told.hint) == (Severity.ERROR, True)


def test_no_network_in_common_is_told(translated: Translate) -> None:
    made = translated(
        "services: {db: {image: 'postgres:16', networks: [a]}, web: {image: i/w, networks: [b], environment: {D: 'postgres://db:5432/x'}}}\n"
        "networks: {a: {}, b: {}}"
    )
    assert "no network in common" in found(made, "C2F521")[0].message


def test_a_proxy_that_does_not_start_is_an_error(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "n.conf").write_text("location / {\n  proxy_pass http://missing:80;\n}", encoding="utf-8")
    made = translated(f"services: {{proxy: {{image: nginx, volumes: ['./n.conf:{NGINX}:ro']}}}}")
    (told,) = found(made, "C2F521")
    assert (told.severity, str(told.location)) == (Severity.ERROR, "n.conf:2:1")


# -- time limits, the machine's own address, processors -------------------------------------------------------


def _timeouts(made: Translated, name: str) -> list[ServiceConnectTimeout | None]:
    service = made.translation.stack.resources[f"service/{name}"]
    assert isinstance(service, EcsService)
    assert service.service_connect_configuration
    return [one.timeout for one in service.service_connect_configuration.services]


@pytest.mark.parametrize(
    ("more", "expected", "notes"),
    [
        ("expose: ['5432']", ServiceConnectTimeout(0, None), 0),
        ("ports: [{target: 80, app_protocol: http}]", None, 1),
        (
            "ports: [{target: 80, app_protocol: http}], x-fargate: {service_connect: {request_timeout: 60}}",
            ServiceConnectTimeout(None, 60), 0,
        ),
        ("expose: ['5432'], x-fargate: {service_connect: {idle_timeout: 900}}", ServiceConnectTimeout(900, None), 0),
    ],
)  # fmt: skip
def test_time_limits_of_service_connect(more: str, expected: Any, notes: int, translated: Translate) -> None:
    made = translated(f"services: {{a: {{image: i/a, {more}}}}}")
    assert _timeouts(made, "a") == [expected]
    assert len(found(made, "C2F525")) == notes


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("NEXTAUTH_URL: 'http://localhost:3000'", "the address of the load balancer"),
        ("REDIS_URL: 'redis://127.0.0.1:6379'", "write redis://redis:6379"),
        ("REDIS_ADDR: 'localhost:6379'", "write redis:6379"),
        ("API: 'http://host.docker.internal:8081/x'", "write http://api:80,"),
        ("FRONTEND_URL: 'http://0.0.0.0:3000'", "the address of the load balancer"),
        ("APP_DOMAIN: 'localhost:3000'", "the address of the load balancer"),
    ],
)
def test_the_address_of_the_machine_is_told(given: str, hint: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: i/w, ports: ['3000:3000'], environment: {{{given}}}}}, redis: {{image: 'redis:7'}}, "
        "api: {image: i/a, ports: ['8081:80']}}"
    )
    (told,) = found(made, "C2F524")
    assert hint in told.hint


@pytest.mark.parametrize(
    "given",
    [
        "INTERNAL: 'http://localhost:3000'", "HEALTH_URL: 'http://localhost:8081'", "LISTEN: '127.0.0.1:6379'",
        "X: 'http://localhost:4444'", "APP_URL: 'http://127.0.0.1:3000'",
        "SERVE_ON: 'http://0.0.0.0:3000'", "SITE_ADDR: '0.0.0.0:3000'",
    ],
)  # fmt: skip
def test_a_service_may_talk_to_itself(given: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: i/w, ports: ['3000:3000'], environment: {{{given}}}}}, redis: {{image: 'redis:7'}}, "
        "api: {image: i/a, ports: ['8081:80']}}"
    )
    assert not found(made, "C2F524")


def test_containers_of_one_task_share_a_processor(translated: Translate) -> None:
    text = "services: {{app: {{image: i/a, platform: linux/arm64}}, side: {{image: i/s, platform: {}, network_mode: 'service:app'}}}}"
    (told,) = found(translated(text.format("linux/amd64")), "C2F526")
    assert told.severity is Severity.ERROR
    assert not found(translated(text.format("linux/arm64")), "C2F526")


# -- explain -------------------------------------------------------------------------------------------------


def test_explain_tells_where_a_variable_leads(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: i/w, environment: {API_URL: 'http://api:8000', DB: 'postgres://db2:5432/x'}}, api: {image: i/a}}",
        encoding="utf-8",
    )
    told = program("explain", "web.environment.API_URL", cwd=tmp_path)
    assert told.status == 0
    assert "api:8000: port 8000 of api, which Service Connect offers as api:8000" in told.out
    assert "db2" not in told.out
    told = program("explain", "web.environment.DB", "--format", "json", cwd=tmp_path)
    (story,) = json.loads(told.out)
    assert story["references"] == ["db2:5432: no service has the name db2"]
    assert [d["code"] for d in story["decisions"]] == ["C2F521"]
    assert program("explain", "web.environment.NONE", cwd=tmp_path).status != 0


def test_commands_deploy_a_service_of_a_circle_again(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices: {a: {image: i/a, environment: {B: 'http://b:8002'}}, b: {image: i/b, environment: {A: 'http://a:8001'}}}",
        encoding="utf-8",
    )
    assert program("convert", "-o", "out", cwd=tmp_path).status == 0
    lines = (tmp_path / "out" / "commands.sh").read_text(encoding="utf-8").splitlines()
    again = [n for n, line in enumerate(lines) if line.startswith("aws ecs update-service")]
    created = [n for n, line in enumerate(lines) if "aws ecs create-service" in line]
    assert len(again) == 1
    assert again[0] > max(created)
    assert lines[again[0]].endswith(" --force-new-deployment")


def test_a_health_check_that_asks_its_own_service_by_name_is_told(translated: Translate) -> None:
    text = "services: {es: {image: 'elasticsearch:8.19.0', healthcheck: {test: 'curl -s http://%s:9200/_cluster/health'}}}"
    [said] = found(translated(text % "es"), "C2F543")
    assert said.severity is Severity.WARNING
    assert said.hint == "write localhost:9200 in place of es:9200"
    assert found(translated(text % "localhost"), "C2F543") == []


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("celery -A app worker", False),
        ("[php, artisan, 'queue:work']", False),
        ("bundle exec sidekiq", False),
        ("sh -c 'make-keys && tail -f /dev/null'", False),
        ("scheduler", False),
        ("airflow scheduler", False),
        ("./bin/docker-entrypoint-worker.sh", False),
        ("[sh, -c, 'echo done']", False),
        ("celery -A app flower", True),
        ("serve --scheduler fair", True),
        ("./serve", True),
    ],
)
def test_a_worker_that_others_wait_for_needs_no_port(translated: Translate, command: str, told: bool) -> None:
    made = translated(
        f"services: {{web: {{image: acme/w, expose: ['80'], depends_on: [job]}}, job: {{image: acme/j, command: {command}}}}}"
    )
    assert bool(found(made, "C2F228")) is told


def test_a_long_script_says_at_its_end_what_it_goes_on_with(translated: Translate) -> None:
    script = json.dumps(["sh", "-c", "echo key > /keys/a\n" * 300 + "tail -f /dev/null"])
    made = translated(
        f"services: {{web: {{image: acme/w, expose: ['80'], depends_on: [job]}}, job: {{image: acme/j, command: {script}}}}}"
    )
    assert not found(made, "C2F228")


def test_a_router_that_others_wait_for_needs_no_port(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, expose: ['80'], depends_on: [way]}, way: {image: acme/r, sysctls: [%s=1]}}"
    assert not found(translated(text % "net.ipv4.ip_forward"), "C2F228")
    assert found(translated(text % "net.core.somaxconn"), "C2F228")


def test_what_is_no_container_needs_no_port(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: acme/w, expose: ['80'], depends_on: [db]}, db: {provider: {type: cloud}}}"
    )
    assert not found(made, "C2F228")


def test_a_command_that_may_end_after_all_is_told_to_have_no_port(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, expose: ['80'], depends_on: [job]}, job: {image: acme/j, command: [echo, done]}}"
    assert found(translated(text, allow=["C2F240"]), "C2F228")


def test_the_image_says_too_that_a_service_is_a_worker(translated: Translate) -> None:
    built = "FROM python:3.12\nCMD celery -A app worker\n"
    text = "services: {web: {image: acme/w, expose: ['80'], depends_on: [job]}, job: {build: {dockerfile_inline: %r}}}"
    assert not found(translated(text.replace("%r", json.dumps(built))), "C2F228")


@pytest.mark.parametrize(
    ("of_db", "severity"),
    [("*all", Severity.INFO), ("{KEEPER_HOST: keeper, KEEPER_PORT: '7000'}", Severity.WARNING)],
)
def test_a_block_of_variables_for_all_services_does_not_say_who_talks_to_whom(
    translated: Translate, of_db: str, severity: Severity
) -> None:
    """A variable of its own may: `db` is told where `keeper` is, which waits for it."""
    text = f"""
x-all: &all {{DB_HOST: db, DB_PORT: "5432", KEEPER_HOST: keeper, KEEPER_PORT: "7000"}}
services:
  db: {{image: postgres:16, environment: {of_db}}}
  keeper: {{image: acme/k, environment: *all, depends_on: [db]}}
"""
    [said] = found(translated(text), "C2F522")
    assert said.severity is severity
    assert said.message.startswith("db talks to keeper")


def test_the_key_in_the_address_of_a_health_check_is_not_shown(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: acme/w, ports: ['80:8080'], healthcheck: {test: 'curl -f http://localhost:8080/up?key=t0p-s3cret'}}}"
    )
    [said] = [d for d in made.diagnostics if d.code == "C2F215"]
    assert "its health check asks http://…:8080/up" in said.message
    assert "t0p-s3cret" not in said.message


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("image: acme/carts", True),
        ("image: acme/carts, command: serve", True),
        ("image: acme/carts, expose: ['80']", False),
        ("image: 'redis:7'", False),
        ("image: acme/carts, command: celery worker", False),
        ("image: acme/import-data", False),
        ("image: acme/carts, x-fargate: {job: true}", False),
        ("image: acme/carts, x-fargate: {sidecar_of: web}", False),
    ],
)
def test_a_service_that_may_have_the_name_of_another_built_in_is_told(
    translated: Translate, other: str, told: bool
) -> None:
    made = translated(f"services: {{web: {{image: acme/w, expose: ['80']}}, carts: {{{other}}}}}")
    assert [(d.severity, d.path) for d in found(made, "C2F228")] == (
        [(Severity.INFO, ("services", "carts"))] if told else []
    )
    assert not found(translated(f"services: {{carts: {{{other}}}}}".replace("sidecar_of: web", "")), "C2F228")
