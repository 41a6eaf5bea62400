"""A configuration of AWS that names what is not there, or what does not answer as it should, ends in an error and in no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CREDENTIALS = "aws_access_key_id = a\naws_secret_access_key = b\n"


@pytest.mark.parametrize(
    "lines",
    [
        "credential_process = /nonexistent\n",
        "credential_process = /etc/passwd\n",
        "credential_process = /bin/echo {\n",
        "credential_process = /bin/echo []\n",
        "credential_process = /bin/echo 5\n",
        "credential_process = 'unclosed\n",
        "web_identity_token_file = /nonexistent\nrole_arn = arn:aws:iam::123456789012:role/x\n",
        f"{CREDENTIALS}endpoint_url = foo\n",
    ],
    ids=str.strip,
)
def test_it_is_an_error(lines: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {image: nginx}}\n")
    (tmp_path / "configuration").write_text(f"[default]\nregion = eu-central-1\n{lines}")
    done = subprocess.run(
        [Path(sys.executable).parent / "compose2fargate", "plan"],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(tmp_path / "configuration"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, "error C2F400" in done.stderr) == (3, True), done.stderr
