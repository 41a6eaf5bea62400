"""Words of JSON in a script."""

from __future__ import annotations

import json
import subprocess

import pytest

from compose2fargate.text.shell_text import ShellVariable, json_word

ID = ShellVariable("id")
LOOKALIKES = ["variable:", "variable:variable:", "variablevariable:", "x variable: y", "$id", '"$id"']


@pytest.mark.parametrize("text", LOOKALIKES)
def test_a_text_that_looks_like_what_stands_for_a_variable_stays_as_it_is(text: str) -> None:
    value = {text: [text, ID, (text,)], "b": ID}
    script = f"id=sg-1; printf %s {json_word(value)}"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == {text: [text, "sg-1", [text]], "b": "sg-1"}
