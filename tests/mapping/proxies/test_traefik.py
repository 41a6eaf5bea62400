"""The routes of a Traefik that is left out become rules of a load balancer, and nothing else is opened."""

from __future__ import annotations

import pytest

from compose2fargate.aws.resources import Listener, ListenerRule, RuleCondition, TargetGroup
from compose2fargate.diagnostics import Severity
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes
from tests.mapping.proxies.test_host_tools import SOCKET, errors

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"


def routed(
    labels: dict[str, str],
    extra: str = "",
    proxy: str = "ports: ['80:80']",
    image: str = "registry.example.com/app",
) -> str:
    lines = "".join(f"\n      {key}: '{value}'" for key, value in labels.items())
    return f"""
services:
  proxy: {{image: traefik:v3, volumes: ['{SOCKET}'], {proxy}}}
  app:
    image: {image}
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


@pytest.mark.parametrize("port", ["²", "٣", "http", "0", "65536", "9" * 5000, "-1", " 80"])
def test_what_is_no_port_is_told(port: str, translated: Translate) -> None:
    labels = {**rule("Host(`a`)"), "traefik.http.services.app.loadbalancer.server.port": port}
    made = translated(routed(labels, "expose: ['8000']"), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F509"]
    assert "loadbalancer.server.port is not a port number" in found.message
    assert (conditions(made), "{port: PORT, host: a}" in found.hint) == ([], True)


@pytest.mark.parametrize("end", ["", ")"])
def test_a_long_rule_is_read_in_no_time(end: str, translated: Translate) -> None:
    """Spaces between values can be taken one way only: if there were two, 40 values would take 2^40 steps."""
    text = "Host(" + "    ".join(f"`h{index}`" for index in range(40)) + " " * 40 + end
    made = translated(routed(rule(text)), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F509"]
    assert ("at most 5 hosts" if end else "cannot express Host(") in found.message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Host(`{s:[a-z]+}.x.com`)", "HOST"), ("Host(`a.x.com`, `{s}.x.com`)", "a.x.com"), ("Host(`a_b.x.com`)", "HOST"),
        ("Host(`a.x.com:8080`)", "HOST"), ("Host(`münchen.example`)", "HOST"), ("Host(`a`) && Path(`/p/{id}`)", "a"),
        ("Host(`a`) && PathPrefix(`/p/{id:[0-9]+}`)", "a"), ("Host(`a`) && Path(`/*`)", "a"), ("Host(`a`) && Path(`/a?`)", "a"),
        ("Host(`a`) && PathPrefix(``)", "a"),
    ],
)  # fmt: skip
def test_a_pattern_is_not_taken_as_it_stands(text: str, shown: str, translated: Translate) -> None:
    made = translated(routed(rule(text)), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F509"]
    assert "is a pattern, or not a name" in found.message
    assert (conditions(made), f"host: {shown}}}" in found.hint) == ([], True)


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


HARMLESS = {"traefik.http.middlewares.gate.compress": "true"}


@pytest.mark.parametrize(
    ("labels", "opened"),
    [
        ({**rule("Host(`a`)", middlewares="gate"), **HARMLESS}, True), ({**rule("Host(`a`)", middlewares="gate@docker"), **HARMLESS}, True),
        ({**rule("Host(`a`)", middlewares="gate@file"), **HARMLESS}, False),
        ({**rule("Host(`a`)", middlewares="gate@docker,gate@kubernetescrd"), **HARMLESS}, False),
        ({**rule("Host(`a`)", middlewares="gate"), "traefik.http.middlewares.Gate.basicauth.users": "x", **HARMLESS}, False),
        (rule("Host(`a`)", service="app"), True), (rule("Host(`a`)", service="app@docker"), True),
        (rule("Host(`a`)", service="app@file"), False), (rule("Host(`a`)", service="other"), False),
    ],
)  # fmt: skip
def test_what_another_provider_says_is_not_taken_from_the_labels(
    labels: dict[str, str], opened: bool, translated: Translate
) -> None:
    made = translated(routed(labels), without=("proxy",))
    assert conditions(made) == [(host("a"),)] * opened
    assert ("C2F509" in codes(made, Severity.WARNING)) is not opened


def test_a_route_over_tls_takes_a_certificate(translated: Translate) -> None:
    made = translated(routed(rule("Host(`a`)", tls="true")), without=("proxy",), certificate=CERTIFICATE)
    assert conditions(made) == [(host("a"),)]
    assert "listener/443" in made.translation.stack.resources


@pytest.mark.parametrize(
    ("labels", "said"),
    [({**rule("Host(`a`)"), "traefik.enable": "false"}, 0), (rule("Host(`a`)", service="api@internal"), 1)],
)
def test_what_traefik_does_not_route_is_not_opened(
    labels: dict[str, str], said: int, translated: Translate
) -> None:
    made = translated(routed(labels), without=("proxy",))
    assert conditions(made) == []
    assert len([d for d in made.diagnostics if d.code == "C2F509"]) == said


@pytest.mark.parametrize(
    ("key", "value", "looked_at"),
    [
        ("traefik.enable", "true", True), ("traefik.enable", "True", True), ("traefik.enable", "1", True), ("Traefik.Enable", "t", True),
        ("Traefik.Enable", "false", False), ("traefik.enable", "0", False), ("traefik.enable", "F", False),
        ("traefik.enable", "", False), ("traefik.enable", "yes", False),
    ],
)  # fmt: skip
def test_only_what_traefik_takes_as_enabled_is_opened(
    key: str, value: str, looked_at: bool, translated: Translate
) -> None:
    made = translated(routed({**rule("Host(`a`)"), key: value}), without=("proxy",))
    assert conditions(made) == [(host("a"),)] * looked_at
    assert ("C2F508" in codes(made)) == looked_at


@pytest.mark.parametrize(
    ("proxy", "opt_in"),
    [
        ("command: [--providers.docker.exposedbydefault=false]", True), ("command: [--providers.docker.exposedByDefault=F]", True),
        ("command: traefik --Providers.Docker.ExposedByDefault=0 --api", True),
        ("command: [-providers.docker.exposedbydefault=false]", True),
        ("entrypoint: [sh, -c, 'traefik --providers.docker.exposedbydefault=false --api']", True),
        ("environment: {TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT: 'false'}", True),
        ("environment: {traefik_providers_docker_exposedByDefault: 'FALSE'}", True),
        ("command: [--providers.docker.exposedbydefault=true]", False), ("command: [--providers.docker.exposedbydefault]", False),
        ("environment: {TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT: '1'}", False),
    ],
)  # fmt: skip
def test_a_traefik_that_is_to_be_asked_opens_nothing_unasked(
    proxy: str, opt_in: bool, translated: Translate
) -> None:
    proxy = f"ports: ['80:80'], {proxy}"
    unasked = translated(routed(rule("Host(`a`)"), proxy=proxy), without=("proxy",))
    assert conditions(unasked) == [(host("a"),)] * (not opt_in)
    assert not opt_in or not set(codes(unasked)) & {"C2F508", "C2F509"}
    asked = routed({"Traefik.Enable": "true", **rule("Host(`a`)")}, proxy=proxy)
    assert conditions(translated(asked, without=("proxy",))) == [(host("a"),)]


def test_labels_stay_labels_while_traefik_is_there(translated: Translate) -> None:
    assert conditions(translated(routed(rule("Host(`a`)")), allow=("C2F211",))) == []


@pytest.mark.parametrize(
    "image",
    [
        "adminer",
        "phpmyadmin:5",
        "dpage/pgadmin4",
        "mongo-express",
        "provectuslabs/kafka-ui",
        "mher/flower",
        "mailhog/mailhog",
    ],
)
def test_labels_alone_make_no_console_public(image: str, translated: Translate) -> None:
    made = translated(routed(rule("Host(`a`)"), image=image), without=("proxy",))
    assert conditions(made) == []
    assert "for administration" in next(d.message for d in made.diagnostics if d.code == "C2F509")
    own = routed(
        rule("Host(`a`)"), "x-fargate: {ingress: [{port: 8000, host: b, protocol: http}]}", image=image
    )
    assert conditions(translated(own, without=("proxy",))) == [(host("b"),)]


@pytest.mark.parametrize(
    ("proxy", "redirects"),
    [("ports: ['80:80', '443:443']", True),
     ("ports: ['443:443'], command: [--entrypoints.websecure.address=:443]", False),
     ("ports: ['80:80', '443:443'], command: [--entrypoints.web.address=:80, --entrypoints.websecure.address=:443]", True)],
)  # fmt: skip
def test_with_a_certificate_port_80_redirects_to_the_routes(
    proxy: str, redirects: bool, translated: Translate
) -> None:
    text = routed(rule("Host(`a`)", tls="true"), proxy=proxy)
    listeners = translated(text, without=("proxy",), certificate=CERTIFICATE).translation.stack.of_type(
        Listener
    )
    ports = {listener.port: listener.default_actions[0].type for _, listener in listeners}
    assert ports == {443: "fixed-response"} | ({80: "redirect"} if redirects else {})


def test_what_the_user_says_wins(translated: Translate) -> None:
    made = translated(
        routed(rule("Host(`a`)"), "x-fargate: {ingress: [{port: 8000, host: b}]}"), without=("proxy",)
    )
    assert conditions(made) == [(host("b"),)]


def tcp(**options: str) -> dict[str, str]:
    own = {f"traefik.tcp.routers.db.{key}": value for key, value in options.items()}
    return {
        "traefik.tcp.routers.db.rule": "HostSNI(`*`)",
        "traefik.tcp.services.db.loadbalancer.server.port": "5432",
        **own,
    }


@pytest.mark.parametrize(
    ("labels", "entry"),
    [
        (tcp(), "{port: 5432, protocol: tcp}"),
        (tcp(entrypoints="sql"), "{port: 5432, protocol: tcp, published: 15432}"),
        (tcp(tls="true"), "{port: 5432, protocol: tls}"),
        ({**tcp(tls="true"), "traefik.tcp.routers.db.tls.passthrough": "true"}, "{port: 5432, protocol: tcp}"),
        ({"traefik.udp.routers.dns.entrypoints": "dns"}, "{port: 53, protocol: udp}"),
    ],
)  # fmt: skip
def test_a_route_without_http_is_named_with_what_opens_it(
    labels: dict[str, str], entry: str, translated: Translate
) -> None:
    proxy = "ports: ['15432:5433'], command: [--entrypoints.sql.address=:5433]"
    made = translated(routed(labels, "ports: ['53/udp']", proxy), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F510"]
    assert (found.severity, f"ingress: [{entry}]" in found.hint) == (Severity.WARNING, True)
    assert (found.path[-1], found.location and found.location.line) == (next(iter(labels)), 8)


@pytest.mark.parametrize(
    ("label", "value", "lost"),
    [
        ("routers.app.priority", "7", True), ("routers.app.tls.options", "modern@file", True),
        ("services.app.loadbalancer.sticky.cookie.name", "id", True), ("services.app.loadbalancer.healthcheck.hostname", "a", True),
        ("services.app.loadbalancer.passhostheader", "false", True), ("services.app.loadbalancer.passhostheader", "true", False),
        ("routers.app.entrypoints", "web", False), ("routers.app.tls.certresolver", "le", False), ("routers.app.unheard-of", "x", True),
    ],
)  # fmt: skip
def test_an_option_that_no_listener_rule_has_is_named(
    label: str, value: str, lost: bool, translated: Translate
) -> None:
    labels = {**rule("Host(`a`)"), f"traefik.http.{label}": value}
    made = translated(routed(labels), without=("proxy",), certificate=CERTIFICATE)
    found = [d for d in made.diagnostics if d.code == "C2F511"]
    assert [(d.path[-1], d.severity) for d in found] == [(f"traefik.http.{label}", Severity.WARNING)] * lost
    assert conditions(made) == [(host("a"),)]


def test_what_belongs_together_is_named_once(translated: Translate) -> None:
    sticky = "traefik.http.services.app.loadbalancer.sticky.cookie"
    made = translated(
        routed({**rule("Host(`a`)"), f"{sticky}.secure": "true", f"{sticky}.name": "x"}), without=("proxy",)
    )
    assert len([d for d in made.diagnostics if d.code == "C2F511"]) == 1


def test_a_cookie_and_a_health_check_are_the_target_groups(translated: Translate) -> None:
    own = "traefik.http.services.app.loadbalancer"
    labels = {**rule("Host(`a`)"), f"{own}.sticky.cookie": "true", f"{own}.healthcheck.path": "/up"}
    made = translated(routed(labels), without=("proxy",))
    (group,) = [found for _, found in made.translation.stack.of_type(TargetGroup)]
    assert (group.attributes["stickiness.enabled"], group.health_check_path) == ("true", "/up")
    assert "C2F511" not in codes(made)


def test_a_security_policy_is_had_as_the_hint_writes_it(translated: Translate) -> None:
    text = "x-fargate: {patch: {listener/443: {SslPolicy: ELBSecurityPolicy-TLS13-1-3-2021-06}}}" + routed(
        rule("Host(`a`)", tls="true")
    )
    made = translated(text, without=("proxy",), certificate=CERTIFICATE)
    assert not errors(made)
    listeners = dict(made.translation.stack.of_type(Listener))
    assert listeners["listener/443"].ssl_policy == "ELBSecurityPolicy-TLS13-1-3-2021-06"


def test_a_service_without_a_router_has_one_that_is_not_known(translated: Translate) -> None:
    made = translated(routed({"traefik.enable": "true"}, "expose: ['8000']"), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F509"]
    assert "its labels name no router" in found.message
    assert "{port: 8000, host: HOST}" in found.hint


ENTRIES = "command: [--entrypoints.in.address=:9000, --entryPoints.out.address=:8443, --entrypoints.out.http.tls=true]"


@pytest.mark.parametrize(
    ("ports", "entry", "reason"),
    [
        ("[]", "in", "is not published"), ("['127.0.0.1:9000:9000']", "in", "is not published"),
        ("['9000:9000']", "in", ""), ("['443:8443']", "out", "needs a certificate"), ("['80:80']", "elsewhere", ""),
    ],
)  # fmt: skip
def test_an_entry_point_says_who_may_come_in(
    ports: str, entry: str, reason: str, translated: Translate
) -> None:
    text = routed(rule("Host(`a`)", entrypoints=entry), proxy=f"ports: {ports}, {ENTRIES}")
    made = translated(text, without=("proxy",))
    closed = [d.message for d in made.diagnostics if d.code == "C2F509"]
    assert (len(closed), conditions(made)) == ((1, []) if reason else (0, [(host("a"),)]))
    assert all(reason in message for message in closed)


def test_the_load_balancer_listens_where_traefik_did(translated: Translate) -> None:
    own = "ports: ['8000:8000']"
    usual = translated(routed(rule("Host(`a`)"), own), without=("proxy",))
    assert "listener/80" in usual.translation.stack.resources
    text = routed(rule("Host(`a`)", entrypoints="in"), own, f"ports: ['9001:9000'], {ENTRIES}")
    assert "listener/9001" in translated(text, without=("proxy",)).translation.stack.resources


@pytest.mark.parametrize(
    ("proxy", "options", "certificate", "port"),
    [
        ("ports: ['8085:80']", {}, "", 8085),
        ("ports: ['8085:80'], command: ['--entrypoints.web.address=:80']", {}, "", 8085),
        ("ports: ['8085:80']", {"entrypoints": "of-a-file"}, "", 8085),
        ("ports: ['8085:80', '8443:443']", {}, CERTIFICATE, 8443),
        ("ports: ['80:80', '8080:8080']", {}, "", 80),
        ("ports: ['80:80']", {}, CERTIFICATE, 443),
        ("ports: ['127.0.0.1:8085:80']", {}, "", 80),
    ],
)
def test_a_route_of_no_entry_point_in_particular_is_where_traefik_is_published(
    proxy: str, options: dict[str, str], certificate: str, port: int, translated: Translate
) -> None:
    text = routed(rule("Host(`a`)", **options), "expose: ['8000']", proxy)
    made = translated(text, without=("proxy",), certificate=certificate)
    assert f"listener/{port}" in made.translation.stack.resources


def test_a_server_of_another_protocol_is_not_guessed(translated: Translate) -> None:
    labels = {**rule("Host(`a`)"), "traefik.http.services.app.loadbalancer.server.scheme": "h2c"}
    made = translated(routed(labels), without=("proxy",))
    assert "h2c" in next(d.message for d in made.diagnostics if d.code == "C2F509")


@pytest.mark.parametrize(
    "proxy",
    [
        "command: [--providers.file.directory=/routes]", "environment: {TRAEFIK_PROVIDERS_FILE_FILENAME: /r.yaml}",
        "command: ['--configFile=/conf.yaml']",
    ],
)  # fmt: skip
def test_routes_in_files_are_not_lost_in_silence(proxy: str, translated: Translate) -> None:
    made = translated(routed(rule("Host(`a`)"), proxy=proxy), without=("proxy",))
    (found,) = [d for d in made.diagnostics if d.code == "C2F512"]
    assert found.location is not None
    assert "C2F512" not in codes(translated(routed(rule("Host(`a`)")), without=("proxy",)))
