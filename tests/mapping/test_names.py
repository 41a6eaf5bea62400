from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.aws.fargate import NAME, PORT_NAME
from compose2fargate.aws.resources import DiscoveryService, Repository, Role, SecurityGroup, TargetGroup
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.names import (
    distinct_names,
    dns_name,
    ecs_name,
    file_names,
    port_name,
    repository_part,
    unique_ecs_names,
)
from tests.mapping.conftest import Translate

SERVICE = st.from_regex(r"[a-zA-Z0-9._-]{1,400}", fullmatch=True)
PROJECT = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,300}", fullmatch=True)


@given(project=PROJECT, services=st.sets(SERVICE, max_size=8))
def test_names_are_legal_and_apart(project: str, services: set[str]) -> None:
    names = unique_ecs_names(services)
    families = {ecs_name(f"{project}-{name}") for name in names.values()}
    assert len(families) == len(set(names.values())) == len(services)
    assert all(NAME.fullmatch(name) for name in (*names.values(), *families))


@given(services=st.sets(SERVICE, min_size=1, max_size=8), more=SERVICE)
def test_a_name_does_not_depend_on_what_else_is_there(services: set[str], more: str) -> None:
    names, with_more = unique_ecs_names(services), unique_ecs_names({*services, more})
    assert all(with_more[service] == name for service, name in names.items())


def test_a_legal_name_is_kept_and_an_illegal_one_stays_apart_from_it() -> None:
    names = unique_ecs_names(["web", "a.b", "a-b", "a_b"])
    assert (names["web"], names["a-b"], names["a_b"]) == ("web", "a-b", "a_b")
    assert re.fullmatch(r"a-b-[0-9a-f]{8}", names["a.b"])


def test_a_service_named_like_our_hash_keeps_its_name() -> None:
    ours = ecs_name("a.b")
    names = unique_ecs_names(["a.b", ours])
    assert names[ours] == ours
    assert names["a.b"] != ours


@given(services=st.sets(SERVICE, max_size=8))
def test_file_names_differ_even_where_case_does_not_count(services: set[str]) -> None:
    files = file_names(unique_ecs_names(services))
    assert len({name.lower() for name in files.values()}) == len(services)
    assert all(NAME.fullmatch(name) for name in files.values())


@given(SERVICE)
def test_port_and_dns_names_are_legal(service: str) -> None:
    assert PORT_NAME.fullmatch(port_name(service))
    assert re.fullmatch(r"[a-z0-9_.][a-z0-9_.-]{0,126}", dns_name(service))


@given(services=st.sets(SERVICE, max_size=8))
def test_names_stay_apart_where_case_does_not_count(services: set[str]) -> None:
    shown = distinct_names(services, 64)
    assert len({name.lower() for name in shown.values()}) == len(services)
    assert all(shown[name] == name for name in services if name == name.lower())


@given(SERVICE)
def test_a_repository_of_ecr_takes_any_name(service: str) -> None:
    part = repository_part(service)
    assert re.fullmatch(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*", part)
    assert part == service.lower() or part.endswith(repository_part(service)[-8:])


CASES = """
services:
  Web: {build: {dockerfile_inline: FROM scratch}, networks: [Back], x-fargate: {ingress: [{port: 80, host: a, protocol: http}]}}
  web: {build: {dockerfile_inline: FROM scratch}, networks: [back]}
networks: {Back: {}, back: {}}
"""


def test_services_and_networks_that_differ_in_case_share_no_name(translated: Translate) -> None:
    stack = translated(CASES).translation.stack
    for kind, field in ((Role, "role_name"), (SecurityGroup, "group_name"), (Repository, "repository_name")):
        found = [str(getattr(made, field)).lower() for _, made in stack.of_type(kind)]
        assert len(found) == len(set(found)) > 1
    assert dict(stack.of_type(Role))["task-role/web"].role_name == "shop-web-task"
    assert re.fullmatch("shop-Web-task-[0-9a-f]{8}", dict(stack.of_type(Role))["task-role/Web"].role_name)
    assert re.fullmatch(
        "shop/web-[0-9a-f]{8}", dict(stack.of_type(Repository))["repository/Web"].repository_name
    )


def test_target_groups_of_both_have_names_of_their_own(translated: Translate) -> None:
    opened = "x-fargate: {ingress: [{port: 80, host: %s}]}"
    made = translated(
        f"services:\n  Web: {{image: a, {opened % 'a'}}}\n  web: {{image: a, {opened % 'b'}}}",
        allow=("C2F226",),
    )
    found = [group.name.lower() for _, group in made.translation.stack.of_type(TargetGroup)]
    assert len(found) == len(set(found)) == 2


def test_one_name_in_service_connect_is_refused_where_it_is(translated: Translate) -> None:
    made = translated("services:\n  Db: {image: a, expose: ['1']}\n  db: {image: b, expose: ['2']}\n")
    (found,) = [d for d in made.diagnostics if d.code == "C2F226"]
    assert (found.severity, found.location and found.location.line) == (Severity.ERROR, 3)
    assert "Db and db" in found.message


def test_one_name_in_private_dns_is_refused_too(translated: Translate) -> None:
    made = translated("services: {Db: {image: a, expose: ['1/udp']}, db: {image: b, expose: ['2/udp']}}")
    assert len(list(made.translation.stack.of_type(DiscoveryService))) == 2
    assert [d.path for d in made.diagnostics if d.code == "C2F226"] == [("services", "db")]
