"""Addresses that mean something else on Fargate: the machine's own, by which published ports are reached, and Docker's DNS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Location, Path, Severity
from compose2fargate.mapping.containers.task_definitions import MappedTask
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.images.image_catalogue import known_image
from compose2fargate.mapping.names import private_domain
from compose2fargate.mapping.references.addresses import MAX_PORT, SCHEME_PORTS
from compose2fargate.mapping.references.reference_graph import Reference
from compose2fargate.mapping.references.reference_reader import (
    CHECK,
    config_files,
    find_docker_resolvers,
    store_port,
)
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern
from compose2fargate.text.sentences import listed

RESOLVER = "C2F523"
LOCAL = "C2F524"
RESOLVER_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html"
LOCAL_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html"

VPC_RESOLVER = "169.254.169.253"
"""The VPC's own resolver: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""

_LOCAL = lazy_pattern(
    r"(?<![\w.-])(?P<host>localhost|127\.0\.0\.1|0\.0\.0\.0|host\.docker\.internal)(?::(?P<port>\d{2,5}))?(?![\w.:-])"
)
_SCHEME = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]{0,30}\Z")
_LOGIN = lazy_pattern(r"(?:[^\s/@,]*@)?")
_INTERNAL_KEY = lazy_pattern(
    r"(?i)listen|(?:^|_)bind|health|no_?proxy|advertised|metrics_addr|trusted|whitelist|allowed_?(?:hosts|ips)"
)
_PUBLIC_KEY = lazy_pattern(
    r"(?i)nextauth|auth_url|public|origin|cors|site|(?:^|_)(?:app|root|base|web|web_?app|frontend|front|ui|client|home|host|external)_?(?:url|uri)"
    r"|redirect|callback|issuer|domain|external|canonical|webhook|^url\Z|vite_|react_app|browser"
)


class _Use(NamedTuple):
    """What names a port of the machine: a variable by its name, or a command or file by words."""

    name: str
    scheme: str
    host: str
    port: int
    shown: str

    @property
    def is_web(self) -> bool:
        return self.scheme in ("http", "https", "ws", "wss")


class _Server(NamedTuple):
    """A service that has a port of the machine, and the port on which it listens itself."""

    name: str
    port: int
    is_published: bool


def report_local_addresses(
    ctx: TranslationInput, findings: TranslationFindings, tasks: Mapping[str, MappedTask]
) -> None:
    """Warn about variables that reach services by ports of the machine, and about files that ask Docker's DNS."""
    found: dict[tuple[_Use, _Server | None], list[_Told]] = {}
    for service in ctx.project.services.values():
        if not known_image(
            service, ctx.images
        ).single_writer:  # a store is told all that an env_file tells others
            for use, told in _uses(ctx, service):
                if server := _server(ctx, service, use, tasks):
                    found.setdefault((use, None if _is_public(use) else server), []).append(told)
        _report_resolvers(ctx, findings, service)
        _report_told_resolvers(ctx, findings, service)
    for (use, server), users in found.items():
        _report(ctx.project, findings, use, server, users)
    for one in ctx.references.references:
        if one.mention.kind == CHECK and one.target == one.user:
            _report_own_name(findings, one)


def _report_own_name(findings: TranslationFindings, one: Reference) -> None:
    """Warn about a health check that asks its service by name: the name leads to healthy tasks only, and to any of them."""
    address = one.address
    here = f"localhost:{address.port}" if address.port else "localhost"
    findings.warn(
        "C2F543",
        one.mention.path,
        f"the health check of {one.user} asks {address.shown}: the name leads to tasks that are healthy already, and to the task itself "
        "only by chance, so the first task may never become healthy",
        hint=f"write {here} in place of {address.shown}",
        url=RESOLVER_URL,
    )


class _Told(NamedTuple):
    """Who is told, by which key, and on which line of a file."""

    user: str
    path: Path
    place: Location | None = None


def _uses(ctx: TranslationInput, service: Service) -> Iterator[tuple[_Use, _Told]]:
    own: Path = ("services", service.name)
    built = ctx.images.get(service.name)
    for name, value in sorted(service.environment.items()):
        if use := _use(name, str(value or ""), service.environment):
            yield use, _Told(service.name, (*own, "environment", name))
    for name, value in sorted(built.env.items()) if built else ():
        if name not in service.environment and (use := _use(name, value, built.env if built else {})):
            yield use, _Told(service.name, (*own, "build"))
    for word in service.command or ():
        for use in _urls_of_others("the command", word):
            yield use, _Told(service.name, (*own, "command"))
    yield from _in_files(ctx, service)


def _in_files(ctx: TranslationInput, service: Service) -> Iterator[tuple[_Use, _Told]]:
    for file in config_files(ctx.project, service, ctx.disk, ctx.images.get(service.name)):
        lines = enumerate(file.text.split("\n"), 1) if _HOST_OF_DOCKER in file.text else ()
        for number, line in lines:
            place = Location(file.shown, number, 1) if file.shown else None
            for use in _urls_of_others(file.shown or "a file", line) if _HOST_OF_DOCKER in line else ():
                yield use, _Told(service.name, file.path, place)


_HOST_OF_DOCKER = "host.docker.internal"


_EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - is read, nothing listens
_PARTS_OF_LOCAL = ("local", "127.", _EVERY_INTERFACE, "host.docker")


def _use(name: str, text: str, around: Mapping[str, object]) -> _Use | None:
    """Give the port of the machine that a variable names, with what stands `around` it."""
    if not any(part in text for part in _PARTS_OF_LOCAL) or _INTERNAL_KEY.search(name):
        return None
    for found in _LOCAL.finditer(text):
        scheme = _scheme_before(text, found.start())
        if found["host"] == _EVERY_INTERFACE and not (scheme and _PUBLIC_KEY.search(name)):
            continue  # a program's own interfaces, on which it listens
        port = int(
            found["port"] or SCHEME_PORTS.get(scheme.partition("+")[0], 0) or store_port(name, text, around)
        )
        if 0 < port <= MAX_PORT:
            shown = f"{scheme}://{found['host']}" if scheme else found["host"]
            shown += f":{found['port']}" if found["port"] else ""
            return _Use(name, scheme, found["host"], port, shown)
    return None


def _urls_of_others(where: str, text: str) -> Iterator[_Use]:
    """Yield the addresses of a command or a line that no program of the same container has: the machine's, and those of stores."""
    for found in _LOCAL.finditer(text) if _HOST_OF_DOCKER in text or "://" in text else ():
        scheme = _scheme_before(text, found.start())
        port = int(found["port"] or SCHEME_PORTS.get(scheme.partition("+")[0], 0))
        web = scheme in ("", "http", "https", "ws", "wss")
        if 0 < port <= MAX_PORT and (
            found["host"] == _HOST_OF_DOCKER or (scheme in SCHEME_PORTS and not web)
        ):
            shown = f"{scheme}://{found['host']}" if scheme else found["host"]
            yield _Use(
                where, scheme, found["host"], port, shown + (f":{found['port']}" if found["port"] else "")
            )


def _scheme_before(text: str, at: int) -> str:
    """Give the scheme of the URL whose host begins at `at`, in lower case; "" where it is none."""
    end = text.rfind("://", max(0, at - _LONGEST_LOGIN), at)
    scheme = _SCHEME.search(text[max(0, end - _LONGEST_SCHEME) : end]) if end > 0 else None
    return scheme[0].lower() if scheme and _LOGIN.fullmatch(text, end + len("://"), at) else ""


_LONGEST_LOGIN, _LONGEST_SCHEME = 500, 31


def _server(
    ctx: TranslationInput, user: Service, use: _Use, tasks: Mapping[str, MappedTask]
) -> _Server | None:
    """Give the service that a variable reaches by the machine; none where it is the user's own task that is meant."""
    near = set(ctx.groups.members.get(ctx.groups.leaders.get(user.name, ""), (user.name,)))
    servers = [_Server(name, target, is_published=True) for name, target in _published(ctx.project, use.port)]
    own = any(server.name in near for server in servers)
    if own or any(use.port in _listening(ctx.groups, tasks, name) for name in near):
        # By localhost browsers are meant, where a name is one for them; a program of the same task may be as well.
        meant = own and use.host in ("localhost", _EVERY_INTERFACE) and _is_public(use)
        return next((server for server in servers if server.name in near), None) if meant else None
    listening = (
        _Server(name, use.port, is_published=False)
        for name in ctx.project.services
        if use.port in _listening(ctx.groups, tasks, name)
    )
    return next((server for server in (*servers, *listening) if server.name not in ctx.jobs), None)


def _is_public(use: _Use) -> bool:
    """Whether the address is for browsers: `SITE_URL: http://localhost`, `APP_DOMAIN: localhost:8000`."""
    return (use.is_web or not use.scheme) and _PUBLIC_KEY.search(use.name) is not None


def _report(
    project: Project, findings: TranslationFindings, use: _Use, told: _Server | None, users: Sequence[_Told]
) -> None:
    first = users[0]
    verb = "names" if first.path[-1] == "command" or first.place else "is"
    what = f"{use.name} of {listed(list(dict.fromkeys(one.user for one in users)))} {verb} {use.shown}"
    if told is None:
        message = f"{what}, where a browser finds nothing on Fargate"
        hint = (
            f"write the address of the load balancer, or the domain that points to it: {use.name}: https://…"
        )
    else:
        inside = told.name if use.shown == use.host else f"{told.name}:{told.port}"
        inside = f"{use.scheme}://{inside}" if use.scheme else inside
        message = f"{what}: on Fargate that is its own task, and {told.name} runs in another one"
        public = use.is_web and told.is_published
        hint = f"write {inside}" + (
            ", or the address of the load balancer where browsers use it" if public else ""
        )
    place = first.place or project.at(*first.path)
    findings.report.append(Diagnostic(LOCAL, Severity.WARNING, message, first.path, place, hint, LOCAL_URL))


def _published(project: Project, number: int) -> Iterator[tuple[str, int]]:
    """Yield the services that publish a port of the machine, and what stands behind it."""
    for service in project.services.values():
        for port in service.ports:
            if port.published == str(number):
                yield service.name, port.target


def _listening(groups: TaskGroups, tasks: Mapping[str, MappedTask], name: str) -> frozenset[int]:
    made = tasks.get(groups.leaders.get(name, ""))
    return frozenset(port.container_port for port in made.ports.get(name, ())) if made else frozenset()


def _report_resolvers(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    for file in config_files(ctx.project, service, ctx.disk, ctx.images.get(service.name)):
        for found in find_docker_resolvers(file):
            place = Location(file.shown, found.line, 1) if file.shown else ctx.project.at(*file.path)
            explain = (
                _of_proxy
                if found.program != "nginx"
                else _looked_up
                if ctx.settings.finds_by_dns
                else _static
            )
            message, hint = explain(ctx, found.program if found.program != "nginx" else found.looked_up)
            findings.report.append(
                Diagnostic(
                    RESOLVER,
                    Severity.WARNING,
                    f"{service.name} asks Docker's DNS {found.how}, which does not exist on Fargate; {message}",
                    file.path,
                    place,
                    hint,
                    RESOLVER_URL,
                )
            )


_DNS = lazy_pattern(r"(?<![\w.])127\.0\.0\.11(?![\w.])")


def _report_told_resolvers(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Warn where a variable or a command tells a program to ask Docker's DNS."""
    own: Path = ("services", service.name)
    told: list[tuple[Path, str]] = [
        ((*own, "environment", name), name)
        for name, value in service.environment.items()
        if "127." in str(value or "") and _DNS.search(str(value))
    ]
    for key, words in (("command", service.command), ("entrypoint", service.entrypoint)):
        if any("127." in word and _DNS.search(word) for word in words or ()):
            told.append(((*own, key), f"the {key}"))
    for path, where in told:
        names = (
            "full names"
            if ctx.settings.finds_by_dns
            else "full names; those of Service Connect are in /etc/hosts, not in DNS"
        )
        findings.warn(
            RESOLVER,
            path,
            f"{where} of {service.name} names Docker's DNS at 127.0.0.11, which does not exist on Fargate",
            hint=f"remove it, or write the VPC's own resolver, {VPC_RESOLVER}, which knows {names}",
            url=RESOLVER_URL,
        )


def _of_proxy(ctx: TranslationInput, program: str) -> tuple[str, str]:
    """Say what stands in for Docker's DNS in HAProxy and Caddy."""
    if ctx.settings.finds_by_dns:
        return (
            f"{program} adds no search domain, so it needs full names and the VPC's own resolver at {VPC_RESOLVER}",
            f"write {VPC_RESOLVER} in place of 127.0.0.11, and full names: SERVICE.{private_domain(ctx.stack)}",
        )
    return (
        f"the names of Service Connect are in /etc/hosts, which {program} reads only without resolvers of its own",
        "remove the resolvers, here and where they are named; or resolve names by DNS: --names dns",
    )


def _static(_: TranslationInput, address: str) -> tuple[str, str]:
    """Say what stands in for Docker's DNS where names are Service Connect's."""
    instead = address or "http://SERVICE:PORT"
    return (
        "the names of Service Connect are in /etc/hosts, which nginx reads at startup and its resolver does not",
        f"remove the resolver, and write the address without a variable: proxy_pass {instead}; or use --names dns",
    )


def _looked_up(ctx: TranslationInput, address: str) -> tuple[str, str]:
    """Say what stands in for Docker's DNS where names are in a private DNS namespace."""
    scheme, slashes, rest = (address or "http://SERVICE:PORT").rpartition("://")
    name = re.match(r"[^:/]*", rest)
    end = name.end() if name else 0
    full = f"{scheme}{slashes}{rest[:end]}.{private_domain(ctx.stack)}{rest[end:]}"
    return (
        f"nginx's resolver adds no search domain, so it needs full names and the VPC's own resolver at {VPC_RESOLVER}",
        f"write resolver {VPC_RESOLVER} valid=10s; and the full name: {full}",
    )
