"""The port of a URL that names none, and what is sent by UDP."""

from __future__ import annotations

import pytest

from compose2fargate.mapping.references.addresses import urls

# As the servers' own documentation and IANA's registry have them, by port.
KNOWN = {
    25: "smtp", 80: "http ws", 389: "ldap", 443: "https wss", 465: "smtps", 636: "ldaps", 1433: "mssql sqlserver", 1521: "oracle",
    1883: "mqtt", 3306: "mariadb mysql mysql2", 4222: "nats", 5432: "pgsql postgres postgresql", 5671: "amqps", 5672: "amqp",
    6379: "redis rediss valkey", 6650: "pulsar", 7687: "bolt neo4j", 8883: "mqtts", 9000: "clickhouse", 27017: "mongodb",
}  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "port"), [(scheme, port) for port, schemes in KNOWN.items() for scheme in schemes.split()]
)
def test_a_url_without_a_port_has_that_of_its_scheme(scheme: str, port: int) -> None:
    assert [(one.host, one.port, one.protocol) for one in urls(f"{scheme}://user:pw@db/x")] == [
        ("db", port, "tcp")
    ]
    assert [one.port for one in urls(f"{scheme}://db:8123/x")] == [8123]


def test_a_scheme_of_nobody_has_no_port() -> None:
    assert [(one.host, one.port) for one in urls("whatever://db/x")] == [("db", 0)]


@pytest.mark.parametrize("scheme", ["udp", "syslog", "gelf", "statsd", "syslog+udp"])
def test_what_is_sent_by_udp_is_opened_as_udp(scheme: str) -> None:
    assert [one.protocol for one in urls(f"{scheme}://log:9000")] == ["udp"]
