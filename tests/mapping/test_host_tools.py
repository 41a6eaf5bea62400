"""Services that are there for the Docker host: refused once each, left out on request, with Traefik's routes kept."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.api import Translated
from compose2fargate.aws.resources import ListenerRule, RuleCondition
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.test_tasks import codes

SOCKET = "/var/run/docker.sock:/var/run/docker.sock"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
MONITORED = f"""
services:
  web: {{image: nginx, depends_on: [node-exporter]}}
  node-exporter: {{image: prom/node-exporter, pid: host, volumes: ['/proc:/host/proc:ro', '/:/rootfs:ro']}}
  cadvisor: {{image: gcr.io/cadvisor/cadvisor, privileged: true, devices: [/dev/kmsg], volumes: ['/sys:/sys:ro']}}
  edge: {{image: traefik:v3, command: [--providers.file.filename=/etc/traefik.yaml]}}
  viewer: {{image: example/viewer, volumes: ['{SOCKET}']}}
"""


def errors(made: Translated) -> list[tuple[Any, ...]]:
    return [(d.code, d.path[1]) for d in made.diagnostics if d.severity is Severity.ERROR]


def test_a_tool_is_refused_once_with_every_way_on(translated: Translate) -> None:
    made = translated(MONITORED)
    assert sorted(name for _, name in errors(made)) == ["cadvisor", "node-exporter", "viewer"]
    found = next(
        d for d in made.diagnostics if d.path[:2] == ("services", "cadvisor") and d.severity is Severity.ERROR
    )
    assert all(key in found.message for key in ("privileged", "devices", "volumes.0"))
    for way in (
        "Container Insights",
        "--without cadvisor",
        "--without-host-tools",
        "--allow C2F205 --allow C2F208 --allow C2F266",
    ):
        assert way in found.hint


def test_what_is_allowed_is_no_longer_refused(translated: Translate) -> None:
    made = translated(MONITORED, allow=("C2F205", "C2F208", "C2F266", "C2F282"))
    assert errors(made) == [("C2F211", "viewer")]


def test_tools_are_left_out_on_request_and_nothing_else_is(translated: Translate) -> None:
    made = translated(MONITORED, without_host_tools=True)
    assert errors(made) == [("C2F211", "viewer")]
    assert [d.path[1] for d in made.diagnostics if d.code == "C2F295"] == ["node-exporter", "cadvisor"]
    names = {name for name in made.translation.stack.resources if name.startswith("service/")}
    assert names == {"service/web", "service/edge", "service/viewer"}


def test_the_file_can_ask_for_it(translated: Translate) -> None:
    assert "C2F295" in codes(translated("x-fargate: {without_host_tools: true}" + MONITORED))


# -- Traefik ---------------------------------------------------------------------------------------------------


def routed(labels: dict[str, str], extra: str = "") -> str:
    lines = "".join(f"\n      {key}: '{value}'" for key, value in labels.items())
    return f"""
services:
  proxy: {{image: traefik:v3, volumes: ['{SOCKET}'], ports: ['80:80']}}
  app:
    image: registry.example.com/app
    {extra}
    labels:{lines}
"""


def rule(text: str, **more: str) -> dict[str, str]:
    own = {f"traefik.http.routers.app.{key}": value for key, value in more.items()}
    return {
        "traefik.http.routers.app.rule": text,
        "traefik.http.services.app.loadbalancer.server.port": "8000",
        **own,
    }


def conditions(made: Translated) -> list[tuple[RuleCondition, ...]]:
    return [found.conditions for _, found in made.translation.stack.of_type(ListenerRule)]


def host(*values: str) -> RuleCondition:
    return RuleCondition("host-header", values)


def path(*values: str) -> RuleCondition:
    return RuleCondition("path-pattern", values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Host(`a.example.com`)", [(host("a.example.com"),)]),
        ("Host(`a.example.com`) || Host(`b.example.com`)", [(host("a.example.com", "b.example.com"),)]),
        ("Host(`a.example.com`, `b.example.com`)", [(host("a.example.com", "b.example.com"),)]),
        ("Host(`a.example.com`) && PathPrefix(`/api`)", [(host("a.example.com"), path("/api*"))]),
        ("(Host(`a.example.com`) || Host(`b.example.com`)) && Path(`/x`)", [(host("a.example.com", "b.example.com"), path("/x"))]),
        ("Host(`a.example.com`) && PathPrefix(`/`)", [(host("a.example.com"),)]),
        ("PathPrefix(`/api`)", [(path("/api*"),)]),
    ],
)  # fmt: skip
def test_a_route_becomes_a_rule_of_the_load_balancer(
    text: str, expected: list[tuple[RuleCondition, ...]], translated: Translate
) -> None:
    made = translated(routed(rule(text)), without=("proxy",))
    assert conditions(made) == expected
    assert "C2F508" in codes(made, Severity.INFO)


@pytest.mark.parametrize(
    "labels",
    [
        rule("HostRegexp(`.+`)"), rule("Host(`a`) && Headers(`x`, `y`)"), rule("Host(`a`)", middlewares="login@docker"),
        rule("Host(`a`)", tls="true"), rule("Host(`a`) && !Path(`/x`)"), rule("PathPrefix(`/`)"),
        {"traefik.http.routers.app.entrypoints": "web"}, {"traefik.http.routers.app.rule": "Host(`a`)"},
    ],
)  # fmt: skip
def test_a_route_that_a_rule_cannot_say_is_not_opened(labels: dict[str, str], translated: Translate) -> None:
    made = translated(routed(labels), without=("proxy",))
    assert conditions(made) == []
    assert "C2F509" in codes(made, Severity.WARNING)


def test_a_login_is_never_left_out(translated: Translate) -> None:
    labels = {**rule("Host(`a`)", middlewares="gate"), "traefik.http.middlewares.gate.basicauth.users": "x"}
    closed = translated(routed(labels), without=("proxy",))
    assert conditions(closed) == []
    assert "ingress: [{port: 8000, host: a}]" in next(
        d.hint for d in closed.diagnostics if d.code == "C2F509"
    )
    redirect = {
        **rule("Host(`a`)", middlewares="gate"),
        "traefik.http.middlewares.gate.redirectscheme.scheme": "https",
    }
    assert conditions(translated(routed(redirect), without=("proxy",))) == [(host("a"),)]


def test_a_route_over_tls_takes_a_certificate(translated: Translate) -> None:
    made = translated(routed(rule("Host(`a`)", tls="true")), without=("proxy",), certificate=CERTIFICATE)
    assert conditions(made) == [(host("a"),)]
    assert "listener/443" in made.translation.stack.resources


@pytest.mark.parametrize(
    "labels", [{**rule("Host(`a`)"), "traefik.enable": "false"}, rule("Host(`a`)", service="api@internal")]
)
def test_what_traefik_does_not_route_is_not_opened(labels: dict[str, str], translated: Translate) -> None:
    assert conditions(translated(routed(labels), without=("proxy",))) == []


def test_labels_stay_labels_while_traefik_is_there(translated: Translate) -> None:
    assert conditions(translated(routed(rule("Host(`a`)")), allow=("C2F211",))) == []


def test_what_the_user_says_wins(translated: Translate) -> None:
    made = translated(
        routed(rule("Host(`a`)"), "x-fargate: {ingress: [{port: 8000, host: b}]}"), without=("proxy",)
    )
    assert conditions(made) == [(host("b"),)]
