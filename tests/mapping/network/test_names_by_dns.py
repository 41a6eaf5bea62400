"""`--names dns`: every service in the private DNS namespace, every task with its search domain, no Service Connect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.resources import DiscoveryService, EcsService, IngressRule
from compose2fargate.diagnostics import Severity
from tests.conftest import Program
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, definition

MUTUAL = (
    "services: {a: {image: acme/a, environment: {B: 'http://b:7001'}}, b: {image: acme/b, environment: {A: 'http://a:7000'}},"
    " db: {image: postgres}, once: {image: acme/j, x-fargate: {job: true}}}"
)


def by_dns(translated: Translate, text: str, **flags: Any) -> Any:
    return translated(text, names="dns", **flags)


def services(made: Any) -> list[EcsService]:
    return [service for _, service in made.translation.stack.of_type(EcsService)]


def names(made: Any) -> dict[str, str]:
    return {
        logical_id.partition("/")[2]: service.name
        for logical_id, service in made.translation.stack.of_type(DiscoveryService)
    }


def test_every_service_is_registered_every_task_searches_and_no_proxy_runs(translated: Translate) -> None:
    made = by_dns(translated, MUTUAL)
    assert names(made) == {"a": "a", "b": "b", "db": "db"}
    assert all(s.service_registries and s.service_connect_configuration is None for s in services(made))
    for name in ("a", "b", "db", "once"):
        [helper] = [c for c in definition(made, name).container_definitions if c.name == f"{name}-names"]
        assert "search shop.internal" in helper.command[0]
    assert "C2F522" not in codes(made)
    assert made.translation.stack.again == ()


def test_members_of_a_network_reach_each_other_at_all_ports(translated: Translate) -> None:
    text = (
        "services: {a: {image: acme/a, networks: [x]}, b: {image: acme/b, networks: [x, y]}, c: {image: acme/c, networks: [y]}}\n"
        "networks: {x: {}, y: {}}"
    )
    rules = dict(by_dns(translated, text).translation.stack.of_type(IngressRule))
    assert {name: (rule.ip_protocol, rule.from_port) for name, rule in rules.items()} == {
        "ingress-rule/x-all": ("-1", None),
        "ingress-rule/y-all": ("-1", None),
    }


def test_a_task_of_many_networks_is_let_in_everywhere_too(translated: Translate) -> None:
    nets = [f"n{i}" for i in range(6)]
    text = (
        f"services: {{hub: {{image: acme/h, networks: [{', '.join(nets)}]}},"
        + ",".join(f" s{i}: {{image: acme/s, networks: [{net}]}}" for i, net in enumerate(nets))
        + f"}}\nnetworks: {{{', '.join(f'{net}: {{}}' for net in nets)}}}"
    )
    rules = dict(by_dns(translated, text).translation.stack.of_type(IngressRule))
    assert {"ingress-rule/service-hub-all-from-n0", "ingress-rule/n0-all-from-service-hub"} <= set(rules)


def test_no_port_has_to_be_known(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, environment: {DB_HOST: store}, depends_on: [store]}, store: {image: acme/s}}"
    assert {"C2F521", "C2F228"} & set(codes(translated(text)))
    assert not {"C2F521", "C2F228", "C2F519"} & set(codes(by_dns(translated, text)))


def test_a_service_is_registered_by_the_name_that_others_use(translated: Translate) -> None:
    text = (
        "services: {web: {image: acme/w, environment: {U: 'postgres://u@shop-db:5432/x'}},"
        " db: {image: postgres, container_name: shop-db}}"
    )
    made = by_dns(translated, text)
    assert names(made)["db"] == "shop-db"
    assert "C2F521" not in codes(made)


def test_a_second_name_is_refused(translated: Translate) -> None:
    text = (
        "services: {web: {image: acme/w, environment: {U: 'postgres://u@shop-db:5432/x'}}, cron: {image: acme/c, environment: "
        "{U: 'postgres://u@db:5432/x'}}, db: {image: postgres, container_name: shop-db}}"
    )
    made = by_dns(translated, text)
    [said] = [d for d in made.diagnostics if d.code == "C2F521"]
    assert (said.severity, said.path) == (Severity.ERROR, ("services", "web", "environment", "U"))
    assert "write db in place of shop-db" in said.hint
    assert "C2F521" not in codes(translated(text))


def test_a_sidecar_has_no_name_of_its_own(translated: Translate) -> None:
    text = (
        "services: {app: {image: acme/a}, metrics: {image: acme/m, network_mode: 'service:app'},"
        " prom: {image: acme/p, environment: {T: 'http://metrics:9100', A: 'http://app:80'}}}"
    )
    [said] = [d for d in by_dns(translated, text).diagnostics if d.code == "C2F521"]
    assert "that of app is app" in said.message


def test_what_it_costs_is_said_once(translated: Translate) -> None:
    said = [d for d in by_dns(translated, MUTUAL).diagnostics if d.code in ("C2F527", "C2F297")]
    assert len(said) == 1
    for word in ("busybox", "keeps an address", "no proxy"):
        assert word in said[0].message
    [said] = [d for d in by_dns(translated, MUTUAL, job_names="none").diagnostics if d.code == "C2F527"]
    assert "only full names are found, such as a.shop.internal" in said.message


@pytest.mark.parametrize("code", ["C2F522"])
def test_where_service_connect_cannot_serve_the_other_way_is_named(translated: Translate, code: str) -> None:
    assert all("--names dns" in d.hint for d in translated(MUTUAL).diagnostics if d.code == code)
    assert code in codes(translated(MUTUAL))


def test_nginx_is_told_how_to_look_names_up_again(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "n.conf").write_text(
        "server { location / { proxy_pass http://api:7000; }\n"
        "location /x { resolver 127.0.0.11; set $u http://api:7000; proxy_pass $u; } }\n"
    )
    text = "services: {api: {image: acme/a}, nginx: {image: nginx, volumes: ['./n.conf:/etc/nginx/conf.d/default.conf:ro']}}"
    made = by_dns(translated, text)
    [kept] = [d for d in made.diagnostics if d.code == "C2F528"]
    assert kept.location
    assert kept.location.line == 1
    assert "resolver 169.254.169.253 valid=10s; set $up api.shop.internal:7000;" in kept.hint
    [late] = [d for d in made.diagnostics if d.code == "C2F523"]
    assert "the full name: http://api.shop.internal:7000" in late.hint
    [late] = [d for d in translated(text).diagnostics if d.code == "C2F523"]
    assert "--names dns" in late.hint


def test_explain_shows_the_name_in_the_dns(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop\n" + MUTUAL)
    told = program("explain", "--names", "dns", "a.environment.B", cwd=tmp_path).out
    assert "port 7001 of b, which the private DNS knows as b.shop.internal" in told


def test_haproxy_is_told_how_to_look_names_up_again(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text("backend b\n  server one api:7000 check\n")
    text = (
        "services: {api: {image: acme/a}, lb: {image: 'haproxy:3', "
        "volumes: ['./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro']}}"
    )
    [kept] = [d for d in by_dns(translated, text).diagnostics if d.code == "C2F528"]
    assert "server … api.shop.internal:7000 resolvers vpc init-addr none" in kept.hint


def test_a_name_that_is_declined_and_used_is_refused(translated: Translate) -> None:
    text = (
        "services: {web: {image: acme/w, environment: {U: 'http://api:80'}}, api: {image: acme/a, x-fargate: {dns: false}},"
        " x: {image: acme/x}}"
    )
    [said] = [d for d in by_dns(translated, text).diagnostics if d.code == "C2F521"]
    assert said.message == "api (U of web) is not found: x-fargate.dns of api is false"


def test_a_job_finds_a_service_by_the_name_that_it_uses(translated: Translate) -> None:
    text = (
        "services: {db: {image: postgres, container_name: shop-db}, web: {image: acme/w, environment: {U: 'postgres://u@db/x'}},"
        " job: {image: acme/j, environment: {U: 'postgres://u@%s/x'}, x-fargate: {job: true}}%s}"
    )
    made = translated(text % ("shop-db", ""))
    assert names(made) == {"db": "shop-db"}
    assert "C2F521" not in codes(made)
    other = ", other: {image: acme/j, environment: {U: 'postgres://u@db/x'}, x-fargate: {job: true}}"
    [said] = [d for d in translated(text % ("shop-db", other)).diagnostics if d.code == "C2F521"]
    assert "shop-db (U of job) is not found" in said.message


def test_a_name_with_a_dot_is_looked_up_outside_first(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, environment: {U: 'http://api.v1:80'}}, api.v1: {image: acme/a}}"
    [said] = [d for d in by_dns(translated, text).diagnostics if d.code == "C2F521"]
    assert said.severity is Severity.WARNING
    assert "api.v1.shop.internal" in said.hint


def test_the_names_that_nobody_finds_are_told(translated: Translate) -> None:
    text = "services: {web: {image: acme/w, container_name: front, networks: {default: {aliases: [www]}}}, x: {image: acme/x}}"
    said = [d for d in by_dns(translated, text).diagnostics if d.code == "C2F527" and d.path[0] == "services"]
    assert [d.message.rpartition("; ")[2] for d in said] == ["the private DNS does not know front and www"]


def test_no_key_becomes_a_name_of_service_connect(translated: Translate) -> None:
    text = (
        "services: {a: {image: i/a, container_name: one, expose: ['1'], links: [b]}, "
        "b: {image: i/b, ports: ['80:80'], networks: {default: {aliases: [bb]}}}}"
    )
    told = {key.path: key.row.what for key in by_dns(translated, text).accounted}
    assert told["services", "a", "expose"].endswith("by its private DNS name")
    assert not [path for path, said in told.items() if "Service Connect" in said]
    assert [
        path for key in translated(text).accounted if "Service Connect" in key.row.what for path in [key.path]
    ]
