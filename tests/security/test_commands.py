"""`commands.sh` with hostile texts in every field of every resource, run by real shells: each arrives as it is, and nothing else runs.

The same stack is written with a harmless word in each field and with a hostile text in each. What the AWS CLI is given must be the same
but for these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import Existing, Resource, VpcNetwork
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from compose2fargate.text.shell_text import option
from tests.conftest import Program
from tests.security.hostile import MARK, READ_BY_THE_CLI, TEXTS

SHELLS = {"sh": ["sh"], "bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
PROGRAMS = ("dirname", "mktemp", "cp", "rm", "awk", "sh", "touch")
DECIDING = {"principal", "kind", "field", "effect", "attribute", "logical_id"}
"""Fields of which each value is one of ours: they choose what is written."""
_AWS = r"""#!/bin/sh
for word in "region=$AWS_REGION" "$@"; do
  case $word in "file://$TMPDIR"/tmp*) word=$(awk 1 "${{word#file://}}") ;; esac  # it goes with the call
  printf '%s\0' "$word"
done >>"{journal}"
printf '\1\0' >>"{journal}"
case "$2 $*" in
  get-caller-identity*) echo 123456789012 ;;
  describe-vpcs*) echo vpc-1 ;;
  describe-subnets*) printf 'subnet-1\tsubnet-2\n' ;;
  describe-mount-targets* | get-parameter*) ;;
  get-operation* | describe-images* | *available*) echo found ;;
  describe-tasks*) echo 0 ;;
  describe-* | list-*) ;;
  *) echo made ;;
esac
"""
Spell = Callable[[int], str]


def leaves(value: Any, spell: Spell, counter: list[int]) -> Any:
    """Give a value with every text of a user in it spelled anew, by its number."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, str):
        counter[0] += 1
        return spell(counter[0])
    if isinstance(value, Mapping):
        return {key: leaves(item, spell, counter) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        made = {
            name: item if name in DECIDING else leaves(item, spell, counter)
            for name, item in zip(value._fields, value, strict=True)
        }
        return type(value)(**made)
    if isinstance(value, tuple):
        return tuple(leaves(item, spell, counter) for item in value)
    return value


def renamed(stack: Stack, old: str, new: str) -> Stack:
    """Give a stack in which a logical id, and all that leads to it, is another."""

    def walk(value: Any) -> Any:
        if isinstance(value, Ref):
            return value._replace(logical_id=new) if value.logical_id == old else value
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(walk, value))
        return tuple(map(walk, value)) if isinstance(value, tuple) else value

    resources = {new if key == old else key: walk(resource) for key, resource in stack.resources.items()}
    return stack._replace(resources=resources)


def stacks() -> Iterator[tuple[str, Stack]]:
    """Yield stacks that between them take every way through the writer."""
    sample = sample_stack()
    yield "sample", sample
    network = VpcNetwork("vpc-1", ("subnet-1", "subnet-2"), ("subnet-3",))
    given: dict[str, Resource] = {**sample.resources, "network": network}
    yield "given", sample._replace(resources=given)
    named: dict[str, Resource] = {**given, "load-balancer": Existing("LoadBalancer", "shared")}
    yield "named", sample._replace(resources=named)


STACKS = dict(stacks())


def poisoned(stack: Stack, spell: Spell) -> tuple[Stack, Settings]:
    counter = [0]
    resources = {key: leaves(resource, spell, counter) for key, resource in stack.resources.items()}
    made = stack._replace(resources=resources)
    for old in ("security-group/default", "target-group/web-8080", "access-point/data"):
        counter[0] += 1
        made = renamed(made, old, f"{old.partition('/')[0]}/{spell(counter[0])}")
    counter[0] += 1
    return made, Settings(region=spell(counter[0]))


def run(stack: Stack, settings: Settings, folder: Path, shell: str) -> list[Any]:
    """Write a stack, run its script with an `aws` that only writes down what it is given, and read that."""
    folder.mkdir()
    tools, files, journal = folder / "tools", folder / "files", folder / "journal"
    tools.mkdir()
    for program in PROGRAMS:
        os.symlink(shutil.which(program) or program, tools / program)
    (tools / "aws").write_text(_AWS.format(journal=journal), encoding="utf-8")
    (tools / "aws").chmod(0o755)
    written = JsonEmitter().emit(stack, settings)
    for path, text in written.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_bytes(text.encode())
    words = SHELLS[shell]
    started = shutil.which(words[0])
    if started is None:
        pytest.skip(f"{words[0]} is not installed")
    environment = {"PATH": str(tools), "SECRETS": "/secrets", "TMPDIR": str(folder), "HOME": "/home/nobody"}
    done = subprocess.run(
        [started, *words[1:], str(files / "commands.sh")],
        cwd=folder, env=environment, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (0, "")
    left = {p.relative_to(files).as_posix() for p in files.rglob("*") if p.is_file()}
    assert left == set(written)
    assert {p.name for p in folder.iterdir()} == {"tools", "files", "journal"}
    assert not any(MARK in p.name for p in folder.rglob("*"))
    calls = journal.read_bytes().decode("utf-8", "surrogateescape").split("\1\0")[:-1]
    return [[_read(word, files) for word in _split(call.split("\0")[:-1])] for call in calls]


def _split(words: list[str]) -> Iterator[str]:
    for word in words:
        option, equals, value = word.partition("=")
        yield from (option, value) if equals and re.fullmatch("--[a-z-]+", option) else (word,)


_LITERAL = re.compile(r'`("(?:[^"\\]|\\.)*")`')


def _read(word: str, files: Path) -> Any:
    """Read a word as the AWS CLI does: JSON, the content of a file, a query, or a text."""
    if word.startswith("file://") and not word.startswith("file:///secrets"):
        word = (files / word.removeprefix("file://")).read_bytes().decode()
    if word.startswith(("[", "{")):
        return _parsed(word)
    return _inside(_LITERAL.sub(lambda found: f"<{json.loads(found[1])}>", word))


def _inside(word: str) -> str:
    """The file of a secret stays in the folder of secrets, whatever its name."""
    start = "file:///secrets/"
    if not word.startswith(start):
        return word
    return start + "/".join(
        part for part in word.removeprefix(start).split("/") if part not in ("", ".", "..")
    )


def harmless(number: int) -> str:
    return f"Zq{number}q"


def expected(calls: list[list[Any]], spell: Spell) -> list[list[Any]]:
    """Give what was recorded for harmless words, with the texts that are in their places."""
    return [[_parsed(filled(word, spell)) for word in call] for call in calls]


def filled(value: Any, spell: Spell) -> Any:
    if isinstance(value, str):
        return re.sub(r"Zq(\d+)q", lambda found: spell(int(found[1])), value)
    if isinstance(value, dict):
        return {filled(key, spell): filled(item, spell) for key, item in value.items()}
    return [filled(item, spell) for item in value] if isinstance(value, list) else value


def _parsed(word: Any) -> Any:
    """A text that is JSON itself is read as such by what reads the journal, and is no other than it was."""
    if not isinstance(word, str):
        return word
    try:
        return json.loads(word) if word.startswith(("[", "{")) else _inside(word)
    except ValueError:
        return word


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", STACKS)
def test_every_text_arrives_as_it_is(name: str, shell: str, tmp_path: Path) -> None:
    plain = run(*poisoned(STACKS[name], harmless), tmp_path / "plain", shell)
    assert len(plain) > 30
    for shift in range(0, len(TEXTS), 3 if name == "sample" else 13):

        def spell(number: int, shift: int = shift) -> str:
            return TEXTS[(number + shift) % len(TEXTS)]

        assert run(*poisoned(STACKS[name], spell), tmp_path / str(shift), shell) == expected(plain, spell)


@pytest.mark.parametrize("value", READ_BY_THE_CLI)
def test_what_the_cli_would_read_is_refused(value: str) -> None:
    with pytest.raises(EmitError, match="cannot stand in a script"):
        option("name", value)


PROJECT = r"""
name: shop
services:
  web:
    image: nginx:1.27
    ports: ["80:80"]
    networks: [one]
    environment: {AWS_ACCOUNT_ID: x, B: REPLACE_ME, C: "$$(touch PWNED) ACCOUNT_ID"}
    secrets: [it]
    labels: {"a'b": "`touch PWNED`"}
    x-fargate:
      ingress: [{port: 80, path: "/it's"}, {port: 80, host: "$$(touch PWNED)", from: ["$$(touch PWNED)"]}]
      managed_policies: ["$$(touch PWNED)"]
      secrets: {"$$(touch PWNED)": "/x;touch PWNED"}
  other: {image: redis, networks: [two], x-aws-policies: ["`touch PWNED`"]}
networks:
  one: {name: "x|y|;e touch PWNED #"}
  two: {name: "it's"}
secrets: {it: {external: true, name: "$$(touch PWNED)"}}
"""
OPTIONS = (
    "--region=$(touch PWNED)",
    "--security-group=sg-1;touch PWNED",
    "--subnet=`touch PWNED`",
    "--network=one=x'y",
)


def test_a_hostile_project_is_refused_and_harms_nobody_when_it_is_allowed(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(PROJECT, encoding="utf-8")
    words = ("convert", "-t", "json", "-o", "files", *OPTIONS)
    refused = program(*words, cwd=tmp_path)
    assert refused.status in (1, 2)
    for value in (
        "region",
        "security_groups",
        "subnets",
        "networks",
        "managed_policies",
        "x-aws-policies",
        "from",
        "host",
    ):
        assert re.search(rf"(?::|-->) {value}: ", refused.err), value
    codes = sorted(set(re.findall(r"error (C2F\d+)", refused.err)))
    made = program(*words, *(f"--allow={code}" for code in codes), cwd=tmp_path)
    assert made.status == 0, made.err
    tools, journal = tmp_path / "tools", tmp_path / "journal"
    tools.mkdir()
    for name in PROGRAMS:
        os.symlink(shutil.which(name) or name, tools / name)
    (tools / "aws").write_text(_AWS.format(journal=journal), encoding="utf-8")
    (tools / "aws").chmod(0o755)
    done = subprocess.run(
        ["sh", str(tmp_path / "files" / "commands.sh")],
        cwd=tmp_path, env={"PATH": str(tools), "SECRETS": str(tmp_path)}, capture_output=True, text=True, timeout=120, executable="/bin/sh",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not [p for p in tmp_path.rglob("*") if p.name == MARK]
    calls = [call.split("\0") for call in journal.read_text(encoding="utf-8").split("\1\0")]
    given = [_read(call[4], tmp_path / "files") for call in calls if "register-task-definition" in call]
    definition = next(one for one in given if one["containerDefinitions"][0]["image"].startswith("nginx"))
    environment = {one["name"]: one["value"] for one in definition["containerDefinitions"][0]["environment"]}
    assert environment == {"AWS_ACCOUNT_ID": "x", "B": "REPLACE_ME", "C": "$(touch PWNED) ACCOUNT_ID"}
