from __future__ import annotations

from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import DiscoveryService, DnsNamespace, EcsService
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, definition


def registered(made: Any) -> list[str]:
    return [service.name for _, service in made.translation.stack.of_type(DiscoveryService)]


def has_helper(made: Any, name: str) -> bool:
    return any(c.name == f"{name}-names" for c in definition(made, name).container_definitions)


JOB = "job: {image: j, x-fargate: {job: true}}"


def test_without_jobs_or_udp_nobody_needs_dns(translated: Translate) -> None:
    made = translated("services: {db: {image: postgres}, web: {image: nginx, depends_on: [db]}}")
    assert not list(made.translation.stack.of_type(DnsNamespace))
    assert registered(made) == []


def test_a_job_finds_the_services_of_its_networks_and_those_it_depends_on(translated: Translate) -> None:
    made = translated(
        "services:\n"
        "  db: {image: postgres, networks: [back]}\n"
        "  cache: {image: redis, networks: [other]}\n"
        "  mail: {image: a, expose: ['25'], networks: [third]}\n"
        "  worker: {image: w, networks: [back]}\n"
        "  job: {image: j, x-fargate: {job: true}, networks: [back], depends_on: [cache]}\n"
        "networks: {back: {}, other: {}, third: {}}"
    )
    assert registered(made) == ["cache", "db"]
    assert has_helper(made, "job")
    [(_, namespace)] = made.translation.stack.of_type(DnsNamespace)
    assert (namespace.name, namespace.vpc) == ("shop.internal", Ref("network", "vpc_id"))
    db = made.translation.stack.resources["service/db"]
    assert isinstance(db, EcsService)
    assert [r.registry_arn for r in db.service_registries] == [Ref("discovery-service/db", "arn")]


def test_a_service_that_waits_for_a_job_is_not_looked_for_by_it(translated: Translate) -> None:
    made = translated(
        "services: {job: {image: j, command: x}, web: {image: w, expose: ['80'],"
        " depends_on: {job: {condition: service_completed_successfully}}}, front: {image: f, expose: ['81'], depends_on: [web]}}"
    )
    assert registered(made) == []
    assert not has_helper(made, "job")


def test_every_container_of_the_job_waits_for_the_search_domain(translated: Translate) -> None:
    made = translated(
        f"services: {{db: {{image: postgres}}, {JOB}, side: {{image: s, network_mode: 'service:job'}}}}"
    )
    containers = definition(made, "job").container_definitions
    [helper] = [c for c in containers if c.name == "job-names"]
    assert not helper.essential
    assert "search shop.internal" in helper.command[0]
    for other in containers:
        if other is not helper:
            assert ("job-names", "SUCCESS") in other.depends_on


def test_the_image_is_named_and_can_be_chosen_or_left_out(translated: Translate) -> None:
    text = f"services: {{db: {{image: postgres}}, {JOB}}}"
    [said] = [d for d in translated(text, init_image="mirror/busybox:1").diagnostics if d.code == "C2F297"]
    assert "mirror/busybox:1" in said.message
    assert said.severity is Severity.INFO
    made = translated(text, job_names="none")
    assert not has_helper(made, "job")
    assert registered(made) == ["db"]
    assert "C2F297" not in codes(made)


def test_udp_and_dnsrr_are_registered_and_found_by_who_depends_on_them(translated: Translate) -> None:
    made = translated(
        "services: {statsd: {image: s, expose: ['8125/udp']}, peers: {image: p, expose: ['7000'], deploy: {endpoint_mode: dnsrr}},"
        " web: {image: w, depends_on: [statsd]}, app: {image: a, links: [peers]}, else: {image: e}}"
    )
    assert registered(made) == ["peers", "statsd"]
    assert [has_helper(made, name) for name in ("web", "app", "else", "statsd")] == [True, True, False, False]


def test_a_service_can_ask_for_a_name_or_for_none(translated: Translate) -> None:
    made = translated(
        f"services: {{a: {{image: x, x-fargate: {{dns: true}}}}, db: {{image: postgres, x-fargate: {{dns: false}}}}, {JOB}}}"
    )
    assert registered(made) == ["a"]


def test_jobs_are_never_registered(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: x, expose: ['1'], x-fargate: {job: true}}, b: {image: x, x-fargate: {job: true}}}"
    )
    assert registered(made) == []
