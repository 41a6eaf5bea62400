"""The names of stores in what their clients are told: each becomes the store's name in the private DNS.

That name is the project's own and is known before anything exists. So it stands in plain variables, in URLs, in the words of commands
and in secrets alike, and nothing of a client changes when the store behind it is restored under another endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from compose2fargate.compose.model import Project, Service
from compose2fargate.credentials import find_known, passwords_in_command
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.references.addresses import hosts_in
from compose2fargate.mapping.references.reference_reader import FILE, VARIABLE, Mention
from compose2fargate.mapping.stores.managed_store import ManagedStore, StorePasswords
from compose2fargate.mapping.stores.store_report import STORES_URL
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

LEFT = "C2F572"
_ASSIGNED = lazy_pattern(
    r"(?i)(?:\b(?:host|server|address|addr|data source)\s*=\s*(?:tcp:)?|\btcp\(|(?<!\S)(?:-h|--host|--hostname|-H)(?:\s+|=))([\w.-]+)"
)
"""What names a host in other forms than addresses: `Host=db;Port=5432`, `tcp(db)`, `-h db`."""
_SURE = lazy_pattern(r"(?:@|//(?![^\s/]*@)|\()([\w.-]+)(?=[:/?)]|$)")
"""What is sure to be a host; after `//` it is a user where a host follows an `@`."""


class Clients(NamedTuple):
    """The project with its stores named by their endpoints, who talks to which store, and what was found."""

    project: Project
    users: Mapping[str, frozenset[str]]
    report: Sequence[Diagnostic]


def name_stores(project: Project, stores: Mapping[str, ManagedStore], mentions: Sequence[Mention]) -> Clients:
    """Put the names of stores into what the services of a project are told, and take the stores out of it."""
    hosts = {name: store for store in stores.values() for name in store.names}
    report: list[Diagnostic] = []
    users: dict[str, set[str]] = {name: set() for name in stores}
    services = {}
    passwords = StorePasswords.of(stores)
    by_user: dict[str, list[Mention]] = {}
    for one in mentions:
        by_user.setdefault(one.user, []).append(one)
    for service in project.services.values():
        if service.name in stores:
            continue
        linked = _linked(service, stores)
        own = {**hosts, **linked} if linked else hosts
        told = [one for one in by_user.get(service.name, ()) if one.address.host in own]
        for one in told:
            users[own[one.address.host].service.name].add(service.name)
        for dependency in service.depends_on:
            if dependency.service in stores:
                users[dependency.service].add(service.name)
        services[service.name] = _named(project, service, stores, own, told, report)
        report.extend(_left(project, services[service.name], own, told))
        report.extend(_passwords(project, service, passwords))
    kept = project._replace(services=services, tree=_tree_without(project, stores))
    return Clients(kept, {name: frozenset(found) for name, found in users.items()}, report)


def _linked(service: Service, stores: Mapping[str, ManagedStore]) -> dict[str, ManagedStore]:
    """Give the names that `links` give to stores for this service alone."""
    pairs = (link.partition(":") for link in service.links)
    return {alias.lower(): stores[name] for name, _, alias in pairs if alias and name in stores}


def _tree_without(project: Project, stores: Mapping[str, ManagedStore]) -> Mapping[str, object]:
    """Give the tree without the stores, and without the volumes that only they mount."""
    used = {m.source for s in project.services.values() if s.name not in stores for m in s.mounts}
    own = {m.source for store in stores.values() for m in store.service.mounts} - used
    tree = {
        **project.tree,
        "services": {n: s for n, s in project.tree["services"].items() if n not in stores},
    }
    if volumes := project.tree.get("volumes"):
        tree["volumes"] = {name: raw for name, raw in volumes.items() if name not in own}
    return tree


# -- one client ----------------------------------------------------------------------------------------------


def _named(
    project: Project,
    service: Service,
    stores: Mapping[str, ManagedStore],
    hosts: Mapping[str, ManagedStore],
    told: Sequence[Mention],
    report: list[Diagnostic],
) -> Service:
    environment = {name: _value(name, value, hosts, told) for name, value in service.environment.items()}
    for one in told:
        if one.kind == VARIABLE and one.path[2:3] == ("build",):
            inherited = _inherited(one, hosts)
            if inherited is not None:
                environment.setdefault(one.key, inherited)
        if one.kind == FILE:
            report.append(_in_file(project, service, one, hosts[one.address.host]))
    check = service.healthcheck
    return service._replace(
        environment=environment,
        command=_words(service.command, hosts),
        entrypoint=_words(service.entrypoint, hosts),
        healthcheck=check._replace(test=_words(check.test, hosts) or ()) if check else None,
        depends_on=tuple(d for d in service.depends_on if d.service not in stores),
        links=tuple(link for link in service.links if link.partition(":")[0] not in stores),
    )


def _value(
    name: str, value: str | None, hosts: Mapping[str, ManagedStore], told: Sequence[Mention]
) -> str | None:
    if value is None:
        return None
    store = hosts.get(str(value).lower())
    if store and any(one.kind == VARIABLE and one.key == name for one in told):
        return store.host
    return in_text(str(value), hosts)


def _inherited(mention: Mention, hosts: Mapping[str, ManagedStore]) -> str | None:
    """Give the value of a variable of the image that is no more than the name of a store; one with more in it is left to be told."""
    address = mention.address
    return None if address.scheme or address.offset else hosts[address.host].host


def _words(words: tuple[str, ...] | None, hosts: Mapping[str, ManagedStore]) -> tuple[str, ...] | None:
    if words is None:
        return None
    changed = [in_text(word, hosts) for word in words]
    for at, word in enumerate(changed[1:], 1):
        store = hosts.get(word.lower())
        if store and changed[at - 1] in ("-h", "--host", "--hostname", "-H"):
            changed[at] = store.host
    return tuple(changed)


def in_text(text: str, hosts: Mapping[str, ManagedStore]) -> str:
    """Put the names by which stores are reached into a text."""
    spans = {*hosts_in(text, hosts)}
    spans |= {found.span(1) for found in _ASSIGNED.finditer(text) if found[1].lower() in hosts}
    pieces: list[str] = []
    at = 0
    for begin, end in sorted(spans):
        pieces += (text[at:begin], hosts[text[begin:end].lower()].host)
        at = end
    return "".join((*pieces, text[at:]))


# -- what is left --------------------------------------------------------------------------------------------


def _in_file(project: Project, service: Service, mention: Mention, store: ManagedStore) -> Diagnostic:
    place = mention.place
    shown = f"{place.file}:{place.line}" if place else str(mention.path[-1])
    return Diagnostic(
        LEFT,
        # What does not start without the name is as good as refused.
        Severity.ERROR if mention.is_certain else Severity.WARNING,
        f"{shown} tells {service.name} to talk to {mention.address.shown}, and the file stays as it is: nobody has that name",
        mention.path,
        place or project.at(*mention.path),
        f"write {store.host} there",
        STORES_URL,
    )


def _left(
    project: Project, service: Service, hosts: Mapping[str, ManagedStore], told: Sequence[Mention]
) -> Iterator[Diagnostic]:
    """Yield what still names a store: an address of a form that is not understood, or a word that may be one."""
    own: Path = ("services", service.name)
    texts = [
        ((*own, "environment", name), name, str(value or "")) for name, value in service.environment.items()
    ]
    texts += [
        ((*own, key), key, "\n".join(words or ()))
        for key, words in (("command", service.command), ("entrypoint", service.entrypoint))
    ]
    for path, name, text in texts:
        store = next((hosts[one[1].lower()] for one in _SURE.finditer(text) if one[1].lower() in hosts), None)
        if store:
            yield _not_understood(project, path, f"{name} of {service.name}", store)
        elif text.lower() in hosts and re.search(r"(?i)host|addr|server|endpoint|url|uri|node", name):
            store = hosts[text.lower()]
            yield Diagnostic(
                LEFT,
                Severity.WARNING,
                f"{name} of {service.name} is {text}, and stays so: it may be the name of {store.service.name}, which nobody has any more",
                path,
                project.at(*path),
                f"write {store.host} where the database is meant",
                STORES_URL,
            )
    for one in told:
        inherited = (
            one.kind == VARIABLE and one.path[2:3] == ("build",) and one.key not in service.environment
        )
        if inherited and (one.address.scheme or one.address.offset):
            store = hosts[one.address.host]
            yield _not_understood(project, one.path, f"{one.key} in the Dockerfile of {service.name}", store)


def _not_understood(project: Project, path: Path, what: str, store: ManagedStore) -> Diagnostic:
    return Diagnostic(
        LEFT,
        Severity.ERROR,
        f"{what} names {store.service.name} in a form that is not understood: nobody has that name when AWS runs the store",
        path,
        project.at(*path),
        f"write {store.host} in place of {store.service.name}",
        STORES_URL,
    )


def _passwords(project: Project, service: Service, passwords: StorePasswords) -> Iterator[Diagnostic]:
    """Yield the commands that hold the password of a store: it would stand in plain text in the task definition."""
    known = passwords.known
    check = service.healthcheck
    for key, words in (
        ("command", service.command),
        ("entrypoint", service.entrypoint),
        ("healthcheck", check.test if check else None),
    ):
        # A password that is a common word is one only where the command gives it as one.
        given = (known[one] for one in passwords_in_command(words or ()) if one in known)
        name = find_known(" ".join(words or ()), passwords.telling) or next(given, "")
        if name:
            path: Path = ("services", service.name, key)
            yield Diagnostic(
                LEFT,
                Severity.ERROR,
                f"the {key} of {service.name} holds the password of {name}, which would stand in plain text in the task definition",
                path,
                project.at(*path),
                "keep it in a variable, which becomes a secret, and let a shell put it in: $${NAME}",
                STORES_URL,
            )
