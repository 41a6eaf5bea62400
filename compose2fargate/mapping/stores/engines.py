"""What is known of the engines that AWS runs: a table, with its sources.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_PostgreSQL.html, CHAP_MySQL.html and CHAP_MariaDB.html beside it,
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/engine-versions.html and
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html.
"""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.store_resources import PASSWORD_RULES
from compose2fargate.records import NamedTuple


class Parameter(NamedTuple):
    """A setting of a server that the AWS service has too: its name there, and the bytes or milliseconds of one unit (0: no unit)."""

    name: str
    unit: int = 0


class StoreEngine(NamedTuple):
    """An engine that AWS runs.

    Attributes:
        name: As the API calls it.
        service: As AWS calls the service.
        is_cache: Whether ElastiCache runs it, and not RDS.
        port: Where it listens.
        versions: Versions that there are, the one of images without a version first.
        extended: Versions that cost more, as their community supports them no longer.
        family: The family of its parameter groups, with `{version}` or `{major}`.
        size: The class that it gets unless one is chosen.
        user, password, database, root: Variables of the images, the one that counts first.
        users: The names that its administrator may have; `reserved` is what it may not be called.
        passwords: The passwords that it takes, and how that is said.
        logs: The logs that it writes to CloudWatch.
        tls: The parameter by which it asks for TLS, and the first version that does so unless told otherwise.
        parameters: Settings of commands (`-c name=value`, `--name=value`) that carry over, by their name there.
        scripts: Where the images look for what they run on an empty database.
    """

    name: str
    service: str
    port: int
    versions: tuple[str, ...]
    family: str
    size: str
    is_cache: bool = False
    extended: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    password: tuple[str, ...] = ()
    database: tuple[str, ...] = ()
    root: tuple[str, ...] = ()
    users: str = ""
    reserved: frozenset[str] = frozenset()
    passwords: tuple[str, str] = ("", "")
    logs: tuple[str, ...] = ()
    tls: tuple[str, str] = ("", "")
    parameters: Mapping[str, Parameter] = {}
    scripts: str = ""


SIZED_BY_CLASS = frozenset({"shared_buffers", "effective_cache_size", "innodb_buffer_pool_size", "maxmemory"})
"""Settings that AWS derives from the memory of the class: those of a container fit another size."""

_KB, _8KB, _MB = 1024, 8 * 1024, 1024 * 1024


def _same(*names: str, unit: int = 0) -> dict[str, Parameter]:
    return {name: Parameter(name, unit) for name in names}


_POSTGRES_PARAMETERS = {
    **_same("temp_buffers", "wal_buffers", unit=_8KB),
    **_same("work_mem", "maintenance_work_mem", "autovacuum_work_mem", "logical_decoding_work_mem", unit=_KB),
    **_same("max_wal_size", "min_wal_size", unit=_MB),
    **_same("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "log_min_duration_statement", unit=-1),
    **_same(
        "max_connections", "random_page_cost", "seq_page_cost", "effective_io_concurrency", "default_statistics_target",
        "max_worker_processes",
        "max_parallel_workers", "max_parallel_workers_per_gather", "max_parallel_maintenance_workers", "max_replication_slots",
        "max_wal_senders",
        "checkpoint_completion_target", "log_statement", "log_connections", "log_disconnections", "shared_preload_libraries", "jit",
        "max_locks_per_transaction", "autovacuum_max_workers", "synchronous_commit", "pg_stat_statements.track", "pg_stat_statements.max",
        "max_prepared_transactions", "track_io_timing", "idle_session_timeout", "password_encryption", "log_lock_waits", "row_security",
    ),
}  # fmt: skip
_MYSQL_PARAMETERS = {
    **_same("max_allowed_packet", "innodb_log_buffer_size", "key_buffer_size", "sort_buffer_size",
            "join_buffer_size", "tmp_table_size", "max_heap_table_size", "read_buffer_size", "innodb_log_file_size", unit=1),
    **_same(
        "max_connections", "character_set_server", "collation_server", "sql_mode", "lower_case_table_names", "wait_timeout",
        "interactive_timeout",
        "innodb_flush_log_at_trx_commit", "transaction_isolation", "log_bin_trust_function_creators", "slow_query_log", "long_query_time",
        "explicit_defaults_for_timestamp", "event_scheduler", "group_concat_max_len", "innodb_lock_wait_timeout", "binlog_format",
        "local_infile", "thread_cache_size", "table_open_cache", "innodb_file_per_table", "optimizer_switch", "max_connect_errors",
        "binlog_row_image",
    ),
    "transaction-isolation": Parameter("transaction_isolation"),
}  # fmt: skip
_REDIS_PARAMETERS = _same(
    "maxmemory-policy", "maxmemory-samples", "timeout", "tcp-keepalive", "notify-keyspace-events", "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire", "lazyfree-lazy-server-del", "hash-max-listpack-entries", "activedefrag", "slowlog-log-slower-than",
    "slowlog-max-len", "lfu-decay-time", "lfu-log-factor", "maxmemory-clients",
)  # fmt: skip

_RDS_USERS = r"[A-Za-z][A-Za-z0-9_]{{0,{more}}}"


ENGINES: Mapping[str, StoreEngine] = {
    "postgres": StoreEngine(
        "postgres", "RDS for PostgreSQL", 5432,
        versions=("17", "18", "16", "15", "14"),
        family="postgres{version}", size="db.t4g.micro",
        user=("POSTGRES_USER", "POSTGRESQL_USERNAME"), password=("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"),
        database=("POSTGRES_DB", "POSTGRESQL_DATABASE"),
        users=_RDS_USERS.format(more=62), reserved=frozenset({"admin", "rdsadmin", "rdsrepladmin", "user", "public", "none"}),
        passwords=PASSWORD_RULES["postgres"], logs=("postgresql", "upgrade"), tls=("rds.force_ssl", "15"),
        parameters=_POSTGRES_PARAMETERS, scripts="/docker-entrypoint-initdb.d",
    ),
    "mysql": StoreEngine(
        "mysql", "RDS for MySQL", 3306,
        versions=("8.4", "8.0"), extended=("8.0",),
        family="mysql{version}", size="db.t4g.micro",
        user=("MYSQL_USER",), password=("MYSQL_PASSWORD",), database=("MYSQL_DATABASE",), root=("MYSQL_ROOT_PASSWORD",),
        users=_RDS_USERS.format(more=15), reserved=frozenset({"rdsadmin", "rdsrepladmin"}),
        passwords=PASSWORD_RULES["mysql"], logs=("error", "slowquery"), tls=("require_secure_transport", "9.7"),
        parameters=_MYSQL_PARAMETERS, scripts="/docker-entrypoint-initdb.d",
    ),
    "mariadb": StoreEngine(
        "mariadb", "RDS for MariaDB", 3306,
        versions=("11.8", "11.4", "10.11", "10.6"),
        family="mariadb{version}", size="db.t4g.micro",
        user=("MARIADB_USER", "MYSQL_USER"), password=("MARIADB_PASSWORD", "MYSQL_PASSWORD"),
        database=("MARIADB_DATABASE", "MYSQL_DATABASE"), root=("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
        users=_RDS_USERS.format(more=15), reserved=frozenset({"rdsadmin", "rdsrepladmin"}),
        passwords=PASSWORD_RULES["mariadb"], logs=("error", "slowquery"), tls=("require_secure_transport", "11.8"),
        parameters=_MYSQL_PARAMETERS, scripts="/docker-entrypoint-initdb.d",
    ),
    "valkey": StoreEngine(
        "valkey", "ElastiCache for Valkey", 6379,
        versions=("8.0", "7.2"),
        family="valkey{major}", size="cache.t4g.micro", is_cache=True,
        parameters=_REDIS_PARAMETERS,
    ),
}  # fmt: skip

IMAGES: Mapping[str, str] = {
    "postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pgvector": "postgres",
    "mysql": "mysql", "mysql-server": "mysql", "percona": "mysql", "percona-server": "mysql", "mariadb": "mariadb",
    "redis": "valkey", "valkey": "valkey", "keydb": "valkey", "dragonfly": "valkey",
}  # fmt: skip
"""The last part of an image's name, as the catalogue of images has it, to the engine that takes its place."""

REFUSED: Mapping[str, str] = {
    "timescaledb": "RDS does not have the extension timescaledb",
    "timescaledb-ha": "RDS does not have the extension timescaledb",
    "citus": "RDS does not have the extension citus",
    "supabase/postgres": "RDS does not have the extensions and roles that Supabase puts into its image",
    "pgvecto-rs": "RDS does not have the extension vectors; pgvector is another one",
    "postgres-documentdb": "RDS does not have the extension documentdb",
    "postgresql-repmgr": "several nodes replicate among themselves, which is what RDS does by itself: name one instance",
    "mariadb-galera": "several nodes replicate among themselves, which is what RDS does by itself: name one instance",
    "redis-stack": "ElastiCache does not have all modules of Redis Stack",
    "redis-stack-server": "ElastiCache does not have all modules of Redis Stack",
    "redismod": "ElastiCache does not have these modules",
    "redis-cluster": "its clients speak the protocol of clusters, and the replication group here has one primary",
    "valkey-cluster": "its clients speak the protocol of clusters, and the replication group here has one primary",
}
"""Images of which AWS runs something else, and why it is no replacement."""
