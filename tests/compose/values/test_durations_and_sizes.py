from __future__ import annotations

import math

import pytest

from compose2fargate.compose.values.durations_and_sizes import (
    float32,
    parse_bytes,
    parse_duration,
    parse_integer,
    parse_single,
    write_duration,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0", "0s"),
        ("90s", "1m30s"),
        ("1m30s", "1m30s"),
        ("1.5h", "1h30m0s"),
        ("1h", "1h0m0s"),
        ("500ms", "500ms"),
        ("1500ms", "1.5s"),
        ("15us", "15µs"),
        ("15µs", "15µs"),
        ("7ns", "7ns"),
        ("2500000ns", "2.5ms"),
        ("1d", "24h0m0s"),
        ("1w2d", "216h0m0s"),
        (".5s", "500ms"),
        ("1.s", "1s"),
        ("-1m", "-1m0s"),
        ("+1s", "1s"),
        ("1.0000000001s", "1s"),
        ("1h0.000000001s", "1h0m0.000000001s"),
    ],
)
def test_durations_are_written_as_go_writes_them(text: str, written: str) -> None:
    assert write_duration(parse_duration(text)) == written


@pytest.mark.parametrize(
    "text", ["", "30", "s", "1S", "1h 3m", "-", "1e3s", "1x", "300y", "9999999999h", "ms1"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1b", 1),
        ("1k", 1024),
        ("1KiB", 1024),
        ("1.5gb", 1610612736),
        ("1 g", 2**30),
        ("1t", 2**40),
        ("1p", 2**50),
        ("1e3k", 1024000),
        (".5m", 524288),
        ("1024.7", 1024),
        ("1 ", 1),
    ],
)
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "1q", "1mi", "1bb", "1.2.3", "inf", "0x10", " 1", "99999999p"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.1, 0.1),
        (1.0, 1),
        (0.123456789, 0.12345679),
        (0.3333333333, 0.33333334),
        (16777217.0, 16777216.0),
        (123456789.0, 123456790.0),
        (3.4e38, 3.4e38),
        (3.4028235e38, 3.4028235e38),
        (1e39, math.inf),
        (-1e39, -math.inf),
        (1e-45, 1e-45),
        (1e-46, 0),
    ],
)
def test_numbers_have_single_precision(value: float, rounded: float) -> None:
    assert repr(float32(value)) == repr(rounded)


@pytest.mark.parametrize("text", ["1e39", "-1e39", "1e400", "0x1p2000", " 1", "1 ", "", "1,5", "٤"])
def test_numbers_that_go_would_not_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|number"):
        parse_single(text)


def test_numbers_are_read_as_go_reads_them() -> None:
    assert [parse_single(text) for text in ("1_0", "0x1p3", "+.5", "5.", "-inf")] == [
        10,
        8,
        0.5,
        5,
        -math.inf,
    ]
    assert [parse_integer(text, 8) for text in ("440", "-7", "+01")] == [0o440, -7, 1]
    for text in ("8", "0o7", "4_4", "7" * 30):
        with pytest.raises(ValueError, match=r"range|number|invalid"):
            parse_integer(text, 8)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1, "1ns"),
        (999, "999ns"),
        (1_000, "1µs"),
        (999_999, "999.999µs"),
        (1_000_000, "1ms"),
        (1_000_000_000, "1s"),
    ],
)
def test_the_largest_unit_that_fits_is_written(nanoseconds: int, text: str) -> None:
    assert write_duration(nanoseconds) == text


def test_the_longest_duration_is_that_of_go() -> None:
    assert parse_duration("9223372036854775807ns") == 2**63 - 1
    with pytest.raises(ValueError, match="9223372036854775808"):
        parse_duration("9223372036854775808ns")
