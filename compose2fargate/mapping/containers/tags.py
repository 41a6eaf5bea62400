"""The tags of all resources of a service."""

from __future__ import annotations

from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.fargate import (
    API,
    MAX_TAGS,
    is_tag,
)
from compose2fargate.aws.ownership import ownership_tags
from compose2fargate.compose.model import Service
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.settings import Settings


def resource_tags(project: str, settings: Settings, service: Service, name: str) -> tuple[Tag, ...]:
    """Give the tags by which everything of a project, a service and an environment is found again, and the user's own."""
    given = ownership_tags(project, settings.environment, name)
    own = {**settings.tags, **(options_of(service).get("tags") or {})}
    return tuple(Tag(key, str(value)) for key, value in {**given, **own}.items())


def label_tags(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> tuple[Tag, ...]:
    """Give `deploy.labels` as tags; which of them are none, since AWS allows fewer characters, is reported."""
    made = ctx.tags[service.name]
    kept = {tag.key for tag in made}
    lost = []
    for key, value in sorted(service.deploy.labels.items()):
        tag = Tag(key, str(value))
        if is_tag(tag) and key not in kept and len(made) < MAX_TAGS:
            made = (*made, tag)
        else:
            lost.append(key)
    if lost:
        findings.warn(
            "C2F255",
            ("services", service.name, "deploy", "labels"),
            f"{', '.join(lost)} cannot be used as a tag: AWS allows letters, digits, spaces and _.:/=+-@, and {MAX_TAGS} tags",
            hint="use labels: (of the container) for values that a proxy or a tool reads",
            url=f"{API}/API_Tag.html",
        )
    return made
