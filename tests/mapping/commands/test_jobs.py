from __future__ import annotations

import pytest

from compose2fargate.aws.resources import Schedule
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.commands.jobs import schedule_expression
from tests.mapping.conftest import Translate


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("30 3 * * *", "cron(30 3 * * ? *)"),
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("0 8-18/2 * * 1-5", "cron(0 8,10,12,14,16,18 ? * MON,TUE,WED,THU,FRI *)"),
        # Days and months begin with 1, and so do their steps.
        ("0 3 */2 * *", "cron(0 3 1/2 * ? *)"),
        ("0 3 1 */3 *", "cron(0 3 1 1/3 ? *)"),
        ("0 3 1 jan-mar,12 *", "cron(0 3 1 JAN-MAR,12 ? *)"),
        ("*/59 */23 * * *", "cron(0/59 0/23 * * ? *)"),
        ("*/90 * * * *", "cron(0 * * * ? *)"),
        ("5/10 * * * *", "cron(5/10 * * * ? *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 7", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 0-7", "cron(0 0 ? * SUN,MON,TUE,WED,THU,FRI,SAT *)"),
        ("0 0 * * fri-mon", "cron(0 0 ? * FRI,SAT,SUN,MON *)"),
        ("0 0 1 jan *", "cron(0 0 1 JAN ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@weekly", "cron(0 0 ? * SUN *)"),
        ("rate(5 minutes)", "rate(5 minutes)"),
        ("cron(0 12 ? * MON *)", "cron(0 12 ? * MON *)"),
        ("at(2030-01-01T00:00:00)", "at(2030-01-01T00:00:00)"),
    ],
)
def test_a_crontab_line_becomes_a_schedule_expression(line: str, result: str) -> None:
    assert schedule_expression(line) == (result, "")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* * *",
        "61 * * * *",
        "0 24 * * *",
        "0 0 1 * 1",
        "0 0 * * 8",
        "every day at 3 h",
        "0 0 0 * *",
        "0 0 */0 * *",
        "0 0 1 0 *",
        "0 0 1 13 *",
        "0 0 1 FOO *",
        "0 0 20-5 * *",
        "0 0 *-5 * *",
        "JAN 0 * * *",
        "0 0 1,32 * *",
        "cron(0 12 * * MON)",
        "cron(0 12 * * MON *)",
    ],
)
def test_what_is_no_schedule_says_why(line: str) -> None:
    text, problem = schedule_expression(line)
    assert text == ""
    assert problem


def test_a_schedule_runs_the_task_and_makes_no_service(translated: Translate) -> None:
    made = translated(
        "services: {backup: {image: b, x-fargate: {schedule: 0 3 * * *, timezone: Europe/Berlin}}}",
        account="123456789012",
        subnets=("subnet-1",),
        security_groups=("sg-1",),
    )
    schedule = made.translation.stack.resources["schedule/backup"]
    assert isinstance(schedule, Schedule)
    assert schedule.schedule_expression == "cron(0 3 * * ? *)"
    assert schedule.schedule_expression_timezone == "Europe/Berlin"
    assert "service/backup" not in made.translation.stack.resources


def test_a_bad_schedule_is_refused_with_its_place(translated: Translate) -> None:
    made = translated("services:\n  b:\n    image: b\n    x-fargate:\n      schedule: sometimes\n")
    [said] = [d for d in made.diagnostics if d.code == "C2F270"]
    assert (said.severity, said.location and said.location.line) == (Severity.ERROR, 5)
