"""What types have in common that are found by name and by the tagging API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
)


class TaggedHandler(Handler):
    """Types whose names say mostly whose they are, and of which the tagging API knows those of any other name.

    Attributes:
        resource_type: What the tagging API calls them.
        name_member: The member that holds the name.
    """

    resource_type = ""
    name_member = ""

    def ours(self, named: Mapping[str, Json], context: HandlerContext) -> list[FoundResource]:
        """Give those with our tags, of the ones that are `named` as ours are and of all others."""
        reads = [self._found(one, context) for one in named.values()]
        for arn in tagged_arns(context, self.resource_type):
            name = re.split(f":{self.resource_type.partition(':')[2]}[:/]", arn, maxsplit=1)[1].removesuffix(
                ":*"
            )
            found = None if name in named else self.find({self.name_member: name}, context)
            reads += [found] if found else []
        return [found for found in reads if context.owner.owns(found.tags or {})]

    def _found(self, one: Json, context: HandlerContext) -> FoundResource:
        raise NotImplementedError


def tagged_arns(context: HandlerContext, kind: str) -> Iterable[str]:
    """Ask the tagging API, in one call for the whole account, for ARNs; it may lag behind, so what it says is looked up.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    filters = [{"Key": key, "Values": [value]} for key, value in context.owner.tags.items()]
    for one in context.account.pages(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        ResourceTypeFilters=[kind],
        TagFilters=filters,
    ):
        yield one["ResourceARN"]
