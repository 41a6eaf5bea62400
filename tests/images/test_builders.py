"""What each builder is told for each key of a build section."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.image_build import ImageBuild
from compose2fargate.images.builders import Builder, BuilderPaths, build_steps, unsupported_keys

BUILD = ImageBuild("web", "shop/web", "1", "linux/arm64", "/project/web")
PLACES = BuilderPaths("/project/web/Dockerfile", "/project/web", "/tmp/digest")
REFERENCE = "registry/shop/web:1"


def told(builder: str, places: BuilderPaths = PLACES, **changes: Any) -> list[str]:
    """Give the words of the build's command, without those that every build has."""
    build = BUILD._replace(**changes)
    plain = build_steps(Builder(builder, builder), BUILD, (REFERENCE,), PLACES)[0].arguments
    words = list(build_steps(Builder(builder, builder), build, (REFERENCE,), places)[0].arguments)
    for word in plain:
        if word in words:
            words.remove(word)
    return words


def test_docker_builds_and_pushes_in_one_command() -> None:
    (step,) = build_steps(Builder("docker", "/bin/docker"), BUILD, (REFERENCE, "other/x:1"), PLACES)
    assert " ".join(step.arguments) == (
        "/bin/docker buildx build --platform linux/arm64 --provenance=false --tag registry/shop/web:1 --tag other/x:1 "
        "--push --progress plain --metadata-file /tmp/digest --file /project/web/Dockerfile /project/web"
    )


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_podman_and_buildah_push_after_building(builder: str) -> None:
    made = build_steps(Builder(builder, builder), BUILD, (REFERENCE, "other/x:1"), PLACES, insecure=True)
    built = (
        f"{builder} build --format docker --platform linux/arm64 --tag registry/shop/web:1 --tag other/x:1 "
        "--tls-verify=false --file /project/web/Dockerfile /project/web"
    )
    assert [" ".join(step.arguments) for step in made] == [
        built,
        f"{builder} push --tls-verify=false --digestfile /tmp/digest registry/shop/web:1",
        f"{builder} push --tls-verify=false other/x:1",
    ]


SAME: list[tuple[dict[str, Any], list[str]]] = [
    ({"target": "prod"}, ["--target", "prod"]),
    ({"args": {"A": "1", "B": None}}, ["--build-arg", "A=1", "--build-arg", "B"]),
    ({"labels": {"a": "b c"}}, ["--label", "a=b c"]),
    ({"ssh": ("default", "k=/id")}, ["--ssh", "default", "--ssh", "k=/id"]),
    ({"network": "host"}, ["--network", "host"]),
    ({"extra_hosts": ("a=1.2.3.4", "b=::1")}, ["--add-host", "a:1.2.3.4", "--add-host", "b:::1"]),
    ({"shm_size": 64}, ["--shm-size", "64"]),
    ({"ulimits": {"nofile": "1:2"}}, ["--ulimit", "nofile=1:2"]),
    ({"no_cache": True}, ["--no-cache"]),
    ({"pull": True}, ["--pull"]),
]


@pytest.mark.parametrize(("changes", "words"), SAME, ids=lambda value: str(next(iter(value), "")))
@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_a_key_that_all_builders_know(builder: str, changes: dict[str, Any], words: list[str]) -> None:
    assert told(builder, **changes) == words
    assert list(unsupported_keys(builder, BUILD._replace(**changes))) == []


@pytest.mark.parametrize(
    ("changes", "words", "key"),
    [
        ({"privileged": True}, ["--allow", "security.insecure"], "privileged"),
        ({"entitlements": ("network.host",)}, ["--allow", "network.host"], "entitlements"),
        ({"provenance": "mode=max"}, ["--provenance=mode=max"], "provenance"),
        ({"sbom": "true"}, ["--sbom=true"], "sbom"),
        ({"cache_from": ("type=gha",)}, ["--cache-from", "type=gha"], "cache_from"),
        ({"cache_to": ("type=inline",)}, ["--cache-to", "type=inline"], "cache_to"),
    ],
)
def test_a_key_that_only_docker_knows(changes: dict[str, Any], words: list[str], key: str) -> None:
    assert told("docker", **changes) == words
    for builder in ("podman", "buildah"):
        assert told(builder, **changes) == []
        assert list(unsupported_keys(builder, BUILD._replace(**changes))) == [key]
    assert list(unsupported_keys("docker", BUILD._replace(**changes))) == []


@pytest.mark.parametrize(
    ("cache", "repository"),
    [
        ("type=registry,ref=host:5000/x/cache:web", "host:5000/x/cache"),
        ("host:5000/x/cache", "host:5000/x/cache"),
        ("x/cache:1", "x/cache"),
        ("x/cache@sha256:00", "x/cache"),
    ],
)
def test_a_cache_in_a_registry(cache: str, repository: str) -> None:
    assert told("docker", cache_from=(cache,)) == ["--cache-from", cache]
    assert told("podman", cache_from=(cache,), cache_to=(cache,)) == [
        "--cache-from", repository, "--cache-to", repository,
    ]  # fmt: skip
    assert list(unsupported_keys("podman", BUILD._replace(cache_from=(cache,)))) == []


def test_places_become_options() -> None:
    places = PLACES._replace(
        secrets={"npm": "src=/tmp/secret"},
        contexts={"x": "/x"},
        base="registry/a@sha256:0",
        ignore="/x.dockerignore",
    )
    both = ["--build-arg", "COMPOSE2FARGATE_BASE=registry/a@sha256:0", "--secret", "id=npm,src=/tmp/secret"]
    context = ["--build-context", "x=/x"]
    assert told("docker", places) == [*both, *context]
    assert told("buildah", places) == [*both, *context, "--ignorefile", "/x.dockerignore"]


def test_a_credential_is_not_on_the_command_line() -> None:
    (step,) = build_steps(
        Builder("docker", "docker"), BUILD._replace(args={"NPM_TOKEN": "x1y2"}), (REFERENCE,), PLACES
    )
    assert "x1y2" not in " ".join(step.arguments)
    assert step.environment == {"NPM_TOKEN": "x1y2"}
