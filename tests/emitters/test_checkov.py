"""Checkov finds nothing in a generated module but what `docs/terraform.md` gives a reason for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.conftest import ROOT
from tests.emitters.conftest import write
from tests.emitters.projects import CASES, convert


def accepted() -> set[str]:
    """The checks of the table; `CKV_AWS_136, 149` names two."""
    text = (ROOT / "docs" / "terraform.md").read_text("utf-8").partition("## Checkov")[2]
    found: set[str] = set()
    for row in re.findall(r"^\| (CKV[^|]+) \|", text, re.MULTILINE):
        prefix = ""
        for check in row.split(", "):
            prefix = check.rpartition("_")[0] or prefix
            found.add(check if check.startswith("CKV") else f"{prefix}_{check}")
    return found


def test_the_table_is_read() -> None:
    assert {"CKV_AWS_136", "CKV_AWS_337", "CKV2_AWS_28"} <= accepted()


@pytest.mark.slow
def test_checkov_finds_nothing_but_what_has_a_reason(tmp_path: Path) -> None:
    checkov = shutil.which("checkov")
    if not checkov:
        pytest.skip("checkov is not installed; a virtual environment of its own is best, it pins a lot")
    made = [path for case in CASES if (path := convert(case, "terraform", tmp_path / "cases" / case))]
    made.append(write(TerraformEmitter().emit(sample_stack(), Settings()), tmp_path / "everything"))
    for number, path in enumerate(made):
        shutil.copytree(path, tmp_path / "all" / str(number))
    options = ("--framework", "terraform", "--compact", "--quiet", "--skip-download", "-o", "json")
    done = subprocess.run([checkov, "-d", str(tmp_path / "all"), *options], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100
    failed = {check["check_id"] for check in report["results"]["failed_checks"]}
    assert failed <= accepted(), sorted(failed - accepted())
