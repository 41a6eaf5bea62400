"""Commands in hints are copied into a shell: what comes from the project stands in them as one quoted word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.security.hostile import MARK, RUN

CODE = f"$({RUN})"
COMMAND = re.compile(
    r"(?:aws|compose2fargate|docker|export|rm|git) [^\n]*|--(?:profile|lock|group-id|name) [^\n]*"
)
PROJECT = rf"""
name: shop
x-fargate: {{security_groups: ["$$({RUN})"]}}
services:
  web:
    image: nginx:1.27
    ports: ["80:80"]
    environment: ["$$({RUN})"]
    logging: {{driver: splunk, options: {{splunk-token: t, splunk-url: "https://x"}}}}
  off: {{image: nginx, profiles: ["$$({RUN})"]}}
"""


def hints(shown: str) -> list[str]:
    """Give the commands in hints, each to the end of its line, in which the hostile text stands."""
    lines = re.findall(r"hint: (.*)|((?:Generate again with|To undo it)[^\n]*)", shown)
    commands = (found[0] for line in lines for found in [COMMAND.search("".join(line))] if found)
    return [command for command in commands if RUN in command]


def assert_quoted(commands: list[str]) -> None:
    assert commands
    for command in commands:
        bare = re.sub(r"'[^']*'", "", command)
        assert MARK not in bare, command


def test_hints_of_a_translation(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(PROJECT, encoding="utf-8")
    found = hints(program("convert", "--notes", cwd=tmp_path).err)
    assert {command.split()[0] for command in found} >= {"export", "aws"}
    assert_quoted(found)


@pytest.mark.parametrize("arguments", [(), ("--format", "json"), ("--format", "github")])
def test_hints_of_a_check_name_the_folder(
    arguments: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services: {web: {image: nginx}}\n", encoding="utf-8")
    folder = f"x;{RUN};"
    assert program("convert", "-o", folder, cwd=tmp_path).status == 0
    compose.write_text("services: {web: {image: nginx, command: [b]}}\n", encoding="utf-8")
    shown = program("check", *arguments, cwd=tmp_path).out
    commands = re.findall(r"compose2fargate check[^\n\"]*", shown)
    assert_quoted([command for command in commands if RUN in command])


def test_the_hint_to_remove_a_lock_file(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / f"x;{RUN};"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {web: {image: nginx}}\n", encoding="utf-8")
    (folder / "compose2fargate.lock").write_text("[]", encoding="utf-8")
    assert_quoted(hints(program("convert", cwd=folder).err))
