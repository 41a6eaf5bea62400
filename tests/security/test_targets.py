"""Every sink of text has its row here: what is written with hostile texts in it, and read back by what it is written for."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from compose2fargate.emitters import BUILT_IN
from compose2fargate.emitters.terraform import hcl
from compose2fargate.images.push_scripts import SCRIPTS
from compose2fargate.text.json_text import json_text
from compose2fargate.text.yaml_text import block, write_yaml
from tests.conftest import ROOT
from tests.security.hostile import TEXTS

TERRAFORM = shutil.which("terraform")


def test_yaml_gives_every_text_back() -> None:
    value = {text: [text, {"a": text}] for text in TEXTS}
    assert yaml.safe_load(write_yaml(value)) == value
    for text in TEXTS:
        written = "\n".join(block(text, "run: ", "  ")) + "\nother: 1\n"
        read = yaml.safe_load(written)
        assert read == {"run": text, "other": 1} or read == {"run": text.removesuffix("\n"), "other": 1}, text


def test_json_gives_every_text_back() -> None:
    value = {text: [text] for text in TEXTS}
    assert json.loads(json_text(value)) == value


@pytest.mark.skipif(not TERRAFORM, reason="terraform is not installed")
def test_terraform_gives_every_text_back(tmp_path: Path) -> None:
    body = (hcl.HclAttribute("texts", list(TEXTS)), hcl.HclAttribute("keys", dict.fromkeys(TEXTS, "x")))
    written = hcl.block_text(hcl.HclBlock("locals", (), body)) + "\n"
    (tmp_path / "main.tf").write_text(written, encoding="utf-8")
    done = subprocess.run(
        [str(TERRAFORM), "console"],
        input="base64encode(jsonencode([local.texts, local.keys]))\n", cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts, keys = json.loads(b64decode(json.loads(done.stdout)))
    assert texts == list(TEXTS)
    assert set(keys) == set(TEXTS)


SINKS: Mapping[str, str] = {
    "json": "test_commands.py",
    "terraform": "test_targets.py",
    "cloudformation": "test_targets.py",
    "push --print": "test_push_scripts.py",
    "codebuild": "test_push_scripts.py",
    "github": "test_push_scripts.py",
    "images/*/Dockerfile": "test_references.py",
}
"""What text is written for, and the file that tries it with every hostile text."""


def test_every_target_has_a_row() -> None:
    assert {*BUILT_IN, *SCRIPTS} <= set(SINKS)
    for file in SINKS.values():
        assert "TEXTS" in (ROOT / "tests" / "security" / file).read_text(encoding="utf-8")


def writers() -> Iterator[str]:
    for path in sorted((ROOT / "compose2fargate").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in ("#!/bin/sh", "shell_text import")):
            yield path.relative_to(ROOT / "compose2fargate").as_posix()


def test_every_module_that_writes_for_a_shell_is_known() -> None:
    """One that is new here needs a test with the hostile texts. Commands in hints: test_pasted_hints.py."""
    assert set(writers()) == {
        "compose/sources/source_files.py",  # a hint: test_pasted_hints.py
        "emitters/json_files/commands_script.py",
        "emitters/json_files/json_roles.py",
        "emitters/json_files/json_scaling.py",
        "emitters/json_files/script_ecs.py",
        "emitters/json_files/script_network.py",
        "emitters/json_files/script_stores.py",
        "emitters/json_files/script_storage.py",
        "emitters/json_files/script_variables.py",
        "emitters/secret_commands.py",  # comments and outputs of the templates
        "images/push_scripts.py",
        "mapping/files/file_delivery.py",
        "mapping/images/derived_images.py",  # test_references.py
        "mapping/storage/volume_preparation.py",  # test_init_scripts.py
        "rehearsal/configuration_text.py",  # test_rehearsal_files.py
    }
