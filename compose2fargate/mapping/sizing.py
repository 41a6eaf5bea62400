"""How big a task is: the smallest legal Fargate size that is never below what was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from compose2fargate.aws import prices
from compose2fargate.aws.fargate import LARGEST, MIN_MEMORY, TASK_SIZE_URL, Size, smallest_size
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.context import Context, options_of
from compose2fargate.settings import Settings

MIB = 1024 * 1024
SERVICE_CONNECT_MIB = 64
"""Memory that the Service Connect proxy needs on top of the containers:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"""


class Kind(NamedTuple):
    """A kind of service, and the size it gets when the file asks for none: CPU units and MiB.

    `starts` is how many seconds it may take until it answers, `heap` how many times its heap or cache its memory has to be.
    """

    name: str
    images: frozenset[str]
    cpu: int
    memory: int
    starts: int = 60
    heap: float = 1.5


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What each kind needs to start and serve a little: the vendors' own minimum, or the default heap plus the
# process around it, rounded up to a Fargate size. Sources, where a vendor says it:
# https://www.elastic.co/docs/deploy-manage/deploy/self-managed/install-elasticsearch-docker-prod (heap: half of the memory),
# https://docs.opensearch.org/latest/install-and-configure/install-opensearch/index/, https://cassandra.apache.org/doc/latest/,
# https://docs.sonarsource.com/sonarqube-server/latest/setup-and-upgrade/installation-requirements/server-host/ (2 GB, and
# 4 for the embedded search), https://www.keycloak.org/high-availability/multi-cluster/concepts-memory-and-cpu-sizing (1250 MB),
# https://learn.microsoft.com/sql/linux/sql-server-linux-setup (2 GB), https://docs.gitlab.com/install/requirements/ (8 GB),
# https://www.jenkins.io/doc/book/installing/ (4 GB recommended, 256 MB at least), https://neo4j.com/docs/operations-manual/current/,
# https://airflow.apache.org/docs/apache-airflow/stable/howto/docker-compose/index.html (4 GB for its containers together),
# https://develop.sentry.dev/self-hosted/, https://github.com/discourse/discourse/blob/main/docs/INSTALL.md (2 GB with swap),
# https://clickhouse.com/docs/guides/sizing-and-hardware-recommendations, https://immich.app/docs/install/requirements (6 GB in all),
# https://github.com/sonatype/docker-nexus3 (heap and direct memory 2703 MB each),
# https://docs.ollama.com/faq (a model of 7B parameters takes 8 GB)
KINDS: tuple[Kind, ...] = (
    Kind("forge", _names("gitlab gitlab-ce gitlab-ee"), 2048, 8192, 300),
    Kind(
        "search engine or JVM store",
        _names("elasticsearch opensearch solr cassandra scylla neo4j kibana opensearch-dashboards logstash sonarqube graylog "
               "hbase druid trino prestodb/presto dremio-oss janusgraph nexus3 cp-enterprise-control-center"),
        1024, 4096, 180, 2.0,
    ),
    Kind(
        "JVM broker or server",
        _names("kafka cp-kafka cp-zookeeper cp-schema-registry cp-server cp-kafka-connect cp-ksqldb-server "
               "zookeeper activemq activemq-artemis artemis tomcat jetty wildfly payara jenkins keycloak debezium connect "
               "openjdk eclipse-temurin amazoncorretto temurin ibmjava sapmachine zulu-openjdk liberica-openjdk-alpine maven gradle "
               "pulsar flink spark nifi kafka-ui kafdrop akhq metabase zipkin selenium/standalone-chrome schema-registry "
               "openzipkin/zipkin jira confluence bitbucket teamcity-server unleash-server"),
        512, 2048, 180,
    ),
    Kind(
        "large database",
        _names("mssql/server mssql-server azure-sql-edge oracle-xe database/free database/express oracle-free db2 couchbase"),
        1024, 2048, 180,
    ),
    Kind("analytical database", _names("clickhouse-server clickhouse doris starrocks"), 1024, 4096, 120),
    Kind("model server", _names("ollama vllm-openai text-generation-inference localai"), 2048, 8192, 300),
    Kind(
        "machine-learning application",
        _names("immich-machine-learning text-embeddings-inference libretranslate label-studio open-webui"),
        1024, 4096, 180,
    ),
    Kind(
        "database",
        _names("postgres postgresql postgis timescaledb pgvector citus mysql mariadb mysql-server percona percona-server mongo mongodb "
               "mongodb-community-server couchdb cockroach influxdb arangodb rethinkdb tidb questdb "
               "surrealdb ferretdb supabase/postgres pgbouncer-postgres dgraph victoria-metrics victoriametrics"),
        512, 1024, 120,
    ),
    Kind("vector or search database", _names("qdrant weaviate milvus chroma meilisearch typesense"), 512, 2048, 120),
    Kind("queue", _names("rabbitmq nats nats-streaming emqx eclipse-mosquitto mosquitto beanstalkd nsq redpanda"), 512, 1024, 120),
    Kind("object store", _names("minio seaweedfs localstack azurite"), 512, 1024, 60),
    Kind("cache", _names("redis valkey memcached keydb dragonfly redis-stack redis-stack-server"), 256, 512),
    Kind("web server or proxy", _names("nginx httpd caddy traefik haproxy envoy openresty nginx-unprivileged varnish kong"), 256, 512),
    Kind(
        "sidecar or exporter",
        _names("busybox node-exporter redis_exporter postgres-exporter postgres_exporter statsd fluent-bit aws-for-fluent-bit "
               "cloudflared mailhog mailpit pgbouncer aws-otel-collector amazon-cloudwatch-agent xray aws-xray-daemon"),
        256, 512,
    ),
    Kind(
        "web application",
        _names("wordpress nextcloud drupal joomla ghost phpmyadmin adminer pgadmin4 mongo-express moodle mediawiki odoo grafana "
               "prometheus strapi directus hasura/graphql-engine graphql-engine n8n matomo gitea forgejo "
               "redmine mattermost-team-edition vaultwarden/server vault consul jupyter/base-notebook"),
        512, 1024, 120,
    ),
    Kind(
        "large web application",
        _names("airflow superset sentry discourse magento rocket.chat immich-server paperless-ngx penpotapp/backend"),
        1024, 2048, 180,
    ),
    Kind("Node application", _names("node bun deno"), 256, 1024),
    Kind("Python application", _names("python pypy conda miniconda3 uwsgi-nginx-flask uvicorn-gunicorn-fastapi"), 256, 1024),
    Kind("Ruby application", _names("ruby jruby rails passenger-full passenger-ruby"), 256, 1024),
    Kind("PHP application", _names("php php-fpm php-apache composer frankenphp"), 256, 1024),
    Kind(".NET application", _names("dotnet/aspnet dotnet/runtime dotnet/sdk dotnet/runtime-deps"), 256, 1024),
    Kind("Elixir or Erlang application", _names("elixir erlang"), 256, 1024),
    Kind("compiled program", _names("golang go rust scratch static-debian11 static-debian12 cc-debian12 base-debian12 static"), 256, 512),
)  # fmt: skip
OTHER = Kind("service of no known kind", frozenset(), 256, 1024)
SIDECAR = Kind("sidecar", frozenset(), 0, 128)

_BY_IMAGE: Mapping[str, Kind] = {image: kind for kind in KINDS for image in kind.images}
_LIKELY: tuple[tuple[str, str], ...] = (
    ("exporter", "node-exporter"), ("elasticsearch", "elasticsearch"), ("opensearch", "opensearch"), ("cassandra", "cassandra"),
    ("kafka", "kafka"), ("zookeeper", "zookeeper"), ("rocketmq", "kafka"), ("activemq", "activemq"), ("pulsar", "pulsar"),
    ("skywalking", "tomcat"), ("thingsboard/tb-", "tomcat"), ("keycloak", "keycloak"), ("tomcat", "tomcat"), ("openjdk", "openjdk"),
    ("airflow", "airflow"), ("mongo", "mongo"), ("postgres", "postgres"), ("mariadb", "mariadb"), ("mysql", "mysql"),
    ("clickhouse", "clickhouse"), ("superset", "superset"), ("rabbitmq", "rabbitmq"), ("redis", "redis"), ("valkey", "valkey"),
    ("memcached", "memcached"),
    ("nginx", "nginx"), ("traefik", "traefik"), ("haproxy", "haproxy"), ("caddy", "caddy"), ("alertmanager", "prometheus"),
    ("opentelemetry-collector", "aws-otel-collector"), ("mailslurper", "mailpit"),
)  # fmt: skip
"""Parts of the names of images that somebody built from, or for, a known one; the first that matches counts."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024 * 1024 * MIB}


class Demand(NamedTuple):
    """What one container asks for: CPU units and MiB; None where the file is silent."""

    cpu: int | None
    memory: int | None
    reservation: int | None

    @property
    def has_memory(self) -> bool:
        """Whether there is any figure about memory."""
        return bool(self.memory or self.reservation)


def kind_of(service: Service, base: str | None) -> Kind:
    """Tell what kind of service this is by the end of its image's name (or its Dockerfile's base)."""
    reference = ((base if service.build else service.image) or "").lower()
    *_, folder, _ = ("", *reference.split("/"))
    name = repository(reference)
    known = _BY_IMAGE.get(f"{folder}/{name}") or _BY_IMAGE.get(name)
    return known or next((_BY_IMAGE[image] for part, image in _LIKELY if part in reference), OTHER)


def repository(image: str) -> str:
    """Give the last part of an image's name, without registry, tag and digest."""
    return image.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].split(":", maxsplit=1)[0]


def demand(service: Service) -> Demand:
    """Collect what the service asks for under all the keys that can say it.

    Limits and reservations count alike for the task, so that it is never below what was asked.
    `memory` and `reservation` are what the container itself gets as hard and soft limit.
    """
    deploy = service.deploy
    own = options_of(service)
    cores = [
        value
        for value in (
            own.get("cpu"),
            service.cpus,
            deploy.limits.cpus,
            deploy.reservations.cpus,
            service.cpu_quota,
        )
        if value
    ]
    limit = _largest((size_in_bytes(own.get("memory")), service.mem_limit, deploy.limits.memory))
    soft = _largest((service.mem_reservation, deploy.reservations.memory))
    if limit and soft and soft >= limit:  # ECS wants the reservation strictly below the limit
        limit, soft = max(limit, soft), None
    return Demand(ceil(max(cores) * 1024 - 1e-6) if cores else None, limit, soft)


class Part(NamedTuple):
    """One container's share of a task: what it asks for, its kind, what its own heap or cache takes, and its tmpfs in MiB."""

    service: Service
    asked: Demand
    kind: Kind
    tmpfs_mib: int
    heap: Heap | None = None


def part(ctx: Context, service: Service, tmpfs_mib: int) -> Part:
    """Collect what one container adds to the size of its task."""
    image = ctx.images.get(service.name)
    kind, asked = kind_of(service, image.base if image else None), demand(service)
    return Part(service, asked, kind, tmpfs_mib, None if asked.has_memory else heap_of(service))


def size_task(ctx: Context, parts: Sequence[Part], *, connected: bool, extra_mib: int = 0) -> Size:
    """Pick the task's size and say what decided it.

    Args:
        ctx: The translation.
        parts: The containers that run side by side, the leading service's first.
        connected: Whether a Service Connect proxy runs in the task.
        extra_mib: Memory of containers that this tool adds.
    """
    leader = parts[0].service
    needs = [_need(each, leads=each is parts[0]) for each in parts]
    # Where nothing is asked, the defaults have room for what is added.
    exact = any(each.asked.has_memory for each in parts)
    proxy = SERVICE_CONNECT_MIB if connected and exact else 0
    extra_mib = extra_mib if exact else 0
    cpu = sum(need.cpu for need in needs)
    memory = sum(need.memory for need in needs) + proxy + extra_mib
    said = "; ".join(
        need.said if len(parts) == 1 else f"{each.service.name}: {need.said}"
        for each, need in zip(parts, needs, strict=True)
    )
    for mib, what in ((proxy, "the Service Connect proxy"), (extra_mib, "the log router")):
        said += f"; {mib} MiB more for {what}" if mib else ""
    size = smallest_size(cpu, memory)
    if size is None:
        ctx.refuse(
            "C2F251",
            _sizing_path(leader),
            f"{leader.name} asks for {cpu / 1024:g} vCPU and {memory / 1024:g} GB; a Fargate task has at most {LARGEST}",
            hint="ask for less, or run this service on ECS with EC2 or Managed Instances and leave it out here: "
            f"--without {leader.name}",
            url=TASK_SIZE_URL,
        )
        return LARGEST
    _report_size(ctx, leader, size, said)
    return size


def _report_size(ctx: Context, leader: Service, size: Size, said: str) -> None:
    gib = storage_gib([leader])
    month = prices.task_month(price_table(ctx.settings), size, architecture_of(ctx, leader), gib)
    billed = "while it runs" if leader.name in ctx.jobs else f"about {month:.2f} USD a month for each task"
    ctx.info(
        "C2F250",
        ("services", leader.name),
        f"runs and is billed as {size} ({said}): {billed}",
        url=TASK_SIZE_URL,
    )


def price_table(settings: Settings) -> prices.Prices:
    """Give the built-in prices with those of the user in their place."""
    own = settings.prices if isinstance(settings.prices, Mapping) else {}
    return prices.DEFAULT._replace(**own) if own else prices.DEFAULT


class _Need(NamedTuple):
    cpu: int
    memory: int
    said: str


def _need(each: Part, *, leads: bool) -> _Need:
    """What one container needs. A sidecar of no known kind that asks for nothing gets a little memory, and no CPU of its own."""
    asked, kind = each.asked, each.kind
    default = kind if leads or kind.images else SIDECAR
    memory = asked.memory or asked.reservation or default.memory
    said = [f"{asked.cpu / 1024:g} vCPU asked"] if asked.cpu else []
    if asked.has_memory:
        said.append(f"{memory} MiB asked")
    elif each.heap:
        memory = max(ceil(each.heap.mib * kind.heap) + each.heap.beside, SIDECAR.memory)
        said.append(f"no memory asked, {memory} MiB for {each.heap.said} of a {default.name}")
    elif not said:
        said.append(f"nothing asked, default for a {default.name}")
    # A hard limit includes the container's tmpfs already; a default has room for a small one.
    if not asked.memory and each.tmpfs_mib and (asked.has_memory or each.tmpfs_mib > default.memory // 4):
        memory += each.tmpfs_mib
        said.append(f"{each.tmpfs_mib} MiB more for tmpfs")
    return _Need(asked.cpu or default.cpu, memory, "; ".join(said))


# -- what a service says about its own memory ----------------------------------------------------------------


class Heap(NamedTuple):
    """A heap or cache that a service gives itself: MiB, what to add for the rest of the process, and where it says so."""

    mib: int
    said: str
    beside: int = 128


_OPTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-Xmx(\d+[kmgKMG]?)\b"), ""),
    (re.compile(r"--?max-?memory[= ](\d+[kmgKMG]?[bB]?)\b"), ""),
    (re.compile(r"\bshared_buffers ?= ?'?(\d+ ?[kMGT]?B)"), ""),
    (re.compile(r"--innodb[-_]buffer[-_]pool[-_]size[= ](\d+[kmgKMG]?)\b"), ""),
    (re.compile(r"--wiredTigerCacheSizeGB[= ](\d+(?:\.\d+)?)"), "g"),
    (re.compile(r"--max[-_]old[-_]space[-_]size[= ](\d+)\b"), "m"),
)
"""Options by which programs size themselves, and the unit of those that write none."""
_VARIABLES = re.compile(r"JAVA|JVM|HEAP|CATALINA|SBT|MAVEN|GRADLE|NODE_OPTIONS|ELASTIC|OPTS$")
_MEGABYTES = frozenset({"MSSQL_MEMORY_LIMIT_MB"})
# shared_buffers is a quarter of a database's memory, by PostgreSQL's own advice:
# https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-SHARED-BUFFERS
_TIMES = {"shared_buffers": 3}


def heap_of(service: Service) -> Heap | None:
    """Find the largest heap or cache that the service's variables or command give its program."""
    found = [*_heaps_of_variables(service), *_heaps_in(" ".join(service.command or ()), "the command")]
    return max(found, default=None)


def _heaps_of_variables(service: Service) -> Iterator[Heap]:
    for name, value in service.environment.items():
        if name in _MEGABYTES and str(value).isdigit():
            yield Heap(int(str(value)), name)
        elif value and _VARIABLES.search(name):
            yield from _heaps_in(str(value), name)


def _heaps_in(text: str, where: str) -> Iterator[Heap]:
    for pattern, unit in _OPTIONS if "=" in text or "-" in text else ():
        for match in pattern.finditer(text):
            size = size_in_bytes(match[1] + unit) or 0
            times = next((n for word, n in _TIMES.items() if word in match[0]), 1)
            if size:
                yield Heap(ceil(size * times / MIB), f"{match[0].strip()} in {where}")


# -- storage and processor ------------------------------------------------------------------------------------


def storage_gib(services: Iterable[Service]) -> int | None:
    """Give the storage in GiB that the services of a task ask for together; None where that is what every task has."""
    asked = sum(int(options_of(s).get("ephemeral_storage") or s.storage_gib or 0) for s in services)
    return asked if asked > prices.FREE_STORAGE_GIB else None


ARCHITECTURES = {"amd64": "X86_64", "x86_64": "X86_64", "arm64": "ARM64", "aarch64": "ARM64"}
"""Docker's names of processors to ECS's."""
_CONSTRAINT = re.compile(r"node\.platform\.arch\s*==\s*(\S+)")


def architecture_of(ctx: Context, service: Service) -> str:
    """Give the processor: `platform`, `x-fargate.architecture`, a placement constraint, or the setting."""
    system, _, machine = service.platform.lower().partition("/")
    constraints = filter(None, map(_CONSTRAINT.fullmatch, service.deploy.constraints))
    return (
        ARCHITECTURES.get((machine or system).split("/")[0])
        or options_of(service).get("architecture")
        or next((ARCHITECTURES[m[1].lower()] for m in constraints if m[1].lower() in ARCHITECTURES), None)
        or ctx.settings.architecture
    )


def _sizing_path(service: Service) -> Path:
    if service.deploy.limits != (None, None):
        return ("services", service.name, "deploy", "resources", "limits")
    return ("services", service.name, "mem_limit" if service.mem_limit else "cpus")


def _largest(values: Iterable[int | None]) -> int | None:
    """The largest of some byte counts, in MiB rounded up, or None."""
    given = [value for value in values if value]
    return max(MIN_MEMORY, ceil(max(given) / MIB)) if given else None


def size_in_bytes(value: str | int | None) -> int | None:
    """Read a size such as `512m` or `1.5gb`, in units of 1024; None for none, or for what is no size."""
    match = _SIZE.fullmatch(str(value).strip()) if value is not None else None
    return int(float(match[1]) * _FACTORS[match[2].lower()]) if match else None
