"""The life of a fixture's module: a real Terraform against a fake AWS, from `apply` over a changed compose file to `destroy`.

The fixtures together have every type of resource that any fixture has; `TERRAFORM_LIVES=all` takes every fixture. Most
of the time is waiting inside the provider (a minute for each load balancer), so more workers (`-n 4`) save time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.emitters.accounts import Account, Module
from tests.emitters.conftest import Terraform
from tests.emitters.projects import CASES, FIXTURES, convert
from tests.given import ARNS, Given

REPRESENTATIVE = (
    "sample",
    "net-network-load-balancer",
    "net-host-and-path",
    "autoscaling",
    "jobs-and-schedules",
    "spot-and-arm",
    "secret-files",
    "ebs",
)


STORES = ("aws_db_", "aws_elasticache_", "aws_service_discovery_instance")
"""Databases and caches that AWS runs: the fake has no parameter groups of caches, so that no module with one can be applied."""


def chosen() -> tuple[str, ...]:
    named = os.environ.get("TERRAFORM_LIVES", "")
    return tuple(CASES) if named == "all" else tuple(named.split()) or REPRESENTATIVE


class Life(NamedTuple):
    """What happened to one module, as `terraform` told it."""

    again: str
    changes: Mapping[str, list[str]]
    after_change: str
    destroyed: str
    left: frozenset[str]
    stopped: list[str]


def types(folder: Path) -> frozenset[str]:
    texts = (path.read_text("utf-8") for path in folder.glob("*.tf"))
    return frozenset(kind for text in texts for kind in re.findall(r'^resource "(\w+)"', text, re.MULTILINE))


def test_the_chosen_fixtures_have_every_type_that_any_fixture_has() -> None:
    made = {case: types(FIXTURES / case / "expected" / "terraform") for case in CASES}
    covered = frozenset(kind for case in REPRESENTATIVE for kind in made[case])
    wanted = frozenset(kind for kinds in made.values() for kind in kinds)
    assert {kind for kind in wanted - covered if not kind.startswith(STORES)} == set()


def place(made: Path, known: Mapping[str, str], group: str, subnets: list[str]) -> None:
    """Put what the account has in the place of what a fixture makes up: ids and ARNs that only AWS gives."""
    for path in made.glob("*.tf"):
        text = re.sub(r'"sg-\w+"', f'"{group}"', path.read_text("utf-8"))
        for name, own in known.items():
            text = text.replace(f'"{name}"', f'"{own}"')
        for number, name in enumerate(dict.fromkeys(re.findall(r'"subnet-\w+"', text))):
            text = text.replace(name, f'"{subnets[number % 2]}"')
        path.write_text(text, "utf-8")


def prepared(account: Account, made: Path, group: str, subnets: list[str]) -> dict[str, str]:
    """Make what a compose file says that its user has already; give ARNs that it makes up with those that AWS gave."""
    text = "\n".join(path.read_text("utf-8") for path in made.glob("*.tf"))
    given = Given(account.client, subnets, [group])
    for name in re.findall(r'^data "aws_ecs_cluster" "\w+" \{\n  cluster_name = "(.+)"$', text, re.MULTILINE):
        given.cluster(name)
    for name in re.findall(r'^data "aws_iam_role" "\w+" \{\n  name = "(.+)"$', text, re.MULTILINE):
        given.role(name)
    images = r'^  repository_name = "(.+)"\n  image_tag +=.*"(.+?)"\)?$'
    for repository, tag in re.findall(images, text, re.MULTILINE):
        given.image(repository, tag)
    for name in sorted({*re.findall(r'valueFrom += "(/.+?)"$', text, re.MULTILINE)}):
        given.parameter(name)
    for name in re.findall(r"^  # aws secretsmanager create-secret --name (\S+) ", text, re.MULTILINE):
        given.secret(name)
    for name in {*re.findall(r'"arn:aws:iam::\d+:policy/(.+)"', text)}:
        given.policy(name)
    return {
        arn: getattr(given, kind)(found)
        for kind, pattern in ARNS.items()
        for arn, found in {match[0]: match[1] for match in re.finditer(pattern, text)}.items()
    }


def change(folder: Path, made: Path) -> None:
    """Give one service another variable, as a person would who has a file for it."""
    import yaml

    text = (made / "variables.tf").read_text("utf-8")
    found = re.search(r"^  services = (\[.*?\])$", text, re.MULTILINE | re.DOTALL)
    assert found
    (service, *_) = re.findall(r'"([^"]+)"', found[1])
    override = folder / "compose.override.yaml"
    content = yaml.safe_load(override.read_text("utf-8")) if override.exists() else {"services": {}}
    content["services"].setdefault(service, {}).setdefault("environment", {})["CHANGED"] = "yes"
    override.write_text(yaml.safe_dump(content), "utf-8")


class Two(NamedTuple):
    """The module of a fixture, and what it becomes by a change of the compose file."""

    before: Path
    after: Path


def converted(case: str, folder: Path) -> Two | None:
    """Convert a fixture twice."""
    # Both are called alike: the directory's name is the project's where the file does not say it.
    first, second = folder / "before" / case, folder / "after" / case
    for copy in (first, second):
        shutil.copytree(FIXTURES / case, copy, ignore=shutil.ignore_patterns("expected"))
    before = convert(case, "terraform", first)
    if before is None:
        return None
    change(second, before)
    after = convert(case, "terraform", second)
    assert after
    return Two(before, after)


def live(terraform: Terraform, two: Two) -> Life:
    with closing(Account()) as account:
        variables, group = account.network()
        subnets = json.loads(variables["subnet_ids"])
        known = prepared(account, two.before, group, subnets)
        for made in two:
            place(made, known, group, subnets)
        before = account.holds()
        account.demand_inputs()
        module = Module(terraform, two.before, account, variables)
        module.apply()
        again = module.plan()
        shutil.copytree(two.after, two.before, dirs_exist_ok=True)
        changes = module.changes()
        module.apply()
        stopped = account.failures()
        return Life(again, changes, module.plan(), module.destroy(), account.holds() - before, stopped)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", chosen())
def test_a_fixture_lives_from_apply_to_destroy(case: str, terraform: Terraform, tmp_path: Path) -> None:
    two = converted(case, tmp_path)
    if two is None:
        pytest.skip("refused")
    life = live(terraform, two)
    assert life.stopped == []
    assert life.again == "No changes"
    assert any(address.startswith("aws_ecs_service.") for address in life.changes)
    replaced = [address for address, actions in life.changes.items() if actions != ["update"]]
    assert [a for a in replaced if not a.startswith("aws_ecs_task_definition.")] == []
    assert life.after_change == "No changes"
    assert re.fullmatch(r"Destroy complete! Resources: [1-9]\d*", life.destroyed), life.destroyed
    assert life.left == set()
