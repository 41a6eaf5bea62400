"""Modules of all fixtures in one root module: the provider's schema is loaded once; and what they are, evaluated."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.emitters.conftest import Terraform, write
from tests.emitters.mock import provider
from tests.emitters.projects import CASES, convert
from tests.emitters.stacks import with_what_exists


def written_modules(folder: Path) -> Mapping[str, Path]:
    """Write a module for every fixture that is not refused, and for the stacks that are made by hand."""
    made = {case: convert(case, "terraform", folder / "terraform" / case) for case in CASES}
    by_hand = {"made-by-hand": sample_stack(), "guest": with_what_exists()}
    written = {
        name: write(TerraformEmitter().emit(stack, Settings()), folder / name)
        for name, stack in by_hand.items()
    }
    return {name: path for name, path in {**made, **written}.items() if path}


def write_root(folder: Path, names: Iterable[str], where: str, terraform: Terraform) -> Path:
    calls = []
    for name in names:
        # A job is run by the AWS CLI, for which a provider that answers from memory does nothing.
        jobs = (folder / where / name / "run_job.sh").exists()
        calls.append(f'module "{name}" {{\n  source = "{where}/{name}"\n{"  run_jobs = false" * jobs}\n}}\n')
    requirement = (
        'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
    )
    (folder / "main.tf").write_text(requirement + "".join(calls))
    (folder / "all.tftest.hcl").write_text(provider() + 'run "all" {\n  command = apply\n}\n')
    terraform.init(folder)
    return folder


_EPHEMERAL = re.compile(r'^ephemeral "\w+" .*?^}\n', re.MULTILINE | re.DOTALL)
"""What Terraform has no mock for."""
_OF_EPHEMERAL = re.compile(r"\bephemeral(?:\.\w+){3}")
"""A value of it, which nothing but the password of a database refers to."""


def evaluated(
    modules: Mapping[str, Path], terraform: Terraform, folder: Path
) -> Mapping[str, list[Mapping[str, Any]]]:
    """Give the resources of each module, with every expression evaluated by `terraform test`; `folder` is new."""
    return _states(_mocked(modules, terraform, folder), terraform)


def _mocked(modules: Mapping[str, Path], terraform: Terraform, folder: Path) -> Path:
    """Write the module of modules without what cannot be mocked."""
    for name, path in modules.items():
        shutil.copytree(path, folder.parent / "without-ephemeral" / name)
        for file in (folder.parent / "without-ephemeral" / name).glob("*.tf"):
            text = _EPHEMERAL.sub("", file.read_text("utf-8"))
            text = _OF_EPHEMERAL.sub('"a-value-of-no-secret"', text)
            # A test ends with the destruction of what it made up.
            file.write_text(
                re.sub(r"\bprevent_destroy( *)= true", r"prevent_destroy\1= false", text), "utf-8"
            )
    return write_root(folder, modules, "../without-ephemeral", terraform)


def _states(mocked: Path, terraform: Terraform) -> Mapping[str, list[Mapping[str, Any]]]:
    done = terraform("test", "-json", "-verbose", "-no-color", cwd=mocked, timeout=600)
    lines = [json.loads(line) for line in done.stdout.split("\n") if line]
    errors = [line["diagnostic"] for line in lines if line.get("@level") == "error" and "diagnostic" in line]
    assert errors == []
    assert done.returncode == 0
    (state,) = [line["test_state"] for line in lines if line["type"] == "test_state"]
    children = state["root_module"]["child_modules"]
    return {child["address"].removeprefix("module."): child["resources"] for child in children}
