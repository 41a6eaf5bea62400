"""The terraform target: what each resource becomes, where it stands, and that Terraform takes it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from compose2fargate.aws.resources import (
    Account,
    Existing,
    LoadBalancer,
    Network,
    Resource,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.terraform import _FILES, TerraformEmitter
from compose2fargate.emitters.terraform_names import TYPES, labels
from compose2fargate.emitters.terraform_resources import RENDERERS
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from compose2fargate.testing import check_emitter, resource_types
from tests.conftest import ROOT
from tests.emitters.conftest import Terraform, write
from tests.emitters.projects import FIXTURES, convert
from tests.emitters.stacks import one_without_an_address, with_what_exists

LOOKED_UP = {Account, Network, Existing}
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
    services = ["service_db.tf", "service_migrate.tf", "service_web.tf"]
    shared = ["cluster.tf", "network.tf", "load_balancer.tf", "iam.tf", "storage.tf", "secrets.tf"]
    assert list(files) == ["versions.tf", "variables.tf", "outputs.tf", *shared, *services]


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
        ("aws_ecr_repository", "web"),
        ("aws_ecr_lifecycle_policy", "web"),
        ("aws_ecs_task_definition", "web"),
        ("aws_ecs_service", "web"),
        ("aws_appautoscaling_target", "web"),
        ("aws_appautoscaling_policy", "web_cpu"),
        ("aws_appautoscaling_policy", "web_requests"),
    ]


def test_there_is_no_provider_block_and_no_secret_value(files: dict[str, str]) -> None:
    everything = "\n".join(files.values())
    assert not re.search(r'^provider "', everything, re.MULTILINE)
    assert "secret_string " not in everything
    assert "aws_secretsmanager_secret_version" not in everything
    parameter = block(files["secrets.tf"], 'resource "aws_ssm_parameter" "token"')
    assert not re.search(r"^  value +=", parameter, re.MULTILINE)
    assert re.search(r"^  value_wo +=", parameter, re.MULTILINE)


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
    assert "Terraform does not run (output run_task_commands): migrate." in web
    assert waits_for(web)[-3:] == [
        "aws_lb_listener_rule.web",
        "aws_ecs_service.db",
        "aws_ecs_task_definition.migrate",
    ]
    db = block(files["service_db.tf"], 'resource "aws_ecs_service" "db"')
    assert {"aws_lb_listener.tcp_5432", "aws_efs_mount_target.main"} <= {*waits_for(db)}
    assert "wait_for_steady_state" in db


def waits_for(text: str) -> list[str]:
    return re.findall(r"aws_\w+\.\w+", text.partition("depends_on = ")[2])


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
    assert f'data "aws_lb" "main" {{\n  arn = "{BALANCER}"\n}}' in files["load_balancer.tf"]
    assert '"443/https" = "https://${data.aws_lb.main.dns_name}"' in files["outputs.tf"]
    label = '"app/shared/50dc6c495c0c9188/${aws_lb_target_group.web_8080.arn_suffix}"'
    assert label in files["service_web.tf"]


def test_a_listener_of_the_users_is_its_arn() -> None:
    stack = sample_stack()
    resources = {**stack.resources, "listener/443": Existing("Listener", LISTENER)}
    files = EMITTER.emit(stack._replace(resources=resources), Settings())
    assert f'listener_arn = "{LISTENER}"' in files["service_web.tf"]
    assert '"app/shared/50dc6c495c0c9188/${aws_lb_target_group' in files["service_web.tf"]
    assert "certificate_arn" not in files["variables.tf"]


def test_names_that_terraform_cannot_tell_apart_get_suffixes_that_stay() -> None:
    found = labels(with_what_exists())
    assert found["task-definition/a_b"] == "a_b"
    assert re.fullmatch(r"a_b_[0-9a-f]{6}", found["task-definition/a-b"])
    alone = with_what_exists()
    resources = {i: r for i, r in alone.resources.items() if i != "task-definition/a_b"}
    assert labels(alone._replace(resources=resources))["task-definition/a-b"] == "a_b"


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
    "command": ("celery --app shop.jobs", "celery --app shop.tasks"),
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
