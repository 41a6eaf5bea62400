"""What `x-aws-cloudformation` puts over the template."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters.cloudformation.cloudformation_overlay import merge_over
from compose2fargate.emitters.cloudformation.cloudformation_target import CloudFormationEmitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.emitters.cloudformation.test_cloudformation_template import findings, template


def laid_over(overlay: dict[str, Any]) -> dict[str, Any]:
    return template(sample_stack()._replace(template_overlay=overlay))


@pytest.mark.parametrize("name", ["ServiceDb", "DbService"])
def test_a_resource_is_changed_by_its_name_or_by_docker_s(name: str) -> None:
    made = laid_over({"Resources": {name: {"Properties": {"HealthCheckGracePeriodSeconds": 7}}}})
    properties = made["Resources"]["ServiceDb"]["Properties"]
    assert properties["HealthCheckGracePeriodSeconds"] == 7
    assert properties["ServiceName"] == "db"
    assert "DbService" not in made["Resources"]


def test_resources_and_outputs_are_added_and_references_name_what_is_there() -> None:
    alarm = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"TopicName": {"Fn::GetAtt": ["DbService", "Name"]}, "DisplayName": {"Ref": "DbTaskDefinition"}},
    }  # fmt: skip
    overlay = {
        "Resources": {"Alarm": alarm},
        "Outputs": {"Alarm": {"Value": {"Ref": "Alarm"}}, "ClusterName": None},
        "Parameters": {"DesiredCountDb": {"Default": 3}},
    }
    made = laid_over(overlay)
    assert made["Resources"]["Alarm"]["Properties"] == {
        "TopicName": {"Fn::GetAtt": ["ServiceDb", "Name"]}, "DisplayName": {"Ref": "TaskDefinitionDb"},
    }  # fmt: skip
    assert "ClusterName" not in made["Outputs"]
    assert made["Outputs"]["Alarm"]["Value"] == {"Ref": "Alarm"}
    assert made["Parameters"]["DesiredCountDb"]["Default"] == 3
    assert made["Parameters"]["DesiredCountDb"]["Type"] == "Number"
    stack = sample_stack()._replace(template_overlay={"Resources": {"Alarm": {"Type": "AWS::SNS::Topic"}}})
    assert findings(CloudFormationEmitter().emit(stack, Settings())["template.yaml"]) == []


@pytest.mark.parametrize(
    ("overlay", "what"),
    [
        ({"Resources": {"Nobody": {"Properties": {}}}}, "Resources.Nobody"),
        ({"Mappings": {}}, "Mappings"),
        ({"Resources": ["Service"]}, "Resources"),
    ],
)
def test_what_the_template_does_not_have_is_refused(overlay: dict[str, Any], what: str) -> None:
    with pytest.raises(EmitError) as raised:
        laid_over(overlay)
    (problem,) = raised.value.diagnostics
    assert problem.code == "C2F347"
    assert f"changes {what}, which" in problem.message


def test_null_takes_away_and_lists_are_replaced() -> None:
    assert merge_over({"a": 1, "b": [1, 2]}, {"a": None, "b": [3], "c": {"d": None}}) == {"b": [3], "c": {}}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("Resources", "Cluster", None),
        ("Resources", "Cluster", "x"),
        ("Resources", "Cluster", []),
        ("Resources", "Cluster", 5),
        ("Outputs", "X", 5),
        ("Outputs", "ClusterName", "x"),
        ("Parameters", "DesiredCountDb", None),
        ("Parameters", "DesiredCountDb", 3),
    ],
)
def test_what_would_break_the_template_is_refused(section: str, name: str, value: Any) -> None:
    with pytest.raises(EmitError) as raised:
        laid_over({section: {name: value}})
    (problem,) = raised.value.diagnostics
    assert (problem.code, f"{section}.{name}," in problem.message) == ("C2F347", True)
