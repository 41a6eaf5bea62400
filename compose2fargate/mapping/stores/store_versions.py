"""The version of an engine that a tag of an image means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compose2fargate.mapping.stores.engines import StoreEngine
from compose2fargate.text.lazy_patterns import lazy_pattern

_NUMBER = lazy_pattern(r"(\d+(?:\.\d+)*)")
_POSTGRES = lazy_pattern(r"(?:^|-)pg(\d+)")


def _tag_of(image: str) -> str:
    """Give the tag of an image; "" where it has none."""
    named = image.partition("@")[0].rpartition("/")[2]
    return named.partition(":")[2]


def stated_version(engine: StoreEngine, image: str, repository: str) -> str:
    """Give the version that the tag states, as far as it goes: `16`, `8.0.36`; "" where it states none.

    The tags of pgvector name PostgreSQL after `pg`, behind a version of their own; KeyDB and Dragonfly have versions of their own alone.
    """
    tag = _tag_of(image)
    if repository in ("keydb", "dragonfly"):
        return ""
    if engine.name == "postgres" and (found := _POSTGRES.search(tag)):
        return found[1]
    if repository == "pgvector":
        return ""
    plain = _NUMBER.match(tag.removeprefix("v"))
    return plain[1] if plain else ""


def engine_version(engine: StoreEngine, stated: str) -> str:
    """Give the version of the engine that a stated one is, or "" where AWS has none of that line.

    Valkey is what Redis 7.2 was when it was forked: what is as old or older runs on 7.2, and what came later on the newest.
    """
    if not stated:
        return engine.versions[0]
    if engine.is_cache:
        parts = [int(part) for part in stated.split(".")[:2]]
        return "7.2" if parts <= [7, 2] or parts == [7] else engine.versions[0]
    return next(_fitting(engine, stated), "")


def _fitting(engine: StoreEngine, stated: str) -> Iterator[str]:
    for version in engine.versions:
        if f"{stated}.".startswith(f"{version}.") or (
            "." in version and version.split(".")[0] == stated and re.fullmatch(r"\d+", stated)
        ):
            yield version


def is_at_least(version: str, least: str) -> bool:
    """Tell whether a version is as new as another one."""
    return _parts(version) >= _parts(least)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
