"""Addresses in configuration files: nginx, Caddy, HAProxy, Envoy, and whatever has `host:port` or URLs in its lines."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

from compose2fargate.mapping.references.addresses import Address, addresses, pairs, urls
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern


class AddressInFile(NamedTuple):
    """An address, the line on which it stands, and whether the program that reads it does not start where nobody has the name."""

    address: Address
    line: int
    is_vital: bool = False


class DockerResolver(NamedTuple):
    """A setting by which a proxy asks Docker's DNS: its line, what is looked up there when a request comes, and which proxy it is."""

    line: int
    looked_up: str
    program: str = "nginx"
    how: str = "at 127.0.0.11"


Reader = Callable[[str], Iterator[AddressInFile]]

_READ = lazy_pattern(
    r"(?:\.(?:conf|cfg|cnf|ini|toml|ya?ml|json|properties|xml|env|hcl|river|alloy|config|template|tmpl|tpl|j2|caddy|vcl|sh|php|nginx)"
    r"|(?:^|/)(?:Caddyfile[\w.-]*|\.env[\w.-]*|default|nginx[\w.-]*|haproxy[\w.-]*))$",
    re.IGNORECASE,
)
_INDENT = r"^[^\S\n]*"
"""The blanks before the first word of a line, of that line alone: `\\s` would look over all empty lines from each of them."""
_COMMENT = lazy_pattern(r"(?:^|(?<=\s))(?:#|//|;\s|--\s).*$", re.MULTILINE)


def may_hold_addresses(path: str) -> bool:
    """Tell by its name whether a file is one in which programs are told whom to talk to."""
    return _READ.search(path) is not None


def file_addresses(text: str, path: str) -> Iterator[AddressInFile]:
    """Yield the addresses in a file; `path` is where it stands in the container, by which the program is known."""
    yield from _reader(text, path)(_COMMENT.sub("", text))


def _reader(text: str, path: str) -> Reader:
    if _is_nginx(text, path):
        return _nginx
    name = posixpath.basename(path)
    if name.startswith("Caddyfile") or re.search(
        rf"{_INDENT}(?:reverse_proxy|php_fastcgi)\s", text, re.MULTILINE
    ):
        return _caddy
    if "haproxy" in path.lower() or re.search(r"^backend[^\S\n]+\S+[^\S\n]*$", text, re.MULTILINE):
        return _haproxy
    return _envoy if "port_value" in text else _any


def _is_nginx(text: str, path: str) -> bool:
    """Tell whether a file is one of nginx's."""
    named = "nginx" in path.lower() and not path.endswith((".yml", ".yaml", ".json", ".sh"))
    return named or bool(
        re.search(rf"{_INDENT}(?:proxy|fastcgi|uwsgi|grpc)_pass\s[^;\n]+;", text, re.MULTILINE)
    )


def _any(text: str) -> Iterator[AddressInFile]:
    for number, line in enumerate(text.split("\n"), 1):
        if ":" in line and not re.match(r"[\s-]*[\"']?image[\"']?\s*[:=]", line):
            yield from (AddressInFile(found, number) for found in addresses(line))
    yield from _hosts_beside_ports(text)


# -- a host and its port as two settings -----------------------------------------------------------------------

_HOST_SETTING = lazy_pattern(
    r"(?:^|[{,])(?P<indent>[^\S\n]*(?:-[^\S\n]+)?)[\"']?(?P<base>(?:[\w.-]*[_.-])?)(?:host(?:_?name)?|addr(?:ess)?|server)[\"']?"
    r"[^\S\n]*[:=][^\S\n]*[\"']?(?P<host>[A-Za-z][\w-]*)[\"']?(?=[^\S\n]*(?:[,}\n]|$))",
    re.MULTILINE | re.IGNORECASE,
)
_PORT_SETTING = lazy_pattern(
    r"(?:^|[{,])(?P<indent>[^\S\n]*(?:-[^\S\n]+)?)[\"']?(?P<base>(?:[\w.-]*[_.-])?)port[\"']?[^\S\n]*[:=][^\S\n]*[\"']?"
    r"(?P<port>\d{2,5})[\"']?(?=[^\S\n]*(?:[,}\n]|$))",
    re.MULTILINE | re.IGNORECASE,
)
_NEAR = 4
"""Lines between the two settings of one address, at most."""


def _hosts_beside_ports(text: str) -> Iterator[AddressInFile]:
    """Yield what stands as `host: db` and `port: 5433` near each other: at one depth, and with the same words before both."""
    hosts = list(_HOST_SETTING.finditer(text)) if "ort" in text or "ORT" in text else []
    ends = [found.start() for found in re.finditer("\n", text)] if hosts else []
    ports: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for found in _PORT_SETTING.finditer(text) if hosts else ():
        line = bisect_left(ends, found.start("port")) + 1
        ports.setdefault(_depth(found), []).append((line, int(found["port"])))
    for found in hosts:
        line = bisect_left(ends, found.start("host")) + 1
        ordered = ports.get(_depth(found), [])
        first = bisect_left(ordered, (line - _NEAR, 0))
        beside = [one for one in ordered[first : first + 2 * _NEAR] if one[0] <= line + _NEAR]
        nearest = min(((abs(at - line), port) for at, port in beside), default=None)
        if nearest:
            yield AddressInFile(Address(found["host"].lower(), nearest[1], "", 0), line)


def _depth(setting: re.Match[str]) -> tuple[str, int]:
    """Where a setting stands: what its name begins with, and its column, in which the dash of a list counts as a blank.

    Those of one line, in braces, have no column.
    """
    column = -1 if setting[0].startswith(("{", ",")) else len(setting["indent"])
    return setting["base"].lower(), column


# -- nginx ---------------------------------------------------------------------------------------------------

_PASS = lazy_pattern(r"\b(proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass\s+[\"']?([^;\s\"']+)")
_SET = lazy_pattern(r"\bset\s+(\$\w+)\s+[\"']?([^;\s\"']+)")
_UPSTREAM = lazy_pattern(r"\bupstream\s+([\w.-]+)\s*\{")
_SERVER = lazy_pattern(r"\bserver\s+([^;\s{]+)")
_FILLED = lazy_pattern(r"\$\{?(\w+)\}?")
_RESOLVER = lazy_pattern(r"\bresolver\s[^;]*")
_DOCKERS = lazy_pattern(r"\b127\.0\.0\.11\b|\blocal=on\b")
"""Docker's DNS, by its address or as what OpenResty finds in the container's /etc/resolv.conf."""
_DEFAULT_PORTS = {"proxy": 80, "grpc": 80, "fastcgi": 9000, "uwsgi": 3031, "scgi": 4000, "memcached": 11211}


def _nginx(text: str) -> Iterator[AddressInFile]:
    upstreams = list(_upstreams(text))
    groups = {upstream.name for upstream in upstreams}
    for upstream in upstreams:
        for server in _SERVER.finditer(text, upstream.start, upstream.end):
            yield from _plain(server[1], 80, _line(text, server.start()), is_vital=True)
    for found in _PASS.finditer(text):
        for one in _plain(
            found[2], _DEFAULT_PORTS[found[1]], _line(text, found.start()), is_vital="$" not in found[2]
        ):
            if one.address.host not in groups:
                yield one
    yield from _by_variables(text)
    for found in _SET.finditer(text):
        for address in (*urls(found[2]), *pairs(found[2])):
            if address.host not in groups:
                yield AddressInFile(address, _line(text, found.start()))


def _by_variables(text: str) -> Iterator[AddressInFile]:
    """Yield what is passed on to once the variables are filled in: `set $up api; proxy_pass http://$up:7000;`."""
    variables = {found[1]: found[2] for found in _SET.finditer(text)}
    for found in _PASS.finditer(text) if variables else ():
        filled = _FILLED.sub(
            lambda name: variables.get(f"${name[1]}", name[0])[:_LONGEST], found[2][:_LONGEST]
        )
        if "$" in found[2] and "$" not in filled.partition("://")[2].partition("/")[0]:
            yield from _plain(filled, _DEFAULT_PORTS[found[1]], _line(text, found.start()), is_vital=False)


class _Upstream(NamedTuple):
    """A group of servers: its name, and where its servers stand in the file."""

    name: str
    start: int
    end: int


def _upstreams(text: str) -> Iterator[_Upstream]:
    found = _UPSTREAM.search(text)
    while found and (end := text.find("}", found.end())) >= 0:
        yield _Upstream(found[1].lower(), found.end(), end)
        found = _UPSTREAM.search(text, end)


def docker_resolvers(text: str) -> Iterator[DockerResolver]:
    """Yield each use of Docker's DNS in a file of a proxy, with the address that is looked up by it."""
    read = _COMMENT.sub("", text)
    variables = {found[1]: found[2] for found in _SET.finditer(read)}
    late = [found[2] for found in _PASS.finditer(read) if "$" in found[2]]
    shown = next(iter(late), "")
    for name, value in variables.items():
        if len(shown) <= _LONGEST:  # variables made of variables grow without end
            shown = shown.replace("${" + name[1:] + "}", value).replace(name, value)
    if len(shown) > _LONGEST or "$" in shown.partition("://")[2].partition("/")[0]:
        shown = ""
    for found in _OTHER_RESOLVER.finditer(read):
        yield DockerResolver(_line(read, found.start()), "", "HAProxy" if found["haproxy"] else "Caddy")
    for found in _RESOLVER.finditer(read):
        if asked := _DOCKERS.search(found[0]):
            how = "by local=on" if "=" in asked[0] else "at 127.0.0.11"
            yield DockerResolver(_line(read, found.start()), shown, how=how)


_OTHER_RESOLVER = lazy_pattern(
    rf"{_INDENT}(?:(?P<haproxy>nameserver)[^\S\n]+\S+|resolvers)[^\S\n](?:[^\n]*[^\S\n])?127\.0\.0\.11\b",
    re.MULTILINE,
)
"""HAProxy's `nameserver docker 127.0.0.11:53`, and Caddy's `resolvers 127.0.0.11`."""
_LONGEST = 2000
"""Characters of an address with its path."""


def _plain(text: str, default: int, line: int, *, is_vital: bool) -> Iterator[AddressInFile]:
    """Yield the address that a word is, with or without scheme and port."""
    scheme, slashes, rest = text.rpartition("://")
    host, _, port = rest.partition("/")[0].partition(":")
    if scheme in ("https", "grpcs"):
        default = 443
    # A name with a variable in it is known at run time only, and a path is a socket.
    if re.fullmatch(r"[A-Za-z][\w.-]*", host) and (not port or port.isdecimal()) and host != "unix":
        yield AddressInFile(
            Address(host.lower(), int(port or default), scheme if slashes else "", 0), line, is_vital
        )


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


# -- other proxies -------------------------------------------------------------------------------------------

_CADDY = lazy_pattern(rf"{_INDENT}(?:reverse_proxy|php_fastcgi|to)[^\S\n]+(.+)$", re.MULTILINE)
_BLANK = r"[^\S\n]+"
_DYNAMIC = lazy_pattern(
    rf"{_INDENT}dynamic{_BLANK}a{_BLANK}([A-Za-z][\w.-]*){_BLANK}(\d{{2,5}})[^\S\n]*\{{?[^\S\n]*$",
    re.MULTILINE,
)
_HAPROXY = lazy_pattern(
    rf"{_INDENT}server(?:-template)?{_BLANK}\S+{_BLANK}(?:[\d-]+{_BLANK})?([A-Za-z][\w.-]*):(\d{{1,5}})\b",
    re.MULTILINE,
)
_ENVOY = lazy_pattern(
    r"[\"']?address[\"']?\s*:\s*[\"']?([A-Za-z][\w.-]*)[\s,\"']*port_value[\"']?\s*:\s*(\d{1,5})"
)


def _caddy(text: str) -> Iterator[AddressInFile]:
    for found in _CADDY.finditer(text):
        for word in found[1].rstrip().removesuffix("{").split():
            if not word.startswith(("/", "@", "*", "{", "unix/")):
                yield from _plain(
                    word.replace("h2c://", "http://"), 80, _line(text, found.start(1)), is_vital=False
                )

    for found in _DYNAMIC.finditer(text):
        yield AddressInFile(Address(found[1].lower(), int(found[2]), "", 0), _line(text, found.start(1)))


def _haproxy(text: str) -> Iterator[AddressInFile]:
    late = "init-addr" in text or "resolvers" in text  # names are looked up when it runs
    for found in _HAPROXY.finditer(text):
        address = Address(found[1].lower(), int(found[2]), "", 0)
        yield AddressInFile(address, _line(text, found.start(1)), is_vital=not late)


def _envoy(text: str) -> Iterator[AddressInFile]:
    for found in _ENVOY.finditer(text):
        yield AddressInFile(Address(found[1].lower(), int(found[2]), "", 0), _line(text, found.start(1)))
