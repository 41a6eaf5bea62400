"""Dependencies that cannot be found or reached: a name that no service has, a service without a port, no network in common.

A host that is plainly somewhere else is none of them: one with a dot, of the machine, of `extra_hosts`. What may as well be a
placeholder, or the name of a service of another project, is not certain enough for an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.containers.task_definitions import MappedTask
from compose2fargate.mapping.references.addresses import SCHEME_PORTS
from compose2fargate.mapping.references.named_ports import CONNECT_URL
from compose2fargate.mapping.references.reference_graph import Reference, said_by
from compose2fargate.mapping.references.reference_reader import COMMAND, FILE, VARIABLE
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern
from compose2fargate.text.nearest import nearest
from compose2fargate.text.sentences import listed

UNREACHABLE = "C2F521"
_EXTERNAL = lazy_pattern(
    r"localhost|host|hostname|self|any|all|none|null|unix|memory|mem|file|stdout|stderr|console|disabled?|unused|ip6-.*"
)
"""Words that stand where a host may stand, and are none."""
_PLACEHOLDER = lazy_pattern(
    r"your|example|sample|changeme|change[_-]me|placeholder|dummy|fake|invalid|todo|xxx|foo|bar$|my[_-]?(?:host|server|domain)|(?:^|[_-])ip(?:$|[_-]addr)"
)


_SERVED = frozenset(SCHEME_PORTS.values()) - {80, 443}
_STORES = frozenset(
    {"cache", "database", "db", "kafka", "mariadb", "mongo", "mysql", "postgres", "rabbitmq", "redis"}
)


def report_unreachable(
    ctx: TranslationInput, findings: TranslationFindings, tasks: Mapping[str, MappedTask]
) -> None:
    """Report each dependency of the project that cannot be reached, once, where it is named first."""
    found: dict[tuple[str, str], list[Reference]] = {}
    for one in ctx.references.references:
        verdict = _nobody(ctx, one) if not one.target else _out_of_reach(ctx, one, tasks)
        if verdict:
            found.setdefault((one.address.host, verdict), []).append(one)
    for (_, verdict), references in found.items():
        findings.report.append(_VERDICTS[verdict](ctx, references))


Verdict = Callable[[TranslationInput, Sequence[Reference]], Diagnostic]


def _finding(
    project: Project, references: Sequence[Reference], severity: Severity, why: str, hint: str
) -> Diagnostic:
    first = references[0]
    users = list(dict.fromkeys(one.user for one in references))
    message = f"{listed(users)} {'talk' if users[1:] else 'talks'} to {first.address.shown} ({said_by(first)}), {why}"
    mention = first.mention
    place = mention.place or project.at(*mention.path)
    hint = f"{hint}; or accept this: --allow {UNREACHABLE}" if severity is Severity.ERROR else hint
    return Diagnostic(UNREACHABLE, severity, message, mention.path, place, hint, CONNECT_URL)


# -- names that nobody has -----------------------------------------------------------------------------------


def _nobody(ctx: TranslationInput, one: Reference) -> str:
    host = one.address.host
    if not _is_dependency(ctx.project, one) or _is_elsewhere(
        ctx.project, ctx.project.services[one.user], host
    ):
        return ""
    if host in ctx.absent:
        return "absent"
    return f"unknown, {_certainty(ctx.project, one).value}"


def _absent(ctx: TranslationInput, references: Sequence[Reference]) -> Diagnostic:
    hint = "include the service, or leave out what calls it"
    why = f"and {references[0].address.host} is left out"
    return _finding(ctx.project, references, Severity.WARNING, why, hint)


def _unknown(ctx: TranslationInput, references: Sequence[Reference]) -> Diagnostic:
    first = references[0]
    names = [*ctx.project.services, *(alias for aliases in ctx.aliases.values() for alias in aliases)]
    users = {one.user for one in references}
    near = nearest(first.address.host, [name for name in names if name not in users])
    hint = (
        f"write {near} if that is what you mean"
        if near
        else "add the service, or write the full name of the host"
    )
    return _finding(
        ctx.project,
        references,
        _certainty(ctx.project, first),
        f"and no service has the name {first.address.host}",
        hint,
    )


def _is_dependency(project: Project, one: Reference) -> bool:
    """Whether nothing but a host that the service needs can be meant."""
    mention, address = one.mention, one.address
    known = address.scheme.partition("+")[0] in SCHEME_PORTS
    if mention.kind == FILE:  # a web address in a file may be anybody's
        return mention.is_certain or (known and address.port in _SERVED)
    if mention.kind == COMMAND:
        return known and bool(address.port) and "." not in address.host
    return (
        mention.kind == VARIABLE
        and (mention.is_certain or _is_alone(project, one))
        and (known or not address.scheme)
    )


def _is_alone(project: Project, one: Reference) -> bool:
    """Whether a variable holds nothing but a name, beside its port in another one, or with that of a store: `X: "db2:5432"`.

    A name that no variable is wont to have for an address has to be one like a service's, too.
    """
    address, key = one.address, one.mention.key
    value = project.services[one.user].environment.get(key)
    if address.port and str(value).lower() == address.host:
        return True
    if address.scheme or address.port not in _SERVED or str(value).lower() != address.shown:
        return False
    from difflib import get_close_matches

    words = {word.rstrip("0123456789") for word in re.split(r"[-_.]", address.host)}
    return not words.isdisjoint(_STORES) or bool(
        get_close_matches(address.host, project.services, n=1, cutoff=0.7)
    )


def _certainty(project: Project, one: Reference) -> Severity:
    """Say how sure it is that the service talks to the host here.

    A network of another project may have it; and what a service extends has settings for choices that are not made. A file of variables
    (`env_file`) is the service's own.
    """
    own, place = project.at("services", one.user), project.at(*one.mention.path)
    extended = own and place and own.file != place.file and place.file.endswith((".yml", ".yaml"))
    if one.mention.place is None and extended:
        return Severity.INFO
    outside = any(network in _external_networks(project) for network in project.services[one.user].networks)
    unsure = outside or (one.mention.kind in (COMMAND, FILE, VARIABLE) and not one.mention.is_certain)
    return Severity.WARNING if unsure else Severity.ERROR


def _is_elsewhere(project: Project, user: Service, host: str) -> bool:
    if not re.fullmatch(r"[a-z][a-z0-9_-]+", host) or _EXTERNAL.fullmatch(host) or _PLACEHOLDER.search(host):
        return True
    raw: Mapping[str, Any] = project.tree["services"][user.name]
    own = (str(raw.get("hostname") or "").lower(), user.name.lower(), (user.container_name or "").lower())
    extra = raw.get("extra_hosts") or ()
    listed = (str(entry).replace("=", ":").partition(":")[0].lower() for entry in extra)
    external = (str(link).rpartition(":")[2].lower() for link in raw.get("external_links") or ())
    return host in (*own, *listed, *external)


def _external_networks(project: Project) -> frozenset[str]:
    return frozenset(name for name, network in project.networks.items() if network.external)


# -- services that cannot be reached -------------------------------------------------------------------------


def _out_of_reach(ctx: TranslationInput, one: Reference, tasks: Mapping[str, MappedTask]) -> str:
    leaders = ctx.groups.leaders
    leader = leaders.get(one.target)
    talks = one.mention.kind in (VARIABLE, FILE, COMMAND) and one.target not in ctx.jobs
    if not talks or leader is None or leaders.get(one.user) == leader:
        return ""
    known = one.address.port or tasks[leader].ports.get(one.target) or ctx.settings.finds_by_dns
    if one.mention.is_certain and not known:
        return "no port"
    return "" if ctx.settings.security_groups or _meet(ctx, one) else "apart"


def _without_port(ctx: TranslationInput, references: Sequence[Reference]) -> Diagnostic:
    hint = f'declare the port under {references[0].target}: expose: ["8000"]; or resolve names by DNS, with all ports open: --names dns'
    return _finding(
        ctx.project, references, Severity.ERROR, "of which no port is known: nothing answers there", hint
    )


def _apart(ctx: TranslationInput, references: Sequence[Reference]) -> Diagnostic:
    first = references[0]
    hint = f"attach {first.user} to a network of {first.target}"
    return _finding(ctx.project, references, Severity.WARNING, "and they have no network in common", hint)


def _meet(ctx: TranslationInput, one: Reference) -> bool:
    """Whether two services share a network, directly or by those in their tasks."""
    return bool(set(_networks(ctx, one.user)) & set(_networks(ctx, one.target)))


def _networks(ctx: TranslationInput, name: str) -> Iterator[str]:
    group = ctx.groups.members.get(ctx.groups.leaders.get(name, ""), (name,))
    for member in group:
        yield from ctx.project.services[member].networks or ("default",)


_VERDICTS: Mapping[str, Verdict] = {
    "absent": _absent,
    "apart": _apart,
    "no port": _without_port,
    **{f"unknown, {severity.value}": _unknown for severity in Severity},
}
