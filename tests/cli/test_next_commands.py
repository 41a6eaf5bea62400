"""Commands that are named to the user mean the same stack as the run that names them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose2fargate.cli.application import COMMANDS
from tests.conftest import ROOT, Program

PACKAGE = ROOT / "compose2fargate"
NAMED = re.compile(r"compose2fargate (secrets push|[a-z]+)(?= |$|[;:,.)])")
OTHERS = {"check", "config", "sandbox", "targets"}
"""Commands that are told a folder, or no stack at all."""
PROJECT = ["-p", "two", "--environment", "blue green", "--region", "eu-west-1", "--cluster", "mine"]
GIVEN = "-p two --environment 'blue green' --region eu-west-1 --cluster mine"
COMPOSE = """\
services:
  web:
    image: nginx:1.27
    expose: ["80"]
    secrets: [token]
    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate: {image: busybox, command: [echo, done]}
secrets: {token: {environment: TOKEN}}
x-fargate: {secret_files: init}
"""


def texts(module: Path) -> Iterator[str]:
    """Yield the strings of a module that may be shown: neither docstrings nor the examples of a command's help."""
    tree = ast.parse(module.read_text("utf-8"))
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "examples":
            left_out.update(map(id, ast.walk(node.value)))
        if isinstance(node, ast.Expr):
            left_out.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def test_no_command_line_module_spells_a_command_of_a_stack_itself() -> None:
    spelled = {
        (module.name, name)
        for module in (PACKAGE / "cli").glob("*.py")
        for text in texts(module)
        for name in NAMED.findall(text)
        if name not in OTHERS
    }
    # `apply FILE` has everything in the file; the names of `explain` are among its errors, which are completed.
    assert spelled == {("verdicts.py", "apply"), ("explain.py", "explain")}


def test_every_command_in_a_hint_is_one_that_is_completed() -> None:
    from compose2fargate.cli.next_commands import _OF_A_PROJECT, _OF_A_STACK

    named = {
        name for module in PACKAGE.rglob("*.py") for text in texts(module) for name in NAMED.findall(text)
    }
    assert {"push", "apply", "status", "logs", "secrets push"} <= named
    known = {*_OF_A_STACK, *_OF_A_PROJECT}
    assert {name for name in named if name in COMMANDS or " " in name} <= known | OTHERS


@pytest.mark.parametrize("name", ["apply", "convert", "destroy", "exec", "logs", "permissions", "plan", "push", "rollback", "run",
                                  "secrets push", "secrets", "status", "explain", "rehearse"])  # fmt: skip
def test_every_completed_command_takes_the_options(program: Program, tmp_path: Path, name: str) -> None:
    account = [] if name in ("explain", "rehearse") else ["--aws-profile", "x", "--sandbox"]
    taken = program(
        *name.split(), *PROJECT, "-f", "a.yaml", "--subnet", "s", *account, "--help", cwd=tmp_path
    )
    assert taken.status == 0, taken.err


def said(text: str) -> list[str]:
    return [line for line in text.splitlines() if NAMED.search(line)]


def other_stacks(text: str, options: str) -> list[str]:
    """Give the lines that name a command of another stack."""
    parts = [
        (line, name, line[m.end() :])
        for line in text.splitlines()
        for m in NAMED.finditer(line)
        for name in [m[1]]
    ]
    return [line for line, name, rest in parts if name not in OTHERS and not rest.startswith(f" {options}")]


def test_every_command_that_is_named_on_the_way_means_the_same_stack(
    program: Program, tmp_path: Path
) -> None:
    pytest.importorskip("moto")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    shown = {}

    def run(*arguments: str, **env: str) -> str:
        done = program(arguments[0], *PROJECT, "--sandbox", "--notes", *arguments[1:], cwd=tmp_path, env=env)
        shown[arguments] = f"{done.out}{done.err}"
        return shown[arguments]

    try:
        run("logs")
        assert "compose2fargate apply" in run("rollback", "web")
        run("exec", "web", "--", "sh")
        assert said(run("plan", TOKEN="x"))
        assert "compose2fargate secrets push -p" in run("apply", "--yes")
        program("sandbox", "behave", "web", "--exit-code", "3", *PROJECT, cwd=tmp_path)
        failed = run("apply", "--yes", "--timeout", "20", TOKEN="x")
        assert re.search(r"hint: .*compose2fargate logs -p", failed)
        assert re.search(r"\nnext +compose2fargate apply -p", failed)
        run("apply", "--yes", "--format", "json", "--timeout", "20", TOKEN="x")
        run("secrets", TOKEN="x")
        run("secrets", "push")
        run("rollback", "web", "--yes")
        assert re.search(r"next +compose2fargate status -p", run("apply", "--yes", TOKEN="x"))
        run("status")
        run("run", "nothing")
        run("destroy", "--yes")
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    wrong = {arguments: other_stacks(text, GIVEN) for arguments, text in shown.items()}
    assert {arguments: lines for arguments, lines in wrong.items() if lines} == {}
    everything = "".join(shown.values())
    assert (
        re.findall(rf"{re.escape(GIVEN)}(?: --sandbox)? {re.escape(GIVEN)}", everything) == []
    )  # once is enough


def test_convert_completes_hints_as_data_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {build: .}}\n")
    (tmp_path / "Dockerfile").write_text("FROM nginx:1.27\n")
    for options in (("--format", "json"), ("--diagnostics", "json"), ("--notes",)):
        done = program("convert", *options, "--environment", "staging", cwd=tmp_path)
        assert "compose2fargate push --environment staging" in done.out + done.err
        assert other_stacks(done.out + done.err, "--environment staging") == []


def test_what_follows_a_saved_plan_means_its_stack(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("moto")
    (tmp_path / "my file.yaml").write_text(COMPOSE)
    try:
        planned = program(
            "plan",
            "-f",
            "my file.yaml",
            *PROJECT,
            "--sandbox",
            "--out",
            "a.plan",
            cwd=tmp_path,
            env={"TOKEN": "x"},
        )
        assert planned.err.rstrip().endswith("next      compose2fargate apply a.plan"), planned.err
        applied = program("apply", "a.plan", cwd=tmp_path, env={"TOKEN": "x"})
        assert applied.status == 0, applied.err
        last = applied.err.rstrip().splitlines()[-1]
        assert last.startswith("next      compose2fargate status -f 'my file.yaml' -p two")
        assert "--environment 'blue green' --region eu-west-1" in last
        assert last.endswith(" --sandbox")
    finally:
        program("sandbox", "stop", cwd=tmp_path)
