"""A real Terraform where there is one: the binary, and a folder with the AWS provider so that nothing is downloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROVIDER = "registry.terraform.io/hashicorp/aws"
ROOTS = (
    "/opt",
    "/usr/share",
    "/usr/local/share",
    "/usr/local/lib",
    "/var/lib",
    "~/.terraform.d",
    "~/.local/share/terraform",
)


def mirror() -> Path | None:
    """The folder that holds `registry.terraform.io/`, as `terraform init -plugin-dir` wants it."""
    named = os.environ.get("TERRAFORM_MIRROR")
    for root in [named] if named else ROOTS:
        folder = Path(root).expanduser()
        for depth in ("", "*", "*/*"):
            for found in sorted(folder.glob(f"{depth}/{PROVIDER}" if depth else PROVIDER)):
                return found.parents[2]
    return None


class Terraform(NamedTuple):
    """Runs Terraform without the network, without the user's settings, and without anybody's credentials."""

    binary: str
    plugins: Path

    def __call__(
        self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 280
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            # Jobs are run by the AWS CLI, which stands beside the interpreter.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(cwd),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **(env or {}),
        }
        return subprocess.run(
            [self.binary, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def init(self, folder: Path) -> None:
        done = self("init", "-input=false", "-no-color", f"-plugin-dir={self.plugins}", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr

    def json(self, *arguments: str, cwd: Path) -> Any:
        return json.loads(self(*arguments, cwd=cwd).stdout)


@pytest.fixture(scope="session")
def terraform() -> Terraform:
    binary, plugins = shutil.which("terraform"), mirror()
    if not binary:
        pytest.skip("terraform is not installed")
    if not plugins:
        pytest.skip(f"no folder with {PROVIDER} below {', '.join(ROOTS)}; TERRAFORM_MIRROR names one")
    return Terraform(binary, plugins)


def write(files: Mapping[str, str], folder: Path) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode("utf-8"))
    return folder
