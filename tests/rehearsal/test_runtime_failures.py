"""What cannot work on Fargate fails in the rehearsal, for the reason that it fails there.

Each case has a variant that is put right, which passes. What the translation puts right by itself passes as it is, and fails
as soon as that is taken out of the stack again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from compose2fargate.aws.resources import (
    ContainerDefinition,
    EcsService,
    Matcher,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import MapError
from compose2fargate.rehearsal.rehearsal_plan import make_rehearsal_plan
from compose2fargate.workflows import rehearsing
from tests.rehearsal.bed import Project, told

Break = Callable[[Stack], Stack]

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(240)]


class Case(NamedTuple):
    """A project that fails, words of the reason, and the same project put right."""

    broken: str
    reason: str
    mended: str
    files: Mapping[str, str] = {}
    mended_files: Mapping[str, str] = {}


SERVER = "[python3, -m, http.server, '{}']"
ASKS = """\
    import http.server, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            host = self.headers.get("Host", "").split(":")[0]
            ok = {"login": "Authorization" in self.headers, "host": host == "localhost"}[sys.argv[1]] or self.path == "/up"
            self.send_response(200 if ok else {"login": 401, "host": 400}[sys.argv[1]])
            self.end_headers()
        def log_message(self, *args): pass
    http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
PROXY = "server {{ listen 80; {} location / {{ {} }} }}\n"

CASES = {
    "N1": Case(
        """\
        services:
          gw: {image: "python:3.12", command: [sleep, infinity], environment: {UP: "http://orders:7000"}}
          orders: {image: "python:3.12", command: [python3, -m, http.server, "7000"], expose: ["7000"]}
        """,
        "gw does not find orders:7000: a task knows the endpoints that existed when its deployment began",
        """\
        services:
          gw:
            image: python:3.12
            command: [sleep, infinity]
            environment: {UP: "http://orders:7000"}
            depends_on: [orders]
          orders: {image: "python:3.12", command: [python3, -m, http.server, "7000"], expose: ["7000"]}
        """,
    ),
    "N2": Case(
        """\
        services:
          web:
            image: python:3.12
            command: [sleep, infinity]
            environment: {API_URL: "http://api:8000"}
            depends_on: [api]
          api: {image: "acme/user-server:1"}
        """,
        "web does not find api:8000: Service Connect offers no port of api",
        """\
        services:
          web:
            image: python:3.12
            command: [sleep, infinity]
            environment: {API_URL: "http://api:8000"}
            depends_on: [api]
          api: {image: "acme/user-server:1", expose: ["8000"]}
        """,
    ),
    "N5": Case(
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
          fpm: {image: "php:8.3-fpm"}
        """,
        "host not found in upstream",
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [fpm]
          fpm: {image: "php:8.3-fpm", expose: ["9000"]}
        """,
        {"n.conf": PROXY.format("", "fastcgi_pass fpm:9000; include fastcgi_params;")},
    ),
    "N6": Case(
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [api]
          api: {image: "python:3.12", command: [python3, -m, http.server, "7000"], expose: ["7000"]}
        """,
        "resolver",
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
            depends_on: [api]
          api: {image: "python:3.12", command: [python3, -m, http.server, "7000"], expose: ["7000"]}
        """,
        {"n.conf": PROXY.format("resolver 127.0.0.11;", "set $u http://api:7000; proxy_pass $u;")},
        {"n.conf": PROXY.format("", "proxy_pass http://api:7000;")},
    ),
    "N7": Case(
        """\
        services:
          a: {image: "python:3.12", command: [python3, -m, http.server, "2000"], expose: ["2000"], environment: {B: "http://b:1000"}}
          b: {image: "python:3.12", command: [python3, -m, http.server, "1000"], expose: ["1000"], environment: {A: "http://a:2000"}}
        """,
        "b does not find a:2000: a task knows the endpoints that existed when its deployment began",
        """\
        services:
          a: {image: "python:3.12", command: [python3, -m, http.server, "2000"], environment: {B: "http://localhost:1000"}}
          b:
            image: python:3.12
            command: [python3, -m, http.server, "1000"]
            environment: {A: "http://localhost:2000"}
            network_mode: service:a
        """,
    ),
    "H1-login": Case(
        """\
        services:
          web:
            image: python:3.12
            command: [python3, /app/app.py, login]
            volumes: ["./app.py:/app/app.py:ro"]
            ports: ["8000:8000"]
            healthcheck: {test: [CMD, curl, -fsS, -u, "u:p", "http://localhost:8000/status"], interval: 5s}
        """,
        "GET /status is answered with 401",
        """\
        services:
          web:
            image: python:3.12
            command: [python3, /app/app.py, login]
            volumes: ["./app.py:/app/app.py:ro"]
            ports: ["8000:8000"]
            healthcheck: {test: [CMD, curl, -fsS, "http://localhost:8000/up"], interval: 5s}
        """,
        {"app.py": ASKS},
    ),
    "H1-host": Case(
        """\
        services:
          web:
            image: python:3.12
            command: [python3, /app/app.py, host]
            volumes: ["./app.py:/app/app.py:ro"]
            ports: ["8000:8000"]
            environment: {ALLOWED_HOSTS: localhost}
            healthcheck: {test: [CMD, curl, -fsS, "http://localhost:8000/status"], interval: 5s}
        """,
        "GET /status is answered with 400",
        """\
        services:
          web:
            image: python:3.12
            command: [python3, /app/app.py, host]
            volumes: ["./app.py:/app/app.py:ro"]
            ports: ["8000:8000"]
            environment: {ALLOWED_HOSTS: localhost}
            healthcheck: {test: [CMD, curl, -fsS, "http://localhost:8000/up"], interval: 5s}
        """,
        {"app.py": ASKS},
    ),
    "H2": Case(
        """\
        services:
          web:
            build: .
            expose: ["3000"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost:3000/"], interval: 3s, retries: 2}
        """,
        "web: its health check fails",
        """\
        services:
          web:
            build: .
            expose: ["3000"]
            environment: {HOSTNAME: 0.0.0.0}
            healthcheck: {test: [CMD, curl, -f, "http://localhost:3000/"], interval: 3s, retries: 2}
        """,
        {
            "Dockerfile": 'FROM python:3.12\nENV HOSTNAME=0.0.0.0\n'
            'CMD ["sh", "-c", "exec python3 -m http.server --bind $HOSTNAME 3000"]\n'
        },
    ),
    "H3": Case(
        """\
        services:
          web: {image: "acme/user-server:1", user: "1000", command: [python3, -m, http.server, "80"], ports: ["80:80"]}
        """,
        "Permission denied",
        """\
        services:
          web:
            image: acme/user-server:1
            user: "1000"
            command: [python3, -m, http.server, "80"]
            ports: ["80:80"]
            sysctls: {net.ipv4.ip_unprivileged_port_start: 0}
        """,
    ),
    "H4": Case(
        """\
        services:
          web:
            image: python:3.12-slim
            command: [python3, -m, http.server, "8000"]
            expose: ["8000"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost:8000/"], interval: 30s}
        """,
        "check with a program that the image has",
        """\
        services:
          web:
            image: python:3.12-slim
            command: [python3, -m, http.server, "8000"]
            expose: ["8000"]
            healthcheck:
              test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://localhost:8000/')"]
        """,
    ),
    "H4-shell": Case(
        """\
        services:
          web: {image: "acme/distroless:1", expose: ["8080"], healthcheck: {test: "true", interval: 30s}}
        """,
        "check with a program that the image has",
        """\
        services:
          web:
            image: acme/distroless:1
            expose: ["8080"]
            healthcheck: {test: [CMD, /busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/busybox"]}
        """,
    ),
    "H5": Case(
        """\
        services:
          init: {image: "python:3.12", command: [python3, -c, "print('migrated')"], restart: on-failure}
        """,
        "make it a job: x-fargate: {job: true}",
        """\
        services:
          init: {image: "python:3.12", command: [python3, -c, "print('migrated')"], x-fargate: {job: true}}
        """,
    ),
    "H6": Case(
        """\
        services:
          grafana:
            image: grafana/grafana:11.0.0
            ports: ["3000:3000"]
            volumes: ["data:/var/lib/grafana"]
        volumes: {data: {x-fargate: {ephemeral: true}}}
        """,
        "Permission denied",
        """\
        services:
          grafana:
            image: grafana/grafana:11.0.0
            user: root
            ports: ["3000:3000"]
            volumes: ["data:/var/lib/grafana"]
        volumes: {data: {x-fargate: {ephemeral: true}}}
        """,
    ),
    "H7": Case(
        """\
        services:
          web:
            build: .
            command: [python3, -m, http.server, "8000", --directory, /srv/www]
            expose: ["8000"]
            volumes: ["sites:/srv/www"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost:8000/app.js"], interval: 3s, retries: 2}
        volumes: {sites: {}}
        """,
        "404",
        """\
        services:
          web:
            build: .
            command: [python3, -m, http.server, "8000", --directory, /srv/www]
            expose: ["8000"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost:8000/app.js"], interval: 3s, retries: 2}
        """,
        {"Dockerfile": "FROM python:3.12\nCOPY app.js /srv/www/app.js\n", "app.js": "app"},
    ),
    "H8": Case(
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./nginx:/etc/nginx/conf.d:ro"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost/up"], interval: 3s, retries: 2}
        """,
        "404",
        """\
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./nginx/site.conf:/etc/nginx/conf.d/default.conf:ro"]
            healthcheck: {test: [CMD, curl, -f, "http://localhost/up"], interval: 3s, retries: 2}
        """,
        {"nginx/site.conf": 'server { listen 80; location /up { return 200 "up"; } }\n'},
    ),
}  # fmt: skip


def unordered(stack: Stack) -> Stack:
    """Let nothing wait for anything, nor be deployed again."""
    return stack._replace(after={}, again=())


def unnamed(stack: Stack) -> Stack:
    """Let Service Connect offer nothing."""
    changed = {
        node: one._replace(
            service_connect_configuration=one.service_connect_configuration._replace(services=())
        )
        for node, one in stack.of_type(EcsService)
        if one.service_connect_configuration
    }
    return stack._replace(resources={**stack.resources, **changed})


def strict(stack: Stack) -> Stack:
    """Let load balancers take no answer for healthy but a good one."""
    changed = {node: one._replace(matcher=Matcher("200-399")) for node, one in stack.of_type(TargetGroup)}
    return stack._replace(resources={**stack.resources, **changed})


def of_containers(change: Callable[[ContainerDefinition], ContainerDefinition | None]) -> Break:
    """Change each container of each task; None takes it out."""

    def broken(stack: Stack) -> Stack:
        changed = {
            node: one._replace(
                container_definitions=tuple(filter(None, map(change, one.container_definitions)))
            )
            for node, one in stack.of_type(TaskDefinition)
        }
        return stack._replace(resources={**stack.resources, **changed})

    return broken


def without_host_name(one: ContainerDefinition) -> ContainerDefinition:
    return one._replace(environment=tuple(v for v in one.environment if v.name != "HOSTNAME"))


def alone(one: ContainerDefinition) -> ContainerDefinition | None:
    """Take out what runs before others."""
    return one._replace(depends_on=()) if one.essential else None


MENDED: Mapping[str, Break | None] = {
    "N1": unordered,
    "N2": unnamed,
    "N5": unordered,
    "N7": unordered,
    "H1-login": strict,
    "H1-host": strict,
    "H2": of_containers(without_host_name),
    "H3": of_containers(lambda one: one._replace(system_controls=())),
    "H6": of_containers(alone),
    "H7": of_containers(alone),
    "H8": None,  # the image is another one
}
"""Cases that the translation puts right, and how that is taken out of the stack."""


@pytest.mark.parametrize("name", sorted(MENDED))
def test_what_the_translation_mends_passes_as_it_is(project: Project, name: str) -> None:
    case = CASES[name]
    report = project.write(case.broken, case.files).rehearse()
    assert report.well, told(report)


REFUSED = {"H4": "C2F533", "H5": "C2F240"}
"""Cases that the translation refuses, with its code; rehearsed all the same, they fail."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_does_not_start(project: Project, name: str) -> None:
    with pytest.raises(MapError) as caught:
        project.write(CASES[name].broken, CASES[name].files).rehearse()
    assert REFUSED[name] in {d.code for d in caught.value.diagnostics}


@pytest.mark.parametrize("name", [name for name, broken in MENDED.items() if broken])
def test_without_what_the_translation_mends_it_fails_for_the_reason(
    project: Project, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, broken = CASES[name], MENDED[name]
    assert broken is not None
    monkeypatch.setattr(
        rehearsing, "make_rehearsal_plan", lambda stack, region: make_rehearsal_plan(broken(stack), region)
    )
    report = project.write(case.broken, case.files).rehearse()
    assert not report.well
    assert case.reason in told(report)


@pytest.mark.parametrize("name", [name for name in CASES if name not in MENDED])
def test_what_cannot_work_on_fargate_fails_for_the_reason(project: Project, name: str) -> None:
    case = CASES[name]
    report = project.write(case.broken, case.files).rehearse(allow_errors=name in REFUSED)
    assert not report.well
    assert case.reason in told(report)


@pytest.mark.parametrize("name", CASES)
def test_put_right_it_passes(project: Project, name: str) -> None:
    case = CASES[name]
    report = project.write(case.mended, {**case.files, **case.mended_files}).rehearse()
    assert report.well, told(report)
