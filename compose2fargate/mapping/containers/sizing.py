"""How big a task is: the smallest legal Fargate size that is never below what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import ceil

from compose2fargate.aws import prices
from compose2fargate.aws.fargate import LARGEST, MIN_MEMORY, TASK_SIZE_URL, Size, smallest_size
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.images.image_catalogue import ServiceKind, kind_of, reference_of
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.lazy_patterns import lazy_pattern

MIB = 1024 * 1024
SERVICE_CONNECT_MIB = 64
"""Memory that the Service Connect proxy needs on top of the containers:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"""


_LEAST_CPU = 256
SIDECAR = ServiceKind("sidecar", 0, 128)

_SIZE = lazy_pattern(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024 * 1024 * MIB}


class SizeDemand(NamedTuple):
    """What one container asks for: CPU units and MiB; None where the file is silent."""

    cpu: int | None
    memory: int | None
    reservation: int | None

    @property
    def has_memory(self) -> bool:
        """Whether there is any figure about memory."""
        return bool(self.memory or self.reservation)


def size_demand(service: Service) -> SizeDemand:
    """Collect what the service asks for under all the keys that can say it.

    Limits and reservations count alike for the task, so that it is never below what was asked.
    `memory` and `reservation` are what the container itself gets as hard and soft limit.
    """
    deploy = service.deploy
    own = options_of(service)
    cores = [
        value
        for value in (
            own.get("cpu"),
            service.cpus,
            deploy.limits.cpus,
            deploy.reservations.cpus,
            service.cpu_quota,
        )
        if value and value > 0
    ]
    limit = _largest((size_in_bytes(own.get("memory")), service.mem_limit, deploy.limits.memory))
    soft = _largest((service.mem_reservation, deploy.reservations.memory))
    if limit and soft and soft >= limit:  # ECS wants the reservation strictly below the limit
        limit, soft = max(limit, soft), None
    return SizeDemand(ceil(min(max(cores), _MOST_CORES) * 1024 - 1e-6) if cores else None, limit, soft)


_MOST_CORES = 2.0**20
"""What `.inf` counts as: far more than any task has, which is what its refusal says."""


NOTHING_ASKED = SizeDemand(None, None, None)
"""What a file that is silent asks for."""


class TaskShare(NamedTuple):
    """One container's share of a task: what it asks for, its kind, what its own heap or cache takes, and its tmpfs in MiB."""

    service: Service
    asked: SizeDemand
    kind: ServiceKind
    tmpfs_mib: int
    heap: Heap | None = None


def task_share(images: Mapping[str, ImageConfig], service: Service, tmpfs_mib: int) -> TaskShare:
    """Collect what one container adds to the size of its task."""
    kind, asked = kind_of(reference_of(service, images)), size_demand(service)
    return TaskShare(service, asked, kind, tmpfs_mib, None if asked.has_memory else heap_of(service))


def size_task(
    ctx: TranslationInput,
    findings: TranslationFindings,
    parts: Sequence[TaskShare],
    *,
    connected: bool,
    extra_mib: int = 0,
) -> Size:
    """Pick the task's size and say what decided it.

    Args:
        ctx: The translation's input.
        findings: Where it is said.
        parts: The containers that run side by side, the leading service's first.
        connected: Whether a Service Connect proxy runs in the task.
        extra_mib: Memory of containers that this tool adds.
    """
    leader = parts[0].service
    needs = [_need(each, leads=each is parts[0]) for each in parts]
    # Where nothing is asked, the defaults have room for what is added.
    exact = any(each.asked.has_memory for each in parts)
    proxy = SERVICE_CONNECT_MIB if connected and exact else 0
    extra_mib = extra_mib if exact else 0
    cpu = sum(need.cpu for need in needs)
    memory = sum(need.memory for need in needs) + proxy + extra_mib
    said = "; ".join(
        need.said if len(parts) == 1 else f"{each.service.name}: {need.said}"
        for each, need in zip(parts, needs, strict=True)
    )
    for mib, what in ((proxy, "the Service Connect proxy"), (extra_mib, "the log router")):
        said += f"; {mib} MiB more for {what}" if mib else ""
    size = smallest_size(cpu, memory)
    if size is None:
        _refuse_size(findings, leader, cpu, memory)
        return LARGEST
    guessed = any(not each.kind.is_known and each.asked == NOTHING_ASKED for each in parts)
    _report_size(ctx, findings, leader, size, said, guessed=guessed)
    return size


def _refuse_size(findings: TranslationFindings, leader: Service, cpu: int, memory: int) -> None:
    findings.refuse(
        "C2F251",
        _sizing_path(leader),
        f"{leader.name} requests {cpu / 1024:g} vCPU and {memory / 1024:g} GB; a Fargate task has at most {LARGEST}",
        hint="request less, or run this service on ECS with EC2 or Managed Instances and leave it out here: "
        f"--without {leader.name}",
        url=TASK_SIZE_URL,
    )


def _report_size(
    ctx: TranslationInput,
    findings: TranslationFindings,
    leader: Service,
    size: Size,
    said: str,
    *,
    guessed: bool,
) -> None:
    gib = storage_gib([leader])
    month = prices.task_month(price_table(ctx.settings), size, architecture_of(ctx.settings, leader), gib)
    billed = "while it runs" if leader.name in ctx.jobs else f"about {month:.2f} USD a month for each task"
    findings.info(
        "C2F250",
        ("services", leader.name),
        f"sized at {size} ({said}): {billed}",
        hint="set the size; cpus: 0.25 and mem_limit: 512m are the smallest" if guessed else "",
        url=TASK_SIZE_URL,
    )


def price_table(settings: Settings) -> prices.Prices:
    """Give the built-in prices with those of the user in their place."""
    own = settings.prices if isinstance(settings.prices, Mapping) else {}
    return prices.DEFAULT._replace(**own) if own else prices.DEFAULT


class _Need(NamedTuple):
    cpu: int
    memory: int
    said: str


def _need(each: TaskShare, *, leads: bool) -> _Need:
    """What one container needs. A sidecar of no known kind that asks for nothing gets a little memory, and no CPU of its own."""
    asked, kind = each.asked, each.kind
    default = kind if leads or kind.is_known else SIDECAR
    memory = asked.memory or asked.reservation or default.memory
    said = [f"{asked.cpu / 1024:g} vCPU requested"] if asked.cpu else []
    if asked.has_memory:
        said.append(f"{memory} MiB requested")
    elif each.heap:
        memory = max(ceil(each.heap.mib * kind.heap) + each.heap.beside, SIDECAR.memory)
        said.append(f"no memory requested, {memory} MiB for {each.heap.said} of a {default.name}")
    elif not said:
        said.append(f"no size is given; default for a {default.name}")
    # A hard limit includes the container's tmpfs already; a default has room for a small one.
    if not asked.memory and each.tmpfs_mib and (asked.has_memory or each.tmpfs_mib > default.memory // 4):
        memory += each.tmpfs_mib
        said.append(f"{each.tmpfs_mib} MiB more for tmpfs")
    # Who says how much memory it takes means a small one, where 0.5 vCPU would take 1 GB at least.
    cpu = default.cpu if default.is_known or not asked.has_memory else min(default.cpu, _LEAST_CPU)
    return _Need(asked.cpu or cpu, memory, "; ".join(said))


# -- what a service says about its own memory ----------------------------------------------------------------


class Heap(NamedTuple):
    """A heap or cache that a service gives itself: MiB, what to add for the rest of the process, and where it says so."""

    mib: int
    said: str
    beside: int = 128


_OPTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (lazy_pattern(r"-Xmx(\d+[kmgKMG]?)\b"), ""),
    (lazy_pattern(r"--?max-?memory[= ](\d+[kmgKMG]?[bB]?)\b"), ""),
    (lazy_pattern(r"\bshared_buffers ?= ?'?(\d+ ?[kMGT]?B)"), ""),
    (lazy_pattern(r"--innodb[-_]buffer[-_]pool[-_]size[= ](\d+[kmgKMG]?)\b"), ""),
    (lazy_pattern(r"--wiredTigerCacheSizeGB[= ](\d+(?:\.\d+)?)"), "g"),
    (lazy_pattern(r"--max[-_]old[-_]space[-_]size[= ](\d+)\b"), "m"),
)
"""Options by which programs size themselves, and the unit of those that write none."""
_SIZED = lazy_pattern(r"(?i)mem|mx|buffer|cachesize|space")
"""What every one of these options has in it: most commands have none of them."""
_VARIABLES = lazy_pattern(r"JAVA|JVM|HEAP|CATALINA|SBT|MAVEN|GRADLE|NODE_OPTIONS|ELASTIC|OPTS$")
_MEGABYTES = frozenset({"MSSQL_MEMORY_LIMIT_MB"})
# shared_buffers is a quarter of a database's memory, by PostgreSQL's own advice:
# https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-SHARED-BUFFERS
_TIMES = {"shared_buffers": 3}


def heap_of(service: Service) -> Heap | None:
    """Find the largest heap or cache that the service's variables or command give its program."""
    found = [*_heaps_of_variables(service), *_heaps_in(" ".join(service.command or ()), "the command")]
    return max(found, default=None)


def _heaps_of_variables(service: Service) -> Iterator[Heap]:
    for name, value in service.environment.items():
        if name in _MEGABYTES and (size := size_in_bytes(f"{value}m")):
            yield Heap(ceil(size / MIB), name)
        elif value and _tells_of_memory(name):
            yield from _heaps_in(str(value), name)


@cache  # services have the same variables
def _tells_of_memory(name: str) -> bool:
    return _VARIABLES.search(name) is not None


def _heaps_in(text: str, where: str) -> Iterator[Heap]:
    for pattern, unit in _OPTIONS if _SIZED.search(text) else ():
        for match in pattern.finditer(text):
            size = size_in_bytes(match[1] + unit) or 0
            times = next((n for word, n in _TIMES.items() if word in match[0]), 1)
            if size:
                yield Heap(ceil(size * times / MIB), f"{match[0].strip()} in {where}")


# -- storage and processor ------------------------------------------------------------------------------------


def storage_gib(services: Iterable[Service]) -> int | None:
    """Give the storage in GiB that the services of a task ask for together; None where that is what every task has."""
    asked = sum(int(options_of(s).get("ephemeral_storage") or s.storage_gib or 0) for s in services)
    return asked if asked > prices.FREE_STORAGE_GIB else None


ARCHITECTURES = {"amd64": "X86_64", "x86_64": "X86_64", "arm64": "ARM64", "aarch64": "ARM64"}
"""Docker's names of processors to ECS's."""
_CONSTRAINT = lazy_pattern(r"node\.platform\.arch\s*==\s*(\S+)")


def architecture_of(settings: Settings, service: Service) -> str:
    """Give the processor: `platform`, `x-fargate.architecture`, a placement constraint, or the setting."""
    return chosen_architecture(service) or settings.architecture


def chosen_architecture(service: Service) -> str:
    """Give the processor that the file asks for; empty where it does not."""
    if not (service.platform or service.deploy.constraints):
        return options_of(service).get("architecture") or ""
    system, _, machine = service.platform.lower().partition("/")
    constraints = filter(None, map(_CONSTRAINT.fullmatch, service.deploy.constraints))
    return (
        ARCHITECTURES.get((machine or system).split("/")[0])
        or options_of(service).get("architecture")
        or next((ARCHITECTURES[m[1].lower()] for m in constraints if m[1].lower() in ARCHITECTURES), "")
    )


def _sizing_path(service: Service) -> Path:
    if service.deploy.limits != (None, None):
        return ("services", service.name, "deploy", "resources", "limits")
    return ("services", service.name, "mem_limit" if service.mem_limit else "cpus")


def _largest(values: Iterable[int | None]) -> int | None:
    """The largest of some byte counts, in MiB rounded up, or None."""
    given = [value for value in values if value]
    return max(MIN_MEMORY, ceil(max(given) / MIB)) if given else None


def size_in_bytes(value: str | int | None) -> int | None:
    """Read a size such as `512m` or `1.5gb`, in units of 1024; None for none, or for what is no size."""
    match = _SIZE.fullmatch(str(value).strip()) if value is not None else None
    return int(min(float(match[1]) * _FACTORS[match[2].lower()], _MOST_BYTES)) if match else None


_MOST_BYTES = 2.0**60
"""What any larger size counts as; it is refused as too large all the same."""
