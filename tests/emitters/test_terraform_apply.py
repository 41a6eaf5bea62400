"""The life of a module: a real Terraform against a fake AWS, from `apply` to `destroy`.

Most of the time is waiting inside the provider (a minute for each load balancer), so everything runs side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compose2fargate.aws.resources import EcsService, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import KeyValue
from compose2fargate.emitters.terraform import TerraformEmitter
from compose2fargate.sample_stack import AWKWARD, CERTIFICATE, sample_stack
from compose2fargate.settings import Settings
from tests.emitters.accounts import REGION, Account, Module
from tests.emitters.conftest import Terraform, write
from tests.emitters.stacks import with_what_exists

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Life(NamedTuple):
    """What happened to one module, as `terraform` told it."""

    account: Account
    made: Any
    again: str
    changes: Mapping[str, list[str]]
    after_change: str
    destroyed: str


def changed(stack: Stack) -> Stack:
    """The stack with another environment variable in one container."""
    logical_id = next(i for i, _ in stack.of_type(EcsService)).replace("service/", "task-definition/")
    definition = stack.resources[logical_id]
    assert isinstance(definition, TaskDefinition)
    first, *others = definition.container_definitions
    container = first._replace(environment=(*first.environment, KeyValue("CHANGED", "yes")))
    new = definition._replace(container_definitions=(container, *others))
    return stack._replace(resources={**stack.resources, logical_id: new})


def emitted(stack: Stack) -> Mapping[str, str]:
    return TerraformEmitter().emit(stack, Settings())


def live(
    terraform: Terraform, folder: Path, account: Account, stack: Stack, variables: Mapping[str, str]
) -> Life:
    folder.mkdir()
    module = Module(terraform, write(emitted(stack), folder), account, variables)
    module.apply()
    made, again = module.outputs(), module.plan()
    write(emitted(changed(stack)), folder)
    changes = module.changes()
    module.apply()
    return Life(account, made, again, changes, module.plan(), module.destroy())


def prepared(account: Account) -> None:
    """Make what `with_what_exists` speaks of."""
    account.client("ecs").create_cluster(clusterName="shared")
    account.client("iam").create_role(RoleName="ecsTaskExecutionRole", AssumeRolePolicyDocument="{}")
    account.client("iam").create_role(RoleName="app", AssumeRolePolicyDocument="{}")


def in_the_account(account: Account, stack: Stack) -> tuple[Stack, dict[str, str]]:
    """Put ids of the account in the place of those that are made up."""
    variables, group = account.network()
    existing = stack.resources["security-group/default"]._replace(identifier=group)  # type: ignore[call-arg]
    return stack._replace(resources={**stack.resources, "security-group/default": existing}), variables


@pytest.fixture(scope="module")
def lives(
    terraform: Terraform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Life]]]:
    folder = tmp_path_factory.mktemp("lives")
    shared, guest_account = Account(), Account()
    prepared(guest_account)
    certificate = shared.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    variables = {"certificate_arn": certificate}
    guest, of_guest = in_the_account(guest_account, with_what_exists())
    with ThreadPoolExecutor(4) as pool:
        yield {
            "production": pool.submit(
                live, terraform, folder / "production", shared, sample_stack("shop-production"), variables
            ),
            "staging": pool.submit(
                live, terraform, folder / "staging", shared, sample_stack("shop-staging"), variables
            ),
            "guest": pool.submit(live, terraform, folder / "guest", guest_account, guest, of_guest),
        }
    shared.close()
    guest_account.close()


STACKS = ("production", "staging", "guest")


@pytest.mark.parametrize("name", STACKS)
def test_a_second_plan_has_no_changes(name: str, lives: Mapping[str, Future[Life]]) -> None:
    assert lives[name].result().again == "No changes"


@pytest.mark.parametrize("name", STACKS)
def test_a_changed_value_is_an_update_in_place(name: str, lives: Mapping[str, Future[Life]]) -> None:
    life = lives[name].result()
    replaced = {a: actions for a, actions in life.changes.items() if actions != ["update"]}
    assert len(replaced) == 1
    assert all(address.startswith("aws_ecs_task_definition.") for address in replaced)
    assert any(address.startswith("aws_ecs_service.") for address in life.changes)
    assert life.after_change == "No changes"


@pytest.mark.parametrize("name", STACKS)
def test_destroying_leaves_nothing(name: str, lives: Mapping[str, Future[Life]]) -> None:
    destroyed = lives[name].result().destroyed
    assert re.fullmatch(r"Destroy complete! Resources: [1-9]\d*", destroyed), destroyed


def test_two_environments_leave_the_account_as_it_was(lives: Mapping[str, Future[Life]]) -> None:
    account = lives["production"].result().account
    assert lives["staging"].result().account is account
    ecs = account.client("ecs")
    clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"] or ["none"])["clusters"]
    assert [cluster["clusterName"] for cluster in clusters if cluster["status"] == "ACTIVE"] == []
    assert account.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert account.client("logs").describe_log_groups()["logGroups"] == []
    assert account.client("efs").describe_file_systems()["FileSystems"] == []
    assert account.client("ecr").describe_repositories()["repositories"] == []
    assert account.client("ssm").describe_parameters()["Parameters"] == []
    assert account.client("scheduler").list_schedules()["Schedules"] == []
    groups = account.client("ec2").describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default"}


def test_old_revisions_stay_and_hold_the_texts_as_they_were(lives: Mapping[str, Future[Life]]) -> None:
    ecs = lives["production"].result().account.client("ecs")
    for revision in ("1",):
        found = ecs.describe_task_definition(taskDefinition=f"shop-production-web:{revision}")[
            "taskDefinition"
        ]
        assert found["status"] == "ACTIVE"
        web = next(c for c in found["containerDefinitions"] if c["name"] == "web")
        assert {"name": "AWKWARD", "value": AWKWARD} in web["environment"]
        assert web["entryPoint"] == ["/entry", AWKWARD]


def test_the_outputs_are_commands_that_the_shell_takes(lives: Mapping[str, Future[Life]]) -> None:
    import shlex

    made = lives["production"].result().made
    words = shlex.split(made["run_task_commands"]["migrate"])
    assert words[:5] == ["aws", "ecs", "run-task", "--region", REGION]
    request = json.loads(words[-1])
    assert request["cluster"] == "shop-production"
    assert request["taskDefinition"] == made["task_definition_arns"]["migrate"]
    assert made["urls"]["443/https"].startswith("https://shop-production-")
    assert CERTIFICATE not in json.dumps(made)
