"""What a rehearsal has to say about what failed: the reason, what the translation had said of it, and what mends it.

The knowledge is in tables: by how a task ended, by what its log says, by why a name is not reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal import probes
from compose2fargate.rehearsal.probes import ProbeResult, TargetHealth
from compose2fargate.rehearsal.rehearsal_plan import JOB, RehearsalPlan
from compose2fargate.rehearsal.rehearsed_deployment import ATTEMPTS, UnitResult
from compose2fargate.rehearsal.rehearsed_task import TaskEnd


class RehearsalFinding(NamedTuple):
    """One reason why a service would fail on Fargate.

    Attributes:
        diagnostic: What happens, at the line of the compose file that it comes from, and the change that mends it.
        said: What the translation had said about the same thing.
        log: The last lines of what failed.
    """

    diagnostic: Diagnostic
    said: tuple[Diagnostic, ...] = ()
    log: tuple[str, ...] = ()


class _Advice(NamedTuple):
    """A hint, and the codes of the translation that are about the same thing."""

    hint: str
    codes: tuple[str, ...] = ()


_REACH: Final[Mapping[str, tuple[str, _Advice]]] = {
    probes.NOT_YET: (
        (
            "{client} does not find {host}:{port}: a task knows the endpoints that existed when its deployment began, and nothing "
            "deploys {host} before {client}"
        ),
        _Advice("write under {client}: depends_on: [{target}]; or resolve names by DNS: --names dns", ("C2F522", "C2F506")),
    ),
    probes.NO_ENDPOINT: (
        "{client} does not find {host}{at}: Service Connect offers no port of {host}, so that the name does not exist",
        _Advice('write under {target}: expose: ["{port_or}"]', ("C2F228", "C2F519", "C2F521", "C2F224")),
    ),
    probes.UNREGISTERED: (
        "{client} does not find {host}{at}: the private DNS has another name for {target}, or none",
        _Advice("write the name by which {target} is registered, as convert tells it", ("C2F521", "C2F527")),
    ),
    probes.UNDECLARED: (
        "{client} does not reach {host}:{port}: {host} does not declare this port",
        _Advice('write under {target}: expose: ["{port}"]', ("C2F519", "C2F228")),
    ),
    probes.UNKNOWN: (
        "{client} does not find {host}{at}: no service of the project has this name, and it is no full domain name",
        _Advice("write the name of a service, or a domain name with a dot", ("C2F521", "C2F543")),
    ),
    probes.SAME_TASK: (
        "{client} does not find {host}{at}: containers of one task have no names, they are at localhost",
        _Advice("use localhost instead of {host}", ("C2F280", "C2F543")),
    ),
    probes.REFUSED: (
        "{client} does not reach {host}:{port}: nothing listens there ({detail})",
        _Advice("make {target} listen on port {port} of all addresses (0.0.0.0), not only of localhost", ("C2F227", "C2F519")),
    ),
    probes.SHUT: (
        "{client} does not reach {host}:{port}: no security group lets it in",
        _Advice("put {client} and {target} into the same network", ("C2F296", "C2F217")),
    ),
    probes.TARGET_DOWN: ("{client} does not reach {host}:{port}: {target} is not running", _Advice("repair {target} first")),
}  # fmt: skip

_FILES: Final = ("C2F536", "C2F537", "C2F262", "C2F263", "C2F261", "C2F287", "C2F260")
_LOGS: Final[Sequence[tuple[str, _Advice]]] = (
    (
        r"resolver: 127\.0\.0\.11|could not be resolved .*resolver|127\.0\.0\.11:53",
        _Advice(
            "remove `resolver 127.0.0.11`, and write the name into proxy_pass itself, without a variable: names of Service "
            "Connect are in /etc/hosts, and Docker's resolver does not exist",
            ("C2F523",),
        ),
    ),
    (
        (
            r"bind\(\) to \S*:\d+ failed \(13|:(?:\d{1,3}|10[01]\d|102[0-3])\b.*(?:permission denied|EACCES)"
            r"|(?:permission denied|EACCES|Errno 13).*:(?:\d{1,3}|10[01]\d|102[0-3])\b|cannot bind.*permission denied|listen EACCES"
            r"|\.bind\((?s:.){0,300}permission denied"
        ),
        _Advice("make it listen above 1024, or run it as root: other users cannot use lower ports on Fargate", ("C2F532",)),
    ),
    (
        (
            r"host not found in upstream|could not resolve|name or service not known|name resolution|getaddrinfo|no such host"
            r"|nodename nor servname|unknown host|bad address"
        ),
        _Advice("expose the port of the service that is named, and wait for it by depends_on", ("C2F522", "C2F521", "C2F543", "C2F228", "C2F506")),
    ),
    (
        r"directory .* (?:exists but )?is not empty|lost\+found",
        _Advice("use a directory below the volume's root: PGDATA=/var/lib/postgresql/data/pgdata", ("C2F277",)),
    ),
    (
        r"permission denied|EACCES|Errno 13|operation not permitted|not writable|read-only file system",
        _Advice("give the volume the owner that the image runs as, or run it as root: an empty volume belongs to root", _FILES),
    ),
    (
        r"no such file or directory|can't open|cannot find module|ENOENT",
        _Advice("put the file into the image: a volume starts empty, and no host files are there", (*_FILES, "C2F289", "C2F266")),
    ),
)  # fmt: skip

_ENDS: Final[Mapping[str, _Advice]] = {
    "memory": _Advice("give it more memory: deploy.resources.limits.memory", ("C2F250",)),
    "image": _Advice("build or pull it first; a task pulls it from its registry", ("C2F231",)),
    "secret": _Advice("set it where the compose file reads it from, or pass --secret NAME=VALUE-FILE", ("C2F285",)),
    "program": _Advice("use a program that the image has, or install this one: a task that fails its check is replaced", ("C2F533", "C2F234")),
    "unhealthy": _Advice("change healthcheck.test to what the image has; ECS replaces a task that fails its check", ("C2F533", "C2F234")),
    "dependency": _Advice("repair the container that it waits for, or relax the condition", ("C2F283", "C2F507")),
}  # fmt: skip
_ENDED_WELL: Final = _Advice(
    "if it is meant to end, make it a job: x-fargate: {{job: true}}; otherwise keep its command in the foreground",
    ("C2F240", "C2F235", "C2F271"),
)
_ANSWERS: Final[Mapping[int, str]] = {
    400: "make it accept the task's address as Host on this path, or check another path",
    401: "check a path without a login: x-fargate: {ingress: [{port: PORT, health_path: /…}]}",
    403: "check a path that everyone may see: x-fargate: {ingress: [{port: PORT, health_path: /…}]}",
    404: "check a path that exists: x-fargate: {ingress: [{port: PORT, health_path: /…}]}",
    405: "check a path that answers GET: x-fargate: {ingress: [{port: PORT, health_path: /…}]}",
    502: "check the server's log: it cannot reach what it forwards requests to",
}


def find_problems(
    result: UnitResult, plan: RehearsalPlan, diagnostics: Iterable[Diagnostic]
) -> list[RehearsalFinding]:
    """Say why a service or job would fail; nothing where it would not."""
    told = list(diagnostics)
    found = []
    if result.ends and not result.settled:
        found.append(_of_end(result, told))
    failing = [target for target in result.targets if not target.healthy]
    if failing and (not result.ends or result.started):
        found.append(_of_target(result, failing[0], plan, told))
    found += [_of_reach(reach, plan, told) for reach in result.reached if reach.problem]
    if not found and not result.settled:
        found.append(_unsettled(result, told))
    return found


def _of_end(result: UnitResult, told: Sequence[Diagnostic]) -> RehearsalFinding:
    end, name = result.ends[-1], result.unit.name
    again = len(result.ends) > 1 and result.unit.kind != JOB
    who = end.container if end.container and end.container != name else ""
    subject = f"{name}: {who + ': ' if who else ''}"
    message = f"{subject}{end.message}"
    if again:
        message += (
            f", and so did the {len(result.ends)} tasks that were started: ECS would keep restarting it"
        )
    advice = _advice_of(end, result)
    return _finding("C2F552", _About(name, end.log), message, advice, told)


def _advice_of(end: TaskEnd, result: UnitResult) -> _Advice:
    text = "\n".join([end.message, *end.log])
    if end.kind in ("exited", "start", "unhealthy", "dependency"):
        if end.kind == "exited" and end.exit_code == 0 and result.unit.kind != JOB:
            return _ENDED_WELL
        if found := _from_log(text):
            return found
    return _ENDS.get(
        end.kind, _Advice("see its last lines: something that it needs does not exist on Fargate")
    )


def _from_log(text: str) -> _Advice | None:
    """Give the advice of the first pattern of the table that a log matches."""
    return next((advice for pattern, advice in _LOGS if re.search(pattern, text, re.IGNORECASE)), None)


def _of_target(
    result: UnitResult, target: TargetHealth, plan: RehearsalPlan, told: Sequence[Diagnostic]
) -> RehearsalFinding:
    name = result.unit.name
    group = next(
        (plan.stack.resources[t.group] for t in result.unit.targets if target.address.endswith(f":{t.port}")),
        None,
    )
    path = getattr(group, "health_check_path", None)
    asked = f"GET {path}" if path else f"connecting to port {target.address.rpartition(':')[2]}"
    answer = f"is answered with {target.code}" if target.code else f"fails ({target.detail})"
    message = f"{name}: the load balancer's check {asked} {answer}: ECS would keep replacing its task"
    port = target.address.rpartition(":")[2]
    hint = _ANSWERS.get(target.code, "make it answer this check with a status that the target group accepts")
    told_why = _from_log("\n".join(result.log))
    advice = told_why or _Advice(
        hint.replace("PORT", port).replace("{", "{{").replace("}", "}}"), ("C2F535", "C2F530", "C2F215")
    )
    return _finding("C2F553", _About(name, result.log), message, advice, told)


def _of_reach(reach: ProbeResult, plan: RehearsalPlan, told: Sequence[Diagnostic]) -> RehearsalFinding:
    text, advice = _REACH[reach.problem]
    unit = plan.units.get(reach.target)
    target = unit.name if unit else reach.host
    words = {
        "client": reach.client,
        "host": reach.host,
        "port": reach.port,
        "at": f":{reach.port}" if reach.port else "",
        "port_or": reach.port or "PORT",
        "target": target,
        "detail": reach.detail or "connection refused",
    }
    return _finding(
        "C2F554", _About(reach.client, (), target, reach.where), text.format(**words), advice, told, words
    )


def _unsettled(result: UnitResult, told: Sequence[Diagnostic]) -> RehearsalFinding:
    name = result.unit.name
    if result.skipped:
        advice = _Advice("repair that one first")
        return _finding("C2F555", _About(name), f"{name} was not started: {result.skipped}", advice, told)
    message = f"{name} did not become steady in time"
    advice = _Advice("allow more time: --timeout SECONDS, or use --pace N for faster health checks")
    return _finding("C2F555", _About(name, result.log), message, advice, told)


class _About(NamedTuple):
    """What a finding is about: a service, perhaps another one too, perhaps a key; and the log that shows it."""

    service: str
    log: tuple[str, ...] = ()
    also: str = ""
    key: str = ""


def _finding(
    code: str,
    about: _About,
    message: str,
    advice: _Advice,
    told: Sequence[Diagnostic],
    words: Mapping[str, object] = {},
) -> RehearsalFinding:
    said = tuple(_said(told, advice.codes, {about.service, about.also}))
    keys = about.key.split(".", 1) if about.key.startswith("environment.") else ()
    hint = advice.hint.format(**words)
    path = ("services", about.service, *keys)
    return RehearsalFinding(Diagnostic(code, Severity.ERROR, message, path, hint=hint), said, about.log)


def _said(told: Iterable[Diagnostic], codes: Sequence[str], services: set[str]) -> Iterator[Diagnostic]:
    """Give what the translation said about the same thing, in the order of the table."""
    of_service = [d for d in told if len(d.path) > 1 and d.path[0] == "services" and d.path[1] in services]
    for code in codes:
        yield from (d for d in of_service if d.code == code)


def findings_summary(result: UnitResult) -> str:
    """Say in a few words what became of a service or job."""
    if result.skipped:
        return "not started"
    if result.well:
        return "completed" if result.unit.kind == JOB else "healthy" if result.healthy else "runs"
    if len(result.ends) >= ATTEMPTS:
        return "restart loop"
    if not result.started:
        return "does not start"
    return "unreachable names" if result.settled else "failed" if result.ends else "unhealthy"
