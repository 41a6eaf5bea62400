"""`permissions`: it allows what is really called, and little else."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import LoadOptions
from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.permissions import MANAGED_POLICY_CHARACTERS
from compose2fargate.apply.policy_documents import (
    policy_allows,
    policy_for_commands,
    policy_size,
    split_policy,
    too_large,
)
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.stack import Stack
from compose2fargate.sample_stack import sample_stack
from compose2fargate.workflows.translating import translate
from tests.apply.world import World
from tests.cli.conftest import Operate, change
from tests.conftest import ROOT, Program

FREE = {"sts:GetCallerIdentity"}
"""Nobody has to be allowed this: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""


def called(sandbox: Sandbox) -> set[str]:
    return {f"{PREFIXES.get(call.service, call.service)}:{call.operation}" for call in sandbox.calls} - FREE


PREFIXES = {"tagging": "tag"}
"""Services that sign with another name than permissions have."""


def not_allowed(sandbox: Sandbox, document: dict[str, Any]) -> set[str]:
    return {action for action in called(sandbox) if not policy_allows(document, action)}


def test_every_call_of_apply_and_destroy_is_allowed(sandbox: Sandbox, one_account: AwsAccount) -> None:
    one_account.forget()
    world = World(one_account)
    document = policy_for_commands(world.stack, "shop", ["apply"], "us-east-1", "123456789012")
    sandbox.calls.clear()
    assert world.apply().exit_code == 0
    assert world.apply().exit_code == 0
    others: dict[str, Any] = dict(world.stack.resources)
    tagged = world.with_resources(
        {node: one._replace(tags=()) if getattr(one, "tags", ()) else one for node, one in others.items()}
    )
    assert tagged.apply().exit_code == 0
    assert world.destroy().exit_code == 0
    assert len(called(sandbox)) > 80
    assert not_allowed(sandbox, document) == set()


def test_every_call_in_the_code_of_apply_is_allowed() -> None:
    """What is only called when something differs is in no journal, so the source is searched too."""
    import botocore.session
    from botocore import xform_name

    session = botocore.session.get_session()
    known: dict[str, set[str]] = {}
    for service in {*SIGNED, *SIGNED.values()} & set(session.get_available_services()):
        for operation in session.get_service_model(service).operation_names:
            known.setdefault(xform_name(operation), set()).add(f"{SIGNED.get(service, service)}:{operation}")
    folder = ROOT / "compose2fargate" / "apply"
    files = [
        *(folder / "handlers").glob("*.py"),
        folder / "deployment" / "preflight.py",
        folder / "deployment" / "rollout.py",
        folder / "deployment" / "executor.py",
    ]
    text = "".join(file.read_text("utf-8") for file in files)
    words = set(re.findall(r"\.([a-z_0-9]+)\b", text)) | set(re.findall(r'"([a-z_0-9]+)"', text))
    document = policy_for_commands(sample_stack(), "shop", ["apply"])
    refused = {
        word for word in words & set(known) if not any(policy_allows(document, a) for a in known[word])
    }
    assert len(words & set(known)) > 100
    assert refused <= {
        "get_caller_identity",
        "get_secret_value",
    }  # the latter where a JSON key of a secret is read


SIGNED = {
    "elbv2": "elasticloadbalancing",
    "efs": "elasticfilesystem",
    "resourcegroupstaggingapi": "tag",
    **{
        name: name
        for name in (
            "application-autoscaling", "ec2", "ecr", "ecs", "elasticache", "iam", "logs", "rds", "scheduler", "secretsmanager",
            "servicediscovery", "ssm", "sts",
        )
    },
}  # fmt: skip
"""Clients, and what permissions call them."""


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("run", ["migrate"]),
        ("run", ["worker", "--", "true"]),
        ("status", []),
        ("logs", ["--tail", "3"]),
        ("logs", []),
        ("rollback", ["web", "--yes"]),
    ],
)
def test_every_call_of_a_day_two_command_is_allowed(
    shop: Operate, folder: Path, sandbox: Sandbox, command: str, arguments: list[str]
) -> None:
    if command == "rollback":
        change(folder, "nginx:1.27", "nginx:1.28")
        assert shop("apply", "--yes", "--no-verify-first").status == 0
    document = json.loads(shop("permissions", "--include", command, "--only").out)
    sandbox.calls.clear()
    assert shop(command, *arguments).status == 0
    assert called(sandbox)
    assert not_allowed(sandbox, document) == set()


def test_a_failure_may_be_explained(shop: Operate, sandbox: Sandbox) -> None:
    document = json.loads(shop("permissions", "--include", "run", "--only").out)
    sandbox.behave("shop-migrate", kind="exit", exit_code=4, log=("no",))
    sandbox.calls.clear()
    assert shop("run", "migrate").status == 4
    assert "logs:GetLogEvents" in called(sandbox)
    assert not_allowed(sandbox, document) == set()


def test_a_command_may_be_executed_in_the_clusters_tasks(shop: Operate, sandbox: Sandbox) -> None:
    document = json.loads(shop("permissions", "--include", "exec", "--only").out)
    sandbox.calls.clear()
    shop("exec", "worker", "--", "ls")  # finds the task, and ends there: it is a sandbox
    assert called(sandbox) >= {"ecs:DescribeServices", "ecs:ListTasks", "ecs:DescribeTasks"}
    assert not_allowed(sandbox, document) == set()
    (execute,) = statement(document, "ecs:ExecuteCommand")
    assert [arn.split(":")[-1] for arn in execute["Resource"]] == ["cluster/shop", "task/shop/*"]


def test_push_may_do_what_its_code_calls() -> None:
    text = (ROOT / "compose2fargate" / "apply" / "aws_client" / "ecr_login.py").read_text("utf-8")
    document = policy_for_commands(sample_stack(), "shop", ["push"])
    for call in re.findall(r"\.((?:create|describe|get|put)_[a-z_]+)\(", text):
        action = "".join(word.capitalize() for word in call.split("_"))
        assert (
            action == "GetPaginator" or policy_allows(document, f"ecr:{action}") or f"sts:{action}" in FREE
        ), call


SECRETS = """\
name: shop
x-fargate: {secret_files: init}
services:
  web: {image: nginx, secrets: [license]}
secrets:
  license: {environment: LICENSE}
"""


@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_every_call_of_secrets_is_allowed(
    operate: Operate, folder: Path, sandbox: Sandbox, store: str
) -> None:
    (folder / "compose.yaml").write_text(SECRETS.replace("init}", f"init, secrets_store: {store}}}"))
    document = json.loads(operate("permissions", "--include", "secrets", "--only").out)
    sandbox.calls.clear()
    assert operate("secrets", "push", LICENSE="x").status == 0
    assert operate("secrets", "push", "--overwrite", LICENSE="y").status == 0
    assert operate("secrets").status == 0
    assert not_allowed(sandbox, document) == set()


def test_actions_are_those_that_aws_knows() -> None:
    import botocore.session

    session = botocore.session.get_session()
    models = {"elasticloadbalancing": "elbv2", "elasticfilesystem": "efs", "tag": "resourcegroupstaggingapi"}
    document = policy_for_commands(
        sample_stack(),
        "shop",
        ["apply", "push", "run", "status", "logs", "rollback", "exec", "secrets"],
    )
    actions = {action for one in document["Statement"] for action in one["Action"]} - {"iam:PassRole"}
    for action in actions:
        service, operation = action.split(":")
        known = session.get_service_model(models.get(service, service)).operation_names
        assert operation in known or operation == "Describe*", action
        assert known


def statement(document: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [one for one in document["Statement"] if action in one["Action"]]


def test_writing_is_limited_to_the_names_or_the_tag_of_the_stack() -> None:
    document = policy_for_commands(sample_stack(), "shop", ["apply"], "eu-central-1", "123456789012")
    reading = ("Describe", "Get", "List")
    allowed_anywhere = {
        "ecs:DeregisterTaskDefinition",  # AWS knows no resource for it
    }
    for one in document["Statement"]:
        if one["Resource"] != "*" or "Condition" in one:
            continue
        writing = {a for a in one["Action"] if not a.split(":")[1].startswith(reading)}
        others = writing - allowed_anywhere
        assert {action.split(":")[0] for action in others} <= {"ec2", "route53"}, (
            others
        )  # see docs/operations.md
    (update,) = statement(document, "ecs:UpdateService")
    assert update["Resource"] == "arn:aws:ecs:eu-central-1:123456789012:service/shop/*"
    (group,) = statement(document, "ec2:DeleteSecurityGroup")
    assert group["Condition"] == {"StringEquals": {"aws:ResourceTag/compose2fargate:project": "shop"}}


def test_names_of_another_environment_are_not_allowed() -> None:
    document = policy_for_commands(
        sample_stack(), "shop", ["apply", "run", "logs"], "eu-central-1", "123456789012"
    )
    for one in document["Statement"]:
        resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        writing = [
            a for a in one["Action"] if not a.split(":")[1].startswith(("Describe", "Get", "List", "Filter"))
        ]
        for other in (
            "cluster/shop-production",
            "role/shop-production-web-task",
            "log-group:/ecs/shop-production/web",
        ):
            assert (
                not writing
                or "Condition" in one
                or not [r for r in resources if r != "*" and covers(r, other)]
            ), one


def covers(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.split(":", 5)[5])


def test_roles_can_be_passed_to_tasks_and_schedules_only() -> None:
    document = policy_for_commands(sample_stack(), "shop", ["apply"], "eu-central-1", "123456789012")
    (passing,) = statement(document, "iam:PassRole")
    assert "*" not in passing["Resource"]
    assert passing["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "ecs-tasks.amazonaws.com",
        "ecs.amazonaws.com",
        "scheduler.amazonaws.com",
    ]
    names = passing["Resource"] if isinstance(passing["Resource"], list) else [passing["Resource"]]
    assert all(name.startswith("arn:aws:iam::123456789012:role/") for name in names)


def test_a_stack_without_a_thing_needs_no_permission_for_it(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: one\nservices: {web: {image: nginx}}\n")
    stack = translate(
        LoadOptions(cwd=str(tmp_path), environment={}), {"region": "eu-central-1"}
    ).translation.stack
    document = policy_for_commands(stack, "one", ["apply"])
    for action in ("elasticfilesystem:CreateFileSystem", "scheduler:CreateSchedule", "ssm:PutParameter"):
        assert not policy_allows(document, action)
    assert policy_allows(document, "ecs:CreateService")


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions_have_arns_of_their_own(region: str, partition: str) -> None:
    document = policy_for_commands(sample_stack(), "shop", ["apply"], region, "123456789012")
    assert statement(document, "ecs:UpdateService")[0]["Resource"].startswith(
        f"arn:{partition}:ecs:{region}:"
    )


def test_what_is_too_large_is_said_and_cut(program: Program, tmp_path: Path) -> None:
    document = policy_for_commands(
        sample_stack(),
        "shop",
        ["apply", "push", "run", "secrets"],
        "eu-central-1",
        "123456789012",
    )
    pieces = split_policy(document)
    assert [one for piece in pieces for one in piece["Statement"]] == document["Statement"]
    assert all(policy_size(piece) <= MANAGED_POLICY_CHARACTERS for piece in pieces)
    assert (too_large(document) is None) == (policy_size(document) <= MANAGED_POLICY_CHARACTERS)
    long = {**document, "Statement": document["Statement"] * 3}
    assert too_large(long) is not None
    assert len(split_policy(long)) > 1


def test_fifty_services_do_not_make_a_policy_of_fifty_times_the_size(tmp_path: Path) -> None:
    services = "".join(f"  service{n}: {{image: nginx}}\n" for n in range(50))
    (tmp_path / "compose.yaml").write_text(f"name: many\nservices:\n{services}")
    stack: Stack = translate(LoadOptions(cwd=str(tmp_path), environment={}), {}).translation.stack
    assert policy_size(policy_for_commands(stack, "many", ["apply"])) < MANAGED_POLICY_CHARACTERS


def test_it_is_offline_and_reproducible(program: Program, folder: Path) -> None:
    first = program("permissions", "--region", "eu-central-1", cwd=folder)
    assert first.status == 0, first.err
    assert first.out == program("permissions", "--region", "eu-central-1", cwd=folder).out
    document = json.loads(first.out)
    assert document["Version"] == "2012-10-17"
    sids = [one["Sid"] for one in document["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)


def test_terraform_gets_a_resource(program: Program, folder: Path) -> None:
    done = program("permissions", "--format", "terraform", "--include", "all", cwd=folder)
    assert done.out.startswith('resource "aws_iam_policy" "shop-deploy" {\n')
    assert "jsonencode({" in done.out
    assert "ecs:ExecuteCommand" in done.out


@pytest.mark.parametrize("arguments", [["--include", "everything"], ["--only"]])
def test_what_is_not_known_is_a_usage_error(program: Program, folder: Path, arguments: list[str]) -> None:
    done = program("permissions", *arguments, cwd=folder)
    assert done.status == 2
    assert "push" in done.err
