"""Application Auto Scaling: scalable targets and scaling policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    PendingValue,
    delete_when_free,
    has_pending,
    normalise_state,
    shown_tags,
    surplus_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref

_SCALING = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}


class ScalableTargetHandler(Handler):
    """Scalable targets: found by the service."""

    kind = aws.ScalableTarget
    missing = frozenset({"ObjectNotFoundException", "ResourceNotFoundException", "ValidationException"})
    immutable = frozenset({"ResourceId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Name the service as autoscaling does."""
        return {
            "ResourceId": resolve(resource.service._replace(attribute="resource_id")),
            "MinCapacity": resource.min_capacity,
            "MaxCapacity": resource.max_capacity,
            "tags": dict(context.owner.tags),
        }

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the service."""
        if has_pending(want["ResourceId"]):
            return None
        targets = self._read(context, ResourceIds=[want["ResourceId"]])
        return targets[0] if targets else None

    def _read(self, context: HandlerContext, **given: Any) -> list[FoundResource]:
        client = context.account.client("application-autoscaling")
        pages = context.account.pages(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", **_SCALING, **given
        )
        found = []
        for one in pages:
            arn = one.get("ScalableTargetARN")
            tags = client.list_tags_for_resource(ResourceARN=arn)["Tags"] if arn else {}
            state = {member: one[member] for member in ("ResourceId", "MinCapacity", "MaxCapacity")}
            state["tags"] = shown_tags(tags)
            name = one["ResourceId"].rpartition("/")[2]
            found.append(
                FoundResource(
                    one["ResourceId"], {"arn": arn, "resource_id": one["ResourceId"]}, state, tags, name=name
                )
            )
        return found

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the targets with our tags."""
        return [one for one in self._read(context) if context.owner.owns(one.tags or {})]

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Let autoscaling write the service's desired count."""
        client = context.account.client("application-autoscaling")
        members = {key: value for key, value in want.items() if key != "tags"}
        answer = client.register_scalable_target(**_SCALING, **members, Tags=want["tags"])
        attributes = {"arn": answer.get("ScalableTargetARN"), "resource_id": want["ResourceId"]}
        return FoundResource(want["ResourceId"], attributes, want, want["tags"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the bounds, and the tags."""
        client = context.account.client("application-autoscaling")
        if changed - {"tags"}:
            client.register_scalable_target(**_SCALING, **{k: v for k, v in want.items() if k != "tags"})
        if "tags" in changed:
            client.tag_resource(ResourceARN=found.attributes["arn"], Tags=want["tags"])
            surplus = surplus_tags(found, want)
            if surplus:
                client.untag_resource(ResourceARN=found.attributes["arn"], TagKeys=surplus)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Leave the desired count to whoever writes it; the policies go too."""
        client = context.account.client("application-autoscaling")
        delete_when_free(
            self, lambda: client.deregister_scalable_target(**_SCALING, ResourceId=found.key), context
        )


class ScalingPolicyHandler(Handler):
    """Target tracking policies: found by name and service; as much ours as the target."""

    kind = aws.ScalingPolicy
    taggable = False
    missing = ScalableTargetHandler.missing
    immutable = frozenset({"ResourceId"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Spell the policy as autoscaling does."""
        metric: Json = {"PredefinedMetricType": resource.metric}
        if resource.target_group is not None:
            metric["ResourceLabel"] = _resource_label(
                resolve(resource.target_group._replace(attribute="arn")), context
            )
        return {
            "PolicyName": resource.policy_name,
            "ResourceId": resolve(resource.scalable_target._replace(attribute="resource_id")),
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(resource.target_value),
                "PredefinedMetricSpecification": metric,
                "ScaleInCooldown": resource.scale_in_cooldown,
                "ScaleOutCooldown": resource.scale_out_cooldown,
            },
        }

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name among the service's policies."""
        if has_pending(want["ResourceId"]):
            return None
        policies = self._read(context, ResourceId=want["ResourceId"])
        return next((one for one in policies if one.name == want["PolicyName"]), None)

    def _read(self, context: HandlerContext, **given: Any) -> list[FoundResource]:
        pages = context.account.pages(
            "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", **_SCALING, **given
        )
        found = []
        for one in pages:
            configuration = dict(one.get("TargetTrackingScalingPolicyConfiguration") or {})
            if configuration.get("DisableScaleIn") is False:
                del configuration["DisableScaleIn"]
            if "TargetValue" in configuration:
                configuration["TargetValue"] = float(configuration["TargetValue"])
            state = {
                "PolicyName": one["PolicyName"],
                "ResourceId": one["ResourceId"],
                "TargetTrackingScalingPolicyConfiguration": configuration,
            }
            key = (one["PolicyName"], one["ResourceId"])
            found.append(
                FoundResource(
                    key, {"arn": one["PolicyARN"]}, normalise_state(state), None, name=one["PolicyName"]
                )
            )
        return found

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the policies of the targets that are ours."""
        for target in ScalableTargetHandler().owned(context):
            yield from self._read(context, ResourceId=target.key)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Write the policy: the API has one call for new and changed ones."""
        client = context.account.client("application-autoscaling")
        answer = client.put_scaling_policy(**_SCALING, **want, PolicyType="TargetTrackingScaling")
        return FoundResource(
            (want["PolicyName"], want["ResourceId"]), {"arn": answer["PolicyARN"]}, want, None
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Write it again."""
        return self.create(want, context)

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it."""
        name, resource_id = found.key
        client = context.account.client("application-autoscaling")
        delete_when_free(
            self,
            lambda: client.delete_scaling_policy(**_SCALING, PolicyName=name, ResourceId=resource_id),
            context,
        )


def _resource_label(arn: Any, context: HandlerContext) -> Any:
    """Name load balancer and target group in one: known once a listener sends requests to the group.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    if isinstance(arn, PendingValue):
        return arn
    groups = context.account.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    balancers = groups[0]["LoadBalancerArns"]
    if not balancers:
        return PendingValue("load-balancer", "resource label")
    return f"{balancers[0].partition(':loadbalancer/')[2]}/{arn.rpartition(':')[2]}"
