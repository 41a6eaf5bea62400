"""Each project of fixtures/ in the fake AWS: applied, planned again, destroyed, with no more than `permissions` allows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import yaml

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox.server import Sandbox
from tests.apply.world import COUNTS
from tests.cli.test_permissions import not_allowed
from tests.conftest import ROOT, Program, Result
from tests.given import ARNS, Given

FIXTURES = ROOT / "fixtures"
REFUSED = frozenset({"binds-refused", "patch-refused", "refused", "traps"})
CASES = sorted({path.parent.name for path in FIXTURES.glob("*/compose.yaml")} - REFUSED)

_NAMES = {
    **ARNS,
    "subnet": r"()\bsubnet-\w+",
    "group": r"()\bsg-\w+",
    "vpc": r"()\bvpc-\w+",
    "file_system": r"()\bfs-[0-9a-f]+",
    "access_point": r"()\bfsap-[0-9a-f]+",
    "policy": r"arn:aws:iam::\d+:policy/([\w-]+)",
    "role": r"(?:execution|task|scheduler|infrastructure)_role: \{?([\w-]+)",
}
"""How the files of a fixture name what its user has already; the keys are methods of `Everything`."""


class Everything(Given):
    """Makes the rest too: each id that a fixture makes up becomes another thing."""

    def __init__(self, account: AwsAccount) -> None:
        subnets = account.client("ec2").describe_subnets()["Subnets"][:2]
        super().__init__(account.client, [one["SubnetId"] for one in subnets])
        self._count = count()
        self._vpc = str(subnets[0]["VpcId"])
        self._file_system = ""

    def subnet(self, _: str) -> str:
        return self.subnets[next(self._count) % 2]

    def group(self, _: str) -> str:
        name = f"given-{next(self._count)}"
        return str(self.client("ec2").create_security_group(GroupName=name, Description=name)["GroupId"])

    def vpc(self, _: str) -> str:
        return self._vpc

    def file_system(self, _: str) -> str:
        self._file_system = str(self.client("efs").create_file_system()["FileSystemId"])
        return self._file_system

    def access_point(self, _: str) -> str:
        return str(self.client("efs").create_access_point(FileSystemId=self._file_system)["AccessPointId"])


def place(folder: Path, account: AwsAccount) -> list[str]:
    """Put what the account has in the place of what a fixture makes up; give its arguments."""
    given, made = Everything(account), {}
    words: list[str] = []
    files = [file for file in (folder / "compose.yaml", folder / "arguments") if file.exists()]
    for file in files:
        text = re.sub(r"\beu-(?:central|west)-1\b", "us-east-1", file.read_text(encoding="utf-8"))
        text = text.replace("210987654321", "123456789012")
        for kind, pattern in _NAMES.items():
            for found in re.finditer(pattern, text):
                if found[0] not in made:
                    made[found[0]] = getattr(given, kind)(found[1]) or found[0]
        for name in sorted(made, key=len, reverse=True):
            text = text.replace(name, made[name])
        file.write_text(text, encoding="utf-8")
    if len(files) > 1:
        words = files[1].read_text(encoding="utf-8").splitlines()
    if "subnet-1" in made:  # a load balancer needs two, and the fixtures name one
        words = "\n".join(words).replace(f"--subnet\n{made['subnet-1']}", "").split()
        words += [word for subnet in given.subnets for word in ("--subnet", subnet)]
    return words


DATA_TOO = ("--volumes", "--images", "--stores")
AGAIN = frozenset({"names-by-dns", "secrets-auto"})
"""Fixtures that are made a second time, after they were destroyed: the names of namespaces and secrets can linger."""

VARIABLES = dict.fromkeys(("API_KEY", "SHOP_TOKEN", "SIGNING_KEY"), "canary-of-a-variable")
"""What the fixtures' secrets are read from."""


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_fixture_lives(
    case: str, program: Program, account: AwsAccount, sandbox: Sandbox, tmp_path: Path
) -> None:
    shutil.copytree(FIXTURES / case, tmp_path / case)
    arguments = place(tmp_path / case, account)

    def run(command: str, *words: str) -> Result:
        done = program(command, *arguments, "--sandbox", *words, cwd=tmp_path / case, env=VARIABLES)
        assert done.status == 0, done.err
        return done

    printed = program("permissions", *arguments, "--include", "all", cwd=tmp_path / case, env=VARIABLES)
    document = json.loads(printed.out)
    before = picture(account)
    sandbox.calls.clear()
    run("apply", "--yes", "--no-verify-first")
    steady(run)
    for command in ("status", "logs", "secrets"):
        run(command)
    run_jobs(run)
    arguments += change(tmp_path / case)
    assert "~ update    task-definition/" in run("plan").out
    run("apply", "--yes", "--no-verify-first")
    steady(run)
    run("destroy", "--yes", *DATA_TOO)
    if case in AGAIN:
        run("apply", "--yes", "--no-verify-first")
        steady(run)
        run("destroy", "--yes", *DATA_TOO)
    assert not_allowed(sandbox, document) == set()
    assert picture(account) == before


Run = Callable[..., Result]


def steady(run: Run) -> None:
    planned = run("plan").out
    assert planned.startswith("nothing to do"), planned


def run_jobs(run: Run) -> None:
    """Run each job again, as `status` names it."""
    for job in json.loads(run("status", "--format", "json").out).get("jobs", []):
        run("run", job["service"])


def change(folder: Path) -> list[str]:
    """Give each service another variable in one more file; give the words that name both."""
    text = (folder / "compose.yaml").read_text(encoding="utf-8")
    names = yaml.load(text, yaml.BaseLoader)["services"]  # noqa: S506 - it makes texts of all, objects of nothing
    content = {"services": {name: {"environment": {"CHANGED": "yes"}} for name in names}}
    (folder / "changed.yaml").write_text(json.dumps(content), encoding="utf-8")
    files = [
        name for name in ("compose.yaml", "compose.override.yaml", "changed.yaml") if (folder / name).exists()
    ]
    return [word for name in files for word in ("-f", name)]


def picture(account: AwsAccount) -> dict[str, int]:
    return {name: number(account) for name, number in COUNTS.items()}


@pytest.mark.slow
def test_names_that_are_cut_are_found_again(program: Program, account: AwsAccount, tmp_path: Path) -> None:
    """Roles and schedules have 64 characters: of a longer stack's name they begin with a part only."""
    project = "a-project-with-a-name-that-is-longer-than-what-a-role-may-have"
    content = {
        "name": project,
        "services": {
            "web": {"image": "nginx"},
            "nightly": {"image": "nginx", "x-fargate": {"schedule": "30 3 * * *"}},
        },
    }
    (tmp_path / "compose.yaml").write_text(json.dumps(content), encoding="utf-8")
    before = picture(account)
    for words in (("apply", "--no-verify-first"), ("destroy",)):
        done = program(*words, "--sandbox", "--yes", cwd=tmp_path)
        assert done.status == 0, done.err
    assert picture(account) == before


BIGGER = {
    "services": {
        "db": {"x-fargate": {"managed": {"class": "db.t4g.large", "storage": 80}}},
        "legacy": {"x-fargate": {"managed": {"version": "11.8", "parameters": {"max_connections": 150}}}},
        "cache": {
            "image": "valkey/valkey:8.0",
            "x-fargate": {"managed": {"class": "cache.t4g.small", "multi_az": True}},
        },
    }
}
UPGRADED = {
    "services": {
        "db": {
            "image": "postgis/postgis:17-3.5",
            "x-fargate": {"managed": {"allow_major_version_upgrade": True}},
        }
    }
}


@pytest.mark.slow
def test_managed_stores_live(program: Program, account: AwsAccount, sandbox: Sandbox, tmp_path: Path) -> None:
    """Changed in place in class, storage and version, kept by `destroy`, found again, and deleted where that is asked for."""
    folder = tmp_path / "managed-stores"
    shutil.copytree(FIXTURES / folder.name, folder)
    place(folder, account)
    files = ["-f", "compose.yaml"]

    def run(command: str, *words: str) -> Result:
        done = program(command, *files, "--sandbox", *words, cwd=folder)
        assert done.status == 0, done.err + done.out
        assert "canary" not in done.out + done.err
        return done

    before = picture(account)
    run("apply", "--yes", "--no-verify-first")
    steady(run)
    shown = {one["service"]: one for one in json.loads(run("status", "--format", "json").out)["stores"]}
    assert {name: one["state"] for name, one in shown.items()} == dict.fromkeys(
        ("db", "legacy", "cache"), "available"
    )
    assert shown["db"]["engine"] == "postgres 16.1"
    for name, content in (("bigger", BIGGER), ("upgraded", UPGRADED)):
        (folder / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
        files += ["-f", f"{name}.yaml"]
        sandbox.calls.clear()
        run("apply", "--yes", "--no-verify-first", "--prune")
        assert {c.operation for c in sandbox.calls} & {"CreateDBInstance", "CreateReplicationGroup"} == set()
        steady(run)
    shown = {one["service"]: one for one in json.loads(run("status", "--format", "json").out)["stores"]}
    assert (shown["db"]["engine"], shown["db"]["size"]) == ("postgres 17.1", "db.t4g.large")
    assert (shown["cache"]["engine"][:10], shown["cache"]["size"]) == ("valkey 8.0", "cache.t4g.small")
    kept = run("destroy", "--yes", "--volumes", "--images").err
    assert "db-instance/db shop-db: db.t4g.large, about" in kept
    assert "--stores" in kept.splitlines()[-1]
    assert (picture(account)["databases"], picture(account)["caches"]) == (2, 1)
    run("apply", "--yes", "--no-verify-first")
    steady(run)
    run("destroy", "--yes", *DATA_TOO)
    assert picture(account) == before
