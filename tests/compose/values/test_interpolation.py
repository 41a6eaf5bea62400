"""Variables in strings and trees, with the casts that Docker Compose makes."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.compose.values.interpolation import MAX_NESTING, TemplateError, interpolate, substitute
from compose2fargate.compose.yaml.yaml_trees import parse_documents
from compose2fargate.diagnostics import Diagnostic, Location, Severity

ENVIRONMENT = {"A": "a", "E": "", "N": "3", "B": "true", "AB": "ab"}

TEMPLATES: dict[str, tuple[str, list[str]]] = {
    "plain": ("plain", []),
    "$A": ("a", []),
    "${A}": ("a", []),
    "$AB-$A.B$A/": ("ab-a.Ba/", []),
    "$$A $$$A $$$$": ("$A $a $$", []),
    "$ $1 $(x) $é a$": ("$ $1 $(x) $é a$", []),
    "$U": ("", ["U"]),
    "${U}$_U1": ("", ["U", "_U1"]),
    "$\u017f${\u212a}": ("", ["\u017f", "\u212a"]),
    "${U-x}${A-x}${E-x}": ("xa", []),
    "${U:-x}${A:-x}${E:-x}": ("xax", []),
    "[${U+x}${A+x}${E+x}]": ("[xx]", []),
    "[${U:+x}${A:+x}${E:+x}]": ("[x]", []),
    "${A?x}${A:?x}${E?x}": ("aa", []),
    "${U:-}${U-}": ("", []),
    "${U:-a b}${U:-:-x}${U-x:-y}${U:-x?y}${A+x-y}": ("a b:-xx:-yx?yx-y", []),
    "${U:-${A}}${U:-$A}${U:-${U:-${U:-z}}}": ("aaz", []),
    "${U:-${A}x}y}": ("axy}", []),
    "${A:-x}-${U:-y} z}": ("a-y z}", []),
    "${U:-{x}}${U:-{{x}}}": ("{x}{{x}}", []),
    "${U:-{}}": ("{}", []),
    "${U:-{}": ("{", []),
    "${U:-}}": ("}", []),
    "${U:-[}]}": ("[]}", []),
    '${U:-{"k":"v","n":{}}}': ('{"k":"v","n":{}}', []),
    "${U:-a{b}c}d}": ("a{b}cd}", []),
    "${U:-$$x}": ("$x", []),
    "${U:-$}": ("$", []),
    "${U:-x}\n}$A": ("x\n}a", []),
    "${A:-${U}}": ("a", []),
    "${A:-${A}": ("a", []),
    "${A:-${ }}": ("a", []),
    "${A-${U?}}": ("a", []),
    "${U+${U?}}": ("", []),
    "${E:+${U?}}": ("", []),
    "${A?${U?}}": ("a", []),
    "${A:?${}": ("a", []),
    "${U:-http://u:p@h:80/p?q=1&r=2#f}": ("http://u:p@h:80/p?q=1&r=2#f", []),
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_references_become_values(template: str) -> None:
    missing: list[str] = []
    assert (substitute(template, ENVIRONMENT.get, missing.append), missing) == TEMPLATES[template]


@pytest.mark.parametrize(
    "template",
    [
        "${",
        "${}",
        "${A",
        "${ A}",
        "${A }",
        "${A B}",
        "${A:}",
        "${A:x}",
        "${A!}",
        "${A/x/y}",
        "${1}",
        "${-x}",
        "${é}",
        "${U:-x\ny}",
        "a\n${A",
        "${U:-${}",
        "${U:-${A}",
        "$A ${U:-${ }}",
    ],
)
def test_other_references_are_refused(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        substitute(template, ENVIRONMENT.get)
    assert caught.value.code == "C2F121"
    assert "$$" in caught.value.hint


@pytest.mark.parametrize(
    "template", ["${U?}", "${U:?}", "${E:?}", "${U:-${U?}}", "${A:+${U:?}}", "${U:?${E?}}"]
)
def test_required_variables_are_required_where_they_are_used(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        substitute(template, ENVIRONMENT.get)
    assert caught.value.code == "C2F122"


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("${A:-${U?}}", "C2F122"),
        ("${E:+${U:?}}", "C2F122"),
        ("${A:-${A}", "C2F121"),
        ("${A:-${ }}", "C2F121"),
    ],
)
def test_before_operands_were_lazy_they_counted_where_they_are_not_used(template: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        substitute(template, ENVIRONMENT.get, lazy=False)
    assert caught.value.code == code
    missing: list[str] = []
    assert substitute("${A:-${U}}", ENVIRONMENT.get, missing.append, lazy=False) == "a"
    assert missing == ["U"]


def test_the_reason_for_a_required_variable_is_interpolated() -> None:
    with pytest.raises(TemplateError, match="variable U is not set: say a"):
        substitute("${U?say $A}", ENVIRONMENT.get)
    with pytest.raises(TemplateError, match="variable E is empty: m"):
        substitute("${E:?${U:-m}}", ENVIRONMENT.get)


def test_nesting_has_a_limit() -> None:
    assert substitute("${U:-" * MAX_NESTING + "x" + "}" * MAX_NESTING, ENVIRONMENT.get) == "x"
    with pytest.raises(TemplateError, match="nested"):
        substitute("${U:-" * 1000 + "x" + "}" * 1000, ENVIRONMENT.get)


@pytest.mark.parametrize("unit", ["${U:-x} ", "$U", "$$", "${A}\n"])
def test_long_strings_take_time_in_proportion(unit: str) -> None:
    def seconds(units: int) -> float:
        started = time.process_time()
        substitute(unit * units, ENVIRONMENT.get)
        return time.process_time() - started

    seconds(100)
    assert seconds(32_000) < 16 * seconds(8_000)


@given(st.text(st.sampled_from("${}AU:-+?!x \n") | st.characters(), max_size=60))
def test_any_string_is_interpolated_or_refused(template: str) -> None:
    try:
        value = substitute(template, ENVIRONMENT.get)
    except TemplateError as error:
        assert "$" in template
        if error.code not in {"C2F121", "C2F122"}:
            raise
    else:
        assert "$" in template or value == template


# ---------------------------------------------------------------------------------------------------------
# Trees
# ---------------------------------------------------------------------------------------------------------


def interpolated(text: str, **variables: str) -> tuple[dict[str, Any], list[Diagnostic]]:
    (document,) = parse_documents(text, "f")
    found: list[Diagnostic] = []
    tree = interpolate(document.tree, document.marks, {**ENVIRONMENT, **variables}.get, found)
    assert tree is document.tree
    return tree, found


def service(text: str, **variables: str) -> Any:
    tree, found = interpolated(f"services:\n  s:\n    {text}\n", **variables)
    assert [each for each in found if each.severity is Severity.ERROR] == []
    return tree["services"]["s"]


def test_values_are_interpolated_and_keys_are_not() -> None:
    tree, found = interpolated("x: {$A: $A, l: [$A, [$A, {k: '${A}b'}]], n: 1, d: 2020-01-01}\n")
    assert tree["x"] == {
        "$A": "a",
        "l": ["a", ["a", {"k": "ab"}]],
        "n": 1,
        "d": parse_documents("d: 2020-01-01", "")[0].tree["d"],
    }
    assert found == []


CASTS: dict[str, dict[str, Any]] = {
    "init: $B": {"init": True},
    "tty: 'FALSE'": {"tty": False},
    "scale: ${N}": {"scale": 3},
    "cpu_shares: '010'": {"cpu_shares": 10},
    "oom_score_adj: -$N": {"oom_score_adj": -3},
    "cpus: $N.5": {"cpus": 3.5},
    "cpus: '0.123456789'": {"cpus": 0.12345679},
    "cpus: '1_0.5e-1'": {"cpus": 1.05},
    "cpus: 0x1p-2": {"cpus": 0.25},
    "mem_limit: ${N}m": {"mem_limit": "3m"},
    "deploy: {replicas: $N, resources: {limits: {cpus: $N}}}": {
        "deploy": {"replicas": 3, "resources": {"limits": {"cpus": "3"}}}
    },
    "ports: [$N, {target: $N, published: $N}]": {"ports": ["3", {"target": 3, "published": "3"}]},
    "ulimits: {nproc: $N, nofile: {soft: $N, hard: '4'}}": {
        "ulimits": {"nproc": 3, "nofile": {"soft": 3, "hard": 4}}
    },
    "volumes: [{read_only: $B, volume: {nocopy: $B}}]": {
        "volumes": [{"read_only": True, "volume": {"nocopy": True}}]
    },
    "secrets: [{mode: '0440'}]": {"secrets": [{"mode": "0440"}]},
    "healthcheck: {retries: $N, interval: '${N}s'}": {"healthcheck": {"retries": 3, "interval": "3s"}},
    "environment: {init: $B, scale: $N}": {"environment": {"init": "true", "scale": "3"}},
    "x-a: {init: $B}": {"x-a": {"init": "true"}},
}


@pytest.mark.parametrize("text", CASTS)
def test_strings_become_what_their_key_takes(text: str) -> None:
    assert service(text) == CASTS[text]


def test_top_level_keys_are_cast() -> None:
    tree, _ = interpolated(
        "networks: {n: {external: $B, internal: 'no'}}\nvolumes: {v: {external: $B}}\nx-v: {external: $B}\n"
    )
    assert tree["networks"]["n"] == {"external": True, "internal": False}
    assert tree["volumes"]["v"] == {"external": True}
    assert tree["x-v"] == {"external": "true"}


REFUSED_CASTS = {
    "init: '1'": "boolean",
    "init: ''": "boolean",
    "scale: ''": "integer",
    "scale: 3s": "integer",
    "scale: '0x10'": "integer",
    "scale: ' 1'": "integer",
    "cpu_shares: '9223372036854775808'": "integer",
    "cpu_shares: '1_0'": "integer",
    "cpus: 1x": "number",
    "cpus: '1e50'": "number",
    "cpus: '1__0'": "number",
    "cpu_percent: '1e400'": "number",
}


@pytest.mark.parametrize("text", REFUSED_CASTS)
def test_what_cannot_be_cast_is_refused_with_its_place(text: str) -> None:
    tree, (found,) = interpolated(f"services:\n  s:\n    {text}\n")
    key = text.split(":", maxsplit=1)[0]
    assert (found.code, found.severity, found.path) == ("C2F123", Severity.ERROR, ("services", "s", key))
    assert found.location == Location("f", 3, 5)
    assert REFUSED_CASTS[text] in found.message
    assert tree["services"]["s"][key] == text.split(": ")[1].strip("'")


def test_what_a_variable_gave_is_shown() -> None:
    _, (found,) = interpolated("services: {s: {init: $A}}")
    assert "'$A' gives 'a'" in found.message


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("oN", True), ("n", False), ("Off", False)])
def test_boolean_words_of_yaml_1_1_are_read_with_a_warning(word: str, value: bool) -> None:
    tree, (found,) = interpolated("services: {s: {init: $W}}", W=word)
    assert tree["services"]["s"]["init"] is value
    assert (found.code, found.severity, found.hint) == (
        "C2F124",
        Severity.WARNING,
        f"write {str(value).lower()}",
    )


def test_a_missing_variable_is_warned_about_once_with_its_place() -> None:
    _, found = interpolated("a: $U\nb: ['$U $V', '${U}']\n")
    assert [(each.code, each.severity, each.path, each.location) for each in found] == [
        ("C2F120", Severity.WARNING, ("a",), Location("f", 1, 1)),
        ("C2F120", Severity.WARNING, ("b", 0), Location("f", 2, 5)),
    ]
    (document,) = parse_documents("c: $V\nd: $W\n", "g")
    interpolate(document.tree, document.marks, ENVIRONMENT.get, found)
    assert [each.message.split()[2] for each in found] == ["U", "V", "W"]


def test_all_errors_of_a_tree_are_reported_up_to_a_limit() -> None:
    tree, found = interpolated("a: ${\nb: [$A, '${ X}', '${U?}']\n")
    assert [each.code for each in found] == ["C2F121", "C2F121", "C2F122"]
    assert tree == {"a": "${", "b": ["a", "${ X}", "${U?}"]}
    _, found = interpolated("a:\n" + "- ${\n" * 1000)
    assert len(found) == 100


def test_nothing_changes_in_a_tree_without_variables() -> None:
    text = "services: {s: {image: i, command: [a, b], environment: {A: b}}}\nx: {y: ~}\n"
    (document,) = parse_documents(text, "f")
    expected = copy.deepcopy(document.tree)
    assert interpolated(text) == (expected, [])


def test_braces_nested_without_end_are_refused_at_once() -> None:
    begin = time.process_time()
    with pytest.raises(TemplateError, match="nested"):
        substitute("${A:-" * 50_000 + "x" + "}" * 50_000, ENVIRONMENT.get)
    assert time.process_time() - begin < 0.5


def test_a_string_that_variables_make_huge_is_refused() -> None:
    with pytest.raises(TemplateError, match="longer than 8388608") as refused:
        substitute("${L}" * 100, {"L": "x" * 100_000}.get)
    assert refused.value.code == "C2F103"


def test_strings_that_variables_make_huge_together_are_refused_with_a_place() -> None:
    [document] = parse_documents("\n".join(f"k{n}: $L" for n in range(10)), "compose.yaml")
    found: list[Diagnostic] = []
    interpolate(document.tree, document.marks, {"L": "x" * 7_000_000}.get, found)
    assert [(d.code, d.location and d.location.line) for d in found][:1] == [("C2F103", 5)]
