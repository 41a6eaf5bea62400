"""What is known of images: the table is whole, and an image is found by every name it goes by."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compose2fargate.mapping.images import image_catalogue
from compose2fargate.mapping.images.image_catalogue import (
    find_image,
    is_data_path,
    is_store_path,
    kind_of,
    kinds,
)
from compose2fargate.schema_files import read_data, read_schema
from tests.conftest import ROOT
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import container, ecs_service

TABLE = read_data("images")
IMAGES: dict[str, dict[str, Any]] = TABLE["images"]
MAPPING = ROOT / "compose2fargate" / "mapping"


def test_the_table_follows_its_schema() -> None:
    schema = read_schema("images")
    jsonschema.Draft202012Validator.check_schema(schema)
    problems = jsonschema.Draft202012Validator(schema).iter_errors(TABLE)
    assert [f"{problem.json_path}: {problem.message}" for problem in problems] == []


def test_no_name_stands_twice_in_the_table() -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
        return dict(pairs)

    text = (ROOT / "compose2fargate" / "data" / "images.json").read_text(encoding="utf-8")
    json.loads(text, object_pairs_hook=unique)


def test_images_are_sorted_and_each_has_a_line_of_its_own() -> None:
    lines = (ROOT / "compose2fargate" / "data" / "images.json").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines[lines.index('  "images": {') + 1 :] if line.startswith('    "')]
    assert [json.loads("{" + line.strip().rstrip(",") + "}").popitem()[0] for line in listed] == sorted(
        IMAGES
    )


def test_what_an_image_refers_to_is_in_the_table() -> None:
    used = {key: {own[key] for own in IMAGES.values() if key in own} for key in ("kind", "private", "tool")}
    assert used["kind"] <= set(kinds())
    assert used["private"] <= set(TABLE["private"])
    assert used["tool"] <= set(TABLE["tools"])


def test_what_a_part_of_a_name_suggests_is_in_the_table_and_has_a_kind() -> None:
    assert all(find_image(name).kind for name in TABLE["likely"].values())


@pytest.mark.parametrize(
    "reference",
    ["postgres", "postgres:16", "docker.io/library/postgres:16-alpine", "public.ecr.aws/docker/library/postgres", "POSTGRES",
     "bitnami/postgres", "ghcr.io/acme/postgres:1", "registry:5000/postgres", "postgres@sha256:" + "0" * 64],
)  # fmt: skip
def test_an_image_is_known_by_the_last_part_of_its_name(reference: str) -> None:
    assert find_image(reference).ports == {5432: "tcp"}
    assert kind_of(reference).name == "database"


@pytest.mark.parametrize(
    "reference", ["umami:postgresql-latest", "acme/app:redis", "postgres.example.com/app"]
)
def test_neither_the_tag_nor_the_registry_makes_a_database(reference: str) -> None:
    assert kind_of(reference).name not in ("database", "cache")


@pytest.mark.parametrize(
    ("reference", "kind", "ports"),
    [
        ("pgvector/pgvector:pg16", "database", [5432]),
        ("postgis/postgis:16-3.4", "database", [5432]),
        ("timescale/timescaledb:latest-pg16", "database", [5432]),
        ("mcr.microsoft.com/mssql/server:2022-latest", "large database", [1433]),
        ("clickhouse/clickhouse-server", "analytical database", [8123, 9000, 9009]),
        ("getmeili/meilisearch:v1.8", "vector or search database", [7700]),
        ("qdrant/qdrant", "vector or search database", [6333, 6334]),
        ("semitechnologies/weaviate", "vector or search database", [8080, 50051]),
        ("typesense/typesense:27.0", "vector or search database", [8108]),
        ("docker.elastic.co/elasticsearch/elasticsearch:8.13.0", "search engine or JVM store", [9200, 9300]),
        ("opensearchproject/opensearch:2", "search engine or JVM store", [9200, 9300]),
        ("redis/redis-stack", "cache", [6379]),
        ("docker.dragonflydb.io/dragonflydb/dragonfly", "cache", [6379]),
        ("valkey/valkey:8", "cache", [6379]),
        ("eqalpha/keydb", "cache", [6379]),
        ("confluentinc/cp-kafka", "JVM broker or server", [9092]),
        ("debezium/connect:3.0", "JVM broker or server", [8083]),
        ("metabase/metabase", "JVM broker or server", [3000]),
        ("directus/directus:11", "web application", [8055]),
        ("apache/superset", "large web application", [8088]),
        ("strapi/strapi", "web application", [1337]),
        ("quay.io/keycloak/keycloak:26.0", "JVM broker or server", [8080]),
        ("unleashorg/unleash-server", "JVM broker or server", [4242]),
        ("hashicorp/vault", "web application", [8200, 8201]),
        ("php:8.4-fpm", "PHP application", [9000]),
        ("php:8.3-fpm-alpine3.20", "PHP application", [9000]),
        ("php:8.4-apache", "PHP application", [80]),
        ("php:8.4-cli", "PHP application", []),
        ("wordpress:php8.3-fpm", "web application", [9000]),
        ("nextcloud:fpm", "web application", [9000]),
        ("goauthentik/server:2024.8", "large web application", [9000]),
        ("axllent/mailpit", "sidecar or exporter", [8025, 1025]),
        ("envoyproxy/envoy:v1.31", "web server or proxy", []),
    ],
)
def test_what_an_image_is_and_where_it_listens(reference: str, kind: str, ports: list[int]) -> None:
    assert kind_of(reference).name == kind
    assert sorted(find_image(reference).opens) == sorted(ports)


@pytest.mark.parametrize(
    ("reference", "has", "lacks"),
    [("nginx:1.27", "sh curl", "wget"), ("nginx:1.27-alpine", "sh curl wget", ""), ("nginx:alpine-slim", "sh wget", "curl"),
     ("python:3.12-slim", "sh", "curl wget"), ("python:3.12", "sh curl wget", ""), ("node:22-alpine", "sh wget", "curl"),
     ("traefik/whoami", "", "sh curl wget"), ("gcr.io/distroless/static-debian12", "", "sh curl wget"),
     ("mcr.microsoft.com/dotnet/aspnet:9.0", "sh", "curl wget"), ("acme/app", "sh curl wget", "")],
)  # fmt: skip
def test_which_programs_a_health_check_finds(reference: str, has: str, lacks: str) -> None:
    assert not any(find_image(reference).lacks(program) for program in has.split())
    assert all(find_image(reference).lacks(program) for program in lacks.split())


def test_a_console_is_one_as_a_whole_or_at_a_port() -> None:
    assert find_image("adminer").is_console
    assert find_image("dpage/pgadmin4:8").is_console
    assert not find_image("rabbitmq:3-management").is_console
    assert find_image("rabbitmq:3-management").ports[15672] == image_catalogue.CONSOLE


def test_data_that_depends_on_the_name_of_its_host_is_told() -> None:
    assert find_image("rabbitmq:3-management").host_name == "RABBITMQ_NODENAME=rabbit@localhost"
    assert find_image("postgres").host_name == ""


def test_a_name_that_needs_its_owner_is_known_with_it_only() -> None:
    assert find_image("minio/mc:latest").program == "mc"
    assert find_image("quay.io/minio/mc").program == "mc"
    assert find_image("acme/mc").program == ""


def test_a_publisher_decides_as_whom_its_images_run() -> None:
    assert find_image("bitnami/postgresql").user == 1001
    assert find_image("public.ecr.aws/bitnami/anything").user == 1001
    assert find_image("postgresql").user is None


def test_a_word_of_the_tag_tells_variants_apart() -> None:
    assert find_image("wordpress:6.8").opens == {80: "http"}
    assert find_image("wordpress:cli-2.11").opens == {}
    assert find_image("wordpress:client").opens == {80: "http"}


@pytest.mark.parametrize(
    ("path", "known"),
    [("/var/lib/postgresql/data", True), ("/var/lib/postgresql/16/main", True), ("/var/lib/mysql/", True), ("/data/db", True),
     ("/bitnami/redis/data", True), ("/usr/share/elasticsearch/data", True), ("/etc/nginx/conf.d", False), ("/srv", False),
     ("/config", False), ("/etc/prometheus", False), ("/etc/alertmanager/", False), ("/var/www/storage", False)],
)  # fmt: skip
def test_where_images_keep_data_is_known(path: str, known: bool) -> None:
    assert is_data_path(path) is known


# -- what it is asked for ------------------------------------------------------------------------------------


def built(from_line: str, tmp_path: Path) -> str:
    (tmp_path / "Dockerfile").write_text(f"{from_line}\n", encoding="utf-8")
    return "build: ."


@pytest.mark.parametrize(
    ("dockerfile", "ports"),
    [("FROM postgres:16", [5432]), ("FROM docker.io/library/redis AS cache\nFROM cache AS last\nFROM last", [6379]),
     ("ARG V=1.27\nFROM nginx:$V", [80]), ("FROM nginx\nEXPOSE 8080", [8080]), ("FROM wordpress:cli", []),
     ("FROM node:22 AS made\nFROM nginx\nCOPY --from=made /dist /usr/share/nginx/html", [80]), ("FROM acme/base", [])],
)  # fmt: skip
def test_a_base_image_opens_the_ports_of_an_image(
    dockerfile: str, ports: list[int], translated: Translate, tmp_path: Path
) -> None:
    made = translated(f"services: {{web: {{{built(dockerfile, tmp_path)}}}}}")
    assert [p.container_port for p in container(made).port_mappings] == ports
    said = [d.path for d in made.diagnostics if d.code == "C2F227"]
    assert said == ([("services", "web", "build")] if ports and "EXPOSE" not in dockerfile else [])


@pytest.mark.parametrize(
    ("image", "target", "percent"),
    [("acme/pg-with-extensions", "/var/lib/postgresql/data", 100), ("acme/pg", "/var/lib/postgresql/18/docker", 100),
     ("acme/docs", "/data/db", 100), ("acme/app", "/data", 200), ("acme/app", "/srv/data/db", 200), ("acme/app", "/bitnami/x", 200)],
)  # fmt: skip
def test_a_store_is_known_by_where_it_keeps_its_data(
    image: str, target: str, percent: int, translated: Translate
) -> None:
    made = translated(
        f"services: {{web: {{image: {image}, volumes: ['data:{target}']}}}}\nvolumes: {{data: }}"
    )
    assert ecs_service(made).deployment_configuration.maximum_percent == percent


def test_a_backup_that_only_reads_a_store_is_none(translated: Translate) -> None:
    text = "services: {web: {image: acme/backup, volumes: ['data:/var/lib/mysql:ro']}}\nvolumes: {data: }"
    assert ecs_service(translated(text)).deployment_configuration.maximum_percent == 200


def test_a_store_that_is_built_here_is_one(translated: Translate, tmp_path: Path) -> None:
    body = built("FROM mysql:8", tmp_path)
    made = translated(f"services: {{web: {{{body}, volumes: ['data:/some/where']}}}}\nvolumes: {{data: }}")
    assert ecs_service(made).deployment_configuration.maximum_percent == 100
    assert any("Amazon RDS" in (d.hint or "") for d in made.diagnostics if d.code == "C2F276")


@pytest.mark.parametrize(
    ("body", "ends"),
    [("image: dadarek/wait-for-dependencies, command: 'db:5432'", True), ("image: hello-world", True),
     ("image: 'minio/mc', command: ls", True),
     ("image: minio/mc, command: mirror --watch a b", False), ("image: hello-world, entrypoint: [sleep, infinity]", False),
     ("image: hello-world, x-fargate: {job: true}", False), ("image: acme/worker", False)],
)  # fmt: skip
def test_an_image_that_is_there_to_end_is_no_service(body: str, ends: bool, translated: Translate) -> None:
    found = [d for d in translated(f"services: {{web: {{{body}}}}}").diagnostics if d.code == "C2F240"]
    assert bool(found) is ends
    assert all("x-fargate: {job: true}" in (d.hint or "") for d in found)


# -- one place ------------------------------------------------------------------------------------------------

ABOUT_PROGRAMS = {
    "image_catalogue.py": "it is the place",
    "server_commands.py": "programs and their options, whatever image has them",
    "command_lifetime.py": "programs and their options, whatever image has them",
    "traefik.py": "the labels of one proxy",
    "traefik_entrypoints.py": "the options of one proxy",
    "other_proxies.py": "the labels of two proxies",
}
"""Modules that may name what an image is called, and why."""
ORDINARY = frozenset(
    {"agent", "base", "connect", "console", "consul", "curl", "docker", "etcd", "fluentd", "flower", "go", "graphite", "java"}
    | {"loki", "memcached", "node", "php", "python", "registry", "ruby", "runtime", "rust", "scratch", "server", "spark"}
    | {"static", "statsd", "tempo", "vault", "vector"}
)  # fmt: skip
"""Names of images that are words with other meanings, too, or protocols and log drivers."""


def texts(module: Path) -> Iterator[str]:
    """Yield the strings of a module that are no documentation."""
    tree = ast.parse(module.read_text("utf-8"))
    documented = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


@pytest.mark.parametrize(
    "module", [m for m in sorted(MAPPING.glob("*.py")) if m.name not in ABOUT_PROGRAMS], ids=lambda m: m.name
)
def test_only_the_table_names_images(module: Path) -> None:
    names = {name.rpartition("/")[2] for name in IMAGES} - ORDINARY
    named = {
        word for text in texts(module) for word in re.findall(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", text)
    } & names
    assert named == set()


def test_the_table_is_read_once_and_quickly() -> None:
    assert image_catalogue._table() is image_catalogue._table()


@pytest.mark.parametrize("home", ["root", "app"])
def test_data_below_a_home_is_data_whoever_s_home_it_is(home: str) -> None:
    assert is_data_path(f"/{home}/.ollama")
    assert is_store_path(f"/{home}/.questdb")
    assert not is_store_path(f"/{home}/.ollama")
