"""What a rehearsal runs, read off a stack: no engine is needed for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from compose2fargate.api import LoadOptions
from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.resources import ContainerDefinition, ContainerHealthCheck, EcsService
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic
from compose2fargate.rehearsal import local_load_balancer, probes
from compose2fargate.rehearsal.container_health import health_words, is_missing
from compose2fargate.rehearsal.engine import Executed
from compose2fargate.rehearsal.probed_references import ProbedReference, references
from compose2fargate.rehearsal.rehearsal_edge import LocalAddress
from compose2fargate.rehearsal.rehearsal_findings import find_problems
from compose2fargate.rehearsal.rehearsal_plan import (
    EDGE,
    MAX_REPLICAS,
    RehearsalPlan,
    chosen_units,
    make_rehearsal_plan,
    openings,
    visible_endpoints,
)
from compose2fargate.rehearsal.rehearsal_report import RehearsalReport, render_report
from compose2fargate.rehearsal.rehearsed_deployment import RehearsalResult, UnitResult
from compose2fargate.rehearsal.rehearsed_task import TaskEnd
from compose2fargate.rehearsal.task_containers import host_options, sysctls
from compose2fargate.rehearsal.task_network import Subnet, aliases, host_name, task_files
from compose2fargate.workflows.translating import translate

SUBNET = Subnet("172.31.240")
SHOP = """\
services:
  web:
    image: nginx
    ports: ["8080:80"]
    environment: {API: "http://api:8000", CACHE_HOST: cache, CACHE_PORT: "6379"}
    depends_on: [api]
  api:
    image: acme/api
    expose: ["8000"]
    depends_on: {migrate: {condition: service_completed_successfully}}
    deploy: {replicas: 5}
  cache: {image: "redis:7"}
  migrate: {image: acme/api, command: [migrate], depends_on: [cache]}
"""


def plan_of(folder: Path, text: str) -> tuple[RehearsalPlan, tuple[Diagnostic, ...]]:
    (folder / "compose.yaml").write_text("name: shop\n" + text)
    translated = translate(LoadOptions(environment={}, cwd=str(folder)), {})
    return make_rehearsal_plan(translated.translation.stack), translated.diagnostics


def test_units_have_addresses_of_their_own_and_no_more_replicas_than_show_something(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path, SHOP)
    units = {unit.name: unit for unit in plan.units.values()}
    assert list(units) == ["cache", "migrate", "api", "web"]
    assert len(units["api"].addresses) == MAX_REPLICAS
    every = [byte for unit in units.values() for byte in unit.addresses]
    assert len(every) == len(set(every))


def test_only_endpoints_that_are_sure_to_exist_are_known(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path, SHOP)
    known = {
        node: {(e.alias, e.port) for e in visible_endpoints(plan, unit)} for node, unit in plan.units.items()
    }
    assert known["service/web"] == {
        ("api", 8000),
        ("cache", 6379),
        ("web", 80),
    }  # through the job that api waits for
    assert known["service/cache"] == {("cache", 6379)}
    assert known["run-task/migrate"] == set()


def test_by_dns_names_lead_to_the_tasks_at_every_port_and_other_names_nowhere(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        "x-fargate: {names: dns}\n"
        "services:\n"
        "  a: {image: acme/a, environment: {B: 'http://b:7001', C: 'http://b.shop.internal:9', SIDE: 'http://side:80'}}\n"
        "  b: {image: acme/b, environment: {A_HOST: a}}\n"
        "  side: {image: acme/s, network_mode: 'service:b'}\n",
    )
    wanted = list(probes.wanted_probes(plan, plan.units["service/a"]))
    assert [(w.reference.host, w.target, w.problem) for w in wanted] == [
        ("b", "service/b", ""),
        ("b.shop.internal", "service/b", ""),
        ("side", "", probes.UNREGISTERED),
    ]
    assert [e.container_port for e in wanted[0].endpoints] == [7001]
    assert list(probes.wanted_probes(plan, plan.units["service/b"])) == []


def test_a_chosen_service_brings_what_is_deployed_before_it(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path, SHOP)
    assert {unit.name for unit in chosen_units(plan, ["migrate"]).values()} == {"cache", "migrate"}
    with pytest.raises(KeyError):
        chosen_units(plan, ["nothing"])


def test_a_scheduled_job_runs_by_name_only(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path, "services: {a: {image: x}, nightly: {image: x, x-fargate: {schedule: 'rate(1 day)'}}}\n"
    )
    assert "nightly" not in {unit.name for unit in chosen_units(plan, []).values()}


@pytest.mark.parametrize(
    ("environment", "command", "expected"),
    [
        ({"A": "http://api:8000/x"}, (), [("api", 8000)]),
        ({"A": "postgresql://u:p@db/x"}, (), [("db", 5432)]),
        ({"A": "redis://:secret@cache:6380/0"}, (), [("cache", 6380)]),
        ({"A": "http://localhost:8000", "B": "https://example.org", "C": "http://127.0.0.1:1"}, (), []),
        ({"A": "http://nobody:8000"}, (), [("nobody", 8000)]),
        ({"A": "nobody:8000"}, (), []),
        ({"A": "api:8000,cache:6379"}, (), [("api", 8000), ("cache", 6379)]),
        ({"DB_HOST": "db", "DB_PORT": "5432"}, (), [("db", 5432)]),
        ({"DB_HOST": "db"}, (), [("db", 0)]),
        ({"A": "postgres:16"}, (), []),
        ({}, ("redis-cli", "-h", "cache", "ping"), [("cache", 0)]),
        ({}, ("wait", "api:8000"), [("api", 8000)]),
    ],
)
def test_names_and_ports_that_a_container_is_told(
    environment: Mapping[str, str], command: tuple[str, ...], expected: list[tuple[str, int]]
) -> None:
    told = tuple(KeyValue(name, value) for name, value in environment.items())
    container = ContainerDefinition("c", "image", environment=told, command=command)
    found: list[ProbedReference] = list(references(container, frozenset({"api", "db", "cache", "postgres"})))
    assert [(one.host, one.port) for one in found] == expected


def test_the_filter_opens_what_rules_open_and_redirects_declared_ports(tmp_path: Path) -> None:
    plan, _ = plan_of(tmp_path, SHOP)
    web = plan.units["service/web"]
    files = task_files(plan, web, web.addresses[0], SUBNET, {"/v4/x": {"Name": "x"}})
    named = {alias.name: alias.address for alias in aliases(visible_endpoints(plan, web))}
    rules = files["rules.nft"]
    assert "policy drop" in rules
    assert f"ip daddr {named['api']} tcp dport 8000 redirect" in rules
    assert "tcp dport 80-80 accept" in rules
    assert f"{named['cache']} cache" in files["hosts"]
    assert "127.0.0.11" not in files["resolv.conf"]
    api = plan.units["service/api"].addresses
    assert all(f"{SUBNET.at(byte)}:8000" in files["haproxy.cfg"] for byte in api)
    assert json.loads(files["metadata_v4_x.json"]) == {"Name": "x"}


def test_a_host_name_is_made_of_the_address() -> None:
    assert host_name(SUBNET, 7, "us-east-1") == "ip-172-31-240-7.ec2.internal"
    assert host_name(SUBNET, 7, "eu-central-1") == "ip-172-31-240-7.eu-central-1.compute.internal"


def test_a_container_has_fargates_limits(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        "services: {a: {image: x, cap_drop: [ALL], sysctls: {net.core.somaxconn: 9}, mem_limit: 700m}}\n",
    )
    definition = plan.units["service/a"].definition
    options = host_options(definition, definition.container_definitions[0])
    assert options["cap_add"] == []
    assert options["mem_limit"] == options["memswap_limit"] <= int(definition.memory) * 1024 * 1024
    assert sysctls(definition) == {"net.ipv4.ip_unprivileged_port_start": "1024", "net.core.somaxconn": "9"}


def test_the_load_balancer_has_rules_in_order_and_answers_of_its_own(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        """\
services:
  shop: {image: nginx, expose: ["80"], x-fargate: {ingress: [{port: 80, published: 80, host: "*.example.org", priority: 20}]}}
  api: {image: nginx, expose: ["81"], x-fargate: {ingress: [{port: 81, protocol: http, published: 80, path: "/a?i/*", priority: 10}]}}
""",
    )
    text = local_load_balancer.haproxy_configuration(plan, SUBNET)
    first, second = (line.strip() for line in text.splitlines() if "use_backend" in line)
    assert first.endswith("{ path -m reg '^/a.i/.*$' }")
    assert second.endswith(r"{ req.hdr(host),field(1,:) -m reg -i '^.*\.example\.org$' }")
    assert "http-request return status 404" in text
    assert "hdr Host %[srv_name]" in text


def without_its_finds(stack: Stack) -> Stack:
    """Take back what references opened and ordered: no order, no name of `c`, and the declared port of `d` alone."""
    resources = dict(stack.resources)
    for name, kept in {"service/c": (), "service/d": (8000,)}.items():
        service = resources[name]
        assert isinstance(service, EcsService)
        connect = service.service_connect_configuration
        assert connect is not None
        offered = tuple(one for one in connect.services if one.client_aliases[0].port in kept)
        resources[name] = service._replace(service_connect_configuration=connect._replace(services=offered))
    found = tuple(one for one in stack.after["service/a"] if one.logical_id == "service/d")
    return stack._replace(resources=resources, after={"service/a": found})


def test_what_is_not_known_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        """\
name: shop
services:
  a:
    image: x
    environment: {ONE: "http://b:1000", TWO: "http://c:2000", THREE: "http://nobody:1", FOUR: "http://d:9", FIVE: "http://s:1"}
    depends_on: [d]
  b: {image: x, expose: ["1000"]}
  c: {image: x}
  d: {image: x, expose: ["8000"]}
  s: {image: x, network_mode: "service:a"}
"""
    )
    translated = translate(LoadOptions(environment={}, cwd=str(tmp_path)), {})
    plan = make_rehearsal_plan(without_its_finds(translated.translation.stack))
    found = {
        want.reference.host: want.problem for want in probes.wanted_probes(plan, plan.units["service/a"])
    }
    assert found == {
        "b": probes.NOT_YET,
        "c": probes.NO_ENDPOINT,
        "nobody": probes.UNKNOWN,
        "d": probes.UNDECLARED,
        "s": probes.SAME_TASK,
    }


def test_a_check_whose_program_is_missing_is_known_by_what_it_writes() -> None:
    missing = (
        'exec failed: unable to start container process: exec: "curl": executable file not found in $PATH'
    )
    assert is_missing(Executed(127, missing))
    assert is_missing(Executed(1, "/bin/sh: 1: curl: not found"))
    assert is_missing(Executed(127, 'exec: "/bin/sh": stat /bin/sh: no such file or directory'))
    assert not is_missing(Executed(22, "The requested URL returned error: 404 Not Found"))
    assert health_words(ContainerHealthCheck(("CMD-SHELL", "a b"), 5, 5, 3)) == ("/bin/sh", "-c", "a b")
    assert health_words(ContainerHealthCheck(("CMD", "a", "b"), 5, 5, 3)) == ("a", "b")


@pytest.fixture
def report(tmp_path: Path) -> RehearsalReport:
    plan, told = plan_of(tmp_path, SHOP)
    web, cache = plan.units["service/web"], plan.units["service/cache"]
    log = ("\x1b[31mnginx: bind() to 0.0.0.0:80 failed (13: Permission denied)\x1b[0m", "<&>")
    ends = (TaskEnd("exited", "web", "it ended with exit code 1", 1, log),) * 3
    bad = UnitResult(web, started=False, healthy=None, ends=ends)
    good = UnitResult(cache, started=True, healthy=None, settled=True)
    result = RehearsalResult(
        "shop", (good, bad), (LocalAddress("listener/8080", "http://localhost:8080/", 8080),), 12.0
    )
    return RehearsalReport(
        result, {unit.unit.id: tuple(find_problems(unit, plan, told)) for unit in result.units}
    )


def test_the_text_says_what_failed_and_what_mends_it(report: RehearsalReport) -> None:
    text = render_report(report, "text")
    assert "1 of 2 would fail on Fargate: web (12 s)" in text
    assert "fix: make it listen above 1024" in text
    assert "Permission denied" in text


def test_the_other_formats_can_be_read(report: RehearsalReport) -> None:
    document = json.loads(render_report(report, "json"))
    assert [one["ok"] for one in document["services"]] == [True, False]
    assert document["services"][1]["findings"][0]["code"] == "C2F552"
    suite = ET.fromstring(render_report(report, "junit"))  # noqa: S314 - our own
    assert suite.attrib["failures"] == "1"
    assert "<&>" in str(suite.findtext("testcase/failure"))
    assert "| web | service | restart loop |" in render_report(report, "markdown")


def test_the_second_deployment_of_what_talks_both_ways_knows_everything(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        """\
services:
  a: {image: x, expose: ["2000"], environment: {B: "http://b:1000"}}
  b: {image: x, expose: ["1000"], environment: {A: "http://a:2000"}}
""",
    )
    (again,) = plan.stack.again
    first = plan.units[again]
    second = first._replace(knows_all=True)
    assert [want.problem for want in probes.wanted_probes(plan, first)] == [probes.NOT_YET]
    assert [want.problem for want in probes.wanted_probes(plan, second)] == [""]
    assert {e.alias for e in visible_endpoints(plan, second)} == {"a", "b"}


@pytest.mark.parametrize(
    "ingress", ["{port: 6379, load_balancer: network}", "{port: 6379, load_balancer: application}"]
)
def test_a_load_balancer_of_either_kind_is_let_in(tmp_path: Path, ingress: str) -> None:
    plan, _ = plan_of(
        tmp_path, f"services: {{a: {{image: 'redis:7', x-fargate: {{ingress: [{ingress}]}}}}}}\n"
    )
    (unit,) = plan.units.values()
    assert any(EDGE in (opening.addresses or ()) for opening in openings(plan, unit))


def test_a_load_balancers_group_of_the_users_is_let_in(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        """\
x-fargate:
  load_balancer: arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/mine/0123456789abcdef
  load_balancer_security_group: sg-0123456789abcdef0
services: {a: {image: nginx, ports: ["80:80"]}}
""",
    )
    (unit,) = plan.units.values()
    assert any(EDGE in (opening.addresses or ()) for opening in openings(plan, unit))


def test_a_redirect_keeps_path_and_query(tmp_path: Path) -> None:
    plan, _ = plan_of(
        tmp_path,
        """\
x-fargate: {certificate: "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"}
services: {a: {image: nginx, ports: ["80:80"]}}
""",
    )
    lines = local_load_balancer.haproxy_configuration(plan, SUBNET).splitlines()
    (redirect,) = [line.strip() for line in lines if "redirect" in line]
    assert redirect == "http-request redirect location https://%[req.hdr(host),field(1,:)]%[pathq] code 301"
