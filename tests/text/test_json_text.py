"""The writer gives, to the byte, what the standard library gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.text.json_text import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_any_value_is_written_as_the_standard_library_writes_it(value: Any) -> None:
    assert json_text(value) == json.dumps(value, indent=2, ensure_ascii=False)


@pytest.mark.parametrize("value", [[], {}, (), "", 'é\u2028\x00"\\', [[], {}], {"a": []}, True, 0, -1, 1e300])
def test_edges(value: Any) -> None:
    assert json_text({"a": [value]}) == json.dumps({"a": [value]}, indent=2, ensure_ascii=False)
