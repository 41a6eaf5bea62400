"""The canonical tree is printed as `docker compose config` prints it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.yaml.yaml_output import escape_dollars, to_json, to_yaml
from compose2fargate.compose.yaml.yaml_scalars import Timestamp
from compose2fargate.compose.yaml.yaml_trees import parse_documents
from compose2fargate.diagnostics import LoadError

STRINGS = {
    "a": "a",
    "": '""',
    "1": '"1"',
    "1e3": '"1e3"',
    "1_000": '"1_000"',
    "0o7": '"0o7"',
    "08": '"08"',
    "true": '"true"',
    "yes": '"yes"',
    "y": '"y"',
    "NO": '"NO"',
    "null": '"null"',
    "~": '"~"',
    ".inf": '".inf"',
    "2020-01-01": '"2020-01-01"',
    "1:30": '"1:30"',
    "22:2222": "22:2222",
    "<<": "<<",
    "+": "+",
    ".": ".",
    "=": "=",
    "\\": "\\",
    "a: b": "'a: b'",
    "a:": "'a:'",
    "a:b": "a:b",
    ":a": ":a",
    ": a": "': a'",
    "a #b": "'a #b'",
    "a#b": "a#b",
    "#a": "'#a'",
    " a": "' a'",
    "a ": "'a '",
    "a  b": "a  b",
    "-": "'-'",
    "- a": "'- a'",
    "-a": "-a",
    "?": "'?'",
    "?a": "?a",
    "--- a": "'--- a'",
    "...": "'...'",
    "it's": "it's",
    "'a": "'''a'",
    '"q"': "'\"q\"'",
    "%a": "'%a'",
    "@a": "'@a'",
    "`a": "'`a'",
    "*a": "'*a'",
    "&a": "'&a'",
    "!a": "'!a'",
    "[a": "'[a'",
    "a]": "a]",
    "a,b": "a,b",
    "é\u00a0\u3000": "é\u00a0\u3000",
    "😀": '"\\U0001F600"',
    "a\tb": '"a\\tb"',
    "a\x7f\x85": '"a\\x7F\\N"',
    "\x00\x07\x08\x0b\x0c\r\x1b\x01": '"\\0\\a\\b\\v\\f\\r\\e\\x01"',
    "http://h:80/p?q=1&r#f": "http://h:80/p?q=1&r#f",
    "a\nb": "|-\n  a\n  b",
    "a\nb\n": "|\n  a\n  b",
    "a\n\n": "|+\n  a\n",
    "a\n\nb\n b\t\nc": "|-\n  a\n\n  b\n   b\t\n  c",
    "\na": "|2-\n\n  a",
    " a\nb": "|2-\n   a\n  b",
    "\n": "|2+\n",
    "a \nb": '"a \\nb"',
    "a\n ": '"a\\n "',
    "a\r\nb": '"a\\r\\nb"',
}


STRINGS_OF_GO_YAML_4 = {
    "yes": "'yes'",
    "y": "'y'",
    "NO": "'NO'",
    "1:30": "'1:30'",
    "<<": "'<<'",
    "\n": '"\\n"',
    "\n \n": '"\\n \\n"',
    "\na": "|-\n\n  a",
    "\n  a\nb": "|2-\n\n    a\n  b",
}
"""Those that it quotes otherwise than go-yaml 3; the last one would lose its spaces as go-yaml 4 prints it."""


@pytest.mark.parametrize("text", STRINGS | STRINGS_OF_GO_YAML_4)
def test_strings_are_quoted_as_go_yaml_quotes_them(text: str) -> None:
    if text in STRINGS:
        assert to_yaml({"x-a": text}, dialect=DIALECTS["2.40"]) == f"x-a: {STRINGS[text]}\n"
    expected = STRINGS_OF_GO_YAML_4.get(text) or STRINGS[text]
    assert to_yaml({"x-a": text}) == f"x-a: {expected}\n"
    assert parse_documents(to_yaml({"x-a": text}), "f")[0].tree == {"x-a": text}


WORDS_ = " ".join(["word"] * 30)
FOLDED = {
    WORDS_: f"{' '.join(['word'] * 16)}\n  {' '.join(['word'] * 14)}",
    f"a: {WORDS_}": f"'a: {' '.join(['word'] * 15)}\n  {' '.join(['word'] * 15)}'",
    f"{WORDS_}\t'": f'"{" ".join(["word"] * 16)}\n  {" ".join(["word"] * 14)}\\t\'"',
    f"{'x' * 90}  {WORDS_[:9]}\t": f'"{"x" * 90}\n  \\ word word\\t"',
    f"{'x' * 90}  b": f"{'x' * 90}  b",
    f"{'é' * 74} b c": f"{'é' * 74} b\n  c",
    f"{'x' * 90} ": f"'{'x' * 90} '",
    f" {'x' * 90}": f"' {'x' * 90}'",
    "x" * 200: "x" * 200,
}
"""Long strings, and how go-yaml 4 breaks the lines: at the next space after column 80."""


@pytest.mark.parametrize("text", FOLDED)
def test_long_lines_are_broken_as_go_yaml_4_breaks_them(text: str) -> None:
    assert to_yaml({"x-a": text}) == f"x-a: {FOLDED[text]}\n"
    assert "\n" not in to_yaml({"x-a": text}, dialect=DIALECTS["2.40"])[:-1]
    for tree in ({"x-a": text}, {"x-a": [[text], {"b": [text]}]}, {"x-a": {text: text}}):
        assert parse_documents(to_yaml(tree), "f")[0].tree == tree


@given(st.text(st.sampled_from(" ab:#'\"\\\té-"), min_size=60, max_size=300))
def test_a_broken_line_says_the_same(text: str) -> None:
    assert parse_documents(to_yaml({"x-a": [text]}), "f")[0].tree == {"x-a": [text]}


SCALARS: dict[str, tuple[Any, str, str]] = {
    "null": (None, "null", "null"),
    "true": (True, "true", "true"),
    "integer": (12345678901234567890, "12345678901234567890", "12345678901234567890"),
    "whole": (3.0, "3", "3"),
    "fraction": (0.1, "0.1", "0.1"),
    "small": (0.0001, "0.0001", "0.0001"),
    "smaller": (0.00001, "1e-05", "0.00001"),
    "tiny": (1e-7, "1e-07", "1e-7"),
    "six digits": (123456.0, "123456", "123456"),
    "seven digits": (1234567.0, "1.234567e+06", "1234567"),
    "large": (1e20, "1e+20", "100000000000000000000"),
    "larger": (1.5e21, "1.5e+21", "1.5e+21"),
    "minus nothing": (-0.0, "-0", "-0"),
    "date": (Timestamp("2020-01-01T00:00:00Z"), "2020-01-01T00:00:00Z", '"2020-01-01T00:00:00Z"'),
    "nothing in it": ({}, "{}", "{}"),
    "no items": ([], "[]", "[]"),
}


@pytest.mark.parametrize("name", SCALARS)
def test_other_values_are_written_as_go_writes_them(name: str) -> None:
    value, as_yaml, as_json = SCALARS[name]
    assert to_yaml({"x-a": value}) == f"x-a: {as_yaml}\n"
    assert to_json({"x-a": value}) == f'{{\n  "x-a": {as_json}\n}}'


def test_numbers_that_json_cannot_say_are_refused() -> None:
    assert to_yaml({"x-a": [math.inf, -math.inf, math.nan]}) == "x-a:\n  - .inf\n  - -.inf\n  - .nan\n"
    for number in (math.inf, -math.inf, math.nan):
        with pytest.raises(LoadError) as caught:
            to_json({"x-a": number})
        assert caught.value.diagnostics[0].code == "C2F130"


def test_collections_are_indented_by_two() -> None:
    tree = {"x-a": {"b": [1, [2, []], {"c": "x\ny", "d": {"e": None}}], "f": {}}}
    assert to_yaml(tree) == (
        "x-a:\n  b:\n    - 1\n    - - 2\n      - []\n    - c: |-\n        x\n        y\n      d:\n        e: null\n  f: {}\n"
    )
    assert to_json(tree) == json.dumps(tree, indent=2)
    assert to_json(tree, dialect=DIALECTS["2.40"]) == json.dumps(tree, indent=2).replace("[]", "null")


def test_long_keys_and_keys_of_several_lines_stand_alone() -> None:
    assert to_yaml({"x-a": {"k" * 128: 1}}) == f"x-a:\n  {'k' * 128}: 1\n"
    assert to_yaml({"x-a": {"k" * 129: 1}}) == f"x-a:\n  ? {'k' * 129}\n  : 1\n"
    assert to_yaml({"x-a": {"é" * 65: [1, 2]}}) == f"x-a:\n  ? {'é' * 65}\n  : - 1\n    - 2\n"
    assert (
        to_yaml({"x-a": [{"m\nn": {"a": 1, "b": 2}}]})
        == "x-a:\n  - ? |-\n      m\n      n\n    : a: 1\n      b: 2\n"
    )
    assert to_yaml({"x-a": {"": 1, "yes": 2, "x: y": 3}}) == "x-a:\n  \"\": 1\n  'x: y': 3\n  'yes': 2\n"


NATURAL = (
    *(
        "_a",
        "1",
        "2",
        "10",
        "A",
        "a",
        "a-b",
        "a.b",
        "a_b",
        "a~",
        "a0",
        "a1",
        "a1b",
        "a1-",
        "a01",
        "a2",
        "a10",
    ),
    *("aB", "ab", "x", "x_", "x1y2", "x1y10", "xy", "z9", "z09", "é"),
)


def test_names_are_sorted_as_people_would_in_yaml_and_by_code_in_json() -> None:
    names = list(NATURAL)
    tree = {"x-a": dict.fromkeys(reversed(names), 1)}
    assert list(parse_documents(to_yaml(tree), "f")[0].tree["x-a"]) == names
    assert list(json.loads(to_json(tree))["x-a"]) == sorted(names)
    plain = ["A_B", "AB", "ABC", "A_C", "B"]
    environment = {"services": {"s": {"environment": dict.fromkeys(plain, "1")}}}
    printed = parse_documents(to_yaml(environment), "f")[0].tree["services"]["s"]["environment"]
    assert list(printed) == ["A_B", "A_C", "AB", "ABC", "B"]


def test_fixed_keys_stay_in_the_order_of_the_tree() -> None:
    port = {"mode": "ingress", "target": 80, "published": "80", "protocol": "tcp"}
    tree = {"services": {"s": {"profiles": ["p"], "image": "i", "ports": [port]}}}
    assert list(json.loads(to_json(tree))["services"]["s"]) == ["profiles", "image", "ports"]
    text = to_yaml(tree)
    assert text.index("mode") < text.index("target") < text.index("published") < text.index("protocol")


def test_the_top_level_has_an_order_of_its_own_in_each_format() -> None:
    tree: dict[str, Any] = dict.fromkeys(
        ("x-b", "configs", "volumes", "x-a", "networks", "services", "secrets", "name")
    )
    assert list(parse_documents(to_yaml(tree), "f")[0].tree) == [
        *("name", "services", "networks", "volumes", "secrets", "configs", "x-a", "x-b"),
    ]
    assert list(json.loads(to_json(tree))) == sorted(tree)


TREE: dict[str, Any] = {
    "name": "p",
    "services": {
        "s": {
            "blkio_config": {"weight_device": [{"path": "/d", "weight": 1}], "device_read_bps": [{"path": "/d", "rate": "1"}]},
            "command": None,
            "deploy": {"resources": {}, "placement": {}, "x-d": 1},
            "entrypoint": None,
            "labels": {"x-l": "1"},
            "ulimits": {"core": {"soft": 0, "hard": 0}, "nofile": {"soft": 0, "hard": 1}, "nproc": 5},
            "x-s": {"b": 1, "a": 2},
        },
        "x-service": {"command": [], "entrypoint": None, "image": "i"},
    },
    "networks": {"n": {"name": "p_n", "ipam": {}}},
    "models": {"m": {"model": "m"}},
    "x-top": {"b": 1, "a": {"x-n": 1}},
}  # fmt: skip


def test_yaml_leaves_out_what_only_json_shows() -> None:
    service = parse_documents(to_yaml(TREE), "f")[0].tree["services"]["s"]
    assert list(service) == ["blkio_config", "deploy", "labels", "ulimits", "x-s"]
    assert service["deploy"] == {"x-d": 1}
    assert service["ulimits"]["core"] == {"soft": 0, "hard": 0}
    assert list(service["x-s"]) == ["a", "b"]
    tree = parse_documents(to_yaml(TREE), "f")[0].tree
    assert tree["services"]["x-service"] == {"command": [], "image": "i"}
    assert (tree["networks"], tree["models"]) == ({"n": {"name": "p_n"}}, {"m": {"model": "m"}})


def test_json_leaves_out_what_only_yaml_shows() -> None:
    tree = json.loads(to_json(TREE))
    service = tree["services"]["s"]
    assert list(service) == ["blkio_config", "command", "deploy", "entrypoint", "labels", "ulimits"]
    assert service["deploy"] == {"resources": {}, "placement": {}}
    assert service["labels"] == {"x-l": "1"}
    assert service["ulimits"] == {"core": {}, "nofile": {"hard": 1}, "nproc": 5}
    assert service["blkio_config"] == {
        "weight_device": [{"Path": "/d", "Weight": 1}],
        "device_read_bps": [{"Path": "/d", "Rate": "1"}],
    }
    assert list(tree["services"]) == ["s", "x-service"]
    assert tree["networks"] == {"n": {"name": "p_n", "ipam": {}}}
    assert "models" not in tree
    assert tree["x-top"] == {"a": {"x-n": 1}, "b": 1}


def test_raw_trees_are_printed_whole_and_sorted() -> None:
    assert parse_documents(to_yaml(TREE, raw=True), "f")[0].tree == TREE
    assert json.loads(to_json(TREE, raw=True)) == TREE
    assert json.loads(to_json(TREE, raw=True, dialect=DIALECTS["2.40"])) == without_empty_lists(TREE)
    assert (
        to_yaml({"b": {"z": 1, "a10": 1, "a9": 2}, "a": 1}, raw=True)
        == "a: 1\nb:\n  a9: 2\n  a10: 1\n  z: 1\n"
    )
    assert list(json.loads(to_json({"b": {"z": 1, "a": 2}, "a": 1}, raw=True))["b"]) == ["a", "z"]


def test_json_is_safe_to_put_into_a_web_page() -> None:
    assert to_json({"x-a": "<a href='x'>&\u2028\u2029</a>\"\\\x01\x7fé"}) == (
        '{\n  "x-a": "\\u003ca href=\'x\'\\u003e\\u0026\\u2028\\u2029\\u003c/a\\u003e\\"\\\\\\u0001\x7fé"\n}'
    )


def test_dollars_are_doubled() -> None:
    assert escape_dollars("a: $A $$B\n") == "a: $$A $$$$B\n"


def test_an_empty_tree_is_an_empty_mapping() -> None:
    assert (to_yaml({}), to_json({})) == ("{}\n", "{}")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cn"]), max_size=30) | st.sampled_from(
    sorted(STRINGS)
)
UNREADABLE = re.compile(r"\s*\t.*\n", re.DOTALL)
"""Lines of which the first begins with a tab: go-yaml prints them as a block that it does not read itself, and so do we."""

NAMES = TEXT.filter(lambda name: name != "<<" and not UNREADABLE.match(name))
"""Go-yaml prints the key `<<` without quotes, and so do we: that does not read back."""

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT.filter(lambda text: not UNREADABLE.match(text)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def without_empty_lists(value: Any) -> Any:
    """Give `value` with null for empty lists, as older releases print them in JSON."""
    if isinstance(value, dict):
        return {key: without_empty_lists(item) for key, item in value.items()}
    return [without_empty_lists(item) for item in value] or None if isinstance(value, list) else value


def as_printed(value: Any) -> Any:
    """Give `value` with the floats that print like integers as integers."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e6:
        return int(value)
    if isinstance(value, dict):
        return {key: as_printed(item) for key, item in value.items()}
    return [as_printed(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=100)
@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_what_is_printed_as_yaml_reads_back_the_same(tree: dict[str, Any]) -> None:
    (document,) = parse_documents(to_yaml({"x-tree": tree}, raw=True), "f")
    assert document.tree == {"x-tree": as_printed(tree)}


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_what_is_printed_as_json_reads_back_the_same(tree: dict[str, Any]) -> None:
    printed = json.loads(to_json({"x-tree": tree}, raw=True), parse_int=float)
    assert printed == json.loads(json.dumps({"x-tree": tree}), parse_int=float)
