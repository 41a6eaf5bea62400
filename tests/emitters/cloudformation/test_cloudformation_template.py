"""The cloudformation target: one template, clean to cfn-lint, that says what the stack says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.resources import ContainerDefinition, Existing, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.cloudformation.cloudformation_mount_targets import MAX_MOUNT_TARGETS
from compose2fargate.emitters.cloudformation.cloudformation_target import CloudFormationEmitter
from compose2fargate.emitters.cloudformation.cloudformation_types import KINDS, NOT_RESOURCES
from compose2fargate.sample_stack import AWKWARD, sample_stack
from compose2fargate.settings import Settings
from compose2fargate.testing import check_emitter, resource_types
from tests.emitters.stacks import one_without_an_address, with_what_exists

EMITTER = CloudFormationEmitter()


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, read as the functions they stand for."""


def _function(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {"Ref" if suffix == "Ref" else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _function)


def template(stack: Stack, settings: Settings | None = None) -> dict[str, Any]:
    text = EMITTER.emit(stack, settings or Settings())["template.yaml"]
    loaded = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with tags
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    return template(sample_stack())


def findings(text: str) -> list[str]:
    """What cfn-lint has to say, its hints included."""
    from cfnlint.api import ManualArgs, lint

    found = lint(text, regions=["us-east-1"], config=ManualArgs(include_checks=["I"]))
    return [f"{match.rule.id} {match.message}" for match in found if not MAJOR_VERSION.match(match.message)]


# RDS takes a line of versions, as its API says of EngineVersion, and picks the release in it; cfn-lint lists the releases alone.
MAJOR_VERSION = re.compile(
    r"(?:Engine version )?'(?:1[4-8]|8\.[04]|1[01]\.\d+)' (?:for engine '\w+' is dep|is not one of)"
)


def test_every_type_is_in_a_table() -> None:
    assert set(KINDS) | set(NOT_RESOURCES) == set(resource_types())
    assert not set(KINDS) & set(NOT_RESOURCES)


def test_it_keeps_to_what_emitters_keep_to() -> None:
    assert list(check_emitter(EMITTER)) == ["template.yaml"]


@pytest.mark.parametrize("stack", [sample_stack(), with_what_exists()], ids=["everything", "guest"])
def test_cfn_lint_has_nothing_to_say(stack: Stack) -> None:
    assert findings(EMITTER.emit(stack, Settings())["template.yaml"]) == []


def test_what_differs_between_environments_is_a_parameter(sample: dict[str, Any]) -> None:
    parameters = sample["Parameters"]
    assert set(parameters) == {
        "VpcId", "SubnetIds", "AssignPublicIp", "LoadBalancerSubnetIds", "DesiredCountDb", "ImageTagMigrate",
        "ImageTagWeb", "CertificateArn", "LogRetentionInDays", "ServiceToReplace",
    }  # fmt: skip
    assert parameters["DesiredCountDb"]["Default"] == 1
    assert "Default" not in parameters["VpcId"]
    assert (
        template(with_what_exists())["Parameters"]["SubnetIds"]["Default"]
        == "subnet-11111111,subnet-22222222"
    )


def test_a_parameter_chooses_public_addresses_but_for_a_task_that_has_its_own_way() -> None:
    made = template(one_without_an_address())
    assert made["Parameters"]["AssignPublicIp"]["Default"] == "ENABLED"

    def chosen(service: str) -> Any:
        network = made["Resources"][service]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        return network["AssignPublicIp"]

    assert chosen("ServiceWeb") == {"Ref": "AssignPublicIp"}
    assert chosen("ServiceDb") == "DISABLED"


def test_texts_arrive_as_they_were(sample: dict[str, Any]) -> None:
    (_, web) = sample["Resources"]["TaskDefinitionWeb"]["Properties"]["ContainerDefinitions"]
    assert web["EntryPoint"][1] == AWKWARD
    assert {"Name": "AWKWARD", "Value": AWKWARD} in web["Environment"]
    assert AWKWARD in web["DockerLabels"].values()
    assert web["VersionConsistency"] == "disabled"  # from a patch


def test_links_are_functions(sample: dict[str, Any]) -> None:
    service = sample["Resources"]["ServiceDb"]["Properties"]
    assert service["TaskDefinition"] == {"Ref": "TaskDefinitionDb"}
    assert service["Cluster"] == {"Fn::GetAtt": "Cluster.Arn"}
    assert service["LoadBalancers"][0]["TargetGroupArn"] == {"Ref": "TargetGroupDb5432"}
    (_, web) = sample["Resources"]["TaskDefinitionWeb"]["Properties"]["ContainerDefinitions"]
    address = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/shop/web"
    assert web["Image"] == {"Fn::Sub": f"{address}:${{ImageTagWeb}}"}


def test_images_and_secrets_are_there_before(sample: dict[str, Any]) -> None:
    """Beside what reads it, a secret would be empty, and a repository without images: the stack would be rolled back."""
    types = {resource["Type"] for resource in sample["Resources"].values()}
    assert types.isdisjoint({"AWS::ECR::Repository", "AWS::SecretsManager::Secret", "AWS::SSM::Parameter"})
    db = sample["Resources"]["TaskDefinitionDb"]["Properties"]["ContainerDefinitions"][0]
    arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:shop/password"
    assert db["Secrets"][0]["ValueFrom"] == {"Fn::Sub": arn}
    # AWS adds six characters to the name: a policy says so, where a task needs none.
    assert f"{arn}-??????" in str(sample["Resources"]["ExecutionRole"])


def test_a_policy_speaks_of_all_revisions_of_a_task_definition(sample: dict[str, Any]) -> None:
    (run, _) = sample["Resources"]["SchedulerRole"]["Properties"]["Policies"][0]["PolicyDocument"][
        "Statement"
    ]
    arn = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/shop-migrate:*"
    assert run["Resource"] == [{"Fn::Sub": arn}]


def test_a_service_depends_on_what_its_links_do_not_say(sample: dict[str, Any]) -> None:
    assert sample["Resources"]["ServiceDb"]["DependsOn"] == ["Listener5432", "MountTargetsAll"]
    assert sample["Resources"]["ServiceWeb"]["DependsOn"] == ["ListenerRuleWeb", "RunTaskMigrate"]
    # A service may be left out for a while, and nothing may depend on what is not there.
    after = sample["Resources"]["ServiceWeb"]["Metadata"]["After"]
    assert after == {"ServiceDb": {"Fn::If": ["HasServiceDb", {"Ref": "ServiceDb"}, ""]}}


def test_a_scaled_count_is_left_to_the_scaling(sample: dict[str, Any]) -> None:
    assert "DesiredCount" not in sample["Resources"]["ServiceWeb"]["Properties"]
    assert sample["Resources"]["ServiceDb"]["Properties"]["DesiredCount"] == {"Ref": "DesiredCountDb"}


def test_a_service_is_there_before_it_is_scaled(sample: dict[str, Any]) -> None:
    path = sample["Resources"]["ScalableTargetWeb"]["Properties"]["ResourceId"]
    assert path == {"Fn::Sub": "service/${Cluster}/${ServiceWeb.Name}"}


def test_a_file_system_stays_but_for_one_of_a_first_deployment_that_failed(sample: dict[str, Any]) -> None:
    (system,) = [r for r in sample["Resources"].values() if r["Type"] == "AWS::EFS::FileSystem"]
    assert (system["DeletionPolicy"], system["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_a_service_is_made_anew_by_leaving_it_out_first(sample: dict[str, Any]) -> None:
    """AWS changes what no port in Service Connect speaks, and CloudFormation makes the new service before it deletes the old one."""
    chosen = sample["Parameters"]["ServiceToReplace"]
    assert chosen["Default"] == ""
    assert "web" in chosen["AllowedValues"]

    def without(service: str) -> set[str]:
        names = {
            name
            for name, condition in sample["Conditions"].items()
            if condition == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ServiceToReplace"}, service]}]}
        }
        assert all(sample["Outputs"][one].get("Condition") in names for one in ("ServiceWeb",))
        return {id_ for id_, resource in sample["Resources"].items() if resource.get("Condition") in names}

    assert without("web") == {
        "ServiceWeb",
        "ScalableTargetWeb",
        "ScalingPolicyWebCpu",
        "ScalingPolicyWebRequests",
    }


def test_each_of_the_first_subnets_gets_a_mount_target(sample: dict[str, Any]) -> None:
    made = {name: r for name, r in sample["Resources"].items() if r["Type"] == "AWS::EFS::MountTarget"}
    assert len(made) == MAX_MOUNT_TARGETS
    assert "Condition" not in made["MountTargets1"]
    assert made["MountTargets3"]["Condition"] == "HasSubnet3"
    assert made["MountTargets3"]["Properties"]["SubnetId"] == {"Fn::Select": [2, {"Ref": "SubnetIds"}]}
    for given in range(1, MAX_MOUNT_TARGETS + 1):
        subnets = [f"subnet-{number}" for number in range(given)]
        made_of = [
            n
            for n in range(2, MAX_MOUNT_TARGETS + 1)
            if holds(sample["Conditions"][f"HasSubnet{n}"], subnets)
        ]
        assert made_of == list(range(2, given + 1))


def holds(value: Any, subnets: list[str]) -> Any:
    """Work a condition out, as CloudFormation does."""
    if not isinstance(value, dict):
        return [holds(item, subnets) for item in value] if isinstance(value, list) else value
    ((function, argument),) = value.items()
    given = holds(argument, subnets)
    functions: dict[str, Callable[[], Any]] = {
        "Ref": lambda: subnets,
        "Fn::Join": lambda: given[0].join(given[1]),
        "Fn::Split": lambda: given[1].split(given[0]),
        "Fn::Select": lambda: given[1][given[0]],
        "Fn::Equals": lambda: given[0] == given[1],
        "Fn::Not": lambda: not given[0],
    }
    return functions[function]()


def test_services_wait_for_every_mount_target_that_is_made(sample: dict[str, Any]) -> None:
    """A task in a subnet whose mount target is not there yet does not start."""
    assert "MountTargetsAll" in sample["Resources"]["ServiceDb"]["DependsOn"]
    waited = sample["Resources"]["MountTargetsAll"]["Metadata"]
    assert waited["Subnet1"] == {"Ref": "MountTargets1"}
    assert waited["Subnet6"] == {"Fn::If": ["HasSubnet6", {"Ref": "MountTargets6"}, ""]}


def test_a_job_is_an_output_with_its_command(sample: dict[str, Any]) -> None:
    separator, parts = sample["Outputs"]["RunTaskMigrate"]["Value"]["Fn::Join"]
    known = {
        "Cluster": "shop", "AWS::Region": "us-east-1", "TaskDefinitionMigrate": "arn:td", "AssignPublicIp": "ENABLED",
    }  # fmt: skip
    texts = [part if isinstance(part, str) else known.get(part.get("Ref", ""), "x") for part in parts]
    command, _, rest = separator.join(texts).partition(" --cli-input-json '")
    assert command == "aws ecs run-task --region us-east-1"
    request = json.loads(rest.removesuffix("'"))
    assert request["cluster"] == "shop"
    assert request["taskDefinition"] == "arn:td"
    assert request["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"


def container(value: str) -> ContainerDefinition:
    return ContainerDefinition("app", "nginx", environment=(KeyValue("VALUE", value),))


def with_containers(*containers: ContainerDefinition, copies: int = 1) -> Stack:
    stack = with_what_exists()
    definition = stack.resources["task-definition/a_b"]
    assert isinstance(definition, TaskDefinition)
    made = {
        f"task-definition/n{n}": definition._replace(container_definitions=containers) for n in range(copies)
    }
    return stack._replace(resources={**stack.resources, **made}, origins={}, sources={}, files={})


@pytest.mark.parametrize(
    ("stack", "code"),
    [
        (with_containers(container("{{resolve:ssm:/x}}")), "C2F343"),
        (with_containers(container("x" * 60_000), copies=20), "C2F341"),
        (with_containers(container("x"), copies=501), "C2F342"),
    ],
    ids=["dynamic reference", "bytes", "resources"],
)
def test_what_cloudformation_would_refuse_or_misread_is_refused(stack: Stack, code: str) -> None:
    with pytest.raises(EmitError) as refused:
        EMITTER.emit(stack, Settings())
    assert code in [d.code for d in refused.value.diagnostics]
    assert all(d.hint and d.url for d in refused.value.diagnostics)


def test_existing_things_are_names_and_arns() -> None:
    made = template(with_what_exists())
    assert not [
        r for r in with_what_exists().resources.values() if isinstance(r, Existing) and r.kind == "Network"
    ]
    service = next(r for r in made["Resources"].values() if r["Type"] == "AWS::ECS::Service")["Properties"]
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"] == ["sg-12345678"]
    assert service["Cluster"] == {
        "Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/shared"
    }


def test_a_cluster_given_by_its_arn_is_known_by_its_name_where_a_path_takes_that() -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:cluster/shared"
    stack = sample_stack()
    made = template(stack._replace(resources={**stack.resources, "cluster": Existing("Cluster", arn)}))
    assert made["Resources"]["ServiceWeb"]["Properties"]["Cluster"] == arn
    path = made["Resources"]["ScalableTargetWeb"]["Properties"]["ResourceId"]
    assert path == {"Fn::Sub": "service/shared/${ServiceWeb.Name}"}


def test_a_load_balancer_of_the_users_is_its_arn() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shared/50dc6c495c0c9188"
    stack = sample_stack()
    made = template(
        stack._replace(resources={**stack.resources, "load-balancer": Existing("LoadBalancer", arn)})
    )
    assert made["Resources"]["Listener443"]["Properties"]["LoadBalancerArn"] == arn
    assert "Url443" not in made["Outputs"]
    policy = made["Resources"]["ScalingPolicyWebRequests"]["Properties"][
        "TargetTrackingScalingPolicyConfiguration"
    ]
    label = {"Fn::Sub": "app/shared/50dc6c495c0c9188/${TargetGroupWeb8080.TargetGroupFullName}"}
    assert policy["PredefinedMetricSpecification"]["ResourceLabel"] == label


def test_of_a_load_balancer_with_a_name_the_arn_is_a_parameter() -> None:
    stack = sample_stack()
    made = template(
        stack._replace(resources={**stack.resources, "load-balancer": Existing("LoadBalancer", "shared")})
    )
    assert made["Resources"]["Listener443"]["Properties"]["LoadBalancerArn"] == {"Ref": "LoadBalancerArn"}
    assert "Default" not in made["Parameters"]["LoadBalancerArn"]
    assert "loadbalancer/" in str(made["Resources"]["ScalingPolicyWebRequests"])


def test_the_template_is_yaml_that_any_reader_reads_the_same(tmp_path: Path) -> None:
    text = EMITTER.emit(
        with_containers(container("yes"), container("0o17"), container("1e3"), container("~")), Settings()
    )
    loaded = yaml.load(text["template.yaml"], Loader)  # noqa: S506
    found = [
        c["Environment"][0]["Value"]
        for c in loaded["Resources"]["TaskDefinitionN0"]["Properties"]["ContainerDefinitions"]
    ]
    assert found == ["yes", "0o17", "1e3", "~"]
