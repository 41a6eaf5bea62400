from __future__ import annotations

from typing import Any, TypeVar

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    EcsService,
    Existing,
    IngressRule,
    Listener,
    ListenerRule,
    LoadBalancer,
    SecurityGroup,
    TargetGroup,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container

T = TypeVar("T")
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/x/1/2"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/x/1"


def all_of(made: Any, kind: type[T]) -> dict[str, T]:
    return dict(made.translation.stack.of_type(kind))


def one(made: Any, kind: type[T], logical_id: str) -> T:
    found = made.translation.stack.resources[logical_id]
    assert isinstance(found, kind)
    return found


def web(entry: str, image: str = "app") -> str:
    return f"services: {{web: {{image: {image}, x-fargate: {{ingress: [{entry}]}}}}}}"


def listening(made: Any) -> dict[str, str]:
    """Listener to its protocol and where it leads by default."""
    return {
        logical_id.removeprefix("listener/"): f"{listener.protocol} {target(listener)}"
        for logical_id, listener in all_of(made, Listener).items()
    }


def target(listener: Listener) -> str:
    action = listener.default_actions[0]
    ref = action.target_group_arn
    return ref.logical_id.removeprefix("target-group/") if isinstance(ref, Ref) else action.type


def test_a_published_http_port_is_opened_on_the_port_it_is_published_on(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['8080:80']}}")
    assert listening(made) == {"8080": "HTTP web-80"}
    balancer = one(made, LoadBalancer, "load-balancer")
    assert (balancer.type, balancer.scheme) == ("application", "internet-facing")
    assert balancer.attributes == {"routing.http.drop_invalid_header_fields.enabled": "true"}
    assert balancer.security_groups == (Ref("security-group/load-balancer", "id"),)
    service = one(made, EcsService, "service/web")
    assert [(b.container_name, b.container_port) for b in service.load_balancers] == [("web", 80)]
    assert service.health_check_grace_period_seconds == 60


def test_one_load_balancer_is_named_with_its_price_once(translated: Translate) -> None:
    made = translated("services: {a: {image: nginx, ports: ['80:80']}, b: {image: x, ports: ['8000:8000']}}")
    assert [d.message for d in made.diagnostics if d.code == "C2F218"] == [
        "one application load balancer (internet-facing) for a, b: about 16.43 USD a month, plus its traffic"
    ]
    assert len(all_of(made, LoadBalancer)) == 1


@pytest.mark.parametrize("text", ["ports: ['5432:5432']", "ports: ['0.0.0.0:5432:5432', '5433:5432']"])
def test_the_database_of_a_development_file_is_open_to_nobody_outside(
    text: str, translated: Translate
) -> None:
    made = translated(f"services: {{db: {{image: 'postgres:16', {text}}}}}")
    assert not all_of(made, LoadBalancer)
    assert [rule for rule in all_of(made, IngressRule).values() if rule.cidr_ip or rule.cidr_ipv6] == []


# -- HTTPS -----------------------------------------------------------------------------------------------------


def test_a_certificate_serves_port_80_on_443_and_redirects(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80']}}", certificate=CERTIFICATE)
    assert listening(made) == {"443": "HTTPS web-80", "80": "HTTP redirect"}
    listener = one(made, Listener, "listener/443")
    assert listener.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert [c.certificate_arn for c in listener.certificates] == [CERTIFICATE]
    redirect = one(made, Listener, "listener/80").default_actions[0].redirect_config
    assert redirect == ("HTTPS", "443", "HTTP_301")


def test_a_service_that_publishes_80_and_443_keeps_its_own_443(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80', '443:443']}}", certificate=CERTIFICATE)
    assert listening(made) == {"443": "HTTPS web-443", "80": "HTTP redirect"}
    assert one(made, TargetGroup, "target-group/web-443").protocol == "HTTPS"


def test_where_another_service_has_443_port_80_stays_as_it_is(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: nginx, ports: ['80:80']}, b: {image: nginx, ports: ['443:443']}}",
        certificate=CERTIFICATE,
    )
    assert listening(made) == {"443": "HTTPS b-443", "80": "HTTP a-80"}


@pytest.mark.parametrize(
    "port",
    [
        "'443:443'",
        "{target: 50051, published: '50051', app_protocol: grpc}",
        "{target: 1, published: '1', app_protocol: http2}",
    ],
)
def test_what_aws_carries_behind_https_only_stays_inside_without_a_certificate(
    port: str, translated: Translate
) -> None:
    text = f"services: {{web: {{image: app, ports: [{port}]}}}}"
    made = translated(text)
    assert not all_of(made, TargetGroup)
    assert "C2F220" in codes(made, Severity.WARNING)
    assert all_of(translated(text, certificate=CERTIFICATE), TargetGroup)


def test_a_port_that_speaks_another_protocol_has_a_target_group_of_another_name(
    translated: Translate,
) -> None:
    names = {
        protocol: one(
            translated(
                f"services: {{web: {{image: app, ports: [{{target: 8000, published: '8000', app_protocol: {protocol}}}]}}}}",
                certificate=CERTIFICATE,
            ),
            TargetGroup,
            "target-group/web-8000",
        ).name
        for protocol in ("http", "http2", "grpc")
    }
    assert names == {"http": "shop-web-8000", "http2": "shop-web-8000-http2", "grpc": "shop-web-8000-grpc"}


def test_grpc_targets_are_asked_as_grpc(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: app, ports: [{target: 50051, published: '50051', app_protocol: grpc}]}}",
        certificate=CERTIFICATE,
    )
    group = one(made, TargetGroup, "target-group/web-50051")
    assert (group.protocol, group.protocol_version, group.matcher, group.health_check_path) == (
        "HTTP",
        "GRPC",
        None,
        None,
    )


# -- hosts and paths -------------------------------------------------------------------------------------------


RULES = """
services:
  site: {image: a, x-fargate: {ingress: [{port: 3000}, {port: 3000, host: [x.example.com, y.example.com]}]}}
  api: {image: a, x-fargate: {ingress: [{port: 8000, path: [/api/*]}, {port: 8000, path: /api/v2/*, host: x.example.com}]}}
  docs: {image: a, x-fargate: {ingress: [{port: 8001, path: /api/docs/*}]}}
"""


def priorities(made: Any) -> dict[str, int]:
    return {rule_id: rule.priority for rule_id, rule in all_of(made, ListenerRule).items()}


def test_rules_are_asked_from_the_exact_to_the_general(translated: Translate) -> None:
    made = translated(RULES)
    assert listening(made) == {"80": "HTTP site-3000"}
    ordered = sorted(all_of(made, ListenerRule).values(), key=lambda rule: rule.priority)
    assert [[c.values for c in rule.conditions] for rule in ordered] == [
        [("x.example.com",), ("/api/v2/*",)],
        [("x.example.com", "y.example.com")],
        [("/api/docs/*",)],
        [("/api/*",)],
    ]
    assert all(1 <= rule.priority <= 50_000 for rule in ordered)


def test_a_new_rule_leaves_the_priorities_of_the_others(translated: Translate) -> None:
    before = priorities(translated(RULES))
    after = priorities(
        translated(
            RULES + "  more: {image: a, x-fargate: {ingress: [{port: 1, path: /m}, {port: 1, host: m}]}}\n"
        )
    )
    assert before.items() < after.items()


def test_the_order_of_services_and_entries_changes_nothing(translated: Translate) -> None:
    lines = RULES.strip().splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    stacks: list[Stack] = [translated(text).translation.stack for text in (RULES, turned)]
    assert stacks[0].resources == stacks[1].resources


def test_two_services_that_want_all_requests_of_a_port_are_told_apart(translated: Translate) -> None:
    made = translated("services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['80:80']}}")
    assert listening(made) == {"80": "HTTP a-80"}
    [said] = [d for d in made.diagnostics if d.code == "C2F219"]
    assert (said.severity, said.path) == (Severity.WARNING, ("services", "b", "ports", 0))
    assert "host: b.example.com" in said.hint


def test_an_existing_listener_gets_rules_and_no_load_balancer_is_made(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['80:80']}}",
        listener=LISTENER,
        load_balancer_security_group="sg-1",
    )
    assert not all_of(made, LoadBalancer)
    assert all_of(made, Existing)["listener/existing"].identifier == LISTENER
    [rule] = all_of(made, ListenerRule).values()
    assert rule.listener_arn == Ref("listener/existing", "arn")
    assert rule.conditions[0].values == ("/*",)
    assert "sg-1" in [r.source_group_id for r in all_of(made, IngressRule).values()]


@pytest.mark.parametrize(
    ("ports", "refused"),
    [
        ("ports: ['9000:9000']", ["C2F547"]),
        ("ports: ['9000:9000'], x-fargate: {ingress: [{port: 9000, host: a.example.com}]}", []),
        ("ports: ['9000:9000'], x-fargate: {ingress: [{port: 9000, path: [/a, /a/*]}]}", []),
        ("expose: ['9000']", ["C2F547"]),
        ("ports: ['9000:9000'], x-fargate: {ingress: false}", ["C2F547"]),
    ],
)
def test_behind_a_given_listener_each_service_has_a_rule_of_its_own_or_there_is_an_error(
    translated: Translate, ports: str, refused: list[str]
) -> None:
    made = translated(
        f"services: {{shop: {{image: nginx, {ports}}}}}", listener=LISTENER, security_groups=("sg-1",)
    )
    assert [code for code in codes(made, Severity.ERROR) if code == "C2F547"] == refused
    if not refused:
        assert len(all_of(made, ListenerRule)) == 1


def test_two_services_that_want_everything_of_a_given_listener_are_both_errors(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: nginx, ports: ['80:80']}, b: {image: nginx, ports: ['81:80']}}",
        listener=LISTENER,
    )
    found = [d for d in made.diagnostics if d.code == "C2F547"]
    assert [d.path[1] for d in found] == ["a", "b"]
    assert all("host:" in d.hint for d in found)


def test_an_existing_load_balancer_gets_listeners(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80']}}", load_balancer=BALANCER)
    assert isinstance(made.translation.stack.resources["load-balancer"], Existing)
    assert listening(made) == {"80": "HTTP web-80"}
    assert "security-group/load-balancer" not in made.translation.stack.resources
    assert "C2F299" in codes(made, Severity.WARNING)


def test_a_listener_and_a_load_balancer_exclude_each_other(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx}}", listener=LISTENER, load_balancer=BALANCER)
    assert "C2F219" in codes(made, Severity.ERROR)


# -- what keeps a port inside ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ports: ['80:80'], x-fargate: {job: true}", "C2F220"),
        ("ports: ['80-90:80']", "C2F220"),
        ("ports: ['80:80/udp']", "C2F220"),
        ("ports: ['80:80'], networks: [inner]", "C2F217"),
        ("ports: ['127.0.0.1:80:80']", "C2F225"),
        ("ports: ['[::1]:80:80']", "C2F225"),
    ],
)
def test_why_a_port_stays_inside_is_said(text: str, code: str, translated: Translate) -> None:
    made = translated(f"services: {{web: {{image: nginx, {text}}}}}\nnetworks: {{inner: {{internal: true}}}}")
    assert not all_of(made, TargetGroup)
    assert code in codes(made)


def test_a_loopback_port_is_told_how_to_become_public(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['127.0.0.1:3000:80']}, db: {image: postgres, ports: ['127.0.0.1:5432:5432']}}"
    )
    web, db = (d.hint for d in made.diagnostics if d.code == "C2F225")
    assert "x-fargate: {ingress: [{port: 80}]}" in web
    assert "load_balancer: network, from: [203.0.113.0/24]" in db
    assert all_of(
        translated("services: {web: {image: nginx, x-fargate: {ingress: [{port: 80}]}}}"), TargetGroup
    )


@pytest.mark.parametrize("port", ["'0:80'", "{target: 80, published: '0'}", "'80'"])
def test_a_port_that_docker_chooses_is_not_opened(port: str, translated: Translate) -> None:
    made = translated(f"services: {{web: {{image: nginx, ports: [{port}]}}}}")
    assert not all_of(made, LoadBalancer)


def test_ingress_false_and_load_balancer_none_keep_everything_inside(translated: Translate) -> None:
    text = "services: {web: {image: nginx, ports: ['80:80']%s}}"
    assert not all_of(translated(text % ", x-fargate: {ingress: false}"), LoadBalancer)
    made = translated(text % "", load_balancer="none")
    assert not all_of(made, LoadBalancer)
    assert "C2F220" in codes(made, Severity.WARNING)


def test_a_port_on_internal_networks_is_opened_where_it_is_asked_for(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, networks: [inner], x-fargate: {ingress: [{port: 80}]}}}\nnetworks: {inner: {internal: true}}"
    )
    assert listening(made) == {"80": "HTTP web-80"}


# -- health ------------------------------------------------------------------------------------------------------


def test_the_target_group_asks_what_the_health_check_asks(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: app, ports: ['80:8000'], stop_grace_period: 90s, healthcheck: {test: 'curl -f http://localhost:8000/up?x=1',"
        " interval: 10s, timeout: 20s, retries: 20, start_period: 150s}}}"
    )
    group = one(made, TargetGroup, "target-group/web-8000")
    assert (group.health_check_path, group.health_check_protocol) == ("/up?x=1", "HTTP")
    assert group.matcher == ("200-399",)
    assert (group.health_check_interval_seconds, group.health_check_timeout_seconds) == (10, 9)
    assert group.unhealthy_threshold_count == 10
    assert group.attributes == {"deregistration_delay.timeout_seconds": "90"}
    assert one(made, EcsService, "service/web").health_check_grace_period_seconds == 150


def test_without_a_url_any_answer_but_a_server_error_is_healthy(translated: Translate) -> None:
    group = one(
        translated("services: {web: {image: app, ports: ['80:8000']}}"), TargetGroup, "target-group/web-8000"
    )
    assert (group.health_check_path, group.matcher) == ("/", ("200-499",))


def test_stickiness_is_on_request(translated: Translate) -> None:
    group = one(translated(web("{port: 80, stickiness: true}")), TargetGroup, "target-group/web-80")
    assert group.attributes["stickiness.type"] == "lb_cookie"
    assert (
        "stickiness.enabled"
        not in one(translated(web("{port: 80}")), TargetGroup, "target-group/web-80").attributes
    )


# -- network load balancers ---------------------------------------------------------------------------------------


def test_tcp_is_opened_on_request_to_whom_it_is_said(translated: Translate) -> None:
    made = translated(web("{port: 5432, from: [203.0.113.0/24]}", "postgres"))
    assert listening(made) == {"network-5432": "TCP web-5432-network"}
    assert one(made, LoadBalancer, "network-load-balancer").type == "network"
    outside = {rule.cidr_ip for rule in all_of(made, IngressRule).values() if rule.cidr_ip}
    assert outside == {"203.0.113.0/24"}
    assert "C2F215" in codes(made, Severity.INFO)


def test_a_data_store_that_is_opened_to_everyone_is_warned_about(translated: Translate) -> None:
    made = translated(web("{port: 5432, load_balancer: network}", "postgres"))
    assert "C2F215" in codes(made, Severity.WARNING)


def test_udp_is_asked_for_its_health_on_a_tcp_port(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: x, ports: ['53:53/udp', '9153'], x-fargate: {ingress: [{port: 53}]}}}"
    )
    group = one(made, TargetGroup, "target-group/web-53-network")
    assert (group.protocol, group.health_check_protocol, group.health_check_port) == ("UDP", "TCP", "9153")
    let_in = {
        (rule.ip_protocol, rule.from_port)
        for rule in all_of(made, IngressRule).values()
        if rule.source_group_id == Ref("security-group/network-load-balancer", "id")
    }
    assert let_in == {("udp", 53), ("tcp", 9153)}
    assert container(made, "web").port_mappings[0].protocol == "udp"


def test_tls_ends_at_the_load_balancer(translated: Translate) -> None:
    made = translated(web("{port: 1883, protocol: tls, published: 8883}"), certificate=CERTIFICATE)
    assert one(made, Listener, "listener/network-8883").protocol == "TLS"
    assert one(made, TargetGroup, "target-group/web-1883-network").protocol == "TCP"


@pytest.mark.parametrize(
    "entry",
    [
        "{port: 53, protocol: udp}",
        "{port: 1, protocol: tls}",
        "{port: 1, protocol: grpc}",
        "{port: 1, published: 443}",
        "{port: 1, protocol: tcp, load_balancer: application}",
        "{port: 1, protocol: tcp, host: a}",
        "{port: 1, host: [a, b, c], path: [/d, /e, /f]}",
    ],
)
def test_what_aws_would_refuse_is_refused_with_a_way_out(entry: str, translated: Translate) -> None:
    made = translated(web(entry))
    [said] = [d for d in made.diagnostics if d.severity is Severity.ERROR]
    assert said.code == "C2F219"
    assert said.hint


def test_a_port_that_only_ingress_names_is_mapped_too(translated: Translate) -> None:
    made = translated(web("{port: 7000}"))
    assert [p.container_port for p in container(made, "web").port_mappings] == [7000]


# -- limits and names ----------------------------------------------------------------------------------------------


def test_a_task_has_at_most_five_target_groups(translated: Translate) -> None:
    made = translated(web(", ".join(f"{{port: {8000 + n}, path: /{n}}}" for n in range(7))))
    assert len(all_of(made, TargetGroup)) == 5
    assert len(one(made, EcsService, "service/web").load_balancers) == 5
    assert len([d for d in made.diagnostics if d.code == "C2F219"]) == 2


def test_a_load_balancer_has_at_most_fifty_listeners(translated: Translate) -> None:
    services = ", ".join(f"s{n}: {{image: nginx, ports: ['{1000 + n}:80']}}" for n in range(60))
    made = translated(f"services: {{{services}}}")
    assert len(all_of(made, Listener)) == 50
    assert len([d for d in made.diagnostics if d.code == "C2F219"]) == 10


def test_names_are_legal_stable_and_apart(translated: Translate) -> None:
    long = "a-very-long-name-of-a-service-that-goes-on"
    made = translated(
        f"services: {{{long}: {{image: nginx, ports: ['80:80', '81:81']}}, a.b: {{image: nginx, ports: ['82:80']}}}}"
    )
    names = [group.name for group in all_of(made, TargetGroup).values()]
    assert len(set(names)) == 3
    for name in names:
        assert len(name) <= 32
        assert name.replace("-", "").isalnum()
        assert name == name.strip("-")


def test_a_load_balancer_is_never_called_internal(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80']}}", cluster="internal-shop")
    assert not one(made, LoadBalancer, "load-balancer").name.startswith("internal-")


def test_an_internal_load_balancer_is_open_to_private_addresses_only(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80']}}", load_balancer_scheme="internal")
    assert one(made, LoadBalancer, "load-balancer").scheme == "internal"
    ranges = {rule.cidr_ip for rule in all_of(made, IngressRule).values() if rule.cidr_ip}
    assert ranges == {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}


def test_the_container_of_a_sidecar_is_the_one_that_is_asked(translated: Translate) -> None:
    made = translated(
        "services: {app: {image: app, expose: ['9000']}, proxy: {image: nginx, network_mode: 'service:app',"
        " x-fargate: {ingress: [{port: 80}]}}}"
    )
    service = one(made, EcsService, "service/app")
    assert [(b.container_name, b.container_port) for b in service.load_balancers] == [("proxy", 80)]


def test_every_resource_of_the_network_is_tagged(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, ports: ['80:80']}}", environment="staging")
    kinds = (LoadBalancer, TargetGroup, Listener, SecurityGroup, IngressRule)
    for kind in kinds:
        for resource in all_of(made, kind).values():
            assert dict(resource.tags)["compose2fargate:environment"] == "staging"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("listens", "port"),
    [
        ("ports: ['53:53/udp', '8053:8053']", "8053"),
        ("ports: ['53:53/udp'], expose: ['9053/udp', '8080-8081']", "8080"),
    ],
)
def test_a_udp_port_is_checked_at_a_tcp_port_that_is_published_or_exposed(
    listens: str, port: str, translated: Translate
) -> None:
    ingress = "x-fargate: {ingress: [{port: 53, protocol: udp, load_balancer: network}]}"
    made = translated(f"services: {{dns: {{image: app, {listens}, {ingress}}}}}")
    assert not codes(made, Severity.ERROR)
    group = one(made, TargetGroup, "target-group/dns-53-network")
    assert (group.protocol, group.health_check_protocol, group.health_check_port) == ("UDP", "TCP", port)


@pytest.mark.parametrize(
    ("published", "number"),
    [
        ("80", 80),
        ("0080", 80),
        ("65535", 65535),
        ("65536", 0),
        ("1" * 5005, 0),
        ("8000-8010", 0),
        ("", 0),
        ("٣", 0),
    ],
)
def test_a_published_port_is_a_number_of_a_port_or_none(
    published: str, number: int, translated: Translate
) -> None:
    made = translated(
        f'services: {{web: {{image: nginx, ports: [{{target: 80, published: "{published}"}}]}}}}'
    )
    assert made.project.services["web"].ports[0].published_number == number
    opened = made.translation.stack.resources["service/web"].load_balancers  # type: ignore[union-attr]
    assert bool(opened) == bool(number)


def test_a_port_of_another_protocol_is_opened_by_a_network_load_balancer(translated: Translate) -> None:
    made = translated(
        "services: {mail: {image: i/m, ports: [{target: 25, published: '25', app_protocol: smtp}]}}"
    )
    (told,) = [d for d in made.diagnostics if d.code == "C2F220"]
    assert "{port: 25, load_balancer: network}" in told.hint


@pytest.mark.parametrize(
    "command",
    ["minio server /data --console-address ':9090'", "[server, /data, '--console-address=0.0.0.0:9090']"],
)
def test_a_console_that_its_command_moves_is_not_opened(command: str, translated: Translate) -> None:
    made = translated(
        f"services: {{s3: {{image: minio/minio, command: {command}, ports: ['9000:9000', '9090:9090']}}}}"
    )
    (told,) = [d for d in made.diagnostics if d.code == "C2F220"]
    assert "9090 of minio is" in told.message


def test_what_stays_inside_is_said_in_one_piece(translated: Translate) -> None:
    made = translated("services: {db: {image: 'postgres:16', ports: ['15432:5432']}}")
    [told] = [d.message for d in made.diagnostics if d.code == "C2F220"]
    assert (
        told
        == "published port 15432 stays inside the VPC, at port 5432 of each task: postgres is a data store"
    )
