"""What it means that services find each other in a private DNS namespace: their one name there, and what it costs.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/networking-connecting-services.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.names import dns_name, private_domain
from compose2fargate.mapping.references.local_addresses import VPC_RESOLVER
from compose2fargate.mapping.references.reference_graph import Reference, said_by
from compose2fargate.mapping.references.reference_reader import FILE, LINK
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, cluster_name
from compose2fargate.text.sentences import listed

BY_DNS = "C2F527"
KEPT = "C2F528"
UNREACHABLE = "C2F521"
DNS_URL = f"{DOCS}/networking-connecting-services.html"


Asked = Mapping[str, Sequence[Reference]]
"""The references of other tasks to the services of a task, by its leading service."""


def references_by_dns(ctx: TranslationInput) -> Asked:
    """Give the references to each task from those that look its name up: all other tasks, or the jobs alone."""
    leaders, everybody = ctx.groups.leaders, ctx.settings.finds_by_dns
    found: dict[str, list[Reference]] = {}
    for one in ctx.references.references if everybody or ctx.jobs else ():
        target, user = leaders.get(one.target, ""), leaders.get(one.user, "")
        asks = everybody or user in ctx.jobs
        if asks and target and user != target and one.mention.kind != LINK:
            found.setdefault(target, []).append(one)
    return found


def registered_name(asked: Asked, leader: str) -> str:
    """Give the name by which others ask for a task: the service's own, unless all of them use another one."""
    names = [dns_name(one.address.host) for one in asked.get(leader, ())]
    return dns_name(leader) if not names or dns_name(leader) in names else names[0]


def report_names_by_dns(
    ctx: TranslationInput, findings: TranslationFindings, domain: str, called: Mapping[str, str], asked: Asked
) -> None:
    """Say what it costs to look names up, and which names nobody finds."""
    if not called:
        return
    helper = (
        f"each task first runs a container from {ctx.settings.init_image} that adds the search domain {domain}"
        if ctx.settings.job_names == "init"
        else f"only full names are found, such as {min(called.values())}.{domain}"
    )
    findings.info(
        BY_DNS,
        ("x-fargate", "names"),
        f"services find each other in the private DNS namespace {domain}, not by Service Connect: {helper}; a client that keeps an "
        "address calls a task that no longer exists after a deployment; no proxy retries on another task or counts requests",
        hint="make clients resolve a name again when a connection breaks (records live 10 seconds), or remove --names dns to use "
        "Service Connect",
        url=DNS_URL,
    )
    if ctx.settings.finds_by_dns:
        _word_outcomes(ctx.project, findings)
    for leader, name in sorted(called.items()):
        ones = asked.get(leader, ())
        _report_kept(
            ctx, findings, name, domain, [o for o in ones if o.mention.kind == FILE and o.mention.is_certain]
        )


_OTHER_NAME = CoverageRow(
    KeyOutcome.APPROXIMATED,
    "one name of each service is in the private DNS, for every service of the project",
)
_OUTCOMES: Mapping[str, CoverageRow] = {
    "container_name": CoverageRow(
        KeyOutcome.APPROXIMATED,
        "the container's name inside its task; one name of each service is in the private DNS",
    ),
    "expose": CoverageRow(
        KeyOutcome.MAPPED,
        "portMappings; members of its networks reach it at all ports, by its private DNS name",
    ),
    "links": _OTHER_NAME,
    "ports": CoverageRow(
        KeyOutcome.MAPPED, "portMappings, and for HTTP a load balancer; the private DNS has the name"
    ),
}
"""What becomes of keys that are a Service Connect name otherwise."""


def _word_outcomes(project: Project, findings: TranslationFindings) -> None:
    """Say of each key what becomes of it where names are looked up."""
    for name, service in project.services.items():
        for key, row in _OUTCOMES.items():
            findings.outcomes.setdefault(("services", name, key), row)
        for network in service.networks:
            findings.outcomes.setdefault(("services", name, "networks", network, "aliases"), _OTHER_NAME)


def report_other_names(
    ctx: TranslationInput, findings: TranslationFindings, called: Mapping[str, str], asked: Asked
) -> None:
    """Refuse what others call a task besides the one name that it has, if it has one at all."""
    for leader, name in sorted(called.items()):
        others = (
            _other_names(ctx, leader, name) if ctx.settings.finds_by_dns or name != dns_name(leader) else ()
        )
        if others:
            findings.info(
                BY_DNS,
                ("services", leader),
                f"{leader} is registered as {name}; the private DNS does not know {listed(others)}",
                hint=f"use the name {name} also in files and programs that are not read here",
                url=DNS_URL,
            )
    for leader, references in sorted(asked.items()):
        name = called.get(leader, "")
        lost = [one for one in references if dns_name(one.address.host) != name]
        if "." in name and len(lost) < len(references):
            _report_dotted(ctx, findings, name, next(one for one in references if one not in lost))
        if not name and (leader in ctx.jobs or not ctx.settings.finds_by_dns):
            continue  # nobody waits for a job to answer; and what a job talks to has no name where it has no port
        _report_lost(ctx.project, findings, leader, name, lost)


def _other_names(ctx: TranslationInput, leader: str, name: str) -> Sequence[str]:
    """Give the names of the services of a task that are not the registered one."""
    members = ctx.groups.members.get(leader, (leader,))
    given = {dns_name(one) for member in members for one in (member, *ctx.aliases.get(member, ()))}
    return sorted(given - {name})


def _report_dotted(ctx: TranslationInput, findings: TranslationFindings, name: str, one: Reference) -> None:
    """Warn about a name with a dot: resolvers look outside first, and musl's (Alpine) nowhere else, resolv.conf(5)."""
    _report(
        ctx.project,
        findings,
        one,
        (UNREACHABLE, Severity.WARNING),
        f"{name} ({said_by(one)} of {one.user}) has a dot: it is looked up without the search domain first, and in images with musl, "
        "as Alpine's, not with it at all",
        f"call it by a name without a dot, or by its full one: {name}.{private_domain(ctx.stack)}",
    )


def _report_lost(
    project: Project, findings: TranslationFindings, leader: str, name: str, references: Sequence[Reference]
) -> None:
    by_host: dict[str, list[Reference]] = {}
    for one in references:
        by_host.setdefault(one.address.host, []).append(one)
    for host, ones in by_host.items():
        users = listed(list(dict.fromkeys(one.user for one in ones)))
        why = (
            f"ECS registers one name for a task, and that of {leader} is {name}"
            if name
            else f"x-fargate.dns of {leader} is false"
        )
        way = f"write {name} in place of {host}" if name else "remove x-fargate.dns"
        _report(
            project,
            findings,
            ones[0],
            (UNREACHABLE, Severity.ERROR),
            f"{host} ({said_by(ones[0])} of {users}) is not found: {why}",
            f"{way}; or accept this: --allow {UNREACHABLE}",
        )


def _report_kept(
    ctx: TranslationInput,
    findings: TranslationFindings,
    name: str,
    domain: str,
    references: Iterable[Reference],
) -> None:
    """Warn of proxies that look a name up when they start, and never again."""
    seen: set[str] = set()
    for one in references:
        if one.user in seen:
            continue
        seen.add(one.user)
        port = f":{one.address.port}" if one.address.port else ""
        again = f"aws ecs update-service --cluster {cluster_name(ctx)} --service {ctx.names[one.user]} --force-new-deployment"
        _report(
            ctx.project,
            findings,
            one,
            (KEPT, Severity.WARNING),
            f"{one.user} resolves {name} only when it starts: after a deployment of {name} that address belongs to no task",
            f"{_looking_up(one, f'{name}.{domain}{port}')}; or deploy {one.user} after it: {again}",
        )


def _looking_up(one: Reference, address: str) -> str:
    """Say how a proxy looks an address up when it uses it."""
    place = one.mention.place
    if place and "haproxy" in place.file.lower():
        return f"in HAProxy, resolvers vpc with nameserver vpc {VPC_RESOLVER}:53, and server … {address} resolvers vpc init-addr none"
    return f"in nginx, resolver {VPC_RESOLVER} valid=10s; set $up {address}; and $up where it is passed on: proxy_pass http://$up"


def _report(
    project: Project,
    findings: TranslationFindings,
    one: Reference,
    kind: tuple[str, Severity],
    message: str,
    hint: str,
) -> None:
    mention = one.mention
    place = mention.place or project.at(*mention.path)
    findings.report.append(Diagnostic(*kind, message, mention.path, place, hint, DNS_URL))
