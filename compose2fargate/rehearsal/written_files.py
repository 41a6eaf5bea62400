"""Makes everything once that a rehearsal writes into its helper containers, before anything is started.

A text that cannot stand there is told as what it is, and not as a task that does not start.
"""

from __future__ import annotations

from compose2fargate.rehearsal.configuration_text import configuration
from compose2fargate.rehearsal.local_load_balancer import dns_configuration, haproxy_configuration
from compose2fargate.rehearsal.rehearsal_plan import FIRST_TASK, RehearsalPlan
from compose2fargate.rehearsal.task_network import Subnet, task_files

_ANY = Subnet("172.31.16")


def check_files(plan: RehearsalPlan) -> None:
    """Make the configuration of every helper container.

    Raises:
        EmitError: A text of the project would be more than a word there.
    """
    haproxy_configuration(plan, _ANY)
    dns_configuration(plan)
    for unit in plan.units.values():
        documents = {f"/v4/{one.name}": one.name for one in unit.definition.container_definitions}
        task_files(plan, unit, FIRST_TASK, _ANY, documents)
        configuration(unit.registered)
