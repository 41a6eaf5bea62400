"""`destroy`: says what it is about to delete and where, asks for the name, and says what stays."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import click
import pytest

from compose2fargate.cli.deploy_options import _asked
from compose2fargate.cli.progress import Patience
from tests.conftest import Processes, Program

SHOP = """\
name: press
services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
    volumes: ["pages:/usr/share/nginx/html"]
    environment: {DB_PASSWORD: s3cr3t-value}
    x-fargate: {secrets: auto}
volumes: {pages: {}}
"""


class Shop(Processes):
    """A project in its own sandbox."""

    def at_terminal(self, *arguments: str, until: str, answer: bytes | int) -> tuple[int, str]:
        """Run on a terminal; when `until` is shown, type an answer or send a signal. Give the exit code and what was shown.

        As a person would, when nothing more is shown: a signal between the question and the read that waits for the answer
        is seen by Python when the read returns.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment, stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown, answered, end = "", False, time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.5)[0]:
                try:
                    shown += os.read(ours, 4096).decode()
                except OSError:
                    break
            elif process.poll() is not None:
                break
            elif until in shown and not answered:
                answered = True
                if isinstance(answer, int):
                    process.send_signal(answer)
                else:
                    os.write(ours, answer)
        with suppress(OSError):
            while select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 4096).decode()
        os.close(ours)
        assert answered, shown
        return process.wait(10), shown


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("home") / "press", {"TERM": "xterm"})
    yield made
    made.process("sandbox", "stop")


@pytest.fixture
def shop(one_shop: Shop, program: Program) -> Shop:
    one_shop.begin(program, SHOP)
    done = one_shop.run("apply", "--sandbox", "--yes")
    assert done.returncode == 0, done.stderr
    return one_shop


def test_the_name_has_to_be_typed(shop: Shop) -> None:
    code, shown = shop.at_terminal("destroy", "--sandbox", until="Type press", answer=b"y\n")
    assert (code, "nothing was deleted" in shown) == (1, True), shown
    code, shown = shop.at_terminal("destroy", "--sandbox", until="Type press", answer=b"press\n")
    assert code == 0, shown
    assert "stack press in the sandbox, region us-east-1" in shown


def test_quiet_shows_what_it_asks_about(shop: Shop) -> None:
    code, shown = shop.at_terminal("-q", "destroy", "--sandbox", until="Type press", answer=b"\n")
    assert (code, "- delete    service/web" in shown.replace("\x1b[31m", "")) == (1, True), shown


@pytest.mark.parametrize("command", ["destroy", "apply"])
def test_ctrl_c_at_the_question_ends_the_line_and_changes_nothing(shop: Shop, command: str) -> None:
    (shop.folder / "compose.yaml").write_text(SHOP.replace("1.27", "1.28"))
    question = {"destroy": "delete all of this", "apply": "Do this?"}[command]
    code, shown = shop.at_terminal(command, "--sandbox", until=question, answer=signal.SIGINT)
    assert code != 0
    last = shown.replace("\r", "").rstrip("\n").split("\n")[-1]
    assert re.fullmatch(r"nothing was (changed|deleted)", last), shown


def test_what_stays_is_named_with_its_cost_and_the_command_for_it(shop: Shop) -> None:
    lines = shop.run("plan", "--sandbox", "--all").stdout.splitlines()
    planned = {line.split()[1] for line in lines if line.startswith("  unchanged")}
    done = shop.run("destroy", "--sandbox", "--all", "--yes", "--keep-secrets")
    assert done.returncode == 0, done.stderr
    deleted = {line.split()[2] for line in done.stderr.splitlines() if line.startswith("- delete")}
    named = {re.sub(r":\d+$", "", one) for one in deleted if not one.startswith("ingress-rule/")}
    assert named
    assert named <= planned
    assert not re.search(r"\b[A-Z][a-z]+[A-Z]\w*/", done.stderr), done.stderr
    assert "file-system press: 0.30 USD a month for each GB" in done.stderr
    assert "kept, as --keep-secrets says" in done.stderr
    assert "compose2fargate destroy --sandbox --volumes" in done.stderr
    again = shop.run("destroy", "--sandbox", "--volumes", "--yes")
    assert "what stays" not in again.stderr, again.stderr  # fmt: skip
    assert "press" in again.stderr


def test_the_sandbox_says_what_it_did_not_try_and_what_is_scripted(shop: Shop) -> None:
    assert shop.run("sandbox", "behave", "web", "--exit-code", "9").returncode == 0
    assert "its tasks exit with 9" in shop.run("status", "--sandbox").stdout
    assert "its tasks exit with 9" in shop.run("sandbox", "status").stdout
    (shop.folder / "compose.yaml").write_text(SHOP.replace("1.27", "1.28"))
    failed = shop.run("apply", "--sandbox", "--yes")
    assert failed.returncode == 1, failed.stderr
    assert "did not try 1 image (nginx:1.28), 1 secret (DB_PASSWORD), 1 health check" in failed.stderr
    assert "what was scripted for web has happened" in failed.stderr
    assert "scripted" not in shop.run("status", "--sandbox").stdout
    assert shop.run("apply", "--sandbox", "--yes").returncode == 0
    assert shop.run("sandbox", "behave", "web", "--kind", "stuck").returncode == 0
    assert "scripted for web ends with the stack" in shop.run("destroy", "--sandbox", "--yes").stderr
    assert "scripted" not in shop.run("sandbox", "status").stdout


def test_quiet_waits_with_a_word_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 5.0, 25.0, 25.0, 30.0, 46.0, 46.0])
    monkeypatch.setattr("compose2fargate.cli.progress.time.monotonic", lambda: next(now))
    listener = Patience()
    for count in range(4):
        listener.tell("service/web", "waiting", f"{count}/9 running")
    assert capsys.readouterr().err.splitlines() == [
        "waiting for service/web (1/9 running)",
        "waiting for service/web (3/9 running)",
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, click.Abort])
def test_an_interrupt_at_any_moment_of_a_question_is_a_no(
    error: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """click makes one an `Abort` while it reads, and not while it writes the question."""

    def ask() -> bool:
        raise error

    assert _asked(ask) is False
    assert capsys.readouterr().err == "\n"
