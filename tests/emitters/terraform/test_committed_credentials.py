"""A module is committed, says its README: credentials in it are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.conftest import ROOT, Program

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1.27
    command: [serve, --password, t0p-s3cret]
    environment:
      LEVEL: info
      CACHE_KEY: shop
      STRIPE_KEY: sk_live_abcdefghijklmnop
      DATABASE_URL: postgres://shop:t0p-s3cret@db.example.com/shop
"""


def found(program: Program, folder: Path, *options: str) -> list[str]:
    done = program("convert", "--diagnostics", "json", *options, cwd=folder)
    assert done.status == 0, done.err
    return [one["message"] for one in json.loads(done.err) if one["code"] == "C2F348"]


def test_every_line_with_a_credential_is_named_and_no_value_is(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (message,) = found(program, tmp_path, "-t", "terraform")
    lines = (tmp_path / "fargate/terraform/service_web.tf").read_text().splitlines()
    named = [
        " ".join(lines[int(number) - 1].split()) for number in re.findall(r"service_web\.tf:(\d+)", message)
    ]
    assert named == [
        'command = ["serve", "--password", "t0p-s3cret"]',
        'value = "postgres://shop:t0p-s3cret@db.example.com/shop"',
        'value = "sk_live_abcdefghijklmnop"',
    ]
    assert "t0p-s3cret" not in message
    assert "README.md says to commit" in message
    assert "Commit this folder" in (tmp_path / "fargate/terraform/README.md").read_text()


def test_nothing_is_said_where_there_is_none_or_where_no_readme_says_to_commit(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    assert found(program, tmp_path, "-t", "cloudformation") == []
    text = COMPOSE.replace("    command: [serve, --password, t0p-s3cret]\n", "")
    (tmp_path / "compose.yaml").write_text(text)
    assert found(program, tmp_path, "-t", "terraform", "--secrets", "auto") == []


def test_no_credential_is_seen_in_a_project_that_has_secrets_only() -> None:
    """Addresses of secrets, tokens that AWS makes and names of keys are none."""
    from compose2fargate.emitters.terraform.committed_credentials import credential_lines

    checked = 0
    for fixture in ("secrets-auto", "secret-files", "managed-stores", "efs"):
        for file in (ROOT / "fixtures" / fixture / "expected/terraform").glob("*.tf"):
            assert list(credential_lines(file.read_text("utf-8"))) == [], file
            checked += 1
    assert checked > 20
