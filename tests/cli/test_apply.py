"""plan, apply, destroy and sandbox as a user calls them, against a sandbox of the test's own folder."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Processes, Program

CANARY = "canary-s3cret-value"
COMPOSE = f"""
name: shop
x-fargate:
  region: us-east-1
services:
  web:
    image: nginx:1.27
    expose: ["80"]
    environment:
      API_TOKEN: {CANARY}
      LEVEL: info
    depends_on:
      migrate: {{condition: service_completed_successfully}}
  migrate:
    image: busybox
    command: ["echo", "done"]
"""


class Project(Processes):
    """A folder with a compose file and a sandbox."""

    settings: tuple[str, ...]

    def with_security_group(self) -> None:
        """Make a security group for the tasks, as somebody has who brings a network of their own."""
        import boto3

        values = self.variables
        ec2 = boto3.client(
            "ec2", endpoint_url=values["AWS_ENDPOINT_URL"], region_name=values["AWS_REGION"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"], aws_secret_access_key="sandbox",
        )  # fmt: skip
        group = ec2.create_security_group(GroupName="own", Description="own")["GroupId"]
        ec2.close()
        self.settings = ("--sandbox", "--security-group", group)

    def write(self, text: str) -> None:
        (self.folder / "compose.yaml").write_text(text, "utf-8")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = super().run(*arguments, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert CANARY not in done.stdout + done.stderr
        return done

    def behave(self, *arguments: str) -> None:
        assert self.run("sandbox", "behave", *arguments).returncode == 0


@pytest.fixture(scope="module")
def one_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    environment = {"NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    made = Project(tmp_path_factory.mktemp("home") / "shop", environment)
    yield made
    made.process("sandbox", "stop")


@pytest.fixture
def project(one_project: Project, program: Program) -> Project:
    one_project.begin(program, COMPOSE)
    one_project.settings = ("--sandbox",)
    return one_project


def test_the_whole_cycle_in_the_sandbox(project: Project) -> None:
    project.with_security_group()
    planned = project.run("plan", *project.settings)
    assert planned.returncode == 0, planned.stderr
    assert "SANDBOX" in planned.stderr
    assert "+ create    service/web" in planned.stdout

    first = project.run("apply", *project.settings, "--yes")
    assert first.returncode == 0, first.stderr
    assert "run-task/migrate: done" in first.stderr

    again = project.run("apply", *project.settings, "--yes")
    assert "nothing to do" in again.stderr
    assert project.run("plan", *project.settings, "--exit-code").returncode == 0

    project.write(COMPOSE.replace("LEVEL: info", "LEVEL: debug"))
    changed = project.run("plan", *project.settings, "--exit-code", "--format", "json")
    assert changed.returncode == 1
    document = json.loads(changed.stdout)
    kinds = {a["id"]: a["action"] for a in document["actions"] if a["action"] != "unchanged"}
    assert kinds == {"task-definition/web": "update", "service/web": "update"}
    assert "environment[LEVEL]" in changed.stdout

    project.behave("web", "--exit-code", "3", "--log", "cannot bind to port 80")
    failed = project.run("apply", *project.settings, "--yes")
    assert failed.returncode == 1, failed.stderr
    for told in (
        "C2F430",
        "rolled back",
        "exit code 3",
        "cannot bind to port 80",
        "rolled back to shop-web:1",
    ):
        assert told in failed.stderr

    project.behave("web", "--kind", "run")
    assert project.run("apply", *project.settings, "--yes").returncode == 0
    gone = project.run("destroy", *project.settings, "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "nothing to do" in project.run("destroy", *project.settings, "--yes").stderr


def test_a_failing_job_stops_what_waits_for_it(project: Project) -> None:
    project.with_security_group()
    project.write(COMPOSE.replace('["echo", "done"]', '["sh", "-c", "echo no; exit 4"]'))
    failed = project.run("apply", *project.settings, "--yes")
    assert failed.returncode == 1, failed.stderr
    assert "C2F433" in failed.stderr
    assert "exit code 4" in failed.stderr
    assert "not done: create service/web (waits for run-task/migrate)" in failed.stderr
    project.write(COMPOSE)
    assert project.run("apply", *project.settings, "--yes").returncode == 0


def test_a_saved_plan_is_carried_out_if_nothing_moved(project: Project) -> None:
    project.with_security_group()
    assert project.run("plan", *project.settings, "--out", "plan.json").returncode == 0
    assert CANARY not in (project.folder / "plan.json").read_text("utf-8")
    project.write(COMPOSE.replace("LEVEL: info", "LEVEL: debug"))
    stale = project.run("apply", "plan.json")
    assert stale.returncode == 1
    assert "C2F419" in stale.stderr
    project.write(COMPOSE)
    done = project.run("apply", "plan.json")
    assert done.returncode == 0, done.stderr
    assert project.run("apply", "plan.json").returncode == 1
    assert project.run("apply", "compose.yaml").returncode == 2


def test_nobody_is_asked_without_a_terminal(project: Project) -> None:
    refused = project.run("apply", *project.settings)
    assert refused.returncode == 2
    assert "C2F417" in refused.stderr
    assert project.run("destroy", *project.settings).returncode in (0, 2)


def test_an_interrupt_says_what_is_done_and_deletes_nothing(project: Project) -> None:
    project.with_security_group()
    project.behave("web", "--kind", "stuck")
    command = project.command("apply", *project.settings, "--yes")
    with subprocess.Popen(
        command, cwd=project.folder, env=project.environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("service/web: waiting"):
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said.append(process.stderr.read())
    assert process.wait(30) == 130, "".join(said)
    assert "interrupted:" in "".join(said)
    assert "nothing was deleted" in "".join(said)
    project.behave("web", "--kind", "run")
    assert project.run("apply", *project.settings, "--yes").returncode == 0


NOWHERE: dict[str, Any] = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}


def test_no_credentials_are_told_with_the_way_out(project: Project) -> None:
    done = project.run("plan")
    assert done.returncode == 3
    assert "C2F400" in done.stderr
    assert "aws configure" in done.stderr


def test_aws_that_cannot_be_reached_is_told(project: Project) -> None:
    done = project.run("plan", **NOWHERE, AWS_MAX_ATTEMPTS="1")
    assert done.returncode == 3
    assert "C2F403" in done.stderr


def test_an_unknown_profile_is_told(project: Project) -> None:
    done = project.run("plan", "--aws-profile", "nobody")
    assert (done.returncode, "C2F402" in done.stderr) == (3, True)


def test_verify_checks_and_changes_nothing(project: Project) -> None:
    project.write(COMPOSE.replace("LEVEL: info", "LEVEL: info\n    x-fargate: {secrets: {KEY: /not/there}}"))
    done = project.run("apply", *project.settings, "--verify")
    assert done.returncode == 1
    assert "C2F472" in done.stderr
    assert "/not/there" in done.stderr
    assert "+ create    cluster" in project.run("plan", *project.settings).stdout


def test_convert_can_deploy_too(project: Project) -> None:
    project.with_security_group()
    done = project.run("convert", "-o", "out", "--apply", "--yes", *project.settings)
    assert done.returncode == 0, done.stderr
    assert (project.folder / "out" / "task-definitions" / "web.json").is_file()
    assert "service/web: done" in done.stderr
    assert project.run("plan", *project.settings, "--exit-code").returncode == 0
