"""Autoscaling: bounds on the number of tasks, and the metrics that are kept near a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import EcsService, ScalableTarget, ScalingPolicy
from compose2fargate.compose.model import Service
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of

SCALING_URL = (
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html"
)
DEFAULT_CPU = 70
"""Percent of CPU to keep where bounds are given and no metric: enough left for the minute that a new task takes to start."""
SCALE_IN_SECONDS, SCALE_OUT_SECONDS = 300, 60
"""Slow down, fast up: https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html"""
METRICS = {
    "cpu": "ECSServiceAverageCPUUtilization",
    "memory": "ECSServiceAverageMemoryUtilization",
    "requests": "ALBRequestCountPerTarget",
}
"""https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html"""


def autoscaling_settings(service: Service) -> Mapping[str, Any]:
    """Give `min`, `max` and the metrics of a service; empty where it is not scaled."""
    return options_of(service).get("autoscaling") or x_aws.autoscaling(service)


def scaling_resources(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, logical_id: str, made: EcsService
) -> Iterator[tuple[str, ScalableTarget | ScalingPolicy]]:
    """Yield logical ids and resources that scale the ECS service `logical_id`."""
    asked = autoscaling_settings(service)
    if not asked:
        return
    name = ctx.names[service.name]
    low, high = int(asked.get("min", 1)), int(asked.get("max", max(made.desired_count, 1)))
    path = ("services", service.name, "x-fargate", "autoscaling")
    if low > high:
        findings.refuse("C2F256", path, f"{service.name} cannot have at least {low} and at most {high} tasks",
                   hint="set min: no larger than max:", url=SCALING_URL)  # fmt: skip
        return
    findings.info(
        "C2F256",
        path,
        f"{service.name} starts with {_tasks(made.desired_count)}; from then on Application Auto Scaling keeps {low} to {high}, "
        "and no deployment changes the number",
        url=SCALING_URL,
    )
    yield f"scalable-target/{name}", ScalableTarget(Ref(logical_id, "name"), low, high)
    metrics = {key: asked[key] for key in METRICS if asked.get(key)} or {"cpu": DEFAULT_CPU}
    for key, value in metrics.items():
        policy = _policy(ctx, findings, service, key, float(value), made)
        if policy:
            yield f"scaling-policy/{name}-{key}", policy


def _tasks(count: int) -> str:
    return f"{count} task{'s' * (count != 1)}"


def _policy(
    ctx: TranslationInput,
    findings: TranslationFindings,
    service: Service,
    key: str,
    value: float,
    made: EcsService,
) -> ScalingPolicy | None:
    name = ctx.names[service.name]
    group = next((lb.target_group_arn for lb in made.load_balancers), None)
    if key == "requests" and not isinstance(group, Ref):
        findings.refuse(
            "C2F505",
            ("services", service.name, "x-fargate", "autoscaling", "requests"),
            f"no load balancer of this stack serves {service.name}, so its requests cannot be counted",
            hint="publish its HTTP port, or scale by cpu or memory",
            url=SCALING_URL,
        )
        return None
    return ScalingPolicy(
        policy_name=ecs_name(f"{ctx.stack}-{name}-{key}"),
        scalable_target=Ref(f"scalable-target/{name}", "id"),
        metric=METRICS[key],
        target_value=value,
        scale_in_cooldown=SCALE_IN_SECONDS,
        scale_out_cooldown=SCALE_OUT_SECONDS,
        target_group=group if key == "requests" and isinstance(group, Ref) else None,
    )
