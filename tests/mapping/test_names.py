from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.aws.fargate import NAME, PORT_NAME
from compose2fargate.mapping.names import dns_name, ecs_name, file_names, port_name, unique

SERVICE = st.from_regex(r"[a-zA-Z0-9._-]{1,400}", fullmatch=True)
PROJECT = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,300}", fullmatch=True)


@given(project=PROJECT, services=st.sets(SERVICE, max_size=8))
def test_names_are_legal_and_apart(project: str, services: set[str]) -> None:
    names = unique(services)
    families = {ecs_name(f"{project}-{name}") for name in names.values()}
    assert len(families) == len(set(names.values())) == len(services)
    assert all(NAME.fullmatch(name) for name in (*names.values(), *families))


@given(services=st.sets(SERVICE, min_size=1, max_size=8), more=SERVICE)
def test_a_name_does_not_depend_on_what_else_is_there(services: set[str], more: str) -> None:
    names, with_more = unique(services), unique({*services, more})
    assert all(with_more[service] == name for service, name in names.items())


def test_a_legal_name_is_kept_and_an_illegal_one_stays_apart_from_it() -> None:
    names = unique(["web", "a.b", "a-b", "a_b"])
    assert (names["web"], names["a-b"], names["a_b"]) == ("web", "a-b", "a_b")
    assert re.fullmatch(r"a-b-[0-9a-f]{8}", names["a.b"])


def test_a_service_named_like_our_hash_keeps_its_name() -> None:
    ours = ecs_name("a.b")
    names = unique(["a.b", ours])
    assert names[ours] == ours
    assert names["a.b"] != ours


@given(services=st.sets(SERVICE, max_size=8))
def test_file_names_differ_even_where_case_does_not_count(services: set[str]) -> None:
    files = file_names(unique(services))
    assert len({name.lower() for name in files.values()}) == len(services)
    assert all(NAME.fullmatch(name) for name in files.values())


@given(SERVICE)
def test_port_and_dns_names_are_legal(service: str) -> None:
    assert PORT_NAME.fullmatch(port_name(service))
    assert re.fullmatch(r"[a-z0-9_.][a-z0-9_.-]{0,126}", dns_name(service))
