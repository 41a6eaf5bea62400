"""The short syntax of `ports`: ranges, host addresses and protocols."""

from __future__ import annotations

import re
from typing import Any

from compose2fargate.compose.dialect import CURRENT, Change, Dialect
from compose2fargate.compose.passes import Findings, Placed, Tree
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.compose.values.short_syntax import BadSyntaxError, go_text, shown_path, unexpected_value
from compose2fargate.diagnostics import Path
from compose2fargate.text.lazy_patterns import lazy_pattern

# ---------------------------------------------------------------------------------------------------------
# Ports: [[host_ip:]published:]target[/protocol], each of the two a range
# ---------------------------------------------------------------------------------------------------------

_MAX_PORT = 65535
MAX_PORTS = 500_000
"""Ports of a whole project, counted once by each pass: a list of ranges in a small file takes all memory there is."""
_FEWER = "name the ports that are used"
_IPV4 = lazy_pattern(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_DIGITS = lazy_pattern(r"[0-9]+")
_SIGNED_DIGITS = lazy_pattern(r"\+?[0-9]+|-0+")


def ports(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Turn a list of ports into mappings; a range becomes one mapping for each port of the container."""
    if not isinstance(value, list):
        return unexpected_value(value, marks, path, findings, "a list")
    out: list[Any] = []
    out_marks: Marks = {}
    failed = False
    for index, item in enumerate(value):
        try:
            parsed = _counted(item, findings)
        except BadSyntaxError as error:
            findings.error("C2F153", (*path, index), f"{shown_path(path)}: {error}", error.hint)
            failed = True
            continue
        mark = marks.get(index) if marks else None
        if mark is not None:
            out_marks.update(dict.fromkeys(range(len(out), len(out) + len(parsed)), mark))
        out.extend(parsed)
    return (value, marks) if failed else (out, out_marks)


def lenient_ports(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Do as `ports`, but leave the list alone when it holds variables that are yet to be filled in."""
    if not isinstance(value, list) or not all(type(item) in (int, str, dict) for item in value):
        return ports(value, marks, path, findings)
    attempt = Findings(findings.dialect)
    attempt.ports = findings.ports
    out = ports(value, marks, path, attempt)
    findings.ports = attempt.ports
    return (value, marks) if attempt.diagnostics else out


def _counted(item: Any, findings: Findings) -> list[Tree]:
    if findings.ports <= MAX_PORTS:
        parsed = [item] if isinstance(item, dict) else _port(item, findings.dialect)
        findings.ports += len(parsed)
        if findings.ports <= MAX_PORTS:
            return parsed
    raise BadSyntaxError(f"the ports of the project are more than {MAX_PORTS}", _FEWER)


def _port(item: Any, dialect: Dialect) -> list[Tree]:
    if type(item) is int:
        return parse_ports(str(item), dialect)
    if isinstance(item, str):
        return parse_ports(item, dialect)
    raise BadSyntaxError(f"{go_text(item)} is not a port", f'put it into quotes: "{go_text(item)}"')


def parse_ports(spec: str, dialect: Dialect = CURRENT) -> list[Tree]:
    """Read the short form of a port or a range of ports.

    Raises:
        BadSyntaxError: A part is no port, no address or no protocol, or the ranges do not fit each other.
    """
    address, published, target = _split_ports(spec)
    target, protocol = _split_protocol(target, dialect)
    host = _host_ip(address, spec, dialect)
    if not target:
        raise BadSyntaxError(f"{spec!r} names no port of the container", 'write "published:target"')
    first, last = _range(target, spec, dialect)
    low, high = _range(published, spec, dialect) if published else (0, 0)
    if published and last != first and last - first != high - low:
        raise BadSyntaxError(f"the ranges of {spec!r} differ in length", "make both ranges equally long")
    if protocol not in ("tcp", "udp", "sctp"):
        raise BadSyntaxError(f"{spec!r} has the unknown protocol {protocol!r}", "use tcp, udp or sctp")
    out = []
    # As in Docker Compose, the ports of a range are in the order of their text.
    for offset in sorted(range(last - first + 1), key=lambda n: f"{first + n}/{protocol}"):
        port: Tree = {"mode": "ingress"}
        if host:
            port["host_ip"] = host
        if first + offset:
            port["target"] = first + offset
        if published:
            port["published"] = f"{low}-{high}" if first == last and low != high else str(low + offset)
        out.append({**port, "protocol": protocol})
    return out


def _split_ports(spec: str) -> tuple[str, str, str]:
    rest, _, target = spec.rpartition(":")
    address, _, published = rest.rpartition(":")
    return address, published, target


def _split_protocol(target: str, dialect: Dialect) -> tuple[str, str]:
    port, _, protocol = target.partition("/")
    if not dialect.has(Change.ONE_PROTOCOL):
        protocol = protocol.partition("/")[0]
    return port, protocol.lower() or "tcp"


def _host_ip(address: str, spec: str, dialect: Dialect) -> str:
    if not address or _IPV4.fullmatch(address):
        return address
    if dialect.has(Change.BARE_IPV6) and is_ip(address):
        return address
    if address.startswith("[") and address.endswith("]"):
        inner = address[1:-1]
        if not inner or is_ip(inner):
            return inner
    hint = f'write IPv6 addresses in brackets: "[{address}]:..."' if ":" in address else "use an IP address"
    raise BadSyntaxError(f"{spec!r} has the invalid IP address {address!r}", hint)


def is_ip(text: str) -> bool:
    """Tell whether `text` is an IPv4 or IPv6 address (without a zone)."""
    if _IPV4.fullmatch(text):
        return True
    if ":" not in text or "%" in text:
        return False
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _port_number(text: str) -> int:
    """Read digits with a sign; what is far too large stays so without being counted out."""
    return int(text.lstrip("+-").lstrip("0")[:6] or 0)


def _range(text: str, spec: str, dialect: Dialect) -> tuple[int, int]:
    number, most = (_SIGNED_DIGITS, 1) if dialect.has(Change.SIGNED_PORTS) else (_DIGITS, -1)
    parts = text.split("-", most) if "-" in text else [text, text]
    if not all(number.fullmatch(part) and _port_number(part) <= _MAX_PORT for part in parts[:2]):
        raise BadSyntaxError(f"{spec!r} has the invalid port {text!r}", f"ports are 0 to {_MAX_PORT}")
    first, last = (_port_number(part) for part in parts[:2])
    if last < first:
        raise BadSyntaxError(f"the range {text!r} of {spec!r} ends before it begins", f"write {last}-{first}")
    return first, last
