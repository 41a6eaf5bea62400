from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import EcsService, IngressRule, RunTask, Schedule, SecurityGroup
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes


def short(group: object) -> str:
    return group.logical_id.removeprefix("security-group/") if isinstance(group, Ref) else str(group)


def groups(made: Any, service: str) -> list[str]:
    resources = made.translation.stack.resources
    found = resources.get(f"service/{service}") or resources[f"run-task/{service}"]
    assert isinstance(found, (EcsService, RunTask))
    return [short(group) for group in found.network_configuration.awsvpc_configuration.security_groups]


def rules(made: Any) -> list[str]:
    """Each rule as `group <- source protocol ports`."""
    return sorted(
        f"{short(r.group_id)} <- {r.cidr_ip or r.cidr_ipv6 or short(r.source_group_id)} {r.ip_protocol} {r.from_port}-{r.to_port}"
        for _, r in made.translation.stack.of_type(IngressRule)
    )


def test_members_of_a_network_reach_each_other_at_their_ports_and_nothing_else(translated: Translate) -> None:
    made = translated(
        "services:\n  web: {image: nginx, networks: [front]}\n"
        "  api: {image: a, expose: ['8000', '8001', '9000', '53/udp'], networks: [front, back]}\n"
        "  db: {image: postgres, networks: [back]}\n  lone: {image: a}\nnetworks: {front: {}, back: {}}"
    )
    assert {name: groups(made, name) for name in ("web", "api", "db", "lone")} == {
        "web": ["front"],
        "api": ["back", "front"],
        "db": ["back"],
        "lone": ["default"],
    }
    assert rules(made) == [
        "back <- back tcp 5432-5432",
        "back <- back tcp 8000-8001",
        "back <- back tcp 9000-9000",
        "back <- back udp 53-53",
        "front <- front tcp 80-80",
        "front <- front tcp 8000-8001",
        "front <- front tcp 9000-9000",
        "front <- front udp 53-53",
    ]


def test_a_port_for_two_protocols_is_let_in_for_both(translated: Translate) -> None:
    made = translated("services: {dns: {image: a, ports: ['127.0.0.1:53:53/udp', '127.0.0.1:53:53/tcp']}}")
    assert rules(made) == ["default <- default tcp 53-53", "default <- default udp 53-53"]


def test_only_listeners_are_open_to_everyone(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['8080:80']}, db: {image: postgres, ports: ['5432:5432']}}"
    )
    assert rules(made) == [
        "default <- default tcp 5432-5432",
        "default <- default tcp 80-80",
        "default <- load-balancer tcp 80-80",
        "load-balancer <- 0.0.0.0/0 tcp 8080-8080",
    ]


def test_a_rule_does_not_multiply_with_the_services(translated: Translate) -> None:
    services = ", ".join(f"s{n}: {{image: a, expose: ['{8000 + n % 7}']}}" for n in range(60))
    assert rules(translated(f"services: {{{services}}}")) == ["default <- default tcp 8000-8006"]


def test_more_ports_than_rules_are_covered_by_one(translated: Translate) -> None:
    exposed = ", ".join(f"'{1000 + 2 * n}'" for n in range(80))
    made = translated(f"services: {{s: {{image: a, expose: [{exposed}]}}}}")
    assert rules(made) == ["default <- default tcp 1000-1158"]
    assert "C2F296" in codes(made, Severity.INFO)


MANY = "[a, b, c, d, e, f]"


def test_a_task_with_too_many_networks_has_one_group_of_its_own(translated: Translate) -> None:
    made = translated(
        f"services: {{hub: {{image: x, expose: ['1'], networks: {MANY}}}, spoke: {{image: x, expose: ['2'], networks: [b]}},"
        f" other: {{image: x, expose: ['3'], networks: {MANY}}}}}\nnetworks: {{a: , b: , c: , d: , e: , f: }}"
    )
    assert (groups(made, "hub"), groups(made, "spoke")) == (["service-hub"], ["b"])
    assert rules(made) == [
        "b <- b tcp 2-2",
        "b <- service-hub tcp 2-2",
        "b <- service-other tcp 2-2",
        "service-hub <- b tcp 1-1",
        "service-hub <- service-other tcp 1-1",
        "service-other <- b tcp 3-3",
        "service-other <- service-hub tcp 3-3",
    ]
    assert "C2F296" in codes(made, Severity.WARNING)


@pytest.mark.parametrize(
    "network",
    [
        "{external: true, name: sg-1}",
        "{external: true, name: other, x-fargate: {security_group: sg-1}}",
        "{x-aws-securitygroup: sg-1}",
    ],
)
def test_a_network_can_be_a_group_that_exists(network: str, translated: Translate) -> None:
    made = translated(f"services: {{db: {{image: postgres, networks: [n]}}}}\nnetworks: {{n: {network}}}")
    assert groups(made, "db") == ["sg-1"]
    assert rules(made) == []
    assert "C2F216" in codes(made, Severity.INFO)


def test_an_option_names_the_group_of_a_network(translated: Translate) -> None:
    text = "services: {db: {image: postgres, networks: [n]}}\nnetworks: {n: {external: true, name: traefik}}"
    assert "C2F216" in codes(translated(text), Severity.WARNING)
    assert groups(translated(text), "db") == ["n"]
    assert groups(translated(text, networks=("n=sg-9",)), "db") == ["sg-9"]
    assert "C2F212" in codes(translated(text, networks=("typo=sg-9",)), Severity.ERROR)


def test_a_task_in_groups_of_the_user_gets_one_of_ours_for_the_load_balancer(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['80:80'], networks: [n]}}\nnetworks: {n: {external: true, name: sg-1}}"
    )
    assert groups(made, "web") == ["sg-1", "service-web"]
    assert "service-web <- load-balancer tcp 80-80" in rules(made)


def test_a_load_balancer_is_let_in_at_a_network_that_is_not_internal(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['80:80'], networks: [a, b]}}\nnetworks: {a: {internal: true}, b: {}}"
    )
    assert [rule for rule in rules(made) if "load-balancer tcp" in rule] == ["b <- load-balancer tcp 80-80"]


def test_with_groups_of_the_user_there_are_none_of_ours_but_the_load_balancers(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['80:80']}, db: {image: postgres}, j: {image: a, x-fargate: {schedule: rate(1 day)}}}",
        security_groups=("sg-1", "sg-2"),
        account="123456789012",
    )
    assert groups(made, "web") == groups(made, "db") == groups(made, "j") == ["sg-1", "sg-2"]
    assert [name for name, _ in made.translation.stack.of_type(SecurityGroup)] == [
        "security-group/load-balancer"
    ]
    assert rules(made) == ["load-balancer <- 0.0.0.0/0 tcp 80-80"]
    [said] = [d for d in made.diagnostics if d.code == "C2F299"]
    assert "--group-id sg-1 --protocol tcp --port 80" in said.hint
    scheduled = made.translation.stack.resources["schedule/j"]
    assert isinstance(scheduled, Schedule)
    network = scheduled.target.ecs_parameters.network_configuration.awsvpc_configuration
    assert network.security_groups == ("sg-1", "sg-2")


def test_networks_named_like_groups_of_ours_stay_apart(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, ports: ['80:80'], networks: [load-balancer, service-web, file-system]}}\n"
        "networks: {load-balancer: {}, service-web: {}, file-system: {}}"
    )
    found = dict(made.translation.stack.of_type(SecurityGroup))
    assert len(found) == len({group.group_name for group in found.values()}) == 4
    assert groups(made, "web") == ["network-file-system", "network-load-balancer", "service-web"]


def test_a_group_is_never_called_like_an_id(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx}}", cluster="sg-shop")
    assert [g.group_name for _, g in made.translation.stack.of_type(SecurityGroup)] == [
        "group-sg-shop-default"
    ]


def test_a_sidecar_listens_on_the_networks_of_its_task(translated: Translate) -> None:
    made = translated(
        "services: {app: {image: a, networks: [n]}, side: {image: b, expose: ['9'], network_mode: 'service:app'}}\nnetworks: {n: {}}"
    )
    assert rules(made) == ["n <- n tcp 9-9"]


def test_a_service_on_the_host_network_reaches_the_others(translated: Translate) -> None:
    made = translated("services: {app: {image: a, network_mode: host}, db: {image: postgres}}")
    assert groups(made, "app") == ["default"]


BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/mine/0123456789abcdef"


@pytest.mark.parametrize(
    ("said", "ports", "settings"),
    [
        ("none is named", "['80:80']", {}),
        ("none is named", "['80:80']", {"load_balancer": "none"}),
        ("no port is opened", "[]", {"load_balancer": BALANCER}),
        ("no rule is added", "['80:80']", {"load_balancer": BALANCER, "security_groups": ("sg-0b",)}),
        ("", "['80:80']", {"load_balancer": BALANCER}),
        ("", "['80:80']", {"listener": BALANCER.replace("loadbalancer", "listener") + "/1"}),
    ],
)
def test_a_load_balancer_s_group_that_nothing_uses_is_told(
    said: str, ports: str, settings: dict[str, Any], translated: Translate
) -> None:
    made = translated(
        f"services: {{web: {{image: nginx, ports: {ports}}}}}",
        load_balancer_security_group="sg-0a1b",
        **settings,
    )
    told = [d for d in made.diagnostics if d.code == "C2F538"]
    assert len(told) == bool(said)
    assert all(said in one.message and one.severity is Severity.WARNING and one.hint for one in told)
    assert bool(said) != any(
        "sg-0a1b" in str(rule.source_group_id) for _, rule in made.translation.stack.of_type(IngressRule)
    )
