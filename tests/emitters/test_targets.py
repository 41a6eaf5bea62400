"""All targets say the same of every fixture; and Terraform takes each of them, evaluated to the last container."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.stack import Stack
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.emitters.terraform.terraform_module import TerraformEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.conftest import Program
from tests.e2e.shapes import problems
from tests.emitters.cloudformation.test_cloudformation_template import Loader, findings
from tests.emitters.conftest import Terraform, write
from tests.emitters.facts import differences, of_cloudformation, of_json, of_terraform
from tests.emitters.mock import provider
from tests.emitters.network_facts import of_module, of_script, of_stack, of_template
from tests.emitters.projects import CASES, FIXTURES, convert
from tests.emitters.stacks import with_what_exists

WHAT_TERRAFORM_DOES_ANYWAY = "deploymentConfiguration.strategy: 'ROLLING' != None"
"""Provider 5.100 has no argument for it, and this is the strategy it has."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")


def template(made: Path) -> Any:
    import yaml

    return yaml.load((made / "template.yaml").read_text("utf-8"), Loader)  # noqa: S506 - a SafeLoader with tags


@pytest.mark.parametrize("target", ["terraform", "cloudformation"])
def test_comments_are_the_same_wherever_one_stands(target: str, program: Program, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sample", tmp_path / "shop" / "app")
    app, out = tmp_path / "shop" / "app", tmp_path / "out"
    from_above = ("-f", "app/compose.yaml", "-f", "app/compose.override.yaml")
    runs = {
        "inside": ((), app),
        "above": (from_above, tmp_path / "shop"),
        "elsewhere": (("-f", str(app / "compose.yaml"), "-f", str(app / "compose.override.yaml")), FIXTURES),
    }
    made = {}
    for name, (files, cwd) in runs.items():
        done = program(*files, "convert", "-q", "-t", target, "-o", str(out / name), cwd=cwd)
        assert done.status == 0, done.err
        paths = (path for path in (out / name).rglob("*") if path.suffix in (".tf", ".yaml"))
        made[name] = {path.name: path.read_text("utf-8") for path in paths}
    assert "# compose.yaml:" in made["inside"].get("template.yaml", "# compose.yaml:")
    assert made["inside"] == made["above"] == made["elsewhere"]


@pytest.mark.parametrize("case", CASES)
def test_cloudformation_says_what_json_says(case: str, folder: Path) -> None:
    plain = convert(case, "json", folder / "plain" / case)
    made = convert(case, "cloudformation", folder / "plain" / case)
    assert (plain is None) == (made is None)
    if plain and made:
        assert list(differences(of_json(plain), of_cloudformation(template(made)))) == []


def stack_of(case: str, folder: Path) -> Stack:
    """Give what a fixture is translated to."""
    copy = folder / case
    shutil.copytree(FIXTURES / case, copy, ignore=shutil.ignore_patterns("expected"), dirs_exist_ok=True)
    found: list[Stack] = []
    emit = JsonEmitter.emit

    def remembered(self: JsonEmitter, stack: Stack, settings: Settings) -> Artifacts:
        found.append(stack)
        return emit(self, stack, settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JsonEmitter, "emit", remembered)
        convert(case, "json", copy)
    return found[0]


@pytest.mark.parametrize("case", CASES)
def test_cloudformation_says_of_the_network_what_the_stack_says(case: str, folder: Path) -> None:
    made = convert(case, "cloudformation", folder / "plain" / case)
    if made:
        assert of_template(template(made)) == of_stack(stack_of(case, folder / "network"))


@pytest.mark.parametrize("case", CASES)
def test_the_script_says_of_the_network_what_the_stack_says(case: str, folder: Path, tmp_path: Path) -> None:
    made = convert(case, "json", folder / "plain" / case)
    if made and (made / "commands.sh").exists():
        assert of_script(made / "commands.sh", tmp_path) == of_stack(stack_of(case, folder / "network"))


def test_the_script_of_the_stack_made_by_hand_says_what_it_says(tmp_path: Path) -> None:
    write(JsonEmitter().emit(sample_stack(), Settings()), tmp_path)
    assert of_script(tmp_path / "commands.sh", tmp_path) == of_stack(sample_stack())


@pytest.fixture(scope="module")
def modules(folder: Path) -> Mapping[str, Path]:
    """A module for every fixture that is not refused, and for the stacks that are made by hand."""
    made = {case: convert(case, "terraform", folder / "terraform" / case) for case in CASES}
    by_hand = {"made-by-hand": sample_stack(), "guest": with_what_exists()}
    written = {
        name: write(TerraformEmitter().emit(stack, Settings()), folder / name)
        for name, stack in by_hand.items()
    }
    return {name: path for name, path in {**made, **written}.items() if path}


@pytest.fixture(scope="module")
def root(modules: Mapping[str, Path], terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One module that calls all others: the provider's schema is loaded once."""
    folder = tmp_path_factory.mktemp("root")
    for name, path in modules.items():
        (folder.parent / name).symlink_to(path)
    return write_root(folder, modules, "..", terraform)


def write_root(folder: Path, names: Iterable[str], where: str, terraform: Terraform) -> Path:
    calls = []
    for name in names:
        # A job is run by the AWS CLI, for which a provider that answers from memory does nothing.
        jobs = (folder / where / name / "run_job.sh").exists()
        calls.append(f'module "{name}" {{\n  source = "{where}/{name}"\n{"  run_jobs = false" * jobs}\n}}\n')
    requirement = (
        'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
    )
    (folder / "main.tf").write_text(requirement + "".join(calls))
    (folder / "all.tftest.hcl").write_text(provider() + 'run "all" {\n  command = apply\n}\n')
    terraform.init(folder)
    return folder


@pytest.mark.slow
def test_every_module_is_formatted(modules: Mapping[str, Path], terraform: Terraform) -> None:
    for path in modules.values():
        done = terraform("fmt", "-check", "-diff", "-no-color", cwd=path)
        assert (done.returncode, done.stdout) == (0, ""), path


@pytest.mark.slow
def test_every_module_is_valid_without_a_warning(root: Path, terraform: Terraform) -> None:
    assert terraform.json("validate", "-json", "-no-color", cwd=root)["diagnostics"] == []


_EPHEMERAL = re.compile(r'^ephemeral "\w+" .*?^}\n', re.MULTILINE | re.DOTALL)
"""What Terraform has no mock for."""
_OF_EPHEMERAL = re.compile(r"\bephemeral(?:\.\w+){3}")
"""A value of it, which nothing but the password of a database refers to."""


@pytest.fixture(scope="module")
def mocked(
    modules: Mapping[str, Path], terraform: Terraform, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same module of modules, without what cannot be mocked."""
    folder = tmp_path_factory.mktemp("mocked")
    for name, path in modules.items():
        shutil.copytree(path, folder.parent / "without-ephemeral" / name)
        for file in (folder.parent / "without-ephemeral" / name).glob("*.tf"):
            text = _EPHEMERAL.sub("", file.read_text("utf-8"))
            text = _OF_EPHEMERAL.sub('"a-value-of-no-secret"', text)
            # A test ends with the destruction of what it made up.
            file.write_text(
                re.sub(r"\bprevent_destroy( *)= true", r"prevent_destroy\1= false", text), "utf-8"
            )
    return write_root(folder, modules, "../without-ephemeral", terraform)


@pytest.fixture(scope="module")
def states(mocked: Path, terraform: Terraform) -> Mapping[str, list[Mapping[str, Any]]]:
    """The resources of each module, with every expression evaluated by `terraform test`."""
    done = terraform("test", "-json", "-verbose", "-no-color", cwd=mocked, timeout=600)
    lines = [json.loads(line) for line in done.stdout.split("\n") if line]
    errors = [line["diagnostic"] for line in lines if line.get("@level") == "error" and "diagnostic" in line]
    assert errors == []
    assert done.returncode == 0
    (state,) = [line["test_state"] for line in lines if line["type"] == "test_state"]
    children = state["root_module"]["child_modules"]
    return {child["address"].removeprefix("module."): child["resources"] for child in children}


@pytest.mark.slow
def test_every_task_definition_is_what_the_api_takes(states: Mapping[str, list[Mapping[str, Any]]]) -> None:
    found = []
    for name, resources in states.items():
        for resource in resources:
            if resource["type"] == "aws_ecs_task_definition":
                containers = json.loads(resource["values"]["container_definitions"])
                request = {"family": "x", "containerDefinitions": containers}
                found += [f"{name}: {problem}" for problem in problems("task-definitions", request)]
    assert found == []


@pytest.mark.slow
def test_terraform_says_what_json_says(states: Mapping[str, list[Mapping[str, Any]]], folder: Path) -> None:
    found = []
    for case in CASES:
        plain = convert(case, "json", folder / "plain" / case)
        if plain:
            computed = frozenset({"mocked", "-0abc1234", "us-east-1"})
            made = of_terraform(states[case], computed)
            found += [
                f"{case}{difference}"
                for difference in differences(of_json(plain), made)
                if not difference.endswith(WHAT_TERRAFORM_DOES_ANYWAY)
            ]
    assert found == []


@pytest.mark.slow
def test_terraform_says_of_the_network_what_the_stack_says(
    modules: Mapping[str, Path], states: Mapping[str, list[Mapping[str, Any]]], folder: Path
) -> None:
    found = {}
    for case in CASES:
        if case in modules:
            made = of_module(modules[case], states[case])
            expected = of_stack(stack_of(case, folder / "network"))
            found[case] = {
                "only the stack": sorted({*expected} - {*made}),
                "only Terraform": sorted({*made} - {*expected}),
            }
            assert len(made) == len(expected)
    assert {case: both for case, both in found.items() if any(both.values())} == {}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_cfn_lint_has_nothing_to_say_of_a_fixture(case: str, folder: Path) -> None:
    made = convert(case, "cloudformation", folder / "plain" / case)
    if made:
        assert findings(_with_long_ids((made / "template.yaml").read_text("utf-8"))) == []


_ID = re.compile(r"\b(subnet|sg|vpc|fs|fsap)-([0-9A-Za-z_]{1,12})\b(?!-)")


def _with_long_ids(text: str) -> str:
    """Fixtures have short ids and placeholders; cfn-lint knows the form of real ones."""
    return _ID.sub(lambda found: f"{found[1]}-{sha256(found[2].encode()).hexdigest()[:8]}", text)


@pytest.mark.parametrize("target", ["terraform", "cloudformation", "json"])
def test_ecs_says_in_every_target_which_tasks_are_healthy(target: str, folder: Path) -> None:
    """Without a custom health check, Cloud Map gives the addresses of tasks that fail theirs."""
    made = convert("net-private-dns", target, folder / "healthy" / target)
    assert made
    text = "\n".join(path.read_text("utf-8") for path in sorted(made.rglob("*")) if path.is_file())
    spelled = {
        "terraform": r"health_check_custom_config \{\n +failure_threshold = 1",
        "cloudformation": r"HealthCheckCustomConfig:\n +FailureThreshold: 1",
        "json": r"--health-check-custom-config FailureThreshold=1",
    }[target]
    services = {
        "terraform": 'aws_service_discovery_service"',
        "cloudformation": "::ServiceDiscovery::Service\n",
        "json": "create-service --name",
    }[target]
    assert len(re.findall(spelled, text)) == text.count(services) > 0
