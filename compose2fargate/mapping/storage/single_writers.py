"""Whether a service keeps a database in a volume, which two tasks at once would damage: by its image, path, command or variables."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from compose2fargate.compose.dockerfile.image_config import ImageConfig, runtime_command
from compose2fargate.compose.model import Mount, Service
from compose2fargate.mapping.images.image_catalogue import is_store_path, known_image
from compose2fargate.text.lazy_patterns import lazy_pattern

_SERVERS = frozenset({
    "arangod", "cassandra", "clickhouse-server", "cockroach", "couchdb", "etcd", "influxd", "keydb-server", "mariadbd", "mongod", "mysqld",
    "mysqld_safe", "neo4j", "postgres", "prometheus", "rabbitmq-server", "redis-server", "valkey-server", "victoria-metrics",
})  # fmt: skip
"""Programs that have their data to themselves."""
_DATA_VARIABLE = lazy_pattern(
    r"(?i)PGDATA|(?:\w+_)?(?:DB|DATABASE|SQLITE|DUCKDB)_?(?:FILE|PATH|DIR|LOCATION)(?:NAME)?|(?:MYSQL|MARIADB|MONGO\w*)_?DATA_?DIR"
)
_FILE_URL = lazy_pattern(
    r"(?i)(?:jdbc:)?(?:sqlite|sqlite3|duckdb|h2:file|file)(?:\+\w+)?:(?://)?(/{1,2}[^?;\s]+)(?:[?;].*)?"
)
_FILE = lazy_pattern(r"(?i)/\S+\.(?:db|sqlite3?|duckdb)")


def writes_alone(images: Mapping[str, ImageConfig], service: Service, mount: Mount) -> bool:
    """Whether two tasks at once would damage what a service keeps in a volume."""
    if known_image(service, images).single_writer or is_store_path(mount.target):
        return True
    if mount.read_only:
        return False
    entrypoint, command = runtime_command(images.get(service.name), service.entrypoint, service.command)
    if _is_server((*(entrypoint or ()), *(command or ()))):
        return True
    folder = f"{posixpath.normpath(mount.target)}/"
    return any(f"{path}/".startswith(folder) for path in _database_paths(service))


def _is_server(words: Sequence[str]) -> bool:
    """Whether a command runs the server of a store, as its first word or after `exec` of a shell."""
    programs = [posixpath.basename(word) for text in words[:4] for word in text.split()[:3]]
    return not _SERVERS.isdisjoint(programs[:4])


def _database_paths(service: Service) -> Iterator[str]:
    """Yield the files and folders of databases that variables name."""
    for name, value in service.environment.items():
        text = str(value or "")
        if "/" not in text:
            continue
        url = _FILE_URL.fullmatch(text)
        if url:
            yield posixpath.normpath("/" + url[1].lstrip("/"))
        elif text.startswith("/") and (_DATA_VARIABLE.fullmatch(name) or _FILE.fullmatch(text)):
            yield posixpath.normpath(text)
