"""What EventBridge Scheduler refuses and moto takes: expressions with values that a field does not have, roles it may not take."""

from __future__ import annotations

import re
from typing import Any

from compose2fargate.apply.sandbox.fake_roles import may_assume

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
"""Minutes, hours, day of the month, month, day of the week, year:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html"""


def patch_moto_scheduler() -> None:
    """Look at the expression of every schedule that is made or changed."""
    from moto.scheduler.exceptions import ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend as Backend

    for name in ("create_schedule", "update_schedule"):
        original = getattr(Backend, name)

        def checked(backend: Any, *, original: Any = original, **given: Any) -> Any:
            if not is_valid(given["schedule_expression"]):
                raise ValidationException(f"Invalid Schedule Expression {given['schedule_expression']}.")
            place = f"{backend.partition}:scheduler:{backend.region_name}:{backend.account_id}"
            group = f"arn:{place}:schedule-group/{given['group_name'] or 'default'}"
            if not may_assume(backend, given["target"]["RoleArn"], "scheduler.amazonaws.com", group):
                raise ValidationException(
                    "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
                )
            return original(backend, **given)

        setattr(Backend, name, checked)


def is_valid(expression: str) -> bool:
    """Tell whether AWS takes an expression; of rate(…) and at(…) only the form is looked at."""
    match = re.fullmatch(r"(cron|rate|at)\((.+)\)", expression)
    if match is None or match[1] != "cron":
        return match is not None
    fields = match[2].split()
    return (
        len(fields) == 6
        and [fields[2], fields[4]].count("?") == 1
        and all(_fits(field, *limits) for field, limits in zip(fields, _RANGES, strict=True))
    )


def _fits(field: str, low: int, high: int) -> bool:
    """Compare numbers with the range; names and the letters L and W are taken as they are."""
    for part in field.split(","):
        value, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and 0 < int(step) <= high):
            return False
        if not all(low <= int(number) <= high for number in re.findall(r"\d+", value.partition("#")[0])):
            return False
    return True
