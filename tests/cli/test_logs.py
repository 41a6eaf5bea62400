"""`logs`: several services by time, from when on, how many, and as they come."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two.aws_names import LogSource, log_sources
from compose2fargate.apply.day_two.log_streams import LogFollower, tail_lines
from compose2fargate.cli import logs as cli_logs
from compose2fargate.cli.logs import moment
from compose2fargate.diagnostics import UsageError
from compose2fargate.sample_stack import sample_stack
from compose2fargate.text.escaping import inert
from tests.cli.conftest import Operate

NOW = int(time.time() * 1000)
WEB, WORKER = (
    LogSource("web", "/ecs/shop/web", "web", "web"),
    LogSource("worker", "/ecs/shop/worker", "worker", "worker"),
)


def put(
    account: AwsAccount, source: LogSource, *lines: tuple[int, str], task: str = "1", now: int = NOW
) -> None:
    """Write lines as a task would, some seconds ago."""
    logs = account.client("logs")
    name = f"{source.streams}{task}"
    groups = {g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]}
    if source.group not in groups:
        logs.create_log_group(logGroupName=source.group)
    streams = logs.describe_log_streams(logGroupName=source.group)["logStreams"]
    if name not in {s["logStreamName"] for s in streams}:
        logs.create_log_stream(logGroupName=source.group, logStreamName=name)
    events = [{"timestamp": now - ago * 1000, "message": text} for ago, text in lines]
    logs.put_log_events(logGroupName=source.group, logStreamName=name, logEvents=events)


def said(out: str) -> list[str]:
    return [line for line in out.splitlines() if "sandbox" not in line]


def test_services_are_interleaved_by_time(shop: Operate, account: AwsAccount) -> None:
    put(account, WEB, (30, "one"), (10, "three"))
    put(account, WORKER, (20, "two"), (5, "four\nfive"))
    assert said(shop("logs").out) == [
        "web      | one",
        "worker   | two",
        "web      | three",
        "worker   | four",
        "worker   | five",
    ]


def test_one_service_its_times_and_its_tasks(shop: Operate, account: AwsAccount) -> None:
    put(account, WEB, (30, "one"), task="0123456789abcdef")
    put(account, WORKER, (20, "two"))
    stamp = datetime.fromtimestamp((NOW - 30_000) / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    line = said(shop("logs", "-t", "--tasks", "web").out)[0]
    assert line.startswith(f"web/01234567  | {stamp}.")
    assert line.endswith("Z one")
    assert said(shop("logs", "--no-log-prefix", "web").out) == ["one"]


def test_since_leaves_out_what_is_older(shop: Operate, account: AwsAccount) -> None:
    put(account, WEB, (7200, "old"), (1500, "newer"), (30, "new"))
    assert said(shop("logs", "web").out) == ["web  | newer", "web  | new"]
    assert said(shop("logs", "--since", "10m", "web").out) == ["web  | new"]
    assert said(shop("logs", "--since", "1d", "web").out)[0] == "web  | old"


def test_tail_gives_the_last_lines_however_old(shop: Operate, account: AwsAccount) -> None:
    put(account, WEB, (9000, "a"), (8000, "b"), (7000, "c"))
    logs = account.client("logs")
    for stream in logs.describe_log_streams(logGroupName=WEB.group)["logStreams"]:
        if stream["logStreamName"] != f"{WEB.streams}1":
            logs.delete_log_stream(logGroupName=WEB.group, logStreamName=stream["logStreamName"])
    assert said(shop("logs", "--tail", "2", "web").out) == ["web  | b", "web  | c"]


def test_following_goes_on_until_it_is_interrupted(
    shop: Operate, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(account, WEB, (30, "before"))
    polls = iter(["first", "second", ""])

    def sleep(_: float) -> None:
        text = next(polls)
        if not text:
            raise KeyboardInterrupt
        put(account, WEB, (0, text), now=int(time.time() * 1000))

    monkeypatch.setattr(cli_logs, "time", SimpleNamespace(sleep=sleep))
    done = shop("logs", "-f", "web")
    assert done.status == 130
    assert said(done.out) == ["web  | before", "web  | first", "web  | second"]


def test_a_late_line_is_shown_and_nothing_twice(account: AwsAccount) -> None:
    put(account, WEB, (20, "early"), (5, "newest"))
    follower = LogFollower(account, [WEB], NOW - 60_000)
    assert [line.text for line in follower.poll()] == ["early", "newest"]
    put(account, WEB, (12, "late"), task="2")
    assert [line.text for line in follower.poll()] == ["late"]
    assert follower.poll() == []


def test_tail_then_follow_repeats_nothing(account: AwsAccount) -> None:
    put(account, WEB, (20, "a"), (10, "b"))
    follower = LogFollower(account, [WEB], NOW - 60_000)
    follower.skip(tail_lines(account, [WEB], 1))
    put(account, WEB, (3, "c"))
    assert [line.text for line in follower.poll()] == ["c"]


def test_sidecars_have_logs_of_their_own(shop: Operate) -> None:
    done = shop("logs", "proxy")
    assert done.out.startswith("proxy  | proxy would start now")


def test_a_service_that_is_not_there_is_named(operate: Operate) -> None:
    done = operate("logs", "wbe")
    assert done.status == 2
    assert "did you mean web?" in done.err


def test_where_nothing_was_written_that_is_said(operate: Operate) -> None:
    done = operate("logs", "web")
    assert (done.status, done.out) == (0, "")
    assert "nothing was written since" in done.err


def test_a_log_that_goes_elsewhere_is_not_searched_in_vain(operate: Operate, folder: Any) -> None:
    file = folder / "compose.yaml"
    file.write_text(
        file.read_text().replace('command: ["work"]', 'command: ["work"]\n    logging: {driver: none}')
    )
    done = operate("logs", "worker")
    assert done.status == 1
    assert "C2F485" in done.err
    assert "logging" in done.err


def test_every_service_has_a_colour_on_a_terminal() -> None:
    printer = cli_logs.Printer(["web", "api"], color=True)
    line = inert(printer._line(cli_logs_line("web")))
    assert line.startswith("\x1b[36mweb  | \x1b[0m")
    assert inert(printer._line(cli_logs_line("api"))).startswith("\x1b[33m")
    plain = cli_logs.Printer(["web"], color=False)._line(cli_logs_line("web"))
    assert plain == "web  | hello"


def cli_logs_line(service: str) -> Any:
    from compose2fargate.workflows.operating import LogLine

    return LogLine(0, service, "1", "hello")


def test_times_are_spans_or_dates() -> None:
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    base = int(now.timestamp() * 1000)
    assert base - moment("90s", now) == 90_000
    assert base - moment("2h30m", now) == 9_000_000
    assert base - moment("1d", now) == 86_400_000
    assert base - moment("2026-01-01T00:00:00Z", now) == 86_400_000
    assert base - moment("2026-01-01", now) == 86_400_000
    for wrong in ("10", "m", "yesterday", "10m5"):
        with pytest.raises(UsageError):
            moment(wrong, now)


def test_the_sample_stack_writes_where_its_groups_are() -> None:
    for source in log_sources(sample_stack()):
        assert source.group.startswith("/")
        assert source.streams.count("/") == 2


def test_f_is_the_file_before_the_command_and_follows_after_it(
    shop: Operate, program: Any, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "compose.yaml").rename(folder / "other.yaml")
    assert program("-f", "other.yaml", "logs", "--sandbox", "web", cwd=folder).out.startswith("web  | ")
    assert program("logs", "--file", "other.yaml", "--sandbox", "web", cwd=folder).out.startswith("web  | ")

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_logs, "time", SimpleNamespace(sleep=interrupted))
    done = program("--file", "other.yaml", "logs", "-f", "--sandbox", "web", cwd=folder)
    assert (done.status, done.out[:4]) == (130, "web ")
