"""Where a finding points about a resource that no service has of its own."""

from __future__ import annotations

import pytest

from tests.mapping.conftest import Translate

LONG = "a" * 300
"""A name that is longer than the value of a tag may be."""


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("", ("name",)),
        ("x-fargate: {assign_public_ip: true}", ("x-fargate",)),
        ("x-fargate: {patch: {cluster: {}}}", ("x-fargate", "patch", "cluster")),
    ],
)
def test_what_all_services_share_is_found_where_it_is_said(
    said: str, place: tuple[str, ...], translated: Translate
) -> None:
    made = translated(f"{said}\nservices: {{web: {{image: nginx}}}}", environment=LONG)
    shared = [d.path for d in made.diagnostics if d.code == "C2F294" and d.message.startswith("cluster ")]
    assert shared == [place]
