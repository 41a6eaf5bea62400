"""Env files mean what they mean to Docker Compose, and are refused where it refuses them."""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.compose.sources.dotenv import EnvFile, parse_dotenv, parse_raw
from compose2fargate.diagnostics import LoadError, Location
from compose2fargate.diagnostics.codes import CODES

ENVIRONMENT = {"SHELL": "shell", "EMPTY": ""}


def values(text: str) -> dict[str, str]:
    return parse_dotenv(text, ".env", ENVIRONMENT.get).values


STATEMENTS: dict[str, dict[str, str]] = {
    "": {},
    "# nothing\n\n  # more\n": {},
    "A=1\nB=2": {"A": "1", "B": "2"},
    "A=1\r\nB='2'\r\nC=3 # c\r\n": {"A": "1", "B": "2", "C": "3"},
    "\ufeffA=1\n": {"A": "1"},
    " A = 1 2 \n": {"A": "1 2"},
    "A:1\nB: 2\n": {"A": "1", "B": "2"},
    "A=\nB=''\nC=\"\"\n": {"A": "", "B": "", "C": ""},
    "A=a=b:c\n": {"A": "a=b:c"},
    "A=x#c\nB=x #c\nC=#c\nD= #c\n": {"A": "x#c", "B": "x", "C": "#c", "D": "#c"},
    "A='x' # c\nB=\"x #\"#c\nC=1": {"A": "x", "B": "x #", "C": "1"},
    "A='x\n y'\nB=\"x\n\ny\"\nC=1\n": {"A": "x\n y", "B": "x\n\ny", "C": "1"},
    "A='it\\'s' \nB='\\n\\\\'\n": {"A": "it's", "B": "\\n\\\\"},
    'A="\\"q\\" \\n\\t\\\\ \\x41 \\$SHELL"\n': {"A": '"q" \n\t\\ \\x41 $SHELL'},
    'A="\\0101 \\0377 \\0400 \\01 \\0 \\c"\n': {"A": "A \u00ff \\400 \\1 \\ \\c"},
    "A=\\n\\$SHELL\n": {"A": "\\n\\shell"},
    "A=$SHELL/x\nB=${SHELL}\nC=\"$SHELL\"\nD='$SHELL'\n": {"A": "shell/x", "B": "shell", "C": "shell", "D": "$SHELL"},
    "A=1\nB=$A\nA=2\nC=$A\n": {"A": "2", "B": "1", "C": "2"},
    "SHELL=file\nB=$SHELL\n": {"SHELL": "file", "B": "shell"},
    "EMPTY=file\nB=[$EMPTY]\n": {"EMPTY": "file", "B": "[]"},
    "A=${NOPE:-d}\nB=${SHELL:+alt}\nC=$$x\n": {"A": "d", "B": "alt", "C": "$x"},
    "SHELL\nNOPE\nA=1\n": {"SHELL": "shell", "A": "1"},
    "A=1\nSHELL": {"A": "1", "": "SHELL"},
    "export A=1\nexport\tB=2\nexport SHELL\nexportC=3\n": {"A": "1", "B": "2", "SHELL": "shell", "exportC": "3"},
    "1A=1\nA-B=2\nA.B=3\nA[0]=4\né=5\n": {"1A": "1", "A-B": "2", "A.B": "3", "A[0]": "4", "é": "5"},
    "A='x'B='y'\n": {"A": "x", "B": "y"},
    'A=`x` {"y": 1}\n': {"A": '`x` {"y": 1}'},
    "A=\u00a01\u00a0\n\u2003B=2\u2003\n": {"A": "1", "B": "2"},
    "A\tB=1\n": {"A\tB": "1"},
}  # fmt: skip


@pytest.mark.parametrize("text", STATEMENTS)
def test_statements_give_these_values(text: str) -> None:
    assert values(text) == STATEMENTS[text]


REFUSED: dict[str, tuple[str, int, int]] = {
    "A=1\nA B=1\n": ("C2F125", 2, 1),
    "\n# c\nA@=1\n": ("C2F125", 3, 2),
    "this is not an env file\n": ("C2F125", 1, 1),
    "A='x\nB=1\n": ("C2F125", 1, 3),
    'A=1\nB="x\\"\n': ("C2F125", 2, 3),
    "A=1\nB=${\n": ("C2F121", 2, 3),
    "B=${A:?no}\n": ("C2F122", 1, 3),
    "A=1\nexport ": ("C2F125", 2, 8),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_dotenv(text, "a.env", ENVIRONMENT.get)
    (found,) = caught.value.diagnostics
    code, line, column = REFUSED[text]
    assert (found.code, found.location) == (code, Location("a.env", line, column))
    assert found.hint


def test_lines_say_where_values_were_set_last() -> None:
    parsed = parse_dotenv("A=1\n\n# c\nB='x\ny'\nA=2\nSHELL\nNOPE\n", "f", ENVIRONMENT.get)
    assert parsed.lines == {"A": 6, "B": 4, "SHELL": 7}


def test_missing_variables_are_reported_with_their_first_line() -> None:
    parsed = parse_dotenv('A=1\nB=$X$SHELL\nC="$Y\n$X"\nD=${Z:-}\n', "f", ENVIRONMENT.get)
    assert parsed.missing == {"X": 2, "Y": 3}


def test_what_earlier_files_set_is_known() -> None:
    parsed = parse_dotenv("A=$K\nK\nB=$SHELL\n", "f", ENVIRONMENT.get, {"K": "known", "SHELL": "hidden"})
    assert parsed.values == {"A": "known", "K": "known", "B": "shell"}


RAW: dict[str, dict[str, str]] = {
    "A=$X\nB=\"x\"\nC='x # y'\nD=a # b\n# c\nE= lead \n": {
        "A": "$X",
        "B": '"x"',
        "C": "'x # y'",
        "D": "a # b",
        "E": " lead ",
    },
    "  A=1\n\u00a0B=b=c\r\nC=\n": {"A": "1", "B": "b=c", "C": ""},
    "SHELL\nNOPE\n SHELL\r\n": {"SHELL": "shell"},
    "\ufeffA=1\n\n \nA=2\n": {"A": "2"},
    "A@\\=1\n1=2\n": {"A@\\": "1", "1": "2"},
}


@pytest.mark.parametrize("text", RAW)
def test_raw_files_expand_nothing(text: str) -> None:
    assert parse_raw(text, "f", ENVIRONMENT.get).values == RAW[text]


@pytest.mark.parametrize("line", ["A =1", "=1", "export A=1", "A\tB", "SHELL "])
def test_names_in_raw_files_have_no_spaces(line: str) -> None:
    with pytest.raises(LoadError) as caught:
        parse_raw(f"A=1\n  {line}\n", "f", ENVIRONMENT.get)
    (found,) = caught.value.diagnostics
    assert (found.code, found.location) == ("C2F125", Location("f", 2, 3))


def test_raw_lines_say_where_values_were_set() -> None:
    assert parse_raw("# c\nA=1\nNOPE\nSHELL\n", "f", ENVIRONMENT.get).lines == {"A": 2, "SHELL": 4}


def test_large_files_take_time_in_proportion() -> None:
    def seconds(lines: int) -> float:
        text = "A=$A\n#c\nB='x'\n" * lines
        started = time.process_time()
        parse_dotenv(text, "f", ENVIRONMENT.get)
        return time.process_time() - started

    seconds(100)
    assert seconds(16_000) < 16 * seconds(4_000)


def check_any_text(text: str) -> None:
    try:
        parsed = parse_dotenv(text, "f", ENVIRONMENT.get)
    except LoadError as error:
        (found,) = error.diagnostics
        place = found.location
        if found.code not in CODES or place is None or not 1 <= place.line <= text.count("\n") + 1:
            raise
        return
    assert isinstance(parsed, EnvFile)
    assert set(parsed.lines) == set(parsed.values)


@given(st.text(st.sampled_from("AB1=: \n\t'\"\\$#{}-?+x.@\r\u00a0") | st.characters(), max_size=80))
def test_any_text_is_parsed_or_refused_with_its_place(text: str) -> None:
    check_any_text(text)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]*", fullmatch=True), st.text(), max_size=5))
def test_single_quoted_values_come_back_as_they_are(expected: dict[str, str]) -> None:
    plain = {name: value.replace("\\", "/") for name, value in expected.items()}
    lines = [f"{name}='{value}'\n" for name, value in plain.items() if "'" not in value]
    assert values("".join(lines)) == {name: value for name, value in plain.items() if "'" not in value}


def test_mutated_files_are_parsed_or_refused_with_their_place() -> None:
    """Set FUZZ_SECONDS to go on for longer; a failure prints the text."""
    randomness = random.Random(os.environ.get("FUZZ_SEED", "dotenv"))  # noqa: S311 - not for secrets
    deadline = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "0"))
    seeds = [text for text in (*STATEMENTS, *REFUSED) if text]
    rounds = 0
    while rounds < 1000 or time.monotonic() < deadline:
        text = randomness.choice(seeds)
        for _ in range(randomness.randint(1, 6)):
            at = randomness.randrange(len(text) + 1)
            text = (
                text[:at]
                + randomness.choice(("'", '"', "\\", "\n", "$", "${", "#", "=", "", "\x00"))
                + text[at + 1 :]
            )
        try:
            check_any_text(text)
        except Exception:
            print(f"failing input: {text!r}")
            raise
        rounds += 1


def test_variables_that_double_each_other_are_refused_where_it_gets_too_much() -> None:
    doubling = "".join(f"V{n}=${{V{n - 1}}}${{V{n - 1}}}\n" for n in range(1, 64))
    with pytest.raises(LoadError) as refused:
        parse_dotenv(f"V0=0123456789\n{doubling}", ".env", ENVIRONMENT.get)
    [found] = refused.value.diagnostics
    assert found.code == "C2F103"
    assert found.location == Location(".env", 20, 5)
