"""What is asked of a running stack: who reaches whom at which port, and what load balancers think of their targets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.engine import Engine
from compose2fargate.rehearsal.local_load_balancer import STATISTICS_PORT
from compose2fargate.rehearsal.probed_references import ProbedReference, references
from compose2fargate.rehearsal.rehearsal_plan import (
    SERVICE,
    Endpoint,
    RehearsalPlan,
    RehearsedUnit,
    all_endpoints,
    looked_up,
    visible_endpoints,
)
from compose2fargate.rehearsal.task_network import Subnet

_CONNECT: Final = """
timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/tmp/why
status=$?
[ $status = 124 ] && { echo 'no answer within 3 s'; exit 124; }
[ $status = 0 ] || sed -n 's/.*: //p' /tmp/why | tail -n 1
exit $status
"""
_STATISTICS: Final = f"exec 3<>/dev/tcp/127.0.0.1/{STATISTICS_PORT}; echo 'show stat' >&3; cat <&3"
BLOCKED: Final = 124

# Why a name and port are not reached.
NOT_YET, NO_ENDPOINT, UNREGISTERED, UNDECLARED, UNKNOWN, SAME_TASK = (
    "not-yet",
    "no-endpoint",
    "unregistered",
    "undeclared",
    "unknown",
    "same-task",
)
REFUSED, SHUT, TARGET_DOWN = "refused", "blocked", "down"


class ProbeResult(NamedTuple):
    """Whether a container reaches a name that it is told, at the port.

    Attributes:
        client: The service that wants to reach it.
        host: The name.
        port: The port.
        where: What names it.
        problem: One of the constants above; "" where it is reached.
        detail: What the connection said.
        target: Logical id of the service behind the name; "" where there is none.
    """

    client: str
    host: str
    port: int
    where: str
    problem: str = ""
    detail: str = ""
    target: str = ""


class WantedProbe(NamedTuple):
    """A connection to try: the reference, and the endpoints that may answer; or why there is none."""

    reference: ProbedReference
    endpoints: tuple[Endpoint, ...] = ()
    problem: str = ""
    target: str = ""


def _names_of(plan: RehearsalPlan) -> frozenset[str]:
    """Give every name in a stack by which a service may be meant."""
    names = {unit.name for unit in plan.units.values()} | {e.alias for e in all_endpoints(plan)}
    registered = {name for unit in plan.units.values() for name in unit.registered}
    names |= registered | {f"{name}.{plan.domain}" for name in registered}
    names |= {c.name for unit in plan.units.values() for c in unit.definition.container_definitions}
    return frozenset(name.lower() for name in names)


def wanted_probes(plan: RehearsalPlan, unit: RehearsedUnit) -> Iterator[WantedProbe]:
    """Give what the containers of a service want to reach. Jobs try by themselves: they are over when others are asked."""
    known, names = visible_endpoints(plan, unit), _names_of(plan)
    for container in unit.definition.container_definitions:
        for reference in references(container, names):
            host = reference.host.lower()
            here = [e for e in known if e.alias.lower() == host]
            at = tuple(e for e in here if reference.port in (0, e.port))
            found = None if here else looked_up(plan, unit, host)
            if found:
                # A name without a port is nothing to try.
                yield from (
                    WantedProbe(reference, (e,), target=e.unit) for e in _at_each_task(found, reference)
                )
            elif at:
                yield WantedProbe(reference, at, target=at[0].unit)
            elif problem := _problem(plan, unit, container.name, reference, is_known=bool(here)):
                yield problem


def _problem(
    plan: RehearsalPlan, unit: RehearsedUnit, container: str, reference: ProbedReference, *, is_known: bool
) -> WantedProbe | None:
    """Say why a name that a container is told leads nowhere; None where it is no name, or the container's own.

    Args:
        plan: The plan.
        unit: Whose container it is.
        container: Its name.
        reference: What it is told.
        is_known: Whether Service Connect has the name, at other ports.
    """
    host, everywhere = reference.host.lower(), list(all_endpoints(plan))
    target = next((e.unit for e in everywhere if e.alias.lower() == host), "")
    target = target or next((o.id for o in plan.units.values() if o.name.lower() == host), "")
    own = {c.name.lower() for c in unit.definition.container_definitions}
    if host in own and not is_known:
        same = WantedProbe(reference, problem=SAME_TASK, target=unit.id)
        return same if host != container.lower() else None
    if is_known:
        return WantedProbe(reference, problem=UNDECLARED, target=target)
    if any(e.alias.lower() == host and reference.port in (0, e.port) for e in everywhere):
        return WantedProbe(reference, problem=NOT_YET, target=target)
    if host in _names_of(plan):
        by_dns = unit.kind == SERVICE and not unit.connected
        return WantedProbe(reference, problem=UNREGISTERED if by_dns else NO_ENDPOINT, target=target)
    return WantedProbe(reference, problem=UNKNOWN) if reference.certain else None


def _at_each_task(unit: RehearsedUnit, reference: ProbedReference) -> Iterator[Endpoint]:
    """Give where a name of the private DNS leads to: the same port of each task of a service."""
    mapped = (p.container_port for c in unit.definition.container_definitions for p in c.port_mappings)
    if port := reference.port or next(mapped, 0):
        yield Endpoint(reference.host, port, unit.id, port)


def probe(
    engine: Engine, plan: RehearsalPlan, subnet: Subnet, client: str, agent: str, want: WantedProbe
) -> ProbeResult:
    """Try a connection from inside a task, to each of the tasks behind the name until one answers."""
    reference = want.reference
    port = reference.port or (want.endpoints[0].port if want.endpoints else 0)
    reach = ProbeResult(client, reference.host, port, reference.where, want.problem, target=want.target)
    if want.problem:
        return reach
    problem, detail = TARGET_DOWN, "it has no tasks"
    for endpoint in want.endpoints:
        for byte in plan.units[endpoint.unit].addresses:
            place = (subnet.at(byte), str(endpoint.container_port))
            result = engine.execute(agent, ("bash", "-c", _CONNECT, "probe", *place))
            if result.exit_code == 0:
                return reach
            problem = SHUT if result.exit_code == BLOCKED else REFUSED
            detail = result.output.strip()
    return reach._replace(problem=problem, detail=detail)


# -- load balancers ------------------------------------------------------------------------------------------


class TargetHealth(NamedTuple):
    """What the load balancer thinks of a target.

    Attributes:
        group: The name of the target group in HAProxy's configuration.
        address: `ADDRESS:PORT` of the target.
        healthy: Whether its health check succeeds.
        code: The HTTP status of its answer; 0 where there was none.
        detail: What the check said.
    """

    group: str
    address: str
    healthy: bool
    code: int
    detail: str


def target_health(engine: Engine, edge: str) -> dict[tuple[str, str], TargetHealth]:
    """Ask the load balancer how its targets are, by target group and address."""
    result = engine.execute(edge, ("bash", "-c", _STATISTICS))
    rows = csv.DictReader(io.StringIO(result.output.lstrip("# ")))
    return {(row["pxname"], row["svname"]): _health(row) for row in rows if ":" in (row.get("svname") or "")}


def _health(row: Mapping[str, str]) -> TargetHealth:
    status = row.get("check_status") or ""
    passed = status.lstrip("* ") in ("L4OK", "L6OK", "L7OK") and (row.get("status") or "").startswith("UP")
    code = row.get("check_code") or ""
    detail = " ".join(filter(None, (row.get("check_desc"), row.get("last_chk"))))
    return TargetHealth(row["pxname"], row["svname"], passed, int(code) if code.isdigit() else 0, detail)


def unhealthy(health: Iterable[TargetHealth]) -> list[TargetHealth]:
    """Give the targets that are not healthy."""
    return [one for one in health if not one.healthy]
