"""What somebody has to know who decides on a migration: per service what to decide, what is lost, what is risky, what it costs.

It is made of findings that are there anyway; this module only says which of them belongs under which heading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from compose2fargate.aws.resources import EcsService, LoadBalancer, RunTask
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.diagnostics.harm import DAMAGES, EXPOSES, FAILS, harm_of
from compose2fargate.mapping.containers.sizing import price_table
from compose2fargate.mapping.cost import service_month, store_months
from compose2fargate.records import NamedTuple
from compose2fargate.workflows.translating import Translated

DECIDE: Final = frozenset(
    {
        "C2F215", "C2F216", "C2F217", "C2F220", "C2F224", "C2F229", "C2F235", "C2F245", "C2F260", "C2F263", "C2F267", "C2F285",
        "C2F290", "C2F291", "C2F292", "C2F299", "C2F504",
    }
)  # fmt: skip
"""Findings that ask for an answer, with the ways to give it; what is refused does so too."""

LOST: Final = frozenset(
    {
        "C2F201", "C2F223", "C2F232", "C2F234", "C2F238", "C2F243", "C2F244", "C2F246", "C2F248", "C2F253", "C2F255", "C2F259",
        "C2F268", "C2F273", "C2F286", "C2F287", "C2F288", "C2F289", "C2F295", "C2F502", "C2F509", "C2F510", "C2F511", "C2F512",
        "C2F513", "C2F518",
    }
)  # fmt: skip
"""Findings that say what does not come along, or comes along as something else."""

RISKS: Final = DAMAGES | FAILS | EXPOSES | {"C2F202", "C2F247", "C2F279", "C2F525", "C2F529", "C2F570"}
"""Findings about what may go wrong at run time; those about data and approximations are notes, too."""

_ALSO_AS_NOTES: Final = frozenset(
    {
        "C2F202",
        "C2F247",
        "C2F263",
        "C2F267",
        "C2F276",
        "C2F277",
        "C2F285",
        "C2F291",
        "C2F295",
        "C2F570",
    }
)
SIZE: Final = "C2F250"


class ServiceDecision(NamedTuple):
    """What there is to know of a service, or of the stack as a whole.

    Attributes:
        name: The service; "" for the stack.
        decide: What asks for an answer.
        lost: What does not come along.
        risks: What may go wrong.
        month: What it costs a month in USD; None where that is not known: a job, or a part of another task.
        tasks: How many tasks run.
        size: The finding about its size.
        job: Whether it runs to its end.
        store: The class of the database or cache that AWS runs in its place; "" where there is none.
    """

    name: str
    decide: tuple[Diagnostic, ...] = ()
    lost: tuple[Diagnostic, ...] = ()
    risks: tuple[Diagnostic, ...] = ()
    month: float | None = None
    tasks: int = 0
    size: str = ""
    job: bool = False
    store: str = ""

    @property
    def refused(self) -> tuple[Diagnostic, ...]:
        """What `convert` refuses: nothing is written before it is answered."""
        return tuple(d for d in self.decide if d.severity is Severity.ERROR)


def decisions_of(translated: Translated) -> list[ServiceDecision]:
    """Give what there is to know: of the stack first, then of each service in the order of the file."""
    found = translated.diagnostics
    stack = translated.translation.stack
    names = [*translated.project.services]
    table = price_table(translated.settings)
    services = {stack.origins.get(i, ""): one for i, one in stack.of_type(EcsService)}
    jobs = {stack.origins.get(i, "") for i, _ in stack.of_type(RunTask)}
    stores = {stack.origins.get(i, ""): one for i, one in store_months(stack).items()}
    of_all = [d for d in found if _service_of(d) not in names]
    decisions = [_headed("", of_all)]
    for name in names:
        own = [d for d in found if _service_of(d) == name]
        size = next((d.message for d in own if d.code == SIZE), "")
        made = _headed(name, own)._replace(size=size, job=name in jobs)
        if service := services.get(name):
            made = made._replace(month=service_month(stack, service, table), tasks=service.desired_count)
        if name in stores:
            made = made._replace(month=stores[name].month, store=stores[name].size)
        decisions.append(made)
    return decisions


def _balancers_month(translated: Translated) -> tuple[int, float]:
    """Give how many load balancers there are, and what they cost a month without their traffic."""
    from compose2fargate.aws import prices

    count = sum(1 for _ in translated.translation.stack.of_type(LoadBalancer))
    return count, count * prices.HOURS * price_table(translated.settings).load_balancer_hour


def _service_of(found: Diagnostic) -> str:
    return str(found.path[1]) if len(found.path) > 1 and found.path[0] == "services" else ""


def _headed(name: str, found: Sequence[Diagnostic]) -> ServiceDecision:
    told = sorted(
        (d for d in found if d.severity is not Severity.INFO or d.code in _ALSO_AS_NOTES), key=_rank
    )
    decide = [d for d in told if d.severity is Severity.ERROR or d.code in DECIDE]
    lost = [d for d in told if d.code in LOST and d not in decide]
    risks = [d for d in told if d.code in RISKS and d not in decide and d not in lost]
    return ServiceDecision(name, tuple(_once(decide)), tuple(_once(lost)), tuple(_once(risks)))


def _rank(found: Diagnostic) -> tuple[bool, int]:
    return found.severity is not Severity.ERROR, harm_of(found.code)


def _once(found: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    yield from {(d.code, d.message): d for d in found}.values()
