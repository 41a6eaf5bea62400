"""Patches: members of the API become part of typed values, and what no type knows is kept beside them."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import KeyValue, Ref, Tag, pascal_case, to_api
from compose2fargate.aws.patching import PatchError, apply_patch, from_api, merge_extras
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerHealthCheck,
    EcsService,
    PortMapping,
    RuntimePlatform,
    Schedule,
    TaskDefinition,
)
from tests.aws.test_stack_rules import LEGAL, SCHEDULE, SERVICE, TASK, WEB


def plain(value: Any) -> Any:
    return to_api(value, lambda ref: f"{ref.logical_id}.{ref.attribute}")


def test_a_member_is_changed_and_the_rest_stays() -> None:
    made, extras = apply_patch(
        SERVICE, {"deploymentConfiguration": {"maximumPercent": 150}, "desiredCount": 3}
    )
    assert made == SERVICE._replace(
        desired_count=3,
        deployment_configuration=SERVICE.deployment_configuration._replace(maximum_percent=150),
    )
    assert extras == {}


def test_null_takes_a_member_away() -> None:
    assert (
        apply_patch(SERVICE, {"serviceConnectConfiguration": None}).value.service_connect_configuration
        is None
    )
    assert apply_patch(WEB, {"portMappings": None}).value.port_mappings == ()


def test_a_member_that_the_api_needs_cannot_be_taken_away() -> None:
    with pytest.raises(PatchError, match="serviceName cannot be removed"):
        apply_patch(SERVICE, {"serviceName": None})


def test_a_list_of_named_things_is_merged_by_name() -> None:
    both = TASK._replace(container_definitions=(WEB, ContainerDefinition("side", "busybox")))
    made, extras = apply_patch(
        both, {"containerDefinitions": [{"name": "side", "cpu": 64}, {"name": "new", "image": "x"}]}
    )
    assert made.container_definitions == (
        WEB,
        ContainerDefinition("side", "busybox", cpu=64),
        ContainerDefinition("new", "x"),
    )
    assert extras == {}


def test_a_list_written_as_an_object_takes_things_away_too() -> None:
    start = WEB._replace(environment=(KeyValue("A", "1"), KeyValue("B", "2")))
    made = apply_patch(start, {"environment": {"A": None, "B": {"value": 3}, "C": {"value": True}}}).value
    assert made.environment == (KeyValue("B", "3"), KeyValue("C", "true"))


def test_ports_are_known_by_their_number_where_they_have_no_name() -> None:
    start = WEB._replace(port_mappings=(PortMapping(80), PortMapping(443)))
    made = apply_patch(start, {"portMappings": [{"name": "https", "containerPort": 443}]}).value
    assert PortMapping(443, name="https") in made.port_mappings


def test_any_other_list_replaces_the_old_one() -> None:
    assert apply_patch(WEB, {"command": ["a", "b"]}).value.command == ("a", "b")


def test_an_object_that_was_not_there_is_made() -> None:
    check = {"command": ["CMD", "true"], "interval": 10, "timeout": 5, "retries": 3}
    assert apply_patch(WEB, {"healthCheck": check}).value.health_check == ContainerHealthCheck(
        ("CMD", "true"), 10, 5, 3
    )
    with pytest.raises(PatchError, match=r"healthCheck needs command, interval, timeout"):
        apply_patch(WEB, {"healthCheck": {"retries": 3}})


def test_labels_keep_their_keys_and_lose_those_that_are_null() -> None:
    start = WEB._replace(docker_labels={"a": "1", "b": "2"})
    assert apply_patch(start, {"dockerLabels": {"b": None, "C-d": 3}}).value.docker_labels == {
        "C-d": "3",
        "a": "1",
    }


def test_both_spellings_are_understood() -> None:
    assert (
        apply_patch(SCHEDULE, {"ScheduleExpression": "rate(1 hour)"}).value.schedule_expression
        == "rate(1 hour)"
    )
    assert apply_patch(SERVICE, {"EnableECSManagedTags": False}).value.enable_ecs_managed_tags is False


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"cpu": []}, "cpu needs a text, not a list"),
        ({"containerDefinitions": "web"}, "containerDefinitions needs a list, not a text"),
        ({"containerDefinitions": [{"cpu": 1}]}, r"containerDefinitions\[0\] needs name"),
        ({"containerDefinitions": {"web": {"essential": "yes"}}}, r"containerDefinitions\[web\].essential needs true or false"),
        ({"containerDefinitions": {"web": {"memory": 1.5}}}, "memory needs a whole number, not a number"),
        ({"runtimePlatform": "ARM64"}, "runtimePlatform needs an object"),
        ({"requiresCompatibilities": {"a": {}}}, "requiresCompatibilities needs a list"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_with_its_member(patch: dict[str, Any], says: str) -> None:
    with pytest.raises(PatchError, match=says):
        apply_patch(TASK, patch)


def test_a_number_is_taken_where_the_api_wants_a_text() -> None:
    assert apply_patch(TASK, {"cpu": 512}).value.cpu == "512"


def test_what_no_type_knows_is_kept_where_it_belongs() -> None:
    made, extras = apply_patch(
        TASK,
        {"enableFaultInjection": True, "containerDefinitions": {"web": {"versionConsistency": "disabled"}}},
    )
    assert made == TASK
    document = merge_extras(plain(made), extras)
    assert document["enableFaultInjection"] is True
    assert document["containerDefinitions"][0]["versionConsistency"] == "disabled"
    assert document["containerDefinitions"][0]["name"] == "web"


@pytest.mark.parametrize("logical_id", ["task-definition/web", "service/web", "run-task/web"])
def test_reading_what_was_written_gives_the_same(logical_id: str) -> None:
    resource = LEGAL[logical_id]
    document = plain(resource)
    made = from_api(type(resource), document)
    assert plain(made.value) == document
    assert made.extras == {}


def test_reading_what_was_written_gives_the_same_in_the_scheduler_s_spelling() -> None:
    document = to_api(SCHEDULE, str, pascal_case)
    assert from_api(Schedule, document).value == SCHEDULE


def test_a_link_stays_a_link_when_something_beside_it_is_changed() -> None:
    task = TASK._replace(execution_role_arn=Ref("execution-role", "arn"))
    made = apply_patch(
        task, {"runtimePlatform": {"cpuArchitecture": "ARM64"}, "tags": [{"key": "a", "value": "b"}]}
    ).value
    assert made.execution_role_arn == Ref("execution-role", "arn")
    assert made.runtime_platform == RuntimePlatform("ARM64")
    assert made.tags == (Tag("a", "b"),)
    assert apply_patch(made, {"executionRoleArn": "arn:mine"}).value.execution_role_arn == "arn:mine"


def test_every_type_of_a_stack_can_be_patched() -> None:
    for resource in LEGAL.values():
        assert apply_patch(resource, {}).value == resource
    for kind in (TaskDefinition, EcsService):
        with pytest.raises(PatchError, match="needs"):
            from_api(kind, {})
