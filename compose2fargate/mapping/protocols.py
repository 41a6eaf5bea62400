"""What a port speaks, as far as the file and what is known of the image tell.

Compose does not say which ports are HTTP. This decides whether a published port may be opened by a load balancer, so
what is known to be something else is asked first, and a port of which nothing is known is not HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compose2fargate.compose.model import Port, Service
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.sizing import repository

CONSOLE = "a console for administration"


class Spoken(NamedTuple):
    """What a port speaks (http, https, http2 or grpc; "" for anything else), how that is known, and whether it is private."""

    protocol: str
    reason: str
    is_private: bool = False

    @property
    def is_console(self) -> bool:
        """Whether it is private for whom it serves, and HTTP all the same."""
        return self.reason.endswith(CONSOLE)


_NAMED: Mapping[str, str] = {
    "http": "http",
    "ws": "http",
    "wss": "https",
    "https": "https",
    "http2": "http2",
    "h2c": "http2",
    "grpc": "grpc",
}

_KINDS: Mapping[str, str] = {
    "a data store": "arangodb cassandra chroma clickhouse clickhouse-server cockroach couchbase couchdb cratedb dgraph "
    "dragonfly druid dynamodb-local elasticsearch etcd hazelcast hbase influxdb janusgraph keydb loki mariadb meilisearch "
    "memcached milvus mongo mongodb mongodb-community-server mssql-server mysql mysql-server neo4j opensearch oracle-xe "
    "orientdb percona percona-server-mongodb pgvector postgis postgres postgresql postgresql-repmgr presto qdrant questdb "
    "ravendb redis redis-cluster redis-sentinel redis-stack redis-stack-server rethinkdb rqlite scylla solr surrealdb tarantool "
    "tidb tikv timescaledb timescaledb-ha trino typesense valkey vault weaviate yugabyte consul",
    "a message broker": "activemq activemq-artemis activemq-classic artemis connect connect-base cp-kafka cp-kafka-connect "
    "cp-kafka-rest cp-ksql-server cp-ksqldb-server cp-schema-registry cp-server cp-server-connect cp-zookeeper debezium "
    "kafka-connect schema-registry apicurio-registry-mem apicurio-registry-sql "
    "emqx eclipse-mosquitto hivemq-ce kafka mosquitto nats nsq pulsar rabbitmq redpanda vernemq zookeeper localstack elasticmq",
    CONSOLE: "adminer akhq cloudbeaver cmak dbgate dejavu elasticsearch-head flower kafdrop "
    "kafka-manager kafka-ui kibana mongo-express nosqlclient opensearch-dashboards pgadmin4 phpmyadmin phppgadmin "
    "phpredisadmin pihole portainer portainer-ce redis-commander redisinsight dozzle adguardhome unifi-network-application "
    "cp-enterprise-control-center conduktor-console",
    "a monitoring system": "alertmanager all-in-one blackbox-exporter cadvisor cp-enterprise-prometheus fluent-bit fluentd graphite "
    "graphite-statsd jaeger logstash mimir node-exporter opentelemetry-collector opentelemetry-collector-contrib otelcol prometheus "
    "pushgateway signoz-otel-collector statsd-exporter tempo telegraf vector victoria-metrics vmagent vmalert zipkin",
    "a mail server": "docker-mailserver inbucket maildev mailhog mailpit mailcatcher postfix smtp4dev",
    "a file or shell server": "openssh-server sftp vsftpd pure-ftpd proftpd samba nfs-server",
}  # fmt: skip
PRIVATE_IMAGES: Mapping[str, str] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""Images that a load balancer opens on request only: an unprotected one is the commonest way to lose data."""

PRIVATE_PORTS: Mapping[int, str] = {
    21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 53: "DNS", 88: "Kerberos", 110: "POP3", 111: "NFS", 119: "NNTP",
    123: "NTP", 143: "IMAP", 161: "SNMP", 389: "LDAP", 445: "SMB", 465: "SMTP", 514: "syslog", 587: "SMTP", 636: "LDAP",
    873: "rsync", 993: "IMAP", 995: "POP3", 1025: "SMTP", 1080: "SOCKS", 1433: "SQL Server", 1521: "Oracle", 1883: "MQTT",
    1935: "RTMP", 2049: "NFS", 2181: "ZooKeeper", 2375: "Docker", 2376: "Docker", 2379: "etcd", 3306: "MySQL", 3389: "RDP",
    4222: "NATS", 5060: "SIP", 5432: "PostgreSQL", 5671: "AMQP", 5672: "AMQP", 5900: "VNC", 6379: "Redis", 7687: "Bolt",
    8086: "InfluxDB", 8125: "StatsD", 8883: "MQTT", 9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch",
    9300: "Elasticsearch", 11211: "memcached", 26257: "CockroachDB", 27017: "MongoDB", 33060: "MySQL", 61616: "ActiveMQ",
}  # fmt: skip
"""Ports that are known for something that is not for the internet."""

CONSOLE_PORTS: Mapping[str, frozenset[int]] = {
    "activemq": frozenset({8161}),
    "activemq-artemis": frozenset({8161}),
    "activemq-classic": frozenset({8161}),
    "apisix": frozenset({9180}),
    "emqx": frozenset({18083}),
    "haproxy": frozenset({8404}),
    "neo4j": frozenset({7474}),
    "nginx-proxy-manager": frozenset({81}),
    "rabbitmq": frozenset({15672}),
    "traefik": frozenset({8080}),
}
"""Ports of servers on which they serve their own administration, over HTTP."""

HTTP_IMAGES: Mapping[str, Mapping[int, str]] = {
    "authentik": {9000: "http", 9443: "https"},
    "caddy": {80: "http", 443: "https"},
    "envoy": {10000: "http"},
    "haproxy": {80: "http", 443: "https"},
    "minio": {9000: "http", 9001: "http"},
    "sonarqube": {9000: "http"},
    "traefik": {80: "http", 443: "https"},
}
"""Servers of HTTP whose ports are not told from their number alone."""

HTTPS_PORTS = frozenset({443, 4443, 8443, 9443})
HTTP_PORTS = frozenset(
    {80, 81, 591, 1313, 1337, 2368, 3000, 3001, 3002, 3003, 3030, 3333, 4000, 4200, 4321, 5000, 5001, 5050, 5173, 5174}
    | {6006, 7000, 7001, 7860, 8000, 8001, 8002, 8003, 8004, 8005, 8006, 8008, 8010, 8060, 8065, 8069, 8080, 8081, 8082}
    | {8083, 8084, 8085, 8088, 8089, 8090, 8096, 8180, 8280, 8501, 8765, 8800, 8880, 8888, 9080, 9090, 9898, 18080}
    | HTTPS_PORTS
)  # fmt: skip
"""Ports on which web servers and frameworks listen unless told otherwise. 9000 is none: it is PHP's FastCGI as often."""


def spoken(ctx: Context, service: Service, number: int, port: Port | None = None) -> Spoken:
    """Tell what `service` speaks on TCP port `number`; `port` is the entry of `ports` that names it."""
    return (
        _said(port)
        or _known_private(ctx, service, number)
        or _asked_by_health_check(ctx, service, number)
        or _of_image(ctx, service, number)
        or _by_number(number)
        or Spoken("", f"nothing says that it speaks HTTP on port {number}")
    )


def _said(port: Port | None) -> Spoken | None:
    if port is None:
        return None
    for key, value in (
        ("app_protocol", port.app_protocol),
        ("x-aws-protocol", port.extensions.get("x-aws-protocol")),
    ):
        if value:
            return Spoken(_NAMED.get(str(value).lower(), ""), f"{key} is {value}")
    return None


def image_name(ctx: Context, service: Service) -> str:
    """Give the last part of the image's name, or of its Dockerfile's base where it is built here."""
    built = ctx.images.get(service.name)
    base = built.base if built else None
    return repository((base if service.build else service.image) or "").lower()


def _known_private(ctx: Context, service: Service, number: int) -> Spoken | None:
    image = image_name(ctx, service)
    kind = PRIVATE_IMAGES.get(image)
    if number in CONSOLE_PORTS.get(image, ()):
        return Spoken("", f"port {number} of {image} is {CONSOLE}", is_private=True)
    if kind:
        return Spoken("", f"{image} is {kind}", is_private=True)
    if number in PRIVATE_PORTS:
        return Spoken("", f"port {number} is known for {PRIVATE_PORTS[number]}", is_private=True)
    return None


def _asked_by_health_check(ctx: Context, service: Service, number: int) -> Spoken | None:
    url = health_url(ctx, service, number)
    return Spoken(url.scheme, f"its health check asks {url.scheme}://…:{number}{url.path}") if url else None


def _of_image(ctx: Context, service: Service, number: int) -> Spoken | None:
    image = image_name(ctx, service)
    protocol = HTTP_IMAGES.get(image, {}).get(number)
    return Spoken(protocol, f"{image} serves {protocol.upper()} on port {number}") if protocol else None


def _by_number(number: int) -> Spoken | None:
    if number not in HTTP_PORTS:
        return None
    protocol = "https" if number in HTTPS_PORTS else "http"
    return Spoken(protocol, f"port {number} is one that web servers use for {protocol.upper()}")


# -- the URL of a health check ---------------------------------------------------------------------------------


class HealthUrl(NamedTuple):
    """What a health check asks its own container; `path` has its query."""

    scheme: str
    port: int
    path: str


_URL = re.compile(
    r"(?<![\w./@:-])(?:(https?)://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+|\$\(hostname\))(?::([0-9]{1,5}))?(/[^\s\"'`|;&)<>$#\\]*)?"
)
_LOCAL = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|0\.0\.0\.0|\[::1?\]|\$\(hostname\)")
_CLIENTS = re.compile(r"(^|[\s/;&|\"'(])(curl|wget|http|https|httpie|xh)\b")


def health_url(ctx: Context, service: Service, number: int) -> HealthUrl | None:
    """Give the URL by which the service's health check asks port `number`, if it does."""
    return next((url for url in _health_urls(ctx, service) if url.port == number), None)


def _health_urls(ctx: Context, service: Service) -> Iterator[HealthUrl]:
    check, built = service.healthcheck, ctx.images.get(service.name)
    of_image = built.healthcheck.test if built and built.healthcheck else ()
    test = check.test if check and check.test else of_image
    if (check and check.disable) or not test or test[0] == "NONE":
        return
    text = " ".join(test[1:])
    for scheme, host, port, path in _URL.findall(text):
        if not (_LOCAL.fullmatch(host) or (scheme and host in (service.name, service.container_name))):
            continue
        if scheme or (_CLIENTS.search(text) and (port or path)):
            default = 443 if scheme == "https" else 80
            yield HealthUrl(scheme or "http", int(port or default), (path or "/")[:1024])
