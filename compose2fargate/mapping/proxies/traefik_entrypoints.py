"""The entry points of a Traefik that is left out: which ports it listens on, where these are published, and whether they speak TLS.

Only its command and its environment are read; what its files say is not known here, and a finding says so.

Source: https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from compose2fargate.compose.model import Port, Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.network.load_balancer_ports import is_loopback
from compose2fargate.mapping.network.service_connect import MAX_PORT
from compose2fargate.records import NamedTuple

URL = "https://doc.traefik.io/traefik/reference/install-configuration/providers/overview/"
ELSEWHERE = "C2F512"

_FLAG = re.compile(r"--entrypoints\.([^.=]+)\.([^=]+)(?:=(.*))?", re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"TRAEFIK_ENTRYPOINTS_([^_]+)_(.+)", re.IGNORECASE)
_ADDRESS = re.compile(r".*:([0-9]{1,5})(?:/(tcp|udp))?", re.IGNORECASE)
_PROVIDER = re.compile(
    r"--providers\.(?!docker\b)([a-z0-9]+)|TRAEFIK_PROVIDERS_(?!DOCKER)([A-Z0-9]+)", re.IGNORECASE
)
_NOT_BY_DEFAULT = re.compile(
    r"(?:.*\s)?--?providers\.docker\.exposedbydefault=(?:false|f|0)(?:\s.*)?", re.IGNORECASE | re.DOTALL
)
_EXPOSED = "TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT"
_FILES = ("/etc/traefik", "/traefik")
"""Where Traefik looks for its own files: https://doc.traefik.io/traefik/reference/install-configuration/boot-environment/"""


class EntryPoint(NamedTuple):
    """Where requests come in.

    Attributes:
        published: The port of the host on which everybody reaches it; 0 where nobody outside does.
        secured: Whether it asks TLS of all its routers.
    """

    published: int
    secured: bool


def entry_points(proxy: Service) -> Mapping[str, EntryPoint]:
    """Give the entry points with an address that the command or the environment of a Traefik names."""
    found: dict[str, dict[str, str]] = {}
    for name, option, value in _options(proxy):
        found.setdefault(name, {})[option] = value
    return {
        name: EntryPoint(
            _published(proxy, address), any(o.startswith("http.tls") and v != "false" for o, v in own.items())
        )
        for name, own in found.items()
        if (address := _ADDRESS.fullmatch(own.get("address", "")))
    }


def has_middlewares(proxy: Service) -> bool:
    """Whether an entry point asks something of every request that a load balancer would not."""
    return any(option.startswith("http.middlewares") for _, option, _ in _options(proxy))


def is_opt_in(proxy: Service) -> bool:
    """Whether a Traefik only looks at the services that ask for it (`traefik.enable=true`).

    https://doc.traefik.io/traefik/reference/install-configuration/providers/docker/
    """
    words = (*(proxy.entrypoint or ()), *(proxy.command or ()))
    given = (value for name, value in proxy.environment.items() if name.upper() == _EXPOSED)
    return any(map(_NOT_BY_DEFAULT.fullmatch, words)) or any(
        (value or "").lower() in ("false", "f", "0") for value in given
    )


def _options(proxy: Service) -> Iterator[tuple[str, str, str]]:
    for word in proxy.command or ():
        if match := _FLAG.fullmatch(word):
            yield match[1], match[2].lower(), match[3] or ""
    for name, value in proxy.environment.items():
        if match := _VARIABLE.fullmatch(name):
            yield match[1].lower(), match[2].lower().replace("_", "."), value or ""


def _published(proxy: Service, address: re.Match[str]) -> int:
    protocol = (address[2] or "tcp").lower()
    reached = (p for p in proxy.ports if p.target == int(address[1]) and p.protocol == protocol)
    return next((p.published_number for p in reached if _is_public(p)), 0)


def web_doors(proxy: Service) -> Mapping[int, int]:
    """Give where the ports 80 and 443 of a Traefik are published for everybody."""
    return {
        port.target: port.published_number
        for port in reversed(proxy.ports)
        if port.target in (80, 443) and port.protocol == "tcp" and _is_public(port)
    }


def _is_public(port: Port) -> bool:
    return is_port(port.published) and not is_loopback(port)


def is_port(text: str) -> bool:
    """Whether a text is the number of a port; `str.isdigit` takes a raised two for one as well."""
    return re.fullmatch("[0-9]{1,5}", text) is not None and 0 < int(text) <= MAX_PORT


def reads_elsewhere(project: Project, proxy: Service) -> Iterator[Diagnostic]:
    """Say where a Traefik that is left out has routes from besides the labels, since these are not read."""
    path = next(_sources(proxy), None)
    if path is None:
        return
    yield Diagnostic(
        ELSEWHERE,
        Severity.WARNING,
        f"{proxy.name} is left out, and only its labels are read: routes from its files or other providers are lost",
        path,
        project.at(*path),
        "write the routes that they have as x-fargate: {ingress: [{port: PORT, host: HOST}]} under the services they lead to",
        URL,
    )


def _sources(proxy: Service) -> Iterator[Path]:
    """Yield the keys that give Traefik more to read than labels."""
    own: Path = ("services", proxy.name)
    for index, word in enumerate(proxy.command or ()):
        if _PROVIDER.match(word) or word.lower().startswith("--configfile"):
            yield (*own, "command", index)
    for name in proxy.environment:
        if _PROVIDER.match(name):
            yield (*own, "environment", name)
    for index, mount in enumerate(proxy.mounts):
        if mount.type == "bind" and mount.target.startswith(_FILES):
            yield (*own, "volumes", index)
    for index, config in enumerate(proxy.configs):
        if config.target.startswith(_FILES):
            yield (*own, "configs", index)
