"""Every address in a project: in environment, commands, health checks, links, images' variables, and files that containers get."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cache

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Mount, Project, Service
from compose2fargate.credentials import is_proposed
from compose2fargate.diagnostics import Location, Path
from compose2fargate.mapping.files.copied_files import hidden_by, is_program_configuration
from compose2fargate.mapping.files.host_files import HostFile, mounted_entries, project_path
from compose2fargate.mapping.references.addresses import Address, addresses, pairs, urls
from compose2fargate.mapping.references.config_files import (
    DockerResolver,
    docker_resolvers,
    file_addresses,
    may_hold_addresses,
)
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

VARIABLE = "variable"
COMMAND = "command"
FILE = "file"
LINK = "link"
CHECK = "health check"


class Mention(NamedTuple):
    """A place that names an address.

    Attributes:
        user: The service that is told to talk to it.
        address: Host and port.
        path: The key that says so.
        kind: `variable`, `command`, `file`, `link` or `health check`.
        key: The variable's name.
        is_certain: Whether nothing else than an address can stand there, so that a host that nobody has is a mistake.
        place: The line of a file, where it stands in one.
    """

    user: str
    address: Address
    path: Path
    kind: str
    key: str = ""
    is_certain: bool = False
    place: Location | None = None


class ConfigFile(NamedTuple):
    """A file that a container gets: its text, where it stands in the container, and how it is called here.

    `is_read` says whether a program of the container is sure to read it.
    """

    path: Path
    text: str
    target: str
    shown: str
    is_read: bool = True


_HOST_KEY = lazy_pattern(
    r"(?i)(?:^|(?<=[_.-])|(?<=^pg)|(?<=db)|(?<=redis)|(?<=mysql)|(?<=postgres)|(?<=mongo)|(?<=broker))(?:host(?:[_.-]?name)?|addr(?:ess)?|server|endpoint)s?\Z"
)
_ADDRESS_KEY = lazy_pattern(
    r"(?i)(?:host|hosts|addr|address|addresses|url|urls|uri|uris|endpoint|endpoints|servers?|brokers?|bootstrap|nodes?|peers?|targets?"
    r"|backends?|upstreams?|connect|connection|connection_?string|discovery|seeds?|cluster|dsn)\Z"
)
_STORE_KEY = lazy_pattern(
    r"(?i)(?:^|[_.-])(?:db|database|pg|postgres(?:ql)?|mysql|mariadb|mongo(?:db)?|redis|valkey|cache|memcached?|rabbit(?:mq)?|amqp|kafka"
    r"|elastic(?:search)?|opensearch|clickhouse|nats|minio|broker|queue)[_.-]?(?:host(?:[_.-]?name)?|addr(?:ess)?|server)\Z"
)
_NO_ADDRESS_KEY = lazy_pattern(
    r"(?i)(?:image|tag|version|weights?|limits?|quota|ratio|size|ttl|timeout|interval|concurrency|workers|[ug]id|owner|chown|label|colou?r)s?\Z"
)
_NO_DEPENDENCY_KEY = lazy_pattern(
    r"(?i)cors|origins?(?![a-z])|allowed|csrf|trusted|no_?proxy|advertised|listen|(?:^|_)bind|public|external|issuer|redirect|callback"
    r"|canonical|referr?er|virtual_?host|letsencrypt|audience|cookie|domain|publish|announce"
)
"""Variables that say how a service itself is called, or who may talk to it."""
_OWN_KEY = lazy_pattern(r"(?i)advertised|listen")


def read_mentions(
    project: Project, images: Mapping[str, ImageConfig], disk: Mapping[str, HostFile]
) -> Iterator[Mention]:
    """Yield every address that the services of a project are told, in the order of the services."""
    for service in project.services.values():
        yield from _variables(service, images.get(service.name))
        yield from _commands(service)
        yield from _links(service)
        for file in config_files(project, service, disk, images.get(service.name)):
            yield from _in_file(service, file)


def _variables(service: Service, image: ImageConfig | None) -> Iterator[Mention]:
    own: Path = ("services", service.name, "environment")
    for name, value in sorted(service.environment.items()):
        text = str(value or "")
        if ":" in text or (text and _key_of(name).base is not None):
            yield from _variable(service, (*own, name), name, text, service.environment)
    inherited = image.env if image else {}
    for name, value in sorted(inherited.items()):
        if name not in service.environment:
            yield from _variable(service, ("services", service.name, "build"), name, value, inherited)


class _Key(NamedTuple):
    """What a variable's name says: whether it may name a dependency, the service itself, an address, something else, or a host.

    Of a host it says what stands before that word, and whether the host is a store's; `base` is None for all others.
    """

    depends: bool
    own: bool
    address: bool
    other: bool
    base: str | None
    store: bool


@cache  # services have the same variables
def _key_of(name: str) -> _Key:
    return _Key(
        not _NO_DEPENDENCY_KEY.search(name),
        bool(_OWN_KEY.search(name)),
        bool(_ADDRESS_KEY.search(name)),
        is_proposed(name, "unknown") or bool(_NO_ADDRESS_KEY.search(name)),
        name[: host.start()] if (host := _HOST_KEY.search(name)) else None,
        bool(_STORE_KEY.search(name)),
    )


def _variable(
    service: Service, path: Path, name: str, value: str, around: Mapping[str, object]
) -> Iterator[Mention]:
    key = _key_of(name)
    if ":" not in value:
        yield from _host_variable(service, path, name, value, around)
        return
    if not key.depends:
        if key.own:
            yield from (Mention(service.name, one, path, VARIABLE, name) for one in urls(value))
        return
    seen: set[str] = set()
    is_url = _is_whole(value)
    for one in urls(value):
        seen.add(one.shown)
        yield Mention(service.name, one, path, VARIABLE, name, is_certain=is_url)
    if key.other or value.startswith("{"):
        return  # `db:5432` may be a user and a password there
    whole = key.address and bool(re.fullmatch(r"[\w.-]+:\d{2,5}(?:,\s*[\w.-]+:\d{2,5})*", value))
    for one in pairs(value):
        if one.shown not in seen:
            yield Mention(service.name, one, path, VARIABLE, name, is_certain=whole)


def _is_whole(value: str) -> bool:
    """Whether a value is a URL and nothing else."""
    return re.fullmatch(r"(?:jdbc:|r2dbc:)?[A-Za-z][\w+.-]*://\S+", value.strip()) is not None


def _host_variable(
    service: Service, path: Path, name: str, value: str, around: Mapping[str, object]
) -> Iterator[Mention]:
    """Yield the host that stands in a variable of its own, with the port that stands in the one beside it."""
    key = _key_of(name)
    base = key.base
    if base is None or key.other or not key.depends or not re.fullmatch(r"[A-Za-z][\w.-]*", value):
        return
    port = _port_beside(base, around)
    number = int(port) if port.isdecimal() and len(port) <= len("65535") else 0
    address = Address(value.lower(), number, "", 0)
    yield Mention(service.name, address, path, VARIABLE, name, is_certain=key.store)


_STORES = {
    "amqp": 5672, "clickhouse": 8123, "elastic": 9200, "elasticsearch": 9200, "kafka": 9092, "mariadb": 3306, "memcache": 11211,
    "memcached": 11211, "minio": 9000, "mongo": 27017, "mongodb": 27017, "mysql": 3306, "nats": 4222, "opensearch": 9200, "pg": 5432,
    "postgres": 5432, "postgresql": 5432, "rabbit": 5672, "rabbitmq": 5672, "redis": 6379, "valkey": 6379,
}  # fmt: skip
"""Where a store listens that a variable's name tells."""


def store_port(name: str, value: str, around: Mapping[str, object]) -> int:
    """Give the port that goes with a variable that is the host of a store, and nothing else: 0 where it is none, or no port is known."""
    key = _key_of(name)
    if not key.store or key.base is None or ":" in value or "/" in value:
        return 0
    port = _port_beside(key.base, around)
    if port.isdecimal() and len(port) <= len("65535"):
        return int(port)
    return next((_STORES[word] for word in re.split(r"[_.-]", key.base.lower()) if word in _STORES), 0)


def _port_beside(base: str, around: Mapping[str, object]) -> str:
    """Give the port that belongs to a host variable: `DB_PORT` to `DB_HOST`, or else the only one of that beginning (`DB_READ_PORT`)."""
    own = next((str(around[n]) for n in (f"{base}PORT", f"{base}port", f"{base}Port") if around.get(n)), "")
    if own or not base:
        return own
    others = [
        str(value) for name, value in around.items() if name.startswith(base) and name[-4:].upper() == "PORT"
    ]
    return others[0] if len(others) == 1 else ""


_URL_WORD = lazy_pattern(r"(?:--?[\w.-]+=)?[A-Za-z][\w+.-]*://\S+")
"""A word of a command that is a URL and nothing else."""


def _commands(service: Service) -> Iterator[Mention]:
    for key, words in (("command", service.command), ("entrypoint", service.entrypoint)):
        text = "\n".join(words or ())
        if ":" not in text:
            continue
        urls_alone = [word for word in words or () if _URL_WORD.fullmatch(word)]
        certain = {one.shown for word in urls_alone for one in urls(word)}
        for one in addresses(text):
            sure = one.shown in certain
            yield Mention(service.name, one, ("services", service.name, key), COMMAND, is_certain=sure)
    check = service.healthcheck
    if check and check.test and not check.disable:
        for one in addresses("\n".join(check.test[1:])):
            yield Mention(service.name, one, ("services", service.name, "healthcheck", "test"), CHECK)


def _links(service: Service) -> Iterator[Mention]:
    for index, link in enumerate(service.links):
        address = Address(link.partition(":")[0].lower(), 0, "", 0)
        yield Mention(service.name, address, ("services", service.name, "links", index), LINK)


# -- files ---------------------------------------------------------------------------------------------------


def config_files(
    project: Project, service: Service, disk: Mapping[str, HostFile], image: ImageConfig | None
) -> Iterator[ConfigFile]:
    """Yield the texts that the container of a service has as files: mounted, of configs, or copied into its image."""
    own: Path = ("services", service.name)
    mounted = [mount.target for mount in service.mounts]
    for one in image.texts if image else ():
        if not hidden_by(mounted, one.target):
            shown = project_path(project, one.source)
            sure = is_program_configuration(one.target)
            yield ConfigFile((*own, "build" if service.build else "image"), one.text, one.target, shown, sure)
    for index, mount in enumerate(service.mounts):
        if mount.type == "bind":
            yield from _mounted(project, (*own, "volumes", index), mount, disk)
    for index, grant in enumerate(service.configs):
        source = project.configs.get(grant.source)
        if source is None:
            continue
        found = disk.get(source.file or f"${source.environment}")
        text = source.content if source.content is not None else found.text if found else None
        if text:
            shown = project_path(project, source.file) if source.file else ""
            yield ConfigFile((*own, "configs", index), text, grant.target or f"/{grant.source}", shown)


def _mounted(
    project: Project, path: Path, mount: Mount, disk: Mapping[str, HostFile]
) -> Iterator[ConfigFile]:
    found = disk.get(mount.source)
    if found is None:
        return
    if found.kind == "file" and found.text and may_hold_addresses(mount.target):
        yield ConfigFile(path, found.text, mount.target, project_path(project, mount.source))
    for entry in mounted_entries(mount, found):
        inside = disk.get(posixpath.join(mount.source, entry))
        if inside and inside.text:
            source = project_path(project, posixpath.join(mount.source, entry))
            yield ConfigFile(path, inside.text, posixpath.join(mount.target, entry), source)


def _in_file(service: Service, file: ConfigFile) -> Iterator[Mention]:
    for found in file_addresses(file.text, file.target):
        place = Location(file.shown, found.line, 1) if file.shown else None
        yield Mention(
            service.name, found.address, file.path, FILE, "", found.is_vital and file.is_read, place
        )


def find_docker_resolvers(file: ConfigFile) -> Iterator[DockerResolver]:
    """Yield where a file has nginx, HAProxy or Caddy ask Docker's DNS."""
    if ("127.0.0.11" in file.text or "local=on" in file.text) and may_hold_addresses(file.target):
        yield from docker_resolvers(file.text)
