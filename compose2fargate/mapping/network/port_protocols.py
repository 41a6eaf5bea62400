"""What a port speaks, as far as the file and what is known of the image tell.

Compose does not say which ports are HTTP. This decides whether a published port may be opened by a load balancer, so
what is known to be something else is asked first, and a port of which nothing is known is not HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Port, Service
from compose2fargate.mapping.images.image_catalogue import known_image
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

CONSOLE = "a console for administration"


class PortProtocol(NamedTuple):
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

HTTPS_PORTS = frozenset({443, 4443, 8443, 9443})
HTTP_PORTS = frozenset(
    {80, 81, 591, 1313, 1337, 2368, 3000, 3001, 3002, 3003, 3030, 3333, 4000, 4200, 4321, 5000, 5001, 5050, 5173, 5174}
    | {6006, 7000, 7001, 7860, 8000, 8001, 8002, 8003, 8004, 8005, 8006, 8008, 8010, 8060, 8065, 8069, 8080, 8081, 8082}
    | {8083, 8084, 8085, 8088, 8089, 8090, 8096, 8180, 8280, 8501, 8765, 8800, 8880, 8888, 9080, 9090, 9898, 18080}
    | HTTPS_PORTS
)  # fmt: skip
"""Ports on which web servers and frameworks listen unless told otherwise. 9000 is none: it is PHP's FastCGI as often."""


def port_protocol(
    images: Mapping[str, ImageConfig], service: Service, number: int, port: Port | None = None
) -> PortProtocol:
    """Tell what `service` speaks on TCP port `number`; `port` is the entry of `ports` that names it."""
    return (
        _said(port)
        or _known_private(images, service, number)
        or _asked_by_health_check(images, service, number)
        or _by_number(number)
        or _of_image(images, service, number)
        or PortProtocol("", f"nothing says that it speaks HTTP on port {number}")
    )


def _said(port: Port | None) -> PortProtocol | None:
    if port is None:
        return None
    for key, value in (
        ("app_protocol", port.app_protocol),
        ("x-aws-protocol", port.extensions.get("x-aws-protocol")),
    ):
        if value:
            return PortProtocol(_NAMED.get(str(value).lower(), ""), f"{key} is {value}")
    return None


def _known_private(images: Mapping[str, ImageConfig], service: Service, number: int) -> PortProtocol | None:
    image = known_image(service, images)
    if image.ports.get(number) == "console" or number == _console_port(service):
        return PortProtocol("", f"port {number} of {image.name} is {CONSOLE}", is_private=True)
    if image.private:
        return PortProtocol("", f"{image.name} is {image.private}", is_private=True)
    if number in PRIVATE_PORTS:
        return PortProtocol("", f"port {number} is known for {PRIVATE_PORTS[number]}", is_private=True)
    return None


_CONSOLE = lazy_pattern(r"--console-address[=\s]+[\"']?[\w.-]*:(\d{2,5})\b")


def _console_port(service: Service) -> int:
    """Give the port that MinIO's command moves its console to; 0 where it does not."""
    found = _CONSOLE.search(" ".join(service.command or ())[:_LONGEST])
    return int(found[1]) if found else 0


_LONGEST = 4000


def _asked_by_health_check(
    images: Mapping[str, ImageConfig], service: Service, number: int
) -> PortProtocol | None:
    url = health_url(images, service, number)
    return (
        # What follows the path may be a key that only the check knows.
        PortProtocol(
            url.scheme, f"its health check asks {url.scheme}://…:{number}{url.path.partition('?')[0]}"
        )
        if url
        else None
    )


def _of_image(images: Mapping[str, ImageConfig], service: Service, number: int) -> PortProtocol | None:
    image = known_image(service, images)
    protocol = _NAMED.get(image.ports.get(number, ""))
    return (
        PortProtocol(protocol, f"{image.name} serves {protocol.upper()} on port {number}")
        if protocol
        else None
    )


def _by_number(number: int) -> PortProtocol | None:
    if number not in HTTP_PORTS:
        return None
    protocol = "https" if number in HTTPS_PORTS else "http"
    return PortProtocol(protocol, f"port {number} is one that web servers use for {protocol.upper()}")


# -- the URL of a health check ---------------------------------------------------------------------------------


class HealthUrl(NamedTuple):
    """What a health check asks its own container; `path` has its query."""

    scheme: str
    port: int
    path: str


_URL = lazy_pattern(
    r"(?<![\w./@:-])(?:(https?)://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+|\$\(hostname\))(?::([0-9]{1,5}))?(/[^\s\"'`|;&)<>$#\\]*)?"
)
_LOCAL = lazy_pattern(r"localhost|127(\.[0-9]{1,3}){3}|0\.0\.0\.0|\[::1?\]|\$\(hostname\)")
_CLIENTS = lazy_pattern(r"(^|[\s/;&|\"'(])(curl|wget|http|https|httpie|xh)\b")


def health_url(images: Mapping[str, ImageConfig], service: Service, number: int) -> HealthUrl | None:
    """Give the URL by which the service's health check asks port `number`, if it does."""
    return next((url for url in _health_urls(images, service) if url.port == number), None)


def _health_urls(images: Mapping[str, ImageConfig], service: Service) -> Iterator[HealthUrl]:
    check, built = service.healthcheck, images.get(service.name)
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
