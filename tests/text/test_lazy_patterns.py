"""Expressions that wait to be compiled."""

from __future__ import annotations

import re

import pytest

from compose2fargate.text.lazy_patterns import lazy_pattern


def test_a_lazy_pattern_finds_what_a_compiled_one_finds() -> None:
    text = "a1\nB22"
    for flags in (0, re.IGNORECASE, re.IGNORECASE | re.MULTILINE):
        lazy, compiled = lazy_pattern(r"^[a-z](\d+)", flags), re.compile(r"^[a-z](\d+)", flags)
        assert [found[1] for found in lazy.finditer(text)] == [found[1] for found in compiled.finditer(text)]
        assert lazy.sub("x", text) == compiled.sub("x", text)
        assert lazy.split(text) == compiled.split(text)
        for method in ("search", "match", "fullmatch"):
            assert bool(getattr(lazy, method)("B2")) == bool(getattr(compiled, method)("B2"))


def test_a_lazy_pattern_is_compiled_at_its_first_search_only() -> None:
    wrong = lazy_pattern("(")
    with pytest.raises(re.error):
        wrong.search("x")
    right = lazy_pattern("x")
    assert right.search("x")
    assert right.search is right.search, "each search would look for the method again"


def test_what_no_pattern_has_is_missing() -> None:
    assert not hasattr(lazy_pattern("x"), "compile")
