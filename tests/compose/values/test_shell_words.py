from __future__ import annotations

import pytest

from compose2fargate.compose.values.shell_words import split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("a b\tc\nd", ["a", "b", "c", "d"]),
        ('a "b c" d', ["a", "b c", "d"]),
        ("a 'b \\c'", ["a", "b \\c"]),
        ('a\\ b "c\\d"', ["a b", "cd"]),
        ('a "" b', ["a", "", "b"]),
        ('a"b c"d', ["ab cd"]),
        ("echo $(date +%s) `id -u`", ["echo", "$(date +%s)", "`id -u`"]),
        ('`a "b c"` d', ["`a b c`", "d"]),
        ('"(a)"', ["(a)"]),
    ],
)
def test_words_are_split_as_docker_compose_splits_them(line: str, words: list[str]) -> None:
    assert split_words(line) == (words, "")


@pytest.mark.parametrize(
    ("line", "words", "rest"),
    [
        ("a; b", ["a"], "; b"),
        ("a && b", ["a"], "&& b"),
        ("a 2>f", ["a"], ">f"),
        ("a >f", ["a"], ">f"),
        ("a|b", ["a"], "|b"),
    ],
)
def test_an_operator_of_the_shell_ends_the_command(line: str, words: list[str], rest: str) -> None:
    assert split_words(line) == (words, rest)


@pytest.mark.parametrize("line", ["'a", '"a', "`a", "a\\", "(a)", "a)", "$(a (b))", "a `b'c` d"])
def test_what_is_not_closed_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        split_words(line)
