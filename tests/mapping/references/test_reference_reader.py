"""The port of a store whose host stands in a variable of its own."""

from __future__ import annotations

import pytest

from compose2fargate.mapping.references.reference_reader import store_port

# As each server's documentation has them, by port.
KNOWN = {
    3306: "MYSQL MARIADB", 4222: "NATS", 5432: "PG POSTGRES POSTGRESQL", 5672: "AMQP RABBIT RABBITMQ", 6379: "REDIS VALKEY",
    8123: "CLICKHOUSE", 9000: "MINIO", 9092: "KAFKA", 9200: "ELASTIC ELASTICSEARCH OPENSEARCH", 11211: "MEMCACHE MEMCACHED",
    27017: "MONGO MONGODB",
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "port"), [(word, port) for port, words in KNOWN.items() for word in words.split()]
)
def test_the_name_of_the_variable_says_which_store_it_is(word: str, port: int) -> None:
    assert store_port(f"{word}_HOST", "store", {}) == port


def test_a_port_beside_it_wins() -> None:
    assert store_port("REDIS_HOST", "store", {"REDIS_PORT": "7000"}) == 7000
    assert store_port("REDIS_HOST", "store", {"OTHER_PORT": "7000"}) == 6379


def test_what_is_more_than_a_host_is_none() -> None:
    assert store_port("REDIS_HOST", "store:7000", {}) == 0
    assert store_port("REDIS_HOST", "/run/redis.sock", {}) == 0
