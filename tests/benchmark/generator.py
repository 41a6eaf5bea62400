"""Writes compose projects of any size that look like real ones: anchors, variables, several kinds of service."""

from __future__ import annotations

from collections.abc import Callable

_HEAD = """\
name: bench
x-logging: &logging
  driver: json-file
  options: {max-size: 10m, max-file: "3"}
x-environment: &environment
  LOG_LEVEL: ${LOG_LEVEL:-info}
  TZ: UTC
  SENTRY_ENVIRONMENT: ${DEPLOYMENT:-production}
x-service: &service
  restart: unless-stopped
  logging: *logging
  stop_grace_period: 30s
services:
"""
_TAIL = """\
networks:
  front: {}
  back:
    driver: bridge
volumes:
"""


def _api(n: int) -> str:
    return f"""\
  api-{n}:
    <<: *service
    image: ${{REGISTRY:-registry.example.com}}/team-{n % 7}/api-{n}:${{TAG:-1.{n % 20}.3}}
    command: gunicorn --bind 0.0.0.0:{8000 + n % 100} --workers ${{WORKERS:-4}} app:application
    environment:
      <<: *environment
      DATABASE_URL: postgresql://app:${{DB_PASSWORD:-change-me}}@db-{n - n % 10 + 3}:5432/app
      CACHE_URL: redis://cache-{n - n % 10 + 4}:6379/0
      FEATURE_{n % 13}: "on"
      REQUEST_TIMEOUT: {n % 60}
    expose:
      - "{8000 + n % 100}"
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:{8000 + n % 100}/health"]
      interval: 15s
      timeout: 5s
      retries: 4
      start_period: 30s
    deploy:
      replicas: {1 + n % 4}
      resources:
        limits: {{cpus: "0.50", memory: 512M}}
        reservations: {{memory: 128M}}
      update_config: {{parallelism: 1, order: start-first, failure_action: rollback}}
    labels:
      com.example.team: team-{n % 7}
      com.example.tier: api
    networks: [front, back]
"""


def _worker(n: int) -> str:
    return f"""\
  worker-{n}:
    <<: *service
    image: registry.example.com/worker:${{TAG:-1.0}}
    command: ["celery", "--app", "jobs", "worker", "--queues", "queue-{n}"]
    environment:
      - LOG_LEVEL=${{LOG_LEVEL:-info}}
      - QUEUE=queue-{n}
      - PREFETCH={n % 8}
    init: true
    mem_limit: {128 + 64 * (n % 4)}m
    networks: [back]
    volumes:
      - type: tmpfs
        target: /scratch
        tmpfs: {{size: 64m}}
"""


def _web(n: int) -> str:
    return f"""\
  web-{n}:
    <<: *service
    image: nginx:1.27-alpine
    ports:
      - "{10000 + n}:80"
      - target: 443
        published: "{40000 + n % 20000}"
        protocol: tcp
    environment: {{UPSTREAM: "http://api-{n - n % 10}:{8000 + (n - n % 10) % 100}", HOST_HEADER: $$host}}
    networks: [front]
    read_only: true
    tmpfs: ["/var/cache/nginx:size=32m", "/run:size=1m"]
"""


def _database(n: int) -> str:
    return f"""\
  db-{n}:
    image: postgres:{13 + n % 4}-alpine
    environment:
      POSTGRES_USER: app
      POSTGRES_DB: app
      POSTGRES_PASSWORD: ${{DB_PASSWORD:-change-me}}
    volumes:
      - data-{n}:/var/lib/postgresql/data
    healthcheck:
      test: pg_isready --username app
      interval: 10s
      retries: 5
    ulimits:
      nofile: {{soft: 20000, hard: 40000}}
    stop_grace_period: 1m
    networks: [back]
"""


def _cache(n: int) -> str:
    return f"""\
  cache-{n}:
    image: redis:7-alpine
    command: redis-server --save "" --maxmemory {64 + n % 64}mb
    logging: *logging
    networks: [back]
"""


def _job(n: int) -> str:
    return f"""\
  job-{n}:
    image: registry.example.com/jobs:${{TAG:-1.0}}
    command: ["python", "-m", "jobs.run", "--shard", "{n}"]
    environment:
      <<: *environment
      SHARD: "{n}"
    restart: "no"
    deploy: {{mode: replicated-job}}
    depends_on:
      db-{n - n % 10 + 3}: {{condition: service_healthy}}
      cache-{n - n % 10 + 4}: {{condition: service_started}}
    networks: [back]
"""


# Ten services make a team's project: jobs and the like only refer to services of their own ten.
_KINDS: tuple[Callable[[int], str], ...] = (
    _api, _worker, _web, _database, _cache, _job, _api, _worker, _api, _web,
)  # fmt: skip


def project(services: int) -> str:
    """Give the text of a compose file with that many services; the same number gives the same text."""
    parts = [_KINDS[n % 10](n) for n in range(services)]
    volumes = [f"  data-{n}: {{}}\n" for n in range(services) if _KINDS[n % 10] is _database]
    text = "".join([_HEAD, *parts, _TAIL if volumes else _TAIL.removesuffix("volumes:\n"), *volumes])
    if services >= 10:
        return text
    # What a project of fewer services than its ten talks to is elsewhere.
    return text.replace("@db-3:", "@db-3.example.org:").replace("//cache-4:", "//cache-4.example.org:")
