"""Services of which no port is known: whether they listen at all, and what that means for those that call them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from compose2fargate.compose.dockerfile.image_config import runtime_command
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.commands.command_lifetime import judge_command
from compose2fargate.mapping.images.image_catalogue import repository
from compose2fargate.mapping.references.named_ports import CONNECT_URL
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern

UNKNOWN_PORT = "C2F228"


def report_no_port(ctx: TranslationInput, findings: TranslationFindings, service: str) -> None:
    """Say that the others cannot call a service by its name, where it may listen and no port of it is known.

    Nothing of the project has to say that they do: a program may have the address of another one built in. A warning where others
    wait for it; else it may as well be a worker, and the verdict leaves it to the reader.
    """
    own = ctx.project.services[service]
    alone = len(set(ctx.groups.leaders.values())) == 1
    if alone or ctx.references.is_named_without_port(service) or _listens_nowhere(ctx, own):
        return
    needed = _is_waited_for(ctx, service)
    findings.add(
        Severity.WARNING if needed else Severity.INFO,
        UNKNOWN_PORT,
        ("services", service),
        f"other services depend on {service}, but no port of it is known: they cannot reach it by name"
        if needed
        else f"no port of {service} is known, so no other service can reach it by name",
        hint=f"declare the port it listens on{'' if needed else ', if it does'}, "
        'for example expose: ["8000"]; or resolve names by DNS, with all ports open: --names dns',
        url=CONNECT_URL,
    )


def _is_waited_for(ctx: TranslationInput, service: str) -> bool:
    """Whether other tasks depend on a service for more than its namespaces or volumes, which is said elsewhere."""
    return service in ctx.needed and any(
        service in (dependency.service for dependency in other.depends_on)
        and not _shares_only(ctx, name, service)
        for name, other in ctx.project.services.items()
        if ctx.groups.leaders.get(name) != ctx.groups.leaders.get(service)
    )


def _shares_only(ctx: TranslationInput, user: str, service: str) -> bool:
    raw = ctx.project.tree["services"][user]
    spaces = [str(raw.get(key)) for key in ("ipc", "pid", "uts", "cgroup")]
    volumes = [str(source).partition(":")[0] for source in raw.get("volumes_from") or ()]
    return f"service:{service}" in spaces or service in volumes


_WORKER = lazy_pattern(
    r"\bcelery\b(?!.*\bflower\b)|\b(?:sidekiq|rqworker|rqscheduler|dramatiq|huey_consumer|resque|supercronic|crond?)\b|\brq\s+worker"
    r"|queue:(?:work|listen)|schedule:(?:work|run)|\bhorizon\b|tail\s+-[fF]\s+/dev/null|sleep\s+inf|(?:^|[\s/_-])start[_-](?:worker|beat)\b"
    r"|(?:^|\s)(?:airflow\s+)?(?:scheduler|triggerer|dag-processor)\Z|[-_]entrypoint[-_](?:worker|beat)(?:\.sh)?\Z",
)
"""Commands that take work from a queue or the clock, and listen nowhere."""
_WORKER_NAMES = frozenset({
    "agent", "backup", "backups", "beat", "bootstrapper", "cli", "client", "consumer", "cron", "crond", "executor", "fetchmail", "init",
    "migrate", "migration", "migrations", "migrator", "producer", "runner", "scheduler", "seed", "setup", "sidekiq", "tool",
    "tools", "updater", "watchtower", "worker", "workers",
})  # fmt: skip
"""Last words of a name that say what a service does in place of listening."""
_TASKS = frozenset(
    {"backup", "create", "generate", "import", "init", "load", "migrate", "seed", "setup", "update"}
)
"""First words of such a name."""


def _is_worker_by_name(ctx: TranslationInput, service: Service) -> bool:
    """Whether the words of a service's name or of its image's say that it is a worker, and nothing in the project names it."""
    named = ctx.references.ports_of(service.name) or ctx.references.is_named(service.name)
    spoken = (service.name, repository(service.image or ""))
    return not named and any(_is_worker_name(name) for name in spoken)


def _is_worker_name(name: str) -> bool:
    """`rocketmq-producer-perf-test` is a test of a producer, `worker2` a worker, `import-data` an import."""
    words: Sequence[str] = re.split(r"[-_.]", name.lower())
    while len(words) > 1 and (words[-1].isdecimal() or words[-1] in ("test", "perf", "service", "app")):
        words = words[:-1]
    return words[-1].rstrip("0123456789") in _WORKER_NAMES or (len(words) > 1 and words[0] in _TASKS)


_FORWARDING = frozenset({"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"})
"""Kernel parameters of a router."""
_READ = 2000
"""Characters of a command that are read: of a long script its beginning, and its end, where it says what it goes on with."""


def _listens_nowhere(ctx: TranslationInput, service: Service) -> bool:
    """Whether a service is known to have no port: others wait for it, and do not call it.

    It takes work from a queue or the clock, ends by itself, which is refused at its own line, passes on the packets of others, or is no
    container at all.
    """
    if ctx.project.tree["services"][service.name].get("provider") or not _FORWARDING.isdisjoint(
        service.sysctls
    ):
        return True
    image = ctx.images.get(service.name)
    entrypoint, command = runtime_command(image, service.entrypoint, service.command)
    words = (*(entrypoint or ()), *(command or ()))
    if _is_worker_by_name(ctx, service):
        return True
    said = " ".join(words)
    if _WORKER.search(said if len(said) <= _READ else f"{said[: _READ // 2]} {said[-_READ // 2 :]}"):
        return True
    verdict = judge_command(words, None) if words and "C2F240" not in ctx.settings.allow else None
    return verdict is not None and verdict.is_certain
