"""Resources are written as their plain values would be, without making those."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compose2fargate.aws.values import Ref, camel, pascal, to_api
from compose2fargate.emitters.json_api import api_text
from compose2fargate.json_text import json_text
from compose2fargate.sample_stack import sample_stack


def _resolve(ref: Ref) -> object:
    return ["one", "two"] if ref.attribute.endswith("_ids") else f"{ref.logical_id}.{ref.attribute}"


@pytest.mark.parametrize("spell", [camel, pascal])
def test_the_text_of_a_resource_is_that_of_its_plain_values(spell: Callable[[str], str]) -> None:
    resources = sample_stack().resources
    assert resources
    for resource in resources.values():
        assert api_text(resource, _resolve, spell) == json_text(to_api(resource, _resolve, spell))
