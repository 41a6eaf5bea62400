"""The terraform target: what each resource becomes, where it stands, and that Terraform takes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.api_values import BuiltImage
from compose2fargate.aws.resources import (
    AccountIdentity,
    Existing,
    LoadBalancer,
    ManagedSecret,
    Repository,
    Resource,
    SecretParameter,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.cloudformation.cloudformation_target import CloudFormationEmitter
from compose2fargate.emitters.terraform.terraform_module import _FILES, TerraformEmitter
from compose2fargate.emitters.terraform.terraform_names import TYPES, terraform_labels
from compose2fargate.emitters.terraform.terraform_resources import RENDERERS
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from compose2fargate.testing import check_emitter, resource_types
from tests.conftest import ROOT
from tests.emitters.conftest import Terraform, write
from tests.emitters.mock import provider
from tests.emitters.projects import FIXTURES, convert
from tests.emitters.stacks import one_without_an_address, with_what_exists

LOOKED_UP = {AccountIdentity, VpcNetwork, Existing, Repository, SecretParameter, ManagedSecret}
EMITTER = TerraformEmitter()


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(EMITTER.emit(sample_stack(), Settings()))


def block(text: str, head: str) -> str:
    found = re.search(rf"^{re.escape(head)} \{{\n.*?^\}}$", text, re.MULTILINE | re.DOTALL)
    assert found, f"no {head}"
    return found[0]


def test_every_type_is_written_or_looked_up() -> None:
    assert set(RENDERERS) | LOOKED_UP == set(resource_types())
    assert set(RENDERERS) == set(_FILES)
    assert set(TYPES) - set(RENDERERS) == set()


def test_the_sample_has_every_type_that_is_made() -> None:
    assert {type(resource) for resource in sample_stack().resources.values()} == set(resource_types()) - {
        Existing
    }


def test_it_keeps_to_what_emitters_keep_to() -> None:
    check_emitter(EMITTER)


def test_files_are_laid_out_as_documented(files: dict[str, str]) -> None:
    services = [f"service_{name}.tf" for name in ("db", "migrate", "orders", "sessions", "web")]
    shared = [
        "cluster.tf",
        "images.tf",
        "network.tf",
        "load_balancer.tf",
        "iam.tf",
        "storage.tf",
        "stores.tf",
        "secrets.tf",
    ]
    assert list(files) == [
        ".gitignore",
        "README.md",
        "versions.tf",
        "variables.tf",
        "outputs.tf",
        *shared,
        "run_job.sh",
        *services,
    ]


def test_a_service_file_holds_what_belongs_to_the_service_and_says_where_it_comes_from(
    files: dict[str, str],
) -> None:
    text = files["service_web.tf"]
    assert text.startswith("# web: compose.yaml:3\n\nresource ")
    heads = re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)
    assert heads == [
        ("aws_vpc_security_group_ingress_rule", "web_8080"),
        ("aws_lb_target_group", "web_8080"),
        ("aws_lb_listener_rule", "web"),
        ("aws_cloudwatch_log_group", "web"),
        ("aws_ecs_task_definition", "web"),
        ("terraform_data", "web_protocols"),
        ("aws_ecs_service", "web"),
        ("aws_appautoscaling_target", "web"),
        ("aws_appautoscaling_policy", "web_cpu"),
        ("aws_appautoscaling_policy", "web_requests"),
    ]


def test_there_is_no_provider_block_and_no_secret_value(files: dict[str, str]) -> None:
    everything = "\n".join(files.values())
    assert not re.search(r'^provider "', everything, re.MULTILINE)
    assert "secret_string " not in everything
    assert "value_wo" not in everything
    assert 'data "aws_ssm_parameter"' not in everything


def test_images_and_secrets_are_looked_up_and_not_made(files: dict[str, str]) -> None:
    """Nothing could start from a repository that the module has just made, or with a secret that has no value yet."""
    everything = "\n".join(files.values())
    assert not re.search(r'^resource "aws_(ecr|ssm|secretsmanager)_', everything, re.MULTILINE)
    image = block(files["images.tf"], 'data "aws_ecr_image" "web"')
    assert re.search(r'^  image_tag +=.*var.image_tags, "web", "v1"', image, re.MULTILINE)
    parameter = block(files["secrets.tf"], 'ephemeral "aws_ssm_parameter" "token"')
    assert "with_decryption = false" in parameter
    assert "# aws ssm put-parameter --type SecureString --name /shop/token" in parameter
    secret = block(files["secrets.tf"], 'data "aws_secretsmanager_secret_versions" "password"')
    assert '"AWSCURRENT"' in secret


def test_a_pushed_image_is_looked_up_by_its_digest_unless_a_tag_is_chosen() -> None:
    stack = sample_stack()
    definition = stack.resources["task-definition/web"]
    assert isinstance(definition, TaskDefinition)
    containers = tuple(
        one._replace(image=one.image._replace(digest=f"sha256:{'a' * 64}"))
        if isinstance(one.image, BuiltImage)
        else one
        for one in definition.container_definitions
    )
    changed = definition._replace(container_definitions=containers)
    files = EMITTER.emit(
        stack._replace(resources={**stack.resources, "task-definition/web": changed}), Settings()
    )
    image = block(files["images.tf"], 'data "aws_ecr_image" "web"')
    assert 'lookup(var.image_tags, "web", null)' in image
    assert f'contains(keys(var.image_tags), "web") ? null : "sha256:{"a" * 64}"' in image


def test_a_secrets_name_ends_no_comment() -> None:
    stack = sample_stack()
    secret = SecretParameter('/x\nresource "a" "b" {}', "")
    text = EMITTER.emit(stack._replace(resources={**stack.resources, "secret/token": secret}), Settings())[
        "secrets.tf"
    ]
    assert '\nresource "a"' not in text


@pytest.mark.parametrize("emitter", [EMITTER, CloudFormationEmitter()])
def test_a_patch_of_what_is_looked_up_is_refused(emitter: Any) -> None:
    stack = sample_stack()._replace(extras={"repository/web": {"encryptionConfiguration": {}}})
    with pytest.raises(EmitError) as refused:
        emitter.emit(stack, Settings())
    assert [one.code for one in refused.value.diagnostics] == ["C2F346"]


def test_task_definitions_survive_and_scaled_counts_are_left_alone(files: dict[str, str]) -> None:
    everything = "\n".join(files.values())
    assert (
        everything.count('resource "aws_ecs_task_definition"') == everything.count("skip_destroy = true") == 3
    )
    assert everything.count("ignore_changes") == 1
    web = block(files["service_web.tf"], 'resource "aws_ecs_service" "web"')
    assert "# Application Auto Scaling writes the count" in web
    assert "ignore_changes = [desired_count]" in web


def test_a_service_waits_for_what_it_needs_and_for_what_the_compose_file_says(files: dict[str, str]) -> None:
    web = block(files["service_web.tf"], 'resource "aws_ecs_service" "web"')
    assert "# First, and steady (wait_for_steady_state), by depends_on of the compose file: db." in web
    assert "# First, and ended well, by depends_on of the compose file: migrate." in web
    assert waits_for(web)[-3:] == [
        "aws_lb_listener_rule.web",
        "aws_ecs_service.db",
        "terraform_data.run_migrate",
    ]
    db = block(files["service_db.tf"], 'resource "aws_ecs_service" "db"')
    assert {"aws_lb_listener.tcp_5432", "aws_efs_mount_target.main"} <= {*waits_for(db)}
    assert "wait_for_steady_state" in db


def test_a_job_runs_when_its_task_definition_is_another_one(files: dict[str, str]) -> None:
    run = block(files["service_migrate.tf"], 'resource "terraform_data" "run_migrate"')
    assert "count = var.run_jobs ? 1 : 0" in run
    assert "triggers_replace = [aws_ecs_task_definition.migrate.arn]" in run
    assert "aws_iam_role_policy.execution" in run
    assert re.search(r'CONTAINER += "migrate"', run)


_AWS = """#!/bin/sh
echo "$@" >>"{folder}/journal"
case "$1 $2 $*" in
  "ecs run-task "*) {started} ;;
  *lastStatus*) echo STOPPED ;;
  *exitCode*) echo {code} ;;
  *) echo "Essential container in task exited" ;;
esac
"""


@pytest.mark.parametrize(
    ("started", "code", "status", "said"),
    [
        ("echo arn:aws:ecs:x:1:task/shop/1", "0", 0, ""),
        (
            "echo arn:aws:ecs:x:1:task/shop/1",
            "3",
            1,
            "migrate did not end well: exit code 3, Essential container",
        ),
        ("echo arn:aws:ecs:x:1:task/shop/1", "None", 1, "migrate did not end well: exit code None"),
        ("echo None", "0", 1, "migrate was not started"),
    ],
)
def test_the_script_that_runs_a_job_ends_as_the_job_did(
    started: str, code: str, status: int, said: str, files: dict[str, str], tmp_path: Path
) -> None:
    write(
        {"run_job.sh": files["run_job.sh"], "aws": _AWS.format(folder=tmp_path, started=started, code=code)},
        tmp_path,
    )
    (tmp_path / "aws").chmod(0o755)
    given = {"CLUSTER": "shop", "CONTAINER": "migrate", "REQUEST": '{"cluster":"shop"}'}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(tmp_path / "run_job.sh")], env={**given, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    calls = (tmp_path / "journal").read_text("utf-8").splitlines()
    assert calls[0].startswith('ecs run-task --cli-input-json {"cluster":"shop"}')


def waits_for(text: str) -> list[str]:
    return re.findall(r"(?:aws|terraform)_\w+\.\w+", text.partition("depends_on = ")[2])


def test_a_target_group_is_there_before_the_one_that_it_replaces_goes(files: dict[str, str]) -> None:
    everything = "\n".join(files.values())
    groups = re.findall(r'^resource "aws_lb_target_group" .*?^}', everything, re.MULTILINE | re.DOTALL)
    assert len(groups) == 2
    assert all("    create_before_destroy = true\n" in group for group in groups)


def test_tasks_have_their_permissions_before_they_start(files: dict[str, str]) -> None:
    for name in ("web", "db"):
        waits = waits_for(block(files[f"service_{name}.tf"], f'resource "aws_ecs_service" "{name}"'))
        assert "aws_iam_role_policy.execution" in waits
    policies = re.findall(
        r'resource "(aws_iam_role_policy(?:_attachment)?)" "((?:web|db)_task\w*)"', "\n".join(files.values())
    )
    everything = "\n".join(files.values())
    assert policies
    assert all(f"{kind}.{label}," in everything for kind, label in policies)


def test_a_variable_chooses_public_addresses_but_for_a_task_that_has_its_own_way() -> None:
    files = EMITTER.emit(one_without_an_address(), Settings())
    chosen = block(files["variables.tf"], 'variable "assign_public_ip"')
    assert re.search(r"^  default +=.*", chosen, re.MULTILINE)[0] == "  default     = true"  # type: ignore[index]
    assert "assign_public_ip = var.assign_public_ip\n" in files["service_web.tf"]
    assert "assign_public_ip = false\n" in files["service_db.tf"]
    assert 'assignPublicIp = var.assign_public_ip ? "ENABLED" : "DISABLED"' in files["service_migrate.tf"]


def test_existing_things_are_looked_up_or_literals() -> None:
    files = EMITTER.emit(with_what_exists(), Settings())
    assert 'data "aws_ecs_cluster" "main" {\n  cluster_name = "shared"' in files["cluster.tf"]
    assert 'data "aws_iam_role" "execution" {\n  name = "ecsTaskExecutionRole"' in files["iam.tf"]
    service = next(
        text for path, text in files.items() if path.startswith("service_") and "aws_ecs_service" in text
    )
    assert '["sg-12345678"]' in service
    assert 'file_system_id     = "fs-12345678"' in service
    everything = "\n".join(files.values())
    assert ":parameter/shared/token" in everything
    assert 'data "aws_ssm_parameter"' not in everything


BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shared/50dc6c495c0c9188"
LISTENER = BALANCER.replace("loadbalancer/", "listener/") + "/f2f7dc8efc522ab2"


def test_a_load_balancer_of_the_users_is_looked_up() -> None:
    stack = sample_stack()
    resources = {**stack.resources, "load-balancer": Existing("LoadBalancer", BALANCER)}
    files = EMITTER.emit(stack._replace(resources=resources), Settings())
    assert 'data "aws_lb" "main" {\n  arn = var.load_balancer_arn\n}' in files["load_balancer.tf"]
    assert f'default     = "{BALANCER}"' in block(files["variables.tf"], 'variable "load_balancer_arn"')
    assert '"443/https" = "https://${data.aws_lb.main.dns_name}"' in files["outputs.tf"]
    label = '"${join("/", slice(split("/", var.load_balancer_arn), 1, 4))}/${aws_lb_target_group.web_8080.arn_suffix}"'
    assert label in files["service_web.tf"]


def test_a_listener_of_the_users_is_its_arn() -> None:
    stack = sample_stack()
    resources = {**stack.resources, "listener/443": Existing("Listener", LISTENER)}
    files = EMITTER.emit(stack._replace(resources=resources), Settings())
    assert "listener_arn = var.listener_arn" in files["service_web.tf"]
    assert f'default     = "{LISTENER}"' in block(files["variables.tf"], 'variable "listener_arn"')
    assert (
        '"${join("/", slice(split("/", var.listener_arn), 1, 4))}/${aws_lb_target_group'
        in files["service_web.tf"]
    )
    assert "certificate_arn" not in files["variables.tf"]


SIZED = """\
name: sized
x-fargate: {{region: eu-central-1, subnets: [subnet-0a1b, subnet-0c2d], listener: "{listener}", load_balancer_security_group: sg-0e3f}}
services:
  shop:
    image: nginx:1.27
    ports: ["80:80"]
    deploy: {{resources: {{reservations: {{cpus: '0.5', memory: 900M}}}}}}
    x-fargate: {{ingress: [{{port: 80, host: shop.example.com}}]}}
"""
OTHER = LISTENER.replace("shared", "other")


def test_variables_choose_sizes_and_the_load_balancer_and_refuse_what_is_none(
    terraform: Terraform, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(SIZED.format(listener=LISTENER), encoding="utf-8")
    folder = convert("sized", "terraform", tmp_path)
    assert folder
    assert ".terraform/" in (folder / ".gitignore").read_text(encoding="utf-8").split()
    assert "terraform init" in (folder / "README.md").read_text(encoding="utf-8")
    runs = {
        "usual": ("", ""),
        "chosen": ("task_sizes = { shop = { cpu = 1024, memory = 3072 } }\n", ""),
        "elsewhere": (f'listener_arn = "{OTHER}"\nload_balancer_security_group_id = "sg-0aaa"\n', ""),
        "no_such_task": ("task_sizes = { shp = { cpu = 1024, memory = 3072 } }\n", "var.task_sizes"),
        "no_such_size": ("task_sizes = { shop = { cpu = 1024, memory = 1024 } }\n", "var.task_sizes"),
        "too_small": (
            "task_sizes = { shop = { cpu = 256, memory = 512 } }\n",
            "aws_ecs_task_definition.shop",
        ),
        "too_little_cpu": (
            "task_sizes = { shop = { cpu = 256, memory = 1024 } }\n",
            "aws_ecs_task_definition.shop",
        ),
        "no_listener": ('listener_arn = "shared"\n', "var.listener_arn"),
        "no_group": ('load_balancer_security_group_id = "default"\n', "var.load_balancer_security_group_id"),
    }
    facts = {
        "chosen": 'aws_ecs_task_definition.shop.cpu == "1024" && aws_ecs_task_definition.shop.memory == "3072"',
        "elsewhere": f'aws_lb_listener_rule.shop_80.listener_arn == "{OTHER}"',
    }
    text = provider()
    for name, (variables, refused) in runs.items():
        checked = f"  expect_failures = [{refused}]\n" if refused else ""
        fact = (
            f'  assert {{\n    condition = {facts[name]}\n    error_message = "no"\n  }}\n'
            if name in facts
            else ""
        )
        text += f'run "{name}" {{\n  command = plan\n  variables {{\n{variables}  }}\n{checked}{fact}}}\n'
    (folder / "sizes.tftest.hcl").write_text(text, encoding="utf-8")
    terraform.init(folder)
    done = terraform("test", "-no-color", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(runs)} passed, 0 failed" in done.stdout


def test_names_that_terraform_cannot_tell_apart_get_suffixes_that_stay() -> None:
    found = terraform_labels(with_what_exists())
    assert found["task-definition/a_b"] == "a_b"
    assert re.fullmatch(r"a_b_[0-9a-f]{6}", found["task-definition/a-b"])
    alone = with_what_exists()
    resources = {i: r for i, r in alone.resources.items() if i != "task-definition/a_b"}
    assert terraform_labels(alone._replace(resources=resources))["task-definition/a-b"] == "a_b"


def test_an_attribute_without_an_argument_is_refused() -> None:
    def changed(resource: Resource) -> Resource:
        return (
            resource._replace(attributes={"brand.new": "1"})
            if isinstance(resource, LoadBalancer)
            else resource
        )

    stack = sample_stack()
    stack = stack._replace(resources={i: changed(r) for i, r in stack.resources.items()})
    with pytest.raises(EmitError) as refused:
        EMITTER.emit(stack, Settings())
    assert [d.code for d in refused.value.diagnostics] == ["C2F340"]
    assert "brand.new" in refused.value.diagnostics[0].message


def with_text(text: str) -> Stack:
    """The sample with another command for migrate."""
    stack = sample_stack()
    definition = stack.resources["task-definition/migrate"]
    assert isinstance(definition, TaskDefinition)
    container = definition.container_definitions[0]._replace(command=(text,))
    changed = definition._replace(container_definitions=(container,))
    return stack._replace(resources={**stack.resources, "task-definition/migrate": changed})


def test_a_text_that_terraform_would_compose_is_refused_unless_allowed() -> None:
    stack = with_text("cafe\u0301")
    with pytest.raises(EmitError) as refused:
        EMITTER.emit(stack, Settings())
    assert [d.code for d in refused.value.diagnostics] == ["C2F344"]
    assert "service_migrate.tf" in refused.value.diagnostics[0].message
    assert "cafe\u0301" in EMITTER.emit(stack, Settings(allow=("C2F344",)))["service_migrate.tf"]


def test_a_comment_stays_a_comment() -> None:
    stack = sample_stack()
    sources = {**stack.sources, "task-definition/web": 'a\n}\nresource "x" "y" {}\u2028.yaml:1'}
    text = EMITTER.emit(stack._replace(sources=sources), Settings())["service_web.tf"]
    assert 'a?}?resource "x" "y" {}?.yaml:1' in text


EDITS = {
    "command": ("python -m shop.jobs", "python -m shop.tasks"),
    "environment": ("http://api:8000", "http://api:8000/v2"),
    "health check": ("interval: 10s", "interval: 20s"),
    "replicas": ("replicas: 2", "replicas: 3"),
    "size": ("memory: 768M", "memory: 1536M"),
    "stop period": ("stop_grace_period: 1m30s", "stop_grace_period: 1m"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_one_changed_value_changes_one_service_file(edit: str, tmp_path: Path) -> None:
    before = convert("sample", "terraform", tmp_path / "before")
    changed = tmp_path / "after"
    shutil.copytree(FIXTURES / "sample", changed, ignore=shutil.ignore_patterns("expected"))
    text = (changed / "compose.yaml").read_text("utf-8")
    assert EDITS[edit][0] in text
    (changed / "compose.yaml").write_text(text.replace(*EDITS[edit], 1), "utf-8")
    after = convert("sample", "terraform", changed)
    assert before
    assert after
    one, other = ({p.name: p.read_text("utf-8") for p in folder.glob("*.tf")} for folder in (before, after))
    differing = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    assert len(differing) == 1
    assert differing[0].startswith("service_")


def test_the_readme_quotes_the_module_of_the_sample(tmp_path: Path) -> None:
    quoted = re.search(r"```hcl\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    made = convert("sample", "terraform", tmp_path / "sample")
    assert quoted
    assert made
    assert quoted[1] in (made / "service_web.tf").read_text("utf-8")


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(sample_stack, id="everything"),
        pytest.param(with_what_exists, id="guest", marks=pytest.mark.slow),
    ],
)
def test_terraform_formats_and_validates_nothing_away(
    made: object, terraform: Terraform, tmp_path: Path
) -> None:
    stack = made()  # type: ignore[operator]
    folder = write(EMITTER.emit(stack, Settings()), tmp_path)
    formatted = terraform("fmt", "-check", "-diff", "-no-color", cwd=folder)
    assert (formatted.returncode, formatted.stdout) == (0, "")
    terraform.init(folder)
    assert terraform.json("validate", "-json", "-no-color", cwd=folder)["diagnostics"] == []
