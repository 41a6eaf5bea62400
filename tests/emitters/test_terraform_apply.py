"""The life of a module: a real Terraform against a fake AWS, from `apply` to `destroy`.

Most of the time is waiting inside the provider (a minute for each load balancer), so two environments live side by side.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compose2fargate.__main__ import run
from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.resources import EcsService, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter
from compose2fargate.sample_stack import AWKWARD, CERTIFICATE, sample_stack
from compose2fargate.settings import Settings
from tests.emitters.accounts import REGION, Account, Module
from tests.emitters.conftest import Terraform, write
from tests.emitters.stacks import with_what_exists
from tests.given import TRUST, Given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def account() -> Iterator[Account]:
    with closing(Account()) as made:
        yield made


class Life(NamedTuple):
    """What happened to one module, as `terraform` told it."""

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
    assert account.failures(stack.name) == []
    made, again = module.outputs(), module.plan()
    write(emitted(changed(stack)), folder)
    changes = module.changes()
    module.apply()
    return Life(made, again, changes, module.plan(), module.destroy())


def prepared(account: Account) -> None:
    """Make what `with_what_exists` speaks of."""
    account.client("ecs").create_cluster(clusterName="shared")
    account.client("iam").create_role(RoleName="ecsTaskExecutionRole", AssumeRolePolicyDocument=TRUST)
    account.client("iam").create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)


def push(account: Account, stack: str) -> None:
    """Do what `push` and `secrets push` do: nothing starts without it."""
    given = Given(account.client, ())
    given.image(f"{stack}/web", "v1")
    given.parameter(f"/{stack}/token")
    given.secret(f"{stack}/password")


def in_the_account(account: Account, stack: Stack) -> tuple[Stack, dict[str, str]]:
    """Put ids of the account in the place of those that are made up."""
    variables, group = account.network()
    existing = stack.resources["security-group/default"]._replace(identifier=group)  # type: ignore[call-arg]
    return stack._replace(resources={**stack.resources, "security-group/default": existing}), variables


def assert_lived(life: Life) -> None:
    """Check that nothing is left to do after an apply, that a change is one in place, and that all of it goes away."""
    assert life.again == "No changes"
    replaced = {a: actions for a, actions in life.changes.items() if actions != ["update"]}
    assert len(replaced) == 1
    assert all(address.startswith("aws_ecs_task_definition.") for address in replaced)
    assert any(address.startswith("aws_ecs_service.") for address in life.changes)
    assert life.after_change == "No changes"
    assert re.fullmatch(r"Destroy complete! Resources: [1-9]\d*", life.destroyed), life.destroyed


# One test for each account: what a fixture does is done once in each worker that runs the tests, and a life is long.


def test_two_environments_live_side_by_side(terraform: Terraform, tmp_path: Path, account: Account) -> None:
    certificate = account.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    variables = {"certificate_arn": certificate}
    names = ("shop-production", "shop-staging")
    for name in names:
        push(account, name)
    before = account.holds()
    account.demand_inputs()
    with ThreadPoolExecutor(len(names)) as pool:
        started = [
            pool.submit(
                live, terraform, tmp_path / name, account, sample_stack(name, stores=False), variables
            )
            for name in names
        ]
    production, staging = (future.result() for future in started)
    assert_lived(production)
    assert_lived(staging)
    assert account.holds() == before
    assert_old_revisions_hold_the_texts(account)
    assert_outputs_are_commands_for_the_shell(production.made)


def test_nothing_is_made_before_images_and_secrets_are_there(
    terraform: Terraform, tmp_path: Path, account: Account
) -> None:
    """A service would wait for its image, and a database start without its password."""
    module = Module(terraform, write(emitted(sample_stack("shop", stores=False)), tmp_path), account, {})
    before = account.holds()
    stopped = module.run("apply", "-auto-approve")
    assert stopped.returncode == 1
    for missing in (
        "data.aws_ecr_image.web",
        "ephemeral.aws_ssm_parameter.token",
        "data.aws_secretsmanager_secret",
    ):
        assert missing in stopped.stderr
    given = Given(account.client, ())
    given.image("shop/web", "v1")
    given.parameter("/shop/token")
    account.client("secretsmanager").create_secret(Name="shop/password")
    stopped = module.run("apply", "-auto-approve")
    assert stopped.returncode == 1
    assert "The secret shop/password has no value yet." in stopped.stderr
    assert not [
        one
        for one in account.holds() - before
        if not one.startswith(("repositories", "Parameters", "SecretList"))
    ]


def test_a_vpc_alone_gives_one_subnet_of_each_zone(
    terraform: Terraform, tmp_path: Path, account: Account
) -> None:
    """A file system and a load balancer take no more; the one is chosen that suits public addresses."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = {}
    for number, (zone, public) in enumerate(
        [("a", False), ("a", True), ("b", False), ("b", True), ("c", False)]
    ):
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": public})
        made[zone, public] = subnet
    files = emitted(sample_stack("shop", stores=False))
    lookups = files["network.tf"].partition("\nresource ")[0]
    output = 'output "chosen" {\n  value = local.subnet_ids\n}\n'
    write(
        {**{n: files[n] for n in ("versions.tf", "variables.tf")}, "network.tf": lookups, "own.tf": output},
        tmp_path,
    )
    for public in (True, False):
        variables = {"vpc_id": vpc, "assign_public_ip": str(public).lower()}
        module = Module(terraform, tmp_path, account, variables)
        module.apply()
        expected = [made["a", public], made["b", public], made["c", False]]
        assert module.outputs()["chosen"] == expected


def test_a_module_beside_what_exists_lives(terraform: Terraform, tmp_path: Path, account: Account) -> None:
    prepared(account)
    stack, variables = in_the_account(account, with_what_exists())
    before = account.holds()
    assert_lived(live(terraform, tmp_path / "guest", account, stack, variables))
    assert account.holds() == before


def assert_old_revisions_hold_the_texts(account: Account) -> None:
    ecs = account.client("ecs")
    found = ecs.describe_task_definition(taskDefinition="shop-production-web:1")["taskDefinition"]
    assert found["status"] == "ACTIVE"
    web = next(c for c in found["containerDefinitions"] if c["name"] == "web")
    assert {"name": "AWKWARD", "value": AWKWARD} in web["environment"]
    assert web["entryPoint"] == ["/entry", AWKWARD]


def assert_outputs_are_commands_for_the_shell(made: Any) -> None:
    words = shlex.split(made["run_task_commands"]["migrate"])
    assert words[:5] == ["aws", "ecs", "run-task", "--region", REGION]
    request = json.loads(words[-1])
    assert request["cluster"] == "shop-production"
    assert request["taskDefinition"] == made["task_definition_arns"]["migrate"]
    assert made["urls"]["443/https"].startswith("https://shop-production-")
    assert CERTIFICATE not in json.dumps(made)


def connected(folder: Path, *ports: str) -> Path:
    """Convert a project with one service that offers ports in Service Connect."""
    (folder / "compose.yaml").write_text(
        f"name: p\nservices: {{web: {{image: nginx, x-fargate: {{ingress: false}}, ports: [{', '.join(ports)}]}}}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(("convert", "--quiet", "-t", "terraform", "-o", "out", "--force")) == 0
    return folder / "out"


def test_another_protocol_of_a_port_makes_the_service_again(
    terraform: Terraform, tmp_path: Path, account: Account
) -> None:
    """AWS refuses to change it; a port that is added changes the service in place."""
    http, grpc, more = (
        "{target: 80, app_protocol: http}",
        "{target: 80, app_protocol: grpc}",
        "{target: 81}",
    )
    module = Module(terraform, connected(tmp_path, http), account, {})
    module.apply()
    connected(tmp_path, http, more)
    assert module.changes()["aws_ecs_service.web"] == ["update"]
    connected(tmp_path, grpc)
    assert module.changes()["aws_ecs_service.web"] == ["delete", "create"]
    module.apply()
    assert account.failures("p") == []
