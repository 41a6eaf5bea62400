"""The autoscaling of the json target: the metrics as files, and the calls that use them.

Application Auto Scaling knows an ECS service by its path, `service/CLUSTER/SERVICE`:
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compose2fargate.aws.api_values import Ref, Resolve, resolve_text
from compose2fargate.aws.resources import EcsService, ScalableTarget, ScalingPolicy
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.placeholders import Placeholders
from compose2fargate.text.shell_text import option

FOLDER = "scaling"
LABEL = "RESOURCE_LABEL_{word}"
"""Stands for the load balancer and target group whose requests are counted, which AWS names when it makes them."""


def scaling_documents(stack: Stack, words: Placeholders) -> dict[str, Any]:
    """Give the configuration of each policy by path."""
    return {
        _path(stack, logical_id): _configuration(policy, words)
        for logical_id, policy in stack.of_type(ScalingPolicy)
    }


def _path(stack: Stack, logical_id: str) -> str:
    return f"{FOLDER}/{stack.files[logical_id]}-{logical_id.rpartition('-')[2]}.json"


def _configuration(policy: ScalingPolicy, words: Placeholders) -> dict[str, Any]:
    label = {"ResourceLabel": words.put(label_of(policy.target_group))} if policy.target_group else {}
    return {
        "TargetValue": policy.target_value,
        "PredefinedMetricSpecification": {"PredefinedMetricType": policy.metric, **label},
        "ScaleInCooldown": policy.scale_in_cooldown,
        "ScaleOutCooldown": policy.scale_out_cooldown,
    }


def label_of(target_group: Ref) -> str:
    """Give the placeholder for the label of a target group: one for each, which `commands.sh` fills in."""
    return f"{LABEL}-{target_group.logical_id.partition('/')[2]}"


def scaling_calls(stack: Stack, resolve: Resolve, document: Callable[[str], str]) -> list[str]:
    """Give the calls of the AWS CLI that scale the services; `document` hands a file over, filled in where it has placeholders."""
    calls = []
    for _, target in stack.of_type(ScalableTarget):
        bounds = f"--min-capacity {int(target.min_capacity)} --max-capacity {int(target.max_capacity)}"
        calls.append(
            f"aws application-autoscaling register-scalable-target {_service(stack, target, resolve)} {bounds}"
        )
    for logical_id, policy in stack.of_type(ScalingPolicy):
        scaled = stack.get(policy.scalable_target)
        if isinstance(scaled, ScalableTarget):
            calls.append(
                f"aws application-autoscaling put-scaling-policy {_service(stack, scaled, resolve)} "
                f"{option('policy-name', policy.policy_name)} --policy-type TargetTrackingScaling "
                f"--target-tracking-scaling-policy-configuration {document(_path(stack, logical_id))}"
            )
    return calls


def _service(stack: Stack, target: ScalableTarget, resolve: Resolve) -> str:
    """The options that name the service whose number of tasks is changed."""
    service = stack.get(target.service)
    cluster = service.cluster if isinstance(service, EcsService) else Ref("cluster", "name")
    path = f"service/{resolve_text(cluster, resolve)}/{resolve(target.service)}"
    return (
        f"--service-namespace ecs --scalable-dimension ecs:service:DesiredCount {option('resource-id', path)}"
    )
