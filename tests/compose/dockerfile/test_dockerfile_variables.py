"""Substitution in Dockerfile words, as https://docs.docker.com/reference/dockerfile/#environment-replacement."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.compose.dockerfile.dockerfile_variables import (
    MAX_EXPANSION,
    KeptText,
    SubstitutionError,
    VariableScope,
    expand_word,
)

VALUES = {
    "FOO": "foo",
    "EMPTY": "",
    "PATHS": "/a/b/c.tar.gz",
    "STARS": "x*y*z",
    "PAT": "f?",
    "MIXED": "Ab1_",
    "TARGETVARIANT": "v7",
}

EXPANSIONS = {
    "plain": "plain",
    "$FOO": "foo",
    "${FOO}bar": "foobar",
    "$FOO$FOO": "foofoo",
    "$FOO_": "",
    "$1FOO": "FOO",
    "a$": "a$",
    "$ FOO": "$ FOO",
    "$-$@": "",
    r"\$FOO": "$FOO",
    r"\\$FOO": r"\foo",
    r"a\ b": "a b",
    "a\\": "a",
    "'$FOO'": "$FOO",
    '"$FOO"': "foo",
    "'it'\"s\"": "its",
    r'"\$FOO \" \n \\"': '$FOO " \\n \\',
    '"a\'b"': "a'b",
    "'a\"b'": 'a"b',
    "${FOO:-x}": "foo",
    "${EMPTY:-x}": "x",
    "${EMPTY-x}": "",
    "${NONE-x}": "x",
    "${NONE:-${FOO}}": "foo",
    "${NONE:-${ALSO:-deep}}": "deep",
    "${NONE:-'a }'}": "a }",
    "${NONE:-a b}": "a b",
    r"${NONE:-\}}": "}",
    "${FOO:+y}": "y",
    "${EMPTY:+y}": "",
    "${EMPTY+y}": "y",
    "${NONE+y}": "",
    "${TARGETVARIANT:+-${TARGETVARIANT}}": "-v7",
    "${FOO:?needed}": "foo",
    "${EMPTY?needed}": "",
    "${PATHS#*/}": "a/b/c.tar.gz",
    "${PATHS##*/}": "c.tar.gz",
    "${PATHS%.*}": "/a/b/c.tar",
    "${PATHS%%.*}": "/a/b/c",
    "${PATHS#/a/?/}": "c.tar.gz",
    "${PATHS#nothing}": "/a/b/c.tar.gz",
    "${PATHS%/*/*}": "/a",
    "${FOO#$PAT}": "o",
    "${STARS#*\\*}": "y*z",
    "${STARS%\\**}": "x*y",
    "${STARS%%\\**}": "x",
    "${FOO#}": "foo",
    "${FOO%%}": "foo",
    "${NONE#x}": "",
    "${FOO/o/0}": "f0o",
    "${FOO//o/0}": "f00",
    "${FOO//?/-}": "---",
    "${FOO//o/}": "f",
    "${PATHS//\\//_}": "_a_b_c.tar.gz",
    "${PATHS/b*t/X}": "/a/Xar.gz",
    "${PATHS//a*a/X}": "/Xr.gz",
    "${PATHS/a*q/X}": "/a/b/c.tar.gz",
    "${FOO/#/x}": "foo",
    "a < b << c": "a < b << c",
    "${FOO:-a}/${FOO}": "foo/foo",
}

REFUSED = [
    "'open",
    '"open',
    "${FOO",
    "${FOO:-x",
    "${",
    "${}",
    "${:x}",
    "${{FOO}}",
    "${FOO=x}",
    "${FOO^^}",
    "${FOO:}",
    "${FOO:",
    "${#FOO}",
    "${NONE:?}",
    "${NONE?why not}",
    "${EMPTY:?why not}",
    "${FOO/o}",
    "${FOO//o",
    r"${FOO#\x}",
    "${FOO#\\",
]


@pytest.mark.parametrize(("word", "expected"), EXPANSIONS.items())
def test_a_word_becomes_what_docker_makes_of_it(word: str, expected: str) -> None:
    assert expand_word(word, VariableScope(VALUES)).text == expected


@pytest.mark.parametrize("word", REFUSED)
def test_a_word_that_docker_refuses_is_refused(word: str) -> None:
    with pytest.raises(SubstitutionError):
        expand_word(word, VariableScope(VALUES))


def test_the_text_of_a_required_variable_is_in_the_message() -> None:
    with pytest.raises(SubstitutionError, match="NONE: set it, foo"):
        expand_word("${NONE:?set it, $FOO}", VariableScope(VALUES))


def test_the_escape_character_can_be_a_backquote() -> None:
    assert expand_word("C:\\`$FOO\\$FOO", VariableScope(VALUES), escape="`").text == "C:\\$FOO\\foo"


def test_words_split_at_unquoted_blanks_and_inside_substituted_values() -> None:
    scope = VariableScope({"PORTS": " 80  443 "})
    assert expand_word("""a "b c" $PORTS 'd'e "$PORTS" """, scope).words == (
        "a",
        "b c",
        "80",
        "443",
        "de",
        " 80  443 ",
    )


def test_a_line_is_kept_as_it_is_for_the_search_for_heredocs() -> None:
    line = r"""cat <<  "E F" $UNSET ${UNSET:-x} a\ b"""
    words = expand_word(line, VariableScope({}), keep=KeptText(quotes=True, escapes=True, unset=True)).words
    assert words == ("cat", '<<  "E F"', "$UNSET", "${UNSET:-x}", r"a\ b")


@pytest.mark.parametrize("word", ["$HOME", "${HOME}", "${HOME#/}", "${HOME/a/b}", "${HOME:?}"])
def test_a_variable_that_the_base_image_may_set_is_named(word: str) -> None:
    assert expand_word(word, VariableScope({}, inheritable=lambda _: True)).unknown == {"HOME"}


def test_a_default_settles_a_variable_that_the_base_image_may_set() -> None:
    assert expand_word("${PORT:-80}", VariableScope({}, inheritable=lambda _: True)) == (
        "80",
        ("80",),
        frozenset(),
    )


def test_no_default_settles_a_variable_that_was_built_from_the_base_image() -> None:
    assert expand_word("${PATH:-/bin}", VariableScope({}, tainted={"PATH"})).unknown == {"PATH"}


def test_a_word_cannot_grow_without_limit() -> None:
    with pytest.raises(SubstitutionError, match="grows beyond"):
        expand_word("$A" * 100, VariableScope({"A": "x" * (MAX_EXPANSION // 10)}))
    with pytest.raises(SubstitutionError, match="grows beyond"):
        expand_word("${A//x/" + "y" * 1000 + "}", VariableScope({"A": "x" * 10_000}))


def test_nesting_is_limited() -> None:
    assert expand_word("${A:-" * 90 + "x" + "}" * 90, VariableScope({})).text == "x"
    with pytest.raises(SubstitutionError, match="nested"):
        expand_word("${A:-" * 20_000, VariableScope({}))


@pytest.mark.parametrize(
    "word", ["${A##" + "*a" * 500 + "b}", "${A%%b" + "a*" * 500 + "}", "${A//" + "*a" * 500 + "b/}"]
)
def test_patterns_take_linear_time(word: str) -> None:
    began = time.perf_counter()
    assert expand_word(word, VariableScope({"A": "a" * 50_000})).text == "a" * 50_000
    assert time.perf_counter() - began < 2


SHELL_TEXT = st.text(alphabet="$${{}}::--+?#%/\\\\'\"`<ab*? \t", max_size=60)


@given(SHELL_TEXT, st.sampled_from("\\`"), st.booleans())
def test_any_word_is_expanded_or_refused(word: str, escape: str, keep: bool) -> None:
    kept = KeptText(quotes=keep, escapes=keep, unset=keep)
    try:
        expansion = expand_word(word, VariableScope({"a": "b*", "b": ""}), escape=escape, keep=kept)
    except SubstitutionError:
        return
    assert "".join(expansion.words).replace(" ", "").replace("\t", "") == expansion.text.replace(
        " ", ""
    ).replace("\t", "")


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=12))
def test_trimming_agrees_with_regular_expressions(pattern: str, value: str) -> None:
    import re

    def translated(glob: str, star: str) -> str:
        return glob.replace("?", ".").replace("*", star)

    scope = VariableScope({"V": value})
    longest = re.match(translated(pattern, ".*"), value)
    shortest = re.match(translated(pattern, ".*?"), value)
    assert expand_word(f"${{V##{pattern}}}", scope).text == (value[longest.end() :] if longest else value)
    if not pattern.startswith("#"):
        assert expand_word(f"${{V#{pattern}}}", scope).text == (
            value[shortest.end() :] if shortest else value
        )
    backwards = re.match(translated(pattern[::-1], ".*"), value[::-1])
    assert expand_word(f"${{V%%{pattern}}}", scope).text == (
        value[::-1][backwards.end() :][::-1] if backwards else value
    )
