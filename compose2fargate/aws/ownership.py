"""The tags by which everything of a project, an environment and a service is found again in AWS."""

from __future__ import annotations

PROJECT_TAG = "compose2fargate:project"
ENVIRONMENT_TAG = "compose2fargate:environment"
SERVICE_TAG = "compose2fargate:service"
RAN_TAG = "compose2fargate:ran"
"""When a job ended well; stands on its task definition."""
ATTEMPTS_TAG = "compose2fargate:attempts"
"""How often a job has failed; stands on its task definition."""


def ownership_tags(project: str, environment: str, service: str = "") -> dict[str, str]:
    """Give the tags of what belongs to a project in an environment, and to one service of it."""
    tags = {PROJECT_TAG: project, SERVICE_TAG: service, ENVIRONMENT_TAG: environment}
    return {key: value for key, value in tags.items() if value or key == PROJECT_TAG}
