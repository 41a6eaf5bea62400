"""`status`: what is shown of services, jobs and schedules."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.day_two.aws_names import deployed_services, service_addresses
from compose2fargate.apply.day_two.status import health_of, state_of
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.cli import status as cli_status
from compose2fargate.cli.status import ago
from compose2fargate.sample_stack import sample_stack
from tests.cli.conftest import Operate, change


def test_a_stack_that_runs_is_shown_whole(shop: Operate) -> None:
    done = shop("status")
    assert done.status == 0, done.err
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert rows["web"][:5] == ["web", "1", "1", "0", "shop-web:1"]
    assert rows["worker"][6] == "steady"
    assert "web: has reached a steady state." in done.out
    assert rows["migrate"][:3] == ["migrate", "shop-migrate:1", "0"]
    assert "exit 0" in done.out
    assert "cron(30 3 * * ? *) (enabled)" in done.out


def test_status_changes_nothing(shop: Operate, sandbox: Sandbox) -> None:
    shop("status")
    changing = [c for c in sandbox.calls if not c.operation.startswith(("Describe", "List", "Get"))]
    assert changing == []


def test_what_is_not_deployed_is_said(operate: Operate) -> None:
    done = operate("status", "--exit-code")
    assert done.status == 1
    assert "not deployed" in done.out


def test_json_holds_the_same(shop: Operate) -> None:
    seen = json.loads(shop("status", "--format", "json").out)
    assert (seen["stack"], seen["region"], seen["good"]) == ("shop", "us-east-1", True)
    web = seen["services"][0]
    assert (web["desired"], web["running"], web["revision"], web["latest"]) == (1, 1, "shop-web:1", "")
    assert datetime.fromisoformat(web["since"].replace("Z", "+00:00")) < datetime.now(timezone.utc)
    assert [job["service"] for job in seen["jobs"]] == ["migrate", "nightly"]
    assert seen["jobs"][1]["state"] == "ENABLED"


def test_a_rollback_shows_as_a_newer_revision_that_does_not_serve(
    shop: Operate, folder: Path, sandbox: Sandbox
) -> None:
    sandbox.behave("web", kind="exit", revision=2)
    change(folder, "nginx:1.27", "nginx:1.28")
    assert shop("apply", "--yes", "--no-verify-first").status == 1
    out = shop("status").out
    assert "web: shop-web:2 is registered but not deployed" in out
    assert "shop-web:1" in out


def test_a_refusal_of_aws_is_exit_3(shop: Operate, sandbox: Sandbox, account: AwsAccount) -> None:
    sandbox.fault(service="ecs", operation="DescribeServices", code="AccessDeniedException", times=9)
    done = shop("status")
    assert done.status == 3
    assert "C2F404" in done.err


def test_the_addresses_of_a_service_are_those_of_its_listeners() -> None:
    stack = sample_stack()
    urls = {
        one.url("lb.example.com")
        for name in deployed_services(stack)
        for one in service_addresses(stack, name)
    }
    assert urls
    assert {url.partition("://")[0] for url in urls} <= {"http", "https", "tcp", "tls"}
    assert not [url for url in urls if "http://lb.example.com:80/" in url or "*" in url]


def test_watching_shows_it_again_until_it_is_interrupted(
    shop: Operate, account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        account.client("ecs").update_service(cluster="shop", service="web", desiredCount=3)
        if len(pauses) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli_status, "time", SimpleNamespace(sleep=sleep))
    done = shop("status", "--watch", "--interval", "2")
    assert (done.status, pauses) == (130, [2.0, 2.0])
    counts = [line.split()[1:3] for line in done.out.splitlines() if line.startswith("web  ")]
    assert counts == [["1", "1"], ["3", "3"]]
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("tasks", "health"),
    [
        ([], "-"),
        (["UNKNOWN"], "-"),
        (["HEALTHY", "HEALTHY"], "healthy"),
        (["HEALTHY", "UNKNOWN"], "starting"),
        (["HEALTHY", "UNHEALTHY"], "1 of 2 unhealthy"),
    ],
)
def test_health_is_the_worst_there_is(tasks: list[str], health: str) -> None:
    assert health_of([{"healthStatus": state} for state in tasks]) == health


def test_a_deployment_that_has_not_ended_is_not_steady() -> None:
    deployment = {"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}
    assert state_of({"deployments": [deployment]}) == "deploying"
    assert state_of({"deployments": [{**deployment, "rolloutState": "FAILED"}]}) == "failed"
    done = {**deployment, "rolloutState": "COMPLETED"}
    assert state_of({"deployments": [done, {"status": "ACTIVE"}]}) == "deploying"
    assert state_of({"deployments": [done]}) == "steady"


def test_ages_are_rounded_down() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    ages = [ago(now - timedelta(seconds=s), now) for s in (3, 119, 120, 7200, 3 * 86400)]
    assert ages == ["3 s", "119 s", "2 min", "2 h", "3 d"]
