"""Repositories of Amazon ECR, and the policy that limits how many images they keep."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    delete_when_free,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
)
from compose2fargate.apply.handlers.tagged_handler import TaggedHandler
from compose2fargate.aws import resources as aws
from compose2fargate.aws.policies import lifecycle_policy


class RepositoryHandler(TaggedHandler):
    """ECR repositories: found by name; how many images are kept is a lifecycle policy."""

    kind = aws.Repository
    resource_type, name_member = "ecr:repository", "repositoryName"
    keeps_data = True
    missing = frozenset({"RepositoryNotFoundException", "LifecyclePolicyNotFoundException"})
    exists = frozenset({"RepositoryAlreadyExistsException"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name."""
        ecr = context.account.client("ecr")
        answer = read_or_none(
            self, lambda: ecr.describe_repositories(repositoryNames=[want["repositoryName"]])
        )
        return self._found(answer["repositories"][0], context) if answer else None

    def _found(self, one: Json, context: HandlerContext) -> FoundResource:
        ecr = context.account.client("ecr")
        arn, name = one["repositoryArn"], one["repositoryName"]
        tags = tags_from(ecr.list_tags_for_resource(resourceArn=arn)["tags"])
        policy = read_or_none(self, lambda: ecr.get_lifecycle_policy(repositoryName=name))
        state = {
            "repositoryName": name,
            "imageTagMutability": one.get("imageTagMutability"),
            "scanOnPush": (one.get("imageScanningConfiguration") or {}).get("scanOnPush", False),
            "keep": _kept(policy["lifecyclePolicyText"]) if policy else None,
            "tags": shown_tags(tags),
        }
        return FoundResource(
            name,
            {"name": name, "arn": arn, "uri": one["repositoryUri"]},
            normalise_state(state),
            tags,
            name=name,
        )

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the repositories whose name holds the project's or the stack's, and those with our tags of any other name."""
        every = context.account.pages("ecr", "describe_repositories", "repositories")
        names = (context.owner.project, context.owner.stack)
        named = {r["repositoryName"]: r for r in every if any(name in r["repositoryName"] for name in names)}
        return self.ours(named, context)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it, with its lifecycle policy."""
        ecr = context.account.client("ecr")
        made = ecr.create_repository(
            repositoryName=want["repositoryName"],
            imageTagMutability=want["imageTagMutability"],
            imageScanningConfiguration={"scanOnPush": want["scanOnPush"]},
            tags=tag_list(want["tags"]),
        )["repository"]
        self._keep(want, context)
        attributes = {
            "name": want["repositoryName"],
            "arn": made["repositoryArn"],
            "uri": made["repositoryUri"],
        }
        return FoundResource(want["repositoryName"], attributes, want, want["tags"])

    def _keep(self, want: Json, context: HandlerContext) -> None:
        context.account.client("ecr").put_lifecycle_policy(
            repositoryName=want["repositoryName"], lifecyclePolicyText=lifecycle_policy(want["keep"])
        )

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change each setting with its call."""
        ecr, name = context.account.client("ecr"), found.key
        if "imageTagMutability" in changed:
            ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=want["imageTagMutability"])
        if "scanOnPush" in changed:
            scanning = {"scanOnPush": want["scanOnPush"]}
            ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)
        if "keep" in changed:
            self._keep(want, context)
        if "tags" in changed:
            ecr.tag_resource(resourceArn=found.attributes["arn"], tags=tag_list(want["tags"]))
            surplus = surplus_tags(found, want)
            if surplus:
                ecr.untag_resource(resourceArn=found.attributes["arn"], tagKeys=surplus)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it with its images."""
        ecr = context.account.client("ecr")
        delete_when_free(self, lambda: ecr.delete_repository(repositoryName=found.key, force=True), context)


def _kept(policy: str) -> Any:
    """Read back how many images a policy keeps; the policy itself, where it is another one."""
    try:
        keep = json.loads(policy)["rules"][0]["selection"]["countNumber"]
    except (ValueError, KeyError, IndexError, TypeError):
        return policy
    return keep if json.loads(lifecycle_policy(keep)) == json.loads(policy) else policy
