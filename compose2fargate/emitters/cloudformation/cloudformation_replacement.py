"""Services that a parameter leaves out of a stack, so that the next deployment makes them anew.

AWS changes the protocol of no port that a service offers in Service Connect. CloudFormation makes a replacement before it deletes what is
replaced, and names in a namespace are unique, so it cannot replace such a service either:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
So it takes two deployments, one without the service and one with it, and a parameter is what tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.aws.resources import EcsService, ScalableTarget, ScalingPolicy
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.resource_graph import offered_protocols
from compose2fargate.text.yaml_text import TaggedValue

PARAMETER = "ServiceToReplace"


def replaceable_services(stack: Stack) -> dict[str, str]:
    """Give the services that offer ports in Service Connect: logical id to name."""
    return {
        logical_id: service.service_name
        for logical_id, service in stack.of_type(EcsService)
        if offered_protocols(stack, service)
    }


def replacement_parameter(services: Mapping[str, str]) -> dict[str, Any]:
    """Give the parameter that leaves one of these services out."""
    return {
        "Type": "String",
        "Default": "",
        "AllowedValues": ["", *services.values()],
        "Description": "Service to leave out: before app_protocol of one of its ports changes, and not afterwards",
    }


def presence_condition(name: str) -> dict[str, Any]:
    """Give the condition under which a service is there."""
    return {"Fn::Not": [{"Fn::Equals": [TaggedValue("!Ref", PARAMETER), name]}]}


def resources_by_service(stack: Stack, services: Mapping[str, str]) -> dict[str, str]:
    """Give what is there only together with a service: logical id to that of the service."""
    made = {logical_id: logical_id for logical_id in services}
    for logical_id, target in stack.of_type(ScalableTarget):
        if target.service.logical_id in services:
            made[logical_id] = target.service.logical_id
    for logical_id, policy in stack.of_type(ScalingPolicy):
        if policy.scalable_target.logical_id in made:
            made[logical_id] = made[policy.scalable_target.logical_id]
    return made
