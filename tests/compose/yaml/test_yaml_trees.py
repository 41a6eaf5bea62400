"""YAML text becomes the trees that Docker Compose sees, with marks; what it refuses is refused with its place."""

from __future__ import annotations

import math
import os
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.yaml.yaml_nodes import MAX_DEPTH, MAX_FILE_BYTES
from compose2fargate.compose.yaml.yaml_scalars import Timestamp
from compose2fargate.compose.yaml.yaml_trees import Marks, YamlDocument, locate, parse_documents
from compose2fargate.diagnostics import Diagnostic, LoadError, Location
from compose2fargate.diagnostics.codes import CODES


def tree(text: str, version: str = "5.5") -> dict[str, Any]:
    (document,) = parse_documents(text, "compose.yaml", DIALECTS[version])
    return document.tree


def refusal(text: str, version: str = "5.5") -> Diagnostic:
    """Give the first thing that is wrong with `text`."""
    with pytest.raises(LoadError) as caught:
        parse_documents(text, "compose.yaml", DIALECTS[version])
    return caught.value.diagnostics[0]


def place(found: Diagnostic) -> tuple[int, int]:
    assert found.location is not None
    assert found.location.file == "compose.yaml"
    return found.location.line, found.location.column


# ---------------------------------------------------------------------------------------------------------
# Scalars
# ---------------------------------------------------------------------------------------------------------

SCALARS: dict[str, Any] = {
    "22:22": "22:22",
    "1:30": "1:30",
    "0755": 493,
    "0o755": 493,
    "0O17": 15,
    "-0755": -493,
    "0x1F": 31,
    "0X1f": 31,
    "+0x10": 16,
    "0b101": 5,
    "-0b11": -3,
    "0b-1": -1,
    "0o-7": -7,
    "08": 8.0,
    "09.5": 9.5,
    "0o8": "0o8",
    "0b2": "0b2",
    "0x": "0x",
    "1_000": 1000,
    "1__0": 10,
    "_1": "_1",
    "1_0.5": 10.5,
    "._5": "._5",
    "1e3": 1000.0,
    "1.50": 1.5,
    ".5": 0.5,
    "5.": 5.0,
    "+.5": 0.5,
    "1e": "1e",
    ".e3": ".e3",
    "1e400": "1e400",
    "1e-400": 0.0,
    "-": "-",
    "+": "+",
    "-a": "-a",
    "18446744073709551615": 2**64 - 1,
    "+18446744073709551615": float(2**64 - 1),
    "-9223372036854775808": -(2**63),
    "-9223372036854775809": float(-(2**63) - 1),
    "18446744073709551616": float(2**64),
    "0x1ffffffffffffffff": "0x1ffffffffffffffff",
    "0777777777777777777777777": 7.777777777777778e23,
    "yes": "yes",
    "no": "no",
    "on": "on",
    "y": "y",
    "true": True,
    "True": True,
    "TRUE": True,
    "tRUE": "tRUE",
    "FALSE": False,
    "~": None,
    "null": None,
    "NULL": None,
    "nULL": "nULL",
    "<<": "<<",
    "'12'": "12",
    '"true"': "true",
    "!!str 12": "12",
    "!!str": "",
    '!!int "7"': 7,
    "!!float 3": 3.0,
    "!!bool TRUE": True,
    '!!null ""': None,
    "!!binary aGk=": "hi",
    "!custom 12": "12",
    "!custom true": "true",
    "! 12": 12,
    "!!set {a: }": {"a": None},
    "2020-01-01": Timestamp("2020-01-01T00:00:00Z"),
    "2020-1-1": Timestamp("2020-01-01T00:00:00Z"),
    "2020-01-01 10:00:00.50": Timestamp("2020-01-01T10:00:00.5Z"),
    "2020-01-01T1:2:3+01:00": Timestamp("2020-01-01T01:02:03+01:00"),
    "2020-01-01t10:00:00-00:00": Timestamp("2020-01-01T10:00:00Z"),
    "2020-01-01T10:00:00": "2020-01-01T10:00:00",
    "2020-13-01": "2020-13-01",
    "2021-02-29": "2021-02-29",
    "2020-02-29": Timestamp("2020-02-29T00:00:00Z"),
    '"2020-01-01"': "2020-01-01",
}


@pytest.mark.parametrize("text", SCALARS)
def test_a_scalar_means_what_it_means_to_docker_compose(text: str) -> None:
    value = tree(f"x: {text}\n")["x"] if text != "-" else tree("x: [-]")["x"][0]
    assert (value, type(value)) == (SCALARS[text], type(SCALARS[text]))


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "{a: [1, .inf]}"])
def test_what_json_cannot_say_is_refused(text: str) -> None:
    found = refusal(f"a: b\nx: {text}\n")
    assert (found.code, place(found)[0]) == ("C2F130", 2)


def test_in_2_40_numbers_may_be_infinite_or_none() -> None:
    values = tree("x: [.inf, -.INF, .nan]", "2.40")["x"]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])


@pytest.mark.parametrize(
    "text",
    ["!!int x", "!!int 7.0", "!!float x", "!!bool yes", "!!null x", "!!timestamp x", "!!int", "!!binary a"],
)
def test_a_value_that_does_not_fit_its_tag_is_refused(text: str) -> None:
    found = refusal(f"a: b\nx: {text}\n")
    assert (found.code, place(found)) == ("C2F109", (2, 4))


def test_block_scalars_and_escapes_are_read() -> None:
    text = "a: |+\n  x\n\nb: >-\n  x\n  y\n\n  z\nc: \"\\x41\\u00e9\\n\\\"\\e\"\nd: 'it''s'\n"
    assert tree(text) == {"a": "x\n\n", "b": "x y\nz", "c": 'Aé\n"\x1b', "d": "it's"}


# ---------------------------------------------------------------------------------------------------------
# Where go-yaml and libyaml differ
# ---------------------------------------------------------------------------------------------------------


def test_an_escaped_apostrophe_is_an_apostrophe() -> None:
    assert tree('a: "it\\\'s"\nb: "\\\\\\\'"\n') == {"a": "it's", "b": "\\'"}


def test_an_escaped_slash_is_refused_outside_of_single_quotes() -> None:
    assert tree("a: '\\/'\nb: \\/\nc: \"\\\\/\"\n") == {"a": "\\/", "b": "\\/", "c": "\\/"}
    found = refusal('a: 1\nb: [c, "x\\/y"]\n')
    assert (found.code, place(found)) == ("C2F104", (2, 10))


def test_a_colon_before_a_bracket_ends_a_key() -> None:
    text = "a: [b:, 'c', it's:]\nd: {e:}\n"
    assert tree(text) == {"a": [{"b": None}, "c", {"it's": None}], "d": {"e": None}}
    assert tree(text, "2.40") == {"a": ["b:", "c", "it's:"], "d": {"e:": None}}


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("x: [::1, a::b]", ["::1", "a::b"]),
        ("x: [a, :80 ]", ["a", ":80"]),
        ("x: [:a b # c\n]", [":a b"]),
        ("x: [ :it's]", [":it's"]),
    ],
)
def test_an_item_may_begin_with_a_colon(text: str, items: list[str]) -> None:
    assert tree(text) == {"x": items}
    assert refusal(text, "2.40").code == "C2F104"


@pytest.mark.parametrize("text", ["x: {a: :80}", "x: [a: :b]"])
def test_a_colon_that_begins_no_item_is_refused(text: str) -> None:
    assert refusal(text).code == "C2F104"


@pytest.mark.parametrize("text", ["x: [a, b?c]", "x: {a: b?c}", "x: [http://h/?q]", "x: {a: [-?]}"])
def test_in_2_40_a_question_mark_between_brackets_ends_the_value(text: str) -> None:
    assert tree(text)
    assert refusal(text, "2.40").code == "C2F104"


@pytest.mark.parametrize("text", ["x: [a ? b]", "x: [a? , b]"])
def test_a_question_mark_before_a_blank_between_brackets_ends_the_value(text: str) -> None:
    assert refusal(text).code == refusal(text, "2.40").code == "C2F104"


def test_a_question_mark_elsewhere_is_fine() -> None:
    assert tree("a: b?c\nd: ['e?f', ?g]\nh: \"${X?}\"\n") == {
        "a": "b?c",
        "d": ["e?f", {"g": None}],
        "h": "${X?}",
    }


def test_anchors_may_be_defined_again_and_used_in_later_documents() -> None:
    assert tree("a: &x 1\nb: *x\nc: &x {k: 2}\nd: *x\n") == {"a": 1, "b": 1, "c": {"k": 2}, "d": {"k": 2}}
    documents = parse_documents("a: &x {k: 1}\n---\nb: *x\n", "f")
    assert [document.tree for document in documents] == [{"a": {"k": 1}}, {"b": {"k": 1}}]


@pytest.mark.parametrize("version", ["1.2", "1.0", "2.0"])
def test_other_versions_of_yaml_are_refused(version: str) -> None:
    assert refusal(f"%YAML {version}\n---\na: 1\n").code == "C2F104"


def test_a_directive_for_yaml_1_1_and_text_that_looks_like_one_are_fine() -> None:
    assert tree("%YAML 1.1\n---\na: 1\n") == {"a": 1}
    assert tree('a: "\n  %YAML 1.2"\nb: |\n  %YAML 1.2\n') == {"a": " %YAML 1.2", "b": "%YAML 1.2\n"}


# ---------------------------------------------------------------------------------------------------------
# Collections
# ---------------------------------------------------------------------------------------------------------


def test_byte_order_mark_line_endings_and_json_are_fine() -> None:
    assert tree("\ufeffa: 1\r\nb:\r\n  - |\r\n    x\r\n") == {"a": 1, "b": ["x\n"]}
    assert tree('{\n\t"a": {\n\t\t"b": [1, "\\u00e9"]}}\n') == {"a": {"b": [1, "é"]}}


def test_text_without_content_has_no_document() -> None:
    assert (
        parse_documents("", "f")
        == parse_documents("# nothing\n\n", "f")
        == parse_documents("\ufeff", "f")
        == []
    )


@pytest.mark.parametrize("text", ["- a\n", "hello\n", "~\n", "---\n", "a: 1\n---\n- b\n", "!reset\na: 1\n"])
def test_a_document_is_a_mapping(text: str) -> None:
    assert refusal(text).code == "C2F108"


def test_documents_are_separate() -> None:
    assert [d.tree for d in parse_documents("a: 1\n---\nb: 2\n...\n---\nc: 3\n", "f")] == [
        {"a": 1},
        {"b": 2},
        {"c": 3},
    ]


def test_duplicate_keys_are_all_refused_with_both_lines() -> None:
    with pytest.raises(LoadError) as caught:
        parse_documents("a: 1\n'a': 2\nb: {c: 1, c: 2}\n", "f")
    first, second = caught.value.diagnostics
    assert (first.code, second.code) == ("C2F105", "C2F105")
    assert "line 1" in first.message
    assert (first.location, second.location) == (Location("f", 2, 1), Location("f", 3, 11))


@pytest.mark.parametrize(
    "key", ["1", "1.5", "true", "TRUE", "~", "0x1", "2020-01-01", "!!int '1'", "[a]", "{a: b}"]
)
def test_keys_are_strings(key: str) -> None:
    found = refusal(f"a:\n  {key} : 1\n")
    assert (found.code, place(found)[0]) == ("C2F106", 2)
    assert found.hint


def test_keys_that_only_look_like_something_else_are_strings() -> None:
    assert set(tree("{'1': a, yes: b, on: c, !!str 2: d, !x 3: e, 22:22: f}")) == {
        "1",
        "yes",
        "on",
        "2",
        "3",
        "22:22",
    }


def test_merge_keys_fill_in_what_is_missing_in_their_order() -> None:
    anchors = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: &c {<<: *b, z: 3}\nl: &l [*a]\n"
    document = tree(
        anchors + "one: {<<: *a, x: 0}\ntwo: {<<: [*b, *a]}\nthree: {w: 9, <<: [*a, *c]}\nfour: {<<: *l}\n"
    )
    assert document["one"] == {"x": 0, "y": 1}
    assert document["two"] == {"x": 1, "y": 2, "z": 2}
    assert document["three"] == {"w": 9, "x": 1, "y": 1, "z": 3}
    assert document["four"] == {"x": 1, "y": 1}


def test_a_quoted_merge_key_is_a_string() -> None:
    assert tree('a: {"<<": {b: 1}}') == {"a": {"<<": {"b": 1}}}


@pytest.mark.parametrize("value", ["x", "~", "", "[x]", "[~]", "[[{a: 1}]]"])
def test_a_merge_key_takes_mappings(value: str) -> None:
    assert refusal(f"a:\n  <<: {value}\n").code == "C2F107"


@pytest.mark.parametrize("text", ["a:\n  <<: *x\n  <<: *x\n", "a:\n  <<: *x\n  '<<': 1\n"])
def test_two_merge_keys_are_refused(text: str) -> None:
    found = refusal("x: &x {k: 1}\n" + text)
    assert (found.code, place(found)[0]) in [("C2F105", 4), ("C2F105", 3)]


def test_each_alias_is_a_copy_of_its_own() -> None:
    document = tree("a: &a {l: [1]}\nb: *a\nc: {<<: *a}\n")
    document["b"]["l"].append(2)
    document["c"]["l"].append(3)
    assert document == {"a": {"l": [1]}, "b": {"l": [1, 2]}, "c": {"l": [1, 3]}}


@pytest.mark.parametrize(
    "text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "a: &a {k: 1, <<: *a}", "--- &a\nb: *a"]
)
def test_an_anchor_inside_of_itself_is_refused(text: str) -> None:
    assert refusal(text).code == "C2F104"


# ---------------------------------------------------------------------------------------------------------
# !reset and !override
# ---------------------------------------------------------------------------------------------------------


def resets(text: str, version: str = "5.5") -> set[tuple[str | int, ...]]:
    (document,) = parse_documents(text, "f", DIALECTS[version])
    return set(document.resets)


def test_what_is_reset_leaves_the_tree_and_what_is_overridden_stays() -> None:
    text = "s:\n  w: {p: !reset [1], o: !override [2], k: v}\n  gone: !reset\n"
    assert tree(text) == {"s": {"w": {"o": [2], "k": "v"}}}
    assert resets(text) == {("s", "w", "p"), ("s", "w", "o"), ("s", "gone")}


def test_an_overriding_scalar_is_a_string() -> None:
    assert tree("a: !override 12\nb: !override\nc: !override true\n") == {"a": "12", "b": "", "c": "true"}


def test_tags_inside_of_an_override_are_not_followed() -> None:
    text = "a: !override {b: !reset 1, c: [!override 2]}\n"
    assert tree(text) == {"a": {"b": "1", "c": ["2"]}}
    assert resets(text) == {("a",)}


def test_the_merge_key_is_left_out_of_paths() -> None:
    assert resets("a:\n  <<: {b: !override 1}\n") == {("a", "b")}
    assert resets("a:\n  <<: !override {b: 1}\n") == {("a",)}


def test_items_of_lists_are_paths_that_match_nothing() -> None:
    text = "l: [a, !reset b, {k: !override c}]\n"
    assert tree(text) == {"l": ["a", {"k": "c"}]}
    assert resets(text) == {("l", "1"), ("l", "2", "k")}


def test_what_is_reset_or_overridden_in_an_anchor_is_so_at_each_alias() -> None:
    text = "x: &x {p: !reset [], o: !override 1}\na: *x\nb: {<<: *x}\n"
    assert tree(text) == {"x": {"o": "1"}, "a": {"o": "1"}, "b": {"o": "1"}}
    everywhere = {("x", "o"), ("a", "o"), ("b", "o")}
    assert resets(text) == {("x", "p"), ("a", "p"), ("b", "p"), *everywhere}
    assert resets(text, "2.40") == {("x", "p"), *everywhere}


def test_an_anchored_reset_resets_wherever_it_is_used() -> None:
    text = "x: &x !reset []\na: {p: *x}\n"
    assert tree(text) == {"a": {}}
    assert resets(text) == {("x",), ("a", "p")}


def test_duplicates_are_found_although_one_of_them_is_reset() -> None:
    assert refusal("a: {p: !reset 1, p: 2}").code == "C2F105"


def test_what_is_reset_is_not_looked_into() -> None:
    assert tree("a: !reset {1: 2, b: 1, b: 2, c: !!int x}\nd: 1\n") == {"d": 1}


# ---------------------------------------------------------------------------------------------------------
# Marks
# ---------------------------------------------------------------------------------------------------------


def test_marks_point_at_keys_and_at_the_start_of_items() -> None:
    text = "é: 1\nservices:\n  web:\n    ports:\n      - '80:80'\n      -   [x]\n"
    (document,) = parse_documents(text, "dir/f.yaml")
    places = {
        ("é",): (1, 1),
        ("services",): (2, 1),
        ("services", "web", "ports"): (4, 5),
        ("services", "web", "ports", 0): (5, 9),
        ("services", "web", "ports", 1, 0): (6, 12),
    }
    assert {path: locate(document.marks, path) for path in places} == {
        path: Location("dir/f.yaml", *at) for path, at in places.items()
    }


def test_locate_falls_back_to_the_nearest_parent() -> None:
    (document,) = parse_documents("a:\n  b: '80:80'\n", "f")
    assert locate(document.marks, ("a", "b", "published")) == Location("f", 2, 3)
    assert locate(document.marks, ("a", "c", "d")) == Location("f", 1, 1)
    assert locate(document.marks, ("z",)) is None
    assert locate(document.marks, ()) is None


def test_merged_keys_are_marked_where_they_were_written() -> None:
    (document,) = parse_documents("x: &x\n  k: 1\na:\n  <<: *x\n  j: 2\n", "f")
    assert locate(document.marks, ("a", "k")) == Location("f", 2, 3)
    assert locate(document.marks, ("a", "j")) == Location("f", 5, 3)


def test_columns_count_characters_after_the_byte_order_mark() -> None:
    (document,) = parse_documents("\ufeff{é: 1, b: 2}", "f")
    assert locate(document.marks, ("b",)) == Location("f", 1, 8)


# ---------------------------------------------------------------------------------------------------------
# Messages
# ---------------------------------------------------------------------------------------------------------

SYNTAX = {
    "a:\n\tb: 1\n": ((2, 1), "tab"),
    "a: b: c\n": ((1, 5), "`: `"),
    "a: 1\nb: 'x\nc: 2\n": ((2, 4), "never closed"),
    "a: @x\n": ((1, 4), "@"),
    "a: `x`\n": ((1, 4), "`"),
    "a: *x\n": ((1, 4), "x"),
    "a: *.log\n": ((1, 5), "aliases"),
    "a: [b, c\nd: e\n": ((2, 2), "opens on line 1"),
    "a: {b: c\n\nd: e\n": ((3, 2), "opens on line 1"),
    'a: "\\q"\n': ((1, 5), "escape"),
    "a:\n   b: 1\n  c: 2\n": ((3, 3), "key was expected"),
    "a: \x01\n": ((1, 4), "U+0001"),
    "é: 😀 \x1b\n": ((1, 6), "U+001B"),
    "a: 1\nb\nc: 1\n": ((2, 1), "neither"),
    "a:b\nc: 1\n": ((2, 2), "cannot stand here"),
    "a:\n  web\n    image: x\n": ((3, 10), "cannot stand here"),
    "a: !e!x 1\n": ((1, 4), "prefix"),
}


@pytest.mark.parametrize("text", SYNTAX)
def test_syntax_errors_say_where_what_and_how_to_go_on(text: str) -> None:
    found = refusal(text)
    at, said = SYNTAX[text]
    assert found.code == "C2F104"
    assert place(found) == at
    assert said in found.message
    assert found.hint


def test_a_delete_character_is_refused_before_go_yaml_4() -> None:
    found = refusal("é: 😀 \x7f\n", "2.40")
    assert (found.code, place(found)) == ("C2F104", (1, 6))
    assert "U+007F" in found.message


# ---------------------------------------------------------------------------------------------------------
# Limits
# ---------------------------------------------------------------------------------------------------------


def test_nesting_is_allowed_up_to_the_limit() -> None:
    depth = MAX_DEPTH - 1
    assert tree("a: " + "[" * depth + "]" * depth)
    assert refusal("a: " + "[" * (depth + 1) + "]" * (depth + 1)).code == "C2F103"


@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{a: ", "&a ["])
def test_endless_nesting_ends_in_an_error(opening: str) -> None:
    assert refusal("x:\n  " + opening * 100_000).code in {"C2F103", "C2F104"}


def test_aliases_cannot_nest_without_end() -> None:
    chain = "k0: &k0 [1]\n" + "".join(f"k{n}: &k{n} [*k{n - 1}]\n" for n in range(1, 500))
    assert refusal(chain).code == "C2F103"
    hidden = "r: !reset\n" + "".join(f"  {line}\n" for line in chain.splitlines())
    assert refusal(hidden + "x: *k499\n").code == "C2F103"


@pytest.mark.parametrize("leaf", ["{k: v}", "!override {k: v}", "[1]"])
def test_an_alias_bomb_is_refused_at_once(leaf: str) -> None:
    bomb = f"a: &a {leaf}\n" + "".join(
        f"{name}: &{name} {{{', '.join(f'k{n}: *{before}' for n in range(9))}}}\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.process_time()
    found = refusal(bomb)
    assert time.process_time() - started < 1
    assert (found.code, found.hint != "") == ("C2F103", True)


def test_many_aliases_of_a_real_project_are_fine() -> None:
    services = "".join(f"  s{n}: {{<<: *common, image: i{n}}}\n" for n in range(2000))
    common = "x: &common {restart: always, logging: {driver: json-file, options: {max-size: 10m}}}\n"
    assert len(tree(common + "services:\n" + services)["services"]) == 2000


def test_a_text_that_is_too_large_is_refused() -> None:
    assert refusal("a: " + "x" * MAX_FILE_BYTES).code == "C2F103"


def test_errors_beyond_count_are_not_collected_without_end() -> None:
    with pytest.raises(LoadError) as caught:
        parse_documents("a: 1\n" * 10_000, "f")
    assert len(caught.value.diagnostics) == 100


# ---------------------------------------------------------------------------------------------------------
# Properties
# ---------------------------------------------------------------------------------------------------------

YAML_TEXT = st.text(
    st.sampled_from("ab01 :-?,[]{}#&*!|>'\"%@`\n\t\\.~=<_/+\r\ufeff\u2028é😀") | st.characters(), max_size=200
)


def check_document(marks: Marks, value: Any) -> None:
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    assert set(marks) == set(keys)
    for key in keys:
        file, line, column, inside = marks[key]
        assert (file, line >= 1, column >= 1) == ("f", True, True)
        if isinstance(value[key], (dict, list)):
            assert inside is not None
            check_document(inside, value[key])
        else:
            assert inside is None


def check_any_text(text: str) -> None:
    """Parse: either marks of the same shape as the tree come out, or errors with places and known codes."""
    findings: tuple[Diagnostic, ...] = ()
    documents: list[YamlDocument] = []
    try:
        documents = parse_documents(text, "f")
    except LoadError as error:
        findings = error.diagnostics
        if not findings:
            raise
    for found in findings:
        assert found.code in CODES
        assert found.location is not None
        assert found.location.file == "f"
    for document in documents:
        check_document(document.marks, document.tree)


@given(YAML_TEXT)
def test_any_text_is_parsed_or_refused_with_places(text: str) -> None:
    check_any_text(text)


@given(st.text(st.characters(codec=None), max_size=50))
def test_text_with_lone_surrogates_is_refused_with_places(text: str) -> None:
    check_any_text("a: " + text)


SEEDS = (
    b"services:\n  web: {image: i, ports: ['80:80', \"1:1\"], command: |-\n    a\n}\n",
    b"x: &x {k: 1, l: [a, b]}\ny: {<<: [*x, *x], z: !reset 1}\n---\n? a\n: !override b\n",
    b'{"a": [1, 0x1, 1e3, 2020-01-01, ~, .inf], "b\\n": "\\u00e9"}\n',
    b"a: >-\n  x\n\n  y\n# c\nb: &b !!str 1\nc: *b\n%YAML 1.1\n",
)
PIECES = (
    *b"[ ] { } : - ' \" ? # | &a *a <<: !reset !override !!int %YAML --- \\ \xff \xe9 \0 |-".split(),
    *(b"\n", b"\t", b"  ", b": ", b"- ", b"*a "),
)


def mutated(randomness: random.Random) -> bytes:
    text = bytearray(randomness.choice(SEEDS))
    for _ in range(randomness.randint(1, 8)):
        at = randomness.randrange(len(text) + 1)
        kind = randomness.random()
        if kind < 0.5:
            text[at:at] = randomness.choice(PIECES)
        elif kind < 0.8:
            del text[at : at + randomness.randint(1, 6)]
        else:
            text[at : at + 1] = bytes([randomness.randrange(256)])
    return bytes(text)


def test_mutated_files_are_parsed_or_refused_with_places() -> None:
    """Set FUZZ_SECONDS to go on for longer; a failure prints the bytes."""
    randomness = random.Random(os.environ.get("FUZZ_SEED", "compose"))  # noqa: S311 - not for secrets
    deadline = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "0"))
    rounds = 0
    while rounds < 1500 or time.monotonic() < deadline:
        data = mutated(randomness)
        try:
            check_any_text(data.decode("utf-8", "replace" if rounds % 2 else "surrogateescape"))
        except Exception:
            print(f"failing input: {data!r}")
            raise
        rounds += 1


REGRESSIONS = (
    "x: [a:?b]",
    "- - &a\n? *a",
    "{? : }",
    "a: &a\nb: *a\n<<: *a",
    '"\\',
    "%",
    "%YAML",
    "%YAML 1.1",
    "---\n%YAML 1.1\n---",
    "a: !<!reset> b",
    "%TAG !r! !res\n---\na: !r!et 1\nb: 2",
    "? [a, b]\n: c",
    "a: !!binary /w==",
    "\r\u2028\x85a: 1",
)


@pytest.mark.parametrize("text", REGRESSIONS)
def test_inputs_that_were_hard_once(text: str) -> None:
    check_any_text(text)


@settings(max_examples=30)
@given(st.integers(-(2**70), 2**70))
def test_integers_survive_up_to_64_bits(number: int) -> None:
    value = tree(f"x: {number}")["x"]
    assert value == (number if -(2**63) <= number < 2**64 else float(number))
