"""The verdict: what a person has to know of a stack, in ten lines. It ends `convert`, `plan`, `apply` and `check`.

It is made of a stack and the findings about it alone, so the same of both is the same verdict. What a command knows
besides (which command comes next, where load balancers answer by now) is given to it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.apply.day_two.aws_names import addresses_by_service
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    EcsService,
    ListenerRule,
    LoadBalancer,
    ManagedSecret,
    Resource,
    RunTask,
    Schedule,
    SecretParameter,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.diagnostics.harm import DAMAGES, FAILS, harm_of
from compose2fargate.mapping.containers.sizing import price_table
from compose2fargate.mapping.cost import priced_by, stack_month
from compose2fargate.mapping.network.unknown_ports import UNKNOWN_PORT
from compose2fargate.records import NamedTuple
from compose2fargate.text.escaping import one_line
from compose2fargate.text.sentences import listed
from compose2fargate.workflows.translating import Translated

UNKNOWN_HOST: Final = "LOAD_BALANCER"
"""Stands for the name of a load balancer that does not exist yet."""


class EntryAddress(NamedTuple):
    """A way to a service from outside its network; `known` says whether the load balancer has its name already."""

    service: str
    url: str
    known: bool
    internal: bool = False


class Step(NamedTuple):
    """A command that is to be run, and what it is for ("" where it says so itself)."""

    command: str
    why: str


class Verdict(NamedTuple):
    """What there is to know of a stack.

    Attributes:
        public: Where it can be reached.
        to_open: Where nothing is public: how to change that.
        broken: The findings about what will not work.
        unnamed: Services that may listen and of which no port is known, so that no other one reaches them by name.
        before: What has to be done before it starts, in order.
        once: Jobs that run to their end while the stack is deployed, and who waits for each.
        scheduled: Jobs that run by a schedule, with it.
        month: What the services cost a month, in USD; None where there are none.
        priced: By which prices.
        then: The next commands, one of which is enough.
    """

    public: tuple[EntryAddress, ...]
    to_open: str
    broken: tuple[Diagnostic, ...]
    unnamed: tuple[str, ...]
    before: tuple[Step, ...]
    once: Mapping[str, tuple[str, ...]]
    scheduled: Mapping[str, str]
    month: float | None
    priced: str
    then: tuple[Step, ...] = ()


class Known(NamedTuple):
    """What a command knows besides the stack.

    Attributes:
        then: The next commands, one of which is enough.
        options: The options that say which project and account are meant, as a command line has them.
        hosts: Names of load balancers, by the name that the stack gives them.
        applies: Whether the next step makes secrets and looks for images by itself, as `apply` does.
        deployed: Whether the stack is there: nothing has to be done before.
    """

    then: tuple[Step, ...] = ()
    options: str = ""
    hosts: Mapping[str, str] = {}
    applies: bool = False
    deployed: bool = False


def verdict_of(translated: Translated, found: Iterable[Diagnostic], known: Known = Known()) -> Verdict:  # noqa: B008 - frozen
    """Judge a stack by what it holds and by what was found."""
    stack = translated.translation.stack
    findings = tuple(found)
    public = tuple(_public(stack, known.hosts))
    has_services = any(True for _ in stack.of_type(EcsService))
    return Verdict(
        public,
        "" if public else _to_open(stack, findings),
        tuple(_broken(findings)),
        tuple(str(d.path[1]) for d in findings if d.code == UNKNOWN_PORT and d.severity is Severity.INFO),
        () if known.deployed else tuple(_before(stack, findings, known)),
        _once(stack),
        {_service(stack, i): schedule.schedule_expression for i, schedule in stack.of_type(Schedule)},
        stack_month(stack, price_table(translated.settings)) if has_services else None,
        priced_by(translated.settings),
        known.then,
    )


def _service(stack: Stack, logical_id: str) -> str:
    return stack.origins.get(logical_id, logical_id.partition("/")[2])


def _public(stack: Stack, hosts: Mapping[str, str]) -> Iterator[EntryAddress]:
    schemes = {balancer.name: balancer.scheme for _, balancer in stack.of_type(LoadBalancer)}
    addresses = addresses_by_service(stack)
    for logical_id, service in stack.of_type(EcsService):
        name = _service(stack, logical_id)
        ways = addresses.get(name, [])
        for way in ways:
            host = hosts.get(way.balancer, "")
            url = way.url(host or UNKNOWN_HOST)
            yield EntryAddress(name, url, bool(way.host or host), schemes[way.balancer] == "internal")
        if service.load_balancers and not ways:
            yield EntryAddress(name, f"your load balancer{_conditions(stack, service)}", known=True)


def _conditions(stack: Stack, service: EcsService) -> str:
    """Say by which host or path an existing load balancer finds a service."""
    groups = {one.target_group_arn for one in service.load_balancers}
    texts = [
        ", ".join(condition.values)
        for _, rule in stack.of_type(ListenerRule)
        if any(action.target_group_arn in groups for action in rule.actions)
        for condition in rule.conditions
    ]
    return f", {' '.join(texts)}" if texts else ""


_KEPT_INSIDE: Final = ("C2F220", "C2F217", "C2F225")
"""Findings about ports that a compose file publishes, and that stay inside; the hint says how to open them."""


def _to_open(stack: Stack, findings: Sequence[Diagnostic]) -> str:
    """Say how something is made public: the hint about a port that the file publishes, or the line for one that it does not."""
    for code in _KEPT_INSIDE:
        kept = next((d for d in findings if d.code == code), None)
        if kept:
            return kept.hint
    for logical_id, service in stack.of_type(EcsService):
        definition = service.task_definition
        task = stack.resources.get(definition.logical_id) if isinstance(definition, Ref) else None
        for container in task.container_definitions if isinstance(task, TaskDefinition) else ():
            for port in container.port_mappings:
                if port.app_protocol == "http":
                    asked = f"{{ingress: [{{port: {port.container_port}}}]}}"
                    return f"to open {_service(stack, logical_id)}, write under it: x-fargate: {asked}"
    return "ports: of a service that speaks HTTP opens it, x-fargate.ingress any other port"


def _broken(findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Give what will not work, the most harmful first, each message once."""
    wrong = [d for d in findings if d.severity is not Severity.INFO and d.code in DAMAGES | FAILS]
    wrong += [d for d in findings if d.severity is Severity.ERROR and d.code not in DAMAGES | FAILS]
    yield from {d.message: d for d in sorted(wrong, key=lambda d: harm_of(d.code))}.values()


def _before(stack: Stack, findings: Sequence[Diagnostic], known: Known) -> Iterator[Step]:
    """Give what a stack needs and does not make: images, secrets, certificates, names."""
    images = sorted({image.name for image in stack.built_images() if not image.digest})
    if images:
        yield Step(f"compose2fargate push{known.options}", f"builds and pushes {listed(images)}")
    kinds: tuple[type[Resource], ...] = (SecretParameter, ManagedSecret)
    secrets = [str(getattr(secret, "name", "")) for kind in kinds for _, secret in stack.of_type(kind)]
    if secrets and not known.applies:
        yield Step(f"compose2fargate secrets push{known.options}", f"gives values to {listed(secrets)}")
    for found in findings:
        if found.code == "C2F285" and found.hint.startswith("aws ") and not _names_one(found, secrets):
            yield Step(found.hint.partition(";")[0], "a secret that must exist")
    hosts = sorted(
        value
        for _, rule in stack.of_type(ListenerRule)
        for condition in rule.conditions
        if condition.field == "host-header"
        for value in condition.values
    )
    if any(d.code == "C2F220" and "certificate" in d.message for d in findings):
        name = hosts[0] if hosts else "YOUR.DOMAIN"
        yield Step(
            f"aws acm request-certificate --validation-method DNS --domain-name {name}",
            "then --certificate ARN; the port stays closed without it",
        )
    if hosts:
        yield Step("DNS", f"a CNAME of {listed(list(dict.fromkeys(hosts)))} to the load balancer's name")


def _names_one(found: Diagnostic, names: Iterable[str]) -> bool:
    return any(name in found.message.replace(",", " ").split() for name in names)


def _once(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Give the jobs that a deployment runs, and who waits for each."""
    scheduled = {_service(stack, i) for i, _ in stack.of_type(Schedule)}
    waiting: dict[str, list[str]] = {}
    for logical_id, awaited in stack.after.items():
        for one in awaited:
            waiting.setdefault(one.logical_id, []).append(_service(stack, logical_id))
    return {
        name: tuple(sorted(dict.fromkeys(waiting.get(i, ()))))
        for i, _ in stack.of_type(RunTask)
        if (name := _service(stack, i)) not in scheduled or i in waiting
    }


# -- what comes next


TEMPLATE: Final = "template.yaml"
_INLINE_BYTES: Final = 51_200
"""A CloudFormation template that is larger has to be uploaded first."""


def deploy_command(target: str, folder: str, translated: Translated, size: int) -> str:
    """Give the command that deploys what stands in `folder`; "" where that is not known.

    Args:
        target: The emitter.
        folder: Where its files stand.
        translated: What they were made from.
        size: The bytes of its template, where there is one.
    """
    at, stack = shlex.quote(folder), translated.translation.stack.name
    placed = (
        ""
        if translated.settings.subnets
        else " --parameter-overrides VpcId=vpc-… SubnetIds=subnet-…,subnet-…"
    )
    placed = f"{' --s3-bucket BUCKET' if size > _INLINE_BYTES else ''}{placed}"
    return {
        "json": f"sh {shlex.quote(f'{folder}/commands.sh')}",
        "terraform": f"terraform -chdir={at} init && terraform -chdir={at} apply",
        "cloudformation": f"aws cloudformation deploy --template-file {shlex.quote(f'{folder}/{TEMPLATE}')} "
        f"--stack-name {shlex.quote(stack)} --capabilities CAPABILITY_NAMED_IAM{placed}",
    }.get(target, "")


# -- as text and as data


_NOT_COUNTED: Final = "jobs, NAT, traffic, logs and files come on top"


def verdict_as_text(verdict: Verdict) -> str:
    """Write a verdict in at most ten lines, each with its subject."""
    rows = [("public", line) for line in _public_lines(verdict)]
    rows += [("broken", line) for line in _broken_lines(verdict)]
    rows += [("first", line) for line in _before_lines(verdict)]
    if verdict.unnamed:
        rows.append(
            (
                "unsure",
                f"no port of {listed(verdict.unnamed)} is known: expose: gives one that listens a name ({UNKNOWN_PORT})",
            )
        )
    once = [f"{job}{f' (before {listed(users)})' if users else ''}" for job, users in verdict.once.items()]
    once += [f"{job} ({schedule})" for job, schedule in verdict.scheduled.items()]
    if once:
        rows.append(("runs once" if not verdict.scheduled else "jobs", listed(once)))
    if verdict.month is not None:
        cost = f"about {verdict.month:.2f} USD a month ({verdict.priced}); {_NOT_COUNTED}"
        rows.append(("costs", cost))
    if verdict.then:
        rows.append(("next", ", or ".join(map(_step, verdict.then))))
    lines, last = [], ""
    for subject, text in rows:
        lines.append(f"{'' if subject == last else subject:<10}{one_line(text)}")
        last = subject
    return "\n".join(lines)


def _public_lines(verdict: Verdict) -> Iterator[str]:
    if not verdict.public:
        yield f"nothing{f'; {verdict.to_open}' if verdict.to_open else ''}"
        return
    ways = [
        f"{one.service} at {one.url}{' (inside the VPC)' if one.internal else ''}" for one in verdict.public
    ]
    waits = "" if all(one.known for one in verdict.public) else f"; `status` says what {UNKNOWN_HOST} is"
    yield listed(ways) + waits


def _broken_lines(verdict: Verdict) -> Iterator[str]:
    at_most = 2
    for found in verdict.broken[:at_most]:
        yield f"{found.message} ({found.code})"
    if left := verdict.broken[at_most:]:
        yield f"and {len(left)} more: {listed(list(dict.fromkeys(d.code for d in left)))}"


def _before_lines(verdict: Verdict) -> Iterator[str]:
    at_most = 3
    steps = verdict.before
    for step in steps[: at_most if len(steps) <= at_most else at_most - 1]:
        yield _step(step)
    if len(steps) > at_most:
        yield "; ".join(step.command for step in steps[at_most - 1 :])


def _step(step: Step) -> str:
    return f"{step.command}{f' ({step.why})' if step.why else ''}"


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict as plain values."""
    month = None if verdict.month is None else round(verdict.month, 2)
    return {
        "public": [one._asdict() for one in verdict.public],
        "to_open": verdict.to_open,
        "broken": [
            {"code": d.code, "message": d.message, "place": str(d.location or ""), "hint": d.hint}
            for d in verdict.broken
        ],
        "unnamed": list(verdict.unnamed),
        "before": [step._asdict() for step in verdict.before],
        "once": {job: list(users) for job, users in verdict.once.items()},
        "scheduled": dict(verdict.scheduled),
        "cost": {"usd_a_month": month, "prices": verdict.priced, "not_counted": _NOT_COUNTED},
        "next": [step._asdict() for step in verdict.then],
    }
