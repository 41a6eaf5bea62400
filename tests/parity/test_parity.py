"""The four targets mean the same: what AWS is asked for is equal in every field, and comes in an order that works.

The json target (the inputs, and `commands.sh` recorded by a stub of the AWS CLI) is what the others are compared with: the
template, the module with every expression evaluated, and what `apply` asks of a fake AWS. Where one says something else, a row of
`DIFFERENCES` says why. The order is that of `creation_order`, which is what `apply` executes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.cli.test_fixtures import CASES as APPLIED
from tests.cli.test_fixtures import VARIABLES, place
from tests.conftest import Program
from tests.e2e.shapes import problems
from tests.emitters.cloudformation.test_cloudformation_template import Loader
from tests.emitters.conftest import Terraform, write
from tests.emitters.modules import evaluated, written_modules
from tests.emitters.projects import CASES, FIXTURES, convert
from tests.parity import calls, network_facts, order, other_facts, service_facts
from tests.parity.calls import Call, Recorder
from tests.parity.differences import DIFFERENCES, idle, unexplained
from tests.parity.service_facts import differences
from tests.parity.stacks import stack_of

States = Mapping[str, list[Mapping[str, Any]]]
_COMPUTED = frozenset({"mocked", "-0abc1234", "us-east-1"})
"""What the mock of the provider made up."""


class Plain(NamedTuple):
    """The json target of a fixture: its files, the calls of its script, and the stack."""

    files: Path
    calls: list[Call]
    stack: Stack


@cache
def plain_of(case: str, folder: Path) -> Plain | None:
    made = convert(case, "json", folder / "plain" / case)
    if made is None:
        return None
    return Plain(made, calls.of_script(made / "commands.sh", folder), stack_of(case, folder / "stack"))


def template_of(case: str, folder: Path) -> Any:
    made = convert(case, "cloudformation", folder / "plain" / case)
    assert made
    text = (made / "template.yaml").read_text("utf-8")
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with tags


def out_of_order(plain: Plain, made: order.Order) -> Iterator[str]:
    """Yield what a target does not wait for, and what services and jobs wait for without need."""
    required = order.of_stack(plain.stack)
    yield from order.missing(required, made)
    for found in order.missing(made, required):
        if re.fullmatch(r"(service|run-task)/.* does not wait for (service|run-task)/.*", found):
            yield found.replace("does not wait", "waits without need")


def of_the_network(made: list[str], expected: list[str]) -> Iterator[str]:
    yield from (f"only here: {line}" for line in sorted({*made} - {*expected}))
    yield from (f"not here: {line}" for line in sorted({*expected} - {*made}))
    if len(made) != len(expected):
        yield f"{len(made)} facts of the network, not {len(expected)}"


def told(
    target: str, case: str, plain: Plain, folder: Path, states: States, modules: Mapping[str, Path]
) -> list[str]:
    """Give what a template or a module says otherwise than the json target, in text."""
    if target == "CloudFormation":
        template = template_of(case, folder)
        services = service_facts.of_cloudformation(template)
        others = other_facts.of_template(template)
        network, made = network_facts.of_template(template), order.of_template(plain.stack, template)
    else:
        services = service_facts.of_terraform(states[case], _COMPUTED)
        others = other_facts.of_module(modules[case], states[case])
        network = network_facts.of_module(modules[case], states[case])
        made = order.of_module(plain.stack, modules[case])
    return [
        *differences(service_facts.of_json(plain.files), services),
        *differences(other_facts.of_calls(plain.calls), others),
        *of_the_network(network, network_facts.of_stack(plain.stack)),
        *out_of_order(plain, made),
    ]


@pytest.mark.parametrize("case", CASES)
def test_cloudformation_means_what_json_means(case: str, folder: Path) -> None:
    plain = plain_of(case, folder)
    if plain:
        assert unexplained("CloudFormation", told("CloudFormation", case, plain, folder, {}, {})) == []
    else:
        assert convert(case, "cloudformation", folder / "plain" / case) is None


@pytest.mark.parametrize("case", CASES)
def test_the_script_means_what_the_stack_means(case: str, folder: Path) -> None:
    plain = plain_of(case, folder)
    if plain:
        found = [
            *of_the_network(network_facts.of_calls(plain.calls), network_facts.of_stack(plain.stack)),
            *out_of_order(plain, order.of_calls(plain.stack, plain.calls)),
        ]
        assert unexplained("json", [one for one in found if "waits without need" not in one]) == []


def test_the_script_of_the_stack_made_by_hand_means_what_it_means(tmp_path: Path) -> None:
    write(JsonEmitter().emit(sample_stack(), Settings()), tmp_path)
    made = network_facts.of_calls(calls.of_script(tmp_path / "commands.sh", tmp_path))
    assert made == network_facts.of_stack(sample_stack())


# -- Terraform -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules(folder: Path) -> Mapping[str, Path]:
    return written_modules(folder)


@pytest.fixture(scope="module")
def states(
    modules: Mapping[str, Path], terraform: Terraform, tmp_path_factory: pytest.TempPathFactory
) -> States:
    return evaluated(modules, terraform, tmp_path_factory.mktemp("mocked"))


@pytest.mark.slow
def test_every_task_definition_of_terraform_is_what_the_api_takes(states: States) -> None:
    found = []
    for name, resources in states.items():
        for resource in resources:
            if resource["type"] == "aws_ecs_task_definition":
                containers = json.loads(resource["values"]["container_definitions"])
                request = {"family": "x", "containerDefinitions": containers}
                found += [f"{name}: {problem}" for problem in problems("task-definitions", request)]
    assert found == []


@pytest.mark.slow
def test_terraform_means_what_json_means(modules: Mapping[str, Path], states: States, folder: Path) -> None:
    found = {}
    for case in CASES:
        plain = plain_of(case, folder)
        if plain:
            found[case] = told("Terraform", case, plain, folder, states, modules)
    left = {case: left for case, said in found.items() if (left := unexplained("Terraform", said))}
    assert left == {}
    assert idle("Terraform", [one for said in found.values() for one in said]) == []


@pytest.mark.slow
def test_no_row_about_cloudformation_is_idle(folder: Path) -> None:
    plains = {case: plain for case in CASES if (plain := plain_of(case, folder))}
    found = [told("CloudFormation", case, plain, folder, {}, {}) for case, plain in plains.items()]
    assert idle("CloudFormation", [one for said in found for one in said]) == []


def test_the_module_of_the_sample_makes_all_in_an_order_that_works(folder: Path) -> None:
    """Of the default suite: it needs no Terraform."""
    plain, made = plain_of("sample", folder), convert("sample", "terraform", folder / "plain" / "sample")
    assert plain
    assert made
    assert unexplained("Terraform", out_of_order(plain, order.of_module(plain.stack, made))) == []


# -- apply ---------------------------------------------------------------------------------------------------


def in_no_region(facts: service_facts.Facts) -> service_facts.Facts:
    """Let the region of a fixture be that of the fake AWS."""
    made: service_facts.Facts = json.loads(re.sub(r"\b[a-z]{2}-[a-z]+-\d\b", "REGION", json.dumps(facts)))
    return made


@pytest.mark.parametrize(
    "case", ["sample", *(pytest.param(case, marks=pytest.mark.slow) for case in APPLIED if case != "sample")]
)
def test_apply_asks_for_what_json_asks_for(
    case: str, program: Program, recorder: tuple[AwsAccount, Recorder], tmp_path: Path
) -> None:
    account, recorded = recorder
    project = tmp_path / case
    shutil.copytree(FIXTURES / case, project, ignore=shutil.ignore_patterns("expected"))
    arguments = place(project, account)
    recorded.calls.clear()
    for words in (
        ("apply", "--sandbox", "--yes", "--no-verify-first"),
        ("convert", "-q", "-o", str(tmp_path / "json")),
    ):
        done = program(words[0], *arguments, *words[1:], cwd=project, env=VARIABLES)
        assert done.status == 0, done.err
    plain = Plain(
        tmp_path / "json",
        calls.of_script(tmp_path / "json" / "commands.sh", tmp_path),
        stack_of(case, tmp_path / "s"),
    )
    made = recorded.named()
    services = service_facts.filled(in_no_region(service_facts.of_json(plain.files)))
    asked = service_facts.filled(in_no_region(service_facts.of_calls(recorded.calls)))
    found = [
        *differences(services, asked),
        *differences(other_facts.of_calls(plain.calls), other_facts.of_calls(made)),
        *of_the_network(network_facts.of_calls(made), network_facts.of_stack(plain.stack)),
        *order.missing(order.of_stack(plain.stack), order.of_calls(plain.stack, made)),
    ]
    assert unexplained("apply", found) == []


def test_every_row_of_the_table_gives_a_reason() -> None:
    assert all({*row.targets} <= {"CloudFormation", "Terraform", "apply", "json"} for row in DIFFERENCES)
    assert all(len(row.reason) > 20 for row in DIFFERENCES)
