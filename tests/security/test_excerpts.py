"""The line that is shown below a finding: whatever stands on it, nothing of a credential is shown, and every name is."""

from __future__ import annotations

import base64
import random
import time
from pathlib import Path

import pytest

from compose2fargate.credentials import MASK, hidden_values, mask_lines
from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.diagnostics.text_report import render_text
from tests.conftest import Program

SECRET = "t0p-s3cret!x"


def shown(text: str, line: int, column: int) -> str:
    found = Diagnostic("C2F104", Severity.ERROR, "m", location=Location("compose.yaml", line, column))
    return render_text([found], lambda _: text)


@pytest.mark.parametrize(
    "text",
    [
        f'services: {{db: {{environment: {{POSTGRES_PASSWORD: {SECRET}}}, command: "run {SECRET}", privileged: true}}}}',
        f'services: {{db: {{environment: {{POSTGRES_PASSWORD: "{SECRET}"}}, command: [run, {SECRET}], privileged: true}}}}',
        f"services: {{db: {{command: 'run --x={SECRET}', environment: ['POSTGRES_PASSWORD={SECRET}'], privileged: true}}}}",
        f"services: {{db: {{labels: {{x: {SECRET}}},environment: {{URL: 'redis://:{SECRET}@x', API_TOKEN: {SECRET}}}, privileged: true}}}}",
    ],
)
def test_a_password_of_one_variable_is_hidden_wherever_else_it_stands(text: str) -> None:
    said = shown(text, 1, text.index("privileged") + 1)
    assert SECRET not in said
    assert "privileged" in said
    other = shown(f"{text}\nx: [{SECRET}, a]\n", 2, 4)
    assert SECRET not in other
    assert MASK in other


def test_the_caret_stays_at_what_is_meant() -> None:
    text = f"a: {{DB_PASSWORD: {SECRET}, privileged: true}}"
    _, line, caret, *_ = shown(text, 1, text.index("privileged") + 1).split("\n")[1:]
    assert line[caret.index("^") :].startswith("privileged")


def test_a_name_is_no_password_even_if_one_is_the_same() -> None:
    said = shown(
        "services:\n  my-service-1: {image: [}\n  b: {environment: {PASSWORD: my-service-1}}\n", 2, 3
    )
    assert "my-service-1:" in said


def test_a_password_is_hidden_to_its_end_however_long_it_is() -> None:
    """A line that is cut in the middle of a value has lost the name that says what it is."""
    at = random.Random(1)  # noqa: S311 - the same on every machine
    key = "\\n".join(base64.b64encode(at.randbytes(48)).decode() for _ in range(60))
    for value in (f"-----BEGIN PRIVATE KEY-----\\n{key}", "/".join(f"pw{n:04}x" for n in range(300))):
        text = f'services: {{db: {{environment: {{MY_PRIVATE_KEY: "{value}"}}, privileged: true}}}}'
        said = shown(text, 1, text.index("privileged") + 1)
        assert not any(value[start : start + 12] in said for start in range(30, len(value) - 12, 5))


def test_a_line_of_which_nobody_wrote_the_end_is_not_shown() -> None:
    text = f"a: [{'x, ' * 20_000}PASSWORD, {SECRET}]"
    assert shown(text, 1, len(text) - 3).count("\n") == shown("", 1, 1).count("\n")


def test_quotes_of_a_credential_may_end_some_lines_below() -> None:
    text = f"environment: {{DB_PASSWORD: \"{SECRET}\n   and {SECRET}\n   more\", PORT: '80', TOKEN: '{SECRET}\n {SECRET}', X: 1}}"
    masked = "\n".join(mask_lines(text.split("\n")))
    assert SECRET not in masked
    assert "more" not in masked
    for kept in ("DB_PASSWORD", "PORT: '80'", "TOKEN", "X: 1"):
        assert kept in masked


def test_looking_for_credentials_takes_time_that_grows_with_the_file() -> None:
    text = "".join(f"  s{n}:\n    environment: {{A_PASSWORD: pw-{n:06}}}\n" for n in range(5_000))
    started = time.process_time()
    assert len(hidden_values(text)) == 5_000
    hidden_values("password" * 20_000)
    hidden_values("password: {" * 20_000)
    assert time.process_time() - started < 4


def test_convert_hides_it(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"services: {{db: {{image: a, environment: {{DB_PASSWORD: {SECRET}}}, command: 'x {SECRET}', devices: [a]}}}}\n"
    )
    done = program("convert", cwd=tmp_path)
    assert SECRET not in done.err + done.out
    assert MASK in done.err
