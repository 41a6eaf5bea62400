"""Addresses in text: `http://api:8000`, `db:5432`, `postgres://u:p@db/x`.

Much that looks like `host:port` is none: images (`redis:7`), owners (`chown app:1000`), weights (`web:80,api:90`), a user and a
password. So what is read depends on the form: a URL is an address, and a bare `name:number` is one where the name is known, or where
what stands around it says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

MAX_PORT = 65535
LOWEST = 80
"""Below it a number after a name is as often the version of an image (`postgres:16`)."""

SCHEME_PORTS: Mapping[str, int] = {
    "amqp": 5672, "amqps": 5671, "bolt": 7687, "clickhouse": 9000, "http": 80, "https": 443, "ldap": 389, "ldaps": 636,
    "mariadb": 3306, "mongodb": 27017, "mqtt": 1883, "mqtts": 8883, "mssql": 1433, "mysql": 3306, "mysql2": 3306, "nats": 4222,
    "neo4j": 7687, "oracle": 1521, "pgsql": 5432, "postgres": 5432, "postgresql": 5432, "pulsar": 6650, "redis": 6379, "rediss": 6379,
    "smtp": 25, "smtps": 465, "sqlserver": 1433, "valkey": 6379, "ws": 80, "wss": 443,
}  # fmt: skip
"""The port of a URL that names none, by its scheme without a driver (`postgresql+asyncpg`)."""

_UDP_SCHEMES = frozenset({"udp", "syslog", "gelf", "statsd", "syslog+udp"})
_UDP_PORTS = frozenset({514, 1812, 1813, 5060, 6831, 6832, 8125, 12201})
"""Ports at which UDP is meant, where no scheme says something else."""


class Address(NamedTuple):
    """A host and a port in a text.

    Attributes:
        host: A name in lower case.
        port: 0 where nothing says it.
        scheme: Of the URL, in lower case; "" where it is none.
        offset: Where it begins in the text.
    """

    host: str
    port: int
    scheme: str
    offset: int

    @property
    def protocol(self) -> str:
        """The transport: `tcp` or `udp`."""
        unsaid = not self.scheme and self.port in _UDP_PORTS
        return "udp" if unsaid or self.scheme in _UDP_SCHEMES else "tcp"

    @property
    def shown(self) -> str:
        """The address without what else the URL holds."""
        return f"{self.host}:{self.port}" if self.port else self.host


_PAIR = lazy_pattern(
    r"(?<![\w.${-])(?<![^/]/)([A-Za-z0-9][\w.-]*):([0-9]{2,5})(?![\w.:}-]|/(?:tcp|udp|sctp)\b)"
)
_SCHEME = lazy_pattern(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://\Z")
_AUTHORITY = lazy_pattern(
    r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.-]{0,30})://((?:,(?![A-Za-z][\w+.-]{0,30}://)|[^\s/?#\"'`<>|;\\)\]},])*)"
)
_AT, _BLANK, _SLASH, _QUERY, _SCHEME_END = map(re.compile, ("@", r"\s", "/", "[?#]", "://"))
_HOST = lazy_pattern(r"([A-Za-z0-9][\w.-]*)(?::([0-9]{1,5}))?")
_NO_ADDRESS = lazy_pattern(
    r"(?:\b(?:chown|gosu|su-exec|setpriv|image|FROM)\b|(?<!\S)(?:-u|--user|--chown))[=:\s]\S*\s*\Z"
)
"""What stands before a `name:number` that is an owner or an image."""


class _Logins:
    """Tells where in a text the rest of a login follows, as `word@…` does after `user:`.

    Some clients take a password with a slash, so that a path with an `@` may be one too. Asked from the left to the right,
    the text is read once: what was found ahead counts until it is passed.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._last = text.rfind("@")
        self._ahead: dict[re.Pattern[str], int] = {}

    def follows(self, at: int) -> bool:
        """Whether what stands at `at` belongs to a login."""
        if at > self._last:
            return False
        end = self._next(_AT, at)
        if end > len(self._text) or self._next(_BLANK, at) < end:
            return False
        return self._next(_SLASH, at) > end or min(self._next(_QUERY, at), self._next(_SCHEME_END, at)) > end

    def _next(self, sign: re.Pattern[str], at: int) -> int:
        if self._ahead.get(sign, -1) < at:
            found = sign.search(self._text, at)
            self._ahead[sign] = found.start() if found else len(self._text) + 1
        return self._ahead[sign]


@lru_cache(maxsize=1024)  # services have the same health checks and variables
def pairs(text: str) -> tuple[Address, ...]:
    """Give every `name:number` that can be a host and its port, with the scheme before it."""
    return tuple(_pairs(text)) if ":" in text else ()


def _pairs(text: str) -> Iterator[Address]:
    logins = _Logins(text)
    for found in _PAIR.finditer(text):
        port, before = int(found[2]), text[max(0, found.start() - 40) : found.start()]
        if logins.follows(found.end()):
            continue
        if LOWEST <= port <= MAX_PORT and re.search("[A-Za-z]", found[1]) and not _NO_ADDRESS.search(before):
            scheme = _SCHEME.search(before)
            yield Address(found[1].lower(), port, scheme[1].lower() if scheme else "", found.start())


@lru_cache(maxsize=1024)  # as above
def urls(text: str) -> tuple[Address, ...]:
    """Give the hosts of the URLs in a text; those of a list (`mongodb://a:1,b:2/x`) one by one.

    Where it is not certain what is a password, nothing is.
    """
    return tuple(_urls(text)) if "://" in text else ()


def _urls(text: str) -> Iterator[Address]:
    logins = _Logins(text)
    for found in _AUTHORITY.finditer(text):
        scheme, authority = found[1].lower(), found[2]
        if authority.count("@") > 1 or logins.follows(found.end()):
            continue
        hosts = authority.rpartition("@")[2]
        default = SCHEME_PORTS.get(scheme.partition("+")[0] if "+" in scheme else scheme, 0)
        for host in hosts.split(","):
            named = _HOST.fullmatch(host)
            if named and int(named[2] or default) <= MAX_PORT:
                yield Address(named[1].lower(), int(named[2] or default), scheme, found.start())


def addresses(text: str) -> Iterator[Address]:
    """Yield every address in a text, each once."""
    seen: set[tuple[str, int]] = set()
    for found in (*urls(text), *pairs(text)):
        if (found.host, found.port) not in seen:
            seen.add((found.host, found.port))
            yield found


def hosts_in(text: str, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield where one of `names` stands as the host of an address: begin and end, in the order of the text."""
    found = {(one.offset, one.offset + len(one.host)) for one in pairs(text) if one.host in names}
    logins = _Logins(text)
    for url in _AUTHORITY.finditer(text):
        authority = url[2]
        if authority.count("@") > 1 or logins.follows(url.end()):
            continue
        at = url.start(2) + authority.rfind("@") + 1
        for host in authority[authority.rfind("@") + 1 :].split(","):
            named = _HOST.fullmatch(host)
            if named and named[1].lower() in names:
                found.add((at, at + len(named[1])))
            at += len(host) + 1
    yield from sorted(found)
