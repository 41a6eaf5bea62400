"""Terraform's language: what is written is formatted, and every text arrives as it was."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compose2fargate.emitters.terraform.hcl import (
    BREAK,
    HclAttribute,
    HclBlock,
    HclCall,
    HclComment,
    HclExpression,
    block_text,
    quoted_text,
    template_text,
    value_text,
)
from compose2fargate.sample_stack import AWKWARD
from tests.emitters.conftest import Terraform

PIECES = ["${", "%{", "$${", "$", "%", "{", "}", '"', "\\", "\n", "\r\n", "\t", "<<EOT", "EOT\n", "\\n", "\\u0041", "~}",
          "\x00", "\x01", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\u200b", "é", "日本", "\U0001f600", "\U0010fffd",
          "'", "`", "#", "//", "/*", "a", " ", "\ue000", "\ufffd"]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
).map(lambda text: unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ("${x}", '"$${x}"'),
        ("$${x}", '"$$${x}"'),
        ("%{if}", '"%%{if}"'),
        ("100% of $5", '"100% of $5"'),
        ('say "hi" \\', '"say \\"hi\\" \\\\"'),
        ("a\nb\r\tc\x00", '"a\\nb\\r\\tc\\u0000"'),
        ("line\u2028separator", '"line\\u2028separator"'),
        ("é 日本", '"é 日本"'),
    ],
)
def test_a_text_is_quoted_so_that_nothing_in_it_is_an_expression(text: str, written: str) -> None:
    assert quoted_text(text) == written


def test_expressions_in_a_text_stay_expressions_and_the_rest_does_not() -> None:
    assert template_text(["${a}", HclExpression("b.c"), ':"']).text == '"$${a}${b.c}:\\""'


def test_values_of_every_kind() -> None:
    value: dict[str, object] = {
        "a": None,
        "b": True,
        "c": 1,
        "d": 0.5,
        "e": [],
        "f": {},
        "g": ["x", 2],
        "h": HclExpression("var.h"),
    }
    lines = [
        "{",
        "  a = null",
        "  b = true",
        "  c = 1",
        "  d = 0.5",
        "  e = []",
        "  f = {}",
        '  g = ["x", 2]',
        "  h = var.h",
        "}",
    ]
    assert value_text(value) == "\n".join(lines)


@pytest.mark.parametrize("key", ["for", "if", "null", "true", "a b", "1a", "a.b", "日本", ""])
def test_a_key_that_is_no_plain_name_is_quoted(key: str) -> None:
    assert value_text({key: 1}).splitlines()[1].startswith('  "')


def test_blocks_are_laid_out_as_terraform_fmt_leaves_them(tmp_path: Path) -> None:
    terraform = shutil.which("terraform")
    if not terraform:
        pytest.skip("terraform is not installed")
    import subprocess

    text = block_text(everything()) + "\n"
    done = subprocess.run([terraform, "fmt", "-no-color", "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


def everything() -> HclBlock:
    nested = HclBlock(
        "nested", (), (HclAttribute("a", 1), HclAttribute("longer", 2), HclBlock("inner", ("label",), ()))
    )
    objects = [{"name": "x", "longer": [1, 2]}, {"é é": 1, "日本": {"a": 1}, "z": 2, "zz": AWKWARD}]
    return HclBlock(
        "resource",
        ("type", "name"),
        (
            HclAttribute("for_each", HclCall("toset", (["a"],))),
            BREAK,
            HclAttribute("x", 1),
            HclAttribute("longer", AWKWARD),
            HclAttribute("document", HclCall("jsonencode", (objects,))),
            HclAttribute("y", [f"item-{number}" for number in range(30)]),
            HclAttribute("yy", [{"one": 1}]),
            HclComment("What comes now"),
            HclComment("has a comment."),
            nested,
            nested,
            HclComment("Nobody else."),
            HclAttribute("last", HclExpression("var.last")),
            HclAttribute("zz", HclCall("merge", (HclExpression("local.tags"), {"a": "b", "ccc": "d"}))),
        ),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=10, max_size=80))
@pytest.mark.slow
def test_texts_arrive_as_they_were(texts: list[str], terraform: Terraform, tmp_path: Path) -> None:
    block = HclBlock(
        "output",
        ("texts",),
        (HclAttribute("value", HclCall("jsonencode", ({"texts": texts, "keys": dict.fromkeys(texts, 1)},))),),
    )
    (tmp_path / "main.tf").write_bytes((block_text(block) + "\n").encode())
    for state in tmp_path.glob("terraform.tfstate*"):
        state.unlink()
    done = terraform("apply", "-auto-approve", "-no-color", "-input=false", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(json.loads(terraform("output", "-json", cwd=tmp_path).stdout)["texts"]["value"])
    assert found["texts"] == texts
    assert set(found["keys"]) == set(texts)


def test_an_awkward_text_arrives_as_it_was(terraform: Terraform, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        f'output "text" {{\n  value = {quoted_text(AWKWARD)}\n}}\n', encoding="utf-8"
    )
    terraform("apply", "-auto-approve", "-no-color", "-input=false", cwd=tmp_path)
    assert json.loads(terraform("output", "-json", cwd=tmp_path).stdout)["text"]["value"] == AWKWARD
