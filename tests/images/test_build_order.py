"""Images that derive from others: files of the project over a service's own image, or over somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from compose2fargate.aws.image_build import BASE_ARG, ContextFile, ImageBuild, PushedImage
from compose2fargate.images.build_order import outdated_images
from compose2fargate.images.builders import Builder
from compose2fargate.images.push_images import (
    BuildSettings,
    PushOutcome,
    RegistryAccess,
    build_and_push,
    match_registry,
    prepare_images,
)
from tests.images.conftest import Push, values

DOCKERFILE = f"ARG {BASE_ARG}\nFROM ${{{BASE_ARG}}}\nCOPY nginx.conf /etc/nginx/\n"


@pytest.fixture
def builds(push: Push) -> tuple[ImageBuild, ...]:
    context = push.folder / "web"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    (push.folder / "nginx.conf").write_text("1")
    file = ContextFile(str(push.folder / "nginx.conf"), "nginx.conf")
    web = ImageBuild("web", "shop/web", "", "linux/amd64", str(context))
    derived = web._replace(context=None, dockerfile_text=DOCKERFILE, base="web", files=(file,))
    proxy = derived._replace(
        service="proxy", repository="shop/proxy", base=None, args={BASE_ARG: "nginx:1.27"}
    )
    return (derived, proxy, web)


def run(push: Push, builds: tuple[ImageBuild, ...], lock: Mapping[str, PushedImage]) -> PushOutcome:
    access = RegistryAccess(push.registry.host, insecure=True)
    wanted = prepare_images(builds, str(push.folder))
    settled = match_registry(wanted, lock, access, {})
    how = BuildSettings(Builder("docker", str(push.bin / "docker")), access, 2, push.environment(), {})
    done = build_and_push(wanted, settled, how, lambda _event: None)
    return PushOutcome({**settled, **done.pushed}, done.failures)


def test_a_derived_image_is_built_from_the_pushed_base(push: Push, builds: tuple[ImageBuild, ...]) -> None:
    done = run(push, builds, {})
    assert done.failures == ()
    assert sorted(done.pushed) == ["proxy", "web", "web+files"]
    own, derived = done.pushed["web"], done.pushed["web+files"]
    assert derived.tag == f"{own.tag}-files"
    assert derived.repository == own.repository
    by_tag = {values(b, "--tag")[0].rpartition(":")[2]: b for b in push.builds}
    base = f"{push.registry.host}/shop/web@{own.digest}"
    assert values(by_tag[derived.tag], "--build-arg") == [f"{BASE_ARG}={base}"]
    assert values(by_tag[done.pushed["proxy"].tag], "--build-arg") == [f"{BASE_ARG}=nginx:1.27"]
    (file,) = values(by_tag[derived.tag], "--file")
    assert by_tag[derived.tag]["read"][file][0] == DOCKERFILE


def test_nothing_is_built_twice(push: Push, builds: tuple[ImageBuild, ...]) -> None:
    lock = run(push, builds, {}).pushed
    push.registry.requests.clear()
    assert run(push, builds, lock).pushed == lock
    assert len(push.builds) == len(push.registry.requests) == 3


def test_a_changed_file_builds_what_copies_it(
    push: Push, builds: tuple[ImageBuild, ...], tmp_path: Path
) -> None:
    lock = run(push, builds, {}).pushed
    (push.folder / "nginx.conf").write_text("2")
    assert [finding.message.split()[6] for finding in outdated_images(builds, lock)] == ["proxy", "web+files"]
    changed = run(push, builds, lock).pushed
    assert {key for key in lock if changed[key] != lock[key]} == {"proxy", "web+files"}


def test_a_changed_base_builds_what_is_on_top(push: Push, builds: tuple[ImageBuild, ...]) -> None:
    lock = run(push, builds, {}).pushed
    (push.folder / "web" / "app").write_text("new")
    changed = run(push, builds, lock).pushed
    assert {key for key in lock if changed[key] != lock[key]} == {"web", "web+files"}
