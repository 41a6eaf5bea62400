"""Resources are written as their plain values would be, without making those."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compose2fargate.aws.api_values import Ref, camel_case, pascal_case, to_api
from compose2fargate.emitters.json_files.json_api import api_text
from compose2fargate.sample_stack import sample_stack
from compose2fargate.text.json_text import json_text


def _resolve(ref: Ref) -> object:
    return ["one", "two"] if ref.attribute.endswith("_ids") else f"{ref.logical_id}.{ref.attribute}"


@pytest.mark.parametrize("spell", [camel_case, pascal_case])
def test_the_text_of_a_resource_is_that_of_its_plain_values(spell: Callable[[str], str]) -> None:
    resources = sample_stack().resources
    assert resources
    for resource in resources.values():
        assert api_text(resource, _resolve, spell) == json_text(to_api(resource, _resolve, spell))
