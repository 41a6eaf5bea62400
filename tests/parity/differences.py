"""Where targets say something else than the json target, and why that is meant: the one table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Difference(NamedTuple):
    """What differs.

    Attributes:
        targets: Which targets say something else.
        told: Matches the whole of what the comparison says.
        reason: Why it is right as it is.
    """

    targets: tuple[str, ...]
    told: str
    reason: str


_OTHERS = ("CloudFormation", "Terraform", "apply")
_TEMPLATES = ("CloudFormation", "Terraform")
_FOR_RULES = r"(service|run-task|scalable-target|scaling-policy)/.*"

DIFFERENCES: tuple[Difference, ...] = (
    # -- roles
    Difference(
        _OTHERS,
        r"\.role \S+-(execution|scheduler): None != \{.*",
        "json names the roles that an account usually has, ecsTaskExecutionRole and ecsEventsRole, as people do by hand",
    ),
    Difference(
        _OTHERS,
        r"\.role \S+: None != \{'description': 'What the containers of (?!.*'(policies|attached)').*",
        "a task role that allows nothing is made where it costs no file to review, so that a permission changes no task",
    ),
    Difference(
        ("CloudFormation",),
        r"\.role of the job runner: None != .*|\.log group /ecs/\S+/job-runner: None != .*",
        "only a template needs a function to run jobs: the others call RunTask themselves",
    ),
    # -- names and tags
    Difference(
        ("CloudFormation",),
        r"\.tags of (listener|rule) \d+\.tags: \{.*\} != None",
        "CloudFormation has no Tags for listeners and their rules",
    ),
    Difference(
        ("Terraform",),
        r"\.(DNS )?namespace \S+\.description: None != 'Names of the services of .*'",
        "shown in the console only, and to take it away would make the namespace, and all services in it, anew",
    ),
    Difference(
        ("Terraform", "apply"),
        r"\.scalable target \S+\.tags: None != .*",
        "the tag of the project alone; nobody looks a target up by it, since it goes with its service",
    ),
    # -- what AWS does anyway
    Difference(
        ("Terraform",),
        r"\.service .*\.deploymentConfiguration\.strategy: 'ROLLING' != None",
        "provider 5.100 has no argument for it, and this is the strategy that it has",
    ),
    # -- order
    Difference(
        _TEMPLATES,
        _FOR_RULES + r" does not wait for (ingress-rule|security-group)/.*",
        "a rule is there seconds after its group, and a task half a minute after its service at the earliest: each service "
        "would name every rule of the stack for nothing",
    ),
    Difference(
        ("Terraform",),
        r"(task-definition/.*|[a-z-]+-role|task-role/.*|schedule/.*) does not wait for "
        r"(log-group/.*|access-point/.*|file-system|cluster|execution-role|task-role/.*)",
        "a policy is a resource of its own there, which services and jobs wait for by depends_on; a role alone names nothing",
    ),
)


def unexplained(target: str, found: Iterable[str]) -> list[str]:
    """Give the differences that no row of the table speaks of."""
    rows = [row.told for row in DIFFERENCES if target in row.targets]
    return [one for one in found if not any(re.fullmatch(told, one, re.DOTALL) for told in rows)]


def idle(target: str, found: Iterable[str]) -> list[str]:
    """Give the rows about a target that none of its differences is told by."""
    lines = list(found)
    rows = [row.told for row in DIFFERENCES if target in row.targets]
    return [told for told in rows if not any(re.fullmatch(told, one, re.DOTALL) for one in lines)]
