"""The network of a task as files for its agent: packet filter, proxies of Service Connect, names, metadata.

A task is one network namespace. The agent (the helper image) owns it; the containers of the task join it. Packets to the
addresses that Fargate invents (169.254.170.2, 127.255.0.0/16) are redirected to the agent's proxy on high ports, so that the
task's own containers can listen on every port that the endpoints have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.configuration_text import configuration, word
from compose2fargate.rehearsal.rehearsal_plan import (
    EDGE,
    VPC_RESOLVER,
    Endpoint,
    OpenPort,
    RehearsalPlan,
    RehearsedUnit,
    may_begin,
    openings,
    visible_endpoints,
)

METADATA_ADDRESS: Final = "169.254.170.2"
METADATA_PORT: Final = 51679
CLOSED_PORT: Final = 51678
FIRST_PROXY: Final = 52000
FOLDER: Final = "/rehearsal"
CONNECT_IDLE: Final = 3600
"""Seconds until Service Connect cuts an idle TCP connection:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TimeoutConfiguration.html"""
CONNECT_REQUEST: Final = 15
CONNECT_HTTP_IDLE: Final = 300
NO_TIMEOUT: Final = 86400
CONNECT_TIMEOUT: Final = 5
"""Envoy's default: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto"""


class Subnet(NamedTuple):
    """The first three bytes of a rehearsal's network."""

    prefix: str

    def at(self, byte: int) -> str:
        """Give the address that ends with `byte`."""
        return f"{self.prefix}.{byte}"

    @property
    def cidr(self) -> str:
        """The whole network."""
        return f"{self.prefix}.0/24"


class Alias(NamedTuple):
    """A name of Service Connect in a task: the address it has there, and the proxy for each of its ports."""

    name: str
    address: str
    ports: tuple[tuple[int, int, Endpoint], ...]


def aliases(endpoints: Sequence[Endpoint]) -> tuple[Alias, ...]:
    """Give each name an address, and each of its ports a port of the agent's proxy."""
    names = dict.fromkeys(endpoint.alias for endpoint in endpoints)
    numbered = {(e.alias, e.port): n for n, e in reversed(list(enumerate(endpoints)))}
    return tuple(
        Alias(
            name,
            f"127.255.0.{number}",
            tuple(
                (port, FIRST_PROXY + n, endpoints[n])
                for (alias, port), n in sorted(numbered.items())
                if alias == name
            ),
        )
        for number, name in enumerate(names, 1)
    )


def host_name(subnet: Subnet, byte: int, region: str) -> str:
    """Give the name that Fargate gives a task: made of its address."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{subnet.at(byte).replace('.', '-')}.{domain}"


def task_files(
    plan: RehearsalPlan, unit: RehearsedUnit, byte: int, subnet: Subnet, documents: Mapping[str, Any]
) -> dict[str, str]:
    """Give the files of a task's agent by name.

    Args:
        plan: The plan.
        unit: Whose task it is.
        byte: The end of the task's address.
        subnet: The network.
        documents: What the metadata endpoint answers, by path.
    """
    named = aliases(visible_endpoints(plan, unit))
    own = host_name(subnet, byte, plan.region)
    hosts = [f"{subnet.at(byte)} {own}", *(f"{alias.address} {alias.name}" for alias in named)]
    files = {
        "rules.nft": configuration(_filter(plan, unit, subnet, named)),
        "hosts": configuration(["127.0.0.1 localhost", *hosts]),
        "resolv.conf": configuration([f"search {own.partition('.')[2]}", f"nameserver {subnet.at(EDGE)}"]),
        "haproxy.cfg": configuration(_proxy(plan, subnet, named, documents)),
    }
    return {**files, **{_file(path): json.dumps(document) for path, document in documents.items()}}


def _file(path: str) -> str:
    return f"metadata{path.replace('/', '_')}.json"


# -- the packet filter ---------------------------------------------------------------------------------------


def _filter(
    plan: RehearsalPlan, unit: RehearsedUnit, subnet: Subnet, named: Iterable[Alias]
) -> Iterator[str]:
    yield "table inet rehearsal {"
    yield "  chain input {"
    yield "    type filter hook input priority 0; policy drop;"
    yield '    iifname "lo" accept'
    yield "    ct state established,related accept"
    yield "    meta l4proto { icmp, ipv6-icmp } accept"
    for opening in openings(plan, unit):
        yield from (f"    {line} accept" for line in _opening(opening, subnet))
    yield "  }"
    yield "  chain output {"
    yield "    type filter hook output priority 0; policy accept;"
    yield "    ip daddr 127.255.0.0/16 meta l4proto tcp reject with tcp reset"  # a port that nobody declared
    if not may_begin(plan, unit):
        yield '    oifname "lo" accept'
        yield "    ct state established,related accept"
        yield f"    ip daddr {subnet.at(EDGE)} udp dport 53 accept"  # no security group stops the VPC's resolver
        yield "    drop"
    yield "  }"
    yield "}"
    yield "table ip rehearsal_nat {"
    yield "  chain output {"
    yield "    type nat hook output priority -110;"
    yield f"    ip daddr {METADATA_ADDRESS} tcp dport 80 redirect to :{METADATA_PORT}"
    yield from (f"    ip daddr {VPC_RESOLVER} {p} dport 53 dnat to {subnet.at(EDGE)}" for p in ("tcp", "udp"))
    # Docker's resolver, which a task on Fargate does not have: a port where nobody listens refuses as Fargate does.
    yield f"    ip daddr 127.0.0.11 meta l4proto {{ tcp, udp }} th dport 53 redirect to :{CLOSED_PORT}"
    for alias in named:
        for port, proxy, _ in alias.ports:
            yield f"    ip daddr {alias.address} tcp dport {port} redirect to :{proxy}"
    yield "  }"
    yield "}"


def _opening(opening: OpenPort, subnet: Subnet) -> Iterator[str]:
    source = ""
    if opening.addresses is not None:
        if not opening.addresses:
            return
        source = f"ip saddr {{ {', '.join(subnet.at(byte) for byte in opening.addresses)} }} "
    if opening.protocol == "-1":
        yield source or "meta l4proto { tcp, udp }"
        return
    transport = _TRANSPORTS.get(opening.protocol)
    if transport is None:
        return  # ICMP is let in anyway
    ports = "0-65535" if opening.first is None else f"{opening.first}-{opening.last or opening.first}"
    yield f"{source}{transport} dport {ports}"


_TRANSPORTS: Final = {"tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}


# -- the proxy -----------------------------------------------------------------------------------------------


def _proxy(
    plan: RehearsalPlan, subnet: Subnet, named: Iterable[Alias], documents: Mapping[str, Any]
) -> Iterator[str]:
    yield "global"
    yield "  maxconn 2000"
    yield "defaults"
    yield f"  timeout connect {CONNECT_TIMEOUT}s"
    yield "  timeout client 3600s"
    yield "  timeout server 3600s"
    yield "  retries 1"
    yield "  option redispatch"
    yield "frontend metadata"
    yield "  mode http"
    yield f"  bind 127.0.0.1:{METADATA_PORT}"
    for path in documents:
        file = word(f"{FOLDER}/{_file(path)}")
        yield f"  http-request return status 200 content-type application/json file {file} if {{ path {word(path)} }}"
    yield "  http-request return status 404"
    for alias in named:
        for _, proxy, endpoint in alias.ports:
            yield from _endpoint(plan, subnet, proxy, endpoint)


def _endpoint(plan: RehearsalPlan, subnet: Subnet, proxy: int, endpoint: Endpoint) -> Iterator[str]:
    default = CONNECT_HTTP_IDLE if endpoint.http else CONNECT_IDLE
    idle = default if endpoint.idle_timeout is None else endpoint.idle_timeout or NO_TIMEOUT
    yield f"listen connect-{proxy}"
    yield f"  bind 127.0.0.1:{proxy}"
    yield f"  mode {'http' if endpoint.http else 'tcp'}"
    yield f"  timeout client {idle}s"
    if endpoint.http:
        request = (
            CONNECT_REQUEST if endpoint.request_timeout is None else endpoint.request_timeout or NO_TIMEOUT
        )
        yield f"  timeout server {request}s"
        yield f"  timeout tunnel {idle}s"
    else:
        yield f"  timeout server {idle}s"
    unit = plan.units[endpoint.unit]
    others = {
        e.container_port for e in unit.endpoints if (e.alias, e.port) == (endpoint.alias, endpoint.port)
    }
    for port in sorted(others):
        for byte in unit.addresses:
            yield f"  server task-{byte}-{port} {subnet.at(byte)}:{port}"
